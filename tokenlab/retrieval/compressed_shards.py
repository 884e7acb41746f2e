"""Compressed indexes on the workers of a cluster, searched as if they were one.

The search is that of one index (`compressed_search`), whose three looks at the documents are taken by
tasks: tokens of the probed clusters, how many documents may answer, and MaxSim of the few that are
looked at closely. Probes, and what a miss is worth, are chosen by the sizes of all shards together.
"""

from functools import cached_property
from typing import Any

import numpy as np

from tokenlab.numerics import offsets_of, topk
from tokenlab.retrieval.compressed_search import (
    Looks,
    Scanned,
    Settings,
    best_scanned,
    chosen_probes,
    gains,
    joined,
    kept_tokens,
    scored,
)

__all__: list[str] = []


class Whole:
    """What all shards are together: the codec, the sizes of clusters, and who is still there."""

    def __init__(self, run: Any, first: list[int], told: list[Any]):
        self.run, self.first = run, first  # run: a function of all shards, by tasks
        self.sizes = np.sum([one.sizes for one in told], axis=0)  # (n_centroids,)
        self.n_tokens = sum(one.n_tokens for one in told)
        self.n_numbers = first[-1]
        self.codec = run(codec_of)[0]  # they are all the same
        self.has_keys = any(one.has_keys for one in told)

    @property
    def index(self) -> "Whole":
        """All shards, to a search that looks at an index."""
        return self

    @property
    def d(self) -> int:
        """The width of a token."""
        return self.codec.d

    @cached_property
    def alive(self) -> np.ndarray:
        """Which of all numbers are there; asked for only where somebody names documents."""
        return np.concatenate(self.run(alive_of))

    def key_numbers(self) -> dict[str, int]:
        """The number of each key, over all shards."""
        # A name that is in two shards goes to the later one.
        tables = zip(self.run(keys_of), self.first, strict=False)
        return {key: number + first for table, first in tables for key, number in table.items()}

    # The three looks. A shard's documents are `first` and following of all.

    def parts(self, allowed: Any) -> list[Any]:
        """A mask over all numbers, cut into those of the shards."""
        if allowed is None:
            return [None] * (len(self.first) - 1)
        return np.split(allowed, self.first[1:-1])

    def candidates(
        self, query: Any, centroid_scores: Any, settings: Settings, allowed: Any
    ) -> tuple[Any, Any]:
        """The documents that may be among the best, in order of their numbers, and their scores."""
        probes, worth = chosen_probes(self, centroid_scores, settings)
        masks = self.parts(allowed)
        if not settings.kth:  # what a miss is worth is known: each shard scores its own
            found = self.run(best_of, query, probes, worth, settings, each=masks)
            docs, scores = (np.concatenate(lists) for lists in zip(*found, strict=True))
            return docs, scores
        # XTR's rule needs the best tokens of all shards before anything is scored.
        tokens = joined(
            [Scanned(*part) for part in self.run(tokens_of, query, probes, worth, settings)]
        )
        # The last of the k' best of all is what a miss is worth, ties as in one index.
        *kept, missing = best_scanned(*tokens, settings.k_prime, worth)
        docs, places = np.unique(kept[1], return_inverse=True)  # those few alone
        gain, _ = gains(kept[0], places.astype(np.int32), kept[2], missing, len(docs))
        # Eq. (3), added up in the order of one index: the same bits.
        scores = float(missing.sum(dtype=np.float64)) + gain
        inside = slice(None) if allowed is None else allowed[docs]
        return docs[inside], scores[inside]

    def exact_scores(self, query: Any, numbers: Any, source: Any) -> Any:
        """MaxSim of some documents by what is decoded; their numbers rise."""
        # Each shard reads its own.
        ends = np.searchsorted(numbers, self.first[1:-1])
        return np.concatenate(self.run(closely, query, each=np.split(numbers, ends)))

    def owning(self, allowed: Any) -> int:
        """How many of the allowed documents have tokens."""
        return sum(self.run(owners_of, each=self.parts(allowed)))


# What the workers do.


def codec_of(shard: Any, first: int) -> Any:
    """The codec, which is that of all shards."""
    return shard.index.codec


def alive_of(shard: Any, first: int) -> np.ndarray:
    """Which documents are there."""
    return shard.index.alive


def keys_of(shard: Any, first: int) -> dict[str, int]:
    """The keys and their numbers in the shard."""
    return shard.index.key_numbers()


def owners_of(shard: Any, first: int, allowed: Any) -> int:
    """How many of the allowed documents have tokens."""
    return Looks(shard.index).owning(allowed)


def tokens_of(shard: Any, first: int, query: Any, probes: Any, worth: Any, settings: Any) -> Any:
    """The best scanned tokens of each query token, owners by their numbers over all shards."""
    # Blocks of query tokens follow each other, and so do their tokens.
    blocks = [kept for kept, _ in kept_tokens(shard.index, query, probes, worth, settings)]
    lengths, owners, sims = (
        np.concatenate(parts)
        for parts in zip(*((np.diff(a), b, c) for a, b, c in blocks), strict=True)
    )
    return offsets_of(lengths), owners.astype(np.int64) + first, sims


def best_of(
    shard: Any, first: int, query: Any, probes: Any, worth: Any, settings: Any, allowed: Any
) -> tuple[Any, Any]:
    """The documents that can still be among the best of all, in order of their numbers."""
    docs, scores = scored(shard.index, query, probes, worth, settings, allowed)
    # More than these can be no answer, and would be sent for nothing.
    best = np.sort(topk(scores, max(settings.k, settings.rerank)).ids)
    return docs[best] + first, scores[best]


def closely(shard: Any, first: int, query: Any, numbers: Any) -> Any:
    """MaxSim of some documents from what is decoded of them."""
    return Looks(shard.index).exact_scores(query, numbers - first, None)
