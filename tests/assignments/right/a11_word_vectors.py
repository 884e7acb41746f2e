"""Right answers by other routes: `# %% TASK | ROUTE`, then whole functions, as students write."""

# %% 11.1 | text by text, continue
def near_pairs(ids, offsets, widths):
    pairs = []
    for a, b in zip(offsets, offsets[1:]):
        for p in range(a, b):
            lo, hi = max(a, p - widths[p]), min(b, p + widths[p] + 1)
            for q in range(lo, hi):
                if q == p:
                    continue
                pairs.append((ids[p], ids[q]))
    return pairs

# %% 11.1 | text by text, extend
def near_pairs(ids, offsets, widths):
    pairs = []
    for a, b in zip(offsets, offsets[1:]):
        for p in range(a, b):
            lo, hi = max(a, p - widths[p]), min(b, p + widths[p] + 1)
            pairs.extend((int(ids[p]), int(ids[q])) for q in range(lo, hi) if q != p)
    return pairs

# %% 11.1 | text by text, two ranges
def near_pairs(ids, offsets, widths):
    pairs = []
    for a, b in zip(offsets, offsets[1:]):
        for p in range(a, b):
            lo, hi = max(a, p - widths[p]), min(b, p + widths[p] + 1)
            for q in [*range(lo, p), *range(p + 1, hi)]:
                pairs.append((ids[p], ids[q]))
    return pairs

# %% 11.1 | text by text, before and behind
def near_pairs(ids, offsets, widths):
    pairs = []
    for a, b in zip(offsets, offsets[1:]):
        for p in range(a, b):
            lo, hi = max(a, p - widths[p]), min(b, p + widths[p] + 1)
            for word in [*ids[lo:p], *ids[p + 1:hi]]:
                pairs.append((ids[p], word))
    return pairs

# %% 11.1 | enumerate, continue
def near_pairs(ids, offsets, widths):
    pairs, t = [], 0
    for p, w in enumerate(widths):
        while offsets[t + 1] <= p:
            t += 1
        lo, hi = max(offsets[t], p - w), min(offsets[t + 1], p + w + 1)
        for q in range(lo, hi):
            if q == p:
                continue
            pairs.append((ids[p], ids[q]))
    return pairs

# %% 11.1 | enumerate, extend
def near_pairs(ids, offsets, widths):
    pairs, t = [], 0
    for p, w in enumerate(widths):
        while offsets[t + 1] <= p:
            t += 1
        lo, hi = max(offsets[t], p - w), min(offsets[t + 1], p + w + 1)
        pairs.extend((int(ids[p]), int(ids[q])) for q in range(lo, hi) if q != p)
    return pairs

# %% 11.1 | enumerate, two ranges
def near_pairs(ids, offsets, widths):
    pairs, t = [], 0
    for p, w in enumerate(widths):
        while offsets[t + 1] <= p:
            t += 1
        lo, hi = max(offsets[t], p - w), min(offsets[t + 1], p + w + 1)
        for q in [*range(lo, p), *range(p + 1, hi)]:
            pairs.append((ids[p], ids[q]))
    return pairs

# %% 11.1 | enumerate, before and behind
def near_pairs(ids, offsets, widths):
    pairs, t = [], 0
    for p, w in enumerate(widths):
        while offsets[t + 1] <= p:
            t += 1
        lo, hi = max(offsets[t], p - w), min(offsets[t + 1], p + w + 1)
        for word in [*ids[lo:p], *ids[p + 1:hi]]:
            pairs.append((ids[p], word))
    return pairs

# %% 11.1 | one list
def near_pairs(ids, offsets, widths):
    ends = list(zip(offsets[:-1], offsets[1:]))
    return [
        (int(ids[p]), int(ids[q]))
        for a, b in ends
        for p in range(a, b)
        for q in range(a, b)
        if p != q and abs(p - q) <= widths[p]
    ]

# %% 11.1 | searchsorted
def near_pairs(ids, offsets, widths):
    pairs = []
    for p in range(len(ids)):
        t = np.searchsorted(offsets, p, side="right")
        for q in range(offsets[t - 1], offsets[t]):
            if 0 < abs(q - p) <= widths[p]:
                pairs.append((int(ids[p]), int(ids[q])))
    return pairs

# %% 11.1 | slices of a text
def near_pairs(ids, offsets, widths):
    found = []
    for words, w in zip(np.split(ids, offsets[1:-1]), np.split(widths, offsets[1:-1])):
        for i, word in enumerate(words):
            for j, other in enumerate(words):
                if i != j and abs(i - j) <= w[i]:
                    found.append((word, other))
    return found

