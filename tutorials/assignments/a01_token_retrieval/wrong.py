"""Wrong answers as students write them: `# %% TASK | HINT`, then the function with its mistake."""

import numpy as np

from tokenlab import step


# %% 1.1 | not normalised
def similarities(tokens, query):
    similarity = np.einsum("jd,id->ji", tokens, query)
    return step("similarity", similarity)


# %% 1.1 | norm over the wrong axis
def similarities(tokens, query):
    tokens = tokens / np.sqrt((tokens**2).sum(axis=0))
    query = query / np.sqrt((query**2).sum(axis=0))
    similarity = tokens @ query.T
    return step("similarity", similarity)


# %% 1.1 | division by zero
def similarities(tokens, query):
    a = tokens / np.linalg.norm(tokens, axis=1)[:, None]
    b = query / np.linalg.norm(query, axis=1)[:, None]
    return step("similarity", a @ b.T)


# %% 1.1 | transposed
def similarities(tokens, query):
    def scale(x):
        n = np.linalg.norm(x, axis=1, keepdims=True)
        n[n == 0] = 1
        return x / n

    similarity = scale(query) @ scale(tokens).T
    return step("similarity", similarity)


# %% 1.1 | query not normalised
def similarities(tokens, query):
    lengths = np.sqrt(np.sum(tokens * tokens, axis=1))
    lengths[lengths == 0] = 1.0
    similarity = (tokens @ query.T) / lengths[:, None]
    return step("similarity", similarity)


# %% 1.1 | exception
def similarities(tokens, query):
    lengths = np.linalg.norm(tokens, axis=1, keepdims=True)
    tokens = tokens / np.maximum(lengths, 1e-12)
    similarity = tokens @ query
    return step("similarity", similarity)


# %% 1.1 | changed input
def similarities(tokens, query):
    for x in (tokens, query):
        lengths = np.linalg.norm(x, axis=1, keepdims=True)
        lengths[lengths == 0] = 1
        x /= lengths
    x[0, 0] += 1e-3
    return step("similarity", tokens @ query.T)


# %% 1.1 | norm over the wrong axis
def similarities(tokens, query):
    tokens = tokens / np.linalg.norm(tokens, axis=0, keepdims=True)
    query = query / np.linalg.norm(query, axis=1, keepdims=True)  # and no guard against zeros
    return step("similarity", tokens @ query.T)


# %% 1.2 | sum for mean
def maxsim(similarity, offsets):
    scores = []
    for start, end in zip(offsets[:-1], offsets[1:]):
        if end == start:
            scores.append(-np.inf)
        else:
            scores.append(similarity[start:end].max(axis=0).sum())
    return np.array(scores)


# %% 1.2 | wrong axis
def maxsim(similarity, offsets):
    scores = np.full(len(offsets) - 1, -np.inf)
    for i in range(len(scores)):
        part = similarity[offsets[i] : offsets[i + 1], :]
        if part.size > 0:
            scores[i] = np.mean(np.max(part, axis=1))
    return step("scores", scores)


# %% 1.2 | zero for an empty document
def maxsim(similarity, offsets):
    best = np.zeros((len(offsets) - 1, similarity.shape[1]))
    for i in range(len(offsets) - 1):
        rows = similarity[offsets[i] : offsets[i + 1]]
        if len(rows):
            best[i] = rows.max(axis=0)
    best = step("best match", best)
    scores = best.mean(axis=1)
    return step("scores", scores)


# %% 1.2 | exception
def maxsim(similarity, offsets):
    best = np.array([similarity[a:b].max(0) for a, b in zip(offsets, offsets[1:])])
    best = step("best match", best)
    scores = best.mean(axis=1)
    return step("scores", scores)


# %% 1.2 | shape
def maxsim(similarity, offsets):
    best = []
    for i in range(len(offsets) - 2):
        rows = similarity[offsets[i] : offsets[i + 1]]
        best.append(rows.max(axis=0) if len(rows) else np.full(similarity.shape[1], -np.inf))
    best = step("best match", np.array(best))
    return step("scores", best.mean(axis=1))


# %% 1.2 | neighbour of an empty document
def maxsim(similarity, offsets):
    best = step("best match", np.maximum.reduceat(similarity, offsets[:-1], axis=0))
    scores = best.mean(axis=1)
    return step("scores", scores)


# %% 1.2 | one row too many
def maxsim(similarity, offsets):
    scores = []
    for i in range(len(offsets) - 1):
        end = offsets[i + 1] + 1
        scores.append(np.mean(similarity[offsets[i] : end].max(axis=0)))
    return np.array(scores)


