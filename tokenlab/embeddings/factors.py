"""The leading singular vectors of a sparse matrix, with signs that do not depend on the solver."""

import importlib.util
from typing import Any

import numpy as np

from tokenlab.arrays import get_xp, is_cupy

__all__: list[str] = []

DENSE = 2000  # words up to which all of the matrix is decomposed


def leading_factors(rows: Any, columns: Any, values: Any, n: int, d: int) -> tuple[Any, Any, Any]:
    """`u (n, d)`, `s (d,)` and `v (n, d)` of an (n, n) matrix, largest s first."""
    xp = get_xp(values)
    sparse = importlib.util.find_spec("scipy") is not None and not is_cupy(values)
    # The iterations find a few axes of a large matrix, not all of a small one.
    few = n > DENSE and 4 * d < n and len(values)
    if few and sparse:
        u, s, v = by_iteration(rows, columns, values, n, d)
    else:
        matrix = xp.zeros((n, n), dtype=values.dtype)
        matrix[rows, columns] = values
        u, s, vt = by_draws(matrix, d) if few else xp.linalg.svd(matrix, full_matrices=False)
        u, s, v = u[:, :d], s[:d], vt[:d].T  # (n, d), (d,), (n, d)
    # Both of a pair may be turned round: the largest entry of each u is made positive.
    largest = xp.abs(u).argmax(axis=0)  # (d,)
    signs = xp.where(u[largest, xp.arange(d)] < 0, -1, 1).astype(u.dtype)
    return u * signs, s, v * signs


def by_iteration(rows: Any, columns: Any, values: Any, n: int, d: int) -> tuple[Any, Any, Any]:
    """The same by SciPy, which multiplies by the matrix without its zeros."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.linalg import svds

    matrix = csr_matrix((values, (rows, columns)), shape=(n, n))
    # The start decides the last digits: always the same one.
    start = np.random.default_rng(0).standard_normal(n).astype(values.dtype)
    u, s, vt = svds(matrix, k=d, v0=start)
    order = np.argsort(-s, kind="stable")  # ARPACK has the smallest first
    return u[:, order], s[order], vt[order].T


def by_draws(matrix: Any, d: int, iters: int = 12) -> tuple[Any, Any, Any]:
    """The same where SciPy is not: random directions, which each product turns towards the axes."""
    xp = get_xp(matrix)
    draws = np.random.default_rng(0).standard_normal((len(matrix), 2 * d + 10))
    q = xp.linalg.qr(matrix @ xp.asarray(draws, dtype=matrix.dtype))[0]  # (n, 2 d + 10)
    for _ in range(iters):
        q = xp.linalg.qr(matrix @ (matrix.T @ q))[0]
    u, s, vt = xp.linalg.svd(q.T @ matrix, full_matrices=False)
    return q @ u, s, vt
