"""The tour's part on objectives: digits generated in any order, part after part, near and far."""

from pathlib import Path
from typing import Any

import numpy as np

from tokenlab.data import load_digits
from tokenlab.numerics import log_softmax
from tokenlab.objectives import maskgit, next_x, token_unify
from tokenlab.quantization import residual
from tokenlab.steps import Steps, record, step
from tokenlab.tour import Minute
from tokenlab.tour.digits_memory import (
    as_pictures,
    as_tokens,
    remembered,
    split,
    stages,
    token_model,
    velocity_model,
)
from tokenlab.tour.quantization import SHOWN, count, recognised, subject
from tokenlab.tour.step_throughs import step_through
from tokenlab.tour.terminal import heading, paragraph, table

__all__ = ["SHOWN", "count", "minute", "run", "subject"]

EACH = 10  # digits of a class that are drawn


def run(out: Path) -> None:
    """Print what steps buy, entities, and near and far prediction."""
    _steps()
    _entities()
    _pairs()
    page = maskgit_steps(SHOWN).to_html(out / "maskgit.html", title="MaskGIT, step by step")
    print(f"\nStep through MaskGIT in a browser: {page}")


def minute(out: Path) -> Minute:
    """One result: what drawing all tokens at once costs."""
    once, often = (drawn(steps) for steps in (1, 8))
    page = maskgit_steps(SHOWN).to_html(out / "maskgit.html", title="MaskGIT, step by step")
    return Minute(
        "must the tokens of a picture be drawn one after the other?",
        f"""a model that remembers digits draws 16 tokens at once, and {once:.0%} of them are
        recognised; in 8 steps, each fixing what is surest, {often:.0%}. Real ones, quantized alike:
        {real():.0%}. What trained models do is another story.""",
        "recognised: by most of the 3 nearest training digits.",
        page,
    )


def drawn(steps: int) -> float:
    """The share of drawn digits that is recognised."""
    labels = np.repeat(np.arange(10), EACH)
    tokens = [
        maskgit.sample(token_model(label), 16, steps=steps, b=EACH, rng=label).tokens
        for label in range(10)
    ]
    pictures = stages().codebooks[0][np.concatenate(tokens)]  # (b, n, d)
    return recognised(pictures, labels)


def real() -> float:
    """The share of test digits that is recognised after the first stage."""
    test = split()[1]
    x = as_tokens(load_digits().images[test])
    codes = residual.encode(x.reshape(-1, 4), stages().codebooks[:1])
    return recognised(
        residual.decode(codes, stages().codebooks[:1]).reshape(x.shape), load_digits().labels[test]
    )


def _steps() -> None:
    heading("MaskGIT: fewer calls than tokens")
    rows = [(str(steps), f"{drawn(steps):.0%}") for steps in (1, 2, 4, 8, 16)]
    table(("calls for 16 tokens", "recognised"), rows)
    paragraph(
        f"""{EACH} digits of each class, by a model that remembers 1,297 of them. Test digits,
        quantized alike: {real():.0%}. In one call all tokens are drawn independently of each
        other: their right half may be that of another digit."""
    )


def _entities() -> None:
    heading("xAR: what is drawn at once")
    shapes = {
        "tokens": next_x.tokens(4, 4),
        "cells of 2 x 2": next_x.cells(4, 4, 2),
        "subsamples": next_x.subsamples(4, 4, 2),
        "the whole": next_x.whole(4, 4),
    }
    rows = []
    for name, entities in shapes.items():
        pictures = [
            next_x.sample(velocity_model(d, entities), entities, 4, steps=8, b=5, rng=d)
            for d in range(10)
        ]
        share = recognised(np.concatenate(pictures), np.repeat(np.arange(10), 5))
        rows.append((name, str(len(entities)), str(8 * len(entities)), f"{share:.0%}"))
    table(("entity", "entities", "calls", "recognised"), rows)


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


@step_through("maskgit", "all tokens drawn, the surest kept, the rest masked again", steps=4)
def maskgit_steps(number: int, steps: int) -> Steps:
    """A digit of the shown one's class."""
    model = token_model(int(load_digits().labels[split()[1][number]]))
    codebook = stages().codebooks[0]
    with record() as recorded:
        found = maskgit.sample(model, 16, steps=steps, rng=number)
        step("fixed at", found.fixed_at.reshape(4, 4), "which step fixed it", axes=("h", "w"))
        picture = as_pictures(codebook[found.tokens])[0]
        step("decoded", picture, "as a picture", axes=("h", "w"))
    return recorded


@step_through("xar", "each cell from noise to data, the finished ones given", steps=6, cell=2)
def xar_steps(number: int, steps: int, cell: int) -> Steps:
    """A digit of the shown one's class, cell after cell."""
    label = int(load_digits().labels[split()[1][number]])
    entities = next_x.cells(4, 4, cell)
    with record() as recorded:
        model = velocity_model(label, entities)
        x = next_x.sample(model, entities, 4, steps=steps, rng=number)
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
