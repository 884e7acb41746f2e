"""Token retrieval and XTR scores: hand tables, a naive loop, the paper's invariants, edges."""

import math
import tracemalloc
from fractions import Fraction
from itertools import pairwise

import numpy as np
import oracles
import pytest
import strategies as own
from cores import share_among
from hypothesis import given
from hypothesis import strategies as st

from tokenlab import use_engine
from tokenlab.errors import BackendError, DTypeError, InvalidInput, ShapeError
from tokenlab.retrieval import (
    TokenIndex,
    maxsim,
    scoring_flops,
    token_topk,
    xtr_scores,
    xtr_search,
)

EYE = np.eye(2)
DOCS = [[[0.9, 0.1], [0.2, 0.7]], [[0.8, 0.3]], [[0.1, 0.6], [0.0, 0.5]]]
ks = st.integers(1, 40)


@pytest.fixture(params=["numpy", "numba"])
def engine(request):
    if request.param == "numba":
        pytest.importorskip("numba")
    with use_engine(request.param):
        yield request.param


def score(query, index, k_prime, impute="kth"):
    """`{document: score}` of all candidates."""
    ids, sims = token_topk(query, index, k_prime)
    return as_dict(xtr_scores(ids, sims, index.token_to_doc, index.n_docs, impute=impute))


def as_dict(result):
    assert result.doc_ids.tolist() == sorted(set(result.doc_ids.tolist()))
    return dict(zip(result.doc_ids.tolist(), result.scores.tolist(), strict=True))


def approx(expected, tolerance=1e-9):
    return pytest.approx(expected, rel=tolerance, abs=tolerance)


# by hand ---------------------------------------------------------------------------------------

T1 = {  # k': (m, scores), table T1 of the specification
    1: ((0.9, 0.7), {0: 0.80}),
    2: ((0.8, 0.6), {0: 0.80, 1: 0.70, 2: 0.70}),
    3: ((0.2, 0.5), {0: 0.80, 1: 0.65, 2: 0.40}),
    4: ((0.1, 0.3), {0: 0.80, 1: 0.55, 2: 0.35}),
    5: ((0.0, 0.1), {0: 0.80, 1: 0.55, 2: 0.35}),
    99: ((0.0, 0.1), {0: 0.80, 1: 0.55, 2: 0.35}),
}


@pytest.mark.parametrize("k_prime", T1)
def test_t1(k_prime, engine):
    m, expected = T1[k_prime]
    index = TokenIndex.from_docs(DOCS)
    ids, sims = token_topk(EYE, index, k_prime)
    assert sims.shape == ids.shape == (2, min(k_prime, 5))
    np.testing.assert_allclose(sims[:, -1], m, atol=1e-15)
    assert score(EYE, index, k_prime) == approx(expected)
    ranking = sorted(expected, key=lambda doc: (-expected[doc], doc))
    result = xtr_search(EYE, index, k_prime=k_prime, k=3)
    assert result.doc_ids.tolist() == ranking or k_prime == 2  # B and C tie up to rounding there
    assert result.scores.tolist() == approx(sorted(expected.values(), reverse=True))


def test_t1_other_imputations_at_k_2(engine):
    """Query token 0 retrieves from A and B, query token 1 from A and C."""
    index = TokenIndex.from_docs(DOCS)
    assert score(EYE, index, 2, 0.0) == approx({0: 0.8, 1: 0.4, 2: 0.3})
    assert score(EYE, index, 2, 0.2) == approx({0: 0.8, 1: 0.5, 2: 0.4})
    assert score(EYE, index, 2, -1) == approx({0: 0.8, 1: -0.1, 2: -0.2})
    assert score(EYE, index, 2, None) == approx({0: 0.8, 1: 0.8, 2: 0.6})


def test_t3():
    flops = scoring_flops()
    assert flops == (361_881_600, 89_600)
    assert (flops.colbert, flops.xtr) == (361_881_600, 89_600)
    assert all(type(n) is int for n in flops)
    assert scoring_flops(n_q=1, k_prime=1, m=1, d=1, r=0) == (4, 1)  # 2 + 1 + 1, and 0 + 1
    assert flops.colbert / flops.xtr == pytest.approx(4038.9, abs=0.05)


