"""Future token prediction: hand numbers, gradients, and that one vector is all the decoder knows."""

import numpy as np
import pytest

from tokenlab import autograd, errors
from tokenlab.models import transformer
from tokenlab.models.layers import cross_entropy
from tokenlab.objectives import future_token
from tokenlab.objectives.future_token import (
    decode,
    distance_losses,
    distance_weights,
    encode,
    expand,
    forward,
    generate,
    init,
    loss,
    smoothness,
    windows,
)
from tokenlab.tape import mapped

SMALL = {"vocab": 11, "d": 8, "layers": 1, "heads": 2, "pseudo": 3, "horizon": 3, "n_max": 9}
PARAMS = init(**SMALL, rng=0)
WIDE = mapped(lambda x: x.astype(np.float64), PARAMS)  # for differences
IDS = np.random.default_rng(1).integers(0, 11, (2, 6))


def test_windows_by_hand():
    inputs, targets = windows([5, 6, 7], 2)
    assert inputs.tolist() == [[5, 6], [6, 7], [7, 7]]
    assert targets.tolist() == [[6, 7], [7, -100], [-100, -100]]
    assert windows([5], 2).targets.tolist() == [[-100, -100]]
    both = windows(IDS, 3)
    for row, inside, ahead in zip(IDS, *both, strict=True):  # each text by itself
        np.testing.assert_array_equal(windows(row, 3).inputs, inside)
        np.testing.assert_array_equal(windows(row, 3).targets, ahead)
    np.testing.assert_array_equal(both.inputs[..., 0], IDS)


def test_weights_by_hand():
    powers = np.array([1, 0.8, 0.64, 0.512, 0.4096, 0.32768, 0.262144, 0.2097152])
    np.testing.assert_allclose(distance_weights(8), powers / 4.1611392)
    np.testing.assert_allclose(distance_weights(5, 1.0), 0.2)


def logits_of_loss(values, vocab=4):
    """Logits whose loss is each of some values, for the target 0."""
    other = (1 - np.exp(-values)) / (vocab - 1)
    return np.log(np.stack([np.exp(-values), *[other] * (vocab - 1)], axis=-1))


def test_loss_by_hand():
    logits = logits_of_loss(np.array([[2.0, 3.0]]))
    assert distance_losses(logits, [[0, 0]]) == pytest.approx([2, 3])
    assert loss(logits, [[0, 0]]) == pytest.approx(2.444444, abs=1e-6)
    assert loss(logits, [[-100, 0]]) == pytest.approx(3)  # both sums leave the distance out
    # a distance with fewer targets weighs as if it had all of them
    two = np.concatenate([logits, logits_of_loss(np.array([[4.0, 9.0]]))])
    assert loss(two, [[0, 0], [0, -100]]) == pytest.approx((3 + 0.8 * 3) / 1.8)


def test_losses_by_loops():
    logits = np.random.default_rng(0).standard_normal((2, 6, 3, 11))
    targets = windows(IDS, 3).targets
    for k, found in enumerate(distance_losses(logits, targets)):
        terms = []
        for b in range(2):
            for t in range(6 - k - 1):
                x = logits[b, t, k]
                terms.append(np.log(np.exp(x).sum()) - x[IDS[b, t + k + 1]])
        assert found == pytest.approx(np.mean(terms))


def test_a_horizon_of_one_is_the_usual_loss():
    logits = forward(PARAMS, IDS, horizon=1)
    usual = cross_entropy(logits[:, :-1, 0], IDS[:, 1:])
    assert loss(logits, windows(IDS, 1).targets) == pytest.approx(usual, rel=1e-5)


def test_gradients():
    ids = IDS[:1, :4]

    def of_all(params):
        return loss(forward(params, ids), windows(ids, 3).targets)

    assert autograd.gradcheck(of_all, WIDE) < 1e-6
    rng = np.random.default_rng(0)
    logits, targets = rng.standard_normal((4, 3, 5)), windows([0, 1, 2, 4], 3).targets
    assert autograd.gradcheck(lambda x: loss(x, targets, gamma=0.5), logits) < 1e-6
    _, grads = autograd.value_and_grad(lambda x: loss(x, targets))(logits)
    assert (grads[targets == -100] == 0).all()


