"""Token retrieval against its peers: MaxSim, token top-k, XTR scoring, and memory.

    python benchmarks/retrieval.py --threads 1 2 --json retrieval.json

The corpus: 1,000 documents of 128 to 300 random unit vectors of width 128, float32; the query: 32
of them. Random directions are the hardest case for a shortlist, and no case at all for quality.
Before anything is timed, every method's answer is compared with that of the readable reference.
"""

import argparse
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # also runs from a checkout

from harness import Claim, Facts, Section, installed, main

from tokenlab.engine import use_engine
from tokenlab.numerics import segment_max, segment_sum, softmax, topk, unit
from tokenlab.retrieval import TokenIndex, maxsim, token_topk, xtr_scores
from tokenlab.retrieval.colbert import maxsim_scores

OURS, REFERENCE = "tokenlab", "tokenlab, readable reference"
TWO_LINES = "the obvious two lines of NumPy"
PRODUCT = "bare product tokens @ query.T"
PEERS = {"maxsim_cpu": "maxsim-cpu", "faiss": "faiss-cpu"}


def sections(options: argparse.Namespace) -> Iterator[Section | Facts]:
    rng = np.random.default_rng(0)
    lengths = rng.integers(128, 301, size=60 if options.quick else 1000)
    tokens = unit_vectors(rng, int(lengths.sum()))
    index = TokenIndex(tokens, np.concatenate([[0], np.cumsum(lengths)]))
    query = unit_vectors(rng, 32)
    several = [unit_vectors(rng, 32) for _ in range(8)]
    peers = installed(PEERS)
    yield maxsim_section(query, index, peers)
    yield batch_section(several, index, peers)
    for k in (100, 1000, 10_000):
        yield topk_section(query, index, k, peers)
    for k in (1000, 10_000):
        yield scoring_section(query, index, k)
    yield from text_sections(rng, query, several, index)
    if options.only in "memory":
        yield memory_facts(rng, 100_000 if options.quick else 2_000_000)


def unit_vectors(rng: np.random.Generator, n: int, d: int = 128) -> np.ndarray:
    x = rng.standard_normal((n, d), dtype=np.float32)
    x /= np.sqrt(np.einsum("nd,nd->n", x, x))[:, None]
    return x


def with_engine(engine: str, function: Callable[..., Any], *args: Any) -> Callable[[], Any]:
    def call() -> Any:
        with use_engine(engine):
            return function(*args)

    return call


def maxsim_section(query: np.ndarray, index: TokenIndex, peers: dict[str, Any]) -> Section:
    docs, tokens, starts = list(index), index.tokens, index.offsets[:-1]
    methods = {
        OURS: with_engine("numba", maxsim, query, index),
        REFERENCE: with_engine("numpy", maxsim, query, index),
        "one product, maximum.reduceat": lambda: np.maximum.reduceat(
            tokens @ query.T, starts, axis=0
        ).sum(axis=1),
        "numpy.einsum per document": lambda: np.array(
            [np.einsum("qd,nd->qn", query, doc).max(axis=1).sum() for doc in docs]
        ),
    }
    if "maxsim_cpu" in peers:
        score = peers["maxsim_cpu"].maxsim_scores_variable
        methods["maxsim-cpu"] = lambda: score(query, docs)
    same_scores(methods)
    methods[PRODUCT] = lambda: tokens @ query.T
    # The product alone, into memory that is there already: what blocking can get at best.
    buffer = np.empty((len(tokens), len(query)), np.float32)
    methods["the same into an existing array"] = lambda: np.matmul(tokens, query.T, out=buffer)
    claims = [Claim(OURS, "maxsim-cpu", 1.6), Claim(OURS, PRODUCT, 0.8)]
    return Section("MaxSim, one query", methods, "maxsim-cpu", claims)


