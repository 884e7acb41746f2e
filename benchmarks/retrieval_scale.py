"""Search among many tokens against its peers: the compressed index, faiss, ScaNN, exact MaxSim.

    python benchmarks/retrieval_scale.py --threads 1 2 --rounds 15 --json retrieval_scale.json

The first collection is `soup` (benchmarks/soup.py): 10,000 documents, some 10^6 tokens of 64
dimensions, 32 tokens a query; `SOUP_DOCS=100000` takes ten times as many. The second, as large, is
spliced from the FAQ's tokens, each of them forty times in 10^6, so that many documents nearly tie.
Peers get as many centroids as ours, faiss an HNSW graph over them, XTR's scores of the tokens that
they find, and the reranker that ours has. Every setting's recall@10 of exact MaxSim and its time
are listed; the cheapest of each at .95 are then timed in turn, five queries at a time, after five
that do not count: a pass over all tokens leaves cold caches behind. Times are processor time.
`SOUP_KEEP=folder` keeps what was built, for the next run.
"""

import argparse
import json
import os
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # also runs from a checkout

from harness import Claim, Facts, Section, installed, main
from soup import Soup, figures, soup, spliced

from tokenlab.engine import use_engine
from tokenlab.numerics import topk
from tokenlab.retrieval import CompressedIndex, TokenIndex, maxsim_search, xtr_scores
from tokenlab.retrieval.codec import unpack
from tokenlab.retrieval.compressed_search import Looks
from tokenlab.retrieval.muvera import FDE, muvera_search
from tokenlab.retrieval.warp import bucket_table, table_scores

EXACT, K, WANTED, N_QUERIES = "exact MaxSim", 10, 0.95, 40
# Centroids of collections of up to so many tokens.
CENTROIDS = ((60_000, 256), (300_000, 1024), (3_000_000, 8192), (10**12, 16384))
PEERS = {"faiss": "faiss-cpu", "scann": "scann"}
FACTORIES = {"faiss IVFPQ": "PQ32x8", "faiss FastScan": "PQ64x4fs"}  # 32 bytes a token, as ours
PROBES, RERANKS, K_PRIMES = (1, 2, 4, 8), (20, 30, 50, 100, 200), (400, 1000, 4000)
BATCH = 5  # queries of one measurement: a stream of them, not one after a pause
FLAT = 20_000  # documents, up to which MUVERA's vectors are searched one by one
KEEP = os.environ.get("SOUP_KEEP", "")

Search = Callable[[Any], Any]


def sections(options: argparse.Namespace) -> Iterator[Section | Facts]:
    n_docs = 500 if options.quick else int(os.environ.get("SOUP_DOCS", "10000"))
    if options.only in "soup":
        made = soup(n_docs, n_queries=N_QUERIES)
        yield Facts("The soup", {name: f"{value:.3f}" for name, value in figures(made).items()})
        yield from of_collection("soup", made, options.quick)
    if options.only in "spliced":
        pieced = spliced(100 * n_docs, np.random.default_rng(0))
        yield from of_collection("spliced", pieced, options.quick)


def of_collection(kind: str, made: Soup, quick: bool) -> Iterator[Section | Facts]:
    """Everything about one collection."""
    source = TokenIndex._trusted(made.tokens, made.offsets)  # as it is: ten million take 2.5 GB
    queries = list(made.queries)[: 5 if quick else N_QUERIES]
    n_centroids = next(c for most, c in CENTROIDS if source.n_tokens <= most)
    title = f"{kind}: {source.n_tokens:,} tokens of {source.n_docs:,} documents"
    ours, seconds = built(source, kind, n_centroids)
    building = {"ours: centroids, codes, packing": seconds}
    settings = {EXACT: {"": lambda query: maxsim_search(query, source, k=K)}}
    settings["ours"] = {
        f"{n} probes, {k} tokens, {r} reranked": ours_search(
            ours, source, n_probe=n, k_prime=k, rerank=r, impute="kth"
        )
        for n in PROBES
        for k in K_PRIMES
        for r in RERANKS
    }
    settings["ours, as published"] = {
        f"{n} probes, {r} reranked": ours_search(ours, source, n_probe=n, rerank=r)
        for n in PROBES
        for r in RERANKS
    }
    for peer, (tokens, took) in peers(source, kind, n_centroids).items():
        building[peer] = took
        settings[peer] = {
            f"{n} probes, {k} tokens, {r} reranked": peer_search(tokens, source, n, k, r)
            for n in PROBES
            for k in K_PRIMES
            for r in RERANKS
        }
    if source.n_docs <= FLAT:
        fde = FDE(source.d, d_proj=16, rng=0)
        rows, building[f"MUVERA, {fde.dim:,} dimensions"] = spent(lambda: fde.encode_docs(source))
        settings["MUVERA"] = {
            f"{r} reranked": lambda query, r=r: muvera_search(
                query, source, fde, rows, k=K, n_candidates=r
            )
            for r in RERANKS
        }
    took = building["ours: centroids, codes, packing"]
    yield Facts(
        f"Building, {title}, {n_centroids:,} centroids",
        {name: f"{s:.1f} s, ours is {took / s:.2f} of it" for name, s in building.items()},
    )
    found, cheapest = every_setting(settings, queries)
    yield Facts(f"Recall@{K} and milliseconds, {title}", found)
    best = {f"{name}: {s}": in_turn(settings[name][s], queries) for name, s in cheapest.items()}
    if "ours" in cheapest:
        mine = f"ours: {cheapest['ours']}"
        # By itself: a pass over all tokens leaves cold caches to whoever comes next.
        exact = {EXACT: in_turn(settings[EXACT][""], queries), mine: best[mine]}
        claims = [Claim(mine, EXACT, 65.0 if source.n_tokens > 3_000_000 else 18.0)]
        yield Section(
            f"Beside exact search, {BATCH} queries, {title}",
            exact,
            EXACT,
            claims,
            clock="cpu",
            first=1,
        )
        claims = [Claim(mine, other, 1.0) for other in best if other.startswith(("faiss", "ScaNN"))]
        together = f"The cheapest at recall {WANTED}, {BATCH} queries, {title}"
        yield Section(together, best, mine, claims, clock="cpu", first=1)
    yield memory_of(settings["ours"]["4 probes, 1000 tokens, 100 reranked"], queries, title)
    yield on_disk(ours, source, title)
    yield text_section(ours, queries[0], title)


