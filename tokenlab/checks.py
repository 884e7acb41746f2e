"""Input checks that every module shares, with messages that name the axes.

Each returns the checked value, so that a function reads `query = vectors(query, "query", ...)`.
Errors name `function`, or without it the public function that the caller called. A taped value is
looked at as the array that it holds, and handed on as it is.
"""

import math
import numbers
import operator
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np

from tokenlab.arrays import is_taped, stop
from tokenlab.errors import DTypeError, InvalidInput, ShapeError, public_caller

__all__ = [
    "booleans",
    "choice",
    "count",
    "finite",
    "floats",
    "integers",
    "offsets",
    "positive",
    "same_width",
    "shaped",
    "share",
    "vectors",
    "within",
]

USUAL = {np.dtype(np.float32), np.dtype(np.float64)}  # floats that need no conversion

SMALL = 1 << 14  # entries that are looked at one by one, which is faster for a few


def floats(x: Any, name: str, xp: ModuleType, function: str = "") -> Any:
    r"""Return `x` as a C-ordered float32 or float64 array.

    float32 and float64 stay as they are. float16 and integers of at most 16 bits are widened to
    float32, larger integers to float64: every such value is kept exactly, up to $2^{53}$.

    Raises
    ------
    DTypeError
        For objects, text, complex numbers, booleans, and masked arrays with masked entries.
    """
    if type(x) is np.ndarray and x.dtype in USUAL and x.flags.c_contiguous:
        return x
    x = _array(x, name, xp, function)
    if x.dtype.kind in "iu":
        x = x.astype(xp.float32 if x.dtype.itemsize <= 2 else xp.float64)
    elif x.dtype == np.float16:
        x = x.astype(xp.float32)
    elif x.dtype not in (np.float32, np.float64):
        raise DTypeError(
            f"{function or public_caller()}: {name} has dtype {x.dtype}; expected real numbers "
            "(float16, float32, float64 or integers). Convert it with x.astype(numpy.float32)."
        )
    return xp.ascontiguousarray(x) if x.ndim and not is_taped(x) else x


def _array(x: Any, name: str, xp: ModuleType, function: str = "") -> Any:
    """`x` as an array of whatever type, when that loses nothing."""
    if is_taped(x):
        return x
    if np.ma.isMaskedArray(x) and np.ma.is_masked(x):
        raise DTypeError(
            f"{function or public_caller()}: {name} has masked entries, which would be lost. "
            "Drop those rows, or fill them with x.filled(value)."
        )
    try:
        return xp.asarray(x)
    except ValueError as error:  # a ragged nested list
        where = function or public_caller()
        raise ShapeError(f"{where}: {name} is not a regular array ({error}).") from None


def finite(x: Any, name: str, xp: ModuleType, function: str = "") -> Any:
    """Return `x`, or raise `InvalidInput` and say where the first NaN or infinity stands."""
    inside = stop(x)
    if inside.size < SMALL:
        if xp.count_nonzero(xp.isfinite(inside)) == inside.size:
            return x
    else:  # squares that add up to a finite number are finite; this needs no second array
        with np.errstate(over="ignore", invalid="ignore"):
            flat = inside.ravel()
            if math.isfinite(flat.dot(flat)):
                return x
    bad = ~xp.isfinite(inside)
    if bool(bad.any()):
        first = [int(i[0]) for i in xp.nonzero(bad)]
        raise InvalidInput(
            f"{function or public_caller()}: {name} has {int(bad.sum())} values that are not "
            f"finite, the first at {first}: {float(inside[tuple(first)])}. Remove or replace them, "
            "for example with numpy.nan_to_num."
        )
    return x


def shaped(x: Any, name: str, axes: Sequence[str], function: str = "") -> Any:
    """Return `x`, or raise `ShapeError` unless it has exactly these named axes."""
    if x.ndim != len(axes):
        raise ShapeError(
            f"{function or public_caller()}: {name} is {x.shape}, {x.ndim} axes; "
            f"expected {len(axes)}: "
            f"({', '.join(axes)}{',' if len(axes) == 1 else ''})."
            + {-1: " For a single vector pass x[None, :].", 1: " For several pass list(x)."}.get(
                x.ndim - len(axes) if len(axes) == 2 else 0, ""
            )
        )
    return x


def vectors(x: Any, name: str, rows: str, xp: ModuleType, *, at_least: int = 0) -> Any:
    """Return `x` as a finite float matrix `(rows, d)` with `d >= 1` and enough rows."""
    x = finite(shaped(floats(x, name, xp), name, (rows, "d")), name, xp)
    if x.shape[0] < at_least or x.shape[1] < 1:
        raise ShapeError(
            f"{public_caller()}: {name} is {x.shape} = ({rows}, d); expected {rows} >= {at_least} "
            "and d >= 1."
        )
    return x


