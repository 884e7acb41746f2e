"""Walks through embedding space: identities, scikit-learn's ridge, dependences, purity."""

import itertools

import numpy as np
import pytest

from tokenlab import errors
from tokenlab.analysis.dynamics import (
    aggregate,
    cosines,
    dependence,
    fit_lens,
    lens,
    path_log_prob,
    purity,
    walk,
)
from tokenlab.lm import ChainLM, from_function
from tokenlab.models import transformer


def test_a_walk_by_hand():
    found = walk([[0.0, 0.0], [1.0, 1.0]], [[[3.0, 0], [0, 0]], [[0, 4.0], [0, 0]]])
    assert found.states.tolist()[-1] == [[3.0, 4.0], [1.0, 1.0]]
    assert found.length.tolist() == [7.0, 0.0]
    assert found.distance.tolist() == [5.0, 0.0]
    np.testing.assert_allclose(found.straightness, [5 / 7, 1.0])  # one does not move
    assert walk([[1.0]], np.zeros((0, 1, 1))).straightness.tolist() == [1.0]


def test_the_walk_of_a_transformer_ends_where_the_model_does():
    params = transformer.init(vocab=11, d=8, layers=3, heads=2, rng=0, dtype=np.float64)
    states = []
    transformer.forward(params, [1, 2, 3, 4], tap=lambda layer, x: states.append(x.copy()))
    states = np.array(states)
    found = walk(states[0], np.diff(states, axis=0))
    np.testing.assert_allclose(found.states, states, atol=1e-12)
    norm = params["norm"]

    def normed(x):
        return transformer.normed(norm, x)

    logits = transformer.forward(params, [1, 2, 3, 4])
    wanted = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    np.testing.assert_allclose(lens(found.states[-1], params["embed"].T, norm=normed), wanted)


def test_cosines():
    states = np.array([[[1.0, 0], [0, 0]], [[1, 1], [0, 2]]])  # (steps, n, d)
    np.testing.assert_allclose(cosines(states, [[0.0, 2], [0, 1]]), [[0, 0], [0.5**0.5, 1]])
    np.testing.assert_allclose(cosines(states, [1.0, 0]), [[1, 0], [0.5**0.5, 0]])
    np.testing.assert_allclose(cosines(states, states), [[1, 0], [1, 1]])
    assert cosines(np.float32([[1e-30, 0]]), np.float32([[1e30, 0]])).tolist() == [1.0]


def test_aggregation_adds_up_to_the_attention():
    rng = np.random.default_rng(0)
    attention = rng.random((2, 4, 4))
    attention /= attention.sum(-1, keepdims=True)
    values, output = rng.standard_normal((2, 4, 3)), rng.standard_normal((2, 3, 5))
    whole = sum(attention[h] @ values[h] @ output[h] for h in range(2))
    parts = aggregate(attention, values, output)
    np.testing.assert_allclose(parts.sum(axis=1), whole)
    wanted = sum(attention[h, 2, 1] * values[h, 1] @ output[h] for h in range(2))
    np.testing.assert_allclose(parts[2, 1], wanted)


def test_which_operation_is_which():
    rng = np.random.default_rng(0)
    x, mix = rng.standard_normal((4, 3)), rng.standard_normal((4, 4))
    np.testing.assert_allclose(dependence(lambda x: mix @ x, x, rng=0), abs(mix), atol=1e-9)
    alone = dependence(np.tanh, x, rng=0)
    np.testing.assert_array_equal(alone, np.diag(np.diag(alone)))
    params = transformer.init(vocab=7, d=8, layers=2, heads=2, rng=0, dtype=np.float64)

    def states(x):
        return transformer.forward(params, [0] * 5, tap=lambda layer, _: x if not layer else None)

    causal = dependence(states, rng.standard_normal((5, 8)), rng=0)
    np.testing.assert_array_equal(np.triu(causal, 1), 0)
    assert (causal[np.tril_indices(5)] > 0).all()


@pytest.mark.parametrize(("n", "d"), [(50, 6), (5, 9)])
def test_the_ridge_lens_is_scikit_learns(n, d):
    ridge = pytest.importorskip("sklearn.linear_model").Ridge(alpha=1.0)
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((n, d)) + 3, rng.standard_normal((n, 4)) - 2
    ridge.fit(x, y)
    found = fit_lens(x, y)
    np.testing.assert_allclose(found.weight, ridge.coef_.T, atol=1e-12)
    np.testing.assert_allclose(found.bias, ridge.intercept_, atol=1e-12)
    np.testing.assert_allclose(found(x), ridge.predict(x), atol=1e-12)


def test_the_ridge_lens_of_large_float32_states():
    rng = np.random.default_rng(0)
    x = (rng.standard_normal((40, 3)) * 1000 + 20_000).astype(np.float32)
    y = x.astype(np.float64) @ rng.standard_normal((3, 2)) + 5
    np.testing.assert_allclose(fit_lens(x, y, ridge=1e-6)(x.astype(float)), y, rtol=1e-6)


def test_paths_are_a_distribution():
    rng = np.random.default_rng(0)
    start, transition = rng.dirichlet(np.ones(3)), rng.dirichlet(np.ones(3), 3)
    lm = ChainLM(start, transition, 3)
    paths = itertools.product(range(3), repeat=3)
    assert sum(np.exp(path_log_prob(lm, path)) for path in paths) == pytest.approx(1)
    after = path_log_prob(lm, [1, 2], prefix=[0])
    assert after == pytest.approx(np.log(transition[0, 1] * transition[1, 2]))


def test_purity():
    x = np.array([[1.0, 0], [1, 0.1], [0, 1], [0.1, 1], [1, 0.05]])
    found = purity(x, ["a", "a", "b", "b", "a"], k=1)
    assert found.purity == 1.0
    assert found.chance == pytest.approx((3 * 2 + 2 * 1) / (5 * 4))
    # Row 2 is as near to row 0 as to row 1: the lower one counts.
    assert purity([[0.0, 1.0], [0.0, 1.0], [0.0, 1.0]], [0, 1, 0], k=1).purity == pytest.approx(
        1 / 3
    )


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: purity(np.eye(3), [0, 1], k=1), "labels are .2,.; expected .3,."),
        (lambda: purity(np.eye(3), [0, 1, 1], k=3), "k is 3 of n = 3"),
        (lambda: fit_lens(np.ones((3, 2)), np.ones((3, 1)), ridge=0), "do not determine"),
        (lambda: fit_lens(np.ones((3, 2)), np.ones((3, 1)), ridge=-1), "ridge"),
        (lambda: cosines(np.ones((3, 2)), np.ones((4, 2))), "directions are"),
        (lambda: walk(np.ones((3, 2)), np.ones((2, 4, 2))), "moves"),
        (lambda: dependence(None, np.ones((3, 2))), "f is None"),
        (lambda: dependence(np.tanh, np.ones((3, 2)), size=0), "size"),
        (lambda: path_log_prob(from_function(lambda c: [0.0], 1), [1]), "path"),
    ],
)
def test_bad_input(call, match):
    with pytest.raises(errors.TokenlabError, match=match):
        call()
