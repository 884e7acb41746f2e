"""The training score, its loss, and gradients against central differences."""

import math

import numpy as np
import oracles
import pytest
import strategies as own
from hypothesis import given
from hypothesis import strategies as st

from tokenlab.autograd import value_and_grad
from tokenlab.errors import BackendError, DTypeError, InvalidInput, ShapeError
from tokenlab.numerics import log_softmax
from tokenlab.retrieval import TokenIndex, maxsim, xtr_loss, xtr_train_scores

EYE = np.eye(2)
A, C = [[0.9, 0.1], [0.2, 0.7]], [[0.1, 0.6], [0.0, 0.5]]
ks = st.integers(1, 40)


# by hand ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("k_train", "scores", "z", "loss"),
    [
        (1, [0.8, 0.0], [2, 0], 0.371101),
        (2, [0.8, 0.6], [2, 1], 0.598139),
        (4, [0.8, 0.35], [2, 2], 0.493249),
        (99, [0.8, 0.35], [2, 2], 0.493249),
    ],
)
def test_t2(k_train, scores, z, loss):
    result = xtr_train_scores(EYE, [A, C], k_train)
    np.testing.assert_allclose(result.scores, scores, atol=1e-12)
    assert result.z.tolist() == z
    assert result.z.dtype == np.int64
    assert result.mask.dtype == bool
    assert result.mask.sum(axis=1).tolist() == [min(k_train, 4)] * 2
    got = xtr_loss(EYE, [A, C], k_train)
    assert type(got.loss) is float
    assert got.loss == pytest.approx(loss, abs=5e-7)
    assert xtr_loss(EYE, [C, A], k_train, positive=1).loss == pytest.approx(got.loss)


def test_t2_masks():
    retrieved = {1: [[1, 0, 0, 0], [0, 1, 0, 0]], 2: [[1, 1, 0, 0], [0, 1, 1, 0]]}
    for k_train, mask in retrieved.items():
        assert xtr_train_scores(EYE, [A, C], k_train).mask.astype(int).tolist() == mask


def test_appendix_a():
    """With unit query vectors, column i of a document's gradient is the gradient of row i of P."""
    p = 1 / (1 + math.exp(0.6 - 0.8))  # of the positive document, at k_train = 2
    loss, _, (for_a, for_c), both = xtr_loss(EYE, [A, C], 2)
    np.testing.assert_allclose(both, [p, 1 - p])
    assert loss == pytest.approx(-math.log(p))
    push, pull = -(1 - p) / 2, (1 - p) / 1  # Z+ = 2, Z- = 1
    np.testing.assert_allclose(for_a, [[push, 0], [0, push]], atol=1e-15)
    np.testing.assert_allclose(for_c, [[0, pull], [0, 0]], atol=1e-15)


def test_few_retrieved_tokens_are_pushed_harder():
    """The same similarities, one document with Z = 2 and one with Z = 1: twice the gradient."""
    docs = [[[1.0, 1.0]], [[1.0, -9.0]], [[-9.0, 0.5]]]
    assert xtr_train_scores(EYE, docs, 2).z.tolist() == [2, 1, 1]
    few = xtr_loss(EYE, docs, 2)
    p = oracles.softmax([1.0, 1.0, 0.5])
    np.testing.assert_allclose(few.p, p)
    np.testing.assert_allclose(few.docs_grad[0], [[-(1 - p[0]) / 2] * 2])
    np.testing.assert_allclose(few.docs_grad[1], [[p[1] / 1, 0]], atol=1e-15)
    np.testing.assert_allclose(few.docs_grad[2], [[0, p[2] / 1]], atol=1e-15)


# negative similarities, section 1.8 --------------------------------------------------------------


def test_a_retrieved_negative_loses_to_an_unretrieved_token():
    """P is -0.2, -0.9 for the first document and 1 for the second."""
    docs = [[[-0.2], [-0.9]], [[1.0]]]
    two = xtr_train_scores([[1.0]], docs, 2)  # -0.2 is retrieved, -0.9 is not and counts as 0
    assert two.scores.tolist() == [0, 1]
    assert two.z.tolist() == [1, 1]  # by the mask, not by the value
    three = xtr_train_scores([[1.0]], docs, 3)  # now there is no 0 left
    assert three.scores.tolist() == [-0.2, 1]
    assert xtr_loss([[1.0]], docs, 2).docs_grad[0].tolist() == [[0], [0]]
    grad = xtr_loss([[1.0]], docs, 3).docs_grad[0]
    assert grad[0, 0] < 0
    assert grad[1, 0] == 0


