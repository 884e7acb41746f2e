r"""VisionZip: Longer is Better but Not Necessary in Vision Language Models.

Senqiao Yang, Yukang Chen, Zhuotao Tian, Chengyao Wang, Jingyao Li, Bei Yu, Jiaya Jia. CVPR 2025.
arXiv:2412.04467

A few patches draw most of the CLS token's attention: they are kept. From the others, evenly spaced
ones become targets, and each of the rest is added to the target that it is most like.

| paper's symbol | name here | shape |
|---|---|---|
| CLS attention, mean over heads | `scores` | `(n,)` or `(h, n + 1, n + 1)` |
| keys, mean over heads | `keys` | `(n, d)` or `(h, n, d)` |
| dominant tokens | `dominant` | |
| contextual tokens | `contextual` | |

$$y_t = x_t + \frac{1}{|M_t|} \sum_{j \in M_t} x_j, \quad
M_t = \{j : t = \arg\max_{t'} \cos(k_j, k_{t'})\} \qquad (1)$$

Differs from the paper
----------------------
- Rows of (1) sum to two where a target has members, as in the authors' code; a LayerNorm behind it
  takes the factor away, a projector does not.
- Kept tokens stay in the order of the image.

Cost
----
Sorting, and `contextual` times the number of other tokens times $d$.

Example
-------
    reduction = visionzip.reduce(attention, keys, dominant=54, contextual=10)
"""

from typing import Any

from tokenlab import checks
from tokenlab.arrays import get_xp
from tokenlab.errors import InvalidInput, ShapeError
from tokenlab.numerics import topk
from tokenlab.pruning import mergers
from tokenlab.pruning.reduction import Reduction, Sparse
from tokenlab.pruning.scores import checked_scores
from tokenlab.steps import step

__all__ = ["reduce"]

ROLES = ("dominant", "contextual")


def reduce(scores: Any, keys: Any, *, dominant: int, contextual: int) -> Reduction:
    r"""Keep dominant tokens, and merge the others into contextual ones, (1).

    Parameters
    ----------
    scores : ndarray of shape (n,) or (h, n + 1, n + 1)
        CLS attention of the patches, or the attention that it is read from.
    keys : ndarray of shape (n, d) or (h, n, d)
    dominant, contextual : int
        How many of each, at most `n` together. With no contextual token the rest is dropped.

    Returns
    -------
    Reduction
        `roles` tells both kinds apart.

    Examples
    --------
    >>> keys = [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]
    >>> merged = reduce([0.4, 0.3, 0.2, 0.1], keys, dominant=1, contextual=2)
    >>> merged.matrix().tolist()
    [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]]
    """
    xp = get_xp(scores, keys)
    scores = checked_scores(scores, "scores", reduce="cls_row")
    keys, n = mergers.mean_keys(keys), len(scores)
    dominant = checks.count(dominant, "dominant")
    contextual = checks.count(contextual, "contextual", at_least=0)
    if len(keys) != n:
        raise ShapeError(f"reduce: scores are of n = {n} tokens, keys of {len(keys)}.")
    if dominant + contextual > n:
        raise InvalidInput(
            f"reduce: dominant + contextual = {dominant} + {contextual} is a budget of "
            f"k = {dominant + contextual} of n = {n} tokens; possible are 1 to {n}."
        )
    step("scores", scores, "what CLS attends to", axes=("n",))
    role = xp.full(n, len(ROLES), dtype=xp.int64)
    role[topk(scores, dominant).ids] = 0
    rest = xp.nonzero(role > 0)[0].astype(xp.int64)
    if contextual:
        role[rest[:: max(1, len(rest) // contextual)][:contextual]] = 1
    kept = xp.nonzero(role < len(ROLES))[0].astype(xp.int64)
    step("role", role, "0 dominant, 1 contextual, 2 merged", axes=("n",))
    step("kept", kept, "in the order of the image", axes=("k",), of="n")
    members = xp.nonzero(role == len(ROLES))[0].astype(xp.int64)
    if not contextual or len(members) == 0:
        return Reduction(kept, n, roles=role[kept], role_names=ROLES)
    targets = xp.nonzero(role == 1)[0].astype(xp.int64)
    nearest, count = mergers.contextual(keys, targets, members)
    rows = xp.nonzero(role[kept] == 1)[0].astype(xp.int64)
    size = xp.ones(len(kept), dtype=keys.dtype)
    size[rows] = size[rows] + count.astype(keys.dtype)
    entries = Sparse(
        xp.concatenate([xp.arange(len(kept)), rows[nearest]]),
        xp.concatenate([kept, members]),
        xp.concatenate(
            [xp.ones(len(kept), dtype=keys.dtype), 1 / count[nearest].astype(keys.dtype)]
        ),
    )  # (1)
    return Reduction(kept, n, entries, size, roles=role[kept], role_names=ROLES)
