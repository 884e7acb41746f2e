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
| visual score of each token | `image_scores` | `(n,)` or `(h, n + 1, n + 1)` |
| similarity with the text | `text_scores` | `(n,)` |
| keys | `keys` | `(n, d)` or `(h, n, d)` |
| share of outliers | `rho` | |

With $\rho(s)$ the share of scores whose local outlier factor is above 1.5:

$$n_{\text{image}} = \lfloor N \rho(v) \rfloor, \quad
n_{\text{text}} = \lfloor (N - n_{\text{image}})\, \rho(t) \rfloor, \quad
n_{\text{centres}} = \lfloor N_{\text{rest}}\, \rho(v_{\text{rest}}) \rfloor \qquad (1)$$
$$y_c = x_c + \sum_{j \in \mathcal{N}(c)} v_j x_j, \quad \mathcal{N}(c) = \text{the 32 of largest }
\cos(k_c, k_j) + 50\, t_j \qquad (2)$$
$$y_{\text{global}} = \sum_{j \text{ no centre}} v_j x_j \qquad (3)$$

Example
-------
    text_scores = text_cosine(text, patches) / patches.shape[1] ** 0.5
    reduction = recoverable.reduce(cls_row(attention), text_scores, keys)
"""

from typing import Any

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.engine import accelerated
from tokenlab.errors import InvalidInput, ShapeError
from tokenlab.numerics import topk, unit
from tokenlab.pruning.mergers import mean_keys
from tokenlab.pruning.reduction import Reduction, Sparse, rounded_down
from tokenlab.pruning.scores import scores_of
from tokenlab.steps import step

__all__ = ["lof_ratio", "outlier_factor", "reduce"]

ROLES = ("image", "text", "centre")
IMAGE, TEXT, CENTRE, MERGED = range(4)
TEXT_WEIGHT = 50  # of the text's similarity in (2)
OUTLIER = 1.5  # scikit-learn's contamination="auto"


@takes(image_scores="n | h n_q n_all", text_scores="n_text", keys="n_keys d | h n_keys d")
def reduce(
    image_scores: Any,
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
    image_scores : ndarray of shape (n,) or (h, n + 1, n + 1)
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
    ([4, 20], ['image', 'text'])
    >>> found
    Reduction(40 tokens to 3, merged)
    """
    xp = get_xp(image_scores, text_scores, keys)
    visual, text, keys = _checked(image_scores, text_scores, keys)
    for name, count in (("n_neighbors", n_neighbors), ("rest_neighbors", rest_neighbors)):
        checks.count(count, name)
    checks.count(members, "members")
    n = len(visual)
    step("image scores", visual, "what the image looks at", eq="v", axes=("n",))
    step("text scores", text, "what the question is like", eq="t", axes=("n",))
    role = xp.full(n, MERGED)  # (n,)
    # Select: as many as stand out, the highest.
    n_image = max(1, rounded_down(n * _outlying(visual, n_neighbors)))  # Eq. (1)
    role[topk(visual, n_image).ids] = IMAGE
    # Recover: the same with the text's scores, among those that are not selected.
    hidden = xp.where(role == IMAGE, text.min(), text)
    n_text = rounded_down((n - n_image) * _outlying(hidden, n_neighbors))  # Eq. (1)
    if n_text:
        role[topk(xp.where(role == IMAGE, -xp.inf, text), n_text).ids] = TEXT
    # Of the rest, those that stand out become centres.
    rest = xp.nonzero(role == MERGED)[0]  # (n_rest,)
    n_centres = 0
    if len(rest):
        n_centres = rounded_down(len(rest) * _outlying(visual[rest], rest_neighbors))  # Eq. (1)
    if n_centres:
        role[rest[topk(visual[rest], n_centres).ids]] = CENTRE
    role = step(role)  # (n,) 0 image, 1 text, 2 centre, 3 merged
    kept = xp.nonzero(role != MERGED)[0].astype(xp.int64)
    step(kept)  # (k,) -> n: in the order of the image
    chosen = Reduction(kept, n, roles=role[kept], role_names=ROLES)
    merged = xp.nonzero(role == MERGED)[0]
    if len(merged) == 0:
        return chosen
    return _merged(chosen, merged, rest, (visual, text, unit(keys)), members)


def _merged(
    chosen: Reduction, merged: Any, rest: Any, of: tuple[Any, Any, Any], members: int
) -> Reduction:
    """Add the neighbourhoods of centres (2) and the global token (3)."""
    visual, text, directions = of
    xp = get_xp(visual)
    kept = chosen.kept
    k = len(kept)
    # Entries of W: the kept tokens themselves with weight 1, and what is added to them.
    rows = [xp.arange(k)]
    columns = [kept]
    weights = [xp.ones(k, dtype=visual.dtype)]
    for row in xp.nonzero(chosen.roles == CENTRE)[0].tolist():
        centre = int(kept[row])
        others = rest[rest != centre]
        likeness = directions[others] @ directions[centre] + TEXT_WEIGHT * text[others]
        near = others[topk(likeness, min(members, len(others))).ids]  # (n_members,)
        rows.append(xp.full(len(near), row))
        columns.append(near)
        weights.append(visual[near])  # Eq. (2)
    rows.append(xp.full(len(merged), k))
    columns.append(merged)
    weights.append(visual[merged])  # Eq. (3)
    entries = Sparse(*(xp.concatenate(parts) for parts in (rows, columns, weights)))
    # A token that goes to several rows counts as a part in each, so that sizes sum to n.
    times = xp.bincount(entries.columns, minlength=chosen.n)  # (n,)
    size = xp.bincount(entries.rows, weights=1 / times[entries.columns], minlength=k + 1)
    size = step(size.astype(visual.dtype))  # (m,) how many tokens each stands for
    return Reduction(kept, chosen.n, entries, size, roles=chosen.roles, role_names=ROLES)


