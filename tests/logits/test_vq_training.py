"""Training in code space: a convex problem is solved, and learning a map only improves it."""

import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenlab.errors import InvalidInput, ShapeError
from tokenlab.logits import FullHead, LowRankHead, VQHead, learn_mapping, reassign, train

quick = settings(max_examples=40, deadline=None)


def problem(seed=0, n=200, vocab=40, d=6):
    """States of a full head, and tokens drawn from it."""
    rng = np.random.default_rng(seed)
    teacher = FullHead(1.5 * rng.standard_normal((vocab, d)))
    hidden = rng.standard_normal((n, d))
    return teacher, hidden, teacher.sample(hidden, rng)


def test_training_finds_the_optimum_of_the_codes():
    """The gradient vanishes at the end, which for a convex loss is the proof."""
    _, hidden, token = problem()
    mapping = np.arange(40) % 4
    head = VQHead(np.zeros((4, 6)), mapping, bias=np.zeros(4))
    first = head.loss_and_grad(hidden, token)
    result = train(head, hidden, token, epochs=400, batch=200, rate=0.05, rng=0)
    assert result is head
    last = head.loss_and_grad(hidden, token)
    assert last.loss < first.loss
    assert np.abs(last.grads["codebook"]).max() < 1e-4 < np.abs(first.grads["codebook"]).max()
    assert len(head.history) == 400
    assert head.history[-1] < head.history[0]


def test_a_teacher_of_the_same_form_is_recovered():
    _, hidden, _ = problem()
    rng = np.random.default_rng(3)
    mapping = np.arange(40) % 5
    teacher = VQHead(rng.standard_normal((5, 6)), mapping)
    head = VQHead(np.zeros((5, 6)), mapping)
    train(head, hidden, teacher=teacher, epochs=300, batch=200, rate=0.1, rng=0)
    got, want = head.log_softmax(hidden), teacher.log_softmax(hidden)
    np.testing.assert_allclose(got, want, atol=0.01)


def test_probabilities_are_as_good_as_their_teacher():
    teacher, hidden, _ = problem()
    start = np.random.default_rng(1).standard_normal((4, 6)), np.arange(40) % 4
    p = np.exp(teacher.log_softmax(hidden))
    for head in (VQHead(*start), FullHead(np.zeros((40, 6)))):
        a, b = copy.copy(head), copy.copy(head)
        train(a, hidden, p, rng=5)
        train(b, hidden, teacher=teacher, rng=5)
        np.testing.assert_allclose(a.log_softmax(hidden), b.log_softmax(hidden))
    moved = [reassign(VQHead(*start), hidden, **k) for k in ({"token": p}, {"teacher": teacher})]
    np.testing.assert_array_equal(moved[0].mapping, moved[1].mapping)


def test_the_arrays_of_the_caller_stay_as_they_were():
    teacher, hidden, token = problem()
    for head in (VQHead(np.zeros((4, 6)), np.arange(40) % 4), LowRankHead.from_weight(
        teacher.weight, 2
    )):  # fmt: skip
        before = {name: x.copy() for name, x in head.parameters.items()}
        originals = dict(head.parameters)
        train(head, hidden, token, epochs=1, rng=0)
        for name, x in before.items():
            np.testing.assert_array_equal(originals[name], x)
            assert not np.array_equal(getattr(head, name), x)


def test_training_repeats_with_its_seed():
    teacher, hidden, token = problem()
    for kwargs in ({"token": token}, {"teacher": teacher}):
        a, b = (
            train(VQHead(np.zeros((4, 6)), np.arange(40) % 4), hidden, rng=5, **kwargs)
            for _ in range(2)
        )
        np.testing.assert_array_equal(a.codebook, b.codebook)


