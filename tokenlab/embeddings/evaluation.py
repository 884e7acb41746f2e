"""Whether vectors know what people know: analogies, and how alike two words are.

Eqs. (3) and (4) are those of `word_vectors`.
"""

from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, on_host
from tokenlab.blocks import by_rows
from tokenlab.embeddings.vectors import directions
from tokenlab.errors import InvalidInput
from tokenlab.numerics import unit
from tokenlab.steps import step

__all__ = ["Accuracy", "analogies", "similarity"]

EPSILON = 1e-3  # of Eq. (4)


class Accuracy(NamedTuple):
    """The `share` of right answers, which are `correct (n,)`, and the `answers (n,)`, rows."""

    share: float
    correct: Any
    answers: Any


@takes(x="n d", questions="n_q 4 int")
def analogies(x: Any, questions: Any, *, method: str = "add") -> Accuracy:
    """How often "a is to b as c is to ..." finds d.

    Parameters
    ----------
    x : ndarray of shape (n, d)
    questions : ndarray of shape (n_q, 4)
        Rows a, b, c and the right answer. The three given words are never an answer.
    method : "add" or "mul"
        Eq. (3), of unit rows, or Eq. (4), with cosines moved to 0 to 1.

    Returns
    -------
    Accuracy

    Examples
    --------
    >>> x = [[1.0, 0.1, 0.0], [1.0, 0.1, 1.0], [0.0, 1.0, 0.0], [0.0, 1.0, 1.0], [1.0, 1.0, 0.1]]
    >>> analogies(x, [[0, 1, 2, 3]]).answers.tolist()
    [3]
    """
    checks.choice(method, "method", ("add", "mul"))
    checks.within(questions, "questions", len(x), "n", of="x")
    xp = get_xp(x, questions)
    # Only words that are asked about need a direction; no word without one is an answer.
    directions(x[xp.unique(questions)], "x")
    answers = answered(questions, unit(x), method)  # (n_q,)
    correct = answers == questions[:, 3]
    return Accuracy(float(correct.mean()), correct, answers)


@by_rows(lambda questions, x, method: 4 * len(x))
def answered(questions: Any, x: Any, method: str) -> Any:
    """The best row for each question, none of its own three."""
    xp = get_xp(questions, x)
    a, b, c = (x[questions[:, i]] for i in range(3))  # each (n_q, d)
    if method == "add":
        scores = (b - a + c) @ x.T  # Eq. (3), (n_q, n)
    else:
        near_a, near_b, near_c = ((1 + word @ x.T) / 2 for word in (a, b, c))
        scores = near_b * near_c / (near_a + EPSILON)  # Eq. (4)
    scores = step(scores)  # (n_q, n) how well each word would complete the question
    scores[xp.arange(len(scores))[:, None], questions[:, :3]] = -xp.inf
    return scores.argmax(axis=1)


@takes(x="n d", pairs="n_pairs 2 int", human="n_pairs")
def similarity(x: Any, pairs: Any, human: Any) -> float:
    """Whether cosines order pairs of words as people do: Spearman's rank correlation.

    Parameters
    ----------
    x : ndarray of shape (n, d)
    pairs : ndarray of shape (n_pairs, 2)
        Row numbers.
    human : ndarray of shape (n_pairs,)
        How alike people find the two.

    Returns
    -------
    float

    Examples
    --------
    >>> x, pairs = [[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]], [[0, 1], [0, 2], [1, 2]]
    >>> round(similarity(x, pairs, [9, 1, 2]), 6)
    1.0
    """
    checks.within(pairs, "pairs", len(x), "n", of="x")
    a, b = (directions(x[pairs[:, i]], "x") for i in range(2))  # (n_pairs, d)
    cosines = step((a * b).sum(axis=1))  # (n_pairs,) how alike the vectors are
    ranked = []
    for name, values in (("x", cosines), ("human", human)):
        place = ranks(on_host(values))  # (n_pairs,)
        place = place - place.mean()
        if not place.any():
            raise InvalidInput(
                f"similarity: {name} finds all pairs equally alike; expected different ones, so "
                "that there is an order."
            )
        ranked.append(place / np.linalg.norm(place))
    return float(ranked[0] @ ranked[1])


def ranks(values: Any) -> Any:
    """Places in rising order; equal values share the mean of theirs."""
    _, group, n = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(n) - (n - 1) / 2)[group]  # (n,)
