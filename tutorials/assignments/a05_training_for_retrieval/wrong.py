"""Wrong answers as students write them: `# %% TASK | HINT`, then the function with its mistake."""

import numpy as np

from tokenlab import step


# %% 5.1 | wrong axis
def token_mask(similarity, k_train):
    order = np.argsort(-similarity, axis=0, kind="stable")
    mask = np.zeros_like(similarity, dtype=bool)
    np.put_along_axis(mask, order[:k_train], True, axis=0)
    return step("mask", mask)


# %% 5.1 | ties retrieved
def token_mask(similarity, k_train):
    k = min(k_train, similarity.shape[1])
    threshold = np.sort(similarity, axis=1)[:, -k]
    return step("mask", similarity >= threshold[:, None])


# %% 5.1 | ties to the higher token
def token_mask(similarity, k_train):
    best = np.argsort(similarity, axis=1, kind="stable")[:, ::-1][:, :k_train]
    mask = np.zeros(similarity.shape, dtype=bool)
    for i, row in enumerate(best):
        mask[i, row] = True
    return mask


# %% 5.1 | all query tokens together
def token_mask(similarity, k_train):
    best = np.argsort(-similarity, axis=1, kind="stable")[:, :k_train]
    mask = np.zeros(similarity.shape, dtype=bool)
    mask[:, best] = True
    return step("mask", mask)


# %% 5.1 | worst retrieved
def token_mask(similarity, k_train):
    best = np.argsort(similarity, axis=1, kind="stable")[:, :k_train]
    mask = np.full(similarity.shape, False)
    mask[np.arange(len(similarity))[:, None], best] = True
    return mask


# %% 5.1 | numbers for a mask
def token_mask(similarity, k_train):
    return np.array([np.argsort(-row, kind="stable")[:k_train] for row in similarity])


# %% 5.2 | divided by all query tokens
def train_scores(similarity, mask, offsets):
    scores, z = [], []
    for start, stop in zip(offsets[:-1], offsets[1:]):
        if start == stop:
            scores.append(0.0)
            z.append(0)
            continue
        best = np.where(mask, similarity, 0)[:, start:stop].max(axis=1)
        scores.append(best.mean())
        z.append(int(mask[:, start:stop].any(axis=1).sum()))
    return np.array(scores), np.array(z)


# %% 5.2 | tokens counted
def train_scores(similarity, mask, offsets):
    n = len(offsets) - 1
    scores, z = np.zeros(n), np.zeros(n, dtype=int)
    for b in range(n):
        a = mask[:, offsets[b] : offsets[b + 1]]
        z[b] = a.sum()
        if z[b] > 0:
            scores[b] = (similarity[:, offsets[b] : offsets[b + 1]] * a).max(axis=1).sum() / z[b]
    return step("scores", scores), step("z", z)


# %% 5.2 | positive values counted
def train_scores(similarity, mask, offsets):
    n = len(offsets) - 1
    best = np.zeros((n, len(similarity)))
    for b in range(n):
        if offsets[b + 1] > offsets[b]:
            best[b] = (similarity * mask)[:, offsets[b] : offsets[b + 1]].max(axis=1)
    best = step("best retrieved", best)
    z = step("z", (best > 0).sum(axis=1))
    return best.sum(axis=1) / np.maximum(z, 1), z


# %% 5.2 | 0 divided by 0
def train_scores(similarity, mask, offsets):
    n = len(offsets) - 1
    best = np.zeros((n, len(similarity)))
    z = np.zeros(n, dtype=int)
    for b in range(n):
        rows = range(offsets[b], offsets[b + 1])
        for i in range(len(similarity)):
            values = [similarity[i, j] if mask[i, j] else 0 for j in rows]
            best[b, i] = max(values, default=0)
            z[b] += any(mask[i, j] for j in rows)
    return best.sum(axis=1) / z, z


# %% 5.2 | mask ignored
def train_scores(similarity, mask, offsets):
    n = len(offsets) - 1
    scores, z = np.zeros(n), np.zeros(n, dtype=int)
    for b in range(n):
        s = slice(offsets[b], offsets[b + 1])
        z[b] = mask[:, s].any(axis=1).sum()
        if mask[:, s].shape[1] > 0:
            scores[b] = similarity[:, s].max(axis=1).sum() / max(z[b], 1)
    return scores, z


# %% 5.2 | maximum of the retrieved
def train_scores(similarity, mask, offsets):
    n = len(offsets) - 1
    scores, z = np.zeros(n), np.zeros(n, dtype=int)
    for b in range(n):
        for i in range(len(similarity)):
            hits = [similarity[i, j] for j in range(offsets[b], offsets[b + 1]) if mask[i, j]]
            if hits:
                scores[b] += max(hits)
                z[b] += 1
        if z[b]:
            scores[b] /= z[b]
    return step("scores", scores), step("z", z)


# %% 5.2 | exception
def train_scores(similarity, mask, offsets):
    kept = np.where(mask, similarity, 0)
    docs = list(zip(offsets[:-1], offsets[1:]))
    best = np.array([kept[:, a:b].max(axis=1) for a, b in docs])
    z = np.array([mask[:, a:b].any(axis=1).sum() for a, b in docs])
    return best.sum(axis=1) / np.maximum(z, 1), z