def same_width(a: Any, a_name: str, a_rows: str, b: Any, b_name: str, b_rows: str) -> None:
    """Raise `ShapeError` unless two matrices of vectors have the same width `d`."""
    if a.shape[1] != b.shape[1]:
        raise ShapeError(
            f"{public_caller()}: {a_name} is {a.shape} = ({a_rows}, d), so d = {a.shape[1]}, but "
            f"{b_name} is {b.shape} = ({b_rows}, d) with d = {b.shape[1]}. "
            "Both must come from the same encoder."
        )


def count(k: Any, name: str, *, at_least: int = 1) -> int:
    """Return `k` as an `int`, or raise `InvalidInput` when it is no integer or too small."""
    try:
        if isinstance(k, bool | np.bool_):
            raise TypeError
        k = operator.index(k)
    except TypeError:
        raise InvalidInput(
            f"{public_caller()}: {name} is {k!r}; expected an integer of at least {at_least}."
        ) from None
    if k < at_least:
        raise InvalidInput(f"{public_caller()}: {name} is {k}; expected at least {at_least}.")
    return k


def positive(x: Any, name: str) -> float:
    """Return `x` as a `float`, or raise `InvalidInput` unless it is a finite number above 0."""
    number = isinstance(x, numbers.Real) and not isinstance(x, bool)
    if not number or not 0 < x < math.inf:
        raise InvalidInput(f"{public_caller()}: {name} is {x!r}; expected a number above 0.")
    return float(x)


def integers(x: Any, name: str, xp: ModuleType, function: str = "") -> Any:
    """Return `x` as an int64 array; floats, booleans, objects and masks raise `DTypeError`."""
    x = _array(x, name, xp, function)
    if x.size == 0 and x.dtype == np.float64:  # an empty list has no type of its own
        x = x.astype(xp.int64)
    if x.dtype.kind not in "iu":
        raise DTypeError(
            f"{function or public_caller()}: {name} has dtype {x.dtype}; expected integers. "
            "Convert it with x.astype(numpy.int64)."
        )
    x = x.astype(xp.int64, copy=False)
    return xp.ascontiguousarray(x) if x.ndim else x


def booleans(x: Any, name: str, xp: ModuleType, function: str = "") -> Any:
    """Return `x` as an array of booleans; numbers raise, since 0.5 or -1 could mean anything."""
    x = _array(x, name, xp, function)
    if x.dtype != bool:
        raise DTypeError(
            f"{function or public_caller()}: {name} has dtype {x.dtype}; expected booleans, True "
            f"for what counts. Convert it with {name} != 0."
        )
    return x


def choice(x: Any, name: str, options: Sequence[Any]) -> Any:
    """Return `x`, or raise `InvalidInput` unless it is one of the options."""
    if not any(x is option or (isinstance(x, str) and x == option) for option in options):
        words = [f'"{option}"' if isinstance(option, str) else repr(option) for option in options]
        named = ", ".join(words[:-1]) + " or " * (len(words) > 1) + words[-1]
        raise InvalidInput(f"{public_caller()}: {name} is {x!r}; expected one of {named}.")
    return x


def share(x: Any, name: str) -> float:
    """Return `x` as a `float`, or raise `InvalidInput` unless it is a number from 0 to 1."""
    number = isinstance(x, numbers.Real) and not isinstance(x, bool)
    if not number or not 0 <= x <= 1:
        raise InvalidInput(f"{public_caller()}: {name} is {x!r}; expected a number from 0 to 1.")
    return float(x)


def within(x: Any, name: str, limit: int, axis: str) -> None:
    """Raise `InvalidInput` unless all positions are in `0 .. limit - 1`."""
    if x.size == 0:
        return
    low, high = int(x.min()), int(x.max())
    if low < 0 or high >= limit:
        raise InvalidInput(
            f"{public_caller()}: {name} runs from {low} to {high}; {axis} is {limit}, so positions "
            f"are 0 to {limit - 1}. Drop the -1 that some indexes write for a missing result."
        )


def offsets(x: Any, name: str, n_tokens: int, xp: ModuleType) -> Any:
    """Return `x` as int64 offsets: they start at 0, never go down, and end at `n_tokens`."""
    x = shaped(integers(x, name, xp), name, ("n_docs + 1",))
    if x.size == 0 or int(x[0]) != 0 or int(x[-1]) != n_tokens:
        ends = "empty" if x.size == 0 else f"from {int(x[0])} to {int(x[-1])}"
        raise InvalidInput(
            f"{public_caller()}: {name} is {ends}; expected to start at 0 and to end at n_tokens = "
            f"{n_tokens}. Document i owns the rows {name}[i]:{name}[i + 1]."
        )
    down = xp.nonzero(x[1:] < x[:-1])[0]
    if down.size:
        i = int(down[0])
        raise InvalidInput(
            f"{public_caller()}: {name} goes down from {int(x[i])} to {int(x[i + 1])} at position "
            f"{i + 1}; expected offsets that never go down. They are running sums of lengths: "
            "numpy.concatenate([[0], numpy.cumsum(lengths)])."
        )
    return x
