"""MaskGIT, xAR, TokenUnify: hand cases, laws, samplers with a known answer, gradients."""

import itertools

import numpy as np
import pytest

from tokenlab.autograd import gradcheck
from tokenlab.errors import TokenlabError
from tokenlab.numerics import log_softmax
from tokenlab.objectives import maskgit, next_x
from tokenlab.objectives import token_unify as tu

# MaskGIT.


def test_the_published_schedule():
    assert [maskgit.n_masked(t, 8, 256) for t in range(9)] == [
        *(256, 251, 236, 212, 181, 142, 97, 49, 0),
    ]
    assert [maskgit.n_masked(t, 4, 4) for t in range(5)] == [4, 3, 2, 1, 0]
    assert [maskgit.n_masked(t, 6, 2) for t in range(7)] == [2, 1, 1, 1, 1, 1, 0]
    assert maskgit.n_masked(2, 3, 0) == 0
    for kind in maskgit.SCHEDULES:
        values = [maskgit.mask_schedule(r, kind) for r in np.linspace(0, 1, 9)]
        assert values[0] == 1
        assert values[-1] == 0
        assert all(a > b for a, b in itertools.pairwise(values))


def test_ties_mask_fewer_and_known_tokens_stay():
    none = [False] * 4
    assert maskgit.keep_confident([0.0, 0.0, 0.0, 1.0], none, 2).tolist() == [False] * 4
    assert maskgit.keep_confident([3.0, 1.0, 2.0, 0.0], none, 2).tolist() == [
        False,
        True,
        False,
        True,
    ]
    assert maskgit.keep_confident([3.0, 1.0], [False, False], 2).all()
    known = [True, True, False, False]
    assert maskgit.keep_confident([-9.0, -8.0, 1.0, 2.0], known, 2).tolist() == [
        *(False, False, True, True),
    ]


def test_the_sampler_fixes_what_it_is_sure_of():
    scores = np.zeros((1, 4, 3))
    scores[0, :, 1] = [50.0, 40.0, 30.0, 20.0]  # sure, and surest of the first
    found = maskgit.sample(lambda tokens: scores, 4, steps=4, rng=0)
    assert found.tokens.tolist() == [[1, 1, 1, 1]]
    assert found.masked[0] == 4
    assert found.masked[-1] == 0
    seen = []

    def watching(tokens):
        seen.append(tokens.copy())
        return np.random.default_rng(len(seen)).standard_normal((2, 16, 5))

    found = maskgit.sample(watching, 16, steps=5, b=2, temperature=2.0, rng=0)
    assert len(seen) == 5
    assert (seen[0] == -1).all()
    for before, after in itertools.pairwise(seen):
        assert (after[before >= 0] == before[before >= 0]).all()  # what is fixed stays
    for t in range(1, 5):
        np.testing.assert_array_equal(found.fixed_at <= t, seen[t] >= 0)
    assert found.masked.tolist() == [maskgit.n_masked(t, 5, 16) for t in range(6)]


def test_one_step_draws_from_the_softmax():
    scores = np.log([0.1, 0.2, 0.7])
    found = maskgit.sample(lambda t: np.zeros((*t.shape, 3)) + scores, 50, steps=1, b=400, rng=0)
    share = np.bincount(found.tokens.reshape(-1), minlength=3) / 20_000
    assert abs(share - [0.1, 0.2, 0.7]).max() < 4.5 * (0.25 / 20_000) ** 0.5


# xAR.


def test_entities_by_hand():
    assert next_x.cells(4, 4, 2)[0].tolist() == [0, 1, 4, 5]
    assert next_x.subsamples(4, 4, 2)[0].tolist() == [0, 2, 8, 10]
    for entities in (
        next_x.tokens(3, 4),
        next_x.whole(3, 4),
        next_x.cells(4, 6, 2),
        next_x.subsamples(6, 4, 2),
    ):
        places = np.sort(entities, axis=None)
        np.testing.assert_array_equal(places, np.arange(entities.size))
    x = np.arange(16.0).reshape(4, 4, 1)
    coarse, middle, fine = next_x.scales(x, 3)
    assert coarse[..., 0].tolist() == [[7.5]]
    assert middle[..., 0].tolist() == [[2.5, 4.5], [10.5, 12.5]]
    assert fine is x or (fine == x).all()
    mask = next_x.block_causal_mask([2, 1])
    assert mask.astype(int).tolist() == [[1, 1, 0], [1, 1, 0], [1, 1, 1]]


def test_the_path_by_hand_and_back():
    noisy, velocity = next_x.flow_pair([[2.0, 0.0]], [[0.0, 1.0]], [0.25])
    assert noisy.tolist() == [[1.5, 0.25]]
    assert velocity.tolist() == [[-2.0, 1.0]]
    rng = np.random.default_rng(0)
    x, noise, t = rng.standard_normal((5, 6, 3)), rng.standard_normal((5, 6, 3)), rng.random((5, 6))
    noisy, velocity = next_x.flow_pair(x, noise, t)
    np.testing.assert_allclose(next_x.recover(noisy, velocity, t), x, atol=1e-12)
    np.testing.assert_allclose(next_x.score(noisy, velocity, t), -noise / t[..., None], rtol=1e-8)


