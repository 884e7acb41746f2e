"""Vector-quantised logits against the full output layer: code logits, expansion, top-k, sampling.

    python benchmarks/logits.py --threads 1 2 --json logits.json

Vocabularies of 50,257 and 128,000 tokens, 1,024 codes of equal frequency under Zipf's law, random
vectors: speed does not depend on their values, and quality is another matter (`tokenlab tour`).
Every table holds the full layer and the limits that were measured in the same rounds: the bare
product of the codes, and writing as many numbers as the expansion has. For one state the product
takes so little time that any call beside it is seen. The expansion looks up and stores its numbers
one by one, at about one a cycle, and cannot come near the rate of a plain fill. Before anything is
timed, answers are compared with those of the expanded softmax.
"""

import argparse
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # also runs from a checkout

from harness import Claim, Facts, Section, installed, main

from tokenlab.engine import use_engine
from tokenlab.logits import (
    AdaptiveHead,
    FullHead,
    FullHeadIndex,
    VQHead,
    code_order,
    frequency_mapping,
    heads,
    vq_logits,
)
from tokenlab.numerics import log_softmax, topk

N_CODES = 1024
SIZES = ((50_257, 768), (50_257, 2048), (128_000, 2048), (128_000, 4096))
BATCHES = (1, 32)
FULL, FULL_OUT = "full logits", "full logits, existing array"
CODES, EXPANDED = "codes and exact normaliser", "the same, expanded to all tokens"
PRODUCT, WRITE = "limit: bare product of the codes", "limit: writing n x vocab numbers"
CODES_REFERENCE = "codes and normaliser, readable"
EXPANDED_REFERENCE = "expanded, readable reference"
READ = "limit: reading the full matrix"
OBVIOUS = "obvious lines of NumPy"
OURS, SHARED, REFERENCE = "tokenlab", "tokenlab, with shares", "tokenlab, readable reference"


class Case:
    """A full matrix, its codes, and hidden states."""

    def __init__(self, vocab: int, d: int):
        rng = np.random.default_rng(0)
        self.vocab, self.d = vocab, d
        self.weight = np.empty((vocab, d), np.float32)
        for rows in np.array_split(self.weight, 64):
            rng.standard_normal(out=rows, dtype=np.float32)
        self.counts = np.round(1e7 / np.arange(1, vocab + 1)) + 1
        mapping = frequency_mapping(self.counts, N_CODES)
        codebook = rng.standard_normal((N_CODES, d), dtype=np.float32)
        self.head = VQHead(codebook, mapping)
        self.shared = self.head.break_ties(self.counts)
        self.rng = rng

    def hidden(self, n: int) -> np.ndarray:
        return self.rng.standard_normal((n, self.d), dtype=np.float32) / np.float32(self.d**0.5)

    def title(self, what: str, n: int) -> str:
        return f"{what}: vocab = {self.vocab:,}, d = {self.d:,}, batch {n}"


def sections(options: argparse.Namespace) -> Iterator[Section | Facts]:
    peers = installed({"torch": "torch"})
    if "torch" in peers:
        import os

        peers["torch"].set_num_threads(int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1)))
    for vocab, d in ((4096, 64),) if options.quick else SIZES:
        case = Case(vocab, d)
        for n in BATCHES:
            yield from text_sections(case, n)
            yield logits_section(case, n)
        if (vocab, d) in ((4096, 64), (50_257, 768)):
            for n in BATCHES:
                yield topk_section(case, n)
                yield sample_section(case, n)
            for n in (1, 32, 1024):
                yield loss_section(case, n, peers)
            yield memory_facts(case)
    if options.only in "certified":
        yield certified_facts()
    if options.only in "what 4 % needs" and not options.quick:
        yield price_facts()


def logits_section(case: Case, n: int) -> Section:
    head, weight, hidden = case.head, case.weight, case.hidden(n)
    out, full = (np.empty((n, case.vocab), np.float32) for _ in range(2))
    codes = np.empty((n, N_CODES), np.float32)
    transposed = weight.T

    def expanded() -> np.ndarray:
        return head.expand(head.scores(hidden), out=out)

    np.testing.assert_allclose(
        log_softmax(head.expand(head.code_logits(hidden))),
        head.expand(head.scores(hidden), out=out),
        atol=1e-4,
    )
    methods = {
        FULL: lambda: hidden @ transposed,
        FULL_OUT: lambda: np.matmul(hidden, transposed, out=full),
        CODES: with_engine("numba", head.scores, hidden),
        CODES_REFERENCE: with_engine("numpy", head.scores, hidden),
        EXPANDED: with_engine("numba", expanded),
        EXPANDED_REFERENCE: with_engine("numpy", expanded),
        PRODUCT: lambda: np.matmul(hidden, head.codebook.T, out=codes),
        WRITE: lambda: out.fill(0),
        READ: lambda: weight.max(),
    }
    claims = [Claim(CODES, FULL_OUT, 40), Claim(EXPANDED, FULL_OUT, 18)]
    claims += [Claim(CODES, PRODUCT, 0.67)]
    return Section(case.title("logits", n), methods, FULL_OUT, claims)


