r"""How tokens that are not kept live on in those that are: means of groups, shares, fused tokens.

Every merger returns a `Reduction` with sizes, whose sum is the number of the first tokens.
"""

from typing import Any

from tokenlab import checks
from tokenlab.arrays import get_xp
from tokenlab.errors import InvalidInput, ShapeError, public_caller
from tokenlab.numerics import softmax, topk, unit
from tokenlab.pruning.reduction import Reduction, Sparse, checked_size
from tokenlab.pruning.scores import (
    checked_scores,
    density_of,
    least_before,
    squared_distances,
)
from tokenlab.pruning.selectors import budget
from tokenlab.steps import step

__all__ = ["contextual", "density_clusters", "fuse", "group_means", "mean_keys", "soft_assign"]


def group_means(kept: Any, groups: Any, *, size: Any = None) -> Reduction:
    r"""Each group of tokens becomes its mean, in the place of one of them.

    Parameters
    ----------
    kept : ndarray of shape (k,)
        The place of each group, ascending int64.
    groups : ndarray of shape (n,)
        The group of each token, an index into `kept`; -1 drops a token.
    size : ndarray of shape (n,), optional
        How many tokens each one stands for already: the means are weighted with it.

    Returns
    -------
    Reduction

    Examples
    --------
    >>> merged = group_means([0, 2], [0, 0, 1, -1], size=[1.0, 3.0, 1.0, 1.0])
    >>> merged.matrix().tolist(), merged.size.tolist()
    ([[0.25, 0.75, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]], [4.0, 1.0])
    """
    xp = get_xp(kept, groups)
    kept, n, groups = _positions(kept, groups)
    like = xp.ones(1, dtype=xp.float64) if size is None else checks.floats(size, "size", xp)
    sizes = checked_size(size, n, like)
    transform, total = means(groups, sizes, len(kept))
    if bool((total == 0).any()):
        raise InvalidInput(
            f"{public_caller()}: group {int(total.argmin())} has no token; every kept token "
            "belongs to its own group."
        )
    return Reduction(kept, n, transform, total, None if size is None else sizes)


def means(groups: Any, sizes: Any, m: int) -> tuple[Sparse, Any]:
    """The matrix of weighted means of `m` groups, and their sizes."""
    xp = get_xp(groups)
    columns = xp.nonzero(groups >= 0)[0]
    rows, sizes = groups[columns], sizes[columns]
    total = xp.bincount(rows, weights=sizes, minlength=m).astype(sizes.dtype)
    return Sparse(rows, columns, sizes / total[rows]), total


def soft_assign(
    keys: Any, kept: Any, tau: float, mode: str = "mass", *, size: Any = None
) -> Reduction:
    r"""Every token goes to all kept ones, in shares that fall off with their cosine.

    With $Z = \cos(K_I, K)$: `"mass"` lets each token spread its mass,
    $P = \mathrm{softmax}_{\text{columns}}(Z / \tau)$, and averages what arrives,
    $W = \mathrm{diag}(1 / Ps)\, P\, \mathrm{diag}(s)$; `"row"` lets each kept token look around,
    $W = \mathrm{softmax}_{\text{rows}}(Z / \tau)$. As $\tau \to 0$ this becomes a hard assignment,
    as $\tau \to \infty$ every row the mean of all tokens.

    Parameters
    ----------
    keys : ndarray of shape (n, d) or (h, n, d)
        Keys of several heads are averaged.
    kept : ndarray of shape (k,)
        Positions, in any order, none twice.
    tau : float
        Temperature, above 0.
    mode : {"mass", "row"}
    size : ndarray of shape (n,), optional

    Returns
    -------
    Reduction
        Dense. In the row form sizes are the shares that tokens would have when each column of $W$
        is scaled to sum to one.

    Examples
    --------
    >>> merged = soft_assign([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [0, 1], 1.0, mode="row")
    >>> merged.matrix().round(5).tolist()
    [[0.47304, 0.17402, 0.35294], [0.17402, 0.47304, 0.35294]]
    """
    xp = get_xp(keys, kept) if size is None else get_xp(keys, kept, size)
    keys, tau = mean_keys(keys), checks.positive(tau, "tau")
    kept = _distinct(kept, len(keys))
    sizes = checked_size(size, len(keys), keys)
    if mode not in ("mass", "row"):
        raise InvalidInput(f'{public_caller()}: mode is {mode!r}; expected "mass" or "row".')
    directions = unit(keys)
    closeness = directions[kept] @ directions.T  # (k, n)
    step("closeness", closeness, "cosine of kept and all tokens", eq="Z", axes=("k", "n"))
    if mode == "row":
        weights = softmax(closeness / tau, axis=1)
        shares = weights / xp.maximum(weights.sum(axis=0), xp.finfo(weights.dtype).tiny)
        total = shares @ sizes
    else:
        shares = softmax(closeness / tau, axis=0)
        note = "each token spreads its mass: columns sum to one"
        step("shares", shares, note, eq="P", axes=("k", "n"))
        total = shares @ sizes
        weights = shares * sizes / total[:, None]
    step("weights", weights, "each row sums to one", eq="W", axes=("k", "n"))
    step("size", total, "how many tokens each stands for", axes=("k",))
    return Reduction(kept, len(keys), weights, total, None if size is None else sizes)


