"""Right answers by other routes: `# %% TASK | ROUTE`, then whole functions, as students write."""

# %% 5.1 | ranks
def token_mask(similarity, k_train):
    order = np.argsort(-similarity, axis=1, kind="stable")
    return np.argsort(order, axis=1) < k_train

# %% 5.1 | loops
def token_mask(similarity, k_train):
    mask = np.zeros(similarity.shape, dtype=bool)
    for i, row in enumerate(similarity):
        for j in sorted(range(len(row)), key=lambda j: -row[j])[:k_train]:
            mask[i, j] = True
    return mask

# %% 5.1 | ones and zeros
def token_mask(similarity, k_train):
    mask = np.zeros_like(similarity, dtype=int)
    best = np.argsort(-similarity, kind="mergesort")[:, :k_train]
    mask[np.arange(len(mask))[:, None], best] = 1
    return mask

# %% 5.1 | counting
def token_mask(similarity, k_train):
    s, n = similarity, similarity.shape[1]
    better = (s[:, None, :] > s[:, :, None]).sum(2)
    earlier = ((s[:, None, :] == s[:, :, None]) & (np.arange(n) < np.arange(n)[:, None])).sum(2)
    return better + earlier < k_train

# %% 5.1 | again and again the best
def token_mask(similarity, k_train):
    left, rows = similarity.astype(float), np.arange(len(similarity))
    mask = np.full(similarity.shape, False)
    for _ in range(min(k_train, similarity.shape[1])):
        best = left.argmax(axis=1)
        mask[rows, best] = True
        left[rows, best] = -np.inf
    return mask

# %% 5.1 | a border, and ties from the left
def token_mask(similarity, k_train):
    k = min(k_train, similarity.shape[1])
    border = -np.sort(-similarity, axis=1)[:, k - 1:k]
    above, equal = similarity > border, similarity == border
    room = k - above.sum(axis=1, keepdims=True)
    return above | (equal & (np.cumsum(equal, axis=1) <= room))

# %% 5.1 | lexsort
def token_mask(similarity, k_train):
    out = []
    for row in similarity:
        best = np.lexsort((np.arange(row.size), -row))[:k_train]
        out.append(np.isin(np.arange(row.size), best))
    return np.array(out)

# %% 5.1 | lists
def token_mask(similarity, k_train):
    best = [set(np.argsort(-row, kind="stable")[:k_train].tolist()) for row in similarity]
    return [[j in b for j in range(similarity.shape[1])] for b in best]

# %% 5.1 | heapq
import heapq
def token_mask(similarity, k_train):
    mask = np.zeros(similarity.shape, bool)
    for i in range(len(mask)):
        pairs = ((-s, j) for j, s in enumerate(similarity[i]))
        mask[i, [j for _, j in heapq.nsmallest(k_train, pairs)]] = True
    return mask

# %% 5.1 | turned around
def token_mask(similarity, k_train):
    n = similarity.shape[1]
    order = n - 1 - np.argsort(similarity[:, ::-1], axis=1, kind="stable")[:, ::-1]
    mask = np.zeros(similarity.shape, dtype=bool)
    np.put_along_axis(mask, order[:, :k_train], True, 1)
    return mask

# %% 5.2 | loops
def train_scores(similarity, mask, offsets):
    scores, z = [], []
    for a, b in zip(offsets, offsets[1:]):
        total, hits = 0.0, 0
        for i in range(len(similarity)):
            if mask[i, a:b].any():
                hits += 1
                total += max(similarity[i, j] if mask[i, j] else 0.0 for j in range(a, b))
        scores.append(total / hits if hits else 0.0)
        z.append(hits)
    return np.array(scores), np.array(z)

