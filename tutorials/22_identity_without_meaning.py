# %% [markdown]
# # Identity without meaning
#
# What is a token's vector for, if not to say what the token means? Here it says only *which* token it
# is: rows that are random in every text, and rows that are pictures of the characters. Meaning then has
# to come from the text, or from the layers.
#
# **You will be able to**
#
# - compute, with Bayes' rule, what a reader knows of a cipher after each symbol,
# - say how much not knowing the key can cost, on any text,
# - break a cipher of 27 symbols by swaps, and tell a failed search from missing information,
# - make embeddings out of a font, and find the tokens that a model cannot tell apart.
#
# Needs: [Inside a transformer](12_inside_a_transformer.md). About 35 minutes.

# %%
import itertools
import math
import re

import matplotlib.pyplot as plt
import numpy as np

from tokenlab import record
from tokenlab.data import load_findings, load_text
from tokenlab.embeddings import lexinvariant, visual_unicode
from tokenlab.lm import ChainLM

plt.rcParams.update({"figure.dpi": 110, "font.size": 9, "axes.spines.top": False})
plt.rcParams.update({"axes.spines.right": False, "figure.constrained_layout.use": True})

# %% [markdown]
# ## 1. A cipher of three symbols, by hand
#
# A chain says what plain texts are like. A key renames the symbols; whoever reads the text knows the
# chain and not the key. There are six keys, and Bayes' rule weighs them.

# %%
chain = np.array([[0.1, 0.8, 0.1], [0.2, 0.1, 0.7], [0.6, 0.3, 0.1]])
start = np.array([0.5, 0.3, 0.2])
plain = [0, 1, 2, 0, 1, 2, 0, 1]
key = np.array([2, 0, 1])  # what each observed symbol stands for
observed = np.argsort(key)[plain]


def probability(text):
    """Of a plain text."""
    p = start[text[0]]
    for a, b in itertools.pairwise(text):
        p *= chain[a, b]
    return p


likelihoods = {k: probability(np.array(k)[observed]) for k in itertools.permutations(range(3))}
for k, p in likelihoods.items():
    print(k, f"{p / sum(likelihoods.values()):.4f}", "<- the true key" if k == tuple(key) else "")

# %%
lm = ChainLM(start, chain, length=64)
with record() as steps:
    found = lexinvariant.decipher(lm, observed)
steps

# %%
true = int(np.flatnonzero((found.keys == key).all(axis=1))[0])
mine = likelihoods[tuple(key)] / sum(likelihoods.values())
assert np.isclose(np.exp(found.log_posterior[-1, true]), mine)
print("the true key after 1, 2, 4, 8:", np.exp(found.log_posterior[[1, 2, 4, 8], true]).round(4))
print("what comes after 4 symbols:", found.predictive[4].round(4))

# %% [markdown]
# The mean over all keys is itself a language model, and it gives every renaming of a text the same
# probability. It is *lexinvariant*:

# %%
for k in itertools.permutations(range(3)):
    print(k, f"{math.exp(lexinvariant.invariant_log_prob(lm, np.array(k)[plain])):.7f}")
lost = lexinvariant.log_prob(lm, plain) - lexinvariant.invariant_log_prob(lm, plain)
print(f"not knowing the key cost {lost / math.log(2):.3f} bits", end=", ")
print(f"and can cost {lexinvariant.regret_bound(3):.3f} on any text")
assert lost / math.log(2) <= lexinvariant.regret_bound(3)

# %% [markdown]
# That bound holds for every text, because the true key is one of $|V|!$ that the mean weighs alike. Spread
# over a long text it is little: for 26 letters 88 bits in all.

# %%
for n in (64, 512, 4096):
    print(
        f"{n:5} letters: predictions differ by {lexinvariant.gap_bound(26, n):.3f} at most, on average"
    )

# %% [markdown]
# ## 2. A cipher of 27 symbols
#
# There are too many keys to list. Swap two symbols of a key, keep the swap if the text becomes likelier,
# sometimes also if not, and cool down.

# %%
letters = np.array(
    [
        ord(c) - 97 if c.isalpha() else 26
        for c in re.sub("[^a-z]+", " ", load_text("shakespeare").lower())
    ]
)
half = len(letters) // 2
counts = np.full((27, 27), 0.1)
np.add.at(counts, (letters[:half], letters[1 : half + 1]), 1)
table = np.log(counts / counts.sum(axis=1, keepdims=True))
names = "abcdefghijklmnopqrstuvwxyz "


