r"""DupMAE and LexSemBridge on the Python FAQ: what words add to a vector of the whole text.

    python tools/findings/words_in_vectors.py                 # all parts, about ten minutes
    python tools/findings/words_in_vectors.py bags --kept F   # states and heads are kept in a folder

`bags` and `modulations` take the states of all-MiniLM-L6-v2, whose package must be installed;
`stored` does the same as `bags` with the vectors of 64 numbers that come with tokenlab, for the
questions alone: keywords and parts have no vectors there. Three sorts of queries: the question of
an answer, its four words of the largest tf-idf, and twelve words in a row out of it. Intervals are of
95 %, by drawing questions anew 2,000 times.
"""

from found import main, table, timed  # sets one thread, before NumPy is imported

# isort: split
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tokenlab import models
from tokenlab.data import load_faq
from tokenlab.models.layers import softmax
from tokenlab.numerics import topk, unit
from tokenlab.retrieval import BM25, TokenIndex, maxsim, ndcg
from tokenlab.retrieval.dupmae import (
    DupIndex,
    bag_logits,
    bag_of_states,
    bow_loss,
    scores,
    sparsify,
)
from tokenlab.retrieval.lexsembridge import clr, enhance, info_nce, modulation, slr
from tokenlab.training import train

SORTS = "question", "keywords", "part"
KEPT, EPOCHS, RATE, STARTS = 256, {"minilm": 6, "stored": 14}, 0.03, (0, 1)
SPLITS, STEPS, RATES, LATENT = 4, 20, (0.003, 0.03), 256


class Texts(NamedTuple):
    """Texts of one sort: states of all their tokens, of unit length, and these as numbers."""

    states: list[np.ndarray]
    ids: list[np.ndarray]


# The texts -----------------------------------------------------------------------------------------


@cache
def words() -> dict[str, list[str]]:
    """The queries of each sort as texts, one for each answer."""
    faq, rng = load_faq(), np.random.default_rng(0)
    texts = [re.findall("[a-z]{3,}", answer.lower()) for answer in faq.answers]
    held_by = Counter(word for text in texts for word in set(text))
    keywords, parts = [], []
    for text, answer in zip(texts, faq.answers, strict=True):
        counts = Counter(text)
        worth = {w: n * np.log(len(texts) / held_by[w]) for w, n in counts.items()}
        keywords.append(" ".join(sorted(worth, key=lambda w: (-worth[w], w))[:4]))
        run = answer.split()[:150]  # what the encoder sees
        start = rng.integers(0, max(1, len(run) - 12))
        parts.append(" ".join(run[start : start + 12]))
    return {"question": faq.questions, "keywords": keywords, "part": parts}


def numbers(pieces: list[list[str]]) -> list[np.ndarray]:
    """Wordpieces by number; those of no answer and no question are left out."""
    return [np.array([vocab()[p] for p in text if p in vocab()], dtype=np.int64) for text in pieces]


@cache
def vocab() -> dict[str, int]:
    """The wordpieces of answers and questions, first the marks."""
    faq = load_faq()
    seen = {p for text in faq.answer_tokens + faq.question_tokens for p in text}
    return {p: i for i, p in enumerate(["[CLS]", "[SEP]", *sorted(seen - {"[CLS]", "[SEP]"})])}


def of_minilm(texts: list[str]) -> Texts:
    """By the encoder itself, cut at 256 pieces as the stored vectors are."""
    import warnings

    model = models.load("minilm")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is cut is said above
        states = list(model.encode(texts, max_tokens=256))
        pieces = [list(model.pieces(text, max_tokens=256).tokens) for text in texts]
    return Texts(states, numbers(pieces))


