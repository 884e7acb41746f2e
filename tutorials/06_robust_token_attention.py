# %% [markdown]
# # Attention that does not rest on a few tokens
#
# When many tokens read the same few others, a corruption that hits those few hits everything.
# [*Robustifying Token Attention for Vision Transformers*](https://arxiv.org/abs/2303.11126) has two
# remedies: **TAP** averages a token's neighbourhood before attention, **ADL** is a loss that asks the
# rows of an attention matrix to differ. Both fit on a page. We build them, test what can be tested
# without training, and find that one of the two can fall silent.
#
# **You will be able to**
#
# - pool a grid of tokens at several dilations, by hand and with the edges right,
# - say against which kind of corruption averaging helps, and against which it cannot,
# - compute the diversification loss and check its gradient by nudging,
# - find inputs for which a loss has no gradient, and ask whether real inputs are such,
# - tell what a loss *asks for* from what it *says* it asks for.
#
# Needs: NumPy; [Attention without softmax](03_softmax_free_attention.md). About 40 minutes.

# %%
import matplotlib.pyplot as plt
import numpy as np

from tokenlab import record
from tokenlab.attention import (
    diversification_loss,
    pooling_weights,
    softmax_attention,
    token_aware_pool,
)
from tokenlab.data import load_vit_photos
from tokenlab.numerics import softmax

photos = load_vit_photos()

# %% [markdown]
# ## TAP: let the neighbourhood speak
#
# The tokens of an image stand on a grid. Branch 0 of TAP is the token itself, branch $s$ the mean of
# the 3 x 3 tokens around it that lie $s$ steps apart (*dilation* $s$). Each token mixes the branches
# with weights of its own:
#
# $$y_{ij} = \sum_s w_{ijs} \cdot \frac19 \sum_{(a,b) \in \mathcal N_s(i,j)} x_{ab}.$$
#
# One bright dot on a dark 5 x 5 grid shows the branches: the dot of 9 becomes nine ones.


# %%
def neighbour_mean(x, s):
    h, w = x.shape[:2]
    y = np.zeros_like(x)
    for i, j in np.ndindex(h, w):
        for a, b in ((i + di * s, j + dj * s) for di in (-1, 0, 1) for dj in (-1, 0, 1)):
            if 0 <= a < h and 0 <= b < w:
                y[i, j] += x[a, b] / 9
    return y


dot = np.zeros((5, 5, 1))
dot[2, 2] = 9
print(neighbour_mean(dot, 1)[..., 0].astype(int))
print(neighbour_mean(dot, 2)[..., 0].astype(int))

# %% [markdown]
# All of TAP is the weighted sum. The library's [`token_aware_pool`](../api/attention.md) shifts whole
# images where we loop:

# %%
rng = np.random.default_rng(0)
x, weights = rng.standard_normal((6, 5, 3)), softmax(rng.standard_normal((6, 5, 3)))
by_hand = weights[..., :1] * x
for s in (1, 2):
    by_hand += weights[..., s, None] * neighbour_mean(x, s)
np.testing.assert_allclose(by_hand, token_aware_pool(x, weights))
print("by loops and by the library: equal")

# %% [markdown]
# Look at what happens at the edge. The released pooling pads with zeros and *counts* them, so that
# a constant image gets dark corners: four of nine neighbours exist. `count_padding=False` divides by
# those that are there.

# %%
constant, means_only = np.ones((4, 4, 1)), np.broadcast_to([0.0, 1.0], (4, 4, 2))
print(token_aware_pool(constant, means_only)[..., 0].round(2))
print(token_aware_pool(constant, means_only, count_padding=False)[..., 0].round(2))

# %% [markdown]
# Where do the weights come from? From two small convolutions over the tokens and a softmax over the
# branches, both trained. At zero they are all alike; with a first convolution that sees the token
# itself and a second that passes it on, you can read them off:

# %%
first, second = np.zeros((3, 3, 1, 2)), np.zeros((3, 3, 2, 2))
print("all zero:", pooling_weights(dot, first, second)[2, 2])
first[1, 1, 0] = [0.5, 0.0]  # [1, 1] is the token itself: bright tokens vote for branch 0
second[1, 1] = np.eye(2)
chosen = pooling_weights(dot, first, second)
print("bright token:", chosen[2, 2].round(3), "  dark token:", chosen[0, 0].round(3))
np.testing.assert_allclose(chosen[2, 2], np.exp([4.5, 0]) / np.exp([4.5, 0]).sum())

# %% [markdown]
# The branches on a photo. Each patch of the model is one square, in its mean colour.

