"""Wrong answers as students write them: `# %% TASK | HINT`, then the function with its mistake."""

import numpy as np


# %% 13.1 | floor to no cluster
def pool(x, share):
    n = len(x)
    k = int(share * n + 1e-9)
    out = np.zeros((k, x.shape[1]))
    for c in range(k):
        mean = x[np.arange(n) * k // n == c].mean(axis=0)
        out[c] = mean / np.linalg.norm(mean)
    return out


# %% 13.1 | not normalised
def pool(x, share):
    k = max(1, int(share * len(x) + 1e-9))
    codes = np.array([i * k // len(x) for i in range(len(x))])
    return np.stack([x[codes == c].mean(axis=0) for c in range(k)])


# %% 13.1 | one lost to rounding
def pool(x, share):
    k = max(1, int(np.floor(share * len(x))))
    codes = np.arange(len(x)) * k // len(x)
    out = np.stack([x[codes == c].mean(axis=0) for c in range(k)])
    return out / np.linalg.norm(out, axis=1)[:, None]


# %% 13.1 | long runs first
def pool(x, share):
    k = max(1, int(share * len(x) + 1e-9))
    out = np.array([part.mean(axis=0) for part in np.array_split(x, k)])
    return out / np.linalg.norm(out, axis=1)[:, None]


# %% 13.1 | normalised before
def pool(x, share):
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    k = max(1, int(share * len(x) + 1e-9))
    codes = np.arange(len(x)) * k // len(x)
    out = np.stack([x[codes == c].mean(axis=0) for c in range(k)])
    return out / np.linalg.norm(out, axis=1, keepdims=True)


# %% 13.2 | all or nothing
def pair_recall(queries, docs, relevant):
    hits = 0
    for q, own in zip(queries, relevant, strict=True):
        best = np.argsort(-(docs @ q), kind="stable")[: len(own)]
        hits += set(best.tolist()) == set(own.tolist())
    return hits / len(queries)


# %% 13.2 | always two
def pair_recall(queries, docs, relevant):
    best = np.argsort(-(queries @ docs.T), axis=1, kind="stable")[:, :2]
    return float(
        np.mean([np.isin(r, b).sum() / len(r) for r, b in zip(relevant, best, strict=True)])
    )


# %% 13.2 | lowest products
def pair_recall(queries, docs, relevant):
    best = np.argsort(queries @ docs.T, axis=1, kind="stable")[:, : relevant.shape[1]]
    return float(np.mean([np.isin(r, b).mean() for r, b in zip(relevant, best, strict=True)]))


# %% 13.2 | ties to the higher number
def pair_recall(queries, docs, relevant):
    best = np.argsort(queries @ docs.T, axis=1, kind="stable")[:, ::-1][:, : relevant.shape[1]]
    return float(np.mean([np.isin(r, b).mean() for r, b in zip(relevant, best, strict=True)]))


# %% 13.3 | nibbles swapped
def pack(numbers, bits):
    per = 8 // bits
    n, d = numbers.shape
    out = np.zeros((n, -(-d // per)), dtype=np.uint8)
    for j in range(d):
        out[:, j // per] |= (numbers[:, j] << (bits * (j % per))).astype(np.uint8)
    return out


# %% 13.3 | filled in front
def pack(numbers, bits):
    per = 8 // bits
    rest = -numbers.shape[1] % per
    x = np.concatenate([np.zeros((len(numbers), rest), dtype=int), numbers], axis=1)
    x = x.reshape(len(numbers), -1, per)
    return (x << np.arange(8 - bits, -1, -bits)).sum(axis=2).astype(np.uint8)


# %% 13.3 | what is left over is dropped
def pack(numbers, bits):
    per = 8 // bits
    whole = numbers.shape[1] // per
    x = numbers[:, : whole * per].reshape(len(numbers), whole, per)
    return (x << np.arange(8 - bits, -1, -bits)).sum(axis=2).astype(np.uint8)


# %% 13.3 | a byte more
def pack(numbers, bits):
    per = 8 // bits
    n, d = numbers.shape
    x = np.zeros((n, (d // per + 1) * per), dtype=int)
    x[:, :d] = numbers
    return (x.reshape(n, -1, per) << np.arange(8 - bits, -1, -bits)).sum(axis=2).astype(np.uint8)


# %% 13.4 | nibbles swapped
def unpack(packed, bits, d):
    per = 8 // bits
    out = np.zeros((len(packed), d), dtype=int)
    for j in range(d):
        out[:, j] = (packed[:, j // per] >> (bits * (j % per))) & (2**bits - 1)
    return out


# %% 13.4 | not cut
def unpack(packed, bits, d):
    each = (packed[:, :, None] >> np.arange(8 - bits, -1, -bits)) & (2**bits - 1)
    return each.reshape(len(packed), -1).astype(int)


# %% 13.4 | higher bits kept
def unpack(packed, bits, d):
    per = 8 // bits
    out = np.zeros((len(packed), d), dtype=int)
    for j in range(d):
        out[:, j] = packed[:, j // per] >> (8 - bits * (j % per + 1))
    return out


# %% 13.4 | places before bytes
def unpack(packed, bits, d):
    parts = [(packed >> s) & (2**bits - 1) for s in range(8 - bits, -1, -bits)]
    return np.concatenate(parts, axis=1)[:, :d].astype(int)


# %% 13.5 | size of deleted documents kept
def warp_select(scores, clusters, alive, n_probe, t_prime):
    sizes = np.bincount(clusters, minlength=scores.shape[1])
    order = np.argsort(-scores, axis=1, kind="stable")
    missing = []
    for row, own in zip(scores, order, strict=True):
        sums = np.cumsum(sizes[own])
        at = np.searchsorted(sums, t_prime)
        missing.append(row[own[min(at, len(own) - 1)]])
    return order[:, :n_probe], np.array(missing)


# %% 13.5 | more than t'
def warp_select(scores, clusters, alive, n_probe, t_prime):
    sizes = np.bincount(clusters[alive], minlength=scores.shape[1])
    order = np.argsort(-scores, axis=1, kind="stable")
    missing = []
    for row, own in zip(scores, order, strict=True):
        total, value = 0, row[own[-1]]
        for c in own:
            total += sizes[c]
            if total > t_prime:
                value = row[c]
                break
        missing.append(value)
    return order[:, :n_probe], np.array(missing)


# %% 13.5 | sizes by number
def warp_select(scores, clusters, alive, n_probe, t_prime):
    sizes = np.bincount(clusters[alive], minlength=scores.shape[1])
    order = np.argsort(-scores, axis=1, kind="stable")
    at = min(np.searchsorted(np.cumsum(sizes), t_prime), scores.shape[1] - 1)
    return order[:, :n_probe], np.array(
        [row[own[at]] for row, own in zip(scores, order, strict=True)]
    )


# %% 13.5 | best if never reached
def warp_select(scores, clusters, alive, n_probe, t_prime):
    sizes = np.bincount(clusters[alive], minlength=scores.shape[1])
    order = np.argsort(-scores, axis=1, kind="stable")
    at = np.argmax(np.cumsum(sizes[order], axis=1) >= t_prime, axis=1)
    missing = np.sort(scores, axis=1)[:, ::-1][np.arange(len(scores)), at]
    return order[:, :n_probe], missing


# %% 13.5 | 0 where it is never reached
def warp_select(scores, clusters, alive, n_probe, t_prime):
    sizes = np.bincount(clusters[alive], minlength=scores.shape[1])
    order = np.argsort(-scores, axis=1, kind="stable")
    missing = np.zeros(len(scores))
    for i, own in enumerate(order):
        total = 0
        for c in own:
            total += sizes[c]
            if total >= t_prime:
                missing[i] = scores[i, c]
                break
    return order[:, :n_probe], missing


# %% 13.6 | 0 for a miss
def warp_scores(found, missing):
    scores = {}
    for row in found:
        best = {}
        for cluster in row:
            for doc, s in cluster.items():
                best[doc] = max(s, best.get(doc, s))
        for doc, s in best.items():
            scores[doc] = scores.get(doc, 0.0) + s
    return scores


# %% 13.6 | misses added per probe
def warp_scores(found, missing):
    docs = {doc for row in found for cluster in row for doc in cluster}
    scores = dict.fromkeys(sorted(docs), 0.0)
    for row, m in zip(found, missing, strict=True):
        for cluster in row:
            for doc in docs:
                scores[doc] += cluster.get(doc, m)
    return scores


# %% 13.6 | the last one counts
def warp_scores(found, missing):
    best = []
    for row in found:
        best.append({})
        for cluster in row:
            best[-1].update(cluster)
    docs = sorted({doc for one in best for doc in one})
    return {doc: sum(one.get(doc, m) for one, m in zip(best, missing, strict=True)) for doc in docs}


# %% 13.6 | nothing below the miss
def warp_scores(found, missing):
    docs = sorted({doc for row in found for cluster in row for doc in cluster})
    scores = {}
    for doc in docs:
        scores[doc] = 0.0
        for row, m in zip(found, missing, strict=True):
            scores[doc] += max([m] + [cluster[doc] for cluster in row if doc in cluster])
    return scores


# %% 13.6 | below zero is lost
def warp_scores(found, missing):
    docs = sorted({doc for row in found for cluster in row for doc in cluster})
    scores = {}
    for doc in docs:
        scores[doc] = 0.0
        for row, m in zip(found, missing, strict=True):
            best, hit = 0.0, False
            for cluster in row:
                if doc in cluster:
                    best, hit = max(best, cluster[doc]), True
            scores[doc] += best if hit else m
    return scores
