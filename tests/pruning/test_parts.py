"""Reductions, scores, selectors, mergers, schedules, costs: the parts that rules are made of."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenlab.engine import use_engine
from tokenlab.errors import DTypeError, InvalidInput, ShapeError
from tokenlab.pruning import (
    Reduction,
    Schedule,
    Sparse,
    budget,
    column_mean,
    density_clusters,
    flops,
    k_center,
    knn_density,
    lof_ratio,
    max_sum,
    mergers,
    neighbours4,
    outlier_factor,
    size_aware_attention,
    size_bias,
    soft_assign,
    todre,
    tome,
    topk,
)
from tokenlab.pruning import scores as scoring
from tokenlab.pruning.divprune import farthest_first
from tokenlab.pruning.todre import least_similar

quick = settings(max_examples=40, deadline=None)
arrays = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def angles(*degrees):
    turn = np.radians(degrees)
    return np.stack([np.cos(turn), np.sin(turn)], axis=1)


# Budgets.


@pytest.mark.parametrize(
    ("k", "n", "rounding", "want"),
    [
        (0.1, 196, "half_up", 20),
        (0.1, 196, "down", 19),
        (0.1, 196, "up", 20),
        (0.125, 4, "half_up", 1),
        (0.625, 4, "half_up", 3),
        (0.29, 100, "down", 29),
        (0.7, 10, "up", 7),
        (1e-9, 10, "down", 1),
        (1, 10, "half_up", 1),
        (1.0, 10, "half_up", 10),
        (np.int32(3), 10, "half_up", 3),
        (np.float32(0.5), 10, "half_up", 5),
    ],
)
def test_budgets(k, n, rounding, want):
    assert budget(k, n, rounding=rounding) == want


@pytest.mark.parametrize("k", [0, -1, 11, 0.0, 1.5, -0.1, math.nan, True, None, "5"])
def test_impossible_budgets_name_what_is_possible(k):
    with pytest.raises(InvalidInput, match="10"):
        budget(k, 10)


def test_unknown_rounding():
    with pytest.raises(InvalidInput, match='"half_up", "down" or "up"'):
        budget(0.5, 10, rounding="even")


# Selectors.


def test_topk_is_best_first_with_ties_to_the_lower():
    assert topk([0.1, 0.7, 0.2, 0.7], 3).tolist() == [1, 3, 2]
    assert topk(np.zeros(5), 0.5).tolist() == [0, 1, 2]
    assert topk(np.array([1, 3, 2], np.int8), 1).tolist() == [1]


def test_greedy_hand_cases():
    four = angles(0, 20, 100, 150)
    assert k_center(four, 3, start=0).tolist() == [0, 3, 2]
    assert max_sum(four, 3, start=0).tolist() == [0, 3, 1]


def greedy(x, k, start, rule):
    """Written apart: every distance anew, in the largest precision."""
    x = np.asarray(x, np.longdouble)
    length = np.sqrt((x * x).sum(axis=1, keepdims=True))
    cosines = (x / np.where(length == 0, 1, length)) @ (x / np.where(length == 0, 1, length)).T
    taken = [start]
    while len(taken) < k:
        free = [v for v in range(len(x)) if v not in taken]
        state = {v: rule(cosines[v][c] for c in taken) for v in free}
        taken.append(min(free, key=lambda v: (np.float32(state[v]), v)))
    return taken


@pytest.mark.parametrize("engine", ["numpy", "numba"])
@quick
@given(rng=arrays, n=st.integers(1, 40), share=st.floats(0.01, 1))
def test_greedy_against_a_loop(engine, rng, n, share):
    if engine == "numba":
        pytest.importorskip("numba")
    k, start = max(1, round(share * n)), int(rng.integers(n))
    x = rng.standard_normal((n, 5))
    with use_engine(engine):
        assert k_center(x, k, start=start).tolist() == greedy(x, k, start, max)
        assert max_sum(x, k, start=start).tolist() == greedy(x, k, start, sum)


@pytest.mark.parametrize("engine", ["numpy", "numba"])
@pytest.mark.parametrize("select", [k_center, max_sum])
def test_greedy_ties_and_prefixes(engine, select):
    if engine == "numba":
        pytest.importorskip("numba")
    rng = np.random.default_rng(0)
    signs = rng.integers(0, 2, (60, 16)) * 0.5 - 0.25  # cosines are multiples of 1/8: many ties
    with use_engine(engine):
        assert select(np.ones((70, 3)), 70).tolist() == list(range(70))
        assert select(np.zeros((5, 3)), 4).tolist() == [0, 1, 2, 3]
        whole = select(signs, 60, start=7).tolist()
        assert sorted(whole) == list(range(60))
        for k in (1, 2, 17):
            assert select(signs, k, start=7).tolist() == whole[:k]
        rule = max if select is k_center else sum
        assert whole == greedy(signs, 60, 7, rule)
        assert select(signs * 1e30, 9).tolist() == select(signs, 9).tolist()
        assert select((signs * 1e30).astype(np.float32), 9).tolist() == select(signs, 9).tolist()


def awkward_tokens(rng, kind, n, d):
    """Rows that are hard to tell apart, or hard to scale."""
    x = rng.standard_normal((n, d)).astype(np.float32)
    if kind == "ties":
        x = rng.integers(-1, 2, (n, d)).astype(np.float32)
    elif kind == "duplicates":
        x = x[rng.integers(0, max(1, n // 4), n)]
    elif kind == "antipodes":
        x = x[rng.integers(0, max(1, n // 2), n)] * rng.choice([-1, 1], (n, 1))
    elif kind == "parallel":
        x = x[rng.integers(0, max(1, n // 4), n)] * rng.integers(1, 9, (n, 1))
    elif kind == "zeros":
        x[rng.random(n) < 0.3] = 0
    elif kind == "lengths":
        x = x * 10 ** rng.uniform(-18, 18, (n, 1))
    elif kind == "nearly equal":
        x = 1 + 1e-6 * x
    return x.astype(np.float32)


AWKWARD = (
    *("plain", "ties", "duplicates", "antipodes", "parallel"),
    *("zeros", "lengths", "nearly equal"),
)
SIZES = (1, 2, 3, 15, 16, 17, 31, 32, 33, 34, 65, 130)  # around the blocks of the twins


@pytest.mark.parametrize("function", [farthest_first, least_similar])
@settings(max_examples=150, deadline=None)
@given(
    rng=arrays,
    kind=st.sampled_from(AWKWARD),
    n=st.sampled_from(SIZES),
    d=st.sampled_from([1, 2, 3, 5, 16, 33]),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_greedy_twins_take_the_same_tokens(function, rng, kind, n, d, dtype):
    pytest.importorskip("numba")
    x = awkward_tokens(rng, kind, n, d).astype(dtype)
    for k in {1, int(rng.integers(1, n + 1)), n}:
        for start in (-1, int(rng.integers(n))):
            want = function.reference(x, k, start)
            assert function.twin()(x, k, start).tolist() == want.tolist()


@pytest.mark.parametrize("function", [farthest_first, least_similar])
@pytest.mark.parametrize("kind", AWKWARD)
def test_greedy_twins_over_many_blocks(function, kind):
    """More tokens and steps than any buffer of the twins holds."""
    pytest.importorskip("numba")
    x = awkward_tokens(np.random.default_rng(3), kind, 700, 24)
    want = function.reference(x, 300, 5)
    assert function.twin()(x, 300, 5).tolist() == want.tolist()


@pytest.mark.parametrize("function", [farthest_first, least_similar])
def test_greedy_twins_compare_exactly(function):
    """Gaps far below the precision of float32 products, and just above that of the comparison."""
    pytest.importorskip("numba")
    rng = np.random.default_rng(4)
    across = rng.standard_normal((40, 256))
    across[:, 0] = 0
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    for order in (np.arange(40), rng.permutation(40)):
        cosine = 0.3 + 3e-7 * order  # with the token that is taken first
        x = np.concatenate([np.eye(1, 256), np.sqrt(1 - cosine**2)[:, None] * across])
        x[1:, 0] = cosine
        for rows in (x, x.astype(np.float32)):
            picked = function.twin()(rows, 2, 0)
            assert picked[1] == 1 + int(order.argmin())
            assert picked.tolist() == function.reference(rows, 2, 0).tolist()


@pytest.mark.parametrize("engine", ["numpy", "numba"])
def test_greedy_ties_hold_where_cosines_are_zero_but_for_rounding(engine):
    """Sums that cancel leave 1e-17 in one engine and 0 in the other; both must see a tie."""
    if engine == "numba":
        pytest.importorskip("numba")
    x = np.array([[1, -1, 1], [1, 2, 1], [1, 0, -1], [2, 1, -1], [-1, 1, 2]], np.float32)
    with use_engine(engine):  # against token 0: 0, 0, 0, 0 of lengths that are no round numbers
        assert k_center(x, 2, start=0).tolist() == [0, 1]
        assert max_sum(x, 2, start=0).tolist() == [0, 1]


def test_k_center_is_within_twice_the_best_radius():
    from itertools import combinations

    rng = np.random.default_rng(1)
    for _ in range(10):
        x = rng.standard_normal((8, 3))
        u = x / np.linalg.norm(x, axis=1, keepdims=True)
        angle = np.arccos(np.clip(u @ u.T, -1, 1))
        best = min(angle[:, c].min(axis=1).max() for c in combinations(range(8), 3))
        taken = k_center(x, 3)
        assert angle[:, taken].min(axis=1).max() <= 2 * best + 1e-9
        gaps = [angle[taken[i], taken[:i]].min() for i in range(1, 3)]
        assert gaps == sorted(gaps, reverse=True)


def test_selectors_refuse():
    for start in (5, -1, 1.5, True):
        with pytest.raises(InvalidInput, match="start"):
            k_center(np.eye(5), 2, start=start)
    with pytest.raises(ShapeError):
        max_sum(np.ones(5), 2)
    with pytest.raises(ShapeError):
        k_center(np.ones((0, 3)), 1)
    with pytest.raises(DTypeError):
        k_center(np.eye(3).astype(complex), 1)
    with pytest.raises(InvalidInput, match=r"NaN|nan"):
        topk([1.0, np.nan], 1)


@pytest.mark.parametrize("engine", ["numpy", "numba"])
@pytest.mark.parametrize("select", [k_center, max_sum])
def test_float16_and_fortran_order(engine, select):
    if engine == "numba":
        pytest.importorskip("numba")
    x = np.random.default_rng(0).standard_normal((30, 4)).astype(np.float16)
    with use_engine(engine):
        want = select(x.astype(np.float32), 7).tolist()
        assert select(x, 7).tolist() == want
        for same in (np.asfortranarray(x), np.repeat(x, 2, axis=0)[::2], x.tolist()):
            assert select(same, 7).tolist() == want
        assert select(np.asfortranarray(x.astype(np.float64)), 7).tolist() == want


def test_neighbours():
    assert neighbours4([3], (4, 4)).tolist() == [2, 7]
    assert neighbours4([3], (4, 4), variant="official").tolist() == [0, 2, 4, 7]
    assert neighbours4([0], (1, 1)).tolist() == []
    for place in range(12):
        row, column = divmod(place, 4)
        around = [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
        want = sorted(4 * r + c for r, c in around if 0 <= r < 3 and 0 <= c < 4)
        assert neighbours4([place], (3, 4)).tolist() == want
    for grid in (10, (4, 4, 1), None):
        with pytest.raises(InvalidInput, match=r"grid is .*expected \(height, width\)"):
            neighbours4([3], grid)
    with pytest.raises(InvalidInput, match="positions"):
        neighbours4([16], (4, 4))


# Scores.


def test_attention_scores_against_loops(rng):
    a = rng.dirichlet(np.ones(6), (3, 6))
    np.testing.assert_allclose(scoring.cls_row(a), np.mean([a[h][0] for h in range(3)], axis=0)[1:])
    want = np.mean([a[h][i] for h in range(3) for i in range(6)], axis=0)
    np.testing.assert_allclose(column_mean(a), want[1:])
    np.testing.assert_allclose(column_mean(a, lead=2), want[2:])
    np.testing.assert_allclose(scoring.last_row(a), a[:, -1].mean(axis=0))
    with pytest.warns(RuntimeWarning, match="one sums to 2"):
        column_mean(2 * a)
    with pytest.raises(ShapeError, match="h, n_q, n"):
        column_mean(a[0])
    with pytest.raises(ShapeError, match="lead is 6"):
        scoring.cls_row(a, lead=6)
    for function in (topk, outlier_factor):
        with pytest.raises(ShapeError, match=r"expected \(n,\)"):
            function(a, 2)


def naive_factor(scores, k):
    n = len(scores)
    near = []
    for p in range(n):
        by_distance = sorted(
            (abs(scores[o] - scores[p]), scores[o] > scores[p], o) for o in range(n) if o != p
        )
        near.append([(o, d) for d, _, o in by_distance[:k]])
    reach = [np.mean([max(near[o][-1][1], d) for o, d in near[p]]) for p in range(n)]
    ratio = [
        [reach[p] / reach[o] if reach[o] else (math.inf if reach[p] else 1.0) for o, _ in near[p]]
        for p in range(n)
    ]
    return [np.mean(r) for r in ratio]


@pytest.mark.parametrize("engine", ["numpy", "numba"])
@quick
@given(rng=arrays, n=st.integers(2, 40), k=st.integers(1, 45))
def test_outliers_against_a_loop(engine, rng, n, k):
    if engine == "numba":
        pytest.importorskip("numba")
    scores = rng.standard_normal(n)
    with use_engine(engine):
        got = outlier_factor(scores, k)
    np.testing.assert_allclose(got, naive_factor(scores.tolist(), min(k, n - 1)), rtol=1e-9)
    with use_engine(engine):
        np.testing.assert_allclose(outlier_factor(1000 * scores + 5, k), got, rtol=1e-6)


def test_outlier_hand_cases():
    got = outlier_factor([0.0, 1, 2, 10], 2)
    np.testing.assert_allclose(got, [0.875, 4 / 3, 0.875, 4.958333], rtol=1e-6)
    assert lof_ratio([0.0, 1, 2, 10], 2) == 0.25
    np.testing.assert_allclose(outlier_factor([0.0, 1, 2, 3, 10], 2), [1, 1, 1, 1, 5])
    assert lof_ratio([0.0, 1, 2, 3, 10], 2) == 0.2
    for engine in ("numpy", "numba"):
        with use_engine(engine):
            assert lof_ratio(np.full(30, 0.7)) == 0
            assert lof_ratio([1.0]) == 0
            assert outlier_factor([5.0] * 9 + [6.0], 3)[-1] == np.inf


def test_outliers_agree_with_scikit_learns_definition_on_distinct_scores():
    """Same numbers as by all pairs of distances, which is how that library computes them."""
    x = np.sort(np.random.default_rng(2).gamma(2.0, size=50))
    distance = np.abs(x[:, None] - x)
    order = np.argsort(distance, axis=1)[:, 1:6]
    kth = np.take_along_axis(distance, order, 1)[:, -1]
    reach = np.maximum(np.take_along_axis(distance, order, 1), kth[order]).mean(axis=1)
    np.testing.assert_allclose(outlier_factor(x, 5), (reach[:, None] / reach[order]).mean(axis=1))


def test_text_cosine_and_density(rng):
    x = rng.standard_normal((7, 3))
    want = [row @ x[0] / np.linalg.norm(row) / np.linalg.norm(x[0]) for row in x]
    np.testing.assert_allclose(scoring.text_cosine(x[0], x), want)
    for i, density in enumerate(knn_density(x, 2)):
        squares = sorted(((x[i] - row) ** 2).sum() for row in x)[1:3]
        assert density == pytest.approx(np.exp(-np.mean(squares) / 3))
    with pytest.raises(ShapeError):
        scoring.text_cosine(x[0][:2], x)


# Mergers, and reductions.


def test_density_clusters_find_blobs(rng):
    centres = np.array([[0.0, 0], [9, 0], [0, 9]])
    x = np.concatenate([c + 0.3 * rng.standard_normal((12, 2)) for c in centres])
    found, groups = density_clusters(x, 3)
    assert sorted(found // 12) == [0, 1, 2]
    assert all(len(set(groups[12 * i : 12 * i + 12])) == 1 for i in range(3))
    equal, groups = density_clusters(np.ones((4, 2)), 2)
    assert groups[equal].tolist() == [0, 1]


@quick
@given(rng=arrays, n=st.integers(1, 12), h=st.integers(1, 3), mode=st.sampled_from(["mass", "row"]))
def test_soft_assignment_against_a_loop(rng, n, h, mode):
    keys, k = rng.standard_normal((h, n, 4)), int(rng.integers(1, n + 1))
    kept, size, tau = np.sort(rng.permutation(n)[:k]), rng.random(n) + 0.5, 0.4
    merged = soft_assign(keys, kept, tau, mode, size=size)
    u = keys.mean(axis=0)
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    e = np.array([[math.exp(u[i] @ u[j] / tau) for j in range(n)] for i in kept])
    if mode == "mass":
        shares = e / e.sum(axis=0)
        want = shares * size / (shares @ size)[:, None]
    else:
        want = e / e.sum(axis=1, keepdims=True)
        shares = want / want.sum(axis=0)
    np.testing.assert_allclose(merged.matrix(), want, rtol=1e-9)
    np.testing.assert_allclose(merged.size, shares @ size, rtol=1e-9)
    assert merged.size.sum() == pytest.approx(size.sum())


def test_soft_assignment_with_low_temperature_is_hard():
    merged = soft_assign(angles(0, 10, 80, 90), [0, 3], 1e-4)
    np.testing.assert_allclose(merged.matrix(), [[0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5]], atol=1e-12)
    y = np.array([[1.0, 2], [3, 4]])
    np.testing.assert_allclose(merged.unmerge(y), y[[0, 0, 1, 1]], atol=1e-12)
    with pytest.raises(InvalidInput, match="mode"):
        soft_assign(np.eye(3), [0], 1.0, "column")
    for kept in ([], [1, 1], [5]):
        with pytest.raises(InvalidInput, match="kept"):
            soft_assign(np.eye(3), np.array(kept, int), 1.0)


def test_group_means_refuse():
    with pytest.raises(InvalidInput, match="group 1 has no token"):
        mergers.group_means([0, 1], [0, 0, 0])
    with pytest.raises(InvalidInput, match="ascend"):
        mergers.group_means([1, 0], [0, 1, 0])
    with pytest.raises(InvalidInput, match="groups"):
        mergers.group_means([0, 1], [0, 1, 2])


def test_reduction_shapes_masks_and_owners():
    pair = Sparse(np.array([0, 1, 1]), np.array([0, 1, 3]), np.array([1.0, 0.5, 0.5]))
    merged = Reduction(np.array([0, 3]), 4, pair, np.array([1.0, 2.0]))
    assert merged.mask((2, 2)).tolist() == [[True, False], [False, True]]
    assert merged.owner().tolist() == [0, 1, -1, 1]
    np.testing.assert_array_equal(merged.unmerge([[1.0], [3.0]])[:, 0], [1, 3, 0, 3])
    assert merged.apply(np.ones((4, 2), np.float32)).dtype == np.float32
    with pytest.raises(ShapeError, match="n = 4"):
        merged.apply(np.ones((5, 2)))
    with pytest.raises(ShapeError, match="m = 2"):
        merged.unmerge(np.ones((5, 2)))
    with pytest.raises(ShapeError, match="1 x 3 = 3 patches"):
        merged.mask((1, 3))
    with pytest.raises(ShapeError, match="m = 2 tokens, but later expects n = 3"):
        merged.compose(Reduction(np.array([0]), 3))


@quick
@given(rng=arrays, n=st.integers(4, 30))
def test_merging_twice_keeps_every_token_in_the_count(rng, n):
    x = rng.standard_normal((n, 4))
    first = tome.reduce(x, n // 3)
    keys = first.apply(x)
    for told in (None, first.size):
        second = tome.reduce(keys, len(keys) // 3, size=told)
        both = first.compose(second)
        assert both.size.sum() == pytest.approx(n)
        np.testing.assert_allclose(both.apply(x), second.apply(first.apply(x)), atol=1e-9)
        assert set(both.kept) <= set(first.kept)
    # Told the sizes, a row is the plain mean of the tokens that it stands for.
    weights = both.matrix()
    for row, size in zip(weights, both.size, strict=True):
        np.testing.assert_allclose(row[row > 0], 1 / size)


@settings(max_examples=100, deadline=None)
@given(
    rng=arrays,
    kind=st.sampled_from(AWKWARD),
    n=st.integers(2, 70),
    d=st.sampled_from([1, 2, 3, 16, 33]),
    protect=st.integers(0, 2),
    dtype=st.sampled_from([np.float16, np.float32, np.float64]),
)
def test_tome_is_the_same_in_both_engines(rng, kind, n, d, protect, dtype):
    pytest.importorskip("numba")
    keys = awkward_tokens(rng, "ties" if dtype == np.float16 else kind, n, d).astype(dtype)
    r = int(rng.integers(0, (n - protect) // 2 + 1))
    size = rng.integers(1, 5, n) if rng.random() < 0.5 else None
    x = rng.standard_normal((n, 3))
    reductions = []
    for engine in ("numpy", "numba"):
        with use_engine(engine):
            reductions.append(tome.reduce(keys, r, size=size, protect=protect))
    a, b = reductions
    assert a.kept.tolist() == b.kept.tolist()
    np.testing.assert_array_equal(a.size, b.size)
    np.testing.assert_array_equal(a.matrix(), b.matrix())
    with use_engine("numba"):
        np.testing.assert_allclose(b.apply(x), a.matrix() @ x, atol=1e-6)


@pytest.mark.parametrize("engine", ["numpy", "numba"])
def test_tome_ties_go_to_the_first(engine):
    """Parallel keys are equal, whatever their lengths and wherever they stand in a product."""
    if engine == "numba":
        pytest.importorskip("numba")
    rng = np.random.default_rng(6)
    for n in (40, 300, 1200):
        which = rng.integers(0, n // 5, n)
        keys = rng.integers(-99, 100, (n // 5, 24))[which] * rng.integers(1, 9, (n, 1))
        with use_engine(engine):
            directions = tome.directions(keys.astype(np.float32))
        _, nearest = tome.best_partner(directions[::2], directions[1::2])
        first = {code: at for at, code in reversed(list(enumerate(which[1::2])))}
        assert [first[which[1::2][at]] for at in nearest] == nearest.tolist()


def test_tome_against_a_loop():
    rng = np.random.default_rng(7)
    for n, r, protect in ((9, 3, 0), (12, 5, 1), (31, 14, 2)):
        keys, size = rng.standard_normal((n, 6)), rng.integers(1, 4, n).astype(float)
        u = keys / np.linalg.norm(keys, axis=1, keepdims=True)
        even, odd = ([i for i in range(protect, n) if i % 2 == side] for side in (0, 1))
        pairs = sorted((-max(u[i] @ u[j] for j in odd), i) for i in even)[:r]
        into = {i: max(odd, key=lambda j: u[i] @ u[j]) for _, i in pairs}
        kept = [i for i in range(n) if i not in into]
        want = np.zeros((len(kept), n))
        for i in range(n):
            want[kept.index(into.get(i, i)), i] = size[i]
        merged = tome.reduce(keys, r, size=size, protect=protect)
        assert merged.kept.tolist() == kept
        np.testing.assert_allclose(merged.size, want.sum(axis=1))
        np.testing.assert_allclose(merged.matrix(), want / want.sum(axis=1, keepdims=True))


def test_leading_tokens_stay_in_front():
    x = np.random.default_rng(0).standard_normal((9, 3))
    for reduction in (
        tome.reduce(x[1:], 3),
        todre.reduce(x[1:], k=4),
        soft_assign(x[1:], [2, 5], 0.3),
    ):
        whole = reduction.behind(1)
        assert whole.n == 9
        np.testing.assert_allclose(whole.apply(x)[0], x[0])
        np.testing.assert_allclose(whole.apply(x)[1:], reduction.apply(x[1:]))
        if whole.size is not None:
            assert whole.size[0] == 1


# Sizes in attention.


def test_size_aware_attention_counts_a_key_as_often_as_it_says(rng):
    q, k, v = (rng.standard_normal((2, n, 4)) for n in (3, 5, 5))
    count = np.array([1, 3, 1, 2, 1])
    want = size_aware_attention(q, np.repeat(k, count, axis=1), np.repeat(v, count, axis=1))
    got = size_aware_attention(q, k, v, count)
    np.testing.assert_allclose(got, want, rtol=1e-13)
    logits = q @ k.swapaxes(1, 2) / 2
    weights = np.exp(logits) * count
    np.testing.assert_allclose(got, weights @ v / weights.sum(-1, keepdims=True))
    np.testing.assert_allclose(size_bias([1.0, np.e]), [0, 1], rtol=1e-15)
    assert size_aware_attention(*(a.astype(np.float32) for a in (q, k, v))).dtype == np.float32
    with pytest.raises(InvalidInput, match="above 0"):
        size_aware_attention(q, k, v, [1.0, 0, 1, 1, 1])
    with pytest.raises(ShapeError, match="size is"):
        size_aware_attention(q, k, v, [1.0, 1])
    with pytest.raises(ShapeError, match="v is"):
        size_aware_attention(q, k, v[:, :4])


# Schedules, and costs.


LLAVA = {"d": 4096, "hidden": 11008, "gated": True}
DEIT = {"d": 384, "hidden": 1536, "gated": False}
PATCHES = 196 * 768 * 384


def tera(counts, **of):
    return round(flops.multiply_adds(counts, **(LLAVA | of)) / 1e12, 3)


def test_published_costs_of_language_models():
    assert tera([576] * 32) == 3.817
    assert tera([576] * 2 + [288] * 30) == 2.007  # FastV K=2 R=50 %
    assert tera([576] * 2 + [144] * 30) == 1.118  # FastV K=2 R=75 %
    plan = Schedule({8: 0.875, 10: 0.625, 13: 0.125}, rounding="down")
    assert tera(plan.counts(576, 32)) == 1.557  # TransPrune
    assert tera([288] * 32) == 1.887  # VisionZip
    assert tera([192] * 32) == 1.253
    assert tera([576] * 32, gated=False) == 2.986  # ToDRE's and DivPrune's formula


def test_published_costs_of_vision_transformers():
    def giga(counts):
        return round((flops.multiply_adds(counts, **DEIT) + PATCHES) / 1e9, 2)

    assert giga([197] * 12) == 4.60
    for share, want in ((0.9, 4.02), (0.8, 3.48), (0.7, 3.03), (0.6, 2.63), (0.5, 2.31)):
        n, counts = 197, []
        for layer in range(1, 13):
            left = 1 + budget(share, n - 1, rounding="up") + 1 if layer in (4, 7, 10) else n
            counts.append((n, left))
            n = left
        assert giga(counts) == want  # EViT
    counts = tome.layer_counts(197, 13, 12, protect=1)
    assert counts[-1][1] == 41
    assert giga(counts) == 2.70


def test_cost_of_a_layer_by_hand():
    of = {"d": 2, "hidden": 3, "gated": False}
    assert flops.multiply_adds([5], **of) == 4 * 5 * 4 + 2 * 25 * 2 + 2 * 5 * 2 * 3
    assert flops.multiply_adds([(5, 1)], **of) == 4 * 5 * 4 + 2 * 25 * 2 + 2 * 1 * 2 * 3
    assert flops.decode_multiply_adds([5, 0], 1, **of) == 2 * 28 + 4 * 6 + 4 * 1
    assert flops.multiply_adds([[5, 1]], **of) == flops.multiply_adds([(5, 1)], **of)
    with pytest.raises(InvalidInput, match="layer 1"):
        flops.multiply_adds([(1, 2, 3)], **of)
    with pytest.raises(InvalidInput, match="n_by_layer is 5"):
        flops.multiply_adds(5, **of)
    with pytest.raises(InvalidInput, match="rule"):
        flops.selection_multiply_adds("magic", 1, 1, 1)
    assert flops.selection_multiply_adds("bipartite", 577, 0, 64) == 288 * 289 * 64


@pytest.mark.parametrize("positions", ["keep", "renumber"])
def test_a_schedule_runs_a_rule_over_layers(positions):
    x = np.random.default_rng(0).standard_normal((20, 3))
    seen = []

    def block(x, places, size):
        seen.append((len(x), places.tolist(), None if size is None else float(size.sum())))
        return x

    def rule(x, k, *, layer, size):
        return tome.reduce(x, len(x) - k, size=size)

    plan = Schedule({2: 0.75, 4: 9}, positions=positions)
    run = plan.run(x, [block] * 5, rule)
    assert run.n_by_layer == [20, 15, 15, 9, 9] == plan.counts(20, 5)
    assert sorted(run.reductions) == [2, 4]
    np.testing.assert_allclose(run.x, run.reduction.apply(x))
    assert run.reduction.size.sum() == pytest.approx(20)
    last = run.reduction.kept.tolist() if positions == "keep" else list(range(9))
    assert seen[-1][1] == last
    assert seen[-1][2] == pytest.approx(20)


def test_schedules_take_pairs():
    assert Schedule([(2, 0.75), (4, 9)]).counts(20, 5) == [20, 15, 15, 9, 9]


def test_schedules_refuse():
    with pytest.raises(InvalidInput, match="only 5"):
        Schedule({1: 5, 2: 0.9}).counts(10, 3)
    with pytest.raises(InvalidInput, match="no layer 7"):
        Schedule({7: 5}).counts(10, 3)
    with pytest.raises(InvalidInput, match="positions"):
        Schedule({1: 5}, positions="drop").counts(10, 3)
