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

Example
-------
    reduction = hiprune.reduce(attention[8], attention[22], grid=(24, 24), k=192)
    tokens = reduction.apply(features)
"""

from typing import Any

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.errors import ShapeError
from tokenlab.pruning.reduction import Reduction, checked_grid
from tokenlab.pruning.scores import scores_of
from tokenlab.pruning.selectors import checked_budget
from tokenlab.steps import step

__all__ = ["neighbours4", "reduce"]

ROLES = ("anchor", "buffer", "register")
ANCHOR, BUFFER, REGISTER = range(3)
GROUP = 5  # an anchor and its four neighbours


@takes(object_scores="n | h n_q n_all", deep_scores="n_deep | h n_q n_all")
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
    # Attention becomes one score for each patch, (n,); what is a score already stays as it is.
    seen = scores_of(object_scores, "object_scores", reduce=scores)
    deep = scores_of(deep_scores, "deep_scores", reduce=scores)
    n = len(seen)
    if n != len(deep):
        raise ShapeError(
            f"reduce: object_scores has n = {n} tokens, deep_scores {len(deep)}; both must be of "
            "one image."
        )
    grid = checked_grid(grid, n)
    k = checked_budget(k, n, rounding)
    checks.choice(variant, "variant", ("paper", "official"))
    step("object scores", seen, "what the object layer looks at", axes=("n",))
    step("deep scores", deep, "what the deep layer looks at", axes=("n",))

    n_anchors = round(k * checks.share(alpha, "alpha") / GROUP)  # Eq. (1); a half goes to the even
    anchors = xp.argsort(-seen, kind="stable")[:n_anchors]
    step(anchors)  # (n_anchors,) -> n: Eq. (2) what the object layer looks at most
    role = xp.full(n, REGISTER)  # (n,)
    role[neighbours4(anchors, grid, variant=variant)] = BUFFER
    role[anchors] = ANCHOR  # Eq. (2)
    step("role", role, "0 anchor, 1 buffer, 2 register if it is kept", axes=("n",))
    # One sort: anchors first, then buffers, then the others, each by the scores of their layer.
    score = xp.where(role == REGISTER, deep, seen)
    order = xp.lexsort(xp.stack([-score, role.astype(score.dtype)]))  # the last key counts first
    kept = xp.sort(order[:k]).astype(xp.int64)
    step(kept)  # (k,) -> n: Eq. (3) in the order of the image
    return Reduction(kept, n, roles=role[kept], role_names=ROLES)


@takes(positions="k? int")
def neighbours4(positions: Any, grid: tuple[int, int], *, variant: str = "paper") -> Any:
    r"""The tokens above, below, left and right of some on the grid, ascending, each once.

    Parameters
    ----------
    positions : ndarray of shape (k,)
        Integers, row by row.
    grid : (height, width)
    variant : {"paper", "official"}
        `"paper"` stays on the grid. `"official"` is the arithmetic of HiPrune's code on positions:
        left of a row's first patch is the last of the row above, and beyond the ends lie the first
        and the last patch.

    Returns
    -------
    ndarray of shape (n_neighbours,)
        int64; a position that is a neighbour of another one is among them.

    Examples
    --------
    >>> neighbours4([3], (4, 4)).tolist(), neighbours4([3], (4, 4), variant="official").tolist()
    ([2, 7], [0, 2, 4, 7])
    """
    xp = get_xp(positions)
    checks.choice(variant, "variant", ("paper", "official"))
    height, width = checked_grid(grid)
    n = height * width
    checks.within(positions, "positions", n, "n", of="grid")
    if variant == "official":  # as if the grid were one long row
        moves = [positions - 1, positions + 1, positions - width, positions + width]
        return xp.unique(xp.clip(xp.concatenate(moves), 0, n - 1))
    column = positions % width  # (k,)
    moves = [
        (positions - 1)[column > 0],  # left, but for the first of a row
        (positions + 1)[column < width - 1],
        (positions - width)[positions >= width],  # above, but for the first row
        (positions + width)[positions < n - width],
    ]
    return xp.unique(xp.concatenate(moves))


NOTES = r"""
The 5 in (1) are an anchor and its four neighbours. Defaults of the paper: $\alpha = 0.1$; layer 9
of 24 is the object layer of CLIP-L, the last but one the deep layer.

Differs from the paper
----------------------
The released code is `Danielement321/HiPrune` (777da7c).

- `variant="official"`: the released code adds and subtracts 1 and the width on raster positions. So
  the left neighbour of a row's first patch is the last patch of the row above, and positions
  outside of the image become the first or the last patch. The default stays on the grid.
- When anchors and buffers are more than $N'$ (the released code then fails), the anchors stay, and
  those buffers of the highest object score.
- A half in (1) goes to the even number, as in the released code.
- The released path for Qwen keeps fewer tokens than asked for in most images; here `k` are kept.
- Which layer is the object layer depends on the model: look at the scores before trusting a number.
  `scores="cls_row"` reads the CLS token's row instead of all rows.

Cost
----
Sorting $n$ scores twice. The attention has to be there: a fused kernel does not return it, and
computing it anew costs $n^2 d$.
"""
