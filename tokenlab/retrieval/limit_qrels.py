"""Which documents answer which query: all sets of k, and how many are found."""

import itertools
import math
from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.numerics import topk
from tokenlab.steps import step

__all__ = ["dense_qrels", "pair_recall"]

MOST = 1 << 26  # rows of qrels that are made without a limit


@takes(n="count", k="count", limit="count", rng="rng")
def dense_qrels(
    n: int, k: int = 2, *, limit: int | None = None, rng: np.random.Generator | int | None = None
) -> np.ndarray:
    """A query for every set of `k` of `n` documents: the hardest pattern there is.

    Parameters
    ----------
    n, k : int
    limit : int, optional
        So many queries at most: the first ones, or with `rng` a sample.
    rng : numpy.random.Generator, int or None
        Draws the sample.

    Returns
    -------
    ndarray of shape (n_queries, k)
        int64, documents from 0 to `n - 1`, in the order of `itertools.combinations`.

    Raises
    ------
    InvalidInput
        `k` above `n`, or more rows than memory is for, without a limit.

    Examples
    --------
    >>> dense_qrels(3).tolist(), len(dense_qrels(46))
    ([[0, 1], [0, 2], [1, 2]], 1035)
    """
    if k > n:
        raise InvalidInput(f"{public_caller()}: k is {k}, but n is {n}; expected k of at most n.")
    total = math.comb(n, k)
    rows = total if limit is None else min(limit, total)
    if rows > MOST:
        raise InvalidInput(
            f"{public_caller()}: n is {n}: {rows} sets of {k} documents; pass limit."
        )
    every = itertools.combinations(range(n), k)
    if rng is None or rows == total:
        flat = itertools.chain.from_iterable(itertools.islice(every, rows))
        return np.fromiter(flat, np.int64, rows * k).reshape(rows, k)
    rng = checks.generator(rng)
    # Few of many are drawn until all differ; else a part of a list of all.
    chosen: set[tuple[int, ...]] = set()
    while len(chosen) < rows and 2 * rows <= total:  # few of many: draw until all differ
        chosen.add(tuple(sorted(rng.choice(n, k, replace=False).tolist())))
    if not chosen:
        numbers = np.sort(rng.permutation(total)[:rows])
        return dense_qrels(n, k)[numbers]
    return np.array(sorted(chosen), dtype=np.int64)


def checked_qrels(qrels: Any, n: int) -> Any:
    """Documents of every query, each within the collection, and none twice."""
    checks.within(qrels, "qrels", n, "n")
    ordered = get_xp(qrels).sort(qrels, axis=1)  # (n_queries, k), equal ones side by side
    if bool((ordered[:, 1:] == ordered[:, :-1]).any()):
        raise InvalidInput(
            f"{public_caller()}: qrels name a document twice in one row; expected k different ones."
        )
    return qrels


@takes(queries="n_queries d", docs="n d", qrels="n_queries k int")
def pair_recall(queries: Any, docs: Any, qrels: Any) -> float:
    """The share of relevant documents that are among the `k` best of their query.

    Parameters
    ----------
    queries : ndarray of shape (n_queries, d)
    docs : ndarray of shape (n, d)
    qrels : ndarray of shape (n_queries, k)
        The relevant documents of each query, all different.

    Returns
    -------
    float
        1.0 where every query gets exactly its documents. Ties go to the lower number.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        Documents out of range, or twice in a row.

    Examples
    --------
    >>> docs = [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]
    >>> pair_recall([[1.0, 1.0], [1.0, -1.0]], docs, [[0, 1], [0, 2]])
    0.75
    """
    checked_qrels(qrels, len(docs))
    similarity = step(queries @ docs.T)  # (n_queries, n_docs) [P = U Vᵀ] all queries with all
    found = step(topk(similarity, qrels.shape[1]).ids)  # (n_queries, rank) -> n_docs: the k best
    hit = step((found[:, :, None] == qrels[:, None, :]).any(axis=1))  # (n_queries, k) found or not
    return float(hit.mean())
