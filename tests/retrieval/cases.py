"""Example arguments of the functions of tokenlab.retrieval, for contract and parity tests."""

import shutil
import tempfile
from pathlib import Path

import numpy as np
from cases import OFFSETS, case, eighths, parity, random

GENERATOR = np.random.default_rng(0)  # one object, which is equal to itself


def make_index(asarray, dtype=np.float32):
    from tokenlab.retrieval import TokenIndex

    return TokenIndex(asarray(random(OFFSETS[-1], 4, dtype=dtype)), asarray(OFFSETS))


@case("tokenlab.retrieval.index.TokenIndex")
def _(asarray):
    return (asarray(random(OFFSETS[-1], 4)), asarray(OFFSETS)), {}


SCRATCH = tempfile.TemporaryDirectory()  # goes with the tests


@case("tokenlab.retrieval.shards.save_shards")
def _(asarray):
    folder = Path(SCRATCH.name, "shards")  # the same name each time, and nothing in it
    shutil.rmtree(folder, ignore_errors=True)
    return (make_index(asarray), folder, 2), {}


@case("tokenlab.retrieval.colbert.maxsim")
@case("tokenlab.retrieval.baselines.pooled_scores")
def _(asarray):
    return (asarray(random(3, 4, seed=1)), make_index(asarray)), {}


@case("tokenlab.retrieval.colbert.maxsim")
def _(asarray):
    queries = [asarray(random(n, 4, seed=n)) for n in (1, 3, 2)]
    return (queries, make_index(asarray)), {"mean": True}


@case("tokenlab.retrieval.colbert.maxsim_search")
def _(asarray):
    return (asarray(random(3, 4, seed=1)), make_index(asarray)), {"k": 3}


@case("tokenlab.retrieval.colbert.alignment")
def _(asarray):
    return (asarray(random(3, 4, seed=1)), asarray(random(5, 4, seed=2))), {}


@case("tokenlab.retrieval.baselines.pooled_vectors")
def _(asarray):
    return (make_index(asarray),), {}


@case("tokenlab.retrieval.xtr.token_topk")
def _(asarray):
    return (asarray(random(3, 4, seed=1)), make_index(asarray), 4), {}


@case("tokenlab.retrieval.xtr.xtr_search")
def _(asarray):
    return (asarray(random(3, 4, seed=1)), make_index(asarray)), {"k_prime": 4, "k": 2}


@case("tokenlab.retrieval.xtr.xtr_scores")
def _(asarray):
    ids, sims = asarray(np.array([[0, 4, 2], [9, 3, 4]])), asarray(random(2, 3))
    return (ids, sims, make_index(asarray).token_to_doc, len(OFFSETS) - 1), {"impute": None}


@case("tokenlab.retrieval.xtr_training.xtr_train_scores")
def _(asarray):
    return (asarray(random(3, 4, seed=1)), make_index(asarray), 4), {}


@case("tokenlab.retrieval.xtr_training.xtr_loss")
def _(asarray):
    docs = [asarray(random(n, 4, seed=n)) for n in (2, 1, 3)]
    return (asarray(random(3, 4, seed=9)), docs, 3), {"positive": 2}


@case("tokenlab.retrieval.metrics.ndcg")
@case("tokenlab.retrieval.metrics.recall")
def _(asarray):
    return (asarray(np.array([3, 1, 2])), [1, 5], 2), {}


def _collections():
    """Queries, tokens and offsets: random, tied, empty, extreme, and larger than a block."""
    for dtype in (np.float32, np.float64):
        yield random(4, 8, dtype=dtype), random(37, 8, seed=1, dtype=dtype), [0, 5, 5, 20, 37, 37]
        tied = np.random.default_rng(2).integers(-1, 2, (200, 3)).astype(dtype)
        yield tied[:5], tied, [0, 0, 50, 51, 51, 199, 200]
        yield -np.ones((2, 3), dtype), np.ones((9, 3), dtype), [0, 4, 9]  # all negative
        yield random(3, 8, dtype=dtype), np.empty((0, 8), dtype), [0, 0, 0]
        yield random(3, 8, dtype=dtype), np.empty((0, 8), dtype), [0]
        yield random(1, 1, dtype=dtype), random(1, 1, seed=1, dtype=dtype), [0, 1]
        huge = random(6, 4, seed=3, dtype=dtype) * dtype(1e18)
        yield huge[:2], huge, [0, 1, 3, 6]
    lengths = np.random.default_rng(4).integers(0, 60, 700)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    yield eighths(33, 16), eighths(offsets[-1], 16, seed=5), offsets
    yield eighths(13, 16), eighths(90_000, 16, seed=6), [0, 1, 89_990, 90_000]  # one long document
    yield random(2, 8, dtype=np.float64), random(50, 8, seed=7), [0, 25, 50]  # mixed precision


