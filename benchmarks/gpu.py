"""The same functions on the processor and on a GPU: from which size on does a GPU pay?

    python benchmarks/gpu.py --rounds 7 --json gpu.json

Needs CuPy and a device. Each pair is one function, called once with NumPy arrays, on all cores and
with compiled twins, and once with CuPy arrays that are on the device already; the clock stops when
the device has finished. Before anything is timed the two answers are compared. The limit beside
them is the bare product of matrices on the device, where there is one.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from operator import matmul
from pathlib import Path
from typing import Any

import cupy
import numpy as np

os.environ.setdefault("TOKENLAB_ENGINE", "numba")  # not only after enough work has come by
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # also runs from a checkout

from harness import Section, main

from tokenlab import has_gpu, to_numpy
from tokenlab.attention import blocked_softmax_attention, soft_attention
from tokenlab.logits import VQHead, frequency_mapping
from tokenlab.numerics import unit
from tokenlab.pruning import k_center
from tokenlab.quantization.kmeans import assign
from tokenlab.retrieval import TokenIndex, maxsim, token_topk, xtr_search

HOST, GPU, LIMIT = "tokenlab, NumPy arrays", "tokenlab, CuPy arrays", "bare product on the GPU"
Make = Callable[[Callable[[Any], Any]], Callable[[], Any]]


def sections(options: argparse.Namespace) -> Iterator[Section]:
    if not has_gpu():
        sys.exit("CuPy sees no GPU: see docs/gpu.md")
    rng = np.random.default_rng(0)
    quick = options.quick
    for n in (25_000,) if quick else (25_000, 200_000, 2_000_000):
        yield from retrieval(rng, n)
    for n, d, n_codes in ((5000, 96, 64),) if quick else ((50_257, 768, 1024), (10**6, 64, 4096)):
        x, codes = normal(rng, n, d), normal(rng, n_codes, d)
        title = f"nearest of {n_codes:,} codes for {n:,} x {d} rows"
        yield pair(
            title,
            lambda to, x=x, codes=codes: partial(assign, to(x), to(codes)),
            lambda to, x=x, codes=codes: partial(matmul, to(x), to(codes).T),
        )
    for vocab, d in ((4096, 64),) if quick else ((50_257, 768), (128_000, 4096)):
        yield from output_layer(rng, vocab, d)
    for n in (1024,) if quick else (1024, 4096, 16_384):
        yield from attention(rng, n)
    for n in (576,) if quick else (576, 16_384):
        x = normal(rng, n, 1024)
        yield pair(f"k-center, 64 of {n:,} x 1,024", lambda to, x=x: partial(k_center, to(x), 64))


def normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.standard_normal(shape, dtype=np.float32)


def pair(title: str, make: Make, limit: Make | None = None) -> Section:
    """`make(asarray)` returns the call for arrays of that kind."""

    def waiting(call: Callable[[], Any]) -> Callable[[], Any]:
        def timed() -> Any:
            result = call()
            cupy.cuda.Device().synchronize()
            return result

        return timed

    methods = {HOST: make(np.asarray), GPU: waiting(make(cupy.asarray))}
    agree(title, methods[HOST](), methods[GPU]())
    if limit:
        methods[LIMIT] = waiting(limit(cupy.asarray))
    return Section(title, methods, HOST)


def agree(title: str, host: Any, device: Any) -> None:
    """Values to a ten-thousandth of the largest; indices may swap where two differ in last bits."""
    several = isinstance(host, tuple)
    pairs = zip(host, device, strict=True) if several else [(host, device)]
    for a, b in pairs:
        a, b = np.asarray(a), to_numpy(b)
        assert (a.shape, a.dtype) == (b.shape, b.dtype), (title, a.dtype, b.dtype)
        if a.dtype.kind == "f":
            np.testing.assert_allclose(b, a, rtol=0, atol=1e-4 * abs(a).max(), err_msg=title)
        else:
            assert (a == b).mean() > 0.99, f"{title}: {(a != b).mean():.1%} of the indices differ"


def retrieval(rng: np.random.Generator, n: int) -> Iterator[Section]:
    lengths = np.full(n // 200, 200)
    tokens, query = unit(normal(rng, int(lengths.sum()), 128)), unit(normal(rng, 32, 128))
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    size = f"{n:,} x 128 tokens, 32 query tokens"

    def searching(function: Callable[..., Any], *args: Any, **options: Any) -> Make:
        def make(to: Callable[[Any], Any]) -> Callable[[], Any]:
            index = TokenIndex(to(tokens), to(offsets))
            return partial(function, to(query), index, *args, **options)

        return make

    def product(to: Callable[[Any], Any]) -> Callable[[], Any]:
        return partial(matmul, to(tokens), to(query).T)

    yield pair(f"MaxSim: {size}", searching(maxsim), product)
    yield pair(f"token top-1,000: {size}", searching(token_topk, 1000), product)
    yield pair(f"XTR, k' = 1,000: {size}", searching(xtr_search, k_prime=1000, k=10), product)


def output_layer(rng: np.random.Generator, vocab: int, d: int) -> Iterator[Section]:
    codebook = normal(rng, 1024, d) / np.float32(d**0.5)
    mapping = frequency_mapping(np.round(1e7 / np.arange(1, vocab + 1)) + 1, 1024)
    for n in (1, 32):
        hidden = normal(rng, n, d)

        def head(to: Callable[[Any], Any]) -> VQHead:
            return VQHead(to(codebook), to(mapping))

        def product(to: Callable[[Any], Any], hidden: np.ndarray = hidden) -> Callable[[], Any]:
            return partial(matmul, to(hidden), to(codebook).T)

        size = f"vocab = {vocab:,}, d = {d:,}, batch {n}"
        yield pair(
            f"codes and normaliser: {size}",
            lambda to, h=hidden: partial(head(to).scores, to(h)),
            product,
        )
        yield pair(
            f"expanded to all tokens: {size}",
            lambda to, h=hidden: partial(head(to).log_softmax, to(h)),
            product,
        )
        yield pair(f"exact top-50: {size}", lambda to, h=hidden: partial(head(to).topk, to(h), 50))


def attention(rng: np.random.Generator, n: int) -> Iterator[Section]:
    q, k, v = (normal(rng, n, 64) for _ in range(3))
    landmarks = k.reshape(64, -1, 64).mean(axis=1)
    yield pair(
        f"softmax in blocks, n = {n:,}, width 64",
        lambda to: partial(blocked_softmax_attention, to(q), to(k), to(v)),
    )
    scaled = np.float32(0.3)  # near enough to the landmarks that the kernel is not zero
    yield pair(
        f"SOFT, n = {n:,}, 64 landmarks",
        lambda to: partial(soft_attention, to(k * scaled), to(v), to(landmarks * scaled)),
    )


if __name__ == "__main__":
    main(__doc__, sections)
