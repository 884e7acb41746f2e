"""Figures of the gallery: analysis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from docs.figures_registry import figure
from tokenlab.data import load_residual_walk
from tokenlab.plots import analysis as draw
from tokenlab.tour import analysis_masks, analysis_walk
from tokenlab.tour.analysis_strips import KEEP, strips

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@figure(
    "reagent",
    name="ReAGent",
    alt="Eight rows of boxes, one row a method, one box a token of a text; the darker a box, the more "
    "the method credits the token, and a frame with a dot marks the three that count most",
    caption="What made a small model say its next word, by ReAGent, five other methods, and two that "
    "ask no model: later is better, and chance.",
)
def reagent_figure(fig: Figure) -> None:
    tokens, said, found = strips()
    draw.draw_strips(fig.subplots(), list(found.values()), tokens, list(found), said=said, k=KEEP)


@figure(
    "bigram_subnetworks",
    name="Bigram subnetworks",
    alt="A row with a bar and a dot for each set of weights: how strongly what is left of a small "
    "model agrees with bigrams. The subnetwork's reaches farthest, beyond the whole model's, with a "
    "twentieth of the weights",
    caption="Correlation of surprisals with those of bigrams, for sets of weights of a tiny model, "
    "and the share of weights that each keeps; learned while this page was built.",
)
def subnetwork_figure(fig: Figure) -> None:
    found = analysis_masks.compared()
    values = [said.correlation for _, said in found.values()]
    notes = [f"{share:.0%}" for share, _ in found.values()]
    ax = fig.subplots()
    draw.draw_kept(ax, list(found), values, notes)
    ax.set_xlabel("correlation with bigrams")


@figure(
    "dynamics",
    name="Movement through embedding space",
    alt="A line of 61 points in a plane: it begins at the right, where a token's vector is itself, "
    "falls to the left at once, wanders there, and climbs to its end, with the words that would be "
    "said written beside some points",
    caption="Behind “To be, or not to be: that is the”, SmolLM2: two moves turn the token's vector "
    "by a right angle, and from layer 24 on it stands where the next word is said.",
)
def walk_figure(fig: Figure) -> None:
    own, end = (cosine[:, analysis_walk.SHOWN] for cosine in analysis_walk.ends())
    found = load_residual_walk()
    words = {
        at: f"{analysis_walk.move_name(at)}: “{found.top_words(at, analysis_walk.SHOWN)[0].strip()}”"
        for at in (0, 48, 60)
    }
    draw.draw_walk(fig.subplots(), own, end, words)
