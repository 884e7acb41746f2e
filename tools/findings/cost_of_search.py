"""What a search costs as a collection grows: exact, and compressed; the constants of the page on machines.

    python tools/findings/cost_of_search.py          # writes cost_of_search.json; about ten minutes

Collections are those of `benchmarks/soup.py`: as many vectors as one likes, which lie as the FAQ's do,
documents of about a hundred tokens and questions of 32. Processor time of one thread, medians; both
ways in turn. Ten million tokens take 8 GB of memory.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from soup import soup

from tokenlab.retrieval import TokenIndex, maxsim_search, recall
from tokenlab.retrieval.codec import n_centroids_for
from tokenlab.retrieval.compressed import CompressedIndex

PATH = Path(__file__).with_suffix(".json")
SIZES = (1_000, 10_000, 100_000)  # documents
N_QUERIES, K = 40, 10
SETTING = {"n_probe": 4, "impute": "kth", "k_prime": 1000, "rerank": 50}
LOOKED_AT = 10_000  # documents of the collection whose settings and bytes are looked at
PROBES, RERANKS = (1, 2, 4, 8, 16), (0, 20, 50, 100, 200)


def seconds(call: Any) -> tuple[float, Any]:
    """Processor time of a call, and what it returns."""
    begun = time.process_time()
    found = call()
    return time.process_time() - begun, found


def measured(index: TokenIndex, queries: list[Any]) -> tuple[dict[str, Any], Any]:
    """One collection: bytes, times, and the share of the exact ten best that is found."""
    # Half of the paper's number: k-means takes most of the time of this script.
    options = {"n_centroids": n_centroids_for(index.n_tokens) // 2, "bits": 4, "buckets": "uniform"}
    build, compressed = seconds(lambda: CompressedIndex.build(index, rng=0, **options))
    ways = {
        "exact": lambda query: maxsim_search(query, index, k=K),
        "compressed": lambda query: compressed.search(query, k=K, source=index, **SETTING),
    }
    ms, found = in_turn(ways, queries)
    row = {
        "n_tokens": index.n_tokens,
        "n_docs": index.n_docs,
        "n_centroids": len(compressed.sizes),
        "build_seconds": round(build, 2),
        "exact_ms": ms["exact"],
        "compressed_ms": ms["compressed"],
        "recall": share(found["compressed"], found["exact"]),
        "exact_bytes": index.tokens.nbytes,
        "compressed_bytes": compressed.nbytes,
    }
    return row, compressed


def in_turn(ways: dict[str, Any], queries: list[Any]) -> tuple[dict, dict]:
    """Medians in milliseconds and what was found, one way after the other for each query."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    found: dict[str, list[Any]] = {name: [] for name in ways}
    for query in [queries[0], *queries]:  # the first time compiles
        for name, way in ways.items():
            took, result = seconds(lambda way=way, query=query: way(query))
            times[name].append(1000 * took)
            found[name].append(result)
    medians = {name: round(float(np.median(t[1:])), 3) for name, t in times.items()}
    return medians, {name: results[1:] for name, results in found.items()}


def share(found: list[Any], exact: list[Any]) -> float:
    """Mean recall of the exact best."""
    pairs = zip(found, exact, strict=True)
    each = [recall(f.doc_ids, right.doc_ids.tolist(), K) for f, right in pairs]
    return round(float(np.mean(each)), 4)


def settings(compressed: Any, index: TokenIndex, queries: list[Any]) -> list[dict[str, Any]]:
    """Recall and milliseconds of every setting."""

    def way(**options: Any) -> Any:
        source = index if options["rerank"] else None
        return lambda query: compressed.search(query, k=K, source=source, **options)

    tried = [
        {"n_probe": n, "rerank": r, "impute": impute}
        for impute in ("kth", "centroid")
        for n in PROBES
        for r in RERANKS
    ]
    ways = {json.dumps(options): way(**options) for options in tried}
    exact = [maxsim_search(query, index, k=K) for query in queries]
    ms, found = in_turn(ways, queries)
    return [
        {**json.loads(name), "ms": ms[name], "recall": share(found[name], exact)} for name in ways
    ]


def bytes_by_part(compressed: Any) -> dict[str, float]:
    """Bytes of a token, by what they are for."""
    (piece,) = compressed.pieces
    parts = {name: getattr(piece, name).nbytes for name in piece.arrays}
    shown = {
        "residual, 4 bits a number": parts.pop("residuals"),
        "its document": parts.pop("owners"),
        "its centroid": parts.pop("codes"),
        "its error": parts.pop("errors"),
        "centroids": compressed.codec.centroids_.nbytes,
        "offsets, ends, numbers": sum(parts.values()),
    }
    return {name: round(n / compressed.n_tokens, 3) for name, n in shown.items()}


def round_ms(folder: str) -> float:
    """Wall time of one round of a search that has nothing to do, both workers on this machine."""
    from distributed import Client, LocalCluster

    from tokenlab.retrieval.cluster import Shards, save_shards

    folders = save_shards(TokenIndex(np.eye(4, dtype=np.float32), [0, 2, 4]), folder, 2)
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
    times = []
    with LocalCluster(**options) as cluster, Client(cluster) as client:
        shards = Shards(client, folders)
        for _ in range(30):
            begun = time.perf_counter()
            shards.maxsim_search(np.eye(4, dtype=np.float32)[:1], k=1)
            times.append(time.perf_counter() - begun)
    return 1000 * float(min(times))  # others may be at work on the machine


def main() -> None:
    """Measure all sizes and write the file."""
    with tempfile.TemporaryDirectory() as folder:
        waited = round_ms(folder)
    rows, looked_at = [], {}
    for n in SIZES:
        made = soup(n, n_queries=N_QUERIES)
        index, queries = TokenIndex._trusted(made.tokens, made.offsets), list(made.queries)
        row, compressed = measured(index, queries)
        rows.append(row)
        print(row, flush=True)
        if n == LOOKED_AT:
            looked_at = {
                "n_tokens": index.n_tokens,
                "exact_ms": row["exact_ms"],
                "settings": settings(compressed, index, queries),
                "bytes": bytes_by_part(compressed),
            }
    found = {
        "d": index.d,
        "n_q": len(queries[0]),
        "setting": SETTING,
        "round_ms": round(waited, 1),
        "rows": rows,
        "looked_at": looked_at,
    }
    PATH.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
