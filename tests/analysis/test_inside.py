"""A text inside a model: its own answer comes back, gradients are those of differences."""

import numpy as np
import pytest

from tokenlab import errors
from tokenlab.analysis.attribution import gradient_norm, integrated_gradients, rollout
from tokenlab.analysis.faithfulness import comprehensiveness
from tokenlab.analysis.inside import opened
from tokenlab.autograd import value_and_grad
from tokenlab.lm import NGramLM, Transformer
from tokenlab.models import transformer
from tokenlab.numerics import softmax
from tokenlab.tour import small_models

IDS = [1, 4, 2, 6, 4]


def tiny():
    return Transformer(
        transformer.init(vocab=9, d=8, layers=2, heads=2, rng=0, dtype=np.float64, length=8)
    )


@pytest.mark.parametrize("model", [tiny(), small_models.llama()], ids=["transformer", "llama"])
def test_a_text_as_it_is_gets_the_models_answer(model):
    text = opened(model, IDS)
    assert text.x.shape == (5, model.params["embed"].shape[1])
    np.testing.assert_allclose(text.log_probs(text.x), model.log_probs(IDS), atol=1e-4)
    attention = text.attention()
    assert attention.shape[2:] == (5, 5)
    np.testing.assert_allclose(attention.sum(axis=-1), 1, rtol=1e-5)
    assert (np.triu(attention, 1) == 0).all()  # nobody looks ahead
    assert rollout(attention).shape == (5, 5)


def test_a_start_is_a_token_of_the_text():
    lm = Transformer(tiny().params, start=7)
    text = opened(lm, IDS)
    assert len(text.x) == 6
    np.testing.assert_allclose(text.log_probs(text.x), lm.log_probs(IDS))


def test_attention_is_what_the_model_mixes_by():
    """One layer by hand: values, mixed by these shares, are what attention adds."""
    params = transformer.init(vocab=9, d=8, layers=1, heads=2, rng=0, dtype=np.float64)
    shares = opened(Transformer(params), IDS).attention()[0]  # (h, n, n)
    states = []
    transformer.forward(
        params,
        IDS,
        tap=lambda layer, x: states.append(x),
        edit_mlp=lambda layer, y: 0 * y,  # the second part adds nothing
    )
    block = params["blocks"][0]
    h = transformer.normed(block["norm1"], states[0])
    v = np.einsum("nd,dhw->hnw", h, block["qkv"][:, 2])
    mixed = np.einsum("hnm,hmw->nhw", shares, v).reshape(5, 8)
    np.testing.assert_allclose(states[1] - states[0], mixed @ block["out"])


def test_gradients_are_those_of_differences():
    text = opened(tiny(), IDS)
    f = lambda x: text.log_probs(x)[3]  # noqa: E731
    grad = value_and_grad(f)(text.x)[1]
    step = 1e-5 * np.random.default_rng(0).standard_normal(text.x.shape)
    difference = f(text.x + step) - f(text.x - step)
    assert 2 * (grad * step).sum() == pytest.approx(difference, rel=1e-5)
    np.testing.assert_allclose(gradient_norm(f, text.x), np.linalg.norm(grad, axis=1))
    # What the text adds over no vectors at all.
    total = integrated_gradients(f, text.x, steps=500).sum()
    assert total == pytest.approx(f(text.x) - f(0 * text.x), abs=1e-3)


def test_a_llama_has_gradients():
    text = opened(small_models.llama(), IDS)
    f = lambda x: text.log_probs(x)[3]  # noqa: E731
    grad = value_and_grad(f)(text.x)[1]
    direction = np.random.default_rng(0).standard_normal(text.x.shape).astype(np.float32)
    difference = f(text.x + 1e-2 * direction) - f(text.x - 1e-2 * direction)
    assert 2e-2 * (grad * direction).sum() == pytest.approx(difference, rel=0.02)


def test_what_a_model_looks_at_is_missed():
    """Taking away everything is nothing at all; the first position alone is less."""
    text = opened(tiny(), IDS)
    predict = lambda x: softmax(text.log_probs(x))  # noqa: E731
    assert comprehensiveness(predict, text.x, np.arange(5.0), k=5) == pytest.approx(1)
    assert comprehensiveness(predict, text.x, np.arange(5.0), k=1) > 0


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: opened(NGramLM.fit([0, 1, 0], 2, 2), [0]), "model is a NGramLM"),
        (lambda: opened(tiny(), []), "context is empty"),
        (lambda: opened(tiny(), [9]), "context"),
        (lambda: opened(tiny(), [0] * 9), "context has 9 tokens; the model knows 8"),
    ],
)
def test_bad_input(call, match):
    with pytest.raises(errors.TokenlabError, match=match):
        call()
