"""Documents of DupMAE: a dense vector each, and the few words of its bag that count most."""

from pathlib import Path
from typing import Any, NamedTuple

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.engine import accelerated
from tokenlab.errors import InvalidInput, ShapeError, public_caller
from tokenlab.numerics import segment_sum, topk
from tokenlab.retrieval.index import SearchResult
from tokenlab.steps import step

__all__ = ["DupIndex", "Lexical", "scores", "search", "sparsify"]

PAYS_FROM = 20_000  # entries


class Lexical(NamedTuple):
    """The largest entries of a bag: `ids (..., k)`, largest first, and their `values (..., k)`."""

    ids: Any
    values: Any


@takes(mu="vocab | n_docs vocab", k="count")
def sparsify(mu: Any, k: int) -> Lexical:
    """The `k` largest entries of a bag; of equal ones the lower id. None may be above the vocabulary.

    Parameters
    ----------
    mu : ndarray of shape (vocab,) or (n_docs, vocab)
    k : int

    Returns
    -------
    Lexical

    Examples
    --------
    >>> sparsify([2.0, 3.0, 1.0, -1.0], 2)
    Lexical(ids=array([1, 0]), values=array([3., 2.]))
    """
    if k > mu.shape[-1]:
        raise InvalidInput(
            f"{public_caller()}: k is {k} of vocab = {mu.shape[-1]} words; expected at most as many."
        )
    return Lexical(*topk(mu, k))


class Entries(NamedTuple):
    """The arrays of a `DupIndex`."""

    dense: Any
    offsets: Any
    ids: Any
    values: Any
    vocab: int


class DupIndex(Entries):
    """What is kept of documents; entries of document i are `offsets[i]:offsets[i + 1]`.

    Attributes
    ----------
    dense : ndarray of shape (n_docs, d)
    offsets : ndarray of shape (n_docs + 1,)
    ids, values : ndarray of shape (n_entries,)
        Words, kept as uint16 or uint32, and their numbers.
    vocab : int

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        Words outside of the vocabulary, offsets that do not fit.
    """

    __slots__ = ()

    @takes(dense="n_docs? d", ids="n_entries? int", values="n_entries?", vocab="count")
    def __new__(cls, dense: Any, offsets: Any, ids: Any, values: Any, vocab: int) -> "DupIndex":
        """Look at what comes from outside."""
        # A compiled loop reads wherever an id or an offset says, so that none may be wrong.
        xp = get_xp(dense)
        offsets = checks.offsets(offsets, "offsets", len(ids), xp, of="ids")
        if len(offsets) != len(dense) + 1:
            raise ShapeError(
                f"{public_caller()}: offsets are {offsets.shape}; expected ({len(dense) + 1},) = "
                f"(n_docs + 1,), since dense is {dense.shape}."
            )
        checks.within(ids, "ids", vocab, "vocab")
        return cls._make((dense, offsets, narrow(ids, vocab), values, vocab))

    @classmethod
    @takes(dense="n_docs d", mu="n_docs vocab", k="count")
    def build(cls, dense: Any, mu: Any, k: int) -> "DupIndex":
        """Keep the `k` largest words of each document.

        Parameters
        ----------
        dense, mu : ndarray of shape (n_docs, d), (n_docs, vocab)
        k : int
        """
        ids, values = sparsify(mu, k)  # each (n_docs, k)
        xp = get_xp(dense, mu)
        offsets = xp.arange(len(mu) + 1) * k  # every document has k entries
        ids = narrow(ids.ravel(), mu.shape[1])
        return cls._make((dense, offsets, ids, values.ravel(), mu.shape[1]))

    @property
    def n_docs(self) -> int:
        """How many documents."""
        return len(self.dense)

    @property
    def n_entries(self) -> int:
        """How many words of documents in all."""
        return len(self.ids)

    @property
    def d(self) -> int:
        """The width of a document's vector."""
        return self.dense.shape[1]

    def save(self, path: str | Path) -> Path:
        """Write the index into a folder, as `TokenIndex.save` does; return it."""
        from tokenlab.retrieval.storage import save_index  # what it imports few programs need

        return save_index(self, Path(path), stored())

    @classmethod
    def load(cls, path: str | Path, *, mmap: bool = True, verify: bool = True) -> "DupIndex":
        """Read an index that `save` wrote.

        Parameters
        ----------
        path : str or Path
            The folder.
        mmap, verify : bool
            As in `TokenIndex.load`.

        Raises
        ------
        StorageError
            When the folder is missing, foreign, of a newer version, or damaged.
        """
        from tokenlab.retrieval.storage import load_arrays

        # Looked at as they were read: not once more.
        found = load_arrays(Path(path), stored(), mmap=mmap, verify=verify)
        return cls._make((*found.arrays.values(), found.facts["vocab"]))


