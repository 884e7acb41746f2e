r"""The router of R2R: logistic regression, with the class weight of the paper.

$$\ell = -\sum_i w_i\,[d_i \ln r_i + (1 - d_i) \ln(1 - r_i)], \qquad
w_i = \tfrac{N_0}{N_1} \cdot \text{recall\_factor where } d_i = 1$$
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import on_host, shared_library, to_numpy
from tokenlab.decoding.uncertainty import features
from tokenlab.errors import InvalidInput, public_caller

__all__ = ["Router", "pick_threshold"]


@takes(scores="n")
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
    shared_library([scores, labels], ["scores", "labels"])
    labels = checked_labels(labels, len(scores), "scores")
    scores = to_numpy(scores)
    min_recall = checks.number(min_recall, "min_recall", above=0, at_most=1)
    grid = np.linspace(0.01, 0.99, 100)  # the thresholds of the released code
    sent = scores >= grid[:, None]  # (100, n)
    recall = (sent & labels).sum(axis=1) / labels.sum()  # (100,)
    share = sent.mean(axis=1)  # (100,)
    if not (recall >= min_recall).any():
        return float(grid[recall.argmax()])
    return float(grid[np.where(recall >= min_recall, share, np.inf).argmin()])


def checked_labels(labels: Any, n: int, of: str) -> np.ndarray:
    """Labels of 0 and 1, or booleans, as booleans; both kinds must be there."""
    labels = checks.array(on_host(labels), "labels", np)
    real = labels.dtype.kind in "biuf"
    if labels.shape != (n,) or not real or not np.isin(labels, (0, 1)).all():
        raise InvalidInput(
            f"{public_caller()}: labels is {labels.shape} of {labels.dtype}; expected ({n},) values "
            f"of 0 and 1, one for each of {of}."
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
        self.ridge = checks.not_negative(ridge, "ridge")
        self.min_recall = checks.number(min_recall, "min_recall", above=0, at_most=1)
        self.recall_factor = checks.positive(recall_factor, "recall_factor")

    def fit(self, x: Any, labels: Any) -> "Router":
        """Newton's method on the weighted loss, to its minimum.

        Parameters
        ----------
        x : ndarray of shape (n, n_features)
        labels : ndarray of shape (n,), bool
            True where the small model's token diverges.
        """
        x = checks.vectors(on_host(x), "x", "n", np, at_least=2).astype(np.float64)
        y = checked_labels(labels, len(x), "x")
        self.mean_, deviation = x.mean(axis=0), x.std(axis=0)
        self.scale_ = np.where(deviation > 0, deviation, 1.0)  # a constant column stays one
        z = np.column_stack(
            [np.ones(len(x)), (x - self.mean_) / self.scale_]
        )  # (n, 1 + n_features)
        self.pos_weight_ = float((~y).sum() / y.sum() * self.recall_factor)  # N0/N1 · factor
        weights = np.where(y, self.pos_weight_, 1.0)
        beta = minimised(z, y, weights, self.ridge)
        self.intercept_, self.coef_ = float(beta[0]), beta[1:]
        self.threshold_ = pick_threshold(self.predict_proba(x), y, self.min_recall)
        return self

    def predict_proba(self, x: Any) -> np.ndarray:
        """The probability that a token diverges, `(n,)`."""
        x = checks.vectors(on_host(x), "x", "n", np)
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
        slope = z.T @ (weights * (p - y)) + penalty * beta  # the gradient of the loss
        curve = z.T @ (z * (weights * p * (1 - p))[:, None]) + np.diag(penalty)  # its Hessian
        # Least squares, since columns that depend on each other make it singular.
        move = np.linalg.lstsq(curve, slope, rcond=None)[0]
        length = 1.0  # halved until the loss does not rise
        while length > 1e-8 and loss(beta - length * move) > loss(beta):
            length /= 2
        beta = beta - length * move
        if abs(slope).max() < 1e-10 * weights.sum() or length <= 1e-8:
            break
    return beta
