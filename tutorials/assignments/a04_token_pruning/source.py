# %% [markdown]
# # Token pruning: choose, merge, and undo it
#
# A vision transformer has many tokens that say nearly the same. You choose a few that cover all
# others, write pruning and merging as one matrix, keep account of how many tokens each one stands
# for, and let attention know of it. At last you go back to a row for each of the first tokens.
#
# **You will be able to**
#
# - choose tokens that cover all others, greedily,
# - write any pruning or merging as $Y = W X$,
# - merge tokens that stand for several already, without losing count,
# - say what attention needs to know about merged tokens, and show that it matters.
#
# Needs: NumPy, softmax attention; 75 to 100 minutes. The papers: ToDRE (arXiv:2505.18757) for
# k-center selection, Token Merging (arXiv:2210.09461) for sizes.
#
# Replace every `raise NotImplementedError(...)`. The lines with `step(...)` name a value and
# return it unchanged: keep them, and the hints can say *where* an answer goes wrong.

# %%
import numpy as np

from tokenlab import step

# %% [markdown]
# ## Task 4.1 (5 points): k-center
#
# The distance of two tokens is $1 - \cos$ of the angle between them. Begin with the token `start`.
# Then take, again and again, the token that is farthest from the taken ones, where the distance
# from a *set* is the distance from its nearest member. Of equally far tokens the lower number is
# taken, and no token is taken twice.


# %%
def k_center(x, k, start):
    """Numbers of `k` tokens, each the farthest from those before it.

    Parameters
    ----------
    x : ndarray of shape (n, d)
        No row is zero.
    k : int
        At most `n`.
    start : int
        The token taken first.

    Returns
    -------
    ndarray of shape (k,)
        Integers, in the order in which the tokens are taken.
    """
    # Make `directions`, of shape (n, d): the rows scaled to length one.
    ### BEGIN SOLUTION
    directions = x / np.linalg.norm(x, axis=1, keepdims=True)
    ### END SOLUTION
    directions = step("directions", directions, "rows of length one", axes=("n", "d"))
    # Make `taken`, a list or an array of numbers.
    ### BEGIN SOLUTION
    taken = [start]
    nearest = 1 - directions @ directions[start]  # (n,), distance from the set
    nearest[start] = -np.inf
    while len(taken) < k:
        taken.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, 1 - directions @ directions[taken[-1]])
        nearest[taken] = -np.inf
    ### END SOLUTION
    return step("taken", np.array(taken), "in the order in which they are taken", axes=("k",))


# %% [markdown]
# ## Task 4.2 (3 points): pruning as a matrix
#
# To keep some rows of $X$ and drop all others is a product, $Y = W X$. The rows of $Y$ stand in
# the order of the tokens, whatever the order in which they were chosen.


# %%
def selection_matrix(kept, n):
    """The matrix W that keeps some of `n` tokens.

    Parameters
    ----------
    kept : ndarray of shape (k,)
        Numbers of the tokens that stay, in any order, none twice.
    n : int

    Returns
    -------
    ndarray of shape (k, n)
        For tokens in ascending order.
    """
    # Make `w`.
    ### BEGIN SOLUTION
    w = np.zeros((len(kept), n))
    w[np.arange(len(kept)), np.sort(kept)] = 1
    ### END SOLUTION
    return step("W", w, "which token goes where", axes=("k", "n"))


# %% [markdown]
# ## Task 4.3 (6 points): merging as a matrix
#
# In place of dropping a token, give it to the kept token of the largest cosine (of equal ones, the
# first). A kept token goes to itself, also where it equals another kept one. Each row of $Y$
# becomes the mean of its group.
#
# Tokens may stand for several already, from an earlier merging: token $i$ for $s_i$. The mean is
# therefore a *weighted* one, and the new row stands for as many as its group together:
#
# $$S_j = \sum_{i \in G_j} s_i, \qquad W_{ji} = \frac{s_i}{S_j} \text{ for } i \in G_j
# \text{, else } 0.$$


# %%
def merge_matrix(x, kept, size):
    """The matrix W that merges every token into a kept one, and the new sizes.

    Parameters
    ----------
    x : ndarray of shape (n, d)
        No row is zero.
    kept : ndarray of shape (k,)
        Numbers of the tokens that stay, ascending.
    size : ndarray of shape (n,)
        How many tokens each one stands for, above 0.

    Returns
    -------
    w : ndarray of shape (k, n)
    new_size : ndarray of shape (k,)
    """
    # Make `groups`, of shape (n,): for each token a position in `kept`, from 0 to k - 1.
    ### BEGIN SOLUTION
    directions = x / np.linalg.norm(x, axis=1, keepdims=True)
    groups = (directions @ directions[kept].T).argmax(axis=1)
    groups[kept] = np.arange(len(kept))
    ### END SOLUTION
    groups = step("groups", groups, "positions in kept", axes=("n",))
    # Make `new_size`.
    ### BEGIN SOLUTION
    members = groups == np.arange(len(kept))[:, None]  # (k, n)
    new_size = members @ size
    ### END SOLUTION
    new_size = step("new size", new_size, "what each row stands for", axes=("k",))
    # Make `w`.
    ### BEGIN SOLUTION
    w = members * size / new_size[:, None]
    ### END SOLUTION
    return step("W", w, "rows sum to one", axes=("k", "n")), new_size


