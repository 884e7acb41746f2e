"""What every output layer takes: hidden states `(n, d)`, and tokens or distributions for them."""

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arrays import shared_library
from tokenlab.errors import InvalidInput, ShapeError, public_caller

__all__: list[str] = []

BLOCK = 1 << 22  # logits held at once where a head works through its rows in blocks
FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def checked_hidden(head: Any, hidden: Any) -> Any:
    """`hidden` as a finite float matrix `(n, d)` of the head's library and width."""
    # Any parameter tells the library; its name is what the reader of an error knows.
    name, own = next(iter(head.parameters.items()))
    if _needs_nothing(hidden, own, head.d):
        return hidden
    xp = shared_library([hidden, own], ["hidden", name])
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


def checked_target(
    head: Any, name: str, target: Any, hidden: Any, wide: tuple[str, int] | None = None
) -> Any:
    """Token ids `(n,)` for the rows of `hidden`; or, with a width, probabilities `(n, width)`."""
    xp = shared_library([target, hidden], [name, "hidden"])
    return labels_or_shares(name, target, xp, len(hidden), ("vocab", head.vocab), wide)


def labels_or_shares(
    name: str, target: Any, xp: Any, n: int, classes: tuple[str, int], wide: Any = None
) -> Any:
    """The right class of each row, `(n,)`; or, with a width, a number for each, `(n, width)`."""
    x = checks.array(target, name, xp)  # (n,), or (n, width)
    # The number of axes says which of the two it is.
    if not wide or x.ndim != 2:
        return checks.labels(x, name, xp, n=n, limit=classes[1], axis=classes[0])
    x = checks.finite(checks.floats(x, name, xp), name, xp)
    if x.shape != (n, wide[1]):
        expected = f"(n, {wide[0]}) = {(n, wide[1])}, one distribution for each row"
        raise ShapeError(f"{public_caller()}: {name} is {x.shape}; expected {expected}.")
    return x


def checked_cutoffs(cutoffs: Any, vocab: int | None = None) -> list[int]:
    """Where the tails begin: whole numbers that rise, all of them below the vocabulary."""
    starts = [checks.whole(c, "cutoffs") for c in checks.sequence(cutoffs, "cutoffs")]
    if not starts or any(later <= start for start, later in pairwise(starts)):
        raise InvalidInput(
            f"{public_caller()}: cutoffs is {starts}; expected at least one number, and each "
            "larger than the one before: where the tails begin, such as sorted(set(cutoffs))."
        )
    # Others list the vocabulary as the last cutoff.
    if vocab is not None and starts[-1] >= vocab:
        raise InvalidInput(
            f"{public_caller()}: cutoffs is {starts}, but vocab is {vocab}; expected numbers below "
            "it. The last tail ends at the vocabulary by itself, so leave that out."
        )
    return starts


def checked_tails(tails: Any) -> list[tuple[Any, Any]]:
    """Pairs of matrices."""
    pairs = [tuple(checks.sequence(tail, "tails")) for tail in checks.sequence(tails, "tails")]
    for i, pair in enumerate(pairs):  # None stands for a tail that is not narrowed
        if len(pair) != 2:
            raise InvalidInput(
                f"{public_caller()}: tails[{i}] has {len(pair)} entries; expected two, (down, up)."
            )
    return [(down, up) for down, up in pairs]  # (d_i, d) and (size_i, d_i)


def row_blocks(head: Any, hidden: Any) -> Iterator[Any]:
    """Rows of `hidden`, as many at a time as keep all logits below `BLOCK`."""
    rows = max(1, BLOCK // head.vocab)  # at least one, however large the vocabulary
    # No rows still give one block, of which every method makes an empty result.
    return (hidden[first : first + rows] for first in range(0, max(1, len(hidden)), rows))
