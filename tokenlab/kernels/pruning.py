"""Twins of token pruning: best partners, merges, neighbours; greedy selection has its own file."""

from typing import Any

import numpy as np

from tokenlab.kernels import njit
from tokenlab.kernels.pruning_greedy import farthest_first, least_similar

__all__ = [
    "best_partner",
    "farthest_first",
    "least_before",
    "least_similar",
    "line_outliers",
    "nearest_sum",
    "weighted_rows",
]

BLOCK_BYTES = 1 << 20  # cosines held at once
LANES = 16  # comparisons side by side


def best_partner(a: Any, b: Any) -> tuple[Any, Any]:
    """Twin of `tokenlab.pruning.tome.best_partner`: a block of cosines is read in the cache."""
    best, nearest = np.empty(len(a), a.dtype), np.empty(len(a), np.int64)
    rows = max(8, BLOCK_BYTES // (a.itemsize * max(1, len(b))))
    buffer = np.empty((min(rows, len(a)), len(b)), a.dtype)
    for start in range(0, len(a), rows):
        block = a[start : start + rows]
        cosines = np.matmul(block, b.T, out=buffer[: len(block)])
        _row_best(cosines, best[start : start + rows], nearest[start : start + rows])
    return best, nearest


@njit
def _row_best(values, best, nearest):  # type: ignore[no-untyped-def]
    """The maximum of each row, from 16 lanes side by side, and its first position."""
    lanes = np.empty(LANES, values.dtype)
    whole = values.shape[1] // LANES * LANES
    for i in range(len(values)):
        row = values[i]
        lanes[:] = row[0]
        for j in range(0, whole, LANES):
            for v in range(LANES):
                lanes[v] = row[j + v] if row[j + v] > lanes[v] else lanes[v]
        largest = row[0]
        for v in range(LANES):
            largest = max(largest, lanes[v])
        for j in range(whole, len(row)):
            largest = max(largest, row[j])
        at = 0
        while row[at] != largest:
            at += 1
        best[i], nearest[i] = largest, at


@njit
def weighted_rows(x, rows, columns, weights, m):  # type: ignore[no-untyped-def]
    """Twin of `tokenlab.pruning.reduction.weighted_rows`; a row is not zeroed to be added to."""
    d = x.shape[1]
    y, begun = np.empty((m, d), x.dtype), np.zeros(m, np.bool_)
    for e in range(len(rows)):
        row, source, weight = rows[e], x[columns[e]], weights[e]
        target = y[row]
        if begun[row]:
            for j in range(d):
                target[j] += weight * source[j]
        else:
            begun[row] = True
            for j in range(d):
                target[j] = weight * source[j]
    for row in range(m):
        if not begun[row]:
            y[row] = 0
    return y


@njit
def line_outliers(scores, k):  # type: ignore[no-untyped-def]
    """Twin of `tokenlab.pruning.scores.line_outliers`: the neighbours of a point lie around it."""
    n = len(scores)
    lower, reach = np.empty(n, np.int64), np.empty(n)
    farthest = np.empty(n)
    for i in range(n):  # of n_low below and k - n_low above
        low, high = i, i
        for _ in range(k):
            below = scores[i] - scores[low - 1] if low > 0 else np.inf
            above = scores[high + 1] - scores[i] if high < n - 1 else np.inf
            if below <= above:
                low -= 1
            else:
                high += 1
        lower[i] = low
        farthest[i] = max(scores[i] - scores[low], scores[high] - scores[i])
    for i in range(n):
        total = 0.0
        for j in range(lower[i], lower[i] + k + 1):
            if j != i:
                total += max(farthest[j], abs(scores[j] - scores[i]))
        reach[i] = total / k
    factors = np.empty(n)
    for i in range(n):
        total = 0.0
        for j in range(lower[i], lower[i] + k + 1):
            if j != i:
                if reach[j] > 0:
                    total += reach[i] / reach[j]
                else:
                    total += np.inf if reach[i] > 0 else 1.0
        factors[i] = total / k
    return factors


@njit
def nearest_sum(squares, k):  # type: ignore[no-untyped-def]
    """Twin of `tokenlab.pruning.scores.nearest_sum`: a short list of the smallest values so far."""
    sums, smallest = np.empty(len(squares), squares.dtype), np.empty(k + 1, squares.dtype)
    for i in range(len(squares)):
        smallest[:] = np.inf
        for j in range(squares.shape[1]):
            value = squares[i, j]
            if value < smallest[k]:
                at = k
                while at > 0 and smallest[at - 1] > value:
                    smallest[at] = smallest[at - 1]
                    at -= 1
                smallest[at] = value
        total = smallest[0]
        for at in range(1, k + 1):
            total += smallest[at]
        sums[i] = total
    return sums


@njit
def least_before(values, rank):  # type: ignore[no-untyped-def]
    """Twin of `tokenlab.pruning.scores.least_before`: one pass over each row."""
    least = np.empty(len(values), values.dtype)
    for i in range(len(values)):
        row, mine = values[i], rank[i]
        found = row[0]
        if mine == 0:
            for j in range(len(row)):
                found = max(found, row[j])
        else:
            found = np.inf
            for j in range(len(row)):
                if rank[j] < mine and row[j] < found:
                    found = row[j]
        least[i] = found
    return least
