# %% [markdown]
# # k-means: a few vectors that stand for many
#
# Codebooks are everywhere in this collection: codes of an output layer, clusters of tokens,
# compressed indexes. Nearly all of them come from one iteration of 1957. We write it by hand, see
# it settle in the wrong place, repair that, and compress a search index with it.
#
# **You will be able to**
#
# - do Lloyd's iteration on paper, and say why it never gets worse,
# - draw a k-means++ start, and say what a seed can and cannot change,
# - deal with empty clusters, weights and directions,
# - use codes: a photo in eight colours, and a search index of one byte per token.
#
# Needs: means, squared distances, NumPy indexing. About 40 minutes.

# %%
import matplotlib.pyplot as plt
import numpy as np

from tokenlab import record
from tokenlab.data import load_faq, load_vit_photos
from tokenlab.quantization import kmeans, plus_plus
from tokenlab.retrieval import TokenIndex, maxsim
from tokenlab.retrieval.metrics import ndcg

plt.rcParams.update({"figure.dpi": 110, "font.size": 9, "axes.spines.top": False})
plt.rcParams.update({"axes.spines.right": False, "figure.constrained_layout.use": True})

# %% [markdown]
# ## 1. By hand
#
# Six numbers shall be replaced by two codes, so that the sum of squared errors (the **inertia**) is
# small. Start anywhere, say at 0 and 1. Then two steps in turn:
#
# 1. **assign**: every number goes to its nearest code;
# 2. **update**: every code moves to the mean of its numbers.

# %%
numbers = np.array([0.0, 1.0, 2.0, 10.0, 11.0, 15.0])
codebook = np.array([0.0, 1.0])
for _ in range(5):
    gap = (numbers[:, None] - codebook) ** 2  # (n, n_codes)
    codes = gap.argmin(axis=1)
    inertia = gap.min(axis=1).sum()
    print(f"codes at {codebook.round(2)}: {codes.tolist()}, inertia {inertia:.2f}")
    codebook = np.array([numbers[codes == k].mean() for k in range(2)])

# %% [markdown]
# **Why it never gets worse.** With the codes fixed, no assignment is better than the nearest code.
# With the assignment fixed, no code is better than the mean: for any $c$,
#
# $$\sum_i (x_i - c)^2 = \sum_i (x_i - \bar x)^2 + n\,(\bar x - c)^2.$$
#
# Both steps can only lower the inertia, and there are finitely many assignments, so it settles.
#
# ## 2. In two dimensions, and equal to the library
#
# The same for vectors. One detail saves most of the time: distances come out of one matrix
# product, since $|x|^2$ is the same for all codes and need not be computed:
#
# $$\arg\min_k |x - c_k|^2 = \arg\max_k \; x \cdot c_k - \tfrac12 |c_k|^2.$$


# %%
def assign(x, codebook):
    closeness = x @ codebook.T - (codebook**2).sum(axis=1) / 2  # (n, n_codes)
    return closeness.argmax(axis=1)


def update(x, codes, codebook):
    return np.array([x[codes == k].mean(axis=0) for k in range(len(codebook))])


def lloyd(x, codebook, rounds):
    history = []
    for _ in range(rounds):
        codes = assign(x, codebook)
        history.append(((x - codebook[codes]) ** 2).sum())
        codebook = update(x, codes, codebook)
    return codebook, assign(x, codebook), history


# %%
rng = np.random.default_rng(3)
middles = np.array([[0, 0], [6, 0], [3, 5], [9, 6], [0, 9]])
clouds = np.vstack([m + rng.standard_normal((40, 2)) for m in middles])  # (200, 2)
start = clouds[[3, 57, 95, 130, 190]]
mine, my_codes, history = lloyd(clouds, start, 12)
theirs = kmeans.fit(clouds, 5, init=start, tol=0)
np.testing.assert_allclose(theirs.codebook, mine, atol=1e-12)
np.testing.assert_array_equal(theirs.codes, my_codes)
print(theirs.__class__.__name__, "of the library agrees; inertia by iteration:")
print(np.round(theirs.history, 1).tolist())

# %% [markdown]
# ## 3. Settled is not best
#
# Lloyd's iteration finds the nearest valley. Four points at the corners of a wide rectangle show it
# in one line: two codes, one above the other, do not move, and it could be a hundred times better.

# %%
corners = np.array([[0.0, 0.0], [0.0, 1.0], [10.0, 0.0], [10.0, 1.0]])
two_starts = {"above each other": [[5.0, 0], [5, 1]], "side by side": [[0.0, 0], [9, 0]]}
for name, start in two_starts.items():
    found = kmeans.fit(corners, 2, init=start)
    print(f"start {name:<17} inertia {found.inertia:6.1f}, codes {found.codebook.tolist()}")

