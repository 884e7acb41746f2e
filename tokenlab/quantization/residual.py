r"""Residual vector quantization: a vector as a sum of codes, each for what the others left.

Biing-Hwang Juang, A. H. Gray Jr. Multiple Stage Vector Quantization for Speech Coding. ICASSP 1982.
doi:10.1109/ICASSP.1982.1171604
As used by Doyup Lee et al., Autoregressive Image Generation using Residual Quantization, CVPR 2022.

One codebook quantizes the vector. A second one quantizes what is left, and so on: with `depth`
stages of `n_codes` codes a vector is one of `n_codes**depth`, and no table of that size is made.
Fewer stages give a coarser vector.

| paper's symbol | name here | shape |
|---|---|---|
| $z$ | `x` | `(n, d)` |
| $E_1 \dots E_D$ | `codebooks` | `(depth, n_codes, d)` |
| $k_1 \dots k_D$ | `codes` | `(n, depth)` |
| $r_j$ | `rest` | `(n, d)` |

Equations (our numbers), from $r_0 = z$:

$$k_j = \arg\min_k \lVert r_{j-1} - E_j[k] \rVert^2 \qquad (1)$$
$$r_j = r_{j-1} - E_j[k_j] \qquad (2)$$
$$\hat z_j = E_1[k_1] + \dots + E_j[k_j] \qquad (3)$$

Example
-------
    codebooks, codes, history = fit(x, n_codes=256, depth=4, rng=0)
    codes = encode(more, codebooks, beam=4)
    decode(codes, codebooks)
"""

from typing import Any, NamedTuple

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.blocks import by_rows
from tokenlab.engine import accelerated
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.quantization import kmeans
from tokenlab.quantization.codebook import known_codes
from tokenlab.quantization.kmeans import nearest
from tokenlab.ranges import squarable
from tokenlab.steps import step

__all__ = ["ResidualFit", "decode", "encode", "fit", "stages"]


class ResidualFit(NamedTuple):
    """One codebook a stage, the codes of the rows, and the error after 0 to `depth` stages.

    `history` is the mean, over the rows, of the squared length of what is left.
    """

    codebooks: Any
    codes: Any
    history: list[float]


@takes(x="n d")
def fit(
    x: Any, n_codes: int, depth: int, *, zero: bool = False, iters: int = 25, rng: Any = None
) -> ResidualFit:
    """k-means on the rows, then on what is left of them, stage by stage.

    Parameters
    ----------
    x : ndarray of shape (n, d)
    n_codes, depth : int
        Codes of a stage, and stages.
    zero : bool
        Code 0 of every stage is the zero vector: then no stage makes a vector worse.
    iters : int
        Iterations of k-means, at most, in each stage.
    rng : numpy.random.Generator, int or None

    Returns
    -------
    ResidualFit

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        `x` is no matrix of finite numbers; a count is below 1.

    Examples
    --------
    >>> result = fit([[0.0], [1.0], [10.0], [11.0]], 2, 2, rng=0)
    >>> result.history[0], result.history[-1]
    (55.5, 0.0)
    """
    xp = get_xp(x)
    rest = x = squarable(x, "x")
    n_codes, depth = checks.count(n_codes, "n_codes"), checks.count(depth, "depth")
    iters = checks.count(iters, "iters", at_least=0)
    zero = checks.flag(zero, "zero")
    rng = checks.generator(rng)
    codebooks, codes, history = [], [], [mean_square(rest)]
    for _ in range(depth):
        codebook = rest[:0]  # (0, d)
        if n_codes > zero:
            codebook = kmeans.fit(rest, n_codes - zero, iters=iters, rng=rng).codebook
        if zero:
            codebook = xp.concatenate([rest[:1] * 0, codebook])  # (n_codes, d)
        chosen, _ = nearest(rest, codebook)  # Eq. (1)
        rest = rest - codebook[chosen]  # Eq. (2)
        codebooks.append(codebook)
        codes.append(chosen)
        history.append(mean_square(rest))
    return ResidualFit(xp.stack(codebooks), xp.stack(codes, axis=1), history)


def mean_square(rest: Any) -> float:
    """The squared length of a row, on average."""
    return float((rest.astype("float64") ** 2).sum(axis=1).mean())


