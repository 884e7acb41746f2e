"""Twins of greedy selection: the tokens that are farthest from those already taken.

Both are exact: cosines in float32 tell which tokens are in question, and float64 decides among
these, as it does in the reference. Products are computed four rows by four: a
row that is read serves four others, which is two to three times as fast as a product per step.

Greedy k-center is lazy. How close a token was to the taken ones some steps ago bounds how close it
is now, so only the tokens that look farthest are brought up to date, a block at a time, and while
one of the block is farther than all outside of it, these stay as they are: half of all pairs are
never compared. Max-sum has no such bound. It looks ahead: among the tokens of smallest sum it plays
the next steps, and computes the cosines of those that it would take with all, four in one pass.

Left out: the triangle inequality spares 5 to 13 % of the pairs, those of tokens near a taken one,
which are not looked at anyway; to stop a block's comparisons early spares 9 % and costs as much.
"""

from typing import Any

import numpy as np

from tokenlab.kernels import njit
from tokenlab.numerics import unit

BLOCK = 16  # tokens of k-center that are brought up to date together
AHEAD = 4  # tokens of max-sum whose cosines with all are computed together
LIKELY = 32  # tokens of smallest sum among which those are sought
KEPT = 32  # blocks whose cosines are kept until their tokens are taken
ROUNDING = 2.0**-24  # of float32, relative; the reference compares multiples of it
SAFE = 1e12  # of rows so long, and of rows so short, products in float32 keep their precision


def farthest_first(x: Any, k: int, first: int) -> Any:
    """Twin of `tokenlab.pruning.divprune.farthest_first`."""
    return _farthest(*_prepared(x, first), k)


def least_similar(x: Any, k: int, first: int) -> Any:
    """Twin of `tokenlab.pruning.todre.least_similar`."""
    return _least(*_prepared(x, first), k)


def _prepared(x: Any, first: int) -> tuple[Any, Any, Any, Any, int]:
    """Rows and their inverse lengths, as they are and in float32, and the first token."""
    inverse, safe = _inverse_lengths(x)
    if x.dtype != np.float32 or not safe:
        x = unit(x.astype(np.float64))
        inverse, _ = _inverse_lengths(x)
    first = _opposite(x, inverse) if first < 0 else first
    return x, inverse, x.astype(np.float32, copy=False), inverse.astype(np.float32), first


@njit
def _inverse_lengths(x):  # type: ignore[no-untyped-def]
    """1 for a row of zeros; and whether float32 can hold the products of all rows."""
    inverse = np.ones(len(x))
    safe = True
    for i in range(len(x)):
        squares = _dot(x[i], x[i])
        if squares > 0:
            inverse[i] = 1 / np.sqrt(squares)
            safe = safe and 1 / SAFE < inverse[i] < SAFE
    return inverse, safe


@njit
def _opposite(x, inverse):  # type: ignore[no-untyped-def]
    """The token least similar to the mean direction."""
    total = np.zeros(x.shape[1])  # (d,), the mean but for its length
    best = np.inf
    at = 0
    for i in range(len(x)):
        total += x[i] * inverse[i]
    for i in range(len(x)):
        similarity = np.rint(_dot(x[i], total) * inverse[i] / len(x) / ROUNDING)
        if similarity < best:
            best, at = similarity, i
    return at


@njit
def _cosine(x, inverse, u, v):  # type: ignore[no-untyped-def]
    return np.rint(_dot(x[u], x[v]) * inverse[u] * inverse[v] / ROUNDING)


@njit
def _dot(a, b):  # type: ignore[no-untyped-def]
    total = 0.0
    for j in range(len(a)):
        total += np.float64(a[j]) * np.float64(b[j])
    return total


@njit
def _four(x, rows, y, at, out, t):  # type: ignore[no-untyped-def]
    """Dot products of four rows of `x` with one of `y`, into a column of `out`."""
    a, b, c, d, e = x[rows[0]], x[rows[1]], x[rows[2]], x[rows[3]], y[at]
    ae = be = ce = de = np.float32(0)
    for j in range(len(e)):
        ae, be, ce, de = ae + a[j] * e[j], be + b[j] * e[j], ce + c[j] * e[j], de + d[j] * e[j]
    out[t, at], out[t + 1, at], out[t + 2, at], out[t + 3, at] = ae, be, ce, de


