r"""What selections share: how many tokens a budget is, the best by score, and greedy comparisons.

Selectors return positions in the order in which they take them; a `Reduction` sorts. Greedy ones
stand in the papers' files: k-center in `divprune`, max-sum in `todre`. Their cosines are computed
in float64 and compared as multiples of $2^{-24}$, so that what is equal but for rounding ties, and
the first index wins whatever the engine.
"""

import math
import numbers
from typing import Any

import numpy as np

from tokenlab import checks, numerics
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.pruning.reduction import rounded_down

__all__ = ["budget", "topk"]


@takes(n="count")
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
    return checked_budget(k, n, rounding)


def checked_budget(k: int | float, n: int, rounding: str = "half_up") -> int:
    """`budget`, whose errors name the public function that was called."""
    checks.choice(rounding, "rounding", ("half_up", "down", "up"))
    # 1 is one token and 1.0 all of them, so the type decides.
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
        k = {
            "half_up": math.floor(exact + 0.5),
            "down": rounded_down(exact),  # 0.29 * 100 is a little less than 29, and means 29
            "up": math.ceil(exact - 1e-9),  # 0.7 * 10 is a little more than 7, and means 7
        }[rounding]
        k = max(1, k)  # no share is so small that nothing is left
    if not 1 <= k <= n:
        raise InvalidInput(
            f"{public_caller()}: the budget is k = {int(k)} of n = {n} tokens; possible are 1 to "
            f"{n}. To keep all pass k={n}, or the share 1.0."
        )
    return int(k)


@takes(scores="n")
def topk(scores: Any, k: int | float) -> Any:
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
    >>> topk([0.1, 0.7, 0.2, 0.7], 3).tolist()
    [1, 3, 2]
    """
    return numerics.topk(scores, checked_budget(k, len(scores))).ids  # (k,)


# For greedy selections.


def exact_directions(x: Any) -> Any:
    """Rows of length one in float64, a row of zeros as it is."""
    xp = get_xp(x)
    if x.dtype == xp.float64:
        return numerics.unit(x)
    x = x.astype(xp.float64)  # where no square of a float32 can overflow or vanish
    length = xp.sqrt((x * x).sum(axis=1, keepdims=True))  # (n, 1)
    return x / xp.where(length > 0, length, 1)


def rounded(cosines: Any) -> Any:
    """Multiples of $2^{-24}$: what should be equal is, although sums were rounded on the way."""
    # Powers of two: both products are exact, rounding happens once.
    return get_xp(cosines).rint(cosines * 2.0**24) * 2.0**-24


def least_typical(directions: Any) -> int:
    """The row of length one that is least similar to the mean of all; of several the first."""
    return int(rounded(directions @ directions.mean(axis=0)).argmin())


def checked_start(start: Any, name: str, n: int) -> int:
    """The token taken first; -1 where that is for the tokens to say."""
    if start is None:
        return -1
    start = checks.count(start, name, at_least=0)
    if start >= n:
        raise InvalidInput(
            f"{public_caller()}: {name} is {start}; there are n = {n} tokens, 0 to {n - 1}."
        )
    return start
