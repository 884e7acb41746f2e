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

import math
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, to_numpy
from tokenlab.errors import InvalidInput, ShapeError, public_caller
from tokenlab.lm.protocol import ids_of

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

LOWEST = 30.0  # logarithms beyond e^-30 say nothing more


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


class Uncertainty(NamedTuple):
    """What `logu` returns."""

    aleatoric: Any  # of the tokens: several are likely
    epistemic: Any  # of the model: little evidence for any


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
    a, b = tuple(a), tuple(b)
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
    ends, start = frozenset(ends), len(text)
    proposed, branches = [], {}
    for t in range(n):
        token, other = best(large, text), best(small, text)
        if token != other:
            with_small = branch(large, (*text, other), ends, most)[len(text) :]
            branches[t] = with_small, branch(large, (*text, token), ends, most)[len(text) :]
        text.append(token)
        proposed.append(other)
    tokens, small_tokens = np.array(text[start:]), np.array(proposed)
    divergent = np.zeros(n, dtype=bool)
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


def probabilities(log_p: Any) -> Any:
    """Normalised probabilities, `(..., vocab)`."""
    xp = get_xp(log_p)
    logs = log_p.astype(xp.float64)
    top = logs.max(axis=-1, keepdims=True)
    if bool(xp.isnan(logs).any()) or not bool(xp.isfinite(top).all()):
        raise InvalidInput(
            f"{public_caller()}: log_p has NaN or +inf, or a row without mass; expected natural "
            "logarithms."
        )
    p = xp.exp(logs - top)
    return p / p.sum(axis=-1, keepdims=True)


@takes(log_p="... vocab inf")
def entropy(log_p: Any) -> Any:
    """The entropy of a distribution, or of each row, in nats.

    Parameters
    ----------
    log_p : ndarray of shape (..., vocab)

    Examples
    --------
    >>> round(float(entropy([-0.6931, -0.6931])), 3)
    0.693
    """
    xp, p = get_xp(log_p), probabilities(log_p)
    return abs((p * xp.log(xp.where(p > 0, p, 1.0))).sum(axis=-1))


@takes(log_p="... vocab inf")
def features(log_p: Any, k: int = 10) -> Any:
    """What the small model's distribution says of its own token: entropy, lead, k best logs.

    Parameters
    ----------
    log_p : ndarray of shape (..., vocab)
    k : int
        Padded with -30 where the vocabulary is smaller.

    Returns
    -------
    ndarray of shape (..., k + 2)
        All finite: logarithms are clipped at -30, and the lead of the best at 30.

    Examples
    --------
    >>> features([0.0, -float("inf")], 3).tolist()
    [0.0, 30.0, 0.0, -30.0, -30.0]
    """
    xp, p, k = get_xp(log_p), probabilities(log_p), checks.count(k, "k")
    logs = xp.log(xp.maximum(-xp.sort(-p, axis=-1), math.exp(-LOWEST)))  # the best first
    width = max(k, 2) - logs.shape[-1]
    if width > 0:
        pad = [(0, 0)] * (logs.ndim - 1) + [(0, width)]
        logs = xp.pad(logs, pad, constant_values=-LOWEST)
    lead = xp.minimum(logs[..., 0] - logs[..., 1], LOWEST)
    columns = [entropy(log_p)[..., None], lead[..., None], logs[..., :k]]
    return xp.concatenate(columns, axis=-1)


def digamma(x: Any) -> Any:
    """The slope of the logarithm of the gamma function, for positive numbers."""
    shift = 0 * x
    for _ in range(8):  # psi(x) = psi(x + 1) - 1 / x, until the series is exact
        shift, x = shift - 1 / x, x + 1
    s = 1 / (x * x)
    series = s * (1 / 12 - s * (1 / 120 - s * (1 / 252 - s * (1 / 240 - s / 132))))
    return get_xp(x).log(x) - 0.5 / x - series + shift


