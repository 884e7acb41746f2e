"""Texts that have to be planned."""

import itertools
from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.decoding.chance import choose, generator, without_replacement
from tokenlab.errors import InvalidInput

__all__ = ["star_graph"]


def star_graph(
    degree: int, length: int, vocab: int, rng: Any = None
) -> tuple[np.ndarray, np.ndarray]:
    """A planning puzzle: which of the arms of a star leads to the goal?

    Parameters
    ----------
    degree : int
        Arms.
    length : int
        Edges of each arm.
    vocab : int
        Node names are drawn from it.
    rng : Generator, int or None

    Returns
    -------
    puzzle : ndarray of shape (2 * degree * length + 2,)
        The edges in random order, flat, then start and goal.
    path : ndarray of shape (length + 1,)

    Examples
    --------
    >>> puzzle, path = star_graph(2, 3, 9, rng=0)
    >>> len(puzzle), bool(puzzle[-2] == path[0]), bool(puzzle[-1] == path[-1])
    (14, True, True)
    """
    degree, length = checks.count(degree, "degree"), checks.count(length, "length")
    n = degree * length + 1  # the centre, and the arms
    rng = generator(rng)
    if n > checks.count(vocab, "vocab"):
        raise InvalidInput(f"star_graph: {n} nodes need vocab >= {n}; vocab is {vocab}.")
    names = list(itertools.islice(without_replacement(np.zeros(vocab), rng), n))
    arms = [
        [names[0], *names[1 + i * length : 1 + (i + 1) * length]] for i in range(degree)
    ]  # all begin at the centre
    edges = [edge for arm in arms for edge in itertools.pairwise(arm)]
    mixed = [edges[i] for i in without_replacement(np.zeros(len(edges)), rng)]
    path = arms[choose(np.zeros(degree), rng)]  # equal logs: each arm alike
    puzzle = [node for edge in mixed for node in edge] + [path[0], path[-1]]
    return np.array(puzzle, dtype=np.int64), np.array(path, dtype=np.int64)
