"""Encoding by merges, and back: what every byte-pair tokenizer does, however it was made."""

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.tokenizers.chunks import Pieces, distinct, spread
from tokenlab.tokenizers.merging import merged, merged_chunks, queued, twins_run
from tokenlab.tokenizers.normal_forms import checked_forms, normalized, origins
from tokenlab.tokenizers.split import splitter
from tokenlab.tokenizers.text import (
    any_of,
    as_bytes,
    checked_names,
    checked_text,
    checked_tokens,
    owner_of_bytes,
)

__all__ = ["Batch", "Encoder", "Spans"]

Pair = tuple[int, int]
SHORT = 48  # chunks of more bytes are encoded with a queue
LONG = 20_000  # and those by a twin where there is one
MANY = 20_000  # characters of a text whose distinct chunks are encoded together
LAST = (1 << 62, -1)  # behind every rank


class Batch(NamedTuple):
    """The ids of several texts, one after the other."""

    ids: np.ndarray  # (n,) int64
    offsets: np.ndarray  # (n_texts + 1,) int64


class Spans(NamedTuple):
    """Ids, and the characters of the text that each of them touches."""

    ids: np.ndarray  # (n,) int64
    starts: np.ndarray  # (n,) int64
    ends: np.ndarray  # (n,) int64


