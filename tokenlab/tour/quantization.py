"""The tour's part on quantization: pictures as tokens, by sums, parts, levels and signs."""

import functools
from pathlib import Path
from typing import Any

import numpy as np

from tokenlab.data import load_digits, load_vit_photos
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
from tokenlab.tour.step_throughs import step_through
from tokenlab.tour.terminal import heading, paragraph, table

SHOWN = 7
PATCH = 8
CODES = 256
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


def patches(photo: Any) -> np.ndarray:
    """Squares of 8 x 8 pixels as rows, (n, 192), from 0 to 1."""
    x = np.asarray(photo, np.float32)[:, :, :3] / 255
    h, w = (side // PATCH * PATCH for side in x.shape[:2])
    x = x[:h, :w].reshape(h // PATCH, PATCH, w // PATCH, PATCH, 3).swapaxes(1, 2)
    return x.reshape(-1, PATCH * PATCH * 3)


def psnr(error: float) -> float:
    """Decibels of a mean squared error per number from 0 to 1."""
    return float(-10 * np.log10(error))


@functools.cache
def photos_by_stage() -> list[tuple[str, list[float]]]:
    """PSNR of each photo after each of four stages, codebooks fitted to the others."""
    every = {name: patches(photo) for name, photo in photographs().items()}
    found = []
    for name, x in every.items():
        others = np.concatenate([y for other, y in every.items() if other != name])
        mean = others.mean(axis=0)
        fitted = residual.fit(others - mean, CODES, 4, iters=8, rng=0)
        codes = residual.encode(x - mean, fitted.codebooks)
        near = residual.stages(codes, fitted.codebooks) + mean  # (depth + 1, n, 192)
        found.append((name, [psnr(((x - y) ** 2).mean()) for y in near.clip(0, 1)[1:]]))
    return found


def photographs() -> dict[str, Any]:
    """The four photos of the package, by name."""
    photos = load_vit_photos()
    return dict(zip(photos.names, photos.images, strict=True))


def _photos() -> None:
    heading("Photos as residual codes")
    paragraph(
        f"""Patches of {PATCH} x {PATCH} pixels, {CODES} codes a stage: {8 / PATCH**2:.3f} bits a
        pixel for each stage. The codebooks are fitted to the other photos; they are
        {4 * CODES * PATCH**2 * 3 * 4 // 1024:,} kB for four stages, which no photo pays for."""
    )
    rows = [(name, *(f"{db:.1f}" for db in values)) for name, values in photos_by_stage()]
    table(("PSNR in dB", "1 stage", "2 stages", "3 stages", "4 stages"), rows)


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
