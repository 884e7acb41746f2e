r"""Training by AdamW: `train` for a loss of parameters, `adam` for one step, `save` and `load`.

    params, history = train(loss, params, batches, rate=0.003, warmup=20, clip=1.0)

`params` are nested dicts, lists and tuples of arrays, `loss(params, *batch)` is one number. With the
gradient $g_t$, which the tape of `autograd` gives, and $\beta$ for how long is remembered,

$$m_t = \beta_1 m_{t-1} + (1 - \beta_1) g_t, \qquad v_t = \beta_2 v_{t-1} + (1 - \beta_2) g_t^2,$$
$$\theta_t = \theta_{t-1} - \eta \lambda \theta_{t-1}
- \eta \frac{\sqrt{1 - \beta_2^t}}{1 - \beta_1^t} \frac{m_t}{\sqrt{v_t} + \epsilon}.$$

That is Adam (Kingma and Ba, 2015, in the order that the end of their Sec. 2 gives) with the weight
decay $\lambda$ beside it (Loshchilov and Hutter, 2019). Decay shrinks arrays of two or more axes; a
bias or a gain is not shrunk. What stands under a name that begins with `frozen` is left as it is.
"""

import inspect
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Set, Sized
from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.autograd import value_and_grad
from tokenlab.errors import InvalidInput, TokenlabError, public_caller
from tokenlab.optimizer import AdamState, adam, adam_start, betas_of, moves, updated
from tokenlab.parameters import load, save
from tokenlab.progress import track
from tokenlab.tape import mapped

__all__ = ["AdamState", "Diverged", "adam", "adam_start", "load", "minibatches", "save", "train"]


class Diverged(TokenlabError, ArithmeticError):
    """The loss or a gradient is no longer finite; `step`, `params` and `history` say until when.

    `params` are those before the step that failed.
    """

    def __init__(self, message: str, step: int, params: Any, history: list[float]):
        super().__init__(message)
        self.step, self.params, self.history = step, params, history


def trainable(params: Any, name: str) -> Any:
    """Nested arrays, at least one of which can move."""
    found: list[Any] = []
    mapped(lambda x: found.append(x) if moves(x) else None, params)
    if not found or (params is found[0] and not hasattr(params, "ndim")):
        raise InvalidInput(
            f"{public_caller()}: {name} is {checks.shown(params)}, without an array of floats; "
            'expected arrays in dicts, lists and tuples, such as {"slope": numpy.zeros(3)}.'
        )
    return params


@takes(
    loss="function",
    params=trainable,
    rate="positive",
    steps="count",
    betas=betas_of,
    eps="not negative",
    weight_decay="not negative",
    warmup="whole",
    clip="positive",
    rng="rng",
)
def train(
    loss: Callable[..., Any],
    params: Any,
    batches: Iterable[Any] | Callable[[np.random.Generator], Any],
    *,
    rate: float,
    steps: int | None = None,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    warmup: int = 0,
    schedule: str = "cosine",
    clip: float | None = None,
    rng: np.random.Generator | int | None = None,
    label: str = "training",
) -> tuple[Any, list[float]]:
    r"""Fit parameters by AdamW, one step for each batch; what was passed in is not changed.

    Parameters
    ----------
    loss : callable
        `loss(params, *batch)` returns one number that `autograd` can differentiate.
    params : nested dicts, lists and tuples
        Arrays of floats are trained, all else is handed on.
    batches : iterable or callable
        A tuple is several arguments of the loss, anything else (an array, a list) is one. With
        `steps` an iterable begins anew when it ends; a callable makes the batch of every step,
        `batches(rng)`, and needs `steps`.
    rate : float
        The largest step: after the warm-up.
    steps : int, optional
        By default as many as there are batches.
    betas, eps, weight_decay
        $\beta_1$ and $\beta_2$, $\epsilon$, $\lambda$ above.
    warmup : int
        Steps in which the rate rises in equal parts.
    schedule : "cosine" or "constant"
        Whether the rate falls to 0 after that, as half a cosine.
    clip : float, optional
        Gradients whose norm, over all arrays, is larger are scaled down to it.
    rng : numpy.random.Generator, int or None
        For `batches(rng)`.
    label : str
        What the progress bar says; it is drawn in terminals and notebooks alone.

    Returns
    -------
    params
        Of the form that came in.
    history : list of float
        The loss at each step, before the step.

    Raises
    ------
    InvalidInput
        No batches, a rate that is not above 0, a callable without `steps`.
    Diverged
        A loss or a gradient is not finite.

    Examples
    --------
    >>> loss = lambda p, x, y: ((p["slope"] * x - y) ** 2).mean()
    >>> data = [(np.array([1.0, 2.0]), np.array([3.0, 6.0]))]
    >>> params, history = train(loss, {"slope": np.array(0.0)}, data, steps=200, rate=0.2)
    >>> len(history), round(float(params["slope"]), 3)
    (200, 3.0)
    """
    checks.choice(schedule, "schedule", ("cosine", "constant"))
    source, steps = supply(batches, steps, rng)
    both = value_and_grad(loss)
    state = adam_start(params)
    history: list[float] = []
    options: dict[str, Any] = {"betas": betas, "eps": eps, "weight_decay": weight_decay}
    for taken in track(range(steps), label):
        batch = next(source)
        given = batch if type(batch) is tuple else (batch,)
        if taken == 0:
            accepted(loss, params, given)
        value, grads = both(params, *given)
        grads = mapped(lambda _, g, cold: None if cold else g, params, grads, frozen(params))
        size = norm(grads)
        if not math.isfinite(value + size):
            raise Diverged(
                f"train: step {taken + 1} of {steps}: the loss is {value}, its gradient has the "
                f"norm {size}. Take a smaller rate than {rate:g}, a warmup, or clip=1.0; "
                "error.params are the parameters before this step.",
                taken + 1,
                params,
                history,
            )
        history.append(value)
        if clip is not None and size > clip:
            grads = mapped(lambda g, by=clip / size: None if g is None else g * by, grads)
        now = rate_at(taken, steps, rate, warmup, schedule)
        params, state = updated(params, grads, state, now, **options)
    return mapped(lambda x: x.copy() if hasattr(x, "copy") else x, params), history


