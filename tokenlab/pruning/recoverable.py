r"""Recoverable Compression: A Multimodal Vision Token Recovery Mechanism Guided by Text
Information.

Yi Chen, Jian Xu, Xu-Yao Zhang, Wen-Zhuo Liu, Yang-Yang Liu, Cheng-Lin Liu. AAAI 2025.
arXiv:2409.01179

What the image alone calls unimportant may be what the question asks for. First the visual scores
select, then the question's text recovers tokens from the rest, and what is still left over is
merged into a few clusters. How many tokens each step takes is not given: it is the share of scores
that stand out from the others.

| paper's symbol | name here | shape |
|---|---|---|
| visual score of each token | `visual_scores` | `(n,)` or `(h, n + 1, n + 1)` |
| similarity with the text | `text_scores` | `(n,)` |
| keys | `keys` | `(n, d)` or `(h, n, d)` |
| share of outliers | `rho` | |

With $\rho(s)$ the share of scores whose local outlier factor is above 1.5:

$$n_{\text{visual}} = \lfloor N \rho(v) \rfloor, \quad
n_{\text{text}} = \lfloor (N - n_{\text{visual}})\, \rho(t) \rfloor, \quad
n_{\text{centres}} = \lfloor N_{\text{rest}}\, \rho(v_{\text{rest}}) \rfloor \qquad (1)$$
$$y_c = x_c + \sum_{j \in \mathcal{N}(c)} v_j x_j, \quad \mathcal{N}(c) = \text{the 32 of largest }
\cos(k_c, k_j) + 50\, t_j \qquad (2)$$
$$y_{\text{global}} = \sum_{j \text{ no centre}} v_j x_j \qquad (3)$$

Differs from the paper
----------------------
This is the algorithm that the paper describes. The released code differs where it slips:

- the number of centres is $\lfloor 1024 \rho \rfloor$, because the number of tokens is read off an
  expanded index, whose last axis is the channels;
- keys and text scores of the rest are gathered from the full arrays with positions in the rest, so
  they belong to other tokens;
- the text vector is that of the last padded position, not the pooled one;
- it fails when fewer than 32 tokens are left to merge; here all that are left are taken;
- without any centre it leaves the global token (3) out as well; here the rest is not lost.

Outliers below count in $\rho$, as in the paper, although only the highest scores are taken. Equal
scores have no outlier; at least one token is then kept. The paper does not define sizes; here each
merged token's mass is divided among the rows that it takes part in.

Cost
----
$N \log N$ to sort, $20 N$ for outliers, $n_{\text{centres}} N_{\text{rest}} d$ for (2).

Example
-------
    text_scores = text_cosine(text, patches) / patches.shape[1] ** 0.5
    reduction = recoverable.reduce(cls_row(attention), text_scores, keys)
"""

from typing import Any

from tokenlab import checks
from tokenlab.arrays import get_xp
from tokenlab.errors import InvalidInput, ShapeError
from tokenlab.numerics import topk, unit
from tokenlab.pruning.mergers import mean_keys
from tokenlab.pruning.reduction import Reduction, Sparse, rounded_down, selection
from tokenlab.pruning.scores import checked_scores, lof_ratio
from tokenlab.steps import step

__all__ = ["reduce"]

ROLES = ("visual", "text", "centre")
TEXT_WEIGHT = 50  # of the text's similarity in (2)


