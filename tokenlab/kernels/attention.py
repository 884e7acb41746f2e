"""Twins of attention: exponentials that are taken while a block of products is in the cache.

NumPy multiplies; exponentials and their sums then cost two short loops over a run of numbers.
float64 goes back to the readable functions.
"""

from typing import Any

import numpy as np

from tokenlab.kernels.exponential import LOG2E, exp2_rows, exp_all
from tokenlab.kernels.threads import shares

NO_MAXIMUM = 30  # powers of two from 2^-60 to 1 keep all their digits without a running maximum


def exp_product(x: Any, x_half: Any, y: Any, y_half: Any) -> Any:
    """Twin of `tokenlab.attention.soft.exp_product`."""
    if x.dtype != np.float32 or y.dtype != np.float32:
        from tokenlab.attention.soft import exp_product as readable

        return readable.reference(x, x_half, y, y_half)  # type: ignore[attr-defined]
    p = x @ y.swapaxes(-1, -2)
    p -= x_half[..., :, None]
    p -= y_half[..., None, :]
    exp_all(p.reshape(-1))  # p is new and therefore in one piece
    return p


def running_softmax(q: Any, k: Any, v: Any, mask: Any, causal: bool, block: int) -> Any:
    """Twin of `tokenlab.attention.softmax.running_softmax`, one head after the other."""
    if q.dtype != np.float32:
        from tokenlab.attention.softmax import running_softmax as readable

        return readable.reference(q, k, v, mask, causal, block)  # type: ignore[attr-defined]
    n_q, y = q.shape[-2], np.zeros((*q.shape[:-1], v.shape[-1]), np.float32)
    heads = list(np.ndindex(q.shape[:-2]))

    def share(first: int, last: int) -> None:
        while first < last:
            head, row = heads[first // n_q], first % n_q
            rows = slice(row, min(n_q, row + last - first))
            hidden = None if mask is None else ~mask[head]  # (n,), or (n_q, n) of pairs
            _rows_of_head(q[head], k[head], v[head], hidden, causal, block, rows, y[head])
            first += rows.stop - row

    n = len(heads) * n_q
    with shares(n, 2 * k.shape[-2] * (q.shape[-1] + v.shape[-1])) as cores:
        # Later rows cost more if causal: whoever is done takes the next piece.
        pieces = 4 if causal and cores.pool else 1
        cores.run(share, np.linspace(0, n, pieces * cores.number + 1, dtype=int))
    return y


def _rows_of_head(
    q: Any, k: Any, v: Any, hidden: Any, causal: bool, block: int, part: slice, y: Any
) -> None:
    """Write the output of some rows of one head to `y`, which holds zeros there."""
    n, lowest = len(k), np.finfo(np.float32).min / 4
    q = q[part] * (LOG2E * np.float32(q.shape[-1] ** -0.5))  # exponentials become powers of two
    reach = _lengths(q) * _lengths(k).max()  # no exponent is larger in size
    buffer = np.empty(min(block, len(q)) * min(block, n), np.float32)
    for first in range(part.start, part.stop, block):
        rows = slice(first, min(first + block, part.stop))
        own = slice(first - part.start, rows.stop - part.start)  # the same rows, counted in q
        size, out = rows.stop - first, y[rows]
        total = np.zeros(size, np.float32)
        flat = bool(reach[own].max() <= NO_MAXIMUM)
        top = reach[own] if flat else np.full(size, lowest, np.float32)
        for start in range(0, min(rows.stop, n) if causal else n, block):
            keys = slice(start, min(start + block, n))
            width = keys.stop - start
            s = np.matmul(q[own], k[keys].T, out=buffer[: size * width].reshape(size, width))
            _hide(s, hidden, causal, rows, keys)
            if not flat:
                raised = np.maximum(top, s.max(axis=1))  # NumPy's maximum beats a loop
                shrink, top = np.exp2(top - raised), raised
                total *= shrink
                out *= shrink[:, None]
            exp2_rows(s, top, total)
            out += s @ v[keys]
        out /= total[:, None]


def _hide(s: Any, hidden: Any, causal: bool, rows: slice, keys: slice) -> None:
    """Give the lowest score to what these rows must not see among these keys."""
    lowest = np.finfo(np.float32).min / 4
    if hidden is not None and hidden.ndim == 1:
        s[:, hidden[keys]] = lowest
    elif hidden is not None:
        s[hidden[rows, keys]] = lowest
    if causal and keys.stop > rows.start:
        later = np.arange(keys.start, keys.stop) > np.arange(rows.start, rows.stop)[:, None]
        s[later] = lowest


def _lengths(x: Any) -> Any:
    return np.sqrt(np.einsum("nd,nd->n", x, x))
