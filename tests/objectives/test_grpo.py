"""GRPO: hand cases, gradients by differences, what a mask hides."""

import numpy as np
import pytest

from tokenlab import autograd, errors
from tokenlab.objectives.grpo import advantages, loss


def test_advantages_by_hand():
    r = np.array([[1.0, 0.0, 0.0, 1.0], [3.0, 1.0, 2.0, 2.0]])
    wanted = (r - r.mean(1, keepdims=True)) / (r.std(1, ddof=1, keepdims=True) + 1e-4)
    np.testing.assert_allclose(advantages(r), wanted)
    np.testing.assert_allclose(advantages(r, scale=False), r - r.mean(1, keepdims=True))


@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e30])
def test_a_group_of_equals_teaches_nothing(value):
    for n in (1, 3, 7):
        for dtype in (np.float32, np.float64):
            rewards = np.full((2, n), value, dtype)
            assert (advantages(rewards, eps=0.0) == 0).all()


def test_loss_by_hand():
    log_probs, old = np.log([[0.5, 0.2], [0.1, 0.4]]), np.log([[0.25, 0.2], [0.2, 0.4]])
    # ratios 2, 1 with +1: min(2, 1.2), 1; ratios .5, 1 with -2: min(-1, -1.6), -2
    assert loss(log_probs, [1.0, -2.0], old=old) == pytest.approx(-(1.2 + 1 - 1.6 - 2) / 4)


def test_without_old_it_is_the_mean_and_its_gradient_that_of_the_policy():
    rng = np.random.default_rng(0)
    log_probs, a = -rng.random((3, 4)), rng.standard_normal(3)
    value, grads = autograd.value_and_grad(lambda x: loss(x, a))(log_probs)
    assert value == pytest.approx(-a.mean())
    np.testing.assert_allclose(grads, np.broadcast_to(-a[:, None] / 12, (3, 4)))


def test_gradients():
    rng = np.random.default_rng(1)
    log_probs, old, a = -rng.random((3, 4)), -rng.random((3, 4)), rng.standard_normal(3)
    mask = rng.random((3, 4)) < 0.6
    assert autograd.gradcheck(lambda x: loss(x, a, old=old, mask=mask), log_probs) < 1e-6
    assert autograd.gradcheck(lambda x: advantages(x)[0, 0] + advantages(x)[2, 1] * 2, old) < 1e-6


def test_what_the_mask_hides_is_not_looked_at():
    log_probs = np.array([[-1.0, -np.inf], [np.nan, -2.0]])
    mask = np.array([[True, False], [False, True]])
    assert loss(log_probs, [1.0, 2.0], mask=mask, old=log_probs) == pytest.approx(-1.5)


def test_columns_and_answers_that_are_masked_whole_change_nothing():
    rng = np.random.default_rng(2)
    log_probs, old, a = -rng.random((3, 4)), -rng.random((3, 4)), rng.standard_normal(3)
    wanted = loss(log_probs, a, old=old)
    mask = np.ones((4, 6), bool)
    mask[3], mask[:, 4:] = False, False  # an answer, and two columns
    more = [np.full((4, 6), value) for value in (-7.0, -np.inf)]
    for x, own in zip(more, (log_probs, old), strict=True):
        x[:3, :4] = own
    assert loss(more[0], [*a, 9.0], old=more[1], mask=mask) == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"advantages": np.ones(2)}, "advantages"),
        ({"advantages": np.ones((3, 1))}, "advantages"),
        ({"advantages": np.ones(3), "mask": np.ones((3, 5), bool)}, "mask"),
        ({"advantages": np.ones(3), "mask": np.ones(4, bool)}, "mask"),
        ({"advantages": np.ones(3), "old": np.ones((4, 3))}, "old"),
    ],
)
def test_shapes_that_do_not_fit(options, match):
    with pytest.raises(errors.ShapeError, match=match):
        loss(-np.ones((3, 4)), **options)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: loss([[-1.0]], [1.0], mask=[[False]]), "mask is nowhere True"),
        (lambda: loss([[-np.inf]], [1.0]), "log_probs"),
        (lambda: loss([[-1.0]], [1.0], old=[[-np.inf]]), "old"),
        (lambda: loss([[-1.0]], [1.0], clip=-0.1), "clip"),
        (lambda: advantages([[np.nan, 1.0]]), "rewards"),
    ],
)
def test_bad_input(call, match):
    with pytest.raises(errors.InvalidInput, match=match):
        call()
