r"""What every use of a codebook needs: checked rows, nearest codes, the sums of each code's rows.

A codebook is `(n_codes, d)`, and codes are `(n,)` int64, the numbers of its rows.
"""

import math
from typing import Any

from tokenlab import checks
from tokenlab.arrays import get_xp
from tokenlab.blocks import by_rows
from tokenlab.engine import accelerated
from tokenlab.errors import InvalidInput, ShapeError, public_caller
from tokenlab.numerics import unit
from tokenlab.retrieval.index import token_blocks
from tokenlab.steps import step

__all__: list[str] = []


def checked_rows(x: Any, name: str, rows: str, xp: Any, *, at_least: int = 1) -> Any:
    """Finite rows, small enough that no squared distance between them overflows."""
    x = checks.vectors(x, name, rows, xp, at_least=at_least)
    limit = math.sqrt(float(xp.finfo(x.dtype).max) / (16 * x.shape[1]))
    largest = max(float(x.max()), -float(x.min())) if len(x) else 0.0
    if largest > limit:
        raise InvalidInput(
            f"{public_caller()}: {name} has a value of size {largest:.3g}; squared distances in "
            f"{x.dtype} overflow beyond {limit:.3g}. Scale the rows down, or pass float64."
        )
    return x


def checked_weights(weights: Any, n: int, xp: Any) -> Any:
    """Weights `(n,)` in float64, ones by default; at least one of them is positive."""
    if weights is None:
        return xp.ones(n)
    weights = checks.shaped(checks.floats(weights, "weights", xp), "weights", ("n",))
    if len(weights) != n:
        raise ShapeError(
            f"{public_caller()}: weights is {weights.shape} = (n,), but x has n = {n} rows; "
            "expected one weight for each row."
        )
    weights = checks.finite(weights, "weights", xp).astype(xp.float64)
    if float(weights.min()) < 0 or float(weights.max()) == 0:
        raise InvalidInput(
            f"{public_caller()}: weights run from {float(weights.min()):g} to "
            f"{float(weights.max()):g}; expected none below 0 and at least one above."
        )
    return weights


def directions(x: Any, name: str) -> Any:
    """Rows of length one; a row that has no direction is refused."""
    xp = get_xp(x)
    x = unit(x)
    lost = xp.nonzero((x * x).sum(axis=1) < 0.5)[0]
    if lost.size:
        raise InvalidInput(
            f"{public_caller()}: {name} has {lost.size} rows of length zero, the first at "
            f"{int(lost[0])}; they have no direction. Drop them, or pass spherical=False."
        )
    return x


@accelerated("quantization.nearest", work=lambda x, c: x.size * len(c), pays_from=3e5)
def nearest(x: Any, codebook: Any) -> tuple[Any, Any]:
    """Eq. (1): codes and squared distances."""
    return _nearest(x, codebook, *relative(codebook))


@by_rows(lambda x, codebook, *_: max(codebook.shape))
def _nearest(x: Any, codebook: Any, shifted: Any, half: Any) -> tuple[Any, Any]:
    closeness = x @ shifted.T - half  # (n, n_codes)
    note = "the nearest code of a row is where this is largest"
    step("closeness", closeness, note, eq="x·c − |c|²/2 + const", axes=("n", "n_codes"))
    codes = closeness.argmax(axis=1)  # Eq. (1)
    gap = x - codebook[codes]
    distances = (gap * gap).sum(axis=1)
    step("codes", codes, "the code of each row", eq="Eq. 1", axes=("n",), of="n_codes")
    return codes, step("distances", distances, "squared distance to it", axes=("n",))


def relative(codebook: Any) -> tuple[Any, Any]:
    r"""The codes seen from one of them, $c_k - o$, and what (1) then subtracts.

    $x \cdot c_k - |c_k|^2/2$ and $x \cdot (c_k - o) - (|c_k|^2 - |o|^2)/2$ differ by what is the
    same for all codes. The origin is one of the codes, so that nothing is rounded which was exact.
    """
    xp = get_xp(codebook)
    exact = codebook.astype(xp.float64)
    squares = xp.einsum("kd,kd->k", exact, exact)
    origin = int((squares - 2 * (exact @ exact.mean(axis=0))).argmin())  # the nearest to the mean
    half = (squares - squares[origin]) / 2
    return codebook - codebook[origin], half.astype(codebook.dtype)


@accelerated("quantization.weighted_sums", work=lambda x, *_: x.size, pays_from=5e3)
def weighted_sums(x: Any, codes: Any, weights: Any, n_codes: int) -> Any:
    """The weighted sum of the rows of each code, in float64."""
    xp = get_xp(x, codes)
    sums = xp.zeros((n_codes, x.shape[1]), dtype=xp.float64)
    for rows in token_blocks(x, x.shape[1]):
        xp.add.at(sums, codes[rows], weights[rows, None] * x[rows])
    return sums
