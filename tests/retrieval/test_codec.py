"""The residual codec: by hand, against the released rule, and with what does not fit."""

import numpy as np
import pytest
import strategies as own
from hypothesis import given
from hypothesis import strategies as st

from tokenlab.data import load_faq
from tokenlab.errors import TokenlabError
from tokenlab.retrieval import codec
from tokenlab.retrieval.buckets import BUCKETS
from tokenlab.retrieval.codec import (
    ResidualCodec,
    bucket_levels,
    n_centroids_for,
    pack,
    unpack,
)

TOKENS = np.random.default_rng(0).standard_normal((60, 6))
TOKENS /= np.linalg.norm(TOKENS, axis=1, keepdims=True)


def error(levels, cutoffs, x):
    return ((levels[np.searchsorted(cutoffs, x)] - x) ** 2).mean()


def test_a_token_by_hand():
    # Centroid 1 is nearer; (.9, .2) − (1, 0) = (−.1, .2): buckets 1 and 3, in bits 01 11.
    own_codec = ResidualCodec.of(
        [[0.0, 1.0], [1.0, 0.0]], [-0.2, 0.0, 0.15], [-0.4, -0.1, 0.1, 0.3]
    )
    codes, residuals = own_codec.encode([[0.9, 0.2]])
    assert codes.tolist() == [1]
    assert residuals.tolist() == [[0b01110000]]
    plain = own_codec.decode(codes, residuals, normalize=False)
    np.testing.assert_allclose(plain, [[0.9, 0.3]])
    np.testing.assert_allclose(
        own_codec.decode(codes, residuals), plain / np.linalg.norm(plain), rtol=1e-12
    )


def test_a_residual_on_a_cutoff_goes_below_it():
    own_codec = ResidualCodec.of([[1.0]], [0.5], [0.0, 1.0])
    assert own_codec.encode([[1.5], [1.5000001]]).residuals.tolist() == [[0], [128]]


def test_equal_products_go_to_the_lower_centroid():
    own_codec = ResidualCodec.of([[0.0, 1.0], [1.0, 0.0], [1.0, 0.0]], [0.0], [-1.0, 1.0])
    assert own_codec.encode([[1.0, 1.0], [1.0, 0.0]]).codes.tolist() == [0, 1]


def test_packing_by_hand():
    assert pack([1, 0, 0, 1, 1, 0, 0, 0, 1, 1], 1).tolist() == [0b10011000, 0b11000000]
    assert pack([3, 0, 1, 2, 2, 1, 3], 2).tolist() == [0b11000110, 0b10011100]
    assert pack([10, 3, 15, 0, 7], 4).tolist() == [0xA3, 0xF0, 0x70]
    assert pack([0, 255, 7], 8).tolist() == [0, 255, 7]