# token retrieval -------------------------------------------------------------------------------


@own.quick
@given(own.collections(min_docs=1), ks, own.engines)
def test_token_topk_against_sorting(c, k, engine):
    expected_ids, expected_sims = oracles.best_tokens(c.query, c.docs, k)
    with use_engine(engine):
        ids, sims = token_topk(c.arrays()[0], c.index(), k)
    assert ids.tolist() == expected_ids  # ties go to the lower id
    assert sims.tolist() == expected_sims
    assert ids.dtype == np.int64


@own.quick
@given(own.with_tokens(), ks, own.dtypes, own.layouts, own.engines)
def test_token_topk_of_every_type_and_memory_order(c, k, dtype, layout, engine):
    query, _ = c.arrays(dtype)
    with use_engine(engine):
        ids, sims = token_topk(own.laid_out(query, layout), c.index(dtype), k)
    assert (ids.tolist(), sims.tolist()) == oracles.best_tokens(c.query, c.docs, k)
    wide = dtype in (np.float64, np.int32, np.int64)
    assert sims.dtype == (np.float64 if wide or layout == "list" else np.float32)


@own.quick
@given(own.with_tokens(), ks, st.integers(1, 30))
def test_the_block_size_changes_nothing(c, k, block):
    with pytest.MonkeyPatch.context() as patch, use_engine("numpy"):
        patch.setattr("tokenlab.retrieval.index.BLOCK", block)
        ids, sims = token_topk(c.arrays()[0], c.index(), k)
    assert (ids.tolist(), sims.tolist()) == oracles.best_tokens(c.query, c.docs, k)


@own.quick
@given(own.with_tokens(), ks, st.integers(1, 5), st.integers(1, 3), st.integers(1, 3), st.data())
def test_the_twin_is_exact_whatever_it_guesses_and_however_it_cuts(c, k, rows, spare, cores, data):
    """A guess is only ever about speed: too high, too low, of one query token or of none."""
    kernels = pytest.importorskip("tokenlab.kernels.retrieval")
    guess = st.sampled_from([math.nan, -math.inf, math.inf, -5.0, -1.0, 0.0, 1.0, 3.0, 6.0])
    n_q = len(c.query)
    guesses = np.array(data.draw(st.lists(guess, min_size=n_q, max_size=n_q)))
    pytest.importorskip("threadpoolctl")
    with pytest.MonkeyPatch.context() as patch, use_engine("numba"):
        share_among(patch, cores)
        patch.setattr(kernels, "BLOCK_BYTES", 1)
        patch.setattr(kernels, "FEWEST_ROWS", rows)
        patch.setattr(kernels, "FEWEST_SPARE", spare)
        patch.setattr(kernels, "_guess", lambda *_: guesses)
        ids, sims = token_topk(c.arrays()[0], c.index(), k)
    assert (ids.tolist(), sims.tolist()) == oracles.best_tokens(c.query, c.docs, k)


def test_the_twin_is_exact_where_a_sample_misleads():
    """Documents of one length, whose first tokens are all alike: a stride may see only those.

    Query token 0 likes nothing but markers, so that its guess is too high; the others dislike
    them, so that theirs is too low and their shortlists overflow.
    """
    kernels = pytest.importorskip("tokenlab.kernels.retrieval")
    rng = np.random.default_rng(0)
    for length in (8, 16, 64):
        n = length * 1024
        tokens = np.stack([rng.integers(0, 64, n) / 64, rng.integers(-8, 8, n)], axis=1)
        tokens[::length] = 10, -100
        query = np.repeat(np.eye(2), [1, 7], axis=0)
        with pytest.MonkeyPatch.context() as patch:
            # Now the sample is every length-th token, if a sample is a fixed share of a block.
            patch.setattr(kernels, "BLOCK_BYTES", 1 << 20)
            for k in (600, 1500, 3000):
                order = np.argsort(-(query @ tokens.T), axis=1, kind="stable")[:, :k]
                ids, _ = kernels.nearest_tokens(query, tokens, k)
                np.testing.assert_array_equal(ids, order)


