r"""Not All Patches are What You Need: Expediting Vision Transformers via Token Reorganizations.

Youwei Liang, Chongjian Ge, Zhan Tong, Yibing Song, Jue Wang, Pengtao Xie. ICLR 2022.
arXiv:2202.07800. Known as EViT.

The CLS token's attention says which patches matter. EViT keeps those it looks at most, and adds all
others up to one more token, so that the background is not lost altogether. Done in three layers of
a transformer that is then fine-tuned.

| paper's symbol | name here | shape |
|---|---|---|
| $a$, CLS attention, mean over heads | `scores` | `(n,)` or `(h, n + 1, n + 1)` |
| keep rate $\kappa$ | `k` | |

$$x_{\text{fused}} = \sum_{j \text{ dropped}} a_j x_j \qquad (1)$$

Example
-------
    reduction = evit.reduce(attention, k=0.7)
    patches = reduction.apply(patches)
"""

from typing import Any

from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.pruning.mergers import distinct
from tokenlab.pruning.reduction import Reduction, Sparse, selection
from tokenlab.pruning.scores import scores_of
from tokenlab.pruning.selectors import checked_budget, topk
from tokenlab.steps import step

__all__ = ["fuse", "reduce"]


@takes(scores="n | h n_q n_all", fused="flag")
def reduce(scores: Any, *, k: int | float, fused: bool = True, rounding: str = "up") -> Reduction:
    r"""Keep the patches of the highest CLS attention, and the sum of the others, (1).

    Parameters
    ----------
    scores : ndarray of shape (n,) or (h, n + 1, n + 1)
        CLS attention of the patches, or the attention that it is read from.
    k : int or float
        The budget, see `selectors.budget`; the fused token comes on top of it.
    fused : bool
        Add the fused token (1), last, in no place.
    rounding : {"up", "half_up", "down"}

    Returns
    -------
    Reduction

    Examples
    --------
    >>> merged = reduce([0.4, 0.3, 0.2, 0.1], k=0.5)
    >>> merged.kept.tolist(), merged.apply([[1.0], [1.0], [10.0], [10.0]])[2].tolist()
    ([0, 1], [3.0])
    """
    scores = scores_of(scores, "scores", reduce="cls_row")
    scores = step(scores)  # (n,) [a] what CLS attends to
    kept = topk(scores, checked_budget(k, len(scores), rounding))  # (k,) best first
    reduction = _fused(kept, scores) if fused else selection(kept, len(scores))  # Eq. (1)
    step("kept", reduction.kept, "in the order of the image", axes=("k",), of="n")
    return reduction


@takes(kept="k? int", scores="n")
def fuse(kept: Any, scores: Any) -> Reduction:
    r"""Keep some tokens and add one more: the sum of the others, weighted with their scores, (1).

    Parameters
    ----------
    kept : ndarray of shape (k,)
    scores : ndarray of shape (n,)
        None below 0. They are not normalised, as in EViT: the row sums to the scores' sum.

    Returns
    -------
    Reduction
        Of `k + 1` tokens, the last one in no place, or of all when none is left over.

    Examples
    --------
    >>> fuse([0, 1], [0.4, 0.3, 0.2, 0.1]).matrix()[2].tolist()
    [0.0, 0.0, 0.2, 0.1]
    """
    return _fused(kept, scores)


def _fused(kept: Any, scores: Any) -> Reduction:
    """`fuse`, whose errors name the function that was called."""
    xp = get_xp(kept, scores)
    if bool((scores < 0).any()):
        raise InvalidInput(
            f"{public_caller()}: scores go down to {float(scores.min()):g}; expected none below 0."
        )
    n = len(scores)
    k = len(kept)
    kept = distinct(kept, n)
    dropped = xp.ones(n, dtype=bool)
    dropped[kept] = False
    dropped = xp.nonzero(dropped)[0].astype(xp.int64)
    step(dropped)  # (n_dropped,) -> n: those that are added up to one token
    if len(dropped) == 0:
        return Reduction(kept, n)
    ones = xp.ones(k, dtype=scores.dtype)
    # The last row takes all that is dropped.
    rows = xp.concatenate([xp.arange(k), xp.full(len(dropped), k)])
    columns = xp.concatenate([kept, dropped])
    weights = xp.concatenate([ones, scores[dropped]])  # the last row is Eq. (1)
    size = xp.concatenate([ones, xp.full(1, len(dropped), dtype=scores.dtype)])  # (k + 1,)
    return Reduction(kept, n, Sparse(rows, columns, weights), size)


NOTES = r"""
Differs from the paper
----------------------
- Kept tokens stay in the order of the image; the authors' come in the order of attention.
- The weights of (1) are the raw attention, as there: they sum to the share of the dropped patches.

Cost
----
Sorting $n$ scores and adding up the dropped rows. The attention has to be there.
"""