def _checked(image_scores: Any, text: Any, keys: Any) -> tuple[Any, Any, Any]:
    visual = scores_of(image_scores, "image_scores", reduce="cls_row")
    keys = mean_keys(keys)  # (n, d)
    if not len(visual) == len(text) == len(keys):
        raise ShapeError(
            f"reduce: image_scores are of {len(visual)} tokens, text_scores of {len(text)}, keys "
            f"of {len(keys)}; expected the same n. Leave the CLS token out of all three."
        )
    if bool((visual < 0).any()):
        raise InvalidInput("reduce: image_scores go below 0; expected shares of attention.")
    return visual, text, keys


# How many stand out: the local outlier factor.


@takes(scores="n")
def outlier_factor(scores: Any, n_neighbors: int = 20) -> Any:
    r"""Local outlier factor of each score among all: near 1 in a crowd, larger for a loner.

    With the distance $r(p)$ at which a point is reached from its `n_neighbors` nearest, on average
    and never from nearer than their own neighbours are, it is the mean of $r(p) / r(o)$ over those
    neighbours $o$ (Breunig et al., SIGMOD 2000). Scores lie on a line, so they are sorted once.

    Parameters
    ----------
    scores : ndarray of shape (n,)
    n_neighbors : int
        More than `n - 1` means all others.

    Returns
    -------
    ndarray of shape (n,)
        1 where a point and its neighbours coincide; infinite where only the neighbours do.

    Examples
    --------
    >>> outlier_factor([0.0, 1.0, 2.0, 10.0], 2).round(5).tolist()
    [0.875, 1.33333, 0.875, 4.95833]
    """
    return _factors(scores, checks.count(n_neighbors, "n_neighbors"))


@takes(scores="n")
def lof_ratio(scores: Any, n_neighbors: int = 20) -> float:
    r"""$\rho$ in (1): the share of scores whose local outlier factor is above 1.5.

    Parameters
    ----------
    scores : ndarray of shape (n,)
    n_neighbors : int

    Returns
    -------
    float
        0 for equal scores.

    Examples
    --------
    >>> lof_ratio([0.0, 1.0, 2.0, 3.0, 10.0], 2)
    0.2
    """
    return _outlying(scores, checks.count(n_neighbors, "n_neighbors"))


def _outlying(scores: Any, n_neighbors: int) -> float:
    factors = _factors(scores, n_neighbors)
    return float((factors > OUTLIER).sum()) / len(factors)


def _factors(scores: Any, n_neighbors: int) -> Any:
    """`outlier_factor` of checked scores: they are sorted, and put back in their order."""
    xp = get_xp(scores)
    n_neighbors = min(n_neighbors, len(scores) - 1)
    if n_neighbors == 0:
        return xp.ones(len(scores), dtype=scores.dtype)
    order = xp.argsort(scores, kind="stable")
    factors = xp.empty(len(scores), dtype=scores.dtype)
    along_the_line = line_outliers(scores[order].astype(xp.float64), n_neighbors)
    factors[order] = along_the_line.astype(scores.dtype)
    return step("outlier factor", factors, "near 1 in a crowd", eq="LOF", axes=("n",))


@accelerated("pruning.line_outliers", work=lambda scores, k: len(scores) * k, pays_from=2e3)
def line_outliers(scores: Any, k: int) -> Any:
    """Local outlier factors of sorted scores; of two neighbours as near, the lower one counts."""
    xp = get_xp(scores)
    n = len(scores)
    offsets = xp.concatenate([-xp.arange(1, k + 1), xp.arange(1, k + 1)])  # those below come first
    there = xp.arange(n)[:, None] + offsets  # (n, 2 k)
    inside = (there >= 0) & (there < n)
    there = xp.clip(there, 0, n - 1)
    distance = xp.where(inside, xp.abs(scores[there] - scores[:, None]), xp.inf)
    nearest = xp.argsort(distance, axis=1, kind="stable")[:, :k]
    neighbours = xp.take_along_axis(there, nearest, axis=1)  # (n, k)
    distance = xp.take_along_axis(distance, nearest, axis=1)
    reach = xp.maximum(distance[:, -1][neighbours], distance).mean(axis=1)
    theirs = reach[neighbours]
    ratio = reach[:, None] / xp.where(theirs > 0, theirs, 1.0)
    coinciding = xp.where(reach > 0, xp.inf, 1.0)[:, None]
    return xp.where(theirs > 0, ratio, coinciding).mean(axis=1)


NOTES = r"""
Differs from the paper
----------------------
This is the algorithm that the paper describes. The released code differs where it slips:

- the number of centres is $\lfloor 1024 \rho \rfloor$, because the number of tokens is read off an
  expanded index, whose last axis is the channels;
- keys of the rest are gathered from the full array with positions in the rest, so they belong to
  other tokens;
- the text vector is that of the last padded position, not the pooled one;
- it fails when fewer than 32 tokens are left to merge; here all that are left are taken;
- without any centre it leaves the global token (3) out as well; here the rest is not lost.

Outliers below count in $\rho$, as in the paper, although only the highest scores are taken. Equal
scores have no outlier; at least one token is then kept. The paper does not define sizes; here each
merged token's mass is divided among the rows that it takes part in.

Cost
----
$N \log N$ to sort, $20 N$ for outliers, $n_{\text{centres}} N_{\text{rest}} d$ for (2).
"""
