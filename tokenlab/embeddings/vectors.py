"""What papers on word vectors share: directions, orthonormal axes, rows by number."""

from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arrays import get_xp, on_host
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.numerics import unit

__all__: list[str] = []


def directions(x: Any, name: str) -> Any:
    """Rows of length one; a row of zeros has no direction."""
    return unit(with_direction(x, name))  # (n, d)


def with_direction(x: Any, name: str) -> Any:
    """The same rows, none of which is zeros."""
    # Not only of length 0 by rounding: tiny rows have a direction, and `unit` finds it.
    zero = get_xp(x).nonzero(~x.any(axis=1))[0]
    if zero.size:
        raise InvalidInput(
            f"{public_caller()}: {name} has {zero.size} rows of zeros, the first at row "
            f"{int(zero[0])}; expected vectors with a direction."
        )
    return x


def orthonormal(basis: Any, name: str) -> Any:
    """Rows of length one and at right angles, up to rounding."""
    xp = get_xp(basis)
    # Rounding of float32 is let through, a row of another length is not.
    # (k, k): the identity for such rows.
    off = float(xp.abs(basis @ basis.T - xp.eye(len(basis))).max())
    if off > 1e-4:
        raise InvalidInput(
            f"{public_caller()}: {name} is not orthonormal: its products differ from the identity "
            f"by {off:.2g}. numpy.linalg.qr(basis.T)[0].T makes such rows of independent ones."
        )
    return basis  # (k, d)


def rows_of(rows: Any, name: str, n: int, xp: Any = np) -> Any:
    """Row numbers as an array of the library; none is outside."""
    if isinstance(rows, str) or not hasattr(rows, "__len__"):
        raise InvalidInput(
            f"{public_caller()}: {name} is {type(rows).__name__}; expected row numbers."
        )
    # An empty list has no type of its own.
    found = checks.integers(on_host(rows), name, np)
    # A negative number would count from the end.
    if found.ndim != 1 or (found.size and not 0 <= found.min() <= found.max() < n):
        raise InvalidInput(
            f"{public_caller()}: {name} has rows {found.tolist()[:6]}; expected numbers from 0 to "
            f"{n - 1}."
        )
    return xp.asarray(found)


def row_sets(sets: Any, name: str, n: int, xp: Any = np, *, least: int = 2) -> list[Any]:
    """Sets of row numbers, none with too few or with one row twice."""
    listed = isinstance(sets, list | tuple | np.ndarray) and getattr(sets, "ndim", 1) > 0
    if not listed:
        raise InvalidInput(
            f"{public_caller()}: {name} is {type(sets).__name__}; expected a list of lists of row "
            "numbers."
        )
    found = [rows_of(rows, name, n) for rows in sets]
    # The same row twice would count as two words that never differ.
    for rows in found:  # each (size,)
        if len(np.unique(rows)) < max(least, len(rows)):
            raise InvalidInput(
                f"{public_caller()}: {name} has {rows.tolist()}; expected at least {least} "
                "different rows in each."
            )
    return [xp.asarray(rows) for rows in found]
