"""Numbers near both ends of the range: scaled, or refused by name; finite input never gives NaN."""

from itertools import pairwise

import numpy as np
import pytest

from tokenlab import ranges, use_engine
from tokenlab.attention import gaussian_kernel, performer_attention, spectral_filter
from tokenlab.errors import InvalidInput
from tokenlab.logits import FullHeadIndex, low_rank
from tokenlab.logits.vq_logits import VQHead
from tokenlab.numerics import segment_sum, unit
from tokenlab.pruning import density, todre, token_transforming, transprune
from tokenlab.pruning.size_attention import size_aware_attention, size_bias
from tokenlab.quantization import kmeans
from tokenlab.retrieval.xtr_training import xtr_loss

ENGINES = ["numpy", "numba"]
SCALES = [1e-44, 1e-30, 1e-23, 1e-19, 1.0, 1e15, 1e19, 1e25, 1e38]


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("scale", SCALES)
def test_lengths(scale):
    x = (normal(5, 3) / 4 * np.float32(scale)).astype(np.float32)
    exact = np.sqrt((x.astype(float) ** 2).sum(axis=1))
    np.testing.assert_allclose(ranges.lengths(x), exact, rtol=1e-5, atol=2e-45)
    np.testing.assert_allclose(unit(x), x / exact[:, None], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_scale_is_a_power_of_two_whose_squares_fit(scale, dtype):
    x = (normal(5, 3) / 4).astype(dtype) * dtype(scale)
    found = ranges.scale_of(x)
    assert np.frexp(found)[0] == 0.5
    near = ranges.divided(x, found)
    assert ranges.ordinary((near * near).sum(axis=1, keepdims=True)[[0]])
    np.testing.assert_array_equal(near.astype(float) * found, x)
    assert found == 1 or not 1e-15 < scale < 1e15


def test_rows_of_zeros_and_none():
    assert ranges.scale_of(np.zeros((2, 3), np.float32)) == 1
    assert ranges.lengths(np.zeros((2, 3))).tolist() == [0, 0]
    assert ranges.lengths(np.zeros((0, 3))).shape == (0,)


# what claims a proof ---------------------------------------------------------------------------


@pytest.mark.parametrize("of_states", [1e-38, 1e-23, 1.0, 1e18])
@pytest.mark.parametrize("of_rows", [1e-38, 1e-23, 1.0, 1e18])
def test_certified_topk_is_that_of_the_matrix(of_rows, of_states):
    rows = normal(50, 4) * np.float32(of_rows)
    hidden = normal(6, 4, seed=1) * np.float32(of_states)
    found = FullHeadIndex(rows, np.arange(50) % 5).topk(hidden, 3)
    exact = hidden.astype(float) @ rows.astype(float).T
    np.testing.assert_array_equal(found.ids, np.argsort(-exact, axis=1, kind="stable")[:, :3])
    assert not np.isnan(found.margin).any()


def test_logits_beyond_the_range_are_refused():
    rows = normal(50, 4) * np.float32(1e30)
    with pytest.raises(InvalidInput, match=r"FullHeadIndex\.topk: the logits .* overflow float32"):
        FullHeadIndex(rows, np.arange(50) % 5).topk(normal(2, 4) * np.float32(1e30), 1)


@pytest.mark.parametrize("d", [3, 17, 64])
def test_equal_rows_tie_by_id_wherever_they_stand(d):
    rows = np.tile(normal(7, d), (40, 1))
    mapping = np.random.default_rng(1).integers(0, 9, len(rows))
    found = FullHeadIndex(rows, mapping).topk(normal(5, d, seed=2), 60)
    for ids in found.ids:
        for kind in range(7):
            same = ids[ids % 7 == kind]
            assert np.array_equal(same, np.sort(same))
            assert len(same) in (0, 20, 40) or np.array_equal(same, np.arange(len(same)) * 7 + kind)


@pytest.mark.parametrize("engine", ENGINES)
def test_tokens_of_a_code_rank_by_their_shares_before_rounding(engine):
    head = VQHead(np.ones((1, 2), np.float32), [0, 0], counts=[10**9, 10**9 + 1], inner="unigram")
    with use_engine(engine):
        found = [head.topk(np.ones((1, 2), np.float32), k).ids.tolist() for k in (1, 2)]
    assert found == [[[1]], [[1, 0]]]


# sums and distances ----------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(10**7,), (3 * 10**6, 3), (10**5, 100)])
def test_long_sums(shape):
    x = np.random.default_rng(0).random(shape, dtype=np.float32)
    ends = [0, len(x) // 3, len(x)]
    exact = [x[a:b].sum(axis=0, dtype=float) for a, b in pairwise(ends)]
    np.testing.assert_allclose(segment_sum(x, ends), exact, rtol=1e-6)


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e6])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_two_groups_far_from_their_mean(dtype, offset):
    offset = offset if dtype == np.float32 else offset * 1e5
    x = np.concatenate([normal(6, 4) + offset, normal(6, 4) - offset]).astype(dtype)
    wide = x.astype(np.longdouble)
    gap = wide[:, None] - wide
    exact = np.exp(-(gap * gap).sum(axis=-1) / 4).astype(dtype)
    np.testing.assert_allclose(gaussian_kernel(x, x), exact, atol=2e-3)
    np.testing.assert_allclose(np.diag(gaussian_kernel(x, x)), 1, atol=2e-3)


