"""Texts and bytes: what goes into a tokenizer, and what stands for bytes that are no UTF-8."""

import functools
import re
from collections.abc import Iterable, Sequence
from typing import Any

from tokenlab.errors import DTypeError, InvalidInput, public_caller

__all__: list[str] = []


def byte_order(alphabet: str) -> list[int]:
    """All bytes in the order of their ids; GPT-2 begins with those that print."""
    prints = [*range(33, 127), *range(161, 173), *range(174, 256)]  # what GPT-2 writes as itself
    others = [byte for byte in range(256) if byte not in prints]
    # the id of a byte is its place here
    return prints + others if alphabet == "gpt2" else list(range(256))


def checked_text(text: Any) -> str:
    """A text as str; bytes that are no UTF-8 become lone surrogates, which texts may not hold."""
    if isinstance(text, bytes | bytearray):
        return bytes(text).decode(errors="surrogateescape")
    if not isinstance(text, str):
        raise DTypeError(
            f"{public_caller()}: text is a {type(text).__name__}; expected a str, or bytes."
        )
    if not text.isascii():  # surrogates are never ASCII: most texts need no search
        lone = re.search("[\ud800-\udfff]", text)  # half a character
        if lone:
            raise InvalidInput(
                f"{public_caller()}: text has a lone surrogate, U+{ord(lone[0]):04X}, at "
                f"{lone.start()}, which is no character. Read the file with its own encoding."
            )
    return text


def as_bytes(chunk: str) -> bytes:
    """UTF-8; what stood for other bytes becomes these again."""
    return chunk.encode(errors="surrogateescape")


def checked_names(special: Any) -> list[str]:
    """The names of special tokens: texts, and none of them empty."""
    names = [special] if isinstance(special, str) else list(special)
    for name in names:
        if not isinstance(name, str) or not name:  # an empty name would stand everywhere
            raise InvalidInput(
                f"{public_caller()}: special has the name {name!r}; expected a str, not empty."
            )
    return names


def checked_tokens(tokens: Sequence[bytes]) -> list[bytes]:
    """Tokens as a list; each has at least one byte."""
    found = list(tokens)  # by id
    for i, token in enumerate(found):
        if not isinstance(token, bytes) or not token:
            raise InvalidInput(
                f"{public_caller()}: tokens[{i}] is {token!r}; expected bytes, at least one."
            )
    return found


def owner_of_bytes(text: str, chunks: Iterable[str]) -> list[int]:
    """The character of each byte; -1 - i for a space that was put before character i."""
    owners, place = [], 0
    for chunk in chunks:
        inserted = not text.startswith(chunk, place)
        owners += [-1 - place] * inserted
        for letter in chunk[inserted:]:
            owners += [place] * len(as_bytes(letter))
            place += 1
    return owners


DEEPEST = 40  # groups within groups, of which Python allows few hundreds


@functools.lru_cache(64)
def any_of(names: tuple[str, ...], depth: int = 0) -> str:
    """An expression that finds the longest of some names; what they share is looked at once."""
    if depth == DEEPEST:  # such as a thousand runs of spaces, each the beginning of the next
        longest_first = sorted(names, key=len, reverse=True)
        return f"(?:{'|'.join(map(re.escape, longest_first))})"
    by_head: dict[str, list[str]] = {}  # first character -> what follows it
    for name in names:
        by_head.setdefault(name[:1], []).append(name[1:])
    ends_here = by_head.pop("", None)  # a shorter name that is the beginning of others
    branches = []  # one for each first character
    for head, rests in by_head.items():
        least, most = min(rests), max(rests)  # what these two share, all share
        n = next(
            (i for i, pair in enumerate(zip(least, most, strict=False)) if pair[0] != pair[1]),
            len(least),
        )
        shared = least[:n]
        behind = any_of(tuple(rest[len(shared) :] for rest in rests), depth + 1)
        branches.append(re.escape(head + shared) + behind)
    if not branches:
        return ""
    return f"(?:{'|'.join(branches)})" + ("?" if ends_here else "")
