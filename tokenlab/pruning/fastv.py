r"""An Image is Worth 1/2 Tokens After Layer 2: Plug-and-Play Inference Acceleration for Large
Vision-Language Models (FastV).

Liang Chen, Haozhe Zhao, Tianyu Liu, Shuai Bai, Junyang Lin, Chang Zhou, Baobao Chang. ECCV 2024.
arXiv:2403.06764

After two layers, a language model hardly looks at image tokens any more. FastV ranks them by the
attention they receive in layer 2 and drops the lower half for all later layers.

| paper's symbol | name here | shape |
|---|---|---|
| $\phi_{attn}$, attention received | `scores` | `(n_image,)` |
| $R$, share that is dropped | `1 - k` | |

$$\phi_j = \text{mean over heads and queries } i \text{ of } A_{ij} \qquad (1)$$

Example
-------
    reduction = fastv.reduce(attention, k=0.5, image=slice(35, 611))
"""

from typing import Any

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.errors import ShapeError
from tokenlab.pruning.reduction import Reduction, selection
from tokenlab.pruning.scores import warn_unless_shares
from tokenlab.pruning.selectors import checked_budget, topk
from tokenlab.steps import step

__all__ = ["reduce"]


@takes(attention="h n_q n", image=checks.span)
def reduce(
    attention: Any,
    *,
    k: int | float,
    image: slice | None = None,
    variant: str = "paper",
    rounding: str = "half_up",
) -> Reduction:
    r"""Keep the image tokens that receive most attention, (1).

    Parameters
    ----------
    attention : ndarray of shape (h, n_q, n)
        Of the layer before the pruning, whole rows.
    k : int or float
        The budget of image tokens, see `selectors.budget`.
    image : slice, optional
        Columns of the image tokens; by default all.
    variant : {"paper", "official"}
        Mean over queries, or the last row.
    rounding : {"half_up", "down", "up"}
        What a share is rounded to.

    Returns
    -------
    Reduction
        Of the image tokens.

    Examples
    --------
    >>> attention = [[[1.0, 0.0, 0.0], [0.6, 0.4, 0.0], [0.1, 0.5, 0.4]]]
    >>> reduce(attention, k=1).kept.tolist()
    [0]
    >>> reduce(attention, k=1, variant="official").kept.tolist()
    [1]
    """
    checks.choice(variant, "variant", ("paper", "official"))
    warn_unless_shares(attention)
    # The released code reads one row alone: what the next word looks at.
    queries = slice(None) if variant == "paper" else slice(-1, None)
    columns = slice(None) if image is None else image
    received = attention[:, queries].mean(axis=(0, 1))  # by all columns
    scores = received[columns]  # (n,) of the image
    step(scores)  # (n,) [φ, Eq. (1)] attention received by each image token
    if len(scores) == 0:
        raise ShapeError(
            f"reduce: image is {image}, which selects none of n = {attention.shape[2]} columns."
        )
    k = checked_budget(k, len(scores), rounding)
    reduction = selection(topk(scores, k), len(scores))  # of several as high the first
    step("kept", reduction.kept, "in their order", axes=("k",), of="n")
    return reduction


NOTES = r"""
Differs from the paper
----------------------
The released code is `pkunlp-icler/FastV` (eca14d6).

- `variant="official"`: the released code takes the last row alone, what the next word looks at,
  instead of the mean over queries.
- Kept tokens keep their positions for rotary embeddings: `reduction.kept` are those positions
  within the image.

Cost
----
Sorting. But layer 2 has to return its attention, which a fused kernel does not; and a generated
token costs nearly as much as before, see `flops.decode_multiply_adds`.
"""
