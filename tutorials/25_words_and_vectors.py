# %% [markdown]
# # Words and vectors
#
# One vector for a whole text says what it is about, and forgets which words it had. Two papers put
# the words back: DupMAE beside the vector, LexSemBridge into it. Here both are built from nothing, on
# the questions of the Python FAQ, and compared with methods that look at words anyway.
#
# **You will be able to**
#
# - make the bag of a text from its tokens' states, and say in which words it differs from the text,
# - rank by a vector and a few words, and show why only the document may be sparse,
# - modulate a query's vector by its words, and say what stays the same,
# - give controls that a claim about words must beat.
#
# Needs: vectors, softmax, [token retrieval](01_token_retrieval.md). About 40 minutes.

# %%
import re
from collections import Counter

import matplotlib.pyplot as plt
import numpy as np

from tokenlab.data import load_faq
from tokenlab.models.layers import softmax
from tokenlab.numerics import topk, unit
from tokenlab.retrieval import BM25, maxsim, ndcg
from tokenlab.retrieval.dupmae import (
    DupIndex,
    bag_logits,
    bow_loss,
    decoder_mask,
    encoder_mask,
    scores,
    sparsify,
)
from tokenlab.retrieval.lexsembridge import enhance, info_nce, modulation, slr, slr_modulation
from tokenlab.tour.retrieval_words import dupmae_steps, words
from tokenlab.training import train

faq, known = load_faq(), words()
names, weight = known.names, known.weight  # wordpieces of the answers, and a vector of each
print(f"{len(faq)} questions and answers, {len(names):,} words, vectors of {weight.shape[0]}")

# %% [markdown]
# ## The bag of a text
#
# A token's state has a product with the vector of every word of the vocabulary. For each word the
# largest product over all tokens is kept. That is all: the text as one number for every word.

# %%
logits = np.array([[2.0, 0.0, 1.0, -1.0], [0.0, 3.0, 0.5, -2.0]])  # two tokens, four words
mu = np.array([max(logits[:, word]) for word in range(4)])
print("the bag:", mu)
assert (mu == bag_logits(logits)).all()
assert (bag_logits(logits[::-1]) == mu).all()  # it knows no order

# %% [markdown]
# DupMAE trains the words' vectors, and the encoder with them. We have an encoder that was trained for
# something else, and take as a word's vector the mean of its states in all answers, less the mean of
# all states. Which words does a question mean? Those that it has are starred.

# %%
for question in (5, 12, 20):
    bag = bag_logits(faq.queries[question][1:] @ weight)  # without the state of [CLS]
    own = set(known.ids(faq.question_tokens[question]).tolist())
    best = [names[i] + "*" * (int(i) in own) for i in sparsify(bag, 8).ids]
    print(f"{faq.questions[question]:62.62}", " ".join(best))

# %% [markdown]
# "Fast" also says "quickly" and "performance": a bag is soft, where a list of words is not.
#
# ## The loss
#
# The bag is trained to name the words of the text, each once: minus the log of its softmax there.
# `"paper"` sums over words; the released code divides by the number of tokens, and counts the whole a
# tenth. By hand, and a matrix that is fitted from random numbers on thirty answers:

# %%
log_softmax = mu - np.log(np.exp(mu).sum())
assert np.isclose(bow_loss(mu, [0, 1, 1]), -log_softmax[0] - log_softmax[1])
assert np.isclose(bow_loss(mu, [0, 1, 1], variant="official"), bow_loss(mu, [0, 1, 1]) / 3)

rng = np.random.default_rng(0)
few = [(faq.index.doc(i)[1:], known.ids(faq.answer_tokens[i])) for i in range(30)]
random = {"head": rng.standard_normal(weight.shape).astype(np.float32) / 8}
loss = lambda p, h, ids: bow_loss(bag_logits(h @ p["head"]), ids, variant="official")  # noqa: E731
fitted, history = train(loss, random, few, rate=0.03, steps=90)
before, after = np.mean(history[:30]), np.mean(history[-30:])
print(f"loss in the first pass {before:.2f}, in the third {after:.2f}")
assert after < before

# %% [markdown]
# While it is trained, the encoder does not see 30 % of the words, and a decoder of one layer has to
# rebuild the text from the first state. Each of its positions sees another half of the others, never
# itself. Words are hidden as a whole.

