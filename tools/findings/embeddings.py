"""Run the claims of the papers on embeddings, each beside its baselines, and store the results.

    python -m tools.findings.embeddings            # all parts
    python -m tools.findings.embeddings decor flow # some

Writes `tokenlab/data/findings/embeddings.json`. The parts `decor` and `flow` need the weights of
MiniLM, `icv` those of SmolLM2; all of them take some minutes.
"""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path

import numpy as np

from tokenlab import models
from tokenlab.data import load_faq, load_glove, load_text, load_word_lists
from tokenlab.embeddings import (
    debias,
    decor,
    in_context_vectors,
    information_flow,
    lexinvariant,
    paragraph_codes,
    senses,
    triplet,
    visual_unicode,
    weat,
)
from tokenlab.lm import ChainLM
from tokenlab.models import transformer
from tokenlab.models.layers import cross_entropy
from tokenlab.numerics import log_softmax, unit
from tokenlab.training import train

OUT = Path(__file__).parents[2] / "tokenlab" / "data" / "findings" / "embeddings.json"


def main(chosen: list[str]) -> None:
    """Run parts, print their rows, and keep the results of the others."""
    found = json.loads(OUT.read_text(encoding="utf-8")) if OUT.exists() else {}
    for name, part in PARTS.items():
        if chosen and name not in chosen:
            continue
        begun = time.process_time()
        found[name] = rounded(part())
        print(f"\n{name} ({time.process_time() - begun:.0f} s)")
        for row, value in found[name].items():
            print(f"  {row}: {value}")
        OUT.parent.mkdir(exist_ok=True)
        text = json.dumps(found, indent=1, ensure_ascii=False)
        OUT.write_text(text + "\n", encoding="utf-8")


def rounded(x):
    """Numbers to four places, and arrays as lists."""
    if isinstance(x, dict):
        return {str(name): rounded(value) for name, value in x.items()}
    if isinstance(x, list | tuple | np.ndarray):
        return [rounded(value) for value in x]
    return x if isinstance(x, str | bool | int) else float(f"{float(x):.4g}")


# 1. Debiasing ------------------------------------------------------------------------------------


def run_debias():
    """Direct bias against soft weight, what equalising does, WEAT, and who is still recognised."""
    glove, lists = load_glove(), load_word_lists()
    x = unit(glove.x)
    pairs = [list(glove.rows(pair)) for pair in lists["gender_pairs"]]
    basis, share = debias.bias_subspace(x, pairs)
    jobs, specific = glove.rows(lists["occupations"]), glove.rows(lists["gender_specific"])
    neutral = np.setdiff1d(np.arange(len(x)), specific)
    sets = [list(glove.rows(pair)) for pair in lists["equalize_pairs"]]
    hard = debias.hard_debias(x, basis, specific=specific, sets=sets)
    random = unit(np.random.default_rng(0).standard_normal((20, x.shape[1])))
    weights = (0.2, 20, 200, 2e3, 2e4, 2e5)
    soft = {w: debias.soft_debias(x, basis, neutral=neutral, weight=w).x for w in weights}
    rows = {"share of the first axis": share[0]}
    rows["direct bias of occupations"] = debias.direct_bias(x[jobs], basis)
    alone = [debias.direct_bias(x[jobs], axis[None]) for axis in random]
    rows["along a random direction"] = np.mean(alone)
    rows["after soft debiasing, by weight"] = {
        f"{w:g}": debias.direct_bias(y[jobs], basis) for w, y in soft.items()
    }
    rows["after hard debiasing"] = debias.direct_bias(hard[jobs], basis)
    male, female = glove.rows(["male", "female"])
    axis = unit((x[glove.row("she")] - x[glove.row("he")])[None])
    rows["male, female on she - he"] = [(x[i] @ axis.T)[0] for i in (male, female)]
    by_axis = debias.equalize(x, [[female, male]], axis)
    rows["the same, equalised"] = [(by_axis[i] @ axis.T)[0] for i in (male, female)]
    tests = {
        "names, career and family": ("male_names", "female_names", "career", "family"),
        "maths and arts": ("math", "arts", "male_terms", "female_terms"),
    }
    for name, test in tests.items():
        sides = [glove.rows(lists[f"weat_{side}"]) for side in test]
        for label, y in (("before", x), ("after", hard)):
            found = weat.association(*(y[rows_] for rows_ in sides), rng=0)
            rows[f"WEAT {name}, {label}"] = {
                "effect": found.effect,
                "statistic": found.statistic,
                "p": found.p_value,
            }
    rows |= still_recognised(x, hard, basis, neutral)
    return rows


