"""The tour's part on fewer tokens: what each rule keeps of four photos, and what that costs."""

import dataclasses
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tokenlab.data import load_vit_photos
from tokenlab.errors import PLOT, MissingDependency
from tokenlab.numerics import softmax
from tokenlab.pruning import Reduction, flops, sparsevlm, tome
from tokenlab.steps import Steps, record, step
from tokenlab.tour import Minute
from tokenlab.tour.pruning_rules import (
    BLOCK,
    Rule,
    cls_scores,
    column_scores,
    hidden,
    keep_divprune,
    keep_evit,
    keep_fastv,
    keep_hiprune,
    keep_recoverable,
    keep_todre,
    keep_transform,
    keep_transprune,
    keep_visionzip,
    keys,
    random_tokens,
    rules,
    ttv_scores,
)
from tokenlab.tour.step_throughs import step_through
from tokenlab.tour.terminal import heading, paragraph, table

SHARES = (0.5, 0.25, 0.1)
DRAWN = 0.25  # of the pictures, and of the time
SHOWN = 0  # photo of the step-throughs
ROUNDS = 5
D, HIDDEN, BLOCKS = 384, 1536, 12  # of the model


def run(out: Path) -> None:
    """Print fidelity, cost and time of every rule, and draw what each keeps."""
    photos = load_vit_photos()
    heading("Fewer tokens: pruning and merging inside a vision transformer")
    paragraph(
        f"""Four photos ({", ".join(photos.names)}), each 256 patches and a CLS token. After block
        {BLOCK} of {BLOCKS} every rule keeps a half, a quarter or a tenth of the patches. Fidelity
        is the cosine between what the CLS token reads in later blocks with and without the
        pruning. It tells a failure from a success, not the better of two good rules, and it
        flatters merging; see tokenlab.data.vit_photos. Rules that need a question
        (SparseVLM, the text half of TransPrune and of Recoverable Compression) have none here."""
    )
    _print_table()
    _print_trials()
    _print_recoverable()
    for path in _draw(out):
        print(f"Tokens that each rule keeps: {path}")
    page = hiprune_steps(SHOWN).to_html(out / "hiprune.html", title="HiPrune, step by step")
    print(f"Step through HiPrune in a browser: {page}")


def _print_table() -> None:
    floor: dict[float, float] = {}
    rows, losers = [], []
    for rule in rules():
        cells, loses = [], 0
        for share in SHARES:
            found = [f for i in range(4) for f in _fidelities(rule, i, share)]
            mean = statistics.mean(found)
            floor.setdefault(share, mean)  # random comes first
            worse = mean < floor[share]
            loses += worse
            cells.append(f"{mean:.3f} / {min(found):.3f}{'▼' if worse else ' '}")
        if loses:
            losers.append(f"{rule.name} ({loses} of {len(SHARES)})")
        rows.append((rule.name, *cells, *_cost(rule)))
    print("\nFidelity, mean / worst photo; ▼ is a mean below that of random")
    table(("rule", *(f"{s:.0%} kept" for s in SHARES), "Mmac", "time"), rows)
    full, pruned = model_multiply_adds(256), model_multiply_adds(round(256 * DRAWN))
    print()
    paragraph(
        f"""Random is the mean and the worst of {rules()[0].draws} draws. The model takes
        {full / 1e9:.2f} billion multiply-adds with all tokens, {pruned / 1e9:.2f} with a quarter
        from block {BLOCK + 1} on; the last two columns are what choosing a quarter costs on top:
        its products, in millions, and its median time here; attention that is read counts as there,
        which it is not where a fused kernel computes it. Below random:
        {", ".join(losers) or "none"}."""
    )
    paragraph(
        """Why a rule can lose to chance: neighbouring patches of a photo are alike, so a quarter
        of them that is spread over the photo holds most of what there is. (Every fourth patch is
        not spread: 4 divides the 16 patches of a row, so stride keeps whole columns.) Attention
        picks many patches of one object and leaves the rest out; and in a model of this kind some
        patches with nothing in them draw attention because the model stores its own notes there.
        What is merged is not lost, which is why mergers stand high."""
    )


