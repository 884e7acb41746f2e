r"""TransPrune: Token Transition Pruning for Efficient Large Vision-Language Model.

Ao Li, Yuxiang Duan, Jinghui Zhang, Congbo Ma, Yutong Xie, Gustavo Carneiro, Mohammad Yaqub,
Hu Wang. CVPR 2026. arXiv:2507.20630

How a token changes on its way through a layer says how much meaning it takes on. TransPrune scores
each image token by how much a module changes its length and its direction (TTV), sums that over
layers, and adds how much the instruction attends to it (IGA). It prunes in stages inside of the
language model.

| paper's symbol | name here | shape |
|---|---|---|
| $T_{in}$, normalised input of a module | `t_in` | `(n, d)` |
| $T_{out}$, its output before the residual sum | `t_out` | `(n, d)` |
| TTV | `variation` | `(n,)` |
| IGA | `instruction` | `(n,)` |
| $\alpha$ | `alpha` | |

$$m = \frac{\lVert T_{out} \rVert}{\lVert T_{in} \rVert}, \quad
c = \cos(T_{out}, T_{in}) \qquad (1)$$
$$\mathrm{TTV} = \mathrm{softmax}_{\text{tokens}}(1 - |c|)\, m \qquad (2)$$
$$\text{score} = \alpha \sum_{\text{layers}} (\mathrm{TTV}_{\text{attention}} +
\mathrm{TTV}_{\text{MLP}}) + (1 - \alpha)\, \mathrm{IGA} \qquad (3)$$

Example
-------
    variation = sum(transition_variation(a, b) for a, b in modules)
    instruction = instruction_attention(attention, text=slice(620, 640), image=slice(35, 611))
    reduction = transprune.reduce(variation, instruction, k=504)
"""

from typing import Any

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.errors import ShapeError
from tokenlab.numerics import softmax, unit
from tokenlab.pruning.reduction import Reduction, selection
from tokenlab.pruning.scores import warn_unless_shares
from tokenlab.pruning.selectors import checked_budget, topk
from tokenlab.ranges import lengths
from tokenlab.steps import step

__all__ = ["instruction_attention", "reduce", "transition_variation"]


@takes(t_in="n d", t_out="n d", image=checks.span)
def transition_variation(
    t_in: Any, t_out: Any, *, variant: str = "paper", image: slice | None = None
) -> Any:
    r"""How much a module changes each token, in length and in direction: (1) and (2).

    Parameters
    ----------
    t_in, t_out : ndarray of shape (n, d)
        What goes into the module after its norm, and what it adds to the residual stream. A common
        rotation of both changes nothing.
    variant : {"paper", "official"}
        $1 - |c|$, or $1 - c$.
    image : slice, optional
        The image tokens of a longer sequence: only they get scores. The paper's softmax runs over
        them alone, the official one over everything that was passed.

    Returns
    -------
    ndarray of shape (n,)

    Examples
    --------
    >>> t_in, t_out = [[1.0, 0.0], [1.0, 0.0], [2.0, 0.0]], [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]
    >>> transition_variation(t_in, t_out).round(5).tolist()
    [0.21194, 0.57612, 0.10597]
    >>> transition_variation(t_in, t_out, variant="official").round(5).tolist()
    [0.09003, 0.24473, 0.33262]
    """
    xp = get_xp(t_in, t_out)
    checks.choice(variant, "variant", ("paper", "official"))
    paper = variant == "paper"
    if image is not None and paper:  # the softmax runs over image tokens alone
        t_in = t_in[image]
        t_out = t_out[image]
    before = lengths(t_in)  # (n,)
    after = lengths(t_out)
    ratio = after / xp.where(before > 0, before, 1)
    magnitude = xp.where(before > 0, ratio, 0)
    step(magnitude)  # (n,) [m, Eq. (1)] how much longer the output is
    cosine = (unit(t_in) * unit(t_out)).sum(axis=1)
    step(cosine)  # (n,) [c, Eq. (1)] how much of its direction is the input's
    turn = step(1 - xp.abs(cosine) if paper else 1 - cosine)  # (n,) [1 - |c|] how far it turns
    variation = softmax(turn) * magnitude  # Eq. (2)
    if image is not None and not paper:
        variation = variation[image]
    return step(variation)  # (n,) [TTV, Eq. (2)] change in both


