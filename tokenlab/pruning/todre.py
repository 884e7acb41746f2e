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
| $\tau$ | `threshold` | |

Stage 1, version 1 (k-center) and version 2 (max-sum):

$$v^\ast = \arg\max_v \min_{c \in C} \,[1 - \cos(x_v, x_c)] \qquad (\text{v1})$$
$$v^\ast = \arg\min_v \sum_{c \in C} \cos(x_v, x_c) \qquad (\text{v2})$$

Stage 2, with attention $A$ averaged over heads, text rows $T$ and image columns $V$:

$$a_{tv} = \frac{\sum_{i \in T, j \in V} A_{ij}}{\sum_{i \in T, j} A_{ij}}, \qquad
\text{remove } V \text{ when } a_{tv} < \tau \text{ and } a_{vt} < \tau \qquad (\text{stage 2})$$

Example
-------
    reduction = todre.reduce(features, k=0.1, pivot=cls_row(attention))
    if todre.image_is_done(attention, text=slice(611, 640), image=slice(35, 611)): ...
"""

import numbers
from typing import Any, NamedTuple

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.engine import accelerated
from tokenlab.errors import InvalidInput, ShapeError, public_caller
from tokenlab.pruning.divprune import farthest_first
from tokenlab.pruning.reduction import Reduction, selection
from tokenlab.pruning.scores import scores_of, warn_unless_shares
from tokenlab.pruning.selectors import (
    checked_budget,
    checked_start,
    exact_directions,
    least_typical,
    rounded,
)
from tokenlab.steps import step

__all__ = ["Migration", "image_is_done", "max_sum", "migration", "reduce"]


# Stage 1: tokens that are unlike each other.


@takes(x="n d")
def reduce(
    x: Any,
    *,
    k: int | float,
    variant: str = "v2",
    pivot: Any = None,
    rounding: str = "half_up",
) -> Reduction:
    r"""Stage 1: keep `k` tokens that are unlike each other.

    Parameters
    ----------
    x : ndarray of shape (n, d)
        Image tokens as the language model gets them.
    k : int or float
        The budget, see `selectors.budget`.
    variant : {"v2", "v1"}
        Version of the paper: max-sum, or k-center.
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
    >>> reduce(x, k=3, variant="v1", pivot=0).kept.tolist()
    [0, 2, 3]
    >>> reduce(x, k=3, variant="v2", pivot=0).kept.tolist()
    [0, 1, 3]
    """
    k = checked_budget(k, len(x), rounding)
    first = _first(pivot, x)
    checks.choice(variant, "variant", ("v2", "v1"))
    # (v1) is k-center, the algorithm of DivPrune, and stands in its file; (v2) stands below.
    choose = farthest_first if variant == "v1" else least_similar
    reduction = selection(choose(x, k, first), len(x))
    step("kept", reduction.kept, "in the order of the image", axes=("k",), of="n")
    return reduction


@takes(x="n d")
def max_sum(x: Any, k: int | float, *, start: int | None = None) -> Any:
    r"""Greedy max-sum, (v2): again and again the token whose cosines with the taken ones sum lowest.

    Unlike k-center (v1) it may take two tokens that are nearly the same, when both are far from
    most of the others.

    Parameters
    ----------
    x : ndarray of shape (n, d)
    k : int or float
        See `budget`.
    start : int, optional
        The token taken first; by default the one least similar to the mean of all directions.

    Returns
    -------
    ndarray of shape (k,)
        int64, in the order in which they are taken.

    Examples
    --------
    >>> max_sum([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [-1.0, 0.0]], 3, start=0).tolist()
    [0, 3, 1]
    """
    return least_similar(x, checked_budget(k, len(x)), checked_start(start, "start", len(x)))


@accelerated("pruning.least_similar", work=lambda x, k, first: x.size * k, pays_from=1e5)
def least_similar(x: Any, k: int, first: int) -> Any:
    """Positions of `k` rows, each with the smallest sum of cosines with those before it."""
    xp = get_xp(x)
    x = exact_directions(x)  # (n, d), of length one: products are cosines
    v = least_typical(x) if first < 0 else first  # -1: there is no pivot
    order: list[int] = []
    barred = xp.zeros(len(x))  # infinite for the taken: nothing is taken twice
    total = xp.zeros(x.shape[1])
    for _ in range(k):
        order.append(v)
        total = total + x[v]  # (d,): the sum of cosines is one product with the sum of rows
        similarity = rounded(x @ total)  # so that what is equal but for the last bits ties
        step(similarity)  # (n,) [Σ cos(x, c)] with all taken tokens: the least is next
        barred[v] = xp.inf
        v = int((similarity + barred).argmin())  # Eq. (v2); of several the first
    taken = xp.asarray(order, dtype=xp.int64)
    return step("taken", taken, "in the order in which they are taken", axes=("k",), of="n")


def _first(pivot: Any, x: Any) -> int:
    """The pivot, or the token of the largest score; -1 leaves it to the tokens."""
    if pivot is None or isinstance(pivot, numbers.Integral):
        return checked_start(pivot, "pivot", len(x))
    return _most_seen(pivot, x)


@takes(pivot="n | h n_q n_all", x="n_x d")
def _most_seen(pivot: Any, x: Any) -> int:
    """The token that CLS looks at most."""
    scores = scores_of(pivot, "pivot", reduce="cls_row")
    if len(scores) != len(x):
        raise ShapeError(
            f"reduce: pivot has {len(scores)} scores, x has n = {len(x)} tokens. Leave the CLS "
            "token's own score out."
        )
    step("pivot scores", scores, "CLS attention: the largest is the pivot", eq="c_1", axes=("n",))
    return int(scores.argmax())  # of several the first


# Stage 2: when the text is done with the image.


class Migration(NamedTuple):
    """How much text and image attend to each other: shares of all their attention."""

    text_to_image: float
    image_to_text: float


@takes(attention="h n n", text=checks.span, image=checks.span)
def migration(attention: Any, *, text: slice, image: slice) -> Migration:
    r"""How much attention still crosses between text and image, $a_{tv}$ and $a_{vt}$.

    Parameters
    ----------
    attention : ndarray of shape (h, n, n)
        Of the whole sequence. Under a causal mask with the text after the image, $a_{vt}$ is 0.
    text, image : slice

    Returns
    -------
    Migration

    Examples
    --------
    >>> rows = [[1.0, 0, 0, 0], [0.5, 0.5, 0, 0], [0.5, 0.1, 0.4, 0], [0.3, 0.06, 0.3, 0.34]]
    >>> found = migration([rows], text=slice(2, 4), image=slice(1, 2))
    >>> round(found.text_to_image, 6), found.image_to_text
    (0.08, 0.0)
    """
    return _crossing(attention, text, image)


@takes(attention="h n n", text=checks.span, image=checks.span, threshold="positive")
def image_is_done(attention: Any, *, text: slice, image: slice, threshold: float = 0.1) -> bool:
    r"""Stage 2: True when all image tokens can go, from the layer after this one on.

    The paper asks once, after 7/8 of the layers.

    Parameters
    ----------
    attention : ndarray of shape (h, n, n)
    text, image : slice
    threshold : float

    Examples
    --------
    >>> rows = [[1.0, 0, 0, 0], [0.5, 0.5, 0, 0], [0.5, 0.1, 0.4, 0], [0.3, 0.06, 0.3, 0.34]]
    >>> image_is_done([rows], text=slice(2, 4), image=slice(1, 2))
    True
    """
    return max(_crossing(attention, text, image)) < threshold  # Eq. (stage 2)


def _crossing(attention: Any, text: slice, image: slice) -> Migration:
    warn_unless_shares(attention)
    mean = attention.mean(axis=0)
    mean = step(mean)  # (n, n) [A] attention averaged over heads
    if 0 in (*mean[text].shape, *mean[image].shape, *mean[:, text].shape, *mean[:, image].shape):
        raise ShapeError(f"{public_caller()}: text and image must each hold at least one token.")
    if not (mean[text].sum() > 0 and mean[image].sum() > 0):
        raise InvalidInput(
            f"{public_caller()}: attention of text or image adds up to 0; expected shares. Pass "
            "attention after the softmax."
        )
    # The share of all that text attends to, and the other way round.
    text_to_image = mean[text, image].sum() / mean[text].sum()
    image_to_text = mean[image, text].sum() / mean[image].sum()
    return Migration(float(text_to_image), float(image_to_text))


NOTES = r"""
Differs from the paper
----------------------
- How version 1 starts was not to be read; it starts here as version 2 does.
- Without a CLS token the pivot is the token least like the mean. The paper's ablation finds no
  difference worth having between such choices.
- (v2) can take near-duplicates of an antipodal pair; (v1) never does before it must.
- Cosines are computed in float64 and compared as multiples of $2^{-24}$, so that what is equal but
  for rounding ties, and the first token is taken.

Cost
----
$n k d$ multiply-adds for each version, and no $n \times n$ matrix. Stage 2 only sums attention.
"""
