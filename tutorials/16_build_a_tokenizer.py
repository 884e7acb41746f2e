# %% [markdown]
# # Build a tokenizer
#
# Count pairs, merge the most frequent one, repeat: a tokenizer in twenty lines, then shown equal to
# the library's, which reads real vocabularies as well.
#
# **You will be able to**
#
# - train byte-pair encoding and encode by it, and say why the order of merges matters,
# - find the best cut of a word by the probabilities of tokens, and sample others,
# - say where tokens begin and end in a text of bytes.
#
# Needs: Python. About 40 minutes.

# %%
from collections import Counter
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np

from tokenlab import record
from tokenlab.data import load_text, load_vocabulary
from tokenlab.tokenizers import BPE, UnigramLM, compression, splitter

text = load_text("shakespeare")[:60_000]

# %% [markdown]
# ## Count, merge, repeat
#
# A word is its bytes. Of all pairs of neighbours the most frequent one becomes a token; of equal ones
# that of the lowest ids. Merges stay within words, so that each word is looked at once, with how often
# it occurs.


# %%
def merge(ids, pair, new):
    out, i = [], 0
    while i < len(ids):
        found = tuple(ids[i : i + 2]) == pair
        out.append(new if found else ids[i])
        i += 2 if found else 1
    return out


def train(text, n_merges):
    words = Counter(splitter("gpt2")(text))
    chunks = {word: list(word.encode()) for word in words}
    merges = []
    for new in range(256, 256 + n_merges):
        counts = Counter()
        for word, ids in chunks.items():
            for pair in pairwise(ids):
                counts[pair] += words[word]
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        chunks = {word: merge(ids, best, new) for word, ids in chunks.items()}
        merges.append(best)
    return merges


merges = train(text, 40)
library = BPE.train(text, 256 + 40)
print([library.tokens[i] for i in range(256, 270)])
assert merges == [tuple(pair) for pair in library.merges.tolist()]

# %% [markdown]
# ## Encode
#
# The merge that was learned first is made first, wherever it stands. The first one from the left would
# be another tokenizer.


# %%
def encode(word, merges):
    ids, rank = list(word.encode()), {pair: i for i, pair in enumerate(merges)}
    while pairs := [pair for pair in pairwise(ids) if pair in rank]:
        best = min(pairs, key=rank.get)
        ids = merge(ids, best, 256 + rank[best])
    return ids


for word in (" the", " mother", " heathen"):
    assert encode(word, merges) == library.encode(word).tolist()
    print(word, [library.tokens[i] for i in library.encode(word)])

# %%
with record() as steps:
    BPE.train("low lower lowest", 262)
steps

# %% [markdown]
# ## Why not just take the longest token at each place?
#
# It is quicker to say, and it gives other tokens, on which a model was not trained.


# %%
def longest(word, tokens):
    out = []
    while word:
        size = max(n for n in range(1, len(word) + 1) if word[:n] in tokens)
        out.append(word[:size])
        word = word[size:]
    return out


whole = BPE.train(text, 1024)
known, words = set(whole.tokens), sorted(set(splitter("gpt2")(text)))
other = [
    w for w in words if longest(w.encode(), known) != [whole.tokens[i] for i in whole.encode(w)]
]
print(f"{len(other)} of {len(words)} words are cut differently, such as {other[:3]}")
assert other

# %% [markdown]
# ## How much a larger vocabulary spares

# %% alt="A line that rises steeply at first and then flattens: bytes a token over the number of tokens in the vocabulary, on a logarithmic axis"
sizes = [256, 320, 384, 512, 768, 1024, 1536, 2048]
large = BPE.train(text, sizes[-1])
rest = load_text("shakespeare")[60_000:90_000]
plt.plot(sizes, [compression(large.truncate(size), rest) for size in sizes], "o-")
plt.xscale("log", base=2)
plt.xlabel("tokens in the vocabulary")
plt.ylabel("bytes a token, on other text")
plt.show()

# %% [markdown]
# ## Tokens with probabilities
#
# A unigram tokenizer knows how likely each token is. The best cut of a word is found from left to
# right: the best way to each place, by the last token on it.

# %%
model = UnigramLM([b"a", b"b", b"ab", b"ba", b"aba"], np.log([0.3, 0.2, 0.2, 0.2, 0.1]))
best = model.viterbi(b"aba")
print([model.tokens[i] for i in best.ids], round(float(np.exp(best.log_prob)), 3))
print("all cuts together:", round(float(np.exp(model.log_marginal(b"aba"))), 3))
drawn = Counter(tuple(model.sample(b"aba", rng=seed).tolist()) for seed in range(500))
for ids, times in drawn.most_common():
    print([model.tokens[i] for i in ids], times / 500)

# %% [markdown]
# ## Bytes and characters
#
# Tokens are bytes, and one character may be several of them. Decode all ids together: a token alone may
# be half of a letter.

# %%
gpt2 = load_vocabulary("gpt2")
ids = gpt2.encode("ışık 😀")
print([gpt2.tokens[i] for i in ids])
print("one by one:", "".join(gpt2.decode([i]) for i in ids), " together:", gpt2.decode(ids))
spans = gpt2.encode_with_offsets("ışık 😀")
print(list(zip(spans.starts.tolist(), spans.ends.tolist(), strict=True)))
assert gpt2.decode(ids) == "ışık 😀"

# %% [markdown]
# ## Exercises
#
# 1. *Easy.* Train on a text of your own and print its longest tokens.
# 2. *Medium.* Change `train` so that of equal pairs the one met first is merged. After how many merges
#    do the two tokenizers part?
# 3. *Open.* `train` counts all pairs anew for each merge. Keep the counts up to date instead, and compare
#    the times; `tokenlab/tokenizers/merging.py` does it with places.
