# %% [markdown]
# # A tokenizer from nothing, and a model that gets another one
#
# You write byte-pair encoding, the best cut by probabilities, and the baseline with which a model is
# given the tokens of another tokenizer. Each part is a few lines, and each has one line that is easy
# to get wrong: what overlaps, what ties, which merge goes first.
#
# **You will be able to**
#
# - count and merge pairs of tokens, and say what happens to "aaa",
# - train a tokenizer whose merges are those of the known libraries, one by one,
# - encode by the order of merges, and read ids back as text,
# - find the best cut of a text by the probabilities of tokens, and count what it costs in bits a byte,
# - give the tokens of a new tokenizer rows of an old embedding matrix.
#
# Needs: Python, NumPy, logarithms; 90 to 120 minutes. The papers: byte-pair encoding
# (arXiv:1508.07909), unigram tokenizers (1804.10959), FVT (2402.09977).
#
# Replace every `raise NotImplementedError(...)`. The lines with `step(...)` name a value and
# return it unchanged: keep them, and the hints can say *where* an answer goes wrong.

# %%
from itertools import pairwise

import numpy as np

from tokenlab import step

# %% [markdown]
# ## Task 9.1 (3 points): count
#
# A text was cut into words; each distinct word is a chunk, a list of ids, and occurs `counts[i]`
# times. Count how often two ids stand side by side within a chunk, over the whole text. Pairs that
# overlap count, too: 5, 5, 5 holds the pair (5, 5) twice. A pair that never occurs is not in the
# result.


# %%
def pair_counts(chunks, counts):
    """How often each pair of neighbours occurs.

    Parameters
    ----------
    chunks : list of list of int
    counts : list of int
        How often each chunk occurs.

    Returns
    -------
    dict
        `(left, right)` to the number of times.
    """
    # Make `pairs`.
    ### BEGIN SOLUTION
    pairs = {}
    for chunk, count in zip(chunks, counts, strict=True):
        for left, right in pairwise(chunk):
            pairs[left, right] = pairs.get((left, right), 0) + count
    ### END SOLUTION
    step("sum", np.array(sum(pairs.values())), "pairs in the whole text")
    return pairs


# %% [markdown]
# ## Task 9.2 (3 points): merge
#
# Replace a pair by one new id, wherever it stands. Go from left to right: where two of them overlap,
# the left one is taken. With (5, 5) for 9 the ids 5, 5, 5 become 9, 5.


# %%
def merge(ids, pair, new):
    """The ids with a pair replaced by one id.

    Parameters
    ----------
    ids : list of int
    pair : tuple of two int
    new : int

    Returns
    -------
    list of int
    """
    # Make `out`.
    ### BEGIN SOLUTION
    out, i = [], 0
    while i < len(ids):
        found = tuple(ids[i : i + 2]) == tuple(pair)
        out.append(new if found else ids[i])
        i += 2 if found else 1
    ### END SOLUTION
    return out


# %% [markdown]
# ## Task 9.3 (4 points): train
#
# Count, merge the most frequent pair everywhere, repeat. Of equally frequent pairs the one of the
# lowest ids is taken: the lowest left id, then the lowest right id. Merge $i$ makes the id `first + i`.
# Stop after `n_merges`, or when no pair is left.


# %%
def train(chunks, counts, n_merges, first):
    """The merges that byte-pair encoding learns.

    Parameters
    ----------
    chunks : list of list of int
    counts : list of int
    n_merges : int
        At most so many.
    first : int
        The id that the first merge makes.

    Returns
    -------
    ndarray of shape (m, 2)
        Whole numbers, also where there are none.
    """
    # Make `merges`, a list of pairs.
    ### BEGIN SOLUTION
    merges = []
    for new in range(first, first + n_merges):
        pairs = pair_counts(chunks, counts)
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        chunks = [merge(chunk, best, new) for chunk in chunks]
        merges.append(best)
    ### END SOLUTION
    merges = np.array(merges, dtype=np.int64).reshape(-1, 2)
    return step("merges", merges, "the pair of each merge", axes=("m", "2"))


# %% [markdown]
# ## Task 9.4 (4 points): encode, and read ids
#
# The ids 0 to 255 are the bytes, and merge $i$ of `merges` makes id $256 + i$. A word is encoded from
# its bytes (UTF-8): of all pairs that stand in it and can be merged, the one that was learned *first*
# is merged, everywhere, again and again, until no pair can be.
#
# A screen has room for `n_shown` of the ids. `shown` is the text that these spell. Tokens are bytes,
# and a character may be spread over several of them; one that is not finished becomes U+FFFD, as
# `bytes.decode(errors="replace")` does it.


# %%
def encode(word, merges, n_shown):
    """The ids of a word, and the text of the first of them.

    Parameters
    ----------
    word : str
    merges : ndarray of shape (m, 2)
    n_shown : int

    Returns
    -------
    ids : ndarray of shape (n,)
        Whole numbers.
    shown : str
    """
    # Make `ids`, a list.
    ### BEGIN SOLUTION
    ids = list(word.encode())
    rank = {pair: i for i, pair in reversed(list(enumerate(map(tuple, merges.tolist()))))}
    while True:
        found = [rank[pair] for pair in pairwise(ids) if pair in rank]
        if not found:
            break
        ids = merge(ids, merges[min(found)].tolist(), 256 + min(found))
    ### END SOLUTION
    ids = step("ids", np.array(ids, dtype=np.int64), axes=("n",))
    # Make `shown`.
    ### BEGIN SOLUTION
    spelled = [bytes([byte]) for byte in range(256)]
    for left, right in merges.tolist():
        spelled.append(spelled[left] + spelled[right])
    shown = b"".join(spelled[i] for i in ids[:n_shown]).decode(errors="replace")
    ### END SOLUTION
    return ids, shown


