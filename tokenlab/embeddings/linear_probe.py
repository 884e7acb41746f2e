r"""A line between two classes of vectors: logistic regression with a ridge.

    probe = fit_probe(x, labels, ridge=1e-3)
    (probe.predict(held_out) == wanted).mean()

With labels $y$ of 1 and -1 it is the minimum of

$$\mathrm{mean}_i \log\big(1 + e^{-y_i (x_i \cdot w + b)}\big) + \tfrac{\rho}{2} \lVert w \rVert^2,$$

by Newton's method. What a line cannot tell apart, a probe does not show to be absent.
"""

from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, on_host, shared_library
from tokenlab.errors import InvalidInput, ShapeError, public_caller

__all__ = ["Probe", "fit_probe"]

ITERS = 200  # Newton steps at most; a dozen is usual


class Probe(NamedTuple):
    """A line through the vectors: `weights (d,)`, `bias`."""

    weights: Any
    bias: Any

    def predict(self, x: Any) -> Any:
        """Whether rows `x (n, d)` are on the positive side, bool (n,)."""
        return _side(x, self.weights, self.bias)


@takes(x="n d", weights="d")
def _side(x: Any, weights: Any, bias: Any) -> Any:
    return x @ weights + bias > 0  # (n,)


@takes(x="n d", ridge="positive")
def fit_probe(x: Any, labels: Any, *, ridge: float = 1e-3) -> Probe:
    """Logistic regression with a ridge on the weights: the exact minimum.

    Parameters
    ----------
    x : ndarray of shape (n, d)
    labels : ndarray of shape (n,)
        bool, or integers of two values of which the larger is positive.
    ridge : float
        Above 0, so that the minimum exists. The bias is free.

    Returns
    -------
    Probe
        `weights (d,)` and `bias` in float64, `.predict(x)`.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        Labels of one class.

    Examples
    --------
    >>> probe = fit_probe([[0.0], [1.0], [2.0], [3.0]], [False, False, True, True])
    >>> probe.predict([[1.4], [1.6]]).tolist()
    [False, True]
    """
    xp = shared_library([x, labels], ["x", "labels"])
    y = xp.where(two_classes(labels, "labels", len(x), xp), 1.0, -1.0)  # (n,)
    n, d = x.shape
    rows = xp.concatenate([x.astype(xp.float64), xp.ones((n, 1))], axis=1)  # (n, d + 1)
    penalty = xp.concatenate([xp.zeros(d) + ridge, xp.zeros(1)])  # none on the bias
    w = xp.zeros(d + 1)
    value = probe_loss(w, rows, y, penalty)
    for _ in range(ITERS):
        wrong = 1 / (1 + xp.exp(xp.clip(y * (rows @ w), -700, 700)))  # (n,)
        w_grad = -(y * wrong) @ rows / n + penalty * w
        curvature = (rows.T * (wrong * (1 - wrong))) @ rows / n + xp.diag(penalty + 1e-12)
        move = xp.linalg.solve(curvature, w_grad[:, None])[:, 0]
        size = 1.0  # halved until the loss falls, as far from the minimum Newton oversteps
        while size > 1e-10 and probe_loss(w - size * move, rows, y, penalty) > value:
            size /= 2
        w = w - size * move
        value = probe_loss(w, rows, y, penalty)
        if float(xp.abs(w_grad).max()) < 1e-12 or size <= 1e-10:
            break
    return Probe(w[:d], w[d])


def probe_loss(w: Any, rows: Any, y: Any, penalty: Any) -> float:
    """What is minimised."""
    xp = get_xp(rows)
    margins = y * (rows @ w)  # (n,), above 0 on the right side
    # log(1 + e^-m), without an exponential that overflows.
    losses = xp.log1p(xp.exp(-xp.abs(margins))) + xp.maximum(-margins, 0)
    return float(losses.mean() + (penalty * w * w).sum() / 2)


def two_classes(labels: Any, name: str, n: int, xp: Any) -> Any:
    """True for the larger of two labels, bool (n,); another number of classes is refused."""
    labels = checks.array(labels, name, xp)
    if labels.dtype != bool:
        labels = checks.integers(labels, name, xp)
    if labels.shape != (n,):
        raise ShapeError(
            f"{public_caller()}: {name} is {labels.shape}; expected ({n},), one for each row."
        )
    classes = np.unique(on_host(labels))
    if len(classes) != 2:
        raise InvalidInput(
            f"{public_caller()}: {name} has {len(classes)} different values; expected two classes, "
            "such as False and True."
        )
    return labels == labels.max()
