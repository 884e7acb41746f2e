"""Figures of the gallery: decoding."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from docs.figures_registry import figure
from tokenlab.decoding import any_subset, awrs, insertion, r2r, token_recycling
from tokenlab.plots import decoding as draw
from tokenlab.tour.decoding import WORDS, routed_models
from tokenlab.tour.decoding_models import alphabet, by_bytes, chain, ids, letters, shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def letter(token: int) -> str:
    """One letter, blanks and line breaks so that they can be seen."""
    return alphabet()[token].replace(" ", "␣").replace("\n", "⏎")


@figure(
    "awrs",
    name="AWRS",
    alt="Bars for letters in the order in which a constraint was asked about them: hatched where "
    "it said no, dark where it said yes; behind them the mass that is left falls; a dashed "
    "line is the weight",
    caption="The next letter has to be a vowel. Letters are drawn without replacement until one is "
    "allowed, and one more is asked about: that makes the weight right on average.",
)
def awrs_figure(fig: Figure) -> None:
    log_p = letters(6).log_probs(ids(shown(29)))
    accept = lambda token: alphabet()[token] in "aeiou"  # noqa: E731
    drawn = awrs.draw(log_p, accept, estimator="recursive", rng=0)
    draw.draw_rejection(fig.subplots(), drawn, np.exp(log_p), letter)


@figure(
    "token_recycling",
    name="Token Recycling",
    alt="A tree of letters that grows from left to right in boxes; one path from the root is dark: "
    "these guesses were right",
    caption="Fifteen guesses from the matrix of candidates, judged in one forward. The dark path "
    "is what greedy decoding writes; the model adds one letter more.",
)
def recycling_figure(fig: Figure) -> None:
    lm, paths = letters(6), token_recycling.grow_tree([[0.6, 0.25, 0.1]] * 5, 15)
    recycler = token_recycling.Recycler(len(alphabet()), 8, paths)
    context = ids(shown(5))
    token_recycling.generate(lm, context, 150, recycler)
    draft = recycler.draft(int(context[-1]))
    greedy = token_recycling.generate(lm, context, 8).tokens.tolist()
    accepted, node = [], 0
    for token in greedy:  # along the tree as long as a guess is right
        nodes = np.flatnonzero((recycler.tree.parents == node) & (draft == token))
        if not len(nodes):
            break
        node = int(nodes[0]) + 1
        accepted.append(node)
    names = [letter(token) for token in draft.tolist()]
    root = letter(int(context[-1]))
    draw.draw_tree(fig.subplots(), recycler.tree, names, root=root, accepted=accepted)


@figure(
    "any_subset",
    name="ASSD",
    alt="Letters of a text in lines, one line a round: grey ones were given and stand in every "
    "line, boxed ones were decided in that round, and a thick frame marks a replaced draft",
    caption="Sixteen letters of which four are given. Each round drafts five places at once and "
    "judges them in a second call; a filled box is a draft that was replaced.",
)
def any_subset_figure(fig: Figure) -> None:
    text = ids(shown(2)[-16:])
    known = {i: int(text[i]) for i in (0, 5, 10, 15)}
    draw.draw_rounds(fig.subplots(), any_subset.generate(chain(16), known, k=5, rng=1), letter)


@figure(
    "r2r",
    name="R2R",
    alt="A text of letters under bars of a router's score: white bars are letters of the small "
    "model, dark bars above a dashed threshold are letters of the large one",
    caption="Three letters in a row write, six letters in a row help where the router's score "
    "reaches its threshold. The router sees the small model's distribution alone.",
)
def r2r_figure(fig: Figure) -> None:
    small, large, _, router = routed_models()
    start = ids(shown(6))
    found = r2r.generate(small, large, start, 24, router)
    text = [*start, *found.tokens]
    rows = [r2r.features(small.log_probs(text[: len(start) + i]), 10) for i in range(24)]
    scores = router.predict_proba(np.array(rows))
    draw.draw_routed(fig.subplots(), found, scores, router.threshold_, letter)


@figure(
    "byte_level",
    name="Exact byte-level probabilities",
    alt="Rows of boxes, each row one way to cut a text into tokens; the last box of most rows hangs "
    "over a dashed line, which is where the text ends",
    caption="A text that ends inside of a token. Each row is an encoding that begins with it, with "
    "its share of the probability; what hangs over the end says how the text goes on.",
)
def byte_figure(fig: Figure) -> None:
    model, text = by_bytes("bpe640"), b"the lo"
    members = sorted(model.cover(text), key=lambda member: -member[1])[:9]
    draw.draw_cover(fig.subplots(), text, members, model.tokenizer.tokens)


@figure(
    "insertion",
    name="ILM",
    alt="A word in four lines, one for each insertion: letters come into any gap, the new one is "
    "dark, and dots stand where letters are still missing",
    caption="A word grows by insertion, under the exact minimum of the paper's loss on six words. "
    "Which letter goes into which gap is one choice.",
)
def insertion_figure(fig: Figure) -> None:
    used = "".join(sorted(set("".join(WORDS))))
    model = insertion.CountedInsertion.fit(WORDS, used, weight="length")
    runs = (insertion.generate(model, rng=seed) for seed in range(100))
    found = next(run for run in runs if len(run.tokens) == 4 and run.order.tolist() != [0, 1, 2, 3])
    draw.draw_insertion(fig.subplots(), found, lambda token: used[token])
