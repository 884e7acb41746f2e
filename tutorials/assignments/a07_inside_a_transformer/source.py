# %% [markdown]
# # Inside a transformer: attention with a cache
#
# A language model writes one token after the other. Each new token asks all tokens before it, and
# their keys and values are kept so that nothing is computed twice. You write the parts of the layer
# that does this, as SmolLM2 has it, and the end of the file runs a whole model on your functions.
#
# **You will be able to**
#
# - take the norm that a token's vector gets before each part of a layer,
# - turn queries and keys by their place, so that their products know distances alone,
# - say which tokens a new token may see when others are in the cache,
# - write softmax attention in which several query heads share a key head,
# - continue a text from a cache, also from one that was cut.
#
# Needs: NumPy, softmax, matrix products with three axes; 90 to 120 minutes. The papers: RMS norm
# (arXiv:1910.07467), RoPE (2104.09864), grouped queries (2305.13245), LLaMA (2302.13971).
#
# Replace every `raise NotImplementedError(...)`. The lines with `step(...)` name a value and
# return it unchanged: keep them, and the hints can say *where* an answer goes wrong.

# %%
import numpy as np

from tokenlab import step

# %% [markdown]
# ## Task 7.1 (5 points): RMS norm
#
# Each token's vector is divided by the root of its mean square and then multiplied by a gain, one
# number per channel:
#
# $$y_{ic} = g_c \, \frac{x_{ic}}{\sqrt{\frac{1}{d} \sum_{c'} x_{ic'}^2 + \varepsilon}}.$$
#
# No mean is subtracted, and $\varepsilon$ stands under the root.


# %%
def rms_norm(x, gain, eps):
    """Rows over the root of their mean square, times a gain.

    Parameters
    ----------
    x : ndarray of shape (n, d)
    gain : ndarray of shape (d,)
    eps : float

    Returns
    -------
    ndarray of shape (n, d)
    """
    # Make `square`, of shape (n, 1): the mean square of each token.
    ### BEGIN SOLUTION
    square = (x * x).mean(axis=1, keepdims=True)
    ### END SOLUTION
    square = step("mean square", square, axes=("n", "one"))
    # Make `y`.
    ### BEGIN SOLUTION
    y = x / np.sqrt(square + eps) * gain
    ### END SOLUTION
    return step("y", y, axes=("n", "d"))


# %% [markdown]
# ## Task 7.2 (5 points): places as rotations
#
# *Neighbouring* channels, $2i$ and $2i + 1$, are a pair. At position $m$ pair $i$ is turned by the
# angle $\theta = m\, b^{-2i/d_h}$, where $b$ is the base:
#
# $$(x_{2i},\, x_{2i+1}) \mapsto (x_{2i} \cos\theta - x_{2i+1} \sin\theta,\;
# x_{2i} \sin\theta + x_{2i+1} \cos\theta).$$
#
# The positions are given: they need not begin at 0, nor follow one another.


# %%
def rope(x, positions, base):
    """Each pair of channels turned by its angle.

    Parameters
    ----------
    x : ndarray of shape (h, n, d_h)
        `d_h` is even.
    positions : ndarray of shape (n,)
    base : float

    Returns
    -------
    ndarray of shape (h, n, d_h)
    """
    # Make `angle`, of shape (n, n_pairs).
    ### BEGIN SOLUTION
    frequency = base ** (-np.arange(0, x.shape[2], 2) / x.shape[2])
    angle = positions[:, None] * frequency
    ### END SOLUTION
    angle = step("angle", angle, "m b^(-2i/d_h)", axes=("n", "n_pairs"))
    # Make `turned`.
    ### BEGIN SOLUTION
    even, odd = x[:, :, 0::2], x[:, :, 1::2]
    turned = np.empty(x.shape)
    turned[:, :, 0::2] = even * np.cos(angle) - odd * np.sin(angle)
    turned[:, :, 1::2] = even * np.sin(angle) + odd * np.cos(angle)
    ### END SOLUTION
    return step("turned", turned, axes=("h", "n", "d_h"))


