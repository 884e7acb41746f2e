"""LIMIT without training: the paper's fit and bound, and four numbers that answer every pair."""

import math
from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.numerics import unit
from tokenlab.retrieval.limit_qrels import checked_qrels
from tokenlab.steps import step

__all__ = ["critical_n", "margin_bound", "moment_curve_embedding"]


@takes(d="count")
def critical_n(d: int) -> float:
    """The paper's fit to its experiments, Eq. (2): how many documents at most, for all pairs.

    Examples
    --------
    >>> round(critical_n(4), 4), round(critical_n(1024))
    (6.6602, 4031488)
    """
    return -10.5322 + 4.0309 * d + 0.0520 * d**2 + 0.0037 * d**3  # Eq. (2)


@takes(n="count", k="count", w="positive")
def margin_bound(n: int, k: int, w: float) -> float:
    """The least width for all sets of `k` of `n` documents with a gap of `2 w`, Eq. (3).

    Parameters
    ----------
    n, k : int
    w : float
        Half the gap between the scores of the relevant and of the other documents; all vectors have
        length one, so that it is at most 1.

    Examples
    --------
    >>> round(margin_bound(46, 2, 0.1), 6)
    2.895104
    """
    if k > n:
        raise InvalidInput(f"{public_caller()}: k is {k}, but n is {n}; expected k of at most n.")
    checks.number(w, "w", above=0, at_most=1)
    # Logarithms of factorials: C(10^6, 100) has 440 digits.
    log_sets = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return max(log_sets, 0.0) / math.log1p(1 / w)  # Eq. (3)


def on_the_curve(t: Any, k: int) -> Any:
    """Eq. (4): a circle wound around `k` times at once, `(n, 2 k)`."""
    xp = get_xp(t)
    turns = t[:, None] * xp.arange(1, k + 1)  # (n, k)
    both = xp.stack([xp.cos(turns), xp.sin(turns)], axis=-1)  # (n, k, 2)
    return both.reshape(len(t), 2 * k) / math.sqrt(k)


@takes(qrels="n_queries k int", n="count")
def moment_curve_embedding(
    qrels: Any, n: int | None = None, *, dtype: Any = np.float32
) -> tuple[Any, Any]:
    """Unit vectors of `2 k` numbers that answer every set of `k` documents, without training.

    Documents lie on the curve of Eq. (4). The query of a set is Eq. (5): a wave that is 0 at its
    documents and larger everywhere else, turned upside down.

    Parameters
    ----------
    qrels : ndarray of shape (n_queries, k)
        Some sets, or all.
    n : int, optional
        Documents; by default as many as `qrels` names.
    dtype : float32 or float64
        The gap to the next document shrinks like $n^{-4}$ for pairs: float32 tells 100 apart.

    Returns
    -------
    queries : ndarray of shape (n_queries, 2 k)
    docs : ndarray of shape (n, 2 k)

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        Documents out of range or twice in a row, another type.

    Examples
    --------
    >>> from tokenlab.retrieval.limit_qrels import dense_qrels, pair_recall
    >>> qrels = dense_qrels(10)
    >>> queries, docs = moment_curve_embedding(qrels)
    >>> docs.shape, pair_recall(queries, docs, qrels)
    ((10, 4), 1.0)
    """
    xp, k = get_xp(qrels), qrels.shape[1]
    n = int(qrels.max()) + 1 if n is None else n
    checked_qrels(qrels, n)
    if dtype not in (np.float32, np.float64, "float32", "float64"):
        raise InvalidInput(
            f"{public_caller()}: dtype is {checks.shown(dtype)}; expected float32 or float64."
        )
    t = 2 * math.pi * xp.arange(n) / n  # (n,), all round the circle
    docs = step(on_the_curve(t, k))  # (n_docs, d) [v(t) (4)] one point of the curve each
    # A wave of degree k is known from 2 k + 1 of its values, which give its coefficients.
    s = 2 * math.pi * xp.arange(2 * k + 1) / (2 * k + 1)
    gaps = s[:, None] - t[qrels][:, None, :]  # (n_queries, 2 k + 1, k)
    wave = step((1 - xp.cos(gaps)).prod(axis=-1))  # (n_queries, s) [f (5)] 0 at the set's documents
    queries = step(unit(-wave @ on_the_curve(s, k)))  # (n_queries, d) [u (5)] upside down
    return queries.astype(dtype), docs.astype(dtype)
