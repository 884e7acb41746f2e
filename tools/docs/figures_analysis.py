"""Figures of the gallery: analysis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from docs.figures_registry import figure
from tokenlab.plots import analysis as draw
from tokenlab.tour.analysis import METHODS, SHOWN, counted, named, places, scores

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@figure(
    "reagent",
    name="ReAGent",
    alt="Rows of boxes, one row a method, one box a token of a text; the darker a box, the more the "
    "method credits the token, and a frame marks the two that count most",
    caption="What made a model that counts three tokens in a row say the next one: the last two "
    "alone can, and they stand on the right.",
)
def reagent_figure(fig: Figure) -> None:
    context, target = places()[SHOWN]
    rows = np.array([scores(method, counted()[0], context, target) for method in METHODS])
    draw.draw_strips(fig.subplots(), rows, named(context), METHODS, said=named([target])[0], k=2)
