"""Forty prompts as MiniLM sees them, in the space of the FAQ: pairs of questions, words beside others.

Where they come from, and under which licence, is told in `SOURCES.md`.
"""

import json
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np

from tokenlab.data.python_faq import _read_tokens, _unit

__all__ = ["Prompts", "load_prompts"]


class Prompts(NamedTuple):
    """Texts, their wordpieces, and a vector of length one for each piece.

    Attributes
    ----------
    texts : list of str
    tokens : list of list of str
    states : list of ndarray of shape (n, 64)
        float32, in the space of `load_faq()`.
    pairs : list of pairs of int
        Text i is the question `pairs[i][0]` of the FAQ and behind it `pairs[i][1]`.
    leaks : list of pairs of int
        Two texts: a word beside another one, and the word alone.
    """

    texts: list[str]
    tokens: list[list[str]]
    states: list[np.ndarray]
    pairs: list[list[int]]
    leaks: list[list[int]]


@cache
def load_prompts() -> Prompts:
    """Read the prompts from the installed package.

    Returns
    -------
    Prompts
        The same object at every call; its arrays are read-only.

    Examples
    --------
    >>> prompts = load_prompts()
    >>> len(prompts.texts), [prompts.texts[i] for i in prompts.leaks[0]]
    (40, ['a bank beside a river', 'a bank'])
    """
    folder = files("tokenlab.data") / "prompts"
    found = json.loads((folder / "prompts.json").read_text(encoding="utf-8"))
    with (folder / "states.npz").open("rb") as file, np.load(file) as stored:
        states = np.split(_unit(stored["states"]), stored["offsets"][1:-1])
    n = len(found["pairs"])
    leaks = [[i, i + 1] for i in range(n, len(found["texts"]), 2)]
    tokens = _read_tokens(folder / "tokens.txt")
    return Prompts(found["texts"], tokens, states, found["pairs"], leaks)
