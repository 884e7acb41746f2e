"""GloVe's vectors for the commonest words inside the package, and lists to measure a bias by.

Where they come from, and under which licence, is told in `SOURCES.md`.
"""

import json
import lzma
from functools import cache
from importlib.resources import as_file, files
from typing import Any

import numpy as np

from tokenlab.embeddings.words import Words

__all__ = ["load_glove", "load_word_lists"]


def load_glove() -> Words:
    """Vectors of 20,000 common words of English and of all words in the lists below.

    Trained on Wikipedia and news by GloVe's authors; here each number has 8 bits.

    Returns
    -------
    Words
        `words`, most frequent first, and `x`, float32 of 50 columns.

    Examples
    --------
    >>> glove = load_glove()
    >>> glove.x.shape
    (20190, 50)
    >>> glove.nearest("river", 3).words
    ['rivers', 'creek', 'tributary']
    """
    words, x = unpacked()
    return Words(list(words), x.copy())


def load_word_lists() -> dict[str, Any]:
    """Lists of words, all of which have a vector in `load_glove()`.

    Returns
    -------
    dict of lists
        `gender_pairs` and `equalize_pairs`, lists of pairs, the feminine word first;
        `gender_specific` and `occupations`; and `weat_...`, targets and attributes of the
        Word-Embedding Association Test.

    Examples
    --------
    >>> lists = load_word_lists()
    >>> lists["gender_pairs"][:2], lists["weat_career"][:2]
    ([['she', 'he'], ['her', 'his']], ['executive', 'management'])
    """
    return json.loads((files("tokenlab.data") / "words" / "lists.json").read_bytes())


@cache
def unpacked() -> tuple[list[str], np.ndarray]:
    """The words and their vectors, read once."""
    folder = files("tokenlab.data") / "words"
    words = lzma.decompress((folder / "glove.txt.xz").read_bytes()).decode().split("\n")
    with as_file(folder / "glove.npz") as path, np.load(path) as stored:
        x = stored["codes"] * stored["scales"].astype(np.float32)[:, None]  # (n, 50)
    return words, x
