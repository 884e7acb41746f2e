r"""Pairs of words along a direction: what Bolukbasi et al. (2016) show to people.

$$S(x, y) = \cos(g, x - y) \text{ where } \lVert x - y \rVert \le \delta \qquad (7)$$

`embeddings.debias` hands this function on.
"""

from typing import Any, NamedTuple

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.embeddings.vectors import directions

__all__ = ["AnalogyPairs", "analogy_pairs"]


class AnalogyPairs(NamedTuple):
    """Row numbers of the first and the second words, and how well their difference fits."""

    first: Any
    second: Any
    scores: Any


@takes(x="n d", direction="d", delta="positive")
def analogy_pairs(
    x: Any, direction: Any, k: int, *, delta: float = 1.0, variant: str = "paper"
) -> AnalogyPairs:
    """Pairs of near words whose difference is most parallel to a direction.

    Parameters
    ----------
    x : ndarray of shape (n, d)
        Vectors, scaled to length one here.
    direction : ndarray of shape (d,)
        For example she - he.
    k : int
        Pairs at most.
    delta : float
        Largest distance of the two words of a pair; 1 is an angle of 60 degrees.
    variant : "paper" or "official"
        The paper leaves out pairs whose first word occurred before; the released code lets each
        word occur once on each side, and leaves out scores of .001 and below.

    Returns
    -------
    AnalogyPairs
        Best first; equal scores by row numbers. Scores are above 0.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        A direction of length 0.

    Examples
    --------
    >>> x = [[0.6, 0.8], [-0.6, 0.8], [0.0, 1.0]]
    >>> pairs = analogy_pairs(x, [1.0, 0.0], 2)
    >>> pairs.first.tolist(), pairs.second.tolist()
    ([0, 2], [2, 1])
    """
    xp = get_xp(x, direction)
    k = checks.count(k, "k")
    checks.choice(variant, "variant", ("paper", "official"))
    x = directions(x, "x").astype(xp.float64)
    along = x @ directions(direction[None], "direction")[0]  # (n,)
    # One word against all others at a time: n numbers are held, not n².
    least = 0.0 if variant == "paper" else 1e-3
    found = xp.concatenate([_scores_of(x, along, i, delta, least) for i in range(len(x))])
    order = xp.lexsort(xp.stack([found[:, 1], found[:, 0], -found[:, 2]]))
    chosen: list[int] = []  # places in the order of falling scores
    firsts, seconds = set[int](), set[int]()
    for place in order.tolist():
        first, second = int(found[place, 0]), int(found[place, 1])
        if first in firsts or (variant == "official" and second in seconds):
            continue
        firsts.add(first)
        seconds.add(second)
        chosen.append(place)
        if len(chosen) == k:
            break
    best = found[xp.asarray(chosen, dtype=xp.int64)]  # (k, 3)
    return AnalogyPairs(best[:, 0].astype(xp.int64), best[:, 1].astype(xp.int64), best[:, 2])


def _scores_of(x: Any, along: Any, i: int, delta: float, least: float) -> Any:
    """The pairs of which word i is the first: (n_pairs, 3) of first, second, cosine."""
    xp = get_xp(x)
    gap = xp.sqrt(xp.clip(2 - 2 * (x @ x[i]), 0, None))  # (n,), of rows of length one
    near = (gap > 1e-9) & (gap <= delta + 1e-12)
    # Eq. (7), for rows of length one.
    scores = xp.where(near, (along[i] - along) / xp.where(near, gap, 1), 0)
    second = xp.nonzero(scores > least)[0]
    first = xp.zeros(len(second)) + i
    return xp.stack([first, second.astype(xp.float64), scores[second]], axis=1)
