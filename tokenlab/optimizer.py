r"""One step of Adam and its state, for `training`, whose text has the equations."""

import math
from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import library
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.tape import mapped

__all__ = ["AdamState", "adam", "adam_start"]


class AdamState(NamedTuple):
    """What Adam remembers: steps taken, means of the gradients and of their squares."""

    taken: int
    mean: Any
    square: Any


def betas_of(x: Any, name: str) -> tuple[float, float]:
    """How long means and squares are remembered."""
    if not isinstance(x, list | tuple | np.ndarray) or np.shape(x) != (2,):
        raise InvalidInput(
            f"{public_caller()}: {name} is {checks.shown(x)}; expected two numbers from 0 to below "
            "1, such as (0.9, 0.999)."
        )
    first, second = (checks.number(beta, name, at_least=0, below=1) for beta in x)
    return first, second


def adam_start(params: Any) -> AdamState:
    """The state before the first step: nothing has been seen.

    Examples
    --------
    >>> adam_start({"slope": np.ones(2)})
    AdamState(taken=0, mean={'slope': array([0., 0.])}, square={'slope': array([0., 0.])})
    """
    zeros = lambda: mapped(  # noqa: E731
        lambda x: library(x).zeros_like(x) if moves(x) else None, params
    )
    return AdamState(0, zeros(), zeros())


def moves(x: Any) -> bool:
    """Whether it is an array of floats, or a number that stands for one."""
    return isinstance(x, float) or getattr(getattr(x, "dtype", None), "kind", "") == "f"


@takes(
    state=AdamState,
    rate="not negative",
    betas=betas_of,
    eps="not negative",
    weight_decay="not negative",
)
def adam(
    params: Any,
    grads: Any,
    state: AdamState,
    *,
    rate: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
) -> tuple[Any, AdamState]:
    """One step: new parameters and a new state; a gradient of None leaves its array alone.

    Parameters
    ----------
    params, grads : nested dicts, lists and tuples
        Of one form, as from `value_and_grad`.
    state : AdamState
        From `adam_start`, or from the step before.
    rate, betas, eps, weight_decay : float
        As for `train`.

    Returns
    -------
    params, state

    Examples
    --------
    >>> params = {"slope": np.array([1.0])}
    >>> params, state = adam(params, {"slope": np.array([5.0])}, adam_start(params), rate=0.1)
    >>> params["slope"].round(6).tolist(), state.taken
    ([0.9], 1)
    """
    same_form(params, state.mean, "state")
    same_form(params, grads, "grads")
    return updated(params, grads, state, rate, betas, eps, weight_decay)


def same_form(params: Any, other: Any, name: str) -> None:
    """Raise unless something stands wherever an array of `params` does, of its shape, or None."""

    def agrees(x: Any, y: Any) -> None:
        fits = y is None or (shape_of(y) == shape_of(x) and moves(y))
        if not fits:
            raise ValueError(f"{checks.shown(y)} stands where params has {checks.shown(x)}")

    try:
        if params is None or other is None:
            raise ValueError("None came")
        mapped(agrees, params, other)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InvalidInput(
            f"{public_caller()}: params and {name} are not of one form ({error}); expected grads "
            "of value_and_grad, and a state of adam_start or of the step before."
        ) from None


def shape_of(x: Any) -> Any:
    """Of an array, or of a number; False for anything else."""
    return () if isinstance(x, float) else getattr(x, "shape", False)


def updated(
    params: Any,
    grads: Any,
    state: AdamState,
    rate: float,
    betas: tuple[float, float],
    eps: float,
    weight_decay: float,
) -> tuple[Any, AdamState]:
    """One step of Adam with what has been checked."""
    first, second = betas
    taken = state.taken + 1
    scale = rate * (math.sqrt(1 - second**taken) / (1 - first**taken))

    def followed(old: Any, new: Any, share: float) -> Any:
        return old if new is None else old + share * (new - old)

    def moved(x: Any, g: Any, m: Any, v: Any) -> Any:
        if g is None:
            return x
        decay = rate * weight_decay if getattr(x, "ndim", 0) > 1 else 0.0
        kept = x * (1 - decay) if decay else x
        return kept - scale * m / (library(v).sqrt(v) + eps)

    # Rounded, since 1 - 0.9 is not the number that one writes as 0.1.
    mean = mapped(lambda m, g: followed(m, g, round(1 - first, 15)), state.mean, grads)
    square = mapped(
        lambda v, g: followed(v, None if g is None else g * g, round(1 - second, 15)),
        state.square,
        grads,
    )
    return mapped(moved, params, grads, mean, square), AdamState(taken, mean, square)
