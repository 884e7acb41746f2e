"""Texts and bytes: what goes into a tokenizer, and what stands for bytes that are no UTF-8."""

import re
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
