r"""Scores of tokens: from attention, from similarity, and how many of them stand out.

Each takes what a model computed and returns one number per token, higher is kept first.
"""

import warnings
from typing import Any

from tokenlab import checks
from tokenlab.arrays import get_xp
from tokenlab.engine import accelerated
from tokenlab.errors import InvalidInput, ShapeError, public_caller
from tokenlab.numerics import unit
from tokenlab.steps import step

__all__ = [
    "cls_row",
    "column_mean",
    "knn_density",
    "last_row",
    "lof_ratio",
    "outlier_factor",
    "text_cosine",
]

OUTLIER = 1.5  # scikit-learn's contamination="auto"


def cls_row(attention: Any, *, lead: int = 1) -> Any:
    r"""What the CLS token (row 0) attends to, the mean over heads.

    Parameters
    ----------
    attention : ndarray of shape (h, lead + n, lead + n)
        Softmax attention; a warning says so when rows do not sum to one.
    lead : int
        Tokens in front, CLS among them, that get no score.

    Returns
    -------
    ndarray of shape (n,)

    Examples
    --------
    >>> cls_row([[[0.2, 0.5, 0.3], [0, 1, 0], [0, 0, 1]]]).tolist()
    [0.5, 0.3]
    """
    return _patches(attention, lead)[:, 0].mean(axis=0)


def column_mean(attention: Any, *, lead: int = 1) -> Any:
    r"""What each token receives: the mean over heads and all rows, those of CLS among them.

    Parameters
    ----------
    attention : ndarray of shape (h, lead + n, lead + n)
    lead : int
        Tokens in front that get no score.

    Returns
    -------
    ndarray of shape (n,)

    Examples
    --------
    >>> column_mean([[[0.2, 0.5, 0.3], [0, 1, 0], [0, 0, 1]]]).round(3).tolist()
    [0.5, 0.433]
    """
    return _patches(attention, lead).mean(axis=(0, 1))


def last_row(attention: Any, *, lead: int = 0) -> Any:
    r"""What the last token, which speaks next in a language model, attends to; mean over heads.

    Parameters
    ----------
    attention : ndarray of shape (h, n_q, lead + n)
    lead : int
        Tokens in front that get no score.

    Returns
    -------
    ndarray of shape (n,)

    Examples
    --------
    >>> last_row([[[1.0, 0.0], [0.25, 0.75]]]).tolist()
    [0.25, 0.75]
    """
    return _patches(attention, lead, at_least=0)[:, -1].mean(axis=0)


def text_cosine(text: Any, x: Any) -> Any:
    r"""The cosine of each token with one vector of the text.

    Parameters
    ----------
    text : ndarray of shape (d,)
    x : ndarray of shape (n, d)
        In the space of the text: for CLIP after the visual projection.

    Returns
    -------
    ndarray of shape (n,)
        0 where a token or the text is a row of zeros.

    Examples
    --------
    >>> text_cosine([2.0, 0.0], [[3.0, 4.0], [0.0, 0.0]]).tolist()
    [0.6, 0.0]
    """
    xp = get_xp(text, x)
    text = checks.finite(checks.shaped(checks.floats(text, "text", xp), "text", ("d",)), "text", xp)
    x = checks.vectors(x, "x", "n", xp)
    checks.same_width(x, "x", "n", text[None], "text", "1")
    return unit(x) @ unit(text)


def knn_density(x: Any, n_neighbors: int = 5) -> Any:
    r"""Local density $\rho_i = \exp(-\tfrac1k \sum_{j} \lVert x_i - x_j \rVert^2 / d)$, in (0, 1].

    The sum is over the `n_neighbors` nearest tokens; at most the `n - 1` others are taken.

    Parameters
    ----------
    x : ndarray of shape (n, d)
    n_neighbors : int

    Returns
    -------
    ndarray of shape (n,)

    Examples
    --------
    >>> knn_density([[0.0], [0.0], [2.0]], 1).round(4).tolist()
    [1.0, 1.0, 0.0183]
    """
    xp = get_xp(x)
    x = checks.vectors(x, "x", "n", xp, at_least=1)
    k = min(checks.count(n_neighbors, "n_neighbors"), len(x) - 1)
    if k == 0:
        return xp.ones(1, dtype=x.dtype)
    return density_of(squared_distances(x), k, x.shape[1])


def density_of(squares: Any, k: int, d: int) -> Any:
    """The density of each token from all squared distances; 1 where there is no other token."""
    xp = get_xp(squares)
    return xp.exp(-nearest_sum(squares, k) / (k * d)) if k else xp.ones_like(squares[0])


@accelerated("pruning.nearest_sum", work=lambda squares, k: squares.size, pays_from=1e4)
def nearest_sum(squares: Any, k: int) -> Any:
    """The sum of the `k + 1` smallest values of each row: a token's own 0 and its neighbours'."""
    xp = get_xp(squares)
    return xp.partition(squares, k, axis=1)[:, : k + 1].sum(axis=1)


