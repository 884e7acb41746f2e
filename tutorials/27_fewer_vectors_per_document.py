# %% [markdown]
# # Fewer vectors per document: CRISP, token pooling, MUVERA
#
# A vector for every token finds much, and weighs much. Here the vectors of a document become fewer: by
# taking some, by clustering them, by training with the clustering inside, and by one long vector in
# place of all. We build each from nothing and measure it on real questions.
#
# **You will be able to**
#
# - cluster a document's tokens, and say why that can only lower its score,
# - say what scaling the means to length one changes, and how much that is worth,
# - take a gradient through a clustering,
# - encode a document in one vector of fixed size, and say when that is smaller than its tokens.
#
# Needs: [token retrieval](01_token_retrieval.md), [k-means](08_k_means.md). About 45 minutes.

# %%
import matplotlib.pyplot as plt
import numpy as np

from tokenlab.autograd import gradcheck
from tokenlab.data import load_faq
from tokenlab.numerics import topk, unit
from tokenlab.quantization import kmeans
from tokenlab.retrieval import FDE, TokenIndex, maxsim, muvera_search, ndcg, pool_index, recall
from tokenlab.retrieval.crisp import Pooled, cluster_tokens, k_spacing, loss, preset, tail, ward
from tokenlab.tour.retrieval_pooling import crisp_steps

plt.rcParams.update({"figure.dpi": 110, "font.size": 9, "axes.spines.top": False})
plt.rcParams.update({"axes.spines.right": False, "figure.constrained_layout.use": True})
faq = load_faq()

# %% [markdown]
# ## 1. By hand: four tokens, two means
#
# The closest tokens are the first two and the last two. Their means are shorter than one, since their
# tokens do not quite agree:

# %%
doc = np.array([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0], [-0.6, 0.8]])
codes = np.array([0, 0, 1, 1])
means = np.stack([doc[codes == code].mean(axis=0) for code in (0, 1)])
print(
    "means:", means.round(2).tolist(), " lengths:", np.linalg.norm(means, axis=1).round(4).tolist()
)
query = np.eye(2)
print("all tokens:", (query @ doc.T).max(axis=1).sum())
print("two means: ", (query @ means.T).max(axis=1).sum().round(3))

# %% [markdown]
# The score went from 2 down to 1.8, and it could not have gone up: a product with a mean is the mean of
# the products, and a mean is at most the largest. That holds for any document and any clusters.


# %%
def cluster(x, k, rng):
    if k >= len(x):
        return x, np.arange(len(x))
    used, codes = np.unique(kmeans.fit(x, k, tol=0, rng=rng).codes, return_inverse=True)
    return np.stack([x[codes == code].mean(axis=0) for code in range(len(used))]), codes


mine, _ = cluster(faq.index.doc(5), 8, 0)
np.testing.assert_allclose(mine, cluster_tokens(faq.index.doc(5), 8, rng=0).tokens, atol=1e-6)
for i in range(20):
    before = (faq.queries[i] @ faq.index.doc(i).T).max(axis=1).sum()
    after = (faq.queries[i] @ cluster(faq.index.doc(i), 8, 0)[0].T).max(axis=1).sum()
    assert after <= before + 1e-5

# %% [markdown]
# ## 2. One answer with its words
#
# Which words of an answer fall together? Step through it: each cluster is called by its first words.

# %%
steps = crisp_steps(5)
steps

# %% [markdown]
# ## 3. What it costs in rank
#
# Documents alone are pooled, the questions keep their tokens. `tail` takes the last tokens, `k_spacing`
# every second or fourth, k-means and Ward's hierarchy cluster.


# %%
def scored(index):
    best = [topk(maxsim(query, index), 10).ids for query in faq.queries]
    return np.mean([ndcg(ids, [i], 10) for i, ids in enumerate(best)])


ways = {
    "the last 8": lambda x, rng=None: tail(x, 8),
    "k-means, 8": lambda x, rng=None: cluster_tokens(x, 8, rng=rng),
    "Ward, 8": lambda x, rng=None: ward(x, 8),
    "every fourth": lambda x, rng=None: k_spacing(x, 4),
    "Ward, a quarter": lambda x, rng=None: ward(x, 0.25),
}
small = {name: pool_index(faq.index, pool, rng=0) for name, pool in ways.items()}
plain = {name: scored(index) for name, index in small.items()}
whole = scored(faq.index)
print(f"{'all tokens':20} {whole:.3f}")
for name, index in small.items():
    print(f"{name:20} {plain[name]:.3f}  size {index.n_tokens / faq.index.n_tokens:.3f}")

# %% [markdown]
# ## 4. Means of length one
#
# A mean is the shorter, the less its tokens agree. So a document's mixed clusters count less; the paper
# leaves it so. Divide each mean by its length instead:

# %%
better = {}
for name, index in small.items():
    better[name] = scored(TokenIndex(unit(index.tokens), index.offsets))
    print(f"{name:20} {plain[name]:.3f} -> {better[name]:.3f}")
assert better["k-means, 8"] > plain["k-means, 8"] + 0.04
assert abs(better["the last 8"] - plain["the last 8"]) < 1e-3  # single tokens have length one

# %% alt="Bars of nDCG@10: in each pair the means of length one are higher, by five hundredths with eight vectors a document; the last tokens and every fourth do not change; a line marks all tokens"
figure, ax = plt.subplots(figsize=(6, 2.6))
at = np.arange(len(ways))
ax.bar(at - 0.2, plain.values(), 0.4, color="0.65", label="as they are")
ax.bar(at + 0.2, better.values(), 0.4, color="#00224e", label="of length one")
ax.axhline(whole, color="0.2", lw=0.8, ls="--")
ax.set_xticks(at, [name.replace(", ", "\n") for name in ways])
ax.set(ylim=(0.7, 0.92), ylabel="nDCG@10")
ax.legend(loc="upper left", ncols=2)
plt.show()

