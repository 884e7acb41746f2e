"""Twins of the output layer: the normaliser, the scatter from codes to tokens, top-k by code order.

All run on one thread: the scatter is bound by the memory, and the others take a few microseconds
for a row. Code logits stay a matrix product, and the draws are NumPy's; they have no twins.
"""

from typing import Any

import numpy as np

from tokenlab.kernels import njit
from tokenlab.kernels.exponential import normalise


def normalised(logits: Any, log_n: Any) -> tuple[Any, Any]:
    """Twin of `tokenlab.logits.vq_logits.normalised`, for float32; float64 goes back to it."""
    if logits.dtype != np.float32 or log_n.dtype != np.float32:
        from tokenlab.logits.vq_logits import normalised as readable

        return readable.reference(logits, log_n)  # type: ignore[attr-defined]
    scores, log_z = np.empty(logits.shape, np.float32), np.empty(len(logits), np.float32)
    highest = (logits + log_n).max(axis=1)  # NumPy's maximum beats a loop
    normalise(logits, log_n, highest, scores, log_z)
    return scores, log_z


def expand_codes(values: Any, mapping: Any, log_share: Any, out: Any) -> Any:
    """Twin of `tokenlab.logits.vq_logits.expand_codes`."""
    if out is None:
        out = np.empty((len(values), len(mapping)), values.dtype)
    share = np.empty(0, values.dtype) if log_share is None else log_share
    _scatter(values, mapping, share, out)
    return out


@njit
def _scatter(values, mapping, share, out):  # type: ignore[no-untyped-def]
    """`out = values[:, mapping] + share`; nothing is added where `share` is empty.

    Four rows share one look at the map. What is left is bound by its stores, one for each number.
    """
    together = len(values) - len(values) % 4
    for i in range(0, together, 4):
        a, b, c, d = values[i], values[i + 1], values[i + 2], values[i + 3]
        for v in range(len(mapping)):
            code = np.uint64(mapping[v])  # unsigned, for negative positions count from the end
            out[i, v], out[i + 1, v] = a[code], b[code]
            out[i + 2, v], out[i + 3, v] = c[code], d[code]
    for i in range(together, len(values)):
        for v in range(len(mapping)):
            out[i, v] = values[i, np.uint64(mapping[v])]
    if len(share) > 0:
        for i in range(len(values)):
            for v in range(len(mapping)):
                out[i, v] += share[v]


def merge_topk(scores: Any, log_share: Any, order: Any, start: Any, k: int) -> tuple[Any, Any]:
    """Twin of `tokenlab.logits.code_order.merge_topk`."""
    share = np.zeros(1, scores.dtype) if log_share is None else log_share
    ids, values = np.empty((len(scores), k), np.int64), np.empty((len(scores), k), share.dtype)
    _merge(scores, share, log_share is not None, order, start, ids, values)
    return ids, values.astype(scores.dtype, copy=False)


@njit
def _merge(scores, share, shared, order, start, ids, values):  # type: ignore[no-untyped-def]
    """Keep the k best tokens of each row in a heap with the worst on top, code after code."""
    k = ids.shape[1]
    for i in range(len(scores)):
        heap_ids, heap = ids[i], values[i]
        filled = 0
        for code in range(len(start) - 1):
            for at in range(start[code], start[code + 1]):
                value = share[at] + scores[i, code] if shared else scores[i, code]
                token = order[at]
                if filled < k:
                    _lift(heap, heap_ids, filled, value, token)
                    filled += 1
                elif value > heap[0] or (value == heap[0] and token < heap_ids[0]):
                    _sink(heap, heap_ids, k, value, token)
                elif value < heap[0] or not shared:
                    break  # the tokens of a code come by falling share, and equal ones by id
        for left in range(k - 1, 0, -1):  # take the worst off, again and again
            worst, worst_id = heap[0], heap_ids[0]
            _sink(heap, heap_ids, left, heap[left], heap_ids[left])
            heap[left], heap_ids[left] = worst, worst_id


@njit
def _lift(heap, heap_ids, at, value, token):  # type: ignore[no-untyped-def]
    """Enter a token at the end of the heap and lift it to its place."""
    while at > 0:
        above = (at - 1) // 2
        if heap[above] < value or (heap[above] == value and heap_ids[above] > token):
            break
        heap[at], heap_ids[at] = heap[above], heap_ids[above]
        at = above
    heap[at], heap_ids[at] = value, token


@njit
def _sink(heap, heap_ids, size, value, token):  # type: ignore[no-untyped-def]
    """Put a token in the place of the worst one and let it sink."""
    at = 0
    while True:
        below = 2 * at + 1
        if below >= size:
            break
        right = below + 1
        if right < size and (
            heap[right] < heap[below]
            or (heap[right] == heap[below] and heap_ids[right] > heap_ids[below])
        ):
            below = right
        if value < heap[below] or (value == heap[below] and token > heap_ids[below]):
            break
        heap[at], heap_ids[at] = heap[below], heap_ids[below]
        at = below
    heap[at], heap_ids[at] = value, token