@accelerated("pruning.least_before", work=lambda values, rank: values.size, pays_from=1e4)
def least_before(values: Any, rank: Any) -> Any:
    """The smallest value of each row in columns of lower rank; of the first rank the largest."""
    xp = get_xp(values, rank)
    before = xp.where(rank[None, :] < rank[:, None], values, xp.inf).min(axis=1)
    return xp.where(rank == 0, values.max(axis=1), before).astype(values.dtype)


def squared_distances(x: Any) -> Any:
    r"""$\lVert x_i - x_j \rVert^2$ of all pairs, `(n, n)`, by one product; 0 for i = j."""
    xp = get_xp(x)
    x = x - x.mean(axis=0)  # near the origin little is lost to cancellation
    squares = (x * x).sum(axis=1)
    distances = x @ x.T  # from here on in place: the matrix is what takes the time
    distances *= -2
    distances += squares
    distances += squares[:, None]
    distances = xp.maximum(distances, 0, out=distances)
    distances[xp.arange(len(x)), xp.arange(len(x))] = 0
    return distances  # (n, n)


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
    xp = get_xp(scores)
    scores = checked_scores(scores, "scores")
    k = min(checks.count(n_neighbors, "n_neighbors"), len(scores) - 1)
    if k == 0:
        return xp.ones(len(scores), dtype=scores.dtype)
    order = xp.argsort(scores, kind="stable")
    factors = xp.empty(len(scores), dtype=scores.dtype)
    factors[order] = line_outliers(scores[order].astype(xp.float64), k).astype(scores.dtype)
    return step("outlier factor", factors, "near 1 in a crowd", eq="LOF", axes=("n",))


def lof_ratio(scores: Any, n_neighbors: int = 20) -> float:
    r"""Share of scores whose local outlier factor is above 1.5.

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
    factors = outlier_factor(scores, n_neighbors)
    return float((factors > OUTLIER).sum()) / len(factors)


@accelerated("pruning.line_outliers", work=lambda scores, k: len(scores) * k, pays_from=2e3)
def line_outliers(scores: Any, k: int) -> Any:
    """Local outlier factors of sorted scores; of two neighbours as near, the lower one counts."""
    xp, n = get_xp(scores), len(scores)
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


def checked_attention(attention: Any, name: str = "attention") -> Any:
    """Attention `(h, n_q, n)`, finite; rows that do not sum to one raise a warning."""
    xp = get_xp(attention)
    attention = checks.shaped(checks.floats(attention, name, xp), name, ("h", "n_q", "n"))
    checks.finite(attention, name, xp)
    if 0 in attention.shape:
        raise ShapeError(f"{public_caller()}: {name} is {attention.shape}; no axis may be empty.")
    sums = attention.sum(axis=-1)
    off = xp.abs(sums - 1)
    if float(off.max()) > 1e-2:
        worst = float(sums.ravel()[int(off.argmax())])
        problem = f"rows of {name} do not sum to one (one sums to {worst:g})"
        remedy = "Pass attention after the softmax, with all of its columns."
        warnings.warn(f"{public_caller()}: {problem}. {remedy}", RuntimeWarning, stacklevel=4)
    return attention


def checked_scores(scores: Any, name: str, *, reduce: str | None = None) -> Any:
    """Scores `(n,)`, finite; attention `(h, n + 1, n + 1)` is reduced first where that is asked."""
    xp = get_xp(scores)
    scores = checks.floats(scores, name, xp)
    if reduce not in (None, "column_mean", "cls_row"):
        problem = f'scores is {reduce!r}; expected "column_mean" or "cls_row"'
        raise InvalidInput(f"{public_caller()}: {problem}.")
    if reduce and scores.ndim == 3:
        attention = checked_attention(scores, name)
        attention = attention[:, :1] if reduce == "cls_row" else attention
        scores = attention[:, :, 1:].mean(axis=(0, 1))  # without the CLS column
    if reduce and scores.ndim != 1:
        raise ShapeError(
            f"{public_caller()}: {name} is {scores.shape}; expected scores (n,), or attention "
            "(h, n + 1, n + 1) with its heads. Attention averaged over heads goes in as a[None]."
        )
    scores = checks.finite(checks.shaped(scores, name, ("n",)), name, xp)
    if len(scores) == 0:
        raise ShapeError(f"{public_caller()}: {name} is empty; expected at least one token.")
    return scores


def _patches(attention: Any, lead: int, *, at_least: int = 1) -> Any:
    """Checked attention without its first `lead` columns."""
    attention, lead = checked_attention(attention), checks.count(lead, "lead", at_least=at_least)
    if lead >= attention.shape[2]:
        raise ShapeError(f"{public_caller()}: lead is {lead}, which leaves no token to score.")
    return attention[:, :, lead:]
