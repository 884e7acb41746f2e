"""An index of few bits: which levels, what a miss is worth, and which bounds prune.

    python tools/findings/scale.py levels    # quantiles, least error, equal steps; 1 to 8 bits
    python tools/findings/scale.py misses    # WARP's estimate beside XTR's rule: soups of 10^6 and 10^7 tokens
    python tools/findings/scale.py bounds    # centroid and radius, error of a document, of a token

The Python FAQ's 24,789 tokens, and `benchmarks/soup.py`, whose vectors lie as those do. Exact answers
are those of MaxSim; `recall` is the share of the ten best.
"""

import sys
import time
from pathlib import Path
from typing import Any

import found
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from soup import soup

from tokenlab.data import load_faq
from tokenlab.numerics import segment_max
from tokenlab.retrieval import CompressedIndex, TokenIndex, maxsim, maxsim_search
from tokenlab.retrieval.certified import upper_bounds

K, QUERIES = 10, 40
SOUPS = ((10_000, 8192), (100_000, 16384))  # documents of a hundred tokens, and centroids


def exact(queries: Any, index: TokenIndex) -> list[set[int]]:
    """The ten best documents of each question."""
    return [set(maxsim_search(q, index, k=K).doc_ids.tolist()) for q in queries]


def share(right: list[set[int]], answers: list[Any]) -> float:
    """Recall of answers."""
    pairs = zip(right, answers, strict=True)
    return float(np.mean([len(best & set(a.doc_ids.tolist())) / K for best, a in pairs]))


def levels(options: Any) -> dict:
    """Mean error of a token, and recall from the codes alone, decoded tokens of length one."""
    faq = load_faq()
    queries, right, rows = faq.queries[:QUERIES], exact(faq.queries[:QUERIES], faq.index), []
    for bits in (1, 2, 4, 8):
        row = [bits]
        for buckets in ("quantile", "lloyd", "uniform"):
            index = CompressedIndex.build(
                faq.index, n_centroids=256, bits=bits, buckets=buckets, rng=0
            )
            tokens = index.codec.decode(*index.codec.encode(faq.index.tokens))  # of length one
            answers = [
                maxsim_search(q, TokenIndex(tokens, faq.index.offsets), k=K) for q in queries
            ]
            lost = np.linalg.norm(tokens - faq.index.tokens, axis=1).mean()
            row += [float(lost), share(right, answers)]
        rows.append(row)
    columns = ["bits", "quantile", "recall", "least error", "recall", "equal steps", "recall"]
    return found.table("Mean error of a token by levels, 256 centroids", columns, rows)


def misses(options: Any) -> dict:
    """What a miss is worth: the published estimate, and XTR's rule on the scanned tokens."""
    rows: list[list[Any]] = []
    for n_docs, n_centroids in SOUPS:
        made = soup(n_docs, n_queries=QUERIES)
        source = TokenIndex._trusted(made.tokens, made.offsets)
        index = CompressedIndex.build(source, n_centroids=n_centroids, buckets="uniform", rng=0)
        right = exact(made.queries, source)
        for n_probe in (1, 2, 4, 8):
            for impute in ("centroid", "kth"):
                row: list[Any] = [source.n_tokens, n_probe, impute]
                for rerank in (0, 20, 50, 100):
                    options = {"n_probe": n_probe, "impute": impute, "k_prime": 1000}
                    answers, times = [], []
                    for q in made.queries:
                        begun = time.process_time()
                        answers.append(
                            index.search(q, k=K, rerank=rerank, source=source, **options)
                        )
                        times.append(1000 * (time.process_time() - begun))
                    row.append(share(right, answers))
                rows.append([*row, float(np.median(times))])
                print(rows[-1], flush=True)
    columns = ["tokens", "probes", "a miss", "rerank 0", "20", "50", "100", "ms at 100"]
    return found.table("Recall by what a miss is worth, soups of two sizes", columns, rows)


def bounds(options: Any) -> dict:
    """The share of documents that each bound leaves to be read for the ten best."""
    faq, rows = load_faq(), []
    for bits in (4, 8):
        index = CompressedIndex.build(faq.index, n_centroids=256, bits=bits, rng=0)
        (piece,) = index.pieces
        every = slice(0, index.n_tokens)
        tokens = piece.decoded(index.codec, every, normalize=False)
        lost, codes = piece.lost(every), piece.codes.astype(np.int64)
        apart = np.linalg.norm(faq.index.tokens - index.codec.centroids_[codes], axis=1)
        radius = np.zeros(len(index.sizes))
        np.maximum.at(radius, codes, apart)
        of_doc = np.repeat(np.maximum.reduceat(lost, piece.offsets[:-1]), np.diff(piece.offsets))
        read: dict[str, list[float]] = {"radius": [], "document": [], "token": []}
        for query in faq.queries[:QUERIES]:
            kth = np.sort(maxsim(query, faq.index))[-K]
            length = np.linalg.norm(query, axis=1)
            most = {
                "radius": (index.codec.centroids_ @ query.T + radius[:, None] * length)[codes],
                "document": tokens @ query.T + of_doc[:, None] * length,
            }
            for name, products in most.items():
                bound = segment_max(products, piece.offsets).sum(axis=1)
                read[name].append(float((bound >= kth).mean()))
            read["token"].append(float((upper_bounds(index, query)[1] >= kth).mean()))
        rows += [[bits, name, float(np.mean(shares))] for name, shares in read.items()]
    names = {
        "radius": "centroid and radius of its cluster",
        "document": "largest error of a document",
        "token": "error of each token",
    }
    rows = [[bits, names[name], value] for bits, name, value in rows]
    return found.table(
        "Share of the FAQ's documents that a bound leaves", ["bits", "bound", "read"], rows
    )


if __name__ == "__main__":
    found.main("scale", __doc__, {"levels": levels, "misses": misses, "bounds": bounds})