def still_recognised(x, hard, basis, neutral):
    """The 500 most male and female neutral words: can they be told apart afterwards?"""
    along = (x[neutral] @ basis.T)[:, 0]
    order = np.argsort(along)
    chosen = neutral[np.concatenate([order[:500], order[-500:]])]
    labels = np.repeat([False, True], 500)
    rng = np.random.default_rng(0)
    mixed = rng.permutation(1000)
    learn, test = mixed[:500], mixed[500:]
    rows = {}
    for name, y in (("before", x[chosen]), ("after", hard[chosen])):
        probe = information_flow.fit_probe(y[learn], labels[learn])
        rows[f"a line tells them apart, {name}"] = (probe.predict(y[test]) == labels[test]).mean()
        centres = y[rng.permutation(1000)[:2]]
        for _ in range(50):
            own = ((y[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
            centres = np.stack([y[own == c].mean(axis=0) for c in range(2)])
        right = (own == labels).mean()
        rows[f"k-means tells them apart, {name}"] = max(right, 1 - right)
    return rows


# 2, 3. DECOR and information flow, on MiniLM -------------------------------------------------------


def encoded(texts):
    """Token states of MiniLM, an array for each text, not scaled."""
    index = models.load("minilm").encode(list(texts), normalize=False)
    return np.split(index.tokens, index.offsets[1:-1])


def pooled(states):
    """The mean of each text's states, of length one."""
    return unit(np.stack([x.mean(axis=0) for x in states]))


def questions_and_answers():
    """Of the FAQ: texts, and the pooled answers of MiniLM."""
    faq = load_faq()
    return faq.questions, pooled(encoded(faq.answers)), faq.labels


def pairs_of(n, many, rng):
    """Random pairs of different questions."""
    first = rng.permutation(n)[:many]
    second = (first + rng.integers(1, n, size=many)) % n
    return first, second


def run_decor():
    """Two questions in one text: is the second one gone after the projection?"""
    questions, answers, labels = questions_and_answers()
    rng = np.random.default_rng(0)
    first, second = pairs_of(len(questions), 157, rng)
    both = encoded([f"{questions[i]} {questions[j]}" for i, j in zip(first, second, strict=True)])
    alone = encoded(questions)

    def top1(edit):
        edited = unit(
            np.stack([edit(x, j).mean(axis=0) for x, j in zip(both, second, strict=True)])
        )
        best = (edited @ answers.T).argmax(axis=1)
        return {
            "wanted": (best == labels[first]).mean(),
            "undesired": (best == labels[second]).mean(),
        }

    rows = {"nothing": top1(lambda x, j: x)}
    for alpha in (0.25, 0.5, 0.75, 1.0):
        rows[f"all axes, alpha {alpha}"] = top1(
            lambda x, j, alpha=alpha: decor.remove(x, alone[j][1:-1], alpha=alpha)
        )
    for k in (1, 2, 3):
        rows[f"{k} axes"] = top1(lambda x, j, k=k: decor.remove(x, alone[j][1:-1], k=k))
    rows["its mean alone"] = top1(
        lambda x, j: decor.remove(x, alone[j][1:-1].mean(axis=0, keepdims=True))
    )
    rows["half of its mean subtracted"] = top1(lambda x, j: x - 0.5 * alone[j][1:-1].mean(axis=0))
    random = {
        j: rng.standard_normal(alone[j][1:-1].shape).astype(np.float32)
        for j in set(second.tolist())
    }
    rows["a random span of the same rank"] = top1(lambda x, j: decor.remove(x, random[j]))
    return rows


def run_flow():
    """One token alone: does it find the answer? And what flows between two questions?"""
    questions, answers, labels = questions_and_answers()
    model = models.load("minilm")
    states, pieces = encoded(questions), load_faq().question_tokens
    table = np.asarray(model.params["embed"]["words"])  # (vocab, 384)
    rng = np.random.default_rng(0)
    rank = lambda x: (unit(x[None]) @ answers.T).argmax()  # noqa: E731
    tokens, words, marks, kinds = [], [], [], {"function": [], "content": [], "punctuation": []}
    at_least_one, subsets, nearest = (
        [],
        {k: [] for k in (1, 2, 3, 5)},
        {k: [] for k in (1, 2, 3, 5)},
    )
    for i, x in enumerate(states):
        judge = lambda h, i=i: float(rank(h.sum(axis=0)) == labels[i])  # noqa: E731
        found = information_flow.representative(x, (0, len(x)), np.zeros(384, np.float32), judge)
        inner = found.representative[1:-1]
        tokens.append(inner.mean())
        words += inner.tolist()
        at_least_one.append(inner.any())
        marks.append([found.scores[0], found.scores[1], found.scores[-2], found.scores[-1]])
        for piece, right in zip(pieces[i][1:-1], inner, strict=True):
            kinds[kind_of(piece)].append(right)
        middle = x.mean(axis=0)
        order = np.argsort(-(unit(x[1:-1]) @ unit(middle[None]).T)[:, 0]) + 1
        for k in subsets:
            drawn = rng.permutation(len(x) - 2)[:k] + 1
            subsets[k].append(judge(information_flow.patch(x, drawn, np.zeros(384, np.float32))))
            nearest[k].append(
                judge(information_flow.patch(x, order[:k], np.zeros(384, np.float32)))
            )
    rows = {
        "all tokens": np.mean(
            [rank(x.mean(axis=0)) == y for x, y in zip(states, labels, strict=True)]
        )
    }
    rows["one token, on average"] = np.mean(words)
    rows["at least one token of a question"] = np.mean(at_least_one)
    rows |= {f"one {name} token": np.mean(found) for name, found in kinds.items()}
    rows |= dict(zip(("[CLS]", "first", "last", "[SEP]"), np.mean(marks, axis=0), strict=True))
    rows["k random tokens"] = {k: np.mean(found) for k, found in subsets.items()}
    rows["the k nearest to the mean"] = {k: np.mean(found) for k, found in nearest.items()}
    bare = [table[model.tokenizer.encode(question).ids] for question in questions]
    rows["one token without its context"] = np.mean(
        [rank(row) == y for x, y in zip(bare, labels, strict=True) for row in x[1:-1]]
    )
    rows |= leaks(questions, answers, labels, states, rng)
    return rows


FUNCTION = frozenset(
    """a an the of to in on for and or not is are be do does did i my it its with by from at as can
    how what why when where which who should would could has have there that this if so than you
    into about between was were will no any all""".split()  # noqa: SIM905
)


def kind_of(piece):
    """Of a wordpiece: a function word, punctuation, or content."""
    if not any(letter.isalnum() for letter in piece):
        return "punctuation"
    return "function" if piece in FUNCTION else "content"


def leaks(questions, answers, labels, states, rng):
    """Question i in front of question j: what of j is in i's tokens?"""
    first, second = pairs_of(len(questions), 157, rng)
    both = encoded([f"{questions[i]} {questions[j]}" for i, j in zip(first, second, strict=True)])
    own, other, moved, toward, plain, swapped = [], [], [], [], [], []
    for x, i, j in zip(both, first, second, strict=True):
        n = len(states[i]) - 2
        span = x[1 : 1 + n].mean(axis=0)
        best = (unit(span[None]) @ answers.T).argmax()
        own.append(best == labels[i])
        other.append(best == labels[j])
        moved.append(information_flow.leakage(x, (1, 1 + n), states[i], (1, 1 + n)).mean())
        toward.append((unit(span[None]) @ answers[labels[j]])[0])
        clean = states[i][1 : 1 + n].mean(axis=0)
        plain.append((unit(clean[None]) @ answers[labels[j]])[0])
        mended = information_flow.swap_span(x, (1, 1 + n), states[i], (1, 1 + n))
        rest = mended[1 + n : -1].mean(axis=0)
        swapped.append((unit(rest[None]) @ answers.T).argmax() == labels[i])
    return {
        "i beside j finds its own answer": np.mean(own),
        "i beside j finds j's answer": np.mean(other),
        "leakage a token": np.mean(moved),
        "cosine of i to j's answer, beside j": np.mean(toward),
        "the same, alone": np.mean(plain),
        "after the swap j still finds i's answer": np.mean(swapped),
    }


# 4. Ciphers ----------------------------------------------------------------------------------------


def run_cipher():
    """How many letters of a cipher are right, by its length, against counting letters."""
    letters = np.array(
        [ord(c) - 97 if c.isalpha() else 26 for c in plain(load_text("shakespeare"))]
    )
    half = len(letters) // 2
    counts = np.full((27, 27), 0.1)
    np.add.at(counts, (letters[:half], letters[1 : half + 1]), 1)
    table = np.log(counts / counts.sum(axis=1, keepdims=True))
    usual = np.argsort(-np.bincount(letters[:half], minlength=27))
    rows = {}
    for n in (64, 128, 256, 512, 1024, 4096):
        right, counted, below = [], [], []
        for seed in range(5):
            rng = np.random.default_rng(seed)
            start = half + int(rng.integers(half - n))
            text, key = letters[start : start + n], rng.permutation(27)  # what observed stands for
            observed = np.argsort(key)[text]
            found = lexinvariant.swap_search(table, observed, rng=seed)
            right.append((found.key[observed] == text).mean())
            by_count = np.empty(27, int)
            by_count[np.argsort(-np.bincount(observed, minlength=27), kind="stable")] = usual
            counted.append((by_count[observed] == text).mean())
            below.append(found.score < table[text[:-1], text[1:]].sum() - 1e-9)
        rows[f"{n} letters"] = {
            "search": np.mean(right),
            "by frequency": np.mean(counted),
            "found key scores below the true one": np.mean(below),
        }
    return rows


def plain(text):
    """Small letters and single blanks."""
    return re.sub("[^a-z]+", " ", text.lower())


CHAIN = (
    [0.25, 0.25, 0.25, 0.25],
    [[0.1, 0.6, 0.2, 0.1], [0.1, 0.1, 0.7, 0.1], [0.2, 0.1, 0.1, 0.6], [0.6, 0.1, 0.1, 0.2]],
)


def run_lexinvariant(steps=4000, n=48, d=32):
    """A trained lexinvariant model on a renamed chain of 4 symbols, beside Bayes' rule."""
    start, move = np.array(CHAIN[0]), np.array(CHAIN[1])
    rng = np.random.default_rng(1)
    test, names = drawn_texts(start, move, 512, n, rng)
    tables = lexinvariant.random_embedding(len(test), 4, d, rng=rng)
    lm = ChainLM(start, move, n)
    exact = np.array([lexinvariant.decipher(lm, ids).predictive[:-1] for ids in test])
    counts = np.cumsum(np.eye(4)[test], axis=1) - np.eye(4)[test]  # of what stands before
    counted = (counts + 1) / (counts + 1).sum(axis=2, keepdims=True)
    plain_ = np.take_along_axis(names, test, axis=1)  # what each observed symbol stands for
    known = np.concatenate([start[plain_[:, :1]], move[plain_[:, :-1], plain_[:, 1:]]], axis=1)
    rows = {
        "the key is known": -np.log(known).mean(axis=0),
        "Bayes' rule": nats_at(exact, test),
        "symbols counted": nats_at(counted, test),
    }
    variants = {"trained": lexinvariant.loss, "trained, without the row before": without_before}
    for name, loss in variants.items():
        params = lexinvariant.init(d=d, layers=2, heads=4, rng=0, length=n)

        def batch(rng):
            ids = drawn_texts(start, move, 64, n, rng)[0]
            return ids, lexinvariant.random_embedding(64, 4, d, rng=rng)

        params, _ = train(loss, params, batch, rate=3e-3, steps=steps, rng=0)
        if loss is without_before:
            params = params | {"previous": 0 * params["previous"]}
        p = np.exp(log_softmax(lexinvariant.forward(params, test, tables)))
        p = np.concatenate([np.full((len(test), 1, 4), 0.25), p[:, :-1]], axis=1)
        rows[name] = nats_at(p, test)
        far = (exact * np.log(exact / p)).sum(axis=2)[:, -8:].mean()
        rows[f"{name}: KL to Bayes, last 8 places"] = far
    curves = [name for name, row in rows.items() if np.ndim(row)]
    rows["mean of all places"] = {name: np.mean(rows[name]) for name in curves}
    rows["mean of the last 8"] = {name: np.mean(rows[name][-8:]) for name in curves}
    return rows


def drawn_texts(start, move, many, n, rng):
    """Texts of a chain, each under names of its own, and what each name stands for."""
    texts = np.empty((many, n), int)
    texts[:, 0] = rng.choice(len(start), many, p=start)
    for t in range(1, n):
        ahead = np.cumsum(move[texts[:, t - 1]], axis=1)
        texts[:, t] = (rng.random((many, 1)) > ahead[:, :-1]).sum(axis=1)
    stands_for = rng.permuted(np.tile(np.arange(len(start)), (many, 1)), axis=1)
    return np.take_along_axis(np.argsort(stands_for, axis=1), texts, axis=1), stands_for


def without_before(params, ids, table):
    """The loss of a model that does not see the row of the token before at once."""
    return lexinvariant.loss(params | {"previous": 0 * params["previous"]}, ids, table)


def nats_at(p, ids):
    """Mean of -log p of what came, at every place."""
    return -np.log(np.take_along_axis(p, ids[..., None], axis=2)[..., 0]).mean(axis=0)


# 5. Frozen glyphs ------------------------------------------------------------------------------------


def run_glyphs(steps=400, n=32, d=32):
    """Bits a character of Shakespeare, with rows that are trained, glyphs, and random."""
    text = load_text("shakespeare")
    characters = sorted(set(text))
    ids = np.array([characters.index(c) for c in text[:400_000]])
    split = 360_000
    glyphs = visual_unicode.render(characters)
    frozen = visual_unicode.visual_embedding(glyphs.bits, min(d, len(characters) - 3)).table
    frozen = np.pad(frozen, ((0, 0), (0, d - frozen.shape[1]))).astype(np.float32)
    loss = lambda p, ids: cross_entropy(transformer.forward(p, ids)[:, :-1], ids[:, 1:])  # noqa: E731
    rows = {"characters": len(characters)}
    groups = visual_unicode.collisions(frozen)
    rows["characters that share a row"] = ["".join(characters[i] for i in g) for g in groups]
    for name in ("trainable", "frozen glyphs", "frozen random"):
        bits = []
        for seed in (0, 1):
            rng = np.random.default_rng(seed)
            random = unit(rng.standard_normal((len(characters), d))).astype(np.float32)
            embed = {"frozen glyphs": frozen, "frozen random": random}.get(name)
            params = transformer.init(
                vocab=len(characters),
                d=d,
                layers=2,
                heads=4,
                rng=seed,
                length=n,
                embed=embed,
                embeddings="tied" if embed is None else "frozen",
            )
            batch = lambda rng: ids[rng.integers(split - n, size=16)[:, None] + np.arange(n)]  # noqa: E731
            params, _ = train(loss, params, batch, steps=steps, rate=3e-3, warmup=40, rng=seed)
            held = ids[split : split + 200 * n].reshape(200, n)
            bits.append(
                float(np.mean([loss(params, part) for part in np.split(held, 10)])) / np.log(2)
            )
        rows[name] = bits
    return rows


# 6. Codes of documents -----------------------------------------------------------------------------


def books():
    """Ten verses a document, and the book of each: counts without the 50 commonest words."""
    sizes = {"Genesis": 1533, "Exodus": 1213, "Ruth": 85, "Psalms": 2461, "Ecclesiastes": 222}
    verses = [line for line in load_text("bible").split("\n") if line.strip()]
    sizes["Matthew"] = len(verses) - sum(sizes.values())
    docs, book, start = [], [], 0
    for number, size in enumerate(sizes.values()):
        for i in range(start, start + size, 10):
            text = " ".join(verses[i : min(i + 10, start + size)])
            docs.append(re.findall("[a-z]+", text.lower()))
            book.append(number)
        start += size
    words, counts = np.unique(np.concatenate(docs), return_counts=True)
    order = np.argsort(-counts, kind="stable")
    kept = {words[i]: row for row, i in enumerate(order[50:][counts[order[50:]] >= 5])}
    table = np.zeros((len(docs), len(kept)), np.float32)
    for row, doc in enumerate(docs):
        for word in doc:
            if word in kept:
                table[row, kept[word]] += 1
    return table, np.array(book)


def run_codes():
    """Precision at 10 of passages of the same book, by codes of 16 and 32 bits."""
    counts, book = books()
    rng = np.random.default_rng(0)
    asked = rng.permutation(len(counts))[:200]

    def precision(order):
        hits = []
        for q, row in zip(asked, order, strict=True):
            hits.append(np.mean(book[[i for i in row if i != q][:10]] == book[q]))
        return np.mean(hits)

    def by_bits(codes):
        packed = paragraph_codes.pack(codes)
        return precision(paragraph_codes.hamming_topk(packed[asked], packed, 11).ids)

    def by_cosine(x):
        return precision(np.argsort(-(unit(x[asked]) @ unit(x).T), axis=1, kind="stable")[:, :11])

    idf = np.log(len(counts) / (counts > 0).sum(axis=0))
    tfidf = unit(np.log1p(counts) * idf)
    centred = tfidf - tfidf.mean(axis=0)
    u = np.linalg.svd(centred, full_matrices=False)[0]
    chance = np.mean([(np.delete(book, q) == book[q]).mean() for q in asked])
    rows = {"random": chance, "tf-idf, cosine": by_cosine(tfidf)}
    for bits in (16, 32):
        planes = rng.standard_normal((centred.shape[1], bits))
        found = {
            "random hyperplanes": by_bits(centred @ planes > 0),
            "PCA signs": by_bits(u[:, :bits] > 0),
        }
        for kind in ("binary", "sigmoid", "real_binary"):
            found[kind] = by_bits(paragraph_codes.train(counts, bits, kind=kind, rng=0).codes)
        long = paragraph_codes.train(counts, bits, steps=300, rate=0.1, rng=0)
        found["binary, 300 steps at rate .1"] = by_bits(long.codes)
        real = paragraph_codes.train(counts, bits, kind="real", rng=0)
        found["real, cosine"] = by_cosine(real.params["z"])
        rows[f"{bits} bits"] = found
    return rows


# 7. Senses -----------------------------------------------------------------------------------------

PAIRS = ("cubits wicked", "oil prophet", "altar disciples", "gold lord", "famine temple")
PAIRS += ("ark mercy", "daughters gates", "corn heart", "camels prayer", "horses wisdom")


def run_senses():
    """Pairs of words merged into one: are their uses told apart?"""
    verses = [re.findall("[a-z]+", v.lower()) for v in load_text("bible").split("\n") if v.strip()]
    merged = {word: f"{a}+{b}" for a, b in (p.split() for p in PAIRS) for word in (a, b)}
    verses = [verse for verse in verses if set(merged) & set(verse)]  # what is about them
    flat = [word for verse in verses for word in verse]
    names = [merged.get(word, word) for word in flat]
    words, counts = np.unique(names, return_counts=True)
    common = set(words[np.argsort(-counts, kind="stable")[:40]]) - set(merged.values())
    kept = {w for w, c in zip(words, counts, strict=True) if c >= 8} - common
    table = {word: i for i, word in enumerate(sorted(kept))}
    ids, truth, offsets = [], [], [0]
    for verse in verses:
        for word in verse:
            name = merged.get(word, word)
            if name in table:
                ids.append(table[name])
                truth.append(word)
        offsets.append(len(ids))
    ids, truth = np.array(ids), np.array(truth)
    found = senses.train(
        ids, offsets, len(table), senses=2, d=24, window=4, epochs=2, pretraining=1, rng=0
    )
    centres, contexts = senses.examples(ids, offsets, 4)
    rows = {"words": len(table), "tokens": len(ids)}
    model, means, most = {}, {}, {}
    outputs = found.params["outputs"]
    for pair in PAIRS:
        a, b = pair.split()
        at = centres == table[f"{a}+{b}"]
        label = truth[at] == b
        meant = senses.disambiguate(found.params, centres[at], contexts[at]).argmax(axis=1)
        model[pair] = agreement(meant, label)
        means[pair] = agreement(two_groups(outputs, contexts[at]), label)
        most[pair] = max(label.mean(), 1 - label.mean())
    rows["right, the model"] = np.mean(list(model.values()))
    rows["right, k-means of context means"] = np.mean(list(means.values()))
    rows["right, always the commoner word"] = np.mean(list(most.values()))
    rows["by pair"] = {p: [model[p], means[p], most[p]] for p in PAIRS}
    return rows


def agreement(groups, labels):
    """The share of right ones under the better naming of two groups."""
    right = (groups == labels).mean()
    return max(right, 1 - right)


def two_groups(outputs, contexts):
    """k-means with two centres, of mean context rows of length one."""
    present = contexts >= 0
    x = (outputs[np.maximum(contexts, 0)] * present[:, :, None]).sum(axis=1)
    x = unit(x / np.maximum(present.sum(axis=1, keepdims=True), 1))
    best = (np.inf, None)
    for seed in range(5):
        centres = x[np.random.default_rng(seed).permutation(len(x))[:2]]
        for _ in range(30):
            far = ((x[:, None] - centres) ** 2).sum(axis=2)
            own = far.argmin(axis=1)
            centres = np.stack(
                [x[own == c].mean(axis=0) if (own == c).any() else x[c] for c in range(2)]
            )
        best = min(best, (far.min(axis=1).sum(), own), key=lambda one: one[0])
    return best[1]


# 8. Triplets ---------------------------------------------------------------------------------------


def run_triplet():
    """Bags of GloVe vectors tuned on triplets of questions and answers."""
    faq, glove = load_faq(), load_glove()
    row_of = {word: i for i, word in enumerate(glove.words)}

    def bag(text):
        rows = [row_of[w] for w in re.findall("[a-z]+", text.lower()) if w in row_of]
        counts = np.zeros(len(glove.words), np.float32)
        np.add.at(counts, rows, 1 / max(len(rows), 1))
        return counts

    used_q, used_a = (np.stack([bag(t) for t in texts]) for texts in (faq.questions, faq.answers))
    words = np.flatnonzero((used_q > 0).any(axis=0) | (used_a > 0).any(axis=0))
    used_q, used_a = used_q[:, words], used_a[:, words]
    order = np.random.default_rng(0).permutation(158)
    learn, test = order[:110], order[110:]
    params = {"words": unit(glove.x[words]), "map": np.eye(50, dtype=np.float32)}

    def vectors(p, used):
        return used @ p["words"] @ p["map"]

    def scores(p):
        q, a = unit(vectors(p, used_q)), unit(vectors(p, used_a))
        rng = np.random.default_rng(1)
        other = np.array([rng.choice([j for j in range(158) if j != i]) for i in test])
        ranks = (q[test] @ a.T).argmax(axis=1)
        return {
            "triplet accuracy": triplet.triplet_accuracy(q[test], a[test], a[other]),
            "top 1 of 158": (ranks == test).mean(),
        }

    def loss(p, hard):
        q, a = vectors(p, used_q[learn]), vectors(p, used_a[learn])
        return triplet.triplet_loss(q, a, a[hard])

    rows = {"GloVe as it is": scores(params)}
    for how in ("hard", "semi-hard", "random"):
        p, rng = params, np.random.default_rng(2)
        for _ in range(20):
            q, a = vectors(p, used_q[learn]), vectors(p, used_a[learn])
            if how == "random":
                hard = (np.arange(110) + rng.integers(1, 110, size=110)) % 110
            else:
                hard = triplet.mine(q, a, how=how)
            p, _ = train(loss, p, [(hard,)], steps=5, rate=0.01, schedule="constant")
        rows[f"tuned, {how} negatives"] = scores(p)
        moved = {d.name: d.rows for d in triplet.weight_differences(params, p)}
        rows[f"share of rows that moved, {how}"] = moved
    p, _ = train(loss, params, [(hard,)], steps=1, rate=0.01, weight_decay=1e-3)
    rows["share of rows that moved, one step with weight decay"] = {
        d.name: d.rows for d in triplet.weight_differences(params, p)
    }
    states = load_faq()
    q, a = (
        unit(np.stack([x.mean(axis=0) for x in s])) for s in (states.queries, documents(states))
    )
    other = (test + 1) % 158
    rows["MiniLM untouched, 64 dimensions"] = {
        "triplet accuracy": triplet.triplet_accuracy(q[test], a[test], a[other]),
        "top 1 of 158": ((q[test] @ a.T).argmax(axis=1) == test).mean(),
    }
    return rows


def documents(faq):
    """The token vectors of each answer."""
    return np.split(faq.index.tokens, faq.index.offsets[1:-1])


# 9. In-context vectors -----------------------------------------------------------------------------

SENTIMENT = (
    ("The food was cold and the waiter was rude.", "The food was warm and the waiter was kind."),
    ("I hated every minute of this film.", "I loved every minute of this film."),
    ("The room was dirty and far too small.", "The room was clean and very spacious."),
    ("This is the worst phone I have ever had.", "This is the best phone I have ever had."),
    ("The journey was long, dull and tiring.", "The journey was short, exciting and easy."),
)
PROMPTS = ("The weather today is", "My new neighbours are", "The concert last night was")
PROMPTS += ("I think that this book is", "The service in that shop was")
GOOD = ["", "good", "great", "wonderful", "excellent", "beautiful", "nice", "amazing", "fantastic"][
    1:
]
BAD = ["", "bad", "terrible", "awful", "horrible", "poor", "ugly", "boring", "worst"][1:]
STRENGTHS = (0.0, 0.02, 0.05, 0.1, 0.2, -0.1)
SLIDER = ("The weather today is", "My new neighbours are")


def run_icv():
    """The mood of SmolLM2's continuations, and whether an answer can be fed, by strength."""
    model, faq = models.load("smollm2"), load_faq()
    last = lambda text: states_of(model, model.encode(text))[:, -1]  # noqa: E731
    before, after = (np.stack([last(pair[i]) for pair in SENTIMENT]) for i in (0, 1))
    found = in_context_vectors.direction(before, after, variant="official")
    vectors = found.vectors.astype(np.float32)
    mean = (after - before).mean(axis=0)
    random = np.random.default_rng(0).standard_normal(vectors.shape).astype(np.float32)
    rows = {"cosine of the official direction to the mean": cosine(vectors, mean)}
    plain_direction = in_context_vectors.direction(before, after).vectors
    rows["cosine of the uncentred component to the mean"] = cosine(plain_direction, mean)
    good, bad = ([model.encode(" " + word)[0] for word in words] for words in (GOOD, BAD))
    answer = model.encode(faq.answers[0][:600])

    def judged(editor_, place="edit_mlp"):
        hooks = {} if editor_ is None else {place: editor_}
        moods = []
        for prompt in PROMPTS:
            log_p = log_softmax(model.forward(model.encode(prompt), **hooks)[-1].astype(np.float64))
            moods.append(np.logaddexp.reduce(log_p[good]) - np.logaddexp.reduce(log_p[bad]))
        log_p = log_softmax(model.forward(answer, **hooks).astype(np.float64))
        nats = -log_p[np.arange(len(answer) - 1), answer[1:]].mean()
        return {"log-odds of good": np.mean(moods), "perplexity": np.exp(nats)}

    make = lambda v, s: in_context_vectors.editor(v, strength=s, variant="official")  # noqa: E731
    for s in STRENGTHS:
        rows[f"second part of each layer, strength {s}"] = judged(make(vectors, s) if s else None)
    rows["residual stream, strength 0.05"] = judged(make(vectors, 0.05), "tap")
    rows["a random direction, strength 0.1"] = judged(make(random, 0.1))
    shown = " ".join(pair[1] for pair in SENTIMENT)
    moods = []
    for prompt in PROMPTS:
        log_p = log_softmax(model.forward(model.encode(f"{shown} {prompt}"))[-1].astype(np.float64))
        moods.append(np.logaddexp.reduce(log_p[good]) - np.logaddexp.reduce(log_p[bad]))
    rows["the good sentences in the prompt"] = {"log-odds of good": np.mean(moods)}
    rows["generated"] = {
        f"{s}": {
            prompt: continued(model, prompt, make(vectors, s) if s else None) for prompt in SLIDER
        }
        for s in STRENGTHS
    }
    rows["feeding"] = feeding(model, faq, last, make)
    return rows


def states_of(model, ids):
    """The stream behind each layer, (layers, n, d)."""
    seen = {}
    model.forward(ids, tap=lambda layer, x: seen.__setitem__(layer, x))
    return np.stack([seen[layer] for layer in sorted(seen) if layer])


def cosine(a, b):
    """Of two arrays as vectors."""
    return float((a * b).sum() / np.linalg.norm(a) / np.linalg.norm(b))


def continued(model, prompt, editor_, n=16):
    """The likeliest continuation, token by token."""
    hooks = {} if editor_ is None else {"edit_mlp": editor_}
    ids = list(model.encode(prompt))
    begun = len(ids)
    for _ in range(n):
        ids.append(int(model.forward(ids, rows=[len(ids) - 1], **hooks)[0].argmax()))
    return model.decode(ids[begun:])


def feeding(model, faq, last, make, n=6):
    """Nats a token of answers, with their own vector, others', and the passage in the prompt."""
    short = [i for i in range(158) if 80 < len(faq.answers[faq.labels[i]]) < 400][: n + 5]
    asked, others = short[:n], short[n:]
    ask = lambda i: f"Question: {faq.questions[i]}\nAnswer:"  # noqa: E731
    text_of = lambda i: " " + faq.answers[faq.labels[i]]  # noqa: E731

    def likelihood(i, before="", **hooks):
        head, tail = model.encode(before + ask(i)), model.encode(text_of(i))
        ids = np.concatenate([head, tail])
        log_p = log_softmax(model.forward(ids, **hooks).astype(np.float64))
        places = np.arange(len(head) - 1, len(ids) - 1)
        return log_p[places, tail].mean()

    def vector(rows_):
        deltas = [last(ask(i) + text_of(i)) - last(ask(i)) for i in rows_]
        return np.mean(deltas, axis=0).astype(np.float32)

    general = make(vector(others), 0.05)
    own = {i: make(vector([i]), 0.05) for i in asked}
    wrong = {i: asked[(k + 1) % n] for k, i in enumerate(asked)}
    shots = "\n\n".join(ask(i) + text_of(i) for i in others) + "\n\n"
    passage = lambda i: f"{text_of(i).strip()}\n\n"  # noqa: E731
    return {
        "nothing": np.mean([likelihood(i) for i in asked]),
        "vector of five other answers": np.mean([likelihood(i, edit_mlp=general) for i in asked]),
        "vector of this answer": np.mean([likelihood(i, edit_mlp=own[i]) for i in asked]),
        "vector of a wrong answer": np.mean([likelihood(i, edit_mlp=own[wrong[i]]) for i in asked]),
        "five demonstrations in the prompt": np.mean([likelihood(i, shots) for i in asked]),
        "the passage in the prompt": np.mean([likelihood(i, passage(i)) for i in asked]),
        "a wrong passage in the prompt": np.mean([likelihood(i, passage(wrong[i])) for i in asked]),
    }


PARTS = {
    "debias": run_debias,
    "decor": run_decor,
    "flow": run_flow,
    "cipher": run_cipher,
    "lexinvariant": run_lexinvariant,
    "glyphs": run_glyphs,
    "codes": run_codes,
    "senses": run_senses,
    "triplet": run_triplet,
    "icv": run_icv,
}

if __name__ == "__main__":
    main(sys.argv[1:])
