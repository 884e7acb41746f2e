r"""ToDRE: Effective Visual Token Pruning via Token Diversity and Task Relevance.

Duo Li, Zuhao Yang, Xiaoqin Zhang, Ling Shao, Shijian Lu. 2025. arXiv:2505.18757
Version 1 is called "ToDRE: Visual Token Pruning via Diversity and Task Awareness for Efficient
Large Vision-Language Models" (Duo Li, Zuhao Yang, Shijian Lu).

Tokens that attention likes are often alike. ToDRE keeps tokens that differ from each other: first
the one that the CLS token attends to most, then again and again the one least like those it has.
Late in the language model, when the text hardly looks at the image any more, it removes all image
tokens at once.

| paper's symbol | name here | shape |
|---|---|---|
| visual tokens | `x` | `(n, d)` |
| pivot $c_1$ | `pivot` | |
| kept set $C$ | `kept` | `(k,)` |
| $\tau$ | `tau` | |

Stage 1, version 1 (k-center) and version 2 (max-sum):

$$v^\ast = \arg\max_v \min_{c \in C} \,[1 - \cos(x_v, x_c)] \qquad (\text{v1})$$
$$v^\ast = \arg\min_v \sum_{c \in C} \cos(x_v, x_c) \qquad (\text{v2})$$

Stage 2, with attention $A$ averaged over heads, text rows $T$ and visual columns $V$:

$$a_{tv} = \frac{\sum_{i \in T, j \in V} A_{ij}}{\sum_{i \in T, j} A_{ij}}, \qquad
\text{remove } V \text{ when } a_{tv} < \tau \text{ and } a_{vt} < \tau \qquad (\text{stage 2})$$

Differs from the paper
----------------------
- How version 1 starts was not to be read; it starts here as version 2 does.
- Without a CLS token the pivot is the token least like the mean. The paper's ablation finds no
  difference worth having between such choices.
- (v2) can take near-duplicates of an antipodal pair; (v1) never does before it must.

Cost
----
$n k d$ multiply-adds for each version, and no $n \times n$ matrix. Stage 2 only sums attention.

Example
-------
    reduction = todre.reduce(features, k=0.1, pivot=cls_row(attention))
    if todre.image_is_done(attention, text=slice(611, 640), visual=slice(35, 611)): ...
"""

import numbers
from typing import Any, NamedTuple

from tokenlab import checks
from tokenlab.arrays import get_xp
from tokenlab.errors import InvalidInput, ShapeError
from tokenlab.pruning.reduction import Reduction, selection
from tokenlab.pruning.scores import checked_attention, checked_scores
from tokenlab.pruning.selectors import budget, k_center, max_sum
from tokenlab.steps import step

__all__ = ["Migration", "image_is_done", "migration", "reduce"]


class Migration(NamedTuple):
    """How much text and image attend to each other: shares of all their attention."""

    text_to_visual: float
    visual_to_text: float


def reduce(
    x: Any,
    *,
    k: int | float,
    version: int = 2,
    pivot: Any = None,
    rounding: str = "half_up",
) -> Reduction:
    r"""Stage 1: keep `k` tokens that are unlike each other.

    Parameters
    ----------
    x : ndarray of shape (n, d)
        Visual tokens as the language model gets them.
    k : int or float
        The budget, see `selectors.budget`.
    version : {2, 1}
        Of the paper: max-sum, or k-center.
    pivot : int or ndarray of shape (n,) or (h, n + 1, n + 1), optional
        The first token, or the CLS attention, whose largest entry is the first token, or the
        attention that it is read from.
    rounding : {"half_up", "down", "up"}
        What a share is rounded to.

    Returns
    -------
    Reduction

    Examples
    --------
    >>> x = [[1.0, 0.0], [0.9, 0.4], [-0.2, 1.0], [-0.9, 0.5]]
    >>> reduce(x, k=3, version=1, pivot=0).kept.tolist()
    [0, 2, 3]
    >>> reduce(x, k=3, version=2, pivot=0).kept.tolist()
    [0, 1, 3]
    """
    if version not in (1, 2):
        raise InvalidInput(f"reduce: version is {version!r}; expected 1 (k-center) or 2 (max-sum).")
    x = checks.vectors(x, "x", "n", get_xp(x), at_least=1)
    k = budget(k, len(x), rounding=rounding)
    if pivot is not None and not isinstance(pivot, numbers.Integral):
        get_xp(x, pivot)
        scores = checked_scores(pivot, "pivot", reduce="cls_row")
        if len(scores) != len(x):
            raise ShapeError(
                f"reduce: pivot has {len(scores)} scores, x has n = {len(x)} tokens. Leave the CLS "
                "token's own score out."
            )
        pivot = int(step("pivot scores", scores, "CLS attention", axes=("n",)).argmax())
    choose = k_center if version == 1 else max_sum  # (v1), (v2)
    reduction = selection(choose(x, k, start=pivot), len(x))
    step("kept", reduction.kept, "in the order of the image", axes=("k",), of="n")
    return reduction


def migration(attention: Any, *, text: slice, visual: slice) -> Migration:
    r"""How much attention still crosses between text and image, $a_{tv}$ and $a_{vt}$.

    Parameters
    ----------
    attention : ndarray of shape (h, n, n)
        Of the whole sequence. Under a causal mask with the text after the image, $a_{vt}$ is 0.
    text, visual : slice

    Returns
    -------
    Migration

    Examples
    --------
    >>> rows = [[1.0, 0, 0, 0], [0.5, 0.5, 0, 0], [0.5, 0.1, 0.4, 0], [0.3, 0.06, 0.3, 0.34]]
    >>> found = migration([rows], text=slice(2, 4), visual=slice(1, 2))
    >>> round(found.text_to_visual, 6), found.visual_to_text
    (0.08, 0.0)
    """
    mean = checked_attention(attention).mean(axis=0)  # (n, n)

    def share(rows: slice, columns: slice) -> float:
        part = mean[rows]
        if 0 in part[:, columns].shape:
            raise ShapeError("migration: text and visual must each hold at least one token.")
        return float(part[:, columns].sum() / part.sum())

    return Migration(share(text, visual), share(visual, text))


def image_is_done(attention: Any, *, text: slice, visual: slice, tau: float = 0.1) -> bool:
    r"""Stage 2: True when all visual tokens can go, from the layer after this one on.

    The paper asks once, after 7/8 of the layers.

    Parameters
    ----------
    attention : ndarray of shape (h, n, n)
    text, visual : slice
    tau : float

    Examples
    --------
    >>> rows = [[1.0, 0, 0, 0], [0.5, 0.5, 0, 0], [0.5, 0.1, 0.4, 0], [0.3, 0.06, 0.3, 0.34]]
    >>> image_is_done([rows], text=slice(2, 4), visual=slice(1, 2))
    True
    """
    tau = checks.positive(tau, "tau")
    return max(migration(attention, text=text, visual=visual)) < tau
