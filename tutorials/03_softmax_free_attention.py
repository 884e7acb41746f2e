# %% [markdown]
# # Attention without softmax, in linear time
#
# Softmax attention compares every token with every other, so twice the tokens cost four times the
# work. [SOFT](https://arxiv.org/abs/2110.11945) replaces the softmax by a Gaussian kernel, rebuilds
# that kernel from a few landmarks, and inverts a small matrix by an iteration of products. Here all
# of it is built by hand, and then broken.
#
# **You will be able to**
#
# - say what a Gaussian kernel and softmax attention share, and what the softmax adds,
# - rebuild a kernel from landmarks (Nyström), and see when that is a good idea,
# - divide by a matrix without dividing, and watch the iteration converge, stall and explode,
# - differentiate an inverse, also one that does not exist,
# - measure what linear time buys, and from which size on.
#
# Needs: linear algebra (eigenvalues, positive semi-definite matrices) and NumPy. About 60 minutes.

# %%
import time

import matplotlib.pyplot as plt
import numpy as np

from tokenlab import record
from tokenlab.attention import (
    gaussian_attention,
    gaussian_kernel,
    grid_landmarks,
    kmeans_landmarks,
    newton_pinv,
    pinv_vjp,
    random_landmarks,
    soft_attention,
    softmax_attention,
    spectral_filter,
)
from tokenlab.data import load_vit_photos
from tokenlab.tour.attention_methods import photo_tokens

# %% [markdown]
# ## Two ways to attend
#
# Attention gives every token a mixture of the *values* of all tokens. What differs is the weights.
# **Softmax** attention takes dot products, exponentials, and divides each row by its sum.


# %%
def softmax_by_hand(q, k, v):
    weights = np.exp(q @ k.T / np.sqrt(q.shape[1]))  # (n, n)
    return weights / weights.sum(axis=1, keepdims=True) @ v


def gaussian_by_hand(q, v):
    squared = ((q[:, None] - q[None]) ** 2).sum(axis=-1)  # (n, n)
    return np.exp(-squared / (2 * np.sqrt(q.shape[1]))) @ v


# %%
q = np.array([[0.0], [1.0], [2.0]])  # three tokens on a line, d = 1
v = np.array([[1.0], [2.0], [4.0]])
print("softmax ", softmax_by_hand(q, q, v).ravel().round(3))
print("Gaussian", gaussian_by_hand(q, v).ravel().round(3))
np.testing.assert_allclose(softmax_by_hand(q, q, v), softmax_attention(q, q, v))
np.testing.assert_allclose(gaussian_by_hand(q, v), gaussian_attention(q, v))

# %% [markdown]
# The **Gaussian** weight of two tokens is 1 where they are equal and falls with their distance:
#
# $$S_{ij} = \exp\!\left(-\frac{\lVert q_i - q_j \rVert^2}{2\sqrt d}\right).$$
#
# Check the first output: $1 \cdot 1 + e^{-1/2} \cdot 2 + e^{-2} \cdot 4$. There is one vector per
# token, not a query and a key, so that $S$ is symmetric; and nothing divides, so that an entry
# depends on its two tokens alone.
#
# How far apart are the two? Multiply out the square: $-\lVert q - k \rVert^2 / 2 = q \cdot k -
# \lVert q \rVert^2/2 - \lVert k \rVert^2/2$. In a row of the softmax, $\lVert q \rVert^2$ is a common
# factor and cancels. So softmax attention *is* a Gaussian kernel, in which long keys count more,
# with its rows divided by their sums:

# %%
rng = np.random.default_rng(0)
queries, keys, values = rng.standard_normal((3, 6, 4))
longer = np.exp((keys**2).sum(axis=1) / (2 * np.sqrt(4)))  # what a long key gains
weights = gaussian_kernel(queries, keys) * longer  # (n, n)
weights /= weights.sum(axis=1, keepdims=True)
np.testing.assert_allclose(weights @ values, softmax_attention(queries, keys, values))
print("softmax attention = Gaussian kernel x exp(|k|^2 / 2 sqrt d), rows divided by their sums")

# %% [markdown]
# SOFT drops two things: the weight for long keys and the division. The division is the one that
# matters, because it couples all entries of a row: to know one you need all.
#
# ## What a patch of a photo sees
#
# Real tokens: queries, keys and values inside a vision transformer (block 6 of 12) that looks at a
# photo of 16 x 16 patches. As SOFT has one vector for both, it gets the keys.