def test_a_document_that_retrieved_nothing_scores_zero_and_feels_nothing():
    result = xtr_train_scores([[1.0]], [[[-5.0]], [[1.0]], []], 1)
    assert result.scores.tolist() == [0, 1, 0]
    assert result.z.tolist() == [0, 1, 0]
    loss = xtr_loss([[1.0]], [[[-5.0]], [[1.0]], np.empty((0, 1))], 1)
    assert [g.tolist() for g in loss.docs_grad] == [[[0.0]], [[pytest.approx(loss.p[1])]], []]
    assert loss.loss == pytest.approx(oracles.cross_entropy([0, 1, 0], 0))


def test_ties_are_retrieved_from_the_lower_token():
    result = xtr_train_scores([[1.0]], [[[2.0]], [[2.0], [2.0]], [[2.0]]], 2)
    assert result.mask.tolist() == [[True, True, False, False]]
    grads = xtr_loss([[1.0]], [[[2.0], [2.0]], [[2.0]]], 3).docs_grad
    assert grads[0][1].tolist() == [0]  # the first of two equal winners gets all of it
    assert grads[0][0, 0] == pytest.approx(-0.5)


# against a loop ----------------------------------------------------------------------------------


@own.quick
@given(own.collections(min_docs=1) | own.real_collections(), ks, st.sampled_from([1e-3, 1.5]))
def test_scores_against_a_loop(c, k_train, eps):
    query, docs = c.arrays()
    expected, z, mask = oracles.train_scores(c.query, c.docs, k_train, eps)
    for batch in (docs, c.index(), tuple(docs)):
        result = xtr_train_scores(query, batch, k_train, eps=eps)
        np.testing.assert_allclose(result.scores, expected, rtol=1e-9, atol=1e-12)
        assert result.z.tolist() == z
        assert result.mask.tolist() == mask
        assert result.mask.shape == (len(query), c.n_tokens)


@own.quick
@given(own.collections(min_docs=1), ks, st.data(), st.sampled_from([1.0, 0.05, 7.0]))
def test_loss_against_a_loop(c, k_train, data, temperature):
    positive = data.draw(st.integers(0, len(c.docs) - 1))
    query, docs = c.arrays()
    result = xtr_loss(query, docs, k_train, positive, temperature=temperature)
    scores, _, _ = oracles.train_scores(c.query, c.docs, k_train)
    expected = oracles.cross_entropy(scores, positive, temperature)
    assert result.loss == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert result.p.sum() == pytest.approx(1)
    assert [g.shape for g in result.docs_grad] == [doc.shape for doc in docs]
    assert result.query_grad.shape == query.shape


@own.quick
@given(own.collections(min_docs=1, min_length=1, low=1), st.integers(0, 3))
def test_i6_everything_retrieved_and_positive_is_colbert(c, more):
    query, docs = c.arrays()
    result = xtr_train_scores(query, docs, c.n_tokens + more)
    np.testing.assert_allclose(result.scores, maxsim(query, c.index(), mean=True), rtol=1e-12)
    assert result.z.tolist() == [len(query)] * len(docs)
    scores = oracles.maxsim(c.query, c.docs, mean=True)
    assert xtr_loss(query, docs, c.n_tokens + more).loss == pytest.approx(
        oracles.cross_entropy(scores, 0), abs=1e-9
    )


@own.quick
@given(own.real_collections(), ks, st.integers(0, 2**32 - 1))
def test_i5_permuting_documents_permutes_everything(c, k_train, seed):
    order = np.random.default_rng(seed).permutation(len(c.docs))
    query, docs = c.arrays()
    one = xtr_loss(query, docs, k_train, positive=int(order[0]))
    other = xtr_loss(query, [docs[i] for i in order], k_train, positive=0)
    assert one.loss == pytest.approx(other.loss)
    np.testing.assert_allclose(one.query_grad, other.query_grad, atol=1e-12)
    for i, grad in zip(order, other.docs_grad, strict=True):
        np.testing.assert_allclose(grad, one.docs_grad[i], atol=1e-12)


