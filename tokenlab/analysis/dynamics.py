r"""Analyzing Transformer Dynamics as Movement through Embedding Space.

Sumeet S. Singh. 2023. arXiv:2308.10874

A token's vector walks through the space of embeddings: each layer adds one move from the attention,
which gathers vectors of other tokens, and one from the MLP, which sees only this one. Where the
walk ends decides the next token, by the inner product with each token's vector. All of this is
exact bookkeeping, and can be measured on any model.

| paper's symbol | name here | shape |
|---|---|---|
| $x_0$ | `start` | `(n, d)` |
| $a_l$, $m_l$ | `moves`, in their order | `(steps, n, d)` |
| $\alpha$ | `attention` | `(h, n, n)` |
| $u_v$ | columns of `output` | `(d, vocab)` |

Equations (the numbers are ours):

$$x_L = x_0 + \sum_l a_l + \sum_l m_l \qquad (1)$$
$$a_i = \sum_j \sum_h \alpha^h_{ij}\, v^h_j W^h_O \qquad (2)$$
$$P(v) \propto e^{x_L \cdot u_v} \qquad (3)$$
$$P(path) = \prod_t P(x_t \mid x_{<t}) \qquad (4)$$

Example
-------
    found = walk(states[0], moves)
    found.straightness, lens(found.states, output)
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks, numerics
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, to_numpy
from tokenlab.errors import InvalidInput, ShapeError, public_caller
from tokenlab.lm.protocol import ids_of, score
from tokenlab.ranges import lengths
from tokenlab.steps import step

__all__ = [
    "Lens",
    "Purity",
    "Walk",
    "aggregate",
    "cosines",
    "dependence",
    "fit_lens",
    "lens",
    "path_log_prob",
    "purity",
    "walk",
]


class Walk(NamedTuple):
    """Where every token's vector was, `states (steps + 1, n, d)`, and its `moves (steps, n, d)`."""

    states: Any
    moves: Any

    @property
    def length(self) -> Any:
        """How far each token went, step by step, `(n,)`."""
        return lengths(self.moves).sum(axis=0)

    @property
    def distance(self) -> Any:
        """From start to end as the crow flies, `(n,)`."""
        return lengths(self.states[-1] - self.states[0])

    @property
    def straightness(self) -> Any:
        """`distance / length`, `(n,)`; 1 for a token that does not move."""
        length = self.length
        moved = length > 0
        xp = get_xp(length)
        return xp.where(moved, self.distance / xp.where(moved, length, 1), 1.0)

    def _repr_html_(self) -> str:
        from tokenlab.plots.notebook import walk_html

        return walk_html(self)


@takes(start="n d", moves="steps? n d")
def walk(start: Any, moves: Any) -> Walk:
    """The states between the moves, (1).

    Parameters
    ----------
    start : ndarray of shape (n, d)
        What enters the first layer.
    moves : ndarray of shape (steps, n, d)
        What was added, in the order in which it was: attention, MLP, attention, ...

    Examples
    --------
    >>> found = walk([[0.0, 0.0]], [[[3.0, 0.0]], [[0.0, 4.0]]])
    >>> found.states[-1].tolist(), found.length.tolist(), found.distance.tolist()
    ([[3.0, 4.0]], [7.0], [5.0])
    """
    xp = get_xp(start, moves)
    path = xp.concatenate([start[None], moves])  # (steps + 1, n, d)
    states = step(xp.cumsum(path, axis=0))  # (steps + 1, n, d) [x₀ + Σ moves (1)]
    return Walk(states, moves)


@takes(states="... d", directions="d | n d | steps n d")
def cosines(states: Any, directions: Any) -> Any:
    """The cosine of every state with its direction.

    Parameters
    ----------
    states : ndarray of shape (..., n, d)
    directions : ndarray of shape (d,), (n, d) or (steps, n, d)
        The tokens' own vectors, where the walk ends, or the next tokens' vectors.

    Returns
    -------
    ndarray of shape (..., n)
        0 for a vector of zeros.

    Examples
    --------
    >>> cosines([[[1.0, 0.0]], [[1.0, 1.0]]], [[0.0, 2.0]]).round(3).tolist()
    [[0.0], [0.707]]
    """
    xp = get_xp(states, directions)
    try:
        xp.broadcast_shapes(states.shape, directions.shape)
    except ValueError:
        raise ShapeError(
            f"{public_caller()}: states are {states.shape} and directions are {directions.shape}; "
            "expected (..., n, d) and (d,), (n, d), or the shape of states."
        ) from None
    size = lengths(states) * lengths(directions)  # (..., n)
    return (states * directions).sum(axis=-1) / xp.where(size > 0, size, 1)


