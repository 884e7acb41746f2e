r"""CRISP: Clustering Multi-Vector Representations for Denoising and Pruning.

João Veneroso, Rajesh Jayaram, Jinmeng Rao, Gustavo Hernández Ábrego, Majid Hadian, Daniel Cer.
2025. arXiv:2505.11471

A vector for every token is precise, and heavy. CRISP clusters the vectors of each text by k-means
and keeps the means alone; and since it does so while the encoder is trained, too, the encoder learns
vectors that cluster well. Fixed choices, the last tokens or every second one, are its baselines.

| paper's symbol | name here | shape |
|---|---|---|
| $X$, tokens of a text | `x` | `(n, d)` |
| $k_q$, $k_d$ | `k` | |
| centroids | `tokens` | `(k, d)` |
| cluster of each token | `codes` | `(n,)` |

Equations (the numbers are ours):

$$c_j = \frac{1}{|C_j|} \sum_{i \in C_j} x_i, \qquad C_j \text{ by k-means} \qquad (1)$$
$$\mathrm{Chamfer}(Q, D) = \sum_{q \in Q} \max_{c \in D} q \cdot c \qquad (2)$$
$$L = -\log \frac{e^{\mathrm{Chamfer}(Q_i, D_i) / \tau}}{\sum_j e^{\mathrm{Chamfer}(Q_i, D_j) / \tau}}
\qquad (3)$$

Example
-------
    c8x32 = preset("C8x32")
    smaller = pool_index(index, c8x32.doc, rng=0)
    scores = maxsim(c8x32.query(query, rng=0).tokens, smaller)
"""

import inspect
import re
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.numerics import offsets_of, unit
from tokenlab.quantization import kmeans
from tokenlab.retrieval.crisp_training import loss
from tokenlab.retrieval.index import TokenIndex
from tokenlab.retrieval.pooled import Pooled, cluster_means, kept, number_or_share
from tokenlab.retrieval.token_pooling import ward
from tokenlab.steps import step

__all__ = [
    "Pooled",
    "Preset",
    "cluster_tokens",
    "k_spacing",
    "loss",
    "pool_index",
    "preset",
    "tail",
    "ward",
]


@takes(x="n? d", k=number_or_share, normalize="flag", iters="whole", rng="rng")
def cluster_tokens(
    x: Any,
    k: int | float,
    *,
    normalize: bool = False,
    iters: int = 25,
    rng: np.random.Generator | int | None = None,
) -> Pooled:
    """Cluster the tokens of a text by k-means and keep the means, Eq. (1).

    Parameters
    ----------
    x : ndarray of shape (n, d)
        Without padding, every row of which would be a token.
    k : int or float
        Vectors to keep, all where there are no more; a float is a share of the tokens, rounded down,
        and at least one vector.
    normalize : bool
        Scale the means to length one. The paper leaves them shorter, the more so the less their
        tokens agree.
    iters : int
        Iterations of k-means, at most.
    rng : numpy.random.Generator, int or None
        Draws the start.

    Returns
    -------
    Pooled
        `tokens (at most k, d)` and `codes (n,)`. Equal tokens can leave fewer than `k`.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        NaN, a `k` of 0, a share outside of (0, 1].

    Examples
    --------
    >>> x = [[1.0, 0.0], [0.8, 0.6], [0.0, 1.0], [-0.6, 0.8]]
    >>> cluster_tokens(x, 2, rng=0).tokens.round(2).tolist()
    [[-0.3, 0.9], [0.9, 0.3]]
    """
    k = kept(k, len(x))
    # Nothing to merge: the paper keeps a text that has no more tokens than clusters.
    if k == len(x):
        return Pooled(unit(x) if normalize else x, get_xp(x).arange(len(x)))
    # No tolerance: it ends when no token changes its cluster, or after `iters`.
    found = kmeans.fit(x, k, iters=iters, tol=0, rng=rng)
    used, codes = get_xp(x).unique(found.codes, return_inverse=True)  # without empty ones
    cluster = step(codes.reshape(-1))  # (n_d,) -> k: where each token went
    centroids = step(
        cluster_means(x, cluster, len(used))
    )  # (k, d) [cⱼ (1)] the mean of each cluster
    return Pooled(unit(centroids) if normalize else centroids, cluster)


@takes(x="n? d", k=number_or_share)
def tail(x: Any, k: int | float) -> Pooled:
    """The last `k` tokens, or the last share of them; the others are dropped.

    Parameters
    ----------
    x : ndarray of shape (n, d)
    k : int or float

    Returns
    -------
    Pooled
        `codes` are -1 for what was dropped.

    Examples
    --------
    >>> tail([[1.0], [2.0], [3.0]], 2).codes.tolist()
    [-1, 0, 1]
    """
    # The first so many go.
    dropped = len(x) - kept(k, len(x))
    xp = get_xp(x)
    return Pooled(x[dropped:], xp.maximum(xp.arange(len(x)) - dropped, -1))


