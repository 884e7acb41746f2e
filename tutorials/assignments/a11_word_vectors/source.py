# %% [markdown]
# # Word vectors, from pairs to PMI
#
# Skip-gram with negative sampling is thirty lines, and most versions of them have something wrong
# that no curve shows. You write its parts: what it learns from, what it loses, one step of it, one
# step of its sibling CBOW, and the matrix that both are after.
#
# **You will be able to**
#
# - list the pairs of a text with windows of different width,
# - write the loss of a pair and take one step down it, in the order in which word2vec does,
# - tell the gradient of a mean from that of a sum,
# - say which matrix skip-gram factorises, and show it.
#
# Needs: NumPy, derivatives of the logistic function; 90 to 120 minutes. The papers: skip-gram
# (arXiv:1310.4546); Levy and Goldberg, Neural Word Embedding as Implicit Matrix Factorization, 2014.
#
# Replace every `raise NotImplementedError(...)`. The lines with `step(...)` name a value and
# return it unchanged: keep them, and the hints can say *where* an answer goes wrong.

# %%
import numpy as np

from tokenlab import step

# %% [markdown]
# ## Task 11.1 (5 points): what is learned from
#
# Text $i$ has the words `ids[offsets[i]:offsets[i + 1]]`. Place $p$ looks `widths[p]` words to each
# side, within its text. List all pairs (word at the place, word that it sees), by place, then by the
# place of what is seen. A place does not see itself.


# %%
def near_pairs(ids, offsets, widths):
    """Each word with each word that it sees.

    Parameters
    ----------
    ids : ndarray of shape (n,)
    offsets : ndarray of shape (n_texts + 1,)
    widths : ndarray of shape (n,)

    Returns
    -------
    list of tuple of two int
    """
    # Make `pairs`.
    ### BEGIN SOLUTION
    pairs = []
    for text in range(len(offsets) - 1):
        begin, end = offsets[text], offsets[text + 1]
        for p in range(begin, end):
            seen = range(max(begin, p - widths[p]), min(end, p + widths[p] + 1))
            pairs += [(int(ids[p]), int(ids[q])) for q in seen if q != p]
    ### END SOLUTION
    return pairs


# %% [markdown]
# ## Task 11.2 (5 points): what a pair loses
#
# With $v$ the row of the word in `vectors`, $u_c$ the row of the context in `outputs` and $\sigma$ the
# logistic function,
#
# $$L = -\log \sigma(u_c \cdot v) - \sum_{i} \log \sigma(-u_{d_i} \cdot v),$$
#
# over the draws $d_i$ that are *not* the context: such a draw tells nothing, and is left out.


# %%
def pair_loss(vectors, outputs, word, context, draws):
    """The loss of one pair.

    Parameters
    ----------
    vectors : ndarray of shape (vocab, d)
    outputs : ndarray of shape (vocab, d)
    word, context : int
    draws : ndarray of shape (k,)

    Returns
    -------
    float
    """
    # Make `others`, the draws that count.
    ### BEGIN SOLUTION
    others = draws[draws != context]
    ### END SOLUTION
    others = step("others", others, "draws that count", axes=("n_others",))
    # Make `loss`. Large products must not overflow: np.logaddexp(0, x) is log(1 + exp(x)).
    ### BEGIN SOLUTION
    true = outputs[context] @ vectors[word]
    false = outputs[others] @ vectors[word]
    loss = np.logaddexp(0, -true) + np.logaddexp(0, false).sum()
    ### END SOLUTION
    return float(step("loss", loss))


# %% [markdown]
# ## Task 11.3 (5 points): one step
#
# word2vec goes through the targets of a pair: the context, then the draws in their order, those equal
# to the context left out. For each, with $y$ 1 for the context and 0 for a draw,
#
# $$g = \text{rate} \cdot (y - \sigma(u \cdot v)), \qquad e \leftarrow e + g\,u, \qquad
# u \leftarrow u + g\,v.$$
#
# An output row moves at once: a draw that comes twice sees what the first time did. The word moves at
# the end, $v \leftarrow v + e$. What is given stays as it is.


# %%
def sgd_step(vectors, outputs, word, context, draws, rate):
    """Both tables after one pair.

    Parameters
    ----------
    vectors : ndarray of shape (vocab, d)
    outputs : ndarray of shape (vocab, d)
    word, context : int
    draws : ndarray of shape (k,)
    rate : float

    Returns
    -------
    vectors, outputs : ndarray
        New ones.
    """
    vectors, outputs = vectors.copy(), outputs.copy()
    # Change the rows of `outputs`, and make `error`, which the word moves by.
    ### BEGIN SOLUTION
    v = vectors[word].copy()
    error = np.zeros(len(v))
    for place, target in enumerate([context, *draws]):
        if place and target == context:
            continue
        g = rate * ((place == 0) - 1 / (1 + np.exp(-(outputs[target] @ v))))
        error += g * outputs[target]
        outputs[target] += g * v
    ### END SOLUTION
    error = step("error", error, "what the word moves by", axes=("d",))
    vectors[word] = vectors[word] + error
    return vectors, step("outputs", outputs, axes=("vocab", "d"))


