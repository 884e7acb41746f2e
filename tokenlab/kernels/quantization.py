"""Twins of k-means: the nearest code, the sums of each code's rows, and the greedy start.

The products of all rows with all codes are never held at once. Each core takes a share of the rows;
NumPy multiplies the codes with one block of them, and a loop reads the block while it is in the
cache. Codes lie along the first axis of a block: the loop then compares the same code for many rows
side by side, which is what SIMD can do, and searches no row from end to end.
"""

from typing import Any

import numpy as np

from tokenlab.kernels import njit
from tokenlab.kernels.threads import shares

BLOCK_BYTES = 1 << 22  # products held at once by each core
FEWEST_ROWS = 128  # a thinner product is slow
GROUP = 8  # codes that are compared before the best so far is looked at


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
    _place(x.reshape(-1), borders.astype(x.dtype, copy=False), codes.reshape(-1))
    return codes


@njit
def _place(x, borders, codes):  # type: ignore[no-untyped-def]
    """Bisection without branches: every number takes the same steps, and nothing is guessed."""
    n = len(borders)
    for i in range(len(x)):
        low, left = 0, n
        while left > 0:
            half = (left + 1) >> 1
            # Move past half of what is left, if all of it lies below the number.
            low += half if borders[low + half - 1] < x[i] else 0
            left -= half
        codes[i] = low
