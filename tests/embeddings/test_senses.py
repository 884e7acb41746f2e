"""Senses: by hand, by the tape, by loops, and on a made word with two uses."""

import itertools

import numpy as np
import pytest

from tokenlab.autograd import gradcheck
from tokenlab.embeddings import senses
from tokenlab.errors import TokenlabError


def test_hand_case():
    log_p = senses.sense_log_probs([[0.5, 0.5]], [[[2.0, 0], [0, 1]]], [[0.0, 0]])
    np.testing.assert_allclose(np.exp(log_p), [[0.622459, 0.377541]], atol=5e-7)
    p = np.exp(log_p)
    np.testing.assert_allclose(
        senses.mix(p, [[[1.0, 0], [0, 2.0]]]), [[0.622459, 0.755081]], atol=5e-7
    )
    assert senses.entropy(p)[0] == pytest.approx(0.662847, abs=5e-7)
    assert senses.entropy([[1.0, 0.0]]).tolist() == [0.0]
    for temperature, wanted in ((1.0, 0.767303), (0.5, 0.915776), (0.1, 0.999993)):
        q = senses.relaxed_one_hot(log_p, temperature, uniforms=[[0.5, 0.25]])
        assert q[0, 0] == pytest.approx(wanted, abs=5e-7)
        assert q.sum() == pytest.approx(1)


def test_relaxed_draws_are_draws():
    log_p = np.log(np.tile([[0.2, 0.5, 0.3]], (20000, 1)))
    q = senses.relaxed_one_hot(log_p, 0.05, rng=0)
    shares = np.bincount(q.argmax(axis=1), minlength=3) / 20000
    np.testing.assert_allclose(shares, [0.2, 0.5, 0.3], atol=0.015)
    assert np.median(q.max(axis=1)) > 0.99


def test_examples_stay_in_their_documents():
    ids, offsets = np.array([0, 1, 2, 3, 0, 4, 1]), [0, 3, 3, 4, 7]
    centres, contexts = senses.examples(ids, offsets, 2)
    assert centres.tolist() == ids.tolist()
    wanted = []
    for first, end in itertools.pairwise(offsets):
        for i in range(first, end):
            around = [i - 2, i - 1, i + 1, i + 2]
            wanted.append([int(ids[j]) if first <= j < end else -1 for j in around])
    assert contexts.tolist() == wanted
    assert senses.examples([], [0, 0], 2).contexts.shape == (0, 4)


def made_params(rng, shared=False, vocab=6, s=3, d=4):
    draw = lambda *shape: rng.standard_normal(shape)  # noqa: E731
    gate = {"gate": draw(d, s), "gate_bias": draw(s)} if shared else {}
    gate = gate or {"gate": draw(vocab, d, s), "gate_bias": draw(vocab, s)}
    return gate | {"senses": draw(vocab, s, d), "outputs": draw(vocab, d), "bias": draw(vocab)}


CENTRES = np.array([0, 2, 5, 2])
CONTEXTS = np.array([[1, 3], [-1, 4], [-1, -1], [2, 2]])
LABELS = np.array([3, 4, 1, 2])


@pytest.mark.parametrize("shared", [False, True])
def test_the_loss_by_a_loop(shared):
    rng = np.random.default_rng(0)
    params = made_params(rng, shared)
    u = rng.uniform(0.05, 0.95, (4, 3))
    for uniforms, temperature, weight in ((None, 0.3, 0.0), (u, 0.7, -0.4)):
        total = 0.0
        for i in range(4):
            words = [w for w in CONTEXTS[i] if w >= 0]
            c = params["outputs"][words].mean(axis=0) if words else np.zeros(4)
            gate = params["gate"] if shared else params["gate"][CENTRES[i]]
            bias = params["gate_bias"] if shared else params["gate_bias"][CENTRES[i]]
            p = np.exp(c @ gate + bias)
            p /= p.sum()
            q = p
            if uniforms is not None:
                q = np.exp((np.log(p) - np.log(-np.log(uniforms[i]))) / temperature)
                q /= q.sum()
            h = q @ params["senses"][CENTRES[i]]
            word = np.exp(h @ params["outputs"].T + params["bias"])
            total += -np.log(word[LABELS[i]] / word.sum()) - weight * (p @ np.log(p))
        found = senses.loss(
            params,
            CENTRES,
            CONTEXTS,
            LABELS,
            temperature=temperature,
            uniforms=uniforms,
            entropy_weight=weight,
        )
        assert float(found) == pytest.approx(total / 4)


@pytest.mark.parametrize("shared", [False, True])
def test_gradients(shared):
    rng = np.random.default_rng(1)
    params = made_params(rng, shared)
    options = {"uniforms": rng.uniform(0.1, 0.9, (4, 3)), "temperature": 0.8}
    options["entropy_weight"] = 0.3
    # No gradient through the mean of the context: outputs are looked at apart, below.
    fixed = params["outputs"].copy()
    inner = {name: x for name, x in params.items() if name != "outputs"}
    f = lambda p: senses.loss(  # noqa: E731
        p | {"outputs": fixed}, CENTRES, CONTEXTS, LABELS, **options
    )
    assert gradcheck(f, inner) < 1e-6
    value, grads = senses.loss_and_grad(params, CENTRES, CONTEXTS, LABELS, **options)
    assert value == pytest.approx(float(f(inner)))
    assert grads.keys() == params.keys()
    log_p = np.log(senses.disambiguate(params, CENTRES, CONTEXTS))
    q = senses.relaxed_one_hot(log_p, 0.8, uniforms=options["uniforms"])
    h = senses.mix(q, params["senses"][CENTRES])
    word = np.exp(h @ fixed.T + params["bias"])
    word /= word.sum(axis=1, keepdims=True)
    word[np.arange(4), LABELS] -= 1
    np.testing.assert_allclose(grads["outputs"], word.T @ h / 4, atol=1e-12)


