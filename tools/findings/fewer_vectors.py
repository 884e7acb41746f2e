"""Fewer vectors for each document: pooling, what training adds, and how many documents d numbers hold.

    python tools/findings/fewer_vectors.py pooling      # every preset, three seeds
    python tools/findings/fewer_vectors.py normalised   # means of length one
    python tools/findings/fewer_vectors.py trained      # a linear map, with and without clusters
    python tools/findings/fewer_vectors.py critical     # critical n for d = 2 to 8: minutes
    python tools/findings/fewer_vectors.py muvera       # beside the compressed index at equal bytes

All on the Python FAQ: 158 questions, 158 answers, MiniLM's token vectors of 64 numbers, which were
never trained for late interaction. nDCG@10; a question more in first place moves it by 0.006.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import found
import numpy as np
from found import timed

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tokenlab.autograd import value_and_grad
from tokenlab.data import load_faq
from tokenlab.numerics import topk, unit
from tokenlab.retrieval import FDE, TokenIndex, maxsim_search, ndcg, recall
from tokenlab.retrieval.compressed import CompressedIndex
from tokenlab.retrieval.crisp import (
    Pooled,
    cluster_tokens,
    loss,
    pool_index,
    preset,
    tail,
    ward,
)
from tokenlab.retrieval.limit import critical_n, find_critical_n
from tokenlab.training import adam, adam_start

SEEDS = 0, 1, 2
PRESETS = "tail4x8", "tail8x32", "K4", "K2", "C4x8", "C8x32", "C25", "C50"
FOLDS, STEPS, BATCH, RATE, TEMPERATURE = 4, 60, 32, 0.003, 0.5
Pool = Callable[..., Pooled]


def scored(queries: list[Any], index: TokenIndex, asked: Any = None) -> float:
    """Mean nDCG@10 of the questions with these numbers, against all answers."""
    asked = range(len(queries)) if asked is None else asked
    ranked = [maxsim_search(queries[i], index, k=10).doc_ids for i in asked]
    return float(np.mean([ndcg(r, [i], 10) for r, i in zip(ranked, asked, strict=True)]))


def pooled(queries: list[Any], pool: Pool, seed: int) -> list[Any]:
    rng = np.random.default_rng([seed, 1])
    return [pool(query, rng=rng).tokens for query in queries]


def pooling(options: Any) -> dict:
    """The presets of the paper on frozen vectors."""
    faq = load_faq()
    rows = [
        ["all tokens", scored(faq.queries, faq.index), scored(faq.queries, faq.index), 1.0, 1.0]
    ]
    n_q = sum(map(len, faq.queries))
    for name in PRESETS:
        way, both, alone = preset(name), [], []
        for seed in SEEDS if name[0] == "C" else SEEDS[:1]:
            index = pool_index(faq.index, way.doc, rng=seed)
            queries = pooled(faq.queries, way.query, seed)
            both.append(scored(queries, index))
            alone.append(scored(faq.queries, index))
        sizes = index.n_tokens / faq.index.n_tokens, sum(map(len, queries)) / n_q
        rows.append([name, np.mean(both), np.mean(alone), *sizes])
    columns = ["pooled", "both sides", "documents only", "document size", "query size"]
    remark = f"nDCG@10 on the FAQ, frozen vectors; k-means: the mean over {len(SEEDS)} seeds."
    return found.table("Fewer vectors, nothing trained", columns, rows, remark=remark)


def chosen_at_random(x: Any, k: Any, rng: Any) -> Pooled:
    kept = np.sort(rng.choice(len(x), len(tail(x, k).tokens), replace=False))
    return Pooled(x[kept], None)


def of_length_one(pool: Pool) -> Pool:
    return lambda x, rng=None: Pooled(unit(pool(x, rng=rng).tokens), None)


def normalised(options: Any) -> dict:
    """Documents alone are pooled; the means as they are, and scaled to length one."""
    faq = load_faq()
    rows = []
    for name, k in (("8", 8), ("32", 32), ("a quarter", 0.25)):
        ways: dict[str, Pool] = {
            "last tokens": lambda x, rng=None, k=k: tail(x, k),
            "random tokens": lambda x, rng=None, k=k: chosen_at_random(x, k, rng),
            "k-means": lambda x, rng=None, k=k: cluster_tokens(x, k, rng=rng),
            "Ward": lambda x, rng=None, k=k: ward(x, k),
        }
        for way, pool in ways.items():
            seeds = SEEDS if way in ("random tokens", "k-means") else SEEDS[:1]
            made = [pool_index(faq.index, pool, rng=seed) for seed in seeds]
            plain = np.mean([scored(faq.queries, index) for index in made])
            unit_rows = [TokenIndex(unit(index.tokens), index.offsets) for index in made]
            better = np.mean([scored(faq.queries, index) for index in unit_rows])
            share = made[0].n_tokens / faq.index.n_tokens
            rows.append([name, way, plain, better, share])
    columns = ["vectors a document", "which", "as they are", "of length one", "size"]
    remark = "nDCG@10, questions with all their tokens; single tokens have length one as they are."
    return found.table("Means of length one", columns, rows, remark=remark)


def mapped(weight: Any, x: Any) -> Any:
    return unit(x @ weight)


def fitted(faq: Any, rows: Any, sizes: Any, seed: int, steps: int) -> Any:
    """A linear map that was trained on some of the questions, with clusters of these sizes."""
    rng = np.random.default_rng(seed)
    now = {"weight": np.eye(faq.index.d, dtype=np.float32)}

    def codes(xs: list[Any], weight: Any, k: int | None) -> list[Any]:
        if k is None:
            return [np.arange(len(x)) for x in xs]
        return [cluster_tokens(mapped(weight, x), k, iters=10, rng=rng).codes for x in xs]

    def batch(weight: Any) -> tuple:
        taken = rng.choice(rows, BATCH, replace=False)
        queries, docs = [faq.queries[i] for i in taken], [faq.index.doc(i) for i in taken]
        k_q, k_d = sizes or (None, None)
        return queries, docs, codes(queries, weight, k_q), codes(docs, weight, k_d)

    state = adam_start(now)
    slope = value_and_grad(lambda p, *given: loss(p, *given, temperature=TEMPERATURE))
    for _ in range(steps):
        grads = slope(now, *batch(now["weight"]))[1]  # clusters are those of the map as it is
        now, state = adam(now, grads, state, rate=RATE)
    return now["weight"]


def judged(faq: Any, weight: Any, held: Any, sizes: Any, normalize: bool, seed: int) -> float:
    """Held-out questions among all answers, both pooled behind the map."""
    index = TokenIndex(mapped(weight, faq.index.tokens), faq.index.offsets)
    queries = [mapped(weight, query) for query in faq.queries]
    if sizes:
        k_q, k_d = sizes
        way = lambda k: lambda x, rng=None: cluster_tokens(x, k, normalize=normalize, rng=rng)  # noqa: E731
        index = pool_index(index, way(k_d), rng=seed)
        queries = pooled(queries, way(k_q), seed) if k_q else queries
    return scored(queries, index, held)


def trained(options: Any) -> dict:
    """A 64 x 64 map, trained on three quarters of the questions and judged on the last."""
    faq = load_faq()
    steps = 2 if options.short else STEPS
    order = np.random.default_rng(0).permutation(len(faq))
    cases: dict[str, Any] = {"all tokens": None, "C4x8": (4, 8), "8 a document": (None, 8)}
    results: dict[tuple[str, bool], dict[str, list[float]]] = {}
    counts = []
    for fold in range(FOLDS):
        held = np.sort(order[fold::FOLDS])
        counts.append(len(held))
        rows = np.setdiff1d(order, held)
        plain = {
            "frozen": np.eye(faq.index.d, dtype=np.float32),
            "trained without": fitted(faq, rows, None, fold, steps),
        }
        for case, sizes in cases.items():
            ways = dict(plain)
            if sizes:
                ways["trained with"] = fitted(faq, rows, sizes, fold, steps)
            for normalize in (False, True) if sizes else (False,):
                for way, weight in ways.items():
                    value = judged(faq, weight, held, sizes, normalize, fold)
                    row = results.setdefault((case, normalize), {})
                    row.setdefault(way, []).append(value)
    rows_out = []
    for (case, normalize), row in results.items():
        cells: list[Any] = [case, "length one" if normalize else "as they are"]
        for way in ("frozen", "trained without", "trained with"):
            known = way in row
            cells += [np.average(row[way], weights=counts) if known else "-"]
        rows_out.append(cells)
    columns = ["pooled", "means", "frozen", "trained without clusters", "trained with clusters"]
    remark = (
        f"nDCG@10 of held-out questions among all answers, {FOLDS} folds, {steps} steps of Adam at "
        f"{RATE}, batches of {BATCH}, temperature {TEMPERATURE}."
    )
    return found.table("A linear map trained on the FAQ", columns, rows_out, remark=remark)


def critical(options: Any) -> dict:
    """How many documents gradient descent tells apart, beside the cubic and the geometry."""
    rows = []
    for d in (2, 3) if options.short else (2, 3, 4, 5, 6, 7, 8):
        seeds = 6 if d < 4 else 3
        limits = {"iters": 500} if options.short else {"iters": 30_000}
        (result, seconds) = timed(
            lambda d=d, seeds=seeds, limits=limits: find_critical_n(d, seeds=seeds, rng=d, **limits)
        )
        known = {2: "3", 3: "4"}.get(d, "any")
        rows.append([d, critical_n(d), result.n, known, seeds, seconds])
        print(rows[-1], flush=True)
    columns = ["d", "the paper's cubic", "gradient descent", "by geometry", "seeds", "seconds"]
    remark = (
        "All pairs; 30,000 steps at most; a number of documents counts where one seed solves it."
    )
    return found.table("How many documents, for every pair of them", columns, rows, remark=remark)


def muvera(options: Any) -> dict:
    """Encodings of fixed size beside compressed tokens, everything that is stored counted."""
    faq = load_faq()
    exact = [maxsim_search(query, faq.index, k=10).doc_ids.tolist() for query in faq.queries]

    def row(name: str, n_bytes: float, rankings: list[Any]) -> list[Any]:
        found_of = [recall(r, e, 10) for r, e in zip(rankings, exact, strict=True)]
        gains = [ndcg(r, [i], 10) for i, r in enumerate(rankings)]
        return [name, round(n_bytes / len(faq)), np.mean(found_of), np.mean(gains)]

    rows = []
    for bits in (1, 2, 4):
        index = CompressedIndex.build(faq.index, n_centroids=256, bits=bits, rng=0)
        ranked = [index.search(query, k=10, n_probe=32).doc_ids for query in faq.queries]
        again = [index.search(q, k=10, n_probe=32, rerank=50).doc_ids for q in faq.queries]
        size = index.nbytes / len(faq)
        rows.append(row(f"tokens in {bits} bits", index.nbytes, ranked))
        rows.append(row(f"tokens in {bits} bits, 50 reranked by them", index.nbytes, again))
        for name, width in (("float32", 4), ("int8", 1)):
            repetitions = max(1, round(size / (width * 128)))
            fde = FDE(faq.index.d, k_sim=4, d_proj=8, repetitions=repetitions, rng=0)
            encoded = fde.encode_docs(faq.index)
            if width == 1:  # one scale for all: whole numbers from -127 to 127
                encoded = np.rint(encoded / abs(encoded).max() * 127)
            ranked = [topk(encoded @ fde.encode_query(q), 10).ids for q in faq.queries]
            label = f"encodings in {name}, {repetitions} repetitions"
            rows.append(row(label, encoded.size * width, ranked))
    columns = ["stored", "bytes a document", "recall@10 of exact MaxSim", "nDCG@10"]
    remark = "256 centroids, 32 probed; encodings of 16 blocks, 8 numbers each, compared exactly."
    return found.table(
        "Encodings and compressed tokens at equal bytes", columns, rows, remark=remark
    )


if __name__ == "__main__":
    parts = {
        "pooling": pooling,
        "normalised": normalised,
        "trained": trained,
        "critical": critical,
        "muvera": muvera,
    }
    found.main("fewer_vectors", __doc__, parts)
