"""What a person sees: the pictures of reductions, and the tour's part."""

import numpy as np
import pytest

from tokenlab.cli import main
from tokenlab.data import load_vit_photos
from tokenlab.errors import ShapeError
from tokenlab.pruning import Reduction, evit, hiprune
from tokenlab.tour import pruning as part
from tokenlab.tour import pruning_rules

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg", force=True)

from matplotlib import pyplot as plt  # noqa: E402

from tokenlab.plots import show_reduction, show_reductions, show_scores  # noqa: E402


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def shown(figure, panel=0):
    return np.asarray(figure.axes[panel].images[0].get_array())


def test_dropped_patches_fade_and_kept_ones_do_not():
    image = np.zeros((8, 8, 3), np.uint8)
    picture = shown(show_reduction(image, Reduction(np.array([0, 3]), 4)))
    np.testing.assert_array_equal(picture[:4, :4], 0)
    np.testing.assert_array_equal(picture[4:, 4:], 0)
    assert picture[:4, 4:].min() > 0.6


def test_what_is_merged_fades_less_and_roles_are_outlined():
    image = np.zeros((8, 8), np.uint8)
    merged = evit.reduce([0.4, 0.3, 0.2, 0.1], k=1)
    dropped = shown(show_reduction(image, Reduction(np.array([0]), 4)))[0, 5, 0]
    assert 0.1 < shown(show_reduction(image, merged))[0, 5, 0] < dropped
    rng = np.random.default_rng(0)
    roles = hiprune.reduce(rng.random(16), rng.random(16), grid=(4, 4), k=7, alpha=0.7)
    figure = show_reduction(image, roles)
    assert len(figure.axes[0].patches) == 7
    assert figure.axes[0].get_legend().get_texts()[0].get_text() == "anchor"


def test_grids_pictures_and_titles():
    reduction = Reduction(np.array([0, 5]), 6)
    figure = show_reduction(np.ones((4, 6, 3)), reduction, grid=(2, 3), title="six")
    assert figure.axes[0].get_title() == "six"
    with pytest.raises(ShapeError, match="make no square"):
        show_reduction(np.ones((4, 6, 3)), reduction)
    with pytest.raises(ShapeError, match="height, width"):
        show_reduction(np.ones((4, 6, 2)), reduction, grid=(2, 3))
    figure = show_scores(np.ones((4, 6, 3)), [1.0, 5, 2, 2, 0, 9], grid=(2, 3))
    ranks = np.asarray(figure.axes[0].images[1].get_array()).ravel()
    assert ranks.argmax() == 5
    assert ranks[2] == ranks[3]
    whole = show_reductions(
        np.ones((4, 4, 3)), {"a": Reduction(np.array([1]), 4)}, scores={"a": np.arange(4.0)}
    )
    assert len(whole.axes) == 3


def test_arrays_on_a_gpu_are_copied_to_be_drawn(cupy):
    image = np.linspace(0, 1, 48).reshape(4, 4, 3)
    there = Reduction(cupy.asarray(np.array([1, 2])), 4)
    got = shown(show_reduction(cupy.asarray(image), there))
    np.testing.assert_array_equal(got, shown(show_reduction(image, Reduction(np.array([1, 2]), 4))))
    show_scores(cupy.asarray(image), cupy.asarray(np.arange(4.0)))


def test_rules_on_the_photos_keep_what_was_asked_for():
    for rule in pruning_rules.rules():
        for share in part.SHARES:
            reduction = rule.reduce(1, share)
            assert len(reduction.kept) == int(256 * share + 0.5), rule.name
            assert 0 < part._fidelity(1, reduction) <= 1.000001


def test_random_is_first_so_that_others_can_be_compared_with_it():
    assert pruning_rules.rules()[0].name == "random"
    assert pruning_rules.rules()[0].draws >= 5


@pytest.mark.parametrize(
    ("rule", "mine"),
    [
        ("k-center", lambda i, k: pruning_rules.keep_todre(i, k, 1)),
        ("max-sum", lambda i, k: pruning_rules.keep_todre(i, k, 2)),
        ("cls top", lambda i, k: evit.reduce(pruning_rules.cls_scores(i), k=k, fused=False)),
    ],
)
def test_the_tours_rules_keep_the_tokens_for_which_the_model_was_run(rule, mine):
    trials = load_vit_photos().trials
    at = [t for t in range(len(trials.rule)) if trials.rule[t] == rule]
    assert len(at) == 12
    for t in at:
        kept = np.flatnonzero(trials.kept[t])
        assert mine(int(trials.photo[t]), len(kept) / 256).kept.tolist() == kept.tolist()


@pytest.mark.parametrize("name", ["hiprune", "todre", "tome"])
def test_step_throughs_paint_maps(name, tmp_path, capsys):
    page = tmp_path / "page.html"
    assert main(["steps", name, "--question", "1", "--html", str(page), "--no-browser"]) == 0
    text = capsys.readouterr().out
    assert "chelsea" in text
    assert "(16 row, 16 column)" in text
    assert page.stat().st_size > 10_000
    assert main(["steps", name, "--question", "4"]) == 2


def test_the_part_says_who_loses_to_chance(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(part, "_draw", lambda out: [])
    monkeypatch.setattr(part, "SHARES", (0.25,))
    monkeypatch.setattr(part, "ROUNDS", 1)
    part.run(tmp_path)
    text = capsys.readouterr().out
    assert "▼" in text
    assert "Below random:" in text
    assert "random " in text
    assert (tmp_path / "hiprune.html").exists()
