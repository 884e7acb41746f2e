"""A compressed index: what it finds, what comes and goes, and that exact answers are exact."""

import numpy as np
import pytest
import strategies as own
from hypothesis import given
from hypothesis import strategies as st

from tokenlab import use_engine
from tokenlab.data import load_faq
from tokenlab.errors import TokenlabError
from tokenlab.retrieval import TokenIndex, maxsim_search, xtr_search
from tokenlab.retrieval.codec import ResidualCodec
from tokenlab.retrieval.compressed import CompressedIndex, RecallRow, cheapest
from tokenlab.retrieval.compressed_search import SCANNED

RNG = np.random.default_rng(0)


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def docs_of(lengths, seed=0, d=8):
    rng = np.random.default_rng(seed)
    return [unit(rng.standard_normal((n, d))) if n else np.empty((0, d)) for n in lengths]


DOCS = docs_of([3, 5, 0, 1, 9, 4, 2, 7])
SOURCE = TokenIndex.from_docs(DOCS)
QUERY = unit(np.random.default_rng(1).standard_normal((4, 8)))


def build(bits=4, docs=DOCS, **options):
    return CompressedIndex.build(docs, bits=bits, rng=0, **{"n_centroids": 6, **options})


def decoded(index):
    """All documents as they are decoded, deleted ones without tokens."""
    docs = [np.empty((0, index.d))] * index.n_numbers
    for i in index.doc_ids:
        docs[i] = index.doc(i, normalize=False)
    return TokenIndex.from_docs(docs)


def agree(got, expected, n_q=1):
    """The same documents where scores differ; those without tokens are no answer."""
    there = np.isfinite(expected.scores)
    assert len(got.doc_ids) == there.sum()
    np.testing.assert_allclose(got.scores, n_q * expected.scores[there], atol=1e-5)
    assert set(got.doc_ids.tolist()) == set(expected.doc_ids[there].tolist())


# what it finds ----------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["numpy", "auto"])
@pytest.mark.parametrize("buckets", ["lloyd", "uniform", "quantile"])
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_all_clusters_probed_is_maxsim_of_what_is_decoded(bits, buckets, engine):
    index = build(bits, buckets=buckets)
    with use_engine(engine):
        agree(index.search(QUERY, k=99), maxsim_search(QUERY, decoded(index), k=99))


@pytest.mark.parametrize("k_prime", [1, 5, 31, 99])
@pytest.mark.parametrize("engine", ["numpy", "auto"])
def test_kth_is_xtr_on_what_is_decoded(k_prime, engine):
    index = build()
    expected = xtr_search(QUERY, decoded(index), k_prime=k_prime, k=99)
    with use_engine(engine):
        got = index.search(QUERY, k=99, impute="kth", k_prime=k_prime)
    agree(got, expected, len(QUERY))
    np.testing.assert_array_equal(got.doc_ids, expected.doc_ids)


@pytest.mark.parametrize("engine", ["numpy", "numba"])
def test_equal_tokens_go_to_the_lower_document(engine):
    if engine == "numba":
        pytest.importorskip("numba")
    index = build(docs=[[[1.0, 0.0]], [[0.0, 1.0]], [[1.0, 0.0]], [[1.0, 0.0]]])
    with use_engine(engine):
        got = index.search([[1.0, 0.0]], k=9, impute="kth", k_prime=2)
        assert got.doc_ids.tolist() == [0, 2]
        assert index.search([[1.0, 0.0]], k=3).doc_ids.tolist() == [0, 2, 3]


def test_a_score_by_hand():
    # Clusters of east and north: (1, 0) probes east alone, and north is worth what the second
    # centroid scores, 0; (0, 1) the other way round.
    codec = ResidualCodec.of([[1.0, 0.0], [0.0, 1.0]], [0.0], [0.0, 0.0])
    index = CompressedIndex(codec)
    index.add([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0]]])
    doc_ids, scores = index.search([[1.0, 0.0], [0.0, 0.5]], k=2, n_probe=1, t_prime=3)
    assert doc_ids.tolist() == [0, 1]
    np.testing.assert_allclose(scores, [1.5, 1.0])
    # One token is passed at the first centroid: now a miss is worth .5.
    np.testing.assert_allclose(
        index.search([[1.0, 0.0], [0.0, 0.5]], k=2, n_probe=1, t_prime=1).scores, [1.5, 1.5]
    )