def spent(function: Callable[[], Any]) -> tuple[Any, float]:
    """A result and the processor time for it."""
    start = time.process_time()
    return function(), time.process_time() - start


def kept(name: str, make: Callable[[], Any], write: Any, read: Any) -> tuple[Any, float]:
    """What was built and its seconds, from the folder where there is one."""
    path, note = Path(KEEP or ".", name), Path(KEEP or ".", name + ".json")
    if KEEP and note.exists():
        return read(path), json.loads(note.read_text())
    found, seconds = spent(make)
    if KEEP:
        write(found, path)
        note.write_text(json.dumps(seconds))
    return found, seconds


def built(source: TokenIndex, kind: str, n_centroids: int) -> tuple[Any, float]:
    """Our index."""
    return kept(
        f"{kind}-{source.n_docs}-ours",
        lambda: CompressedIndex.build(source, n_centroids=n_centroids, buckets="uniform", rng=0),
        lambda index, path: index.save(path),
        lambda path: CompressedIndex.load(path, mmap=False, verify=False),
    )


def peers(source: TokenIndex, kind: str, n_centroids: int) -> dict[str, tuple[Any, float]]:
    """A search for tokens by each peer that is installed, and the seconds that it took to build."""
    there, found = installed(PEERS), {}
    if faiss := there.get("faiss"):
        for name, code in FACTORIES.items():
            index, seconds = kept(
                f"{kind}-{source.n_docs}-{code}",
                lambda code=code: trained(faiss, source, f"IVF{n_centroids}_HNSW32,{code}"),
                lambda index, path: faiss.write_index(index, str(path)),
                lambda path: faiss.read_index(str(path)),
            )
            found[name] = (tokens_of_faiss(faiss, index), seconds)
    if scann := there.get("scann"):
        index, seconds = kept(
            f"{kind}-{source.n_docs}-scann",
            lambda: trained_by_scann(scann, source, n_centroids),
            lambda index, path: (path.mkdir(), index.serialize(str(path))),
            lambda path: scann.scann_ops_pybind.load_searcher(str(path)),
        )
        found["ScaNN"] = (tokens_of_scann(index), seconds)
    return found


def trained(faiss: Any, source: TokenIndex, factory: str) -> Any:
    """An index of faiss over the same tokens."""
    index = faiss.index_factory(source.d, factory, faiss.METRIC_INNER_PRODUCT)
    index.train(source.tokens)
    index.add(source.tokens)
    return index


def tokens_of_faiss(faiss: Any, index: Any) -> Callable[..., Any]:
    """Its best tokens: similarities and numbers, of -1 where fewer were found."""
    faiss.omp_set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))

    def search(query: Any, n_probe: int, k_prime: int) -> Any:
        index.nprobe = n_probe
        return index.search(query, k_prime)

    return search


def trained_by_scann(scann: Any, source: TokenIndex, n_centroids: int) -> Any:
    """A tree of as many leaves, codes of 4 bits for pairs of dimensions, as its guide advises."""
    builder = scann.scann_ops_pybind.builder(source.tokens, K_PRIMES[0], "dot_product")
    tree = builder.tree(
        num_leaves=n_centroids,
        num_leaves_to_search=4,
        training_sample_size=min(source.n_tokens, 32 * n_centroids),
    )
    return tree.score_ah(2, anisotropic_quantization_threshold=0.2).build()


