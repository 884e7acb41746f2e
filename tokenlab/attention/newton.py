r"""SOFT: Softmax-free Transformer with Linear Complexity: its Newton-Raphson inverse.

Jiachen Lu, Jinghan Yao, Junge Zhang, Xiatian Zhu, Hang Xu, Weiguo Gao, Chunjing Xu, Tao Xiang,
Li Zhang. NeurIPS 2021. arXiv:2110.11945

SOFT inverts the small kernel of its landmarks by an iteration of matrix products alone, which suits
a GPU. Every iterate has the eigenvectors of the matrix, so that the whole iteration is a filter on
its eigenvalues with a closed form: large ones are inverted first, small ones last or never. Seen
so, "20 iterations" is a regulariser, and everything that can go wrong can be watched.

| paper's symbol | name here | shape |
|---|---|---|
| $A$ | `a` | `(..., m, m)` |
| $A_k$, the iterate | `x` | `(..., m, m)` |
| $\alpha$ | `alpha` | `(...)` |
| $A^\dagger$ | `inverse` | `(..., m, m)` |
| $\lambda$, eigenvalues of $A$ | `eigenvalues` | `(..., m)` |

Equations:

$$X_0 = \alpha A, \quad \alpha = \frac{2 \cdot 0.9}{\lVert A \rVert_1^2}, \quad
X_{k+1} = 2 X_k - X_k A X_k \qquad (\text{N1})$$
$$X_k = U\,\mathrm{diag}\!\left(\frac{1 - (1 - \alpha\lambda^2)^{2^k}}{\lambda}\right) U^\top
\quad\text{for } A = U\,\mathrm{diag}(\lambda)\,U^\top \qquad (\text{N2})$$
$$\bar A = -Y^\top \bar Y\, Y^\top + (I - AY)\,\bar Y^\top Y Y^\top
+ Y^\top Y\,\bar Y^\top (I - YA), \quad Y = A^\dagger \qquad (\text{N3})$$

Example
-------
    with record() as steps:
        inverse, residuals = newton_pinv(gaussian_kernel(landmarks, landmarks))
    steps["inverted #5"]        # which part of each eigenvalue the fifth iterate has inverted
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.steps import is_recording, step

__all__ = ["Newton", "newton_pinv", "pinv_vjp", "spectral_filter"]


class Newton(NamedTuple):
    """The last iterate, and the residual of every iterate from the start value on."""

    inverse: Any
    residuals: Any


@takes(a="... m m")
def newton_pinv(a: Any, *, iters: int = 20, ridge: float = 0.0, factor: float = 0.9) -> Newton:
    r"""Pseudo-inverse of a symmetric matrix by Newton-Raphson steps, (N1).

    Parameters
    ----------
    a : ndarray of shape (..., m, m)
        Symmetric; positive semi-definite in SOFT, but any symmetric matrix will do.
    iters : int
        Steps; 0 returns the start value $\alpha A$.
    ridge : float
        Added to the diagonal first.
    factor : float
        Below 1 the iteration converges for every `a`; see "What to watch for".

    Returns
    -------
    Newton
        `inverse (..., m, m)` and `residuals (..., iters + 1)`, $\lVert AX_kA - A \rVert /
        \lVert A \rVert$ in the Frobenius norm.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError
        Not square, not symmetric, NaN, `iters < 0`, `ridge < 0`, `factor` outside (0, 1].

    Examples
    --------
    >>> inverse, residuals = newton_pinv([[2.0, 0.0], [0.0, 1.0]], iters=6)
    >>> inverse.round(6).tolist()
    [[0.5, 0.0], [0.0, 1.0]]
    >>> residuals.round(4).tolist()
    [0.7566, 0.5882, 0.3686, 0.1501, 0.0252, 0.0007, 0.0]
    """
    a, xp = with_ridge(symmetric(a), ridge), get_xp(a)
    step("A", a, "the kernel of the landmarks, with the ridge", axes=("m", "m"))
    watched = eigenvectors(a)
    size, residuals = frobenius(a), []  # (...)
    size = xp.where(size == 0, xp.ones_like(size), size)  # a matrix of zeros is inverted by zeros
    for x in newton_iterates(a, checks.count(iters, "iters", at_least=0), factor):
        iterate = step(x)  # (m, m) [Xₖ = 2Xₖ₋₁ − Xₖ₋₁AXₖ₋₁ (N1)]
        missed = frobenius(a @ iterate @ a - a)
        residual = step(missed / size)  # [‖AXA−A‖/‖A‖] what the paper watches
        residuals.append(residual)
        watch(iterate, *watched)
    return Newton(iterate, xp.stack(residuals, axis=-1))


def newton_iterates(a: Any, iters: int, factor: float = 0.9) -> Iterator[Any]:
    """The start value and `iters` Newton steps, one at a time; `a` is taken as checked."""
    x = newton_alpha(a, factor)[..., None, None] * a  # (N1), the start: (..., m, m)
    yield x
    for _ in range(iters):
        x = 2 * x - x @ (a @ x)  # (N1), a step
        yield x


def newton_alpha(a: Any, factor: float = 0.9) -> Any:
    """The scale of the start value, `(...)`; 0 for a matrix of zeros, whose inverse is zero."""
    factor = checks.number(factor, "factor", above=0, at_most=1)
    xp = get_xp(a)
    norm = xp.abs(a).sum(axis=-2).max(axis=-1)  # (...): the largest sum of a column
    zero = norm == 0
    alpha = xp.where(zero, 0, 2 * factor / xp.where(zero, 1, norm) ** 2).astype(a.dtype)
    return step("alpha", alpha, "the scale of the start value", eq="α = 2·0.9/‖A‖₁²")


@takes(a="... m m")
def spectral_filter(a: Any, *, iters: int = 20, ridge: float = 0.0, factor: float = 0.9) -> Any:
    r"""The iterate of `newton_pinv` in closed form, (N2), without any iteration.

    Parameters
    ----------
    a, iters, ridge, factor
        As in `newton_pinv`, ndarray of shape (..., m, m) and so on.

    Returns
    -------
    ndarray of shape (..., m, m)

    Examples
    --------
    >>> a = [[1.0, 0.5], [0.5, 1.0]]
    >>> gap = spectral_filter(a, iters=7) - newton_pinv(a, iters=7).inverse
    >>> bool(abs(gap).max() < 1e-14)
    True
    """
    a, xp = with_ridge(symmetric(a), ridge), get_xp(a)
    iters = checks.count(iters, "iters", at_least=0)
    eigenvalues, u = xp.linalg.eigh(a)  # (..., m), (..., m, m)
    alpha = newton_alpha(a, factor)[..., None]
    x = alpha * eigenvalues**2  # (..., m)
    if iters == 0:
        return (u * (alpha * eigenvalues)[..., None, :]) @ u.swapaxes(-1, -2)
    # 1 - (1 - x)^(2^k) without cancellation; an even power does not see the sign of 1 - x.
    small = x < 0.5
    left = xp.where(small, 1.0, xp.maximum(xp.abs(1 - x), xp.finfo(x.dtype).tiny))
    log_left = xp.where(small, xp.log1p(-xp.where(small, x, 0.0)), xp.log(left))
    with np.errstate(over="ignore", invalid="ignore"):  # -inf: what is left is 0
        power = math.ldexp(1.0, min(iters, 1000)) * log_left
    inverted = -xp.expm1(xp.where(log_left == 0, 0.0, power))
    zero = eigenvalues == 0
    gain = xp.where(zero, 0, inverted / xp.where(zero, 1, eigenvalues))  # (N2)
    return ((u * gain[..., None, :]) @ u.swapaxes(-1, -2)).astype(a.dtype, copy=False)


@takes(y="... m m", grad="... m m", a="... m m")
def pinv_vjp(y: Any, grad: Any, a: Any = None) -> Any:
    r"""Gradient for $A$ of a loss that depends on $Y = A^\dagger$, (N3).

    Parameters
    ----------
    y : ndarray of shape (..., m, m)
        The (pseudo-)inverse.
    grad : ndarray of shape (..., m, m)
        Gradient for `y`.
    a : ndarray of shape (..., m, m), optional
        The matrix itself. Without it only the first term is computed, the paper's short form, which
        is right as long as `a` is invertible. With it the result stays right for a singular matrix,
        along changes that keep its rank.

    Returns
    -------
    ndarray of shape (..., m, m)

    Examples
    --------
    >>> pinv_vjp([[0.5]], [[1.0]]).tolist()  # d(1/a)/da = -1/a^2 at a = 2
    [[-0.25]]
    """
    y_t = y.swapaxes(-1, -2)
    grad_t = grad.swapaxes(-1, -2)
    short = -y_t @ grad @ y_t  # (N3), first term
    if a is None:
        return short
    one = get_xp(y).eye(y.shape[-1], dtype=y.dtype)
    # What A cannot reach moves as well, when A is singular: Golub and Pereyra's two terms.
    return short + (one - a @ y) @ grad_t @ y @ y_t + y_t @ y @ grad_t @ (one - y @ a)  # (N3)


def symmetric(a: Any) -> Any:
    """`a`, or an error that says how far it is from its mirror image."""
    xp = get_xp(a)
    if a.size == 0:  # a batch of no matrices
        return a
    gap, scale = float(xp.abs(a - a.swapaxes(-1, -2)).max()), float(xp.abs(a).max())
    if gap > 64 * float(xp.finfo(a.dtype).eps) * scale:
        raise InvalidInput(
            f"{public_caller()}: a is not symmetric: entries differ from their mirror image by up "
            f"to {gap:.3g}. SOFT's iteration starts from a itself, which needs symmetry."
        )
    return a


def with_ridge(a: Any, ridge: Any) -> Any:
    """`a + ridge I`."""
    return a + checks.number(ridge, "ridge", at_least=0) * get_xp(a).eye(a.shape[-1], dtype=a.dtype)


def frobenius(x: Any) -> Any:
    """The norm of each matrix, `(...)`."""
    return get_xp(x).sqrt((x * x).sum(axis=(-2, -1)))


def eigenvectors(a: Any) -> tuple[Any, ...]:
    """Eigenvalues and eigenvectors for the recording alone; the iteration knows neither."""
    if not is_recording():
        return ()
    eigenvalues, u = get_xp(a).linalg.eigh(a)
    note = "the iteration does not know them; shown to see which ones it has inverted"
    return step("eigenvalues", eigenvalues, note, eq="A = U diag(λ) Uᵀ", axes=("eigenvalue",)), u


def watch(x: Any, eigenvalues: Any = None, u: Any = None) -> None:
    """Record how far an iterate is on each eigenvalue, and what it does with the null space."""
    if u is not None:
        gain = (u * (x @ u)).sum(axis=-2)  # (..., m)
        note = "what the iterate multiplies each eigenvector with; the goal is 1/λ, or 0 for λ = 0"
        step("gain", gain, note, eq="uᵢᵀ Xₖ uᵢ", axes=("eigenvalue",))
        note = "1: this eigenvalue is inverted, 0: not yet"
        inverted = eigenvalues * gain
        step("inverted", inverted, note, eq="1 − (1 − αλ²)^(2^k) (N2)", axes=("eigenvalue",))


NOTES = r"""
What to watch for
-----------------
- The iteration converges exactly if $0 < \alpha\lambda_{max}^2 < 2$. Without the 0.9, a matrix of
  equal row sums (every 2 x 2 kernel) has $\alpha\lambda_{max}^2 = 2$: its top eigenvector is wiped
  out and never inverted, and what rounding leaves of it doubles until everything is lost.
