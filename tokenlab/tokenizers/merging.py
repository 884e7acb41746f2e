"""Merging large texts and long chunks: counts that are kept up to date, places that are linked.

The text is the same as `bpe.learn`: the most frequent pair, of equal ones that of the lowest ids,
again and again. Recounting everything for each merge costs the text times the merges; here a merge
costs the number of places at which it happens.
"""

import heapq
import importlib.util
import itertools
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tokenlab.arrays import to_numpy
from tokenlab.engine import FIRST_USE, accelerated, current_engine

__all__: list[str] = []

Pair = tuple[int, int]


def merged(ids: Sequence[int], pair: Pair, new: int) -> list[int]:
    """The ids with a pair replaced by one token, from left to right.

    Examples
    --------
    >>> merged([1, 1, 1, 2], (1, 1), 9)
    [9, 1, 2]
    """
    out, i = [], 0
    while i < len(ids):
        if tuple(ids[i : i + 2]) == pair:  # overlaps: the left one is taken
            out.append(new)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out


class Places:
    """All distinct chunks one after the other; each place knows its neighbours within the chunk."""

    def __init__(self, chunks: Sequence[Sequence[int]], counts: Sequence[int]):
        self.ids: list[int] = []
        self.before: list[int] = []  # -1 at the beginning of a chunk
        self.after: list[int] = []  # -1 at its end
        self.weight: list[int] = []  # how often the chunk occurs
        for chunk, count in zip(chunks, counts, strict=True):
            start, n = len(self.ids), len(chunk)
            self.ids += chunk
            self.before += [-1, *range(start, start + n - 1)][:n]
            self.after += [*range(start + 1, start + n), -1][:n]
            self.weight += [count] * n
        self.counts: defaultdict[Pair, int] = defaultdict(int)
        self.where: defaultdict[Pair, set[int]] = defaultdict(set)  # places of the left token
        for place, following in enumerate(self.after):
            if following >= 0:
                self.add((self.ids[place], self.ids[following]), place)
        self.alive = len(self.ids)  # tokens that are left

    def add(self, pair: Pair, place: int) -> None:
        """A pair has come to stand at a place."""
        self.counts[pair] += self.weight[place]
        self.where[pair].add(place)

    def drop(self, pair: Pair, place: int) -> None:
        """A pair stands there no more."""
        self.counts[pair] -= self.weight[place]
        self.where[pair].discard(place)

    def merge(self, pair: Pair, new: int) -> set[Pair]:
        """Replace a pair by a token, from left to right; the pairs that came to be."""
        ids, before, after = self.ids, self.before, self.after
        made: set[Pair] = set()
        for place in sorted(self.where[pair]):  # from left to right, as in `merged`
            following = after[place]
            if ids[place] != pair[0] or following < 0 or ids[following] != pair[1]:
                continue  # an overlapping one was merged just before
            left, right = before[place], after[following]  # the neighbours of the pair
            if left >= 0:
                self.drop((ids[left], pair[0]), left)
            if right >= 0:
                self.drop((pair[1], ids[right]), following)
            # What stood beside the two parts stands beside the new token now.
            self.drop(pair, place)
            ids[place], ids[following] = new, -1
            after[place] = right
            self.alive -= 1
            if left >= 0:
                self.add((ids[left], new), left)
                made.add((ids[left], new))
            if right >= 0:
                before[right] = place
                self.add((new, ids[right]), place)
                made.add((new, ids[right]))
        self.counts.pop(pair, None)
        self.where.pop(pair, None)
        return made


def learn_quickly(
    chunks: Sequence[Sequence[int]],
    counts: Sequence[int],
    n_merges: int,
    first: int,
    min_count: int,
    allowed: Callable[[Pair], bool],
    name: Callable[[Pair, int], None],
) -> list[Pair]:
    """The merges in order; the token of merge i is `first + i`, and `name` is told of each."""
    places = Places(chunks, counts)
    # most frequent first, of equal ones the lowest ids
    queue = [(-count, pair) for pair, count in places.counts.items()]
    heapq.heapify(queue)
    merges: list[Pair] = []
    while queue and len(merges) < n_merges:
        count, pair = heapq.heappop(queue)
        current = places.counts.get(pair, 0)
        if current != -count:  # the count has changed since: look again later
            if current > 0:
                heapq.heappush(queue, (-current, pair))
            continue
        if current < min_count:
            break
        if not allowed(pair):  # too long, or spelled already
            continue
        new = first + len(merges)
        name(pair, new)
        merges.append(pair)  # its token is `first` and how many came before
        for made in places.merge(pair, new):
            heapq.heappush(queue, (-places.counts[made], made))
    return merges


