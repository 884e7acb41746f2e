r"""What mergers share: the means of groups of tokens, and the keys that tokens are compared by.

A merger returns a `Reduction` with sizes. Other ways for tokens to live on in those that are kept
stand in the papers' files: shares in `token_transforming`, one fused token in `evit`, sums in
`visionzip`.
"""

from typing import Any

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.pruning.reduction import Reduction, Sparse, checked_size

__all__ = ["group_means", "mean_keys"]


@takes(kept="k? int", groups="n int", size="n")
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
    n = len(groups)
    if bool((distinct(kept, n) != kept).any()):
        raise InvalidInput("group_means: kept must ascend, since groups count its entries.")
    checks.within(groups[groups >= 0], "groups", len(kept), "k")
    sizes = checked_size(size, n, xp.ones(1) if size is None else size)  # (n,)
    transform, total = means(groups, sizes, len(kept))
    if bool((total == 0).any()):  # the mean of no token is not a number
        raise InvalidInput(
            f"group_means: group {int(total.argmin())} has no token; every kept token belongs to "
            "its own group."
        )
    return Reduction(kept, n, transform, total, None if size is None else sizes)


def means(groups: Any, sizes: Any, m: int) -> tuple[Sparse, Any]:
    """The matrix of weighted means of `m` groups, and their sizes."""
    xp = get_xp(groups, sizes)
    columns = xp.nonzero(groups >= 0)[0]  # (n_entries,), -1 is dropped
    rows = groups[columns]
    weights = sizes[columns]
    total = xp.bincount(rows, weights=weights, minlength=m).astype(sizes.dtype)  # (m,)
    return Sparse(rows, columns, weights / total[rows]), total  # rows sum to one


@takes(keys="n d | h n d")
def mean_keys(keys: Any) -> Any:
    """Keys `(n, d)`: those of several heads `(h, n, d)` are averaged.

    Parameters
    ----------
    keys : ndarray of shape (n, d) or (h, n, d)
    """
    return keys.mean(axis=0) if keys.ndim == 3 else keys  # (n, d)


def distinct(positions: Any, n: int, name: str = "kept") -> Any:
    """Integer positions in ascending order: below `n`, none twice, at least one."""
    positions = get_xp(positions).sort(positions)
    checks.within(positions, name, n, "n")
    # Sorted, those that are twice stand side by side.
    if len(positions) == 0 or bool((positions[1:] == positions[:-1]).any()):
        problem = "is empty" if len(positions) == 0 else "names a token twice"
        raise InvalidInput(f"{public_caller()}: {name} {problem}; expected distinct positions.")
    return positions
