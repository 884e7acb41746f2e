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

For given sizes the floor (1) is least when the frequent tokens are in the small codes. So the best
map cuts the ranks into runs, and the best cuts are found exactly, code by code:

$$F_j(r) = \min_{s < r} F_{j-1}(s) + (m_r - m_s) \log (r - s) \quad (3)$$

with $m_r$ the counts of the first $r$ ranks together.

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
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, to_numpy
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.logits.code_order import CodeOrder, checked_counts, checked_mapping, occurrences
from tokenlab.quantization import kmeans

__all__ = ["balanced_mapping", "centroids", "fit_codes", "frequency_mapping", "tie_floor"]


@takes(weight="vocab d", counts="vocab")
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
    n_codes = _at_most(n_codes, len(weight))
    if counts is not None:
        counts = occurrences(counts, len(weight)) + 1
    if n_codes == len(weight):
        return weight.copy(), get_xp(weight).arange(n_codes)
    found = kmeans.fit(weight, n_codes, weights=counts, rng=rng)
    return found.codebook, found.codes


@takes(counts="vocab")
def frequency_mapping(counts: Any, n_codes: int) -> Any:
    r"""Neighbours in frequency share a code: the map of the lowest `tie_floor`, Eq. (3).

    No other map has a lower floor on `counts + 1`; meaning plays no part.

    Parameters
    ----------
    counts : ndarray of shape (vocab,)
        How often each token occurs; 1 is added, so that tokens that were never seen count a bit.
    n_codes : int
        At most `vocab`; equal to it, the map is the identity.

    Returns
    -------
    ndarray of shape (vocab,)
        int64; code 0 holds the most frequent token, unless every token has its own code.

    Examples
    --------
    >>> frequency_mapping([1, 90, 1, 50, 1, 1], 3).tolist()
    [2, 0, 2, 1, 2, 2]
    """
    xp, n_codes = get_xp(counts), _at_most(n_codes, len(counts))
    counts = occurrences(counts, len(counts))
    if n_codes == len(counts):
        return xp.arange(n_codes)
    ranks = xp.argsort(-counts, kind="stable")  # (vocab,) the most frequent first
    sizes = best_sizes(to_numpy(counts[ranks]).astype(np.float64) + 1, n_codes)
    mapping = xp.empty(len(counts), dtype=xp.int64)
    mapping[ranks] = xp.asarray(np.repeat(np.arange(n_codes), sizes))
    return mapping


def best_sizes(mass: np.ndarray, n_codes: int) -> np.ndarray:
    """Sizes of `n_codes` runs of the falling `mass` with the least sum of mass times log size.

    A price on every code makes (3) a programme without counting codes: the higher, the fewer there
    are. The price is searched; runs of two prices are joined where none gives `n_codes`.
    """
    few, many = np.array([len(mass)]), np.ones(len(mass), dtype=np.int64)
    low, high = 1e-9 * mass[-1], len(mass) * mass.sum()  # one code for each token, one code for all
    price = mass.sum() / n_codes
    while len(few) != n_codes and (len(many) - len(few)) * (high - low) > 1e-9 * mass.sum():
        sizes = priced_sizes(mass, price)
        if len(sizes) > n_codes:
            many, low = sizes, price
        else:
            few, high = sizes, price
        # The share of the way from many codes to few, if their number falls with the price.
        part = math.log(len(many) / n_codes) / math.log(len(many) / len(few))
        if min(len(many) - n_codes, n_codes - len(few)) < 2:
            part = 0.5  # too near to be guessed
        price = low * (high / low) ** min(max(part, 0.1), 0.9)
    return few if len(few) == n_codes else joined_sizes(few, many, n_codes)