def as_text(ids):
    return "".join(names[i] for i in ids)


rng = np.random.default_rng(4)
secret = rng.permutation(27)
text = letters[half + 5000 :][:1024]
ciphered = np.argsort(secret)[text]
broken = lexinvariant.swap_search(table, ciphered, rng=0)
print("observed:", as_text(ciphered[:60]))
print("read as: ", as_text(broken.key[ciphered[:60]]))
print(f"right: {(broken.key[ciphered] == text).mean():.0%}")

# %% alt="Share of letters that are right against the length of the cipher on a logarithmic axis: the search rises from below a half to all, counting letters stays low"
stored = load_findings("embeddings")["cipher"]
lengths = [int(name.split()[0]) for name in stored]
plt.figure(figsize=(5, 2.6))
plt.semilogx(
    lengths, [row["search"] for row in stored.values()], "o-", color="#00224e", label="search"
)
plt.semilogx(
    lengths,
    [row["by frequency"] for row in stored.values()],
    "s--",
    color="#bcaf6f",
    label="by frequency",
)
plt.xlabel("letters of the text")
plt.ylabel("letters right")
plt.legend(frameon=False)
plt.show()

# %% [markdown]
# ### Why not just search longer?
#
# On short texts the key that was found scores *higher* than the true one: the information is not there, and
# a better search is worse. Where it scores lower, the search failed.

# %%
for name, row in stored.items():
    print(
        f"{name:>12}: found key scores below the true one in {row['found key scores below the true one']:.0%}"
    )

# %% [markdown]
# ## 3. A transformer with random embeddings
#
# A network becomes lexinvariant when each text gets a table of its own, drawn at random, for reading and
# for writing. Rename tokens and rows alike, and the logits are renamed:

# %%
params = lexinvariant.init(d=16, layers=2, heads=2, rng=0)
tables = lexinvariant.random_embedding(1, 5, 16, rng=1)[0]
ids = np.array([0, 3, 1, 4, 4, 2])
logits = lexinvariant.forward(params, ids, tables)
new_name = np.array([3, 0, 4, 1, 2])
renamed = lexinvariant.forward(params, new_name[ids], tables[np.argsort(new_name)])
print("largest difference:", abs(renamed[:, new_name] - logits).max())
assert np.allclose(renamed[:, new_name], logits, atol=1e-5)

# %% [markdown]
# It learns what can be known without meaning, for instance that symbols come in twos:

# %% alt="The loss over training steps, which falls from about the logarithm of the number of symbols"
from tokenlab.training import train


def batch(rng):
    ids = np.repeat(rng.integers(4, size=(16, 8)), 2, axis=1)
    return ids, lexinvariant.random_embedding(16, 4, 16, rng=rng)


small = lexinvariant.init(d=16, layers=1, heads=2, rng=0, length=16)
small, history = train(lexinvariant.loss, small, batch, steps=150, rate=0.01, rng=0)
plt.figure(figsize=(5, 2.2))
plt.plot(history, color="#00224e")
plt.xlabel("step")
plt.ylabel("nats a symbol")
plt.show()
assert np.mean(history[-10:]) < np.mean(history[:10]) - 0.3

# %% [markdown]
# How near does training come to what can be known at all? On a chain of four symbols, renamed anew in
# each text, `decipher` is the exact answer. Two layers of width 32 were trained on it for 4,000 steps
# (`python -m tools.findings.embeddings lexinvariant`; the numbers are stored):

# %% alt="Nats a symbol by place in the text: Bayes' rule falls quickly to the cost of one who knows the key, the trained model lies between it and counting symbols"
learned = load_findings("embeddings")["lexinvariant"]
colours = {
    "symbols counted": "#c4b56c",
    "trained, without the row before": "0.7",
    "trained": "#3b6fb5",
    "Bayes' rule": "#00224e",
    "the key is known": "0.3",
}
plt.figure(figsize=(6, 2.6))
for name, colour in colours.items():
    plt.plot(learned[name], color=colour, label=name, ls="--" if "known" in name else "-")
