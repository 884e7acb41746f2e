"""What a teacher runs on top: random input against loops, and the edges."""

import math

import numpy as np

from tokenlab.assignments import task


def collection(seed, n_docs=5):
    """Lengths (the second is 0), offsets, and the document of each token."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 6, n_docs)
    lengths[1] = 0
    return rng, np.concatenate([[0], np.cumsum(lengths)]), np.repeat(np.arange(n_docs), lengths)


@task("1.1", points=1)
def test_random_vectors_against_a_loop(answer):
    rng = np.random.default_rng(1)
    tokens, query = rng.normal(size=(7, 5)), rng.normal(size=(3, 5))
    tokens[2] = 0
    found = answer.similarities(tokens.copy(), query.copy())
    for j in range(7):
        for i in range(3):
            size = math.sqrt(sum(tokens[j] ** 2) * sum(query[i] ** 2))
            expected = 0.0 if size == 0 else sum(tokens[j] * query[i]) / size
            assert abs(found[j, i] - expected) < 1e-9, f"token {j}, query token {i}"


@task("1.2", points=2)
def test_random_documents_against_a_loop(answer):
    rng, offsets, _ = collection(2)
    similarity = rng.normal(size=(offsets[-1], 4)) - 1
    found = answer.maxsim(similarity.copy(), offsets)
    assert found.shape == (5,)
    for doc in range(5):
        total = 0.0
        for i in range(4):
            total += max(
                [similarity[j, i] for j in range(*offsets[doc : doc + 2])], default=-np.inf
            )
        assert found[doc] == total / 4 or abs(found[doc] - total / 4) < 1e-9, f"document {doc}"


@task("1.3", points=1)
def test_more_than_there_are_means_all(answer):
    similarity = np.random.default_rng(3).normal(size=(6, 2))
    ids, sims = answer.token_topk(similarity, 50)
    assert ids.shape == sims.shape == (2, 6)
    np.testing.assert_array_equal(np.sort(ids, axis=1), [range(6)] * 2)


@task("1.3", points=1)
def test_many_ties_against_sorted(answer):
    similarity = np.random.default_rng(4).integers(0, 4, (30, 5)) / 4
    ids, sims = answer.token_topk(similarity.copy(), 7)
    assert ids.shape == (5, 7)
    for i in range(5):
        expected = sorted(range(30), key=lambda j: (-similarity[j, i], j))[:7]
        assert list(ids[i]) == expected, f"query token {i}"
        assert list(sims[i]) == [similarity[j, i] for j in expected], f"query token {i}"


@task("1.4", points=3)
def test_random_hits_against_a_dictionary(answer):
    rng, offsets, owner = collection(5, n_docs=8)
    ids = np.array([rng.permutation(offsets[-1])[:4] for _ in range(3)])
    sims = rng.normal(size=(3, 4))
    expected = {}
    for i in range(3):
        for token, value in zip(ids[i], sims[i], strict=True):
            row = expected.setdefault(int(owner[token]), [-np.inf] * 3)
            row[i] = max(row[i], value)
    candidates, best = answer.best_hits(ids.copy(), sims.copy(), owner)
    assert list(candidates) == sorted(expected)
    np.testing.assert_allclose(best, [expected[doc] for doc in sorted(expected)])


@task("1.5", points=2)
def test_random_scores_against_a_loop(answer):
    rng = np.random.default_rng(6)
    sims = rng.normal(size=(4, 6))
    best = rng.normal(size=(5, 4))
    best[rng.random((5, 4)) < 0.4] = -np.inf
    found = answer.xtr_scores(best.copy(), sims.copy())
    assert found.shape == (5,)
    for c in range(5):
        values = [min(sims[i]) if best[c, i] == -np.inf else best[c, i] for i in range(4)]
        assert abs(found[c] - sum(values) / 4) < 1e-9, f"candidate {c}"
