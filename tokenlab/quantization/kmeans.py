r"""Least Squares Quantization in PCM: Lloyd's iteration, known as k-means.

Stuart P. Lloyd. IEEE Transactions on Information Theory 28(2), 1982.
The spherical variant: Inderjit S. Dhillon, Dharmendra S. Modha. Concept Decompositions for Large
Sparse Text Data Using Clustering. Machine Learning 42, 2001. The start: `quantization.seeding`.

A codebook of a few vectors shall stand for many. Two conditions hold for the best one: every
vector goes to its nearest code, and every code is the mean of the vectors that go to it. Fulfilling
them in turn can only lower the total squared distance, so the iteration settles.

| paper's symbol | name here | shape |
|---|---|---|
| the signal | `x` | `(n, d)` |
| quanta $q_\alpha$ | `codebook` | `(n_codes, d)` |
| $\alpha(x_i)$ | `codes` | `(n,)` |
| noise $N$, times $n$ | `inertia` | |

Equations, with weights $w_i$, and numbered here since the paper treats densities on a line:

$$\text{code}(i) = \arg\min_k \lVert x_i - c_k \rVert^2
= \arg\max_k \big[\,x_i \cdot c_k - \tfrac12 \lVert c_k \rVert^2\,\big] \qquad (1)$$
$$c_k = \sum_{i:\,\text{code}(i) = k} w_i x_i \Big/ \sum_{i:\,\text{code}(i) = k} w_i \qquad (2)$$
$$\text{inertia} = \sum_i w_i \lVert x_i - c_{\text{code}(i)} \rVert^2 \qquad (3)$$

Spherical: rows have length one, and (2) is divided by its length (Dhillon and Modha, Eq. 2.4).

Differs from the paper
----------------------
- Rows may have weights. A row of weight 0 gets a code and moves none.
- A code without weight would stay empty for ever. It takes over the row of largest weighted squared
  distance (ties: the lower row), which lowers the inertia, too.
- In (1) a code near the middle serves as origin of the codes: it changes no difference, and float32
  stays exact enough when all rows share a large offset.
- The iteration also ends when rounding would raise the inertia, so the history never goes up.

Cost
----
One iteration is one product of $2\,n\,d\,n_{codes}$ operations; everything else is $O(nd + n\,
n_{codes})$. Memory beyond the rows: one block of products on each core, 4 MiB unless there are very
many codes. `spherical` copies the rows.

Example
-------
    clustering = fit(x, n_codes=256, rng=0)
    codes, distances = assign(more, clustering.codebook)
"""

import math
import numbers
from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arrays import get_xp
from tokenlab.errors import InvalidInput, ShapeError
from tokenlab.numerics import topk
from tokenlab.quantization.codebook import (
    checked_rows,
    checked_weights,
    directions,
    nearest,
    weighted_sums,
)
from tokenlab.quantization.seeding import plus_plus, random_rows
from tokenlab.steps import step

__all__ = ["Assignment", "Clustering", "assign", "fit"]

STARTS = {"k-means++": plus_plus, "random": random_rows}


class Assignment(NamedTuple):
    """The nearest code of every row, and the squared distance to it."""

    codes: Any
    distances: Any


class Clustering(NamedTuple):
    """A codebook and what it was fitted to; `codes` are the nearest codes of the rows.

    `history` is the inertia of the start and after every iteration, `inertia` the last of these.
    `converged` says that the iteration ended by itself, before `max_iter`.
    """

    codebook: Any
    codes: Any
    inertia: float
    history: list[float]
    converged: bool


