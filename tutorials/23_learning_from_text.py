# %% [markdown]
# # Learning vectors from text
#
# A word is known by those around it. From this one sentence come counts, PMI, skip-gram, GloVe,
# subwords, codes of passages, and words with two meanings: here on verses of the Bible, each by a
# few lines.
#
# **You will be able to**
#
# - make word vectors by counting, and say what PMI takes off,
# - show which matrix skip-gram is after,
# - give a word that was never seen a vector,
# - code a passage in 16 bits, and tell what a triplet score hides.
#
# Needs: logarithms, matrix products. About 40 minutes.

# %%
import re
from collections import Counter

import matplotlib.pyplot as plt
import numpy as np

from tokenlab import record
from tokenlab.data import load_faq, load_text
from tokenlab.embeddings import (
    Words,
    glove,
    paragraph_codes,
    senses,
    skip_gram,
    subwords,
    triplet,
    two_towers,
    word_vectors,
)
from tokenlab.numerics import unit

verses = [re.findall("[a-z]+", v.lower()) for v in load_text("bible").split("\n") if v.strip()]
verses = verses[:1500]
common = Counter(word for verse in verses for word in verse).most_common(400)
words = [word for word, _ in common]
number = {word: i for i, word in enumerate(words)}
kept = [[number[word] for word in verse if word in number] for verse in verses]
ids = np.array([i for verse in kept for i in verse])
offsets = np.concatenate([[0], np.cumsum([len(verse) for verse in kept])])
print(f"{len(ids):,} words of {len(words)}, in {len(kept):,} verses")

# %% [markdown]
# ## Counting
#
# Rows of counts are all alike: every word stands near "the". What is more than by chance is PMI.

# %%
counts = word_vectors.cooccurrence(ids, offsets, len(words), window=5)
table = counts.matrix()
by_chance = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
told = word_vectors.pmi(counts)
assert np.allclose(told.values, np.log((table / by_chance)[counts.rows, counts.columns]))
vectors, outputs = word_vectors.ppmi_svd(counts, 40)
for name, x in (("counts", table), ("PMI, 40 axes", vectors)):
    found = Words(words, x)
    print(
        f"{name:<13}", {w: " ".join(found.nearest(w, 4).words) for w in ("sons", "water", "night")}
    )

# %% [markdown]
# ## What skip-gram is after
#
# Skip-gram tells words that stand near each other from k words that are drawn. With as many
# dimensions as words it can have any matrix of products; the best one is PMI less log k. No other
# one that we try loses less.

# %%
k, chance = 5, table.sum(axis=0) / table.sum()
best = np.full(table.shape, -30.0)
best[counts.rows, counts.columns] = told.values - np.log(k)
least = skip_gram.expected_loss(np.eye(len(words)), best.T, table, chance, k)
rng = np.random.default_rng(0)
for size in (0.3, 0.1):
    moved = best.T + size * rng.standard_normal(best.shape)
    more = skip_gram.expected_loss(np.eye(len(words)), moved, table, chance, k)
    assert more > least
    print(f"moved by {size}: {more - least:.4f} more than {least:.4f}")

# %% [markdown]
# One step of it, by hand: the context's row moves towards the word, a drawn row away, the word last.

# %%
w, out = rng.standard_normal((2, 4, 3))
step_by_hand = lambda row, label: label - 1 / (1 + np.exp(-(out[row] @ w[0])))  # noqa: E731
found = skip_gram.sgd_pass(w, out, [[0, 1]], [[2]], 0.1)
assert np.allclose(found.outputs[1], out[1] + 0.1 * step_by_hand(1, 1) * w[0])
assert np.allclose(found.outputs[2], out[2] + 0.1 * step_by_hand(2, 0) * w[0])
pairs = skip_gram.pairs(ids[:2000], [0, 2000], 3, rng=0)
draws = rng.integers(0, len(words), (len(pairs), 5))
x, y = rng.standard_normal((2, len(words), 16)) * 0.1
history = [float(skip_gram.loss(x, y, pairs, draws))]
x, y, _ = skip_gram.sgd_pass(x, y, pairs, draws, 0.1)
history.append(float(skip_gram.loss(x, y, pairs, draws)))
assert history[1] < history[0]
print("loss before and after one pass: {:.3f} {:.3f}".format(*history))

# %% [markdown]
# ## Why not just fit the logarithm of the counts?
#
# GloVe does, where the counts are not 0, with little weight for rare pairs. With as many
# dimensions as words nothing is missed.

