r"""WARP: An Efficient Engine for Multi-Vector Retrieval.

Jan Luca Scheerer, Matei Zaharia, Christopher Potts, Gustavo Alonso, Omar Khattab. SIGIR 2025.
arXiv:2501.17788

Tokens are kept as `tokenlab.retrieval.codec` makes them: a centroid and a few bits of the rest. A
search reads the tokens of the best centroids alone, takes their products from a table without
unpacking them, and lets the centroid at which enough tokens are passed say what a miss is worth.

| paper's symbol | name here | shape |
|---|---|---|
| $S_{cq}$ | `centroid_scores` | `(n_q, n_centroids)` |
| cluster sizes | `sizes` | `(n_centroids,)` |
| $t'$, $n_{probe}$ | `t_prime`, `n_probe` | |
| $m_i$ | `missing` | `(n_q,)` |
| $v$ | `table` | `(n_q, d, 2^bits)` |

Equations (our numbers):

$$m_i = S_{c_j i},\quad j = \min\{j : \textstyle\sum_{l \le j} \text{size}(c_l) \ge t'\},
\quad S_{c_1 i} \ge S_{c_2 i} \ge \dots \qquad (1)$$
$$q_i \cdot \tilde v = S_{ci} + \textstyle\sum_j \text{table}_{i j \tilde r_j},
\quad \text{table}_{ijb} = q_{ij}\, \text{level}_b \qquad (2)$$
$$\text{score} = \textstyle\sum_i \max(q_i \cdot \tilde v \text{ of probed tokens}),
\text{ or } m_i \text{ without any} \qquad (3)$$

Example
-------
    index = CompressedIndex.build(token_index, bits=4, rng=0)
    result = index.search(query, k=10, n_probe=8, rerank=100, source=token_index)
    index.save("my.index")
"""

from typing import Any, NamedTuple

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.engine import accelerated
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.numerics import TopK, topk
from tokenlab.steps import step

__all__ = ["Probes", "bucket_table", "table_scores", "warp_select"]


class Probes(NamedTuple):
    """The best `centroids` of each query token and their `scores`, and what a miss is worth."""

    centroids: Any
    scores: Any
    missing: Any


@takes(centroid_scores="n_q n_centroids", sizes="n_centroids int", n_probe="count", t_prime="count")
def warp_select(centroid_scores: Any, sizes: Any, *, n_probe: int, t_prime: int) -> Probes:
    """Which clusters each query token reads, and what a miss is worth: WARPSELECT, Eq. (1).

    Parameters
    ----------
    centroid_scores : ndarray of shape (n_q, n_centroids)
        Each query token's product with each centroid.
    sizes : ndarray of shape (n_centroids,)
        Tokens of each cluster; empty ones count as probed, too.
    n_probe : int
        More than there are means all.
    t_prime : int
        Where all clusters together hold less, a miss is worth the worst centroid's score.

    Returns
    -------
    Probes
        `centroids` and `scores`, `(n_q, min(n_probe, n_centroids))`, best first, ties to the lower
        number; `missing (n_q,)`.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        Sizes that do not fit or are below 0, `n_probe` or `t_prime` of 0.

    Examples
    --------
    >>> probes = warp_select([[0.9, 0.2, 0.5]], [2, 5, 4], n_probe=2, t_prime=6)
    >>> probes.centroids.tolist(), probes.missing.tolist()  # 2 tokens, and 4 more make 6
    ([[0, 2]], [0.5])
    """
    if int(sizes.min()) < 0:
        raise InvalidInput(
            f"{public_caller()}: sizes has {int(sizes.min())}; expected numbers of tokens, of at "
            "least 0."
        )
    best = probed(centroid_scores, n_probe)
    missing = step(worth_of_a_miss(centroid_scores, sizes, t_prime))  # (n_q,) [Eq. 1] of a miss
    centroids = step(best.ids)  # (n_q, rank) -> n_centroids: the clusters that are read
    return Probes(centroids, best.values, missing)


