r"""Layers of neural networks: functions of arrays, each with the derivative beside it where it pays.

    y = linear(gelu(layer_norm(x, gain, bias)), weight)
    loss = cross_entropy(y, ids)

The tape differentiates plain formulas, and `linear` and `silu` leave it to that. In one piece a
layer needs a third of the passes over memory: there the formula of the result comes first, and the
gradient $\bar x$ of the input follows from the gradient $g$ of the result, as one derives it on
paper. `autograd.gradcheck` of each of them is in the tests.

All take arrays, or values on the tape, with any leading axes. What is not finite goes through, so
that a training that diverges says so itself.
"""

import math
from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, is_cupy, is_taped, library, stop
from tokenlab.engine import accelerated
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.models.attending import attend, means, over_rows, products, sees_something
from tokenlab.tape import taped

__all__ = [
    "attention",
    "cross_entropy",
    "embedding",
    "gelu",
    "layer_norm",
    "linear",
    "rms_norm",
    "silu",
    "softmax",
]


@takes(x="... d inf", weight="d d_out inf", bias="d_out inf")
def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    """`x W + b`.

    Parameters
    ----------
    x : ndarray of shape (..., d)
    weight : ndarray of shape (d, d_out)
    bias : ndarray of shape (d_out,), optional

    Returns
    -------
    ndarray of shape (..., d_out)

    Examples
    --------
    >>> linear([[1.0, 2.0]], [[1.0], [3.0]], [0.5]).tolist()
    [[7.5]]
    """
    y = get_xp(x, weight).matmul(x, weight)  # (..., d_out)
    return y if bias is None else y + bias


@takes(table="vocab d inf", ids="... int")
def embedding(table: Any, ids: Any) -> Any:
    """The rows of a table; a row that is read several times gets the sum of its gradients.

    Parameters
    ----------
    table : ndarray of shape (vocab, d)
    ids : ndarray of shape (...)
        Integers from 0 to `vocab - 1`.

    Returns
    -------
    ndarray of shape (..., d)

    Examples
    --------
    >>> embedding([[1.0], [2.0]], [1, 0, 1]).tolist()
    [[2.0], [1.0], [2.0]]
    """
    x = stop(table)
    known_ids(ids, "ids", len(x))

    def pull(g: Any) -> Any:
        flat = ids.reshape(-1)  # (n_ids,)
        g = g.reshape(-1, x.shape[1])  # (n_ids, d)
        if is_cupy(x):
            whole = library(x).zeros_like(x)
            library(x).add.at(whole, flat, g)
            return whole
        # Rows of one id side by side, and one sum for each: many times as fast as numpy.add.at.
        order = flat.argsort(kind="stable")
        first = np.flatnonzero(np.diff(flat[order], prepend=-1))
        whole = np.zeros(x.shape, g.dtype)
        if len(first):
            whole[flat[order[first]]] = np.add.reduceat(g[order], first, axis=0)
        return whole

    return taped(x[ids], (table, pull))


def known_ids(ids: Any, name: str, n: int) -> None:
    """Raise unless all are from 0 to n - 1; a negative one would count from the end."""
    if ids.size and (int(ids.min()) < 0 or int(ids.max()) >= n):
        raise InvalidInput(
            f"{public_caller()}: {name} runs from {int(ids.min())} to {int(ids.max())}; expected "
            f"0 to {n - 1}, since the table has {n} rows."
        )


@takes(x="... d inf")
def softmax(x: Any, axis: int = -1) -> Any:
    r"""$y_i = e^{x_i} / \sum_j e^{x_j}$, and $\bar x = y \odot (g - \sum_j g_j y_j)$.

    Parameters
    ----------
    x : ndarray of shape (..., d)
    axis : int

    Examples
    --------
    >>> softmax([0.0, 0.0]).tolist()
    [0.5, 0.5]
    """
    given, x = x, stop(x)
    axis = checks.axis(axis, "axis", x.ndim)
    if x.size == 0:
        return given
    y = x - x.max(axis=axis, keepdims=True)  # the highest becomes 0, so that exp does not overflow
    library(x).exp(y, out=y)
    y /= y.sum(axis=axis, keepdims=True)
    return taped(y, (given, lambda g: y * (g - (g * y).sum(axis=axis, keepdims=True))))


@takes(x="... d inf")
def gelu(x: Any) -> Any:
    r"""$x\,(1 + \tanh u) / 2$ with $u = \sqrt{2/\pi}\,(x + 0.044715\,x^3)$.

    Parameters
    ----------
    x : ndarray of shape (..., d)

    Examples
    --------
    >>> gelu([0.0, 10.0]).tolist()
    [0.0, 10.0]
    """
    given, x = x, stop(x)
    c, k = (2 / math.pi) ** 0.5, 0.044715
    square = x * x  # x**3 is many times slower than products
    u = square * (c * k)
    u += c
    u *= x
    half = library(x).tanh(u)
    half += 1
    half *= 0.5  # (1 + tanh u) / 2
    if not is_taped(given):
        return x * half
    # The slope is h + x h' with h' = 2 h (1 - h) u' and u' = c (1 + 3 k x²). Computed now, it is
    # all that has to be kept.
    slope = square
    slope *= 6 * c * k
    slope += 2 * c
    slope *= x
    slope *= half
    slope *= 1 - half
    slope += half
    return taped(x * half, (given, lambda g: g * slope))


