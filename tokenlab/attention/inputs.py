"""What every attention takes besides its arrays: a mask, of tokens or of pairs, and one precision.

A token that the mask hides may hold anything, NaN too: it is set to 0 before anybody looks.
"""

from typing import Any

from tokenlab import checks
from tokenlab.arrays import get_xp, shared_library
from tokenlab.errors import InvalidInput, ShapeError, public_caller

__all__: list[str] = []

NOT_CAUSAL = (
    "every token is seen through the landmarks and through the inverse of their kernel, and both "
    "mix tokens of the whole sequence, so the future would leak into every output. Use "
    "tokenlab.attention.softmax_attention(..., causal=True)."
)


def in_one_precision(*arrays: Any) -> tuple[Any, ...]:
    """The arrays in the widest floating type among them."""
    dtype = get_xp(*arrays).result_type(*arrays)  # float64 as soon as one of them is
    return tuple(x.astype(dtype, copy=False) for x in arrays)


def seen(x: Any, mask: Any, name: str) -> Any:
    """Tokens `(..., n, d)` with zeros where the mask `(..., n)` is False; all must be finite."""
    xp = get_xp(x) if mask is None else get_xp(x, mask)
    if mask is not None:
        x = xp.where(mask[..., None], x, xp.zeros_like(x))  # (..., n, d); NaN times 0 were NaN
    return checks.finite(x, name, xp)


def token_mask(mask: Any, x: Any, name: str) -> Any:
    """The mask of the tokens `x (..., n, d)`: booleans `(..., n)`, some True in each sequence."""
    if mask is None:
        return None
    mask, wanted = booleans(mask, x, name), x.shape[:-1]  # (..., n)
    if mask.shape != wanted:
        pairs = mask.ndim >= 2 and mask.shape[-2:] == (wanted[-1], wanted[-1])  # as for softmax
        raise ShapeError(
            f"{public_caller()}: mask is {mask.shape}; expected {wanted}, one entry per "
            f"token of {name}."
            + (f" A mask of pairs, such as a causal one, is refused: {NOT_CAUSAL}" if pairs else "")
        )
    if not bool(mask.any(axis=-1).all()):
        raise InvalidInput(f"{public_caller()}: mask leaves no token in some sequence.")
    return mask


def pair_mask(mask: Any, q: Any, k: Any, causal: bool = False) -> Any:
    """The mask of keys `(..., n)` or of pairs `(..., n_q, n)`; every query must see some key."""
    if mask is None:
        return None
    mask, of_pairs = booleans(mask, k, "k"), (*q.shape[:-1], k.shape[-2])  # (..., n_q, n)
    if mask.shape not in (k.shape[:-1], of_pairs):
        raise ShapeError(
            f"{public_caller()}: mask is {mask.shape}; expected {k.shape[:-1]}, one entry per "
            f"token, or {of_pairs}, one for each query with each key."
        )
    if mask.ndim == q.ndim:  # one axis more than a mask of tokens: of pairs
        past = mask & get_xp(mask).tri(*of_pairs[-2:], dtype=bool) if causal else mask
        blind = ~past.any(axis=-1)  # (..., n_q)
        if bool(blind.any()):
            first = [int(i[0]) for i in get_xp(mask).nonzero(blind)]  # leading axes, query
            raise InvalidInput(
                f"{public_caller()}: mask leaves no key to {int(blind.sum())} queries"
                f"{', since causal is True' * causal}; the first stands at {first}. Let a query "
                "that does not count see itself."
            )
    elif not bool(mask.any(axis=-1).all()):
        raise InvalidInput(f"{public_caller()}: mask leaves no token in some sequence.")
    elif causal and not bool(mask[..., 0].all()):  # query 0 sees key 0 or none
        raise InvalidInput(
            f"{public_caller()}: mask hides token 0 and causal is True, so query 0 sees no key. "
            "Put the padding at the end."
        )
    return mask


def booleans(mask: Any, x: Any, name: str) -> Any:
    """The mask as an array of booleans, in the library of the argument `name`."""
    return checks.booleans(mask, "mask", shared_library([x, mask], [name, "mask"]))
