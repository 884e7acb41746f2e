r"""Tokens as means of clusters (k-means): the merger that only looks at the tokens themselves.

The least squared error that `k` tokens can have, as far as Lloyd's iteration finds it; see
`tokenlab.quantization.kmeans`. It costs many passes over all tokens, so it belongs to the time when
documents are indexed rather than into a forward pass.
"""

from typing import Any

import numpy as np

from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.pruning.mergers import group_means
from tokenlab.pruning.reduction import Reduction, checked_size
from tokenlab.pruning.selectors import checked_budget
from tokenlab.quantization import kmeans
from tokenlab.steps import step

__all__ = ["reduce"]


@takes(x="n d", size="n")
def reduce(
    x: Any,
    *,
    k: int | float,
    size: Any = None,
    rng: np.random.Generator | int | None = None,
    rounding: str = "half_up",
) -> Reduction:
    """Merge tokens into the means of `k` clusters, each in the place of its most central token.

    Parameters
    ----------
    x : ndarray of shape (n, d)
    k : int or float
        The budget, see `selectors.budget`. Fewer tokens come out when fewer are distinct.
    size : ndarray of shape (n,), optional
        How many tokens each one stands for already.
    rng : numpy.random.Generator, int or None
    rounding : {"half_up", "down", "up"}
        What a share is rounded to.

    Returns
    -------
    Reduction
        With sizes.

    Examples
    --------
    >>> merged = reduce([[0.0], [0.2], [5.0], [5.4]], k=2, rng=0)
    >>> merged.kept.tolist(), merged.apply([[0.0], [0.2], [5.0], [5.4]]).round(2).tolist()
    ([0, 2], [[0.1], [5.2]])
    """
    xp = get_xp(x)
    n = len(x)
    k = checked_budget(k, n, rounding)
    sizes = checked_size(size, n, x)  # (n,)
    fitted = kmeans.fit(x, k, weights=None if size is None else sizes, rng=rng)
    codes = step(fitted.codes)  # (n,) -> n_codes: the cluster of each token
    away = x - fitted.codebook[codes]
    away = step((away * away).sum(axis=1))  # (n,) squared distance from its centre
    # By cluster, and the most central token of each first: two stable sorts, the last one counts.
    order = xp.argsort(away, kind="stable")
    order = order[xp.argsort(codes[order], kind="stable")]
    in_order = codes[order]
    first = xp.concatenate([xp.ones(1, dtype=bool), in_order[1:] != in_order[:-1]])
    places = order[first]  # one token of each cluster that has any
    row = xp.zeros(k, dtype=xp.int64)  # of each cluster, among the places in their order
    row[codes[places]] = xp.argsort(xp.argsort(places))
    kept = xp.sort(places).astype(xp.int64)
    step(kept)  # (k,) -> n: the most central token of each cluster
    merged = group_means(kept, row[codes], size=sizes)
    return merged if size is not None else Reduction(kept, n, merged.transform, merged.size)