@takes(attention="h n n", values="h n d_h", output="h d_h d")
def aggregate(attention: Any, values: Any, output: Any) -> Any:
    """What each token (first axis) gathers from each other one (second axis), the terms of (2).

    Parameters
    ----------
    attention, values : ndarray of shape (h, n, n), (h, n, d_h)
    output : ndarray of shape (h, d_h, d)
        Each head's part of the output matrix.

    Returns
    -------
    ndarray of shape (n, n, d)
        Its sum over the second axis is the attention's move.

    Examples
    --------
    >>> aggregate([[[1.0, 0.0], [0.5, 0.5]]], [[[2.0], [4.0]]], [[[1.0]]])[..., 0].tolist()
    [[2.0, 0.0], [1.0, 2.0]]
    """
    carried = values @ output  # (h, n, d), what a token has to give in each head
    return get_xp(attention, values, output).einsum("hij,hjd->ijd", attention, carried)  # Eq. (2)


@takes(x="n d", size="positive", rng="rng")
def dependence(f: Callable[[Any], Any], x: Any, *, size: float = 1e-3, rng: Any = None) -> Any:
    """How far each output moves when one input is pushed.

    Parameters
    ----------
    f, x : callable, ndarray of shape (n, d)
        `f(x) -> (m, ...)`.
    size : float
        Length of the push, in a random direction.
    rng : numpy.random.Generator, int or None

    Returns
    -------
    ndarray of shape (m, n)
        Column j: each output's change per unit that input j was pushed. Diagonal for what acts on
        each token alone, lower triangular for what looks back, |M| for a mixing matrix M.

    Examples
    --------
    >>> mix = np.array([[1.0, 0.0], [2.0, 3.0]])
    >>> dependence(lambda x: mix @ x, np.zeros((2, 4)), rng=0).round(6).tolist()
    [[1.0, 0.0], [2.0, 3.0]]
    """
    checks.function(f, "f")
    xp = get_xp(x)
    x = x.astype(xp.float64)  # a small difference of what is large
    push = xp.asarray(checks.generator(rng).standard_normal(x.shape))
    push *= size / lengths(push)[:, None]  # (n, d), each of the given length
    before, columns = xp.asarray(f(x)), []
    for j in range(len(x)):
        moved = x.copy()
        moved[j] += push[j]
        change = (xp.asarray(f(moved)) - before).reshape(len(before), -1)  # (m, ...)
        columns.append(lengths(change) / size)
    return xp.stack(columns, axis=1)


@takes(states="... d", output="d vocab", norm="function")
def lens(states: Any, output: Any, *, norm: Callable[[Any], Any] | None = None) -> Any:
    """What each state would say if the walk ended there, (3): the logit lens.

    Parameters
    ----------
    states, output : ndarray of shape (..., d), (d, vocab)
    norm : callable, optional
        The model's last norm, `norm(states) -> states`.

    Returns
    -------
    ndarray of shape (..., vocab)
        Natural log-probabilities.

    Examples
    --------
    >>> np.exp(lens([0.0, 1.0], [[1.0, 0.0], [0.0, 0.0]])).tolist()
    [0.5, 0.5]
    """
    states = states if norm is None else norm(states)
    return numerics.log_softmax(states @ output)  # Eq. (3)


class Lens(NamedTuple):
    """A linear map from states to what stands later: `lens(states)`; `weight (d, m)`, `bias (m,)`."""

    weight: Any
    bias: Any

    def __call__(self, states: Any) -> Any:
        """`states @ weight + bias`, `(..., m)`."""
        return states @ self.weight + self.bias