def _print_trials() -> None:
    """What the model really answered, for the rules whose tokens it was run on."""
    trials = load_vit_photos().trials
    counts = sorted(set(trials.kept.sum(axis=1).tolist()), reverse=True)
    rule_of = np.array(trials.rule)
    random: dict[int, float] = {}
    rows = []
    for rule in ("random", *sorted(set(trials.rule) - {"random"})):
        cells = []
        for k in counts:
            mine = (rule_of == rule) & (trials.kept.sum(axis=1) == k)
            mean, worst = float(trials.cosine[mine].mean()), float(trials.cosine[mine].min())
            random.setdefault(k, mean)
            cells.append(f"{mean:.3f} / {worst:.3f}{'▼' if mean < random[k] else ' '}")
        rows.append((rule, *cells))
    print(
        f"\nBlocks {BLOCK + 1} to {BLOCKS} run for real on some sets: cosine of the final CLS state"
    )
    table(("tokens kept by", *(f"{k} kept" for k in counts)), rows)


def _print_recoverable() -> None:
    found = [keep_recoverable(i) for i in range(4)]
    scores = [fidelity(i, reduction) for i, reduction in enumerate(found)]
    print()
    paragraph(
        f"""Recoverable Compression takes no budget. Without a question it finds
        {", ".join(str(len(f)) for f in found)} tokens to keep or to merge into, of 256; mean
        fidelity {statistics.mean(scores):.3f}, worst {min(scores):.3f}."""
    )


def _draw(out: Path) -> list[Path]:
    """One picture per photo with all rules, and one with scores; none without matplotlib."""
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure  # noqa: F401
    except ImportError as error:
        print(MissingDependency(f"no pictures: {error}. Run: {PLOT}"))
        return []
    if mpl.get_backend().lower() != "agg":
        mpl.use("agg")
    from matplotlib import pyplot as plt

    from tokenlab.plots import show_reductions

    photos, paths = load_vit_photos(), []
    for i, name in enumerate(photos.names):
        left = {rule.name: rule.reduce(i, DRAWN) for rule in rules()}
        left["Recoverable"] = keep_recoverable(i)
        title = f"{name}: what each rule keeps of 256 patches, a quarter where it has a budget"
        scores = {
            "CLS top": cls_scores(i),
            "HiPrune": column_scores(i),
            "TransPrune, TTV": ttv_scores(i),
        }
        figure = show_reductions(photos.images[i], left, scores=scores, title=title)
        paths.append(out / f"pruning-{name}.png")
        figure.savefig(paths[-1], dpi=110)
        plt.close(figure)
    return paths


def minute(out: Path) -> Minute:
    """One result: what looks at the photo, against chance, and against merging."""
    wanted = ("random", "CLS top", "ToMe")
    random, top, merged = (
        statistics.mean(f for i in range(4) for f in _fidelities(rule, i, DRAWN))
        for rule in rules()
        if rule.name in wanted
    )
    page = hiprune_steps(SHOWN).to_html(out / "hiprune.html", title="HiPrune, step by step")
    return Minute(
        "which quarter of a photo's patches does a vision model need?",
        f"""what the model itself looks at keeps {top:.3f} of its answer, patches at random
        {random:.3f}, merged ones {merged:.3f}: on these four photos chance beats looking. The
        measure flatters merging.""",
        "the answer is a vector, the number a cosine: 1 is no change.",
        page,
    )


# Step-throughs: `tokenlab steps hiprune`.


@step_through("hiprune", "anchors, their neighbours, registers", k=64)
def hiprune_steps(photo: int, k: int) -> Steps:
    """The recording of HiPrune on one photo, scores laid out as the photo is."""
    return _recorded(photo, lambda: keep_hiprune(photo, _share(k)))


@step_through("todre", "again and again the token unlike all others", k=8)
def todre_steps(photo: int, k: int) -> Steps:
    """The recording of ToDRE's first version, a greedy choice, for the first few tokens."""
    return _recorded(photo, lambda: keep_todre(photo, _share(k), "v1"))


@step_through("tome", "merge the most similar pairs", r=32)
def tome_steps(photo: int, r: int) -> Steps:
    """The recording of what ToMe does in one layer: the r most similar pairs merge."""
    return _recorded(photo, lambda: tome.reduce(keys(photo), r))


@step_through("transprune", "what two modules change, in length and angle", k=64)
def transprune_steps(photo: int, k: int) -> Steps:
    """The recording of TransPrune on the change in block 6; there is no instruction to attend."""
    return _recorded(photo, lambda: keep_transprune(photo, _share(k)))


@step_through("recoverable", "what stands out, and where the rest goes")
def recoverable_steps(photo: int) -> Steps:
    """The recording of Recoverable Compression without a question; it chooses its own number."""
    return _recorded(photo, lambda: keep_recoverable(photo))


