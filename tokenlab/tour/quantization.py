"""The tour's part on quantization: pictures as tokens, by sums, parts, levels and signs."""

import io
from pathlib import Path
from typing import Any

import numpy as np

from tokenlab.data import load_digits
from tokenlab.quantization import (
    fsq,
    lfq,
    product,
    residual,
    scalar,
    seit,
    token_shuffle,
    tokenbridge,
)
from tokenlab.steps import Steps, record, step
from tokenlab.tour import Minute
from tokenlab.tour.digits_drawn import by_resgen, decoded, labels
from tokenlab.tour.digits_memory import as_pictures, as_tokens, split, stages
from tokenlab.tour.digits_networks import stored
from tokenlab.tour.digits_quality import of_gaussian, quality, real, recognised
from tokenlab.tour.photo_patches import PATCH, photographs, psnr
from tokenlab.tour.photo_tokens import in_stages, mirrored
from tokenlab.tour.step_throughs import step_through
from tokenlab.tour.terminal import heading, paragraph, table

SHOWN = 7
STAGES = 4
FILES = (("JPEG", 2), ("WebP", 1))
GREYS = " .:-=+*#%@"
THREE, SEED, DRAWN = 3, 1, 500


def run(out: Path) -> None:
    """Print photos stage after stage, digits as bytes, levels, and a sampler at work."""
    _photos()
    _digits()
    _levels()
    _sampler()
    page = rvq_steps(SHOWN).to_html(out / "rvq.html", title="Residual codes, step by step")
    print(f"\nStep through residual codes in a browser: {page}")


def minute(out: Path) -> Minute:
    """One result: how near a digit is to itself after each stage."""
    history = stages().history
    page = rvq_steps(SHOWN).to_html(out / "rvq.html", title="Residual codes, step by step")
    kept = ", ".join(f"{1 - h / history[0]:.1%}" for h in history[1:])
    return Minute(
        "how much of a picture is left when its patches are numbers?",
        f"""codes of 4 bits for each 2 x 2 pixels of a digit keep {kept} of its energy, stage after
        stage. On photos: tokenlab tour quantization.""",
        "stage: a codebook for what the stages before have left.",
        page,
    )


def count() -> int:
    """Digits that can be shown."""
    return len(split()[1])


def subject(number: int) -> str:
    """A digit in words."""
    return f"Digit {number} of the test set: a {load_digits().labels[split()[1][number]]}"


def _photos() -> None:
    heading("Photos as residual codes")
    paragraph(
        f"""Patches of {PATCH} x {PATCH} pixels, 256 codes a stage: {8 / PATCH**2:.3f} bits a pixel
        for each stage. The codebooks are fitted to the other photos; for four stages they and the
        principal components take {4 * (4 * 256 * 64 + 65 * 192) // 1024:,} kB, which no photo pays
        for."""
    )
    rows = []
    for name, photo in photographs().items():
        near = in_stages(name, STAGES)
        beam = in_stages(name, STAGES, beam=4)[-1]
        files = [of_file(photo, kind, quality) for kind, quality in FILES]
        shown = [f"{psnr(p, photo):.1f}" for p in (near[1], near[2], near[4], beam)]
        rows.append((name, *shown, *files))
    names = [f"{kind} {quality}" for kind, quality in FILES]
    table(("PSNR in dB", "1 stage", "2", "4", "beam 4", *names), rows)
    paragraph(
        """Beam: of four stages. Files with their bits a pixel in brackets. Residual codes win only where JPEG cannot go
        on; WebP is better everywhere. tokenlab quantize PHOTO does this with yours."""
    )
    turned = mirrored("chelsea")
    aim = turned.pop("mirrored")
    heading("A cat mirrored by its tokens")
    table(("1,024 codes", "PSNR in dB"), [(n, f"{psnr(p, aim):.1f}") for n, p in turned.items()])
    paragraph(
        """Turned round, every token keeps its own left and right. A linear TokenAdapt, fitted to
        other photos, mirrors what is inside of the tokens, too."""
    )


def of_file(photo: Any, kind: str, quality: int) -> str:
    """PSNR and bits a pixel of a photo as a file, where Pillow is there to write one."""
    try:
        from PIL import Image
    except ImportError:
        return "-"
    file = io.BytesIO()
    Image.fromarray(photo).save(file, kind, quality=quality)
    bits = 8 * file.tell() / (photo.shape[0] * photo.shape[1])
    return f"{psnr(np.asarray(Image.open(file).convert('RGB')), photo):.1f} ({bits:.2f})"


