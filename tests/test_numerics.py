"""Top-k, softmax, unit vectors and runs of rows, against sorting and loops in plain Python."""

import math

import numpy as np
import pytest
import strategies as own
from hypothesis import given
from hypothesis import strategies as st
from oracles import dot

from tokenlab import numerics
from tokenlab.errors import DTypeError, InvalidInput, ShapeError
from tokenlab.numerics import (
    group_max,
    log_softmax,
    segment_argmax,
    segment_max,
    segment_sum,
    softmax,
    topk,
    unit,
)

extended = st.sampled_from([-math.inf, -2.0, -0.0, 0.0, 1.0, 1.5, math.inf])
lengths = st.lists(st.integers(0, 4), max_size=6)


def runs(counts):
    return np.cumsum([0, *counts])


# topk ------------------------------------------------------------------------------------------


@own.quick
@given(st.lists(extended, max_size=40), st.integers(1, 50))
def test_topk_is_a_stable_sort(scores, k):
    expected = sorted(range(len(scores)), key=lambda i: -scores[i])[:k]  # sorted() is stable
    ids, values = topk(np.array(scores), k)
    assert ids.tolist() == expected
    assert values.tolist() == [scores[i] for i in expected]
    assert ids.dtype == np.int64
    batch = topk(np.array([scores, scores]), k)
    assert batch.ids.tolist() == [expected, expected]


@pytest.mark.parametrize("k", [1, 3, 24, 25, 26, 99, 100, 1000])
def test_topk_on_both_sides_of_its_two_methods(k, rng):
    scores = rng.integers(0, 5, 100).astype(np.float32)
    order = sorted(range(100), key=lambda i: (-scores[i], i))[:k]
    assert topk(scores, k).ids.tolist() == order
    assert topk(scores[None], k).ids.tolist() == [order]


