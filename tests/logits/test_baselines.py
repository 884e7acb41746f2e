"""Full, low-rank and residual heads: definitions, gradients, the best approximation."""

import numpy as np
import pytest

from tokenlab.errors import InvalidInput, ShapeError
from tokenlab.logits import FullHead, LowRankHead, ResidualHead, VQHead, inputs, low_rank, train

from . import naive


def make(rng, vocab=12, d=4):
    weight = rng.standard_normal((vocab, d))
    codes = VQHead(
        rng.standard_normal((3, d)), np.arange(vocab) % 3, bias=rng.standard_normal(3),
        counts=np.arange(vocab), inner="unigram",
    )  # fmt: skip
    return [
        FullHead(weight, rng.standard_normal(vocab)),
        LowRankHead.from_weight(weight, 2),
        ResidualHead.from_weight(weight, codes, 2),
    ]


def test_every_dense_head_is_a_distribution_and_agrees_with_itself(rng, monkeypatch):
    for head in make(rng):
        hidden, token = rng.standard_normal((9, 4)), rng.integers(0, 12, 9)
        full = head.log_softmax(hidden)
        logits = head.logits(hidden)
        want = np.exp(logits - logits.max(1, keepdims=True))
        np.testing.assert_allclose(np.exp(full), want / want.sum(1, keepdims=True))
        blocked = {}
        for block in (1, inputs.BLOCK):  # one row at a time, and all at once
            monkeypatch.setattr(inputs, "BLOCK", block)
            np.testing.assert_allclose(head.log_softmax(hidden), full)
            np.testing.assert_allclose(
                head.log_prob(hidden, token), full[np.arange(9), token], rtol=1e-12
            )
            ids, values = head.topk(hidden, 5)
            assert ids.tolist() == [naive.ranked(row.tolist(), 5) for row in full]
            np.testing.assert_allclose(values, np.take_along_axis(full, ids, 1))
            blocked[block] = head.loss_and_grad(hidden, token)
        assert blocked[1].loss == pytest.approx(-full[np.arange(9), token].mean())
        for name, grad in blocked[1].grads.items():
            np.testing.assert_allclose(grad, blocked[inputs.BLOCK].grads[name], atol=1e-12)


@pytest.mark.parametrize("soft", [False, True])
def test_gradients(rng, soft):
    for head in make(rng):
        hidden = rng.standard_normal((5, 4))
        target = rng.dirichlet(np.ones(12), 5) if soft else rng.integers(0, 12, 5)
        result = head.loss_and_grad(hidden, target)
        assert set(result.grads) == set(head.parameters)
        for name, x in head.parameters.items():

            def loss(moved, name=name, head=head, target=target, hidden=hidden):
                before = head.parameters
                head.replace({name: moved})
                value = head.loss_and_grad(hidden, target).loss
                head.replace(before)
                return value

            want = naive.numerical_gradient(loss, x)
            np.testing.assert_allclose(result.grads[name], want, atol=1e-8, err_msg=name)
        want = naive.numerical_gradient(lambda x: head.loss_and_grad(x, target).loss, hidden)  # noqa: B023
        np.testing.assert_allclose(result.hidden_grad, want, atol=1e-8)


def test_low_rank_is_the_singular_value_decomposition(rng):
    weight = rng.standard_normal((30, 6))
    u, s, vt = np.linalg.svd(weight, full_matrices=False)
    for rank in (1, 3, 6, 99):
        down, up = low_rank(weight, rank)
        r = min(rank, 6)
        np.testing.assert_allclose(up @ down, (u[:, :r] * s[:r]) @ vt[:r], atol=1e-9)
        assert down.shape == (r, 6)
        assert (np.abs(down).max(axis=1) == down.max(axis=1)).all()  # libraries differ in signs


def test_low_rank_for_hidden_states_is_better_for_them(rng):
    weight = rng.standard_normal((40, 6))
    hidden = rng.standard_normal((500, 6)) * np.array([9, 3, 1, 0.3, 0.1, 0.01])
    errors = []
    for kwargs in ({}, {"hidden": hidden}):
        down, up = low_rank(weight, 2, **kwargs)
        errors.append((((weight - up @ down) @ hidden.T) ** 2).sum())
    best = np.linalg.svd(weight @ hidden.T, compute_uv=False)
    assert errors[1] < 0.5 * errors[0]
    assert errors[1] == pytest.approx((best[2:] ** 2).sum(), rel=1e-2)  # the ridge costs a little


