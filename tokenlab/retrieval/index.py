r"""A collection of documents as token vectors: one matrix and the offsets of its documents.

The layout is that of an Arrow list: document $i$ owns the rows `offsets[i]:offsets[i + 1]`. There
is no padding, so a long document costs only itself and an empty one costs nothing.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, TypeVar

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import block_size, get_xp, is_taped, shared_library, to_numpy
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.numerics import TopK, offsets_of, topk
from tokenlab.steps import is_recording

__all__ = ["SearchResult", "TokenIndex"]

BLOCK = 1 << 20  # similarities held at once: 4 MiB of float32; more on a GPU
TOKEN_BLOCKS = 4  # so many times that where tokens are selected: each block costs a sort


class Ranking(NamedTuple):
    """What a search returns, as two arrays."""

    doc_ids: Any
    scores: Any


class SearchResult(Ranking):
    """Documents of a search, best first; documents of equal score in order of their number.

    It unpacks into its two arrays: `doc_ids, scores = maxsim_search(query, index, k=10)`.

    Attributes
    ----------
    doc_ids : ndarray of shape (k,)
        int64, the numbers of the documents in the index.
    scores : ndarray of shape (k,)
        Higher is better.
    kind : str
        Over the tokens of the query, scores are a `"sum"` (MaxSim) or a `"mean"` (XTR): the first
        grow with the query, the second do not.
    """

    # Of the class: a third entry of the tuple would break whoever unpacks two.
    kind: ClassVar[str] = "sum"

    def __repr__(self) -> str:
        return f"SearchResult(doc_ids={self.doc_ids!r}, scores={self.scores!r}, kind={self.kind!r})"

    def _repr_html_(self) -> str:
        from tokenlab.plots.notebook import search_html

        return search_html(self)


class Means(SearchResult):
    """A `SearchResult` whose scores are means."""

    kind = "mean"  # of XTR: what was not retrieved is imputed, and divided by n_q with the rest


class TokenIndex:
    r"""The token vectors of a collection, and which document owns which.

    Parameters
    ----------
    tokens : ndarray of shape (n_tokens, d)
        float32 or float64, NumPy or CuPy. float16 and small integers are widened to float32, other
        memory orders are copied to C order. What could still be changed from outside is copied, too; an
        array that nobody can write into (`flags.writeable` is False, as in a memory map) is used in
        place. Vectors are not normalised.
    offsets : ndarray of shape (n_docs + 1,)
        Integers that start at 0, never go down, and end at `n_tokens`.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        Wrong number of axes, NaN or infinite vectors, offsets out of order, objects, mixed
        libraries: the message names the argument and the fix.

    Examples
    --------
    >>> index = TokenIndex.from_docs([[[0.9, 0.1], [0.2, 0.7]], [[0.8, 0.3]]])
    >>> index
    TokenIndex(n_docs=2, n_tokens=3, d=2, float64)
    >>> index.doc(1).tolist()
    [[0.8, 0.3]]
    """

    @takes(tokens="n_tokens? d")
    def __init__(self, tokens: Any, offsets: Any):
        xp = get_xp(tokens) if isinstance(offsets, list | tuple) else get_xp(tokens, offsets)
        offsets = checks.offsets(offsets, "offsets", len(tokens), xp)
        self._set(*(x if _is_frozen(x) else x.copy() for x in (tokens, offsets)))

    def _set(self, tokens: Any, offsets: Any) -> None:
        self.tokens = tokens.view()
        self.offsets = offsets.view()
        if isinstance(tokens, np.ndarray):  # CuPy arrays have no such flag
            self.tokens.flags.writeable = self.offsets.flags.writeable = False

    @classmethod
    def _trusted(cls, tokens: Any, offsets: Any) -> "TokenIndex":
        """An index over arrays that were checked before; skips the pass over all vectors."""
        index = cls.__new__(cls)
        index._set(tokens, offsets)
        return index

    @classmethod
    def from_docs(cls, docs: Sequence[Any]) -> "TokenIndex":
        """Build an index from a list of `(n_i, d)` matrices; an empty document is `(0, d)`."""
        docs = list(checks.sequence(docs, "docs"))
        if not docs:
            raise InvalidInput(
                f"{public_caller()}: docs is empty, so the width d is unknown. For an index "
                "without documents use TokenIndex(numpy.empty((0, d)), [0])."
            )
        xp = shared_library(docs, [f"docs[{i}]" for i in range(len(docs))])
        # A bare [] has no width of its own: it takes that of the others.
        matrices = [
            None if _is_bare(doc) else checks.vectors(doc, f"docs[{i}]", f"n_{i}", xp)
            for i, doc in enumerate(docs)
        ]
        known = [(i, doc) for i, doc in enumerate(matrices) if doc is not None]
        if not known:
            raise InvalidInput(
                f"{public_caller()}: every document is [] in docs; the width is unknown."
            )
        first, like = known[0]
        for i, doc in known[1:]:
            checks.same_width(doc, f"docs[{i}]", f"n_{i}", like, f"docs[{first}]", f"n_{first}")
        lengths = [0 if doc is None else len(doc) for doc in matrices]  # (n_docs,)
        offsets = xp.asarray(np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]))
        # Concatenating promotes: one float64 document makes all of them float64.
        return cls._trusted(xp.concatenate([doc for _, doc in known]), offsets)

    @classmethod
    def from_padded(cls, array: Any, mask: Any) -> "TokenIndex":
        """Build an index from `(n_docs, n, d)` and a mask `(n_docs, n)`, True for real tokens."""
        from tokenlab.padding import unpadded

        return cls(*unpadded(array, mask))

    @property
    def n_docs(self) -> int:
        """How many documents, empty ones included."""
        return len(self.offsets) - 1

    @property
    def n_tokens(self) -> int:
        """How many token vectors in all."""
        return self.tokens.shape[0]

    @property
    def d(self) -> int:
        """The width of a token vector."""
        return self.tokens.shape[1]

    @property
    def lengths(self) -> Any:
        """Tokens of each document, int64 of shape `(n_docs,)`."""
        return self.offsets[1:] - self.offsets[:-1]

    @cached_property
    def token_to_doc(self) -> Any:
        """The document of each token, int64 of shape `(n_tokens,)`."""
        xp = get_xp(self.offsets)
        # searchsorted from the right steps over empty documents, whose offsets coincide.
        owner = xp.searchsorted(self.offsets, xp.arange(self.n_tokens), side="right") - 1
        return owner.astype(xp.int64)

    def doc(self, i: int) -> Any:
        """The token vectors `(n_i, d)` of document `i`; negative `i` counts from the end."""
        i = checks.integer(i, "i")
        if not -self.n_docs <= i < self.n_docs:
            raise IndexError(f"TokenIndex.doc: i is {i}, but the index has {self.n_docs} documents")
        i %= self.n_docs  # -1 is the last one
        return self.tokens[int(self.offsets[i]) : int(self.offsets[i + 1])]

    def __getitem__(self, docs: Any) -> "TokenIndex":
        """A new index of some documents: a slice, a list of numbers, or a boolean mask."""
        xp = get_xp(self.tokens)
        if isinstance(docs, int | np.integer):
            raise TypeError("TokenIndex: index[i] is ambiguous; use index.doc(i) or index[i:i + 1]")
        if isinstance(docs, list) and not docs:
            docs = slice(0, 0)
        # Slices, lists and masks become document numbers, as NumPy reads them.
        chosen = xp.arange(self.n_docs)[xp.asarray(docs) if isinstance(docs, list) else docs]
        if chosen.ndim != 1:
            raise TypeError("TokenIndex: choose documents by a slice, a list, or a mask, of 1 axis")
        lengths = self.lengths[chosen]  # (n_chosen,)
        offsets = offsets_of(lengths)  # (n_chosen + 1,)
        # Row r of the subset lies as far behind its document's start there as here.
        shift = xp.repeat(self.offsets[chosen] - offsets[:-1], _host(lengths))
        rows = xp.arange(int(offsets[-1])) + shift
        return self._trusted(xp.take(self.tokens, rows, axis=0), offsets)

    def __iter__(self) -> Iterator[Any]:
        return (self.doc(i) for i in range(self.n_docs))

    def __len__(self) -> int:
        return self.n_docs

    def __repr__(self) -> str:
        shape = f"n_docs={self.n_docs}, n_tokens={self.n_tokens}, d={self.d}"
        return f"TokenIndex({shape}, {self.tokens.dtype})"

    def _repr_html_(self) -> str:
        from tokenlab.plots.notebook import index_html

        return index_html(self)

    def save(self, path: str | Path) -> Path:
        """Write the index into a folder of plain `.npy` files and a JSON manifest; return it.

        A crash at any moment leaves the old index or the new one, never half of one. Of two threads
        or programs that save into one folder the second waits, and the last one wins; one that
        loads meanwhile gets the old index or the new one. See `tokenlab.retrieval.storage`.
        """
        from tokenlab.retrieval.storage import TOKENS, save_index

        return save_index(self, Path(path), TOKENS)

    @classmethod
    def load(cls, path: str | Path, *, mmap: bool = True, verify: bool = True) -> "TokenIndex":
        """Read an index that `save` wrote.

        Parameters
        ----------
        path : str or Path
            The folder.
        mmap : bool
            Map the vectors into memory and read them when they are used, instead of now.
        verify : bool
            Compare the digests first, which reads every byte once, and look for NaN. Without it,
            only the manifest and the shapes are checked.

        Raises
        ------
        StorageError
            When the folder is missing, foreign, of a newer version, or damaged.
        """
        from tokenlab.retrieval.storage import TOKENS, load_arrays

        found = load_arrays(Path(path), TOKENS, mmap=mmap, verify=verify).arrays
        return cls._trusted(found["tokens"], found["offsets"])


def _is_frozen(x: Any) -> bool:
    """Whether nobody can write into an array, not through the one that it is a part of either."""
    if not isinstance(x, np.ndarray):
        return x is None or not hasattr(x, "flags")  # a memory map; CuPy has no such flag
    return not x.flags.writeable and _is_frozen(x.base)


def _is_bare(doc: Any) -> bool:
    """True for `[]`, which has no tokens and says nothing about their width."""
    return not doc if isinstance(doc, list | tuple) else getattr(doc, "shape", None) == (0,)


def _host(lengths: Any) -> Any:
    """CuPy's `repeat` takes its counts as a list, NumPy's as an array."""
    return lengths if isinstance(lengths, np.ndarray) else lengths.tolist()


def checked_query(query: Any, index: TokenIndex) -> Any:
    """The query as a finite float matrix of the index's width and array library."""
    if not isinstance(index, TokenIndex):
        raise InvalidInput(
            f"{public_caller()}: index is a {type(index).__name__}; expected a TokenIndex. "
            "Build one with TokenIndex.from_docs(list_of_matrices)."
        )
    tokens = index.tokens  # (n_tokens, d)
    query = checks.vectors(query, "query", "n_q", get_xp(query, tokens), at_least=1)
    checks.same_width(query, "query", "n_q", tokens, "tokens", "n_tokens")
    return query