# %% alt="The photo of a rocket with one patch marked, and two maps of where that patch attends: the softmax picks the rocket's tip and the towers, the Gaussian kernel gives weight one to the patch itself and less to what looks like it"
photos = load_vit_photos()
ROCKET, HEAD, PATCH = photos.index("rocket"), 3, 4 * 16 + 3
q, k, v = (x[ROCKET, HEAD, 1:].astype(float) for x in (photos.queries, photos.keys, photos.values))
logits = q @ k.T / 8
shares = np.exp(logits - logits.max(axis=1, keepdims=True))
shares /= shares.sum(axis=1, keepdims=True)
S = gaussian_kernel(k, k)  # (256, 256)
figure, axes = plt.subplots(1, 3, figsize=(9.5, 3.3), layout="constrained")
axes[0].imshow(photos.images[ROCKET])
axes[0].add_patch(plt.Rectangle((3 * 14, 4 * 14), 14, 14, fill=False, ec="white", lw=2))
axes[0].set_title("the patch")
for ax, row, title in ((axes[1], shares, "softmax, sums to 1"), (axes[2], S, "Gaussian kernel")):
    figure.colorbar(ax.imshow(row[PATCH].reshape(16, 16), cmap="cividis"), ax=ax, shrink=0.75)
    ax.set_title(title)
for ax in axes:
    ax.set(xticks=[], yticks=[])
plt.show()
print(
    "row sums of the softmax 1; of the Gaussian kernel", S.sum(axis=1).min().round(1), "to", end=" "
)
print(S.sum(axis=1).max().round(1))

# %% [markdown]
# ## Landmarks: rebuild a big matrix from a few columns
#
# $S$ has $n^2$ entries. The **Nyström** method computes only its columns at $m$ *landmarks*. Let $P$
# hold the kernel of landmarks with tokens, $A$ that of landmarks with each other:
#
# $$\hat S = P^\top A^{-1} P.$$
#
# On the three tokens, with the outer two as landmarks:

# %%
line = np.array([[0.0], [1.0], [2.0]])
landmarks = line[[0, 2]]
P = gaussian_kernel(landmarks, line)  # (m, n)
A = gaussian_kernel(landmarks, landmarks)  # (m, m)
rebuilt = P.T @ np.linalg.inv(A) @ P
print("true\n", gaussian_kernel(line, line).round(3))
print("rebuilt\n", rebuilt.round(3))
values = np.array([[1.0], [2.0], [4.0]])
np.testing.assert_allclose(rebuilt @ values, soft_attention(line, values, landmarks, ridge=0))

# %% [markdown]
# Every entry that touches a landmark is exact; only the middle token with itself is not. That is
# always so: what $\hat S$ misses, $S - \hat S$, is zero on landmarks and positive semi-definite (a
# Schur complement), so that a rebuilt diagonal is never above 1.
#
# **Where the time goes away.** $\hat S$ is never written down. Read the product from the right:
#
# $$\hat S V = P^\top \big( A^{-1} ( P V ) \big).$$
#
# $PV$ is $m \times d$, and no bracket is larger than $n \times m$. That is all of
# [`soft_attention`](../api/attention.md). Watch it on the photo, with 16 landmarks, each the mean of
# 4 x 4 patches:

# %%
landmarks = grid_landmarks(k, (16, 16), 4)  # (16, 64)
with record({"n": [f"row {i // 16}, column {i % 16}" for i in range(256)]}) as steps:
    y = soft_attention(k, v, landmarks)
P, A = gaussian_kernel(landmarks, k), gaussian_kernel(landmarks, landmarks)
np.testing.assert_allclose(P.T @ np.linalg.solve(A + 1e-6 * np.eye(16), P @ v), y, atol=1e-9)
steps

# %% [markdown]
# How good is it? And would other landmarks be better? Take means over squares, random tokens, and
# the centres of clusters (k-means). Beside them stands the best that *any* matrix of rank $m$ can
# do, which its eigenvalues tell.


# %%
def relative(a, b):
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


