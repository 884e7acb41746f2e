r"""Flow matching: the straight path between data and noise, and the times along it.

$$F = (1 - t) X + t \epsilon \qquad (2) \qquad\qquad V = \epsilon - X \qquad (3)$$

Equations are those of `objectives.next_x`, which hands these functions on.
"""

from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.steps import step

__all__ = ["FlowPair", "flow_pair", "recover", "score", "time_grid", "times"]

OFFICIAL_LAST = 0.04  # the official grid goes from 1 to here in equal steps, and then to 0


class FlowPair(NamedTuple):
    """What the model sees, and what it shall predict; both have the shape of the data."""

    noisy: Any
    velocity: Any


@takes(x="... d", noise="... d", t="...")
def flow_pair(x: Any, noise: Any, t: Any) -> FlowPair:
    """A point between data and noise, Eq. (2), and the velocity there, Eq. (3).

    Parameters
    ----------
    x, noise : ndarray of shape (..., d)
    t : ndarray of shape (...)
        0 to 1: 0 is data, 1 noise. It is broadcast over the last axis.

    Returns
    -------
    FlowPair

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        A time outside of 0 to 1.

    Examples
    --------
    >>> noisy, velocity = flow_pair([[2.0, 0.0]], [[0.0, 1.0]], [0.25])
    >>> noisy.tolist(), velocity.tolist()
    ([[1.5, 0.25]], [[-2.0, 1.0]])
    """
    t = for_data(t, x)
    noisy = step((1 - t) * x + t * noise)  # (..., d) [Eq. 2] between data and noise
    velocity = step(noise - x)  # (..., d) [Eq. 3] from data to noise
    return FlowPair(noisy, velocity)


@takes(noisy="... d", velocity="... d", t="...")
def recover(noisy: Any, velocity: Any, t: Any) -> Any:
    """The data that a noisy point and its velocity come from: Eq. (2) with Eq. (3).

    Parameters
    ----------
    noisy, velocity : ndarray of shape (..., d)
    t : ndarray of shape (...)

    Returns
    -------
    ndarray of shape (..., d)

    Examples
    --------
    >>> recover([[1.5, 0.25]], [[-2.0, 1.0]], [0.25]).tolist()
    [[2.0, 0.0]]
    """
    return noisy - for_data(t, noisy) * velocity  # X = F - t V


@takes(x="... d", velocity="... d", t="...")
def score(x: Any, velocity: Any, t: Any) -> Any:
    r"""The gradient of the log-density of the noisy data, $-(x + (1 - t) v) / t$: minus noise by t.

    Parameters
    ----------
    x, velocity : ndarray of shape (..., d)
    t : ndarray of shape (...)
        Above 0.

    Returns
    -------
    ndarray of shape (..., d)

    Examples
    --------
    >>> score([[1.5, 0.25]], [[-2.0, 1.0]], [0.25]).tolist()  # -[0, 1] / 0.25
    [[-0.0, -4.0]]
    """
    if t.size and float(t.min()) <= 0:
        raise InvalidInput(
            f"{public_caller()}: t has {float(t.min())}; expected times above 0, since at 0 there "
            "is no noise."
        )
    t = for_data(t, x)
    # x + (1 - t) v is the noise, by Eqs. (2) and (3).
    return -(x + (1 - t) * velocity) / t


def for_data(t: Any, x: Any) -> Any:
    """Times that are broadcast over the last axis of the data."""
    outside = t.size and not (float(t.min()) >= 0 and float(t.max()) <= 1)
    if outside or t.ndim >= x.ndim:
        what = f"of shape {t.shape}" if t.ndim >= x.ndim else f"from {t.min()} to {t.max()}"
        raise InvalidInput(
            f"{public_caller()}: t is {what}; expected times from 0 to 1, one for each vector of "
            f"{x.shape} at most."
        )
    return t[..., None]  # (..., 1)


def times(shape: Any, *, variant: str = "official", rng: Any = None) -> np.ndarray:
    """Random times for training.

    Parameters
    ----------
    shape : int or tuple of int
    variant : "official" or "paper"
        The logistic function of normal numbers, or uniform from 0 to 1.
    rng : numpy.random.Generator, int or None

    Returns
    -------
    ndarray of that shape

    Examples
    --------
    >>> times((2, 3), rng=0).shape
    (2, 3)
    """
    checks.choice(variant, "variant", ("official", "paper"))
    sides = shape if isinstance(shape, tuple | list) else (shape,)
    sides = tuple(checks.count(n, "shape", at_least=0) for n in sides)
    rng = checks.generator(rng)
    if variant == "paper":
        return rng.random(sides)
    # Logit-normal: times near 1/2 are likely, those near the ends rare.
    return 1 / (1 + np.exp(-rng.standard_normal(sides)))


def time_grid(steps: int, *, variant: str = "paper") -> np.ndarray:
    """Times at which a sampler calls the model, from 1 to 0.

    Parameters
    ----------
    steps : int
        For the official grid at least 2.
    variant : "paper" or "official"
        Equal steps, or equal steps to 0.04 and then to 0.

    Returns
    -------
    ndarray of shape (steps + 1,)

    Examples
    --------
    >>> time_grid(2).tolist(), time_grid(3, variant="official").round(2).tolist()
    ([1.0, 0.5, 0.0], [1.0, 0.52, 0.04, 0.0])
    """
    checks.choice(variant, "variant", ("paper", "official"))
    if variant == "paper":
        return np.linspace(1, 0, checks.count(steps, "steps") + 1)
    # The last step, from 0.04 to 0, is the one without noise.
    steps = checks.count(steps, "steps", at_least=2)
    return np.append(np.linspace(1, OFFICIAL_LAST, steps), 0.0)
