"""What comes into a compressed index: collections, numbers, keys, queries, sources."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.errors import InvalidInput, ShapeError, public_caller
from tokenlab.retrieval.index import TokenIndex

__all__: list[str] = []

MOST = 2**31 - 1  # numbers that an int32 holds


def collection(docs: Any, name: str) -> TokenIndex:
    """Documents as a TokenIndex."""
    if isinstance(docs, TokenIndex):
        return docs
    docs = list(checks.sequence(docs, name))  # (n_i, d) each
    if not docs:
        raise InvalidInput(f"{public_caller()}: {name} is empty; expected at least one document.")
    return TokenIndex.from_docs(docs)


def runs_of(offsets: np.ndarray, most: int) -> Iterator[slice]:
    """Runs of documents of at most so many tokens, at least one document each."""
    start, n_docs = 0, len(offsets) - 1
    while start < n_docs:
        # The last document that still ends inside.
        stop = int(offsets.searchsorted(offsets[start] + most, side="right")) - 1
        stop = min(max(stop, start + 1), n_docs)
        yield slice(start, stop)
        start = stop


def room_for(n: int) -> None:
    """Raise where numbers of documents no longer fit into four bytes."""
    if n > MOST:
        raise InvalidInput(
            f"{public_caller()}: docs would make {n} numbers; expected at most {MOST}."
        )


def known(index: Any, ids: Any, name: str) -> np.ndarray:
    """The numbers of documents that are there, from numbers or keys."""
    if not isinstance(ids, np.ndarray) or ids.ndim == 0:  # a generator is gone through once
        ids = list(checks.sequence(ids, name))
        if not ids:
            return np.zeros(0, np.int64)
    single = isinstance(ids, np.ndarray) and ids.ndim == 0  # refused below
    if not single and any(isinstance(i, str) for i in ids):
        return of_keys(index, ids, name)
    # Numbers from the end would name another document after the next one is added.
    numbers = checks.shaped(checks.integers(ids, name, np), name, ("n",))
    wrong = numbers[(numbers < 0) | (numbers >= index.n_numbers)]
    if wrong.size:
        raise InvalidInput(
            f"{public_caller()}: {name} has {int(wrong[0])}; numbers from 0 to "
            f"{index.n_numbers - 1} were given. See `doc_ids`."
        )
    # Given, but no longer there.
    gone = numbers[~index.alive[numbers]]
    if gone.size:
        raise InvalidInput(f"{public_caller()}: {name} has {int(gone[0])}, which was deleted.")
    return numbers


def of_keys(index: Any, ids: Sequence[Any], name: str) -> np.ndarray:
    """The numbers of documents by their keys."""
    # Deleted documents have given their keys back.
    table = index.key_numbers()
    for key in ids:
        if not isinstance(key, str) or key not in table:
            raise InvalidInput(
                f"{public_caller()}: {name} has {checks.shown(key)}, which is the key of no "
                "document that is there."
            )
    return np.array([table[key] for key in ids], np.int64)


def free_keys(index: Any, keys: Any, n_docs: int) -> list[str] | None:
    """Keys for new documents, or None; for all documents of an index or for none."""
    if keys is None:
        if index.has_keys:
            raise InvalidInput(
                f"{public_caller()}: keys is None, but the documents of this index have keys; "
                "expected one for each document."
            )
        return None
    keys = [checks.text(key, "keys") for key in checks.sequence(keys, "keys")]
    if len(keys) != n_docs:
        raise InvalidInput(
            f"{public_caller()}: keys has {len(keys)} names for {n_docs} documents; expected one each."
        )
    # Half of the documents without a name could not be asked for by theirs.
    if index.n_docs and not index.has_keys:
        raise InvalidInput(
            f"{public_caller()}: keys were given, but the documents of this index have none."
        )
    # Taken by a document that is there, or by one that comes along.
    seen = dict(index.key_numbers())
    for key in keys:
        if key in seen:
            raise InvalidInput(f"{public_caller()}: keys has {checks.shown(key)}, which is taken.")
        if not encodes(key):
            raise InvalidInput(f"{public_caller()}: keys has {key!r}, which is no text of UTF-8.")
        seen[key] = 0  # any number: it is taken
    return keys


def encodes(key: str) -> bool:
    """Whether a text can be written."""
    try:
        return key.encode() is not None
    except UnicodeEncodeError:  # half of a surrogate pair
        return False


def own_query(index: Any, query: Any, name: str = "query") -> np.ndarray:
    """The query as a finite float matrix of the index's width."""
    # In the precision of the centroids, or of the query if that is wider.
    query = checks.vectors(query, name, "n_q", np, at_least=1)
    centroids = index.codec.centroids_
    checks.same_width(query, name, "n_q", centroids, "centroids", "n_centroids")
    return query.astype(np.result_type(query, centroids), copy=False)


def own_source(index: Any, source: Any) -> TokenIndex:
    """A collection whose document i is number i."""
    source = checks.instance(source, "source", kind=TokenIndex)
    # Its later documents may not have been added yet.
    if source.n_docs < index.n_numbers or source.d != index.d:
        raise ShapeError(
            f"{public_caller()}: source has {source.n_docs} documents of width {source.d}; expected "
            f"the {index.n_numbers} of this index, of width {index.d}: document i is number i."
        )
    return source


def allowed_docs(index: Any, among: Any) -> np.ndarray:
    """A mask over all numbers: those that are allowed and there."""
    # Numbers and truth values look alike in a list: [True, False] is a mask.
    if isinstance(among, list) and among and all(isinstance(x, bool | np.bool_) for x in among):
        among = np.array(among)
    if isinstance(among, np.ndarray) and among.dtype.kind == "b":
        # A mask is written down once, and may go on allowing what is deleted later.
        if among.shape != index.alive.shape:
            raise ShapeError(
                f"{public_caller()}: among is {among.shape}; expected a mask over all numbers ever "
                f"given, {index.alive.shape}."
            )
        return among & index.alive
    mask = np.zeros(index.n_numbers, bool)
    mask[known(index, among, "among")] = True
    return mask
