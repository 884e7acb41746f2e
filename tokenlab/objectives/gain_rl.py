r"""Angles Don't Lie: Unlocking Training-Efficient RL Through the Model's Own Signals (GAIN-RL).

Qinsi Wang, Jinghan Ke, Hancheng Ye, Yueqian Lin, Yuzhe Fu, Jianyi Zhang, Kurt Keutzer, Chenfeng Xu,
Yiran Chen. NeurIPS 2025. arXiv:2506.02281

A gradient adds up over tokens, and pairs of tokens add more where their hidden states point the
same way. So questions are ranked once by how concentrated their angles are, and training takes
them by a Gaussian window over the ranking, which moves on as answers become right.

| paper's symbol | name here | shape |
|---|---|---|
| $x_i$ | `hidden` | `(n, d)` |
| $g_i$ | `g` | `(n, d_out)` |
| prefix, question: $L$ rows | `hidden[:prefix]`, `hidden[prefix:]` | |
| $\mu_t$, $\sigma$ | `mean`, `sigma` | |

Equations (the numbers are ours), with $u_i = x_i / \lVert x_i \rVert$:

$$\lVert X^\top G \rVert_F^2 = \sum_{ij} (x_i \cdot x_j)(g_i \cdot g_j) \qquad (1)$$
$$C_{intra} = \Big\lVert \tfrac1L \sum_{question} u_i \Big\rVert^2 \qquad (2)$$
$$C_{inter} = \Big(\tfrac1L \sum_{question} u_i\Big) \cdot \Big(\tfrac1n \sum_{prefix} u_j\Big)
\qquad (3)$$
$$p(\text{rank } i) \propto e^{-(i - \mu_t)^2 / 2 \sigma^2} \qquad (4)$$
$$\mu_{t+1} = \mu_t + \mathrm{clip}(n \tanh(\alpha (acc - \beta)) + n \tanh(\alpha\, angle))
\qquad (5)$$

Example
-------
    scores = concentrations(hidden, offsets, prefix=20).total
    batch = sample(order(scores), 64, mean=0.0, sigma=200.0, rng=0)
"""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks, numerics
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.ranges import finite_lengths
from tokenlab.steps import step

__all__ = [
    "Concentration",
    "angle_concentration",
    "concentrations",
    "gradient_terms",
    "next_mean",
    "order",
    "sample",
    "sampling_probabilities",
]

VARIANTS = "paper", "official"


class Concentration(NamedTuple):
    """Mean cosine within the question, (2), and of the question with what stands before it, (3).

    Numbers from `angle_concentration`, arrays `(n_texts,)` from `concentrations`.
    """

    intra: Any
    inter: Any

    @property
    def total(self) -> Any:
        """What the paper sorts by."""
        return self.intra + self.inter


@takes(hidden="n d inf", prefix="whole", diagonal="flag", trailing="whole")
def angle_concentration(
    hidden: Any, prefix: int, *, diagonal: bool = True, variant: str = "paper", trailing: int = 6
) -> Concentration:
    r"""How concentrated the angles of a question's hidden states are, (2) and (3), in $O(n d)$.

    Parameters
    ----------
    hidden : ndarray of shape (n, d)
        What enters the last layer's MLP. A row of zeros has cosine 0 with every other.
    prefix : int
        So many rows, the same for every question, stand before it; with 0 (3) is 0.
    diagonal : bool
        False leaves out the cosine of each row with itself, which makes short questions look
        concentrated: $(L C_{intra} - 1) / (L - 1)$. One row alone then has 0.
    variant : "paper" or "official"
        "official" computes what the released code does (see the notes): NaN where it has NaN.
    trailing : int
        Rows at the end that "official" leaves out.

    Returns
    -------
    Concentration
        Two floats, from -1 to 1 for "paper".

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        A prefix that leaves no question, NaN.

    Examples
    --------
    >>> found = angle_concentration([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]], prefix=1)
    >>> [round(c, 4) for c in found]
    [0.8536, 0.3536]
    """
    checks.choice(variant, "variant", VARIANTS)
    if prefix >= len(hidden):
        raise InvalidInput(
            f"{public_caller()}: prefix is {prefix} of n = {len(hidden)} rows, which leaves no "
            f"question; expected 0 to {len(hidden) - 1}."
        )
    length = finite_lengths(hidden, "hidden")  # (n,)
    if variant == "official":
        return released(hidden, prefix, trailing)
    weight = 1 / get_xp(hidden).where(length > 0, length, 1)  # (n,), u_i = weight_i x_i
    n = len(hidden) - prefix  # L of the paper
    mean = step(weight[prefix:] @ hidden[prefix:] / n)  # (d,) [mean uᵢ] of the question
    intra = float(mean @ mean)  # Eq. (2): a mean over all pairs is the square of the mean
    before = weight[:prefix] @ hidden[:prefix]  # (d,), the sum of the prefix's directions
    inter = float(mean @ before) / max(prefix, 1)  # Eq. (3)
    if not diagonal:
        itself = int((length[prefix:] > 0).sum())  # cosines of 1 on the diagonal
        intra = (n * n * intra - itself) / max(n * (n - 1), 1)
    return Concentration(intra, inter)


