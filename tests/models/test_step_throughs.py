"""One layer of each model, step by step, on random weights: the same numbers as the whole model's."""

import numpy as np
import pytest

from tokenlab import models
from tokenlab.cli import main
from tokenlab.data import load_vit_photos
from tokenlab.tour import models as tour
from tokenlab.tour.step_throughs import found

NAMES = {"minilm": "minilm", "vit": "dinov2-small", "smollm2": "smollm2"}


@pytest.fixture(autouse=True)
def without_weights(monkeypatch):
    monkeypatch.setattr(models, "find", lambda name: None)
    tour.opened.cache_clear()
    yield
    tour.opened.cache_clear()


def given(name, model, number):
    """What the model reads."""
    if name == "vit":
        return load_vit_photos().images[number]
    sentence = tour.SENTENCES[number]
    return model.pieces(sentence).ids if name == "minilm" else model.encode(sentence)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("layer", [1, 3])
def test_a_layer_alone_is_that_of_the_whole_model(name, layer):
    steps = found()[name].run(1, layer=layer)
    model, behind = tour.opened(NAMES[name]), {}
    model.forward(given(name, model, 1), tap=lambda number, x: behind.update({number: x}))
    np.testing.assert_allclose(list(steps)[-1].value, behind[layer], atol=1e-4)
    shares = steps["shares"]
    assert shares.ndim == 3
    np.testing.assert_allclose(shares.sum(axis=-1), 1, atol=1e-5)
    if name == "smollm2":
        assert not np.triu(shares, 1).any()  # nothing behind is seen
    else:
        assert np.triu(shares, 1).any()


@pytest.mark.parametrize("name", NAMES)
def test_the_command_says_whose_weights_are_random(name, tmp_path, capsys):
    page = tmp_path / "page.html"
    assert main(["steps", name, "--no-browser", "--out", str(page)]) == 0
    text = capsys.readouterr().out
    assert "random weights for minilm, dinov2-small, smollm2" in text
    assert "how much each token takes of each" in text
    assert "<html" in page.read_text(encoding="utf-8")


def test_a_layer_that_is_not_there_is_refused(capsys):
    assert main(["steps", "minilm", "--layer", "4", "--no-browser"]) == 2
    assert "--layer is 4; expected 1 to 3" in capsys.readouterr().err
