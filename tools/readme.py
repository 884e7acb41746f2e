"""Write the table of papers in README.md from the registry: `python tools/readme.py`."""

from __future__ import annotations

import re
from pathlib import Path

from tokenlab.papers import PAPERS

README = Path(__file__).resolve().parents[1] / "README.md"
BEGIN, END = "<!-- papers -->\n", "<!-- end of papers -->"


def table() -> str:
    """A line for each paper: where it is from, where it is here, and how to watch it."""
    rows = ["| paper | module in `tokenlab` | `tokenlab steps` | state |", "|---|---|---|---|"]
    for p in PAPERS:
        url = "https://arxiv.org/abs/" + p.identifier.removeprefix("arXiv:")
        linked = f"[{p.name}]({url})" if p.identifier.startswith("arXiv:") else p.name
        module = p.module.removeprefix("tokenlab.")
        rows.append(f"| {linked} ({p.venue}) | `{module}` | `{p.steps}` | {p.status} |")
    return "\n".join(rows) + "\n"


def written(text: str) -> str:
    """The README with the table as it should be."""
    pattern = f"({re.escape(BEGIN)}).*?({re.escape(END)})"
    return re.sub(pattern, lambda m: m[1] + table() + m[2], text, flags=re.DOTALL)


if __name__ == "__main__":
    README.write_text(written(README.read_text(encoding="utf-8")), encoding="utf-8")