# %% alt="Two scatter plots of five clouds: from a bad start two codes share one cloud and one code stands between two clouds; from a k-means++ start each cloud has its code"
tries = [kmeans.fit(clouds, 5, init="random", rng=seed, tol=0) for seed in range(20)]
bad = max(tries, key=lambda found: found.inertia)
good = kmeans.fit(clouds, 5, rng=0, tol=0)
figure, axes = plt.subplots(1, 2, figsize=(7, 3), sharey=True)
names = "the worst of 20 random starts", "k-means++"
for ax, found, name in zip(axes, (bad, good), names, strict=True):
    ax.scatter(*clouds.T, c=found.codes, cmap="cividis", s=9)
    ax.plot(*found.codebook.T, "X", color="white", markeredgecolor="k", markersize=11)
    ax.set(title=f"{name}: inertia {found.inertia:.0f}", xlabel="first coordinate")
axes[0].set_ylabel("second coordinate")
plt.show()
print("converged:", bad.converged, good.converged)

# %% [markdown]
# ## 4. k-means++: draw far rows
#
# The cure is in the start. Draw the first seed at random, then each next one with a probability in
# proportion to its squared distance to the nearest seed so far. On the six numbers, with the first
# seed at 0:

# %%
seeds = [0.0]
for _ in range(2):
    mass = np.min([(numbers - s) ** 2 for s in seeds], axis=0)
    print(f"seeds {seeds}: probabilities {np.round(mass / mass.sum(), 3).tolist()}")
    seeds.append(float(numbers[np.argmax(mass)]))  # here: simply the most probable one

# %% [markdown]
# Numbers that coincide with a seed have probability 0, far ones are likely. The library draws a
# few candidates in each step and keeps the best (greedy k-means++). How often does each start find
# the five clouds?

# %%
best = good.inertia
starts = {"random": [], "k-means++": []}
for name, found in starts.items():
    for seed in range(60):
        found.append(kmeans.fit(clouds, 5, init=name, rng=seed, tol=0).inertia / best)
    hits = np.mean(np.array(found) < 1.01)
    print(f"{name:<10} {hits:.0%} of the seeds within 1 % of the best inertia, ", end="")
    print(f"worst {max(found):.2f} times the best")
assert np.mean(np.array(starts["k-means++"]) < 1.01) > np.mean(np.array(starts["random"]) < 1.01)

# %% [markdown]
# ## 5. A code that nobody chooses
#
# A code can lose all its rows. Its mean is then 0/0, and a loop like ours fills the codebook with
# NaN. Below, the third code stands so far away that nobody goes there. The library gives it the row
# that is worst off, which lowers the inertia at once.

# %%
start = np.array([[0.0], [12.0], [99.0]])
codes = assign(numbers[:, None], start)
print("codes:", codes.tolist(), "- rows of each:", np.bincount(codes, minlength=3).tolist())
found = kmeans.fit(numbers[:, None], 3, init=start)
print("library:", found.codebook[:, 0].round(2).tolist(), end=", ")
print("inertia", np.round(found.history, 2).tolist())
assert len(np.unique(found.codes)) == 3

# %% [markdown]
# ## 6. Weights: a photo in eight colours
#
# Each pixel of a photo is a vector of three numbers. Eight codes are a palette. Many pixels have the
# same colour, and a colour that occurs $w$ times may as well be one row of weight $w$: sums and means
# are the same. So instead of all pixels we cluster the distinct colours. (Errors below are root mean
# squares; a channel runs to 255.)

# %%
photo = load_vit_photos().images[2]  # coffee
pixels = photo.reshape(-1, 3).astype(np.float64) // 8 * 8  # a little coarser: more equal colours
colours, of_pixel, times = np.unique(pixels, axis=0, return_inverse=True, return_counts=True)
start = colours[plus_plus(colours, 8, weights=times, rng=0)]
many = kmeans.fit(pixels, 8, init=start, tol=0)
few = kmeans.fit(colours, 8, init=start, weights=times, tol=0)
np.testing.assert_allclose(few.codebook, many.codebook, atol=1e-8)
np.testing.assert_array_equal(few.codes[of_pixel.ravel()], many.codes)
print(f"{len(pixels):,} pixels, {len(colours):,} distinct colours: the same palette from both")