def test_reranked_from_the_codes_and_from_the_source():
    index = build(2)
    unit_docs = TokenIndex.from_docs([index.doc(i) for i in range(8)])
    agree(index.search(QUERY, k=7, rerank=7), maxsim_search(QUERY, unit_docs, k=8))
    agree(index.search(QUERY, k=7, rerank=7, source=SOURCE), maxsim_search(QUERY, SOURCE, k=8))
    few = index.search(QUERY, k=7, rerank=2, source=SOURCE)
    assert len(few.doc_ids) == 2
    assert sorted(few.doc_ids) == sorted(index.search(QUERY, k=2).doc_ids)


def test_blocks_of_query_tokens_change_nothing(monkeypatch):
    assert SCANNED > 1000
    index = build()
    whole = [index.search(QUERY, k=9, impute=impute, k_prime=9) for impute in ("centroid", "kth")]
    monkeypatch.setattr("tokenlab.retrieval.compressed_search.SCANNED", 1)
    for impute, expected in zip(("centroid", "kth"), whole, strict=True):
        got = index.search(QUERY, k=9, impute=impute, k_prime=9)
        np.testing.assert_array_equal(got.doc_ids, expected.doc_ids)
        np.testing.assert_allclose(got.scores, expected.scores, rtol=1e-12)


@pytest.mark.parametrize("n", [1, 5])
def test_small_collections_are_found_by_the_default_search(n):
    docs = docs_of([1] * n, seed=4)
    index = build(docs=docs, n_centroids=256)
    for i, doc in enumerate(docs):
        assert index.search(doc, k=1).doc_ids.tolist() == [i]
        assert index.search(doc, k=1, impute="kth").doc_ids.tolist() == [i]
    found = index.search(docs[0], k=50, t_prime=10**6)
    assert sorted(found.doc_ids.tolist()) == list(range(n))
    assert np.isfinite(found.scores).all()


# only some documents ----------------------------------------------------------------------------


@pytest.mark.parametrize("impute", ["centroid", "kth"])
def test_allowed_documents_far_from_the_question(impute):
    index = build(keys=list("abcdefgh"))
    allowed = [1, 3, 4, 5, 7]
    mask = np.isin(np.arange(8), allowed)
    for among in (allowed, np.array(allowed), mask, mask.tolist(), list("bdefh")):
        got = index.search(QUERY, k=5, n_probe=1, k_prime=1, among=among, impute=impute)
        assert sorted(got.doc_ids.tolist()) == allowed
    for rerank in (0, 5):
        nothing = index.search(QUERY, k=5, n_probe=1, among=[], rerank=rerank, impute=impute)
        assert nothing.doc_ids.shape == nothing.scores.shape == (0,)
        with_source = index.search(QUERY, k=5, among=[], rerank=5, source=SOURCE, impute=impute)
        assert with_source.doc_ids.shape == (0,)


@pytest.mark.parametrize("impute", ["centroid", "kth"])
def test_scores_are_those_without_the_filter(impute):
    index = build()
    options = {"n_probe": 3, "impute": impute, "k_prime": 12}
    all_of_them = dict(zip(*index.search(QUERY, k=99, **options), strict=True))
    for among in ([int(i)] for i in all_of_them):
        doc_ids, scores = index.search(QUERY, k=1, among=among, **options)
        assert doc_ids.tolist() == among
        np.testing.assert_allclose(scores, all_of_them[among[0]])


# what comes and goes ----------------------------------------------------------------------------


def finds_itself(index, docs):
    assert index.sizes.sum() == index.n_tokens == sum(len(docs[i]) for i in index.doc_ids)
    assert index.n_docs == len(index.doc_ids)
    for i in index.doc_ids:
        if len(docs[i]):
            assert index.search(docs[i], k=1).doc_ids.tolist() == [i]
            np.testing.assert_allclose(index.doc(i), docs[i], atol=0.35)


