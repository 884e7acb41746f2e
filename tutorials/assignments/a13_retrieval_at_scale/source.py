# %% [markdown]
# # Retrieval at scale: fewer vectors, fewer bits, fewer looks
#
# A vector for every token of every document is a lot. You write the parts of what makes it less: pooling
# tokens, packing what is left of them into a few bits, looking only into near clusters, and scoring
# with what was not found. One task asks what a single vector can answer at all.
#
# **You will be able to**
#
# - pool the tokens of a document, short documents included,
# - measure which pairs of documents a collection of single vectors can return,
# - pack small numbers into bytes and get them back,
# - choose clusters, and a value for what they do not hold,
# - score documents by the best tokens that were found, and by that value where none was.
#
# Needs: NumPy, MaxSim (assignment `a01_token_retrieval`); 90 to 120 minutes. The papers: CRISP
# (arXiv:2505.11471), On the Theoretical Limitations of Embedding-Based Retrieval (arXiv:2508.21038),
# ColBERTv2 (arXiv:2112.01488), WARP (arXiv:2501.17788).
#
# Replace every `raise NotImplementedError(...)`. The lines with `step(...)` name a value and
# return it unchanged: keep them, and the hints can say *where* an answer goes wrong.

# %%
import numpy as np

from tokenlab import step

# %% [markdown]
# ## Task 13.1 (5 points): fewer vectors
#
# Of $n$ tokens, $k = \max(1, \lfloor \text{share} \cdot n + 10^{-9} \rfloor)$ vectors are to be left:
# a document of three words keeps one, too. (The $10^{-9}$ is for shares such as .29, whose product
# with 100 is a little below 29.) Token $i$ goes to vector $\lfloor i\,k / n \rfloor$, which is the mean of
# its tokens, brought to length 1.


# %%
def pool(x, share):
    """The pooled vectors of a document.

    Parameters
    ----------
    x : ndarray of shape (n, d)
        At least one token; none of the means is zero.
    share : float
        Above 0, at most 1.

    Returns
    -------
    ndarray of shape (k, d)
    """
    n = len(x)
    # Make `k`, a whole number.
    ### BEGIN SOLUTION
    k = max(1, int(share * n + 1e-9))
    ### END SOLUTION
    # Make `means`, of shape (k, d).
    ### BEGIN SOLUTION
    codes = np.arange(n) * k // n
    means = np.stack([x[codes == code].mean(axis=0) for code in range(k)])
    ### END SOLUTION
    means = step("means", means, "of the tokens of each vector", axes=("k", "d"))
    # Make `pooled`.
    ### BEGIN SOLUTION
    pooled = means / np.linalg.norm(means, axis=1, keepdims=True)
    ### END SOLUTION
    return step("pooled", pooled, axes=("k", "d"))


# %% [markdown]
# ## Task 13.2 (5 points): what one vector cannot do
#
# Query $r$ has $k$ relevant documents, `relevant[r]`. It gets the $k$ documents of the highest products,
# those of equal products by their number, lowest first. Recall is the share of the relevant documents
# that it gets; the answer is the mean over the queries.


# %%
def pair_recall(queries, docs, relevant):
    """How much of what is relevant stands on top.

    Parameters
    ----------
    queries : ndarray of shape (n_queries, d)
    docs : ndarray of shape (n_docs, d)
    relevant : ndarray of shape (n_queries, k)
        Numbers of documents, each once in a row.

    Returns
    -------
    float
    """
    # Make `best`, of shape (n_queries, k).
    ### BEGIN SOLUTION
    scores = queries @ docs.T
    best = np.argsort(-scores, axis=1, kind="stable")[:, : relevant.shape[1]]
    ### END SOLUTION
    best = step("best", best, "the documents on top", axes=("n_queries", "k"))
    # Make `recall`.
    ### BEGIN SOLUTION
    recall = np.mean([len(set(a) & set(b)) / len(b) for a, b in zip(best, relevant, strict=True)])
    ### END SOLUTION
    return float(step("recall", recall))


# %% [markdown]
# ## Task 13.3 (5 points): a few bits each
#
# Numbers below $2^b$ are packed into bytes, $b$ being 1, 2, 4 or 8. The first number takes the highest
# bits of the first byte. A row is filled up to whole bytes with zeros behind its last number:
# with 4 bits, (1, 2, 3) becomes the bytes 18 and 48.


