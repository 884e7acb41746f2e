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

Differs from the paper
----------------------
- Kept tokens stay in the order of the image; the authors' come in the order of attention.
- The weights of (1) are the raw attention, as there: they sum to the share of the dropped patches.

Cost
----
Sorting $n$ scores and adding up the dropped rows. The attention has to be there.

Example
-------
    reduction = evit.reduce(attention, k=0.7)
    patches = reduction.apply(patches)
"""

from typing import Any

from tokenlab.pruning.mergers import fuse
from tokenlab.pruning.reduction import Reduction, selection
from tokenlab.pruning.scores import checked_scores
from tokenlab.pruning.selectors import budget, top_k
from tokenlab.steps import step

__all__ = ["reduce"]


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
    scores = checked_scores(scores, "scores", reduce="cls_row")
    step("scores", scores, "what CLS attends to", eq="a", axes=("n",))
    kept = top_k(scores, budget(k, len(scores), rounding=rounding))
    reduction = fuse(kept, scores) if fused else selection(kept, len(scores))  # (1)
    step("kept", reduction.kept, "in the order of the image", axes=("k",), of="n")
    return reduction
