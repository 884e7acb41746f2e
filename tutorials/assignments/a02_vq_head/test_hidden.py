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


@task("2.1", points=1)
def test_random_rows_against_a_loop(answer):
    rng = np.random.default_rng(1)
    x, codebook = rng.normal(size=(9, 4)), 2 * rng.normal(size=(5, 4))
    codes, distances = map(np.asarray, answer.assign(x.copy(), codebook.copy()))
    for i in range(9):
        squared = [sum((x[i, j] - code[j]) ** 2 for j in range(4)) for code in codebook]
        assert codes[i] == squared.index(min(squared)), f"row {i}"
        close(distances[i], min(squared), err_msg=f"row {i}")


@task("2.1", points=1)
def test_equal_distances_go_to_the_lower_code(answer):
    x = np.array([[0.0, 0.0], [3.0, 1.0], [1.0, 1.0]])
    codebook = np.array([[2.0, 0.0], [0.0, 2.0], [-2.0, 0.0], [2.0, 0.0]])
    codes, distances = map(np.asarray, answer.assign(x, codebook))
    whole(codes, [0, 0, 0])
    close(distances, [4, 2, 2])


@task("2.2", points=2)
def test_random_means_against_a_loop(answer):
    rng = np.random.default_rng(2)
    x, codebook = rng.normal(size=(11, 3)), rng.normal(size=(6, 3))
    codes = rng.integers(0, 5, 11)
    codes[codes == 2] = 1  # codes 2 and 5 have no rows
    before = codebook.copy()
    means = np.asarray(answer.update(x.copy(), codes.copy(), codebook))
    np.testing.assert_array_equal(codebook, before, "the codebook was changed")
    for k in range(6):
        rows = [x[i] for i in range(11) if codes[i] == k]
        expected = sum(rows) / len(rows) if rows else before[k]
        close(means[k], expected, err_msg=f"code {k}")


@task("2.3", points=1)
def test_random_iterations_against_a_loop(answer):
    rng = np.random.default_rng(3)
    x = rng.normal(size=(60, 3))
    start = x[:4] + 0.1
    codebook, codes, history = map(np.asarray, answer.fit(x.copy(), start.copy(), 3))
    expected, wanted = start.copy(), []
    for iteration in range(4):
        squared = ((x[:, None] - expected) ** 2).sum(axis=2)
        nearest = squared.argmin(axis=1)
        wanted.append(squared.min(axis=1).sum())
        if iteration < 3:
            for k in set(nearest.tolist()):
                expected[k] = x[nearest == k].mean(axis=0)
    close(history, wanted)
    close(codebook, expected)
    whole(codes, nearest)


@task("2.3", points=1)
def test_no_iteration_leaves_the_start(answer):
    x = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 9.0]])
    codebook, codes, history = map(np.asarray, answer.fit(x, np.array([[0.0, 0.0], [4.0, 8.0]]), 0))
    close(codebook, [[0, 0], [4, 8]])
    whole(codes, [0, 0, 1])
    close(history, [15])


@task("2.4", points=2)
def test_random_states_against_the_whole_vocabulary(answer):
    rng = np.random.default_rng(4)
    hidden, codebook = rng.normal(size=(6, 3)), rng.normal(size=(5, 3))
    mapping = np.array([4, 0, 0, 3, 4, 4, 1])  # code 2 has no tokens
    token = rng.integers(0, 7, 6)
    found = np.asarray(answer.log_prob(hidden.copy(), codebook.copy(), mapping, token))
    for i in range(6):
        logits = [float(hidden[i] @ codebook[k]) for k in mapping]
        expected = logits[token[i]] - math.log(sum(math.exp(z) for z in logits))
        close(found[i], expected, err_msg=f"row {i}")


@task("2.4", points=1)
def test_a_code_without_tokens_has_no_say(answer):
    hidden = np.array([[1.0], [2.0], [3.0]])
    codebook = np.array([[1.0], [2000.0]])
    found = np.asarray(
        answer.log_prob(hidden, codebook, np.array([0, 0, 0, 0]), np.array([1, 3, 2]))
    )
    close(found, [-np.log(4)] * 3)


@task("2.5", points=1)
def test_random_counts_against_a_loop(answer):
    rng = np.random.default_rng(5)
    mapping = rng.integers(0, 6, 30)
    counts = rng.integers(0, 9, 30) * (rng.random(30) < 0.7)
    total = 0.0
    for v in range(30):
        total += counts[v] * math.log(sum(1 for w in range(30) if mapping[w] == mapping[v]))
    found = np.asarray(answer.tie_floor(counts.copy(), mapping))
    close(found, math.exp(total / counts.sum()))


@task("2.5", points=1)
def test_without_ties_there_is_no_floor(answer):
    close(answer.tie_floor(np.array([3, 0, 5, 1]), np.array([2, 0, 1, 3])), 1)
    # All tokens in one code: every perplexity is at least the size of the vocabulary.
    close(answer.tie_floor(np.array([3, 1, 5]), np.array([0, 0, 0])), 3)
