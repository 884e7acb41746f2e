r"""Numerical pieces that many papers share: top-k, softmax, unit vectors.

Each works on NumPy and CuPy arrays; float32 and float64 stay, float16 becomes float32.
"""

from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, is_cupy, is_taped, stop
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.gpu_numerics import first_k_of_groups, first_k_of_sorted, largest_of_windows
from tokenlab.ranges import ordinary
from tokenlab.selection import falling_order, first_k

__all__ = [
    "TopK",
    "log_softmax",
    "project_out",
    "segment_argmax",
    "segment_max",
    "segment_sum",
    "softmax",
    "sparsemax",
    "topk",
    "unit",
]

MANY = 1 << 21  # scores on a GPU from which on it is worth leaving most of them out of the sort


class TopK(NamedTuple):
    """Positions and values of the largest entries, best first."""

    ids: Any
    values: Any


@takes(scores="... n? inf")
def topk(scores: Any, k: int) -> TopK:
    r"""The `k` largest entries along the last axis, best first, ties to the lower position.

    Parameters
    ----------
    scores : ndarray of shape (..., n)
        Any real numbers; infinities are allowed, NaN is not.
    k : int
        How many; more than `n` means all of them.

    Returns
    -------
    TopK
        `ids` int64 and `values`, both of shape `(..., min(k, n))`.

    Raises
    ------
    InvalidInput
        When `k < 1` or a score is NaN.

    Examples
    --------
    >>> topk([1.0, 3.0, 2.0, 3.0], k=3).ids.tolist()
    [1, 3, 2]
    """
    xp = get_xp(scores)
    k = checks.count(k, "k")
    plain = stop(scores)  # positions have no gradient
    if bool(xp.isnan(plain).any()):
        raise InvalidInput(
            f"{public_caller()}: scores contain NaN, which has no rank. Remove them."
        )
    n = scores.shape[-1]
    if not is_cupy(plain) and 4 * k < n:  # leave most entries out of the sort
        ids = first_k(plain.reshape(-1, n), k).reshape(*scores.shape[:-1], k)
    elif is_cupy(plain) and 16 * k < n and plain.size >= MANY:
        ids = first_k_of_groups(plain, k)
    elif is_cupy(plain):
        ids = first_k_of_sorted(plain, k)
    else:
        ids = falling_order(plain)[..., :k]  # (..., min(k, n))
    return TopK(ids, xp.take_along_axis(scores, ids, axis=-1))


@takes(x="... inf")
def log_softmax(x: Any, axis: int = -1) -> Any:
    r"""$\log \mathrm{softmax}(x)$, computed from $x - \max x$ so that nothing overflows.

    Parameters
    ----------
    x : ndarray
        Logits; `-inf` means impossible. A slice of only `-inf` gives NaN.
    axis : int
        The axis that is normalised.

    Examples
    --------
    >>> log_softmax([0.0, 0.0]).round(4).tolist()
    [-0.6931, -0.6931]
    """
    xp, axis = get_xp(x), checks.axis(axis, "axis", x.ndim)
    if x.size == 0:
        return x
    shifted = x - x.max(axis=axis, keepdims=True)  # at most 0, so that no exponential overflows
    return shifted - xp.log(xp.exp(shifted).sum(axis=axis, keepdims=True))


@takes(x="... inf")
def softmax(x: Any, axis: int = -1) -> Any:
    r"""$e^{x_i} / \sum_j e^{x_j}$ along `axis`, stable for any finite input.

    Examples
    --------
    >>> softmax([0.0, 1000.0]).tolist()
    [0.0, 1.0]
    """
    xp, axis = get_xp(x), checks.axis(axis, "axis", x.ndim)
    if x.size == 0:
        return x
    powers = xp.exp(x - x.max(axis=axis, keepdims=True))  # the largest is 1
    return powers / powers.sum(axis=axis, keepdims=True)