@takes(x="n? d", codebooks="depth n_codes d", start="int | n? int")
def encode(x: Any, codebooks: Any, *, start: Any = 0, beam: int = 1) -> Any:
    r"""The codes of every row: greedy, Eqs. (1) and (2), or the best of several attempts.

    The nearest code now may leave a rest that no later stage can mend. With `beam` the partial
    sums with the smallest rest go on side by side; `n_codes**(depth - 1)` of them find the optimum.

    Parameters
    ----------
    x : ndarray of shape (n, d)
    codebooks : ndarray of shape (depth, n_codes, d)
    start : int or ndarray of shape (n,)
        `x` is what the stages from this one on (counted from 0) add up to.
    beam : int
        Partial sums of a row that go on.

    Returns
    -------
    ndarray of shape (n, depth)
        int64, ties to the lower code, -1 for the stages before `start`.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        Widths differ, something is not finite, `start` is not from 0 to `depth`.

    Examples
    --------
    >>> codebooks = [[[0, 0], [3, 0], [0, 3]], [[0.5, 0], [-0.5, 0], [0, -0.25]]]
    >>> encode([[-1.0, -1.0], [0.1, 0.1]], codebooks).tolist()
    [[0, 1], [0, 2]]
    >>> encode([[0.1, -0.2]], codebooks, start=1).tolist()
    [[-1, 2]]
    """
    xp = get_xp(x, codebooks)
    dtype = xp.result_type(x, codebooks)
    x, codebooks = squarable(x, "x").astype(dtype), squarable(codebooks, "codebooks")
    start = checked_start(xp.asarray(start), len(codebooks))
    beam = checks.count(beam, "beam")
    if beam > 1:
        return by_beam(x, codebooks.astype(dtype), start, beam)
    return greedy(x, codebooks.astype(dtype), start)


def greedy(x: Any, codebooks: Any, start: Any) -> Any:
    """Each stage takes the code nearest to what is left."""
    xp, rest, codes = get_xp(x), x, []
    for stage, codebook in enumerate(codebooks):
        code, _ = nearest(rest, codebook)
        code = step(xp.where(start <= stage, code, -1))  # (n,) [Eq. 1] the code nearest to the rest
        codes.append(code)
        rest = step(rest - chosen(codebook, code))  # (n, d) [Eq. 2] what is left
    return xp.stack(codes, axis=1)  # (n, depth)


def chosen(codebook: Any, code: Any) -> Any:
    """The vectors of the codes; zeros for -1."""
    xp = get_xp(codebook)
    return xp.where((code >= 0)[..., None], codebook[code], 0)


def by_beam(x: Any, codebooks: Any, start: Any, beam: int) -> Any:
    """The best of several partial sums; rows that begin at the same stage go together."""
    xp = get_xp(x)
    codes = xp.full((len(x), len(codebooks)), -1)  # (n, depth)
    start = xp.broadcast_to(start, (len(x),))
    for stage in range(len(codebooks)):
        rows = xp.flatnonzero(start == stage)
        if len(rows):
            codes[rows, stage:] = from_the_first(x[rows], codebooks[stage:], beam)
    return codes


@accelerated(
    "quantization.from_the_first",
    work=lambda x, codebooks, beam: len(x) * beam * codebooks.shape[0] * codebooks.shape[1],
    pays_from=3e4,
)
@by_rows(lambda x, codebooks, beam: beam * max(codebooks.shape[1:]))
def from_the_first(x: Any, codebooks: Any, beam: int) -> Any:
    """At each stage the `beam` partial sums of smallest rest; of equals the one met first."""
    xp = get_xp(x)
    n, n_codes = len(x), codebooks.shape[1]
    rest = x[:, None]  # (n, beams, d)
    codes = xp.zeros((n, 1, 0), xp.int64)  # (n, beams, stages so far)
    for codebook in codebooks:
        half = (codebook * codebook).sum(axis=1) / 2  # (n_codes,)
        square = (rest * rest).sum(axis=2, keepdims=True) / 2  # (n, beams, 1)
        cost = square - rest @ codebook.T + half  # (n, beams, n_codes): half of |rest - code|²
        cost = cost.reshape(n, rest.shape[1] * n_codes)
        best = smallest(cost, min(beam, cost.shape[1]))  # (n, beams)
        parent, code = best // n_codes, best % n_codes
        codes = xp.take_along_axis(codes, parent[..., None], axis=1)
        codes = xp.concatenate([codes, code[..., None]], axis=2)
        rest = xp.take_along_axis(rest, parent[..., None], axis=1) - codebook[code]
    left = (rest * rest).sum(axis=2)  # (n, beams)
    return codes[xp.arange(n), left.argmin(axis=1)]  # (n, depth)


