"""What a cluster's workers do: shards in folders, opened where they are needed, and their best.

A folder may be an address of `fsspec`, as `"s3://bucket/faq"`. The other half is `cluster.py`.
"""

import hashlib
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tokenlab.arguments import takes
from tokenlab.arrays import to_numpy
from tokenlab.errors import MissingDependency, StorageError, public_caller
from tokenlab.numerics import TopK, topk
from tokenlab.retrieval import storage
from tokenlab.retrieval.codec import ResidualCodec, fitted
from tokenlab.retrieval.colbert import maxsim
from tokenlab.retrieval.compressed import CompressedIndex
from tokenlab.retrieval.index import TokenIndex
from tokenlab.retrieval.xtr import token_topk

__all__ = ["save_shards"]


@takes(index=TokenIndex, n_shards="count")
def save_shards(
    index: TokenIndex, folder: str | Path, n_shards: int, *, codec: ResidualCodec | None = None
) -> list[str]:
    """Save runs of documents, of about equally many tokens each, in folders of their own.

    Parameters
    ----------
    index : TokenIndex
    folder : str or Path
        New or empty, or with shards in it: these stay as they are, and the new ones come behind.
    n_shards : int
    codec : ResidualCodec, optional
        Fitted; the shards are compressed by it then, and searched by `Shards.search`. All shards of a
        collection need the same, also those that are added later.

    Returns
    -------
    list of str
        The folders of the new shards, in the order of their documents.

    Examples
    --------
    >>> index = TokenIndex.from_docs([[[0.9, 0.1], [0.2, 0.7]], [[0.8, 0.3]]])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     folders = save_shards(index, folder, 2)
    ...     TokenIndex.load(folders[1], mmap=False)
    TokenIndex(n_docs=1, n_tokens=1, d=2, float64)
    """
    coded = None if codec is None else fitted(codec, "codec")
    folder, there = str(folder).rstrip("/"), _names(folder)
    if not all(name.startswith("shard-") for name in there):
        raise StorageError(f"save_shards: {folder} holds something else; choose a new folder.")
    # A document goes where its first token falls when the tokens are cut into equal parts.
    offsets = to_numpy(index.offsets)  # of an index on a GPU, too
    cuts = offsets[:-1].searchsorted(np.linspace(0, index.n_tokens, n_shards + 1)[1:-1])
    ends = [0, *cuts.tolist(), index.n_docs]  # n_shards + 1 documents
    # Numbers go on, so that nothing which a searcher may have open is written over.
    folders = [f"{folder}/shard-{len(there) + i:05d}" for i in range(n_shards)]
    for name, start, stop in zip(folders, ends[:-1], ends[1:], strict=True):
        rows = slice(int(offsets[start]), int(offsets[stop]))
        # Views of what is given: no second copy of the vectors.
        part: Any = TokenIndex(index.tokens[rows], index.offsets[start : stop + 1] - rows.start)
        if coded is not None:
            tokens, part = part, CompressedIndex(coded)
            part.add(tokens)
        if "://" not in folder:
            part.save(name)
            continue
        with tempfile.TemporaryDirectory() as draft:  # complete here, then sent
            _files(name).put(f"{part.save(Path(draft) / 'shard')}/", name, recursive=True)
    return folders


def _files(address: str) -> Any:
    """The file system of an address: an object store, another machine."""
    try:
        import fsspec
    except ImportError as error:
        raise MissingDependency(
            f'{public_caller()}: {address} needs fsspec. Run: pip install "dask[distributed]"'
        ) from error
    return fsspec.url_to_fs(address)[0]


def _names(folder: str | Path) -> list[str]:
    """What a folder holds; nothing where there is none."""
    if "://" in str(folder):
        files = _files(str(folder))
        return (
            [Path(at).name for at in files.ls(folder, detail=False)] if files.exists(folder) else []
        )
    # Hidden files count, too: they are somebody's.
    return [at.name for at in Path(folder).iterdir()] if Path(folder).exists() else []


class Shard:
    """An index on a worker. It is sent as the name of its folder, and opened again where it goes."""

    def __init__(self, folder: str):
        self.folder, local = folder, folder
        if "://" in folder:
            from distributed import get_worker

            local = tempfile.mkdtemp(dir=get_worker().local_directory)  # goes when the worker goes
            _files(folder).get(f"{folder}/", local, recursive=True)
        found = storage.manifest_of(Path(local)).get("format")
        kind = CompressedIndex if found == "tokenlab.CompressedIndex" else TokenIndex
        self.index: Any = kind.load(local)  # its arrays are mapped, and read when they are used

    def __reduce__(self) -> Any:
        return Shard, (self.folder,)

    def __sizeof__(self) -> int:  # Dask moves tasks to what is large, and not the other way
        kept = self.index if isinstance(self.index, CompressedIndex) else self.index.tokens
        return int(kept.nbytes) + sys.getsizeof(self.folder)

    def describe(self) -> "Described":
        """What the searcher must know of it."""
        index = self.index
        if isinstance(index, TokenIndex):
            return Described("TokenIndex", index.n_docs, index.d)
        codec = index.codec
        digest = hashlib.sha256()
        for array in (codec.centroids_, codec.cutoffs_, codec.levels_):
            digest.update(np.ascontiguousarray(array).tobytes())
        own = (index.sizes, index.n_tokens, digest.hexdigest(), index.has_keys)
        return Described("CompressedIndex", index.n_numbers, index.d, *own)


class Described(NamedTuple):
    """What a shard tells; the last four of compressed ones."""

    kind: str
    n_docs: int  # numbers that were ever given
    d: int
    sizes: Any = None
    n_tokens: int = 0
    codec: str = ""
    has_keys: bool = False


# What the workers do. Documents are numbered over all shards: `first` is a shard's first one.


def answer(function: Any, shard: Shard, first: int, given: tuple[Any, ...], *more: Any) -> Any:
    """What a function makes of a shard and of arguments that were sent together."""
    return function(shard, first, *given, *more)


def best_docs(shard: Shard, first: int, queries: list[Any], k: int) -> TopK:
    """The k best documents of a shard for each query, both `(n_queries, k)`."""
    found = topk(maxsim(queries, shard.index), k)  # (n_queries, min(k, n_docs))
    return TopK(found.ids + first, found.values)


def best_tokens(shard: Shard, first: int, queries: list[Any], k: int) -> TopK:
    """The documents and the similarities of the k best tokens for each token of all queries."""
    found = token_topk(np.concatenate(queries), shard.index, k)  # (all n_q, k)
    return TopK(shard.index.token_to_doc[found.ids] + first, found.values)


def merged(k: int, *parts: TopK) -> TopK:
    """The k best of several shards, ties to the shard that stands first."""
    ids, values = (np.concatenate(lists, axis=1) for lists in zip(*parts, strict=True))
    best = topk(values, k)  # of (n, k of all parts): equal ones stand in the order of the shards
    return TopK(np.take_along_axis(ids, best.ids, axis=1), best.values)
