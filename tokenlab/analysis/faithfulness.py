r"""Whether scores tell what a model used: keep what they call important, or take it away.

Zhixue Zhao, Nikolaos Aletras: "Incorporating Attribution Importance for Improving Faithfulness
Metrics", ACL 2023 (arXiv:2305.10496), whose soft forms ReAGent uses.

$$S = \frac{\max(0, d_0 - d)}{d_0}, \qquad C = \frac{d}{d_0}$$

with $d$ the distance of the answers to the text as it is and with tokens taken away, and $d_0$ that
to nothing at all, every vector zero. Soft: each entry of a token's vector stays with probability
$s_i$ (sufficiency) or $1 - s_i$ (comprehensiveness). Hard: the `k` best tokens stay, or go.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.errors import InvalidInput, ShapeError, public_caller
from tokenlab.numerics import topk

__all__ = ["comprehensiveness", "distance", "sufficiency"]

VARIANTS = "paper", "official"
Predict = Callable[[Any], Any]


@takes(p="... vocab", q="... vocab")
def distance(p: Any, q: Any, *, variant: str = "paper") -> Any:
    """How far two distributions are: Hellinger's distance, 0 to 1.

    Parameters
    ----------
    p, q : ndarray of shape (..., vocab)
        Probabilities.
    variant : "paper" or "official"
        The released soft metrics leave out the root: 0 to 1.414.

    Returns
    -------
    ndarray of shape (...)

    Examples
    --------
    >>> round(float(distance([0.7, 0.2, 0.1], [0.1, 0.2, 0.7])), 4)
    0.5204
    """
    checks.choice(variant, "variant", VARIANTS)
    xp = get_xp(p, q)
    for name, x in (("p", p), ("q", q)):
        if bool((x < 0).any()):
            raise InvalidInput(
                f"{public_caller()}: {name} has numbers below 0; probabilities are not."
            )
    # Roots, so that a change of what is improbable counts, too.
    squares = ((xp.sqrt(p) - xp.sqrt(q)) ** 2).sum(axis=-1)
    return xp.sqrt(squares / 2) if variant == "paper" else squares / 2**0.5


@takes(x="n d", scores="n", draws="count", rng="rng", predict="function")
def sufficiency(
    predict: Predict,
    x: Any,
    scores: Any,
    *,
    k: int | None = None,
    draws: int = 1,
    rng: Any = None,
    variant: str = "paper",
) -> float:
    """Whether what is important is enough for the same answer: 1 where it is, 0 like nothing at all.

    Parameters
    ----------
    predict : callable
        `predict(x (n, d)) -> (vocab,)`, probabilities.
    x : ndarray of shape (n, d)
        The vectors of the tokens.
    scores : ndarray of shape (n,)
        From 0 to 1 for the soft form.
    k : int, optional
        The hard form: how many tokens stay. None is the soft form.
    draws : int
        Over which the soft form is averaged.
    rng : numpy.random.Generator, int or None
    variant : "paper" or "official"
        See `distance`; the released hard form has the root.

    Returns
    -------
    float

    Examples
    --------
    >>> first = lambda x: np.array([x[0, 0], 1 - x[0, 0]])  # sees the first token alone
    >>> sufficiency(first, [[1.0], [0.0]], [0.9, 0.1], k=1)
    1.0
    """
    removed, nothing = distances(predict, x, scores, False, k, draws, rng, variant)
    return max(0.0, nothing - removed) / nothing if nothing else 0.0


@takes(x="n d", scores="n", draws="count", rng="rng", predict="function")
def comprehensiveness(
    predict: Predict,
    x: Any,
    scores: Any,
    *,
    k: int | None = None,
    draws: int = 1,
    rng: Any = None,
    variant: str = "paper",
) -> float:
    """How far the answer moves when what is important is taken away, in units of nothing at all.

    Parameters
    ----------
    predict, x, scores, k, draws, rng, variant
        As in `sufficiency`: callable, ndarray of shape (n, d), (n,), and so on.

    Returns
    -------
    float
        Above 1 where what is left is worse than nothing at all.

    Examples
    --------
    >>> first = lambda x: np.array([x[0, 0], 1 - x[0, 0]])
    >>> comprehensiveness(first, [[1.0], [0.0]], [0.9, 0.1], k=1)
    1.0
    """
    removed, nothing = distances(predict, x, scores, True, k, draws, rng, variant)
    return removed / nothing if nothing else 0.0


def distances(
    predict: Predict,
    x: Any,
    scores: Any,
    reverse: bool,
    k: int | None,
    draws: int,
    rng: Any,
    variant: str,
) -> tuple[float, float]:
    """The mean distance to the text with tokens taken away, and that to nothing at all."""
    rng = checks.generator(rng)
    n, xp = len(x), get_xp(x, scores)
    # Rates beyond 0 to 1 would be cut without a word.
    if k is None and not bool(((scores >= 0) & (scores <= 1)).all()):
        raise InvalidInput(
            f"{public_caller()}: scores run from {float(scores.min()):g} to {float(scores.max()):g}; "
            "expected 0 to 1 for the soft form, for example a softmax of them, or pass k."
        )
    if k is not None:
        k = checks.count(k, "k", at_most=n)
        kept = xp.zeros(n, dtype=bool)
        kept[topk(scores, k).ids] = True  # of equal ones the lower position
        rate = (kept ^ reverse).astype(x.dtype)  # (n,), 1 for what stays
        draws, variant = 1, "paper"  # the released hard form has the root
    else:
        rate = 1 - scores if reverse else scores  # (n,), each entry stays with it
    whole = answer(predict, x)  # (vocab,)
    found = []  # distances, one for each draw
    for _ in range(draws):
        mask = xp.asarray(rng.random(x.shape)) < rate[:, None]  # (n, d)
        found.append(float(distance(whole, answer(predict, x * mask), variant=variant)))
    nothing = float(distance(whole, answer(predict, xp.zeros_like(x)), variant=variant))
    return float(np.mean(found)), nothing  # the second is what both are measured in


def answer(predict: Predict, x: Any) -> Any:
    """The model's distribution, as one row."""
    p = get_xp(x).asarray(predict(x))
    if p.ndim != 1:  # one answer, not one for each token
        raise ShapeError(f"{public_caller()}: predict returned {p.shape}; expected (vocab,).")
    return p
