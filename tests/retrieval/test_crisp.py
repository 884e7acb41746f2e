"""CRISP and token pooling: hand cases, what clustering can do to a score, the loss, bad input."""

import itertools
import re

import numpy as np
import pytest

from tokenlab import autograd, errors
from tokenlab.retrieval import TokenIndex, crisp, maxsim
from tokenlab.retrieval.crisp import (
    Pooled,
    cluster_tokens,
    k_spacing,
    loss,
    pool_index,
    preset,
    tail,
    ward,
)

X = np.array([[1.0, 0], [0.8, 0.6], [0, 1], [-0.6, 0.8]])
LENGTHS = (1, 2, 3, 4, 5, 7, 8, 10)


def tokens(n, d=6, seed=0):
    x = np.random.default_rng([n, d, seed]).standard_normal((n, d))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def chamfer(query, doc):
    return (query @ doc.T).max(axis=1).sum()


def partition(codes):
    return codes[:, None] == codes


def test_by_hand():
    found = cluster_tokens(X, 2, rng=0)
    order = found.codes[[0, 2]]
    np.testing.assert_allclose(found.tokens[order], [[0.9, 0.3], [-0.3, 0.9]], atol=1e-12)
    np.testing.assert_array_equal(partition(found.codes), partition(np.array([0, 0, 1, 1])))
    np.testing.assert_allclose(np.linalg.norm(found.tokens, axis=1), 0.948683, atol=1e-6)
    assert chamfer(np.eye(2), X) == 2
    assert chamfer(np.eye(2), found.tokens) == pytest.approx(1.8)
    unit = cluster_tokens(X, 2, normalize=True, rng=0).tokens
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1)


def test_how_many_stay():
    sizes = {name: [len(preset(name).doc(tokens(n)).tokens) for n in LENGTHS] for name in NAMES}
    assert sizes["C25"] == [1, 1, 1, 1, 1, 1, 2, 2]  # the paper's floor, but at least one
    assert sizes["C50"] == [1, 1, 1, 2, 2, 3, 4, 5]
    assert sizes["K2"] == [1, 1, 2, 2, 3, 4, 4, 5]
    assert sizes["K4"] == [1, 1, 1, 1, 2, 2, 2, 3]
    assert sizes["C4x8"] == sizes["tail4x8"] == [1, 2, 3, 4, 5, 7, 8, 8]
    for n, share, wanted in [(100, 0.29, 29), (10, 0.39, 3), (10, 1.0, 10), (3, 0.01, 1)]:
        assert len(tail(tokens(n), share).tokens) == wanted


NAMES = ("C4x8", "C8x32", "C25", "C50", "tail4x8", "tail8x32", "K2", "K4", "C3x5", "C100", "K1")


@pytest.mark.parametrize("name", NAMES)
def test_presets(name):
    both = preset(name)
    assert both.name == name
    for pool in (both.query, both.doc):
        x = tokens(40)
        pooled = pool(x, rng=0)
        kept = pooled.codes >= 0
        assert set(pooled.codes[kept].tolist()) == set(range(len(pooled.tokens)))
        for code in range(len(pooled.tokens)):  # every vector is the mean of what went to it
            mean = x[pooled.codes == code].mean(axis=0)
            np.testing.assert_allclose(pooled.tokens[code], mean, atol=1e-12)
    if name == "C8x32":
        assert [len(pool(tokens(40)).tokens) for pool in (both.query, both.doc)] == [8, 32]


def test_what_is_dropped():
    x = tokens(7)
    last = tail(x, 3)
    np.testing.assert_array_equal(last.tokens, x[4:])
    assert last.codes.tolist() == [-1, -1, -1, -1, 0, 1, 2]
    spaced = k_spacing(x, 3)
    np.testing.assert_array_equal(spaced.tokens, x[::3])
    assert spaced.codes.tolist() == [0, -1, -1, 1, -1, -1, 2]


