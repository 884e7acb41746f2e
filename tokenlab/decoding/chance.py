r"""All that is drawn: every sampler of this family asks for chance here, and nowhere else.

So one stand-in for the generator can follow every branch of a program: `exact(fn)` runs `fn(rng)`
once for each way its choices can fall and returns the whole distribution of what it returns. Tests
prove with it, assignments grade with it.

    def pair(rng):
        first = choose(np.log([0.5, 0.5]), rng)
        return first, flip(0.25, rng)
    exact(pair).probability((1, True))        # 0.125, not a sample
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, to_numpy
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.lm.protocol import ids_of

__all__ = ["Outcomes", "choose", "exact", "flip", "generator", "geometric", "without_replacement"]

TINY = 1e-12  # branches of less probability are not followed, only counted
BLOCK, SUMMED = 32, 256  # weights that are summed together, and such sums made at once
FIRST = 48  # indices that are drawn at once, at first
ONES = np.ones(BLOCK)


class Outcomes(NamedTuple):
    """The whole distribution of what a function returns."""

    values: tuple[Any, ...]
    probabilities: np.ndarray  # (n,)
    lost: float  # the probability of branches that were too unlikely to follow

    def probability(self, value: Any) -> float:
        """Of one value; 0 for what is never returned."""
        wanted = frozen(value)
        found = [p for v, p in zip(self.values, self.probabilities, strict=True) if v == wanted]
        return float(sum(found))

    def expect(self, f: Callable[[Any], Any]) -> Any:
        """The mean of `f(value)`."""
        parts = zip(self.values, self.probabilities, strict=True)
        return sum(np.asarray(f(value)) * p for value, p in parts)


class Script:
    """Stands in for a generator: follows written choices, and notes what else was possible."""

    def __init__(self, written: tuple[int, ...]):
        self.written, self.made = written, 0
        self.probability = 1.0
        self.branches: list[tuple[tuple[int, ...], float]] = []  # still to be run
        self.lost = 0.0

    def decide(self, p: np.ndarray) -> int:
        """The next choice among probabilities: as written, or the first possible one."""
        if self.made < len(self.written):  # a branch that an earlier run has noted
            choice = self.written[self.made]
        else:
            possible = np.flatnonzero(p > 0).tolist()
            choice = possible[0]
            for other in possible[1:]:  # each of them is a run of its own, later
                weight = self.probability * float(p[other])
                if weight > TINY:
                    self.branches.append(((*self.written, other), weight))
                else:
                    self.lost += weight
            self.written = (*self.written, choice)
        self.made += 1
        self.probability *= float(p[choice])
        return choice


def exact(fn: Callable[[Any], Any], *, max_runs: int = 1_000_000) -> Outcomes:
    """Run `fn(rng)` along every branch of its choices; all of them must pass this module.

    Parameters
    ----------
    fn : callable
        A function of `rng` alone. What it returns becomes hashable: arrays become tuples.
    max_runs : int
        More branches than that are an error.

    Returns
    -------
    Outcomes
        `values`, `probabilities` (equal values are one), and `lost`.

    Examples
    --------
    >>> exact(lambda rng: flip(0.25, rng) + flip(0.5, rng)).values
    (0, 1, 2)
    """
    max_runs = checks.count(max_runs, "max_runs")
    found: dict[Any, float] = {}
    waiting: list[tuple[int, ...]] = [()]
    runs, lost = 0, 0.0
    while waiting:
        script = Script(waiting.pop())
        runs += 1
        if runs > max_runs:
            raise InvalidInput(
                f"exact: fn has more than max_runs = {max_runs} branches; a smaller example, or "
                "a bound on what is drawn, has fewer."
            )
        value = frozen(fn(script))  # the function itself notices nothing
        waiting += [written for written, _ in script.branches]
        lost += script.lost
        if script.probability > TINY:  # a long run of unlikely choices may end below it
            found[value] = found.get(value, 0.0) + script.probability
        else:
            lost += script.probability
    values = ordered(found)
    return Outcomes(tuple(values), np.array([found[value] for value in values]), lost)


def ordered(values: Any) -> list[Any]:
    """Sorted where they can be, else in the order in which they were found."""
    try:
        return sorted(values)
    except TypeError:
        return list(values)


def frozen(value: Any) -> Any:
    """A value as something that can be compared and counted: arrays and lists become tuples."""
    if isinstance(value, dict):
        return tuple((key, frozen(item)) for key, item in value.items())
    if isinstance(value, tuple) and hasattr(value, "_fields"):  # a NamedTuple stays one
        return type(value)(*map(frozen, value))
    if isinstance(value, list | tuple):
        return tuple(map(frozen, value))
    if hasattr(value, "tolist"):
        return frozen(value.tolist())
    return value


def generator(rng: Any = None) -> Any:
    """A generator from a seed, a generator, or None (a new one each time).

    Examples
    --------
    >>> int(generator(7).integers(10)), int(generator(7).integers(10))
    (9, 9)
    """
    return rng if isinstance(rng, Script) else checks.generator(rng)


def token_order(order: Any, vocab: int) -> Iterator[int]:
    """An iterator as it is, which is read only as far as needed; anything else is looked at."""
    return order if isinstance(order, Iterator) else iter(ids_of(order, "order", vocab).tolist())


def weights_of(log_p: Any, name: str = "log_p") -> Any:
    """Float64 probabilities from logarithms that need not be normalised, `(vocab,)`."""
    xp = get_xp(log_p)
    logs = checks.shaped(checks.floats(log_p, name, xp), name, ("vocab",))
    # The largest is taken off, so that weights of e^-9000 do not underflow.
    weights = xp.exp(logs.astype(xp.float64, copy=False) - top_of(logs, name))
    return weights / weights.sum()


def top_of(logs: Any, name: str) -> float:
    """The largest logarithm, which must be a number."""
    top = float(logs.max()) if logs.size else -math.inf  # NaN where there is one
    if not math.isfinite(top):
        raise InvalidInput(
            f"{public_caller()}: {name} has NaN or +inf, or no mass at all; expected natural "
            "logarithms of weights, of which at least one is finite. -inf is a weight of 0."
        )
    return top


def log_total(log_p: Any) -> float:
    """The logarithm of the sum of the weights: 0 for a distribution."""
    return float(np.logaddexp.reduce(to_numpy(log_p).astype(np.float64)))


@takes(log_p="vocab inf")
def choose(log_p: Any, rng: Any = None) -> int:
    """Draw one index; an index of `-inf` is never drawn.

    Parameters
    ----------
    log_p : ndarray of shape (vocab,)
        Natural logarithms of weights, normalised here.
    rng : Generator, int or None

    Examples
    --------
    >>> choose([0.0, -np.inf], 0)
    0
    """
    p = to_numpy(weights_of(log_p))
    rng = generator(rng)
    if isinstance(rng, Script):
        return rng.decide(p)
    ends = p.cumsum()  # (vocab,), where the part of each index ends
    # Right of an end: an index of weight 0 has no part, and is never met.
    return int(ends.searchsorted(rng.random() * ends[-1], side="right"))


def flip(p: float, rng: Any = None) -> bool:
    """True with probability `p`.

    Examples
    --------
    >>> flip(1.0, 0), flip(0.0, 0)
    (True, False)
    """
    p = checks.number(p, "p", at_least=0, at_most=1 + 1e-9)  # a ratio may round above 1
    rng = generator(rng)
    if isinstance(rng, Script):
        return bool(rng.decide(np.array([max(1 - p, 0.0), min(p, 1.0)])))
    return bool(rng.random() < p)


def geometric(p: float, rng: Any = None, *, limit: int | None = None) -> int:
    """The number of tries up to the first success of probability `p`, at most `limit`.

    Examples
    --------
    >>> geometric(1.0, 0)
    1
    """
    p = checks.number(p, "p", above=0, at_most=1 + 1e-9)
    limit = None if limit is None else checks.count(limit, "limit")
    rng = generator(rng)
    if not isinstance(rng, Script):
        tries = int(rng.geometric(min(p, 1.0)))
        return tries if limit is None else min(tries, limit)
    tries = 1
    # Under `exact` one flip after the other, so that each number of tries is a branch.
    while tries != limit and rng.probability > TINY and not flip(p, rng):
        tries += 1
    return tries


class Pool:
    """Weights that are drawn from and taken out, without a sort.

    A draw finds its block by the running sum of the blocks, and its index by that inside of the
    block. Of a large vocabulary only the sums are made; weights of a block, when it is met.
    """

    def __init__(self, log_p: np.ndarray, rng: Any):
        logs = np.asarray(log_p, dtype=np.float64)  # (vocab,)
        short = -len(logs) % BLOCK
        logs = np.append(logs, np.full(short, -np.inf)) if short else logs
        self.rows, self.rng = logs.reshape(-1, BLOCK), rng  # (n_blocks, BLOCK), a view
        self.left = np.ones(len(logs), dtype=bool)  # what was not taken out
        self.top = top_of(logs, "log_p")  # weights of e^-9000 do not underflow
        self.whole = True  # nothing was
        self.gone: list[int] = []  # what was, since the last sum
        self._add_up()

    def weights(self, blocks: Any) -> np.ndarray:
        """What is left in some blocks, `(..., BLOCK)`, the largest being about 1."""
        logs = self.rows[blocks]
        if not self.whole:
            logs = np.where(self.left.reshape(-1, BLOCK)[blocks], logs, -np.inf)
        logs = logs - self.top
        return np.exp(logs, out=logs)  # in place: a vocabulary is large, and this is asked often

    def _add_up(self) -> None:
        """The sum of each block, `(n_blocks,)`; a few at a time stay in the cache."""
        parts = range(0, len(self.rows), SUMMED)
        self.sums = np.concatenate([self.weights(slice(i, i + SUMMED)) @ ONES for i in parts])
        self._ends = self.sums.cumsum()

    def ends(self) -> np.ndarray:
        """Where the mass of each block ends, `(n_blocks,)`."""
        if self.gone:
            # Summed anew: taken off, the rounding of what is gone would be all that is left.
            changed = np.array(self.gone) // BLOCK
            self.sums[changed] = self.weights(changed).sum(axis=1)
            self.gone = []
            self._ends = self.sums.cumsum()
            if self._ends[-1] < 1e-200:  # sums of so little lose their digits
                self.top = self.rows.ravel().max(where=self.left, initial=-np.inf)
                if self.top > -np.inf:
                    self._add_up()
        return self._ends

    def draws(self, n: int) -> list[int]:
        """About n indices by weight, each on its own; they stay in."""
        ends = self.ends()
        places = self.rng.random(n) * ends[-1]
        blocks = ends.searchsorted(places, side="right")
        inside = self.weights(blocks).cumsum(axis=1)  # (n, BLOCK)
        inside += (ends[blocks] - self.sums[blocks])[:, None]  # what lies before the block
        beyond = inside > places[:, None]
        index = beyond.argmax(axis=1)  # the first of them
        return (blocks * BLOCK + index)[beyond[:, -1]].tolist()

    def draw(self) -> int:
        """One index by weight; it stays in."""
        if isinstance(self.rng, Script):
            p = self.weights(slice(None)).ravel()
            return self.rng.decide(p / p.sum())
        while not (found := self.draws(1)):
            continue  # rounding left this one without
        return found[0]

    def remove(self, choice: int) -> None:
        """Take one index out."""
        self.left[choice] = self.whole = False
        self.gone.append(choice)


@takes(log_p="vocab inf")
def without_replacement(log_p: Any, rng: Any = None) -> Iterator[int]:
    """Indices in the order in which drawing without replacement yields them, one at a time.

    Nothing is sorted, so the first few cost little; indices of weight 0 never come.

    Parameters
    ----------
    log_p : natural logarithms of weights, `(vocab,)`
        Normalised here.
    rng : Generator, int or None

    Examples
    --------
    >>> sorted(without_replacement(np.log([0.5, 0.25, 0.25]), 0))
    [0, 1, 2]
    """
    # Arguments are looked at now, not when the first index is asked for.
    return drained(Pool(to_numpy(log_p), generator(rng)))


def drained(pool: Pool) -> Iterator[int]:
    """Draw and take out, until nothing is left."""
    one = isinstance(pool.rng, Script)  # under `exact` one after the other
    n = FIRST
    while pool.ends()[-1] > 0:
        for choice in [pool.draw()] if one else pool.draws(n):
            if pool.left[choice]:  # one that was met before is skipped
                yield choice
                pool.remove(choice)
        n = min(n * 3 // 2, 256)
