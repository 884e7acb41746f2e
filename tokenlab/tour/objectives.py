"""The tour's part on objectives: digits in any order, near and far; letters ahead; what next."""

import functools
from pathlib import Path
from typing import Any

import numpy as np

from tokenlab.data import load_digits
from tokenlab.numerics import log_softmax
from tokenlab.objectives import token_unify
from tokenlab.steps import Steps, record, step
from tokenlab.tour import Minute, objectives_ahead, objectives_order
from tokenlab.tour.digits_drawn import by_maskgit, by_xar, decoded, labels
from tokenlab.tour.digits_memory import as_pictures, remembered, split, stages
from tokenlab.tour.digits_networks import CELLS, stored
from tokenlab.tour.digits_quality import Quality, of_gaussian, quality, real
from tokenlab.tour.quantization import DRAWN, GREYS, SEED, SHOWN, THREE, count, shade, subject
from tokenlab.tour.step_throughs import step_through
from tokenlab.tour.terminal import heading, paragraph, table

__all__ = ["SHOWN", "count", "minute", "run", "subject"]

COLUMNS = ("digits", "calls", "recognised", "Fréchet", "nearest", "coverage")


def run(out: Path) -> None:
    """Print what steps buy, entities, near and far prediction, letters ahead, and orders."""
    _steps()
    _entities()
    _pairs()
    objectives_ahead.run(out)
    objectives_order.run(out)
    page = maskgit_steps(SHOWN).to_html(out / "maskgit.html", title="MaskGIT, step by step")
    print(f"\nStep through MaskGIT in a browser: {page}")


def minute(out: Path) -> Minute:
    """One result: what a sampler in few calls is worth beside two lines without a network."""
    label = labels(DRAWN)
    once, often = (drawn(steps) for steps in (1, 8))
    simple = of_gaussian(label)
    page = maskgit_steps(SHOWN).to_html(out / "maskgit.html", title="MaskGIT, step by step")
    return Minute(
        "must the tokens of a picture be drawn one after the other?",
        f"""a network draws digits of 64 codes in one call, {once.recognised:.0%} recognised at a
        Fréchet distance of {once.frechet:.2f}; in 8 calls {often.recognised:.0%} at
        {often.frechet:.2f}. A Gaussian for each class: {simple.recognised:.0%} at
        {simple.frechet:.2f}.""",
        "recognised: by most of the 3 nearest training digits.",
        page,
    )


@functools.cache
def drawn(steps: int) -> Quality:
    """Of digits that the fitted MaskGIT drew."""
    label = labels(DRAWN)
    found = by_maskgit(stored("maskgit"), label, steps, rng=SEED)
    return quality(decoded(found.tokens), label)


def row(name: str, calls: object, four: Quality) -> tuple[str, ...]:
    """A line of a table."""
    return (name, str(calls), *(f"{value:.2f}" for value in four))


def _steps() -> None:
    heading("MaskGIT: fewer calls than tokens")
    label = labels(DRAWN)
    rows = [row("test digits", "", real()), row("a Gaussian for each class", 0, of_gaussian(label))]
    rows += [row("MaskGIT", steps, drawn(steps)) for steps in (1, 4, 8)]
    table(COLUMNS, rows)
    paragraph(
        f"""{DRAWN} digits by a network of two blocks, fitted in a minute: 64 codes each. Fréchet
        distance: 0 is best; nearest: 1 as for real digits; coverage: the share of test digits that
        have a drawn one near. In one call all codes are drawn independently of each other: the
        right half may be that of another digit. Below, a three after each of 8 calls."""
    )
    pictures(as_pictures(decoded(codes_by_call(THREE, 8))[1::2]))


def codes_by_call(label: int, steps: int) -> np.ndarray:
    """A digit's codes after each call, (steps, 64), -1 where they are masked."""
    found = by_maskgit(stored("maskgit"), [label], steps, rng=SEED)
    return np.where(found.fixed_at <= np.arange(1, steps + 1)[:, None], found.tokens, -1)


def pictures(frames: Any) -> None:
    """Small pictures side by side, in characters."""
    for line in range(8):
        print("   ".join("".join(GREYS[shade(v)] * 2 for v in p[line]) for p in frames))


