"""Example arguments of the functions of tokenlab.pruning, for contract and parity tests."""

import numpy as np
from cases import case, eighths, parity, random


def shares_of(*shape, seed=0):
    """Rows that sum to one, such as attention."""
    return np.random.default_rng(seed).dirichlet(np.ones(shape[-1]), shape[:-1]).astype(np.float32)


@case("tokenlab.pruning.scores.cls_row")
@case("tokenlab.pruning.scores.column_mean")
@case("tokenlab.pruning.scores.last_row")
def _(asarray):
    return (asarray(shares_of(2, 10, 10)),), {}


@case("tokenlab.pruning.scores.text_cosine")
def _(asarray):
    return (asarray(random(4)), asarray(random(9, 4, seed=1))), {}


@case("tokenlab.pruning.density.knn_density")
@case("tokenlab.pruning.divprune.loneliest")
@case("tokenlab.pruning.mergers.mean_keys")
def _(asarray):
    return (asarray(random(9, 4)),), {}


@case("tokenlab.pruning.recoverable.outlier_factor")
@case("tokenlab.pruning.recoverable.lof_ratio")
def _(asarray):
    return (asarray(np.array([0.0, 5, 1, 1, 2, 10, 1], np.float32)), 3), {}


@case("tokenlab.pruning.selectors.topk")
def _(asarray):
    return (asarray(random(9)), 4), {}


@case("tokenlab.pruning.divprune.k_center")
@case("tokenlab.pruning.todre.max_sum")
@case("tokenlab.pruning.density.density_clusters")
def _(asarray):
    return (asarray(random(9, 4)), 4), {}


@case("tokenlab.pruning.hiprune.neighbours4")
def _(asarray):
    return (asarray(np.array([3, 5])),), {"grid": (3, 4), "variant": "official"}


@case("tokenlab.pruning.hiprune.neighbours4")
def _(asarray):
    return (asarray(np.array([3, 5])),), {"grid": (3, 4)}


@case("tokenlab.pruning.mergers.group_means")
def _(asarray):
    groups = asarray(np.array([0, 0, 1, -1]))
    return (asarray(np.array([0, 2])), groups), {"size": asarray(np.arange(1.0, 5))}


@case("tokenlab.pruning.token_transforming.soft_assign")
def _(asarray):
    return (asarray(random(2, 9, 4)), asarray(np.array([5, 1])), 0.3), {"mode": "row"}


@case("tokenlab.pruning.evit.fuse")
def _(asarray):
    return (asarray(np.array([5, 1])), asarray(shares_of(9))), {}


@case("tokenlab.pruning.visionzip.contextual")
def _(asarray):
    others = asarray(np.array([0, 3, 4]))
    return (asarray(random(9, 4)), asarray(np.array([5, 1])), others), {}


@case("tokenlab.pruning.size_attention.size_bias")
def _(asarray):
    return (asarray(np.array([1.0, 2, 3], np.float32)),), {}


@case("tokenlab.pruning.size_attention.size_aware_attention")
def _(asarray):
    q, k, v = (asarray(random(2, n, 4, seed=n)) for n in (3, 5, 5))
    return (q, k, v, asarray(np.array([1.0, 2, 1, 1, 3], np.float32))), {}


@case("tokenlab.pruning.hiprune.reduce")
def _(asarray):
    return (asarray(shares_of(12)), asarray(shares_of(2, 13, 13))), {"grid": (3, 4), "k": 7}


@case("tokenlab.pruning.transprune.transition_variation")
def _(asarray):
    t_out = random(9, 4, seed=1)
    return (asarray(random(9, 4)), asarray(t_out)), {"variant": "official", "image": slice(2, 6)}


@case("tokenlab.pruning.transprune.instruction_attention")
def _(asarray):
    return (asarray(shares_of(2, 9, 9)),), {"text": slice(6, 9), "image": slice(1, 6)}


@case("tokenlab.pruning.transprune.reduce")
def _(asarray):
    return (asarray(shares_of(9)), asarray(shares_of(9, seed=1))), {"k": 4, "variant": "official"}


@case("tokenlab.pruning.todre.reduce")
def _(asarray):
    return (asarray(random(9, 4)),), {"k": 4, "pivot": asarray(shares_of(9))}


