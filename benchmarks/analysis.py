"""Looking into models: the ridge lens beside scikit-learn's, and how often ReAGent asks.

    python benchmarks/analysis.py --threads 1 --json analysis.json

Weights are compared before anything is timed. ReAGent's questions are counted: two for every step and
live run, and one at the start; a loop that goes on asking runs that have stopped is beside it.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # also runs from a checkout

from harness import Claim, Facts, Section, installed, main

from tokenlab.analysis import reagent
from tokenlab.analysis.dynamics import fit_lens
from tokenlab.data import load_text, load_tiny_lm
from tokenlab.lm import Counted

OURS, THEIRS = "tokenlab", "scikit-learn"


def sections(options: argparse.Namespace) -> Iterator[Any]:
    shapes = [(200, 16)] if options.quick else [(3583, 576), (3840, 64)]
    for n, d in shapes:
        yield ridge_lens(n, d)
    yield questions(4 if options.quick else 30)


def ridge_lens(n: int, d: int) -> Section:
    """Last states from middle ones, both float64, as scikit-learn would take them."""
    rng = np.random.default_rng(0)
    states, noise = rng.standard_normal((2, n, d))
    targets = states @ rng.standard_normal((d, d)) + noise
    methods = {OURS: lambda: fit_lens(states, targets)}
    if "sklearn" in installed({"sklearn": "sklearn"}):
        from sklearn.linear_model import Ridge

        methods[THEIRS] = lambda: Ridge(alpha=1.0).fit(states, targets)
        gap = np.abs(methods[THEIRS]().coef_.T - methods[OURS]().weight).max()
        assert gap < 1e-9, gap
    title = f"ridge lens, {n:,} rows, d = {d}"
    return Section(title, methods, baseline=THEIRS, claims=[Claim(OURS, THEIRS, at_least=1 / 1.1)])


def questions(n_contexts: int) -> Facts:
    """What ReAGent asks of the small model, on contexts of sixteen tokens that it has not read."""
    tiny = load_tiny_lm()
    ids = np.array(tiny.tokenizer.encode(load_text("shakespeare")[:60_000]))
    every, rows, forwards = [], 0, 0
    for seed, start in enumerate(np.random.default_rng(0).integers(0, len(ids) - 16, n_contexts)):
        context, lm = ids[start : start + 16], Counted(tiny.lm)
        target = int(tiny.lm.log_probs(context).argmax())
        found = reagent.attribute(lm, context, target, keep=2, max_steps=100, rng=seed)
        assert lm.rows == 1 + 2 * found.steps.sum()  # 2 questions a step and live run
        every.append(found.steps)
        rows, forwards = rows + lm.rows, forwards + lm.forwards
    steps = np.array(every)  # (n_contexts, runs)
    frozen = int((1 + 2 * steps.max(axis=1) * steps.shape[1]).sum())
    return Facts(
        f"ReAGent, {n_contexts} contexts, {steps.shape[1]} runs each",
        {
            "steps and live runs": f"{int(steps.sum()):,}",
            "questions": f"{rows:,}, {(rows - n_contexts) / steps.sum():.2f} a step and live run",
            "in batches": f"{forwards:,}, one a question of all live runs",
            "if runs that stopped were asked on": f"{frozen:,}, {frozen / rows:.2f} times as many",
        },
    )


if __name__ == "__main__":
    main(__doc__, sections)