@own.quick
@given(own.real_collections(), ks, own.engines)
def test_token_topk_of_real_numbers(c, k, engine):
    query, _ = c.arrays()
    with use_engine(engine):
        ids, sims = token_topk(query, c.index(), k)
    expected_ids, expected_sims = oracles.best_tokens(c.query, c.docs, k)
    assert ids.tolist() == expected_ids
    np.testing.assert_allclose(sims, expected_sims, rtol=1e-12, atol=1e-12)


def test_token_topk_at_the_size_where_the_twin_takes_over(rng):
    """Integers again, so that every order is decided; larger than a block of either engine."""
    query = rng.integers(-3, 4, (7, 4)).astype(np.float32)
    tokens = rng.integers(-3, 4, (210_000, 4)).astype(np.float32)
    index = TokenIndex(tokens, [0, 100_001, 210_000])
    similarity = query @ tokens.T
    for k in (1, 10, 1000, 5000):
        order = np.argsort(-similarity, axis=1, kind="stable")[:, :k]
        for name in ("numpy", "auto") if k == 1000 else ("auto",):
            with use_engine(name):
                ids, sims = token_topk(query, index, k)
            np.testing.assert_array_equal(ids, order)
            np.testing.assert_array_equal(sims, np.take_along_axis(similarity, order, axis=1))


def test_token_topk_without_tokens(engine):
    for offsets in ([0], [0, 0, 0]):
        index = TokenIndex(np.empty((0, 2), np.float32), offsets)
        ids, sims = token_topk(EYE, index, 5)
        assert ids.shape == sims.shape == (2, 0)
        assert ids.dtype == np.int64
        assert sims.dtype == np.float64  # as for an index with tokens
        assert score(EYE, index, 5) == {}
        assert xtr_search(EYE, index, k_prime=3, k=3).doc_ids.tolist() == []


def test_one_token_on_each_side(engine):
    index = TokenIndex([[3.0]], [0, 1])
    assert token_topk([[2.0]], index, 1).ids.tolist() == [[0]]
    assert score([[2.0]], index, 1) == {0: 6.0}
    assert score([[2.0]], index, 99) == {0: 6.0}


@pytest.mark.parametrize("k", [0, -3, 1.0, np.float64(2), True, None, "3"])
def test_k_is_a_positive_integer(k):
    index = TokenIndex.from_docs(DOCS)
    for says, call in (
        ("token_topk: k is", lambda: token_topk(EYE, index, k)),
        ("xtr_search: k_prime is", lambda: xtr_search(EYE, index, k_prime=k, k=1)),
        ("xtr_search: k is", lambda: xtr_search(EYE, index, k_prime=1, k=k)),
    ):
        with pytest.raises(InvalidInput, match=says):
            call()


def test_k_may_be_a_numpy_integer_and_larger_than_everything():
    index = TokenIndex.from_docs(DOCS)
    assert token_topk(EYE, index, np.int64(2)).ids.shape == (2, 2)
    assert token_topk(EYE, index, 10**12).ids.shape == (2, 5)
    result = xtr_search(EYE, index, k_prime=np.uint8(5), k=10**12)
    assert result.doc_ids.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("query", "error", "says"),
    [
        (
            np.ones((2, 3)),
            ShapeError,
            r"query is \(2, 3\) = \(n_q, d\), so d = 3, but tokens is \(5",
        ),
        (np.ones(2), ShapeError, r"query is \(2,\), 1 axes"),
        (np.empty((0, 2)), ShapeError, "n_q >= 1"),
        ([EYE], ShapeError, r"query is \(1, 2, 2\)"),
        ([[np.nan, 1.0]], InvalidInput, "not finite"),
        (np.array([["a", "b"]]), DTypeError, "query has dtype"),
    ],
)
def test_wrong_queries(query, error, says):
    index = TokenIndex.from_docs(DOCS)
    for name, call in {
        "token_topk": lambda: token_topk(query, index, 2),
        "xtr_search": lambda: xtr_search(query, index, k_prime=2, k=1),
    }.items():
        with pytest.raises(error, match=says) as caught:
            call()
        assert str(caught.value).startswith(f"{name}: ")


