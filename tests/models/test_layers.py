"""The layers: by hand, against differences, against torch."""

import numpy as np
import pytest

from tokenlab.autograd import gradcheck, value_and_grad
from tokenlab.errors import InvalidInput, ShapeError, TokenlabError
from tokenlab.models import layers

rng = np.random.default_rng(0)
X, WEIGHT, GAIN, BIAS = (rng.standard_normal(s) for s in ((2, 3, 4), (4, 5), (4,), (4,)))
IDS = np.array([[0, 3, 0], [1, 3, 3]])
MASK = np.tri(3, 5, 1, dtype=bool)
W = rng.standard_normal((2, 3, 5))
KEYS, VALUES = rng.standard_normal((2, 5, 4)), rng.standard_normal((2, 5, 5))


LOSSES = {
    "linear": (
        lambda p: (layers.linear(**p) * W).sum(),
        {"x": X, "weight": WEIGHT, "bias": W[0, 0]},
    ),
    "embedding": (lambda t: (layers.embedding(t, IDS) * W).sum(), WEIGHT),
    "softmax": (lambda x: (layers.softmax(x) * W[..., :4]).sum(), X),
    "softmax of the first axis": (lambda x: (layers.softmax(x, 0) * W[..., :4]).sum(), X),
    "gelu": (lambda x: (layers.gelu(x) * W[..., :4]).sum(), X),
    "silu": (lambda x: (layers.silu(x) * W[..., :4]).sum(), X),
    "layer_norm": (
        lambda p: (layers.layer_norm(**p) * W[..., :4]).sum(),
        {"x": X, "gain": GAIN, "bias": BIAS},
    ),
    "rms_norm": (lambda p: (layers.rms_norm(**p) * W[..., :4]).sum(), {"x": X, "gain": GAIN}),
    "attention": (lambda p: (layers.attention(**p) * W).sum(), {"q": X, "k": KEYS, "v": VALUES}),
    "attention with a mask": (
        lambda p: (layers.attention(**p, mask=MASK) * W).sum(),
        {"q": X, "k": KEYS, "v": VALUES},
    ),
    "cross_entropy": (lambda x: layers.cross_entropy(x, IDS), X),
    "cross_entropy with weights": (lambda x: layers.cross_entropy(x, IDS, [[1, 0, 2]] * 2), X),
}


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_are_those_of_central_differences(name):
    loss, params = LOSSES[name]
    assert gradcheck(loss, params) < 1e-7


def test_every_layer_is_checked():
    assert set(layers.__all__) == {name.partition(" ")[0] for name in LOSSES}


def test_attention_looks_at_what_the_mask_allows():
    mask = np.zeros((3, 5), bool)
    mask[:, 2] = True
    y = layers.attention(X, KEYS, VALUES, mask)
    np.testing.assert_allclose(y, np.repeat(VALUES[:, 2:3], 3, axis=1))


def test_attention_is_the_naive_loop():
    y = layers.attention(X, KEYS, VALUES, MASK)
    for b in range(2):
        for i in range(3):
            keys = np.flatnonzero(MASK[i])
            e = np.exp(KEYS[b, keys] @ X[b, i] / 2)
            np.testing.assert_allclose(y[b, i], e @ VALUES[b, keys] / e.sum())


def test_cross_entropy_of_large_logits_does_not_overflow():
    assert layers.cross_entropy([[1e4, 0.0]], [0]) == 0
    np.testing.assert_allclose(layers.cross_entropy([[1e4, 0.0]], [1]), 1e4)


def test_float32_stays_float32():
    for name, (loss, params) in LOSSES.items():
        cast = lambda x: x.astype(np.float32)  # noqa: E731
        params = {k: cast(x) for k, x in params.items()} if type(params) is dict else cast(params)
        _, grads = value_and_grad(loss)(params)
        grads = grads.values() if type(grads) is dict else [grads]
        assert {g.dtype for g in grads} == {np.dtype(np.float32)}, name


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: layers.linear(X, WEIGHT.T), "linear: .*weight is .* expected the same d"),
        (lambda: layers.embedding(WEIGHT, [4]), "embedding: ids runs from 4 to 4; expected 0 to 3"),
        (lambda: layers.embedding(WEIGHT, [-1]), "embedding: ids runs from -1"),
        (lambda: layers.embedding(WEIGHT, [0.5]), "embedding: ids has dtype float64"),
        (lambda: layers.cross_entropy(X, IDS[:1]), "cross_entropy: .*ids is"),
        (lambda: layers.cross_entropy(X, IDS + 1), "cross_entropy: ids runs from 1 to 4"),
        (lambda: layers.attention(X, KEYS, VALUES, ~MASK & MASK), "attention: mask has 3 rows"),
        (lambda: layers.attention(X, KEYS, VALUES, MASK * 1.0), "attention: mask has dtype"),
        (lambda: layers.layer_norm(X, GAIN[:2], BIAS), "layer_norm: .*gain is"),
    ],
)
def test_errors_name_the_layer_and_the_argument(call, message):
    with pytest.raises(TokenlabError, match=message):
        call()


def test_errors_are_of_their_kind():
    with pytest.raises(ShapeError):
        layers.rms_norm(X, GAIN[:2])
    with pytest.raises(InvalidInput):
        layers.embedding(WEIGHT, [9])
