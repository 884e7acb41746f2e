r"""Scalar quantization: each number to the nearest of a few levels, and the best levels.

Joel Max. Quantizing for Minimum Distortion. IRE Transactions on Information Theory 6, 1960.
doi:10.1109/TIT.1960.1057548
Stuart P. Lloyd. Least Squares Quantization in PCM. IEEE Transactions on Information Theory 28, 1982.

A number is stored as the place of the level next to it. The squared error is smallest where every
level is the mean of the numbers that go to it and every border lies halfway between two levels.
Levels for a normal density need not be fitted: they are known.

| paper's symbol | name here | shape |
|---|---|---|
| $x$ | `x` | any |
| output levels $y_i$ | `levels` | `(n_codes,)` |
| end points $x_i$ | `borders` | `(n_codes - 1,)` |
| distortion $D$ | `mse` | |

$$x_i = (y_{i-1} + y_i) / 2 \qquad (\text{Eq. } 3)$$
$$y_i = \mathrm{E}[\,x \mid x_i < x \le x_{i+1}\,] \qquad (\text{Eq. } 4)$$
$$D = \mathrm{E}[(x - y(x))^2] \qquad (\text{Eq. } 1)$$

Example
-------
    levels, mse, history = lloyd_max(x, 16)
    codes = assign(x, levels)
    near = levels[codes]
"""

import math
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.engine import accelerated
from tokenlab.errors import InvalidInput, ShapeError, public_caller
from tokenlab.ranges import squarable
from tokenlab.steps import step

__all__ = ["ScalarFit", "assign", "lloyd_max", "lloyd_max_normal", "uniform_levels"]

NORMAL = NormalDist()


class ScalarFit(NamedTuple):
    """Levels that rise, their mean squared error, and that error in each iteration."""

    levels: Any
    mse: float
    history: list[float]


def uniform_levels(n_codes: int, low: float, high: float) -> np.ndarray:
    """The middles of `n_codes` equal cells between `low` and `high`.

    Parameters
    ----------
    n_codes : int
    low, high : float
        Finite, `low` below `high`.

    Returns
    -------
    ndarray of shape (n_codes,)
        float64, rising.

    Examples
    --------
    >>> uniform_levels(4, 0.0, 1.0).tolist()
    [0.125, 0.375, 0.625, 0.875]
    """
    n_codes = checks.count(n_codes, "n_codes")
    low, high = checks.number(low, "low"), checks.number(high, "high")
    if not low < high:
        raise InvalidInput(f"uniform_levels: low is {low} and high is {high}; expected low < high.")
    return low + (np.arange(n_codes) + 0.5) * ((high - low) / n_codes)


@takes(x="...", levels="n_codes")
def assign(x: Any, levels: Any) -> Any:
    """The place of the level nearest to each number.

    Parameters
    ----------
    x : ndarray of any shape
    levels : ndarray of shape (n_codes,)
        Rising.

    Returns
    -------
    ndarray of the shape of x
        int64; halfway between two levels the lower counts.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        Levels that do not rise, something that is not finite.

    Examples
    --------
    >>> assign([-5.0, 0.4, 0.5, 0.6], [0.0, 1.0]).tolist()
    [0, 0, 0, 1]
    """
    rising(levels, "levels")
    borders = step(levels[:-1] / 2 + levels[1:] / 2)  # (n_codes - 1,) [Eq. 3] halfway
    return place(x, borders.astype(get_xp(x, levels).result_type(x, levels)))


def rising(levels: Any, name: str) -> None:
    """Raise unless each level is above the one before it."""
    if not rises(levels):
        raise InvalidInput(
            f"{public_caller()}: {name} does not rise; expected each level above the one before "
            "it. Sort them and take out what is there twice (numpy.unique does both)."
        )


@accelerated("quantization.place", work=lambda x, borders: x.size, pays_from=5e3)
def place(x: Any, borders: Any) -> Any:
    """How many borders lie below each number."""
    return get_xp(x).searchsorted(borders, x, side="left")


