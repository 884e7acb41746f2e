r"""SOFT: Softmax-free Transformer with Linear Complexity: how to choose its landmarks.

Jiachen Lu, Jinghan Yao, Junge Zhang, Xiatian Zhu, Hang Xu, Weiguo Gao, Chunjing Xu, Tao Xiang,
Li Zhang. NeurIPS 2021. arXiv:2110.11945

Attention through `m` landmarks is exact for tokens that are landmarks and good for tokens near one.
Means of neighbouring tokens are near when neighbours are alike; single tokens are near when tokens
form clusters, wherever these stand in the sequence. No way of choosing wins everywhere.

| paper's symbol | name here | shape |
|---|---|---|
| $Q$ | `q` | `(..., n, d)` |
| $\tilde Q$ | landmarks, returned | `(..., m, d)` |
| $H \times W$ | `hw` | |
| sampling ratio | `ratio` | |

Equations, for a cell or segment $C_j$ of the tokens and a convolution $W$ of stride $r$:

$$\tilde q_j = \frac{1}{|C_j|} \sum_{i \in C_j} q_i, \qquad
\tilde q_j = \sum_{a, b < r} q_{j, a, b}\, W_{a, b}$$

Example
-------
    landmarks = grid_landmarks(q, hw=(56, 56), ratio=8)      # (..., 49, d)
"""

from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.attention import inputs
from tokenlab.errors import InvalidInput, ShapeError, public_caller

__all__ = [
    "conv_landmarks",
    "grid_landmarks",
    "kmeans_landmarks",
    "random_landmarks",
    "segment_landmarks",
]