def batch_section(queries: list[np.ndarray], index: TokenIndex, peers: dict[str, Any]) -> Section:
    docs, stacked = list(index), np.concatenate(queries)
    methods = {
        OURS: with_engine("numba", maxsim, queries, index),
        REFERENCE: with_engine("numpy", maxsim, queries, index),
        "tokenlab, one query at a time": with_engine(
            "numba", lambda: np.array([maxsim(query, index) for query in queries])
        ),
    }
    if "maxsim_cpu" in peers:
        score = peers["maxsim_cpu"].maxsim_scores_variable
        methods["maxsim-cpu"] = lambda: np.array([score(query, docs) for query in queries])
    same_scores(methods)
    methods[PRODUCT] = lambda: index.tokens @ stacked.T
    return Section(
        "MaxSim, eight queries together", methods, "maxsim-cpu", [Claim(OURS, "maxsim-cpu", 2.2)]
    )


def same_scores(methods: dict[str, Callable[[], Any]]) -> None:
    for method in methods.values():
        np.testing.assert_allclose(method(), methods[REFERENCE](), atol=1e-4)


def topk_section(query: np.ndarray, index: TokenIndex, k: int, peers: dict[str, Any]) -> Section:
    methods = {
        OURS: with_engine("numba", token_topk, query, index, k),
        REFERENCE: with_engine("numpy", token_topk, query, index, k),
        "one product, numpy.argpartition": lambda: partitioned(query, index.tokens, k),
    }
    if "faiss" in peers:
        flat = peers["faiss"].IndexFlatIP(index.d)
        flat.add(index.tokens)
        methods["faiss-cpu IndexFlatIP"] = lambda: flat.search(query, k)[::-1]
    for method in methods.values():
        sims = [np.sort(answer()[1]) for answer in (method, methods[REFERENCE])]
        np.testing.assert_allclose(*sims, atol=1e-5)
    methods[PRODUCT] = lambda: index.tokens @ query.T
    claims = [Claim(OURS, "faiss-cpu IndexFlatIP", 4)] * (k == 1000)
    return Section(f"token top-k, k' = {k:,}", methods, "faiss-cpu IndexFlatIP", claims)


