"""Bigram subnetworks: bounds, a model that is a table, masks against enumeration, learning."""

import itertools

import numpy as np
import pytest
from scipy.stats import hypergeom, pearsonr

from tokenlab import autograd, errors
from tokenlab.analysis.bigram_subnetworks import (
    apply,
    bigram_table,
    complement,
    conditional_entropy,
    learn,
    loss,
    magnitude_masks,
    overlap,
    paths,
    random_masks,
    settled,
    soft_masks,
    start,
    surprisal_correlation,
    threshold,
)
from tokenlab.models import transformer

COUNTS = np.array([[6, 2, 2], [1, 8, 1], [3, 3, 4]])
TABLE = COUNTS / 10


def rows(params, ids):
    """A model that is a table of logits."""
    return params["blocks"][0]["w"][ids]


def test_entropies_by_hand():
    current = np.repeat([0, 1, 2], 10)
    assert conditional_entropy(TABLE, current) / np.log(2) == pytest.approx(1.2879, abs=1e-4)
    single = COUNTS.sum(0) / 30
    unigram = -(single * np.log2(single)).sum()
    assert unigram == pytest.approx(1.5410, abs=1e-4)


def test_the_table_of_a_text():
    ids = np.array([0, 1, 1, 0, 1, 2])
    table = bigram_table(ids, 4)
    np.testing.assert_allclose(table[0], [0, 1, 0, 0])
    np.testing.assert_allclose(table[1], np.array([1, 1, 1, 0]) / 3)
    np.testing.assert_allclose(table[2:], [[2 / 6, 3 / 6, 1 / 6, 0]] * 2)  # nothing follows
    assert bigram_table([2], 3).tolist() == [[0, 0, 1]] * 3


def test_no_model_is_below_the_conditional_entropy():
    rng, ids = np.random.default_rng(0), np.array([[0, 1, 2, 1]])
    bound = conditional_entropy(TABLE, ids[0])
    for _ in range(20):
        params = {"blocks": [{"w": rng.standard_normal((3, 3))}]}
        options = {"forward": rows, "penalty": 0.0}
        assert loss(start(params), params, ids, TABLE[ids], **options) >= bound
    exact = {"blocks": [{"w": 2 * np.log(TABLE)}]}  # its masks are one half
    assert loss(start(exact), exact, ids, TABLE[ids], **options) == pytest.approx(bound)


def test_the_gradient_of_the_masks():
    rng = np.random.default_rng(0)
    params = {"blocks": [{"w": rng.standard_normal((3, 3))}]}
    theta, ids = {"blocks/0/w": rng.standard_normal((3, 3))}, np.array([[0, 1, 2, 1]])

    def f(theta):
        return loss(theta, params, ids, TABLE[ids], forward=rows, temperature=1.7, penalty=3.0)

    assert autograd.gradcheck(f, theta) < 1e-6


def test_learning_on_a_transformer_keeps_the_weights_and_lowers_the_loss():
    rng = np.random.default_rng(0)
    params = transformer.init(vocab=5, d=8, layers=1, heads=2, length=8, rng=0, dtype=np.float64)
    before = params["blocks"][0]["up"].copy()
    ids = rng.integers(0, 5, (40, 4, 8))
    table = bigram_table(ids.ravel(), 5)
    options = {"forward": transformer.forward, "rate": 0.05, "growth": 1.05, "penalty": 1.0}
    found = learn(params, ids, lambda ids: table[ids], **options)
    np.testing.assert_array_equal(params["blocks"][0]["up"], before)
    assert found.history[-1] < found.history[0]
    assert sorted(found.masks) == sorted(paths(params))
    np.testing.assert_array_equal(found.masks["blocks/0/up"], found.theta["blocks/0/up"] > 0)
    shares = settled(found.theta, found.temperature)
    assert found.converged == (shares.undecided < 0.01 * shares.on)
    assert sum(shares) == pytest.approx(1)


def test_what_is_needed_stays_and_the_rest_goes():
    """Of two tables that are added one is right, and of that the diagonal says all."""
    noise = np.array([[-4.0, 3, 2], [5, -3, 3], [2, 5, -4]])
    params = {"blocks": [{"right": 5.0 * np.eye(3), "wrong": noise}]}
    table = np.exp(5.0 * np.eye(3))
    table /= table.sum(axis=1, keepdims=True)

    def forward(params, ids):
        block = params["blocks"][0]
        return block["right"][ids] + block["wrong"][ids]

    batches = itertools.repeat(np.array([[0, 1, 2]]), 3000)
    options = {"forward": forward, "penalty": 0.1, "rate": 0.05, "growth": 1.01}
    found = learn(params, batches, lambda ids: table[ids], **options)
    assert found.converged
    assert len(found.history) < 3000
    assert not found.masks["blocks/0/wrong"].any()
    np.testing.assert_array_equal(found.masks["blocks/0/right"], np.eye(3, dtype=bool))


@pytest.mark.parametrize(("penalty", "kept"), [(np.inf, False), (-np.inf, True)])
def test_penalties_without_end(penalty, kept):
    params = {"blocks": [{"w": np.ones((2, 2))}]}
    found = learn(params, [], None, forward=rows, penalty=penalty)
    assert (found.masks["blocks/0/w"] == kept).all()
    assert len(found.history) == 0


