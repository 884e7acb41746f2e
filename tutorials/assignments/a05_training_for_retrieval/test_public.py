"""What `tokenlab assignment check` runs. `answer` holds your functions."""

import numpy as np

from tokenlab.assignments import task


@task("5.1", points=1)
def test_two_of_four_tokens(answer):
    similarity = np.array([[0.9, 0.2, 0.6, 0.1], [0.3, 0.7, -0.2, 0.5], [-0.5, -0.1, -0.4, -0.3]])
    expected = [[1, 0, 1, 0], [0, 1, 0, 1], [0, 1, 0, 1]]
    np.testing.assert_array_equal(answer.token_mask(similarity, 2), expected)


@task("5.1", points=1)
def test_ties_go_to_the_lower_token(answer):
    similarity = np.array([[0.5, 0.7, 0.5, 0.5, 0.1], [0.2, 0.2, 0.2, 0.2, 0.3]])
    expected = [[1, 1, 1, 0, 0], [1, 1, 0, 0, 1]]
    np.testing.assert_array_equal(answer.token_mask(similarity, 3), expected)


@task("5.2", points=1)
def test_three_documents(answer):
    similarity = np.array([[0.9, 0.2, 0.1, 0.8, 0.3, 0.1], [0.1, 0.7, 0.6, 0.0, 0.5, 0.2]])
    mask = np.array([[1, 0, 0, 1, 0, 0], [1, 1, 1, 0, 0, 0]], dtype=bool)
    scores, z = answer.train_scores(similarity, mask, np.array([0, 2, 5, 6]))
    np.testing.assert_allclose(scores, [(0.9 + 0.7) / 2, (0.8 + 0.6) / 2, 0])
    np.testing.assert_array_equal(z, [2, 2, 0])


@task("5.2", points=1)
def test_one_query_token_retrieved(answer):
    similarity = np.array([[0.4, 0.9, 0.3], [0.2, 0.6, 0.7], [0.1, 0.5, 0.8], [0.0, 0.7, 0.9]])
    mask = np.array([[1, 1, 0], [0, 1, 1], [0, 1, 1], [0, 1, 1]], dtype=bool)
    scores, z = answer.train_scores(similarity, mask, np.array([0, 1, 3]))
    np.testing.assert_allclose(scores, [0.4, (0.9 + 0.7 + 0.8 + 0.9) / 4])
    np.testing.assert_array_equal(z, [1, 4])


@task("5.3", points=1)
def test_three_scores(answer):
    loss, slope = answer.cross_entropy(np.log([2.0, 1.0, 5.0]), 0, 1.0)
    np.testing.assert_allclose(loss, np.log(4))  # p is 2/8, 1/8, 5/8
    np.testing.assert_allclose(slope, [-6 / 8, 1 / 8, 5 / 8])


@task("5.3", points=1)
def test_a_temperature_of_one_half(answer):
    loss, slope = answer.cross_entropy(np.log([2.0, 1.0, 3.0, 1.0]), 2, 0.5)
    np.testing.assert_allclose(loss, np.log(15 / 9))  # p is 4, 1, 9, 1 fifteenths
    np.testing.assert_allclose(slope, [8 / 15, 2 / 15, -12 / 15, 2 / 15])


BATCH = np.array(
    [[0.9, 0.1, 0.0, 1.0], [0.2, 0.7, 1.0, 0.0], [0.1, 0.6, 0.0, 0.5], [0.0, 0.5, 2.0, 1.0],
     [0.3, 0.2, 1.0, 1.0]]
)  # fmt: skip


@task("5.4", points=2)
def test_a_batch_of_three_documents(answer):
    query, offsets = np.eye(2, 4), np.array([0, 2, 4, 5])
    loss, query_grad, token_grad = answer.token_gradients(query, BATCH, offsets, 2, 0, 1.0)
    p = np.exp([0.8, 0.6, 0.3]) / np.exp([0.8, 0.6, 0.3]).sum()  # the scores; Z is 2, 1, 1
    g = np.zeros((2, 5))
    g[0, 0] = g[1, 1] = (p[0] - 1) / 2
    g[1, 2], g[0, 4] = p[1], p[2]
    np.testing.assert_allclose(loss, -np.log(p[0]))
    np.testing.assert_allclose(query_grad, g @ BATCH)
    np.testing.assert_allclose(token_grad, g.T @ query)


@task("5.4", points=1)
def test_another_right_document_and_temperature(answer):
    query, offsets = np.eye(3, 4), np.array([0, 1, 4, 4, 5])  # the third document is empty
    loss, query_grad, token_grad = answer.token_gradients(query, BATCH, offsets, 3, 1, 0.5)
    scores = np.array([0.9, (0.2 + 0.7 + 2.0) / 3, 0, (0.3 + 1.0) / 2])
    p = np.exp(2 * scores) / np.exp(2 * scores).sum()
    g = np.zeros((3, 5))
    g[0, 0] = 2 * p[0]
    g[0, 1] = g[1, 1] = g[2, 3] = 2 * (p[1] - 1) / 3
    g[0, 4] = g[2, 4] = 2 * p[3] / 2
    np.testing.assert_allclose(loss, -np.log(p[1]))
    np.testing.assert_allclose(query_grad, g @ BATCH)
    np.testing.assert_allclose(token_grad, g.T @ query)


@task("5.5", points=1)
def test_a_loss_of_products(answer):
    x = np.array([[1.0, 3.0, 2.0], [2.0, -1.0, 4.0]])
    found = answer.central_differences(lambda x: x[0, 0] * x[0, 1] * x[1, 2] + x[1, 0], x, 0.5)
    np.testing.assert_allclose(found, [[12, 4, 0], [1, 0, 3]])


@task("5.5", points=1)
def test_whole_numbers(answer):
    found = answer.central_differences(lambda x: (x**2).sum(), np.array([[1, -2], [0, 3]]), 0.25)
    np.testing.assert_allclose(found, [[2, -4], [0, 6]])
