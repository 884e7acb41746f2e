r"""How good a ranking is: recall and normalised discounted cumulative gain.

$$\mathrm{DCG}@k = \sum_{r=1}^{k} \frac{\mathrm{rel}_r}{\log_2(r + 1)}, \qquad
\mathrm{nDCG}@k = \frac{\mathrm{DCG}@k}{\text{DCG}@k \text{ of the best possible ranking}}$$

Relevance is binary: a document is right or it is not.
"""

from collections.abc import Collection
from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arrays import to_numpy
from tokenlab.errors import InvalidInput, public_caller

__all__ = ["ndcg", "recall"]


def recall(doc_ids: Any, relevant: Collection[int], k: int) -> float:
    """Share of the relevant documents that are among the first `k`.

    Examples
    --------
    >>> recall([3, 1, 2], relevant=[1, 7], k=2)
    0.5
    """
    # Of a collection that names a document twice, it counts once.
    return float(_hits(doc_ids, relevant, k).sum() / len(set(relevant)))


def ndcg(doc_ids: Any, relevant: Collection[int], k: int) -> float:
    """Gain of the first `k`, discounted by rank, over the gain of a perfect ranking.

    Parameters
    ----------
    doc_ids : sequence of int
        A ranking, best first, without repetitions; it may be shorter than `k`.
    relevant : collection of int
        The right documents, at least one.
    k : int

    Raises
    ------
    InvalidInput
        When nothing is relevant (the value is undefined), `k < 1`, or a document is ranked twice.

    Examples
    --------
    >>> round(ndcg([3, 1, 2], relevant=[1], k=10), 4)
    0.6309
    """
    hits = _hits(doc_ids, relevant, k)
    discounts = 1 / np.log2(np.arange(2, k + 2))  # (k,), 1 / log2(r + 1)
    # The best ranking has all that is relevant in front.
    return float((hits * discounts[: len(hits)]).sum() / discounts[: len(set(relevant))].sum())


def _hits(doc_ids: Any, relevant: Collection[int], k: int) -> np.ndarray:
    doc_ids = checks.integers(to_numpy(doc_ids), "doc_ids", np)
    ranking = checks.shaped(doc_ids, "doc_ids", ("rank",)).tolist()
    k = checks.count(k, "k")
    caller = public_caller()
    if len(relevant) == 0:
        raise InvalidInput(f"{caller}: relevant is empty, so no ranking is good. Leave it out.")
    if len(set(ranking)) != len(ranking):
        raise InvalidInput(f"{caller}: doc_ids ranks a document twice; expected each only once.")
    wanted = {int(doc) for doc in relevant}
    # (at most k,), 1 where the document of that rank is relevant
    return np.array([doc in wanted for doc in ranking[:k]], dtype=float)
