"""The n-grams of words, and the rows of a table that these have. See `subwords`."""

from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.numerics import offsets_of

__all__ = ["bucket", "ngrams", "subword_ids", "unseen_ids"]

N_BUCKETS = 2_000_000
VARIANTS = ("paper", "official")


def ngrams(word: str, *, shortest: int = 3, longest: int = 6, variant: str = "paper") -> list[str]:
    """The n-grams of a word between `<` and `>`, by where they begin, then by length.

    Parameters
    ----------
    word : str
    shortest, longest : int
        In characters.
    variant : "paper" or "official"
        The paper leaves `<word>` itself out, since the word has a row of its own; the released
        code counts it as an n-gram where it is short enough, and drops a lone `<` or `>`.

    Returns
    -------
    list of str

    Examples
    --------
    >>> ngrams("where", shortest=3, longest=3)
    ['<wh', 'whe', 'her', 'ere', 're>']
    """
    checks.text(word, "word")
    checks.choice(variant, "variant", VARIANTS)
    checks.count(shortest, "shortest")
    if checks.count(longest, "longest") < shortest:
        raise InvalidInput(
            f"{public_caller()}: longest is {longest}, less than shortest, {shortest}."
        )
    # Beginning and end of a word are letters, too: "her" within a word is not "<her".
    marked = f"<{word}>"
    found = []
    for begin in range(len(marked)):
        for end in range(begin + shortest, min(begin + longest, len(marked)) + 1):
            alone = end - begin == 1 and (begin == 0 or end == len(marked))
            whole = end - begin == len(marked)
            # The paper's set has the word itself once; the code has no n-gram of one mark.
            if not (alone if variant == "official" else whole):
                found.append(marked[begin:end])
    return found


def bucket(ngram: str, n_buckets: int = N_BUCKETS) -> int:
    """Which row of the shared table an n-gram has: FNV-1a of its bytes, as fastText has it.

    Parameters
    ----------
    ngram : str
    n_buckets : int

    Returns
    -------
    int

    Examples
    --------
    >>> bucket("<wh")
    167652
    """
    checks.count(n_buckets, "n_buckets")
    number = 2166136261  # where FNV-1a begins, and its factor below
    for byte in checks.text(ngram, "ngram").encode():
        # A byte from 128 on is a negative number there, and fills the upper bits with ones.
        number ^= byte if byte < 128 else byte | 0xFFFFFF00
        # In 32 bits.
        number = number * 16777619 % (1 << 32)
    return number % n_buckets


def subword_ids(
    words: Any,
    *,
    n_buckets: int = N_BUCKETS,
    shortest: int = 3,
    longest: int = 6,
    variant: str = "paper",
) -> tuple[Any, Any]:
    """The rows of words: its own first, then `len(words)` plus the bucket of each n-gram.

    Parameters
    ----------
    words : list of str
        Word i has row i.
    n_buckets, shortest, longest : int
    variant : "paper" or "official"

    Returns
    -------
    (ids, offsets)
        Word w has `ids[offsets[w]:offsets[w + 1]]`.

    Examples
    --------
    >>> ids, offsets = subword_ids(["ab", "b"], n_buckets=7)
    >>> ids[offsets[1] : offsets[2]].tolist()  # "<b>" is the word itself
    [1]
    """
    words = checks.texts(words, "words")
    # A word's own row is its number, so that words without n-grams have a vector.
    own = [[i] for i in range(len(words))]
    form = {"n_buckets": n_buckets, "shortest": shortest, "longest": longest, "variant": variant}
    return rows_of_words(words, own, len(words), form)


def unseen_ids(
    words: Any,
    vocab: int,
    *,
    n_buckets: int = N_BUCKETS,
    shortest: int = 3,
    longest: int = 6,
    variant: str = "paper",
) -> tuple[Any, Any]:
    """The rows of words that have none of their own: `vocab` plus the bucket of each n-gram.

    Parameters
    ----------
    words : list of str
    vocab : int
        How many words had rows when the table was learned.
    n_buckets, shortest, longest : int
    variant : "paper" or "official"

    Returns
    -------
    (ids, offsets)

    Examples
    --------
    >>> ids, offsets = unseen_ids(["abc"], 4, n_buckets=7)
    >>> ids.tolist() == [4 + bucket(ngram, 7) for ngram in ngrams("abc")]
    True
    """
    words = checks.texts(words, "words")
    # Nothing of their own: what is known is their letters.
    form = {"n_buckets": n_buckets, "shortest": shortest, "longest": longest, "variant": variant}
    return rows_of_words(words, [[] for _ in words], checks.count(vocab, "vocab"), form)


def rows_of_words(
    words: list[str], own: list[list[int]], vocab: int, form: dict[str, Any]
) -> tuple[Any, Any]:
    """What each word has of its own, and its n-grams' rows behind the vocabulary."""
    n_buckets = checks.count(form["n_buckets"], "n_buckets")
    spelled = {name: form[name] for name in ("shortest", "longest", "variant")}
    places: dict[str, int] = {}  # an n-gram is hashed once
    for word, rows in zip(words, own, strict=True):
        for ngram in ngrams(word, **spelled):
            # Rows of n-grams stand behind those of words.
            if ngram not in places:
                places[ngram] = vocab + bucket(ngram, n_buckets)
            rows.append(places[ngram])
    # One list after the other, and where each begins.
    ids = np.array([row for rows in own for row in rows], dtype=np.int64)
    return ids, offsets_of(np.array([len(rows) for rows in own], dtype=np.int64))
