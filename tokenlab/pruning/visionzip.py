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

Example
-------
    reduction = visionzip.reduce(attention, keys, dominant=54, contextual=10)
"""

from typing import Any

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.errors import InvalidInput, ShapeError
from tokenlab.numerics import unit
from tokenlab.pruning.mergers import distinct, mean_keys
from tokenlab.pruning.reduction import Reduction, Sparse
from tokenlab.pruning.scores import scores_of
from tokenlab.pruning.selectors import topk
from tokenlab.steps import step

__all__ = ["contextual", "reduce"]

ROLES = ("dominant", "contextual")
DOMINANT, CONTEXTUAL, MERGED = range(3)


@takes(scores="n | h n_q n_all", keys="n_keys d | h n_keys d")
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
    scores = scores_of(scores, "scores", reduce="cls_row")
    keys = mean_keys(keys)  # (n, d)
    _check_counts(len(scores), len(keys), dominant, contextual)
    scores = step(scores)  # (n,) what CLS attends to
    role = xp.full(len(scores), MERGED)  # (n,)
    role[topk(scores, dominant)] = DOMINANT
    if contextual:  # every so-manieth of the others
        rest = xp.nonzero(role != DOMINANT)[0]  # (n - dominant,)
        role[rest[:: max(1, len(rest) // contextual)][:contextual]] = CONTEXTUAL
    role = step(role)  # (n,) 0 dominant, 1 contextual, 2 merged
    kept = xp.nonzero(role != MERGED)[0].astype(xp.int64)
    step(kept)  # (k,) -> n: in the order of the image
    members = xp.nonzero(role == MERGED)[0].astype(xp.int64)
    if not contextual or len(members) == 0:
        return Reduction(kept, len(keys), roles=role[kept], role_names=ROLES)
    targets = xp.nonzero(role == CONTEXTUAL)[0]
    nearest, count = most_similar(keys, targets, members)
    return _added(kept, role[kept], members, nearest, count.astype(keys.dtype), len(keys))


@takes(keys="n d | h n d", targets="m? int", others="n_others? int")
def contextual(keys: Any, targets: Any, others: Any) -> tuple[Any, Any]:
    r"""The target that each of the other tokens is most similar to, $M_t$ in (1).

    Parameters
    ----------
    keys : ndarray of shape (n, d) or (h, n, d)
    targets : ndarray of shape (m,)
    others : ndarray of shape (n_others,)

    Returns
    -------
    nearest : ndarray of shape (n_others,)
        Indices into `targets`, int64; of several the first.
    members : ndarray of shape (m,)
        How many chose each target, int64.

    Examples
    --------
    >>> nearest, members = contextual([[1.0, 0.0], [0.0, 1.0], [0.1, 1.0]], [0, 1], [2])
    >>> nearest.tolist(), members.tolist()
    ([1], [0, 1])
    """
    keys = mean_keys(keys)
    targets = distinct(targets, len(keys), "targets")
    checks.within(others, "others", len(keys), "n")
    return most_similar(keys, targets, others)


def most_similar(keys: Any, targets: Any, others: Any) -> tuple[Any, Any]:
    """For each of the others the target of largest cosine, and how many each target gets."""
    xp = get_xp(keys, targets, others)
    directions = unit(keys)
    cosine = directions[others] @ directions[targets].T
    step(cosine)  # (n_others, m) [cos(k_j, k_t)] merged and contextual
    nearest = cosine.argmax(axis=1).astype(xp.int64)
    step(nearest)  # (n_others,) -> m: the contextual token it is added to
    return nearest, xp.bincount(nearest, minlength=len(targets)).astype(xp.int64)


def _added(kept: Any, role: Any, members: Any, nearest: Any, count: Any, n: int) -> Reduction:
    """Kept tokens with weight 1; to contextual ones the mean of their members is added, (1)."""
    xp = get_xp(kept, count)
    rows = xp.nonzero(role == CONTEXTUAL)[0]  # of the contextual tokens, (m,)
    ones = xp.ones(len(kept), dtype=count.dtype)
    entries = Sparse(  # Eq. (1)
        xp.concatenate([xp.arange(len(kept)), rows[nearest]]),
        xp.concatenate([kept, members]),
        xp.concatenate([ones, 1 / count[nearest]]),
    )
    size = ones.copy()
    size[rows] = size[rows] + count
    return Reduction(kept, n, entries, size, roles=role, role_names=ROLES)


def _check_counts(n: int, n_keys: int, dominant: int, contextual: int) -> None:
    checks.count(dominant, "dominant")
    checks.count(contextual, "contextual", at_least=0)
    if n_keys != n:
        raise ShapeError(f"reduce: scores are of n = {n} tokens, keys of {n_keys}.")
    k = dominant + contextual
    if k > n:
        raise InvalidInput(
            f"reduce: dominant + contextual = {dominant} + {contextual} is a budget of k = {k} of "
            f"n = {n} tokens; possible are 1 to {n}."
        )


NOTES = r"""
Differs from the paper
----------------------
- Rows of (1) sum to two where a target has members, as in the authors' code; a LayerNorm behind it
  takes the factor away, a projector does not.
- Kept tokens stay in the order of the image.
- The CLS token is not a token here. The authors' 54 dominant tokens are 53 and CLS
  (`dvlab-research/VisionZip`, ccb20fe): pass `dominant=53` for theirs.

Cost
----
Sorting, and `contextual` times the number of other tokens times $d$.
"""
