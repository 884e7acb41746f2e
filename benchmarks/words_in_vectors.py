"""DupMAE's scores beside scipy, its bag beside torch, LexSemBridge's modulation beside the product.

    python benchmarks/words_in_vectors.py --threads 1 --json benchmarks/results/words_in_vectors.json

Scores: 5,000 documents of 384 entries each, a vocabulary of 30,522 words; scipy multiplies the same
entries as a CSR matrix. The bag: 256 tokens of width 384, the largest logit of every word;
torch takes the maximum as the released code does, of all logits with what is masked lowered, and
once by `amax` alone. The modulation: 16 words of a query, the matrix stored by words. All times are
processor time; answers are compared before anything is timed.
"""

import argparse
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # also runs from a checkout

import numpy as np
from harness import Claim, Facts, Section, installed, main

from tokenlab.engine import use_engine
from tokenlab.retrieval.dupmae import DupIndex, bag_logits, bag_of_states, scores
from tokenlab.retrieval.lexsembridge import modulation, slr, slr_modulation

OURS, READABLE = "tokenlab", "tokenlab, readable"
D, VOCAB, KEPT, TOKENS, QUERY = 384, 30_522, 384, 256, 16


def sections(options: argparse.Namespace) -> Iterator[Section | Facts]:
    rng = np.random.default_rng(0)
    peers = installed({"scipy": "scipy", "torch": "torch"})
    yield score_section(rng, 200 if options.quick else 5000, peers)
    h, embed = normal(rng, TOKENS, D), normal(rng, VOCAB, D)
    yield bag_section(h, embed, peers)
    yield modulation_section(rng, embed)
    if options.only in "memory":
        yield memory_facts(h, embed)


def normal(rng: np.random.Generator, *shape: int) -> Any:
    return rng.standard_normal(shape, dtype=np.float32)


def by(engine: str, work: Callable[[], Any]) -> Callable[[], Any]:
    """The same work by one engine."""

    def call() -> Any:
        with use_engine(engine):
            return work()

    return call


def agreeing(methods: dict[str, Callable[[], Any]], exact: Any) -> dict[str, Callable[[], Any]]:
    """The methods, when each gives what is expected."""
    for name, method in methods.items():
        np.testing.assert_allclose(method(), exact, rtol=2e-3, atol=2e-3, err_msg=name)
    return methods


def score_section(rng: np.random.Generator, n_docs: int, peers: dict[str, Any]) -> Section:
    ids = np.concatenate([rng.permutation(VOCAB)[:KEPT] for _ in range(n_docs)])
    offsets = np.arange(n_docs + 1) * KEPT
    index = DupIndex(normal(rng, n_docs, D), offsets, ids, normal(rng, len(ids)), VOCAB)
    dense, mu = normal(rng, D), normal(rng, VOCAB)
    methods = {
        OURS: by("numba", lambda: scores(dense, mu, index)),
        READABLE: by("numpy", lambda: scores(dense, mu, index)),
    }
    if "scipy" in peers:
        from scipy.sparse import csr_matrix

        matrix = csr_matrix((index.values, ids.astype(np.int32), offsets), shape=(n_docs, VOCAB))
        methods["scipy, CSR"] = lambda: index.dense @ dense + matrix @ mu
    # In float64, a document after the other.
    wide = mu.astype(float)[ids] * index.values
    exact = index.dense.astype(float) @ dense + wide.reshape(n_docs, KEPT).sum(axis=1)
    return Section(
        f"DupMAE's scores, {n_docs:,} documents of {KEPT} entries",
        agreeing(methods, exact),
        baseline="scipy, CSR",
        claims=[Claim(OURS, "scipy, CSR", at_least=1 / 1.2)],
        clock="cpu",
    )


def bag_section(h: Any, embed: Any, peers: dict[str, Any]) -> Section:
    bare, released = "bare product h @ embed.T", "torch, as released"
    exact = (h @ embed.T).max(axis=0)
    methods = {
        OURS: lambda: bag_of_states(embed, h),
        READABLE: lambda: bag_logits(h @ embed.T),
    }
    if "torch" in peers:
        torch = peers["torch"]
        states, words, lowered = torch.from_numpy(h)[None], torch.from_numpy(embed), -1000.0
        kept = torch.ones(1, len(h))

        def as_released() -> Any:
            logits = states @ words.T + ((1 - kept) * lowered)[..., None]
            return torch.max(logits, dim=1)[0][0].numpy()

        methods[released] = as_released
        methods["torch, amax"] = lambda: (states[0] @ words.T).amax(0).numpy()
    methods = agreeing(methods, exact)
    methods[bare] = lambda: h @ embed.T
    return Section(
        f"the bag of {len(h)} tokens, {len(embed):,} words",
        methods,
        baseline=bare,
        claims=[Claim(OURS, bare, at_least=1 / 1.1), Claim(OURS, released, at_least=1 / 0.7)],
        clock="cpu",
    )


def modulation_section(rng: np.random.Generator, embed: Any) -> Section:
    ids, weight = rng.integers(0, VOCAB, QUERY), embed.T  # stored by words
    w = slr(ids, VOCAB)
    methods = agreeing(
        {
            OURS: lambda: slr_modulation(ids, weight),
            "tokenlab, all words": lambda: modulation(w, weight),
        },
        modulation(w, weight),
    )
    methods["bare dense product"] = lambda: weight @ w
    return Section(
        f"SLR's modulation, {QUERY} words of {VOCAB:,}",
        methods,
        baseline="bare dense product",
        claims=[Claim(OURS, "bare dense product", at_least=20)],
        clock="cpu",
    )


def memory_facts(h: Any, embed: Any) -> Facts:
    rows = {}
    ways = {OURS: lambda: bag_of_states(embed, h), "all logits": lambda: (h @ embed.T).max(axis=0)}
    for name, work in ways.items():
        tracemalloc.start()
        work()
        rows[name] = f"{tracemalloc.get_traced_memory()[1] / 1e6:.1f} MB at most"
        tracemalloc.stop()
    return Facts("memory of the bag", rows)


if __name__ == "__main__":
    main(__doc__, sections)
