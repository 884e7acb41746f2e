r"""WEAT: Semantics derived automatically from language corpora contain human-like biases.

Aylin Caliskan, Joanna J. Bryson, Arvind Narayanan. Science 356(6334), 2017. arXiv:1608.07187

Are two sets of words, such as flowers and insects, unlike in how they relate to pleasant and
unpleasant ones? WEAT compares mean cosines, and asks how often a random division of the same words
into two sets of equal number does so more strongly.

| paper's symbol | name here | shape |
|---|---|---|
| targets $X$, $Y$ | `x`, `y` | `(n, d)`, `(n, d)` |
| attributes $A$, $B$ | `a`, `b` | `(n_a, d)`, `(n_b, d)` |
| $s(w, A, B)$ | `scores` | `(2 n,)` |

$$s(w, A, B) = \mathrm{mean}_{a \in A} \cos(w, a) - \mathrm{mean}_{b \in B} \cos(w, b) \qquad (1)$$
$$\text{statistic} = \sum_{x \in X} s(x) - \sum_{y \in Y} s(y) \qquad (2)$$
$$\text{effect} = \frac{\mathrm{mean}_{x \in X} s(x) - \mathrm{mean}_{y \in Y} s(y)}
{\mathrm{std}_{w \in X \cup Y} s(w)} \qquad (3)$$
$$p = \Pr_i[\text{statistic of split } i \ge \text{statistic}] \qquad (4)$$

Example
-------
    effect, statistic, p_value, exact = association(flowers, insects, pleasant, unpleasant)
"""

import itertools
import math
from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, to_numpy
from tokenlab.embeddings.vectors import directions
from tokenlab.errors import InvalidInput, ShapeError
from tokenlab.steps import step

__all__ = ["Association", "association"]


class Association(NamedTuple):
    """Eqs. (3), (2) and (4), and whether all splits were tried."""

    effect: float
    statistic: float
    p_value: float
    exact: bool


@takes(x="n d", y="n_y d", a="n_a d", b="n_b d")
def association(
    x: Any, y: Any, a: Any, b: Any, *, limit: int = 100_000, rng: Any = None
) -> Association:
    """How differently two sets of words relate to two sets of attributes.

    Parameters
    ----------
    x, y : ndarray of shape (n, d)
        Targets, as many in the one as in the other.
    a, b : ndarray of shape (n_a, d), (n_b, d)
        Attributes.
    limit : int
        Splits that are tried at most; beyond that as many random ones.
    rng : numpy.random.Generator, int or None

    Returns
    -------
    Association
        Read `statistic` beside `effect`, which is free of scale, and large where it divides
        almost nothing by almost nothing.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        Targets of different number, a row of zeros, targets that all relate alike.

    Examples
    --------
    >>> x, y = [[1.0, 0.1], [1.0, 0.2]], [[0.1, 1.0], [0.2, 1.0]]
    >>> found = association(x, y, [[1.0, 0.0]], [[0.0, 1.0]])
    >>> round(found.p_value, 4), found.exact
    (0.1667, True)
    """
    limit = checks.count(limit, "limit")
    n = len(x)
    if len(y) != n:
        raise ShapeError(
            f"association: x has {n} words and y {len(y)}; expected as many of each: the p-value is "
            "over divisions into equal halves."
        )
    xp = get_xp(x, y, a, b)
    words = xp.concatenate([directions(x, "x"), directions(y, "y")])  # (2 n, d)
    a, b = directions(a, "a"), directions(b, "b")
    scores = (words @ a.T).mean(axis=1) - (words @ b.T).mean(axis=1)  # Eq. (1)
    scores = step(to_numpy(scores).astype(np.float64))  # (n_words,) [Eq. 1] nearer to a than to b
    statistic = scores[:n].sum() - scores[n:].sum()  # Eq. (2)
    spread = scores.std(ddof=1)
    gap = scores[:n].mean() - scores[n:].mean()
    # Below that a spread is rounding, and the effect would be rounding divided by rounding.
    if spread <= 8 * np.finfo(words.dtype).eps:
        raise InvalidInput(
            "association: all words of x and y relate alike to a and b, so that the effect would be "
            "0 / 0; expected targets that differ."
        )
    effect = float(gap / spread)  # Eq. (3)
    exact = math.comb(2 * n, n) <= limit
    halves = every_half(2 * n) if exact else random_halves(2 * n, limit, checks.generator(rng))
    # What one half has more than the other is twice its own sum less the whole.
    tried = np.array([2 * scores[half].sum() - scores.sum() for half in halves])
    reached = tried >= statistic - 1e-12 * max(1.0, abs(scores).sum())
    p_value = reached.mean() if exact else (reached.sum() + 1) / (len(tried) + 1)  # Eq. (4)
    return Association(effect, float(statistic), float(p_value), exact)


def every_half(n: int) -> Any:
    """All sets of half of n places, the given one among them."""
    return (list(half) for half in itertools.combinations(range(n), n // 2))


def random_halves(n: int, many: int, rng: np.random.Generator) -> Any:
    """Random sets of half of n places."""
    return (rng.permutation(n)[: n // 2] for _ in range(many))


NOTES = r"""
Differs from the paper
----------------------
- The paper's p counts splits that are strictly larger; here the observed one counts, so that p is
  never 0. Sampled splits count it, too.
- The deviation in (3) has $n - 1$ below, as the authors' code has.

Cost
----
$2n (n_a + n_b) d$ operations for the cosines, and up to `limit` sums of n numbers.
"""
