"""Data for the tour's part on embeddings: debiased words, answers, a chain, passages, verses."""

import functools
import re
from typing import Any

import numpy as np

from tokenlab.data import load_faq, load_glove, load_text, load_word_lists
from tokenlab.embeddings import debias, information_flow
from tokenlab.lm import ChainLM
from tokenlab.numerics import unit

PAIR = ("gold", "lord")
VERSES = 300
COMMONEST = 50
NAMES = "vc_"  # vowel, consonant, blank


@functools.cache
def symbols() -> Any:
    """Shakespeare as vowels, consonants and blanks, (n,)."""
    letters = re.sub("[^a-z]+", " ", load_text("shakespeare")[:200_000].lower())
    kinds = {c: 0 if c in "aeiouy" else 1 for c in "abcdefghijklmnopqrstuvwxyz"} | {" ": 2}
    return np.array([kinds[c] for c in letters])


def chain(n: int, start: int = 0) -> tuple[ChainLM, str, Any]:
    """A Markov chain of these symbols, their names, and n of them."""
    ids = symbols()
    counts = np.ones((3, 3))
    np.add.at(counts, (ids[:-1], ids[1:]), 1)
    lm = ChainLM(
        np.bincount(ids) / len(ids), counts / counts.sum(axis=1, keepdims=True), length=1 << 16
    )
    first = 40 * start + 1
    return lm, NAMES, ids[first : first + n]


@functools.cache
def passages(n: int) -> tuple[Any, list[str]]:
    """Counts of words in n passages of ten verses, from all books, without the commonest words."""
    verses = [verse for verse in load_text("bible").split("\n") if verse.strip()]
    starts = np.linspace(0, len(verses) - 10, n).astype(int)
    docs = [re.findall("[a-z]+", " ".join(verses[i : i + 10]).lower()) for i in starts]
    every = re.findall("[a-z]+", load_text("bible").lower())
    words, counts = np.unique(every, return_counts=True)
    common = set(words[np.argsort(-counts, kind="stable")[:COMMONEST]].tolist())
    kept = sorted({word for doc in docs for word in doc} - common)
    number = {word: i for i, word in enumerate(kept)}
    table = np.zeros((n, len(kept)), np.float32)
    for row, doc in enumerate(docs):
        for word in doc:
            if word in number:
                table[row, number[word]] += 1
    return table, kept


@functools.cache
def verses_with() -> tuple[Any, Any, list[str]]:
    """Verses with one of two words, both of which became one word: ids, offsets, and the words."""
    merged = dict.fromkeys(PAIR, "+".join(PAIR))
    found = []
    for verse in load_text("bible").split("\n"):
        words = re.findall("[a-z]+", verse.lower())
        if set(PAIR) & set(words):
            found.append([merged.get(word, word) for word in words])
    found = found[:VERSES]
    names, counts = np.unique([word for verse in found for word in verse], return_counts=True)
    common = np.argsort(-counts, kind="stable")[:20]
    kept = [w for i, w in enumerate(names) if counts[i] >= 4 and (i not in common or "+" in w)]
    number = {str(word): i for i, word in enumerate(kept)}
    rows = [[number[word] for word in verse if word in number] for verse in found]
    offsets = np.cumsum([0, *map(len, rows)])
    return np.concatenate(rows).astype(np.int64), offsets, list(number)


@functools.cache
def debiased() -> tuple[Any, Any, Any, Any]:
    """Vectors of length one, the axis of ten pairs, hard-debiased vectors, rows of occupations."""
    glove = load_glove()
    lists = load_word_lists()
    x = unit(glove.x)
    basis = debias.bias_subspace(x, [list(glove.rows(p)) for p in lists["gender_pairs"]]).basis
    specific = glove.rows(lists["gender_specific"])
    sets = [list(glove.rows(pair)) for pair in lists["equalize_pairs"]]
    hard = debias.hard_debias(x, basis, specific=specific, sets=sets)
    return x, basis, hard, glove.rows(lists["occupations"])


def representative_tokens(number: int) -> information_flow.Representative:
    """Which tokens of a question of the FAQ find its answer, alone."""
    faq = load_faq()
    answers = answer_means()
    x = faq.queries[number]

    def finds(h: Any) -> float:
        return float((unit(h.sum(axis=0)[None]) @ answers.T).argmax() == number)

    return information_flow.representative(x, (0, len(x)), np.zeros(64, np.float32), finds)


@functools.cache
def answer_means() -> Any:
    """The mean vector of each answer, (158, 64)."""
    faq = load_faq()
    parts = np.split(faq.index.tokens, faq.index.offsets[1:-1])
    return unit(np.stack([part.mean(axis=0) for part in parts]))