@takes(states="n d", targets="n m", ridge="not negative")
def fit_lens(states: Any, targets: Any, *, ridge: float = 1.0) -> Lens:
    """A lens by ridge regression, which need not assume that all layers share one space.

    Parameters
    ----------
    states : ndarray of shape (n, d)
        Five times `d` and more; with fewer than `d` rows it may be worse than the logit lens.
    targets : ndarray of shape (n, m)
        Final states, or logits.
    ridge : float
        Penalty on squared weights; the bias has none.

    Returns
    -------
    Lens
        float64. `ridge=0` raises where the rows do not determine the weights.

    Examples
    --------
    >>> fitted = fit_lens([[0.0], [1.0], [2.0]], [[1.0], [3.0], [5.0]], ridge=0)
    >>> fitted([[10.0]]).round(6).tolist()
    [[21.0]]
    """
    xp = get_xp(states, targets)
    x, y = (a.astype(xp.float64, copy=False) for a in (states, targets))  # squares of large states
    x_mean, y_mean = (a.mean(axis=0) for a in (x, y))  # (d,), (m,)
    x = x - x_mean  # so that the bias is not penalised
    gram = x.T @ x + ridge * xp.eye(x.shape[1])  # (d, d)
    try:
        weight = xp.linalg.solve(gram, x.T @ (y - y_mean))  # (d, m)
    except xp.linalg.LinAlgError:
        raise InvalidInput(
            f"{public_caller()}: ridge is {ridge:g}, and {len(x)} rows do not determine "
            f"{x.shape[1]} weights; pass ridge=1.0 or more rows."
        ) from None
    return Lens(weight, y_mean - x_mean @ weight)


def path_log_prob(lm: Any, path: Sequence[int], *, prefix: Sequence[int] = ()) -> float:
    """The logarithm of a path's probability, (4).

    Parameters
    ----------
    lm : object with `vocab` and `log_probs`
    path, prefix : sequence of int
        The tokens, and those that stand before them.

    Examples
    --------
    >>> from tokenlab.lm import from_function
    >>> round(path_log_prob(from_function(lambda context: [0.0, 0.0], 2), [0, 1]), 4)
    -1.3863
    """
    tokens = ids_of(path, "path", lm.vocab)
    return float(score(lm, tokens, ids_of(prefix, "prefix", lm.vocab)).sum())  # Eq. (4)


class Purity(NamedTuple):
    """The share of a vector's nearest others with its label, and that of any others."""

    purity: float
    chance: float


@takes(vectors="n d", k="count")
def purity(vectors: Any, labels: Any, k: int = 5) -> Purity:
    """Whether vectors of one kind stand together: nearest by cosine, ties to the lower row.

    Parameters
    ----------
    vectors, labels : ndarray of shape (n, d), sequence of n
        Labels are numbers or texts.
    k : int, below `n`

    Examples
    --------
    >>> x = [[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]]
    >>> purity(x, ["a", "a", "b", "b"], k=1).purity
    1.0
    """
    n, xp = len(vectors), get_xp(vectors, labels)
    kinds = np.unique(to_numpy(checks.array(labels, "labels", xp)), return_inverse=True)[1]
    if kinds.shape != (n,):
        raise ShapeError(f"purity: labels are {np.shape(labels)}; expected ({n},), as vectors.")
    if k >= n:
        raise InvalidInput(f"purity: k is {k} of n = {n} vectors; expected at most {n - 1}.")
    u = numerics.unit(vectors)
    cosine = u @ u.T  # (n, n)
    cosine[xp.arange(n), xp.arange(n)] = -xp.inf  # not itself
    nearest = to_numpy(numerics.topk(cosine, k).ids)  # (n, k)
    counts = np.bincount(kinds)
    chance = float((counts * (counts - 1)).sum() / (n * (n - 1)))
    return Purity(float((kinds[nearest] == kinds[:, None]).mean()), chance)


NOTES = r"""
Differs from the paper
----------------------
The paper argues, and has no code; what is here are the identities that it rests on, which hold for
any transformer with a residual stream, and the probes that others use beside them: the logit lens,
a ridge regression in its place, nearest neighbours of one kind.

Cost
----
A walk is one cumulative sum. `aggregate` holds $n^2 d$ numbers, `dependence` makes $n + 1$ calls.

Why not just
------------
"Nearest vector" is not "most probable": (3) is an inner product, and long vectors win it.
"""
