r"""SparseVLM: Visual Token Sparsification for Efficient Vision-Language Model Inference.

Yuan Zhang, Chun-Kai Fan, Junpeng Ma, Wenzhao Zheng, Tao Huang, Kuan Cheng, Denis Gudovskiy,
Tomoyuki Okuno, Yohei Nakata, Kurt Keutzer, Shanghang Zhang. ICML 2025. arXiv:2410.04417

Words that have to do with the image judge its tokens: by how much they attend to them. The rest is
dropped, but the best part of it is recycled: clustered by density, one mean for each cluster.

| paper's symbol | name here | shape |
|---|---|---|
| attention from text to image | `attention` | `(h, n_text, n)` |
| $H_v$, $H_q$ | `image`, `text` | `(n, d)`, `(n_text, d)` |
| raters | `raters(...)` | |
| recycled share $\tau$ | `recycle` | |

$$r_i = \text{mean over } v \text{ of } \mathrm{softmax}_{\text{text}}(H_v H_q^\top)_{vi}, \quad
\text{raters} = \{i : r_i \geq \mathrm{mean}(r)\} \qquad (1)$$
$$\text{score}_j = \text{mean over heads and raters of } A_{ij} \qquad (2)$$

Example
-------
    reduction = sparsevlm.reduce(attention[:, text, image], features, words, k=300)
"""

from typing import Any

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.numerics import softmax, topk
from tokenlab.pruning.density import density_clusters
from tokenlab.pruning.mergers import group_means
from tokenlab.pruning.reduction import Reduction, rounded_down, selection
from tokenlab.pruning.selectors import checked_budget
from tokenlab.steps import step

__all__ = ["raters", "reduce"]

ROLES = ("rated", "recycled")


@takes(attention="h n_text n", image="n d", text="n_text d")
def reduce(
    attention: Any,
    image: Any,
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
    image : ndarray of shape (n, d)
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
    >>> image, text = [[1.0, 0.0]] * 4, [[1.0, 0.0], [0.0, 1.0]]
    >>> raters(image, text).tolist()
    [0]
    >>> reduce(attention, image, text, k=2).kept.tolist()
    [1, 3]
    """
    n = len(image)
    k = checked_budget(k, n, rounding)
    recycle = checks.share(recycle, "recycle")
    judges = raters(image, text)
    step(judges)  # (n_raters,) -> n_text: the words that have to do with the image
    scores = attention[:, judges].mean(axis=(0, 1))
    step(scores)  # (n,) [Eq. (2)] what the raters attend to
    ranked = topk(scores, n).ids  # (n,), best first
    rated = ranked[:k]
    recycled = ranked[k : k + rounded_down(recycle * (n - k))]  # the best of the others
    step("recycled", recycled, "dropped, but the best of it", axes=("n_recycled",), of="n")
    if len(recycled) == 0:
        role = get_xp(image).zeros(k, dtype=int)
        reduction = selection(rated, n, roles=role, role_names=ROLES)
    else:
        reduction = _with_clusters(image, rated, get_xp(image).sort(recycled))
    step("kept", reduction.kept, "in the order of the image", axes=("k",), of="n")
    return reduction


def _with_clusters(image: Any, rated: Any, recycled: Any) -> Reduction:
    """Rated tokens as they are, recycled ones as means of their clusters."""
    xp = get_xp(image)
    n = len(image)
    centres, cluster = density_clusters(image[recycled], len(recycled) // 10 + 1)
    centres = recycled[centres]
    kept = xp.sort(xp.concatenate([rated, centres]))  # (k + n_clusters,)
    groups = xp.full(n, -1, dtype=xp.int64)  # (n,), -1 is dropped
    groups[rated] = xp.searchsorted(kept, rated)
    groups[recycled] = xp.searchsorted(kept, centres)[cluster]
    role = xp.zeros(n, dtype=xp.int64)
    role[centres] = 1
    merged = group_means(kept, groups, size=xp.ones(n, dtype=image.dtype))
    return Reduction(kept, n, merged.transform, merged.size, roles=role[kept], role_names=ROLES)


@takes(image="n d", text="n_text d")
def raters(image: Any, text: Any) -> Any:
    r"""The words that have to do with the image, (1).

    Parameters
    ----------
    image : ndarray of shape (n, d)
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
    xp = get_xp(image, text)
    share = softmax(image @ text.T, axis=1)  # (n, n_text)
    relevance = share.mean(axis=0)
    step(relevance)  # (n_text,) [r, Eq. (1)] what each word has to do with the image
    # Rounding may put the mean of equal numbers above all of them.
    least = xp.minimum(relevance.mean(), relevance.max())
    return xp.nonzero(relevance >= least)[0].astype(xp.int64)  # Eq. (1)


NOTES = r"""
Differs from the paper
----------------------
- How many tokens each layer drops: the paper ties it to the rank of the attention, the code uses
  fixed lists. Here it is `k`, whatever you take it from.
- Recycled tokens are $\lfloor \tau \cdot \text{dropped} \rfloor$, in a tenth as many clusters plus
  one. The first code (`Gumpest/SparseVLMs`, 91fb6d9) takes `int(0.3 * dropped) + 1` of them, as
  many neighbours for the density as there are clusters, breaks ties by noise, and clusters the
  hidden states of that layer; version 2.0 does not merge any more (`recycle=0`).
- In (1) a word exactly at the mean rates, too, so that there always is one.

Cost
----
$n\, n_{\text{text}} d$ for the raters, once; the recycled tokens among themselves.
"""
