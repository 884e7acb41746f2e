"""Words as rows of characters, and who sees whom among them: for `word_pooled`."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.errors import InvalidInput

__all__ = [
    "Words",
    "attention_scores",
    "backbone_mask",
    "decoder_mask",
    "encoder_mask",
    "split_words",
]

END = 0


class Words(NamedTuple):
    """Words as characters."""

    ids: np.ndarray  # (t, c) int64: 1 for the first of the alphabet; 0 behind the last
    lengths: np.ndarray  # (t,)
    alphabet: str


@takes(text=checks.text)
def split_words(
    text: str, alphabet: str | Sequence[str] | None = None, *, max_chars: int | None = None
) -> Words:
    """The words of a text, between blanks, as numbers of characters.

    Parameters
    ----------
    text : str
    alphabet : str, optional
        By default the characters of the words, in the order of their code points.
    max_chars : int, optional
        Room for a word, by default that of the longest.

    Examples
    --------
    >>> split_words("to be").ids.tolist(), split_words("to be").alphabet
    ([[4, 3], [1, 2]], 'beot')
    """
    words = text.split()  # what blanks separate
    if not words:
        raise InvalidInput("split_words: text has no word; expected at least one.")
    letters = "".join(sorted(set("".join(words))))
    if alphabet is not None:
        letters = "".join(
            checks.texts(list(alphabet) if isinstance(alphabet, str) else alphabet, "alphabet")
        )
    number = {letter: i + 1 for i, letter in enumerate(letters)}
    longest = max(words, key=len)  # room is made for it
    room = len(longest) if max_chars is None else checks.count(max_chars, "max_chars")
    if len(longest) > room:
        raise InvalidInput(
            f"split_words: text has the word {longest!r} of {len(longest)} characters, more than "
            f"max_chars = {room}; expected shorter ones."
        )
    ids = np.full((len(words), room), END, dtype=np.int64)  # (t, c)
    for row, word in zip(ids, words, strict=True):
        unknown = [letter for letter in word if letter not in number]
        if unknown:
            raise InvalidInput(
                f"split_words: text has the character {unknown[0]!r}, which is not in alphabet; "
                "add it, or replace it."
            )
        row[: len(word)] = [number[letter] for letter in word]
    return Words(ids, np.array([len(word) for word in words], dtype=np.int64), letters)


# Who sees whom: True where a place (row) may look at another one (column).


@takes(lengths="... int")
def encoder_mask(lengths: Any, p: int, c: int, *, variant: str = "paper") -> Any:
    """Within each word: its CLS tokens and its characters, no padding.

    Parameters
    ----------
    lengths : ndarray of shape (...)
        Characters of each word.
    p, c : int
        CLS tokens, and room for characters.
    variant : "paper" or "official"
        In the official code only padding does not look at padding, and the first place of padding
        counts as a character.

    Returns
    -------
    ndarray of shape (..., p + c, p + c)

    Examples
    --------
    >>> encoder_mask([1], 1, 2)[0].astype(int).tolist()
    [[1, 1, 0], [1, 1, 0], [1, 1, 0]]
    """
    xp = get_xp(lengths)
    p = checks.count(p, "p")
    c = checks.count(c, "c")
    checks.choice(variant, "variant", ("paper", "official"))
    place = xp.arange(p + c)
    if variant == "official":
        padding = place > lengths[..., None] + p  # (..., p + c)
        return ~(padding[..., :, None] & padding[..., None, :])
    real = place < lengths[..., None] + p  # (..., p + c)
    # Padding looks at the word, too, so that its row is not empty; nobody looks at padding.
    return real[..., None, :] & (place >= 0)[:, None]


def backbone_mask(t: int, p: int, *, within: str = "causal") -> np.ndarray:
    """Among pooled vectors: earlier words, and of the own word those before, or all.

    Parameters
    ----------
    t, p : int
        Words, and vectors of each.
    within : "causal" or "full"

    Returns
    -------
    (t p, t p) bool

    Examples
    --------
    >>> backbone_mask(1, 2).astype(int).tolist(), bool(backbone_mask(1, 2, within="full").all())
    ([[1, 0], [1, 1]], True)
    """
    t = checks.count(t, "t")
    p = checks.count(p, "p")
    checks.choice(within, "within", ("causal", "full"))
    # its own number, or that of its word
    place = np.arange(t * p) if within == "causal" else np.arange(t * p) // p
    return place[:, None] >= place


def decoder_mask(p: int, c: int) -> np.ndarray:
    """Among the pooled vectors of a word and the characters of the next: those before.

    Examples
    --------
    >>> decoder_mask(1, 1).astype(int).tolist()
    [[1, 0], [1, 1]]
    """
    return backbone_mask(1, checks.count(p, "p") + checks.count(c, "c"))


def attention_scores(t: int, c: int, p: int) -> tuple[int, int]:
    """Scores that attention computes: among all characters, and here, (2).

    Examples
    --------
    >>> attention_scores(7, 5, 2)
    (1225, 882)
    """
    t = checks.count(t, "t")
    c = checks.count(c, "c")
    p = checks.count(p, "p")
    return (t * c) ** 2, (t * p) ** 2 + 2 * t * (p + c) ** 2  # Eq. (2)
