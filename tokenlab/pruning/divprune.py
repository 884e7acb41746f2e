r"""DivPrune: Diversity-based Visual Token Pruning for Large Multimodal Models.

Saeed Ranjbar Alvar, Gursimran Singh, Mohammad Akbari, Yong Zhang. CVPR 2025. arXiv:2503.02175

Keep tokens whose smallest mutual distance is as large as possible: the max-min diversity problem,
solved greedily. The first token is the one with the farthest nearest neighbour.

| paper's symbol | name here | shape |
|---|---|---|
| visual tokens | `x` | `(n, d)` |
| distance | $1 - \cos$ | |

$$\text{first} = \arg\max_v \min_{u \neq v} d(v, u), \quad
\text{next} = \arg\max_v \min_{c \in C} d(v, c) \qquad (1)$$

Differs from the paper
----------------------
- Written from the equations, since the authors' code may not be used commercially.
- Nothing is taken twice. Without that, exact duplicates could be.

Cost
----
$n^2 d$ for the first token, $n k d$ for the others. The default start of `selectors.k_center` needs
no comparison of all pairs.

Example
-------
    reduction = divprune.reduce(features, k=0.098)
"""

from typing import Any

from tokenlab import checks
from tokenlab.arrays import get_xp
from tokenlab.numerics import unit
from tokenlab.pruning.reduction import Reduction, selection
from tokenlab.pruning.selectors import budget, k_center
from tokenlab.retrieval.index import token_blocks
from tokenlab.steps import step

__all__ = ["loneliest", "reduce"]


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
    x = checks.vectors(x, "x", "n", get_xp(x), at_least=1)
    k = budget(k, len(x), rounding=rounding)
    reduction = selection(k_center(x, k, start=loneliest(x)), len(x))  # (1)
    step("kept", reduction.kept, "in the order of the image", axes=("k",), of="n")
    return reduction


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
    directions = unit(checks.vectors(x, "x", "n", xp, at_least=1).astype(xp.float64))
    closest = xp.empty(len(directions), dtype=xp.float32)
    for rows in token_blocks(directions, len(directions)):
        cosines = directions[rows] @ directions.T  # (n_block, n)
        own = xp.arange(rows.start, rows.stop)
        cosines[own - rows.start, own] = -2.0
        closest[rows] = cosines.max(axis=1)
    step("closest other", closest, "cosine with the most similar other token", axes=("n",))
    return int(closest.argmin())