def accepted(loss: Callable[..., Any], params: Any, batch: tuple) -> None:
    """Raise unless the loss takes as many arguments as a batch has."""
    try:
        signature = inspect.signature(loss)
    except (TypeError, ValueError):  # of some functions written in C
        return
    try:
        signature.bind(params, *batch)
    except TypeError as error:
        raise InvalidInput(
            f"{public_caller()}: batches gives {len(batch)} values at a time, a tuple being "
            f"several, but loss takes params and others ({error})."
        ) from None


def supply(batches: Any, steps: int | None, rng: Any) -> tuple[Iterator[Any], int]:
    """Batches one by one, and how many."""
    if callable(batches):
        if steps is None:
            raise InvalidInput("train: batches is a function; expected steps=, how often to ask.")
        rng = checks.generator(rng)
        return (batches(rng) for _ in range(steps)), steps
    if isinstance(batches, str | bytes | Mapping | Set) or not isinstance(batches, Iterable):
        raise InvalidInput(
            f"train: batches is {checks.shown(batches)}; expected a list of batches, or a function."
        )
    if getattr(batches, "ndim", 1) == 0:
        raise InvalidInput("train: batches is a single number; expected a list of batches.")
    if steps is None:  # how far the cosine has to go
        batches = batches if isinstance(batches, Sized) else list(batches)
        steps = len(batches)
    if steps == 0:
        raise InvalidInput("train: there are no batches: batches is empty; expected at least one.")
    return again_and_again(batches), steps


def again_and_again(batches: Iterable[Any]) -> Iterator[Any]:
    """All batches, and again from the first."""
    while True:
        empty = True
        for batch in batches:
            empty = False
            yield batch
        if empty:
            raise InvalidInput(
                "train: batches ran out, and cannot be read again; pass a list, or fewer steps."
            )


def rate_at(
    taken: int, steps: int, rate: float, warmup: int = 0, schedule: str = "cosine"
) -> float:
    """The rate of a step: it rises in equal parts, then falls to 0 as half a cosine."""
    if taken < warmup:
        return rate * (taken + 1) / warmup
    if schedule == "constant":
        return rate
    return rate * 0.5 * (1 + math.cos(math.pi * (taken - warmup) / (steps - warmup)))


@takes(n="count", size="count", epochs="count", rng="rng")
def minibatches(
    n: int, size: int, *, epochs: int = 1, rng: np.random.Generator | int | None = None
) -> list[np.ndarray]:
    """Row numbers in batches: all rows in a new random order for each epoch, less the last few.

    Parameters
    ----------
    n, size : int
        How many rows there are, and how many make a batch; all of them when there are fewer.
    epochs : int
    rng : numpy.random.Generator, int or None

    Examples
    --------
    >>> [rows.shape for rows in minibatches(7, 3, epochs=2, rng=0)]
    [(3,), (3,), (3,), (3,)]
    """
    size = min(size, n)
    rng = np.random.default_rng(rng)
    orders = [rng.permutation(n) for _ in range(epochs)]
    return [order[i : i + size] for order in orders for i in range(0, n - size + 1, size)]


def norm(grads: Any) -> float:
    """The length of all gradients as one vector."""
    squares = [0.0]

    def add(g: Any) -> None:
        if g is not None:
            squares.append(float((g.astype(np.float64) ** 2).sum()))

    with np.errstate(over="ignore"):
        mapped(add, grads)
    return math.sqrt(sum(squares)) if all(map(math.isfinite, squares)) else math.inf


def frozen(tree: Any, inside: bool = False) -> Any:
    """For every array whether it stands under a name that begins with `frozen`."""
    if isinstance(tree, dict):
        cold = {name: inside or str(name).startswith("frozen") for name in tree}
        return {name: frozen(part, cold[name]) for name, part in tree.items()}
    if isinstance(tree, list | tuple):
        return [frozen(part, inside) for part in tree]
    return inside
