r"""Token Transforming: A Unified and Training-Free Token Compression Framework for Vision
Transformer Acceleration.

Fanhu Zeng, Deli Yu, Zhenglun Kong, Hao Tang. 2025, at ICCV 2025. arXiv:2506.05709

Every way to have fewer tokens is a matrix: pruning picks rows, merging averages groups, so each
token goes to one place or to none. The paper lets every token go to many. Less is lost, and no
training has to make up for it.

| paper's symbol | name here | shape |
|---|---|---|
| tokens $X$, result $Y$ | `x`, `reduction.apply(x)` | `(n, d)`, `(k, d)` |
| informative tokens $I$ | `kept` | `(k,)` |
| temperature $T$, sizes $s$ | `temperature`, `size` | , `(n,)` |
| transformation $W$ | `reduction.matrix()` | `(k, n)` |

$$Y = W X, \qquad W \geq 0 \qquad (1)$$
$$Z = \cos(K_I, K), \quad P = \mathrm{softmax}_{\text{columns}}(Z / T), \quad
W = \mathrm{diag}(1 / Ps)\, P\, \mathrm{diag}(s) \qquad (2, \text{ours})$$

Example
-------
    reduction = token_transforming.reduce(keys, cls_row(attention), k=64)
    y = reduction.apply(x)
    attention = size_aware_attention(q, k, v, reduction.size)
"""

from typing import Any

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.errors import ShapeError
from tokenlab.numerics import softmax, unit
from tokenlab.pruning.mergers import distinct, mean_keys
from tokenlab.pruning.reduction import Reduction, checked_size
from tokenlab.pruning.scores import scores_of
from tokenlab.pruning.selectors import checked_budget, topk
from tokenlab.ranges import normal, tempered
from tokenlab.steps import step

__all__ = ["kind", "reduce", "soft_assign"]


@takes(keys="n d | h n d", scores="n_scores | h n_q n_all", size="n")
def reduce(
    keys: Any,
    scores: Any,
    *,
    k: int | float,
    temperature: float = 0.03,
    mode: str = "mass",
    size: Any = None,
    rounding: str = "half_up",
) -> Reduction:
    r"""Spread every token over the `k` of highest score, (2).

    Parameters
    ----------
    keys : ndarray of shape (n, d) or (h, n, d)
        Keys of several heads are averaged.
    scores : ndarray of shape (n,) or (h, n + 1, n + 1)
        How informative each token is, or attention, whose CLS row then says it.
    k : int or float
        The budget, see `selectors.budget`; all tokens means nothing changes.
    temperature : float
        Of the cosines. 0.03 was best on the photos of the tour's model.
    mode : {"mass", "row"}
        See `soft_assign`.
    size : ndarray of shape (n,), optional
        How many tokens each one stands for already.
    rounding : {"half_up", "down", "up"}
        What a share is rounded to.

    Returns
    -------
    Reduction

    Examples
    --------
    >>> x, scores = [[1.0, 0.0], [0.0, 1.0], [1.0, 0.1]], [0.5, 0.3, 0.2]
    >>> merged = reduce(x, scores, k=2, temperature=0.3)
    >>> merged.size.round(3).tolist(), kind(merged)
    ([1.952, 1.048], 'many-to-many')
    """
    xp = get_xp(keys, scores)
    keys = mean_keys(keys)  # (n, d)
    scores = scores_of(scores, "scores", reduce="cls_row")
    n = len(keys)
    if len(scores) != n:
        raise ShapeError(
            f"reduce: keys are of n = {n} tokens, scores of {len(scores)}. Leave the CLS token's "
            "key out."
        )
    scores = step(scores)  # (n,) how informative each token is
    k = checked_budget(k, n, rounding)
    if k == n:
        sizes = None if size is None else checked_size(size, k, keys)
        return Reduction(xp.arange(k, dtype=xp.int64), k, size=sizes, size_in=sizes)
    kept = step(xp.sort(topk(scores, k)))  # (k,) -> n: [I] the tokens that all others go to
    return _spread(keys, kept, temperature, mode, size)  # Eq. (2)


