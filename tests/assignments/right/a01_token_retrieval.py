"""Right answers by other routes: `# %% TASK | ROUTE`, then whole functions, as students write."""

# %% 1.1 | einsum and a floor below the lengths
def similarities(tokens, query):
    a = tokens / np.maximum(np.sqrt((tokens ** 2).sum(1)), 1e-300)[:, None]
    b = query / np.maximum(np.sqrt((query ** 2).sum(1)), 1e-300)[:, None]
    return np.einsum("jd,id->ji", a, b)

# %% 1.1 | divide afterwards
def similarities(tokens, query):
    dots = tokens @ query.T
    lengths = np.outer(np.linalg.norm(tokens, axis=1), np.linalg.norm(query, axis=1))
    return np.divide(dots, lengths, out=np.zeros_like(dots), where=lengths > 0)

# %% 1.1 | loops
def similarities(tokens, query):
    P = np.zeros((len(tokens), len(query)))
    for j, t in enumerate(tokens):
        for i, q in enumerate(query):
            if t.any() and q.any():
                P[j, i] = t.dot(q) / (t.dot(t) ** 0.5 * q.dot(q) ** 0.5)
    return P

# %% 1.1 | NaN to zero
def similarities(tokens, query):
    with np.errstate(all="ignore"):
        unit = lambda x: np.nan_to_num(x / np.linalg.norm(x, axis=-1, keepdims=True))
        return np.dot(unit(tokens), unit(query).T)

# %% 1.1 | copies, changed in place
def similarities(tokens, query):
    tokens, query = tokens.astype(float), query.astype(float)
    for x in (tokens, query):
        n = np.hypot.reduce(x, axis=1)
        n[n == 0] = 1
        x /= n[:, np.newaxis]
    return np.inner(tokens, query)

# %% 1.1 | plain Python and lists
import math
def similarities(tokens, query):
    def cos(a, b):
        n = math.sqrt(sum(x * x for x in a) * sum(x * x for x in b))
        return sum(x * y for x, y in zip(a, b)) / n if n else 0.0
    return [[cos(t, q) for q in query] for t in tokens]

# %% 1.1 | only rows that are not zero
def similarities(tokens, query):
    def normed(x):
        y, some = x.copy(), np.any(x != 0, axis=1)
        y[some] = y[some] / np.linalg.norm(y[some], axis=1)[:, None]
        return y
    return np.matmul(normed(tokens), np.transpose(normed(query)))

# %% 1.1 | tensordot
def similarities(tokens, query):
    inverse = [1 / np.where((s := (x * x).sum(axis=1)) > 0, s, 1) ** 0.5 for x in (tokens, query)]
    return np.tensordot(tokens, query, axes=(1, 1)) * inverse[0][:, None] * inverse[1]

# %% 1.1 | apply_along_axis
def unit(v):
    return v / np.linalg.norm(v) if np.linalg.norm(v) else v * 0
def similarities(tokens, query):
    return np.apply_along_axis(unit, 1, tokens) @ np.apply_along_axis(unit, 1, query).T

# %% 1.1 | stack of columns
def similarities(tokens, query):
    lengths = np.linalg.norm(tokens, axis=1)
    lengths = lengths + (lengths == 0)
    return np.stack([tokens @ (q / (np.linalg.norm(q) or 1)) / lengths for q in query], axis=1)

# %% 1.2 | initial of the maximum
def maxsim(similarity, offsets):
    parts = np.split(similarity, offsets[1:-1])
    return np.array([p.max(axis=0, initial=-np.inf).mean() for p in parts])

# %% 1.2 | maximum.at
def maxsim(similarity, offsets):
    owner = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    best = np.full((len(offsets) - 1, similarity.shape[1]), -np.inf)
    np.maximum.at(best, owner, similarity)
    return best.sum(1) / similarity.shape[1]

# %% 1.2 | reduceat over the documents with tokens
def maxsim(similarity, offsets):
    some = np.diff(offsets) > 0
    scores = np.full(len(some), -np.inf)
    if some.any():
        scores[some] = np.maximum.reduceat(similarity, offsets[:-1][some], axis=0).mean(axis=1)
    return scores

