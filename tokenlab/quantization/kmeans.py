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

Equations, with weights $w_i$ (our numbers; the paper treats densities on a line):

$$\text{code}(i) = \arg\min_k \lVert x_i - c_k \rVert^2
= \arg\max_k \big[\,x_i \cdot c_k - \tfrac12 \lVert c_k \rVert^2\,\big] \qquad (1)$$
$$c_k = \sum_{i:\,\text{code}(i) = k} w_i x_i \Big/ \sum_{i:\,\text{code}(i) = k} w_i \qquad (2)$$
$$\text{inertia} = \sum_i w_i \lVert x_i - c_{\text{code}(i)} \rVert^2 \qquad (3)$$

Example
-------
    clustering = fit(x, n_codes=256, rng=0)
    codes, distances = assign(more, clustering.codebook)
"""

from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.blocks import by_rows
from tokenlab.engine import accelerated
from tokenlab.errors import ShapeError
from tokenlab.numerics import topk
from tokenlab.quantization.codebook import checked_weights, directions, relative
from tokenlab.quantization.seeding import plus_plus, random_rows
from tokenlab.ranges import squarable
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
    `converged` says that the iteration ended by itself, before `iters`.
    """

    codebook: Any
    codes: Any
    inertia: float
    history: list[float]
    converged: bool


@accelerated("quantization.nearest", work=lambda x, c: x.size * len(c), pays_from=3e5)
def nearest(x: Any, codebook: Any) -> tuple[Any, Any]:
    """Eq. (1): the nearest code of every row, ties to the lower one, and the squared distance."""
    # One of the codes is the origin, which changes no difference: (1) then keeps its digits.
    return _nearest(x, codebook, *relative(codebook))


@by_rows(lambda x, codebook, *_: max(codebook.shape))
def _nearest(x: Any, codebook: Any, shifted: Any, half: Any) -> tuple[Any, Any]:
    closeness = x @ shifted.T - half
    step(closeness)  # (n, n_codes) [x·c − |c|²/2 + const] largest for the nearest code
    codes = step(closeness.argmax(axis=1))  # (n,) -> n_codes: [Eq. 1] the code of each row
    gap = x - codebook[codes]  # (n, d)
    distances = step((gap * gap).sum(axis=1))  # (n,) [|x − c|²] from each row to its code
    return codes, distances


@accelerated("quantization.weighted_sums", work=lambda x, *_: x.size, pays_from=5e3)
def weighted_sums(x: Any, codes: Any, weights: Any, n_codes: int) -> Any:
    """The weighted sum of the rows of each code, `(n_codes, d)` in float64."""
    xp = get_xp(x, codes)
    columns = [xp.bincount(codes, weights * column, n_codes) for column in x.T]
    return xp.stack(columns, axis=1)  # (n_codes, d)


def means_of(x: Any, codes: Any, weights: Any, codebook: Any, spherical: bool) -> Any:
    """Eq. (2); a code without weight, or whose directions cancel, stays where it was."""
    xp = get_xp(x)
    sums = weighted_sums(x, codes, weights, len(codebook))  # (n_codes, d)
    size = xp.bincount(codes, weights, len(codebook))  # (n_codes,)
    if spherical:  # Eq. (2.4) of Dhillon and Modha: the mean has length one
        size = xp.sqrt((sums * sums).sum(axis=1))
    size = size[:, None]  # (n_codes, 1)
    means = xp.where(size > 0, sums / xp.where(size > 0, size, 1.0), codebook)  # Eq. (2)
    codebook = means.astype(x.dtype)
    step(codebook)  # (n_codes, d) [Eq. 2] each code moves to the mean of its rows
    return codebook


def lloyd(x: Any, codebook: Any, weights: Any, spherical: bool, iters: int, tol: float) -> Any:
    """The two conditions in turn: codes move to their means, rows go to their nearest codes."""
    codes, distances = nearest(x, codebook)  # Eq. (1)
    inertia = step(float(weights @ distances))  # [Eq. 3] how much the codebook loses
    history, converged = [inertia], False
    # `owner` is the codes, but that a code which nobody took gets a row.
    owner, repaired = refilled(codes, distances, weights, len(codebook))
    while not converged and len(history) <= iters:
        means = means_of(x, owner, weights, codebook, spherical)  # Eq. (2)
        found = nearest(x, means)  # Eq. (1)
        lower = float(weights @ found[1])  # Eq. (3)
        if lower >= inertia:  # settled, or at the end of the precision
            converged = True
            break
        settled = inertia - lower <= tol * inertia or bool((found[0] == owner).all())
        codebook, (codes, distances) = means, found
        inertia = step(lower)  # [Eq. 3] how much the codebook loses
        history.append(inertia)
        owner, repaired = refilled(codes, distances, weights, len(codebook))
        converged = settled and not repaired
    return Clustering(codebook, codes, inertia, history, converged)


