r"""Token Merging: Your ViT But Faster (ToMe).

Daniel Bolya, Cheng-Yang Fu, Xiaoliang Dai, Peizhao Zhang, Christoph Feichtenhofer, Judy Hoffman.
ICLR 2023. arXiv:2210.09461

Tokens that are alike can share a place. In each layer, between attention and MLP, ToMe splits the
tokens into two sets, lets each of the first set find its most similar one of the second, and merges
the `r` most similar pairs. Sizes are remembered, so that means and attention stay fair to tokens
that stand for many.

| paper's symbol | name here | shape |
|---|---|---|
| keys $K$, mean over heads | `keys` | `(n, d)` or `(h, n, d)` |
| $r$ | `r` | |
| $s$ | `size` | `(n,)` |
| sets $\mathbb{A}$, $\mathbb{B}$ | even and odd positions | |

$$b(a) = \arg\max_{b \in \mathbb{B}} \cos(k_a, k_b), \quad
\text{merge the } r \text{ pairs of largest cosine} \qquad (1)$$
$$x_b \leftarrow \frac{s_b x_b + \sum_{a \to b} s_a x_a}{s_b + \sum_{a \to b} s_a} \qquad (2)$$
$$A = \mathrm{softmax}\!\left(\frac{Q K^\top}{\sqrt d} + \log s\right) \qquad (3)$$

Example
-------
    reduction = tome.reduce(keys, r=16, size=size, protect=1)
    x, size = reduction.apply(x), reduction.size
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.blocks import by_rows
from tokenlab.engine import accelerated
from tokenlab.errors import InvalidInput
from tokenlab.numerics import topk
from tokenlab.pruning.mergers import mean_keys, means
from tokenlab.pruning.reduction import Reduction, checked_size
from tokenlab.pruning.selectors import exact_directions
from tokenlab.steps import step

__all__ = ["layer_counts", "reduce"]


@takes(keys="n d | h n d", size="n")
def reduce(keys: Any, r: int, *, size: Any = None, protect: int = 0) -> Reduction:
    r"""Merge the `r` most similar pairs, (1) and (2).

    Parameters
    ----------
    keys : ndarray of shape (n, d) or (h, n, d)
        What tokens are compared by; keys of several heads are averaged.
    r : int
        Tokens that go, at most `(n - protect) // 2`; with 0 nothing changes.
    size : ndarray of shape (n,), optional
        How many tokens each one stands for already.
    protect : int
        Tokens in front, such as CLS, that neither merge nor take in others.

    Returns
    -------
    Reduction
        With sizes.

    Raises
    ------
    InvalidInput, ShapeError, DTypeError, BackendError
        An `r` that cannot be, NaN, sizes that do not fit.

    Examples
    --------
    >>> merged = reduce([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.0, 1.0]], 1)
    >>> merged.matrix().tolist(), merged.size.tolist()
    ([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5]], [1.0, 1.0, 2.0])
    """
    xp = get_xp(keys)
    keys = mean_keys(keys)  # (n, d)
    n = len(keys)
    protect = checks.count(protect, "protect", at_least=0)
    r = checks.count(r, "r", at_least=0)
    most = max(0, n - protect) // 2
    if r > most:
        raise InvalidInput(
            f"reduce: r is {r}, but of n = {n} tokens, {protect} of them protected, at most "
            f"{most} can merge into others in one step. Pass r={most}, or merge in several layers."
        )
    given = checked_size(size, n, keys)  # (n,)
    place = xp.arange(n)
    groups = place.copy()  # each token by itself
    if r:
        # The sets A and B: even and odd positions behind the protected tokens.
        even = place[protect + protect % 2 :: 2]
        odd = place[protect + 1 - protect % 2 :: 2]
        x = directions(keys)
        cosine, nearest = best_partner(x[even], x[odd])  # (n_a,), Eq. (1)
        merging = step(topk(cosine, r).ids)  # (r,) -> n_a: the pairs of largest cosine
        groups[even[merging]] = odd[nearest[merging]]
    stays = groups == place
    kept = step(place[stays])  # (k,) -> n: where the tokens that are left stand
    row = xp.cumsum(stays) - 1  # of each token that stays, among those
    transform, size_out = means(row[groups], given, len(kept))  # Eq. (2)
    step("size", size_out, "how many tokens each stands for", eq="s", axes=("k",))
    return Reduction(kept, n, transform, size_out, None if size is None else given)


@accelerated("pruning.directions", work=lambda keys: keys.size, pays_from=1e4)
def directions(keys: Any) -> Any:
    """Rows of length one, computed in float64 so that parallel keys become equal."""
    return exact_directions(keys).astype(keys.dtype)


@by_rows(lambda a, b: len(b))
def best_partner(a: Any, b: Any) -> tuple[Any, Any]:
    """The largest cosine of each row of `a` with the rows of `b`, and whose it is; ties: first."""
    cosines = step(a @ b.T)  # (n_a, n_b) [cos(k_a, k_b)] A against B
    nearest = step(cosines.argmax(axis=1))  # (n_a,) -> n_b: the most similar token of B
    best = get_xp(a).take_along_axis(cosines, nearest[:, None], axis=1)  # (n_a, 1)
    cosine = step(best[:, 0])  # (n_a,) with the most similar token of B
    return cosine, nearest


@takes(n="whole", layers="count", protect="whole", inflect="number")
def layer_counts(
    n: int, r: int | Sequence[int], layers: int, *, protect: int = 0, inflect: float = 0.0
) -> list[tuple[int, int]]:
    r"""Tokens in the attention and in the MLP of each layer, for `flops.multiply_adds`.

    Parameters
    ----------
    n : int
        Tokens at the start.
    r : int or sequence of int
        Merged in every layer, or in each.
    layers : int
    protect : int
    inflect : float
        From -1 to 1: merge linearly more in late layers (above 0) or in early ones (below 0), `r`
        on average.

    Examples
    --------
    >>> layer_counts(197, 13, 12, protect=1)[-1]
    (54, 41)
    >>> [before - after for before, after in layer_counts(197, 8, 4, inflect=-1.0)]
    [16, 11, 5, 0]
    """
    checks.number(inflect, "inflect", at_least=-1, at_most=1)
    if np.ndim(r) == 0 and not isinstance(r, str | Mapping):
        slope = [2 * i / (layers - 1) - 1 if layers > 1 else 0.0 for i in range(layers)]
        whole = checks.whole(r, "r")
        r = [round(whole * (1 + inflect * s)) for s in slope]
    r = [checks.whole(merged, "r") for merged in checks.sequence(r, "r")]
    if len(r) != layers:
        raise InvalidInput(f"layer_counts: r has {len(r)} entries for {layers} layers.")
    counts: list[tuple[int, int]] = []
    for merged in r:
        most = max(0, n - protect) // 2
        if merged > most:
            raise InvalidInput(
                f"layer_counts: r is {merged} in layer {len(counts) + 1}, of which n is {n} tokens; at "
                f"most {most} can merge there."
            )
        counts.append((n, n - merged))
        n -= merged
    return counts


NOTES = r"""
Differs from the paper
----------------------
- Written from the equations, since the authors' code may not be used commercially. (3) is
  `size_attention.size_aware_attention`.
- The result is in the order of the image; the authors' is first the rest of $\mathbb{A}$, then
  $\mathbb{B}$.
- `layer_counts` rounds where `r` is spread unevenly; `parse_r` of `facebookresearch/ToMe` (207459a)
  cuts, and merges fewer tokens than `r` on average.
- An `r` that cannot be is refused. It is easily asked for, and easily cut down unnoticed.
- Which tokens are even depends on `protect`: positions count from the first token, protected ones
  with them, as in the authors' layout with the CLS token in front.

Cost
----
$n^2 d / 4$ multiply-adds for the cosines, and $r$ rows to add.
`Reduction.apply` works for any weights and multiplies every token's row. Written for this paper
alone, only $r$ rows need arithmetic: with 16 of 577 tokens merged that takes half as long.
"""
