"""Right answers by other routes: `# %% TASK | ROUTE`, then whole functions, as students write."""

# %% 3.1 | differences, which lose nothing
def gaussian_kernel(q, k):
    return np.exp(-((q[:, None] - k) ** 2).sum(-1) / (2 * np.sqrt(q.shape[1])))

# %% 3.1 | row by row
def gaussian_kernel(q, k):
    return np.array([np.exp(-np.square(k - row).sum(1) / (2 * len(row) ** 0.5)) for row in q])

# %% 3.1 | loops
import math
def gaussian_kernel(q, k):
    d = q.shape[1]
    return [[math.exp(-sum((a - b) ** 2 for a, b in zip(x, y)) / (2 * math.sqrt(d))) for y in k] for x in q]

# %% 3.1 | another vector is subtracted
def gaussian_kernel(q, k):
    q, k = q - k[0], k - k[0]
    s = np.sum(q ** 2, 1)[:, None] + np.sum(k ** 2, 1) - 2 * q @ k.T
    return np.exp(-np.clip(s, 0, None) / np.sqrt(4 * q.shape[-1]))

# %% 3.1 | the factor inside
def gaussian_kernel(q, k):
    mean, scale = np.mean(k, 0), (2 * np.sqrt(k.shape[1])) ** 0.5
    a, b = (q - mean) / scale, (k - mean) / scale
    s = np.add.outer(np.einsum("nd,nd->n", a, a), np.einsum("md,md->m", b, b)) - 2 * np.inner(a, b)
    return np.exp(np.minimum(-s, 0))

# %% 3.1 | norms
def gaussian_kernel(q, k):
    return np.exp(-np.linalg.norm(q[:, None] - k[None], axis=2) ** 2 / 2 / np.sqrt(q.shape[1]))

# %% 3.1 | column by column
def gaussian_kernel(q, k):
    s = np.zeros((len(q), len(k)))
    for c in range(q.shape[1]):
        s += np.subtract.outer(q[:, c], k[:, c]) ** 2
    return np.e ** (-s / (2 * q.shape[1] ** 0.5))

# %% 3.1 | transposed
def gaussian_kernel(q, k):
    m = k.mean(axis=0, keepdims=True)
    q, k = (q - m).T, (k - m).T
    s = (q * q).sum(0)[:, None] - 2 * np.dot(q.T, k) + (k * k).sum(0)
    s[s < 0] = 0
    return np.exp(s / (-2 * np.sqrt(len(q))))

# %% 3.1 | an augmented product
def gaussian_kernel(q, k):
    q, k = q - k.mean(0), k - k.mean(0)
    a = np.hstack([-2 * q, (q * q).sum(1)[:, None], np.ones((len(q), 1))])
    b = np.hstack([k, np.ones((len(k), 1)), (k * k).sum(1)[:, None]])
    return np.exp(-np.maximum(a @ b.T, 0) / (2 * np.sqrt(q.shape[1])))

# %% 3.1 | float128 where there is one
def gaussian_kernel(q, k):
    q, k = q.astype(np.longdouble), k.astype(np.longdouble)
    s = ((q[:, None, :] - k[None, :, :]) ** 2).sum(axis=2)
    return np.exp(-s / (2 * np.sqrt(np.longdouble(q.shape[1])))).astype(float)

# %% 3.2 | loops over the cells
def grid_landmarks(q, height, width, ratio):
    out = []
    for y in range(0, height, ratio):
        for x in range(0, width, ratio):
            inside = [q[i * width + j] for i in range(y, min(y + ratio, height)) for j in range(x, min(x + ratio, width))]
            out.append(sum(inside) / len(inside))
    return np.array(out)

# %% 3.2 | reduceat
def grid_landmarks(q, height, width, ratio):
    g = q.reshape(height, width, q.shape[1])
    ys, xs = np.arange(0, height, ratio), np.arange(0, width, ratio)
    sums = np.add.reduceat(np.add.reduceat(g, ys, axis=0), xs, axis=1)
    n = np.outer(np.diff([*ys, height]), np.diff([*xs, width]))
    return (sums / n[..., None]).reshape(-1, q.shape[1])

