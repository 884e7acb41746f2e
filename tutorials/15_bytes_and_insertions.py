# %% [markdown]
# # Bytes and insertions: text beyond token after token
#
# A prompt that ends inside of a token puzzles every model of tokens, and two models with different
# vocabularies cannot vote. Both problems go away when probabilities are of bytes. In the second
# half a text does not grow at its end at all: tokens come into any gap.
#
# **You will be able to**
#
# - list the cover of a text, and add it up to exact next-byte probabilities,
# - show where a naive prompt and token healing go wrong,
# - average models with different tokenizers,
# - write the target of an insertion model, and repair its tilt towards short texts.
#
# Needs: byte-pair encoding, conditional probabilities; [constrained
# generation](13_constrained_generation.md) for `exact`. About 60 minutes.

# %%
import itertools

import matplotlib.pyplot as plt
import numpy as np

from tokenlab import record
from tokenlab.data import load_bpe, load_text
from tokenlab.decoding import byte_level, exact, insertion
from tokenlab.lm import NGramLM, from_function
from tokenlab.plots.decoding import draw_cover, draw_insertion

plt.rcParams.update({"figure.dpi": 110, "font.size": 9, "figure.constrained_layout.use": True})

# %% [markdown]
# ## 1. Three tokens
#
# Two bytes, A and B, form a chain: after an A another A with .7. The tokenizer merges `AA` from left
# to right. A model of these three tokens that says the same about texts as the chain:


# %%
class Toy:
    tokens = [b"A", b"B", b"AA"]  # noqa: RUF012

    def encode(self, text):
        ids, i = [], 0
        while i < len(text):
            pair = text[i : i + 2] == b"AA"
            ids.append(2 if pair else self.tokens.index(text[i : i + 1]))
            i += 2 if pair else 1
        return ids


AFTER = {0: [0.0, 1.0, 0.0], 1: [0.12, 0.6, 0.28], 2: [0.21, 0.3, 0.49]}  # by the last token
with np.errstate(divide="ignore"):
    lm = from_function(lambda c: np.log(AFTER[c[-1]] if len(c) else AFTER[1]), 3)
model = byte_level.ByteLM(lm, Toy())
for member, log_prob in model.cover(b"A"):
    print([Toy.tokens[i].decode() for i in member.tokens], f"{np.exp(log_prob):.2f}")
naive = np.exp(byte_level.naive_next_byte(model, b"A"))[ord("A")]
right = np.exp(model.log_probs(b"A"))[ord("A")]
print(f"an A after A: naive {naive:.2f}, exact {right:.2f}, truth 0.70")
assert naive < 1e-9
assert abs(right - 0.7) < 1e-9

# %% [markdown]
# Encoded as `[A]`, the text says "no A comes", since otherwise it would have been `AA`. The cover
# has both: `[A]` and `[AA]`, whose second byte hangs over. All texts of up to six bytes:

# %%
chain = {"AA": 0.7, "AB": 0.3, "BA": 0.4, "BB": 0.6}
worst = 0.0
for n in range(1, 7):
    for text in itertools.product("AB", repeat=n):
        truth = np.prod([chain[a + b] for a, b in itertools.pairwise(("B", *text))])
        ours = np.exp(model.log_prob("".join(text).encode()))
        worst = max(worst, abs(ours - truth))
print(f"largest difference over 126 texts: {worst:.1e}")
assert worst < 1e-12


# %% [markdown]
# ## 2. The cover from nothing
#
# For each place the last token may begin at: encode what stands before, append every token that
# begins with the rest, and keep what the tokenizer itself would have made.


# %%
def cover(tokenizer, text):
    found = []
    for i in range(len(text)):
        left = list(tokenizer.encode(text[:i]))
        for token, spelled in enumerate(tokenizer.tokens):
            whole = text[:i] + spelled
            if spelled.startswith(text[i:]) and list(tokenizer.encode(whole)) == [*left, token]:
                found.append((*left, token))
    return set(found)


tokenizer = load_bpe("bpe256")
for text in (b"the lo", b"good nig", b"whi"):
    library = {member.tokens for member in byte_level.cover(tokenizer, text)}
    assert library == cover(tokenizer, text)
    print(f"{text.decode()!r}: {len(library)} members")

# %% [markdown]
# ## 3. Plays
#
# Trigrams over two vocabularies of byte-pair tokens, 256 and 640 of which can occur. Texts are cut
# anywhere; what does each way say about the true next byte?

# %% alt="Rows of boxes, each a way to cut a text into tokens; the last box of most rows hangs over a dashed line, where the text ends"
plays = load_text("shakespeare").lower()
models = {}
for name in ("bpe256", "bpe640"):
    tokenizer = load_bpe(name)
    trigrams = NGramLM.fit(tokenizer.encode(plays[:200_000]), 3, len(tokenizer.tokens))
    models[name] = byte_level.ByteLM(trigrams, tokenizer, window=1)
