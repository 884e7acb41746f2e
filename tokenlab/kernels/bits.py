"""Twin of the search among rows of bits: eight bytes at a time, and only what is near is kept."""

from typing import Any

import numpy as np

from tokenlab.kernels import njit
from tokenlab.kernels.threads import shares
from tokenlab.numerics import TopK

__all__ = ["hamming_topk"]

BLOCK = 1024  # rows whose words stay in the cache while all questions pass over them
GROUP = 128  # rows whose least distance says whether they are looked at one by one


def hamming_topk(x: Any, y: Any, k: int) -> TopK:
    """Twin of `tokenlab.bits.hamming_topk`."""
    n, k = len(x), min(k, len(y))
    ids, distances = np.empty((n, k), np.int64), np.empty((n, k), np.int64)
    x, y = words(x), words(y)
    with shares(n, 2 * y.size) as cores:

        def share(first: int, last: int) -> None:
            rows = slice(first, last)
            _nearest(x[rows], y, ids[rows], distances[rows])

        cores.run(share)
    return TopK(ids, -1.0 * distances)


def words(x: Any) -> Any:
    """Rows of bytes as rows of 64 bits, filled up with zeros: these differ nowhere."""
    spare = -x.shape[1] % 8
    padded = np.pad(x, ((0, 0), (0, spare))) if spare else np.ascontiguousarray(x)
    return padded.view(np.uint64)


@njit
def _ones(v):  # type: ignore[no-untyped-def]
    """Bits that are set: counted in pairs, fours, eights, and added up by a product."""
    v = v - ((v >> np.uint64(1)) & np.uint64(0x5555555555555555))
    v = (v & np.uint64(0x3333333333333333)) + ((v >> np.uint64(2)) & np.uint64(0x3333333333333333))
    v = (v + (v >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (v * np.uint64(0x0101010101010101)) >> np.uint64(56)


@njit
def _nearest(x, y, ids, distances):  # type: ignore[no-untyped-def]
    """The k nearest of each row, in order; a later row of the same distance changes nothing."""
    k, width = ids.shape[1], x.shape[1]
    found = np.zeros(len(x), np.int64)
    worst = np.full(len(x), 1 << 60, np.int64)
    columns, total = np.empty((width, BLOCK), np.uint64), np.empty(BLOCK, np.int64)
    for first in range(0, len(y), BLOCK):
        size = min(BLOCK, len(y) - first)
        # Words of all rows side by side: the loops over rows then go by vectors.
        for w in range(width):
            for j in range(size):
                columns[w, j] = y[first + j, w]
        for q in range(len(x)):
            total[:size] = 0
            for w in range(width):
                _add_ones(x[q, w], columns[w], total, size)
            for start in range(0, size, GROUP):
                end = min(start + GROUP, size)
                if _least(total, start, end) >= worst[q]:
                    continue
                for j in range(start, end):
                    if total[j] < worst[q]:
                        _insert(total[j], first + j, ids[q], distances[q], found[q])
                        found[q] = min(found[q] + 1, k)
                        if found[q] == k:
                            worst[q] = distances[q, k - 1]


@njit
def _add_ones(word, column, total, size):  # type: ignore[no-untyped-def]
    """In how many bits one word differs from each of a column."""
    for j in range(size):
        total[j] += np.int64(_ones(word ^ column[j]))


@njit
def _least(values, start, end):  # type: ignore[no-untyped-def]
    least = values[start]
    for j in range(start, end):
        least = min(least, values[j])
    return least


@njit
def _insert(distance, row, ids, distances, found):  # type: ignore[no-untyped-def]
    """Put a row behind those that are as near."""
    place = min(found, len(ids) - 1)
    while place > 0 and distances[place - 1] > distance:
        distances[place] = distances[place - 1]
        ids[place] = ids[place - 1]
        place -= 1
    distances[place], ids[place] = distance, row
