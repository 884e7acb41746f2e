# %% [markdown]
# # Token retrieval: MaxSim and XTR
#
# A document is a matrix of token vectors, and so is a question. You build two ways to score all
# documents for a question: MaxSim, which looks at every token, and XTR, which looks only at the
# few tokens it has retrieved and estimates the rest.
#
# **You will be able to**
#
# - score ragged documents without padding,
# - retrieve the top tokens of a whole collection, with ties settled,
# - turn retrieved tokens into document scores, and say what is estimated in them.
#
# Needs: NumPy, matrix products, broadcasting; 90 minutes. The papers: ColBERT (arXiv:2004.12832,
# Eq. 3) and XTR (arXiv:2304.01982, Eqs. 1, 3 and 4).
#
# Replace every `raise NotImplementedError(...)`. The lines with `step(...)` name a value and
# return it unchanged: keep them, and the hints can say *where* an answer goes wrong.

# %%
import numpy as np

from tokenlab import step

# %% [markdown]
# ## The layout
#
# All token vectors of all documents are the rows of one matrix `tokens`. Document $i$ owns the
# rows `offsets[i]:offsets[i + 1]`; a document may be empty. The example below has three documents,
# of two, none and one token.

# %%
TOKENS = np.array([[3.0, 4.0], [0.0, 2.0], [1.0, 0.0]])  # (n_tokens, d)
OFFSETS = np.array([0, 2, 2, 3])  # (n_docs + 1,)
QUERY = np.array([[1.0, 0.0], [0.0, 5.0]])  # (n_q, d)

# %% [markdown]
# ## Task 1.1 (3 points): the similarity of every pair of tokens
#
# The similarity of two tokens is the cosine of the angle between them: scale all rows to length
# one, then multiply. A row of zeros has no direction; let it stay a row of zeros, so that its
# similarities are 0 and not NaN.


# %%
def similarities(tokens, query):
    """Cosine of every document token with every query token.

    Parameters
    ----------
    tokens : ndarray of shape (n_tokens, d)
    query : ndarray of shape (n_q, d)

    Returns
    -------
    ndarray of shape (n_tokens, n_q)
    """
    # Make `similarity`.
    ### BEGIN SOLUTION
    lengths = np.linalg.norm(tokens, axis=1, keepdims=True)  # (n_tokens, 1)
    tokens = tokens / np.where(lengths == 0, 1, lengths)
    lengths = np.linalg.norm(query, axis=1, keepdims=True)  # (n_q, 1)
    query = query / np.where(lengths == 0, 1, lengths)
    similarity = tokens @ query.T  # (n_tokens, n_q)
    ### END SOLUTION
    return step("similarity", similarity, "P = D Qᵀ", axes=("n_tokens", "n_q"))


# %% [markdown]
# ## Task 1.2 (4 points): MaxSim
#
# Each query token looks for its best match among the tokens of a document; the score of the
# document is the *mean* of these best matches over the query tokens:
#
# $$f(Q, D) = \frac{1}{n_q} \sum_{i=1}^{n_q} \max_{j \in D} P_{ji}$$
#
# An empty document has no match: its score is $-\infty$ (`-np.inf`).


# %%
def maxsim(similarity, offsets):
    """Score every document by the best match of each query token.

    Parameters
    ----------
    similarity : ndarray of shape (n_tokens, n_q)
    offsets : ndarray of shape (n_docs + 1,)

    Returns
    -------
    ndarray of shape (n_docs,)
    """
    # Make `best`, of shape (n_docs, n_q): the best match in each document.
    ### BEGIN SOLUTION
    best = np.full((len(offsets) - 1, similarity.shape[1]), -np.inf)
    for i in range(len(offsets) - 1):
        rows = similarity[offsets[i] : offsets[i + 1]]  # (n_d, n_q)
        if len(rows):
            best[i] = rows.max(axis=0)
    ### END SOLUTION
    best = step("best match", best, "max over the document's tokens", axes=("n_docs", "n_q"))
    # Make `scores`, of shape (n_docs,).
    ### BEGIN SOLUTION
    scores = best.mean(axis=1)
    ### END SOLUTION
    return step("scores", scores, "one number per document", axes=("n_docs",))


# %% [markdown]
# ## Task 1.3 (4 points): the top $k'$ tokens of the collection
#
# XTR starts by retrieving, for each query token, the $k'$ most similar tokens of *all* documents:
# the best first, and of equal ones the lower token number first. When $k'$ is larger than the
# collection, all tokens are retrieved.


# %%
def token_topk(similarity, k_prime):
    """The `k_prime` most similar tokens for each query token, best first.

    Parameters
    ----------
    similarity : ndarray of shape (n_tokens, n_q)
    k_prime : int

    Returns
    -------
    ids : ndarray of shape (n_q, k_prime)
        Token numbers; of equal similarities the lower number comes first.
    sims : ndarray of shape (n_q, k_prime)
        Their similarities.
    """
    # Make `ids`.
    ### BEGIN SOLUTION
    ids = np.argsort(-similarity.T, axis=1, kind="stable")[:, :k_prime]  # (n_q, k_prime)
    ### END SOLUTION
    ids = step("ids", ids, "retrieved tokens, best first", axes=("n_q", "k_prime"))
    # Make `sims`.
    ### BEGIN SOLUTION
    sims = np.take_along_axis(similarity.T, ids, axis=1)
    ### END SOLUTION
    return ids, step("sims", sims, "how similar they are", axes=("n_q", "k_prime"))


