"""The pruning rules of this package on what a vision transformer computes: `rule(block, k)`.

    model.forward(photo, prune=Schedule({5: 64}).prune(RULES["todre"]))

Each gets the `Block` behind a layer, CLS first, and returns a `Reduction` of its patches to about
`k`. CLS attention stands for what a rule reads from a language model's questions; FastV and
SparseVLM ask a text and have no place here.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tokenlab.pruning import (
    clusters,
    divprune,
    evit,
    hiprune,
    todre,
    token_transforming,
    tome,
    uniform,
    visionzip,
)
from tokenlab.pruning.reduction import Reduction, selection
from tokenlab.pruning.scores import cls_row, column_mean

__all__ = ["RULES", "grid_of", "merge_to"]


def grid_of(n: int, k: int) -> np.ndarray:
    """Positions of a plain grid of about `k` of `n` patches, which lie in a square."""
    side = math.isqrt(n)  # 16
    rows = max(1, math.isqrt(k))  # 8 for 64
    places = np.arange(rows) * side // rows  # every second one of 16 for 8
    return (places[:, None] * side + places).reshape(-1)


def merge_to(keys: Any, k: int) -> Reduction:
    """Token Merging down to `k`, by at most half at a time."""
    # A round joins pairs between two halves, so that it can at most halve.
    total = tome.reduce(keys, min(len(keys) - k, len(keys) // 2))
    while len(total) > k:
        left = total.apply(keys)  # (n, d), averaged
        fewer = tome.reduce(left, min(len(left) - k, len(left) // 2), size=total.size)
        total = total.compose(fewer)
    return total


def keys_of(block: Any) -> Any:
    """The keys of the patches, all heads side by side: (n, h d_h)."""
    k = block.k[:, 1:]  # without CLS: (h, n, d_h)
    return k.swapaxes(0, 1).reshape(k.shape[1], -1)


def top_cls(block: Any, k: int) -> Reduction:
    """The patches that CLS attends to most."""
    scores = cls_row(block.attention)  # (n,)
    return selection(np.argsort(-scores, kind="stable")[:k], len(scores))


def by_hiprune(block: Any, k: int) -> Reduction:
    """HiPrune with one layer for both of its own."""
    n = len(block.x) - 1
    side = math.isqrt(n)
    scores = column_mean(block.attention)  # (n,)
    return hiprune.reduce(scores, scores, grid=(side, side), k=k)


RULES: dict[str, Callable[[Any, int], Any]] = {
    "cls": top_cls,
    "clusters": lambda block, k: clusters.reduce(block.x[1:], k=k, rng=0),
    "divprune": lambda block, k: divprune.reduce(block.x[1:], k=k),
    "evit": lambda block, k: evit.reduce(cls_row(block.attention), k=k),
    "grid": lambda block, k: selection(grid_of(len(block.x) - 1, k), len(block.x) - 1),
    "hiprune": by_hiprune,
    "random": lambda block, k: uniform.reduce(block.x[1:], k=k, rng=0),
    "todre": lambda block, k: todre.reduce(block.x[1:], k=k, pivot=cls_row(block.attention)),
    "token_transforming": lambda block, k: token_transforming.reduce(
        keys_of(block), cls_row(block.attention), k=k
    ),
    "tome": lambda block, k: merge_to(keys_of(block), k),
    "visionzip": lambda block, k: visionzip.reduce(
        cls_row(block.attention), keys_of(block), dominant=k - k // 4, contextual=k // 4
    ),
}