# %% alt="The astronaut in 16 by 16 coloured squares, and its means over neighbours 1, 2 and 3 apart: the wider the neighbours, the more the picture blurs"
colours = photos.images[0].reshape(16, 14, 16, 14, 3).mean(axis=(1, 3)) / 255  # (16, 16, 3)
figure, axes = plt.subplots(1, 4, figsize=(9.5, 2.7), layout="constrained")
for s, ax in enumerate(axes):
    branch = np.broadcast_to(np.eye(4)[s], (16, 16, 4))
    ax.imshow(token_aware_pool(colours, branch, count_padding=False).clip(0, 1))
    ax.set(xticks=[], yticks=[], title="the tokens" if s == 0 else f"neighbours {s} apart")
plt.show()

# %% [markdown]
# ## Against which corruption does it help?
#
# In the model, pooling stands ahead of attention. A mean and a matrix product can be exchanged: the
# query of a mean is the mean of the queries.

# %%
tokens, W = rng.standard_normal((6, 5, 8)), rng.standard_normal((8, 4))
w = np.broadcast_to([0.5, 0.5], (6, 5, 2))
np.testing.assert_allclose(
    token_aware_pool(tokens @ W, w), token_aware_pool(tokens, w) @ W, atol=1e-12
)
print("pool, then project = project, then pool")

# %% [markdown]
# So with fixed weights we can pool the recorded queries, keys and values of a real model (leaving
# out the LayerNorm that stands between). Corrupt them in two ways, and see how far the output of
# attention moves: **noise**, a little on every token, as of a bad camera; and **replaced** patches, a
# tenth of them taken from another photo, as if something stood in the way.
#
# We measure the change on the tokens that were not replaced, relative to how much the clean output
# varies over the tokens; median over four photos and six heads.

# %%
q, k, v = (x[:, :, 1:] for x in (photos.queries, photos.keys, photos.values))  # (4, 6, 256, 64)
mixes = {"no pooling": [1.0], "half mean": [0.5, 0.5], "all branches": [0.25] * 4}


def pooled(x, mix):
    w = np.broadcast_to(np.array(mix, np.float32), (16, 16, len(mix)))
    grid = x.reshape(*x.shape[:2], 16, 16, -1)
    return token_aware_pool(grid, w, count_padding=False).reshape(x.shape)


def attend(mix, arrays):
    return softmax_attention(*(pooled(x, mix) for x in arrays))


def spread(x):
    return np.linalg.norm(x - x.mean(axis=-2, keepdims=True), axis=(-2, -1))


# %%
hit = rng.choice(256, 26, replace=False)
untouched = np.setdiff1d(np.arange(256), hit)
deviation = [x.std(axis=(-2, -1), keepdims=True) for x in (q, k, v)]
noisy = [
    x + 0.5 * s * rng.standard_normal(x.shape).astype(np.float32)
    for x, s in zip((q, k, v), deviation, strict=True)
]
replaced = [x.copy() for x in (q, k, v)]
for x in replaced:
    x[:, :, hit] = np.roll(x, 1, axis=0)[:, :, hit]  # the same place in the next photo

# %%
print(f"{'':<14} noise  replaced   and how far pooling moves the clean output")
result, plain = {}, attend([1.0], (q, k, v))
for name, mix in mixes.items():
    clean = attend(mix, (q, k, v))
    change = []
    for corrupted, where in ((noisy, slice(None)), (replaced, untouched)):
        moved = np.linalg.norm((attend(mix, corrupted) - clean)[:, :, where], axis=(-2, -1))
        change.append(np.median(moved / spread(clean[:, :, where])))
    result[name] = change
    away = np.linalg.norm(clean - plain) / np.linalg.norm(plain)
    print(f"{name:<14} {change[0]:.3f}  {change[1]:.3f}      {away:.2f}")
assert result["half mean"][0] < 0.8 * result["no pooling"][0]
assert result["half mean"][1] > result["no pooling"][1]

# %% [markdown]
# **First finding.** Averaging fights noise that is independent from token to token, as averages do.
# Against replaced patches it does not help, it spreads them: every bad token now speaks for its
# neighbours, too. The last column is the price: a model that was not trained with pooling gets
# another input altogether. The paper trains with it, with weights that each token chooses, and
# reports a gain over many corruptions together; whether a token can learn to *look past* a bad
# neighbour cannot be seen from averages alone.
#
# ## ADL: the same few, read by all
#
# Here is the second problem. How much attention does each patch receive, from all others together?


# %%
def head_mean(i):
    """Attention of block 6 among patches, mean over heads; rows sum to one."""
    a = photos.attention(i).mean(axis=0).astype(float)[1:, 1:]
    return a / a.sum(axis=1, keepdims=True)


