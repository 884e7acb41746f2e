"""Twin of counting neighbours: column after column, the places of one word and what is near them.

Cells come out by column, and their rows in any order; going through them once more by columns puts
them in order of rows, then columns, without sorting.
"""

from typing import Any

import numpy as np

from tokenlab.kernels import njit

START = 1 << 16  # cells for which there is room at first


def near_counts(ids: Any, offsets: Any, vocab: int, weight: Any, symmetric: bool) -> Any:
    """Twin of `tokenlab.embeddings.word_vectors.near_counts`."""
    first, places = _places_of_words(ids, vocab)
    begin, end = _ends_of_texts(offsets, len(ids))
    row, column, value = _columns(ids, vocab, weight, symmetric, first, places, begin, end)
    return _in_order(row, column, value, vocab)


@njit
def _places_of_words(ids, vocab):  # type: ignore[no-untyped-def]
    """The places of each word, one word after the other, and where those of each begin."""
    first = np.zeros(vocab + 1, dtype=np.int64)
    for i in range(len(ids)):
        first[ids[i] + 1] += 1
    for w in range(vocab):
        first[w + 1] += first[w]
    fill = first.copy()
    places = np.empty(len(ids), dtype=np.int64)
    for i in range(len(ids)):
        places[fill[ids[i]]] = i
        fill[ids[i]] += 1
    return first, places


@njit
def _ends_of_texts(offsets, n):  # type: ignore[no-untyped-def]
    """Where the text of each place begins and ends."""
    begin = np.zeros(n, dtype=np.int64)
    end = np.zeros(n, dtype=np.int64)
    for t in range(len(offsets) - 1):
        begin[offsets[t] : offsets[t + 1]] = offsets[t]
        end[offsets[t] : offsets[t + 1]] = offsets[t + 1]
    return begin, end


@njit
def _columns(ids, vocab, weight, symmetric, first, places, begin, end):  # type: ignore[no-untyped-def]
    """Row, column and value of all cells, by column."""
    total = np.zeros(vocab, dtype=np.float64)
    seen = np.full(vocab, -1, dtype=np.int64)  # the column for which a word was last met
    touched = np.empty(vocab, dtype=np.int64)
    row = np.empty(START, dtype=np.int32)
    column = np.empty(START, dtype=np.int32)
    value = np.empty(START, dtype=np.float64)
    m = 0
    for c in range(vocab):
        k = 0
        for p in range(first[c], first[c + 1]):
            i = places[p]
            low = max(begin[i], i - len(weight)) if symmetric else i + 1
            high = min(end[i], i + len(weight) + 1)
            k = _near(i, low, high, c, ids, weight, total, seen, touched, k)
        if m + k > len(row):
            row = _longer(row, m, 2 * (m + k))
            column = _longer(column, m, 2 * (m + k))
            value = _longer(value, m, 2 * (m + k))
        for t in range(k):
            row[m + t] = touched[t]
            column[m + t] = c
            value[m + t] = total[touched[t]]
        m += k
    return row[:m], column[:m], value[:m]


@njit
def _near(i, low, high, c, ids, weight, total, seen, touched, k):  # type: ignore[no-untyped-def]
    """Add what is near one place of word c; how many words were met for it so far."""
    for j in range(low, high):
        if j == i:
            continue
        w = ids[j]
        if seen[w] != c:
            seen[w] = c
            total[w] = 0.0
            touched[k] = w
            k += 1
        total[w] += weight[abs(j - i) - 1]
    return k


@njit
def _in_order(row, column, value, vocab):  # type: ignore[no-untyped-def]
    """By rows: each row's columns rise, since they came in that order."""
    start = np.zeros(vocab + 1, dtype=np.int64)
    for t in range(len(row)):
        start[row[t] + 1] += 1
    for w in range(vocab):
        start[w + 1] += start[w]
    rows = np.empty(len(row), dtype=np.int64)
    columns = np.empty(len(row), dtype=np.int64)
    values = np.empty(len(row), dtype=np.float64)
    for t in range(len(row)):
        to = start[row[t]]
        start[row[t]] += 1
        rows[to] = row[t]
        columns[to] = column[t]
        values[to] = value[t]
    return rows, columns, values


@njit
def _longer(x, n, room):  # type: ignore[no-untyped-def]
    """A copy with more room."""
    y = np.empty(room, dtype=x.dtype)
    y[:n] = x[:n]
    return y
