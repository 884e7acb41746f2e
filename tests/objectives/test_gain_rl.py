"""GAIN-RL: closed forms against all pairs, the released code's numbers, the window, enumeration."""

import itertools

import numpy as np
import pytest
from scipy.stats import chisquare

from tokenlab import errors
from tokenlab.objectives import gain_rl
from tokenlab.objectives.gain_rl import (
    angle_concentration,
    concentrations,
    gradient_terms,
    next_mean,
    order,
    sample,
    sampling_probabilities,
)


def pairs(x, prefix):
    """(2) and (3) as the paper writes them: all cosines."""
    u = x / np.linalg.norm(x, axis=1, keepdims=True)
    cosines = u @ u.T
    return cosines[prefix:, prefix:].mean(), cosines[prefix:, :prefix].mean()


@pytest.mark.parametrize(("n", "d", "prefix"), [(9, 4, 3), (40, 16, 1), (5, 3, 4)])
def test_means_of_directions_are_means_over_all_pairs(n, d, prefix):
    x = np.random.default_rng(n).standard_normal((n, d))
    np.testing.assert_allclose(angle_concentration(x, prefix), pairs(x, prefix), atol=1e-12)


def test_by_hand():
    found = angle_concentration([[1, 0], [0, 1], [0.5**0.5, 0.5**0.5]], 1)
    assert found.intra == pytest.approx(0.853553, abs=1e-6)
    assert found.inter == pytest.approx(0.353553, abs=1e-6)
    assert found.total == pytest.approx(1.207107, abs=1e-6)
    assert next_mean(0.0, 0.5, 0.5) == pytest.approx(380.797, abs=1e-3)


def test_limits_of_the_angle():
    same = np.full((6, 3), 2.0)
    assert angle_concentration(same, 2) == pytest.approx((1.0, 1.0))
    assert angle_concentration(np.eye(5), 1).intra == pytest.approx(1 / 4)
    assert angle_concentration(np.eye(5), 1, diagonal=False).intra == pytest.approx(0, abs=1e-15)
    assert angle_concentration(np.eye(5), 0).inter == 0
    assert angle_concentration(np.eye(3), 2, diagonal=False).intra == 0  # one row of question
    x = np.random.default_rng(0).standard_normal((7, 4))
    scaled = x * np.random.default_rng(1).uniform(1e-3, 1e3, (7, 1))
    np.testing.assert_allclose(
        angle_concentration(x, 2), angle_concentration(scaled, 2), atol=1e-12
    )


def test_without_the_diagonal_it_is_the_mean_of_the_others():
    x = np.random.default_rng(0).standard_normal((8, 4))
    x[5] = 0  # no direction: its cosines are 0, also with itself
    u = (
        x[2:]
        / np.where(np.linalg.norm(x[2:], axis=1) > 0, np.linalg.norm(x[2:], axis=1), 1)[:, None]
    )
    others = [u[i] @ u[j] for i, j in itertools.permutations(range(6), 2)]
    found = angle_concentration(x, 2, diagonal=False).intra
    assert found == pytest.approx(np.mean(others), abs=1e-12)


@pytest.mark.parametrize("size", [1e-30, 1e30])
def test_the_range_of_float32(size):
    x = (np.random.default_rng(0).standard_normal((6, 4)) * size).astype(np.float32)
    wanted = pairs(x.astype(np.float64), 2)
    np.testing.assert_allclose(angle_concentration(x, 2), wanted, atol=1e-6)


def test_the_released_ranking():
    i, j = np.arange(300)[:, None], np.arange(16)[None]
    x = np.sin(0.37 * i + 1.3 * j**2)
    found = angle_concentration(x, 110, variant="official")
    assert found == pytest.approx((0.00477089, 0.03483463), abs=1e-8)
    for n in (112, 200, 232):
        assert np.isnan(angle_concentration(x[:n], 110, variant="official").total)
    assert np.isfinite(angle_concentration(x[:233], 110, variant="official").total)


