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

Example
-------
    rows = plus_plus(x, n_codes, rng=0)
    codebook = x[rows]
"""

import math
from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.engine import accelerated
from tokenlab.quantization.codebook import checked_weights
from tokenlab.ranges import squarable
from tokenlab.steps import step

__all__ = ["plus_plus", "random_rows"]


@takes(x="n d", weights="n")
def plus_plus(
    x: Any,
    n_codes: int,
    *,
    weights: Any = None,
    rng: np.random.Generator | int | None = None,
) -> Any:
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
    xp, x = get_xp(x), squarable(x, "x")
    weights = checked_weights(weights, len(x), xp)
    n_codes = checks.count(n_codes, "n_codes")
    rng = checks.generator(rng)
    weights = weights / weights.max()  # so that no product with a distance overflows
    rows = _draw(weights, 1, rng)  # (1,) the first seed
    mass = xp.where(weights > 0, xp.inf, 0.0)  # (n,) no seed yet: all infinitely far
    mass = mass.astype(x.dtype)
    after, _ = closer(x, weights, mass, x[rows])
    mass = step(after[0])  # (n,) [w D(x)²] weighted squared distance to the nearest seed so far
    n_trials = -(-(2 + int(math.log(n_codes))) // 4) * 4  # four cost the twin no more than one
    while len(rows) < min(n_codes, len(x)):
        if not bool(mass.any()):  # every row of positive weight equals a seed
            break
        candidates = _draw(mass, n_trials, rng)
        step(candidates)  # (trial,) -> n: [§2.2] drawn in proportion to the mass
        after, potentials = closer(x, weights, mass, x[candidates])  # (n_trials, n), (n_trials,)
        step("potentials", potentials, "what each would leave", eq="φ", axes=("trial",))
        best = int(potentials.argmin())
        rows = xp.concatenate([rows, candidates[best : best + 1]])  # (number of seeds,)
        mass = step(after[best])  # (n,) [w D(x)²] to the nearest seed, the new one included
    seeds = step(rows)  # (n_codes,) -> n: the rows that the codebook starts from
    return seeds


@takes(x="n d", weights="n")
def random_rows(
    x: Any,
    n_codes: int,
    *,
    weights: Any = None,
    rng: np.random.Generator | int | None = None,
) -> Any:
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
    xp, x = get_xp(x), squarable(x, "x")
    weights = checked_weights(weights, len(x), xp)
    n_codes = checks.count(n_codes, "n_codes")
    rng = checks.generator(rng)
    # The n_codes rows that ring first, when a row of weight w rings at rate w.
    waiting = xp.asarray(rng.standard_exponential(len(x)))  # (n,)
    waiting = xp.where(weights > 0, waiting / xp.where(weights > 0, weights, 1.0), xp.inf)
    rows = xp.argsort(waiting, kind="stable")[:n_codes].astype(xp.int64)
    seeds = step(rows)  # (n_codes,) -> n: the rows that the codebook starts from
    return seeds


def _draw(mass: Any, size: int, rng: np.random.Generator) -> Any:
    """Row numbers in proportion to `mass`, with replacement; never one whose mass is 0."""
    xp = get_xp(mass)
    total = xp.cumsum(mass, dtype=xp.float64)
    return xp.searchsorted(total, xp.asarray(rng.random(size)) * total[-1], side="right")  # (2.2)


@accelerated("quantization.closer", work=lambda x, w, m, c: x.size * len(c), pays_from=2e4)
def closer(x: Any, weights: Any, mass: Any, candidates: Any) -> tuple[Any, Any]:
    """The mass that each candidate would leave, `(n_trials, n)`, and its sums."""
    xp, weights = get_xp(x, mass), weights.astype(x.dtype)
    distances = [((x - candidate) ** 2).sum(axis=1) for candidate in candidates]  # D(x)²
    after = xp.minimum(mass, weights * xp.stack(distances))  # (n_trials, n)
    return after, after.sum(axis=1, dtype=xp.float64).astype(x.dtype)  # φ


NOTES = r"""
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
"""