@pytest.mark.parametrize("scale", [1e-40, 1e-25, 1.0, 1e20, 1e37])
def test_density(scale):
    x = (normal(20, 3) * np.float32(scale)).astype(np.float32)
    found = []
    for engine in ENGINES:
        with use_engine(engine):
            found.append(density.knn_density(x))
            centres, groups = density.density_clusters(x, 4)
            assert np.isfinite(found[-1]).all()
            assert len(centres) == 4
            assert set(groups) == {0, 1, 2, 3}
    np.testing.assert_allclose(*found, rtol=1e-5)
    if scale != 1:
        np.testing.assert_allclose(found[0], 1.0 if scale < 1 else 0.0)


def test_far_and_near_clusters_are_those_of_the_same_points_in_another_unit():
    points = np.concatenate([normal(8, 2) * 0.01, normal(8, 2) * 0.01 + 1]).astype(np.float32)
    tiny = points * np.float32(2.0**-100)
    groups = density.density_clusters(tiny, 2, n_neighbors=3)[1]
    assert set(groups[:8]) != set(groups[8:])


def test_distances_are_the_same_from_both_sides():
    squares = density.squared_distances(normal(300, 64) + 3)
    np.testing.assert_array_equal(squares, squares.T)


def test_two_equally_dense_tokens_the_first_counts_as_denser():
    for seed in range(50):
        x = normal(2, 5, seed=seed)
        assert np.ptp(density.knn_density(x)) == 0
        assert density.density_clusters(x, 1)[0].tolist() == [0]


@pytest.mark.parametrize("scale", [1e-25, 1e-45, 1e25])
def test_kmeans_refuses_what_it_cannot_square(scale):
    x = normal(9, 2) * np.float32(scale)
    with pytest.raises(InvalidInput, match="fit: x has a value of size"):
        kmeans.fit(x, 2, rng=0)
    assert np.isfinite(kmeans.fit(x.astype(float), 2, rng=0).codebook).all() or scale < 1e-40


@pytest.mark.parametrize("scale", [1e-30, 1e25])
def test_low_rank_and_transitions_scale(scale):
    weight, hidden = normal(9, 4), normal(20, 4, seed=1)
    small = low_rank(weight, 2, hidden=hidden)
    down, up = low_rank(weight, 2, hidden=hidden * np.float32(scale))
    np.testing.assert_allclose(up @ down, small[1] @ small[0], rtol=1e-3, atol=1e-5)
    far = np.float32(scale)
    np.testing.assert_allclose(
        transprune.transition_variation(hidden * far, 2 * hidden * far),
        transprune.transition_variation(hidden, 2 * hidden),
        rtol=1e-5,
    )


# what would be NaN -----------------------------------------------------------------------------


def test_zeros_that_would_be_divided_by_are_refused():
    with pytest.raises(InvalidInput, match="low_rank: hidden is 0 everywhere"):
        low_rank(normal(9, 4), 2, hidden=np.zeros((5, 4)))
    with pytest.warns(RuntimeWarning), pytest.raises(InvalidInput, match="migration: attention"):
        todre.migration(np.zeros((1, 5, 5)), text=slice(0, 2), image=slice(2, 4))


@pytest.mark.parametrize("temperature", [1e-46, 1e-39, 1e-38])
def test_temperatures_below_the_range(temperature):
    query, docs = normal(2, 4), [normal(2, 4, seed=1), normal(3, 4, seed=2)]
    with pytest.raises(InvalidInput, match="xtr_loss: temperature is"):
        xtr_loss(query, docs, 2, temperature=temperature)
    with pytest.raises(InvalidInput, match="soft_assign: temperature is"):
        token_transforming.soft_assign(query, [0], temperature)


def test_temperatures_at_the_end_of_the_range():
    query, docs = 30 * normal(2, 4), [normal(2, 4, seed=1), normal(3, 4, seed=2)]
    best = int(np.argmax(xtr_loss(query, docs, 2).p))
    found = xtr_loss(query, docs, 2, best, temperature=1.2e-38)
    assert found.loss == 0
    assert np.isfinite(found.query_grad).all()
    with pytest.raises(InvalidInput, match=r"xtr_loss: the losses .* overflow float32"):
        xtr_loss(query, docs, 2, 1 - best, temperature=1.2e-38)
    for mode in ("mass", "row"):
        hard = token_transforming.soft_assign(normal(5, 4), [0, 2], 1.2e-38, mode)
        np.testing.assert_allclose(hard.matrix().sum(axis=1), 1)


@pytest.mark.parametrize("size", [1e-46, 1e-39, 1e39])
def test_sizes_that_the_arrays_cannot_hold(size):
    q = normal(1, 4)
    with pytest.raises(InvalidInput, match="size_aware_attention: size"):
        size_aware_attention(q, normal(2, 4), normal(2, 4), np.array([1.0, size]))
    assert np.isfinite(size_bias(np.array([1.0, size]))).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_closed_form_of_many_newton_steps(dtype):
    a = np.array([[1, 0.5, 0], [0.5, 1, 0], [0, 0, 0]], dtype)
    exact = np.linalg.pinv(a.astype(float))
    np.testing.assert_allclose(spectral_filter(a, iters=60), exact, atol=1e-5)
    for iters in (1024, 10**6):
        np.testing.assert_allclose(spectral_filter(a, iters=iters), exact, atol=1e-5)


def test_exponents_of_the_performer():
    far = normal(3, 4) * np.float32(1e20)
    with pytest.raises(InvalidInput, match="performer_attention: the exponents"):
        performer_attention(far, far, normal(3, 2), normal(8, 4))
