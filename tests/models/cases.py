"""Example arguments of the layers and of the transformer, for the contract tests."""

import numpy as np
import tiny_models as tiny
from cases import case, parity, random

from tokenlab.models import llama, transformer, weights
from tokenlab.tape import mapped


@case("tokenlab.models.layers.linear")
def _(asarray):
    return tuple(asarray(random(*shape)) for shape in ((2, 3, 4), (4, 5), (5,))), {}


@case("tokenlab.models.layers.embedding")
def _(asarray):
    return (asarray(random(5, 3)), asarray(np.array([[0, 4, 0], [2, 4, 4]]))), {}


@case("tokenlab.models.layers.gelu")
@case("tokenlab.models.layers.silu")
@case("tokenlab.models.layers.softmax")
def _(asarray):
    return (asarray(random(2, 3, 4)),), {}


@case("tokenlab.models.layers.layer_norm")
def _(asarray):
    return tuple(asarray(random(*shape)) for shape in ((2, 3, 4), (4,), (4,))), {}


@case("tokenlab.models.layers.rms_norm")
def _(asarray):
    return tuple(asarray(random(*shape)) for shape in ((2, 3, 4), (4,))), {}


@case("tokenlab.models.layers.attention")
def _(asarray):
    q, k, v = (asarray(random(*shape)) for shape in ((2, 3, 4), (2, 5, 4), (2, 5, 6)))
    return (q, k, v, asarray(np.tri(3, 5, 1, dtype=bool))), {}


@case("tokenlab.models.layers.cross_entropy")
def _(asarray):
    ids, weights = np.array([[0, 4, 0], [2, 4, 4]]), np.array([[1.0, 1, 0], [1, 1, 1]], np.float32)
    return (asarray(random(2, 3, 5)), asarray(ids), asarray(weights)), {}


@case("tokenlab.models.layers.cross_entropy")
def _(asarray):
    return (asarray(random(3, 5)), asarray(np.array([0, 4, 2]))), {}


@case("tokenlab.models.transformer.forward")
@case("tokenlab.models.transformer.states")
def _(asarray):
    params = transformer.init(vocab=7, d=4, layers=2, heads=2, length=6, rng=0, cross=True)
    return (
        (mapped(asarray, params), asarray(np.array([[1, 0, 6], [2, 2, 3]]))),
        {"cross": asarray(random(5, 4))},
    )


@case("tokenlab.models.transformer.init")
def _(asarray):
    sizes = {"vocab": 7, "d": 4, "layers": 1, "heads": 2, "rng": 0}
    return (), {**sizes, "embed": asarray(random(7, 4)), "dtype": np.float64}


@case("tokenlab.models.bert.forward")
def _(asarray):
    params = weights.bert_params(tiny.bert_tensors(), tiny.HEADS)
    return (mapped(asarray, params), asarray(tiny.IDS), asarray(np.array([0, 4, 7]))), {}


@case("tokenlab.models.vit.forward")
def _(asarray):
    heads, weights.VIT_HEADS = weights.VIT_HEADS, tiny.HEADS
    params, weights.VIT_HEADS = tiny.vit_params(), heads
    return (mapped(asarray, params), asarray(tiny.photo())), {}


@case("tokenlab.models.llama.forward")
def _(asarray):
    params = mapped(asarray, tiny.llama_params())
    places = asarray(np.arange(7) + 3)
    return (params, llama.Config(), asarray(tiny.IDS)), {"positions": places}


SHAPES = ((1, 4), (3, 8), (7, 384), (0, 5), (2, 1))


@parity("models.layer_norm")
def _():
    for n, d in SHAPES:
        for scale in (1, 1e3):
            yield scale * random(n, d), random(d, seed=1), random(d, seed=2), 1e-6
    yield np.ones((2, 3)), np.ones(3), np.zeros(3), 1e-12


@parity("models.rms_norm")
def _():
    for n, d in SHAPES:
        for scale in (1, 1e3):
            yield scale * random(n, d), random(d, seed=1), 1e-5
    yield random(2, 3, dtype=np.float64), np.ones(3), 1e-12


@parity("models.mlp")
def _():
    for n, d, hidden in ((1, 4, 8), (5, 3, 16), (700, 4, 9), (0, 3, 5)):
        shapes = ((d, hidden), (hidden,), (hidden, d), (d,))
        yield random(n, d), *(random(*s, seed=i) for i, s in enumerate(shapes))
    for scale in (0, 100):  # far beyond where the bend is
        yield scale * random(3, 2), random(2, 5), random(5), random(5, 2), random(2)
    yield tuple(x.astype(np.float64) for x in (random(3, 2), *map(np.ones, ((2, 5), 5, (5, 2), 2))))


@parity("models.gated")
def _():
    for n, d, hidden in ((1, 4, 8), (5, 3, 16), (0, 3, 5)):
        yield random(n, d), random(d, hidden), random(d, hidden, seed=1), random(hidden, d)
    for scale in (0, 40):
        yield scale * random(1, 4), random(4, 6), random(4, 6), random(6, 4)


@parity("models.attended")
def _():
    for h, h_kv, n, n_keys in ((1, 1, 1, 1), (4, 2, 3, 5), (6, 6, 40, 40), (9, 3, 1, 70)):
        q, k, v = random(h, n, 8), random(h_kv, n_keys, 8, seed=1), random(h_kv, n_keys, 8, seed=2)
        seen = np.where(np.tri(n, n_keys, n_keys - n, dtype=bool), 0, -np.inf).astype(np.float32)
        yield q, k, v
        yield 30 * q, k, v, random(n_keys)
        yield q, k, v, seen


@parity("models.row_products")
def _():
    for d, out in ((1, 1), (3, 5), (8, 4), (65, 130), (576, 7)):
        yield random(1, d), random(out, d, seed=1).T
    for n, d, out in ((0, 3, 5), (2, 1, 8), (3, 7, 9), (4, 33, 16), (9, 576, 31), (16, 5, 3)):
        yield random(n, d), random(out, d, seed=1).T
    yield 1e19 * random(3, 8), random(17, 8, seed=1).T
    yield random(3, 4), random(4, 5)  # by rows: BLAS
    yield random(3, 4, dtype=np.float64), random(9, 4, dtype=np.float64).T


@case("tokenlab.models.hooks.residual_moves")
def _(asarray):
    params = mapped(asarray, transformer.init(vocab=7, d=4, layers=1, heads=2, rng=0))
    ids = asarray(np.array([1, 2, 3]))
    return (lambda **hooks: transformer.forward(params, ids, **hooks),), {}
