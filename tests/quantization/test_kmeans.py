"""k-means: by hand, against a loop written apart, against scikit-learn, and at its edges."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenlab import record, use_engine
from tokenlab.errors import BackendError, DTypeError, InvalidInput, ShapeError
from tokenlab.quantization import codebook as shared
from tokenlab.quantization import plus_plus, random_rows
from tokenlab.quantization.kmeans import assign, fit

SQUARE = np.array([[1, 0], [0.8, 0.6], [0, 1], [-0.6, 0.8]])


def naive(x, start, weights, iterations):
    """Lloyd's iteration in plain Python; no code may become empty."""
    codebook = [list(c) for c in start]
    for iteration in range(iterations + 1):
        codes, inertia = [], 0.0
        for row, weight in zip(x, weights, strict=True):
            gaps = [sum((a - b) ** 2 for a, b in zip(row, c, strict=True)) for c in codebook]
            codes.append(gaps.index(min(gaps)))
            inertia += weight * min(gaps)
        if iteration == iterations:
            return codebook, codes, inertia
        for k in range(len(codebook)):
            own = [i for i, code in enumerate(codes) if code == k and weights[i] > 0]
            assert own, "choose another start"
            total = sum(weights[i] for i in own)
            codebook[k] = [sum(weights[i] * x[i][j] for i in own) / total for j in range(len(x[0]))]
    raise AssertionError


def clouds(rng, n=90, d=3, n_clouds=4, dtype=np.float64):
    return (rng.standard_normal((n, d)) + 4 * rng.integers(0, n_clouds, (n, 1))).astype(dtype)


def purely(result, x, weights=None):
    """What every clustering promises about its own fields."""
    weights = np.ones(len(x)) if weights is None else weights
    codes, distances = assign(x, result.codebook)
    np.testing.assert_array_equal(result.codes, codes)
    assert result.inertia == result.history[-1] == pytest.approx(weights @ distances)
    assert all(b < a for a, b in zip(result.history, result.history[1:], strict=False))


# By hand


def test_the_square_of_the_spec():
    for start in ([0, 2], [1, 3], [0, 3], [1, 2]):
        result = fit(SQUARE, 2, init=SQUARE[start], tol=0)
        assert result.inertia == pytest.approx(0.4)
        assert sorted(result.codebook.round(12).tolist()) == [[-0.3, 0.9], [0.9, 0.3]]
        assert result.converged
    np.testing.assert_allclose(np.linalg.norm(result.codebook, axis=1), 0.948683, atol=1e-6)


def test_weights_move_the_mean():
    result = fit([[0.0], [1.0], [10.0]], 2, weights=[3.0, 1.0, 0.5], init=[[0.0], [9.0]])
    assert result.codebook.tolist() == [[0.25], [10.0]]
    assert result.inertia == pytest.approx(3 * 0.0625 + 0.5625)
    assert result.history == pytest.approx([1 + 0.5, 0.75])


def test_an_empty_code_takes_the_row_of_largest_weighted_distance():
    x, start = [[0.0], [2.0], [20.0], [23.0]], [[1.0], [20.0], [99.0]]
    # Squared distances 1, 1, 0, 9: row 3 becomes the third code ...
    assert fit(x, 3, init=start, iters=1).codebook.ravel().tolist() == [1, 20, 23]
    # ... unless it counts for little: then row 0, which comes before the equal row 1.
    result = fit(x, 3, init=start, iters=1, weights=[1, 1, 1, 0.1])
    np.testing.assert_allclose(result.codebook.ravel(), [2, 20 + 0.3 / 1.1, 0])


def test_ties_go_to_the_lower_code():
    codes, distances = assign([[0.0], [2.0]], [[1.0], [-1.0], [1.0], [3.0]])
    assert codes.tolist() == [0, 0]
    assert distances.tolist() == [1, 1]
    assert codes.dtype == np.int64


def test_spherical_by_hand():
    x = np.array([[3.0, 0], [0, 5], [0.8, 0.6], [0, 0.1]])
    result = fit(x, 2, init=[[2.0, 0], [0, 7]], spherical=True, tol=0)
    assert result.codes.tolist() == [0, 1, 0, 1]
    np.testing.assert_allclose(result.codebook, [np.array([1.8, 0.6]) / np.sqrt(3.6), [0, 1]])
    # 2 - 2 cos for two rows that enclose half of their angle with the mean
    assert result.inertia == pytest.approx(2 * (2 - 2 * np.sqrt(0.9)))
    assert assign(x, result.codebook, spherical=True).distances.sum() == pytest.approx(
        result.inertia
    )


