"""BM25 and pooled vectors against loops, recall and nDCG against numbers worked by hand."""

import math

import numpy as np
import oracles
import pytest
import strategies as own
from hypothesis import given
from hypothesis import strategies as st

from tokenlab.errors import DTypeError, InvalidInput, ShapeError
from tokenlab.retrieval import (
    BM25,
    TokenIndex,
    bm25_scores,
    ndcg,
    pooled_scores,
    pooled_vectors,
    recall,
)

words = st.lists(st.sampled_from(["copy", "File", "a", "the", "x_1", "42", "Ünï"]), max_size=6)
texts = st.builds(" ".join, words)


# BM25 --------------------------------------------------------------------------------------------


def test_bm25_by_hand():
    """Two documents of 2 and 4 words: average 3; "b" is in both, "c" only in the second."""
    idf_b, idf_c = math.log(1 + 0.5 / 2.5), math.log(1 + 1.5 / 1.5)
    first = idf_b * 1 * 2.2 / (1 + 1.2 * (0.25 + 0.75 * 2 / 3))
    second = (idf_b * 1 * 2.2) / (1 + 1.2 * 1.25) + (idf_c * 2 * 2.2) / (2 + 1.2 * 1.25)
    got = bm25_scores("b c", ["a b", "b c c d"], k1=1.2, b=0.75)
    np.testing.assert_allclose(got, [first, second], rtol=1e-12)
    assert got.dtype == np.float64


@own.quick
@given(
    texts,
    st.lists(texts, min_size=1, max_size=5),
    st.sampled_from([0, 0.9, 2]),
    st.sampled_from([0, 0.4, 1]),
)
def test_bm25_against_a_loop(query, docs, k1, b):
    average = sum(len(d.split()) for d in docs)
    expected = oracles.bm25(query, docs, k1, b) if average else [0.0] * len(docs)
    np.testing.assert_allclose(
        bm25_scores(query, docs, k1=k1, b=b), expected, rtol=1e-9, atol=1e-12
    )


def test_bm25_edges():
    assert bm25_scores("word", []).shape == (0,)
    assert bm25_scores("", ["a b"]).tolist() == [0]
    assert bm25_scores("a", ["", "  ", "?!"]).tolist() == [0, 0, 0]
    assert bm25_scores("zebra", ["a b", "c"]).tolist() == [0, 0]
    once, twice = bm25_scores("a", ["a", "b"]), bm25_scores("a A", ["a", "b"])
    np.testing.assert_allclose(twice, 2 * once)  # the sum runs over the words of the query
    assert (bm25_scores("a", ["a", "a", "a"]) > 0).all()  # never held against a document
    assert bm25_scores("COPY-file", ["copy/FILE"])[0] > 0


def test_bm25_fits_once():
    docs = ["a b", "b c c d", "", "e"]
    fitted = BM25.fit(docs, k1=1.2, b=0.75)
    for query in ("b c", "", "c c zebra", "e"):
        np.testing.assert_array_equal(
            fitted.scores(query), bm25_scores(query, docs, k1=1.2, b=0.75)
        )
    with pytest.raises(InvalidInput, match=r"BM25\.fit: docs is one text"):
        BM25.fit("a text")


def test_bm25_refuses_a_text_in_place_of_a_list():
    with pytest.raises(InvalidInput, match="bm25_scores: docs is one text"):
        bm25_scores("a", "a text")


# pooled vectors ---------------------------------------------------------------------------------


@own.quick
@given(own.collections(min_docs=1))
def test_pooled_against_a_loop(c):
    def pooled(tokens):
        total = [math.fsum(t[a] for t in tokens) for a in range(c.d)]
        length = math.sqrt(oracles.dot(total, total))
        return [x / length for x in total] if length else total

    query, _ = c.arrays()
    expected = [pooled(doc) for doc in c.docs]
    np.testing.assert_allclose(pooled_vectors(c.index()), expected, atol=1e-12)
    scores = pooled_scores(query, c.index())
    np.testing.assert_allclose(
        scores, [oracles.dot(pooled(c.query), doc) for doc in expected], atol=1e-12
    )
    assert np.abs(scores).max() <= 1 + 1e-12


def test_pooled_edges():
    assert pooled_vectors(TokenIndex(np.empty((0, 3), np.float32), [0])).shape == (0, 3)
    hollow = TokenIndex(np.empty((0, 3), np.float32), [0, 0])
    assert pooled_vectors(hollow).tolist() == [[0, 0, 0]]
    assert pooled_scores(np.ones((1, 3), np.float32), hollow).tolist() == [0]
    assert pooled_scores(np.ones((1, 3), np.float32), hollow).dtype == np.float32
    huge = TokenIndex(np.full((1, 2), 1e25, np.float32), [0, 1])
    assert pooled_scores(np.ones((1, 2), np.float32), huge) == pytest.approx([1])
    with pytest.raises(ShapeError, match="pooled_scores: query is"):
        pooled_scores(np.ones((1, 2)), hollow)
    with pytest.raises(ShapeError, match="n_q >= 1"):
        pooled_scores(np.empty((0, 3)), hollow)


