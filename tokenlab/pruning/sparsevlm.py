r"""SparseVLM: Visual Token Sparsification for Efficient Vision-Language Model Inference.

Yuan Zhang, Chun-Kai Fan, Junpeng Ma, Wenzhao Zheng, Tao Huang, Kuan Cheng, Denis Gudovskiy,
Tomoyuki Okuno, Yohei Nakata, Kurt Keutzer, Shanghang Zhang. ICML 2025. arXiv:2410.04417

Words that have to do with the image judge its tokens: by how much they attend to them. The rest is
dropped, but the best part of it is recycled: clustered by density, one mean for each cluster.

| paper's symbol | name here | shape |
|---|---|---|
| attention from text to image | `attention` | `(h, n_text, n)` |
| $H_v$, $H_q$ | `visual`, `text` | `(n, d)`, `(n_text, d)` |
| raters | `raters(...)` | |
| recycled share $\tau$ | `recycle` | |

$$r_i = \text{mean over } v \text{ of } \mathrm{softmax}_{\text{text}}(H_v H_q^\top)_{vi}, \quad
\text{raters} = \{i : r_i \geq \mathrm{mean}(r)\} \qquad (1)$$
$$\text{score}_j = \text{mean over heads and raters of } A_{ij} \qquad (2)$$

Differs from the paper
----------------------
- How many tokens each layer drops: the paper ties it to the rank of the attention, the code uses
  fixed lists. Here it is `k`, whatever you take it from.
- Recycled tokens are $\lfloor \tau \cdot \text{dropped} \rfloor$, in a tenth as many clusters plus
  one, as in the first code; version 2.0 does not merge any more (`recycle=0`).
- In (1) a word exactly at the mean rates, too, so that there always is one.

Cost
----
$n\, n_{\text{text}} d$ for the raters, once; the recycled tokens among themselves.

Example
-------
    reduction = sparsevlm.reduce(attention[:, text, image], visual, words, k=300)
"""

import numbers
from typing import Any

from tokenlab import checks
from tokenlab.arrays import get_xp
from tokenlab.errors import InvalidInput, ShapeError
from tokenlab.numerics import softmax, topk
from tokenlab.pruning.mergers import density_clusters, group_means
from tokenlab.pruning.reduction import Reduction, rounded_down, selection
from tokenlab.pruning.selectors import budget
from tokenlab.steps import step

__all__ = ["raters", "reduce"]

ROLES = ("rated", "recycled")


def reduce(
    attention: Any,
    visual: Any,
    text: Any,
    *,
    k: int | float,
    recycle: float = 0.3,
    rounding: str = "half_up",
) -> Reduction:
    r"""Keep the tokens that raters attend to, and clusters of the best others: (1) and (2).

    Parameters
    ----------
    attention : ndarray of shape (h, n_text, n)
        Rows of the text and columns of the image from the whole softmax attention; the rows need
        not sum to one.
    visual : ndarray of shape (n, d)
    text : ndarray of shape (n_text, d)
        Embeddings before the first layer.
    k : int or float
        Tokens kept by score, see `selectors.budget`; recycled clusters come on top.
    recycle : float
        Share of the others that is recycled, from 0 to 1.
    rounding : {"half_up", "down", "up"}
        What a share is rounded to.

    Returns
    -------
    Reduction
        Sizes sum to what was kept and recycled; the rest is dropped.

    Examples
    --------
    >>> attention = [[[0.1, 0.6, 0.1, 0.2], [0.7, 0.1, 0.1, 0.1]]]
    >>> visual, text = [[1.0, 0.0]] * 4, [[1.0, 0.0], [0.0, 1.0]]
    >>> raters(visual, text).tolist()
    [0]
    >>> reduce(attention, visual, text, k=2).kept.tolist()
    [1, 3]
    """
    xp = get_xp(attention, visual, text)
    judges = raters(visual, text)
    attention = checks.shaped(
        checks.floats(attention, "attention", xp), "attention", ("h", "n_text", "n")
    )
    checks.finite(attention, "attention", xp)
    visual = checks.floats(visual, "visual", xp)
    n = len(visual)
    if attention.shape[1:] != (len(text), n) or len(attention) == 0:
        raise ShapeError(
            f"reduce: attention is {attention.shape}; expected (h, n_text, n) = "
            f"(h, {len(text)}, {n})."
        )
    if not isinstance(recycle, numbers.Real) or not 0 <= recycle <= 1:
        raise InvalidInput(f"reduce: recycle is {recycle!r}; expected a share from 0 to 1.")
    scores = attention[:, judges].mean(axis=(0, 1))  # (2)
    step("scores", scores, "what the raters attend to", eq="(2)", axes=("n",))
    ranked = topk(scores, n).ids
    k = budget(k, n, rounding=rounding)
    recycled = ranked[k : k + rounded_down(recycle * (n - k))]
    if len(recycled) == 0:
        reduction = selection(ranked[:k], n, roles=xp.zeros(k, dtype=xp.int64), role_names=ROLES)
    else:
        reduction = _with_clusters(visual, ranked[:k], xp.sort(recycled))
    step("kept", reduction.kept, "in the order of the image", axes=("k",), of="n")
    return reduction


def _with_clusters(visual: Any, rated: Any, recycled: Any) -> Reduction:
    """Rated tokens as they are, recycled ones as means of their clusters."""
    xp, n = get_xp(visual), len(visual)
    centres, cluster = density_clusters(visual[recycled], len(recycled) // 10 + 1)
    centres = recycled[centres]
    kept = xp.sort(xp.concatenate([rated, centres]))
    groups = xp.full(n, -1, dtype=xp.int64)
    groups[rated] = xp.searchsorted(kept, rated)
    groups[recycled] = xp.searchsorted(kept, centres)[cluster]
    role = xp.zeros(n, dtype=xp.int64)
    role[centres] = 1
    merged = group_means(kept, groups, size=xp.ones(n, dtype=visual.dtype))
    return Reduction(kept, n, merged.transform, merged.size, roles=role[kept], role_names=ROLES)


def raters(visual: Any, text: Any) -> Any:
    r"""The words that have to do with the image, (1).

    Parameters
    ----------
    visual : ndarray of shape (n, d)
    text : ndarray of shape (n_text, d)

    Returns
    -------
    ndarray of shape (n_raters,)
        Ascending positions in the text, int64.

    Examples
    --------
    >>> raters([[1.0, 0.0], [1.0, 0.2]], [[3.0, 0.0], [0.0, 1.0], [2.9, 0.0]]).tolist()
    [0, 2]
    """
    xp = get_xp(visual, text)
    visual = checks.vectors(visual, "visual", "n", xp, at_least=1)
    text = checks.vectors(text, "text", "n_text", xp, at_least=1)
    checks.same_width(visual, "visual", "n", text, "text", "n_text")
    relevance = softmax(visual @ text.T, axis=1).mean(axis=0)  # (1)
    step(
        "relevance", relevance, "what each word has to do with the image", eq="r", axes=("n_text",)
    )
    # Rounding may put the mean of equal numbers above all of them.
    least = xp.minimum(relevance.mean(), relevance.max())
    return xp.nonzero(relevance >= least)[0].astype(xp.int64)
