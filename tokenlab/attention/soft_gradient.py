r"""SOFT: Softmax-free Transformer with Linear Complexity: the gradient of its attention, by hand.

Jiachen Lu, Jinghan Yao, Junge Zhang, Xiatian Zhu, Hang Xu, Weiguo Gao, Chunjing Xu, Tao Xiang,
Li Zhang. NeurIPS 2021. arXiv:2110.11945

The forward pass is three thin products and one small inverse, and so is the backward pass, read
from right to left. The inverse is differentiated by a formula and not through its iterations.
Everything stays linear in the number of tokens.

| paper's symbol | name here | shape |
|---|---|---|
| $P^\top$, $A$, $A^\dagger$ | `p`, `a`, `y` | `(..., n, m)`, `(..., m, m)` twice |
| $T = PV$, $U = A^\dagger T$ | `t`, `u` | `(..., m, d_v)` |
| gradient of the loss for the output | `grad` | `(..., n, d_v)` |

Equations, with a bar for the gradient of the loss and $\odot$ for entry by entry:

$$\bar U = P\,\bar Y, \quad \bar T = A^{\dagger\top} \bar U, \quad \bar V = P^\top \bar T, \quad
\bar A^\dagger = \bar U T^\top \qquad (\text{G1})$$
$$\bar P^\top = \bar Y U^\top + V \bar T^\top, \qquad
\bar A = \text{(N3) of } \texttt{newton.pinv\_vjp} \qquad (\text{G2})$$
$$E = \bar P^\top \odot P^\top: \quad
\bar q_i = \sum_j E_{ij} \frac{\tilde q_j - q_i}{\sqrt d}, \quad
\bar{\tilde q}_j = \sum_i E_{ij} \frac{q_i - \tilde q_j}{\sqrt d} \qquad (\text{G3})$$

Differs from the paper
----------------------
- The paper's formula for $\bar A$ assumes an invertible kernel. With `inverse="pinv"` the terms for
  a singular one are there as well.
- With `inverse="newton"` the last iterate is taken for the inverse, as in the released code; its
  gradient is that of the limit, not that of the iteration.
- Only the plain form (2) of `soft_attention`; no normalisation, no repaired diagonal.
- Landmarks are an input. Where they are means of tokens, each token of a mean adds its landmark's
  gradient, divided by the number of tokens in the mean.

Cost
----
$6nm(d + d_v)$ operations, about three forward passes, and `(n, m)` twice in memory.

Example
-------
    grads = soft_attention_vjp(q, v, landmarks, grad=2 * (y - target))
    grads.q, grads.v, grads.landmarks
"""

from typing import Any, NamedTuple

from tokenlab.arrays import get_xp
from tokenlab.attention import inputs
from tokenlab.attention.inverse import landmark_inverse
from tokenlab.attention.newton import pinv_vjp
from tokenlab.attention.soft import exp_product, landmark_kernel, scaled

__all__ = ["SoftGradients", "soft_attention_vjp"]


class SoftGradients(NamedTuple):
    """Gradients for the three inputs, each of its input's shape."""

    q: Any
    v: Any
    landmarks: Any


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
        `q (..., n, d)`, `v (..., n, d_v)`, `landmarks (..., m, d)`; 0 for masked tokens.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        As in `soft_attention`; also where `grad` has not the shape of the output.

    Examples
    --------
    >>> grads = soft_attention_vjp([[0.0], [1.0]], [[1.0], [1.0]], [[0.0]], [[0.0], [1.0]], ridge=0)
    >>> grads.v.round(4).ravel().tolist(), grads.q.round(4).ravel().tolist()
    ([0.6065, 0.3679], [0.0, -1.3423])
    """
    q, v, landmarks, mask = inputs.soft_inputs(q, v, landmarks, mask, False)
    grad, _ = inputs.masked_tokens(grad, mask, "grad")
    xp = get_xp(q, grad)
    inputs.same_leading(v=v, grad=grad)
    inputs.same_length(v, "v", grad, "grad", -2, "n")
    inputs.same_length(v, "v", grad, "grad", -1, "d_v")
    grad = grad.astype(v.dtype, copy=False)
    shift = landmarks.mean(axis=-2, keepdims=True)
    p = exp_product(*scaled(q, shift), *scaled(landmarks, shift))  # (..., n, m)
    p = p if mask is None else p * mask[..., None]
    p_t, a = p.swapaxes(-1, -2), landmark_kernel(landmarks)
    apply = landmark_inverse(a, inverse, ridge, iters, q.dtype)
    y = apply(xp.broadcast_to(xp.eye(a.shape[-1]), a.shape))  # (..., m, m)
    t, u_grad = p_t @ v, p_t @ grad  # (G1), (..., m, d_v)
    u, t_grad = (y @ t).astype(v.dtype), (y.swapaxes(-1, -2) @ u_grad).astype(v.dtype)  # (G1)
    p_grad = grad @ u.swapaxes(-1, -2) + v @ t_grad.swapaxes(-1, -2)  # (G2)
    y_grad = u_grad @ t.swapaxes(-1, -2)  # (G1)
    a_grad = pinv_vjp(y, y_grad, a if inverse == "pinv" else None)  # (G2)
    q_bar, from_thin = _kernel_vjp(p_grad * p, q, landmarks)
    left, right = _kernel_vjp((a_grad * a).astype(q.dtype), landmarks, landmarks)
    return SoftGradients(q_bar, p @ t_grad, from_thin + left + right)


def _kernel_vjp(e: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """(G3): gradients for the rows of `x` and of `y` from `e`, the kernel's times the kernel."""
    root = x.dtype.type(x.shape[-1] ** 0.5)
    e_t = e.swapaxes(-1, -2)
    x_bar = (e @ y - e.sum(axis=-1)[..., None] * x) / root
    y_bar = (e_t @ x - e_t.sum(axis=-1)[..., None] * y) / root
    return x_bar, y_bar  # (..., n, d), (..., m, d)
