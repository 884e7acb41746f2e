"""Which tokens are masked: whole words in random order, while they fit."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arrays import get_xp
from tokenlab.errors import InvalidInput, ShapeError, public_caller

__all__ = ["decoder_mask", "encoder_mask"]


def encoder_mask(
    n: int,
    share: float = 0.3,
    *,
    words: Any = None,
    protect: Sequence[int] = (),
    rng: Any = None,
) -> np.ndarray:
    """Which tokens the encoder does not see.

    Parameters
    ----------
    n : int
        Tokens.
    share : float
        0 masks nothing; otherwise at most `max(1, round(share * n))` are masked.
    words : sequence of int, (n,), optional
        The number of each token's word; a word is masked as a whole, by default each token.
    protect : sequence of int
        Positions that stay; negative ones count from the end.
    rng : numpy.random.Generator, int or None

    Returns
    -------
    ndarray of shape (n,)
        bool, True for masked.

    Raises
    ------
    ShapeError, InvalidInput
        A share outside 0 to 1, another number of words, positions that are not there.

    Examples
    --------
    >>> encoder_mask(6, 0.5, words=[0, 1, 1, 1, 2, 2], protect=[0], rng=0).tolist()
    [False, True, True, True, False, False]
    """
    n = checks.count(n, "n")
    share = checks.share(share, "share")
    free = np.ones(n, bool)  # (n,), may be masked
    for place in checks.sequence(protect, "protect"):
        if not -n <= checks.integer(place, "protect") < n:
            raise InvalidInput(f"{public_caller()}: protect has {place}; expected {-n} to {n - 1}.")
        free[place] = False
    room = max(1, round(share * n)) if share else 0  # one token at least, or nothing to learn
    return some_words(numbered(words, n), free, room, checks.generator(rng))


def decoder_mask(n: int, share: float = 0.5, *, words: Any = None, rng: Any = None) -> np.ndarray:
    """What each position of the decoder sees: its own sample of the words, never itself.

    Parameters
    ----------
    n : int
    share : float
        So much of the text, `round(share * n)` tokens, is hidden from each position, and itself.
    words : sequence of int, (n,), optional
        As in `encoder_mask`.
    rng : numpy.random.Generator, int or None

    Returns
    -------
    ndarray of shape (n, n)
        bool, True for visible. The first column, the first token's state, always is.

    Examples
    --------
    >>> decoder_mask(3, 0.0).astype(int).tolist()
    [[1, 1, 1], [1, 0, 1], [1, 1, 0]]
    """
    n = checks.count(n, "n")
    share = checks.share(share, "share")
    words = numbered(words, n)  # (n,)
    rng = checks.generator(rng)  # one for all rows, each of which draws its own sample
    free = np.arange(n) > 0  # (n,), all but the first token's state
    hidden = np.stack([some_words(words, free, round(share * n), rng) for _ in range(n)])
    visible = ~(hidden | np.eye(n, dtype=bool))  # row i hides i
    visible[:, 0] = True  # the state that is to hold the text
    return visible


def ordinary(ids: Any, special: Sequence[int]) -> Any:
    """True for tokens that are words."""
    xp = get_xp(ids)
    special = [checks.whole(token, "special") for token in checks.sequence(special, "special")]
    return ~xp.isin(ids, xp.asarray(special, dtype=ids.dtype))


def numbered(words: Any, n: int) -> np.ndarray:
    """The number of each token's word."""
    if words is None:
        return np.arange(n)
    words = checks.integers(words, "words", np)
    if words.shape != (n,):
        raise ShapeError(f"{public_caller()}: words are {words.shape}; expected ({n},) = (n,).")
    return words


def some_words(words: np.ndarray, free: np.ndarray, room: int, rng: Any) -> np.ndarray:
    """Free words in random order, each as a whole, those that still fit into `room` tokens."""
    chosen = np.zeros(len(words), bool)
    for word in rng.permutation(np.unique(words[free])):
        tokens = free & (words == word)  # (n,)
        # A word that is too long is passed over, and a shorter one may fit.
        if chosen.sum() + tokens.sum() <= room:
            chosen |= tokens
    return chosen
