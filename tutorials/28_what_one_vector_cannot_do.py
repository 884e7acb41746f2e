# %% [markdown]
# # What one vector cannot do: LIMIT
#
# Let every pair of documents be the answer to some question. How many documents can vectors of $d$
# numbers tell apart? A paper says: few, whatever the encoder. We train the vectors on the test itself, as
# it does; look at the geometry, which says something else; and then ask a real encoder.
#
# **You will be able to**
#
# - say which pairs a point set can answer, and why three points is all that a plane does,
# - train vectors on the test itself, and read its recall,
# - write down four numbers for every document that answer every pair,
# - tell apart what is about representing, about margins, and about optimising.
#
# Needs: [token retrieval](01_token_retrieval.md). About 40 minutes.

# %%
import matplotlib.pyplot as plt
import numpy as np

from tokenlab import record
from tokenlab.data import load_limit
from tokenlab.numerics import topk
from tokenlab.retrieval import bm25_scores, maxsim, ndcg, pooled_scores
from tokenlab.retrieval.limit import (
    critical_n,
    dense_qrels,
    free_embeddings,
    make_limit_texts,
    margin_bound,
    moment_curve_embedding,
    pair_recall,
)

plt.rcParams.update({"figure.dpi": 110, "font.size": 9, "axes.spines.top": False})
plt.rcParams.update({"axes.spines.right": False, "figure.constrained_layout.use": True})

# %% [markdown]
# ## 1. By hand: points on a circle
#
# A question is a direction, and its answers are the documents that lie furthest in it. In the plane turn the
# direction once around: which two documents are the furthest?

# %%
turns = np.linspace(0, 2 * np.pi, 3600, endpoint=False)
directions = np.stack([np.cos(turns), np.sin(turns)], axis=1)
for n in (3, 4, 5):
    t = 2 * np.pi * np.arange(n) / n + 0.1
    docs = np.stack([np.cos(t), np.sin(t)], axis=1)
    pairs = {tuple(sorted(row)) for row in topk(directions @ docs.T, 2).ids.tolist()}
    print(f"{n} documents: {len(pairs)} of {n * (n - 1) // 2} pairs: {sorted(pairs)}")
    assert len(pairs) == n

# %% [markdown]
# Only neighbours: two corners of a polygon are the furthest together if a side joins them. All pairs are
# sides only in a triangle. In three dimensions sides become edges, and all pairs are edges only of a
# pyramid with four corners. Drag the points yourself: [which pairs can be answered](../explore/pairs.md).
#
# ## 2. Vectors trained on the test
#
# No text, no model: a vector for each question and each document, trained until every question finds its
# two. The loss is a softmax over documents; after each step vectors are scaled to length one.


# %%
def train(qrels, n, d, steps, rng, rate=0.5):
    rng = np.random.default_rng(rng)
    norm = lambda x: x / np.linalg.norm(x, axis=1, keepdims=True)  # noqa: E731
    u, v = norm(rng.standard_normal((len(qrels), d))), norm(rng.standard_normal((n, d)))
    wanted = np.zeros((len(qrels), n))
    wanted[np.arange(len(qrels))[:, None], qrels] = 1 / qrels.shape[1]
    for _ in range(steps):
        logits = u @ v.T / 0.1
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        u, v = norm(u - rate * (p - wanted) @ v), norm(v - rate * (p - wanted).T @ u / n)
    return u, v


for n in (3, 4):
    best = max(
        pair_recall(*train(dense_qrels(n), n, 2, 400, seed), dense_qrels(n)) for seed in range(5)
    )
    print(f"plain descent, {n} documents, two numbers: best recall {best:.3f}")

# %%
for n, d in ((3, 2), (4, 2), (4, 3), (5, 3), (7, 4)):
    runs = [free_embeddings(dense_qrels(n), d, iters=1500, rng=seed) for seed in range(3)]
    best = max(run.best_recall for run in runs)
    print(
        f"Adam, {n} documents, {d} numbers: best recall {best:.3f}, the cubic {critical_n(d):.1f}"
    )
four = max(free_embeddings(dense_qrels(4), 2, iters=600, rng=s).best_recall for s in range(4))
print(f"four documents, two numbers, four seeds: {four:.3f}")
assert abs(four - 10 / 12) < 1e-9  # the two diagonals of a square find one of their two each

# %% [markdown]
# With several seeds and longer runs it solves 3, 4 and 9 documents with two, three and four numbers
# (`tools/findings/fewer_vectors.py critical`). The paper's cubic, fitted to such runs, says -2.2, 2.1 and
# 6.7, and 4 million for 1,024 numbers: far outside of what was run.
#
# ## 3. Four numbers answer every pair
#
# Put document $i$ at $t_i$ on a circle that is wound twice: $(\cos t, \sin t, \cos 2t, \sin 2t) / \sqrt 2$.
# For the pair $a$, $b$ take the wave $(1 - \cos(t - t_a)) (1 - \cos(t - t_b))$. It is 0 at both, and above
# 0 everywhere else. It is made of the four functions and a constant; turned upside down it is a question
# for which the two are best.

