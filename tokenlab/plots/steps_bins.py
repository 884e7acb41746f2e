"""A long vector as bins that keep its extremes: every n-th value would miss the one that matters.

Of 4,096 probabilities one is 0.9; a sample of 400 shows an empty chart nine times of ten. So each
bin keeps the smallest and the largest of its values, and where the largest stands.
"""

from typing import NamedTuple

import numpy as np

__all__ = ["Bins", "binned", "seen"]


class Bins(NamedTuple):
    """Neighbours put together; the last bin may have fewer."""

    size: int  # of the vector
    width: int  # values in a bin
    low: np.ndarray  # (n_bins,) the smallest finite value, NaN where there is none
    high: np.ndarray  # (n_bins,) the largest; of booleans the share that is true
    top: np.ndarray  # (n_bins,) the position of the largest
    gaps: np.ndarray  # (n_bins,) True where a value is not finite

    @property
    def shown(self) -> range:
        """The first position of each bin."""
        return range(0, self.size, self.width)

    @property
    def note(self) -> str:
        """What is drawn: `"373 bins of 11, each with its min and max"`."""
        mask = self.low.dtype == bool
        return f"{self.brief}, " + (
            "the stronger the more are true" if mask else "each with its min and max"
        )

    @property
    def brief(self) -> str:
        """How many there are, and how large: `"373 bins of 11"`."""
        return f"{len(self.low)} bins of {self.width:,}"


def binned(array: np.ndarray, most: int) -> Bins | None:
    """At most so many bins of a vector of numbers or booleans; None where all values fit.

    Examples
    --------
    >>> bins = binned(np.array([0.0, 0.9, 0.1, 0.0, 0.0]), most=3)
    >>> bins.high.tolist(), bins.low.tolist(), bins.top.tolist()
    ([0.9, 0.1, 0.0], [0.0, 0.0, 0.0], [1, 2, 4])
    """
    size = array.size
    if size <= most:
        return None
    width = -(-size // most)
    n_bins = -(-size // width)
    flat = array.ravel()
    # The last bin is filled up with its last value, which changes neither of its extremes.
    grid = np.append(flat, np.repeat(flat[-1:], n_bins * width - size)).reshape(n_bins, width)
    first = np.arange(0, size, width)
    if array.dtype.kind == "b":
        share = grid.mean(axis=1)  # (n_bins,)
        return Bins(size, width, share == 1, share, first + grid.argmax(1), share < 0)
    if array.dtype.kind != "f":
        whole = np.zeros(n_bins, dtype=bool)
        return Bins(size, width, grid.min(1), grid.max(1), first + grid.argmax(1), whole)
    finite = np.isfinite(grid)
    some = finite.any(axis=1)
    large = np.where(finite, grid, -np.inf)
    low = np.where(some, np.where(finite, grid, np.inf).min(axis=1), np.nan)
    high = np.where(some, large.max(axis=1), np.nan)
    return Bins(size, width, low, high, first + large.argmax(axis=1), ~finite.all(axis=1))


def seen(share: np.ndarray) -> np.ndarray:
    """How dark a bin of a mask is: one that holds a single true among many can still be seen."""
    return np.where(share > 0, 0.35 + 0.65 * share, 0.0)