def text_sections(case: Case, n: int) -> Iterator[Section]:
    """Every readable reference beside the obvious lines of NumPy."""
    head, k, u = case.head, 50, case.rng.random((n, 1))
    logits = case.rng.standard_normal((n, head.n_codes), dtype=np.float32)
    logits = np.where(head.sizes > 0, logits, np.float32(-30))
    weights, (order, start, _) = np.exp(logits), head.tokens

    def normalised() -> np.ndarray:
        return log_softmax(logits + head.log_n) - head.log_n

    def draw() -> np.ndarray:
        sums = weights.cumsum(axis=1, dtype=np.float64)
        return (sums <= u * sums[:, -1:]).sum(axis=1)

    def log_sum_exp() -> np.ndarray:
        highest = logits.max(axis=1, keepdims=True)
        return highest[:, 0] + np.log(np.exp(logits - highest).sum(axis=1))

    pairs = {
        "normaliser": (lambda: vq_logits.normalised(logits, head.log_n), normalised),
        "expansion": (
            lambda: vq_logits.expand_codes(logits, head.mapping, None, None),
            lambda: logits[:, head.mapping],
        ),
        f"top-{k} of codes": (
            lambda: code_order.merge_topk(logits, None, order, start, k),
            lambda: topk(logits[:, head.mapping], k),
        ),
        "draw of a code": (lambda: heads.draw(weights, u), draw),
        "log-sum-exp": (lambda: heads.log_sum_exp(logits), log_sum_exp),
    }
    for name, (text, plain) in pairs.items():
        methods = {REFERENCE: with_engine("numpy", text), OBVIOUS: plain}
        title = case.title(f"as a text, {name}", n)
        yield Section(title, methods, OBVIOUS, [Claim(REFERENCE, OBVIOUS, 1 / 1.2)])


def topk_section(case: Case, n: int, k: int = 50) -> Section:
    hidden, transposed = case.hidden(n), case.weight.T
    check_topk(case.head, hidden, k)
    check_topk(case.shared, hidden, k)
    full = "full logits, numpy.argpartition"
    methods = {
        OURS: with_engine("numba", case.head.topk, hidden, k),
        SHARED: with_engine("numba", case.shared.topk, hidden, k),
        REFERENCE: with_engine("numpy", case.head.topk, hidden, k),
        full: lambda: partitioned(hidden @ transposed, k),
        "codes expanded, numpy.argpartition": lambda: partitioned(
            case.head.expand(case.head.scores(hidden)), k
        ),
    }
    claims = [Claim(OURS, full, 25)]
    return Section(case.title(f"exact top-{k}", n), methods, full, claims)


def check_topk(head: VQHead, hidden: np.ndarray, k: int) -> None:
    ids, values = head.topk(hidden, k)
    everything = head.log_softmax(hidden)
    best = -np.sort(-everything, axis=1)[:, :k]
    # Top-k adds shares in float64, so that their order is not rounded away: ids of what is equal
    # in float32 may stand in another order.
    for found in (values, np.take_along_axis(everything, ids, axis=1)):
        np.testing.assert_allclose(found, best, rtol=1e-6)
    assert all(len(np.unique(row)) == k for row in ids)