@pytest.mark.parametrize("many", [0, 1 << 21])
@pytest.mark.parametrize("n", [1, 16, 17, 33, 100, 1000, 4099])
def test_topk_on_a_gpu_is_the_same_stable_sort(n, many, any_cupy, rng, monkeypatch):
    monkeypatch.setattr(numerics, "MANY", many)
    drawn = rng.integers(0, 2 + n // 8, (3, n)).astype(np.float32)
    zeros = np.where(rng.random((3, n)) < 0.5, np.float32(-0.0), np.float32(0.0))
    lowest = np.where(drawn > 0, -np.float32(np.inf), drawn)
    for scores in (drawn, zeros, lowest, drawn.astype(np.float64) + 2.0**-40 * (drawn > 1)):
        for k in {1, 2, max(1, n // 17), max(1, n // 16), n}:
            got = topk(any_cupy.asarray(scores), k)
            expected = np.argsort(-scores, axis=1, kind="stable")[:, :k]
            np.testing.assert_array_equal(got.ids.get(), expected)
            np.testing.assert_array_equal(
                got.values.get(), np.take_along_axis(scores, expected, axis=1)
            )


@pytest.mark.parametrize("shape", [(500, 40), (3, 70_000), (0, 50)])
def test_topk_of_many_rows_settles_ties_in_each(shape, rng):
    """Few different values: in nearly every row more entries equal the k-th than have room."""
    scores = rng.integers(0, 4, shape).astype(np.float32)
    for k in (1, 7, 9):
        expected = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        np.testing.assert_array_equal(topk(scores, k).ids, expected)
        np.testing.assert_array_equal(topk(scores[:1], k).ids, expected[:1])


def test_topk_of_a_cube_and_of_nothing(rng):
    cube = rng.standard_normal((2, 3, 5))
    ids, values = topk(cube, 2)
    assert ids.shape == values.shape == (2, 3, 2)
    np.testing.assert_array_equal(values, -np.sort(-cube, axis=-1)[..., :2])
    assert topk(np.empty(0), 3).ids.shape == (0,)
    assert topk(np.empty((2, 0)), 3).values.shape == (2, 0)
    assert topk(np.empty((0, 4)), 3).ids.shape == (0, 3)
    assert topk(np.empty((2, 0, 40)), 3).ids.shape == (2, 0, 3)  # and where only a few are sorted


@pytest.mark.parametrize("k", [0, -1, 1.0, "2", None, True, np.True_, np.float64(2)])
def test_topk_refuses_k(k):
    with pytest.raises(InvalidInput, match="topk: k is"):
        topk([1.0, 2.0], k)


def test_topk_refuses_nan_and_a_number():
    with pytest.raises(InvalidInput, match="topk: scores"):
        topk([1.0, math.nan], 1)
    with pytest.raises(ShapeError, match=r"topk: scores .* \(..., n\)"):
        topk(3.0, 1)


def test_topk_does_not_touch_its_input(rng):
    scores = rng.standard_normal(30)
    before = scores.copy()
    topk(scores, 2).values[:] = 0
    topk(scores, 30).values[:] = 0
    np.testing.assert_array_equal(scores, before)


# softmax ---------------------------------------------------------------------------------------


def test_softmax_by_hand():
    # e^0 : e^ln3 = 1 : 3
    np.testing.assert_allclose(softmax([0.0, math.log(3)]), [0.25, 0.75], rtol=1e-15)
    np.testing.assert_allclose(log_softmax([0.0, math.log(3)]), np.log([0.25, 0.75]), rtol=1e-14)


@own.quick
@given(st.lists(st.floats(-50, 50), min_size=1, max_size=6), st.floats(-1e6, 1e6))
def test_softmax_sums_to_one_and_ignores_a_shift(x, shift):
    p = softmax(np.array(x))
    assert p.sum() == pytest.approx(1)
    np.testing.assert_allclose(softmax(np.array(x) + shift), p, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(np.exp(log_softmax(np.array(x))), p, rtol=1e-12)


def test_softmax_far_out_and_impossible():
    assert softmax([1e300, 0.0]).tolist() == [1, 0]
    assert softmax([-1e300, -1e300]).tolist() == [0.5, 0.5]
    assert softmax([0.0, -math.inf]).tolist() == [1, 0]
    assert log_softmax([0.0, -2000.0]).tolist() == [0, -2000]  # not -inf


def test_softmax_of_nothing_possible_is_nan():
    with np.errstate(invalid="ignore"):
        assert np.isnan(softmax([-math.inf, -math.inf])).all()


def test_softmax_along_an_axis(rng):
    x = rng.standard_normal((3, 4, 5))
    for axis in (0, 1, 2, -2):
        np.testing.assert_allclose(softmax(x, axis).sum(axis), 1)
    np.testing.assert_allclose(softmax(x, axis=0), softmax(x.transpose(1, 2, 0)).transpose(2, 0, 1))


# unit ------------------------------------------------------------------------------------------


@own.quick
@given(st.lists(st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=3), min_size=1, max_size=4))
def test_unit_rows(rows):
    for row, got in zip(rows, unit(np.array(rows)), strict=True):
        length = math.sqrt(dot(row, row))
        if length > 1e-100:  # below, the oracle's own squares vanish
            np.testing.assert_allclose(got, [x / length for x in row], rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("scale", [1e-40, 1e-30, 1e-10, 1, 1e15, 1e25, 3e37])
def test_unit_rows_whose_squares_leave_float32(scale):
    x = np.array([[3.0, -4.0], [0.0, 1.0], [0.0, 0.0]]) * scale
    got = unit(x.astype(np.float32))
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, [[0.6, -0.8], [0, 1], [0, 0]], rtol=1e-4)


def test_unit_of_one_vector_of_integers_and_of_nothing():
    assert unit([3, 4]).tolist() == [0.6, 0.8]
    assert unit(np.empty((2, 0))).shape == (2, 0)
    assert unit(np.empty((0, 2))).shape == (0, 2)


# runs of rows ----------------------------------------------------------------------------------


@own.quick
@given(lengths, st.integers(1, 3), st.data())
def test_segments_against_loops(counts, width, data):
    row = st.lists(st.integers(-2, 2), min_size=width, max_size=width)
    rows = data.draw(st.lists(row, min_size=sum(counts), max_size=sum(counts)))
    x, ends = np.array(rows, float).reshape(-1, width), runs(counts).tolist()
    largest, total, where = (f(x, ends) for f in (segment_max, segment_sum, segment_argmax))
    assert largest.shape == total.shape == where.shape == (len(counts), width)
    assert where.dtype == np.int64
    for s in range(len(counts)):
        for c in range(width):
            own_rows = range(ends[s], ends[s + 1])
            values = [rows[r][c] for r in own_rows]
            assert largest[s, c] == max(values, default=-math.inf)
            assert total[s, c] == sum(values)
            first = next((r for r in own_rows if rows[r][c] == max(values)), -1)
            assert where[s, c] == first


@pytest.mark.parametrize("longest", [0, 1, 2, 9, 300])
def test_maxima_on_a_gpu_are_the_same_to_the_last_bit(longest, any_cupy, rng):
    counts = rng.integers(0, longest + 1, 40)
    x, offsets = rng.standard_normal((counts.sum(), 3)), runs(counts)
    shuffled = rng.permutation(len(x))
    groups = np.repeat(np.arange(40), counts)[shuffled]
    for rows in (x, x.astype(np.float32)):
        wanted = segment_max(rows, offsets)
        on_gpu = [any_cupy.asarray(a) for a in (rows, offsets, rows[shuffled], groups)]
        np.testing.assert_array_equal(segment_max(*on_gpu[:2]).get(), wanted)
        np.testing.assert_array_equal(group_max(*on_gpu[2:], 40).get(), wanted)
        np.testing.assert_array_equal(group_max(rows[shuffled], groups, 40), wanted)
        found = segment_argmax(*on_gpu[:2]).get()
        np.testing.assert_array_equal(found, segment_argmax(rows, offsets))


def test_row_numbers_on_a_gpu_beyond_the_precision_of_float32(any_cupy):
    x = np.zeros((2**24 + 9, 1), np.float32)
    x[2**24 + 1] = 1
    found = segment_argmax(any_cupy.asarray(x), any_cupy.asarray(np.array([0, 5, len(x)])))
    assert found.get().tolist() == [[0], [2**24 + 1]]


def test_segments_on_the_double_agree(cupy, rng):
    x, ends = rng.integers(-2, 3, (9, 2)).astype(float), np.array([0, 0, 4, 4, 8, 9, 9])
    for function in (segment_max, segment_sum, segment_argmax):
        got = function(cupy.asarray(x), cupy.asarray(ends))
        np.testing.assert_array_equal(got.get(), function(x, ends))


def test_segments_of_one_and_three_axes():
    x = np.arange(12.0)
    assert segment_max(x, [0, 5, 12]).tolist() == [4, 11]
    assert segment_max(x.reshape(3, 2, 2), [0, 1, 3]).tolist() == [
        [[0, 1], [2, 3]],
        [[8, 9], [10, 11]],
    ]
    assert segment_sum(x.reshape(3, 2, 2), [0, 0, 3])[0].tolist() == [[0, 0], [0, 0]]
    assert segment_max(np.empty((0, 2)), [0, 0]).tolist() == [[-math.inf, -math.inf]]
    assert segment_max(np.empty((0, 2)), [0]).shape == (0, 2)
    assert segment_argmax(np.empty((0, 2)), [0, 0]).tolist() == [[-1, -1]]


def test_a_long_sum_loses_nothing(cupy):
    """One by one, float32 loses 9 % of ten million terms, since the last ones are too small."""
    x = np.random.default_rng(0).random(10**7, dtype=np.float32)
    ends = np.array([0, 10**7 - 3, 10**7 - 3, 10**7])
    expected = [x[:-3].sum(dtype=float), 0, x[-3:].sum(dtype=float)]
    np.testing.assert_allclose(segment_sum(x, ends), expected, rtol=1e-6)
    np.testing.assert_allclose(segment_sum(x[:, None], ends)[:, 0], expected, rtol=1e-6)
    on_gpu = segment_sum(cupy.asarray(x), cupy.asarray(ends))
    assert on_gpu.dtype == np.float32
    np.testing.assert_allclose(on_gpu.get(), expected, rtol=1e-6)


def test_a_long_sum_of_columns_loses_nothing():
    x = np.random.default_rng(0).random((10**6, 3), dtype=np.float32)
    np.testing.assert_allclose(segment_sum(x, [0, 10**6])[0], x.sum(axis=0, dtype=float), rtol=1e-6)


def test_segment_argmax_counts_infinities_as_values():
    assert segment_argmax([[-math.inf], [-math.inf], [math.inf]], [0, 2, 3]).tolist() == [[0], [2]]


@pytest.mark.parametrize("function", [segment_max, segment_sum, segment_argmax])
@pytest.mark.parametrize(
    ("ends", "says"),
    [
        ([1, 3], "from 1 to 3.*start at 0"),
        ([0, 2], "n_tokens = 3"),
        ([0, 4], "from 0 to 4"),
        ([0, 2, 1, 3], "goes down from 2 to 1 at position 2"),
        ([], "empty"),
        ([0.0, 3.0], "float64.*integers"),
        ([[0, 3]], r"\(n_docs \+ 1,\)"),
    ],
)
def test_segments_refuse_offsets(function, ends, says):
    with pytest.raises((InvalidInput, ShapeError, DTypeError), match=says) as caught:
        function(np.ones((3, 1)), ends)
    assert function.__name__ in str(caught.value)


@pytest.mark.parametrize("function", [softmax, log_softmax, unit])
@pytest.mark.parametrize("dtype", [np.float16, np.int8, np.float32, np.float64])
def test_the_type_that_comes_back(function, dtype):
    expected = np.float64 if dtype == np.float64 else np.float32
    assert function(np.ones((2, 3), dtype)).dtype == expected