def _digits() -> None:
    heading("Digits as bytes")
    train, test = split()
    digits = load_digits()
    images = digits.images
    x, y = as_tokens(images[train]), as_tokens(images[test])
    rows = []
    for n_codes in (4, 16, 64):
        fitted = residual.fit(x.reshape(-1, 4), n_codes, 1, rng=0)
        codes = residual.encode(y.reshape(-1, 4), fitted.codebooks)
        near = residual.decode(codes, fitted.codebooks).reshape(y.shape)
        bits = seit.entropy_bits(codes, n_codes)
        stored = seit.storage_bytes(1, 16, n_codes)
        known = recognised(near, digits.labels[test])
        rows.append((str(n_codes), f"{stored:.0f}", f"{bits:.2f}", f"{known:.1%}"))
    rows.append(("pixels", "40", "", f"{recognised(y, digits.labels[test]):.1%}"))
    table(("codes", "bytes a digit", "bits used a code", "recognised"), rows)
    paragraph("recognised: the label of most of the 3 nearest digits of the training half.")


def _levels() -> None:
    heading("Levels for normal numbers")
    x = np.random.default_rng(0).standard_normal(200_000)
    rows = []
    for n in (8, 16, 64):
        codebook = tokenbridge.gaussian_codebook(n)
        near = tokenbridge.decode(tokenbridge.encode(x, codebook), codebook)
        flat = scalar.uniform_levels(n, -5, 5)
        uniform = ((x - flat[scalar.assign(x, flat)]) ** 2).mean()
        best = scalar.lloyd_max_normal(n).mse
        rows.append((str(n), f"{((x - near) ** 2).mean():.5f}", f"{uniform:.5f}", f"{best:.5f}"))
    table(("levels", "TokenBridge", "equal cells over ±5", "the best"), rows)
    paragraph("Mean squared errors on 200,000 draws from N(0, 1); the best: for the density.")


def _sampler() -> None:
    heading("ResGen fills in a digit")
    found = by_resgen(stored("resgen"), [THREE], 4, rng=SEED)
    paragraph(
        """A network of two blocks, fitted to 1,297 digits within a minute, draws a three: 16
        positions of 4 codes in 4 calls, whatever the number of stages. Below are the decoded codes
        after each call."""
    )
    pictures = as_pictures(decoded(found.states[:, 0]))
    for row in range(8):
        print("   ".join("".join(GREYS[shade(v)] * 2 for v in p[row]) for p in pictures))
    print("   ".join(f"{left} masked".ljust(16) for left in found.masked[1:]))
    _quality()


def _quality() -> None:
    heading("How good are drawn digits? Four numbers")
    label = labels(DRAWN)
    rows = [("test digits", "", *real()), ("a Gaussian for each class", "", *of_gaussian(label))]
    for calls in (1, 4):
        found = by_resgen(stored("resgen"), label, calls, rng=SEED)
        rows.append(("ResGen", str(calls), *quality(decoded(found.codes), label)))
    cells = [(name, calls, *(f"{value:.2f}" for value in four)) for name, calls, *four in rows]
    table(("digits", "calls", "recognised", "Fréchet", "nearest", "coverage"), cells)
    paragraph(
        f"""{DRAWN} digits each, the classes in turn. Fréchet distance: 0 is best. Nearest: how far
        the nearest training digit is, 1 as for real ones. Coverage: the share of test digits that
        have a drawn one near. The Gaussian is fitted by a mean and a covariance for each class:
        what a network must beat."""
    )


def shade(value: float) -> int:
    """A place in the greys."""
    return int(np.clip(value * (len(GREYS) - 1) + 0.5, 0, len(GREYS) - 1))


def _tokens(number: int) -> np.ndarray:
    """The 16 tokens of a test digit."""
    return as_tokens(load_digits().images[split()[1][number]])[0]


@step_through("rvq", "nearest code, what it leaves, nearest code to that", depth=4)
def rvq_steps(number: int, depth: int) -> Steps:
    """A digit's tokens through all stages."""
    codebooks = stages().codebooks[:depth]
    with record() as steps:
        codes = residual.encode(_tokens(number), codebooks)
        near = residual.stages(codes, codebooks)
        step("decoded", as_pictures(near), "after 0, 1, ... stages", axes=("stages", "h", "w"))
    return steps


