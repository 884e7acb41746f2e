"""Input checks that every module shares, with messages that name the axes.

Each returns the checked value, so that a function reads `query = vectors(query, "query", ...)`.
Errors name the public function that the user called. A taped value is looked at as the array that
it holds, and handed on as it is. Single numbers, flags, words and seeds stand in `options.py`.
"""

import math
from collections.abc import Iterator, Mapping, Sequence, Set
from types import ModuleType
from typing import Any

import numpy as np

from tokenlab.arrays import is_taped, shared_library, stop
from tokenlab.errors import DTypeError, InvalidInput, ShapeError, public_caller
from tokenlab.options import (
    LARGEST,
    axis,
    byte_string,
    choice,
    collection,
    count,
    fix_of_no_array,
    fix_of_type,
    flag,
    function,
    generator,
    holding,
    instance,
    integer,
    mapping,
    not_negative,
    number,
    of_tensors,
    offering,
    one_or_more_texts,
    pair,
    positive,
    sequence,
    share,
    shown,
    span,
    text,
    texts,
    whole,
)

__all__ = [
    "array",
    "axis",
    "booleans",
    "byte_string",
    "choice",
    "collection",
    "count",
    "finite",
    "flag",
    "floats",
    "function",
    "generator",
    "holding",
    "instance",
    "integer",
    "integers",
    "labels",
    "log_probs",
    "mapping",
    "not_negative",
    "number",
    "offering",
    "offsets",
    "one_or_more_texts",
    "pair",
    "positive",
    "room",
    "runs",
    "same_width",
    "sequence",
    "shaped",
    "share",
    "span",
    "text",
    "texts",
    "vectors",
    "weights",
    "whole",
    "within",
]

INT = np.dtype(np.int64)
USUAL = {np.dtype(np.float32), np.dtype(np.float64)}  # floats that need no conversion
SMALL = 1 << 14  # entries that are looked at one by one, which is faster for a few


def floats(x: Any, name: str, xp: ModuleType) -> Any:
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
    x = laid(x, name, xp)
    return xp.ascontiguousarray(x) if x.ndim and not is_taped(x) else x


def laid(x: Any, name: str, xp: ModuleType) -> Any:
    """The same in whatever order it lies in memory: a transpose of a large matrix stays one."""
    x = array(x, name, xp)
    if x.dtype.kind in "iu":
        x = x.astype(xp.float32 if x.dtype.itemsize <= 2 else xp.float64)
    elif x.dtype == np.float16:
        x = x.astype(xp.float32)
    elif x.dtype not in (np.float32, np.float64):
        raise DTypeError(
            f"{public_caller()}: {name} has dtype {x.dtype}; expected real numbers "
            f"(float16, float32, float64 or integers). {fix_of_type(x, 'numpy.float32')}"
        )
    return x


def array(x: Any, name: str, xp: ModuleType) -> Any:
    """`x` as an array of whatever type, in this machine's byte order, when that loses nothing."""
    if (type(x) is np.ndarray and x.dtype.isnative) or is_taped(x):
        return x
    parts = x if isinstance(x, list | tuple) else (x,)
    if any(np.ma.isMaskedArray(part) and np.ma.is_masked(part) for part in parts):
        raise DTypeError(
            f"{public_caller()}: {name} has masked entries, which would be lost. "
            "Drop those rows, or fill them with x.filled(value)."
        )
    if x is None or isinstance(x, str | bytes | Mapping | Set | Iterator):
        raise DTypeError(
            f"{public_caller()}: {name} is {shown(x)}; expected an array.{fix_of_no_array(x)}"
        )
    try:
        x = xp.asarray(x)
    except ValueError as error:  # a ragged nested list
        raise ShapeError(f"{public_caller()}: {name} is not a regular array ({error}).") from None
    except Exception as error:  # whatever an object that claims to be an array may raise
        raise DTypeError(
            f"{public_caller()}: {name} cannot be read as an array ({error}).{of_tensors(x)}"
        ) from error
    return x if x.dtype.isnative else x.astype(x.dtype.newbyteorder("="))