# %% [markdown]
# ## Task 7.3 (5 points): who sees whom
#
# `past` tokens are in the cache, `n` new ones come behind them. A new token sees everything in the
# cache, the new tokens before it, and itself. Columns are the cache first, then the new tokens.


# %%
def visible(n, past):
    """The causal mask of new tokens, with columns for the cache.

    Parameters
    ----------
    n, past : int

    Returns
    -------
    ndarray of shape (n, n_keys)
        True where a token may be seen; `n_keys` is `past + n`.
    """
    # Make `place`, of shape (n,): the column of each new token.
    ### BEGIN SOLUTION
    place = past + np.arange(n)
    ### END SOLUTION
    place = step("place", place, "the column of each new token", axes=("n",))
    # Make `seen`.
    ### BEGIN SOLUTION
    seen = np.arange(past + n)[None, :] <= place[:, None]
    ### END SOLUTION
    return step("seen", seen, axes=("n", "n_keys"))


# %% [markdown]
# ## Task 7.4 (5 points): attention
#
# $$Y = \mathrm{softmax}\!\left(\frac{Q K^\top}{\sqrt{d_h}}\right) V$$
#
# for each head by itself, the softmax over the keys that a query may see; every query sees at least
# one. There are fewer key heads than query heads: with $g = h / h_{kv}$, query heads $0$ to $g - 1$
# use key head 0, the next $g$ use key head 1, and so on. Scores may be large: the exponential must
# not overflow.


# %%
def attend(q, k, v, seen):
    """The values that each token attends to.

    Parameters
    ----------
    q : ndarray of shape (h, n, d_h)
    k, v : ndarray of shape (h_kv, n_keys, d_h)
    seen : ndarray of shape (n, n_keys)
        True or False.

    Returns
    -------
    ndarray of shape (h, n, d_h)
    """
    # Make `scores`, of shape (h, n, n_keys), -inf where a key is not seen.
    ### BEGIN SOLUTION
    group = len(q) // len(k)
    keys, values = k.repeat(group, axis=0), v.repeat(group, axis=0)
    scores = q @ keys.transpose(0, 2, 1) / np.sqrt(q.shape[2])
    scores = np.where(seen, scores, -np.inf)
    ### END SOLUTION
    scores = step("scores", scores, axes=("h", "n", "n_keys"))
    # Make `shares`, of shape (h, n, n_keys), and `y`.
    ### BEGIN SOLUTION
    shares = np.exp(scores - scores.max(axis=2, keepdims=True))
    shares = shares / shares.sum(axis=2, keepdims=True)
    y = shares @ values
    ### END SOLUTION
    return step("y", y, axes=("h", "n", "d_h"))


# %% [markdown]
# ## Task 7.5 (5 points): continue from a cache
#
# A cache is a dictionary: `"k"` and `"v"`, `(h_kv, past, d_h)`, and `"positions"`, `(past,)`. Its
# keys are *already turned*. New tokens stand behind the *last position* in the cache, at the last
# position + 1, + 2, ..., and from 0 where the cache is empty. Queries and keys are turned by their
# positions, values are not. `weights` has `"q"`, `(d, h, d_h)`, and `"k"`, `"v"`, `(d, h_kv, d_h)`:
# $q_{hnw} = \sum_d x_{nd}\, W_{dhw}$, and likewise keys and values.
#
# Return what the new tokens attend to, and a cache of all rows, the new ones behind. The cache that
# was given stays as it is: somebody may cut it and try another text. Use your functions.


