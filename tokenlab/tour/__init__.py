"""What `tokenlab tour` shows: one part per family, each on real data that comes with the package.

A part is the module of its family's name. Its `minute(out: Path) -> Minute` is what the short tour
shows: one result, in at most 2.5 seconds. Its `run(out: Path) -> None` prints the whole story.
Both write their pages and pictures to `out`. Nothing is stored: every number is computed while
you watch. Parts are found, in the order in which papers.toml has their families.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tokenlab.papers import FAMILIES

PARTS = tuple(f for f in FAMILIES if f in {m.name for m in pkgutil.iter_modules(__path__)})


class Minute(NamedTuple):
    """One result of a family: six lines of 80 columns at most, its heading included."""

    question: str
    result: str
    terms: str  # what a newcomer may not know, in a line
    page: Path


def run(parts: Sequence[str], out: Path, *, whole: bool = False) -> int:
    """Show the tour, or the whole of some parts of it."""
    from tokenlab.tour import guide

    return guide.show(parts, out, whole=whole)
