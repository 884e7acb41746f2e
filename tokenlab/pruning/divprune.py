r"""DivPrune: Diversity-based Visual Token Pruning for Large Multimodal Models.

Saeed Ranjbar Alvar, Gursimran Singh, Mohammad Akbari, Yong Zhang. CVPR 2025. arXiv:2503.02175

Keep tokens whose smallest mutual distance is as large as possible: the max-min diversity problem,
solved greedily. The first token is the one with the farthest nearest neighbour.

| paper's symbol | name here | shape |
|---|---|---|
| visual tokens | `x` | `(n, d)` |
| selected tokens $C$ | `taken` | `(k,)` |
| distance $d$ | $1 - \cos$ | |

$$\text{first} = \arg\max_v \min_{u \neq v} d(v, u), \quad
\text{next} = \arg\max_v \min_{c \in C} d(v, c) \qquad (1)$$

Example
-------
    reduction = divprune.reduce(features, k=0.098)
"""

from typing import Any

from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.blocks import by_rows
from tokenlab.engine import accelerated
from tokenlab.pruning.reduction import Reduction, selection
from tokenlab.pruning.selectors import (
    checked_budget,
    checked_start,
    exact_directions,
    least_typical,
    rounded,
)
from tokenlab.steps import step

__all__ = ["k_center", "loneliest", "reduce"]


@takes(x="n d")
def reduce(x: Any, *, k: int | float, rounding: str = "half_up") -> Reduction:
    r"""Keep `k` tokens that are far from each other, (1).

    Parameters
    ----------
    x : ndarray of shape (n, d)
    k : int or float
        The budget, see `selectors.budget`.
    rounding : {"half_up", "down", "up"}
        What a share is rounded to.

    Returns
    -------
    Reduction

    Examples
    --------
    >>> reduce([[1.0, 0.0], [0.9, 0.4], [-0.2, 1.0], [-0.9, 0.5]], k=2).kept.tolist()
    [0, 2]
    """
    k = checked_budget(k, len(x), rounding)
    reduction = selection(farthest_first(x, k, loneliest(x)), len(x))  # Eq. (1)
    step("kept", reduction.kept, "in the order of the image", axes=("k",), of="n")
    return reduction


@takes(x="n d")
def loneliest(x: Any) -> int:
    r"""The token whose most similar other one is least similar; of several the first.

    Parameters
    ----------
    x : ndarray of shape (n, d)

    Examples
    --------
    >>> loneliest([[1.0, 0.0], [0.9, 0.1], [-1.0, 0.0]])
    2
    """
    xp = get_xp(x)
    x = exact_directions(x)  # (n, d)
    closest_other = nearest_cosine(xp.arange(len(x)), x)
    step(closest_other)  # (n,) [max u ≠ v of cos(v, u)] the nearest other token
    return int(closest_other.argmin())  # Eq. (1), first


@by_rows(lambda these, x: len(x))
def nearest_cosine(these: Any, x: Any) -> Any:
    """The largest cosine of each of these tokens with another; in float32, so that equal ones tie."""
    xp = get_xp(these, x)
    cosines = x[these] @ x.T  # (n_these, n)
    cosines[xp.arange(len(these)), these] = -2.0  # not with itself
    return cosines.max(axis=1).astype(xp.float32)  # (n_these,)


@takes(x="n d")
def k_center(x: Any, k: int | float, *, start: int | None = None) -> Any:
    r"""Greedy k-center: again and again the token that is farthest from all taken ones, (1).

    The distance is $1 - \cos$. No token is farther from the taken ones than twice the angle that
    the best choice of `k` would reach (Gonzalez, 1985).

    Parameters
    ----------
    x : ndarray of shape (n, d)
    k : int or float
        See `budget`.
    start : int, optional
        The token taken first; by default the one least similar to the mean of all directions,
        which needs no comparison of all pairs.

    Returns
    -------
    ndarray of shape (k,)
        int64, in the order in which they are taken: the first `j` are the result for `k = j`.

    Examples
    --------
    >>> k_center([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [-1.0, 0.0]], 3, start=0).tolist()
    [0, 3, 2]
    """
    return farthest_first(x, checked_budget(k, len(x)), checked_start(start, "start", len(x)))


@accelerated("pruning.farthest_first", work=lambda x, k, first: x.size * k, pays_from=1e5)
def farthest_first(x: Any, k: int, first: int) -> Any:
    """Positions of `k` rows, each the farthest in direction from those before it."""
    xp = get_xp(x)
    x = exact_directions(x)  # (n, d), of length one: products are cosines
    v = least_typical(x) if first < 0 else first
    order: list[int] = []
    closest = xp.full(len(x), -xp.inf)  # (n,)
    for _ in range(k):
        order.append(v)
        cosine = rounded(x @ x[v])  # (n,)
        closest = xp.maximum(closest, cosine)
        step(closest)  # (n,) [max c of cos(x, c)] with the nearest taken token: the least is next
        closest[v] = xp.inf  # nothing is taken twice
        v = int(closest.argmin())  # Eq. (1), next; of several the first
    taken = xp.asarray(order, dtype=xp.int64)
    return step("taken", taken, "in the order in which they are taken", axes=("k",), of="n")


NOTES = r"""
Differs from the paper
----------------------
- Written from the equations, since the authors' code may not be used commercially.
- A share is rounded half up. The authors (`vbdi/divprune`, a6889f7) round as Python does, half to the even
  number; pass `k` as a number of tokens for theirs.
- Nothing is taken twice. Without that, exact duplicates could be.
- Cosines are computed in float64 and compared as multiples of $2^{-24}$, so that what is equal but
  for rounding ties, and the first token is taken.

Cost
----
$n^2 d$ for the first token, $n k d$ for the others. The default start of `k_center` needs no
comparison of all pairs.
"""
