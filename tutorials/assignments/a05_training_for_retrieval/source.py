# %% [markdown]
# # Training for retrieval: XTR's objective and its gradient
#
# XTR searches by retrieved tokens, so it is trained on retrieved tokens: the documents of a batch
# throw their tokens into one pool, each query token retrieves from it, and a document is scored by
# what was retrieved from it. You write this score, its loss and its gradient for every vector,
# check the gradient, and train with it on real questions.
#
# **You will be able to**
#
# - compute XTR's training score and its normaliser $Z$,
# - take a cross entropy and its derivative without overflow,
# - carry a gradient through a hard maximum and a mask, back to token vectors,
# - check any gradient by central differences.
#
# Needs: NumPy, the chain rule, softmax; 90 to 120 minutes. The paper: XTR (arXiv:2304.01982, Eq. 2
# and App. A).
#
# Replace every `raise NotImplementedError(...)`. The lines with `step(...)` name a value and
# return it unchanged: keep them, and the hints can say *where* an answer goes wrong.

# %%
import numpy as np

from tokenlab import step

# %% [markdown]
# ## Task 5.1 (4 points): what the query tokens retrieve
#
# The tokens of all documents of the batch are the rows of one matrix, the pool. Each query token
# retrieves the `k_train` most similar of them, of equal ones those with the lower number. If
# `k_train` is larger than the pool, all are retrieved.


# %%
def token_mask(similarity, k_train):
    """Which tokens of the pool each query token retrieves.

    Parameters
    ----------
    similarity : ndarray of shape (n_q, n_tokens)
    k_train : int

    Returns
    -------
    ndarray of shape (n_q, n_tokens)
        True or False.
    """
    # Make `mask`.
    ### BEGIN SOLUTION
    best = np.argsort(-similarity, axis=1, kind="stable")[:, :k_train]  # (n_q, k_train)
    mask = np.zeros(similarity.shape, dtype=bool)
    np.put_along_axis(mask, best, True, axis=1)
    ### END SOLUTION
    return step("mask", mask, "retrieved or not", axes=("n_q", "n_tokens"))


# %% [markdown]
# ## Task 5.2 (5 points): the score of a document
#
# Document $b$ owns the tokens `offsets[b]:offsets[b + 1]`, call them $D_b$; a document may be
# empty. With $\hat A$ the mask as 0 and 1, and $P$ the similarities,
#
# $$f(D_b) = \frac{1}{Z_b} \sum_i \max_{j \in D_b} \hat A_{ij} P_{ij}, \qquad
# Z_b = \text{number of query tokens that retrieved anything from } D_b.$$
#
# Take the formula at its word: a token that was not retrieved counts as 0 in the maximum, so a
# retrieved token of negative similarity loses to it. A query token that retrieved nothing from
# $D_b$ adds nothing. Where $Z_b = 0$ the score is 0.


# %%
def train_scores(similarity, mask, offsets):
    """Score the documents of a batch by what was retrieved from them.

    Parameters
    ----------
    similarity : ndarray of shape (n_q, n_tokens)
    mask : ndarray of shape (n_q, n_tokens)
        From `token_mask`.
    offsets : ndarray of shape (n_docs + 1,)

    Returns
    -------
    scores : ndarray of shape (n_docs,)
    z : ndarray of shape (n_docs,)
        Integers.
    """
    # Make `best`, of shape (n_docs, n_q), the maxima, with 0 for an empty document; and `z`.
    ### BEGIN SOLUTION
    kept = similarity * mask  # (n_q, n_tokens)
    n_docs = len(offsets) - 1
    best = np.zeros((n_docs, len(kept)))
    z = np.zeros(n_docs, dtype=int)
    for b in range(n_docs):
        own = slice(offsets[b], offsets[b + 1])
        if offsets[b] < offsets[b + 1]:
            best[b] = kept[:, own].max(axis=1)
            z[b] = mask[:, own].any(axis=1).sum()
    ### END SOLUTION
    best = step("best retrieved", best, "max of Â P", axes=("n_docs", "n_q"))
    z = step("z", z, "query tokens that retrieved anything", axes=("n_docs",))
    # Make `scores`.
    ### BEGIN SOLUTION
    scores = best.sum(axis=1) / np.maximum(z, 1)
    ### END SOLUTION
    return step("scores", scores, "one number per document", axes=("n_docs",)), z


