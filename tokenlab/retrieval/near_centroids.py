"""Tokens are written with a near centroid, not always the nearest, where centroids are many.

Centroids are put into groups, and each token looks at those of a few groups alone. A centroid that
is not the nearest costs a little of the codec's error, and no answer: how far a token lies from what
is decoded is kept with it.
"""

from typing import Any, NamedTuple

import numpy as np

from tokenlab.numerics import offsets_of
from tokenlab.quantization import kmeans
from tokenlab.retrieval.codec import Codes, ResidualCodec

__all__: list[str] = []

MANY = 4096  # centroids, below which each token looks at all
LOOKS = 12  # groups that a token looks at
BLOCK = 1 << 16  # tokens whose groups are chosen at once


class Groups(NamedTuple):
    """Some of the centroids each: the `members` of group g are those from `ends[g]` on."""

    means: Any
    members: Any
    ends: Any


def groups_of(centroids: Any) -> Groups | None:
    """As many groups as each then has members; None where centroids are few."""
    n_groups = round(len(centroids) ** 0.5)
    if len(centroids) < MANY:
        return None
    found = kmeans.fit(centroids, n_groups, init="random", iters=10, rng=0)
    members = found.codes.argsort(kind="stable")  # (n_centroids,), group after group
    return Groups(found.codebook, members, offsets_of(np.bincount(found.codes, minlength=n_groups)))


def encoded(codec: ResidualCodec, groups: Groups | None, tokens: Any) -> Codes:
    """What the codec writes, with the centroids of near groups."""
    if groups is None:
        return codec.encode(tokens)
    blocks = [tokens[start : start + BLOCK] for start in range(0, len(tokens), BLOCK)]
    codes = [near_centroids(block, codec.centroids_, groups) for block in blocks]
    return codec._written(tokens, np.concatenate([np.zeros(0, np.int64), *codes]))


def near_centroids(tokens: Any, centroids: Any, groups: Groups) -> Any:
    """The centroid of largest product among those of each token's best groups, `(n,)`."""
    n_groups = len(groups.means)
    looks = min(LOOKS, n_groups)
    closeness = tokens @ groups.means.T  # (n, n_groups)
    looked = closeness.argpartition(n_groups - looks, axis=1)[:, n_groups - looks :].reshape(-1)
    # All tokens that look at a group are multiplied with its members at once.
    order = looked.astype(np.uint16).argsort(kind="stable") // looks  # tokens, group after group
    runs = offsets_of(np.bincount(looked, minlength=n_groups))
    best = np.full(len(tokens), -np.inf, closeness.dtype)
    codes = np.zeros(len(tokens), np.int64)
    for g in range(n_groups):
        rows = order[runs[g] : runs[g + 1]]  # (n_rows,)
        members = groups.members[groups.ends[g] : groups.ends[g + 1]]
        if not len(members):  # a group may stay empty where centroids are equal
            continue
        product = tokens[rows] @ centroids[members].T  # (n_rows, n_members)
        first = product.argmax(axis=1)
        most = product[np.arange(len(rows)), first]
        closer = most > best[rows]
        best[rows[closer]], codes[rows[closer]] = most[closer], members[first[closer]]
    return codes
