"""A recording as a table for the terminal: the first look, with nothing installed but NumPy."""

import shutil
import textwrap
from collections.abc import Sequence

from tokenlab.plots.steps_values import as_array, clip, shape_text, type_text, value_text
from tokenlab.steps import Steps

__all__ = ["format_table"]

# "What it means" comes beside or beneath, as there is room.
HEADER: tuple[str, ...] = ("#", "name", "shape", "type", "values")
GAP = "  "
NO_BREAK = "\xa0"  # keeps an equation in one piece while lines are wrapped


def format_table(steps: Steps, *, width: int | None = None) -> str:
    r"""One row per step: number, name, shape, type, values, and what it means.

    A step that a called function made is indented beneath the function that called it. Where the
    terminal is wide, the meaning is the last column; where it is narrow, the line beneath.

    Parameters
    ----------
    steps : Steps
    width : int or None
        Characters in a line; None asks the terminal.

    Examples
    --------
    >>> from tokenlab.steps import record, step
    >>> with record() as steps:
    ...     _ = step("total", 1 + 1, "one and one", eq="s = a + b")
    >>> print(format_table(steps, width=60))
    #  name   shape  type  values  what it means
    -  -----  -----  ----  ------  ------------------------
    1  total         int   2       one and one  [s = a + b]
    """
    if not len(steps):
        return "No steps were recorded: call a function inside `with record() as steps:`."
    # Into a pipe there is no terminal: 100 columns then.
    width = max(40, width or shutil.get_terminal_size((100, 24)).columns)
    header, rows = HEADER, _rows(steps)
    meanings = [_meaning(item.note, item.eq) for item in steps]
    if _needed(header, rows) > width:  # too narrow: the type moves to the line beneath
        meanings = [f"{row[3]}: {text}" for row, text in zip(rows, meanings, strict=True)]
        header, rows = (*HEADER[:3], HEADER[4]), [(*row[:3], row[4]) for row in rows]
    # Beside the table only if the sentences get a column that one can read.
    sizes = _sizes(header, rows, width)
    left = width - sum(sizes) - len(GAP) * len(sizes)
    beside = left >= min(36, max(map(len, meanings)))
    # Thirteen letters has the heading itself.
    longest = min(left, max(13, *map(len, meanings))) if beside else 0
    lines = [_line(header, sizes) + (GAP + "what it means" if beside else "")]
    lines.append(GAP.join("-" * n for n in [*sizes, longest] if n))
    for row, meaning in zip(rows, meanings, strict=True):
        lines += _entry(row, meaning, sizes, width, left if beside else None)
    return "\n".join(line.rstrip() for line in lines).replace(NO_BREAK, " ")


def _rows(steps: Steps) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for i, (name, item) in enumerate(zip(steps.names, steps, strict=True), start=1):
        array = as_array(item)
        cells = shape_text(item, array), type_text(item, array), value_text(steps, item, array)
        rows.append((str(i), GAP * steps.depth(item) + name, *cells))
    return rows


def _meaning(note: str, eq: str) -> str:
    # Brackets around the equation, as in the comment that it was read from.
    eq = eq.replace(" ", NO_BREAK)
    return f"{note}  [{eq}]".strip() if eq else note


def _needed(header: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """The characters of a line in which nothing is clipped."""
    return sum(_sizes(header, rows, 10**6)) + len(GAP) * (len(header) - 1)


def _sizes(header: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """The width of each column; the widest gives way until all fit."""
    sizes = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    # One letter at a time: of two wide columns both become narrower.
    while sum(sizes) + len(GAP) * (len(sizes) - 1) > width:
        sizes[sizes.index(max(sizes))] -= 1
    return sizes


def _line(cells: Sequence[str], sizes: Sequence[int]) -> str:
    # Numbers stand to the right, all else to the left.
    number, *rest = (clip(cell, size) for cell, size in zip(cells, sizes, strict=True))
    return GAP.join(
        [number.rjust(sizes[0])] + [c.ljust(n) for c, n in zip(rest, sizes[1:], strict=True)]
    )


def _entry(
    row: Sequence[str], meaning: str, sizes: Sequence[int], width: int, beside: int | None
) -> list[str]:
    """The lines of one step: the meaning in a column `beside` characters wide, or beneath."""
    first = _line(row, sizes)
    # Beneath, the meaning is indented as its name is, and two more.
    if beside is None:
        indent = " " * (sizes[0] + len(GAP) + len(row[1]) - len(row[1].lstrip()) + 2)
        return [
            first,
            *textwrap.wrap(meaning, width, initial_indent=indent, subsequent_indent=indent),
        ]
    wrapped = textwrap.wrap(meaning, beside) or [""]
    indent = " " * len(first)
    return [first + GAP + wrapped[0], *(indent + GAP + more for more in wrapped[1:])]
