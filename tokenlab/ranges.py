r"""The range of floating numbers, for everything that squares, adds up or exponentiates.

A float32 above $1.8 \cdot 10^{19}$ has no square, and one below $10^{-19}$ a square without digits.
What can be scaled is scaled by a power of two, which rounds nothing; what cannot is refused.
"""

import math
from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arrays import get_xp, stop
from tokenlab.errors import InvalidInput, public_caller

__all__: list[str] = []


def ordinary(squares: Any) -> bool:
    """Whether no sum of squares has overflowed, or is so small that some may have vanished."""
    plain = stop(squares)
    limits = np.finfo(plain.dtype)
    return bool(plain.min() > limits.tiny / limits.eps) and bool(plain.max() < np.inf)


def lengths(x: Any) -> Any:
    """The Euclidean length of each row, `(...)`, whether its squares fit or not; 0 for zeros."""
    xp = get_xp(x)
    if x.size == 0:
        return x.sum(axis=-1)
    with np.errstate(over="ignore", under="ignore"):
        squares = (x * x).sum(axis=-1)  # (...)
        if ordinary(squares):
            return xp.sqrt(squares)
        largest = xp.abs(x).max(axis=-1)  # (...), which becomes 1
        x = x / (largest + (largest == 0))[..., None]
        return largest * xp.sqrt((x * x).sum(axis=-1))


def finite_lengths(x: Any, name: str) -> Any:
    """`lengths` of the rows of a matrix, in the one pass that also finds what is not finite."""
    xp = get_xp(x)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        squares = xp.einsum("ni,ni->n", x, x)  # (n,), without a second matrix
        if ordinary(squares):
            return xp.sqrt(squares)
    return lengths(checks.finite(x, name, xp))


def scale_of(*arrays: Any) -> float:
    """The power of two that brings the largest entry near 1; 1 where squares are ordinary."""
    plain = [stop(x) for x in arrays if x.size]
    largest = max((float(get_xp(x).abs(x).max()) for x in plain), default=0.0)
    limits = np.finfo(np.result_type(*(x.dtype for x in arrays)))
    terms = max(x.shape[-1] if x.ndim else 1 for x in arrays)
    low, high = math.sqrt(limits.tiny) / limits.eps, math.sqrt(float(limits.max) / (16 * terms))
    if largest == 0 or low < largest < high:
        return 1.0
    return math.ldexp(1.0, math.frexp(largest)[1] - 1)


def squarable(x: Any, name: str) -> Any:
    """Rows of which no squared distance overflows, and not all of them vanish."""
    limits = np.finfo(x.dtype)
    high = math.sqrt(float(limits.max) / (16 * x.shape[-1]))
    low = math.sqrt(limits.tiny) / limits.eps
    largest = max(float(x.max()), -float(x.min())) if x.size else 0.0
    if 0 < largest < low or largest > high:
        what, fix = ("vanish below", "up") if largest < low else ("overflow beyond", "down")
        raise InvalidInput(
            f"{public_caller()}: {name} has a value of size {largest:.3g}; squared distances "
            f"in {x.dtype} {what} {low if largest < low else high:.3g}. Scale the rows {fix}, or "
            "pass float64."
        )
    return x


def divided(x: Any, scale: float) -> Any:
    """`x / scale` for a power of two; `x` itself where that is 1."""
    if scale == 1:
        return x
    with np.errstate(
        over="ignore"
    ):  # of lanes that hold nothing: some builds of NumPy report those
        return x / x.dtype.type(scale)


def representable(x: Any, what: str, fix: str = "Scale the input down, or pass float64.") -> Any:
    """`x`, which was computed from finite numbers, or an error that says what left the range."""
    inside = stop(x)
    if not bool(get_xp(inside).isfinite(inside).all()):
        raise InvalidInput(
            f"{public_caller()}: {what} of this input overflow {inside.dtype}, which ends at "
            f"{float(np.finfo(inside.dtype).max):.3g}. {fix}"
        )
    return x


def tempered(x: Any, temperature: float, axis: int = -1) -> Any:
    """`x / temperature` less its maximum: 0 for the best and below for the others, never NaN."""
    with np.errstate(over="ignore"):
        return (x - x.max(axis=axis, keepdims=True)) / temperature


def normal(value: float, name: str, dtype: Any) -> float:
    """`value`, or an error where it is so small that in `dtype` it has lost digits, or is 0."""
    least = float(np.finfo(dtype).tiny)
    if value < least:
        raise InvalidInput(
            f"{public_caller()}: {name} is {value:g}; expected at least {least:.3g}, below which "
            f"{dtype} loses its digits. Pass a larger one, or arrays of float64."
        )
    return value
