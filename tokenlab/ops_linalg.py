r"""What can be differentiated, third part: inverses and decompositions of matrices, also stacked.

`x`, `w`, `v` are plain arrays, `g` is the gradient of a result. The vectors of equal eigenvalues
(or singular values) turn among each other at the smallest change, so that they have no derivative,
and what they turn counts as 0. That is right for what does not depend on it, as a projection onto
all of them; an inverse does, and is made by `inv`, `solve` or `pinv`.
"""

import functools
from collections.abc import Callable
from typing import Any

from tokenlab.arrays import library, stop
from tokenlab.tape import taped

__all__: list[str] = []


def flipped(x: Any) -> Any:
    """Each matrix transposed."""
    return x.swapaxes(-1, -2)


def solve(a: Any, b: Any) -> Any:
    """X = A^-1 B: the gradient of B is A^-T G, that of A is -A^-T G X^T."""
    x, xp = stop(a), library(a, b)
    if stop(b).ndim == 1:
        return solve(a, b[:, None])[..., 0]
    y = xp.linalg.solve(x, stop(b))
    back = functools.lru_cache(1)(lambda: xp.linalg.inv(flipped(x)))
    return taped(y, (a, lambda g: -(back() @ g) @ flipped(y)), (b, lambda g: back() @ g))


def inv(a: Any) -> Any:
    y = library(a).linalg.inv(stop(a))
    return taped(y, (a, lambda g: -flipped(y) @ g @ flipped(y)))


def pinv(a: Any, rcond: Any = None, **options: Any) -> Any:
    """For changes that keep the rank of A (Golub and Pereyra, 1973); P is the result."""
    x, xp = stop(a), library(a)
    p = xp.linalg.pinv(x, **options, **({} if rcond is None else {"rcond": rcond}))

    def pull(g: Any) -> Any:
        left = xp.eye(x.shape[-2], dtype=x.dtype) - x @ p  # onto what A does not reach
        right = xp.eye(x.shape[-1], dtype=x.dtype) - p @ x  # onto what A drops
        inside = flipped(p) @ g @ flipped(p)
        return left @ flipped(g) @ p @ flipped(p) + flipped(p) @ p @ flipped(g) @ right - inside

    return taped(p, (a, pull))


def eigh(a: Any, UPLO: str = "L") -> tuple[Any, Any]:
    r"""Of symmetric matrices: $dw_i = v_i \cdot dA\, v_i$, and $dV = V (F \odot V^\top dA\, V)$.

    The gradient is symmetric, as A is.
    """
    x, xp = stop(a), library(a)
    w, v = xp.linalg.eigh(x, UPLO)
    f = one_over_gaps(w)

    def pull(g: Any) -> Any:
        turned = v @ (f * (flipped(v) @ g)) @ flipped(v)
        return (turned + flipped(turned)) / 2

    values = taped(w, (a, lambda g: (v * g[..., None, :]) @ flipped(v)))
    return values, taped(v, (a, pull))


def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, **options: Any) -> Any:
    r"""$A = U S V^\top$ in its thin form: what U and V turn inside of A, and what they turn out."""
    x, xp = stop(a), library(a)
    if compute_uv and full_matrices and x.shape[-2] != x.shape[-1]:
        raise TypeError(
            "numpy.linalg.svd with full matrices has no derivative here; full_matrices=False has"
        )
    u, s, vt = xp.linalg.svd(x, full_matrices=False, **options)
    values = taped(s, (a, lambda g: (u * g[..., None, :]) @ vt))
    if not compute_uv:
        return values
    f = one_over_gaps(s * s)
    rows, columns = s[..., None, :], s[..., :, None]
    over = xp.where(rows > 0, 1 / xp.where(rows > 0, rows, 1), 0)

    def pull_u(g: Any) -> Any:
        inner = flipped(u) @ g
        outside = g - u @ inner  # leaves the span of U
        return (u @ (f * (inner - flipped(inner)) * rows) + outside * over) @ vt

    def pull_vt(g: Any) -> Any:
        inner = vt @ flipped(g)
        outside = g - flipped(inner) @ vt
        return u @ (columns * f * (inner - flipped(inner)) @ vt + flipped(over) * outside)

    return taped(u, (a, pull_u)), values, taped(vt, (a, pull_vt))


def one_over_gaps(w: Any) -> Any:
    """$F_{ij} = 1 / (w_j - w_i)$, and 0 for equal values."""
    xp = library(w)
    gap = w[..., None, :] - w[..., :, None]
    return xp.where(gap == 0, 0, 1 / xp.where(gap == 0, 1, gap)).astype(w.dtype, copy=False)


def qr(a: Any, mode: str = "reduced") -> tuple[Any, Any]:
    """A = Q R of a matrix with at least as many rows as columns, which are independent."""
    x, xp = stop(a), library(a)
    if mode != "reduced" or x.shape[-2] < x.shape[-1]:
        raise TypeError("numpy.linalg.qr has a derivative here for tall matrices, mode='reduced'")
    q, r = xp.linalg.qr(x)

    def back(g: Any, m: Any) -> Any:
        """(G + Q (M's lower half, mirrored)) R^-T."""
        mirrored = xp.tril(m) + flipped(xp.tril(m, -1))
        return flipped(xp.linalg.solve(r, flipped(g + q @ mirrored)))

    pull_q = lambda g: back(g, -flipped(g) @ q)  # noqa: E731
    pull_r = lambda g: back(0 * q, r @ flipped(g))  # noqa: E731
    return taped(q, (a, pull_q)), taped(r, (a, pull_r))


OPERATIONS_OF_MATRICES: dict[str, Callable[..., Any]] = {
    f"linalg.{f.__name__}": f for f in (solve, inv, pinv, eigh, svd, qr)
}
