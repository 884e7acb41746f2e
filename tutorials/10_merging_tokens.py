# %% [markdown]
# # Merging tokens is a matrix product
#
# Dropping tokens, averaging them, fusing the rest into one, clustering them, spreading each over
# many: all of it is $Y = W X$ with a wide matrix $W$. Once it is written down like that, one can
# compose it, undo it, count what each token stands for, and see at a glance what a method does.
#
# **You will be able to**
#
# - write pruning, EViT, ToMe, VisionZip, k-means and a many-to-many rule as matrices, and read them,
# - keep track of sizes, and say why attention needs them,
# - show when size-aware attention is exact, and how its error grows when it is not,
# - undo a merge, and compose two of them.
#
# Needs: matrix products, softmax attention; [token pruning](04_token_pruning.md) for where the photos
# come from. About 45 minutes.

# %%
import matplotlib.pyplot as plt
import numpy as np

from tokenlab import record
from tokenlab.data import load_vit_photos
from tokenlab.numerics import softmax, unit
from tokenlab.pruning import (
    clusters,
    evit,
    group_means,
    size_aware_attention,
    soft_assign,
    token_transforming,
    tome,
    visionzip,
)

plt.rcParams.update({"figure.dpi": 110, "font.size": 9, "axes.spines.top": False})
plt.rcParams.update({"axes.spines.right": False, "figure.constrained_layout.use": True})

# %% [markdown]
# ## 1. By hand: four tokens become two
#
# Four tokens of width two. Row $i$ of $W$ says what new token $i$ is made of; column $j$ says what
# becomes of old token $j$.

# %%
x = np.array([[1.0, 0.0], [3.0, 0.0], [0.0, 2.0], [0.0, 4.0]])  # (n, d)
by_hand = {
    "prune: keep 0 and 3": [[1, 0, 0, 0], [0, 0, 0, 1]],
    "merge: means of pairs": [[0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5]],
    "spread: each to both": [[0.6, 0.3, 0.1, 0], [0, 0.1, 0.3, 0.6]],
}
for name, w in by_hand.items():
    w = np.array(w, dtype=float)  # (m, n)
    columns = w.sum(axis=0).round(2).tolist()
    print(f"{name}: Y = {(w @ x).round(2).tolist()}, rows {w.sum(axis=1)}, columns {columns}")

# %% [markdown]
# - **One-to-one**: a single 1 in each row. Columns of zeros are tokens that are gone.
# - **Many-to-one**: several entries in a row, one in a column. Nothing is gone, nothing is in two places.
# - **Many-to-many**: several in both.
#
# Rows that sum to one are averages: a set of equal tokens stays that token.
#
# ## 2. Token Merging (ToMe) from nothing
#
# Split the tokens into even and odd positions. Every even one finds the odd one with the largest
# cosine. The best `r` pairs merge, into the place of the odd one.


# %%
def merge_pairs(keys, r):
    n = len(keys)
    even, odd = np.arange(0, n, 2), np.arange(1, n, 2)
    cosine = unit(keys[even]) @ unit(keys[odd]).T  # (n_even, n_odd)
    best = np.argsort(-cosine.max(axis=1), kind="stable")[:r]  # even tokens that go
    into = np.arange(n)  # where each token ends up
    into[even[best]] = odd[cosine.argmax(axis=1)[best]]
    kept = np.flatnonzero(into == np.arange(n))
    member = kept[:, None] == into  # (m, n)
    return member / member.sum(axis=1, keepdims=True), member.sum(axis=1)  # W, size


keys = np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.0, 1.0]])
w, size = merge_pairs(keys, 1)
print(w, "\nsizes", size)
theirs = tome.reduce(keys, 1)
np.testing.assert_allclose(theirs.matrix(), w)
np.testing.assert_allclose(theirs.size, size)

# %% [markdown]
# Tokens 2 and 3 are equal, so they merge first. The library agrees; step through its version:

# %%
with record() as steps:
    tome.reduce(keys, 1)
print(steps.names)
steps