@cache
def encoded(kept: str | None) -> dict[str, Texts]:
    """Answers and all queries by MiniLM; a minute of one core, or from a folder."""
    texts = {"answer": load_faq().answers, **words()}
    found = {}
    for sort, lines in texts.items():
        file = Path(kept or ".") / f"states-{sort}.npz"
        if kept and file.exists():
            with np.load(file) as data:
                parts = {k: np.split(data[k], data[f"{k}_ends"]) for k in ("states", "ids")}
            found[sort] = Texts([unit(x) for x in parts["states"]], parts["ids"])
            continue
        found[sort] = of_minilm(lines)
        if kept:
            ends = {
                f"{k}_ends": np.cumsum([len(x) for x in v])[:-1]
                for k, v in found[sort]._asdict().items()
            }
            np.savez(
                file, **{k: np.concatenate(v) for k, v in found[sort]._asdict().items()}, **ends
            )
    return found


def bundled() -> dict[str, Texts]:
    """What comes with the package: 64 numbers a token, of answers and questions."""
    faq = load_faq()
    return {
        "answer": Texts(list(faq.index), numbers(faq.answer_tokens)),
        "question": Texts(list(faq.queries), numbers(faq.question_tokens)),
    }


# Rankings, and what they are worth -----------------------------------------------------------------


def worth(ranked_scores: np.ndarray) -> np.ndarray:
    """nDCG@10 of every query, (158,): its own answer is right. Scores (158, 158)."""
    return np.array([ndcg(topk(row, 10).ids, [i], 10) for i, row in enumerate(ranked_scores)])


