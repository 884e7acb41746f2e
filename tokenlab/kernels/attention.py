"""Twins of attention: exponentials that are taken while a block of products is in the cache.

NumPy multiplies, on as many threads as its BLAS uses. Exponentials and their sums then cost two
short loops over a run of numbers, on one thread. The exponential is a polynomial that the compiler
turns into vector instructions; the one of the C library, which Numba would call number by number,
is slower than NumPy's. It is made for float32: float64 goes back to the readable functions.
"""

from typing import Any

import numpy as np

from tokenlab.kernels import njit
from tokenlab.kernels.threads import shares

LOG2E = np.float32(1.4426950408889634)
NO_MAXIMUM = 30  # powers of two from 2^-60 to 1 keep all their digits without a running maximum
RUN = 512  # numbers that one pair of loops takes together: they stay in the first cache
# 2^f = 1 + C1 f + ... + C6 f^6 for f in [0, 1), fitted to a relative error of 2e-9.
C1, C2, C3 = np.float32(0.6931470632553101), np.float32(0.2402293086051941), np.float32(0.055485278)
C4, C5, C6 = np.float32(0.00967545248568), np.float32(0.00124678411521), np.float32(0.000216129323)


def exp_product(x: Any, x_half: Any, y: Any, y_half: Any) -> Any:
    """Twin of `tokenlab.attention.soft.exp_product`."""
    if x.dtype != np.float32 or y.dtype != np.float32:
        from tokenlab.attention.soft import exp_product as readable

        return readable.reference(x, x_half, y, y_half)  # type: ignore[attr-defined]
    p = x @ y.swapaxes(-1, -2)
    p -= x_half[..., :, None]
    p -= y_half[..., None, :]
    _exp_all(p.reshape(-1))  # p is new and therefore in one piece
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
            hidden = None if mask is None else ~mask[head]
            _rows_of_head(q[head], k[head], v[head], hidden, causal, block, rows, y[head])
            first += rows.stop - row

    n = len(heads) * n_q
    with shares(n, 2 * k.shape[-2] * (q.shape[-1] + v.shape[-1])) as cores:
        pieces = 4 if causal else 1  # later rows cost more: whoever is done takes the next piece
        cores.run(share, np.linspace(0, n, pieces * (len(cores.bounds) - 1) + 1, dtype=int))
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
        own, size, out = (
            slice(first - part.start, rows.stop - part.start),
            rows.stop - first,
            y[rows],
        )
        total, flat = np.zeros(size, np.float32), bool(reach[own].max() <= NO_MAXIMUM)
        top = reach[own] if flat else np.full(size, lowest, np.float32)
        for start in range(0, min(rows.stop, n) if causal else n, block):
            keys = slice(start, min(start + block, n))
            width = keys.stop - start
            s = np.matmul(q[own], k[keys].T, out=buffer[: size * width].reshape(size, width))
            if hidden is not None:
                s[:, hidden[keys]] = lowest
            if causal and keys.stop > first:
                later = np.arange(start, keys.stop) > np.arange(first, rows.stop)[:, None]
                s[later] = lowest
            if not flat:
                raised = np.maximum(top, s.max(axis=1))  # NumPy's maximum beats a loop
                shrink, top = np.exp2(top - raised), raised
                total *= shrink
                out *= shrink[:, None]
            _exp2_rows(s, top, total)
            out += s @ v[keys]
        out /= total[:, None]


def _lengths(x: Any) -> Any:
    return np.sqrt(np.einsum("nd,nd->n", x, x))


@njit
def _exp2_run(x, shift, factor, scale, bits):  # type: ignore[no-untyped-def]
    """`x = 2^(factor x - shift)` in place, for exponents of at most 0; returns the sum.

    The whole part of the exponent becomes the exponent bits of a float: `bits` is the memory of
    `scale`, read as integers. Below 2^-126 the result is 0.
    """
    for j in range(len(x)):
        t = min(max(factor * x[j] - shift, np.float32(-127)), np.float32(0))
        whole = np.floor(t)
        f = t - whole
        bits[j] = (np.int32(whole) + np.int32(127)) << np.int32(23)
        x[j] = np.float32(1) + f * (C1 + f * (C2 + f * (C3 + f * (C4 + f * (C5 + f * C6)))))
    total = np.float32(0)
    for j in range(len(x)):
        x[j] *= scale[j]
        total += x[j]
    return total


@njit
def _exp2_rows(s, top, total):  # type: ignore[no-untyped-def]
    """Powers of two of each row less its `top`, in place; `total` grows by their sums."""
    scale = np.empty(s.shape[1], np.float32)
    bits = scale.view(np.int32)
    for i in range(len(s)):
        total[i] += _exp2_run(s[i], top[i], np.float32(1), scale, bits)


@njit
def _exp_all(x):  # type: ignore[no-untyped-def]
    """`exp` of every number, in place; none is above 0 beyond rounding."""
    scale = np.empty(RUN, np.float32)
    bits = scale.view(np.int32)
    for start in range(0, len(x), RUN):
        _exp2_run(x[start : start + RUN], np.float32(0), LOG2E, scale, bits)
