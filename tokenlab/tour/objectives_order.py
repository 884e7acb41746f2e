"""Which question to train on next: angles of the FAQ's questions, a window, and a group's rewards."""

import functools
from pathlib import Path
from typing import Any

import numpy as np

from tokenlab.data import load_faq
from tokenlab.numerics import offsets_of, unit
from tokenlab.objectives import gain_rl, grpo
from tokenlab.steps import Steps, record, step
from tokenlab.tour.objectives_ahead import stored
from tokenlab.tour.step_throughs import step_through
from tokenlab.tour.terminal import heading, paragraph, table

SHOWN = 12


def count() -> int:
    """How many questions there are to choose from."""
    return len(load_faq())


def subject(number: int) -> str:
    """The question itself."""
    return str(load_faq().questions[number])


@functools.cache
def ranked() -> tuple[Any, Any, Any]:
    """The concentration of every question behind its first token, its length, and the ranking."""
    queries = load_faq().queries
    lengths = np.array([len(query) for query in queries])
    found = gain_rl.concentrations(np.concatenate(queries), offsets_of(lengths), 1)
    return found.total, lengths, gain_rl.order(found.total)


def run(out: Path) -> None:
    """Print the most and least concentrated questions, the window's way, and what was found."""
    heading("GAIN-RL: questions whose tokens point the same way first")
    totals, lengths, ranking = ranked()
    rows = [
        (f"{place + 1}", f"{totals[i]:.2f}", f"{lengths[i]}", subject(int(i))[:44])
        for place, i in enumerate(ranking.tolist())
        if place in (0, 1, 2, len(ranking) - 2, len(ranking) - 1)
    ]
    table(("rank", "concentration", "tokens", "question"), rows)
    places = np.array([np.argsort(np.argsort(x)) for x in (totals, lengths)])
    paragraph(
        f"""Of {len(totals)} questions of the Python FAQ. Rank correlation of concentration and length:
        {np.corrcoef(places)[0, 1]:.2f}."""
    )
    found = stored("window")
    table(
        ("questions", "the window has left them in epoch"),
        [(name, str(row["beyond the last in epoch"])) for name, row in found.items()],
    )
    _orders()
    page = gain_steps(SHOWN).to_html(out / "gain-rl.html", title="GAIN-RL, step by step")
    print(f"\nStep through GAIN-RL in a browser: {page}")


def _orders() -> None:
    heading("Does the order help? GRPO on a thousand small questions")
    found = stored("order")
    rows = []
    for name, row in found.items():
        less, half = row["less uniform's"], row["±"]
        rows.append((name, f"{row['accuracy']:.3f}", f"{less:+.3f} ± {half:.3f}"))
    table(("order", "right at the end", "less uniform's"), rows)
    paragraph(
        "The second-largest of some digits; the same policies, steps and answers in each row."
    )


@step_through("gain-rl", "a question's angles, and the window over all of them", mean=40.0, k=24)
def gain_steps(number: int, mean: float, k: int) -> Steps:
    """A question of the FAQ, and which are drawn next."""
    x = np.asarray(load_faq().queries[number])
    totals, _, ranking = ranked()
    with record() as recorded:
        step("cosines", unit(x) @ unit(x).T, "every token with every other", axes=("n", "n"))
        gain_rl.angle_concentration(x, 1)
        step("ranked", totals[ranking], "all questions by concentration", axes=("rank",))
        window = gain_rl.sampling_probabilities(len(ranking), mean, sigma=20.0)
        step("window", window, "how likely each rank is drawn", axes=("rank",))
        drawn = gain_rl.sample(ranking, min(k, len(ranking)), mean, sigma=20.0, rng=number)
        shown = np.isin(ranking, drawn).astype(float)
        step("drawn", shown, "the ranks of the next epoch", axes=("rank",))
    return recorded


@step_through("grpo", "rewards within groups, clipped ratios, one loss", group=6, clip=0.2)
def grpo_steps(number: int, group: int, clip: float) -> Steps:
    """Four questions, some answers to each, and a policy that has moved a little since."""
    rng = np.random.default_rng(number)
    chance = np.array([0.1, 0.4, 0.8, 1.0])[:, None]  # of a right answer, by question
    with record() as recorded:
        rewards = (rng.random((4, group)) < chance).astype(float)
        step("rewards", rewards, "one row for each question", axes=("n_prompts", "group"))
        worth = grpo.advantages(rewards)
        old = -rng.exponential(1.0, (4 * group, 5))
        new = old + 0.3 * rng.standard_normal(old.shape)
        grpo.loss(new, worth.ravel(), old=old, clip=clip)
    return recorded
