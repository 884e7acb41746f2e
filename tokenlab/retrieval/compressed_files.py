"""A compressed index on disk, by the mechanism of `tokenlab.retrieval.storage`.

The folder holds the codec, which documents are there, and the arrays of every piece, each in a file
of its own: documents that are added later come in files of their own.
"""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tokenlab.errors import InvalidInput, ShapeError
from tokenlab.retrieval.codec import ResidualCodec
from tokenlab.retrieval.compressed_pieces import Piece
from tokenlab.retrieval.storage import (
    OTHER_SHAPE,
    Arrays,
    Kind,
    damaged,
    fitting,
    load_arrays,
    save_index,
)

__all__: list[str] = []

SHARED = ("centroids", "cutoffs", "levels", "alive")
TYPES = {
    "numbers": "int64",
    "offsets": "int64",
    "codes": "uint16 uint32",  # two bytes where these hold all centroids
    "ends": "int64",
    "residuals": "uint8",
    "owners": "int32",
    "errors": "uint8",
    "scale": "float32",  # what one step of the errors is
    "keys": "uint8",
    "key_ends": "int64",
}


@cache
def kind() -> Kind:
    """What is stored of a compressed index."""
    return Kind(
        name="CompressedIndex",
        called="a compressed index",
        arrays=SHARED,
        facts=("n_pieces", "n_numbers", "n_tokens", "d", "bits"),
        numbers=("centroids", "cutoffs", "levels"),
        damage=damage,
        pieces=Piece.arrays,
        vouched=True,
    )


class View:
    """An index as its files see it."""

    def __init__(self, index: Any):
        codec = index.codec  # fitted
        self.centroids, self.cutoffs = codec.centroids_, codec.cutoffs_
        self.levels, self.bits, self.d = codec.levels_, codec.bits, index.d
        self.alive, self.pieces, self.files = index.alive, index.pieces, index.files
        self.n_pieces = len(index.pieces)
        self.n_numbers = index.n_numbers
        self.n_tokens = index.n_tokens


def save(index: Any, folder: Path) -> Path:
    """`CompressedIndex.save`."""
    # The same files, locks and order of steps as those of every index.
    return save_index(View(index), folder, kind())


def load(cls: Any, folder: Path, *, mmap: bool, verify: bool) -> Any:
    """`CompressedIndex.load`."""
    # Files that are there, whole, and of the sizes that the manifest states.
    arrays, facts = load_arrays(folder, kind(), mmap=mmap, verify=verify)
    try:
        codec = ResidualCodec.of(arrays["centroids"], arrays["cutoffs"], arrays["levels"])
    except (InvalidInput, ShapeError) as error:  # digests vouch for the bytes, not for their sense
        raise damaged(folder, kind(), f"its codec is none ({error})") from error
    index = cls(codec)  # empty
    # Of our own, since deleting changes it.
    index.alive = np.array(arrays["alive"])
    index.n_tokens = facts["n_tokens"]
    own = {name: getattr(View(index), name) for name in SHARED}
    index.files = {name: (x, facts["files"][name]) for name, x in own.items()}
    index._numbers = None  # keys are read when somebody asks for one
    for i in range(facts["n_pieces"]):
        # What is in the folder already is not written again by the next save.
        own = {name: arrays[f"{i}.{name}"] for name in Piece.arrays}
        piece = Piece(**own)
        if verify and (wrong := nonsense(piece, index)):
            raise damaged(folder, kind(), wrong)
        piece.files = {name: (x, facts["files"][f"{i}.{name}"]) for name, x in own.items()}
        index.pieces.append(piece)
    index.sizes = sizes_of(index)
    # Also without `verify`: it costs nothing.
    if int(index.sizes.sum()) != index.n_tokens:
        raise damaged(folder, kind(), "it has another number of tokens than the manifest states")
    return index


def sizes_of(index: Any) -> np.ndarray:
    """Tokens of each cluster, without those of deleted documents."""
    # (n_centroids,) of all pieces together
    sizes = np.zeros(len(index.sizes), np.int64)
    for piece in index.pieces:
        sizes += np.diff(piece.ends)
        # Deleted documents are few, so that only their tokens are looked at.
        gone = np.flatnonzero(~index.alive[piece.numbers])
        sizes -= np.bincount(piece.codes[piece.rows(gone)[0]], minlength=len(sizes))
    return sizes


def damage(arrays: Arrays, facts: dict[str, Any]) -> str | None:
    """What does not fit together, by shapes and by what is small."""
    # Sizes are those of the centroids: all else is measured by them.
    centroids, alive = arrays["centroids"], arrays["alive"]
    if centroids.ndim != 2 or centroids.shape[1] != facts["d"]:
        return OTHER_SHAPE
    if alive.dtype != bool or alive.shape != (facts["n_numbers"],):
        return OTHER_SHAPE
    if len(arrays["levels"]) != 2 ** facts["bits"]:
        return OTHER_SHAPE
    for i in range(facts["n_pieces"]):
        piece = Piece(**{name: arrays[f"{i}.{name}"] for name in Piece.arrays})
        # Types first: the tests below compare numbers.
        if not shapes_fit(piece, centroids, facts["bits"]):
            return OTHER_SHAPE
        # A compiled loop reads wherever an end says, so that none may be wrong.
        numbers = piece.numbers
        rising = np.all(numbers[1:] > numbers[:-1])
        inside = not len(numbers) or (numbers[0] >= 0 and numbers[-1] < len(alive))
        runs = fitting(piece.offsets, piece.n_tokens) and fitting(piece.ends, piece.n_tokens)
        if not (rising and inside and runs and fitting(piece.key_ends, len(piece.keys))):
            return "its documents do not fit its tokens"
    return None


def shapes_fit(piece: Piece, centroids: np.ndarray, bits: int) -> bool:
    """Whether the arrays of a piece have the shapes and types that they should."""
    # By hand, since an array of another shape is broadcast in silence.
    n, n_docs = len(piece.owners), len(piece.numbers)
    shapes: dict[str, list[tuple[int, ...]]] = {
        "numbers": [(n_docs,)],
        "offsets": [(n_docs + 1,)],
        "codes": [(n,)],
        "ends": [(len(centroids) + 1,)],
        "residuals": [(n, -(-centroids.shape[1] * bits // 8))],
        "owners": [(n,)],
        "errors": [(n,)],
        "scale": [(1,)],
        "keys": [piece.keys.shape[:1]],
        "key_ends": [(1,), (n_docs + 1,)],
    }
    return all(
        getattr(piece, name).shape in fit and str(getattr(piece, name).dtype) in TYPES[name].split()
        for name, fit in shapes.items()
    )


def nonsense(piece: Piece, index: Any) -> str | None:
    """What no digest finds, token by token."""
    if not len(piece.owners):  # nothing has no maximum
        return None
    # Right digests say that the bytes are those that were written, not who wrote them.
    if int(piece.codes.max()) >= len(index.sizes):
        return "a token has a centroid that is not there"
    if not np.isin(piece.owners, piece.numbers).all():
        return "a token has a document that is not there"
    if np.any(np.bincount(piece.codes, minlength=len(index.sizes)) != np.diff(piece.ends)):
        return "its clusters do not fit its tokens"
    return None if np.isfinite(piece.scale).all() else "an error is not finite"
