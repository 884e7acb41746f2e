"""Twins of k-means and of codes: the nearest code, sums, the greedy start, levels, beams.

The products of all rows with all codes are never held at once. Each core takes a share of the rows;
NumPy multiplies the codes with one block of them, and a loop reads the block while it is in the
cache. Codes lie along the first axis of a block: the loop then compares the same code for many rows
side by side, which is what SIMD can do, and searches no row from end to end.
"""

from typing import Any

import numpy as np

from tokenlab.kernels import njit, njit_in_order
from tokenlab.kernels.threads import shares

BLOCK_BYTES = 1 << 22  # products held at once by each core
FEWEST_ROWS = 128  # a thinner product is slow
GROUP = 8  # codes that are compared before the best so far is looked at
MOST_COUNTED = 64  # borders, beyond which a bisection is sooner done than all comparisons
IN_CACHE = 512  # numbers whose places are looked for side by side


def nearest(x: Any, codebook: Any) -> tuple[Any, Any]:
    """Twin of `tokenlab.quantization.kmeans.nearest`."""
    from tokenlab.quantization.codebook import relative

    codes, distances = np.empty(len(x), np.int64), np.empty(len(x), x.dtype)
    with shares(len(x), 2 * codebook.size) as cores:
        shifted, half = relative(codebook)
        spare = -len(codebook) % GROUP  # fill up the last group with codes that nothing is near to
        shifted = np.concatenate([shifted, np.zeros((spare, x.shape[1]), x.dtype)])
        half = np.concatenate([half, np.full(spare, np.inf, x.dtype)])

        def share(first: int, last: int) -> None:
            rows = slice(first, last)
            _nearest(x[rows], shifted, half, codes[rows])
            _distances(x[rows], codebook, codes[rows], distances[rows])

        cores.run(share)
    return codes, distances


