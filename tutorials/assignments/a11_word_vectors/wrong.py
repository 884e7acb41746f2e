"""Wrong answers as students write them: `# %% TASK | HINT`, then the function with its mistake."""

import numpy as np


# %% 11.1 | pairs across texts
def near_pairs(ids, offsets, widths):
    pairs = []
    for p in range(len(ids)):
        for q in range(max(0, p - widths[p]), min(len(ids), p + widths[p] + 1)):
            if p != q:
                pairs.append((ids[p], ids[q]))
    return pairs


# %% 11.1 | sees itself
def near_pairs(ids, offsets, widths):
    pairs = []
    for a, b in zip(offsets, offsets[1:], strict=False):
        for p in range(a, b):
            for q in range(max(a, p - widths[p]), min(b, p + widths[p] + 1)):
                pairs.append((ids[p], ids[q]))
    return pairs


# %% 11.1 | equal words left out
def near_pairs(ids, offsets, widths):
    pairs = []
    for a, b in zip(offsets, offsets[1:], strict=False):
        for p in range(a, b):
            for q in range(max(a, p - widths[p]), min(b, p + widths[p] + 1)):
                if ids[p] != ids[q]:
                    pairs.append((ids[p], ids[q]))
    return pairs


# %% 11.1 | window one too short
def near_pairs(ids, offsets, widths):
    pairs = []
    for a, b in zip(offsets, offsets[1:], strict=False):
        for p in range(a, b):
            for q in range(max(a, p - widths[p]), min(b, p + widths[p])):
                if p != q:
                    pairs.append((ids[p], ids[q]))
    return pairs


# %% 11.2 | context among the draws
def pair_loss(vectors, outputs, word, context, draws):
    v = vectors[word]
    loss = np.logaddexp(0, -outputs[context] @ v)
    for d in draws:
        loss += np.logaddexp(0, outputs[d] @ v)
    return loss


# %% 11.2 | signs exchanged
def pair_loss(vectors, outputs, word, context, draws):
    v = vectors[word]
    loss = np.logaddexp(0, outputs[context] @ v)
    for d in draws:
        if d != context:
            loss += np.logaddexp(0, -outputs[d] @ v)
    return loss


# %% 11.2 | word left out of draws
def pair_loss(vectors, outputs, word, context, draws):
    v = vectors[word]
    loss = np.logaddexp(0, -outputs[context] @ v)
    for d in draws:
        if d != word:
            loss += np.logaddexp(0, outputs[d] @ v)
    return loss


# %% 11.2 | mean over draws
def pair_loss(vectors, outputs, word, context, draws):
    v = vectors[word]
    false = [np.logaddexp(0, outputs[d] @ v) for d in draws if d != context]
    return np.logaddexp(0, -outputs[context] @ v) + (np.mean(false) if false else 0)


# %% 11.3 | context among the draws
def sgd_step(vectors, outputs, word, context, draws, rate):
    vectors, outputs = vectors.copy(), outputs.copy()
    v, e = vectors[word].copy(), 0
    for i, c in enumerate([context, *draws]):
        g = rate * ((i == 0) - 1 / (1 + np.exp(-outputs[c] @ v)))
        e = e + g * outputs[c]
        outputs[c] += g * v
    vectors[word] += e
    return vectors, outputs


# %% 11.3 | old rows
def sgd_step(vectors, outputs, word, context, draws, rate):
    new_vectors, new_outputs = vectors.copy(), outputs.copy()
    v = vectors[word]
    for i, c in enumerate([context, *draws]):
        if i > 0 and c == context:
            continue
        g = rate * ((i == 0) - 1 / (1 + np.exp(-outputs[c] @ v)))
        new_vectors[word] += g * outputs[c]
        new_outputs[c] += g * v
    return new_vectors, new_outputs


# %% 11.3 | word moves at once
def sgd_step(vectors, outputs, word, context, draws, rate):
    vectors, outputs = vectors.copy(), outputs.copy()
    for i, c in enumerate([context, *draws]):
        if i > 0 and c == context:
            continue
        v, u = vectors[word].copy(), outputs[c].copy()
        g = rate * ((i == 0) - 1 / (1 + np.exp(-u @ v)))
        vectors[word] += g * u
        outputs[c] += g * v
    return vectors, outputs