def test_memory_is_bounded_by_the_block():
    """400,000 tokens and 48 query tokens: 77 MB of similarities that never exist at once."""
    rng = np.random.default_rng(0)
    tokens = rng.integers(-3, 4, (400_000, 4)).astype(np.float32)
    index = TokenIndex(tokens, np.arange(0, 400_001, 100))
    query = rng.integers(-3, 4, (48, 4)).astype(np.float32)
    index.token_to_doc  # noqa: B018  made once, and kept
    for engine, k_prime in (("numpy", 10), ("auto", 10), ("auto", 1000)):
        with use_engine(engine):
            xtr_search(query, index[:50], k_prime=10, k=3)
            tracemalloc.start()
            xtr_search(query, index, k_prime=k_prime, k=3)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert peak < query.shape[0] * len(tokens) * 4 / 3, (engine, k_prime)


# scores ----------------------------------------------------------------------------------------

imputations = st.sampled_from(["kth", None, 0, 0.25, -2.0, np.float32(0.5), np.int64(1)])


@own.quick
@given(own.with_tokens(), ks, own.engines, imputations)
def test_scores_against_a_double_loop(c, k, engine, impute):
    with use_engine(engine):
        got = score(c.arrays()[0], c.index(), k, impute)
    assert got == approx(oracles.xtr(c.query, c.docs, k, impute))


@own.quick
@given(own.with_tokens(), ks, st.integers(1, 8), own.engines)
def test_search_sorts_by_score_then_by_number(c, k_prime, k, engine):
    query, index = c.arrays()[0], c.index()
    with use_engine(engine):
        result = xtr_search(query, index, k_prime=k_prime, k=k)
        every = score(query, index, k_prime)
    order = sorted(every, key=lambda doc: (-every[doc], doc))[:k]
    assert result.doc_ids.tolist() == order
    assert result.scores.tolist() == [every[doc] for doc in order]


@st.composite
def hits(draw):
    """What any index may return: unsorted, with repetitions, `token_to_doc` in any order."""
    n_docs, n_tokens = draw(st.integers(1, 5)), draw(st.integers(1, 9))
    n_q, k_prime = draw(st.integers(1, 4)), draw(st.integers(1, 6))

    def table(values):
        row = st.lists(values, min_size=k_prime, max_size=k_prime)
        return draw(st.lists(row, min_size=n_q, max_size=n_q))

    owner = draw(st.lists(st.integers(0, n_docs - 1), min_size=n_tokens, max_size=n_tokens))
    return table(st.integers(0, n_tokens - 1)), table(st.integers(-4, 4)), owner, n_docs


@own.quick
@given(hits(), own.engines, imputations, st.sampled_from([np.float32, np.float64, np.int8]))
def test_hits_in_any_order_and_with_repetitions(case, engine, impute, dtype):
    ids, sims, owner, n_docs = case
    given_arrays = np.array(ids), np.array(sims, dtype), np.array(owner)
    before = [x.copy() for x in given_arrays]
    with use_engine(engine):
        result = xtr_scores(*given_arrays, n_docs, impute=impute)
    assert as_dict(result) == approx(oracles.xtr_scores(ids, sims, owner, impute), 1e-5)
    assert result.doc_ids.dtype == np.int64
    assert result.scores.dtype == (np.float64 if dtype == np.float64 else np.float32)
    for x, y in zip(before, given_arrays, strict=True):
        np.testing.assert_array_equal(x, y)
        assert y.flags.writeable


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scores_of_many_hits(engine, dtype, rng):
    """Large enough for every path, against a dictionary of dictionaries."""
    n_docs, owner = 300, np.sort(rng.integers(0, 300, 5000))
    ids = np.stack([rng.choice(5000, 400, replace=False) for _ in range(20)])
    sims = rng.standard_normal(ids.shape).astype(dtype)
    got = as_dict(xtr_scores(ids, sims, owner, n_docs))
    best = {}
    for i in range(20):
        for j in range(400):
            row = best.setdefault(int(owner[ids[i, j]]), {})
            row[i] = max(row.get(i, -math.inf), float(sims[i, j]))
    worst = sims.min(axis=1).astype(float)
    expected = {
        doc: math.fsum(row.get(i, worst[i]) for i in range(20)) / 20 for doc, row in best.items()
    }
    assert got == approx(expected, 1e-5 if dtype == np.float32 else 1e-12)