plt.xlabel("symbols seen")
plt.ylabel("nats a symbol")
plt.ylim(0.95, 1.95)
plt.legend(frameon=False, fontsize=7, loc="upper right")
plt.show()
for name in colours:
    print(f"{name:>32}: {learned['mean of the last 8'][name]:.3f} nats at the last 8 places")
assert learned["mean of the last 8"]["Bayes' rule"] < learned["mean of the last 8"]["trained"]

far = "KL to Bayes, last 8 places"
for name in ("trained", "trained, without the row before"):
    print(f"{name:>32}: {learned[f'{name}: {far}']:.3f} nats of divergence from Bayes' rule there")

# %% [markdown]
# Bayes' rule soon costs hardly more than knowing the key. The trained model reads order as well as
# counts, and comes near without arriving. `forward` hands the row of the token before to the first
# layer, so that neighbours are seen from the first step on; a model that has to find that out by itself
# is farther off after as many steps.
#
# ## 4. Rows that are pictures
#
# Draw each character, flatten, subtract the mean, take principal components, scale to length one. Nothing
# is learned.

# %% alt="Ten characters in white on black, each in the middle of a cell"
characters = list("O0QCaAlI1x")
glyphs = visual_unicode.render(characters)
figure, axes = plt.subplots(1, 10, figsize=(7, 0.9))
for ax, picture in zip(axes, glyphs.bits, strict=True):
    ax.imshow(picture, cmap="gray")
    ax.axis("off")
plt.show()

# %%
pixels = glyphs.bits.reshape(10, -1).astype(float)
centred = pixels - pixels.mean(axis=0)
along = centred @ np.linalg.svd(centred, full_matrices=False)[2][:8].T
by_hand = along / np.linalg.norm(along, axis=1, keepdims=True)
embedding = visual_unicode.visual_embedding(glyphs.bits, 8)
assert np.allclose(embedding.table @ embedding.table.T, by_hand @ by_hand.T)
rows = dict(zip(characters, embedding.table, strict=True))
for a, b in ("O0", "lI", "OQ", "aA", "Ox"):
    print(f"{a} and {b}: {rows[a] @ rows[b]:+.2f}")

# %% [markdown]
# What looks alike is alike: the letter O and the digit 0 nearly share a row, `a` and `A` do not. And what
# has no ink is one and the same:

# %%
some = ["a", "b", " ", "\n", "\t", "ğ", "中"]
drawn = visual_unicode.render(some)
shared = visual_unicode.collisions(visual_unicode.visual_embedding(drawn.bits, 3).table)
print("share a row:", [[some[i] for i in group] for group in shared])
print("not in the font:", [token for token, gone in zip(some, drawn.missing, strict=True) if gone])

# %% [markdown]
# ### Why not just random rows?
#
# Bits a character of Shakespeare, by a small transformer whose rows are trained, frozen pictures, or frozen
# and random (two seeds each; stored, as training takes minutes):

# %%
stored = load_findings("embeddings")["glyphs"]
for name in ("trainable", "frozen glyphs", "frozen random"):
    print(f"{name:>14}: {stored[name]}")
print("characters that share a row:", stored["characters that share a row"])
assert np.mean(stored["trainable"]) < np.mean(stored["frozen glyphs"])

# %% [markdown]
# Trainable rows win; pictures are little better than random rows after this short training. A token's vector
# has to say which token it is, and not much more. What pictures have and random rows have not is a row for a
# character that nobody has seen.
#
# ## Exercises
#
# 1. *Easy.* For which chains can no text tell two keys apart? Try `[[.7, .3], [.3, .7]]`.
# 2. *Medium.* Which pair of small letters of the Latin alphabet has the highest cosine?
# 3. *Open.* How could blank and newline be told apart without giving up pictures?

# %% answer="Exercise 1"
symmetric = ChainLM([0.5, 0.5], [[0.7, 0.3], [0.3, 0.7]], 16)
print(np.exp(lexinvariant.decipher(symmetric, [0, 0, 1, 1]).log_posterior[-1]))

# %% answer="Exercise 2"
alphabet = [chr(i) for i in range(97, 123)]
table_ = visual_unicode.visual_embedding(visual_unicode.render(alphabet).bits, 20).table
cosines = np.triu(table_ @ table_.T, 1)
i, j = np.unravel_index(cosines.argmax(), cosines.shape)
print(alphabet[i], alphabet[j], cosines[i, j].round(2))
