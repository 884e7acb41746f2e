r"""Cutting text into the chunks within which byte-pair encoding merges.

    splitter("gpt2")("Hello world, it's 2024")     # ['Hello', ' world', ',', ' it', "'s", ' 2024']
    splitter(r"\s*\S+|\s+")("any pattern")         # chunks join to the text
    random_whitespace(0.3, rng=0)                  # chunks of several words

The patterns of real tokenizers ask for Unicode categories, which the standard `re` does not know:
`\p{L}` becomes the ranges of those characters, and `\s` the 25 white-space characters of Unicode,
without the separators U+001C to U+001F that `re` adds. Categories are those of this Python: letters
that a later Unicode added count as none.
"""

import functools
import itertools
import re
import sys
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.errors import DTypeError, InvalidInput, public_caller
from tokenlab.tokenizers.stages import stages

__all__ = ["random_chunks", "random_lengths", "random_whitespace", "splitter"]

Splitter = Callable[[str], list[str]]

SPACES = "\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
SHORT = r"'(?:[sdmt]|ll|ve|re)"  # it's, we'll
ANY_CASE = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
UPPER, LOWER = r"\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}", r"\p{Ll}\p{Lm}\p{Lo}\p{M}"

PATTERNS = {
    "gpt2": SHORT + r"| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "cl100k": ANY_CASE
    + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "o200k": rf"[^\r\n\p{{L}}\p{{N}}]?[{UPPER}]*[{LOWER}]+{ANY_CASE}?"
    rf"|[^\r\n\p{{L}}\p{{N}}]?[{UPPER}]+[{LOWER}]*{ANY_CASE}?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    # Digits stand alone, and the text between them is cut as GPT-2 does.
    "smollm2": r"\p{N}|" + SHORT + r"| ?\p{L}+| ?[^\s\p{L}\p{N}]+|\s+(?![^\s\p{N}])|\s+",
    "whitespace": r"\s*\S+|\s+",
}
NAMES = (*PATTERNS, "none")

# One character below U+10000 for each category: beyond, look-ups in ranges are slow.
STANDS_FOR = {
    "Lu": "\u0100",
    "Ll": "\u0101",
    "Lt": "\u01c5",
    "Lm": "\u02b0",
    "Lo": "\u01bb",
    "Mn": "\u0300",
    "Mc": "\u0903",
    "Me": "\u0488",
    "Nd": "\u0660",
    "Nl": "\u2160",
    "No": "\xb2",
    "Sc": "\xa2",
    "Sk": "\xa8",
    "Sm": "\xac",
    "So": "\xa6",
    "Po": "\xa1",
    "Pd": "\u2010",
    "Cf": "\xad",
    "Co": "\ue000",
    "Cn": "\u0378",
}


def splitter(split: Any) -> Splitter:
    r"""A function from a text to its chunks, which join to the text.

    Parameters
    ----------
    split : str or callable
        `"gpt2"`, `"cl100k"`, `"o200k"`, `"smollm2"`, `"whitespace"` (words with the blanks before
        them), `"none"`; any other pattern in the language of `re` with `\p{L}` and the like; or a
        function, which is returned as it is.

    Raises
    ------
    InvalidInput
        An unknown name, or a pattern that does not compile.

    Examples
    --------
    >>> splitter("gpt2")("We'll see 42 birds!")
    ['We', "'ll", ' see', ' 42', ' birds', '!']
    """
    if callable(split):
        return split
    if isinstance(split, Mapping):  # the `pre_tokenizer` of a tokenizer.json
        return stages(split)
    if not isinstance(split, str):
        raise DTypeError(
            f"{public_caller()}: split is a {type(split).__name__}; expected a name, a pattern or "
            "a function."
        )
    if split == "none":  # merges may go everywhere
        return lambda text: [text] if text else []
    if split not in PATTERNS and split.isalnum():  # a word is a misspelt name, no pattern
        raise InvalidInput(
            f"{public_caller()}: split is {split!r}; expected one of {', '.join(NAMES)}, a pattern, "
            "or a function."
        )
    # a pattern with a name takes every character; another one may leave some between matches
    pattern = compiled(forwards(PATTERNS[split]) if split in PATTERNS else split)
    return functools.partial(chunks_of, pattern, whole=split in PATTERNS)


