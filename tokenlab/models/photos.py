"""Photos as a vision transformer takes them: upright, in colour, 224 x 224 pixels."""

from pathlib import Path
from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.errors import (
    DTypeError,
    InvalidInput,
    MissingDependency,
    ShapeError,
    StorageError,
    public_caller,
)

__all__ = ["prepare"]

SIDE = 224
WHITE = (255, 255, 255)


def prepare(photo: Any, *, fit: str = "crop") -> np.ndarray:
    """A photo at the model's size.

    Parameters
    ----------
    photo : str, Path, PIL image, or NumPy array: (height, width), (height, width, 3 or 4)
        A file is turned as its EXIF orientation says; grey is repeated, alpha is laid on white.
        Arrays are uint8, or uint16, which is divided by 257.
    fit : {"crop", "squeeze"}
        The middle square, or all of it.

    Returns
    -------
    ndarray of shape (224, 224, 3)
        uint8. A photo of that size comes back unchanged.

    Examples
    --------
    >>> import numpy as np
    >>> prepare(np.full((1, 1), 7, np.uint8))[100, 100].tolist()
    [7, 7, 7]
    """
    checks.choice(fit, "fit", ("crop", "squeeze"))
    if isinstance(photo, np.ndarray):
        photo = checks.array(photo, "photo", np)  # refuses what is masked
    if isinstance(photo, np.ndarray) and photo.shape == (SIDE, SIDE, 3) and photo.dtype == np.uint8:
        return photo  # nothing to do, not even a copy
    given = opened(photo)
    try:
        image = rgb(given, photo)
    finally:
        if given is not photo:  # a file that was opened here, also where it could not be decoded
            given.close()
    if fit == "crop":
        # The largest square in the middle; squeeze bends the whole photo into one.
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        image = image.crop((left, top, left + side, top + side))
    if image.size != (SIDE, SIDE):
        image = image.resize((SIDE, SIDE), pillow().Resampling.BICUBIC)
    return np.asarray(image)


def pillow() -> Any:
    """The module that reads pictures."""
    try:
        from PIL import Image
    except ImportError:
        raise MissingDependency(
            f'{public_caller()}: photos are read with Pillow: pip install "pillow>=10"'
        ) from None
    return Image


def opened(photo: Any) -> Any:
    """A PIL image of whatever came."""
    image = pillow()
    if isinstance(photo, image.Image):
        return photo
    if isinstance(photo, str | Path):
        try:
            return image.open(Path(photo).expanduser())
        except FileNotFoundError:
            raise StorageError(f"{public_caller()}: photo {str(photo)!r} does not exist.") from None
        except (OSError, ValueError, image.DecompressionBombError) as error:
            raise no_picture(photo, error) from None
    return image.fromarray(checked_array(photo))


def no_picture(photo: Any, error: Any) -> StorageError:
    """What is said of a file that is no picture, or a part of one."""
    name = str(photo) if isinstance(photo, str | Path) else getattr(photo, "filename", "")
    return StorageError(f"{public_caller()}: photo {name!r} cannot be read as a picture ({error}).")


def checked_array(photo: Any) -> np.ndarray:
    """An array as uint8, (h, w), (h, w, 3) or (h, w, 4)."""
    if not isinstance(photo, np.ndarray):
        raise DTypeError(
            f"{public_caller()}: photo is a {type(photo).__name__}; expected a path, a PIL image, "
            "or a NumPy array."
        )
    if photo.dtype not in (np.uint8, np.uint16):
        raise DTypeError(
            f"{public_caller()}: photo has dtype {photo.dtype}; expected uint8, from 0 to 255. "
            "Shares of 255 become such by (photo * 255).round().astype(numpy.uint8)."
        )
    if photo.ndim == 3 and photo.shape[2] == 1:
        photo = photo[:, :, 0]  # one channel is grey
    if photo.ndim not in (2, 3) or (photo.ndim == 3 and photo.shape[2] not in (3, 4)):
        raise ShapeError(
            f"{public_caller()}: photo is {photo.shape}; expected (height, width), "
            "(height, width, 3) or (height, width, 4). Channels come last, photos one by one."
        )
    if 0 in photo.shape:
        raise ShapeError(f"{public_caller()}: photo is {photo.shape}; expected at least one pixel.")
    return eight_bits(photo) if photo.dtype == np.uint16 else np.ascontiguousarray(photo)


def eight_bits(x: np.ndarray) -> np.ndarray:
    """16 bits become 8: 65535 is 255."""
    return np.round(x / 257).astype(np.uint8)


def rgb(image: Any, photo: Any) -> Any:
    """The image upright, without alpha, in red, green and blue."""
    from PIL import ImageOps

    try:
        # Cameras store how they were held beside the pixels.
        image = ImageOps.exif_transpose(image)
        if image.mode == "F":
            raise InvalidInput(
                f"{public_caller()}: photo holds floats (mode F); expected 8 or 16 bits."
            )
        if image.mode.startswith("I"):  # 16 bits, which Pillow would clip instead of scale
            image = pillow().fromarray(eight_bits(np.asarray(image).clip(0, 65535)))
        if "A" in image.mode or "transparency" in image.info:
            # What shines through lies on white, as on a page.
            image = image.convert("RGBA")
            white = pillow().new("RGBA", image.size, (*WHITE, 255))
            image = pillow().alpha_composite(white, image)
        return image.convert("RGB")
    except (OSError, ValueError, SyntaxError, EOFError) as error:  # found while decoding
        if isinstance(error, InvalidInput):
            raise
        raise no_picture(photo, error) from None
