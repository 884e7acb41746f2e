"""A progress bar: one line in a terminal or under a notebook cell, and nothing where nobody looks.

In both places the line is rewritten where it stands, and gone at the end.
"""

import sys
import time
from collections.abc import Callable, Collection, Iterator
from typing import Any, TextIO, TypeVar

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
        By default stderr, or the cell of the notebook that runs this. Nothing is written to a
        stream unless it is a terminal.

    Examples
    --------
    >>> sum(track([1, 2, 3], "adding"))
    6
    """
    show = _notebook_line() if file is None else None
    show = show or _terminal_line(file or sys.stderr)
    if show is None:
        yield from items
        return
    start = shown = time.monotonic()
    try:
        for i, item in enumerate(items):
            now = time.monotonic()
            if i == 0 or now - shown > 0.1:
                shown = now
                left = f"{(now - start) / i * (len(items) - i):4.0f} s left" if i else ""
                bar = "█" * (WIDTH * i // len(items))
                show(f"{label} {bar:·<{WIDTH}} {i}/{len(items)} {left}")
            yield item
    finally:  # also when the loop is left early
        show("")


def _terminal_line(file: TextIO) -> Callable[[str], None] | None:
    """Writes over the line that stands there; None where `file` is no terminal."""
    if not file.isatty():
        return None

    def show(text: str) -> None:
        file.write(f"\r{text}\x1b[K")
        file.flush()

    return show


def _notebook_line() -> Callable[[str], None] | None:
    """Puts a line under the running cell; None outside a notebook. IPython is never imported."""
    ipython: Any = sys.modules.get("IPython")
    shell: Any = ipython.get_ipython() if hasattr(ipython, "get_ipython") else None
    if getattr(shell, "kernel", None) is None:  # a terminal's IPython has none
        return None
    place = ""

    def show(text: str) -> None:
        nonlocal place
        update = bool(place)
        if text or update:
            place = place or f"tokenlab-{time.time_ns()}"
            data = {"text/plain": text} if text else {}
            where = {"display_id": place}
            shell.display_pub.publish(data=data, transient=where, update=update)

    return show
