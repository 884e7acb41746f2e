# %% [markdown]
# # A model with another tokenizer
#
# A model was trained on one vocabulary and gets another one. What its new tokens should mean, by rules
# that need no training, and by a network; then a model that needs no vocabulary at all.
#
# **You will be able to**
#
# - give new tokens embeddings from old ones, and say what that costs in bits per byte,
# - say what a hypernetwork knows before it was trained,
# - show that a model of words does not look ahead,
# - weigh tokens made by hand against learned ones, and measure what a misread letter moves.
#
# Needs: [build a tokenizer](16_build_a_tokenizer.md). About 40 minutes.

# %%
import matplotlib.pyplot as plt
import numpy as np

from tokenlab import record
from tokenlab.data import load_text
from tokenlab.models import transformer
from tokenlab.models.layers import cross_entropy
from tokenlab.tokenizers import BPE, kl3m, lexical, ppmi_vectors, tokenadapt, transplant, word_space
from tokenlab.tokenizers.word_pooled import WordPooled, encoder_mask, split_words
from tokenlab.tokenizers.zett import Hypernetwork, surface_forms
from tokenlab.training import train

bible, shakespeare = load_text("bible")[:400_000], load_text("shakespeare")[:300_000]
old = BPE.train(bible[:200_000], 512)
new = BPE.train(shakespeare[:200_000], 768)

# %% [markdown]
# ## A matrix from old tokens to new ones
#
# A new token that the old vocabulary has, too, gets its row. Another one is cut into old tokens, and
# gets the mean of their rows. Both are one sparse matrix $W$, whose rows sum to one.


# %%
def weights(old, new):
    w = np.zeros((new.vocab, old.vocab))
    for v, token in enumerate(new.tokens):
        pieces = [old.id_of[token]] if token in old.id_of else old.encode(token.decode()).tolist()
        for piece in pieces:
            w[v, piece] += 1 / len(pieces)
    return w


ascii_only = BPE(  # the Bible and Shakespeare are in ASCII; other bytes are no text by themselves
    [t for t in new.tokens if t.isascii()]
)
moved = transplant.fvt(old, new)
spelled = [v for v, token in enumerate(new.tokens) if token.isascii()]
assert np.allclose(weights(old, ascii_only), moved.matrix()[spelled])
assert np.allclose(moved.matrix().sum(axis=1), 1)
print(f"{len(moved.copied)} of {new.vocab} tokens are copied, {len(moved.drawn)} drawn")
for token in (b" king", b" thou", b"love"):
    if token in new.id_of:
        row = moved.matrix()[new.id_of[token]]
        print(token, {old.tokens[i]: round(float(row[i]), 2) for i in row.nonzero()[0]})

# %% [markdown]
# ## Why not just copy what is shared?
#
# Then the other tokens are drawn, and disturb. A small model of the Bible reads what follows in it, in
# its own tokens and in Shakespeare's. Rows of zeros are the fair opponent: what is never seen in them
# is at least hardly guessed by mistake.


# %%
def batch_of(ids, rng, n=8, length=48):
    starts = rng.integers(0, len(ids) - length, n)
    return ids[starts[:, None] + np.arange(length)]


def loss(params, some):
    return cross_entropy(transformer.forward(params, some)[:, :-1], some[:, 1:])


ids = old.encode(bible[:360_000])
lm = transformer.init(vocab=old.vocab, d=48, layers=2, heads=4, length=64, rng=0)
rng = np.random.default_rng(0)
lm, history = train(loss, lm, lambda _: batch_of(ids, rng), rate=4e-3, steps=900, rng=0)
print(f"loss of the model of the Bible: {history[0]:.2f} at first, {history[-1]:.2f} at last")
held_out = bible[360_000:380_000]