@accelerated("compressed.probed", work=lambda scores, n_probe: scores.size, pays_from=3e4)
def probed(centroid_scores: Any, n_probe: int) -> TopK:
    """The best centroids of each query token."""
    return topk(centroid_scores, n_probe)


@accelerated("compressed.worth_of_a_miss", work=lambda scores, *_: scores.size, pays_from=3e4)
def worth_of_a_miss(centroid_scores: Any, sizes: Any, t_prime: int) -> Any:
    """The score of the centroid at which `t_prime` tokens are passed, Eq. (1)."""
    xp = get_xp(centroid_scores)
    falling = topk(centroid_scores, len(sizes))  # all of them, best first
    passed = step(sizes[falling.ids].cumsum(axis=1))  # (n_q, rank) tokens in the best clusters
    enough = passed >= t_prime
    enough[:, -1] = True  # fewer tokens than that in all: the worst centroid's score
    return xp.take_along_axis(falling.values, enough.argmax(axis=1)[:, None], axis=1)[:, 0]


@takes(query="n_q d", levels="n_levels")
def bucket_table(query: Any, levels: Any) -> Any:
    """The product of each entry of the query with each level, Eq. (2).

    Parameters
    ----------
    query : ndarray of shape (n_q, d)
    levels : ndarray of shape (2**bits,)

    Returns
    -------
    ndarray of shape (n_q, d, 2**bits)

    Examples
    --------
    >>> bucket_table([[2.0, -1.0]], [-0.5, 0.5]).tolist()
    [[[-1.0, 1.0], [0.5, -0.5]]]
    """
    table = step(query[:, :, None] * levels)  # (n_q, d, n_levels) [qᵢⱼ levelᵦ] all products
    return table


@takes(table="d n_levels", buckets="n? d int")
def table_scores(table: Any, buckets: Any) -> Any:
    """Products of one query token with the residuals of tokens, looked up and added, Eq. (2).

    Parameters
    ----------
    table : ndarray of shape (d, 2**bits)
        One query token's.
    buckets : ndarray of shape (n, d)
        Unpacked.

    Returns
    -------
    ndarray of shape (n,)

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        Another width, a bucket that the table does not have.

    Examples
    --------
    >>> table_scores([[-1.0, 1.0], [0.5, -0.5]], [[0, 0], [1, 0]]).tolist()
    [-0.5, 1.5]
    """
    checks.within(buckets, "buckets", table.shape[1], "n_levels", of="table")
    dimensions = get_xp(table).arange(len(table))  # dimension j looks into row j of the table
    return table[dimensions, buckets].sum(axis=1)  # (n,), Eq. (2)


NOTES = r"""
Differs from the paper
----------------------
The released engine is `jlscheerer/xtr-warp`.

- By default $t'$ is $\sqrt{8\, n_{tokens}}$ at every size. The released rule is 0 below 125,000
  tokens, and where all clusters together hold fewer than $t'$ tokens it reads beyond the end; here
  a miss is then worth the worst centroid's score.
- `impute="kth"` is XTR's rule on the scanned tokens, in place of Eq. (1): the `k_prime` best of
  each query token count, and the last of them is what a miss is worth. As published a probed token
  can be worth less than a miss, so that a document loses by having been read.
- Documents are added and deleted; deleted ones leave the cluster sizes at once.
- Levels of equal steps need no table (`buckets="uniform"`): a product with the packed numbers is
  stretched and shifted, which a processor does many at a time.

Cost
----
Centroid scores take $2\,n_q\,d\,n_{centroids}$ operations, and every scanned token $d$ look-ups and
additions. A token of 64 dimensions takes 32 bytes at 4 bits, 4 for its document, 2 or 4 for its
centroid and one for its error.

Why not just ...
----------------
*... exact search?* Up to some hundred thousand tokens it takes milliseconds, needs no training and
misses nothing.
"""