# %%
def pack(numbers, bits):
    """Rows of small numbers as bytes.

    Parameters
    ----------
    numbers : ndarray of shape (n, d)
        Whole numbers, 0 to 2**bits - 1.
    bits : int
        1, 2, 4 or 8.

    Returns
    -------
    ndarray of shape (n, n_bytes)
        uint8.
    """
    n, d = numbers.shape
    in_byte = 8 // bits
    # Make `filled`: the numbers, and zeros behind, so that each row fills whole bytes.
    ### BEGIN SOLUTION
    filled = np.zeros((n, -(-d // in_byte) * in_byte), dtype=np.uint8)
    filled[:, :d] = numbers
    ### END SOLUTION
    filled = step("filled up", filled, axes=("n", "d_filled"))
    # Make `packed`.
    ### BEGIN SOLUTION
    packed = np.zeros((n, filled.shape[1] // in_byte), dtype=np.uint8)
    for place in range(in_byte):
        packed |= filled[:, place::in_byte] << (8 - bits * (place + 1))
    ### END SOLUTION
    return step("packed", packed, axes=("n", "n_bytes"))


# %% [markdown]
# ## Task 13.4 (5 points): and back


# %%
def unpack(packed, bits, d):
    """The numbers that `pack` made bytes of.

    Parameters
    ----------
    packed : ndarray of shape (n, n_bytes)
        uint8.
    bits : int
        1, 2, 4 or 8.
    d : int
        How many numbers a row has.

    Returns
    -------
    ndarray of shape (n, d)
        Whole numbers.
    """
    # Make `shifts`: by how many bits each number of a byte stands above the lowest.
    ### BEGIN SOLUTION
    shifts = np.arange(8 - bits, -1, -bits)
    ### END SOLUTION
    shifts = step("shifts", shifts, axes=("in_byte",))
    # Make `numbers`.
    ### BEGIN SOLUTION
    numbers = (packed[:, :, None] >> shifts) & (2**bits - 1)
    numbers = numbers.reshape(len(packed), -1)[:, :d]
    ### END SOLUTION
    return step("numbers", numbers, axes=("n", "d"))


# %% [markdown]
# ## Task 13.5 (5 points): where to look, and what a miss is worth
#
# Tokens lie in clusters, and `scores[i, c]` says how near centroid $c$ is to query token $i$. The
# query token looks into the `n_probe` best clusters, equal ones by their number. What it does not find there gets
# the value $m_i$: go down its clusters from the best, and add up how many tokens they hold. $m_i$ is the score of the
# first cluster at which the sum reaches $t'$, or of the last one if it never does.
#
# Tokens of deleted documents still lie in their clusters, but they do not count: `alive` is False there.


# %%
def warp_select(scores, clusters, alive, n_probe, t_prime):
    """The clusters to look into, and what a miss is worth.

    Parameters
    ----------
    scores : ndarray of shape (n_q, n_centroids)
    clusters : ndarray of shape (n_tokens,)
        The cluster of each token.
    alive : ndarray of shape (n_tokens,)
        False for the tokens of deleted documents.
    n_probe : int
        At most n_centroids.
    t_prime : int
        At least 1.

    Returns
    -------
    probes : ndarray of shape (n_q, n_probe)
    missing : ndarray of shape (n_q,)
    """
    n_centroids = scores.shape[1]
    # Make `sizes`, of shape (n_centroids,).
    ### BEGIN SOLUTION
    sizes = np.bincount(clusters[alive], minlength=n_centroids)
    ### END SOLUTION
    sizes = step("sizes", sizes, "tokens of each cluster", axes=("n_centroids",))
    # Make `order`, of shape (n_q, n_centroids): clusters, best first.
    ### BEGIN SOLUTION
    order = np.argsort(-scores, axis=1, kind="stable")
    ### END SOLUTION
    order = step("order", order, axes=("n_q", "n_centroids"))
    # Make `missing`.
    ### BEGIN SOLUTION
    reached = np.cumsum(sizes[order], axis=1) >= t_prime
    place = np.where(reached.any(axis=1), reached.argmax(axis=1), n_centroids - 1)
    rows = np.arange(len(scores))
    missing = scores[rows, order[rows, place]]
    ### END SOLUTION
    return order[:, :n_probe], step("missing", missing, axes=("n_q",))


# %% [markdown]
# ## Task 13.6 (5 points): the sum, with what is missing
#
# `found[i][p]` says what query token $i$ found in the $p$-th cluster that it looked into: a dict from a document to
# the similarity of its best token there. Every document that some query token found gets a score: for each query token the
# best that was found, over all its clusters, or $m_i$ where nothing was found; and then the sum. What was found counts
# also where it is less than $m_i$.


# %%
def warp_scores(found, missing):
    """The score of every document that was found.

    Parameters
    ----------
    found : list of list of dict
        A dict for each query token and each cluster that it looked into.
    missing : ndarray of shape (n_q,)

    Returns
    -------
    dict of int to float
    """
    # Make `best`: for each query token one dict, from a document to the best that was found.
    ### BEGIN SOLUTION
    best = []
    for clusters in found:
        of_token = {}
        for cluster in clusters:
            for doc, similarity in cluster.items():
                of_token[doc] = max(similarity, of_token.get(doc, similarity))
        best.append(of_token)
    ### END SOLUTION
    # Make `scores`.
    ### BEGIN SOLUTION
    candidates = sorted(set().union(*best))
    scores = {
        doc: float(sum(of_token.get(doc, m) for of_token, m in zip(best, missing, strict=True)))
        for doc in candidates
    }
    ### END SOLUTION
    return scores


# %% [markdown]
# ## The result: an index by your functions
#
# First the pairs. Documents on a curve of four dimensions, and a query for every pair of them: the
# function $-(1 - \cos(t - a))(1 - \cos(t - b))$ is 0 at the angles $a$ and $b$ and below 0 elsewhere, and it
# is a product of two vectors of four numbers and a constant.

# %%
from tokenlab.data import load_faq
from tokenlab.numerics import unit
from tokenlab.quantization.kmeans import fit
from tokenlab.retrieval import TokenIndex, maxsim_search, ndcg

n = 46
t = 2 * np.pi * np.arange(n) / n
curve = np.stack([np.cos(t), np.sin(t), np.cos(2 * t), np.sin(2 * t)], axis=1)
pairs = np.stack(np.triu_indices(n, 1), axis=1)
a, b = t[pairs].T
both = np.stack([np.cos(a) + np.cos(b), np.sin(a) + np.sin(b)], axis=1)
pair_queries = np.concatenate([both, -np.stack([np.cos(a + b), np.sin(a + b)], axis=1) / 2], axis=1)
flat = np.random.default_rng(0).standard_normal((n, 4))
print(f"{len(pairs)} pairs of {n} documents, four dimensions:")
print(f"found on the curve: {pair_recall(pair_queries, curve, pairs):.3f}")
print(f"with random vectors: {pair_recall(flat[pairs].sum(axis=1), flat, pairs):.3f}")

# %% [markdown]
# Then the Python FAQ: pooled, and as an index of 4 bits a number.

# %%
faq = load_faq()
docs, questions = list(faq.index), list(faq.queries)[:60]
for share in (1, 0.25, 0.05):
    pooled = TokenIndex.from_docs([pool(doc, share) for doc in docs])
    found = [maxsim_search(q, pooled, k=10).doc_ids for q in questions]
    gain = np.mean([ndcg(ids, [i], k=10) for i, ids in enumerate(found)])
    print(f"share {share}: {pooled.n_tokens} vectors, nDCG@10 {gain:.3f}")

tokens, owner = faq.index.tokens, faq.index.token_to_doc
fitted = fit(tokens, 256, rng=0)
centroids, codes = unit(fitted.codebook), fitted.codes
steps = np.quantile(tokens - centroids[codes], (np.arange(16) + 0.5) / 16)
buckets = np.searchsorted((steps[1:] + steps[:-1]) / 2, tokens - centroids[codes])
packed = pack(buckets, 4)
decoded = centroids[codes] + steps[unpack(packed, 4, tokens.shape[1])]
print(f"{packed.nbytes + 2 * len(codes)} bytes for {tokens.nbytes}")
alive, kept = np.ones(len(tokens), dtype=bool), []
for q in questions:
    probes, missing = warp_select(q @ centroids.T, codes, alive, 8, 800)
    found = []
    for i, row in enumerate(probes):
        found.append([])
        for c in row:
            here = np.flatnonzero(codes == c)
            best = {}
            for j, s in zip(here, decoded[here] @ q[i], strict=True):
                best[int(owner[j])] = max(float(s), best.get(int(owner[j]), -9.0))
            found[-1].append(best)
    scores = warp_scores(found, missing)
    top = sorted(scores, key=lambda doc: (-scores[doc], doc))[:10]
    kept.append(len(set(top) & set(maxsim_search(q, faq.index, k=10).doc_ids.tolist())) / 10)
print(f"recall@10 of exact MaxSim: {np.mean(kept):.3f}")
assert np.mean(kept) > 0.7

# %% [markdown]
# ## Open question (4 points)
#
# (a) Every pair of 46 documents is found on a curve of four dimensions. Then what keeps a trained encoder
# of hundreds of dimensions from it? Name two things. (b) A document whose token was found, but is a poor one, can score lower
# than if it had not been found. Give an example, and a rule that mends it. (c) Which documents does pooling to a share treat
# worse, short or long ones, and how would you choose `k` instead?

# %% [markdown]
# *Your answer:*
