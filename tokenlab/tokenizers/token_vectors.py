"""Vectors of tokens: from words that contain them, from neighbours in a text; and one space for two.

old = word_space(tokenizer, words, vectors @ procrustes(theirs, ours))
auxiliary = ppmi_vectors(tokenizer.encode(text), tokenizer.vocab, d=100)
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, to_numpy
from tokenlab.embeddings.word_vectors import cooccurrence, ppmi_svd
from tokenlab.errors import ShapeError

__all__ = ["ppmi_vectors", "procrustes", "word_space"]


@takes(a="n d", b="n d")
def procrustes(a: Any, b: Any) -> Any:
    r"""The rotation $R$ that brings the rows of `a` nearest to those of `b`: $a R \approx b$.

    Parameters
    ----------
    a, b : ndarray of shape (n, d)
        Pairs of vectors, as of the words of a dictionary.

    Returns
    -------
    ndarray of shape (d, d)

    Examples
    --------
    >>> procrustes([[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [-1.0, 0.0]]).round(6).tolist()
    [[0.0, 1.0], [-1.0, 0.0]]
    """
    xp = get_xp(a, b)
    u, _, vt = xp.linalg.svd(a.T @ b)  # (d, d)
    return u @ vt  # [R = U Vᵀ] a rotation, perhaps with a mirror


@takes(vectors="n_words d_w")
def word_space(
    tokenizer: Any, words: Sequence[str], vectors: Any, counts: Any = None
) -> np.ndarray:
    """A vector for each token: the mean of the words that contain it, weighted by their counts.

    Parameters
    ----------
    tokenizer : tokenizer
    words : sequence of str
    vectors : (n_words, d_w) floats
    counts : sequence of float, optional
        How often each word occurs; by default all alike.

    Returns
    -------
    (vocab, d_w) float64; zeros for a token that is in no word.
    """
    rows = to_numpy(vectors).astype(np.float64)
    weights = np.ones(len(words)) if counts is None else np.asarray(counts, dtype=np.float64)
    if len(words) != len(rows) or len(weights) != len(rows):
        raise ShapeError(
            f"word_space: words has {len(words)} entries, counts {len(weights)}, vectors "
            f"{len(rows)} rows; expected one of each for every word."
        )
    total = np.zeros((len(tokenizer.tokens), rows.shape[1]))  # (vocab, d_w)
    mass = np.zeros(len(tokenizer.tokens))
    for word, vector, weight in zip(words, rows, weights, strict=True):
        # With and without the space that stands before a word within a text.
        ids = {*tokenizer.encode(word).tolist(), *tokenizer.encode(" " + word).tolist()}
        for i in ids:
            total[i] += weight * vector
            mass[i] += weight
    return total / np.where(mass > 0, mass, 1)[:, None]


@takes(ids="n int")
def ppmi_vectors(ids: Any, vocab: int, d: int = 100, *, window: int = 5) -> np.ndarray:
    r"""Vectors of tokens from what stands near them: $U \sqrt S$ of positive pointwise information.

    Parameters
    ----------
    ids : (n,) int
        A text in tokens.
    vocab, d : int
        How many tokens there are, how many numbers each gets.
    window : int
        How far a neighbour may be.

    Returns
    -------
    (vocab, d) float64; zeros for a token that does not occur.
    """
    vocab = checks.count(vocab, "vocab")
    d = checks.count(d, "d", at_most=vocab)
    window = checks.count(window, "window")
    text = to_numpy(ids)
    checks.within(text, "ids", vocab, "vocab")
    # A vocabulary of 50,000 has pairs enough to fill the memory: only what occurs is counted.
    there, places = np.unique(text, return_inverse=True)  # (n_there,), (n,)
    out = np.zeros((vocab, d))
    if len(there):
        counts = cooccurrence(places, [0, len(text)], len(there), window=window)
        axes = min(d, len(there))
        out[there, :axes] = ppmi_svd(counts, axes, power=1.0)[0]
    return out