def fuse(kept: Any, scores: Any) -> Reduction:
    r"""Keep some tokens and add one more: the sum of the others, weighted with their scores.

    Parameters
    ----------
    kept : ndarray of shape (k,)
    scores : ndarray of shape (n,)
        None below 0. They are not normalised, as in EViT: the row sums to the scores' sum.

    Returns
    -------
    Reduction
        Of `k + 1` tokens, the last one in no place, or of all when none is left over.

    Examples
    --------
    >>> fuse([0, 1], [0.4, 0.3, 0.2, 0.1]).matrix()[2].tolist()
    [0.0, 0.0, 0.2, 0.1]
    """
    xp = get_xp(kept, scores)
    scores = checked_scores(scores, "scores")
    if bool((scores < 0).any()):
        raise InvalidInput(
            f"{public_caller()}: scores go down to {float(scores.min()):g}; expected none below 0."
        )
    n = len(scores)
    kept = _distinct(kept, n)
    rest = xp.ones(n, dtype=bool)
    rest[kept] = False
    rest = xp.nonzero(rest)[0].astype(xp.int64)
    if len(rest) == 0:
        return Reduction(kept, n)
    k, ones = len(kept), xp.ones(len(kept), dtype=scores.dtype)
    rows = xp.concatenate([xp.arange(k, dtype=xp.int64), xp.full(len(rest), k, dtype=xp.int64)])
    entries = Sparse(rows, xp.concatenate([kept, rest]), xp.concatenate([ones, scores[rest]]))
    size = xp.concatenate([ones, xp.full(1, len(rest), dtype=scores.dtype)])
    return Reduction(kept, n, entries, size)


def contextual(keys: Any, targets: Any, others: Any) -> tuple[Any, Any]:
    r"""The target that each of the other tokens is most similar to.

    Parameters
    ----------
    keys : ndarray of shape (n, d) or (h, n, d)
    targets : ndarray of shape (m,)
    others : ndarray of shape (n_others,)

    Returns
    -------
    nearest : ndarray of shape (n_others,)
        Indices into `targets`, int64; of several the first.
    members : ndarray of shape (m,)
        How many chose each target, int64.

    Examples
    --------
    >>> nearest, members = contextual([[1.0, 0.0], [0.0, 1.0], [0.1, 1.0]], [0, 1], [2])
    >>> nearest.tolist(), members.tolist()
    ([1], [0, 1])
    """
    xp = get_xp(keys, targets, others)
    directions = unit(mean_keys(keys))
    targets, others = _distinct(targets, len(directions)), checks.integers(others, "others", xp)
    checks.within(others, "others", len(directions), "n")
    nearest = (directions[others] @ directions[targets].T).argmax(axis=1).astype(xp.int64)
    return nearest, xp.bincount(nearest, minlength=len(targets)).astype(xp.int64)


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
    x = checks.vectors(x, "x", "n", xp, at_least=1)
    k, n = budget(k, len(x)), len(x)
    squares = squared_distances(x)
    density = density_of(squares, min(checks.count(n_neighbors, "n_neighbors"), n - 1), x.shape[1])
    rank = xp.empty(n, dtype=xp.int64)
    rank[xp.argsort(-density, kind="stable")] = xp.arange(n)  # 0 is the densest
    isolation = xp.sqrt(least_before(squares, rank))
    score = step("peaks", density * isolation, "dense, and far from denser", eq="ρδ", axes=("n",))
    centres = xp.sort(topk(score, k).ids)
    groups = squares[:, centres].argmin(axis=1).astype(xp.int64)
    groups[centres] = xp.arange(k)  # equal tokens may share a place
    return centres, step("groups", groups, "the nearest centre", axes=("n",), of="k")


def mean_keys(keys: Any, name: str = "keys") -> Any:
    """Keys `(n, d)`: those of several heads `(h, n, d)` are averaged.

    Parameters
    ----------
    keys : ndarray of shape (n, d) or (h, n, d)
    name : str
        What error messages call them.

    Examples
    --------
    >>> mean_keys([[[1.0, 0.0]], [[0.0, 1.0]]]).tolist()
    [[0.5, 0.5]]
    """
    xp = get_xp(keys)
    keys = checks.floats(keys, name, xp)
    if keys.ndim == 3 and len(keys):
        keys = checks.finite(keys, name, xp).mean(axis=0)
    elif keys.ndim != 2:
        raise ShapeError(
            f"{public_caller()}: {name} is {keys.shape}; expected (n, d), or (h, n, d) with h >= 1."
        )
    return checks.vectors(keys, name, "n", xp, at_least=1)


def _distinct(positions: Any, n: int, name: str = "kept") -> Any:
    """Ascending positions below `n`, none twice, at least one."""
    xp = get_xp(positions)
    positions = xp.sort(checks.shaped(checks.integers(positions, name, xp), name, ("k",)))
    checks.within(positions, name, n, "n")
    if len(positions) == 0 or bool((positions[1:] == positions[:-1]).any()):
        problem = "is empty" if len(positions) == 0 else "names a token twice"
        raise InvalidInput(f"{public_caller()}: {name} {problem}; expected distinct positions.")
    return positions


def _positions(kept: Any, groups: Any) -> tuple[Any, int, Any]:
    xp = get_xp(groups)
    groups = checks.shaped(checks.integers(groups, "groups", xp), "groups", ("n",))
    given = checks.integers(kept, "kept", xp)
    kept = _distinct(kept, len(groups))
    if bool((kept != given).any()):
        raise InvalidInput(f"{public_caller()}: kept must ascend, since groups count its entries.")
    checks.within(groups[groups >= 0], "groups", len(kept), "k")
    return kept, len(groups), groups
