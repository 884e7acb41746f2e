# %% [markdown]
# # Linear attention that keeps the softmax
#
# [SOFT](03_softmax_free_attention.md) gave the softmax up to get linear time. Three neighbours keep
# it and approximate it: the [Nyströmformer](https://arxiv.org/abs/2102.03902) by landmarks, the
# [Performer](https://arxiv.org/abs/2009.14794) by random features, the
# [Linformer](https://arxiv.org/abs/2006.04768) by mixing keys before anybody looks at them. Each is
# a few lines. Each is good at something, and each breaks in its own way.
#
# **You will be able to**
#
# - write all three in a few lines of NumPy and explain where the $n \times n$ matrix went,
# - prove why the Performer is right on average, and compute when that does not help,
# - compare approximations fairly: same tokens, same cost, and with baselines that need no theory,
# - say which one to take for which tokens, and what to try first.
#
# Needs: [Attention without softmax](03_softmax_free_attention.md). About 45 minutes.

# %%
import time

import matplotlib.pyplot as plt
import numpy as np

from tokenlab import record
from tokenlab.attention import (
    cubic_pinv,
    gaussian_attention,
    kmeans_landmarks,
    linformer_attention,
    nystrom_attention,
    orthogonal_features,
    performer_attention,
    segment_landmarks,
    soft_attention,
    softmax_attention,
)
from tokenlab.data import load_vit_photos
from tokenlab.numerics import softmax
from tokenlab.tour.attention_methods import photo_tokens


def relative(a, b):
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


# %% [markdown]
# ## The tokens, and two baselines that need no theory
#
# Queries, keys and values of a vision transformer that looks at four photos: block 6, six heads,
# 256 patches each. They are what the model computed, not interpolated. We scale queries and keys by
# $d^{-1/4}$ once and for all, so that attention is $\mathrm{softmax}(QK^\top)V$.
#
# Before anything clever, two things that are linear by nature. *The mean of all values*, the same
# for every token. And *a sample*: exact attention to 64 keys that are drawn at random. Whoever does
# not beat these has not approximated attention.

# %%
photos = load_vit_photos()
heads = [
    tuple(np.ascontiguousarray(x[i, h, 1:]) for x in (photos.queries, photos.keys, photos.values))
    for i in range(4)
    for h in range(6)
]
q, k, v = heads[2]  # the astronaut, head 2
n, d = q.shape
Q, K = q * d**-0.25, k * d**-0.25
exact = softmax(Q @ K.T) @ v
np.testing.assert_allclose(exact, softmax_attention(q, k, v), atol=1e-5)

mean = np.broadcast_to(v.mean(axis=0), v.shape)
drawn = np.random.default_rng(0).choice(n, 64, replace=False)
sample = softmax(Q @ K[drawn].T) @ v[drawn]
print(f"n = {n}, d = {d}")
print(
    f"error of the mean {relative(mean, exact):.3f}, of a sample of 64 {relative(sample, exact):.3f}"
)

# %% [markdown]
# ## Nyströmformer: look through landmarks
#
# Let $\tilde Q$, $\tilde K$ be the means of $m$ runs of tokens. The idea is the one of SOFT: see every
# query and every key through the landmarks, and undo the detour by an inverse in the middle.
#
# $$Y = \sigma(Q\tilde K^\top)\; \sigma(\tilde Q \tilde K^\top)^{+}\; \sigma(\tilde Q K^\top)\, V,
# \qquad \sigma = \text{softmax of rows}$$
#
# The three matrices are $n \times m$, $m \times m$ and $m \times n$. From right to left nothing
# larger appears. One thing is not as in SOFT: every factor has been divided by its own row sums, so
# that nothing is exact any more, not even on landmarks. It is an analogy that works.

