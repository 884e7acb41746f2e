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

Differs from the paper
----------------------
- (2) is not in it: Maxim Milakov and Natalia Gimelshein found the running normaliser (2018,
  arXiv:1805.02867), Markus Rabe and Charles Staats put it into attention (2021, arXiv:2112.05682).
- One head at a time: heads are a leading axis. There is no projection and no dropout.

Cost
----
$2\,n_q n (d + d_v)$ operations and $n_q n$ exponentials. Memory: the whole $n_q n$ matrix for
`softmax_attention`; one block, whatever `n`, for the other two.

Example
-------
    y = blocked_softmax_attention(q, k, v)
"""

import math
from typing import Any

from tokenlab import checks
from tokenlab.arrays import block_size, get_xp
from tokenlab.attention import inputs
from tokenlab.attention.soft import exp_product, scaled
from tokenlab.engine import accelerated
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.numerics import softmax
from tokenlab.steps import step

__all__ = ["blocked_softmax_attention", "gaussian_attention", "softmax_attention"]


def softmax_attention(q: Any, k: Any, v: Any, *, mask: Any = None, causal: bool = False) -> Any:
    r"""Exact softmax attention, (1), with the whole matrix in memory.

    Parameters
    ----------
    q : ndarray of shape (..., n_q, d)
    k : ndarray of shape (..., n, d)
    v : ndarray of shape (..., n, d_v)
    mask : ndarray of bool of shape (..., n), optional
        True for keys that count; the others have no influence, whatever they hold.
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
    q, k, v, mask = _checked(q, k, v, mask, causal)
    xp, axes = get_xp(q, k, v), ("n_q", "n")
    scores = q @ k.swapaxes(-1, -2) * q.dtype.type(q.shape[-1] ** -0.5)  # (..., n_q, n)
    step("scores", scores, "", eq="QKᵀ/√d", axes=axes)
    hidden = _hidden(mask, causal, slice(0, q.shape[-2]), slice(0, k.shape[-2]), xp)
    if hidden is not None:
        scores = xp.where(hidden, -xp.inf, scores)
    shares = step("shares", softmax(scores), "each row sums to one", eq="softmax", axes=axes)
    return step("output", shares @ v, "", eq="Y (1)", axes=("n_q", "d_v"))  # (1)


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
    q, k, v, mask = _checked(q, k, v, mask, causal)
    if block is None:
        block = max(512, math.isqrt(block_size(512**2, q) // max(1, math.prod(q.shape[:-2]))))
    return running_softmax(q, k, v, mask, causal, checks.count(block, "block"))


@accelerated("attention.running_softmax", work=lambda q, k, *_: q.size * k.shape[-2], pays_from=1e7)
def running_softmax(q: Any, k: Any, v: Any, mask: Any, causal: bool, block: int) -> Any:
    """Block by block of queries, and for each of keys; equation (2)."""
    xp, n_q, n = get_xp(q, k, v), q.shape[-2], k.shape[-2]
    y = xp.zeros((*q.shape[:-1], v.shape[-1]), dtype=v.dtype)
    lowest = xp.finfo(q.dtype).min / 4  # instead of -inf, which would make -inf - -inf
    for first in range(0, n_q, block):
        rows = slice(first, min(first + block, n_q))
        top = xp.full((*q.shape[:-2], rows.stop - first, 1), lowest, dtype=q.dtype)
        total, out = xp.zeros_like(top), y[..., rows, :]
        for start in range(0, min(rows.stop, n) if causal else n, block):
            keys = slice(start, min(start + block, n))
            scores = q[..., rows, :] * q.dtype.type(q.shape[-1] ** -0.5)
            scores = scores @ k[..., keys, :].swapaxes(-1, -2)
            hidden = _hidden(mask, causal, rows, keys, xp)
            scores = scores if hidden is None else xp.where(hidden, lowest, scores)
            step("scores", scores, "one block of queries with one of keys", axes=("n_q", "n"))
            raised = xp.maximum(top, scores.max(axis=-1, keepdims=True))
            shrink, weights = xp.exp(top - raised), xp.exp(scores - raised)
            total = total * shrink + weights.sum(axis=-1, keepdims=True)  # (2)
            out = out * shrink + weights @ v[..., keys, :]  # (2)
            top = step("top", raised, "the largest similarity so far", axes=("n_q", ""))
        y[..., rows, :] = out / total
    return step("output", y, "", eq="Y (1)", axes=("n_q", "d_v"))


def gaussian_attention(q: Any, v: Any, *, k: Any = None, mask: Any = None) -> Any:
    r"""Exact attention by the Gaussian kernel, (3), without any normalisation, row block by block.

    Parameters
    ----------
    q : ndarray of shape (..., n_q, d)
    v : ndarray of shape (..., n, d_v)
    k : ndarray of shape (..., n, d), optional
        Keys; without them the queries are the keys, as in SOFT.
    mask : ndarray of bool of shape (..., n), optional
        True for keys that count.

    Returns
    -------
    ndarray of shape (..., n_q, d_v)

    Examples
    --------
    >>> gaussian_attention([[0.0], [1.0], [2.0]], [[1.0], [2.0], [4.0]]).round(3).ravel().tolist()
    [2.754, 5.033, 5.348]
    """
    q, k, v, _ = _checked(q, q if k is None else k, v, mask)
    xp, n = get_xp(q, k, v), k.shape[-2]
    shift = k.mean(axis=-2, keepdims=True)
    keys = scaled(k, shift)
    y = xp.empty((*q.shape[:-1], v.shape[-1]), dtype=v.dtype)
    for rows in inputs.row_blocks(q, n):
        kernel = exp_product(*scaled(q[..., rows, :], shift), *keys)  # (..., rows, n)
        step("kernel", kernel, "near tokens count, distant ones do not", axes=("n_q", "n"))
        y[..., rows, :] = kernel @ v  # (3); masked values are 0
    return step("output", y, "", eq="Y = SV (3)", axes=("n_q", "d_v"))


def _checked(q: Any, k: Any, v: Any, mask: Any, causal: bool = False) -> tuple[Any, ...]:
    """Queries, keys and values in one precision; what the mask hides is 0."""
    k, mask = inputs.masked_tokens(k, mask, "k")
    if causal and mask is not None and not bool(mask[..., 0].all()):
        raise InvalidInput(
            f"{public_caller()}: mask hides token 0 and causal is True, so query 0 sees no key. "
            "Put the padding at the end."
        )
    v, _ = inputs.masked_tokens(v, mask, "v")
    return *inputs.attention_inputs(q, k, v), mask


def _hidden(mask: Any, causal: bool, rows: slice, keys: slice, xp: Any) -> Any:
    """True where a query may not see a key, or None; for one block."""
    hidden = None if mask is None else ~mask[..., None, keys]
    if causal:
        later = xp.arange(keys.start, keys.stop) > xp.arange(rows.start, rows.stop)[:, None]
        hidden = later if hidden is None else hidden | later
    return hidden
