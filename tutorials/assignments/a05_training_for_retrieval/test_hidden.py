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


def loop_loss(query, tokens, offsets, k_train, positive, temperature):
    """The loss by plain loops."""
    n_q, n_docs = len(query), len(offsets) - 1
    best = [[] for _ in range(n_docs)]
    for i in range(n_q):
        similarity = [float(query[i] @ token) for token in tokens]
        retrieved = sorted(range(len(tokens)), key=lambda j: (-similarity[j], j))[:k_train]
        for b in range(n_docs):
            own = range(offsets[b], offsets[b + 1])
            if any(j in retrieved for j in own):
                best[b].append(max(similarity[j] if j in retrieved else 0.0 for j in own))
    scores = [sum(values) / max(len(values), 1) for values in best]
    total = sum(math.exp(score / temperature) for score in scores)
    return math.log(total) - scores[positive] / temperature


def batch(seed):
    """Random vectors; the third and the last document are empty."""
    rng = np.random.default_rng(seed)
    offsets = np.cumsum([0, 3, 4, 0, 2, 5, 0])
    return rng.normal(size=(4, 6)) / 2, rng.normal(size=(14, 6)) / 2, offsets


@task("5.1", points=1)
def test_random_similarities_against_a_loop(answer):
    similarity = np.random.default_rng(1).normal(size=(4, 9))
    mask = np.asarray(answer.token_mask(similarity.copy(), 3))
    assert mask.shape == (4, 9)
    for i in range(4):
        for j in range(9):
            rank = sum(1 for other in similarity[i] if other > similarity[i, j])
            assert bool(mask[i, j]) == (rank < 3), f"query token {i}, token {j}"


@task("5.1", points=1)
def test_ties_and_more_than_there_are(answer):
    similarity = np.array([[0.3, 0.3, 0.1, 0.3], [0.0, 0.0, 0.0, 0.0]])
    np.testing.assert_array_equal(answer.token_mask(similarity, 2), [[1, 1, 0, 0]] * 2)
    np.testing.assert_array_equal(answer.token_mask(similarity, 7), np.ones((2, 4)))


@task("5.2", points=2)
def test_random_documents_against_a_loop(answer):
    rng = np.random.default_rng(2)
    _, _, offsets = batch(2)
    similarity, mask = rng.normal(size=(4, 14)), rng.random((4, 14)) < 0.3
    mask[:, 7:9] = False  # a document of which nothing was retrieved
    scores, z = map(np.asarray, answer.train_scores(similarity.copy(), mask.copy(), offsets.copy()))
    for b in range(6):
        own = range(offsets[b], offsets[b + 1])
        hits = [i for i in range(4) if any(mask[i, j] for j in own)]
        total = sum(max(similarity[i, j] if mask[i, j] else 0.0 for j in own) for i in hits)
        assert z[b] == len(hits), f"document {b}"
        close(scores[b], total / max(len(hits), 1), atol=1e-15, err_msg=f"document {b}")


@task("5.2", points=1)
def test_negative_similarities(answer):
    similarity = np.array([[-0.5, -0.2, -0.3], [-0.1, -0.4, -0.6]])
    mask = np.array([[0, 1, 1], [1, 0, 1]], dtype=bool)
    scores, z = map(np.asarray, answer.train_scores(similarity, mask, np.array([0, 0, 2, 3, 3])))
    close(scores, [0, 0, -0.45, 0], atol=1e-12)
    whole(z, [0, 2, 2, 0])


@task("5.3", points=1)
def test_random_scores_against_a_loop(answer):
    scores = np.random.default_rng(3).normal(size=6)
    before = scores.copy()
    for positive, temperature in ((4, 0.3), (1, 2.0)):
        loss, slope = map(np.asarray, answer.cross_entropy(scores, positive, temperature))
        np.testing.assert_array_equal(scores, before, "the scores were changed")
        p = [math.exp(score / temperature) for score in before]
        close(loss, math.log(sum(p) / p[positive]))
        expected = [(p[b] / sum(p) - (b == positive)) / temperature for b in range(6)]
        close(slope, expected)


