"""Figures of the gallery: pruning and merging, on photos that a vision transformer looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from docs.figures_registry import (
    BLUE,
    INK,
    MUTED,
    PALE,
    SAND,
    bare,
    centres,
    figure,
    kept_patches,
    plain,
    roles_below,
)
from tokenlab.data import load_vit_photos
from tokenlab.numerics import softmax, unit
from tokenlab.pruning import (
    Reduction,
    group_means,
    recoverable,
    soft_assign,
    sparsevlm,
    text_cosine,
    todre,
    visionzip,
)
from tokenlab.pruning.divprune import k_center, loneliest
from tokenlab.tour import pruning_rules as rules

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ASTRONAUT, CAT, COFFEE, ROCKET = range(4)
QUARTER = 64  # of 256 patches
FACE = np.array([16 * row + column for row in (4, 5, 6, 7) for column in (4, 5, 6, 7)])


def image(photo: int) -> Any:
    return load_vit_photos().images[photo]


def beside(fig: Figure, right: float = 1.15) -> tuple[Any, Any]:
    """A photo on the left, a diagram on the right."""
    left, ax = fig.subplots(1, 2, width_ratios=(1, right))
    return left, ax


@figure(
    "hiprune",
    name="HiPrune",
    alt="A photo of an astronaut beside the patches that stay: a few anchors where a middle layer "
    "looks, their neighbours, and many registers where the later layer looks",
    caption="64 of 256 patches. Left: attention received in the object layer, by rank.",
)
def hiprune(fig: Figure) -> None:
    left, right = fig.subplots(1, 2)
    scores = rules.column_scores(ASTRONAUT, rules.BLOCK - 1)
    rank = np.argsort(np.argsort(scores)).reshape(16, 16)
    left.imshow(rank, cmap="cividis", extent=(0, 224, 224, 0))
    bare(left, "what a layer looks at")
    kept = rules.keep_hiprune(ASTRONAUT, 0.25)
    kept_patches(right, image(ASTRONAUT), kept, "what stays")
    roles_below(fig, right)


@figure(
    "transprune",
    name="TransPrune",
    alt="256 patches as dots, by how much longer a module makes them and by the cosine between "
    "what goes in and what comes out; those that change most are filled: they stay",
    caption="The MLP of block 6, a photo of a cat. The score is softmax(1 - |cosine|) times the "
    "ratio of lengths.",
)
def transprune(fig: Figure) -> None:
    t_in, t_out = (x[1:] for x in load_vit_photos().transition(CAT, rules.BLOCK, "mlp"))
    ratio = np.linalg.norm(t_out, axis=1) / np.linalg.norm(t_in, axis=1)
    cosine = (unit(t_in) * unit(t_out)).sum(axis=1)
    scores = rules.transprune.transition_variation(t_in, t_out)
    kept = rules.transprune.reduce(scores, k=QUARTER)
    stays = np.isin(np.arange(256), kept.kept)
    left, ax = beside(fig)
    kept_patches(left, image(CAT), kept, "64 of 256 stay")
    ax.scatter(cosine[~stays], ratio[~stays], 14, "white", edgecolors=MUTED, label="dropped")
    ax.scatter(cosine[stays], ratio[stays], 16, BLUE, label="kept")
    ax.set(xlabel="cosine of output and input", ylabel="length, output over input")
    ax.set_ylim(top=1.1 * ratio.max())
    ax.legend(frameon=False, handletextpad=0.1, borderpad=0, loc="upper center", ncols=2)
    plain(ax)


@figure(
    "todre",
    name="ToDRE",
    alt="A photo of a coffee cup with patches numbered 1 to 8 in the order in which they are "
    "taken, far apart in looks, beside a falling curve: how unlike the kept ones each new one is",
    caption="Each new token is the one least like those that are there (version 1, k-center).",
)
def todre_figure(fig: Figure) -> None:
    states = rules.hidden(COFFEE)
    start = int(rules.cls_scores(COFFEE).argmax())
    picks, nearest = [start], []
    like = unit(states) @ unit(states).T
    for _ in range(QUARTER - 1):
        closest = like[picks].max(axis=0)  # (256,)
        closest[picks] = 2
        picks.append(int(closest.argmin()))
        nearest.append(1 - closest.min())
    wanted = todre.reduce(states, k=QUARTER, variant="v1", pivot=start)
    np.testing.assert_array_equal(np.sort(picks), wanted.kept)
    left, ax = beside(fig)
    left.imshow(image(COFFEE))
    box = {"boxstyle": "circle,pad=0.15", "fc": "white", "ec": INK, "lw": 0.8}
    for number, (x, y) in enumerate(zip(*centres(picks[:8]), strict=True), start=1):
        left.text(x, y, number, fontsize=8, ha="center", va="center", bbox=box)
    bare(left, "the first eight")
    ax.plot(range(2, QUARTER + 1), nearest, color=BLUE, lw=2)
    ax.set(xlabel="tokens taken", ylabel="1 - cosine with the nearest", ylim=(0, None))
    plain(ax)


@figure(
    "recoverable",
    name="Recoverable Compression",
    alt="A photo of a cat, how similar its patches are to a text that stands for the face, and the "
    "patches that stay, each marked: by visual score, by the text, or as the centre of a cluster",
    caption="The text is a stand-in: the mean state of the patches on the face. The number of "
    "tokens is found, not given.",
)
def recoverable_figure(fig: Figure) -> None:
    states, keys = rules.hidden(CAT), rules.keys(CAT)
    text = text_cosine(states[FACE].mean(axis=0), states) / np.sqrt(states.shape[1])
    found = recoverable.reduce(rules.cls_scores(CAT), text, keys)
    left, right = fig.subplots(1, 2)
    rank = np.argsort(np.argsort(text)).reshape(16, 16)
    left.imshow(rank, cmap="cividis", extent=(0, 224, 224, 0))
    bare(left, "like the text, by rank")
    kept_patches(right, image(CAT), found, f"{len(found)} tokens stay")
    roles_below(fig, right)


@figure(
    "token_transforming",
    name="Token Transforming",
    alt="Three matrices that turn 32 tokens into 8: pruning has one bright cell in each row, "
    "merging one cell in each column, the transforming one has several in both",
    caption="Two rows of patches of a photo of a cat. All three are Y = WX; the third is a rule "
    "of our own, since the authors' was not to be read.",
)
def token_transforming(fig: Figure) -> None:
    keys, scores = rules.keys(CAT)[80:112], rules.cls_scores(CAT)[80:112]
    kept = np.sort(np.argsort(-scores, kind="stable")[:8])
    like = unit(keys) @ unit(keys[kept]).T
    owner = like.argmax(axis=1)
    owner[kept] = np.arange(8)
    parts = {
        "one to one": Reduction(kept, 32),
        "many to one": group_means(kept, owner, size=np.ones(32)),
        "many to many": soft_assign(keys, kept, 0.1),
    }
    axes = fig.subplots(3, 1, sharex=True)
    for ax, (name, part) in zip(axes, parts.items(), strict=True):
        heat = ax.imshow(part.matrix(), cmap="cividis", vmin=0, vmax=1, aspect="auto")
        ax.set(yticks=[], ylabel="new")
        ax.set_title(name, fontsize=10, pad=3)
    axes[2].set_xlabel("old token")
    fig.colorbar(heat, ax=axes, label="weight in W")


@figure(
    "tome",
    name="Token Merging (ToMe)",
    alt="A photo of a cat, and the same photo from 64 merged tokens: alike patches share one mean, "
    "so that the fur blurs and the eyes stay sharp; bars show that some tokens stand for dozens",
    caption="256 patches merged to 64, the most similar pairs first; every patch shows the mean "
    "of its token.",
)
def tome(fig: Figure) -> None:
    reduction = rules.keep_tome(CAT, 0.25)
    pixels = image(CAT).reshape(16, 14, 16, 14, 3).swapaxes(1, 2).reshape(256, -1) / 255
    back = reduction.unmerge(reduction.apply(pixels)).reshape(16, 16, 14, 14, 3)
    left, ax = beside(fig)
    left.imshow(back.swapaxes(1, 2).reshape(224, 224, 3).clip(0, 1))
    bare(left, "64 tokens, put back")
    size = np.sort(reduction.size)[::-1]
    ax.bar(np.arange(1, len(size) + 1), size, width=1, color=BLUE)
    ax.set(xlabel="token, the largest first", ylabel="patches it stands for")
    plain(ax)


@figure(
    "evit",
    name="EViT",
    alt="A photo of a rocket with the patches that stay, and the CLS token's attention to every "
    "patch in falling order: the best quarter is dark, the hatched rest becomes one token",
    caption="Kept: what the CLS token attends to most. The others are added up, each by its "
    "attention.",
)
def evit(fig: Figure) -> None:
    scores = np.sort(rules.cls_scores(ROCKET))[::-1]
    left, ax = beside(fig)
    chosen = rules.evit.reduce(rules.cls_scores(ROCKET), k=QUARTER, fused=False)
    kept_patches(left, image(ROCKET), chosen, "64 of 256 stay")
    rank = np.arange(1, 257)
    style = {"step": "mid", "edgecolor": INK, "linewidth": 0.5}
    ax.fill_between(rank[:QUARTER], scores[:QUARTER], color=BLUE, label="kept", step="mid")
    fused = scores[QUARTER:].sum() / scores.sum()
    label = f"fused: {fused:.0%} of it"
    ax.fill_between(rank[QUARTER:], scores[QUARTER:], fc=SAND, hatch="////", label=label, **style)
    ax.set(xlabel="patch, by rank", ylabel="CLS attention", ylim=(0, scores[2]))
    ax.legend(frameon=False, loc="upper right", borderpad=0)
    plain(ax)


@figure(
    "fastv",
    name="FastV",
    alt="A matrix of attention, tokens that read down and tokens that are read across, with bright "
    "columns; below it the mean of each column, and a line: the tokens above it are kept",
    caption="Tokens that receive little attention go. The paper prunes a language model; this is "
    "a vision transformer's attention, block 6, photo of a coffee cup.",
)
def fastv(fig: Figure) -> None:
    attention = rules.attention(COFFEE).mean(axis=0)[:, 1:]  # (257, 256)
    received = attention.mean(axis=0)
    kept = rules.keep_fastv(COFFEE, 0.5).kept
    top, ax = fig.subplots(2, 1, sharex=True, height_ratios=(1.2, 1))
    rank = np.searchsorted(np.sort(attention.ravel()), attention) / attention.size
    top.imshow(rank, cmap="cividis", aspect="auto", interpolation="nearest")
    top.set(yticks=[], ylabel="reads")
    colours = np.where(np.isin(np.arange(256), kept), BLUE, PALE)
    ax.bar(np.arange(256), 257 * received, width=1, color=colours)
    ax.axhline(257 * received[kept].min(), color="black", ls=":", lw=1)
    ax.set(xlabel="token that is read; dark: kept", ylabel="times equal", yscale="log")
    ax.set_yticks([0.1, 1, 10], ["0.1", "1", "10"])
    ax.set_xlim(-0.5, 255.5)
    plain(ax)


@figure(
    "visionzip",
    name="VisionZip",
    alt="A photo of an astronaut with two kinds of marks: dominant patches where CLS attention is "
    "high, and evenly spaced contextual ones; bars show how many others each of those takes in",
    caption="64 tokens, shared out as the paper's 54 + 10. The rest merges into the contextual "
    "token that it is most like.",
)
def visionzip_figure(fig: Figure) -> None:
    contextual = rules.contextual_tokens(QUARTER)
    found = visionzip.reduce(
        rules.cls_scores(ASTRONAUT),
        rules.keys(ASTRONAUT),
        dominant=QUARTER - contextual,
        contextual=contextual,
    )
    left, ax = beside(fig)
    kept_patches(left, image(ASTRONAUT), found, "what stays")
    members = found.size[found.roles == 1] - 1
    ax.bar(np.arange(1, len(members) + 1), members, color=SAND, edgecolor=INK, hatch="//", lw=0.6)
    ax.set(xlabel="contextual token", ylabel="others that it takes in")
    ax.set_xticks(range(1, len(members) + 1, 3))
    plain(ax)
    roles_below(fig, left)


@figure(
    "divprune",
    name="DivPrune",
    alt="A photo of a rocket with the patches that stay, and all patches as dots on their two main "
    "directions; the kept ones are ringed and lie all over the cloud, few where it is dense",
    caption="16 of 256 states after block 6: the smallest distance between any two is to be as "
    "large as possible.",
)
def divprune(fig: Figure) -> None:
    states = unit(rules.hidden(ROCKET))
    kept = k_center(states, 16, start=loneliest(states))
    centred = states - states.mean(axis=0)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    x, y = (u[:, :2] * s[:2]).T
    left, ax = beside(fig)
    kept_patches(left, image(ROCKET), Reduction(np.sort(kept), 256), "16 of 256 stay")
    ax.scatter(x, y, 10, MUTED, label="all patches", alpha=0.6, linewidths=0)
    ax.scatter(x[kept], y[kept], 52, "none", edgecolors="black", linewidths=1.4, label="kept")
    ax.set(xlabel="first main direction", ylabel="second", xticks=[], yticks=[])
    ax.legend(frameon=True, framealpha=0.85, edgecolor="none", handletextpad=0.1, borderpad=0.2)
    plain(ax)


@figure(
    "sparsevlm",
    name="SparseVLM",
    alt="A photo of a cat with the patches that stay, at its forehead and its eyes, and bars: of "
    "three words the two from the image lie above the mean and rate, the noise lies below",
    caption="Words that have to do with the image rate its patches. The words are stand-ins: mean "
    "states of parts of the photo, and noise.",
)
def sparsevlm_figure(fig: Figure) -> None:
    states = rules.hidden(CAT)
    noise = np.random.default_rng(0).standard_normal(states.shape[1]).astype(np.float32)
    words = np.stack([states[FACE].mean(axis=0), states[:16].mean(axis=0), noise])
    asked = softmax(words @ states.T / np.sqrt(states.shape[1]), axis=1)[None]
    found = sparsevlm.reduce(asked, states, words, k=QUARTER - 20)
    relevance = softmax(states @ words.T, axis=1).mean(axis=0)
    rates = np.isin(np.arange(len(words)), sparsevlm.raters(states, words))
    left, ax = beside(fig)
    kept_patches(left, image(CAT), found, f"{len(found)} tokens stay")
    bars = ax.bar(["eye", "top", "noise"], relevance, color=PALE, edgecolor=INK, lw=0.8)
    for bar, rater in zip(bars, rates, strict=True):
        bar.set(hatch="//" if rater else "", facecolor=SAND if rater else PALE)
    ax.axhline(relevance.mean(), color="black", ls=":")
    ax.set(ylabel="relevance; hatched: rates", xlabel="word")
    plain(ax)
    roles_below(fig, left)
