"""Twins of the codec: residuals are cut and packed in one pass, and unpacked in one."""

from typing import Any

import numpy as np

from tokenlab.kernels import njit_in_order

__all__ = ["bucketed", "values"]


def bucketed(residual: Any, cutoffs: Any, bits: int) -> Any:
    """Twin of `tokenlab.retrieval.codec.bucketed`."""
    packed = np.zeros((len(residual), -(-residual.shape[1] * bits // 8)), np.uint8)
    _pack(residual, cutoffs, bits, packed)
    return packed


@njit_in_order
def _pack(residual, cutoffs, bits, packed):  # type: ignore[no-untyped-def]
    d, per_byte = residual.shape[1], 8 // bits
    row = np.empty(d, np.uint8)
    for i in range(len(residual)):
        if len(cutoffs) <= 15:  # all of them are compared with, without a branch
            row[:] = 0
            for cutoff in cutoffs:
                for j in range(d):
                    row[j] += np.uint8(residual[i, j] > cutoff)
        else:
            for j in range(d):
                row[j] = np.searchsorted(cutoffs, residual[i, j])
        for j in range(d):
            shift = 8 - bits * (j % per_byte + 1)  # the first dimension in the highest bits
            packed[i, j // per_byte] |= row[j] << shift


def values(residuals: Any, d: int, levels: Any, bits: int) -> Any:
    """Twin of `tokenlab.retrieval.codec.values`."""
    rest = np.empty((len(residuals), d), levels.dtype)
    _unpack(residuals, levels, bits, rest)
    return rest


@njit_in_order
def _unpack(residuals, levels, bits, rest):  # type: ignore[no-untyped-def]
    per_byte, mask = 8 // bits, (1 << bits) - 1
    for i in range(len(rest)):
        for j in range(rest.shape[1]):
            shift = 8 - bits * (j % per_byte + 1)
            rest[i, j] = levels[(residuals[i, j // per_byte] >> shift) & mask]