@case("tokenlab.pruning.todre.migration")
@case("tokenlab.pruning.todre.image_is_done")
def _(asarray):
    return (asarray(shares_of(2, 9, 9)),), {"text": slice(6, 9), "image": slice(1, 6)}


@case("tokenlab.pruning.recoverable.reduce")
def _(asarray):
    visual, text = shares_of(30) ** 3, shares_of(30, seed=1) ** 3
    return (asarray(visual), asarray(text), asarray(random(30, 4))), {"members": 4}


@case("tokenlab.pruning.token_transforming.reduce")
def _(asarray):
    sizes = asarray(np.arange(1.0, 10))
    return (asarray(random(9, 4)), asarray(shares_of(9))), {"k": 4, "size": sizes}


@case("tokenlab.pruning.tome.reduce")
def _(asarray):
    return (asarray(random(2, 9, 4)), 3), {"protect": 1, "size": asarray(np.arange(1.0, 10))}


@case("tokenlab.pruning.evit.reduce")
def _(asarray):
    return (asarray(shares_of(2, 10, 10)),), {"k": 0.5}


@case("tokenlab.pruning.fastv.reduce")
def _(asarray):
    return (asarray(shares_of(2, 4, 9)),), {"k": 4, "variant": "official", "image": slice(2, 8)}


@case("tokenlab.pruning.visionzip.reduce")
def _(asarray):
    return (asarray(shares_of(9)), asarray(random(9, 4))), {"dominant": 3, "contextual": 2}


@case("tokenlab.pruning.divprune.reduce")
def _(asarray):
    return (asarray(random(9, 4)),), {"k": 4}


@case("tokenlab.pruning.clusters.reduce")
@case("tokenlab.pruning.uniform.reduce")
def _(asarray):
    return (asarray(random(9, 4)),), {"k": 4, "rng": 3}


@case("tokenlab.pruning.sparsevlm.reduce")
def _(asarray):
    rows, text = shares_of(2, 3, 30), random(3, 4, seed=1)
    return (asarray(rows), asarray(random(30, 4)), asarray(text)), {"k": 5}


@case("tokenlab.pruning.sparsevlm.raters")
def _(asarray):
    return (asarray(random(9, 4)), asarray(random(3, 4, seed=1))), {}


def _token_sets():
    """Random, tied (cosines are multiples of 1/8), equal, extreme, empty rows, one token."""
    for dtype in (np.float32, np.float64):
        yield random(40, 7, dtype=dtype)
        yield (np.random.default_rng(1).integers(0, 2, (150, 16)) - 0.5).astype(dtype)
        yield np.ones((70, 3), dtype)
        yield random(9, 4, seed=2, dtype=dtype) * dtype(1e30)
        yield np.zeros((5, 3), dtype)
        yield random(1, 3, dtype=dtype)
    yield random(300, 64, seed=3)


@parity("pruning.farthest_first")
@parity("pruning.least_similar")
def _():
    for x in _token_sets():
        for k in {1, max(1, len(x) // 4), len(x)}:
            yield x, k, 0
            yield x, k, -1


@parity("pruning.line_outliers")
def _():
    for n in (2, 3, 40, 500):
        for scores in (random(n, dtype=np.float64), np.ones(n), np.arange(n) // 5.0):
            for k in {1, n // 3 + 1, n - 1}:
                yield np.sort(scores).astype(np.float64), k


@parity("pruning.directions")
def _():
    for x in _token_sets():
        yield (x,)
    yield (eighths(700, 8),)


@parity("pruning.weighted_rows")
def _():
    for n, m, entries in ((5, 3, 4), (40, 12, 40), (300, 90, 700), (3, 2, 0)):
        for dtype in (np.float32, np.float64):
            draw = np.random.default_rng(n)
            rows, columns = draw.integers(0, m, entries), draw.integers(0, n, entries)
            yield random(n, 8, dtype=dtype), rows, columns, draw.random(entries).astype(dtype), m


@parity("pruning.nearest_sum")
def _():
    for n in (2, 3, 40, 200):
        for x in (random(n, n) ** 2, np.ones((n, n)), eighths(n, n) ** 2):
            for k in {1, min(5, n - 1), n - 1}:
                yield x, k


@parity("pruning.least_before")
def _():
    for n in (1, 2, 40, 200):
        rank = np.random.default_rng(n).permutation(n)
        for x in (random(n, n) ** 2, np.ones((n, n)), eighths(n, n) ** 2):
            yield x, rank
