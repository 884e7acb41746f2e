"""What `tokenlab assignment check` runs. `answer` holds your functions."""

import numpy as np

from tokenlab.assignments import task


def close(found, expected, **options):
    """Equal to nine digits, and of the same shape."""
    assert np.shape(found) == np.shape(expected), f"shape {np.shape(found)}"
    np.testing.assert_allclose(found, expected, **({"rtol": 1e-9} | options))


@task("3.1", points=1)
def test_three_tokens_and_two(answer):
    q = np.array([[0.0, 0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 1.0], [0.0, 2.0, 0.0, 0.0]])
    k = np.array([[0.0, 0.0, 0.0, 0.0], [1.0, 0.0, 1.0, 1.0]])
    squared = np.array([[0, 3], [2, 1], [4, 7]])
    close(answer.gaussian_kernel(q, k), np.exp(-squared / 4))


@task("3.1", points=1)
def test_long_tokens(answer):
    q = np.array([[60.0, 0.0], [0.0, 60.0], [59.0, 1.0]])
    k = np.array([[60.0, 0.0], [0.0, 61.0], [-60.0, 0.0], [58.0, 0.0]])
    near = np.exp(-np.array([1.0, 2.0, 4.0]) / (2 * np.sqrt(2)))  # squared distances of 1, 2, 4
    expected = [[1, 0, 0, near[2]], [0, near[0], 0, 0], [near[1], 0, 0, near[1]]]
    close(answer.gaussian_kernel(q, k), expected, atol=1e-12)


@task("3.1", points=1)
def test_a_common_offset_changes_nothing(answer):
    q, k = np.array([[0.0], [2.0], [3.0]]), np.array([[1.0], [3.0]])
    expected = np.exp([[-0.5, -4.5], [-0.5, -0.5], [-2.0, 0.0]])
    close(answer.gaussian_kernel(q, k), expected)
    close(answer.gaussian_kernel(q + 2.0**30, k + 2.0**30), expected)


@task("3.2", points=1)
def test_two_rows_of_four_patches(answer):
    q = np.array([[1.1], [2.0], [5.0], [7.0], [3.0], [6.0], [8.0], [4.0]])
    close(answer.grid_landmarks(q, 2, 4, 2), [[12.1 / 4], [6]])


@task("3.2", points=1)
def test_smaller_cells_at_the_edges(answer):
    q = np.arange(30.0).reshape(15, 2) ** 2  # 3 rows of 5 patches
    grid = q.reshape(3, 5, 2)
    expected = [
        (grid[0, 0] + grid[0, 1] + grid[1, 0] + grid[1, 1]) / 4,
        (grid[0, 2] + grid[0, 3] + grid[1, 2] + grid[1, 3]) / 4,
        (grid[0, 4] + grid[1, 4]) / 2,
        (grid[2, 0] + grid[2, 1]) / 2,
        (grid[2, 2] + grid[2, 3]) / 2,
        grid[2, 4],
    ]
    close(answer.grid_landmarks(q, 3, 5, 2), expected)


@task("3.3", points=1)
def test_two_steps_by_hand(answer):
    x, residuals = map(np.asarray, answer.newton_inverse(np.array([[2.0, 0.0], [0.0, 1.0]]), 2))
    # 1 - (1 - 0.45 * 4)^(2^i) and 1 - (1 - 0.45)^(2^i) of the eigenvalues 2 and 1 are inverted.
    close(x, [[(1 - 0.8**4) / 2, 0], [0, 1 - 0.55**4]])
    left = [np.hypot(2 * 0.8**p, 0.55**p) / np.sqrt(5) for p in (1, 2, 4)]
    close(residuals, left)


@task("3.3", points=1)
def test_the_inverse_of_three_by_three(answer):
    a = np.array([[3.0, -1.0, 0.5], [-1.0, 2.0, 0.0], [0.5, 0.0, 1.5]])
    x, residuals = map(np.asarray, answer.newton_inverse(a.copy(), 12))
    close(x @ a, np.eye(3), atol=1e-8)
    assert len(residuals) == 13
    assert residuals[-1] < 1e-8


@task("3.4", points=1)
def test_landmarks_see_their_own_tokens_exactly(answer):
    q = np.array([[0.0], [1.0], [2.0]])
    v = np.array([[1.0, 0.0], [2.0, 1.0], [4.0, 0.0]])
    found = np.asarray(answer.soft_attention(q, v, q[[0, 2]], 20))
    assert found.shape == (3, 2)
    near, far = np.exp(-0.5), np.exp(-2)  # weights of distances 1 and 2
    close(found[0], [1 + 2 * near + 4 * far, near])
    close(found[2], [far + 2 * near + 4, near])


@task("3.4", points=1)
def test_one_landmark(answer):
    q = np.array([[1.0, 0.0], [0.0, 2.0], [3.0, 1.0], [0.5, 0.5]])
    v = np.array([[1.0, 2.0, 3.0], [0.0, 1.0, 0.0], [5.0, 0.0, 1.0], [2.0, 2.0, 2.0]])
    weights = np.exp(-np.array([1.0, 4.0, 10.0, 0.5]) / (2 * np.sqrt(2)))
    expected = weights[:, None] * (weights @ v)
    close(answer.soft_attention(q, v, np.zeros((1, 2)), 8), expected)


@task("3.5", points=1)
def test_one_number(answer):
    found = np.asarray(answer.inverse_gradient(np.array([[0.3]]), np.array([[3.0]])))
    close(found, [[-0.27]])  # d(1 / a) / da = -1 / a^2 = -y^2


@task("3.5", points=1)
def test_a_loss_of_one_entry(answer):
    # A = [[1, -2], [0, 1]] has the inverse [[1, 2], [0, 1]]; the loss is the entry 2 of it,
    # which is -A[0, 1] / (A[0, 0] A[1, 1] - A[0, 1] A[1, 0]).
    found = np.asarray(
        answer.inverse_gradient(np.array([[1.0, 2.0], [0.0, 1.0]]), np.array([[0, 1], [0, 0]]))
    )
    close(found, [[-2, -1], [-4, -2]])