def released(hidden: Any, prefix: int, trailing: int) -> Concentration:
    """The lines of the authors' data processor, slices and all."""
    xp = get_xp(hidden)
    u = numerics.unit(hidden)
    cosines = xp.tril(u @ u.T, 1)  # (n, n), the upper half is 0 and still counts in the means
    rows = cosines[prefix : max(len(hidden) - trailing, 0)]
    intra = rows[prefix : max(len(rows) - trailing, 0)]  # rows again, not columns
    parts = [float(x.mean()) if x.size else float("nan") for x in (intra, rows[:prefix])]
    return Concentration(parts[0], 8 * parts[1])


@takes(hidden="n_tokens d", offsets="n_texts? int")
def concentrations(
    hidden: Any,
    offsets: Any,
    prefix: int,
    *,
    diagonal: bool = True,
    variant: str = "paper",
    trailing: int = 6,
) -> Concentration:
    """`angle_concentration` of each of several texts that stand one behind the other.

    Parameters
    ----------
    hidden, offsets : ndarray of shape (n_tokens, d), (n_texts + 1,)
    prefix, diagonal, variant, trailing
        As in `angle_concentration`.

    Returns
    -------
    Concentration
        Two float64 arrays of shape (n_texts,).

    Examples
    --------
    >>> concentrations([[1.0], [2.0], [1.0], [-1.0]], [0, 2, 4], 1).inter.tolist()
    [1.0, -1.0]
    """
    options: dict[str, Any] = {"diagonal": diagonal, "variant": variant, "trailing": trailing}
    xp = get_xp(hidden, offsets)
    ends = checks.offsets(offsets, "offsets", len(hidden), xp).tolist()
    texts = [hidden[a:b] for a, b in pairwise(ends)]
    parts = [angle_concentration(text, prefix, **options) for text in texts]
    return Concentration(*xp.asarray(parts, dtype=xp.float64).reshape(-1, 2).T)


@takes(x="n d", g="n d_out")
def gradient_terms(x: Any, g: Any) -> Any:
    """What each pair of tokens adds to the squared norm of a matrix's gradient, the terms of (1).

    Parameters
    ----------
    x, g : ndarray of shape (n, d), (n, d_out)
        What enters the matrix, and the gradient of the loss for what comes out of it.

    Returns
    -------
    ndarray of shape (n, n)

    Examples
    --------
    >>> gradient_terms([[1.0], [2.0]], [[3.0], [-1.0]]).tolist()  # (1 * 3 - 2 * 1)^2 = 1
    [[9.0, -6.0], [-6.0, 4.0]]
    """
    return (x @ x.T) * (g @ g.T)  # Eq. (1)


@takes(scores="n inf")
def order(scores: Any, *, variant: str = "paper") -> Any:
    """Questions by falling score; ties go to the lower number.

    Parameters
    ----------
    scores : ndarray of shape (n,)
    variant : "paper", which refuses NaN, or "official", which puts it first

    Returns
    -------
    ndarray of shape (n,)

    Examples
    --------
    >>> order([0.5, 0.7, 0.7]).tolist()
    [1, 2, 0]
    """
    checks.choice(variant, "variant", VARIANTS)
    xp = get_xp(scores)
    unknown = xp.isnan(scores)
    if variant == "paper" and bool(unknown.any()):
        raise InvalidInput(
            f"order: scores has {int(unknown.sum())} NaN, the first at {int(unknown.argmax())}; "
            'expected numbers. The released sort puts them first: variant="official".'
        )
    return xp.argsort(-xp.where(unknown, xp.inf, scores), kind="stable")


def sampling_probabilities(n: int, mean: float, *, sigma: float = 1000.0) -> np.ndarray:
    """The window over the ranks, (4); finite wherever it stands.

    Parameters
    ----------
    n, mean, sigma : int, float, float
        Questions; centre and width, in ranks.

    Returns
    -------
    ndarray of shape (n,)

    Examples
    --------
    >>> sampling_probabilities(3, 0.0, sigma=1.0).round(3).tolist()
    [0.574, 0.348, 0.078]
    """
    return numerics.softmax(log_window(n, mean, sigma))