@takes(x="... d inf")
def silu(x: Any) -> Any:
    r"""$x\,\sigma(x)$ with $\sigma(x) = (1 + \tanh(x/2)) / 2$, which does not overflow.

    Parameters
    ----------
    x : ndarray of shape (..., d)

    Examples
    --------
    >>> silu([0.0, 100.0]).tolist()
    [0.0, 100.0]
    """
    return x * (0.5 * (1 + get_xp(x).tanh(0.5 * x)))


@takes(x="... d inf", gain="d inf", bias="d inf", eps="not negative")
@accelerated("models.layer_norm", work=lambda x, *_, **__: x.size, pays_from=5e3)
def layer_norm(x: Any, gain: Any, bias: Any, eps: float = 1e-5) -> Any:
    """Rows less their mean, over their deviation; the gradient loses what both of these absorb.

    Parameters
    ----------
    x : ndarray of shape (..., d)
    gain, bias : ndarray of shape (d,)
    eps : float
        Is added to the variance.

    Examples
    --------
    >>> layer_norm([[1.0, 3.0]], [1.0, 1.0], [0.0, 0.5], eps=0.0).tolist()
    [[-1.0, 1.5]]
    """
    a = stop(x)
    factor = stop(gain)
    xp = library(x)
    h = a - means(a)  # (..., d), of mean 0
    scale = 1 / xp.sqrt(products(h, h) / a.shape[-1] + eps)  # (..., 1)
    h *= scale

    def pull(g: Any) -> Any:
        g = g * factor
        along = products(g, h) / g.shape[-1]
        g -= means(g)
        g -= h * along
        g *= scale
        return g

    y = h * factor  # (..., d)
    y += stop(bias)
    return taped(y, (x, pull), (gain, lambda g: over_rows(g, h)), (bias, lambda g: g))


@takes(x="... d inf", gain="d inf", eps="not negative")
@accelerated("models.rms_norm", work=lambda x, *_, **__: x.size, pays_from=2e3)
def rms_norm(x: Any, gain: Any, eps: float = 1e-5) -> Any:
    """Rows over the root of their mean square.

    Parameters
    ----------
    x : ndarray of shape (..., d)
    gain : ndarray of shape (d,)
    eps : float
        Is added to the mean square.

    Examples
    --------
    >>> rms_norm([[3.0, -3.0]], [1.0, 2.0], eps=0.0).tolist()
    [[1.0, -2.0]]
    """
    a = stop(x)
    factor = stop(gain)
    xp = library(x)
    scale = 1 / xp.sqrt(products(a, a) / a.shape[-1] + eps)  # (..., 1)
    h = a * scale  # (..., d), of mean square 1

    def pull(g: Any) -> Any:
        g = g * factor
        return scale * (g - h * (products(g, h) / g.shape[-1]))

    return taped(h * factor, (x, pull), (gain, lambda g: over_rows(g, h)))


@takes(
    q="... n_q d inf",
    k="... n d inf",
    v="... n d_v inf",
    mask="n_q n bool | ... n_q n bool",
)
def attention(q: Any, k: Any, v: Any, mask: Any = None) -> Any:
    r"""$Y = P V$ with $P = \mathrm{softmax}(Q K^\top / \sqrt d)$ over the keys that a mask allows.

    Parameters
    ----------
    q : ndarray of shape (..., n_q, d)
        Heads are a leading axis.
    k : ndarray of shape (..., n, d)
    v : ndarray of shape (..., n, d_v)
    mask : ndarray of shape (n_q, n) or (..., n_q, n), optional
        True where a query sees a key. Every query sees at least one.

    Returns
    -------
    ndarray of shape (..., n_q, d_v)

    Examples
    --------
    >>> attention([[1.0]], [[0.0], [9.0]], [[2.0], [4.0]], [[True, False]]).tolist()
    [[2.0]]
    """
    if mask is not None:
        sees_something(mask, "mask")
    return attend(q, k, v, mask)


@takes(logits="... vocab inf", ids="... int", weights="... inf")
def cross_entropy(logits: Any, ids: Any, weights: Any = None) -> Any:
    """The mean of -log p(id) over all rows; its gradient is p, less 1 for the right id.

    Parameters
    ----------
    logits : ndarray of shape (..., vocab)
    ids : ndarray of shape (...)
        What was right, from 0 to `vocab - 1`.
    weights : ndarray of shape (...), optional
        How much each row counts in the mean: 0 for padding.

    Returns
    -------
    float
        A number on the tape for logits on the tape.

    Examples
    --------
    >>> round(float(cross_entropy([[0.0, 0.0]], [1])), 4)
    0.6931
    """
    if is_taped(weights):
        raise TypeError("cross_entropy has no derivative for its weights; pass stop(weights)")
    x, xp = stop(logits), library(logits)
    rows = x.reshape(-1, x.shape[-1])  # (n, vocab)
    right = ids.reshape(-1)  # (n,)
    known_ids(right, "ids", x.shape[-1])
    each = xp.arange(len(rows))
    share = 1 / len(rows) if weights is None else (weights / weights.sum()).reshape(-1)
    shape = x.shape  # all that the way back needs of the logits, which are large
    p = rows - rows.max(axis=-1, keepdims=True)
    chosen = p[each, right]
    xp.exp(p, out=p)
    total = p.sum(axis=-1, keepdims=True)  # (n, 1)
    loss = ((xp.log(total[:, 0]) - chosen) * share).sum()

    def pull(g: Any) -> Any:
        factor = g * share if weights is None else (g * share)[:, None]
        out = p * (factor / total)
        out[each, right] -= factor if weights is None else factor[:, 0]
        return out.reshape(shape)

    return taped(xp.asarray(loss, dtype=x.dtype), (logits, pull))
