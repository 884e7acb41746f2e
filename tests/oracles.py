"""Naive answers, written from the papers in plain Python loops, without any code under test.

A query is a list of token vectors, a collection a list of documents, each a list of token vectors.
"""

import math
import re

NEVER = -math.inf


def dot(a, b):
    return math.fsum(x * y for x, y in zip(a, b, strict=True))


def maxsim(query, docs, mean=False):
    scores = []
    for doc in docs:
        total = 0.0
        for q in query:
            total += max((dot(q, t) for t in doc), default=NEVER)
        scores.append(total / len(query) if mean else total)
    return scores


def alignment(query, doc):
    """Per query token the first of the best document tokens, and its similarity."""
    pairs = []
    for q in query:
        best = 0
        for j in range(len(doc)):
            if dot(q, doc[j]) > dot(q, doc[best]):
                best = j
        pairs.append((best, dot(q, doc[best])))
    return pairs


def pool(docs):
    return [token for doc in docs for token in doc]


def owners(docs):
    return [i for i, doc in enumerate(docs) for _ in doc]


def best_tokens(query, docs, k):
    """`(ids, similarities)` of the k best pooled tokens per query token, ties to the lower id."""
    ids, sims = [], []
    for q in query:
        found = sorted((-dot(q, t), j) for j, t in enumerate(pool(docs)))[:k]
        ids.append([j for _, j in found])
        sims.append([-s for s, _ in found])
    return ids, sims


def xtr_scores(ids, sims, owner, impute="kth"):
    """`{document: score}` of all candidates, Eqs. (3) and (4)."""
    scores = {}
    for doc in sorted({owner[j] for row in ids for j in row}):
        parts = []
        for row, values in zip(ids, sims, strict=True):
            hits = [s for j, s in zip(row, values, strict=True) if owner[j] == doc]
            if hits:
                parts.append(max(hits))
            elif impute == "kth":
                parts.append(min(values))
            elif impute is not None:
                parts.append(impute)
        scores[doc] = math.fsum(parts) / (len(parts) if impute is None else len(ids))
    return scores


def xtr(query, docs, k_prime, impute="kth"):
    return xtr_scores(*best_tokens(query, docs, k_prime), owners(docs), impute)


def train_scores(query, docs, k_train, eps=1e-3):
    """`(scores, z, mask)` of Eq. (2): a token that was not retrieved counts as 0."""
    ids, _ = best_tokens(query, docs, k_train)
    mask = [[j in row for j in range(len(pool(docs)))] for row in ids]
    scores, z, first = [], [], 0
    for doc in docs:
        total, hit = 0.0, 0
        for i, q in enumerate(query):
            values = [dot(q, t) if mask[i][first + j] else 0.0 for j, t in enumerate(doc)]
            if any(mask[i][first : first + len(doc)]):
                hit += 1
                total += max(values)
        scores.append(total / max(hit, eps))
        z.append(hit)
        first += len(doc)
    return scores, z, mask


def cross_entropy(scores, positive, temperature=1.0):
    scaled = [s / temperature for s in scores]
    top = max(scaled)
    return top + math.log(math.fsum(math.exp(s - top) for s in scaled)) - scaled[positive]


def softmax(scores):
    top = max(scores)
    weights = [math.exp(s - top) for s in scores]
    return [w / math.fsum(weights) for w in weights]


def bm25(query, docs, k1, b):
    texts = [re.findall(r"\w+", doc.lower()) for doc in docs]
    average = sum(map(len, texts)) / len(texts)
    scores = []
    for text in texts:
        total = 0.0
        for word in re.findall(r"\w+", query.lower()):
            n_with = sum(word in other for other in texts)
            f = text.count(word)
            if f:
                idf = math.log(1 + (len(texts) - n_with + 0.5) / (n_with + 0.5))
                total += idf * f * (k1 + 1) / (f + k1 * (1 - b + b * len(text) / average))
        scores.append(total)
    return scores


def ndcg(ranking, relevant, k):
    gain = sum(1 / math.log2(r + 2) for r, doc in enumerate(ranking[:k]) if doc in relevant)
    return gain / sum(1 / math.log2(r + 2) for r in range(min(k, len(relevant))))
