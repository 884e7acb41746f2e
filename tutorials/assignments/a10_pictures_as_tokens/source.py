# %% [markdown]
# # Pictures as tokens
#
# A patch of a picture becomes a few small numbers: one code for the patch, one for what that code
# left, and so on. A generator hides some of the codes and learns to predict what they add up to. A
# transformer that finds the picture too long takes windows of patches as one token. You write the
# three steps, and encode a photo.
#
# **You will be able to**
#
# - say how many codes a schedule hides, and hide the deepest first,
# - encode a vector as a sum of codes, from any stage on,
# - split that sum into what is seen and what is to be predicted,
# - put windows of a picture side by side without mixing up rows, columns and channels.
#
# Needs: NumPy with reshaping and fancy indexing; 60 to 90 minutes. The papers: ResGen
# (arXiv:2412.10208), residual quantization (2203.01941), Token-Shuffle (2504.17789).
#
# Replace every `raise NotImplementedError(...)`. The lines with `step(...)` name a value and
# return it unchanged: keep them, and the hints can say *where* an answer goes wrong.

# %%
import math

import numpy as np

from tokenlab import step

# %% [markdown]
# ## Task 10.1 (5 points): the deepest codes are hidden first
#
# A picture has $n$ positions with $D$ codes each. At time $r$ from 0 to 1
#
# $$\lceil \cos(\pi r / 2)\, n D \rceil$$
#
# of the $n D$ codes are hidden. Computers get the cosine a little wrong: $\cos(\pi / 3)$ is
# 0.5000000000000001 and $\cos(\pi / 2)$ is 6e-17, and a ceiling makes one code too many of either.
# **Round the product to 9 decimals before you take the ceiling.**
#
# Which codes? `order` holds all numbers from 0 to $n D - 1$, shuffled; number $c$ is drawn for
# position $c // D$. The first so many of `order` say *how many* codes each position hides. Those
# are then the last ones of the position: the deepest.


