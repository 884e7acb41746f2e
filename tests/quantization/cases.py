"""Example arguments of the functions of tokenlab.quantization, for contract and parity tests."""

import numpy as np
from cases import case, eighths, parity, random


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
        mass = np.full(len(x), np.inf, x.dtype)
        weights = np.random.default_rng(9).integers(0, 5, len(x)) / 4
        yield x, weights, np.where(weights > 0, mass, 0).astype(x.dtype), candidates
        yield x, weights, np.minimum(mass, weights).astype(x.dtype), candidates[:1]


CODEBOOKS = np.round(random(3, 5, 4, seed=11), 3)  # (depth, n_codes, d)
CODES = np.array([[0, 4, 2], [1, 1, 1], [3, 0, 4], [2, 2, 0]])  # (n, depth)


@case("tokenlab.quantization.residual.fit")
def _(asarray):
    return (asarray(random(30, 4)), 5, 2), {"rng": 0, "zero": True}


@case("tokenlab.quantization.residual.encode")
def _(asarray):
    return (asarray(random(9, 4)), asarray(CODEBOOKS)), {}


@case("tokenlab.quantization.residual.encode")
def _(asarray):
    start = asarray(np.array([0, 1, 2, 3, 0, 1, 2, 3, 0]))
    return (asarray(random(9, 4)), asarray(CODEBOOKS)), {"start": start, "beam": 3}


@case("tokenlab.quantization.residual.stages")
@case("tokenlab.quantization.residual.decode")
def _(asarray):
    return (asarray(CODES), asarray(CODEBOOKS)), {}


@case("tokenlab.quantization.product.fit")
def _(asarray):
    return (asarray(random(30, 4)), 5, 2), {"rng": 0}


@case("tokenlab.quantization.product.encode")
def _(asarray):
    return (asarray(random(9, 4)), asarray(random(2, 5, 2, seed=1))), {}


@case("tokenlab.quantization.product.decode")
def _(asarray):
    return (asarray(CODES[:, :2]), asarray(random(2, 5, 2, seed=1))), {}


@case("tokenlab.quantization.scalar.assign")
def _(asarray):
    return (asarray(random(3, 7)), asarray(np.array([-1.0, 0.0, 0.5, 2.0]))), {}


@case("tokenlab.quantization.scalar.lloyd_max")
def _(asarray):
    return (asarray(random(50)), 4), {}


@parity("quantization.place")
def _():
    for dtype in (np.float32, np.float64):
        borders = np.sort(random(63, seed=1, dtype=dtype))
        yield random(4000, dtype=dtype), borders
        yield eighths(50, 7).astype(dtype), np.unique(eighths(40, seed=2)).astype(dtype)
        yield random(5, dtype=dtype) * dtype(1e30), borders[:1]
        yield random(0, 3, dtype=dtype), borders
        yield random(9, dtype=dtype), borders[:0]
        yield borders.copy(), borders
        zeros = np.array([-0.0, 0.0, -1.0, 1e-38], dtype)
        yield zeros, np.array([-1.0, -0.0, 1.0], dtype)
        for n in (1, 2, 64, 65, 300):  # compared one and all, or bisected
            levels = np.sort(random(n, seed=3, dtype=dtype))
            yield np.concatenate([random(1100, dtype=dtype), levels, levels[::-1]]), levels
            yield zeros, np.concatenate([np.array([-0.0], dtype), 1 + abs(levels)])


@parity("quantization.from_the_first")
def _():
    for dtype in (np.float32, np.float64):
        for n, d, n_codes, depth, beam in ((50, 6, 9, 4, 3), (90, 5, 64, 3, 8), (1, 3, 1, 4, 5)):
            x, codebooks = random(n, d, dtype=dtype), random(depth, n_codes, d, seed=1, dtype=dtype)
            yield x, codebooks, beam
            tied = np.round(codebooks)  # equal sums by several ways
            yield np.round(2 * x) / 2, tied, beam
            yield x * dtype(1e15), codebooks * dtype(1e15), beam
    yield random(20, 2), random(3, 3, 2, seed=1), 30  # every sum is kept
    yield eighths(3000, 16), eighths(4, 300, 16, seed=5), 4  # several blocks