# %% [markdown]
# That is worth more than the choice of the clustering, and free. It gives up one thing: the score can now
# rise above that of all tokens.
#
# ## 5. A gradient through the clusters
#
# CRISP trains the encoder with the clustering inside. A cluster is a constant: the gradient passes through
# the means alone. Here the "encoder" is one matrix over frozen vectors:

# %%
rows = [0, 1, 2]
queries, docs = [faq.queries[i] for i in rows], [faq.index.doc(i) for i in rows]
query_codes = [cluster_tokens(x, 4, rng=0).codes for x in queries]
doc_codes = [cluster_tokens(x, 8, rng=0).codes for x in docs]


def few(params):  # a 64 x 3 corner of it, so that differences are quick
    return loss(params, queries, docs, query_codes, doc_codes, temperature=0.5)


start = {"weight": np.random.default_rng(0).standard_normal((64, 3)) / 8}
gap = gradcheck(few, start)
print("worst difference from central differences:", f"{gap:.1e}")
assert gap < 1e-5

# %% [markdown]
# Sixty steps of that on three quarters of the questions take minutes; `tools/findings/fewer_vectors.py`
# does them, and [the findings](findings.md) show what came out: training with the clusters inside gains
# a lot, training without and clustering afterwards little, and part of the gain is had by length one.
#
# ## 6. One long vector instead
#
# MUVERA cuts space by random planes. In each block the query's tokens are added up, the document's
# averaged; an empty block takes the token that lies nearest in bits.


# %%
def encode(x, planes, is_query):
    bits = x @ planes > 0  # (n, k_sim)
    out = []
    for block in range(2 ** planes.shape[1]):
        code = [(block >> j) & 1 for j in reversed(range(planes.shape[1]))]
        inside = (bits == code).all(axis=1)
        if is_query:
            out.append(x[inside].sum(axis=0))
        elif inside.any():
            out.append(x[inside].mean(axis=0))
        else:
            out.append(x[(bits != code).sum(axis=1).argmin()])
    return np.concatenate(out)


fde = FDE(64, k_sim=3, repetitions=1, rng=0)
np.testing.assert_allclose(
    encode(faq.index.doc(5), fde.planes[0], False), fde.encode_docs(faq.index)[5], atol=1e-5
)
np.testing.assert_allclose(
    encode(faq.queries[5], fde.planes[0], True), fde.encode_query(faq.queries[5]), atol=1e-5
)

# %% [markdown]
# One repetition is rough; many come nearer, and grow:

# %%
exact = [topk(maxsim(query, faq.index), 10).ids.tolist() for query in faq.queries]
per_doc = faq.index.n_tokens / faq.index.n_docs * faq.index.d
for k_sim, repetitions in ((2, 1), (3, 5), (4, 10)):
    fde = FDE(64, k_sim=k_sim, d_proj=8, repetitions=repetitions, rng=0)
    encoded = fde.encode_docs(faq.index)
    found = [
        muvera_search(q, faq.index, fde, encoded, k=10, n_candidates=20).doc_ids
        for q in faq.queries
    ]
    share = np.mean([recall(f, e, 10) for f, e in zip(found, exact, strict=True)])
    print(f"k_sim {k_sim}, {repetitions:2} repetitions: {fde.dim:5} numbers, recall@10 {share:.3f}")
print(f"the tokens themselves: {per_doc:.0f} numbers a document")

# %% [markdown]
# ## Why not just ...
#
# **... pad every document to eight rows with zeros?** A row of zeros scores 0, and wins wherever all
# similarities are below 0:

# %%
away = -np.abs(np.random.default_rng(0).standard_normal((3, 2)))
padded = np.concatenate([away, np.zeros((1, 2))])
print("without padding:", (np.eye(2) @ away.T).max(axis=1).sum().round(3))
print("with padding:   ", (np.eye(2) @ padded.T).max(axis=1).sum())
assert (np.eye(2) @ padded.T).max(axis=1).sum() == 0

# %% [markdown]
# **... compare scores of different variants?** A query of 4 vectors is a sum of 4 terms, one of 14 tokens
# of 14. Compare rankings.

# %%
for name in ("C4x8", "C8x32"):
    pooled = preset(name).query(faq.queries[0], rng=0)
    assert isinstance(pooled, Pooled)
    print(name, len(pooled.tokens), "terms:", f"{maxsim(pooled.tokens, faq.index)[0]:.2f}")

# %% [markdown]
# ## Exercises
#
# 1. *Easy.* How many vectors does `C25` keep of texts of 1, 3, 4 and 10 tokens? What would the paper's
#    floor say for the first two?
# 2. *Medium.* Protect [CLS] (`ward(x, 8, protect=1)`). Is nDCG@10 better than with nine clusters?
# 3. *Open.* Cluster by k-means on the unit sphere (`kmeans.fit(..., spherical=True)`). Does it gain
#    anything over scaling the means afterwards?
#
# Next: [what one vector cannot do](28_what_one_vector_cannot_do.md);
# [`crisp`](../api/retrieval.md) for every argument.

# %% answer="Exercise 1"
print([len(preset("C25").doc(faq.index.doc(0)[:n]).tokens) for n in (1, 3, 4, 10)])
print("the floor:", [n // 4 for n in (1, 3, 4, 10)])
