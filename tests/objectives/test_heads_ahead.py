"""Losses of heads that look further ahead: multi-token prediction and CAFT."""

import numpy as np
import pytest

from tokenlab import autograd, errors
from tokenlab.models import transformer
from tokenlab.models.layers import cross_entropy
from tokenlab.objectives import caft, multi_token
from tokenlab.objectives.caft import (
    coefficients,
    concept_log_probs,
    head_logits,
    head_states,
    init_heads,
    schedule,
)

RNG = np.random.default_rng(0)
LOGITS, LABELS = RNG.standard_normal((3, 2, 5, 7)), RNG.integers(0, 7, (2, 5))


def by_loops(logits, labels, j):
    terms = []
    for b, row in enumerate(labels):
        for t in range(len(row) - 1 - j):
            if row[t + 1 + j] != -100:
                x = logits[j, b, t]
                terms.append(np.log(np.exp(x).sum()) - x[row[t + 1 + j]])
    return np.mean(terms) if terms else 0.0


def test_losses_by_loops():
    labels = LABELS.copy()
    labels[0, 2] = labels[1, 4] = -100
    found = multi_token.head_losses(LOGITS, labels)
    np.testing.assert_allclose(found, [by_loops(LOGITS, labels, j) for j in range(3)])
    assert multi_token.loss(LOGITS, labels) == pytest.approx(sum(found))


def test_sure_and_uniform_heads():
    sure = np.full((2, 2, 5, 7), -50.0)
    for j in range(2):
        for t in range(4 - j):
            sure[j, [0, 1], t, LABELS[:, t + 1 + j]] = 50
    assert multi_token.head_losses(sure, LABELS) == pytest.approx([0, 0])
    uniform = multi_token.head_losses(np.zeros((2, 2, 5, 7)), LABELS)
    assert uniform == pytest.approx([np.log(7)] * 2)


@pytest.mark.parametrize("labels", [np.full((2, 5), -100), LABELS[:, :1]])
def test_without_targets_the_loss_and_its_gradient_are_0(labels):
    logits = LOGITS[:, :, : labels.shape[1]]
    assert multi_token.head_losses(logits, labels) == [0, 0, 0]
    for loss in (multi_token.loss, lambda x, y: caft.loss(x, y, progress=0.2)):
        value, grad = autograd.value_and_grad(loss)(logits, labels)
        assert value == 0
        assert (grad == 0).all()


def test_caft_by_hand():
    each = np.array([2, 2.5, 3, 3.4, 3.7])
    for progress, wanted in ((0, 2.0718), (0.5, 2.0507), (1, 2.0)):
        assert coefficients(5, progress=progress) @ each == pytest.approx(wanted, abs=5e-5)
    assert [schedule(0.25, kind) for kind in ("sine", "linear", "constant")] == pytest.approx(
        [np.sin(np.pi / 8), 0.25, 1]
    )


def test_caft_is_the_weighted_sum():
    each = multi_token.head_losses(LOGITS, LABELS)
    weights = coefficients(3, progress=0.3, alpha=0.5, beta=0.7, kind="sine")
    options = {"progress": 0.3, "alpha": 0.5, "beta": 0.7, "kind": "sine"}
    assert caft.loss(LOGITS, LABELS, **options) == pytest.approx(weights @ each)
    without = caft.loss(LOGITS, LABELS, **options, main=False)
    assert without == pytest.approx(weights[1:] @ each[1:])
    value, grad = autograd.value_and_grad(lambda x: caft.loss(x, LABELS, progress=0.0, main=False))(
        LOGITS[:1]
    )
    assert value == 0
    assert (grad == 0).all()


@pytest.mark.parametrize("options", [{"progress": 1.0}, {"progress": 0.4, "alpha": 0.0}])
def test_without_weight_it_is_next_token_fine_tuning(options):
    _, grad = autograd.value_and_grad(lambda x: caft.loss(x, LABELS, **options))(LOGITS)
    _, plain = autograd.value_and_grad(lambda x: cross_entropy(x[:, :-1], LABELS[:, 1:]))(LOGITS[0])
    np.testing.assert_allclose(grad[0], plain)
    np.testing.assert_allclose(grad[1:], 0)