# %% alt="Two photos beside maps of the attention that each patch receives, as multiples of an equal share: in the rocket photo a few patches receive several times their share"
figure, axes = plt.subplots(1, 4, figsize=(9.5, 2.7), layout="constrained")
for i, (left, right) in zip((0, 3), axes.reshape(2, 2), strict=True):
    received = 256 * head_mean(i).mean(axis=0)
    left.imshow(photos.images[i])
    image = right.imshow(received.reshape(16, 16), cmap="cividis", vmin=0)
    figure.colorbar(image, ax=right, shrink=0.8, label="times an equal share")
    print(
        f"{photos.names[i]:<10} the most-read patch receives {received.max():.1f} times its share"
    )
for ax in axes:
    ax.set(xticks=[], yticks=[])
plt.show()

# %% [markdown]
# ADL compares each row $A_i$ of the attention matrix with the mean row $s$. Entries up to a
# threshold $\tau = 2/n$ (twice an equal share) are set to zero first, so that the loss is about the
# large ones:
#
# $$L = \frac1n \sum_i \cos(\hat A_i, \hat s), \qquad \hat x = x \odot [x > \tau], \quad
# s = \frac1n \sum_i A_i .$$
#
# 1 means: everybody reads the same. By hand on four tokens, three times:


# %%
def adl_by_hand(A, cut="both", lam=2.0):
    n = len(A)
    mean = A.mean(axis=0)
    if cut == "both":
        mean = np.where(mean > lam / n, mean, 0)
    total = 0.0
    for row in A:
        row = row if cut == "none" else np.where(row > lam / n, row, 0)
        lengths = np.linalg.norm(row) * np.linalg.norm(mean)
        total += row @ mean / lengths if lengths > 0 else 0.0
    return total / n


# %%
crowd = np.tile([0.91, 0.03, 0.03, 0.03], (4, 1))
alone = np.eye(4)
camps = np.array([[0.8, 0.1, 0.05, 0.05], [0.8, 0.05, 0.1, 0.05], *2 * [[0.05, 0.05, 0.1, 0.8]]])
cuts = ("both", "rows", "none")
print("cut:         both   rows   none")
for name, A in (("crowd", crowd), ("alone", alone), ("two camps", camps)):
    values = [adl_by_hand(A, cut) for cut in cuts]
    library = [diversification_loss(A, cut=cut).loss for cut in cuts]
    np.testing.assert_allclose(values, library, atol=1e-12)
    print(f"{name:<10}", *(f"{value:6.3f}" for value in values))

# %% [markdown]
# `"both"` is what the released code does, `"rows"` leaves the mean whole, `"none"` cuts nothing. Look
# at the two camps: half of the tokens read token 0, half read token 3. Within a camp the rows are
# nearly equal. The released loss calls this 0, perfect diversity, because no token has a *mean*
# attention above the threshold of 2/4. Step through it and see where everything disappears:

# %%
with record() as steps:
    diversification_loss(camps)
print(steps["mean row"].round(3), "→", steps["mean row, cut"].round(3))
steps

# %% [markdown]
# ## The gradient, and where there is none
#
# The gradient of a cosine is known; [`diversification_loss`](../api/attention.md) returns it.
# Check by nudging every entry. (The thresholds are constants: an entry that crosses one makes the
# loss jump, and no gradient tells.)


# %%
def by_nudging(A, cut, h=1e-6):
    gradient = np.zeros_like(A)
    for at in np.ndindex(*A.shape):
        nudge = np.zeros_like(A)
        nudge[at] = h
        gradient[at] = (adl_by_hand(A + nudge, cut) - adl_by_hand(A - nudge, cut)) / (2 * h)
    return gradient


# %%
A = softmax(
    1.5 * rng.standard_normal((12, 12)) + 2 * np.eye(12)[:2].sum(axis=0)
)  # 0 and 1 are liked
for cut in ("both", "rows", "none"):
    gradient = diversification_loss(A, cut=cut).attention_grad
    np.testing.assert_allclose(gradient, by_nudging(A, cut), atol=1e-8)
    print(f"cut={cut:<5} largest entry of the gradient {abs(gradient).max():.4f}")
    assert gradient.any()
camps_gradient = abs(diversification_loss(camps).attention_grad).max()
print(f"two camps, cut=both: {camps_gradient}")
assert camps_gradient == 0

# %% [markdown]
# Not small: zero. Wherever no token is crowded by more than twice its share on average, the
# released loss has nothing to say. How often is that? Try random attention first: softmax of
# independent logits, of growing spread.

