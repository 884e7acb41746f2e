"""The adaptive and the two-level softmax: a loop, torch's, gradients, conversion of a matrix."""

import numpy as np
import pytest

from tokenlab.errors import InvalidInput, ShapeError
from tokenlab.logits import AdaptiveHead, FullHead, train

from . import naive


def make(rng, shortlist=4, d=5):
    tails = [
        (rng.standard_normal((3, d)), rng.standard_normal((5, 3))),
        (None, rng.standard_normal((1, d))),
        (rng.standard_normal((1, d)), rng.standard_normal((4, 1))),
    ]
    cutoffs = [shortlist, shortlist + 5, shortlist + 6]
    head, bias = rng.standard_normal((shortlist + 3, d)), rng.standard_normal(shortlist + 3)
    order = rng.permutation(shortlist + 10)
    return AdaptiveHead(cutoffs, head, tails, bias=bias, order=order)


def soft_max(x):
    e = np.exp(x - x.max())
    return e / e.sum()


@pytest.mark.parametrize("shortlist", [0, 4])
def test_probabilities_are_those_of_a_loop(rng, shortlist):
    head = make(rng, shortlist)
    hidden = rng.standard_normal((6, 5))
    got = np.exp(head.log_softmax(hidden))
    for row, h in zip(got, hidden, strict=True):
        entries = soft_max(head.head @ h + head.bias)
        ranked = list(entries[:shortlist])
        for i in range(3):
            down, up = getattr(head, f"down{i}"), getattr(head, f"up{i}")
            inside = soft_max(up @ (h if down is None else down @ h))
            ranked += list(entries[shortlist + i] * inside)
        want = np.empty(head.vocab)
        want[head.order] = ranked
        np.testing.assert_allclose(row, want)
    np.testing.assert_allclose(got.sum(axis=1), 1)
    token = rng.integers(0, head.vocab, 6)
    np.testing.assert_allclose(head.log_prob(hidden, token), np.log(got[np.arange(6), token]))
    loss = head.loss_and_grad(hidden, token).loss
    assert loss == pytest.approx(-np.log(got[np.arange(6), token]).mean())
    assert head.topk(hidden, 3).ids.tolist() == [naive.ranked(r.tolist(), 3) for r in got]


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("shortlist", [0, 4])
def test_gradients(rng, soft, shortlist):
    head, hidden = make(rng, shortlist), rng.standard_normal((5, 5))
    target = rng.dirichlet(np.ones(head.vocab), 5) if soft else rng.integers(0, head.vocab, 5)
    result = head.loss_and_grad(hidden, target)
    assert set(result.grads) == set(head.parameters)
    for name, x in head.parameters.items():

        def loss(moved, name=name, x=x):
            head.replace({name: moved})
            value = head.loss_and_grad(hidden, target).loss
            head.replace({name: x})
            return value

        want = naive.numerical_gradient(loss, x)
        np.testing.assert_allclose(result.grads[name], want, atol=1e-8, err_msg=name)
    want = naive.numerical_gradient(lambda x: head.loss_and_grad(x, target).loss, hidden)
    np.testing.assert_allclose(result.hidden_grad, want, atol=1e-8)


def test_soft_and_hard_targets_agree(rng):
    head, hidden = make(rng), rng.standard_normal((5, 5))
    token = rng.integers(0, head.vocab, 5)
    hard, soft = (head.loss_and_grad(hidden, t) for t in (token, np.eye(head.vocab)[token]))
    assert hard.loss == pytest.approx(soft.loss)
    for name in hard.grads:
        np.testing.assert_allclose(hard.grads[name], soft.grads[name], atol=1e-12)


@pytest.mark.parametrize("bias", [False, True])
def test_it_is_torchs(rng, bias):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    theirs = torch.nn.AdaptiveLogSoftmaxWithLoss(16, 60, [10, 30], div_value=2, head_bias=bias)
    theirs = theirs.double()
    array = lambda x: x.detach().numpy()  # noqa: E731
    tails = [(array(tail[0].weight), array(tail[1].weight)) for tail in theirs.tail]
    head = AdaptiveHead(
        [10, 30], array(theirs.head.weight), tails, bias=array(theirs.head.bias) if bias else None
    )
    hidden = rng.standard_normal((40, 16))
    token = rng.integers(0, 60, 40)
    x = torch.tensor(hidden, requires_grad=True)
    np.testing.assert_allclose(head.log_softmax(hidden), array(theirs.log_prob(x)), atol=1e-12)
    output, loss = theirs(x, torch.tensor(token))
    np.testing.assert_allclose(head.log_prob(hidden, token), array(output), atol=1e-12)
    assert head.topk(hidden, 1).ids[:, 0].tolist() == theirs.predict(x).tolist()
    loss.backward()
    ours = head.loss_and_grad(hidden, token)
    assert ours.loss == pytest.approx(loss.item())
    np.testing.assert_allclose(ours.hidden_grad, array(x.grad), atol=1e-12)
    np.testing.assert_allclose(ours.grads["head"], array(theirs.head.weight.grad), atol=1e-12)
    for i, tail in enumerate(theirs.tail):
        np.testing.assert_allclose(ours.grads[f"down{i}"], array(tail[0].weight.grad), atol=1e-12)
        np.testing.assert_allclose(ours.grads[f"up{i}"], array(tail[1].weight.grad), atol=1e-12)


