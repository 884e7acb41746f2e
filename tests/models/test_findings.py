"""What the script of the findings does to a model is what it says, on small random models."""

import importlib.util
import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tokenlab.attention import softmax_attention
from tokenlab.tour import small_models

SOURCE = Path(__file__).parents[2] / "tools" / "findings" / "models.py"

pytestmark = pytest.mark.skipif(not SOURCE.is_file(), reason="tools are not in a package")


@pytest.fixture(scope="module")
def findings():
    spec = importlib.util.spec_from_file_location("model_findings", SOURCE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_another_attention_stands_in_the_last_layers_alone(findings):
    model, seen = small_models.minilm(["a b c d"]), []
    ids = np.arange(4)

    def spy(q, k, v):
        seen.append(q.copy())
        return softmax_attention(q, k, v)

    found = findings.swapped({"spy": spy}, [partial(model.forward, ids)], layers=3)
    assert {n: values[0] for n, values in found["spy"].items()} == {"1": 1, "3": 1}
    assert len(seen) == 1 + 3 + 3  # in the last, the last three, and all three
    queries = {}
    model.forward(ids, watch=lambda layer, block: queries.update({layer: block.q}))
    np.testing.assert_allclose(seen[0], queries[3], atol=1e-5)
    np.testing.assert_allclose(seen[1], queries[1], atol=1e-5)


def test_stand_ins_for_attention(findings):
    q, k, v = np.random.default_rng(0).standard_normal((3, 6, 257, 64), dtype=np.float32)
    for name, method in findings.vit_methods(6).items():
        y = method(q, k, v)
        assert y.shape == v.shape, name
        assert np.isfinite(y).all(), name
    assert np.allclose(findings.blind(q, k, v)[:, 0], v.mean(axis=1))
    for i in (0, 100):
        weights = np.exp(-((q[2, i] - k[2]) ** 2).sum(axis=1) / (2 * 8))
        expected = weights @ v[2] / weights.sum()
        np.testing.assert_allclose(findings.gaussian_rows(q, k, v)[2, i], expected, atol=1e-4)
    short = [x[:2, :64, :32] for x in (q, k, v)]
    for name, method in findings.text_methods().items():
        assert method(*short).shape == short[2].shape, name


def test_what_is_done_to_the_stream(findings):
    x = np.random.default_rng(0).standard_normal((5, 600)).astype(np.float32)
    x[0, findings.CHANNEL] = 25000
    one = findings.in_int8(15, x, axis=None)
    assert not one[1:].any()  # everything but the one number is rounded to nothing
    each = findings.in_int8(15, x, axis=1)
    assert abs(each[1:] - x[1:]).max() <= abs(x[1:]).max() / 254 * 1.01
    without = findings.without(15, x, [findings.CHANNEL])
    assert (without != x).sum() == 1
    assert without[0, findings.CHANNEL] == 0
    with np.errstate(over="ignore"):
        half = findings.half_norm(15, x)
    assert not half[0].any()
    assert (half[1:] == x[1:]).all()
    mask = findings.hidden_from_others(np.tri(4, dtype=bool), 1)
    assert mask.sum(axis=0).tolist() == [4, 1, 2, 1]
    assert mask.diagonal().all()


def test_what_is_stored_can_be_shown(findings, capsys):
    kept = json.loads(findings.STORE.read_text(encoding="utf-8"))
    for name, (_, show) in findings.PARTS.items():
        show(kept[name])
    text = capsys.readouterr().out
    assert "divprune" in text
    assert "blind average" in text
    assert "trained codes" in text
    assert "channel 507" in text
