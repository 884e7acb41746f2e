"""What the tour and the pictures show of subnetworks and walks is what the library computes."""

import numpy as np
import pytest

from tokenlab.analysis import bigram_subnetworks
from tokenlab.data import load_residual_walk
from tokenlab.tour import analysis_masks, analysis_walk


def test_the_tours_subnetwork_holds_what_is_said_of_it():
    found = analysis_masks.compared()
    share, said = found["subnetwork"]
    assert share < 0.1
    assert found["whole model"][0] == 1
    assert found["no block"][0] == 0
    for name in ("whole model", "as many random weights", "as many largest weights", "no block"):
        assert said.correlation > found[name][1].correlation
    assert found["all but the subnetwork"][1].nats > found["all but random weights"][1].nats + 0.5
    assert min(s.away for _, s in found.values()) > analysis_masks.judge().bound
    assert analysis_masks.kept_by_part(analysis_masks.learned().masks).sum() == pytest.approx(1)


def test_steps_of_a_subnetwork_settle():
    steps = analysis_masks.subnetwork_steps(0)
    settled = [step.value for step in steps if step.name == "settled"]
    undecided = [shares[1] for shares in settled]
    assert undecided[0] == 1 > 0.02 > undecided[-1]
    tenths = [step.value for step in steps if step.name == "masks"]
    assert all(shares.sum() == pytest.approx(1) for shares in tenths)
    assert len(tenths) == len(settled)


def test_a_histogram_is_recorded_of_the_masks():
    from tokenlab import record

    with record() as steps:
        bigram_subnetworks.settled({"w": np.array([[-9.0, 0.0, 9.0, 8.0]])}, 1.0)
    assert steps["masks"].tolist() == [0.25, 0, 0, 0, 0, 0.25, 0, 0, 0, 0.5]


def test_steps_of_a_walk_name_the_words():
    found, steps = load_residual_walk(), analysis_walk.walk_steps(13)
    words = steps.labels["word"]
    said = [words[i] for i in steps["likeliest"].tolist()]
    assert said[48] == "␣question"
    assert said[0] == "␣the"
    np.testing.assert_allclose(
        steps["states"][-1, 0], found.start[13] + found.moves[:, 13].sum(0), rtol=1e-3, atol=0.1
    )
    assert steps["cosine with the end"][-1] == pytest.approx(1)
    assert steps["cosine with its own vector"][0] == pytest.approx(1)
    assert analysis_walk.move_name(0) == "start"
    assert analysis_walk.move_name(60) == "layer 30, MLP"
    assert analysis_walk.count() == 21


def test_pictures():
    figure = pytest.importorskip("matplotlib.figure").Figure()
    from tokenlab.plots import analysis as draw

    left, right = figure.subplots(1, 2)
    draw.draw_walk(left, [1, 0.5, 0], [0, 0.2, 1], {0: "the", 2: "end"})
    assert [text.get_text() for text in left.texts] == ["the", "end"]
    draw.draw_kept(right, ["a", "b"], [0.5, 0.9], ["10%", "20%"])
    assert [text.get_text() for text in right.texts] == ["10%", "20%"]
    assert [label.get_text() for label in right.get_yticklabels()] == ["a", "b"]
