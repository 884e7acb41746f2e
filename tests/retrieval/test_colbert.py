"""MaxSim against a double loop, in both engines, for every form of input."""

import tracemalloc

import numpy as np
import oracles
import pytest
import strategies as own
from cores import share_among
from hypothesis import given
from hypothesis import strategies as st

from tokenlab import use_engine
from tokenlab.errors import BackendError, DTypeError, InvalidInput, ShapeError
from tokenlab.retrieval import TokenIndex, alignment, maxsim, maxsim_search, token_topk

# The hand table T1 of the specification.
EYE = np.eye(2)
DOCS = [[[0.9, 0.1], [0.2, 0.7]], [[0.8, 0.3]], [[0.1, 0.6], [0.0, 0.5]]]


def test_by_hand():
    index = TokenIndex.from_docs(DOCS)
    np.testing.assert_allclose(maxsim(EYE, index, mean=True), [0.80, 0.55, 0.35], rtol=1e-12)
    np.testing.assert_allclose(maxsim(EYE, index), [1.6, 1.1, 0.7], rtol=1e-12)
    np.testing.assert_allclose(maxsim(EYE[:1], index), [0.9, 0.8, 0.1], rtol=1e-12)


@own.quick
@given(own.collections(), own.engines, st.booleans(), st.sampled_from([np.float32, np.float64]))
def test_against_a_double_loop(c, engine, mean, dtype):
    query, _ = c.arrays(dtype)
    with use_engine(engine):
        scores = maxsim(query, c.index(dtype), mean=mean)
    assert scores.shape == (len(c.docs),)
    assert scores.dtype == dtype
    np.testing.assert_allclose(scores, oracles.maxsim(c.query, c.docs, mean), rtol=1e-6)


@own.quick
@given(own.real_collections(), own.engines)
def test_against_a_double_loop_of_real_numbers(c, engine):
    query, docs = c.arrays()
    with use_engine(engine):
        got = maxsim(query, TokenIndex.from_docs(docs))
        single = maxsim(query.astype(np.float32), TokenIndex(*c.flat(np.float32)))
    expected = oracles.maxsim(c.query, c.docs)
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(single, expected, rtol=1e-4, atol=1e-5)


@own.quick
@given(own.collections(min_docs=1), own.dtypes, own.layouts, own.engines)
def test_every_type_and_memory_order(c, dtype, layout, engine):
    query, _ = c.arrays(dtype)
    before = query.copy()
    with use_engine(engine):
        scores = maxsim(own.laid_out(query, layout), c.index(dtype))
    np.testing.assert_array_equal(scores, oracles.maxsim(c.query, c.docs))
    np.testing.assert_array_equal(query, before)


@own.quick
@given(own.collections(), st.data(), own.engines)
def test_a_batch_equals_its_queries_one_by_one(c, data, engine):
    vector = st.lists(st.integers(-3, 3), min_size=c.d, max_size=c.d)
    queries = data.draw(st.lists(st.lists(vector, min_size=1, max_size=4), max_size=4))
    mean, index = data.draw(st.booleans()), c.index()
    with use_engine(engine):
        batch = maxsim([np.array(q, float) for q in queries], index, mean=mean)
        assert batch.shape == (len(queries), len(c.docs))
        for q, row in zip(queries, batch, strict=True):
            np.testing.assert_array_equal(row, maxsim(np.array(q, float), index, mean=mean))
        if queries:
            np.testing.assert_array_equal(maxsim(queries, index, mean=mean), batch)  # nested lists
            np.testing.assert_array_equal(maxsim(tuple(queries), index, mean=mean), batch)


@own.quick
@given(own.collections(), st.integers(1, 40))
def test_the_block_size_changes_nothing(c, block):
    query, _ = c.arrays()
    index = c.index()
    with pytest.MonkeyPatch.context() as patch, use_engine("numpy"):
        patch.setattr("tokenlab.retrieval.index.BLOCK", block)
        scores = maxsim(query, index)
    np.testing.assert_array_equal(scores, oracles.maxsim(c.query, c.docs))


@own.quick
@given(own.collections(), st.integers(1, 5), st.integers(1, 3))
def test_the_block_size_and_the_cores_of_the_twin_change_nothing(c, rows, cores):
    kernels = pytest.importorskip("tokenlab.kernels.retrieval")
    pytest.importorskip("threadpoolctl")
    query, _ = c.arrays()
    with pytest.MonkeyPatch.context() as patch, use_engine("numba"):
        share_among(patch, cores)
        patch.setattr(kernels, "BLOCK_BYTES", 1)
        patch.setattr(kernels, "FEWEST_ROWS", rows)
        scores = maxsim(query, c.index())
    np.testing.assert_array_equal(scores, oracles.maxsim(c.query, c.docs))