# %%
def visible_codes(r, order, n, depth):
    """Which codes are seen at a time.

    Parameters
    ----------
    r : float
        From 0 to 1.
    order : ndarray of shape (n_all,)
        All of 0 to `n * depth - 1`.
    n : int
    depth : int

    Returns
    -------
    ndarray of shape (n, depth)
        True or False.
    """
    # Make `n_masked`, how many codes are hidden.
    ### BEGIN SOLUTION
    n_masked = math.ceil(round(math.cos(math.pi * r / 2) * n * depth, 9))
    ### END SOLUTION
    n_masked = step("hidden codes", n_masked)
    # Make `counts`, of shape (n,): the hidden codes of each position.
    ### BEGIN SOLUTION
    counts = np.bincount(order[:n_masked] // depth, minlength=n)
    ### END SOLUTION
    counts = step("counts", counts, "hidden codes of each position", axes=("n",))
    # Make `visible`.
    ### BEGIN SOLUTION
    visible = np.arange(depth) < depth - counts[:, None]
    ### END SOLUTION
    return step("visible", visible, axes=("n", "depth"))


# %% [markdown]
# ## Task 10.2 (5 points): code after code
#
# Each stage has a codebook of its own. From $r = x$, stage by stage:
#
# $$k_j = \arg\min_k \lVert r - E_j[k] \rVert^2, \qquad r \leftarrow r - E_j[k_j].$$
#
# Of equally near codes the lower one counts. A sampler knows the first codes of some rows already:
# row $i$ begins at stage `start[i]` (counted from 0), its `x` is what the stages from there on add
# up to, and its codes before that are -1.


# %%
def encode(x, codebooks, start):
    """The codes of every row, from its first stage on.

    Parameters
    ----------
    x : ndarray of shape (n, d)
    codebooks : ndarray of shape (depth, n_codes, d)
    start : ndarray of shape (n,)
        From 0 to `depth`; `depth` for a row without codes.

    Returns
    -------
    ndarray of shape (n, depth)
        Integers.
    """
    # Make `codes`.
    ### BEGIN SOLUTION
    codes = np.full((len(x), len(codebooks)), -1)
    rest = x.copy()
    for stage, codebook in enumerate(codebooks):
        begun = start <= stage
        squares = ((rest[:, None] - codebook) ** 2).sum(axis=2)
        codes[begun, stage] = squares.argmin(axis=1)[begun]
        rest[begun] = rest[begun] - codebook[codes[begun, stage]]
    ### END SOLUTION
    return step("codes", codes, "-1 before the start", axes=("n", "depth"))


# %% [markdown]
# ## Task 10.3 (4 points): what is seen, and what is to be predicted
#
# With codes $x_{ij}$ of which $m_{ij} = 1$ are seen, the model gets the first sum and predicts the
# second:
#
# $$\text{seen}_i = \sum_j m_{ij} E_j[x_{ij}], \qquad z_i = \sum_j (1 - m_{ij}) E_j[x_{ij}].$$
#
# Together they are the decoded picture.


# %%
def seen_and_hidden(codes, codebooks, visible):
    """The two sums of the codes.

    Parameters
    ----------
    codes : ndarray of shape (n, depth)
    codebooks : ndarray of shape (depth, n_codes, d)
    visible : ndarray of shape (n, depth)
        True or False.

    Returns
    -------
    seen : ndarray of shape (n, d)
    hidden : ndarray of shape (n, d)
    """
    # Make `vectors`, of shape (n, depth, d): the vector of every code, each from its own stage.
    ### BEGIN SOLUTION
    depth = codes.shape[1]
    vectors = codebooks[np.arange(depth), codes]
    ### END SOLUTION
    vectors = step("vectors", vectors, "of every code", axes=("n", "depth", "d"))
    # Make `seen` and `hidden`.
    ### BEGIN SOLUTION
    shown = visible[:, :, None]
    seen = (vectors * shown).sum(axis=1)
    hidden = (vectors * ~shown).sum(axis=1)
    ### END SOLUTION
    return step("seen", seen, axes=("n", "d")), step("hidden", hidden, axes=("n", "d"))


# %% [markdown]
# ## Task 10.4 (4 points): windows as tokens
#
# The tokens of a picture of `grid = (h, w)` come row after row. A window of `s` x `s` of them
# becomes one token, $s^2$ times as wide: first the channels of its upper left token, then those of
# the token to the right of it, and so on, row after row *inside the window*. The windows come row
# after row, too.


# %%
def merge(x, grid, s):
    """Windows of tokens side by side.

    Parameters
    ----------
    x : ndarray of shape (n, c)
        `n = h * w`.
    grid : tuple of int
        Rows and columns, both divisible by `s`.
    s : int

    Returns
    -------
    ndarray of shape (n_windows, width)
        `n / s**2` windows of width `s**2 * c`.
    """
    # Make `blocks`, of shape (h / s, s, w / s, s, c).
    ### BEGIN SOLUTION
    (h, w), c = grid, x.shape[1]
    blocks = x.reshape(h // s, s, w // s, s, c)
    ### END SOLUTION
    blocks = step("blocks", blocks, axes=("rows", "y", "columns", "x", "c"))
    # Make `windows`.
    ### BEGIN SOLUTION
    windows = blocks.swapaxes(1, 2).reshape(h * w // s**2, s * s * c)
    ### END SOLUTION
    return step("windows", windows, axes=("n_windows", "width"))


# %% [markdown]
# ## The result: a photo, stage after stage
#
# Patches of 8 x 8 pixels, made by your `merge` from pixels, with codebooks from *another* photo.

# %%
from tokenlab.data import load_vit_photos
from tokenlab.quantization import residual

N_CODES, DEPTH = 64, 3
photos = load_vit_photos()


def patches(photo):
    """Pixels from 0 to 1 as rows of 8 x 8 x 3 numbers."""
    h, w = photo.shape[0] // 8 * 8, photo.shape[1] // 8 * 8
    return merge((photo[:h, :w] / 255.0).reshape(h * w, 3), (h, w), 8)


other, photo = patches(photos.images[1]), patches(photos.images[0])
mean = other.mean(axis=0)
fitted = residual.fit(other - mean, N_CODES, DEPTH, iters=5, rng=0)
codes = encode(photo - mean, fitted.codebooks, np.zeros(len(photo), dtype=int))
for seen in range(DEPTH + 1):
    shown = np.arange(DEPTH) < np.full((len(photo), 1), seen)
    near, left = seen_and_hidden(codes, fitted.codebooks, shown)
    db = -10 * np.log10(((photo - mean - near) ** 2).mean())
    bits = seen * math.log2(N_CODES) / 64
    print(f"{seen} of {DEPTH} stages: {bits:.2f} bits a pixel, {db:.1f} dB")
    later = encode(photo - mean - near, fitted.codebooks, np.full(len(photo), seen))
    assert (later[:, seen:] != codes[:, seen:]).sum() < 5  # the same codes, from there on

order = np.random.default_rng(0).permutation(16 * 4)
for r in (0, 1 / 3, 2 / 3, 1):
    print(f"r = {r:.2f}: {(~visible_codes(r, order, 16, 4)).sum()} of 64 codes are hidden")

# %% [markdown]
# ## Open question (4 points)
#
# (a) A stage without a zero vector in its codebook can make a row worse. Give a row and two small
# codebooks for which it does, and say why k-means on many rows still lowers the mean error. (b) The
# number of hidden codes of a position could also be drawn from a multinomial. What would go wrong,
# and at which $n$ and $D$ do you see it first? (c) A transformer predicts the $s^2$ tokens of a
# window together. What does it lose against one token at a time, and what would show it?

# %% [markdown]
# *Your answer:*