def test_a_document_far_below_takes_nothing_from_the_others(engine):
    """Eq. (4) is the mean of what was filled in; a sum of differences to m = -1e6 gave 0.375."""
    index = TokenIndex(np.array([[0.35], [-1e6]], np.float32), [0, 1, 2])
    ids, sims = token_topk(np.ones((1, 1), np.float32), index, 2)
    assert sims.tolist() == [[np.float32(0.35), -1e6]]
    scores = xtr_scores(ids, sims, index.token_to_doc, 2).scores
    assert scores.tolist() == [np.float32(0.35), -1e6]


@pytest.mark.parametrize("lowest", [-1e6, -1e9])
def test_scores_beside_a_floor_far_below_are_those_of_a_sum(engine, lowest, rng):
    ids = np.tile(np.arange(40), (3, 1))
    sims = rng.random((3, 40)).astype(np.float32)
    sims[:, -1] = lowest  # a document of its own
    owner = np.array([*np.arange(39) % 5, 5])
    got = as_dict(xtr_scores(ids, sims, owner, 6))
    expected = oracles.xtr_scores(ids.tolist(), sims.astype(float).tolist(), owner.tolist(), "kth")
    assert got == approx(expected, 1e-6)


def test_no_hits_and_no_documents():
    result = xtr_scores(np.empty((3, 0), int), np.empty((3, 0)), [], 0)
    assert result.doc_ids.tolist() == result.scores.tolist() == []
    assert xtr_scores([[], []], [[], []], [0, 1], 2).doc_ids.dtype == np.int64


@pytest.mark.parametrize(
    ("ids", "sims", "owner", "n_docs", "error", "says"),
    [
        (
            [[0, -1]],
            [[1.0, 0.5]],
            [0, 0],
            1,
            InvalidInput,
            "ids runs from -1 to 0; n_tokens is 2.*-1",
        ),
        ([[0, 2]], [[1.0, 0.5]], [0, 0], 1, InvalidInput, "ids runs from 0 to 2; n_tokens is 2"),
        ([[0]], [[1.0]], [], 1, InvalidInput, "n_tokens is 0"),
        ([[0]], [[1.0]], [5], 3, InvalidInput, "token_to_doc runs from 5 to 5; n_docs is 3"),
        ([[0]], [[1.0]], [-1], 3, InvalidInput, "token_to_doc runs from -1"),
        ([[0]], [[1.0]], [0], 0, InvalidInput, "n_docs is 0"),
        ([[0]], [[1.0]], [0], -1, InvalidInput, "n_docs is -1"),
        ([[0]], [[1.0]], [0], 1.0, InvalidInput, "n_docs is 1.0"),
        ([[0]], [[1.0]], [0], True, InvalidInput, "n_docs is True"),
        ([[0, 1]], [[1.0]], [0, 0], 1, ShapeError, r"k_prime = 2, but sims is \(1, 1\)"),
        ([[0], [0]], [[1.0]], [0], 1, ShapeError, r"n_q = 2, but sims is \(1, 1\)"),
        (
            np.empty((0, 3), int),
            np.empty((0, 3)),
            [0],
            1,
            ShapeError,
            r"ids is \(0, 3\) = \(n_q, k_prime\); expected n_q >= 1",
        ),
        ([0], [1.0], [0], 1, ShapeError, r"ids is \(1,\); expected \(n_q, k_prime\)"),
        (
            [0],
            [[1.0]],
            [0],
            1,
            ShapeError,
            r"ids is \(1,\); expected \(n_q, k_prime\)\. .*x\[None, :\]",
        ),
        (0, [[1.0]], [0], 1, ShapeError, r"ids is \(\)"),
        ([[0]], [[1.0]], [[0]], 1, ShapeError, r"token_to_doc is \(1, 1\); expected \(n_tokens,\)"),
        ([[0]], [[1.0]], 0, 1, ShapeError, r"token_to_doc is \(\)"),
        ([[0.0]], [[1.0]], [0], 1, DTypeError, "ids has dtype float64; expected integers"),
        ([[True]], [[1.0]], [0], 1, DTypeError, "ids has dtype bool"),
        ([[0]], [[1.0]], [0.0], 1, DTypeError, "token_to_doc has dtype float64"),
        ([["0"]], [[1.0]], [0], 1, DTypeError, "ids has dtype <U1"),
        ([[0]], [["1"]], [0], 1, DTypeError, "sims has dtype <U1"),
        ([[0]], [[np.nan]], [0], 1, InvalidInput, "sims has 1 values"),
        ([[0]], [[-np.inf]], [0], 1, InvalidInput, "sims has 1 values"),
        (np.ma.array([[0]], mask=[[1]]), [[1.0]], [0], 1, DTypeError, "ids has masked"),
        ([[0, 1], [0]], [[1.0]], [0], 1, ShapeError, "ids is not a regular array"),
    ],
)
def test_what_scores_refuse(ids, sims, owner, n_docs, error, says):
    with pytest.raises(error, match=says) as caught:
        xtr_scores(ids, sims, owner, n_docs)
    assert str(caught.value).startswith("xtr_scores: ")