# %% alt="A cup of coffee: the photo, then in 2, 8 and 32 colours; eight already look like the photo, with bands in the smooth parts"
figure, axes = plt.subplots(1, 4, figsize=(8, 2.3))
axes[0].imshow(photo)
axes[0].set_title("the photo")
for ax, n_codes in zip(axes[1:], (2, 8, 32), strict=True):
    palette = kmeans.fit(colours, n_codes, weights=times, rng=0)
    ax.imshow(palette.codebook[palette.codes[of_pixel.ravel()]].reshape(photo.shape) / 255)
    ax.set_title(f"{n_codes} colours, error {np.sqrt(palette.inertia / len(pixels)):.0f}")
for ax in axes:
    ax.set_axis_off()
plt.show()

# %% [markdown]
# ## 7. Directions
#
# Word vectors and token vectors are usually compared by angle. **Spherical** k-means scales rows to
# length one, and every mean as well. Four vectors in two directions, with different lengths:

# %%
arrows = np.array([[1.0, 0.2], [9.0, 1.0], [0.2, 1.0], [1.0, 9.0]])
for spherical in (False, True):
    found = kmeans.fit(arrows, 2, init=arrows[[0, 1]], spherical=spherical, tol=0)
    name = "spherical" if spherical else "Euclidean"
    print(f"{name}: codes {found.codes.tolist()}, codebook {found.codebook.round(2).tolist()}")

# %% [markdown]
# From the same start, the Euclidean clusters separate one long arrow from the rest, the spherical
# ones the two directions.
#
# ## 8. Step through it
#
# Every assignment and every mean of the six numbers, with the line that made it.

# %%
with record(labels={"n": [f"{x:g}" for x in numbers]}) as steps:
    kmeans.fit(numbers[:, None], 2, init=[[0.0], [1.0]])
print("inertia:", [step.value for step in steps if step.name == "inertia"])
steps

# %% [markdown]
# ## 9. Used for codes: a search index of one byte per token
#
# The Python FAQ in the package is a collection of token vectors of width 64. Replace every vector by
# the number of its nearest code, one byte for 256 codes, and keep the codebook. To search, look the
# codes up. **Residual** codes go on: a second codebook for what the first one leaves over, two bytes
# together, and a third.

# %%
faq = load_faq()
tokens = faq.index.tokens  # (n_tokens, 64), unit length
first = kmeans.fit(tokens, 256, rng=0)
once = first.codebook[first.codes]
second = kmeans.fit(tokens - once, 256, rng=0)
twice = once + second.codebook[second.codes]
third = kmeans.fit(tokens - twice, 256, rng=0)
thrice = twice + third.codebook[third.codes]


def quality(tokens):
    scores = maxsim(faq.queries, TokenIndex(tokens, faq.index.offsets))  # (n_queries, n_docs)
    ranked = np.argsort(-scores, axis=1, kind="stable")
    return np.mean([ndcg(r, [label], 10) for r, label in zip(ranked, faq.labels, strict=True)])


# %%
small = kmeans.fit(tokens, 16, rng=0)
rows = {"as they are": (64 * 4, tokens), "16 codes": (0.5, small.codebook[small.codes])}
rows |= {"256 codes": (1, once), "256 + 256": (2, twice), "256 three times": (3, thrice)}
found = {}
for name, (size, vectors) in rows.items():
    lost = ((vectors - tokens) ** 2).sum() / ((tokens - tokens.mean(axis=0)) ** 2).sum()
    found[name] = size, lost, quality(vectors)
    print(f"{name:<15} {size:5} bytes a token, {lost:4.0%} of the variance lost, ", end="")
    print(f"nDCG@10 {found[name][2]:.3f}")
assert found["256 + 256"][1] > 0.25
assert found["256 + 256"][2] > 0.85 * found["as they are"][2]

# %% alt="nDCG at 10 against bytes per token: half a byte is useless, one byte keeps most of the quality, two and three come nearer to the uncompressed vectors of 256 bytes"
figure, ax = plt.subplots(figsize=(5.6, 3))
ax.plot(*zip(*[(s, q) for s, _, q in sorted(found.values())], strict=True), "o-", color="#00224e")
for name, (size, _, q) in found.items():
    right, below = size > 9, -13 if 0.5 < size < 3 else 7
    ax.annotate(name, (size, q), (-2 if right else 7, below), textcoords="offset points",
                ha="right" if right else "left")  # fmt: skip
ax.set(xscale="log", xlabel="bytes per token", ylabel="nDCG@10", xlim=(0.4, 400), ylim=(0.0, 1))
ax.set_xticks([0.5, 1, 2, 3, 256], ["0.5", "1", "2", "3", "256"])
ax.minorticks_off()
plt.show()