@takes(z="... n")
def sparsemax(z: Any, axis: int = -1) -> Any:
    r"""The probabilities closest to `z`: $\arg\min_{p \in \Delta} \|p - z\|^2$, many of them 0.

    All entries are lowered by one threshold, and what falls below 0 is 0 (Martins and Astudillo,
    2016, arXiv:1602.02068).

    Parameters
    ----------
    z : ndarray
        Finite values.
    axis : int
        The axis that is normalised.

    Examples
    --------
    >>> sparsemax([0.9, 0.7, 0.2, -0.1]).round(6).tolist()
    [0.6, 0.4, 0.0, 0.0]
    """
    xp = get_xp(z)
    axis = checks.axis(axis, "axis", z.ndim)
    rows = xp.moveaxis(z, axis, -1)  # (..., n)
    rows = rows - rows.max(axis=-1, keepdims=True)  # a shift changes nothing
    falling = -xp.sort(-stop(rows), axis=-1)
    above = xp.cumsum(falling, axis=-1) - 1  # what the first j are above a sum of one
    j = xp.arange(1, falling.shape[-1] + 1)
    last = (falling * j > above).sum(axis=-1, keepdims=True) - 1  # (..., 1), in falling order
    chosen = rows >= xp.take_along_axis(falling, last, axis=-1)  # (..., n) those that stay above 0
    n = chosen.sum(axis=-1, keepdims=True)
    threshold = (xp.where(chosen, rows, 0).sum(axis=-1, keepdims=True) - 1) / n
    p = xp.where(chosen, rows - threshold, 0)
    return xp.moveaxis(p, -1, axis)


@takes(x="... d? inf")
def unit(x: Any) -> Any:
    r"""Rows scaled to Euclidean length one; a row of zeros stays a row of zeros.

    Parameters
    ----------
    x : ndarray of shape (..., d)

    Examples
    --------
    >>> unit([[3.0, 4.0], [0.0, 0.0]]).tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """
    xp = get_xp(x)
    if x.size == 0:
        return x
    with np.errstate(over="ignore", under="ignore"):
        squares = (x * x).sum(axis=-1, keepdims=True)  # (..., 1)
    if not ordinary(squares):  # the largest entry of each row becomes 1
        largest = xp.abs(x).max(axis=-1, keepdims=True)
        x = x / (largest + (largest == 0))
        squares = (x * x).sum(axis=-1, keepdims=True)
    length = xp.sqrt(squares)
    return x / (length + (length == 0))  # a row of zeros is divided by 1


def offsets_of(lengths: Any) -> Any:
    """Where runs of these lengths begin and end, `(n_segments + 1,)` int64."""
    xp = get_xp(lengths)
    return xp.concatenate([xp.zeros(1, dtype=xp.int64), xp.cumsum(lengths)])


@takes(x="... inf")
def segment_max(x: Any, offsets: Any) -> Any:
    r"""The largest value of every run of rows, column by column; an empty run gives `-inf`.

    Parameters
    ----------
    x : ndarray of shape (n, ...)
        Finite values.
    offsets : ndarray of shape (n_segments + 1,)
        Run `s` is the rows `offsets[s]:offsets[s + 1]`.

    Returns
    -------
    ndarray of shape (n_segments, ...)

    Examples
    --------
    >>> segment_max([1.0, 5.0, 2.0], [0, 2, 2, 3]).tolist()
    [5.0, -inf, 2.0]
    """
    xp, offsets = checks.runs(x, offsets)
    if is_taped(x):  # each maximum is one of the rows, and moves with it
        rows = segment_argmax(stop(x).reshape(len(x), -1), offsets).reshape(-1, *x.shape[1:])
        x = xp.concatenate([x, xp.full((1, *x.shape[1:]), -xp.inf, dtype=x.dtype)])
        return xp.take_along_axis(x, rows, axis=0)  # an empty run has the row -1
    lengths = offsets[1:] - offsets[:-1]
    best = xp.full((len(lengths), *x.shape[1:]), -xp.inf, dtype=x.dtype)  # (n_segments, ...)
    filled = xp.nonzero(lengths)[0]
    if not is_cupy(x) and filled.size:  # a run ends where the next one that is not empty begins
        best[filled] = np.maximum.reduceat(x, offsets[filled], axis=0)
    elif filled.size:  # CuPy has no such reduceat, and its maximum.at rounds float64 to float32
        largest_of_windows(x, offsets, best)
    return best


def group_max(x: Any, groups: Any, n_groups: int) -> Any:
    """`segment_max` of rows in any order: row `i` belongs to group `groups[i]`."""
    xp = get_xp(x, groups)
    if not is_cupy(x) and not is_taped(x):
        best = np.full((n_groups, *x.shape[1:]), -np.inf, dtype=x.dtype)
        np.maximum.at(best, groups, x)
        return best
    sizes = xp.bincount(groups, minlength=n_groups)  # CuPy's maximum.at rounds to float32
    return segment_max(x[xp.argsort(groups, kind="stable")], offsets_of(sizes))