def forwards(pattern: str) -> str:
    """The same chunks without a way back: what follows a space cannot be that space."""
    # a word behind a space and one without are two branches: the first character tells which
    pattern = pattern.replace(r"| ?\p{L}+|", r"| \p{L}++|\p{L}++|")
    for part in (r"\p{L}", r"\p{N}", r"[^\s\p{L}\p{N}]"):
        pattern = pattern.replace(f" ?{part}+", f" ?+{part}++")  # possessive: nothing is given back
    return pattern


def chunks_of(pattern: re.Pattern[str], text: str, whole: bool = False) -> list[str]:
    """All matches, and what lies between them, which is nothing where the pattern takes all."""
    plain = below_astral(text)  # places in it are places in the text
    if not pattern.groups:
        found = pattern.findall(plain)
        if whole or sum(map(len, found)) == len(text):  # nothing lies between
            # chunks of a text with stand-ins have the right lengths, not the right letters
            if plain is not text:
                ends = [0, *itertools.accumulate(map(len, found))]
                return [text[a:b] for a, b in itertools.pairwise(ends) if a < b]
            return found if whole or "" not in found else [chunk for chunk in found if chunk]
    chunks, end = [], 0
    for match in pattern.finditer(plain):
        start, stop = match.span()  # what lies before a match is a chunk, too
        chunks += [text[end:start], text[start:stop]]
        end = stop
    return [chunk for chunk in (*chunks, text[end:]) if chunk]


def below_astral(text: str) -> str:
    """The text with a stand-in of the same category for each character beyond U+FFFF."""
    if text.isascii() or not has_astral(text):  # nearly every text
        return text
    return re.sub("[\U00010000-\U0010ffff]", stand_in, text)


def has_astral(text: str) -> bool:
    """Whether a character takes two units of UTF-16; to encode is quicker than to search."""
    if sys.getsizeof(text) < 4 * len(text):  # four bytes each, where one character needs them
        return False
    return len(text.encode("utf-16-le", "surrogatepass")) > 2 * len(text)


def stand_in(match: re.Match[str]) -> str:
    """A character of the same category."""
    return STANDS_FOR.get(unicodedata.category(match[0]), "\xa6")