def bits_per_byte(params, tokenizer, text=held_out, length=48):
    ids = tokenizer.encode(text)
    rows = ids[: len(ids) // length * length].reshape(-1, length)
    nats = float(loss(params, rows)) * (length - 1) * len(rows)
    n_bytes = sum(len(tokenizer.tokens[i]) for i in rows[:, 1:].ravel().tolist())
    return nats / np.log(2) / n_bytes


def moved_model(transplanted):
    return lm | {"embed": transplanted.apply(lm["embed"], rng=0)}


copied = lexical(old, new)
zeros = lm | {"embed": copied.apply(lm["embed"], fallback="zero")}


found = {
    "its own tokens": bits_per_byte(lm, old),
    "copied, others drawn": bits_per_byte(moved_model(copied), new),
    "copied, others zero": bits_per_byte(zeros, new),
    "mean of the pieces": bits_per_byte(moved_model(moved), new),
}

# %% [markdown]
# ## Pieces weighed, and neighbours in meaning
#
# TokenAdapt counts a piece by how much of the token it spells and by how alike the two are, and mixes
# in the old tokens that are nearest in another space. Here that space is of words: vectors of the
# Bible's words from what stands near them, and for each token the mean of the words that have it.

# %%
words, _, counts = np.unique(bible.split(), return_index=True, return_counts=True)
vectors = ppmi_vectors(np.searchsorted(words, bible.split()), len(words), 32)
spaces = [word_space(tokenizer, words.tolist(), vectors, counts) for tokenizer in (old, new)]
for share in (0.0, 0.3):
    hybrid = tokenadapt.hybrid(old, new, *spaces, global_weight=share)
    found[f"hybrid, neighbours {share:.0%}"] = bits_per_byte(moved_model(hybrid), new)
for name, bits in found.items():
    print(f"{name:24} {bits:.2f} bits per byte")
assert found["mean of the pieces"] < found["copied, others drawn"]
assert found["copied, others zero"] < found["mean of the pieces"]
assert found["hybrid, neighbours 30%"] == min(list(found.values())[1:])

# %% [markdown]
# Every rule costs much of what the model knew. Neighbours help most here; means of pieces beat drawn
# rows, and do not beat zeros in a model as small as this one, whose one matrix reads and predicts: what
# is made of common pieces is guessed too often.

# %%
with record() as steps:
    cosines, lengths = np.array([0.8, 0.4]), np.array([0.75, 0.25])
    tokenadapt.local_weights(cosines, lengths)
steps

# %% alt="Bars of bits per byte: the lowest one is the model in its own tokens, the highest one the model whose new tokens were drawn at random; zeros, pieces and neighbours lie between"
plt.barh(list(found), list(found.values()), color="0.45")
plt.gca().invert_yaxis()
plt.xlabel("bits per byte, lower is better")
plt.tight_layout()
plt.show()

# %% [markdown]
# ## A network that predicts embeddings
#
# ZeTT learns the rule, on tokenizers that are drawn anew for each step. Its input is how the old
# tokenizer spells a new token. The one here begins with zeros behind the mean: untrained, it is the
# mean of the pieces.

# %%
pieces, truncated = surface_forms(new.tokens, old, max_pieces=12)
network = Hypernetwork(48, hidden=32, rng=0)
fresh = network.predict(pieces, lm["embed"])
assert not truncated.any()
assert np.allclose(fresh, moved.apply(lm["embed"]), atol=1e-5)
before = bits_per_byte(lm | {"embed": fresh}, new)
network.fit(lm, old, bible[:360_000], steps=40, vocab_size=768, length=48, rng=0)
after = bits_per_byte(lm | {"embed": network.predict(pieces, lm["embed"])}, new)
print(f"untrained {before:.2f} bits per byte, after 40 steps {after:.2f}")

# %% [markdown]
# ## A model of words
#
# Or do without a vocabulary: read the characters of each word, pool them into a few vectors, and spell
# the next word from those. It must not see what it is to predict: with the fifth word changed, what
# it says of the words before it stays as it was, and of its own first letter, too.

# %%
short_words = [word for word in bible[:60_000].lower().split() if len(word) <= 10]
words, _, alphabet = split_words(" ".join(short_words), max_chars=10)
model = WordPooled(len(alphabet) + 1, p=2, max_chars=10, max_words=16, d=24, heads=4, rng=0)
history = model.fit(words, 120, batch=8, rng=0)
print(f"nats a character: {history[0]:.2f} at first, {history[-1]:.2f} at last")
some, other = words[:16], words[:16].copy()
other[4] = words[50]
assert not np.array_equal(some[4], other[4])
said, said_of_other = model.log_probs(some), model.log_probs(other)  # (15, 10, n_chars)
assert np.allclose(said[:3], said_of_other[:3], atol=1e-5)  # of words 2 to 4
assert np.allclose(said[3, 0], said_of_other[3, 0], atol=1e-5)  # of its first letter
assert not np.allclose(said[4], said_of_other[4], atol=1e-5)  # the sixth word sees it
print("next word:", "".join(alphabet[i - 1] for i in model.next_word(some)))
theirs = encoder_mask(np.array([2]), 1, 4, variant="official")
print("the official mask lets a word look at its padding:", bool(theirs[0, 0, -1]))

# %% [markdown]
# ## Tokens by hand, and letters misread
#
# KL3M adds tokens for years, citations and markup. What they spare depends on whether the texts have
# any: a contract has, Shakespeare has not, and pays for the room that they take from learned ones.

# %%
curated = kl3m.curated_tokens()
size = 256 + len(kl3m.SPECIAL) + len(curated) + 512
made = kl3m.train_recipe(shakespeare, size, curated=curated, pad2=True)
plain = BPE.train(shakespeare, made.tokenizer.vocab)  # as many tokens, all learned
contract = '<td class="x">§ 12(a)(ii)</td> as of 1987 and 2019, see https://www.example.org'
for name, text in (("contract", contract), ("Shakespeare", shakespeare[:20_000])):
    n = [len(t.encode(text)) for t in (made.tokenizer, plain)]
    print(f"{name}: {n[0]} tokens with curated ones, {n[1]} with learned ones alone")
    assert (n[0] < n[1]) == (name == "contract")

# %% [markdown]
# Of a hundred letters one is replaced, as a bad scan does. Long tokens spread the damage.

# %%
text = bible[380_000:390_000]
draws = np.random.default_rng(0)
letters = np.array(list(text))
hit = np.flatnonzero(draws.random(len(letters)) < 0.01)
letters[hit] = draws.choice(list("abcdefghijklmnopqrstuvwxyz"), len(hit))
noisy = "".join(letters)
sizes = [300, 512, 1024, 2048, 4096]
large = BPE.train(bible[:360_000], sizes[-1])
short = BPE.train(bible[:360_000], sizes[-1], max_token_bytes=3)
free, limited = (
    [kl3m.boundary_stability(t.truncate(min(n, t.vocab)), text, noisy) for n in sizes]
    for t in (large, short)
)
for n, each, three in zip(sizes, free, limited, strict=True):
    print(f"{n:5} tokens: {each:.3f} of the boundaries stay, {three:.3f} with three bytes at most")
assert free[-1] < free[0]

# %% alt="Two lines of the share of boundaries that stay over the size of the vocabulary, one for tokens of any length and one for tokens of three bytes at most"
plt.plot(sizes, free, "o-", label="tokens of any length")
plt.plot(sizes, limited, "s--", label="three bytes at most")
plt.xscale("log", base=2)
plt.xlabel("tokens in the vocabulary")
plt.ylabel("boundaries that stay")
plt.legend()
plt.show()

# %% [markdown]
# ## Exercises
#
# 1. *Easy.* Let the rows that `lexical` does not know be the mean row (`fallback="mean"`). Is it nearer
#    to drawn rows or to zeros?
# 2. *Medium.* Compute an embedding of your own for the tokens that are not shared: only the last
#    piece, or pieces weighed by their length. Does it beat the mean in bits per byte?
# 3. *Open.* Train `WordPooled` and a transformer of characters of the same number of parameters
#    (`word_pooled.baseline`) for the same time. Which one spells rare words better?
