"""The five findings on decoding, printed with 95 % intervals.

    python tools/findings/decoding.py [--only 1 2 3 4 5]

Findings 2, 3 and 4 are computed here, in less than a minute; 1 and 5 are read from what
smollm2_constraints.py and star_graphs.py have written beside this file.
"""

import argparse
import functools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tokenlab.data import load_bpe, load_text
from tokenlab.decoding import any_subset, byte_level, r2r
from tokenlab.decoding.router import Router
from tokenlab.decoding.uncertainty import features
from tokenlab.lm import ChainLM, NGramLM

HERE = Path(__file__).parent
FITTED = 1_000_000  # characters that are counted; what comes behind them is new to the models


def interval(values: Any, digits: int = 2) -> str:
    """The mean, and 1.96 standard errors either way."""
    values = np.asarray(values, dtype=float)
    return (
        f"{values.mean():.{digits}f} ± {1.96 * values.std(ddof=1) / len(values) ** 0.5:.{digits}f}"
    )


def wilson(right: int, n: int) -> str:
    """A share and its interval by Wilson."""
    p, z = right / n, 1.96
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5
    return f"{p:.3f} ({middle - half:.3f} to {middle + half:.3f})"


def bootstrap(statistic: Callable[[np.ndarray], Any], groups: np.ndarray, times: int = 200) -> Any:
    """The interval of a statistic of rows that come in groups, by drawing groups anew."""
    rng, names = np.random.default_rng(0), np.unique(groups)
    members = [np.flatnonzero(groups == name) for name in names]
    draws = (rng.integers(0, len(names), len(names)) for _ in range(times))
    found = [statistic(np.concatenate([members[i] for i in drawn])) for drawn in draws]
    return np.percentile(found, [2.5, 97.5], axis=0)


@functools.cache
def plays() -> tuple[str, str]:
    """The plays in lower case: what models see, and what is new to them."""
    text = load_text("shakespeare").lower()
    return text[:FITTED], text[FITTED:]


@functools.cache
def alphabet() -> str:
    return "".join(sorted(set("".join(plays()))))


def ids(text: str) -> np.ndarray:
    return np.array([alphabet().index(letter) for letter in text], dtype=np.int64)


def first() -> None:
    print("1. SmolLM2 under a constraint that is a black box: calls for each token")
    stored = json.loads((HERE / "smollm2_constraints.json").read_text())
    for task in dict.fromkeys(row["task"] for row in stored["texts"]):
        rows = [row for row in stored["texts"] if row["task"] == task]
        ended = [row["calls"][-1] for row in rows if row["ended"]]
        inner = [row["calls"][:-1] if row["ended"] else row["calls"] for row in rows]
        calls = np.concatenate([c for c in inner if c])
        print(
            f"   {task}: {interval([np.mean(c) for c in inner if c], 1)}, median "
            f"{np.median(calls):.0f}, most {calls.max()}; masking {stored['vocab']:,}"
        )
        if ended:
            print(
                f"      the token that ends it, {len(ended)} texts: {interval(ended, 0)} calls, "
                f"median {np.median(ended):,.0f}"
            )
        timed = next(row for row in rows if "mask_seconds" in row)
        each = sum(row["seconds"] for row in rows) / sum(len(row["calls"]) for row in rows)
        print(
            f"      seconds in the constraint for a token: {each:.4f}; for a mask by the same "
            f"function {timed['mask_seconds']:.2f} ({timed['allowed']:,} tokens allowed)"
        )
    for task, ms in stored["compiled_ms"].items():
        print(f"   {task} as a compiled grammar (llguidance): {ms} ms for the mask of all tokens")
    print(
        "   So: a grammar that can be compiled is masked. AWRS is the tool where the constraint is"
    )
    print("   a black box and dear, and the model puts mass on what it allows.\n")


def second() -> None:
    print("2. ASSD on letters: calls for each hidden letter, nats for each, 30 windows of 64")
    known, new = plays()
    counts = np.full((len(alphabet()),) * 2, 0.01)
    np.add.at(counts, (ids(known)[:-1], ids(known)[1:]), 1)
    rows = counts.sum(axis=1)
    model, chain = (
        ChainLM(rows / rows.sum(), counts / rows[:, None], 64),
        np.log(counts / rows[:, None]),
    )
    windows = [ids(new[1009 * i : 1009 * i + 64]) for i in range(30)]

    def nats(tokens: np.ndarray, hidden: int) -> float:
        total = np.log(rows / rows.sum())[tokens[0]] + chain[tokens[:-1], tokens[1:]].sum()
        return float(total / len(tokens)) if hidden else 0.0

    for share in (0.05, 0.6):
        for ordered in (True, False):
            found: dict[str, list[tuple[float, float]]] = {}
            for i, window in enumerate(windows):
                rng = np.random.default_rng(i)
                seen = rng.permutation(64)[: round(share * 64)]
                visible = {int(place): int(window[place]) for place in seen}
                hidden = [place for place in range(64) if place not in visible]
                order = hidden if ordered else rng.permutation(hidden).tolist()
                ways = {
                    f"k={k}": functools.partial(any_subset.generate, k=k) for k in (2, 3, 5, 10)
                }
                ways["bigram k=2"] = functools.partial(any_subset.generate, k=2, drafter="bigram")
                ways["parallel k=5"] = functools.partial(any_subset.parallel, k=5)
                for name, way in ways.items():
                    out = way(model, visible, order=order, rng=rng)
                    row = out.calls / len(hidden), nats(out.tokens, len(hidden))
                    found.setdefault(name, []).append(row)
            print(f"   {share:.0%} visible, {'left to right' if ordered else 'random order'}")
            for name, pairs in found.items():
                calls, logs = zip(*pairs, strict=True)
                print(f"      {name:<13}{interval(calls)} calls, {interval(logs)} nats a letter")
    print()


