"""LIMIT: counts, the fit and the bound, geometry against training, texts, vectors, bad input."""

import hashlib
import itertools
import math
import re
from pathlib import Path

import numpy as np
import pytest

import tokenlab.data
from tokenlab import autograd, errors
from tokenlab.data import load_limit, load_limit_words
from tokenlab.models.layers import cross_entropy
from tokenlab.retrieval import maxsim, ndcg, pooled_scores
from tokenlab.retrieval.limit import (
    critical_n,
    dense_qrels,
    find_critical_n,
    free_embeddings,
    loss_and_gradients,
    make_limit_texts,
    margin_bound,
    moment_curve_embedding,
    pair_recall,
)

PAIRS = [[0, 1], [0, 2], [1, 2]]


def test_all_sets():
    assert len(dense_qrels(46)) == 1035
    for n, k in [(4, 1), (6, 3), (5, 5)]:
        assert dense_qrels(n, k).tolist() == [list(s) for s in itertools.combinations(range(n), k)]
    first = dense_qrels(46, limit=1000)
    np.testing.assert_array_equal(first, dense_qrels(46)[:1000])  # those of LIMIT
    degrees = np.bincount(first.reshape(-1))
    assert np.bincount(degrees)[[37, 38, 45]].tolist() == [7, 2, 37]


@pytest.mark.parametrize(("n", "k", "limit"), [(9, 2, 30), (9, 3, 5), (10**6, 2, 50), (60, 20, 9)])
def test_a_sample_of_them(n, k, limit):
    rows = dense_qrels(n, k, limit=limit, rng=0)
    assert rows.shape == (limit, k)
    assert len({tuple(row) for row in rows.tolist()}) == limit
    assert (np.diff(rows, axis=1) > 0).all()
    assert 0 <= rows.min() <= rows.max() < n
    np.testing.assert_array_equal(rows, dense_qrels(n, k, limit=limit, rng=0))
    assert dense_qrels(9, 2, limit=99, rng=0).tolist() == dense_qrels(9, 2).tolist()


def test_recall_counts_documents():
    docs = np.array([[1.0, 0], [0, 1], [-1, 0]])
    assert pair_recall([[1, 1], [1, -1]], docs, [[0, 1], [0, 2]]) == 0.75
    assert pair_recall([[1, 1], [1, -1]], docs, [[1, 0], [1, 0]]) == 1.0  # 0 and 2 tie: the lower
    assert pair_recall(docs, docs, [[0], [1], [2]]) == 1.0
    rng = np.random.default_rng(0)
    u, v, qrels = rng.standard_normal((21, 3)), rng.standard_normal((7, 3)), dense_qrels(7)
    best = [set(np.argsort(-(v @ q))[:2].tolist()) for q in u]
    wanted = np.mean([len(b & set(r)) / 2 for b, r in zip(best, qrels.tolist(), strict=True)])
    assert pair_recall(u, v, qrels) == pytest.approx(wanted)


def test_the_fit_and_the_bound():
    assert critical_n(4) == pytest.approx(6.6602)
    assert critical_n(1024) == pytest.approx(4031487.8102)
    assert [round(critical_n(d), 1) for d in (2, 3, 4, 5, 6, 8)] == [
        -2.2,
        2.1,
        6.7,
        11.4,
        16.3,
        26.9,
    ]
    for n, k, wanted in [(46, 2, 2.895104), (100, 2, 3.548), (10**6, 100, 424.46)]:
        assert margin_bound(n, k, 0.1) == pytest.approx(wanted, rel=1e-4)
    assert margin_bound(7, 7, 0.5) == 0
    exact = math.log(math.comb(30, 4)) / math.log(1 + 1 / 0.3)
    assert margin_bound(30, 4, 0.3) == pytest.approx(exact)


@pytest.mark.parametrize("n", [3, 5, 10, 46, 100])
def test_four_numbers_answer_every_pair(n):
    qrels = dense_qrels(n)
    queries, docs = moment_curve_embedding(qrels)
    assert docs.shape == (n, 4)
    assert docs.dtype == queries.dtype == np.float32
    assert pair_recall(queries, docs, qrels) == 1.0
    for x in (queries, docs):
        np.testing.assert_allclose(np.linalg.norm(x, axis=1), 1, atol=1e-6)


