"""Padded batches, as encoders give them, without their padding."""

from typing import Any

from tokenlab.arguments import takes
from tokenlab.numerics import offsets_of

__all__: list[str] = []


@takes(array="n_docs n d", mask="n_docs n bool")
def unpadded(array: Any, mask: Any) -> tuple[Any, Any]:
    """The rows where the mask is True, one behind the other, and where each document begins."""
    lengths = mask.sum(axis=1)  # (n_docs,)
    return array[mask], offsets_of(lengths)  # (n_tokens, d), (n_docs + 1,)
