r"""Attention Is All You Need: exact softmax attention; and the exact Gaussian attention of SOFT.

Ashish Vaswani, Noam Shazeer, Niki Parmar, Jakob Uszkoreit, Llion Jones, Aidan N. Gomez,
Lukasz Kaiser, Illia Polosukhin. NIPS 2017. arXiv:1706.03762

Every token reads every other token; the softmax turns a row of similarities into shares. A row is
finished as soon as its running maximum, its running sum and its running output are, so that no more
than one block of the n x n similarities has to exist at any time. This is what the linear methods
are measured against, in time, in memory and in error.

| paper's symbol | name here | shape |
|---|---|---|
| $Q$ | `q` | `(..., n_q, d)` |
| $K$, $V$ | `k`, `v` | `(..., n, d)`, `(..., n, d_v)` |
| running maximum, sum | `top`, `total` | `(..., n_q, 1)` |

Equations, and the step from one block of keys to the next, for $s = q_i^\top k_j / \sqrt d$:

$$Y = \mathrm{softmax}\!\left(\frac{Q K^\top}{\sqrt d}\right) V \qquad (\text{1})$$
$$t' = \max(t, \max_j s_j), \quad z' = e^{t - t'} z + \sum_j e^{s_j - t'}, \quad
y' = e^{t - t'} y + \sum_j e^{s_j - t'} v_j \qquad (\text{2})$$
$$Y = S V, \quad S_{ij} = \exp(-\lVert q_i - q_j \rVert^2 / 2\sqrt d)
\qquad (\text{3, what SOFT rebuilds})$$

Example
-------
    y = blocked_softmax_attention(q, k, v)
"""

import math
from typing import Any

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import block_size, get_xp, stop
from tokenlab.attention import inputs
from tokenlab.attention.soft import gaussian, scaled
from tokenlab.blocks import by_rows
from tokenlab.engine import accelerated
from tokenlab.models.layers import softmax
from tokenlab.steps import step

__all__ = ["blocked_softmax_attention", "gaussian_attention", "softmax_attention"]


@takes(q="... n_q d", k="... n d inf", v="... n d_v inf")
def softmax_attention(q: Any, k: Any, v: Any, *, mask: Any = None, causal: bool = False) -> Any:
    r"""Exact softmax attention, (1), with the whole matrix in memory.

    Parameters
    ----------
    q : ndarray of shape (..., n_q, d)
    k : ndarray of shape (..., n, d)
    v : ndarray of shape (..., n, d_v)
    mask : ndarray of bool of shape (..., n) or (..., n_q, n), optional
        True for keys that count, or for the pairs of a query and a key that it may see. A key that
        no query sees may hold anything.
    causal : bool
        Token `i` sees keys 0 to `i`.

    Returns
    -------
    ndarray of shape (..., n_q, d_v)

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        Shapes that do not fit, NaN, a mask that leaves a query without any key.

    Examples
    --------
    >>> softmax_attention([[0.0]], [[1.0], [2.0]], [[1.0], [3.0]])
    array([[2.]])
    """
    q, k, v, mask = prepared(q, k, v, mask, causal)
    xp = get_xp(q, k, v)
    q = q * q.dtype.type(q.shape[-1] ** -0.5)
    scores = step(q @ k.swapaxes(-1, -2))  # (..., n_q, n) [QKᵀ/√d]
    hidden = hidden_pairs(q, mask, causal, slice(0, q.shape[-2]), slice(0, k.shape[-2]))
    if hidden is not None:
        scores = xp.where(hidden, -xp.inf, scores)
    shares = step(softmax(scores))  # (..., n_q, n) [softmax] each row sums to one
    output = step(shares @ v)  # (..., n_q, d_v) [Y (1)]
    return output