def test_numbers_stay_through_deleting_adding_and_compacting():
    docs = dict(enumerate(docs_of(range(2, 17), seed=7)))
    index = build(8, [docs[i] for i in range(8)])
    index.delete([1, 3])
    assert index.add([docs[i] for i in range(8, 13)]).tolist() == [8, 9, 10, 11, 12]
    index.delete(8)
    assert index.add([docs[13], docs[14]]).tolist() == [13, 14]
    finds_itself(index, docs)
    before = index.search(QUERY, k=99)
    with_bytes = index.nbytes
    index.compact()
    finds_itself(index, docs)
    assert index.nbytes < with_bytes
    after = index.search(QUERY, k=99)
    np.testing.assert_array_equal(after.doc_ids, before.doc_ids)
    np.testing.assert_allclose(after.scores, before.scores, rtol=1e-12)
    assert index.add([docs[0]]).tolist() == [15]
    assert index.doc_ids.tolist() == [0, 2, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15]


@pytest.mark.parametrize("gone", [[0], [7], [0, 1, 3, 4, 5, 6, 7], list(range(8))])
@pytest.mark.parametrize("compact", [False, True])
def test_delete_the_first_the_last_all_but_one_all_and_add(gone, compact):
    docs = dict(enumerate([*DOCS, *docs_of([4, 2], seed=9)]))
    index = build(8)
    index.delete(gone)
    if compact:
        index.compact()
    assert set(index.search(QUERY, k=99).doc_ids.tolist()) == set(range(8)) - set(gone) - {2}
    assert index.add([docs[8], docs[9]]).tolist() == [8, 9]
    finds_itself(index, docs)


@own.quick
@given(st.integers(0, 999))
def test_any_order_of_changes_finds_what_is_left(seed):
    rng = np.random.default_rng(seed)
    index, docs = CompressedIndex(build(8).codec), {}
    for _ in range(6):
        new = docs_of(rng.integers(0, 4, rng.integers(0, 4)), seed=int(rng.integers(999)))
        docs.update(zip(index.add(new).tolist(), new, strict=True))
        if len(docs) and rng.random() < 0.5:
            gone = rng.permutation(list(docs))[: rng.integers(0, len(docs) + 1)]
            index.delete(gone)
            docs = {i: doc for i, doc in docs.items() if i not in gone}
        if rng.random() < 0.3:
            index.compact()
        assert index.doc_ids.tolist() == list(docs)
        assert index.sizes.sum() == index.n_tokens == sum(map(len, docs.values()))
    if index.n_tokens:
        agree(index.search(QUERY, k=99), maxsim_search(QUERY, decoded(index), k=99))


def test_the_number_of_pieces_stays_small_and_pieces_change_nothing(monkeypatch):
    docs = docs_of([3] * 40, seed=2)
    whole = build(docs=docs)
    apart = CompressedIndex(whole.codec)
    for doc in docs:
        apart.add([doc])
    assert len(apart.pieces) <= 6
    monkeypatch.setattr("tokenlab.retrieval.compressed_documents.PIECE", 7)
    in_pieces = CompressedIndex(whole.codec)
    in_pieces.add(docs)
    for other in (apart, in_pieces):
        for options in ({"n_probe": 2}, {"n_probe": 2, "impute": "kth", "k_prime": 7}):
            got, expected = (index.search(QUERY, k=9, **options) for index in (other, whole))
            np.testing.assert_array_equal(got.doc_ids, expected.doc_ids)
            np.testing.assert_allclose(got.scores, expected.scores, rtol=1e-12)


def test_keys():
    index = build(docs=DOCS[:4], keys=["1", "2", "3", "4"])
    index.delete(["2"])
    assert index.add(DOCS[4:5], keys=["2"]).tolist() == [4]
    for _ in range(2):
        assert index.keys([4, 0, 2, 3]) == ["2", "1", "3", "4"]
        np.testing.assert_array_equal(index.doc("2"), index.doc(4))
        index.compact()


def test_deleting_leaves_what_others_hold():
    index = build()
    alive, sizes = index.alive, index.sizes
    before = alive.copy(), sizes.copy()
    index.delete([0])
    np.testing.assert_array_equal(alive, before[0])
    np.testing.assert_array_equal(sizes, before[1])


# exact answers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [1, 4, 8])
@pytest.mark.parametrize("k", [1, 3, 50])
def test_certified_search_is_exact(bits, k):
    docs = docs_of(np.random.default_rng(5).integers(0, 9, 300), seed=5)
    source = TokenIndex.from_docs(docs)
    index = build(bits, docs)
    expected = maxsim_search(QUERY, source, k=k)
    doc_ids, scores, read = index.certified_search(QUERY, source, k=k)
    np.testing.assert_array_equal(doc_ids, expected.doc_ids)
    np.testing.assert_allclose(scores, expected.scores)
    assert k <= read <= 300