# %%
print("share of matrices with loss 0 and gradient 0")
print("logits' deviation", *(f"n={n:<5}" for n in (16, 64, 256)))
silent = {}
for deviation in (1.0, 1.5, 2.0, 3.0):
    for n in (16, 64, 256):
        results = [
            diversification_loss(softmax(deviation * rng.standard_normal((n, n))))
            for _ in range(40)
        ]
        assert all((r.loss == 0) == (not r.attention_grad.any()) for r in results)
        silent[deviation, n] = np.mean([r.loss == 0 for r in results])
    print(f"{deviation:<17} " + "  ".join(f"{silent[deviation, n]:.2f}   " for n in (16, 64, 256)))
assert silent[1.0, 256] == 1
assert silent[3.0, 256] < 0.1

# %% [markdown]
# With unit logits, the usual first test of any attention code, the loss is silent nearly always. It
# is easy to conclude that it never works. But are *trained* models like that? Count the most
# crowded token in all 12 blocks of all four photos:

# %% alt="Attention received by the most crowded token in each of 12 blocks, four photos, log axis, as multiples of an equal share: all lie above the threshold of two; random attention lies below"
top = 257 * photos.column_mean.max(axis=-1)  # (4, 12)
figure, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
for i, marker in enumerate("os^D"):
    shade = str(0.18 * i)
    ax.plot(range(1, 13), top[i], marker=marker, color=shade, lw=1, label=photos.names[i])
unit = [257 * softmax(rng.standard_normal((257, 257))).mean(axis=0).max() for _ in range(12)]
ax.plot(range(1, 13), unit, "x", color="0.35", label="unit logits")
ax.axhline(2, color="black", ls="--", label="threshold")
ax.set(yscale="log", xlabel="block", ylabel="times an equal share", xticks=range(1, 13))
ax.set_yticks([1, 2, 5, 10, 20, 50], ["1", "2", "5", "10", "20", "50"])
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()
above = photos.column_mean > 2 / 257
print(
    f"lowest maximum of the {top.size}: {top.min():.1f} times the share; unit logits: {max(unit):.1f}"
)
print(f"tokens above the threshold: {100 * above.mean():.1f} % of all")
assert (top > 2).all()
assert max(unit) < 2

# %% [markdown]
# **Second finding.** Both are true: for independent unit logits the released loss is silent; in this
# trained transformer it is not, in any block of any photo. But it is about few tokens: only those
# above the threshold can be seen in $\hat s$. (The CLS token is among those in these counts.)
#
# ## What does it ask for?
#
# Take the real attention of a photo and walk downhill, with the logits of the matrix as free
# parameters. Watch three numbers: the redundancy that is really there (the mean cosine with nothing
# cut), how much the most crowded token receives, and among how many tokens a row spreads (the
# exponential of its entropy).


# %%
def walk(i, cut, steps=100, rate=300.0):
    logits, rows = np.log(head_mean(i)), []
    for _ in range(steps + 1):
        A = softmax(logits)
        loss, grad, _ = diversification_loss(A, cut=cut)
        redundancy = diversification_loss(A, cut="none").loss
        reach = np.exp(-(A * np.log(A + 1e-300)).sum(axis=1)).mean()
        rows.append((loss, redundancy, 256 * A.mean(axis=0).max(), reach))
        logits -= rate * A * (grad - (grad * A).sum(axis=1, keepdims=True))  # through the softmax
    return np.array(rows), A


# %%
ends = {(i, cut): walk(i, cut) for i in (0, 3) for cut in ("both", "rows")}
walks = {key: rows for key, (rows, _) in ends.items()}
print("                     loss          redundancy    most crowded   a row's reach")
for (i, cut), rows in walks.items():
    cells = "   ".join(f"{a:5.2f} → {b:5.2f}" for a, b in zip(rows[0], rows[-1], strict=True))
    print(f"{photos.names[i]:<10} {cut:<5}  {cells}")
for when, A in (("before", head_mean(3)), ("after", ends[3, "both"][1])):
    popular = A[:, A.mean(axis=0).argmax()]
    print(
        f"rocket, {when}: {int((popular > 0.5).sum())} rows give the most crowded token over half"
    )

# %% alt="Redundancy over 100 steps for two photos: on the astronaut the released loss stops after a few steps while the uncut mean goes on; on the rocket both go down together"
figure, panels = plt.subplots(1, 2, figsize=(9.5, 3.4), layout="constrained", sharey=True)
for ax, i in zip(panels, (0, 3), strict=True):
    for cut, style, shade in (("both", "-", "black"), ("rows", "--", "0.45")):
        name = "released: rows and mean cut" if cut == "both" else "rows cut alone"
        ax.plot(walks[i, cut][:, 1], style, color=shade, label=name)
    ax.set(title=photos.names[i], xlabel="gradient step", ylim=(0, 0.65))