@takes(keys="n d | h n d", kept="k? int", size="n")
def soft_assign(
    keys: Any, kept: Any, temperature: float, mode: str = "mass", *, size: Any = None
) -> Reduction:
    r"""Every token goes to all kept ones, in shares that fall off with their cosine, (2).

    With $Z = \cos(K_I, K)$: `"mass"` lets each token spread its mass,
    $P = \mathrm{softmax}_{\text{columns}}(Z / T)$, and averages what arrives,
    $W = \mathrm{diag}(1 / Ps)\, P\, \mathrm{diag}(s)$; `"row"` lets each kept token look around,
    $W = \mathrm{softmax}_{\text{rows}}(Z / T)$. As $T \to 0$ this becomes a hard assignment,
    as $T \to \infty$ every row the mean of all tokens.

    Parameters
    ----------
    keys : ndarray of shape (n, d) or (h, n, d)
        Keys of several heads are averaged.
    kept : ndarray of shape (k,)
        Positions, in any order, none twice.
    temperature : float
        Above 0.
    mode : {"mass", "row"}
    size : ndarray of shape (n,), optional

    Returns
    -------
    Reduction
        Dense. In the row form sizes are the shares that tokens would have when each column of $W$
        is scaled to sum to one.

    Examples
    --------
    >>> merged = soft_assign([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [0, 1], 1.0, mode="row")
    >>> merged.matrix().round(5).tolist()
    [[0.47304, 0.17402, 0.35294], [0.17402, 0.47304, 0.35294]]
    """
    keys = mean_keys(keys)
    return _spread(keys, distinct(kept, len(keys)), temperature, mode, size)


def _spread(keys: Any, kept: Any, temperature: float, mode: str, size: Any) -> Reduction:
    """`soft_assign` of checked keys `(n, d)` and ascending places `(k,)`."""
    xp = get_xp(keys, kept)
    temperature = checks.positive(temperature, "temperature")
    checks.choice(mode, "mode", ("mass", "row"))
    normal(temperature, "temperature", keys.dtype)
    sizes = checked_size(size, len(keys), keys)  # (n,)
    directions = unit(keys)
    closeness = step(directions[kept] @ directions.T)  # (k, n) [Z] cosine of kept and all tokens
    if mode == "row":
        weights = softmax(tempered(closeness, temperature, 1), axis=1)
        shares = weights / xp.maximum(weights.sum(axis=0), xp.finfo(weights.dtype).tiny)
        total = shares @ sizes
    else:
        shares = softmax(tempered(closeness, temperature, 0), axis=0)
        step(shares)  # (k, n) [P] each token spreads its mass
        total = shares @ sizes
        weights = shares * sizes / total[:, None]
    weights = step(weights)  # (k, n) [W, Eq. (2)] each row sums to one
    step("size", total, "how many tokens each stands for", eq="Ps", axes=("k",))
    return Reduction(kept, len(keys), weights, total, None if size is None else sizes)


@takes(reduction=Reduction)
def kind(reduction: Reduction, *, tolerance: float = 1e-12) -> str:
    r"""What sort of matrix (1) has: `"one-to-one"`, `"many-to-one"` or `"many-to-many"`.

    Parameters
    ----------
    reduction : Reduction
    tolerance : float
        Weights up to this count as 0.

    Examples
    --------
    >>> import numpy as np
    >>> kind(Reduction(np.array([0, 2]), 3))
    'one-to-one'
    """
    used = reduction.matrix() > checks.positive(tolerance, "tolerance")  # (m, n)
    if int(used.sum(axis=0).max()) > 1:
        return "many-to-many"
    return "many-to-one" if int(used.sum(axis=1).max()) > 1 else "one-to-one"


NOTES = r"""
Differs from the paper
----------------------
**The rule (2) is ours, not the authors'.** Their code is not published, and only the abstract could
be read: it confirms (1), the three kinds, and many-to-many. Which tokens are informative ($I$), the
similarity, the temperature and the normalisation are our choice. So what is measured with this file
says nothing about the authors' method. `kind` names the three kinds for any reduction of this
family.

Cost
----
$2 k n d$ multiply-adds, for $Z$ and for $W X$; memory for $k \times n$ numbers.
"""