# %% 1.2 | a list
def maxsim(similarity, offsets):
    scores = []
    for a, b in zip(offsets, offsets[1:]):
        scores.append(np.mean(np.max(similarity[a:b], axis=0)) if b > a else float("-inf"))
    return scores

# %% 1.2 | a column of -inf
def maxsim(similarity, offsets):
    below = np.full((1, similarity.shape[1]), -np.inf)
    return np.array([np.vstack([below, similarity[a:b]]).max(0).mean()
                     for a, b in zip(offsets[:-1], offsets[1:])])

# %% 1.2 | masks
def maxsim(similarity, offsets):
    j = np.arange(len(similarity))
    mine = (j >= offsets[:-1, None]) & (j < offsets[1:, None])
    return np.where(mine[:, :, None], similarity, -np.inf).max(axis=1, initial=-np.inf).mean(-1)

# %% 1.2 | sorting
def maxsim(similarity, offsets):
    out = np.empty(len(offsets) - 1)
    for d in range(out.size):
        rows = np.sort(similarity[offsets[d]:offsets[d + 1]], axis=0)
        out[d] = np.average(rows[-1]) if rows.size else -np.inf
    return out

# %% 1.2 | try and except
def maxsim(similarity, offsets):
    def score(a, b):
        try:
            return similarity[a:b].max(0).mean()
        except ValueError:
            return -np.inf
    return np.fromiter((score(a, b) for a, b in zip(offsets, offsets[1:])), float)

# %% 1.2 | backwards
def maxsim(similarity, offsets):
    scores = {}
    for i in reversed(range(len(offsets) - 1)):
        s = slice(int(offsets[i]), int(offsets[i + 1]))
        scores[i] = -np.inf if s.start == s.stop else similarity[s].T.max(1).mean()
    return np.array([scores[i] for i in sorted(scores)])

# %% 1.2 | plain Python
def maxsim(similarity, offsets):
    n_q = similarity.shape[1]
    best = [[-np.inf] * n_q for _ in offsets[1:]]
    for d in range(len(offsets) - 1):
        for j in range(offsets[d], offsets[d + 1]):
            for i in range(n_q):
                best[d][i] = max(best[d][i], similarity[j, i])
    return np.array([sum(row) / n_q for row in best])

# %% 1.3 | lexsort
def token_topk(similarity, k_prime):
    n = len(similarity)
    ids = np.array([np.lexsort((np.arange(n), -column)) for column in similarity.T])[:, :k_prime]
    return ids, np.array([similarity[row, i] for i, row in enumerate(ids)])

# %% 1.3 | sorted with a key
def token_topk(similarity, k_prime):
    ids = np.array([sorted(range(len(similarity)), key=lambda j: (-c[j], j))[:k_prime]
                    for c in similarity.T])
    return ids, similarity[ids, np.arange(similarity.shape[1])[:, None]]

# %% 1.3 | again and again the best
def token_topk(similarity, k_prime):
    left = similarity.T.copy()
    rows, ids, sims = np.arange(len(left)), [], []
    for _ in range(min(k_prime, len(similarity))):
        best = left.argmax(1)
        ids.append(best)
        sims.append(left[rows, best])
        left[rows, best] = -np.inf
    return np.array(ids).T, np.array(sims).T

# %% 1.3 | argpartition, then all ties
def token_topk(similarity, k_prime):
    k = min(k_prime, len(similarity))
    ids = []
    for column in similarity.T:
        border = column[np.argpartition(-column, k - 1)[k - 1]]
        some = np.flatnonzero(column >= border)
        ids.append(some[np.argsort(-column[some], kind="stable")][:k])
    ids = np.array(ids)
    return ids, np.take_along_axis(similarity, ids.T, 0).T

# %% 1.3 | turned around twice
def token_topk(similarity, k_prime):
    n = similarity.shape[0]
    order = n - 1 - np.argsort(similarity[::-1].T, axis=1, kind="stable")[:, ::-1]
    ids = order[:, :k_prime]
    return ids, np.take_along_axis(similarity.T, ids, axis=1)