# %% 5.2 | where
def train_scores(similarity, mask, offsets):
    kept = np.where(mask, similarity, 0)
    scores, z = np.zeros(len(offsets) - 1), np.zeros(len(offsets) - 1, dtype=np.int64)
    for b, (s, e) in enumerate(zip(offsets[:-1], offsets[1:])):
        hit = mask[:, s:e].any(axis=1)
        z[b] = hit.sum()
        if z[b]:
            scores[b] = kept[hit, s:e].max(axis=1).mean()
    return scores, z

# %% 5.2 | split
def train_scores(similarity, mask, offsets):
    kept = np.split(similarity * mask, offsets[1:-1], axis=1)
    z = np.array([m.any(1).sum() for m in np.split(np.asarray(mask), offsets[1:-1], axis=1)])
    sums = np.array([p.max(axis=1).sum() if p.shape[1] else 0 for p in kept])
    return sums / np.where(z == 0, 1, z), z

# %% 5.2 | documents with tokens, reduceat
def train_scores(similarity, mask, offsets):
    n = len(offsets) - 1
    some = np.flatnonzero(np.diff(offsets))
    best, hit = np.zeros((len(similarity), n)), np.zeros((len(similarity), n), int)
    best[:, some] = np.maximum.reduceat(similarity * mask, offsets[some], axis=1)
    hit[:, some] = np.logical_or.reduceat(mask, offsets[some], axis=1)
    z = hit.sum(axis=0)
    return np.divide(best.sum(0), z, out=np.zeros(n), where=z > 0), z

# %% 5.2 | maximum.at
def train_scores(similarity, mask, offsets):
    n_docs = len(offsets) - 1
    doc = np.repeat(np.arange(n_docs), np.diff(offsets))
    best = np.full((n_docs, len(similarity)), -np.inf)
    np.maximum.at(best, doc, (similarity * mask).T)
    hit = np.zeros((n_docs, len(similarity)), dtype=bool)
    np.logical_or.at(hit, doc, mask.T)
    best[~np.isfinite(best)] = 0
    z = np.count_nonzero(hit, axis=1)
    return best.sum(axis=1) / np.maximum(1, z), z

# %% 5.2 | masks of documents
def train_scores(similarity, mask, offsets):
    j = np.arange(similarity.shape[1])
    own = (j >= offsets[:-1, None]) & (j < offsets[1:, None])
    kept = np.where(own[:, None], similarity * mask, -np.inf).max(axis=2, initial=-np.inf)
    hit = (own[:, None] & mask).any(axis=2)
    z = hit.sum(1)
    return np.where(hit, kept, 0).sum(1) / (z + (z == 0)), z

# %% 5.2 | lists
def train_scores(similarity, mask, offsets):
    s, z = [], []
    for b in range(len(offsets) - 1):
        own = slice(offsets[b], offsets[b + 1])
        z.append(int(sum(row.any() for row in mask[:, own])))
        s.append(float(sum(max(r * m) for r, m in zip(similarity[:, own], mask[:, own]) if m.any())) / (z[-1] or 1))
    return s, z

# %% 5.2 | initial
def train_scores(similarity, mask, offsets):
    pairs = list(zip(offsets[:-1], offsets[1:]))
    z = np.array([np.any(mask[:, a:b], axis=1).sum() for a, b in pairs])
    best = np.array([(mask * similarity)[:, a:b].max(axis=1, initial=-np.inf) if b > a else np.zeros(len(mask)) for a, b in pairs])
    return np.nan_to_num(best.sum(1) / np.clip(z, 1, None)), z

# %% 5.2 | a helper for one document
def one(s, m):
    hit = m.any(axis=1)
    return ((s * m)[hit].max(axis=1).mean(), hit.sum()) if hit.any() else (0.0, 0)
def train_scores(similarity, mask, offsets):
    found = [one(similarity[:, a:b], mask[:, a:b]) for a, b in zip(offsets, offsets[1:])]
    return np.array([f[0] for f in found]), np.array([int(f[1]) for f in found])

