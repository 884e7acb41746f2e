"""Right answers by other routes: `# %% TASK | ROUTE`, then whole functions, as students write."""

# %% 4.1 | all distances first
def k_center(x, k, start):
    u = x / np.linalg.norm(x, axis=1)[:, None]
    D = 1 - u @ u.T
    chosen = [start]
    while len(chosen) < k:
        d = D[:, chosen].min(axis=1)
        d[chosen] = -1
        chosen.append(np.argmax(d))
    return np.array(chosen)

# %% 4.1 | free tokens alone
def k_center(x, k, start):
    u = x / np.sqrt((x * x).sum(1, keepdims=True))
    taken = [start]
    free = [i for i in range(len(x)) if i != start]
    for _ in range(k - 1):
        d = [min(1 - u[i] @ u[j] for j in taken) for i in free]
        taken.append(free.pop(d.index(max(d))))
    return np.array(taken)

# %% 4.1 | cosines, least first
def k_center(x, k, start):
    u = x / np.linalg.norm(x, axis=1, keepdims=True)
    near, taken = u @ u[start], [start]
    near[start] = np.inf
    for _ in range(1, k):
        new = int(np.argmin(near))
        taken.append(new)
        near = np.maximum(near, u @ u[new])
        near[taken] = np.inf
    return taken

# %% 4.1 | a mask
def k_center(x, k, start):
    u = (x.T / np.linalg.norm(x, axis=1)).T
    used = np.zeros(len(x), bool)
    out = np.empty(k, dtype=np.int32)
    nearest = np.full(len(x), np.inf)
    for t in range(k):
        out[t] = start
        used[start] = True
        nearest = np.minimum(nearest, 1 - u @ u[start])
        start = int(np.where(used, -np.inf, nearest).argmax())
    return out

# %% 4.1 | max with a key
def k_center(x, k, start):
    u = x / np.linalg.norm(x, axis=1, keepdims=True)
    taken = [start]
    while len(taken) < k:
        d = lambda i: min(1.0 - float(u[i] @ u[j]) for j in taken)
        taken += [max((i for i in range(len(x)) if i not in taken), key=d)]
    return np.array(taken, dtype=int)

# %% 4.1 | masked array
def k_center(x, k, start):
    u = x / np.linalg.norm(x, axis=1, keepdims=True)
    c = u @ u.T
    taken = [start]
    for _ in range(k - 1):
        d = np.ma.array(1 - c[taken].max(axis=0), mask=False)
        d[taken] = np.ma.masked
        taken.append(int(d.argmax()))
    return np.array(taken)

# %% 4.1 | sorting
def k_center(x, k, start):
    u = x / np.linalg.norm(x, axis=1, keepdims=True)
    taken = [start]
    while len(taken) < k:
        nearest = (1 - u @ u[taken].T).min(1)
        order = np.argsort(-nearest, kind="stable")
        taken.append(next(i for i in order if i not in taken))
    return np.array(taken)

# %% 4.1 | recursion
def k_center(x, k, start):
    if k == 1:
        return np.array([start])
    before = k_center(x, k - 1, start)
    u = x / np.linalg.norm(x, axis=1, keepdims=True)
    d = (1 - u @ u[before].T).min(axis=1)
    d[before] = -np.inf
    return np.append(before, d.argmax())

# %% 4.1 | distances by einsum
def k_center(x, k, start):
    lengths = np.einsum("nd,nd->n", x, x) ** 0.5
    u = np.einsum("nd,n->nd", x, 1 / lengths)
    table = 1 - np.einsum("nd,md->nm", u, u)
    np.fill_diagonal(table, -np.inf)
    nearest, taken = table[start].copy(), [start]
    for _ in range(k - 1):
        i = int(np.argmax(nearest))
        taken.append(i)
        nearest = np.fmin(nearest, table[i])
    return np.array(taken)