# %% [markdown]
# ## Task 5.3 (5 points): cross entropy and its derivative
#
# One document of the batch is the right one, $+$. With a temperature $T$,
#
# $$p = \mathrm{softmax}(f / T), \qquad L = -\log p_+, \qquad
# \frac{\partial L}{\partial f_b} = \frac{p_b - [b = +]}{T},$$
#
# where $[b = +]$ is 1 for the right document and 0 for all others. Differences of scores may be
# large: neither the exponential may overflow, nor the logarithm meet a 0.


# %%
def cross_entropy(scores, positive, temperature):
    """Loss of the right document among all of the batch, and its derivative.

    Parameters
    ----------
    scores : ndarray of shape (n_docs,)
    positive : int
        The right document.
    temperature : float

    Returns
    -------
    loss : float
    slope : ndarray of shape (n_docs,)
        Derivative of the loss for each score.
    """
    # Make `log_p`, of shape (n_docs,): the logarithm of the softmax.
    ### BEGIN SOLUTION
    logits = scores / temperature
    shifted = logits - logits.max()
    log_p = shifted - np.log(np.exp(shifted).sum())
    ### END SOLUTION
    log_p = step("log-probability", log_p, axes=("n_docs",))
    # Make `loss` and `slope`.
    ### BEGIN SOLUTION
    loss = -log_p[positive]
    slope = np.exp(log_p)
    slope[positive] -= 1
    slope = slope / temperature
    ### END SOLUTION
    return loss, step("slope", slope, "sums to 0", axes=("n_docs",))


# %% [markdown]
# ## Task 5.4 (6 points): gradients for the vectors
#
# A score moves with a similarity $P_{ij}$ only where that is the maximum of its document, and was
# retrieved. Call such a token $j$ the *winner* of document $b$ for query token $i$; of equal ones
# the lower number wins. There $\partial f_b / \partial P_{ij} = 1 / Z_b$, everywhere else it is 0.
# (A token that was not retrieved may be the maximum, with its 0. It does not move, and nobody else
# does.)
#
# The similarities are products of vectors, $P = Q D^\top$. So with $G = \partial L / \partial P$,
# the chain rule gives $\partial L / \partial Q = G D$ and $\partial L / \partial D = G^\top Q$.


# %%
def token_gradients(query, tokens, offsets, k_train, positive, temperature):
    """The loss of a batch, and its gradient for every vector.

    Parameters
    ----------
    query : ndarray of shape (n_q, d)
    tokens : ndarray of shape (n_tokens, d)
        The pool.
    offsets : ndarray of shape (n_docs + 1,)
    k_train : int
    positive : int
        The right document.
    temperature : float

    Returns
    -------
    loss : float
    query_grad : ndarray of shape (n_q, d)
    token_grad : ndarray of shape (n_tokens, d)
    """
    # Use the functions above. Make `loss` and `g`, of shape (n_q, n_tokens): the gradient for P.
    ### BEGIN SOLUTION
    similarity = query @ tokens.T
    mask = token_mask(similarity, k_train)
    scores, z = train_scores(similarity, mask, offsets)
    loss, slope = cross_entropy(scores, positive, temperature)
    g, rows = np.zeros(similarity.shape), np.arange(len(query))
    for b in np.flatnonzero(z):
        own = slice(offsets[b], offsets[b + 1])
        winner = offsets[b] + (similarity * mask)[:, own].argmax(axis=1)  # (n_q,)
        g[rows, winner] = mask[rows, winner] * slope[b] / z[b]
    ### END SOLUTION
    g = step("similarity gradient", g, "only winners move", axes=("n_q", "n_tokens"))
    # Make `query_grad` and `token_grad`.
    ### BEGIN SOLUTION
    query_grad = g @ tokens
    token_grad = g.T @ query
    ### END SOLUTION
    query_grad = step("query gradient", query_grad, axes=("n_q", "d"))
    return loss, query_grad, step("token gradient", token_grad, axes=("n_tokens", "d"))


# %% [markdown]
# ## Task 5.5 (4 points): is it right?
#
# Move one number of $x$ up by $\varepsilon$, then down, and see how the loss moves:
#
# $$\frac{\partial L}{\partial x_{at}} \approx
# \frac{L(x + \varepsilon e_{at}) - L(x - \varepsilon e_{at})}{2 \varepsilon}$$
#
# Do so for each number of $x$, one at a time, all others being what they were. With double
# precision and $\varepsilon = 10^{-6}$, a right gradient agrees to about nine digits.