class Encoder:
    """Tokens and merges, and what they do to a text.

    Parameters
    ----------
    tokens : sequence of bytes
        By id.
    merges : (m, 2) ids
        In order; each makes the token of both.
    split : str or callable
        See `splitter`.
    special, added : dict of name to id
        Names that are tokens when that is asked for, and names that always are.
    whole_chunks : bool
        A chunk that is a token is that token, whatever the merges say.
    normalize : str or sequence of str
        Unicode's normal forms (`"NFKC"`) that a text gets before it is cut.
    letters : bool
        Merges begin with characters, not with bytes.
    """

    def __init__(
        self,
        tokens: Sequence[bytes],
        merges: Any = (),
        *,
        split: Any = "gpt2",
        special: Mapping[str, int] | None = None,
        added: Mapping[str, int] | None = None,
        whole_chunks: bool = False,
        normalize: Any = (),
        letters: bool = False,
    ):
        self.tokens = checked_tokens(tokens)
        self.merges = np.array(merges, dtype=np.int64).reshape(-1, 2)  # (m, 2)
        self.special, self.added = dict(special or {}), dict(added or {})
        self.split, self._split, self.whole_chunks = split, splitter(split), whole_chunks
        self.normalize, self.letters = checked_forms(normalize), letters
        checked_names([*self.special, *self.added])
        # A name is found by its own rule: its bytes are no token that merges could reach.
        names = {*self.special.values(), *self.added.values()}
        self.id_of = {token: i for i, token in enumerate(self.tokens) if i not in names}
        self.byte_id = [self.id_of.get(bytes([byte]), -1) for byte in range(256)]
        # A pair's place in line, and what it becomes; of two merges to one token the first counts.
        self.rank: dict[Pair, tuple[int, int]] = {}
        news = []
        for r, (a, b) in enumerate(self.merges.tolist()):  # r is the place in line
            new = self.id_of[self.tokens[a] + self.tokens[b]]
            self.rank.setdefault((a, b), (r, new))
            news.append(new)
        self._news = np.array(news, dtype=np.int64)  # (m,) what each merge makes
        self._known: dict[bytes, tuple[int, ...]] = {}  # chunks that were encoded before

    @property
    def vocab(self) -> int:
        """How many ids there are."""
        return len(self.tokens)

    # Encoding.

    def encode(self, text: str | bytes, *, special: Any = "refuse") -> np.ndarray:
        """The ids of a text, `(n,)` int64.

        Parameters
        ----------
        text : str or bytes
        special : str or collection of str
            What the names of special tokens in the text are: `"refuse"` raises, `"text"` takes
            them as letters, `"all"` as tokens; a collection names those that are tokens, and
            others are refused.

        Raises
        ------
        InvalidInput
            A lone surrogate, a special token that is refused, a byte that no token has.
        """
        parts = [
            np.array([token]) if token >= 0 else self._part(part)
            for part, token in self._parts(checked_text(text), special)
        ]
        return np.concatenate([np.zeros(0, dtype=np.int64), *parts])

    def encode_batch(self, texts: Iterable[str | bytes], *, special: Any = "refuse") -> Batch:
        """The ids of several texts, with the place at which each begins."""
        found = [self.encode(text, special=special) for text in texts]
        offsets = np.cumsum([0, *map(len, found)])  # (n_texts + 1,)
        ids = np.concatenate([np.zeros(0, dtype=np.int64), *found])
        return Batch(ids, offsets.astype(np.int64))

    def encode_with_offsets(self, text: str | bytes, *, special: Any = "refuse") -> Spans:
        """The ids, and the first and last character (excluded) that each touches."""
        parts: list[Spans] = []
        place = 0  # in characters of the whole text
        for part, token in self._parts(checked_text(text), special):
            here = whole_span(token, len(part)) if token >= 0 else self._spans(part)
            parts.append(Spans(here.ids, here.starts + place, here.ends + place))
            place += len(part)
        parts = parts or [whole_span(0, 0, n=0)]
        ids, starts, ends = (np.concatenate(field) for field in zip(*parts, strict=True))
        return Spans(ids, starts, ends)

    def _spans(self, part: str) -> Spans:
        """Ids and characters of a text that holds no token with a name."""
        text, first, last = origins(part, self.normalize)
        chunks = self._split(text)
        ids = [i for chunk in chunks for i in self._chunk(as_bytes(chunk))]
        owners = np.array(owner_of_bytes(text, chunks), dtype=np.int64)  # (n_bytes,)
        ends = np.cumsum([len(self.tokens[i]) for i in ids], dtype=np.int64)
        starts = ends - np.array([len(self.tokens[i]) for i in ids], dtype=np.int64)
        low, high = owners[starts], owners[ends - 1]  # characters of the normal text
        # A space that was put in front has no character: it stands before the one at -1 - owner.
        low = np.where(low < 0, -1 - low, low)
        end = np.where(high < 0, first[np.minimum(-1 - high, len(first) - 1)], last[high])
        return Spans(np.array(ids, dtype=np.int64), first[low], end)

    def dropout(
        self, text: str | bytes, p: float, rng: Any = None, *, special: Any = "refuse"
    ) -> np.ndarray:
        """Encode with each possible merge left out with probability `p`, anew at each step."""
        p = checks.share(p, "p")
        draws = checks.generator(rng)
        return np.array(
            self._ids(text, special, lambda chunk: self._dropped(chunk, p, draws)), dtype=np.int64
        )

    def _ids(self, text: Any, special: Any, encode: Any = None) -> list[int]:
        encode = encode or self._chunk
        ids: list[int] = []
        for part, token in self._parts(checked_text(text), special):
            if token >= 0:
                ids.append(token)
                continue
            for chunk in self._split(normalized(part, self.normalize)):
                ids += encode(as_bytes(chunk))
        return ids

    def _parts(self, text: str, special: Any) -> Iterable[tuple[str, int]]:
        """The text between the tokens that have a name, and these."""
        taken = dict(self.added)  # these always count
        if special == "all":
            taken |= self.special
        elif special not in ("refuse", "text"):
            wanted = [special] if isinstance(special, str) else list(special)
            unknown = [name for name in wanted if name not in self.special]
            if unknown:
                raise InvalidInput(
                    f"{public_caller()}: special names {unknown[0]!r}; expected 'refuse', 'text', "
                    f"'all', or some of {list(self.special)}."
                )
            taken |= {name: self.special[name] for name in wanted}
        if special != "text":
            # a name that a user typed is no token by accident
            refused = [name for name in self.special if name not in taken and name in text]
            if refused:
                raise InvalidInput(
                    f"{public_caller()}: text has the special token {refused[0]!r}; pass "
                    "special='text' to take it as letters, special='all' as the token."
                )
        if not taken:
            return [(text, -1)] if text else []
        pieces = re.split(f"({any_of(tuple(taken))})", text)  # every second piece is a name
        return [(piece, taken[piece] if i % 2 else -1) for i, piece in enumerate(pieces) if piece]

    def _chunk(self, chunk: bytes) -> tuple[int, ...]:
        """The ids of a chunk, remembered."""
        found = self._known.get(chunk)
        if found is None:
            whole = self.id_of.get(chunk) if self.whole_chunks else None
            found = (whole,) if whole is not None else tuple(self._encode_chunk(chunk))
            if len(self._known) < 1 << 18 and len(chunk) < 256:  # the memory stays bounded
                self._known[chunk] = found
        return found

    def _part(self, part: str) -> np.ndarray:
        """The ids of a text without named tokens: its distinct chunks are encoded once."""
        text = normalized(part, self.normalize)
        if len(text) < MANY:
            ids = [i for chunk in self._split(text) for i in self._chunk(as_bytes(chunk))]
            return np.array(ids, dtype=np.int64)
        chunks, owner = distinct(text, self.split, self._split)
        return spread(*self._together(list(map(as_bytes, chunks)), self.whole_chunks), owner)

    def _together(self, chunks: list[bytes], whole_chunks: bool) -> Pieces:
        """The ids of distinct chunks, where those of each begin, and how many they are."""
        if self.letters or not twins_run(sum(map(len, chunks))):
            encode = self._chunk if whole_chunks == self.whole_chunks else self._encode_chunk
            found = [encode(chunk) for chunk in chunks]
            sizes = np.array([*map(len, found)], dtype=np.int64)  # (n_chunks,)
            ids = np.array([i for part in found for i in part], dtype=np.int64)
            return Pieces(ids, np.cumsum(sizes) - sizes, sizes)
        none = len(self.tokens)  # no id
        whole = self.id_of if whole_chunks else {}
        wholes = np.array([whole.get(chunk, none) for chunk in chunks], dtype=np.int64)
        rest = wholes == none  # (n_chunks,) chunks that merges cut
        parts = [chunk for chunk, cut in zip(chunks, rest.tolist(), strict=True) if cut]
        codes = np.array(self.byte_id, dtype=np.int32)[
            np.frombuffer(b"".join(parts), np.uint8)
        ]  # (n_bytes,)
        if (codes < 0).any():
            for part in parts:
                self._bytes_of(part)  # tells of a byte that no token has
        offsets = np.cumsum([0, *map(len, parts)], dtype=np.int64)
        ids, ends = merged_chunks(codes, offsets, self.merges, self._news)
        starts, sizes = np.arange(len(chunks)), np.ones(len(chunks), dtype=np.int64)
        starts[rest], sizes[rest] = len(chunks) + ends[:-1], np.diff(ends)  # behind the whole ones
        return Pieces(np.concatenate([wholes, ids]), starts, sizes)

    def _bytes_of(self, chunk: bytes) -> list[int]:
        """The ids of single bytes, or of characters where merges begin with these."""
        if self.letters:
            letters = chunk.decode(errors="surrogateescape")
            found = [self.id_of.get(as_bytes(letter), -1) for letter in letters]
            if -1 in found:
                letter = letters[found.index(-1)]
                raise InvalidInput(
                    f"{public_caller()}: text {letters!r} has the character {letter!r}, which no "
                    "token of this vocabulary holds; remove it from the text."
                )
            return found
        ids = [self.byte_id[byte] for byte in chunk]
        if -1 in ids:
            byte = chunk[ids.index(-1)]
            raise InvalidInput(
                f"{public_caller()}: text {chunk!r} has the byte 0x{byte:02X}, which no token of "
                "this vocabulary holds; remove it from the text."
            )
        return ids

    def _encode_chunk(self, chunk: bytes) -> list[int]:
        """Merge the pair of the lowest rank, again and again."""
        ids = self._bytes_of(chunk)
        if len(ids) > LONG and twins_run(len(ids)):
            edges = np.array([0, len(ids)])
            return merged_chunks(np.array(ids), edges, self.merges, self._news)[0].tolist()
        if len(ids) > SHORT:
            return queued(ids, self.rank)
        rank = self.rank
        while len(ids) > 1:
            # the lowest rank, the first of equal ones
            best = min(itertools.pairwise(ids), key=lambda pair: rank.get(pair, LAST))
            if best not in rank:
                break
            ids = merged(ids, best, rank[best][1])
        return ids

    def _dropped(self, chunk: bytes, p: float, draws: Any) -> list[int]:
        """Each merge that is possible is left out by chance, at each step anew."""
        ids = self._bytes_of(chunk)
        while len(ids) > 1:
            stays = draws.random(len(ids) - 1) >= p  # (n - 1,) merges that are not left out
            found = [
                (self.rank[pair], i)
                for i, pair in enumerate(itertools.pairwise(ids))
                if stays[i] and pair in self.rank
            ]
            if not found:
                break
            (_, new), i = min(found)  # the lowest rank, then the leftmost
            ids[i : i + 2] = [new]
        return ids

    # Decoding, and what can be said of ids.

    def decode_bytes(self, ids: Any) -> bytes:
        """The bytes of ids, one after the other."""
        array = checks.shaped(checks.integers(np.asarray(ids), "ids", np), "ids", ("n",))
        checks.within(array, "ids", self.vocab, "vocab")
        return b"".join(self.tokens[i] for i in array.tolist())

    def decode(self, ids: Any, *, errors: str = "replace") -> str:
        """The text of ids; `errors` says what bytes that are no UTF-8 become, as in Python."""
        checks.choice(errors, "errors", ("strict", "replace", "ignore", "surrogateescape"))
        data = self.decode_bytes(ids)
        try:
            return data.decode(errors=errors)
        except UnicodeDecodeError as error:
            raise InvalidInput(
                f"BPE.decode: ids spell {data[error.start :][:4]!r} at byte {error.start}, which is "
                "no UTF-8; pass errors='replace'."
            ) from None

    def is_valid(self, ids: Any) -> bool:
        """Whether encoding the bytes of ids gives them back."""
        data = self.decode_bytes(ids)
        return self._ids(data, "text") == np.asarray(ids).tolist()  # splitter included

    def unreachable(self) -> list[int]:
        """The ids that their own bytes do not encode to; special tokens are left out."""
        return [i for token, i in self.id_of.items() if not self._reaches(token, i)]

    def _reaches(self, token: bytes, i: int) -> bool:
        try:
            return self._ids(token.decode(), "text") == [i]
        except UnicodeDecodeError:  # a part of a character is never a text by itself
            return list(self._chunk(token)) == [i]


def whole_span(token: int, length: int, n: int = 1) -> Spans:
    """A token that spans some characters."""
    fields = (np.full(n, value, dtype=np.int64) for value in (token, 0, length))
    return Spans(*fields)
