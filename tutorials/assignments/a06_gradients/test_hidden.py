"""What a teacher runs on top: random input against loops and trying, and the edges."""

import math

import numpy as np

from tokenlab.assignments import task


def close(found, expected, **options):
    """Equal to nine digits, and of the same shape."""
    assert np.shape(found) == np.shape(expected), f"shape {np.shape(found)}"
    np.testing.assert_allclose(found, expected, **({"rtol": 1e-9} | options))


FORWARD = {
    "add": lambda a, b: a + b,
    "multiply": lambda a, b: a * b,
    "matmul": lambda a, b: a @ b,
    "relu": lambda a: np.maximum(a, 0),
    "rows": lambda table, ids: table[ids],
}


def by_trying(value, x):
    """The slopes of a number, by moving each entry of an array in place."""
    slopes = np.zeros(x.shape)
    for at in np.ndindex(x.shape):
        kept, ends = x[at], []
        for sign in (1, -1):
            x[at] = kept + sign * 1e-5
            ends.append(value())
        x[at] = kept
        slopes[at] = (ends[0] - ends[1]) / 2e-5
    return slopes


def inputs_of(operation, rng):
    """Random inputs, with axes of different sizes."""
    a = rng.normal(size=(5, 3))
    if operation == "add":
        return a, rng.normal(size=3)
    if operation == "multiply":
        return a, rng.normal(size=(5, 3))
    if operation == "matmul":
        return a, rng.normal(size=(3, 4))
    return (a,) if operation == "relu" else (a, np.array([4, 1, 4, 0, 4, 1]))


@task("6.1", points=2)
def test_all_five_against_trying(answer):
    rng = np.random.default_rng(1)
    for operation, forward in FORWARD.items():
        inputs = inputs_of(operation, rng)
        y_grad = rng.normal(size=forward(*inputs).shape)
        found = answer.pull_back(operation, tuple(x.copy() for x in inputs), y_grad.copy())
        floats = [x for x in inputs if x.dtype.kind == "f"]
        assert len(found) == len(floats), operation
        for x, grad in zip(floats, found, strict=True):
            slopes = by_trying(lambda f=forward, i=inputs, g=y_grad: (g * f(*i)).sum(), x)
            assert grad.shape == x.shape, operation
            close(grad, slopes, atol=1e-8, err_msg=operation)


@task("6.1", points=1)
def test_zeros_and_rows_that_nobody_reads(answer):
    (a_grad,) = answer.pull_back("relu", (np.zeros((2, 3)),), np.ones((2, 3)))
    np.testing.assert_array_equal(a_grad, np.zeros((2, 3)))
    table = np.ones((3, 2))
    (table_grad,) = answer.pull_back("rows", (table, np.array([1])), np.array([[2.0, -3.0]]))
    np.testing.assert_array_equal(table_grad, [[0, 0], [2, -3], [0, 0]])
    np.testing.assert_array_equal(table, np.ones((3, 2)), "the table was changed")


@task("6.2", points=1)
def test_random_logits_against_a_loop(answer):
    rng = np.random.default_rng(2)
    logits, ids = rng.normal(size=(4, 6)), np.array([5, 0, 0, 2])
    before = logits.copy()
    loss, grad = map(np.asarray, answer.cross_entropy(logits, ids))
    np.testing.assert_array_equal(logits, before, "the logits were changed")
    total = 0.0
    for i, right in enumerate(ids):
        weights = [math.exp(x) for x in before[i]]
        total -= math.log(weights[right] / sum(weights)) / 4
        for j, weight in enumerate(weights):
            expected = (weight / sum(weights) - (j == right)) / 4
            assert abs(grad[i, j] - expected) < 1e-9, f"row {i}, entry {j}"
    assert abs(loss - total) < 1e-9


@task("6.2", points=1)
def test_rows_that_lie_far_apart(answer):
    logits = np.array([[2000.0, 1999.0, 0.0], [-2000.0, -2000.0, -3000.0]])
    loss, grad = map(np.asarray, answer.cross_entropy(logits, np.array([2, 1])))
    p = 1 / (1 + np.exp(-1.0))
    close(loss, (2000 - np.log(p) + np.log(2)) / 2)
    close(grad, [[p / 2, (1 - p) / 2, -0.5], [0.25, -0.25, 0]], atol=1e-12)


