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
| $m_i$ | `missing` | `(n_q,)` |
| $\hat A_{ij}$ | token $j$ is among `ids[i]` | |

Equations, with $P = QD^\top$:

$$\text{candidates} = \{D : \text{some token of } D \text{ is in the top } k' \text{ of some } q_i\}
\qquad (\text{Eq. } 3)$$
$$f_{\mathrm{XTR}'}(Q, D) = \frac{1}{n_q}\sum_i \max_{j \in D}\,
[\hat A_{ij} P_{ij} + (1 - \hat A_{ij})\, m_i] \qquad (\text{Eq. } 4)$$

Differs from the paper
----------------------
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
and dominates; scoring then costs $n_q k'$ additions. The paper's claim of 4000 times fewer
operations is about scoring alone, see `scoring_flops`.

Example
-------
    result = xtr_search(query, index, k_prime=1000, k=10)
    ids, sims = token_topk(query, index, 1000)                                    # the same in two
    doc_ids, scores = xtr_scores(ids, sims, index.token_to_doc, index.n_docs)     # steps
"""

import math
import numbers
from typing import Any, NamedTuple

from tokenlab import checks
from tokenlab.arrays import get_xp
from tokenlab.engine import accelerated
from tokenlab.errors import InvalidInput, ShapeError
from tokenlab.numerics import TopK, group_max, topk
from tokenlab.retrieval.index import SearchResult, TokenIndex, checked_query, token_blocks
from tokenlab.steps import step

__all__ = ["ScoringFlops", "scoring_flops", "token_topk", "xtr_scores", "xtr_search"]


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
        `doc_ids` and `scores`, best first, ties to the lower document number.

    Examples
    --------
    >>> docs = [[[0.9, 0.1], [0.2, 0.7]], [[0.8, 0.3]], [[0.1, 0.6], [0.0, 0.5]]]
    >>> index = TokenIndex.from_docs(docs)
    >>> result = xtr_search([[1.0, 0.0], [0.0, 1.0]], index, k_prime=3, k=2)
    >>> result.doc_ids.tolist(), result.scores.round(2).tolist()
    ([0, 1], [0.8, 0.65])
    """
    k_prime, k = checks.count(k_prime, "k_prime"), checks.count(k, "k")
    ids, sims = token_topk(query, index, k_prime)
    doc_ids, scores = xtr_scores(ids, sims, index.token_to_doc, index.n_docs, impute=impute)
    best = topk(scores, k)
    ranking = doc_ids[best.ids]
    step("ranking", ranking, "the documents, best first", axes=("rank",), of="n_docs")
    return SearchResult(
        ranking, step("ranked scores", best.values, "their scores", axes=("ranking",))
    )


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
    k = min(checks.count(k, "k"), index.n_tokens)
    if k == 0:  # an index without tokens
        xp, shape = get_xp(query), (len(query), 0)
        dtype = xp.result_type(query, index.tokens)
        return TopK(xp.empty(shape, dtype=xp.int64), xp.empty(shape, dtype=dtype))
    ids, sims = nearest_tokens(query, index.tokens, k)
    note = "the top-k' tokens of each query token"
    step("retrieved tokens", ids, note, axes=("n_q", "rank"), of="n_tokens")
    step("retrieved similarities", sims, "how similar they are", axes=("n_q", "rank"))
    return TopK(ids, sims)


@accelerated(
    "retrieval.nearest_tokens", work=lambda q, tokens, k: q.size * len(tokens), pays_from=1e6
)
def nearest_tokens(query: Any, tokens: Any, k: int) -> tuple[Any, Any]:
    """Exact top-k of every row of `query @ tokens.T`, in blocks of tokens."""
    xp = get_xp(query, tokens)
    ids = xp.empty((len(query), 0), dtype=xp.int64)
    sims = xp.empty((len(query), 0), dtype=xp.result_type(query, tokens))
    for rows in token_blocks(tokens, len(query)):
        block = (tokens[rows] @ query.T).T  # (n_q, n_block)
        note = "each query token with every token of the collection"
        step("similarity", block, note, eq="P = Q Dᵀ", axes=("n_q", "n_tokens"))
        # What was kept stands before the block, so that topk settles ties for the lower token.
        block_ids = xp.broadcast_to(xp.arange(rows.start, rows.stop), block.shape)
        found = topk(xp.concatenate([sims, block], axis=1), k)
        ids = xp.take_along_axis(xp.concatenate([ids, block_ids], axis=1), found.ids, axis=1)
        sims = found.values  # (n_q, at most k)
    return ids, sims


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
        `doc_ids` of the candidates in ascending order, and their `scores`, higher is better.

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
    sims = checks.finite(
        checks.shaped(checks.floats(sims, "sims", xp), "sims", ("n_q", "k_prime")), "sims", xp
    )
    ids = checks.shaped(checks.integers(ids, "ids", xp), "ids", ("n_q", "k_prime"))
    if ids.shape != sims.shape or len(ids) == 0:
        raise ShapeError(
            f"xtr_scores: ids is {ids.shape} and sims is {sims.shape}; expected the same "
            "(n_q, k_prime) with n_q >= 1, as token_topk returns them."
        )
    n_docs = checks.count(n_docs, "n_docs", at_least=0)
    token_to_doc = checks.shaped(
        checks.integers(token_to_doc, "token_to_doc", xp), "token_to_doc", ("n_tokens",)
    )
    checks.within(ids, "ids", len(token_to_doc), "n_tokens")
    checks.within(token_to_doc[ids], "token_to_doc", n_docs, "n_docs")
    if ids.shape[1] == 0:
        return SearchResult(xp.empty(0, dtype=xp.int64), xp.empty(0, dtype=sims.dtype))
    doc_ids, scores = score_candidates(ids, sims, token_to_doc, n_docs, _imputed(sims, impute))
    note = "one number per candidate, from the retrieved tokens alone"
    step("scores", scores, note, eq="f_XTR' (Eq. 4)", axes=("candidates",))
    return SearchResult(doc_ids, scores)


def _imputed(sims: Any, impute: str | float | None) -> Any:
    """What each query token adds where it retrieved nothing, `(n_q,)`."""
    xp = get_xp(sims)
    if isinstance(impute, str) and impute == "kth":
        note = "the worst retrieved similarity bounds every one that was not retrieved"
        return step("imputed", sims.min(axis=1), note, eq="mᵢ", axes=("n_q",))
    if impute is None:
        return None
    if (
        isinstance(impute, bool)
        or not isinstance(impute, numbers.Real)
        or not math.isfinite(impute)
    ):
        raise InvalidInput(
            f'xtr_scores: impute is {impute!r}; expected "kth", a finite number, or None.'
        )
    return xp.full(len(sims), float(impute), dtype=sims.dtype)


@accelerated("retrieval.score_candidates", work=lambda ids, *_: ids.size, pays_from=5e3)
def score_candidates(
    ids: Any, sims: Any, token_to_doc: Any, n_docs: int, missing: Any
) -> tuple[Any, Any]:
    """The documents that own a retrieved token, Eq. (3), and their scores, Eq. (4)."""
    xp = get_xp(ids, sims)
    n_q, k_prime = ids.shape
    axes = ("candidates", "n_q")
    doc_ids, row = xp.unique(token_to_doc[ids].ravel(), return_inverse=True)  # Eq. (3)
    note = "every document that owns a retrieved token"
    step("candidates", doc_ids, note, eq="Eq. 3", axes=("candidates",), of="n_docs")
    cell = row * n_q + xp.repeat(xp.arange(n_q), k_prime)  # (n_q * k_prime,)
    best = group_max(sims.ravel(), cell, len(doc_ids) * n_q).reshape(-1, n_q)  # (n_candidates, n_q)
    note = "the best retrieved token of each candidate; -inf where there was none"
    step("best hit", best, note, eq="max over j in D of Âᵢⱼ Pᵢⱼ", axes=axes)
    hit = step("hit", best > -xp.inf, "which query token hit which candidate", axes=axes)
    if missing is None:
        return doc_ids, (xp.where(hit, best, 0).sum(axis=1) / hit.sum(axis=1)).astype(sims.dtype)
    filled = xp.where(hit, best, missing)
    note = "where there was no hit, the imputed similarity"
    step("filled in", filled, note, eq="Âᵢⱼ Pᵢⱼ + (1 − Âᵢⱼ) mᵢ", axes=axes)
    return doc_ids, filled.mean(axis=1)  # Eq. (4)


class ScoringFlops(NamedTuple):
    """Operations of the scoring stage, retrieval excluded."""

    colbert: int
    xtr: int


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
    return ScoringFlops(
        round(n_q**2 * k_prime * (2 * m * d + m + 1)), round(n_q**2 * k_prime * (r + 1))
    )
