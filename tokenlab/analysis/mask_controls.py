"""What a subnetwork is compared with: the rest, as many random or large weights, and chance."""

from typing import Any, NamedTuple

from tokenlab import checks
from tokenlab.analysis.mask_sets import Masks, arrays_of, known_paths
from tokenlab.arrays import get_xp, to_numpy
from tokenlab.errors import ShapeError, public_caller

__all__ = ["Overlap", "complement", "magnitude_masks", "overlap", "random_masks"]


class Overlap(NamedTuple):
    """How many weights two subnetworks share, and the mean and deviation of chance."""

    shared: int
    expected: float
    deviation: float

    @property
    def z(self) -> float:
        """(shared - expected) / deviation; 0 where chance leaves no choice."""
        return (self.shared - self.expected) / self.deviation if self.deviation else 0.0


def complement(masks: Masks) -> Masks:
    """Everything else: True where the mask is False.

    Parameters
    ----------
    masks : dict of arrays of bool

    Examples
    --------
    >>> import numpy as np
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
    >>> import numpy as np
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
    >>> import numpy as np
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
    >>> import numpy as np
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
