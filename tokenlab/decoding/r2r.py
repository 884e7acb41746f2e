r"""R2R: Efficiently Navigating Divergent Reasoning Paths with Small-Large Model Token Routing.

Tianyu Fu, Yi Ge, Yichen You, Enshu Liu, Zhihang Yuan, Guohao Dai, Shengen Yan, Huazhong Yang,
Yu Wang. NeurIPS 2025. arXiv:2505.21600

Most tokens of a small model are those of a large one, or say the same in other words; few lead
elsewhere. R2R labels these few by letting the large model finish both versions, trains a router on
what the small model knows of itself, and lets the large model write only where the router says so.

| paper's symbol | name here | shape |
|---|---|---|
| $\theta_s, \theta_l$ | `small`, `large` | models |
| $y_i$ | `Labels.tokens` | `(n,)` |
| divergent | `Labels.divergent` | `(n,)` |
| $p_{th}$ | `threshold_` | |

$$\ell = -\sum_i w_i\,[d_i \ln r_i + (1 - d_i) \ln(1 - r_i)], \qquad
w_i = \tfrac{N_0}{N_1} \cdot \text{recall\_factor where } d_i = 1$$

Example
-------
    labels = label(small, large, context, 500, ends={full_stop})
    router = Router().fit(x, labels.divergent)           # x: rows of features(log_p, k)
    generate(small, large, context, 100, router)         # Routed(tokens, by_large, ...)
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arrays import to_numpy
from tokenlab.decoding.router import Router, pick_threshold
from tokenlab.decoding.uncertainty import Uncertainty, entropy, features, logu
from tokenlab.errors import InvalidInput, ShapeError, public_caller
from tokenlab.lm.protocol import ids_of
from tokenlab.steps import step

__all__ = [
    "Labels",
    "Routed",
    "Router",
    "Uncertainty",
    "average_parameters",
    "entropy",
    "features",
    "generate",
    "label",
    "logu",
    "pick_threshold",
    "same_ending",
]


class Labels(NamedTuple):
    """A text of the large model, and where the small one would have left it."""

    tokens: np.ndarray  # (n,) int64, the large model's greedy text
    small_tokens: np.ndarray  # (n,), what the small one would have written at each place
    mismatch: np.ndarray  # (n,) bool
    divergent: np.ndarray  # (n,) bool: mismatches that lead elsewhere
    branches: dict[int, tuple[tuple[int, ...], tuple[int, ...]]]  # (with the small token, large)


class Routed(NamedTuple):
    """A text of two models."""

    tokens: np.ndarray  # (n,) int64
    by_large: np.ndarray  # (n,) bool
    small_tokens: np.ndarray  # (n,), what the small model proposed
    large_calls: int

    @property
    def share(self) -> float:
        """The share of tokens that the large model wrote."""
        return float(self.by_large.mean()) if len(self.by_large) else 0.0


def best(lm: Any, text: Sequence[int]) -> int:
    """The greedy token."""
    return int(to_numpy(lm.log_probs(tuple(text))).argmax())


def same_vocabulary(small: Any, large: Any) -> None:
    """Raise unless both models speak of the same tokens."""
    if small.vocab != large.vocab:
        raise ShapeError(
            f"{public_caller()}: small has a vocabulary of {small.vocab}, large of {large.vocab}; "
            "a token of one must mean the same to the other."
        )


def same_ending(a: Sequence[int], b: Sequence[int], m: int = 3) -> bool:
    """Whether two texts end in the same m tokens: a judge that needs no model.

    Examples
    --------
    >>> same_ending([1, 2, 3, 4], [9, 2, 3, 4]), same_ending([3, 4], [3, 4])
    (True, False)
    """
    m = checks.count(m, "m")
    a, b = (tuple(checks.sequence(x, name)) for x, name in ((a, "a"), (b, "b")))
    return min(len(a), len(b)) >= m and a[-m:] == b[-m:]


def label(
    small: Any,
    large: Any,
    context: Any = (),
    n: int = 64,
    *,
    ends: Collection[int] = (),
    same: Callable[[Sequence[int], Sequence[int]], bool] = same_ending,
    max_continuation: int = 64,
) -> Labels:
    """Where the small model's token leads elsewhere, by finishing both versions.

    Parameters
    ----------
    small, large : objects with `vocab` and `log_probs`
    context : sequence of int
    n : int
        Tokens of the large model's greedy text.
    ends : collection of int
        Tokens that end a sentence, and with it a branch.
    same : callable
        `same(branch, branch) -> bool`: do both say the same?
    max_continuation : int
        A branch ends after so many tokens at the latest, the one in question not counted.

    Returns
    -------
    Labels
        `tokens`, `small_tokens`, `mismatch`, `divergent`, `branches`
    """
    same_vocabulary(small, large)
    text = ids_of(context, "context", large.vocab).tolist()
    n, most = checks.count(n, "n"), checks.count(max_continuation, "max_continuation", at_least=0)
    ends = frozenset(checks.collection(ends, "ends"))
    start = len(text)
    proposed, branches = [], {}
    for t in range(n):
        token, other = best(large, text), best(small, text)
        if token != other:  # both versions, finished by the large model
            with_small = branch(large, (*text, other), ends, most)[len(text) :]
            branches[t] = with_small, branch(large, (*text, token), ends, most)[len(text) :]
        text.append(token)  # labels are taken along the large model's text
        proposed.append(other)
    tokens, small_tokens = np.array(text[start:]), np.array(proposed)
    divergent = np.zeros(n, dtype=bool)  # d_i; identical and neutral places stay False
    for t, pair in branches.items():
        divergent[t] = not same(*pair)
    return Labels(tokens, small_tokens, tokens != small_tokens, divergent, branches)


def branch(large: Any, text: tuple[int, ...], ends: Collection[int], most: int) -> tuple[int, ...]:
    """The text, continued greedily to the end of its sentence."""
    for _ in range(most):
        if text[-1] in ends:
            break
        text = (*text, best(large, text))
    return text


def generate(
    small: Any,
    large: Any,
    context: Any,
    n: int,
    route: Callable[[Any, int, Sequence[int]], bool],
) -> Routed:
    """Greedy text of the small model, of which the large one writes what the route sends to it.

    Parameters
    ----------
    small, large : objects with `vocab` and `log_probs`
    context : sequence of int
    n : int
    route : callable
        `route(log_p_small, token, text) -> bool`; `text` is the context and what was generated.
        A `Router` is one.

    Returns
    -------
    Routed
        `tokens`, `by_large`, `small_tokens`, `large_calls`, `share`

    Examples
    --------
    >>> from tokenlab.lm import from_function
    >>> low, high = (from_function(lambda context, i=i: np.eye(3)[i], 3) for i in (0, 2))
    >>> generate(low, high, [1], 4, lambda log_p, token, text: len(text) == 2).tokens.tolist()
    [0, 2, 0, 0]
    """
    same_vocabulary(small, large)
    text = ids_of(context, "context", small.vocab).tolist()
    n = checks.count(n, "n", at_least=0)
    if not callable(route):
        raise InvalidInput(
            f"generate: route is a {type(route).__name__}; expected a function of (log_p_small, "
            "token, text)."
        )
    start, by_large, proposed = len(text), [], []
    for _ in range(n):
        log_p = to_numpy(small.log_probs(tuple(text)))
        log_p = step(log_p)  # (vocab,) [p_s] what the small model knows
        token = int(log_p.argmax())
        proposed.append(token)
        sent = bool(route(log_p, token, tuple(text)))  # the router has not seen the large one
        by_large.append(step(sent))  # [r ≥ p_th] whether the large model writes here
        text.append(best(large, text) if by_large[-1] else token)
    tokens = np.array(text[start:], dtype=np.int64)
    large_wrote = np.array(by_large, dtype=bool)  # (n,)
    small_tokens = np.array(proposed, dtype=np.int64)
    return Routed(tokens, large_wrote, small_tokens, int(large_wrote.sum()))


def average_parameters(small: float, large: float, share: float) -> float:
    """Parameters at work for a token: the small model's always, the large one's for a share.

    Examples
    --------
    >>> round(average_parameters(1.5, 32, 0.128), 1)
    5.6
    """
    checks.share(share, "share")
    small = checks.positive(small, "small")
    return small + share * checks.positive(large, "large")  # both are at work for that share


NOTES = r"""
Differs from the paper
----------------------
The released code is `thu-nics/R2R` (966cadf).

- The judge of two branches is any function; `same_ending` asks whether they end in the same
  tokens. The paper asks a third model.
- The router is a logistic regression on the small model's distribution; the paper's is a network of
  56 million parameters on hidden states. Loss, class weight and choice of threshold are the paper's.
- The threshold is picked over all positions, as the released code does, not over mismatches.

Cost
----
The small model for each token, the large one for a share of them: `average_parameters`. Labelling
costs two continuations for each mismatch.

Why not just
------------
- *send every token of high entropy?* At the same recall that sends more: many tokens have several
  good continuations, and which one is taken does not matter.
- *learn the mismatches?* Most of them are other words for the same.
"""
