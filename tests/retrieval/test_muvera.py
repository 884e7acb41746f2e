"""MUVERA: cases where the encoding is exact, a plain loop, both variants, searching, bad input."""

import re

import numpy as np
import pytest

from tokenlab import errors
from tokenlab.retrieval import FDE, TokenIndex, maxsim, maxsim_search, muvera_search, recall


def tokens(n, d=8, seed=0):
    x = np.random.default_rng([n, d, seed]).standard_normal((n, d))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def collection(lengths=(5, 1, 0, 30, 12), d=8):
    return TokenIndex.from_docs([tokens(n, d, seed=i + 1) for i, n in enumerate(lengths)])


QUERY = tokens(6)


def test_one_block_is_the_sum_and_the_mean():
    index = collection()
    fde = FDE(8, k_sim=0, repetitions=3, rng=0)
    scores = fde.encode_docs(index) @ fde.encode_query(QUERY)
    wanted = [QUERY.sum(axis=0) @ doc.mean(axis=0) if len(doc) else 0 for doc in index]
    np.testing.assert_allclose(scores, wanted)
    assert fde.dim == 24


@pytest.mark.parametrize("variant", ["paper", "official"])
def test_one_token_a_document_is_exact(variant):
    index = collection((1, 1, 1))
    for k_sim in (1, 3, 5):
        fde = FDE(8, k_sim=k_sim, repetitions=4, variant=variant, rng=k_sim)
        scores = fde.encode_docs(index) @ fde.encode_query(QUERY)
        np.testing.assert_allclose(scores, maxsim(QUERY, index))
    fde = FDE(8, k_sim=3, repetitions=4, fill=False, rng=0)  # what is empty adds nothing
    assert not np.allclose(fde.encode_docs(index) @ fde.encode_query(QUERY), maxsim(QUERY, index))


def by_loop(x, fde, kind, gray):
    """An encoding, block by block; `kind` is "query" or "doc"."""
    out = []
    for r in range(fde.repetitions):
        bits = [tuple(int(v) for v in row) for row in (x @ fde.planes[r] > 0)]
        psi = x if fde.projections is None else x @ fde.projections[r]
        for block in range(2**fde.k_sim):
            number = block ^ (block >> 1) if gray else block
            code = tuple(int(c) for c in format(number, f"0{fde.k_sim}b"))
            inside = [psi[i] for i, own in enumerate(bits) if own == code]
            if inside:
                total = np.sum(inside, axis=0)
                out.append(total if kind == "query" else total / len(inside))
            elif kind == "doc" and fde.fill and len(x):
                apart = [sum(a != b for a, b in zip(own, code, strict=True)) for own in bits]
                out.append(psi[int(np.argmin(apart))])
            else:
                out.append(np.zeros(psi.shape[1]))
    return np.concatenate(out) / np.sqrt(fde.repetitions)


@pytest.mark.parametrize("variant", ["paper", "official"])
@pytest.mark.parametrize("options", [{}, {"d_proj": 3}, {"d_proj": 20}, {"fill": False}])
def test_against_a_loop(variant, options):
    index = collection()
    fde = FDE(8, k_sim=3, repetitions=2, variant=variant, rng=5, **options)
    gray = variant == "official"
    np.testing.assert_allclose(
        fde.encode_query(QUERY), by_loop(QUERY, fde, "query", gray), atol=1e-12
    )
    wanted = [by_loop(doc, fde, "doc", gray) for doc in index]
    np.testing.assert_allclose(fde.encode_docs(index), wanted, atol=1e-12)
    assert fde.encode_docs(index).shape == (5, fde.dim)
    assert not fde.encode_docs(index)[2].any()  # no tokens, no vector
    assert np.count_nonzero(fde.encode_query(QUERY)) <= len(QUERY) * 2 * (fde.d_proj or 8)


def test_a_gray_code_changes_no_product():
    index = collection()
    scores = [
        fde.encode_docs(index) @ fde.encode_query(QUERY)
        for fde in (FDE(8, variant=variant, rng=3) for variant in ("paper", "official"))
    ]
    np.testing.assert_allclose(*scores)


