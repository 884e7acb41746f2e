"""The page on citing, and the BibTeX file, from the registry of papers."""

from __future__ import annotations

import re
from pathlib import Path

import tokenlab
from docs.markdown import fenced
from tokenlab.papers import PAPERS, Paper

JOURNALS = ("IJCV", "TMLR", "TACL", "JMLR")
SPECIAL = str.maketrans({c: f"\\{c}" for c in "&%$#_"})
INTRODUCTION = """# Citing

Cite the paper whose method you use. `tokenlab papers NAME` prints what one claims, and where
the module differs from it. All entries below in one file: [papers.bib](papers.bib).

If the library itself mattered to your work, name it with its version, because numbers depend on
it:
"""


def write(docs: Path) -> Path:
    """Write citing.md and papers.bib."""
    entries = [bibtex(paper) for paper in PAPERS]
    (docs / "papers.bib").write_text("\n\n".join(entries) + "\n", encoding="utf-8")
    parts = [INTRODUCTION, fenced(software(), "bibtex"), "## The papers\n"]
    for paper, entry in zip(PAPERS, entries, strict=True):
        parts += [f"### {paper.title}\n", f"`{paper.module}`\n", fenced(entry, "bibtex")]
    page = docs / "citing.md"
    page.write_text("\n".join(parts), encoding="utf-8")
    return page


def software() -> str:
    """The entry of the library itself."""
    return (
        "@software{tokenlab,\n"
        "  title = {{tokenlab}: token-level papers as readable {NumPy} modules},\n"
        f"  author = {{{{The tokenlab authors}}}},\n  version = {{{tokenlab.__version__}}}\n}}"
    )


def bibtex(paper: Paper) -> str:
    """One entry; what BibTeX would change in a title is protected."""
    fields = {
        "title": "{" + paper.title.translate(SPECIAL) + "}",
        "author": " and ".join(paper.authors.split(", ")).translate(SPECIAL),
        "year": str(paper.year),
    }
    venue = re.sub(r" \d{4}$", "", paper.venue)
    preprint = venue.startswith("arXiv")
    kind = "misc" if preprint else "article" if venue in JOURNALS else "inproceedings"
    if not preprint:
        fields["journal" if kind == "article" else "booktitle"] = paper.venue.translate(SPECIAL)
    archive, _, number = paper.identifier.partition(":")
    if archive == "arXiv":
        fields |= {"eprint": number, "archiveprefix": "arXiv"}
    else:
        fields["note"] = paper.identifier.translate(SPECIAL)
    key = re.sub(r"\W", "_", paper.key.replace("+", "p"))
    lines = [f"  {name} = {{{text}}}" for name, text in fields.items()]
    return f"@{kind}{{{key},\n" + ",\n".join(lines) + "\n}"
