"""Printing for the tour: headings, tables, and folded text of the terminal's width."""

import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence


def width() -> int:
    """Columns of the terminal, 100 at most, so that lines stay readable."""
    return min(100, shutil.get_terminal_size((100, 24)).columns)


def heading(text: str) -> None:
    """A line of text, bold where the terminal can, underlined everywhere."""
    bold, plain = ("\x1b[1m", "\x1b[0m") if sys.stdout.isatty() else ("", "")
    print(f"\n{bold}{text}{plain}\n{'─' * min(width(), len(text))}")


def paragraph(text: str) -> None:
    """Text folded to the terminal's width."""
    print(textwrap.fill(" ".join(text.split()), width()))


def short(text: str, length: int) -> str:
    """The beginning of a text in at most `length` characters."""
    text = " ".join(text.split())
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def table(header: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> None:
    """Aligned columns: the first `left` of them flush left, the others flush right."""
    cells = [list(header), *(list(row) for row in rows)]
    widths = [max(len(row[c]) for row in cells) for c in range(len(header))]
    for r, row in enumerate(cells):
        padded = [
            cell.ljust(w) if c < left else cell.rjust(w)
            for c, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        print("  " + "  ".join(padded).rstrip())
        if r == 0:
            print("  " + "  ".join("─" * w for w in widths))
