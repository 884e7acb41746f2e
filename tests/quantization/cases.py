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
