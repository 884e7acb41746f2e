r"""Fast Inference from Transformers via Speculative Decoding.

Yaniv Leviathan, Matan Kalman, Yossi Matias. ICML 2023. arXiv:2211.17192

A cheap drafter proposes k tokens; the model judges all of them in one forward. A token that the
drafter drew with $q$ stays with probability $\min(1, p/q)$; the first that does not stay is drawn
anew from what $p$ has more than $q$. So the text is distributed as the model's own, whoever drafts.

| paper's symbol | name here | shape |
|---|---|---|
| $p(x), q(x)$ | `log_p`, `log_q` | `(vocab,)` a place |
| $\gamma$ | `k` | |
| $\alpha$ | `acceptance` | |

$$\alpha = \sum_x \min(p(x), q(x)) \qquad (\text{Cor. } 3.6), \qquad
\text{tokens a forward} = \frac{1 - \alpha^{\gamma + 1}}{1 - \alpha} \qquad (\text{Eq. } 1)$$

Example
-------
    generate(lm, draft_model(small), context, 100, k=4, rng=0)
    generate(lm, prompt_lookup(vocab), context, 100, k=7, temperature=0)
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, to_numpy
from tokenlab.decoding.chance import choose, flip, generator, weights_of
from tokenlab.decoding.sampling import filtered, number
from tokenlab.errors import InvalidInput, ShapeError, public_caller
from tokenlab.lm.protocol import ids_of, log_probs_tree
from tokenlab.lm.table import logarithm
from tokenlab.steps import step

__all__ = [
    "Speculation",
    "Verified",
    "acceptance",
    "draft_model",
    "expected_tokens",
    "generate",
    "prompt_lookup",
    "residual",
    "verify",
]


class Verified(NamedTuple):
    """What is left of a draft."""

    tokens: np.ndarray  # (n_accepted + 1,) int64: the accepted ones and one of the model's own
    n_accepted: int


class Speculation(NamedTuple):
    """A text, and what each forward of the model gave."""

    tokens: np.ndarray  # (n,) int64, without the context
    emitted: np.ndarray  # (n_forwards,) int64: tokens a forward, n in all
    drafted: np.ndarray  # (n_forwards,) int64: tokens that were proposed


@takes(log_p="vocab inf", log_q="vocab inf")
def residual(log_p: Any, log_q: Any) -> Any:
    r"""What the target has more than the draft: $(p - q)_+$, normalised; of equals $p$ itself.

    Parameters
    ----------
    log_p, log_q : ndarray of shape (vocab,)
        Target and draft.

    Returns
    -------
    ndarray of shape (vocab,)
        Logarithms.

    Examples
    --------
    >>> np.exp(residual(np.log([0.6, 0.2, 0.2]), np.log([0.1, 0.8, 0.1]))).round(3).tolist()
    [0.833, 0.0, 0.167]
    """
    p, q = weights_of(log_p), weights_of(log_q, "log_q")
    xp = get_xp(p, q)  # one library, or an error
    more = xp.maximum(p - q, 0)  # Sec. 2.3, (vocab,)
    total = float(more.sum())
    return logarithm(more / total if total > 1e-15 else p)


@takes(log_p="vocab inf", log_q="vocab inf")
def acceptance(log_p: Any, log_q: Any) -> float:
    r"""$\alpha = \sum_x \min(p, q)$: how often a drafted token stays.

    Parameters
    ----------
    log_p, log_q : ndarray of shape (vocab,)
        Target and draft.

    Examples
    --------
    >>> round(acceptance(np.log([0.6, 0.2, 0.2]), np.log([0.1, 0.8, 0.1])), 3)
    0.4
    """
    p, q = weights_of(log_p), weights_of(log_q, "log_q")
    return float(get_xp(p, q).minimum(p, q).sum())  # Cor. 3.6


def same_vocabulary(target: int, draft: int) -> None:
    """Raise unless both speak of the same tokens."""
    if target != draft:
        raise ShapeError(
            f"{public_caller()}: log_q is of a vocabulary of {draft}, log_p of {target}; a drafter "
            "must have the vocabulary of the model."
        )


def expected_tokens(alpha: float, k: int) -> float:
    r"""Tokens a forward, $(1 - \alpha^{k+1}) / (1 - \alpha)$, if each place has the same $\alpha$.

    Examples
    --------
    >>> expected_tokens(0.5, 2), expected_tokens(1.0, 4)
    (1.75, 5.0)
    """
    alpha = checks.share(alpha, "alpha")
    return float(sum(alpha**i for i in range(checks.count(k, "k", at_least=0) + 1)))  # Eq. (1)


@takes(log_q="m? vocab inf", log_p="rows vocab inf")
def verify(draft: Any, log_q: Any, log_p: Any, rng: Any = None) -> Verified:
    """Keep drafted tokens as long as chance allows, then add one of the model's own.

    Parameters
    ----------
    draft : sequence of int, (m,)
    log_q : ndarray of shape (m, vocab)
        What each was drawn from.
    log_p : ndarray of shape (m + 1, vocab)
        The model's distribution at each place, and after all of them.
    rng : Generator, int or None

    Returns
    -------
    Verified
        `tokens`, `n_accepted`

    Raises
    ------
    ShapeError, InvalidInput
        Rows that do not fit; a draft to which its own `log_q` gives 0.

    Examples
    --------
    >>> one = [[0.0, -np.inf]]
    >>> verify([0], one, one * 2).tokens.tolist()
    [0, 0]
    """
    ids = ids_of(draft, "draft", log_p.shape[1])
    if len(log_p) != len(ids) + 1 or (len(ids) and len(log_q) != len(ids)):
        raise ShapeError(
            f"verify: draft has {len(ids)} tokens, log_q {len(log_q)} rows and log_p {len(log_p)}; "
            "expected a row of log_q for each, and one row of log_p more."
        )
    verified = judged(ids, log_q, log_p, generator(rng))
    return verified._replace(tokens=get_xp(log_p).asarray(verified.tokens))


def judged(draft: np.ndarray, log_q: np.ndarray, log_p: np.ndarray, rng: Any) -> Verified:
    """Algorithm 1; no token of the model's own where it has no row behind the last draft."""
    kept: list[int] = []
    for i, token in enumerate(draft.tolist()):
        p, q = weights_of(log_p[i]), weights_of(log_q[i], "log_q")
        same_vocabulary(len(p), len(q))
        if q[token] == 0:
            raise InvalidInput(
                f"{public_caller()}: draft[{i}] is {token}, to which log_q gives 0; it cannot have "
                "been drawn from it."
            )
        if not flip(min(1.0, float(p[token] / q[token])), rng):  # Alg. 1: r > p(x) / q(x)
            return Verified(np.array([*kept, choose(residual(log_p[i], log_q[i]), rng)]), len(kept))
        kept.append(token)
    if len(log_p) > len(draft):
        kept.append(choose(log_p[len(draft)], rng))  # all stayed: one token for nothing
    return Verified(np.array(kept, dtype=np.int64), len(draft))


