"""The exponential of float32 numbers, and loops that take it while the numbers are in the cache.

It is a polynomial that the compiler turns into vector instructions. That of the C library, which
Numba would call number by number, is slower than NumPy's.
"""

import numpy as np

from tokenlab.kernels import njit, njit_in_order

__all__ = ["LOG2E", "exp2_rows", "exp_all", "normalise"]

LOG2E = np.float32(1.4426950408889634)
ZERO, ONE = np.float32(0), np.float32(1)
RUN = 512  # numbers that one pair of loops takes together: they stay in the first cache
ROOM = np.float32(100)  # the highest term may be rounded above 0, of logits of 1e9 by as much as 64
# 2^f = 1 + C1 f + ... + C6 f^6 for f in [0, 1), fitted to a relative error of 2e-9.
C1, C2, C3 = np.float32(0.6931470632553101), np.float32(0.2402293086051941), np.float32(0.055485278)
C4, C5, C6 = np.float32(0.00967545248568), np.float32(0.00124678411521), np.float32(0.000216129323)


@njit
def _exp2_run(x, shift, factor, most, scale, bits):  # type: ignore[no-untyped-def]
    """`x = 2^(factor x - shift)` in place, with exponents of at most `most`; returns the sum.

    The whole part of the exponent becomes the exponent bits of a float: `bits` is the memory of
    `scale`, read as integers. Below 2^-126 the result is 0.
    """
    for j in range(len(x)):
        t = min(max(factor * x[j] - shift, np.float32(-127)), most)
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
def exp_all(x):  # type: ignore[no-untyped-def]
    """`exp` of every number, in place; none is above 0 beyond rounding."""
    scale = np.empty(RUN, np.float32)
    bits = scale.view(np.int32)
    for start in range(0, len(x), RUN):
        _exp2_run(x[start : start + RUN], ZERO, LOG2E, ZERO, scale, bits)


@njit
def exp2_rows(s, top, total):  # type: ignore[no-untyped-def]
    """Powers of two of each row less its `top`, in place; `total` grows by their sums."""
    scale = np.empty(s.shape[1], np.float32)
    bits = scale.view(np.int32)
    for i in range(len(s)):
        total[i] += _exp2_run(s[i], top[i], ONE, ZERO, scale, bits)


@njit_in_order
def normalise(logits, prior, highest, scores, log_z):  # type: ignore[no-untyped-def]
    """Write each row less the logarithm of its sum of exponentials, and that logarithm."""
    terms, scale = np.empty(len(prior), np.float32), np.empty(len(prior), np.float32)
    bits = scale.view(np.int32)
    for i in range(len(logits)):
        row, out = logits[i], scores[i]
        for c in range(len(prior)):
            out[c] = row[c] - highest[i]  # exact where it matters, and nothing overflows
            terms[c] = out[c] + prior[c]
        rest = np.log(_exp2_run(terms, ZERO, LOG2E, ROOM, scale, bits))
        for c in range(len(prior)):
            out[c] -= rest
        log_z[i] = highest[i] + rest
