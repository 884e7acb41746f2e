"""A collection whose tokens are kept in a few bits, and a search that reads few of them.

The codec is `tokenlab.retrieval.codec`, the search `tokenlab.retrieval.warp`; both are papers. This
is what makes an index of them: documents come and go, have numbers that stay and keys, and what was
lost can be measured (`recall_report`) or ruled out (`certified_search`).

    index = CompressedIndex.build(token_index, bits=4, rng=0)
    result = index.search(query, k=10, n_probe=8, impute="kth", rerank=100, source=token_index)
    index.save("my.index")
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import to_numpy
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.retrieval.certified import Certified, RecallRow, cheapest, exactly, report
from tokenlab.retrieval.codec import ResidualCodec, n_centroids_for, sample_size
from tokenlab.retrieval.compressed_documents import Documents
from tokenlab.retrieval.compressed_inputs import (
    allowed_docs,
    collection,
    own_query,
    own_source,
)
from tokenlab.retrieval.compressed_search import Looks, Settings, best_documents
from tokenlab.retrieval.index import SearchResult, TokenIndex
from tokenlab.retrieval.warp import Probes, bucket_table, table_scores, warp_select

__all__ = [
    "Certified",
    "CompressedIndex",
    "Probes",
    "RecallRow",
    "bucket_table",
    "cheapest",
    "table_scores",
    "warp_select",
]


Keys = Sequence[str] | None


class CompressedIndex(Documents):
    """Documents whose tokens are a centroid each and a few bits of the rest. In NumPy.

    Parameters
    ----------
    codec : ResidualCodec
        Fitted; `CompressedIndex.build` fits one to a collection.

    Raises
    ------
    InvalidInput
        A codec that was not fitted, or something else.

    Examples
    --------
    >>> index = CompressedIndex.build([[[1.0, 0.0], [0.8, 0.6]], [[0.0, 1.0]]], bits=8, rng=0)
    >>> index.search([[0.0, 1.0]], k=1).doc_ids.tolist()
    [1]
    >>> index.add([[[-1.0, 0.0]]]).tolist(), index.delete([0]), index.doc_ids.tolist()
    ([2], None, [1, 2])
    """

    @classmethod
    def build(
        cls,
        index: TokenIndex | Sequence[Any],
        *,
        n_centroids: int | None = None,
        bits: int = 4,
        buckets: str = "lloyd",
        keys: Keys = None,
        rng: np.random.Generator | int | None = None,
    ) -> "CompressedIndex":
        """Fit a codec to a collection and add all of it; document i has the number i.

        Parameters
        ----------
        index : TokenIndex, or a list of `(n_i, d)` matrices
        n_centroids, bits, buckets, rng
            Of the `ResidualCodec`. `"uniform"` buckets are searched fastest.
        keys : list of str, optional
            A name for each document.

        Raises
        ------
        ShapeError, InvalidInput, DTypeError, BackendError
            No tokens at all, other bits or buckets, keys for some only or twice.
        """
        docs = collection(index, "index")
        # All tokens say how many centroids, a sample where they lie.
        # Options are looked at before anything is computed.
        codec = ResidualCodec(n_centroids, bits, buckets=buckets, rng=rng)
        codec.n_centroids = codec.n_centroids or n_centroids_for(max(1, docs.n_tokens))
        # Only what `fit` looks at is brought to the host.
        most = sample_size(codec.n_centroids)
        built = cls(codec.fit(to_numpy(codec._some_of(docs.tokens, most))))
        built.add(docs, keys=keys)
        built._merge(len(built.pieces))  # one run of tokens for each cluster
        return built

    # What finds it -------------------------------------------------------------------------------

    @takes(n_probe="count", k_prime="count", rerank="whole", k="count")
    def search(
        self,
        query: Any,
        *,
        k: int,
        n_probe: int = 32,
        t_prime: int | None = None,
        impute: str = "centroid",
        k_prime: int = 1000,
        rerank: int = 0,
        source: TokenIndex | None = None,
        among: Any = None,
    ) -> SearchResult:
        """The `k` documents of highest score among those that own a token of the probed clusters.

        Parameters
        ----------
        query : ndarray of shape (n_q, d)
        k : int
            Fewer come back when fewer are found.
        n_probe : int
            Clusters that each query token reads; as many as there are means all.
        t_prime : int, optional
            What a miss is worth is the score of the centroid at which so many tokens are passed:
            by default the root of 8 `n_tokens`. Not looked at by "kth".
        impute : "centroid" or "kth"
            "kth" lets the `k_prime` best scanned tokens of each query token count, and the last of
            them is what a miss is worth, as in XTR.
        k_prime : int
        rerank : int
            So many of the best get their MaxSim from their decoded tokens of length one, or from
            `source`; 0 leaves the scores as they are.
        source : TokenIndex, optional
            The tokens as they were: its document i is number i.
        among : list of numbers or keys, or a mask over all numbers ever given
            Leaves the others out. If less than `k` of these are found, twice as many clusters are
            probed until they are, or all are.

        Returns
        -------
        SearchResult
            Scores are sums over the query's tokens, as in `maxsim_search`; ties to the lower number.

        Raises
        ------
        ShapeError, InvalidInput, DTypeError, BackendError
            A query that does not fit, numbers of 0, documents that are unknown or deleted.
        """
        query = own_query(self, query)  # (n_q, d)
        # None is the root of the tokens that are there when the search runs.
        t_prime = None if t_prime is None else checks.count(t_prime, "t_prime")
        checks.choice(impute, "impute", ("centroid", "kth"))
        # Without a source the codes are decoded again.
        source = own_source(self, source) if source is not None else None
        # (n_numbers,) a mask over everything that ever was here
        allowed = None if among is None else allowed_docs(self, among)
        # From here on everything fits.
        settings = Settings(k, n_probe, t_prime, impute == "kth", k_prime, rerank)
        return best_documents(Looks(self), query, settings, source, allowed)

    def certified_search(self, query: Any, source: TokenIndex, *, k: int) -> Certified:
        """The answer of exact MaxSim, always, reading few documents of the source.

        The codes bound how much a document can score. The source's documents are read from the
        highest bound down, until the `k`-th best score exceeds all bounds that are left.

        Parameters
        ----------
        query : ndarray of shape (n_q, d)
        source : TokenIndex
            Its document i is number i.
        k : int

        Returns
        -------
        Certified
            `doc_ids`, `scores`, and how many documents were `read`. Deleted ones and those without
            tokens are no answer.
        """
        k = checks.count(k, "k")
        # Wrong only if the source is another collection.
        return exactly(self, own_query(self, query), own_source(self, source), k)

    def recall_report(
        self,
        queries: Sequence[Any],
        source: TokenIndex,
        *,
        k: int = 10,
        n_probes: Sequence[int] = (1, 2, 4, 8, 16, 32),
        reranks: Sequence[int] = (0, 100),
        impute: str = "kth",
    ) -> list[RecallRow]:
        """How much of the exact answer each setting finds, and in what time.

        Parameters
        ----------
        queries : list of ndarray of shape (n_q, d)
        source : TokenIndex
            Gives the exact answer and reranks.
        k : int
        n_probes, reranks : list of int
        impute : "centroid" or "kth"

        Returns
        -------
        list of RecallRow
            `n_probe`, `rerank`, `recall`, a share of the exact k best, and the medians of `seconds`
            and `exact_seconds`. `cheapest(rows, recall=0.95)` says what to take.
        """
        k = checks.count(k, "k")
        checks.choice(impute, "impute", ("centroid", "kth"))
        checked = [
            own_query(self, query, "queries") for query in checks.sequence(queries, "queries")
        ]
        if not checked:
            raise InvalidInput(f"{public_caller()}: queries is empty; expected at least one.")
        # Every number of the first with every number of the second.
        n_probes = [checks.count(n, "n_probes") for n in checks.sequence(n_probes, "n_probes")]
        reranks = [checks.whole(n, "reranks") for n in checks.sequence(reranks, "reranks")]
        source = own_source(self, source)  # document i is number i
        return report(self, checked, source, k, n_probes, reranks, impute)

    # On disk -------------------------------------------------------------------------------------

    def save(self, path: str | Path) -> Path:
        """Write the index into a folder, as `TokenIndex.save` does, but only what is new there."""
        from tokenlab.retrieval.compressed_files import save

        return save(self, Path(path))

    @classmethod
    def load(cls, path: str | Path, *, mmap: bool = True, verify: bool = True) -> "CompressedIndex":
        """Read an index that `save` wrote; the arguments are those of `TokenIndex.load`."""
        from tokenlab.retrieval.compressed_files import load

        return load(cls, Path(path), mmap=mmap, verify=verify)