# %% 1.3 | mergesort along the first axis
def token_topk(similarity, k_prime):
    order = np.argsort(-similarity, axis=0, kind="mergesort")
    top = order[:k_prime]
    return top.T, np.take_along_axis(similarity, top, axis=0).T

# %% 1.3 | ranks by counting
def token_topk(similarity, k_prime):
    n, n_q = similarity.shape
    k = min(n, k_prime)
    ids = np.zeros((n_q, k), dtype=int)
    for i in range(n_q):
        c = similarity[:, i]
        rank = (c[None] > c[:, None]).sum(1) + ((c[None] == c[:, None]) & (np.arange(n) < np.arange(n)[:, None])).sum(1)
        for j in range(n):
            if rank[j] < k:
                ids[i, rank[j]] = j
    return ids, similarity[ids, np.arange(n_q)[:, None]]

# %% 1.3 | heapq
import heapq
def token_topk(similarity, k_prime):
    pairs = [heapq.nsmallest(k_prime, [(-s, j) for j, s in enumerate(c)]) for c in similarity.T]
    return (np.array([[j for _, j in row] for row in pairs]),
            np.array([[-s for s, _ in row] for row in pairs]))

# %% 1.3 | lists
def token_topk(similarity, k_prime):
    ids = np.argsort(-similarity.T, axis=-1, kind="stable")[:, :k_prime].tolist()
    return ids, [[similarity[j][i] for j in row] for i, row in enumerate(ids)]

# %% 1.3 | a structured sort
def token_topk(similarity, k_prime):
    out = []
    for c in similarity.T:
        table = np.array([(-s, j) for j, s in enumerate(c)], dtype=[("s", float), ("j", int)])
        out.append(np.sort(table, order=["s", "j"])[:k_prime])
    out = np.array(out)
    return out["j"], -out["s"]

# %% 1.4 | a dictionary
def best_hits(ids, sims, token_to_doc):
    found = {}
    for i, row in enumerate(ids):
        for j, s in zip(row, sims[i]):
            hits = found.setdefault(int(token_to_doc[j]), np.full(len(ids), -np.inf))
            hits[i] = max(hits[i], s)
    candidates = sorted(found)
    return np.array(candidates), np.array([found[c] for c in candidates])

# %% 1.4 | masks
def best_hits(ids, sims, token_to_doc):
    owner = token_to_doc[ids]
    candidates = np.array(sorted(set(owner.ravel().tolist())))
    hit = owner[None] == candidates[:, None, None]
    return candidates, np.where(hit, sims, -np.inf).max(axis=2)

# %% 1.4 | all documents first
def best_hits(ids, sims, token_to_doc):
    n_docs = token_to_doc.max() + 1
    table = np.full((n_docs, len(ids)), -np.inf)
    hit = np.zeros(n_docs, dtype=bool)
    for i in range(len(ids)):
        for p in range(ids.shape[1]):
            d = token_to_doc[ids[i, p]]
            hit[d] = True
            table[d, i] = max(table[d, i], sims[i, p])
    return np.flatnonzero(hit), table[hit]

# %% 1.4 | sort by similarity, the last one stays
def best_hits(ids, sims, token_to_doc):
    order = np.argsort(sims, axis=1)
    d = np.take_along_axis(token_to_doc[ids], order, 1)
    s = np.take_along_axis(sims, order, 1)
    candidates = np.unique(d)
    best = np.full((candidates.size, len(ids)), -np.inf)
    for i in range(len(ids)):
        best[np.searchsorted(candidates, d[i]), i] = s[i]
    return candidates, best

# %% 1.4 | searchsorted and a flat index
def best_hits(ids, sims, token_to_doc):
    d = token_to_doc[ids.ravel()]
    candidates = np.unique(d)
    flat = np.full(len(candidates) * len(ids), -np.inf)
    where = np.searchsorted(candidates, d) * len(ids) + np.repeat(np.arange(len(ids)), ids.shape[1])
    np.maximum.at(flat, where, sims.ravel())
    return candidates, flat.reshape(len(candidates), len(ids))

# %% 1.4 | column by column
def best_hits(ids, sims, token_to_doc):
    candidates = np.unique(token_to_doc[ids])
    columns = []
    for i in range(len(ids)):
        d = token_to_doc[ids[i]]
        columns.append([max(sims[i][d == c], default=-np.inf) for c in candidates])
    return candidates, np.array(columns).T

