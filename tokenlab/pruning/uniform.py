r"""Selections that look at nothing: any tokens, or every so-manieth. The floor of a comparison.

A rule that reads attention has to beat these before its score means anything, and on some models it
does not.
"""

from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arrays import get_xp
from tokenlab.errors import InvalidInput
from tokenlab.pruning.reduction import Reduction
from tokenlab.pruning.selectors import budget, random_k, stride
from tokenlab.steps import step

__all__ = ["reduce"]


def reduce(
    x: Any, *, k: int | float, how: str = "random", rng: Any = None, rounding: str = "half_up"
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
    if how not in ("random", "stride"):
        raise InvalidInput(f'reduce: how is {how!r}; expected "random" or "stride".')
    xp = get_xp(x)
    n = len(checks.vectors(x, "x", "n", xp, at_least=1))
    k = budget(k, n, rounding=rounding)
    kept: np.ndarray = random_k(n, k, rng=rng) if how == "random" else stride(n, k)
    kept = step("kept", xp.asarray(kept), f"by {how}", axes=("k",), of="n")
    return Reduction(kept, n)
