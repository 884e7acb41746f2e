r"""Sampling from a language model, with the filters that people use.

    filtered(log_p, temperature=0.8, top_p=0.95)    # normalised, -inf where a token is dropped
    generate(lm, context, 40, top_k=50, rng=0)      # Generation(tokens, log_probs, forwards)

The filters act in one order: temperature, then the k best tokens, then the fewest that hold a share
`top_p` of the mass, then those of at least `min_p` times the best. Each of them works on the
renormalised distribution that the one before left. Ties go to the lower id.
"""

import math
import numbers
from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, to_numpy
from tokenlab.decoding.chance import choose, generator, weights_of
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.lm.protocol import ids_of
from tokenlab.lm.table import logarithm
from tokenlab.numerics import topk

__all__ = ["Generation", "filtered", "generate"]


class Generation(NamedTuple):
    """A text that a model wrote."""

    tokens: np.ndarray  # (n,) int64, without the context; `eos` ends it
    log_probs: np.ndarray  # (n,), the model's own, before any filter
    forwards: int  # how often the model was asked


@takes(log_p="vocab inf")
def filtered(
    log_p: Any,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
) -> Any:
    """A distribution without its unlikely tokens, normalised.

    Parameters
    ----------
    log_p : ndarray of shape (vocab,)
        Natural logarithms of weights; `-inf` is a weight of 0.
    temperature : float
        Divides the logarithms. 0 is greedy; infinity is uniform over what is possible.
    top_k : int, optional
        Exactly so many stay, or all if there are fewer.
    top_p : float, optional
        The fewest of the largest tokens whose mass reaches it; the one that crosses it stays.
    min_p : float, optional
        Those of at least this share of the largest probability.

    Returns
    -------
    ndarray of shape (vocab,)
        Float64 logarithms, `-inf` where a token was dropped.

    Raises
    ------
    InvalidInput
        NaN, +inf or no mass in `log_p`; an option outside of its range.

    Examples
    --------
    >>> np.exp(filtered(np.log([0.25, 0.5, 0.25]), top_p=0.5)).tolist()
    [0.0, 1.0, 0.0]
    """
    xp = get_xp(log_p)
    weights_of(log_p)  # raises for what is no distribution
    number("temperature", temperature, 0, math.inf)
    rounding = 8 * float(xp.finfo(log_p.dtype).eps)  # "reached exactly" after rounding
    logs = heated(log_p.astype(xp.float64), float(temperature))
    if top_k is not None:  # exactly k, of equals the lower id
        k = checks.count(top_k, "top_k")
        logs[best_first(logs)[k:]] = -xp.inf
    if top_p is not None and number("top_p", top_p, 0, 1, above=True) < 1:
        order = best_first(logs)
        p = weights_of(logs)[order]  # (vocab,), falling
        before = p.cumsum() - p  # what the larger ones hold: a token goes if that is enough
        enough = before >= top_p - rounding
        enough[0] = False  # the best one always stays
        logs[order[enough]] = -xp.inf
    if min_p is not None:
        p = weights_of(logs)
        logs[p < number("min_p", min_p, 0, 1) * p.max()] = -xp.inf
    return logarithm(weights_of(logs))


def number(name: str, x: Any, low: float, high: float, *, above: bool = False) -> float:
    """A number in a range; text, booleans and NaN are refused by name."""
    fits = isinstance(x, numbers.Real) and not isinstance(x, bool) and low <= float(x) <= high
    if not fits or (above and x == low):
        raise InvalidInput(
            f"{public_caller()}: {name} is {x!r}; expected a number "
            f"{'above' if above else 'from'} {low}{' and at most' if above else ' to'} {high}."
        )
    return float(x)


def heated(logs: Any, temperature: float) -> Any:
    """Logarithms over the temperature; at 0 the first of the best alone."""
    xp = get_xp(logs)
    if temperature == 0:
        best = xp.full_like(logs, -xp.inf)
        best[logs.argmax()] = 0.0
        return best
    shifted = logs - logs.max()  # the best is 0 and stays 0, whatever it is divided by
    with np.errstate(over="ignore", invalid="ignore"):
        return xp.where(logs == -xp.inf, logs, shifted / temperature)


def best_first(logs: Any) -> Any:
    """Ids by falling weight, of equals the lower one first."""
    return topk(logs, len(logs)).ids


@takes(eos="whole")
def generate(
    lm: Any,
    context: Any = (),
    n: int = 64,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    eos: int | None = None,
    rng: Any = None,
) -> Generation:
    """Let a model write `n` tokens, or up to the first `eos`.

    Parameters
    ----------
    lm : object with `vocab` and `log_probs`
    context : sequence of int
    n : int
        At most so many tokens.
    temperature, top_k, top_p, min_p
        As in `filtered`; temperature 0 takes the best token each time.
    eos : int, optional
        The token that ends a text; it is part of it.
    rng : Generator, int or None

    Returns
    -------
    Generation
        `tokens`, `log_probs`, `forwards`.

    Examples
    --------
    >>> from tokenlab.lm import from_function
    >>> lm = from_function(lambda context: np.eye(3)[len(context) % 3] * 9, 3)
    >>> generate(lm, [], 4, temperature=0).tokens.tolist()
    [0, 1, 2, 0]
    """
    n = checks.count(n, "n", at_least=0)
    rng = generator(rng)
    text, logs = ids_of(context, "context", lm.vocab).tolist(), []
    start = len(text)
    for _ in range(n):
        log_p = to_numpy(lm.log_probs(tuple(text)))
        kept = filtered(log_p, temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p)
        token = choose(kept, rng)
        text.append(token)
        logs.append(float(log_p[token]))  # the model's own, whatever the filters say
        if token == eos:
            break
    return Generation(np.array(text[start:], dtype=np.int64), np.array(logs), len(logs))
