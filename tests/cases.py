"""Example arguments of every public function that takes arrays, by its dotted name.

`case("tokenlab.numerics.topk")` registers a function that takes `asarray` and returns
`(args, kwargs)`. The contract tests find the public functions by themselves and fail for one that
has no case here, so that a new function cannot be forgotten.

`parity(engine_name)` registers inputs for the parity of an accelerated function and its twin:
random, tied, empty and extreme ones.
"""

import numpy as np

CASES = {}
PARITY = {}


def case(name):
    def register(make):
        CASES.setdefault(name, []).append(make)
        return make

    return register


def parity(name):
    def register(make):
        PARITY[name] = make
        return make

    return register


def random(*shape, seed=0, dtype=np.float32):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def eighths(*shape, seed=0):
    """Multiples of 1/8: their products add up exactly, so that block sizes cannot change a tie."""
    return np.round(random(*shape, seed=seed) * 8) / np.float32(8)


LENGTHS = [3, 0, 1, 5, 0, 2]
OFFSETS = np.concatenate([[0], np.cumsum(LENGTHS)])


def make_index(asarray, dtype=np.float32):
    from tokenlab.retrieval import TokenIndex

    return TokenIndex(asarray(random(OFFSETS[-1], 4, dtype=dtype)), asarray(OFFSETS))


@case("tokenlab.arrays.to_numpy")
def _(asarray):
    return (asarray(random(3)),), {}


@case("tokenlab.numerics.topk")
def _(asarray):
    return (asarray(random(3, 7)), 4), {}


@case("tokenlab.numerics.topk")
def _(asarray):
    return (asarray(np.array([1.0, 3, 2, 3, 3, 0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1])), 3), {}


@case("tokenlab.numerics.softmax")
@case("tokenlab.numerics.log_softmax")
def _(asarray):
    return (asarray(random(3, 7)),), {"axis": 0}


@case("tokenlab.numerics.unit")
def _(asarray):
    return (asarray(np.vstack([random(3, 7), np.zeros((1, 7))])),), {}


@case("tokenlab.numerics.segment_max")
@case("tokenlab.numerics.segment_sum")
@case("tokenlab.numerics.segment_argmax")
def _(asarray):
    return (asarray(random(OFFSETS[-1], 3)), asarray(OFFSETS)), {}


@case("tokenlab.retrieval.index.TokenIndex")
def _(asarray):
    return (asarray(random(OFFSETS[-1], 4)), asarray(OFFSETS)), {}


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
    return (ids, sims, make_index(asarray).token_to_doc, len(LENGTHS)), {"impute": None}


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


@parity("retrieval.sum_hits")
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


@case("tokenlab.quantization.kmeans.fit")
def _(asarray):
    kwargs = {"init": asarray(random(3, 4, seed=1)), "weights": asarray(np.arange(20.0))}
    return (asarray(random(20, 4)), 3), kwargs


@case("tokenlab.quantization.kmeans.fit")
def _(asarray):  # one code is empty and takes over a row
    far = np.array([[0.0, 1], [1, 1], [90, 1]])
    return (asarray(random(20, 2)), 3), {"init": asarray(far), "spherical": True, "tol": 0.0}


@case("tokenlab.quantization.kmeans.fit")
def _(asarray):
    return (asarray(random(20, 4)), 3), {"init": "random", "rng": 1}


@case("tokenlab.quantization.kmeans.fit")
@case("tokenlab.quantization.seeding.plus_plus")
@case("tokenlab.quantization.seeding.random_rows")
def _(asarray):
    return (asarray(random(20, 4)), 30), {"rng": 1}


@case("tokenlab.quantization.seeding.plus_plus")
@case("tokenlab.quantization.seeding.random_rows")
def _(asarray):
    return (asarray(random(20, 4)), 5), {"weights": asarray(np.arange(20.0)), "rng": 1}


@case("tokenlab.quantization.kmeans.assign")
def _(asarray):
    return (asarray(random(9, 4)), asarray(random(3, 4, seed=1))), {"spherical": True}


def _clusterings():
    """Rows and codes: random, tied, equal, extreme, one group of codes and more, several blocks."""
    for dtype in (np.float32, np.float64):
        yield random(37, 8, dtype=dtype), random(5, 8, seed=1, dtype=dtype)
        tied = np.random.default_rng(2).integers(-1, 2, (300, 3)).astype(dtype)
        yield tied, tied[:21]
        yield np.ones((9, 3), dtype), np.ones((4, 3), dtype)
        yield np.ones((9, 1), dtype), random(1, 1, dtype=dtype)
        yield random(6, 4, seed=3, dtype=dtype) * dtype(1e17), random(2, 4, dtype=dtype)
    yield eighths(5000, 16, seed=4), eighths(300, 16, seed=5)
    yield eighths(200, 16, seed=4) + np.float32(512), eighths(17, 16, seed=5) + np.float32(512)
    yield eighths(20_000, 4, seed=6), eighths(1001, 4, seed=7)


