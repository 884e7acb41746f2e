"""What `tokenlab assignment check` runs. `answer` holds your functions."""

import numpy as np

from tokenlab.assignments import task


@task("12.1", points=2)
def test_three_tokens_of_which_two_were_replaced(answer):
    found = answer.credit(np.array([0.0, 0.5, 1.0]), np.array([True, False, True]), 0.8, 0.2)
    expected = [np.log(1.6 / 0.4), 0.5 + np.log(0.4 / 1.6), 1 + np.log(1.6 / 0.4)]
    np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-9)
    found = answer.credit(np.array([0.0, 0.0]), np.array([True, False]), 0.3, 0.4)
    expected = [np.log(0.9 / 1.1), np.log(1.1 / 0.9)]  # a drop below 0
    np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-9)


@task("12.2", points=2)
def test_two_inputs_and_one_output(answer):
    theta, weight = np.array([[0.0], [0.3]]), np.array([[2.0], [-1.0]])
    x, y_grad = np.array([[1.0, 0.5], [0.1, 2.0], [0.0, 1.0]]), np.array([[1.0], [-3.0], [0.5]])
    found = answer.mask_grad(theta, weight, x, y_grad, 2.0, 0.4)
    m = 1 / (1 + np.exp(-0.6))
    first = 2 * 0.25 * (2 * (1 - 0.3) + 0.2)
    second = 2 * m * (1 - m) * (-1 * (0.5 - 6 + 0.5) + 0.2)
    np.testing.assert_allclose(np.asarray(found), [[first], [second]], rtol=1e-9)


@task("12.3", points=2)
def test_one_row_of_instructions(answer):
    hidden = np.array([[3.0, 0.0], [0.0, 2.0], [5.0, 5.0]])
    intra, inter = answer.concentration(hidden, 1)
    np.testing.assert_allclose(intra, (2 + 2 * 0.5**0.5) / 4, rtol=1e-9)
    np.testing.assert_allclose(inter, (0 + 0.5**0.5) / 2, rtol=1e-9)


@task("12.4", points=2)
def test_two_documents(answer):
    logits = np.array([[0.1, -2.0, 3.0, -0.3], [1.5, -1.1, 0.0, -0.7], [9.0, 9.0, 9.0, 9.0]])
    ids, values = np.array([[2, 0], [3, -1]]), np.array([[2.0, 1.0], [0.7, 5.0]])
    found = answer.bag_scores(logits[:2], np.array([True, True]), ids, values)
    np.testing.assert_allclose(np.asarray(found), [2 * 3 + 1.5, 0.7 * -0.3], rtol=1e-9)
    found = answer.bag_scores(logits, np.array([True, True, False]), ids, values)
    np.testing.assert_allclose(np.asarray(found), [2 * 3 + 1.5, 0.7 * -0.3], rtol=1e-9)


@task("12.5", points=2)
def test_a_corner_and_a_token_that_stays(answer):
    start = np.array([[1.0, 1.0], [0.3, 0.7], [0.0, -1.0]])
    first = [[3.0, 0.0], [0.0, 0.0], [0.1, 0.0]]
    second = [[0.0, 4.0], [0.0, 0.0], [0.2, 0.0]]
    states, straightness = answer.walk(start, np.array([first, second]))
    expected = [
        [[1, 1], [0.3, 0.7], [0, -1]],
        [[4, 1], [0.3, 0.7], [0.1, -1]],
        [[4, 5], [0.3, 0.7], [0.3, -1]],
    ]
    np.testing.assert_allclose(np.asarray(states), expected, rtol=1e-9)
    np.testing.assert_allclose(np.asarray(straightness), [5 / 7, 1, 1], rtol=1e-9)
