"""An assignment as cells: percent scripts, notebooks, and solutions cut out of them."""

import json
import re
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tokenlab.assignments import forms
from tokenlab.errors import InvalidInput

__all__: list[str] = []

EMPTY: dict[str, Any] = {"execution_count": None, "outputs": []}
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
CUT = re.compile(r"#\s?%%|# In\[[\d ]*\]:")  # the second is how Jupyter exports a cell
HEADING = re.compile(r"^#+ Task (?P<number>\S+) \((?P<points>\d+) points?\): (?P<title>.*)$", re.M)


class Cell(NamedTuple):
    """One cell; `line` is where its text begins in the file, `place` names it in a notebook."""

    kind: str  # "code" or "markdown"
    text: str
    line: int = 1
    place: str = ""


def read(path: Path) -> list[Cell]:
    """The cells of a script or of a notebook."""
    return from_bytes(path.read_bytes(), str(path))


def from_bytes(data: bytes, name: str) -> list[Cell]:
    """The cells of a script or of a notebook, by the end of its name."""
    if not name.lower().endswith(".ipynb"):
        return script_cells(forms.decode(data, name))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = ""  # no notebook, then
    return notebook_cells(text, name)


def script_cells(text: str) -> list[Cell]:
    """Cut a percent script at its `# %%` lines; a script without them is one cell.

    A `# %%` inside of a string is none of them. Where a bracket or string is never closed, every
    such line cuts: the mistake then costs one cell.
    """
    cells, kind, lines, start = [], "code", list[str](), 1
    all_lines = forms.lines(text)
    begins, closed = forms.beginnings(all_lines)

    def close() -> None:
        body, is_text = "\n".join(lines), kind == "markdown"
        # Python runs what is no comment, whatever the cell is called.
        is_text = is_text and all(line.startswith("#") or not line.strip() for line in lines)
        if is_text:
            body = re.sub(r"^# ?", "", body, flags=re.M)
        if body.strip():
            skipped = len(body) - len(body.lstrip("\n"))
            name = "markdown" if is_text else "code"
            cells.append(Cell(name, body.strip("\n"), start + skipped))

    for number, line in enumerate(all_lines, start=1):
        if CUT.match(line) and (begins[number - 1] or not closed):
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
        cells = [
            (str(cell["cell_type"]), cell["source"] if isinstance(cell["source"], str)
             else "".join(cell["source"]))
            for cell in json.loads(text)["cells"]
        ]  # fmt: skip
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InvalidInput(f"{name} is not a notebook that can be read. Save it again.") from None
    found, n_code = [], 0
    for kind, body in cells:
        if kind == "code":
            n_code += 1
            body = forms.plain(body)
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
            "source": re.findall(r"[^\n]*\n|[^\n]+", cell.text),
        }
        written.append(entry | (EMPTY if cell.kind == "code" else {}))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    about = {"kernelspec": kernel, "language_info": {"name": "python"}}
    book = {"cells": written, "metadata": about, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(book, indent=1, ensure_ascii=False) + "\n"


def solution(text: str) -> str:
    """The source without its markers: the right answer."""
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    return "".join(line for line in lines if line.strip() not in (BEGIN, END))


def stub(text: str) -> str:
    """The source with every marked part replaced by `raise NotImplementedError("Task 1.2")`."""
    kept, number, inside = [], "", False
    for line in re.findall(r"[^\n]*\n|[^\n]+", text):
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
