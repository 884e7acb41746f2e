"""Which tokens a prediction rests on: ReAGent, other attributions, chance and recency, judged alike.

    python tools/findings/attribution.py            # all parts
    python tools/findings/attribution.py tiny       # one of them

`tiny` asks the small model of the package on text that it has not read, in two minutes; `smollm2`
needs its weights and takes five. Every number is a mean over contexts, with half an interval of 95 %.
"""

from __future__ import annotations

from found import main, table  # sets one thread, before NumPy is imported

# isort: split
from typing import NamedTuple

import numpy as np

from tokenlab import models
from tokenlab.analysis import attribution, reagent
from tokenlab.analysis.faithfulness import comprehensiveness, sufficiency
from tokenlab.analysis.inside import opened
from tokenlab.data import load_text, load_tiny_lm
from tokenlab.decoding.uncertainty import entropy
from tokenlab.lm import Counted
from tokenlab.numerics import softmax

SHARE_OF_ENTROPY = 0.6  # of that of equal scores, at which soft forms are compared
PROMPTS = (
    "The capital of France is the city of",
    "Two plus two equals",
    "The opposite of hot is",
    "In winter, the water in the lake turns to",
    "To be, or not to be, that is the",
    "Monday, Tuesday, Wednesday,",
    "The sun rises in the east and sets in the",
    "Once upon a",
)


class Setting(NamedTuple):
    """What a comparison is made with."""

    k: int  # tokens of the hard forms
    draws: int  # of soft forms and of replacements
    path: int  # points of integrated gradients
    soft: bool
    reagent: dict
    replace: dict  # of ReAGent, by name; the first one stands in for tokens elsewhere, too


def attributions(lm, context, target, seed, how):
    """Scores of every method, and what each asked: rows of probabilities, or gradients."""
    text = opened(lm, context)
    f = lambda x: text.log_probs(x)[target]  # noqa: E731
    seen = text.attention()  # (layers, h, n, n)
    n = len(context)
    found = {}
    for name, replace in how.replace.items():
        counted = Counted(lm)
        got = reagent.attribute(counted, context, target, replace=replace, rng=seed, **how.reagent)
        found[f"ReAGent, {name}"] = got.scores, counted.rows, got
    counted, replace = Counted(lm), next(iter(how.replace.values()))
    options = {"replace": replace, "draws": how.draws, "rng": seed}
    scores = attribution.occlusion(counted, context, target, **options)
    found["occlusion"] = scores, counted.rows, None
    found["|gradient|"] = attribution.gradient_norm(f, text.x), 1, None
    found["gradient x input"] = attribution.gradient_input(f, text.x), 1, None
    path = attribution.integrated_gradients(f, text.x, steps=how.path)
    found["integrated gradients"] = path, how.path, None
    found["rollout"] = attribution.rollout(seen)[-1], 0, None
    found["last attention"] = seen[-1].mean(axis=0)[-1], 0, None
    found["recency"] = np.arange(1.0, n + 1), 0, None
    found["random"] = attribution.random_scores(n, rng=seed), 0, None
    return text, found


def at_entropy(scores, share):
    """The softmax of scores, as peaked as all others: its entropy is a share of ln n."""
    z = (scores - scores.mean()) / (scores.std() or 1)
    low, high = 0.0, 1e6
    for _ in range(80):  # the sharper, the less entropy
        middle = (low + high) / 2
        flat = float(entropy(np.log(softmax(middle * z) + 1e-300))) > share * np.log(len(z))
        low, high = (middle, high) if flat else (low, middle)
    return softmax(low * z)


def replaced(lm, context, target, places, replace, draws, rng):
    """The target's mean probability with other tokens at these places."""
    texts = np.tile(context, (draws, 1))
    texts[:, places] = replace(texts.copy(), rng)[:, places]
    return float(np.exp([lm.log_probs(text.tolist())[target] for text in texts]).mean())


def judged(lm, context, target, seed, how):
    """A dict of measures for every method on one context."""
    text, found = attributions(lm, context, target, seed, how)
    predict = lambda x: np.exp(text.log_probs(x))  # noqa: E731
    replace = next(iter(how.replace.values()))
    before = float(predict(text.x)[target])
    rows = {}
    for name, (scores, asked, got) in found.items():
        scores = np.asarray(scores, dtype=np.float64)
        best = np.argsort(-scores, kind="stable")[: how.k]
        rest = np.setdiff1d(np.arange(len(context)), best)
        rng = np.random.default_rng(seed)  # the same replacements for every method
        row = {
            "p": before,
            "sufficiency": sufficiency(predict, text.x, scores, k=how.k),
            "comprehensiveness": comprehensiveness(predict, text.x, scores, k=how.k),
            "p, the best alone": replaced(lm, context, target, rest, replace, how.draws, rng),
            "p, all but the best": replaced(lm, context, target, best, replace, how.draws, rng),
            "asked": asked,
        }
        if how.soft:
            equal = at_entropy(scores, SHARE_OF_ENTROPY)
            options = {"draws": how.draws, "rng": seed}
            row["soft sufficiency"] = sufficiency(predict, text.x, equal, **options)
            row["soft comprehensiveness"] = comprehensiveness(predict, text.x, equal, **options)
            if name.startswith(("ReAGent", "random")) or name == "|gradient|":
                own = scores / scores.sum()  # as they come, whatever their entropy
                row["own entropy"] = -(own * np.log(own)).sum()
                row["own soft sufficiency"] = sufficiency(predict, text.x, own, **options)
        if got is not None:
            row |= {"steps": np.mean(got.steps), "stopped": np.mean(got.stopped)}
        rows[name] = row
    return rows