def test_times_and_grids():
    t = next_x.times(100_000, rng=0)
    assert np.median(t) == pytest.approx(0.5, abs=0.01)
    assert (t < 0.02).mean() < 5e-4
    assert next_x.times(100_000, variant="paper", rng=0).mean() == pytest.approx(0.5, abs=0.01)
    assert next_x.time_grid(4).tolist() == [1, 0.75, 0.5, 0.25, 0]
    official = next_x.time_grid(4, variant="official")
    np.testing.assert_allclose(official, [1, 0.68, 0.36, 0.04, 0])
    assert next_x.guidance_ramp(1, 4.0).tolist() == [1]
    assert next_x.guidance_ramp(5, 3.0).tolist() == [1, 1.5, 2, 2.5, 3]


def gaussian_velocity(mean, deviation):
    """The velocity of N(mean, deviation²), which is known."""

    def velocity(x, t, i):
        t = t[..., None]
        a, b = 1 - t, t
        slope = (b - a * deviation**2) / (a**2 * deviation**2 + b**2)
        return -mean + slope * (x - a * mean)

    return velocity


@pytest.mark.parametrize(("variant", "steps"), [("paper", 60), ("official", 120)])
def test_samplers_reach_a_known_density(variant, steps):
    mean, deviation = np.array([1.5, -0.5]), np.array([0.5, 1.2])
    x = next_x.sample(
        gaussian_velocity(mean, deviation),
        next_x.cells(2, 2, 1),
        2,
        steps=steps,
        b=6000,
        variant=variant,
        rng=0,
    )
    flat = x.reshape(-1, 2)
    np.testing.assert_allclose(flat.mean(axis=0), mean, atol=0.05)
    np.testing.assert_allclose(flat.std(axis=0), deviation, rtol=0.05)


def test_finished_entities_are_clean_and_those_to_come_are_noise():
    entities, seen = next_x.cells(2, 4, 2), []

    def velocity(x, t, i):
        seen.append((i, t[0].copy(), x.copy()))
        return x - 7.0 if i == 0 else x

    next_x.sample(velocity, entities, 1, steps=3, rng=0)
    assert [i for i, _, _ in seen] == [0, 0, 0, 1, 1, 1]
    for i, t, _ in seen:
        assert (t[entities[1]] == 1).all() or i == 1
        assert (t[entities[0]] == 0).all() or i == 0
    np.testing.assert_array_equal(seen[3][2][:, entities[0]], seen[5][2][:, entities[0]])


def test_the_loss_and_its_gradient():
    rng = np.random.default_rng(1)
    x, noise = rng.standard_normal((2, 4, 3)), rng.standard_normal((2, 4, 3))
    entities, t = next_x.cells(2, 2, 1)[[2, 0, 3, 1]], rng.random((2, 4))

    def forward(params, noisy, t, entities, labels):
        return noisy @ params["w"] + t[..., None] * params["b"] + labels

    params = {"w": rng.standard_normal((3, 3)), "b": rng.standard_normal(3)}
    loss = lambda p: next_x.loss(p, forward, x, entities, noise, t, labels=1.0)  # noqa: E731
    assert gradcheck(loss, params) < 1e-7
    at = np.empty((2, 4))
    at[:, entities[:, 0]] = t
    noisy = (1 - at[..., None]) * x + at[..., None] * noise
    wanted = ((forward(params, noisy, at, entities, 1.0) - (noise - x)) ** 2).mean()
    assert float(loss(params)) == pytest.approx(wanted)


# TokenUnify.


def test_pairs_are_those_of_the_sums():
    assert tu.next_pairs(4).tolist() == [[i, i] for i in range(4)]
    pairs = tu.next_all_pairs(4)
    assert len(pairs) == 10
    assert np.bincount(pairs[:, 1]).tolist() == [1, 2, 3, 4]
    rng = np.random.default_rng(2)
    log_p, ids = log_softmax(rng.standard_normal((4, 4, 6))), rng.integers(0, 6, 4)
    by_hand = [-log_p[i, j, ids[j]] for i in range(4) for j in range(i, 4)]
    assert float(tu.pair_loss(log_p, ids, pairs)) == pytest.approx(np.mean(by_hand))
    diagonal = pairs[pairs[:, 0] == pairs[:, 1]]
    near = tu.pair_loss(log_p, ids, tu.next_pairs(4))
    assert float(tu.pair_loss(log_p, ids, diagonal)) == pytest.approx(float(near))


