r"""A key of a substitution cipher by swapping symbols: annealing of

$$\mathrm{score}(\pi) = \sum_t \log T[\pi(x_t), \pi(x_{t+1})].$$

`embeddings.lexinvariant` hands this function on.
"""

from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, to_numpy
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.models.layers import known_ids

__all__ = ["Key", "swap_search"]

FORBIDDEN = 10.0  # nats below the rarest transition: while searching, a wall that can be climbed


class Key(NamedTuple):
    """What each symbol stands for, its score, and the score after every swap that was tried."""

    key: Any
    score: float
    history: Any


@takes(
    log_transition="vocab vocab inf",
    ids="n int",
    iters="count",
    temperature="positive",
    restarts="count",
)
def swap_search(
    log_transition: Any,
    ids: Any,
    *,
    iters: int = 4000,
    temperature: float = 3.0,
    restarts: int = 3,
    rng: np.random.Generator | int | None = None,
) -> Key:
    """A key under which a text is as likely as can be found.

    Parameters
    ----------
    log_transition : ndarray of shape (vocab, vocab)
        Natural logarithms: row i of the symbol after an i. `-inf` is impossible.
    ids : ndarray of shape (n,)
        The observed symbols.
    iters : int
        Swaps that are tried in each restart.
    temperature : float
        Heat at the start; it falls to 0.
    restarts : int
        Each begins with a random key.
    rng : numpy.random.Generator, int or None

    Returns
    -------
    Key
        `key (vocab,)`: the best one seen; `score` without the first symbol;
        `history (restarts * iters,)`.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        A text that no key allows, ids beyond the vocabulary.

    Examples
    --------
    >>> chain = np.log([[0.1, 0.8, 0.1], [0.2, 0.1, 0.7], [0.6, 0.3, 0.1]])
    >>> swap_search(chain, [1, 2, 0, 1, 2, 0, 1, 2, 0, 0, 2, 0], iters=50, rng=0).key.tolist()
    [2, 0, 1]
    """
    xp = get_xp(log_transition, ids)
    # One key after the other, on the host: a loop of small steps gains nothing on a GPU.
    table = to_numpy(log_transition).astype(np.float64)
    ids = to_numpy(ids)  # (n,)
    vocab = len(table)
    known_ids(ids, "ids", vocab)
    if not (table < np.inf).all():
        raise InvalidInput(
            f"{public_caller()}: log_transition has NaN or inf; expected logarithms, and -inf for what "
            "is impossible."
        )
    possible = np.isfinite(table)
    lowest = table[possible].min() if possible.any() else 0.0
    table = np.where(possible, table, lowest - FORBIDDEN)  # (vocab, vocab), all finite
    rng = checks.generator(rng)
    # The text counts by its pairs alone.
    pairs = np.bincount(ids[:-1] * vocab + ids[1:], minlength=vocab**2).reshape(vocab, vocab)
    best = (-np.inf, np.arange(vocab))
    history = np.empty((restarts, iters))
    for run in range(restarts):
        heat = temperature * (1 - np.arange(iters) / iters)  # (iters,), never quite 0
        found = anneal(table, pairs, heat, possible, rng, history[run])
        best = max(best, found, key=lambda one: one[0])
    if best[0] == -np.inf and (pairs > 0).any():
        raise InvalidInput(
            f"{public_caller()}: log_transition allows the text under none of the keys that were "
            "tried; expected transitions that are possible. Smooth them, or try more iters."
        )
    # A text of one symbol has no pairs: every key is as good.
    score = float(best[0]) if (pairs > 0).any() else 0.0
    return Key(xp.asarray(best[1]), score, xp.asarray(history.reshape(-1)))


def anneal(
    table: np.ndarray,
    pairs: np.ndarray,
    heat: np.ndarray,
    possible: np.ndarray,
    rng: Any,
    seen: Any,
) -> tuple[float, np.ndarray]:
    """The best allowed key of one run, and its score; writes the score of each swap."""
    vocab = len(table)
    n_swaps = vocab * (vocab - 1) / 2
    # So many random swaps have most likely tried every one.
    patience = n_swaps * np.log(n_swaps + 1)
    key, rejected = rng.permutation(vocab), 0
    value = of_key(table, pairs, key)
    best = (value if allows(possible, pairs, key) else -np.inf, key)
    for i, warm in enumerate(heat):
        new = key.copy()
        if rejected > patience:  # no swap helps: a hill that is left for a new place
            new, value, rejected = rng.permutation(vocab), -np.inf, 0
        elif vocab > 1:
            a = rng.integers(vocab)
            b = (a + 1 + rng.integers(vocab - 1)) % vocab  # another one
            new[[a, b]] = key[[b, a]]
        changed = of_key(table, pairs, new)
        rejected = rejected + 1 if changed <= value else 0
        # Worse keys are taken while it is warm, so that the search leaves small hills behind.
        if changed >= value or rng.random() < np.exp((changed - value) / warm):
            key, value = new, changed
        if value > best[0] and allows(possible, pairs, key):
            best = (value, key)
        seen[i] = value
    return best


def allows(possible: np.ndarray, pairs: np.ndarray, key: np.ndarray) -> bool:
    """Whether no transition of the text is impossible under a key."""
    return bool(possible[np.ix_(key, key)][pairs > 0].all())


def of_key(table: np.ndarray, pairs: np.ndarray, key: np.ndarray) -> float:
    """The score of one key."""
    return float((table[np.ix_(key, key)] * pairs).sum())  # by what was observed, then by the key