def kernel_error(k, landmarks):
    P, A = gaussian_kernel(landmarks, k), gaussian_kernel(landmarks, landmarks)
    solved = np.linalg.solve(A + 1e-6 * np.eye(len(A)), P)
    return relative(P.T @ solved, gaussian_kernel(k, k))


def best_error(k, m):
    eigenvalues = np.linalg.eigvalsh(gaussian_kernel(k, k))[::-1]
    return float(np.sqrt((eigenvalues[m:] ** 2).sum() / (eigenvalues**2).sum()))


# %%
print("error of the kernel  squares  random  k-means  best of rank m")
for m, ratio in ((4, 8), (16, 4), (64, 2)):
    marks = (
        grid_landmarks(k, (16, 16), ratio),
        random_landmarks(k, m, rng=0),
        kmeans_landmarks(k, m, rng=0),
    )
    errors = [kernel_error(k, x) for x in marks]
    print(
        f"m = {m:<3}               " + "   ".join(f"{e:6.3f}" for e in (*errors, best_error(k, m)))
    )

# %% [markdown]
# k-means comes closest to the optimum, but has to cluster all tokens first. Squares are free, and good
# as far as neighbours are alike.
#
# ## First finding: this head is a kind one
#
# We have looked at one head of one photo. Here are all 24, with 16 landmarks.

# %% alt="For 24 heads the error of 16 landmarks as circles and the best possible error of rank 16 as crosses: a few heads lie low, most near one, where even the best is no good"
errors, bests = np.zeros((4, 6)), np.zeros((4, 6))
for i in range(4):
    for h in range(6):
        keys = photos.keys[i, h, 1:].astype(float)
        errors[i, h] = kernel_error(keys, grid_landmarks(keys, (16, 16), 4))
        bests[i, h] = best_error(keys, 16)
figure, ax = plt.subplots(figsize=(8.5, 3.4), layout="constrained")
ax.plot(errors.ravel(), "o", color="black", label="16 squares")
ax.plot(bests.ravel(), "x", color="0.45", label="best of any rank 16")
for i, name in enumerate(photos.names):
    ax.text(6 * i + 2.5, 1.06, name, ha="center")
    ax.axvline(6 * i - 0.5, color="0.8", lw=1)
ax.set_xticks(range(24), list(range(6)) * 4)
ax.set(xlabel="head, for each photo", ylabel="relative error of the kernel", ylim=(0, 1.15))
ax.legend(loc="lower left")
plt.show()
print(f"error from {errors.min():.2f} to {errors.max():.2f}, median {np.median(errors):.2f}")
print(f"the best of rank 16: {bests.min():.2f} to {bests.max():.2f}, median {np.median(bests):.2f}")
assert np.median(errors) > 0.5, "the text below speaks of most heads"

# %% [markdown]
# "Attention is of low rank" is said often. The Gaussian kernel of *these* keys mostly is not: tokens
# are far from each other, $S$ is near the identity, and no choice of landmarks can help. To be fair
# to the paper: these keys were trained for a softmax, and SOFT trains its own, which may settle
# where 49 landmarks suffice. That is a property of training, not of attention; it cannot be seen in
# the formula.
#
# Beware of a common shortcut. To test larger $n$, one interpolates the tokens of a small grid. The
# new tokens lie *between* the old ones, so that the kernel becomes easy:

# %%
print("error of the output, astronaut, head 2, 64 squares")
for side in (16, 32, 64):
    t = photo_tokens(side, photo=0, head=2)
    marks = grid_landmarks(t.k, (side, side), side // 8)
    e = relative(soft_attention(t.k, t.v, marks), gaussian_attention(t.k, t.v))
    print(f"n = {side**2:5,}: {e:.3f}" + ("   the patches themselves" if side == 16 else ""))
noise = rng.standard_normal((256, 64))
e = relative(
    soft_attention(noise, v, random_landmarks(noise, 64, rng=0)), gaussian_attention(noise, v)
)
print(f"independent Gaussian tokens, n = 256: {e:.3f}")

# %% [markdown]
# Real tokens lie between the two extremes that are convenient to test with. Below we use
# interpolated tokens for *times*, which do not depend on the numbers, and real ones for errors.
#
# ## Why not just use softmax with fewer keys?
#
# Average keys and values over squares and attend to those: linear, no inverse, no new kernel. But
# then a value counts only through the mean of its square. Swap the values of two patches of one
# square. Exact attention notices. Does the shortcut?


# %%
def pooled_softmax(q, k, v):
    return softmax_attention(q, grid_landmarks(k, (16, 16), 4), grid_landmarks(v, (16, 16), 4))


swapped = v.copy()
swapped[[0, 17]] = v[[17, 0]]  # both in the first square of 4 x 4
changes = {
    "exact softmax": relative(softmax_attention(q, k, swapped), softmax_attention(q, k, v)),
    "pooled softmax": relative(pooled_softmax(q, k, swapped), pooled_softmax(q, k, v)),
    "exact Gaussian": relative(gaussian_attention(k, swapped), gaussian_attention(k, v)),
    "SOFT": relative(soft_attention(k, swapped, landmarks), soft_attention(k, v, landmarks)),
}
for name, change in changes.items():
    print(f"{name:<15} the output changes by {change:.1e}")
assert changes["pooled softmax"] < 1e-12 < changes["SOFT"]

# %% [markdown]
# With pooled values the two patches have become one. In SOFT each value enters with its own
# weights, the column of $P$.
#
# ## Dividing without dividing
#
# $A^{-1}$ is small, $m \times m$. SOFT does not call a solver; it iterates. First with a number. To
# find $1/a$ with products alone, start small and repeat $x \leftarrow 2x - a x^2$:

# %%
a, x = 4.0, 0.01
for _ in range(9):
    print(f"{x:.6f}", end="  ")
    x = 2 * x - a * x * x
print("→ 1/4")

# %% [markdown]
# Write $e = 1 - ax$ for what is missing. One step squares it: $1 - a(2x - ax^2) = (1 - ax)^2$. At
# first $x$ about doubles, at the end correct digits do. For matrices put $X \leftarrow 2X - XAX$,
# with the start $X_0 = \alpha A$. By hand on two tokens at distance $\sqrt 2$, $d = 1$:

# %%
near = np.exp(-1)
A2 = np.array([[1, near], [near, 1]])


def newton_by_hand(A, steps, factor=0.9):
    X = factor * 2 / abs(A).sum(axis=0).max() ** 2 * A
    for _ in range(steps):
        X = 2 * X - X @ A @ X
    return X


# %%
print("step   factor 0.9   factor 1.0      (largest error)")
for step in (0, 1, 2, 3, 4, 5, 6, 20):
    errors = [abs(newton_by_hand(A2, step, f) - np.linalg.inv(A2)).max() for f in (0.9, 1.0)]
    print(f"{step:4d}   {errors[0]:10.2e}   {errors[1]:10.2e}")
np.testing.assert_allclose(newton_by_hand(A2, 5), newton_pinv(A2, iters=5).inverse)
assert abs(newton_by_hand(A2, 20, 1.0) - np.linalg.inv(A2)).max() > 0.1

# %% [markdown]
# With 0.9 it converges in six steps, with 1.0 never. Why? Every iterate has the eigenvectors of $A$,
# so each eigenvalue $\lambda$ goes its own way, by the rule for numbers:
#
# $$\text{inverted share} = 1 - (1 - \alpha\lambda^2)^{2^k}.$$
#
# The start must keep $\alpha\lambda^2$ below 2. The norm $\lVert A \rVert_1$, the largest column sum,
# is never below the largest eigenvalue, which makes $\alpha = 2 / \lVert A \rVert_1^2$ *almost* safe:
# it fails when the two are equal. They are equal when all rows have the same sum, and in a 2 x 2
# kernel they always have. Then $1 - \alpha\lambda^2 = -1$, its square is 1, and that eigenvector
# stays at a share of 0 for ever. The 0.9 costs a fraction of a step and closes the hole.
#
# Now the real landmarks. Inside `record()` the library also notes how much of each eigenvalue has
# been inverted.

# %% alt="Heat map, eigenvalues of the landmark kernel from large to small against Newton steps: the large ones are inverted after a few steps, the small ones last, a frontier that moves by one factor per step"
A = (A + A.T) / 2
with record() as newton_steps:
    newton_pinv(A, iters=16)
inverted = np.array([s.value for s in newton_steps if s.name == "inverted"])  # (steps, m)
eigenvalues = newton_steps["eigenvalues"]
figure, ax = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
image = ax.imshow(inverted[:, ::-1].T, cmap="cividis", vmin=0, vmax=1, aspect="auto")
ax.set_yticks(range(0, 16, 3), [f"{x:.2f}" for x in eigenvalues[::-1][::3]])
ax.set(xlabel="Newton step", ylabel="eigenvalue of A")
figure.colorbar(image, label="share that is inverted")
plt.show()
np.testing.assert_allclose(spectral_filter(A, iters=8), newton_pinv(A, iters=8).inverse, atol=1e-12)
print(f"eigenvalues {eigenvalues[0]:.3f} to {eigenvalues[-1]:.3f}; all inverted to", end=" ")
print(f"{abs(1 - inverted[-1]).max():.0e} after 16 steps")

# %% [markdown]
# So the number of steps is a filter. Large eigenvalues come first, and those that have not been
# reached when you stop are *damped*: 20 steps are a regulariser. Here is the iteration as a
# step-through; go to the *inverted* steps.

# %%
with record() as newton_steps:
    newton_pinv(A, iters=6)
newton_steps

# %% [markdown]
# ## Second finding: the residual is blind
#
# The paper watches $\lVert AXA - A \rVert / \lVert A \rVert$. Take a *singular* kernel in float32:
# sixteen landmarks, of which only six are independent. There is no inverse, but a pseudo-inverse,
# zero on the null space, and in exact arithmetic the iteration finds it.

# %% alt="Two curves over 36 Newton steps on a log axis: the residual falls and stays low, the error against the pseudo-inverse falls, turns, and doubles with every further step; with a ridge the error stays low"
columns = np.round(16 * A[:, :6]) / 16  # few bits, so that float32 holds the product exactly
singular = (columns @ columns.T).astype(np.float32)
wanted = np.linalg.pinv(singular.astype(float), rcond=1e-6, hermitian=True)
ridged = np.linalg.inv(singular.astype(float) + 0.01 * np.eye(16))
count = range(37)
runs = [newton_pinv(singular, iters=i) for i in count]
error = [abs(run.inverse - wanted).max() for run in runs]
with_ridge = [abs(newton_pinv(singular, iters=i, ridge=0.01).inverse - ridged).max() for i in count]
figure, ax = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
ax.semilogy(error, "o-", ms=4, color="black", label="error against the pseudo-inverse")
ax.semilogy(runs[-1].residuals, "--", color="0.35", label="residual, which the paper watches")
ax.semilogy(with_ridge, "s-", ms=4, color="0.6", label="error with ridge 0.01, against its inverse")
ax.set(xlabel="Newton step", ylabel="largest error, or residual")
ax.legend()
plt.show()
best = int(np.argmin(error))
print(f"smallest error {error[best]:.1e} at step {best}; at step 36 it is {error[36]:.1e}")
print(f"the residual at step 36: {runs[-1].residuals[-1]:.1e}")
growth = (error[36] / error[26]) ** 0.1
print(f"growth per step from 26 to 36: {growth:.2f}")
assert 1.8 < growth < 2.2
assert error[36] > 1000 * error[best]

# %% [markdown]
# In the null space $A$ is zero, so that one step does $2E - EAE = 2E$ to whatever rounding has left
# there: it doubles, every step, for ever. $AXA$ multiplies exactly this part by zero, so the
# residual cannot see it. More iterations, the natural reaction to a bad result, make it worse. A
# *ridge* (the released code adds 0.01 to the diagonal) lifts the null space and ends the doubling.
#
# On a CPU the question does not even arise: a linear solver needs fewer operations than a single step
# of the iteration and has no residual to watch. It is what
# [`soft_attention`](../api/attention.md) uses unless it is told `inverse="newton"`. The iteration has
# its place on hardware that is good at products and bad at everything else.


# %%
def best_ms(calls, rounds=9):
    """The quickest run of each call, in turns, so that a busy moment does not hit one alone."""
    best = np.full(len(calls), np.inf)
    for _ in range(rounds):
        for i, call in enumerate(calls):
            start = time.perf_counter()
            call()
            best[i] = min(best[i], time.perf_counter() - start)
    return 1e3 * best


marks = grid_landmarks(k, (16, 16), 2)  # m = 64
A64, thin = gaussian_kernel(marks, marks), gaussian_kernel(marks, k) @ v
two = lambda: np.linalg.solve(A64, thin), lambda: newton_by_hand(A64, 20) @ thin
print("m = 64: solve {:.2f} ms, 20 Newton steps {:.2f} ms".format(*best_ms(two)))

# %% [markdown]
# ## Symmetric normalisation
#
# Nothing divides, so nothing keeps the output's size. How much can one layer stretch a vector? Its
# largest eigenvalue tells. [SOFT++](https://arxiv.org/abs/2207.03341) normalises on both sides: with
# the row sums $r = \hat S 1$ and $R = \mathrm{diag}(r)$,
#
# $$Y = R^{-1/2}\, \hat S\, R^{-1/2}\, V.$$
#
# The vector $r^{1/2}$ then keeps its length, and where $\hat S$ has no negative entry nothing is
# stretched more. The released code does something else: it scales $A^{-1}$ only, by the row sums of
# $A$. The library has both.

# %%
one = np.eye(256)  # attention of the identity is the attention matrix
print("largest eigenvalue       rocket, head 3   astronaut, head 2   after 12 layers (rocket)")
other = photos.keys[0, 2, 1:].astype(float)
for name in (None, "landmark", "symmetric"):
    top = []
    for x in (k, other):
        matrix = soft_attention(x, one, grid_landmarks(x, (16, 16), 4), normalize=name)
        top.append(np.linalg.norm(matrix, 2))
    print(f"normalize={name!s:<12} {top[0]:14.2f} {top[1]:19.2f}   {top[0] ** 12:22.1e}")
assert abs(top[0] - 1) < 1e-6 > abs(top[1] - 1)

# %% [markdown]
# Third finding: the normalisation that was released changes the scale, but to no particular one.
# The exact one costs two thin products with one vector more, and works.
#
# ## The gradient of an inverse
#
# To train this, a gradient has to pass through $A^{-1}$. For a number, $(1/a)' = -1/a^2$. For a
# matrix differentiate $A A^{-1} = I$: with $G$ the gradient of the loss for $Y = A^{-1}$,
#
# $$\bar A = -Y^\top G\, Y^\top .$$
#
# No iteration has to be differentiated. Check it with central differences: nudge every entry.


# %%
def by_nudging(loss, A, h=1e-5):
    gradient = np.zeros_like(A)
    for at in np.ndindex(*A.shape):
        nudge = np.zeros_like(A)
        nudge[at] = h
        gradient[at] = (loss(A + nudge) - loss(A - nudge)) / (2 * h)
    return gradient


G = np.array([[1.0, 0.0], [0.0, 0.0]])  # the loss is the entry (0, 0) of the inverse
numeric = by_nudging(lambda A: (G * np.linalg.inv(A)).sum(), A2)
Y = np.linalg.inv(A2)
print((-Y.T @ G @ Y.T).round(4).tolist())
np.testing.assert_allclose(-Y.T @ G @ Y.T, numeric, rtol=1e-7)
np.testing.assert_allclose(pinv_vjp(Y, G), numeric, rtol=1e-7)

# %% [markdown]
# For a singular $A$ the formula is wrong: when $A$ moves, its null space turns, and the
# pseudo-inverse with it. Two more terms (Golub and Pereyra) account for that. Move a matrix of rank
# 3 so that it stays of rank 3:

# %%
B, turn = rng.standard_normal((2, 6, 3))
G = rng.standard_normal((6, 6))


def loss(t):
    moved = B + t * turn
    return (G * np.linalg.pinv(moved @ moved.T, rcond=1e-9)).sum()


# %%
numeric = (loss(1e-6) - loss(-1e-6)) / 2e-6
A6, change = B @ B.T, B @ turn.T + turn @ B.T
Y = np.linalg.pinv(A6, rcond=1e-9)
short, full = (
    float((gradient * change).sum()) for gradient in (pinv_vjp(Y, G), pinv_vjp(Y, G, A6))
)
print(f"by nudging {numeric:.4f}   the paper's formula {short:.4f}   with both terms {full:.4f}")
np.testing.assert_allclose(full, numeric, rtol=1e-4)
assert abs(short - numeric) > 0.01 * abs(numeric)

# %% [markdown]
# ## What linear time buys
#
# Count first. Exact attention needs $2 n^2 (d + d_v)$ operations, SOFT $2nm(d + 2d_v)$ plus the
# small inverse. Then take the time, of both, and of SOFT with the paper's 20 Newton steps.

# %%
sides, m, d = (8, 12, 16, 24, 32, 48, 64), 64, 64
sizes = np.array([side**2 for side in sides])
counted = {
    "exact softmax": 4 * sizes**2 * d,
    "SOFT": 6 * sizes * m * d + 2 * m**2 * d + 2 * m**3 // 3,
}
counted["SOFT, Newton"] = 6 * sizes * m * d + 20 * 4 * m**3
calls = []
for side in sides:
    t = photo_tokens(side, photo=ROCKET, head=HEAD)
    x = random_landmarks(t.k, m, rng=0)
    calls += [
        lambda t=t: softmax_attention(t.q, t.k, t.v),
        lambda t=t, x=x: soft_attention(t.k, t.v, x),
        lambda t=t, x=x: soft_attention(t.k, t.v, x, inverse="newton"),
    ]
taken = dict(zip(counted, best_ms(calls).reshape(-1, 3).T, strict=True))

# %% alt="Two log-log panels over n from 64 to 4096, counted operations and milliseconds: exact attention rises with slope two, SOFT with slope one; SOFT costs more below some hundred tokens and less above"
figure, panels = plt.subplots(1, 2, figsize=(9.5, 3.8), layout="constrained")
for ax, table, label in zip(panels, (counted, taken), ("operations", "milliseconds"), strict=True):
    for (name, y), style in zip(table.items(), ("o-", "s--", "^:"), strict=True):
        ax.loglog(sizes, y, style, color="black" if name == "exact softmax" else "0.45", label=name)
    ax.set(xlabel="tokens n", ylabel=label)
panels[0].legend()
plt.show()

# %%
print("      n   exact ms    SOFT ms   Newton ms   ratio exact / SOFT in time, in operations")
for i, n in enumerate(sizes):
    exact, soft, newton = (taken[name][i] for name in counted)
    print(f"{n:7,} {exact:10.2f} {soft:10.2f} {newton:11.2f} {exact / soft:12.1f}", end="")
    print(f" {counted['exact softmax'][i] / counted['SOFT'][i]:12.1f}")
assert counted["exact softmax"][-1] > counted["SOFT, Newton"][-1]

# %% [markdown]
# (If your curves jump, the machine was busy: a matrix product waits for the slowest of its threads.)
#
# The slopes are the theory; the crossing is what you pay for. Below it the small inverse and the
# fixed costs of a dozen NumPy calls weigh more than all that is saved. And above it, remember the
# first finding before you quote a ratio: the fast answer may be a wrong one.
#
# ## What we found
#
# - The linear time is real, from some size on that the last table shows for your machine.
# - Whether $m$ landmarks suffice is a property of the trained tokens. For most heads of a model that
#   was trained with a softmax they do not, and not for lack of good landmarks.
# - Interpolated tokens flatter every method of this kind; independent ones condemn it.
# - The residual that the paper monitors does not see a diverging iteration. Compare with the
#   pseudo-inverse while you develop, and keep a ridge.
# - The gradient of the paper is right for invertible kernels only; the released normalisation does
#   not normalise.
#
# ## Exercises
#
# 1. **Easy.** Use all tokens as landmarks. *Expect $\hat S = S$ to many digits, whatever their
#    order. Then take one token twice, with `ridge=0`: now $A$ has no inverse. Expect an error, noise,
#    or by luck of the rounding the right answer; say which `inverse=` does not depend on luck.*
# 2. **Medium.** We know that the diagonal of $S$ is 1. Add $(1 - \hat S_{ii}) v_i$ to each output
#    (`diagonal=True` does it) and draw the error for all 24 heads with and without. *Expect a large
#    gain for exactly the heads that were worst; say why that is less of a triumph than it looks.*
# 3. **Open.** Choose landmarks greedily: take the token whose $\hat S_{ii}$ is lowest, add it, repeat
#    (a pivoted Cholesky decomposition). *Expect it to lose against random tokens on most heads.
#    Which tokens does it choose, and for how many others do they speak? Then find a greedy rule that
#    asks the second question.*
#
# Next: [the neighbours that keep the softmax](07_linear_attention.md), and
# [attention that does not rest on a few tokens](06_robust_token_attention.md).