shown = models["bpe640"]
members = sorted(shown.cover(b"my lo"), key=lambda member: -member[1])[:10]
figure, ax = plt.subplots(figsize=(6, 3))
draw_cover(ax, b"my lo", members, shown.tokenizer.tokens)
plt.show()

# %%
with record({"symbols": [chr(i) if 32 < i < 127 else "" for i in range(257)]}) as steps:
    shown.log_probs(b"my lo")
steps

# %%
rng = np.random.default_rng(0)
cuts = rng.integers(300_000, 900_000, 100)
both = byte_level.EnsembleLM(list(models.values()))
ways = {}
for name, own in models.items():
    ways[f"naive, {name}"] = lambda text, own=own: byte_level.naive_next_byte(own, text)
    ways[f"healed, {name}"] = lambda text, own=own: byte_level.healed_next_byte(own, text)
    ways[f"exact, {name}"] = own.log_probs
ways["mean of both, exact"] = both.log_probs
bits = {}
for name, way in ways.items():
    found = [way(plays[cut - 24 : cut].encode())[ord(plays[cut])] for cut in cuts]
    bits[name] = -np.array(found) / np.log(2)
    error = 1.96 * bits[name].std() / len(cuts) ** 0.5
    print(f"{name:20} {bits[name].mean():.2f} ± {error:.2f} bits for the true next byte")
for name in models:
    assert bits[f"exact, {name}"].mean() < bits[f"healed, {name}"].mean()
    assert bits[f"healed, {name}"].mean() < bits[f"naive, {name}"].mean()

# %% [markdown]
# **Why not just heal the last token?** The cut may lie further back than one token, and healing
# renormalises what it should add up. It helps a lot, and the rest is here.
#
# ## 4. Into any gap
#
# An insertion model sees a text from which tokens are missing and says which token goes into which
# gap. The target: shares of the missing tokens, gap by gap.


# %%
def target(ids, dropped, vocab):
    kept = [i for i, gone in enumerate(dropped) if not gone]
    shares = np.zeros((len(kept) + 1, vocab))
    for i, (token, gone) in enumerate(zip(ids, dropped, strict=True)):
        if gone:
            slot = sum(place < i for place in kept)  # how many visible tokens stand before
            shares[slot, token] += 1 / sum(dropped)
    return shares


ids, dropped = [0, 1, 1, 2], np.array([True, False, True, True])
print(target(ids, dropped, 3).round(3))
np.testing.assert_allclose(insertion.target(ids, dropped, 3), target(ids, dropped, 3))

# %% [markdown]
# On three strings nothing has to be trained: the exact minimiser of the loss is a table of counts.
# What comes out of it is the method's doing.

# %%
strings, p = ["ab", "abb", "c"], [0.5, 0.25, 0.25]
for weight in ("uniform", "length"):
    counted = insertion.CountedInsertion.fit(strings, "abc", p=p, weight=weight)
    found = exact(lambda rng, m=counted: insertion.generate(m, rng=rng).tokens)
    shares = [found.probability(text) for text in ((0, 1), (0, 1, 1), (2,))]
    print(f"{weight:8}", dict(zip(strings, np.round(shares, 4).tolist(), strict=True)))
    if weight == "uniform":
        np.testing.assert_allclose(shares, [8 / 17, 3 / 17, 6 / 17])
    else:
        np.testing.assert_allclose(shares, p)

# %% [markdown]
# 8 : 3 : 6 in place of 2 : 1 : 1. With the number of dropped tokens uniform from none to all, a
# string of length $L$ is seen finished once in $L + 1$ times, so that strings come out in
# proportion to $p(x) / (L + 1)$. Counting each string $L + 1$ times repairs it.

# %% alt="A word in four lines, one for each insertion: the new letter is dark, and dots stand where letters are still missing"
words = ("to", "not", "note", "tone", "on", "one")
used = "".join(sorted(set("".join(words))))
counted = insertion.CountedInsertion.fit(words, used, weight="length")
grown = next(
    run
    for run in (insertion.generate(counted, rng=seed) for seed in range(100))
    if len(run.tokens) == 4 and run.order.tolist() != [0, 1, 2, 3]
)
figure, ax = plt.subplots(figsize=(4, 2.4))
draw_insertion(ax, grown, lambda token: used[token])
plt.show()

# %% [markdown]
# ## Exercises
#
# 1. *Easy.* Print the cover of `b"AAA"` under the toy tokenizer with probabilities, and check the
#    sum against the chain.
# 2. *Medium.* Leave the mask out (`lm` unmasked, no renormalisation) and measure by how much
#    $\sum_b P(xb) = P(x)$ fails on a random model.
# 3. *Open.* `puzzle, path = insertion.star_graph(2, 3, 9)` asks for a plan. Train
#    `TransformerInsertion` on it, and a transformer of the same size from left to right. Insertion
#    needs thousands of steps before anything shows.
