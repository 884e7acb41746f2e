"""Twins of byte-pair learning and encoding: the same merges, pairs as numbers in hash tables.

A pair is one number, left times 2^32 plus right. Learning keeps, for each pair, how often it occurs
and a chain of the places where it did; a place is looked at again before it is merged, so that
chains are never cleaned. Two tokens of the same bytes are told by a hash of 64 bits.
"""

import heapq
from typing import Any

import numba
import numpy as np
from numba.typed import Dict

from tokenlab.kernels import njit_in_order

SHORT = 64  # ids of a chunk that is merged without a queue
LARGE = 1 << 29  # ids
BASE = 0x9E3779B97F4A7C15  # of the hash, odd


def learned_merges(
    ids: Any, offsets: Any, counts: Any, n_merges: int, tokens: Any, min_count: int, longest: int
) -> Any:
    """Twin of `tokenlab.tokenizers.merging.learned_merges`."""
    room = len(tokens) + n_merges
    hashes = np.zeros(room, dtype=np.uint64)
    powers = np.ones(room, dtype=np.uint64)
    lengths = np.zeros(room, dtype=np.int64)
    for i, token in enumerate(tokens):
        value = 0
        for byte in token:
            value = (value * BASE + byte + 1) & (2**64 - 1)
        hashes[i] = value
        powers[i] = pow(BASE, len(token), 2**64)
        lengths[i] = len(token)
    merges = np.zeros((n_merges, 2), dtype=np.int64)
    m = _learn(
        ids.astype(np.int32 if len(ids) < LARGE else np.int64),  # places, of which there are 3 n
        offsets,
        counts.astype(np.int32) if counts.sum() < LARGE else counts,
        merges,
        len(tokens),
        min_count,
        longest,
        hashes,
        powers,
        lengths,
    )
    return merges[:m]