# %% [markdown]
# ## Task 4.4 (5 points): attention that knows sizes
#
# A key that stands for $s$ equal tokens deserves the weight of all of them. In a softmax, $s$ keys
# of the logit $\ell$ add $s\, e^{\ell} = e^{\ell + \log s}$ to numerator and denominator. So
#
# $$\mathrm{softmax}\!\left(\frac{Q K^\top}{\sqrt d} + \log s\right) V$$
#
# is what attention was before equal tokens were merged. Logits may be large: subtract the maximum
# of each row before the exponential.


# %%
def size_aware_attention(q, k, v, size):
    """Softmax attention in which each key counts as often as its size says.

    Parameters
    ----------
    q : ndarray of shape (n_q, d)
    k : ndarray of shape (n, d)
    v : ndarray of shape (n, d_v)
    size : ndarray of shape (n,)

    Returns
    -------
    ndarray of shape (n_q, d_v)
    """
    # Make `logits`, of shape (n_q, n), with the sizes in them.
    ### BEGIN SOLUTION
    logits = q @ k.T / np.sqrt(q.shape[1]) + np.log(size)
    ### END SOLUTION
    logits = step("logits", logits, "with the sizes", axes=("n_q", "n"))
    # Make `shares`, of shape (n_q, n): the softmax.
    ### BEGIN SOLUTION
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares = weights / weights.sum(axis=1, keepdims=True)
    ### END SOLUTION
    shares = step("shares", shares, "each row sums to one", axes=("n_q", "n"))
    # Make `output`.
    ### BEGIN SOLUTION
    output = shares @ v
    ### END SOLUTION
    return step("output", output, axes=("n_q", "d_v"))


# %% [markdown]
# ## Task 4.5 (4 points): the way back
#
# Some tasks need a row for each of the first tokens again, such as the depth of every patch. Each
# token gets a copy of the row that it went into. A token that was dropped, one that no row of $W$
# has anything of, gets zeros.


# %%
def unmerge(w, y):
    """A row for each of the first tokens again.

    Parameters
    ----------
    w : ndarray of shape (m, n)
        From `selection_matrix` or `merge_matrix`: no column has two entries that are not 0.
    y : ndarray of shape (m, d)
        A row for each row of `w`.

    Returns
    -------
    ndarray of shape (n, d)
    """
    # Make `x`.
    ### BEGIN SOLUTION
    x = (w != 0).T @ y
    ### END SOLUTION
    return step("unmerged", x, "copies, or zeros", axes=("n", "d"))


# %% [markdown]
# ## The result: four photos
#
# The package holds what a vision transformer computed for four photos of 256 patches. Choose 128,
# 64 or 26 of them by their states after block 6. How far is the attention of this block, with
# fewer keys and values, from that with all: with the kept ones alone, with merged ones, and with
# merged ones that know their sizes? And how far are the states that come back from those that went
# in, if the kept rows are copied and if the means are?

# %%
from tokenlab.data import load_vit_photos
from tokenlab.pruning import size_aware_attention as library_attention


def relative(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


photos, ones = load_vit_photos(), np.ones(256)
print("kept   attention: kept alone  merged  with sizes   states: kept rows  means")
for n_kept in (128, 64, 26):
    errors = []
    for photo in range(len(photos)):
        states = photos.hidden[photo, 1:].astype(float)  # (256, 384), without the CLS token
        looked_at = photos.cls_attention[photo, 5, :, 1:].mean(axis=0)  # (256,)
        kept = np.sort(k_center(states, n_kept, int(looked_at.argmax())))
        picks, (w, size) = selection_matrix(kept, 256), merge_matrix(states, kept, ones)
        back = [relative(unmerge(w, y), states) for y in (picks @ states, w @ states)]
        for head in range(6):
            q, k, v = (
                part[photo, head, 1:].astype(float)
                for part in (photos.queries, photos.keys, photos.values)
            )  # (256, 64) each
            exact = size_aware_attention(q, k, v, ones)
            outputs = [
                size_aware_attention(q, m @ k, m @ v, s)
                for m, s in ((picks, ones[:n_kept]), (w, ones[:n_kept]), (w, size))
            ]
            errors.append([relative(output, exact) for output in outputs] + back)
    theirs = library_attention(q, w @ k, w @ v, size)
    assert np.allclose(outputs[-1], theirs), "the library computes something else"
    alone, merged, sized, rows, means = np.mean(errors, axis=0)
    print(f"{n_kept:4} {alone:22.3f} {merged:7.3f} {sized:11.3f} {rows:19.3f} {means:6.3f}")

# %% [markdown]
# ## Open question (4 points)
#
# (a) With 128 tokens, merging without sizes is hardly better than dropping, and with sizes it is
# much better. Why? (b) Make three tokens, a `kept` and sizes for which `np.linalg.pinv(w) @ y` and
# `unmerge(w, y)` differ, and some for which they agree. When do they? (c) Replace k-center by
# random tokens in the result. Which numbers get worse, which do not, and what does k-center take
# that chance does not?

# %% [markdown]
# *Your answer:*