@takes(q="... n_q d", k="... n d inf", v="... n d_v inf")
def blocked_softmax_attention(
    q: Any, k: Any, v: Any, *, mask: Any = None, causal: bool = False, block: int | None = None
) -> Any:
    r"""The same from blocks of `block x block` similarities, (2): memory is linear.

    Parameters
    ----------
    q, k, v, mask, causal
        As in `softmax_attention`: ndarray of shape (..., n_q, d), (..., n, d), (..., n, d_v).
    block : int, optional
        Queries, and keys, that are looked at together; 512 by default, on a GPU up to 4,096.

    Returns
    -------
    ndarray of shape (..., n_q, d_v)

    Examples
    --------
    >>> blocked_softmax_attention([[0.0]], [[1.0], [2.0]], [[1.0], [3.0]], block=1)
    array([[2.]])
    """
    q, k, v, mask = prepared(q, k, v, mask, causal)
    if block is None:
        block = max(512, math.isqrt(block_size(512**2, q) // max(1, math.prod(q.shape[:-2]))))
    return running_softmax(q, k, v, mask, causal, checks.count(block, "block"))


@accelerated("attention.running_softmax", work=lambda q, k, *_: q.size * k.shape[-2], pays_from=1e7)
def running_softmax(q: Any, k: Any, v: Any, mask: Any, causal: bool, block: int) -> Any:
    """Block by block of queries, and for each of keys; equation (2)."""
    xp, n = get_xp(q, k, v), k.shape[-2]
    q = q * q.dtype.type(q.shape[-1] ** -0.5)
    lowest = xp.finfo(q.dtype).min / 4  # instead of -inf, which would make -inf - -inf
    parts = []
    for rows in cut(q.shape[-2], block):
        top, total, y = lowest, 0.0, 0.0  # nothing seen so far
        for keys in cut(min(rows.stop, n) if causal else n, block):
            s = q[..., rows, :] @ k[..., keys, :].swapaxes(-1, -2)  # (..., rows, keys)
            hidden = hidden_pairs(q, mask, causal, rows, keys)
            s = s if hidden is None else xp.where(hidden, lowest, s)
            scores = step(s)  # (..., n_q, n) one block of queries with one of keys
            raised = xp.maximum(scores.max(axis=-1, keepdims=True), top)  # (..., rows, 1)
            shrink = xp.exp(top - raised)  # what was summed so far was relative to another maximum
            weights = xp.exp(scores - raised)
            total = total * shrink + weights.sum(axis=-1, keepdims=True)  # Eq. (2), z
            y = y * shrink + weights @ v[..., keys, :]  # Eq. (2), y: (..., rows, d_v)
            top = step(raised)  # (..., n_q, 1) [t (2)] the largest similarity so far
        parts.append(y / total)
    output = step(xp.concatenate(parts, axis=-2))  # (..., n_q, d_v) [Y (1)]
    return output


@takes(q="... n_q d", v="... n d_v inf", k="... n d inf")
def gaussian_attention(q: Any, v: Any, *, k: Any = None, mask: Any = None) -> Any:
    r"""Exact attention by the Gaussian kernel, (3), without any normalisation, row block by block.

    Parameters
    ----------
    q : ndarray of shape (..., n_q, d)
    v : ndarray of shape (..., n, d_v)
    k : ndarray of shape (..., n, d), optional
        Keys; without them the queries are the keys, as in SOFT.
    mask : ndarray of bool of shape (..., n) or (..., n_q, n), optional
        True for keys that count, or for the pairs that do.

    Returns
    -------
    ndarray of shape (..., n_q, d_v)

    Examples
    --------
    >>> gaussian_attention([[0.0], [1.0], [2.0]], [[1.0], [2.0], [4.0]]).round(3).ravel().tolist()
    [2.754, 5.033, 5.348]
    """
    q, k, v, mask = prepared(q, q if k is None else k, v, mask)
    shift = k.mean(axis=-2, keepdims=True)
    if mask is None or mask.ndim < q.ndim:  # a value that the mask hides is 0
        return gaussian_rows(q, k, v, shift, scaled(stop(k), stop(shift)))
    kernel = step(gaussian(q, k, shift) * mask)  # (..., n_q, n) [S (3)]
    output = step(kernel @ v)  # (..., n_q, d_v) [Y = SV (3)]
    return output


@by_rows(lambda q, k, *_: max(1, math.prod(k.shape[:-1]) // 2), axis=-2)  # thin products are slow
def gaussian_rows(q: Any, k: Any, v: Any, shift: Any, keys: Any) -> Any:
    """Equation (3) for some queries."""
    s = gaussian(q, k, shift, keys=keys)  # Eq. (3), S
    kernel = step(s)  # (..., n_q, n) [S (3)] near tokens count, distant ones do not
    output = step(kernel @ v)  # (..., n_q, d_v) [Y = SV (3)]
    return output


def prepared(q: Any, k: Any, v: Any, mask: Any, causal: bool = False) -> tuple[Any, ...]:
    """Queries, keys and values in one precision; what nobody sees is 0. And the checked mask."""
    mask = inputs.pair_mask(mask, q, k, checks.flag(causal, "causal"))
    anybody = mask if mask is None or mask.ndim < q.ndim else mask.any(axis=-2)  # (..., n)
    k, v = inputs.seen(k, anybody, "k"), inputs.seen(v, anybody, "v")
    return *inputs.in_one_precision(q, k, v), mask


def hidden_pairs(q: Any, mask: Any, causal: bool, rows: slice, keys: slice) -> Any:
    """True where a query may not see a key, or None; for one block `(..., rows, keys)`."""
    hidden = None
    if mask is not None:
        hidden = ~(mask[..., rows, keys] if mask.ndim == q.ndim else mask[..., None, keys])
    if causal:
        xp = get_xp(q)
        later = xp.arange(keys.start, keys.stop) > xp.arange(rows.start, rows.stop)[:, None]
        hidden = later if hidden is None else hidden | later
    return hidden


def cut(n: int, block: int) -> list[slice]:
    """`0 .. n` in runs of `block`; the last may be shorter."""
    return [slice(i, min(i + block, n)) for i in range(0, n, block)]


NOTES = r"""
Differs from the paper
----------------------
- (2) is not in it: Maxim Milakov and Natalia Gimelshein found the running normaliser (2018,
  arXiv:1805.02867), Markus Rabe and Charles Staats put it into attention (2021, arXiv:2112.05682).
- One head at a time: heads are a leading axis. There is no projection and no dropout.

Cost
----
$2\,n_q n (d + d_v)$ operations and $n_q n$ exponentials. Memory: the whole $n_q n$ matrix for
`softmax_attention`; one block, whatever `n`, for the other two.
"""