# %% 4.1 | a set beside the list
def k_center(x, k, start):
    unit = [row / np.linalg.norm(row) for row in x]
    seen, out = {start}, [start]
    best = [1 - unit[start] @ v for v in unit]
    while len(out) < k:
        top, at = -2, None
        for i, d in enumerate(best):
            if i not in seen and d > top:
                top, at = d, i
        seen.add(at)
        out.append(at)
        best = [min(d, 1 - unit[at] @ v) for d, v in zip(best, unit)]
    return np.asarray(out)

# %% 4.2 | rows of the identity
def selection_matrix(kept, n):
    return np.eye(n)[np.sort(kept)]

# %% 4.2 | comparison
def selection_matrix(kept, n):
    return (np.sort(kept)[:, None] == np.arange(n)).astype(float)

# %% 4.2 | loop
def selection_matrix(kept, n):
    w = np.zeros((len(kept), n))
    for row, i in enumerate(sorted(kept)):
        w[row, i] = 1
    return w

# %% 4.2 | a list
def selection_matrix(kept, n):
    return [[1.0 if j == i else 0.0 for j in range(n)] for i in sorted(kept.tolist())]

# %% 4.2 | a mask of tokens
def selection_matrix(kept, n):
    stays = np.zeros(n, dtype=bool)
    stays[kept] = True
    return np.diag(stays.astype(float))[stays]

# %% 4.2 | isin
def selection_matrix(kept, n):
    return np.identity(n)[np.isin(np.arange(n), kept)]

# %% 4.2 | put_along_axis
def selection_matrix(kept, n):
    w = np.zeros((kept.size, n))
    np.put_along_axis(w, np.unique(kept)[:, None], 1.0, axis=1)
    return w

# %% 4.2 | flat places
def selection_matrix(kept, n):
    k = len(kept)
    w = np.zeros(k * n)
    w[np.arange(k) * n + np.sort(kept)] = 1
    return w.reshape(k, n)

# %% 4.2 | delete
def selection_matrix(kept, n):
    return np.delete(np.eye(n), [i for i in range(n) if i not in set(kept.tolist())], axis=0)

# %% 4.2 | take and compress
def selection_matrix(kept, n):
    return np.compress(np.bincount(kept, minlength=n) > 0, np.eye(n), axis=0)

# %% 4.3 | loops
def merge_matrix(x, kept, size):
    cos = lambda a, b: a @ b / np.linalg.norm(a) / np.linalg.norm(b)
    k, n = len(kept), len(x)
    w = np.zeros((k, n))
    for i in range(n):
        if i in kept:
            j = list(kept).index(i)
        else:
            j = int(np.argmax([round(cos(x[i], x[c]), 12) for c in kept]))
        w[j, i] = size[i]
    total = w.sum(axis=1)
    return w / total[:, None], total

# %% 4.3 | one-hot
def merge_matrix(x, kept, size):
    u = x / np.linalg.norm(x, axis=1, keepdims=True)
    g = np.argmax(u @ u[kept].T, axis=1)
    g[kept] = range(len(kept))
    hot = np.eye(len(kept))[g].T * size
    return hot / hot.sum(1, keepdims=True), hot.sum(1)

# %% 4.3 | bincount
def merge_matrix(x, kept, size):
    u = x / np.linalg.norm(x, axis=1)[:, None]
    c = u @ u[kept].T
    c[kept] = -2
    c[kept, np.arange(len(kept))] = 2
    g = c.argmax(axis=1)
    total = np.bincount(g, weights=size, minlength=len(kept))
    w = np.zeros((len(kept), len(x)))
    w[g, np.arange(len(x))] = size / total[g]
    return w, total

# %% 4.3 | add.at
def merge_matrix(x, kept, size):
    u = x / np.linalg.norm(x, axis=1, keepdims=True)
    g = np.einsum("nd,kd->nk", u, u[kept]).argmax(-1)
    g[kept] = np.arange(kept.size)
    new = np.zeros(kept.size)
    np.add.at(new, g, size)
    return np.where(np.arange(kept.size)[:, None] == g, size / new[:, None], 0), new

