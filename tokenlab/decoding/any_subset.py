r"""Reviving Any-Subset Autoregressive Models with Principled Parallel Sampling and Speculative Decoding.

Gabe Guo, Stefano Ermon. 2025. arXiv:2504.20456

A model that predicts any place from any set of others can fill many places in one call, but then
they do not know of each other. Here it drafts k places at once and judges them with a second call
that sees each draft in its turn. What is left is distributed as if one place after the other had
been drawn, and a round of two calls decides at least two places.

| paper's symbol | name here | shape |
|---|---|---|
| $\sigma$ (place to rank) | `rank` | `(length,)` |
| $p_i$ draft, $q_i$ oracle | `log_draft`, `log_oracle` | `(m, vocab)` |
| $k$ | `k` | |

$$p_i = p(x_{\sigma(i)} \mid x_{\sigma(<n)}), \qquad q_i = p(x_{\sigma(i)} \mid x_{\sigma(<i)}),
\qquad \text{accept with } \min(1, q_i / p_i)$$

Position i sees the positions of lower rank: the draft call takes `min(rank, now)`, the oracle call
`rank`, and what is given has rank 0.

Example
-------
    model = ChainLM(start, transition, length=64)
    generate(model, {0: 5, 40: 2}, k=5, rng=0)      # Infill(tokens, calls, rounds, rejected)
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.decoding.chance import choose, generator
from tokenlab.decoding.speculative import judged
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.lm.protocol import ids_of, places_of
from tokenlab.lm.table import logarithm
from tokenlab.steps import step

__all__ = ["Infill", "generate", "parallel", "ranks", "sequential", "two_stream_mask"]


class Infill(NamedTuple):
    """A text of which some places were given."""

    tokens: np.ndarray  # (length,) int64
    calls: int  # of the model
    rounds: tuple[tuple[int, ...], ...]  # the places decided in each round
    rejected: tuple[int, ...]  # the places whose draft was replaced


def ranks(
    length: int, visible: Mapping[int, int], order: Sequence[int] | None = None
) -> np.ndarray:
    """Who sees whom, in one array: a place sees those of lower rank.

    Parameters
    ----------
    length : int
    visible : dict of place to token
        Rank 0.
    order : sequence of int, optional
        All other places in the order in which they are decided: ranks 1, 2, ...; by default from
        left to right.

    Returns
    -------
    ndarray of shape (length,), int64

    Raises
    ------
    InvalidInput
        A visible place outside of the text, an order that is not of all other places.

    Examples
    --------
    >>> ranks(4, {1: 7}).tolist()
    [1, 0, 2, 3]
    """
    length = checks.count(length, "length")
    visible = places_of(visible, length, checks.LARGEST)
    hidden = [i for i in range(length) if i not in visible]
    order = hidden if order is None else ids_of(order, "order", length).tolist()
    if sorted(order) != hidden:
        raise InvalidInput(
            f"{public_caller()}: order is {order}; expected each place that is not visible once: {hidden}."
        )
    rank = np.zeros(length, dtype=np.int64)
    rank[order] = np.arange(1, len(order) + 1)
    return rank


@takes(rank="length int")
def two_stream_mask(rank: Any) -> Any:
    """Who sees whom in one transformer of twice the length: contents, then queries.

    Content i stands for a token at its place and sees contents of rank at most its own; query i
    asks for the token at place i and sees contents of lower rank. Nobody sees a query.

    Parameters
    ----------
    rank : ndarray of shape (length,), int

    Returns
    -------
    ndarray of shape (2 * length, 2 * length), bool

    Examples
    --------
    >>> two_stream_mask([0, 1]).astype(int).tolist()
    [[1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]]
    """
    xp, n = get_xp(rank), len(rank)
    mask = xp.zeros((2 * n, 2 * n), dtype=bool)
    mask[:n, :n] = rank[:, None] >= rank  # contents see themselves
    mask[n:, :n] = rank[:, None] > rank  # a query must not see its own answer
    return mask


def generate(
    model: Any,
    visible: Mapping[int, int] = (),  # type: ignore[assignment]
    *,
    k: int = 5,
    order: Sequence[int] | None = None,
    drafter: str = "self",
    rng: Any = None,
) -> Infill:
    """Fill all places that are not visible, up to k a round.

    Parameters
    ----------
    model : object with `vocab`, `length` and `log_conditionals`
    visible : dict of place to token
    k : int
        Drafted at once. With the self-drafter 2 saves nothing: two calls give two tokens.
    order : sequence of int, optional
        See `ranks`.
    drafter : str
        `"self"`: a call of the model. `"bigram"`: counts of neighbours in what is known, no call.
    rng : Generator, int or None

    Returns
    -------
    Infill
        `tokens`, `calls`, `rounds`, `rejected`

    Examples
    --------
    >>> from tokenlab.lm import ChainLM
    >>> chain = ChainLM([1.0, 0.0], [[0.0, 1.0], [1.0, 0.0]], 4)
    >>> generate(chain, {}, k=3, rng=0).tokens.tolist()
    [0, 1, 0, 1]
    """
    checks.choice(drafter, "drafter", ("self", "bigram"))
    k = checks.count(k, "k")
    rng = generator(rng)
    tokens, rank, order = opened(model, visible, order)
    calls, rounds, rejected, now = 0, [], [], 1
    while now <= len(order):
        block = order[now - 1 : now - 1 + k]  # the places of rank now, now + 1, ...
        if drafter == "self":
            log_draft = model.log_conditionals(tokens, np.minimum(rank, now), block)  # (m, vocab)
            log_draft = step(log_draft)  # (m, vocab) [p] each place from what is decided
            tokens[block] = [choose(row, rng) for row in log_draft]
            calls += 1
        else:
            log_draft = bigram_draft(tokens, rank < now, block, model.vocab, rng)
        if drafter == "bigram" or len(block) > 1:  # a single draft of its own always passes
            log_oracle = model.log_conditionals(tokens, rank, block)
            log_oracle = step(log_oracle)  # (m, vocab) [q] and each from the drafts before it, too
            calls += 1
            verified = judged(tokens[block], log_draft, log_oracle, rng)
            block = block[: len(verified.tokens)]
            tokens[block] = verified.tokens
            rejected += block[verified.n_accepted :]
        rounds.append(tuple(block))
        now += len(block)
    return Infill(tokens, calls, tuple(rounds), tuple(rejected))


def opened(
    model: Any, visible: Mapping[int, int], order: Sequence[int] | None
) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """The tokens that are given (0 elsewhere), the ranks, and the hidden places in order."""
    visible = places_of(visible, model.length, model.vocab)
    rank = ranks(model.length, visible, order)
    tokens = np.zeros(model.length, dtype=np.int64)
    for place, token in visible.items():
        tokens[place] = token
    hidden = np.argsort(rank, kind="stable")[len(visible) :]
    return tokens, rank, hidden.tolist()


def bigram_draft(
    tokens: np.ndarray, known: np.ndarray, block: list[int], vocab: int, rng: Any
) -> np.ndarray:
    """Draft from counts of what is known: of pairs, else of tokens, else uniformly; in place."""
    known = known.copy()
    log_q = np.empty((len(block), vocab))  # (m, vocab)
    pairs = known[:-1] & known[1:]
    after, before = tokens[1:][pairs], tokens[:-1][pairs]
    single = np.bincount(tokens[known], minlength=vocab)  # (vocab,)
    for row, place in zip(log_q, block, strict=True):
        counts = single if single.sum() else np.ones(vocab)
        if place and known[place - 1]:
            following = np.bincount(after[before == tokens[place - 1]], minlength=vocab)
            counts = following if following.sum() else counts
        row[:] = logarithm(counts / counts.sum())
        tokens[place] = choose(row, rng)
        known[place] = True  # the next one may stand on it
    return log_q


def sequential(
    model: Any,
    visible: Mapping[int, int] = (),  # type: ignore[assignment]
    *,
    order: Sequence[int] | None = None,
    rng: Any = None,
) -> Infill:
    """One place after the other, a call each: what `generate` is distributed as.

    Parameters
    ----------
    model, visible, order, rng
        As in `generate`.
    """
    return parallel(model, visible, k=1, order=order, rng=rng)


def parallel(
    model: Any,
    visible: Mapping[int, int] = (),  # type: ignore[assignment]
    *,
    k: int | None = None,
    order: Sequence[int] | None = None,
    rng: Any = None,
) -> Infill:
    """k places a call, and nobody looks whether they fit together; None is all at once.

    Parameters
    ----------
    model, visible, order, rng
        As in `generate`.
    k : int, optional
    """
    rng = generator(rng)
    tokens, rank, order = opened(model, visible, order)
    k = max(len(order), 1) if k is None else checks.count(k, "k")
    rounds = []
    for first in range(0, len(order), k):
        block = order[first : first + k]
        rows = model.log_conditionals(tokens, np.minimum(rank, first + 1), block)  # (m, vocab)
        tokens[block] = [choose(row, rng) for row in rows]
        rounds.append(tuple(block))
    return Infill(tokens, len(rounds), tuple(rounds), ())


NOTES = r"""
Differs from the paper
----------------------
- The model is anything with `log_conditionals`; the paper trains one transformer with two streams,
  of which `two_stream_mask` is the mask. Tables and Markov chains are exact any-subset models.
- The bigram drafter falls back to the tokens that are visible, and to a uniform draw where nothing
  is; the released one asks the network when the window starts at the first place.
- Any order of the hidden places is allowed; the paper decides them from left to right.

Cost
----
Two calls a round with the self-drafter, one with the bigram drafter. Each round decides at least
two places, or one: with k = 2 the self-drafter saves no call, from k = 3 on it does.

Why not just
------------
- *fill all places at once (`parallel`)?* Two halves of a word do not know of each other: on three
  bits the total variation to the truth is .35.
- *accept what the oracle finds likely?* Then unlikely texts never come. The ratio of both
  probabilities is what keeps the distribution.
"""
