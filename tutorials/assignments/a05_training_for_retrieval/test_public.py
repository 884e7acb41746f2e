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


@task("5.1", points=1)
def test_two_of_four_tokens(answer):
    similarity = np.array([[0.9, 0.2, 0.6, 0.1], [0.3, 0.7, -0.2, 0.5], [-0.5, -0.1, -0.4, -0.3]])
    expected = [[1, 0, 1, 0], [0, 1, 0, 1], [0, 1, 0, 1]]
    mask = np.asarray(answer.token_mask(similarity, 2))
    assert mask.dtype.kind in "biu", "True or False, or 1 and 0"
    np.testing.assert_array_equal(mask, expected)


@task("5.1", points=1)
def test_ties_go_to_the_lower_token(answer):
    similarity = np.array([[0.5, 0.7, 0.5, 0.5, 0.1], [0.2, 0.2, 0.2, 0.2, 0.3]])
    expected = [[1, 1, 1, 0, 0], [1, 1, 0, 0, 1]]
    np.testing.assert_array_equal(answer.token_mask(similarity, 3), expected)


@task("5.2", points=1)
def test_three_documents(answer):
    similarity = np.array([[0.9, 0.2, 0.1, 0.8, 0.3, 0.1], [0.1, 0.7, 0.6, 0.0, 0.5, 0.2]])
    mask = np.array([[1, 0, 0, 1, 0, 0], [1, 1, 1, 0, 0, 0]], dtype=bool)
    scores, z = map(np.asarray, answer.train_scores(similarity, mask, np.array([0, 2, 5, 6])))
    close(scores, [(0.9 + 0.7) / 2, (0.8 + 0.6) / 2, 0])
    whole(z, [2, 2, 0])


@task("5.2", points=1)
def test_one_query_token_retrieved(answer):
    similarity = np.array([[0.4, 0.9, 0.3], [0.2, 0.6, 0.7], [0.1, 0.5, 0.8], [0.0, 0.7, 0.9]])
    mask = np.array([[1, 1, 0], [0, 1, 1], [0, 1, 1], [0, 1, 1]], dtype=bool)
    scores, z = map(np.asarray, answer.train_scores(similarity, mask, np.array([0, 1, 3])))
    close(scores, [0.4, (0.9 + 0.7 + 0.8 + 0.9) / 4])
    whole(z, [1, 4])


@task("5.3", points=1)
def test_three_scores(answer):
    loss, slope = map(np.asarray, answer.cross_entropy(np.log([2.0, 1.0, 5.0]), 0, 1.0))
    close(loss, np.log(4))  # p is 2/8, 1/8, 5/8
    close(slope, [-6 / 8, 1 / 8, 5 / 8])


@task("5.3", points=1)
def test_a_temperature_of_one_half(answer):
    loss, slope = map(np.asarray, answer.cross_entropy(np.log([2.0, 1.0, 3.0, 1.0]), 2, 0.5))
    close(loss, np.log(15 / 9))  # p is 4, 1, 9, 1 fifteenths
    close(slope, [8 / 15, 2 / 15, -12 / 15, 2 / 15])


BATCH = np.array(
    [[0.9, 0.1, 0.0, 1.0], [0.2, 0.7, 1.0, 0.0], [0.1, 0.6, 0.0, 0.5], [0.0, 0.5, 2.0, 1.0],
     [0.3, 0.2, 1.0, 1.0]]
)  # fmt: skip


@task("5.4", points=2)
def test_a_batch_of_three_documents(answer):
    query, offsets = np.eye(2, 4), np.array([0, 2, 4, 5])
    loss, query_grad, token_grad = map(
        np.asarray, answer.token_gradients(query, BATCH, offsets, 2, 0, 1.0)
    )
    p = np.exp([0.8, 0.6, 0.3]) / np.exp([0.8, 0.6, 0.3]).sum()  # the scores; Z is 2, 1, 1
    g = np.zeros((2, 5))
    g[0, 0] = g[1, 1] = (p[0] - 1) / 2
    g[1, 2], g[0, 4] = p[1], p[2]
    close(loss, -np.log(p[0]))
    close(query_grad, g @ BATCH)
    close(token_grad, g.T @ query)


@task("5.4", points=1)
def test_another_right_document_and_temperature(answer):
    query, offsets = np.eye(3, 4), np.array([0, 1, 4, 4, 5])  # the third document is empty
    loss, query_grad, token_grad = map(
        np.asarray, answer.token_gradients(query, BATCH, offsets, 3, 1, 0.5)
    )
    scores = np.array([0.9, (0.2 + 0.7 + 2.0) / 3, 0, (0.3 + 1.0) / 2])
    p = np.exp(2 * scores) / np.exp(2 * scores).sum()
    g = np.zeros((3, 5))
    g[0, 0] = 2 * p[0]
    g[0, 1] = g[1, 1] = g[2, 3] = 2 * (p[1] - 1) / 3
    g[0, 4] = g[2, 4] = 2 * p[3] / 2
    close(loss, -np.log(p[1]))
    close(query_grad, g @ BATCH)
    close(token_grad, g.T @ query)


@task("5.5", points=1)
def test_a_loss_of_products(answer):
    x = np.array([[1.0, 3.0, 2.0], [2.0, -1.0, 4.0]])
    found = np.asarray(
        answer.central_differences(lambda x: x[0, 0] * x[0, 1] * x[1, 2] + x[1, 0], x, 0.5)
    )
    close(found, [[12, 4, 0], [1, 0, 3]])
    found = answer.central_differences(lambda x: x[0, 0] * x[0, 1] / x[1, 1], x, 1e-5)
    close(found, [[-3, -1, 0], [0, -3, 0]], rtol=1e-7, atol=1e-7)
    found = answer.central_differences(lambda x: (0.1 * x).sum(), x, 0.5)
    close(found, [[0.1, 0.1, 0.1], [0.1, 0.1, 0.1]])


@task("5.5", points=1)
def test_whole_numbers(answer):
    found = np.asarray(
        answer.central_differences(lambda x: (x**2).sum(), np.array([[1, -2], [0, 3]]), 0.25)
    )
    close(found, [[2, -4], [0, 6]])