def priced_sizes(mass: np.ndarray, price: float) -> np.ndarray:
    """The sizes of the runs, when each code costs `price`: size after size, each where it can be."""
    vocab, ranks = len(mass), np.arange(len(mass) + 1)
    before = np.concatenate([[0.0], np.cumsum(mass)])  # m_r
    best, last = price * ranks, np.ones(vocab + 1, dtype=np.int64)  # all codes of one token
    for size in range(2, vocab + 1):
        # Cheaper in two halves where the last token is frequent, with the code before where it is rare.
        dear = price / (size * math.log(2 * size / (size + 1))) * (1 + 1e-9)
        cheap = price / (2 * size * math.log(2)) * (1 - 1e-9)
        first = max(0, int(np.searchsorted(-mass, -dear)) + 1 - size)
        end = min(vocab, 2 * size + int(np.searchsorted(-mass, -cheap, side="right"))) + 1
        if first + size > vocab:
            break
        here = slice(first, end)
        # Codes of one size in a row cost what their two ends differ in.
        ends = before[here] * math.log(size) + price / size * ranks[here]
        start = np.full(-(-len(ends) // size) * size, np.inf)
        start[: len(ends)] = best[here] - ends
        lowest = np.minimum.accumulate(start.reshape(-1, size)).ravel()[: len(ends)]
        better = lowest < start[: len(ends)]
        best[here] = np.where(better, lowest + ends, best[here])
        last[here][better] = size
    # Back from the end: each rank knows the size of the code that ends there.
    sizes, at = [], vocab
    while at:
        sizes.append(last[at])
        at -= last[at]
    return np.array(sizes[::-1])


def joined_sizes(few: np.ndarray, many: np.ndarray, n_codes: int) -> np.ndarray:
    """`n_codes` runs from the first of `many` and the last of `few`, where one encloses the other.

    Two crossing runs cost no more than two nested ones, so nothing is lost.
    """
    shift = n_codes - len(few)
    few_ends, many_ends = np.cumsum(few), np.cumsum(many)
    i = int(np.argmax(few_ends >= many_ends[shift : shift + len(few)]))
    cuts = np.concatenate([many_ends[: i + shift], few_ends[i:]])
    return np.diff(cuts, prepend=0)


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
    # 0, 1, ..., n_codes - 1, 0, 1, ... in random order.
    return checks.generator(rng).permutation(np.arange(vocab) % n_codes)


@takes(weight="vocab d", mapping="vocab int", counts="vocab", n_codes="count")
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
    xp, mapping = get_xp(weight, mapping), checked_mapping(mapping, n_codes)
    n_codes = n_codes or int(mapping.max()) + 1
    share = xp.ones(len(weight)) if counts is None else occurrences(counts, len(weight)) + 1.0
    # (vocab,): omega over its sum in the code
    share = share / xp.bincount(mapping, weights=share, minlength=n_codes)[mapping]
    weighted = weight * share[:, None].astype(weight.dtype)  # (vocab, d)
    return CodeOrder.of(mapping, n_codes).sums(weighted.T).T.copy()  # Eq. (2)


@takes(counts="vocab", mapping="vocab int")
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
    xp, mapping = get_xp(counts, mapping), checked_mapping(mapping)
    counts = checked_counts(counts, len(mapping), positive=True)
    n = xp.bincount(mapping)[mapping].astype(xp.float64)  # (vocab,): n_k of each token's code
    return math.exp(float((counts * xp.log(n)).sum()) / float(counts.sum()))  # Eq. (1)


def _at_most(n_codes: int, vocab: int) -> int:
    n_codes = checks.count(n_codes, "n_codes")
    if n_codes > vocab:
        raise InvalidInput(
            f"{public_caller()}: n_codes is {n_codes}, but vocab is {vocab}; expected at most one "
            "code per token."
        )
    return n_codes


NOTES = r"""
Differs from the paper
----------------------
- Of the paper only the words "learned or preassigned mapping" were at hand; the maps here are our
  choice. k-means weighted by frequency and the map by frequency are not taken from it.
- `n_codes` equal to the vocabulary gives the identity, in all maps.

Cost
----
k-means compares every token with every code, $2\,vocab\,n_{codes}\,d$ operations in a round.
`frequency_mapping` runs through the sizes that a code can have some ten times, and for each through
the ranks where it can stand: quick for many codes, slow for a few codes of a large vocabulary.
"""