@case("tokenlab.quantization.fsq.bound")
@case("tokenlab.quantization.fsq.encode")
def _(asarray):
    return (asarray(random(6, 3)), asarray(np.array([4, 3, 5]))), {}


@case("tokenlab.quantization.fsq.bound")
@case("tokenlab.quantization.fsq.encode")
def _(asarray):
    return (asarray(random(6, 3)), asarray(np.array([2, 3, 4]))), {"variant": "symmetric"}


@case("tokenlab.quantization.fsq.decode")
def _(asarray):
    return (asarray(np.array([[0, 59], [7, 30]])), asarray(np.array([4, 3, 5]))), {}


@case("tokenlab.quantization.lfq.encode")
def _(asarray):
    return (asarray(random(6, 3)),), {}


@case("tokenlab.quantization.lfq.decode")
def _(asarray):
    return (asarray(np.array([[0, 7], [5, 2]])), 3), {}


@case("tokenlab.quantization.lfq.entropy_terms")
def _(asarray):
    return (asarray(random(6, 3)), 0.5), {}


def _mixture(asarray, b=2, n=4, k=3, d=4):
    from tokenlab.quantization.mixture import Mixture

    log_weights, log_scales = random(b, n, k, seed=2), random(b, n, k, seed=3) / 4
    means = random(b, n, k, d, seed=4)
    return Mixture(asarray(log_weights), asarray(means), asarray(log_scales))


@case("tokenlab.quantization.mixture.mixture_log_density")
def _(asarray):
    return (asarray(random(2, 4, 4)), _mixture(asarray)), {}


@case("tokenlab.quantization.mixture.draw")
def _(asarray):
    return (_mixture(asarray),), {"rng": 0, "top_p": 0.8}


@case("tokenlab.quantization.resgen.loss")
def _(asarray):
    masked = np.array([[True, False, True, True], [False, True, True, False]])
    return (_mixture(asarray), asarray(random(2, 4, 4)), asarray(masked)), {}


@case("tokenlab.quantization.resgen.mask_counts")
def _(asarray):
    return (4, 3, asarray(np.array([0, 5, 12]))), {"rng": 0}


@case("tokenlab.quantization.deepest_first.visible_mask")
def _(asarray):
    return (asarray(np.array([[0, 1], [3, 2]])), 3), {}


VISIBLE = np.array([3, 2, 0, 1])[:, None] > np.arange(3)


@case("tokenlab.quantization.deepest_first.visible_embedding")
@case("tokenlab.quantization.deepest_first.masked_target")
def _(asarray):
    return (asarray(CODES), asarray(CODEBOOKS), asarray(VISIBLE)), {}


@case("tokenlab.quantization.resgen.keep_confident")
def _(asarray):
    return (asarray(np.array([2, 2, 1, 0])), 3, asarray(random(4))), {}


@case("tokenlab.quantization.resgen.sample")
def _(asarray):
    codebooks = asarray(CODEBOOKS)
    predict = lambda seen, visible: _mixture(asarray)  # noqa: E731
    return (predict, codebooks, 4), {"steps": 2, "b": 2, "rng": 0, "order": "confidence"}


@case("tokenlab.quantization.tokenbridge.encode")
def _(asarray):
    return (asarray(random(3, 4)), asarray(np.array([-1.2, -0.3, 0.3, 1.2]))), {}


@case("tokenlab.quantization.tokenbridge.decode")
def _(asarray):
    return (asarray(CODES[:, :2] % 4), asarray(np.array([-1.2, -0.3, 0.3, 1.2]))), {}


@case("tokenlab.quantization.tokenbridge.low_frequency_share")
@case("tokenlab.quantization.tokenbridge.channel_order")
def _(asarray):
    return (asarray(random(2, 4, 6, 3)), 0.2), {}


