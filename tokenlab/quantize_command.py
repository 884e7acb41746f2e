"""`tokenlab quantize`: your photo as codes, stage after stage, and what that costs in bits."""

import argparse
import io
from pathlib import Path
from typing import Any

import numpy as np

from tokenlab.errors import InvalidInput

GAP = 4  # pixels between the pictures
FORMATS = (".png", ".jpg", ".jpeg", ".webp")
MOST = {"stages": 16, "n_codes": 1024, "beam": 64}


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "quantize",
        help="see your photo as residual codes, stage after stage",
        description="Cut a photo into patches of 8 x 8 pixels and write each as a sum of codes. "
        "The codebooks are fitted to the package's own photos; yours is one that they never saw.",
        epilog="Example:  tokenlab quantize photo.jpg --stages 8",
    )
    parser.add_argument("photo", metavar="PHOTO")
    parser.add_argument("--stages", type=int, default=8, metavar="N", help="(%(default)s)")
    parser.add_argument(
        "--n-codes", type=int, default=256, metavar="N", help="codes of a stage (%(default)s)"
    )
    parser.add_argument(
        "--beam", type=int, default=1, metavar="N", help="partial sums that go on (%(default)s)"
    )
    parser.add_argument(
        *("-o", "--out"),
        type=Path,
        default=Path("quantized.png"),
        metavar="FILE",
        help="the photo after each stage, and as it is (%(default)s)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Fit, encode, print, draw."""
    from tokenlab.models.vit import prepare
    from tokenlab.quantization import residual, seit
    from tokenlab.tour.photo_patches import patches, picture, psnr
    from tokenlab.tour.photo_tokens import stages_of

    check(arguments)
    photo = prepare(arguments.photo)
    basis, codebooks = stages_of(photo, arguments.n_codes, arguments.stages)
    rows = basis.channels(patches(photo))
    codes = residual.encode(rows, codebooks, beam=arguments.beam)
    near = [picture(basis.patches(z)) for z in residual.stages(codes, codebooks)]
    print("stages  bits a pixel   bytes    PSNR")
    for depth, shown in enumerate(near[1:], start=1):
        stored = seit.storage_bytes(1, codes[:, :depth].size, arguments.n_codes)
        line(str(depth), stored, psnr(shown, photo), photo)
    for kind, quality in (("JPEG", 5), ("WebP", 1)):
        line(kind, *file_of(photo, kind, quality), photo)
    floats = codebooks.size + basis.axes.size + basis.mean.size
    print(
        f"\nThe bytes are those of the codes. Whoever reads them needs the codebooks and components, "
        f"too: {4 * floats:,} bytes."
    )
    sheet([*near[1:], photo]).save(arguments.out)
    print(f"the photo after each stage, and as it is: {arguments.out}")
    return 0


def check(arguments: argparse.Namespace) -> None:
    """Raise for what cannot be done, before anything long begins."""
    for name, most in MOST.items():
        value = getattr(arguments, name)
        least = 2 if name == "n_codes" else 1
        if not least <= value <= most:
            option = name.replace("_", "-")
            raise InvalidInput(f"quantize: --{option} is {value}; expected {least} to {most}.")
    out = arguments.out
    if out.suffix.lower() not in FORMATS or out.is_dir() or not out.parent.is_dir():
        raise InvalidInput(
            f"quantize: --out is {str(out)!r}; expected a file that ends with "
            f"{', '.join(FORMATS)}, in a folder that is there."
        )


def file_of(photo: Any, kind: str, quality: int) -> tuple[int, float]:
    """Bytes of the photo as a file of that kind, and its PSNR."""
    from PIL import Image

    from tokenlab.tour.photo_patches import psnr

    file = io.BytesIO()
    Image.fromarray(photo).save(file, kind, quality=quality)
    return file.tell(), psnr(np.asarray(Image.open(file).convert("RGB")), photo)


def line(name: str, stored: float, db: float, photo: Any) -> None:
    """A row of the table."""
    pixels = photo.shape[0] * photo.shape[1]
    print(f"{name:<8}{8 * stored / pixels:12.3f}{stored:8,.0f}{db:8.1f}")


def sheet(pictures: Any) -> Any:
    """Pictures side by side, in rows of as many as make it nearly square."""
    from PIL import Image

    columns = int(np.ceil(len(pictures) ** 0.5))
    rows = -(-len(pictures) // columns)
    h, w, _ = pictures[0].shape
    page = Image.new("RGB", (columns * (w + GAP) - GAP, rows * (h + GAP) - GAP), "white")
    for i, shown in enumerate(pictures):
        page.paste(Image.fromarray(shown), (i % columns * (w + GAP), i // columns * (h + GAP)))
    return page
