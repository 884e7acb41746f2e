"""Perplexity with an interval, for comparing heads on the same text."""

import math
from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import on_host, to_numpy
from tokenlab.errors import InvalidInput, ShapeError

__all__ = ["Perplexity", "perplexity"]

PICKS = 1 << 20  # positions drawn at once


class Perplexity(NamedTuple):
    """A perplexity, or a ratio of two, and the ends of its bootstrap interval."""

    value: float
    low: float
    high: float


def inside(x: Any, name: str) -> float:
    """A share that is neither 0 nor 1."""
    return checks.number(x, name, above=0, below=1)


@takes(log_prob="n inf", against="n inf", level=inside, draws="count", rng="rng")
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
        The document of each position, by number or by name. Positions of one document are alike, so
        that documents are drawn, whole; without, single positions, and the interval of real text is
        too narrow.
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
        No positions, NaN or numbers above 0, which are no log-probabilities, a level that is not
        between 0 and 1. A right token of probability 0 makes the perplexity infinite.

    Examples
    --------
    >>> round(perplexity(np.log([0.5, 0.25, 0.125])).value, 4)
    4.0
    >>> perplexity(np.log([0.5, 0.25]), against=np.log([1.0, 0.5]))
    Perplexity(value=2.0, low=2.0, high=2.0)
    """
    # In float64 on the CPU, whatever library came: a bootstrap is many small sums.
    loss = -_host(log_prob, "log_prob")  # (n,)
    if against is not None:
        loss = loss + _host(against, "against")  # log of the ratio of the two probabilities
    document = np.arange(len(loss)) if groups is None else _numbered(groups, len(loss))
    sums = np.bincount(document, weights=loss)  # (n_documents,)
    sizes = np.bincount(document)
    rng = checks.generator(rng)
    means = np.empty(draws)
    rows = max(1, PICKS // len(sums))  # drawings at once: 2,000 of 250,000 positions are 4 GB
    for first in range(0, draws, rows):
        picks = rng.integers(0, len(sums), (min(rows, draws - first), len(sums)))
        # Means over positions, (draws,): a long document weighs more than a short one.
        means[first : first + rows] = sums[picks].sum(axis=1) / sizes[picks].sum(axis=1)
    tail = (1 - level) / 2
    low, high = np.quantile(means, [tail, 1 - tail], method="nearest")  # works with infinities
    ends = (float(x) for x in (loss.mean(), low, high))
    return Perplexity(*(math.exp(x) if x < 709 else math.inf for x in ends))  # e^710 overflows


def _host(log_prob: Any, name: str) -> np.ndarray:
    """Log-probabilities in float64; `-inf` is one, NaN is none."""
    x = to_numpy(log_prob).astype(np.float64)
    if np.isnan(x).any():
        raise InvalidInput(
            f"perplexity: {name} has {int(np.isnan(x).sum())} NaN in {len(x)} rows; expected none."
        )
    return checks.log_probs(x, name, np)


def _numbered(groups: Any, n: int) -> np.ndarray:
    """The document of each of `n` positions, numbered from 0; it may be named by text."""
    groups = checks.array(on_host(groups), "groups", np)
    if groups.dtype.kind not in "US":
        groups = checks.integers(groups, "groups", np)
    if groups.shape != (n,):
        raise ShapeError(
            f"perplexity: log_prob is ({n},) = (n,), but groups is {groups.shape}; expected one "
            "document for each position."
        )
    return np.unique(groups, return_inverse=True)[1]
