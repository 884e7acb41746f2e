r"""Three ways to divide by the small kernel of SOFT's landmarks: solve, iterate, or decompose.

The gradient is the paper's, $\bar A = -Y^\top \bar Y\,Y^\top$ for $Y = A^\dagger$, but never with
$\bar Y$ itself. That is an outer product, $\bar U T^\top$; rounded, and then multiplied by a large
inverse from both sides, it would drown. The two solved vectors give it at once:

$$U = Y T, \quad \bar T = Y^\top \bar U, \quad \bar A = -\bar T\, U^\top \qquad (\text{N3, first})$$
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from tokenlab import checks
from tokenlab.arrays import get_xp, stop
from tokenlab.attention.newton import newton_iterates, with_ridge
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.models.attending import once
from tokenlab.tape import taped

__all__: list[str] = []


def landmark_inverse(
    a: Any, inverse: str, ridge: float | None, iters: int, dtype: Any
) -> Callable[[Any], Any]:
    """The function that multiplies `(..., m, k)` with the inverse of `a (..., m, m)`.

    `dtype` is the tokens' precision: what it leaves of small eigenvalues is not worth inverting.
    """
    checks.choice(inverse, "inverse", ("solve", "newton", "pinv"))
    if ridge is None:
        ridge = 1e-6 if inverse == "solve" else 0.0
    a = with_ridge(a, ridge)
    if inverse == "solve":
        return partial(divided, a, partial(solved, stop(a)))
    if inverse == "newton":
        return partial(divided, a, newton(stop(a), checks.count(iters, "iters", at_least=0)))
    multiply, lost = cut_pinv(stop(a), dtype)
    return partial(divided, a, multiply, lost=lost)


def divided(a: Any, multiply: Callable[[Any], Any], t: Any, lost: Any = None) -> Any:
    r"""$U = A^\dagger T$, with its gradients beside it; `a` is symmetric, and so is its inverse."""
    u = multiply(stop(t))

    back = once(multiply)  # for A as for T

    def a_grad(u_grad: Any) -> Any:
        t_grad = back(u_grad)  # (..., m, k)
        first = -t_grad @ flipped(u)  # (N3), first term
        if lost is None:
            return first
        # What A cannot reach moves as well, when A is singular: Golub and Pereyra's two terms.
        second = (lost @ stop(t)) @ flipped(multiply(t_grad))
        third = multiply(u) @ flipped(lost @ u_grad)
        return first + second + third  # (N3)

    return taped(u, (a, a_grad), (t, back))


def flipped(x: Any) -> Any:
    """Each matrix transposed."""
    return x.swapaxes(-1, -2)


def newton(a: Any, iters: int) -> Callable[[Any], Any]:
    """The iteration of `newton.py`, with its last step on the vectors themselves.

    It puts right what a matrix of large numbers has lost by rounding.
    """
    *_, x = newton_iterates(a, max(iters - 1, 0))  # (..., m, m)
    multiply = partial(get_xp(x).matmul, x)
    return partial(newton_step, a, multiply) if iters else multiply


def newton_step(a: Any, x: Callable[[Any], Any], t: Any) -> Any:
    """(N1), of a matrix that is known by what it does with vectors."""
    u = x(t)
    return u + x(t - a @ u)  # (N1) times t is 2 u - x(a @ u); so, the rounding of u cancels


def cut_pinv(a: Any, dtype: Any) -> tuple[Callable[[Any], Any], Any]:
    """Pseudo-inverse of a symmetric matrix, and the projection on what it leaves out.

    Eigenvalues in the rounding of `a`, or in that of the tokens' `dtype`, count as 0.
    """
    xp = get_xp(a)
    eigenvalues, u = xp.linalg.eigh(a)  # (..., m), (..., m, m)
    rounding = max(a.shape[-1] * float(xp.finfo(a.dtype).eps), float(xp.finfo(dtype).eps))
    kept = eigenvalues > rounding * xp.abs(eigenvalues).max(axis=-1, keepdims=True)
    gain = xp.where(kept, 1 / xp.where(kept, eigenvalues, 1), 0)
    lost = (u * ~kept[..., None, :]) @ flipped(u)
    # Never one matrix: its rounding errors would not know small eigenvectors from large ones.
    return lambda t: (u * gain[..., None, :]) @ (flipped(u) @ t), lost


def solved(a: Any, t: Any) -> Any:
    """$A^{-1} T$ by LAPACK."""
    xp = get_xp(a)
    try:
        return xp.linalg.solve(a, t)
    except xp.linalg.LinAlgError:
        raise InvalidInput(
            f"{public_caller()}: the landmarks' kernel is singular, as for two equal landmarks. "
            'Pass ridge=1e-6, inverse="pinv", or different landmarks.'
        ) from None