@pytest.mark.parametrize(
    "impute", ["Kth", "", "min", math.nan, math.inf, True, [0.2], 1j, np.True_]
)
def test_what_impute_may_not_be(impute):
    with pytest.raises(InvalidInput, match=r'xtr_scores: impute is .*expected "kth"'):
        xtr_scores([[0]], [[1.0]], [0], 1, impute=impute)


@pytest.mark.parametrize("impute", [Fraction(1, 4), np.float16(0.25), np.float64(0.25)])
def test_any_real_number_may_be_imputed_and_keeps_the_precision(impute):
    sims = np.array([[1.0], [0.5]], np.float32)
    result = xtr_scores([[0], [1]], sims, [0, 1], 2, impute=impute)
    assert as_dict(result) == {0: 0.625, 1: 0.375}
    assert result.scores.dtype == np.float32


def test_libraries_do_not_mix(cupy):
    ids, sims, owner = np.array([[0]]), np.array([[1.0]]), np.array([0])
    for i in range(3):
        args = [ids, sims, owner]
        args[i] = cupy.asarray(args[i])
        with pytest.raises(BackendError, match="xtr_scores: mixed array libraries"):
            xtr_scores(*args, 1)
    index = TokenIndex.from_docs(DOCS)
    with pytest.raises(BackendError, match="xtr_search: mixed"):
        xtr_search(cupy.asarray(EYE), index, k_prime=1, k=1)


def test_hits_on_the_double_in_any_order(cupy):
    ids, sims, owner = (
        np.array([[3, 0, 0], [1, 2, 3]]),
        np.array([[1, 2, 3], [0, 5, 0]]),
        [2, 0, 0, 1],
    )
    for impute in ("kth", None, 0.5):
        result = xtr_scores(*map(cupy.asarray, (ids, sims.astype(float), owner)), 3, impute=impute)
        got = dict(zip(result.doc_ids.get().tolist(), result.scores.get().tolist(), strict=True))
        assert got == approx(oracles.xtr_scores(ids.tolist(), sims.tolist(), owner, impute))


# the paper's invariants ------------------------------------------------------------------------


@own.quick
@given(own.with_tokens() | own.real_collections(), st.integers(0, 3), own.engines)
def test_i1_all_tokens_retrieved_is_colbert(c, more, engine):
    query, index = c.arrays()[0], c.index()
    with use_engine(engine):
        got = score(query, index, c.n_tokens + more)
        full = maxsim(query, index, mean=True)
    assert got == approx({i: s for i, s in enumerate(full.tolist()) if c.docs[i]})
    assert got == approx(
        {i: s for i, s in enumerate(oracles.maxsim(c.query, c.docs, True)) if c.docs[i]}
    )


@own.quick
@given(own.with_tokens() | own.real_collections(), own.engines)
def test_i2_i3_i4_as_more_tokens_are_retrieved(c, engine):
    query, index = c.arrays()[0], c.index()
    exact = oracles.maxsim(c.query, c.docs, True)
    with use_engine(engine):
        results = [score(query, index, k) for k in range(1, c.n_tokens + 1)]
    for scores in results:
        assert all(s >= exact[doc] - 1e-12 for doc, s in scores.items())  # I2
        assert all(c.docs[doc] for doc in scores)  # an empty document is never a candidate
    for fewer, more in pairwise(results):
        assert fewer.keys() <= more.keys()  # I4
        assert all(more[doc] <= s + 1e-12 for doc, s in fewer.items())  # I3


