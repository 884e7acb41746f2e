"""What a teacher runs on top: random input against loops, and the edges."""

import math

import numpy as np

from tokenlab.assignments import task


def close(found, expected, **options):
    """Equal to nine digits, and of the same shape."""
    assert np.shape(found) == np.shape(expected), f"shape {np.shape(found)}"
    np.testing.assert_allclose(found, expected, **({"rtol": 1e-9} | options))


def symmetric(rng, eigenvalues):
    """A matrix with these eigenvalues."""
    m = len(eigenvalues)
    u, _ = np.linalg.qr(rng.normal(size=(m, m)))
    return (u * eigenvalues) @ u.T


@task("3.1", points=1)
def test_random_tokens_against_a_loop(answer):
    rng = np.random.default_rng(1)
    q, k = rng.normal(size=(7, 5)), rng.normal(size=(4, 5)) + 0.3
    found = np.asarray(answer.gaussian_kernel(q.copy(), k.copy()))
    for i in range(7):
        for j in range(4):
            squared = sum((q[i, c] - k[j, c]) ** 2 for c in range(5))
            expected = math.exp(-squared / (2 * math.sqrt(5)))
            close(found[i, j], expected, err_msg=f"token {i}, token {j}")
    x = 1e3 * rng.normal(size=(30, 40))  # rounding leaves squared distances below 0
    assert np.max(answer.gaussian_kernel(x, x.copy())) <= 1


@task("3.1", points=1)
def test_near_tokens_far_from_the_origin(answer):
    small_q, small_k = [0, 3, 8, 2], [1, 4]
    q, k = (2.0**31 + np.array(x)[:, None] for x in (small_q, small_k))
    expected = [[math.exp(-((a - b) ** 2) / 2) for b in small_k] for a in small_q]
    close(answer.gaussian_kernel(q, k), expected)


@task("3.2", points=1)
def test_random_patches_against_a_loop(answer):
    rng = np.random.default_rng(2)
    height, width, ratio = 7, 11, 3
    q = rng.normal(size=(height * width, 4))
    found = np.asarray(answer.grid_landmarks(q.copy(), height, width, ratio))
    cells = {}
    for i, token in enumerate(q):
        cells.setdefault((i // width // ratio, i % width // ratio), []).append(token)
    expected = [sum(cells[place]) / len(cells[place]) for place in sorted(cells)]
    close(found, expected)


@task("3.2", points=1)
def test_cells_of_one_patch_and_of_all(answer):
    q = np.random.default_rng(3).normal(size=(10, 3))
    close(answer.grid_landmarks(q.copy(), 2, 5, 1), q)
    close(answer.grid_landmarks(q.copy(), 5, 2, 8), [q.mean(axis=0)])


@task("3.3", points=2)
def test_iterates_of_a_random_matrix(answer):
    rng = np.random.default_rng(4)
    a = symmetric(rng, np.array([1.0, 0.8, -0.5, 0.3]))
    before = a.copy()
    alpha = 1.8 / max(sum(abs(a[i, j]) for i in range(4)) for j in range(4)) ** 2
    eigenvalues, u = np.linalg.eigh(a)
    for iters in (1, 5):
        x, residuals = map(np.asarray, answer.newton_inverse(a, iters))
        np.testing.assert_array_equal(a, before, "the matrix was changed")
        left = 1 - alpha * eigenvalues**2  # what of each eigenvalue the start has not inverted
        close(x, (u * ((1 - left ** (2**iters)) / eigenvalues)) @ u.T)
        missing = [eigenvalues * left ** (2**i) for i in range(iters + 1)]
        size = math.sqrt(sum(eigenvalues**2))
        expected = [math.sqrt(sum(part**2)) / size for part in missing]
        close(residuals, expected, atol=1e-12)


@task("3.3", points=1)
def test_no_step_leaves_the_start(answer):
    a = np.array([[1.0, 0.5, 0.0], [0.5, 2.0, -0.5], [0.0, -0.5, 1.0]])
    x, residuals = map(np.asarray, answer.newton_inverse(a.copy(), 0))
    close(x, a * 1.8 / 9)
    assert len(residuals) == 1


@task("3.4", points=1)
def test_random_tokens_with_every_number_of_steps(answer):
    rng = np.random.default_rng(5)
    q, v, landmarks = rng.normal(size=(9, 4)), rng.normal(size=(9, 2)), rng.normal(size=(3, 4))

    def kernel(x, y):
        return np.array([[math.exp(-sum((a - b) ** 2) / (2 * math.sqrt(4))) for b in y] for a in x])

    p, a = kernel(landmarks, q), kernel(landmarks, landmarks)
    x = a * 1.8 / np.abs(a).sum(axis=0).max() ** 2
    for iters in range(4):
        found = np.asarray(answer.soft_attention(q.copy(), v.copy(), landmarks.copy(), iters))
        close(found, p.T @ x @ p @ v, err_msg=f"after {iters} steps")
        x = 2 * x - x @ a @ x


@task("3.4", points=1)
def test_all_tokens_as_landmarks_rebuild_the_kernel(answer):
    rng = np.random.default_rng(6)
    q, v = 2 * rng.normal(size=(6, 3)), rng.normal(size=(6, 4))
    squared = ((q[:, None] - q) ** 2).sum(axis=2)
    exact = np.exp(-squared / (2 * np.sqrt(3))) @ v
    close(answer.soft_attention(q, v, q.copy(), 25), exact, atol=1e-7)


@task("3.5", points=1)
def test_random_matrices_against_central_differences(answer):
    rng = np.random.default_rng(7)
    a, grad = rng.normal(size=(4, 4)) + 3 * np.eye(4), rng.normal(size=(4, 4))
    found = np.asarray(answer.inverse_gradient(np.linalg.inv(a), grad.copy()))
    for i in range(4):
        for j in range(4):
            ends = []
            for sign in (1, -1):
                moved = a.copy()
                moved[i, j] += sign * 1e-5
                ends.append((grad * np.linalg.inv(moved)).sum())
            expected = (ends[0] - ends[1]) / 2e-5
            assert abs(found[i, j] - expected) < 1e-7, f"entry {i}, {j}"


@task("3.5", points=1)
def test_only_the_inverse_is_given(answer):
    # A singular Y is no inverse, but the formula does not ask.
    y, grad = np.array([[1.0, 1.0], [1.0, 1.0]]), np.array([[1.0, 2.0], [3.0, 5.0]])
    close(answer.inverse_gradient(y, grad), np.full((2, 2), -11.0))