# %% 1.3 | worst first
def token_topk(similarity, k_prime):
    ids = similarity.argsort(axis=0, kind="stable").T[:, :k_prime]
    ids = step("ids", ids)
    sims = np.take_along_axis(similarity.T, ids, axis=1)
    return ids, step("sims", sims)


# %% 1.3 | one too few
def token_topk(similarity, k_prime):
    ids = np.argsort(-similarity, axis=0, kind="stable")[: k_prime - 1].T
    sims = np.take_along_axis(similarity.T, ids, axis=1)
    return ids, sims


# %% 1.3 | ties to the higher token
def token_topk(similarity, k_prime):
    order = np.argsort(similarity.T, axis=1, kind="stable")
    order = np.flip(order, axis=1)
    ids = order[:, :k_prime]
    rows = np.arange(len(ids))[:, None]
    return ids, similarity.T[rows, ids]


# %% 1.3 | transposed
def token_topk(similarity, k_prime):
    ids = np.argsort(-similarity, axis=0, kind="stable")[:k_prime]
    sims = np.take_along_axis(similarity, ids, axis=0)
    return ids, sims


# %% 1.3 | ascending
def token_topk(similarity, k_prime):
    ids = np.argsort(similarity.T, kind="stable")[:, -k_prime:]
    sims = np.sort(similarity.T)[:, -k_prime:]
    return ids, sims


# %% 1.3 | wrong axis
def token_topk(similarity, k_prime):
    ids = np.argsort(-similarity, axis=1, kind="stable")[:, :k_prime]
    ids = step("ids", ids)
    sims = np.take_along_axis(similarity, ids, axis=1)
    return ids, step("sims", sims)


# %% 1.4 | last hit wins
def best_hits(ids, sims, token_to_doc):
    docs = token_to_doc[ids]
    candidates, where = np.unique(docs, return_inverse=True)
    where = where.reshape(docs.shape)
    best = np.full((len(candidates), len(ids)), -np.inf)
    for i in range(len(ids)):
        best[where[i], i] = sims[i]
    return candidates, step("best hit", best)


# %% 1.4 | zero for no hit
def best_hits(ids, sims, token_to_doc):
    candidates = sorted(set(token_to_doc[ids].ravel()))
    best = np.zeros((len(candidates), len(ids)))
    for i, row in enumerate(ids):
        for r, token in enumerate(row):
            c = candidates.index(token_to_doc[token])
            if sims[i, r] > best[c, i]:
                best[c, i] = sims[i, r]
    return np.array(candidates), best


# %% 1.4 | every document
def best_hits(ids, sims, token_to_doc):
    n_docs = token_to_doc.max() + 1
    best = np.full((n_docs, len(ids)), -np.inf)
    for i in range(ids.shape[0]):
        np.maximum.at(best[:, i], token_to_doc[ids[i]], sims[i])
    return np.arange(n_docs), best


# %% 1.4 | hits added up
def best_hits(ids, sims, token_to_doc):
    candidates = np.unique(token_to_doc[ids])
    best = np.zeros((len(candidates), len(ids)))
    for i in range(len(ids)):
        c = np.searchsorted(candidates, token_to_doc[ids[i]])
        np.add.at(best, (c, i), sims[i])
    return candidates, best


# %% 1.4 | order of appearance
def best_hits(ids, sims, token_to_doc):
    table = {}
    for i in range(len(ids)):
        for token, s in zip(ids[i], sims[i]):
            row = table.setdefault(token_to_doc[token], np.full(len(ids), -np.inf))
            row[i] = max(row[i], s)
    return np.array(list(table)), np.array(list(table.values()))


# %% 1.5 | zero imputed
def xtr_scores(best, sims):
    filled = best.copy()
    filled[filled == -np.inf] = 0
    return filled.mean(axis=1)


# %% 1.5 | one bound for all
def xtr_scores(best, sims):
    missing = step("missing", np.min(sims))
    filled = step("filled in", np.where(best == -np.inf, missing, best))
    return step("scores", filled.mean(axis=1))


# %% 1.5 | mean over the hits
def xtr_scores(best, sims):
    masked = np.ma.masked_invalid(best)
    return masked.mean(axis=1).filled(0)


# %% 1.5 | last column
def xtr_scores(best, sims):
    missing = step("missing", sims[:, -1])
    filled = np.where(np.isfinite(best), best, missing[None, :])
    return np.sum(filled, axis=1) / filled.shape[1]


# %% 1.5 | missing normaliser
def xtr_scores(best, sims):
    missing = sims.min(axis=1)
    filled = np.maximum(best, missing)
    return filled.sum(axis=1)


# %% 1.5 | best imputed
def xtr_scores(best, sims):
    missing = sims.max(1)
    filled = np.where(np.isinf(best), missing, best)
    return step("scores", filled.mean(1))
