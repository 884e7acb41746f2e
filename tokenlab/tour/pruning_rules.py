"""Every rule of the tour on the four photos, by number of the photo and share that is kept."""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from tokenlab.data import load_vit_photos
from tokenlab.pruning import (
    Reduction,
    budget,
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
from tokenlab.pruning.flops import selection_multiply_adds
from tokenlab.quantization import kmeans

BLOCK = 6  # states are those after this block; rules may look at it and at earlier ones
DRAWS = 10  # of the random rule
WIDTH, KEY_WIDTH = 384, 64  # of states, and of the mean of the heads' keys


class Rule(NamedTuple):
    """A rule, by name: photo number and share -> what is left of its patches."""

    name: str
    reduce: Callable[[int, float], Reduction]
    draws: int = 1
    # What choosing `k` patches of photo `i` takes, as far as products go; reading scores is free.
    cost: Callable[[int, int], int] = lambda i, k: 0

    def multiply_adds(self, i: int, share: float) -> int:
        """What choosing a share of photo `i` takes."""
        return self.cost(i, budget(share, 256))


def rules() -> list[Rule]:
    """Every rule that needs neither a text nor training, on the states of block 6."""
    return [
        Rule("random", lambda i, k: random_tokens(i, k, 0), draws=DRAWS),
        Rule("stride", lambda i, k: uniform.reduce(hidden(i), k=k, how="stride")),
        Rule(
            "CLS top", lambda i, k: evit.reduce(cls_scores(i), k=k, fused=False, rounding="half_up")
        ),
        Rule("EViT", keep_evit),
        Rule("FastV", keep_fastv),
        Rule("HiPrune", keep_hiprune),
        Rule("TransPrune, TTV", keep_transprune, cost=transprune_cost),
        Rule("DivPrune", keep_divprune, cost=divprune_cost),
        Rule("ToDRE 1, k-center", lambda i, k: keep_todre(i, k, "v1"), cost=compared("k_center")),
        Rule("ToDRE 2, max-sum", lambda i, k: keep_todre(i, k, "v2"), cost=compared("max_sum")),
        Rule("VisionZip", keep_visionzip, cost=visionzip_cost),
        Rule("ToMe", keep_tome, cost=tome_cost),
        Rule("k-means", lambda i, k: clusters.reduce(hidden(i), k=k, rng=0), cost=k_means_cost),
        Rule("many-to-many (ours)", keep_transform, cost=compared("k_center", KEY_WIDTH)),
    ]


def compared(how: str, width: int = WIDTH) -> Callable[[int, int], int]:
    """The cost of one comparison of tokens, as `flops.selection_multiply_adds` calls it."""
    return lambda i, k: selection_multiply_adds(how, 256, k, width)


def transprune_cost(i: int, k: int) -> int:
    """Two lengths and a cosine, of two modules."""
    return 2 * 3 * 256 * WIDTH


def divprune_cost(i: int, k: int) -> int:
    """All pairs for the first token, then a greedy choice."""
    return compared("pairs")(i, k) + compared("k_center")(i, k)


def visionzip_cost(i: int, k: int) -> int:
    """Every other token against the contextual ones."""
    return (256 - k) * contextual_tokens(k) * KEY_WIDTH


def tome_cost(i: int, k: int) -> int:
    """A match in every step."""
    sizes = tome_sizes(k)[:-1]
    return sum(selection_multiply_adds("bipartite", n, k, KEY_WIDTH) for n in sizes)


def k_means_cost(i: int, k: int) -> int:
    """Seeds, the first assignment, and every pass."""
    return compared("k_center")(i, k) * (1 + len(kmeans.fit(hidden(i), k, rng=0).history))


def random_tokens(i: int, k: float, seed: int) -> Reduction:
    return uniform.reduce(hidden(i), k=k, rng=1000 * i + seed)


def keep_evit(i: int, k: float) -> Reduction:
    return evit.reduce(cls_scores(i), k=k, rounding="half_up")


def keep_fastv(i: int, k: float) -> Reduction:
    return fastv.reduce(attention(i), k=k, image=slice(1, None))


def keep_transprune(i: int, k: float) -> Reduction:
    return transprune.reduce(ttv_scores(i), k=k, rounding="half_up")


def keep_divprune(i: int, k: float) -> Reduction:
    return divprune.reduce(hidden(i), k=k)


def keep_hiprune(i: int, k: float) -> Reduction:
    # Pruning is after block 6, so that no deeper block can tell of registers.
    return hiprune.reduce(column_scores(i, BLOCK - 1), column_scores(i), grid=(16, 16), k=k)


def keep_todre(i: int, k: float, variant: str) -> Reduction:
    return todre.reduce(hidden(i), k=k, variant=variant, pivot=cls_scores(i))


def keep_visionzip(i: int, k: float) -> Reduction:
    left = budget(k, 256)
    contextual = contextual_tokens(left)
    return visionzip.reduce(
        cls_scores(i), keys(i), dominant=left - contextual, contextual=contextual
    )


def contextual_tokens(k: int) -> int:
    """As many of `k` as in the paper's 54 + 10."""
    return round(k * 10 / 64)


def keep_tome(i: int, k: float) -> Reduction:
    first = keys(i)
    reduction = tome.reduce(first, 0)
    for n in tome_sizes(budget(k, 256))[1:]:
        now = reduction.apply(first)
        merged = tome.reduce(now, len(now) - n, size=reduction.size)
        reduction = reduction.compose(merged)
    return reduction


def tome_sizes(k: int) -> list[int]:
    """In steps of a sixth, since merging half of the tokens at once leaves no choice of pairs."""
    sizes = [256]
    while sizes[-1] > k:
        sizes.append(max(k, sizes[-1] - max(1, sizes[-1] // 6)))
    return sizes


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
