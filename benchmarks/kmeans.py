"""k-means against scikit-learn's: time for the same iterations, the start, and the inertia reached.

    python benchmarks/kmeans.py --threads 1 2 --rounds 5 --json kmeans.json

The rows are drawn around as many centres as there are codes, float32, with as much noise as there
is signal. Both sides start from the same codes and run the same number of iterations, each followed
by one last assignment; before anything is timed, the inertia that they reach is compared.
"""

import argparse
import statistics
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # also runs from a checkout

from harness import Claim, Facts, Section, installed, main

from tokenlab.data import load_faq
from tokenlab.engine import use_engine
from tokenlab.quantization import kmeans, plus_plus
from tokenlab.quantization.codebook import relative
from tokenlab.quantization.kmeans import assign, fit

OURS, REFERENCE, PEER = "tokenlab", "tokenlab, readable reference", "scikit-learn"
OBVIOUS = "obvious lines of NumPy"
BARE = "bare products of one pass, times passes"
SEEDS = range(10)


def sections(options: argparse.Namespace) -> Iterator[Section | Facts]:
    peer = installed({"sklearn.cluster": "scikit-learn"}).get("sklearn.cluster")
    full = [(50_257, 768, 1024, 3), (1_000_000, 64, 4096, 1)]
    for n, d, n_codes, rounds in [(5000, 96, 64, 3)] if options.quick else full:
        title = f"{n:,} x {d} to {n_codes:,} codes"
        same_start = f"{title}, {rounds} iteration{'s' * (rounds > 1)}, same start"
        if options.only in same_start:
            x = blobs(n, d, n_codes)
            yield iterations(same_start, x, n_codes, rounds, peer)
        if options.only in f"{title}: as a text":
            yield from texts(f"{title}: as a text", blobs(min(n, 20_000), d, n_codes), n_codes)
        few = min(n_codes, 64)  # the time grows in proportion to the codes
        if options.only in f"{title}: k-means++, the first {few}":
            x = blobs(n, d, n_codes)
            yield start(f"{title}: k-means++, the first {few}", x, n_codes, few, peer)
    if options.only in "inertia" and peer:
        yield from inertia(peer, options.quick)


