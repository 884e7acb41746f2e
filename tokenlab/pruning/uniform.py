r"""Selections that look at nothing: any tokens, or every so-manieth. The floor of a comparison.

A rule that reads attention has to beat these before its score means anything, and on some models it
does not.
"""

from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.pruning.reduction import Reduction
from tokenlab.pruning.selectors import checked_budget
from tokenlab.steps import step

__all__ = ["random_k", "reduce", "stride"]


@takes(x="n d", rng="rng")
def reduce(
    x: Any,
    *,
    k: int | float,
    how: str = "random",
    rng: np.random.Generator | int | None = None,
    rounding: str = "half_up",
) -> Reduction:
    """Keep `k` tokens without looking at them.

    Parameters
    ----------
    x : ndarray of shape (n, d)
        Only how many they are is used.
    k : int or float
        The budget, see `selectors.budget`.
    how : {"random", "stride"}
        With equal chance, or at even distances.
    rng : numpy.random.Generator, int or None
    rounding : {"half_up", "down", "up"}
        What a share is rounded to.

    Returns
    -------
    Reduction

    Examples
    --------
    >>> reduce([[1.0]] * 8, k=3, rng=0).kept.tolist()
    [4, 5, 7]
    >>> reduce([[1.0]] * 8, k=3, how="stride").kept.tolist()
    [1, 4, 6]
    """
    checks.choice(how, "how", ("random", "stride"))
    n = len(x)
    k = checked_budget(k, n, rounding)  # a share becomes a number of tokens
    kept = random_k(n, k, rng=rng) if how == "random" else stride(n, k)
    # Positions of NumPy become positions of the library of x.
    kept = step("kept", get_xp(x).asarray(kept), f"by {how}", axes=("k",), of="n")
    return Reduction(kept, n)


@takes(n="count", rng="rng")
def random_k(n: int, k: int | float, *, rng: np.random.Generator | int | None = None) -> Any:
    """Any `k` of `n` tokens with equal chance, ascending; the floor for every comparison.

    Examples
    --------
    >>> random_k(8, 3, rng=0).tolist()
    [4, 5, 7]
    """
    # Drawn on the CPU, so that a seed draws the same tokens in every library.
    picked = np.random.default_rng(rng).choice(n, checked_budget(k, n), replace=False)
    return np.sort(picked).astype(np.int64)  # (k,)


@takes(n="count")
def stride(n: int, k: int | float) -> Any:
    """`k` of `n` tokens at even distances, ascending.

    Examples
    --------
    >>> stride(8, 3).tolist()
    [1, 4, 6]
    """
    k = checked_budget(k, n)
    # The middle of each of k equal stretches, rounded down, without leaving the integers.
    return (2 * np.arange(k, dtype=np.int64) + 1) * n // (2 * k)