@takes(x="n", init="n_codes")
def lloyd_max(x: Any, n_codes: int, *, init: Any = None, iters: int = 1000) -> ScalarFit:
    """Levels for given numbers: Eqs. (3) and (4) in turn until nothing changes.

    Parameters
    ----------
    x : ndarray of shape (n,)
    n_codes : int
        At most as many as there are different numbers.
    init : ndarray of shape (n_codes,), optional
        Rising levels to start from; by default at equal shares of the different numbers.
    iters : int
        Iterations at most.

    Returns
    -------
    ScalarFit
        Every level is the mean of its numbers; another start may find a smaller error.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        No vector of finite numbers; fewer different ones than `n_codes`.

    Examples
    --------
    >>> levels, mse, _ = lloyd_max([0.0, 1.0, 2.0, 10.0, 12.0], 2)
    >>> levels.tolist(), mse
    ([1.0, 11.0], 0.8)
    """
    xp = get_xp(x)
    n_codes = checks.count(n_codes, "n_codes")
    iters = checks.count(iters, "iters", at_least=0)
    values = xp.sort(squarable(x[:, None], "x")[:, 0].astype(xp.float64))  # (n,)
    distinct = values[xp.concatenate([xp.ones(1, bool), values[1:] > values[:-1]])]
    if n_codes > len(distinct):
        raise InvalidInput(
            f"lloyd_max: n_codes is {n_codes} and x has {len(distinct)} different numbers; expected "
            "at most as many levels."
        )
    if init is None:
        start = (xp.arange(n_codes) + 0.5) * (len(distinct) / n_codes)
        levels = distinct[start.astype(xp.int64)]
    else:
        if len(init) != n_codes:
            raise ShapeError(f"lloyd_max: init has {len(init)} levels; expected {n_codes}.")
        rising(init, "init")
        levels = init.astype(xp.float64)
    cells, history = Cells(values), []
    for _ in range(iters + 1):
        history.append(cells.error(levels))  # Eq. (1)
        size, means = cells.means(levels)
        new = xp.where(size > 0, means, levels)  # Eq. (4); a level without numbers stays
        if len(history) > iters or bool((new == levels).all()) or not rises(new):
            break
        levels = new
    return ScalarFit(levels.astype(x.dtype), history[-1], history)


class Cells:
    """Sorted numbers whose cells are looked up: sums of all the smaller ones are known."""

    def __init__(self, values: Any):
        xp = get_xp(values)
        self.values, self.shift = values, values.mean()
        centred = values - self.shift  # sums of these cancel less
        self.sums = xp.concatenate([xp.zeros(1), centred.cumsum()])  # of the i smallest
        self.squares = xp.concatenate([xp.zeros(1), (centred * centred).cumsum()])

    def ends(self, levels: Any) -> Any:
        """Where the numbers of each level begin and end, `(n_codes + 1,)`, Eq. (3)."""
        xp = get_xp(self.values)
        borders = levels[:-1] / 2 + levels[1:] / 2
        ends = xp.searchsorted(self.values, borders, side="right")
        return xp.concatenate([xp.zeros(1, xp.int64), ends, xp.full(1, len(self.values))])

    def means(self, levels: Any) -> tuple[Any, Any]:
        """How many numbers go to each level, and their means, Eq. (4)."""
        ends = self.ends(levels)
        size = ends[1:] - ends[:-1]  # (n_codes,)
        total = self.sums[ends[1:]] - self.sums[ends[:-1]]
        return size, total / get_xp(total).maximum(size, 1) + self.shift

    def error(self, levels: Any) -> float:
        """The mean squared error of these levels, Eq. (1): sums of x², x and 1 over each cell."""
        ends, y = self.ends(levels), levels - self.shift
        size = ends[1:] - ends[:-1]
        moments = self.sums[ends[1:]] - self.sums[ends[:-1]]
        error = self.squares[-1] + (y * (size * y - 2 * moments)).sum()
        return max(float(error) / len(self.values), 0.0)  # rounding may pass below 0