def draft_model(lm: Any, temperature: float = 1.0) -> Callable[..., tuple[Any, Any]]:
    """A drafter that is a smaller model: `(context, k, rng) -> (tokens, log_q)`.

    Examples
    --------
    >>> from tokenlab.lm import from_function
    >>> drafter = draft_model(from_function(lambda context: [0.0, 9.0], 2), temperature=0)
    >>> drafter((), 3, 0)[0].tolist()
    [1, 1, 1]
    """

    number("temperature", temperature, 0, math.inf)

    def drafter(context: Any, k: int, rng: Any = None) -> tuple[np.ndarray, np.ndarray]:
        text = list(context)
        rng = generator(rng)
        log_q = np.empty((k, lm.vocab))  # (m, vocab)
        for row in log_q:
            row[:] = filtered(lm.log_probs(tuple(text)), temperature=temperature)
            text.append(choose(row, rng))
        return np.array(text[len(text) - k :], dtype=np.int64), log_q

    return drafter


def prompt_lookup(
    vocab: int, max_ngram: int = 3, min_ngram: int = 1
) -> Callable[..., tuple[Any, Any]]:
    """A drafter without a model: what followed the last tokens when they stood there before.

    The longest match of at most `max_ngram` tokens counts, of these the last one. Matches of fewer
    than `min_ngram` are left alone: where a draft costs time, one token says too little.

    Examples
    --------
    >>> prompt_lookup(9)([1, 2, 3, 4, 1, 2], 2)[0].tolist()
    [3, 4]
    """
    vocab, longest = checks.count(vocab, "vocab"), checks.count(max_ngram, "max_ngram")
    shortest = checks.count(min_ngram, "min_ngram")

    def drafter(context: Any, k: int, rng: Any = None) -> tuple[np.ndarray, np.ndarray]:
        text = ids_of(context, "context", vocab)
        tokens = text[:0]
        for n in range(min(longest, len(text) - 1), shortest - 1, -1):
            # Every place at which the last n tokens stand, but for their own.
            windows = np.lib.stride_tricks.sliding_window_view(text[:-1], n)
            places = np.flatnonzero((windows == text[-n:]).all(axis=1))
            if len(places):
                tokens = text[places[-1] + n :][:k]  # of several the last
                break
        log_q = np.full((len(tokens), vocab), -np.inf)
        log_q[np.arange(len(tokens)), tokens] = 0.0  # it could not have said anything else
        return tokens, log_q

    return drafter