# %%
m = 64
Q_marks, K_marks = (x.reshape(m, n // m, d).mean(axis=1) for x in (Q, K))  # (m, d)
np.testing.assert_allclose(K_marks, segment_landmarks(K, m), atol=1e-6)
left, middle, right = softmax(Q @ K_marks.T), softmax(Q_marks @ K_marks.T), softmax(Q_marks @ K.T)
nystrom = left @ (np.linalg.pinv(middle) @ (right @ v))
print(f"with an exact pseudo-inverse: error {relative(nystrom, exact):.3f}")
print(f"the library, six iterations:  error {relative(nystrom_attention(q, k, v, m), exact):.3f}")

# %% [markdown]
# Two numbers for one formula: the paper does not invert, it iterates six times, by a rule of third
# order (each step triples the correct digits at the end, where
# [Newton's](03_softmax_free_attention.md) doubles them). On a matrix that you can check:

# %%
small = np.array([[0.7, 0.3], [0.2, 0.8]])
one = np.eye(2)
Z = small.T / (abs(small).sum(axis=0).max() * abs(small).sum(axis=1).max())
for step in range(1, 5):
    AZ = small @ Z
    Z = Z @ (13 * one - AZ @ (15 * one - AZ @ (7 * one - AZ))) / 4
    print(f"step {step}: largest error {abs(Z - np.linalg.inv(small)).max():.1e}")
    np.testing.assert_allclose(Z, cubic_pinv(small, iters=step))

# %% [markdown]
# On real landmarks six steps are not enough to converge. Should they be? Watch the error of the
# *output* against the number of steps.

# %%
rocket = heads[3 * 6 + 3]
target = softmax_attention(*rocket)
sharp = np.linalg.pinv(middle.astype(float))
print("steps   error of the inverse   of the attention   of the attention, rocket, head 3")
for iters in (1, 2, 4, 6, 8, 12, 16):
    inverse = relative(cubic_pinv(middle.astype(float), iters=iters), sharp)
    output = relative(nystrom_attention(q, k, v, m, iters=iters), exact)
    other = relative(nystrom_attention(*rocket, m, iters=iters), target)
    print(f"{iters:5d}   {inverse:20.4f}   {output:16.3f}   {other:16.3f}")
six, many = (relative(nystrom_attention(q, k, v, m, iters=i), exact) for i in (6, 16))
assert six < many, "the text says that stopping early is better here"

# %% [markdown]
# **First finding.** On the first head stopping early *helps*: the iteration inverts large singular values
# first, and those that it has not reached are damped and not blown up. "Six iterations" is a
# regulariser in the clothes of an approximation, and the right number depends on the head. And the weights of the rebuilt attention are no
# shares any more:

# %%
weights = nystrom_attention(q, k, np.eye(n, dtype=np.float32), m)  # attention of the identity
print(f"rows sum to {weights.sum(axis=1).min():.2f} ... {weights.sum(axis=1).max():.2f}")
print(f"negative weights: {100 * (weights < 0).mean():.0f} %, the lowest {weights.min():.3f}")

# %% [markdown]
# As a step-through, on one photo:

# %%
with record({"n": [f"row {i // 16}, column {i % 16}" for i in range(n)]}) as steps:
    nystrom_attention(q, k, v, 16)
steps

# %% [markdown]
# ## Performer: a scalar product of random features
#
# If $e^{x \cdot y}$ were a scalar product $\varphi(x) \cdot \varphi(y)$, then $\sum_j e^{q \cdot k_j}
# v_j = \varphi(q)^\top \sum_j \varphi(k_j) v_j^\top$, and the sum over $j$ is done once for all
# queries. It is one, on average. For a Gaussian $w$,
#
# $$\mathbb E\big[ e^{w \cdot x - \lVert x \rVert^2/2}\; e^{w \cdot y - \lVert y \rVert^2/2} \big] =
# e^{x \cdot y},$$
#
# because $\mathbb E\, e^{w \cdot z} = e^{\lVert z \rVert^2/2}$ with $z = x + y$. Draw $r$ vectors $w$
# and take the mean. How far is it off? The same formula, for the square, gives the variance of one
# draw relative to the squared mean:
#
# $$\frac{\mathrm{Var}}{\text{mean}^2} = e^{\lVert x + y \rVert^2} - 1 .$$
#
# Try it: two vectors, a thousand features, many repetitions.


# %%
def estimates(x, y, r, repetitions, rng):
    w = rng.standard_normal((repetitions, r, len(x)))
    return np.exp(w @ (x + y) - (x @ x + y @ y) / 2).mean(axis=1)  # one for each repetition


rng = np.random.default_rng(0)
x, y = np.array([0.5, 0.2]), np.array([0.3, -0.4])
got = estimates(x, y, 1000, 200, rng)
print(f"truth {np.exp(x @ y):.4f}   mean of the estimates {got.mean():.4f}")
print(f"scatter: measured {got.std() / got.mean():.4f}", end="   ")
print(f"by the formula {np.sqrt(np.expm1((x + y) @ (x + y)) / 1000):.4f}")
np.testing.assert_allclose(
    got.std() / got.mean(), np.sqrt(np.expm1((x + y) @ (x + y)) / 1000), rtol=0.3
)

# %% [markdown]
# It works, for short vectors. The exponent is the squared length of $x + y$. Which lengths do real
# queries and keys have?

# %%
print("median of |q + k|^2 over all pairs, and the features for a scatter of 10 %")
for number in (0, 2, 21):
    Qh, Kh = (x * d**-0.25 for x in heads[number][:2])
    squared = (Qh**2).sum(1)[:, None] + (Kh**2).sum(1) + 2 * Qh @ Kh.T
    typical = float(np.median(squared))
    name = f"{photos.names[number // 6]}, head {number % 6}"
    print(f"{name:<18} {typical:5.1f}   r = {100 * np.expm1(typical):.0e}")

# %% [markdown]
# **Second finding.** "Provable accuracy in linear time" is proven for vectors of bounded length, and
# that bound stands in an exponent. For a typical pair of these tokens the estimate would need more features than
# there are tokens in any sequence. Below is what happens with a thousand. (The library follows the
# released code: directions are orthogonal, exponents are stabilised, and 1e-4 is added to each
# feature. None of it changes the exponent.)

# %%
w = orthogonal_features(1024, d, rng=0)
phi_q = np.exp(Q @ w.T - (Q**2).sum(axis=1)[:, None] / 2)  # (n, r)
phi_k = np.exp(K @ w.T - (K**2).sum(axis=1)[:, None] / 2)
by_hand = phi_q @ (phi_k.T @ v) / (phi_q @ phi_k.sum(axis=0))[:, None]
library = performer_attention(q, k, v, w, eps=1e-30)
np.testing.assert_allclose(by_hand, library, atol=1e-3)
print(
    f"error with 1024 features {relative(library, exact):.3f}, of the mean {relative(mean, exact):.3f}"
)

# %% [markdown]
# It is the length that matters, nothing else. Shrink queries and keys, which makes the attention
# softer, and the Performer comes to life:


# %%
def performer_error(scale, r):
    """Mean of three draws, for queries and keys times `scale`."""
    target = softmax_attention(q * scale, k * scale, v)
    draws = [orthogonal_features(r, d, rng=seed) for seed in range(3)]
    return np.mean(
        [relative(performer_attention(q * scale, k * scale, v, w), target) for w in draws]
    )


counts = [16, 64, 256, 1024]
falling = {scale: [performer_error(scale, r) for r in counts] for scale in (1.0, 0.5, 0.25, 0.1)}
for scale, line in falling.items():
    print(
        f"scale {scale:<5}", "  ".join(f"{r}: {e:.3f}" for r, e in zip(counts, line, strict=True))
    )

# %% alt="Error of the Performer over the number of features, log axes, one line for each scale of queries and keys: full scale stays near one, a quarter of it falls steadily below a tenth"
figure, ax = plt.subplots(figsize=(6.5, 3.8), layout="constrained")
for (scale, line), marker, shade in zip(
    falling.items(), "os^D", ["0", "0.3", "0.5", "0.65"], strict=True
):
    ax.loglog(counts, line, marker=marker, color=shade, label=f"{scale:g} x (q, k)")
ax.set(xlabel="random features r", ylabel="error against exact softmax attention")
ax.legend()
plt.show()

# %% [markdown]
# ## Linformer: fewer keys
#
# Mix the $n$ keys into a few by a matrix $E$ of shape $(m, n)$, mix the values alike, and attend to
# the mixtures: $\sigma(Q(EK)^\top)\, EV$. In the paper $E$ is learned. Without training a random $E$
# is noise, so take means of runs, which is the best that one can do without looking.


# %%
def means(n, m):
    return np.kron(np.eye(m), np.ones(n // m) / (n // m)).astype(np.float32)  # (m, n)


E = means(n, m)
by_hand = softmax(Q @ (E @ K).T) @ (E @ v)
np.testing.assert_allclose(by_hand, linformer_attention(q, k, v, E), atol=1e-5)
noise = (rng.standard_normal((m, n)) / np.sqrt(n)).astype(np.float32)
print(f"means of runs: error {relative(by_hand, exact):.3f}")
print(f"a random E:    error {relative(linformer_attention(q, k, v, noise), exact):.3f}")

# %% [markdown]
# The paper starts from the claim that attention matrices are of low rank. Are they? The best matrix
# of rank $m$ is known (the truncated singular value decomposition). All 24 heads:

# %% alt="Histogram over 24 heads of the best possible error at rank 16 and at rank 64: at rank 16 most heads lie above a half, at rank 64 most above a fifth"
best = {16: [], 64: []}
for qh, kh, _ in heads:
    s = np.linalg.svd(softmax_attention(qh, kh, np.eye(n, dtype=np.float32)), compute_uv=False)
    for rank, errors in best.items():
        errors.append(float(np.sqrt((s[rank:] ** 2).sum() / (s**2).sum())))
figure, ax = plt.subplots(figsize=(6.5, 3.2), layout="constrained")
ax.hist(list(best.values()), np.linspace(0, 1, 11), color=["0.35", "0.8"], ec="black")
ax.legend([f"rank {rank}" for rank in best])
for rank, errors in best.items():
    print(f"rank {rank} of {n}: best error {min(errors):.2f} to {max(errors):.2f}, ", end="")
    print(f"median {np.median(errors):.2f}")
ax.set(xlabel="relative error of the best matrix of that rank", ylabel="heads")
plt.show()

# %% [markdown]
# **Third finding.** Some heads are of low rank, most are not: a quarter of the rank leaves a good
# part of the matrix unexplained, for *any* method that goes through $m$ of anything.
#
# ## All of them, at equal size
#
# Same tokens, same $m$ (landmarks, features, mixtures, drawn keys), median over the 24 heads. SOFT is
# measured against the exact Gaussian attention that it rebuilds, the others against exact softmax.


# %%
def error(y, exact):
    """Relative error of each head, then the median over the heads."""
    axes = (-2, -1)
    return float(np.median(np.linalg.norm(y - exact, axis=axes) / np.linalg.norm(exact, axis=axes)))


def compare(q, k, v, m):
    """All methods on (heads, n, d); what is random is the same for all heads."""
    exact, rng = softmax_attention(q, k, v), np.random.default_rng(0)
    drawn, w = rng.choice(n, m, replace=False), orthogonal_features(m, d, rng=rng)
    soft = soft_attention(k, v, segment_landmarks(k, m))
    mean = np.broadcast_to(v.mean(axis=-2, keepdims=True), v.shape)
    return {
        "SOFT": error(soft, gaussian_attention(k, v)),
        "Nyströmformer": error(nystrom_attention(q, k, v, m), exact),
        "Performer": error(performer_attention(q, k, v, w), exact),
        "Linformer, means": error(linformer_attention(q, k, v, means(n, m)), exact),
        "sample of keys": error(softmax_attention(q, k[:, drawn], v[:, drawn]), exact),
        "mean of values": error(mean, exact),
    }


# %%
def operations(m):
    """Multiplications and additions; a dense E for the Linformer, six steps for the inverse."""
    thin, cube = 2 * n * m * d, 2 * m**3  # one (n, m) by (m, d) product; one (m, m) product
    return {
        "SOFT": 3 * thin + 2 * m**2 * d + cube / 3,
        "Nyströmformer": 4 * thin + 2 * m**2 * d + 6 * 4 * cube,
        "Performer": 4 * thin,
        "Linformer, means": 4 * thin,
        "sample of keys": 2 * thin,
        "mean of values": n * d,
    }


# %%
ms, exact_operations = [8, 16, 32, 64, 128], 4 * n * n * d
every = [np.stack(arrays) for arrays in zip(*heads, strict=True)]  # q, k, v: (24, n, d)
table = [compare(*every, m) for m in ms]
cost = [operations(m) for m in ms]

# %% alt="Two panels, error over size m and over counted operations: the Nyströmformer has the lowest error at each size but is the dearest; a plain sample of keys comes near SOFT and Linformer for large m; the Performer stays at the mean of values"
figure, (left_ax, right_ax) = plt.subplots(
    1, 2, figsize=(10, 4.2), layout="constrained", sharey=True
)
for name, marker, shade in zip(
    table[0], "os^Dv_", ("0", "0", "0.5", "0.5", "0.7", "0.7"), strict=True
):
    errors, dearer = [row[name] for row in table], [c[name] / exact_operations for c in cost]
    left_ax.plot(ms, errors, marker=marker, color=shade, label=name)
    right_ax.plot(dearer, errors, marker=marker, color=shade, label=name)
right_ax.axvline(1, color="0.35", ls=":")
left_ax.set(xscale="log", xlabel="size m, of n = 256 tokens", ylabel="error, median of 24 heads")
left_ax.set_xticks(ms, ms)
left_ax.set_xticks([], minor=True)
right_ax.set(xscale="log", xlabel="operations, as a multiple of exact attention", xlim=(0.02, 10))
right_ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()

# %%
print("m               ", *(f"{m:>6}" for m in ms))
for name in table[0]:
    print(f"{name:<17}", *(f"{row[name]:6.3f}" for row in table))
print("operations, as a multiple of exact attention")
for name in table[0]:
    print(f"{name:<17}", *(f"{c[name] / exact_operations:6.2f}" for c in cost))
half = ms.index(64)
assert table[half]["sample of keys"] < table[half]["Performer"]
assert table[half]["Nyströmformer"] < 0.8 * table[half]["sample of keys"]
assert cost[half]["Nyströmformer"] > exact_operations
assert cost[-1]["sample of keys"] == cost[half]["Linformer, means"]
assert table[-1]["sample of keys"] < min(table[half]["Linformer, means"], table[half]["SOFT"])

# %% [markdown]
# **Fourth finding.** The baseline is a strong one. At equal size a plain sample of 64 keys beats the
# Performer and is not far from SOFT and from pooled keys; only the Nyströmformer keeps a distance. At
# equal *operations*, the right panel, it even leads from some budget on: at half the cost of exact
# attention nothing else here is as near. The Nyströmformer's inverse is dear: with 256 tokens it
# passes the cost of exact attention long before its error is small. (All of these are made for longer
# sequences, where $nm$ outgrows $m^3$; for so few tokens none is worth its error.) So:
#
# ## Why not just sample keys?
#
# It is one line, linear, and good on average. Because it forgets tokens altogether. Hide a needle:
# one token whose key answers one query, and whose value is unlike all others.

# %%
needle_k, needle_v = k.copy(), v.copy()
needle_k[100] = 3 * q[7] / np.linalg.norm(q[7]) * np.linalg.norm(k, axis=1).mean()
needle_v[100] = 10 * v.std()
wanted = softmax_attention(q, needle_k, needle_v)[7]
print(f"token 7 gives the needle {softmax(Q[7] @ needle_k.T * d**-0.25)[100]:.3f} of its attention")
misses = []
for seed in range(200):
    drawn = np.random.default_rng(seed).choice(n, m, replace=False)
    misses.append(
        relative(softmax_attention(q[7:8], needle_k[drawn], needle_v[drawn])[0], wanted) > 0.5
    )
print(f"a sample of {m} of {n} keys misses it in {np.mean(misses):.0%} of the draws")
for name, y in (
    ("Nyströmformer", nystrom_attention(q, needle_k, needle_v, m)),
    ("Linformer, means", linformer_attention(q, needle_k, needle_v, E)),
):
    print(f"{name:<17} error for token 7: {relative(y[7], wanted):.2f}")
assert np.mean(misses) > 0.5

# %% [markdown]
# The sample misses it as often as it does not draw it. The pooled methods always have it, but diluted
# by its neighbours, and are wrong about this token every time. Where one token may decide alone, none
# of them is safe; that is what exact attention is for.
#
# ## Where each breaks
#
# Change one thing at a time. *Shuffled*: the same tokens in another order. Exact attention does not
# care, but runs of shuffled tokens have nothing in common. *Softer* and *sharper*: queries and keys
# times 0.5 and 1.4. *Noise*: independent Gaussian tokens.

# %%
order = np.random.default_rng(1).permutation(n)
many_q, many_k, many_v = every
worlds = {
    "as they are": every,
    "shuffled": [x[:, order] for x in every],
    "softer": (many_q * 0.5, many_k * 0.5, many_v),
    "sharper": (many_q * 1.4, many_k * 1.4, many_v),
    "noise": rng.standard_normal((3, 4, n, d)).astype(np.float32),
}
columns = {name: compare(*world, 64) for name, world in worlds.items()}
print(f"{'m = 64':<17}", *(f"{name:>12}" for name in columns))
for name in table[0]:
    print(f"{name:<17}", *(f"{column[name]:12.3f}" for column in columns.values()))

# %% [markdown]
# - **SOFT, Nyströmformer, Linformer** with runs need neighbours that are alike; shuffling hurts all
#   three. Landmarks from clusters do not depend on the order, see below.
# - **Performer** does not see the order, but everything hangs on the temperature.
# - **Sharp** attention is hard for everybody, **soft** attention is easy for everybody. A model that
#   is trained *with* the approximation will learn to be soft where it has to. None of these numbers
#   says how good that model would be.


# %%
def by_clusters(q, k, v):
    marks = kmeans_landmarks(q, 64, rng=0), kmeans_landmarks(k, 64, rng=0)
    return relative(nystrom_attention(q, k, v, marks), softmax_attention(q, k, v))


shuffled = tuple(x[order] for x in (q, k, v))
for name, head in (("as they are", (q, k, v)), ("shuffled", shuffled)):
    runs = relative(nystrom_attention(*head, 64), softmax_attention(*head))
    print(f"Nyströmformer, {name:<12} runs {runs:.3f}   clusters {by_clusters(*head):.3f}")

# %% [markdown]
# ## And the time?
#
# Times do not depend on the numbers, so here interpolated tokens will do: $n = 4{,}096$, $m = 64$.

# %%
t = photo_tokens(64)
w, E_large = orthogonal_features(m, d, rng=0), means(4096, m)
calls = {
    "exact softmax": lambda: softmax_attention(t.q, t.k, t.v),
    "SOFT": lambda: soft_attention(t.k, t.v, segment_landmarks(t.k, m)),
    "Nyströmformer": lambda: nystrom_attention(t.q, t.k, t.v, m),
    "Performer": lambda: performer_attention(t.q, t.k, t.v, w),
    "Linformer, means": lambda: linformer_attention(t.q, t.k, t.v, E_large),
}
ms_taken = dict.fromkeys(calls, np.inf)
for _ in range(5):  # in turns, so that a busy moment does not hit one alone
    for name, call in calls.items():
        start = time.perf_counter()
        call()
        ms_taken[name] = min(ms_taken[name], 1e3 * (time.perf_counter() - start))
for name, taken in ms_taken.items():
    print(f"{name:<17} {taken:8.2f} ms   {ms_taken['exact softmax'] / taken:6.1f} times as fast")

# %% [markdown]
# ## Which one, then?
#
# | your tokens | take |
# |---|---|
# | up to about a thousand | exact attention; look at the times above before you approximate |
# | neighbours alike, fixed order (images) | Nyströmformer; SOFT if you train with its kernel |
# | clusters in no order | Nyströmformer or SOFT with `kmeans_landmarks` |
# | no order, soft attention (small $\lVert q + k \rVert$) | Performer |
# | fixed length, and you train | Linformer: it is a pooling that is learned |
# | a single token may decide | exact attention |
#
# ## Exercises
#
# 1. **Easy.** Give the Nyströmformer `m = n`. *Expect the exact output: the library notices. Then pass
#    all tokens as landmarks, `(q, k)`. Expect an error, and expect it to vanish when you raise
#    `iters`: write down what the three factors are now, and why $W W^{+} W$ is what you want.*
# 2. **Medium.** Add a row to the table *where each breaks*: the Nyströmformer with clusters, for all
#    heads. *Expect its shuffled column to equal the first one up to the luck of the start. Then time
#    `kmeans_landmarks` against the attention that it serves.*
# 3. **Open.** Combine a sample with landmarks: keep the few keys of largest norm exactly, and let a
#    linear method see the rest. *Expect the needle to be found, and a fair amount of thought about
#    how to add two softmaxes whose normalisers differ.*
#
# Next: [attention that does not rest on a few tokens](06_robust_token_attention.md).

# %% answer="Exercise 1"
chance = np.random.default_rng(0)
few_q, few_k, few_v = (chance.standard_normal((12, 4)) for _ in range(3))
truth = softmax_attention(few_q, few_k, few_v)
print("m = n:", abs(nystrom_attention(few_q, few_k, few_v, 12) - truth).max())
for iters in (6, 12, 24):
    near = nystrom_attention(few_q, few_k, few_v, (few_q, few_k), iters=iters)
    print(f"all tokens as landmarks, {iters:2} iterations: {abs(near - truth).max():.1e}")

# %% [markdown] answer="Why exercise 1 comes out so"
# All three factors are now the same matrix $W$, the softmax of all queries with all keys, and
# $W W^{+} W = W$ by the definition of the inverse. What is left is that the iteration has not arrived.
