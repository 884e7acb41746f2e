"""What every output layer takes: hidden states `(n, d)`, and tokens or distributions for them."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arrays import get_xp
from tokenlab.errors import ShapeError, public_caller

__all__: list[str] = []

BLOCK = 1 << 22  # logits held at once where a head works through its rows in blocks
FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def checked_hidden(head: Any, hidden: Any) -> Any:
    """`hidden` as a finite float matrix `(n, d)` of the head's library and width."""
    name, own = next(iter(head.parameters.items()))
    if _needs_nothing(hidden, own, head.d):
        return hidden
    xp = get_xp(hidden, own)
    hidden = checks.vectors(hidden, "hidden", "n", xp)
    if hidden.shape[1] != head.d:
        raise ShapeError(
            f"{public_caller()}: hidden is {hidden.shape} = (n, d), so d = {hidden.shape[1]}, but "
            f"the head's {name} is {own.shape} with d = {head.d}. Both must come from the same "
            "model."
        )
    return hidden


def _needs_nothing(hidden: Any, own: Any, d: int) -> bool:
    """Whether a state can be used as it came: the checks with messages take longer than a code."""
    return (
        type(hidden) is type(own) is np.ndarray
        and hidden.ndim == 2
        and hidden.shape[1] == d
        and hidden.dtype in FLOATS
        and hidden.flags.c_contiguous
        and math.isfinite(np.vdot(hidden, hidden))  # one that overflows is looked at with care
    )


def checked_target(head: Any, target: Any, hidden: Any, width: int, axis: str) -> Any:
    """Token ids `(n,)`, or probabilities `(n, width)`, for the rows of `hidden`."""
    xp = get_xp(target, hidden)
    x = xp.asarray(target)
    if x.ndim == 2:
        x = checks.finite(checks.floats(x, "target", xp), "target", xp)
        expected: tuple[int, ...] = (len(hidden), width)
    else:
        x = checks.shaped(checks.integers(x, "token", xp), "token", ("n",))
        checks.within(x, "token", head.vocab, "vocab")
        expected = (len(hidden),)
    if x.shape != expected:
        raise ShapeError(
            f"{public_caller()}: the target is {x.shape}; expected {expected}, one "
            f"{'token' if x.ndim == 1 else f'distribution (n, {axis})'} for each of the "
            f"{len(hidden)} rows of hidden."
        )
    return x


def row_blocks(head: Any, hidden: Any) -> Iterator[Any]:
    """Checked rows of `hidden`, as many at a time as keep all logits below `BLOCK`."""
    hidden = checked_hidden(head, hidden)
    rows = max(1, BLOCK // head.vocab)
    return (hidden[first : first + rows] for first in range(0, max(1, len(hidden)), rows))
