"""Photos of all kinds become (224, 224, 3) uint8, or an error that names the photo."""

import io

import numpy as np
import pytest

from tokenlab.errors import TokenlabError
from tokenlab.models.vit import prepare

image = pytest.importorskip("PIL.Image")


def picture(h=40, w=60):
    x = np.zeros((h, w, 3), np.uint8)
    x[: h // 2, :, 0] = 255  # the upper half is red
    return x


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_orientation_is_obeyed(kind, tmp_path):
    """Orientation 6: the left side of what is stored is the top of what is meant."""
    exif = image.Exif()
    exif[274] = 6
    path = tmp_path / f"photo.{kind.lower()}"
    image.fromarray(picture()).save(path, exif=exif)
    with image.open(path) as opened:
        for photo in (path, str(path), opened):
            x = prepare(photo).astype(int)
            assert x[112, 200, 0] > 200 > 60 > x[112, 20, 0]  # red is on the right now


def test_a_photo_that_fits_is_unchanged(tmp_path):
    x = np.random.default_rng(0).integers(0, 256, (224, 224, 3), np.uint8)
    np.testing.assert_array_equal(prepare(x), x)
    np.testing.assert_array_equal(prepare(image.fromarray(x)), x)
    np.testing.assert_array_equal(prepare(x, fit="squeeze"), x)


def test_grey_alpha_16_bits_and_one_row():
    grey = np.full((30, 50), 90, np.uint8)
    assert (prepare(grey) == 90).all()
    assert (prepare(grey.astype(np.uint16) * 257) == 90).all()
    assert (prepare(np.full((1, 9), 3, np.uint8)) == 3).all()
    clear = np.zeros((10, 10, 4), np.uint8)
    assert (prepare(clear) == 255).all()  # nothing but the white below
    deep = image.fromarray(np.full((8, 8), 65535, np.uint16))
    assert (prepare(deep) == 255).all()


def test_crop_takes_the_middle_and_squeeze_all():
    x = np.zeros((50, 150, 3), np.uint8)
    x[:, :50] = 255
    assert prepare(x).max() < 40
    assert prepare(x, fit="squeeze")[:, 10].min() > 200


def truncated():
    file = io.BytesIO()
    image.fromarray(np.random.default_rng(0).integers(0, 256, (99, 99, 3), np.uint8)).save(
        file, "JPEG"
    )
    return file.getvalue()[:900]


@pytest.mark.parametrize(
    "photo",
    [
        np.zeros((3, 224, 224), np.uint8),
        np.zeros((224, 224, 3)),
        np.zeros((2, 224, 224, 3), np.uint8),
        np.zeros((224, 224), bool),
        np.zeros((0, 5), np.uint8),
        np.zeros((4, 4, 2), np.uint8),
        "absent.jpg",
        None,
        7,
    ],
)
def test_no_photo(photo):
    with pytest.raises(TokenlabError, match=r"^prepare: photo"):
        prepare(photo)


def test_files_that_are_no_photo(tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(truncated())
    for path in (broken, tmp_path):
        with pytest.raises(TokenlabError, match=r"^prepare: photo.*" + path.name):
            prepare(path)


def test_fit_is_one_of_two():
    with pytest.raises(TokenlabError, match=r"^prepare: fit"):
        prepare(picture(), fit="stretch")
