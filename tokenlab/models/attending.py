r"""Attention in one piece: the result, and beside it the gradients of queries, keys and values."""

from collections.abc import Callable
from typing import Any

from tokenlab.arrays import library, stop
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.tape import taped

__all__: list[str] = []


def attend(q: Any, k: Any, v: Any, mask: Any = None) -> Any:
    r"""`attention` without its checks; `mask` may be anything that broadcasts.

    With $S = Q K^\top / \sqrt d$, $P_{ij} = e^{S_{ij}} / Z_i$ and $Y = P V$, the gradients are
    $\bar V = P^\top g$, $\bar S_{ij} = P_{ij} (g_i \cdot V_j - g_i \cdot Y_i)$, and from there
    $\bar Q = \bar S K / \sqrt d$ and the same for $K$. Only $e^S$ is kept, and never divided by
    $Z$: $Y$ and $g$ have fewer entries.
    """
    a, b, c = (stop(x) for x in (q, k, v))
    xp = library(q, k, v)
    scale = a.shape[-1] ** -0.5
    a = a * scale  # queries are fewer numbers than scores
    # Keys stand in rows and queries in columns: over rows, maxima are three times as fast.
    e = b @ turned(a)  # (..., n, n_q)
    if mask is not None:
        e += turned(xp.where(mask, 0, -xp.inf).astype(e.dtype))
    e -= e.max(axis=-2, keepdims=True)
    xp.exp(e, out=e)
    z = e.sum(axis=-2)[..., None]  # (..., n_q, 1)
    y = turned(e) @ c / z  # (..., n_q, d_v)

    def pull_scores(g: Any) -> Any:
        slope = c @ turned(g)  # (..., n, n_q), like e
        slope -= turned(products(g, y))
        slope *= e
        return slope

    divided = once(lambda g: g / z)
    slope = once(lambda g: pull_scores(divided(g)))
    return taped(
        y,
        (q, lambda g: (turned(slope(g)) @ b) * scale),
        (k, lambda g: slope(g) @ a),
        (v, lambda g: e @ divided(g)),
    )


def turned(x: Any) -> Any:
    """The last two axes exchanged."""
    return x.swapaxes(-1, -2)


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


def means(x: Any) -> Any:
    """The mean of each row: (..., d) to (..., 1). For short rows `x.mean` takes twice as long."""
    return library(x).einsum("...i->...", x)[..., None] / x.shape[-1]


def over_rows(x: Any, y: Any) -> Any:
    """The products of all entries, added up over all rows: (..., d) to (d,)."""
    d = x.shape[-1]
    return library(x).einsum("ni,ni->i", x.reshape(-1, d), y.reshape(-1, d))