# %% 11.2 | a mask, logaddexp
def pair_loss(vectors, outputs, word, context, draws):
    v = vectors[word]
    others = outputs[draws[draws != context]] @ v
    true = -(outputs[context] @ v)
    return np.logaddexp(0, true) + np.sum(np.logaddexp(0, others))

# %% 11.2 | a mask, stable by hand
def pair_loss(vectors, outputs, word, context, draws):
    v = vectors[word]
    others = outputs[draws[draws != context]] @ v
    true = -(outputs[context] @ v)
    return (np.maximum(true, 0) + np.log1p(np.exp(-abs(true)))) + np.sum((np.maximum(others, 0) + np.log1p(np.exp(-abs(others)))))

# %% 11.2 | where, logaddexp
def pair_loss(vectors, outputs, word, context, draws):
    v = vectors[word]
    true, others = -(outputs[context] @ v), outputs[draws] @ v
    each = np.logaddexp(0, others)
    return float(np.logaddexp(0, true) + np.where(draws != context, each, 0).sum())

# %% 11.2 | where, stable by hand
def pair_loss(vectors, outputs, word, context, draws):
    v = vectors[word]
    true, others = -(outputs[context] @ v), outputs[draws] @ v
    each = (np.maximum(others, 0) + np.log1p(np.exp(-abs(others))))
    return float((np.maximum(true, 0) + np.log1p(np.exp(-abs(true)))) + np.where(draws != context, each, 0).sum())

# %% 11.2 | a list, logaddexp
def pair_loss(vectors, outputs, word, context, draws):
    v = vectors[word]
    true = -(v @ outputs[context])
    total = np.logaddexp(0, true)
    for d in draws:
        if d != context:
            others = outputs[d] @ v
            total += np.logaddexp(0, others)
    return total

# %% 11.2 | a list, stable by hand
def pair_loss(vectors, outputs, word, context, draws):
    v = vectors[word]
    true = -(v @ outputs[context])
    total = (np.maximum(true, 0) + np.log1p(np.exp(-abs(true))))
    for d in draws:
        if d != context:
            others = outputs[d] @ v
            total += (np.maximum(others, 0) + np.log1p(np.exp(-abs(others))))
    return total

# %% 11.2 | signed products, logaddexp
def pair_loss(vectors, outputs, word, context, draws):
    rows = np.array([context] + [d for d in draws if d != context])
    sign = np.where(np.arange(len(rows)) == 0, -1, 1)
    others = sign * (outputs[rows] @ vectors[word])
    return np.sum(np.logaddexp(0, others))

# %% 11.2 | signed products, stable by hand
def pair_loss(vectors, outputs, word, context, draws):
    rows = np.array([context] + [d for d in draws if d != context])
    sign = np.where(np.arange(len(rows)) == 0, -1, 1)
    others = sign * (outputs[rows] @ vectors[word])
    return np.sum((np.maximum(others, 0) + np.log1p(np.exp(-abs(others)))))

# %% 11.2 | einsum, logaddexp
def pair_loss(vectors, outputs, word, context, draws):
    kept = draws[draws != context]
    others = np.einsum("kd,d->k", outputs[kept], vectors[word])
    true = -np.einsum("d,d->", outputs[context], vectors[word])
    return np.logaddexp(0, true) + (np.logaddexp(0, others)).sum()

# %% 11.2 | einsum, stable by hand
def pair_loss(vectors, outputs, word, context, draws):
    kept = draws[draws != context]
    others = np.einsum("kd,d->k", outputs[kept], vectors[word])
    true = -np.einsum("d,d->", outputs[context], vectors[word])
    return (np.maximum(true, 0) + np.log1p(np.exp(-abs(true)))) + ((np.maximum(others, 0) + np.log1p(np.exp(-abs(others))))).sum()

# %% 11.3 | enumerate, exp
def sgd_step(vectors, outputs, word, context, draws, rate):
    new_v, out = vectors.copy(), outputs.copy()
    v, e = vectors[word], np.zeros(vectors.shape[1])
    for i, c in enumerate([context, *draws]):
        if i and c == context:
            continue
        g = rate * ((i == 0) - 1 / (1 + np.exp(-(out[c] @ v))))
        e += g * out[c]
        out[c] += g * v
    new_v[word] += e
    return new_v, out

