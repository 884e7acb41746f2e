"""Right answers by other routes: `# %% TASK | ROUTE`, then whole functions, as students write."""

# %% 2.1 | differences
def assign(x, codebook):
    squared = ((x[:, None] - codebook) ** 2).sum(axis=2)
    return squared.argmin(1), squared.min(1)

# %% 2.1 | code by code
def assign(x, codebook):
    best, codes = np.full(len(x), np.inf), np.zeros(len(x), dtype=np.int64)
    for k, code in enumerate(codebook):
        d = ((x - code) ** 2).sum(1)
        nearer = d < best
        best[nearer], codes[nearer] = d[nearer], k
    return codes, best

# %% 2.1 | row by row
def assign(x, codebook):
    pairs = []
    for row in x:
        d = np.square(codebook - row).sum(-1)
        pairs.append((int(np.argmin(d)), d.min()))
    codes, distances = zip(*pairs)
    return np.array(codes), np.array(distances)

# %% 2.1 | einsum
def assign(x, codebook):
    s = np.einsum("nd,nd->n", x, x)[:, None] + np.einsum("kd,kd->k", codebook, codebook) - 2 * np.einsum("nd,kd->nk", x, codebook)
    c = np.argmin(s, axis=-1)
    return c, np.take_along_axis(s, c[:, None], 1)[:, 0]

# %% 2.1 | norms of differences
def assign(x, codebook):
    d = np.array([[np.linalg.norm(r - c) for c in codebook] for r in x])
    d2 = np.array([[(r - c) @ (r - c) for c in codebook] for r in x])
    return d2.argmin(axis=1), d.min(axis=1) ** 2

# %% 2.1 | lists
def assign(x, codebook):
    out = [[sum((a - b) ** 2 for a, b in zip(r, c)) for c in codebook] for r in x]
    return [row.index(min(row)) for row in out], [min(row) for row in out]

# %% 2.1 | transposed
def assign(x, codebook):
    t = (codebook * codebook).sum(1)[:, None] - 2 * codebook @ x.T + (x * x).sum(1)
    return t.argmin(axis=0), t.min(axis=0)

# %% 2.1 | stable sort
def assign(x, codebook):
    s = np.add.outer((x ** 2).sum(1), (codebook ** 2).sum(1)) - 2 * x.dot(codebook.T)
    codes = np.argsort(s, axis=1, kind="stable")[:, 0]
    return codes, s[range(len(x)), codes]

# %% 2.1 | unsigned integers
def assign(x, codebook):
    s = ((x[:, :, None] - codebook.T[None]) ** 2).sum(1)
    return s.argmin(1).astype(np.uint16), np.amin(s, axis=1)

# %% 2.1 | two steps of distance
def assign(x, codebook):
    codes = np.argmin((codebook ** 2).sum(1) - 2 * x @ codebook.T, axis=1)
    gap = x - codebook[codes]
    return codes, (gap * gap).sum(axis=1)

# %% 2.2 | add.at
def update(x, codes, codebook):
    total, n = np.zeros_like(codebook), np.bincount(codes, minlength=len(codebook))
    np.add.at(total, codes, x)
    return np.where(n[:, None] > 0, total / np.maximum(n, 1)[:, None], codebook)

# %% 2.2 | one-hot product
def update(x, codes, codebook):
    hot = codes[:, None] == np.arange(len(codebook))
    n = hot.sum(0)
    out = codebook.copy()
    out[n > 0] = (hot.T @ x)[n > 0] / n[n > 0][:, None]
    return out

# %% 2.2 | a list
def update(x, codes, codebook):
    return [x[codes == k].mean(0) if k in codes else codebook[k].copy() for k in range(len(codebook))]

# %% 2.2 | unique
def update(x, codes, codebook):
    new = np.array(codebook, dtype=float)
    for k in np.unique(codes):
        new[k] = np.average(x[codes == k], axis=0)
    return new