# %% [markdown]
# ## Task 1.4 (5 points): candidates and their best hits
#
# A document is a *candidate* if any query token retrieved any of its tokens. For each candidate
# and each query token keep the best retrieved similarity, and $-\infty$ where that query token
# retrieved nothing from that document.


# %%
def best_hits(ids, sims, token_to_doc):
    """The candidates, and the best retrieved similarity of each for each query token.

    Parameters
    ----------
    ids : ndarray of shape (n_q, k_prime)
        Retrieved tokens, in any order.
    sims : ndarray of shape (n_q, k_prime)
        Their similarities.
    token_to_doc : ndarray of shape (n_tokens,)
        The document of each token.

    Returns
    -------
    candidates : ndarray of shape (n_candidates,)
        Document numbers, ascending.
    best : ndarray of shape (n_candidates, n_q)
        `-inf` where a query token retrieved nothing from a candidate.
    """
    # Make `candidates`.
    ### BEGIN SOLUTION
    candidates, c = np.unique(token_to_doc[ids], return_inverse=True)
    ### END SOLUTION
    candidates = step("candidates", candidates, "owners of the tokens", axes=("n_candidates",))
    # Make `best`.
    ### BEGIN SOLUTION
    best = np.full((len(candidates), len(ids)), -np.inf)
    i = np.arange(len(ids))[:, None]  # the query token of each hit
    np.maximum.at(best, (c.reshape(ids.shape), i), sims)
    ### END SOLUTION
    return candidates, step("best hit", best, "-inf: none", axes=("n_candidates", "n_q"))


# %% [markdown]
# ## Task 1.5 (4 points): XTR's score
#
# What a query token did not retrieve is unknown, but not arbitrary: it cannot be more similar than
# the worst token that *was* retrieved for this query token. XTR puts this bound $m_i$ in place of
# each missing value, and takes the mean over all query tokens:
#
# $$m_i = \min_{j} \mathrm{sims}_{ij}, \qquad f(Q, D) = \frac{1}{n_q}\sum_{i=1}^{n_q}
# \begin{cases} \mathrm{best}_i(D) & \text{if token } i \text{ retrieved from } D \\
# m_i & \text{otherwise} \end{cases}$$


# %%
def xtr_scores(best, sims):
    """Score the candidates from the retrieved tokens alone.

    Parameters
    ----------
    best : ndarray of shape (n_candidates, n_q)
        From `best_hits`; `-inf` where there was no hit.
    sims : ndarray of shape (n_q, k_prime)
        The retrieved similarities, in any order.

    Returns
    -------
    ndarray of shape (n_candidates,)
    """
    # Make `missing`, of shape (n_q,).
    ### BEGIN SOLUTION
    missing = sims.min(axis=1)
    ### END SOLUTION
    missing = step("missing", missing, "the bound of what was not retrieved", axes=("n_q",))
    # Make `filled`, of shape (n_candidates, n_q).
    ### BEGIN SOLUTION
    filled = np.where(np.isinf(best), missing, best)
    ### END SOLUTION
    filled = step("filled in", filled, "a hit, or the bound", axes=("n_candidates", "n_q"))
    # Make `scores`, of shape (n_candidates,).
    ### BEGIN SOLUTION
    scores = filled.mean(axis=1)
    ### END SOLUTION
    return step("scores", scores, "one number per candidate", axes=("n_candidates",))


# %% [markdown]
# ## The result: questions about Python
#
# The package holds the Python FAQ with a vector for each token of each question and answer. How
# often does the right answer come first, when only $k'$ tokens are retrieved for each query token?

# %%
from tokenlab.data import load_faq
from tokenlab.retrieval import xtr_search

N, K_PRIMES = 40, (10, 30, 100)  # questions; tokens retrieved for each query token
faq = load_faq()
tokens, offsets, owner = faq.index.tokens, faq.index.offsets, faq.index.token_to_doc
first = dict.fromkeys(("MaxSim", *K_PRIMES), 0)
for query, label in zip(faq.queries[:N], faq.labels[:N], strict=True):
    similarity = similarities(tokens, query)
    first["MaxSim"] += int(maxsim(similarity, offsets).argmax() == label)
    ids, sims = token_topk(similarity, max(K_PRIMES))
    for k in K_PRIMES:  # the first columns are the answer for a smaller k'
        candidates, best = best_hits(ids[:, :k], sims[:, :k], owner)
        scores = xtr_scores(best, sims[:, :k])
        first[k] += int(candidates[scores.argmax()] == label)

for name, n in first.items():
    method = name if name == "MaxSim" else f"XTR, k' = {name}"
    print(f"{method:<14} right answer first: {n} of {N}")
library = xtr_search(faq.queries[N - 1], faq.index, k_prime=max(K_PRIMES), k=1)
assert library.doc_ids[0] == candidates[scores.argmax()], "the library ranks otherwise"

# %% [markdown]
# ## Open question (4 points)
#
# XTR never loads the tokens that it did not retrieve. (a) Why is $m_i$ an upper bound of what is
# missing, and what does that do to the order of two candidates of which one was hit by few query
# tokens? (b) Find a question for which XTR with $k' = 10$ and MaxSim put different answers first,
# and explain it by the similarities. (c) What changes if 0 takes the place of $m_i$?

# %% [markdown]
# *Your answer:*
