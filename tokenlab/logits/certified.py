r"""VQ-Logits as an index: exact top-k and a bracket of the normaliser for the full output matrix.

Jintian Shao, Hongyi Huang, Jiayi Wu, YiMing Cheng, ZhiYu Wu, You Shan, MingKai Zheng.
2025. arXiv:2505.10202

A code that is the mean of its tokens' vectors says more than the paper asks of it: no token's
logit can exceed that of its code by more than the code's radius times the length of the hidden
state. Codes are visited by falling bound and their tokens scored with the full matrix, until the
`k`-th best score is above every bound that is left. The answer is that of the full matrix, with a
proof; how much of the matrix had to be scored depends on how tight the codes are.

| paper's symbol | name here | shape |
|---|---|---|
| $h$ | `hidden` | `(n, d)` |
| $W$ | `weight` | `(vocab, d)` |
| $C$ | `centroids` | `(n_codes, d)` |
| $R_k$ | `radii` | `(n_codes,)` |
| $n_k$ | sizes of the codes | `(n_codes,)` |

Equations, for $C_k$ the mean of the $w_v$ in code $k$ and $R_k = \max_{v \in k} \|w_v - C_k\|$:

$$h \cdot w_v \le h \cdot C_{M(v)} + \|h\| R_{M(v)} \quad (1)$$
$$\log \sum_k n_k e^{h \cdot C_k} \;\le\; \log \sum_v e^{h \cdot w_v} \;\le\;
\log \sum_k n_k e^{h \cdot C_k + \|h\| R_k} \quad (2)$$

The left side of (2) is Jensen's inequality, the right one (1).

Example
-------
    index = FullHeadIndex(weight, mapping)
    found = index.topk(hidden, 10)
    found.share             # of the matrix that was scored
    low, high = index.normaliser(hidden)
"""

import math
from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.errors import ShapeError
from tokenlab.logits.code_order import CodeOrder, best_by_id, checked_mapping
from tokenlab.logits.heads import log_sum_exp
from tokenlab.logits.inputs import checked_hidden
from tokenlab.logits.vq_logits import VQHead
from tokenlab.logits.vq_mappings import centroids
from tokenlab.numerics import segment_max
from tokenlab.ranges import divided, lengths, representable, scale_of
from tokenlab.retrieval.index import token_blocks

__all__ = ["CertifiedTopK", "FullHeadIndex", "Normaliser", "certified_topk"]

CHUNK = 1024  # tokens scored at most before the bounds are looked at again, if a code allows


class CertifiedTopK(NamedTuple):
    """The best tokens of the full matrix, their logits, what was scored, and the proof."""

    ids: Any
    values: Any
    share: Any
    margin: Any


class Normaliser(NamedTuple):
    """Two numbers that the log-normaliser of the full matrix lies between."""

    low: Any
    high: Any


