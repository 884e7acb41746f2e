"""Photos as tokens: bits a pixel against decibels, beside JPEG and WebP, and levels for channels.

    python tools/findings/photos.py

Patches of 8 x 8 pixels in 64 principal components; components, codebooks and levels are fitted to
the three *other* photos. The bits are those of the codes as they are; bytes of codebooks and
components are a column of their own. JPEG and WebP are Pillow's, with all their headers.
"""

from found import main, table, timed  # sets one thread, before NumPy is imported

# isort: split
import gzip
import io
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tokenlab.data import load_digits
from tokenlab.quantization import (
    fsq,
    kmeans,
    lfq,
    product,
    residual,
    scalar,
    seit,
    tokenbridge,
)
from tokenlab.tour.digits_memory import as_tokens, split
from tokenlab.tour.digits_quality import recognised
from tokenlab.tour.photo_patches import (
    PATCH,
    others_of,
    patches,
    photographs,
    picture,
    principal,
    psnr,
)

CHANNELS, CODES, ITERS, BEAM = 64, 256, 10, 4
FLOAT = 4  # bytes
Row = tuple[str, float, float, Any]  # method, bits a pixel, decibels, bytes of what was fitted


def by_table(z: Any, y: Any) -> Iterator[tuple[str, float, Any, int]]:
    """One codebook for the whole patch."""
    for n_codes in (16, 256, 1024):
        codebook = kmeans.fit(z, n_codes, iters=ITERS, rng=0).codebook
        near = codebook[kmeans.assign(y, codebook).codes]
        yield "VQ", np.log2(n_codes), near, codebook.size


def in_stages(z: Any, y: Any) -> Iterator[tuple[str, float, Any, int]]:
    """Residual codes, greedy and by a beam, from the same codebooks."""
    codebooks = residual.fit(z, CODES, 8, iters=ITERS, rng=0).codebooks
    for depth in (1, 2, 4, 8):
        books = codebooks[:depth]
        greedy = residual.encode(y, books)
        yield "RVQ", 8 * depth, residual.decode(greedy, books), books.size
        if depth > 1:
            beam = residual.encode(y, books, beam=BEAM)
            yield f"RVQ, beam {BEAM}", 8 * depth, residual.decode(beam, books), books.size
    used = sum(seit.entropy_bits(column, CODES) for column in greedy.T)
    # What an entropy coder with the photo's own shares could make of the same codes.
    yield "RVQ, entropy of the codes", used, residual.decode(greedy, codebooks), codebooks.size


def in_parts(z: Any, y: Any) -> Iterator[tuple[str, float, Any, int]]:
    """Product codes, the channels dealt out in turn, so that each part has some of the large ones."""
    for n_parts in (2, 4, 8):
        turn = np.arange(CHANNELS).reshape(-1, n_parts).T.reshape(-1)
        back = np.argsort(turn)
        codebooks = product.fit(z[:, turn], CODES, n_parts, iters=ITERS, rng=0).codebooks
        near = product.decode(product.encode(y[:, turn], codebooks), codebooks)
        yield "PQ", 8 * n_parts, near[:, back], codebooks.size


def shared_out(z: Any, bits: int) -> Any:
    """Bits for each channel: one after the other to where the error is largest."""
    left, given = z.var(axis=0), np.zeros(z.shape[1], int)
    for _ in range(bits):
        channel = int(left.argmax())
        given[channel] += 1
        left[channel] /= 4  # a bit more is half of the distance
    return given


def by_levels(z: Any, y: Any) -> Iterator[tuple[str, float, Any, int]]:
    """Scalar codes: each channel to the best levels for it."""
    for bits in (16, 32, 64):
        given, near = shared_out(z, bits), np.zeros_like(y)
        for c in np.flatnonzero(given):
            levels = scalar.lloyd_max(z[:, c], 2 ** int(given[c])).levels
            near[:, c] = levels[scalar.assign(y[:, c], levels)]
        yield "scalar levels", bits, near, int((2 ** given[given > 0]).sum())