@step_through("pq", "each half of a token by a codebook of its own", n_parts=2)
def pq_steps(number: int, n_parts: int) -> Steps:
    """A digit's tokens as product codes."""
    x = as_tokens(load_digits().images[split()[0]]).reshape(-1, 4)
    fitted = product.fit(x, 16, n_parts, iters=10, rng=0)
    with record() as steps:
        codes = product.encode(_tokens(number), fitted.codebooks)
        near = product.decode(codes, fitted.codebooks)
        step("decoded", as_pictures(near)[0], "all parts side by side", axes=("h", "w"))
    return steps


@step_through("levels", "pixels to the nearest of a few greys", n_codes=4)
def levels_steps(number: int, n_codes: int) -> Steps:
    """A digit's pixels as levels fitted to all digits."""
    digits = load_digits().images
    fitted = scalar.lloyd_max(digits[split()[0]].reshape(-1) / 16.0, n_codes)
    with record() as steps:
        x = step("pixels", digits[split()[1][number]] / 16.0, "", axes=("h", "w"))
        codes = scalar.assign(x, fitted.levels)
        step("levels", fitted.levels, "greys of smallest squared error", axes=("n_codes",))
        step("decoded", fitted.levels[codes], "every pixel at its level", axes=("h", "w"))
    return steps


@step_through("fsq", "channels squashed and rounded: the grid is the codebook", variant="paper")
def fsq_steps(number: int, variant: str) -> Steps:
    """A digit's tokens, centred, on a grid of 5 x 5 x 5 x 5."""
    with record() as steps:
        codes = fsq.encode(3 * (_tokens(number) - 0.5), [5] * 4, variant=variant)
        step("grid points", fsq.decode(codes, [5] * 4, variant=variant), "", axes=("n", "d"))
    return steps


@step_through("lfq", "the signs of the channels are the bits of the code", temperature=1.0)
def lfq_steps(number: int, temperature: float) -> Steps:
    """A digit's tokens by sign, and the two entropies of the loss."""
    with record() as steps:
        x = _tokens(number).astype(np.float64) - 0.5
        lfq.encode(x)
        lfq.entropy_terms(x, temperature)
    return steps


@step_through("resgen", "masked codes of all stages drawn as one vector", steps=4, order="random")
def resgen_steps(number: int, steps: int, order: str) -> Steps:
    """A digit of the shown one's class, drawn by a network that was fitted to digits."""
    label = int(load_digits().labels[split()[1][number]])
    stages()  # fitted before anybody records
    with record() as recorded:
        found = by_resgen(stored("resgen"), [label], steps, order=order, rng=number)
        frames = as_pictures(decoded(found.states[:, 0]))
        step("decoded", frames, "after each call", axes=("steps", "h", "w"))
    return recorded


@step_through("tokenbridge", "each channel to a level of a normal density", n_codes=8)
def tokenbridge_steps(number: int, n_codes: int) -> Steps:
    """A digit's tokens, scaled to deviation one, channel by channel."""
    x = as_tokens(load_digits().images[split()[0]]).reshape(-1, 4)
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    codebook = tokenbridge.gaussian_codebook(n_codes)
    with record() as steps:
        codes = tokenbridge.encode((_tokens(number) - mean) / deviation, codebook)
        near = tokenbridge.decode(codes, codebook) * deviation + mean
        step("decoded", as_pictures(near)[0], "", axes=("h", "w"))
    return steps


@step_through("seit", "one digit's tokens in the colours of another", partner=0)
def seit_steps(number: int, partner: int) -> Steps:
    """ColorAdapt between two digits, and what the codes take."""
    codebooks = stages().codebooks[:1]
    with record() as steps:
        x, other = (_tokens(i).reshape(4, 4, 4) for i in (number, partner))
        y = seit.color_adapt(x, other)
        step("adapted", as_pictures(y.reshape(16, 4))[0], "as a picture", axes=("h", "w"))
        codes = residual.encode(y.reshape(16, 4), codebooks)[:, 0]
        data = np.frombuffer(seit.pack_bits(codes, 16), np.uint8)
        step("bytes", data, "16 codes of 4 bits", axes=("n_bytes",))
    return steps


@step_through("shuffle", "four tokens side by side for the transformer, and back", s=2)
def shuffle_steps(number: int, s: int) -> Steps:
    """A digit's 64 pixels, embedded, as windows."""
    rng = np.random.default_rng(0)
    params = token_shuffle.init(16, s, rng=0)
    pixels = load_digits().images[split()[1][number]].reshape(64, 1) / 16
    with record() as steps:
        x = step("x", pixels @ rng.standard_normal((1, 16)), "embedded pixels", axes=("n", "d"))
        y = token_shuffle.shuffle(params, x, (8, 8), s)
        token_shuffle.unshuffle(params, y, (8, 8), s)
    return steps