# %% [markdown]
# ## 3. A gallery of matrices
#
# Twelve tokens in three directions, with scores, under seven methods, to four tokens. (EViT adds its fused
# one, and ToMe can at most halve.)

# %%
rng = np.random.default_rng(1)
angles = np.repeat([0.0, 1.2, 2.4], 4) + 0.15 * rng.standard_normal(12)
small = np.stack([np.cos(angles), np.sin(angles)], axis=1)  # (12, 2)
attention = softmax(rng.standard_normal(12))  # (12,), what CLS looks at
kept = np.sort(np.argsort(-attention, kind="stable")[:4])
gallery = {
    "prune": evit.reduce(attention, k=4, fused=False),
    "EViT": evit.reduce(attention, k=4),
    "ToMe, r = 6": tome.reduce(small, 6),
    "VisionZip": visionzip.reduce(attention, small, dominant=2, contextual=2),
    "k-means": clusters.reduce(small, k=4, rng=0),
    "many-to-many, τ = 0.1": soft_assign(small, kept, 0.1),
    "many-to-many, τ = 1": soft_assign(small, kept, 1.0),
}

# %% alt="Seven matrices as heat maps: pruning has one bright cell per row; ToMe, VisionZip and k-means have one cell per column; EViT adds a faint last row; soft ones are filled, blurred at high temperature"
figure, axes = plt.subplots(2, 4, figsize=(8.4, 3.6))
for ax, (name, reduction) in zip(axes.ravel(), gallery.items(), strict=False):
    picture = ax.imshow(reduction.matrix(), cmap="cividis", vmin=0, vmax=1, aspect="auto")
    ax.set_title(f"{name} ({len(reduction)})", fontsize=9)
    ax.set(xticks=range(0, 12, 3), yticks=range(len(reduction)))
axes[0, 0].set(xlabel="old token", ylabel="new token")
axes[1, 3].set_axis_off()
figure.colorbar(picture, ax=axes, label="weight in W", shrink=0.7)
plt.show()

# %%
for name, reduction in gallery.items():
    w = reduction.matrix()
    rows, used = w.sum(axis=1), (w > 1e-12).sum(axis=0)
    print(
        f"{name:<22} {token_transforming.kind(reduction, tolerance=1e-9):<12} rows sum to ", end=""
    )
    print(f"{rows.min():.2f} to {rows.max():.2f}; a token is in {used.min()} to {used.max()} rows")

# %% [markdown]
# Two rows in there are no averages. EViT's fused token has the raw attention as weights, so it is
# shorter than a token by the share of attention that the kept ones have. A contextual token of
# VisionZip is a token *plus* the mean of its members: its row sums to two, and it is twice as long. A
# LayerNorm takes the factor away, a projector does not. With equal tokens one sees it at once:

# %%
same = np.ones((12, 2))
for name in ("EViT", "VisionZip", "k-means"):
    print(f"{name:<10} of equal tokens (1, 1): first coordinates", end=" ")
    print(gallery[name].apply(same)[:, 0].round(2).tolist())

# %% [markdown]
# ## 4. Sizes
#
# Merge three tokens at 0, then merge the result with a token at 4. Who forgets that the first one
# stands for three gets the wrong mean, and the order of merging begins to matter.

# %%
numbers = np.array([[0.0], [0.0], [0.0], [4.0]])
first = group_means([0, 3], [0, 0, 0, 1])  # sizes 3 and 1
forgot = group_means([0], [0, 0])
knows = group_means([0], [0, 0], size=first.size)
print("after one merge:", first.apply(numbers).ravel().tolist(), "sizes", first.size.tolist())
print("forgetting sizes:", forgot.apply(first.apply(numbers)).item(), end="; ")
print("with them:", knows.apply(first.apply(numbers)).item(), "; mean of all:", numbers.mean())

# %% [markdown]
# **Composing** is a product of matrices, $W = W_2 W_1$, and sizes go along:

# %%
both = first.compose(knows)
np.testing.assert_allclose(both.matrix(), knows.matrix() @ first.matrix())
np.testing.assert_allclose(both.apply(numbers), knows.apply(first.apply(numbers)))
print(both, "W =", both.matrix().tolist(), "size", both.size.tolist())

# %% [markdown]
# ## 5. Attention needs sizes
#
# Four keys, the last two equal, with equal values. Merge those two. The query now sees one token where
# there were two, and gives it half of the weight it deserves. Adding $\log s$ to its logit repairs that
# exactly, since $s\,e^{\ell} = e^{\ell + \log s}$.

# %%
k = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 1.0]])
v = np.array([[1.0, 0.0], [0.0, 1.0], [5.0, 5.0], [5.0, 5.0]])
q = np.array([[2.0, 1.0]])
pair = group_means([0, 1, 2], [0, 1, 2, 2])
logits = q @ pair.apply(k).T / np.sqrt(2)  # (1, 3)
before = softmax(q @ k.T / np.sqrt(2)) @ v
blind = softmax(logits) @ pair.apply(v)
aware = softmax(logits + np.log(pair.size)) @ pair.apply(v)
print(
    "unmerged", before[0].round(4), " without sizes", blind[0].round(4), " with", aware[0].round(4)
)
np.testing.assert_allclose(aware, before, rtol=1e-12)
np.testing.assert_allclose(size_aware_attention(q, pair.apply(k), pair.apply(v), pair.size), aware)

# %% [markdown]
# And when the tokens are only *nearly* equal? Let both differ from their mean by $\pm\varepsilon$. The
# first-order terms cancel, since deviations from a mean sum to zero; what is left is of the order
# $\varepsilon^2$. Without sizes the error does not go away at all.

# %%
epsilons, errors = np.logspace(-3, 0, 13), {"with sizes": [], "without": []}
delta = np.array([0.6, -0.8])
for epsilon in epsilons:
    shift = epsilon * np.array([[0, 0], [0, 0], delta, -delta])
    exact = size_aware_attention(q, k + shift, v + shift)
    for name, s in {"with sizes": pair.size, "without": None}.items():
        found = size_aware_attention(q, pair.apply(k + shift), pair.apply(v + shift), s)
        errors[name].append(np.abs(found - exact).max())
slope = np.diff(np.log(errors["with sizes"][:7])) / np.diff(np.log(epsilons[:7]))
print("slope of the error with sizes, on log axes:", slope.round(3).tolist())
assert np.allclose(slope, 2, atol=0.05)

# %% alt="Error against the difference of two merged tokens on log axes: with sizes a line of slope two, without sizes a flat line far above"
figure, ax = plt.subplots(figsize=(5, 3))
for (name, error), style in zip(errors.items(), ("o-", "s--"), strict=True):
    ax.loglog(epsilons, error, style, color="#00224e" if "with s" in name else "0.35", label=name)
ax.set(xlabel="distance of the two tokens from their mean", ylabel="error of the output")
ax.legend()
plt.show()

# %% [markdown]
# ## 6. Undoing it
#
# Segmentation and generation need a token for every place again. A token that went into one row gets
# a copy of that row; one that was spread gets the rows in the same shares, $\hat X = P^\top Y$. See it
# on pixels: cut a photo into 256 patches of 14 x 14 x 3 numbers, reduce them to 64 by rules that only
# know the model's states, undo it, and look.

# %%
photos = load_vit_photos()
at = 1  # chelsea, the cat
states, patch_keys = photos.hidden[at, 1:], photos.keys[at, :, 1:].mean(axis=0)
looked_at = photos.cls_attention[at, 5, :, 1:].mean(axis=0)  # (256,)
pixels = photos.images[at].reshape(16, 14, 16, 14, 3).swapaxes(1, 2).reshape(256, -1) / 255.0


def picture(patches):
    return np.clip(patches.reshape(16, 16, 14, 14, 3).swapaxes(1, 2).reshape(224, 224, 3), 0, 1)


