"""Figures of the gallery: retrieval."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.patches import Rectangle

from docs.figures_registry import INK, SAND, figure
from tokenlab.data import load_faq
from tokenlab.numerics import topk
from tokenlab.retrieval import alignment
from tokenlab.tour import retrieval_words
from tokenlab.tour.retrieval import xtr_steps
from tokenlab.tour.terminal import short

if TYPE_CHECKING:
    from matplotlib.figure import Figure

QUESTION = 5  # How fast are exceptions?
COLUMNS = 11  # tokens of the answer that fit
CANDIDATES, K_PRIME = 6, 100


@figure(
    "colbert",
    name="ColBERT",
    alt="A table of similarities, tokens of a question down, tokens of its answer across; in each "
    "row one cell is outlined: the best match, and the score is the mean of those",
    caption="A question of the Python FAQ and a part of its answer. Outlined: each token's best "
    "match. MaxSim is their mean.",
)
def colbert(fig: Figure) -> None:
    faq = load_faq()
    query, doc = faq.queries[QUESTION], faq.index.doc(QUESTION)
    chosen, _ = alignment(query, doc)
    others = np.setdiff1d(np.arange(1, len(doc)), chosen)
    columns = np.union1d(chosen, others[: COLUMNS - len(set(chosen.tolist()))])
    ax = fig.subplots()
    image = ax.imshow(query @ doc[columns].T, cmap="cividis", vmin=0, vmax=1, aspect="auto")
    for row, token in enumerate(chosen):
        at = int(np.searchsorted(columns, token))
        ax.add_patch(Rectangle((at - 0.5, row - 0.5), 1, 1, fill=False, ec="white", lw=4))
        ax.add_patch(Rectangle((at - 0.5, row - 0.5), 1, 1, fill=False, ec=INK, lw=1.6))
    words = [faq.answer_tokens[QUESTION][j] for j in columns]
    ax.set_xticks(range(len(columns)), words, rotation=45, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(len(query)), faq.question_tokens[QUESTION])
    ax.set(xlabel="some tokens of the answer", ylabel="the question")
    fig.colorbar(image, label="cosine")


@figure(
    "xtr",
    name="XTR",
    alt="A table, candidate documents down, tokens of a question across; some cells are hatched: "
    "nothing was retrieved there, and all hatched cells of a column have the same similarity",
    caption=f"The {CANDIDATES} best answers to the same question. Hatched: no token among the "
    f"{K_PRIME} that were retrieved, so the worst retrieved similarity stands in.",
)
def xtr(fig: Figure) -> None:
    faq, steps = load_faq(), xtr_steps(QUESTION, K_PRIME)
    best = topk(steps["scores"], CANDIDATES)
    filled, hit = steps["filled in"][best.ids], steps["hit"][best.ids]
    ax = fig.subplots()
    image = ax.imshow(filled, cmap="cividis", vmin=0, vmax=1, aspect="auto")
    for row, column in zip(*(~hit).nonzero(), strict=True):
        box = Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, hatch="////", ec="white", lw=0)
        ax.add_patch(box)
    words = faq.question_tokens[QUESTION]
    ax.set_xticks(range(len(words)), words, rotation=45, ha="right", rotation_mode="anchor")
    numbers = range(1, CANDIDATES + 1)
    ax.set_yticks(
        range(CANDIDATES),
        [f"{i}:  {s:.3f}" for i, s in zip(numbers, best.values, strict=True)],
    )
    ax.set(xlabel="tokens of the question", ylabel="candidates: rank and score")
    fig.colorbar(image, label="cosine")


@figure(
    "dupmae",
    name="DupMAE",
    alt="A table of products, tokens of a question down, the twelve words of the largest products "
    "across; in each column the largest is outlined: quickly, slow and pace at the token fast",
    caption="The bag of a question. Outlined: which token's state is nearest to a word; what "
    "stands there is the word's number in the bag.",
)
def dupmae(fig: Figure) -> None:
    faq, known = load_faq(), retrieval_words.words()
    states = faq.queries[QUESTION][1:-1]
    logits = states @ known.weight  # (n, vocab)
    columns = topk(logits.max(axis=0), 12).ids
    ax = fig.subplots()
    image = ax.imshow(logits[:, columns], cmap="cividis", aspect="auto")
    for column, row in enumerate(logits[:, columns].argmax(axis=0)):
        ax.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, ec="white", lw=4))
        ax.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, ec=INK, lw=1.6))
    names = [known.names[i] for i in columns]
    ax.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(len(states)), faq.question_tokens[QUESTION][1:-1])
    ax.set(xlabel="the largest words of its bag", ylabel="the question")
    fig.colorbar(image, label="product")


@figure(
    "lexsembridge",
    name="LexSemBridge",
    alt="A falling line over 64 dimensions, the factors of one question, and dots, those of "
    "another one in the same order, above and below a dashed line at one divided by 64",
    caption="How much each dimension counts for two questions, by their words alone. Dashed: all "
    "alike, which changes no ranking.",
)
def lexsembridge(fig: Figure) -> None:
    first, second = (retrieval_words.lexsembridge_steps(i)["v"] for i in (QUESTION, 12))
    order = topk(first, len(first)).ids
    ax = fig.subplots()
    questions = load_faq().questions
    ax.plot(first[order], color=INK, label=short(questions[QUESTION], 34))
    ax.plot(second[order], "o", ms=4, color=SAND, label=short(questions[12], 34))
    ax.axhline(1 / len(first), color="0.5", ls="--", lw=1)
    ax.set(xlabel="dimensions, in the order of the first question's", ylabel="factor v")
    ax.legend()