def smallest(cost: Any, k: int) -> Any:
    """Columns of the k smallest of each row, in order; of equals the one met first."""
    return get_xp(cost).argsort(cost, axis=1, kind="stable")[:, :k]


@takes(codes="n? depth int", codebooks="depth n_codes d")
def stages(codes: Any, codebooks: Any) -> Any:
    """The sums of the first 0, 1, ..., `depth` codes, Eq. (3).

    Parameters
    ----------
    codes : ndarray of shape (n, depth)
        -1 adds nothing.
    codebooks : ndarray of shape (depth, n_codes, d)

    Returns
    -------
    ndarray of shape (depth + 1, n, d)
        The first is zeros.

    Examples
    --------
    >>> stages([[1, 0]], [[[0.0], [3.0]], [[0.5], [-0.5]]])[:, 0, 0].tolist()
    [0.0, 3.0, 3.5]
    """
    xp = get_xp(codes, codebooks)
    known_codes(codes, codebooks.shape[1], none=True)
    sums = [xp.zeros((len(codes), codebooks.shape[2]), codebooks.dtype)]
    for codebook, code in zip(codebooks, codes.T, strict=True):
        sums.append(sums[-1] + chosen(codebook, code))  # Eq. (3)
    return xp.stack(sums)


@takes(codes="n? depth int", codebooks="depth n_codes d")
def decode(codes: Any, codebooks: Any, *, depth: int | None = None) -> Any:
    """The vectors that the codes stand for: the sum of all stages, or of the first `depth`.

    Parameters
    ----------
    codes : ndarray of shape (n, depth)
        -1 adds nothing.
    codebooks : ndarray of shape (depth, n_codes, d)
    depth : int, optional
        Stages that count; 0 gives zeros.

    Returns
    -------
    ndarray of shape (n, d)

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        A code is not from -1 to `n_codes - 1`; more stages than there are.

    Examples
    --------
    >>> codebooks = [[[0.0], [3.0]], [[0.5], [-0.5]]]
    >>> decode([[1, 1], [-1, 0]], codebooks).tolist()
    [[2.5], [0.5]]
    >>> decode([[1, 1], [-1, 0]], codebooks, depth=1).tolist()
    [[3.0], [0.0]]
    """
    most = codes.shape[1]
    depth = most if depth is None else checks.count(depth, "depth", at_least=0, at_most=most)
    return stages(codes, codebooks)[depth]


def checked_start(start: Any, depth: int) -> Any:
    """Raise unless all are stages, or `depth` for none of them."""
    if start.size and (int(start.min()) < 0 or int(start.max()) > depth):
        raise InvalidInput(
            f"{public_caller()}: start runs from {int(start.min())} to {int(start.max())}; expected "
            f"0 to {depth}, the number of stages."
        )
    return start


NOTES = r"""
Differs from the paper
----------------------
- Lee et al. share one codebook among all stages and learn it with an encoder; here each stage has
  its own, as in the earlier work, and k-means makes it.
- `zero=True` pins code 0 at the zero vector. Without it a stage can make a vector *worse*: the rest
  may be shorter than its distance to any code (`encode` has an example: (0.1, 0.1)).
- The beam keeps what has the smallest rest, not the smallest sum of the errors of all stages.

Cost
----
Greedy: `depth` products of $2\,n\,d\,n_{codes}$ operations; a beam multiplies that by its width.

Why not just ...
----------------
*... one large codebook?* With 8 stages of 256 codes it would have $2^{64}$ rows. With as many bits
as one table can hold, the table is better: each stage only sees what the ones before happened to
leave.
"""
