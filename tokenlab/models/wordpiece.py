"""WordPiece as BERT's uncased models use it: words in lower case without accents, in longest pieces.

    pieces = WordPiece.load("vocab.txt").encode("How do I copy an object?")
    pieces.tokens                       # ['[CLS]', 'how', 'do', 'i', 'copy', ...]
    text[pieces.starts[4] : pieces.ends[4]]                  # 'copy', as the text has it

A text is cleaned, cut into words at blanks, and every mark of punctuation and every Chinese
character is a word of its own; then each word is taken from the left, the longest piece of the
vocabulary first, and pieces that go on begin with `##`. A word without such pieces, or of more than
100 characters, is one `[UNK]`. Marks such as `[SEP]` that somebody typed are text.
"""

import functools
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.errors import DTypeError, InvalidInput, StorageError, public_caller
from tokenlab.tokenizers.text import checked_text

__all__ = ["Pieces", "WordPiece"]

LONGEST = 100  # characters of a word that is looked at
KNOWN = 1 << 17  # runs whose pieces are remembered
RUNS = re.compile(r"[^ \t\n\r]+")  # no word goes on behind one of these blanks
CHINESE = (
    *((0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F)),
    *((0x2B740, 0x2B81F), (0x2B920, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F)),
)
SIGNS = frozenset("$+<=>^`|~")  # of ASCII: punctuation for BERT, though Unicode says otherwise
Word = tuple[str, list[int], list[int]]  # letters, and the place of the text each begins and ends


class Pieces(NamedTuple):
    """The pieces of a text.

    Attributes
    ----------
    ids : ndarray of shape (n,)
    tokens : list of str
    starts, ends : ndarray of shape (n,)
        Characters of the given text, -1 for marks.
    dropped : int
        Pieces that `max_tokens` cut off.
    """

    ids: np.ndarray
    tokens: list[str]
    starts: np.ndarray
    ends: np.ndarray
    dropped: int


class WordPiece:
    """A vocabulary of pieces; the id of a piece is its place.

    Examples
    --------
    >>> pieces = WordPiece(["[CLS]", "[SEP]", "[UNK]", "im", "##mut", "##able", "!"])
    >>> pieces.encode("Immutable!").tokens
    ['[CLS]', 'im', '##mut', '##able', '!', '[SEP]']
    >>> pieces.encode("Immutable!").starts.tolist()
    [-1, 0, 2, 5, 9, -1]
    """

    def __init__(self, tokens: Sequence[str]):
        self.tokens = list(tokens)
        self.id_of = {token: i for i, token in enumerate(self.tokens)}
        missing = [mark for mark in ("[CLS]", "[SEP]", "[UNK]") if mark not in self.id_of]
        if missing:
            raise InvalidInput(f"WordPiece: tokens has no {missing[0]}, which every text needs.")
        # Texts repeat their words: what stands between two blanks is cut once, then looked up.
        self._known: dict[str, tuple[list[int], list[int], list[int]]] = {}

    @classmethod
    def load(cls, path: str | Path) -> "WordPiece":
        """Read `vocab.txt`, a piece a line; `path` is the file, or its folder."""
        path = Path(path)
        path = path / "vocab.txt" if path.is_dir() else path
        try:
            text = path.read_bytes().decode("utf-8")
        except (OSError, ValueError) as error:
            raise StorageError(f"WordPiece.load: {path} cannot be read ({error}).") from None
        try:
            # Lines end with a newline alone: other blanks may be pieces.
            return cls(text.removesuffix("\n").split("\n"))
        except InvalidInput as error:
            raise StorageError(f"WordPiece.load: {path} is no vocabulary: {error}") from None

    @property
    def vocab(self) -> int:
        """How many pieces there are."""
        return len(self.tokens)

    def encode(self, text: str, *, max_tokens: int | None = None) -> Pieces:
        """The pieces of a text between `[CLS]` and `[SEP]`.

        Parameters
        ----------
        text : str
        max_tokens : int, optional
            At most so many pieces, at least 2; both marks count.

        Returns
        -------
        Pieces
        """
        # Two marks stand around every text, and count.
        ids, starts, ends = self.plain(text)
        most = len(ids) + 2
        if max_tokens is not None:
            most = checks.count(max_tokens, "max_tokens", at_least=2)
        dropped = max(len(ids) + 2 - most, 0)
        return self.framed(ids[: most - 2], starts[: most - 2], ends[: most - 2], dropped)

    @takes(ids=checks.sequence, starts=checks.sequence, ends=checks.sequence, dropped="whole")
    def framed(self, ids: list[int], starts: list[int], ends: list[int], dropped: int) -> Pieces:
        """The pieces with both marks around them."""
        given = checks.integers(ids, "ids", np)
        checks.within(given, "ids", len(self.tokens), "vocab")
        starts = checks.integers(starts, "starts", np).ravel().tolist()
        ends = checks.integers(ends, "ends", np).ravel().tolist()
        whole = [self.id_of["[CLS]"], *given.ravel().tolist(), self.id_of["[SEP]"]]
        return Pieces(
            np.array(whole, np.int64),
            [self.tokens[i] for i in whole],
            np.array([-1, *starts, -1], np.int64),
            np.array([-1, *ends, -1], np.int64),
            dropped,
        )

    def plain(self, text: Any) -> tuple[list[int], list[int], list[int]]:
        """Ids, starts and ends without marks."""
        if not isinstance(text, str):
            what = "Decode it first: text.decode()." if isinstance(text, bytes) else ""
            raise DTypeError(
                f"{public_caller()}: text is a {type(text).__name__}; expected a str. {what}"
            )
        ids: list[int] = []
        starts: list[int] = []
        ends: list[int] = []
        for run in RUNS.finditer(checked_text(text)):
            pieces, first, last = self._run(run.group())
            ids += pieces
            starts += [run.start() + i for i in first]
            ends += [run.start() + i for i in last]
        return ids, starts, ends

    def _run(self, run: str) -> tuple[list[int], list[int], list[int]]:
        """Ids, starts and ends of a run of characters between blanks."""
        found = self._known.get(run)
        if found is not None:
            return found
        found = ([], [], [])
        for letters, first, last in words(run):
            pieces, cuts = self._pieces(letters)
            found[0].extend(pieces)
            # Places of the text as it was given, not as it was cleaned; an end is one behind.
            found[1].extend(first[c] for c in cuts[:-1])
            found[2].extend(last[c - 1] for c in cuts[1:])
        if len(self._known) < KNOWN and len(run) <= LONGEST:
            self._known[run] = found
        return found

    def _pieces(self, word: str) -> tuple[list[int], list[int]]:
        """The longest piece that fits, again and again: ids, and where each begins and the end."""
        ids: list[int] = []
        cuts = [0]
        whole = ([self.id_of["[UNK]"]], [0, len(word)])
        while cuts[-1] < len(word) <= LONGEST:
            prefix = "##" if cuts[-1] else ""  # a piece that does not begin its word
            # Longest first, so the first one that the vocabulary has is taken.
            for end in range(len(word), cuts[-1], -1):
                piece = self.id_of.get(prefix + word[cuts[-1] : end])
                if piece is not None:
                    ids.append(piece)
                    cuts.append(end)
                    break
            else:
                break  # no piece fits here, so the whole word is unknown
        return (ids, cuts) if cuts[-1] == len(word) else whole