# %%
def central_differences(loss, x, epsilon):
    """The gradient of a loss, by trying.

    Parameters
    ----------
    loss : function
        `loss(x)` is a number.
    x : ndarray of shape (rows, columns)
        Possibly of integers; it stays as it is.
    epsilon : float

    Returns
    -------
    ndarray of shape (rows, columns)
    """
    # Make `gradient`. Hint: `for at in np.ndindex(x.shape)` gives the place of each number.
    ### BEGIN SOLUTION
    gradient = np.zeros(x.shape)
    for at in np.ndindex(x.shape):
        up, down = x.astype(float), x.astype(float)  # copies
        up[at] += epsilon
        down[at] -= epsilon
        gradient[at] = (loss(up) - loss(down)) / (2 * epsilon)
    ### END SOLUTION
    return step("gradient", gradient, axes=("rows", "columns"))


# %% [markdown]
# ## The result: train on questions about Python
#
# The package holds 158 questions and their answers, a vector for each token. A matrix $M$, at
# first the identity, is put behind the query vectors, $Q M$, and trained on 110 of the questions
# in batches of ten; the gradient for it is $X^\top\, \partial L/\partial Q$, with $X$ the query
# vectors before $M$. What becomes of the loss, for these and for the other questions? And of the
# share of their tokens that retrieve something of the right answer, among their 20 of the whole
# collection?

# %%
from tokenlab.data import load_faq
from tokenlab.retrieval import TokenIndex, xtr_loss

SETTING = {"k_train": 64, "temperature": 0.05}
faq = load_faq()
queries = [query.astype(float) for query in faq.queries]
order = np.random.default_rng(0).permutation(len(faq))
training, others = order[:110], order[110:150]


def pool(ids):
    """The tokens of some answers, and where each answer begins."""
    docs = [faq.index.doc(i) for i in ids]
    return np.vstack(docs).astype(float), np.cumsum([0, *map(len, docs)])


def batch_loss(ids, m):
    """Mean loss of a batch whose answers are each other's competitors, and its gradient for M."""
    (tokens, offsets), total, grad = pool(ids), 0.0, np.zeros_like(m)
    for at, i in enumerate(ids):
        loss, query_grad, _ = token_gradients(
            queries[i] @ m, tokens, offsets, positive=at, **SETTING
        )
        total, grad = total + loss, grad + queries[i].T @ query_grad
    return total / len(ids), grad / len(ids)


def report(name, m):
    """Loss and hits, for the questions that are trained on and for the others."""
    print(f"{name:<15}", end="")
    for ids in (training, others):
        losses = [batch_loss(batch, m)[0] for batch in np.split(ids, len(ids) // 10)]
        hits = []
        for i in ids:
            similarity = (queries[i] @ m).astype(np.float32) @ faq.index.tokens.T
            best = np.argpartition(-similarity, 20, axis=1)[:, :20]
            hits.append((faq.index.token_to_doc[best] == i).any(axis=1).mean())
        print(f"   loss {np.mean(losses):.3f}, tokens that hit {np.mean(hits):.3f}", end="")
    print()


query, (tokens, offsets) = queries[training[0]], pool(training[:10])
theirs = xtr_loss(query, TokenIndex(tokens, offsets), positive=0, **SETTING)
_, mine, _ = token_gradients(query, tokens, offsets, positive=0, **SETTING)
assert np.allclose(mine, theirs.query_grad), "the library has another gradient"
numeric = central_differences(  # of the first query token alone
    lambda first: token_gradients(
        np.vstack([first, query[1:]]), tokens, offsets, positive=0, **SETTING
    )[0],
    query[:1],
    1e-6,
)
gap = np.abs(mine[:1] - numeric).max() / np.abs(numeric).max()
print(f"gradient against central differences: relative difference {gap:.0e}")

m = np.eye(64)
print(" " * 15 + f"   {len(training)} questions to train on" + " " * 14 + f"{len(others)} others")
report("before", m)
for batch in np.split(training, len(training) // 10):
    m = m - 0.03 * batch_loss(batch, m)[1]
report("after training", m)
stretch = np.linalg.svd(m, compute_uv=False)
print(
    f"M stretches directions by {stretch[0]:.2f} to {stretch[-2]:.2f}, and one by {stretch[-1]:.2f}"
)

# %% [markdown]
# ## Open question (4 points)
#
# (a) The loss falls steeply, also for questions that were not trained on, and hardly any token
# hits more. M shrinks one direction much more than all others (the last column of `u` in `u, s, vt
# = np.linalg.svd(m)`). Print the question tokens (`faq.question_tokens`) that have the largest
# part along it. Why does the objective want *those* to be small? Think of a document from which
# only one query token retrieved, and of $Z$. (b) Divide by the number of query tokens in place of
# $Z$, by hand, for such a document and for one that all query tokens hit. What changes? (c) Where
# must central differences disagree with a right gradient? Make a case.

# %% [markdown]
# *Your answer:*
