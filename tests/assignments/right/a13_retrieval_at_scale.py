"""Right answers by other routes: `# %% TASK | ROUTE`, then whole functions, as students write."""

# %% 13.1 | a loop of lists
def pool(x, share):
    n = len(x)
    k = max(1, int(share * n + 1e-9))
    rows = [[] for _ in range(k)]
    for i in range(n):
        rows[i * k // n].append(x[i])
    out = np.array([np.mean(row, axis=0) for row in rows])
    return out / np.linalg.norm(out, axis=1, keepdims=True)

# %% 13.1 | add.at
def pool(x, share):
    n = len(x)
    k = max(int(np.floor(share * n + 1e-9)), 1)
    codes = np.arange(n) * k // n
    out = np.zeros((k, x.shape[1]))
    np.add.at(out, codes, x)
    return out / np.sqrt((out ** 2).sum(1))[:, None]

# %% 13.1 | add.at and counts
def pool(x, share):
    n = len(x)
    k = int(share * n + 1e-9) or 1
    codes = np.arange(n) * k // n
    out = np.zeros((k, x.shape[1]))
    np.add.at(out, codes, x)
    out /= np.bincount(codes)[:, None]
    return out / np.linalg.norm(out, axis=1, keepdims=True)

# %% 13.1 | a matrix of weights
def pool(x, share):
    n = len(x)
    k = int(np.clip(share * n + 1e-9, 1, n))
    weights = (np.arange(n) * k // n == np.arange(k)[:, None]).astype(float)
    weights /= weights.sum(axis=1, keepdims=True)
    out = weights @ x
    return out / np.linalg.norm(out, axis=1, keepdims=True)

# %% 13.1 | reduceat
def pool(x, share):
    n = len(x)
    k = max(1, int(share * n + 1e-9))
    starts = -(-np.arange(k) * n // k)
    out = np.add.reduceat(x, starts, axis=0)
    return out / np.sqrt((out ** 2).sum(1))[:, None]

# %% 13.1 | slices between ends
def pool(x, share):
    n = len(x)
    k = max(int(np.floor(share * n + 1e-9)), 1)
    ends = [-(-c * n // k) for c in range(k + 1)]
    pooled = []
    for a, b in zip(ends, ends[1:]):
        mean = x[a:b].mean(axis=0)
        pooled.append(mean / np.linalg.norm(mean))
    return np.array(pooled)

# %% 13.1 | a bincount for each column
def pool(x, share):
    n = len(x)
    k = max(1, int(share * n + 1e-9))
    codes = np.arange(n) * k // n
    out = np.stack([np.bincount(codes, weights=column) for column in x.T], axis=1)
    return out / np.linalg.norm(out, axis=1, keepdims=True)

# %% 13.1 | split at the changes
def pool(x, share):
    n = len(x)
    k = int(share * n + 1e-9) or 1
    codes = np.arange(n) * k // n
    parts = np.split(x, np.flatnonzero(np.diff(codes)) + 1)
    out = np.stack([part.mean(axis=0) for part in parts])
    return out / np.sqrt((out ** 2).sum(1))[:, None]

# %% 13.1 | running sums
def pool(x, share):
    n = len(x)
    k = max(1, int(share * n + 1e-9))
    sums = np.concatenate([np.zeros((1, x.shape[1])), np.cumsum(x, axis=0)])
    ends = np.searchsorted(np.arange(n) * k // n, np.arange(k + 1))
    out = sums[ends[1:]] - sums[ends[:-1]]
    return out / np.linalg.norm(out, axis=1, keepdims=True)

# %% 13.1 | a dict of sums
def pool(x, share):
    n = len(x)
    k = max(int(np.floor(share * n + 1e-9)), 1)
    sums = {}
    for i, row in enumerate(x):
        c = i * k // n
        sums[c] = sums.get(c, 0) + row
    return np.array([sums[c] / np.linalg.norm(sums[c]) for c in sorted(sums)])

# %% 13.1 | unique codes
def pool(x, share):
    n, d = x.shape
    k = int(share * n + 1e-9) or 1
    codes = np.array([i * k // n for i in range(n)])
    out = np.empty((k, d))
    for c in np.unique(codes):
        out[c] = x[codes == c].mean(0)
        out[c] /= np.sqrt(out[c] @ out[c])
    return out

# %% 13.2 | stable argsort, sets
def pair_recall(queries, docs, relevant):
    k = relevant.shape[1]
    best = np.argsort(-(queries @ docs.T), axis=1, kind='stable')[:, :k]
    return float(np.mean([len(set(a.tolist()) & set(b.tolist())) / k for a, b in zip(best, relevant)]))

# %% 13.2 | stable argsort, comparison
def pair_recall(queries, docs, relevant):
    k = relevant.shape[1]
    best = np.argsort(-(queries @ docs.T), axis=1, kind='stable')[:, :k]
    return float((best[:, :, None] == relevant[:, None, :]).sum() / relevant.size)

# %% 13.2 | stable argsort, isin
def pair_recall(queries, docs, relevant):
    k = relevant.shape[1]
    best = np.argsort(-(queries @ docs.T), axis=1, kind='stable')[:, :k]
    return float(sum(np.isin(r, b).sum() for r, b in zip(relevant, best)) / relevant.size)

# %% 13.2 | stable argsort, a table
def pair_recall(queries, docs, relevant):
    k = relevant.shape[1]
    best = np.argsort(-(queries @ docs.T), axis=1, kind='stable')[:, :k]
    wanted = np.zeros((len(queries), len(docs)))
    np.put_along_axis(wanted, relevant, 1, axis=1)
    return float(np.take_along_axis(wanted, best, axis=1).mean())

# %% 13.2 | lexsort, sets
def pair_recall(queries, docs, relevant):
    k = relevant.shape[1]
    best = np.array([np.lexsort((np.arange(len(docs)), -row))[:k] for row in queries @ docs.T])
    return float(np.mean([len(set(a.tolist()) & set(b.tolist())) / k for a, b in zip(best, relevant)]))

# %% 13.2 | lexsort, comparison
def pair_recall(queries, docs, relevant):
    k = relevant.shape[1]
    best = np.array([np.lexsort((np.arange(len(docs)), -row))[:k] for row in queries @ docs.T])
    return float((best[:, :, None] == relevant[:, None, :]).sum() / relevant.size)

# %% 13.2 | lexsort, isin
def pair_recall(queries, docs, relevant):
    k = relevant.shape[1]
    best = np.array([np.lexsort((np.arange(len(docs)), -row))[:k] for row in queries @ docs.T])
    return float(sum(np.isin(r, b).sum() for r, b in zip(relevant, best)) / relevant.size)

# %% 13.2 | lexsort, a table
def pair_recall(queries, docs, relevant):
    k = relevant.shape[1]
    best = np.array([np.lexsort((np.arange(len(docs)), -row))[:k] for row in queries @ docs.T])
    wanted = np.zeros((len(queries), len(docs)))
    np.put_along_axis(wanted, relevant, 1, axis=1)
    return float(np.take_along_axis(wanted, best, axis=1).mean())

# %% 13.2 | sorted, sets
def pair_recall(queries, docs, relevant):
    k = relevant.shape[1]
    best = np.array([sorted(range(len(docs)), key=lambda j: (-row[j], j))[:k] for row in queries @ docs.T])
    return float(np.mean([len(set(a.tolist()) & set(b.tolist())) / k for a, b in zip(best, relevant)]))

# %% 13.2 | sorted, comparison
def pair_recall(queries, docs, relevant):
    k = relevant.shape[1]
    best = np.array([sorted(range(len(docs)), key=lambda j: (-row[j], j))[:k] for row in queries @ docs.T])
    return float((best[:, :, None] == relevant[:, None, :]).sum() / relevant.size)

# %% 13.2 | sorted, isin
def pair_recall(queries, docs, relevant):
    k = relevant.shape[1]
    best = np.array([sorted(range(len(docs)), key=lambda j: (-row[j], j))[:k] for row in queries @ docs.T])
    return float(sum(np.isin(r, b).sum() for r, b in zip(relevant, best)) / relevant.size)

# %% 13.2 | sorted, a table
def pair_recall(queries, docs, relevant):
    k = relevant.shape[1]
    best = np.array([sorted(range(len(docs)), key=lambda j: (-row[j], j))[:k] for row in queries @ docs.T])
    wanted = np.zeros((len(queries), len(docs)))
    np.put_along_axis(wanted, relevant, 1, axis=1)
    return float(np.take_along_axis(wanted, best, axis=1).mean())

# %% 13.2 | one maximum after the other
def pair_recall(queries, docs, relevant):
    total = 0
    for q, own in zip(queries, relevant):
        s = docs @ q
        for _ in own:
            j = s.argmax()
            total += j in own
            s[j] = -np.inf
    return total / relevant.size

# %% 13.3 | pad, shifts and a sum
def pack(numbers, bits):
    per = 8 // bits
    x = np.pad(numbers, ((0, 0), (0, -numbers.shape[1] % per))).astype(int)
    return ((x.reshape(len(x), -1, per) << np.arange(8 - bits, -1, -bits)).sum(axis=2)).astype(np.uint8)

# %% 13.3 | pad, powers
def pack(numbers, bits):
    per = 8 // bits
    x = np.pad(numbers, ((0, 0), (0, -numbers.shape[1] % per))).astype(int)
    return (x.reshape(len(x), -1, per) @ (2 ** bits) ** np.arange(per - 1, -1, -1)).astype(np.uint8)

# %% 13.3 | pad, every per-th
def pack(numbers, bits):
    per = 8 // bits
    x = np.pad(numbers, ((0, 0), (0, -numbers.shape[1] % per))).astype(int)
    return (sum(x[:, j::per] << (8 - bits * (j + 1)) for j in range(per))).astype(np.uint8)

# %% 13.3 | pad, bitwise or
def pack(numbers, bits):
    per = 8 // bits
    x = np.pad(numbers, ((0, 0), (0, -numbers.shape[1] % per))).astype(int)
    return (np.bitwise_or.reduce(x.reshape(len(x), -1, per) << np.arange(8 - bits, -1, -bits), axis=2)).astype(np.uint8)

# %% 13.3 | zeros behind, shifts and a sum
def pack(numbers, bits):
    per = 8 // bits
    x = np.concatenate([numbers, np.zeros((len(numbers), -numbers.shape[1] % per), int)], axis=1)
    return ((x.reshape(len(x), -1, per) << np.arange(8 - bits, -1, -bits)).sum(axis=2)).astype(np.uint8)

# %% 13.3 | zeros behind, powers
def pack(numbers, bits):
    per = 8 // bits
    x = np.concatenate([numbers, np.zeros((len(numbers), -numbers.shape[1] % per), int)], axis=1)
    return (x.reshape(len(x), -1, per) @ (2 ** bits) ** np.arange(per - 1, -1, -1)).astype(np.uint8)

# %% 13.3 | zeros behind, every per-th
def pack(numbers, bits):
    per = 8 // bits
    x = np.concatenate([numbers, np.zeros((len(numbers), -numbers.shape[1] % per), int)], axis=1)
    return (sum(x[:, j::per] << (8 - bits * (j + 1)) for j in range(per))).astype(np.uint8)

# %% 13.3 | zeros behind, bitwise or
def pack(numbers, bits):
    per = 8 // bits
    x = np.concatenate([numbers, np.zeros((len(numbers), -numbers.shape[1] % per), int)], axis=1)
    return (np.bitwise_or.reduce(x.reshape(len(x), -1, per) << np.arange(8 - bits, -1, -bits), axis=2)).astype(np.uint8)

# %% 13.3 | packbits
def pack(numbers, bits):
    each = np.unpackbits(numbers.astype(np.uint8)[:, :, None], axis=2)[:, :, 8 - bits:]
    return np.packbits(each.reshape(len(numbers), -1), axis=1)

# %% 13.3 | number by number
def pack(numbers, bits):
    per = 8 // bits
    n, d = numbers.shape
    out = np.zeros((n, (d + per - 1) // per), dtype=np.uint8)
    for j in range(d):
        out[:, j // per] += (numbers[:, j] * 2 ** (8 - bits - bits * (j % per))).astype(np.uint8)
    return out

# %% 13.3 | texts of bits
def pack(numbers, bits):
    rows = []
    for row in numbers:
        text = "".join(format(int(v), "b").zfill(bits) for v in row)
        text = text.ljust(-(-len(text) // 8) * 8, "0")
        rows.append([int(text[i:i + 8], 2) for i in range(0, len(text), 8)])
    return np.array(rows, dtype=np.uint8)

# %% 13.3 | shift what is there
def pack(numbers, bits):
    per = 8 // bits
    out = np.zeros((len(numbers), -(-numbers.shape[1] // per)), dtype=np.uint8)
    for j in range(out.shape[1] * per):
        column = numbers[:, j] if j < numbers.shape[1] else 0
        out[:, j // per] = (out[:, j // per] << bits) | np.asarray(column, dtype=np.uint8)
    return out

# %% 13.4 | shift, mask
def unpack(packed, bits, d):
    each = (packed[:, :, None] >> np.arange(8 - bits, -1, -bits)) & (2 ** bits - 1)
    return each.reshape(len(packed), -1)[:, :d].astype(int)

# %% 13.4 | shift, modulo
def unpack(packed, bits, d):
    each = (packed[:, :, None].astype(int) >> np.arange(8 - bits, -1, -bits)) % 2 ** bits
    return each.reshape(len(packed), -1)[:, :d].astype(int)

# %% 13.4 | divide, modulo
def unpack(packed, bits, d):
    each = packed[:, :, None].astype(int) // 2 ** np.arange(8 - bits, -1, -bits) % 2 ** bits
    return each.reshape(len(packed), -1)[:, :d].astype(int)

# %% 13.4 | mask, shift
def unpack(packed, bits, d):
    each = (packed[:, :, None].astype(int) & ((2 ** bits - 1) << np.arange(8 - bits, -1, -bits))) >> np.arange(8 - bits, -1, -bits)
    return each.reshape(len(packed), -1)[:, :d].astype(int)

# %% 13.4 | list of places
def unpack(packed, bits, d):
    each = np.stack([(packed >> s) & (2 ** bits - 1) for s in range(8 - bits, -1, -bits)], axis=2)
    return each.reshape(len(packed), -1)[:, :d].astype(int)

# %% 13.4 | number by number
def unpack(packed, bits, d):
    per = 8 // bits
    out = np.zeros((len(packed), d), dtype=np.int64)
    for j in range(d):
        out[:, j] = (packed[:, j // per] >> (8 - bits * (j % per + 1))) & (2 ** bits - 1)
    return out

# %% 13.4 | unpackbits
def unpack(packed, bits, d):
    each = np.unpackbits(packed, axis=1).reshape(len(packed), -1, bits)
    return (each @ 2 ** np.arange(bits - 1, -1, -1))[:, :d]

# %% 13.4 | texts of bits
def unpack(packed, bits, d):
    out = []
    for row in packed:
        text = "".join(f"{int(b):08b}" for b in row)
        out.append([int(text[i * bits:(i + 1) * bits], 2) for i in range(d)])
    return np.array(out)

# %% 13.4 | every per-th
def unpack(packed, bits, d):
    per = 8 // bits
    out = np.zeros((len(packed), packed.shape[1] * per), dtype=int)
    for p in range(per):
        out[:, p::per] = (packed >> (8 - bits * (p + 1))) & (2 ** bits - 1)
    return out[:, :d]

# %% 13.4 | indices of all numbers
def unpack(packed, bits, d):
    j = np.arange(d) * bits
    return (packed[:, j // 8].astype(int) >> (8 - bits - j % 8)) & ((1 << bits) - 1)

# %% 13.4 | shift to the left, then to the right
def unpack(packed, bits, d):
    j = np.arange(d) * bits
    left = (packed[:, j // 8].astype(int) << (j % 8)) & 255
    return left >> (8 - bits)

# %% 13.5 | bincount, stable, a loop
def warp_select(scores, clusters, alive, n_probe, t_prime):
    m = scores.shape[1]
    sizes = np.bincount(clusters[alive], minlength=m)
    order = np.argsort(-scores, axis=1, kind='stable')
    missing = np.empty(len(scores))
    for i, own in enumerate(order):
        total = 0
        for c in own:
            missing[i] = scores[i, c]
            total += sizes[c]
            if total >= t_prime:
                break
    return order[:, :n_probe], missing

# %% 13.5 | bincount, lexsort, a loop
def warp_select(scores, clusters, alive, n_probe, t_prime):
    m = scores.shape[1]
    sizes = np.bincount(clusters[alive], minlength=m)
    order = np.array([np.lexsort((np.arange(m), -row)) for row in scores])
    missing = np.empty(len(scores))
    for i, own in enumerate(order):
        total = 0
        for c in own:
            missing[i] = scores[i, c]
            total += sizes[c]
            if total >= t_prime:
                break
    return order[:, :n_probe], missing

# %% 13.5 | bincount, searchsorted
def warp_select(scores, clusters, alive, n_probe, t_prime):
    m = scores.shape[1]
    sizes = np.bincount(clusters[alive], minlength=m)
    order = np.argsort(-scores, axis=1, kind="stable")
    places = [np.searchsorted(np.cumsum(sizes[own]), t_prime) for own in order]
    places = np.minimum(places, m - 1)
    missing = -np.sort(-scores, axis=1)[np.arange(len(scores)), places]
    return order[:, :n_probe], missing

# %% 13.5 | bincount, counting what is below
def warp_select(scores, clusters, alive, n_probe, t_prime):
    m = scores.shape[1]
    sizes = np.bincount(clusters[alive], minlength=m)
    order = np.argsort(-scores, axis=1, kind="stable")
    below = (np.cumsum(sizes[order], axis=1) < t_prime).sum(axis=1)
    ranked = np.take_along_axis(scores, order, axis=1)
    missing = np.take_along_axis(ranked, np.minimum(below, m - 1)[:, None], axis=1)[:, 0]
    return order[:, :n_probe], missing

# %% 13.5 | weights, stable, a loop
def warp_select(scores, clusters, alive, n_probe, t_prime):
    m = scores.shape[1]
    sizes = np.bincount(clusters, weights=alive, minlength=m).astype(int)
    order = np.argsort(-scores, axis=1, kind='stable')
    missing = np.empty(len(scores))
    for i, own in enumerate(order):
        total = 0
        for c in own:
            missing[i] = scores[i, c]
            total += sizes[c]
            if total >= t_prime:
                break
    return order[:, :n_probe], missing

# %% 13.5 | weights, lexsort, a loop
def warp_select(scores, clusters, alive, n_probe, t_prime):
    m = scores.shape[1]
    sizes = np.bincount(clusters, weights=alive, minlength=m).astype(int)
    order = np.array([np.lexsort((np.arange(m), -row)) for row in scores])
    missing = np.empty(len(scores))
    for i, own in enumerate(order):
        total = 0
        for c in own:
            missing[i] = scores[i, c]
            total += sizes[c]
            if total >= t_prime:
                break
    return order[:, :n_probe], missing

# %% 13.5 | weights, searchsorted
def warp_select(scores, clusters, alive, n_probe, t_prime):
    m = scores.shape[1]
    sizes = np.bincount(clusters, weights=alive, minlength=m).astype(int)
    order = np.argsort(-scores, axis=1, kind="stable")
    places = [np.searchsorted(np.cumsum(sizes[own]), t_prime) for own in order]
    places = np.minimum(places, m - 1)
    missing = -np.sort(-scores, axis=1)[np.arange(len(scores)), places]
    return order[:, :n_probe], missing

# %% 13.5 | weights, counting what is below
def warp_select(scores, clusters, alive, n_probe, t_prime):
    m = scores.shape[1]
    sizes = np.bincount(clusters, weights=alive, minlength=m).astype(int)
    order = np.argsort(-scores, axis=1, kind="stable")
    below = (np.cumsum(sizes[order], axis=1) < t_prime).sum(axis=1)
    ranked = np.take_along_axis(scores, order, axis=1)
    missing = np.take_along_axis(ranked, np.minimum(below, m - 1)[:, None], axis=1)[:, 0]
    return order[:, :n_probe], missing

# %% 13.5 | a comparison, stable, a loop
def warp_select(scores, clusters, alive, n_probe, t_prime):
    m = scores.shape[1]
    sizes = ((clusters == np.arange(m)[:, None]) & alive).sum(axis=1)
    order = np.argsort(-scores, axis=1, kind='stable')
    missing = np.empty(len(scores))
    for i, own in enumerate(order):
        total = 0
        for c in own:
            missing[i] = scores[i, c]
            total += sizes[c]
            if total >= t_prime:
                break
    return order[:, :n_probe], missing

# %% 13.5 | a comparison, lexsort, a loop
def warp_select(scores, clusters, alive, n_probe, t_prime):
    m = scores.shape[1]
    sizes = ((clusters == np.arange(m)[:, None]) & alive).sum(axis=1)
    order = np.array([np.lexsort((np.arange(m), -row)) for row in scores])
    missing = np.empty(len(scores))
    for i, own in enumerate(order):
        total = 0
        for c in own:
            missing[i] = scores[i, c]
            total += sizes[c]
            if total >= t_prime:
                break
    return order[:, :n_probe], missing

# %% 13.5 | a comparison, searchsorted
def warp_select(scores, clusters, alive, n_probe, t_prime):
    m = scores.shape[1]
    sizes = ((clusters == np.arange(m)[:, None]) & alive).sum(axis=1)
    order = np.argsort(-scores, axis=1, kind="stable")
    places = [np.searchsorted(np.cumsum(sizes[own]), t_prime) for own in order]
    places = np.minimum(places, m - 1)
    missing = -np.sort(-scores, axis=1)[np.arange(len(scores)), places]
    return order[:, :n_probe], missing

# %% 13.5 | a comparison, counting what is below
def warp_select(scores, clusters, alive, n_probe, t_prime):
    m = scores.shape[1]
    sizes = ((clusters == np.arange(m)[:, None]) & alive).sum(axis=1)
    order = np.argsort(-scores, axis=1, kind="stable")
    below = (np.cumsum(sizes[order], axis=1) < t_prime).sum(axis=1)
    ranked = np.take_along_axis(scores, order, axis=1)
    missing = np.take_along_axis(ranked, np.minimum(below, m - 1)[:, None], axis=1)[:, 0]
    return order[:, :n_probe], missing

# %% 13.6 | a dict for each query token, sum
def warp_scores(found, missing):
    best = []
    for row in found:
        own = {}
        for cluster in row:
            for doc, s in cluster.items():
                if doc not in own or s > own[doc]:
                    own[doc] = s
        best.append(own)
    docs = sorted({doc for own in best for doc in own})
    return {doc: sum(own.get(doc, m) for own, m in zip(best, missing)) for doc in docs}

# %% 13.6 | a dict for each query token, from the sum of all misses
def warp_scores(found, missing):
    best = []
    for row in found:
        own = {}
        for cluster in row:
            for doc, s in cluster.items():
                if doc not in own or s > own[doc]:
                    own[doc] = s
        best.append(own)
    scores = {}
    for own, m in zip(best, missing):
        for doc, s in own.items():
            scores[doc] = scores.get(doc, missing.sum()) + s - m
    return scores

# %% 13.6 | a dict for each query token, a loop over documents
def warp_scores(found, missing):
    best = []
    for row in found:
        own = {}
        for cluster in row:
            for doc, s in cluster.items():
                if doc not in own or s > own[doc]:
                    own[doc] = s
        best.append(own)
    scores = {}
    for doc in set().union(*best):
        scores[doc] = 0.0
        for i in range(len(best)):
            scores[doc] += best[i][doc] if doc in best[i] else missing[i]
    return scores

# %% 13.6 | lists of hits, sum
def warp_scores(found, missing):
    best = []
    for row in found:
        hits = {}
        for cluster in row:
            for doc, s in cluster.items():
                hits.setdefault(doc, []).append(s)
        best.append({doc: max(some) for doc, some in hits.items()})
    docs = sorted({doc for own in best for doc in own})
    return {doc: sum(own.get(doc, m) for own, m in zip(best, missing)) for doc in docs}

# %% 13.6 | lists of hits, from the sum of all misses
def warp_scores(found, missing):
    best = []
    for row in found:
        hits = {}
        for cluster in row:
            for doc, s in cluster.items():
                hits.setdefault(doc, []).append(s)
        best.append({doc: max(some) for doc, some in hits.items()})
    scores = {}
    for own, m in zip(best, missing):
        for doc, s in own.items():
            scores[doc] = scores.get(doc, missing.sum()) + s - m
    return scores

# %% 13.6 | lists of hits, a loop over documents
def warp_scores(found, missing):
    best = []
    for row in found:
        hits = {}
        for cluster in row:
            for doc, s in cluster.items():
                hits.setdefault(doc, []).append(s)
        best.append({doc: max(some) for doc, some in hits.items()})
    scores = {}
    for doc in set().union(*best):
        scores[doc] = 0.0
        for i in range(len(best)):
            scores[doc] += best[i][doc] if doc in best[i] else missing[i]
    return scores

# %% 13.6 | all documents first, sum
def warp_scores(found, missing):
    every = {doc for row in found for cluster in row for doc in cluster}
    best = []
    for row in found:
        own = {doc: [c[doc] for c in row if doc in c] for doc in every}
        best.append({doc: max(some) for doc, some in own.items() if some})
    docs = sorted({doc for own in best for doc in own})
    return {doc: sum(own.get(doc, m) for own, m in zip(best, missing)) for doc in docs}

# %% 13.6 | all documents first, from the sum of all misses
def warp_scores(found, missing):
    every = {doc for row in found for cluster in row for doc in cluster}
    best = []
    for row in found:
        own = {doc: [c[doc] for c in row if doc in c] for doc in every}
        best.append({doc: max(some) for doc, some in own.items() if some})
    scores = {}
    for own, m in zip(best, missing):
        for doc, s in own.items():
            scores[doc] = scores.get(doc, missing.sum()) + s - m
    return scores

# %% 13.6 | all documents first, a loop over documents
def warp_scores(found, missing):
    every = {doc for row in found for cluster in row for doc in cluster}
    best = []
    for row in found:
        own = {doc: [c[doc] for c in row if doc in c] for doc in every}
        best.append({doc: max(some) for doc, some in own.items() if some})
    scores = {}
    for doc in set().union(*best):
        scores[doc] = 0.0
        for i in range(len(best)):
            scores[doc] += best[i][doc] if doc in best[i] else missing[i]
    return scores

# %% 13.6 | sorted, so that the last is best, sum
def warp_scores(found, missing):
    best = []
    for row in found:
        pairs = [(s, doc) for cluster in row for doc, s in cluster.items()]
        best.append({doc: s for s, doc in sorted(pairs)})
    docs = sorted({doc for own in best for doc in own})
    return {doc: sum(own.get(doc, m) for own, m in zip(best, missing)) for doc in docs}

# %% 13.6 | sorted, so that the last is best, from the sum of all misses
def warp_scores(found, missing):
    best = []
    for row in found:
        pairs = [(s, doc) for cluster in row for doc, s in cluster.items()]
        best.append({doc: s for s, doc in sorted(pairs)})
    scores = {}
    for own, m in zip(best, missing):
        for doc, s in own.items():
            scores[doc] = scores.get(doc, missing.sum()) + s - m
    return scores

# %% 13.6 | sorted, so that the last is best, a loop over documents
def warp_scores(found, missing):
    best = []
    for row in found:
        pairs = [(s, doc) for cluster in row for doc, s in cluster.items()]
        best.append({doc: s for s, doc in sorted(pairs)})
    scores = {}
    for doc in set().union(*best):
        scores[doc] = 0.0
        for i in range(len(best)):
            scores[doc] += best[i][doc] if doc in best[i] else missing[i]
    return scores