@own.quick
@given(own.real_collections(), ks, st.integers(0, 2**32 - 1))
def test_i5_permuting_documents_and_tokens_permutes_scores_only(c, k, seed):
    """Without ties: with ties, which tokens are retrieved depends on their order."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(c.docs))
    docs = [[c.docs[i][j] for j in rng.permutation(len(c.docs[i]))] for i in order]
    query = c.arrays()[0]
    got = score(query[rng.permutation(len(query))], c._replace(docs=docs).index(), k)
    expected = score(query, c.index(), k)
    assert {int(order[doc]): s for doc, s in got.items()} == approx(expected)


@own.quick
@given(own.with_tokens(), ks, st.sampled_from([0.25, 3.0, 1e6]), own.engines)
def test_i7_scaling_similarities_scales_scores(c, k, factor, engine):
    query, index = c.arrays()[0], c.index()
    with use_engine(engine):
        scaled = score(query * factor, index, k)
        expected = {doc: factor * s for doc, s in score(query, index, k).items()}
    assert scaled == approx(expected, 1e-9 * factor)


def test_a_document_with_more_hits_than_k_prime_is_the_only_candidate(engine):
    index = TokenIndex.from_docs([[[0.1]], [[1.0]] * 5, [[0.2]]])
    assert score([[1.0]], index, 4) == approx({1: 1.0})
    assert xtr_search([[1.0]], index, k_prime=4, k=3).doc_ids.tolist() == [1]
    assert score([[1.0]], index, 6) == approx({1: 1.0, 2: 0.2})


def test_negative_similarities_are_imputed_by_negative_ones(engine):
    index = TokenIndex.from_docs([[[-1.0]], [[-2.0]], [[-3.0]]])
    # Query token 0 retrieves documents 0 and 1 (m = -2), query token 1 reversed: 2 and 1 (m = 2).
    assert score([[1.0], [-1.0]], index, 2) == approx({0: 0.5, 1: 0.0, 2: 0.5})


def test_recording_shows_the_numbers_of_the_scores():
    from tokenlab import record

    index = TokenIndex.from_docs(DOCS)
    with record() as steps, use_engine("auto"):
        result = xtr_search(EYE, index, k_prime=3, k=3)
    np.testing.assert_allclose(steps["imputed"], [0.2, 0.5])
    np.testing.assert_allclose(steps["filled in"].mean(axis=1), [0.8, 0.65, 0.4])
    np.testing.assert_array_equal(steps["ranking"], result.doc_ids)


def test_a_recording_holds_the_text_whole(monkeypatch):
    """One similarity of all tokens, whatever a block may hold, and only then the retrieved ones."""
    from tokenlab import record

    monkeypatch.setattr("tokenlab.retrieval.index.BLOCK", 1)
    index = TokenIndex.from_docs(DOCS)
    with record() as steps:
        xtr_search(EYE, index, k_prime=3, k=3)
    assert steps.names == [
        "similarity",
        "retrieved tokens",
        "retrieved similarities",
        "imputed",
        "candidates",
        "best hit",
        "hit",
        "filled in",
        "scores",
        "ranking",
        "ranked scores",
    ]
    np.testing.assert_array_equal(steps["similarity"], EYE @ index.tokens.T)
    with record() as steps:
        maxsim(EYE, index)
    assert steps.names == ["similarity", "best match", "scores"]
    assert steps["best match"].shape == (3, 2)


@pytest.mark.parametrize("engine", ["numpy", "numba"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_far_document_does_not_cancel_the_others(engine, dtype):
    """-1e18 that stands for a document must not be added and subtracted again."""
    ids, sims = [[0, 1, 2], [0, 1, 2]], np.array([[-1e18, 0.5, 0.25], [-1e18, 0.125, 0.75]], dtype)
    with use_engine(engine):
        scores = xtr_scores(ids, sims, [0, 1, 2], 3).scores
        better = xtr_scores(
            [[0, 1], [0, 1]], np.array([[-1e18, 0.5], [0.3, 0.2]], dtype), [0, 0], 1
        )
    np.testing.assert_allclose(scores, [-1e18, 0.3125, 0.5])
    np.testing.assert_allclose(better.scores, [0.4])  # a later hit of the same document is better