def test_shapes_and_scales():
    fde = FDE(8, k_sim=3, d_proj=5, repetitions=2, rng=0)
    assert fde.planes.shape == (2, 8, 3)
    assert fde.projections.shape == (2, 8, 5)
    np.testing.assert_allclose(np.abs(fde.projections), 1 / np.sqrt(5), rtol=1e-6)
    assert fde.dim == 2 * 8 * 5
    hashed = FDE(8, d_proj=5, repetitions=2, variant="official", rng=0).projections
    assert (np.abs(hashed).sum(axis=2) == 1).all()
    assert FDE(8, rng=0).projections is None
    short = FDE(8, k_sim=3, repetitions=2, final=7, rng=0)
    assert short.dim == 7
    assert short.encode_docs(collection()).shape == (5, 7)
    assert FDE(8, rng=0).encode_query(QUERY.astype(np.float32)).dtype == np.float32
    assert "k_sim=3" in repr(short)


@pytest.mark.parametrize("variant", ["paper", "official"])
def test_projections_are_right_in_the_mean(variant):
    query, index = QUERY, collection((9, 4))
    plain = FDE(8, k_sim=2, repetitions=3, rng=0)
    exact = plain.encode_docs(index) @ plain.encode_query(query)
    found = []
    for seed in range(150):
        fde = FDE(8, k_sim=2, repetitions=3, final=16, variant=variant, rng=seed)
        fde.planes = plain.planes
        found.append(fde.encode_docs(index) @ fde.encode_query(query))
    error = np.std(found, axis=0) / np.sqrt(len(found))
    assert (np.abs(np.mean(found, axis=0) - exact) < 5 * error).all()


def test_search():
    index = collection((5, 9, 0, 30, 12, 7, 7))
    fde = FDE(8, rng=0)
    encoded = fde.encode_docs(index)
    every = muvera_search(QUERY, index, fde, encoded, k=4, n_candidates=99)
    wanted = maxsim_search(QUERY, index, k=4)
    np.testing.assert_array_equal(every.doc_ids, wanted.doc_ids)
    np.testing.assert_allclose(every.scores, wanted.scores)
    few = muvera_search(QUERY, index, fde, encoded, k=4, n_candidates=2)
    assert len(few.doc_ids) == 2
    best = np.argsort(-(encoded @ fde.encode_query(QUERY)))[:2]
    assert set(few.doc_ids.tolist()) == set(best.tolist())
    twin = TokenIndex.from_docs([index.doc(0)] * 3)
    tied = muvera_search(QUERY, twin, fde, fde.encode_docs(twin), k=3)
    assert tied.doc_ids.tolist() == [0, 1, 2]


def test_more_repetitions_come_nearer():
    index = collection((20,) * 60)
    found = []
    for repetitions in (1, 40):
        fde = FDE(8, k_sim=3, repetitions=repetitions, rng=0)
        encoded = fde.encode_docs(index)
        queries = [tokens(6, seed=100 + i) for i in range(20)]
        exact = [maxsim_search(q, index, k=5).doc_ids.tolist() for q in queries]
        ours = [np.argsort(-(encoded @ fde.encode_query(q)))[:5] for q in queries]
        found.append(np.mean([recall(o, e, 5) for o, e in zip(ours, exact, strict=True)]))
    assert found[1] > found[0] + 0.1


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda f, i: FDE(0), "FDE: d is 0"),
        (lambda f, i: FDE(8, k_sim=17), "FDE: k_sim is 17"),
        (lambda f, i: FDE(8, k_sim=-1), "FDE: k_sim is -1"),
        (lambda f, i: FDE(8, d_proj=0), "FDE: d_proj is 0"),
        (lambda f, i: FDE(8, variant="gray"), "FDE: variant is 'gray'"),
        (lambda f, i: f.encode_query(QUERY[:, :5]), "encode_query: query"),
        (lambda f, i: f.encode_query(QUERY * np.nan), "encode_query: query"),
        (lambda f, i: f.encode_query(QUERY[:0]), "encode_query: query"),
        (lambda f, i: f.encode_docs(collection(d=5)), "encode_docs: index"),
        (lambda f, i: f.encode_docs(QUERY), "encode_docs: index"),
        (lambda f, i: muvera_search(QUERY, i, f, np.ones((3, f.dim)), k=1), "encoded is (3,"),
        (lambda f, i: muvera_search(QUERY, i, f, np.ones((5, 3)), k=1), "encoded is (5, 3)"),
        (lambda f, i: muvera_search(QUERY, i, "f", np.ones((5, 3)), k=1), "fde is 'f'"),
        (lambda f, i: muvera_search(QUERY, i, f, f.encode_docs(i), k=0), "k is 0"),
        (lambda f, i: muvera_search(QUERY, i, FDE(5), f.encode_docs(i), k=1), "muvera_search: "),
    ],
)
def test_bad_input_is_named(call, says):
    with pytest.raises(errors.TokenlabError, match=re.escape(says)):
        call(FDE(8, rng=0), collection())