def _channel_head(asarray):
    from tokenlab.quantization.channel_head import init
    from tokenlab.tape import mapped

    return mapped(asarray, init(3, 5, 2, d=8, blocks=1, heads=2, rng=0))


@case("tokenlab.quantization.channel_head.logits")
@case("tokenlab.quantization.channel_head.log_prob")
def _(asarray):
    codes = asarray(np.array([[0, 4, 1], [2, 2, 3]]))
    return (_channel_head(asarray), asarray(random(2, 2)), codes), {"heads": 2}


@case("tokenlab.quantization.channel_head.draw")
def _(asarray):
    return (_channel_head(asarray), asarray(random(2, 2))), {"heads": 2, "rng": 0}


@case("tokenlab.quantization.token_bytes.pack_bits")
def _(asarray):
    return (asarray(np.array([5, 390, 0, 255])), 391), {}


@case("tokenlab.quantization.token_bytes.pack_bytes")
def _(asarray):
    return (asarray(np.array([5, 390, 0, 255, 509])),), {}


@case("tokenlab.quantization.token_bytes.unpack_bytes")
def _(asarray):
    return (asarray(np.array([5, 255, 135], np.uint8)),), {}


@case("tokenlab.quantization.token_bytes.unpack_bits")
def _(asarray):
    return (asarray(np.array([167, 128], np.uint8)), 3, 8), {}


@case("tokenlab.quantization.seit.entropy_bits")
def _(asarray):
    return (asarray(np.array([[0, 0], [1, 2]])), 4), {}


@case("tokenlab.quantization.seit.color_adapt")
def _(asarray):
    return (asarray(random(2, 3, 4, 5)), asarray(random(2, 3, 4, 5, seed=1))), {}


@case("tokenlab.quantization.linear_adapt.fit_adapt")
def _(asarray):
    z, images = asarray(random(3, 2, 2, 4)), asarray(random(3, 4, 4, 1, seed=1))
    return (z, images, lambda y: y[:, :, ::-1], z), {"s": 2, "ridge": 0.1}


def _adapt(asarray):
    from tokenlab.quantization.linear_adapt import TokenAdapt

    return TokenAdapt(asarray(random(5, 12)), asarray(random(13, 4, seed=1)), 2)


@case("tokenlab.quantization.linear_adapt.lift")
def _(asarray):
    return (_adapt(asarray), asarray(random(2, 3, 3, 4))), {}


@case("tokenlab.quantization.linear_adapt.lower")
def _(asarray):
    return (_adapt(asarray), asarray(random(2, 4, 6, 3))), {}


@case("tokenlab.quantization.seit.mtm_loss")
def _(asarray):
    log_probs = np.log(np.full((2, 3, 2, 4), 0.25)) + 0 * random(2, 3, 2, 4)
    codes = np.arange(12).reshape(2, 3, 2) % 4
    masked = np.array([[True, False, True], [False, True, True]])
    return (asarray(log_probs), asarray(codes), asarray(masked)), {}


@case("tokenlab.quantization.token_shuffle.merge")
def _(asarray):
    return (asarray(random(2, 16, 3)), (4, 4), 2), {}


@case("tokenlab.quantization.token_shuffle.split")
def _(asarray):
    return (asarray(random(2, 4, 12)), (4, 4), 2), {}


def _shuffle(asarray):
    from tokenlab.quantization.token_shuffle import init
    from tokenlab.tape import mapped

    return mapped(asarray, init(8, 2, blocks=1, rng=0))


@case("tokenlab.quantization.token_shuffle.shuffle")
def _(asarray):
    return (_shuffle(asarray), asarray(random(2, 16, 8)), (4, 4), 2), {}


@case("tokenlab.quantization.token_shuffle.unshuffle")
def _(asarray):
    return (_shuffle(asarray), asarray(random(2, 4, 8)), (4, 4), 2), {}
