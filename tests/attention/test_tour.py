"""The tour's part on attention, on small grids, and its step-throughs."""

import importlib.util

import numpy as np
import pytest

from tokenlab.cli import main
from tokenlab.tour import attention
from tokenlab.tour.attention_methods import Method, Result, measure, methods, photo_tokens


def test_the_attention_part_of_the_tour(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(attention, "SIDES", (8, 12))
    monkeypatch.setattr(attention, "LADDER", (4, 6))
    monkeypatch.setattr(attention, "NOISE_SIDE", 8)
    assert main(["tour", "attention", "--out", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert "n = 64" in text
    assert "n = 144" in text
    assert text.count("Nyströmformer, 64") == 4  # two tables, the warning, and where it pays
    assert (tmp_path / "soft.html").stat().st_size > 10_000
    if importlib.util.find_spec("matplotlib"):
        assert (tmp_path / "attention.png").stat().st_size > 10_000


def test_without_matplotlib_a_line_is_printed(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    attention._draw([], tmp_path / "attention.png")
    assert "matplotlib is not installed" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["soft", "newton", "newton-never", "newton-spoilt"])
def test_step_throughs(name, tmp_path, capsys):
    page = tmp_path / "page.html"
    assert main(["steps", name, "--question", "8", "--html", str(page), "--no-browser"]) == 0
    text = capsys.readouterr().out
    assert "Photo 'chelsea', head 2" in text
    assert ("thin kernel" if name == "soft" else "inverted") in text
    assert "<html" in page.read_text(encoding="utf-8")


def test_the_three_cases_are_what_they_are_called():
    """For every head of every photo."""
    for number in range(attention.count()):
        good, never = (
            attention.newton_steps(number, case=c, iters=20) for c in ("converges", "never")
        )
        np.testing.assert_allclose(good["inverted #21"], 1, atol=1e-6)
        assert never["inverted #21"].max() < 1.01
        assert never["inverted #21"].min() < 0.6 or never["residual #21"] > 0.5
        a, _ = attention.newton_cases(number)["spoilt"]
        wanted = np.linalg.pinv(a.astype(np.float64), rcond=1e-6, hermitian=True)
        steps = attention.newton_spoilt_steps(number)
        errors = [abs(steps[f"iterate #{k}"] - wanted).max() for k in range(2, 38)]
        assert errors[-1] > 100 * min(errors)


def test_photo_tokens_are_the_patches_themselves_at_their_own_size():
    from tokenlab.data import load_vit_photos

    photos, tokens = load_vit_photos(), photo_tokens(16, 1, 3)
    np.testing.assert_allclose(tokens.q, photos.queries[1, 3, 1:], atol=1e-6)
    every_other = photo_tokens(31, 1, 3).v.reshape(31, 31, 64)[::2, ::2]
    np.testing.assert_allclose(every_other.reshape(256, 64), photos.values[1, 3, 1:], atol=1e-5)


def test_every_method_is_near_the_exact_one_at_256_landmarks():
    errors = {r.method.name: r.error for r in measure([photo_tokens(24)], rounds=1)}
    assert len(errors) == len(methods())
    assert errors["softmax, exact"] == errors["Gaussian, exact"] == 0
    for name in ("SOFT, 256 landmarks", "SOFT, 256, Newton", "Nyströmformer, 256"):
        assert errors[name] < 0.1
    assert errors["SOFT, 256, diagonal"] < errors["SOFT, 256 landmarks"]


def test_crossing():
    def curve(*seconds):
        method = Method("", "", lambda t: t.q)
        return [Result(method, n, s, 0.0) for n, s in zip((100, 1000), seconds, strict=True)]

    assert attention.crossing(curve(1, 10), curve(0.5, 1)) == "below 100"
    assert attention.crossing(curve(1, 10), curve(2, 20)) == "not up to 1,000"
    assert attention.crossing(curve(1, 100), curve(10, 10)) == "about 316"