# %%
pieces = faq.question_tokens[12]
word = np.cumsum([not piece.startswith("##") for piece in pieces])  # the number of each one's word
hidden = encoder_mask(len(pieces), 0.3, words=word, protect=[0, -1], rng=1)
print(" ".join("____" if gone else p for p, gone in zip(pieces, hidden, strict=True)))
visible = decoder_mask(len(pieces), 0.5, words=word, rng=1)
assert visible[:, 0].all()
assert not visible.diagonal()[1:].any()

# %% [markdown]
# ## A vector and a few words
#
# A document keeps its vector and the largest words of its bag, a question its vector and the whole of
# its bag. Their relevance is a sum of two products.

# %%
index = DupIndex.build([[0.5, -1.0]], mu[None], 2)
by_hand = 1 * 0.5 + 2 * -1.0 + 2 * 3.0 + 1 * 2.0  # words 1 and 0 are kept
assert scores([1.0, 2.0], [1.0, 2.0, 4.0, 0.0], index).tolist() == [by_hand]


def worth(found):
    """nDCG@10 over all questions: 1 if each one's own answer comes first."""
    ranked = [topk(row, 10).ids for row in found]
    return np.mean([ndcg(ids, [i], 10) for i, ids in enumerate(ranked)])


doc_bags = np.stack([bag_logits(x[1:] @ weight) for x in faq.index])
bags = np.stack([bag_logits(x[1:] @ weight) for x in faq.queries])
nothing, kept = np.zeros((len(doc_bags), 1)), [8, 32, 128, 512, len(names)]
by_words = {}
for k in kept:
    index = DupIndex.build(nothing, doc_bags, k)
    by_words[k] = np.stack([scores([0.0], bag, index) for bag in bags])
    print(f"{k:>5} words of an answer: {worth(by_words[k]):.3f}")
assert worth(by_words[len(names)]) < worth(by_words[128]) / 1.5

# %% [markdown]
# **Why not just** multiply two whole bags? Because every text has some number for every word, and
# those of the thousands that it does not mean add up to more than the few that it does. What is left
# out of the document does the work.

# %% alt="A line over the number of words that an answer keeps: it rises up to 32 and falls far down to all"
fig, ax = plt.subplots(figsize=(6, 2.5))
ax.semilogx(kept, [worth(by_words[k]) for k in kept], marker="o")
ax.set(xlabel="words that an answer keeps", ylabel="nDCG@10")
plt.show()

# %% [markdown]
# ## Two scales
#
# Cosines of the first state are at most 1, products of bags many times larger: their sum is the bag
# alone. Standardised for each question, they help each other.

# %%
first = [np.stack([x[0] for x in texts]) for texts in (faq.index, faq.queries)]
cls = first[1] @ first[0].T
bag = by_words[128]
standard = lambda x: (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True)  # noqa: E731
mean = unit(np.stack([x.mean(axis=0) for x in faq.index]))
query = unit(np.stack([x.mean(axis=0) for x in faq.queries]))
counted = BM25.fit(faq.answers)
table = {
    "[CLS]": cls,
    "bag": bag,
    "[CLS] + bag": cls + bag,
    "both standardised": standard(cls) + standard(bag),
    "mean of the states": query @ mean.T,
    "MaxSim": np.stack([maxsim(q, faq.index) for q in faq.queries]),
    "BM25": np.stack([counted.scores(text) for text in faq.questions]),
}
for name, found in table.items():
    print(f"{name:<20} {worth(found):.3f}")
assert worth(table["both standardised"]) > max(worth(cls), worth(bag))
assert worth(table["both standardised"]) < worth(table["mean of the states"])

# %% [markdown]
# So words help a weak vector. They do not reach the mean of the states, for which this encoder was
# trained; DupMAE trains the first state and the bag instead.
#
# ## Words that say how much a dimension counts
#
# LexSemBridge changes the question's vector. Each word that occurs has a weight, a matrix makes of all
# weights one number for every dimension, and a softmax makes them factors. By hand:

# %%
matrix, e = np.array([[1.0, 0, -1, 2], [0, 1, 1, 0]]), np.array([0.6, 0.8])
w = slr([0, 2, 2], 4)  # words 0 and 2 occur; how often does not count
say = matrix @ w
v = np.exp(say) / np.exp(say).sum()
print("w", w.round(3), " v", v.round(3), " e'", enhance(e, v).round(3))
assert np.allclose(v, modulation(w, matrix))
assert np.allclose(v, slr_modulation([0, 2, 2], matrix))  # reads the two columns alone

# %% [markdown]
# The paper says that the direction is preserved. What is preserved are the signs: v is positive. The
# vector turns, unless v is the same everywhere.

