r"""Token Transforming: A Unified and Training-Free Token Compression Framework for Vision
Transformer Acceleration.

Fanhu Zeng, Deli Yu, Zhenglun Kong, Hao Tang. 2025, at ICCV 2025. arXiv:2506.05709

Every way to have fewer tokens is a matrix: pruning picks rows, merging averages groups, so each
token goes to one place or to none. The paper lets every token go to many. Less is lost, and no
training has to make up for it.

| paper's symbol | name here | shape |
|---|---|---|
| tokens $X$, result $Y$ | `x`, `reduction.apply(x)` | `(n, d)`, `(k, d)` |
| transformation $W$ | `reduction.matrix()` | `(k, n)` |

$$Y = W X, \qquad W \geq 0 \qquad (1)$$
$$Z = \cos(K_I, K), \quad P = \mathrm{softmax}_{\text{columns}}(Z / \tau), \quad
W = \mathrm{diag}(1 / Ps)\, P\, \mathrm{diag}(s) \qquad (2, \text{ours})$$

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

Example
-------
    reduction = token_transforming.reduce(keys, cls_row(attention), k=64)
    y = reduction.apply(x)
    attention = size_aware_attention(q, k, v, reduction.size)
"""

from typing import Any

from tokenlab import checks
from tokenlab.arrays import get_xp
from tokenlab.errors import ShapeError
from tokenlab.pruning.mergers import mean_keys, soft_assign
from tokenlab.pruning.reduction import Reduction, checked_size
from tokenlab.pruning.scores import checked_scores
from tokenlab.pruning.selectors import budget, top_k
from tokenlab.steps import step

__all__ = ["kind", "reduce"]


def reduce(
    keys: Any,
    scores: Any,
    *,
    k: int | float,
    tau: float = 0.03,
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
    tau : float
        Temperature of the cosines. 0.03 was best on the photos of the tour's model.
    mode : {"mass", "row"}
        See `mergers.soft_assign`.
    size : ndarray of shape (n,), optional
        How many tokens each one stands for already.
    rounding : {"half_up", "down", "up"}
        What a share is rounded to.

    Returns
    -------
    Reduction

    Examples
    --------
    >>> merged = reduce([[1.0, 0.0], [0.0, 1.0], [1.0, 0.1]], [0.5, 0.3, 0.2], k=2, tau=0.3)
    >>> merged.size.round(3).tolist(), kind(merged)
    ([1.952, 1.048], 'many-to-many')
    """
    get_xp(keys, scores)
    keys = mean_keys(keys)
    scores = checked_scores(scores, "scores", reduce="cls_row")
    if len(scores) != len(keys):
        raise ShapeError(
            f"reduce: keys are of n = {len(keys)} tokens, scores of {len(scores)}. Leave the CLS "
            "token's key out."
        )
    step("scores", scores, "how informative each token is", axes=("n",))
    k, xp = budget(k, len(keys), rounding=rounding), get_xp(keys)
    if k == len(keys):
        sizes = None if size is None else checked_size(size, k, keys)
        return Reduction(xp.arange(k, dtype=xp.int64), k, size=sizes, size_in=sizes)
    return soft_assign(keys, top_k(scores, k), tau, mode, size=size)  # (2)


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
    used = reduction.matrix() > float(checks.positive(tolerance, "tolerance"))
    if int(used.sum(axis=0).max()) > 1:
        return "many-to-many"
    return "many-to-one" if int(used.sum(axis=1).max()) > 1 else "one-to-one"
