r"""What every use of a codebook needs: weights, directions, an origin.

A codebook is `(n_codes, d)`, and codes are `(n,)` int64, the numbers of its rows.
"""

from typing import Any

from tokenlab.arrays import get_xp
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.numerics import unit

__all__: list[str] = []


def known_codes(codes: Any, n_codes: int, *, none: bool = False, name: str = "codes") -> None:
    """Raise unless all are from 0 to n_codes - 1, or with `none` -1."""
    if codes.size and (int(codes.min()) < -none or int(codes.max()) >= n_codes):
        raise InvalidInput(
            f"{public_caller()}: {name} run from {int(codes.min())} to {int(codes.max())}; expected "
            f"0 to {n_codes - 1}, since there are {n_codes} {name}{', or -1 for none' * none}."
        )


def checked_weights(weights: Any, n: int, xp: Any) -> Any:
    """Weights `(n,)` in float64, ones by default; at least one of them is positive."""
    if weights is None:
        return xp.ones(n)
    weights = weights.astype(xp.float64)
    if float(weights.min()) < 0 or float(weights.max()) == 0:
        raise InvalidInput(
            f"{public_caller()}: weights run from {float(weights.min()):g} to "
            f"{float(weights.max()):g}; expected none below 0 and at least one above."
        )
    return weights


def directions(x: Any, name: str) -> Any:
    """Rows of length one; a row that has no direction is refused."""
    xp = get_xp(x)
    # `unit` leaves rows of zeros as they are; all others have a square of 1 now.
    x = unit(x)
    lost = xp.nonzero((x * x).sum(axis=1) < 0.5)[0]
    if lost.size:
        raise InvalidInput(
            f"{public_caller()}: {name} has {lost.size} rows of length zero, the first at "
            f"{int(lost[0])}; they have no direction. Drop them, or pass spherical=False."
        )
    return x


def relative(codebook: Any) -> tuple[Any, Any]:
    r"""The codes seen from one of them, $c_k - o$, and what (1) then subtracts.

    $x \cdot c_k - |c_k|^2/2$ and $x \cdot (c_k - o) - (|c_k|^2 - |o|^2)/2$ differ by what is the
    same for all codes. The origin is one of the codes, so that nothing is rounded which was exact.
    """
    xp = get_xp(codebook)
    # Far from 0, |c|² has no digits left in float32 for what codes differ in.
    exact = codebook.astype(xp.float64)
    squares = xp.einsum("kd,kd->k", exact, exact)  # (n_codes,)
    origin = int((squares - 2 * (exact @ exact.mean(axis=0))).argmin())  # the nearest to the mean
    half = (squares - squares[origin]) / 2  # (n_codes,), 0 for the origin
    return codebook - codebook[origin], half.astype(codebook.dtype)
