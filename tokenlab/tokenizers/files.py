"""Tokenizers in files: tiktoken's form, and what it loses beside it."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenlab.errors import InvalidInput, StorageError, public_caller
from tokenlab.tokenizers.merging import queued

__all__: list[str] = []

Pair = tuple[int, int]


def write(tokenizer: Any, path: str | Path) -> Path:
    """Write tiktoken's form, and beside it what that loses: splitter and special tokens."""
    path = Path(path)
    if callable(tokenizer.split):
        raise InvalidInput("BPE.save: the splitter is a function, which no file can hold.")
    # these are no ranks: they stand in the second file
    names = {*tokenizer.special.values(), *tokenizer.added.values()}
    lines = [
        base64.b64encode(token).decode() + f" {i}\n"
        for i, token in enumerate(tokenizer.tokens)
        if i not in names
    ]
    fields = ("split", "special", "added", "whole_chunks", "normalize", "letters")
    # what tiktoken's form has no place for
    rest = {name: getattr(tokenizer, name) for name in fields}
    rest["merges"] = tokenizer.merges.tolist()  # with them nothing has to be found again from ranks
    path.write_text("".join(lines), encoding="ascii")
    path.with_name(path.name + ".json").write_text(json.dumps(rest), encoding="utf-8")
    return path


def read(path: str | Path) -> tuple[list[bytes], Any, dict[str, Any]]:
    """Tokens, merges and the other arguments of `BPE`, from what `write` wrote."""
    path = Path(path)
    try:
        rest = json.loads(path.with_name(path.name + ".json").read_text(encoding="utf-8"))
        by_id = {i: token for token, i in read_ranks(path).items()}
        # names take the ids that the ranks leave free
        by_id |= {i: name.encode() for name, i in (rest["special"] | rest["added"]).items()}
        return [by_id[i] for i in range(len(by_id))], rest.pop("merges"), rest
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise StorageError(f"BPE.load: {path} is not what BPE.save wrote ({error}).") from None


def read_ranks(path: Path) -> dict[bytes, int]:
    """Tokens and ids from a file of tiktoken's form."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()
        pairs = [line.split() for line in lines if line]  # token in base64, rank
        return {base64.b64decode(token, validate=True): int(i) for token, i in pairs}
    except (OSError, ValueError) as error:
        raise StorageError(f"{public_caller()}: {path} is no file of ranks ({error}).") from None


def merges_of(table: Mapping[bytes, int]) -> list[Pair]:
    """The two parts of each token: what its bytes encode to with smaller ranks alone."""
    merges: list[Pair] = []
    rank: dict[Pair, tuple[int, int]] = {}  # merges found so far: place in line, token
    # smaller ranks first: they are the parts
    for token, i in sorted(table.items(), key=lambda item: item[1]):
        if len(token) < 2:  # a byte has no parts
            continue
        missing = [byte for byte in token if bytes([byte]) not in table]
        if missing:
            raise InvalidInput(
                f"{public_caller()}: ranks has {token!r}, but not its byte 0x{missing[0]:02X}."
            )
        parts = queued([table[bytes([byte])] for byte in token], rank)
        if len(parts) == 2:  # others are reached as whole chunks alone
            pair = parts[0], parts[1]
            rank[pair] = len(merges), i
            merges.append(pair)
    return merges


def by_id(table: Mapping[bytes, int], special: Mapping[str, int]) -> list[bytes]:
    """All tokens in the order of their ids, special ones included."""
    for token, i in table.items():
        if not isinstance(token, bytes) or not token or isinstance(i, bool | float):
            raise InvalidInput(
                f"{public_caller()}: ranks has {token!r}: {i!r}; expected bytes, not empty, and an "
                "integer."
            )
    found = {i: token for token, i in table.items()}
    found |= {i: name.encode() for name, i in special.items()}
    # one id twice, or one between that nobody has
    if len(found) != len(table) + len(special) or set(found) != set(range(len(found))):
        raise InvalidInput(
            f"{public_caller()}: ranks has holes, or an id twice; expected each id from 0 to "
            f"{len(found) - 1} once, special tokens included."
        )
    return [found[i] for i in range(len(found))]