# %% 1.4 | through all tokens
def best_hits(ids, sims, token_to_doc):
    n = len(token_to_doc)
    dense = np.full((n, len(ids)), -np.inf)
    for i in range(len(ids)):
        dense[ids[i], i] = sims[i]
    candidates = np.unique(token_to_doc[np.unique(ids)])
    return candidates, np.array([dense[token_to_doc == c].max(0) for c in candidates])

# %% 1.4 | groupby
from itertools import groupby
def best_hits(ids, sims, token_to_doc):
    hits = sorted((int(token_to_doc[j]), i, s) for i in range(len(ids)) for j, s in zip(ids[i], sims[i]))
    candidates, rows = [], []
    for d, group in groupby(hits, key=lambda hit: hit[0]):
        row = [-np.inf] * len(ids)
        for _, i, s in group:
            row[i] = s
        candidates.append(d)
        rows.append(row)
    return candidates, rows

# %% 1.4 | initial
def best_hits(ids, sims, token_to_doc):
    d = token_to_doc[ids]
    candidates = np.unique(d)
    best = np.stack([sims.max(axis=1, initial=-np.inf, where=d == c) for c in candidates])
    return candidates, best

# %% 1.4 | lexsort and the first of each
def best_hits(ids, sims, token_to_doc):
    i = np.broadcast_to(np.arange(len(ids))[:, None], ids.shape).ravel()
    d, s = token_to_doc[ids].ravel(), sims.ravel()
    order = np.lexsort((s, i, d))
    candidates, c = np.unique(d[order], return_inverse=True)
    best = np.full((len(candidates), len(ids)), -np.inf)
    best[c, i[order]] = s[order]
    return candidates, best

# %% 1.5 | masked
def xtr_scores(best, sims):
    filled = best.copy()
    rows, columns = np.nonzero(best == -np.inf)
    filled[rows, columns] = sims.min(axis=1)[columns]
    return filled.mean(axis=1)

# %% 1.5 | loops
def xtr_scores(best, sims):
    scores = []
    for row in best:
        total = 0.0
        for i, value in enumerate(row):
            total += min(sims[i]) if value == -np.inf else value
        scores.append(total / len(row))
    return scores

# %% 1.5 | nanmean of two
def xtr_scores(best, sims):
    known = np.where(np.isneginf(best), 0, best).sum(axis=1)
    return (known + np.isneginf(best) @ np.min(sims, 1)) / best.shape[1]

# %% 1.5 | choose
def xtr_scores(best, sims):
    return np.choose(np.isfinite(best), [np.amin(sims, axis=-1), best]).mean(-1)

# %% 1.5 | putmask
def xtr_scores(best, sims):
    filled = np.array(best)
    np.putmask(filled, filled == -np.inf, np.broadcast_to(sims.min(axis=1), best.shape))
    return filled.sum(axis=1) / len(sims)

# %% 1.5 | copyto
def xtr_scores(best, sims):
    filled = np.empty_like(best)
    filled[:] = np.sort(sims, axis=1)[:, 0]
    np.copyto(filled, best, where=best > -np.inf)
    return np.average(filled, axis=1)

# %% 1.5 | column by column
def xtr_scores(best, sims):
    total = np.zeros(len(best))
    for i, column in enumerate(best.T):
        total += np.where(column == -np.inf, sims[i].min(), column)
    return total / len(sims)

# %% 1.5 | select
def xtr_scores(best, sims):
    worst = np.minimum.reduce(sims, axis=1)
    return np.select([best != -np.inf], [best], default=worst).mean(axis=1)

# %% 1.5 | a masked array
def xtr_scores(best, sims):
    bound = np.tile(sims.min(1), (len(best), 1))
    return np.ma.masked_invalid(best).filled(0).mean(1) + np.where(np.isinf(best), bound, 0).mean(1)

# %% 1.5 | transposed
def xtr_scores(best, sims):
    m = sims.min(axis=1)
    return np.array([[b if np.isfinite(b) else m[i] for i, b in enumerate(row)] for row in best.tolist()]).T.mean(0)
