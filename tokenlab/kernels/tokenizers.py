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
        ids.astype(np.int64),
        offsets,
        counts,
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
    before = np.empty(n, dtype=np.int64)
    after = np.empty(n, dtype=np.int64)
    weight = np.empty(n, dtype=np.int64)
    number = Dict.empty(numba.int64, numba.int64)  # pair -> its row in the arrays below
    total = np.zeros(n + 16, dtype=np.int64)
    chain = np.full(n + 16, -1, dtype=np.int64)  # the newest entry of each pair
    keys = np.zeros(n + 16, dtype=np.int64)
    stamp = np.full(n + 16, -1, dtype=np.int64)
    place_of = np.empty(3 * n + 16, dtype=np.int64)  # entries: a place, and the one before it
    older = np.empty(3 * n + 16, dtype=np.int64)
    rows = 0
    entries = 0
    for c in range(len(offsets) - 1):
        for i in range(offsets[c], offsets[c + 1]):
            before[i] = i - 1 if i > offsets[c] else -1
            after[i] = i + 1 if i + 1 < offsets[c + 1] else -1
            weight[i] = counts[c]
    for i in range(n):
        if after[i] >= 0:
            key = (ids[i] << 32) | ids[i + 1]
            if key in number:
                row = number[key]
            else:
                row = rows
                number[key] = row
                keys[row] = key
                rows += 1
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
    m = 0
    while len(queue) > 0 and m < len(merges):
        negative, key = heapq.heappop(queue)
        row = number[key]
        if total[row] != -negative:  # it has changed since
            if total[row] > 0:
                heapq.heappush(queue, (-total[row], key))
            continue
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
        size = 0
        entry = chain[row]
        while entry >= 0:
            size += 1
            entry = older[entry]
        places = np.empty(size, dtype=np.int64)
        entry = chain[row]
        for j in range(size):
            places[j] = place_of[entry]
            entry = older[entry]
        places.sort()  # from left to right
        fresh = [row]
        fresh.pop()
        for place in places:
            following = after[place]
            if ids[place] != a or following < 0 or ids[following] != b:
                continue
            w = weight[place]
            left = before[place]
            right = after[following]
            if left >= 0:
                total[number[(ids[left] << 32) | a]] -= w
            if right >= 0:
                total[number[(b << 32) | ids[right]]] -= w
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
                pair = (ids[start] << 32) | ids[end]
                if pair in number:
                    at = number[pair]
                else:
                    at = rows
                    rows += 1
                    if at == len(total):
                        total = np.concatenate((total, np.zeros(at, dtype=np.int64)))
                        keys = np.concatenate((keys, np.zeros(at, dtype=np.int64)))
                        chain = np.concatenate((chain, np.full(at, -1, dtype=np.int64)))
                        stamp = np.concatenate((stamp, np.full(at, -1, dtype=np.int64)))
                    number[pair] = at
                    keys[at] = pair
                total[at] += w
                place_of[entries] = start
                older[entries] = chain[at]
                chain[at] = entries
                entries += 1
                if stamp[at] != m:
                    stamp[at] = m
                    fresh.append(at)
        total[row] = 0
        for at in fresh:
            heapq.heappush(queue, (-total[at], keys[at]))
    return m


def merged_chunks(ids: Any, offsets: Any, pairs: Any, news: Any) -> Any:
    """Twin of `tokenlab.tokenizers.merging.merged_chunks`."""
    slots, values = _table(np.ascontiguousarray(pairs))
    out, ends = _merge_all(ids.astype(np.int64), offsets, slots, values, news)
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
    key = (a << 32) | b
    mask = len(slots) - 1
    spot = _spot(key, mask)
    while slots[spot] >= 0:
        if slots[spot] == key:
            return values[spot]
        spot = (spot + 1) & mask
    return -1


@njit_in_order
def _merge_all(given, offsets, slots, values, news):  # type: ignore[no-untyped-def]
    out = np.empty(len(given), dtype=np.int64)
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
    return out[:n_out].copy(), ends


@njit_in_order
def _queued(ids, slots, values, news):  # type: ignore[no-untyped-def]
    """A long chunk with a queue of ranks and places; how many ids are left in front."""
    n = len(ids)
    before = np.arange(-1, n - 1)
    after = np.arange(1, n + 1)
    after[n - 1] = -1
    queue = [(0, 0)]
    queue.pop()
    for i in range(n - 1):
        rank = _rank(ids[i], ids[i + 1], slots, values)
        if rank >= 0:
            queue.append((rank, i))
    heapq.heapify(queue)
    while len(queue) > 0:
        rank, i = heapq.heappop(queue)
        j = after[i]
        if ids[i] < 0 or j < 0 or _rank(ids[i], ids[j], slots, values) != rank:
            continue  # one of the two was merged since
        ids[i] = news[rank]
        ids[j] = -1
        after[i] = after[j]
        if after[i] >= 0:
            before[after[i]] = i
        for left in (before[i], i):
            if left >= 0 and after[left] >= 0:
                found = _rank(ids[left], ids[after[left]], slots, values)
                if found >= 0:
                    heapq.heappush(queue, (found, left))
    left = 0
    for i in range(n):
        if ids[i] >= 0:
            ids[left] = ids[i]
            left += 1
    return left
