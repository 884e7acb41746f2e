r"""xAR: Beyond Next-Token: Next-X Prediction for Autoregressive Visual Generation.

Sucheng Ren, Qihang Yu, Ju He, Xiaohui Shen, Alan Yuille, Liang-Chieh Chen. ICCV 2025.
arXiv:2502.20388

A picture can be generated part after part, where a part (an *entity*) is a token, a cell of
neighbouring ones, a subsample, or the whole picture. Each entity is drawn by flow matching: from
noise along a predicted velocity. In training all entities are noisy, each at a time of its own, so
that the model never relies on perfect context.

| paper's symbol | name here | shape |
|---|---|---|
| $X_1 \dots X_N$ | `entities`, positions of `x` | `(n_entities, size)` |
| $\epsilon$, $t_n$ | `noise`, `t` | `(b, n, d)`, `(b, n_entities)` |
| $F^t$ | `noisy` | `(b, n, d)` |
| $V^t$ | `velocity` | `(b, n, d)` |

$$F_n = (1 - t_n) X_n + t_n \epsilon_n \qquad (2)$$
$$V_n = \epsilon_n - X_n \qquad (3)$$
$$\mathcal{L} = \sum_n \lVert f(\{F_1 \dots F_n\}, t_n) - V_n \rVert^2 \qquad (4)$$

Example
-------
    entities = cells(4, 4, 2)                        # four cells of 2 x 2 tokens
    error = loss(params, forward, x, entities, noise, times((b, 4), rng=0))
    pictures = sample(velocity, entities, c, steps=20, b=8, rng=0)
"""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, to_numpy
from tokenlab.errors import ShapeError
from tokenlab.objectives.entities import (
    block_causal_mask,
    cells,
    checked_entities,
    scales,
    subsamples,
    tokens,
    whole,
)
from tokenlab.objectives.flow import FlowPair, flow_pair, recover, score, time_grid, times
from tokenlab.steps import step

__all__ = [
    "FlowPair",
    "block_causal_mask",
    "cells",
    "flow_pair",
    "guidance_ramp",
    "loss",
    "recover",
    "sample",
    "scales",
    "score",
    "subsamples",
    "time_grid",
    "times",
    "tokens",
    "whole",
]


def guidance_ramp(n_entities: int, scale: float) -> np.ndarray:
    """How strongly each entity is guided: from 1 (not at all) to `scale`, in equal steps.

    Parameters
    ----------
    n_entities : int
        One entity is not guided.
    scale : float

    Returns
    -------
    ndarray of shape (n_entities,)

    Examples
    --------
    >>> guidance_ramp(3, 2.0).tolist()
    [1.0, 1.5, 2.0]
    """
    n_entities = checks.count(n_entities, "n_entities")
    # i / (N - 1) has no value for one entity; linspace leaves it at 1.
    return np.linspace(1.0, checks.number(scale, "scale"), n_entities)


@takes(x="b n d", noise="b n d", t="b n_entities")
def loss(
    params: Any,
    forward: Callable[..., Any],
    x: Any,
    entities: Any,
    noise: Any,
    t: Any,
    *,
    labels: Any = None,
) -> Any:
    """Eq. (4): the squared error of the predicted velocities, averaged over everything.

    Parameters
    ----------
    params
        Handed to `forward`.
    forward : callable
        `forward(params, noisy (b, n, d), t (b, n), entities, labels) -> velocity (b, n, d)`; that
        an entity sees those up to itself alone is up to it (`block_causal_mask`).
    x, noise : ndarray of shape (b, n, d)
    entities : ndarray of shape (n_entities, size)
        Each position once.
    t : ndarray of shape (b, n_entities)
        One time for each entity.
    labels
        Handed to `forward`.

    Returns
    -------
    float

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        Entities that miss or repeat a position, times outside of 0 to 1, another shape from
        `forward`.

    Examples
    --------
    >>> perfect = lambda params, noisy, t, entities, labels: np.ones((1, 4, 1))
    >>> float(loss(None, perfect, np.zeros((1, 4, 1)), tokens(2, 2), np.ones((1, 4, 1)),
    ...            np.full((1, 4), 0.5)))
    0.0
    """
    xp = get_xp(x, noise, t)
    n = x.shape[1]
    entities = checked_entities(entities, n)
    if t.shape[1] != len(entities):
        raise ShapeError(
            f"loss: t is {t.shape} = (b, n_entities) and there are {len(entities)} entities; "
            "expected one time for each."
        )
    entity_of = np.empty(n, np.int64)  # which entity each position belongs to
    entity_of[entities] = np.arange(len(entities))[:, None]
    t = t[:, xp.asarray(entity_of)]  # (b, n_entities) -> (b, n): one time for a whole entity
    noisy, velocity = flow_pair(x, noise, t)
    # All entities in one call: each is noisy, so none has to wait for those before it.
    predicted = forward(params, noisy, t, entities, labels)
    if predicted.shape != x.shape:
        raise ShapeError(f"loss: forward returned {predicted.shape}; expected {x.shape}.")
    error = predicted - velocity  # (b, n, d)
    return (error * error).mean()  # Eq. (4), as a mean


