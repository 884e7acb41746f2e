"""TAP and ADL: hand-worked numbers, loops, and the loss that is silent."""

import numpy as np
import pytest
from attention_oracles import central_difference

from tokenlab.attention import diversification_loss, pooling_weights, token_aware_pool
from tokenlab.data import load_vit_photos
from tokenlab.errors import InvalidInput, ShapeError

# Four tokens: two ways of reading, each taken by two of them.
CAMPS = np.array([[0.8, 0.1, 0.05, 0.05], [0.8, 0.05, 0.1, 0.05], [0.05, 0.05, 0.1, 0.8]])[
    [0, 1, 2, 2]
]


def shares(rng, *shape, sharp=1.0):
    x = np.exp(sharp * rng.standard_normal(shape))
    return x / x.sum(axis=-1, keepdims=True)


def test_a_dot_becomes_a_square():
    dot = np.zeros((3, 3, 1))
    dot[1, 1] = 9
    weights = np.zeros((3, 3, 4))
    weights[..., 1] = 1
    np.testing.assert_allclose(token_aware_pool(dot, weights), 1)
    weights[..., 1], weights[..., 0] = 0, 1
    np.testing.assert_array_equal(token_aware_pool(dot, weights), dot)


def test_padding_darkens_the_edge_unless_it_is_not_counted():
    weights = np.zeros((3, 3, 2))
    weights[..., 1] = 1
    published = token_aware_pool(np.ones((3, 3, 1)), weights)[..., 0]
    np.testing.assert_allclose(published, np.array([[4, 6, 4], [6, 9, 6], [4, 6, 4]]) / 9)
    np.testing.assert_allclose(
        token_aware_pool(np.ones((3, 3, 1)), weights, count_padding=False), 1
    )


@pytest.mark.parametrize("count_padding", [True, False])
def test_pooling_against_loops(rng, count_padding):
    x, weights = rng.standard_normal((2, 5, 7, 3)), shares(rng, 2, 5, 7, 4)
    got = token_aware_pool(x, weights, count_padding=count_padding)
    for b, i, j in np.ndindex(2, 5, 7):
        wanted = weights[b, i, j, 0] * x[b, i, j]
        for s in (1, 2, 3):
            near = [
                x[b, i + a * s, j + c * s]
                for a in (-1, 0, 1)
                for c in (-1, 0, 1)
                if 0 <= i + a * s < 5 and 0 <= j + c * s < 7
            ]
            wanted = wanted + weights[b, i, j, s] * sum(near) / (9 if count_padding else len(near))
        np.testing.assert_allclose(got[b, i, j], wanted, atol=1e-12)


def test_weights_are_two_convolutions_and_a_softmax(rng):
    x, first, second = (rng.standard_normal(s) for s in ((2, 4, 5, 3), (3, 3, 3, 4), (3, 3, 4, 4)))
    scale, bias = rng.standard_normal((2, 4))

    def convolve(image, kernel):
        out = np.zeros((*image.shape[:-1], kernel.shape[-1]))
        for b, i, j, a, c in np.ndindex(*image.shape[:-1], 3, 3):
            if 0 <= i + a - 1 < image.shape[1] and 0 <= j + c - 1 < image.shape[2]:
                out[b, i, j] += image[b, i + a - 1, j + c - 1] @ kernel[a, c]
        return out

    z = np.exp(convolve(convolve(x, first) * scale + bias, second))
    got = pooling_weights(x, first, second, scale=scale, bias=bias)
    np.testing.assert_allclose(got, z / z.sum(axis=-1, keepdims=True), atol=1e-12)


def test_three_readings_of_the_loss_by_hand():
    crowd = np.tile([0.91, 0.03, 0.03, 0.03], (4, 1))
    for cut in ("both", "none"):
        assert diversification_loss(crowd, cut=cut).loss == pytest.approx(1)
    assert diversification_loss(crowd, cut="rows").loss == pytest.approx(0.9984, abs=1e-4)
    assert diversification_loss(np.eye(4)).loss == 0
    assert diversification_loss(CAMPS).loss == 0
    assert diversification_loss(CAMPS, cut="rows").loss == pytest.approx(0.696, abs=5e-4)
    assert diversification_loss(CAMPS, cut="none").loss == pytest.approx(0.754, abs=5e-4)