def third() -> None:
    print("3. R2R on letters, a 3-gram and a 7-gram, 1,600 places of 40 texts")
    known, new = plays()
    small, large = (NGramLM.fit(ids(known), order, len(alphabet())) for order in (3, 7))
    ends = {int(ids(letter)[0]) for letter in ".!?"}
    rows, mismatch, divergent = [], [], []
    for i in range(40):
        start = ids(new[701 * i : 701 * i + 60])
        same = functools.partial(r2r.same_ending, m=6)
        labels = r2r.label(small, large, start, 40, ends=ends, same=same, max_continuation=200)
        text = [*start, *labels.tokens]
        rows += [features(small.log_probs(text[: 60 + t]), 10) for t in range(40)]
        mismatch += labels.mismatch.tolist()
        divergent += labels.divergent.tolist()
    x, other, away = np.array(rows), np.array(mismatch), np.array(divergent)
    groups = np.repeat(np.arange(40), 40)
    shares = lambda at: [(~other[at]).mean(), (other & ~away)[at].mean(), away[at].mean()]  # noqa: E731
    low, high = bootstrap(shares, groups)
    for name, p, a, b in zip(
        ("identical", "neutral", "divergent"), shares(slice(None)), low, high, strict=True
    ):
        print(f"   {name:<10}{p:.1%} ({a:.1%} to {b:.1%})")
    half = groups >= 20
    router = Router(ridge=1.0, min_recall=0.9).fit(x[~half], away[~half])
    scores = {"router": router.predict_proba(x[half]), "entropy": x[half][:, 0]}

    def sent(score: np.ndarray, at: Any = slice(None)) -> float:
        """The share that is sent so that nine in ten of the divergent are."""
        positive = np.sort(score[at][away[half][at]])
        return float((score[at] >= positive[int(0.1 * len(positive))]).mean())

    print("   sent to the large model so that .9 of the divergent are, on the other half:")
    for name, score in scores.items():
        low, high = bootstrap(functools.partial(sent, score), groups[half])
        print(f"      {name:<9}{sent(score):.0%} ({low:.0%} to {high:.0%})")
    print("      chance   90%")
    print("   Not 89 / 6 / 5: these two are far apart (three letters against seven), a letter says")
    print(
        "   less than a token, and two greedy texts of letters seldom meet again once they part.\n"
    )


def fourth(cuts: int = 150) -> None:
    print(f"4. Bits of the next byte at {cuts} random cuts, 24 bytes of context")
    known, new = plays()
    models = {}
    for name in ("bpe256", "bpe640"):
        tokenizer = load_bpe(name)
        lm = NGramLM.fit(tokenizer.encode(known), 3, len(tokenizer.tokens))
        models[name] = byte_level.ByteLM(lm, tokenizer, window=1)
    places = np.random.default_rng(0).integers(24, len(new) - 1, cuts)
    bits: dict[str, list[float]] = {}
    sizes, distance = [], []
    ways = {"naive": byte_level.naive_next_byte, "healed": byte_level.healed_next_byte}
    for place in places.tolist():
        text, right = new[place - 24 : place].encode(), ord(new[place])
        exact = {}
        for name, model in models.items():
            exact[name] = model.log_probs(text)
            sizes.append(len(model.cover(text)))
            for way, ask in ways.items():
                log_p = ask(model, text)
                bits.setdefault(f"{way} {name}", []).append(-log_p[right] / np.log(2))
                if way == "healed":
                    distance.append(abs(np.exp(log_p) - np.exp(exact[name])).sum() / 2)
            bits.setdefault(f"exact {name}", []).append(-exact[name][right] / np.log(2))
        for how in ("mean", "product"):
            both = byte_level.EnsembleLM(list(models.values()), how=how)
            bits.setdefault(f"both, {how}", []).append(-both.log_probs(text)[right] / np.log(2))
    for name, values in bits.items():
        print(f"   {name:<14}{interval(values)}")
    print(
        f"   members of a cover: mean {np.mean(sizes):.1f}, at most {max(sizes)}; healed to exact: "
        f"total variation {np.mean(distance):.2f}, up to {max(distance):.2f}\n"
    )


def fifth() -> None:
    print("5. Star graphs, two arms of three, transformers of one size: whole paths right")
    rows = json.loads((HERE / "star_graphs.json").read_text())
    for way in dict.fromkeys(row["way"] for row in rows):
        runs = [row for row in rows if row["way"] == way]
        for row in runs:
            print(
                f"   {way}, seed {row['seed']}, {row['steps']:,} steps: {wilson(row['right'], row['puzzles'])}"
            )
        if len(runs) > 1:
            print(
                f"   {way}, mean over seeds: {interval([r['right'] / r['puzzles'] for r in runs])}"
            )
    print("   Left to right learns all but which arm: chance is .5.\n")


FINDINGS = (first, second, third, fourth, fifth)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    for number in parser.parse_args(argv).only:
        FINDINGS[number - 1]()


if __name__ == "__main__":
    main()