def interval(values: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """Of the mean: questions are drawn anew."""
    rng = np.random.default_rng(seed)
    means = values[rng.integers(0, len(values), (2000, len(values)))].mean(axis=1)
    return tuple(np.percentile(means, [2.5, 97.5]))


def cell(values: np.ndarray, sign: str = "") -> str:
    low, high = interval(values)
    return f"{values.mean():{sign}.3f} [{low:{sign}.3f}, {high:{sign}.3f}]"


def standard(x: np.ndarray) -> np.ndarray:
    """Scores with mean 0 and deviation 1 for each query: those of two scales can then be added."""
    return (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True)


# DupMAE --------------------------------------------------------------------------------------------


def head(answers: Texts, start: int, epochs: int) -> np.ndarray:
    """The bag's matrix (d, vocab) on frozen states, by the official loss, from answers alone."""
    d, rng = answers.states[0].shape[1], np.random.default_rng(start)
    weight = (rng.standard_normal((d, len(vocab()))) / d**0.5).astype(np.float32)

    def loss(params, states, ids):
        mu = bag_logits(states[1:] @ params["head"])  # not of [CLS]
        return bow_loss(mu, ids, variant="official", special=(0, 1))

    order = [i for _ in range(epochs) for i in rng.permutation(len(answers.ids))]
    batches = [(answers.states[i], answers.ids[i]) for i in order]
    return train(loss, {"head": weight}, batches, rate=RATE, rng=start)[0]["head"]


def kept_head(options: Any, name: str, answers: Texts, start: int) -> np.ndarray:
    file = Path(options.kept or ".") / f"head-{name}-{start}.npy"
    if options.kept and file.exists():
        return np.load(file)
    weight, seconds = timed(lambda: head(answers, start, 1 if options.short else EPOCHS[name]))
    print(f"head {name}, start {start}: {seconds} s", flush=True)
    if options.kept:
        np.save(file, weight)
    return weight


def word_means(answers: Texts) -> np.ndarray:
    """A control that is not trained: each word's mean state in the answers, less that of all."""
    sums = np.zeros((len(vocab()), answers.states[0].shape[1]))
    times = np.zeros(len(sums))
    for states, ids in zip(answers.states, answers.ids, strict=True):
        np.add.at(sums, ids, states)
        np.add.at(times, ids, 1)
    means = sums / np.maximum(times, 1)[:, None] - sums.sum(axis=0) / times.sum()
    return unit(means * (times > 0)[:, None]).T.astype(np.float32)


def bag_of(texts: Texts, weight: np.ndarray) -> np.ndarray:
    """Of every text, without the state of [CLS]."""
    embed = np.ascontiguousarray(weight.T)
    return np.stack([bag_of_states(embed, states[1:]) for states in texts.states])


def ways(texts: dict[str, Texts], heads: list[np.ndarray], k: int) -> dict[str, dict]:
    """Scores (158, 158) of every way and sort."""
    docs, sorts = texts["answer"], [sort for sort in SORTS if sort in texts]
    mean = lambda t: unit(np.stack([x.mean(axis=0) for x in t.states]))  # noqa: E731
    first = lambda t: unit(np.stack([x[0] for x in t.states]))  # noqa: E731
    index = TokenIndex.from_docs([unit(x) for x in docs.states])
    by_words = BM25.fit(load_faq().answers)
    found: dict[str, dict] = {}
    for sort in sorts:
        q = texts[sort]
        put = lambda way, x, sort=sort: found.setdefault(way, {}).update({sort: x})  # noqa: E731
        cls, pooled = first(q) @ first(docs).T, mean(q) @ mean(docs).T
        put("[CLS]", cls)
        matrices = {f"start {i}": weight for i, weight in enumerate(heads)}
        matrices["control: words' mean states"] = word_means(docs)
        for name, weight in matrices.items():
            mus = [bag_of(t, weight) for t in (docs, q)]
            bag = by_bags(*mus, k)
            put(f"bag, {k} words of the answer; {name}", bag)
            put(f"[CLS] + bag, standardised; {name}", standard(cls) + standard(bag))
            put(f"mean + bag, standardised; {name}", standard(pooled) + standard(bag))
            if name == "start 0":
                put("bag, 32 words of the answer; start 0", by_bags(*mus, 32))
                put("bag, all words of the answer; start 0", mus[1] @ mus[0].T)
                put("[CLS] + bag as they are; start 0", cls + bag)
                positive = [np.log1p(np.maximum(mu, 0)) for mu in mus]
                put("SPLADE-like: log(1 + ReLU) of both bags; start 0", positive[1] @ positive[0].T)
                put(f"SPLADE-like, {k} words; start 0", by_bags(*positive, k))
        put("mean", pooled)
        put("MaxSim", np.stack([maxsim(unit(x), index) for x in q.states]))
        put("BM25", np.stack([by_words.scores(text) for text in words()[sort]]))
    return found


def by_bags(docs: np.ndarray, queries: np.ndarray, k: int) -> np.ndarray:
    """Products with the k largest words of every answer."""
    nothing = np.zeros((len(docs), 1))
    index = DupIndex.build(nothing, docs, k)
    return np.stack([scores(nothing[0], mu, index) for mu in queries])


def bag_table(
    title: str, texts: dict[str, Texts], heads: list[np.ndarray], k: int, more: dict
) -> dict:
    rows, means = [], {}
    for way, found in ways(texts, heads, k).items():
        values = {sort: worth(x) for sort, x in found.items()}
        rows.append([way, *map(cell, values.values())])
        means[way] = [round(float(v.mean()), 4) for v in values.values()]
    sorts = [sort for sort in SORTS if sort in texts]
    return table(
        title, ["nDCG@10", *sorts], rows, means=[[w, *m] for w, m in means.items()], **more
    )


def bags(options: Any) -> dict:
    """With MiniLM's own states."""
    texts = encoded(options.kept)
    heads = [kept_head(options, "minilm", texts["answer"], start) for start in STARTS]
    recall = [share_found(texts["answer"], weight) for weight in heads]
    more = {
        "remark": f"158 answers. The bag's matrix, 384 x {len(vocab()):,}, is fitted on MiniLM's "
        f"frozen states of unit length by the official loss, {EPOCHS['minilm']} epochs at a rate of {RATE}, on "
        f"answers alone: no query was seen. The {KEPT} words that are kept of an answer hold "
        + " and ".join(f"{x:.0%}" for x in recall)
        + " of its own different words, by start.",
        "example": example(texts, heads[0]),
    }
    return bag_table("DupMAE's bag on MiniLM's states", texts, heads, KEPT, more)


def share_found(answers: Texts, weight: np.ndarray) -> float:
    """Of the different words of an answer, those that its bag keeps."""
    shares = []
    for states, ids in zip(answers.states, answers.ids, strict=True):
        kept = sparsify(bag_logits(states[1:] @ weight), KEPT).ids
        own = np.unique(ids[ids > 1])  # without the marks
        shares.append(np.isin(own, kept).mean())
    return float(np.mean(shares))


def example(texts: dict[str, Texts], weight: np.ndarray) -> list[str]:
    """The bag of one question in words, largest first."""
    names = list(vocab())
    mu = bag_logits(texts["question"].states[5][1:] @ weight)
    return [load_faq().questions[5], *(names[i] for i in sparsify(mu, 12).ids)]


def stored(options: Any) -> dict:
    """With the vectors of the package."""
    texts = bundled()
    heads = [kept_head(options, "stored", texts["answer"], start) for start in STARTS]
    remark = (
        "Vectors of 64 numbers a token, which come with the package; keywords and parts have none. "
        f"Matrices fitted in {EPOCHS['stored']} epochs."
    )
    return bag_table("DupMAE's bag on the stored vectors", texts, heads, 128, {"remark": remark})


# LexSemBridge --------------------------------------------------------------------------------------


class Way(NamedTuple):
    """How queries are changed: parameters at the start, and `(params, vectors, more) -> queries`."""

    init: Any
    change: Any
    reads: str  # what of a query is read besides its vector


def changes(d: int) -> dict[str, Way]:
    """The three sources of (4), and two controls that know no words."""
    rng = np.random.default_rng(0)
    zeros = lambda *shape: np.zeros(shape, np.float32)  # noqa: E731
    latent = (rng.standard_normal((d, LATENT)) / d**0.5).astype(np.float32)
    rows = {"weight": zeros(d, len(vocab())), "bias": zeros(d)}  # v is the same everywhere at first

    def words_say(p: Any, e: Any, w: Any) -> Any:
        return enhance(e, modulation(w, p["weight"], p["bias"]))

    return {
        "SLR": Way(rows, words_say, "occurring"),
        f"LLR, {LATENT} latent words": Way(
            {"u": latent, "weight": zeros(d, LATENT), "bias": zeros(d)},
            lambda p, e, x: words_say(p, e, clr(x @ p["u"])),  # log(1 + ReLU) is that of (2), too
            "first",
        ),
        "CLR, by the bag's head": Way(rows, words_say, "said"),
        "control: bias alone": Way(
            {"bias": zeros(d)}, lambda p, e, x: unit(e * softmax(p["bias"])), "first"
        ),
        "control: a linear map": Way(
            {"map": np.eye(d, dtype=np.float32)}, lambda p, e, x: unit(e @ p["map"]), "first"
        ),
    }


def fitted(
    way: Way, data: dict, docs: np.ndarray, rows: np.ndarray, rate: float, steps: int
) -> Any:
    """Parameters from the pairs `rows`, of all sorts in turn; every other answer is a wrong one."""

    def loss(params, e, x):
        return info_nce(way.change(params, e, x), docs[rows])

    batches = [(data[s]["vector"][rows], data[s][way.reads][rows]) for s in SORTS]
    return train(loss, way.init, batches, rate=rate, steps=steps * len(batches))[0]


def gains(way: Way, data: dict, docs: np.ndarray, fold: int, steps: int) -> tuple[dict, float]:
    """nDCG@10 of each sort for the half that was not trained on; the rate is chosen in the other."""
    order = np.random.default_rng(fold).permutation(len(docs))
    fit, test = order[: len(docs) // 2], order[len(docs) // 2 :]
    inner, judged = fit[: len(fit) * 3 // 4], fit[len(fit) * 3 // 4 :]

    def of(params, chosen, sort):
        e = way.change(params, data[sort]["vector"][chosen], data[sort][way.reads][chosen])
        ranked = [topk(row, 10).ids for row in np.asarray(e) @ docs.T]
        return np.array([ndcg(ids, [i], 10) for ids, i in zip(ranked, chosen, strict=True)])

    tried = {
        rate: np.mean([of(fitted(way, data, docs, inner, rate, steps), judged, s) for s in SORTS])
        for rate in RATES
    }
    rate = max(tried, key=lambda r: tried[r])
    params = fitted(way, data, docs, fit, rate, steps)
    return {sort: (test, of(params, test, sort)) for sort in SORTS}, rate


def modulations(options: Any) -> dict:
    """What a trained modulation of the query's mean vector adds, on halves that it never saw."""
    texts = encoded(options.kept)
    weight = kept_head(options, "minilm", texts["answer"], 0)
    docs = unit(np.stack([x.mean(axis=0) for x in texts["answer"].states]))
    size, data = len(vocab()), {}
    for sort in SORTS:
        q = texts[sort]
        first = np.stack([x[0] for x in q.states])  # of unit length
        data[sort] = {
            "vector": unit(np.stack([x.mean(axis=0) for x in q.states])),
            "occurring": np.stack([slr(ids, size, special=(0, 1)) for ids in q.ids]),
            "first": first,
            "said": clr(first @ weight),
        }
    plain = {s: worth(data[s]["vector"] @ docs.T) for s in SORTS}
    rows = [["the mean vector as it is", *(cell(plain[s]) for s in SORTS), ""]]
    means = []
    for name, way in changes(docs.shape[1]).items():
        differences = {s: np.full((SPLITS, len(docs)), np.nan) for s in SORTS}
        rates = []
        for fold in range(1 if options.short else SPLITS):
            found, rate = gains(way, data, docs, fold, 2 if options.short else STEPS)
            rates.append(rate)
            for sort, (test, values) in found.items():
                differences[sort][fold, test] = values - plain[sort][test]
        # Each question's own mean over the splits that tested it.
        own = {
            s: np.nanmean(x[:, ~np.isnan(x).all(axis=0)], axis=0) for s, x in differences.items()
        }
        rows.append([name, *(cell(own[s], "+") for s in SORTS), ", ".join(f"{r:g}" for r in rates)])
        means.append([name, *(round(float(own[s].mean()), 4) for s in SORTS)])
        print(rows[-1], flush=True)
    index = TokenIndex.from_docs([unit(x) for x in texts["answer"].states])
    by_words = BM25.fit(load_faq().answers)
    exact = {
        "MaxSim": {s: np.stack([maxsim(unit(x), index) for x in texts[s].states]) for s in SORTS},
        "BM25": {s: np.stack([by_words.scores(text) for text in words()[s]]) for s in SORTS},
    }
    for name, found in exact.items():
        rows.append([name, *(cell(worth(found[s]) - plain[s], "+") for s in SORTS), ""])
        means.append([name, *(round(float((worth(found[s]) - plain[s]).mean()), 4) for s in SORTS)])
    return table(
        "LexSemBridge on MiniLM's mean vectors",
        ["nDCG@10, and differences to it", *SORTS, "rate chosen"],
        rows,
        means=means,
        remark=f"InfoNCE at .02 on 79 pairs, all sorts in turn, {STEPS} steps of each; tested on the "
        f"other 79 against all 158 answers, {SPLITS} halvings. The rate is chosen within the 79. Below "
        "the controls, what looks at words themselves, untrained.",
    )


if __name__ == "__main__":
    main("words_in_vectors", __doc__, {"stored": stored, "bags": bags, "modulations": modulations})
