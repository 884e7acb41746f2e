"""WARP on one question: which clusters each of its tokens reads, and what the answers score."""

from functools import cache

import numpy as np

from tokenlab.data import load_faq
from tokenlab.numerics import group_max
from tokenlab.retrieval.compressed import CompressedIndex, warp_select
from tokenlab.retrieval.compressed_search import rows_of, scanned_tokens
from tokenlab.steps import Steps, record, step
from tokenlab.tour.retrieval import count, subject
from tokenlab.tour.step_throughs import step_through
from tokenlab.tour.terminal import short

__all__ = ["SHOWN", "count", "subject", "warp_steps"]

SHOWN = 5  # How fast are exceptions?
N_CENTROIDS, RANKED = 256, 10


@cache
def compressed() -> CompressedIndex:
    """The answers of the FAQ at 4 bits."""
    return CompressedIndex.build(load_faq().index, n_centroids=N_CENTROIDS, rng=0)


@step_through("warp", "probe clusters, say what a miss is worth, add up", n_probe=4)
def warp_steps(question: int, n_probe: int) -> Steps:
    """The recording of one search by WARP, with the question's tokens and the answers as labels."""
    faq = load_faq()
    index = compressed()
    query = faq.queries[question]  # (n_q, d)
    labels = {
        "n_q": faq.question_tokens[question],
        "n_docs": [f"{i} {short(text, 44)}" for i, text in enumerate(faq.questions)],
    }
    found = index.search(query, k=RANKED, n_probe=n_probe)
    with record(labels) as steps:
        centroid_scores = step(
            query @ index.codec.centroids_.T
        )  # (n_q, n_centroids) [S] of clusters
        t_prime = max(1, round((8 * index.n_tokens) ** 0.5))
        probes = warp_select(centroid_scores, index.sizes, n_probe=n_probe, t_prime=t_prime)
        tokens = scanned_tokens(index, query, probes.centroids, probes.scores)
        cells = tokens.owners.astype(np.int64) * len(query) + rows_of(tokens.starts)
        best = group_max(tokens.sims, cells, index.n_numbers * len(query))
        hits = best.reshape(-1, len(query))[found.doc_ids]  # (rank, n_q)
        hit = step(hits > -np.inf)  # (rank, n_q) which token read something of which answer
        filled_in = step(np.where(hit, hits, probes.missing))  # (rank, n_q) [Eq. 3] best, or a miss
        step("ranking", found.doc_ids, "the answers, best first", axes=("rank",), of="n_docs")
        step("scores", filled_in.sum(axis=1), "their sums", axes=("rank",))
    return steps