@pytest.mark.parametrize("pool", [cluster_tokens, ward], ids=["k-means", "ward"])
def test_all_tokens_stay_where_there_are_no_more_than_wanted(pool):
    x = 3 * tokens(5)
    for k in (5, 9, 1.0):
        same = pool(x, k)
        np.testing.assert_array_equal(same.tokens, x)
        assert same.codes.tolist() == [0, 1, 2, 3, 4]
        np.testing.assert_allclose(np.linalg.norm(pool(x, k, normalize=True).tokens, axis=1), 1)
    empty = pool(np.empty((0, 3)), 2)
    assert empty.tokens.shape == (0, 3)
    assert empty.codes.shape == (0,)


@pytest.mark.parametrize("pool", [cluster_tokens, ward], ids=["k-means", "ward"])
def test_clustering_a_document_can_only_lower_its_chamfer_score(pool):
    for seed, k in itertools.product(range(10), (1, 3, 0.3, 0.5)):
        query, doc = tokens(6, seed=seed), tokens(31, seed=seed + 100)
        assert chamfer(query, pool(doc, k).tokens) <= chamfer(query, doc) + 1e-12
    raised = [chamfer(tokens(6), pool(tokens(31), 8, normalize=True).tokens), 0]
    assert raised[0] > chamfer(tokens(6), pool(tokens(31), 8).tokens)  # which unit rows do not obey


@pytest.mark.parametrize("pool", [cluster_tokens, ward], ids=["k-means", "ward"])
def test_equal_and_opposite_tokens(pool):
    equal = pool(np.ones((6, 2)), 3)
    assert equal.codes.tolist() == [0] * 6
    np.testing.assert_allclose(equal.tokens, [[1, 1]])
    opposite = pool(np.array([[1.0, 0], [-1, 0]]), 1, normalize=True)
    np.testing.assert_array_equal(opposite.tokens, [[0, 0]])
    twice = pool(np.repeat(X[:2], 3, axis=0), 2)
    np.testing.assert_array_equal(partition(twice.codes), partition(np.repeat([0, 1], 3)))


def test_one_cluster_on_both_sides_is_the_product_of_the_means():
    query, doc = tokens(4), tokens(9)
    score = chamfer(cluster_tokens(query, 1).tokens, cluster_tokens(doc, 1).tokens)
    assert score == pytest.approx(query.mean(axis=0) @ doc.mean(axis=0))


