r"""ColBERT: Efficient and Effective Passage Search via Contextualized Late Interaction over BERT.

Omar Khattab, Matei Zaharia. SIGIR 2020. arXiv:2004.12832

One vector per text must say everything at once. ColBERT keeps one vector per token and lets query
and document meet late: each query token looks for its best match among the document's tokens, and
the document's score is the sum of those best matches (MaxSim).

| paper's symbol | name here | shape |
|---|---|---|
| $E_q$ | `query` | `(n_q, d)` |
| $E_d$ of all documents | `index.tokens` | `(n_tokens, d)` |
| $S_{q,d}$ | `scores` | `(n_docs,)` |

Equations, with $P$ as in the XTR paper (arXiv:2304.01982), which restates ColBERT as its Eq. (1):

$$P = D\,Q^\top, \qquad S_{q,d} = \sum_{i=1}^{n_q} \max_{j \in d} P_{ji} \qquad (\text{Eq. } 3),$$
$$f_{\mathrm{ColBERT}}(Q, D) = \frac{1}{n_q} \sum_{i=1}^{n_q} \max_{j \in d} P_{ji}
\qquad (\text{XTR, Eq. } 1; \texttt{mean=True}).$$

Example
-------
    index = TokenIndex.from_docs(list_of_token_matrices)
    scores = maxsim(query, index)
    explanation = alignment(query, index.doc(int(scores.argmax())))
"""

from typing import Any, NamedTuple

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.engine import accelerated
from tokenlab.numerics import offsets_of, segment_max, segment_sum, topk
from tokenlab.retrieval.index import SearchResult, TokenIndex, by_documents, checked_query
from tokenlab.steps import step

__all__ = ["Alignment", "alignment", "maxsim", "maxsim_search"]


class Alignment(NamedTuple):
    """For each query token, the document token that it matches best."""

    tokens: Any
    similarities: Any


@accelerated(
    "retrieval.maxsim_scores", work=lambda q, _, tokens, __: q.size * len(tokens), pays_from=5e6
)
@by_documents
def maxsim_scores(query: Any, query_offsets: Any, tokens: Any, offsets: Any) -> Any:
    """MaxSim of several stacked queries; query r owns the rows from `query_offsets[r]` on."""
    similarity = step(tokens @ query.T)  # (n_tokens, n_q) [P = D Qᵀ] tokens with query tokens
    best_match = step(segment_max(similarity, offsets))  # (n_docs, n_q) [max over j in d of Pⱼᵢ]
    return segment_sum(best_match.T, query_offsets)  # Eq. (3), (n_queries, n_docs)


def maxsim(query: Any, index: TokenIndex, *, mean: bool = False) -> Any:
    r"""Score every document by the best match of each query token, Eq. (3).

    Parameters
    ----------
    query : ndarray of shape (n_q, d), or a list of such matrices
        Token vectors of one query, or of several, which share one pass over the index.
    index : TokenIndex
        The collection.
    mean : bool
        Divide by `n_q`, as in Eq. (1) of the XTR paper; the ranking is the same.

    Returns
    -------
    ndarray of shape (n_docs,), or (n_queries, n_docs) for a list
        An empty document scores `-inf`. float32 unless query or index are float64.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        For a query without tokens, of another width, with NaN, or of another array library.

    Examples
    --------
    >>> docs = [[[0.9, 0.1], [0.2, 0.7]], [[0.8, 0.3]], [[0.1, 0.6], [0.0, 0.5]]]
    >>> index = TokenIndex.from_docs(docs)
    >>> maxsim([[1.0, 0.0], [0.0, 1.0]], index, mean=True).round(2).tolist()
    [0.8, 0.55, 0.35]
    """
    mean = checks.flag(mean, "mean")
    several = is_several(query)
    queries = [checked_query(q, index) for q in (query if several else [query])]
    xp = get_xp(index.tokens)
    if not queries:
        return xp.empty((0, index.n_docs), dtype=index.tokens.dtype)
    lengths = xp.asarray([len(q) for q in queries])
    scores = maxsim_scores(
        xp.concatenate(queries), offsets_of(lengths), index.tokens, index.offsets
    )
    if mean:
        scores = scores / lengths.astype(scores.dtype)[:, None]
    if not several:
        scores = scores[0]
    axes = ("n_queries", "n_docs") if several else ("n_docs",)
    return step("scores", scores, "one number per document", axes=axes)


def maxsim_search(query: Any, index: TokenIndex, *, k: int) -> SearchResult:
    """The `k` documents of highest MaxSim, best first, ties to the lower document number.

    Parameters
    ----------
    query : ndarray of shape (n_q, d)
    index : TokenIndex
    k : int
        More than there are means all documents; empty ones come last with a score of `-inf`.

    Examples
    --------
    >>> index = TokenIndex.from_docs([[[0.0, 1.0]], [[1.0, 0.0]]])
    >>> maxsim_search([[1.0, 0.0]], index, k=1)
    SearchResult(doc_ids=array([1]), scores=array([1.]), kind='sum')
    """
    query = checked_query(query, index)  # one matrix: a list of several has no one ranking
    return SearchResult(*topk(maxsim(query, index), checks.count(k, "k")))


@takes(query="n_q d", doc="n_d d")
def alignment(query: Any, doc: Any) -> Alignment:
    """Explain a score: each query token's best document token, and how similar the two are.

    Parameters
    ----------
    query : ndarray of shape (n_q, d)
    doc : ndarray of shape (n_d, d)
        One document, for example `index.doc(i)`; not empty.

    Returns
    -------
    Alignment
        `tokens` int64 `(n_q,)`, ties to the lower one, and `similarities` `(n_q,)`, whose sum is
        the document's MaxSim.

    Examples
    --------
    >>> alignment([[1.0, 0.0], [0.0, 1.0]], [[0.9, 0.1], [0.2, 0.7]]).tokens.tolist()
    [0, 1]
    """
    xp = get_xp(query, doc)
    similarity = step(query @ doc.T)  # (n_q, n_d) [P = Q Dᵀ] query tokens with tokens
    tokens = step("alignment", similarity.argmax(axis=1))  # (n_q,) -> n_d: the best document token
    return Alignment(tokens, xp.take_along_axis(similarity, tokens[:, None], axis=1)[:, 0])


def is_several(query: Any) -> bool:
    """A list of matrices; a list of numbers or of rows is one query written out."""
    if not isinstance(query, list | tuple):
        return False
    first = query[0] if query else [[]]
    if isinstance(first, list | tuple):
        return bool(first) and hasattr(first[0], "__len__")  # its first row, written out
    return getattr(first, "ndim", None) == 2


NOTES = r"""
Differs from the paper
----------------------
- The paper pads queries with mask tokens to a fixed length. Here a query is the rows that are
  passed: leave padding out, since every row counts.
- The paper normalises vectors inside the encoder. Here nothing is normalised: with unit vectors the
  products are cosines, with others they are what they are.
- An empty document scores $-\infty$, the maximum over nothing; padded implementations give it 0,
  which beats every document whose similarities are negative.
- Retrieval with an approximate index and re-ranking is left out: every document is scored.
- Two fast implementations floor a document's best similarity at 0: the compiled MaxSim of
  `stanford-futuredata/ColBERT` and the masked one of `lightonai/pylate`. Here a negative maximum
  counts as it is.

Cost
----
$2\,n_q\,d\,n_{tokens}$ operations in one matrix product, cut into blocks of whole documents, so
that the memory beyond the index and the scores is one block of a million similarities, 64 million
on a GPU (or one document, if it is larger than that).
"""
