"""Three ways to divide by the small kernel of SOFT's landmarks: solve, iterate, or decompose."""

from collections.abc import Callable
from functools import partial
from typing import Any

from tokenlab import checks
from tokenlab.arrays import get_xp
from tokenlab.attention.newton import newton_iterates
from tokenlab.errors import InvalidInput, public_caller

__all__: list[str] = []


def landmark_inverse(
    a: Any, inverse: str, ridge: float | None, iters: int, dtype: Any
) -> Callable[[Any], Any]:
    """The function that multiplies `(..., m, k)` with the inverse of `a (..., m, m)`.

    `dtype` is the tokens' precision: what it leaves of small eigenvalues is not worth inverting.
    """
    if inverse == "solve":
        return partial(_solve, with_ridge(a, 1e-6 if ridge is None else ridge))
    a = with_ridge(a, ridge or 0.0)
    if inverse == "newton":
        *_, x = newton_iterates(a, checks.count(iters, "iters", at_least=0))
    elif inverse == "pinv":
        x = cut_pinv(a, dtype)
    else:
        raise InvalidInput(
            f'{public_caller()}: inverse is {inverse!r}; expected "solve", "newton" or "pinv".'
        )
    return partial(get_xp(a).matmul, x)


def with_ridge(a: Any, ridge: float) -> Any:
    """`a + ridge I`."""
    if not ridge >= 0:
        raise InvalidInput(f"{public_caller()}: ridge is {ridge}; expected a number of at least 0.")
    return a + ridge * get_xp(a).eye(a.shape[-1])


def cut_pinv(a: Any, dtype: Any) -> Any:
    """Pseudo-inverse of a symmetric matrix; eigenvalues in the rounding of `dtype` count as 0."""
    xp = get_xp(a)
    eigenvalues, u = xp.linalg.eigh(a)
    least = a.shape[-1] * xp.finfo(dtype).eps * xp.abs(eigenvalues).max(axis=-1, keepdims=True)
    kept = eigenvalues > least
    gain = xp.where(kept, 1 / xp.where(kept, eigenvalues, 1), 0)  # (..., m)
    return (u * gain[..., None, :]) @ u.swapaxes(-1, -2)


def _solve(a: Any, t: Any) -> Any:
    xp = get_xp(a)
    try:
        return xp.linalg.solve(a, t)
    except xp.linalg.LinAlgError:
        raise InvalidInput(
            f"{public_caller()}: the landmarks' kernel is singular, as for two equal landmarks. "
            'Pass ridge=1e-6, inverse="pinv", or different landmarks.'
        ) from None