def permuted(rng, c):
    order = rng.permutation(len(c.docs))
    return order, [[c.docs[i][j] for j in rng.permutation(len(c.docs[i]))] for i in order]


@own.quick
@given(own.collections(min_docs=1), st.randoms(use_true_random=False))
def test_permuting_documents_and_tokens_permutes_scores(c, random):
    order, docs = permuted(np.random.default_rng(random.randrange(2**32)), c)
    query, _ = c.arrays()
    shuffled = c._replace(docs=docs).index()
    np.testing.assert_array_equal(maxsim(query, shuffled), maxsim(query, c.index())[order])


@pytest.mark.parametrize("engine", ["numpy", "auto", "numba"])
def test_negative_similarities_do_not_lose_to_zero_padding(engine):
    if engine == "numba":
        pytest.importorskip("numba")
    index = TokenIndex([[-1.0], [-2.0], [-3.0]], [0, 2, 2, 3])
    with use_engine(engine):
        assert maxsim([[1.0], [2.0]], index).tolist() == [-3.0, -np.inf, -9.0]
        assert maxsim([[1.0], [2.0]], index, mean=True).tolist() == [-1.5, -np.inf, -4.5]


@pytest.mark.parametrize("engine", ["numpy", "auto", "numba"])
def test_no_documents_no_tokens_no_queries(engine):
    if engine == "numba":
        pytest.importorskip("numba")
    none, hollow = TokenIndex(np.empty((0, 2)), [0]), TokenIndex(np.empty((0, 2)), [0, 0, 0])
    with use_engine(engine):
        assert maxsim(EYE, none).shape == (0,)
        assert maxsim(EYE, hollow).tolist() == [-np.inf] * 2
        assert maxsim([EYE, EYE[:1]], none).shape == (2, 0)
        assert maxsim([], hollow).shape == (0, 2)
        assert maxsim_search(EYE, none, k=3).doc_ids.shape == (0,)
        assert maxsim_search(EYE, hollow, k=3).doc_ids.tolist() == [0, 1]


def test_one_token_on_each_side():
    assert maxsim([[2.0]], TokenIndex([[3.0]], [0, 1])).tolist() == [6]


@pytest.mark.parametrize(
    ("query", "index_dtype", "expected"),
    [
        (np.float32, np.float32, np.float32),
        (np.float64, np.float32, np.float64),
        (np.float32, np.float64, np.float64),
        (np.float16, np.float32, np.float32),
        (np.int8, np.float32, np.float32),
        (np.float16, np.float16, np.float32),
    ],
)
def test_the_type_of_the_scores(query, index_dtype, expected):
    index = TokenIndex(np.ones((3, 2), index_dtype), [0, 1, 3])
    for engine in ("numpy", "auto"):
        with use_engine(engine):
            assert maxsim(np.ones((2, 2), query), index).dtype == expected
            assert maxsim([np.ones((2, 2), query)], index, mean=True).dtype == expected
            assert maxsim_search(np.ones((2, 2), query), index, k=1).scores.dtype == expected


@pytest.mark.parametrize("index", [EYE, DOCS, None])
def test_an_index_is_an_index(index):
    for call in (lambda: maxsim(EYE, index), lambda: maxsim([EYE], index)):
        with pytest.raises(InvalidInput, match=r"maxsim: index is a .*TokenIndex\.from_docs"):
            call()
    with pytest.raises(InvalidInput, match=r"index is a "):
        token_topk(EYE, index, 1)


class Tensor:
    """Like a tensor of another library."""

    ndim, shape = 2, (1, 2)

    def __dlpack__(self):
        raise AssertionError("nobody asked for a conversion")


@pytest.mark.parametrize(
    ("query", "error", "says"),
    [
        (np.ones((2, 3)), ShapeError, r"query is \(2, 3\) = \(n_q, d\), so d = 3, but tokens is"),
        ([np.ones((1, 2)), np.ones((1, 3))], ShapeError, r"tokens is \(5, 2\) = \(n_tokens, d\)"),
        (np.ones(2), ShapeError, r"query is \(2,\), 1 axes; expected 2: \(n_q, d\).*x\[None, :\]"),
        ([1.0, 2.0], ShapeError, r"query is \(2,\)"),
        (np.ones((2, 2, 2)), ShapeError, r"query is \(2, 2, 2\), 3 axes"),
        ([np.ones((2, 2, 2))], ShapeError, r"query is \(1, 2, 2, 2\)"),
        (1.0, ShapeError, r"query is \(\)"),
        (np.empty((0, 2)), ShapeError, r"\(0, 2\) = \(n_q, d\); expected n_q >= 1"),
        ([np.ones((1, 2)), np.empty((0, 2))], ShapeError, "n_q >= 1"),
        ([[]], ShapeError, "query is"),
        ([[1.0, 2.0], [3.0]], ShapeError, "query is not a regular array"),
        ([[[1.0, 2.0], [3.0]]], ShapeError, "query is not a regular array"),
        ([[], [[1.0, 2.0]]], ShapeError, "query is not a regular array"),
        ([[1.0, np.nan]], InvalidInput, r"query has 1 values .* at \[0, 1\]: nan"),
        ([[1.0, -np.inf]], InvalidInput, "-inf"),
        ([np.ones((1, 2)), [[np.inf, 0]]], InvalidInput, "not finite"),
        ([["a", "b"]], DTypeError, "query has dtype <U1"),
        (np.array([[1, None]]), DTypeError, "object"),
        ([[1j, 0]], DTypeError, "complex"),
        ([[True, False]], DTypeError, "bool"),
        (np.ma.array([[1.0, 2.0]], mask=[[0, 1]]), DTypeError, "query has masked"),
        (Tensor(), BackendError, r"query is a .*Tensor; expected NumPy or CuPy"),
        ([Tensor()], BackendError, r"query is a .*Tensor"),
        (None, DTypeError, "query is None"),
    ],
)
def test_what_is_refused(query, error, says):
    with pytest.raises(error, match=says) as caught:
        maxsim(query, TokenIndex.from_docs(DOCS))
    assert str(caught.value).startswith("maxsim: ")


