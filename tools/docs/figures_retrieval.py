"""Figures of the gallery: retrieval."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.patches import Rectangle

from docs.figures_registry import INK, SAND, figure
from tokenlab.data import load_faq
from tokenlab.numerics import topk
from tokenlab.retrieval import alignment, cluster_tokens
from tokenlab.tour import retrieval_words
from tokenlab.tour.retrieval import xtr_steps
from tokenlab.tour.retrieval_warp import warp_steps
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
    candidates_by_words(fig, filled, hit, best.values, faq.question_tokens[QUESTION])


def candidates_by_words(fig: Figure, filled: Any, hit: Any, scores: Any, words: list[str]) -> None:
    """A cell for each candidate and word; hatched where nothing was found."""
    ax = fig.subplots()
    image = ax.imshow(filled, cmap="cividis", vmin=0, vmax=1, aspect="auto")
    for row, column in zip(*(~hit).nonzero(), strict=True):
        box = Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, hatch="////", ec="white", lw=0)
        ax.add_patch(box)
    ax.set_xticks(range(len(words)), words, rotation=45, ha="right", rotation_mode="anchor")
    numbers = range(1, CANDIDATES + 1)
    ax.set_yticks(
        range(CANDIDATES),
        [f"{i}:  {s:.3f}" for i, s in zip(numbers, scores, strict=False)],
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


def stored(part: str) -> list[list[Any]]:
    """Rows that tools/findings/fewer_vectors.py found."""
    file = Path(__file__).parents[1] / "findings" / "fewer_vectors.json"
    return json.loads(file.read_text(encoding="utf-8"))[part]["rows"]


@figure(
    "limit",
    name="LIMIT",
    alt="Number of documents against dimensions two to eight: squares of gradient descent rise from "
    "three to thirty beside a curve, the paper's cubic; an arrow upwards at four says any number",
    caption="The most documents for which vectors of every pair were found, the paper's cubic, and "
    "what geometry says: three, four, then any number.",
)
def limit(fig: Figure) -> None:
    rows = stored("critical")
    d = np.linspace(2, 8, 61)
    fitted = -10.5322 + 4.0309 * d + 0.0520 * d**2 + 0.0037 * d**3
    ax = fig.subplots()
    ax.plot(d, fitted, color="0.45", label="the paper's cubic")
    ax.plot([r[0] for r in rows], [r[2] for r in rows], "s", color=INK, label="gradient descent")
    ax.plot([2, 3], [3, 4], "o", mfc="none", mec=SAND, ms=12, label="geometry: 3, 4, then any")
    ax.annotate("", (4, 33), (4, 10), arrowprops={"arrowstyle": "->", "color": SAND, "lw": 2})
    ax.set(xlabel="dimensions d", ylabel="documents", ylim=(-4, 34))
    ax.legend(loc="lower right")


@figure(
    "crisp",
    name="CRISP",
    alt="A map of an answer's tokens: points in two principal directions, joined by thin lines to "
    "the eight means of their clusters, each of which is named by its first words",
    caption="An answer's tokens in two principal directions, and the eight means that CRISP keeps in "
    "their place.",
)
def crisp(fig: Figure) -> None:
    faq = load_faq()
    doc, words = faq.index.doc(QUESTION), faq.answer_tokens[QUESTION]
    pooled = cluster_tokens(doc, 8, rng=0)
    centre = doc.mean(axis=0)
    axes = np.linalg.svd(doc - centre, full_matrices=False)[2][:2].T  # (d, 2)
    points, means = (doc - centre) @ axes, (pooled.tokens - centre) @ axes
    ax = fig.subplots()
    for (x, y), code in zip(points, pooled.codes.tolist(), strict=True):
        ax.plot([x, means[code, 0]], [y, means[code, 1]], color="0.85", lw=0.6, zorder=0)
    ax.plot(*points.T, ".", color="0.55", ms=3)
    ax.plot(*means.T, "s", color=INK)
    for code, (x, y) in enumerate(means):
        longest = sorted(
            {words[i] for i in np.flatnonzero(pooled.codes == code) if words[i].isalpha()},
            key=lambda word: (-len(word), word),
        )
        ax.annotate(
            longest[0] if longest else "", (x, y), (4, 4), textcoords="offset points", fontsize=8
        )
    ax.set(xlabel="first principal direction", ylabel="second")


@figure(
    "warp",
    name="WARP",
    alt="A table, the best answers down, tokens of a question across; hatched cells were not read: "
    "all of a column have one similarity, and next to the table stand the sums",
    caption="The same question, each token reading 4 of 256 clusters at 4 bits. Hatched: nothing "
    "was read there, so the column's WARPSELECT estimate stands in.",
)
def warp(fig: Figure) -> None:
    faq, steps = load_faq(), warp_steps(QUESTION, 4)
    shown = slice(0, CANDIDATES)
    words = faq.question_tokens[QUESTION]
    candidates_by_words(fig, steps["filled in"][shown], steps["hit"][shown], steps["scores"], words)


@figure(
    "token_pooling",
    name="Token pooling",
    alt="Bars of nDCG at ten for eight, thirty-two and a quarter of the vectors: last tokens, k-means "
    "and Ward's hierarchy, and beside each the same with means of length one, which is higher",
    caption="Answers of the FAQ in fewer vectors: what is taken or clustered, as it is (light) and "
    "scaled to length one (dark).",
)
def token_pooling(fig: Figure) -> None:
    rows = stored("normalised")
    ways = ("last tokens", "k-means", "Ward")
    ax = fig.subplots()
    names = []
    for group, size in enumerate(("8", "32", "a quarter")):
        for place, way in enumerate(ways):
            plain, unit = next(r[2:4] for r in rows if r[:2] == [size, way])
            at = 4 * group + place
            ax.bar(at - 0.2, plain, 0.4, color="0.72")
            ax.bar(at + 0.2, unit, 0.4, color=INK)
            names.append((at, f"{way}, {size}"))
    ax.axhline(stored("pooling")[0][1], color="0.4", ls="--", lw=1)
    ax.set_xticks([at for at, _ in names], [name for _, name in names], rotation=40, ha="right")
    ax.set(ylim=(0.74, 0.91), ylabel="nDCG@10")


@figure(
    "muvera",
    name="MUVERA",
    alt="Share of MaxSim's ten best that are found against bytes a document: tokens in one, two and "
    "four bits rise to one, encodings in float32 and int8 stay between four and six tenths",
    caption="What is stored of an answer, and how many of exact MaxSim's ten best are found by it "
    "alone: compressed tokens and MUVERA's encodings.",
)
def muvera(fig: Figure) -> None:
    rows = stored("muvera")
    ax = fig.subplots()
    kinds = {
        "compressed tokens": ("50 reranked", "s-", INK),
        "encodings, int8": ("int8", "o-", SAND),
        "encodings, float32": ("float32", "^-", "0.5"),
    }
    for name, (part, mark, colour) in kinds.items():
        mine = [(row[1], row[2]) for row in rows if part in row[0]]
        ax.plot(*zip(*mine, strict=True), mark, color=colour, label=name)
    ax.set(xlabel="bytes a document", ylabel="recall@10 of MaxSim", ylim=(0, 1.02))
    ax.legend(loc="lower right")