@parity("quantization.nearest")
def _():
    for x, codebook in _clusterings():
        yield x, codebook
        yield x[:0], codebook


@parity("quantization.weighted_sums")
def _():
    for x, codebook in _clusterings():
        codes = np.random.default_rng(8).integers(0, len(codebook), len(x))
        yield x, codes, np.random.default_rng(9).integers(0, 5, len(x)) / 4, len(codebook) + 1


@parity("quantization.closer")
def _():
    for x, codebook in _clusterings():
        candidates = codebook[:11]
        mass, out = np.full(len(x), np.inf, x.dtype), np.empty((len(candidates), len(x)), x.dtype)
        weights = np.random.default_rng(9).integers(0, 5, len(x)) / 4
        yield x, weights, np.where(weights > 0, mass, 0).astype(x.dtype), candidates, out
        yield x, weights, np.minimum(mass, weights).astype(x.dtype), candidates[:1], out[:1]


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


def definite(m, seed=0):
    """A well-conditioned symmetric positive definite matrix."""
    x = random(m, m, seed=seed, dtype=np.float64)
    return x @ x.T / m + np.eye(m)


@case("tokenlab.attention.soft.gaussian_kernel")
def _(asarray):
    return (asarray(random(2, 5, 4)), asarray(random(2, 3, 4, seed=1))), {}


@case("tokenlab.attention.soft.soft_attention")
def _(asarray):
    q, v, marks = (random(2, 7, 4, seed=i) for i in range(3))
    mask = np.arange(7) < np.array([[5], [7]])
    kwargs = {"normalize": "symmetric", "diagonal": True, "mask": asarray(mask)}
    return (asarray(q), asarray(v), asarray(marks[:, :3])), kwargs


@case("tokenlab.attention.soft.soft_attention")
def _(asarray):
    arrays = (random(7, 4), random(7, 2, seed=1), random(3, 4, seed=2))
    return tuple(map(asarray, arrays)), {"normalize": "landmark", "inverse": "newton"}


@case("tokenlab.attention.soft.soft_attention")
def _(asarray):
    arrays = (random(7, 4), random(7, 2, seed=1), random(3, 4, seed=2))
    return tuple(map(asarray, arrays)), {"inverse": "pinv", "max_bytes": 0}


@case("tokenlab.attention.soft_gradient.soft_attention_vjp")
def _(asarray):
    arrays = [random(2, 7, 4), random(2, 7, 3, seed=1), random(2, 3, 4, seed=2), random(2, 7, 3)]
    return tuple(map(asarray, arrays)), {"inverse": "pinv"}


@case("tokenlab.attention.newton.newton_pinv")
@case("tokenlab.attention.newton.spectral_filter")
def _(asarray):
    return (asarray(np.stack([definite(4), definite(4, seed=1)])),), {"iters": 9, "ridge": 0.01}


@case("tokenlab.attention.newton.pinv_vjp")
def _(asarray):
    return (asarray(definite(4)), asarray(definite(4, 1)), asarray(definite(4, 2))), {}


@case("tokenlab.attention.landmarks.grid_landmarks")
def _(asarray):
    return (asarray(random(2, 15, 4)),), {"hw": (3, 5), "ratio": 2}


@case("tokenlab.attention.landmarks.conv_landmarks")
def _(asarray):
    return (asarray(random(2, 24, 3)),), {"hw": (4, 6), "weight": asarray(random(2, 2, 3, 5))}


@case("tokenlab.attention.landmarks.segment_landmarks")
def _(asarray):
    mask = np.arange(7) % 3 < np.array([[2], [3]])
    return (asarray(random(2, 7, 4)), 3), {"mask": asarray(mask)}


@case("tokenlab.attention.landmarks.random_landmarks")
@case("tokenlab.attention.landmarks.kmeans_landmarks")
def _(asarray):
    return (asarray(random(2, 9, 4)), 3), {"rng": 0}


@case("tokenlab.attention.softmax.softmax_attention")
@case("tokenlab.attention.softmax.blocked_softmax_attention")
def _(asarray):
    arrays = (random(2, 5, 4), random(2, 7, 4, seed=1), random(2, 7, 3, seed=2))
    mask = np.arange(7) < np.array([[5], [7]])
    return tuple(map(asarray, arrays)), {"mask": asarray(mask), "causal": True}


@case("tokenlab.attention.softmax.gaussian_attention")
def _(asarray):
    mask = np.arange(7) < np.array([[5], [7]])
    return (asarray(random(2, 7, 4)), asarray(random(2, 7, 3, seed=2))), {"mask": asarray(mask)}


@case("tokenlab.attention.linear.nystrom_attention")
def _(asarray):
    return (*(asarray(random(2, 7, 4, seed=i)) for i in range(3)), 3), {}


@case("tokenlab.attention.linear.cubic_pinv")
def _(asarray):
    return (asarray(definite(4)),), {}


