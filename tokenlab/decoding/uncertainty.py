"""What a distribution says of itself: entropy, lead, evidence."""

import math
from typing import Any, NamedTuple

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.errors import InvalidInput, ShapeError, public_caller

__all__ = ["Uncertainty", "entropy", "features", "logu"]

LOWEST = 30.0  # logarithms beyond e^-30 say nothing more


class Uncertainty(NamedTuple):
    """What `logu` returns."""

    aleatoric: Any  # of the tokens: several are likely
    epistemic: Any  # of the model: little evidence for any


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
    k = checks.count(k, "k")
    xp = get_xp(log_p)
    p = probabilities(log_p)  # (..., vocab)
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
    s = 1 / (x * x)  # below 1/64: five terms are exact to rounding
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
    k = checks.count(k, "k")
    xp = get_xp(logits)
    if k > logits.shape[-1]:
        raise ShapeError(f"logu: k is {k}, but logits is {logits.shape}; expected k <= vocab.")
    x = xp.sort(logits.astype(xp.float64), axis=-1)[..., -k:]  # (..., k)
    if bool((x <= 0).any()):
        raise InvalidInput(
            f"logu: one of the {k} largest logits is {float(x.min()):.6g}; evidence must be positive."
        )
    total = x.sum(axis=-1, keepdims=True)
    aleatoric = -(x / total * (digamma(x + 1) - digamma(total + 1))).sum(axis=-1)
    return Uncertainty(aleatoric, k / (total[..., 0] + k))
