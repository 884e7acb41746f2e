"""Wrong answers as students write them: `# %% TASK | HINT`, then the function with its mistake."""

import numpy as np

from tokenlab import step


# %% 3.1 | unstable exponent
def gaussian_kernel(q, k):
    d = q.shape[1]
    qq = np.exp(np.sum(q**2, axis=1) / (2 * np.sqrt(d)))
    kk = np.exp(np.sum(k**2, axis=1) / (2 * np.sqrt(d)))
    return np.exp(q @ k.T / np.sqrt(d)) / np.outer(qq, kk)


# %% 3.1 | digits lost
def gaussian_kernel(q, k):
    squared = np.sum(q**2, axis=1, keepdims=True) + np.sum(k**2, axis=1) - 2 * q.dot(k.T)
    squared = step("squared distances", squared)
    squared[squared < 0] = 0
    return step("kernel", np.exp(-0.5 * squared / np.sqrt(q.shape[1])))


# %% 3.1 | two means
def gaussian_kernel(q, k):
    q = q - q.mean(axis=0)
    k = k - k.mean(axis=0)
    squared = (q**2).sum(1)[:, None] + (k**2).sum(1)[None, :] - 2 * q @ k.T
    return np.exp(-np.clip(squared, 0, None) / (2 * np.sqrt(q.shape[1])))


# %% 3.1 | distance not squared
def gaussian_kernel(q, k):
    distance = np.array([np.linalg.norm(k - row, axis=1) for row in q])
    return np.exp(-distance / (2 * np.sqrt(q.shape[1])))


# %% 3.1 | root of d forgotten
def gaussian_kernel(q, k):
    m = k.mean(axis=0)
    q, k = q - m, k - m
    squared = (q**2).sum(axis=1)[:, None] + (k**2).sum(axis=1)[None, :] - 2 * q @ k.T
    squared = step("squared distances", np.maximum(squared, 0))
    return step("kernel", np.exp(-squared / (2 * q.shape[1])))


# %% 3.1 | product counted once
def gaussian_kernel(q, k):
    m = np.mean(k, axis=0)
    q, k = q - m, k - m
    squared = (q**2).sum(axis=1)[:, None] + (k**2).sum(axis=1) - q @ k.T
    return np.exp(np.minimum(-squared, 0) / (2 * np.sqrt(q.shape[1])))


# %% 3.1 | wrong sign
def gaussian_kernel(q, k):
    kernel = np.zeros((len(q), len(k)))
    for i in range(len(q)):
        for j in range(len(k)):
            kernel[i, j] = np.exp(np.sum((q[i] - k[j]) ** 2) / (2 * np.sqrt(q.shape[1])))
    return kernel


# %% 3.1 | rows normalised
def gaussian_kernel(q, k):
    k, q = k - k.mean(axis=0), q - k.mean(axis=0)
    squared = np.square(q).sum(axis=1)[:, None] + np.square(k).sum(axis=1) - 2 * q @ k.T
    weights = np.exp(-np.maximum(squared, 0) / (2 * np.sqrt(q.shape[1])))
    return weights / weights.sum(axis=1, keepdims=True)


# %% 3.1 | exception
def gaussian_kernel(q, k):
    m = k.mean(axis=0)
    q, k = q - m, k - m
    squared = (q**2).sum(axis=1) + (k**2).sum(axis=1) - 2 * q @ k.T
    return np.exp(-squared / (2 * np.sqrt(q.shape[1])))


# %% 3.2 | runs for squares
def grid_landmarks(q, height, width, ratio):
    m = len(q) // ratio**2
    return step("landmarks", q.reshape(m, ratio**2, -1).mean(axis=1))


# %% 3.2 | sum for mean
def grid_landmarks(q, height, width, ratio):
    grid = q.reshape(height, width, q.shape[1])
    landmarks = []
    for row in range(0, height, ratio):
        for column in range(0, width, ratio):
            cell = grid[row : row + ratio, column : column + ratio]
            landmarks.append(cell.sum(axis=0).sum(axis=0))
    return np.array(landmarks)