@case("tokenlab.attention.linear.performer_attention")
def _(asarray):
    arrays = [random(2, 7, 4, seed=i) for i in range(3)]
    return tuple(map(asarray, [*arrays, random(9, 4, seed=3)])), {}


@case("tokenlab.attention.linear.linformer_attention")
def _(asarray):
    arrays = [random(2, 7, 4, seed=i) for i in range(3)]
    return tuple(map(asarray, [*arrays, random(3, 7, seed=3)])), {}


@case("tokenlab.attention.tap_adl.token_aware_pool")
def _(asarray):
    return (asarray(random(2, 4, 5, 3)), asarray(random(4, 5, 3, seed=1))), {"count_padding": False}


@case("tokenlab.attention.tap_adl.pooling_weights")
def _(asarray):
    arrays = (random(2, 4, 5, 3), random(3, 3, 3, 4, seed=1), random(3, 3, 4, 4, seed=2))
    return tuple(map(asarray, arrays)), {"scale": asarray(random(4)), "bias": asarray(random(4))}


@case("tokenlab.attention.tap_adl.diversification_loss")
def _(asarray):
    shares = random(2, 6, 6) ** 4
    return (asarray(shares / shares.sum(axis=-1, keepdims=True)),), {"lam": 1.5}


@parity("attention.exp_product")
def _():
    for shape, m, dtype in [
        ((7, 4), 3, np.float32),
        ((1, 1), 1, np.float32),
        ((2, 3, 50, 8), 49, np.float32),
        ((1500, 16), 33, np.float32),
        ((9, 4), 5, np.float64),
    ]:
        for size in (0, 0.3, 30):  # tied, near and far tokens
            x = random(*shape, dtype=dtype) * dtype(size)
            y = random(*shape[:-2], m, shape[-1], seed=1, dtype=dtype) * dtype(size)
            y[..., 0, :] = x[..., 0, :]
            yield x, (x * x).sum(axis=-1) / 2, y, (y * y).sum(axis=-1) / 2


@parity("attention.running_softmax")
def _():
    for lead, n_q, n, dtype in [
        ((), 5, 7, np.float32),
        ((), 1, 1, np.float32),
        ((2, 3), 33, 65, np.float32),
        ((), 50, 20, np.float32),
        ((2,), 40, 40, np.float64),
    ]:
        for size in (0, 1, 1e4):  # ties, ordinary, one key takes all
            q = random(*lead, n_q, 8, dtype=dtype) * dtype(size)
            k, v = (random(*lead, n, 8, seed=i, dtype=dtype) for i in (1, 2))
            mask = np.random.default_rng(3).random((*lead, n)) < 0.6
            mask[..., 0] = True
            for args in ((None, False), (mask, False), (None, True), (mask, True)):
                for block in (1, 16, 512):
                    yield q, k, v, *args, block


@case("tokenlab.numerics.project_out")
def _(asarray):
    return (asarray(random(5, 4)), asarray(random(2, 4, seed=1)), 0.5), {}


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


@case("tokenlab.pruning.scores.knn_density")
@case("tokenlab.pruning.divprune.loneliest")
@case("tokenlab.pruning.mergers.mean_keys")
def _(asarray):
    return (asarray(random(9, 4)),), {}


@case("tokenlab.pruning.scores.outlier_factor")
@case("tokenlab.pruning.scores.lof_ratio")
def _(asarray):
    return (asarray(np.array([0.0, 5, 1, 1, 2, 10, 1], np.float32)), 3), {}


@case("tokenlab.pruning.selectors.top_k")
def _(asarray):
    return (asarray(random(9)), 4), {}


@case("tokenlab.pruning.selectors.k_center")
@case("tokenlab.pruning.selectors.max_sum")
@case("tokenlab.pruning.mergers.density_clusters")
def _(asarray):
    return (asarray(random(9, 4)), 4), {}


@case("tokenlab.pruning.selectors.neighbours4")
def _(asarray):
    return (asarray(np.array([3, 5])),), {"grid": (3, 4), "variant": "official"}


@case("tokenlab.pruning.selectors.neighbours4")
def _(asarray):
    return (asarray(np.array([3, 5])),), {"grid": (3, 4)}


@case("tokenlab.pruning.mergers.group_means")
def _(asarray):
    groups = asarray(np.array([0, 0, 1, -1]))
    return (asarray(np.array([0, 2])), groups), {"size": asarray(np.arange(1.0, 5))}


@case("tokenlab.pruning.mergers.soft_assign")
def _(asarray):
    return (asarray(random(2, 9, 4)), asarray(np.array([5, 1])), 0.3), {"mode": "row"}


@case("tokenlab.pruning.mergers.fuse")
def _(asarray):
    return (asarray(np.array([5, 1])), asarray(shares_of(9))), {}


@case("tokenlab.pruning.mergers.contextual")
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
    return (asarray(shares_of(2, 9, 9)),), {"text": slice(6, 9), "visual": slice(1, 6)}


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
