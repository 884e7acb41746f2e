"""Wrong answers as students write them: `# %% TASK | HINT`, then the function with its mistake."""

import math

import numpy as np


# %% 10.1 | not rounded
def visible_codes(r, order, n, depth):
    many = math.ceil(n * depth * math.cos(r * math.pi / 2))
    counts = np.zeros(n, dtype=int)
    for code in order[:many]:
        counts[code // depth] += 1
    return np.arange(depth)[None] < depth - counts[:, None]


# %% 10.1 | shallow codes hidden
def visible_codes(r, order, n, depth):
    many = int(np.ceil(np.round(np.cos(np.pi * r / 2) * n * depth, 9)))
    counts = np.bincount(order[:many] // depth, minlength=n)
    return np.array([[j >= count for j in range(depth)] for count in counts])


# %% 10.1 | the drawn codes hidden
def visible_codes(r, order, n, depth):
    many = math.ceil(round(math.cos(math.pi * r / 2) * n * depth, 9))
    out = np.ones(n * depth, dtype=bool)
    out[order[:many]] = False
    return out.reshape(n, depth)


# %% 10.1 | hidden for seen
def visible_codes(r, order, n, depth):
    many = math.ceil(round(math.cos(math.pi * r / 2) * n * depth, 9))
    counts = np.bincount(order[:many] // depth, minlength=n)
    out = np.zeros((n, depth), dtype=bool)
    for i in range(n):
        out[i, depth - counts[i] :] = True
    return out


# %% 10.1 | rounded down
def visible_codes(r, order, n, depth):
    many = int(round(math.cos(math.pi * r / 2) * n * depth, 9))
    counts = np.bincount(order[:many] // depth, minlength=n)
    return np.arange(depth) < (depth - counts)[:, None]


# %% 10.2 | rest not taken off
def encode(x, codebooks, start):
    out = []
    for j in range(len(codebooks)):
        d = np.linalg.norm(x[:, None, :] - codebooks[j][None], axis=-1)
        out.append(np.where(start <= j, d.argmin(axis=1), -1))
    return np.stack(out, axis=1)


# %% 10.2 | every row from the first stage
def encode(x, codebooks, start):
    rest = x.copy()
    out = np.zeros((len(x), len(codebooks)), dtype=int)
    for j in range(len(codebooks)):
        d = ((rest[:, None] - codebooks[j]) ** 2).sum(-1)
        out[:, j] = np.argmin(d, axis=1)
        rest = rest - codebooks[j][out[:, j]]
    return out


# %% 10.2 | code -1 taken off
def encode(x, codebooks, start):
    rest = x.copy()
    out = np.zeros((len(x), len(codebooks)), dtype=int)
    for j in range(len(codebooks)):
        d = ((rest[:, None] - codebooks[j]) ** 2).sum(-1)
        out[:, j] = np.where(start > j, -1, np.argmin(d, axis=1))
        rest = rest - codebooks[j][out[:, j]]
    return out


# %% 10.2 | largest product
def encode(x, codebooks, start):
    rest = x.copy()
    out = np.full((len(x), len(codebooks)), -1)
    for i in range(len(x)):
        for j in range(start[i], len(codebooks)):
            out[i, j] = np.argmax(codebooks[j] @ rest[i])
            rest[i] -= codebooks[j][out[i, j]]
    return out


# %% 10.2 | last of equal codes
def encode(x, codebooks, start):
    rest = x.copy()
    out = np.full((len(x), len(codebooks)), -1)
    for i in range(len(x)):
        for j in range(start[i], len(codebooks)):
            best = np.inf
            for k in range(codebooks.shape[1]):
                gap = ((rest[i] - codebooks[j, k]) ** 2).sum()
                if gap <= best:
                    best, out[i, j] = gap, k
            rest[i] = rest[i] - codebooks[j, out[i, j]]
    return out


# %% 10.3 | one codebook for all stages
def seen_and_hidden(codes, codebooks, visible):
    vectors = codebooks[0][codes]
    return (vectors * visible[..., None]).sum(1), (vectors * (1 - visible[..., None])).sum(1)


# %% 10.3 | sums exchanged
def seen_and_hidden(codes, codebooks, visible):
    n, depth = codes.shape
    out = np.zeros((2, n, codebooks.shape[2]))
    for i in range(n):
        for j in range(depth):
            out[int(visible[i, j]), i] += codebooks[j, codes[i, j]]
    return out[0], out[1]


# %% 10.3 | mean for sum
def seen_and_hidden(codes, codebooks, visible):
    vectors = np.stack([codebooks[j][codes[:, j]] for j in range(codes.shape[1])], axis=1)
    return (vectors * visible[..., None]).mean(1), (vectors * ~visible[..., None]).mean(1)


# %% 10.3 | everything to be predicted
def seen_and_hidden(codes, codebooks, visible):
    vectors = np.stack([codebooks[j][codes[:, j]] for j in range(codes.shape[1])], axis=1)
    return np.einsum("njd,nj->nd", vectors, visible.astype(float)), vectors.sum(axis=1)


# %% 10.4 | axes not exchanged
def merge(x, grid, s):
    h, w = grid
    c = x.shape[1]
    return x.reshape(h // s, s, w // s, s, c).reshape(h * w // s**2, s * s * c)


# %% 10.4 | channels first
def merge(x, grid, s):
    h, w = grid
    c = x.shape[1]
    x = x.reshape(h // s, s, w // s, s, c).transpose(0, 2, 4, 1, 3)
    return x.reshape(-1, s * s * c)


# %% 10.4 | columns first
def merge(x, grid, s):
    h, w = grid
    c = x.shape[1]
    x = x.reshape(h // s, s, w // s, s, c).transpose(0, 2, 3, 1, 4)
    return x.reshape(-1, s * s * c)


# %% 10.4 | windows column after column
def merge(x, grid, s):
    h, w = grid
    picture = x.reshape(h, w, -1)
    out = []
    for left in range(0, w, s):
        for top in range(0, h, s):
            out.append(picture[top : top + s, left : left + s].ravel())
    return np.array(out)