@functools.cache
def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern for the standard `re`, with categories and white space written out."""
    parts, inside, i = [], False, 0
    while i < len(pattern):
        special = re.match(r"\\p\{(\w+)\}|\\[sS]|\\.", pattern[i:], re.DOTALL)
        piece = special[0] if special else pattern[i]
        if special and special[1]:  # a category
            parts.append(ranges(special[1]) if inside else f"[{ranges(special[1])}]")
        elif piece == "\\s":
            parts.append(SPACES if inside else f"[{SPACES}]")
        elif piece == "\\S" and not inside:
            parts.append(f"[^{SPACES}]")
        else:
            parts.append(piece)
            # within a class ranges need no brackets of their own
            inside = (inside or piece == "[") and piece != "]"
        i += len(piece)
    try:
        return re.compile("".join(parts))
    except re.error as error:
        raise InvalidInput(f"{public_caller()}: split does not compile ({error}).") from None


@functools.cache
def ranges(category: str) -> str:
    """The characters below U+10000 of a category, or of all that begin so, for a class of `re`."""
    table = categories()
    wanted = [name for name in set(table) if name.startswith(category)]
    if not wanted:
        raise InvalidInput(f"{public_caller()}: split asks for category {category!r}, unknown.")
    member = np.isin(np.array(table), wanted)  # (65536,) which characters belong to it
    # where runs of them begin and end
    edges = np.flatnonzero(np.diff(np.concatenate([[False], member, [False]]).astype(int)))
    pairs = edges.reshape(-1, 2).tolist()  # first character, and the one behind the last
    return "".join(f"\\u{low:04x}-\\u{high - 1:04x}" for low, high in pairs)


@functools.cache
def categories() -> list[str]:
    """The category of each character below U+10000."""
    return [unicodedata.category(chr(code)) for code in range(0x10000)]


# What the twin asks of each character, as bits.

KINDS = {
    "L": 1,
    "N": 2,
    "Lu": 8,
    "Lt": 8,
    "Lm": 8 + 16,  # neither upper nor lower: both
    "Lo": 8 + 16,
    "M": 8 + 16,
    "Ll": 16,
}


@functools.cache
def kinds_table(astral: bool) -> np.ndarray:
    """Of each code point: letter 1, number 2, white space 4, upper 8, lower 16; `(n_codes,)`."""
    codes = range(0x110000 if astral else 0x10000)
    bits = {name: KINDS.get(name[0], 0) | KINDS.get(name, 0) for name in STANDS_FOR}
    kinds = np.array([bits.get(unicodedata.category(chr(code)), 0) for code in codes], np.uint8)
    low = "".join(map(chr, range(0x3001)))  # the last white space is U+3000
    # these 25 have categories of separators and of control characters
    kinds[[ord(space) for space in re.findall(f"[{SPACES}]", low)]] = 4
    return kinds


# Chunks of chance: tokens that hold several words.


@takes(isolate="flag")
def random_whitespace(p: float = 0.3, rng: Any = None, *, isolate: bool = False) -> Splitter:
    """Cut before a word with probability `p`.

    Parameters
    ----------
    p : float
    rng : Generator, int or None
    isolate : bool
        Instead, each white-space character becomes a chunk of its own with probability `p`.

    Examples
    --------
    >>> random_whitespace(1.0)("to be or"), random_whitespace(0.0)("to be or")
    (['to', ' be', ' or'], ['to be or'])
    """
    p = checks.share(p, "p")
    draws = checks.generator(rng)
    pattern = compiled(r"\s" if isolate else PATTERNS["whitespace"])

    def split(text: str) -> list[str]:
        if not isolate:
            pieces = chunks_of(pattern, text)
            cuts = draws.random(len(pieces)) < p  # (n_pieces,) the first begins a chunk anyway
            chunks = pieces[:1]
            for piece, cut in zip(pieces[1:], cuts[1:], strict=True):
                # a new chunk, or the last one goes on
                chunks[-1:] = [chunks[-1], piece] if cut else [chunks[-1] + piece]
            return chunks
        chunks, end = [], 0
        for match in pattern.finditer(text):  # every blank by itself
            if draws.random() < p:
                chunks += [text[end : match.start()], match[0]]
                end = match.end()
        return [chunk for chunk in (*chunks, text[end:]) if chunk]

    return split


def random_lengths(lengths: Mapping[tuple[int, int], float], rng: Any = None) -> Splitter:
    """Cut anywhere: a range of lengths is drawn by its probability, then a length within it.

    Parameters
    ----------
    lengths : dict of (low, high) to probability
        In characters, both ends included; the probabilities sum to 1.
    rng : Generator, int or None

    Examples
    --------
    >>> random_lengths({(2, 2): 1.0})("abcde")
    ['ab', 'cd', 'e']
    """
    bins = [
        checks.pair(bounds, "lengths", "low, high") for bounds in checks.mapping(lengths, "lengths")
    ]
    draws = checks.generator(rng)
    shares = np.array([checks.not_negative(p, "lengths") for p in lengths.values()])  # (n_bins,)
    if not bins or abs(shares.sum() - 1) > 1e-9:
        raise InvalidInput(
            f"{public_caller()}: lengths has probabilities that sum to {shares.sum():.6g}; expected "
            "numbers of at least 0 that sum to 1."
        )
    if any(not 1 <= low <= high for low, high in bins):
        raise InvalidInput(f"{public_caller()}: lengths has a range that is not 1 <= low <= high.")

    def next_length(left: int) -> int:
        # a range by its probability
        low, high = bins[int(draws.choice(len(bins), p=shares / shares.sum()))]
        return int(draws.integers(low, high + 1))

    return lambda text: list(cut(text, next_length))


def random_chunks(low: int = 2, high: int = 5, rng: Any = None) -> Splitter:
    """Cut anywhere, every length from `low` to `high` alike; a short rest stays whole.

    Examples
    --------
    >>> random_chunks(3, 3)("abcdefg")
    ['abc', 'def', 'g']
    """
    low, high = checks.count(low, "low"), checks.count(high, "high")
    draws = checks.generator(rng)
    if low > high:
        raise InvalidInput(f"random_chunks: low is {low}, high {high}; expected low <= high.")

    def next_length(left: int) -> int:
        # a short rest is not cut again
        return left if left <= low else int(draws.integers(low, min(high, left) + 1))

    return lambda text: list(cut(text, next_length))


def cut(text: str, next_length: Callable[[int], int]) -> Iterator[str]:
    """Pieces of the lengths that are asked for, one after the other."""
    start = 0
    while start < len(text):
        stop = start + max(next_length(len(text) - start), 1)
        yield text[start:stop]
        start = stop
