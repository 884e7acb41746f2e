r"""Rethinking the Role of Token Retrieval in Multi-Vector Retrieval (XTR): the training objective.

Jinhyuk Lee, Zhuyun Dai, Sai Meher Karthik Duddu, Tao Lei, Iftekhar Naim, Ming-Wei Chang,
Vincent Y. Zhao. NeurIPS 2023. arXiv:2304.01982

Inference (`tokenlab.retrieval.xtr`) sees retrieved tokens only, so training should as well. All
tokens of a batch are pooled, each query token retrieves its `k_train` best, and a document is
scored by what was retrieved from it; the softmax over the batch then pushes the tokens of the right
document up until they are retrieved.

| paper's symbol | name here | shape |
|---|---|---|
| $Q$ | `query` | `(n_q, d)` |
| tokens of the batch | `docs` | list of `(n_i, d)` |
| $\hat A$ | `mask` | `(n_q, n_tokens)` |
| $Z$ | `z` | `(n_docs,)` |
| $f_{\mathrm{XTR}}$ | `scores` | `(n_docs,)` |

Equations, with $P = QD^\top$:

$$f_{\mathrm{XTR}}(Q, D) = \frac{1}{Z}\sum_i \max_{j \in D} \hat A_{ij} P_{ij}, \quad
Z = \big|\{i : \exists j \in D,\ \hat A_{ij} > 0\}\big| \qquad (\text{Eq. } 2)$$
$$L = -\log \frac{\exp f(Q, D^+)}{\sum_b \exp f(Q, D_b)}, \quad
\frac{\partial L}{\partial P^+} = -\frac{1 - p(D^+)}{Z^+}, \quad
\frac{\partial L}{\partial P^-} = \frac{p(D^-)}{Z^-} \qquad (\text{App. A})$$

Example
-------
    scores, z, mask = xtr_train_scores(query, docs, k_train=32)
    loss, query_grad, docs_grad, p = xtr_loss(query, docs, k_train=32, positive=0)
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.numerics import log_softmax, segment_argmax, segment_max, topk
from tokenlab.ranges import normal, representable, tempered
from tokenlab.retrieval.index import TokenIndex, checked_query
from tokenlab.steps import step

__all__ = ["TrainLoss", "TrainScores", "xtr_loss", "xtr_train_scores"]


class TrainScores(NamedTuple):
    """Scores of a batch of documents, their normalisers, and which tokens were retrieved."""

    scores: Any
    z: Any
    mask: Any


class TrainLoss(NamedTuple):
    """Cross entropy of the positive document, gradients, and the batch's probabilities."""

    loss: float
    query_grad: Any
    docs_grad: list[Any]
    p: Any


@takes(query="n_q d", k_train="count", eps="positive")
def xtr_train_scores(
    query: Any, docs: Sequence[Any] | TokenIndex, k_train: int, *, eps: float = 1e-3
) -> TrainScores:
    r"""Score the documents of a batch by the tokens that are retrieved from them, Eq. (2).

    Parameters
    ----------
    query : ndarray of shape (n_q, d)
    docs : list of ndarray of shape (n_i, d), or TokenIndex
        The documents of the batch; their tokens compete with each other.
    k_train : int
        Tokens that each query token retrieves from the pool; more than it holds means all.
    eps : float
        Lower bound of $Z$ in the division: a document without any retrieved token scores 0.

    Returns
    -------
    TrainScores
        `scores (n_docs,)`, `z (n_docs,)` int64 before the bound, `mask (n_q, n_tokens)` bool.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        As in `maxsim`; also for `k_train < 1` and `eps <= 0`.

    Examples
    --------
    >>> docs = [[[0.9, 0.1], [0.2, 0.7]], [[0.1, 0.6], [0.0, 0.5]]]
    >>> result = xtr_train_scores([[1.0, 0.0], [0.0, 1.0]], docs, k_train=2)
    >>> result.scores.round(2).tolist(), result.z.tolist()
    ([0.8, 0.6], [2, 1])
    """
    query, index = _batch(query, docs)
    return _forward(query, index, k_train, eps)[0]


