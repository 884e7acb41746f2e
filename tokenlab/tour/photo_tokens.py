"""Photos as rows of codes that are changed without their pixels: mirrored, or in other colours."""

import functools
from typing import Any, NamedTuple

import numpy as np

from tokenlab.progress import track
from tokenlab.quantization import kmeans, residual, seit
from tokenlab.tour.photo_patches import (
    Components,
    others_of,
    patches,
    photographs,
    picture,
    principal,
)

__all__ = ["Tokenizer", "in_stages", "mirrored", "recoloured", "stages_of", "tokenizer"]

CHANNELS = 64
CODES = 1024
SIDE = 28  # tokens along each side of a photo
CELLS = 4  # of a token along each side, for TokenAdapt
SAMPLED = 2  # every second patch is enough to fit codebooks to
ITERS = 6


class Tokenizer(NamedTuple):
    """Principal components of patches, and one codebook for them."""

    basis: Components
    codebook: Any

    def encode(self, photo: Any) -> Any:
        """The codes of a photo, (28, 28)."""
        return self.nearest(self.basis.channels(patches(photo)).reshape(SIDE, SIDE, CHANNELS))

    def nearest(self, vectors: Any) -> Any:
        """The codes next to vectors, (28, 28)."""
        rows = np.asarray(vectors, np.float32).reshape(-1, CHANNELS)
        return kmeans.assign(rows, self.codebook).codes.reshape(SIDE, SIDE)

    def vectors(self, codes: Any) -> Any:
        """What codes stand for, (28, 28, 64)."""
        return self.codebook[codes]

    def picture(self, vectors: Any) -> Any:
        """Vectors as pixels, (224, 224, 3) uint8."""
        return picture(self.basis.patches(np.asarray(vectors).reshape(-1, CHANNELS)))


@functools.cache
def tokenizer(name: str) -> Tokenizer:
    """A tokenizer that never saw the photo of this name."""
    others = others_of(photographs()[name])[::SAMPLED]
    basis = principal(others, CHANNELS)
    return Tokenizer(basis, kmeans.fit(basis.channels(others), CODES, iters=ITERS, rng=0).codebook)


def mirrored(name: str) -> dict[str, Any]:
    """The mirror image of a photo three ways, as pictures, and the mirrored photo itself."""
    words = tokenizer(name)
    photos = photographs()
    photo = photos.pop(name)
    turned = {other: np.ascontiguousarray(p[:, ::-1]) for other, p in photos.items()}
    z, targets = (
        np.stack([words.vectors(words.encode(p)) for p in some.values()])
        for some in (photos, turned)
    )
    pixels = np.stack(list(photos.values())) / 255
    model = seit.fit_adapt(z, pixels, mirror, targets, s=CELLS, ridge=1.0)
    codes = words.encode(photo)
    cells = seit.lift(model, words.vectors(codes)[None])
    adapted = words.nearest(seit.lower(model, mirror(cells)))
    aim = np.ascontiguousarray(photo[:, ::-1])
    shown = {"turned round": codes[:, ::-1], "TokenAdapt": adapted}
    shown |= {"its own tokens": words.encode(aim)}
    return {k: words.picture(words.vectors(c)) for k, c in shown.items()} | {"mirrored": aim}


def mirror(y: Any) -> Any:
    """Left for right, of grids (b, rows, columns, channels)."""
    return y[:, :, ::-1]


def recoloured(name: str, partner: str) -> tuple[Any, Any]:
    """A photo with another one's colours: of its channels, and of the codes next to them."""
    words = tokenizer(name)
    photos = photographs()
    z, other = (
        words.basis.channels(patches(photos[which])).reshape(SIDE, SIDE, CHANNELS)
        for which in (name, partner)
    )
    y = seit.color_adapt(z, other)
    return words.picture(y), words.picture(words.vectors(words.nearest(y)))


@functools.cache
def in_stages(name: str, depth: int, beam: int = 1) -> tuple[Any, ...]:
    """A photo after 0, 1, ... stages of 256 residual codes, as pictures."""
    basis, codebooks = _stages(name, depth)
    codes = residual.encode(basis.channels(patches(photographs()[name])), codebooks, beam=beam)
    return tuple(picture(basis.patches(z)) for z in residual.stages(codes, codebooks))


@functools.cache
def _stages(name: str, depth: int) -> tuple[Components, Any]:
    return stages_of(photographs()[name], 256, depth)


def stages_of(photo: Any, n_codes: int, depth: int) -> tuple[Components, Any]:
    """Components and residual codebooks of the package's photos that are not this one."""
    others = others_of(photo)[::SAMPLED]
    basis = principal(others, CHANNELS)
    rest = basis.channels(others)
    codebooks = []
    rng = np.random.default_rng(0)
    for _ in track(range(depth), "fitting codebooks"):  # residual.fit, a stage at a time
        stage = residual.fit(rest, n_codes, 1, iters=ITERS, rng=rng)
        rest = rest - residual.decode(stage.codes, stage.codebooks)
        codebooks.append(stage.codebooks[0])
    return basis, np.stack(codebooks)