def partitioned(logits: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    ids = np.argpartition(logits, -k, axis=1)[:, -k:]
    values = np.take_along_axis(logits, ids, axis=1)
    order = np.argsort(-values, axis=1)
    return np.take_along_axis(ids, order, 1), np.take_along_axis(values, order, 1)


def sample_section(case: Case, n: int) -> Section:
    hidden, rng, full_head = case.hidden(n), np.random.default_rng(0), FullHead(case.weight)
    full = "full softmax, inverse of its sums"
    methods = {
        OURS: lambda: case.head.sample(hidden, rng),
        SHARED: lambda: case.shared.sample(hidden, rng),
        full: lambda: full_head.sample(hidden, rng),
        "full logits, Gumbel maximum": lambda: (
            hidden @ case.weight.T
            - np.log(rng.standard_exponential((n, case.vocab), np.float32) + np.float32(1e-30))
        ).argmax(axis=1),
    }
    return Section(case.title("one draw", n), methods, full, [Claim(OURS, full, 10)])


def loss_section(case: Case, n: int, peers: dict[str, Any]) -> Section:
    hidden = case.hidden(n)
    token = case.rng.choice(case.vocab, n, p=case.counts / case.counts.sum())
    full_head = FullHead(case.weight)
    cutoffs = [2000, 10_000] if case.vocab > 10_000 else [200, 1000]
    adaptive = AdaptiveHead.from_weight(case.weight, cutoffs)
    full = "full cross entropy"
    methods = {
        "tokenlab, codes": lambda: case.head.log_prob(hidden, token).mean(),
        full: lambda: full_head.log_prob(hidden, token).mean(),
        "tokenlab, adaptive": lambda: adaptive.log_prob(hidden, token).mean(),
    }
    if "torch" in peers:
        torch = peers["torch"]
        module = torch.nn.AdaptiveLogSoftmaxWithLoss(case.d, case.vocab, cutoffs, div_value=4)
        with torch.no_grad():
            module.head.weight.copy_(torch.from_numpy(adaptive.head))
            for i, tail in enumerate(module.tail):
                tail[0].weight.copy_(torch.from_numpy(getattr(adaptive, f"down{i}")))
                tail[1].weight.copy_(torch.from_numpy(getattr(adaptive, f"up{i}")))
        x, y = torch.from_numpy(hidden), torch.from_numpy(token)
        weight = torch.from_numpy(case.weight)

        def run(function: Callable[[], Any]) -> Callable[[], float]:
            def call() -> float:
                with torch.no_grad():
                    return float(function())

            return call

        entropy = torch.nn.functional.cross_entropy
        methods["torch, adaptive"] = run(lambda: module(x, y).loss)
        methods["torch, full cross entropy"] = run(lambda: entropy(x @ weight.T, y))
        np.testing.assert_allclose(-methods[full](), methods["torch, full cross entropy"](), 1e-4)
    return Section(case.title("loss", n), methods, full)


def with_engine(engine: str, function: Callable[..., Any], *args: Any) -> Callable[[], Any]:
    def call() -> Any:
        with use_engine(engine):
            return function(*args)

    return call


def memory_facts(case: Case) -> Facts:
    """The most memory that a call holds beyond its arguments, for 32 rows."""
    hidden, token = case.hidden(32), np.arange(32)
    rows = {"logits of all tokens would be": f"{4 * 32 * case.vocab / 2**20:.2f} MiB"}
    calls = {
        "log_prob": lambda: case.head.log_prob(hidden, token),
        "top-50": lambda: case.head.topk(hidden, 50),
        "one draw": lambda: case.head.sample(hidden, 0),
        "loss and gradient": lambda: case.head.loss_and_grad(hidden, token),
        "log_softmax, which asks for all": lambda: case.head.log_softmax(hidden),
    }
    for name, call in calls.items():
        call()
        tracemalloc.start()
        call()
        rows[name] = f"{tracemalloc.get_traced_memory()[1] / 2**20:.2f} MiB"
        tracemalloc.stop()
    return Facts(case.title("memory at its peak", 32), rows)


def certified_facts() -> Facts:
    """What the certified top-k scores of a real head, and how wide the bracket of log Z is."""
    from tokenlab.data import load_lm_head
    from tokenlab.logits import fit_codes
    from tokenlab.logits.heads import log_sum_exp

    data, rows = load_lm_head(), {}
    hidden = data.hidden_report[::15]
    exact = log_sum_exp(hidden @ data.weight.T)
    for codes in (256, 1024, 2048):
        index = FullHeadIndex(data.weight, fit_codes(data.weight, codes, rng=0)[1])
        for k in (1, 50):
            share = float(index.topk(hidden[:40], k).share.mean())
            rows[f"{codes:,} codes, top-{k}: tokens scored"] = f"{100 * share:.1f} %"
        low, high = ((bound - exact).mean() for bound in index.normaliser(hidden))
        rows[f"{codes:,} codes, bracket around log Z"] = f"{low:+.1f} .. {high:+.1f} nats"
    return Facts("certified top-k and normaliser, on 4,096 rows of a real head", rows)


def price_facts() -> Facts:
    """Parameters, and perplexity over that of the full head with its interval of 95 %."""
    from tokenlab.data import load_lm_head
    from tokenlab.logits import LowRankHead, ResidualHead, fit_codes, perplexity
    from tokenlab.tour.logits_heads import trained

    data = load_lm_head()
    weight, states = data.weight, {"counts": data.counts, "hidden": data.hidden_fit}
    full, heads = FullHead(weight), {}
    for codes in (1024, 2048, 3072):
        head = trained(fit_codes(weight, codes, counts=data.counts, rng=0))
        shared = head.break_ties(data.counts)
        heads |= {f"{codes:,} codes": head, f"{codes:,} codes, shares": shared}
        for rank in (32, 64, 128):
            name = f"{codes:,} codes, shares, rank {rank}"
            heads[name] = ResidualHead.from_weight(weight, shared, rank, **states)
    for rank in (256, 384, 448):
        heads[f"low rank, {rank}"] = LowRankHead.from_weight(weight, rank, **states)
    for cutoff in (1024, 1536, 2048):
        heads[f"adaptive, {cutoff:,}"] = AdaptiveHead.from_weight(weight, [cutoff], **states)
    rows, right = {}, (data.hidden_report, data.next_report)
    for name, head in heads.items():
        ratio = perplexity(
            head.log_prob(*right), data.document_report, against=full.log_prob(*right)
        )
        size = 100 * head.n_parameters / full.n_parameters
        rows[name] = "{:.1f} %   {:.3f} ({:.3f}–{:.3f})".format(size, *ratio)
    return Facts("what 4 % needs: parameters and perplexity over the full head's", rows)


if __name__ == "__main__":
    main(__doc__, sections)
