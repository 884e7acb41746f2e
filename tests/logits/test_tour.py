"""The tour's part on the output layer, on one small size; CI runs the whole of it."""

import dataclasses
import re

import numpy as np
import pytest

from tokenlab.cli import main
from tokenlab.data import load_lm_head


def small_data(vocab=1024, n=500):
    """The first tokens, and the first positions of both parts whose next token is among them."""
    data = load_lm_head()
    kept = {}
    for part in ("fit", "report"):
        rows = np.flatnonzero(getattr(data, f"next_{part}") < vocab)[:n]
        for name in ("hidden", "next", "document"):
            kept[f"{name}_{part}"] = getattr(data, f"{name}_{part}")[rows]
    context = [data.context[i] for i in rows]
    weight, counts = data.weight[:vocab], data.counts[:vocab]
    return dataclasses.replace(data, weight=weight, counts=counts, context=context, **kept)


@pytest.fixture
def small(monkeypatch):
    from tokenlab.tour import logits, logits_heads

    cached = logits_heads.shown_head, logits_heads._full_probabilities
    for function in cached:
        function.cache_clear()
    data = small_data()
    monkeypatch.setattr(logits, "SHOWN", 7)
    for module in (logits, logits_heads):
        monkeypatch.setattr(module, "SIZES", (32,))
        monkeypatch.setattr(module, "load_lm_head", lambda: data)
    for name, value in {"SHOWN_CODES": 32, "RESIDUAL_FROM": 32, "TIMED": 3}.items():
        monkeypatch.setattr(logits_heads, name, value)
    monkeypatch.setattr(logits_heads, "TRAINING", logits_heads.TRAINING | {"epochs": 1})
    yield
    for function in cached:
        function.cache_clear()


def test_the_output_layer_in_the_tour(small, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    pytest.importorskip("matplotlib")
    assert main(["tour", "logits", "--out", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    cells = [re.split(r"\s{2,}", line.strip()) for line in text.splitlines() if " %  " in line]
    rows = {name: values for name, *values in cells}
    ratio = {name: float(values[3].split()[0]) for name, values in rows.items()}
    assert ratio["full softmax"] == 1
    assert ratio["32 codes, random"] > ratio["32 codes, k-means"]
    assert ratio["32 codes, k-means"] > ratio["32 codes, weighted k-means"]
    assert ratio["32 codes, weighted k-means"] > ratio["32 codes, the same, shares"] > 1
    assert rows["32 codes, random"][-1] == "32.00"
    assert rows["low rank, 64"][-1] == "–"
    assert "claims" in text
    assert (tmp_path / "logits.png").stat().st_size > 10_000
    assert "code logits" in (tmp_path / "vq.html").read_text(encoding="utf-8")


def test_every_token_of_the_figure_has_a_place():
    pytest.importorskip("matplotlib")
    from tokenlab.plots.heads_figure import draw_heads

    points = [("a", f"head {i}", 1.0 + i / 50, (5.0, 4.0, 6.0)) for i in range(12)]
    figure = draw_heads([*points, ("b", "other", 3.0, (7.0, 6.0, 8.0))])
    texts = [t.get_text() for t in figure.axes[0].texts]
    assert texts == [str(i + 1) for i in range(13)]
    assert {"a", "b", "head 3", "other"} <= {t.get_text() for t in figure.axes[1].texts}


def test_step_through(small, tmp_path, capsys):
    page = tmp_path / "vq.html"
    arguments = ["steps", "vq", "--position", "7", "--html", str(page), "--no-browser"]
    assert main(arguments) == 0
    text = capsys.readouterr().out
    assert "Position 7" in text
    for name in ("hidden", "code logits", "normaliser", "probabilities", "winning codes"):
        assert name in text
    n = 500
    assert main(["steps", "vq", "--position", str(n)]) == 2
    assert f"0 to {n - 1}" in capsys.readouterr().err


def test_words_of_codes():
    from tokenlab.logits import VQHead
    from tokenlab.tour.logits import code_words

    data = load_lm_head()
    head = VQHead(np.zeros((2, 1)), np.arange(4096) % 2)
    words = code_words(data, head, 1, n=2)
    assert words.endswith(" +2046")
    frequent = data.tokens[1 + 2 * int(np.argmax(data.counts[1::2]))]
    assert words.startswith(repr(frequent)[1:-1].replace(" ", "␣"))
