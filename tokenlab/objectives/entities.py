"""Parts of a picture, as positions of its tokens: single ones, cells, subsamples, the whole.

Positions count row after row. `objectives.next_x` hands these functions on.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.errors import InvalidInput, ShapeError, public_caller

__all__ = ["block_causal_mask", "cells", "scales", "subsamples", "tokens", "whole"]


def tokens(h: int, w: int) -> np.ndarray:
    """Every token is an entity: (h w, 1).

    Examples
    --------
    >>> tokens(1, 3).tolist()
    [[0], [1], [2]]
    """
    return grid(h, w).reshape(-1, 1)  # (n_entities, 1)


def cells(h: int, w: int, k: int) -> np.ndarray:
    """Squares of `k` x `k` neighbouring tokens: (h w / k**2, k**2).

    Examples
    --------
    >>> cells(4, 4, 2)[0].tolist()
    [0, 1, 4, 5]
    """
    place, k = divided(h, w, k, "k")
    h, w = place.shape
    place = place.reshape(h // k, k, w // k, k).swapaxes(1, 2)  # (rows, columns, k, k)
    return place.reshape(-1, k * k)  # (n_entities, size)


def subsamples(h: int, w: int, g: int) -> np.ndarray:
    """Every h / g-th row and w / g-th column, from each start: (h w / g**2, g**2).

    Examples
    --------
    >>> subsamples(4, 4, 2)[0].tolist()
    [0, 2, 8, 10]
    """
    place, g = divided(h, w, g, "g")
    h, w = place.shape
    # Rows with the same place in their stretch of h / g belong together, and columns alike.
    place = place.reshape(g, h // g, g, w // g).transpose(1, 3, 0, 2)  # (h / g, w / g, g, g)
    return place.reshape(-1, g * g)  # (n_entities, size)


def whole(h: int, w: int) -> np.ndarray:
    """The picture is one entity: (1, h w).

    Examples
    --------
    >>> whole(2, 2).tolist()
    [[0, 1, 2, 3]]
    """
    return grid(h, w).reshape(1, -1)  # (1, n)


def grid(h: int, w: int) -> np.ndarray:
    """Positions, row after row."""
    h, w = checks.count(h, "h"), checks.count(w, "w")
    return np.arange(h * w).reshape(h, w)


def divided(h: int, w: int, size: int, name: str) -> tuple[np.ndarray, int]:
    """Positions, and a size that divides both sides."""
    place = grid(h, w)  # (h, w)
    size = checks.count(size, name)
    if place.shape[0] % size or place.shape[1] % size:
        raise InvalidInput(
            f"{public_caller()}: {name} is {size} and the grid is {place.shape}; expected sides "
            f"that {name} divides."
        )
    return place, size


@takes(x="... h w c")
def scales(x: Any, n_scales: int) -> list[Any]:
    """A picture in several sizes, coarse to fine, each half as large as the next.

    Parameters
    ----------
    x : ndarray of shape (..., h, w, c)
        Sides that `2**(n_scales - 1)` divides.
    n_scales : int

    Returns
    -------
    list of ndarray
        Means of 2 x 2 blocks, again and again; the last is `x`.

    Examples
    --------
    >>> [size.shape for size in scales(np.zeros((4, 4, 3)), 3)]
    [(1, 1, 3), (2, 2, 3), (4, 4, 3)]
    """
    n_scales, (h, w, c) = checks.count(n_scales, "n_scales"), x.shape[-3:]
    if h % 2 ** (n_scales - 1) or w % 2 ** (n_scales - 1):
        raise InvalidInput(
            f"scales: x is {h} x {w} and n_scales is {n_scales}; expected sides that "
            f"{2 ** (n_scales - 1)} divides."
        )
    found = [x]
    for _ in range(n_scales - 1):
        *front, h, w, _ = found[0].shape
        # The coarsest so far, in 2 x 2 blocks.
        blocks = found[0].reshape(*front, h // 2, 2, w // 2, 2, c)
        found.insert(0, blocks.mean(axis=(-4, -2)))  # (..., h / 2, w / 2, c)
    return found


def block_causal_mask(sizes: Sequence[int]) -> np.ndarray:
    """Who sees whom when entities of these sizes stand one behind the other.

    Parameters
    ----------
    sizes : sequence of int

    Returns
    -------
    ndarray of shape (n, n)
        bool: a token (row) sees those of its own entity and of the entities before.

    Examples
    --------
    >>> block_causal_mask([1, 2]).astype(int).tolist()
    [[1, 0, 0], [1, 1, 1], [1, 1, 1]]
    """
    if isinstance(sizes, str) or not hasattr(sizes, "__len__") or not len(sizes):
        raise InvalidInput(
            f"block_causal_mask: sizes is {sizes!r}; expected the size of each entity."
        )
    # Which entity each token belongs to, (n,): seen is what does not come later.
    entity = np.repeat(np.arange(len(sizes)), [checks.count(size, "sizes") for size in sizes])
    return entity[:, None] >= entity  # (n, n)


def checked_entities(entities: Any, n: int | None = None) -> np.ndarray:
    """Positions `(n_entities, size)`; each of the n positions once."""
    places = checks.integers(entities, "entities", np)
    if places.ndim != 2 or not places.size:
        raise ShapeError(
            f"{public_caller()}: entities is {places.shape}; expected (n_entities, size)."
        )
    n = places.size if n is None else n
    if places.size != n or (np.sort(places, axis=None) != np.arange(n)).any():
        missing = np.setdiff1d(np.arange(n), places)
        which = f"position {missing[0]} is missing" if len(missing) else "something is too much"
        raise InvalidInput(
            f"{public_caller()}: entities have {places.size} positions, and {which}; expected each "
            f"of 0 to {n - 1} once."
        )
    return places
