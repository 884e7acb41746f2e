"""Codes of pictures against peers: residual codes, a beam of them, levels for single numbers.

    python benchmarks/quantization.py --threads 1 --rounds 9 --json quantization.json

All get the same codebooks and the same rows, float32; before anything is timed, their codes are
compared: greedy ones must be equal, those of a beam must have the same error. lucidrains' module
returns the sum of the codes as well; ours with `decode` stands beside it. Times are those of the
processor.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # also runs from a checkout

from harness import Claim, Section, installed, main

from tokenlab.engine import use_engine
from tokenlab.quantization import residual, scalar

OURS, REFERENCE = "tokenlab", "tokenlab, readable reference"
SUMMED = "tokenlab, with the sums"
LUCIDRAINS, FAISS = "vector-quantize-pytorch", "faiss"
DISTANCES = "torch, argmin of all distances"
BEAM = 4
SHAPES = [(20_000, 64, 256, 8), (4096, 16, 1024, 4), (4096, 256, 1024, 8)]


def sections(options: argparse.Namespace) -> Iterator[Section]:
    names = {"vector_quantize_pytorch": LUCIDRAINS, "faiss": "faiss-cpu", "torch": "torch"}
    peers = installed(names)
    if "faiss" in peers:
        peers["faiss"].omp_set_num_threads(1)
    for n, d, n_codes, depth in [(500, 16, 64, 3)] if options.quick else SHAPES:
        what = f"{n:,} x {d}, {depth} stages of {n_codes:,} codes"
        x, codebooks = rows_and_codebooks(n, d, n_codes, depth)
        if options.only in f"residual codes: {what}":
            yield greedy(f"residual codes: {what}", x, codebooks, peers)
        if options.only in f"residual codes, beam {BEAM}: {what}":
            yield by_beam(f"residual codes, beam {BEAM}: {what}", x, codebooks, peers)
    for n_codes in (64,) if options.quick else (16, 64, 1024):
        title = f"a million numbers to {n_codes:,} levels"
        if options.only in title:
            yield levels(title, n_codes)
    title = "a million numbers to 64 levels, all distances"
    if options.only in title and "torch" in peers:
        yield all_distances(title, 64, peers["torch"])


def rows_and_codebooks(n: int, d: int, n_codes: int, depth: int) -> tuple[Any, Any]:
    """Normal numbers, and codebooks for which each stage has less to say."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, d), dtype=np.float32)
    codebooks = rng.standard_normal((depth, n_codes, d), dtype=np.float32)
    return x, codebooks * np.float32(0.8) ** np.arange(depth, dtype=np.float32)[:, None, None]


