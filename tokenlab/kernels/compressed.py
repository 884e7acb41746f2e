"""Twins of the compressed search: clusters are chosen, scanned and added up in compiled loops.

Levels of equal steps make a residual a number that is stretched and shifted, so that a product with
it is a product with the packed number: no table. Other levels are looked up byte by byte.
"""

from typing import Any

import numpy as np

from tokenlab.kernels import njit
from tokenlab.numerics import TopK, topk

__all__ = ["best_scanned", "gains", "probed", "scanned", "worth_of_a_miss"]

GROUP = 32  # centroids of which only the best is looked at first


def probed(centroid_scores: Any, n_probe: int) -> TopK:
    """Twin of `tokenlab.retrieval.warp.probed`: groups whose best is not among the best are left out."""
    n_q, n = centroid_scores.shape
    k = min(n_probe, n)
    if 2 * k * GROUP > n:
        return topk(centroid_scores, k)
    ids = np.full((n_q, k), n, np.int64)
    values = np.full((n_q, k), -np.inf, centroid_scores.dtype)
    # As the product is taken below, the query tokens of one centroid lie side by side.
    _best_of_groups(np.ascontiguousarray(centroid_scores.T), ids, values)
    return TopK(ids, values)


@njit
def _best_of_groups(scores, ids, values):  # type: ignore[no-untyped-def]
    """The best of each column, sorted; ties to the lower number."""
    n, n_q = scores.shape
    tops = np.empty(n_q, scores.dtype)
    for start in range(0, n, GROUP):
        stop = min(n, start + GROUP)
        tops[:] = scores[start]
        for c in range(start + 1, stop):
            for i in range(n_q):
                tops[i] = max(tops[i], scores[c, i])
        for i in range(n_q):
            if tops[i] >= values[i, -1]:
                for c in range(start, stop):
                    _insert(scores[c, i], c, values[i], ids[i])


@njit
def _insert(value, number, values, ids):  # type: ignore[no-untyped-def]
    """Put a value where it belongs among falling ones, if it belongs there."""
    place = len(values) - 1
    if value < values[place] or (value == values[place] and number > ids[place]):
        return
    while place > 0 and (
        value > values[place - 1] or (value == values[place - 1] and number < ids[place - 1])
    ):
        values[place], ids[place] = values[place - 1], ids[place - 1]
        place -= 1
    values[place], ids[place] = value, number