class FullHeadIndex:
    r"""The full output matrix in the order of its codes, with the bounds of each code.

    Parameters
    ----------
    weight : ndarray of shape (vocab, d)
    mapping : ndarray of shape (vocab,)
        Any map is correct; tight clusters, as `fit_codes` without counts makes them, score less.

    Examples
    --------
    >>> index = FullHeadIndex([[4.0, 0.0], [4.0, 1.0], [-4.0, 0.0]], [0, 0, 1])
    >>> ids, values, share, margin = index.topk([[1.0, 0.0]], 1)
    >>> ids.tolist(), share.round(2).tolist(), index.radii.tolist()
    ([[0]], [0.67], [0.5, 0.0])
    """

    @takes(weight="vocab d", mapping="vocab int")
    def __init__(self, weight: Any, mapping: Any):
        xp, mapping = get_xp(weight, mapping), checked_mapping(mapping)
        self.vocab, self.d = weight.shape
        self.centroids = centroids(weight, mapping)  # (n_codes, d)
        n_codes = len(self.centroids)
        self.order, self.start, _ = CodeOrder.of(mapping, n_codes)
        self.rows = weight[self.order]  # the tokens of a code lie together
        code = mapping[self.order]  # (vocab,)
        away = xp.zeros(self.vocab, dtype=weight.dtype)  # of each token from its code
        for rows in token_blocks(self.rows, self.d):
            away[rows] = lengths(self.rows[rows] - self.centroids[code[rows]])  # |w_v - C_k|
        farthest = segment_max(away, self.start)[filled(self.start)]  # R_k
        farthest = representable(farthest, "the radii")
        self.radii = xp.zeros(n_codes, dtype=weight.dtype)  # an empty code bounds nothing
        self.radii[filled(self.start)] = farthest
        reach = lengths(self.centroids) + self.radii
        self._slack = self.d * float(xp.finfo(weight.dtype).eps) * reach

    def _bounds(self, hidden: Any) -> tuple[Any, Any]:
        """The logits of the centroids, and Eq. (1); `-inf` for empty codes."""
        xp, used = get_xp(hidden, self.rows), filled(self.start)
        with np.errstate(over="ignore", invalid="ignore"):
            logits = hidden @ self.centroids.T  # (n, n_codes)
            # Beside rounding in proportion, a term below the range is lost whole.
            lost = self.d * float(xp.finfo(hidden.dtype).smallest_subnormal)
            reach = lengths(hidden)[:, None] * (self.radii + self._slack)  # (n, n_codes)
            above = logits + (reach + lost)  # Eq. (1)
        representable(above, "the bounds of the logits")
        return xp.where(used, logits, -xp.inf), xp.where(used, above, -xp.inf)

    @property
    def parameters(self) -> dict[str, Any]:
        """The matrix, by the name of the argument."""
        return {"weight": self.rows}

    @takes()
    def normaliser(self, hidden: Any) -> Normaliser:
        """Bracket $\\log \\sum_v e^{h w_v}$ for each row of `hidden`, Eq. (2), without `weight`."""
        hidden = checked_hidden(self, hidden)
        xp, (logits, above) = get_xp(hidden), self._bounds(hidden)
        sizes = (self.start[1:] - self.start[:-1]).astype(hidden.dtype)
        log_n = xp.log(xp.maximum(sizes, 1))
        return Normaliser(log_sum_exp(logits + log_n), log_sum_exp(above + log_n))  # Eq. (2)

    @takes(k="count")
    def topk(self, hidden: Any, k: int) -> CertifiedTopK:
        r"""The `k` largest logits of the full matrix for each row, exactly, ties by id.

        Parameters
        ----------
        hidden : ndarray of shape (n, d)
        k : int
            More than `vocab` means all.

        Returns
        -------
        CertifiedTopK
            `ids` and `values` `(n, k)`; `share (n,)` of the tokens that were scored; `margin
            (n,)`, by how much the `k`-th value exceeds every bound left, infinite when none was.
        """
        hidden = checked_hidden(self, hidden)
        k = min(checks.count(k, "k"), self.vocab)
        scale = scale_of(hidden)  # which ranks tokens as before
        hidden = divided(hidden, scale)
        _, above = self._bounds(hidden)
        xp, dtype = get_xp(hidden), above.dtype
        ids = xp.zeros((len(hidden), k), dtype=xp.int64)
        values = xp.zeros((len(hidden), k), dtype=dtype)
        share = xp.zeros(len(hidden), dtype=dtype)
        margin = xp.zeros(len(hidden), dtype=dtype)
        for i in range(len(hidden)):
            ids[i], values[i], scored, margin[i] = self._search(hidden[i], above[i], k)
            share[i] = scored / self.vocab
        unit = dtype.type(scale)
        with np.errstate(over="ignore"):
            values = representable(values * unit, "the logits")
            return CertifiedTopK(ids, values, share, margin * unit)

    def _search(self, h: Any, above: Any, k: int) -> tuple[Any, Any, int, float]:
        """The best tokens of one row, how many were scored, and the margin."""
        xp = get_xp(h, above)
        codes = xp.argsort(-above, kind="stable")  # the most promising code first
        bounds = above[codes]
        starts, sizes = self.start[codes], self.start[codes + 1] - self.start[codes]
        ends = xp.cumsum(sizes)  # tokens up to and with each code
        ids, values = xp.empty(0, dtype=xp.int64), xp.empty(0, dtype=above.dtype)
        at = scored = 0
        wanted = k
        while scored < self.vocab:
            # A token that only equals the k-th value could still have a lower id.
            if scored >= k and float(values[-1]) > float(bounds[at]):
                return ids, values, scored, float(values[-1] - bounds[at])
            stop = min(int(xp.searchsorted(ends, scored + wanted)) + 1, len(codes))
            tokens = _ranges(starts[at:stop], sizes[at:stop])
            ids = xp.concatenate([ids, self.order[tokens]])
            # Row by row, not as a product: equal rows must score equally wherever they stand.
            values = xp.concatenate([values, (self.rows[tokens] * h).sum(axis=1)])
            (ids,), (values,) = best_by_id(ids[None], values[None], k)
            # Twice as many the next time: few looks at the bounds, and few tokens too many.
            at, scored, wanted = stop, scored + len(tokens), min(2 * wanted, max(k, CHUNK))
        return ids, values, scored, math.inf