# %% [markdown]
# ## Task 11.4 (5 points): the sibling
#
# CBOW tells a word from the *mean* $h$ of the rows of those around it. The targets are the centre
# ($y = 1$) and the draws other than it; $e$ and the output rows as in 11.3, with $h$ for $v$. Then
# every word around moves, by its part of the gradient of the mean. One that stands there twice moves
# twice.


# %%
def cbow_step(vectors, outputs, centre, around, draws, rate):
    """Both tables after one word and those around it.

    Parameters
    ----------
    vectors : ndarray of shape (vocab, d)
        Of the words around.
    outputs : ndarray of shape (vocab, d)
        Of centres and draws.
    centre : int
    around : ndarray of shape (n_around,)
        At least one.
    draws : ndarray of shape (k,)
    rate : float

    Returns
    -------
    vectors, outputs : ndarray
        New ones.
    """
    vectors, outputs = vectors.copy(), outputs.copy()
    # Make `h`, of shape (d,).
    ### BEGIN SOLUTION
    h = vectors[around].mean(axis=0)
    ### END SOLUTION
    h = step("h", h, "the mean of what stands around", axes=("d",))
    # Change the rows of `outputs`, then those of `vectors`.
    ### BEGIN SOLUTION
    error = np.zeros(len(h))
    for place, target in enumerate([centre, *draws]):
        if place and target == centre:
            continue
        g = rate * ((place == 0) - 1 / (1 + np.exp(-(outputs[target] @ h))))
        error += g * outputs[target]
        outputs[target] += g * h
    np.add.at(vectors, around, error / len(around))
    ### END SOLUTION
    return step("vectors", vectors, axes=("vocab", "d")), outputs


# %% [markdown]
# ## Task 11.5 (5 points): what it is after
#
# $X_{wc}$ says how often word $w$ was met with context $c$; $X_w$ and $X_c$ are sums of rows and of
# columns, $N$ is the sum of all. With $k$ draws by the contexts' own frequency $X_c / N$, the loss
# summed over all pairs is smallest where each product is
#
# $$v_w \cdot u_c = \log \frac{X_{wc}\, N}{X_w X_c} - \log k.$$
#
# Where $X_{wc} = 0$ it wants minus infinity.


# %%
def best_products(counts, k):
    """The matrix that skip-gram with k draws is after.

    Parameters
    ----------
    counts : ndarray of shape (n_words, n_contexts)
        No row and no column is all zeros.
    k : int

    Returns
    -------
    ndarray of shape (n_words, n_contexts)
    """
    # Make `by_chance`: how often each pair would be met if words were drawn by themselves.
    ### BEGIN SOLUTION
    by_chance = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0) / counts.sum()
    ### END SOLUTION
    by_chance = step("by chance", by_chance, axes=("n_words", "n_contexts"))
    # Make `best`, without a warning where a count is 0.
    ### BEGIN SOLUTION
    with np.errstate(divide="ignore"):
        best = np.log(counts) - np.log(by_chance) - np.log(k)
    ### END SOLUTION
    return step("best", best, axes=("n_words", "n_contexts"))


# %% [markdown]
# ## The result: words that find each other
#
# Verses in the order of the Bible, words by your pairs, one step after the other; then the matrix.

# %%
import re
from collections import Counter

from tokenlab.data import load_text
from tokenlab.embeddings import Words, skip_gram

lines = [re.findall("[a-z]+", line) for line in load_text("bible").lower()[:60_000].split("\n")]
common = [word for word, _ in Counter(word for line in lines for word in line).most_common(150)]
number = {word: i for i, word in enumerate(common)}
kept = [[number[word] for word in line if word in number] for line in lines]
ids = np.array([i for line in kept for i in line])
offsets = np.concatenate([[0], np.cumsum([len(line) for line in kept])])
rng = np.random.default_rng(0)
pairs = near_pairs(ids, offsets, rng.integers(1, 4, len(ids)))
counts = np.zeros((150, 150))
np.add.at(counts, tuple(np.array(pairs).T), 1)
chance = counts.sum(axis=0) / counts.sum()
vectors, outputs = rng.standard_normal((2, 150, 16)) * 0.1
losses = [float(skip_gram.expected_loss(vectors, outputs, counts, chance, 5))]
drawn = rng.choice(150, (2000, 5), p=chance)
for at, draws in zip(rng.permutation(len(pairs)), drawn, strict=False):
    word, context = pairs[at]
    vectors, outputs = sgd_step(vectors, outputs, word, context, draws, 0.2)
losses.append(float(skip_gram.expected_loss(vectors, outputs, counts, chance, 5)))
best = best_products(counts, 5)
losses.append(
    float(skip_gram.expected_loss(np.eye(150), np.maximum(best, -30).T, counts, chance, 5))
)
print(
    "expected loss: at first {:.3f}, after 2,000 pairs {:.3f}, at the matrix {:.3f}".format(*losses)
)
assert losses[2] < losses[1] < losses[0]
print("near `god`:", ", ".join(Words(common, vectors).nearest("god", 5).words))

# %% [markdown]
# ## Open question (4 points)
#
# (a) Draws come by frequency to the power 3/4 in practice. How does the best product change, and for
# which contexts does it grow? (b) A released CBOW moves every word around by the whole of $e$. For
# which lengths of windows is that the same as another rate, and what does it do where lengths differ?
# (c) Why is there no warning if draws equal to the context are learned as wrong, and what would you
# look at to notice?

# %% [markdown]
# *Your answer:*
