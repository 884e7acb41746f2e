"""Figures of the gallery: objectives beyond the next token, and which question comes next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from docs.figures_registry import BLUE, MUTED, PALE, SAND, figure, plain
from tokenlab.data import load_findings
from tokenlab.objectives import caft, gain_rl, grpo, multi_token
from tokenlab.tour.objectives_ahead import passage, stored, told_ahead

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@figure(
    "multi-token",
    name="Multi-token prediction",
    alt="Four bars of the loss of letters one, two, three and four places ahead, as counts of letters "
    "tell them: the next letter has the smallest loss, and from the second on hardly anything is known",
    caption="Loss of letters of Shakespeare by how far ahead they stand, told by counts of one letter.",
)
def multi_token_figure(fig: Figure) -> None:
    texts = np.array([passage(i) for i in range(40)])
    logits = np.concatenate([told_ahead(text, 4) for text in texts], axis=1)  # (4, b, n, vocab)
    losses = multi_token.head_losses(logits, texts)
    ax = fig.subplots()
    ax.bar(range(1, 5), losses, color=BLUE, width=0.6)
    ax.set_xticks(range(1, 5))
    ax.set_xlabel("letters ahead")
    ax.set_ylabel("nats")
    plain(ax)


@figure(
    "ftp",
    name="FTP",
    alt="Two curves of the loss against the distance of the token, from one to four ahead: that of "
    "heads, which do not know the tokens between, rises steeply; that of FTP, which reads them, stays "
    "nearly level",
    caption="Loss by distance of small models: FTP reads the tokens between, heads do not.",
)
def ftp_figure(fig: Figure) -> None:
    found = load_findings("objectives")["ahead"]["distances"]["rows"]
    ax = fig.subplots()
    for (name, *losses), colour, mark in zip(found, (SAND, BLUE), ("s", "o"), strict=True):
        ax.plot(range(1, 1 + len(losses)), losses, color=colour, marker=mark, label=name)
    first = stored("ahead")["GPT, 2 layers"]["L_1"]
    ax.plot([1], [first], "^", color=MUTED, label="GPT")
    ax.set_xticks(range(1, 5))
    ax.set_xlabel("tokens ahead")
    ax.set_ylabel("nats")
    ax.legend(frameon=False)
    plain(ax)


@figure(
    "caft",
    name="CAFT",
    alt="Four falling curves of what auxiliary losses are multiplied by during a training, from at most "
    "eight thousandths at its beginning to zero at its end; heads that look further ahead count less",
    caption="What CAFT's auxiliary losses weigh during the training; the model's own loss has 1.",
)
def caft_figure(fig: Figure) -> None:
    along = np.linspace(0, 1, 101)
    weights = np.array([caft.coefficients(5, progress=float(x)) for x in along])
    ax = fig.subplots()
    styles = ("-", "--", "-.", ":")
    for k, style in enumerate(styles, start=1):
        ax.plot(along, weights[:, k], style, color=BLUE, label=f"{k + 1} ahead")
    ax.set_xlabel("share of the training")
    ax.set_ylabel("weight")
    ax.legend(frameon=False)
    plain(ax)


@figure(
    "gain-rl",
    name="GAIN-RL",
    alt="Bell-shaped windows over the ranks of a thousand questions, one for every fourth epoch; they "
    "move to the right from epoch to epoch, and the later ones press against the last rank, as their "
    "centres have left the data",
    caption="Which ranks are drawn, epoch after epoch: the window moves on until it leaves the data.",
)
def gain_rl_figure(fig: Figure) -> None:
    n, mean = 1000, 0.0
    ax = fig.subplots()
    for epoch in range(21):
        if epoch % 4 == 0:
            shade = BLUE if mean < n else SAND
            p = gain_rl.sampling_probabilities(n, mean, sigma=n / 7.5)
            ax.plot(p, color=shade, label=f"epoch {epoch}", lw=1 + epoch / 20)
            ax.text(min(mean, n - 60), p.max() * 1.02, str(epoch), fontsize=7, color=MUTED)
        options = {"n": n / 15, "limits": (0.0, 2 * n / 15)}
        mean = gain_rl.next_mean(mean, 0.5, 0.5, **options)
    ax.axvline(n - 1, color=PALE)
    ax.set_xlabel("rank by concentration")
    ax.set_ylabel("probability")
    plain(ax)


@figure(
    "grpo",
    name="GRPO",
    alt="Curves of what right and wrong answers are worth against the share of right ones in their "
    "group of eight: rare right answers are worth most, wrong ones cost most where nearly all are right",
    caption="What an answer is worth beside seven others, by how many of the eight are right.",
)
def grpo_figure(fig: Figure) -> None:
    counts = np.arange(1, 8)
    rewards = (np.arange(8) < counts[:, None]).astype(float)  # (7, 8)
    worth = grpo.advantages(rewards)
    ax = fig.subplots()
    ax.plot(counts, worth[:, 0], color=BLUE, marker="o", label="a right answer")
    ax.plot(counts, worth[:, -1], color=SAND, marker="s", label="a wrong one")
    ax.axhline(0, color=PALE)
    ax.set_xlabel("right answers of 8")
    ax.set_ylabel("advantage")
    ax.legend(frameon=False)
    plain(ax)