@takes(x="n? d", every="count")
def k_spacing(x: Any, every: int) -> Pooled:
    """Every `every`-th token, the first included; the others are dropped.

    Parameters
    ----------
    x : ndarray of shape (n, d)
    every : int

    Returns
    -------
    Pooled
        `codes` are -1 for what was dropped.

    Examples
    --------
    >>> k_spacing([[1.0], [2.0], [3.0]], 2).tokens.tolist()
    [[1.0], [3.0]]
    """
    xp = get_xp(x)
    at = xp.arange(len(x))  # (n,), the place of each token
    # Place i stays where i is a multiple, and becomes row i / every.
    return Pooled(x[::every], xp.where(at % every == 0, at // every, -1))


class Preset(NamedTuple):
    """A variant of the paper: how queries and how documents are pooled, `(x, rng=None) -> Pooled`."""

    name: str
    query: Callable[..., Pooled]
    doc: Callable[..., Pooled]


@takes(name=checks.text)
def preset(name: str) -> Preset:
    """A variant by the name that the paper's tables give it.

    Parameters
    ----------
    name : str
        `"C8x32"`, at most 8 clusters for a query and 32 for a document; `"C25"`, a quarter of the
        tokens for both; `"tail8x32"`, the last ones; `"K2"`, every second. Any such numbers.

    Returns
    -------
    Preset

    Raises
    ------
    InvalidInput
        Another name, or a number out of range.

    Examples
    --------
    >>> preset("C4x8").doc([[1.0, 0.0], [0.0, 1.0]]).codes.tolist()
    [0, 1]
    """
    # C8x32 and tail8x32: one number for the query, one for the document.
    two = re.fullmatch(r"(C|tail)([1-9]\d{0,8})x([1-9]\d{0,8})", name)
    # C25 and K2: the same for both.
    one = re.fullmatch(r"([CK])([1-9]\d{0,8})", name)
    if two:
        way = {"C": clusters, "tail": last}[two[1]]
        return Preset(name, partial(way, int(two[2])), partial(way, int(two[3])))
    # K is a spacing, C without x is percent.
    if one and (one[1] == "K" or int(one[2]) <= 100):
        both = (
            partial(spaced, int(one[2])) if one[1] == "K" else partial(clusters, int(one[2]) / 100)
        )
        return Preset(name, both, both)
    raise InvalidInput(
        f"{public_caller()}: name is {checks.shown(name)}; expected such as C8x32, C25 (percent, 1 to "
        "100), tail8x32 or K2."
    )


def clusters(k: int | float, x: Any, rng: np.random.Generator | int | None = None) -> Pooled:
    """`cluster_tokens`, as a preset calls it."""
    return cluster_tokens(x, k, rng=rng)


def last(k: int | float, x: Any, rng: np.random.Generator | int | None = None) -> Pooled:
    """`tail`, as a preset calls it."""
    return tail(x, k)


def spaced(every: int, x: Any, rng: np.random.Generator | int | None = None) -> Pooled:
    """`k_spacing`, as a preset calls it."""
    return k_spacing(x, every)


@takes(index=TokenIndex, pool="function", rng="rng")
def pool_index(
    index: TokenIndex,
    pool: Callable[..., Pooled],
    *,
    rng: np.random.Generator | int | None = None,
) -> TokenIndex:
    """A smaller index, each document of which is pooled by itself.

    Parameters
    ----------
    index : TokenIndex
    pool : callable
        `pool(x, rng=None) -> Pooled`, such as `preset("C8x32").doc`.
    rng : numpy.random.Generator, int or None
        Handed to `pool`, one generator for all documents.

    Returns
    -------
    TokenIndex
        Of as many documents; one without tokens keeps its place.

    Raises
    ------
    InvalidInput
        `pool` returns something else.

    Examples
    --------
    >>> index = TokenIndex.from_docs([[[1.0, 0.0], [0.0, 1.0]], [[0.8, 0.6]]])
    >>> pool_index(index, preset("tail4x1").doc).lengths.tolist()
    [1, 1]
    """
    # One generator for all documents, so that a seed decides the whole index.
    options = {"rng": checks.generator(rng)} if takes_rng(pool) else {}
    xp = get_xp(index.tokens)
    docs = []
    for doc in index:
        # There is nothing to pool in an empty one.
        pooled = pool(doc, **options) if len(doc) else Pooled(doc, None)
        if not isinstance(pooled, Pooled):
            raise InvalidInput(
                f"{public_caller()}: pool returned {checks.shown(pooled)}; expected a Pooled, such as "
                'preset("C8x32").doc returns.'
            )
        # One width for all is checked when they are put together.
        docs.append(checks.vectors(pooled.tokens, "pool", "k", xp))
    # Lengths in the order of the documents become offsets again.
    lengths = xp.asarray([len(doc) for doc in docs], dtype=xp.int64)
    return TokenIndex(xp.concatenate([index.tokens[:0], *docs]), offsets_of(lengths))


def takes_rng(pool: Callable[..., Any]) -> bool:
    """Whether a function has an argument `rng`; one that cannot be asked is taken to have it."""
    try:
        parameters = inspect.signature(pool).parameters
    except (TypeError, ValueError):
        return True
    return "rng" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


NOTES = r"""
Differs from the paper
----------------------
- There is no released code, and the paper names neither start nor number of iterations of k-means:
  here it is k-means++ and 25.
- `C25` keeps $\lfloor L / 4 \rfloor$ tokens in the paper, none of a text of three; here at least one.
  A text that has no more tokens than clusters keeps all of them.
- `normalize=True` is ours: the paper leaves the means shorter than one, so that a cluster whose tokens
  agree weighs more. Scaled to length one they rank better on the Python FAQ
  (`tools/findings/fewer_vectors.py`).
- The encoder of the paper is trained as a whole; `loss` trains one linear map on top of it, by
  clusters that are given. Cluster anew when the map has moved.
- Means can only lower (2) for a document: a mean's product with $q$ is at most its best member's.
  That is not so with `normalize=True`, and scores of different $k$ for the query are sums of
  different length.
- A reimplementation (`sigridjineth/crisp-py`) pads with rows of zeros, which win wherever all
  similarities are negative. Here is no padding.

Cost
----
An iteration of k-means is $2 n d k$ operations. A search then costs $2 k_q k_d d$ for each document,
27 times less for `C8x32` than for 32 query tokens and documents of 214.

Why not just
------------
Cluster by Ward's hierarchy (`ward`)? Without training that is a little better, and normalising the
means is worth more than either.
"""
