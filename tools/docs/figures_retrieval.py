"""Figures of the gallery: retrieval."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.patches import Rectangle

from docs.figures_registry import INK, figure
from tokenlab.data import load_faq
from tokenlab.numerics import topk
from tokenlab.retrieval import alignment
from tokenlab.tour.retrieval import xtr_steps

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
