# %% [markdown]
# # Decoding, proven by enumeration
#
# A sampler that is slightly wrong looks right: a few hundred texts do not show it. Here nothing is
# sampled. You write the deciding parts of four samplers and an insertion model's target, and the
# check runs every branch of every choice and compares whole distributions.
#
# **You will be able to**
#
# - give a token that was drawn by rejection the weight that is right on average,
# - say what has to be drawn where a draft is refused,
# - read the accepted path of a tree of guesses,
# - tell which tokens may follow an encoding, and why the others must go,
# - write the target of an insertion model.
#
# Needs: NumPy, conditional probabilities, expectations; 90 to 120 minutes. The papers: AWRS
# (arXiv:2504.05410), speculative decoding (2211.17192), Token Recycling (2408.08696), exact
# byte-level probabilities (2410.09303), insertion language models (2505.05755).
#
# Replace every `raise NotImplementedError(...)`. The lines with `step(...)` name a value and
# return it unchanged: keep them, and the hints can say *where* an answer goes wrong.

# %%
import numpy as np

from tokenlab import step

# %% [markdown]
# ## Task 8.1 (5 points): the weight of a rejected search
#
# Tokens are looked at in a given order until one is allowed: $x$. Let $R$ be the mass of those that
# were rejected before it, and $y$ the token after $x$ in the order. Then
#
# $$w = \begin{cases} 1 - R & \text{if } y \text{ is allowed, or there is no } y \\
# p(x) & \text{if } y \text{ is not allowed.} \end{cases}$$
#
# If nothing in the order is allowed, the token is -1 and the weight 0.


# %%
def weighted_draw(p, order, allowed):
    """The first allowed token of an order, and its weight.

    Parameters
    ----------
    p : ndarray of shape (vocab,)
        Probabilities, which sum to one.
    order : ndarray of shape (n_order,)
        Tokens, each at most once; perhaps not all of them.
    allowed : ndarray of shape (vocab,)
        True or False.

    Returns
    -------
    token : int
    weight : float
    """
    # Make `at`, the place of the first allowed token in `order`, or len(order).
    ### BEGIN SOLUTION
    verdicts = allowed[order]
    at = int(verdicts.argmax()) if verdicts.any() else len(order)
    ### END SOLUTION
    at = step("place of the first allowed token", at)
    # Make `token` and `weight`.
    ### BEGIN SOLUTION
    if at == len(order):
        token, weight = -1, 0.0
    else:
        token = int(order[at])
        rejected_mass = p[order[:at]].sum()
        alone = at + 1 < len(order) and not allowed[order[at + 1]]
        weight = float(p[token]) if alone else float(1 - rejected_mass)
    ### END SOLUTION
    return token, step("weight", weight)


# %% [markdown]
# ## Task 8.2 (5 points): a draft and its judge
#
# A drafter drew a token from $q$, the model says $p$. The token stays with probability
# $\min(1, p/q)$. Where it does not stay, another one is drawn from what $p$ has more than $q$,
# $(p - q)_+$, normalised. What is left must be distributed as $p$. Where $p$ and $q$ are equal
# nothing is ever refused; return $p$ then as the distribution.


# %%
def judge(p, q, token):
    """How likely a draft stays, and what to draw from where it does not.

    Parameters
    ----------
    p : ndarray of shape (vocab,)
        Of the model.
    q : ndarray of shape (vocab,)
        Of the drafter.
    token : int
        Drawn from `q`, so that `q[token]` is above 0.

    Returns
    -------
    stays : float
    instead : ndarray of shape (vocab,)
        Sums to one.
    """
    # Make `stays`.
    ### BEGIN SOLUTION
    stays = float(min(1.0, p[token] / q[token]))
    ### END SOLUTION
    stays = step("stays", stays, "the draft is kept with this probability")
    # Make `instead`.
    ### BEGIN SOLUTION
    more = np.maximum(p - q, 0)
    total = more.sum()
    instead = more / total if total > 0 else p.copy()
    ### END SOLUTION
    return stays, step("instead", instead, axes=("vocab",))


# %% [markdown]
# ## Task 8.3 (5 points): the accepted path of a tree
#
# Node 0 is the last known token. Guess $i$ is node $i + 1$ and follows node `parents[i]`, which
# comes before it. `best[j]` is what the model would write after node $j$. A guess is right if its
# parent is right and the guess is what the model would write after the parent; node 0 is right.
# Take the deepest right node, of equal ones the first. The text goes on with the guesses on the
# path to it, and then with what the model would write behind it.


# %%
def accepted_tokens(parents, guesses, best):
    """The tokens that one forward over a tree gives.

    Parameters
    ----------
    parents : ndarray of shape (n,)
    guesses : ndarray of shape (n,)
    best : ndarray of shape (n_nodes,)
        One more than there are guesses.

    Returns
    -------
    list of int
        At least one.
    """
    # Make `right` and `depth`, each of shape (n_nodes,).
    ### BEGIN SOLUTION
    right = np.zeros(len(best), dtype=bool)
    depth = np.zeros(len(best), dtype=int)
    right[0] = True
    for i, parent in enumerate(parents):
        right[i + 1] = right[parent] and guesses[i] == best[parent]
        depth[i + 1] = depth[parent] + 1
    ### END SOLUTION
    right = step("right", right, "the model would have written it", axes=("n_nodes",))
    # Make `path`, the guesses from the root to the deepest right node and one token more.
    ### BEGIN SOLUTION
    node = int(np.where(right, depth, -1).argmax())
    path = [int(best[node])]
    while node > 0:
        path.insert(0, int(guesses[node - 1]))
        node = int(parents[node - 1])
    ### END SOLUTION
    return path