@takes(q="... n d")
def grid_landmarks(q: Any, hw: tuple[int, int], ratio: int) -> Any:
    r"""Means over cells of `ratio x ratio` tokens of an image.

    Parameters
    ----------
    q : ndarray of shape (..., h * w, d)
        Tokens in reading order, without a class token.
    hw : (int, int)
        Height and width of the token grid.
    ratio : int
        Side of a cell; cells at the far edges are smaller where it does not divide `hw`.

    Returns
    -------
    ndarray of shape (..., ceil(h / ratio) * ceil(w / ratio), d)

    Raises
    ------
    ShapeError, InvalidInput, DTypeError
        `q` has not `h * w` tokens (a class token?), or holds NaN.

    Examples
    --------
    >>> grid_landmarks([[1.0], [3.0], [10.0], [5.0], [7.0], [20.0]], (2, 3), 2).tolist()
    [[4.0], [15.0]]
    """
    grid, (h, w), r = as_grid(q, hw, ratio)
    lead, d = grid.shape[:-3], grid.shape[-1]
    # The mean over a rectangle is the mean of the means of its rows: two small products.
    rows = averages(h, r, grid) @ grid.reshape(*lead, h, w * d)  # (..., h / r, w * d)
    n_rows, n_columns = -(-h // r), -(-w // r)
    means = averages(w, r, grid) @ rows.reshape(*lead, n_rows, w, d)  # (..., h / r, w / r, d)
    return means.reshape(*lead, n_rows * n_columns, d)  # (..., m, d)


def averages(n: int, ratio: int, like: Any) -> Any:
    """The matrix `(ceil(n / ratio), n)` that averages runs of `ratio`."""
    xp = get_xp(like)
    own = xp.arange(n) // ratio == xp.arange(-(-n // ratio))[:, None]  # which run each one is in
    own = own.astype(like.dtype)
    return own / own.sum(axis=1, keepdims=True)


@takes(q="... n d", weight="r r d d_out")
def conv_landmarks(q: Any, hw: tuple[int, int], weight: Any) -> Any:
    r"""A convolution without bias whose stride is its size: the landmarks of the trained models.

    Parameters
    ----------
    q : ndarray of shape (..., h * w, d)
    hw : (int, int)
        Height and width of the token grid; both must be multiples of `r`.
    weight : ndarray of shape (r, r, d, d)
        `weight[a, b]` maps the token in row `a` and column `b` of a cell. PyTorch's
        `(d_out, d_in, r, r)` becomes this by `weight.transpose(2, 3, 1, 0)`.

    Returns
    -------
    ndarray of shape (..., h // r * w // r, d)

    Examples
    --------
    >>> corners = [[[[1.0]], [[0.0]]], [[[0.0]], [[1.0]]]]
    >>> conv_landmarks([[1.0], [2.0], [3.0], [4.0]], (2, 2), corners)
    array([[5.]])
    """
    grid, (h, w), r = as_grid(q, hw, len(weight))
    if h % r or w % r:
        raise ShapeError(
            f"{public_caller()}: weight is {weight.shape} = (r, r, d, d_out) for a grid of {h} x "
            f"{w} tokens; expected r that divides both sides."
        )
    lead, d = grid.shape[:-3], grid.shape[-1]
    cells = grid.reshape(*lead, h // r, r, w // r, r, d).swapaxes(-4, -3)
    cells = cells.reshape(
        *lead, (h // r) * (w // r), r * r * d
    )  # (..., m, r * r * d): a cell is one long row
    return cells @ weight.reshape(r * r * d, -1)  # the sum over a and b


@takes(q="... n d inf")
def segment_landmarks(q: Any, m: int, *, mask: Any = None) -> Any:
    r"""Means over `m` runs of tokens, whose lengths differ by one at the most.

    Parameters
    ----------
    q : ndarray of shape (..., n, d)
    m : int
        Number of runs; more than `n` means that every token is its own.
    mask : ndarray of bool of shape (..., n), optional
        True for tokens that count. The runs are cut from those alone, in each sequence by itself.

    Returns
    -------
    ndarray of shape (..., min(m, n), d)

    Raises
    ------
    ShapeError, InvalidInput, DTypeError
        `m < 1`, NaN, or a mask that leaves fewer than `m` tokens.

    Examples
    --------
    >>> segment_landmarks([[0.0], [2.0], [4.0], [6.0], [9.0]], 2).tolist()
    [[2.0], [7.5]]
    """
    mask = inputs.token_mask(mask, q, "q")
    q = inputs.seen(q, mask, "q")
    n = q.shape[-2]
    m = min(checks.count(m, "m"), n)
    if mask is not None:
        return means_of_counted(q, m, mask)
    # numpy.array_split's rule: the first n % m runs get one token more.
    short, longer = n // m, n % m
    edge = longer * (short + 1)  # where the shorter runs begin
    long_runs = q[..., :edge, :].reshape(*q.shape[:-2], longer, short + 1, q.shape[-1])
    short_runs = q[..., edge:, :].reshape(*q.shape[:-2], m - longer, short, q.shape[-1])
    parts = [long_runs.mean(axis=-2), short_runs.mean(axis=-2)]
    return get_xp(q).concatenate(parts, axis=-2)  # (..., m, d)


def means_of_counted(q: Any, m: int, mask: Any) -> Any:
    """The same of the tokens where the mask is True, whose number differs between sequences."""
    xp = get_xp(q, mask)
    counts = mask.sum(axis=-1, keepdims=True)  # (..., 1)
    if bool((counts < m).any()):
        raise InvalidInput(
            f"{public_caller()}: mask leaves {int(counts.min())} tokens in some sequence; expected "
            f"at least m = {m}. Pass a smaller m, or cut such sequences out."
        )
    rank = mask.cumsum(axis=-1) - 1  # (..., n): the how manieth of those that count
    short, longer = counts // m, counts % m
    edge = longer * (short + 1)
    own = xp.where(rank < edge, rank // (short + 1), longer + (rank - edge) // short)
    share = (own[..., None, :] == xp.arange(m)[:, None]) & mask[..., None, :]  # (..., m, n)
    share = share.astype(q.dtype)
    return (share @ q) / share.sum(axis=-1, keepdims=True)  # (..., m, d)


@takes(q="... n d")
def random_landmarks(q: Any, m: int, *, rng: np.random.Generator | int | None = None) -> Any:
    r"""`m` different tokens, the same positions in every sequence, in their order.

    Parameters
    ----------
    q : ndarray of shape (..., n, d)
    m : int
        More than `n` means all tokens.
    rng : numpy.random.Generator, int or None
        Where the positions are drawn from.

    Returns
    -------
    ndarray of shape (..., min(m, n), d)

    Examples
    --------
    >>> random_landmarks([[1.0], [2.0], [3.0]], 3, rng=0).tolist()
    [[1.0], [2.0], [3.0]]
    """
    n = q.shape[-2]
    m = min(checks.count(m, "m"), n)
    chosen = np.sort(checks.generator(rng).choice(n, m, replace=False))
    return q[..., get_xp(q).asarray(chosen), :]  # (..., m, d)


@takes(q="... n d")
def kmeans_landmarks(q: Any, m: int, *, rng: np.random.Generator | int | None = None) -> Any:
    r"""The centres of `m` clusters of tokens, found in each sequence by itself.

    Parameters
    ----------
    q : ndarray of shape (..., n, d)
    m : int
        More than `n` means that every token is its own.
    rng : numpy.random.Generator, int or None

    Returns
    -------
    ndarray of shape (..., min(m, n), d)

    Examples
    --------
    >>> sorted(kmeans_landmarks([[0.0], [1.0], [8.0], [10.0]], 2, rng=0).ravel().tolist())
    [0.5, 9.0]
    """
    from tokenlab.quantization import kmeans

    rng = checks.generator(rng)
    m = min(checks.count(m, "m"), q.shape[-2])
    if q.size == 0:  # a batch of no sequences
        return q[..., :m, :]
    flat = q.reshape(-1, *q.shape[-2:])  # (sequences, n, d)
    found = get_xp(q).stack([kmeans.fit(sequence, m, rng=rng).codebook for sequence in flat])
    return found.reshape(*q.shape[:-2], m, q.shape[-1])


def as_grid(q: Any, hw: tuple[int, int], ratio: int) -> tuple[Any, tuple[int, int], int]:
    """The tokens as `(..., h, w, d)`, and the checked sides."""
    r = checks.count(ratio, "ratio")
    h, w = checks.pair(hw, "hw")
    if h * w != q.shape[-2]:
        raise ShapeError(
            f"{public_caller()}: q is {q.shape} = (..., n, d) with n = {q.shape[-2]}, but hw is "
            f"({h}, {w}), which makes {h * w} tokens. Leave out a class token: q[..., 1:, :]."
        )
    return q.reshape(*q.shape[:-2], h, w, q.shape[-1]), (h, w), r


NOTES = r"""
Differs from the paper
----------------------
The released code is `fudan-zvg/SOFT` (dd057c3).

- The paper says that average pooling is the default; the released code always convolves, then
  applies LayerNorm and GELU, and has no pooling. Those two move landmarks to another place than the
  tokens (entries above -0.17), so they are left out here.
- Grids that the ratio does not divide are pooled in smaller cells at the far edges, and sequences
  that `m` does not divide in segments that differ by one token.
- k-means is our addition.

Cost
----
$n\,d$ additions for the means, $2\,n\,d^2$ operations for the convolution.
"""