@own.quick
@given(st.integers(0, 9999), st.sampled_from([1, 4, 8]), st.floats(1e-3, 1e3))
def test_certified_search_is_exact_for_any_tokens_and_ties(seed, bits, size):
    rng = np.random.default_rng(seed)
    docs = [size * rng.integers(-2, 3, (n, 3)).astype(float) for n in rng.integers(0, 4, 30)]
    docs.append(np.full((1, 3), size))
    index = build(bits, docs)
    query = rng.integers(-2, 3, (2, 3)).astype(float)
    gone = rng.permutation(31)[:5]
    index.delete(gone)
    index.add([docs[-1]])
    source = TokenIndex.from_docs([*docs, docs[-1]])
    left = [i for i in index.doc_ids if len(source.doc(i))]
    expected = maxsim_search(query, source[left], k=4)
    got = index.certified_search(query, source, k=4)
    np.testing.assert_array_equal(got.doc_ids, np.array(left)[expected.doc_ids])
    np.testing.assert_allclose(got.scores, expected.scores)


def test_it_reads_little_where_the_codes_say_enough():
    faq = load_faq()
    index = CompressedIndex.build(faq.index, bits=8, n_centroids=64, rng=0)
    read = [index.certified_search(q, faq.index, k=10).read for q in faq.queries[:4]]
    assert np.mean(read) < 0.35 * faq.index.n_docs


def test_what_a_report_says():
    docs = docs_of([4] * 60, seed=3)
    source = TokenIndex.from_docs(docs)
    index = build(8, docs)
    index.delete([0])
    queries = [QUERY, docs[5], docs[0]]
    rows = index.recall_report(queries, source, k=5, n_probes=[1, 99], reranks=[0, 59])
    assert [(row.n_probe, row.rerank) for row in rows] == [(1, 0), (1, 59), (99, 0), (99, 59)]
    assert rows[-1].recall == 1
    assert all(0 <= row.recall <= 1 and row.seconds > 0 and row.exact_seconds > 0 for row in rows)
    assert "n_probe=" in cheapest(rows, recall=0.9)
    assert "No setting" in cheapest([RecallRow(1, 0, 0.5, 1.0, 1.0)], recall=0.9)


def test_documents_without_tokens_are_never_an_answer():
    docs = [*docs_of([0, 0]), DOCS[0]]
    source = TokenIndex.from_docs(docs)
    index = build(docs=docs)
    assert index.search(QUERY, k=3).doc_ids.tolist() == [2]
    assert index.certified_search(QUERY, source, k=3).doc_ids.tolist() == [2]
    assert index.recall_report([QUERY], source, k=3, n_probes=[9], reranks=[0])[0].recall == 1
    assert index.doc(0).shape == (0, 8)


# what does not fit ------------------------------------------------------------------------------

