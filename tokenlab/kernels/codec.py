"""Twins of the codec: residuals are cut and packed in one pass, and unpacked in one."""

from typing import Any

import numpy as np

from tokenlab.kernels import njit_in_order
from tokenlab.retrieval.buckets import unpack

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
    """Twin of `tokenlab.retrieval.codec.values`: what a byte stands for is copied in words."""
    of_byte = levels[unpack(np.arange(256, dtype=np.uint8)[:, None], bits, 8 // bits)]
    if of_byte[0].nbytes % 8 == 0:
        of_byte = of_byte.view(np.uint64)
    rest = np.empty((*residuals.shape, of_byte.shape[1]), of_byte.dtype)
    _look_up(residuals, of_byte, rest)
    rest = rest.view(levels.dtype).reshape(len(rest), residuals.shape[1] * (8 // bits))
    return np.ascontiguousarray(rest[:, :d])


@njit_in_order
def _look_up(residuals, of_byte, rest):  # type: ignore[no-untyped-def]
    if of_byte.shape[1] == 1:
        for i in range(len(rest)):
            for b in range(rest.shape[1]):
                rest[i, b, 0] = of_byte[residuals[i, b], 0]
        return
    for i in range(len(rest)):
        for b in range(rest.shape[1]):
            for p in range(rest.shape[2]):
                rest[i, b, p] = of_byte[residuals[i, b], p]
