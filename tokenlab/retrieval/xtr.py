r"""Rethinking the Role of Token Retrieval in Multi-Vector Retrieval (XTR).

Jinhyuk Lee, Zhuyun Dai, Sai Meher Karthik Duddu, Tao Lei, Iftekhar Naim, Ming-Wei Chang,
Vincent Y. Zhao. NeurIPS 2023. arXiv:2304.01982

ColBERT retrieves a few tokens to find candidates, then loads every token of every candidate to
score them. XTR scores with the retrieved tokens alone: what was not retrieved for a query token is
imputed by the worst similarity that was, which bounds it from above. This file is inference; the
training objective, Eq. (2), is `tokenlab.retrieval.xtr_training`.

| paper's symbol | name here | shape |
|---|---|---|
| $Q$ | `query` | `(n_q, d)` |
| all document tokens | `index.tokens` | `(n_tokens, d)` |
| top-$k'$ tokens, similarities | `ids`, `sims` | `(n_q, k_prime)` |
| $m_i$ | `imputed` | `(n_q,)` |
| $\hat A_{ij}$ | token $j$ is among `ids[i]` | |

Equations, with $P = QD^\top$:

$$\text{candidates} = \{D : \text{some token of } D \text{ is in the top } k' \text{ of some } q_i\}
\qquad (\text{Eq. } 3)$$
$$f_{\mathrm{XTR}'}(Q, D) = \frac{1}{n_q}\sum_i \max_{j \in D}\,
[\hat A_{ij} P_{ij} + (1 - \hat A_{ij})\, m_i] \qquad (\text{Eq. } 4)$$

Example
-------
    result = xtr_search(query, index, k_prime=1000, k=10)
    ids, sims = token_topk(query, index, 1000)  # the two halves of the same
    doc_ids, scores = xtr_scores(ids, sims, index.token_to_doc, index.n_docs)
"""

import math
import numbers
from typing import Any, NamedTuple

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.engine import accelerated
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.numerics import TopK, group_max, topk
from tokenlab.retrieval.index import (
    Means,
    SearchResult,
    TokenIndex,
    best_of_blocks,
    checked_query,
)
from tokenlab.steps import step

__all__ = ["ScoringFlops", "scoring_flops", "token_topk", "xtr_scores", "xtr_search"]


# 1. Which tokens of the collection are most similar to each query token?


@accelerated(
    "retrieval.nearest_tokens", work=lambda q, tokens, k: q.size * len(tokens), pays_from=1e6
)
@best_of_blocks  # a large collection comes in blocks of tokens, and the best of each are compared
def nearest_tokens(query: Any, tokens: Any, k: int) -> TopK:
    """The `k` most similar tokens of each query token, best first; ties to the lower number."""
    similarity = step(query @ tokens.T)  # (n_q, n_tokens) [P = Q Dᵀ] with every token
    return topk(similarity, k)  # (n_q, k)


def token_topk(query: Any, index: TokenIndex, k: int) -> TopK:
    r"""The `k` most similar tokens of the whole collection for each query token, exactly.

    Parameters
    ----------
    query : ndarray of shape (n_q, d)
    index : TokenIndex
    k : int
        $k'$ of the paper; more than `n_tokens` means all of them.

    Returns
    -------
    TopK
        `ids` int64 and `values`, the similarities, both `(n_q, min(k, n_tokens))`, best first,
        ties to the lower token number. Equal vectors need not tie: a matrix product may round them
        differently in the last bit, by where they stand.

    Examples
    --------
    >>> index = TokenIndex.from_docs([[[0.9, 0.1], [0.2, 0.7]], [[0.8, 0.3]]])
    >>> token_topk([[1.0, 0.0]], index, 2).ids.tolist()
    [[0, 2]]
    """
    query = checked_query(query, index)
    nearest = nearest_tokens(query, index.tokens, checks.count(k, "k"))
    retrieved_tokens = step(nearest.ids)  # (n_q, rank) -> n_tokens: its top-k' tokens
    retrieved_similarities = step(nearest.values)  # (n_q, rank) how similar they are
    return TopK(retrieved_tokens, retrieved_similarities)


# 2. What does each document score, by the retrieved tokens alone?