@njit
def _sixteen(x, rows, y, at, out, t):  # type: ignore[no-untyped-def]
    """Dot products of four rows of `x` with four of `y`."""
    a, b, c, d = x[rows[0]], x[rows[1]], x[rows[2]], x[rows[3]]
    e, f, g, h = y[at], y[at + 1], y[at + 2], y[at + 3]
    ae = af = ag = ah = be = bf = bg = bh = np.float32(0)
    ce = cf = cg = ch = de = df = dg = dh = np.float32(0)
    for j in range(len(a)):
        aj, bj, cj, dj, ej, fj, gj, hj = a[j], b[j], c[j], d[j], e[j], f[j], g[j], h[j]
        ae, af, ag, ah = ae + aj * ej, af + aj * fj, ag + aj * gj, ah + aj * hj
        be, bf, bg, bh = be + bj * ej, bf + bj * fj, bg + bj * gj, bh + bj * hj
        ce, cf, cg, ch = ce + cj * ej, cf + cj * fj, cg + cj * gj, ch + cj * hj
        de, df, dg, dh = de + dj * ej, df + dj * fj, dg + dj * gj, dh + dj * hj
    out[t, at], out[t, at + 1], out[t, at + 2], out[t, at + 3] = ae, af, ag, ah
    out[t + 1, at], out[t + 1, at + 1], out[t + 1, at + 2], out[t + 1, at + 3] = be, bf, bg, bh
    out[t + 2, at], out[t + 2, at + 1], out[t + 2, at + 2], out[t + 2, at + 3] = ce, cf, cg, ch
    out[t + 3, at], out[t + 3, at + 1], out[t + 3, at + 2], out[t + 3, at + 3] = de, df, dg, dh


@njit
def _products(x, rows, y, out):  # type: ignore[no-untyped-def]
    """`out = x[rows] @ y.T`; `out` has up to three rows more."""
    last = len(rows) - 1
    whole = len(y) // 4 * 4  # what is left over goes one by one
    for t in range(0, len(rows), 4):
        four = rows[t], rows[min(t + 1, last)], rows[min(t + 2, last)], rows[min(t + 3, last)]
        for at in range(0, whole, 4):
            _sixteen(x, four, y, at, out, t)
        for at in range(whole, len(y)):
            _four(x, four, y, at, out, t)


@njit
def _lowest(values, size):  # type: ignore[no-untyped-def]
    """The positions of the smallest values below infinity, and the smallest of the others."""
    size = min(size, len(values))
    block = np.empty(size, np.int64)
    count = 0
    worst = outside = np.float32(np.inf)
    for v in range(len(values)):
        value = values[v]
        if value < worst:
            outside = min(outside, worst)
            at = min(count, size - 1)
            while at > 0 and values[block[at - 1]] > value:
                block[at] = block[at - 1]
                at -= 1
            block[at] = v
            count = min(count + 1, size)
            if count == size:
                worst = values[block[-1]]
        else:
            outside = min(outside, value)
    return block[:count], outside


# Greedy k-center: `closest` is the largest cosine with the taken tokens that a token has `seen`,
# `nearest` says with which, and it is `tied` when another could be as large but for rounding.


@njit
def _farthest(x, inverse, rough, scale, first, k):  # type: ignore[no-untyped-def]
    n, d = x.shape
    slack = np.float32(2 * (d + 16) * ROUNDING)  # what two cosines in float32 can be off by
    taken = np.empty(k, np.int64)  # (k,), in the order in which they are taken
    centers = np.empty((k, d), np.float32)
    closest = np.full(n, np.float32(-np.inf))
    nearest = np.zeros(n, np.int64)
    tied = np.zeros(n, np.bool_)
    seen = np.zeros(n, np.int64)
    exact = np.full(n, -np.inf)  # `closest` in float64, of those that were in question
    settled = np.zeros(n, np.int64)  # how many taken tokens `exact` has seen
    state = (closest, nearest, tied, seen, exact, settled)
    block = np.arange(n)  # at first all tokens
    outside = np.float32(-np.inf)
    for i in range(k):
        taken[i], centers[i], closest[first] = first, rough[first] * scale[first], np.inf
        if i + 1 == k:
            break
        _look(rough, scale, centers, block, i + 1, slack, state)
        block = block[: i * len(block)]  # only the first is shown to all tokens
        first = _decide(x, inverse, taken[: i + 1], block, outside, slack, state)
        size = BLOCK
        while first < 0:
            block, outside = _lowest(closest, size)
            if not _look(rough, scale, centers, block, i + 1, slack, state):
                size *= 2  # more tokens tie than a block holds
            first = _decide(x, inverse, taken[: i + 1], block, outside, slack, state)
    return taken


