"""What `tokenlab assignment check` runs. `answer` holds your functions."""

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
def test_four_rows_and_two_codes(answer):
    x = np.array([[1.0, 0.0, 2.0], [0.0, 3.0, 0.0], [5.0, 5.0, 1.0], [0.1, 1.0, 1.0]])
    codebook = np.array([[0.0, 0.0, 1.0], [4.0, 4.0, 0.0]])
    codes, distances = map(np.asarray, answer.assign(x, codebook))
    whole(codes, [0, 0, 1, 0])
    close(distances, [2, 10, 3, 1.01])


@task("2.1", points=1)
def test_a_long_code_does_not_win_by_its_length(answer):
    x = np.array([[1.0, 1.0], [6.0, 7.0], [0.0, 2.0], [2.0, 0.0]])
    codebook = np.array([[0.0, 1.0], [1.0, 0.0], [10.0, 10.0]])
    codes, distances = map(np.asarray, answer.assign(x, codebook))
    whole(codes, [0, 2, 0, 1])
    close(distances, [1, 25, 1, 1])


@task("2.2", points=1)
def test_means_of_two_codes(answer):
    x = np.array([[1.0, 2.0, 0.1], [3.0, 0.0, 0.0], [5.0, 4.0, 9.0], [2.0, 1.0, 3.0]])
    means = np.asarray(answer.update(x, np.array([1, 1, 0, 1]), np.full((2, 3), 7.0)))
    close(means, [[5, 4, 9], [2, 1, 3.1 / 3]])


@task("2.2", points=1)
def test_a_code_without_rows_stays(answer):
    x = np.array([[1.0, 2.0], [3.0, 6.0], [5.0, 4.0]])
    codebook = np.array([[9.0, 8.0], [0.0, 1.0], [-7.0, 5.0], [1.0, 1.0]])
    given = codebook.copy()
    means = answer.update(x, np.array([1, 1, 3]), given)
    assert not np.shares_memory(means, given), "a new array is wanted"
    close(means, [[9, 8], [2, 4], [-7, 5], [5, 4]])


@task("2.3", points=2)
def test_two_iterations_on_a_line(answer):
    x = np.array([[0.0], [1.0], [2.0], [8.0], [9.2]])
    codebook, codes, history = map(np.asarray, answer.fit(x, np.array([[0.0], [1.0]]), 2))
    close(codebook, [[1.0], [8.6]])
    whole(codes, [0, 0, 0, 1, 1])
    close(history, [1 + 49 + 8.2**2, 30.925, 2 * (1 + 0.6**2)])


@task("2.4", points=1)
def test_probabilities_of_five_tokens(answer):
    codebook, mapping = np.log([[2.0], [3.0]]), np.array([0, 0, 1, 0, 1])
    found = np.asarray(answer.log_prob(np.ones((5, 1)), codebook, mapping, np.arange(5)))
    close(np.exp(found), [2 / 12, 2 / 12, 3 / 12, 2 / 12, 3 / 12])


@task("2.4", points=1)
def test_large_logits(answer):
    hidden = np.array([[500.0, 1.0], [0.0, 2.0], [-900.0, 3.0]])
    codebook = np.array([[2.0, 0.0], [-2.0, 1.0]])
    found = np.asarray(
        answer.log_prob(hidden, codebook, np.array([0, 1, 1, 1]), np.array([0, 2, 3]))
    )
    expected = [0, 2 - np.log(1 + 3 * np.exp(2)), -np.log(3)]
    close(found, expected, atol=1e-12)


@task("2.5", points=1)
def test_a_code_of_one_and_a_code_of_three(answer):
    found = np.asarray(answer.tie_floor(np.array([7, 1, 1, 0]), np.array([0, 1, 1, 1])))
    close(found, 3 ** (2 / 9))