def straight(values: Any, z: Any) -> tuple[Any, Any]:
    """What to multiply a channel's values by and add, so that they are nearest to the channel."""
    spread = values.std(axis=0)
    slope = ((values - values.mean(axis=0)) * (z - z.mean(axis=0))).mean(axis=0) / spread**2
    return slope, z.mean(axis=0) - slope * values.mean(axis=0)


def by_grid(z: Any, y: Any) -> Iterator[tuple[str, float, Any, int]]:
    """FSQ and LFQ on plain channels: nobody trained an encoder for them."""
    for bits in (16, 32, 64):
        given = shared_out(z, bits)
        used = np.flatnonzero(given)
        values = [fsq_values(part[:, used], z[:, used], 2 ** given[used]) for part in (z, y)]
        yield "FSQ", bits, spread_out(values, z, y, used), 2 * len(used)
    for bits in (16, 32):
        used = np.arange(bits)
        values = [lfq.decode(lfq.encode(part[:, used]), bits) for part in (z, y)]
        yield "LFQ", bits, spread_out(values, z, y, used), 2 * bits


def fsq_values(part: Any, z: Any, levels: Any) -> Any:
    """Grid values of channels of deviation one, digit by digit."""
    scaled = part / z.std(axis=0)
    each = [
        fsq.decode(fsq.encode(scaled[:, [c]], [n], variant="symmetric"), [n], variant="symmetric")
        for c, n in enumerate(levels.tolist())
    ]
    return np.concatenate(each, axis=1)


def spread_out(values: Any, z: Any, y: Any, used: Any) -> Any:
    """All channels of the photo, those without bits 0, from values on the grid."""
    slope, offset = straight(values[0], z[:, used])
    near = np.zeros_like(y)
    near[:, used] = values[1] * slope + offset
    return near


def of_files(photo: Any) -> Iterator[Row]:
    """JPEG and WebP at a few qualities."""
    from PIL import Image

    for kind, qualities in (("JPEG", (2, 5, 10, 20, 40)), ("WebP", (1, 5, 20, 50))):
        for quality in qualities:
            file = io.BytesIO()
            Image.fromarray(photo).save(file, kind, quality=quality)
            near = np.asarray(Image.open(file).convert("RGB"))
            yield f"{kind}, quality {quality}", rate(8 * file.tell()), psnr(near, photo), ""


def rate(bits: float) -> float:
    """Bits a pixel of bits a photo."""
    return bits / 224**2


METHODS: tuple[Callable[..., Iterator[Any]], ...] = (
    by_table,
    in_stages,
    in_parts,
    by_levels,
    by_grid,
)


def of_photo(photo: Any) -> list[Row]:
    """All methods on a photo that none of them was fitted to."""
    others = others_of(photo)
    basis = principal(others, CHANNELS)
    z, y = basis.channels(others), basis.channels(patches(photo))
    rows: list[Row] = []
    for method in METHODS:
        for name, bits, near, numbers in method(z, y):
            fitted = FLOAT * (numbers + basis.axes.size + basis.mean.size)
            db = psnr(picture(basis.patches(near)), photo)
            rows.append((name, bits / PATCH**2, db, fitted))
    return [*rows, *of_files(photo)]


def rates(options: Any) -> dict:
    """Finding C: a row for each method and setting, a column of decibels for each photo."""
    photos = photographs()
    found, seconds = timed(lambda: {name: of_photo(p) for name, p in photos.items()})
    rows = []
    for same in zip(*found.values(), strict=True):
        name, _, _, fitted = same[0]
        bits, db = (np.mean([row[i] for row in same]) for i in (1, 2))
        rows.append((name, bits, db, *(row[2] for row in same), *(row[1] for row in same), fitted))
    columns = ["method", "bits a pixel", "mean dB", *photos]
    columns += [f"{name}: bits a pixel" for name in photos] + ["bytes of what was fitted"]
    return table("Bits a pixel against PSNR", columns, rows, seconds=seconds)