def test_the_vector_is_the_only_trace_of_the_past():
    h, inputs = encode(WIDE, IDS), windows(IDS, 3).inputs
    wanted = forward(WIDE, IDS)
    np.testing.assert_allclose(decode(WIDE, h, inputs), wanted, atol=1e-12)
    # A vector without its text, among others, gives the same.
    np.testing.assert_allclose(decode(WIDE, h[1, 3], inputs[1, 3]), wanted[1, 3], atol=1e-12)
    # Other tokens before change the logits through the vector alone: with it held, nothing changes.
    changed = IDS.copy()
    changed[:, :3] = (changed[:, :3] + 1) % 11
    other = windows(changed, 3).inputs
    held = decode(WIDE, h, other)
    np.testing.assert_allclose(held[:, 3:], wanted[:, 3:], atol=1e-12)
    assert abs(forward(WIDE, changed)[:, 3:] - wanted[:, 3:]).max() > 1e-3
    # And the gradient for the text's own embeddings at places before comes through h alone.
    _, grad = autograd.value_and_grad(lambda x: decode(WIDE, x, inputs)[0, 4].sum())(h)
    assert (grad[1] == 0).all()
    assert (grad[0, :4] == 0).all()
    assert abs(grad[0, 4]).max() > 1e-3


def test_the_decoder_looks_back_and_not_ahead():
    h, inputs = encode(WIDE, IDS), windows(IDS, 3).inputs
    other = inputs.copy()
    other[..., 2] = (other[..., 2] + 1) % 11
    a, b = decode(WIDE, h, inputs), decode(WIDE, h, other)
    np.testing.assert_allclose(a[..., :2, :], b[..., :2, :], atol=1e-12)
    assert abs(a[..., 2, :] - b[..., 2, :]).max() > 1e-3
    np.testing.assert_allclose(decode(WIDE, h, inputs[..., :2]), a[..., :2, :], atol=1e-12)


def test_the_encoder_does_not_look_ahead():
    h = encode(WIDE, IDS)
    np.testing.assert_allclose(encode(WIDE, IDS[:, :4]), h[:, :4], atol=1e-12)


def test_expand_is_linear():
    x, y = np.random.default_rng(0).standard_normal((2, 4, 8))
    assert expand(WIDE, x).shape == (4, 3, 8)
    together = expand(WIDE, 2 * x - 3 * y)
    np.testing.assert_allclose(together, 2 * expand(WIDE, x) - 3 * expand(WIDE, y), atol=1e-12)
    assert (expand(WIDE, np.zeros(8)) == 0).all()
    by_hand = np.einsum("d,dse->se", x[0], WIDE["expand"])
    np.testing.assert_allclose(expand(WIDE, x[0]), by_hand, atol=1e-12)


def test_parameters_are_arrays_alone():
    kinds = []
    mapped(lambda x: kinds.append((type(x), x.dtype)), PARAMS)
    assert set(kinds) == {(np.ndarray, np.dtype("float32"))}
    assert PARAMS["encoder"]["blocks"][0]["qkv"].shape == (8, 3, 2, 4)
    again = init(**SMALL, rng=0)
    np.testing.assert_array_equal(again["expand"], PARAMS["expand"])


def test_smoothness_by_hand():
    h = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.0, 3.0]])
    half = 0.5**0.5
    assert smoothness(h) == pytest.approx((half + half + 1) / 3)
    assert smoothness(h, lag=2) == pytest.approx((0 + half) / 2)
    assert smoothness(h[[0, 2]] + [5, 5], center=True) == pytest.approx(-1)
    assert smoothness(np.stack([h, h]), lag=3) == pytest.approx(0)
    # a direction that all share says nothing: it is gone when the mean is
    x = np.random.default_rng(0).standard_normal((50, 4, 16))
    assert smoothness(x + 9) > 0.95
    assert abs(smoothness(x + 9, center=True)) < 0.1


