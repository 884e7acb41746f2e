"""Example arguments of the functions of tokenlab.logits, for contract and parity tests."""

import numpy as np
from cases import case, parity, random

# The output layer. MAP has an empty code (3) and one token alone (code 2).
MAP = np.array([0, 1, 0, 4, 1, 2, 0, 4, 1])

COUNTS = np.array([5, 0, 2, 1, 9, 3, 0, 0, 1])


def make_vq(asarray, inner="uniform"):
    from tokenlab.logits import VQHead

    kwargs = {"bias": asarray(random(5, seed=3)), "counts": asarray(COUNTS), "inner": inner}
    return VQHead(asarray(random(5, 4, seed=2)), asarray(MAP), **kwargs)


@case("tokenlab.logits.vq_logits.VQHead")
def _(asarray):
    kwargs = {"counts": asarray(COUNTS), "inner": "unigram", "bias": asarray(random(5))}
    return (asarray(random(5, 4, seed=2)), asarray(MAP)), kwargs


@case("tokenlab.logits.vq_logits.VQHead")
def _(asarray):
    return (asarray(random(5, 4, seed=2)), asarray(MAP)), {}


@case("tokenlab.logits.vq_mappings.fit_codes")
def _(asarray):
    return (asarray(random(9, 4)), 3), {"counts": asarray(COUNTS), "rng": 0}


@case("tokenlab.logits.vq_mappings.fit_codes")
def _(asarray):
    return (asarray(random(9, 4)), 9), {"rng": 0}


@case("tokenlab.logits.vq_mappings.frequency_mapping")
def _(asarray):
    return (asarray(COUNTS), 4), {}


@case("tokenlab.logits.vq_mappings.centroids")
def _(asarray):
    return (asarray(random(9, 4)), asarray(MAP)), {"counts": asarray(COUNTS)}


@case("tokenlab.logits.vq_mappings.tie_floor")
def _(asarray):
    return (asarray(COUNTS), asarray(MAP)), {}


@case("tokenlab.logits.vq_training.train")
@case("tokenlab.logits.vq_training.learn_mapping")
def _(asarray):
    tokens = asarray(np.array([1, 5, 8, 0, 0, 7]))
    return (make_vq(asarray), asarray(random(6, 4)), tokens), {"rng": 0}


@case("tokenlab.logits.vq_training.train")
def _(asarray):
    kwargs = {"teacher": make_vq(asarray, "unigram"), "rng": 0}
    return (make_vq(asarray), asarray(random(6, 4))), kwargs


@case("tokenlab.logits.vq_training.reassign")
def _(asarray):
    return (make_vq(asarray), asarray(random(6, 4)), asarray(np.array([1, 5, 8, 0, 0, 7]))), {}


@case("tokenlab.logits.vq_training.reassign")
def _(asarray):
    return (make_vq(asarray), asarray(random(6, 4))), {"teacher": make_vq(asarray, "unigram")}


@case("tokenlab.logits.certified.FullHeadIndex")
def _(asarray):
    return (asarray(random(9, 4)), asarray(MAP)), {}


@case("tokenlab.logits.certified.certified_topk")
def _(asarray):
    return (asarray(random(3, 4)), asarray(random(9, 4, seed=1)), make_vq(asarray), 2), {}


@case("tokenlab.logits.baselines.FullHead")
def _(asarray):
    return (asarray(random(9, 4)), asarray(random(9))), {}


@case("tokenlab.logits.baselines.LowRankHead")
def _(asarray):
    return (asarray(random(2, 4)), asarray(random(9, 2))), {}


@case("tokenlab.logits.baselines.ResidualHead")
def _(asarray):
    return (make_vq(asarray), asarray(random(2, 4)), asarray(random(9, 2))), {}


@case("tokenlab.logits.baselines.low_rank")
def _(asarray):
    kwargs = {"hidden": asarray(random(6, 4, seed=1)), "counts": asarray(COUNTS)}
    return (asarray(random(9, 4)), 2), kwargs


@case("tokenlab.logits.adaptive.AdaptiveHead")
def _(asarray):
    tails = [(asarray(random(2, 4)), asarray(random(4, 2))), (None, asarray(random(2, 4)))]
    order = asarray(np.argsort(-COUNTS, kind="stable"))
    return ([3, 7], asarray(random(5, 4)), tails), {"bias": asarray(random(5)), "order": order}


@case("tokenlab.logits.metrics.perplexity")
def _(asarray):
    log_prob = asarray(-np.abs(random(9)))
    return (log_prob, asarray(MAP)), {"against": asarray(-np.abs(random(9, seed=1)))}


@case("tokenlab.logits.heads.cross_entropy")
def _(asarray):
    return (asarray(random(3, 4)), asarray(np.array([1, 0, 3]))), {}


@case("tokenlab.logits.heads.cross_entropy")
def _(asarray):
    return (asarray(random(3, 4)), asarray(np.abs(random(3, 4, seed=1)))), {}


@case("tokenlab.logits.heads.log_sum_exp")
def _(asarray):
    return (asarray(random(3, 4)),), {}


@case("tokenlab.logits.heads.draw")
def _(asarray):
    return (asarray(np.abs(random(3, 4))), asarray(np.random.default_rng(0).random((3, 2)))), {}


def _code_orders():
    """Scores of codes, shares, and their order: random, tied, an empty code, one huge code."""
    from tokenlab.logits.code_order import CodeOrder, shares_of

    generator = np.random.default_rng(5)
    for vocab, n_codes, huge in [(9, 5, False), (1, 1, False), (700, 40, False), (700, 7, True)]:
        mapping = generator.integers(0, n_codes, vocab)
        mapping = np.where(generator.random(vocab) < 0.9, 0, mapping) if huge else mapping
        shares = shares_of(generator.integers(0, 4, vocab), mapping, n_codes, 0.0)
        for dtype in (np.float32, np.float64):
            for n in (0, 1, 6):
                scores = generator.integers(-3, 3, (n, n_codes)).astype(dtype)
                logs = np.round(
                    np.where(shares > 0, np.log(np.where(shares > 0, shares, 1)), -9), 1
                )
                for share in (None, logs.astype(dtype)):
                    order = CodeOrder.of(mapping, n_codes, None if share is None else shares)
                    filled = np.where(order.sizes > 0, scores * dtype(1.5), -np.inf).astype(dtype)
                    yield filled, share, order, mapping


@parity("logits.normalised")
def _():
    for n, n_codes in ((1, 1), (3, 40), (0, 5), (2, 1000)):
        for size in (1.0, 30.0):
            logits, prior = size * random(n, n_codes), np.log(1 + abs(random(n_codes, seed=1)))
            yield logits, prior
            yield logits.astype(np.float64), prior.astype(np.float64)
            prior[1:] = np.where(np.arange(1, n_codes) % 3, prior[1:], -np.inf)  # empty codes
            yield logits, prior
    for size in (1e4, 1e8):  # a prior is rounded away when it is added to such logits
        yield size * random(3, 40), np.log(1 + abs(random(40, seed=1)))


@parity("logits.expand_codes")
def _():
    for scores, share, _, mapping in _code_orders():
        yield scores, mapping, share, None
        yield scores, mapping, share, np.empty((len(scores), len(mapping)), scores.dtype)


@parity("logits.merge_topk")
def _():
    for scores, share, order, mapping in _code_orders():
        ordered = None if share is None else share[order.order]
        for k in sorted({1, min(5, len(mapping)), len(mapping)}):
            yield scores, ordered, order.order, order.start, k