@quick
@given(st.integers(0, 2**32 - 1), st.booleans(), st.booleans())
def test_reassigning_never_raises_the_loss(seed, soft, biased):
    rng = np.random.default_rng(seed)
    teacher, hidden, token = problem(seed, n=30, vocab=20, d=3)
    head = VQHead(
        rng.standard_normal((5, 3)),
        rng.integers(0, 5, 20),
        bias=rng.standard_normal(5) if biased else None,
    )
    target = np.exp(teacher.log_softmax(hidden)) if soft else np.eye(20)[token]
    kwargs = {"teacher": teacher} if soft else {"token": token}
    losses = []
    for _ in range(4):
        losses.append(-(target * head.log_softmax(hidden)).sum())
        head = reassign(head, hidden, **kwargs)
    assert (np.diff(losses) <= 1e-9 * abs(losses[0])).all()
    assert losses[-1] < losses[0] or np.isclose(losses[-1], losses[0])


def test_reassigning_takes_the_best_single_move():
    """One token, every code tried: the rule's choice is at least as good as its bound says."""
    _, hidden, token = problem(7, n=60, vocab=8, d=3)
    rng = np.random.default_rng(1)
    head = VQHead(2 * rng.standard_normal((3, 3)), rng.integers(0, 3, 8))
    moved = reassign(head, hidden, token)
    before = head.loss_and_grad(hidden, token).loss
    after = moved.loss_and_grad(hidden, token).loss
    assert after < before
    assert not np.array_equal(moved.mapping, head.mapping)


def test_a_learned_map_beats_the_one_it_started_from():
    teacher, hidden, _ = problem(2, n=300)
    start = VQHead(np.random.default_rng(0).standard_normal((6, 6)), np.arange(40) % 6)
    options = {"teacher": teacher, "epochs": 10, "rate": 0.03, "rng": 0}
    fixed = VQHead(start.codebook, start.mapping)
    train(fixed, hidden, **options)
    learned = learn_mapping(start, hidden, iters=3, **options)
    target = np.exp(teacher.log_softmax(hidden))
    losses = [-(target * h.log_softmax(hidden)).sum() / 300 for h in (fixed, learned)]
    assert losses[1] < losses[0] - 0.1
    assert len(learned.history) == 40
    np.testing.assert_array_equal(start.mapping, np.arange(40) % 6)


def test_codes_without_tokens_can_be_taken_up_and_left():
    head = VQHead([[1.0], [-1.0], [50.0]], [0, 0, 0])
    hidden, token = np.array([[1.0], [-1.0]]), [0, 1]
    moved = reassign(head, hidden, token)
    assert moved.mapping[1] == 1
    assert np.isfinite(moved.log_softmax(hidden)).all()
    train(moved, hidden, token, rng=0)
    assert np.isfinite(moved.codebook).all()


@pytest.mark.parametrize(
    ("error", "match", "kwargs"),
    [
        (InvalidInput, "train: neither token nor teacher", {}),
        (InvalidInput, "both token and teacher", {"token": [0, 1], "teacher": FullHead(np.eye(3))}),
        (ShapeError, "teacher has vocab = 2, head has 3", {"teacher": FullHead(np.ones((2, 3)))}),
        (InvalidInput, "rate is 0", {"token": [0, 1], "rate": 0}),
        (InvalidInput, "epochs is 0", {"token": [0, 1], "epochs": 0}),
        (InvalidInput, "batch is 0", {"token": [0, 1], "batch": 0}),
        (InvalidInput, "token runs from 0 to 3; vocab is 3", {"token": [0, 3]}),
        (
            ShapeError,
            r"token is \(2, 2\); expected \(n, vocab\) = \(2, 3\)",
            {"token": np.ones((2, 2))},
        ),
    ],
)
def test_bad_training(error, match, kwargs):
    with pytest.raises(error, match=match):
        train(VQHead(np.eye(3), [0, 1, 2]), np.eye(3)[:2], **kwargs)


def test_bad_reassignment():
    head = VQHead(np.eye(3), [0, 1, 2], counts=[1, 1, 1], inner="unigram")
    with pytest.raises(InvalidInput, match="break ties then"):
        reassign(head, np.eye(3), [0, 1, 2])
    with pytest.raises(InvalidInput, match="iters is 0"):
        learn_mapping(VQHead(np.eye(3), [0, 1, 2]), np.eye(3), [0, 1, 2], iters=0)
    with pytest.raises(ShapeError, match="n >= 1"):
        train(VQHead(np.eye(3), [0, 1, 2]), np.empty((0, 3)), [])
