r"""How good a ranking is: recall and normalised discounted cumulative gain.

$$\mathrm{DCG}@k = \sum_{r=1}^{k} \frac{\mathrm{rel}_r}{\log_2(r + 1)}, \qquad
\mathrm{nDCG}@k = \frac{\mathrm{DCG}@k}{\text{DCG}@k \text{ of the best possible ranking}}$$

Judgements come as people have them: the right documents as a list, a set or an array, or a dict of
grades. Grades above 0 are relevant, and $\mathrm{rel}_r$ is the grade; without grades it is 1. A
document that is not judged counts as one judged 0.
"""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arrays import on_host
from tokenlab.errors import InvalidInput, public_caller

__all__ = ["ndcg", "recall"]


def recall(doc_ids: Any, relevant: Collection[int] | Mapping[int, float], k: int) -> float:
    """Share of the relevant documents that are among the first `k`.

    Parameters
    ----------
    doc_ids, relevant, k
        As in `ndcg`; a grade above 0 makes a document relevant, how much does not count.

    Examples
    --------
    >>> recall([3, 1, 2], relevant=[1, 7], k=2)
    0.5
    >>> recall([3, 1, 2], relevant={1: 2, 3: 0}, k=2)
    1.0
    """
    gains = _judged(relevant)  # of what is relevant alone
    first = _ranking(doc_ids)[: checks.count(k, "k")]  # at most k
    return sum(doc in gains for doc in first) / len(gains)


def ndcg(doc_ids: Any, relevant: Collection[int] | Mapping[int, float], k: int) -> float:
    """Gain of the first `k`, discounted by rank, over the gain of a perfect ranking.

    Parameters
    ----------
    doc_ids : sequence of int
        A ranking, best first, without repetitions; it may be shorter than `k`.
    relevant : collection of int, or mapping of int to float
        The right documents, at least one; or documents with their grades, at least one above 0.
        Grades are gains as they are, not powers of 2; one below 0 counts as 0.
    k : int

    Raises
    ------
    InvalidInput
        When nothing is relevant (the value is undefined), `k < 1`, or a document is ranked twice.

    Examples
    --------
    >>> round(ndcg([3, 1, 2], relevant=[1], k=10), 4)
    0.6309
    >>> round(ndcg([3, 1, 2], relevant={1: 3, 2: 1, 3: 0}, k=10), 4)
    0.659
    """
    gains = _judged(relevant)  # of what is relevant alone
    first = _ranking(doc_ids)[: checks.count(k, "k")]  # at most k
    # The best ranking has all that is relevant in front, by falling grade.
    best = _discounted(sorted(gains.values(), reverse=True)[:k])
    return _discounted([gains.get(doc, 0.0) for doc in first]) / best  # nDCG


def _discounted(gains: list[float]) -> float:
    """The gains of a ranking, each over the logarithm of its rank."""
    discounts = 1 / np.log2(np.arange(2, len(gains) + 2))  # (len(gains),), 1 / log2(r + 1)
    return float(np.array(gains) @ discounts)


def _ranking(doc_ids: Any) -> list[int]:
    """The ranking as a list without repetitions."""
    doc_ids = checks.integers(on_host(doc_ids), "doc_ids", np)
    ranking = checks.shaped(doc_ids, "doc_ids", ("rank",)).tolist()
    if len(set(ranking)) != len(ranking):
        raise InvalidInput(
            f"{public_caller()}: doc_ids ranks a document twice; expected each only once."
        )
    return ranking


def _judged(relevant: Any) -> dict[int, float]:
    """The gain of each relevant document, divided by the largest; of one named twice, once."""
    graded = isinstance(relevant, Mapping)
    grades = list(relevant.values()) if graded else []
    # NumPy makes no array of a set, and of a mapping neither.
    docs = list(relevant) if isinstance(relevant, Mapping | set | frozenset) else relevant
    docs = checks.integers(on_host(docs), "relevant", np).reshape(-1).tolist()
    weights = [_grade(grade) for grade in grades] if graded else [1.0] * len(docs)
    largest = max(weights, default=0.0)
    if largest <= 0:
        what = "has no grade above 0" if docs else "is empty"
        raise InvalidInput(
            f"{public_caller()}: relevant {what}, so no ranking is good. Leave this query out."
        )
    # Over the largest, so that no sum of grades overflows; a quotient of gains does not change.
    return {doc: w / largest for doc, w in zip(docs, weights, strict=True) if w > 0}


def _grade(grade: Any) -> float:
    """A grade as a number: True is 1; whatever is no number is refused."""
    return float(grade) if isinstance(grade, bool) else checks.number(grade, "relevant")
