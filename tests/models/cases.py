"""Example arguments of the layers and of the transformer, for the contract tests."""

import numpy as np
from cases import case, random

from tokenlab.models import transformer
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