def test_libraries_do_not_mix(cupy):
    index = TokenIndex.from_docs(DOCS)
    moved = TokenIndex(cupy.asarray(index.tokens), cupy.asarray(index.offsets))
    for query, where in (
        (cupy.asarray(EYE), index),
        (EYE, moved),
        ([EYE, cupy.asarray(EYE)], index),
    ):
        with pytest.raises(BackendError, match=r"maxsim: mixed array libraries: .*query is a "):
            maxsim(query, where)


def test_memory_is_bounded_by_the_block():
    """400,000 tokens and 32 query tokens: 51 MB of similarities that never exist at once."""
    lengths = np.full(4000, 100)
    tokens = np.random.default_rng(0).standard_normal((lengths.sum(), 8)).astype(np.float32)
    index = TokenIndex(tokens, np.cumsum([0, *lengths]))
    query = tokens[:32]
    everything = len(query) * len(tokens) * 4
    for engine in ("numpy", "auto"):  # at this size, auto takes the twin
        with use_engine(engine):
            maxsim(query, index[:50])  # whatever is made only once
            tracemalloc.start()
            scores = maxsim(query, index)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert peak < everything / 3, engine
        assert scores[:2] == pytest.approx(
            oracles.maxsim(query, [index.doc(0), index.doc(1)]), rel=1e-4
        )


# search ----------------------------------------------------------------------------------------


@own.quick
@given(own.collections(), st.integers(1, 9), own.engines)
def test_search_sorts_by_score_then_by_number(c, k, engine):
    scores = oracles.maxsim(c.query, c.docs)
    order = sorted(range(len(scores)), key=lambda i: (-scores[i], i))[:k]
    with use_engine(engine):
        result = maxsim_search(c.arrays()[0], c.index(), k=k)
    assert result.doc_ids.tolist() == order
    assert result.scores.tolist() == [scores[i] for i in order]


@pytest.mark.parametrize("k", [0, -1, 1.0, True, None, "1"])
def test_search_refuses_k(k):
    with pytest.raises(InvalidInput, match="maxsim_search: k is"):
        maxsim_search(EYE, TokenIndex.from_docs(DOCS), k=k)


def test_search_takes_one_query_and_any_integer():
    index = TokenIndex.from_docs(DOCS)
    assert maxsim_search(EYE, index, k=np.int64(2)).doc_ids.tolist() == [0, 1]
    with pytest.raises(ShapeError, match=r"\(2, 2, 2\)"):
        maxsim_search([EYE, EYE], index, k=1)


# alignment -------------------------------------------------------------------------------------


@own.quick
@given(own.collections(min_docs=1, min_length=1))
def test_alignment_against_a_loop_and_against_maxsim(c):
    query, docs = c.arrays()
    tokens, similarities = alignment(query, docs[0])
    assert list(zip(tokens, similarities, strict=True)) == oracles.alignment(c.query, c.docs[0])
    assert tokens.dtype == np.int64
    assert similarities.sum() == maxsim(query, c.index())[0]


def test_alignment_needs_a_document():
    with pytest.raises(ShapeError, match=r"alignment: doc is \(0, 2\) = \(n_d, d\)"):
        alignment(EYE, np.empty((0, 2)))
    with pytest.raises(ShapeError, match=r"alignment: query is \(0, 2\)"):
        alignment(np.empty((0, 2)), EYE)
    with pytest.raises(ShapeError, match=r"alignment: query is .* d = 2, but doc is .* d = 3"):
        alignment(EYE, np.ones((1, 3)))
    with pytest.raises(InvalidInput, match="alignment: doc has"):
        alignment(EYE, [[np.nan, 0]])
