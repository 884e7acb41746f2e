"""The tape's transformer as a language model, and as an insertion model."""

import numpy as np
import pytest

from tokenlab.autograd import value_and_grad
from tokenlab.decoding import insertion, speculative, token_recycling
from tokenlab.decoding.insertion_model import TransformerInsertion, insertion_loss
from tokenlab.errors import InvalidInput, ShapeError, TokenlabError
from tokenlab.lm import Counted, Transformer, log_probs_tree, score
from tokenlab.models import transformer
from tokenlab.training import train

PARAMS = transformer.init(vocab=7, d=8, layers=2, heads=2, rng=0, length=40, dtype=np.float64)
LM = Transformer(PARAMS, start=0)


def test_a_tree_is_what_each_path_gives():
    tokens, parents = [1, 2, 3, 4, 5], [0, 0, 1, 1, 3]
    rows = log_probs_tree(LM, [6, 6], tokens, parents)
    ways = [(), (1,), (2,), (1, 3), (1, 4), (1, 3, 5)]
    for row, way in zip(rows, ways, strict=True):
        np.testing.assert_allclose(row, LM.log_probs((6, 6, *way)), atol=1e-10)
    np.testing.assert_allclose(np.exp(rows).sum(axis=1), 1)


def test_a_batch_is_what_each_context_gives():
    contexts = [(1,), (), (2, 3, 4)]
    rows = LM.log_probs_batch(contexts)
    np.testing.assert_allclose(rows, [LM.log_probs(c) for c in contexts], atol=1e-10)


def test_score_and_recycling_take_few_forwards():
    counted = Counted(LM)
    assert score(counted, [1, 2, 3]).shape == (3,)
    assert counted.forwards == 1
    greedy = speculative.generate(LM, speculative.draft_model(LM, 0), [1], 12, k=1, temperature=0)
    recycled = token_recycling.generate(LM, [1], 12, token_recycling.Recycler(7, 3, [(0,), (0, 0)]))
    np.testing.assert_array_equal(greedy.tokens, recycled.tokens)


def test_contexts_that_do_not_fit_are_named():
    with pytest.raises(InvalidInput, match=r"Transformer.log_probs: context is empty"):
        Transformer(PARAMS).log_probs([])
    with pytest.raises(ShapeError, match=r"context has 41 tokens.*40 positions"):
        LM.log_probs([1] * 40)
    with pytest.raises(ShapeError, match=r"context has 41"):
        LM.log_probs_tree([1] * 38, [1, 1], [0, 1])


def test_an_insertion_model_learns_one_text():
    params = transformer.init(vocab=5, d=32, layers=1, heads=2, rng=0, length=16)
    rng = np.random.default_rng(0)
    batches = [(insertion.corrupt([0, 1, 2, 3], 4, rng=rng),) for _ in range(400)]
    params, history = train(insertion_loss, params, batches, rate=0.005)
    assert np.mean(history[-20:]) < np.mean(history[:20])
    found = insertion.generate(TransformerInsertion(params), rng=0, max_tokens=8)
    assert 1 <= len(found.tokens) <= 8
    logs, stop = TransformerInsertion(params).log_insertions([0, 1, 3])
    assert np.unravel_index(logs.argmax(), logs.shape) == (2, 2)
    assert TransformerInsertion(params).log_insertions([0, 1, 2, 3])[1] > stop


def test_nothing_is_inserted_into_the_prompt():
    model = TransformerInsertion(PARAMS, n_given=2)
    logs, _ = model.log_insertions([3, 4, 5])
    assert (logs[:2] == -np.inf).all()
    np.testing.assert_allclose(np.exp(logs).sum(), 1)
    with pytest.raises(InvalidInput, match=r"log_insertions: visible has 1 tokens"):
        model.log_insertions([3])


def test_the_gradient_reaches_all_parameters():
    corrupted = insertion.corrupt([1, 2, 3], 6, n=2, rng=0)
    _, grads = value_and_grad(insertion_loss)(PARAMS, corrupted)
    assert np.abs(grads["blocks"][0]["qkv"]).max() > 0


def test_the_loss_of_several_texts_is_the_mean_of_theirs():
    params = transformer.init(vocab=4, d=8, layers=2, heads=2, rng=0, dtype=np.float64)
    texts = [
        insertion.corrupt(text, 3, rng=i) for i, text in enumerate(([0, 1, 2, 1], [2], [0, 0, 1]))
    ]
    alone = [float(insertion_loss(params, text, stop_weight=0.5)) for text in texts]
    assert float(insertion_loss(params, texts, stop_weight=0.5)) == pytest.approx(np.mean(alone))
    with pytest.raises(TokenlabError, match="stop_logit"):
        insertion.loss(np.zeros((2, 1, 3)), np.zeros((2, 1, 3)), [0.0])