@accelerated("retrieval.score_candidates", work=lambda ids, *_: ids.size, pays_from=5e3)
def score_candidates(
    ids: Any, sims: Any, token_to_doc: Any, n_docs: int, imputed: Any
) -> tuple[Any, Any]:
    """The documents that own a retrieved token, Eq. (3), and their scores, Eq. (4)."""
    xp, n_q = get_xp(ids, sims), len(ids)
    owner = token_to_doc[ids]  # (n_q, k_prime), the document of each retrieved token
    owns = xp.zeros(n_docs, dtype=bool)
    owns[owner] = True  # does a document own a retrieved token?
    candidates = step(xp.flatnonzero(owns))  # (candidates,) -> n_docs: [Eq. 3] owners of hits

    # One cell for each candidate and query token, and in it the best of the tokens that fall there.
    row = xp.cumsum(owns) - 1  # (n_docs,), where a candidate stands among all of them
    cell = row[owner] * n_q + xp.arange(n_q)[:, None]  # (n_q, k_prime)
    best = group_max(sims.ravel(), cell.ravel(), len(candidates) * n_q)
    best_hit = step(best.reshape(-1, n_q))  # (candidates, n_q) [max over j in D of Âᵢⱼ Pᵢⱼ]
    hit = step(best_hit > -xp.inf)  # (candidates, n_q) which query token hit which candidate
    if imputed is None:  # the mean over those that hit
        total = xp.where(hit, best_hit, 0).sum(axis=1)  # (n_candidates,)
        return candidates, (total / hit.sum(axis=1)).astype(sims.dtype)
    filled_in = step(xp.where(hit, best_hit, imputed))  # (candidates, n_q) [Âᵢⱼ Pᵢⱼ + (1 − Âᵢⱼ) mᵢ]
    return candidates, filled_in.mean(axis=1)  # Eq. (4)


@takes(ids="n_q k_prime? int", sims="n_q k_prime?", token_to_doc="n_tokens? int", n_docs="whole")
def xtr_scores(
    ids: Any, sims: Any, token_to_doc: Any, n_docs: int, *, impute: str | float | None = "kth"
) -> SearchResult:
    r"""Score every candidate document from the retrieved tokens alone, Eqs. (3) and (4).

    Parameters
    ----------
    ids, sims : ndarray of shape (n_q, k_prime)
        Retrieved tokens and their similarities, in any order.
    token_to_doc : ndarray of shape (n_tokens,)
        The document of each token: `index.token_to_doc`.
    n_docs : int
    impute : "kth", float or None
        What a query token adds for a document that it retrieved nothing from: `"kth"` its worst
        retrieved similarity $m_i$; a number, that number; None nothing, and the mean is then taken
        over the query tokens that did retrieve from the document.

    Returns
    -------
    SearchResult
        `doc_ids` of the candidates in ascending order, and their `scores`, means over the query's
        tokens: higher is better.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        `ids` and `sims` differ in shape, an id is no token, a similarity is NaN or infinite.

    Examples
    --------
    >>> doc_ids, scores = xtr_scores([[0, 2], [1, 3]], [[0.9, 0.8], [0.7, 0.6]], [0, 0, 1, 2, 2], 3)
    >>> doc_ids.tolist(), scores.round(2).tolist()
    ([0, 1, 2], [0.8, 0.7, 0.7])
    """
    xp = get_xp(ids, sims, token_to_doc)
    checks.within(ids, "ids", len(token_to_doc), "n_tokens", of="token_to_doc")
    checks.within(token_to_doc[ids], "token_to_doc", n_docs, "n_docs")
    if ids.shape[1] == 0:  # nothing was retrieved, and nothing has a minimum
        return Means(xp.empty(0, dtype=xp.int64), xp.empty(0, dtype=sims.dtype))  # a SearchResult
    if isinstance(impute, str) and impute == "kth":
        imputed = step(sims.min(axis=1))  # (n_q,) [mᵢ] bounds what was not retrieved
    else:
        imputed = _given(impute, sims)
    doc_ids, scores = score_candidates(ids, sims, token_to_doc, n_docs, imputed)
    scores = step(scores)  # (candidates,) [f_XTR' (Eq. 4)] one number per candidate
    return Means(doc_ids, scores)


def _given(impute: Any, sims: Any) -> Any:
    """The number that is imputed for every query token, `(n_q,)`; None for None."""
    if impute is None:
        return None
    is_number = isinstance(impute, numbers.Real) and not isinstance(impute, bool)
    if not is_number or not math.isfinite(impute):
        raise InvalidInput(
            f'{public_caller()}: impute is {checks.shown(impute)}; expected "kth", a finite number, or None.'
        )
    return get_xp(sims).full(len(sims), float(impute), dtype=sims.dtype)


