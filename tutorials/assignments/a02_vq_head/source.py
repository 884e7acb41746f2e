# %% [markdown]
# # k-means and a vector-quantised output layer
#
# The output layer of a language model holds one vector for each token of its vocabulary. You
# cluster these vectors by k-means, keep the cluster centres alone, and compute exact
# probabilities of tokens from them. Then you measure what that costs on a real model.
#
# **You will be able to**
#
# - write k-means from its two steps, with its edge cases,
# - normalise a distribution over thousands of tokens by summing over a few codes,
# - say how low the perplexity of such a layer can ever get, before anything is trained.
#
# Needs: NumPy, softmax, logarithms; 90 to 120 minutes. The papers: Lloyd 1982 (k-means) and
# VQ-Logits (arXiv:2505.10202).
#
# Replace every `raise NotImplementedError(...)`. The lines with `step(...)` name a value and
# return it unchanged: keep them, and the hints can say *where* an answer goes wrong.

# %%
import numpy as np

from tokenlab import step

# %% [markdown]
# ## Task 2.1 (4 points): the nearest code of every row
#
# A codebook is a matrix of codes. Each row of `x` goes to the code of least squared Euclidean
# distance, and of equal ones to the lower code number.
#
# With 4,096 rows, 256 codes and a width of 576, an array of shape `(n, n_codes, d)` would take
# 5 GB. You need none: $\lVert x - c \rVert^2 = \lVert x \rVert^2 - 2\, x \cdot c + \lVert c
# \rVert^2$, and all products are one matrix product.


# %%
def assign(x, codebook):
    """The nearest code of each row, and the squared distance to it.

    Parameters
    ----------
    x : ndarray of shape (n, d)
    codebook : ndarray of shape (n_codes, d)

    Returns
    -------
    codes : ndarray of shape (n,)
        Integers; of equal distances the lower code.
    distances : ndarray of shape (n,)
        Squared Euclidean.
    """
    # Make `squared`, of shape (n, n_codes): the squared distance of every row to every code.
    ### BEGIN SOLUTION
    squared = (x * x).sum(axis=1)[:, None] - 2 * (x @ codebook.T) + (codebook**2).sum(axis=1)
    ### END SOLUTION
    squared = step("squared distances", squared, axes=("n", "n_codes"))
    # Make `codes`.
    ### BEGIN SOLUTION
    codes = squared.argmin(axis=1)
    ### END SOLUTION
    codes = step("codes", codes, "the nearest", axes=("n",))
    # Make `distances`.
    ### BEGIN SOLUTION
    distances = squared[np.arange(len(x)), codes]
    ### END SOLUTION
    return codes, step("distances", distances, axes=("n",))


# %% [markdown]
# ## Task 2.2 (4 points): every code moves to the mean of its rows
#
# A code that no row chose has no mean. It stays where it was.


# %%
def update(x, codes, codebook):
    """The mean of the rows of each code.

    Parameters
    ----------
    x : ndarray of shape (n, d)
    codes : ndarray of shape (n,)
        The code of each row.
    codebook : ndarray of shape (n_codes, d)
        The codes as they were.

    Returns
    -------
    ndarray of shape (n_codes, d)
        A new array; `codebook` stays as it is.
    """
    # Make `means`.
    ### BEGIN SOLUTION
    means = codebook.copy()
    for k in range(len(codebook)):
        if (codes == k).any():
            means[k] = x[codes == k].mean(axis=0)
    ### END SOLUTION
    return step("means", means, axes=("n_codes", "d"))


# %% [markdown]
# ## Task 2.3 (4 points): k-means
#
# One iteration assigns the rows to the codes and then moves the codes to their means. The
# *inertia* is the sum of the squared distances of all rows to their nearest codes. Keep its
# history: that of the start, and that after each iteration, measured with the codes that are
# nearest *then*. It never goes up; say to yourself why.


# %%
def fit(x, codebook, n_iter):
    """`n_iter` iterations of k-means from a given start.

    Parameters
    ----------
    x : ndarray of shape (n, d)
    codebook : ndarray of shape (n_codes, d)
        The start; it stays as it is.
    n_iter : int

    Returns
    -------
    codebook : ndarray of shape (n_codes, d)
    codes : ndarray of shape (n,)
        The nearest codes in the returned codebook.
    history : ndarray of shape (n_iter + 1,)
        The inertia of the start and after every iteration.
    """
    # Use `assign` and `update`. Make `codebook`, `codes` and `history`, a list or an array.
    ### BEGIN SOLUTION
    codes, distances = assign(x, codebook)
    history = [distances.sum()]
    for _ in range(n_iter):
        codebook = update(x, codes, codebook)
        codes, distances = assign(x, codebook)
        history.append(distances.sum())
    ### END SOLUTION
    history = step("history", np.array(history), "inertia", axes=("iteration",))
    return codebook, codes, history