def _nearest(x: Any, shifted: Any, half: Any, codes: Any) -> None:
    """Write the nearest code of each row, block after block."""
    rows = max(FEWEST_ROWS, BLOCK_BYTES // (x.itemsize * len(shifted)))
    buffer = np.empty((len(shifted), min(rows, len(x))), x.dtype)
    best, group = np.empty(buffer.shape[1], x.dtype), np.empty(buffer.shape[1], np.int32)
    for first in range(0, len(x), rows):
        block = x[first : first + rows]
        if len(block) < buffer.shape[1]:
            buffer = buffer.reshape(-1)[: len(shifted) * len(block)].reshape(-1, len(block))
        product = np.matmul(shifted, block.T, out=buffer)
        _closest(product, half, best, group, codes[first : first + rows])


@njit
def _closest(product, half, best, group, codes):  # type: ignore[no-untyped-def]
    """The column-wise argmax of `product - half`: the best group first, then the code in it."""
    n_codes, n = product.shape
    best[:n] = -np.inf
    group[:n] = 0
    for k in range(0, n_codes, 8):
        h0, h1, h2, h3 = half[k], half[k + 1], half[k + 2], half[k + 3]
        h4, h5, h6, h7 = half[k + 4], half[k + 5], half[k + 6], half[k + 7]
        for i in range(n):
            a = max(product[k, i] - h0, product[k + 1, i] - h1)
            b = max(product[k + 2, i] - h2, product[k + 3, i] - h3)
            c = max(product[k + 4, i] - h4, product[k + 5, i] - h5)
            d = max(product[k + 6, i] - h6, product[k + 7, i] - h7)
            most = max(max(a, b), max(c, d))
            better = most > best[i]
            group[i] = np.int32(k) if better else group[i]  # no branch: this loop is SIMD
            best[i] = most if better else best[i]
    for i in range(n):
        k = group[i]
        while product[k, i] - half[k] < best[i]:
            k += 1
        codes[i] = k


@njit
def _distances(x, codebook, codes, distances):  # type: ignore[no-untyped-def]
    """The squared distance of each row to its code, summed from differences."""
    for i in range(len(x)):
        code = np.uint64(codes[i])
        total = x[i, 0] - x[i, 0]  # a zero of the right precision
        for j in range(x.shape[1]):
            gap = x[i, j] - codebook[code, j]
            total += gap * gap
        distances[i] = total


@njit
def weighted_sums(x, codes, weights, n_codes):  # type: ignore[no-untyped-def]
    """Twin of `tokenlab.quantization.kmeans.weighted_sums`."""
    sums = np.zeros((n_codes, x.shape[1]))
    for i in range(len(x)):
        code, weight = np.uint64(codes[i]), weights[i]
        for j in range(x.shape[1]):
            sums[code, j] += weight * x[i, j]
    return sums


@njit
def closer(x, weights, mass, candidates):  # type: ignore[no-untyped-def]
    """Twin of `tokenlab.quantization.seeding.closer`; four candidates share one look at a row."""
    last = len(candidates) - 1
    zero = x[0, 0] - x[0, 0]
    out, potentials = np.empty((last + 1, len(x)), x.dtype), np.zeros(last + 1)
    for i in range(len(x)):
        weight = zero + weights[i]
        for k in range(0, last + 1, 4):
            k1, k2, k3 = min(k + 1, last), min(k + 2, last), min(k + 3, last)
            a, b, c, d = zero, zero, zero, zero
            for j in range(x.shape[1]):
                value = x[i, j]
                ga, gb = value - candidates[k, j], value - candidates[k1, j]
                gc, gd = value - candidates[k2, j], value - candidates[k3, j]
                a += ga * ga
                b += gb * gb
                c += gc * gc
                d += gd * gd
            out[k, i], out[k1, i] = min(mass[i], weight * a), min(mass[i], weight * b)
            out[k2, i], out[k3, i] = min(mass[i], weight * c), min(mass[i], weight * d)
        for k in range(last + 1):
            potentials[k] += out[k, i]
    return out, potentials.astype(x.dtype)


def place(x: Any, borders: Any) -> Any:
    """Twin of `tokenlab.quantization.scalar.place`."""
    codes = np.empty(x.shape, np.int64)
    flat, borders = x.reshape(-1), borders.astype(x.dtype, copy=False)
    if x.dtype == np.float32 and len(borders) <= MOST_COUNTED:
        spare = -len(borders) % GROUP
        _count(flat, np.pad(borders, (0, spare), constant_values=np.inf), codes.reshape(-1))
    else:
        half = 1 << max(len(borders).bit_length() - 1, 0)  # half of a power of two above all places
        spare = 2 * half - 1 - len(borders)
        padded = np.pad(borders.astype(float), (0, spare), constant_values=np.inf)
        padded += 0.0  # no -0.0, whose difference to 0.0 would have a sign
        _bisect(flat, padded, half, codes.reshape(-1))
    return codes


@njit
def _count(x, borders, codes):  # type: ignore[no-untyped-def]
    """How many borders lie below: all are compared, eight in a pass, which is SIMD."""
    low = np.empty(IN_CACHE, np.int32)
    for first in range(0, len(x), IN_CACHE):
        n = min(IN_CACHE, len(x) - first)
        numbers, found = x[first : first + n], codes[first : first + n]
        low[:n] = 0
        for k in range(0, len(borders), 8):
            b0, b1, b2, b3 = borders[k], borders[k + 1], borders[k + 2], borders[k + 3]
            b4, b5, b6, b7 = borders[k + 4], borders[k + 5], borders[k + 6], borders[k + 7]
            for i in range(n):
                v = numbers[i]
                some = (b0 < v) + (b1 < v) + (b2 < v) + (b3 < v)
                others = (b4 < v) + (b5 < v) + (b6 < v) + (b7 < v)
                low[i] += np.int32(some + others)
        for i in range(n):
            found[i] = low[i]


@njit_in_order
def _bisect(x, borders, half, codes):  # type: ignore[no-untyped-def]
    """Bisection without branches, a step for a whole block of numbers: nothing is guessed.

    A comparison becomes a mask of bits, the sign of a difference: as a condition the compiler would
    make a branch of it, which is guessed wrong every second time.
    """
    for first in range(0, len(x), IN_CACHE):
        n = min(IN_CACHE, len(x) - first)
        numbers, found = x[first : first + n], codes[first : first + n]
        found[:] = 0
        move = np.int64(half)
        while move > 0:
            for i in range(n):
                # Move past so many borders, if all of them lie below the number.
                gap = np.float64(borders[np.uint64(found[i] + move - 1)] - np.float64(numbers[i]))
                found[i] += (gap.view(np.int64) >> 63) & move
            move >>= 1


def from_the_first(x: Any, codebooks: Any, beam: int) -> Any:
    """Twin of `tokenlab.quantization.residual.from_the_first`."""
    depth, n_codes, _ = codebooks.shape
    codes = np.empty((len(x), depth), np.int64)
    with shares(len(x), 2 * beam * codebooks.size) as cores:
        half = (codebooks * codebooks).sum(axis=2) / 2  # (depth, n_codes)
        spare = -n_codes % GROUP  # fill up with codes that nothing is near to
        half = np.pad(half, ((0, 0), (0, spare)), constant_values=np.inf)
        padded = np.pad(codebooks, ((0, 0), (0, spare), (0, 0)))
        rows = max(1, BLOCK_BYTES // (x.itemsize * beam * half.shape[1]))

        def share(first: int, last: int) -> None:
            for start in range(first, last, rows):
                block = slice(start, min(start + rows, last))
                _beam(x[block], padded, half, beam, n_codes, codes[block])

        cores.run(share)
    return codes


def _beam(x: Any, codebooks: Any, half: Any, beam: int, n_codes: int, codes: Any) -> None:
    """All stages of a block of rows: products, the smallest of each row, what they leave."""
    n = len(x)
    rest = np.ascontiguousarray(x)  # (n * beams, d), a row's beams side by side
    square = (rest * rest).sum(axis=1) / 2  # (n * beams,)
    found = np.empty((n, codes.shape[1]), np.int64)  # (n * beams, depth)
    beams = 1
    for stage, codebook in enumerate(codebooks):
        product = rest @ codebook.T  # (n * beams, n_codes)
        kept = min(beam, beams * n_codes)
        best = np.empty((n, kept), np.int64)  # beam * n_codes + code
        _smallest(product, half[stage], square, beams, best)
        rest, square, found = _follow(rest, codebook, found, best, stage)
        beams = kept
    first = square.reshape(n, beams).argmin(axis=1)
    codes[:] = found.reshape(n, beams, -1)[np.arange(n), first]


@njit_in_order
def _smallest(product, half, square, beams, best):  # type: ignore[no-untyped-def]
    """The smallest costs of each row over all its beams and codes, of equals the first.

    Codes `j`, `j + size`, `j + 2 size`, ... are a group: the smallest of every group is found by a
    loop that is SIMD, and only the groups with the smallest ones are looked into.
    """
    n, kept = best.shape
    n_codes = product.shape[1]
    low = np.empty(n_codes // 8, product.dtype)  # of each group of a beam, eight codes in each
    cost, groups = np.empty(kept, product.dtype), np.empty(kept, np.int64)
    values = np.empty(kept, product.dtype)
    for i in range(n):
        cost[:], groups[:] = np.inf, -1
        for beam in range(beams):
            row, extra = product[i * beams + beam], square[i * beams + beam]
            _lowest(row, half, low)
            for j in range(len(low)):
                if low[j] + extra <= cost[kept - 1]:
                    place = beam * n_codes + _first_lowest(row, half, j, len(low))
                    _insert(cost, groups, low[j] + extra, place)
        values[:], best[i] = np.inf, -1
        for group in groups[groups >= 0]:
            beam = group // n_codes
            row, extra = product[i * beams + beam], square[i * beams + beam]
            for code in range(group % n_codes % len(low), n_codes, len(low)):
                value = half[code] - row[code] + extra
                if value <= values[kept - 1]:
                    _insert(values, best[i], value, beam * n_codes + code)


@njit_in_order
def _lowest(row, half, low):  # type: ignore[no-untyped-def]
    """The smallest of each group of eight codes."""
    size = len(low)
    for j in range(size):
        least = half[j] - row[j]
        for m in range(1, 8):
            other = half[m * size + j] - row[m * size + j]
            least = other if other < least else least
        low[j] = least


@njit_in_order
def _first_lowest(row, half, j, size):  # type: ignore[no-untyped-def]
    """The first of a group's smallest codes: it stands for the group."""
    best = j
    for code in range(j + size, len(row), size):
        best = code if half[code] - row[code] < half[best] - row[best] else best
    return best


@njit_in_order
def _insert(values, places, value, place):  # type: ignore[no-untyped-def]
    """Put a value in its place of a list that rises; of equal ones the lower place is first."""
    at = len(values) - 1
    if value == values[at] and place > places[at]:
        return
    while at > 0 and (
        value < values[at - 1] or (value == values[at - 1] and place < places[at - 1])
    ):
        values[at], places[at] = values[at - 1], places[at - 1]
        at -= 1
    values[at], places[at] = value, place


@njit
def _follow(rest, codebook, found, best, stage):  # type: ignore[no-untyped-def]
    """What the kept codes leave, half of its square, and the codes up to here."""
    n, kept = best.shape
    n_codes, d = codebook.shape
    beams = len(rest) // n
    left = np.empty((n * kept, d), rest.dtype)
    square = np.empty(n * kept, rest.dtype)
    codes = np.empty((n * kept, found.shape[1]), np.int64)
    for new in range(n * kept):
        i = new // kept
        place = best[i, new % kept]
        old, code = i * beams + place // n_codes, place % n_codes
        total = rest[0, 0] - rest[0, 0]  # a zero of the right precision
        for j in range(d):
            gap = rest[old, j] - codebook[code, j]
            left[new, j] = gap
            total += gap * gap
        square[new] = total / 2
        codes[new] = found[old]
        codes[new, stage] = code
    return left, square, codes
