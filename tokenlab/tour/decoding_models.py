"""Small models of real text for the tour of decoding: letters of the plays, counted."""

from functools import cache
from typing import Any

import numpy as np

from tokenlab.data import load_bpe, load_text
from tokenlab.decoding.byte_level import ByteLM
from tokenlab.lm import ChainLM, NGramLM, TableLM

FITTED = 200_000  # characters that are counted; what comes behind them is new to the models


@cache
def play() -> str:
    """The plays in lower case."""
    return load_text("shakespeare").lower()


@cache
def alphabet() -> str:
    """All characters that occur, in order: the vocabulary of the letter models."""
    return "".join(sorted(set(play())))


def ids(text: str) -> np.ndarray:
    """A text as places in the alphabet."""
    return np.array([alphabet().index(letter) for letter in text], dtype=np.int64)


def spelled(tokens: Any) -> str:
    """Places in the alphabet as a text."""
    return "".join(alphabet()[int(token)] for token in tokens)


@cache
def letters(order: int) -> NGramLM:
    """Counts of that many letters in a row."""
    return NGramLM.fit(ids(play()[:FITTED]), order, len(alphabet()))


@cache
def chain(length: int) -> ChainLM:
    """The letters as a Markov chain: a model that can be asked for any place."""
    counts = np.full((len(alphabet()),) * 2, 0.01)
    text = ids(play()[:FITTED])
    np.add.at(counts, (text[:-1], text[1:]), 1)
    return ChainLM(
        counts.sum(axis=1) / counts.sum(), counts / counts.sum(axis=1, keepdims=True), length
    )


@cache
def by_bytes(name: str) -> ByteLM:
    """Trigrams of byte-pair tokens as a model of bytes."""
    tokenizer = load_bpe(name)
    text = play()[:FITTED]
    lm = NGramLM.fit(tokenizer.encode(text), 3, len(tokenizer.tokens))
    return ByteLM(lm, tokenizer, window=1)


def shown(number: int, length: int = 60) -> str:
    """The end of a text that the models have not seen; `number` says where it is cut."""
    end = FITTED + 1009 * (number + 1)
    return play()[end - length : end]


def two_letters() -> TableLM:
    """Texts of two letters: after an a, nearly always another one."""
    return TableLM([[0.9 * 0.99, 0.9 * 0.01], [0.1 * 0.5, 0.1 * 0.5]])


def not_aa(prefix: tuple[int, ...], token: int) -> bool:
    """The constraint of the example: two a in a row are forbidden."""
    return (*prefix, token) != (0, 0)
