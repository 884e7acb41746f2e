# %% [markdown]
# # Inside a language model
#
# A trained model can be asked which words made it say the next one, which of its weights it needs for
# that, which texts would teach it most, which words a vector stands for, and which way a token goes
# through its layers. Each of the five questions has a core of a few lines. You write these cores.
#
# **You will be able to**
#
# - credit a drop of probability to the words that were replaced,
# - write the gradient of masks over weights that stay as they are,
# - measure the angles of all pairs of vectors without making the pairs,
# - pool a text into a bag of words and score documents that keep a few of them,
# - follow a token's vector through the layers and say how straight it goes.
#
# Needs: NumPy, the chain rule, the logistic function; 90 to 120 minutes. The papers: ReAGent
# (arXiv:2402.00794), bigram subnetworks (arXiv:2504.15471), GAIN-RL (arXiv:2506.02281), DupMAE
# (arXiv:2211.08769).
#
# Replace every `raise NotImplementedError(...)`. The lines with `step(...)` name a value and
# return it unchanged: keep them, and the hints can say *where* an answer goes wrong.

# %%
import numpy as np

from tokenlab import step

# %% [markdown]
# ## Task 12.1 (5 points): credit for a drop
#
# Some tokens of a text were replaced, and the probability of what the model said went from `before` to
# `after`. ReAGent credits the drop to what was replaced, and holds it against the rest:
#
# $$\Delta = p_{before} - p_{after}, \qquad
# \ell_i \leftarrow \ell_i + \ln \frac{1 + \delta_i}{1 - \delta_i}, \qquad
# \delta_i = \begin{cases} \Delta & \text{if } i \text{ was replaced} \\ -\Delta & \text{if not.} \end{cases}$$
#
# A drop of exactly 1 would be credited with infinity: cut $\Delta$ to at most 0.999 and at least
# -0.999.


# %%
def credit(log_odds, replaced, before, after):
    """The log-odds after one replacement.

    Parameters
    ----------
    log_odds : ndarray of shape (n,)
    replaced : ndarray of shape (n,)
        bool.
    before, after : float
        Probabilities.

    Returns
    -------
    ndarray of shape (n,)
    """
    # Make `delta`, of shape (n,).
    ### BEGIN SOLUTION
    drop = np.clip(before - after, -0.999, 0.999)
    delta = np.where(replaced, drop, -drop)
    ### END SOLUTION
    delta = step("delta", delta, "what each token is credited with", axes=("n",))
    # Make `new`, without changing `log_odds`.
    ### BEGIN SOLUTION
    new = log_odds + np.log((1 + delta) / (1 - delta))
    ### END SOLUTION
    return step("new", new, axes=("n",))


# %% [markdown]
# ## Task 12.2 (5 points): the gradient of a mask
#
# A layer's weights $W$ stay as they are; a mask over them learns what to leave out. With numbers
# $\theta$ of the same shape,
#
# $$m = \sigma(\beta\, \theta), \qquad y = x\,(W \odot m), \qquad
# L = L(y) + \lambda \cdot \text{mean of } m .$$
#
# From above comes $\partial L(y) / \partial y$, of the shape of $y$. Give $\partial L / \partial \theta$.


# %%
def mask_grad(theta, weight, x, y_grad, temperature, penalty):
    """The gradient of the loss for the numbers behind a mask.

    Parameters
    ----------
    theta : ndarray of shape (d_in, d_out)
    weight : ndarray of shape (d_in, d_out)
    x : ndarray of shape (n, d_in)
        What the layer gets.
    y_grad : ndarray of shape (n, d_out)
    temperature : float
        Beta.
    penalty : float
        Lambda.

    Returns
    -------
    ndarray of shape (d_in, d_out)
    """
    # Make `mask`, and `grad`, the gradient for the mask itself, its penalty included.
    ### BEGIN SOLUTION
    mask = 1 / (1 + np.exp(-temperature * theta))
    grad = weight * (x.T @ y_grad) + penalty / mask.size
    ### END SOLUTION
    grad = step("mask's gradient", grad, axes=("d_in", "d_out"))
    # Make `theta_grad`.
    ### BEGIN SOLUTION
    theta_grad = temperature * mask * (1 - mask) * grad
    ### END SOLUTION
    return step("theta_grad", theta_grad, axes=("d_in", "d_out"))


# %% [markdown]
# ## Task 12.3 (5 points): all angles at once
#
# The first `prefix` rows of a model's states belong to the instructions, the others to the question.
# GAIN-RL measures
#
# $$C_{intra} = \frac{1}{L^2} \sum_{i, j \text{ in the question}} \cos(h_i, h_j), \qquad
# C_{inter} = \frac{1}{L M} \sum_{i \text{ in the question}} \sum_{j \text{ in the prefix}} \cos(h_i, h_j)$$
#
# for $L$ rows of the question and $M$ of the prefix. In $C_{intra}$ a row meets itself, too. A question
# of 10,000 tokens has 100 million pairs: do it without them. A sum over pairs of products is a product
# of sums. Without a prefix $C_{inter}$ is 0. No row is all zeros.


