"""What `tokenlab assignment check` runs. `answer` holds your functions."""

import numpy as np

from tokenlab.assignments import task


@task("2.1", points=1)
def test_four_rows_and_two_codes(answer):
    x = np.array([[1.0, 0.0, 2.0], [0.0, 3.0, 0.0], [5.0, 5.0, 1.0], [0.0, 1.0, 1.0]])
    codebook = np.array([[0.0, 0.0, 1.0], [4.0, 4.0, 0.0]])
    codes, distances = answer.assign(x, codebook)
    np.testing.assert_array_equal(codes, [0, 0, 1, 0])
    np.testing.assert_allclose(distances, [2, 10, 3, 1])


@task("2.1", points=1)
def test_a_long_code_does_not_win_by_its_length(answer):
    x = np.array([[1.0, 1.0], [6.0, 7.0], [0.0, 2.0], [2.0, 0.0]])
    codebook = np.array([[0.0, 1.0], [1.0, 0.0], [10.0, 10.0]])
    codes, distances = answer.assign(x, codebook)
    np.testing.assert_array_equal(codes, [0, 2, 0, 1])
    np.testing.assert_allclose(distances, [1, 25, 1, 1])


@task("2.2", points=1)
def test_means_of_two_codes(answer):
    x = np.array([[1.0, 2.0, 0.0], [3.0, 0.0, 0.0], [5.0, 4.0, 9.0], [2.0, 1.0, 3.0]])
    means = answer.update(x, np.array([1, 1, 0, 1]), np.full((2, 3), 7.0))
    np.testing.assert_allclose(means, [[5, 4, 9], [2, 1, 1]])


@task("2.2", points=1)
def test_a_code_without_rows_stays(answer):
    x = np.array([[1.0, 2.0], [3.0, 6.0], [5.0, 4.0]])
    codebook = np.array([[9.0, 8.0], [0.0, 1.0], [-7.0, 5.0], [1.0, 1.0]])
    means = answer.update(x, np.array([1, 1, 3]), codebook.copy())
    np.testing.assert_allclose(means, [[9, 8], [2, 4], [-7, 5], [5, 4]])


@task("2.3", points=2)
def test_two_iterations_on_a_line(answer):
    x = np.array([[0.0], [1.0], [2.0], [8.0], [9.0]])
    codebook, codes, history = answer.fit(x, np.array([[0.0], [1.0]]), 2)
    np.testing.assert_allclose(codebook, [[1.0], [8.5]])
    np.testing.assert_array_equal(codes, [0, 0, 0, 1, 1])
    np.testing.assert_allclose(history, [114, 30, 2.5])


@task("2.4", points=1)
def test_probabilities_of_five_tokens(answer):
    codebook, mapping = np.log([[2.0], [3.0]]), np.array([0, 0, 1, 0, 1])
    found = answer.log_prob(np.ones((5, 1)), codebook, mapping, np.arange(5))
    np.testing.assert_allclose(np.exp(found), [2 / 12, 2 / 12, 3 / 12, 2 / 12, 3 / 12])


@task("2.4", points=1)
def test_large_logits(answer):
    hidden = np.array([[500.0, 1.0], [0.0, 2.0], [-900.0, 3.0]])
    codebook = np.array([[2.0, 0.0], [-2.0, 1.0]])
    found = answer.log_prob(hidden, codebook, np.array([0, 1, 1, 1]), np.array([0, 2, 3]))
    expected = [0, 2 - np.log(1 + 3 * np.exp(2)), -np.log(3)]
    np.testing.assert_allclose(found, expected, atol=1e-12)


@task("2.5", points=1)
def test_a_code_of_one_and_a_code_of_three(answer):
    found = answer.tie_floor(np.array([6, 1, 1, 0]), np.array([0, 1, 1, 1]))
    np.testing.assert_allclose(found, 3 ** (2 / 8))