@step_through("token-transforming", "spread every token over some", k=64)
def token_transforming_steps(photo: int, k: int) -> Steps:
    """The recording of our many-to-many rule."""
    return _recorded(photo, lambda: keep_transform(photo, _share(k)))


@step_through("evit", "what CLS looks at, and the sum of the others", k=64)
def evit_steps(photo: int, k: int) -> Steps:
    """The recording of EViT."""
    return _recorded(photo, lambda: keep_evit(photo, _share(k)))


@step_through("fastv", "what receives attention", k=64)
def fastv_steps(photo: int, k: int) -> Steps:
    """The recording of FastV, on the attention of a vision transformer."""
    return _recorded(photo, lambda: keep_fastv(photo, _share(k)))


@step_through("visionzip", "dominant tokens, and targets for the others", k=64)
def visionzip_steps(photo: int, k: int) -> Steps:
    """The recording of VisionZip."""
    return _recorded(photo, lambda: keep_visionzip(photo, _share(k)))


@step_through("divprune", "the loneliest, then the farthest from all", k=8)
def divprune_steps(photo: int, k: int) -> Steps:
    """The recording of DivPrune, for the first few tokens."""
    return _recorded(photo, lambda: keep_divprune(photo, _share(k)))


@step_through("sparsevlm", "words that have to do with the photo rate its patches", k=44)
def sparsevlm_steps(photo: int, k: int) -> Steps:
    """The recording of SparseVLM with stand-ins for words: means of the photo, and noise."""
    states = hidden(photo)  # (n, d)
    noise = np.random.default_rng(0).standard_normal(states.shape[1]).astype(np.float32)
    words = np.stack([states[96:160].mean(axis=0), states[:16].mean(axis=0), noise])
    asked = softmax(words @ states.T / np.sqrt(states.shape[1]), axis=1)[None]  # (1, n_text, n)
    return _recorded(photo, lambda: sparsevlm.reduce(asked, states, words, k=k))


def count() -> int:
    """How many examples `tokenlab steps` can choose from."""
    return len(load_vit_photos())


def subject(number: int) -> str:
    """What example `number` is."""
    return f"Photo {number}: {load_vit_photos().names[number]}"


def _recorded(photo: int, reduce: Callable[[], Reduction]) -> Steps:
    """Record a rule; numbers of patches become maps over the photo, and the end is a map, too."""
    grid = load_vit_photos().grid
    with record() as steps:
        steps.photo = load_vit_photos().images[photo]
        reduction = reduce()
        step("left", reduction.mask(grid), "the patches that stay", axes=("row", "column"))
    for at, item in enumerate(steps.items):
        if item.axes == ("n",) and not item.of and np.size(item.value) == grid[0] * grid[1]:
            laid_out = np.reshape(item.value, grid)
            steps.items[at] = dataclasses.replace(item, value=laid_out, axes=("row", "column"))
    return steps


def _share(k: int) -> float:
    return min(max(int(k), 1), 256) / 256


# Numbers about them.


def _fidelities(rule: Rule, i: int, share: float) -> list[float]:
    if rule.draws == 1:
        return [fidelity(i, rule.reduce(i, share))]
    return [fidelity(i, random_tokens(i, share, seed)) for seed in range(rule.draws)]


def fidelity(i: int, reduction: Reduction) -> float:
    """How near the final CLS state of photo `i` comes to that of all patches."""
    if reduction.transform is None:
        return load_vit_photos().fidelity(i, reduction.kept)
    return load_vit_photos().fidelity(i, reduction.matrix(), size=reduction.size)


def model_multiply_adds(k: int) -> int:
    """What the model takes when `k` patches go on after block 6."""
    counts = [257] * BLOCK + [k + 1] * (BLOCKS - BLOCK)
    return flops.multiply_adds(counts, d=D, hidden=HIDDEN, gated=False)


def _cost(rule: Rule) -> tuple[str, str]:
    """Millions of multiply-adds and milliseconds of choosing a quarter of the tokens."""
    products = rule.multiply_adds(0, DRAWN)
    rule.reduce(0, DRAWN)  # reads the data, and compiles
    seconds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        rule.reduce(0, DRAWN)
        seconds.append(time.perf_counter() - start)
    return f"{products / 1e6:.1f}", f"{1e3 * statistics.median(seconds):.2f} ms"
