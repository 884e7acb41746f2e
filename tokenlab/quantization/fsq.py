r"""Finite Scalar Quantization: VQ-VAE Made Simple.

Fabian Mentzer, David Minnen, Eirikur Agustsson, Michael Tschannen. ICLR 2024. arXiv:2309.15505

A codebook that is learned may die. FSQ has none: each of a few channels is squashed into a range
and rounded to one of $L_i$ numbers, and the grid of all of them is the codebook. The product of
the $L_i$ is its size.

| paper's symbol | name here | shape |
|---|---|---|
| $z$ | `z` | `(..., d)` |
| $L_1 \dots L_d$ | `levels` | `(d,)` |
| $f(z)$ | `bound` | `(..., d)` |
| $\hat z$, from -1 to 1 | `decode` | `(..., d)` |
| its number | `codes` | `(...)` |

Appendix A.1 (`variant="paper"`) and a form that is odd in $z$ ("symmetric"):

$$f(z_i) = h_i \tanh(z_i + s_i) - o_i, \quad h_i = (L_i - 1)(1 - 10^{-3}) / 2, \quad
o_i = \tfrac12 [L_i \text{ even}], \quad s_i = \tan(o_i / h_i) \qquad (\text{paper})$$
$$f(z_i) = (L_i - 1)(\tanh z_i + 1) / 2 \qquad (\text{symmetric})$$
$$\text{code} = \sum_i \text{digit}_i \prod_{j < i} L_j \qquad (\text{number})$$

Example
-------
    codes = encode(z, [8, 5, 5, 5])
    near = decode(codes, [8, 5, 5, 5])
"""

import math
from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.quantization.codebook import known_codes
from tokenlab.steps import step

__all__ = ["bound", "decode", "encode"]

VARIANTS = ("paper", "symmetric")


@takes(z="... d", levels="d int")
def bound(z: Any, levels: Any, *, variant: str = "paper") -> Any:
    """Channels squashed into the range that is rounded, $f(z)$.

    Parameters
    ----------
    z : ndarray of shape (..., d)
    levels : ndarray of shape (d,)
        Integers of at least 2; 3 for the paper's form, which is undefined for 2.
    variant : "paper" or "symmetric"

    Returns
    -------
    ndarray of shape (..., d)
        Around 0 in the paper's form, from 0 to `levels - 1` in the symmetric one.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        Levels below 2, or 2 in the paper's form; more than $2^{63}$ codes.

    Examples
    --------
    >>> bound([[0.0, 9.0]], [3, 3], variant="symmetric").round(3).tolist()
    [[1.0, 2.0]]
    """
    xp = get_xp(z)
    sizes = checked_levels(levels, variant)
    if variant == "symmetric":
        most = xp.asarray([L - 1.0 for L in sizes]).astype(z.dtype)
        return (xp.tanh(z) + 1) * (most / 2)  # (symmetric)
    half = [(L - 1) * (1 - 1e-3) / 2 for L in sizes]
    offset = [0.5 if L % 2 == 0 else 0.0 for L in sizes]
    # tan as in the listing; what moves z = 0 to the middle of its cell would be atanh.
    shift = [math.tan(o / h) for o, h in zip(offset, half, strict=True)]
    h, o, s = (xp.asarray(row).astype(z.dtype) for row in (half, offset, shift))  # each (d,)
    return xp.tanh(z + s) * h - o  # (paper)


@takes(z="... d", levels="d int")
def encode(z: Any, levels: Any, *, variant: str = "paper") -> Any:
    """The number of the grid point of each row.

    Parameters
    ----------
    z : ndarray of shape (..., d)
    levels : ndarray of shape (d,)
    variant : "paper" or "symmetric"
        The paper's form rounds halves to even, the symmetric one up.

    Returns
    -------
    ndarray of shape (...)
        int64, from 0 to the product of the levels less one; the first channel counts lowest.

    Examples
    --------
    >>> encode([[0.0, 0.0], [-9.0, 9.0]], [3, 5]).tolist()
    [7, 12]
    """
    xp = get_xp(z)
    sizes = checked_levels(levels, variant)
    bounded = step(bound(z, levels, variant=variant))  # (..., d) [f(z)] squashed
    if variant == "symmetric":
        digits = xp.floor(bounded + 0.5)  # halves up
    else:
        # From around 0 to digits from 0 on.
        digits = xp.round(bounded) + xp.asarray([L // 2 for L in sizes])
    digits = step(digits.astype(xp.int64))  # (..., d) the place along each channel
    codes = step((digits * places(sizes, xp)).sum(axis=-1))  # [number] the grid point as one
    return codes


@takes(codes="... int", levels="d int")
def decode(codes: Any, levels: Any, *, variant: str = "paper") -> Any:
    """The grid points of the numbers.

    Parameters
    ----------
    codes : ndarray of shape (...)
    levels : ndarray of shape (d,)
    variant : "paper" or "symmetric"
        Which values an even number of levels has: -1 and up to one step below 1, or -1 to 1.

    Returns
    -------
    ndarray of shape (..., d)
        float64.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        A code is below 0 or not below the product of the levels.

    Examples
    --------
    >>> decode([7, 12], [3, 5]).tolist()
    [[0.0, 0.0], [-1.0, 1.0]]
    """
    xp = get_xp(codes)
    sizes = checked_levels(levels, variant)
    n_codes = math.prod(sizes)
    known_codes(codes, n_codes)
    digits = codes[..., None] // places(sizes, xp) % xp.asarray(sizes)  # (..., d)
    if variant == "symmetric":
        return 2 * digits / xp.asarray([L - 1.0 for L in sizes]) - 1
    half = xp.asarray([L // 2 for L in sizes])
    return (digits - half) / half  # the listing divides by L // 2


def places(sizes: list[int], xp: Any) -> Any:
    """What a step along each channel adds to the number: the product of the levels before."""
    return xp.asarray([math.prod(sizes[:i]) for i in range(len(sizes))])


def checked_levels(levels: Any, variant: str) -> list[int]:
    """The levels as Python numbers, whose product may be large."""
    checks.choice(variant, "variant", VARIANTS)
    sizes = [int(L) for L in levels]
    least = 3 if variant == "paper" else 2
    if min(sizes) < least:
        why = ' Of two, take variant="symmetric".' if min(sizes) == 2 else ""
        raise InvalidInput(
            f"{public_caller()}: levels has {min(sizes)}; expected at least {least}.{why}"
        )
    if math.prod(sizes) > np.iinfo(np.int64).max:
        raise InvalidInput(
            f"{public_caller()}: levels has a product of {math.prod(sizes)}; expected at most "
            "2**63 - 1 codes, what int64 holds. Take fewer channels or levels."
        )
    return sizes


NOTES = r"""
Differs from the paper
----------------------
- `bound` follows the listing in appendix A.1, with its `tan`. The inverse of tanh is atanh: at
  $L = 4$ the listing maps $z = 0$ to $-0.00043$ and not to 0, which changes hardly any code.
- With two levels $h < 1/2$: no shift puts the border at 0, and the listing has it at $z = -1.56$.
  That is refused; the symmetric form has two levels.
- The encoder and the straight-through gradient of the paper are not here: `bound` can be
  differentiated as it stands, rounding has no derivative.

Cost
----
A few operations for each number. No table of codes is made.
"""