def log_window(n: int, mean: float, sigma: float) -> np.ndarray:
    """The logarithm of (4) less that of the best rank, so that squares do not overflow."""
    sigma = checks.positive(sigma, "sigma")
    mean = checks.number(mean, "mean")
    rank = np.arange(checks.count(n, "n"))
    best = min(max(round(mean), 0), n - 1)  # the rank next to the centre
    # (i - mean)^2 - (best - mean)^2, which needs no square
    return -(rank - best) * ((rank + best) / 2 - mean) / sigma**2


@takes(ranking="n int", k="count", rng="rng")
def sample(ranking: Any, k: int, mean: float, *, sigma: float = 1000.0, rng: Any = None) -> Any:
    """`k` different questions for the next epoch, by the window (4), in the order of their ranks.

    Parameters
    ----------
    ranking, k : ndarray of shape (n,), int
        From `order`: the best question first; at most `n`.
    mean, sigma : float
    rng : numpy.random.Generator, int or None

    Returns
    -------
    ndarray of shape (k,)
        Entries of `ranking`.

    Examples
    --------
    >>> sample([4, 2, 0, 1, 3], 2, mean=0.0, sigma=1e-3, rng=0).tolist()
    [4, 2]
    """
    xp, n = get_xp(ranking), len(ranking)
    if k > n:
        raise InvalidInput(f"sample: k is {k} of {n} questions in ranking; expected at most {n}.")
    rng = checks.generator(rng)
    # The k largest of log p plus Gumbel noise are k draws by p without replacement.
    chosen = numerics.topk(log_window(n, mean, sigma) + rng.gumbel(size=n), k).ids
    return ranking[xp.asarray(np.sort(chosen))]


@takes(mean="number", accuracy="share", angle="number", n="number", alpha="number", beta="number")
def next_mean(
    mean: float,
    accuracy: float,
    angle: float,
    *,
    n: float = 500.0,
    alpha: float = 2.0,
    beta: float = 0.5,
    limits: tuple[float, float] = (0.0, 1000.0),
) -> float:
    """Where the window of the next epoch stands, (5).

    Parameters
    ----------
    mean, accuracy, angle : float
        Where it stands, the share of right answers, the mean concentration of the epoch's questions.
    n, alpha, beta : float
        Step, sharpness, and the accuracy at which nothing is added.
    limits : tuple of two float
        Of the step. Nothing stops `mean` itself, which leaves a pool of N after some N / 400 epochs.

    Returns
    -------
    float

    Examples
    --------
    >>> round(next_mean(0.0, 0.5, 0.5), 3)
    380.797
    """
    ends = [checks.number(x, "limits") for x in checks.sequence(limits, "limits")]
    if len(ends) != 2 or ends[0] > ends[1]:
        raise InvalidInput(f"next_mean: limits is {limits}; expected (low, high), low <= high.")
    right = n * np.tanh(alpha * (accuracy - beta))  # on, once more than beta of them are right
    move = right + n * np.tanh(alpha * angle)
    return float(mean + min(max(move, ends[0]), ends[1]))  # Eq. (5)


NOTES = r"""
Differs from the paper
----------------------
- The released code (`wangqinsi1/GAINRL`, 5fdb7b9, `data_processor`) slices rows where it means
  columns, zeroes the upper half of the cosines before it takes means, fixes a prefix of 110 and 6
  trailing rows, and weighs (3) by 8; of 232 rows and fewer nothing is left, the mean is NaN, and
  NaN sorts first. `variant="official"` does all of it; its `inter` includes the 8.
- The code's reward of a right answer is 2, which it halves: `accuracy` here is a share.
- While training it measures layer 23, the last one of the smallest model alone, and means over what
  is not 0 of prompt and answer; its trl variant takes 4 answers of 8, and the mean of an epoch before.
- (4) of a window far outside the ranking underflows to 0 / 0 in the released sampler; here its
  logarithms are drawn from, and are finite wherever the window stands.

Cost
----
$O(n d)$ for a text: a mean over all pairs of directions is a product of two means. The ranking
needs one forward pass over all questions.

Why not just
------------
(2) holds its own diagonal and so prefers short questions: look at `diagonal=False`, and compare
with the length of a question and with the model's success on it, $p (1 - p)$.
"""
