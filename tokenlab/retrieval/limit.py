r"""On the Theoretical Limitations of Embedding-Based Retrieval.

Orion Weller, Michael Boratko, Iftekhar Naim, Jinhyuk Lee. ICLR 2026. arXiv:2508.21038

Let every pair of documents be the answer to some query. How many documents can one vector each, of
$d$ numbers, tell apart so? The paper trains the vectors themselves, without a text or a model: where
even that fails no encoder can do it. Here is also the counterexample: four numbers are enough.

| paper's symbol | name here | shape |
|---|---|---|
| rows of the qrel matrix $A$ | `qrels` | `(n_queries, k)` |
| $U$ | `queries` | `(n_queries, d)` |
| $V$ | `docs` | `(n, d)` |
| margin | `w` | |

Equations (the numbers are ours), $P = U V^\top$:

$$L = -\frac{1}{|R|} \sum_{(i, j) \in R} \log \mathrm{softmax}_j (P_i / \tau) \qquad (1)$$
$$n^*(d) = -10.5322 + 4.0309\, d + 0.0520\, d^2 + 0.0037\, d^3 \qquad (2)$$
$$d \ge \ln \tbinom{n}{k} \,/\, \ln(1 + 1/w) \qquad (3)$$
$$v(t) = (\cos t, \sin t, \dots, \cos kt, \sin kt) / \sqrt k \qquad (4)$$
$$f_I(t) = \prod_{i \in I} (1 - \cos(t - t_i)), \qquad u_I \cdot v(t) = \mathrm{const} - f_I(t) \qquad (5)$$

Example
-------
    qrels = dense_qrels(46)
    free_embeddings(qrels, 4, iters=2000, rng=0).recall     # below 1
    pair_recall(*moment_curve_embedding(qrels), qrels)      # 1.0, with four numbers
"""

import math
from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.numerics import softmax, unit
from tokenlab.optimizer import adam_start, updated
from tokenlab.progress import track
from tokenlab.retrieval.limit_bounds import critical_n, margin_bound, moment_curve_embedding
from tokenlab.retrieval.limit_qrels import checked_qrels, dense_qrels, pair_recall
from tokenlab.retrieval.limit_texts import LimitTexts, make_limit_texts

__all__ = [
    "CriticalN",
    "FreeEmbeddings",
    "LimitTexts",
    "critical_n",
    "dense_qrels",
    "find_critical_n",
    "free_embeddings",
    "make_limit_texts",
    "margin_bound",
    "moment_curve_embedding",
    "pair_recall",
]

