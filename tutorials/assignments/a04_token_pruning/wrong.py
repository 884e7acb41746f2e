"""Wrong answers as students write them: `# %% TASK | HINT`, then the function with its mistake."""

import numpy as np

from tokenlab import step


# %% 4.1 | last token only
def k_center(x, k, start):
    directions = step("directions", x / np.linalg.norm(x, axis=1)[:, None])
    taken = [start]
    for _ in range(k - 1):
        distance = 1 - directions @ directions[taken[-1]]
        distance[taken] = -1
        taken.append(np.argmax(distance))
    return step("taken", np.array(taken))


# %% 4.1 | sum of distances
def k_center(x, k, start):
    directions = x / np.sqrt((x**2).sum(axis=1, keepdims=True))
    taken = [start]
    while len(taken) < k:
        distances = (1 - directions @ directions[taken].T).mean(axis=1)
        distances[taken] = -np.inf
        taken.append(int(distances.argmax()))
    return np.array(taken)


# %% 4.1 | farthest member
def k_center(x, k, start):
    directions = x / np.linalg.norm(x, axis=1, keepdims=True)
    distances = 1 - directions @ directions.T
    taken = [start]
    while len(taken) < k:
        best, best_distance = None, -1
        for i in range(len(x)):
            if i in taken:
                continue
            d = max(distances[i, j] for j in taken)
            if d > best_distance:
                best, best_distance = i, d
        taken.append(best)
    return np.array(taken)


# %% 4.1 | not normalised
def k_center(x, k, start):
    taken = [start]
    nearest = np.sum((x - x[start]) ** 2, axis=1)
    nearest[start] = -1
    for i in range(1, k):
        new = int(np.argmax(nearest))
        taken.append(new)
        nearest = np.minimum(nearest, np.sum((x - x[new]) ** 2, axis=1))
        nearest[taken] = -1
    return np.array(taken)


# %% 4.1 | taken twice
def k_center(x, k, start):
    directions = step("directions", x / np.linalg.norm(x, axis=1, keepdims=True))
    taken = np.zeros(k, dtype=int)
    taken[0] = start
    closest = directions @ directions[start]
    for i in range(1, k):
        taken[i] = np.argmin(closest)
        closest = np.maximum(closest, directions @ directions[taken[i]])
    return step("taken", taken)


# %% 4.1 | nearest for farthest
def k_center(x, k, start):
    directions = x / np.linalg.norm(x, axis=1, keepdims=True)
    taken = [start]
    for _ in range(k - 1):
        cosine = (directions @ directions[taken].T).max(axis=1)
        cosine[taken] = -2
        taken.append(int(cosine.argmax()))
    return np.array(taken)


# %% 4.1 | sorted
def k_center(x, k, start):
    directions = x / np.linalg.norm(x, axis=1, keepdims=True)
    kept = np.zeros(len(x), dtype=bool)
    kept[start] = True
    nearest = 1 - directions @ directions[start]
    for _ in range(k - 1):
        new = np.where(kept, -1, nearest).argmax()
        kept[new] = True
        nearest = np.minimum(nearest, 1 - directions @ directions[new])
    return np.flatnonzero(kept)


# %% 4.1 | start left out
def k_center(x, k, start):
    directions = x / np.linalg.norm(x, axis=1, keepdims=True)
    nearest = 1 - directions @ directions[start]
    nearest[start] = -np.inf
    taken = []
    for _ in range(k - 1):
        new = int(nearest.argmax())
        taken.append(new)
        nearest = np.minimum(nearest, 1 - directions @ directions[new])
        nearest[new] = -np.inf
    return np.array(taken)


# %% 4.2 | order of choice
def selection_matrix(kept, n):
    w = np.zeros((len(kept), n))
    for row, token in enumerate(kept):
        w[row, token] = 1
    return step("W", w)


# %% 4.2 | square matrix
def selection_matrix(kept, n):
    w = np.zeros((n, n))
    w[kept, kept] = 1
    return w


# %% 4.2 | every token in every row
def selection_matrix(kept, n):
    kept = np.sort(kept)
    w = np.zeros((len(kept), n))
    w[:, kept] = 1
    return step("W", w)


# %% 4.2 | transposed
def selection_matrix(kept, n):
    w = np.zeros((n, len(kept)))
    w[sorted(kept), range(len(kept))] = 1
    return w


# %% 4.2 | dropped for kept
def selection_matrix(kept, n):
    return np.delete(np.eye(n), kept, axis=0)


# %% 4.2 | exception
def selection_matrix(kept, n):
    w = np.zeros((len(kept), n))
    for token in sorted(kept):
        w[token, token] = 1
    return w


# %% 4.3 | sizes forgotten
def merge_matrix(x, kept, size):
    u = x / np.linalg.norm(x, axis=1, keepdims=True)
    groups = np.argmax(u @ u[kept].T, axis=1)
    groups[kept] = np.arange(len(kept))
    groups = step("groups", groups)
    w = np.zeros((len(kept), len(x)))
    new_size = np.zeros(len(kept))
    for j in range(len(kept)):
        members = groups == j
        w[j, members] = 1 / members.sum()
        new_size[j] = size[members].sum()
    return w, new_size


