"""The package's photos as patches of 8 x 8 pixels: what tour, pictures and `quantize` share.

Codebooks for a photo are fitted to the *other* photos, in the channels of their principal
components: a photo that helped to make its own codebook would flatter it.
"""

from typing import Any, NamedTuple

import numpy as np

from tokenlab.data import load_vit_photos

__all__ = [
    "PATCH",
    "Components",
    "others_of",
    "patches",
    "photographs",
    "picture",
    "principal",
    "psnr",
]

PATCH = 8  # pixels along a side
DENSE = 3  # pixels between the patches that codebooks are fitted to


def photographs() -> dict[str, np.ndarray]:
    """The four photos of the package by name, (224, 224, 3) uint8 each."""
    photos = load_vit_photos()
    return dict(zip(photos.names, photos.images, strict=True))


def patches(photo: Any, *, stride: int = PATCH) -> np.ndarray:
    """Squares of 8 x 8 pixels as rows, (n, 192), from 0 to 1, row after row of the photo."""
    x = np.asarray(photo, np.float32)[:, :, :3] / 255
    every = np.lib.stride_tricks.sliding_window_view(x, (PATCH, PATCH), axis=(0, 1))
    squares = every[::stride, ::stride].transpose(0, 1, 3, 4, 2)  # (rows, columns, y, x, colour)
    return np.ascontiguousarray(squares).reshape(-1, PATCH * PATCH * 3)


def picture(rows: Any, width: int = 28) -> np.ndarray:
    """Patches side by side again, `width` in a row of them: (h, w, 3) uint8."""
    x = np.asarray(rows).reshape(-1, width, PATCH, PATCH, 3).swapaxes(1, 2)
    pixels = x.reshape(-1, width * PATCH, 3)
    return np.round(255 * pixels.clip(0, 1)).astype(np.uint8)


def psnr(a: Any, b: Any) -> float:
    """Decibels between two pictures of uint8; infinite where they are the same."""
    error = ((np.asarray(a, np.float64) - np.asarray(b, np.float64)) ** 2).mean()
    return float(10 * np.log10(255**2 / error)) if error else float("inf")


class Components(NamedTuple):
    """Mean and principal axes of patches: `axes` is (192, channels), the largest variance first."""

    mean: Any
    axes: Any

    def channels(self, rows: Any) -> Any:
        """From patches to channels."""
        return (rows - self.mean) @ self.axes

    def patches(self, channels: Any) -> Any:
        """And back; what the channels do not hold is the mean."""
        return channels @ self.axes.T + self.mean


def principal(rows: Any, channels: int) -> Components:
    """The first principal components of some patches."""
    mean = rows.mean(axis=0, dtype=np.float64)
    centred = rows - mean
    _, vectors = np.linalg.eigh(centred.T @ centred)  # variances rise
    return Components(mean.astype(np.float32), vectors[:, : -channels - 1 : -1].astype(np.float32))


def others_of(photo: Any) -> np.ndarray:
    """Patches of the package's photos that are not this one: what codebooks are fitted to."""
    kept = [p for p in photographs().values() if not np.array_equal(p, photo)]
    return np.concatenate([patches(p, stride=DENSE) for p in kept])