def test_numbering_of_senses_means_nothing_and_one_sense_is_skip_gram():
    rng = np.random.default_rng(2)
    params = made_params(rng)
    order = [2, 0, 1]
    other = params | {
        "senses": params["senses"][:, order],
        "gate": params["gate"][:, :, order],
        "gate_bias": params["gate_bias"][:, order],
    }
    value = senses.loss(params, CENTRES, CONTEXTS, LABELS)
    assert senses.loss(other, CENTRES, CONTEXTS, LABELS) == pytest.approx(float(value))
    one = made_params(rng, s=1)
    logits = one["senses"][CENTRES, 0] @ one["outputs"].T + one["bias"]
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    wanted = -log_p[np.arange(4), LABELS].mean()
    assert senses.loss(one, CENTRES, CONTEXTS, LABELS) == pytest.approx(wanted)


def test_priors_and_what_is_pruned():
    p = np.array([[0.9, 0.1], [0.7, 0.3], [0.02, 0.98]])
    found = senses.priors(p, [0, 0, 2], 4)
    np.testing.assert_allclose(found, [[0.8, 0.2], [0.5, 0.5], [0.02, 0.98], [0.5, 0.5]])
    assert senses.prune(found).tolist() == [[True, True], [True, True], [False, True], [True] * 2]
    assert senses.prune([[0.5, 0.3, 0.2]], least=1.0).tolist() == [[True, False, False]]


def made_word(rows, seed):
    """Two topics of 8 words, and word 16 in every row of 7; which topic each row is of."""
    rng = np.random.default_rng(seed)
    which = rng.integers(2, size=rows)
    ids = []
    for topic in which:
        row = list(rng.integers(8, size=7) + 8 * topic)
        row.insert(rng.integers(8), 16)
        ids += row
    return np.array(ids), np.arange(rows + 1) * 8, which


@pytest.mark.parametrize("seed", [0, 1])
def test_the_two_uses_of_a_made_word_are_told_apart(seed):
    ids, offsets, which = made_word(400, seed)
    found = senses.train(ids, offsets, 17, senses=2, d=8, window=3, rng=seed)
    assert np.mean(found.history[-20:]) < found.history[0]
    centres, contexts = senses.examples(ids, offsets, 3)
    at = centres == 16
    shares = senses.disambiguate(found.params, centres[at], contexts[at])
    meant = shares.argmax(axis=1)
    assert max((meant == which).mean(), (meant != which).mean()) == 1
    prior = senses.priors(senses.disambiguate(found.params, centres, contexts), centres, 17)
    assert senses.prune(prior)[16].all()


def test_training_is_reproducible():
    ids, offsets, _ = made_word(20, 3)
    one, two = (
        senses.train(ids, offsets, 17, d=4, window=2, epochs=1, pretraining=1, rng=0)
        for _ in range(2)
    )
    for name, x in one.params.items():
        np.testing.assert_array_equal(x, two.params[name])


P = made_params(np.random.default_rng(4))


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (
            lambda: senses.relaxed_one_hot(np.zeros((1, 2)), 1.0, uniforms=[[0.0, 0.5]]),
            "relaxed_one_hot: uniforms run from 0",
        ),
        (
            lambda: senses.loss(P, CENTRES, CONTEXTS, LABELS, uniforms=np.ones((4, 3))),
            "loss: uniforms run from 1",
        ),
        (lambda: senses.relaxed_one_hot(np.zeros((1, 2)), 0.0), "relaxed_one_hot: temperature is"),
        (lambda: senses.loss(P, [6, 0, 0, 0], CONTEXTS, LABELS), "loss: centres runs from 0 to 6"),
        (lambda: senses.loss(P, CENTRES, CONTEXTS, [0, 0, 0, -1]), "loss: labels runs from -1"),
        (lambda: senses.disambiguate(P, CENTRES, CONTEXTS - 1), "disambiguate: contexts"),
        (lambda: senses.disambiguate({}, CENTRES, CONTEXTS), "disambiguate: params is"),
        (lambda: senses.examples([0, 1], [0, 1], 2), "examples: offsets is"),
        (lambda: senses.examples([0, -1], [0, 2], 2), "examples: ids goes down to -1"),
        (lambda: senses.examples([0, 1], [0, 2], 0), "examples: window is 0"),
        (lambda: senses.train([0, 9], [0, 2], 5), "train: ids runs from 0 to 9"),
        (lambda: senses.train([0, 1], [0, 1, 2], 5), "train: ids has no two words"),
        (lambda: senses.priors([[1.0]], [3], 2), "priors: centres runs from 3"),
        (lambda: senses.prune([[1.0]], least=2), "prune: least is 2"),
        (lambda: senses.entropy([[np.nan]]), "entropy: p has 1 values"),
    ],
)
def test_bad_input_is_refused_by_name(call, says):
    with pytest.raises(TokenlabError) as error:
        call()
    assert says in str(error.value)