def test_counts_favour_frequent_tokens(rng):
    weight, counts = rng.standard_normal((40, 6)), np.zeros(40)
    counts[:5] = 1e4
    down, up = low_rank(weight, 3, counts=counts)
    plain_down, plain_up = low_rank(weight, 3)
    error, plain = (
        np.abs(weight - u @ d)[:5].sum() for d, u in [(down, up), (plain_down, plain_up)]
    )
    assert error < 0.7 * plain


def test_a_residual_of_full_rank_is_the_full_softmax(rng):
    weight = rng.standard_normal((20, 5)).astype(np.float32)
    codes = VQHead(rng.standard_normal((3, 5)).astype(np.float32), np.arange(20) % 3)
    head = ResidualHead.from_weight(weight, codes, 5)
    hidden = rng.standard_normal((4, 5)).astype(np.float32)
    np.testing.assert_allclose(
        head.log_softmax(hidden), FullHead(weight).log_softmax(hidden), atol=1e-4
    )
    assert head.n_parameters == 3 * 5 + 5 * 5 + 20 * 5
    assert head.log_softmax(hidden).dtype == np.float32


def test_training_a_residual_leaves_the_codes_of_others_alone(rng):
    full, _, head = make(rng)
    codes = head.head
    other = ResidualHead(codes, head.down, head.up)
    hidden = rng.standard_normal((50, 4))
    before = other.loss_and_grad(hidden, np.exp(full.log_softmax(hidden))).loss
    train(other, hidden, teacher=full, epochs=20, rate=0.01, rng=0)
    assert other.loss_and_grad(hidden, np.exp(full.log_softmax(hidden))).loss < before
    assert other.head.codebook is not codes.codebook
    assert head.head.codebook is codes.codebook


def test_sampling_has_the_right_frequencies():
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(3)
    head, hidden = FullHead(rng.standard_normal((12, 4))), 0.5 * rng.standard_normal((2, 4))
    drawn = head.sample(hidden, 5, size=20_000)
    for row, p in zip(drawn, np.exp(head.log_softmax(hidden)), strict=True):
        assert stats.chisquare(np.bincount(row, minlength=12), p * 20_000).pvalue > 0.01
    assert head.sample(hidden, 5).shape == (2,)


def test_no_rows(rng):
    for head in make(rng):
        none = np.empty((0, 4))
        assert head.log_softmax(none).shape == (0, 12)
        assert head.log_prob(none, []).shape == (0,)
        assert head.topk(none, 3).ids.shape == (0, 3)
        assert head.sample(none).shape == (0,)
        with pytest.raises(InvalidInput, match="no rows"):
            head.loss_and_grad(none, [])


def test_bad_input(rng):
    with pytest.raises(ShapeError, match=r"FullHead: .* vocab = 2, but bias is \(3,\)"):
        FullHead(np.eye(2), np.zeros(3))
    with pytest.raises(ShapeError, match=r"up is \(3, 1\) = \(vocab, rank\)"):
        LowRankHead(np.ones((2, 4)), np.ones((3, 1)))
    with pytest.raises(ShapeError, match="vocab = 3"):
        ResidualHead(VQHead(np.ones((1, 4)), [0, 0]), np.ones((2, 4)), np.ones((3, 2)))
    with pytest.raises(ShapeError, match=r"hidden is \(1, 3\).*weight.*d = 2"):
        FullHead(np.eye(2)).log_softmax([[1.0, 2.0, 3.0]])
    with pytest.raises(InvalidInput, match="rank is 0"):
        low_rank(np.eye(2), 0)
    with pytest.raises(ShapeError, match=r"\(2, 2\); expected \(1, 2\)|\(1, 3\)"):
        FullHead(np.eye(2)).loss_and_grad([[1.0, 2.0]], np.ones((1, 3)))
