"""Figures of the gallery: output layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from docs.figures_registry import BLUE, MUTED, figure, plain
from tokenlab.data import load_lm_head
from tokenlab.logits import FullHead, VQHead, fit_codes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CODES, SHOWN, POSITION = 256, 60, 502


@figure(
    "vq_logits",
    name="VQ-Logits",
    alt="Probability of the next token against its rank, log axis: the full head's curve falls "
    "smoothly, that of codes in stairs, because all tokens of a code have the same logit",
    caption=f"The next word after a line of real text, from 4,096 rows of SmolLM2-135M's output "
    f"layer, and from {CODES} codes before any training.",
)
def vq_logits(fig: Figure) -> None:
    data = load_lm_head()
    state = data.hidden_report[POSITION, None]
    codes = VQHead(*fit_codes(data.weight, CODES, counts=data.counts, rng=0))
    ax = fig.subplots()
    ranks = np.arange(1, SHOWN + 1)
    for head, label, style in (
        (FullHead(data.weight), "full head", {"color": MUTED, "ls": "--", "lw": 1.6}),
        (codes, f"{CODES} codes", {"color": BLUE, "lw": 2, "drawstyle": "steps-mid"}),
    ):
        p = np.sort(np.exp(head.log_softmax(state)[0]))[::-1][:SHOWN]
        ax.semilogy(ranks, p, label=label, **style)
    ax.set(xlabel="tokens, the most probable first", ylabel="probability")
    ax.annotate("a step: the tokens of one code", (0.4, 0.55), xycoords="axes fraction")
    ax.legend(frameon=False)
    plain(ax)
