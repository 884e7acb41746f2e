"""The distinct chunks of a text, and where each of them stands: a word is encoded only once."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tokenlab.arrays import to_numpy
from tokenlab.engine import accelerated
from tokenlab.steps import is_recording
from tokenlab.tokenizers.merging import twins_run
from tokenlab.tokenizers.split import PATTERNS, splitter

__all__: list[str] = []

BLOCK = 1 << 16  # chunks at a time, so that places take little memory


class Pieces(NamedTuple):
    """The ids of several chunks, and which of them are whose."""

    ids: Any  # (n,) int64
    starts: Any  # (n_chunks,) where those of a chunk begin
    sizes: Any  # (n_chunks,) how many they are


def distinct(text: str, split: Any, cut: Callable[[str], list[str]]) -> tuple[list[str], Any]:
    """The chunks of a text, each once, and for each place which one stands there.

    Examples
    --------
    >>> chunks, owner = distinct("to be or not to be", "whitespace", splitter("whitespace"))
    >>> chunks, owner.tolist()
    (['to', ' be', ' or', ' not', ' to'], [0, 1, 2, 3, 4, 1])
    """
    known_rule = isinstance(split, str) and split in PATTERNS
    if known_rule and twins_run(len(text)) and not is_recording():
        try:
            codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)  # (n_chars,)
        except UnicodeEncodeError:  # bytes that are no UTF-8 stand in it
            pass
        else:
            starts, ends, owner = distinct_chunks(codes, split)
            pairs = zip(starts.tolist(), ends.tolist(), strict=True)
            return [text[a:b] for a, b in pairs], owner
    number: dict[str, int] = {}  # chunk -> its place among the distinct ones
    owners = [number.setdefault(chunk, len(number)) for chunk in cut(text)]
    return list(number), np.array(owners, dtype=np.int32)


@accelerated("tokenizers_cut.distinct_chunks", work=lambda codes, *_: len(codes), pays_from=100)
def distinct_chunks(codes: Any, rule: str) -> tuple[Any, Any, Any]:
    """Where each distinct chunk stands first, `(n_distinct,)` twice, and which each chunk is."""
    text = to_numpy(codes).astype("<u4").tobytes().decode("utf-32-le")
    number: dict[str, int] = {}
    starts, ends, owner, place = [], [], [], 0
    for chunk in splitter(rule)(text):
        if chunk not in number:
            number[chunk] = len(number)
            starts.append(place)
            ends.append(place + len(chunk))
        owner.append(number[chunk])
        place += len(chunk)
    return (
        np.array(starts, dtype=np.int64),  # (n_distinct,) in characters
        np.array(ends, dtype=np.int64),
        np.array(owner, dtype=np.int32),  # (n_chunks,)
    )


def spread(ids: Any, starts: Any, sizes: Any, owner: Any) -> Any:
    """The ids of all chunks, given those of the distinct ones: `ids[starts[c]:][:sizes[c]]` each.

    Examples
    --------
    >>> spread(np.array([7, 8, 9]), np.array([0, 2]), np.array([2, 1]), np.array([1, 0, 0])).tolist()
    [9, 7, 8, 7, 8]
    """
    if len(owner) == 1:
        return ids[starts[0] : starts[0] + sizes[0]]
    out = np.empty(int(sizes[owner].sum()), dtype=np.int64)  # (n,)
    filled = 0
    for first in range(0, len(owner), BLOCK):
        which = owner[first : first + BLOCK]
        size = sizes[which]  # (n_block,) ids of each chunk
        ends = np.cumsum(size)
        # from places in the block to places in `ids`
        places = np.arange(ends[-1]) + np.repeat(starts[which] - (ends - size), size)
        out[filled : filled + ends[-1]] = ids[places]
        filled += int(ends[-1])
    return out
