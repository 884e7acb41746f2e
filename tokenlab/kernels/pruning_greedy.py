"""Twins of greedy selection: the tokens that are farthest from those already taken.

Greedy k-center is lazy. How far a token was from the taken tokens some steps ago bounds how far it
is now, so only the token that looks best is brought up to date, and only as long as it looks best.
Two thirds to four fifths of all pairs are never compared. The result is exact: cosines in float32
only tell what is in question, and what decides is computed in float64, as the reference does.
"""

from typing import Any

import numpy as np

from tokenlab.kernels import njit
from tokenlab.numerics import unit

GROUP = 64  # tokens that share one look-up of the smallest value
ROUNDING = 2.0**-24  # of float32, relative
AHEAD = 4  # tokens whose cosines are computed together


def farthest_first(x: Any, k: int, first: int) -> Any:
    """Twin of `tokenlab.pruning.selectors.farthest_first`."""
    return _farthest(*_prepared(x, first), k)


def least_similar(x: Any, k: int, first: int) -> Any:
    """Twin of `tokenlab.pruning.selectors.least_similar`.

    The tokens that come next are most likely among those that look best now, so cosines with
    several of them are computed in one pass, and kept until they are needed. Sums in float32 decide
    which tokens are in question, exact ones which of these is next.
    """
    return _least(*_prepared(x, first), k)


def _prepared(x: Any, first: int) -> tuple[Any, Any, Any, int]:
    """Rows, their inverse lengths in float64, directions in float32, and the first token."""
    x = unit(x) if x.dtype == np.float64 else x  # the square of a float32 is no float64 overflow
    inverse, rough = _directions(x)
    return x, inverse, rough, _opposite(x, inverse) if first < 0 else first


@njit
def _directions(x):  # type: ignore[no-untyped-def]
    n, d = x.shape
    inverse, rough = np.zeros(n), np.zeros((n, d), np.float32)
    for i in range(n):
        squares = 0.0
        for j in range(d):
            squares += np.float64(x[i, j]) * np.float64(x[i, j])
        if squares > 0:
            inverse[i] = 1 / np.sqrt(squares)
            for j in range(d):
                rough[i, j] = np.float32(x[i, j] * inverse[i])
    return inverse, rough


@njit
def _opposite(x, inverse):  # type: ignore[no-untyped-def]
    """The token least similar to the mean direction."""
    total = np.zeros(x.shape[1])
    for i in range(len(x)):
        for j in range(x.shape[1]):
            total[j] += x[i, j] * inverse[i]
    best, at = np.float32(np.inf), 0
    for i in range(len(x)):
        similarity = np.float32(_dot(x[i], total) * inverse[i] / len(x))
        if similarity < best:
            best, at = similarity, i
    return at


@njit
def _cosine(x, inverse, u, v):  # type: ignore[no-untyped-def]
    return np.float32(_dot(x[u], x[v]) * inverse[u] * inverse[v])


@njit
def _dot(a, b):  # type: ignore[no-untyped-def]
    total = 0.0
    for j in range(len(a)):
        total += np.float64(a[j]) * np.float64(b[j])
    return total


