r"""Decoding under a constraint without cleverness: what AWRS is measured against.

`mask` asks about every token of the vocabulary and renormalises: right for one step, but a text
that is drawn so favours tokens whose continuations are mostly forbidden. The weight
$\prod_t Z_t$, the allowed mass at each step, repairs that. `rejection` draws whole texts until one
is allowed. `posterior` enumerates all of them: the truth.

    generate_masked(lm, constraint, eos=eos, rng=0)     # MaskedText(tokens, log_weight, calls)
    posterior(lm, constraint, max_tokens=3, eos=eos).probabilities
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, to_numpy
from tokenlab.decoding.chance import choose, generator, weights_of
from tokenlab.errors import DTypeError, InvalidInput, public_caller
from tokenlab.lm.protocol import ids_of

__all__ = [
    "Masked",
    "MaskedText",
    "Posterior",
    "Rejection",
    "generate_masked",
    "mask",
    "posterior",
    "rejection",
]


class Masked(NamedTuple):
    """A distribution over the allowed tokens."""

    log_p: np.ndarray  # (vocab,), normalised; all -inf where nothing is allowed
    log_z: float  # the logarithm of the allowed mass, of unnormalised weights their sum
    calls: int  # how often the constraint was asked


class MaskedText(NamedTuple):
    """A text that was drawn by masking."""

    tokens: np.ndarray  # (n,) int64
    log_weight: float  # the sum of all log_z; -inf where the text came to a dead end
    calls: int


class Rejection(NamedTuple):
    """A text that the model wrote by itself and that is allowed."""

    tokens: np.ndarray  # (n,) int64
    tries: int
    calls: int


class Posterior(NamedTuple):
    """All allowed texts with their probabilities."""

    probabilities: dict[tuple[int, ...], float]
    log_z: float  # the logarithm of the mass that the model gives to allowed texts


def asked(accept: Any, name: str = "accept") -> Callable[..., bool]:
    """A function, or an error."""
    if not callable(accept):
        raise DTypeError(
            f"{public_caller()}: {name} is a {type(accept).__name__}; expected a function that "
            "answers True or False."
        )
    return accept


@takes(log_p="vocab inf")
def mask(log_p: Any, accept: Callable[[int], bool]) -> Masked:
    """Ask about every token that has any weight, and renormalise.

    Parameters
    ----------
    log_p : ndarray of shape (vocab,)
    accept : callable
        `accept(token) -> bool`

    Examples
    --------
    >>> masked = mask(np.log([0.5, 0.25, 0.25]), lambda token: token > 0)
    >>> np.exp(masked.log_p).round(3).tolist(), round(float(np.exp(masked.log_z)), 3)
    ([0.0, 0.5, 0.5], 0.5)
    """
    accept = asked(accept)
    xp = get_xp(log_p)
    weights_of(log_p)  # raises for what is no distribution
    possible = np.flatnonzero(to_numpy(log_p) > -np.inf)  # (n_possible,)
    allowed = np.array([bool(accept(int(token))) for token in possible], dtype=bool)
    kept = xp.full(len(log_p), -xp.inf)  # (vocab,) float64
    rows = xp.asarray(possible[allowed])
    kept[rows] = log_p[rows]
    if not allowed.any():
        return Masked(kept, -np.inf, len(possible))
    top = kept.max()  # taken off, so that nothing underflows
    log_z = float(top + xp.log(xp.exp(kept - top).sum()))  # Z = sum of p(x) 1_A(x)
    return Masked(kept - log_z, log_z, len(possible))


@takes(eos="whole", weighted="flag")
def generate_masked(
    lm: Any,
    constraint: Callable[..., bool],
    context: Any = (),
    *,
    max_tokens: int = 64,
    eos: int | None = None,
    weighted: bool = True,
    rng: Any = None,
) -> MaskedText:
    """Draw token by token among those that are allowed.

    With `weighted` the text carries the product of the allowed masses: weighted means over many
    texts are means under the posterior. Without, the weight is 1, and the means are off. At the
    last step `eos` is forced, and its own probability is the weight; without `eos` the text has
    exactly `max_tokens`.

    Parameters
    ----------
    lm : object with `vocab` and `log_probs`
    constraint : callable
        `(prefix, token) -> bool`
    context : sequence of int
    max_tokens : int
        The end counts.
    eos : int, optional
    weighted : bool
    rng : Generator, int or None

    Returns
    -------
    MaskedText
        `tokens`, `log_weight`, `calls`
    """
    asked(constraint, "constraint")
    context = ids_of(context, "context", lm.vocab)
    rng = generator(rng)
    n = checks.count(max_tokens, "max_tokens")
    text: tuple[int, ...] = ()
    log_weight, calls = 0.0, 0
    while len(text) < n and log_weight > -np.inf:
        log_p = to_numpy(lm.log_probs((*context.tolist(), *text)))  # (vocab,)
        forced = eos is not None and len(text) == n - 1

        def allowed(token: int, forced: bool = forced, text: tuple = text) -> bool:
            return (not forced or token == eos) and constraint(text, token)

        masked = mask(log_p, allowed)
        log_weight += masked.log_z  # the product of all Z_t
        calls += 1 if forced else masked.calls
        if masked.log_z == -np.inf:
            break
        text = (*text, choose(masked.log_p, rng))
        if text[-1] == eos:
            break
    if not weighted and log_weight > -np.inf:  # a dead end stays one
        log_weight = 0.0
    return MaskedText(np.array(text, dtype=np.int64), float(log_weight), calls)


@takes(eos="whole")
def rejection(
    lm: Any,
    constraint: Callable[..., bool],
    context: Any = (),
    *,
    max_tokens: int = 64,
    eos: int | None = None,
    max_tries: int = 10_000,
    rng: Any = None,
) -> Rejection:
    """Draw whole texts from the model until one is allowed: exact, and hopeless when few are.

    A text is given up at its first forbidden token, and when it has not ended in time.

    Raises
    ------
    InvalidInput
        When none of `max_tries` texts is allowed.

    Examples
    --------
    >>> from tokenlab.lm import TableLM
    >>> lm = TableLM([[0.5, 0.25], [0.0, 0.25]])
    >>> rejection(lm, lambda prefix, token: token == 1, max_tokens=2, rng=0).tokens.tolist()
    [1, 1]
    """
    asked(constraint, "constraint")
    context = ids_of(context, "context", lm.vocab)
    rng = generator(rng)
    n, tries = checks.count(max_tokens, "max_tokens"), checks.count(max_tries, "max_tries")
    calls = 0
    for attempt in range(1, tries + 1):
        text: tuple[int, ...] = ()
        while len(text) < n:
            token = choose(lm.log_probs((*context.tolist(), *text)), rng)
            calls += 1
            if not constraint(text, token):
                break  # no continuation can mend it
            text = (*text, token)
            if token == eos or (eos is None and len(text) == n):
                return Rejection(np.array(text, dtype=np.int64), attempt, calls)
    raise InvalidInput(
        f"rejection: none of max_tries = {tries} texts was allowed; the constraint leaves too "
        "little of what the model writes. awrs.generate needs no luck."
    )


@takes(eos="whole")
def posterior(
    lm: Any,
    constraint: Callable[..., bool],
    context: Any = (),
    *,
    max_tokens: int = 64,
    eos: int | None = None,
    max_nodes: int = 100_000,
) -> Posterior:
    """Every allowed text with its probability, by enumeration.

    All texts of at most `max_tokens`, the end counted; of exactly `max_tokens` without `eos`.

    Raises
    ------
    InvalidInput
        More than `max_nodes` prefixes, or no allowed text at all.

    Examples
    --------
    >>> from tokenlab.lm import TableLM
    >>> lm = TableLM([[0.5, 0.25], [0.0, 0.25]])
    >>> found = posterior(lm, lambda prefix, token: token == 1 or not prefix, max_tokens=2)
    >>> {text: round(p, 3) for text, p in found.probabilities.items()}
    {(0, 1): 0.5, (1, 1): 0.5}
    """
    asked(constraint, "constraint")
    context = ids_of(context, "context", lm.vocab).tolist()
    n, limit = checks.count(max_tokens, "max_tokens"), checks.count(max_nodes, "max_nodes")
    texts: dict[tuple[int, ...], float] = {}  # complete ones, with logarithms
    waiting: list[tuple[tuple[int, ...], float]] = [((), 0.0)]  # prefixes
    for nodes in range(limit + 1):
        if not waiting:
            break
        if nodes == limit:
            raise InvalidInput(f"posterior: more than max_nodes = {limit} prefixes are allowed.")
        text, so_far = waiting.pop()
        log_p = to_numpy(lm.log_probs((*context, *text)))
        last = len(text) == n - 1
        for token in np.flatnonzero(log_p > -np.inf).tolist():
            ends = token == eos or (eos is None and last)
            if (last and not ends) or not constraint(text, token):
                continue
            found = (*text, token), so_far + float(log_p[token])
            if ends:
                texts[found[0]] = found[1]
            else:
                waiting.append(found)
    if not texts:
        raise InvalidInput("posterior: constraint allows no text of the model.")
    logs = np.array(list(texts.values()))
    log_z = float(logs.max() + np.log(np.exp(logs - logs.max()).sum()))  # all allowed mass
    weights = np.exp(logs - log_z)
    return Posterior(dict(sorted(zip(texts, weights.tolist(), strict=True))), log_z)
