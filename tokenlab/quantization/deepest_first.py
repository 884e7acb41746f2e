r"""Residual codes of which the deepest are masked first: what is seen, and what it leaves to predict.

$$z_i = \sum_j E_j[x_{ij}]\,(1 - m_{ij}), \quad m_{ij} = 1 \text{ where seen} \qquad (3)$$

A position that hides $k$ of its $D$ codes shows the first $D - k$. Eq. (3) is that of
`quantization.resgen`, which hands these functions on.
"""

from typing import Any

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.quantization.codebook import known_codes

__all__ = ["masked_target", "visible_embedding", "visible_mask"]


@takes(counts="... n int")
def visible_mask(counts: Any, depth: int) -> Any:
    """Which codes are seen when so many of each position are masked, the deepest first.

    Parameters
    ----------
    counts : ndarray of shape (..., n)
        Masked codes of each position, 0 to `depth`.
    depth : int

    Returns
    -------
    ndarray of shape (..., n, depth)
        bool.

    Examples
    --------
    >>> visible_mask([0, 1, 2], 2).tolist()
    [[True, True], [True, False], [False, False]]
    """
    depth = checks.count(depth, "depth")
    if int(counts.min()) < 0 or int(counts.max()) > depth:
        raise InvalidInput(
            f"{public_caller()}: counts run from {int(counts.min())} to {int(counts.max())}; "
            f"expected 0 to {depth} = depth."
        )
    # Seen are the stages before the last `counts`.
    return get_xp(counts).arange(depth) < depth - counts[..., None]  # (..., n, depth)


@takes(codes="... n depth int", codebooks="depth n_codes d", visible="... n depth bool")
def visible_embedding(codes: Any, codebooks: Any, visible: Any) -> Any:
    """The sum of the codes that are seen: what the model gets.

    Parameters
    ----------
    codes : ndarray of shape (..., n, depth)
        What is masked may be -1.
    codebooks : ndarray of shape (depth, n_codes, d)
    visible : ndarray of shape (..., n, depth)
        bool, from the first stage on: no stage is seen below one that is masked.

    Returns
    -------
    ndarray of shape (..., n, d)

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        A code that is seen is out of range, or stands below a masked one.

    Examples
    --------
    >>> codebooks = [[[1.0], [2.0]], [[0.1], [0.2]]]
    >>> visible_embedding([[1, 1], [1, -1]], codebooks, [[True, True], [True, False]]).tolist()
    [[2.2], [2.0]]
    """
    return _sum_of(codes, codebooks, _from_the_first(visible))


@takes(codes="... n depth int", codebooks="depth n_codes d", visible="... n depth bool")
def masked_target(codes: Any, codebooks: Any, visible: Any) -> Any:
    """The sum of the codes that are masked, Eq. (3): what the model predicts.

    Parameters
    ----------
    codes : ndarray of shape (..., n, depth)
    codebooks : ndarray of shape (depth, n_codes, d)
    visible : ndarray of shape (..., n, depth)

    Returns
    -------
    ndarray of shape (..., n, d)
        With `visible_embedding` it adds up to the decoded codes.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        As in `visible_embedding`, for the codes that are masked.

    Examples
    --------
    >>> codebooks = [[[1.0], [2.0]], [[0.1], [0.2]]]
    >>> masked_target([[1, 1], [1, 0]], codebooks, [[True, True], [True, False]]).tolist()
    [[0.0], [0.1]]
    """
    return _sum_of(codes, codebooks, ~_from_the_first(visible))


def _sum_of(codes: Any, codebooks: Any, counted: Any) -> Any:
    """The sum over the stages of the codes that count."""
    xp = get_xp(codes, codebooks)
    codes = xp.where(counted, codes, 0)  # what does not count may be -1
    known_codes(codes, codebooks.shape[1])
    each = codebooks[xp.arange(codes.shape[-1]), codes]  # (..., n, depth, d)
    return (each * counted[..., None]).sum(axis=-2)  # (..., n, d) Eq. (3)


def _from_the_first(visible: Any) -> Any:
    """Raise where a stage is seen below one that is masked."""
    if bool((visible[..., 1:] & ~visible[..., :-1]).any()):
        raise InvalidInput(
            f"{public_caller()}: visible has a stage that is seen below one that is masked; "
            "expected the deepest stages masked first. visible_mask makes such a mask."
        )
    return visible