def test_of_several_texts():
    x, offsets = np.random.default_rng(0).standard_normal((12, 3)), [0, 5, 12]
    found = concentrations(x, offsets, 2, diagonal=False)
    one = [angle_concentration(x[a:b], 2, diagonal=False) for a, b in ((0, 5), (5, 12))]
    np.testing.assert_array_equal(found.intra, [c.intra for c in one])
    np.testing.assert_array_equal(found.total, [c.total for c in one])
    assert concentrations(x[:5], [0, 5], 1).intra.shape == (1,)


def test_terms_add_up_to_the_gradient():
    rng = np.random.default_rng(0)
    x, g = rng.standard_normal((7, 4)), rng.standard_normal((7, 5))
    assert gradient_terms(x, g).sum() == pytest.approx(np.linalg.norm(x.T @ g) ** 2)


def test_order_and_its_unknowns():
    scores = np.array([0.1, 0.7, np.nan, 0.7])
    assert order(scores, variant="official").tolist() == [2, 1, 3, 0]
    with pytest.raises(errors.InvalidInput, match="order: scores has 1 NaN, the first at 2"):
        order(scores)


@pytest.mark.parametrize("mean", [-1e9, 0.0, 7.5, 1e9, 1e300])
def test_the_window_is_finite_wherever_it_stands(mean):
    p = sampling_probabilities(12, mean, sigma=2.0)
    assert np.isfinite(p).all()
    assert p.sum() == pytest.approx(1)
    assert len(set(sample(np.arange(12), 5, mean, sigma=2.0, rng=0).tolist())) == 5


def test_sampling_without_replacement_against_all_orders():
    ranking, k, draws = np.array([3, 0, 4, 1, 2]), 2, 20_000
    p = sampling_probabilities(5, 1.0, sigma=1.5)
    wanted = dict.fromkeys(itertools.combinations(range(5), k), 0.0)
    for a, b in itertools.permutations(range(5), k):  # one after the other, the rest renormalised
        wanted[tuple(sorted((a, b)))] += p[a] * p[b] / (1 - p[a])
    rng = np.random.default_rng(0)
    place = np.argsort(ranking)
    seen = dict.fromkeys(wanted, 0)
    for _ in range(draws):
        drawn = place[sample(ranking, k, 1.0, sigma=1.5, rng=rng)]
        assert drawn[0] < drawn[1]  # in rank order
        seen[tuple(drawn.tolist())] += 1
    expected = draws * np.array(list(wanted.values()))
    assert chisquare(list(seen.values()), expected).pvalue > 1e-3


def test_the_window_leaves_the_data():
    mean, epochs = 0.0, 0
    while mean < 7473:
        mean, epochs = next_mean(mean, 0.5, 0.5), epochs + 1
    assert epochs == 20


def test_the_step_stays_in_its_limits():
    assert next_mean(5.0, 0.0, -3.0) == 5.0
    assert next_mean(5.0, 1.0, 9.0) == pytest.approx(5 + 500 * np.tanh(1) + 500)
    assert next_mean(5.0, 1.0, 9.0, limits=(0.0, 10.0)) == 15.0


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: angle_concentration(np.ones((3, 2)), 3), "prefix is 3 of n = 3 rows"),
        (lambda: angle_concentration(np.ones((3, 2)), 0, variant="new"), "variant"),
        (lambda: sample(np.arange(3), 4, 0.0), "k is 4 of 3"),
        (lambda: sample(np.arange(3), 2, 0.0, sigma=0.0), "sigma"),
        (lambda: next_mean(0.0, 1.5, 0.0), "accuracy"),
        (lambda: next_mean(0.0, 0.5, float("nan")), "angle"),
        (lambda: next_mean(0.0, 0.5, 0.5, limits=(2.0, 1.0)), "limits is"),
        (lambda: concentrations(np.ones((4, 2)), [0, 2, 4], 2), "prefix is 2 of n = 2"),
    ],
)
def test_bad_input(call, match):
    with pytest.raises(errors.InvalidInput, match=match):
        call()


def test_names():
    assert gain_rl.Concentration(1.0, 2.0).total == 3.0
