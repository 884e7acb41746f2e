"""What a person sees: the pictures of reductions, and the tour's part."""

import base64
import html
import json
import re
import subprocess

import numpy as np
import pytest
from browsers import CHROMIUM, QUIET

from tokenlab.cli import main
from tokenlab.data import load_vit_photos
from tokenlab.data.vit_photos import _read_png
from tokenlab.errors import ShapeError
from tokenlab.plots.steps_page import render_page
from tokenlab.pruning import Reduction, evit, hiprune
from tokenlab.tour import pruning as part
from tokenlab.tour import pruning_rules
from tokenlab.tour.step_throughs import found

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


def test_kept_patches_have_a_line_around_them_and_others_no_colour():
    image = np.zeros((8, 8, 3), np.uint8)
    image[..., 0] = 200
    figure = show_reduction(image, Reduction(np.array([0, 1]), 4))
    picture = shown(figure)
    np.testing.assert_allclose(picture[0, 0], [200 / 255, 0, 0])
    assert np.ptp(picture[5, 5]) == 0
    (lines,) = figure.axes[0].collections
    segments = {tuple(map(tuple, np.sort(s, axis=0))) for s in lines.get_segments()}
    assert len(segments) == 6  # around a block of 1 x 2 patches, and none between both
    assert ((3.5, -0.5), (3.5, 3.5)) not in segments


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
            assert 0 < part.fidelity(1, reduction) <= 1.000001


def test_random_is_first_so_that_others_can_be_compared_with_it():
    assert pruning_rules.rules()[0].name == "random"
    assert pruning_rules.rules()[0].draws >= 5


@pytest.mark.parametrize(
    ("rule", "mine"),
    [
        ("k-center", lambda i, k: pruning_rules.keep_todre(i, k, "v1")),
        ("max-sum", lambda i, k: pruning_rules.keep_todre(i, k, "v2")),
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


@pytest.mark.parametrize("name", [s.name for s in found().values() if s.family == "pruning"])
def test_step_throughs_paint_maps(name, tmp_path, capsys):
    page = tmp_path / "page.html"
    assert main(["steps", name, "--question", "1", "--html", str(page), "--no-browser"]) == 0
    text = capsys.readouterr().out
    assert "chelsea" in text
    assert "(16 row, 16 column)" in text
    assert page.stat().st_size > 10_000
    assert main(["steps", name, "--question", "4"]) == 2


def test_steps_of_a_photo_are_painted_over_it():
    steps = part.hiprune_steps(2)
    np.testing.assert_array_equal(steps.photo, load_vit_photos().images[2])
    page = render_page(steps)
    data = json.loads(page.partition('id="data">')[2].partition("</script>")[0])
    over = [step["name"] for step in data if isinstance(step["picture"], dict)
            and step["picture"].get("photo")]  # fmt: skip
    assert over == ["object scores", "deep scores", "role", "left"]
    sent = page.partition("data:image/png;base64,")[2].partition('"')[0]
    np.testing.assert_array_equal(_read_png(base64.b64decode(sent)), steps.photo)
    figure = steps.show(names=["deep scores", "left"])
    panels = [axes for axes in figure.axes if len(axes.images) == 2]
    assert [axes.images[0].get_array().ndim for axes in panels] == [2, 3]  # grey, and in colour
    covered = np.ma.getmaskarray(panels[1].images[1].get_array())
    np.testing.assert_array_equal(covered, steps["left"])
    steps.photo = None
    assert '"photo":true' not in render_page(steps)
    assert "const PHOTO = null;" in render_page(steps)


# In the page: is the pixel in the middle of a patch that of the photo?
PROBE = """
<script>
addEventListener("load", () => PHOTO.decode().then(() => {
  const canvas = document.querySelector("#picture canvas");
  const side = Math.floor(canvas.width / 16);
  const pixel = (r, c) => [...canvas.getContext("2d")
    .getImageData((c + 0.5) * side, (r + 0.5) * side, 1, 1).data];
  document.title = JSON.stringify([...Array(16).keys()].map((r) =>
    [...Array(16).keys()].map((c) => pixel(r, c))));
}));
</script>
"""


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_the_browser_shows_kept_patches_as_they_are_and_covers_others(tmp_path):
    steps = part.hiprune_steps(2)
    steps.photo = np.full_like(steps.photo, 40)
    page = tmp_path / "page.html"
    page.write_text(render_page(steps).replace("</body>", PROBE + "</body>"), encoding="utf-8")
    command = [CHROMIUM, "--headless", *QUIET, "--virtual-time-budget=3000", "--dump-dom"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", f"{page.as_uri()}#step-{len(steps)}"]
    dom = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout
    pixels = np.array(json.loads(html.unescape(re.search("<title>(.*?)</title>", dom)[1])))
    dark = pixels[..., 0] < 60
    np.testing.assert_array_equal(dark, steps["left"])


def test_choosing_is_counted():
    of = {rule.name: rule for rule in pruning_rules.rules()}
    assert of["random"].multiply_adds(0, 0.25) == 0
    assert of["ToDRE 1, k-center"].multiply_adds(0, 0.25) == 256 * 64 * 384
    assert of["DivPrune"].multiply_adds(0, 0.25) == 256 * 256 * 384 + 256 * 64 * 384
    assert of["VisionZip"].multiply_adds(0, 0.25) == 192 * 10 * 64
    sizes = pruning_rules.tome_sizes(200)
    assert sizes == [256, 214, 200]
    assert len(pruning_rules.keep_tome(0, 200 / 256)) == 200
    assert of["ToMe"].multiply_adds(0, 200 / 256) == (128**2 + 107**2) * 64
    assert of["k-means"].multiply_adds(0, 0.25) >= 3 * 256 * 64 * 384


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
