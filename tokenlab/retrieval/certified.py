"""What a compressed index loses: ruled out by bounds, or measured.

A token lies within its error of what is decoded, so no product with it exceeds
`q . decoded + |q| error`. Documents of a source are read from the highest bound down; when the k-th
best score exceeds all bounds that are left, the answer is that of exact search.
"""

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.numerics import segment_max, topk
from tokenlab.retrieval.compressed_inputs import runs_of
from tokenlab.retrieval.compressed_search import Looks, Settings, best_documents

__all__ = ["Certified", "RecallRow", "cheapest"]

BLOCK = 1 << 15  # tokens that are decoded together
READ = 16  # documents that are read together


class Certified(NamedTuple):
    """The exact answer, best first, and how many documents were `read` for it."""

    doc_ids: Any
    scores: Any
    read: int


class RecallRow(NamedTuple):
    """What one setting finds of the exact answer, and the median times of a query."""

    n_probe: int
    rerank: int
    recall: float
    seconds: float
    exact_seconds: float


def exactly(index: Any, query: Any, source: Any, k: int) -> Certified:
    """`CompressedIndex.certified_search` of what was looked at."""
    numbers, bounds = upper_bounds(index, query)
    # Whoever has the highest bound may be the best; nobody else can say so before it is read.
    order = topk(bounds, len(bounds)).ids  # (n_docs,) from the highest bound down
    docs, scores = np.zeros(0, np.int64), np.zeros(0)  # best first
    for start in range(0, len(order), READ):
        run = order[start : start + READ]
        # A document that ties with the k-th may have the lower number: it is read, too.
        if len(scores) >= k and scores[k - 1] > bounds[run[0]]:
            return Certified(docs[:k], scores[:k], start)
        read = np.sort(numbers[run])
        docs = np.concatenate([docs, read])  # the k best so far, and new ones
        scores = np.concatenate([scores, Looks(index).exact_scores(query, read, source)])
        best = np.lexsort((docs, -scores))[:k]  # ties to the lower number
        docs, scores = docs[best], scores[best]
    return Certified(docs[:k], scores[:k], len(order))


def upper_bounds(index: Any, query: Any) -> tuple[np.ndarray, np.ndarray]:
    """Documents that have tokens, and what none of them can exceed."""
    numbers, bounds = [np.zeros(0, np.int64)], [np.zeros(0)]
    length = np.sqrt((query * query).sum(axis=1, dtype=np.float64))  # (n_q,) |q|
    for piece in index.pieces:
        for docs in runs_of(piece.offsets, BLOCK):
            rows = slice(int(piece.offsets[docs.start]), int(piece.offsets[docs.stop]))
            tokens = piece.decoded(index.codec, rows, normalize=False)  # (n, d)
            # Products are rounded, here and where they are exact: a little room for both.
            size = np.sqrt((tokens * tokens).sum(axis=1, dtype=np.float64))
            room = 4 * index.d * np.finfo(tokens.dtype).eps * size
            error = piece.lost(rows) + room
            most = tokens @ query.T + error[:, None] * length  # (n, n_q) [q·x' + |q| e]
            ends = piece.offsets[docs.start : docs.stop + 1] - rows.start
            # A sum over no tokens is no bound: empty documents are no answer.
            there = index.alive[piece.numbers[docs]] & (np.diff(ends) > 0)
            numbers.append(piece.numbers[docs][there])
            bounds.append(segment_max(most, ends).sum(axis=1, dtype=np.float64)[there])
    return np.concatenate(numbers), np.concatenate(bounds)


def report(
    index: Any,
    queries: list[Any],
    source: Any,
    k: int,
    n_probes: Sequence[int],
    reranks: Sequence[int],
    impute: str,
) -> list[RecallRow]:
    """`CompressedIndex.recall_report` of what was looked at."""
    numbers = [p.numbers[np.diff(p.offsets) > 0] for p in index.pieces]
    there = np.concatenate([np.zeros(0, np.int64), *numbers])
    there = there[index.alive[there]]  # (n_docs,) what can be an answer
    everything = source if len(there) == source.n_docs else source[there]
    exact, exact_seconds = [], []
    for query in queries:
        scores, seconds = timed(all_scores, query, everything)
        exact.append(set(there[topk(scores, k).ids].tolist()))
        exact_seconds.append(seconds)
    rows = []
    for n_probe in n_probes:
        for rerank in reranks:
            # One query at a time, as a person asks.
            settings = Settings(k, n_probe, None, impute == "kth", max(1000, k), rerank)
            runs = [
                timed(best_documents, Looks(index), query, settings, source, None)
                for query in queries
            ]
            shares = [
                len(right & set(found.doc_ids.tolist())) / max(1, len(right))
                for right, (found, _) in zip(exact, runs, strict=True)
            ]
            seconds = float(np.median([seconds for _, seconds in runs]))
            recall = float(np.mean(shares))
            rows.append(
                RecallRow(n_probe, rerank, recall, seconds, float(np.median(exact_seconds)))
            )
    return rows


def all_scores(query: Any, source: Any) -> Any:
    """Exact MaxSim of every document."""
    from tokenlab.retrieval.colbert import maxsim

    return maxsim(query, source)


def timed(function: Any, *args: Any) -> tuple[Any, float]:
    """A result and how long it took."""
    start = time.perf_counter()
    result = function(*args)
    return result, time.perf_counter() - start


@takes(recall="share")
def cheapest(rows: Sequence[RecallRow], *, recall: float = 0.95) -> str:
    """One line: the cheapest setting of a `recall_report` that finds enough.

    Parameters
    ----------
    rows : list of RecallRow
    recall : float
        The share of the exact answer that is wanted.

    Examples
    --------
    >>> print(cheapest([RecallRow(2, 0, .9, .001, .01), RecallRow(8, 100, .97, .002, .01)]))
    For a recall of 0.95: n_probe=8, rerank=100 (recall 0.970, 2.0 ms, exact search 10.0 ms).
    """
    rows = list(checks.sequence(rows, "rows"))
    if not rows or not all(isinstance(row, RecallRow) for row in rows):
        raise InvalidInput(f"{public_caller()}: rows is no report; expected a list of RecallRow.")
    # Time decides among those that find enough.
    enough = [row for row in rows if row.recall >= recall]
    if not enough:
        best = max(rows, key=lambda row: row.recall)
        return (
            f"No setting reaches a recall of {recall:g}; the best is n_probe={best.n_probe}, "
            f"rerank={best.rerank} with {best.recall:.3f}."
        )
    row = min(enough, key=lambda row: row.seconds)
    return (
        f"For a recall of {recall:g}: n_probe={row.n_probe}, rerank={row.rerank} (recall "
        f"{row.recall:.3f}, {1000 * row.seconds:.1f} ms, exact search "
        f"{1000 * row.exact_seconds:.1f} ms)."
    )