# %% 4.3 | rows for sizes
def merge_matrix(x, kept, size):
    u = x / np.linalg.norm(x, axis=1, keepdims=True)
    groups = np.argmax(u @ u[kept].T, axis=1)
    groups[kept] = np.arange(len(kept))
    w = np.zeros((len(kept), len(x)))
    w[groups, np.arange(len(x))] = size
    w /= w.sum(axis=1, keepdims=True)
    return w, np.bincount(groups)


# %% 4.3 | kept token moves
def merge_matrix(x, kept, size):
    u = x / np.linalg.norm(x, axis=1, keepdims=True)
    groups = step("groups", np.argmax(u @ u[kept].T, axis=1))
    new_size = np.bincount(groups, weights=size, minlength=len(kept))
    w = np.zeros((len(kept), len(x)))
    w[groups, np.arange(len(x))] = size / new_size[groups]
    return w, new_size


# %% 4.3 | not normalised
def merge_matrix(x, kept, size):
    groups = np.argmax(x @ x[kept].T, axis=1)
    for j, token in enumerate(kept):
        groups[token] = j
    groups = step("groups", groups)
    w = np.zeros((len(kept), len(x)))
    w[groups, np.arange(len(x))] = size
    new_size = w.sum(axis=1)
    return w / new_size[:, None], new_size


# %% 4.3 | sum for mean
def merge_matrix(x, kept, size):
    u = x / np.linalg.norm(x, axis=1, keepdims=True)
    groups = (u @ u[kept].T).argmax(axis=1)
    groups[kept] = range(len(kept))
    w = np.zeros((len(kept), len(x)))
    for i, j in enumerate(groups):
        w[j, i] = size[i]
    return step("W", w), step("new size", w.sum(axis=1))


# %% 4.3 | divided by the members
def merge_matrix(x, kept, size):
    u = x / np.linalg.norm(x, axis=1, keepdims=True)
    groups = (u @ u[kept].T).argmax(axis=1)
    groups[kept] = range(len(kept))
    w = (groups == np.arange(len(kept))[:, None]) * size
    new_size = w.sum(axis=1)
    w = w / (w > 0).sum(axis=1, keepdims=True)
    return w, new_size


# %% 4.3 | own size kept
def merge_matrix(x, kept, size):
    u = x / np.linalg.norm(x, axis=1, keepdims=True)
    groups = (u @ u[kept].T).argmax(axis=1)
    groups[kept] = np.arange(len(kept))
    w = (groups == np.arange(len(kept))[:, None]) * size
    w = w / w.sum(axis=1, keepdims=True)
    return w, size[kept]


# %% 4.4 | sizes forgotten
def size_aware_attention(q, k, v, size):
    logits = step("logits", q @ k.T / np.sqrt(q.shape[1]))
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True) @ v


# %% 4.4 | logarithm forgotten
def size_aware_attention(q, k, v, size):
    logits = step("logits", q @ k.T / q.shape[1] ** 0.5 + size)
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares = step("shares", e / e.sum(axis=1, keepdims=True))
    return shares @ v


# %% 4.4 | missing normaliser
def size_aware_attention(q, k, v, size):
    logits = q @ k.T / np.sqrt(q.shape[1])
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares = e / e.sum(axis=1, keepdims=True) * size
    return shares @ v


# %% 4.4 | unstable exponent
def size_aware_attention(q, k, v, size):
    e = size * np.exp(q @ k.T / np.sqrt(k.shape[1]))
    return e / e.sum(axis=1, keepdims=True) @ v


# %% 4.4 | unstable exponent
def size_aware_attention(q, k, v, size):
    logits = q @ k.T / np.sqrt(q.shape[1]) + np.log(size)
    e = np.exp(logits - np.max(logits))
    shares = e / np.sum(e, axis=-1)[:, None]
    return shares @ v


# %% 4.4 | wrong scale
def size_aware_attention(q, k, v, size):
    logits = step("logits", q @ k.T + np.log(size))
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares = step("shares", e / e.sum(axis=1, keepdims=True))
    return step("output", shares @ v)


# %% 4.4 | wrong scale
def size_aware_attention(q, k, v, size):
    logits = (np.dot(q, k.T) + np.log(size)) / np.sqrt(q.shape[1])
    logits = logits - logits.max(axis=1, keepdims=True)
    e = np.exp(logits)
    return (e / e.sum(axis=1, keepdims=True)) @ v


# %% 4.4 | wrong axis
def size_aware_attention(q, k, v, size):
    logits = q @ k.T / np.sqrt(q.shape[1]) + np.log(size)
    e = np.exp(logits - logits.max(axis=0))
    shares = step("shares", e / e.sum(axis=0))
    return shares @ v


# %% 4.5 | transposed is no way back
def unmerge(w, y):
    return step("unmerged", w.T @ y)


# %% 4.5 | pseudo-inverse
def unmerge(w, y):
    x, *_ = np.linalg.lstsq(w, y, rcond=None)
    return x


# %% 4.5 | dropped token gets a row
def unmerge(w, y):
    owner = np.argmax(w, axis=0)
    return np.array([y[j] for j in owner])


# %% 4.5 | division by zero
def unmerge(w, y):
    shares = w / w.sum(axis=0, keepdims=True)
    return shares.T @ y


# %% 4.5 | one token of a group
def unmerge(w, y):
    x = np.zeros((w.shape[1], y.shape[1]))
    for j in range(len(w)):
        x[np.argmax(w[j])] = y[j]
    return x


# %% 4.5 | exception
def unmerge(w, y):
    return np.linalg.inv(w) @ y
