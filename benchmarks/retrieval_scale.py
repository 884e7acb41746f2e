"""Search among many tokens against its peers: the compressed index, faiss, exact MaxSim.

    python benchmarks/retrieval_scale.py --threads 1 --rounds 3 --json retrieval_scale.json

The collection is `soup` (benchmarks/soup.py): 10,000 documents, some 10^6 tokens of 64 dimensions, 32
tokens a query; `SOUP_DOCS=100000` takes ten times as many. faiss gets as many centroids as ours, an
HNSW graph over them, XTR's scores of the tokens that it finds, and the reranker that ours has. Times
are processor time of one query, and recall@10 is that of exact MaxSim.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # also runs from a checkout

from harness import Facts, Section, installed, main
from soup import figures, soup

from tokenlab.engine import use_engine
from tokenlab.numerics import topk
from tokenlab.retrieval import CompressedIndex, TokenIndex, maxsim_search, xtr_scores
from tokenlab.retrieval.codec import unpack
from tokenlab.retrieval.compressed_search import Looks
from tokenlab.retrieval.warp import bucket_table, table_scores

EXACT, K, RERANK = "exact MaxSim", 10, 100
CENTROIDS = ((500, 256), (2000, 1024), (20_000, 8192), (10**9, 16384))  # up to so many documents
PEERS = {"faiss": "faiss-cpu"}
OURS = {
    "ours, 2 probes, kth": {"n_probe": 2, "impute": "kth"},
    "ours, 4 probes, kth": {"n_probe": 4, "impute": "kth"},
    "ours, 2 probes, as published": {"n_probe": 2},
    "ours, 4 probes, as published": {"n_probe": 4},
}


def sections(options: argparse.Namespace) -> Iterator[Section | Facts]:
    n_docs = 500 if options.quick else int(os.environ.get("SOUP_DOCS", "10000"))
    made = soup(n_docs, n_queries=20)
    source = TokenIndex(made.tokens, made.offsets)
    n_centroids = next(c for most, c in CENTROIDS if n_docs <= most)
    title = f"{source.n_tokens:,} tokens of {n_docs:,} documents, {n_centroids:,} centroids"
    yield Facts("The soup", {name: f"{value:.3f}" for name, value in figures(made).items()})
    ours, seconds = spent(
        lambda: CompressedIndex.build(source, n_centroids=n_centroids, buckets="uniform", rng=0)
    )
    building = {"ours: centroids, codes, packing": f"{seconds:.1f} s"}
    methods: dict[str, Callable[[Any], Any]] = {
        EXACT: lambda query: maxsim_search(query, source, k=K),
        **{name: searching(ours, source, settings) for name, settings in OURS.items()},
    }
    faiss = installed(PEERS).get("faiss")
    for name, factory, k_prime in (
        ("faiss IVFPQ 32x8, 4 probes", f"IVF{n_centroids}_HNSW32,PQ32x8", 400),
        ("faiss FastScan 64x4, 4 probes", f"IVF{n_centroids}_HNSW32,PQ64x4fs", 400),
    ):
        if faiss:
            theirs, seconds = spent(lambda factory=factory: trained(faiss, source, factory))
            building[name.partition(",")[0]] = f"{seconds:.1f} s"
            methods[name] = of_faiss(theirs, source, k_prime)
    yield Facts("Building, processor time", building)
    yield Facts("Recall@10 of exact MaxSim", recalls(methods, made.queries))
    yield Section(
        title, {n: in_turn(m, made.queries) for n, m in methods.items()}, EXACT, clock="cpu"
    )
    yield on_disk(ours, source)
    yield text_section(ours, made.queries[0])


def spent(function: Callable[[], Any]) -> tuple[Any, float]:
    """A result and the processor time for it."""
    start = time.process_time()
    return function(), time.process_time() - start


def searching(index: Any, source: TokenIndex, settings: dict) -> Callable[[Any], Any]:
    """Our search, compiled, with the source's tokens to rerank."""

    def search(query: Any) -> Any:
        with use_engine("numba"):
            return index.search(query, k=K, rerank=RERANK, source=source, **settings)

    return search


