r"""SOFT: Softmax-free Transformer with Linear Complexity: the gradient of its attention.

Jiachen Lu, Jinghan Yao, Junge Zhang, Xiatian Zhu, Hang Xu, Weiguo Gao, Chunjing Xu, Tao Xiang,
Li Zhang. NeurIPS 2021. arXiv:2110.11945

The inverse is differentiated by the paper's formula and not through its iterations; it stands in
`inverse.py`, beside the inverse. Everything else goes back over the tape, through the equations of
`soft.py` as they stand.

| paper's symbol | name here | shape |
|---|---|---|
| $P^\top$, $A$ | `p`, `a` | `(..., n, m)`, `(..., m, m)` |
| $T = PV$, $U = A^\dagger T$ | `t`, `u` | `(..., m, d_v)` |
| gradient of the loss for the output | `grad` | `(..., n, d_v)` |

Equations, with a bar for the gradient of the loss and $\odot$ for entry by entry:

$$\bar U = P\,\bar Y, \quad \bar T = A^{\dagger\top} \bar U, \quad \bar V = P^\top \bar T, \quad
\bar A = -\bar T\,U^\top \qquad (\text{G1})$$
$$\bar P^\top = \bar Y U^\top + V \bar T^\top \qquad (\text{G2})$$
$$E = \bar P^\top \odot P^\top: \quad
\bar q_i = \sum_j E_{ij} \frac{\tilde q_j - q_i}{\sqrt d}, \quad
\bar{\tilde q}_j = \sum_i E_{ij} \frac{q_i - \tilde q_j}{\sqrt d} \qquad (\text{G3})$$

Example
-------
    grads = soft_attention_vjp(q, v, landmarks, grad=2 * (y - target))
    grads.q_grad, grads.v_grad, grads.landmarks_grad
"""

from typing import Any, NamedTuple

from tokenlab.arguments import takes
from tokenlab.attention import inputs
from tokenlab.attention.soft import soft_attention
from tokenlab.tape import Node, Var, backward

__all__ = ["SoftGradients", "soft_attention_vjp"]


class SoftGradients(NamedTuple):
    """Gradients for the three inputs, each of its input's shape."""

    q_grad: Any
    v_grad: Any
    landmarks_grad: Any


@takes(q="... n d inf", v="... n d_v inf", landmarks="... m d", grad="... n d_v inf")
def soft_attention_vjp(
    q: Any,
    v: Any,
    landmarks: Any,
    grad: Any,
    *,
    inverse: str = "solve",
    ridge: float | None = None,
    iters: int = 20,
    mask: Any = None,
) -> SoftGradients:
    r"""Gradients of a loss for the inputs of `soft_attention`, from the one for its output.

    Parameters
    ----------
    q, v, landmarks, inverse, ridge, iters, mask
        As in `soft_attention`: ndarray of shape (..., n, d), (..., n, d_v), (..., m, d).
    grad : ndarray of shape (..., n, d_v)
        Gradient of the loss for the output.

    Returns
    -------
    SoftGradients
        `q_grad (..., n, d)`, `v_grad (..., n, d_v)`, `landmarks_grad (..., m, d)`; 0 for masked
        tokens.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        As in `soft_attention`; also where `grad` has not the shape of the output.

    Examples
    --------
    >>> grads = soft_attention_vjp([[0.0], [1.0]], [[1.0], [1.0]], [[0.0]], [[0.0], [1.0]], ridge=0)
    >>> grads.v_grad.round(4).ravel().tolist(), grads.q_grad.round(4).ravel().tolist()
    ([0.6065, 0.3679], [0.0, -1.3423])
    """
    # As in soft_attention; the gradient for what a mask hides may hold anything, too.
    mask = inputs.token_mask(mask, q, "q")
    q, v = inputs.seen(q, mask, "q"), inputs.seen(v, mask, "v")
    q, v, landmarks = inputs.in_one_precision(q, v, landmarks)
    grad = inputs.seen(grad, mask, "grad").astype(v.dtype, copy=False)  # (..., n, d_v)

    # On the tape, each with its own place, and from the output back to these.
    q, v, landmarks = (Var(x, Node(x)) for x in (q, v, landmarks))
    end = soft_attention(q, v, landmarks, mask=mask, inverse=inverse, ridge=ridge, iters=iters).node
    found = backward(end, grad)  # (G1) to (G3), from right to left
    return SoftGradients(*(found[x.node] for x in (q, v, landmarks)))


NOTES = r"""
Differs from the paper
----------------------
The released code is `fudan-zvg/SOFT` (bb0eec0).

- The paper's formula for $\bar A$ is written for the gradient of $A^\dagger$ as a matrix, an outer
  product $\bar U T^\top$ that is multiplied by the inverse from both sides. For a nearly singular
  kernel its rounding errors then outgrow it; (G1) is the same in exact numbers and keeps its digits.
- The formula assumes an invertible kernel. With `inverse="pinv"` the terms for a singular one are
  there as well.
- With `inverse="newton"` the last iterate is taken for the inverse, as in the released code; its
  gradient is that of the limit, not that of the iteration.
- Only the plain form (2) of `soft_attention`; the tape gives those of the other forms, too.
- Landmarks are an input. Where they are means of tokens, each token of a mean adds its landmark's
  gradient, divided by the number of tokens in the mean.

Cost
----
$6nm(d + d_v)$ operations, about three forward passes, and a few matrices `(n, m)` in memory.
The tape also computes the output, one product in nine, and takes 0.3 ms for itself: 1.3 times as
long as the same written out by hand at `n = 4096`, 1.4 times at `n = 1024`.
"""
