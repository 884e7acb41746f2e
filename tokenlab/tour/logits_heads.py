"""The heads that the tour's part on the output layer compares, and how they are measured."""

import statistics
import time
from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np

from tokenlab.data import LMHead, load_lm_head
from tokenlab.logits import (
    AdaptiveHead,
    FullHead,
    LowRankHead,
    ResidualHead,
    VQHead,
    balanced_mapping,
    centroids,
    fit_codes,
    frequency_mapping,
    learn_mapping,
    perplexity,
    train,
)
from tokenlab.logits.metrics import Perplexity
from tokenlab.progress import track

SIZES = (64, 256, 1024)  # codes
SHOWN_CODES = 256
RANK, RESIDUAL_FROM = 32, 256  # of the residual, and the fewest codes that get one
TRAINING: dict[str, Any] = {"epochs": 5, "batch": 128, "rate": 0.002, "rng": 0}
TIMED = 40  # rounds in which every head finds the ten best tokens of one position
FULL, TIED, SHARED, RESIDUAL, PEER = (
    "full softmax",
    "tied codes",
    "codes with shares",
    "shares and residual",
    "peers",
)


class Entry(NamedTuple):
    """A head of the table, and what kind it is."""

    kind: str
    name: str
    head: Any


class Result(NamedTuple):
    """What was measured of one head; `ratio` is its perplexity over that of the full head."""

    kind: str
    name: str
    parameters: int
    milliseconds: float
    perplexity: Perplexity
    ratio: Perplexity
    floor: float | None


def measure_all() -> list[Result]:
    """Fit all heads, then time them in turn; the full softmax comes first."""
    data = load_lm_head()
    made = [entry for make in track(_recipes(), "fitting heads") for entry in make()]
    seconds = _timed(data, made)
    log_probs = [e.head.log_prob(data.hidden_report, data.next_report) for e in made]
    counts = np.bincount(data.next_report, minlength=len(data.weight))
    return [
        Result(
            entry.kind,
            entry.name,
            entry.head.n_parameters,
            1000 * t,
            perplexity(log_prob, data.document_report),
            perplexity(log_prob, data.document_report, against=log_probs[0]),
            entry.head.tie_floor(counts) if isinstance(entry.head, VQHead) else None,
        )
        for entry, t, log_prob in zip(made, seconds, log_probs, strict=True)
    ]


@cache
def shown_head() -> VQHead:
    """The head of the step-through: clusters weighted by frequency, trained as in the table."""
    data = load_lm_head()
    return trained(fit_codes(data.weight, SHOWN_CODES, counts=data.counts, rng=0))


def trained(codes: tuple[Any, Any]) -> VQHead:
    data, (codebook, mapping) = load_lm_head(), codes
    head = VQHead(codebook, mapping, bias=np.zeros(len(codebook), np.float32))
    return train(head, data.hidden_fit, _full_probabilities(), **TRAINING)


@cache
def _full_probabilities() -> np.ndarray:
    """What the full head says on the fitting part: the target of all training."""
    data = load_lm_head()
    return np.exp(FullHead(data.weight).log_softmax(data.hidden_fit))


def _recipes() -> list[Callable[[], list[Entry]]]:
    """What makes the rows of the table, one function for each step of the progress bar."""
    data = load_lm_head()
    weight, counts, hidden = data.weight, data.counts, data.hidden_fit
    recipes: list[Callable[[], list[Entry]]] = [lambda: [Entry(FULL, FULL, FullHead(weight))]]
    for n in SIZES:
        recipes += [
            partial(_tied, n, "random", balanced_mapping(len(weight), n, rng=0)),
            partial(_tied, n, "k-means", None),
            partial(_tied, n, "by frequency", frequency_mapping(counts, n)),
            partial(_clusters, n),
        ]
    recipes.append(_learned)
    for rank in (64, 256):
        low_rank = partial(LowRankHead.from_weight, weight, rank, hidden=hidden, counts=counts)
        recipes.append(partial(_peer, f"low rank, {rank}", low_rank))
    for cutoffs in ([len(weight) // 16, len(weight) // 4], [len(weight) // 8, len(weight) // 2]):
        adaptive = partial(AdaptiveHead.from_weight, weight, cutoffs, counts=counts, hidden=hidden)
        recipes.append(partial(_peer, f"adaptive, {cutoffs[0]} and {cutoffs[1]}", adaptive))
    return recipes


def _peer(name: str, make: Callable[[], Any]) -> list[Entry]:
    return [Entry(PEER, name, make())]


def _tied(n: int, name: str, mapping: Any) -> list[Entry]:
    """Codes of a map that is given, or of plain k-means."""
    data = load_lm_head()
    if mapping is None:
        codes = fit_codes(data.weight, n, rng=0)
    else:
        codes = centroids(data.weight, mapping, n, counts=data.counts), mapping
    return [Entry(TIED, f"{n} codes, {name}", trained(codes))]


def _clusters(n: int) -> list[Entry]:
    """k-means weighted by frequency; then shares within the codes; then a residual."""
    data = load_lm_head()
    if n == SHOWN_CODES:
        head = shown_head()
    else:
        head = trained(fit_codes(data.weight, n, counts=data.counts, rng=0))
    shared = head.break_ties(data.counts)
    entries = [
        Entry(TIED, f"{n} codes, weighted k-means", head),
        Entry(SHARED, f"{n} codes, the same, shares", shared),
    ]
    if n >= RESIDUAL_FROM:
        residual = ResidualHead.from_weight(
            data.weight, shared, RANK, hidden=data.hidden_fit, counts=data.counts
        )
        entries.append(Entry(RESIDUAL, f"{n} codes, shares, rank {RANK}", residual))
    return entries


def _learned() -> list[Entry]:
    """A map learned from the weighted clusters, by alternating with training."""
    data = load_lm_head()
    options = TRAINING | {"epochs": 2}
    head = learn_mapping(shown_head(), data.hidden_fit, _full_probabilities(), iters=2, **options)
    return [Entry(TIED, f"{SHOWN_CODES} codes, learned", head)]


def _timed(data: LMHead, entries: list[Entry]) -> list[float]:
    """Median seconds from one hidden state to its ten best tokens; all heads take turns."""
    seconds: list[list[float]] = [[] for _ in entries]
    # Mixed anew each round: two heads of one codebook in a row, and the second finds it cached.
    rng = np.random.default_rng(0)
    for i in track(range(-2, TIMED), "timing heads"):
        hidden = data.hidden_report[max(i, 0), None]
        for turn in rng.permutation(len(entries)).tolist():
            start = time.perf_counter()
            entries[turn].head.topk(hidden, 10)
            if i >= 0:  # the first calls may compile
                seconds[turn].append(time.perf_counter() - start)
    return [statistics.median(times) for times in seconds]