# %% [markdown]
# Two bytes lose more than a quarter of the variance and keep well over four fifths of the quality: a
# maximum over many tokens needs the nearest one to stay nearest, not to stay in place. But nothing
# is free: one byte is clearly not enough here.
#
# ## What we found: seeds matter where there are clusters
#
# k-means++ is famous for much lower potentials than random seeds. On our clouds that was so. On the
# real token vectors? Twelve seeds each, inertia relative to the best of all:

# %%
sample = tokens[::4]
real = {name: [] for name in starts}
for name, inertias in real.items():
    inertias += [kmeans.fit(sample, 64, init=name, rng=seed).inertia for seed in range(12)]
lowest = min(min(x) for x in real.values())
for name, inertias in real.items():
    spread = np.array(inertias) / lowest
    print(f"{name:<10} mean {spread.mean():.3f}, worst {spread.max():.3f} times the best")
assert max(max(x) for x in real.values()) < 1.1 * lowest

# %% alt="Inertia over the best by start: on five clouds random seeds scatter far above 1 while k-means++ stays at 1; on token vectors both lie together just above 1"
figure, axes = plt.subplots(1, 2, figsize=(7, 2.8))
sets = {"five clouds": {k: np.array(v) for k, v in starts.items()}}
sets["token vectors, 64 codes"] = {k: np.array(v) / lowest for k, v in real.items()}
for ax, (title, values) in zip(axes, sets.items(), strict=True):
    for i, (marker, x) in enumerate(zip("os", values.values(), strict=True)):
        jitter = i + 0.25 * (rng.random(len(x)) - 0.5)
        ax.plot(jitter, x, marker, color=("0.35", "#00224e")[i], markersize=4, alpha=0.6)
    ax.set(title=title, xlim=(-0.5, 1.5), ylabel="inertia / best")
    ax.set_xticks([0, 1], list(values))
plt.show()

# %% [markdown]
# There the start hardly matters. The vectors do not fall into clusters: they fill a cloud of many
# dimensions, in which any spread of codes is about as good as any other. The codes are useful all
# the same. So "which clusters are there?" and "which codebook is good?" are two questions, and
# k-means answers the second.
#
# ## Why not just ...
#
# **... take random rows as codes?** No iteration needed. For a photo or for tokens, compare:

# %%
for name, x, n_codes in (("coffee", pixels[::7], 8), ("tokens", sample, 64)):
    drawn = [kmeans.fit(x, n_codes, init="random", iters=0, rng=s).inertia for s in range(5)]
    settled = kmeans.fit(x, n_codes, rng=0).inertia
    print(f"{name}: random rows have {np.mean(drawn) / settled:.2f} times the inertia")
    assert np.mean(drawn) > 1.2 * settled

# %% [markdown]
# **... choose the number of codes by the lowest inertia?** It always falls, down to 0 with a code for
# every row. Inertia compares codebooks of one size; the size is decided by what the codes are for.

# %%
for k in (1, 5, 50, 200):
    print(f"{k:3} codes of 200 points: inertia {kmeans.fit(clouds, k, rng=0).inertia:7.1f}")

# %% [markdown]
# ## Exercises
#
# 1. *Easy.* Start from all 15 pairs of the six numbers of section 1, then from all 20 triples. Expect:
#    the pairs settle in one place, the triples in three. Which start would k-means++ be likely to draw?
# 2. *Medium.* Write greedy farthest-first seeding (always the row of largest distance) and compare
#    it with k-means++ on the clouds, then again after adding one point at (60, 60). Expect: both are
#    fine, and with the outlier both give it a code of its own, so that two clouds must share one. By
#    inertia that is right. What would have to change so that it is not: the start or the objective?
# 3. *Open.* Section 9 with `spherical=True`, with the codes fitted on the questions' tokens instead
#    of the answers', and with four codebooks of 16 in place of two of 256. Which of them keeps the
#    ranking, and does the lost variance predict it?
#
# Next: [VQ-Logits](02_vq_logits.md), where weights decide everything;
# [merging tokens](10_merging_tokens.md), where k-means is one matrix among others;
# [`kmeans`](../api/quantization.md).

# %% answer="Exercise 1"
from itertools import combinations

for size in (2, 3):
    ends = {}
    for start in combinations(numbers, size):
        fitted = kmeans.fit(numbers[:, None], size, init=np.array(start)[:, None])
        end = tuple(np.sort(fitted.codebook.ravel()).round(2).tolist())
        ends[end] = ends.get(end, 0) + 1
    print(f"{size} codes:", ends)
