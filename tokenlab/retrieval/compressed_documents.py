"""Which documents a compressed index has: they are added, named, deleted, and decoded again."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arrays import to_numpy
from tokenlab.errors import InvalidInput, ShapeError, public_caller
from tokenlab.retrieval.codec import ResidualCodec, fitted
from tokenlab.retrieval.compressed_inputs import collection, free_keys, known, room_for, runs_of
from tokenlab.retrieval.compressed_pieces import Piece
from tokenlab.retrieval.index import TokenIndex
from tokenlab.retrieval.near_centroids import Groups, groups_of

__all__ = ["Documents"]

PIECE = 1 << 20  # tokens that are encoded together
Keys = Sequence[str] | None


class Documents:
    """The part of a `CompressedIndex` that does not search."""

    def __init__(self, codec: ResidualCodec):
        self.codec = fitted(codec, "codec")
        self.pieces: list[Piece] = []
        self.alive = np.zeros(0, bool)  # of all numbers that were ever given
        self.sizes = np.zeros(len(self.codec.centroids_), np.int64)
        self.n_tokens = 0
        self.files: dict[str, Any] = {}  # the files that hold the codec already
        self._numbers: dict[str, int] | None = {}  # of keys; None is looked up when it is needed

    @cached_property
    def _groups(self) -> Groups | None:
        """Of the centroids; they follow from these, so that a loaded index has the same."""
        return groups_of(self.codec.centroids_)

    # What is in it -------------------------------------------------------------------------------

    @property
    def n_docs(self) -> int:
        """How many documents, without those that were deleted."""
        return int(self.alive.sum())

    @property
    def n_numbers(self) -> int:
        """How many numbers were ever given; the next document gets this one."""
        return len(self.alive)

    @property
    def doc_ids(self) -> np.ndarray:
        """The numbers of the documents that are there, `(n_docs,)` int64."""
        return np.flatnonzero(self.alive)

    @property
    def d(self) -> int:
        """The width of a token."""
        return self.codec.d

    @property
    def nbytes(self) -> int:
        """Bytes of everything; those of deleted documents go with `compact()`."""
        shared = (self.codec.centroids_, self.codec.cutoffs_, self.codec.levels_, self.alive)
        return sum(x.nbytes for x in shared) + sum(piece.nbytes for piece in self.pieces)

    @property
    def has_keys(self) -> bool:
        """Whether the documents that are there have keys."""
        named = [piece for piece in self.pieces if len(piece.key_ends) > 1]
        return any(self.alive[piece.numbers].any() for piece in named)

    def key_numbers(self) -> dict[str, int]:
        """The number of each key that is there."""
        if self._numbers is None:
            self._numbers = {
                key.decode(): int(number)
                for piece in self.pieces
                for key, number in zip(piece.names(slice(None)), piece.numbers, strict=False)
                if self.alive[number]
            }
        return self._numbers

    def __len__(self) -> int:
        return self.n_docs

    def __repr__(self) -> str:
        shape = f"n_docs={self.n_docs}, n_tokens={self.n_tokens}, d={self.d}"
        return f"CompressedIndex({shape}, bits={self.codec.bits})"

    def doc(self, id: Any, *, normalize: bool = True) -> np.ndarray:
        """The tokens `(n, d)` of a document as they are decoded, by its number or its key."""
        normalize = checks.flag(normalize, "normalize")
        number = known(self, [id], "id")
        ((piece, places),) = self.places_of(number)
        rows, _ = piece.rows(places)  # (n,) in the order of the text
        return piece.decoded(self.codec, rows, normalize=normalize)

    def keys(self, ids: Any) -> list[str]:
        """The keys of documents, by their numbers."""
        numbers = known(self, ids, "ids")
        if len(numbers) and not self.has_keys:
            raise InvalidInput(f"{public_caller()}: ids have no keys; none were given to `add`.")
        names: dict[int, str] = {}
        for piece, places in self.places_of(np.unique(numbers)):
            found = piece.names(places)
            names.update(
                (int(piece.numbers[i]), k.decode()) for i, k in zip(places, found, strict=True)
            )
        return [names[int(number)] for number in numbers]

    def places_of(self, numbers: np.ndarray) -> Iterator[tuple[Piece, np.ndarray]]:
        """Pieces with the places of documents in them, whose numbers rise."""
        for piece in self.pieces:
            places = np.searchsorted(piece.numbers, numbers)
            # Numbers have gaps where documents were deleted and compacted away.
            inside = places < len(piece.numbers)
            inside[inside] = piece.numbers[places[inside]] == numbers[inside]
            if inside.any():
                yield piece, places[inside]

    # What changes it -----------------------------------------------------------------------------

    def add(self, docs: TokenIndex | Sequence[Any], *, keys: Keys = None) -> np.ndarray:
        """Add documents and return their numbers, `(n,)` int64, which are given once and for all.

        Parameters
        ----------
        docs : TokenIndex, or a list of `(n_i, d)` matrices
            Empty documents keep their numbers and are never found.
        keys : list of str, optional
            For all documents of an index or for none.

        Raises
        ------
        ShapeError, InvalidInput, DTypeError, BackendError
            Another width, keys that are taken, for some only, or no strings.
        """
        if isinstance(docs, list | tuple) and not docs:
            return np.zeros(0, np.int64)
        docs = collection(docs, "docs")
        if docs.d != self.d:
            raise ShapeError(f"{public_caller()}: docs have d = {docs.d}; expected {self.d}.")
        keys = free_keys(self, keys, docs.n_docs)
        # Numbers go on from the last that was given, whether it is still there or not.
        first, offsets = self.n_numbers, to_numpy(docs.offsets)
        room_for(first + docs.n_docs)
        # Only one piece is held as floating numbers at a time.
        for run in runs_of(offsets, PIECE):
            ends = offsets[run.start : run.stop + 1]  # (n_docs + 1,) of this piece
            tokens = to_numpy(docs.tokens[ends[0] : ends[-1]])
            names = None if keys is None else keys[run]
            # Of many centroids a token looks only at those of near groups.
            piece = Piece.of(
                self.codec, tokens, ends - ends[0], first + run.start, names, self._groups
            )
            self.pieces.append(piece)
            # New arrays in place of the old: what somebody else holds does not change.
            self.sizes = self.sizes + np.diff(piece.ends)
            self.n_tokens += piece.n_tokens
            self.alive = np.append(self.alive, np.ones(len(piece.numbers), bool))
        if self._numbers is not None and keys is not None:
            self._numbers.update(zip(keys, range(first, self.n_numbers), strict=True))
        # As in a counter, pieces of a size become one of the next: their number stays small.
        while len(self.pieces) > 1 and 2 * self.pieces[-1].n_tokens >= self.pieces[-2].n_tokens:
            self._merge(2)
        return np.arange(first, self.n_numbers)

    def delete(self, ids: Any) -> None:
        """Take documents out, by their numbers or keys; `compact` frees their bytes.

        Raises
        ------
        InvalidInput, DTypeError
            A document that is unknown, deleted already, or named twice; nothing is deleted then.
        """
        numbers = known(self, [ids] if isinstance(ids, str | int | np.integer) else ids, "ids")
        doubled = numbers[np.flatnonzero(np.bincount(numbers, minlength=1)[numbers] > 1)]
        if doubled.size:
            raise InvalidInput(f"{public_caller()}: ids names {int(doubled[0])} twice.")
        self.alive = self.alive.copy()  # the old one may be a file's
        for piece, places in self.places_of(np.sort(numbers)):
            rows, _ = piece.rows(places)
            # They no longer count in what a miss is worth, though their bytes are still here.
            self.sizes = self.sizes - np.bincount(piece.codes[rows], minlength=len(self.sizes))
            self.n_tokens -= len(rows)
        self.alive[numbers] = False
        self._numbers = None  # a key may come back under a new number

    def compact(self) -> None:
        """Free the bytes of deleted documents, and put all pieces together; numbers stay."""
        self._merge(max(1, len(self.pieces)))

    def _merge(self, n: int) -> None:
        """Put the last `n` pieces together, without what was deleted from them."""
        last = self.pieces[-n:] if n > 1 else self.pieces
        if len(last) > 1 or any(not self.alive[piece.numbers].all() for piece in last):
            self.pieces[len(self.pieces) - len(last) :] = [Piece.merged(last, self.alive)]