@task("5.3", points=2)
def test_scores_that_are_far_apart(answer):
    loss, slope = map(np.asarray, answer.cross_entropy(np.array([900.0, 0.0, -5.0]), 0, 0.5))
    close(loss, 0, atol=1e-9)
    close(slope, [0, 0, 0], atol=1e-9)
    loss, slope = map(np.asarray, answer.cross_entropy(np.array([900.0, 0.0, -5.0, 1.0]), 1, 0.5))
    close(loss, 1800)
    close(slope, [2, -2, 0, 0], atol=1e-9)


@task("5.4", points=2)
def test_random_batches_against_central_differences(answer):
    query, tokens, offsets = batch(4)
    for k_train, positive, temperature in ((5, 1, 1.0), (2, 4, 0.4), (20, 0, 2.0)):
        setting = (offsets, k_train, positive, temperature)
        loss, query_grad, token_grad = map(
            np.asarray, answer.token_gradients(query.copy(), tokens.copy(), *setting)
        )
        close(loss, loop_loss(query, tokens, *setting))
        for x, found in ((query, query_grad), (tokens, token_grad)):
            assert found.shape == x.shape
            for at in ((0, 1), (2, 5), (3, 0), (1, 2)):
                ends = []
                for sign in (1, -1):
                    kept = x[at]
                    x[at] = kept + sign * 1e-5
                    ends.append(loop_loss(query, tokens, *setting))
                    x[at] = kept
                assert abs(found[at] - (ends[0] - ends[1]) / 2e-5) < 1e-6, f"number {at}"


@task("5.4", points=1)
def test_what_was_not_retrieved_does_not_move(answer):
    # Nothing of the right document is retrieved; in the last one a 0 beats a negative similarity.
    query = np.array([[1.0, 0.0, 0.0], [0.8, 0.6, 0.0]])
    tokens = np.array([[-3.0, 0, 1], [1.0, 1, 0], [0.5, 0, 2], [-2.0, 0.5, 0], [-1.0, 0, 0]])
    _, query_grad, token_grad = map(
        np.asarray, answer.token_gradients(query, tokens, np.array([0, 1, 3, 5]), 3, 0, 1.0)
    )
    scores = np.array([0, (1 + 1.4) / 2, 0])
    p = np.exp(scores) / np.exp(scores).sum()
    g = np.zeros((2, 5))
    g[:, 1] = p[1] / 2
    close(query_grad, g @ tokens, atol=1e-12)
    close(token_grad, g.T @ query, atol=1e-12)
    # Of two equal similarities in a document the first one moves.
    query, tokens = np.array([[1.0, 0.0]]), np.array([[1.0, 2.0], [1.0, 3.0], [0.5, 1.0]])
    _, _, token_grad = map(
        np.asarray, answer.token_gradients(query, tokens, np.array([0, 2, 3]), 3, 1, 1.0)
    )
    p = np.exp([1.0, 0.5]) / np.exp([1.0, 0.5]).sum()
    close(token_grad, [[p[0], 0], [0, 0], [p[1] - 1, 0]], atol=1e-12)


@task("5.5", points=1)
def test_a_cubic_shows_the_epsilon(answer):
    x = np.random.default_rng(8).normal(size=(3, 2))
    before = x.copy()
    found = np.asarray(
        answer.central_differences(lambda x: (x**3).sum() + x[0, 0] * x[2, 1], x, 0.5)
    )
    np.testing.assert_array_equal(x, before, "x was changed")
    expected = 3 * before**2 + 0.25  # (x + e)^3 - (x - e)^3 = 2 e (3 x^2 + e^2)
    expected[0, 0] += before[2, 1]
    expected[2, 1] += before[0, 0]
    close(found, expected)


@task("5.5", points=1)
def test_whole_numbers_and_a_small_epsilon(answer):
    x = np.array([[1, 2, 3]])
    found = np.asarray(
        answer.central_differences(lambda x: np.exp(x[0, 0]) * x[0, 1] + x[0, 2], x, 1e-5)
    )
    close(found, [[2 * np.e, np.e, 1]], rtol=1e-6)
