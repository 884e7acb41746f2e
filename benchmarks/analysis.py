"""Looking into models: the ridge lens beside scikit-learn's ridge regression.

    python benchmarks/analysis.py --threads 1 --json analysis.json

Weights are compared before anything is timed.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # also runs from a checkout

from harness import Claim, Section, installed, main

from tokenlab.analysis.dynamics import fit_lens

OURS, THEIRS = "tokenlab", "scikit-learn"


def sections(options: argparse.Namespace) -> Iterator[Section]:
    shapes = [(200, 16)] if options.quick else [(3583, 576), (3840, 64)]
    for n, d in shapes:
        yield ridge_lens(n, d)


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


if __name__ == "__main__":
    main(__doc__, sections)