def test_one_token_for_each_prefix_estimates_all():
    rng = np.random.default_rng(3)
    n = 5
    log_p, ids = log_softmax(rng.standard_normal((n, n, 3))), rng.integers(0, 3, n)
    whole = float(tu.pair_loss(log_p, ids, tu.next_all_pairs(n)))
    terms = -log_p[:, np.arange(n), ids]  # (i, j)
    estimate = sum((n - i) * terms[i, i:].mean() for i in range(n)) / (n * (n + 1) / 2)
    assert estimate == pytest.approx(whole)


def test_masked_loss_and_gradients():
    rng = np.random.default_rng(4)
    scores, ids = rng.standard_normal((5, 4)), rng.integers(0, 4, 5)
    mask = tu.random_mask(5, 0.5, rng=0)
    assert mask.sum() == 3
    log_p = log_softmax(scores)
    wanted = -log_p[np.arange(5), ids][mask].mean()
    assert float(tu.masked_loss(log_p, ids, mask)) == pytest.approx(wanted)
    assert gradcheck(lambda p: tu.masked_loss(log_softmax(p["s"]), ids, mask), {"s": scores}) < 1e-7
    table, pairs = rng.standard_normal((3, 3, 4)), tu.next_all_pairs(3)
    loss = lambda p: tu.pair_loss(log_softmax(p["s"]), ids[:3], pairs)  # noqa: E731
    assert gradcheck(loss, {"s": table}) < 1e-7


def test_masks_are_drawn_alike_and_the_curriculum_adds_up():
    counts = sum(tu.random_mask(8, 0.25, rng=seed).astype(int) for seed in range(4000))
    assert abs(counts / 4000 - 0.25).max() < 4.5 * (0.25 * 0.75 / 4000) ** 0.5
    assert [tu.random_mask(25, share, rng=0).sum() for share in (0, 0.28, 1)] == [0, 7, 25]
    for progress in (0, 0.29, 0.3, 0.5, 0.7, 1):
        assert sum(tu.curriculum(progress)) == pytest.approx(1)
    leading = [max(range(3), key=tu.curriculum(p).__getitem__) for p in (0.1, 0.5, 0.9)]
    assert leading == [0, 1, 2]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: maskgit.keep_confident([0.0, 1.0], [True, False], 2), "n_masked is 2, and 1"),
        (lambda: maskgit.keep_confident([np.nan, 1.0], [True, False], 1), "log_confidence has NaN"),
        (lambda: maskgit.n_masked(3, 2, 4), "n_masked: step is 3"),
        (lambda: maskgit.mask_schedule(1.5), "mask_schedule: r is 1.5"),
        (lambda: maskgit.mask_schedule(0.5, "sine"), "mask_schedule: kind is"),
        (lambda: maskgit.sample(lambda t: np.zeros((1, 2)), 4, steps=1), "predict returned (1, 2)"),
        (
            lambda: maskgit.sample(lambda t: np.full((1, 4, 2), np.nan), 4, steps=1),
            "predict returned logits with NaN",
        ),
        (lambda: next_x.cells(4, 6, 4), "cells: k is 4 and the grid is (4, 6)"),
        (lambda: next_x.subsamples(4, 6, 4), "subsamples: g is 4"),
        (lambda: next_x.scales(np.ones((6, 6, 1)), 3), "scales: x is 6 x 6"),
        (lambda: next_x.block_causal_mask([]), "block_causal_mask: sizes is []"),
        (lambda: next_x.flow_pair([[1.0]], [[1.0]], [1.5]), "flow_pair: t is from 1.5"),
        (lambda: next_x.score([[1.0]], [[1.0]], [0.0]), "score: t has 0.0"),
        (lambda: next_x.time_grid(1, variant="official"), "time_grid: steps is 1"),
        (
            lambda: next_x.sample(lambda x, t, i: x, [[0, 1], [1, 2]], 1, steps=1),
            "sample: entities have 4 positions, and position 3 is missing",
        ),
        (
            lambda: next_x.loss(
                None, None, np.ones((1, 4, 1)), [[0, 1], [2, 2]], np.ones((1, 4, 1)), [[0.5, 0.5]]
            ),
            "loss: entities have 4 positions, and position 3 is missing",
        ),
        (lambda: tu.pair_loss(np.zeros((2, 2, 3)), [0, 3], [[0, 1]]), "pair_loss: tokens run"),
        (lambda: tu.pair_loss(np.zeros((2, 2, 3)), [0, 1], [[1, 0]]), "pair_loss: pairs run"),
        (lambda: tu.masked_loss(np.zeros((1, 3)), [0], [False]), "masked_loss: mask is nowhere"),
        (lambda: tu.random_mask(3, 1.5), "random_mask: share is 1.5"),
        (lambda: tu.curriculum(-0.1), "curriculum: progress is -0.1"),
    ],
)
def test_bad_input_is_refused_by_name(call, says):
    with pytest.raises(TokenlabError) as error:
        call()
    assert says in str(error.value)