@njit
def _farthest(x, inverse, rough, first, k):  # type: ignore[no-untyped-def]
    """Take the token whose largest cosine with the taken ones is smallest; `closest` bounds it."""
    n, d = x.shape
    taken, centers = np.empty(k, np.int64), np.empty((k, d), np.float32)
    closest, seen = np.full(n, np.float32(-np.inf)), np.zeros(n, np.int64)
    lowest = np.full(-(-n // GROUP), np.float32(-np.inf))
    for i in range(k):
        taken[i], centers[i] = first, rough[first]
        closest[first] = np.inf
        lowest[first // GROUP] = _lowest(closest, first // GROUP)
        while i + 1 < k:
            first = _first_lowest(closest, lowest)
            if seen[first] == i + 1:
                break
            seen[first], rise = _look(
                x, inverse, rough, taken, centers, first, seen[first], i + 1, closest[first]
            )
            if rise > closest[first]:
                closest[first] = rise
                lowest[first // GROUP] = _lowest(closest, first // GROUP)
    return taken


@njit
def _look(x, inverse, rough, taken, centers, v, seen, stop, closest):  # type: ignore[no-untyped-def]
    """Compare token `v` with taken ones, four at a time, until one is closer than any before.

    Cosines in float32 are off by less than `slack`, whatever the order of their sum; only a cosine
    that could be larger than all before is computed exactly.
    """
    row, last, before = rough[v], stop - 1, closest
    slack = np.float32((len(row) + 8) * ROUNDING)
    while seen < stop and closest == before:
        c1, c2, c3 = min(seen + 1, last), min(seen + 2, last), min(seen + 3, last)
        s0, s1, s2, s3 = _four(row, centers[seen], centers[c1], centers[c2], centers[c3])
        largest = max(max(s0, s1), max(s2, s3))
        if largest + slack > closest:
            cosines = (s0, s1, s2, s3)
            for c in range(4):  # the largest first: then the others seldom matter
                if cosines[c] == largest:
                    closest = max(closest, _cosine(x, inverse, v, taken[min(seen + c, last)]))
            for c in range(4):
                if cosines[c] != largest and cosines[c] + slack > closest:
                    closest = max(closest, _cosine(x, inverse, v, taken[min(seen + c, last)]))
        seen = min(seen + 4, stop)
    return seen, closest


@njit
def _least(x, inverse, rough, first, k):  # type: ignore[no-untyped-def]
    n, d = x.shape
    taken, sums, total = np.empty(k, np.int64), np.zeros(n, np.float32), np.zeros(d)
    known = np.full(n, -1)  # the row of `columns` that holds a token's cosines
    columns, free = np.empty((min(n, AHEAD * k), n), np.float32), list(range(min(n, AHEAD * k)))
    block = np.empty(AHEAD, np.int64)
    for i in range(k):
        taken[i] = first
        for j in range(d):
            total[j] += x[first, j] * inverse[first]
        if known[first] < 0:
            block[:] = first
            if i:
                _likely(sums, known, block)
            for v in block:
                if known[v] < 0:
                    known[v] = free.pop()
            _cosines(rough, block, known, columns)
        column = columns[known[first]]
        free.append(known[first])
        sums[first] = np.inf
        slack = 2 * (i + 1) * (d + i + 9) * ROUNDING  # what two sums in float32 can be off by
        first = _next_least(x, inverse, total, column, sums, np.float32(slack))
    return taken


@njit
def _likely(sums, known, block):  # type: ignore[no-untyped-def]
    """After the first in the block, the tokens of smallest sum whose cosines are not known."""
    worst = np.float32(np.inf)
    for v in range(len(sums)):
        if sums[v] < worst and known[v] < 0 and v != block[0]:
            at = len(block) - 1
            while at > 1 and (block[at - 1] == block[0] or sums[block[at - 1]] > sums[v]):
                block[at] = block[at - 1]
                at -= 1
            block[at] = v
            if block[-1] != block[0]:
                worst = sums[block[-1]]


@njit
def _cosines(rough, block, known, columns):  # type: ignore[no-untyped-def]
    """Of four tokens with all, in one pass over all; thin products are slow in BLAS."""
    a, b, c, d = rough[block[0]], rough[block[1]], rough[block[2]], rough[block[3]]
    a_row, b_row, c_row, d_row = known[block[0]], known[block[1]], known[block[2]], known[block[3]]
    for i in range(len(rough)):
        s0, s1, s2, s3 = _four(rough[i], a, b, c, d)
        columns[a_row, i], columns[b_row, i] = s0, s1
        columns[c_row, i], columns[d_row, i] = s2, s3


@njit
def _four(row, a, b, c, d):  # type: ignore[no-untyped-def]
    """Four dot products with one row, in its own precision."""
    zero = row[0] - row[0]
    s0, s1, s2, s3 = zero, zero, zero, zero
    for j in range(len(row)):
        s0 += row[j] * a[j]
        s1 += row[j] * b[j]
        s2 += row[j] * c[j]
        s3 += row[j] * d[j]
    return s0, s1, s2, s3


@njit
def _next_least(x, inverse, total, column, sums, slack):  # type: ignore[no-untyped-def]
    """Add the cosines with a taken token; return where the exact sum is smallest."""
    smallest = np.float32(np.inf)
    for v in range(len(sums)):
        sums[v] += column[v]
        smallest = min(smallest, sums[v])
    best, at = np.float32(np.inf), 0
    for v in range(len(sums)):
        if sums[v] <= smallest + slack:
            exact = np.float32(_dot(x[v], total) * inverse[v])
            if exact < best:
                best, at = exact, v
    return at


@njit
def _lowest(values, group):  # type: ignore[no-untyped-def]
    lowest = values[group * GROUP]
    for v in range(group * GROUP, min(len(values), (group + 1) * GROUP)):
        lowest = min(lowest, values[v])
    return lowest


@njit
def _first_lowest(values, lowest):  # type: ignore[no-untyped-def]
    """The first position of the smallest value, from the smallest of each group."""
    group = 0
    for g in range(1, len(lowest)):
        if lowest[g] < lowest[group]:
            group = g
    v = group * GROUP
    while values[v] != lowest[group]:
        v += 1
    return v