@takes(query="n_q d", k_train="count", positive="whole", temperature="positive", eps="positive")
def xtr_loss(
    query: Any,
    docs: Sequence[Any] | TokenIndex,
    k_train: int,
    positive: int = 0,
    *,
    temperature: float = 1.0,
    eps: float = 1e-3,
) -> TrainLoss:
    r"""Cross entropy of the positive document, and its gradient for every vector.

    Parameters
    ----------
    query, docs, k_train, eps
        As in `xtr_train_scores`.
    positive : int
        Which document is the right one.
    temperature : float
        Divides the scores before the softmax.

    Returns
    -------
    TrainLoss
        `loss`, `query_grad (n_q, d)`, `docs_grad` a list of `(n_i, d)`, and `p (n_docs,)`, the
        softmax of the scores.

    Examples
    --------
    >>> docs = [[[0.9, 0.1], [0.2, 0.7]], [[0.1, 0.6], [0.0, 0.5]]]
    >>> round(xtr_loss([[1.0, 0.0], [0.0, 1.0]], docs, k_train=2).loss, 6)
    0.598139
    """
    query, index = _batch(query, docs)
    xp = get_xp(query)
    if positive >= index.n_docs:
        raise InvalidInput(
            f"xtr_loss: positive is {positive}; expected a document from 0 to {index.n_docs - 1}."
        )
    (scores, _, mask), winner, slope = _forward(query, index, k_train, eps)
    log_p = log_softmax(tempered(scores, normal(temperature, "temperature", scores.dtype)))
    representable(log_p[positive], "the losses", "Raise the temperature, or pass float64.")
    probabilities = step(xp.exp(log_p))  # (n_docs,) softmax over the batch
    scores_grad = probabilities / temperature  # p(D) for the wrong documents
    scores_grad[positive] -= 1 / temperature  # and p(D+) - 1 for the right one
    best_grad = slope * scores_grad[:, None]  # App. A, (n_docs, n_q)
    similarity_grad = xp.zeros(mask.shape, dtype=query.dtype)  # (n_q, n_tokens)
    doc, i = xp.nonzero(best_grad)
    similarity_grad[i, winner[doc, i]] = best_grad[doc, i]  # only the token that won moves a score
    note = "how the loss moves with each similarity"
    step("similarity gradient", similarity_grad, note, eq="App. A", axes=("n_q", "n_tokens"))
    docs_grad = similarity_grad.T @ query  # (n_tokens, d)
    ends = index.offsets.tolist()
    return TrainLoss(
        float(-log_p[positive]),
        similarity_grad @ index.tokens,  # (n_q, d)
        [docs_grad[start:stop] for start, stop in pairwise(ends)],
        probabilities,
    )


def _batch(query: Any, docs: Any) -> tuple[Any, TokenIndex]:
    """The pooled documents, and the query in the precision of both."""
    index = docs if isinstance(docs, TokenIndex) else TokenIndex.from_docs(docs)
    query = checked_query(query, index)
    if index.n_docs == 0:
        raise InvalidInput(
            f"{public_caller()}: docs holds no document; a batch needs at least one."
        )
    return query.astype(get_xp(query).result_type(query, index.tokens), copy=False), index


def _forward(
    query: Any, index: TokenIndex, k_train: int, eps: float
) -> tuple[TrainScores, Any, Any]:
    """Eq. (2), the token that wins each maximum, and the score's derivative for it."""
    xp, axes = get_xp(query), ("n_q", "n_tokens")
    k_train = checks.count(k_train, "k_train")
    eps = checks.positive(eps, "eps")
    similarity = step(query @ index.tokens.T)  # (n_q, n_tokens) [P] with the pooled tokens
    mask = xp.zeros(similarity.shape, dtype=bool)
    mask[xp.arange(len(query))[:, None], topk(similarity, k_train).ids] = True
    step("mask", mask, "the k_train best tokens of each query token", eq="Âᵢⱼ", axes=axes)
    kept = xp.where(mask, similarity, xp.zeros_like(similarity)).T  # (n_tokens, n_q)
    hit = segment_max(mask.T.astype(kept.dtype), index.offsets) > 0  # (n_docs, n_q)
    best = segment_max(kept, index.offsets)
    best = xp.where(hit, best, xp.zeros_like(best))  # the maximum over an empty document is no hit
    step("best retrieved", best, "", eq="max over j in D of Âᵢⱼ Pᵢⱼ", axes=("n_docs", "n_q"))
    z = step(hit.sum(axis=1))  # (n_docs,) [Z] query tokens that hit the document
    divisor = xp.maximum(z, eps).astype(kept.dtype)
    scores = step(best.sum(axis=1) / divisor)  # (n_docs,) [f_XTR (Eq. 2)] one per document
    winner = segment_argmax(kept, index.offsets)  # (n_docs, n_q)
    doc, i = xp.nonzero(hit)
    slope = xp.zeros_like(best)
    slope[doc, i] = mask[i, winner[doc, i]]  # a masked 0 that wins does not move
    return TrainScores(scores, z, mask), winner, slope / divisor[:, None]


NOTES = r"""
Differs from the paper
----------------------
- The loss has a `temperature`, 1 by default; the paper writes none.
- A token that was not retrieved counts as 0 in Eq. (2), so a retrieved token of negative
  similarity loses to it, unless the whole document was retrieved.
- $Z$ counts by $\hat A$, as in the paper. Some implementations count the query tokens whose best
  value is above 0, or let padding be retrieved when `k_train` exceeds the number of tokens.
- A score belongs to a batch: the same document in another batch meets other competitors, so there
  is no score of one pair alone.
- The hard maximum has no gradient at ties; the lower token gets all of it.

Cost
----
One product of $2\,n_q\,d\,n_{tokens}$ operations forward and two backward; the mask and the
similarities are `(n_q, n_tokens)`.
"""
