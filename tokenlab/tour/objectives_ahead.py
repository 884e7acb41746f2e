"""Predicting more than the next token: letters of Shakespeare, by counts and by a small network."""

import functools
from pathlib import Path
from typing import Any

import numpy as np

from tokenlab.data import load_findings, load_text
from tokenlab.numerics import softmax
from tokenlab.objectives import caft, future_token, multi_token
from tokenlab.steps import Steps, record, step
from tokenlab.tour.step_throughs import step_through
from tokenlab.tour.terminal import heading, paragraph, table
from tokenlab.training import train

SHOWN = 3
SIGNS = " abcdefghijklmnopqrstuvwxyz'"
N, HORIZON, LEARNED = 32, 4, 100_000


@functools.cache
def letters() -> Any:
    """Shakespeare by its letters, (n,): 0 is what lies between words."""
    number = {sign: i for i, sign in enumerate(SIGNS)}
    told = " ".join(load_text("shakespeare")[: 2 * LEARNED].lower().split())
    return np.array([number.get(sign, 0) for sign in told])


def written(ids: Any) -> str:
    """Letters as a text."""
    return "".join(SIGNS[i] for i in ids)


def passage(number: int) -> Any:
    """A piece of what no model here has learned from."""
    return letters()[LEARNED + 40 * number :][:N]


def count() -> int:
    """How many passages there are to choose from."""
    return 100


def subject(number: int) -> str:
    """The passage itself."""
    return f'"{written(passage(number))}"'


@functools.cache
def counted(k: int) -> Any:
    """Log-probabilities of the letters 1, 2, ..., k behind each one, by counts: (k, vocab, vocab)."""
    ids, vocab = letters()[:LEARNED], len(SIGNS)
    tables = np.full((k, vocab, vocab), 0.5)
    for ahead in range(k):
        np.add.at(tables[ahead], (ids[: -1 - ahead], ids[1 + ahead :]), 1)
    return np.log(tables / tables.sum(axis=-1, keepdims=True))


def told_ahead(ids: Any, k: int) -> Any:
    """Logits of `k` heads that know nothing but the letter they stand on: (k, 1, n, vocab)."""
    return counted(k)[:, ids][:, None]