# %% 11.3 | enumerate, tanh
def sgd_step(vectors, outputs, word, context, draws, rate):
    new_v, out = vectors.copy(), outputs.copy()
    v, e = vectors[word], np.zeros(vectors.shape[1])
    for i, c in enumerate([context, *draws]):
        if i and c == context:
            continue
        g = rate * ((i == 0) - (1 + np.tanh((out[c] @ v) / 2)) / 2)
        e += g * out[c]
        out[c] += g * v
    new_v[word] += e
    return new_v, out

# %% 11.3 | targets listed, exp
def sgd_step(vectors, outputs, word, context, draws, rate):
    out, v = outputs.copy(), vectors[word].copy()
    targets = [(context, 1)] + [(d, 0) for d in draws if d != context]
    e = 0
    for c, y in targets:
        g = rate * (y - 1 / (1 + np.exp(-(v @ out[c]))))
        e, out[c] = e + g * out[c], out[c] + g * v
    new_v = vectors.copy()
    new_v[word] = v + e
    return new_v, out

# %% 11.3 | targets listed, tanh
def sgd_step(vectors, outputs, word, context, draws, rate):
    out, v = outputs.copy(), vectors[word].copy()
    targets = [(context, 1)] + [(d, 0) for d in draws if d != context]
    e = 0
    for c, y in targets:
        g = rate * (y - (1 + np.tanh((v @ out[c]) / 2)) / 2)
        e, out[c] = e + g * out[c], out[c] + g * v
    new_v = vectors.copy()
    new_v[word] = v + e
    return new_v, out

# %% 11.3 | context by itself, exp
def sgd_step(vectors, outputs, word, context, draws, rate):
    out, new = np.array(outputs), np.array(vectors)
    v = vectors[word]
    g = rate * (1 - 1 / (1 + np.exp(-(out[context] @ v))))
    e = g * out[context]
    out[context] = out[context] + g * v
    for d in draws[draws != context]:
        g = -rate * (1 / (1 + np.exp(-(out[d] @ v))))
        e = e + g * out[d]
        out[d] = out[d] + g * v
    new[word] = new[word] + e
    return new, out

# %% 11.3 | context by itself, tanh
def sgd_step(vectors, outputs, word, context, draws, rate):
    out, new = np.array(outputs), np.array(vectors)
    v = vectors[word]
    g = rate * (1 - (1 + np.tanh((out[context] @ v) / 2)) / 2)
    e = g * out[context]
    out[context] = out[context] + g * v
    for d in draws[draws != context]:
        g = -rate * ((1 + np.tanh((out[d] @ v) / 2)) / 2)
        e = e + g * out[d]
        out[d] = out[d] + g * v
    new[word] = new[word] + e
    return new, out

# %% 11.3 | errors added at the end, exp
def sgd_step(vectors, outputs, word, context, draws, rate):
    out, v = outputs.copy(), vectors[word]
    moves = []
    for i, c in enumerate(np.append(context, draws)):
        if i == 0 or c != context:
            u = out[c].copy()
            g = rate * (float(i == 0) - 1 / (1 + np.exp(-(u @ v))))
            moves.append(g * u)
            out[c] = u + g * v
    new = vectors.copy()
    new[word] += np.sum(moves, axis=0)
    return new, out

# %% 11.3 | errors added at the end, tanh
def sgd_step(vectors, outputs, word, context, draws, rate):
    out, v = outputs.copy(), vectors[word]
    moves = []
    for i, c in enumerate(np.append(context, draws)):
        if i == 0 or c != context:
            u = out[c].copy()
            g = rate * (float(i == 0) - (1 + np.tanh((u @ v) / 2)) / 2)
            moves.append(g * u)
            out[c] = u + g * v
    new = vectors.copy()
    new[word] += np.sum(moves, axis=0)
    return new, out

# %% 11.3 | an inner function, exp
def sgd_step(vectors, outputs, word, context, draws, rate):
    out, new = outputs.copy(), vectors.copy()
    v = vectors[word]

    def toward(c, y):
        g = rate * (y - 1 / (1 + np.exp(-(out[c] @ v))))
        part = g * out[c]
        out[c] += g * v
        return part

    e = toward(context, 1)
    for d in draws:
        if d != context:
            e = e + toward(d, 0)
    new[word] += e
    return new, out

# %% 11.3 | an inner function, tanh
def sgd_step(vectors, outputs, word, context, draws, rate):
    out, new = outputs.copy(), vectors.copy()
    v = vectors[word]

    def toward(c, y):
        g = rate * (y - (1 + np.tanh((out[c] @ v) / 2)) / 2)
        part = g * out[c]
        out[c] += g * v
        return part

    e = toward(context, 1)
    for d in draws:
        if d != context:
            e = e + toward(d, 0)
    new[word] += e
    return new, out

