"""Twin of the search among rows of bits: eight bytes at a time, and only what is near is kept."""

from typing import Any

import numpy as np

from tokenlab.kernels import njit
from tokenlab.kernels.threads import shares
from tokenlab.numerics import TopK

__all__ = ["hamming_topk"]


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
    for q in range(len(x)):
        found, worst = 0, np.int64(1) << 60
        for j in range(len(y)):
            total = np.uint64(0)
            for w in range(width):
                total += _ones(x[q, w] ^ y[j, w])
            distance = np.int64(total)
            if distance >= worst:
                continue
            place = min(found, k - 1)
            while place > 0 and distances[q, place - 1] > distance:
                distances[q, place] = distances[q, place - 1]
                ids[q, place] = ids[q, place - 1]
                place -= 1
            distances[q, place], ids[q, place] = distance, j
            found = min(found + 1, k)
            if found == k:
                worst = distances[q, k - 1]