def narrow(ids: Any, vocab: int) -> Any:
    """Words in as few bytes as do: scores take the time in which they are read."""
    xp = get_xp(ids)
    # Without a sign no place can be meant from the end.
    return ids.astype(xp.uint16 if vocab <= 1 << 16 else xp.uint32)


def stored() -> Any:
    """What is kept of an index on disk."""
    from tokenlab.retrieval.storage import OTHER_SHAPE, Kind, fitting

    def damage(arrays: dict[str, Any], facts: dict[str, Any]) -> str | None:
        dense, ids, values = arrays["dense"], arrays["ids"], arrays["values"]
        entries = (facts["n_entries"],)  # one id and one number each
        if dense.shape != (facts["n_docs"], facts["d"]) or {ids.shape, values.shape} != {entries}:
            return OTHER_SHAPE
        if dense.dtype.kind != "f" or values.dtype.kind != "f" or ids.dtype.kind != "u":
            return f"its arrays are {dense.dtype}, {values.dtype} and {ids.dtype}"
        if len(arrays["offsets"]) != len(dense) + 1 or not fitting(arrays["offsets"], len(ids)):
            return "the offsets do not fit the words"
        # The digest may be right, and the words beyond the vocabulary nevertheless.
        if len(ids) and not 0 <= ids.min() <= ids.max() < facts["vocab"]:
            return f"a word is not among 0 to {facts['vocab'] - 1}"
        return None

    return Kind(
        name="DupIndex",
        called="a DupMAE index",
        arrays=("dense", "offsets", "ids", "values"),
        facts=("n_docs", "n_entries", "d", "vocab"),
        numbers=("dense", "values"),
        damage=damage,
    )


@takes(dense="d", mu="vocab")
def scores(dense: Any, mu: Any, index: DupIndex) -> Any:
    """The relevance of every document, Eq. (4) of `dupmae`: the query keeps its whole bag.

    Parameters
    ----------
    dense, mu : ndarray of shape (d,), (vocab,)
        The query's.
    index : DupIndex

    Returns
    -------
    ndarray of shape (n_docs,)

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        Another width or vocabulary than the index has.

    Examples
    --------
    >>> index = DupIndex.build([[0.5, -1.0]], [[2.0, 3.0, 1.0, -1.0]], 2)
    >>> scores([1.0, 2.0], [1.0, 2.0, 4.0, 0.0], index).tolist()
    [6.5]
    """
    checks.instance(index, "index", kind=DupIndex)
    came = dense.shape + mu.shape  # (d, vocab), both of the query
    if came != (index.dense.shape[1], index.vocab):
        raise ShapeError(
            f"{public_caller()}: dense is {dense.shape} and mu is {mu.shape}; expected "
            f"({index.dense.shape[1]},) and ({index.vocab},), as the index has."
        )
    bag = step(
        kept_products(mu, index.ids, index.values, index.offsets)
    )  # (n_docs,) [Σ μ_q μ_d] the words of both
    relevance = step(index.dense @ dense + bag)  # (n_docs,) [⟨q, d⟩ (4)] vectors and words
    return relevance


@accelerated("retrieval.kept_products", work=lambda mu, ids, *_: ids.size, pays_from=PAYS_FROM)
def kept_products(mu: Any, ids: Any, values: Any, offsets: Any) -> Any:
    """The second sum of (4): the query's number for every word that a document keeps."""
    return segment_sum(mu[ids] * values, offsets)  # (n_docs,)


@takes(k="count")
def search(dense: Any, mu: Any, index: DupIndex, *, k: int) -> SearchResult:
    """The `k` documents of highest `scores`; of equal ones the lower number.

    Parameters
    ----------
    dense, mu, index
        As in `scores`: ndarray of shape (d,), (vocab,), and a DupIndex.
    k : int
        All documents if there are not so many.

    Examples
    --------
    >>> index = DupIndex.build([[0.0], [1.0]], [[2.0, 3.0], [2.0, 1.0]], 1)
    >>> search([1.0], [1.0, 0.0], index, k=1).doc_ids.tolist()
    [1]
    """
    every = scores(dense, mu, index)  # (n_docs,)
    return SearchResult(*topk(every, min(k, len(every))))