def tokens_of_scann(index: Any) -> Callable[..., Any]:
    """Its best tokens."""

    def search(query: Any, n_probe: int, k_prime: int) -> Any:
        options = {"leaves_to_search": n_probe, "pre_reorder_num_neighbors": k_prime}
        ids, sims = index.search_batched(query, final_num_neighbors=k_prime, **options)
        there = np.isfinite(sims)
        return sims, np.where(there, ids.astype(np.int64), -1)

    return search


def ours_search(index: Any, source: TokenIndex, **settings: Any) -> Search:
    """Our search, compiled, with the source's tokens to rerank."""

    def search(query: Any) -> Any:
        with use_engine("numba"):
            return index.search(query, k=K, source=source, **settings)

    return search


def peer_search(tokens: Any, source: TokenIndex, n_probe: int, k_prime: int, rerank: int) -> Search:
    """A peer's tokens, XTR's scores of them, and our reranker."""

    def search(query: Any) -> Any:
        sims, ids = tokens(query, n_probe, k_prime)
        ids = np.where(ids < 0, ids[:, :1], ids)  # fewer were found: the best stands in
        sims = np.where(np.isfinite(sims) & (sims > -1e30), sims, sims[:, :1])
        with use_engine("numba"):
            docs, scores = xtr_scores(ids, sims, source.token_to_doc, source.n_docs)
            first = np.sort(docs[topk(scores, rerank).ids])
            best = topk(Looks(None).exact_scores(query, first, source), K)
        return type("Found", (), {"doc_ids": first[best.ids]})

    return search


def every_setting(settings: dict, queries: Any) -> tuple[dict[str, str], dict[str, str]]:
    """A row for each setting, and each way's cheapest setting that finds enough."""
    right = [set(settings[EXACT][""](query).doc_ids.tolist()) for query in queries]
    rows, cheapest = {}, {}
    for name, ways in settings.items():
        enough = []
        for setting, search in ways.items() if name != EXACT else ():
            search(queries[0])  # compiles
            found, times = [], []
            for query in queries:
                result, seconds = spent(lambda search=search, query=query: search(query))
                found.append(result)
                times.append(1000 * seconds)
            pairs = zip(right, found, strict=True)
            recall = np.mean([len(best & set(f.doc_ids.tolist())) / K for best, f in pairs])
            rows[f"{name}, {setting}"] = f"{recall:.3f} in {np.median(times):.2f} ms"
            if recall >= WANTED:
                enough.append((np.median(times), setting))
        if enough:
            cheapest[name] = min(enough)[1]
    return rows, cheapest


def in_turn(method: Search, queries: Any) -> Callable[[], Any]:
    """Some queries, one after the other; the next ones at the next call."""
    place = [0]

    def call() -> Any:
        for _ in range(BATCH):
            place[0] += 1
            found = method(queries[place[0] % len(queries)])
        return found

    return call


def memory_of(search: Search, queries: Any, title: str) -> Facts:
    """What a search holds at most, above the index."""
    tracemalloc.start()
    for query in queries:
        search(query)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return Facts(f"Memory of a search, {title}", {"above the index": f"{most / 1e6:.1f} MB"})


def on_disk(index: Any, source: TokenIndex, title: str) -> Facts:
    """Bytes by part, how long a mapped start takes, and what adding 1,000 documents writes."""
    n, parts = index.n_tokens, {}
    for name in index.pieces[0].arrays:
        parts[name] = sum(getattr(piece, name).nbytes for piece in index.pieces) / n
    parts["centroids"] = index.codec.centroids_.nbytes / n
    rows = {f"{name}, bytes a token": f"{size:.2f}" for name, size in parts.items()}
    rows["of float32"] = f"{index.nbytes / source.tokens.nbytes:.4f}"
    with tempfile.TemporaryDirectory() as folder:
        index.save(folder + "/index")
        loaded, seconds = spent(lambda: CompressedIndex.load(folder + "/index", verify=False))
        rows["mapped start"] = f"{seconds:.3f} s"
        _, seconds = spent(lambda: loaded.add(source[:1000]))
        rows["adding 1,000 documents"] = f"{seconds:.2f} s"
        before = {path.name for path in Path(folder, "index").iterdir()}
        _, seconds = spent(lambda: loaded.save(folder + "/index"))
        new = [path for path in Path(folder, "index").iterdir() if path.name not in before]
        size = sum(path.stat().st_size for path in new) / 1e6
        rows["written for them"] = f"{size:.1f} MB of {index.nbytes / 1e6:.0f}, in {seconds:.2f} s"
    return Facts(f"On disk, {title}", rows)


def text_section(index: Any, query: Any, title: str) -> Section:
    """The text of WARP against two lines of NumPy: products with the tokens of some clusters."""
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
        f"The text of WARP, {title}",
        {"tokenlab": text, "two lines of NumPy": two_lines},
        "two lines of NumPy",
        clock="cpu",
    )


if __name__ == "__main__":
    main(__doc__, sections)
