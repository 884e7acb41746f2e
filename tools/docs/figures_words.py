"""Figures of the gallery: word vectors that are learned from text."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from docs.figures_registry import BLUE, figure, plain
from tokenlab.embeddings import glove, skip_gram, subwords, word_vectors
from tokenlab.tour.embeddings_words import counts, two_towers_steps, verses

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def matrix(fig: Figure, values: Any, names: list[str], across: str, down: str) -> None:
    """A picture of a matrix of words."""
    ax = fig.subplots()
    ax.imshow(values, cmap="viridis")
    ax.set_xticks(range(len(names)), names, rotation=90, fontsize=6)
    ax.set_yticks(range(len(names)), names, fontsize=6)
    ax.set_xlabel(across)
    ax.set_ylabel(down)


@figure(
    "word_vectors",
    name="Word vectors",
    alt="A square of words of Genesis by words, bright where two of them stand near each other more "
    "often than by chance; rare pairs of content words are bright, pairs with the are dark",
    caption="The positive part of PMI of common words in the first verses of Genesis.",
)
def word_vectors_figure(fig: Figure) -> None:
    told = word_vectors.pmi(counts())
    dense = word_vectors.Counts(*told[:3], told.vocab).matrix()
    matrix(fig, np.maximum(dense, 0)[:24, :24], verses()[0][:24], "context", "word")


@figure(
    "skip_gram",
    name="Skip-gram",
    alt="A curve of the share of a word's occurrences that is kept against its frequency, flat at one "
    "for rare words and falling with the root; a second one, of the released code, lies above",
    caption="How much of a word is learned from, by its frequency: as printed, and as released.",
)
def skip_gram_figure(fig: Figure) -> None:
    share = np.geomspace(1e-5, 0.1, 200)
    ax = fig.subplots()
    for variant, style in (("paper", "-"), ("official", "--")):
        rest = np.append(share, 1)  # each with what is missing to one
        kept = [skip_gram.keep_probability([s, 1 - s], 1e-3, variant=variant)[0] for s in rest[:-1]]
        ax.semilogx(share, kept, style, color=BLUE, label=variant)
    ax.set_xlabel("frequency of a word")
    ax.set_ylabel("kept")
    ax.legend()
    plain(ax)


@figure(
    "glove",
    name="GloVe",
    alt="A rising curve of the weight of a pair of words against how often it occurs, up to 1 at a "
    "hundred times, and flat from there on",
    caption="What a pair of words weighs in GloVe's objective, by how often it occurs.",
)
def glove_figure(fig: Figure) -> None:
    x = np.linspace(0, 200, 400)
    ax = fig.subplots()
    ax.plot(x, glove.weighting(x), color=BLUE)
    ax.set_xlabel("how often a pair occurs")
    ax.set_ylabel("weight")
    plain(ax)


@figure(
    "subwords",
    name="Subwords",
    alt="A square of words of Genesis by words, bright where two words share many of the n-grams of "
    "their letters: words with a common stem or ending form bright places off the diagonal",
    caption="What words share before anything is learned: the rows of their letters' n-grams.",
)
def subwords_figure(fig: Figure) -> None:
    words = ["son", "sons", "daughter", "daughters", "called", "calling", "walked", "walking"]
    ids, offsets = subwords.subword_ids(words, n_buckets=20_000)
    rows = [set(ids[a:b].tolist()) for a, b in itertools.pairwise(offsets)]
    shared = [[len(a & b) / len(a | b) for b in rows] for a in rows]
    matrix(fig, np.array(shared), words, "word", "word")


@figure(
    "two_towers",
    name="CLIP's loss",
    alt="A square of twelve questions by twelve answers of the Python FAQ: the diagonal, where each "
    "question meets its own answer, is brighter than most of the rest of its row",
    caption="Each question of the FAQ has to find its answer, and each answer its question.",
)
def two_towers_figure(fig: Figure) -> None:
    steps = two_towers_steps(0)
    names = [str(i) for i in range(12)]
    matrix(fig, steps["logits"], names, "answer", "question")