def rises(levels: Any) -> bool:
    """Whether each is above the one before."""
    return bool((levels[1:] > levels[:-1]).all())


def lloyd_max_normal(n_codes: int) -> ScalarFit:
    r"""The levels of smallest squared error for the density of N(0, 1).

    Eqs. (3) and (4) in turn get slower with every level more; Newton's method on
    $F_i = y_i - \mathrm{E}[x \mid x_i < x \le x_{i+1}]$ has a handful of iterations.

    Parameters
    ----------
    n_codes : int
        1 to 4096.

    Returns
    -------
    ScalarFit
        float64; `mse` is near $2.7207 / n^2$ for many levels.

    Examples
    --------
    >>> levels, mse, _ = lloyd_max_normal(4)
    >>> levels.round(4).tolist(), round(mse, 4)
    ([-1.5104, -0.4528, 0.4528, 1.5104], 0.1175)
    """
    n = checks.count(n_codes, "n_codes", at_most=4096)
    # The best density of many levels is that of a normal 3**0.5 times as wide (Panter and Dite).
    levels = 3**0.5 * np.array([NORMAL.inv_cdf((i + 0.5) / n) for i in range(n)])
    history: list[float] = []
    for _ in range(60):
        borders = np.concatenate([[-np.inf], (levels[:-1] + levels[1:]) / 2, [np.inf]])  # Eq. (3)
        mass, means = normal_cells(borders)
        history.append(float(1 - (mass * levels * (2 * means - levels)).sum()))  # Eq. (1)
        density = np.exp(-(borders**2) / 2) / (2 * math.pi) ** 0.5
        finite = np.where(np.isfinite(borders), borders, 0.0)
        upper = density[1:] * (finite[1:] - means) / mass  # how a mean follows its upper border
        lower = density[:-1] * (means - finite[:-1]) / mass
        slope = np.eye(n) - np.diag((upper + lower) / 2)
        slope -= np.diag(upper[:-1] / 2, 1) + np.diag(lower[1:] / 2, -1)
        move = np.linalg.solve(slope, means - levels)
        levels = levels + move
        levels = (levels - levels[::-1]) / 2  # mirror images, to the last bit
        if abs(move).max() < 1e-14 * abs(levels).max():
            break
    return ScalarFit(levels, history[-1], history)


def normal_cells(borders: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mass of N(0, 1) between neighbouring borders, and its mean there, Eq. (4)."""
    density = np.exp(-(borders**2) / 2) / (2 * math.pi) ** 0.5
    # Tails of one sign: a difference of numbers near 1 would lose the mass of a far cell.
    tail = np.array([math.erfc(abs(b) / 2**0.5) / 2 for b in borders])  # beyond |border|
    low, high = borders[:-1], borders[1:]
    same_side = (low >= 0) | (high <= 0)
    mass = np.where(same_side, abs(tail[:-1] - tail[1:]), 1 - tail[:-1] - tail[1:])
    return mass, (density[:-1] - density[1:]) / mass


NOTES = r"""
Differs from the paper
----------------------
- Max tables levels up to 36; here any number is computed.
- `lloyd_max` starts at equal shares of the different numbers, and ends where an iteration moves
  nothing: a local minimum, as Lloyd's iteration is.

Cost
----
`assign` looks for each number among the borders, $\log_2 n_{codes}$ comparisons; its twin compares
with all of up to 64 borders, without a branch. `lloyd_max` sorts
once; an iteration is then $n_{codes} \log n$, and the error $n \log n_{codes}$.

Why not just ...
----------------
*... equal cells?* For 16 levels of N(0, 1) over -5 to 5 they have 3.5 times the squared error.
"""