# 3. Both, and the best documents.


def xtr_search(
    query: Any, index: TokenIndex, *, k_prime: int, k: int, impute: str | float | None = "kth"
) -> SearchResult:
    r"""Retrieve tokens, score the documents they come from, return the best `k`.

    Parameters
    ----------
    query : ndarray of shape (n_q, d)
    index : TokenIndex
    k_prime : int
        Tokens retrieved for each query token; more than the index holds means all, and then the
        scores are those of `maxsim(..., mean=True)`.
    k : int
        Documents returned; fewer come back when there are fewer candidates.
    impute : "kth", float or None
        See `xtr_scores`.

    Returns
    -------
    SearchResult
        `doc_ids` and `scores`, means over the query's tokens, best first, ties to the lower
        document number.

    Examples
    --------
    >>> docs = [[[0.9, 0.1], [0.2, 0.7]], [[0.8, 0.3]], [[0.1, 0.6], [0.0, 0.5]]]
    >>> index = TokenIndex.from_docs(docs)
    >>> result = xtr_search([[1.0, 0.0], [0.0, 1.0]], index, k_prime=3, k=2)
    >>> result.doc_ids.tolist(), result.scores.round(2).tolist()
    ([0, 1], [0.8, 0.65])
    """
    query = checked_query(query, index)
    k_prime = checks.count(k_prime, "k_prime")
    k = checks.count(k, "k")
    ids, sims = token_topk(query, index, k_prime)
    doc_ids, scores = xtr_scores(ids, sims, index.token_to_doc, index.n_docs, impute=impute)
    best = topk(scores, k)
    ranking = step(doc_ids[best.ids])  # (rank,) -> n_docs: the documents, best first
    ranked_scores = step(best.values)  # (ranking,) their scores
    return Means(ranking, ranked_scores)


class ScoringFlops(NamedTuple):
    """Operations of the scoring stage, retrieval excluded."""

    colbert: int
    xtr: int


@takes(n_q="count", k_prime="count", m="not negative", d="count", r="not negative")
def scoring_flops(
    n_q: int = 16, k_prime: int = 100, m: float = 55, d: int = 128, r: float = 2.5
) -> ScoringFlops:
    r"""Operations that scoring costs after the tokens are retrieved (the paper's Table 1).

    ColBERT gathers all tokens of the $n_q k'$ candidates, XTR only adds what it has:
    $n_q^2 k' (2 \bar m d + \bar m + 1)$ against $n_q^2 k' (\bar r + 1)$. Both leave out the
    retrieval of the tokens, which dominates a real search and is the same for both.

    Parameters
    ----------
    n_q, k_prime, d : int
        Query tokens, tokens retrieved for each, width.
    m : float
        Average tokens of a document, $\bar m$.
    r : float
        Average retrieved tokens of a candidate, $\bar r$.

    Examples
    --------
    >>> scoring_flops()
    ScoringFlops(colbert=361881600, xtr=89600)
    """
    pairs = n_q**2 * k_prime  # a query token with a candidate: n_q k' candidates, n_q tokens each
    return ScoringFlops(colbert=round(pairs * (2 * m * d + m + 1)), xtr=round(pairs * (r + 1)))


NOTES = r"""
Differs from the paper
----------------------
The released notebook is `google-deepmind/xtr` (88faa9a).

- Token retrieval is exact. The paper's and the released notebook's is approximate, and then $m_i$
  is no upper bound any more.
- `impute=0.2` replaces only query tokens that retrieved nothing from a document. Read literally,
  Eq. (4) would also lift a retrieved similarity below 0.2. With $m_i$ the two are the same.
- `impute=None` (Table 5, "None") is not spelt out in the paper. Here: the mean over the query
  tokens that did retrieve from the document, which is what the released notebook computes when
  its imputation is skipped.
- The released notebook keeps the first hit per document, which relies on sorted results; here the
  best hit counts, in any order. It credits missing ids (-1) to document 0; here they are refused.

Cost
----
Token retrieval costs one matrix product with the whole index, $2\,n_q\,d\,n_{tokens}$ operations,
and dominates; scoring then costs $n_q k'$ comparisons and the mean of `(n_candidates, n_q)`
numbers. The paper's claim of 4000 times fewer operations is about scoring alone, see
`scoring_flops`. Beyond the index, a search holds one block of similarities, 16 MiB of float32, and
what it retrieved.
"""