INDEX = build(keys=list("abcdefgh"))
INDEX.delete(["h"])
BARE = build()


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: CompressedIndex(ResidualCodec()), "CompressedIndex: codec is not fitted"),
        (lambda: CompressedIndex(3), "CompressedIndex: codec"),
        (lambda: CompressedIndex.build([]), "CompressedIndex.build: index"),
        (lambda: build(3), "bits is 3"),
        (lambda: build(buckets="equal"), "buckets"),
        (lambda: build(n_centroids=0), "n_centroids"),
        (lambda: CompressedIndex.build([np.empty((0, 3))]), "tokens"),
        *(
            (lambda query=query: INDEX.search(query, k=1), "CompressedIndex.search: query")
            for query in ([[np.nan] * 8], [[np.inf] * 8], [[1.0]], np.empty((0, 8)), [1.0], None)
        ),
        (lambda: INDEX.search(QUERY, k=0), "CompressedIndex.search: k"),
        (lambda: INDEX.search(QUERY, k=1, n_probe=0), "CompressedIndex.search: n_probe"),
        (lambda: INDEX.search(QUERY, k=1, t_prime=0), "CompressedIndex.search: t_prime"),
        (lambda: INDEX.search(QUERY, k=1, k_prime=0), "CompressedIndex.search: k_prime"),
        (lambda: INDEX.search(QUERY, k=1, rerank=-1), "CompressedIndex.search: rerank"),
        (lambda: INDEX.search(QUERY, k=1, impute="mean"), "CompressedIndex.search: impute"),
        (lambda: INDEX.search(QUERY, k=1, source=DOCS), "CompressedIndex.search: source"),
        (lambda: INDEX.search(QUERY, k=1, source=SOURCE[:3]), "CompressedIndex.search: source"),
        (lambda: INDEX.search(QUERY, k=1, among=[8]), "among has 8"),
        (lambda: INDEX.search(QUERY, k=1, among=[-1]), "among has -1"),
        (lambda: INDEX.search(QUERY, k=1, among=[7]), "among has 7, which was deleted"),
        (lambda: INDEX.search(QUERY, k=1, among=["h"]), "among has 'h'"),
        (lambda: INDEX.search(QUERY, k=1, among=np.ones(7, bool)), "among is .7,."),
        (lambda: INDEX.search(QUERY, k=1, among=[0.5]), "among"),
        (lambda: INDEX.delete([1, 1]), "CompressedIndex.delete: ids names 1 twice"),
        (lambda: INDEX.delete(["b", "b"]), "CompressedIndex.delete: ids names 1 twice"),
        (lambda: INDEX.delete([7]), "CompressedIndex.delete: ids has 7, which was deleted"),
        (lambda: INDEX.delete(["x"]), "CompressedIndex.delete: ids has 'x'"),
        (lambda: INDEX.delete([1, "b"]), "CompressedIndex.delete: ids has 1"),
        (lambda: INDEX.doc(8), "CompressedIndex.doc: id has 8"),
        (lambda: INDEX.doc(7), "CompressedIndex.doc: id has 7"),
        (lambda: INDEX.doc(-1), "CompressedIndex.doc: id has -1"),
        (lambda: INDEX.doc(0, normalize=1), "CompressedIndex.doc: normalize"),
        (lambda: INDEX.keys([9]), "CompressedIndex.keys: ids has 9"),
        (lambda: BARE.keys([0]), "CompressedIndex.keys: ids have no keys"),
        (lambda: INDEX.add(DOCS[:1]), "CompressedIndex.add: keys is None"),
        (lambda: BARE.add(DOCS[:1], keys=["x"]), "CompressedIndex.add: keys were given"),
        (lambda: INDEX.add(DOCS[:2], keys=["x"]), "CompressedIndex.add: keys has 1"),
        (lambda: INDEX.add(DOCS[:1], keys=["a"]), "CompressedIndex.add: keys has 'a'"),
        (lambda: INDEX.add(DOCS[:2], keys=["x", "x"]), "CompressedIndex.add: keys has 'x'"),
        (lambda: INDEX.add(DOCS[:1], keys=[1]), "CompressedIndex.add: keys"),
        (lambda: INDEX.add(DOCS[:1], keys=["\ud800"]), "CompressedIndex.add: keys"),
        (lambda: BARE.add([[[1.0]]]), "CompressedIndex.add: docs have d = 1"),
        (lambda: BARE.add([[[np.nan] * 8]]), "CompressedIndex.add: docs"),
        (lambda: INDEX.certified_search(QUERY, SOURCE, k=0), "CompressedIndex.certified_search: k"),
        (lambda: INDEX.certified_search(QUERY, SOURCE[:2], k=1), "source"),
        (lambda: INDEX.recall_report([], SOURCE), "CompressedIndex.recall_report: queries"),
        (lambda: INDEX.recall_report([QUERY], SOURCE, n_probes=[0]), "n_probes"),
        (lambda: INDEX.recall_report([QUERY], SOURCE, reranks=[-1]), "reranks"),
        (lambda: cheapest([], recall=0.9), "cheapest: rows"),
        (lambda: cheapest([RecallRow(1, 0, 0.5, 1.0, 1.0)], recall=2), "cheapest: recall"),
    ],
)
def test_what_does_not_fit_is_named_and_changes_nothing(call, named):
    before = INDEX.doc_ids.tolist(), BARE.doc_ids.tolist(), INDEX.n_tokens, BARE.n_tokens
    with pytest.raises(TokenlabError, match=named):
        call()
    assert before == (INDEX.doc_ids.tolist(), BARE.doc_ids.tolist(), INDEX.n_tokens, BARE.n_tokens)