def test_gradients():
    labels = LABELS.copy()
    labels[0, 3] = -100
    assert autograd.gradcheck(lambda x: caft.loss(x, labels, progress=0.3, alpha=1), LOGITS) < 1e-6
    heads = [
        {k: v + 0.1 * RNG.standard_normal(v.shape) for k, v in h.items()} for h in init_heads(4, 2)
    ]
    hidden, output = RNG.standard_normal((2, 5, 4)), RNG.standard_normal((4, 7))

    def loss(heads, hidden):
        return caft.loss(head_logits(heads, hidden, output), labels, progress=0.1, alpha=1)

    assert (
        autograd.gradcheck(lambda p: loss(p["heads"], p["h"]), {"heads": heads, "h": hidden}) < 1e-6
    )


def test_heads_change_nothing_at_first_and_share_nothing():
    hidden, output = RNG.standard_normal((2, 5, 4)), RNG.standard_normal((4, 7))
    heads = init_heads(4, 3)
    for logits in head_logits(heads, hidden, output):
        np.testing.assert_array_equal(logits, hidden @ output)
    heads[0]["weight"][0, 0] = 1
    assert heads[1]["weight"][0, 0] == 0


def test_heads_that_are_layers():
    params = transformer.init(vocab=7, d=8, layers=2, heads=2, rng=0)
    layer = params["blocks"][0]
    heads = init_heads(8, 2, kind="layer", layer=layer)
    assert heads[0]["out"] is not layer["out"]
    hidden = RNG.standard_normal((1, 5, 8))
    wanted = transformer.through(layer, hidden, np.tri(5, dtype=bool))
    own, first, second = head_states(heads, hidden)
    np.testing.assert_array_equal(own, hidden)
    np.testing.assert_allclose(first, wanted)
    np.testing.assert_allclose(second, wanted)
    fresh = init_heads(8, 2, kind="layer", rng=0)
    assert len(fresh) == 2
    assert sorted(fresh[0]) == sorted(layer)
    output = RNG.standard_normal((8, 7))
    normed = head_logits(heads, hidden, output, norm=lambda x: x * 2)
    np.testing.assert_allclose(normed[0], hidden @ output)  # these have passed the norm
    np.testing.assert_allclose(normed[1], 2 * wanted @ output)


def test_concepts():
    log_probs, ids = np.log(RNG.dirichlet(np.ones(4), 5)), np.array([0, 3, 1, 2, 2])
    found = concept_log_probs(log_probs, ids, [[1, 3], [4, 5]])
    assert found == pytest.approx([log_probs[0, 3] + log_probs[1, 1], log_probs[3, 2]])


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: multi_token.loss(LOGITS, np.full((2, 5), -1)), "labels has -1"),
        (lambda: multi_token.head_losses(LOGITS, np.full((2, 5), 7)), "labels has 7"),
        (lambda: caft.loss(LOGITS, LABELS, progress=1.1), "progress"),
        (lambda: schedule(float("nan")), "progress"),
        (lambda: schedule(0.5, "cosine"), "kind"),
        (lambda: coefficients(2, progress=0.5, alpha=-1), "alpha"),
        (lambda: init_heads(4, 2, kind="mlp"), "kind"),
        (lambda: concept_log_probs(np.zeros((3, 2)), [0, 1, 1], [[0, 2]]), "spans run from 0"),
        (lambda: concept_log_probs(np.zeros((3, 2)), [0, 1, 1], [[2, 4]]), "spans run from 2 to 4"),
        (lambda: concept_log_probs(np.zeros((3, 2)), [0, 1, 2], [[1, 2]]), "ids"),
    ],
)
def test_bad_input(call, match):
    with pytest.raises(errors.TokenlabError, match=match):
        call()
