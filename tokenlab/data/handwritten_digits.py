"""Handwritten digits inside the package: small pictures to quantize and to generate.

Where they come from, and under which licence, is told in `SOURCES.md`.
"""

from importlib.resources import files
from typing import NamedTuple

import numpy as np

from tokenlab import bits

__all__ = ["Digits", "load_digits"]

N, SIDE, BITS = 1797, 8, 5


class Digits(NamedTuple):
    """`images (1797, 8, 8)`, uint8 from 0 (paper) to 16 (ink), and `labels (1797,)`, int64."""

    images: np.ndarray
    labels: np.ndarray


def load_digits() -> Digits:
    """1,797 digits of 8 x 8 pixels, from the installed package.

    Returns
    -------
    Digits

    Examples
    --------
    >>> digits = load_digits()
    >>> digits.images.shape, digits.labels[:10].tolist()
    ((1797, 8, 8), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    """
    data = (files("tokenlab.data") / "digits" / "digits.bin").read_bytes()
    numbers = bits.unpack(data, N * (SIDE * SIDE + 1), BITS).reshape(N, -1)
    images = numbers[:, :-1].reshape(N, SIDE, SIDE).astype(np.uint8)
    return Digits(images, numbers[:, -1])
