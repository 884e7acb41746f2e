"""Figures of the gallery: attention."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.cm import ScalarMappable

from docs.figures_registry import BLUE, MUTED, PALE, bare, figure, plain
from tokenlab.attention import (
    gaussian_kernel,
    grid_landmarks,
    orthogonal_features,
    soft_attention,
    softmax_attention,
    token_aware_pool,
)
from tokenlab.data import load_vit_photos
from tokenlab.numerics import softmax
from tokenlab.tour.attention_methods import photo_tokens

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ASTRONAUT, ROCKET, HEADS = 0, 3, 6
CELLS = 4  # squares a side: 16 landmarks
HEAT = {"cmap": "cividis", "vmin": 0, "vmax": 1}


def heads() -> list[tuple[Any, Any, Any]]:
    """Queries, keys and values of the patches, `(256, 64)`, for every photo and head."""
    photos = load_vit_photos()
    arrays = (photos.queries, photos.keys, photos.values)
    return [tuple(x[i, h, 1:] for x in arrays) for i in range(len(photos)) for h in range(HEADS)]


@figure(
    "soft",
    name="SOFT",
    alt="Three heat maps: the Gaussian kernel of 256 tokens, a thin one of 16 landmarks with all "
    "tokens, and the kernel rebuilt from it, which shows the same blocks "
    "but not the bright diagonal",
    caption="A head of a vision transformer whose kernel is of low rank, on the photo of a rocket. "
    "The large kernel is never computed: the thin one and a 16 × 16 inverse rebuild it.",
)
def soft(fig: Figure) -> None:
    k = photo_tokens(16, photo=ROCKET, head=3).k.astype(np.float64)
    marks = grid_landmarks(k, (16, 16), 16 // CELLS)
    rebuilt = soft_attention(k, np.eye(len(k)), marks)
    axes = fig.subplots(1, 3, width_ratios=(4, 1, 4))
    parts = (gaussian_kernel(k, k), gaussian_kernel(k, marks), rebuilt)
    titles = ("exact", "thin", "rebuilt")
    for ax, part, title in zip(axes, parts, titles, strict=True):
        image = ax.imshow(part, aspect="auto", **HEAT)
        ax.set_title(title, fontsize=10)
        ax.set(xlabel="tokens", xticks=[], yticks=[])
    axes[0].set_ylabel("tokens")
    axes[1].set_xlabel("marks")
    fig.colorbar(image, ax=axes, label="kernel")


@figure(
    "soft++",
    name="SOFT++",
    alt="Dots for 24 attention heads on a log axis: how much one layer can stretch its input; "
    "without normalisation from below one to above thirty, with it all on the line one",
    caption="24 heads of a vision transformer, 16 landmarks each: the largest eigenvalue of "
    "SOFT's attention matrix.",
)
def soft_plus_plus(fig: Figure) -> None:
    ax = fig.subplots()
    one = np.eye(256)
    for how, mark, face, label in (
        (None, "o", "white", "as in SOFT"),
        ("symmetric", "s", BLUE, "normalised on both sides"),
    ):
        top = []
        for _, k, _ in heads():
            k = k.astype(np.float64)
            marks = grid_landmarks(k, (16, 16), 16 // CELLS)
            matrix = soft_attention(k, one, marks, normalize=how)
            top.append(np.linalg.eigvalsh(matrix)[-1])
        style = {"mfc": face, "mec": BLUE, "ms": 6, "clip_on": False}
        ax.semilogy(range(1, len(top) + 1), top, mark, label=label, **style)
    ax.axhline(1, color=MUTED, ls=":", zorder=0)
    ax.set_yticks([1, 10, 100], ["1", "10", "100"])
    ax.set(xlabel="attention head", ylabel="largest stretch", ylim=(0.3, 300))
    ax.legend(frameon=False, ncols=2, loc="upper center", handletextpad=0.1, columnspacing=1)
    plain(ax)


@figure(
    "tap_adl",
    name="TAP and ADL",
    alt="Three maps of 16 by 16 patches of a photo of a rocket: the patches, their means over "
    "neighbours two apart, which are blurred, and the attention each receives: a few receive most",
    caption="TAP lets each token speak for its neighbourhood (middle). ADL is a loss against what "
    "the right map shows: all rows of attention reading the same few tokens.",
)
def tap_adl(fig: Figure) -> None:
    photos = load_vit_photos()
    colours = photos.images[ROCKET].reshape(16, 14, 16, 14, 3).mean(axis=(1, 3)) / 255
    attention = photos.attention(ROCKET).mean(axis=0)[1:, 1:].astype(np.float64)
    attention /= attention.sum(axis=1, keepdims=True)
    received = 256 * attention.mean(axis=0).reshape(16, 16)
    neighbours = np.broadcast_to(np.eye(3)[2], (16, 16, 3))
    pooled = token_aware_pool(colours, neighbours, count_padding=False).clip(0, 1)
    axes = fig.subplots(1, 3)
    axes[0].imshow(colours)
    axes[1].imshow(pooled)
    image = axes[2].imshow(received, cmap="cividis", vmin=0)
    labels = ("tokens", "means of\nneighbours", "attention\nreceived")
    for ax, label in zip(axes, labels, strict=True):
        bare(ax, label)
    fig.colorbar(
        image,
        ax=axes,
        location="bottom",
        shrink=0.6,
        aspect=30,
        label="attention, multiples of an equal share",
    )


@figure(
    "nystromformer",
    name="Nyströmformer",
    alt="Three heat maps that are multiplied: tokens by 16 landmarks, landmarks by landmarks, "
    "landmarks by tokens; a tall one, a small square and a wide one in place of 256 by 256",
    caption="One head of a vision transformer: attention of 256 tokens through 16 landmarks, each "
    "the mean of a run of tokens. The square in the middle is inverted.",
)
def nystromformer(fig: Figure) -> None:
    fig.set_layout_engine("none")  # sizes tell the shapes here
    t = photo_tokens(16)
    q, k = (x * x.shape[1] ** -0.25 for x in (t.q, t.k))
    q_marks, k_marks = (x.reshape(16, 16, -1).mean(axis=1) for x in (q, k))
    short, long, middle = 0.8, 2.1, 0.56  # inches, inches, the centre's height as a share
    for left, (wide, high), part, (x, y, title) in (
        (0.1, (short, long), softmax(q @ k_marks.T), ("marks", "256 tokens", "tall")),
        (0.345, (short, short), softmax(q_marks @ k_marks.T), ("marks", "marks", "inverse of")),
        (0.59, (0.8 * long, short), softmax(q_marks @ k.T), ("256 tokens", "marks", "wide")),
    ):
        size = (wide / fig.get_figwidth(), high / fig.get_figheight())
        ax = fig.add_axes((left, middle - size[1] / 2, *size))
        ax.imshow(part / part.max(), aspect="auto", **HEAT)
        ax.set(xticks=[], yticks=[], xlabel=x, ylabel=y)
        ax.set_title(title, fontsize=10)
    scale = fig.add_axes((0.59, 0.17, 0.35, 0.035))
    fig.colorbar(ScalarMappable(cmap="cividis"), scale, orientation="horizontal")
    scale.set_xlabel("share of the largest")


@figure(
    "performer",
    name="Performer",
    alt="Estimated against exact weights of 2,000 pairs of tokens on log axes: with 1,024 random "
    "features they lie along the diagonal, with 16 they scatter widely around it",
    caption="Queries and keys of a photo, a quarter as long as they are: weights as scalar "
    "products of random features. At full length far more features are needed.",
)
def performer(fig: Figure) -> None:
    t, rng = photo_tokens(16), np.random.default_rng(0)
    scale = 0.25 * t.q.shape[1] ** -0.25
    q, k = (x[rng.integers(0, 256, 2000)] * scale for x in (t.q, t.k))
    exact = np.exp((q * k).sum(axis=1))
    ax = fig.subplots()
    for r, mark, colour, size in ((16, "x", "0.6", 14), (1024, "o", BLUE, 6)):
        w = orthogonal_features(r, q.shape[1], rng=0)
        phi_q, phi_k = (np.exp(x @ w.T - (x * x).sum(axis=1)[:, None] / 2) for x in (q, k))
        estimate = (phi_q * phi_k).mean(axis=1)
        style = {"marker": mark, "linewidths": 0.8, "label": f"{r:,} features"}
        ax.scatter(exact, estimate, size, colour, **style)
    ends = [exact.min(), exact.max()]
    ax.plot(ends, ends, color="black", lw=1, ls="--")
    ax.set(xscale="log", yscale="log", xlabel="exact weight $e^{q·k}$", ylabel="estimate")
    ax.minorticks_off()
    ax.set_xticks([0.7, 1, 1.5, 2], ["0.7", "1", "1.5", "2"])
    ax.set_yticks([0.5, 1, 2, 4], ["0.5", "1", "2", "4"])
    ax.legend(frameon=False, loc="upper left", handletextpad=0.1, markerscale=1.5)
    plain(ax)


@figure(
    "linformer",
    name="Linformer",
    alt="For 24 attention heads, how much of the matrix a given number of singular values holds: "
    "some curves rise at once, most of them slowly; a dotted line marks 64 of 256",
    caption="The idea is that attention is of low rank. 24 heads of a vision transformer, 256 "
    "tokens: some are, most are less so.",
)
def linformer(fig: Figure) -> None:
    ax, one = fig.subplots(), np.eye(256, dtype=np.float32)
    ranks = np.arange(1, 257)
    for q, k, _ in heads():
        a = softmax_attention(q, k, one).astype(np.float64)
        values = np.sqrt(np.linalg.eigvalsh(a.T @ a).clip(0))[::-1]  # of a, faster than its SVD
        ax.plot(ranks, np.cumsum(values) / values.sum(), color=BLUE, lw=0.9, alpha=0.75)
    ax.axvline(64, color="black", ls=":")
    ax.annotate("64 of 256", (68, 0.06))
    ax.fill_between(ranks, 0, ranks / 256, color=PALE, lw=0)
    ax.annotate("equal values", (165, 0.3))
    ax.set(xlabel="singular values, largest first", ylabel="share of their sum")
    ax.set(xlim=(0, 256), ylim=(0, 1.02))
    plain(ax)
