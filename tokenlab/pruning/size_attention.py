r"""Attention that knows how many tokens each key stands for (Token Merging calls it proportional).

A key that stands for $s$ equal tokens deserves the weight of all of them. Adding $\log s$ to its
logit gives it exactly that, since $s\, e^{\ell} = e^{\ell + \log s}$:

$$\mathrm{softmax}\!\big(Q K^\top / \sqrt{d} + \log s\big)\, V$$

is the attention before merging when the merged tokens were identical.
"""

from typing import Any

from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.numerics import softmax
from tokenlab.pruning.reduction import checked_size
from tokenlab.steps import step

__all__ = ["size_aware_attention", "size_bias"]


@takes(size="n")
def size_bias(size: Any) -> Any:
    r"""What to add to the logits of each key: $\log s$.

    Parameters
    ----------
    size : ndarray of shape (n,)
        Above 0.

    Returns
    -------
    ndarray of shape (n,)

    Examples
    --------
    >>> size_bias([1.0, 2.0]).round(4).tolist()
    [0.0, 0.6931]
    """
    return get_xp(size).log(checked_size(size, len(size), size))


@takes(q="... n_q d", k="... n d", v="... n d_v", size="n")
def size_aware_attention(q: Any, k: Any, v: Any, size: Any = None) -> Any:
    r"""Softmax attention in which key `j` counts `size[j]` times.

    Parameters
    ----------
    q : ndarray of shape (..., n_q, d)
    k : ndarray of shape (..., n, d)
    v : ndarray of shape (..., n, d_v)
    size : ndarray of shape (n,), optional
        None is attention as usual.

    Returns
    -------
    ndarray of shape (..., n_q, d_v)

    Examples
    --------
    >>> size_aware_attention([[1.0]], [[0.0], [0.0]], [[0.0], [3.0]], [1.0, 2.0]).round(6).tolist()
    [[2.0]]
    """
    logits = q @ k.swapaxes(-1, -2) / q.dtype.type(q.shape[-1]) ** 0.5  # (..., n_q, n)
    if size is not None:
        logits = logits + size_bias(checked_size(size, k.shape[-2], logits))
    shares = step(softmax(logits))  # (n_q, n) each row sums to one
    return shares @ v  # (..., n_q, d_v)