# %% 5.3 | unstable exponent
def cross_entropy(scores, positive, temperature):
    e = np.exp(scores / temperature)
    p = e / e.sum()
    one_hot = np.zeros(len(scores))
    one_hot[positive] = 1
    return -np.log(p[positive]), (p - one_hot) / temperature


# %% 5.3 | logarithm of zero
def cross_entropy(scores, positive, temperature):
    e = np.exp((scores - scores.max()) / temperature)
    p = e / e.sum()
    loss = -np.log(p[positive])
    slope = p.copy()
    slope[positive] -= 1
    return loss, step("slope", slope / temperature)


# %% 5.3 | chain rule forgotten
def cross_entropy(scores, positive, temperature):
    logits = scores / temperature
    top = logits.max()
    log_p = step("log-probability", logits - top - np.log(np.exp(logits - top).sum()))
    slope = np.exp(log_p)
    slope[positive] -= 1
    return -log_p[positive], slope


# %% 5.3 | one not subtracted
def cross_entropy(scores, positive, temperature):
    logits = scores / temperature
    top = logits.max()
    log_p = logits - top - np.log(np.sum(np.exp(logits - top)))
    return -log_p[positive], np.exp(log_p) / temperature


# %% 5.3 | temperature multiplied
def cross_entropy(scores, positive, temperature):
    logits = scores * temperature
    logits = logits - np.max(logits)
    log_p = logits - np.log(np.exp(logits).sum())
    slope = np.exp(log_p) - (np.arange(len(scores)) == positive)
    return -log_p[positive], slope / temperature


# %% 5.3 | wrong sign
def cross_entropy(scores, positive, temperature):
    logits = scores / temperature
    logits = logits - logits.max()
    log_p = logits - np.log(np.exp(logits).sum())
    one_hot = np.eye(len(scores))[positive]
    return -log_p[positive], (one_hot - np.exp(log_p)) / temperature


# %% 5.3 | changed input
def cross_entropy(scores, positive, temperature):
    scores /= temperature
    scores -= scores.max()
    log_p = scores - np.log(np.exp(scores).sum())
    slope = np.exp(log_p)
    slope[positive] -= 1
    return -log_p[positive], slope / temperature


# %% 5.4 | missing Z
def token_gradients(query, tokens, offsets, k_train, positive, temperature):
    similarity = query @ tokens.T
    mask = token_mask(similarity, k_train)
    scores, z = train_scores(similarity, mask, offsets)
    loss, slope = cross_entropy(scores, positive, temperature)
    g = np.zeros(similarity.shape)
    for b in range(len(scores)):
        if z[b] == 0:
            continue
        for i in range(len(query)):
            row = (similarity * mask)[i, offsets[b] : offsets[b + 1]]
            j = offsets[b] + row.argmax()
            if mask[i, j]:
                g[i, j] = slope[b]
    g = step("similarity gradient", g)
    return loss, g @ tokens, g.T @ query


# %% 5.4 | every retrieved token
def token_gradients(query, tokens, offsets, k_train, positive, temperature):
    similarity = query @ tokens.T
    mask = token_mask(similarity, k_train)
    scores, z = train_scores(similarity, mask, offsets)
    loss, slope = cross_entropy(scores, positive, temperature)
    per_token = np.repeat(slope / np.maximum(z, 1), np.diff(offsets))
    g = step("similarity gradient", mask * per_token)
    return loss, g @ tokens, g.T @ query


# %% 5.4 | mask ignored
def token_gradients(query, tokens, offsets, k_train, positive, temperature):
    similarity = query @ tokens.T
    mask = token_mask(similarity, k_train)
    scores, z = train_scores(similarity, mask, offsets)
    loss, slope = cross_entropy(scores, positive, temperature)
    g = np.zeros(similarity.shape)
    for b in range(len(scores)):
        if offsets[b] < offsets[b + 1]:
            best = offsets[b] + np.argmax(similarity[:, offsets[b] : offsets[b + 1]], axis=1)
            g[np.arange(len(query)), best] = slope[b] / max(z[b], 1)
    return loss, g @ tokens, g.T @ query


# %% 5.4 | mask ignored
def token_gradients(query, tokens, offsets, k_train, positive, temperature):
    similarity = query @ tokens.T
    mask = token_mask(similarity, k_train)
    scores, z = train_scores(similarity, mask, offsets)
    loss, slope = cross_entropy(scores, positive, temperature)
    kept = np.where(mask, similarity, 0)
    g = np.zeros(similarity.shape)
    for b in range(len(scores)):
        if z[b] > 0:
            best = offsets[b] + np.argmax(kept[:, offsets[b] : offsets[b + 1]], axis=1)
            g[np.arange(len(query)), best] = slope[b] / z[b]
    return loss, g @ tokens, g.T @ query


