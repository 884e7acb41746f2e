r"""Product quantization: the channels in parts, each with a codebook of its own.

Hervé Jégou, Matthijs Douze, Cordelia Schmid. Product Quantization for Nearest Neighbor Search.
IEEE Transactions on Pattern Analysis and Machine Intelligence 33(1), 2011. doi:10.1109/TPAMI.2010.57

A codebook for the whole vector can hold few of all the vectors there are. Cut the channels into
`n_parts` equal parts and quantize each: `n_codes**n_parts` vectors from `n_parts * n_codes` short
ones. What the parts have to do with each other is lost.

| paper's symbol | name here | shape |
|---|---|---|
| $x$, cut into $u_1(x) \dots u_m(x)$ | `x` | `(n, d)` |
| $m$, $k^\ast$ | `n_parts`, `n_codes` | |
| $\mathcal{C}_1 \dots \mathcal{C}_m$ | `codebooks` | `(n_parts, n_codes, d / n_parts)` |
| $q_1(u_1) \dots q_m(u_m)$ | `codes` | `(n, n_parts)` |

$$x \mapsto q_1(u_1(x)), \dots, q_m(u_m(x)) \qquad (\text{Eq. } 8)$$

Example
-------
    codebooks, codes, inertia = fit(x, n_codes=256, n_parts=8, rng=0)
    near = decode(encode(more, codebooks), codebooks)
"""

from typing import Any, NamedTuple

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.errors import InvalidInput, ShapeError
from tokenlab.quantization import kmeans
from tokenlab.quantization.codebook import known_codes
from tokenlab.ranges import squarable
from tokenlab.steps import step

__all__ = ["ProductFit", "decode", "encode", "fit"]


class ProductFit(NamedTuple):
    """A codebook for each part of the channels, the codes of the rows, their squared error."""

    codebooks: Any
    codes: Any
    inertia: float


@takes(x="n d")
def fit(x: Any, n_codes: int, n_parts: int, *, iters: int = 25, rng: Any = None) -> ProductFit:
    """k-means in each part of the channels, by itself.

    Parameters
    ----------
    x : ndarray of shape (n, d)
        `n_parts` divides `d`; neighbouring channels are one part.
    n_codes, n_parts : int
    iters : int
        Iterations of k-means, at most.
    rng : numpy.random.Generator, int or None

    Returns
    -------
    ProductFit
        `inertia` is the sum of all squared distances.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        `x` is no matrix of finite numbers, or its width does not divide into parts.

    Examples
    --------
    >>> fit([[0.0, 5.0], [1.0, 5.0], [0.0, 7.0], [1.0, 7.0]], 2, 2, rng=0).inertia
    0.0
    """
    xp = get_xp(x)
    n_parts = checks.count(n_parts, "n_parts")
    rng = checks.generator(rng)
    # Parts know nothing of each other: each is a clustering of its own.
    parts = [kmeans.fit(u, n_codes, iters=iters, rng=rng) for u in parts_of(x, n_parts)]
    codebooks = xp.stack([part.codebook for part in parts])  # (n_parts, n_codes, d / n_parts)
    codes = xp.stack([part.codes for part in parts], axis=1)  # (n, n_parts)
    return ProductFit(codebooks, codes, sum(part.inertia for part in parts))


@takes(x="n? d", codebooks="n_parts n_codes d_part")
def encode(x: Any, codebooks: Any) -> Any:
    """The nearest code of every part of every row, Eq. (8).

    Parameters
    ----------
    x : ndarray of shape (n, d)
    codebooks : ndarray of shape (n_parts, n_codes, d / n_parts)

    Returns
    -------
    ndarray of shape (n, n_parts)
        int64, ties to the lower code.

    Examples
    --------
    >>> encode([[0.9, 5.1]], [[[0.0], [1.0]], [[5.0], [7.0]]]).tolist()
    [[1, 0]]
    """
    xp, (n_parts, _, width) = get_xp(x, codebooks), codebooks.shape
    if x.shape[1] != n_parts * width:
        raise ShapeError(
            f"encode: x is {x.shape} = (n, d) and codebooks is {codebooks.shape} = (n_parts, "
            f"n_codes, d / n_parts); expected d = {n_parts * width}."
        )
    dtype = xp.result_type(x, codebooks)
    x, codebooks = squarable(x, "x").astype(dtype), codebooks.astype(dtype)
    # Every part is compared with the codes of that part alone.
    pairs = zip(parts_of(x, n_parts), codebooks, strict=True)
    codes = xp.stack([kmeans.nearest(u, codebook)[0] for u, codebook in pairs], axis=1)
    codes = step(codes)  # (n, n_parts) [Eq. 8] each part's nearest code
    return codes


@takes(codes="n? n_parts int", codebooks="n_parts n_codes d_part")
def decode(codes: Any, codebooks: Any) -> Any:
    """The vectors that the codes stand for: the codes of all parts side by side.

    Parameters
    ----------
    codes : ndarray of shape (n, n_parts)
    codebooks : ndarray of shape (n_parts, n_codes, d / n_parts)

    Returns
    -------
    ndarray of shape (n, d)

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        A code is not from 0 to `n_codes - 1`.

    Examples
    --------
    >>> decode([[1, 0]], [[[0.0], [1.0]], [[5.0], [7.0]]]).tolist()
    [[1.0, 5.0]]
    """
    xp = get_xp(codes, codebooks)
    known_codes(codes, codebooks.shape[1])
    parts = xp.arange(codes.shape[1])  # (n_parts,), beside the codes (n, n_parts)
    return codebooks[parts, codes].reshape(len(codes), -1)  # (n, n_parts, d_part) -> (n, d)


def parts_of(x: Any, n_parts: int) -> list[Any]:
    """Neighbouring channels, in `n_parts` equal parts, each contiguous."""
    if x.shape[1] % n_parts:
        raise InvalidInput(
            f"fit: n_parts is {n_parts} and x has d = {x.shape[1]}; expected parts that divide d."
        )
    xp, width = get_xp(x), x.shape[1] // n_parts
    # A copy of each part, (n, d / n_parts): the twin of k-means reads rows that are whole.
    return [xp.ascontiguousarray(x[:, i * width : (i + 1) * width]) for i in range(n_parts)]


NOTES = r"""
Differs from the paper
----------------------
- The paper searches with the codes, by tables of distances; here is the quantizer alone.
- Which channels form a part is a matter of their order. Principal components dealt out in turn
  (0, n, 2n, ... to the first part) share the energy fairly, in order they do not.

Cost
----
The parts' products together take $2\,n\,d\,n_{codes}$ operations, as one codebook does.

Why not just ...
----------------
*... residual stages?* They fit the training rows better for as many codes, and generalise worse:
on photos that the codebooks have not seen, product codes reach the higher PSNR.
"""
