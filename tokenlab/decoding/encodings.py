"""What a tokenizer makes of bytes: which tokens begin so, and which may stand side by side."""

import bisect
import contextlib
from collections.abc import Sequence
from typing import Any

import numpy as np

__all__: list[str] = []


def joined(tokenizer: Any, tokens: Sequence[int]) -> bytes:
    """The bytes of a sequence of tokens."""
    return b"".join(tokenizer.tokens[token] for token in tokens)


def encoded(tokenizer: Any, text: bytes) -> tuple[int, ...]:
    """The ids of a text, as a tuple of ints; the name of a special token is text here."""
    named = {"special": "text"} if getattr(tokenizer, "special", None) else {}
    return tuple(int(token) for token in tokenizer.encode(text, **named))


def beginnings(tokenizer: Any) -> Any:
    """A look-up of the tokens that begin with given bytes, ids ascending."""
    listed = sorted((bytes(token), i) for i, token in enumerate(tokenizer.tokens) if token)
    spelled = [token for token, _ in listed]

    def below(prefix: bytes) -> list[int]:
        first = bisect.bisect_left(spelled, prefix)
        ids = []
        for token, i in listed[first:]:
            if not token.startswith(prefix):
                break
            ids.append(i)
        return sorted(ids)

    return below


class MergePairs:
    """Whether byte-pair encoding would keep two neighbours apart, for all right ones at once.

    Two tokens stand side by side unless some merge across their border comes before the merges
    that made them. The borders are found by undoing the later of the two last merges, again and
    again, until both sides are bytes.
    """

    def __init__(self, tokenizer: Any):
        spelled = {bytes(token): i for i, token in enumerate(tokenizer.tokens)}
        merges = np.asarray(tokenizer.merges, dtype=np.int64).reshape(-1, 2)
        self.vocab = vocab = len(tokenizer.tokens)
        self.rank = np.full(vocab, -1)  # of the merge that makes a token; -1 for a byte
        self.parts = np.zeros((vocab, 2), dtype=np.int64)
        for r in range(len(merges) - 1, -1, -1):  # of two merges to one token the first counts
            left, right = merges[r].tolist()
            made = spelled[tokenizer.tokens[left] + tokenizer.tokens[right]]
            self.rank[made], self.parts[made] = r, (left, right)
        keys = merges[:, 0] * vocab + merges[:, 1]
        self.order = np.argsort(keys, kind="stable")
        self.keys = keys[self.order]  # sorted, so that pairs are found by bisection
        # Special tokens and unreachable merges are never the encoding of their own bytes.
        self.itself = np.array(
            [
                bool(token) and encoded(tokenizer, bytes(token)) == (i,)
                for i, token in enumerate(tokenizer.tokens)
            ]
        )

    @classmethod
    def of(cls, tokenizer: Any) -> "MergePairs":
        """That of a tokenizer, made once."""
        known = getattr(tokenizer, "_merge_pairs", None)
        if known is None:
            known = cls(tokenizer)
            with contextlib.suppress(AttributeError):  # a frozen tokenizer: made anew each time
                tokenizer._merge_pairs = known
        return known

    def ranks_of(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """The rank of the merge of each pair; a large number where there is none."""
        wanted = a * self.vocab + b
        at = np.minimum(self.keys.searchsorted(wanted), max(len(self.keys) - 1, 0))
        if not len(self.keys):
            return np.full(len(wanted), np.iinfo(np.int64).max)
        return np.where(self.keys[at] == wanted, self.order[at], np.iinfo(np.int64).max)

    def valid_after(self, token: int) -> np.ndarray:
        """Which tokens can stand behind one, `(vocab,)`."""
        valid = self.itself.copy()
        rows = np.flatnonzero(valid)  # (n_rows,), the tokens that are not decided yet
        a, b = np.full(len(rows), token), rows.copy()
        limit = np.full(len(rows), np.iinfo(np.int64).max)  # merges of lower rank came before
        while len(rows):
            merged = self.ranks_of(a, b) < limit  # would have been merged before
            valid[rows[merged]] = False
            going = ~merged & ((self.rank[a] >= 0) | (self.rank[b] >= 0))
            rows, a, b, limit = rows[going], a[going], b[going], limit[going]
            undo_left = self.rank[a] > self.rank[b]
            # Of equal merges the left one comes first: one across the border of b beats b's own.
            limit = np.where(undo_left, self.rank[a], self.rank[b] + 1)
            a_inner = np.where(undo_left, self.parts[a, 1], a)  # the part at the border stays
            b_inner = np.where(undo_left, b, self.parts[b, 0])
            a, b = a_inner, b_inner
        return valid