def test_spherical_directions_that_cancel_keep_their_code():
    result = fit([[1.0, 0], [-1, 0]], 1, init=[[0.0, 1]], spherical=True)
    assert result.codebook.tolist() == [[0, 1]]
    assert result.inertia == 4


# Against others


@pytest.mark.parametrize("engine", ["numpy", "numba"])
@pytest.mark.parametrize("weighted", [False, True])
def test_equals_the_naive_loop(rng, engine, weighted):
    x = clouds(rng)
    weights = rng.integers(0, 4, len(x)).astype(float) if weighted else np.ones(len(x))
    weights[:4] = 1
    for iterations in (0, 1, 2, 5):
        with use_engine(engine):
            got = fit(x, 4, init=x[:4], weights=weights, iters=iterations, tol=0)
        args = x.tolist(), x[:4].tolist(), weights.tolist(), iterations
        codebook, codes, inertia = naive(*args)
        np.testing.assert_allclose(got.codebook, codebook, rtol=1e-10, atol=1e-12)
        assert got.codes.tolist() == codes
        assert got.inertia == pytest.approx(inertia, rel=1e-10)
        assert len(got.history) == iterations + 1 or got.converged
        purely(got, x, weights)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equals_scikit_learn(rng, dtype):
    cluster = pytest.importorskip("sklearn.cluster")
    x = clouds(rng, n=2000, d=10, n_clouds=6, dtype=dtype)
    weights = rng.integers(1, 9, len(x)).astype(float)
    for iterations in (1, 4, 300):
        theirs = cluster.KMeans(
            12, n_init=1, init=x[:12], algorithm="lloyd", max_iter=iterations, tol=0
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it has not converged
            theirs.fit(x, sample_weight=weights)
        ours = fit(x, 12, init=x[:12], weights=weights, iters=iterations, tol=0)
        np.testing.assert_array_equal(ours.codes, theirs.labels_)
        rtol = 1e-5 if dtype == np.float32 else 1e-10
        np.testing.assert_allclose(ours.codebook, theirs.cluster_centers_, rtol=rtol, atol=rtol)
        assert ours.inertia == pytest.approx(theirs.inertia_, rel=rtol)


def test_plus_plus_is_as_good_as_scikit_learns(rng):
    cluster = pytest.importorskip("sklearn.cluster")
    x = clouds(rng, n=500, d=2, n_clouds=8)
    ours = [assign(x, x[plus_plus(x, 20, rng=s)]).distances.sum() for s in range(20)]
    theirs = [
        assign(x, cluster.kmeans_plusplus(x, 20, random_state=s)[0]).distances.sum()
        for s in range(20)
    ]
    assert np.mean(ours) < 1.05 * np.mean(theirs)


# Properties

small = st.integers(0, 2**32 - 1)


@settings(max_examples=60, deadline=None)
@given(seed=small, n=st.integers(1, 60), d=st.integers(1, 4), n_codes=st.integers(1, 12))
def test_the_inertia_only_goes_down_and_every_code_is_used(seed, n, d, n_codes):
    rng = np.random.default_rng(seed)
    x = rng.integers(-3, 4, (n, d)).astype(np.float32 if seed % 2 else np.float64)
    weights = rng.integers(0, 3, n) + (np.arange(n) == 0)
    init = "random" if seed % 3 else "k-means++"
    result = fit(x, n_codes, weights=weights, init=init, tol=0, iters=200, rng=seed)
    assert result.codebook.shape == (n_codes, d)
    assert result.codebook.dtype == x.dtype
    assert result.converged
    distinct = len(np.unique(x[weights > 0], axis=0))
    if n_codes < n:
        purely(result, x, weights)
        used = np.bincount(result.codes, weights=weights, minlength=n_codes) > 0
        assert used.sum() == min(n_codes, distinct)
        for k in np.flatnonzero(used):
            mean = np.average(x[result.codes == k], axis=0, weights=weights[result.codes == k])
            np.testing.assert_allclose(result.codebook[k], mean, rtol=1e-5, atol=1e-6)
    if n_codes >= distinct:
        assert result.inertia == pytest.approx(0, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(seed=small, n=st.integers(1, 50), n_codes=st.integers(1, 30))
def test_assign_finds_the_nearest(seed, n, n_codes):
    rng = np.random.default_rng(seed)
    x, codebook = rng.standard_normal((n, 3)), rng.standard_normal((n_codes, 3))
    all_distances = ((x[:, None] - codebook) ** 2).sum(axis=2)
    for engine in ("numpy", "numba"):
        with use_engine(engine):
            codes, distances = assign(x, codebook)
        np.testing.assert_array_equal(codes, all_distances.argmin(axis=1))
        np.testing.assert_allclose(distances, all_distances.min(axis=1), rtol=1e-12, atol=1e-15)


@settings(max_examples=30, deadline=None)
@given(seed=small, scale=st.sampled_from([0.25, 4.0, 64.0]))
def test_scale_shift_and_repeated_rows(seed, scale):
    rng = np.random.default_rng(seed)
    x = rng.integers(-40, 41, (30, 2)) / 8
    base = fit(x, 4, init=x[:4], tol=0)
    moved = fit(scale * x + 16, 4, init=scale * x[:4] + 16, tol=0)
    np.testing.assert_array_equal(base.codes, moved.codes)
    assert moved.inertia == pytest.approx(scale**2 * base.inertia)
    weights = rng.integers(1, 4, 30)
    weighted = fit(x, 4, init=x[:4], weights=weights, tol=0)
    repeated = fit(np.repeat(x, weights, axis=0), 4, init=x[:4], tol=0)
    np.testing.assert_allclose(weighted.codebook, repeated.codebook, rtol=1e-9, atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(seed=small)
def test_spherical_inertia_only_goes_down(seed):
    x = np.random.default_rng(seed).standard_normal((60, 3)).astype(np.float32)
    result = fit(x, 5, spherical=True, tol=0, iters=100, rng=seed)
    assert all(b < a for a, b in zip(result.history, result.history[1:], strict=False))
    np.testing.assert_allclose(np.linalg.norm(result.codebook, axis=1), 1, rtol=1e-6)
    longer = fit(3 * x, 5, spherical=True, tol=0, iters=100, rng=seed)
    assert longer.inertia == pytest.approx(result.inertia, rel=1e-4)


# Seeds


def test_the_same_seed_gives_the_same_result(rng):
    x = clouds(rng)
    for init in ("k-means++", "random"):
        a, b = fit(x, 5, init=init, rng=3), fit(x, 5, init=init, rng=np.random.default_rng(3))
        np.testing.assert_array_equal(a.codebook, b.codebook)
    assert len({fit(x, 5, init="random", iters=0, rng=s).inertia for s in range(9)}) > 1


def test_twin_and_reference_draw_the_same_seeds():
    x = np.random.default_rng(0).integers(-9, 10, (400, 3)) / 8
    with use_engine("numpy"):
        expected = plus_plus(x, 40, rng=1)
    with use_engine("numba"):
        np.testing.assert_array_equal(plus_plus(x, 40, rng=1), expected)


def test_seeds_are_distinct_and_never_weightless(rng):
    x = np.repeat(rng.standard_normal((6, 2)).astype(np.float32) + 1000, 5, axis=0)
    weights = np.repeat([1.0, 0, 2, 1e-9, 1e9, 1], 5)
    for seed in range(20):
        rows = plus_plus(x, 9, weights=weights, rng=seed)
        assert sorted((rows // 5).tolist()) == [0, 2, 3, 4, 5]
        rows = random_rows(x, 28, weights=weights, rng=seed)
        assert len(set(rows.tolist())) == 28
        assert not weights[rows[-3:]].any()


def test_draws_follow_mass_and_weights():
    x = np.array([[0.0], [1], [3]])
    second = [plus_plus(x, 2, weights=[1e9, 1, 1], rng=s)[1] for s in range(300)]
    # The better of two candidates: row 1 only when both draws hit it, with probability 1/10 each.
    assert np.mean(np.array(second) == 1) < 0.05
    first = [random_rows(x, 1, weights=[1, 2, 1], rng=s)[0] for s in range(2000)]
    np.testing.assert_allclose(np.bincount(first) / 2000, [0.25, 0.5, 0.25], atol=0.05)


def test_plus_plus_beats_random_on_separate_clouds():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1000, 2)) + 50 * rng.integers(0, 5, (1000, 2))
    good = [fit(x, 25, rng=s).inertia for s in range(10)]
    bad = [fit(x, 25, init="random", rng=s).inertia for s in range(10)]
    assert max(good) < 0.2 * np.mean(bad)


# Edges


def test_as_many_codes_as_rows_is_the_identity(rng):
    x = rng.standard_normal((7, 3)).astype(np.float32)
    for n_codes in (7, 9):
        result = fit(x, n_codes)
        np.testing.assert_array_equal(result.codebook[:7], x)
        assert result.codebook.shape == (n_codes, 3)
        assert result.codes.tolist() == list(range(7))
        assert (result.inertia, result.history, result.converged) == (0.0, [0.0], True)


def test_rows_that_float32_cannot_tell_apart_by_products_stay_apart():
    x = np.float32([[1000, 1000]]) + np.float32([[0, 0], [1, 0], [0, 1], [1, 1]]) / 8192
    assert len(np.unique(x, axis=0)) == 4
    assert fit(x, 4).codes.tolist() == [0, 1, 2, 3]


def test_a_large_common_offset_costs_no_accuracy(rng):
    x = np.float32(rng.integers(-16, 17, (300, 4)) / 4)
    for engine in ("numpy", "numba"):
        with use_engine(engine):
            here, there = fit(x, 9, init=x[:9]), fit(x + 4096, 9, init=x[:9] + 4096)
        np.testing.assert_array_equal(here.codes, there.codes)
        assert there.inertia == pytest.approx(here.inertia, rel=1e-3)


def test_equal_rows():
    for init in ("k-means++", "random"):
        result = fit(np.full((5, 2), 0.1), 3, init=init)
        assert result.codes.tolist() == [0] * 5
        assert result.inertia == 0
        assert result.codebook.tolist() == [[0.1, 0.1]] * 3


def test_more_codes_than_distinct_rows():
    x = np.repeat([[0.0], [3], [5]], 4, axis=0)
    for init in ("k-means++", "random", [[0.0], [0], [0], [7], [9]]):
        result = fit(x, 5, init=init, rng=0)
        assert result.inertia == 0
        assert len(set(result.codes.tolist())) == 3


def test_one_code_is_the_mean_and_one_row_is_enough(rng):
    x = rng.standard_normal((20, 3))
    np.testing.assert_allclose(fit(x, 1, tol=0).codebook[0], x.mean(axis=0))
    assert fit([[1.0, 2.0]], 1).codebook.tolist() == [[1, 2]]


def test_no_iteration_and_no_rows(rng):
    x = rng.standard_normal((20, 3))
    result = fit(x, 2, init=x[:2], iters=0)
    np.testing.assert_array_equal(result.codebook, x[:2])
    assert len(result.history) == 1
    assert not result.converged
    codes, distances = assign(np.empty((0, 3), np.float32), np.ones((2, 3), np.float32))
    assert (codes.shape, distances.shape, distances.dtype) == ((0,), (0,), np.float32)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (np.float16, np.float32),
        (np.float32, np.float32),
        (np.float64, np.float64),
        (np.int8, np.float32),
        (np.int64, np.float64),
    ],
)
def test_types(given, kept):
    x = np.array([[0, 1], [1, 1], [8, 9], [9, 9]], dtype=given)
    for order in "CF":
        result = fit(np.asarray(x, order=order), 2, rng=0)
        assert result.codebook.dtype == kept
        assert result.codes.dtype == np.int64
        assert sorted(result.codebook.ravel().tolist()) == [0.5, 1, 8.5, 9]
        assert assign(x, result.codebook).distances.dtype == kept
    assert fit(np.float32(x), 2, init=np.float64(x[:2])).codebook.dtype == np.float32


def test_input_is_left_alone(rng):
    x, weights = rng.standard_normal((30, 3)), np.ones(30)
    start = x[:4].copy()
    before = x.copy(), start.copy()
    result = fit(x, 4, init=start, weights=weights, spherical=True)
    result.codebook[:] = 0
    np.testing.assert_array_equal(x, before[0])
    np.testing.assert_array_equal(start, before[1])
    every = fit(x, 30)
    every.codebook[:] = 0
    np.testing.assert_array_equal(x, before[0])


def test_memory_stays_far_below_all_distances(rng):
    import tracemalloc

    x = rng.standard_normal((20_000, 8)).astype(np.float32)
    for engine in ("numpy", "numba"):
        with use_engine(engine):
            fit(x[:999], 50, iters=1)
            tracemalloc.start()
            fit(x, 900, init="random", iters=1, rng=0)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert peak < 0.35 * 4 * 20_000 * 900


@pytest.mark.parametrize(
    ("error", "match", "call"),
    [
        (ShapeError, r"fit: x is \(3,\); expected \(n, d\)", lambda: fit(np.ones(3), 1)),
        (ShapeError, r"x is \(0, 3\) = \(n, d\)", lambda: fit(np.ones((0, 3)), 1)),
        (InvalidInput, "x has 1 values that are not finite", lambda: fit([[np.nan]], 1)),
        (DTypeError, "x has dtype bool", lambda: fit(np.ones((2, 2), bool), 1)),
        (InvalidInput, "n_codes is 0", lambda: fit(SQUARE, 0)),
        (InvalidInput, "n_codes is 1.5", lambda: fit(SQUARE, 1.5)),
        (InvalidInput, "iters is -1", lambda: fit(SQUARE, 2, iters=-1)),
        (InvalidInput, "tol is -1", lambda: fit(SQUARE, 2, tol=-1)),
        (InvalidInput, "tol is nan", lambda: fit(SQUARE, 2, tol=float("nan"))),
        (InvalidInput, "init is 'forgy'; expected", lambda: fit(SQUARE, 2, init="forgy")),
        (InvalidInput, "init is 'forgy'; expected", lambda: fit(SQUARE, 9, init="forgy")),
        (ShapeError, r"init is \(3, 2\); expected", lambda: fit(SQUARE, 2, init=np.ones((3, 2)))),
        (ShapeError, r"\(n_codes, d\) = \(2, 2\)", lambda: fit(SQUARE, 2, init=np.ones((2, 3)))),
        (ShapeError, r"weights is \(3,\)", lambda: fit(SQUARE, 2, weights=np.ones(3))),
        (InvalidInput, "weights run from -1", lambda: fit(SQUARE, 2, weights=[1, 1, 1, -1])),
        (InvalidInput, "weights run from 0 to 0", lambda: fit(SQUARE, 2, weights=np.zeros(4))),
        (InvalidInput, "1e.30; squared", lambda: fit(np.full((3, 2), 1e30, np.float32), 2)),
        (InvalidInput, "x has 1 rows of length zero", lambda: fit([[0.0], [1]], 1, spherical=True)),
        (
            ShapeError,
            "assign: x is .* d = 2, but codebook",
            lambda: assign(SQUARE, np.ones((2, 3))),
        ),
        (ShapeError, "codebook is", lambda: assign(SQUARE, np.ones((0, 2)))),
        (InvalidInput, "plus_plus: n_codes is 0", lambda: plus_plus(SQUARE, 0)),
    ],
)
def test_bad_input(error, match, call):
    with pytest.raises(error, match=match):
        call()


def test_arrays_of_two_libraries_are_refused(cupy):
    x = cupy.asarray(SQUARE)
    for mixed in ({"init": SQUARE[:2]}, {"weights": np.ones(4)}):
        with pytest.raises(BackendError, match="mixed array libraries"):
            fit(x, 2, **mixed)


def test_steps_tell_the_story(rng):
    x = clouds(rng, n=12)
    with record() as steps:
        result = fit(x, 3, tol=0, rng=0)
    assert steps.names[0] == "mass"
    np.testing.assert_array_equal(x[steps["seeds"]].shape, (3, 3))
    assert {"closeness", "codes", "distances", "codebook", "inertia"} <= set(steps.names)
    assert [s.value for s in steps if s.name == "inertia"] == result.history
    assert steps["closeness"].shape == (12, 3)
    assert len(repr(steps)) > 100


def test_the_origin_of_the_codes_changes_no_choice(rng):
    codebook, x = rng.standard_normal((6, 3)), rng.standard_normal((40, 3))
    shifted, half = shared.relative(codebook)
    plain = x @ codebook.T - (codebook**2).sum(axis=1) / 2
    gap = plain - (x @ shifted.T - half)
    np.testing.assert_allclose(gap, gap[:, :1] * np.ones(6), atol=1e-12)
    assert (shifted == 0).all(axis=1).sum() == 1