# %%
def concentration(hidden, prefix):
    """How much the directions of the states agree.

    Parameters
    ----------
    hidden : ndarray of shape (n, d)
    prefix : int
        Less than n.

    Returns
    -------
    intra, inter : float
    """
    # Make `middle`, of shape (d,): what stands for all rows of the question.
    ### BEGIN SOLUTION
    rows = hidden / np.linalg.norm(hidden, axis=1, keepdims=True)
    middle = rows[prefix:].mean(axis=0)
    ### END SOLUTION
    middle = step("middle", middle, "stands for the question", axes=("d",))
    # Make `intra` and `inter`.
    ### BEGIN SOLUTION
    intra = middle @ middle
    inter = middle @ rows[:prefix].mean(axis=0) if prefix else 0.0
    ### END SOLUTION
    return float(step("intra", intra)), float(step("inter", inter))


# %% [markdown]
# ## Task 12.4 (5 points): a bag of words, and documents that keep few
#
# DupMAE asks of every token of a text which words it stands for, and keeps the largest answer:
#
# $$\mu_v = \max_{i \text{ counts}} z_{iv} .$$
#
# Tokens that do not count, such as padding, are left out. A document keeps $k$ entries of its own bag,
# ids and values, and its score is the sum over them of value times $\mu$ at the id. A place that a short
# document does not fill has the id -1 and adds nothing, whatever its value.


# %%
def bag_scores(logits, counts, ids, values):
    """The score of every document for one text.

    Parameters
    ----------
    logits : ndarray of shape (n, vocab)
        Of the text that asks.
    counts : ndarray of shape (n,)
        bool, true for at least one token.
    ids : ndarray of shape (n_docs, k)
    values : ndarray of shape (n_docs, k)

    Returns
    -------
    ndarray of shape (n_docs,)
    """
    # Make `bag`, of shape (vocab,).
    ### BEGIN SOLUTION
    bag = logits[counts].max(axis=0)
    ### END SOLUTION
    bag = step("bag", bag, "the largest answer of any token", axes=("vocab",))
    # Make `scores`.
    ### BEGIN SOLUTION
    filled = ids >= 0
    scores = np.where(filled, bag[np.where(filled, ids, 0)] * values, 0).sum(axis=1)
    ### END SOLUTION
    return step("scores", scores, axes=("n_docs",))


# %% [markdown]
# ## Task 12.5 (5 points): a walk
#
# Every part of every layer adds a move to a token's vector: $x_t = x_{t-1} + \Delta_t$. Give all states,
# the start first, and how straight each token goes: the distance from its start to its end over the
# sum of the lengths of its moves. Who does not move at all goes straight: 1.


# %%
def walk(start, moves):
    """Every state of every token, and how straight it goes.

    Parameters
    ----------
    start : ndarray of shape (n, d)
    moves : ndarray of shape (steps, n, d)
        There may be none.

    Returns
    -------
    states : ndarray of shape (steps + 1, n, d)
    straightness : ndarray of shape (n,)
    """
    # Make `states`.
    ### BEGIN SOLUTION
    states = np.cumsum(np.concatenate([start[None], moves]), axis=0)
    ### END SOLUTION
    states = step("states", states, "the start, and what is left by each move")
    # Make `straightness`, without a warning where a token does not move.
    ### BEGIN SOLUTION
    length = np.linalg.norm(moves, axis=2).sum(axis=0)
    distance = np.linalg.norm(states[-1] - start, axis=1)
    straightness = np.where(length > 0, distance / np.where(length > 0, length, 1), 1.0)
    ### END SOLUTION
    return states, step("straightness", straightness, axes=("n",))


# %% [markdown]
# ## The result: a small model, looked into
#
# A transformer of two layers that has read 29 plays. Which words made it say the next one? And how
# does the last token get there?

# %%
from tokenlab.data import load_tiny_lm
from tokenlab.models import transformer
from tokenlab.models.hooks import residual_moves
from tokenlab.numerics import softmax

tiny = load_tiny_lm()
lm, text = tiny.lm, "HAMLET:\nTo be, or not to"
ids = np.array(tiny.tokenizer.encode(text))
target = int(lm.log_probs(ids).argmax())
before = float(np.exp(lm.log_probs(ids)[target]))
rng = np.random.default_rng(0)
log_odds = np.zeros(len(ids))
for _ in range(200):
    replaced = rng.random(len(ids)) < 0.3
    other = np.where(replaced, rng.integers(0, lm.vocab, len(ids)), ids)
    log_odds = credit(log_odds, replaced, before, float(np.exp(lm.log_probs(other)[target])))
words = [tiny.tokenizer.decode([i]) for i in ids]
best = np.argsort(-log_odds)[:3]
print(
    f"{text!r} → {tiny.tokenizer.decode([target])!r}, because of", [words[i] for i in sorted(best)]
)
start, moves = residual_moves(lambda **hooks: transformer.forward(tiny.params, ids, **hooks))
states, straightness = walk(start, moves)
print(f"straightness of the last token's walk: {straightness[-1]:.2f}")
print("angles of the states, from layer to layer:", end=" ")
print(", ".join(f"{concentration(state, 0)[0]:.2f}" for state in states))
assert softmax(log_odds)[-1] > 1 / len(ids)

# %% [markdown]
# ## Open question (4 points)
#
# (a) With a share r of tokens replaced, a token that does not matter is credited $2r - 1$ times as much
# on average as the one that does. What happens for r of one half and above? (b) $C_{intra}$ holds each
# row's product with itself. Which of two questions does it prefer when all cosines of different rows
# are alike, and what would you measure instead? (c) A mask has learned $m = 0.5$ for a weight. What
# does a larger $\beta$ do to its gradient, and why is the temperature raised slowly?

# %% [markdown]
# *Your answer:*