def test_a_matrix_becomes_a_two_level_head(rng):
    """Full-width tails keep what is inside of a cluster; only the clusters' entries are fitted."""
    weight, hidden = 0.5 * rng.standard_normal((60, 6)), rng.standard_normal((400, 6))
    counts = rng.integers(0, 100, 60)
    full = FullHead(weight)
    head = AdaptiveHead.from_weight(weight, range(0, 60, 10), div=1, counts=counts, hidden=hidden)
    assert head.head.shape == (6, 6)
    assert (np.diff(counts[head.order]) <= 0).all()
    ours, theirs = head.log_softmax(hidden), full.log_softmax(hidden)
    members = head.order[10:20]
    inside = [x[:, members] - x[:, members[:1]] for x in (ours, theirs)]
    np.testing.assert_allclose(*inside, atol=1e-9)
    plain = AdaptiveHead.from_weight(weight, range(0, 60, 10), div=1, counts=counts)
    fitted, means = (
        (np.exp(theirs) * (theirs - h.log_softmax(hidden))).sum(axis=1).mean()
        for h in (head, plain)
    )
    assert 0 <= fitted < 0.08
    assert fitted < 0.8 * means
    assert head.n_parameters == 60 * 6 + 6 * 7


def test_a_matrix_becomes_an_adaptive_head(rng):
    weight = rng.standard_normal((60, 8)).astype(np.float32)
    hidden = rng.standard_normal((300, 8)).astype(np.float32)
    head = AdaptiveHead.from_weight(weight, [20, 40], div=2, counts=np.arange(60), hidden=hidden)
    assert (head.down0.shape, head.up1.shape) == ((4, 8), (20, 2))
    np.testing.assert_array_equal(head.head[:20], weight[:39:-1])
    plain = AdaptiveHead.from_weight(weight, [20, 40], div=2)
    assert (plain.order == np.arange(60)).all()
    teacher = FullHead(weight)
    target = np.exp(teacher.log_softmax(hidden))
    before = head.loss_and_grad(hidden, target).loss
    train(head, hidden, teacher=teacher, epochs=5, rng=0)
    assert head.loss_and_grad(hidden, target).loss < before
    assert head.log_softmax(hidden).dtype == np.float32


def test_no_tails_is_the_full_softmax(rng):
    weight, hidden = rng.standard_normal((9, 3)), rng.standard_normal((4, 3))
    order = rng.permutation(9)
    head = AdaptiveHead([9], weight[order], [], order=order)
    np.testing.assert_allclose(head.log_softmax(hidden), FullHead(weight).log_softmax(hidden))
    np.testing.assert_allclose(
        head.log_prob(hidden, [1, 2, 3, 8]), FullHead(weight).log_prob(hidden, [1, 2, 3, 8])
    )


def test_no_rows(rng):
    head, none = make(rng), np.empty((0, 5))
    assert head.log_softmax(none).shape == (0, 14)
    assert head.log_prob(none, []).shape == (0,)
    with pytest.raises(InvalidInput, match="no rows"):
        head.loss_and_grad(none, [])


def test_the_double_runs_every_method(rng, cupy):
    weight, hidden, token = (
        rng.standard_normal((30, 4)),
        rng.standard_normal((6, 4)),
        [1, 20, 29] * 2,
    )
    cutoffs = [5, 12]
    ours = AdaptiveHead.from_weight(weight, cutoffs, hidden=hidden, div=2)
    theirs = AdaptiveHead.from_weight(
        cupy.asarray(weight), cutoffs, hidden=cupy.asarray(hidden), div=2
    )
    x, t = cupy.asarray(hidden), cupy.asarray(np.array(token))
    np.testing.assert_allclose(theirs.log_softmax(x).get(), ours.log_softmax(hidden))
    np.testing.assert_allclose(theirs.log_prob(x, t).get(), ours.log_prob(hidden, token))
    got, want = theirs.loss_and_grad(x, t), ours.loss_and_grad(hidden, token)
    for name in want.grads:
        np.testing.assert_allclose(got.grads[name].get(), want.grads[name], atol=1e-12)


@pytest.mark.parametrize(
    ("error", "match", "args", "kwargs"),
    [
        (ShapeError, r"tails of \[2\]", ([1], np.eye(2)[:1], [(None, np.eye(2))]), {}),
        (ShapeError, r"and a head of 2 \+ 0 rows", ([2, 3], np.eye(2), []), {}),
        (ShapeError, "came tails of", ([1, 2], np.ones((3, 2)), [(None, np.eye(2))] * 2), {}),
        (ShapeError, r"tails\[0\]\[1\], up, is .* \(size, 1\)", ([1], np.eye(2), [([[1, 2.0]], np.eye(2))]), {}),
        (InvalidInput, "no permutation", ([2], np.eye(2), []), {"order": [0, 0]}),
        (InvalidInput, "cutoffs is -1", ([-1], np.eye(2), []), {}),
    ],
)  # fmt: skip
def test_bad_heads(error, match, args, kwargs):
    with pytest.raises(error, match=match):
        AdaptiveHead(*args, **kwargs)
