"""The pictures of analysis: what they show is what the results say."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from matplotlib.figure import Figure

from tokenlab.plots import analysis as draw


def test_strips_are_dark_where_a_token_counts_and_mark_the_best():
    figure = Figure()
    ax = figure.subplots()
    scores = [[0.1, 0.7, 0.2], [3.0, 3.0, 3.0]]
    draw.draw_strips(ax, scores, ["a", "b", "c"], ["one", "flat"], said="d", k=1)
    figure.canvas.draw()
    faces = np.array([box.get_facecolor()[0] for box in ax.patches]).reshape(2, 3)  # red
    assert faces[0].argsort().tolist() == [1, 2, 0]  # the darkest first
    assert (faces[1] == 1).all()  # nothing stands out
    thick = np.array([box.get_linewidth() > 1 for box in ax.patches]).reshape(2, 3)
    assert thick.tolist() == [[False, True, False], [True, False, False]]
    assert [text.get_text() for text in ax.texts if text.get_text() == "●"] == ["●", "●"]
    assert "→ d" in [text.get_text() for text in ax.texts]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["a", "b", "c"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["one", "flat"]