@njit_in_order
def _learn(  # type: ignore[no-untyped-def]
    given, offsets, counts, merges, first, min_count, longest, hashes, powers, lengths
):
    n = len(given)
    ids = given.copy()
    before = np.empty(n, dtype=given.dtype)
    after = np.empty(n, dtype=given.dtype)
    weight = np.empty(n, dtype=counts.dtype)
    # Rows of pairs, and entries: a place, and the one before it of the same pair. A merge at a
    # place makes at most two pairs, and takes one token away.
    room = 3 * n + 16
    total = np.empty(room, dtype=np.int64)
    keys = np.empty(room, dtype=np.int64)
    chain = np.empty(room, dtype=given.dtype)  # the newest entry of each pair
    stamp = np.empty(room, dtype=np.int32)
    place_of = np.empty(room, dtype=given.dtype)
    older = np.empty(room, dtype=given.dtype)
    slots = np.full(1 << 12, -1, dtype=np.int64)  # pair -> its row, a table with open places
    row_of = np.empty(1 << 12, dtype=np.int32)
    rows = entries = 0
    for c in range(len(offsets) - 1):
        for i in range(offsets[c], offsets[c + 1]):
            before[i] = i - 1 if i > offsets[c] else -1
            after[i] = i + 1 if i + 1 < offsets[c + 1] else -1
            weight[i] = counts[c]
    for i in range(n):
        if after[i] >= 0:
            key = _pair(ids[i], ids[i + 1])
            spot = _slot(key, slots)
            if slots[spot] < 0:
                slots[spot] = key
                row_of[spot] = rows
                keys[rows] = key
                total[rows] = 0
                chain[rows] = -1
                stamp[rows] = -1
                rows += 1
                if 2 * rows > len(slots):
                    slots, row_of = _wider(slots, row_of)
                    spot = _slot(key, slots)
            row = row_of[spot]
            total[row] += weight[i]
            place_of[entries] = i
            older[entries] = chain[row]
            chain[row] = entries
            entries += 1
    known = Dict.empty(numba.uint64, numba.int64)
    for i in range(first):
        known[hashes[i]] = i
    queue = [(-total[row], keys[row]) for row in range(rows)]
    heapq.heapify(queue)
    fresh = np.empty(1024, dtype=np.int32)  # pairs that a merge made or met again
    m = 0
    while len(queue) > 0 and m < len(merges):
        negative, key = queue[0]
        row = row_of[_slot(key, slots)]
        if total[row] != -negative:  # it has changed since
            if total[row] > 0:
                heapq.heapreplace(queue, (-total[row], key))
            else:
                heapq.heappop(queue)
            continue
        heapq.heappop(queue)
        if total[row] < min_count or total[row] == 0:
            break
        a = key >> 32
        b = key & 0xFFFFFFFF
        made = hashes[a] * powers[b] + hashes[b]
        if made in known or lengths[a] + lengths[b] > longest:
            continue
        new = first + m
        hashes[new] = made
        powers[new] = powers[a] * powers[b]
        lengths[new] = lengths[a] + lengths[b]
        merges[m, 0] = a
        merges[m, 1] = b
        m += 1
        n_fresh = 0
        for place in _places(chain[row], place_of, older, a == b):
            following = after[place]
            if ids[place] != a or following < 0 or ids[following] != b:
                continue
            w = weight[place]
            left = before[place]
            right = after[following]
            if left >= 0:
                total[row_of[_slot(_pair(ids[left], a), slots)]] -= w
            if right >= 0:
                total[row_of[_slot(_pair(b, ids[right]), slots)]] -= w
            ids[place] = new
            ids[following] = -1
            after[place] = right
            if right >= 0:
                before[right] = place
            for side in range(2):
                start = left if side == 0 else place
                end = place if side == 0 else right
                if start < 0 or end < 0:
                    continue
                pair = _pair(ids[start], ids[end])
                spot = _slot(pair, slots)
                if slots[spot] < 0:
                    slots[spot] = pair
                    row_of[spot] = rows
                    keys[rows] = pair
                    total[rows] = 0
                    chain[rows] = -1
                    stamp[rows] = -1
                    rows += 1
                    if 2 * rows > len(slots):
                        slots, row_of = _wider(slots, row_of)
                        spot = _slot(pair, slots)
                at = row_of[spot]
                total[at] += w
                place_of[entries] = start
                older[entries] = chain[at]
                chain[at] = entries
                entries += 1
                if stamp[at] != m:
                    stamp[at] = m
                    if n_fresh == len(fresh):
                        fresh = np.concatenate((fresh, fresh))
                    fresh[n_fresh] = at
                    n_fresh += 1
        total[row] = 0
        for j in range(n_fresh):
            if total[fresh[j]] >= min_count:  # rarer ones are never merged
                heapq.heappush(queue, (-total[fresh[j]], keys[fresh[j]]))
    return m


@njit_in_order
def _pair(a, b):  # type: ignore[no-untyped-def]
    return (np.int64(a) << 32) | np.int64(b)


@njit_in_order
def _slot(key, slots):  # type: ignore[no-untyped-def]
    """Where the table has a pair, or would have it."""
    mask = len(slots) - 1
    spot = _spot(key, mask)
    while slots[spot] >= 0 and slots[spot] != key:
        spot = (spot + 1) & mask
    return spot


@njit_in_order
def _wider(slots, row_of):  # type: ignore[no-untyped-def]
    """A table with room for twice as many."""
    wider = np.full(2 * len(slots), -1, dtype=slots.dtype)
    moved = np.empty(2 * len(slots), dtype=row_of.dtype)
    for old in range(len(slots)):
        if slots[old] >= 0:
            spot = _slot(slots[old], wider)
            wider[spot] = slots[old]
            moved[spot] = row_of[old]
    return wider, moved


@njit_in_order
def _places(entry, place_of, older, in_order):  # type: ignore[no-untyped-def]
    """The places of a pair; from left to right where they may overlap, as those of (a, a) do."""
    size = 0
    at = entry
    while at >= 0:
        size += 1
        at = older[at]
    places = np.empty(size, dtype=np.int64)
    for j in range(size):
        places[j] = place_of[entry]
        entry = older[entry]
    if in_order:
        places.sort()
    return places


def merged_chunks(ids: Any, offsets: Any, pairs: Any, news: Any) -> Any:
    """Twin of `tokenlab.tokenizers.merging.merged_chunks`."""
    slots, values = _table(np.ascontiguousarray(pairs))
    out, ends = _merge_all(ids.astype(np.int32, copy=False), offsets, slots, values, news)
    return out, ends