# %% [markdown]
# ## Task 8.4 (5 points): the next byte without a bias
#
# A tokenizer turns bytes into tokens; here `encode(text)` is a function and `tokens` says what each
# id spells. After an encoding `before` only those tokens may come that make a *valid* encoding:
# the tokenizer, given the bytes of all of them, returns just these. A model of tokens does not know
# that: mask its probabilities `p` to the tokens that may come, and renormalise.


# %%
def masked_to_valid(p, before, tokens, encode):
    """Probabilities of the next token with invalid encodings left out.

    Parameters
    ----------
    p : ndarray of shape (vocab,)
    before : list of int
        A valid encoding.
    tokens : list of bytes
        What each id spells.
    encode : function
        `encode(bytes)` is a list of int.

    Returns
    -------
    ndarray of shape (vocab,)
    """
    # Make `valid`, of shape (vocab,), True or False.
    ### BEGIN SOLUTION
    text = b"".join(tokens[i] for i in before)
    valid = np.array([list(encode(text + t)) == [*before, i] for i, t in enumerate(tokens)])
    ### END SOLUTION
    valid = step("valid", valid, "may come next", axes=("vocab",))
    # Make `masked`.
    ### BEGIN SOLUTION
    masked = np.where(valid, p, 0.0)
    masked = masked / masked.sum()
    ### END SOLUTION
    return step("masked", masked, "sums to one", axes=("vocab",))


# %% [markdown]
# ## Task 8.5 (5 points): which token is missing where
#
# Some tokens of a text were dropped. Between and around the $m$ visible ones there are $m + 1$
# gaps: gap $s$ stands before visible token $s$, the last one behind all of them. The target is the
# share of the dropped tokens that are token $v$ and fell into gap $s$,
#
# $$p^*(s, v) = \#\{\text{dropped } v \text{ in gap } s\} / \#\{\text{dropped}\},$$
#
# and all zeros where nothing was dropped.


# %%
def insertion_target(ids, dropped, vocab):
    """Shares of the dropped tokens, gap by gap.

    Parameters
    ----------
    ids : ndarray of shape (n,)
    dropped : ndarray of shape (n,)
        True or False.
    vocab : int

    Returns
    -------
    ndarray of shape (n_gaps, vocab)
    """
    # Make `gaps`, of shape (n,): the gap in which each token of the text stands, or would.
    ### BEGIN SOLUTION
    gaps = np.cumsum(~dropped) - ~dropped  # visible tokens before each
    ### END SOLUTION
    gaps = step("gaps", gaps, "visible tokens before each", axes=("n",))
    # Make `target`.
    ### BEGIN SOLUTION
    target = np.zeros((int((~dropped).sum()) + 1, vocab))
    for gap, token in zip(gaps[dropped], ids[dropped], strict=True):
        target[gap, token] += 1 / dropped.sum()
    ### END SOLUTION
    return step("target", target, "sums to one", axes=("n_gaps", "vocab"))


# %% [markdown]
# ## The result: proofs, and text
#
# Every branch of the choices around your functions, and what they are worth on plays.

# %%
from tokenlab.data import load_text
from tokenlab.decoding import choose, exact, flip, without_replacement
from tokenlab.lm import NGramLM

P, ALLOWED = np.array([0.4, 0.3, 0.15, 0.1, 0.05]), np.array([0, 1, 0, 1, 0], dtype=bool)


def drawn(rng):
    """One draw with its weight, the order drawn without replacement."""
    return weighted_draw(P, np.array(list(without_replacement(np.log(P), rng))), ALLOWED)


mean = exact(drawn).expect(lambda found: found[1] * np.eye(6)[found[0]])[:5]
print("E[w 1{token = v}] =", mean.round(6), "wanted", (P * ALLOWED).round(6))
assert np.allclose(mean, P * ALLOWED)


def spoken(rng):
    """A token that was drafted and judged."""
    q = np.array([0.1, 0.1, 0.2, 0.3, 0.3])
    token = choose(np.log(q), rng)
    stays, instead = judge(P, q, token)
    with np.errstate(divide="ignore"):
        return token if flip(stays, rng) else choose(np.log(instead), rng)


print("drafted and judged:", exact(spoken).probabilities.round(6), "wanted", P)
assert np.allclose(exact(spoken).probabilities, P)

plays = load_text("shakespeare").lower()[:100_000].encode()
lm = NGramLM.fit(plays, 6, 256)
text, forwards = list(plays[:40]), 0
while len(text) < 140:  # a chain of guesses: what followed the last three bytes before
    at = bytes(text[:-1]).rfind(bytes(text[-3:]))
    guesses = np.array(text[at + 3 : at + 8] if at >= 0 else [], dtype=int)
    nodes = [text + guesses[:i].tolist() for i in range(len(guesses) + 1)]
    best = np.array([lm.log_probs(node).argmax() for node in nodes])
    text += accepted_tokens(np.arange(len(guesses)), guesses, best)
    forwards += 1
print(f"{(len(text) - 40) / forwards:.2f} bytes a forward: {bytes(text[40:100])!r}")

# %% [markdown]
# ## Open question (4 points)
#
# (a) Give a model and a constraint for which eight weighted texts are no better than one, and say
# what happens to the weights. (b) A draft that is refused is replaced from $(p - q)_+$. Show by a
# small example what comes out if it is replaced from $p$, and which tokens gain. (c) With the
# number of dropped tokens uniform from none to all, short texts come out of an insertion model too
# often. Why, and which weight repairs it?

# %% [markdown]
# *Your answer:*
