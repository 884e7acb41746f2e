"""ResGen, TokenBridge, SeiT, Token-Shuffle: hand cases, laws of what is drawn, gradients."""

import math
from collections import Counter

import numpy as np
import pytest

from tokenlab.autograd import gradcheck
from tokenlab.data import load_digits
from tokenlab.errors import TokenlabError
from tokenlab.numerics import log_softmax
from tokenlab.quantization import kmeans, resgen, residual, scalar, seit, tokenbridge
from tokenlab.quantization import token_shuffle as ts
from tokenlab.quantization.resgen import Mixture

# ResGen.


def test_mask_counts_of_the_specification():
    assert [resgen.n_masked(r, 4, 2) for r in (0, 0.25, 0.5, 0.75, 1)] == [8, 8, 6, 4, 0]
    shares = (0, 1 / 4, 1 / 3, 1 / 2, 2 / 3, 3 / 4, 1)
    assert [resgen.n_masked(r, 16, 4) for r in shares] == [64, 60, 56, 46, 32, 25, 0]


def test_positions_are_drawn_without_replacement():
    rng = np.random.default_rng(0)
    found = Counter(map(tuple, resgen.mask_counts(2, 2, np.full(60_000, 2), rng=rng).tolist()))
    for counts, probability in {(2, 0): 1 / 6, (1, 1): 4 / 6, (0, 2): 1 / 6}.items():
        deviation = (probability * (1 - probability) / 60_000) ** 0.5
        assert abs(found[counts] / 60_000 - probability) < 4.5 * deviation
    assert set(found) == {(2, 0), (1, 1), (0, 2)}


def test_the_example_of_the_specification():
    visible = resgen.visible_mask([0, 1, 2, 2], 2)
    assert visible.astype(int).tolist() == [[1, 1], [1, 0], [0, 0], [0, 0]]


def test_what_is_seen_and_what_is_masked_add_up():
    rng = np.random.default_rng(1)
    codebooks = rng.standard_normal((3, 7, 4))
    codes = rng.integers(0, 7, (5, 9, 3))
    for total in (0, 1, 13, 27):
        counts = resgen.mask_counts(9, 3, np.full(5, total), rng=rng)
        visible = resgen.visible_mask(counts, 3)
        seen = resgen.visible_embedding(codes, codebooks, visible)
        target = resgen.masked_target(codes, codebooks, visible)
        whole = residual.decode(codes.reshape(-1, 3), codebooks).reshape(5, 9, 4)
        np.testing.assert_allclose(seen + target, whole, atol=1e-12)
        assert (np.diff(visible.astype(int), axis=-1) <= 0).all()  # a mask is the end of a row


def density(z, mixture):
    """The definition, component by component."""
    weights = np.exp(mixture.log_weights) / np.exp(mixture.log_weights).sum()
    total = 0.0
    for w, mean, s in zip(weights, mixture.means, np.exp(mixture.log_scales), strict=True):
        square = ((z - mean) ** 2).sum()
        total += w * math.exp(-square / 2 / s**2) / (2 * math.pi * s**2) ** (len(z) / 2)
    return math.log(total)


def test_density_and_its_gradient():
    rng = np.random.default_rng(2)
    one = Mixture(rng.standard_normal(3), rng.standard_normal((3, 2)), rng.standard_normal(3))
    z = rng.standard_normal(2)
    assert resgen.mixture_log_density(z, one) == pytest.approx(density(z, one), rel=1e-12)
    params = dict(zip(("w", "m", "s"), one, strict=True)) | {"z": z[None, None]}

    def loss(p):
        mixture = Mixture(p["w"][None, None], p["m"][None, None], p["s"][None, None])
        return resgen.loss(mixture, p["z"], [[True]])

    assert gradcheck(loss, params) < 1e-7