@njit_in_order
def _spot(key, mask):  # type: ignore[no-untyped-def]
    """Where the search for a pair begins."""
    x = np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)
    return np.int64((x >> np.uint64(20)) & np.uint64(mask))


@njit_in_order
def _table(pairs):  # type: ignore[no-untyped-def]
    """Pairs in a table with open places; the first of equal ones counts."""
    size = 16
    while size < 2 * len(pairs) + 2:
        size *= 2
    slots = np.full(size, -1, dtype=np.int64)
    values = np.zeros(size, dtype=np.int64)
    for r in range(len(pairs)):
        key = (pairs[r, 0] << 32) | pairs[r, 1]
        spot = _spot(key, size - 1)
        while slots[spot] >= 0 and slots[spot] != key:
            spot = (spot + 1) & (size - 1)
        if slots[spot] < 0:
            slots[spot] = key
            values[spot] = r
    return slots, values


@njit_in_order
def _rank(a, b, slots, values):  # type: ignore[no-untyped-def]
    """The place in line of a pair, or -1."""
    key = _pair(a, b)
    mask = len(slots) - 1
    spot = _spot(key, mask)
    while slots[spot] >= 0:
        if slots[spot] == key:
            return values[spot]
        spot = (spot + 1) & mask
    return -1


@njit_in_order
def _merge_all(given, offsets, slots, values, news):  # type: ignore[no-untyped-def]
    out = np.empty(len(given), dtype=np.int32)
    ends = np.zeros(len(offsets), dtype=np.int64)
    n_out = 0
    for c in range(len(offsets) - 1):
        chunk = given[offsets[c] : offsets[c + 1]].copy()
        n = len(chunk)
        if n > SHORT:
            n = _queued(chunk, slots, values, news)
        else:
            ranks = np.empty(n, dtype=np.int64)
            for i in range(n - 1):
                ranks[i] = _rank(chunk[i], chunk[i + 1], slots, values)
            while n > 1:
                best = -1
                for i in range(n - 1):
                    if ranks[i] >= 0 and (best < 0 or ranks[i] < ranks[best]):
                        best = i
                if best < 0:
                    break
                chunk[best] = news[ranks[best]]
                for i in range(best + 1, n - 1):
                    chunk[i] = chunk[i + 1]
                    ranks[i] = ranks[i + 1]
                n -= 1
                if best < n - 1:
                    ranks[best] = _rank(chunk[best], chunk[best + 1], slots, values)
                if best > 0:
                    ranks[best - 1] = _rank(chunk[best - 1], chunk[best], slots, values)
        for i in range(n):
            out[n_out] = chunk[i]
            n_out += 1
        ends[c + 1] = n_out
    return out[:n_out].astype(np.int64), ends


@njit_in_order
def _queued(ids, slots, values, news):  # type: ignore[no-untyped-def]
    """A long chunk with a queue of ranks and places; how many ids are left in front."""
    n = len(ids)
    before = np.empty(n, dtype=np.int32)
    after = np.empty(n, dtype=np.int32)
    queue = [np.int64(0)]  # rank and place in one number
    queue.pop()
    for i in range(n):
        before[i] = i - 1
        after[i] = i + 1 if i + 1 < n else -1
        rank = _rank(ids[i], ids[i + 1], slots, values) if i + 1 < n else -1
        if rank >= 0:
            queue.append(_pair(rank, i))
    heapq.heapify(queue)
    while len(queue) > 0:
        key = heapq.heappop(queue)
        rank, i = int(key >> 32), int(key & 0xFFFFFFFF)
        j = after[i]
        if ids[i] < 0 or j < 0 or _rank(ids[i], ids[j], slots, values) != rank:
            continue  # one of the two was merged since
        ids[i] = news[rank]
        ids[j] = -1
        after[i] = after[j]
        if after[i] >= 0:
            before[after[i]] = i
        for side in range(2):
            left = before[i] if side == 0 else i
            if left >= 0 and after[left] >= 0:
                found = _rank(ids[left], ids[after[left]], slots, values)
                if found >= 0:
                    heapq.heappush(queue, _pair(found, left))
    left = 0
    for i in range(n):
        if ids[i] >= 0:
            ids[left] = ids[i]
            left += 1
    return left
