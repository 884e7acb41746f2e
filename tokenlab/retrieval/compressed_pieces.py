"""A piece of a compressed index: documents that were added together, their tokens by cluster.

Tokens of one cluster lie side by side, so that a probed cluster is read in one go. Which of them
belong to a document follows from the centroids of its tokens: clusters keep the order of documents.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from tokenlab.numerics import offsets_of
from tokenlab.retrieval.codec import ResidualCodec
from tokenlab.retrieval.near_centroids import Groups, encoded

__all__: list[str] = []

ERRORS = 255  # steps of an error that is kept in a byte


class Piece:
    """Arrays of documents that were added together.

    Attributes
    ----------
    numbers : ndarray of shape (n_docs,)
        The numbers of the documents, rising.
    offsets : ndarray of shape (n_docs + 1,)
        Document `numbers[i]` has the tokens `offsets[i]:offsets[i + 1]`, in the order of documents.
    codes : ndarray of shape (n,)
        The centroid of each token, in the order of documents.
    ends : ndarray of shape (n_centroids + 1,)
        Centroid `c` has the tokens `ends[c]:ends[c + 1]`, in the order of clusters.
    residuals : ndarray of shape (n, n_bytes)
        In the order of clusters, as all that follows.
    owners : ndarray of shape (n,)
        The number of the document of each token.
    errors : ndarray of shape (n,)
        How far a token lies from what is decoded, in steps of `scale (1,)`, rounded up.
    keys, key_ends : ndarray of shape (n_bytes,), (n_docs + 1,)
        The names of the documents in UTF-8; without names no document has an end.
    """

    arrays = (
        "numbers",
        "offsets",
        "codes",
        "ends",
        "residuals",
        "owners",
        "errors",
        "scale",
        "keys",
        "key_ends",
    )

    def __init__(self, **arrays: np.ndarray):
        for name in self.arrays:
            setattr(self, name, arrays[name])
        self.files: dict[str, Any] = {}  # the files that hold these arrays already

    numbers: np.ndarray
    offsets: np.ndarray
    codes: np.ndarray
    ends: np.ndarray
    residuals: np.ndarray
    owners: np.ndarray
    errors: np.ndarray
    scale: np.ndarray
    keys: np.ndarray
    key_ends: np.ndarray

    @classmethod
    def of(
        cls,
        codec: ResidualCodec,
        tokens: np.ndarray,
        offsets: np.ndarray,
        first: int,
        keys: Sequence[str] | None,
        groups: Groups | None,
    ) -> "Piece":
        """Encode documents, whose numbers go on from `first`."""
        codes, residuals = encoded(codec, groups, tokens)
        gap = codec.decode(codes, residuals, normalize=False) - tokens  # (n, d)
        errors, scale = bytes_of(np.sqrt(np.einsum("nd,nd->n", gap, gap, dtype=np.float64)))
        numbers = first + np.arange(len(offsets) - 1)
        order = codes.argsort(kind="stable")  # (n,), clusters side by side
        # An index without keys has an empty blob and no ends.
        text = [key.encode() for key in keys or ()]
        return cls(
            numbers=numbers,
            offsets=offsets,
            codes=narrow(codes, len(codec.centroids_)),
            ends=offsets_of(np.bincount(codes, minlength=len(codec.centroids_))),
            residuals=residuals[order],
            owners=np.repeat(numbers, np.diff(offsets))[order].astype(np.int32),
            errors=errors[order],
            scale=scale,
            keys=np.frombuffer(b"".join(text), np.uint8),
            key_ends=offsets_of(np.array([len(key) for key in text], np.int64)),
        )

    @classmethod
    def merged(cls, pieces: Sequence["Piece"], alive: np.ndarray) -> "Piece":
        """The documents of several pieces that are still there, as one piece."""
        # Both orders at once: documents for what belongs to them, clusters for what is scanned.
        kept = [alive[piece.numbers] for piece in pieces]  # (n_docs,) each
        rows = [alive[piece.owners] for piece in pieces]  # (n,) each, in the order of clusters
        n_centroids = len(pieces[0].ends) - 1
        clusters = np.concatenate(
            [
                np.repeat(np.arange(n_centroids), np.diff(piece.ends))[row]
                for piece, row in zip(pieces, rows, strict=True)
            ]
        )
        order = narrow(clusters, n_centroids).argsort(kind="stable")  # pieces in their order
        # Errors may only grow: the widest steps of all pieces.
        scale = max(float(piece.scale[0]) for piece in pieces)

        def by_cluster(name: str) -> np.ndarray:
            parts = zip(pieces, rows, strict=True)
            return np.concatenate([getattr(piece, name)[row] for piece, row in parts])[order]

        # (n_docs,) and (n,) in the order of documents
        lengths = [np.diff(piece.offsets)[k] for piece, k in zip(pieces, kept, strict=True)]
        inside = [
            np.repeat(k, np.diff(piece.offsets)) for piece, k in zip(pieces, kept, strict=True)
        ]
        keys = [key for piece, k in zip(pieces, kept, strict=True) for key in piece.names(k)]
        errors = [coarser(piece, scale)[row] for piece, row in zip(pieces, rows, strict=True)]
        return cls(
            numbers=np.concatenate([p.numbers[k] for p, k in zip(pieces, kept, strict=True)]),
            offsets=offsets_of(np.concatenate(lengths)),
            codes=np.concatenate([p.codes[i] for p, i in zip(pieces, inside, strict=True)]),
            ends=offsets_of(np.bincount(clusters, minlength=n_centroids)),
            residuals=by_cluster("residuals"),
            owners=by_cluster("owners"),
            errors=np.concatenate(errors)[order],
            scale=np.array([scale], np.float32),
            keys=np.frombuffer(b"".join(keys), np.uint8),
            key_ends=offsets_of(np.array([len(key) for key in keys], np.int64)),
        )

    @property
    def n_tokens(self) -> int:
        """Tokens in this piece, those of deleted documents included."""
        return len(self.owners)

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(getattr(self, name).nbytes for name in self.arrays)

    @cached_property
    def places(self) -> np.ndarray:
        """Where each token stands in the order of clusters, `(n,)`."""
        places = np.empty(len(self.codes), np.int64 if len(self.codes) >> 31 else np.int32)
        places[self.codes.argsort(kind="stable")] = np.arange(len(places))
        return places

    def names(self, docs: Any) -> list[bytes]:
        """The keys of some documents, by their places here; none where there are no keys."""
        if len(self.key_ends) == 1:
            return []
        text = self.keys.tobytes()  # (n_bytes,) of all keys
        # (n_docs,) places, whatever they were chosen by
        chosen = np.arange(len(self.numbers))[docs]
        return [text[self.key_ends[i] : self.key_ends[i + 1]] for i in chosen]

    def rows(self, docs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The tokens of some documents, in the order of documents, and offsets of those."""
        lengths = np.diff(self.offsets)[docs]  # (n_docs,)
        offsets = offsets_of(lengths)  # (n_docs + 1,)
        # Row r of these lies as far behind its document's start here as there.
        shift = np.repeat(self.offsets[docs] - offsets[:-1], lengths)
        return np.arange(offsets[-1]) + shift, offsets

    def decoded(self, codec: ResidualCodec, rows: Any, *, normalize: bool) -> np.ndarray:
        """Tokens of some rows in the order of documents."""
        # (n, n_bytes) from wherever the clusters have put them
        residuals = self.residuals[self.places[rows]]
        return codec.decode(self.codes[rows].astype(np.int64), residuals, normalize=normalize)

    def lost(self, rows: Any) -> np.ndarray:
        """How far these tokens lie at most from what is decoded."""
        return self.errors[self.places[rows]] * np.float64(self.scale[0])


def narrow(codes: np.ndarray, n_centroids: int) -> np.ndarray:
    """Centroids in two bytes where these are enough."""
    return codes.astype(np.uint16 if n_centroids <= 1 << 16 else np.uint32)


def bytes_of(errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Errors as steps of one byte, rounded up, and how wide a step is, `(1,)`."""
    # The step is rounded up as well, or the largest error would take 256 of them.
    largest = float(errors.max(initial=0.0)) * (1 + 1e-6)  # what rounding took from it
    scale = np.nextafter(np.float32(largest / ERRORS), np.float32(np.inf))
    return np.ceil(errors / np.float64(scale)).astype(np.uint8), np.array([scale], np.float32)


def coarser(piece: Piece, scale: float) -> np.ndarray:
    """The errors of a piece in wider steps."""
    if float(piece.scale[0]) == scale:
        return piece.errors
    return np.ceil(piece.errors * (float(piece.scale[0]) / scale)).astype(np.uint8)
