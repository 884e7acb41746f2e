"""Learning one pair after the other: what skip-gram, CBOW and subwords have in common.

A word's vector is the sum or the mean of some rows of a table: one row in skip-gram, those of the
words around in CBOW, those of letter n-grams in fastText.
"""

from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arrays import get_xp, to_numpy
from tokenlab.embeddings.draws import drawn, near_places
from tokenlab.engine import accelerated
from tokenlab.errors import InvalidInput, public_caller

__all__: list[str] = []


class Pass(NamedTuple):
    """`vectors`, `outputs`, and the `loss`, a sum over the pairs as they were met."""

    vectors: Any
    outputs: Any
    loss: float


def softplus(x: Any) -> Any:
    """log(1 + exp(x)), which is -log sigmoid(-x)."""
    xp = get_xp(x)
    # The exponential is of what is not above 0, and so is smooth at 0.
    above = x > 0
    return xp.where(above, x, 0) + xp.log1p(xp.exp(xp.where(above, -x, x)))


def fitting(vectors: Any, outputs: Any, pairs: Any, draws: Any) -> None:
    """Raise unless centres, contexts and draws have rows."""
    checks.within(pairs[:, 0], "pairs", len(vectors), "vocab", of="vectors")
    checks.within(pairs[:, 1], "pairs", len(outputs), "n_out", of="outputs")
    checks.within(draws, "draws", len(outputs), "n_out", of="outputs")


def rate_of_each(rates: Any, n: int, xp: Any) -> Any:
    """A step for each pair, none below 0."""
    if rates.size and float(rates.min()) < 0:
        raise InvalidInput(
            f"{public_caller()}: rates go down to {float(rates.min()):g}; expected at least 0."
        )
    return xp.broadcast_to(rates, (n,)).astype(xp.float64)  # (n,)


def rows_alone(n: int, xp: Any = np) -> tuple[Any, Any]:
    """Rows and starts of words that have one row each, their own."""
    return xp.arange(n), xp.arange(n + 1)


@accelerated(
    "embeddings.passed",
    work=lambda table, outputs, rows, starts, words, targets, draws, *_: draws.size + len(words),
    pays_from=200,
)
def passed(
    table: Any,
    outputs: Any,
    rows: Any,
    starts: Any,
    words: Any,
    targets: Any,
    draws: Any,
    rates: Any,
    mean: bool,
    whole: bool,
) -> tuple[Any, Any, Any]:
    """Table and outputs after all pairs, and their losses as they were met.

    Word w has the rows `rows[starts[w]:starts[w + 1]]`. With `whole` each of them gets the whole
    gradient, which is that of a sum; else that of the mean.
    """
    xp = get_xp(table, outputs)
    table = table.copy()  # (n_rows, d)
    outputs = outputs.copy()  # (n_out, d)
    met = 0.0
    starts = to_numpy(starts).tolist()
    each = zip(*(to_numpy(x).tolist() for x in (words, targets, draws, rates)), strict=True)
    for word, target, others, rate in each:
        own = rows[starts[word] : starts[word + 1]]  # (n_own,)
        # What is drawn and is the target tells nothing.
        wanted = [(target, 1, 1), *((c, 0, 1) for c in others if c != target)]
        table, outputs, loss = moved(table, outputs, own, wanted, rate, mean, whole)
        met += loss
    return table, outputs, xp.asarray(met, dtype=table.dtype)


def moved(
    table: Any, outputs: Any, own: Any, wanted: Any, rate: float, mean: bool, whole: bool
) -> tuple[Any, Any, float]:
    """One word and its targets, each (row, 1 or 0, how often): the arrays themselves are changed."""
    if len(own) == 0 or not wanted:
        return table, outputs, 0.0
    xp = get_xp(table, outputs)
    # A word without rows was left out above: no division by 0.
    share = 1 / len(own) if mean else 1
    h = table[own].sum(axis=0) * share  # (d,)
    step_of_h = xp.zeros_like(h)
    loss = 0.0
    for c, label, times in wanted:
        product = float(h @ outputs[c])
        # As it is met: later pairs see what this one has moved.
        loss += times * float(np.logaddexp(0, -product if label else product))
        # The sigmoid, which cannot overflow in this form.
        g = rate * times * (label - (1 + float(np.tanh(product / 2))) / 2)
        step_of_h += g * outputs[c]
        outputs[c] += g * h  # at once
    # The word's rows move at the end; a row that comes twice moves twice.
    xp.add.at(table, own, step_of_h * (1 if whole else share))
    return table, outputs, loss


@accelerated(
    "embeddings.one_epoch",
    work=lambda *args: len(args[4]) * args[10],
    pays_from=50,
)
def one_epoch(
    table: Any,
    outputs: Any,
    rows: Any,
    starts: Any,
    ids: Any,
    offsets: Any,
    widths: Any,
    rates: Any,
    noise: Any,
    seed: int,
    negatives: int,
    mean: bool,
    shared: bool,
) -> tuple[Any, Any, Any, int]:
    """Through all texts once: table, outputs, the losses as they were met, how many pairs."""
    xp = get_xp(table, outputs)
    centre, context = near_places(offsets, widths)  # (n_pairs,)
    # The readable form lists all pairs at once, its twin goes through the text.
    if not shared:
        draws = xp.asarray(drawn(noise, seed, len(centre), negatives))
        each = (ids[centre], ids[context], draws, rates[centre])
        return *passed(table, outputs, rows, starts, *each, mean, True), len(centre)
    # One draw for all that is near a place; each counts as often as it is not what is near.
    table = table.copy()
    outputs = outputs.copy()
    met = 0.0
    draws = drawn(noise, seed, len(ids), negatives).tolist()  # for each place, not for each pair
    starts = to_numpy(starts).tolist()
    words = to_numpy(ids).tolist()
    near: list[list[int]] = [[] for _ in words]
    for i, j in zip(to_numpy(centre).tolist(), to_numpy(context).tolist(), strict=True):
        near[i].append(words[j])
    for word, around, others, rate in zip(
        words, near, draws, to_numpy(rates).tolist(), strict=True
    ):
        times = [sum(c != target for target in around) for c in others]
        false = [(c, 0, n) for c, n in zip(others, times, strict=True) if n]
        own = rows[starts[word] : starts[word + 1]]  # (n_own,)
        wanted = [*((target, 1, 1) for target in around), *false]
        table, outputs, loss = moved(table, outputs, own, wanted, rate, mean, True)
        met += loss
    return table, outputs, xp.asarray(met, dtype=table.dtype), len(centre)
