"""Masks of a model's weights as dicts from paths such as `blocks/0/up`: made and applied."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arrays import get_xp, is_taped, stop, to_numpy
from tokenlab.errors import InvalidInput, ShapeError, public_caller
from tokenlab.steps import is_recording, step

__all__ = [
    "Settled",
    "apply",
    "paths",
    "settled",
    "soft_masks",
    "start",
    "threshold",
]

Masks = dict[str, Any]


class Settled(NamedTuple):
    """Shares of all masks: at most .1, between, at least .9."""

    off: float
    undecided: float
    on: float


def walked(tree: Any, path: str = "") -> Iterable[tuple[str, Any]]:
    """Every array of nested dicts and lists, with its path."""
    if isinstance(tree, dict | list | tuple):  # a list's names are its places
        items = tree.items() if isinstance(tree, dict) else enumerate(tree)
        for name, part in items:
            yield from walked(part, f"{path}/{name}" if path else str(name))
    else:
        yield path, tree  # an array


def arrays_of(params: Any) -> dict[str, Any]:
    """Every array of a model by its path, or an error that names `params`."""
    # One dict of all arrays, so that a path is one look-up.
    every = dict(walked(params)) if isinstance(params, dict | list | tuple) else {}
    if not every or not all(hasattr(stop(x), "ndim") for x in every.values()):
        raise InvalidInput(
            f"{public_caller()}: params is {checks.shown(params)}; expected nested dicts and lists "
            "of arrays."
        )
    return every


def mask_dict(masks: Any, name: str) -> Masks:
    """One array for each path, and one at least."""
    if not checks.mapping(masks, name):
        raise InvalidInput(f"{public_caller()}: {name} is empty; expected an array for each path.")
    return masks


def paths(params: Any, *, inside: str = "blocks") -> list[str]:
    """Where the weights are that can be masked: arrays of two and more axes.

    Parameters
    ----------
    params : nested dicts and lists of arrays
    inside : str
        Only what stands below this path; "" for all.

    Returns
    -------
    list of str

    Examples
    --------
    >>> paths({"embed": np.ones((2, 2)), "blocks": [{"up": np.ones((2, 3)), "bias": np.ones(3)}]})
    ['blocks/0/up']
    """
    inside = checks.text(inside, "inside")
    # Vectors, such as norms and biases, are always kept.
    below = [
        path
        for path, x in arrays_of(params).items()
        if stop(x).ndim >= 2 and (not inside or f"{path}/".startswith(f"{inside}/"))
    ]
    if not below:
        raise InvalidInput(f"{public_caller()}: inside is {inside!r}, and no weights stand there.")
    return below


def start(params: Any, where: Iterable[str] | None = None) -> Masks:
    """Zeros for every weight: masks of one half.

    Parameters
    ----------
    params : nested dicts and lists of arrays
    where : iterable of str, optional
        Paths, by default `paths(params)`.

    Returns
    -------
    dict of arrays

    Examples
    --------
    >>> start({"blocks": np.ones((2, 2))})["blocks"].tolist()
    [[0.0, 0.0], [0.0, 0.0]]
    """
    every = arrays_of(params)
    # Some of the paths, for example one layer's, ask where the bigrams are.
    where = paths(params) if where is None else checks.texts(where, "where")
    known_paths(where, every, "where")
    # At 0 every mask is one half, and learns fastest.
    return {path: get_xp(every[path]).zeros_like(every[path]) for path in where}


def known_paths(names: Iterable[str], every: dict[str, Any], argument: str) -> None:
    """Raise for a path that no array has."""
    # A misspelt path would mask nothing, silently.
    unknown = [name for name in names if name not in every]
    if unknown:
        raise InvalidInput(
            f"{public_caller()}: {argument} has the path {unknown[0]!r}; expected some of "
            f"{', '.join(list(every)[:4])}, ..."
        )


def apply(params: Any, masks: Masks) -> Any:
    """The model with its weights times their masks; an array without a mask goes on uncopied.

    Parameters
    ----------
    params : nested dicts and lists of arrays
    masks : dict of arrays
        Booleans, or numbers from 0 to 1.

    Returns
    -------
    nested dicts and lists, as `params`

    Raises
    ------
    ShapeError, InvalidInput
        A path that the model does not have, a mask of another shape.

    Examples
    --------
    >>> apply({"w": np.full((1, 2), 5.0)}, {"w": np.array([[True, False]])})["w"].tolist()
    [[5.0, 0.0]]
    """
    every = arrays_of(params)
    known_paths(checks.mapping(masks, "masks"), every, "masks")
    for path, mask in masks.items():
        # Broadcasting would mask whole rows or columns with one number.
        if stop(mask).shape != every[path].shape:
            raise ShapeError(
                f"{public_caller()}: the mask of {path} is {stop(mask).shape}; expected "
                f"{every[path].shape}."
            )

    def masked(tree: Any, path: str) -> Any:
        # Containers are made anew on the way down, so that the model's own stay as they are.
        below = f"{path}/" if path else ""
        if isinstance(tree, dict):
            return {name: masked(part, f"{below}{name}") for name, part in tree.items()}
        if isinstance(tree, list | tuple):
            return [masked(part, f"{below}{i}") for i, part in enumerate(tree)]
        if path not in masks:
            return tree  # the same array, not a copy
        mask = masks[path]
        # Booleans become 0 and 1 of the weights' own type, so that float32 stays float32.
        return tree * (mask if is_taped(mask) else mask.astype(tree.dtype))

    return masked(params, "")


def soft_masks(theta: Masks, temperature: float) -> Masks:
    """The sigmoid of `temperature * theta`: larger is harder.

    Parameters
    ----------
    theta : dict of arrays
    temperature : float

    Examples
    --------
    >>> soft_masks({"w": np.zeros((1, 2))}, 3.0)["w"].tolist()
    [[0.5, 0.5]]
    """
    temperature = checks.positive(temperature, "temperature")
    # (1 + tanh(x / 2)) / 2 is the sigmoid, and does not overflow.
    return {
        path: (1 + get_xp(x).tanh(x * (temperature / 2))) / 2
        for path, x in mask_dict(theta, "theta").items()
    }


def threshold(theta: Masks) -> Masks:
    """What is kept: True where theta is above 0.

    Parameters
    ----------
    theta : dict of arrays

    Examples
    --------
    >>> threshold({"w": np.array([[0.0, 1.0]])})["w"].tolist()
    [[False, True]]
    """
    # At exactly 0 a mask never moved: it is not kept.
    return {path: x > 0 for path, x in checks.mapping(theta, "theta").items()}


def settled(theta: Masks, temperature: float) -> Settled:
    """How many masks have made up their mind.

    Parameters
    ----------
    theta : dict of arrays
    temperature : float

    Returns
    -------
    Settled

    Examples
    --------
    >>> settled({"w": np.array([[-9.0, 0.0, 9.0, 8.0]])}, 1.0)
    Settled(off=0.25, undecided=0.25, on=0.5)
    """
    # All masks in one row: shares are of weights, whichever array they stand in.
    masks = np.concatenate([to_numpy(m).ravel() for m in soft_masks(theta, temperature).values()])
    if is_recording():  # a histogram is for people alone
        tenths = np.histogram(masks, bins=10, range=(0, 1))[0] / masks.size
        step("masks", tenths, "how many are where", eq="m = σ(β θ) (1)", axes=("from",))
    # The same borders as the paper: what lies between may still turn.
    off = float((masks <= 0.1).mean())
    on = float((masks >= 0.9).mean())
    return Settled(off, float(((masks > 0.1) & (masks < 0.9)).mean()), on)