@takes(hidden="n? d", weight="vocab d", head=VQHead)
def certified_topk(hidden: Any, weight: Any, head: VQHead, k: int) -> CertifiedTopK:
    r"""Exact top-k of the full output matrix, with the codes of a head as index.

    Build a `FullHeadIndex` once where there is more than one call.

    Parameters
    ----------
    hidden : ndarray of shape (n, d)
    weight : ndarray of shape (vocab, d)
        The full matrix, without bias.
    head : VQHead
        Its map is used; the centroids are computed from `weight`.
    k : int

    Returns
    -------
    CertifiedTopK
        See `FullHeadIndex.topk`.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        A head of another vocabulary, `k < 1`.

    Examples
    --------
    >>> weight = [[4.0, 0.0], [4.0, 1.0], [-4.0, 0.0]]
    >>> head = VQHead([[4.0, 0.5], [-4.0, 0.0]], [0, 0, 1])
    >>> certified_topk([[0.0, 1.0]], weight, head, 2).ids.tolist()
    [[1, 0]]
    """
    if len(weight) != head.vocab:
        raise ShapeError(
            f"certified_topk: weight is {weight.shape} = (vocab, d), but the head has vocab = "
            f"{head.vocab}."
        )
    return FullHeadIndex(weight, head.mapping).topk(hidden, k)


def filled(start: Any) -> Any:
    """Which codes have tokens, `(n_codes,)`."""
    return start[1:] > start[:-1]


def _ranges(starts: Any, sizes: Any) -> Any:
    """`start, start + 1, ...` of every run, one after the other."""
    xp = get_xp(starts, sizes)
    first = xp.cumsum(sizes) - sizes
    return xp.arange(int(sizes.sum())) + xp.repeat(starts - first, sizes.tolist())


NOTES = r"""
Differs from the paper
----------------------
- None of this is in the paper, which replaces the full matrix and never returns to it.
- Bounds allow for rounding: a product of $d$ terms is off by at most
  $d\,\varepsilon\,\|h\|(\|C_k\| + R_k)$, which is added.

Measured on the output layer that comes with the package (`benchmarks/logits.py`): with 256 and
1,024 codes of its 4,096 rows every row is scored, with 2,048 codes still 77 % for the best token
and 88 % for fifty. Hidden states are long and rows of a code far apart, so that (1) is a bound that
no token comes near. The left side of (2) is 4.7 and 3.2 nats low, the right side over 100 nats
high.

Cost
----
$2\,n\,d\,n_{codes}$ operations for the bounds and $2\,d$ for each token that is scored. The index
holds the matrix once more, in the order of the codes.
"""
