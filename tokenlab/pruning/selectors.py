r"""Which tokens to take: by score, by diversity, by chance, by place.

Selectors return positions in the order in which they take them; a `Reduction` sorts. Cosines are
computed in float64 and compared as multiples of $2^{-24}$, so that what is equal but for rounding
ties, and the first index wins whatever the engine.
"""

import math
import numbers
from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arrays import get_xp
from tokenlab.engine import accelerated
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.numerics import topk, unit
from tokenlab.pruning.reduction import checked_grid, rounded_down
from tokenlab.pruning.scores import checked_scores
from tokenlab.steps import step

__all__ = ["budget", "k_center", "max_sum", "neighbours4", "random_k", "stride", "top_k"]

ROUNDING = ("half_up", "down", "up")


def budget(k: int | float, n: int, *, rounding: str = "half_up") -> int:
    r"""How many tokens are kept of `n`.

    Parameters
    ----------
    k : int or float
        An integer is a number of tokens, from 1 to `n`. A float is a share, above 0 and at most
        1.0; at least one token is kept. So `1` is one token and `1.0` all.
    n : int
    rounding : {"half_up", "down", "up"}
        What a share is rounded to. Papers differ: TransPrune rounds down, HiPrune to the nearest,
        EViT up.

    Returns
    -------
    int

    Raises
    ------
    InvalidInput
        When so many cannot be kept.

    Examples
    --------
    >>> budget(0.1, 196), budget(0.1, 196, rounding="down"), budget(7, 196)
    (20, 19, 7)
    """
    if rounding not in ROUNDING:
        raise InvalidInput(
            f"{public_caller()}: rounding is {rounding!r}; expected one of {', '.join(ROUNDING)}."
        )
    whole = isinstance(k, numbers.Integral) and not isinstance(k, bool)
    if not whole and not isinstance(k, float | np.floating):
        raise InvalidInput(
            f"{public_caller()}: k is {k!r}; expected an integer from 1 to n = {n}, or a share of "
            "the tokens as a float above 0.0 and at most 1.0."
        )
    if not whole and not 0 < k <= 1:
        raise InvalidInput(
            f"{public_caller()}: k is the share {float(k):g}; expected a share above 0.0 and at "
            f"most 1.0, or an integer from 1 to n = {n} for a number of tokens."
        )
    if not whole:
        exact = float(k) * n
        rounded = {
            "half_up": math.floor(exact + 0.5),
            "down": rounded_down(exact),
            "up": math.ceil(exact - 1e-9),
        }
        k = max(1, rounded[rounding])
    if not 1 <= k <= n:
        raise InvalidInput(
            f"{public_caller()}: the budget is k = {int(k)} of n = {n} tokens; possible are 1 to "
            f"{n}. To keep all pass k={n}, or the share 1.0."
        )
    return int(k)


def top_k(scores: Any, k: int | float) -> Any:
    r"""The `k` tokens of highest score, best first, ties to the lower position.

    Parameters
    ----------
    scores : ndarray of shape (n,)
    k : int or float
        See `budget`.

    Returns
    -------
    ndarray of shape (k,)
        int64.

    Examples
    --------
    >>> top_k([0.1, 0.7, 0.2, 0.7], 3).tolist()
    [1, 3, 2]
    """
    scores = checked_scores(scores, "scores")
    return topk(scores, budget(k, len(scores))).ids


def k_center(x: Any, k: int | float, *, start: int | None = None) -> Any:
    r"""Greedy k-center: again and again the token that is farthest from all taken ones.

    The distance is $1 - \cos$. No token is farther from the taken ones than twice the angle that
    the best choice of `k` would reach (Gonzalez, 1985).

    Parameters
    ----------
    x : ndarray of shape (n, d)
    k : int or float
        See `budget`.
    start : int, optional
        The token taken first; by default the one least similar to the mean of all directions.

    Returns
    -------
    ndarray of shape (k,)
        int64, in the order in which they are taken: the first `j` are the result for `k = j`.

    Examples
    --------
    >>> k_center([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [-1.0, 0.0]], 3, start=0).tolist()
    [0, 3, 2]
    """
    return farthest_first(*_checked(x, k, start))


def max_sum(x: Any, k: int | float, *, start: int | None = None) -> Any:
    r"""Greedy max-sum: again and again the token whose cosines with the taken ones sum lowest.

    Unlike `k_center` it may take two tokens that are nearly the same, when both are far from most
    of the others.

    Parameters
    ----------
    x : ndarray of shape (n, d)
    k : int or float
        See `budget`.
    start : int, optional
        The token taken first; by default the one least similar to the mean of all directions.

    Returns
    -------
    ndarray of shape (k,)
        int64, in the order in which they are taken.

    Examples
    --------
    >>> max_sum([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [-1.0, 0.0]], 3, start=0).tolist()
    [0, 3, 1]
    """
    return least_similar(*_checked(x, k, start))


def _checked(x: Any, k: int | float, start: int | None) -> tuple[Any, int, int]:
    """Tokens, budget, and the first token; -1 where that is for the tokens to say."""
    x = checks.vectors(x, "x", "n", get_xp(x), at_least=1)
    k = budget(k, len(x))
    if start is None:
        return x, k, -1
    start = checks.count(start, "start", at_least=0)
    if start >= len(x):
        raise InvalidInput(
            f"{public_caller()}: start is {start}; there are n = {len(x)} tokens, 0 to "
            f"{len(x) - 1}."
        )
    return x, k, start


