r"""Density peaks: clusters whose centres are dense and far from anything denser (DPC-KNN).

From Rodriguez and Laio, "Clustering by fast search and find of density peaks" (Science, 2014), with
the density of the nearest neighbours (Du, Ding and Jia, 2016), as SparseVLM and others use it to
merge tokens. All pairs are compared: $n^2 d$ multiply-adds, and memory for $n^2$ numbers.
"""

from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.engine import accelerated
from tokenlab.numerics import topk
from tokenlab.pruning.selectors import checked_budget
from tokenlab.ranges import divided, scale_of
from tokenlab.steps import step

__all__ = ["density_clusters", "knn_density"]


@takes(x="n d")
def density_clusters(x: Any, k: int | float, *, n_neighbors: int = 5) -> tuple[Any, Any]:
    r"""Density peaks (DPC-KNN): centres are dense and far from anything denser.

    Each token scores $\rho_i \delta_i$: its density, see `knn_density`, times its distance to the
    nearest denser token (for the densest, to the farthest of all). Of equally dense tokens the
    first counts as denser.

    Parameters
    ----------
    x : ndarray of shape (n, d)
    k : int or float
        See `budget`.
    n_neighbors : int

    Returns
    -------
    centres : ndarray of shape (k,)
        Ascending positions, int64.
    groups : ndarray of shape (n,)
        The nearest centre of each token, an index into `centres`; each centre is in its own.

    Examples
    --------
    >>> centres, groups = density_clusters([[0.0], [0.1], [5.0], [5.1], [5.4]], 2, n_neighbors=1)
    >>> centres.tolist(), groups.tolist()
    ([0, 2], [0, 0, 1, 1, 1])
    """
    xp = get_xp(x)
    n = len(x)
    k = checked_budget(k, n)
    n_neighbors = min(checks.count(n_neighbors, "n_neighbors"), n - 1)
    scale = scale_of(x)  # distances and densities rank alike in any unit
    squares = squared_distances(divided(x, scale))  # (n, n)
    density = density_of(squares, n_neighbors, x.shape[1], scale)
    step(density)  # (n,) [ρ] how crowded a token's place is
    rank = xp.empty(n, dtype=xp.int64)
    rank[xp.argsort(-density, kind="stable")] = xp.arange(n)  # 0 is the densest
    isolation = xp.sqrt(least_before(squares, rank))
    step(isolation)  # (n,) [δ] distance to the nearest denser token
    peaks = step(density * isolation)  # (n,) [ρδ] dense, and far from denser
    centres = xp.sort(topk(peaks, k).ids)  # (k,)
    groups = squares[:, centres].argmin(axis=1).astype(xp.int64)  # (n,)
    groups[centres] = xp.arange(k)  # equal tokens may share a place
    groups = step(groups)  # (n,) -> k: the nearest centre
    return centres, groups


@takes(x="n d")
def knn_density(x: Any, n_neighbors: int = 5) -> Any:
    r"""Local density $\rho_i = \exp(-\tfrac1k \sum_{j} \lVert x_i - x_j \rVert^2 / d)$, in (0, 1].

    The sum is over the `n_neighbors` nearest tokens; at most the `n - 1` others are taken.

    Parameters
    ----------
    x : ndarray of shape (n, d)
    n_neighbors : int

    Returns
    -------
    ndarray of shape (n,)

    Examples
    --------
    >>> knn_density([[0.0], [0.0], [2.0]], 1).round(4).tolist()
    [1.0, 1.0, 0.0183]
    """
    k = min(checks.count(n_neighbors, "n_neighbors"), len(x) - 1)
    scale = scale_of(x)
    return density_of(squared_distances(divided(x, scale)), k, x.shape[1], scale)


def density_of(squares: Any, k: int, d: int, scale: float) -> Any:
    """The density of each token from all squared distances, in `scale`; 1 where it is alone."""
    xp = get_xp(squares)
    if k == 0:
        return xp.ones_like(squares[0])
    exponents, unit = nearest_sum(squares, k) / (k * d), squares.dtype.type(scale)
    with np.errstate(over="ignore", under="ignore"):  # far apart: the density is 0
        return xp.exp(-exponents * unit * unit)


@accelerated("pruning.nearest_sum", work=lambda squares, k: squares.size, pays_from=1e4)
def nearest_sum(squares: Any, k: int) -> Any:
    """The sum of the `k + 1` smallest values of each row: a token's own 0 and its neighbours'."""
    xp = get_xp(squares)
    return xp.partition(squares, k, axis=1)[:, : k + 1].sum(axis=1)


@accelerated("pruning.least_before", work=lambda values, rank: values.size, pays_from=1e4)
def least_before(values: Any, rank: Any) -> Any:
    """The smallest value of each row in columns of lower rank; of the first rank the largest."""
    xp = get_xp(values, rank)
    before = xp.where(rank[None, :] < rank[:, None], values, xp.inf).min(axis=1)
    return xp.where(rank == 0, values.max(axis=1), before).astype(values.dtype)


def squared_distances(x: Any) -> Any:
    r"""$\lVert x_i - x_j \rVert^2$ of all pairs, `(n, n)`, by one product; 0 for i = j."""
    xp = get_xp(x)
    x = x - x.mean(axis=0)  # near the origin little is lost to cancellation
    squares = (x * x).sum(axis=1)  # (n,)
    products = x @ x.T  # (n, n)
    products = (products + products.T) / 2  # which libraries round differently on either side
    distances = xp.maximum((squares[:, None] + squares) - 2 * products, 0)
    distances[xp.arange(len(x)), xp.arange(len(x))] = 0
    return distances
