r"""Reducing the Footprint of Multi-Vector Retrieval with Minimal Performance Impact via Token Pooling.

Benjamin Clavié, Antoine Chaffin, Griffin Adams. 2024. arXiv:2409.14683

Many tokens of a document say nearly the same. Their vectors are clustered once, when the document
is stored, and the mean of each cluster takes the place of its members; nothing is trained, and the
query stays as it is. Of the ways to cluster, Ward's hierarchy keeps most.

| paper's symbol | name here | shape |
|---|---|---|
| token vectors of a document | `x` | `(n, d)` |
| number of clusters | `k` | |
| pooled vectors | `tokens` | `(k, d)` |
| cluster of each token | `codes` | `(n,)` |

Equations (Ward 1963; the numbers are ours). Two clusters $A$, $B$ of sizes $a$, $b$ lie apart by
$D$, at first $D = (1 - \cos)^2$; the two of smallest $D$ are merged, and to every other $C$

$$D(A \cup B, C) = \frac{(a + c) D(A, C) + (b + c) D(B, C) - c\, D(A, B)}{a + b + c} \qquad (1)$$
$$\text{pooled vector of } A = \frac{1}{a} \sum_{i \in A} x_i \qquad (2)$$

Example
-------
    tokens, codes = ward(doc, 0.25, protect=1)
    smaller = pool_index(index, lambda x, rng=None: ward(x, 8))
    scores = maxsim(query, smaller)
"""

from typing import Any

from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.numerics import unit
from tokenlab.ranges import squarable
from tokenlab.retrieval.pooled import Pooled, cluster_means, kept, number_or_share
from tokenlab.steps import step

__all__ = ["ward"]

LEVEL = 1e-9  # distances that differ by no more are one level of the tree: rounding


def merged(distance: Any, k: int) -> Any:
    """The cluster of every row, `(n,)`, when the closest have been merged until `k` are left."""
    n = len(distance)
    xp = get_xp(distance)
    d = distance.astype(xp.float64) ** 2  # (n, n)
    d[xp.arange(n), xp.arange(n)] = xp.inf
    size, cluster = xp.ones(n), xp.arange(n)  # a cluster goes by its first member
    reached, left = 0.0, n
    while left > 1:
        a, b = sorted(divmod(int(d.argmin()), n))
        closest = float(d[a, b])
        if left <= k and closest > reached + LEVEL:  # the level that was begun is finished first
            break
        grown = (size[a] + size) * d[a] + (size[b] + size) * d[b] - size * closest
        d[a] = d[:, a] = grown / (size[a] + size[b] + size)  # Eq. (1)
        d[b] = d[:, b] = d[a, a] = xp.inf
        size[a] += size[b]
        cluster[cluster == b] = a
        reached, left = max(reached, closest), left - 1
    return cluster


@takes(x="n? d", k=number_or_share, protect="whole", normalize="flag")
def ward(x: Any, k: int | float, *, protect: int = 0, normalize: bool = False) -> Pooled:
    """Cluster the tokens of a text by Ward's hierarchy of their cosines, and take the means.

    Parameters
    ----------
    x : ndarray of shape (n, d)
    k : int or float
        Clusters, at most; a float is a share of the tokens, rounded down, and at least one.
    protect : int
        So many leading tokens, such as [CLS], stay as they are, and do not count in `k`.
    normalize : bool
        Scale the result to length one.

    Returns
    -------
    Pooled
        The means of the rows as given, in the order of their clusters' first tokens, and `codes`.
        Where several merges are equally close, as of equal tokens, they all happen or none does,
        so that there can be fewer than `k`.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        NaN, a `k` of 0, a share outside of (0, 1].

    Examples
    --------
    >>> ward([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]], 2).codes.tolist()
    [0, 0, 1]
    """
    xp = get_xp(x)
    x = squarable(x, "x")
    protect = min(protect, len(x))
    rest = x[protect:]  # (n - protect, d)
    wanted = kept(k, len(rest))
    codes = xp.arange(len(x))
    if wanted < len(rest):
        directions = unit(rest)
        cosine = step(directions @ directions.T)  # (n_d, n_d) tokens with tokens
        joined = merged(xp.maximum(1 - (cosine + cosine.T) / 2, 0), wanted)
        codes[protect:] = protect + xp.unique(joined, return_inverse=True)[1].reshape(-1)
    tokens = cluster_means(x, codes, int(codes.max()) + 1 if len(x) else 0)  # Eq. (2)
    cluster = step(codes)  # (n_d,) -> k: where each token went
    return Pooled(unit(tokens) if normalize else tokens, cluster)


NOTES = r"""
Differs from the paper
----------------------
- The paper compares k-means, sequential pooling and Ward's method; this is the last, which it
  recommends. K-means is `tokenlab.retrieval.crisp.cluster_tokens`.
- The paper divides the number of tokens by a *pool factor*; here `k` is a number or a share, and a
  factor of 4 is a share of 0.25.
- The released code (`answerdotai/rerankers`, `stanford-futuredata/ColBERT`) calls SciPy's `linkage`
  and `fcluster`. Here is Ward's formula itself; on vectors without ties it cuts the same clusters,
  which a test compares.
- Ward's formula is meant for squared Euclidean distances. The paper, and so this file, puts
  $1 - \cos$ where the distance stands.

Cost
----
$n - k$ merges that look at $n^2$ distances each: $O(n^3)$ comparisons, and $n^2$ numbers of memory,
for texts of a few hundred tokens.

Why not just
------------
Keep the first or the last `k` tokens? On the Python FAQ that is worse at the same size by far:
`tools/findings/fewer_vectors.py`. What is as good as a better clustering, and free, is
`normalize=True`.
"""