def words(text: str) -> list[Word]:
    """The words of a text: letters, and for each the place of the text where it begins and ends."""
    found: list[Word] = []
    letters: list[str] = []
    first: list[int] = []
    for i, character in enumerate(text):
        kind, plain = reading(character)
        if kind == "letter":
            letters.append(plain)  # one character may become several letters, or lose an accent
            first += [i] * len(plain)
        elif kind != "nothing":
            if letters:
                found.append(word_of(letters, first))
                letters, first = [], []
            if kind == "alone":  # a sign, or a Chinese character, is a word of its own
                found += [(sign, [i], [i + 1]) for sign in plain]
    if letters:
        found.append(word_of(letters, first))
    return found


def word_of(letters: list[str], first: list[int]) -> Word:
    """A word from what its characters became; a letter ends where its character does."""
    return "".join(letters), first, [i + 1 for i in first]  # as many of each as letters


@functools.lru_cache(1 << 14)
def reading(character: str) -> tuple[str, str]:
    """What a character is ("letter", "alone", "blank", "nothing"), and what it becomes."""
    # Kinds of Unicode: Z blanks, Cc controls, Cf formats, Co private, Cs lone surrogates.
    code, kind = ord(character), unicodedata.category(character)
    if character in "\t\n\r" or kind in ("Zs", "Zl", "Zp"):
        return "blank", ""
    if code in (0, 0xFFFD) or kind in ("Cc", "Cf", "Co", "Cs"):
        return "nothing", ""
    if any(low <= code <= high for low, high in CHINESE):
        return "alone", unicodedata.normalize("NFD", character)
    # Accents fall off before the letters become small ones: 'É' is 'E' and an accent.
    bare = unicodedata.normalize("NFD", character)
    bare = "".join(c for c in bare if unicodedata.category(c) != "Mn")
    small = "".join(c.lower() for c in bare)  # 'İ' is 'I' and a dot, then 'i'
    if not small:
        return "nothing", ""
    if len(small) == 1 and punctuation(small):
        return "alone", small
    return "letter", small


def punctuation(character: str) -> bool:
    """Whether BERT takes it for a mark that stands alone."""
    return character in SIGNS or unicodedata.category(character).startswith("P")