@task("6.3", points=2)
def test_random_rows_against_trying(answer):
    rng = np.random.default_rng(3)
    x, y_grad = rng.normal(size=(4, 6)), rng.normal(size=(4, 6))
    gain, bias = rng.normal(size=6), rng.normal(size=6)

    def normed():
        rows = []
        for row in x:
            mean = sum(row) / 6
            sigma = math.sqrt(sum((value - mean) ** 2 for value in row) / 6 + 0.3)
            rows.append([g * (v - mean) / sigma + b for v, g, b in zip(row, gain, bias)])  # noqa: B905
        return np.array(rows)

    given = (x.copy(), gain.copy(), bias.copy(), y_grad.copy())
    y, *grads = map(np.asarray, answer.layer_norm(*given, 0.3))
    close(y, normed())
    for array, grad in zip((x, gain, bias), grads, strict=True):
        assert grad.shape == array.shape
        slopes = by_trying(lambda: (y_grad * normed()).sum(), array)
        close(grad, slopes, atol=1e-7)


@task("6.3", points=1)
def test_rows_without_deviation(answer):
    x, y_grad = np.full((2, 3), 5.0), np.array([[1.0, 2.0, 3.0], [0.0, 3.0, 0.0]])
    gain = np.array([1.0, 1.0, 2.0])
    y, x_grad, gain_grad, bias_grad = map(
        np.asarray, answer.layer_norm(x, gain, gain, y_grad, 0.25)
    )
    close(y, [gain, gain])
    close(x_grad, [[-4, -2, 6], [-2, 4, -2]])
    close(gain_grad, np.zeros(3), atol=1e-12)
    close(bias_grad, [1, 5, 3])


def mixed(p):
    """Every number has another slope; both gradients are stated wrongly, one upwards."""
    value = (p["w"] ** 3).sum() + p["w"][0, 1] * p["c"][2] + (p["c"] ** 2).sum()
    w_grad, c_grad = 3 * p["w"] ** 2, 2 * p["c"]
    w_grad[0, 1] += p["c"][2]
    c_grad[2] += p["w"][0, 1]
    w_grad[1, 2] += 0.7
    c_grad[0] -= 0.9
    return value, {"w": w_grad, "c": c_grad}


@task("6.4", points=2)
def test_a_cubic_shows_the_epsilon(answer):
    params = {
        "w": np.array([[1.0, -2.0, 0.5], [0.0, 1.5, -1.0]]),
        "c": np.array([1.0, -3.0, 0.5, 2.0]),
    }
    before = {name: x.copy() for name, x in params.items()}
    gaps = answer.gradient_gaps(mixed, params, 0.2)
    for name, x in before.items():
        np.testing.assert_array_equal(params[name], x, f"{name} was changed")
    # (w + e)^3 - (w - e)^3 = 2 e (3 w^2 + e^2), so that trying finds 0.04 more for every w.
    scale = 12 + 0.04 + 0.5
    close([gaps["w"], gaps["c"]], [(0.7 - 0.04) / scale, 0.9 / scale])


@task("6.4", points=1)
def test_a_loss_without_slope(answer):
    def flat(p):
        return 3.0, {"x": np.array([0.0, -0.5]), "y": np.zeros((1, 1))}

    gaps = answer.gradient_gaps(flat, {"x": np.zeros(2), "y": np.ones((1, 1))}, 0.1)
    close([gaps["x"], gaps["y"]], [0.5, 0])

    def gentle(p):
        return 0.1 * p["x"].sum(), {"x": np.array([0.1, 0.3])}

    close(answer.gradient_gaps(gentle, {"x": np.zeros(2)}, 0.1)["x"], 2)


def line(p, batch):
    """Squared error of a line."""
    x, y = batch
    error = x @ p["w"] + p["b"] - y
    grads = {"w": 2 * x.T @ error / len(y), "b": 2 * error.mean(keepdims=True)}
    return (error**2).mean(), grads


@task("6.5", points=2)
def test_a_line_against_a_loop(answer):
    rng = np.random.default_rng(5)
    batches = [(rng.normal(size=(4, 3)), rng.normal(size=4)) for _ in range(6)]
    start = {"w": rng.normal(size=3), "b": np.zeros(1)}
    kept = {name: x.copy() for name, x in start.items()}
    trained, history = answer.train(line, start, batches, 0.05, 0.8)
    for name, x in kept.items():
        np.testing.assert_array_equal(start[name], x, f"{name} was changed")
    v_w, v_b, losses = np.zeros(3), np.zeros(1), []
    for batch in batches:
        loss, grads = line(kept, batch)
        losses.append(loss)
        v_w, v_b = 0.8 * v_w + grads["w"], 0.8 * v_b + grads["b"]
        kept = {"w": kept["w"] - 0.05 * v_w, "b": kept["b"] - 0.05 * v_b}
    close(history, losses)
    close(trained["w"], kept["w"])
    close(trained["b"], kept["b"])


@task("6.5", points=1)
def test_no_batch(answer):
    trained, history = answer.train(line, {"w": np.ones(3), "b": np.ones(1)}, [], 0.1, 0.9)
    assert len(history) == 0
    np.testing.assert_array_equal(trained["w"], np.ones(3))
