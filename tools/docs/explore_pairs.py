"""The data of docs/explore/pairs.md: how many pairs of documents two and four numbers answer."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from tokenlab.numerics import topk
from tokenlab.retrieval.limit import dense_qrels, free_embeddings, moment_curve_embedding

FEWEST, MOST = 3, 8  # documents that can be dragged
DIRECTIONS = 7200  # around the circle, so that none of few points is missed
RUNS, STEPS = 3, 1000


def page_of(table_page: Callable[..., str]) -> tuple[dict[str, Any], str]:
    """What the script draws, and the same numbers as a table."""
    rows = [numbers(n) for n in range(FEWEST, MOST + 1)]
    header = ["documents", "pairs", "two numbers", "four numbers", "smallest gap", "trained, two"]
    cells = [
        [
            *map(str, (r["n"], r["pairs"], r["two"], r["four"])),
            f"{r['gap']:.4f}",
            f"{r['trained']:.3f}",
        ]
        for r in rows
    ]
    text = (
        "For documents at equal distances on a circle: how many of all pairs are the two best of some "
        "question, with two numbers for each document and with four; the smallest gap to the third "
        f"with four; and the best recall of {RUNS} runs of gradient descent with two."
    )
    table = table_page("Which pairs can be answered", text, header, cells)
    return {"fewest": FEWEST, "rows": rows}, table


def numbers(n: int) -> dict[str, Any]:
    """How many of all pairs are answered, counted by searching."""
    t = 2 * np.pi * np.arange(n) / n
    turns = 2 * np.pi * (np.arange(DIRECTIONS) + 0.5) / DIRECTIONS
    docs, directions = (np.stack([np.cos(x), np.sin(x)], axis=1) for x in (t, turns))
    best = np.sort(topk(directions @ docs.T, 2).ids, axis=1)
    qrels = dense_qrels(n)
    queries, curve = moment_curve_embedding(qrels, dtype=np.float64)
    products = np.sort(queries @ curve.T, axis=1)
    found = np.sort(topk(queries @ curve.T, 2).ids, axis=1)
    runs = [free_embeddings(qrels, 2, n=n, iters=STEPS, rng=seed) for seed in range(RUNS)]
    return {
        "n": n,
        "pairs": len(list(itertools.combinations(range(n), 2))),
        "two": len({tuple(row) for row in best.tolist()}),
        "four": int((found == qrels).all(axis=1).sum()),
        "gap": round(float((products[:, -2] - products[:, -3]).min()), 6),
        "trained": round(max(run.best_recall for run in runs), 4),
    }
