r"""Attention in one piece: the result, and beside it the gradients of queries, keys and values."""

from collections.abc import Callable
from typing import Any

from tokenlab.arrays import library, stop
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.tape import taped

__all__: list[str] = []


def attend(q: Any, k: Any, v: Any, mask: Any = None) -> Any:
    r"""`attention` without its checks; `mask` may be anything that broadcasts.

    $\bar V = P^\top g$, $\bar P = g V^\top$, $\bar S = P \odot (\bar P - \sum_j \bar P_j P_j)$ for
    $S = Q K^\top / \sqrt d$, and from there $\bar Q = \bar S K / \sqrt d$ and the same for $K$.
    """
    a = stop(q)
    b = stop(k)
    c = stop(v)
    xp = library(q, k, v)
    scale = a.shape[-1] ** -0.5
    p = (a * scale) @ b.swapaxes(-1, -2)  # (..., n_q, n) scores, and P in the end
    if mask is not None:
        p += xp.where(mask, 0, -xp.inf).astype(p.dtype)
    p -= p.max(axis=-1, keepdims=True)
    xp.exp(p, out=p)
    p *= 1 / p.sum(axis=-1, keepdims=True)

    def pull_scores(g: Any) -> Any:
        g = g @ c.swapaxes(-1, -2)
        g -= products(g, p)
        g *= p
        g *= scale
        return g

    slope = once(pull_scores)
    return taped(
        p @ c,
        (q, lambda g: slope(g) @ b),
        (k, lambda g: slope(g).swapaxes(-1, -2) @ a),
        (v, lambda g: p.swapaxes(-1, -2) @ g),
    )


def once(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """`f`, which several ways back need for the same gradient, computed for the first of them."""
    last: list[Any] = [None, None]

    def call(g: Any) -> Any:
        if last[0] is not g:
            last[:] = g, f(g)
        return last[1]

    return call


def sees_something(mask: Any, name: str) -> None:
    """Raise for a query without a key: its probabilities would be 0 / 0."""
    blind = ~mask.any(axis=-1)
    if bool(blind.any()):
        raise InvalidInput(
            f"{public_caller()}: {name} has {int(blind.sum())} rows without True, so that a query "
            "sees nothing. Let it see itself, and leave its result out of the loss."
        )


def products(x: Any, y: Any) -> Any:
    """The product of each row of `x` with that of `y`, in one pass: (..., d) to (..., 1)."""
    return library(x).einsum("...i,...i->...", x, y)[..., None]


def over_rows(x: Any, y: Any) -> Any:
    """The products of all entries, added up over all rows: (..., d) to (d,)."""
    d = x.shape[-1]
    return library(x).einsum("ni,ni->i", x.reshape(-1, d), y.reshape(-1, d))
