r"""The `pre_tokenizer` of a tokenizer.json: stages that cut a text, one after the other.

    stages({"type": "Digits", "individual_digits": True})("a12")     # ['a', '1', '2']

Chunks join to the text, but for a space that `ByteLevel` may put before it. What would take away a
part of the text is refused.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from tokenlab.errors import InvalidInput, public_caller

__all__: list[str] = []

Splitter = Callable[[str], list[str]]
ASCII_PUNCTUATION = r"!-/:-@\[-`{-~"


def stages(spec: Any) -> Splitter:
    """A function from a text to its chunks, for the `pre_tokenizer` of a tokenizer.json."""
    steps = [stage(part) for part in parts_of(spec)]

    def split(text: str) -> list[str]:
        chunks = [text] if text else []
        for step in steps:
            # each stage cuts what the one before left whole
            chunks = [piece for chunk in chunks for piece in step(chunk)]
        return chunks

    return split


def parts_of(spec: Any) -> list[Mapping[str, Any]]:
    """The stages in order, sequences within sequences laid flat; null is none."""
    if spec is None:  # no cuts at all
        return []
    if not isinstance(spec, Mapping) or not isinstance(spec.get("type"), str):
        raise InvalidInput(
            f"{public_caller()}: pre_tokenizer, the split, is {spec!r}; expected a 'type'."
        )
    if spec["type"] != "Sequence":
        return [spec]
    return [part for inner in spec.get("pretokenizers", ()) for part in parts_of(inner)]


def stage(spec: Mapping[str, Any]) -> Splitter:
    """One stage, a function from a chunk to smaller ones."""
    kind = spec["type"]
    if kind == "ByteLevel":  # both flags are true where the file does not say
        return byte_level(spec.get("add_prefix_space", True), spec.get("use_regex", True))
    if kind == "Digits":  # each by itself, or runs of them
        return cutting(r"\p{N}", "Isolated" if spec.get("individual_digits") else "Contiguous")
    if kind == "Punctuation":
        return cutting(rf"[{ASCII_PUNCTUATION}\p{{P}}]", spec.get("behavior", "Isolated"))
    if kind == "Split":
        pattern = spec.get("pattern")
        if isinstance(pattern, Mapping):  # {"Regex": "\\s+"} or {"String": " "}
            pattern = pattern.get("Regex") or re.escape(pattern.get("String") or "")
        if not isinstance(pattern, str) or not pattern:
            raise InvalidInput(f"{public_caller()}: pre_tokenizer Split has no pattern: {spec!r}.")
        return cutting(pattern, spec.get("behavior", "Isolated"), bool(spec.get("invert", False)))
    raise InvalidInput(
        f"{public_caller()}: pre_tokenizer {kind!r} is unknown here; expected ByteLevel, Digits, "
        "Punctuation, Split, or a Sequence of them, which keep the whole text."
    )


def byte_level(prefix: bool, cut: bool) -> Splitter:
    """A space before what begins with none, then GPT-2's cuts."""
    from tokenlab.tokenizers.split import splitter

    split = splitter("gpt2") if cut else lambda text: [text]
    return lambda text: split(" " + text if prefix and not text.startswith(" ") else text)


def cutting(pattern: str, behavior: str, invert: bool = False) -> Splitter:
    """Cut at the matches of a pattern, or with `invert` at what lies between them."""
    from tokenlab.tokenizers.split import compiled

    rule = compiled(pattern)  # raises for what is no pattern
    if behavior not in JOINS:
        raise InvalidInput(
            f"{public_caller()}: behavior is {behavior!r}; expected one of {', '.join(JOINS)}."
        )

    def split(text: str) -> list[str]:
        # inverted, matches are what lies between
        pieces = [(chunk, found is not invert) for chunk, found in matches(rule, text)]
        return JOINS[behavior](pieces)

    return split


def matches(rule: re.Pattern[str], text: str) -> list[tuple[str, bool]]:
    """All of the text in pieces, and whether each is a match."""
    from tokenlab.tokenizers.split import below_astral

    plain = text if text.isascii() else below_astral(text)
    pieces, end = [], 0
    for match in rule.finditer(plain):
        start, stop = match.span()  # of the stand-in, and of the text
        pieces += [(text[end:start], False), (text[start:stop], True)]
        end = stop
    return [piece for piece in (*pieces, (text[end:], False)) if piece[0]]


Pieces = list[tuple[str, bool]]


def isolated(pieces: Pieces) -> list[str]:
    """Matches and what lies between them, each by itself."""
    return [piece for piece, _ in pieces]


def removed(pieces: Pieces) -> list[str]:
    """Nothing may be lost: this is for patterns that match, inverted, all of a text."""
    lost = [piece for piece, found in pieces if found]  # what the pattern is there to remove
    if lost:
        raise InvalidInput(
            f"{public_caller()}: text has {lost[0]!r}, which this tokenizer's pre_tokenizer removes; "
            "bytes never vanish here."
        )
    return isolated(pieces)


def contiguous(pieces: Pieces) -> list[str]:
    """Matches side by side are one chunk."""
    chunks: list[str] = []
    before = None  # neither a match nor none
    for piece, found in pieces:
        if found is before:  # goes on as the last piece did
            chunks[-1] += piece
        else:
            chunks.append(piece)
        before = found
    return chunks


def with_previous(pieces: Pieces) -> list[str]:
    """A match goes to what stands before it, unless that is a match, too."""
    chunks: list[str] = []
    before = False
    for piece, found in pieces:
        if found and not before and chunks:  # not after a match
            chunks[-1] += piece
        else:
            chunks.append(piece)
        before = found
    return chunks


def with_next(pieces: Pieces) -> list[str]:
    """A match goes to what stands behind it, unless that is a match, too."""
    chunks: list[str] = []
    behind = False
    for piece, found in reversed(pieces):  # from the right, where its chunk is known
        if found and not behind and chunks:
            chunks[-1] = piece + chunks[-1]
        else:
            chunks.append(piece)
        behind = found
    return chunks[::-1]  # in the order of the text again


# By the names that a tokenizer.json has for them.
JOINS: dict[str, Callable[[Pieces], list[str]]] = {
    "Isolated": isolated,
    "Removed": removed,
    "Contiguous": contiguous,
    "MergedWithPrevious": with_previous,
    "MergedWithNext": with_next,
}
