"""The pictures of decoding: what they show is what the results say."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from matplotlib.figure import Figure

from tokenlab.decoding import any_subset, awrs, insertion, r2r, token_recycling
from tokenlab.decoding.byte_level import Cover
from tokenlab.lm import ChainLM, TableLM
from tokenlab.plots import decoding as draw


@pytest.fixture
def ax():
    figure = Figure()
    yield figure.subplots()
    figure.canvas.draw()  # nothing is left undone until then


def words(ax):
    return [text.get_text() for text in ax.texts]


def test_a_tree_lights_its_accepted_path(ax):
    tree = token_recycling.build_tree([(0,), (1,), (0, 0)])
    draw.draw_tree(ax, tree, ["x", "y", "z"], root="r", accepted=[1, 3])
    assert words(ax) == ["r", "x", "y", "z"]
    filled = [text.get_bbox_patch().get_facecolor()[:3] != (1, 1, 1) for text in ax.texts]
    assert filled == [True, True, False, True]
    thick = [line.get_linewidth() > 2 for line in ax.lines]
    assert thick == [True, False, True]


def test_rejected_tokens_stand_in_order_with_mass_and_weight(ax):
    p = np.array([0.4, 0.3, 0.2, 0.1])
    drawn = awrs.recursive(np.log(p), [0, 2, 1, 3], lambda token: token == 1)
    draw.draw_rejection(ax, drawn, p, "abcd".__getitem__)
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["a", "c", "b", "d"]
    left = [bar.get_height() for bar in ax.patches[:4]]
    np.testing.assert_allclose(left, [1, 0.6, 0.4, 0.4])
    assert ax.lines[0].get_ydata()[0] == pytest.approx(0.3)


def test_particles_have_a_line_each_and_their_text(ax):
    lm = TableLM([[0.5, 0.25], [0.0, 0.25]])
    found = awrs.generate(lm, lambda prefix, token: True, n_particles=3, max_tokens=2, rng=0)
    draw.draw_particles(ax, found, "ab".__getitem__)
    assert words(ax) == ["".join("ab"[t] for t in text) for text in found.tokens]
    assert len(ax.lines) == 2 * 3 * 2  # a line and what it comes from, for each particle and step


def test_a_text_grows_line_by_line(ax):
    grown = insertion.Inserted(np.array([0, 1, 2]), np.array([1, 0, 2]), (0, 0, 2), True)
    draw.draw_insertion(ax, grown, "abc".__getitem__)
    assert words(ax) == ["·", "b", "·", "a", "b", "·", "a", "b", "c"]


def test_rounds_show_known_places_in_every_line(ax):
    chain = ChainLM([1.0, 0.0], [[0.0, 1.0], [1.0, 0.0]], 6)
    found = any_subset.generate(chain, {0: 0}, k=3, rng=0)
    draw.draw_rounds(ax, found, "ab".__getitem__)
    assert words(ax).count("a") == len(found.rounds) + found.tokens.tolist()[1:].count(0)


def test_routed_letters_of_the_large_model_are_bold(ax):
    found = r2r.Routed(np.array([0, 1]), np.array([False, True]), np.array([0, 0]), 1)
    draw.draw_routed(ax, found, [0.2, 0.9], 0.5, "ab".__getitem__)
    assert [tick.get_fontweight() for tick in ax.get_xticklabels()] == ["normal", "bold"]


def test_covers_hang_over_the_end(ax):
    members = [(Cover((0, 1), b"c"), np.log(0.25)), (Cover((0, 2), b""), np.log(0.75))]
    draw.draw_cover(ax, b"ab", members, [b"a", b"bc", b"b"])
    assert words(ax) == ["a", "b", "75%", "a", "b", "c", "25%"]
    assert ax.get_xlim()[1] > 3