@takes(entities="n_entities size int")
def sample(
    velocity: Callable[[Any, Any, int], Any],
    entities: Any,
    c: int,
    *,
    steps: int,
    b: int = 1,
    variant: str = "paper",
    rng: Any = None,
) -> np.ndarray:
    """Draw entity after entity, each from noise to data.

    Parameters
    ----------
    velocity : callable
        `velocity(x (b, n, c), t (b, n), i) -> (b, n, c)`, of which entity `i` is read. Finished
        entities stand at t = 0; those to come are noise at t = 1.
    entities : ndarray of shape (n_entities, size)
    c : int
        Channels.
    steps, b : int
    variant : "paper" or "official"
        Euler steps along the velocity, or the official sampler, which adds noise and takes it away
        again (Euler-Maruyama) on its own grid of times.
    rng : numpy.random.Generator, int or None

    Returns
    -------
    ndarray of shape (b, n, c)

    Raises
    ------
    ShapeError, InvalidInput, DTypeError
        Entities that miss or repeat a position; another shape from `velocity`.

    Examples
    --------
    >>> to_three = lambda x, t, i: (x - 3.0) / np.maximum(t, 1e-9)[..., None]
    >>> sample(to_three, tokens(2, 1), 1, steps=4, rng=0).round(9).tolist()
    [[[3.0], [3.0]]]
    """
    xp = get_xp(entities)
    entities = checked_entities(to_numpy(entities))
    c, b = checks.count(c, "c"), checks.count(b, "b")
    rng = checks.generator(rng)
    grid = time_grid(steps, variant=variant)
    x = rng.standard_normal((b, entities.size, c))  # everything is noise, at t = 1
    t = np.ones((b, entities.size))
    for i, places in enumerate(entities):
        for now, then in itertools.pairwise(grid):
            t[:, places] = now
            # Asked about all positions; only this entity moves.
            v = to_numpy(velocity(x.copy(), t.copy(), i))
            if v.shape != x.shape:
                raise ShapeError(f"sample: velocity returned {v.shape}; expected {x.shape}.")
            x[:, places] = moved(x[:, places], v[:, places], now, then, variant, rng)
        t[:, places] = 0.0  # finished: clean context for those to come
        step("x", x.copy(), f"entity {i + 1} is drawn", axes=("b", "n", "c"))
    return xp.asarray(x)


def moved(x: Any, v: Any, now: float, then: float, variant: str, rng: Any) -> Any:
    """One step in time of one entity."""
    dt = then - now  # below 0: from noise to data
    if variant == "paper":
        return x + dt * v  # Euler: V points from data to noise
    # The same densities with noise: drift v - t s, diffusion 2 t; none in the last step.
    x = x + dt * (v - now * score(x, v, np.full(x.shape[:-1], now)))
    # The data itself is wanted in the end.
    return x if then == 0 else x + (2 * now * -dt) ** 0.5 * rng.standard_normal(x.shape)


NOTES = r"""
Differs from the paper
----------------------
- Eq. (4) is a mean here.
- The paper draws $t$ uniformly, the code from a logit-normal and cuts it to thousandths (not done
  here). Context in sampling stands at $t = 0$, which the official law hardly ever shows in training:
  $P(t < 0.02) = 5 \cdot 10^{-5}$.
- The code samples with noise by default and has a grid that ends 0.04, 0; one step of it fails there
  and is refused here.
- A caption of the paper calls $t = 0$ pure noise, against its Eq. (2).

Cost
----
`steps` calls of the model for each entity.

Why not just ...
----------------
*... draw token after token?* The paper finds cells of 8 x 8 tokens better than single tokens. More
entities are more calls, too.
"""