# %% 5.2 | ufunc with a copy
def train_scores(similarity, mask, offsets):
    kept = similarity.copy()
    kept[~mask.astype(bool)] = 0
    n = len(offsets) - 1
    scores, z = np.zeros(n), np.zeros(n, np.int32)
    for b in range(n):
        columns = range(offsets[b], offsets[b + 1])
        if len(columns) == 0:
            continue
        z[b] = mask[:, columns].max(axis=1).sum()
        scores[b] = np.amax(kept[:, columns], axis=1).sum() / max(z[b], 1)
    return scores, z

# %% 5.3 | logaddexp
def cross_entropy(scores, positive, temperature):
    z = scores / temperature
    log_p = z - np.logaddexp.reduce(z)
    hot = np.arange(len(z)) == positive
    return -log_p[positive], (np.exp(log_p) - hot) / temperature

# %% 5.3 | differences from the right one
def cross_entropy(scores, positive, temperature):
    gap = (scores - scores[positive]) / temperature
    top = gap.max()
    e = np.exp(gap - top)
    slope = e / e.sum()
    slope[positive] -= 1
    return top + np.log(e.sum()), slope / temperature

# %% 5.3 | loops
import math
def cross_entropy(scores, positive, temperature):
    top = max(scores)
    e = [math.exp((s - top) / temperature) for s in scores]
    loss = math.log(sum(e)) - (scores[positive] - top) / temperature
    return loss, [(v / sum(e) - (b == positive)) / temperature for b, v in enumerate(e)]

# %% 5.3 | an identity's row
def cross_entropy(scores, positive, temperature):
    z = (scores - np.max(scores)) / temperature
    p = np.exp(z) / np.exp(z).sum()
    return np.log(np.exp(z).sum()) - z[positive], (p - np.eye(len(p))[positive]) / temperature

# %% 5.3 | subtract.at
def cross_entropy(scores, positive, temperature):
    z = scores / temperature - scores.max() / temperature
    log_p = z - np.log(np.sum(np.exp(z)))
    slope = np.exp(log_p)
    np.subtract.at(slope, positive, 1.0)
    return float(-log_p[positive]), slope * (1 / temperature)

# %% 5.3 | sums to zero
def cross_entropy(scores, positive, temperature):
    z = scores / temperature
    m = z.max()
    p = np.exp(z - m) / np.exp(z - m).sum()
    slope = p / temperature
    slope[positive] = -(np.delete(slope, positive).sum())
    return m + np.log(np.exp(z - m).sum()) - z[positive], slope

# %% 5.3 | where
def cross_entropy(scores, positive, temperature):
    z = np.asarray(scores, float) / temperature
    z = z - z.max()
    lse = np.log(np.exp(z).sum())
    p = np.exp(z - lse)
    return lse - z[positive], np.where(np.arange(z.size) == positive, p - 1, p) / temperature

# %% 5.3 | a softmax by itself
def log_softmax(z):
    z = z - z.max()
    return z - np.log(np.exp(z).sum())
def cross_entropy(scores, positive, temperature):
    log_p = log_softmax(scores / temperature)
    one = np.zeros_like(log_p)
    one[positive] = 1
    return -(one * log_p).sum(), (np.exp(log_p) - one) / temperature

# %% 5.3 | log1p of the others
def cross_entropy(scores, positive, temperature):
    others = np.delete(scores, positive)
    z = (others - scores[positive]) / temperature
    top = max(z.max(), 0)
    total = np.exp(z - top).sum() + np.exp(-top)
    p = np.exp((scores - scores[positive]) / temperature - top) / total
    p[positive] -= 1
    return top + np.log(total), p / temperature

# %% 5.3 | a 0-d array
def cross_entropy(scores, positive, temperature):
    z = np.divide(scores, temperature)
    top = np.amax(z)
    e = np.exp(np.subtract(z, top))
    hot = np.zeros(len(e)); hot[positive] = 1
    return np.array(np.log(e.sum()) + top - z[positive]), (e / e.sum() - hot) / temperature

