"""What a search costs as a collection grows: exact, and compressed; the constants of the page on machines.

    python tools/findings/cost_of_search.py          # writes cost_of_search.json; about two minutes

Collections are spliced: documents of one to four runs of 15 to 60 tokens of the FAQ's answers, each
vector moved a little; the FAQ's questions ask. Processor time of one thread, medians; both ways in turn.
"""

import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")

import numpy as np

from tokenlab.data import load_faq
from tokenlab.numerics import unit
from tokenlab.retrieval import TokenIndex, maxsim_search, recall
from tokenlab.retrieval.codec import n_centroids_for
from tokenlab.retrieval.compressed import CompressedIndex

PATH = Path(__file__).with_suffix(".json")
SIZES = (50_000, 150_000, 500_000)
N_QUERIES, K = 20, 10
SETTING = {"n_probe": 8, "impute": "kth", "k_prime": 1000, "rerank": 100}


def spliced(n_tokens: int, rng: np.random.Generator) -> TokenIndex:
    """Documents of runs of the FAQ's tokens, each moved a little."""
    tokens = load_faq().index.tokens
    runs, lengths = [], []
    while sum(lengths) < n_tokens:
        doc = 0
        for _ in range(rng.integers(1, 5)):
            n = int(rng.integers(15, 61))
            runs.append(int(rng.integers(0, len(tokens) - n)) + np.arange(n))
            doc += n
        lengths.append(doc)
    rows = np.concatenate(runs)
    vectors = tokens[rows] + 0.04 * rng.standard_normal((len(rows), tokens.shape[1]), np.float32)
    return TokenIndex(unit(vectors), np.concatenate([[0], np.cumsum(lengths)]))


def seconds(call: Any) -> tuple[float, Any]:
    """Processor time of a call, and what it returns."""
    begun = time.process_time()
    found = call()
    return time.process_time() - begun, found


def measured(n_tokens: int, queries: list[Any]) -> dict[str, Any]:
    """One collection: bytes, times, and the share of the exact ten best that is found."""
    index = spliced(n_tokens, np.random.default_rng(n_tokens))
    # Half of the paper's number: k-means takes most of the time of this script.
    options = {"n_centroids": n_centroids_for(n_tokens) // 2, "bits": 4, "buckets": "uniform"}
    build, compressed = seconds(lambda: CompressedIndex.build(index, rng=0, **options))
    times, found = [], []
    for query in [queries[0], *queries]:  # the first time compiles
        exact, right = seconds(lambda: maxsim_search(query, index, k=K))  # noqa: B023
        few, mine = seconds(lambda: compressed.search(query, k=K, source=index, **SETTING))  # noqa: B023
        times.append((exact, few))
        found.append(recall(mine.doc_ids, right.doc_ids.tolist(), K))
    exact, few = np.median(times[1:], axis=0)
    return {
        "n_tokens": index.n_tokens,
        "n_docs": index.n_docs,
        "n_centroids": len(compressed.sizes),
        "build_seconds": round(build, 2),
        "exact_ms": round(1000 * float(exact), 3),
        "compressed_ms": round(1000 * float(few), 3),
        "recall": round(float(np.mean(found[1:])), 3),
        "exact_bytes": index.tokens.nbytes,
        "compressed_bytes": compressed.nbytes,
    }


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
    faq = load_faq()
    queries = list(faq.queries)[:N_QUERIES]
    with tempfile.TemporaryDirectory() as folder:
        waited = round_ms(folder)
    rows = []
    for n in SIZES:
        rows.append(measured(n, queries))
        print(rows[-1], flush=True)
    found = {
        "d": faq.index.d,
        "n_q": float(np.mean([len(q) for q in queries])),
        "setting": SETTING,
        "round_ms": round(waited, 1),
        "rows": rows,
    }
    PATH.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