@own.quick
@given(own.real_collections(), ks, st.sampled_from([0.5, 3.0]))
def test_i7_scaling_similarities_scales_scores(c, k_train, factor):
    query, docs = c.arrays()
    scaled = xtr_train_scores(query * factor, docs, k_train)
    plain = xtr_train_scores(query, docs, k_train)
    np.testing.assert_allclose(scaled.scores, factor * plain.scores, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(scaled.mask, plain.mask)


def test_a_score_belongs_to_its_batch():
    alone = xtr_train_scores(EYE, [C], 2).scores[0]
    assert alone == pytest.approx(0.35)
    assert xtr_train_scores(EYE, [A, C], 2).scores[1] == pytest.approx(0.6)


# gradients ---------------------------------------------------------------------------------------


def differences(function, x, h=1e-6):
    """Central differences of a scalar function, entry by entry."""
    gradient = np.zeros_like(x)
    for at in np.ndindex(x.shape):
        moved = []
        for sign in (1, -1):
            y = x.copy()
            y[at] += sign * h
            moved.append(function(y))
        gradient[at] = (moved[0] - moved[1]) / (2 * h)
    return gradient


@pytest.mark.parametrize("temperature", [1.0, 0.1, 3.0])
@pytest.mark.parametrize("k_train", [1, 2, 5, 9, 1000])
@pytest.mark.parametrize("shift", [0.0, -1.5, 1.5])
def test_gradients_against_central_differences(temperature, k_train, shift):
    """Random signs, mostly negative, mostly positive; an empty document; a repeated length of 1."""
    rng = np.random.default_rng(k_train)
    query = np.abs(rng.standard_normal((3, 4))) if shift else rng.standard_normal((3, 4))
    docs = [rng.standard_normal((n, 4)) + shift for n in (3, 0, 1, 5, 1)]

    def loss(query, docs):
        return xtr_loss(query, docs, k_train, 3, temperature=temperature)

    result = loss(query, docs)
    np.testing.assert_allclose(
        result.query_grad, differences(lambda q: loss(q, docs).loss, query), rtol=1e-5, atol=1e-7
    )
    for i, doc in enumerate(docs):
        numerical = differences(
            lambda x, i=i: loss(query, [*docs[:i], x, *docs[i + 1 :]]).loss, doc
        )
        np.testing.assert_allclose(result.docs_grad[i], numerical, rtol=1e-5, atol=1e-7)


def test_the_gradient_of_an_oracle_written_apart():
    """Differences of the naive loss, so that a wrong forward pass cannot hide behind itself."""
    rng = np.random.default_rng(5)
    query, docs = rng.standard_normal((2, 3)), [rng.standard_normal((n, 3)) for n in (2, 4, 0, 3)]

    def naive(q):
        scores, _, _ = oracles.train_scores(q.tolist(), [d.tolist() for d in docs], 3)
        return oracles.cross_entropy(scores, 1, 0.5)

    got = xtr_loss(query, docs, 3, 1, temperature=0.5).query_grad
    np.testing.assert_allclose(got, differences(naive, query), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("k_train", [1, 3, 9, 99])
@pytest.mark.parametrize("temperature", [1.0, 0.1])
def test_the_gradient_of_appendix_a_is_that_of_the_tape(k_train, temperature, rng):
    query, tokens = rng.standard_normal((3, 4)), rng.standard_normal((9, 4))
    cuts = [2, 2, 5]  # the second document is empty

    def loss(query):
        scores = xtr_train_scores(query, np.split(tokens, cuts), k_train).scores
        return -log_softmax(scores / temperature)[3]

    value, query_grad = value_and_grad(loss)(query)
    got = xtr_loss(query, np.split(tokens, cuts), k_train, 3, temperature=temperature)
    assert got.loss == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(got.query_grad, query_grad, rtol=1e-12, atol=1e-14)


def test_a_step_down_the_gradient_lowers_the_loss(rng):
    query, docs = rng.standard_normal((4, 8)), [rng.standard_normal((6, 8)) for _ in range(5)]
    result = xtr_loss(query, docs, 8, 2)
    moved = [doc - 1e-3 * grad for doc, grad in zip(docs, result.docs_grad, strict=True)]
    assert xtr_loss(query - 1e-3 * result.query_grad, moved, 8, 2).loss < result.loss


def test_one_document_has_nothing_to_lose():
    result = xtr_loss(EYE, [A], 1)
    assert result.loss == 0
    assert not result.query_grad.any()
    assert result.p.tolist() == [1]


def test_extreme_scores_do_not_overflow():
    loss = xtr_loss([[1.0]], [[[1000.0]], [[-1000.0]]], 2, 1)
    assert loss.loss == 2000
    assert loss.p.tolist() == [1, 0]
    assert xtr_loss([[1.0]], [[[1.0]], [[0.5]]], 2, 1, temperature=1e-4).loss == pytest.approx(5000)


# types, memory, what is refused -----------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int8])
@pytest.mark.parametrize("temperature", [1.0, np.float64(0.5), np.float32(2), 1])
def test_types_stay(dtype, temperature):
    query = np.array([[1, 0], [0, 1]], dtype)
    docs = [np.array([[1, 0], [0, 2]], dtype), np.empty((0, 2), dtype), np.array([[3, 1]], dtype)]
    expected = np.float64 if dtype == np.float64 else np.float32
    result = xtr_loss(query, docs, 2, temperature=temperature)
    for array in (result.query_grad, result.p, *result.docs_grad):
        assert array.dtype == expected
    assert xtr_train_scores(query, docs, 2, eps=np.float64(0.1)).scores.dtype == expected


def test_mixed_precision_is_double():
    for a, b in ((np.float32, np.float64), (np.float64, np.float32)):
        result = xtr_loss(a(EYE), [b(A), b(C)], 2)
        got = {x.dtype for x in (result.query_grad, result.p, *result.docs_grad)}
        assert got == {np.dtype(float)}


@own.quick
@given(own.collections(min_docs=1), ks, own.layouts)
def test_memory_order_changes_nothing_and_input_is_left_alone(c, k_train, layout):
    query, docs = c.arrays()
    before = [x.copy() for x in (query, *docs)]
    result = xtr_loss(query, docs, k_train)
    for x in (result.query_grad, *result.docs_grad, result.p):
        assert x.flags.writeable  # what comes back belongs to the caller
    other = xtr_loss(own.laid_out(query, layout), [own.laid_out(d, layout) for d in docs], k_train)
    assert result.loss == other.loss
    np.testing.assert_array_equal(result.query_grad, other.query_grad)
    for old, x in zip(before, (query, *docs), strict=True):
        np.testing.assert_array_equal(old, x)
        assert x.flags.writeable


@pytest.mark.parametrize(
    ("query", "docs", "options", "error", "says"),
    [
        (EYE, [A, C], {"k_train": 0}, InvalidInput, "k_train is 0"),
        (EYE, [A, C], {"k_train": -1}, InvalidInput, "k_train is -1"),
        (EYE, [A, C], {"k_train": 1.0}, InvalidInput, "k_train is 1.0"),
        (EYE, [A, C], {"k_train": True}, InvalidInput, "k_train is True"),
        (EYE, [A, C], {"eps": 0}, InvalidInput, "eps is 0"),
        (EYE, [A, C], {"eps": -1e-3}, InvalidInput, "eps is -0.001"),
        (EYE, [A, C], {"eps": math.nan}, InvalidInput, "eps is nan"),
        (EYE, [A, C], {"eps": "small"}, InvalidInput, "eps is 'small'"),
        (EYE, [], {}, InvalidInput, "docs is empty"),
        (EYE, [[], []], {}, InvalidInput, "every document is"),
        (EYE, TokenIndex(np.empty((0, 2)), [0]), {}, InvalidInput, "no document"),
        (EYE, [A, [[1.0]]], {}, ShapeError, r"docs\[1\] is \(1, 1\)"),
        (EYE, [[[1.0]]], {}, ShapeError, "query is .* d = 2, but tokens is .* d = 1"),
        (np.empty((0, 2)), [A], {}, ShapeError, "n_q >= 1"),
        (np.ones(2), [A], {}, ShapeError, r"query is \(2,\)"),
        ([[np.nan, 0]], [A], {}, InvalidInput, "query has 1"),
        (EYE, [A, [[np.inf, 0]]], {}, InvalidInput, r"docs\[1\] has 1"),
        (EYE, [A, [["x", "y"]]], {}, DTypeError, r"docs\[1\] has dtype"),
    ],
)
def test_what_is_refused(query, docs, options, error, says):
    options = {"k_train": 2} | options
    for function in (xtr_train_scores, xtr_loss):
        with pytest.raises(error, match=says):
            function(query, docs, **options)


@pytest.mark.parametrize("positive", [2, -1, 0.0, True, None])
def test_the_positive_is_a_document_of_the_batch(positive):
    with pytest.raises(InvalidInput, match=f"xtr_loss: positive is {positive}"):
        xtr_loss(EYE, [A, C], 2, positive)


@pytest.mark.parametrize("temperature", [0, -1, math.nan, math.inf, "1", None, True])
def test_the_temperature_is_a_positive_number(temperature):
    with pytest.raises(InvalidInput, match=f"xtr_loss: temperature is {temperature!r}"):
        xtr_loss(EYE, [A, C], 2, temperature=temperature)


def test_libraries_do_not_mix(cupy):
    with pytest.raises(BackendError, match="mixed"):
        xtr_loss(EYE, [cupy.asarray(A)], 1)
    with pytest.raises(BackendError, match="mixed"):
        xtr_train_scores(EYE, [np.array(A), cupy.asarray(C)], 1)


@pytest.mark.parametrize("k_train", [1, 3, 99])
def test_the_double_agrees_with_numpy(cupy, k_train):
    rng = np.random.default_rng(1)
    query, docs = rng.standard_normal((3, 4)), [rng.standard_normal((n, 4)) for n in (2, 0, 4)]
    here = xtr_loss(query, docs, k_train, 2)
    there = xtr_loss(cupy.asarray(query), [cupy.asarray(d) for d in docs], k_train, 2)
    assert there.loss == pytest.approx(here.loss)
    np.testing.assert_allclose(there.query_grad.get(), here.query_grad)
    for a, b in zip(here.docs_grad, there.docs_grad, strict=True):
        np.testing.assert_allclose(b.get(), a)
