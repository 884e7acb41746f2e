"""The buckets of a residual: where they end, what stands for each, and how they become bytes.

Parts of `tokenlab.retrieval.codec`, which has the paper.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from tokenlab import bits as packing
from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.errors import InvalidInput, ShapeError, public_caller
from tokenlab.quantization.scalar import Cells, lloyd_max, rises

__all__ = ["bucket_levels", "pack", "unpack"]

BITS = (1, 2, 4, 8)  # a byte holds a whole number of them
BUCKETS = ("lloyd", "quantile", "uniform")


@takes(residuals="...")
def bucket_levels(residuals: Any, bits: int, *, buckets: str = "lloyd") -> tuple[Any, Any]:
    """Where the buckets of a residual end, and the number that stands for each.

    Parameters
    ----------
    residuals : ndarray of any shape
        What was left of tokens; all dimensions share their levels.
    bits : 1, 2, 4 or 8
    buckets : "lloyd", "quantile" or "uniform"
        The levels of least squared error; equal shares, as the paper has them; or equal steps
        about the mean.

    Returns
    -------
    cutoffs : ndarray of shape (2**bits - 1,)
        A number goes to the bucket of as many cutoffs as lie below it.
    levels : ndarray of shape (2**bits,)

    Raises
    ------
    InvalidInput, DTypeError
        Other bits or buckets, no residuals, NaN.

    Examples
    --------
    >>> cutoffs, levels = bucket_levels([-3.0, -1.0, 1.0, 3.0], 1)
    >>> cutoffs.tolist(), levels.tolist()
    ([0.0], [-2.0, 2.0])
    """
    n = 2 ** known_bits(bits)
    checks.choice(buckets, "buckets", BUCKETS)
    if residuals.size == 0:
        raise InvalidInput(f"{public_caller()}: residuals is empty; expected at least one number.")
    xp = get_xp(residuals)
    values = xp.sort(residuals.ravel().astype(xp.float64))
    # Any order of the numbers is as good, and sorted ones are counted by bisection.
    cutoffs, levels = LEVELS[buckets](values, n)
    return cutoffs.astype(residuals.dtype), levels.astype(residuals.dtype)


def quantile_levels(values: Any, n: int) -> tuple[Any, Any]:
    """Equal shares: cutoffs at the quantiles i/n, levels at those halfway, as released."""
    xp = get_xp(values)
    cutoffs = xp.quantile(values, xp.arange(1, n) / n)  # (n - 1,)
    return cutoffs, xp.quantile(values, (xp.arange(n) + 0.5) / n)  # (n,)


def uniform_levels(values: Any, n: int) -> tuple[Any, Any]:
    """Equal steps about the mean, as wide as loses least."""
    xp = get_xp(values)
    cells = Cells(values)
    places = xp.arange(n) - (n - 1) / 2  # (n,), of the levels, in steps from the mean
    mean = values.mean()
    low = 0.0
    high = 2 * float(abs(values - mean).max()) / (n - 1)  # nothing is beyond the last level
    for _ in range(8):  # the best of a few, and then of a few between its neighbours
        widths = np.linspace(low, high, 33)
        errors = [cells.error(mean + width * places) for width in widths]
        best = int(np.argmin(errors))  # few numbers have several dips: no bisection
        low, high = widths[max(best - 1, 0)], widths[min(best + 1, 32)]
    return halfway(mean + float(widths[best]) * places)


def lloyd_levels(values: Any, n: int) -> tuple[Any, Any]:
    """Each level the mean of its numbers: from the other two as starts, the better one."""
    xp = get_xp(values)
    distinct = values[xp.concatenate([xp.ones(1, bool), values[1:] > values[:-1]])]
    if len(distinct) <= n:  # nothing is lost; the last one stands in what is to spare
        return halfway(xp.concatenate([distinct, xp.repeat(distinct[-1:], n - len(distinct))]))
    starts = [make(values, n)[1] for make in (quantile_levels, uniform_levels)]
    fits = [lloyd_max(values, n, init=start) for start in starts if rises(start)]
    # Equal quantiles, of coarse numbers, are no start.
    best = min(fits or [lloyd_max(values, n)], key=lambda fit: fit.mse)
    return halfway(best.levels)


def halfway(levels: Any) -> tuple[Any, Any]:
    """Cutoffs between levels, Eq. (3) of `quantization.scalar`, and the levels."""
    return levels[:-1] / 2 + levels[1:] / 2, levels


LEVELS: dict[str, Callable[[Any, int], tuple[Any, Any]]] = {
    "lloyd": lloyd_levels,
    "quantile": quantile_levels,
    "uniform": uniform_levels,
}


@takes(buckets="... d? int")
def pack(buckets: Any, bits: int) -> Any:
    """Buckets of a few bits each as bytes, the first dimension in the highest bits.

    Parameters
    ----------
    buckets : ndarray of shape (..., d)
        0 to `2**bits - 1`.
    bits : 1, 2, 4 or 8

    Returns
    -------
    ndarray of shape (..., ceil(d * bits / 8))
        uint8, filled up with zeros.

    Raises
    ------
    InvalidInput, DTypeError
        Other bits, or a bucket that they do not hold.

    Examples
    --------
    >>> pack([[1, 15, 2]], 4).tolist()
    [[31, 32]]
    """
    bits = known_bits(bits)
    if buckets.size and (int(buckets.min()) < 0 or int(buckets.max()) >= 2**bits):
        raise InvalidInput(
            f"{public_caller()}: buckets run from {int(buckets.min())} to {int(buckets.max())}; "
            f"expected 0 to {2**bits - 1}, what {bits} bits hold."
        )
    return packing.pack(buckets, bits)


def unpack(packed: Any, bits: int, d: int) -> Any:
    """The buckets that `pack` wrote.

    Parameters
    ----------
    packed : ndarray of shape (..., n_bytes)
        uint8.
    bits : 1, 2, 4 or 8
    d : int
        Buckets in a row.

    Returns
    -------
    ndarray of shape (..., d)
        int64.

    Raises
    ------
    ShapeError, DTypeError, InvalidInput
        Other bits, no bytes, or not as many as `d` buckets take.

    Examples
    --------
    >>> unpack(pack([[1, 15, 2]], 4), 4, 3).tolist()
    [[1, 15, 2]]
    """
    bits = known_bits(bits)
    d = checks.count(d, "d")
    packed = packing.as_bytes(packed, "packed")
    expected = -(-d * bits // 8)
    if packed.shape[-1] != expected:
        raise ShapeError(
            f"{public_caller()}: packed has {packed.shape[-1]} bytes a row; expected {expected}, "
            f"since {d} buckets of {bits} bits take as many."
        )
    return packing.unpack(packed, d, bits)


def known_bits(bits: Any) -> int:
    """Bits of which a byte holds a whole number."""
    bits = checks.count(bits, "bits")
    if bits not in BITS:
        raise InvalidInput(f"{public_caller()}: bits is {bits}; expected 1, 2, 4 or 8.")
    return bits