# %% 3.2 | the cell of each token
def grid_landmarks(q, height, width, ratio):
    i = np.arange(height * width)
    across = -(-width // ratio)
    cell = i // width // ratio * across + i % width // ratio
    m = cell.max() + 1
    sums = np.zeros((m, q.shape[1]))
    np.add.at(sums, cell, q)
    return sums / np.bincount(cell)[:, None]

# %% 3.2 | a matrix of means
def grid_landmarks(q, height, width, ratio):
    y, x = np.divmod(np.arange(len(q)), width)
    _, cell = np.unique((y // ratio) * width + x // ratio, return_inverse=True)
    member = np.arange(cell.max() + 1)[:, None] == cell
    return member @ q / member.sum(axis=1, keepdims=True)

# %% 3.2 | split
def grid_landmarks(q, height, width, ratio):
    grid = q.reshape(height, width, -1)
    rows = np.split(grid, range(ratio, height, ratio), axis=0)
    return np.array([c.reshape(-1, q.shape[1]).mean(0) for r in rows for c in np.split(r, range(ratio, width, ratio), axis=1)])

# %% 3.2 | NaN around
def grid_landmarks(q, height, width, ratio):
    h, w = -(-height // ratio), -(-width // ratio)
    big = np.full((h * ratio, w * ratio, q.shape[1]), np.nan)
    big[:height, :width] = q.reshape(height, width, -1)
    return np.nanmean(big.reshape(h, ratio, w, ratio, -1), axis=(1, 3)).reshape(h * w, -1)

# %% 3.2 | a list
def grid_landmarks(q, height, width, ratio):
    g = np.reshape(q, (height, width, -1))
    return [g[y:y + ratio, x:x + ratio].mean(1).mean(0) for y in range(0, height, ratio) for x in range(0, width, ratio)]

# %% 3.2 | a dictionary
from collections import defaultdict
def grid_landmarks(q, height, width, ratio):
    cells = defaultdict(list)
    for i, row in enumerate(q):
        cells[i // width // ratio, i % width // ratio].append(row)
    return np.array([np.mean(cells[key], axis=0) for key in sorted(cells)])

# %% 3.2 | two products
def grid_landmarks(q, height, width, ratio):
    def means(n):
        member = np.arange(-(-n // ratio))[:, None] == np.arange(n) // ratio
        return member / member.sum(1, keepdims=True)
    grid = q.reshape(height, width, -1)
    return np.einsum("ay,bx,yxd->abd", means(height), means(width), grid).reshape(-1, q.shape[1])

# %% 3.2 | running sums
def grid_landmarks(q, height, width, ratio):
    c = np.zeros((height + 1, width + 1, q.shape[1]))
    c[1:, 1:] = q.reshape(height, width, -1).cumsum(0).cumsum(1)
    ys, xs = [*range(0, height, ratio), height], [*range(0, width, ratio), width]
    out = []
    for a, b in zip(ys, ys[1:]):
        for s, t in zip(xs, xs[1:]):
            out.append((c[b, t] - c[a, t] - c[b, s] + c[a, s]) / ((b - a) * (t - s)))
    return np.array(out)

# %% 3.3 | residuals on the way
def newton_inverse(a, iters):
    x = 1.8 * a / np.linalg.norm(a, 1) ** 2
    size = np.linalg.norm(a)
    residuals = [np.linalg.norm(a @ x @ a - a) / size]
    for _ in range(iters):
        x = 2 * x - x @ a @ x
        residuals.append(np.linalg.norm(a @ x @ a - a) / size)
    return x, np.array(residuals)

# %% 3.3 | factored
def newton_inverse(a, iters):
    eye = np.eye(len(a))
    x = a * (1.8 / np.max(np.sum(np.abs(a), axis=0)) ** 2)
    r = np.empty(iters + 1)
    for i in range(iters + 1):
        if i:
            x = x @ (2 * eye - a @ x)
        r[i] = np.sqrt(((a @ x @ a - a) ** 2).sum() / (a ** 2).sum())
    return x, r

# %% 3.3 | the other side
def newton_inverse(a, iters):
    x = (2 * 0.9 / abs(a).sum(1).max() ** 2) * a.T
    found = [x]
    while len(found) <= iters:
        found.append((2 * np.eye(len(a)) - found[-1] @ a) @ found[-1])
    return found[-1], np.array([np.linalg.norm(a @ y @ a - a, "fro") for y in found]) / np.linalg.norm(a, "fro")

# %% 3.3 | a list of residuals
def newton_inverse(a, iters):
    f = lambda m: float(np.sqrt(np.sum(m * m)))
    x, out = 1.8 / np.abs(a).sum(0).max() ** 2 * a, []
    for i in range(iters):
        out += [f(a @ x @ a - a) / f(a)]
        x = x + x - x @ a @ x
    return x, out + [f(a @ x @ a - a) / f(a)]

# %% 3.3 | einsum
def newton_inverse(a, iters):
    x = a * 1.8 / max(np.abs(a).sum(axis=0)) ** 2
    xs = [x]
    for _ in range(iters):
        xs.append(2 * xs[-1] - np.einsum("ij,jk,kl->il", xs[-1], a, xs[-1]))
    gap = np.einsum("ij,tjk,kl->til", a, np.array(xs), a) - a
    return xs[-1], np.sqrt((gap ** 2).sum((1, 2))) / np.sqrt((a ** 2).sum())

# %% 3.3 | multi_dot
def newton_inverse(a, iters):
    dot = np.linalg.multi_dot
    x = np.multiply(1.8 / np.linalg.norm(a, ord=1) ** 2, a)
    residual = lambda x: np.linalg.norm(dot([a, x, a]) - a) / np.linalg.norm(a)
    r = [residual(x)]
    for _ in range(iters):
        x = 2 * x - dot([x, a, x])
        r.append(residual(x))
    return x, np.asarray(r)

# %% 3.3 | recursion
def newton_inverse(a, iters):
    if iters == 0:
        x = 1.8 * a / np.abs(a).sum(axis=0).max() ** 2
        before = np.zeros(0)
    else:
        x, before = newton_inverse(a, iters - 1)
        x = 2 * x - x @ a @ x
    return x, np.append(before, np.linalg.norm(a @ x @ a - a) / np.linalg.norm(a))

# %% 3.3 | copies in place
def newton_inverse(a, iters):
    x = a.copy()
    x *= 1.8
    x /= np.abs(a).sum(0).max() ** 2
    out = np.zeros(1 + iters)
    for i in range(1 + iters):
        gap = a.dot(x).dot(a)
        gap -= a
        out[i] = np.linalg.norm(gap.ravel()) / np.linalg.norm(a.ravel())
        if i < iters:
            x = 2 * x - x.dot(a).dot(x)
    return x, out

# %% 3.3 | a generator
def iterates(a, n):
    x = 1.8 / (np.abs(a).sum(0).max()) ** 2 * a
    yield x
    for _ in range(n):
        x = 2 * x - x @ a @ x
        yield x
def newton_inverse(a, iters):
    *_, x = found = list(iterates(a, iters))
    return x, np.array([np.linalg.norm(a @ y @ a - a) for y in found]) / np.linalg.norm(a)

# %% 3.3 | loops for the norms
def newton_inverse(a, iters):
    m = len(a)
    one = max(sum(abs(a[i, j]) for i in range(m)) for j in range(m))
    fro = lambda b: sum(v * v for v in np.ravel(b)) ** 0.5
    x = 2 * 0.9 / one ** 2 * a
    r = [fro(a @ x @ a - a) / fro(a)]
    for _ in range(iters):
        x = 2 * x - x @ (a @ x)
        r.append(fro((a @ x) @ a - a) / fro(a))
    return x, np.array(r)

# %% 3.4 | other brackets
def soft_attention(q, v, landmarks, iters):
    p = gaussian_kernel(q, landmarks)
    inverse = newton_inverse(gaussian_kernel(landmarks, landmarks), iters)[0]
    return (p @ inverse) @ (p.T @ v)

# %% 3.4 | the whole kernel
def soft_attention(q, v, landmarks, iters):
    p = gaussian_kernel(landmarks, q)
    x, _ = newton_inverse(gaussian_kernel(landmarks, landmarks), iters)
    return p.T @ x @ p @ v

# %% 3.4 | einsum
def soft_attention(q, v, landmarks, iters):
    p, a = gaussian_kernel(q, landmarks), gaussian_kernel(landmarks, landmarks)
    return np.einsum("nm,mk,jk,jd->nd", p, newton_inverse(a, iters)[0], p, v)

# %% 3.4 | column by column
def soft_attention(q, v, landmarks, iters):
    p = gaussian_kernel(q, landmarks)
    x = newton_inverse(gaussian_kernel(landmarks, landmarks), iters)[0]
    return np.stack([p @ (x @ (column @ p)) for column in v.T], axis=1)

# %% 3.4 | both kernels at once
def soft_attention(q, v, landmarks, iters):
    both = gaussian_kernel(np.vstack([landmarks, q]), landmarks)
    a, p = both[:len(landmarks)], both[len(landmarks):]
    return p.dot(newton_inverse(a, iters)[0].dot(p.T.dot(v)))

# %% 3.4 | all by itself
def soft_attention(q, v, landmarks, iters):
    def kernel(a, b):
        return np.exp(-((a[:, None] - b) ** 2).sum(2) / (2 * np.sqrt(a.shape[1])))
    a, p = kernel(landmarks, landmarks), kernel(q, landmarks)
    x = 1.8 * a / np.abs(a).sum(0).max() ** 2
    for _ in range(iters):
        x = 2 * x - x @ a @ x
    return p @ x @ (p.T @ v)

# %% 3.4 | multi_dot
def soft_attention(q, v, landmarks, iters):
    p = gaussian_kernel(landmarks, q)
    x, residuals = newton_inverse(gaussian_kernel(landmarks, landmarks), iters)
    return np.linalg.multi_dot([p.T, x, p, v])

# %% 3.4 | row by row
def soft_attention(q, v, landmarks, iters):
    x, _ = newton_inverse(gaussian_kernel(landmarks, landmarks), iters)
    p = gaussian_kernel(q, landmarks)
    middle = x @ sum(np.outer(p[i], v[i]) for i in range(len(q)))
    return np.array([row @ middle for row in p])

# %% 3.4 | a list
def soft_attention(q, v, landmarks, iters):
    p = gaussian_kernel(q, landmarks)
    x, _ = newton_inverse(gaussian_kernel(landmarks, landmarks), iters)
    return (p @ (x @ (p.T @ v))).tolist()

# %% 3.4 | steps as dictionaries
def soft_attention(q, v, landmarks, iters):
    s = {"P": gaussian_kernel(landmarks, q)}
    s["A"] = gaussian_kernel(landmarks, landmarks)
    s["X"], s["r"] = newton_inverse(s["A"], iters)
    s["PV"] = s["P"] @ v
    return s["P"].T @ (s["X"].T @ s["PV"])

# %% 3.5 | einsum
def inverse_gradient(y, grad):
    return -np.einsum("ki,kl,jl->ij", y, grad, y)

# %% 3.5 | loops
def inverse_gradient(y, grad):
    m = len(y)
    out = np.zeros((m, m))
    for i in range(m):
        for j in range(m):
            for k in range(m):
                for l in range(m):
                    out[i, j] -= grad[k, l] * y[k, i] * y[j, l]
    return out

# %% 3.5 | transposed at the end
def inverse_gradient(y, grad):
    return -(y @ grad.T @ y).T

# %% 3.5 | multi_dot
def inverse_gradient(y, grad):
    return np.linalg.multi_dot([y.T, -grad, y.T])

# %% 3.5 | Kronecker
def inverse_gradient(y, grad):
    m = len(y)
    return -(np.kron(y, y.T).T @ grad.T.ravel()).reshape(m, m).T if False else -(np.kron(y.T, y) @ np.ravel(grad)).reshape(m, m)

# %% 3.5 | one change after the other
def inverse_gradient(y, grad):
    out = np.empty(y.shape)
    for i, j in np.ndindex(*y.shape):
        out[i, j] = np.sum(grad * -np.outer(y[:, i], y[j]))
    return out

# %% 3.5 | dot
def inverse_gradient(y, grad):
    t = y.transpose()
    return np.negative(t.dot(grad).dot(t))

# %% 3.5 | tensordot
def inverse_gradient(y, grad):
    return np.tensordot(np.tensordot(-y, grad, axes=(0, 0)), y, axes=(1, 1))

# %% 3.5 | a list
def inverse_gradient(y, grad):
    return (0 - y.T @ (grad @ y.T)).tolist()

# %% 3.5 | by rows
def inverse_gradient(y, grad):
    left = np.array([[column @ g for g in grad.T] for column in y.T])
    return np.array([[-(row @ other) for other in y] for row in left])
