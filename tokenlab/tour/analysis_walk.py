"""One text's walk through SmolLM2, from the states that the package has: turns, lengths, top words."""

from functools import cache

import numpy as np

from tokenlab.analysis.dynamics import Walk, cosines, walk
from tokenlab.data import load_residual_walk
from tokenlab.numerics import unit
from tokenlab.steps import Steps, record, step
from tokenlab.tour.step_throughs import step_through
from tokenlab.tour.terminal import heading, paragraph, table

SHOWN = 13  # "that is the"
SAID = 20  # "Germany is"
LAYERS = (0, 1, 8, 16, 20, 24, 28, 29, 30)


@cache
def walked() -> Walk:
    """The states of all tokens."""
    found = load_residual_walk()
    return walk(found.start, found.moves)


def visible(token: str) -> str:
    """A token with blanks and line breaks that can be seen."""
    for hidden, shown in ((" ", "␣"), ("\xa0", "␣"), ("\n", "⏎"), ("\t", "⇥")):
        token = token.replace(hidden, shown)
    return token


def move_name(i: int) -> str:
    """What happened last at state i."""
    if i == 0:
        return "start"
    return f"layer {(i + 1) // 2}, {'attention' if i % 2 else 'MLP'}"


def ends() -> tuple[np.ndarray, np.ndarray]:
    """Every state's cosine with the token's own vector and with where the walk ends, (61, n) each."""
    states = walked().states
    return cosines(states, unit(states[0])), cosines(states, unit(states[-1]))


@cache
def turns() -> np.ndarray:
    """The cosine of what enters and what leaves each block, over all tokens but the first, (30,)."""
    layers = walked().states[0::2, 1:]
    return cosines(layers[1:], layers[:-1]).mean(axis=1)


def show() -> None:
    """Print what would be said along two walks, and how they turn."""
    heading("Where does a token's vector go?")
    found = load_residual_walk()
    paragraph(
        f"SmolLM2 reads “{found.text}”. If the walk of a token ended at a layer, it would say:"
    )
    rows = []
    for layer in LAYERS:
        cells = [str(layer)]
        for j in (SHOWN, SAID):
            share = np.exp(found.top_log_probs[2 * layer, j, 0])
            cells.append(f"{visible(found.top_words(2 * layer, j)[0])} {share:.0%}")
        rows.append(tuple(cells))
    table(("layer", *(f"behind “{visible(found.tokens[j])}”" for j in (SHOWN, SAID))), rows)
    length = np.linalg.norm(walked().states, axis=-1)  # (61, n)
    paragraph(
        f"""The first block turns a vector by a right angle (cosine {turns()[0]:.2f}), the others
        hardly ({turns()[1:-1].min():.2f} to {turns()[1:-1].max():.2f}), the last again
        ({turns()[-1]:.2f}). The first token's vector grows to {length[:, 0].max():,.0f}, those of
        others to {length[-1, 1:].min():,.0f} to {length[-1, 1:].max():,.0f}: it is a sink."""
    )


def count() -> int:
    """Tokens to choose from."""
    return len(load_residual_walk().tokens)


def subject(number: int) -> str:
    """The text up to a token."""
    found = load_residual_walk()
    return f"Behind “{''.join(found.tokens[: number + 1])}”"


@step_through("walk", "a token's vector moves through SmolLM2; what it would say on the way")
def walk_steps(number: int) -> Steps:
    """One token's states, how they turn, and the likeliest words."""
    found = load_residual_walk()
    top = found.top_ids[:, number]  # (61, 5)
    ids = np.unique(top)
    labels = {
        "n": [visible(found.tokens[number])],
        "steps + 1": [move_name(i) for i in range(len(top))],
        "word": [visible(found.words[int(i)]) for i in ids],
    }
    own, end = (cosine[:, number] for cosine in ends())
    length = np.linalg.norm(walked().states[:, number], axis=-1)
    share = np.exp(found.top_log_probs[:, number, 0])
    with record(labels) as steps:
        walk(found.start[[number]], found.moves[:, [number]])
        step("length", length, "of the vector, after each move", axes=("steps + 1",))
        step("cosine with its own vector", own, "what is left of the start", axes=("steps + 1",))
        step("cosine with the end", end, "how near the walk is", axes=("steps + 1",))
        likeliest = np.searchsorted(ids, top[:, 0])
        step(
            "likeliest", likeliest, "if it ended here", eq="x u (3)", axes=("steps + 1",), of="word"
        )
        step("its share", share, "the probability of that word", axes=("steps + 1",))
        step("likeliest five", np.searchsorted(ids, top), axes=("steps + 1", "place"), of="word")
    return steps
