"""Printing for the commands: headings, tables, and folded text of the terminal's width."""

import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from difflib import get_close_matches


def width() -> int:
    """Columns of the terminal, 100 at most, so that lines stay readable; 80 in a pipe."""
    return max(20, min(100, shutil.get_terminal_size((80, 24)).columns))


def heading(text: str, *, line: bool = True) -> None:
    """A line of text, bold where the terminal can, and with a line below."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    bold, end = ("\x1b[1m", "\x1b[0m") if sys.stdout.isatty() and not plain else ("", "")
    print(
        f"\n{bold}{textwrap.fill(text, width(), break_long_words=False, break_on_hyphens=False)}{end}"
    )
    if line:
        print("─" * min(width(), len(text)))


def paragraph(text: str, label: str = "") -> None:
    """Text folded to the terminal's width, beside a label if there is one."""
    print(folded(" ".join(text.split()), label))


def folded(text: str, label: str = "") -> str:
    """Text in lines of the terminal's width, the first of them behind a label."""
    wrapper = textwrap.TextWrapper(
        width(),
        initial_indent=label,
        subsequent_indent=" " * len(label),
        break_long_words=False,  # a path stays in one piece
        break_on_hyphens=False,
    )
    return wrapper.fill(text)


def entries(pairs: Iterable[tuple[str, str]]) -> None:
    """Names and what they are, the second beside the first, or below where there is no room."""
    pairs = list(pairs)
    name_width = max((len(name) for name, _ in pairs), default=0)
    for name, text in pairs:
        if width() >= name_width + 30:
            paragraph(text, f"  {name:<{name_width}}  ")
        else:
            print(f"  {name}")
            paragraph(text, "      ")


def short(text: str, length: int) -> str:
    """The beginning of a text in at most `length` characters."""
    text = " ".join(text.split())
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def did_you_mean(given: str, known: Sequence[str]) -> str:
    """A sentence with the nearest names, or with all of them."""
    near = get_close_matches(given.lower(), known, n=2, cutoff=0.6)
    return f"Did you mean {' or '.join(near)}?" if near else f"There are: {', '.join(known)}."


def table(header: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> None:
    """Aligned columns: the first `left` of them flush left, the others flush right.

    Where they do not fit, the widest of the columns of words gives way; where they would become
    too narrow, each row is printed as a sentence.
    """
    cells = [list(header), *(list(row) for row in rows)]
    widths = [max(len(row[c]) for row in cells) for c in range(len(header))]
    room = width() - 2 * len(widths)
    first = min(1, left - 1)  # a name that is to be typed is not cut where there are other words
    while sum(widths) > room and (widest := max(widths[first:left])) > 12:
        widths[widths.index(widest, first)] -= 1
    if sum(widths) > room:
        _sentences(cells)
        return
    for r, row in enumerate(cells):
        padded = [
            (_cut(cell, w).ljust(w) if c < left else cell.rjust(w))
            for c, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        print("  " + "  ".join(padded).rstrip())
        if r == 0:
            print("  " + "  ".join("─" * w for w in widths))


def _cut(cell: str, length: int) -> str:
    return cell if len(cell) <= length else cell[: length - 1] + "…"


def _sentences(cells: list[list[str]]) -> None:
    """Each row as a sentence under its first cell."""
    header, *rows = cells
    for row in rows:
        paragraph(row[0].strip(), "  ")
        cells_of_row = zip(header[1:], row[1:], strict=True)
        paragraph(", ".join(f"{name} {cell.strip()}" for name, cell in cells_of_row), "    ")