def test_where_rounding_ends_it():
    some = dense_qrels(400, limit=20_000)
    assert pair_recall(*moment_curve_embedding(some, 400, dtype=np.float64), some) == 1.0
    assert pair_recall(*moment_curve_embedding(some, 400), some) < 1.0


def test_larger_sets_need_two_numbers_each():
    for k in (1, 3, 4):
        qrels = dense_qrels(9, k)
        queries, docs = moment_curve_embedding(qrels, dtype="float64")
        assert docs.shape == (9, 2 * k)
        assert pair_recall(queries, docs, qrels) == 1.0


def test_some_rows_are_enough():
    queries, docs = moment_curve_embedding([[4, 1], [7, 0]], 12)
    assert (len(queries), len(docs)) == (2, 12)
    assert pair_recall(queries, docs, [[1, 4], [0, 7]]) == 1.0
    full = moment_curve_embedding(dense_qrels(12))[0]
    row = dense_qrels(12).tolist().index([1, 4])
    np.testing.assert_allclose(queries[0], full[row], atol=1e-6)


def test_the_smallest_gap_falls_like_the_fourth_power():
    gaps = []
    for n in (20, 40):
        qrels = dense_qrels(n)
        queries, docs = moment_curve_embedding(qrels, dtype=np.float64)
        ordered = np.sort(queries @ docs.T, axis=1)
        gaps.append((ordered[:, -2] - ordered[:, -3]).min())
    assert math.log2(gaps[0] / gaps[1]) == pytest.approx(4, abs=0.2)


def test_the_gradient_is_that_of_the_tape():
    rng = np.random.default_rng(0)
    qrels, n = dense_qrels(5), 5
    params = [rng.standard_normal((m, 3)) for m in (len(qrels), n)]
    relevant = np.zeros((len(qrels), n))
    relevant[np.arange(len(qrels))[:, None], qrels] = 0.5

    def taped(pair):
        logits = pair[0] @ pair[1].T / 0.1
        return sum(cross_entropy(logits, qrels[:, j]) for j in (0, 1)) / 2

    loss, *grads = loss_and_gradients(*params, relevant, 0.1)
    wanted, by_tape = autograd.value_and_grad(taped)(params)
    assert loss == pytest.approx(wanted)
    for mine, theirs in zip(grads, by_tape, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-10)


def test_training_finds_what_two_numbers_can_do():
    found = find_critical_n(2, seeds=4, rng=0, iters=600)
    assert found.n == 3  # the corners of a triangle
    assert found.tried[3] == 1
    assert max(found.tried[n] for n in found.tried if n > 3) < 1
    four = [
        free_embeddings(dense_qrels(4), 2, iters=600, rng=seed).best_recall for seed in range(4)
    ]
    assert max(four) == pytest.approx(10 / 12)  # four points on a circle: two pairs are not next


def test_training_stops_where_it_should():
    solved = free_embeddings(dense_qrels(4), 3, rng=0)
    assert solved.solved
    assert solved.recall == solved.best_recall == 1
    assert len(solved.history) % 50 == 0
    np.testing.assert_allclose(np.linalg.norm(solved.queries, axis=1), 1, atol=1e-6)
    assert pair_recall(solved.queries, solved.docs, dense_qrels(4)) == 1
    cut = free_embeddings(dense_qrels(9), 2, iters=70, rng=0)
    assert len(cut.history) == 70
    assert not cut.solved
    tired = free_embeddings(dense_qrels(4), 2, patience=100, rng=0)
    assert len(tired.history) < 20_000
    assert tired.history[-1] < tired.history[0]
    again = free_embeddings(dense_qrels(9), 2, iters=70, rng=0)
    assert cut.history == again.history


@pytest.mark.parametrize(("n", "distractors"), [(46, 0), (10, 5), (2, 0)])
def test_texts(n, distractors):
    texts = make_limit_texts(n, distractors=distractors, rng=1)
    likes = [set(re.split(", | and ", doc.split(" likes ")[1][:-1])) for doc in texts.docs]
    assert len({doc.split(" likes ")[0] for doc in texts.docs}) == n + distractors
    assert len({len(own) for own in likes}) == 1  # everybody likes as many
    for query, pair in zip(texts.queries, texts.qrels.tolist(), strict=True):
        thing = query.removeprefix("Who likes ").removesuffix("?")
        assert [i for i, own in enumerate(likes) if thing in own] == pair
        found = [any(f" {thing}{end}" in doc for end in (",", " and", ".")) for doc in texts.docs]
        assert np.flatnonzero(found).tolist() == pair  # as texts, too
    np.testing.assert_array_equal(texts.qrels, dense_qrels(n, limit=1000))
    assert texts.docs == make_limit_texts(n, distractors=distractors, rng=1).docs
    assert len(make_limit_texts(5, limit=3, per_doc=9, rng=0).docs[4].split(",")) == 8