# %% 5.4 | loops
def token_gradients(query, tokens, offsets, k_train, positive, temperature):
    P = query @ tokens.T
    mask = np.asarray(token_mask(P, k_train))
    scores, z = train_scores(P, mask, offsets)
    loss, slope = cross_entropy(scores, positive, temperature)
    dq, dt = np.zeros_like(query), np.zeros_like(tokens)
    for b in range(len(offsets) - 1):
        if z[b] == 0:
            continue
        for i in range(len(query)):
            own = np.arange(offsets[b], offsets[b + 1])
            j = own[np.argmax((P * mask)[i, own])]
            if mask[i, j]:
                dq[i] += slope[b] / z[b] * tokens[j]
                dt[j] += slope[b] / z[b] * query[i]
    return loss, dq, dt

# %% 5.4 | einsum
def token_gradients(query, tokens, offsets, k_train, positive, temperature):
    P = np.einsum("id,jd->ij", query, tokens)
    mask = token_mask(P, k_train)
    scores, z = train_scores(P, mask, offsets)
    loss, slope = cross_entropy(scores, positive, temperature)
    G = np.zeros(P.shape)
    for b, (s, e) in enumerate(zip(offsets, offsets[1:])):
        if s == e or z[b] == 0: continue
        win = (P * mask)[:, s:e].argmax(1)
        for i, j in enumerate(win):
            G[i, s + j] = mask[i, s + j] * slope[b] / z[b]
    return loss, np.einsum("ij,jd->id", G, tokens), np.einsum("ij,id->jd", G, query)

# %% 5.4 | all by itself
def token_gradients(query, tokens, offsets, k_train, positive, temperature):
    P = query @ tokens.T
    order = np.argsort(-P, axis=1, kind="stable")
    kept = np.zeros(P.shape, bool)
    kept[np.arange(len(P))[:, None], order[:, :k_train]] = True
    A, f = [], []
    for a, b in zip(offsets, offsets[1:]):
        W = np.zeros(P.shape)
        hit = kept[:, a:b].any(1)
        if hit.any():
            j = a + np.where(kept, P, 0)[:, a:b].argmax(1)
            W[np.arange(len(P)), j] = kept[np.arange(len(P)), j] / hit.sum()
        A.append(W)
        f.append((W * P).sum())
    z = np.array(f) / temperature
    p = np.exp(z - z.max()); p /= p.sum()
    loss = z.max() + np.log(np.exp(z - z.max()).sum()) - z[positive]
    p[positive] -= 1
    G = sum(s * W for s, W in zip(p / temperature, A))
    return loss, G @ tokens, G.T @ query

# %% 5.4 | put_along_axis
def token_gradients(query, tokens, offsets, k_train, positive, temperature):
    sim = np.dot(query, tokens.T)
    mask = token_mask(sim, k_train)
    scores, z = train_scores(sim, mask, offsets)
    loss, slope = cross_entropy(scores, positive, temperature)
    g = np.zeros_like(sim)
    for b in range(len(z)):
        a, e = offsets[b], offsets[b + 1]
        if z[b]:
            part = np.zeros((len(sim), e - a))
            np.put_along_axis(part, (sim * mask)[:, a:e].argmax(1)[:, None], slope[b] / z[b], 1)
            g[:, a:e] = part * mask[:, a:e]
    return loss, g.dot(tokens), g.T.dot(query)

# %% 5.4 | a comparison with the first maximum
def token_gradients(query, tokens, offsets, k_train, positive, temperature):
    P = query @ tokens.T
    M = token_mask(P, k_train)
    f, z = train_scores(P, M, offsets)
    loss, slope = cross_entropy(f, positive, temperature)
    parts = []
    for b in range(len(f)):
        s = (P * M)[:, offsets[b]:offsets[b + 1]]
        if s.shape[1] and z[b]:
            top = s == s.max(axis=1, keepdims=True)
            first = top & (top.cumsum(1) == 1)
            parts.append(first * M[:, offsets[b]:offsets[b + 1]] * slope[b] / z[b])
        else:
            parts.append(np.zeros(s.shape))
    G = np.hstack(parts)
    return loss, G @ tokens, G.T @ query