def trained(faiss: Any, source: TokenIndex, factory: str) -> Any:
    """An index of faiss over the same tokens."""
    index = faiss.index_factory(source.d, factory, faiss.METRIC_INNER_PRODUCT)
    index.train(source.tokens)
    index.add(source.tokens)
    index.nprobe = 4
    return index


def of_faiss(index: Any, source: TokenIndex, k_prime: int) -> Callable[[Any], Any]:
    """Its tokens, XTR's scores of them, and our reranker."""

    def search(query: Any) -> Any:
        sims, ids = index.search(query, k_prime)
        ids = np.where(ids < 0, ids[:, :1], ids)  # fewer were found: the best stands in
        sims = np.where(np.isfinite(sims) & (sims > -1e30), sims, sims[:, :1])
        docs, scores = xtr_scores(ids, sims, source.token_to_doc, source.n_docs)
        first = np.sort(docs[topk(scores, RERANK).ids])
        best = topk(Looks(None).exact_scores(query, first, source), K)
        return type("Found", (), {"doc_ids": first[best.ids]})

    return search


def recalls(methods: dict[str, Callable[[Any], Any]], queries: Any) -> dict[str, str]:
    right = [set(methods[EXACT](query).doc_ids.tolist()) for query in queries]
    found = {}
    for name, method in methods.items():
        shares = [
            len(best & set(method(query).doc_ids.tolist())) / K
            for best, query in zip(right, queries, strict=True)
        ]
        found[name] = f"{np.mean(shares):.3f}"
    return found


def in_turn(method: Callable[[Any], Any], queries: Any) -> Callable[[], Any]:
    """One query at each call, the next one at the next."""
    place = [0]

    def call() -> Any:
        place[0] += 1
        return method(queries[place[0] % len(queries)])

    return call


def on_disk(index: Any, source: TokenIndex) -> Facts:
    """Bytes by part, and how long a mapped start takes."""
    n, parts = index.n_tokens, {}
    for name in index.pieces[0].arrays:
        parts[name] = sum(getattr(piece, name).nbytes for piece in index.pieces) / n
    parts["centroids"] = index.codec.centroids_.nbytes / n
    rows = {f"{name}, bytes a token": f"{size:.2f}" for name, size in parts.items()}
    rows["of float32"] = f"{index.nbytes / source.tokens.nbytes:.4f}"
    with tempfile.TemporaryDirectory() as folder:
        index.save(folder + "/index")
        _, seconds = spent(lambda: CompressedIndex.load(folder + "/index", verify=False))
        rows["mapped start"] = f"{seconds:.3f} s"
        index.add(list(source[:1000]))
        before = {path.name for path in Path(folder, "index").iterdir()}
        index.save(folder + "/index")
        new = [path for path in Path(folder, "index").iterdir() if path.name not in before]
        written = sum(path.stat().st_size for path in new)
        rows["written after adding 1,000 documents"] = f"{written / 1e6:.1f} MB"
        index.delete(np.arange(source.n_docs, index.n_numbers))
        index.compact()
    return Facts("On disk", rows)


def text_section(index: Any, query: Any) -> Section:
    """The text of WARP against two lines of NumPy: products with the tokens of one cluster."""
    codec, piece = index.codec, index.pieces[0]
    rows = slice(0, int(index.sizes[:64].sum()))
    buckets = unpack(piece.residuals[rows], codec.bits, index.d)
    levels, places = codec.levels_, np.arange(index.d)

    def text() -> Any:
        table = bucket_table(query[:1], levels)
        return table_scores(table[0], buckets)

    def two_lines() -> Any:
        table = query[0][:, None] * levels
        return table[places, buckets].sum(axis=1)

    return Section(
        "The text of WARP",
        {"tokenlab": text, "two lines of NumPy": two_lines},
        "two lines of NumPy",
        clock="cpu",
    )


if __name__ == "__main__":
    main(__doc__, sections)