def test_many_people_have_different_names():
    many = make_limit_texts(3, distractors=45_000, per_doc=2, rng=0).docs
    assert len({doc.split(" likes ")[0] for doc in many}) == 45_003


def test_the_sources_name_these_very_files():
    folder = Path(tokenlab.data.__file__).parent
    sources = (folder / "SOURCES.md").read_text(encoding="utf-8")
    for path in sorted((folder / "limit").iterdir()):
        assert hashlib.sha256(path.read_bytes()).hexdigest() in sources, path.name
    assert sum(path.stat().st_size for path in (folder / "limit").iterdir()) < 700_000


def test_the_collection():
    limit = load_limit()
    assert (limit.index.n_docs, len(limit.queries)) == (46, 1000)
    assert load_limit() is limit
    names, things = load_limit_words()
    assert len(set(things)) == len(things) > 1045
    assert all(re.fullmatch("[a-z]+", thing) for thing in things)
    assert not {name.lower() for name in names} & set(things)
    assert limit.docs == make_limit_texts(rng=0).docs
    some = range(0, 1000, 5)

    def mean_ndcg(score):
        rankings = [np.argsort(-score(limit.queries[i], limit.index), kind="stable") for i in some]
        judged = limit.qrels[some].tolist()
        return np.mean([ndcg(r, own, 10) for r, own in zip(rankings, judged, strict=True)])

    assert mean_ndcg(maxsim) > 0.93
    assert mean_ndcg(pooled_scores) < 0.35


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: dense_qrels(3, 4), "dense_qrels: k is 4, but n is 3"),
        (lambda: dense_qrels(0), "dense_qrels: n is 0"),
        (lambda: dense_qrels(10**6), "dense_qrels: n is 1000000"),
        (lambda: margin_bound(3, 4, 0.1), "margin_bound: k is 4"),
        (lambda: margin_bound(5, 2, 0), "margin_bound: w is 0"),
        (lambda: margin_bound(5, 2, 1.5), "margin_bound: w is 1.5"),
        (lambda: critical_n(0), "critical_n: d is 0"),
        (lambda: pair_recall(np.eye(3), np.eye(3)[:2], PAIRS), "pair_recall: qrels"),
        (lambda: pair_recall(np.eye(3), np.eye(3), [[0, 0]] * 3), "pair_recall: qrels name a"),
        (lambda: pair_recall(np.eye(3), np.eye(3), PAIRS[:2]), "n_queries = 2"),
        (lambda: pair_recall(np.eye(3) * np.nan, np.eye(3), PAIRS), "pair_recall: queries"),
        (lambda: free_embeddings(PAIRS, 2, n=2), "free_embeddings: qrels"),
        (lambda: free_embeddings([[0, -1]], 2), "free_embeddings: qrels"),
        (lambda: free_embeddings([[1, 1]], 2), "free_embeddings: qrels name a"),
        (lambda: free_embeddings(PAIRS, 2, temperature=0), "free_embeddings: temperature"),
        (lambda: find_critical_n(2, epochs=3), "find_critical_n: options are ['epochs']"),
        (lambda: find_critical_n(2, seeds=0), "find_critical_n: seeds is 0"),
        (lambda: moment_curve_embedding(PAIRS, 2), "moment_curve_embedding: qrels"),
        (lambda: moment_curve_embedding(PAIRS, dtype=int), "moment_curve_embedding: dtype"),
        (lambda: make_limit_texts(1), "make_limit_texts: n is 1"),
        (lambda: make_limit_texts(70, limit=5000), "make_limit_texts: limit is 5000"),
        (lambda: make_limit_texts(5, per_doc=2), "make_limit_texts: per_doc is 2"),
        (lambda: make_limit_texts(5, distractors=10**6), "make_limit_texts: distractors"),
        (lambda: make_limit_texts(5, rng="0"), "make_limit_texts: rng is '0'"),
    ],
)
def test_bad_input_is_named(call, says):
    with pytest.raises(errors.TokenlabError, match=re.escape(says)):
        call()