# %% 11.3 | error from moved rows
def sgd_step(vectors, outputs, word, context, draws, rate):
    vectors, outputs = vectors.copy(), outputs.copy()
    v, e = vectors[word].copy(), 0
    for i, c in enumerate([context, *draws]):
        if i > 0 and c == context:
            continue
        g = rate * ((i == 0) - 1 / (1 + np.exp(-outputs[c] @ v)))
        outputs[c] += g * v
        e = e + g * outputs[c]
    vectors[word] += e
    return vectors, outputs


# %% 11.4 | undivided gradient
def cbow_step(vectors, outputs, centre, around, draws, rate):
    vectors, outputs = vectors.copy(), outputs.copy()
    h, e = vectors[around].mean(axis=0), 0
    for i, c in enumerate([centre, *draws]):
        if i > 0 and c == centre:
            continue
        g = rate * ((i == 0) - 1 / (1 + np.exp(-outputs[c] @ h)))
        e = e + g * outputs[c]
        outputs[c] += g * h
    for a in around:
        vectors[a] += e
    return vectors, outputs


# %% 11.4 | sum for mean
def cbow_step(vectors, outputs, centre, around, draws, rate):
    vectors, outputs = vectors.copy(), outputs.copy()
    h, e = vectors[around].sum(axis=0), 0
    for i, c in enumerate([centre, *draws]):
        if i > 0 and c == centre:
            continue
        g = rate * ((i == 0) - 1 / (1 + np.exp(-outputs[c] @ h)))
        e = e + g * outputs[c]
        outputs[c] += g * h
    for a in around:
        vectors[a] += e / len(around)
    return vectors, outputs


# %% 11.4 | moves once
def cbow_step(vectors, outputs, centre, around, draws, rate):
    vectors, outputs = vectors.copy(), outputs.copy()
    h, e = vectors[around].mean(axis=0), 0
    for i, c in enumerate([centre, *draws]):
        if i > 0 and c == centre:
            continue
        g = rate * ((i == 0) - 1 / (1 + np.exp(-outputs[c] @ h)))
        e = e + g * outputs[c]
        outputs[c] += g * h
    vectors[around] += e / len(around)
    return vectors, outputs


# %% 11.4 | centre among the draws
def cbow_step(vectors, outputs, centre, around, draws, rate):
    vectors, outputs = vectors.copy(), outputs.copy()
    h, e = vectors[around].mean(axis=0), 0
    for i, c in enumerate([centre, *draws]):
        g = rate * ((i == 0) - 1 / (1 + np.exp(-outputs[c] @ h)))
        e = e + g * outputs[c]
        outputs[c] += g * h
    for a in around:
        vectors[a] += e / len(around)
    return vectors, outputs


# %% 11.5 | log k missing
def best_products(counts, k):
    rows, columns = counts.sum(1)[:, None], counts.sum(0)[None]
    with np.errstate(divide="ignore"):
        return np.log(counts * counts.sum() / rows / columns)


# %% 11.5 | k for its logarithm
def best_products(counts, k):
    rows, columns = counts.sum(1)[:, None], counts.sum(0)[None]
    with np.errstate(divide="ignore"):
        return np.log(counts * counts.sum() / rows / columns) - k


# %% 11.5 | zeros where nothing occurs
def best_products(counts, k):
    rows, columns = counts.sum(1)[:, None], counts.sum(0)[None]
    found = np.zeros(counts.shape)
    there = counts > 0
    found[there] = np.log((counts * counts.sum() / rows / columns)[there]) - np.log(k)
    return found


# %% 11.5 | log k added
def best_products(counts, k):
    rows, columns = counts.sum(1)[:, None], counts.sum(0)[None]
    with np.errstate(divide="ignore"):
        return np.log(counts * counts.sum() / rows / columns) + np.log(k)