# %%
few = np.unique(ids[:60])
small = {word: i for i, word in enumerate(few)}
near = word_vectors.cooccurrence([small[i] for i in ids[:60]], [0, 60], len(few), window=2)
model = glove.train(near, len(few), epochs=150, cap=2.0, rng=0)
print(f"J at first {model.history[0]:.3f}, at the end {model.history[-1]:.5f}")
assert model.history[-1] < model.history[0] / 100

# %% [markdown]
# ## A word that was never seen
#
# A word is the mean of its n-grams, so that letters alone make a vector. The table is made from the
# vectors above, without training: each n-gram gets the mean of the words that it stands in.

# %%
rows, starts = subwords.subword_ids(words, n_buckets=5000)
sums, times = np.zeros((len(words) + 5000, 40)), np.zeros(len(words) + 5000)
np.add.at(sums, rows, np.repeat(vectors, np.diff(starts), axis=0))
np.add.at(times, rows, 1)
table_of_grams = sums / np.maximum(times, 1)[:, None]
for word in ("cattles", "daughterly"):
    assert word not in number
    parts = subwords.unseen_ids([word], len(words), n_buckets=5000)
    vector = subwords.compose(table_of_grams, *parts)[0]
    print(word, "->", Words(words, vectors).nearest(vector, 3).words)

# %% [markdown]
# ## Passages in sixteen bits, and a score that hides
#
# The two towers of CLIP have to find each other within a batch. We have no pictures: questions of
# the Python FAQ stand in for them, answers for their texts. A triplet score asks only one wrong
# answer a question; the right one among all 158 is another matter.

# %%
faq = load_faq()
question = unit(np.array([q.mean(axis=0) for q in faq.queries]))
answer = unit(np.array([faq.index.doc(i).mean(axis=0) for i in faq.labels]))
wrong = answer[rng.permutation(len(answer))]
one = triplet.triplet_accuracy(question, answer, wrong)
all_of_them = ((question @ answer.T).argmax(axis=1) == np.arange(len(answer))).mean()
print(f"nearer than one wrong answer: {one:.3f}; than all: {all_of_them:.3f}")
assert one > all_of_them

# %% [markdown]
# A binary paragraph vector learns its bits: from them alone all words of a passage are told. Sixty
# passages of 25 verses each; those of one book should have codes nearer to each other.

# %%
passages = [ids[offsets[i] : offsets[i + 25]] for i in range(0, 1500, 25)]
bags = np.array([np.bincount(passage, minlength=len(words)) for passage in passages])
codes = paragraph_codes.train(bags[:, 50:], 16, rng=0).codes  # the 50 commonest words say nothing
packed = paragraph_codes.pack(codes)
distance = paragraph_codes.hamming(packed, packed)
beside = distance[np.arange(59), np.arange(1, 60)].mean()
print(
    f"{packed.nbytes} bytes; bits that differ: {beside:.2f} beside, {distance[:30, 30:].mean():.2f} far"
)

# %% [markdown]
# A word with two meanings has two vectors, and the words around it decide. Two words become one;
# the probabilities of its first sense, by which of the two it was:

# %%
first, second = number["water"], number["sons"]
ends = offsets[:251]  # 250 verses
part = np.where(ids == second, first, ids)[: ends[-1]]
with_sense = senses.train(part, ends, len(words), senses=2, d=8, window=4, rng=0)
centres, around = senses.examples(part, ends, 4)
p = senses.disambiguate(with_sense.params, centres, around)[:, 0]
for name, row in (("water", first), ("sons", second)):
    print(f"{name:<6} {p[ids[: ends[-1]] == row].mean():.2f}")

# %% alt="Bars of singular values that fall quickly at first: few axes say most of what words tell"
values = np.linalg.svd(np.maximum(word_vectors.Counts(*told[:3], len(words)).matrix(), 0))[1]
fig, ax = plt.subplots(figsize=(6, 2.5))
ax.bar(range(60), values[:60])
ax.set_xlabel("axis")
ax.set_ylabel("singular value")
plt.show()

# %% [markdown]
# ## Exercises
#
# 1. Easy: take the 0.75th power of the contexts' counts in PMI. Which neighbours change?
# 2. Medium: draw the noise by that power in `expected_loss`. What is the best matrix now?
# 3. Open: where do counts know more than skip-gram, on how much text?

# %% answer="Exercise 2"
power = table.sum(axis=0) ** 0.75
tilted = power / power.sum()
shifted = best + np.log(chance / tilted)  # each context by the log of its share over the noise's
assert skip_gram.expected_loss(np.eye(len(words)), shifted.T, table, tilted, k) < (
    skip_gram.expected_loss(np.eye(len(words)), best.T, table, tilted, k)
)

# %% [markdown]
# The step-through: the loss of the two towers, line by line.

# %%
with record() as steps:
    two_towers.contrastive_loss(question[:8], answer[:8])
steps
