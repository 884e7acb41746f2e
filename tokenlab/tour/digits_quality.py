"""How good drawn digits are, in four numbers: no single one of them tells.

- recognised: the share whose label most of the 3 nearest training digits have,
- Fréchet distance between normal densities of the pixels, drawn against test digits,
- nearest: the median distance to the nearest training digit, over that of the test digits: far
  below 1 is copied, far above 1 is blurred or broken,
- coverage: the share of test digits that have a drawn one near.

A normal density for each class is the measure for all that is learned: it needs no training.
"""

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from tokenlab.data import load_digits
from tokenlab.tour.digits_memory import as_tokens, split

__all__ = [
    "Quality",
    "class_gaussian",
    "frechet",
    "interval",
    "of_gaussian",
    "quality",
    "real",
    "recognised",
    "votes",
]


class Quality(NamedTuple):
    """Recognised (1 is best), Fréchet distance (0), nearest (1), coverage (1)."""

    recognised: float
    frechet: float
    nearest: float
    coverage: float


def quality(tokens: Any, labels: Any) -> Quality:
    """The four numbers of drawn digits, `tokens (b, 16, 4)`, that should be of these labels.

    Coverage grows with the number of pictures: compare equal numbers, here 500.
    """
    tokens = np.asarray(tokens, np.float64).clip(0, 1)  # no ink is lighter than paper
    drawn = tokens.reshape(len(tokens), -1)  # (b, 64)
    test = _pixels(1)
    near, reach = _real_distances()
    gaps = _distances(drawn, _pixels(0)).min(axis=1)  # (b,) to the nearest training digit
    covered = _distances(test, drawn).min(axis=1) < reach
    return Quality(
        recognised(tokens, labels),
        frechet(drawn, test),
        float(np.median(gaps) / near),
        float(covered.mean()),
    )


def recognised(tokens: Any, labels: Any) -> float:
    """The share of pictures whose 3 nearest training digits mostly have their label."""
    return float((votes(tokens) == np.asarray(labels)).mean())


def votes(tokens: Any) -> np.ndarray:
    """What most of the 3 nearest training digits are, for each picture."""
    drawn = np.asarray(tokens, np.float64).reshape(len(tokens), -1)
    gaps = _distances(drawn, _pixels(0))  # (b, n_train)
    nearest = load_digits().labels[split()[0]][gaps.argsort(axis=1, kind="stable")[:, :3]]
    return np.eye(10)[nearest].sum(axis=1).argmax(axis=1)


def interval(share: float, n: int) -> float:
    """Half the width of a 95 % interval of a share that was found among n."""
    return 1.96 * (share * (1 - share) / n) ** 0.5


def frechet(x: np.ndarray, y: np.ndarray) -> float:
    """Between the normal densities of two sets of rows: |m - m'|² + tr(S + S' - 2 (S S')^(1/2))."""
    gap = x.mean(axis=0) - y.mean(axis=0)
    s, other = (np.atleast_2d(np.cov(rows.T)) for rows in (x, y))
    # The trace of the root of a product is that of the root of R S' R, which is symmetric.
    root = _root(s)
    cross = np.sqrt(np.linalg.eigvalsh(root @ other @ root).clip(0)).sum()
    return float(gap @ gap + np.trace(s) + np.trace(other) - 2 * cross)


def real() -> Quality:
    """The test digits themselves, against the training digits where they would meet themselves."""
    test = _pixels(1)
    known = recognised(test, load_digits().labels[split()[1]])
    return Quality(known, frechet(_pixels(0), test), 1.0, 1.0)


def class_gaussian(labels: Any, rng: Any = None) -> np.ndarray:
    """Digits drawn from one normal density of the pixels for each class, (b, 16, 4)."""
    rng = np.random.default_rng(rng)
    labels = np.asarray(labels)
    train = _pixels(0)
    known = load_digits().labels[split()[0]]
    drawn = np.empty((len(labels), train.shape[1]))
    for label in np.unique(labels):
        mine = train[known == label]
        wanted = labels == label
        noise = rng.standard_normal((int(wanted.sum()), train.shape[1]))
        drawn[wanted] = mine.mean(axis=0) + noise @ _root(np.cov(mine.T))
    return drawn.reshape(len(labels), 16, 4)


def of_gaussian(labels: Any, rng: Any = 0) -> Quality:
    """The four numbers of digits drawn by `class_gaussian`."""
    return quality(class_gaussian(labels, rng), labels)


def _root(s: np.ndarray) -> np.ndarray:
    """The symmetric square root of a covariance."""
    values, vectors = np.linalg.eigh(s)
    return (vectors * np.sqrt(values.clip(0))) @ vectors.T


@cache
def _pixels(half: int) -> np.ndarray:
    """Training (0) or test digits (1) as rows of 64 pixels, in the order of their tokens."""
    return as_tokens(load_digits().images[split()[half]]).reshape(-1, 64).astype(np.float64)


@cache
def _real_distances() -> tuple[float, float]:
    """Of test digits to the nearest training digit: the median, and what 90 % stay below."""
    gaps = _distances(_pixels(1), _pixels(0)).min(axis=1)
    return float(np.median(gaps)), float(np.quantile(gaps, 0.9))


def _distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Between all rows, (n, m)."""
    square = (x * x).sum(axis=1)[:, None] - 2 * x @ y.T + (y * y).sum(axis=1)
    return np.sqrt(square.clip(0))