def test_draws_have_the_mixtures_moments():
    mixture = Mixture(
        np.log([[0.2, 0.8]]), np.array([[[0.0, 0.0], [3.0, -1.0]]]), np.log([[0.5, 0.1]])
    )
    many = Mixture(*(np.repeat(x, 40_000, axis=0) for x in mixture))
    z = resgen.draw(many, rng=0)
    assert abs(z.mean(axis=0) - [2.4, -0.8]).max() < 0.03
    assert (abs(z[:, 0] - 3) < 1).mean() == pytest.approx(0.8, abs=0.01)
    only = resgen.draw(many, top_p=0.5, rng=0)
    assert abs(only - [3, -1]).max() < 0.7


@pytest.mark.parametrize("order", ["random", "confidence"])
def test_an_oracle_is_followed_in_one_step_and_in_several(order):
    x = np.random.default_rng(3).standard_normal((12, 3))
    fitted = residual.fit(x, 6, 3, rng=0)
    target = residual.decode(fitted.codes, fitted.codebooks)

    def predict(seen, visible):
        means = (target - seen)[:, :, None]
        return Mixture(np.zeros((2, 12, 1)), means, np.full((2, 12, 1), -40.0))

    for steps in (1, 3, 8):
        found = resgen.sample(predict, fitted.codebooks, 12, steps=steps, b=2, order=order, rng=1)
        assert (found.codes == fitted.codes).all()
        assert found.masked.tolist()[0] == 36
        assert found.masked.tolist()[-1] == 0
        assert (np.diff(found.masked) <= 0).all()
        assert found.states.shape == (steps, 2, 12, 3)
        hidden = (found.states < 0).sum(axis=(2, 3))
        np.testing.assert_array_equal(hidden, np.repeat(found.masked[1:, None], 2, axis=1))
        assert ((found.states[..., 1:] >= 0) <= (found.states[..., :-1] >= 0)).all()


def test_the_least_confident_stay_masked():
    assert resgen.keep_confident([2, 2, 2], 6, [1.0, 2.0, 3.0]).tolist() == [2, 2, 2]
    assert resgen.keep_confident([2, 1, 2], 0, [1.0, 2.0, 3.0]).tolist() == [0, 0, 0]
    assert resgen.keep_confident([2, 1, 2], 3, [3.0, 2.0, 1.0]).tolist() == [0, 1, 2]
    assert resgen.keep_confident([1, 2, 1], 2, [0.0, 0.0, 0.0]).tolist() == [1, 1, 0]


# TokenBridge.


def test_levels_of_equal_probability():
    np.testing.assert_allclose(
        tokenbridge.gaussian_codebook(4, variant="official"),
        [-1.260183, -0.324663, 0.324663, 1.260183],
        atol=5e-7,
    )
    assert tokenbridge.gaussian_codebook(64)[-1] == pytest.approx(2.510, abs=5e-4)
    official = tokenbridge.gaussian_codebook(64, variant="official")
    assert official[-1] == pytest.approx(2.437, abs=5e-4)
    eight = [tokenbridge.gaussian_codebook(8, variant=v)[-1] for v in ("official", "paper")]
    np.testing.assert_allclose(eight, [1.6290, 1.6468], atol=5e-5)
    wide = tokenbridge.gaussian_codebook(8, spread=3**0.5)
    np.testing.assert_allclose(wide, 3**0.5 * tokenbridge.gaussian_codebook(8))


def test_the_official_golden_numbers():
    codebook = tokenbridge.gaussian_codebook(8, variant="official")
    x = (-6, -5, -1.9, -0.3, 0.01, 0.7, 1.75, 2.4, 4.99)
    codes = tokenbridge.encode(x, codebook)
    assert codes.tolist() == [0, 0, 1, 3, 4, 5, 6, 7, 7]
    values = tokenbridge.decode(np.arange(8), codebook)
    np.testing.assert_allclose(
        values[4:], [0.26329384, 0.81891559, 1.49230723, 2.71494158], atol=5e-9
    )
    np.testing.assert_allclose(values, -values[::-1], atol=1e-12)