# %% 5.4 | others forgotten
def token_gradients(query, tokens, offsets, k_train, positive, temperature):
    similarity = query @ tokens.T
    mask = token_mask(similarity, k_train)
    scores, z = train_scores(similarity, mask, offsets)
    loss, slope = cross_entropy(scores, positive, temperature)
    g = np.zeros(similarity.shape)
    start, stop = offsets[positive], offsets[positive + 1]
    if z[positive]:
        for i in range(len(query)):
            j = start + (similarity * mask)[i, start:stop].argmax()
            g[i, j] = mask[i, j] * slope[positive] / z[positive]
    return loss, step("query gradient", g @ tokens), step("token gradient", g.T @ query)


# %% 5.4 | start of the document forgotten
def token_gradients(query, tokens, offsets, k_train, positive, temperature):
    similarity = query @ tokens.T
    mask = token_mask(similarity, k_train)
    scores, z = train_scores(similarity, mask, offsets)
    loss, slope = cross_entropy(scores, positive, temperature)
    g = np.zeros(similarity.shape)
    for b in range(len(offsets) - 1):
        doc = slice(offsets[b], offsets[b + 1])
        for i in range(len(query)):
            if mask[i, doc].any():
                j = np.argmax(similarity[i, doc] * mask[i, doc])
                if mask[i, doc][j]:
                    g[i, j] = slope[b] / z[b]
    g = step("similarity gradient", g)
    return loss, g @ tokens, g.T @ query


# %% 5.4 | temperature twice
def token_gradients(query, tokens, offsets, k_train, positive, temperature):
    similarity = query @ tokens.T
    mask = token_mask(similarity, k_train)
    scores, z = train_scores(similarity, mask, offsets)
    loss, slope = cross_entropy(scores, positive, temperature)
    slope = slope / temperature
    g = np.zeros(similarity.shape)
    for b in range(len(scores)):
        for i in range(len(query)):
            row = (similarity * mask)[i, offsets[b] : offsets[b + 1]]
            if z[b] and mask[i, offsets[b] + row.argmax()]:
                g[i, offsets[b] + row.argmax()] = slope[b] / z[b]
    return loss, g @ tokens, g.T @ query


# %% 5.4 | exception
def token_gradients(query, tokens, offsets, k_train, positive, temperature):
    similarity = query @ tokens.T
    mask = token_mask(similarity, k_train)
    scores, z = train_scores(similarity, mask, offsets)
    loss, slope = cross_entropy(scores, positive, temperature)
    g = np.zeros(similarity.shape)
    for b in np.flatnonzero(z):
        best = offsets[b] + (similarity * mask)[:, offsets[b] : offsets[b + 1]].argmax(axis=1)
        rows = np.arange(len(query))
        g[rows, best] = mask[rows, best] * slope[b] / z[b]
    return loss, g @ tokens, g @ query


# %% 5.5 | one-sided
def central_differences(loss, x, epsilon):
    start = loss(x)
    gradient = np.zeros(x.shape)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            moved = x.astype(float)
            moved[i, j] += epsilon
            gradient[i, j] = (loss(moved) - start) / epsilon
    return gradient


# %% 5.5 | divided by epsilon
def central_differences(loss, x, epsilon):
    gradient = np.zeros(x.shape)
    for at in np.ndindex(x.shape):
        e = np.zeros(x.shape)
        e[at] = epsilon
        gradient[at] = (loss(x + e) - loss(x - e)) / epsilon
    return gradient


# %% 5.5 | wrong factor
def central_differences(loss, x, epsilon):
    gradient = np.zeros(x.shape)
    for at in np.ndindex(x.shape):
        e = np.zeros(x.shape)
        e[at] = epsilon
        gradient[at] = (loss(x + e) - loss(x - e)) / 2 * epsilon
    return gradient


# %% 5.5 | whole numbers
def central_differences(loss, x, epsilon):
    gradient = np.zeros(x.shape)
    for at in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[at] += epsilon
        down[at] -= epsilon
        gradient[at] = (loss(up) - loss(down)) / (2 * epsilon)
    return step("gradient", gradient)


# %% 5.5 | not moved back
def central_differences(loss, x, epsilon):
    x = x.astype(float)
    gradient = np.zeros(x.shape)
    for at in np.ndindex(x.shape):
        x[at] += epsilon
        up = loss(x)
        x[at] -= 2 * epsilon
        down = loss(x)
        gradient[at] = (up - down) / (2 * epsilon)
    return gradient


# %% 5.5 | all at once
def central_differences(loss, x, epsilon):
    gradient = np.zeros(x.shape)
    for at in np.ndindex(x.shape):
        gradient[at] = (loss(x + epsilon) - loss(x - epsilon)) / (2 * epsilon)
    return gradient


# %% 5.5 | not moved back
def central_differences(loss, x, epsilon):
    x = x.astype(float)
    gradient = np.zeros(x.shape)
    for at in np.ndindex(x.shape):
        x[at] += epsilon
        up = loss(x)
        x[at] -= epsilon
        down = loss(x)
        gradient[at] = (up - down) / (2 * epsilon)
    return step("gradient", gradient)
