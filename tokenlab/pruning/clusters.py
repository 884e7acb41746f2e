r"""Tokens as means of clusters (k-means): the merger that only looks at the tokens themselves.

The least squared error that `k` tokens can have, as far as Lloyd's iteration finds it; see
`tokenlab.quantization.kmeans`. It costs many passes over all tokens, so it belongs to the time when
documents are indexed rather than into a forward pass.
"""

from typing import Any

from tokenlab import checks
from tokenlab.arrays import get_xp
from tokenlab.pruning.mergers import group_means
from tokenlab.pruning.reduction import Reduction, checked_size
from tokenlab.pruning.selectors import budget
from tokenlab.quantization import kmeans
from tokenlab.steps import step

__all__ = ["reduce"]


def reduce(
    x: Any, *, k: int | float, size: Any = None, rng: Any = None, rounding: str = "half_up"
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
    xp = get_xp(x) if size is None else get_xp(x, size)
    x = checks.vectors(x, "x", "n", xp, at_least=1)
    k, n = budget(k, len(x), rounding=rounding), len(x)
    sizes = checked_size(size, n, x)
    fitted = kmeans.fit(x, k, weights=None if size is None else sizes, rng=rng)
    away = x - fitted.codebook[fitted.codes]
    away = (away * away).sum(axis=1)
    # By cluster, and the most central token of each first.
    order = xp.argsort(away, kind="stable")
    order = order[xp.argsort(fitted.codes[order], kind="stable")]
    sorted_codes = fitted.codes[order]
    first = xp.concatenate([xp.ones(1, dtype=bool), sorted_codes[1:] != sorted_codes[:-1]])
    places = order[first]  # one token of each cluster that has any
    row = xp.zeros(k, dtype=xp.int64)
    row[fitted.codes[places]] = xp.argsort(xp.argsort(places))
    kept = xp.sort(places).astype(xp.int64)
    step("kept", kept, "the most central token of each cluster", axes=("k",), of="n")
    merged = group_means(kept, row[fitted.codes], size=sizes)
    return merged if size is not None else Reduction(kept, n, merged.transform, merged.size)