# %% 11.4 | mean, add.at
def cbow_step(vectors, outputs, centre, around, draws, rate):
    new, out = vectors.copy(), outputs.copy()
    h = vectors[around].mean(0)
    e = np.zeros_like(h)
    for i, c in enumerate([centre, *draws]):
        if i and c == centre:
            continue
        g = rate * ((i == 0) - 1 / (1 + np.exp(-out[c] @ h)))
        e += g * out[c]
        out[c] += g * h
    np.add.at(new, around, e / len(around))
    return new, out

# %% 11.4 | mean, a loop
def cbow_step(vectors, outputs, centre, around, draws, rate):
    new, out = vectors.copy(), outputs.copy()
    h = vectors[around].mean(0)
    e = np.zeros_like(h)
    for i, c in enumerate([centre, *draws]):
        if i and c == centre:
            continue
        g = rate * ((i == 0) - 1 / (1 + np.exp(-out[c] @ h)))
        e += g * out[c]
        out[c] += g * h
    for a in around:
        new[a] += e / len(around)
    return new, out

# %% 11.4 | sum over length, add.at
def cbow_step(vectors, outputs, centre, around, draws, rate):
    new, out = vectors.copy(), outputs.copy()
    h = sum(vectors[a] for a in around) / len(around)
    e = 0
    for c, y in [(centre, 1)] + [(d, 0) for d in draws if d != centre]:
        g = rate * (y - (1 + np.tanh(out[c] @ h / 2)) / 2)
        e = e + g * out[c]
        out[c] = out[c] + g * h
    np.add.at(new, around, e / len(around))
    return new, out

# %% 11.4 | sum over length, a loop
def cbow_step(vectors, outputs, centre, around, draws, rate):
    new, out = vectors.copy(), outputs.copy()
    h = sum(vectors[a] for a in around) / len(around)
    e = 0
    for c, y in [(centre, 1)] + [(d, 0) for d in draws if d != centre]:
        g = rate * (y - (1 + np.tanh(out[c] @ h / 2)) / 2)
        e = e + g * out[c]
        out[c] = out[c] + g * h
    for a in around:
        new[a] += e / len(around)
    return new, out

# %% 11.4 | centre by itself, add.at
def cbow_step(vectors, outputs, centre, around, draws, rate):
    new, out = np.array(vectors), np.array(outputs)
    h = np.average(vectors[around], axis=0)
    g = rate / (1 + np.exp(out[centre] @ h))
    e = g * out[centre]
    out[centre] += g * h
    for d in draws[draws != centre]:
        g = -rate / (1 + np.exp(-(out[d] @ h)))
        e = e + g * out[d]
        out[d] += g * h
    np.add.at(new, around, e / len(around))
    return new, out

# %% 11.4 | centre by itself, a loop
def cbow_step(vectors, outputs, centre, around, draws, rate):
    new, out = np.array(vectors), np.array(outputs)
    h = np.average(vectors[around], axis=0)
    g = rate / (1 + np.exp(out[centre] @ h))
    e = g * out[centre]
    out[centre] += g * h
    for d in draws[draws != centre]:
        g = -rate / (1 + np.exp(-(out[d] @ h)))
        e = e + g * out[d]
        out[d] += g * h
    for a in around:
        new[a] += e / len(around)
    return new, out

# %% 11.4 | a matrix of weights, add.at
def cbow_step(vectors, outputs, centre, around, draws, rate):
    new, out = vectors.copy(), outputs.copy()
    weight = np.bincount(around, minlength=len(vectors)) / len(around)
    h = weight @ vectors
    e = np.zeros(len(h))
    for i, c in enumerate([centre, *draws]):
        if i == 0 or c != centre:
            g = rate * (float(i == 0) - 1 / (1 + np.exp(-(h @ out[c]))))
            e = e + g * out[c]
            out[c] = out[c] + g * h
    np.add.at(new, around, e / len(around))
    return new, out

# %% 11.4 | a matrix of weights, a loop
def cbow_step(vectors, outputs, centre, around, draws, rate):
    new, out = vectors.copy(), outputs.copy()
    weight = np.bincount(around, minlength=len(vectors)) / len(around)
    h = weight @ vectors
    e = np.zeros(len(h))
    for i, c in enumerate([centre, *draws]):
        if i == 0 or c != centre:
            g = rate * (float(i == 0) - 1 / (1 + np.exp(-(h @ out[c]))))
            e = e + g * out[c]
            out[c] = out[c] + g * h
    for a in around:
        new[a] += e / len(around)
    return new, out