# %% [markdown]
# ## Task 2.4 (5 points): log-probabilities from codes
#
# Now the rows are the vectors of the tokens of an output layer, and the codebook replaces them:
# token $v$ has the logit of its code $M(v)$, `mapping[v]`. With the code logits $L = h C^\top$ the
# softmax over all tokens needs a sum over the *codes* alone, because all $n_k$ tokens of code $k$
# have the same logit:
#
# $$\log p(v) = L_{M(v)} - \log \sum_k n_k e^{L_k}$$
#
# Logits may be large: subtract the maximum before the exponential, and add it again after the
# logarithm. A code without tokens takes no part, neither in the sum nor in the maximum.


# %%
def log_prob(hidden, codebook, mapping, token):
    """Log-probability of one token after each hidden state.

    Parameters
    ----------
    hidden : ndarray of shape (n, d)
    codebook : ndarray of shape (n_codes, d)
    mapping : ndarray of shape (vocab,)
        The code of each token.
    token : ndarray of shape (n,)
        The token of each row of `hidden`.

    Returns
    -------
    ndarray of shape (n,)
    """
    # Make `sizes`, of shape (n_codes,): the number of tokens of each code.
    ### BEGIN SOLUTION
    sizes = np.bincount(mapping, minlength=len(codebook))
    ### END SOLUTION
    sizes = step("sizes", sizes, "tokens of each code", axes=("n_codes",))
    # Make `logits`, of shape (n, n_codes).
    ### BEGIN SOLUTION
    logits = hidden @ codebook.T
    ### END SOLUTION
    logits = step("code logits", logits, axes=("n", "n_codes"))
    # Make `log_z`, of shape (n,): the logarithm of the sum over all tokens.
    ### BEGIN SOLUTION
    used = logits[:, sizes > 0]
    largest = used.max(axis=1)
    log_z = largest + np.log(np.exp(used - largest[:, None]) @ sizes[sizes > 0])
    ### END SOLUTION
    log_z = step("normaliser", log_z, "log Z", axes=("n",))
    # Make `result`.
    ### BEGIN SOLUTION
    result = logits[np.arange(len(token)), mapping[token]] - log_z
    ### END SOLUTION
    return step("log-probability", result, axes=("n",))


# %% [markdown]
# ## Task 2.5 (3 points): the floor that ties set
#
# Tokens of one code are equally probable, so the right one of $n_k$ never gets more than $1/n_k$,
# whatever the hidden state. With $f_v$ the share of token $v$ in a text, the perplexity of this
# text is therefore at least
#
# $$\exp \sum_v f_v \log n_{M(v)}.$$


# %%
def tie_floor(counts, mapping):
    """The least perplexity that tokens of one code, all equally probable, allow.

    Parameters
    ----------
    counts : ndarray of shape (vocab,)
        How often each token occurs in the text; some are 0.
    mapping : ndarray of shape (vocab,)
        The code of each token.

    Returns
    -------
    float
    """
    # Make `sizes`, of shape (vocab,): how many tokens share the code of each token.
    ### BEGIN SOLUTION
    sizes = np.bincount(mapping)[mapping]
    ### END SOLUTION
    sizes = step("sizes", sizes, "tokens in the same code", axes=("vocab",))
    # Return the floor.
    ### BEGIN SOLUTION
    return float(np.exp(counts @ np.log(sizes) / counts.sum()))
    ### END SOLUTION


# %% [markdown]
# ## The result: a real output layer with fewer vectors
#
# The package holds 4,096 rows of the output layer of SmolLM2, a small language model, with hidden
# states and the tokens that came next. (The model's own vocabulary is larger; these perplexities
# are comparable with each other only.) How much is lost with fewer codes, and how much of that is
# the floor?

# %%
from tokenlab.data import load_lm_head
from tokenlab.logits import tie_floor as library_floor

head = load_lm_head()
counts = np.bincount(head.next_report, minlength=len(head.weight))
everything = np.arange(len(head.weight))  # every token is its own code: the layer as it is
exact = log_prob(head.hidden_report, head.weight, everything, head.next_report)
print(f"{len(everything):5} vectors: perplexity {np.exp(-exact.mean()):7.1f}")
for n_codes in (64, 256):
    start = head.weight[np.random.default_rng(0).choice(len(head.weight), n_codes, replace=False)]
    codebook, mapping, history = fit(head.weight, start, n_iter=5)
    log_p = log_prob(head.hidden_report, codebook, mapping, head.next_report)
    floor = tie_floor(counts, mapping)
    assert np.isclose(floor, library_floor(counts, mapping)), "the library has another floor"
    print(
        f"{n_codes:5} codes:   perplexity {np.exp(-log_p.mean()):7.1f}, floor {floor:6.1f}, "
        f"inertia {history[0]:.0f} to {history[-1]:.0f}"
    )

# %% [markdown]
# ## Open question (4 points)
#
# (a) Why can no training of the codebook bring the perplexity below the floor, and what would?
# (b) Print the tokens of the largest code and of a small one. What do they have in common, and
# which of the two costs more perplexity? (c) k-means minimises the inertia. Name a map from tokens
# to codes with a lower floor, and say what it loses in exchange.

# %% [markdown]
# *Your answer:*