# %% 4.3 | only the kept are normalised
def merge_matrix(x, kept, size):
    centres = x[kept] / np.linalg.norm(x[kept], axis=1, keepdims=True)
    g = (centres @ x.T).argmax(axis=0)
    for j, i in enumerate(kept):
        g[i] = j
    members = np.array([g == j for j in range(len(kept))])
    new = (members * size).sum(axis=1)
    return members * size / new[:, None], new

# %% 4.3 | distances
def merge_matrix(x, kept, size):
    u = x / np.linalg.norm(x, axis=1, keepdims=True)
    d = 1 - u @ u[kept].T
    d[kept, range(len(kept))] = -1
    g = d.argmin(1)
    s = np.array([size[g == j].sum() for j in range(len(kept))])
    return np.array([[size[i] / s[j] if g[i] == j else 0.0 for i in range(len(x))] for j in range(len(kept))]), s

# %% 4.3 | a dictionary of groups
def merge_matrix(x, kept, size):
    u = x / np.linalg.norm(x, axis=1, keepdims=True)
    groups = {int(c): [int(c)] for c in kept}
    for i in range(len(x)):
        if i not in groups:
            groups[int(kept[np.argmax(u[kept] @ u[i])])].append(i)
    w, new = np.zeros((len(kept), len(x))), []
    for j, c in enumerate(kept):
        mine = groups[int(c)]
        new.append(size[mine].sum())
        w[j, mine] = size[mine] / new[-1]
    return w, np.array(new)

# %% 4.3 | lists
def merge_matrix(x, kept, size):
    u = x / np.linalg.norm(x, axis=1, keepdims=True)
    position = {c: j for j, c in enumerate(kept.tolist())}
    g = [position.get(i, int((u[kept] @ u[i]).argmax())) for i in range(len(x))]
    new = [float(sum(s for s, h in zip(size, g) if h == j)) for j in range(len(kept))]
    return [[float(s) / new[j] if h == j else 0.0 for s, h in zip(size, g)] for j in range(len(kept))], new

# %% 4.3 | diag
def merge_matrix(x, kept, size):
    u = x / np.linalg.norm(x, axis=1, keepdims=True)
    g = np.argmax(np.dot(u, u[kept].T), axis=1)
    np.put(g, kept, np.arange(len(kept)))
    m = np.equal.outer(np.arange(len(kept)), g).astype(float) @ np.diag(size)
    return np.diag(1 / m.sum(1)) @ m, m.sum(1)

# %% 4.3 | rows that are not kept
def merge_matrix(x, kept, size):
    u = x / np.sqrt(np.sum(x ** 2, axis=1, keepdims=True))
    w = np.zeros((len(kept), len(x)))
    w[np.arange(len(kept)), kept] = size[kept]
    rest = np.setdiff1d(np.arange(len(x)), kept)
    if rest.size:
        w[np.argmax(u[rest] @ u[kept].T, axis=1), rest] = size[rest]
    s = w @ np.ones(len(x))
    return w / s.reshape(-1, 1), s

# %% 4.4 | weights times sizes
def size_aware_attention(q, k, v, size):
    z = q @ k.T / np.sqrt(k.shape[1])
    e = size * np.exp(z - z.max(axis=1, keepdims=True))
    return e @ v / e.sum(axis=1, keepdims=True)

# %% 4.4 | row by row
def size_aware_attention(q, k, v, size):
    out = []
    for row in q:
        z = k @ row / len(row) ** 0.5 + np.log(size)
        e = np.exp(z - z.max())
        out.append((e / e.sum()) @ v)
    return np.array(out)

# %% 4.4 | logaddexp
def size_aware_attention(q, k, v, size):
    z = q @ k.T / np.sqrt(q.shape[-1]) + np.log(size)
    return np.exp(z - np.logaddexp.reduce(z, axis=1, keepdims=True)) @ v

# %% 4.4 | an extra column
def size_aware_attention(q, k, v, size):
    d = q.shape[1]
    q1 = np.hstack([q / np.sqrt(d), np.ones((len(q), 1))])
    k1 = np.hstack([k, np.log(size)[:, None]])
    z = q1 @ k1.T
    p = np.exp(z - z.max(1)[:, None])
    return (p / p.sum(1)[:, None]) @ v