def tome_down_to(keys, k):
    total = tome.reduce(keys, min(len(keys) // 6, len(keys) - k))
    while len(total) > k:
        now = total.apply(keys)
        r = max(1, min(len(now) // 6, len(now) - k))
        total = total.compose(tome.reduce(now, r, size=total.size))
    return total


# %%
rules = {
    "prune by CLS": lambda k: evit.reduce(looked_at, k=k, fused=False),
    "ToMe": lambda k: tome_down_to(patch_keys, k),
    "k-means": lambda k: clusters.reduce(states, k=k, rng=0),
    "many-to-many": lambda k: token_transforming.reduce(patch_keys, looked_at, k=k),
}

# %% alt="The cat from 64 tokens: pruning leaves black holes; ToMe and k-means copy blurred patches into place; the many-to-many result is blurred most, since shares overlap"
figure, axes = plt.subplots(1, 5, figsize=(9, 2.2))
axes[0].imshow(picture(pixels))
axes[0].set_title("256 patches")
for ax, (name, rule) in zip(axes[1:], rules.items(), strict=True):
    reduction = rule(64)
    ax.imshow(picture(reduction.unmerge(reduction.apply(pixels))))
    ax.set_title(f"{name}: 64")
for ax in axes:
    ax.set_axis_off()
plt.show()

# %%
spread = ((states - states.mean(axis=0)) ** 2).sum()
for name, rule in rules.items():
    reduction = rule(64)
    lost = ((reduction.unmerge(reduction.apply(states)) - states) ** 2).sum() / spread
    print(f"{name:<13} {lost:6.1%} of the states' variance lost after merging and undoing")

# %% [markdown]
# Pruning loses more than everything: a dropped token comes back as zeros, which are farther from it than
# the mean of all is. k-means loses least, as one expects: the mean of a cluster is the best single vector
# for it, and Lloyd's iteration looks for good clusters. It also takes the longest.
#
# ## 7. What we found: does spreading lose less?
#
# The paper on Token Transforming argues that many-to-many loses less than many-to-one. Its rule was not
# to be read, so what follows tests *our* rule: the same 64 places, once with every token going to the
# nearest place alone, and with softer and softer shares. Fidelity is how much of the CLS token's reading
# in blocks 7 and 12 is left ([how it is measured](04_token_pruning.md)), the mean over four photos.


# %%
def places_of(i, k=64):
    keys = photos.keys[i, :, 1:].mean(axis=0)
    scores = photos.cls_attention[i, 5, :, 1:].mean(axis=0)
    return keys, np.sort(np.argsort(-scores, kind="stable")[:k])


def hard(i):
    keys, places = places_of(i)
    nearest = (unit(keys) @ unit(keys[places]).T).argmax(axis=1)
    nearest[places] = np.arange(64)
    return group_means(places, nearest, size=np.ones(256))


def fidelity(make):
    found = [make(i) for i in range(4)]
    return np.mean([photos.fidelity(i, r.matrix(), size=r.size) for i, r in enumerate(found)])


# %%
temperatures = [0.003, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1.0, 3.0]
soft = [fidelity(lambda i, t=t: soft_assign(*places_of(i), t)) for t in temperatures]
lines = {
    "to the nearest alone": fidelity(hard),
    "ToMe": fidelity(lambda i: tome_down_to(places_of(i)[0], 64)),
    "k-means": fidelity(lambda i: clusters.reduce(photos.hidden[i, 1:], k=64, rng=0)),
}
for t, f in zip(temperatures, soft, strict=True):
    print(f"shares at τ = {t:<5}: {f:.3f}")
print({name: f"{f:.3f}" for name, f in lines.items()})

# %% alt="Fidelity against temperature: soft shares approach the nearest place alone at low temperature and fall far as they soften; ToMe and k-means lie above throughout"
figure, ax = plt.subplots(figsize=(5.8, 3.2))
ax.semilogx(temperatures, soft, "o-", color="#00224e", label="many-to-many, ours")
styles = zip(lines.items(), ("0.35", "0.35", "0.1"), ("--", ":", "-."), strict=True)
for (name, value), colour, style in styles:
    ax.axhline(value, color=colour, linestyle=style, label=name)
ax.set(xlabel="temperature τ of the shares", ylabel="fidelity with 64 of 256 patches")
ax.legend(fontsize=8)
plt.show()

# %%
best = int(np.argmax(soft))
print(
    f"best τ = {temperatures[best]}: {soft[best]:.3f}, nearest alone {lines['to the nearest alone']:.3f}"
)
assert soft[-1] < soft[best] < lines["to the nearest alone"] < lines["ToMe"] < lines["k-means"]

# %% [markdown]
# Spreading only loses here: sending each token to its nearest place alone is best, shares approach that
# as the temperature falls, and too soft all rows become the same mean. What decides is *which places*:
# many-to-one with places that follow the tokens (ToMe, k-means) keeps more than any spreading over places
# that attention chose. Two reservations: fidelity flatters merging, and the authors' own rule may choose
# and spread differently.
#
# ## Why not just ...
#
# **... undo with the pseudo-inverse?** $W^+ Y$ is the best guess in the sense of least squares, and for
# many-to-one it is a copy as well. For soft rows that nearly coincide it is a trap: it divides by almost
# nothing. Disturb $Y$ by a thousandth and undo it both ways:

# %%
undone = {"k-means": rules["k-means"](64)}
undone["shares at τ = 0.3"] = soft_assign(patch_keys, np.arange(0, 256, 4), 0.3)
for name, reduction in undone.items():
    y = reduction.apply(states)
    noise = 1e-3 * np.abs(y).mean() * rng.standard_normal(y.shape)
    inverse = np.linalg.pinv(reduction.matrix().astype(np.float64))
    moved = {"pinv": inverse @ noise, "shares": reduction.unmerge(noise)}
    moved = {way: float(np.abs(m).max() / np.abs(noise).max()) for way, m in moved.items()}
    print(
        f"{name}: the largest error is the noise times", {w: f"{m:.3g}" for w, m in moved.items()}
    )
assert moved["pinv"] > 100 * moved["shares"]

# %% [markdown]
# **... merge all at once?** ToMe may merge at most half of the tokens in a step, and then every even token
# has to go, whether it has a partner or not. In steps of a sixth the same number goes better:

# %%
slow = fidelity(lambda i: tome_down_to(places_of(i)[0], 128))
fast = fidelity(lambda i: tome.reduce(places_of(i)[0], 128))
print(f"256 to 128 in steps of a sixth: {slow:.4f}; at once: {fast:.4f}")
assert slow > fast

# %% [markdown]
# ## Exercises
#
# 1. *Easy.* Write $W$ for "average 2 x 2 squares of a 4 x 4 grid" by hand, wrap it in
#    `group_means`, and check `unmerge`. Expect: four rows with four entries of 1/4; a blocky picture.
# 2. *Medium.* Show by the second-order terms of section 5 which merges are safe: for a query $q$ the error
#    grows with $(q \cdot \delta)^2$. Merge two keys that differ only in a direction orthogonal to $q$.
#    Expect: an exact result however far apart they are, if values are equal. What does that say about
#    merging by *keys* and not by states?
# 3. *Open.* Choose the places by k-means (`clusters.reduce(...).kept`) and spread with `soft_assign`
#    over them. Is there a temperature that beats k-means itself? Use photos 0 and 1 to choose it, and 2
#    and 3 to report.
#
# Next: [k-means](08_k_means.md), [token pruning](04_token_pruning.md), and
# [`Reduction`](../api/pruning.md) with everything that it can do.

# %% answer="Exercise 1"
places = np.arange(16).reshape(4, 4)
squares = (places // 8) * 2 + (places % 4) // 2  # (4, 4): which 2 x 2 square a place lies in
first = np.array([0, 2, 8, 10])  # the upper left place of each
by_hand = group_means(first, squares.ravel())
print(by_hand.matrix())
print(by_hand.unmerge(by_hand.apply(places.reshape(16, 1).astype(float))).reshape(4, 4))