@takes(logits="... vocab")
def logu(logits: Any, k: int = 10) -> Uncertainty:
    """Uncertainty from the k largest logits, read as evidence of a Dirichlet distribution.

    Parameters
    ----------
    logits : ndarray of shape (..., vocab)
        The k largest must be positive.
    k : int

    Returns
    -------
    Uncertainty
        `aleatoric`, `epistemic`

    Examples
    --------
    >>> [round(float(u), 4) for u in logu([10.0, 5.0, 1.0], 3)]
    [0.7741, 0.1579]
    """
    xp, k = get_xp(logits), checks.count(k, "k")
    if k > logits.shape[-1]:
        raise ShapeError(f"logu: k is {k}, but logits is {logits.shape}; expected k <= vocab.")
    x = xp.sort(logits.astype(xp.float64), axis=-1)[..., -k:]
    if bool((x <= 0).any()):
        raise InvalidInput(
            f"logu: one of the {k} largest logits is {float(x.min()):.6g}; evidence must be positive."
        )
    total = x.sum(axis=-1, keepdims=True)
    aleatoric = -(x / total * (digamma(x + 1) - digamma(total + 1))).sum(axis=-1)
    return Uncertainty(aleatoric, k / (total[..., 0] + k))


def pick_threshold(scores: Any, labels: Any, min_recall: float = 0.95) -> float:
    """The threshold that sends least to the large model and still finds enough.

    Among 100 values from .01 to .99: the smallest share of scores at or above it with at least
    `min_recall` of the positives; of equal shares the lower threshold. When none finds enough, the
    first of highest recall.

    Parameters
    ----------
    scores : ndarray of shape (n,)
    labels : ndarray of shape (n,), bool
    min_recall : float

    Examples
    --------
    >>> round(pick_threshold([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1]), 4)
    0.208
    """
    scores, labels = checked_scores(scores, labels)
    if isinstance(min_recall, bool | str) or not 0 < min_recall <= 1:
        raise InvalidInput(
            f"pick_threshold: min_recall is {min_recall!r}; expected a number above 0, at most 1."
        )
    grid = np.linspace(0.01, 0.99, 100)
    sent = scores >= grid[:, None]  # (100, n)
    recall = (sent & labels).sum(axis=1) / labels.sum()
    share = sent.mean(axis=1)
    if not (recall >= min_recall).any():
        return float(grid[recall.argmax()])
    return float(grid[np.where(recall >= min_recall, share, np.inf).argmin()])


def checked_scores(scores: Any, labels: Any) -> tuple[np.ndarray, np.ndarray]:
    """Finite scores, and labels of both kinds."""
    get_xp(scores, labels)  # one library
    scores = checks.shaped(checks.floats(to_numpy(scores), "scores", np), "scores", ("n",))
    return checks.finite(scores, "scores", np), checked_labels(labels, len(scores))


def checked_labels(labels: Any, n: int) -> np.ndarray:
    """Labels of 0 and 1, or booleans, as booleans; both kinds must be there."""
    labels = np.asarray(to_numpy(labels))
    if labels.shape != (n,) or not np.isin(labels, (0, 1)).all():
        raise InvalidInput(
            f"{public_caller()}: labels is {labels.shape}; expected ({n},) values of 0 and 1."
        )
    if labels.all() or not labels.any():
        raise InvalidInput(
            f"{public_caller()}: labels are all {int(labels.all())}; expected both kinds, there is "
            "nothing to tell apart."
        )
    return labels.astype(bool)