# %% 11.4 | filtered, add.at
def cbow_step(vectors, outputs, centre, around, draws, rate):
    new, out = vectors.copy(), outputs.copy()
    h = vectors[around].sum(axis=0) / around.size
    e = 0.0
    label = 1.0
    for c in [centre] + [d for d in draws if d != centre]:
        g = rate * (label - 1 / (1 + np.exp(-(out[c] @ h))))
        e = e + g * out[c]
        out[c] += g * h
        label = 0.0
    np.add.at(new, around, e / len(around))
    return new, out

# %% 11.4 | filtered, a loop
def cbow_step(vectors, outputs, centre, around, draws, rate):
    new, out = vectors.copy(), outputs.copy()
    h = vectors[around].sum(axis=0) / around.size
    e = 0.0
    label = 1.0
    for c in [centre] + [d for d in draws if d != centre]:
        g = rate * (label - 1 / (1 + np.exp(-(out[c] @ h))))
        e = e + g * out[c]
        out[c] += g * h
        label = 0.0
    for a in around:
        new[a] += e / len(around)
    return new, out

# %% 11.5 | logs apart, keepdims
def best_products(counts, k):
    rows, columns = counts.sum(axis=1, keepdims=True), counts.sum(axis=0, keepdims=True)
    with np.errstate(divide="ignore"):
        return np.log(counts) - np.log(rows) - np.log(columns) + np.log(counts.sum()) - np.log(k)

# %% 11.5 | logs apart, einsum
def best_products(counts, k):
    rows, columns = np.einsum('wc->w', counts)[:, None], np.einsum('wc->c', counts)
    with np.errstate(divide="ignore"):
        return np.log(counts) - np.log(rows) - np.log(columns) + np.log(counts.sum()) - np.log(k)

# %% 11.5 | one logarithm, keepdims
def best_products(counts, k):
    rows, columns = counts.sum(axis=1, keepdims=True), counts.sum(axis=0, keepdims=True)
    with np.errstate(divide="ignore"):
        return np.log(counts * counts.sum() / (rows * columns * k))

# %% 11.5 | one logarithm, einsum
def best_products(counts, k):
    rows, columns = np.einsum('wc->w', counts)[:, None], np.einsum('wc->c', counts)
    with np.errstate(divide="ignore"):
        return np.log(counts * counts.sum() / (rows * columns * k))

# %% 11.5 | over chance, keepdims
def best_products(counts, k):
    rows, columns = counts.sum(axis=1, keepdims=True), counts.sum(axis=0, keepdims=True)
    with np.errstate(divide="ignore"):
        return np.log(counts / (k * rows * columns / counts.sum()))

# %% 11.5 | over chance, einsum
def best_products(counts, k):
    rows, columns = np.einsum('wc->w', counts)[:, None], np.einsum('wc->c', counts)
    with np.errstate(divide="ignore"):
        return np.log(counts / (k * rows * columns / counts.sum()))

# %% 11.5 | conditional, keepdims
def best_products(counts, k):
    rows, columns = counts.sum(axis=1, keepdims=True), counts.sum(axis=0, keepdims=True)
    with np.errstate(divide="ignore"):
        return np.log(counts / rows) - np.log(columns / counts.sum()) - np.log(k)

# %% 11.5 | conditional, einsum
def best_products(counts, k):
    rows, columns = np.einsum('wc->w', counts)[:, None], np.einsum('wc->c', counts)
    with np.errstate(divide="ignore"):
        return np.log(counts / rows) - np.log(columns / counts.sum()) - np.log(k)

# %% 11.5 | shares, keepdims
def best_products(counts, k):
    rows, columns = counts.sum(axis=1, keepdims=True), counts.sum(axis=0, keepdims=True)
    with np.errstate(divide="ignore"):
        return np.log(counts / counts.sum()) - np.log(rows / counts.sum()) - np.log(k * columns / counts.sum())

# %% 11.5 | shares, einsum
def best_products(counts, k):
    rows, columns = np.einsum('wc->w', counts)[:, None], np.einsum('wc->c', counts)
    with np.errstate(divide="ignore"):
        return np.log(counts / counts.sum()) - np.log(rows / counts.sum()) - np.log(k * columns / counts.sum())
