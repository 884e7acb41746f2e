r"""Mixtures of Gaussians with one scale for all directions: their density, and draws from them.

$$p(z) = \sum_k \pi_k\, \mathcal{N}(z; \mu_k, \sigma_k^2 I) \qquad (4)$$

Eq. (4) is that of `quantization.resgen`, which predicts such mixtures.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, stop, to_numpy
from tokenlab.errors import InvalidInput, public_caller

__all__ = ["Mixture", "draw", "mixture_log_density"]


class Mixture(NamedTuple):
    """Gaussians with one scale for all directions; `log_weights` need not add up to one.

    `log_weights (..., k)`, `means (..., k, d)`, `log_scales (..., k)`.
    """

    log_weights: Any
    means: Any
    log_scales: Any


def as_mixture(x: Any, name: str) -> Mixture:
    """A mixture, or a tuple of its three arrays."""
    if not isinstance(x, list | tuple) or len(x) != 3:
        raise InvalidInput(
            f"{public_caller()}: {name} is {checks.shown(x)}; expected a Mixture of log_weights, "
            "means and log_scales."
        )
    return Mixture(*x)


@takes(z="... d", mixture=as_mixture)
def mixture_log_density(z: Any, mixture: Mixture) -> Any:
    """The logarithm of the density of the mixture at each row.

    Parameters
    ----------
    z : ndarray of shape (..., d)
    mixture : Mixture

    Returns
    -------
    ndarray of shape (...)

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        Shapes that do not fit, something that is not finite.

    Examples
    --------
    >>> one = Mixture(np.zeros((1, 1)), np.zeros((1, 1, 2)), np.zeros((1, 1)))
    >>> mixture_log_density(np.zeros((1, 2)), one).round(4).tolist()  # -log(2 pi)
    [-1.8379]
    """
    return _log_density(z, *mixture)


@takes(z="... d", log_weights="... k", means="... k d", log_scales="... k")
def _log_density(z: Any, log_weights: Any, means: Any, log_scales: Any) -> Any:
    xp, d = get_xp(z, log_weights, means, log_scales), z.shape[-1]
    weights = log_weights - log_sum(log_weights, xp)[..., None]  # (..., k)
    gap = (z[..., None, :] - means) * xp.exp(-log_scales)[..., None]  # (..., k, d)
    square = (gap * gap).sum(axis=-1)  # (..., k)
    each = weights - square / 2 - d * log_scales - d / 2 * math.log(2 * math.pi)
    return log_sum(each, xp)  # (...) Eq. (4): log of the sum over the components


def log_sum(x: Any, xp: Any) -> Any:
    """log sum exp over the last axis."""
    top = stop(x).max(axis=-1, keepdims=True)
    return xp.log(xp.exp(x - top).sum(axis=-1)) + top[..., 0]


@takes(mixture=as_mixture)
def draw(mixture: Mixture, *, top_p: float = 1.0, rng: Any = None) -> np.ndarray:
    """One vector from the mixture of each position.

    Parameters
    ----------
    mixture : Mixture
    top_p : float
        Above 0, at most 1: only the heaviest components that together have this share.
    rng : numpy.random.Generator, int or None

    Returns
    -------
    ndarray of shape (..., d)

    Examples
    --------
    >>> sure = Mixture(np.array([[0.0, -1e9]]), np.array([[[3.0], [9.0]]]), np.full((1, 2), -50.0))
    >>> draw(sure, rng=0).round(6).tolist()
    [[3.0]]
    """
    top_p = checks.number(top_p, "top_p", above=0, at_most=1)
    return _draw(*mixture, top_p=top_p, rng=checks.generator(rng))


@takes(log_weights="... k", means="... k d", log_scales="... k")
def _draw(log_weights: Any, means: Any, log_scales: Any, *, top_p: float, rng: Any) -> Any:
    log_weights, means, log_scales = (to_numpy(x) for x in (log_weights, means, log_scales))
    weights = np.exp(log_weights - log_weights.max(axis=-1, keepdims=True))
    weights = weights / weights.sum(axis=-1, keepdims=True)  # (..., k)
    order = (-weights).argsort(axis=-1, kind="stable")
    falling = np.take_along_axis(weights, order, axis=-1)
    before = falling.cumsum(axis=-1) - falling  # the mass of all heavier ones
    falling = np.where(before < top_p, falling, 0)
    ends = falling.cumsum(axis=-1)
    u = rng.random((*ends.shape[:-1], 1)) * ends[..., -1:]
    place = (ends <= u).sum(axis=-1, keepdims=True)  # (..., 1)
    component = np.take_along_axis(order, np.minimum(place, ends.shape[-1] - 1), axis=-1)
    mean = np.take_along_axis(means, component[..., None], axis=-2)[..., 0, :]  # (..., d)
    scale = np.exp(np.take_along_axis(log_scales, component, axis=-1))  # (..., 1)
    return mean + scale * rng.standard_normal(mean.shape)
