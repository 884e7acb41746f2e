"""A progress bar for the terminal: one line on stderr, and nothing where nobody watches."""

import sys
import time
from collections.abc import Collection, Iterator
from typing import TextIO, TypeVar

__all__ = ["track"]

T = TypeVar("T")
WIDTH = 24


def track(items: Collection[T], label: str, *, file: TextIO | None = None) -> Iterator[T]:
    """Yield the items and show how far the loop is; the line is erased at the end.

    Parameters
    ----------
    items : collection
        Anything with a length.
    label : str
        What is being done.
    file : text stream
        stderr by default. Nothing is written unless it is a terminal.

    Examples
    --------
    >>> sum(track([1, 2, 3], "adding"))
    6
    """
    file = file or sys.stderr
    if not file.isatty():
        yield from items
        return
    start = shown = time.monotonic()
    for i, item in enumerate(items):
        now = time.monotonic()
        if i == 0 or now - shown > 0.1:
            shown = now
            left = f"{(now - start) / i * (len(items) - i):4.0f} s left" if i else ""
            bar = "█" * (WIDTH * i // len(items))
            file.write(f"\r{label} {bar:·<{WIDTH}} {i}/{len(items)} {left}\x1b[K")
            file.flush()
        yield item
    file.write("\r\x1b[K")
    file.flush()
