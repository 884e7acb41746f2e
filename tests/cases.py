"""Example arguments of every public function that takes arrays, by its dotted name.

`case("tokenlab.numerics.topk")` registers a function that takes `asarray` and returns
`(args, kwargs)`. The contract tests find the public functions by themselves and fail for one that
has no case here, so that a new function cannot be forgotten.

`parity(engine_name)` registers inputs for the parity of an accelerated function and its twin:
random, tied, empty and extreme ones.

What is registered for a family stands beside its tests, in `tests/<family>/cases.py`.
"""

import importlib.util
import sys
from pathlib import Path

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
@case("tokenlab.numerics.sparsemax")
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


@case("tokenlab.numerics.project_out")
def _(asarray):
    return (asarray(random(5, 4)), asarray(random(2, 4, seed=1)), 0.5), {}


sys.modules["cases"] = sys.modules[__name__]  # the files of the families import this one
for path in sorted(Path(__file__).parent.glob("*/cases.py")):
    spec = importlib.util.spec_from_file_location(f"{path.parent.name}_cases", path)
    spec.loader.exec_module(importlib.util.module_from_spec(spec))


BYTES = np.array([[167, 128], [0, 255]], np.uint8)


@case("tokenlab.bits.pack")
def _(asarray):
    return (asarray(np.array([[5, 1, 7], [0, 7, 2]])), 3), {}


@case("tokenlab.bits.unpack")
def _(asarray):
    return (asarray(BYTES), 3, 3), {}


@case("tokenlab.bits.hamming")
def _(asarray):
    return (asarray(BYTES), asarray(BYTES[::-1].copy())), {}


@parity("bits.hamming_topk")
def _():
    rng = np.random.default_rng(0)
    for n_bytes, n, m, k in ((1, 3, 40, 5), (8, 4, 300, 10), (11, 2, 50, 7), (16, 5, 9, 9)):
        x, y = (rng.integers(256, size=(rows, n_bytes), dtype=np.uint8) for rows in (n, m))
        yield x, y, k
        yield x, y[:1].repeat(m, axis=0), k  # all at one distance
    yield x[:0], y, 3
    yield x, y, 99


@case("tokenlab.bits.hamming_topk")
def _(asarray):
    return (asarray(BYTES), asarray(BYTES[::-1].copy()), 1), {}
