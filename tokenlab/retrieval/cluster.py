r"""A collection on several machines: each holds a shard, and the answer is that of one machine.

    folders = save_shards(index, "/shared/faq", 3)         # or "s3://bucket/faq", by fsspec
    shards = Shards(distributed.Client("scheduler:8786"), folders)
    doc_ids, scores = shards.xtr_search(query, k_prime=1000, k=10)

What decides is merged over the shards before anything is scored: the $k'$ best tokens, whose last
is what a miss is worth. Dask loads the shards by tasks, a lost worker's again on another.
"""

import time
from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.errors import InvalidInput, TokenlabError, public_caller
from tokenlab.numerics import TopK, topk
from tokenlab.retrieval.colbert import is_several
from tokenlab.retrieval.index import Means, SearchResult, TokenIndex, checked_query
from tokenlab.retrieval.shards import Shard, best_docs, best_tokens, merged, save_shards
from tokenlab.retrieval.xtr import xtr_scores

__all__ = ["Shards", "save_shards"]

FAN_IN = 16  # the results of so many shards are merged by one task


class Shards:
    """The shards of a collection on the workers of a Dask cluster.

    Parameters
    ----------
    client : distributed.Client
    folders : sequence of str or Path
        What `save_shards` returned; every worker must be able to read them. Documents are numbered
        through, in the order of the folders.
    patience : float
        Seconds without any worker after which a search gives up.

    A query is a matrix `(n_q, d)`; a list of them is searched in one round, and a list of results
    comes back.
    """

    def __init__(self, client: Any, folders: Any, *, patience: float = 60.0):
        self.client = checks.offering("submit", "nthreads")(client, "client")
        self.patience = checks.not_negative(patience, "patience")
        self.d: Any = None  # the width, when a shard has told it
        self._loaded: list[Any] = []
        self._first = [0]  # the number of each shard's first document, and of the next to come
        self.add(*checks.sequence(folders, "folders"))

    def add(self, *folders: Any) -> None:
        """Take in more shards behind those that are loaded, which stay where they are."""
        if not folders:
            raise InvalidInput(
                f"{public_caller()}: folders is empty; expected save_shards' folders."
            )
        # Dask remembers the task that made a shard, and runs it again when the shard is lost.
        new = [self.client.submit(Shard, str(folder), pure=False) for folder in folders]
        told = self._results(
            [self.client.submit(Shard.describe, shard, pure=False) for shard in new]
        )
        widths = {self.d, *(d for _, d in told)} - {None}
        if len(widths) > 1:
            raise InvalidInput(
                f"{public_caller()}: folders hold vectors of widths {sorted(widths)}."
            )
        self.d = widths.pop()
        self._loaded += new
        self._first += [self._first[-1] + int(n) for n in np.cumsum([n for n, _ in told])]

    @property
    def n_docs(self) -> int:
        """How many documents, over all shards."""
        return self._first[-1]

    def maxsim_search(self, query: Any, *, k: int) -> Any:
        """The k documents of highest MaxSim, as `maxsim_search` finds them in one index."""
        queries = self._checked(query)
        found = self._merged(best_docs, queries, checks.count(k, "k"))
        results = [SearchResult(*both) for both in zip(*found, strict=True)]
        return results if is_several(query) else results[0]

    def xtr_search(self, query: Any, *, k_prime: int, k: int, impute: Any = "kth") -> Any:
        """The k best documents by their retrieved tokens, as `xtr_search` finds them in one index."""
        queries = self._checked(query)
        k = checks.count(k, "k")
        found = self._merged(best_tokens, queries, checks.count(k_prime, "k_prime"))
        ends = np.cumsum([len(q) for q in queries])[:-1]  # the queries' tokens stand in one matrix
        parts = zip(*(np.split(x, ends) for x in found), strict=True)
        results = [self._scored(docs, sims, k, impute) for docs, sims in parts]
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

    def _checked(self, query: Any) -> list[Any]:
        like = TokenIndex(np.zeros((1, self.d), np.float32), [0, 1])  # of the width of the shards
        return [checked_query(q, like) for q in (query if is_several(query) else [query])]

    def _merged(self, search: Any, queries: list[Any], k: int) -> TopK:
        """What each shard finds, merged in a tree, so that no machine holds more than a few lists."""
        given = self.client.submit(list, queries, pure=False)  # sent once, and again if lost
        parts = [
            self.client.submit(search, shard, first, given, k, pure=False)
            for shard, first in zip(self._loaded, self._first, strict=False)
        ]
        while len(parts) > 1:  # neighbours, so that ties still go to the lower number
            groups = [parts[i : i + FAN_IN] for i in range(0, len(parts), FAN_IN)]
            parts = [self.client.submit(merged, k, *group, pure=False) for group in groups]
        return self._results(parts)[0]

    def _results(self, futures: list[Any]) -> list[Any]:
        """Wait for tasks as long as somebody may do them."""
        from distributed import KilledWorker, TimeoutError, wait

        last_seen = time.monotonic()  # when there was a worker
        while time.monotonic() - last_seen <= self.patience:
            try:
                wait(futures, timeout=1)
                return self.client.gather(futures)
            except TimeoutError:
                last_seen = time.monotonic() if self.client.nthreads() else last_seen
            except KilledWorker as error:  # one task ended several workers: too little memory?
                raise TokenlabError(
                    f"{public_caller()}: workers are gone for good: {error}"
                ) from error
        raise TokenlabError(
            f"{public_caller()}: no worker for {self.patience:g} s. Start some; the shards are loaded again."
        )