def test_errors_of_the_settings_on_normal_numbers():
    """Why -5 to 5 works: measured squared errors, and Panter and Dite's 2.72 / B²."""
    x = np.random.default_rng(4).standard_normal(400_000)
    for n, wanted in {8: 4.0e-2, 16: 1.03e-2, 32: 2.6e-3, 64: 6.6e-4}.items():
        codebook = tokenbridge.gaussian_codebook(n, variant="official")
        near = tokenbridge.decode(tokenbridge.encode(x, codebook), codebook)
        assert ((x - near) ** 2).mean() == pytest.approx(wanted, rel=0.03)
        levels = scalar.uniform_levels(n, -5, 5)
        assert ((x - levels[scalar.assign(x, levels)]) ** 2).mean() > 2 * wanted


def test_codes_come_back_and_rise():
    codebook = tokenbridge.gaussian_codebook(16)
    codes = np.arange(16)
    again = tokenbridge.encode(tokenbridge.decode(codes, codebook), codebook)
    np.testing.assert_array_equal(again, codes)
    x = np.linspace(-9, 9, 1001)
    assert (np.diff(tokenbridge.encode(x, codebook)) >= 0).all()


def test_shares_of_low_frequencies():
    slow, fast = (np.cos(2 * np.pi * f * np.arange(8) / 8) for f in (1, 3))
    rows = np.stack([slow, fast, np.ones(8), np.zeros(8)], axis=-1)[None, None].repeat(8, axis=1)
    share = tokenbridge.low_frequency_share(rows, 1 / 8)
    np.testing.assert_allclose(share, [1, 0, 1, 1], atol=1e-12)
    assert tokenbridge.channel_order(rows, 1 / 8).tolist() == [0, 2, 3, 1]


def head(rng=0, **options):
    return tokenbridge.init(4, 5, 3, d=8, blocks=2, heads=2, rng=rng, dtype=np.float64, **options)


def test_a_channel_sees_those_before_it_alone():
    params, z = head(), np.random.default_rng(5).standard_normal((6, 3))
    codes = np.random.default_rng(6).integers(0, 5, (6, 4))
    before = tokenbridge.logits(params, z, codes, heads=2)
    for c in range(4):
        changed = codes.copy()
        changed[:, c] = (codes[:, c] + 1) % 5
        after = tokenbridge.logits(params, z, changed, heads=2)
        assert (after[:, : c + 1] == before[:, : c + 1]).all()
        if c < 3:
            assert (abs(after[:, c + 1 :] - before[:, c + 1 :]).max(axis=2) > 1e-6).all()
    other = tokenbridge.logits(params, z + 1, codes, heads=2)
    assert (abs(other - before).max(axis=2) > 1e-6).all()


def test_the_channel_head_is_a_distribution_and_draws_from_it():
    params = tokenbridge.init(2, 3, 2, d=4, blocks=1, heads=2, rng=0, dtype=np.float64)
    every = np.array([[a, b] for a in range(3) for b in range(3)])
    z = np.repeat([[0.5, -1.0]], 9, axis=0)
    log_p = tokenbridge.log_prob(params, z, every, heads=2)
    assert np.exp(log_p).sum() == pytest.approx(1, abs=1e-12)
    drawn = tokenbridge.draw(params, np.repeat(z[:1], 30_000, axis=0), heads=2, rng=0)
    counts = np.bincount(drawn[:, 0] * 3 + drawn[:, 1], minlength=9)
    chi = ((counts - 30_000 * np.exp(log_p)) ** 2 / (30_000 * np.exp(log_p))).sum()
    assert chi < 30  # 8 degrees of freedom: P(chi² > 30) = .0002
    best = tokenbridge.draw(params, z[:1], heads=2, temperature=0.0)[0]
    first = log_softmax(tokenbridge.logits(params, z[:1], [best], heads=2))[0]
    assert best[0] == first[0].argmax()
    assert best[1] == first[1].argmax()