def blobs(n: int, d: int, n_centres: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((n_centres, d), dtype=np.float32)
    x = rng.standard_normal((n, d), dtype=np.float32)
    for rows in np.array_split(np.arange(n), 100):
        x[rows] += centres[rng.integers(0, n_centres, len(rows))]
    return x


def with_engine(engine: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    def call() -> Any:
        with use_engine(engine):
            return function(*args, **kwargs)

    return call


def texts(title: str, x: np.ndarray, n_codes: int) -> Iterator[Section]:
    """The readable references beside the obvious lines of NumPy, on at most 20,000 rows."""
    codebook, rng = x[:n_codes].copy(), np.random.default_rng(3)
    codes, weights = rng.integers(0, n_codes, len(x)), rng.random(len(x))

    def nearest() -> tuple[np.ndarray, np.ndarray]:
        codes = ((codebook * codebook).sum(axis=1) - 2 * (x @ codebook.T)).argmin(axis=1)
        return codes, ((x - codebook[codes]) ** 2).sum(axis=1)

    def weighted_sums() -> np.ndarray:
        sums = np.zeros((n_codes, x.shape[1]))
        np.add.at(sums, codes, weights[:, None] * x)
        return sums

    pairs = {
        "nearest code": (lambda: kmeans.nearest(x, codebook), nearest),
        "weighted sums": (lambda: kmeans.weighted_sums(x, codes, weights, n_codes), weighted_sums),
    }
    for name, (text, plain) in pairs.items():
        methods = {REFERENCE: with_engine("numpy", text), OBVIOUS: plain}
        claims = [Claim(REFERENCE, OBVIOUS, 1 / 1.2)]
        yield Section(f"{title}, {name}", methods, OBVIOUS, claims)


def iterations(title: str, x: np.ndarray, n_codes: int, rounds: int, peer: Any) -> Section:
    first = x[np.random.default_rng(1).choice(len(x), n_codes, replace=False)]
    options = {"init": first, "iters": rounds, "tol": 0.0}
    methods = {OURS: with_engine("numba", fit, x, n_codes, **options)}
    if x.size * n_codes < 1e11:
        methods[REFERENCE] = with_engine("numpy", fit, x, n_codes, **options)
    if peer:
        methods[PEER] = lambda: peers_fit(peer, x, n_codes, max_iter=rounds, tol=0, init=first)
        ours, theirs = methods[OURS](), methods[PEER]()
        assert len(ours.history) - 1 == theirs.n_iter_ == rounds, "not the same iterations"
        np.testing.assert_allclose(ours.inertia, theirs.inertia_, rtol=1e-4)
    shifted, _ = relative(first)
    size = min(len(x), max(128, (1 << 20) // n_codes))
    buffer = np.empty((n_codes, size), np.float32)

    def bare() -> None:
        for _ in range(rounds + 1):
            for start in range(0, len(x) - size + 1, size):
                np.matmul(shifted, x[start : start + size].T, out=buffer)

    methods[BARE] = bare
    return Section(title, methods, PEER, [Claim(OURS, PEER, 1.0)])


def peers_fit(peer: Any, x: np.ndarray, n_codes: int, **options: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has not converged
        return peer.KMeans(n_codes, n_init=1, algorithm="lloyd", **options).fit(x)


def start(title: str, x: np.ndarray, n_codes: int, few: int, peer: Any) -> Section:
    methods = {OURS: with_engine("numba", plus_plus, x, few, rng=0)}
    if x.size * few < 1e10:
        methods[REFERENCE] = with_engine("numpy", plus_plus, x, few, rng=0)
    if peer:
        draw = peer.kmeans_plusplus
        methods[PEER] = lambda: draw(x, few, random_state=0)  # its own number of trials
    return Section(title, methods, PEER, [Claim(OURS, PEER, 1.0)])


def inertia(peer: Any, quick: bool) -> Iterator[Facts]:
    """What ten seeds reach with the default start, until nothing moves any more."""
    faq = load_faq().index.tokens
    data = {
        f"FAQ tokens, {faq.shape[0]:,} x {faq.shape[1]}, 64 codes": (np.asarray(faq), 64),
        "blobs, 4,000 x 16, 40 codes": (blobs(4000, 16, 40), 40),
        "tight blobs, 4,000 x 2, 25 codes": (blobs(4000, 2, 1) + grid(4000), 25),
    }
    if not quick:
        data["blobs, 20,000 x 64, 256 codes"] = (blobs(20_000, 64, 256), 256)
    for name, (x, n_codes) in data.items():
        ours = [exact(x, fit(x, n_codes, iters=300, tol=0, rng=s).codebook) for s in SEEDS]
        theirs = [
            exact(
                x, peers_fit(peer, x, n_codes, max_iter=300, tol=0, random_state=s).cluster_centers_
            )
            for s in SEEDS
        ]
        rows = {}
        for label, values in ((OURS, ours), (PEER, theirs)):
            rows[f"{label}: mean, least, most"] = " ".join(
                f"{v:.6g}" for v in (statistics.mean(values), min(values), max(values))
            )
        ratio = statistics.mean(ours) / statistics.mean(theirs)
        rows["ratio of means, standard error"] = (
            f"{ratio:.5f} +- {np.hypot(np.std(ours), np.std(theirs)) / 3 / np.mean(theirs):.5f}"
        )
        yield Facts(f"inertia over ten seeds: {name}", rows)


def grid(n: int) -> np.ndarray:
    """Positions on a 5 x 5 grid, far apart: a start that misses one of them stays bad."""
    cell = np.random.default_rng(2).integers(0, 5, (n, 2))
    return (40 * cell).astype(np.float32)


def exact(x: np.ndarray, codebook: np.ndarray) -> float:
    """The inertia in float64, computed in the same way for both."""
    return float(assign(x.astype(np.float64), codebook.astype(np.float64)).distances.sum())


if __name__ == "__main__":
    main(__doc__, sections)