def reduce(
    visual_scores: Any,
    text_scores: Any,
    keys: Any,
    *,
    n_neighbors: int = 20,
    rest_neighbors: int = 10,
    members: int = 32,
) -> Reduction:
    r"""Select, recover, and merge the rest: (1) to (3).

    Parameters
    ----------
    visual_scores : ndarray of shape (n,) or (h, n + 1, n + 1)
        CLS attention of the patches, none below 0, or the attention that it is read from.
    text_scores : ndarray of shape (n,)
        Similarity of each patch with the question; the paper's is the cosine divided by the root of
        the width.
    keys : ndarray of shape (n, d) or (h, n, d)
    n_neighbors, rest_neighbors : int
        Of the outlier factor, for the selections and for the centres.
    members : int
        Tokens merged into each centre, at most; a token may go to several.

    Returns
    -------
    Reduction
        As many tokens as the scores call for. `roles` says what each is kept for; the last row is
        the global token, which stands nowhere, when there is anything left for it.

    Examples
    --------
    >>> import numpy as np
    >>> scores, text = np.full(40, 0.02), np.zeros(40)
    >>> scores[4], text[[9, 20]] = 0.22, [0.5, 0.6]
    >>> found = reduce(scores, text, np.eye(40))
    >>> found.kept.tolist(), [found.role_names[role] for role in found.roles]
    ([4, 20], ['visual', 'text'])
    >>> found
    Reduction(40 tokens to 3, merged)
    """
    get_xp(visual_scores, text_scores, keys)
    visual, text, keys = _checked(visual_scores, text_scores, keys)
    members = checks.count(members, "members")
    xp, n = get_xp(visual), len(visual)
    step("visual scores", visual, "what the image looks at", eq="v", axes=("n",))
    step("text scores", text, "what the question is like", eq="t", axes=("n",))
    role = xp.full(n, len(ROLES), dtype=xp.int64)
    n_visual = max(1, rounded_down(n * lof_ratio(visual, n_neighbors)))  # (1)
    role[topk(visual, n_visual).ids] = 0
    hidden = xp.where(role == 0, text.min(), text)
    n_text = rounded_down((n - n_visual) * lof_ratio(hidden, n_neighbors))  # (1)
    if n_text:
        role[topk(xp.where(role == 0, -xp.inf, text), n_text).ids] = 1
    rest = xp.nonzero(role == len(ROLES))[0].astype(xp.int64)
    outlying = lof_ratio(visual[rest], rest_neighbors) if len(rest) else 0
    n_centres = rounded_down(len(rest) * outlying)  # (1)
    if n_centres:
        role[rest[topk(visual[rest], n_centres).ids]] = 2
    kept = xp.nonzero(role < len(ROLES))[0].astype(xp.int64)
    step("role", role, "0 visual, 1 text, 2 centre, 3 merged", axes=("n",))
    step("kept", kept, "in the order of the image", axes=("k",), of="n")
    chosen = selection(kept, n, roles=role[kept], role_names=ROLES)
    merged = xp.nonzero(role == len(ROLES))[0].astype(xp.int64)
    if len(merged) == 0:
        return chosen
    return _merged(chosen, merged, rest, (visual, text, unit(keys)), members)


def _merged(
    chosen: Reduction, merged: Any, rest: Any, of: tuple[Any, Any, Any], members: int
) -> Reduction:
    """Add the neighbourhoods of centres (2) and the global token (3)."""
    visual, text, directions = of
    xp, k = get_xp(visual), len(chosen.kept)
    rows, columns = [xp.arange(k)], [chosen.kept]
    weights = [xp.ones(k, dtype=visual.dtype)]
    for row in xp.nonzero(chosen.roles == 2)[0].tolist():
        centre = int(chosen.kept[row])
        others = rest[rest != centre]
        likeness = directions[others] @ directions[centre] + TEXT_WEIGHT * text[others]
        near = others[topk(likeness, min(members, len(others))).ids]
        rows.append(xp.full(len(near), row, dtype=xp.int64))
        columns.append(near)
        weights.append(visual[near])  # (2)
    rows.append(xp.full(len(merged), k, dtype=xp.int64))
    columns.append(merged)
    weights.append(visual[merged])  # (3)
    entries = Sparse(*(xp.concatenate(parts) for parts in (rows, columns, weights)))
    times = xp.bincount(entries.columns, minlength=chosen.n)
    size = xp.bincount(entries.rows, weights=1 / times[entries.columns], minlength=k + 1)
    return Reduction(
        chosen.kept,
        chosen.n,
        entries,
        size.astype(visual.dtype),
        roles=chosen.roles,
        role_names=ROLES,
    )


def _checked(visual_scores: Any, text_scores: Any, keys: Any) -> tuple[Any, Any, Any]:
    visual = checked_scores(visual_scores, "visual_scores", reduce="cls_row")
    text, keys = checked_scores(text_scores, "text_scores"), mean_keys(keys)
    if not len(visual) == len(text) == len(keys):
        raise ShapeError(
            f"reduce: visual_scores are of {len(visual)} tokens, text_scores of {len(text)}, keys "
            f"of {len(keys)}; expected the same n. Leave the CLS token out of all three."
        )
    if bool((visual < 0).any()):
        raise InvalidInput("reduce: visual_scores go below 0; expected shares of attention.")
    return visual, text, keys