# The functions of the papers are written for all tokens at once. These two run them on a part of
# the tokens after the other, so that not all similarities are held; a recording sees the whole.

F = TypeVar("F", bound=Callable[..., Any])


def by_documents(function: F) -> F:
    """For scores `(n_queries, n_docs)`, each of which depends on one document alone."""

    @functools.wraps(function)
    def call(query: Any, query_offsets: Any, tokens: Any, offsets: Any) -> Any:
        blocks = [] if at_once(query, tokens) else list(document_blocks(offsets, len(query)))
        if len(blocks) < 2:
            return function(query, query_offsets, tokens, offsets)
        parts = []  # (n_queries, documents of a block) each
        for docs, rows in blocks:
            ends = offsets[docs.start : docs.stop + 1] - rows.start  # they start at 0 again
            parts.append(function(query, query_offsets, tokens[rows], ends))
        return get_xp(query).concatenate(parts, axis=-1)

    return call  # type: ignore[return-value]


def best_of_blocks(function: F) -> F:
    """For the k best of all tokens, which are among the k best of each block."""

    @functools.wraps(function)
    def call(query: Any, tokens: Any, k: int) -> TopK:
        blocks = list(token_blocks(tokens, -(-len(query) // TOKEN_BLOCKS)))
        if len(blocks) < 2 or at_once(query, tokens):
            return function(query, tokens, k)
        xp = get_xp(query, tokens)
        found = [function(query, tokens[rows], k) for rows in blocks]
        ids = [part.ids + rows.start for part, rows in zip(found, blocks, strict=True)]
        # Earlier blocks stand in front, so that topk settles ties for the lower token.
        best = topk(xp.concatenate([part.values for part in found], axis=1), k)
        return TopK(xp.take_along_axis(xp.concatenate(ids, axis=1), best.ids, axis=1), best.values)

    return call  # type: ignore[return-value]


def at_once(*arrays: Any) -> bool:
    """While somebody records, and where gradients are taken, there is one block."""
    return is_recording() or any(map(is_taped, arrays))


def document_blocks(offsets: Any, n_columns: int) -> Iterator[tuple[slice, slice]]:
    """Runs of whole documents, as `(documents, token rows)`, of at most `BLOCK` similarities."""
    block = block_size(BLOCK, offsets)
    offsets, start = to_numpy(offsets), 0
    while start < len(offsets) - 1:
        first_row = int(offsets[start])
        # The last document that still ends inside the block, but at least one.
        last_row = first_row + max(1, block // n_columns)
        stop = max(int(offsets.searchsorted(last_row, side="right")) - 1, start + 1)
        yield slice(start, stop), slice(first_row, int(offsets[stop]))
        start = stop


def token_blocks(tokens: Any, n_columns: int) -> Iterator[slice]:
    """Runs of the rows of `tokens` whose similarities number at most `BLOCK`."""
    rows = max(1, block_size(BLOCK, tokens) // n_columns)
    return (slice(start, min(start + rows, len(tokens))) for start in range(0, len(tokens), rows))
