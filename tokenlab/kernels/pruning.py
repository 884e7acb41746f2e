"""Twins of token pruning: directions, merges, neighbours; greedy selection has its own file."""

from typing import Any

import numpy as np

from tokenlab.kernels import njit
from tokenlab.kernels.pruning_greedy import farthest_first, least_similar
from tokenlab.numerics import unit

__all__ = [
    "directions",
    "farthest_first",
    "least_before",
    "least_similar",
    "line_outliers",
    "nearest_sum",
    "weighted_rows",
]


def directions(keys: Any) -> Any:
    """Twin of `tokenlab.pruning.tome.directions`: one pass, where no square can overflow."""
    return unit(keys) if keys.dtype == np.float64 else _directions(keys)


@njit
def _directions(keys):  # type: ignore[no-untyped-def]
    out = np.empty_like(keys)
    for i in range(len(keys)):
        squares = 0.0  # float64, where no square of a float32 can overflow
        for j in range(keys.shape[1]):
            squares += np.float64(keys[i, j]) ** 2
        inverse = 1 / np.sqrt(squares) if squares > 0 else 0.0  # zeros stay zeros
        for j in range(keys.shape[1]):
            out[i, j] = keys[i, j] * inverse
    return out


@njit
def weighted_rows(x, rows, columns, weights, m):  # type: ignore[no-untyped-def]
    """Twin of `tokenlab.pruning.reduction.weighted_rows`; a row is not zeroed to be added to."""
    d = x.shape[1]
    y = np.empty((m, d), x.dtype)
    begun = np.zeros(m, np.bool_)  # (m,)
    for e in range(len(rows)):
        row, source, weight = rows[e], x[columns[e]], weights[e]
        target = y[row]
        if begun[row]:
            for j in range(d):
                target[j] += weight * source[j]
        else:
            begun[row] = True  # the first entry of a row is written, not added
            for j in range(d):
                target[j] = weight * source[j]
    for row in range(m):
        if not begun[row]:  # a row of W without entries
            y[row] = 0
    return y


@njit
def line_outliers(scores, k):  # type: ignore[no-untyped-def]
    """Twin of `tokenlab.pruning.recoverable.line_outliers`: the neighbours of a point lie around it."""
    n = len(scores)
    lower = np.empty(n, np.int64)
    farthest = np.empty(n)
    # The k nearest of a point on a line are neighbours of each other: a window around it.
    for i in range(n):
        low, high = i, i
        for _ in range(k):
            below = scores[i] - scores[low - 1] if low > 0 else np.inf
            above = scores[high + 1] - scores[i] if high < n - 1 else np.inf
            if below <= above:  # of two as near, the lower one
                low -= 1
            else:
                high += 1
        lower[i] = low
        farthest[i] = max(scores[i] - scores[low], scores[high] - scores[i])
    return _factors(_reach(scores, lower, farthest, k), lower, k)


@njit
def _reach(scores, lower, farthest, k):  # type: ignore[no-untyped-def]
    """The mean distance at which each point is reached from the k nearest, (n,)."""
    reach = np.empty(len(scores))
    for i in range(len(scores)):
        total = 0.0
        for j in range(lower[i], lower[i] + k + 1):
            if j != i:  # never from nearer than the neighbour's own neighbours are
                total += max(farthest[j], abs(scores[j] - scores[i]))
        reach[i] = total / k
    return reach


@njit
def _factors(reach, lower, k):  # type: ignore[no-untyped-def]
    """The mean ratio of each point's reach and its neighbours', (n,)."""
    factors = np.empty(len(reach))
    for i in range(len(reach)):
        total = 0.0
        for j in range(lower[i], lower[i] + k + 1):
            if j != i:
                if reach[j] > 0:
                    total += reach[i] / reach[j]
                else:  # the neighbours coincide; so does the point, or it is infinitely far
                    total += np.inf if reach[i] > 0 else 1.0
        factors[i] = total / k
    return factors


@njit
def nearest_sum(squares, k):  # type: ignore[no-untyped-def]
    """Twin of `tokenlab.pruning.density.nearest_sum`: a short list of the smallest values so far."""
    sums = np.empty(len(squares), squares.dtype)
    smallest = np.empty(k + 1, squares.dtype)  # ascending, of the row so far
    for i in range(len(squares)):
        smallest[:] = np.inf
        for j in range(squares.shape[1]):
            value = squares[i, j]
            if value < smallest[k]:
                at = k
                while at > 0 and smallest[at - 1] > value:  # make room
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
    """Twin of `tokenlab.pruning.density.least_before`: one pass over each row."""
    least = np.empty(len(values), values.dtype)
    for i in range(len(values)):
        row, mine = values[i], rank[i]
        found = row[0]
        if mine == 0:  # the densest: the farthest of all
            for j in range(len(row)):
                found = max(found, row[j])
        else:
            found = np.inf
            for j in range(len(row)):
                if rank[j] < mine and row[j] < found:
                    found = row[j]
        least[i] = found
    return least
