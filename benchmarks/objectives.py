"""Objectives: angles without all pairs of tokens, and a step of FTP beside one of a usual model.

    python benchmarks/objectives.py --threads 1 --rounds 9 --json objectives.json

The angle concentration of one prompt: ours takes products of means, the released way all cosines,
n x n, of which it takes means; both are float32, and their values are compared first (of all pairs,
by the paper's formula, and by the released slices). Steps of training: forward, gradients by the
tape and AdamW, on windows of 64 tokens, 16 a batch. FTP decodes four tokens at 16 of the 64
positions of every text. Times are those of the processor.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # also runs from a checkout

from harness import Claim, Section, installed, main

from tokenlab.autograd import value_and_grad
from tokenlab.models import transformer
from tokenlab.models.layers import cross_entropy
from tokenlab.numerics import unit
from tokenlab.objectives import caft, future_token, gain_rl, multi_token
from tokenlab.training import adam, adam_start

OURS, RELEASED = "tokenlab", "all cosines, torch (as released)"
PAIRS = "all cosines, NumPy"
PREFIX, TRAILING = 110, 6
FTP, GPT, GPT3, FOUR = "FTP, 16 of 64 positions", "GPT", "GPT, one layer more", "four heads"
WHOLE = "FTP, all positions"


def sections(options: argparse.Namespace) -> Iterator[Section]:
    peers = installed({"torch": "torch"})
    for n, d in [(256, 64)] if options.quick else [(512, 896), (1024, 3584)]:
        title = f"angles of {n:,} tokens of width {d:,}"
        if options.only in title:
            yield angles(title, n, d, peers)
    title = "a step of training, 2 layers of width 64, a vocabulary of 512"
    if options.only in title:
        yield steps(title, quick=options.quick)


def angles(title: str, n: int, d: int, peers: dict[str, Any]) -> Section:
    x = np.random.default_rng(0).standard_normal((n, d), dtype=np.float32) + np.float32(0.3)
    methods: dict[str, Any] = {OURS: lambda: gain_rl.angle_concentration(x, PREFIX)}
    methods[PAIRS] = lambda: all_pairs(x)
    np.testing.assert_allclose(methods[OURS](), methods[PAIRS](), rtol=1e-4)
    claims = []
    if "torch" in peers:
        torch = peers["torch"]
        torch.set_num_threads(1)
        rows = torch.from_numpy(x)
        methods[RELEASED] = lambda: released(torch, rows)
        wanted = gain_rl.angle_concentration(x, PREFIX, variant="official", trailing=TRAILING)
        np.testing.assert_allclose(methods[RELEASED](), wanted, rtol=1e-4)
        claims.append(Claim(OURS, RELEASED, 12.0))
    return Section(title, methods, RELEASED, claims, clock="cpu")


def all_pairs(x: Any) -> tuple[float, float]:
    """The paper's two means, each over a block of the cosines."""
    u = unit(x)
    cosines = u @ u.T  # (n, n)
    return float(cosines[PREFIX:, PREFIX:].mean()), float(cosines[PREFIX:, :PREFIX].mean())


def released(torch: Any, x: Any) -> tuple[float, float]:
    """The data processor's way: lower triangle and one diagonal more, rows sliced twice."""
    u = torch.nn.functional.normalize(x, dim=1)
    cosines = torch.tril(u @ u.T, diagonal=1)
    rows = cosines[PREFIX:-TRAILING]
    return float(rows[PREFIX:-TRAILING].mean()), 8 * float(rows[:PREFIX].mean())


def steps(title: str, *, quick: bool) -> Section:
    n, b, horizon, places = (16, 2, 2, 4) if quick else (64, 16, 4, 16)
    shape: dict[str, Any] = {"vocab": 512, "d": 64, "heads": 4, "rng": 0}
    ids = np.random.default_rng(0).integers(0, 512, (b, n))
    inputs, targets = future_token.windows(ids, horizon)
    rows = np.arange(b)[:, None]
    at = np.random.default_rng(1).permuted(np.tile(np.arange(n), (b, 1)), axis=1)[:, :places]

    def usual(params: Any) -> Any:
        return cross_entropy(transformer.forward(params, ids)[:, :-1], ids[:, 1:])

    def several(params: Any) -> Any:
        trunk = params["trunk"]
        h, output = transformer.states(trunk, ids), trunk["embed"].T
        norm = lambda x: transformer.normed(trunk["norm"], x)  # noqa: E731
        return multi_token.loss(caft.head_logits(params["heads"], h, output, norm=norm)[1:], ids)

    def some(params: Any) -> Any:
        h = future_token.encode(params, ids)[rows, at]
        return future_token.loss(
            future_token.decode(params, h, inputs[rows, at]), targets[rows, at]
        )

    def every(params: Any) -> Any:
        return future_token.loss(future_token.forward(params, ids), targets)

    def one(loss: Any, params: Any) -> Any:
        fn, state = value_and_grad(loss), adam_start(params)
        return lambda: adam(params, fn(params)[1], state, rate=1e-3)

    usual_params = transformer.init(layers=2, length=n, **shape)
    deeper = transformer.init(layers=3, length=n, **shape)
    trunk = {"trunk": usual_params, "heads": caft.init_heads(64, horizon, kind="layer", rng=0)}
    ahead = future_token.init(layers=2, horizon=horizon, n_max=n, **shape)
    methods = {
        FTP: one(some, ahead),
        GPT: one(usual, usual_params),
        GPT3: one(usual, deeper),
        FOUR: one(several, trunk),
        WHOLE: one(every, ahead),
    }
    # FTP has a layer more than the usual model: its decoder's.
    claims = [Claim(FTP, GPT, 1 / 1.3), Claim(FTP, GPT3, 1 / 1.3)]
    return Section(title, methods, GPT, claims, clock="cpu")


if __name__ == "__main__":
    main(__doc__, sections)
