"""What `tokenlab assignment check` runs. `answer` holds your functions."""

import numpy as np

from tokenlab.assignments import task


def close(found, expected, **options):
    """Equal to nine digits, and of the same shape."""
    assert np.shape(found) == np.shape(expected), f"shape {np.shape(found)}"
    np.testing.assert_allclose(found, expected, **({"rtol": 1e-9} | options))


@task("6.1", points=1)
def test_a_sum_and_a_product(answer):
    a = np.array([[1.0, -2.0], [3.0, 0.5], [0.0, 4.0]])
    y_grad = np.array([[1.1, 2.0], [3.0, 4.0], [5.0, 6.0]])
    a_grad, b_grad = answer.pull_back("add", (a, np.array([7.0, 8.0])), y_grad)
    close(a_grad, y_grad)
    close(b_grad, [1.1 + 3 + 5, 2 + 4 + 6])
    a_grad, b_grad = answer.pull_back("multiply", (a, 10 * a + 1), y_grad)
    close(a_grad, [[12.1, -38], [93, 24], [5, 246]])
    close(b_grad, [[1.1, -4], [9, 2], [0, 24]])


@task("6.1", points=1)
def test_a_matrix_product(answer):
    a, b = np.array([[1.0, 2.0]]), np.array([[3.0, 4.0, 5.0], [6.0, 7.0, 8.0]])
    a_grad, b_grad = answer.pull_back("matmul", (a, b), np.array([[1.0, 10.0, 100.0]]))
    close(a_grad, [[3 + 40 + 500, 6 + 70 + 800]])
    close(b_grad, [[1, 10, 100], [2, 20, 200]])


@task("6.1", points=1)
def test_a_relu_and_rows(answer):
    a, y_grad = np.array([[-1.0, 2.0, 0.0]]), np.array([[5.0, -6.0, 7.0]])
    (a_grad,) = answer.pull_back("relu", (a,), y_grad)
    close(a_grad, [[0, -6, 0]])
    table, ids = np.zeros((4, 2)), np.array([2, 0, 2])
    y_grad = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    (table_grad,) = answer.pull_back("rows", (table, ids), y_grad)
    close(table_grad, [[3, 4], [0, 0], [1 + 5, 2 + 6], [0, 0]])


@task("6.2", points=1)
def test_two_predictions_of_three(answer):
    loss, grad = map(
        np.asarray,
        answer.cross_entropy(np.log([[2.0, 1.0, 4.0], [1.0, 1.0, 2.0]]), np.array([0, 2])),
    )
    close(loss, (np.log(3.5) + np.log(2)) / 2)  # p is 2/7 and 2/4
    close(grad, [[-5 / 14, 1 / 14, 4 / 14], [1 / 8, 1 / 8, -2 / 8]])


@task("6.2", points=1)
def test_large_logits(answer):
    logits = np.array([[1000.0, 0.0, 0.0], [-1000.0, -1000.0, -3000.0]])
    loss, grad = map(np.asarray, answer.cross_entropy(logits, np.array([1, 0])))
    close(loss, (1000 + np.log(2)) / 2)
    close(grad, [[0.5, -0.5, 0], [-0.25, 0.25, 0]], atol=1e-12)


@task("6.3", points=1)
def test_a_layer_norm(answer):
    x, gain = np.array([[1.0, 3.0, 5.0], [2.0, 2.0, 8.0]]), np.array([1.0, 2.0, 3.0])
    y, *_ = map(
        np.asarray, answer.layer_norm(x, gain, np.array([0.0, 0.0, 10.0]), np.zeros((2, 3)), 1.0)
    )
    sigma = np.sqrt([8 / 3 + 1, 8 + 1])
    close(y[0], [-2 / sigma[0], 0, 6 / sigma[0] + 10], atol=1e-12)
    close(y[1], [-2 / 3, -4 / 3, 12 / 3 + 10])


@task("6.3", points=1)
def test_its_gradients(answer):
    x, y_grad = np.array([[0.0, 2.0, 4.0, 2.0]]), np.array([[3.1, 2.0, 0.0, 5.1]])
    gain, bias = np.array([1.0, 2.0, 5.0, 1.0]), np.zeros(4)
    _, x_grad, gain_grad, bias_grad = map(np.asarray, answer.layer_norm(x, gain, bias, y_grad, 2.0))
    # sigma = 2, h = (-1, 0, 1, 0), g = (3.1, 4, 0, 5.1) with mean 3.05, and mean of g h = -3.1/4.
    close(x_grad, [[(0.05 - 3.1 / 4) / 2, 0.475, (-3.05 + 3.1 / 4) / 2, 1.025]])
    close(gain_grad, [-3.1, 0, 0, 0], atol=1e-12)
    close(bias_grad, [3.1, 2, 0, 5.1])


def cubes(p):
    """A loss whose second gradient is stated wrongly, 2 less than it is."""
    value = (p["a"] ** 3).sum() + 4 * p["b"].sum()
    return value, {"a": 3 * p["a"] ** 2, "b": np.full(p["b"].shape, 2.0)}


@task("6.4", points=1)
def test_one_right_and_one_wrong(answer):
    params = {"a": np.array([1.0, -2.0]), "b": np.array([[1.0], [3.0]])}
    gaps = answer.gradient_gaps(cubes, params, 0.5)
    # By trying: 3 + 1/4, 12 + 1/4 and 4, 4; the largest is 12.25.
    assert set(gaps) == {"a", "b"}
    close([gaps["a"], gaps["b"]], [0.25 / 12.25, 2 / 12.25])


def parabola(p, centre):
    """Half of the squared distance."""
    return ((p["x"] - centre) ** 2).sum() / 2, {"x": p["x"] - centre}


@task("6.5", points=1)
def test_three_batches(answer):
    start = {"x": np.array([4.1, 0.0])}
    batches = [np.array([0.0, 2.0]), np.array([1.0, 0.0]), np.array([0.0, 0.0])]
    trained, history = answer.train(parabola, start, batches, 0.5, 0.0)
    # x is (4.1, 0), then (2.05, 1), then (1.525, 0.5), then (0.7625, 0.25).
    close(trained["x"], [0.7625, 0.25])
    close(history, [10.405, 1.05125, 1.2878125])


@task("6.5", points=1)
def test_momentum(answer):
    start = {"x": np.array([8.0])}
    trained, history = answer.train(parabola, start, [np.zeros(1)] * 3, 0.5, 0.25)
    # v is 8, then 2 + 4, then 1.5 + 1; x is 8, then 4, then 1, then -0.25.
    close(trained["x"], [-0.25])
    close(history, [32, 8, 0.5])