def finite(x: Any, name: str, xp: ModuleType) -> Any:
    """Return `x`, or raise `InvalidInput` and say where the first NaN or infinity stands."""
    inside = stop(x)
    if inside.size < SMALL:
        if xp.count_nonzero(xp.isfinite(inside)) == inside.size:
            return x
    else:  # squares that add up to a finite number are finite; this needs no second array
        with np.errstate(over="ignore", invalid="ignore"):
            flat = inside.ravel(order="K")
            if math.isfinite(flat.dot(flat)):
                return x
    bad = ~xp.isfinite(inside)
    if bool(bad.any()):
        first = [int(i[0]) for i in xp.nonzero(bad)] if bad.ndim else []
        raise InvalidInput(
            f"{public_caller()}: {name} has {int(bad.sum())} values that are not "
            f"finite, the first at {first}: {float(inside[tuple(first)])}. Remove or replace them, "
            "for example with numpy.nan_to_num."
        )
    return x


def shaped(x: Any, name: str, axes: Sequence[str]) -> Any:
    """Return `x`, or raise `ShapeError` unless it has exactly these named axes."""
    if x.ndim != len(axes):
        raise ShapeError(
            f"{public_caller()}: {name} is {x.shape}, {x.ndim} axes; expected {len(axes)}: "
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


def integers(x: Any, name: str, xp: ModuleType) -> Any:
    """Return `x` as an int64 array; floats, booleans, objects and masks raise `DTypeError`."""
    if type(x) is np.ndarray and x.dtype == INT and x.flags.c_contiguous:
        return x
    x = array(x, name, xp)
    if x.size == 0 and x.dtype == np.float64:  # an empty list has no type of its own
        x = x.astype(xp.int64)
    if x.dtype.kind not in "iu":
        raise DTypeError(
            f"{public_caller()}: {name} has dtype {x.dtype}; expected integers. "
            f"{fix_of_type(x, 'numpy.int64')}"
        )
    if x.dtype == np.uint64 and x.size and int(x.max()) > LARGEST:
        raise InvalidInput(
            f"{public_caller()}: {name} goes up to {int(x.max())}, which no int64 holds; expected "
            f"at most {LARGEST}."
        )
    x = x.astype(xp.int64, copy=False)
    return xp.ascontiguousarray(x) if x.ndim else x


def booleans(x: Any, name: str, xp: ModuleType) -> Any:
    """Return `x` as an array of booleans; numbers raise, since 0.5 or -1 could mean anything."""
    x = array(x, name, xp)
    if x.dtype != bool:
        raise DTypeError(
            f"{public_caller()}: {name} has dtype {x.dtype}; expected booleans, True "
            f"for what counts. Convert it with {name} != 0."
        )
    return x


def within(x: Any, name: str, limit: int, axis: str, of: str = "") -> None:
    """Raise `InvalidInput` unless all positions are in `0 .. limit - 1`."""
    # Read without its sign a negative number is larger than all limits: one pass, not two.
    if x.size and int(x.view(f"u{x.dtype.itemsize}").max()) >= limit:
        low, high = int(x.min()), int(x.max())
        length = f", the length of {of}" * bool(of)
        raise InvalidInput(
            f"{public_caller()}: {name} runs from {low} to {high}; {axis} is {limit}{length}, "
            f"so positions are 0 to {limit - 1}. Drop what stands for nothing, such as the -1 of "
            "some indexes or the -100 of some data sets."
        )


def offsets(x: Any, name: str, n_tokens: int, xp: ModuleType, of: str = "tokens") -> Any:
    """Return `x` as int64 offsets: they start at 0, never go down, and end at `n_tokens`."""
    x = shaped(integers(x, name, xp), name, ("n_docs + 1",))
    if x.size == 0 or int(x[0]) != 0 or int(x[-1]) != n_tokens:
        ends = "empty" if x.size == 0 else f"from {int(x[0])} to {int(x[-1])}"
        raise InvalidInput(
            f"{public_caller()}: {name} is {ends}; expected to start at 0 and to end at n_tokens = "
            f"{n_tokens}, the length of {of}. Document i owns the rows {name}[i]:{name}[i + 1]."
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


def runs(x: Any, ends: Any) -> tuple[Any, Any]:
    """The library, and checked offsets of runs of the rows of `x`."""
    xp = shared_library([x, ends], ["x", "offsets"])
    if x.ndim == 0:
        raise ShapeError(f"{public_caller()}: x is a single number; expected (n, ...).")
    return xp, offsets(ends, "offsets", len(x), xp, of="x")


def room(out: Any, name: str, shape: tuple[int, ...], like: Any, axes: str) -> Any:
    """Return `out`, an array of this shape and of the library and type of another, to write into."""
    fits = type(out) is type(like) and out.shape == shape and out.dtype == like.dtype
    if not fits or not getattr(out.flags, "writeable", True):
        came = f"{out.shape} of {out.dtype}" if hasattr(out, "dtype") else shown(out)
        raise ShapeError(
            f"{public_caller()}: {name} is {came}; expected an array that can be written into, "
            f"{axes} = {shape} of {like.dtype}."
        )
    return out


def labels(x: Any, name: str, xp: ModuleType, *, n: int, limit: int, axis: str = "vocab") -> Any:
    """Return `x` as int64 `(n,)`: for each of `n` rows one position in `0 .. limit - 1`."""
    x = shaped(integers(x, name, xp), name, ("n",))
    if len(x) != n:
        raise ShapeError(
            f"{public_caller()}: {name} is {x.shape} = (n,); expected n = {n}, one for each row."
        )
    within(x, name, limit, axis)
    return x


def weights(x: Any, name: str, xp: ModuleType) -> Any:
    """Return `x (..., n)` as floats to draw from: finite, none below 0, no row of zeros alone."""
    x = finite(floats(x, name, xp), name, xp)
    if x.ndim == 0 or x.shape[-1] == 0:
        raise ShapeError(f"{public_caller()}: {name} is {x.shape}; expected (..., n) with n >= 1.")
    low = float(x.min()) if x.size else 0.0
    if low < 0:
        raise InvalidInput(
            f"{public_caller()}: {name} goes down to {low:g}; expected weights of at least 0."
            " Logarithms become weights by numpy.exp(x - x.max())."
        )
    total = x.sum(axis=-1, dtype=xp.float64)
    wrong = xp.nonzero(~((total > 0) & xp.isfinite(total)).reshape(-1))[0]
    if wrong.size:
        i = int(wrong[0])
        raise InvalidInput(
            f"{public_caller()}: {name} adds up to {float(total.reshape(-1)[i]):g}"
            + f" in row {i}" * (x.ndim > 1)
            + "; expected a finite sum above 0, so that something can be drawn."
        )
    return x


def log_probs(x: Any, name: str, xp: ModuleType, *, whole: bool = False) -> Any:
    """Return `x` as floats of at most 0, `-inf` included; with `whole`, rows of sum one.

    0.001 is allowed for what was rounded: float32 logits of a thousand are no better.
    """
    x = floats(x, name, xp)
    high = float(x.max()) if x.size else 0.0  # NaN where there is one
    if not high <= 1e-3:
        raise InvalidInput(
            f"{public_caller()}: {name} goes up to {high:g}; expected log-probabilities, which are "
            "at most 0. Probabilities become such by numpy.log, logits by "
            "tokenlab.numerics.log_softmax."
        )
    if whole and x.size:
        total = xp.exp(x.astype(xp.float64)).sum(axis=-1)
        worst = float(total.reshape(-1)[int(xp.abs(total - 1).argmax())])
        if not abs(worst - 1) <= 1e-2:
            raise InvalidInput(
                f"{public_caller()}: the probabilities of a row of {name} add up to {worst:g}; "
                "expected 1. tokenlab.numerics.log_softmax makes logits such rows."
            )
    return x