# %% [markdown]
# ## Task 9.5 (5 points): the best cut, in bits a byte
#
# Here tokens have probabilities, and a text may be cut in any way into them. The best cut is the one
# whose tokens have the largest product of probabilities,
#
# $$\max_{t_1 \dots t_m = x} \; \sum_j \log p(t_j).$$
#
# Go through the text from left to right and keep, for each place, the best cut of what is before it.
# Of two equally good ways to a place take the one whose last token is longer. What the best cut costs
# is told *for each byte*, in bits: tokens are of different lengths, and a cost for each of them says
# nothing about a text. Every text here can be cut; it has at least one byte.


# %%
def viterbi(data, tokens, log_probs):
    """The most likely cut of a text.

    Parameters
    ----------
    data : bytes
    tokens : list of bytes
        Each once.
    log_probs : ndarray of shape (vocab,)
        Natural logarithms.

    Returns
    -------
    ids : ndarray of shape (n,)
        Whole numbers.
    bits : float
        For each byte of the text.
    """
    # Make `best`, of shape (n_places,): the log-probability of the best cut before each place,
    # and what you need to find it again.
    ### BEGIN SOLUTION
    best = np.full(len(data) + 1, -np.inf)
    last = np.full(len(data) + 1, -1)  # the token that ends at a place on the best way to it
    best[0] = 0.0
    for end in range(1, len(data) + 1):
        for start in range(end):  # the longest first
            if data[start:end] in tokens:
                i = tokens.index(data[start:end])
                if best[start] + log_probs[i] > best[end]:
                    best[end] = best[start] + log_probs[i]
                    last[end] = i
    ### END SOLUTION
    best = step("best", best, "log-probability up to each place", axes=("n_places",))
    # Make `ids`, a list.
    ### BEGIN SOLUTION
    ids, end = [], len(data)
    while end > 0:
        ids.insert(0, int(last[end]))
        end -= len(tokens[ids[0]])
    ### END SOLUTION
    ids = np.array(ids, dtype=np.int64)
    # Make `bits`.
    ### BEGIN SOLUTION
    bits = float(-best[-1] / np.log(2) / len(data))
    ### END SOLUTION
    return ids, bits


# %% [markdown]
# ## Task 9.6 (4 points): a model with other tokens
#
# A model has a row of numbers for each of its old tokens. A new tokenizer has other tokens. Fast
# vocabulary transfer (FVT) gives each new token a row: where the same *bytes* are an old token, that
# token's row; else the mean of the rows of the pieces into which the old tokenizer cuts them.


# %%
def fvt(new, old, embeddings, encode_old):
    """Rows for the tokens of a new tokenizer.

    Parameters
    ----------
    new, old : list of bytes
        What each token spells.
    embeddings : ndarray of shape (n_old, d)
    encode_old : function
        `encode_old(bytes)` is a list of old ids, a piece perhaps more than once.

    Returns
    -------
    ndarray of shape (n_new, d)
    """
    # Make `pieces`, a list of lists of old ids, one for each new token.
    ### BEGIN SOLUTION
    pieces = [[old.index(token)] if token in old else list(encode_old(token)) for token in new]
    ### END SOLUTION
    step("pieces", np.array([len(row) for row in pieces]), "pieces of each token", axes=("n_new",))
    # Make `rows`.
    ### BEGIN SOLUTION
    rows = np.array([embeddings[row].mean(axis=0) for row in pieces])
    ### END SOLUTION
    return step("rows", rows, axes=("n_new", "d"))


# %% [markdown]
# ## The result: your tokenizer is the library's
#
# The merges of sixty thousand letters of Shakespeare, and what each size costs.

# %%
from collections import Counter

from tokenlab.data import load_text
from tokenlab.tokenizers import BPE, UnigramLM, splitter, transplant

plays = load_text("shakespeare")[:60_000]
words = Counter(splitter("gpt2")(plays))
merges = train([list(word.encode()) for word in words], list(words.values()), 60, 256)
library = BPE.train(plays, 256 + 60)
assert merges.tolist() == library.merges.tolist()
print("the first merges:", [library.tokens[i].decode() for i in range(256, 266)])

for word in (" the", " mother", " heathen"):
    ids, shown = encode(word, merges, 2)
    assert ids.tolist() == library.encode(word).tolist()
    print(f"{word!r} is {[library.tokens[i].decode() for i in ids]}, two of them show {shown!r}")

unigram = UnigramLM.fit(plays[:20_000], 400)
line = plays[1000:1100].encode()
ids, bits = viterbi(line, list(unigram.tokens), unigram.log_probs)
assert np.isclose(-bits * len(line) * np.log(2), unigram.viterbi(line).log_prob)
print(f"{len(line)} bytes in {len(ids)} tokens, {bits:.2f} bits a byte")

other = BPE.train(plays[::-1], 300)
rng = np.random.default_rng(0)
table = rng.normal(size=(library.vocab, 8))
rows = fvt(other.tokens, library.tokens, table, lambda token: library.encode(token).tolist())
shared = sum(token in library.tokens for token in other.tokens)
assert np.allclose(rows, transplant.fvt(library, other).apply(table))
print(f"{other.vocab} new tokens, {shared} of them shared: rows as the library makes them")

# %% [markdown]
# ## Open question (4 points)
#
# (a) A colleague says that tokenizer A is better than B, since the model's perplexity per token is 20
# with A and 35 with B. What is missing, and what do you compute? (b) Somebody encodes by taking the
# longest token at each place. Give two merges and a word for which that differs from task 9.4, and say
# why it matters for a model that is trained already. (c) Give a model two tokenizers that share every
# token. FVT copies all rows. Why can the model still be worse?

# %% [markdown]
# *Your answer:*