def fit(
    x: Any,
    n_codes: int,
    *,
    weights: Any = None,
    init: Any = "k-means++",
    spherical: bool = False,
    max_iter: int = 25,
    tol: float = 1e-4,
    rng: Any = None,
) -> Clustering:
    r"""Find a codebook of small inertia, Eq. (3).

    Parameters
    ----------
    x : ndarray of shape (n, d)
        float16 and small integers are widened to float32.
    n_codes : int
        At least `n` of them make every row its own code: `codebook[:n]` is `x`, equal rows share
        the first one's code, the codes beyond `n` repeat the first row. Of more codes than there
        are distinct rows, some stay unused in the same way.
    weights : ndarray of shape (n,), optional
        How much each row counts in Eqs. (2) and (3).
    init : "k-means++", "random", or ndarray of shape (n_codes, d)
        How to draw the start, or the start itself, in the precision of `x`.
    spherical : bool
        Cluster directions: rows and codes are scaled to length one.
    max_iter : int
        Iterations at most; 0 assigns the rows to the start.
    tol : float
        Stop when an iteration lowers the inertia by no more than this part of it; 0 goes on until
        no row changes its code, and then the codebook is exactly the means of its rows.
    rng : numpy.random.Generator, int or None
        The source of randomness, or a seed for one.

    Returns
    -------
    Clustering
        `codebook (n_codes, d)`, `codes (n,)` int64, ties to the lower code, `inertia`, `history`,
        `converged`.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        `x` is no matrix, has NaN, no row, or values whose squares overflow; the start is not
        `(n_codes, d)`; a weight is negative, or all are 0; a row without direction is spherical.

    Examples
    --------
    >>> x = [[1.0, 0.0], [0.8, 0.6], [0.0, 1.0], [-0.6, 0.8]]
    >>> result = fit(x, 2, init=[[1.0, 0.0], [0.0, 1.0]])
    >>> result.codes.tolist(), result.codebook.round(3).tolist(), round(result.inertia, 6)
    ([0, 0, 1, 1], [[0.9, 0.3], [-0.3, 0.9]], 0.4)
    """
    xp = get_xp(*[a for a in (x, weights, init) if not isinstance(a, str | None)])
    x = checked_rows(x, "x", "n", xp)
    x = directions(x, "x") if spherical else x
    n_codes = checks.count(n_codes, "n_codes")
    max_iter = checks.count(max_iter, "max_iter", at_least=0)
    if isinstance(tol, bool) or not isinstance(tol, numbers.Real) or not 0 <= tol < math.inf:
        raise InvalidInput(f"fit: tol is {tol!r}; expected a number of at least 0.")
    weights = checked_weights(weights, len(x), xp)
    if isinstance(init, str):
        if init not in STARTS:
            raise InvalidInput(
                f"fit: init is {init!r}; expected one of {', '.join(map(repr, STARTS))}, or "
                "a start of shape (n_codes, d)."
            )
        if n_codes >= len(x):
            return _every_row(x, n_codes)
    codebook = _start(x, n_codes, weights, init, spherical, np.random.default_rng(rng))
    return _iterate(x, codebook, weights, spherical, max_iter, float(tol))


def assign(x: Any, codebook: Any, *, spherical: bool = False) -> Assignment:
    r"""The nearest code of every row, Eq. (1).

    Parameters
    ----------
    x : ndarray of shape (n, d)
    codebook : ndarray of shape (n_codes, d)
    spherical : bool
        Compare directions: rows and codes are scaled to length one first.

    Returns
    -------
    Assignment
        `codes (n,)` int64, ties to the lower code, and `distances (n,)`, squared Euclidean. With
        `spherical` they are those of the scaled rows, $2 - 2\cos$.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        As in `fit`; also when the widths differ or the codebook is empty.

    Examples
    --------
    >>> codes, distances = assign([[1.0, 0.0], [0.0, 3.0]], [[0.0, 0.0], [0.0, 2.0]])
    >>> codes.tolist(), distances.tolist()
    ([0, 1], [1.0, 1.0])
    """
    xp = get_xp(x, codebook)
    x = checked_rows(x, "x", "n", xp, at_least=0)
    codebook = checked_rows(codebook, "codebook", "n_codes", xp)
    checks.same_width(x, "x", "n", codebook, "codebook", "n_codes")
    if spherical:
        x, codebook = directions(x, "x"), directions(codebook, "codebook")
    dtype = xp.result_type(x, codebook)
    return Assignment(*nearest(x.astype(dtype, copy=False), codebook.astype(dtype, copy=False)))