@njit
def _look(rough, scale, centers, block, stop, slack, state):  # type: ignore[no-untyped-def]
    """Show a block the first `stop` taken tokens; false if it had seen them all."""
    closest, nearest, tied, seen, _, _ = state
    for t in range(1, len(block)):  # those that have seen as many go together
        v, at = block[t], t
        while at > 0 and seen[block[at - 1]] > seen[v]:
            block[at] = block[at - 1]
            at -= 1
        block[at] = v
    products = np.empty((4, stop), np.float32)  # of four rows with all taken tokens
    looked = False
    for t in range(0, len(block), 4):
        four, begin = block[t : t + 4], seen[block[t]]
        looked = looked or begin < stop
        _products(rough, four, centers[begin:stop], products[:, begin:])
        for u, v in enumerate(four):
            row = products[u]
            best, where, tie = closest[v], nearest[v], tied[v]
            least = (best - slack) / scale[v]
            for e in range(seen[v], stop):
                if row[e] >= least:
                    cosine = row[e] * scale[v]
                    tie = cosine <= best + slack
                    if cosine > best:
                        best, where, least = cosine, e, (cosine - slack) / scale[v]
            closest[v], nearest[v], tied[v], seen[v] = best, where, tie, stop
    return looked


@njit
def _decide(x, inverse, taken, block, outside, slack, state):  # type: ignore[no-untyped-def]
    """The farthest token of a block, of several the first; -1 if one outside may be farther."""
    closest, nearest, tied, _, exact, settled = state
    best = np.float32(np.inf)
    smallest = np.inf
    at = -1
    for v in block:
        best = min(best, closest[v])
    for v in block:
        if closest[v] <= best + slack < outside:
            if tied[v]:
                for e in range(settled[v], len(taken)):
                    exact[v] = max(exact[v], _cosine(x, inverse, v, taken[e]))
            else:
                exact[v] = _cosine(x, inverse, v, taken[nearest[v]])
            settled[v] = len(taken)
            if exact[v] < smallest or (exact[v] == smallest and v < at):
                smallest, at = exact[v], v
    return at


# Max-sum: `sums` of cosines in float32; `place` says where a token's cosines are, -1 if unknown.


@njit
def _least(x, inverse, rough, scale, first, k):  # type: ignore[no-untyped-def]
    n, d = x.shape
    taken = np.empty(k, np.int64)
    sums = np.zeros(n, np.float32)  # (n,), inf for the taken
    total = np.zeros(d)  # (d,), the sum of taken directions
    everyone = np.arange(n)
    place = np.full(n, -1)
    count = 0
    blocks = np.full((KEPT, AHEAD), first)
    columns = np.empty((KEPT, n + 3, AHEAD), np.float32)
    for i in range(k):
        taken[i] = first
        total += x[first] * inverse[first]
        if place[first] < 0:  # nobody foresaw it
            at = count % KEPT  # the oldest block makes room
            place[blocks[at]] = -1
            blocks[at] = _foresee(rough, scale, sums, place, first)
            count += 1
            place[blocks[at]] = np.arange(at * AHEAD, (at + 1) * AHEAD)
            centers = rough[blocks[at]] * scale[blocks[at]].reshape(-1, 1)
            _products(rough, everyone, centers, columns[at])
        column = columns[place[first] // AHEAD, :, place[first] % AHEAD]
        sums[first] = np.inf  # nothing is taken twice
        slack = 2 * (i + 1) * (d + i + 16) * ROUNDING  # what two sums in float32 can be off by
        first = _next_least(x, inverse, scale, total, column, sums, np.float32(slack))
    return taken


@njit
def _foresee(rough, scale, sums, place, v):  # type: ignore[no-untyped-def]
    """Token `v` and those of unknown cosines that would be next if only the likely were there."""
    likely, _ = _lowest(sums, LIKELY)
    ahead = sums[likely]  # as they would be after the steps that are played
    products = np.empty((LIKELY + 3, 1), np.float32)
    block = np.full(AHEAD, v)
    count = 1
    for _ in range(len(likely)):
        _products(rough, likely, rough[v : v + 1], products)
        smallest = np.float32(np.inf)
        at = -1
        for t, u in enumerate(likely):
            ahead[t] += products[t, 0] * scale[u] * scale[v]
            if u == v:
                ahead[t] = np.inf
            elif ahead[t] < smallest:
                smallest, at = ahead[t], t
        if at < 0:
            break
        v = likely[at]
        if place[v] < 0:
            block[count], count = v, count + 1
            if count == AHEAD:
                break
    return block


@njit
def _next_least(x, inverse, scale, total, column, sums, slack):  # type: ignore[no-untyped-def]
    """Add the cosines with a taken token; return where the exact sum is smallest."""
    smallest = np.float32(np.inf)
    for v in range(len(sums)):
        sums[v] += column[v] * scale[v]
        smallest = min(smallest, sums[v])
    best, at = np.inf, 0
    for v in range(len(sums)):
        if sums[v] <= smallest + slack:
            exact = np.rint(_dot(x[v], total) * inverse[v] / ROUNDING)
            if exact < best:  # of several the first
                best, at = exact, v
    return at
