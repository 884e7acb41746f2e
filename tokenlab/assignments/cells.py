"""An assignment as cells: percent scripts, notebooks, and solutions cut out of them."""

import json
import re
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tokenlab.errors import InvalidInput

__all__: list[str] = []

EMPTY: dict[str, Any] = {"execution_count": None, "outputs": []}
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
HEADING = re.compile(r"^#+ Task (?P<number>\S+) \((?P<points>\d+) points?\): (?P<title>.*)$", re.M)


class Cell(NamedTuple):
    """One cell; `line` is where its text begins in the file, `place` names it in a notebook."""

    kind: str  # "code" or "markdown"
    text: str
    line: int = 1
    place: str = ""


def read(path: Path) -> list[Cell]:
    """The cells of a script or of a notebook."""
    text = path.read_text(encoding="utf-8-sig")
    return notebook_cells(text, str(path)) if path.suffix == ".ipynb" else script_cells(text)


def script_cells(text: str) -> list[Cell]:
    """Cut a percent script at its `# %%` lines; a script without them is one cell."""
    cells, kind, lines, start = [], "code", list[str](), 1

    def close() -> None:
        body = "\n".join(lines)
        if kind == "markdown":
            body = re.sub(r"^# ?", "", body, flags=re.M)
        if body.strip():
            skipped = len(body) - len(body.lstrip("\n"))
            cells.append(Cell(kind, body.strip("\n"), start + skipped))

    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("# %%"):
            close()
            kind, lines = "markdown" if "[markdown]" in line else "code", []
            start = number + 1
        else:
            lines.append(line)
    close()
    return cells


def notebook_cells(text: str, name: str) -> list[Cell]:
    """The cells of a notebook; lines for the shell or for IPython become comments."""
    try:
        cells = [(cell["cell_type"], cell["source"]) for cell in json.loads(text)["cells"]]
    except (ValueError, KeyError, TypeError):
        raise InvalidInput(f"{name} is not a notebook that can be read. Save it again.") from None
    found, n_code = [], 0
    for kind, source in cells:
        body = source if isinstance(source, str) else "".join(source)
        if kind == "code":
            n_code += 1
            body = re.sub(r"^(\s*)(?=[%!?])", r"\1pass  # ", body, flags=re.M)
            body = "" if body.startswith("pass  # %%") else body  # a cell of another language
        found.append(Cell(kind, body, place=f"code cell {n_code}" if kind == "code" else ""))
    return found


def to_notebook(cells: Iterable[Cell], metadata: Sequence[dict] = ()) -> str:
    """A notebook as text; `metadata` holds that of each cell, if there is any."""
    written: list[dict[str, Any]] = []
    for i, cell in enumerate(cells):
        entry: dict[str, Any] = {
            "cell_type": cell.kind,
            "id": f"cell-{i}",
            "metadata": metadata[i] if metadata else {},
            "source": cell.text.splitlines(keepends=True),
        }
        written.append(entry | (EMPTY if cell.kind == "code" else {}))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    about = {"kernelspec": kernel, "language_info": {"name": "python"}}
    book = {"cells": written, "metadata": about, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(book, indent=1, ensure_ascii=False) + "\n"


def solution(text: str) -> str:
    """The source without its markers: the right answer."""
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if line.strip() not in (BEGIN, END))


def stub(text: str) -> str:
    """The source with every marked part replaced by `raise NotImplementedError("Task 1.2")`."""
    kept, number, inside = [], "", False
    for line in text.splitlines(keepends=True):
        heading = HEADING.match(line.removeprefix("# "))
        number = heading["number"] if heading else number
        if line.strip() == BEGIN:
            indent = line[: line.index("#")]
            kept.append(f'{indent}raise NotImplementedError("Task {number}")\n')
            inside = True
        elif line.strip() == END:
            inside = False
        elif not inside:
            kept.append(line)
    return "".join(kept)


def replace_function(cells: Sequence[Cell], name: str, text: str) -> list[Cell]:
    """The same cells, but `text` in the place of the one that defines the function `name`."""
    text = textwrap.dedent(text).strip("\n")
    defines = re.compile(rf"^def {name}\(", re.M)
    return [c._replace(text=text) if defines.search(c.text) else c for c in cells]