# %% 2.2 | bincount for each column
def update(x, codes, codebook):
    k = len(codebook)
    n = np.bincount(codes, minlength=k)
    sums = np.stack([np.bincount(codes, column, k) for column in x.T], axis=1)
    return np.divide(sums, n[:, None], out=codebook.copy(), where=n[:, None] > 0)

# %% 2.2 | sort and reduceat
def update(x, codes, codebook):
    order = np.argsort(codes, kind="stable")
    used, start, n = np.unique(codes[order], return_index=True, return_counts=True)
    out = codebook + 0.0
    out[used] = np.add.reduceat(x[order], start) / n[:, None]
    return out

# %% 2.2 | running sums
def update(x, codes, codebook):
    sums = {}
    for row, k in zip(x, codes):
        total, n = sums.get(k, (0, 0))
        sums[k] = (total + row, n + 1)
    return np.array([sums[k][0] / sums[k][1] if k in sums else c for k, c in enumerate(codebook)])

# %% 2.2 | NaN where empty
def update(x, codes, codebook):
    with np.errstate(invalid="ignore"):
        hot = np.eye(len(codebook))[codes]
        means = hot.T @ x / hot.sum(0)[:, None]
    return np.where(np.isnan(means), codebook, means)

# %% 2.2 | masked mean
def update(x, codes, codebook):
    out = np.empty(codebook.shape)
    for k in range(out.shape[0]):
        mask = np.equal(codes, k)
        out[k] = x.mean(axis=0, where=mask[:, None]) if mask.sum() else codebook[k]
    return out

# %% 2.2 | deviations
def update(x, codes, codebook):
    gap, n = np.zeros(codebook.shape), np.zeros(len(codebook))
    for i, k in enumerate(codes):
        n[k] += 1
        gap[k] += x[i] - codebook[k]
    return codebook + gap / np.where(n == 0, 1, n)[:, None]

# %% 2.3 | an array for the history
def fit(x, codebook, n_iter):
    history = np.zeros(n_iter + 1)
    c = codebook.copy()
    for t in range(n_iter + 1):
        codes, d = assign(x, c)
        history[t] = d.sum()
        if t < n_iter:
            c = update(x, codes, c)
    return c, codes, history

# %% 2.3 | the first assignment in the loop
def fit(x, codebook, n_iter):
    history = []
    for _ in range(n_iter):
        codes, d = assign(x, codebook)
        history += [np.sum(d)]
        codebook = update(x, codes, codebook)
    codes, d = assign(x, codebook)
    return codebook, codes, np.array([*history, np.sum(d)])

# %% 2.3 | while
def fit(x, codebook, n_iter):
    codes, d = assign(x, codebook)
    h = [sum(d)]
    while len(h) <= n_iter:
        codebook = update(x, codes, codebook)
        codes, d = assign(x, codebook)
        h.append(sum(d))
    return codebook, codes, h

# %% 2.3 | recursion
def fit(x, codebook, n_iter):
    codes, d = assign(x, codebook)
    if n_iter == 0:
        return codebook.copy(), codes, np.array([d.sum()])
    end, last, history = fit(x, update(x, codes, codebook), n_iter - 1)
    return end, last, np.concatenate([[d.sum()], history])

# %% 2.3 | all by itself
def fit(x, codebook, n_iter):
    c, history = np.array(codebook), []
    for t in range(n_iter + 1):
        d = ((x[:, None] - c) ** 2).sum(-1)
        codes = d.argmin(-1)
        history.append(d.min(-1).sum())
        if t == n_iter:
            return c, codes, np.asarray(history)
        for k in set(codes.tolist()):
            c[k] = x[codes == k].mean(0)

# %% 2.3 | inertia from the codes
def fit(x, codebook, n_iter):
    inertia = lambda: ((x - codebook[codes]) ** 2).sum()
    codes = assign(x, codebook)[0]
    history = [inertia()]
    for _ in range(n_iter):
        codebook = update(x, codes, codebook)
        codes = assign(x, codebook)[0]
        history.append(inertia())
    return codebook, codes, np.array(history)

