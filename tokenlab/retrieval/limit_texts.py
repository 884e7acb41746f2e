"""Texts in the form of LIMIT: who likes what, so that every pair of people shares one thing."""

from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.errors import InvalidInput, public_caller

__all__ = ["LimitTexts", "make_limit_texts"]

MOST = 1_000_000  # people


class LimitTexts(NamedTuple):
    """Documents, queries, and the two documents that answer each query."""

    docs: list[str]
    queries: list[str]
    qrels: np.ndarray


@takes(n="count", limit="count", distractors="whole", per_doc="count", rng="rng")
def make_limit_texts(
    n: int = 46,
    *,
    limit: int = 1000,
    distractors: int = 0,
    per_doc: int | None = None,
    rng: np.random.Generator | int | None = None,
) -> LimitTexts:
    """People who like things, and for every pair of them a thing that only these two like.

    Parameters
    ----------
    n : int
        People, at least two.
    limit : int
        Pairs, at most: the first ones of `dense_qrels(n)`.
    distractors : int
        Further people, behind the others, who like nothing that is asked for.
    per_doc : int, optional
        Things that everybody likes, filled up with things that nobody asks for; by default the most
        that any document needs.
    rng : numpy.random.Generator, int or None
        Draws names and things, and the order of what somebody likes.

    Returns
    -------
    LimitTexts
        `docs` as "Ada likes cedar, flute and zoo.", `queries` as "Who likes flute?", and `qrels`
        int64 `(n_queries, 2)`.

    Raises
    ------
    InvalidInput
        More things are needed than the list of 1,817 has.

    Examples
    --------
    >>> texts = make_limit_texts(3, rng=0)
    >>> len(texts.docs), len(texts.queries), texts.qrels.tolist()
    (3, 3, [[0, 1], [0, 2], [1, 2]])
    """
    from tokenlab.data import load_limit_words
    from tokenlab.retrieval.limit_qrels import dense_qrels

    checks.count(n, "n", at_least=2)
    rng = checks.generator(rng)
    qrels = dense_qrels(n, 2, limit=limit)
    names, things = load_limit_words()
    # Document i must have a thing for each query that it answers.
    needed = np.bincount(qrels.reshape(-1), minlength=n)  # (n,)
    most = int(needed.max()) if per_doc is None else per_doc
    if most < needed.max():
        raise InvalidInput(
            f"{public_caller()}: per_doc is {per_doc}; expected at least {needed.max()}, so many "
            "things are asked for of one document."
        )
    # Distractors like nothing but what nobody asks for.
    spare = most if distractors else most - int(needed.min())  # to fill up with
    if len(qrels) + spare > len(things):
        raise InvalidInput(
            f"{public_caller()}: limit is {limit}, and {len(qrels) + spare} things are needed; the "
            f"list has {len(things)}. Take a smaller n, limit or per_doc."
        )
    # What is asked for comes first in a random order; nobody asks for the rest.
    order = rng.permutation(len(things))
    asked, unused = order[: len(qrels)], order[len(qrels) :]
    # Documents first, distractors behind.
    people = who(names, n + distractors, rng)
    docs = []
    for i in range(n + distractors):
        # Its own things, filled up with some that nobody asks for, in any order.
        own = asked[(qrels == i).any(axis=1)]
        likes = np.concatenate([own, rng.choice(unused, most - len(own), replace=False)])
        docs.append(sentence(people[i], [things[j] for j in rng.permutation(likes)]))
    return LimitTexts(docs, [f"Who likes {things[j]}?" for j in asked], qrels)


def who(names: list[str], n: int, rng: np.random.Generator) -> list[str]:
    """Different people: a name each, then two names, then three."""
    if n > MOST:
        raise InvalidInput(
            f"{public_caller()}: distractors make {n} people; expected at most {MOST}."
        )
    first = [names[i] for i in rng.permutation(len(names))]

    def called(i: int) -> str:
        # As numbers are counted in digits, so that no two are called alike.
        rest, own = divmod(i, len(first))
        return f"{first[own]} {called(rest - 1)}" if rest else first[own]

    return [called(i) for i in range(n)]


def sentence(name: str, likes: list[Any]) -> str:
    """Ada likes cedar, flute and zoo."""
    # The last one goes behind "and", with no comma before.
    head = ", ".join(likes[:-1])
    return f"{name} likes {head} and {likes[-1]}." if head else f"{name} likes {likes[-1]}."
