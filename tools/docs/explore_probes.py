"""The data of docs/explore/probes.md: one question, some bits and probes, and what is missed."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tokenlab.data import load_faq
from tokenlab.numerics import segment_max, topk
from tokenlab.retrieval import maxsim, recall
from tokenlab.retrieval.codec import ResidualCodec
from tokenlab.retrieval.warp import warp_select

N_CENTROIDS, BITS, PROBES = 256, (0, 1, 2, 4, 8), (1, 2, 4, 8, 16, 32, 64, 128, 256)
BEST, COLUMNS, LONGEST, SHOWN = 10, 6, 14, 4
EVERY = 8  # so many questions apart are those of the mean


def page_of(table_page: Callable[..., str]) -> tuple[dict[str, Any], str]:
    """A few questions at all bits and probes, and how many of the exact best are found on average."""
    faq = load_faq()
    index, at = faq.index, range(0, len(faq), EVERY)
    chosen = [q for q in at if len(faq.queries[q]) <= LONGEST][:SHOWN]
    exact = {q: maxsim(faq.queries[q], index) for q in at}
    columns = {q: topk(exact[q], COLUMNS).ids for q in chosen}
    shared = np.zeros((len(BITS), len(PROBES), len(at)))
    shown: dict[int, list[list[dict[str, Any]]]] = {q: [] for q in chosen}
    sizes: list[float] = []
    for b, bits in enumerate(BITS):
        codes, centroids, decoded, size = coded(index, bits)
        sizes.append(size)
        for i, q in enumerate(at):
            query = faq.queries[q]
            similarity = decoded @ query.T  # (n_tokens, n_q)
            found = [at_probes(query, index, codes, centroids, similarity, n) for n in PROBES]
            right = topk(exact[q], BEST).ids.tolist()
            ranked = [topk(scores, BEST).ids for _, _, scores in found]
            shared[b, :, i] = [recall(ids, right, BEST) for ids in ranked]
            if q in chosen:
                shown[q].append([cells(*one, columns[q], right) for one in found])
    means = shared.mean(axis=2)  # (bits, probes)
    header = ["clusters probed", *(named(bits) for bits in BITS)]
    rows = [[f"{n}", *(f"{x:.3f}" for x in means[:, i])] for i, n in enumerate(PROBES)]
    text = f"""Of the {BEST} documents of highest MaxSim, the share that is among the {BEST} best by WARP;
        the mean of {len(at)} questions."""
    data = {
        "bits": [named(bits) for bits in BITS],
        "bytes": sizes,
        "probes": PROBES,
        "best": BEST,
        "n_docs": index.n_docs,
        "n_tokens": index.n_tokens,
        "mean": np.round(means, 3).tolist(),
        "questions": [question(faq, q, exact[q], columns[q], shown[q]) for q in chosen],
    }
    return data, table_page("What is found of the exact answer", text, header, rows)


def named(bits: int) -> str:
    """What the list of bits says."""
    return f"{bits} bit{'s' * (bits > 1)}" if bits else "centroids alone"


def coded(index: Any, bits: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Clusters, centroids, tokens as they are decoded, and bytes of a token."""
    codec = ResidualCodec(N_CENTROIDS, bits or 1, rng=0).fit(index.tokens)
    codes, residuals = codec.encode(index.tokens)
    if not bits:
        return codes, codec.centroids_, codec.centroids_[codes], 1.0
    decoded = codec.decode(codes, residuals, normalize=False)
    return codes, codec.centroids_, decoded, 1.0 + residuals.shape[1]


def at_probes(
    query: np.ndarray,
    index: Any,
    codes: np.ndarray,
    centroids: np.ndarray,
    similarity: np.ndarray,
    n_probe: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The best probed token of each document, -inf where there is none; what a miss is worth; scores."""
    sizes = np.bincount(codes, minlength=len(centroids))
    t_prime = max(1, round((8 * index.n_tokens) ** 0.5))
    probes = warp_select(query @ centroids.T, sizes, n_probe=n_probe, t_prime=t_prime)
    inside = np.zeros((len(query), len(centroids)), bool)
    np.put_along_axis(inside, probes.centroids, True, axis=1)
    similarity = np.where(inside[:, codes].T, similarity, -np.inf)  # (n_tokens, n_q)
    best = segment_max(similarity, index.offsets)  # (n_docs, n_q)
    hit = best > -np.inf
    scores = np.where(hit, best, probes.missing).sum(axis=1)
    return best, probes.missing, np.where(hit.any(axis=1), scores, -np.inf)


def cells(
    best: np.ndarray, missing: np.ndarray, scores: np.ndarray, columns: np.ndarray, right: list[int]
) -> dict[str, Any]:
    """What the table shows at one place."""
    ranking = topk(scores, int((scores > -np.inf).sum())).ids
    ranks = {int(doc): rank for rank, doc in enumerate(ranking, start=1)}
    return {
        "cells": [
            [None if np.isinf(x) else round(float(x), 3) for x in best[doc]] for doc in columns
        ],
        "missing": np.round(missing, 3).tolist(),
        "scores": [round(float(scores[doc]), 3) if doc in ranks else None for doc in columns],
        "ranks": [ranks.get(int(doc)) for doc in columns],
        "candidates": len(ranks),
        "shared": round(recall(ranking[:BEST], right, BEST) * BEST),
    }


def question(
    faq: Any, q: int, exact: np.ndarray, columns: np.ndarray, at: list[list[dict[str, Any]]]
) -> dict[str, Any]:
    """A question with its table's heads."""
    return {
        "text": faq.questions[q],
        "tokens": faq.question_tokens[q],
        "answer": int(faq.labels[q]),
        "columns": columns.tolist(),
        "titles": [faq.questions[doc] for doc in columns],
        "exact": np.round(exact[columns], 3).tolist(),
        "at": at,
    }