def worth_of_a_miss(centroid_scores: Any, sizes: Any, t_prime: int) -> Any:
    """Twin of `tokenlab.retrieval.warp.worth_of_a_miss`: so many centroids as it takes."""
    n = len(sizes)
    worth = np.empty(len(centroid_scores), centroid_scores.dtype)
    rows = np.arange(len(worth))  # those whose worth is not known yet
    k = min(n, 16 + 2 * t_prime * n // max(1, int(sizes.sum())))
    while len(rows):
        best = probed(centroid_scores[rows], k)
        passed = sizes[best.ids].cumsum(axis=1)
        enough = passed >= t_prime
        enough[:, -1] |= k == n
        done = enough[:, -1]
        first = enough.argmax(axis=1)[:, None]
        worth[rows[done]] = np.take_along_axis(best.values, first, axis=1)[done, 0]
        rows = rows[~done]
        k = min(n, 4 * k)
    return worth


def scanned(
    query: Any,
    centroids: Any,
    scores: Any,
    levels: Any,
    bits: int,
    ends: Any,
    residuals: Any,
    owners: Any,
    alive: Any,
) -> tuple[Any, Any, Any]:
    """Twin of `tokenlab.retrieval.compressed_search.scanned`."""
    sizes = np.diff(ends)[centroids].sum(axis=1)  # (n_q,)
    starts = np.zeros(len(query) + 1, np.int64)
    docs, sims = np.empty(sizes.sum(), owners.dtype), np.empty(sizes.sum(), scores.dtype)
    residuals, owners = np.asarray(residuals), np.asarray(owners)  # a map is slower than an array
    ends, dead = np.asarray(ends), not alive.all()
    step = (levels[-1] - levels[0]) / (len(levels) - 1)
    even = levels[0] + step * np.arange(len(levels))
    equal = bits in (4, 8) and np.abs(even - levels).max() <= 4e-7 * np.abs(levels).max()
    scan = {4: _scan_nibbles, 8: _scan_bytes}[bits] if equal else _scan_table
    per_byte = 8 // bits
    padded = np.zeros((len(query), residuals.shape[1] * per_byte), query.dtype)
    padded[:, : query.shape[1]] = query
    table = np.zeros((1, 1), query.dtype)
    found = 0
    for i in range(len(query)):
        if equal:
            base = scores[i] + levels[0] * query[i].sum()
            first = np.ascontiguousarray(padded[i, 0::per_byte] * step)
            second = np.ascontiguousarray(padded[i, 1::per_byte] * step)
            found = scan(
                centroids[i], base, first, second, ends, residuals, owners, docs, sims, found
            )
        else:
            table = _byte_table(padded[i].reshape(-1, per_byte), levels, bits)
            found = scan(
                centroids[i], scores[i], table, table, ends, residuals, owners, docs, sims, found
            )
        if dead:
            found = _without(alive, docs, sims, starts[i], found)
        starts[i + 1] = found
    return starts, docs[:found], sims[:found]


def _byte_table(query: Any, levels: Any, bits: int) -> Any:
    """What each byte of a packed residual adds, `(n_bytes, 256)`."""
    numbers = np.arange(256)
    table = np.zeros((len(query), 256), query.dtype)
    for place in range(query.shape[1]):
        bucket = (numbers >> (8 - bits * (place + 1))) & (2**bits - 1)
        table += query[:, place, None] * levels[bucket]
    return table


@njit
def _scan_nibbles(  # type: ignore[no-untyped-def]
    centroids, base, high, low, ends, residuals, owners, docs, sims, found
):
    """Tokens of two numbers to a byte, the first in its high half."""
    width = residuals.shape[1]
    for p in range(len(centroids)):
        for t in range(ends[centroids[p]], ends[centroids[p] + 1]):
            total = base[p]
            for j in range(width):
                byte = residuals[t, j]
                total += high[j] * np.float32(byte >> 4) + low[j] * np.float32(byte & 15)
            sims[found] = total
            docs[found] = owners[t]
            found += 1
    return found


@njit
def _scan_bytes(  # type: ignore[no-untyped-def]
    centroids, base, query, _, ends, residuals, owners, docs, sims, found
):
    """Tokens of one number to a byte."""
    width = residuals.shape[1]
    for p in range(len(centroids)):
        for t in range(ends[centroids[p]], ends[centroids[p] + 1]):
            total = base[p]
            for j in range(width):
                total += query[j] * np.float32(residuals[t, j])
            sims[found] = total
            docs[found] = owners[t]
            found += 1
    return found


@njit
def _scan_table(  # type: ignore[no-untyped-def]
    centroids, base, table, _, ends, residuals, owners, docs, sims, found
):
    """Tokens whose bytes are looked up; four sums, since one would wait for itself."""
    width = residuals.shape[1]
    whole = width - width % 4
    zero = base[0] - base[0]
    for p in range(len(centroids)):
        for t in range(ends[centroids[p]], ends[centroids[p] + 1]):
            a, b, c, d = base[p], zero, zero, zero
            for j in range(0, whole, 4):
                a += table[j, residuals[t, j]]
                b += table[j + 1, residuals[t, j + 1]]
                c += table[j + 2, residuals[t, j + 2]]
                d += table[j + 3, residuals[t, j + 3]]
            for j in range(whole, width):
                a += table[j, residuals[t, j]]
            sims[found] = (a + b) + (c + d)
            docs[found] = owners[t]
            found += 1
    return found


@njit
def _without(alive, docs, sims, start, stop):  # type: ignore[no-untyped-def]
    """Take out the tokens of documents that were deleted."""
    kept = start
    for t in range(start, stop):
        docs[kept], sims[kept] = docs[t], sims[t]
        kept += alive[docs[t]]
    return kept


def best_scanned(
    starts: Any, owners: Any, sims: Any, k_prime: int, floor: Any
) -> tuple[Any, Any, Any, Any]:
    """Twin of `tokenlab.retrieval.compressed_search.best_scanned`."""
    lengths = np.minimum(np.diff(starts), k_prime)
    new = np.concatenate([np.zeros(1, np.int64), lengths.cumsum()])
    docs, values = np.empty(new[-1], owners.dtype), np.empty(new[-1], sims.dtype)
    missing = floor.copy()
    for i in range(len(lengths)):
        run, kept = slice(starts[i], starts[i + 1]), slice(new[i], new[i + 1])
        own, have = sims[run], lengths[i]
        if have == len(own):  # all count
            docs[kept], values[kept] = owners[run], own
            missing[i] = own.min() if have else floor[i]
            continue
        last = np.partition(own, len(own) - have)[len(own) - have]
        missing[i] = last
        if np.count_nonzero(own >= last) == have:
            _above(owners[run], own, last, docs[kept], values[kept])
            continue
        tied = np.flatnonzero(own == last)  # of these the lowest documents
        surplus = np.count_nonzero(own >= last) - have
        out = tied[np.argsort(owners[run][tied], kind="stable")[len(tied) - surplus :]]
        chosen = own >= last
        chosen[out] = False
        docs[kept], values[kept] = owners[run][chosen], own[chosen]
    return new, docs, values, missing


@njit
def _above(owners, sims, last, docs, values):  # type: ignore[no-untyped-def]
    """All that reach the last, in their order."""
    place = 0
    for t in range(len(sims)):
        if sims[t] >= last:
            docs[place], values[place] = owners[t], sims[t]
            place += 1


def gains(starts: Any, owners: Any, sims: Any, missing: Any, n_docs: int) -> tuple[Any, Any]:
    """Twin of `tokenlab.retrieval.compressed_search.gains`."""
    gain, last = np.zeros(n_docs), np.zeros(n_docs, np.int32)
    best = np.zeros(n_docs)
    _add(starts, owners, sims, missing.astype(np.float64), gain, last, best)
    return gain, last > 0


@njit
def _add(starts, owners, sims, missing, gain, last, best):  # type: ignore[no-untyped-def]
    """`best[doc]` of query token `last[doc] - 1` is in `gain` already; a better one adds the rest."""
    for i in range(len(missing)):
        worth = missing[i]
        for t in range(starts[i], starts[i + 1]):
            doc = owners[t]
            sim = np.float64(sims[t])
            if last[doc] != i + 1:
                last[doc] = i + 1
                gain[doc] += sim - worth
                best[doc] = sim
            elif sim > best[doc]:
                gain[doc] += sim - best[doc]
                best[doc] = sim