class Router:
    """Logistic regression on `features`, with the class weight of the paper.

    Parameters
    ----------
    ridge : float
        Times half the squared coefficients; the intercept is free.
    recall_factor : float
        Makes positives heavier than balance.
    min_recall : float
        For the threshold, see `pick_threshold`.

    Examples
    --------
    >>> router = Router().fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
    >>> (router.predict_proba([[0.0], [3.0]]) > 0.5).tolist()
    [False, True]
    """

    coef_: np.ndarray  # (n_features,), of standardised columns
    intercept_: float
    pos_weight_: float
    threshold_: float

    def __init__(self, ridge: float = 1e-3, recall_factor: float = 1.0, min_recall: float = 0.95):
        if isinstance(ridge, bool | str) or not 0 <= ridge < np.inf:
            raise InvalidInput(f"Router: ridge is {ridge!r}; expected a number of at least 0.")
        self.ridge, self.min_recall = float(ridge), min_recall
        self.recall_factor = checks.positive(recall_factor, "recall_factor")

    def fit(self, x: Any, labels: Any) -> "Router":
        """Newton's method on the weighted loss, to its minimum.

        Parameters
        ----------
        x : ndarray of shape (n, n_features)
        labels : ndarray of shape (n,), bool
            True where the small model's token diverges.
        """
        x = checks.vectors(to_numpy(x), "x", "n", np, at_least=2).astype(np.float64)
        y = checked_labels(labels, len(x))
        self.mean_, deviation = x.mean(axis=0), x.std(axis=0)
        self.scale_ = np.where(deviation > 0, deviation, 1.0)
        z = np.column_stack([np.ones(len(x)), (x - self.mean_) / self.scale_])
        self.pos_weight_ = float((~y).sum() / y.sum() * self.recall_factor)
        weights = np.where(y, self.pos_weight_, 1.0)
        beta = minimised(z, y, weights, self.ridge)
        self.intercept_, self.coef_ = float(beta[0]), beta[1:]
        self.threshold_ = pick_threshold(self.predict_proba(x), y, self.min_recall)
        return self

    def predict_proba(self, x: Any) -> np.ndarray:
        """The probability that a token diverges, `(n,)`."""
        x = checks.vectors(to_numpy(x), "x", "n", np)
        z = (x - self.mean_) / self.scale_ @ self.coef_ + self.intercept_
        return 0.5 * (1 + np.tanh(0.5 * z))  # the logistic function, without overflow

    def __call__(self, log_p_small: Any, token: int, text: Sequence[int]) -> bool:
        """As a route: True where the large model should write."""
        x = features(log_p_small, len(self.coef_) - 2)
        return bool(self.predict_proba(x[None])[0] >= self.threshold_)


def minimised(z: np.ndarray, y: np.ndarray, weights: np.ndarray, ridge: float) -> np.ndarray:
    """The coefficients of least weighted loss; the first column of z is the intercept's."""
    penalty = np.full(z.shape[1], ridge)
    penalty[0] = 0.0

    def loss(beta: np.ndarray) -> float:
        return float(weights @ np.logaddexp(0, np.where(y, -1, 1) * (z @ beta))) + 0.5 * float(
            penalty @ (beta * beta)
        )

    beta = np.zeros(z.shape[1])
    for _ in range(200):
        p = 0.5 * (1 + np.tanh(0.5 * (z @ beta)))
        slope = z.T @ (weights * (p - y)) + penalty * beta
        curve = z.T @ (z * (weights * p * (1 - p))[:, None]) + np.diag(penalty)
        move = np.linalg.lstsq(curve, slope, rcond=None)[0]
        length = 1.0
        while length > 1e-8 and loss(beta - length * move) > loss(beta):
            length /= 2
        beta = beta - length * move
        if abs(slope).max() < 1e-10 * weights.sum() or length <= 1e-8:
            break
    return beta


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
    text, n = ids_of(context, "context", small.vocab).tolist(), checks.count(n, "n", at_least=0)
    if not callable(route):
        raise InvalidInput(
            f"generate: route is a {type(route).__name__}; expected a function of (log_p_small, "
            "token, text)."
        )
    start, by_large, proposed = len(text), [], []
    for _ in range(n):
        log_p = to_numpy(small.log_probs(tuple(text)))
        token = int(log_p.argmax())
        proposed.append(token)
        by_large.append(bool(route(log_p, token, tuple(text))))
        text.append(best(large, text) if by_large[-1] else token)
    tokens = np.array(text[start:], dtype=np.int64)
    sent = np.array(by_large, dtype=bool)
    return Routed(tokens, sent, np.array(proposed, dtype=np.int64), int(sent.sum()))


def average_parameters(small: float, large: float, share: float) -> float:
    """Parameters at work for a token: the small model's always, the large one's for a share.

    Examples
    --------
    >>> round(average_parameters(1.5, 32, 0.128), 1)
    5.6
    """
    checks.share(share, "share")
    return checks.positive(small, "small") + share * checks.positive(large, "large")


NOTES = r"""
Differs from the paper
----------------------
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
