r"""TokenUnify: Scaling Up Autoregressive Pretraining for Neuron Segmentation.

Yinda Chen, Haoyuan Shi, Xiaoyu Liu, Te Shi, Ruobing Zhang, Dong Liu, Zhiwei Xiong, Feng Wu.
ICCV 2025. arXiv:2405.16847

Three tasks are mixed: predict masked tokens, predict the next token, and predict *all* tokens that
follow. In the last one every token is predicted from every prefix, near and far: errors of a
rollout cannot add up where nothing is rolled out. A curriculum moves the weight from the first task
to the third.

| paper's symbol | name here | shape |
|---|---|---|
| $x_1 \dots x_K$ | `tokens` | `(n,)` |
| $\log p(x_j \mid x_{<i})$ | `log_probs[i, j]` | `(n, n, vocab)` |
| terms of a sum | `pairs` | `(n_pairs, 2)` |
| $M$ | `mask` | `(n,)` |
| $\alpha, \beta, \gamma$ | `Weights` | |

$$\mathcal{L}_{\text{random}} = -\sum_{i \in M} \log p(x_i \mid x_{\notin M}) \qquad (1)$$
$$\mathcal{L}_{\text{next}} = -\sum_i \log p(x_i \mid x_{<i}) \qquad (2)$$
$$\mathcal{L}_{\text{all}} = -\sum_i \sum_{j \ge i} \log p(x_j \mid x_{<i}) \qquad (3)$$
$$\alpha \mathcal{L}_{\text{random}} + \beta \mathcal{L}_{\text{next}}
+ \gamma \mathcal{L}_{\text{all}} \qquad (4)$$

Example
-------
    near = pair_loss(log_probs, tokens, next_pairs(n))
    far = pair_loss(log_probs, tokens, next_all_pairs(n))
"""

import math
from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, stop
from tokenlab.errors import InvalidInput
from tokenlab.quantization.codebook import known_codes
from tokenlab.steps import step

__all__ = [
    "Weights",
    "curriculum",
    "masked_loss",
    "next_all_pairs",
    "next_pairs",
    "pair_loss",
    "random_mask",
]


class Weights(NamedTuple):
    """Of the three losses, Eq. (4); they add up to one."""

    random: float
    next: float
    next_all: float


def next_pairs(n: int) -> np.ndarray:
    """The terms (i, j) of Eq. (2): each token from all before it.

    Parameters
    ----------
    n : int
        Tokens.

    Returns
    -------
    ndarray of shape (n, 2)
        int64; `i` is the length of the prefix, `j` the token.

    Examples
    --------
    >>> next_pairs(3).tolist()
    [[0, 0], [1, 1], [2, 2]]
    """
    place = np.arange(checks.count(n, "n"))  # j = i: the token right behind the prefix
    return np.stack([place, place], axis=1)


def next_all_pairs(n: int) -> np.ndarray:
    """The terms (i, j) of Eq. (3): each token from every prefix that does not have it.

    Parameters
    ----------
    n : int

    Returns
    -------
    ndarray of shape (n (n + 1) / 2, 2)
        int64; token j occurs j + 1 times.

    Examples
    --------
    >>> next_all_pairs(3).tolist()
    [[0, 0], [0, 1], [0, 2], [1, 1], [1, 2], [2, 2]]
    """
    return np.stack(np.triu_indices(checks.count(n, "n")), axis=1)  # all j >= i


def random_mask(n: int, share: float, *, rng: Any = None) -> np.ndarray:
    """Which tokens are masked: $\\lceil$ `share` `n` $\\rceil$ of them, all sets alike.

    Parameters
    ----------
    n : int
    share : float
        0 to 1.
    rng : numpy.random.Generator, int or None

    Returns
    -------
    ndarray of shape (n,)
        bool.

    Examples
    --------
    >>> int(random_mask(10, 0.25, rng=0).sum())
    3
    """
    n = checks.count(n, "n")
    share = checks.share(share, "share")
    rng = checks.generator(rng)
    mask = np.zeros(n, bool)
    # Rounded before the ceiling: 0.28 * 25 is 7.000000000000001.
    mask[rng.permutation(n)[: math.ceil(round(share * n, 9))]] = True
    return mask