@takes(attention="h n n", text=checks.span, image=checks.span)
def instruction_attention(attention: Any, *, text: slice, image: slice) -> Any:
    r"""What the instruction attends to: the mean over heads and text rows, image columns only.

    Parameters
    ----------
    attention : ndarray of shape (h, n, n)
        Causal softmax attention of the whole sequence.
    text, image : slice
        Where the instruction stands, after the image, and where the image tokens stand.

    Returns
    -------
    ndarray of shape (n_image,)

    Examples
    --------
    >>> rows = [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.25, 0.5, 0.25]]
    >>> instruction_attention([rows], text=slice(2, 3), image=slice(0, 2)).tolist()
    [0.25, 0.5]
    """
    warn_unless_shares(attention)
    part = attention[:, text, image]  # (h, n_text, n_image)
    if 0 in part.shape:
        raise ShapeError(
            f"instruction_attention: text and image cut attention down to {part.shape}; expected "
            "at least one row and one column."
        )
    instruction = step(part.mean(axis=(0, 1)))  # (n_image,) [IGA] what the text looks at
    return instruction


@takes(variation="n", instruction="n")
def reduce(
    variation: Any,
    instruction: Any = None,
    *,
    k: int | float,
    alpha: float = 0.5,
    variant: str = "paper",
    rounding: str = "down",
) -> Reduction:
    r"""Keep the tokens of the highest score, (3).

    Parameters
    ----------
    variation : ndarray of shape (n,)
        TTV, summed over modules and layers.
    instruction : ndarray of shape (n,), optional
        IGA; without it TTV alone decides.
    k : int or float
        The budget, see `selectors.budget`. The paper's shares are of the image tokens at the start
        and round down: `Schedule` counts them.
    alpha : float
        Weight of the variation, from 0 to 1.
    variant : {"paper", "official"}
        `"official"` divides both by their sums first.
    rounding : {"down", "half_up", "up"}

    Returns
    -------
    Reduction

    Examples
    --------
    >>> reduce([0.2, 0.6, 0.1], [0.1, 0.1, 0.9], k=1).kept.tolist()
    [2]
    >>> reduce([0.2, 0.6, 0.1], k=1).kept.tolist()
    [1]
    """
    checks.choice(variant, "variant", ("paper", "official"))
    alpha = checks.share(alpha, "alpha")
    k = checked_budget(k, len(variation), rounding)
    score = variation
    if instruction is not None:
        if variant == "official":  # both as shares of their sums
            variation = variation / (variation.sum() + 1e-8)
            instruction = instruction / (instruction.sum() + 1e-8)
        score = alpha * variation + (1 - alpha) * instruction
    score = step(score)  # (n,) [Eq. (3)] change and attention
    reduction = selection(topk(score, k), len(score))
    step("kept", reduction.kept, "in their order", axes=("k",), of="n")
    return reduction


NOTES = r"""
The sum in (3) is the caller's: add up `transition_variation` of both modules of the layers 7 to 12
of 32, up to the one that prunes, for the tokens that are still there. The paper prunes after layers
7, 9 and 12 to 87.5, 62.5 and 12.5 % of the image tokens.

Differs from the paper
----------------------
The released code is `liaolea/TransPrune` (f4cb73b).

- `variant="official"` is the released code: $1 - c$ instead of $1 - |c|$ in (2), so that a token
  that turns round scores highest; the softmax over the whole sequence, not over image tokens alone;
  and both terms of (3) divided by their sums. All three can change the ranking.
- A token whose input has length 0 gets $m = 0$ and goes first; the paper does not say.

Cost
----
$O(nd)$ per module for TTV. IGA needs the attention rows of the instruction, $n_{text}\, n\, d$.
"""
