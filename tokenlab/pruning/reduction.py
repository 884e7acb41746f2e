r"""What is left of a set of tokens: which stay, what they stay for, and what they take in.

Every pruning and merging rule of this family returns a `Reduction`. It says $Y = W X$: which rows
of $X$ the rows of $Y$ come from. Pruning has one 1 in each row of $W$, merging several entries.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks, ranges
from tokenlab.arrays import get_xp, shared_library
from tokenlab.engine import accelerated
from tokenlab.errors import InvalidInput, ShapeError, public_caller

__all__ = ["Reduction", "Sparse"]


class Sparse(NamedTuple):
    """The entries of a matrix `(m, n)` that are not 0: `W[rows[e], columns[e]] = weights[e]`.

    Attributes
    ----------
    rows, columns : ndarray of shape (n_entries,)
        int64; no pair comes twice.
    weights : ndarray of shape (n_entries,)
        float32 or float64.
    """

    rows: Any
    columns: Any
    weights: Any


@dataclass(frozen=True, eq=False, repr=False)
class Reduction:
    r"""From `n` tokens to `m`, as $Y = W X$.

    Attributes
    ----------
    kept : ndarray of shape (k,)
        Positions of the tokens that stay, int64, ascending: the first `k` rows of $Y$ stand in
        their places. Rows after those are merged tokens that stand nowhere.
    n : int
        How many tokens there were.
    transform : None, ndarray of shape (m, n), or Sparse
        $W$. None means rows of the identity: `Y = X[kept]`.
    size : ndarray of shape (m,), optional
        How many of the first tokens each row stands for; None where nothing merges.
    size_in : ndarray of shape (n,), optional
        The sizes that a rule was told its tokens have.
    roles : ndarray of shape (k,), optional
        What each token is kept for, as positions in `role_names`, int64.
    role_names : tuple of str

    Examples
    --------
    >>> import numpy as np
    >>> pair = Sparse(np.array([0, 1, 1]), np.array([0, 1, 2]), np.array([1.0, 0.5, 0.5]))
    >>> merged = Reduction(np.array([0, 2]), 3, pair, np.array([1.0, 2.0]))
    >>> merged
    Reduction(3 tokens to 2, merged)
    >>> merged.apply([[1.0], [2.0], [4.0]]).tolist()
    [[1.0], [3.0]]
    >>> merged.unmerge([[1.0], [3.0]]).tolist()
    [[1.0], [3.0], [3.0]]
    """

    kept: Any
    n: int
    transform: Any = None
    size: Any = None
    size_in: Any = None
    roles: Any = None
    role_names: tuple[str, ...] = ()

    def __len__(self) -> int:
        """How many tokens come out: `m`."""
        return len(self.kept) if self.size is None else len(self.size)

    def __repr__(self) -> str:
        how = "selected" if self.transform is None else "merged"
        return f"Reduction({self.n} tokens to {len(self)}, {how})"

    def _repr_html_(self) -> str:
        from tokenlab.plots.notebook import reduction_html

        return reduction_html(self)

    def apply(self, x: Any) -> Any:
        r"""The tokens that are left, $Y = W X$.

        Parameters
        ----------
        x : ndarray of shape (n, d)

        Returns
        -------
        ndarray of shape (m, d)
        """
        xp = shared_library([x, self.kept], ["x", "kept"])
        x = _rows(x, "x", self.n, "n")
        if self.transform is None:
            return x[self.kept]  # (k, d)
        if isinstance(self.transform, Sparse):
            weights = self.transform.weights.astype(x.dtype, copy=False)
            return weighted_rows(x, self.transform.rows, self.transform.columns, weights, len(self))
        return self.transform.astype(xp.result_type(x), copy=False) @ x  # (m, d)

    def matrix(self) -> Any:
        """$W$ as a dense array of shape (m, n)."""
        xp = get_xp(self.kept)
        if self.transform is None:  # rows of the identity
            return (self.kept[:, None] == xp.arange(self.n)).astype(xp.float32)
        if isinstance(self.transform, Sparse):
            dense = xp.zeros((len(self), self.n), dtype=self.transform.weights.dtype)
            dense[self.transform.rows, self.transform.columns] = self.transform.weights  # (m, n)
            return dense
        return self.transform

    def shares(self) -> Any:
        r"""How each token's mass is spread over what is left: `(m, n)`.

        Each column sums to one, or to zero for a token that was dropped. A row of $W$ that stands
        for $s$ tokens takes mass from them in proportion to its weights.
        """
        xp = get_xp(self.kept)
        weights = self.matrix()  # (m, n)
        if self.size is not None:
            weights = weights * (self.size / weights.sum(axis=1))[:, None]  # rows now sum to sizes
        total = weights.sum(axis=0)  # (n,), 0 where a token was dropped
        return weights / xp.where(total == 0, xp.ones_like(total), total)

    def unmerge(self, y: Any) -> Any:
        r"""A row for each of the first tokens again: $\hat X = P^\top Y$ with `P = shares()`.

        Where every token went into one row that is a copy of the row; a dropped token gets zeros.

        Parameters
        ----------
        y : ndarray of shape (m, d)

        Returns
        -------
        ndarray of shape (n, d)
        """
        shared_library([y, self.kept], ["y", "kept"])
        y = _rows(y, "y", len(self), "m")
        return self.shares().T.astype(y.dtype, copy=False) @ y  # (n, d)

    def compose(self, later: "Reduction") -> "Reduction":
        r"""This reduction and then `later`, as one from the first tokens: $W = W_2 W_1$.

        Positions are those of the first tokens. Where `later` was not told the sizes of its tokens,
        each of its rows stands for `later.size` times the mean size of the tokens that it averages.
        """
        xp = get_xp(self.kept, later.kept)
        if later.n != len(self):
            raise ShapeError(
                f"Reduction.compose: this one leaves m = {len(self)} tokens, but later expects "
                f"n = {later.n}."
            )
        placed = later.kept < len(self.kept)  # merged tokens stand nowhere
        kept = self.kept[later.kept[placed]]  # positions of the first tokens
        roles = None if later.roles is None else later.roles[placed]
        if self.transform is None and later.transform is None:
            return Reduction(kept, self.n, None, None, self.size_in, roles, later.role_names)
        second = later.matrix()
        size = later.size
        if size is None:
            size = xp.ones(len(later), dtype=second.dtype)
        # A rule that knew the sizes of its tokens has counted them already.
        if later.size_in is None and self.size is not None:
            size = size * (second @ self.size) / second.sum(axis=1)
        transform = second @ self.matrix()  # (m, n), W = W_2 W_1
        return Reduction(kept, self.n, transform, size, self.size_in, roles, later.role_names)

    def behind(self, lead: int) -> "Reduction":
        """The same with `lead` tokens in front that all stay, such as a CLS token."""
        xp = get_xp(self.kept)
        lead = checks.count(lead, "lead", at_least=0)
        first = xp.arange(lead, dtype=xp.int64)  # those in front, and all others behind them
        kept = xp.concatenate([first, self.kept + lead])
        ones = xp.ones(lead)  # each leading token is a row of its own
        transform = self.transform
        if transform is not None:
            rows, columns, weights = _entries(transform, xp)
            transform = Sparse(
                xp.concatenate([first, rows + lead]),
                xp.concatenate([first, columns + lead]),
                xp.concatenate([ones.astype(weights.dtype), weights]),
            )

        def with_ones(size: Any) -> Any:
            return None if size is None else xp.concatenate([ones.astype(size.dtype), size])

        return Reduction(
            kept, lead + self.n, transform, with_ones(self.size), with_ones(self.size_in)
        )

    def mask(self, grid: tuple[int, int]) -> Any:
        """True where a token is kept, on the grid `(height, width)` of patches."""
        xp = get_xp(self.kept)
        height, width = checked_grid(grid, self.n)
        kept = xp.zeros(self.n, dtype=bool)
        kept[self.kept] = True
        return kept.reshape(height, width)  # (height, width)

    def owner(self) -> Any:
        """The row that takes the largest share of each token, `(n,)` int64; -1 where dropped."""
        xp = get_xp(self.kept)
        shares = self.shares()  # (m, n)
        return xp.where(shares.sum(axis=0) > 0, shares.argmax(axis=0), -1)


def selection(
    picked: Any, n: int, *, roles: Any = None, role_names: tuple[str, ...] = ()
) -> Reduction:
    """A reduction that keeps the picked tokens, whatever order they come in."""
    xp = get_xp(picked)
    order = xp.argsort(picked)  # the order of the image
    return Reduction(
        picked[order], n, roles=None if roles is None else roles[order], role_names=role_names
    )


def checked_grid(grid: Any, n: int | None = None) -> tuple[int, int]:
    """Height and width, or an error that says what they do not fit."""
    try:
        height, width = grid
    except (TypeError, ValueError):
        raise InvalidInput(
            f"{public_caller()}: grid is {grid!r}; expected (height, width), how many patches a "
            "column and a row have."
        ) from None
    height = checks.count(height, "grid")
    width = checks.count(width, "grid")
    if n is not None and height * width != n:
        raise ShapeError(
            f"{public_caller()}: grid is {height} x {width} = {height * width} patches, but there "
            f"are n = {n} tokens. Leave the CLS token out, or pass the right (height, width)."
        )
    return height, width


def checked_size(size: Any, n: int, like: Any) -> Any:
    """Sizes above 0, one for each token, of the type of `like`; ones where there are none."""
    xp = get_xp(like)
    if size is None:  # each token stands for itself
        return xp.ones(n, dtype=like.dtype)
    size = checks.finite(checks.floats(size, "size", xp), "size", xp)
    if size.shape != (n,):
        raise ShapeError(f"{public_caller()}: size is {size.shape}; expected (n,) = ({n},).")
    if bool((size <= 0).any()):
        raise InvalidInput(
            f"{public_caller()}: size goes down to {float(size.min()):g}; expected sizes above 0, "
            "since every token stands for something."
        )
    # Divided by, and in logarithms: what was above 0 must not become 0 in another type.
    ranges.normal(float(size.min()), "size", like.dtype)
    with np.errstate(over="ignore"):
        return ranges.representable(size.astype(like.dtype, copy=False), "size")


def rounded_down(exact: float) -> int:
    """A share of tokens, rounded down: 0.29 * 100, a little less than 29, is 29."""
    return math.floor(exact + 1e-9)


@accelerated(
    "pruning.weighted_rows", work=lambda x, rows, *_: len(rows) * x.shape[1], pays_from=5e3
)
def weighted_rows(x: Any, rows: Any, columns: Any, weights: Any, m: int) -> Any:
    """`W @ x` for the entries of a sparse `W`."""
    xp = get_xp(x, rows)
    # Most rows have one entry, which need not be added to anything: add.at takes long.
    filled, first = xp.unique(rows, return_index=True)
    y = x[columns[first]]  # (n_filled, d)
    y *= weights[first, None]
    if len(filled) < m:
        alone, y = y, xp.zeros((m, x.shape[1]), dtype=x.dtype)
        y[filled] = alone
    more = xp.ones(len(rows), dtype=bool)
    more[first] = False
    xp.add.at(y, rows[more], weights[more, None] * x[columns[more]])
    return y  # (m, d)


def _entries(transform: Any, xp: Any) -> Sparse:
    if isinstance(transform, Sparse):
        return transform
    rows, columns = xp.nonzero(transform)
    return Sparse(rows, columns, transform[rows, columns])


def _rows(x: Any, name: str, n: int, axis: str) -> Any:
    x = checks.vectors(x, name, axis, get_xp(x))
    if len(x) != n:
        raise ShapeError(
            f"{public_caller()}: {name} is {x.shape} = ({axis}, d); this reduction has {axis} = "
            f"{n}."
        )
    return x