# %% 4.4 | transposed
def size_aware_attention(q, k, v, size):
    z = k @ q.T / q.shape[1] ** 0.5 + np.log(size)[:, None]
    e = np.exp(z - z.max(0))
    return (v.T @ (e / e.sum(0))).T

# %% 4.4 | loops
import math
def size_aware_attention(q, k, v, size):
    out = np.zeros((len(q), v.shape[1]))
    for i in range(len(q)):
        z = [float(q[i] @ k[j]) / math.sqrt(q.shape[1]) + math.log(size[j]) for j in range(len(k))]
        top = max(z)
        e = [math.exp(t - top) for t in z]
        for j in range(len(k)):
            out[i] += e[j] / sum(e) * v[j]
    return out

# %% 4.4 | online softmax
def size_aware_attention(q, k, v, size):
    top, total = np.full(len(q), -np.inf), np.zeros(len(q))
    out = np.zeros((len(q), v.shape[1]))
    for key, value, s in zip(k, v, size):
        z = q @ key / np.sqrt(q.shape[1]) + np.log(s)
        new = np.maximum(top, z)
        keep, add = np.exp(top - new), np.exp(z - new)
        out = out * keep[:, None] + add[:, None] * value
        total, top = total * keep + add, new
    return out / total[:, None]

# %% 4.4 | einsum
def size_aware_attention(q, k, v, size):
    z = np.einsum("id,jd->ij", q, k) / np.sqrt(k.shape[-1]) + np.log(size)[None]
    p = np.exp(z - np.amax(z, axis=-1, keepdims=True))
    return np.einsum("ij,jc,i->ic", p, v, 1 / p.sum(-1))

# %% 4.4 | a softmax by itself
def softmax(z, axis=-1):
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)
def size_aware_attention(q, k, v, size):
    return softmax(q @ k.T * q.shape[1] ** -0.5 + np.log(size)) @ v

# %% 4.4 | a list
def size_aware_attention(q, k, v, size):
    z = np.add(np.divide(q.dot(k.T), math_root(q.shape[1])), np.log(size))
    e = np.exp(z.T - z.max(axis=1)).T
    return (e.dot(v) / e.sum(axis=1)[:, None]).tolist()
def math_root(d):
    return d ** 0.5

# %% 4.5 | argmax of each column
def unmerge(w, y):
    x = y[np.argmax(w != 0, axis=0)].copy()
    x[(w == 0).all(axis=0)] = 0
    return x

# %% 4.5 | loops
def unmerge(w, y):
    m, n = w.shape
    x = np.zeros((n, y.shape[1]))
    for j in range(m):
        for i in range(n):
            if w[j, i]:
                x[i] = y[j]
    return x

# %% 4.5 | nonzero
def unmerge(w, y):
    j, i = np.nonzero(w)
    x = np.zeros((w.shape[1], y.shape[1]))
    x[i] = y[j]
    return x

# %% 4.5 | ceil
def unmerge(w, y):
    return np.ceil(w).T @ y

# %% 4.5 | sign
def unmerge(w, y):
    return np.sign(w).T.dot(y)

# %% 4.5 | einsum
def unmerge(w, y):
    return np.einsum("mn,md->nd", (w > 0).astype(float), y)

# %% 4.5 | divide by itself
def unmerge(w, y):
    return np.divide(w, w, out=np.zeros_like(w), where=w != 0).T @ y

# %% 4.5 | a row of zeros at the end
def unmerge(w, y):
    padded = np.vstack([y, np.zeros((1, y.shape[1]))])
    rows = [next((j for j in range(len(w)) if w[j, i] != 0), -1) for i in range(w.shape[1])]
    return padded[rows]

# %% 4.5 | add.at
def unmerge(w, y):
    j, i = np.where(w)
    x = np.zeros((w.shape[1], y.shape[1]))
    np.add.at(x, i, y[j])
    return x

# %% 4.5 | a list
def unmerge(w, y):
    return [sum((y[j] for j in range(len(w)) if w[j][i] != 0), np.zeros(y.shape[1])) for i in range(w.shape[1])]