def _prepared(x: Any, first: int) -> tuple[Any, int]:
    """Directions in float64, and the first token: the least similar to their mean if it is -1."""
    xp = get_xp(x)
    x = unit(x.astype(xp.float64))
    return x, int(rounded(x @ x.mean(axis=0)).argmin()) if first < 0 else first


def rounded(cosines: Any) -> Any:
    """Multiples of $2^{-24}$: what should be equal is, although sums were rounded on the way."""
    return get_xp(cosines).rint(cosines * 2.0**24) * 2.0**-24


@accelerated("pruning.farthest_first", work=lambda x, k, first: x.size * k, pays_from=1e5)
def farthest_first(x: Any, k: int, first: int) -> Any:
    """Positions of `k` rows, each the farthest in direction from those before it."""
    xp = get_xp(x)
    x, first = _prepared(x, first)
    taken = xp.empty(k, dtype=xp.int64)
    closest = xp.full(len(x), -xp.inf)  # cosine with the nearest taken token
    for i in range(k):
        taken[i] = first
        closest = xp.maximum(closest, rounded(x @ x[first]))
        closest[first] = xp.inf  # nothing is taken twice
        note = "the largest cosine with a taken token: the smallest is taken next"
        step("closest", closest, note, eq="max over taken c of cos(x, c)", axes=("n",))
        first = int(closest.argmin())
    return step("taken", taken, "in the order in which they are taken", axes=("k",), of="n")


@accelerated("pruning.least_similar", work=lambda x, k, first: x.size * k, pays_from=1e5)
def least_similar(x: Any, k: int, first: int) -> Any:
    """Positions of `k` rows, each with the smallest sum of cosines with those before it."""
    xp = get_xp(x)
    x, first = _prepared(x, first)
    taken = xp.empty(k, dtype=xp.int64)
    free, total = xp.ones(len(x), dtype=bool), xp.zeros(x.shape[1])
    for i in range(k):
        taken[i] = first
        free[first] = False
        total = total + x[first]
        similarity = rounded(x @ total)  # the sum of cosines is one product
        similarity = xp.where(free, similarity, xp.inf)
        note = "the sum of cosines with the taken tokens: the smallest is taken next"
        step("similarity", similarity, note, eq="S = Σ cos(x, c)", axes=("n",))
        first = int(similarity.argmin())
    return step("taken", taken, "in the order in which they are taken", axes=("k",), of="n")


def random_k(n: int, k: int | float, *, rng: Any = None) -> np.ndarray:
    """Any `k` of `n` tokens with equal chance, ascending; the floor for every comparison.

    Examples
    --------
    >>> random_k(8, 3, rng=0).tolist()
    [4, 5, 7]
    """
    n = checks.count(n, "n")
    picked = np.random.default_rng(rng).choice(n, budget(k, n), replace=False)
    return np.sort(picked).astype(np.int64)


def stride(n: int, k: int | float) -> np.ndarray:
    """`k` of `n` tokens at even distances, ascending.

    Examples
    --------
    >>> stride(8, 3).tolist()
    [1, 4, 6]
    """
    n = checks.count(n, "n")
    k = budget(k, n)
    return (2 * np.arange(k, dtype=np.int64) + 1) * n // (2 * k)


def neighbours4(positions: Any, grid: tuple[int, int], *, variant: str = "paper") -> Any:
    r"""The tokens above, below, left and right of some on the grid, ascending, each once.

    Parameters
    ----------
    positions : ndarray of shape (k,)
        Integers, row by row.
    grid : (height, width)
    variant : {"paper", "official"}
        `"paper"` stays on the grid. `"official"` is the arithmetic of HiPrune's code on positions:
        left of a row's first patch is the last of the row above, and beyond the ends lie the first
        and the last patch.

    Returns
    -------
    ndarray of shape (n_neighbours,)
        int64; a position that is a neighbour of another one is among them.

    Examples
    --------
    >>> neighbours4([3], (4, 4)).tolist(), neighbours4([3], (4, 4), variant="official").tolist()
    ([2, 7], [0, 2, 4, 7])
    """
    xp = get_xp(positions)
    positions = checks.shaped(checks.integers(positions, "positions", xp), "positions", ("k",))
    height, width = checked_grid(grid)
    n = height * width
    checks.within(positions, "positions", n, "n")
    checked_variant(variant)
    if variant == "official":
        moves = [positions - 1, positions + 1, positions - width, positions + width]
        return xp.unique(xp.clip(xp.concatenate(moves), 0, n - 1))
    column = positions % width
    moves = [
        (positions - 1)[column > 0],
        (positions + 1)[column < width - 1],
        (positions - width)[positions >= width],
        (positions + width)[positions < n - width],
    ]
    return xp.unique(xp.concatenate(moves))


def checked_variant(variant: str) -> None:
    """Refuse a variant that is neither the paper's nor the official code's."""
    if variant not in ("paper", "official"):
        raise InvalidInput(
            f'{public_caller()}: variant is {variant!r}; expected "paper" or "official".'
        )
