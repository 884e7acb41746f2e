r"""k-means++: The Advantages of Careful Seeding.

David Arthur, Sergei Vassilvitskii. SODA 2007.

Lloyd's iteration only ever finds the nearest valley, so the start decides the result. k-means++
draws its seeds one after the other, each row with a probability proportional to its squared
distance to the nearest seed so far: far rows are likely, rows that coincide with a seed impossible.
That alone is, in expectation, within $8(\ln k + 2)$ of the best clustering there is.

| paper's symbol | name here | shape |
|---|---|---|
| $\mathcal{X}$ | `x` | `(n, d)` |
| $k$ | `n_codes` | |
| $D(x)^2$, times the row's weight | `mass` | `(n,)` |
| $\phi$ after each candidate | `potentials` | `(n_trials,)` |

Equations, with the weights $w_i$ that the paper leaves at one:

$$\Pr[\text{next seed} = x_i] = \frac{w_i\,D(x_i)^2}{\sum_j w_j\,D(x_j)^2}, \qquad
D(x)^2 = \min_{\text{seeds } c} \lVert x - c \rVert^2 \qquad (\S 2.2)$$
$$\phi = \sum_i w_i\,D(x_i)^2$$

Differs from the paper
----------------------
- The first seed is drawn in proportion to the weights.
- Greedy: each step draws $2 + \lfloor\ln k\rfloor$ candidates, rounded up to a multiple of four,
  and keeps the one after which $\phi$ is lowest. The paper mentions this in its conclusion; its
  bound is proved for one candidate.
- Distances are sums of squared differences, not $|x|^2 + |c|^2 - 2xc$: a copy of a seed has a
  distance of exactly 0 and is never drawn again, so that seeds are always distinct.

Cost
----
$3\,n\,d$ operations for every candidate; in the twin, four candidates share one look at a row. For
many codes this costs more than the iterations that follow: seed on a sample then,
`fit(x, n_codes, init=fit(sample, n_codes).codebook)`.

Example
-------
    rows = plus_plus(x, n_codes, rng=0)
    codebook = x[rows]
"""

import math
from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arrays import get_xp
from tokenlab.engine import accelerated
from tokenlab.quantization.codebook import checked_rows, checked_weights
from tokenlab.retrieval.index import token_blocks
from tokenlab.steps import step

__all__ = ["plus_plus", "random_rows"]


def plus_plus(x: Any, n_codes: int, *, weights: Any = None, rng: Any = None) -> Any:
    r"""Draw distinct rows that lie far from each other: greedy k-means++.

    Parameters
    ----------
    x : ndarray of shape (n, d)
    n_codes : int
        How many rows are wanted.
    weights : ndarray of shape (n,), optional
        How much each row counts; a row of weight 0 is never drawn.
    rng : numpy.random.Generator, int or None
        The source of randomness, or a seed for one.

    Returns
    -------
    ndarray of shape (at most n_codes,)
        int64 row numbers in the order in which they were drawn. Fewer than `n_codes` come back
        when there are fewer distinct rows of positive weight.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        `x` is no matrix, has NaN, no row, or values whose squares overflow; `n_codes < 1`; a weight
        is negative, or all are 0.

    Examples
    --------
    >>> x = [[0.0], [0.0], [0.0], [9.0]]
    >>> sorted(float(x[i][0]) for i in plus_plus(x, 2, rng=0))
    [0.0, 9.0]
    """
    xp = get_xp(x) if weights is None else get_xp(x, weights)
    x = checked_rows(x, "x", "n", xp)
    weights = checked_weights(weights, len(x), xp)
    n_codes, rng = checks.count(n_codes, "n_codes"), np.random.default_rng(rng)
    weights = weights / weights.max()  # so that no product with a distance overflows
    rows = xp.empty(min(n_codes, len(x)), dtype=xp.int64)
    rows[:1] = _draw(weights, 1, rng)
    mass = xp.where(weights > 0, xp.inf, 0.0).astype(x.dtype)
    after, _ = closer(x, weights, mass, x[rows[:1]], mass[None].copy())
    mass, note = after[0], "weighted squared distance to the nearest seed so far"
    n_trials = -(-(2 + int(math.log(n_codes))) // 4) * 4  # four cost the twin no more than one
    after = xp.empty((n_trials, len(x)), dtype=x.dtype)
    for found in range(1, len(rows)):
        step("mass", mass, note, eq="w D(x)²", axes=("n",))
        if not bool(mass.any()):  # every row of positive weight equals a seed
            rows = rows[:found]
            break
        candidates = _draw(mass, n_trials, rng)
        after, potentials = closer(x, weights, mass, x[candidates], after)
        step("candidates", candidates, "rows drawn in proportion", axes=("trial",), of="n")
        step("potentials", potentials, "what each would leave", eq="φ", axes=("trial",))
        best = int(potentials.argmin())
        rows[found], mass = candidates[best], after[best].copy()
    return step("seeds", rows, "the rows that the codebook starts from", axes=("n_codes",), of="n")


def random_rows(x: Any, n_codes: int, *, weights: Any = None, rng: Any = None) -> Any:
    r"""Draw rows without replacement, in proportion to their weights.

    Parameters
    ----------
    x : ndarray of shape (n, d)
    n_codes : int
        More than `n` means all rows.
    weights : ndarray of shape (n,), optional
        A row of weight 0 is drawn only when no other is left.
    rng : numpy.random.Generator, int or None

    Returns
    -------
    ndarray of shape (min(n_codes, n),)
        int64 row numbers. Two of them may hold the same vector.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        As in `plus_plus`.

    Examples
    --------
    >>> sorted(random_rows([[0.0], [1.0], [2.0]], 2, weights=[1.0, 0.0, 5.0], rng=0).tolist())
    [0, 2]
    """
    xp = get_xp(x) if weights is None else get_xp(x, weights)
    x = checked_rows(x, "x", "n", xp)
    weights = checked_weights(weights, len(x), xp)
    n_codes, rng = checks.count(n_codes, "n_codes"), np.random.default_rng(rng)
    # The n_codes rows that ring first, when a row of weight w rings at rate w.
    waiting = xp.asarray(rng.standard_exponential(len(x)))
    waiting = xp.where(weights > 0, waiting / xp.where(weights > 0, weights, 1.0), xp.inf)
    rows = xp.argsort(waiting, kind="stable")[:n_codes].astype(xp.int64)
    return step("seeds", rows, "the rows that the codebook starts from", axes=("n_codes",), of="n")


def _draw(mass: Any, size: int, rng: np.random.Generator) -> Any:
    """Row numbers in proportion to `mass`, with replacement; never one whose mass is 0."""
    xp = get_xp(mass)
    total = xp.cumsum(mass, dtype=xp.float64)
    return xp.searchsorted(total, xp.asarray(rng.random(size)) * total[-1], side="right")  # (2.2)


@accelerated("quantization.closer", work=lambda x, w, m, c, out: x.size * len(c), pays_from=2e4)
def closer(x: Any, weights: Any, mass: Any, candidates: Any, out: Any) -> tuple[Any, Any]:
    """The mass that each candidate would leave, written to `out (n_trials, n)`, and its sums."""
    xp = get_xp(x, mass)
    for rows in token_blocks(x, x.shape[1]):
        for after, candidate in zip(out, candidates, strict=True):
            distances = ((x[rows] - candidate) ** 2).sum(axis=1)
            after[rows] = xp.minimum(mass[rows], weights[rows].astype(x.dtype) * distances)
    return out, out.sum(axis=1, dtype=xp.float64).astype(x.dtype)