def test_greedy_generation_by_hand():
    ids = [3, 1]
    text = list(ids)
    for _ in range(4):
        text.append(int(forward(PARAMS, np.array(text), horizon=1)[-1, 0].argmax()))
    found = generate(PARAMS, ids, 4, temperature=0.0)
    assert found.tolist() == text[2:]
    pairs = list(ids)
    for _ in range(2):
        h = encode(PARAMS, np.array(pairs))[-1]
        first = int(decode(PARAMS, h, np.array(pairs[-1:]))[-1].argmax())
        second = int(decode(PARAMS, h, np.array([pairs[-1], first]))[-1].argmax())
        pairs += [first, second]
    assert generate(PARAMS, ids, 4, keep=2, temperature=0.0).tolist() == pairs[2:]
    assert generate(PARAMS, ids, 3, keep=2, temperature=0.0).tolist() == pairs[2:5]
    assert generate(PARAMS, ids, 0).shape == (0,)
    assert generate(PARAMS, ids, 2).shape == (2,)  # any seed


def test_generation_draws_from_the_softmax():
    rng, draws = np.random.default_rng(0), 4000
    logits = decode(PARAMS, encode(PARAMS, [3, 1])[-1], np.array([1]))[-1] / 0.7
    p = np.exp(logits - logits.max())
    p /= p.sum()
    seen = np.bincount(
        [future_token.drawn(logits * 0.7, 0.7, rng) for _ in range(draws)], minlength=11
    )
    assert abs(seen / draws - p).max() < 4 * 0.5 / draws**0.5
    assert generate(PARAMS, [3], 12, rng=1).tolist() == generate(PARAMS, [3], 12, rng=1).tolist()
    assert generate(PARAMS, np.arange(11), 2, rng=0).shape == (2,)  # longer than n_max


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: windows([1, -1], 2), "windows: ids has -1"),
        (lambda: windows([1, 2], 0), "horizon"),
        (lambda: distance_weights(3, 1.5), "gamma"),
        (lambda: distance_weights(3, 0.0), "gamma"),
        (lambda: init(vocab=5, d=8, heads=3), "heads"),
        (lambda: init(vocab=5, d=8, pseudo=0), "pseudo"),
        (lambda: init(vocab=5, d=8, n_max=0), "n_max"),
        (lambda: encode(PARAMS, np.zeros(10, int)), "encode: ids has n = 10 tokens"),
        (lambda: forward(PARAMS, np.zeros(10, int)), "forward: ids has n = 10 tokens"),
        (lambda: encode(PARAMS, [11]), "encode: ids runs from 11"),
        (lambda: encode({}, [1]), "encode: params"),
        (lambda: forward(PARAMS, [1], horizon=4), "forward: horizon is 4"),
        (lambda: expand(PARAMS, np.zeros(7)), "expand: h is"),
        (lambda: decode(PARAMS, np.zeros((2, 8)), np.zeros((3, 2), int)), "decode"),
        (lambda: decode(PARAMS, np.zeros(8), np.zeros(4, int)), "inputs has 4"),
        (lambda: loss(np.zeros((1, 2, 4)), [[-100, -100]]), "loss: targets are all -100"),
        (lambda: loss(np.zeros((1, 2, 4)), [[4, 0]]), "loss: targets has 4"),
        (lambda: loss(np.zeros((1, 2, 4)), [[0, 1, 2]]), "targets"),
        (lambda: distance_losses(np.zeros((1, 2, 4)), [[-1, 0]]), "targets has -1"),
        (lambda: smoothness(np.ones((3, 2)), lag=3), "lag is 3"),
        (lambda: generate(PARAMS, [], 2), "ids"),
        (lambda: generate(PARAMS, [1], 2, keep=4), "keep is 4"),
        (lambda: generate(PARAMS, [1], 2, temperature=-1.0), "temperature"),
        (lambda: generate(PARAMS, [1], -1), "generate: n "),
    ],
)
def test_bad_input(call, match):
    with pytest.raises(errors.TokenlabError, match=match):
        call()


def test_the_encoder_is_a_usual_transformer():
    tied = encode(PARAMS, IDS) @ PARAMS["encoder"]["embed"].T
    found = transformer.forward(PARAMS["encoder"], IDS)
    np.testing.assert_allclose(found, tied, rtol=1e-5, atol=1e-5)