def _every_row(x: Any, n_codes: int) -> Clustering:
    """As many codes as rows or more: nothing is lost."""
    xp, n = get_xp(x), len(x)
    codebook = xp.concatenate([x, xp.repeat(x[:1], n_codes - n, axis=0)])
    codes, distances = nearest(x, codebook)  # equal rows share a code
    codes = xp.where(distances > 0, xp.arange(n), codes)  # rounding took nearly equal ones for it
    return Clustering(codebook, codes, 0.0, [0.0], True)


def _start(x: Any, n_codes: int, weights: Any, init: Any, spherical: bool, rng: Any) -> Any:
    """The codebook before the first iteration."""
    xp = get_xp(x)
    if isinstance(init, str):
        codebook = x[STARTS[init](x, n_codes, weights=weights, rng=rng)]
        surplus = n_codes - len(codebook)  # there are no more distinct rows: repeat the first
        return xp.concatenate([codebook, xp.repeat(codebook[:1], surplus, axis=0)])
    codebook = checked_rows(init, "init", "n_codes", xp)
    if codebook.shape != (n_codes, x.shape[1]):
        raise ShapeError(
            f"fit: init is {codebook.shape}; expected (n_codes, d) = ({n_codes}, {x.shape[1]})."
        )
    codebook = directions(codebook, "init") if spherical else codebook
    return codebook.astype(x.dtype)


def _iterate(
    x: Any, codebook: Any, weights: Any, spherical: bool, max_iter: int, tol: float
) -> Clustering:
    """Lloyd's iteration: assign, average, assign, and so on."""
    codes, distances = nearest(x, codebook)
    history = [float(weights @ distances)]  # Eq. (3)
    step("inertia", history[0], "how much the codebook loses", eq="Eq. 3")
    owner, repaired = _refill(codes, distances, weights, len(codebook))
    converged = False
    while not converged and len(history) <= max_iter:
        means = _means(x, owner, weights, codebook, spherical)
        found = nearest(x, means)
        inertia = float(weights @ found[1])  # Eq. (3)
        if inertia >= history[-1]:  # settled, or at the end of the precision
            converged = True
            break
        settled = history[-1] - inertia <= tol * history[-1] or bool((found[0] == owner).all())
        codebook, (codes, distances) = means, found
        history.append(step("inertia", inertia, "how much the codebook loses", eq="Eq. 3"))
        owner, repaired = _refill(codes, distances, weights, len(codebook))
        converged = settled and not repaired
    return Clustering(codebook, codes, history[-1], history, converged)


def _refill(codes: Any, distances: Any, weights: Any, n_codes: int) -> tuple[Any, bool]:
    """Hand the rows of largest weighted distance to the codes that have none, if there are any."""
    xp = get_xp(codes)
    empty = xp.nonzero(xp.bincount(codes, weights=weights, minlength=n_codes) == 0)[0]
    if not len(empty):
        return codes, False
    loss = weights * distances
    worst = topk(loss, len(empty)).ids
    worst = worst[loss[worst] > 0]
    codes = codes.copy()
    codes[worst] = empty[: len(worst)]
    step("refilled", worst, "rows that become the codes of empty ones", axes=("empty",), of="n")
    return codes, len(worst) > 0


def _means(x: Any, codes: Any, weights: Any, codebook: Any, spherical: bool) -> Any:
    """Eq. (2); a code without weight, or whose directions cancel, stays where it was."""
    xp = get_xp(x)
    sums = weighted_sums(x, codes, weights, len(codebook))  # (n_codes, d)
    if spherical:
        size = xp.sqrt((sums * sums).sum(axis=1))
    else:
        size = xp.bincount(codes, weights=weights, minlength=len(codebook))
    kept = (size == 0)[:, None]
    sums /= xp.where(kept, 1.0, size[:, None])  # Eq. (2)
    means = xp.where(kept, codebook, sums.astype(x.dtype))
    note = "each code moves to the mean of its rows"
    return step("codebook", means, note, eq="Eq. 2", axes=("n_codes", "d"))
