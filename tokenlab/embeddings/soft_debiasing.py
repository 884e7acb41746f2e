r"""Soft debiasing of Bolukbasi et al. (2016), solved exactly.

A linear map $T$ of all vectors leaves products of words as they are and lowers those of neutral
words with the bias subspace; `weight` says what counts more:

$$\min_T\; \lVert W T^\top T W^\top - W W^\top \rVert_F^2
+ \lambda \lVert N T^\top T B^\top \rVert_F^2 \qquad (6)$$

With $X = T^\top T$, $E = X - I$, $C = W^\top W$, $M = N^\top N$ the minimum over symmetric $X$ has

$$C E C + \tfrac{\lambda}{2} (M X B^\top B + B^\top B X M) = 0 \qquad (7)$$

so that $E = -(Z V^\top + V Z^\top)$ with $V = C^{-1} B^\top$, and $Z$ solves a linear system of
$d k$ unknowns. Where $X$ has an eigenvalue below 0 no $T$ belongs to it; then the minimum over the
cone is found by accelerated projected gradients. `embeddings.debias` has the rest of the paper.
"""

from typing import Any, NamedTuple

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.embeddings.vectors import directions, orthonormal, rows_of
from tokenlab.errors import InvalidInput
from tokenlab.numerics import unit

__all__ = ["SoftDebias", "soft_debias"]

ITERS = 20_000


class SoftDebias(NamedTuple):
    """Changed rows of length one, $T$, $T^T T$, and Eq. (6) at the identity and at the minimum."""

    x: Any
    transform: Any
    metric: Any
    loss: tuple[float, float]


@takes(x="n d", basis="k d", weight="number")
def soft_debias(x: Any, basis: Any, *, neutral: Any, weight: float = 0.2) -> SoftDebias:
    """The exact minimum of Eq. (6).

    Parameters
    ----------
    x : ndarray of shape (n, d)
        Word vectors, scaled to length one here; they span all d directions.
    basis : ndarray of shape (k, d)
        Orthonormal rows, from `debias.bias_subspace`.
    neutral : sequence of int
        Row numbers of words that should have no part in it.
    weight : float
        At least 0; 0 changes nothing. The paper's 0.2 does next to nothing on a whole vocabulary,
        where the first term is a sum over all pairs.

    Returns
    -------
    SoftDebias
        `transform (d, d)` is the symmetric root of `metric (d, d)`.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        Rows that do not span all directions, a basis that is not orthonormal.

    Examples
    --------
    >>> x = [[0.6, 0.8], [0.8, -0.6], [0.0, 1.0]]
    >>> soft_debias(x, [[1.0, 0.0]], neutral=[0], weight=0.0).metric.tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    xp = get_xp(x, basis)
    weight = checks.number(weight, "weight", at_least=0)
    given = x.dtype
    x = directions(x, "x").astype(xp.float64)
    b = orthonormal(basis, "basis").astype(xp.float64).T  # (d, k)
    rows = x[rows_of(neutral, "neutral", len(x), xp)]
    c, m = x.T @ x, rows.T @ rows  # each (d, d)
    values = xp.linalg.eigvalsh(c)
    if float(values[0]) < 1e-10 * float(values[-1]):
        raise InvalidInput(
            f"soft_debias: x is {x.shape} and does not span all {x.shape[1]} directions; expected "
            "rows that do. Take more words, or their principal components."
        )
    metric = over_symmetric(c, m, b, weight) if weight else xp.eye(len(c))
    values, axes = xp.linalg.eigh(metric)
    if float(values[0]) < 0:
        metric = over_cone(c, m, b, weight, metric)
        values, axes = xp.linalg.eigh(metric)
    transform = (axes * xp.sqrt(xp.clip(values, 0, None))) @ axes.T
    loss = (objective(xp.eye(len(c)), c, m, b, weight), objective(metric, c, m, b, weight))
    return SoftDebias(unit(x @ transform.T).astype(given), transform, metric, loss)


def objective(metric: Any, c: Any, m: Any, b: Any, weight: float) -> float:
    """Eq. (6), through d x d matrices."""
    moved = c @ (metric - get_xp(metric).eye(len(metric)))  # (d, d)
    inside = metric @ b  # (d, k)
    # |W E Wᵀ|² is the trace of C E C E, and |N X B|² that of Bᵀ X M X B.
    return float((moved * moved.T).sum() + weight * ((m @ inside) * inside).sum())


def over_symmetric(c: Any, m: Any, b: Any, weight: float) -> Any:
    """Eq. (7): the minimum over all symmetric matrices, by one linear system."""
    xp = get_xp(c)
    (d, k), half = b.shape, weight / 2
    v = xp.linalg.solve(c, b)  # (d, k)
    gram = b.T @ v  # (k, k)
    # C Z + λ/2 (M Z G + M V Zᵀ B) = λ/2 M B, for the columns of Z one below the other.
    system = xp.kron(xp.eye(k), c) + half * xp.kron(gram.T, m)
    mv = m @ v  # (d, k)
    # Column j of M V Zᵀ B is the sum over i of (M V)[:, i] (b_j · z_i).
    mixed = mv.T[None, :, :, None] * b.T[:, None, None, :]  # (k of j, k of i, d, d)
    system = system + half * mixed.transpose(0, 2, 1, 3).reshape(k * d, k * d)
    z = xp.linalg.solve(system, half * (m @ b).T.reshape(-1)).reshape(k, d).T  # (d, k)
    return xp.eye(d) - z @ v.T - v @ z.T


def over_cone(c: Any, m: Any, b: Any, weight: float, start: Any) -> Any:
    """The minimum over matrices without negative eigenvalues."""
    xp = get_xp(c)
    eye, largest = xp.eye(len(c)), float(xp.linalg.eigvalsh(c)[-1])
    size = 1 / (2 * largest**2 + 2 * weight * float(xp.linalg.eigvalsh(m)[-1]))
    x = ahead = projected(start)
    best = objective(x, c, m, b, weight)
    momentum = 1.0
    for _ in range(ITERS):
        pull = m @ ahead @ b @ b.T
        slope = 2 * c @ (ahead - eye) @ c + weight * (pull + pull.T)
        new = projected(ahead - size * slope)
        value = objective(new, c, m, b, weight)
        if value > best:  # begin the momentum anew
            ahead, momentum = x, 1.0
            if float(xp.abs(new - x).max()) < 1e-13:
                break
            continue
        grown = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        ahead = new + (momentum - 1) / grown * (new - x)
        done = float(xp.abs(new - x).max()) < 1e-14 * float(xp.abs(new).max())
        x, best, momentum = new, value, grown
        if done:
            break
    return x


def projected(x: Any) -> Any:
    """The nearest matrix without negative eigenvalues."""
    xp = get_xp(x)
    values, axes = xp.linalg.eigh((x + x.T) / 2)
    return (axes * xp.clip(values, 0, None)) @ axes.T