# %% 5.4 | a list of places
def token_gradients(query, tokens, offsets, k_train, positive, temperature):
    P = query @ tokens.T
    M = token_mask(P, k_train)
    f, z = train_scores(P, M, offsets)
    loss, slope = cross_entropy(f, positive, temperature)
    i, j, v = [], [], []
    for b in np.nonzero(z)[0]:
        for r in range(len(P)):
            best = max(range(offsets[b], offsets[b + 1]), key=lambda t: P[r, t] * M[r, t])
            if M[r, best]:
                i.append(r); j.append(best); v.append(slope[b] / z[b])
    G = np.zeros(P.shape)
    np.add.at(G, (np.array(i, int), np.array(j, int)), v)
    return loss, G @ tokens, np.transpose(G) @ query

# %% 5.4 | where in place of times
def token_gradients(query, tokens, offsets, k_train, positive, temperature):
    P = query @ tokens.T
    M = token_mask(P, k_train)
    f, z = train_scores(P, M, offsets)
    loss, s = cross_entropy(f, positive, temperature)
    kept = np.where(M, P, 0.0)
    G = np.zeros(P.shape)
    for b in range(len(offsets) - 1):
        lo, hi = offsets[b], offsets[b + 1]
        if hi > lo and z[b] > 0:
            for r, w in enumerate(lo + kept[:, lo:hi].argmax(axis=1)):
                G[r, w] += s[b] / z[b] if M[r, w] else 0
    return float(loss), G @ tokens, (query.T @ G).T

# %% 5.4 | documents as a product
def token_gradients(query, tokens, offsets, k_train, positive, temperature):
    P = query @ tokens.T
    M = token_mask(P, k_train)
    f, z = train_scores(P, M, offsets)
    loss, s = cross_entropy(f, positive, temperature)
    doc = np.repeat(np.arange(len(f)), np.diff(offsets))
    wins = np.zeros(P.shape)
    for r, row in enumerate(P * M):
        for b in set(doc.tolist()):
            own = np.flatnonzero(doc == b)
            wins[r, own[row[own].argmax()]] = 1
    G = wins * M * (s / np.maximum(z, 1))[doc]
    return loss, G @ tokens, G.T @ query

# %% 5.4 | winners of the retrieved alone
def token_gradients(query, tokens, offsets, k_train, positive, temperature):
    P = query @ tokens.T
    M = token_mask(P, k_train).astype(bool)
    f, z = train_scores(P, M, offsets)
    loss, s = cross_entropy(f, positive, temperature)
    G = np.zeros(P.shape)
    for b, (lo, hi) in enumerate(zip(offsets, offsets[1:])):
        for r in range(len(P)):
            hits = [j for j in range(lo, hi) if M[r, j]]
            if not hits:
                continue
            best = max(hits, key=lambda j: P[r, j])
            blocked = any(not M[r, j] for j in range(lo, hi)) and P[r, best] < 0
            if not blocked:
                G[r, best] = s[b] / z[b]
    return loss, G @ tokens, G.T @ query

# %% 5.4 | lists
def token_gradients(query, tokens, offsets, k_train, positive, temperature):
    P = query @ tokens.T
    M = token_mask(P, k_train)
    f, z = train_scores(P, M, offsets)
    loss, s = cross_entropy(f, positive, temperature)
    G = [[0.0] * len(tokens) for _ in query]
    for b in np.flatnonzero(z):
        own = slice(offsets[b], offsets[b + 1])
        for r in range(len(query)):
            j = int(offsets[b] + np.argmax((P * M)[r, own]))
            G[r][j] = float(M[r, j] * s[b] / z[b])
    G = np.array(G)
    return loss, (G @ tokens).tolist(), (G.T @ query).tolist()