# %% 2.3 | a generator
def rounds(x, codebook, n):
    for t in range(n + 1):
        codes, d = assign(x, codebook)
        yield codebook, codes, d.sum()
        codebook = update(x, codes, codebook)
def fit(x, codebook, n_iter):
    found = list(rounds(x, codebook, n_iter))
    return found[-1][0], found[-1][1], np.array([f[2] for f in found])

# %% 2.3 | a class
class KMeans:
    def __init__(self, x, c):
        self.x, self.c, self.history = x, c, []
        self.measure()
    def measure(self):
        self.codes, d = assign(self.x, self.c)
        self.history.append(d.sum())
    def step(self):
        self.c = update(self.x, self.codes, self.c)
        self.measure()
def fit(x, codebook, n_iter):
    model = KMeans(x, codebook)
    for _ in range(n_iter):
        model.step()
    return model.c, model.codes, np.array(model.history)

# %% 2.3 | a list of codebooks
def fit(x, codebook, n_iter):
    books = [codebook]
    for _ in range(n_iter):
        books.append(update(x, assign(x, books[-1])[0], books[-1]))
    return books[-1], assign(x, books[-1])[0], np.array([assign(x, b)[1].sum() for b in books])

# %% 2.3 | accumulate
from itertools import accumulate
def fit(x, codebook, n_iter):
    move = lambda c, _: update(x, assign(x, c)[0], c)
    books = list(accumulate(range(n_iter), move, initial=codebook))
    last = assign(x, books[-1])
    return books[-1], last[0], [float(assign(x, b)[1].sum()) for b in books]

# %% 2.4 | the whole vocabulary
def log_prob(hidden, codebook, mapping, token):
    z = hidden @ codebook[mapping].T
    z = z - z.max(axis=1, keepdims=True)
    return z[np.arange(len(token)), token] - np.log(np.exp(z).sum(axis=1))

# %% 2.4 | logaddexp
def log_prob(hidden, codebook, mapping, token):
    z = hidden @ codebook[mapping].T
    return np.array([z[i, t] - np.logaddexp.reduce(z[i]) for i, t in enumerate(token)])

# %% 2.4 | log of the sizes
def log_prob(hidden, codebook, mapping, token):
    with np.errstate(divide="ignore"):
        logs = np.log(np.bincount(mapping, minlength=len(codebook)))
    z = hidden @ codebook.T
    return np.take_along_axis(z, mapping[token][:, None], 1)[:, 0] - np.logaddexp.reduce(z + logs, axis=1)

# %% 2.4 | loops
import math
def log_prob(hidden, codebook, mapping, token):
    result = []
    for h, t in zip(hidden, token):
        logits = [float(h @ codebook[k]) for k in mapping]
        top = max(logits)
        result.append(logits[t] - top - math.log(sum(math.exp(z - top) for z in logits)))
    return result

# %% 2.4 | unique codes
def log_prob(hidden, codebook, mapping, token):
    used, inverse, n = np.unique(mapping, return_inverse=True, return_counts=True)
    z = hidden @ codebook[used].T
    m = z.max(1)
    log_z = m + np.log((n * np.exp(z - m[:, None])).sum(1))
    return z[np.arange(len(z)), inverse[token]] - log_z

# %% 2.4 | -inf for unused codes
def log_prob(hidden, codebook, mapping, token):
    n = np.zeros(len(codebook))
    np.add.at(n, mapping, 1)
    z = hidden @ codebook.T
    seen = np.where(n > 0, z, -np.inf)
    top = seen.max(axis=-1, keepdims=True)
    return (z - top)[range(len(token)), mapping[token]] - np.log((n * np.exp(seen - top)).sum(-1))