def refilled(codes: Any, distances: Any, weights: Any, n_codes: int) -> tuple[Any, bool]:
    """Hand the rows of largest weighted distance to the codes that have none, if there are any."""
    xp = get_xp(codes)
    empty = xp.nonzero(xp.bincount(codes, weights, n_codes) == 0)[0]
    if not len(empty):
        return codes, False
    loss = weights * distances  # (n,)
    worst = topk(loss, len(empty)).ids
    worst = step(worst[loss[worst] > 0])  # (empty,) -> n: rows that become the codes of empty ones
    codes = codes.copy()
    codes[worst] = empty[: len(worst)]
    return codes, len(worst) > 0


@takes(x="n d", weights="n")
def fit(
    x: Any,
    n_codes: int,
    *,
    weights: Any = None,
    init: Any = "k-means++",
    spherical: bool = False,
    iters: int = 25,
    tol: float = 1e-4,
    rng: np.random.Generator | int | None = None,
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
    iters : int
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
    spherical = checks.flag(spherical, "spherical")
    x = directions(x, "x") if spherical else squarable(x, "x")
    weights = checked_weights(weights, len(x), get_xp(x))
    n_codes = checks.count(n_codes, "n_codes")
    iters = checks.count(iters, "iters", at_least=0)
    tol = checks.number(tol, "tol", at_least=0)
    if isinstance(init, str):
        checks.choice(init, "init", tuple(STARTS))
        if n_codes >= len(x):
            return _every_row(x, n_codes)
        codebook = _drawn(x, n_codes, weights, init, checks.generator(rng))
    else:
        codebook = _given(x, n_codes, init, spherical)
    return lloyd(x, codebook, weights, spherical, iters, tol)


@takes(x="n? d", codebook="n_codes d", spherical="flag")
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
    ready = directions if spherical else squarable
    x, codebook = ready(x, "x"), ready(codebook, "codebook")
    dtype = get_xp(x, codebook).result_type(x, codebook)
    return Assignment(*nearest(x.astype(dtype, copy=False), codebook.astype(dtype, copy=False)))


def _every_row(x: Any, n_codes: int) -> Clustering:
    """As many codes as rows or more: nothing is lost."""
    xp, n = get_xp(x), len(x)
    codebook = xp.concatenate([x, xp.repeat(x[:1], n_codes - n, axis=0)])  # (n_codes, d)
    codes, distances = nearest(x, codebook)  # equal rows share a code
    codes = xp.where(distances > 0, xp.arange(n), codes)  # rounding took nearly equal ones for it
    return Clustering(codebook, codes, 0.0, [0.0], True)


def _drawn(x: Any, n_codes: int, weights: Any, init: str, rng: np.random.Generator) -> Any:
    """A start drawn from the rows."""
    codebook = x[STARTS[init](x, n_codes, weights=weights, rng=rng)]
    surplus = n_codes - len(codebook)  # there are no more distinct rows: repeat the first
    xp = get_xp(x)
    return xp.concatenate([codebook, xp.repeat(codebook[:1], surplus, axis=0)])  # (n_codes, d)


def _given(x: Any, n_codes: int, init: Any, spherical: bool) -> Any:
    """A start that the caller brought, in the precision of the rows."""
    init = checks.vectors(init, "init", "n_codes", get_xp(x, init), at_least=1)
    if init.shape != (n_codes, x.shape[1]):
        expected = f"(n_codes, d) = ({n_codes}, {x.shape[1]})"
        raise ShapeError(f"fit: init is {init.shape}; expected {expected}.")
    return (directions if spherical else squarable)(init, "init").astype(x.dtype)


NOTES = r"""
Differs from the paper
----------------------
- Rows may have weights. A row of weight 0 gets a code and moves none.
- A code without weight would stay empty for ever. It takes over the row of largest weighted squared
  distance (ties: the lower row), which lowers the inertia, too.
- In (1) a code near the middle serves as origin of the codes: it changes no difference, and float32
  stays exact enough when all rows share a large offset.
- The iteration also ends when rounding would raise the inertia, so the history never goes up.
- Spherical: rows have length one, and (2) is divided by its length (Dhillon and Modha, Eq. 2.4).

Cost
----
One iteration is one product of $2\,n\,d\,n_{codes}$ operations; everything else is $O(nd + n\,
n_{codes})$. Memory beyond the rows: one block of products on each core, 4 MiB unless there are very
many codes. `spherical` copies the rows.
"""