# %%
def continued(x, cache, weights, base):
    """Attention of new tokens to those in a cache and to each other.

    Parameters
    ----------
    x : ndarray of shape (n, d)
        Behind the norm.
    cache : dict
    weights : dict
    base : float
        Of the rotation.

    Returns
    -------
    y : ndarray of shape (h, n, d_h)
    cache : dict
        With n rows more.
    """
    # Make `positions`, of shape (n,), integers: the places of the new tokens.
    ### BEGIN SOLUTION
    past = len(cache["positions"])
    start = cache["positions"][-1] + 1 if past else 0
    positions = start + np.arange(len(x))
    ### END SOLUTION
    positions = step("positions", positions, axes=("n",))
    # Make `longer`, the cache with the new rows.
    ### BEGIN SOLUTION
    new_k = rope(np.einsum("nd,dhw->hnw", x, weights["k"]), positions, base)
    new_v = np.einsum("nd,dhw->hnw", x, weights["v"])
    longer = {
        "k": np.concatenate([cache["k"], new_k], axis=1),
        "v": np.concatenate([cache["v"], new_v], axis=1),
        "positions": np.concatenate([cache["positions"], positions]),
    }
    ### END SOLUTION
    step("keys", longer["k"], axes=("h_kv", "n_keys", "d_h"))
    # Make `y`.
    ### BEGIN SOLUTION
    q = rope(np.einsum("nd,dhw->hnw", x, weights["q"]), positions, base)
    y = attend(q, longer["k"], longer["v"], visible(len(x), past))
    ### END SOLUTION
    return step("y", y, axes=("h", "n", "d_h")), longer


# %% [markdown]
# ## The result: a whole model on your functions
#
# SmolLM2 where its package is installed, and otherwise a small random model of the same form: its
# logits by your functions against those of the library, at once and token by token.

# %%
from tokenlab import models
from tokenlab.tour.small_models import llama

REAL = models.find("smollm2") is not None
model = models.load("smollm2") if REAL else llama()
BASE, EPS = model.config.rope_base, model.config.eps


def empty(p):
    """A cache without rows, for one layer."""
    nothing = np.zeros((p["k"].shape[1], 0, p["k"].shape[2]))
    return {"k": nothing, "v": nothing, "positions": np.zeros(0, dtype=int)}


def silu(x):
    """x times its logistic."""
    return x / (1 + np.exp(-x))


def logits(ids, caches):
    """Of the token behind the last one, and the caches of all layers with these tokens."""
    x, longer = model.params["embed"][ids], []  # (n, d)
    for p, cache in zip(model.params["layers"], caches, strict=True):
        y, cache = continued(rms_norm(x, p["norm1"], EPS), cache, p, BASE)
        x = x + y.transpose(1, 0, 2).reshape(len(ids), -1) @ p["out"]
        h = rms_norm(x, p["norm2"], EPS)
        x = x + (silu(h @ p["gate"]) * (h @ p["up"])) @ p["down"]
        longer.append(cache)
    return rms_norm(x[-1:], model.params["norm"], EPS)[0] @ model.params["embed"].T, longer


ids = model.encode("To be, or not to be, that is") if REAL else np.array([3, 1, 4, 1, 5, 9])
caches = [empty(p) for p in model.params["layers"]]
at_once, _ = logits(ids, caches)
for i in ids:
    in_parts, caches = logits(np.array([i]), caches)
theirs = model.forward(ids)[-1]
scale = abs(theirs).max()
print(
    f"logits up to {scale:.1f}; token by token against at once: {abs(in_parts - at_once).max():.1e}"
)
print(f"against the library: {abs(at_once - theirs).max():.1e}")
assert np.allclose(at_once, theirs, atol=1e-4 * scale)
assert np.allclose(in_parts, at_once, atol=1e-4 * scale)

text, behind = [], in_parts
for _ in range(12):
    text.append(int(behind.argmax()))
    behind, caches = logits(np.array(text[-1:]), caches)
print("To be, or not to be, that is" + model.decode(text) if REAL else f"most likely next: {text}")

# %% [markdown]
# ## Open question (4 points)
#
# (a) Why are keys kept turned, and what would have to be done at each token if they were kept as
# they are? (b) A draft of three tokens was tried and the last two are refused. Which rows must go,
# and where does the next token stand? What goes wrong if positions start at 0 again? Show it with
# numbers. (c) How many numbers does the cache of SmolLM2 (30 layers, 3 key heads of 64 channels)
# hold for 8,192 tokens, and how many would it hold with a key head for each of the 9 query heads?

# %% [markdown]
# *Your answer:*