@takes(drafter="function", eos="whole")
def generate(
    lm: Any,
    drafter: Callable[..., tuple[Any, Any]],
    context: Any = (),
    n: int = 64,
    k: int = 4,
    temperature: float = 1.0,
    eos: int | None = None,
    rng: Any = None,
) -> Speculation:
    """Write `n` tokens, or up to the first `eos`, a draft at a time.

    Parameters
    ----------
    lm : object with `vocab` and `log_probs`
        Better with `log_probs_tree`, which makes one forward of a draft.
    drafter : callable
        `(context, k, rng) -> (tokens (m,), log_q (m, vocab))`, m at most k.
    context : sequence of int
    n, k : int
    temperature : float
        Of the model; 0 is greedy, and then the text is that of greedy decoding.
    eos : int, optional
    rng : Generator, int or None

    Returns
    -------
    Speculation
        `tokens`, `emitted`, `drafted`
    """
    n, k = checks.count(n, "n", at_least=0), checks.count(k, "k")
    rng = generator(rng)
    text = ids_of(context, "context", lm.vocab).tolist()
    start, emitted, drafted = len(text), [], []
    while len(text) - start < n and (len(text) == start or text[-1] != eos):
        room = min(k, n - 1 - (len(text) - start))  # the model adds one of its own
        draft, log_q = drafter(tuple(text), room, rng) if room else ((), np.empty((0, lm.vocab)))
        same_vocabulary(lm.vocab, to_numpy(log_q).shape[-1] if len(draft) else lm.vocab)
        draft, log_q = ids_of(draft, "drafter's tokens", lm.vocab)[:room], to_numpy(log_q)[:room]
        ended = np.flatnonzero(draft == eos) if eos is not None else draft[:0]
        if len(ended):  # nothing is asked behind the end
            draft, log_q = draft[: ended[0] + 1], log_q[: ended[0] + 1]
        chain = draft[:-1] if len(ended) else draft
        rows = to_numpy(log_probs_tree(lm, tuple(text), chain, range(len(chain))))
        log_p = np.stack([filtered(row, temperature=temperature) for row in rows])
        log_p = step(log_p)  # (m + 1, vocab) [p] the model's distribution at each drafted place
        tokens = judged(draft, log_q, log_p, rng).tokens
        text += tokens.tolist()
        emitted.append(len(tokens))
        drafted.append(len(draft))
    tokens = np.array(text[start:], dtype=np.int64)
    return Speculation(tokens, np.array(emitted, dtype=int), np.array(drafted, dtype=int))


NOTES = r"""
Differs from the paper
----------------------
- The last token of a text is drawn without a draft, so that `emitted` adds up to `n`.
- A draft is cut at `eos`, and the model is not asked behind it.
- Both temperatures are options: the drafter's is its own, and the text stays the model's.

Cost
----
One forward of the model over at most k + 1 places, and k of the drafter, for each round. On a
processor a forward over many places costs several of one place: report seconds beside forwards.

Why not just
------------
- *accept where the drafter's token is the model's best?* That is right for greedy decoding alone;
  for sampling it draws the best too often.
- *draw from p where a draft is refused?* Then tokens that q likes come too often: what was already
  accepted of them has to be left out, and the residual does that.
"""