@pytest.mark.parametrize(("sharp", "least", "most"), [(1, 100, 100), (1.5, 60, 99), (3, 0, 20)])
def test_the_released_loss_is_silent_where_no_token_is_crowded(rng, sharp, least, most):
    """It says 0, and its gradient is 0, wherever no token has a mean attention above 2/n."""
    silent = 0
    for _ in range(100):
        attention = shares(rng, 64, 64, sharp=sharp)
        result = diversification_loss(attention)
        below = attention.mean(axis=0).max() <= 2 / 64
        assert (result.loss == 0) == below
        assert result.attention_grad.any() != below
        assert diversification_loss(attention, cut="rows").attention_grad.any()
        silent += below
    assert least <= silent <= most


def test_half_of_the_rows_alike_and_still_silent():
    assert not diversification_loss(CAMPS).attention_grad.any()
    assert diversification_loss(CAMPS, cut="rows").attention_grad.any()


def test_a_trained_transformer_has_crowded_tokens():
    """There the released loss speaks in every block, but about a few columns only."""
    column_mean = load_vit_photos().column_mean  # (4, 12, 257)
    n = column_mean.shape[-1]
    assert (column_mean.max(axis=-1) > 2 / n).all()
    assert (column_mean > 2 / n).mean() < 0.2


@pytest.mark.parametrize("cut", ["both", "rows", "none"])
def test_gradient(rng, cut):
    attention = shares(rng, 2, 6, 6, sharp=1.5)
    attention[..., 2] += 0.5  # a token that all read
    attention /= attention.sum(axis=-1, keepdims=True)
    got = diversification_loss(attention, cut=cut, lam=1.3)
    assert got.attention_grad.any()
    numeric = central_difference(
        lambda x: diversification_loss(x, cut=cut, lam=1.3).loss, attention
    )
    np.testing.assert_allclose(got.attention_grad, numeric, atol=1e-8)


def test_a_batch_of_one_is_the_image_alone(rng):
    """The released code squeezes the batch away and then averages over the wrong axis."""
    attention = shares(rng, 3, 8, 8, sharp=3.0)
    together = diversification_loss(attention, cut="rows")
    alone = [diversification_loss(a[None], cut="rows") for a in attention]
    assert together.loss == pytest.approx(np.mean([one.loss for one in alone]))
    for i, one in enumerate(alone):
        assert one.loss == pytest.approx(diversification_loss(attention[i], cut="rows").loss)
        np.testing.assert_allclose(together.cosines[i], one.cosines[0])
        np.testing.assert_allclose(together.attention_grad[i], one.attention_grad[0] / 3)


def test_uniform_attention_leaves_nothing_to_compare():
    uniform = diversification_loss(np.full((4, 4), 0.25))
    assert uniform.loss == 0
    assert not uniform.attention_grad.any()
    assert diversification_loss(np.full((4, 4), 0.25), cut="none").loss == pytest.approx(1)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: diversification_loss(np.ones((3, 4))), ShapeError, r"\(\.\.\., n, n\)"),
        (lambda: diversification_loss([[np.nan]]), InvalidInput, "not finite"),
        (lambda: diversification_loss([[1.0]], cut="mean"), InvalidInput, "cut is 'mean'"),
        (lambda: diversification_loss([[1.0]], lam=0), InvalidInput, "lam is 0"),
        (lambda: token_aware_pool(np.ones((2, 3, 1)), np.ones((3, 2, 4))), ShapeError, "h = 2"),
        (lambda: token_aware_pool(np.ones((2, 3)), np.ones((2, 3, 4))), ShapeError, "x is"),
        (lambda: pooling_weights(np.ones((2, 3, 1)), np.ones((3, 3, 2, 4)), np.ones((3, 3, 4, 4))),
         ShapeError, "first is"),
    ],
)  # fmt: skip
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_float32_stays(rng):
    x = rng.standard_normal((4, 5, 3)).astype(np.float32)
    assert token_aware_pool(x, shares(rng, 4, 5, 3).astype(np.float32)).dtype == np.float32
    attention = shares(rng, 6, 6, sharp=3).astype(np.float32)
    assert diversification_loss(attention, cut="rows").attention_grad.dtype == np.float32