def partitioned(query: np.ndarray, tokens: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    return selected(query @ tokens.T, k)


def selected(sims: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    ids = np.argpartition(sims, -k, axis=1)[:, -k:]
    ids = np.take_along_axis(ids, np.argsort(-np.take_along_axis(sims, ids, 1), axis=1), 1)
    return ids, np.take_along_axis(sims, ids, axis=1)


def scoring_section(query: np.ndarray, index: TokenIndex, k: int) -> Section:
    ids, sims = token_topk(query, index, k)
    owner = index.token_to_doc
    owner_of = dict(enumerate(owner.tolist()))
    dicts = "dict of dicts"
    methods = {
        OURS: with_engine("numba", xtr_scores, ids, sims, owner, index.n_docs),
        REFERENCE: with_engine("numpy", xtr_scores, ids, sims, owner, index.n_docs),
        dicts: lambda: dict_scores(ids, sims, owner_of),
    }
    expected = dict_scores(ids, sims, owner_of)
    for engine in (OURS, REFERENCE):
        doc_ids, scores = methods[engine]()
        np.testing.assert_allclose(scores, [expected[doc] for doc in doc_ids.tolist()], atol=1e-5)
    claims = [Claim(OURS, dicts, 50)]
    return Section(f"XTR scoring of k' = {k:,} tokens", methods, dicts, claims)


def dict_scores(ids: np.ndarray, sims: np.ndarray, owner_of: dict[int, int]) -> dict[int, float]:
    """XTR in plain Python, the way the paper's notebook goes about it."""
    best_hits: dict[int, dict[int, float]] = {}
    for i, (row_ids, row_sims) in enumerate(zip(ids.tolist(), sims.tolist(), strict=True)):
        for token, sim in zip(row_ids, row_sims, strict=True):
            hits = best_hits.setdefault(owner_of[token], {})
            if i not in hits:  # sorted, so that the first hit is the best
                hits[i] = sim
    missing = sims[:, -1].tolist()
    scores = {}
    for doc, hits in best_hits.items():
        filled = [hits.get(i, missing[i]) for i in range(len(missing))]
        scores[doc] = sum(filled) / len(filled)
    return scores


def text_sections(
    rng: np.random.Generator, query: np.ndarray, several: list[np.ndarray], index: TokenIndex
) -> Iterator[Section]:
    """The readable functions beside the two lines of NumPy that come to mind: 1.2 at most."""
    tokens, ends = index.tokens, index.offsets
    stacked, cuts = np.concatenate(several), 32 * np.arange(len(several) + 1)
    similarity = tokens @ query.T  # (n_tokens, n_q)
    rows = rng.standard_normal((1000, 1000), dtype=np.float32)
    ids, sims = token_topk(query, index, 1000)

    def best(x: np.ndarray) -> np.ndarray:
        return np.maximum.reduceat(x, ends[:-1], axis=0)

    def powers() -> np.ndarray:
        x = np.exp(rows - rows.max(axis=-1, keepdims=True))
        return x / x.sum(axis=-1, keepdims=True)

    def scaled() -> np.ndarray:
        length = np.linalg.norm(rows, axis=-1, keepdims=True)
        return rows / np.where(length == 0, 1, length)

    def dense() -> np.ndarray:
        table = np.full((index.n_docs, len(query)), -np.inf, np.float32)
        owner = index.token_to_doc[ids]
        np.maximum.at(table, (owner, np.arange(len(query))[:, None]), sims)
        table = table[table.max(axis=1) > -np.inf]
        return np.where(table > -np.inf, table, sims.min(axis=1)).mean(axis=1)

    pairs: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
        "maxsim": (lambda: maxsim(query, index), lambda: best(tokens @ query.T).sum(axis=1)),
        "maxsim_scores, eight queries": (
            lambda: maxsim_scores(stacked, cuts, tokens, ends),
            lambda: np.add.reduceat(best(tokens @ stacked.T), cuts[:-1], axis=1).T,
        ),
        "token_topk, k' = 1,000": (
            lambda: token_topk(query, index, 1000)[1],
            lambda: partitioned(query, tokens, 1000)[1],
        ),
        "xtr_scores, k' = 1,000": (
            lambda: xtr_scores(ids, sims, index.token_to_doc, index.n_docs)[1],
            dense,
        ),
        "segment_max": (lambda: segment_max(similarity, ends), lambda: best(similarity)),
        "segment_sum": (
            lambda: segment_sum(similarity, ends),
            lambda: np.add.reduceat(similarity, ends[:-1], axis=0),
        ),
        "topk, 10 of 1,000": (
            lambda: topk(rows, 10)[1],
            lambda: selected(rows, 10)[1],
        ),
        "softmax": (lambda: softmax(rows), powers),
        "unit": (lambda: unit(rows), scaled),
    }
    for name, (text, lines) in pairs.items():
        methods = {REFERENCE: with_engine("numpy", text), TWO_LINES: lines}
        np.testing.assert_allclose(methods[REFERENCE](), lines(), rtol=1e-4, atol=1e-4)
        yield Section(f"the text of {name}", methods, TWO_LINES)


def memory_facts(rng: np.random.Generator, n_tokens: int) -> Facts:
    """The most memory that a search holds beyond the corpus itself."""
    tokens = np.empty((n_tokens, 64), np.float32)
    for rows in np.array_split(tokens, 100):
        rows[:] = unit_vectors(rng, len(rows), 64)
    index = TokenIndex(tokens, np.arange(0, n_tokens + 1, 200))
    query = unit_vectors(rng, 32, 64)
    rows = {"all similarities at once would be": f"{4 * 32 * n_tokens / 2**20:.1f} MiB"}
    searches = {"MaxSim": (maxsim, query, index)} | {
        f"token top-k, k' = {k:,}": (token_topk, query, index, k) for k in (100, 1000, 10_000)
    }
    for name, search in searches.items():
        for engine, label in (("numba", OURS), ("numpy", "reference")):
            tracemalloc.start()
            answer = with_engine(engine, *search)()
            held, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            rows[f"{name}, {label}"] = f"{peak / 2**20:.1f} MiB"
            del answer, held
    return Facts(f"memory at its peak, {n_tokens:,} tokens of width 64, 32 query tokens", rows)


if __name__ == "__main__":
    main(__doc__, sections)