- An eigenvalue needs about $2\log_2(\lVert A \rVert_1/\lambda)$ steps. After 20, everything below
  $7 \cdot 10^{-4}\,\lVert A \rVert_1$ is damped and not inverted.
- Two equal landmarks make $A$ singular. Rounding errors in its null space double with every step,
  $2E - 0$, so that more iterations hurt, while $\lVert AXA - A \rVert$ does not see them. (A matrix
  product that happens to round both landmarks alike leaves no error there to double.)

Differs from the paper
----------------------
- Residuals are Frobenius norms, which cost nothing beside the products; the paper's is spectral.
- `ridge` is added before anything else, so that $\alpha$ knows of it. The paper has no ridge; the
  released code adds 0.01 inside the loop and takes $\alpha$ from the matrix without it.
- The first release starts with $2 \cdot 0.5^n / \lVert A \rVert_1^2$, `n` the number of halvings;
  the present one (`fudan-zvg/SOFT`, bb0eec0) with the paper's factor, for each head.
- The released code's class with normalisation takes one norm over the batch and all heads, starts
  with factor 1 and halves $\alpha$ only while $\lVert I - AX_0 \rVert_1 > 1.01$. For a 2 x 2 kernel
  that norm is exactly 1, so it never halves and returns a wrong inverse. With one $\alpha$ for a
  whole batch the iteration fails to converge for most batches that we tried.
- The paper's gradient is the first term of (N3) alone. It is right for an invertible matrix and
  wrong for a singular one; `pinv_vjp` has both.

Cost
----
Two products of $2m^3$ operations a step, and one more for the residual. LAPACK's `solve` costs
$\tfrac{2}{3}m^3$ in all: `soft_attention` uses that unless it is told otherwise.
"""