@takes(x="... inf")
def segment_sum(x: Any, offsets: Any) -> Any:
    r"""The sum of every run of rows, column by column; an empty run gives 0.

    Parameters
    ----------
    x : ndarray of shape (n, ...)
    offsets : ndarray of shape (n_segments + 1,)

    Examples
    --------
    >>> segment_sum([1.0, 5.0, 2.0], [0, 2, 2, 3]).tolist()
    [6.0, 0.0, 2.0]
    """
    xp, offsets = checks.runs(x, offsets)
    lengths = offsets[1:] - offsets[:-1]
    if is_cupy(x) or is_taped(x):  # one by one, hence in float64
        total = xp.zeros((len(lengths), *x.shape[1:]), dtype=xp.float64)  # (n_segments, ...)
        xp.add.at(total, xp.repeat(xp.arange(len(lengths)), lengths.tolist()), x)
        return total.astype(x.dtype, copy=False)
    total = np.zeros((len(lengths), *x.shape[1:]), dtype=x.dtype)
    filled = np.nonzero(lengths)[0]
    if filled.size:  # reduceat adds in pairs, so that the last term is not lost in a long sum
        total[filled] = np.add.reduceat(x, offsets[filled], axis=0)
    return total


@takes(x="n? n_columns? inf")
def segment_argmax(x: Any, offsets: Any) -> Any:
    r"""The row at which every run of rows is largest, column by column; ties to the first.

    Parameters
    ----------
    x : ndarray of shape (n, n_columns)
    offsets : ndarray of shape (n_segments + 1,)

    Returns
    -------
    ndarray of shape (n_segments, n_columns)
        int64 row numbers of `x`; -1 for an empty run.

    Examples
    --------
    >>> segment_argmax([[1.0], [5.0], [5.0]], [0, 3, 3]).tolist()
    [[1], [-1]]
    """
    x = stop(x)  # positions have no gradient
    xp, offsets = checks.runs(x, offsets)
    best = segment_max(x, offsets)  # (n_segments, n_columns)
    lengths = (offsets[1:] - offsets[:-1]).tolist()
    rows = xp.arange(len(x), dtype=xp.float64)[:, None]  # exact for up to 2^53 rows
    # The first row that holds the maximum is the largest of the negated row numbers.
    first = segment_max(xp.where(x == xp.repeat(best, lengths, axis=0), -rows, -xp.inf), offsets)
    return -xp.where(xp.isinf(first), 1.0, first).astype(xp.int64)


@takes(x="n? d", basis="m? d")
def project_out(x: Any, basis: Any, alpha: float = 1.0, *, rtol: float | None = None) -> Any:
    r"""Rows without their part in the span of `basis`: $X' = X - \alpha X P$.

    $P = V V^\top$ projects onto the rows of `basis`, whose thin singular value decomposition is
    $U S V^\top$. With $\alpha = 1$ nothing of the span is left. Hard debiasing calls this
    neutralising (and then scales rows to length one), DECOR does it to text embeddings.

    Parameters
    ----------
    x : ndarray of shape (n, d)
    basis : ndarray of shape (m, d)
        Vectors that span the directions to remove; they need be neither orthogonal nor independent.
    alpha : float
        How much is removed, from 0 (nothing) to 1.
    rtol : float, optional
        Singular values of at most `rtol` times the largest count as 0, so that rounding in a
        basis of dependent rows adds no direction; by default `max(m, d)` times the precision.

    Returns
    -------
    ndarray of shape (n, d)

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        Widths differ, a value is not finite, `alpha` is outside of [0, 1].

    Examples
    --------
    >>> x = [[1.0, 1.0, 0.0], [0.0, 0.0, 2.0]]
    >>> project_out(x, [[2.0, 0.0, 0.0]]).tolist()
    [[0.0, 1.0, 0.0], [0.0, 0.0, 2.0]]
    >>> project_out(x, [[2.0, 0.0, 0.0]], 0.5).tolist()
    [[0.5, 1.0, 0.0], [0.0, 0.0, 2.0]]
    """
    xp = get_xp(x, basis)
    alpha = checks.share(alpha, "alpha")
    rtol = float(max(basis.shape) * xp.finfo(basis.dtype).eps) if rtol is None else rtol
    rtol = checks.share(rtol, "rtol")
    if len(basis) == 0:
        return x.copy()
    scale = float(stop(xp.abs(basis).max()))
    if scale == 0:
        return x.copy()
    _, s, vt = xp.linalg.svd(basis / scale, full_matrices=False)  # U S Vᵀ
    directions = vt[s > rtol * s[0]].astype(x.dtype, copy=False)  # (rank, d)
    return x - x.dtype.type(alpha) * ((x @ directions.T) @ directions)