# %%
turned = enhance(e, v)
assert (np.sign(turned) == np.sign(e)).all()
print(f"cosine of e and e': {turned @ e:.3f}")
rows = rng.standard_normal((2000, 64))
factors = softmax(3 * rng.standard_normal((2000, 64)))
angles = (unit(rows) * enhance(rows, factors)).sum(axis=1)
print(f"over random vectors and factors: {angles.min():.2f} to {angles.max():.2f}")
assert angles.min() > 0

# %% [markdown]
# ## Does it help, and is it the words?
#
# Half of the questions train by InfoNCE, their answers stay as they are; the other half tests, against
# all answers. A control has the same form without words: one factor for every dimension, whatever the
# question (its bias alone). Another control is a matrix.

# %%
order = rng.permutation(len(faq))
fit, test = order[:79], order[79:]
occurring = np.stack([slr(known.ids(p), len(names)) for p in faq.question_tokens])
zeros = lambda *shape: np.zeros(shape, np.float32)  # noqa: E731
ways = {
    "SLR": (
        {"weight": zeros(64, len(names)), "bias": zeros(64)},
        lambda p, q, w: enhance(q, modulation(w, p["weight"], p["bias"])),
    ),
    "bias alone": ({"bias": zeros(64)}, lambda p, q, w: unit(q * softmax(p["bias"]))),
    "a matrix": ({"map": np.eye(64, dtype=np.float32)}, lambda p, q, w: unit(q @ p["map"])),
}


def half(found):
    ranked = [topk(row, 10).ids for row in found]
    return np.array([ndcg(ids, [i], 10) for i, ids in zip(test, ranked, strict=True)])


plain = half(query[test] @ mean.T)
print(f"{'as it is':<12} {plain.mean():.3f}")
gains = {}
for name, (start, change) in ways.items():
    of_batch = lambda p, q, w, change=change: info_nce(change(p, q, w), mean[fit])  # noqa: E731
    params, _ = train(of_batch, start, [(query[fit], occurring[fit])], rate=0.01, steps=40)
    gain = half(change(params, query[test], occurring[test]) @ mean.T) - plain
    drawn = gain[rng.integers(0, len(gain), (1000, len(gain)))].mean(axis=1)
    low, high = np.percentile(drawn, [2.5, 97.5])
    gains[name] = gain.mean()
    print(
        f"{name:<12} {plain.mean() + gain.mean():.3f}, {gain.mean():+.3f} [{low:+.3f}, {high:+.3f}]"
    )

# %% [markdown]
# A gain within its interval's reach of 0 is none, and one that the controls have, too, is not of words.
# [What we found](findings.md) has this with the encoder itself, for keywords and parts of answers.
#
# **Why not just** look at the words? Four rare words of an answer find it at once:

# %%
texts = [re.findall("[a-z]{3,}", answer.lower()) for answer in faq.answers]
held_by = Counter(w for text in texts for w in set(text))
rare = [sorted(set(text), key=lambda w: (held_by[w], w))[:4] for text in texts]
found = np.stack([counted.scores(" ".join(four)) for four in rare])
print("BM25 on four rare words:", f"{worth(found):.3f}")
assert worth(found) > 0.95

# %% [markdown]
# ## Exercises
#
# 1. Easy: let the question be sparse, too, with 16 words. What happens to nDCG@10?
# 2. Medium: the weight of a word in `slr` is the same for "the" and "exceptions". Give rare words more,
#    and compare on the test half.
# 3. Open: how large must a collection be until a trained bag beats BM25 on keywords?

# %% answer="Exercise 1"
index = DupIndex.build(nothing, doc_bags, 128)
few = sparsify(bags, 16)
sparse = np.zeros_like(bags)
np.put_along_axis(sparse, few.ids, few.values, axis=1)
print(f"{worth(np.stack([scores([0.0], bag, index) for bag in sparse])):.3f}")

# %% answer="Exercise 2"
idf = np.log(len(faq) / np.array([max(1, held_by[name]) for name in names]))
start, change = ways["SLR"]
params, _ = train(
    lambda p, q, w: info_nce(change(p, q, w), mean[fit]),
    start,
    [(query[fit], occurring[fit] * idf)],
    rate=0.01,
    steps=40,
)
gain = half(change(params, query[test], occurring[test] * idf) @ mean.T) - plain
print(f"with rare words louder: {gain.mean():+.3f}")

# %% [markdown]
# The step-through: one question's bag, and the relevance of every answer.

# %%
steps = dupmae_steps(5)
steps
