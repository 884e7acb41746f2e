"""The handwritten digits that scikit-learn brings along, 8 x 8 pixels of 17 greys."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np

from .files import files_table, packages_table, write_section
from .packages import Package, pins, read_files

DIGITS = Package(
    client="pip",
    name="scikit-learn",
    version="1.9.1",
    filename="scikit_learn-1.9.1-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl",
    sha256="52a0703bbc07ad27f560fa63fa68e4c54dd735bfbbf65b4dd3c225dc7547b6df",
    files=pins(
        "sklearn/datasets/data/",
        "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22  digits.csv.gz",
    ),
    options=(
        "--only-binary=:all:",
        "--python-version=3.11",
        "--platform=manylinux_2_28_x86_64",
    ),
)
BITS = 5  # of a pixel from 0 to 16, and of a label


def build(cache: Path, out: Path) -> None:
    """Write `digits/` and its section of SOURCES.md into `out`."""
    (data,) = read_files(DIGITS, cache).values()
    rows = np.loadtxt(gzip.decompress(data).decode().splitlines(), delimiter=",")
    numbers = rows.astype(np.int64)  # (n, 65): 64 pixels and the label
    assert (numbers == rows).all()
    assert 0 <= numbers.min() <= numbers.max() < 2**BITS
    shifts = np.arange(BITS)[::-1]  # highest bit first, as tokenlab.bits has it
    packed = np.packbits((numbers[..., None] >> shifts & 1).astype(np.uint8))
    path = out / "digits" / "digits.bin"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(packed.tobytes())
    print(f"digits: {len(numbers)} pictures, {path.stat().st_size} bytes")
    section = SECTION.format(
        packages=packages_table([DIGITS]), files=files_table(out, [path]), n=f"{len(numbers):,}"
    )
    write_section(out / "SOURCES.md", "digits", section)


SECTION = """
Small pictures to quantize and to generate. Made by

    python tools/build_assets.py digits

What went in:

{packages}

What came out:

{files}

- `digits.bin`: {n} rows of 65 numbers of 5 bits, highest bit first: 64 pixels from 0 (paper) to 16
  (ink), row after row, and the label. Nothing was changed.

**Licence: Creative Commons Attribution 4.0.** E. Alpaydin and C. Kaynak, *Optical Recognition of
Handwritten Digits*, UCI Machine Learning Repository, 1998, https://doi.org/10.24432/C50P49: the
test set of that collection, as scikit-learn carries it.
"""
