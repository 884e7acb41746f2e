# %% [markdown]
# # Is it a good tokenizer?
#
# Four numbers that papers give for tokenizers, each computed here, and each with a way in which it
# misleads.
#
# **You will be able to**
#
# - compare vocabularies by bytes a token, with an interval,
# - say at which size a vocabulary of one's own beats a large one on its own texts,
# - find tokens that nothing encodes to, and bytes that no token has,
# - judge a correlation of four values.
#
# Needs: [the guide to tokenizers](../tokenizers.md). About 30 minutes.

# %%
import itertools

import matplotlib.pyplot as plt
import numpy as np

from tokenlab.data import load_text, load_vocabulary
from tokenlab.tokenizers import BPE, supertokens
from tokenlab.tokenizers.dynamic import merge_batch
from tokenlab.tokenizers.turkish import PUBLISHED, correlation, permutation_p

bible = load_text("bible")
cut = len(bible) * 9 // 10
train, held_out = bible[:cut], bible[cut:]

# %% [markdown]
# ## Bytes a token, with an interval
#
# The held-out tenth in pieces of a thousand characters. Pieces are drawn again and again with
# replacement, and the ratio of all bytes to all tokens is computed anew: 95 % of these lie in the
# interval. It says how much other pieces of this book would move the number, and nothing of other
# books.


# %%
def pieces_of(text, size=1000):
    return [text[i : i + size] for i in range(0, len(text), size)]


def bytes_a_token(tokenizer, pieces, rng=0):
    counts = np.array([(len(p.encode()), len(tokenizer.encode(p))) for p in pieces])
    draws = np.random.default_rng(rng).integers(0, len(pieces), (1000, len(pieces)))
    n_bytes, n_tokens = counts[draws].sum(axis=1).T
    low, high = np.quantile(n_bytes / n_tokens, [0.025, 0.975])
    return counts[:, 0].sum() / counts[:, 1].sum(), low, high


pieces = pieces_of(held_out)
gpt2 = load_vocabulary("gpt2")
whole = BPE.train(train, 1 << 14)
sizes = [1 << k for k in range(9, 15)]
rows = np.array([bytes_a_token(whole.truncate(size), pieces) for size in sizes])
reference = bytes_a_token(gpt2, pieces)
print(
    f"GPT-2, {gpt2.vocab:,} tokens: {reference[0]:.2f} ({reference[1]:.2f} to {reference[2]:.2f})"
)
for size, (value, low, high) in zip(sizes, rows, strict=True):
    print(f"of the Bible's own, {size:6,} tokens: {value:.2f} ({low:.2f} to {high:.2f})")
beats = [size for size, row in zip(sizes, rows, strict=True) if row[0] > reference[0]]
print(f"the first of these sizes that beats GPT-2 at home: {beats[0]:,}" if beats else "none does")

# %% alt="A line of bytes a token that rises with the vocabulary and flattens, with a band around it; a dashed level line is GPT-2's, which it meets only for large vocabularies"
plt.fill_between(sizes, rows[:, 1], rows[:, 2], alpha=0.2)
plt.plot(sizes, rows[:, 0], "o-", label="learned from the same books")
plt.axhline(reference[0], linestyle="--", color="0.3", label="GPT-2")
plt.xscale("log", base=2)
plt.xlabel("tokens in the vocabulary")
plt.ylabel("bytes a token")
plt.legend()
plt.show()

# %% [markdown]
# ## Why not just learn longer tokens?
#
# Supertokens may hold several words. What they spare depends on how often phrases repeat, and on how
# the text was cut for learning: `p = 1` at every word, `p = 0.3` at some of them, the authors'
# lengths anywhere, also within words.

# %%
tables = {}
for name in ("bible", "shakespeare", "turkish"):
    text = load_text(name)[:300_000]
    tables[name] = supertokens.sweep(
        text[:270_000], text[270_000:], [1024, 4096], p=(1.0, 0.3), rng=0
    )
    print(name)
    for row, (small, large) in tables[name].items():
        print(f"  {row:8} {small:.2f} bytes a token at 1,024, {large:.2f} at 4,096")
lost = [t["lengths"][0] < max(t["p = 1"][0], t["p = 0.3"][0]) for t in tables.values()]
print("cutting within words loses at 1,024 tokens in", sum(lost), "of", len(lost))

# %% [markdown]
# ## Merges within a batch
#
# The official code of dynamic tokenization has a boundary "sentence" that should let merges cross
# words. Its first test forbids a space behind the first place of a token. Do the two differ?

# %%
smollm2 = load_vocabulary("smollm2")
for name in ("shakespeare", "turkish"):
    ids, offsets = smollm2.encode_batch(pieces_of(load_text(name)[20_000:29_600], 600))
    made = {
        kind: merge_batch(ids, offsets, smollm2.tokens, 400, boundary=kind)
        for kind in ("word", "sentence")
    }
    same = np.array_equal(made["word"].lengths, made["sentence"].lengths)
    n = made["word"].lengths
    words = f"the two boundaries {'do not differ' if same else 'differ'}"
    print(
        f"{name}: {n[0]} tokens, {n[-1]} after {len(n) - 1} merges ({1 - n[-1] / n[0]:.0%} fewer); {words}"
    )

# %% [markdown]
# ## Tokens that nothing encodes to, bytes that nothing holds

# %%
for name in ("gpt2", "cl100k", "o200k", "smollm2"):
    tokenizer = load_vocabulary(name)
    lacking = [byte for byte in range(256) if bytes([byte]) not in tokenizer.id_of]
    print(
        f"{name}: {len(tokenizer.unreachable())} unreachable tokens, {len(lacking)} bytes without one"
    )
assert len(load_vocabulary("o200k").unreachable()) == 12

# %% [markdown]
# ## A correlation of four values
#
# The paper on Turkish standards says that the share of Turkish tokens goes with a model's score. Its
# table has eight models, and its notebook uses four of them.

# %%
share = {name: row.turkish / row.unique for name, row in PUBLISHED.items()}
score = {name: row.mmlu for name, row in PUBLISHED.items()}


def both(names):
    return [share[name] for name in names], [score[name] for name in names]


fours = sorted(itertools.combinations(PUBLISHED, 4), key=lambda four: -correlation(*both(four)))
theirs = fours[4]
print(
    f"all eight: r = {correlation(*both(PUBLISHED)):.3f}, p = {permutation_p(*both(PUBLISHED)):.3f}"
)
print(
    f"{', '.join(theirs)}: r = {correlation(*both(theirs)):.3f}, p = {permutation_p(*both(theirs)):.3f}"
)
print(f"choices of four with a larger r: {fours.index(theirs)} of {len(fours)}")
negative = sum(correlation(*both(four)) < 0 for four in fours)
print(f"with a negative one: {negative}")
assert round(correlation(*both(theirs)), 3) == 0.900

# %% [markdown]
# ## Exercises
#
# 1. *Easy.* Compare GPT-2 and the Bible's own vocabulary on Shakespeare. Which one travels better?
# 2. *Medium.* Replace one letter in a hundred of the held-out text by another, and compute
#    `kl3m.boundary_stability` for several sizes. What does a large vocabulary lose?
# 3. *Open.* A tokenizer of single letters has every token in a lexicon that holds the letters. Make a
#    measure of Turkish tokens that this tokenizer does not win.
