"""Predicted embeddings: sampled tokenizers by hand, the losses, and a network that learns."""

import numpy as np
import pytest

from tokenlab.autograd import gradcheck
from tokenlab.errors import TokenlabError
from tokenlab.models import transformer
from tokenlab.tokenizers import BPE, UnigramLM, fvt, sample_tokenizer
from tokenlab.tokenizers.zett import (
    Hypernetwork,
    auxiliary_loss,
    predicted,
    rescale,
    surface_forms,
)

TEXT = "the lowest of the lower towns, the newest of the newer ones; unhappy and happy. " * 40
OLD = BPE.train(TEXT, 300)
NEW = BPE.train("happiness is lower than unhappiness, the lowest of towns " * 3, 310)


def test_stretches_by_hand():
    sampled = sample_tokenizer("abcab", 259, stride=2, max_token_bytes=3, noise=0)
    assert sampled.tokens[:256] == [bytes([i]) for i in range(256)]
    assert sampled.tokens[256:] == [b"abc", b"cab", b"ab"]
    np.testing.assert_allclose(np.exp(sampled.log_probs[256:]) * 13, [3, 3, 2])
    np.testing.assert_allclose(np.exp(sampled.log_probs[:256]) * 13, 1)
    assert isinstance(sampled, UnigramLM)
    assert sample_tokenizer("", 300).vocab == 256


def test_noise_makes_no_two_alike():
    first, second = (sample_tokenizer(TEXT, 320, noise=1e-3, rng=seed) for seed in (0, 1))
    again = sample_tokenizer(TEXT, 320, noise=1e-3, rng=0)
    assert first.tokens == again.tokens
    assert first.tokens != second.tokens
    loud = sample_tokenizer(TEXT, 400, noise=1.0, noise_sigma=0, rng=0)
    assert (loud.log_probs >= -100_000).all()
    assert loud.decode(loud.encode(TEXT[:50])) == TEXT[:50]


def test_surface_forms_are_the_first_pieces():
    forms = surface_forms([b"low", b"q" * 9, b"\xff"], OLD, max_pieces=4)
    assert forms.pieces.shape == (3, 4)
    assert forms.truncated.tolist() == [False, True, False]
    assert forms.pieces[1].tolist() == [ord("q")] * 4
    lacking = surface_forms([b"a", b"xa"], BPE([b"a"]))
    assert (lacking.pieces[1] == -1).all()
    with pytest.raises(TokenlabError, match="tokens"):
        surface_forms([b""], OLD)


def test_a_fresh_network_is_fvt(rng):
    e = rng.normal(size=(OLD.vocab, 6))
    pieces, _ = surface_forms(NEW.tokens, OLD, max_pieces=20)
    fresh = Hypernetwork(6, hidden=16, rng=0)
    np.testing.assert_allclose(fresh.predict(pieces, e), fvt(OLD, NEW).apply(e), atol=1e-6)


def filled(rng, d=5):
    network = Hypernetwork(d, hidden=8, rng=0)
    for name, value in network.params.items():
        network.params[name] = rng.normal(size=value.shape).astype(np.float32)
    return network


def test_order_matters_and_padding_does_not(rng):
    network, e = filled(rng), rng.normal(size=(9, 5)).astype(np.float32)
    pieces = np.array([[1, 2, 3, -1], [1, 3, 2, -1], [4, -1, -1, -1]])
    rows = network.predict(pieces, e)
    assert not np.allclose(rows[0], rows[1])
    wider = np.concatenate([pieces, np.full((3, 2), -1)], axis=1)
    np.testing.assert_allclose(network.predict(wider, e), rows, atol=1e-6)
    np.testing.assert_allclose(network.predict(pieces[::-1], e), rows[::-1], atol=1e-6)


def test_the_losses_and_their_gradients(rng):
    predicted_rows, e = rng.normal(size=(3, 4)), rng.normal(size=(6, 4))
    pieces = np.array([[2, -1], [1, 5], [4, -1]])
    gap = [((predicted_rows[0] - e[2]) ** 2).sum(), ((predicted_rows[2] - e[4]) ** 2).sum()]
    length = np.linalg.norm(e[[2, 1, 4]], axis=1).mean()
    assert auxiliary_loss(predicted_rows, e, pieces) == pytest.approx(np.mean(gap) / length)
    assert auxiliary_loss(predicted_rows[1:2], e, pieces[1:2]) == 0
    assert gradcheck(lambda x: auxiliary_loss(x, e, pieces), predicted_rows) < 1e-6
    params = {name: rng.normal(size=v.shape) for name, v in filled(rng, 4).params.items()}
    assert gradcheck(lambda p: auxiliary_loss(predicted(p, pieces, e), e, pieces), params) < 1e-5


def test_rescaled_columns_have_the_targets_moments(rng):
    x, target = rng.normal(size=(50, 3)), 2 + 3 * rng.normal(size=(40, 3))
    x[:, 2] = 7
    w, b = rescale(x, target)
    np.testing.assert_allclose((w * x + b).mean(0), target.mean(0))
    np.testing.assert_allclose((w * x + b).std(0)[:2], target.std(0)[:2])


def test_a_network_learns_through_the_frozen_model():
    lm = transformer.init(vocab=OLD.vocab, d=16, layers=1, heads=2, length=32, rng=0)
    before = lm["embed"].copy()
    network = Hypernetwork(16, hidden=16, rng=0)
    history = network.fit(
        lm, OLD, TEXT, steps=12, vocab_size=300, batch=4, length=16, rate=5e-3, rng=0
    )
    assert len(history) == 12
    assert np.mean(history[-4:]) < np.mean(history[:4])
    assert (lm["embed"] == before).all()
    assert network.params["down"].any()


def test_bad_input_is_named():
    network = Hypernetwork(3, hidden=4, rng=0)
    for call, word in (
        (lambda: network.predict([[0]], [[1.0, 2.0]]), "embeddings"),
        (lambda: network.predict([[5]], [[1.0, 2.0, 3.0]]), "pieces"),
        (lambda: network.predict([[0]], [[1.0, 2.0, np.nan]]), "embeddings"),
        (lambda: sample_tokenizer("a", 255), "vocab_size"),
        (lambda: sample_tokenizer("a", 300, stride=0), "stride"),
        (lambda: sample_tokenizer("a\udfff", 300), "text"),
        (lambda: rescale([[1.0]], [[1.0, 2.0]]), "target"),
    ):
        with pytest.raises(TokenlabError, match=word):
            call()
