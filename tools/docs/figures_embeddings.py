"""Figures of the gallery: embeddings, on words of GloVe, the FAQ, verses and stored results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from docs.figures_registry import BLUE, INK, SAND, bare, figure, plain
from tokenlab.data import load_faq, load_findings, load_glove, load_word_lists
from tokenlab.embeddings import lexinvariant, triplet, visual_unicode, weat
from tokenlab.numerics import unit
from tokenlab.tour.embeddings_texts import answer_means, chain, representative_tokens

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def found(part: str) -> dict[str, Any]:
    """Stored results of a part of the findings."""
    return load_findings("embeddings")[part]


def bars(ax: Axes, names: list[str], values: list[float], label: str) -> None:
    """Lying bars, the first one on top."""
    ax.barh(range(len(names)), values, color=BLUE)
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    ax.set_xlabel(label)
    plain(ax)


@figure(
    "debias",
    name="Debiasing",
    alt="A curve of direct bias against the weight of soft debiasing, on a logarithmic axis: flat at "
    "the paper's weight of 0.2, and falling only for weights ten thousand times larger",
    caption="Occupations along the axis from he to she: the printed weight of soft debiasing does "
    "nothing on a whole vocabulary.",
)
def debias_figure(fig: Figure) -> None:
    rows = found("debias")
    values = rows["after soft debiasing, by weight"]
    ax = fig.subplots()
    ax.semilogx([float(w) for w in values], list(values.values()), "o-", color=BLUE, label="soft")
    ax.axhline(rows["direct bias of occupations"], color=SAND, label="as it is")
    ax.axhline(rows["along a random direction"], color=INK, ls=":", label="a random axis")
    ax.set(xlabel="weight", ylabel="direct bias", ylim=(0, None))
    ax.legend(frameon=False)
    plain(ax)


@figure(
    "weat",
    name="WEAT",
    alt="Sixteen names as points along a line, eight names of men on the side of career and eight of "
    "women on the side of family, nearly without overlap",
    caption="Names by how much nearer they are to career than to family: the effect size is their "
    "gap in standard deviations.",
)
def weat_figure(fig: Figure) -> None:
    glove, lists = load_glove(), load_word_lists()
    sides = ("male_names", "female_names", "career", "family")
    x, y, a, b = (unit(glove.x[glove.rows(lists[f"weat_{side}"])]) for side in sides)
    ax = fig.subplots()
    for row, (side, color, name) in enumerate(((x, BLUE, "men"), (y, SAND, "women"))):
        scores = (side @ a.T).mean(axis=1) - (side @ b.T).mean(axis=1)
        ax.plot(scores, np.full(len(scores), row), "o", color=color, label=f"names of {name}")
    effect = weat.association(x, y, a, b, limit=100, rng=0).effect
    ax.set(yticks=[], ylim=(-0.8, 1.8), xlabel=f"career rather than family (effect {effect:.2f})")
    ax.legend(frameon=False, loc="upper center", ncols=2)
    plain(ax)


@figure(
    "decor",
    name="DECOR",
    alt="Two bars a step: as more of the second question's span is projected away, the share of "
    "wanted answers found rises and the share of unwanted ones falls to nothing",
    caption="Two questions in one text: what it still finds after the span of the second one is "
    "projected away.",
)
def decor_figure(fig: Figure) -> None:
    rows = found("decor")
    names = {"nothing": "0", **{f"all axes, alpha {a}": str(a) for a in (0.25, 0.5, 0.75, 1.0)}}
    ax = fig.subplots()
    for shift, side, color in ((-0.2, "wanted", BLUE), (0.2, "undesired", SAND)):
        values = [rows[name][side] for name in names]
        ax.bar(np.arange(len(names)) + shift, values, 0.4, color=color, label=side)
    ax.set_xticks(range(len(names)), names.values())
    ax.set(xlabel="alpha", ylabel="answers found")
    ax.legend(frameon=False)
    plain(ax)


@figure(
    "information_flow",
    name="Follow the Flow",
    alt="The wordpieces of three questions in rows, each in a box: dark boxes are pieces whose state "
    "alone finds the answer to the question, pale ones do not",
    caption="Dark: patched in alone, this wordpiece finds the answer among 158; function words often "
    "do.",
)
def flow_figure(fig: Figure) -> None:
    ax = fig.subplots()
    for row, number in enumerate((2, 20, 45, 60)):
        lit = representative_tokens(number).representative[1:-1]
        tokens = load_faq().question_tokens[number][1:-1]
        for column, (token, right) in enumerate(zip(tokens[:7], lit, strict=False)):
            colors = {"facecolor": BLUE if right else "0.92", "edgecolor": "none"}
            ax.text(
                column * 1.0,
                -row,
                token[:9],
                color="w" if right else INK,
                fontsize=7,
                ha="center",
                bbox={"boxstyle": "round,pad=0.3", **colors},
            )
    ax.set(xlim=(-0.6, 6.6), ylim=(-3.6, 0.6))
    ax.axis("off")


@figure(
    "lexinvariant",
    name="Lexinvariant",
    alt="On the left six curves, one for each key of a cipher of three symbols: that of the true key "
    "rises to one. On the right nats a symbol by place: a trained model lies between counting "
    "symbols and Bayes' rule",
    caption="Left: how likely each of six keys is, dark the true one. Right: what each symbol of "
    "another chain costs a small trained model, beside Bayes' rule, which is exact, and counting.",
)
def lexinvariant_figure(fig: Figure) -> None:
    lm, _, ids = chain(80, start=3)
    key = np.array([2, 0, 1])
    done = lexinvariant.decipher(lm, np.argsort(key)[ids])
    ax, beside = fig.subplots(1, 2)
    for shares, one in zip(np.exp(done.log_posterior).T, done.keys, strict=True):
        true = (one == key).all()
        ax.plot(shares, color=BLUE if true else SAND, lw=2 if true else 1, zorder=3 if true else 2)
    ax.set(xlabel="symbols seen", ylabel="probability of the key", ylim=(0, 1.02))
    plain(ax)
    rows = found("lexinvariant")
    curves = {"symbols counted": SAND, "trained": BLUE, "Bayes' rule": INK}
    for name, color in curves.items():
        beside.plot(rows[name], color=color, ls="--" if color == INK else "-", label=name)
    beside.set(xlabel="symbols seen", ylabel="nats a symbol")
    beside.legend(frameon=False, fontsize=7)
    plain(beside)


@figure(
    "visual_unicode",
    name="Visual Unicode",
    alt="A matrix of cosines between ten characters, with a picture of each along both sides: capital "
    "O and zero, and small l and capital I, are bright off the diagonal",
    caption="Cosines of the rows that pictures of characters give: what looks alike is alike, whatever "
    "it means.",
)
def visual_figure(fig: Figure) -> None:
    characters = "O0QCaAlI1x"
    bits = visual_unicode.render(list(characters)).bits
    table = visual_unicode.visual_embedding(bits, 8).table
    ax = fig.subplots()
    ax.imshow(table @ table.T, cmap="cividis", vmin=-1, vmax=1)
    for i, picture in enumerate(bits):
        for place in ((i - 0.45, i + 0.45, -0.6, -1.5), (-1.5, -0.6, i + 0.45, i - 0.45)):
            ax.imshow(~picture, cmap="gray", extent=place)
    ax.set(xlim=(-1.6, 9.5), ylim=(9.5, -1.6))
    bare(ax, "")
    ax.axis("off")


@figure(
    "paragraph_codes",
    name="Binary PV",
    alt="Lying bars of precision at ten with codes of 32 bits: chance and random hyperplanes are "
    "short, signs of a PCA long, learned bits and real vectors longest",
    caption="Passages of the Bible by 32 bits: how many of the ten nearest are from the same book.",
)
def codes_figure(fig: Figure) -> None:
    rows = found("codes")
    names = ["random hyperplanes", "PCA signs", "binary", "real_binary"]
    values = [rows["random"], *(rows["32 bits"][name] for name in names)]
    bars(fig.subplots(), ["chance", *names], values, "precision at 10")


@figure(
    "senses",
    name="Disambiguated skip-gram",
    alt="Ten pairs of words that were merged, each with two bars: for some the model tells nearly all "
    "uses apart, for others no more than always guessing the commoner word",
    caption="Two words of the Bible merged into one: the share of uses told apart, and that of always "
    "taking the commoner one.",
)
def senses_figure(fig: Figure) -> None:
    rows = found("senses")["by pair"]
    ax = fig.subplots()
    places = np.arange(len(rows))
    for shift, column, color, name in ((-0.2, 0, BLUE, "model"), (0.2, 2, SAND, "commoner word")):
        values = [row[column] for row in rows.values()]
        ax.barh(places + shift, values, 0.4, color=color, label=name)
    ax.set_yticks(places, rows, fontsize=7)
    ax.invert_yaxis()
    ax.set(xlim=(0.4, 1), xlabel="told apart")
    ax.legend(loc="upper right", fontsize=7)
    plain(ax)


@figure(
    "triplet",
    name="T-VEC",
    alt="Points of the distance from each question to its answer against that to the nearest wrong "
    "answer, with the diagonal and the line of the margin: many lie between the two",
    caption="Triplets of the FAQ with the hardest negative: left of the dashed line the margin is "
    "kept.",
)
def triplet_figure(fig: Figure) -> None:
    questions = unit(np.stack([x.mean(axis=0) for x in load_faq().queries]))
    answers = answer_means()
    negative = answers[triplet.mine(questions, answers)]
    near, far = (1 - (questions * other).sum(axis=1) for other in (answers, negative))
    ax = fig.subplots()
    ax.plot(near, far, "o", color=BLUE, markersize=3)
    ax.plot([0, 0.8], [0, 0.8], color=SAND)
    ax.plot([0, 0.5], [0.3, 0.8], color=INK, ls="--")
    ax.set(xlabel="to its own answer", ylabel="to the nearest other", xlim=(0, 0.8), ylim=(0, 0.8))
    plain(ax)


@figure(
    "in_context_vectors",
    name="In-context vectors",
    alt="Two curves against the strength of the shift: log-odds of good words rise from below zero, and "
    "the perplexity of an ordinary text rises with them, steeply at the end",
    caption="SmolLM2 shifted towards good words: the mood turns, and from some strength on the model "
    "no longer writes English.",
)
def icv_figure(fig: Figure) -> None:
    rows = found("icv")
    name = "second part of each layer, strength "
    points = sorted((float(k.removeprefix(name)), v) for k, v in rows.items() if k.startswith(name))
    x = [point[0] for point in points]
    ax = fig.subplots()
    ax.plot(x, [p[1]["log-odds of good"] for p in points], "o-", color=BLUE)
    ax.set(xlabel="strength", ylabel="log-odds of good words")
    other = ax.twinx()
    other.semilogy(x, [p[1]["perplexity"] for p in points], "s--", color=SAND)
    other.set_ylabel("perplexity")
    other.spines[["top"]].set_visible(False)
    plain(ax)
