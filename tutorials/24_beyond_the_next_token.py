# %% [markdown]
# # Beyond the next token
#
# A language model learns to say the next token. Three papers ask for more: say the next few, know
# from one vector where the text is going, learn concepts whole. A fourth asks which question should
# come next. Here are their losses by hand, and what came of their claims at our size.
#
# **You will be able to**
#
# - write the loss of heads that look ahead, and of a decoder that does,
# - tell smooth vectors from vectors that only share a direction,
# - weigh auxiliary losses so that they fade,
# - measure angles of a prompt without all pairs of tokens, and say where a window over a ranking ends.
#
# Needs: logarithms, cross-entropy, what a transformer is ([tutorial 12](12_inside_a_transformer.md)).
# About 40 minutes.

# %%
import matplotlib.pyplot as plt
import numpy as np

from tokenlab import record
from tokenlab.autograd import value_and_grad
from tokenlab.data import load_faq
from tokenlab.objectives import caft, future_token, gain_rl, grpo, multi_token
from tokenlab.tour.objectives_ahead import counted, letters, passage, stored, trained, written

ids = passage(3)
print(written(ids))

# %% [markdown]
# ## Heads that look ahead
#
# Head j says the token j + 1 places ahead, and none of them knows what stands between. The simplest
# heads are counts: how often does a letter stand two places behind an `h`? The loss grows with the
# distance until it is that of letters drawn by their frequency, which is hardly further up.

# %%
texts = np.array([passage(i) for i in range(40)])
heads = counted(4)[:, texts]  # (4, b, n, vocab)
blind = multi_token.head_losses(heads, texts)
frequency = np.bincount(letters()[:100_000], minlength=28) / 100_000
nothing = -np.log(frequency[texts]).mean()
for ahead, loss in enumerate(blind, start=1):
    print(f"{ahead} ahead: {loss:.3f} nats; frequencies alone: {nothing:.3f}")
by_hand = [-heads[1, b, t, texts[b, t + 2]] for b in range(40) for t in range(30)]
assert np.isclose(blind[1], np.mean(by_hand))
assert blind[0] < blind[1]

# %% [markdown]
# ## One vector for the next four letters
#
# FTP has a decoder. It gets one vector for each position, stretched into a few, and the letters from
# there on; nothing else of the past. These are its inputs and targets for a text of three tokens:

# %%
inputs, targets = future_token.windows([5, 6, 7], 2)
print(inputs.tolist(), targets.tolist())
params, history = trained()  # a network of one layer, 150 steps
print(f"loss before and after: {history[0]:.2f}, {np.mean(history[-10:]):.2f}")
targets = future_token.windows(texts, 4).targets
known = future_token.distance_losses(future_token.forward(params, texts), targets)
for ahead, (a, b) in enumerate(zip(known, blind, strict=True), start=1):
    print(f"{ahead} ahead: FTP, which reads those between, {a:.2f}; counts, which do not, {b:.2f}")

# %% [markdown]
# The two columns answer different questions from the second row on: only the first compares.
#
# That the vector is all the decoder knows can be tested: change letters before a position, keep its
# vector, and nothing changes.

# %%
h = future_token.encode(params, texts)
windows = future_token.windows(texts, 4).inputs
other = texts.copy()
other[:, :10] = 0
held = future_token.decode(params, h, future_token.windows(other, 4).inputs)
assert np.allclose(held[:, 10:], future_token.decode(params, h, windows)[:, 10:], atol=1e-5)
moved = abs(future_token.forward(params, other) - future_token.forward(params, texts))[:, 10:]
assert moved.max() > 0.1  # with its own vectors it is another matter

# %% [markdown]
# ## Are its vectors smooth?
#
# The paper finds that adjacent vectors have a large cosine. But so have any two vectors that share a
# direction. Take the mean vector off, and look at pairs that were drawn:

# %%
drawn = np.random.default_rng(0).permutation(h.reshape(-1, h.shape[-1]))
start = future_token.init(vocab=28, d=32, layers=1, heads=2, pseudo=3, horizon=4, n_max=32, rng=0)
before = future_token.encode(start, texts)
for name, x in (("before training", before), ("after", h), ("after, pairs drawn", drawn)):
    raw, centred = future_token.smoothness(x), future_token.smoothness(x, center=True)
    print(f"{name:<20} adjacent {raw:+.3f}, without the mean {centred:+.3f}")