def test_the_gradient_of_the_channel_head():
    params, z = head(), np.random.default_rng(7).standard_normal((3, 3))
    codes = np.random.default_rng(8).integers(0, 5, (3, 4))
    assert gradcheck(lambda p: -tokenbridge.log_prob(p, z, codes, heads=2).mean(), params) < 1e-6


# SeiT.


def test_the_published_figure():
    assert seit.storage_bytes(1_281_167, 1024, 391) / 1e9 == pytest.approx(1.412, abs=5e-4)
    assert seit.storage_bytes(1_281_167, 1024, 391, coding="bits") / 1e9 == pytest.approx(
        1.476, abs=5e-4
    )
    assert seit.storage_bytes(3, 10, 391, coding="int16") == 60


@pytest.mark.parametrize("vocab", [2, 255, 256, 257, 391, 510])
def test_codes_come_back_from_bytes(vocab):
    codes = np.r_[np.random.default_rng(9).integers(0, vocab, 501), 0, vocab - 1]
    codes = np.r_[codes, np.clip([254, 255, 390, 509], 0, vocab - 1)]
    data = seit.pack_bits(codes, vocab)
    assert len(data) == -(-len(codes) * max(1, math.ceil(math.log2(vocab))) // 8)
    np.testing.assert_array_equal(seit.unpack_bits(data, len(codes), vocab), codes)
    np.testing.assert_array_equal(seit.unpack_bytes(seit.pack_bytes(codes)), codes)
    assert seit.pack_bits([], vocab) == seit.pack_bytes([]) == b""


def test_entropy_is_what_codes_need():
    codes = np.repeat([0, 1, 2], [4, 2, 2])
    assert seit.entropy_bits(codes, 3) == pytest.approx(1.5)
    assert seit.entropy_bits([4, 4], 9) == 0


def test_colours_of_the_partner():
    rng = np.random.default_rng(10)
    x, partner = rng.standard_normal((2, 3, 5, 6, 4)), 3 + 2 * rng.standard_normal((2, 3, 5, 6, 4))
    y = seit.color_adapt(x, partner)
    for f in (np.mean, np.std):
        np.testing.assert_allclose(f(y, axis=(2, 3)), f(partner, axis=(2, 3)), rtol=1e-9)
    np.testing.assert_allclose(seit.color_adapt(x, x), x, atol=1e-12)
    x[..., 1] = 7.0  # a flat channel takes the mean
    y = seit.color_adapt(x, partner)
    np.testing.assert_allclose(
        y[..., 1], partner[..., 1].mean(axis=(2, 3))[..., None, None] + 0 * y[..., 1]
    )


def patches(pixels):
    b, h, w, c = pixels.shape
    return pixels.reshape(b, h // 2, 2, w // 2, 2, c).swapaxes(2, 3).reshape(b, h // 2, w // 2, -1)


@pytest.mark.parametrize(
    "change", [lambda y: y[:, :, ::-1], lambda y: y[:, ::-1], lambda y: np.roll(y, 1, axis=2)]
)
def test_a_linear_tokenizer_is_adapted_to_the_last_digit(change):
    rng = np.random.default_rng(11)
    mix = rng.standard_normal((12, 12))
    pixels = rng.random((6, 8, 8, 3))
    z, after = patches(pixels) @ mix, patches(change(pixels)) @ mix
    model = seit.fit_adapt(z, pixels, change, after, s=2, ridge=0.0)
    other = rng.random((2, 8, 8, 3))
    found = seit.lower(model, change(seit.lift(model, patches(other) @ mix)))
    np.testing.assert_allclose(found, patches(change(other)) @ mix, atol=1e-8)


def test_masks_of_masked_token_modelling():
    shares, rng = [], np.random.default_rng(5)
    for _ in range(1000):
        dropped, masked = seit.mtm_masks(4, 196, rng=rng)
        assert (dropped.sum(axis=1) == 98).all()
        assert (masked | ~dropped).all()
        assert len(set(masked.sum(axis=1).tolist())) == 1  # one share for the whole batch
        shares.append(masked.mean())
    assert 0.5 <= min(shares) < 0.52
    assert 0.95 < max(shares) <= 1
    assert np.mean(shares) == pytest.approx(
        0.6936 + 0.5 / 196, abs=0.018
    )  # of N(.55, .25) between .5 and 1


def test_smoothed_loss_and_its_gradient():
    rng = np.random.default_rng(12)
    scores, codes = rng.standard_normal((2, 3, 4, 5)), rng.integers(0, 5, (2, 3, 4))
    masked = np.array([[True, False, True], [False, False, True]])
    log_p = log_softmax(scores)
    aim = np.eye(5)[codes] * 0.9 + 0.1 / 5
    wanted = -(aim * log_p).sum(axis=-1).mean(axis=-1)[masked].mean()
    assert float(seit.mtm_loss(log_p, codes, masked)) == pytest.approx(wanted)
    loss = lambda p: seit.mtm_loss(log_softmax(p["scores"]), codes, masked)  # noqa: E731
    assert gradcheck(loss, {"scores": scores}) < 1e-7


# Token-Shuffle.


def test_a_window_side_by_side():
    x = np.arange(32.0).reshape(16, 2)
    y = ts.merge(x, (4, 4), 2)
    assert y[0].tolist() == [0, 1, 2, 3, 8, 9, 10, 11]
    assert y[1].tolist() == [4, 5, 6, 7, 12, 13, 14, 15]
    rng = np.random.default_rng(13)
    for h, w, s in ((4, 6, 1), (4, 6, 2), (9, 3, 3)):
        x = rng.standard_normal((2, 3, h * w, 5))
        np.testing.assert_array_equal(ts.split(ts.merge(x, (h, w), s), (h, w), s), x)


def test_the_pair_and_its_gradient():
    params = ts.init(8, 2, blocks=1, rng=0, dtype=np.float64)
    x = np.random.default_rng(14).standard_normal((1, 16, 8))
    y = ts.shuffle(params, x, (4, 4), 2)
    assert y.shape == (1, 4, 8)
    z = ts.unshuffle(params, y, (4, 4), 2)
    assert z.shape == x.shape

    def loss(p):
        return (ts.unshuffle(p, ts.shuffle(p, x, (4, 4), 2), (4, 4), 2) ** 2).mean()

    assert gradcheck(loss, params) < 1e-6
    # A window is a window: a token moves its own window's tokens, and no others.
    moved = x.copy()
    moved[0, 5] += 1  # row 1, column 1: the first window
    changed = abs(ts.shuffle(params, moved, (4, 4), 2) - y).max(axis=2)[0] > 1e-9
    assert changed.tolist() == [True, False, False, False]


def test_operations_and_guidance():
    from tokenlab.pruning import flops

    alone = ts.multiply_adds(64, d=64, layers=2, hidden=256, s=1)
    assert alone == flops.multiply_adds([64, 64], d=64, hidden=256, gated=False)
    two = ts.multiply_adds(64, d=64, layers=2, hidden=256, s=2)
    pair = 2 * 64 * 64 * 16 + 2 * 2 * 16 * 2 * 64 * 128
    assert two == flops.multiply_adds([16, 16], d=64, hidden=256, gated=False) + pair
    assert ts.guidance(8, 5.0).tolist() == [1, 2, 3, 4, 5, 5, 5, 5]
    assert ts.guidance(5, 5.0, kind="linear").tolist() == [1, 2, 3, 4, 5]
    assert ts.guidance(1, 5.0, kind="linear").tolist() == [1]
    assert ts.guidance(2, 5.0, kind="constant").tolist() == [5, 5]


def test_digits_are_there_and_quantize():
    digits = load_digits()
    assert digits.images.shape == (1797, 8, 8)
    assert digits.images.max() == 16
    assert np.bincount(digits.labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    cells = patches(digits.images[:, :, :, None] / 16.0).reshape(-1, 4)
    fitted = residual.fit(cells.astype(np.float32), 16, 2, rng=0)
    single = kmeans.fit(cells.astype(np.float32), 16, rng=0)
    assert fitted.history[1] == pytest.approx(single.inertia / len(cells), rel=0.02)
    assert fitted.history[2] < 0.5 * fitted.history[1]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: resgen.mask_counts(2, 2, 5), "mask_counts: n_masked is 5"),
        (lambda: resgen.visible_mask([3], 2), "visible_mask: counts run from 3"),
        (
            lambda: resgen.visible_embedding([[0, 0]], np.ones((2, 1, 1)), [[False, True]]),
            "visible_embedding: visible has a stage that is seen below",
        ),
        (
            lambda: resgen.masked_target([[-1, 0]], np.ones((2, 1, 1)), [[False, False]]),
            "masked_target: codes run from -1",
        ),
        (lambda: resgen.keep_confident([1, 1], 3, [0.0, 1.0]), "n_masked is 3 and 2 codes"),
        (
            lambda: resgen.loss(
                Mixture(np.zeros((1, 1)), np.zeros((1, 1, 1)), np.zeros((1, 1))), [[0.0]], [False]
            ),
            "loss: masked is nowhere True",
        ),
        (lambda: resgen.draw(Mixture([[0.0]], [[[0.0]]], [[0.0]]), top_p=0), "draw: top_p is 0"),
        (lambda: tokenbridge.encode([1.0], [1.0, 0.0]), "encode: codebook does not rise"),
        (lambda: tokenbridge.encode([1.0], [0.0, 1.0], low=3, high=3), "encode: low is 3"),
        (lambda: tokenbridge.decode([2], [0.0, 1.0]), "decode: codes run from 2"),
        (lambda: tokenbridge.init(2, 2, 2, d=6, blocks=1), "init: heads is 4 and d is 6"),
        (lambda: tokenbridge.logits(head(), np.ones((1, 2)), [[0] * 4], heads=2), "logits: z is"),
        (
            lambda: tokenbridge.logits(head(), np.ones((1, 3)), [[0, 5, 0, 0]], heads=2),
            "logits: codes run from 0 to 5",
        ),
        (lambda: tokenbridge.gaussian_codebook(2000, variant="official"), "limit is 3.0"),
        (lambda: seit.pack_bytes([510]), "pack_bytes: codes run from 510"),
        (lambda: seit.pack_bits([4], 4), "pack_bits: codes run from 4"),
        (lambda: seit.unpack_bits(b"\xff", 1, 129), "unpack_bits: data has the code 255"),
        (lambda: seit.unpack_bytes(b"\x01\xff"), "unpack_bytes: data ends with an escape"),
        (lambda: seit.color_adapt(np.ones((2, 2, 1)), np.ones((2, 3, 1))), "color_adapt: x is"),
        (
            lambda: seit.mtm_loss(np.zeros((1, 2, 3)), [[0, 1]], [[False, False]]),
            "mtm_loss: masked is nowhere True",
        ),
        (lambda: seit.mtm_masks(1, 4, low=0.9, high=0.5), "mtm_masks: low is 0.9"),
        (lambda: ts.merge(np.ones((16, 2)), (4, 4), 3), "merge: grid is (4, 4) and s is 3"),
        (lambda: ts.merge(np.ones((15, 2)), (4, 4), 2), "merge: x is (15, 2)"),
        (lambda: ts.split(np.ones((4, 6)), (4, 4), 2), "split: x is (4, 6)"),
        (lambda: ts.init(6, 2), "init: d is 6 and s is 2"),
        (lambda: ts.multiply_adds(6, d=8, layers=1, hidden=8, s=2), "multiply_adds: n is 6"),
    ],
)
def test_bad_input_is_refused_by_name(call, says):
    with pytest.raises(TokenlabError) as error:
        call()
    assert says in str(error.value)