# %% 3.2 | size of a full cell
def grid_landmarks(q, height, width, ratio):
    rows, columns = -(-height // ratio), -(-width // ratio)
    landmarks = np.zeros((rows * columns, q.shape[1]))
    for i in range(len(q)):
        y, x = i // width, i % width
        landmarks[(y // ratio) * columns + x // ratio] += q[i]
    return landmarks / ratio**2


# %% 3.2 | height for width
def grid_landmarks(q, height, width, ratio):
    grid = q.reshape(width, height, -1)
    found = []
    for i in range(0, width, ratio):
        for j in range(0, height, ratio):
            found.append(np.mean(grid[i : i + ratio, j : j + ratio], axis=(0, 1)))
    return step("landmarks", np.stack(found))


# %% 3.2 | edges left out
def grid_landmarks(q, height, width, ratio):
    grid = q.reshape(height, width, q.shape[1])
    found = np.zeros((height // ratio, width // ratio, q.shape[1]))
    for i in range(height // ratio):
        for j in range(width // ratio):
            cell = grid[i * ratio : (i + 1) * ratio, j * ratio : (j + 1) * ratio]
            found[i, j] = cell.mean(axis=(0, 1))
    return found.reshape(-1, q.shape[1])


# %% 3.2 | edges left out
def grid_landmarks(q, height, width, ratio):
    d = q.shape[1]
    cells = q.reshape(height // ratio, ratio, width // ratio, ratio, d)
    return cells.mean(axis=3).mean(axis=1).reshape(-1, d)


# %% 3.2 | one token of a cell
def grid_landmarks(q, height, width, ratio):
    return q.reshape(height, width, -1)[::ratio, ::ratio].reshape(-1, q.shape[1])


# %% 3.3 | norm not squared
def newton_inverse(a, iters):
    alpha = step("alpha", 2 * 0.9 / np.linalg.norm(a, 1))
    x = alpha * a
    residuals = [np.linalg.norm(a @ x @ a - a) / np.linalg.norm(a)]
    for _ in range(iters):
        x = 2 * x - x @ a @ x
        residuals.append(np.linalg.norm(a @ x @ a - a) / np.linalg.norm(a))
    return x, np.array(residuals)


# %% 3.3 | another norm
def newton_inverse(a, iters):
    alpha = step("alpha", 2 * 0.9 / np.linalg.norm(a) ** 2)
    x = alpha * a
    history = []
    for i in range(iters + 1):
        history.append(np.linalg.norm(a @ x @ a - a) / np.linalg.norm(a))
        if i < iters:
            x = x @ (2 * np.eye(len(a)) - a @ x)
    return x, step("residuals", np.array(history))


# %% 3.3 | absolute values forgotten
def newton_inverse(a, iters):
    norm = a.sum(axis=0).max()
    x = a * (1.8 / norm**2)
    size = np.sqrt((a**2).sum())
    residuals = np.zeros(iters + 1)
    residuals[0] = np.sqrt(((a @ x @ a - a) ** 2).sum()) / size
    for i in range(iters):
        x = 2 * x - x @ a @ x
        residuals[i + 1] = np.sqrt(((a @ x @ a - a) ** 2).sum()) / size
    return x, residuals


# %% 3.3 | wrong start
def newton_inverse(a, iters):
    x = np.identity(a.shape[0])
    residuals = [np.linalg.norm(a @ x @ a - a) / np.linalg.norm(a)]
    for _ in range(iters):
        x = 2 * x - x @ a @ x
        residuals.append(np.linalg.norm(a @ x @ a - a) / np.linalg.norm(a))
    return x, np.array(residuals)


# %% 3.3 | entry by entry
def newton_inverse(a, iters):
    alpha = 1.8 / np.max(np.sum(np.abs(a), axis=0)) ** 2
    x = alpha * a
    residuals = [np.linalg.norm(a @ x @ a - a) / np.linalg.norm(a)]
    for _ in range(iters):
        x = 2 * x - x * a * x
        residuals.append(np.linalg.norm(a @ x @ a - a) / np.linalg.norm(a))
    return x, np.array(residuals)


# %% 3.3 | start left out
def newton_inverse(a, iters):
    alpha = step("alpha", 1.8 / np.max(np.sum(np.abs(a), axis=0)) ** 2)
    x = alpha * a
    residuals = []
    for _ in range(iters):
        x = 2 * x - x @ a @ x
        residuals.append(np.linalg.norm(a @ x @ a - a) / np.linalg.norm(a))
    return x, step("residuals", np.array(residuals))


# %% 3.3 | one step too many
def newton_inverse(a, iters):
    x = 1.8 / np.abs(a).sum(axis=1).max() ** 2 * a
    residuals = []
    for _ in range(iters + 1):
        residuals.append(np.linalg.norm(a @ x @ a - a) / np.linalg.norm(a))
        x = 2 * x - x @ a @ x
    return x, np.array(residuals)


# %% 3.3 | another residual
def newton_inverse(a, iters):
    x = 1.8 / np.abs(a).sum(axis=1).max() ** 2 * a
    eye = np.eye(len(a))
    residuals = [np.linalg.norm(a @ x - eye)]
    for _ in range(iters):
        x = 2 * x - x @ a @ x
        residuals.append(np.linalg.norm(a @ x - eye))
    return x, step("residuals", np.array(residuals))


# %% 3.3 | changed input
def newton_inverse(a, iters):
    original = a.copy()
    x = a
    x *= 1.8 / np.abs(a).sum(axis=0).max() ** 2
    residuals = [np.linalg.norm(original @ x @ original - original) / np.linalg.norm(original)]
    for _ in range(iters):
        x = 2 * x - x @ original @ x
        gap = original @ x @ original - original
        residuals.append(np.linalg.norm(gap) / np.linalg.norm(original))
    return x, np.array(residuals)


# %% 3.4 | inverse forgotten
def soft_attention(q, v, landmarks, iters):
    p = step("thin kernel", gaussian_kernel(q, landmarks))
    at_landmarks = step("values at landmarks", p.T @ v)
    return step("output", p @ at_landmarks)


# %% 3.4 | kernel not inverted
def soft_attention(q, v, landmarks, iters):
    p = gaussian_kernel(q, landmarks)
    a = gaussian_kernel(landmarks, landmarks)
    return p @ a @ p.T @ v


# %% 3.4 | entry by entry
def soft_attention(q, v, landmarks, iters):
    p = gaussian_kernel(q, landmarks)
    a = gaussian_kernel(landmarks, landmarks)
    return p @ (a**-1 @ (p.T @ v))


# %% 3.4 | rows normalised
def soft_attention(q, v, landmarks, iters):
    p = gaussian_kernel(q, landmarks)
    inverse, _ = newton_inverse(gaussian_kernel(landmarks, landmarks), iters)
    s = p @ inverse @ p.T
    s = s / s.sum(axis=1)[:, None]
    return s @ v


# %% 3.4 | whole kernel
def soft_attention(q, v, landmarks, iters):
    s = gaussian_kernel(q, q)
    return step("output", s @ v)


# %% 3.4 | steps ignored
def soft_attention(q, v, landmarks, iters):
    p = gaussian_kernel(q, landmarks)
    a = gaussian_kernel(landmarks, landmarks)
    return p @ (np.linalg.inv(a) @ (p.T @ v))


# %% 3.4 | exception
def soft_attention(q, v, landmarks, iters):
    p = step("thin kernel", gaussian_kernel(q, landmarks))
    inverse = newton_inverse(gaussian_kernel(landmarks, landmarks), iters)
    inverse = step("inverse", inverse)
    return p @ (inverse @ (p.T @ v))


# %% 3.5 | wrong sign
def inverse_gradient(y, grad):
    return step("gradient", y.T @ grad @ y.T)


# %% 3.5 | missing transposition
def inverse_gradient(y, grad):
    return -np.matmul(np.matmul(y, grad), y)


# %% 3.5 | grad transposed
def inverse_gradient(y, grad):
    return -(y @ grad @ y).T


# %% 3.5 | entry by entry
def inverse_gradient(y, grad):
    return -(y**2) * grad


# %% 3.5 | inverted again
def inverse_gradient(y, grad):
    inverse = np.linalg.inv(y)
    return -inverse.T @ grad @ inverse.T


# %% 3.5 | factors in the wrong order
def inverse_gradient(y, grad):
    return step("gradient", -grad @ (y @ y).T)


# %% 3.5 | nothing
def inverse_gradient(y, grad):
    gradient = -y.T @ grad @ y.T
    step("gradient", gradient)
