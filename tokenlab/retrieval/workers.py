"""Tasks on the workers of a Dask cluster, for the shards that they hold."""

import time
from typing import Any

from tokenlab.errors import TokenlabError, public_caller
from tokenlab.numerics import TopK
from tokenlab.retrieval.shards import answer, merged

__all__: list[str] = []

FAN_IN = 16  # the results of so many shards are merged by one task


class Workers:
    """What is asked of the shards, and waited for as long as somebody may answer."""

    def __init__(self, client: Any, patience: float):
        self.client, self.patience = client, patience
        self.shards: list[Any] = []  # the tasks that load them
        self.first = [0]  # the number of each shard's first document, and of the next to come

    def task(self, function: Any, *arguments: Any) -> Any:
        """A task of its own, whose result is kept as long as somebody holds it."""
        return self.client.submit(function, *arguments, pure=False)

    def each(self, function: Any, *given: Any, each: Any = None) -> list[Any]:
        """What every shard answers, in order; `each` holds one more argument for each of them."""
        shared = self.task(tuple, given)  # sent once, and again if lost
        more = [()] * len(self.shards) if each is None else [(one,) for one in each]
        asked = zip(self.shards, self.first, more, strict=False)
        return self.results([self.task(answer, function, s, n, shared, *x) for s, n, x in asked])

    def merged(self, search: Any, queries: list[Any], k: int) -> TopK:
        """What each shard finds, merged in a tree, so that no machine holds more than a few lists."""
        given = self.task(list, queries)  # sent once, and again if lost
        asked = zip(self.shards, self.first, strict=False)
        parts = [self.task(search, shard, first, given, k) for shard, first in asked]
        while len(parts) > 1:  # neighbours, so that ties still go to the lower number
            groups = [parts[i : i + FAN_IN] for i in range(0, len(parts), FAN_IN)]
            parts = [self.task(merged, k, *group) for group in groups]
        return self.results(parts)[0]

    def results(self, futures: list[Any]) -> list[Any]:
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
