r"""A collection on several machines: each holds a shard, and the answer is that of one machine.

    folders = save_shards(index, "/shared/faq", 3)         # or "s3://bucket/faq", by fsspec
    shards = Shards(distributed.Client("scheduler:8786"), folders)
    doc_ids, scores = shards.xtr_search(query, k_prime=1000, k=10)

What decides is merged over the shards before anything is scored: the $k'$ best tokens, whose last
is what a miss is worth. Dask loads the shards by tasks, a lost worker's again on another.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.numerics import topk
from tokenlab.retrieval.colbert import is_several
from tokenlab.retrieval.compressed_inputs import allowed_docs, own_query
from tokenlab.retrieval.compressed_search import Settings, best_documents
from tokenlab.retrieval.compressed_shards import Whole
from tokenlab.retrieval.index import Means, SearchResult, TokenIndex, checked_query
from tokenlab.retrieval.shards import Described, Shard, best_docs, best_tokens, save_shards
from tokenlab.retrieval.workers import Workers
from tokenlab.retrieval.xtr import xtr_scores

__all__ = ["Shards", "save_shards"]

AT_ONCE = 16  # queries of a list that are under way together


class Shards:
    """The shards of a collection on the workers of a Dask cluster.

    A query is a matrix `(n_q, d)`; a list of them is searched in one round, and a list of results
    comes back.

    Parameters
    ----------
    client : distributed.Client
    folders : sequence of str or Path
        What `save_shards` returned; every worker must be able to read them. Documents are numbered
        through, in the order of the folders.
    patience : float
        Seconds without any worker after which a search gives up.
    """

    def __init__(self, client: Any, folders: Any, *, patience: float = 60.0):
        checks.offering("submit", "nthreads")(client, "client")
        checks.not_negative(patience, "patience")
        self._workers = Workers(client, patience)
        self._told: list[Described] = []
        self.add(*checks.sequence(folders, "folders"))

    def add(self, *folders: Any) -> None:
        """Take in more shards behind those that are loaded, which stay where they are."""
        if not folders:
            raise InvalidInput(f"{public_caller()}: folders is empty; save_shards returns them.")
        # Dask remembers the task that made a shard, and runs it again when the shard is lost.
        task = self._workers.task
        new = [task(Shard, str(folder)) for folder in folders]
        told = [*self._told, *self._workers.results([task(Shard.describe, shard) for shard in new])]
        for name in ("kind", "d", "codec"):  # before anything is taken in
            if len(found := {getattr(one, name) for one in told}) > 1:
                raise InvalidInput(f"{public_caller()}: folders differ in {name}: {sorted(found)}.")
        self._told = told  # of all shards, in their order
        self._workers.shards = [*self._workers.shards, *new]
        self._workers.first = [0, *np.cumsum([one.n_docs for one in told]).tolist()]
        # What is chosen by all compressed shards together: clusters, and what a miss is worth.
        whole = told[0].kind == "CompressedIndex"
        self._whole = Whole(self._workers.each, self._workers.first, told) if whole else None

    @property
    def n_docs(self) -> int:
        """How many documents, over all shards."""
        return self._workers.first[-1]

    def maxsim_search(self, query: Any, *, k: int) -> Any:
        """The k documents of highest MaxSim, as `maxsim_search` finds them in one index."""
        queries = self._checked(query)
        # A document lies in one shard: the k best of all are among the k best of each.
        found = self._workers.merged(best_docs, queries, checks.count(k, "k"))
        results = [SearchResult(*both) for both in zip(*found, strict=True)]
        return results if is_several(query) else results[0]

    def xtr_search(self, query: Any, *, k_prime: int, k: int, impute: Any = "kth") -> Any:
        """The k best documents by their retrieved tokens, as `xtr_search` finds them in one index."""
        queries = self._checked(query)
        k = checks.count(k, "k")
        # No shard scores: what a miss is worth is known when the tokens of all are merged.
        found = self._workers.merged(best_tokens, queries, checks.count(k_prime, "k_prime"))
        ends = np.cumsum([len(q) for q in queries])[:-1]  # the queries' tokens stand in one matrix
        parts = zip(*(np.split(x, ends) for x in found), strict=True)
        results = [self._scored(docs, sims, k, impute) for docs, sims in parts]
        return results if is_several(query) else results[0]

    @takes(k="count", n_probe="count", k_prime="count", rerank="whole")
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
        among: Any = None,
    ) -> Any:
        """The k best documents of compressed shards, as `CompressedIndex.search` finds them in one."""
        whole, t_prime = self._whole, None if t_prime is None else checks.count(t_prime, "t_prime")
        self._need("CompressedIndex")
        kth = checks.choice(impute, "impute", ("centroid", "kth")) == "kth"
        settings = Settings(k, n_probe, t_prime, kth, k_prime, rerank)
        # By numbers over all shards, or by keys, which are looked up in all of them.
        allowed = None if among is None else allowed_docs(whole, among)
        queries = [own_query(whole, q) for q in (query if is_several(query) else [query])]
        with ThreadPoolExecutor(AT_ONCE) as pool:  # several queries are under way at once
            found = pool.map(lambda q: best_documents(whole, q, settings, None, allowed), queries)
        results = list(found)
        return results if is_several(query) else results[0]

    @staticmethod
    def _scored(owner: Any, sims: Any, k: int, impute: Any) -> SearchResult:
        # Only documents that own a retrieved token; all others are no candidates, Eq. (3).
        docs, token_to_doc = np.unique(owner, return_inverse=True)
        # The tokens retrieved are all the tokens there are: (n_q, k_prime) of them, each once.
        ids = np.arange(owner.size).reshape(owner.shape)
        scores = xtr_scores(ids, sims, token_to_doc.ravel(), len(docs), impute=impute).scores
        best = topk(scores, k)
        return Means(docs[best.ids], best.values)

    def _need(self, kind: str) -> None:
        if self._told[0].kind != kind:
            raise InvalidInput(
                f"{public_caller()}: folders hold shards of a {self._told[0].kind}; expected {kind}."
            )

    def _checked(self, query: Any) -> list[Any]:
        self._need("TokenIndex")
        # The searcher has no index: one token of the right width stands for it.
        like = TokenIndex(np.zeros((1, self._told[0].d), np.float32), [0, 1])
        return [checked_query(q, like) for q in (query if is_several(query) else [query])]