def means(every, name, measures):
    """Of each measure the mean over contexts, and half an interval."""
    cells = []
    for measure in measures:
        x = np.array([rows[name][measure] for rows in every], dtype=np.float64)
        cells += [x.mean(), 1.96 * x.std(ddof=1) / len(x) ** 0.5]
    return cells


def of_all(title, every, measures, names=None, **more):
    """A table of measures, a row a method."""
    columns = ["method", *(c for measure in measures for c in (measure, "±"))]
    rows = [(name, *means(every, name, measures)) for name in names or every[0]]
    return table(title, columns, rows, **more)


def against(every, ours, measures):
    """ReAGent less each other method, on the same contexts."""
    others = [name for name in every[0] if not name.startswith("ReAGent")]
    columns = ["less", *(c for measure in measures for c in (measure, "±"))]
    gaps = [
        {o: {m: rows[ours][m] - rows[o][m] for m in measures} for o in others} for rows in every
    ]
    return table(
        f"{ours}, less each other method", columns, [(o, *means(gaps, o, measures)) for o in others]
    )


HARD = ("sufficiency", "comprehensiveness")
KEPT = ("p, the best alone", "p, all but the best")


def tables(every, how, title, **more):
    """What came out of one model."""
    ours = next(name for name in every[0] if name.startswith("ReAGent"))
    reagents = [name for name in every[0] if name.startswith("ReAGent")]
    if how.soft:
        more["soft"] = of_all(
            f"Soft forms, all at an entropy of {SHARE_OF_ENTROPY} ln n",
            every,
            ("soft sufficiency", "soft comprehensiveness"),
        )
        more["own"] = of_all(
            "Soft sufficiency of scores as they come",
            every,
            ("own entropy", "own soft sufficiency"),
            [*reagents, "|gradient|", "random"],
        )
    before = np.mean([rows[ours]["p"] for rows in every])
    return of_all(
        f"{title}: the {how.k} best tokens of {len(every)} contexts",
        every,
        (*HARD, "asked"),
        replaced=of_all(
            f"The target's probability with others in place of tokens; {before:.3f} before",
            every,
            KEPT,
        ),
        against=against(every, ours, (*HARD, KEPT[1])),
        runs=of_all("Runs of ReAGent", every, ("steps", "stopped"), reagents),
        **more,
    )


def tiny(options):
    """Sixty contexts of sixteen tokens from plays that the small model has not read."""
    model = load_tiny_lm()
    lm, n = model.lm, 16
    ids = np.array(model.tokenizer.encode(load_text("shakespeare")[:600_000]))
    half = len(ids) // 2  # replacements are learned from one half, contexts are of the other
    replace = {
        "middle words": reagent.middle_replacer(ids[:half], lm.vocab),
        "any token": reagent.uniform_replacer(lm.vocab),
    }
    runs = {"keep": 2, "k": 3, "runs": 5, "max_steps": 100}
    how = Setting(2, 8, 32, True, runs, replace)
    starts = np.random.default_rng(0).integers(half, len(ids) - n, 4 if options.short else 60)
    every = []
    for seed, start in enumerate(starts.tolist()):
        context = ids[start : start + n]
        every.append(judged(lm, context, int(lm.log_probs(context).argmax()), seed, how))
    return tables(every, how, "The small model")


def smollm2(options):
    """Eight prompts; any token may stand in for another."""
    lm = models.load("smollm2")
    runs = {"keep": 3, "k": 3, "runs": 3, "max_steps": 10}
    how = Setting(3, 2, 8, False, runs, {"any token": reagent.uniform_replacer(lm.vocab)})
    every, said = [], []
    for seed, prompt in enumerate(PROMPTS[:2] if options.short else PROMPTS):
        context = lm.encode(prompt)
        target = int(lm.log_probs(context).argmax())
        every.append(judged(lm, context, target, seed, how))
        said.append(f"{prompt}|{lm.decode([target])}")
    return tables(every, how, "SmolLM2-135M", prompts=said)


if __name__ == "__main__":
    main("attribution", __doc__, {"tiny": tiny, "smollm2": smollm2})
