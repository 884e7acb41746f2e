"""Step-throughs of word vectors that are learned from text: a few verses, and the FAQ."""

import functools
import re
from collections import Counter
from typing import Any

import numpy as np

from tokenlab.data import load_faq, load_text
from tokenlab.embeddings import glove, skip_gram, subwords, two_towers, word_vectors
from tokenlab.numerics import unit
from tokenlab.steps import Steps, record, step
from tokenlab.tour.step_throughs import step_through

VERSES, WORDS = 400, 60


@functools.cache
def verses() -> tuple[list[str], Any, Any]:
    """The commonest words of some verses, and these by number: words, ids, offsets."""
    lines = [re.findall("[a-z]+", v.lower()) for v in load_text("bible").split("\n")][:VERSES]
    counted = Counter(word for line in lines for word in line).most_common(WORDS)
    number = {word: i for i, (word, _) in enumerate(counted)}
    kept = [[number[word] for word in line if word in number] for line in lines]
    ids = np.array([i for line in kept for i in line], dtype=np.int64)
    return list(number), ids, np.cumsum([0, *map(len, kept)])


def counts() -> Any:
    """What stands near what in them."""
    return word_vectors.cooccurrence(*verses()[1:], WORDS, window=5)


@step_through("word-vectors", "what words tell about each other, and its leading axes", k=8)
def word_vectors_steps(number: int, k: int = 8) -> Steps:
    """PMI of the words of some verses, and its factors."""
    found = counts()
    with record() as steps:
        step("counts", found.matrix(), "how often two words stand near each other", axes=("w", "c"))
        word_vectors.ppmi_svd(found, k)
    return steps


@step_through("skip-gram", "each word's products with all contexts, and the loss", d=8)
def skip_gram_steps(number: int, d: int = 8) -> Steps:
    """The expected loss at the best products of few axes."""
    found = counts()
    vectors, outputs = word_vectors.ppmi_svd(found, d, power=1.0)
    chance = skip_gram.noise(found.matrix().sum(axis=0), 1.0)
    pairs = skip_gram.pairs(*verses()[1:], 2, rng=number)[:12]
    draws = np.random.default_rng(number).integers(0, WORDS, (len(pairs), 5))
    with record() as steps:
        skip_gram.expected_loss(vectors, outputs, found.matrix(), chance, 5)
        skip_gram.loss(vectors, outputs, pairs, draws)
    return steps


@step_through("glove", "what each pair of words weighs, and how far off it is", d=8)
def glove_steps(number: int, d: int = 8) -> Steps:
    """J of a model of small random numbers."""
    found = counts()
    rng = np.random.default_rng(number)
    tables = [(rng.random(shape) - 0.5) / d for shape in ((WORDS, d), (WORDS, d), WORDS, WORDS)]
    with record() as steps:
        glove.loss(glove.GloVe(tables[0], tables[1], tables[2], tables[3], None), found)
    return steps


@step_through("subwords", "a word as the mean of its letters' n-grams", n_buckets=500)
def subwords_steps(number: int, n_buckets: int = 500) -> Steps:
    """Vectors of the words of some verses from a random table."""
    words = verses()[0]
    ids, offsets = subwords.subword_ids(words, n_buckets=n_buckets)
    table = np.random.default_rng(number).standard_normal((len(words) + n_buckets, 16))
    with record() as steps:
        step("rows of a word", ids[offsets[8] : offsets[9]], words[8], axes=("n",))
        subwords.compose(table, ids, offsets)
    return steps


@step_through(
    "two-towers", "each question finds its answer among others, and each answer its question", n=12
)
def two_towers_steps(number: int, n: int = 12) -> Steps:
    """Questions of the FAQ stand in for pictures, answers for their texts."""
    faq = load_faq()
    image = unit(np.array([query.mean(axis=0) for query in faq.queries[:n]]))
    text = unit(np.array([faq.index.doc(int(i)).mean(axis=0) for i in faq.labels[:n]]))
    with record() as steps:
        two_towers.contrastive_loss(image, text)
    return steps
