"""Unicode's normal forms, and which characters of the given text each new one was made of."""

import functools
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tokenlab.errors import InvalidInput, public_caller

__all__: list[str] = []

FORMS = ("NFC", "NFD", "NFKC", "NFKD")


def checked_forms(normalize: Any) -> tuple[str, ...]:
    """One form, several in their order, or none, as a tuple."""
    # one form is a sequence of one
    forms = (normalize,) if isinstance(normalize, str) else tuple(normalize or ())
    for form in forms:
        if form not in FORMS:
            raise InvalidInput(
                f"{public_caller()}: normalize is {form!r}; expected {', '.join(FORMS)}, or None."
            )
    return forms


def normalized(text: str, forms: Sequence[Any]) -> str:
    """The text in one form after the other."""
    for form in forms:
        text = unicodedata.normalize(form, text)
    return text


def origins(text: str, forms: Sequence[str]) -> tuple[str, np.ndarray, np.ndarray]:
    """The normal text, and for each of its characters the first of the given ones and the end."""
    if normalized(text, forms) == text:
        each = np.arange(len(text))  # (n,)
        return text, each, each + 1
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for start, stop in independent(text):
        piece = text[start:stop]
        new = normalized(piece, forms)  # what this stretch becomes by itself
        pieces.append(new)
        # What did not change maps one to one; what did spans all that it was made of.
        same = new == piece
        starts += range(start, stop) if same else [start] * len(new)
        ends += range(start + 1, stop + 1) if same else [stop] * len(new)
    return "".join(pieces), np.array(starts, dtype=np.int64), np.array(ends, dtype=np.int64)


def independent(text: str) -> Iterator[tuple[int, int]]:
    """Stretches of a text that no normal form lets act on each other."""
    start = 0
    for i in range(1, len(text)):
        first = unicodedata.normalize("NFKD", text[i])[:1]
        # A mark hangs on what stands before it, and some letters join it (Hangul's vowels).
        if unicodedata.combining(first) == 0 and first not in joiners():
            yield start, i
            start = i
    if text:
        yield start, len(text)


@functools.cache
def joiners() -> frozenset[str]:
    """Characters that no mark is, and that yet become one with the character before them."""
    found = {chr(code) for code in range(0x1160, 0x1200)}  # vowels and finals of Hangul
    for code in range(0x110000):
        # first and second of a composed letter
        parts = unicodedata.decomposition(chr(code)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            found.add(chr(int(parts[1], 16)))  # the second joins what stands before it
    return frozenset(found)