# %% alt="A wave over the circle that touches zero at two marked documents and lies above it at the eight others"
t = 2 * np.pi * np.arange(10) / 10
fine = np.linspace(0, 2 * np.pi, 400)
wave = lambda x: (1 - np.cos(x - t[2])) * (1 - np.cos(x - t[5]))  # noqa: E731
figure, ax = plt.subplots(figsize=(6, 2.4))
ax.plot(fine, wave(fine), color="0.45")
ax.plot(t, wave(t), "o", color="0.45", label="documents")
ax.plot(t[[2, 5]], wave(t[[2, 5]]), "s", color="#00224e", label="the pair")
ax.set(xlabel="place on the circle", ylabel="wave")
ax.legend()
plt.show()

# %%
s = 2 * np.pi * np.arange(5) / 5  # a wave of degree two is known from five values
curve = lambda x: np.stack([np.cos(x), np.sin(x), np.cos(2 * x), np.sin(2 * x)], 1) / np.sqrt(2)  # noqa: E731
question = -wave(s) @ curve(s)
print("best two:", np.sort(np.argsort(-(curve(t) @ question))[:2]).tolist())
with record() as steps:
    queries, docs = moment_curve_embedding(dense_qrels(10))
np.testing.assert_allclose(docs, curve(t), atol=1e-6)
for n in (9, 10, 46, 100):
    qrels = dense_qrels(n)
    print(
        f"{n:3} documents, 4 numbers: recall {pair_recall(*moment_curve_embedding(qrels), qrels)}"
    )
    assert pair_recall(*moment_curve_embedding(qrels), qrels) == 1
steps

# %% [markdown]
# So it is not that four numbers cannot *represent* every pair. What is it then? Two things. The margin:
# how far the second best lies above the third.

# %%
for n in (10, 20, 46, 100):
    qrels = dense_qrels(n)
    queries, docs = moment_curve_embedding(qrels, dtype=np.float64)
    ordered = np.sort(queries @ docs.T, axis=1)
    gap = (ordered[:, -2] - ordered[:, -3]).min()
    print(
        f"{n:3} documents: smallest gap {gap:.1e}, bound on d for it {margin_bound(n, 2, gap / 2):.2f}"
    )
print("with a gap of 0.2, 46 documents:", f"at least {margin_bound(46, 2, 0.1):.1f} numbers")

# %% [markdown]
# It shrinks like $n^{-4}$, so that any rounding or noise of an encoder drowns it. And optimising: the
# solution exists for 46 documents, and gradient descent does not find it for 10.
#
# ## 4. A real encoder
#
# People like things; each thing is liked by exactly two. 46 people, 1,000 questions, token vectors of
# MiniLM, whose mean has 64 numbers here: room enough, as we saw.

# %%
limit = load_limit()
print(limit.docs[0][:90], "...")
print(limit.query_texts[0], limit.qrels[0].tolist())
some = range(0, 1000, 10)
methods = {
    "one pooled vector": lambda i: pooled_scores(limit.queries[i], limit.index),
    "MaxSim, every token": lambda i: maxsim(limit.queries[i], limit.index),
    "BM25, words": lambda i: bm25_scores(limit.query_texts[i], limit.docs),
}
found = {}
for name, score in methods.items():
    best = [topk(score(i), 10).ids for i in some]
    found[name] = np.mean(
        [ndcg(b, limit.qrels[i].tolist(), 10) for i, b in zip(some, best, strict=True)]
    )
    print(f"{name:20} nDCG@10 {found[name]:.3f}")
assert found["one pooled vector"] < 0.4
assert found["MaxSim, every token"] > 0.9

# %% [markdown]
# The pooled vector fails with 64 numbers where four would do: it is an average over 45 things, and was
# trained for what texts are about, not for what they list. MaxSim looks at single words.
#
# ## Why not just ...
#
# **... read the cubic as a law?** It is negative for two numbers, where three documents work:

# %%
print([round(critical_n(d), 1) for d in (2, 3, 4)], "against 3, 4 and any number by geometry")
assert critical_n(2) < 0

# %% [markdown]
# ## Exercises
#
# 1. *Easy.* How many numbers does the construction need for every set of three documents? Check it.
# 2. *Medium.* Start `train` of section 2 from the curve instead of at random, with 12 documents and four
#    numbers. Does it stay at recall 1? What does that say about the loss?
# 3. *Open.* Write a larger collection (`make_limit_texts(46, distractors=200)`). Which of the three
#    methods suffers, and why?
#
# Next: [fewer vectors per document](27_fewer_vectors_per_document.md);
# [`limit`](../api/retrieval.md) for every argument.

# %% answer="Exercise 1"
triples = dense_qrels(12, 3)
queries, docs = moment_curve_embedding(triples)
print(docs.shape[1], "numbers, recall", pair_recall(queries, docs, triples))
print(make_limit_texts(4, rng=0).docs[0])
