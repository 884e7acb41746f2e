"""What `numerics` does on a GPU instead, where NumPy's way is not in CuPy, is wrong, or is slow.

All of it is plain array code that NumPy runs as well, with the same answers to the last bit.
"""

import math
from typing import Any

from tokenlab.arrays import get_xp

__all__: list[str] = []


def first_k_of_sorted(scores: Any, k: int) -> Any:
    """A stable sort of the negated scores keeps equal ones in order; for both libraries."""
    xp = get_xp(scores)
    return xp.argsort(-scores, axis=-1, kind="stable")[..., :k].astype(xp.int64)


def first_k_of_groups(scores: Any, k: int) -> Any:
    """The same for all rows at once: the `k` best lie in those `k` groups whose best is best.

    Before an entry of any other group come the best entries of `k` groups, also among equals.
    """
    xp, n = get_xp(scores), scores.shape[-1]
    size = math.isqrt(n // k)  # then there are about as many groups as entries in k of them
    n_groups = -(-n // size)
    padding = xp.full((*scores.shape[:-1], n_groups * size - n), -xp.inf, dtype=scores.dtype)
    groups = xp.concatenate([scores, padding], axis=-1)  # padding loses all ties, being last
    groups = groups.reshape(*scores.shape[:-1], n_groups, size)
    good = first_k_of_sorted(groups.max(axis=-1), k)
    good = xp.sort(good, axis=-1)  # (..., k), in order of position
    inside = xp.take_along_axis(groups, good[..., None], axis=-2)  # (..., k, size)
    position = (good[..., None] * size + xp.arange(size)).reshape(*scores.shape[:-1], k * size)
    best = first_k_of_sorted(inside.reshape(position.shape), k)
    return xp.take_along_axis(position, best, axis=-1)


def largest_of_windows(x: Any, offsets: Any, best: Any) -> None:
    """`segment_max` without scattering: the maxima of all windows of 1, 2, 4, ... rows.

    A run of 5 to 7 rows is covered by its first window of 4 and its last one.
    """
    xp, lengths, width = get_xp(x), offsets[1:] - offsets[:-1], 1
    longest = int(lengths.max())
    while True:
        own = xp.nonzero((lengths >= width) & (lengths < 2 * width))[0]
        best[own] = xp.maximum(x[offsets[own]], x[offsets[own + 1] - width])
        if 2 * width > longest:
            return
        x = xp.maximum(x[:-width], x[width:])  # x[i] is now the largest of 2 width rows from i on
        width *= 2