def _entities() -> None:
    heading("xAR: cell after cell")
    label = labels(DRAWN)
    rows = [row("test digits", "", real()), row("a Gaussian for each class", 0, of_gaussian(label))]
    for steps in (2, 5):
        tokens = by_xar(stored("xar"), label, CELLS, steps, rng=SEED)
        rows.append(row("xAR, cells of 2 x 2", 4 * steps, quality(tokens, label)))
    table(COLUMNS, rows)
    paragraph("A three in cells, each carried from noise to data in 5 calls.")
    pictures(as_pictures(by_cell(THREE, 5)))


def by_cell(label: int, steps: int) -> np.ndarray:
    """A digit's tokens after each cell, (4, 16, 4); cells to come are empty."""
    tokens = by_xar(stored("xar"), [label], CELLS, steps, rng=SEED)  # (1, 16, 4)
    frames = np.zeros((len(CELLS), *tokens.shape[1:]))
    for i, places in enumerate(CELLS):
        frames[i:, places] = tokens[0, places]
    return frames


def _pairs() -> None:
    heading("TokenUnify: one token ahead, and all that follow")
    table_of, ids = bigrams(3)
    near = token_unify.pair_loss(table_of, ids, token_unify.next_pairs(len(ids)))
    far = token_unify.pair_loss(table_of, ids, token_unify.next_all_pairs(len(ids)))
    blind = [[0, j] for j in range(len(ids))]  # from nothing but the class
    alone = token_unify.pair_loss(table_of, ids, blind)
    paragraph(
        f"""Tokens of a three, predicted from counts of the other threes: {near:.2f} nats for the
        next token, {far:.2f} on average for all that follow, {alone:.2f} for every token from
        nothing but the class."""
    )


def bigrams(label: int) -> tuple[Any, Any]:
    """Log-probabilities of each token of a digit, from the last one of every prefix."""
    codes = remembered(label)[:, :, 0]
    ids, others = codes[0], codes[1:]
    n = len(ids)
    scores = np.zeros((n, n, 16))
    for i in range(n):
        same = others if i == 0 else others[others[:, i - 1] == ids[i - 1]]
        for j in range(n):
            scores[i, j] = np.log(np.bincount(same[:, j], minlength=16) + 0.5)
    return log_softmax(scores), ids


@step_through("maskgit", "all codes drawn, the surest kept, the rest masked again", steps=4)
def maskgit_steps(number: int, steps: int) -> Steps:
    """A digit of the shown one's class, by a network that was fitted to digits."""
    label = int(load_digits().labels[split()[1][number]])
    stages()  # fitted before anybody records
    with record() as recorded:
        found = by_maskgit(stored("maskgit"), [label], steps, rng=number)
        fixed = found.fixed_at.reshape(16, 4)
        step("fixed at", fixed, "which step fixed each code", axes=("n", "depth"))
        step("decoded", as_pictures(decoded(found.tokens))[0], "as a picture", axes=("h", "w"))
    return recorded


@step_through("xar", "each cell from noise to data, the finished ones given", steps=6)
def xar_steps(number: int, steps: int) -> Steps:
    """A digit of the shown one's class, cell after cell, by a network that was fitted to digits."""
    label = int(load_digits().labels[split()[1][number]])
    with record() as recorded:
        x = by_xar(stored("xar"), [label], CELLS, steps, rng=number)
        step("decoded", as_pictures(x)[0], "as a picture", axes=("h", "w"))
    return recorded


@step_through("unify", "each token from every prefix that does not have it")
def unify_steps(number: int) -> Steps:
    """The terms of near and far prediction for a digit of the shown one's class."""
    log_p, ids = bigrams(int(load_digits().labels[split()[1][number]]))
    with record() as recorded:
        terms = np.take_along_axis(log_p, np.broadcast_to(ids[None, :, None], (16, 16, 1)), 2)
        upper = np.where(np.triu(np.ones((16, 16), bool)), terms[..., 0], np.nan)
        step("terms", upper, "log p of token j from the first i", axes=("prefix", "n"))
        token_unify.pair_loss(log_p, ids, token_unify.next_pairs(16))
        token_unify.pair_loss(log_p, ids, token_unify.next_all_pairs(16))
    return recorded
