"""Every rule of the tour on the four photos, by number of the photo and share that is kept."""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from tokenlab.data import load_vit_photos
from tokenlab.pruning import (
    Reduction,
    clusters,
    divprune,
    evit,
    fastv,
    hiprune,
    recoverable,
    todre,
    token_transforming,
    tome,
    transprune,
    uniform,
    visionzip,
)

BLOCK = 6  # states are those after this block; rules may look at it and at earlier ones
DRAWS = 10  # of the random rule


class Rule(NamedTuple):
    """A rule, by name: photo number and share -> what is left of its patches."""

    name: str
    reduce: Callable[[int, float], Reduction]
    selection: str = "scores"  # what `flops.selection_multiply_adds` calls it
    draws: int = 1


def rules() -> list[Rule]:
    """Every rule that needs neither a text nor training, on the states of block 6."""
    return [
        Rule("random", lambda i, k: random_tokens(i, k, 0), draws=DRAWS),
        Rule("stride", lambda i, k: uniform.reduce(hidden(i), k=k, how="stride")),
        Rule(
            "CLS top", lambda i, k: evit.reduce(cls_scores(i), k=k, fused=False, rounding="half_up")
        ),
        Rule("EViT", lambda i, k: evit.reduce(cls_scores(i), k=k, rounding="half_up")),
        Rule("FastV", lambda i, k: fastv.reduce(attention(i), k=k, image=slice(1, None))),
        Rule("HiPrune", keep_hiprune),
        Rule(
            "TransPrune, TTV",
            lambda i, k: transprune.reduce(ttv_scores(i), k=k, rounding="half_up"),
        ),
        Rule("DivPrune", lambda i, k: divprune.reduce(hidden(i), k=k), "pairs"),
        Rule("ToDRE 1, k-center", lambda i, k: keep_todre(i, k, 1), "k_center"),
        Rule("ToDRE 2, max-sum", lambda i, k: keep_todre(i, k, 2), "max_sum"),
        Rule("VisionZip", keep_visionzip),
        Rule("ToMe", keep_tome, "bipartite"),
        Rule("k-means", lambda i, k: clusters.reduce(hidden(i), k=k, rng=0), "k_center"),
        Rule("many-to-many (ours)", keep_transform, "k_center"),
    ]


def random_tokens(i: int, k: float, seed: int) -> Reduction:
    return uniform.reduce(hidden(i), k=k, rng=1000 * i + seed)


def keep_hiprune(i: int, k: float) -> Reduction:
    # Pruning is after block 6, so that no deeper block can tell of registers.
    return hiprune.reduce(column_scores(i, BLOCK - 1), column_scores(i), grid=(16, 16), k=k)


def keep_todre(i: int, k: float, version: int) -> Reduction:
    return todre.reduce(hidden(i), k=k, version=version, pivot=cls_scores(i))


def keep_visionzip(i: int, k: float) -> Reduction:
    left = int(256 * k + 0.5)
    contextual = round(left * 10 / 64)  # the paper's 54 + 10
    return visionzip.reduce(
        cls_scores(i), keys(i), dominant=left - contextual, contextual=contextual
    )


def keep_tome(i: int, k: float) -> Reduction:
    """In steps of a sixth, since merging half of the tokens at once leaves no choice of pairs."""
    left, first = int(256 * k + 0.5), keys(i)
    reduction = tome.reduce(first, min(42, 256 - left))
    while len(reduction) > left:
        now = reduction.apply(first)
        merged = min(max(1, len(now) // 6), len(now) - left)
        reduction = reduction.compose(tome.reduce(now, merged, size=reduction.size))
    return reduction


def keep_transform(i: int, k: float) -> Reduction:
    return token_transforming.reduce(keys(i), cls_scores(i), k=k)


def keep_recoverable(i: int) -> Reduction:
    return recoverable.reduce(cls_scores(i), np.zeros(256, np.float32), keys(i))


def hidden(i: int) -> Any:
    return load_vit_photos().hidden[i, 1:]  # (256, 384)


def keys(i: int) -> Any:
    return load_vit_photos().keys[i, :, 1:].mean(axis=0)  # (256, 64)


def cls_scores(i: int) -> Any:
    return load_vit_photos().cls_attention[i, BLOCK - 1, :, 1:].mean(axis=0)  # (256,)


def column_scores(i: int, block: int = BLOCK) -> Any:
    return load_vit_photos().column_mean[i, block - 1, 1:]  # (256,)


@cache
def attention(i: int) -> Any:
    return load_vit_photos().attention(i)  # (6, 257, 257)


def ttv_scores(i: int) -> Any:
    """TTV of block 6, attention and MLP."""
    parts = [load_vit_photos().transition(i, BLOCK, module) for module in ("attention", "mlp")]
    return sum(transprune.transition_variation(a[1:], b[1:]) for a, b in parts)  # (256,)
