"""`tokenlab papers`: the list by family, or what there is to say about one paper."""

import importlib
import inspect
import re

from tokenlab.errors import InvalidInput
from tokenlab.papers import FAMILIES, PAPERS, Paper
from tokenlab.tour.terminal import did_you_mean, entries, heading, paragraph

SECTIONS = ("Differs from the paper", "Cost", "Why not just")


def run(name: str | None) -> int:
    """List the papers, or tell of the one with this key or name."""
    if name is None:
        _list()
    else:
        _tell(_named(name))
    return 0


def _list() -> None:
    paragraph(f"{len(PAPERS)} papers. More about one:  tokenlab papers {PAPERS[0].key}")
    for family in FAMILIES:
        heading(family)
        entries(
            (paper.key, paper.title + (" (planned)" if paper.status == "planned" else ""))
            for paper in PAPERS
            if paper.family == family
        )


def _named(given: str) -> Paper:
    wanted = given.lower().replace("-", "_")
    for paper in PAPERS:
        if wanted in (paper.key, paper.name.lower(), paper.steps.replace("-", "_")):
            return paper
    known = [paper.key for paper in PAPERS]
    raise InvalidInput(f"no paper {given!r}. {did_you_mean(wanted, known)}")


def _tell(paper: Paper) -> None:
    heading(paper.title)
    paragraph(f"{paper.authors}. {paper.venue}. {paper.identifier}")
    print()
    paragraph(paper.claim, "Claims:  ")
    if paper.finding:
        paragraph(paper.finding, "Found:   ")
    paragraph(paper.does, "Here:    ")
    paragraph(paper.module, "Module:  ")
    if paper.steps:
        paragraph(f"tokenlab steps {paper.steps}", "Watch:   ")
    for title, text in sections(notes(paper.module)):
        heading(title)
        for item in re.split(r"\n(?=- )|\n\s*\n", text):
            bullet = "- " if item.startswith("- ") else ""
            paragraph(item.removeprefix("- "), bullet)


def notes(module: str) -> str:
    """What stands behind a module's code, or these sections of its docstring."""
    found = importlib.import_module(module)
    if hasattr(found, "NOTES"):
        return inspect.cleandoc(found.NOTES)
    text = inspect.getdoc(found) or ""
    return "\n\n".join(
        f"{title}\n{'-' * len(title)}\n{body}"
        for title, body in sections(text)
        if title.startswith(SECTIONS)
    )


def sections(text: str) -> list[tuple[str, str]]:
    """Titles that are underlined with hyphens, and what stands below each."""
    parts = re.split(r"^(\S.*)\n-{3,}$", text, flags=re.MULTILINE)
    return [(t, body.strip()) for t, body in zip(parts[1::2], parts[2::2], strict=True)]
