"""Perplexity with an interval, for comparing heads on the same text."""

import math
from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, shared_library, to_numpy
from tokenlab.errors import InvalidInput, ShapeError

__all__ = ["Perplexity", "perplexity"]


class Perplexity(NamedTuple):
    """A perplexity, or a ratio of two, and the ends of its bootstrap interval."""

    value: float
    low: float
    high: float


def inside(x: Any, name: str) -> float:
    """A share that is neither 0 nor 1."""
    return checks.number(x, name, above=0, below=1)


@takes(level=inside, draws="count", rng="rng")
def perplexity(
    log_prob: Any,
    groups: Any = None,
    *,
    against: Any = None,
    level: float = 0.95,
    draws: int = 2000,
    rng: np.random.Generator | int | None = 0,
) -> Perplexity:
    r"""$\exp(-\mathrm{mean} \log p)$ and its bootstrap interval.

    Parameters
    ----------
    log_prob : ndarray of shape (n,)
        Log-probabilities of the right tokens.
    groups : ndarray of shape (n,), optional
        The document of each position. Positions of one document are alike, so that documents are
        drawn, whole; without, single positions, and the interval of real text is too narrow.
    against : ndarray of shape (n,), optional
        Log-probabilities of the same tokens by another head: the result is then the ratio of the
        two perplexities, whose interval is narrower, since a document that is hard for one head is
        hard for the other.
    level : float
        Share of the bootstrap's results inside of the interval.
    draws : int
        Repetitions.
    rng : numpy.random.Generator, int or None
        The same seed for all heads, as by default, draws the same documents for all.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError
        No positions, NaN, a level that is not between 0 and 1. A right token of probability 0
        makes the perplexity infinite.

    Examples
    --------
    >>> round(perplexity(np.log([0.5, 0.25, 0.125])).value, 4)
    4.0
    >>> perplexity(np.log([0.5, 0.25]), against=np.log([1.0, 0.5]))
    Perplexity(value=2.0, low=2.0, high=2.0)
    """
    came = {"log_prob": log_prob, "groups": groups, "against": against}
    came = {name: x for name, x in came.items() if x is not None or name == "log_prob"}
    xp = shared_library(list(came.values()), list(came))
    loss = -_checked(log_prob, "log_prob")
    if against is not None:
        other = _checked(against, "against")
        if len(other) != len(loss):
            raise ShapeError(f"perplexity: log_prob has {len(loss)} rows, against {len(other)}.")
        loss = loss + other
    groups_given = groups is not None
    if groups is None:
        groups = np.arange(len(loss))
    groups = to_numpy(checks.integers(groups, "groups", xp if groups_given else np))
    if groups.shape != loss.shape:
        raise InvalidInput(
            f"perplexity: groups is {groups.shape}; expected ({len(loss)},), one document for "
            "each position of log_prob."
        )
    _, document = np.unique(groups, return_inverse=True)
    sums, sizes = np.bincount(document, weights=loss), np.bincount(document)
    picks = checks.generator(rng).integers(0, len(sums), (draws, len(sums)))
    means = sums[picks].sum(axis=1) / sizes[picks].sum(axis=1)
    tail = (1 - level) / 2
    low, high = np.quantile(means, [tail, 1 - tail], method="nearest")  # works with infinities
    ends = (float(x) for x in (loss.mean(), low, high))
    return Perplexity(*(math.exp(x) if x < 709 else math.inf for x in ends))


def _checked(log_prob: Any, name: str) -> np.ndarray:
    x = checks.floats(log_prob, name, get_xp(log_prob))
    x = to_numpy(checks.shaped(x, name, ("n",))).astype(np.float64)
    if len(x) == 0 or np.isnan(x).any():
        raise InvalidInput(
            f"perplexity: {name} has {len(x)} rows, {int(np.isnan(x).sum())} of them NaN; expected "
            "at least one row and no NaN."
        )
    return x
