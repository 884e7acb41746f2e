"""Wrong answers as students write them: `# %% TASK | HINT`, then the function with its mistake."""

import numpy as np

from tokenlab import step


# %% 2.1 | largest product
def assign(x, codebook):
    codes = np.argmax(x @ codebook.T, axis=1)
    distances = np.sum((x - codebook[codes]) ** 2, axis=1)
    return codes, distances


# %% 2.1 | not squared
def assign(x, codebook):
    codes, distances = [], []
    for row in x:
        d = np.linalg.norm(codebook - row, axis=1)
        codes.append(np.argmin(d))
        distances.append(d.min())
    return np.array(codes), np.array(distances)


# %% 2.1 | wrong axis
def assign(x, codebook):
    squared = ((x[:, None, :] - codebook[None, :, :]) ** 2).sum(-1)
    codes = squared.argmin(axis=0)
    return codes, squared.min(axis=0)


# %% 2.1 | mean over the width
def assign(x, codebook):
    squared = ((x[:, None, :] - codebook[None, :, :]) ** 2).mean(axis=-1)
    codes = squared.argmin(axis=1)
    return codes, squared.min(axis=1)


# %% 2.1 | ties to the higher code
def assign(x, codebook):
    codes = np.zeros(len(x), dtype=int)
    distances = np.full(len(x), np.inf)
    for k, code in enumerate(codebook):
        d = ((x - code) ** 2).sum(axis=1)
        closer = d <= distances
        codes[closer] = k
        distances[closer] = d[closer]
    return codes, distances


# %% 2.1 | exception
def assign(x, codebook):
    squared = ((x - codebook) ** 2).sum(axis=1)
    codes = squared.argmin(axis=1)
    return codes, squared[codes]


# %% 2.2 | sum for mean
def update(x, codes, codebook):
    means = codebook.copy()
    for k in np.unique(codes):
        means[k] = x[codes == k].sum(axis=0)
    return step("means", means)


# %% 2.2 | empty code at zero
def update(x, codes, codebook):
    means = np.zeros_like(codebook)
    counts = np.zeros(len(codebook))
    for row, k in zip(x, codes):
        means[k] += row
        counts[k] += 1
    return means / np.maximum(counts, 1)[:, None]


# %% 2.2 | mean of nothing
def update(x, codes, codebook):
    return np.array([x[codes == k].mean(axis=0) for k in range(len(codebook))])


# %% 2.2 | empty codes dropped
def update(x, codes, codebook):
    means = [np.mean(x[codes == k], axis=0) for k in sorted(set(codes))]
    return np.array(means)


# %% 2.2 | divided by all rows
def update(x, codes, codebook):
    one_hot = codes[:, None] == np.arange(len(codebook))
    return one_hot.T @ x / len(x)


# %% 2.2 | changed input
def update(x, codes, codebook):
    for k in range(len(codebook)):
        mine = x[codes == k]
        if len(mine) > 0:
            codebook[k] = mine.mean(axis=0)
    return codebook


# %% 2.3 | mean for sum
def fit(x, codebook, n_iter):
    codes, distances = assign(x, codebook)
    history = [distances.mean()]
    for i in range(n_iter):
        codebook = update(x, codes, codebook)
        codes, distances = assign(x, codebook)
        history.append(distances.mean())
    return codebook, codes, np.array(history)


# %% 2.3 | start left out
def fit(x, codebook, n_iter):
    codes, _ = assign(x, codebook)
    history = []
    for i in range(n_iter):
        codebook = update(x, codes, codebook)
        codes, distances = assign(x, codebook)
        history.append(np.sum(distances))
    history = step("history", np.array(history))
    return codebook, codes, history


# %% 2.3 | old codes
def fit(x, codebook, n_iter):
    history = []
    codes = np.zeros(len(x), dtype=int)
    for i in range(n_iter):
        codes, distances = assign(x, codebook)
        history.append(sum(distances))
        codebook = update(x, codes, codebook)
    return codebook, codes, np.array(history)


