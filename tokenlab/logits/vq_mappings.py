r"""VQ-Logits: which code a token belongs to.

Jintian Shao, Hongyi Huang, Jiayi Wu, YiMing Cheng, ZhiYu Wu, You Shan, MingKai Zheng.
2025. arXiv:2505.10202

The map from tokens to codes is what the method is made of: tokens of one code cannot be told
apart, so it decides what is lost. It can follow meaning (k-means on the rows of a trained output
matrix), or frequency, or nothing at all. `tie_floor` says what a map costs before anything is
trained.

| paper's symbol | name here | shape |
|---|---|---|
| $W$ | `weight` | `(vocab, d)` |
| $C$ | `codebook` | `(n_codes, d)` |
| $M$ | `mapping` | `(vocab,)` |
| $n_k$ | tokens of code $k$ | `(n_codes,)` |

Equations, with $f_v$ the share of token $v$ in the counts:

$$\mathrm{NLL} \ge \sum_v f_v \log n_{M(v)} \quad (1), \qquad
C_k = \frac{\sum_{v \in k} \omega_v w_v}{\sum_{v \in k} \omega_v} \quad (2)$$

For given sizes the floor (1) is least when the frequent tokens are in the small codes. With a size
of $s(r)$ at rank $r$ and $\sum_r 1 / s(r) = n_{codes}$ it is least for $s \propto 1 / f$: every
code has the same mass, which is what `frequency_mapping` makes of the ranks.

Differs from the paper
----------------------
- Of the paper only the words "learned or preassigned mapping" were at hand; the maps here are our
  choice. k-means weighted by frequency and the map of equal masses are not taken from it.
- `n_codes` equal to the vocabulary gives the identity, in all maps.

Cost
----
k-means compares every token with every code, $2\,vocab\,n_{codes}\,d$ operations in a round; the
others sort once.

Example
-------
    codebook, mapping = fit_codes(weight, 1024, counts=counts, rng=0)
    mapping = frequency_mapping(counts, 1024)
    codebook = centroids(weight, mapping, counts=counts)
    tie_floor(counts, mapping)
"""

import math
from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arrays import get_xp, to_numpy
from tokenlab.errors import InvalidInput, ShapeError, public_caller
from tokenlab.logits.code_order import CodeOrder, checked_counts, checked_mapping, occurrences
from tokenlab.quantization import kmeans

__all__ = ["balanced_mapping", "centroids", "fit_codes", "frequency_mapping", "tie_floor"]


def fit_codes(
    weight: Any,
    n_codes: int,
    *,
    counts: Any = None,
    rng: np.random.Generator | int | None = None,
) -> tuple[Any, Any]:
    r"""Cluster the rows of a trained output matrix by k-means.

    Parameters
    ----------
    weight : ndarray of shape (vocab, d)
    n_codes : int
        At most `vocab`; equal to it, the codebook is the matrix and the map is the identity. More
        codes than distinct rows leave some codes without tokens.
    counts : ndarray of shape (vocab,), optional
        How often each token occurs. A row then weighs `counts + 1`, and frequent tokens get codes
        of their own; without counts all rows weigh the same.
    rng : numpy.random.Generator, int or None

    Returns
    -------
    codebook, mapping
        `(n_codes, d)` and `(vocab,)` int64.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        More codes than tokens, counts below 0, NaN.

    Examples
    --------
    >>> codebook, mapping = fit_codes([[0.0], [0.2], [5.0], [5.2]], 2, rng=0)
    >>> bool(mapping[0] == mapping[1] != mapping[2] == mapping[3])
    True
    """
    given = (weight,) if counts is None else (weight, counts)
    xp = get_xp(*given)
    weight = checks.vectors(weight, "weight", "vocab", xp, at_least=1)
    n_codes = _at_most(n_codes, len(weight))
    if counts is not None:
        counts = occurrences(counts, len(weight)) + 1
    if n_codes == len(weight):
        return weight.copy(), xp.arange(n_codes)
    found = kmeans.fit(weight, n_codes, weights=counts, rng=rng)
    return found.codebook, found.codes