@takes(log_probs="n n vocab", tokens="n int", pairs="n_pairs 2 int")
def pair_loss(log_probs: Any, tokens: Any, pairs: Any) -> Any:
    """The mean of the terms of Eq. (2) or (3).

    Parameters
    ----------
    log_probs : ndarray of shape (n, n, vocab)
        `log_probs[i, j]` is of token j, given the first i tokens.
    tokens : ndarray of shape (n,)
    pairs : ndarray of shape (n_pairs, 2)
        From `next_pairs` or `next_all_pairs`, or some of them.

    Returns
    -------
    float

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        An unknown token; a pair whose token is in its prefix.

    Examples
    --------
    >>> log_probs = np.log(np.full((2, 2, 4), 0.25))
    >>> round(float(pair_loss(log_probs, [3, 0], next_all_pairs(2))), 4)
    1.3863
    """
    n = len(tokens)
    known_codes(tokens, log_probs.shape[-1], name="tokens")
    i, j = pairs[:, 0], pairs[:, 1]  # length of the prefix, and the token
    if int(i.min()) < 0 or int(j.max()) >= n or bool((j < i).any()):
        raise InvalidInput(
            f"pair_loss: pairs run from {int(pairs.min())} to {int(pairs.max())}; expected 0 <= i "
            f"<= j < {n} = n: the first i tokens do not have token j."
        )
    terms = step(log_probs[i, j, tokens[j]])  # (n_pairs,) [log p(x_j | x_<i)] one for each pair
    return -terms.mean()  # Eq. (2) or (3), over the number of terms


@takes(log_probs="n vocab", tokens="n int", mask="n bool")
def masked_loss(log_probs: Any, tokens: Any, mask: Any) -> Any:
    """The mean of the terms of Eq. (1).

    Parameters
    ----------
    log_probs : ndarray of shape (n, vocab)
        Of each token, given those that are not masked.
    tokens : ndarray of shape (n,)
    mask : ndarray of shape (n,)
        bool.

    Returns
    -------
    float

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        An unknown token, nothing masked.

    Examples
    --------
    >>> round(float(masked_loss(np.log([[0.5, 0.5], [0.9, 0.1]]), [0, 0], [False, True])), 4)
    0.1054
    """
    known_codes(tokens, log_probs.shape[-1], name="tokens")
    if not bool(mask.any()):
        raise InvalidInput("masked_loss: mask is nowhere True; expected something to be masked.")
    # Of the right token at every place, (n,).
    right = get_xp(log_probs).take_along_axis(log_probs, tokens[:, None], axis=1)[:, 0]
    return -(right * mask).sum() / int(stop(mask).sum())  # Eq. (1)


def curriculum(progress: float) -> Weights:
    """The weights of the three losses when this share of the training is done.

    Parameters
    ----------
    progress : float
        0 to 1; masked tokens lead up to 0.3, the next token up to 0.7, all tokens then.

    Returns
    -------
    Weights

    Examples
    --------
    >>> curriculum(0.0), curriculum(0.9)
    (Weights(random=0.73, next=0.18, next_all=0.09), Weights(random=0.09, next=0.18, next_all=0.73))
    """
    progress = checks.share(progress, "progress")
    # Learn from what is near and from both sides first, from far prefixes last.
    if progress < 0.3:
        return Weights(0.73, 0.18, 0.09)
    return Weights(0.18, 0.73, 0.09) if progress < 0.7 else Weights(0.09, 0.18, 0.73)


NOTES = r"""
Differs from the paper
----------------------
- The published code does something else: the squared error of the whole volume, given a prefix of
  random length, and of the next patch. Its mode that should alternate between the two never does.
- The borders .3 and .7 and the weights of the second and third phase are ours; secondary sources
  give the weights of the first and the border at .7.
- The losses are means over their terms, so that the weights compare like with like.

Cost
----
(3) has $K (K + 1) / 2$ terms. One token `j` for each prefix, uniform from `i` to $K - 1$ and weighted
by $K - i$, is an unbiased estimate of it with $K$ terms.
"""