def test_paths_and_application():
    params = transformer.init(vocab=5, d=8, layers=2, heads=2, rng=0)
    names = paths(params)
    assert names[:4] == ["blocks/0/qkv", "blocks/0/out", "blocks/0/up", "blocks/0/down"]
    assert "embed" in paths(params, inside="")
    masks = {"blocks/1/up": np.zeros((8, 32), bool)}
    left = apply(params, masks)
    assert (left["blocks"][1]["up"] == 0).all()
    assert left["embed"] is params["embed"]
    assert left["blocks"][0]["up"] is params["blocks"][0]["up"]
    assert left["blocks"][1]["up"].dtype == np.float32


def test_soft_masks_and_thresholds():
    theta = {"w": np.array([[-800.0, -1.0, 0.0, 1.0, 800.0]])}
    wanted = 1 / (1 + np.exp(-2 * np.clip(theta["w"], -300, 300)))
    np.testing.assert_allclose(soft_masks(theta, 2.0)["w"], wanted, atol=1e-15)
    assert threshold(theta)["w"].tolist() == [[False, False, False, True, True]]
    assert settled(theta, 2.0) == pytest.approx((0.2, 0.6, 0.2))


def test_controls_keep_as_many():
    rng = np.random.default_rng(0)
    params = {"blocks": [{"a": rng.standard_normal((4, 5)), "b": rng.standard_normal((3, 2))}]}
    masks = {f"blocks/0/{n}": rng.random(x.shape) < 0.4 for n, x in params["blocks"][0].items()}
    for other in (random_masks(masks, rng=1), magnitude_masks(params, masks)):
        assert {p: int(m.sum()) for p, m in other.items()} == {
            p: int(m.sum()) for p, m in masks.items()
        }
    large = magnitude_masks(params, masks)["blocks/0/a"]
    a = abs(params["blocks"][0]["a"])
    assert a[large].min() >= a[~large].max()
    assert all((complement(masks)[p] == ~m).all() for p, m in masks.items())


def test_overlap_is_hypergeometric():
    rng = np.random.default_rng(0)
    a = {"x": rng.random((3, 4)) < 0.5, "y": rng.random((2, 3)) < 0.3}
    b = {"x": rng.random((3, 4)) < 0.4, "y": rng.random((2, 3)) < 0.6}
    found = overlap(a, b)
    chance = [hypergeom(a[p].size, a[p].sum(), b[p].sum()) for p in a]
    assert found.expected == pytest.approx(sum(c.mean() for c in chance))
    assert found.deviation == pytest.approx(sum(c.var() for c in chance) ** 0.5)
    assert found.shared == sum((a[p] & b[p]).sum() for p in a)
    assert found.z == pytest.approx((found.shared - found.expected) / found.deviation)
    full = {"x": np.ones((3, 4), bool)}
    assert overlap(full, full).z == 0


def test_overlap_by_enumeration():
    a = {"x": np.array([[True, True, False, False, False]])}
    sets = [np.isin(np.arange(5), s)[None] for s in itertools.combinations(range(5), 3)]
    shared = [overlap(a, {"x": s}).shared for s in sets]
    found = overlap(a, {"x": sets[0]})
    assert found.expected == pytest.approx(np.mean(shared))
    assert found.deviation == pytest.approx(np.std(shared))


def test_correlations():
    rng = np.random.default_rng(0)
    a = rng.random(30)
    b = a + rng.random(30)
    assert surprisal_correlation(a, b) == pytest.approx(pearsonr(a, b).statistic)
    assert surprisal_correlation(a * 1e200, b * 1e-200) == pytest.approx(pearsonr(a, b).statistic)
    withheld = np.append(a, 3.0), np.append(b, np.inf)
    assert surprisal_correlation(*withheld) == pytest.approx(pearsonr(a, b).statistic)


ONE = {"blocks": [{"w": np.ones((2, 2))}]}
IDS = np.array([[0, 1]])


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: apply(ONE, {"blocks/1/w": np.ones((2, 2))}), "has the path 'blocks/1/w'"),
        (lambda: apply(ONE, {"blocks/0/w": np.ones((2, 3))}), "the mask of blocks/0/w is .2, 3."),
        (lambda: start(ONE, ["w"]), "where has the path 'w'"),
        (lambda: paths({"a": np.ones(3)}), "inside is 'blocks'"),
        (
            lambda: loss(start(ONE), ONE, IDS, np.ones((1, 2, 3)), forward=rows),
            "target is .1, 2, 3.",
        ),
        (lambda: soft_masks({"w": np.ones(2)}, 0.0), "temperature"),
        (lambda: learn(ONE, [], lambda ids: ids, forward=rows), "batches are empty"),
        (lambda: learn(ONE, [IDS], None, forward=rows), "target is None"),
        (lambda: learn(ONE, [IDS], None, forward=rows, growth=0.9), "growth"),
        (lambda: overlap({"w": np.ones((2, 2), bool)}, {}), "same paths"),
        (lambda: complement({"w": np.array([[0.5]])}), "masks"),
        (lambda: complement([1]), "masks"),
        (lambda: bigram_table([0, 3], 3), "ids"),
        (lambda: conditional_entropy(TABLE, [3]), "current"),
        (lambda: surprisal_correlation([1.0, np.inf], [1.0, 2.0]), "1 finite pairs"),
        (lambda: surprisal_correlation([1.0, np.nan], [1.0, 2.0]), "a has NaN"),
    ],
)
def test_bad_input(call, match):
    with pytest.raises(errors.TokenlabError, match=match):
        call()
