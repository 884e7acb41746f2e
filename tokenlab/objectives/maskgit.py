r"""MaskGIT: Masked Generative Image Transformer.

Huiwen Chang, Han Zhang, Lu Jiang, Ce Liu, William T. Freeman. CVPR 2022. arXiv:2202.04200

A picture's tokens need not be drawn one after the other. All start masked; in each step a model
predicts every masked token at once, those it is most sure of stay, and the others are masked again.
The number that remains masked falls along half a cosine, so that few are fixed at first.

| paper's symbol | name here | shape |
|---|---|---|
| $Y_M$, masked tokens -1 | `tokens` | `(b, n)` |
| $\gamma(r)$ | `mask_schedule(r)` | |
| $N$, $T$ | `n`, `steps` | |
| $n = \lceil \gamma(t/T) N \rceil$ | `n_masked(t, T, N)` | |
| confidence $c_i$ | `log_confidence` | `(n,)` |

Equations of section 3.2 (our numbers):

$$\gamma(r) = \cos(\pi r / 2) \qquad (1)$$
$$n_t = \lfloor \gamma(t / T)\,N \rfloor, \text{ fewer in each step, } n_T = 0 \qquad (2)$$
$$\text{mask again } i \iff c_i < \mathrm{sorted}(c)_{n_t}, \qquad
c_i = \log p(x_i) + \tau\,(1 - t/T)\,g_i \qquad (3)$$

with Gumbel noise $g$, and $c_i = \infty$ for tokens that are fixed.

Example
-------
    generation = sample(predict, n=64, steps=8, b=16, rng=0)
    generation.tokens
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, to_numpy
from tokenlab.errors import InvalidInput, ShapeError, public_caller
from tokenlab.numerics import log_softmax
from tokenlab.steps import step

__all__ = ["Generation", "keep_confident", "mask_schedule", "n_masked", "sample"]

SCHEDULES: dict[str, Callable[[float], float]] = {
    "cosine": lambda r: math.cos(math.pi * r / 2),  # Eq. (1)
    "linear": lambda r: 1 - r,
    "square": lambda r: 1 - r**2,
    "cubic": lambda r: 1 - r**3,
}


class Generation(NamedTuple):
    """What was drawn, in which step each token was fixed, and how many were masked after each.

    `tokens (b, n)`; `fixed_at (b, n)` counts steps from 1; `masked (steps + 1,)` begins with `n`;
    where rows differ it has the largest.
    """

    tokens: np.ndarray
    fixed_at: np.ndarray
    masked: np.ndarray


def mask_schedule(r: float, kind: str = "cosine") -> float:
    """The share that is masked when the share `r` of the steps is done, Eq. (1).

    Parameters
    ----------
    r : float
        0 to 1.
    kind : "cosine", "linear", "square" or "cubic"

    Returns
    -------
    float
        Falls from 1 to 0.

    Examples
    --------
    >>> mask_schedule(0.0), round(mask_schedule(0.5), 3), mask_schedule(1.0)
    (1.0, 0.707, 0.0)
    """
    r = checks.share(r, "r")
    checks.choice(kind, "kind", tuple(SCHEDULES))
    # cos(pi / 2) is 6e-17: the ceiling of its product with n would mask a token for ever.
    return round(SCHEDULES[kind](r), 15)


def n_masked(step: int, steps: int, n_unknown: int, *, kind: str = "cosine") -> int:
    """How many tokens are masked after so many steps, Eq. (2).

    Parameters
    ----------
    step, steps : int
        0 to `steps`.
    n_unknown : int
        Masked at the start.
    kind : "cosine", "linear", "square" or "cubic"

    Returns
    -------
    int
        Every step fixes one token at least, but the steps before the last leave one.

    Examples
    --------
    >>> [n_masked(t, 8, 256) for t in range(9)]
    [256, 251, 236, 212, 181, 142, 97, 49, 0]
    """
    steps = checks.count(steps, "steps")
    step = checks.count(step, "step", at_least=0, at_most=steps)
    n = n_unknown = checks.count(n_unknown, "n_unknown", at_least=0)
    if step == steps:
        return 0  # whatever the schedule says by rounding
    for t in range(1, step + 1):
        planned = math.floor(round(mask_schedule(t / steps, kind) * n_unknown, 9))
        n = max(min(planned, n - 1), min(n, 1))  # Eq. (2)
    return n


@takes(log_confidence="n inf", known="n bool")
def keep_confident(
    log_confidence: Any, known: Any, n_masked: int, *, temperature: float = 0.0, rng: Any = None
) -> Any:
    """Which tokens are masked again: the least confident ones, Eq. (3).

    Parameters
    ----------
    log_confidence : ndarray of shape (n,)
        Log-probability of the token that was drawn; -inf is allowed, NaN is not.
    known : ndarray of shape (n,)
        True where a token was fixed before: it stays.
    n_masked : int
        How many are masked again. Of equally confident ones at the border none is.
    temperature : float
        Scale of the Gumbel noise on the confidences.
    rng : numpy.random.Generator, int or None

    Returns
    -------
    ndarray of shape (n,)
        bool, True where a token is masked again.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        More to be masked than are not known; NaN.

    Examples
    --------
    >>> keep_confident([-1.0, -3.0, -2.0], [False, False, True], 1).tolist()
    [False, True, False]
    """
    xp = get_xp(log_confidence)
    n_free = int((~known).sum())
    n_masked = checks.count(n_masked, "n_masked", at_least=0)
    temperature = checks.number(temperature, "temperature", at_least=0)
    if n_masked > n_free:
        raise InvalidInput(
            f"keep_confident: n_masked is {n_masked}, and {n_free} tokens are not known; expected "
            "at most as many."
        )
    if bool(xp.isnan(log_confidence).any()):
        raise InvalidInput("keep_confident: log_confidence has NaN; expected log-probabilities.")
    rng = checks.generator(rng)
    noise = temperature * rng.gumbel(size=len(known)) if temperature else np.zeros(len(known))
    confidence = log_confidence + xp.asarray(noise)  # Eq. (3)
    confidence = xp.where(known, xp.inf, confidence)  # a fixed token stays
    if n_masked == len(known):
        return ~known  # all: there is no next larger one to compare with
    return confidence < xp.sort(confidence)[n_masked]  # Eq. (3)


def sample(
    predict: Callable[[Any], Any],
    n: int,
    *,
    steps: int,
    b: int = 1,
    temperature: float = 0.0,
    kind: str = "cosine",
    rng: Any = None,
) -> Generation:
    """Draw `b` rows of `n` tokens in `steps` calls of a model.

    Parameters
    ----------
    predict : callable
        `predict(tokens (b, n)) -> logits (b, n, vocab)`; masked tokens are -1.
    n, steps, b : int
    temperature : float
        Scale of the noise on the confidences, falling to 0 with the steps (the authors' code has
        4.5). The tokens themselves are drawn from the softmax of the logits.
    kind : "cosine", "linear", "square" or "cubic"
    rng : numpy.random.Generator, int or None

    Returns
    -------
    Generation

    Raises
    ------
    ShapeError, InvalidInput
        Logits of another shape, or that are no numbers to draw from.

    Examples
    --------
    >>> predict = lambda tokens: np.zeros((*tokens.shape, 2)) + [0.0, -1e9]
    >>> generation = sample(predict, 4, steps=2, rng=0)
    >>> generation.tokens.tolist(), generation.masked.tolist()
    ([[0, 0, 0, 0]], [4, 0, 0])
    """
    n, steps, b = (checks.count(x, name) for x, name in ((n, "n"), (steps, "steps"), (b, "b")))
    temperature = checks.number(temperature, "temperature", at_least=0)
    checks.choice(kind, "kind", tuple(SCHEDULES))
    rng = checks.generator(rng)
    tokens = np.full((b, n), -1)  # all masked
    fixed_at = np.zeros((b, n), np.int64)
    counts = [n]
    for t in range(1, steps + 1):
        known = tokens >= 0
        log_p = checked_logits(predict(tokens.copy()), tokens.shape)  # (b, n, vocab)
        drawn = (log_p + rng.gumbel(size=log_p.shape)).argmax(axis=-1)  # (b, n): from the softmax
        drawn = np.where(known, tokens, drawn)  # a fixed token is not drawn anew
        log_confidence = np.take_along_axis(log_p, drawn[..., None], axis=-1)[..., 0]  # (b, n)
        scale = temperature * (1 - t / steps)  # less noise with every step
        planned = n_masked(t, steps, n, kind=kind)  # Eq. (2)
        again = np.zeros((b, n), bool)
        for row in range(b):
            left = min(planned, int((~known[row]).sum()))  # ties may have fixed more than planned
            again[row] = keep_confident(
                log_confidence[row], known[row], left, temperature=scale, rng=rng
            )
        fixed_at[~known & ~again] = t
        tokens = np.where(again, -1, drawn)  # after the last step nothing is masked
        step("tokens", tokens.copy(), "what is known, -1 where masked", axes=("b", "n"))
        counts.append(int(again.sum(axis=1).max()))
    return Generation(tokens, fixed_at, np.array(counts))


def checked_logits(logits: Any, shape: tuple[int, int]) -> np.ndarray:
    """Log-probabilities, as NumPy has them."""
    logits = to_numpy(get_xp(logits).asarray(logits))
    if logits.ndim != 3 or logits.shape[:2] != shape or not logits.shape[2]:
        raise ShapeError(
            f"{public_caller()}: predict returned {logits.shape}; expected (b, n, vocab) with "
            f"b, n = {shape}."
        )
    top = logits.max(axis=-1)  # (b, n)
    if np.isnan(logits).any() or not np.isfinite(top).all():
        raise InvalidInput(
            f"{public_caller()}: predict returned logits with NaN, +inf, or nothing but -inf; "
            "expected numbers to draw from."
        )
    return log_softmax(logits.astype(np.float64))


NOTES = r"""
Differs from the paper
----------------------
- The paper writes a ceiling in (2), the authors' code takes the floor, and at least one token fewer
  than before and at least one. The code is followed.
- The code's loop masks at least one token even after the last step; its answer is the copy taken
  before that. Here $n_T = 0$.
- The code's noise on the confidences has the scale 4.5 by default; here it is 0.

Cost
----
`steps` calls of the model, each for all tokens, however many are masked.
"""