@functools.cache
def trained() -> Any:
    """An FTP of one layer and width 32 after 150 steps on letters, and its losses on the way."""
    sizes = {"vocab": len(SIGNS), "d": 32, "layers": 1, "heads": 2, "horizon": HORIZON, "n_max": N}
    ids, places = letters()[:LEARNED], np.random.default_rng(1)

    def batch(rng: np.random.Generator) -> Any:
        return ids[rng.integers(0, len(ids) - N, 16)[:, None] + np.arange(N)]  # (b, n)

    def loss(params: Any, rows: Any) -> Any:
        at = places.permuted(np.tile(np.arange(N), (len(rows), 1)), axis=1)[:, : N // 4]
        own = np.arange(len(rows))[:, None]
        inputs, targets = future_token.windows(rows, HORIZON)
        h = future_token.encode(params, rows)[own, at]  # a quarter of the positions
        return future_token.loss(future_token.decode(params, h, inputs[own, at]), targets[own, at])

    start = future_token.init(**sizes, pseudo=3, rng=0)
    return train(loss, start, batch, rate=1e-2, steps=150, warmup=20, clip=1.0, rng=0)


def stored(part: str) -> Any:
    """A table of tools/findings/objectives.py by its first column: rows as dicts."""
    found = load_findings("objectives")[part]
    return {row[0]: dict(zip(found["columns"], row, strict=True)) for row in found["rows"]}


def run(out: Path) -> None:
    """Print losses by distance, vectors that change slowly, and what auxiliary losses weigh."""
    heading("FTP: one vector for the next four letters")
    params, _ = trained()
    texts = np.array([passage(i) for i in range(40)])
    targets = future_token.windows(texts, HORIZON).targets
    own = future_token.distance_losses(future_token.forward(params, texts), targets)
    blind = multi_token.head_losses(counted(HORIZON)[:, texts], texts)
    rows = [
        (f"{k}", f"{a:.2f}", f"{b:.2f}") for k, (a, b) in enumerate(zip(own, blind, strict=True), 1)
    ]
    table(("letters ahead", "FTP, which reads those between", "counts, which do not"), rows)
    begun = passage(SHOWN)
    drawn = future_token.generate(params, begun, 40, keep=HORIZON, temperature=0.7, rng=0)
    paragraph(
        f"""In nats, of a network that was fitted just now. Four letters of every vector, ten passes of
        the encoder: "{written(begun)}|{written(drawn)}"."""
    )
    _vectors()
    _auxiliary()
    page = future_steps(SHOWN).to_html(out / "ftp.html", title="FTP, step by step")
    print(f"\nStep through FTP in a browser: {page}")


def _vectors() -> None:
    heading("Do its vectors change slowly?")
    found = stored("ahead")
    columns = ("L_1", "adjacent", "two drawn", "adjacent, centred", "play")
    rows = [(name, *(f"{row[c]:.2f}" for c in columns)) for name, row in found.items()]
    table(("model", *columns), rows)
    paragraph(
        """Mean cosines of vectors, and how often they tell the play. Cosines of any two are large
        where all share a direction: centred ones have it taken off."""
    )


def _auxiliary() -> None:
    heading("CAFT: auxiliary losses that fade")
    shares = [caft.coefficients(4, progress=x) for x in (0.0, 0.5, 1.0)]
    rows = [
        (f"{x:.0%}", *(f"{w:.4f}" for w in row)) for x, row in zip((0, 0.5, 1), shares, strict=True)
    ]
    table(("of the training", "own loss", "2 ahead", "3 ahead", "4 ahead"), rows)
    found = stored("caft")
    columns = ("nats", "log p of words")
    table(
        ("fine-tuned", *columns),
        [(name, *(f"{row[c]:.3f}" for c in columns)) for name, row in found.items()],
    )


@step_through("ftp", "a vector, stretched, and what a decoder makes of it", horizon=HORIZON)
def future_steps(number: int, horizon: int) -> Steps:
    """A passage, by a network that was fitted to letters."""
    ids, (params, _) = passage(number)[:12], trained()
    with record() as recorded:
        inputs, targets = future_token.windows(ids, min(horizon, HORIZON))
        step("inputs", inputs, "what the decoder reads at each position", axes=("n", "horizon"))
        h = future_token.encode(params, ids)
        step("expanded", future_token.expand(params, h[-1]), "the last vector", axes=("S", "d"))
        logits = future_token.decode(params, h, inputs)
        step("told", softmax(logits[:, 0]), "the next letter", axes=("n", "vocab"))
        future_token.loss(logits, targets)
    return recorded


@step_through("multi-token", "four heads, each for one letter further", k=4)
def heads_steps(number: int, k: int) -> Steps:
    """A passage, by counts of what stands so far behind a letter."""
    ids = passage(number)
    with record() as recorded:
        logits = told_ahead(ids, k)
        for j in range(k):
            step(f"head {j}", np.exp(logits[j, 0]), f"{j + 1} ahead", axes=("n", "vocab"))
        multi_token.loss(logits, ids[None])
    return recorded


@step_through("caft", "heads' losses with weights that fade", progress=0.5, alpha=0.01)
def caft_steps(number: int, progress: float, alpha: float) -> Steps:
    """A passage, by the same counts, and the log-probability of its words."""
    ids = passage(number)
    blanks = np.flatnonzero(ids == 0)
    spans = np.stack([blanks[:-1] + 1, blanks[1:]], axis=1)
    spans = spans[spans[:, 1] > spans[:, 0]]
    with record() as recorded:
        along = np.linspace(0, 1, 21)
        shares = [caft.coefficients(4, progress=float(x), alpha=alpha)[1:] for x in along]
        step("fading", np.array(shares), "of three auxiliary losses", axes=("progress", "head"))
        caft.loss(told_ahead(ids, 4), ids[None], progress=progress, alpha=alpha)
        words = caft.concept_log_probs(counted(1)[0][ids], ids, spans)
        step("words", words, "log p of each word, letter after letter", axes=("words",))
    return recorded
