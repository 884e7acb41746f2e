"""The vectors of a folder's index in a few bits, in a `CompressedIndex` beside the shards.

    update(Path("docs"), Path("my.index"), encode)      # of `folders`: a shard of vectors for each file
    compress(Path("my.index"), 4)                       # takes the vectors of new shards over
    index, passages = read(Path("my.index"))

A passage's key is its shard and its place there. First the compressed index is saved, then the shards
give up their vectors: whatever ends the work, the next run goes on.
"""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from tokenlab import folders
from tokenlab.errors import StorageError
from tokenlab.retrieval.codec import PER_CENTROID, ResidualCodec, n_centroids_for
from tokenlab.retrieval.compressed import CompressedIndex
from tokenlab.retrieval.index import TokenIndex

__all__: list[str] = []

CODES = "codes"  # the folder of the compressed index
KEPT = 0.7  # if less of it is still there, the bytes of what is gone are freed


def is_compressed(out: Path) -> bool:
    """Whether an index was compressed before."""
    return (out / CODES).is_dir()


def compress(out: Path, bits: int | None = None) -> CompressedIndex:
    """Take the vectors of new shards into the compressed index, and forget those of shards gone.

    The codec is fitted to what is there the first time, and stays. `bits` is 4 then, if not given.
    """
    shards = sorted(out.glob("*.npz"))
    fresh = [shard for shard in shards if "tokens.npy" in zipfile.ZipFile(shard).namelist()]
    if is_compressed(out):
        index = CompressedIndex.load(out / CODES)
        if bits not in (None, index.codec.bits):
            raise StorageError(
                f"index: {str(out)!r} has {index.codec.bits} bits; choose another place by -o for {bits}."
            )
    else:
        index = CompressedIndex(fitted(fresh, 4 if bits is None else bits))
    # What a file said before it was changed has a shard of another name.
    there = {shard.stem for shard in shards}
    gone = [key for key in index.key_numbers() if key.partition(":")[0] not in there]
    if gone:
        index.delete(gone)
    if index.n_docs < KEPT * sum(len(piece.numbers) for piece in index.pieces):
        index.compact()
    for shard in fresh:
        tokens, passages = content(shard)
        # Taken in already by a run that was ended before the shard gave them up.
        if f"{shard.stem}:0" not in index.key_numbers():
            index.add(tokens, keys=[f"{shard.stem}:{i}" for i in range(len(passages))])
    index.save(out / CODES)
    for shard in fresh:
        give_up_vectors(shard)
    return index


def fitted(shards: list[Path], bits: int) -> ResidualCodec:
    """A codec for the vectors of some shards, from as many of them as centroids need."""
    n_tokens = sum(content(shard)[0].n_tokens for shard in shards)
    n_centroids = n_centroids_for(max(1, n_tokens))
    share = min(1.0, 2 * PER_CENTROID * n_centroids / max(1, n_tokens))
    rng = np.random.default_rng(0)
    rows = []
    for shard in shards:  # one after the other: not all are in memory as floating numbers
        tokens = content(shard)[0].tokens
        chosen = rng.random(len(tokens)) < share
        rows.append(tokens[chosen])
    codec = ResidualCodec(n_centroids, bits, buckets="uniform", rng=0)
    return codec.fit(np.concatenate(rows))


def content(shard: Path) -> tuple[TokenIndex, list[folders.Passage]]:
    """The vectors of a shard that has them, and its passages."""
    with shard.open("rb") as file, np.load(file) as stored:
        told = json.loads(stored["passages"].tobytes())
        index = TokenIndex(stored["tokens"].astype(np.float32), stored["offsets"])
    return index, [folders.Passage(*passage) for passage in told]


def give_up_vectors(shard: Path) -> None:
    """Write a shard anew with its passages alone."""
    buffer = io.BytesIO()
    with shard.open("rb") as file, np.load(file) as stored:
        np.savez(buffer, passages=stored["passages"])
    folders.aside(shard, buffer.getvalue())


def read(out: Path) -> tuple[Any, dict[int, folders.Passage]]:
    """The index of a folder, compressed or not, and the passage of each document's number."""
    if not is_compressed(out):
        plain, passages = folders.read(out)
        return plain, dict(enumerate(passages))
    index = CompressedIndex.load(out / CODES)
    numbers, found = index.key_numbers(), {}
    for shard in sorted(out.glob("*.npz")):
        try:
            with shard.open("rb") as file, np.load(file) as stored:
                told = json.loads(stored["passages"].tobytes())
            for i, passage in enumerate(told):
                found[numbers[f"{shard.stem}:{i}"]] = folders.Passage(*passage)
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise StorageError(
                f"search: {shard} is damaged or not finished ({error}); tokenlab index mends it."
            ) from None
    if len(found) != index.n_docs:
        raise StorageError(f"search: {str(out)!r} lacks passages; tokenlab index mends it.")
    return index, found
