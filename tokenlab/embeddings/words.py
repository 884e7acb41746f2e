"""Words and their vectors: files of other programs, and neighbours by name.

    words = load("vectors.vec")
    words.nearest("river", 5).words
    words.nearest(words.vector("king") - words.vector("man") + words.vector("woman"), 5)

`load` reads word2vec's text and binary files, fastText's `.vec` and GloVe's `.txt`.
"""

from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import to_numpy
from tokenlab.embeddings.word_files import Damaged, binary_words, looks_binary, text_words
from tokenlab.errors import InvalidInput, ShapeError, StorageError, public_caller
from tokenlab.numerics import topk, unit

__all__ = ["Neighbours", "Words", "load"]


class Neighbours(NamedTuple):
    """`words`, nearest first, and their `cosines (k,)` to what was asked for."""

    words: list[str]
    cosines: Any


class Words(NamedTuple):
    """Words, and a row of `x (n, d)` for each."""

    words: list[str]
    x: Any

    def vector(self, word: str) -> Any:
        """The row of a word, `(d,)`.

        Parameters
        ----------
        word : str
        """
        return self.x[self.row(word)]  # (d,)

    def rows(self, words: Any) -> Any:
        """The row numbers of several words, `(n,)` int64.

        Parameters
        ----------
        words : list of str
        """
        numbers = [self.row(word) for word in checks.texts(words, "words")]
        return np.array(numbers, dtype=np.int64)  # (n,)

    def row(self, word: str) -> int:
        """The row number of a word; one that is not there is an error, which quotes it.

        Parameters
        ----------
        word : str
        """
        checks.text(word, "word")
        # A search through the list: a dictionary would have to travel with the tuple.
        try:
            return self.words.index(word)
        except ValueError:
            raise InvalidInput(
                f"{public_caller()}: word is {word!r}, which is not among the {len(self.words)} "
                "words. Capitals and accents count; subwords.compose makes vectors of new words."
            ) from None

    @takes(k="count")
    def nearest(self, word: Any, k: int = 10) -> Neighbours:
        """The words whose vectors point most nearly where this one does.

        Parameters
        ----------
        word : str, or ndarray of shape (d,)
            A word, which is left out of the answer, or any vector of the same width, as that of
            a sense.
        k : int
            How many; of fewer, all.

        Returns
        -------
        Neighbours
            By cosine, best first; equal ones in the order of the words.

        Examples
        --------
        >>> words = Words(["east", "near", "north"], np.array([[1.0, 0.0], [0.9, 0.1], [0, 1.0]]))
        >>> words.nearest("east", 1).words
        ['near']
        """
        # -1 stands for a vector of the caller's: no row is left out then.
        own = self.row(word) if isinstance(word, str) else -1
        x = checks.finite(checks.floats(self.x, "x", np), "x", np)
        query = x[own] if own >= 0 else checks.finite(checks.floats(word, "word", np), "word", np)
        # The width of the question and the number of words must be those of the table.
        if x.ndim != 2 or len(x) != len(self.words) or query.shape != x.shape[1:]:
            raise ShapeError(
                f"Words.nearest: word is {query.shape} = (d,), x is {x.shape} = (n, d) for "
                f"{len(self.words)} words; expected the same d, and a row for each word."
            )
        # A cosine needs a direction; rows of zeros in the table are just far from everything.
        if not query.any():
            raise InvalidInput(
                "Words.nearest: word is a row of zeros; expected a vector with a direction."
            )
        # Products are added up alike for equal rows, so that ties are ties: no BLAS.
        cosines = np.einsum("nd,d->n", unit(x), unit(query))  # (n,)
        if own >= 0:
            cosines[own] = -np.inf  # the word itself goes last, and out
        # One more than asked for, since the word itself is dropped again.
        found = topk(cosines, min(k + (own >= 0), len(cosines)))
        kept = [int(i) for i in to_numpy(found.ids) if i != own][:k]
        return Neighbours([self.words[i] for i in kept], cosines[kept])


def load(path: Any) -> Words:
    """Words and vectors from a file: `.vec`, GloVe's `.txt`, word2vec's `.txt` and `.bin`.

    Only the ASCII space separates. The last d fields of a line are its numbers, and the rest is
    the word. A first line of two integers is a header where the next line has d + 1 fields.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    Words
        `x` is float32. Of a word that stands twice, the first vector is kept.

    Raises
    ------
    StorageError
        For a file that is cut, empty, or something else; with its path and the line.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "two.vec"
    ...     _ = path.write_text("2 3\\ncat 1 0 0.5\\ndog 0 1 0.5\\n")
    ...     load(path).words
    ['cat', 'dog']
    """
    # Whole: a line cannot be told from numbers that look like one before the end is known.
    try:
        with open(path, "rb") as file:
            data = file.read()
    except (OSError, TypeError, ValueError) as error:
        raise StorageError(f"load: path {path!r} cannot be read: {error}.") from None
    # What is wrong is found without the path, and said with it.
    try:
        words, x = binary_words(data) if looks_binary(data) else text_words(data)
    except Damaged as problem:
        raise StorageError(f"load: path {str(path)!r}: {problem}") from None
    # word2vec's own files have a few words twice, where their letters were cut off.
    first: dict[str, int] = {}
    for i, word in enumerate(words):
        first.setdefault(word, i)
    return Words(list(first), x if len(first) == len(words) else x[list(first.values())])