def levels(options: Any) -> dict:
    """Finding E, on photos: 16 levels of N(0, 1) as they are, and 3**0.5 times as wide."""
    rows = []
    for name, photo in photographs().items():
        others = others_of(photo)
        basis = principal(others, 16)
        z, y = basis.channels(others), basis.channels(patches(photo))
        deviation = z.std(axis=0)
        errors = []
        for spread in (1.0, 3**0.5):
            codebook = tokenbridge.gaussian_codebook(16, spread=spread).astype(np.float32)
            near = codebook[scalar.assign(y / deviation, codebook)] * deviation
            seen = psnr(picture(basis.patches(near)), photo)
            errors.append((10 * np.log10((y**2).mean() / ((y - near) ** 2).mean()), seen))
        best = psnr(picture(basis.patches(y)), photo)
        (narrow, narrow_seen), (wide, wide_seen) = errors
        beyond = float((abs(y / deviation) > 2).mean())
        rows.append((name, narrow, wide, wide - narrow, narrow_seen, wide_seen, best, beyond))
    columns = ["photo", "dB of channels, N(0, 1)", "spread 3**0.5", "gain"]
    columns += ["photo's dB, N(0, 1)", "photo's dB, spread", "photo's dB, channels as they are"]
    columns += ["share of numbers beyond two deviations"]
    return table("16 levels for each of 16 channels, 1 bit a pixel", columns, rows)


def digits(options: Any) -> dict:
    """Finding D: 500 test digits as codes, and as one JPEG of all of them."""
    every, (train, test) = load_digits(), split()
    x, y = (as_tokens(every.images[half]) for half in (train, test))

    def by_one(n_codes: int) -> tuple[str, float, float]:
        codebook = kmeans.fit(x.reshape(-1, 4), n_codes, rng=0).codebook
        near = codebook[kmeans.assign(y.reshape(-1, 4), codebook).codes].reshape(y.shape)
        stored = seit.storage_bytes(1, 16, n_codes)
        return f"one of {n_codes} codes", *of_digits(stored, near)

    rows = [by_one(n_codes) for n_codes in (2, 4, 8, 16, 64, 256)]
    fitted = residual.fit(x.reshape(-1, 4), 16, 2, rng=0)
    near = residual.decode(residual.encode(y.reshape(-1, 4), fitted.codebooks), fitted.codebooks)
    rows.append(("two stages of 16 codes", *of_digits(16.0, near.reshape(y.shape))))
    sheets = {q: as_sheet(every.images[test], q) for q in (2, 5, 10, 15, 20, 30, 50, 75)}
    rows += [(f"JPEG, quality {q}", *of_digits(*sheet)) for q, sheet in sheets.items()]
    zipped = len(gzip.compress(every.images[test].astype(np.uint8).tobytes(), mtime=0))
    rows.append(("pixels, gzip", *of_digits(zipped / len(test), y)))
    return table(
        "Bytes a digit, and how many are recognised", ["stored as", "bytes", "recognised"], rows
    )


def of_digits(stored: float, tokens: Any) -> tuple[float, float]:
    """Bytes a digit, and the share that the three nearest training digits recognise."""
    return stored, recognised(tokens, load_digits().labels[split()[1]])


def as_sheet(images: Any, quality: int) -> tuple[float, Any]:
    """All digits on one sheet as a JPEG: its bytes a digit, and the digits read again as tokens."""
    from PIL import Image

    grid = np.round(images * (255 / 16)).astype(np.uint8).reshape(20, 25, 8, 8)
    file = io.BytesIO()
    Image.fromarray(grid.swapaxes(1, 2).reshape(160, 200)).save(file, "JPEG", quality=quality)
    read = np.asarray(Image.open(file)).reshape(20, 8, 25, 8).swapaxes(1, 2).reshape(-1, 8, 8)
    return file.tell() / len(images), as_tokens(read * (16 / 255))


if __name__ == "__main__":
    main("photos", __doc__, {"rates": rates, "levels": levels, "digits": digits})