def queued(ids: list[int], rank: dict[Pair, tuple[int, int]]) -> list[int]:
    """The same merges with a queue of pairs by rank and place: n log n for long chunks."""
    n = len(ids)
    # neighbours of each place; -1 at the ends
    before, after = [*range(-1, n - 1)], [*range(1, n), -1]
    queue = [
        (rank[pair], i, pair) for i, pair in enumerate(itertools.pairwise(ids)) if pair in rank
    ]
    heapq.heapify(queue)
    while queue:
        (_, new), i, pair = heapq.heappop(queue)
        j = after[i]
        if ids[i] != pair[0] or j < 0 or ids[j] != pair[1]:
            continue  # one of the two was merged since
        ids[i], ids[j] = new, -1
        after[i] = after[j]
        if after[i] >= 0:
            before[after[i]] = i
        for left in (before[i], i):  # the pairs that the new token makes with its neighbours
            if left >= 0 and after[left] >= 0:
                found = ids[left], ids[after[left]]
                if found in rank:
                    heapq.heappush(queue, (rank[found], left, found))
    return [token for token in ids if token >= 0]


# Both as functions of arrays, which have twins.


def twins_run(n: int) -> bool:
    """Whether a twin would merge `n` ids: without one, dictionaries that are there are quicker."""
    chosen = current_engine()
    if chosen != "auto" or importlib.util.find_spec("numba") is None:
        return chosen == "numba"
    return n >= FIRST_USE * 100 or "tokenlab.kernels.tokenizers" in sys.modules


@accelerated("tokenizers.learned_merges", work=lambda ids, *_: len(ids), pays_from=100)
def learned_merges(
    ids: Any,
    offsets: Any,
    counts: Any,
    n_merges: int,
    tokens: Sequence[bytes],
    min_count: int,
    longest: int,
) -> Any:
    """The merges of chunks `ids[offsets[i]:offsets[i + 1]]` that occur `counts[i]` times, (m, 2)."""
    all_ids = to_numpy(ids).tolist()
    chunks = [all_ids[a:b] for a, b in itertools.pairwise(to_numpy(offsets).tolist())]
    spelled = list(tokens)  # grows with the merges
    known = set(spelled)  # a merge that spells what was there before makes no token

    def name(pair: Pair, new: int) -> None:
        spelled.append(spelled[pair[0]] + spelled[pair[1]])

    def allowed(pair: Pair) -> bool:
        made = spelled[pair[0]] + spelled[pair[1]]
        return made not in known and len(made) <= longest

    times = to_numpy(counts).tolist()  # of each chunk
    first = len(spelled)  # merges make the tokens behind these
    merges = learn_quickly(chunks, times, n_merges, first, min_count, allowed, name)
    return np.array(merges, dtype=np.int64).reshape(-1, 2)


@accelerated("tokenizers.merged_chunks", work=lambda ids, *_: len(ids), pays_from=100)
def merged_chunks(ids: Any, offsets: Any, pairs: Any, news: Any) -> tuple[Any, Any]:
    """Chunks with all merges done, and where each begins; merge r makes `news[r]` of `pairs[r]`."""
    rank: dict[Pair, tuple[int, int]] = {}
    made = to_numpy(news).tolist()  # the token of each merge
    for r, (a, b) in enumerate(to_numpy(pairs).tolist()):
        rank.setdefault((a, b), (r, made[r]))
    all_ids = to_numpy(ids).tolist()
    edges = to_numpy(offsets).tolist()  # where chunks begin and end
    left = [queued(all_ids[a:b], rank) for a, b in itertools.pairwise(edges)]
    ends = np.cumsum([0, *map(len, left)], dtype=np.int64)  # (n_chunks + 1,)
    return np.array([i for chunk in left for i in chunk], dtype=np.int64), ends