@parity("retrieval.maxsim_scores")
def _():
    for query, tokens, offsets in _collections():
        cuts = sorted({0, len(query) // 2, len(query)})
        yield query, np.array(cuts), tokens, np.asarray(offsets, dtype=np.int64)


@parity("retrieval.nearest_tokens")
def _():
    for query, tokens, _ in _collections():
        for k in {1, 2, len(tokens) // 3, len(tokens) - 1, len(tokens)}:
            if 1 <= k <= len(tokens):
                yield query, tokens, k


@parity("retrieval.score_candidates")
def _():
    generator = np.random.default_rng(8)
    for n_q, k_prime, n_tokens, n_docs in [
        (1, 1, 1, 1),
        (4, 9, 30, 7),
        (32, 50, 5000, 300),
        (3, 4, 9, 9),
    ]:
        token_to_doc = np.sort(generator.integers(0, n_docs, n_tokens))
        ids = generator.integers(0, n_tokens, (n_q, k_prime))
        for sims in (random(n_q, k_prime), -np.ones((n_q, k_prime)), random(n_q, k_prime) * 1e9):
            yield ids, sims, token_to_doc, n_docs, sims.min(axis=1)
            yield ids, sims, token_to_doc, n_docs, None


@case("tokenlab.retrieval.lexsembridge.slr")
def _(asarray):
    return (asarray(np.array([0, 2, 2])), 4), {"special": (1,)}


@case("tokenlab.retrieval.lexsembridge.slr_modulation")
def _(asarray):
    return (asarray(np.array([0, 2, 2])), asarray(random(3, 4))), {}


@case("tokenlab.retrieval.lexsembridge.llr")
def _(asarray):
    return (), {"hidden": asarray(random(3)), "weight": asarray(random(3, 5, seed=1))}


@case("tokenlab.retrieval.lexsembridge.clr")
def _(asarray):
    return (asarray(random(2, 5)),), {}


@case("tokenlab.retrieval.lexsembridge.modulation")
def _(asarray):
    return (asarray(random(2, 5)), asarray(random(3, 5, seed=1))), {}


@case("tokenlab.retrieval.lexsembridge.enhance")
def _(asarray):
    return (asarray(random(2, 5)), asarray(abs(random(2, 5, seed=1)))), {}


@case("tokenlab.retrieval.lexsembridge.info_nce")
def _(asarray):
    return (asarray(random(2, 5)), asarray(random(4, 5, seed=1))), {"temperature": 0.5, "group": 2}


@case("tokenlab.retrieval.dupmae.bag_logits")
def _(asarray):
    return (asarray(random(2, 3, 5)),), {"mask": asarray(np.ones((2, 3), bool))}


@case("tokenlab.retrieval.dupmae.bag_of_states")
def _(asarray):
    mask = asarray(np.array([True, False, True]))
    return (asarray(random(5, 4)), asarray(random(3, 4, seed=1))), {"mask": mask}


@case("tokenlab.retrieval.dupmae.bow_weights")
def _(asarray):
    return (asarray(np.array([0, 1, 1])), 4), {}


@case("tokenlab.retrieval.dupmae.bow_loss")
def _(asarray):
    return (asarray(random(5)), asarray(np.array([0, 1, 1]))), {}


def dup_params(asarray):
    from tokenlab.retrieval.dupmae import init
    from tokenlab.tape import mapped

    return mapped(asarray, init(vocab=6, d=4, layers=1, heads=2, n_max=4, rng=0))


@case("tokenlab.retrieval.dupmae_model.encode")
def _(asarray):
    return (dup_params(asarray), asarray(np.array([0, 2, 3]))), {}


@case("tokenlab.retrieval.dupmae_model.token_logits")
def _(asarray):
    return (dup_params(asarray), asarray(random(2, 4))), {}


@case("tokenlab.retrieval.dupmae_model.enhanced_decode")
def _(asarray):
    ids, visible = np.array([0, 2, 3]), np.eye(3, dtype=bool)[::-1].copy() | (np.arange(3) == 0)
    return (dup_params(asarray), asarray(random(4)), asarray(ids), asarray(visible)), {}


@case("tokenlab.retrieval.dupmae.losses")
def _(asarray):
    masks = {
        "masked": asarray(np.array([[False, True, False]])),
        "visible": asarray(np.ones((1, 3, 3), bool)),
        "mask_id": 5,
    }
    return (dup_params(asarray), asarray(np.array([[0, 2, 3]]))), masks


@case("tokenlab.retrieval.dupmae_index.sparsify")
def _(asarray):
    return (asarray(random(2, 6)), 3), {}


def dup_index(asarray):
    from tokenlab.retrieval.dupmae import DupIndex

    return DupIndex.build(asarray(random(3, 4)), asarray(random(3, 6, seed=1)), 2)


@case("tokenlab.retrieval.dupmae_index.scores")
def _(asarray):
    return (asarray(random(4)), asarray(random(6, seed=2)), dup_index(asarray)), {}


@case("tokenlab.retrieval.dupmae_index.search")
def _(asarray):
    return (asarray(random(4)), asarray(random(6, seed=2)), dup_index(asarray)), {"k": 2}


@case("tokenlab.retrieval.dupmae_index.DupIndex")
def _(asarray):
    ids, offsets = asarray(np.array([0, 4, 4])), asarray(np.array([0, 1, 1, 3]))
    return (asarray(random(3, 2)), offsets, ids, asarray(random(3)), 5), {}


@parity("retrieval.kept_products")
def _():
    generator = np.random.default_rng(9)
    for n_docs, longest, vocab in [
        (0, 5, 3),
        (1, 1, 1),
        (4, 0, 2),
        (300, 40, 90),
        (5, 900, 30_000),
    ]:
        offsets = np.concatenate([[0], np.cumsum(generator.integers(0, longest + 1, n_docs))])
        ids = generator.integers(0, vocab, offsets[-1]).astype(
            np.uint16 if vocab < 99 else np.uint32
        )
        for dtype in (np.float32, np.float64):
            yield random(vocab, dtype=dtype), ids, eighths(len(ids)), offsets
        yield random(vocab) * 1e15, ids, -random(len(ids)) * 1e15, offsets


@case("tokenlab.retrieval.buckets.bucket_levels")
def _(asarray):
    return (asarray(random(60)), 2), {"buckets": "quantile"}


@case("tokenlab.retrieval.buckets.bucket_levels")
def _(asarray):
    return (asarray(random(6, 10)), 4), {}


@case("tokenlab.retrieval.buckets.pack")
def _(asarray):
    return (asarray(np.array([[3, 0, 1], [2, 2, 1]])), 2), {}


@case("tokenlab.retrieval.buckets.unpack")
def _(asarray):
    return (asarray(np.array([[200], [17]], np.uint8)), 2, 3), {}


@case("tokenlab.retrieval.codec.ResidualCodec")
def _(asarray):
    return (4, 2), {"buckets": "uniform", "rng": GENERATOR}


@parity("codec.bucketed")
def _():
    for dtype in (np.float32, np.float64):
        for n, d, bits in ((40, 7, 1), (50, 6, 2), (30, 5, 4), (9, 3, 8), (0, 4, 4), (1, 1, 8)):
            cutoffs = np.sort(eighths(2**bits - 1, seed=bits)).astype(dtype)  # some are equal
            yield eighths(n, d).astype(dtype), cutoffs, bits
            yield random(n, d, dtype=dtype) * dtype(1e15), cutoffs, bits


@parity("codec.values")
def _():
    for dtype in (np.float32, np.float64):
        for n, d, bits in ((40, 7, 1), (50, 6, 2), (30, 5, 4), (9, 3, 8), (0, 4, 4), (1, 1, 8)):
            packed = np.random.default_rng(n).integers(0, 256, (n, -(-d * bits // 8)))
            yield packed.astype(np.uint8), d, np.sort(random(2**bits, dtype=dtype)), bits


@case("tokenlab.retrieval.crisp.tail")
@case("tokenlab.retrieval.crisp.k_spacing")
@case("tokenlab.retrieval.token_pooling.ward")
def _(asarray):
    return (asarray(random(9, 4)), 3), {}


@case("tokenlab.retrieval.crisp.cluster_tokens")
def _(asarray):
    return (asarray(random(9, 4)), 0.5), {"normalize": True, "rng": 0}


@case("tokenlab.retrieval.crisp.pool_index")
def _(asarray):
    from tokenlab.retrieval.crisp import preset

    return (make_index(asarray), preset("C2x2").doc), {"rng": 0}


@case("tokenlab.retrieval.crisp_training.loss")
def _(asarray):
    texts = [asarray(random(n, 4, seed=n)) for n in (2, 3)]
    codes = [asarray(np.array([0, 1])), asarray(np.array([-1, 0, 0]))]
    return ({"weight": asarray(random(4, 3))}, texts, texts, codes, codes), {"temperature": 0.5}


@case("tokenlab.retrieval.limit_qrels.dense_qrels")
def _(asarray):
    return (6, 3), {"limit": 5, "rng": 0}


@case("tokenlab.retrieval.limit_qrels.pair_recall")
def _(asarray):
    qrels = np.array([[0, 1], [2, 0], [1, 2]])
    return (asarray(random(3, 4)), asarray(random(5, 4, seed=1)), asarray(qrels)), {}


@case("tokenlab.retrieval.limit_bounds.moment_curve_embedding")
def _(asarray):
    return (asarray(np.array([[0, 1], [2, 0], [1, 2]])),), {"n": 5}


@case("tokenlab.retrieval.limit.free_embeddings")
def _(asarray):
    return (asarray(np.array([[0, 1], [2, 0], [1, 2]])), 2), {"iters": 5, "rng": 0}


@case("tokenlab.retrieval.limit.find_critical_n")
def _(asarray):
    return (2,), {"iters": 5, "start": 3, "rng": 0}


@case("tokenlab.retrieval.muvera.muvera_search")
def _(asarray):
    from tokenlab.retrieval.muvera import FDE

    fde = FDE(4, k_sim=2, d_proj=3, repetitions=2, final=6, variant="official", rng=0)
    index = make_index(asarray)
    return (asarray(random(3, 4, seed=1)), index, fde, fde.encode_docs(index)), {"k": 2}


@case("tokenlab.retrieval.warp.warp_select")
def _(asarray):
    sizes = asarray(np.array([3, 0, 5, 2, 1]))
    return (asarray(random(3, 5)), sizes), {"n_probe": 2, "t_prime": 6}


@case("tokenlab.retrieval.warp.bucket_table")
def _(asarray):
    return (asarray(random(3, 5)), asarray(np.array([-1.0, 0.0, 0.5, 2.0]))), {}


@case("tokenlab.retrieval.warp.table_scores")
def _(asarray):
    buckets = np.random.default_rng(0).integers(0, 4, (7, 5))
    return (asarray(random(5, 4)), asarray(buckets)), {}


@parity("compressed.probed")
def _():
    for dtype in (np.float32, np.float64):
        for n_q, n, k in ((1, 1, 1), (3, 31, 4), (4, 33, 33), (5, 1000, 3), (2, 1000, 40)):
            yield random(n_q, n, dtype=dtype), k
            yield np.round(random(n_q, n, dtype=dtype)), k  # many are equal
        yield random(2000, 6, dtype=dtype).T, 5  # as the search has them
        yield np.zeros((2, 500), dtype), 7
        yield -random(2, 300, dtype=dtype) * dtype(1e30), 999  # more than there are


@parity("compressed.worth_of_a_miss")
def _():
    sizes = np.random.default_rng(1).integers(0, 9, 700)
    for dtype in (np.float32, np.float64):
        for t_prime in (1, 2, 300, int(sizes.sum()), 10**6):
            yield random(3, 700, dtype=dtype), sizes, t_prime
            yield np.round(random(3, 700, dtype=dtype)), sizes, t_prime
        yield random(2, 4, dtype=dtype), np.zeros(4, np.int64), 3
        yield random(2, 1, dtype=dtype), np.array([5]), 5


@parity("compressed.scanned")
def _():
    generator = np.random.default_rng(5)
    ends = np.concatenate([[0], np.array([3, 0, 40, 1]).cumsum()])
    centroids = np.array([[2, 0], [1, 3], [0, 2]])
    for dtype in (np.float32, np.float64):
        for bits, even in ((1, True), (2, False), (4, True), (4, False), (8, True), (8, False)):
            for d in (1, 7, 16):
                packed = generator.integers(0, 256, (44, -(-d * bits // 8))).astype(np.uint8)
                owners = np.sort(generator.integers(0, 9, 44)).astype(np.int32)
                levels = np.linspace(-1, 2, 2**bits) if even else np.sort(random(2**bits))
                alive = np.arange(9) % 4 < (5 if d == 1 else 3)  # without and with deleted ones
                query, scores = random(3, d, dtype=dtype), random(3, 2, seed=1, dtype=dtype)
                levels = levels.astype(dtype)
                yield query, centroids, scores, levels, bits, ends, packed, owners, alive


def _scanned_tokens():
    generator = np.random.default_rng(6)
    for dtype in (np.float32, np.float64):
        for n_q, most, n_docs in ((1, 1, 1), (4, 30, 7), (9, 900, 300), (3, 0, 2)):
            starts = np.concatenate([[0], generator.integers(0, most + 1, n_q).cumsum()])
            owners = generator.integers(0, n_docs, starts[-1]).astype(np.int32)
            for sims in (eighths(starts[-1]), random(starts[-1])):
                yield starts, owners, sims.astype(dtype), n_docs


@parity("compressed.gains")
def _():
    for starts, owners, sims, n_docs in _scanned_tokens():
        yield starts, owners, sims, eighths(len(starts) - 1, seed=2).astype(sims.dtype), n_docs


@parity("compressed.best_scanned")
def _():
    for starts, owners, sims, _ in _scanned_tokens():
        for k_prime in (1, 10, 200, 10**6):
            floor = random(len(starts) - 1).astype(sims.dtype)
            yield starts, owners, sims, k_prime, floor
            yield starts, owners, np.round(sims), k_prime, floor  # many are equal