@own.quick
@given(st.sampled_from([1, 2, 4, 8]), st.integers(1, 20), st.integers(0, 5), st.integers(0, 99))
def test_unpack_is_the_inverse_of_pack(bits, d, n, seed):
    buckets = np.random.default_rng(seed).integers(0, 2**bits, (n, d))
    packed = pack(buckets, bits)
    assert packed.shape == (n, -(-d * bits // 8))
    np.testing.assert_array_equal(unpack(packed, bits, d), buckets)


def test_how_many_centroids():
    counts = [n_centroids_for(n) for n in (1, 10, 100, 1000, 100_000, 10**7)]
    assert counts == [1, 10, 100, 256, 4096, 32768]
    assert n_centroids_for(2**20) == 2**14  # 16 √n is a power of two


def test_quantiles_are_those_of_the_released_code():
    x = np.random.default_rng(1).standard_normal(999)
    cutoffs, levels = bucket_levels(x, 2, buckets="quantile")
    np.testing.assert_allclose(cutoffs, np.quantile(x, [0.25, 0.5, 0.75]))
    np.testing.assert_allclose(levels, np.quantile(x, [0.125, 0.375, 0.625, 0.875]))


@own.quick
@given(st.sampled_from([1, 2, 4, 8]), st.integers(1, 400), st.integers(0, 999), st.booleans())
def test_lloyd_never_loses_more_than_the_others(bits, n, seed, coarse):
    x = np.random.default_rng(seed).standard_normal(n)
    x = np.round(x * 4) / 4 if coarse else x
    lost = {
        name: error(levels, cutoffs, x)
        for name in BUCKETS
        for cutoffs, levels in [bucket_levels(x, bits, buckets=name)]
    }
    assert lost["lloyd"] <= min(lost.values()) + 1e-14


def test_what_a_normal_loses_at_four_bits():
    x = np.random.default_rng(2).standard_normal(200_000)
    lost = [error(*bucket_levels(x, 4, buckets=b)[::-1], x) for b in ("lloyd", "uniform")]
    np.testing.assert_allclose(lost, [0.0095, 0.0115], rtol=0.02)


def test_uniform_levels_are_equal_steps_about_the_mean():
    x = np.random.default_rng(3).exponential(size=500)
    cutoffs, levels = bucket_levels(x, 4, buckets="uniform")
    np.testing.assert_allclose(np.diff(levels), np.diff(levels)[0])
    np.testing.assert_allclose(levels.mean(), x.mean())
    np.testing.assert_allclose(cutoffs, (levels[1:] + levels[:-1]) / 2)
    step = np.diff(levels)[0]
    for other in (0.98 * step, 1.02 * step):  # and no other width loses less
        wider = x.mean() + other * (np.arange(16) - 7.5)
        assert error(levels, cutoffs, x) <= error(wider, (wider[1:] + wider[:-1]) / 2, x)


def test_residuals_that_are_all_alike():
    for buckets in BUCKETS:
        cutoffs, levels = bucket_levels(np.full(5, 0.25), 4, buckets=buckets)
        np.testing.assert_allclose(error(levels, cutoffs, np.full(5, 0.25)), 0, atol=1e-15)


@pytest.mark.parametrize("buckets", BUCKETS)
@pytest.mark.parametrize("n", [1, 5])
def test_a_collection_smaller_than_its_centroids(n, buckets):
    own_codec = ResidualCodec(256, buckets=buckets, rng=0).fit(TOKENS[:n])
    assert len(own_codec.centroids_) == n
    np.testing.assert_allclose(
        own_codec.decode(*own_codec.encode(TOKENS[:n])), TOKENS[:n], atol=1e-7
    )


def test_more_bits_lose_less_and_the_faq_loses_as_much_as_measured():
    tokens = load_faq().index.tokens[::5]
    lost = {}
    for bits, buckets in ((1, "lloyd"), (2, "lloyd"), (4, "lloyd"), (4, "quantile"), (8, "lloyd")):
        own_codec = ResidualCodec(256, bits, buckets=buckets, rng=0).fit(tokens)
        gap = own_codec.decode(*own_codec.encode(tokens)) - tokens
        lost[bits, buckets] = np.linalg.norm(gap, axis=1).mean()
    assert lost[8, "lloyd"] < lost[4, "lloyd"] < lost[2, "lloyd"] < lost[1, "lloyd"]
    assert lost[4, "lloyd"] < 0.7 * lost[4, "quantile"]


def test_the_same_seed_gives_the_same_codec_and_a_longer_collection_is_sampled(monkeypatch):
    monkeypatch.setattr(codec, "SAMPLE", 20)
    monkeypatch.setattr(codec, "PER_CENTROID", 4)
    first, second = (ResidualCodec(4, 2, rng=3).fit(TOKENS) for _ in range(2))
    np.testing.assert_array_equal(first.centroids_, second.centroids_)
    np.testing.assert_array_equal(first.levels_, second.levels_)


def test_tokens_without_direction():
    own_codec = ResidualCodec(rng=0).fit(np.zeros((3, 4)))
    decoded = own_codec.decode(*own_codec.encode(np.zeros((3, 4))), normalize=False)
    np.testing.assert_allclose(decoded, 0, atol=1e-7)
    mixed = np.vstack([np.zeros((1, 6)), TOKENS])
    assert np.isfinite(own_codec.fit(mixed).decode(*own_codec.encode(mixed))).all()


def test_an_empty_text_is_no_codes():
    own_codec = ResidualCodec(4, rng=0).fit(TOKENS)
    codes, residuals = own_codec.encode(np.empty((0, 6)))
    assert codes.shape == (0,)
    assert residuals.shape == (0, 3)
    assert own_codec.decode(codes, residuals).shape == (0, 6)


FITTED = ResidualCodec(4, rng=0).fit(TOKENS)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        *((lambda b=b: ResidualCodec(bits=b), "ResidualCodec: bits") for b in (3, 0, 16, 4.5, "4")),
        *((lambda b=b: pack([1], b), "pack: bits") for b in (3, 0, 16, 4.5, "4")),
        (lambda: pack([[1, 4]], 2), "pack: buckets run from 1 to 4; expected 0 to 3"),
        (lambda: pack([-1], 2), "pack: buckets run from -1"),
        (
            lambda: unpack(np.zeros(2, np.uint8), 4, 5),
            "unpack: packed has 2 bytes a row; expected 3",
        ),
        (lambda: unpack([0.5], 4, 1), "unpack: packed"),
        (lambda: bucket_levels([], 4), "bucket_levels: residuals"),
        (lambda: bucket_levels([np.nan], 4), "bucket_levels: residuals"),
        (lambda: bucket_levels([1.0], 4, buckets="equal"), "bucket_levels: buckets"),
        (lambda: ResidualCodec(0), "n_centroids"),
        (lambda: ResidualCodec(rng=-1), "rng"),
        (lambda: ResidualCodec().fit(np.empty((0, 3))), "ResidualCodec.fit: tokens"),
        (lambda: ResidualCodec().fit([[np.inf]]), "ResidualCodec.fit: tokens"),
        (lambda: ResidualCodec().encode(TOKENS), "ResidualCodec.encode: codec is not fitted"),
        (lambda: ResidualCodec().decode([0], [[0]]), "ResidualCodec.decode: codec is not fitted"),
        (lambda: FITTED.encode(TOKENS[:, :5]), "ResidualCodec.encode: tokens"),
        (lambda: FITTED.decode([4], np.zeros((1, 3), np.uint8)), "ResidualCodec.decode: codes"),
        (lambda: FITTED.decode([0], np.zeros((1, 2), np.uint8)), "ResidualCodec.decode: residuals"),
        (lambda: FITTED.decode([0], [[0.5, 1, 1]]), "ResidualCodec.decode: residuals"),
        (lambda: n_centroids_for(0), "n_centroids_for: n_tokens"),
        (lambda: ResidualCodec.of([[1.0]], [0.0], [0.0, 1.0, 2.0]), "cutoffs"),
        (lambda: ResidualCodec.of([[1.0]], [], [0.0, 1.0]), "cutoffs"),
        (lambda: ResidualCodec.of([[1.0]], [0.0], [1.0, 0.0]), "levels falls"),
    ],
)
def test_what_does_not_fit_is_named(call, named):
    with pytest.raises(TokenlabError, match=named.replace(".", r"\.")):
        call()
