"""What ways of pooling a text's tokens share: how many are kept, and the means of clusters."""

from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arrays import get_xp
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.numerics import offsets_of, segment_sum

__all__ = ["Pooled"]


class Pooled(NamedTuple):
    """Fewer vectors in place of a text's tokens, and where each token went.

    `tokens (k, d)`; `codes (n,)` int64, the row of `tokens` that stands for each token, or -1 for a
    token that was dropped.
    """

    tokens: Any
    codes: Any


def number_or_share(k: Any, name: str) -> int | float:
    """`k` as an integer of at least 1, or as a float above 0 and at most 1."""
    if isinstance(k, float | np.floating):
        value = checks.share(k, name)
        if value == 0:
            raise InvalidInput(
                f"{public_caller()}: {name} is 0.0; expected a share above 0 and at most 1."
            )
        return value
    return checks.count(k, name)


def kept(k: int | float, n: int) -> int:
    """How many of `n` vectors stay: a number, or a share rounded down, and at least one."""
    if isinstance(k, float):
        return min(max(1, int(k * n + 1e-9)), n)  # 0.29 * 100 is 28.999999999999996
    return min(k, n)


def cluster_means(x: Any, codes: Any, k: int) -> Any:
    """The mean of the rows of each code, `(k, d)`; rows of code -1 are left out."""
    xp = get_xp(x)
    order = xp.argsort(codes, kind="stable")  # (n,), clusters one behind the other
    order = order[codes[order] >= 0]  # (n_kept,)
    sizes = xp.bincount(codes[order], minlength=k)  # (k,)
    sums = segment_sum(x[order], offsets_of(sizes))  # (k, d)
    return sums / sizes[:, None].astype(x.dtype)
