"""Twins of token retrieval: MaxSim, the nearest tokens of a query, and the sums of XTR.

The similarities of all tokens with all query tokens are never held at once. Each core takes a share
of the tokens; NumPy multiplies one block of them with the query, and a loop reads the block while
it is still in the cache. Blocks could be smaller, but where BLAS has several threads, they wait for
each other at the end of each.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tokenlab.kernels import njit, njit_in_order
from tokenlab.kernels.threads import Shares, shares
from tokenlab.numerics import TopK

BLOCK_BYTES = 1 << 22  # similarities held at once, by all cores together
FEWEST_ROWS = 128  # a thinner product is slow; the block is then no larger than the query itself
FEWEST_SPARE = 256  # room in a shortlist beyond k, so that a small k is not cut all the time


def block_rows(n_q: int, dtype: Any) -> int:
    """How many tokens make one block of similarities."""
    return max(FEWEST_ROWS, BLOCK_BYTES // (dtype.itemsize * max(1, n_q)))


def similarity_blocks(
    query: Any, tokens: Any, start: int, stop: int, cores: int
) -> Iterator[tuple[int, Any]]:
    """Yield the first token of each block and its similarities `(rows, n_q)`, in one buffer."""
    dtype = np.result_type(query, tokens)
    rows = max(FEWEST_ROWS, block_rows(len(query), dtype) // cores)
    buffer = np.empty((min(rows, stop - start), len(query)), dtype)
    for first in range(start, stop, rows):
        block = tokens[first : min(first + rows, stop)]
        # This way round is faster than query @ block.T, and a token's similarities lie together.
        yield first, np.matmul(block, query.T, out=buffer[: len(block)])


def maxsim_scores(query: Any, query_offsets: Any, tokens: Any, offsets: Any) -> Any:
    """Twin of `tokenlab.retrieval.colbert.maxsim_scores`."""
    dtype = np.result_type(query, tokens)
    scores = np.full((len(query_offsets) - 1, len(offsets) - 1), -np.inf, dtype)
    tokens = np.asarray(tokens)  # slices of a memory map are slower than those of a plain array

    def share(doc: int, last: int) -> None:
        best, ends = np.full(len(query), -np.inf, dtype), (offsets[doc], offsets[last])
        for first, similarity in similarity_blocks(query, tokens, *ends, cores.number):
            doc = _fold(similarity, first, offsets, query_offsets, doc, best, scores)

    with shares(len(tokens), 2 * query.size) as cores:
        cores.run(share, np.searchsorted(offsets, cores.bounds))
    return scores


@njit
def _fold(similarity, first, offsets, query_offsets, doc, best, scores):  # type: ignore[no-untyped-def]
    """Fold one block into `best`; write the score of each document that ends in it.

    Documents do not have to end where blocks do: `doc` and `best` carry over to the next block.
    """
    row, stop = first, first + len(similarity)
    while row < stop:
        end = offsets[doc + 1]
        _raise_to(best, similarity[row - first : min(end, stop) - first])
        if end > stop:
            break
        if end > offsets[doc]:  # an empty document keeps its -inf
            for r in range(len(scores)):
                total = 0.0
                for v in range(query_offsets[r], query_offsets[r + 1]):
                    total += best[v]
                scores[r, doc] = total
            best[:] = -np.inf
        row = end
        doc += 1
    return doc


@njit
def _raise_to(best, rows):  # type: ignore[no-untyped-def]
    """`best = max(best, rows.max(axis=0))`, four rows at a time to read and write `best` less."""
    whole = len(rows) // 4 * 4
    for i in range(0, whole, 4):
        for v in range(len(best)):
            upper, lower = max(rows[i, v], rows[i + 1, v]), max(rows[i + 2, v], rows[i + 3, v])
            best[v] = max(best[v], max(upper, lower))
    for i in range(whole, len(rows)):
        for v in range(len(best)):
            best[v] = max(best[v], rows[i, v])


def nearest_tokens(query: Any, tokens: Any, k: int) -> TopK:
    """Twin of `tokenlab.retrieval.xtr.nearest_tokens`."""
    tokens = np.asarray(tokens)  # slices of a memory map are slower than those of a plain array
    k = min(k, len(tokens))
    if k == 0:  # an index without tokens
        return TopK(
            *(np.empty((len(query), 0), t) for t in (np.int64, np.result_type(query, tokens)))
        )
    with shares(len(tokens), 2 * query.size) as cores:
        ids, sims, found = _shortlists(query, tokens, k, _guess(query, tokens, k), cores)
        missed = np.flatnonzero(found < k)
        if missed.size:  # the guess was too high: once more, without one
            no_guess = np.full(missed.size, np.nan, sims.dtype)
            again = _shortlists(query[missed], tokens, k, no_guess, cores)
            ids[missed], sims[missed], _ = again

        def sort(first: int, last: int) -> tuple[Any, Any]:
            return _sorted(ids[first:last], sims[first:last])

        parts = cores.run(sort, np.linspace(0, len(query), cores.number + 1, dtype=int))
    return TopK(np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts]))


def _guess(query: Any, tokens: Any, k: int) -> Any:
    """For each query token a similarity that k tokens very likely exceed, and not many more.

    It is read off a sample of evenly spread tokens. Without it the shortlists would begin with
    whatever comes first; a guess that fails costs a second pass, never a wrong answer. NaN stands
    for no guess, where a small or nearly complete selection would gain nothing.
    """
    dtype = np.result_type(query, tokens)
    sample = tokens[:: -(-16 * len(tokens) // block_rows(len(query), dtype))]
    expected = k * len(sample) / len(tokens)  # of the k best in the sample; its spread is the root
    rank = int(expected + 5 * expected**0.5 + 5)
    if 16 * rank > k or 4 * rank > len(sample):
        return np.full(len(query), np.nan, dtype)
    reached = np.partition(np.matmul(query, sample.T), -rank, axis=1)[:, -rank]
    return np.nextafter(reached, dtype.type(-np.inf))  # equal ones must pass, too


def _shortlists(
    query: Any, tokens: Any, k: int, thresholds: Any, cores: Shares
) -> tuple[Any, Any, Any]:
    """The k best tokens of each query token among those above its threshold, in order of ids."""

    def share(first: int, last: int) -> tuple[Any, Any, Any]:
        blocks = similarity_blocks(query, tokens, first, last, cores.number)
        return _shortlists_of(blocks, len(tokens), k, thresholds)

    (ids, sims, fill), *others = cores.run(share)
    for more in others:
        _append(ids, sims, fill, *more)
        if fill.max() > k:
            _cut(ids, sims, fill, k)
    return ids[:, :k], sims[:, :k], fill


def _shortlists_of(
    blocks: Iterator[tuple[int, Any]], n: int, k: int, thresholds: Any
) -> tuple[Any, Any, Any]:
    """The shortlists of one share of the tokens.

    A shortlist takes the tokens that beat the k-th best so far, and when it is full, it is cut down
    to its k best. Tokens come in order of their ids, so that one which only equals the k-th best
    loses to a lower id, as it should.
    """
    n_q = len(thresholds)
    capacity = min(n, k + max(k, FEWEST_SPARE))
    ids = np.empty((n_q, capacity), np.int64)
    sims = np.empty((n_q, capacity), thresholds.dtype)
    fill = np.zeros(n_q, np.int64)
    for first, similarity in blocks:
        row = 0
        while row < len(similarity):
            if fill.max() == capacity:
                # A list that is still short keeps its guess: what it refused is gone, and only a
                # list that ends short is collected again.
                thresholds = np.fmax(thresholds, _cut(ids, sims, fill, k))
            row = _collect(similarity, row, first, thresholds, ids, sims, fill)
    if fill.max() > k:
        _cut(ids, sims, fill, k)
    return ids, sims, fill


@njit
def _append(ids, sims, fill, more_ids, more_sims, more):  # type: ignore[no-untyped-def]
    """Add the shortlists of one share to those of the shares before it; each holds k at most."""
    for v in range(len(ids)):
        for i in range(more[v]):
            ids[v, fill[v]], sims[v, fill[v]] = more_ids[v, i], more_sims[v, i]
            fill[v] += 1


@njit
def _collect(similarity, row, first, thresholds, ids, sims, fill):  # type: ignore[no-untyped-def]
    """Append to each shortlist the tokens that pass its threshold, until a shortlist is full.

    Returns the row of the block at which to go on.
    """
    n_q, capacity = ids.shape
    for i in range(row, len(similarity)):
        passes = False
        for v in range(n_q):  # no branch in here: most tokens pass nowhere, and this loop is SIMD
            passes |= not (similarity[i, v] <= thresholds[v])
        if passes:
            longest = 0
            for v in range(n_q):
                if not (similarity[i, v] <= thresholds[v]):
                    ids[v, fill[v]] = first + i
                    sims[v, fill[v]] = similarity[i, v]
                    fill[v] += 1
                    longest = max(longest, fill[v])
            if longest == capacity:
                return i + 1
    return len(similarity)


def _cut(ids: Any, sims: Any, fill: Any, k: int) -> Any:
    """Keep the k best of each shortlist; return the k-th best similarities."""
    longest = max(k, int(fill.max()))
    _pad(sims, fill, longest)
    kth = np.partition(sims[:, :longest], longest - k, axis=1)[:, longest - k].copy()
    _keep_best(ids, sims, fill, kth, k)
    return kth


@njit
def _pad(sims, fill, longest):  # type: ignore[no-untyped-def]
    """Fill up the shorter shortlists with -inf, which is never among the k best."""
    for v in range(len(sims)):
        sims[v, fill[v] : longest] = -np.inf


@njit
def _keep_best(ids, sims, fill, kth, k):  # type: ignore[no-untyped-def]
    """Move the k best of each shortlist to its front: all above `kth` and the first equal ones."""
    for v in range(len(ids)):
        above = 0
        for i in range(fill[v]):
            above += sims[v, i] > kth[v]
        equals, kept = k - above, 0
        for i in range(fill[v]):  # written in any case and kept by counting on: no branch to miss
            sim = sims[v, i]
            equal = (sim == kth[v]) & (equals > 0)
            ids[v, kept], sims[v, kept] = ids[v, i], sim
            equals -= equal
            kept += equal | (sim > kth[v])
        fill[v] = kept


def _sorted(ids: Any, sims: Any) -> tuple[Any, Any]:
    """Each shortlist by falling similarity."""
    order = np.argsort(-sims, axis=1)  # several times as fast as the stable sort
    _settle_ties(order, sims)
    return np.take_along_axis(ids, order, axis=1), np.take_along_axis(sims, order, axis=1)


@njit
def _settle_ties(order, sims):  # type: ignore[no-untyped-def]
    """Put equal similarities, which an unstable sort left in any order, in order of position."""
    k = order.shape[1]
    for v in range(len(order)):
        start = 0
        for i in range(1, k + 1):
            if i == k or sims[v, order[v, i]] != sims[v, order[v, start]]:
                if i - start > 1:
                    order[v, start:i].sort()
                start = i


def score_candidates(ids: Any, sims: Any, token_to_doc: Any, n_docs: int, imputed: Any) -> Any:
    """Twin of `tokenlab.retrieval.xtr.score_candidates`: each sum in the order of query tokens."""
    missing = np.zeros(len(ids)) if imputed is None else imputed.astype(np.float64)
    doc_ids, total, hits = _sum_of_best(ids, sims, token_to_doc, n_docs, missing)
    scores = total / (hits if imputed is None else len(ids))
    return doc_ids, scores.astype(sims.dtype, copy=False)


@njit
def _sum_of_best(ids, sims, token_to_doc, n_docs, missing):  # type: ignore[no-untyped-def]
    """The best hits of each document and `missing` where it has none, added up query by query.

    `last[doc] - 1` is the query token that hit the document last, and `best[doc]` its best hit.
    Nothing is added to be subtracted again: one of -1e18 would take the others with it.
    """
    last, hits = np.zeros(n_docs, np.int32), np.zeros(n_docs, np.int32)
    best, total = np.zeros(n_docs, np.float64), np.zeros(n_docs, np.float64)
    for i in range(len(ids)):
        for j in range(ids.shape[1]):
            # Unsigned, for negative positions count from the end, and the test for them costs.
            doc = np.uint64(token_to_doc[np.uint64(ids[i, j])])
            sim = np.float64(sims[i, j])
            if last[doc] != i + 1:
                total[doc] = _with_missing(total[doc], best[doc], missing, last[doc], i)
                last[doc], best[doc] = i + 1, sim
                hits[doc] += 1
            elif sim > best[doc]:
                best[doc] = sim
    doc_ids = np.flatnonzero(last)
    for row in doc_ids:
        total[row] = _with_missing(total[row], best[row], missing, last[row], len(ids))
    return doc_ids, total[doc_ids], hits[doc_ids]


@njit
def _with_missing(total, best, missing, start, stop):  # type: ignore[no-untyped-def]
    """The best of the last hit, and what stands for the query tokens since then."""
    total += best
    for i in range(start, stop):
        total += missing[i]
    return total


def kept_products(mu: Any, ids: Any, values: Any, offsets: Any) -> Any:
    """Twin of `tokenlab.retrieval.dupmae_index.kept_products`."""
    total = np.zeros(len(offsets) - 1, np.result_type(mu, values))
    _kept(mu, ids, values, offsets, total)
    return total


@njit_in_order  # vectors of gathers would be slower
def _kept(mu, ids, values, offsets, total):  # type: ignore[no-untyped-def]
    """Nothing is written between reading a word's number and adding its product."""
    for doc in range(len(total)):
        found = total[doc]
        for entry in range(offsets[doc], offsets[doc + 1]):
            found += mu[ids[entry]] * values[entry]
        total[doc] = found
