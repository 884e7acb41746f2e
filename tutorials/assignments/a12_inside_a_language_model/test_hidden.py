"""What a teacher runs on top: random inputs against loops and differences, edges, sizes."""

import numpy as np

from tokenlab.analysis import dynamics
from tokenlab.assignments import task


@task("12.1", points=2)
def test_random_replacements(answer):
    rng = np.random.default_rng(7)
    for n in (1, 2, 5, 9):
        log_odds, replaced = rng.standard_normal(n), rng.random(n) < 0.5
        before, after = rng.random(2)
        expected = []
        for i in range(n):
            d = before - after if replaced[i] else after - before
            expected.append(log_odds[i] + np.log((1 + d) / (1 - d)))
        found = np.asarray(answer.credit(log_odds, replaced, before, after))
        assert found.shape == (n,)
        np.testing.assert_allclose(found, expected)


@task("12.1", points=1)
def test_a_drop_of_one_is_cut(answer):
    most = np.log(1.999 / 0.001)
    replaced = np.array([False, True, False])
    down = answer.credit(np.array([0.0, 1.0, 2.0]), replaced, 1.0, 0.0)
    up = answer.credit(np.array([0.0, 1.0, 2.0]), replaced, 0.0, 1.0)
    np.testing.assert_allclose(np.asarray(down), [-most, 1 + most, 2 - most], rtol=1e-9)
    np.testing.assert_allclose(np.asarray(up), [most, 1 - most, 2 + most], rtol=1e-9)


@task("12.2", points=2)
def test_differences(answer):
    """Against the loss, one number moved at a time."""
    rng = np.random.default_rng(7)
    for n, d_in, d_out in ((1, 3, 2), (4, 2, 5), (3, 4, 4)):
        theta, weight = rng.standard_normal((2, d_in, d_out))
        x, y_grad = rng.standard_normal((n, d_in)), rng.standard_normal((n, d_out))
        temperature, penalty = rng.uniform(0.5, 3), rng.uniform(1, 5)

        def loss(at, w=weight, x=x, g=y_grad, temperature=temperature, penalty=penalty):
            m = 1 / (1 + np.exp(-temperature * at))
            return (g * (x @ (w * m))).sum() + penalty * m.mean()

        expected = np.zeros((d_in, d_out))
        for i in range(d_in):
            for j in range(d_out):
                off = np.zeros((d_in, d_out))
                off[i, j] = 1e-5
                expected[i, j] = (loss(theta + off) - loss(theta - off)) / 2e-5
        found = np.asarray(answer.mask_grad(theta, weight, x, y_grad, temperature, penalty))
        assert found.shape == theta.shape
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-7)


@task("12.2", points=1)
def test_the_penalty_alone(answer):
    """Where nothing comes from above, the penalty alone pulls every mask down."""
    theta, weight = np.array([[-1.0, 0.0, 2.0], [0.5, 1.0, -2.0]]), np.ones((2, 3))
    found = np.asarray(answer.mask_grad(theta, weight, np.ones((4, 2)), np.zeros((4, 3)), 1.5, 6.0))
    m = 1 / (1 + np.exp(-1.5 * theta))
    np.testing.assert_allclose(found, 1.5 * m * (1 - m))


@task("12.3", points=2)
def test_all_pairs(answer):
    rng = np.random.default_rng(7)
    for n, d, prefix in ((2, 3, 1), (5, 4, 2), (9, 2, 6), (6, 7, 0)):
        hidden = rng.standard_normal((n, d)) * rng.uniform(0.1, 9, (n, 1))
        cos = np.zeros((n, n))
        for i in range(n):
            for j in range(n):
                lengths = np.sqrt(hidden[i] @ hidden[i]) * np.sqrt(hidden[j] @ hidden[j])
                cos[i, j] = hidden[i] @ hidden[j] / lengths
        intra, inter = answer.concentration(hidden, prefix)
        assert np.ndim(intra) == np.ndim(inter) == 0, "two numbers"
        np.testing.assert_allclose(intra, cos[prefix:, prefix:].mean())
        expected = cos[prefix:, :prefix].mean() if prefix else 0
        np.testing.assert_allclose(inter, expected, atol=1e-12)


@task("12.3", points=1)
def test_without_the_pairs(answer):
    """40,000 rows have 1.6 billion pairs."""
    hidden = np.ones((40_000, 2))
    hidden[::2, 1] = -1.0
    intra, inter = answer.concentration(hidden, 1)
    np.testing.assert_allclose(intra, 0.5, rtol=1e-4)
    np.testing.assert_allclose(inter, 0.5, rtol=1e-3)


@task("12.4", points=2)
def test_random_documents(answer):
    rng = np.random.default_rng(7)
    for n, vocab, n_docs, k in ((1, 4, 3, 2), (5, 9, 4, 3), (3, 6, 2, 6)):
        logits, counts = rng.standard_normal((n, vocab)) - 0.5, rng.random(n) < 0.6
        counts[0] = True
        ids = np.array([rng.permutation(vocab)[:k] for _ in range(n_docs)])
        ids[rng.random(ids.shape) < 0.3] = -1
        values = rng.standard_normal((n_docs, k))
        expected = []
        for doc in range(n_docs):
            total = 0.0
            for i, value in zip(ids[doc], values[doc], strict=True):
                if i >= 0:
                    total += value * max(logits[t, i] for t in range(n) if counts[t])
            expected.append(total)
        found = np.asarray(answer.bag_scores(logits, counts, ids, values))
        assert found.shape == (n_docs,)
        np.testing.assert_allclose(found, expected, atol=1e-12)


@task("12.4", points=1)
def test_places_that_are_not_filled(answer):
    """Also where their value is no number, and where a document has none at all."""
    logits, counts = np.array([[1.0, 2.0, 4.0]]), np.array([True])
    ids, values = np.array([[0, -1], [-1, -1]]), np.array([[3.0, np.nan], [np.inf, 1.0]])
    found = answer.bag_scores(logits, counts, ids, values)
    np.testing.assert_allclose(np.asarray(found), [3, 0])


@task("12.5", points=2)
def test_random_walks(answer):
    rng = np.random.default_rng(7)
    for steps, n, d in ((1, 2, 3), (4, 3, 2), (6, 1, 5)):
        start, moves = rng.standard_normal((n, d)), rng.standard_normal((steps, n, d)) / steps**3
        expected = dynamics.walk(start, moves)
        states, straightness = answer.walk(start, moves)
        np.testing.assert_allclose(np.asarray(states), expected.states)
        np.testing.assert_allclose(np.asarray(straightness), expected.straightness)


@task("12.5", points=1)
def test_no_moves_and_a_way_back(answer):
    start = np.array([[1.0, 2.0], [3.0, 4.0], [0.0, 0.0]])
    back = np.array([[[1.0, 1.0], [0.0, 0.0], [2.0, 0.0]], [[-1.0, -1.0], [0.0, 0.0], [2.0, 0.0]]])
    with np.errstate(all="raise"):
        states, straightness = answer.walk(start, np.zeros((0, 3, 2)))
        assert np.asarray(states).tolist() == [start.tolist()]
        np.testing.assert_allclose(np.asarray(straightness), [1, 1, 1])
        _, straightness = answer.walk(start, back)
    np.testing.assert_allclose(np.asarray(straightness), [0, 1, 1])  # home, at rest, straight on