# %% 2.3 | measured too early
def fit(x, codebook, n_iter):
    codes, distances = assign(x, codebook)
    history = [distances.sum()]
    for i in range(n_iter):
        codebook = update(x, codes, codebook)
        history.append(np.sum((x - codebook[codes]) ** 2))
        codes, distances = assign(x, codebook)
    return codebook, codes, np.array(history)


# %% 2.3 | one iteration too many
def fit(x, codebook, n_iter):
    history = []
    for i in range(n_iter + 1):
        codes, distances = assign(x, codebook)
        history.append(distances.sum())
        codebook = update(x, codes, codebook)
    codes, distances = assign(x, codebook)
    history.append(distances.sum())
    return codebook, codes, np.array(history)


# %% 2.4 | sizes forgotten
def log_prob(hidden, codebook, mapping, token):
    logits = step("code logits", hidden @ codebook.T)
    m = logits.max(axis=1, keepdims=True)
    log_z = m[:, 0] + np.log(np.exp(logits - m).sum(axis=1))
    log_z = step("normaliser", log_z)
    return logits[np.arange(len(token)), mapping[token]] - log_z


# %% 2.4 | unstable exponent
def log_prob(hidden, codebook, mapping, token):
    sizes = np.bincount(mapping, minlength=len(codebook))
    logits = hidden @ codebook.T
    z = (sizes * np.exp(logits)).sum(axis=1)
    return logits[np.arange(len(token)), mapping[token]] - np.log(z)


# %% 2.4 | maximum not added again
def log_prob(hidden, codebook, mapping, token):
    logits = hidden @ codebook.T
    all_logits = logits[:, mapping]
    m = all_logits.max(axis=1)
    log_z = np.log(np.exp(all_logits - m[:, None]).sum(axis=1))
    return all_logits[np.arange(len(token)), token] - log_z


# %% 2.4 | logarithm forgotten
def log_prob(hidden, codebook, mapping, token):
    all_logits = (hidden @ codebook.T)[:, mapping]
    e = np.exp(all_logits - all_logits.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return p[np.arange(len(token)), token]


# %% 2.4 | empty code in the maximum
def log_prob(hidden, codebook, mapping, token):
    sizes = step("sizes", np.bincount(mapping, minlength=len(codebook)))
    logits = step("code logits", hidden @ codebook.T)
    largest = logits.max(axis=1)
    log_z = largest + np.log((sizes * np.exp(logits - largest[:, None])).sum(axis=1))
    log_z = step("normaliser", log_z)
    return logits[range(len(token)), mapping[token]] - log_z


# %% 2.4 | one normaliser for all
def log_prob(hidden, codebook, mapping, token):
    all_logits = (hidden @ codebook.T)[:, mapping]
    top = all_logits.max()
    log_z = top + np.log(np.sum(np.exp(all_logits - top)))
    return all_logits[np.arange(len(token)), token] - log_z


# %% 2.4 | exception
def log_prob(hidden, codebook, mapping, token):
    sizes = np.bincount(mapping)
    logits = hidden @ codebook.T
    log_z = np.log((np.exp(logits) * sizes).sum(axis=1))
    return logits[np.arange(len(token)), token] - log_z


# %% 2.5 | counts left out
def tie_floor(counts, mapping):
    sizes = step("sizes", np.bincount(mapping)[mapping])
    return np.exp(np.log(sizes).mean())


# %% 2.5 | exponential forgotten
def tie_floor(counts, mapping):
    sizes = np.array([np.sum(mapping == k) for k in mapping])
    f = counts / counts.sum()
    return np.sum(f * np.log(sizes))


# %% 2.5 | mean of the sizes
def tie_floor(counts, mapping):
    sizes = np.bincount(mapping)[mapping]
    f = counts / counts.sum()
    return float((f * sizes).sum())


# %% 2.5 | missing normaliser
def tie_floor(counts, mapping):
    sizes = step("sizes", np.bincount(mapping)[mapping])
    return np.prod(sizes.astype(float) ** counts)


# %% 2.5 | counts for sizes
def tie_floor(counts, mapping):
    mass = np.zeros(mapping.max() + 1)
    np.add.at(mass, mapping, counts)
    seen = counts > 0
    logs = np.log(mass[mapping[seen]])
    return np.exp(np.sum(counts[seen] * logs) / counts.sum())