def with_engine(engine: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    def call() -> Any:
        with use_engine(engine):
            return function(*args, **kwargs)

    return call


def greedy(title: str, x: Any, codebooks: Any, peers: dict[str, Any]) -> Section:
    methods = {
        OURS: with_engine("numba", residual.encode, x, codebooks),
        REFERENCE: with_engine("numpy", residual.encode, x, codebooks),
    }
    codes, claims = methods[OURS](), []
    if "vector_quantize_pytorch" in peers and "torch" in peers:
        theirs = lucidrains(peers, x, codebooks)
        assert (theirs() == codes).mean() > 0.9999, "lucidrains finds other codes"
        ours = methods[OURS]
        methods[SUMMED] = lambda: residual.decode(ours(), codebooks)
        methods[LUCIDRAINS] = theirs
        claims += [Claim(OURS, LUCIDRAINS, 2.0), Claim(SUMMED, LUCIDRAINS, 2.0)]
    if "faiss" in peers:
        quantizer = faiss_quantizer(peers["faiss"], codebooks, 1)
        methods[FAISS] = lambda: quantizer.compute_codes(x)
        same = unpacked(peers["faiss"], quantizer, methods[FAISS]()) == codes
        assert same.mean() > 0.9999, "faiss finds other codes"
        claims.append(Claim(OURS, FAISS, 0.9))
    return Section(title, methods, FAISS, claims, clock="cpu")


def by_beam(title: str, x: Any, codebooks: Any, peers: dict[str, Any]) -> Section:
    methods = {OURS: with_engine("numba", residual.encode, x, codebooks, beam=BEAM)}
    if x.size * codebooks.shape[1] < 1e8:
        methods[REFERENCE] = with_engine("numpy", residual.encode, x, codebooks, beam=BEAM)
    claims = []
    if "faiss" in peers:
        quantizer = faiss_quantizer(peers["faiss"], codebooks, BEAM)
        methods[FAISS] = lambda: quantizer.compute_codes(x)
        theirs = unpacked(peers["faiss"], quantizer, methods[FAISS]())
        found = [error(x, codes, codebooks) for codes in (methods[OURS](), theirs)]
        np.testing.assert_allclose(*found, rtol=1e-5)
        claims.append(Claim(OURS, FAISS, 0.5))
    return Section(title, methods, FAISS, claims, clock="cpu")


def error(x: Any, codes: Any, codebooks: Any) -> float:
    """The mean squared length of what the codes leave."""
    return float(((x - residual.decode(codes, codebooks)) ** 2).sum(axis=1).mean())


def lucidrains(peers: dict[str, Any], x: Any, codebooks: Any) -> Callable[[], Any]:
    """Its module with our codebooks; it gives sums, codes, and losses."""
    torch, (depth, n_codes, d) = peers["torch"], codebooks.shape
    torch.set_num_threads(1)
    module = peers["vector_quantize_pytorch"].ResidualVQ(
        dim=d, num_quantizers=depth, codebook_size=n_codes
    )
    module.eval()
    with torch.no_grad():
        for layer, codebook in zip(module.layers, codebooks, strict=True):
            layer._codebook.embed.copy_(torch.from_numpy(codebook)[None])
    batch = torch.from_numpy(x)[None]

    def call() -> Any:
        with torch.no_grad():
            return module(batch)[1][0].numpy()

    return call


def faiss_quantizer(faiss: Any, codebooks: Any, beam: int) -> Any:
    depth, n_codes, d = codebooks.shape
    quantizer = faiss.ResidualQuantizer(d, depth, int(np.log2(n_codes)))
    faiss.copy_array_to_vector(codebooks.reshape(-1), quantizer.codebooks)
    quantizer.max_beam_size, quantizer.is_trained = beam, True
    return quantizer


def unpacked(faiss: Any, quantizer: Any, packed: Any) -> Any:
    """The codes out of faiss's bits, of which the lowest of a byte come first."""
    width, depth = quantizer.nbits.at(0), quantizer.nbits.size()
    bits = np.unpackbits(packed, axis=1, bitorder="little")[:, : width * depth]
    return bits.reshape(len(packed), depth, width) @ (1 << np.arange(width))


def levels(title: str, n_codes: int) -> Section:
    x = np.random.default_rng(0).standard_normal(1_000_000, dtype=np.float32)
    values = scalar.lloyd_max_normal(n_codes).levels.astype(np.float32)
    borders = values[:-1] / 2 + values[1:] / 2
    methods = {
        OURS: with_engine("numba", scalar.assign, x, values),
        "numpy, searchsorted": lambda: np.searchsorted(borders, x),
    }
    np.testing.assert_array_equal(methods[OURS](), methods["numpy, searchsorted"]())
    claims = [Claim(OURS, "numpy, searchsorted", 8.0)] if n_codes == 64 else []
    return Section(title, methods, "numpy, searchsorted", claims, clock="cpu")


def all_distances(title: str, n_codes: int, torch: Any) -> Section:
    """As the released code of TokenBridge does: every number's distance to every level."""
    torch.set_num_threads(1)
    x = np.random.default_rng(0).standard_normal(1_000_000, dtype=np.float32)
    values = scalar.lloyd_max_normal(n_codes).levels.astype(np.float32)
    numbers, centres = torch.from_numpy(x), torch.from_numpy(values)
    methods = {
        OURS: with_engine("numba", scalar.assign, x, values),
        DISTANCES: lambda: (numbers[:, None] - centres).abs().argmin(dim=1),
    }
    assert (methods[OURS]() == methods[DISTANCES]().numpy()).mean() > 0.9999
    return Section(title, methods, DISTANCES, [Claim(OURS, DISTANCES, 50.0)], clock="cpu")


if __name__ == "__main__":
    main(__doc__, sections)