# %% [markdown]
# Larger models, trained for minutes, with several seeds (`tools/findings/objectives.py`):

# %% alt="Bars of mean cosines of adjacent vectors without their mean, for four models: FTP's is by far the largest, heads come second, usual models last"
found = stored("ahead")
for name, row in found.items():
    print(f"{name:<14}", {k: row[k] for k in ("L_1", "adjacent", "two drawn", "adjacent, centred")})
fig, ax = plt.subplots(figsize=(6, 2.5))
ax.barh(list(found), [row["adjacent, centred"] for row in found.values()])
ax.set_xlabel("mean cosine of adjacent vectors, mean taken off")
plt.show()

# %% [markdown]
# ## Auxiliary losses that fade
#
# CAFT fine-tunes with heads for the tokens after the next one, multiplied by small weights that
# vanish towards the end. With losses of 2 for the model and 2.5, 3, 3.4, 3.7 for its heads:

# %%
each = np.array([2, 2.5, 3, 3.4, 3.7])
for progress in (0.0, 0.5, 1.0):
    weights = caft.coefficients(5, progress=progress)
    print(f"{progress:.0%}: {weights @ each:.4f}")
assert np.isclose(caft.coefficients(5, progress=1.0) @ each, 2)
value, grad = value_and_grad(lambda x: caft.loss(x, texts, progress=1.0))(heads)
print("at the end the heads get a gradient of", abs(grad[1:]).max())
for name, row in stored("caft").items():
    print(f"{name:<18} {row['nats']:.4f} nats, words {row['log p of words']:.3f}")

# %% [markdown]
# ## Which question next?
#
# A gradient adds up over tokens, and pairs of tokens add more where their states point the same way.
# So GAIN-RL ranks questions by the mean cosine within them. A mean over all pairs is a product of
# means, and no matrix of pairs is needed:

# %%
faq = load_faq()
x = np.asarray(faq.queries[12])  # one row a token
u = x / np.linalg.norm(x, axis=1, keepdims=True)
pairs = (u[1:] @ u[1:].T).mean()
assert np.isclose(gain_rl.angle_concentration(x, 1).intra, pairs, atol=1e-6)
lengths = np.array([len(query) for query in faq.queries])
measured = [gain_rl.angle_concentration(query, 1) for query in faq.queries]
with_self = np.array([c.intra for c in measured])
without = np.array(
    [gain_rl.angle_concentration(query, 1, diagonal=False).intra for query in faq.queries]
)
for name, score in (("as written", with_self), ("without itself", without)):
    print(f"{name:<15} correlation with the length {np.corrcoef(score, lengths)[0, 1]:+.2f}")

# %% [markdown]
# The mean holds every token's cosine with itself, which is 1: short questions look concentrated.
#
# A window moves over the ranking, and nothing stops it. Drawn from logarithms it stays finite:

# %%
mean, epoch = 0.0, 0
while mean < 1000:
    mean, epoch = gain_rl.next_mean(mean, 0.5, 0.5), epoch + 1
print(f"a window over 1,000 questions has left them in epoch {epoch}")
p = gain_rl.sampling_probabilities(1000, 50_000.0)
assert np.isfinite(p).all()
for name, row in stored("order").items():
    print(f"{name:<24} {row['accuracy']:.3f} right")

# %% [markdown]
# What an answer is worth is its reward beside those of other answers to the same question. Where all
# are right, or none, nothing is learned:

# %%
print(grpo.advantages([[1.0, 0, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]]).round(2))

# %% [markdown]
# ## Exercises
#
# 1. Easy: at which progress do CAFT's weights under "rsine" halve?
# 2. Medium: leave the diagonal out of the mean over pairs by hand, and compare.
# 3. Open: find a measure of a question, cheaper than its gradient, that tells the gradient's norm.

# %% answer="Exercise 1"
halved = 1 - np.arcsin(0.5) * 2 / np.pi
assert np.isclose(caft.schedule(float(halved)), 0.5)
print(halved)

# %% answer="Exercise 2"
n = len(u) - 1
assert np.isclose((n * n * pairs - n) / (n * (n - 1)), without[12], atol=1e-6)

# %% [markdown]
# The step-through: FTP on a text, line by line.

# %%
with record() as steps:
    future_token.loss(
        future_token.forward(params, ids[:8]), future_token.windows(ids[:8], 4).targets
    )
steps