panels[0].set_ylabel("redundancy: mean cosine, nothing cut")
panels[0].legend()
plt.show()
stuck, on = walks[0, "both"], walks[0, "rows"]
print(
    f"astronaut, released: loss 0 from step {int(np.argmax(stuck[:, 0] == 0))}, most crowded",
    end=" ",
)
print(
    f"{stuck[-1, 2]:.2f}, redundancy {stuck[0, 1]:.2f} → {stuck[-1, 1]:.2f}; rows: → {on[-1, 1]:.2f}"
)
assert stuck[-1, 0] == 0
assert stuck[-1, 1] > 2 * on[-1, 1]
assert all(rows[-1, 2] > rows[0, 2] for (i, cut), rows in walks.items() if (i, cut) != (0, "both"))

# %% [markdown]
# **Third finding.** On the astronaut the released loss is satisfied as soon as the last token has
# dipped just under twice its share; nearly all redundancy is still there. On the rocket, whose most
# crowded token is far above, it goes on working.
#
# And look at the column *most crowded*: wherever the loss keeps working, the most crowded token ends
# up *more* crowded than before. How can rows differ more and agree more on one token? Each row
# becomes narrower (its reach shrinks), most rows part, and some that already liked the popular
# token now give it most of their attention. A cosine compares directions, and narrow rows differ. "Diverse" is not the
# same as "not crowded".
#
# Free logits are not a network, which cannot move each entry by itself and has its task's loss as
# well; read this as what the loss *rewards*, not as what training does with it. It fits a third
# party's report that more weight on ADL moves the redundancy and not the robustness.
#
# ## Why not just spread the attention out?
#
# If narrow rows are the problem, ask for high entropy instead. Then the best matrix of all is
# uniform attention. What does the redundancy say about it?

# %%
uniform, n = np.full((64, 64), 1 / 64), 64
entropy = -(uniform * np.log(uniform)).sum(axis=1).mean()
print(f"uniform attention: entropy {entropy:.2f} of at most {np.log(n):.2f}", end=", ")
print(f"redundancy {diversification_loss(uniform, cut='none').loss:.2f}")
print(
    f"identity:          entropy 0.00, redundancy {diversification_loss(np.eye(n), cut='none').loss:.2f}"
)
print(f"uniform, as released: loss {diversification_loss(uniform).loss:.2f}")
assert diversification_loss(uniform, cut="none").loss > 0.99

# %% [markdown]
# (The identity is not at 0, because the mean contains the row itself: $1/\sqrt n$ is what no two rows
# in common looks like.) The most spread-out attention is the most redundant one: all rows are equal. And the released loss
# gives it a perfect 0, since no entry is above the threshold. Spread and diversity are two wishes
# that pull in opposite directions, and a loss should say which one it means.
#
# ## What we found
#
# - Pooling before attention dampens noise and spreads replaced patches; untrained, it is no remedy.
# - The zeros at the published edges make the borders of a picture darker than they are.
# - The released ADL has no gradient at all where no token has twice its share. Random attention is
#   like that; the trained model here is not.
# - Where it works it rewards narrow rows, and may leave the most crowded token more crowded.
#
# ## Exercises
#
# 1. **Easy.** Change `lam` from 2 to 1 in the table of silent matrices. *Expect no silent matrix any
#    more. Why must some token receive more than the mean share, and for which one matrix does the
#    argument fail?*
# 2. **Medium.** Show that the mean over all pairs of rows of $\cos(A_i, A_j)$ is the squared length
#    of the mean of the rows scaled to length one. Write that loss and its gradient, and check it by
#    nudging. *Expect the same cost as ADL, and a value far from 0 for the two camps.*
# 3. **Open.** Let each token choose its own pooling weights from what it sees: for example, less of
#    branch 0 where a token is unlike all its neighbours. *Expect that a rule can tell a replaced patch
#    from its neighbours only as well as it tells an edge from a plain surface. Judge it on noise and
#    on replaced patches at once, and on how far it moves the clean output.*
#
# Next: [tokens that are dropped altogether](04_token_pruning.md).

# %% [markdown] answer="Exercise 1"
# Each row hands out a share of 1, so $n$ rows give the $n$ tokens $1$ on average per column sum, and
# the mean row has the mean $1/n$. Its largest entry is above $1/n$ unless all are equal: then every
# token receives exactly the mean share and nothing is above the threshold. The argument fails for
# the matrices whose mean row is uniform, of which the uniform matrix is the one without any spread.
