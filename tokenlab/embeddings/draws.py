"""What word2vec and its kin draw, and which words they look at: windows, noise, falling rates."""

from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arrays import get_xp, to_numpy
from tokenlab.numerics import offsets_of

__all__: list[str] = []

LEAST, MOST, A_WORD = 1 << 16, 1 << 24, 32  # entries of a table, and for each word


def word_counts(ids: Any, offsets: Any, vocab: int) -> Any:
    """How often each word occurs, in texts that are looked at first."""
    xp = get_xp(ids, offsets)
    checks.offsets(offsets, "offsets", len(ids), xp, of="ids")
    checks.within(ids, "ids", vocab, "vocab")
    return np.bincount(to_numpy(ids), minlength=vocab).astype(np.float64)  # (vocab,)


def falling(rate: float, epoch: int, epochs: int, n: int) -> Any:
    """The rate at each place of an epoch: in a line to a ten-thousandth."""
    done = (epoch + np.arange(n) / max(n, 1)) / epochs
    return rate * np.maximum(1 - done, 1e-4)  # (n,)


def widths_of(n: int, window: int, rng: np.random.Generator, dynamic: bool = True) -> Any:
    """How far each place looks."""
    return rng.integers(1, window + 1, n) if dynamic else np.full(n, window)


def near_places(offsets: Any, widths: Any) -> tuple[Any, Any]:
    """Places of centres and of what is near them in the same text, in order."""
    xp = get_xp(offsets, widths)
    n = len(widths)
    place = xp.arange(n)
    text = xp.searchsorted(offsets, place, side="right")  # (n,)
    # Nobody looks beyond its text.
    first = xp.maximum(place - widths, offsets[text - 1])
    last = xp.minimum(place + widths + 1, offsets[text])
    many = last - first
    centre = xp.repeat(place, many.tolist())  # (n_near,)
    begin = offsets_of(many)[:-1]
    context = xp.arange(len(centre)) - begin[centre] + first[centre]
    other = centre != context
    return centre[other], context[other]  # each (n_pairs,)


def noise_table(noise: Any) -> Any:
    """Words, each as often as its share: to draw is to look up a place. Its size is a power of 2."""
    size = 1 << int(np.clip(A_WORD * len(noise), LEAST, MOST) - 1).bit_length()
    middle = (np.arange(size) + 0.5) / size
    # The last sum may be below 1 by rounding.
    found = np.searchsorted(np.cumsum(noise) / np.sum(noise), middle)
    return np.minimum(found, len(noise) - 1).astype(np.int32)  # (size,)


def drawn(table: Any, seed: int, n: int, k: int) -> Any:
    """k draws for each of n: the numbers from `seed` on, mixed, are places in the table."""
    number = np.arange(n * k, dtype=np.uint64) + np.uint64(seed)
    # splitmix64, by Sebastiano Vigna: neighbours get places that have nothing to do with each other.
    mixed = number * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    # The size is a power of 2, so that the last bits are a place.
    place = mixed & np.uint64(len(table) - 1)
    return to_numpy(table)[place].reshape(n, k).astype(np.int64)