# recall and nDCG --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ranking", "relevant", "k", "expected_recall", "expected_ndcg"),
    [
        ([5, 7], [5], 10, 1, 1),
        ([7, 5], [5], 10, 1, 1 / math.log2(3)),
        ([7, 8, 5], [5], 3, 1, 0.5),  # 1 / log2(4)
        ([7, 8, 5], [5], 2, 0, 0),
        ([7, 8], [5], 2, 0, 0),
        ([], [5], 2, 0, 0),
        # Gains at ranks 1 and 3 of a best 1 + 1/log2(3).
        ([1, 9, 2], [1, 2], 3, 1, 1.5 / (1 + 1 / math.log2(3))),
        ([1, 9, 2], [1, 2], 2, 0.5, 1 / (1 + 1 / math.log2(3))),
        ([1, 9, 2], [2, 1], 1, 0.5, 1),  # only one place, and it is right
        ([1], [1, 2, 3, 4], 1, 0.25, 1),
        ([1, 2], [1, 1, 2, 2], 5, 1, 1),  # named twice, wanted once
        ([0], [0], 1, 1, 1),
    ],
)
def test_metrics_by_hand(ranking, relevant, k, expected_recall, expected_ndcg):
    for relevant_as in (list, set, tuple, np.array):
        for ranking_as in (list, lambda x: np.array(x, np.int64)):
            args = ranking_as(ranking), relevant_as(relevant), k
            assert recall(*args) == pytest.approx(expected_recall)
            assert ndcg(*args) == pytest.approx(expected_ndcg)
            assert type(ndcg(*args)) is type(recall(*args)) is float


@own.quick
@given(
    st.permutations(range(8)),
    st.integers(0, 8),
    st.sets(st.integers(0, 9), min_size=1),
    st.integers(1, 12),
)
def test_metrics_against_loops(ranking, length, relevant, k):
    ranking = ranking[:length]
    assert ndcg(ranking, relevant, k) == pytest.approx(oracles.ndcg(ranking, relevant, k))
    assert recall(ranking, relevant, k) == pytest.approx(
        len(relevant & set(ranking[:k])) / len(relevant)
    )
    assert 0 <= ndcg(ranking, relevant, k) <= 1 + 1e-12
    best = [*sorted(relevant), *range(20, 30)]
    assert ndcg(best, relevant, k) == pytest.approx(1)


@pytest.mark.parametrize("metric", [recall, ndcg])
@pytest.mark.parametrize(
    ("ranking", "relevant", "k", "error", "says"),
    [
        ([1, 2], [], 2, InvalidInput, "relevant is empty"),
        ([1, 2], np.empty(0), 2, InvalidInput, "relevant is empty"),
        ([1, 2, 1], [1], 2, InvalidInput, "doc_ids ranks a document twice"),
        ([1, 2], [1], 0, InvalidInput, "k is 0"),
        ([1, 2], [1], 1.0, InvalidInput, "k is 1.0"),
        ([1, 2], [1], True, InvalidInput, "k is True"),
        ([[1, 2]], [1], 1, ShapeError, r"doc_ids is \(1, 2\), 2 axes"),
        (1, [1], 1, ShapeError, r"doc_ids is \(\)"),
        ([1.0, 2.0], [1], 1, DTypeError, "doc_ids has dtype float64"),
        (["a"], [1], 1, DTypeError, "doc_ids has dtype <U1"),
    ],
)
def test_what_metrics_refuse(metric, ranking, relevant, k, error, says):
    with pytest.raises(error, match=f"^{metric.__name__}: {says}"):
        metric(ranking, relevant, k)


@pytest.mark.parametrize(
    ("relevant", "k", "expected_recall", "expected_ndcg"),
    [
        ({4: 0, 9: 1}, 1, 0.0, 0.0),  # judged 0 is not relevant
        ({4: 0, 9: 1}, 2, 1.0, 1 / np.log2(3)),
        ({4: 1, 9: 2}, 2, 1.0, (1 + 2 / np.log2(3)) / (2 + 1 / np.log2(3))),
        ({4: -1, 9: True}, 2, 1.0, 1 / np.log2(3)),  # a grade below 0 counts as 0
        ({4: 3, 9: 2, 5: 1}, 2, 2 / 3, 1.0),
        ({np.int64(9): np.float32(2)}, 5, 1.0, 1 / np.log2(3)),
        ({9, 4}, 1, 0.5, 1.0),
        ((9,), 2, 1.0, 1 / np.log2(3)),
        (np.array([9, 4, 9]), 2, 1.0, 1.0),
        ({4: 1e308, 9: 1e308}, 2, 1.0, 1.0),
    ],
)
def test_judgements_as_people_have_them(relevant, k, expected_recall, expected_ndcg):
    assert recall([4, 9], relevant, k) == pytest.approx(expected_recall)
    assert ndcg([4, 9], relevant, k) == pytest.approx(expected_ndcg)


@pytest.mark.parametrize("metric", [recall, ndcg])
@pytest.mark.parametrize(
    "relevant", [{4: 0}, {}, set(), {4: float("nan")}, {4: "high"}, {"4": 1}, {4: None}, ["4"]]
)
def test_judgements_that_say_nothing(metric, relevant):
    with pytest.raises((InvalidInput, DTypeError), match=rf"{metric.__name__}: relevant"):
        metric([4, 9], relevant, 1)


def test_a_huge_cutoff_costs_nothing():
    assert ndcg([4, 9], {9: 1}, 2**31) == pytest.approx(1 / np.log2(3))