def test_ward_cuts_as_scipy_does():
    hierarchy = pytest.importorskip("scipy.cluster.hierarchy")
    distance = pytest.importorskip("scipy.spatial.distance")
    for n in (2, 3, 8, 25, 60):
        x = tokens(n, seed=7)
        apart = np.maximum(1 - x @ x.T, 0)
        np.fill_diagonal(apart, 0)
        tree = hierarchy.linkage(distance.squareform(apart, checks=False), "ward")
        for k in sorted({1, 2, n // 3 + 1, n - 1}):
            # Not by fcluster, which in SciPy 1.11 now and then finds fewer than there are.
            theirs = hierarchy.cut_tree(tree, k)[:, 0]
            ours = ward(5 * x, k)  # lengths play no part in the clusters, but in their means
            np.testing.assert_array_equal(partition(ours.codes), partition(theirs))
            np.testing.assert_allclose(
                ours.tokens[ours.codes[0]], 5 * x[partition(theirs)[0]].mean(axis=0)
            )


def test_protected_tokens_stay():
    x = np.concatenate([X[:1], X[:1], X])
    found = ward(x, 2, protect=2)
    np.testing.assert_array_equal(found.tokens[:2], x[:2])
    assert found.codes.tolist() == [0, 1, 2, 2, 3, 3]
    assert ward(X, 1, protect=9).codes.tolist() == [0, 1, 2, 3]
    assert len(ward(X, 0.5, protect=2).tokens) == 3  # a share of the rest


def test_pool_index():
    docs = [tokens(9), np.empty((0, 6)), tokens(2), tokens(40)]
    index = TokenIndex.from_docs(docs)
    small = pool_index(index, preset("C8x4").doc, rng=0)
    assert small.lengths.tolist() == [4, 0, 2, 4]
    query = tokens(5)
    assert (maxsim(query, small)[[0, 2, 3]] <= maxsim(query, index)[[0, 2, 3]] + 1e-9).all()
    again = pool_index(index, preset("C8x4").doc, rng=0)
    np.testing.assert_array_equal(small.tokens, again.tokens)
    assert pool_index(index, lambda x: ward(x, 3)).lengths.tolist() == [3, 0, 2, 3]
    assert pool_index(index[1:2], preset("C8x4").doc).lengths.tolist() == [0]
    with pytest.raises(errors.InvalidInput, match="pool_index: pool returned"):
        pool_index(index, lambda x: x[:3])


def texts_and_codes(seed):
    rng = np.random.default_rng(seed)
    texts = [rng.standard_normal((n, 5)) for n in (3, 6, 4)]
    return texts, [rng.integers(-1, 3, len(x)) | (np.arange(len(x)) == 0) for x in texts]


def test_loss_is_that_of_a_plain_loop():
    (queries, query_codes), (docs, doc_codes) = texts_and_codes(0), texts_and_codes(1)
    weight = np.random.default_rng(2).standard_normal((5, 4))

    def pooled(x, codes):
        x = x @ weight
        x = x / np.linalg.norm(x, axis=1, keepdims=True)
        return np.stack([x[codes == code].mean(axis=0) for code in np.unique(codes[codes >= 0])])

    qs = [pooled(x, c) for x, c in zip(queries, query_codes, strict=True)]
    ds = [pooled(x, c) for x, c in zip(docs, doc_codes, strict=True)]
    scores = np.array([[chamfer(q, d) for d in ds] for q in qs]) / 0.5
    wanted = np.mean([np.log(np.exp(row).sum()) - row[i] for i, row in enumerate(scores)])
    given = ({"weight": weight}, queries, docs, query_codes, doc_codes)
    assert float(loss(*given, temperature=0.5)) == pytest.approx(wanted)
    gap = autograd.gradcheck(lambda p: loss(p, *given[1:], temperature=0.5), given[0])
    assert gap < 1e-6


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: cluster_tokens(X, 0), "cluster_tokens: k is 0"),
        (lambda: cluster_tokens(X, 0.0), "cluster_tokens: k is 0.0"),
        (lambda: ward(X, 1.5), "ward: k is 1.5"),
        (lambda: tail(X, -0.5), "tail: k is -0.5"),
        (lambda: tail(X, float("nan")), "tail: k is nan"),
        (lambda: tail(X, "4"), "tail: k is '4'"),
        (lambda: k_spacing(X, 0), "k_spacing: every is 0"),
        (lambda: cluster_tokens(X * np.nan, 2), "cluster_tokens: x"),
        (lambda: cluster_tokens(X, 2, iters=-1), "cluster_tokens: iters is -1"),
        (lambda: ward(X, 2, protect=-1), "ward: protect is -1"),
        (lambda: preset("C0"), "preset: name is 'C0'"),
        (lambda: preset("C101"), "preset: name is 'C101'"),
        (lambda: preset("tail8"), "preset: name is 'tail8'"),
        (lambda: preset("c8x32"), "preset: name is 'c8x32'"),
        (lambda: preset("C8x0"), "preset: name is 'C8x0'"),
        (lambda: pool_index(X, tail), "pool_index: index is"),
    ],
)
def test_bad_input_is_named(call, says):
    with pytest.raises(errors.TokenlabError, match=re.escape(says)):
        call()


def test_a_loss_of_what_does_not_fit_is_named():
    params, codes = {"weight": np.eye(2)}, [np.array([0, 0])]
    for args, says in [
        ((params, [X[:2]], [X[:2], X], codes, codes), "queries are 1 and docs 2"),
        ((params, [], [], [], []), "at least one"),
        ((params, [X[:2]], [X[:2]], [np.array([0])], codes), r"query_codes\[0\]"),
        ((params, [X[:2]], [X[:2]], codes, [np.array([-1, -1])]), r"doc_codes\[0\]"),
        ((params, [X[:2]], [X[:2]], codes, [np.array([-2, 0])]), r"doc_codes\[0\]"),
        ((params, [X[:2]], [X[:2]], codes, []), "doc_codes are 0"),
        (({"weight": np.eye(3)}, [X[:2]], [X[:2]], codes, codes), r"queries\[0\]"),
        (({"w": np.eye(2)}, [X[:2]], [X[:2]], codes, codes), "params"),
    ]:
        with pytest.raises(errors.TokenlabError, match=f"loss: .*{says}"):
            crisp.loss(*args)
    assert isinstance(tail(X, 2), Pooled)
