r"""HiPrune: Training-Free Visual Token Pruning via Hierarchical Attention in Vision-Language
Models.

Jizhihui Liu, Feiyi Du, Guangdao Zhu, Niu Lian, Jun Li, Bin Chen. 2025. arXiv:2508.00553
A later revision, with Weili Guan and Yaowei Wang, is "HiPrune: Hierarchical Attention for Efficient
Token Pruning in Vision-Language Models" in the Findings of ACL 2026; what it adds is not here.

The middle layers of a vision transformer look at the object, its deep layers at a few tokens that
hold a summary of the image. HiPrune keeps the tokens that the middle layers look at most (anchors),
their neighbours on the grid (buffers), and fills up with those of the deep layers (registers). It
needs no training, no text and no CLS token.

| paper's symbol | name here | shape |
|---|---|---|
| attention of the object layer | `object_scores` | `(n,)` or `(h, n + 1, n + 1)` |
| attention of the deep layer | `deep_scores` | `(n,)` or `(h, n + 1, n + 1)` |
| budget $N'$ | `k` | |
| $\alpha$ | `alpha` | |

The steps, for scores $a_j$ that are means over heads and rows of the attention:

$$n_{\text{anchor}} = \mathrm{round}(\alpha N' / 5) \qquad (1)$$
$$\text{anchors} = \mathrm{top}_{n_{\text{anchor}}}(a^{\text{object}}), \quad
\text{buffers} = \text{their 4 neighbours} \qquad (2)$$
$$\text{registers} = \text{the best of } a^{\text{deep}} \text{ among the others, to fill up } N'
\qquad (3)$$

The 5 in (1) are an anchor and its four neighbours. Defaults of the paper: $\alpha = 0.1$; layer 9
of 24 is the object layer of CLIP-L, the last but one the deep layer.

Differs from the paper
----------------------
- `variant="official"`: the released code adds and subtracts 1 and the width on raster positions. So
  the left neighbour of a row's first patch is the last patch of the row above, and positions
  outside of the image become the first or the last patch. The default stays on the grid.
- When anchors and buffers are more than $N'$ (the released code then fails), the anchors stay, and
  those buffers of the highest object score.
- Which layer is the object layer depends on the model: look at the scores before trusting a number.
  `scores="cls_row"` reads the CLS token's row instead of all rows.

Cost
----
Sorting $n$ scores twice. The attention has to be there: a fused kernel does not return it, and
computing it anew costs $n^2 d$.

Example
-------
    reduction = hiprune.reduce(attention[8], attention[22], grid=(24, 24), k=192)
    tokens = reduction.apply(features)
"""

import numbers
from typing import Any

from tokenlab.arrays import get_xp
from tokenlab.errors import InvalidInput, ShapeError
from tokenlab.pruning.reduction import Reduction, checked_grid, selection
from tokenlab.pruning.scores import checked_scores
from tokenlab.pruning.selectors import budget, checked_variant, neighbours4
from tokenlab.steps import step

__all__ = ["reduce"]

ROLES = ("anchor", "buffer", "register")
GROUP = 5  # an anchor and its four neighbours


def reduce(
    object_scores: Any,
    deep_scores: Any,
    *,
    grid: tuple[int, int],
    k: int | float,
    alpha: float = 0.1,
    variant: str = "paper",
    scores: str = "column_mean",
    rounding: str = "half_up",
) -> Reduction:
    r"""Keep anchors, their neighbours, and registers: (1) to (3).

    Parameters
    ----------
    object_scores, deep_scores : ndarray of shape (n,) or (h, n + 1, n + 1)
        Scores of the patches, or the attention of the object layer and of the deep layer with the
        CLS token first, which is then reduced as `scores` says.
    grid : (height, width)
        Of the patches, `n = height * width`.
    k : int or float
        The budget, see `selectors.budget`.
    alpha : float
        Share of the budget for anchors and buffers, from 0 (only registers) to 1.
    variant : {"paper", "official"}
        Neighbours on the grid, or with the wrapped rows of the released code.
    scores : {"column_mean", "cls_row"}
        How attention becomes scores.
    rounding : {"half_up", "down", "up"}
        What a share is rounded to.

    Returns
    -------
    Reduction
        `roles` says which token is an anchor, a buffer or a register.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        Shapes that do not fit, NaN, a budget that cannot be, `alpha` outside of [0, 1].

    Examples
    --------
    >>> one_hot = [0.0] * 16
    >>> one_hot[3] = 1.0  # the last patch of the first row
    >>> deep = list(map(float, range(16)))
    >>> reduce(one_hot, deep, grid=(4, 4), k=7, alpha=0.7).kept.tolist()
    [2, 3, 7, 12, 13, 14, 15]
    >>> reduce(one_hot, deep, grid=(4, 4), k=7, alpha=0.7, variant="official").kept.tolist()
    [0, 2, 3, 4, 7, 14, 15]
    """
    xp = get_xp(object_scores, deep_scores)
    seen = checked_scores(object_scores, "object_scores", reduce=scores)
    deep = checked_scores(deep_scores, "deep_scores", reduce=scores)
    if len(seen) != len(deep):
        raise ShapeError(
            f"reduce: object_scores has n = {len(seen)} tokens, deep_scores {len(deep)}; both must "
            "be of one image."
        )
    grid = checked_grid(grid, len(seen))
    k = budget(k, len(seen), rounding=rounding)
    checked_variant(variant)
    n_anchors = _anchor_count(k, alpha)  # (1)
    step("object scores", seen, "what the object layer looks at", axes=("n",))
    step("deep scores", deep, "what the deep layer looks at", axes=("n",))
    anchors = xp.argsort(-seen, kind="stable")[:n_anchors]
    role = xp.full(len(seen), 2)
    role[neighbours4(anchors, grid, variant=variant)] = 1
    role[anchors] = 0  # (2)
    step("role", role, "0 anchor, 1 buffer, 2 register if it is kept", axes=("n",))
    # Anchors come first, then buffers, then the others, each by the scores of their layer.
    order = xp.lexsort(xp.stack([-xp.where(role < 2, seen, deep), role.astype(seen.dtype)]))
    kept = xp.sort(order[:k]).astype(xp.int64)  # (3)
    step("kept", kept, "in the order of the image", axes=("k",), of="n")
    return selection(kept, len(seen), roles=role[kept], role_names=ROLES)


def _anchor_count(k: int, alpha: float) -> int:
    """Equation (1)."""
    number = isinstance(alpha, numbers.Real) and not isinstance(alpha, bool)
    if not number or not 0 <= alpha <= 1:
        raise InvalidInput(f"reduce: alpha is {alpha!r}; expected a number from 0 to 1.")
    return round(k * float(alpha) / GROUP)  # a half goes to the even number, as in the code
