"""What a teacher runs on top: random input against loops, and the edges."""

import math

import numpy as np

from tokenlab.assignments import task


def close(found, expected, **options):
    """Equal to nine digits, and of the same shape."""
    assert np.shape(found) == np.shape(expected), f"shape {np.shape(found)}"
    np.testing.assert_allclose(found, expected, **({"rtol": 1e-9} | options))


def whole(found, expected):
    """Equal integers: they number something."""
    assert np.asarray(found).dtype.kind in "iu", "integers are wanted"
    np.testing.assert_array_equal(found, expected)


def collection(seed, n_docs=5):
    """Lengths (the second and the last are 0), offsets, and the document of each token."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 6, n_docs)
    lengths[[1, -1]] = 0
    return rng, np.concatenate([[0], np.cumsum(lengths)]), np.repeat(np.arange(n_docs), lengths)


@task("1.1", points=1)
def test_random_vectors_against_a_loop(answer):
    rng = np.random.default_rng(1)
    tokens, query = rng.normal(size=(7, 5)), rng.normal(size=(3, 5))
    tokens[2] = query[1] = 0
    found = np.asarray(answer.similarities(tokens.copy(), query.copy()))
    for j in range(7):
        for i in range(3):
            size = math.sqrt(sum(tokens[j] ** 2) * sum(query[i] ** 2))
            expected = 0.0 if size == 0 else sum(tokens[j] * query[i]) / size
            close(found[j, i], expected, atol=1e-15, err_msg=f"token {j}, query token {i}")


@task("1.2", points=1)
def test_random_documents_against_a_loop(answer):
    rng, offsets, _ = collection(2)
    similarity = rng.normal(size=(offsets[-1], 4)) - 1
    found = np.asarray(answer.maxsim(similarity.copy(), offsets))
    assert found.shape == (5,)
    for doc in range(5):
        total = 0.0
        for i in range(4):
            total += max(
                [similarity[j, i] for j in range(*offsets[doc : doc + 2])], default=-np.inf
            )
        close(found[doc], total / 4, err_msg=f"document {doc}")


@task("1.3", points=1)
def test_more_than_there_are_means_all(answer):
    similarity = np.random.default_rng(3).normal(size=(6, 2))
    ids, sims = map(np.asarray, answer.token_topk(similarity, 50))
    assert ids.shape == sims.shape == (2, 6)
    expected = [sorted(range(6), key=lambda j, i=i: -similarity[j, i]) for i in range(2)]
    whole(ids, expected)
    close(sims, [[similarity[j, i] for j in expected[i]] for i in range(2)])


@task("1.3", points=1)
def test_many_ties_against_sorted(answer):
    similarity = np.random.default_rng(4).integers(0, 4, (30, 5)) / 7
    ids, sims = map(np.asarray, answer.token_topk(similarity.copy(), 7))
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
    candidates, best = map(np.asarray, answer.best_hits(ids.copy(), sims.copy(), owner))
    whole(candidates, sorted(expected))
    close(best, [expected[doc] for doc in sorted(expected)])


@task("1.5", points=2)
def test_random_scores_against_a_loop(answer):
    rng = np.random.default_rng(6)
    sims = rng.normal(size=(4, 6))
    best = rng.normal(size=(5, 4))
    best[rng.random((5, 4)) < 0.4] = -np.inf
    found = np.asarray(answer.xtr_scores(best.copy(), sims.copy()))
    assert found.shape == (5,)
    for c in range(5):
        values = [min(sims[i]) if best[c, i] == -np.inf else best[c, i] for i in range(4)]
        close(found[c], sum(values) / 4, atol=1e-15, err_msg=f"candidate {c}")
