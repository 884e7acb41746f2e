"""What every attention takes: tokens `(..., n, d)` with any leading axes, and a mask of them."""

import math
from collections.abc import Iterator
from typing import Any

from tokenlab import checks
from tokenlab.arrays import block_size, get_xp
from tokenlab.errors import InvalidInput, ShapeError, public_caller

__all__: list[str] = []

BLOCK_BYTES = 1 << 20  # of one block of a thin matrix: it stays in the cache between two loops


def tokens(x: Any, name: str, rows: str, xp: Any) -> Any:
    """Return `x` as a finite float array `(..., rows, d)` with at least one row and column."""
    x = checks.floats(x, name, xp)
    if x.ndim < 2 or x.shape[-2] < 1 or x.shape[-1] < 1:
        raise ShapeError(
            f"{public_caller()}: {name} is {x.shape}; expected (..., {rows}, d) with {rows} >= 1 "
            "and d >= 1." + (" For a single vector pass x[None, :]." if x.ndim == 1 else "")
        )
    return checks.finite(x, name, xp)


def same_leading(**arrays: Any) -> None:
    """Raise `ShapeError` unless all arrays have the same axes before the last two."""
    first, *others = arrays.items()
    for name, x in others:
        if x.shape[:-2] != first[1].shape[:-2]:
            raise ShapeError(
                f"{public_caller()}: {first[0]} is {first[1].shape} and {name} is {x.shape}; "
                "expected the same leading axes. Repeat what is shared with numpy.broadcast_to."
            )


def same_length(a: Any, a_name: str, b: Any, b_name: str, axis: int, symbol: str) -> None:
    """Raise `ShapeError` unless two arrays agree in one axis."""
    if a.shape[axis] != b.shape[axis]:
        raise ShapeError(
            f"{public_caller()}: {a_name} is {a.shape}, so {symbol} = {a.shape[axis]}, but "
            f"{b_name} is {b.shape} with {symbol} = {b.shape[axis]}; expected the same {symbol}."
        )


def attention_inputs(q: Any, k: Any, v: Any) -> tuple[Any, Any, Any]:
    """Queries `(..., n_q, d)`, keys `(..., n, d)`, values `(..., n, d_v)`, in one precision."""
    xp = get_xp(q, k, v)
    q, k, v = tokens(q, "q", "n_q", xp), tokens(k, "k", "n", xp), tokens(v, "v", "n", xp)
    same_leading(q=q, k=k, v=v)
    same_length(q, "q", k, "k", -1, "d")
    same_length(k, "k", v, "v", -2, "n")
    return in_one_precision(xp, q, k, v)


def in_one_precision(xp: Any, *arrays: Any) -> Any:
    """The arrays in the widest floating type among them."""
    dtype = xp.result_type(*arrays)
    return tuple(x.astype(dtype, copy=False) for x in arrays)


def token_mask(mask: Any, shape: tuple[int, ...], xp: Any) -> Any:
    """Return `mask` as booleans of the tokens' `shape`, or say what else it looks like."""
    mask, n = xp.asarray(mask), shape[-1]
    if mask.dtype != bool:
        raise InvalidInput(
            f"{public_caller()}: mask has dtype {mask.dtype}; expected booleans, True for a token "
            "that counts. Convert it with mask != 0."
        )
    if mask.shape != shape:
        pairs = mask.ndim >= 2 and mask.shape[-2:] == (n, n)
        raise ShapeError(
            f"{public_caller()}: mask is {mask.shape}; expected {shape}, one entry per token."
            + (f" A mask of pairs, such as a causal one, is refused: {NOT_CAUSAL}" if pairs else "")
        )
    if not bool(mask.any(axis=-1).all()):
        raise InvalidInput(f"{public_caller()}: mask leaves no token in some sequence.")
    return mask


def masked_tokens(x: Any, mask: Any, name: str) -> tuple[Any, Any]:
    """Tokens with zeros where the mask is False, whatever stood there, and the checked mask."""
    if mask is None:
        return tokens(x, name, "n", get_xp(x)), None
    xp = get_xp(x, mask)
    x = checks.floats(x, name, xp)
    mask = token_mask(mask, x.shape[:-1], xp)
    return tokens(xp.where(mask[..., None], x, xp.zeros_like(x)), name, "n", xp), mask


def soft_inputs(q: Any, v: Any, landmarks: Any, mask: Any, causal: bool) -> tuple[Any, ...]:
    """Tokens `(..., n, d)`, values `(..., n, d_v)` and landmarks `(..., m, d)`; and the mask."""
    if causal:
        raise InvalidInput(f"{public_caller()}: causal attention is refused: {NOT_CAUSAL}")
    xp = get_xp(q, v, landmarks)
    (q, checked), (v, _) = masked_tokens(q, mask, "q"), masked_tokens(v, mask, "v")
    landmarks = tokens(landmarks, "landmarks", "m", xp)
    same_leading(q=q, v=v, landmarks=landmarks)
    same_length(q, "q", v, "v", -2, "n")
    same_length(q, "q", landmarks, "landmarks", -1, "d")
    return *in_one_precision(xp, q, v, landmarks), checked


NOT_CAUSAL = (
    "every token is seen through the landmarks and through the inverse of their kernel, and both "
    "mix tokens of the whole sequence, so the future would leak into every output. Use "
    "tokenlab.attention.softmax_attention(..., causal=True)."
)


def row_blocks(x: Any, columns: int) -> Iterator[slice]:
    """Cut the tokens `x (..., n, d)` so that a block with that many columns fits a cache."""
    n = x.shape[-2]
    bytes_per_row = x.dtype.itemsize * columns * max(1, math.prod(x.shape[:-2]))
    rows = max(64, block_size(BLOCK_BYTES, x) // bytes_per_row)
    for first in range(0, n, rows):
        yield slice(first, min(first + rows, n))