# %% 2.4 | shift by the right token
def log_prob(hidden, codebook, mapping, token):
    z = hidden @ codebook[mapping].T
    own = z[np.arange(len(z)), token]
    gap = z - own[:, None]
    top = gap.max(1)
    return -(top + np.log(np.exp(gap - top[:, None]).sum(1)))

# %% 2.4 | a helper
def log_sum_exp(z, weights):
    m = z[weights > 0].max()
    return m + np.log(sum(w * np.exp(v - m) for w, v in zip(weights, z) if w))
def log_prob(hidden, codebook, mapping, token):
    sizes = np.array([(mapping == k).sum() for k in range(len(codebook))])
    return np.array([codebook[mapping[t]] @ h - log_sum_exp(codebook @ h, sizes)
                     for h, t in zip(hidden, token)])

# %% 2.4 | Counter
from collections import Counter
def log_prob(hidden, codebook, mapping, token):
    counts = Counter(mapping.tolist())
    codes = sorted(counts)
    z = np.einsum("nd,kd->nk", hidden, codebook[codes])
    log_z = np.logaddexp.reduce(z + np.log([counts[k] for k in codes]), axis=1)
    return np.array([z[i, codes.index(mapping[t])] for i, t in enumerate(token)]) - log_z

# %% 2.4 | log_softmax by a nested function
def log_prob(hidden, codebook, mapping, token):
    def log_softmax(row):
        row = row - row.max()
        return row - np.log(np.exp(row).sum())
    table = np.apply_along_axis(log_softmax, 1, (codebook @ hidden.T).T[:, mapping])
    return np.diagonal(table[:, token])

# %% 2.5 | mean of logs
def tie_floor(counts, mapping):
    n = np.bincount(mapping)
    return np.exp(np.average(np.log(n[mapping]), weights=counts))

# %% 2.5 | loop
import math
def tie_floor(counts, mapping):
    total = 0
    for v, c in enumerate(counts):
        total += c / sum(counts) * math.log(list(mapping).count(mapping[v]))
    return math.exp(total)

# %% 2.5 | product of powers
def tie_floor(counts, mapping):
    sizes = (mapping[:, None] == mapping).sum(1)
    return np.prod(sizes ** (counts / counts.sum()))

# %% 2.5 | by codes
def tie_floor(counts, mapping):
    sizes = np.bincount(mapping)
    share = np.bincount(mapping, weights=counts) / counts.sum()
    some = sizes > 0
    return np.exp((share[some] * np.log(sizes[some])).sum())

# %% 2.5 | Counter
from collections import Counter
def tie_floor(counts, mapping):
    n = Counter(mapping.tolist())
    return float(np.exp(np.dot(counts / np.sum(counts), [np.log(n[m]) for m in mapping.tolist()])))

# %% 2.5 | unique
def tie_floor(counts, mapping):
    _, inverse, n = np.unique(mapping, return_inverse=True, return_counts=True)
    return np.exp(sum(f * np.log(s) for f, s in zip(counts / counts.sum(), n[inverse])))

# %% 2.5 | base 2
def tie_floor(counts, mapping):
    return 2 ** ((counts * np.log2(np.bincount(mapping)[mapping])).sum() / counts.sum())

# %% 2.5 | perplexity of 1 / n
def tie_floor(counts, mapping):
    p = 1 / np.bincount(mapping)[mapping]
    return np.exp(-(counts / counts.sum()) @ np.log(p))

# %% 2.5 | only what occurs
def tie_floor(counts, mapping):
    seen = np.flatnonzero(counts)
    sizes = np.array([np.count_nonzero(mapping == mapping[v]) for v in seen])
    return np.exp(np.log(sizes) @ counts[seen] / counts[seen].sum())

# %% 2.5 | a 0-d array
def tie_floor(counts, mapping):
    sizes = np.take(np.bincount(mapping), mapping)
    return np.array(np.exp(np.vdot(counts, np.log(sizes)) / np.add.reduce(counts)))