LOOK = 50  # steps from one look at the recall to the next
MIN_DELTA = 1e-5  # by so much the loss has to fall to count as a gain
ADAM: dict[str, Any] = {"betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0}
OPTIONS = ("temperature", "rate", "iters", "patience")  # of free_embeddings, handed on


class FreeEmbeddings(NamedTuple):
    """Unit vectors, the recall after the last step and the best that was seen, and the losses."""

    queries: Any
    docs: Any
    recall: float
    best_recall: float
    history: list[float]
    solved: bool


def loss_and_gradients(queries: Any, docs: Any, relevant: Any, temperature: float) -> tuple:
    """Eq. (1) for `relevant (n_queries, n)`, rows that sum to one; and its two gradients."""
    p = softmax(queries @ docs.T / temperature)  # (n_queries, n)
    xp = get_xp(p)
    loss = -(relevant * xp.log(xp.maximum(p, 1e-30))).sum() / len(p)  # Eq. (1)
    similarity_grad = (p - relevant) / (len(p) * temperature)  # (n_queries, n)
    return float(loss), similarity_grad @ docs, similarity_grad.T @ queries


@takes(
    qrels="n_queries k int",
    d="count",
    n="count",
    temperature="positive",
    rate="positive",
    iters="count",
    patience="count",
    rng="rng",
)
def free_embeddings(
    qrels: Any,
    d: int,
    *,
    n: int | None = None,
    temperature: float = 0.1,
    rate: float = 0.01,
    iters: int = 100_000,
    patience: int = 1000,
    rng: np.random.Generator | int | None = None,
) -> FreeEmbeddings:
    """Train a vector of `d` numbers for every query and document, by Adam on Eq. (1).

    Parameters
    ----------
    qrels : ndarray of shape (n_queries, k)
    d : int
    n : int, optional
        Documents; by default as many as `qrels` names.
    temperature, rate : float
        $\\tau$, and the rate of Adam. After every step all vectors are scaled to length one.
    iters : int
        Steps at most; it ends sooner when all queries are answered.
    patience : int
        It also ends after so many steps in which the loss has not fallen by 0.00001.
    rng : numpy.random.Generator, int or None
        Draws the start.

    Returns
    -------
    FreeEmbeddings
        `solved` says that `best_recall` is 1.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        Documents out of range or twice in a row.

    Examples
    --------
    >>> free_embeddings(dense_qrels(3), 2, rng=1).solved
    True
    """
    rng = checks.generator(rng)
    xp = get_xp(qrels)
    n = int(qrels.max()) + 1 if n is None else n
    checked_qrels(qrels, n)
    relevant = xp.zeros((len(qrels), n), dtype=xp.float32)  # rows that sum to one
    relevant[xp.arange(len(qrels))[:, None], qrels] = 1 / qrels.shape[1]
    # One matrix of unit rows for the queries, one for the documents.
    params: Any = [
        unit(xp.asarray(rng.standard_normal((m, d)), xp.float32)) for m in relevant.shape
    ]
    state, history, recalls = adam_start(params), [], [0.0]
    lowest, since = math.inf, 0
    for taken in track(range(1, iters + 1), f"{n} documents, {d} numbers each"):
        loss, *grads = loss_and_gradients(params[0], params[1], relevant, temperature)
        history.append(loss)
        params, state = updated(params, grads, state, rate, **ADAM)
        params = [unit(x) for x in params]  # back onto the sphere
        # Steps without a gain are counted from the last loss that was lower by enough.
        since = 0 if loss < lowest - MIN_DELTA else since + 1
        lowest = min(lowest, loss) if since == 0 else lowest
        last = taken == iters or since >= patience
        if taken % LOOK == 0 or last:
            # The best of all looks counts: the recall goes up and down on the way.
            recalls.append(pair_recall(params[0], params[1], qrels))
            if recalls[-1] == 1 or last:
                break
    queries, docs = params
    return FreeEmbeddings(queries, docs, recalls[-1], max(recalls), history, max(recalls) == 1)


class CriticalN(NamedTuple):
    """The largest number of documents that was solved, and the best recall of each that was tried."""

    n: int
    # Of every number of documents the best recall of all seeds.
    tried: dict[int, float]


@takes(d="count", k="count", start="count", seeds="count", rng="rng")
def find_critical_n(
    d: int,
    k: int = 2,
    *,
    start: int | None = None,
    seeds: int = 1,
    rng: np.random.Generator | int | None = None,
    **options: Any,
) -> CriticalN:
    """How many documents `free_embeddings` can tell apart with `d` numbers: by trying.

    Parameters
    ----------
    d, k : int
    start : int, optional
        Where to begin; by default what Eq. (2) says. From there it gallops, bisects, and then tries
        all from four below to five above, since more documents are now and then solved where fewer
        were not.
    seeds : int
        Runs of each number of documents, until one solves it. One alone often misses.
    rng : numpy.random.Generator, int or None
    **options
        `temperature`, `rate`, `iters`, `patience` of `free_embeddings`.

    Returns
    -------
    CriticalN

    Examples
    --------
    >>> find_critical_n(2, seeds=3, rng=0, iters=300).n
    3
    """
    unknown = set(options) - set(OPTIONS)
    if unknown:
        raise InvalidInput(
            f"{public_caller()}: options are {sorted(unknown)}; expected some of {', '.join(OPTIONS)}."
        )
    tried: dict[int, float] = {}
    rng = checks.generator(rng)  # one for all runs

    def solved(n: int) -> bool:
        if n <= k:
            return True  # all documents are relevant
        for _ in range(0 if n in tried else seeds):
            best = free_embeddings(dense_qrels(n, k), d, n=n, rng=rng, **options).best_recall
            tried[n] = max(best, tried.get(n, 0.0))
            if best == 1:
                break
        return tried[n] == 1

    low, high = k, max(start or int(critical_n(d)), k + 1)
    while solved(high):  # gallop
        low, high = high, high + max(high // 2, 1)
    while high - low > 1:  # bisect
        middle = (low + high) // 2
        low, high = (middle, high) if solved(middle) else (low, middle)
    best = max(n for n in range(max(low - 4, k), low + 6) if solved(n))
    return CriticalN(best, dict(sorted(tried.items())))


NOTES = r"""
Differs from the paper
----------------------
- The released code (`google-deepmind/limit`) stops when the recall is 1, after 1,000 steps without a
  gain of 0.00001, or after 100,000 steps; so does this. Its accuracy is the share of relevant
  documents found, as here, and not the share of queries that are right; both are 1 together.
- The paper reads the limit as one of representing. For all pairs it is not: documents on the curve
  (4) are a cyclic polytope, whose every two corners are joined by an edge, so that four numbers are
  enough for any number of documents. What falls short is the margin, like $n^{-4}$, and gradient
  descent, which stops at 9 documents with four numbers. Below that geometry is strict: two numbers
  tell 3 documents apart (every pair of corners of a polygon is joined only in a triangle), three
  numbers tell 4.
- Eq. (2) was fitted to small $d$ and is -2.2 and 2.1 for $d = 2$ and 3. Everything from $d = 512$ on
  is extrapolation.
- With $k$ relevant documents the same construction needs $2k$ numbers.
- `make_limit_texts` writes a collection in the paper's form with words that may be handed on.

Cost
----
A step of `free_embeddings` is three products of $2\,n_{queries}\,n\,d$ operations. The construction
costs $2k\,(2k + 1)$ for each query.

Why not just
------------
Count dimensions? 768 numbers are enough for every pair of any collection, and a trained encoder
still fails on 46 documents (`tokenlab.data.load_limit`). MaxSim, which compares single tokens, does
not.
"""
