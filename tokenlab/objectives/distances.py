"""What follows every position of a text: windows of tokens, and what a loss at each distance counts."""

from typing import Any, NamedTuple

import numpy as np

from tokenlab import numerics
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.objectives.multi_token import known_labels, mean_loss

__all__ = ["Windows", "distance_losses", "distance_weights", "smoothness", "windows"]

NONE = -100  # a target behind the end of the text


class Windows(NamedTuple):
    """What the decoder reads at every position, and what it should say: both `(..., n, horizon)`."""

    inputs: Any
    targets: Any  # -100 behind the end of the text


@takes(ids="... n int", horizon="count")
def windows(ids: Any, horizon: int) -> Windows:
    """From every position the tokens from there on, and those one further.

    Parameters
    ----------
    ids : ndarray of shape (..., n)
    horizon : int

    Returns
    -------
    Windows
        Behind the end of the text the last token is read again, and the target is -100.

    Examples
    --------
    >>> inputs, targets = windows([5, 6, 7], 2)
    >>> inputs.tolist(), targets.tolist()
    ([[5, 6], [6, 7], [7, 7]], [[6, 7], [7, -100], [-100, -100]])
    """
    xp, n = get_xp(ids), ids.shape[-1]
    if bool((ids < 0).any()):
        raise InvalidInput(f"windows: ids has {int(ids.min())}; expected tokens, from 0 on.")
    places = xp.arange(n)[:, None] + xp.arange(horizon)  # (n, horizon)
    inputs = ids[..., xp.minimum(places, n - 1)]  # (..., n, horizon)
    following = ids[..., xp.minimum(places + 1, n - 1)]
    return Windows(inputs, xp.where(places + 1 < n, following, NONE))


@takes(horizon="count", gamma="positive")
def distance_weights(horizon: int, gamma: float = 0.8) -> np.ndarray:
    """How much each distance counts, the nearest first; they sum to one.

    Parameters
    ----------
    horizon : int
    gamma : float
        Above 0, at most 1, where all count the same.

    Returns
    -------
    ndarray of shape (horizon,)

    Examples
    --------
    >>> distance_weights(2, 0.8).round(4).tolist()
    [0.5556, 0.4444]
    """
    if gamma > 1:
        raise InvalidInput(f"{public_caller()}: gamma is {gamma}; expected above 0, at most 1.")
    falling = gamma ** np.arange(horizon)
    return falling / falling.sum()  # (horizon,)


@takes(logits="... horizon vocab", targets="... horizon int")
def distance_losses(logits: Any, targets: Any) -> list[Any]:
    """The loss at each distance, (2) of `future_token`.

    Parameters
    ----------
    logits : ndarray of shape (..., horizon, vocab)
    targets : ndarray of shape (..., horizon)
        -100 counts nothing.

    Returns
    -------
    list of horizon float, or taped values
        0 for a distance without a target.

    Examples
    --------
    >>> [round(float(x), 4) for x in distance_losses(np.zeros((1, 2, 4)), [[3, -100]])]
    [1.3863, 0.0]
    """
    vocab, horizon = logits.shape[-1], logits.shape[-2]
    known_labels(targets, vocab, NONE, "targets")
    rows, wanted = logits.reshape(-1, horizon, vocab), targets.reshape(-1, horizon)
    return [mean_loss(rows[:, k], wanted[:, k], NONE) for k in range(horizon)]


@takes(h="... n d", lag="count", center="flag")
def smoothness(h: Any, *, lag: int = 1, center: bool = False) -> float:
    """The mean cosine of vectors that stand so far apart in a text.

    Parameters
    ----------
    h : ndarray of shape (..., n, d)
        Texts, each by itself.
    lag : int
    center : bool
        Take the mean of all vectors off first: where all share a direction, cosines are large for
        any two, adjacent or not.

    Returns
    -------
    float

    Examples
    --------
    >>> round(smoothness([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]), 6)
    0.707107
    """
    n, d = h.shape[-2:]
    if lag >= n:
        raise InvalidInput(f"smoothness: lag is {lag} in texts of n = {n}; expected less than n.")
    if center:
        h = h - h.reshape(-1, d).mean(axis=0)
    u = numerics.unit(h)
    cosines = (u[..., :-lag, :] * u[..., lag:, :]).sum(axis=-1)  # (..., n - lag)
    return float(cosines.mean())