# %% 5.5 | flat numbers
def central_differences(loss, x, epsilon):
    flat = x.astype(float).ravel()
    out = np.empty(flat.size)
    for i in range(flat.size):
        e = np.zeros(flat.size)
        e[i] = epsilon
        out[i] = (loss((flat + e).reshape(x.shape)) - loss((flat - e).reshape(x.shape))) / (2 * epsilon)
    return out.reshape(x.shape)

# %% 5.5 | move and move back, in a copy
def central_differences(loss, x, epsilon):
    y = np.array(x, dtype=float)
    g = np.zeros_like(y)
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            kept = y[i, j]
            y[i, j] = kept + epsilon
            up = loss(y)
            y[i, j] = kept - epsilon
            down = loss(y)
            y[i, j] = kept
            g[i, j] = (up - down) / 2 / epsilon
    return g

# %% 5.5 | a list
def central_differences(loss, x, epsilon):
    def slope(i, j):
        e = np.zeros(x.shape)
        e[i, j] = epsilon
        return (loss(x + e) - loss(x - e)) / (2 * epsilon)
    return [[slope(i, j) for j in range(x.shape[1])] for i in range(x.shape[0])]

# %% 5.5 | unit matrices
def central_differences(loss, x, epsilon):
    n = x.size
    steps = epsilon * np.eye(n).reshape(n, *x.shape)
    return np.array([loss(x + e) - loss(x - e) for e in steps]).reshape(x.shape) / (2 * epsilon)

# %% 5.5 | nditer
def central_differences(loss, x, epsilon):
    x = x + 0.0
    out = np.zeros(x.shape)
    it = np.nditer(x, flags=["multi_index"])
    while not it.finished:
        at = it.multi_index
        a, b = x.copy(), x.copy()
        a[at] = a[at] + epsilon
        b[at] = b[at] - epsilon
        out[at] = (loss(a) - loss(b)) / (epsilon * 2)
        it.iternext()
    return out

# %% 5.5 | ndenumerate
def central_differences(loss, x, epsilon):
    out = np.full(x.shape, np.nan)
    for at, value in np.ndenumerate(x):
        ends = []
        for sign in (+1, -1):
            y = x.astype(np.float64)
            y[at] = value + sign * epsilon
            ends.append(loss(y))
        out[at] = (ends[0] - ends[1]) / (2 * epsilon)
    return out

# %% 5.5 | a product of ranges
from itertools import product
def central_differences(loss, x, epsilon):
    out = {}
    for i, j in product(range(len(x)), range(len(x[0]))):
        e = np.zeros_like(x, dtype=float)
        e[i, j] = epsilon
        out[i, j] = 0.5 * (loss(x + e) - loss(x - e)) / epsilon
    return np.array([out[i, j] for i, j in sorted(out)]).reshape(x.shape)

# %% 5.5 | where
def central_differences(loss, x, epsilon):
    place = np.arange(x.size).reshape(x.shape)
    slopes = [(loss(np.where(place == p, x + epsilon, x)) - loss(np.where(place == p, x - epsilon, x))) / (2 * epsilon) for p in range(x.size)]
    return np.reshape(slopes, x.shape)

# %% 5.5 | fromiter
def central_differences(loss, x, epsilon):
    def ends():
        for at in np.ndindex(*x.shape):
            move = np.zeros(x.shape)
            move[at] = epsilon
            yield loss(x + move) - loss(x - move)
    return np.fromiter(ends(), float, x.size).reshape(x.shape) / (2 * epsilon)

# %% 5.5 | the exact step
def central_differences(loss, x, epsilon):
    x = np.asarray(x, dtype=float)
    g = np.zeros(x.shape)
    for at in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[at] += epsilon
        down[at] -= epsilon
        g[at] = (loss(up) - loss(down)) / (up[at] - down[at])
    return g
