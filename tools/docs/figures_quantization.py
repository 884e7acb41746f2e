"""Figures of the gallery: quantization and objectives, mostly on handwritten digits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from docs.figures_registry import BLUE, SAND, bare, figure, plain
from tokenlab.data import load_digits
from tokenlab.objectives import next_x, token_unify
from tokenlab.quantization import (
    fsq,
    lfq,
    scalar,
    token_shuffle,
    tokenbridge,
)
from tokenlab.tour.digits_drawn import by_maskgit, by_resgen, decoded
from tokenlab.tour.digits_memory import as_pictures, as_tokens, split
from tokenlab.tour.digits_networks import CELLS, decentred, flow_sampler, stored
from tokenlab.tour.photo_patches import photographs, psnr
from tokenlab.tour.photo_tokens import in_stages, mirrored, recoloured

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN, THREE = 7, 3
CAT = "chelsea"
RATES = Path(__file__).parents[1] / "findings" / "photos.json"


def digit(number: int) -> np.ndarray:
    """The tokens of a test digit, (16, 4)."""
    return as_tokens(load_digits().images[split()[1][number]])[0]


def row(fig: Figure, pictures: Any, labels: Any, **options: Any) -> None:
    """Pictures side by side, each with a word below."""
    axes = fig.subplots(1, len(pictures))
    for ax, picture, label in zip(axes, pictures, labels, strict=True):
        ax.imshow(picture, **{"cmap": "Greys", "vmin": 0, "vmax": 1} | options)
        bare(ax, label)


def two_rows(fig: Figure, pictures: dict[str, Any]) -> None:
    """Six pictures, each with a word below."""
    axes = fig.subplots(2, 3).reshape(-1)
    for ax, (label, shown) in zip(axes, pictures.items(), strict=True):
        ax.imshow(shown)
        bare(ax, label)
        ax.xaxis.label.set_fontsize(8)


@figure(
    "rvq",
    name="Residual VQ",
    alt="A photo of a cat six times: after one stage coarse blocks of few colours, from stage to "
    "stage nearer to the photo, which stands last; a beam of four stages is nearer still",
    caption="Each stage quantizes what the stages before have left: 8 bits for 8 x 8 pixels each "
    "time, by codebooks from three other photos.",
)
def residual_figure(fig: Figure) -> None:
    near = in_stages(CAT, 4)
    photo = photographs()[CAT]
    pictures = {f"stage {n}, {psnr(near[n], photo):.1f} dB": near[n] for n in (1, 2, 3, 4)}
    beam = in_stages(CAT, 4, beam=4)[-1]
    pictures[f"beam of 4, {psnr(beam, photo):.1f} dB"] = beam
    two_rows(fig, pictures | {"the photo": photo})


@figure(
    "pq",
    name="Product quantization",
    alt="Decibels over bits a pixel: WebP far above all, then JPEG; product codes lie above "
    "residual ones, a beam between them; scalar levels, FSQ and LFQ below, the last two flat",
    caption="Four photos, codebooks from the other three. Parts of a vector meet a new photo better "
    "than stages do. WebP beats all of them, JPEG all but at the fewest bits.",
)
def product_figure(fig: Figure) -> None:
    ax = fig.subplots()
    # A marker each: colours alone are lost in grey print.
    for (method, points), marker in zip(rates().items(), "ovs^Dxp*P", strict=True):
        style = "--" if method in ("JPEG", "WebP") else "-"
        ax.plot(*np.transpose(points), style, marker=marker, markersize=5, label=method)
    ax.set(xlabel="bits a pixel", ylabel="PSNR in dB, mean of four photos", xlim=(0, 1.1))
    ax.legend(frameon=False, fontsize=8, bbox_to_anchor=(1, 1), loc="upper left")
    plain(ax)


def rates() -> dict[str, list[tuple[float, float]]]:
    """Bits a pixel and decibels of each method, as `tools/findings/photos.py` found them."""
    rows = json.loads(RATES.read_text(encoding="utf-8"))["rates"]["rows"]
    found: dict[str, list[tuple[float, float]]] = {}
    for name, bits, db, *_ in rows:
        if "entropy" not in name:
            method = name.partition(", quality")[0]
            found.setdefault(method, []).append((bits, db))
    return found


@figure(
    "lloyd-max",
    name="Lloyd-Max levels",
    alt="A bell curve with eight upright lines below it, dense in the middle and far apart in the "
    "tails; dotted lines halfway between them are the borders",
    caption="Levels of a normal density with the smallest squared error: each is the mean of its "
    "cell, each border lies halfway.",
)
def levels_figure(fig: Figure) -> None:
    levels = scalar.lloyd_max_normal(8).levels
    x = np.linspace(-3.5, 3.5, 300)
    density = lambda v: np.exp(-(v**2) / 2) / (2 * np.pi) ** 0.5  # noqa: E731
    ax = fig.subplots()
    ax.plot(x, density(x), color="0.5")
    ax.vlines(levels, 0, density(levels), color=BLUE, linewidth=2)
    borders = (levels[1:] + levels[:-1]) / 2
    ax.vlines(borders, 0, density(borders), color="0.5", linestyle=":")
    ax.set(xlabel="x", ylabel="density", yticks=[])
    plain(ax)


@figure(
    "fsq",
    name="FSQ",
    alt="Two staircases over one curve that flattens on both sides: the smooth one is the squashed "
    "channel, the steps are the five values it is rounded to",
    caption="A channel is squashed and rounded to one of five values. No codebook is learned: the "
    "grid of all channels is the codebook.",
)
def fsq_figure(fig: Figure) -> None:
    z = np.linspace(-3, 3, 400)[:, None]
    ax = fig.subplots()
    ax.plot(z, fsq.bound(z, [5]) / 2, color=SAND, label="bound")
    ax.plot(z, fsq.decode(fsq.encode(z, [5]), [5]), color=BLUE, label="code")
    ax.set(xlabel="channel z", ylabel="value")
    ax.legend(frameon=False)
    plain(ax)


@figure(
    "lfq",
    name="LFQ",
    alt="Two curves over the temperature: the entropy of a token rises from nothing to its largest "
    "value, the entropy of the mean begins higher and ends where the other does",
    caption="The two terms of LFQ's loss on the tokens of a digit: each token sure of its code, "
    "all codes in use. The loss wants them far apart.",
)
def lfq_figure(fig: Figure) -> None:
    x = digit(SHOWN).astype(np.float64) - 0.5
    temperatures = np.geomspace(0.05, 20, 40)
    terms = np.array([lfq.entropy_terms(x, t) for t in temperatures])
    ax = fig.subplots()
    ax.semilogx(temperatures, terms[:, 0], color=SAND, label="of a token")
    ax.semilogx(temperatures, terms[:, 1], color=BLUE, linestyle="--", label="of the mean")
    ax.set(xlabel="temperature", ylabel="entropy in nats")
    ax.legend(frameon=False)
    plain(ax)


@figure(
    "maskgit",
    name="MaskGIT",
    alt="A grid of four by four numbers: the step in which the first code of each token was fixed, "
    "light for early and dark for late, and beside it the digit",
    caption="All masked codes are predicted at once by a small network; those that it is surest of "
    "stay, the others are masked again.",
)
def maskgit_figure(fig: Figure) -> None:
    found = by_maskgit(stored("maskgit"), [THREE], 5, rng=1)
    left, right = fig.subplots(1, 2)
    # Of each token the first of its four codes: stages are fixed on their own.
    fixed = found.fixed_at.reshape(4, 4, 4)[..., 0]
    left.imshow(fixed, cmap="Greys", vmin=0, vmax=9)
    for (i, j), t in np.ndenumerate(fixed):
        left.text(j, i, str(t), ha="center", va="center")
    bare(left, "first code fixed in step")
    right.imshow(as_pictures(decoded(found.tokens))[0], cmap="Greys", vmin=0, vmax=1)
    bare(right, "what was drawn")


@figure(
    "resgen",
    name="ResGen",
    alt="A digit in four states: nearly nothing, some coarse blocks, most of it coarse, the whole "
    "of it in fine shades",
    caption="One vector stands for all masked codes of a position, of whatever stage: a digit of 16 "
    "x 4 codes in four calls of a small network.",
)
def resgen_figure(fig: Figure) -> None:
    found = by_resgen(stored("resgen"), [THREE], 4, rng=1)
    frames = as_pictures(decoded(found.states[:, 0]))
    row(fig, frames, [f"{left} masked" for left in found.masked[1:]])


@figure(
    "tokenbridge",
    name="TokenBridge",
    alt="Three falling lines of error over the number of levels, the lowest one the best possible, "
    "just above it TokenBridge, far above both equal cells",
    caption="Squared error of N(0, 1): levels of equal probability, stretched from -3..3 to -5..5, "
    "come near the best ones.",
)
def tokenbridge_figure(fig: Figure) -> None:
    x = np.random.default_rng(0).standard_normal(50_000)
    sizes = (4, 8, 16, 32, 64)
    ours, flat = [], []
    for n in sizes:
        codebook = tokenbridge.gaussian_codebook(n)
        near = tokenbridge.decode(tokenbridge.encode(x, codebook), codebook)
        cells = scalar.uniform_levels(n, -5, 5)
        ours.append(((x - near) ** 2).mean())
        flat.append(((x - cells[scalar.assign(x, cells)]) ** 2).mean())
    best = [scalar.lloyd_max_normal(n).mse for n in sizes]
    ax = fig.subplots()
    for values, mark, name in (
        (flat, "s:", "equal cells"),
        (ours, "o-", "here"),
        (best, "^--", "best"),
    ):
        ax.loglog(sizes, values, mark, color=BLUE if name == "here" else "0.5", label=name)
    ax.set(xlabel="levels", ylabel="squared error", xticks=sizes, xticklabels=sizes)
    ax.minorticks_off()
    ax.legend(frameon=False)
    plain(ax)


@figure(
    "seit",
    name="SeiT, SeiT++",
    alt="A cat; the cat in the brown and red of a coffee cup; the same as coarse codes. Below it "
    "mirrored: by turning the tokens round every edge is cut, TokenAdapt's has whole eyes",
    caption="What training does to pixels, done to codes: other colours by ColorAdapt, the mirror "
    "image by turning tokens round, by a linear TokenAdapt, and what it should be.",
)
def seit_figure(fig: Figure) -> None:
    smooth, coded = recoloured(CAT, "coffee")
    pictures = {"cat": photographs()[CAT], "coffee's colours": smooth, "as codes": coded}
    turned = mirrored(CAT)
    aim = turned.pop("mirrored")
    pictures |= {f"{name}, {psnr(p, aim):.1f} dB": p for name, p in turned.items()}
    two_rows(fig, pictures)


@figure(
    "token-shuffle",
    name="Token-Shuffle",
    alt="Bars for windows of one, two and four tokens a side: the operations of the transformer "
    "fall to a third and to a tenth, a small part on top is the pair's own",
    caption="A window of s x s tokens is one token for the transformer. Bars: multiply-adds of two "
    "layers on 64 tokens, and in sand what the pair adds.",
)
def shuffle_figure(fig: Figure) -> None:
    from tokenlab.pruning import flops

    sizes = (1, 2, 4)
    total = [token_shuffle.multiply_adds(64, d=64, layers=2, hidden=256, s=s) / 1e6 for s in sizes]
    inside = [
        flops.multiply_adds([64 // s**2] * 2, d=64, hidden=256, gated=False) / 1e6 for s in sizes
    ]
    ax = fig.subplots()
    names = [f"s = {s}" for s in sizes]
    ax.bar(names, inside, color=BLUE)
    ax.bar(names, np.subtract(total, inside), bottom=inside, color=SAND, hatch="//")
    ax.set(ylabel="million multiply-adds")
    plain(ax)


@figure(
    "xar",
    name="xAR",
    alt="A digit in four states: noise with its upper left quarter drawn, then the upper half, "
    "then three quarters, then all of it",
    caption="Cell after cell is drawn from noise along a velocity; those that are finished are the "
    "context of the next.",
)
def xar_figure(fig: Figure) -> None:
    frames = []
    call = flow_sampler(stored("xar"), CELLS, np.array([THREE]), clean=False)

    def watching(x: Any, t: Any, i: int) -> Any:
        if i and t[0, CELLS[i][0]] == 1:
            frames.append(as_pictures(decentred(x))[0])
        return call(x, t, i)

    last = next_x.sample(watching, CELLS, 4, steps=10, rng=0)
    row(fig, [*frames, as_pictures(decentred(last))[0]], ("1 cell", "2", "3", "4 cells"))


@figure(
    "token-unify",
    name="TokenUnify",
    alt="Two triangles of dots: on the left only the diagonal, each token from all before it; on "
    "the right everything above it, too",
    caption="Which token is predicted from which prefix: the next one alone, or all that follow.",
)
def unify_figure(fig: Figure) -> None:
    n = 8
    pairs = {"next": token_unify.next_pairs(n), "next all": token_unify.next_all_pairs(n)}
    axes = fig.subplots(1, 2, sharey=True)
    for ax, (name, found) in zip(axes, pairs.items(), strict=True):
        ax.plot(found[:, 1], found[:, 0], "s", color=BLUE, markersize=7)
        ax.set(xlabel="token", title=name, xlim=(-0.7, n - 0.3), ylim=(n - 0.3, -0.7))
        ax.set(xticks=range(0, n, 2))
        plain(ax)
    axes[0].set_ylabel("length of the prefix")
