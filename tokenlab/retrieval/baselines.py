r"""What token retrieval is compared with: one vector per text, and words alone.

Stephen Robertson, Hugo Zaragoza. The Probabilistic Relevance Framework: BM25 and Beyond. 2009.

| paper's symbol | name here | shape |
|---|---|---|
| $f_{w,d}$ | `frequency[d][w]` | |
| $n_w$ | `n_with[w]` | |

$$\mathrm{BM25}(q, d) = \sum_{w \in q} \ln\!\Big(1 + \frac{N - n_w + 0.5}{n_w + 0.5}\Big)
\cdot \frac{f_{w,d}\,(k_1 + 1)}{f_{w,d} + k_1 (1 - b + b\,|d| / \overline{|d|})}$$

Example
-------
    scores = bm25_scores("how do I copy a file?", answers)
    scores = pooled_scores(query, index)
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.numerics import segment_sum, unit
from tokenlab.retrieval.index import TokenIndex, checked_query
from tokenlab.steps import step

__all__ = ["BM25", "bm25_scores", "pooled_scores", "pooled_vectors"]


@takes(index=TokenIndex)
def pooled_vectors(index: TokenIndex) -> Any:
    """One unit vector per document, the mean of its tokens' direction; zeros for an empty one.

    Returns
    -------
    ndarray of shape (n_docs, d)

    Examples
    --------
    >>> index = TokenIndex.from_docs([[[1.0, 0.0], [1.0, 0.0]], [[0.0, 2.0]]])
    >>> pooled_vectors(index).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    # The sum has the direction of the mean.
    return unit(segment_sum(index.tokens, index.offsets))


def pooled_scores(query: Any, index: TokenIndex) -> Any:
    """Cosine of the pooled query with every pooled document.

    Parameters
    ----------
    query : ndarray of shape (n_q, d)
    index : TokenIndex

    Returns
    -------
    ndarray of shape (n_docs,)
        0 for an empty document.

    Examples
    --------
    >>> index = TokenIndex.from_docs([[[1.0, 0.0], [1.0, 0.0]], [[0.0, 2.0]]])
    >>> pooled_scores([[3.0, 4.0]], index).round(2).tolist()
    [0.6, 0.8]
    """
    query = checked_query(query, index)
    pooled_documents = step(pooled_vectors(index))  # (n_docs, d) one vector each
    pooled_query = step(unit(query.sum(axis=0)))  # (d,) one vector
    scores = step(pooled_documents @ pooled_query)  # (n_docs,) one cosine per document
    return scores


@takes(query=checks.text, docs=checks.texts, k1="not negative", b="share")
def bm25_scores(query: str, docs: Sequence[str], *, k1: float = 0.9, b: float = 0.4) -> np.ndarray:
    """Score texts by the words that they share with the query.

    Parameters
    ----------
    query : str
    docs : sequence of str
        The collection; its words are counted anew in every call; `BM25.fit` counts once.
    k1, b : float
        How soon repetition stops to count, and how much length is held against a document.

    Returns
    -------
    ndarray of shape (n_docs,)
        float64, 0 where no word is shared.

    Examples
    --------
    >>> bm25_scores("copy a file", ["how to copy", "a file, a file"]).round(2).tolist()
    [0.71, 1.78]
    """
    return BM25.fit(docs, k1=k1, b=b).scores(query)


class BM25(NamedTuple):
    """A collection whose words are counted: fit once, then score any number of queries.

    Attributes
    ----------
    gains : dict of str to (ndarray, ndarray)
        For each word the documents that hold it, and what it adds to their scores.
    n_docs : int

    Examples
    --------
    >>> bm25 = BM25.fit(["how to copy", "a file, a file"])
    >>> bm25.scores("copy a file").round(2).tolist()
    [0.71, 1.78]
    """

    gains: dict[str, tuple[np.ndarray, np.ndarray]]
    n_docs: int

    @classmethod
    @takes(docs=checks.texts, k1="not negative", b="share")
    def fit(cls, docs: Sequence[str], *, k1: float = 0.9, b: float = 0.4) -> "BM25":
        """Count the words of a collection; `k1` and `b` as in `bm25_scores`."""
        frequency = [Counter(words(doc)) for doc in docs]
        length = np.array([counts.total() for counts in frequency], dtype=float)  # (n_docs,)
        # What f is held against: more for a text that is longer than most.
        norm = k1 * (1 - b + b * length / max(1e-9, length.sum() / max(1, len(docs))))
        where: dict[str, list[int]] = {}  # the documents of each word
        for doc, counts in enumerate(frequency):
            for word in counts:
                where.setdefault(word, []).append(doc)
        gains = {}
        for word, found in where.items():
            f = np.array([frequency[doc][word] for doc in found], dtype=float)  # (n_with,)
            idf = math.log(1 + (len(docs) - len(found) + 0.5) / (len(found) + 0.5))
            gains[word] = np.array(found), idf * f * (k1 + 1) / (f + norm[found])
        return cls(gains, len(docs))

    @takes(query=checks.text)
    def scores(self, query: str) -> np.ndarray:
        """One number per document, float64 `(n_docs,)`: the sum over the words of the query."""
        scores = np.zeros(self.n_docs)
        for word in words(query):
            if word in self.gains:
                docs, gain = self.gains[word]
                scores[docs] += gain  # a document stands there once
        return scores


def words(text: str) -> list[str]:
    """Runs of letters, digits and underscores, in lower case."""
    return re.findall(r"\w+", text.lower())


NOTES = r"""
Differs from the paper
----------------------
- The logarithm has the usual 1 added, so that a word in most documents never counts against one.
- Words are runs of letters and digits in lower case; no stemming, no stop words.

Cost
----
One product of a vector with the pooled matrix; to score with words, one look-up per query
word and one addition per document that holds it, once `BM25.fit` has counted them.
"""
