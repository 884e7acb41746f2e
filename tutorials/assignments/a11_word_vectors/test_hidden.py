"""What a teacher runs on top: random texts against loops, order, edges, the optimum."""

import numpy as np

from tokenlab.assignments import task
from tokenlab.embeddings import skip_gram


@task("11.1", points=2)
def test_random_texts(answer):
    rng = np.random.default_rng(0)
    for _ in range(20):
        lengths = rng.integers(0, 6, 4)
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        ids, widths = rng.integers(0, 4, offsets[-1]), rng.integers(1, 5, offsets[-1])
        text = np.repeat(np.arange(4), lengths)
        expected = [
            (ids[p], ids[q])
            for p in range(len(ids))
            for q in range(len(ids))
            if p != q and abs(p - q) <= widths[p] and text[p] == text[q]
        ]
        assert [tuple(pair) for pair in answer.near_pairs(ids, offsets, widths)] == expected


@task("11.1", points=1)
def test_a_word_beside_itself_and_texts_of_one(answer):
    found = answer.near_pairs(np.array([3, 3]), np.array([0, 2]), np.array([1, 1]))
    assert [tuple(pair) for pair in found] == [(3, 3), (3, 3)]
    assert len(answer.near_pairs(np.array([3, 3]), np.array([0, 1, 2]), np.array([4, 4]))) == 0


@task("11.2", points=2)
def test_random_pairs(answer):
    rng = np.random.default_rng(0)
    vectors, outputs = rng.standard_normal((2, 6, 4))
    for _ in range(20):
        word, context = rng.integers(0, 6, 2)
        draws = rng.integers(0, 6, 5)
        expected = skip_gram.loss(vectors, outputs, [[word, context]], draws[None])
        found = answer.pair_loss(vectors, outputs, word, context, draws)
        assert np.ndim(found) == 0, "one pair has one number"
        np.testing.assert_allclose(found, expected)


@task("11.2", points=1)
def test_large_products(answer):
    vectors, outputs = np.array([[1000.0]]), np.array([[1.0], [-1.0]])
    np.testing.assert_allclose(
        answer.pair_loss(vectors, outputs, 0, 0, np.array([1])), 0, atol=1e-9
    )
    found = answer.pair_loss(vectors, outputs, 0, 1, np.array([0, 0]))
    np.testing.assert_allclose(found, 3000)


@task("11.3", points=2)
def test_draws_that_come_twice_and_the_context_among_them(answer):
    rng = np.random.default_rng(0)
    vectors, outputs = rng.standard_normal((2, 4, 3))
    for _ in range(20):
        word, context = rng.integers(0, 4, 2)
        draws = rng.integers(0, 4, 5)
        expected = skip_gram.sgd_pass(vectors, outputs, [[word, context]], draws[None], 0.7)
        found = answer.sgd_step(vectors, outputs, word, context, draws, 0.7)
        np.testing.assert_allclose(found[0], expected.vectors)
        np.testing.assert_allclose(found[1], expected.outputs)


@task("11.3", points=1)
def test_a_small_step_is_the_gradient(answer):
    rng = np.random.default_rng(1)
    vectors, outputs = rng.standard_normal((2, 4, 3))
    draws, rate = np.array([0, 3]), 1e-6
    loss = lambda v: skip_gram.loss(v, outputs, [[1, 2]], draws[None])  # noqa: E731
    slope = []
    for j in range(3):
        up, down = vectors.copy(), vectors.copy()
        up[1, j] += 1e-5
        down[1, j] -= 1e-5
        slope.append((loss(up) - loss(down)) / 2e-5)
    moved, _ = answer.sgd_step(vectors, outputs, 1, 2, draws, rate)
    np.testing.assert_allclose(
        (moved[1] - vectors[1]) / rate, -np.array(slope), rtol=1e-4, atol=1e-6
    )


@task("11.4", points=2)
def test_random_windows(answer):
    rng = np.random.default_rng(0)
    vectors, outputs = rng.standard_normal((2, 6, 3))
    for n in (1, 2, 3, 5, 7):
        centre, around, draws = rng.integers(0, 6), rng.integers(0, 6, n), rng.integers(0, 6, 4)
        each = ([centre], around, [0, n], draws[None], 0.6)
        expected = skip_gram.cbow_pass(vectors, outputs, *each)
        found = answer.cbow_step(vectors, outputs, centre, around, draws, 0.6)
        np.testing.assert_allclose(found[0], expected.vectors)
        np.testing.assert_allclose(found[1], expected.outputs)


@task("11.4", points=1)
def test_a_word_that_stands_around_twice(answer):
    vectors, outputs = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[1.0, 1.0], [0.5, 0.0]])
    found, _ = answer.cbow_step(vectors, outputs, 0, np.array([1, 1]), np.array([], dtype=int), 1.0)
    g = 1 - 1 / (1 + np.exp(-1))
    np.testing.assert_allclose(found, [[1, 0], [g, 1 + g]])


@task("11.5", points=2)
def test_words_and_contexts_of_different_number(answer):
    rng = np.random.default_rng(0)
    for k in (1, 2, 5):
        counts = rng.integers(0, 4, (4, 6)) + np.eye(4, 6) + (np.arange(6) == 5)
        counts = counts + (counts.sum(axis=0) == 0)
        found = answer.best_products(counts.astype(float), k)
        for w in range(4):
            for c in range(6):
                x = counts[w, c]
                share = x * counts.sum() / (counts[w].sum() * counts[:, c].sum())
                expected = np.log(share / k) if x else -np.inf
                np.testing.assert_allclose(found[w, c], expected, atol=1e-9)


@task("11.5", points=1)
def test_no_warning_and_the_least_loss(answer):
    counts = np.array([[3.0, 1, 2], [1, 5, 1], [4, 1, 1]])
    chance = counts.sum(axis=0) / counts.sum()
    with np.errstate(all="raise"):
        best = answer.best_products(counts, 3)
        assert np.isneginf(answer.best_products(np.array([[0.0, 1], [1, 1]]), 1)[0, 0])
    least = skip_gram.expected_loss(np.eye(3), best.T.copy(), counts, chance, 3)
    for off in np.random.default_rng(0).standard_normal((5, 3, 3)):
        assert skip_gram.expected_loss(np.eye(3), best.T + 0.1 * off, counts, chance, 3) > least
