"""`tokenlab papers`: the list by family, or what there is to say about one paper."""

import importlib
import inspect
import re

from tokenlab.errors import InvalidInput
from tokenlab.papers import FAMILIES, PAPERS, Paper
from tokenlab.tour.terminal import did_you_mean, entries, heading, paragraph

SIGNS = {
    "alpha": "α", "tau": "τ", "rho": "ρ", "lambda": "λ", "epsilon": "ε", "infty": "∞", "cdot": "·",
    "times": "×", "dagger": "⁺", "top": "ᵀ", "lfloor": "⌊", "rfloor": "⌋", "Vert": "‖", "lVert": "‖",
    "rVert": "‖", "le": "≤", "ge": "≥", "sum": "Σ", "in": "∈", "approx": "≈",
}  # fmt: skip
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
        names = (paper.key, paper.name.lower(), paper.steps)
        if wanted in [name.replace("-", "_") for name in names]:
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
        for item in re.split(r"\n(?=- )|\n\s*\n", plain(text)):
            bullet = "- " if item.startswith("- ") else ""
            if item.startswith("|"):
                _table(item)
            else:
                paragraph(item.removeprefix("- "), bullet)


def _table(text: str) -> None:
    """A table of Markdown, row by row: a terminal is too narrow for its columns."""
    rows = [line.strip().strip("|").split("|") for line in text.splitlines()]
    header, *rows = [[cell.strip() for cell in row] for row in rows]
    for row in rows:
        if not all(set(cell) <= set("-: ") for cell in row):  # the line below the header
            paragraph(row[0])
            entries(zip(header[1:], row[1:], strict=False))


def plain(text: str) -> str:
    r"""The formulas between dollars as a terminal can show them.

    Examples
    --------
    >>> plain(r"costs $n_q\,d\,n_{tokens}$, at $\tau = 2$")
    'costs n_q d n_tokens, at τ = 2'
    """
    return re.sub(r"\$+([^$]+)\$+", lambda found: _signs(found[1]), text)


def _signs(formula: str) -> str:
    formula = re.sub(r"\\t?frac\{(\w+)\}\{(\w+)\}", r"\1/\2", formula)
    formula = re.sub(r"\\hat\s*(\w)", "\\1\u0302", formula)  # the hat goes onto the letter
    formula = re.sub(r"\\[,;!]", " ", formula)
    formula = re.sub(r"\\(?:text|mathbb|mathrm)\{(\w+)\}", r"\1", formula)
    formula = re.sub(r"\\([A-Za-z]+)", lambda sign: SIGNS.get(sign[1], sign[1]), formula)
    formula = re.sub(r"\^([⁺ᵀ])|([‖⌊]) | (?=⌋)", r"\1\2", formula)  # what TeX takes along
    formula = re.sub(r"\{(\w+)\}", r"\1", formula)  # n_{tokens}
    formula = re.sub(r"\{([^{}]+)\}", r"(\1)", formula)  # D^{-1/2}
    return re.sub(r" +", " ", formula)


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
