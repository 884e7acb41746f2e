"""Figures of the gallery: tokenizers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from docs.figures_registry import BLUE, INK, PALE, SAND, figure, plain
from tokenlab.data import load_text
from tokenlab.tokenizers import BPE, UnigramLM, fvt, hybrid
from tokenlab.tokenizers.kl3m import boundary_stability
from tokenlab.tokenizers.turkish import PUBLISHED
from tokenlab.tokenizers.words import backbone_mask, decoder_mask, encoder_mask
from tokenlab.tour.tokenizers import batch, learned, small_model

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WORD = " brotherhood"


def seen(token: bytes) -> str:
    """A token, its blanks so that they can be seen."""
    return token.decode(errors="replace").replace(" ", "␣").replace("\n", "⏎")


def row_of(ax: Axes, y: float, tokens: list[bytes], *, dark: Any = ()) -> None:
    """Tokens as boxes in a line, each as wide as it has letters."""
    x = 0
    for i, token in enumerate(tokens):
        wide = len(token.decode(errors="replace"))
        colour = BLUE if i in dark else PALE
        ax.barh(y, wide - 0.12, left=x + 0.06, height=0.72, color=colour, edgecolor=INK, lw=0.8)
        ink = "white" if i in dark else INK
        ax.text(x + wide / 2, y, seen(token), ha="center", va="center", color=ink)
        x += wide


def lines(ax: Axes, names: list[str], wide: float) -> None:
    """Names of the lines at their left; the first is on top."""
    ax.set(xlim=(0, wide), ylim=(len(names) - 0.4, -0.6), xticks=[])
    ax.set_yticks(range(len(names)), names)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


@figure(
    "bpe",
    name="BPE",
    alt="A word in boxes, one line for each size of the vocabulary: single letters at first, then "
    "fewer and longer tokens; dark boxes are tokens that are new in their line",
    caption="The word brotherhood, by merges that were learned from Hamlet. With more merges the "
    "same word has fewer tokens.",
)
def bpe_figure(fig: Figure) -> None:
    sizes, tokenizer, ax = (256, 264, 280, 320, 512), learned(), fig.subplots()
    before: set[bytes] = {bytes([b]) for b in range(256)}
    for y, size in enumerate(sizes):
        cut = tokenizer.truncate(size)
        tokens = [cut.tokens[i] for i in cut.encode(WORD).tolist()]
        row_of(ax, y, tokens, dark=[i for i, t in enumerate(tokens) if t not in before])
        before |= set(tokens)
    lines(ax, [f"{size} tokens" for size in sizes], len(WORD))


@figure(
    "unigram",
    name="Unigram",
    alt="One word in boxes in six lines, each line another way to cut it; bars at the right say "
    "how probable each way is, and the first line has the longest bar",
    caption="The likeliest cuts of a word, with their shares of its probability. Training on "
    "sampled ones makes a translation model see all of them.",
)
def unigram_figure(fig: Figure) -> None:
    model, word = UnigramLM.fit(load_text("shakespeare")[:20_000], 400), b"another"
    draws = np.random.default_rng(0)
    cuts = {tuple(model.sample(word, rng=draws).tolist()) for _ in range(2000)}
    score = {cut: float(np.exp(model.log_probs[list(cut)].sum())) for cut in cuts}
    best = sorted(cuts, key=lambda cut: -score[cut])[:6]
    share = [score[cut] / float(np.exp(model.log_marginal(word))) for cut in best]
    left, right = fig.subplots(1, 2, width_ratios=[2, 1])
    for y, cut in enumerate(best):
        row_of(left, y, [model.tokens[i] for i in cut])
    lines(left, [""] * len(best), len(word))
    right.barh(range(len(best)), share, color=BLUE)
    right.set(yticks=[], ylim=(len(best) - 0.4, -0.6), xlabel="share")
    plain(right)


@figure(
    "zett",
    name="ZeTT",
    alt="A grid of squares: each line is a new token, each column an old one, and a darker square "
    "is a larger weight; lines have one dark square or several lighter ones",
    caption="New tokens as means of old ones: what the network's prediction starts from. "
    "Training adds to these rows what the mean does not know.",
)
def zett_figure(fig: Figure) -> None:
    old, tokens = learned(), [b" lord", b" brother", b" king", b"hood", b" crown", b" queen"]
    weights = fvt(old, BPE(tokens)).matrix()
    grid_of(fig, weights, [seen(t) for t in tokens], old)


def grid_of(fig: Figure, weights: np.ndarray, names: list[str], old: BPE) -> None:
    """Rows of weights over those old tokens that have any."""
    ax, used = fig.subplots(), np.flatnonzero(weights.any(axis=0))
    used = used[np.argsort([int(weights[:, i].nonzero()[0][0]) for i in used], kind="stable")]
    ax.imshow(weights[:, used], cmap="Greys", vmin=0, vmax=1, aspect="auto")
    ax.set_yticks(range(len(names)), names)
    ax.set_xticks(range(len(used)), [seen(old.tokens[i]) for i in used], rotation=60)
    ax.set(xlabel="old tokens", ylabel="new tokens")
    ax.tick_params(length=0)


@figure(
    "tokenadapt",
    name="TokenAdapt",
    alt="Bars of weights of old tokens for one new token: dark bars for the pieces that spell it, "
    "light hatched bars for the three old tokens whose vectors are nearest",
    caption="A new token from its pieces, seven tenths, and from its three nearest old tokens, "
    "three tenths. Longer pieces count for more.",
)
def tokenadapt_figure(fig: Figure) -> None:
    old, _, vectors = small_model()
    new = BPE([b" kingdom"])
    theirs = fvt(old, new).apply(vectors)  # stands in for the vector of a text encoder
    each = [hybrid(old, new, vectors, theirs, global_weight=w).matrix()[0] for w in (0.0, 1.0)]
    ax, x = fig.subplots(), 0
    names = []
    for row, part, style in (
        (each[0], 0.7, {"color": BLUE, "label": "pieces"}),
        (each[1], 0.3, {"color": SAND, "hatch": "//", "label": "nearest vectors"}),
    ):
        ids = row.nonzero()[0]
        ax.bar(range(x, x + len(ids)), part * row[ids], edgecolor=INK, **style)
        names += [seen(old.tokens[i]) for i in ids]
        x += len(ids)
    ax.set_xticks(range(x), names)
    ax.set_ylabel("weight in “kingdom”")
    ax.legend(frameon=False)
    plain(ax)


@figure(
    "dynamic",
    name="Dynamic tokenization",
    alt="Two falling lines, a full one for English and a dashed one for Turkish: tokens that are "
    "left of a batch, over the number of merges; the Turkish line falls further",
    caption="A page in each language, in the tokens of SmolLM2. Each merge joins the most frequent "
    "pair of the batch, never beyond a word.",
)
def dynamic_figure(fig: Figure) -> None:
    ax = fig.subplots()
    for name, text, style in (("English", "shakespeare", "-"), ("Turkish", "turkish", "--")):
        lengths = np.asarray(batch(load_text(text)[:6000], 400).lengths)
        ax.plot(lengths / lengths[0], style, color=BLUE, lw=2, label=name)
    ax.set(xlabel="merges", ylabel="tokens that are left", ylim=(0, 1.02))
    ax.legend(frameon=False)
    plain(ax)


@figure(
    "word_pooled",
    name="Word-pooled",
    alt="Three masks of squares, dark where a line may look: an encoder's, all within a word; a "
    "backbone's, steps of words before; a decoder's, a triangle behind the pooled vectors",
    caption="Who looks at whom: letters and vectors within a word, pooled vectors at earlier words, "
    "and letters to be spelled at those before them.",
)
def word_pooled_figure(fig: Figure) -> None:
    masks = {
        "encoder\n2 vectors, 4 letters": encoder_mask(np.array([4]), 2, 4)[0],
        "backbone\n4 words of 2 vectors": backbone_mask(4, 2),
        "decoder\n2 vectors, 4 letters": decoder_mask(2, 4),
    }
    for ax, (name, mask) in zip(fig.subplots(1, 3), masks.items(), strict=True):
        ax.pcolormesh(np.asarray(mask, float), cmap="Greys", vmin=0, vmax=1.2, edgecolor=INK)
        ax.set(xticks=[], yticks=[], aspect="equal", xlabel=name)
        ax.invert_yaxis()


@figure(
    "kl3m",
    name="KL3M",
    alt="Two lines over the size of the vocabulary: the share of token boundaries that stay when "
    "letters are misread; the dashed one is of tokens of three bytes at most",
    caption="One letter in a hundred of a page of Hamlet is replaced. Short tokens are why "
    "tokenizers for correcting scans have three or four letters at most.",
)
def kl3m_figure(fig: Figure) -> None:
    text, draws = load_text("shakespeare")[100_000:106_000], np.random.default_rng(0)
    letters = np.array(list(text))
    hit = draws.random(len(letters)) < 0.01
    letters[hit] = draws.choice(list("abcdefghijklmnopqrstuvwxyz"), int(hit.sum()))
    sizes, ax = (300, 512, 1024, 2048), fig.subplots()
    for name, most, style in (("of any length", None, "o-"), ("three bytes at most", 3, "s--")):
        learned_of = load_text("shakespeare")[:100_000]
        tokenizer = BPE.train(learned_of, sizes[-1], max_token_bytes=most)
        cuts = [tokenizer.truncate(min(size, tokenizer.vocab)) for size in sizes]
        kept = [boundary_stability(cut, text, "".join(letters)) for cut in cuts]
        ax.plot(sizes, kept, style, color=BLUE, label=name)
    ax.set_xscale("log", base=2)
    ax.set_xticks(sizes, [str(size) for size in sizes])
    ax.set(xlabel="tokens in the vocabulary", ylabel="boundaries that stay")
    ax.legend(frameon=False)
    plain(ax)


@figure(
    "turkish",
    name="Turkish standards",
    alt="Points for eight models with their names: to the right the share of a vocabulary's tokens "
    "that are Turkish words, upwards the score; the points do not lie on a line",
    caption="The paper's own table: share of Turkish tokens and score of each of its eight models.",
)
def turkish_figure(fig: Figure) -> None:
    ax = fig.subplots()
    for name, row in PUBLISHED.items():
        x = 100 * row.turkish / row.unique
        ax.plot(x, row.mmlu, "o", color=BLUE)
        beside = (-14, 6) if name.startswith("gemma") else (4, 3)  # aya is to its right
        ax.annotate(name, (x, row.mmlu), xytext=beside, textcoords="offset points", size=8)
    ax.margins(x=0.25, y=0.1)
    ax.set(xlabel="tokens that are Turkish words, %", ylabel="Turkish MMLU, %")
    plain(ax)
