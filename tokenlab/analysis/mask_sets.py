"""Masks of a model's weights as dicts from paths such as `blocks/0/up`: made, applied, compared."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arrays import get_xp, is_taped, stop, to_numpy
from tokenlab.errors import InvalidInput, ShapeError, public_caller

__all__ = [
    "Overlap",
    "Settled",
    "apply",
    "complement",
    "magnitude_masks",
    "overlap",
    "paths",
    "random_masks",
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


class Overlap(NamedTuple):
    """How many weights two subnetworks share, and the mean and deviation of chance."""

    shared: int
    expected: float
    deviation: float

    @property
    def z(self) -> float:
        """(shared - expected) / deviation; 0 where chance leaves no choice."""
        return (self.shared - self.expected) / self.deviation if self.deviation else 0.0


def walked(tree: Any, path: str = "") -> Iterable[tuple[str, Any]]:
    """Every array of nested dicts and lists, with its path."""
    if isinstance(tree, dict | list | tuple):  # a list's names are its places
        items = tree.items() if isinstance(tree, dict) else enumerate(tree)
        for name, part in items:
            yield from walked(part, f"{path}/{name}" if path else str(name))
    else:
        yield path, tree


def arrays_of(params: Any) -> dict[str, Any]:
    """Every array of a model by its path, or an error that names `params`."""
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
    off = float((masks <= 0.1).mean())
    on = float((masks >= 0.9).mean())
    return Settled(off, float(((masks > 0.1) & (masks < 0.9)).mean()), on)


def complement(masks: Masks) -> Masks:
    """Everything else: True where the mask is False.

    Parameters
    ----------
    masks : dict of arrays of bool

    Examples
    --------
    >>> complement({"w": np.array([[True, False]])})["w"].tolist()
    [[False, True]]
    """
    # What is left when the subnetwork is taken out: is it critical?
    return {path: ~mask for path, mask in booleans(masks, "masks").items()}


def booleans(masks: Masks, name: str) -> Masks:
    """The masks, which must be of booleans."""
    # Numbers such as 0.5 are no decision; `threshold` makes one.
    named = checks.mapping(masks, name).items()
    return {path: checks.booleans(mask, name, get_xp(mask)) for path, mask in named}


def random_masks(masks: Masks, *, rng: Any = None) -> Masks:
    """As many weights of each array, drawn at random.

    Parameters
    ----------
    masks : dict of arrays of bool
    rng : numpy.random.Generator, int or None

    Examples
    --------
    >>> int(random_masks({"w": np.array([[True, False, False]])}, rng=0)["w"].sum())
    1
    """
    rng = checks.generator(rng)
    # Shuffled within its array: where the weights are, by layer and part, stays the same.
    return {
        path: get_xp(mask).asarray(rng.permutation(to_numpy(mask).ravel()).reshape(mask.shape))
        for path, mask in booleans(masks, "masks").items()
    }


def magnitude_masks(params: Any, masks: Masks) -> Masks:
    """As many weights of each array, the largest ones; of equal ones the first.

    Parameters
    ----------
    params : nested dicts and lists of arrays
    masks : dict of arrays of bool

    Examples
    --------
    >>> masks = {"w": np.array([[True, False, False]])}
    >>> magnitude_masks({"w": np.array([[1.0, -3.0, 2.0]])}, masks)["w"].tolist()
    [[False, True, False]]
    """
    every = arrays_of(params)
    known_paths(checks.mapping(masks, "masks"), every, "masks")
    largest = {}
    for path, mask in booleans(masks, "masks").items():
        xp = get_xp(mask)
        size = abs(every[path]).ravel()  # (n,), how large each weight is
        chosen = xp.zeros(size.shape, dtype=bool)
        # Stable, so that of equal weights the first ones stay.
        chosen[xp.argsort(-size, kind="stable")[: int(mask.sum())]] = True
        largest[path] = chosen.reshape(mask.shape)
    return largest


def overlap(a: Masks, b: Masks) -> Overlap:
    """How many weights two subnetworks share, beside chance within each array, exactly.

    Parameters
    ----------
    a, b : dict of arrays of bool
        Of the same paths and shapes.

    Returns
    -------
    Overlap
        Chance is hypergeometric: as many weights of each array, all sets alike.

    Examples
    --------
    >>> mask = {"w": np.array([[True, True, False, False]])}
    >>> overlap(mask, mask).shared, overlap(mask, mask).expected
    (2, 1.0)
    """
    a = booleans(a, "a")
    b = booleans(b, "b")
    if {path: x.shape for path, x in a.items()} != {path: x.shape for path, x in b.items()}:
        raise ShapeError(
            f"{public_caller()}: a has {len(a)} arrays and b has {len(b)}; expected the same paths "
            "and shapes."
        )
    shared = 0
    expected = variance = 0.0  # chance in each array is independent, so both add up
    for path, mask in a.items():
        first = int(mask.sum())
        second = int(b[path].sum())
        n = mask.size
        # Hypergeometric: of n weights one side has `first`, the other draws `second`.
        shared += int((mask & b[path]).sum())
        expected += first * second / n
        # Of n weights, one of two sets drawn without replacement: the variance shrinks as n nears.
        if n > 1:  # of one weight there is nothing to choose
            variance += first * second * (n - first) * (n - second) / (n * n * (n - 1))
    return Overlap(shared, expected, variance**0.5)