def frequency_mapping(counts: Any, n_codes: int) -> Any:
    r"""Neighbours in frequency share a code, and all codes are about equally probable.

    Tokens that are frequent enough have a code each. No map has a much lower `tie_floor` on the
    same counts; meaning plays no part.

    Parameters
    ----------
    counts : ndarray of shape (vocab,)
        How often each token occurs; 1 is added, so that tokens that were never seen count a bit.
    n_codes : int
        At most `vocab`.

    Returns
    -------
    ndarray of shape (vocab,)
        int64; code 0 holds the most frequent token.

    Examples
    --------
    >>> frequency_mapping([1, 90, 1, 50, 1, 1], 3).tolist()
    [2, 0, 2, 1, 2, 2]
    """
    xp = get_xp(counts)
    counts = occurrences(counts, len(xp.asarray(counts)))
    vocab, n_codes = len(counts), _at_most(n_codes, len(counts))
    mass = np.sort(to_numpy(counts).astype(np.float64) + 1)[::-1]  # a walk, better on the CPU
    left = mass[::-1].cumsum()[::-1]
    starts, first = [0], 0
    for code in range(1, n_codes):
        room = vocab - (n_codes - code)  # the codes to come need a token each
        wanted = left[first] - left[first] / (n_codes - code + 1)
        first += max(1, int(np.searchsorted(-left[first + 1 :], -wanted)) + 1)
        first = min(first, room)
        starts.append(first)
    sizes = np.diff([*starts, vocab])
    mapping = xp.empty(vocab, dtype=xp.int64)
    ranks = xp.argsort(-counts, kind="stable")
    mapping[ranks] = xp.asarray(np.repeat(np.arange(n_codes), sizes))
    return mapping


def balanced_mapping(
    vocab: int, n_codes: int, *, rng: np.random.Generator | int | None = None
) -> np.ndarray:
    """A random map with codes of equal size: the map that knows nothing.

    Parameters
    ----------
    vocab, n_codes : int
        Sizes differ by at most one.
    rng : numpy.random.Generator, int or None

    Examples
    --------
    >>> np.bincount(balanced_mapping(10, 3, rng=0)).tolist()
    [4, 3, 3]
    """
    vocab = checks.count(vocab, "vocab")
    n_codes = _at_most(n_codes, vocab)
    if n_codes == vocab:
        return np.arange(vocab)
    return np.random.default_rng(rng).permutation(np.arange(vocab) % n_codes)


def centroids(weight: Any, mapping: Any, n_codes: int | None = None, *, counts: Any = None) -> Any:
    r"""The mean row of each code, Eq. (2); a code without tokens gets zeros.

    Parameters
    ----------
    weight : ndarray of shape (vocab, d)
    mapping : ndarray of shape (vocab,)
    n_codes : int, optional
        One more than the largest code when None.
    counts : ndarray of shape (vocab,), optional
        A row weighs `counts + 1`; without, all weigh the same.

    Returns
    -------
    ndarray of shape (n_codes, d)

    Examples
    --------
    >>> centroids([[1.0], [3.0], [8.0]], [0, 0, 1]).tolist()
    [[2.0], [8.0]]
    """
    xp = get_xp(*(x for x in (weight, mapping, counts) if x is not None))
    weight = checks.vectors(weight, "weight", "vocab", xp, at_least=1)
    mapping = checked_mapping(mapping, n_codes)
    if len(mapping) != len(weight):
        raise ShapeError(
            f"centroids: mapping is {mapping.shape} = (vocab,), but weight is {weight.shape} = "
            "(vocab, d). Both need one entry per token."
        )
    n_codes = n_codes or int(mapping.max()) + 1
    share = xp.ones(len(weight)) if counts is None else occurrences(counts, len(weight)) + 1.0
    share = share / xp.bincount(mapping, weights=share, minlength=n_codes)[mapping]
    weighted = weight * share[:, None].astype(weight.dtype)
    return CodeOrder.of(mapping, n_codes).sums(weighted.T).T.copy()  # Eq. (2)


def tie_floor(counts: Any, mapping: Any) -> float:
    r"""The perplexity that ties forbid to go below, $\exp$ of Eq. (1).

    Tokens of one code are equally probable, so that the right one of $n_k$ never gets more than
    $1/n_k$: a bound for every hidden state and every training. `VQHead.tie_floor` is the same for
    a head that shares its codes unequally.

    Parameters
    ----------
    counts : ndarray of shape (vocab,)
        How often each token occurs in the text to be predicted.
    mapping : ndarray of shape (vocab,)

    Examples
    --------
    >>> round(tie_floor([6, 1, 1, 0], [0, 1, 1, 1]), 4)  # 3 ** (2 / 8)
    1.3161
    """
    xp = get_xp(counts, mapping)
    mapping = checked_mapping(mapping)
    counts = checked_counts(counts, len(mapping), positive=True)
    n = xp.bincount(mapping)[mapping].astype(xp.float64)
    return math.exp(float((counts * xp.log(n)).sum()) / float(counts.sum()))  # Eq. (1)


def _at_most(n_codes: int, vocab: int) -> int:
    n_codes = checks.count(n_codes, "n_codes")
    if n_codes > vocab:
        raise InvalidInput(
            f"{public_caller()}: n_codes is {n_codes}, but vocab is {vocab}; expected at most one "
            "code per token."
        )
    return n_codes
