"""The data of the pages in docs/explore, all of it computed here by the library.

`write(folder)` writes for each page its data, which a script draws, and the main numbers as a table
in an HTML file of its own, which needs no script. The scripts compute nothing but positions on the
screen. Data are JSON given a name, so that a page also works when it is opened from a folder, where
a browser lets it fetch nothing. By hand: `python tools/docs/explorables.py docs/explore/data`.
"""

import itertools
import json
import re
import sys
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from tokenlab.attention import (
    gaussian_attention,
    gaussian_kernel,
    grid_landmarks,
    kmeans_landmarks,
    random_landmarks,
    soft_attention,
)
from tokenlab.data import FAQ, load_faq, load_findings, load_text, load_vit_photos
from tokenlab.embeddings import lexinvariant
from tokenlab.numerics import topk, unit
from tokenlab.plots.notebook import png
from tokenlab.pruning import Reduction
from tokenlab.retrieval import maxsim, pooled_vectors, recall, token_topk, xtr_scores
from tokenlab.steps import record
from tokenlab.tour import pruning as tour
from tokenlab.tour.attention_methods import HEAD, Tokens, noise_tokens, photo_tokens
from tokenlab.tour.pruning_rules import Rule, random_tokens, rules

sys.path.insert(0, str(Path(__file__).resolve().parent))  # also when run by itself
import explore_pairs
import explore_probes
import explore_tokens
import explore_walk

K_PRIMES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)  # and all tokens
BEST, COLUMNS, LONGEST = 10, 6, 16  # documents compared, and drawn; tokens of a question drawn
KEPT = (13, 26, 51, 64, 96, 128, 192, 256)  # of 256 patches: 5 % to all
SIDES = (16, 32)  # tokens a side: as the model saw the photo, and interpolated
CELLS = (1, 2, 3, 4, 6, 8, 16)  # landmarks a side
LAYERS = Path(__file__).with_name("layers.json")  # of layers.py, which needs weights
LENGTHS = (32, 64, 128, 256, 512, 1024)
LETTERS_SHOWN = 120  # letters that are shown
PASSAGES = 3
LETTERS = "abcdefghijklmnopqrstuvwxyz "
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,"><style>
:root {{ color-scheme: light dark; }}
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 1rem; overflow-wrap: anywhere; }}
div {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
th, td {{ border-bottom: 1px solid #8885; padding: .2em .7em; text-align: right; }}
td {{ white-space: nowrap; }}
th:first-child {{ text-align: left; }}
</style></head><body><h1>{title}</h1><p>{text}</p>
<div role="region" tabindex="0" aria-label="{title}"><table>
{rows}
</table></div></body></html>
"""


def write(folder: Path) -> list[Path]:
    """Write what the pages show, and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    pages = {"xtr": xtr(), "pruning": pruning(), "soft": soft(), "layers": layers()}
    pages["tokens"] = explore_tokens.page_of(table_page)
    pages |= {"mood": mood(), "cipher": cipher(), "walk": explore_walk.page_of(table_page)}
    pages["probes"] = explore_probes.page_of(table_page)
    pages["pairs"] = explore_pairs.page_of(table_page)
    for name, (data, table) in pages.items():
        text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        for ending, content in (("js", f"window.exploreData = {text};\n"), ("html", table)):
            files.append(folder / f"{name}.{ending}")
            files[-1].write_text(content, encoding="utf-8")
    files += explore_tokens.write_vocabularies(folder)
    photos = load_vit_photos()
    for name, image in zip(photos.names, photos.images, strict=True):
        files.append(folder / f"{name}.png")
        files[-1].write_bytes(png(image))
    return files


def table_page(title: str, text: str, header: list[str], rows: list[list[str]]) -> str:
    """The numbers of a page without its script; the first cell of a row names it."""
    lines = ["".join(f'<th scope="col">{escape(cell)}</th>' for cell in header)]
    for first, *cells in rows:
        numbers = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        lines.append(f'<th scope="row">{escape(first)}</th>{numbers}')
    body = "\n".join(f"<tr>{line}</tr>" for line in lines)
    return PAGE.format(title=escape(title), text=escape(text), rows=body)


# XTR: what is retrieved, what is imputed, and how the ranking nears MaxSim's.


def xtr() -> tuple[dict[str, Any], str]:
    """Some questions of the FAQ at every k', and how all questions fare on average."""
    faq = load_faq()
    k_primes = [*K_PRIMES, faq.index.n_tokens]
    runs = [_all_k_primes(faq, q, k_primes) for q in range(len(faq))]
    curves = np.array([run["curves"] for run in runs])  # (questions, k', 2)
    questions = [_question(faq, q, why, k_primes, runs[q]) for q, why in _chosen(faq, runs)]
    shown = {doc for q in questions for doc in q["columns"]}
    shown |= {doc for q in questions for at in q["at"] for doc, _ in at["top"]}
    names = [f"{k:,}" for k in k_primes]
    rows = [
        [name, f"{mean:.3f}", *(f"{q['at'][i]['order']:.3f}" for q in questions)]
        for i, (name, mean) in enumerate(zip(names, curves[:, :, 0].mean(axis=0), strict=True))
    ]
    header = ["k'", f"mean of {len(faq)} questions", *(q["text"] for q in questions)]
    text = f"""Of the pairs among MaxSim's {BEST} best documents, the share that XTR puts in the
        same order, for each k'; a document that XTR does not consider comes after all others."""
    return {
        "k_primes": k_primes,
        "n_docs": faq.index.n_docs,
        "best": BEST,
        "mean": _rounded(curves.mean(axis=0)),
        "texts": {doc: faq.questions[doc] for doc in sorted(shown)},
        "questions": questions,
    }, table_page("XTR's ranking against MaxSim's", text, header, rows)


def _all_k_primes(faq: FAQ, question: int, k_primes: list[int]) -> dict[str, Any]:
    """Scores of all documents, -inf for no candidate, and agreement with MaxSim, for each k'."""
    query, index = faq.queries[question], faq.index
    exact = maxsim(query, index, mean=True)
    ids, sims = token_topk(query, index, index.n_tokens)
    scores = np.full((len(k_primes), index.n_docs), -np.inf)
    for row, k in zip(scores, k_primes, strict=True):
        docs, found = xtr_scores(ids[:, :k], sims[:, :k], index.token_to_doc, index.n_docs)
        row[docs] = found
    scores[-1] = exact  # the same but for rounding, which would part equal documents
    best = topk(exact, BEST).ids
    curves = [(_same_order(row, best), _overlap(row, best)) for row in scores]
    return {"scores": scores, "exact": exact, "ids": ids, "sims": sims, "curves": curves}


def _same_order(scores: np.ndarray, best: np.ndarray) -> float:
    """Share of the pairs of documents, better one first, that the scores order the same way."""
    pairs = list(itertools.combinations(best.tolist(), 2))
    return sum(scores[a] > scores[b] or scores[a] == scores[b] > -np.inf for a, b in pairs) / len(
        pairs
    )


def _ranking(scores: np.ndarray) -> np.ndarray:
    return topk(scores, int((scores > -np.inf).sum())).ids


def _overlap(scores: np.ndarray, best: np.ndarray) -> float:
    return recall(_ranking(scores), best.tolist(), BEST)


def _chosen(faq: FAQ, runs: list[dict[str, Any]]) -> list[tuple[int, str]]:
    """Questions that show something, each the first of its kind, and why."""
    at = K_PRIMES.index(100)
    pooled = pooled_vectors(faq.index)
    own = [int((pooled @ unit(query.sum(axis=0))).argmax()) for query in faq.queries]
    one = np.array(own) == faq.labels
    full = np.array([run["exact"].argmax() for run in runs]) == faq.labels
    part = np.array([run["scores"][at].argmax() for run in runs]) == faq.labels
    last = np.array([sum(order < 1 for order, _ in run["curves"]) for run in runs])
    short = np.array([len(query) <= LONGEST for query in faq.queries])
    kinds = [
        (one & full & part, "MaxSim, XTR with k' = 100, and one pooled vector find the answer"),
        (part & ~one, "XTR with k' = 100 finds the answer, one pooled vector does not"),
        (full & ~part, "MaxSim finds the answer, XTR with k' = 100 does not"),
        (part & ~full, "XTR with k' = 100 finds the answer, MaxSim does not"),
        (last == last[short].min(), "no question reaches MaxSim's order with fewer tokens"),
        (last == last[short].max(), "no question needs more tokens to reach MaxSim's order"),
    ]
    found: dict[int, str] = {}
    for fits, why in kinds:
        new = [int(q) for q in np.flatnonzero(fits & short) if q not in found]
        found |= dict.fromkeys(new[:1], why)
    return list(found.items())


def _question(
    faq: FAQ, question: int, why: str, k_primes: list[int], run: dict[str, Any]
) -> dict[str, Any]:
    order = _ranking(run["exact"])
    columns = order[:COLUMNS]
    # Candidates of the table: MaxSim's best, with the right answer whatever its rank.
    if question not in columns:
        columns = np.append(columns[:-1], question)
    at = [_at(faq, k, columns, run, i) for i, k in enumerate(k_primes)]
    return {
        "text": faq.questions[question],
        "why": why,
        "tokens": faq.question_tokens[question],
        "answer": int(faq.labels[question]),
        "columns": columns.tolist(),
        "exact": {int(d): [rank, _short(run["exact"][d])] for rank, d in enumerate(order, start=1)},
        "at": at,
    }


def _at(faq: FAQ, k: int, columns: np.ndarray, run: dict[str, Any], i: int) -> dict[str, Any]:
    """The table at one k', from the steps that the library records."""
    index, ids, sims = faq.index, run["ids"][:, :k], run["sims"][:, :k]
    with record() as steps:
        xtr_scores(ids, sims, index.token_to_doc, index.n_docs)
    rows = {int(doc): row for row, doc in enumerate(steps["candidates"])}
    cells = [
        [None if np.isinf(x) else _short(x) for x in steps["best hit"][rows[doc]]]
        if doc in rows
        else None
        for doc in columns.tolist()
    ]
    ranking = _ranking(run["scores"][i])
    ranks = {int(doc): rank for rank, doc in enumerate(ranking, start=1)}
    order, overlap = run["curves"][i]
    return {
        "imputed": _rounded(steps["imputed"]),
        "cells": cells,
        "scores": [_short(run["scores"][i][d]) if d in ranks else None for d in columns.tolist()],
        "ranks": [ranks.get(doc) for doc in columns.tolist()],
        "candidates": len(rows),
        "hits": round(float(steps["hit"].mean()), 3),
        "top": [[int(d), _short(run["scores"][i][d])] for d in ranking[:BEST]],
        "order": round(order, 3),
        "overlap": overlap,
    }


# Pruning: what each rule keeps of a photo, what it costs, and what is left of the reading.


def pruning() -> tuple[dict[str, Any], str]:
    """Every rule of the tour on every photo at every budget."""
    photos, every = load_vit_photos(), rules()
    n = photos.grid[0] * photos.grid[1]
    found = {
        rule.name: [[_kept(rule, i, k / n) for k in KEPT] for i in range(len(photos))]
        for rule in every
    }
    rows = [
        [
            name,
            *(
                f"{np.mean([photo['mean'] for photo in at]):.3f}"
                for at in zip(*by_photo, strict=True)
            ),
        ]
        for name, by_photo in found.items()
    ]
    text = f"""Fidelity, the mean over {len(photos)} photos: the cosine between what the CLS token
        reads with the kept patches and with all of them. Random is the mean of
        {every[0].draws} draws."""
    header = ["rule", *(f"{k} kept" for k in KEPT)]
    return {
        "photos": photos.names,
        "grid": photos.grid,
        "kept": KEPT,
        "draws": every[0].draws,
        "model": [tour.model_multiply_adds(k) for k in KEPT],
        "rules": found,
    }, table_page("Fidelity of every rule at every budget", text, header, rows)


def _kept(rule: Rule, i: int, share: float) -> dict[str, Any]:
    """Patches that stay, as one 0 or 1 each; for merging rules, the group of every patch."""
    reduction = rule.reduce(i, share)
    mask = reduction.mask(load_vit_photos().grid).ravel()
    entry: dict[str, Any] = {
        "kept": "".join("01"[x] for x in mask.tolist()),
        "fidelity": _short(tour.fidelity(i, reduction), 4),
        "choosing": rule.multiply_adds(i, share),
    }
    draws = [entry["fidelity"]]
    if rule.draws > 1:
        draws = [tour.fidelity(i, random_tokens(i, share, seed)) for seed in range(rule.draws)]
        entry |= {"low": _short(min(draws), 4), "high": _short(max(draws), 4)}
    entry["mean"] = _short(np.mean(draws), 4)
    if reduction.transform is not None:
        entry["groups"] = _groups(reduction)
    return entry


def _groups(reduction: Reduction) -> str:
    """Two hexadecimal digits for each patch: the row that takes most of it; `--` if dropped."""
    return "".join("--" if row < 0 else f"{row:02x}" for row in reduction.owner().tolist())


# SOFT: landmarks against error and cost.


def soft() -> tuple[dict[str, Any], str]:
    """SOFT against exact Gaussian attention, for several landmarks of several kinds."""
    photos = load_vit_photos()
    inputs = {
        name: partial(photo_tokens, photo=i, head=HEAD) for i, name in enumerate(photos.names)
    }
    inputs["random numbers"] = noise_tokens
    runs = {name: [_soft_runs(make(side)) for side in SIDES] for name, make in inputs.items()}
    marks, (kind, *_) = [c * c for c in CELLS], KINDS
    rows = [
        [f"{name}, n = {side**2:,}", *(f"{error:.3f}" for error in run[kind]["error"])]
        for name, sizes in runs.items()
        for side, run in zip(SIDES, sizes, strict=True)
    ]
    text = """Relative error of SOFT's output with means over squares of neighbouring tokens as
        landmarks, against exact Gaussian attention on the same tokens."""
    return {
        "inputs": [*inputs],
        "head": HEAD,
        "n": [side * side for side in SIDES],
        "m": marks,
        "cells": CELLS,
        "kinds": [*KINDS],
        "operations": [
            {
                kind: [_soft_operations(s * s, m, 64, diagonal) for m in marks]
                for kind, (_, diagonal) in KINDS.items()
            }
            for s in SIDES
        ],
        "exact": [2 * 2 * s**4 * 64 for s in SIDES],  # both products of n x n x d
        "runs": runs,
    }, table_page("SOFT's error by number of landmarks", text, ["m", *map(str, marks)], rows)


def _means(t: Tokens, cells: int) -> np.ndarray:
    return grid_landmarks(t.k, (t.side, t.side), -(-t.side // cells))


KINDS = {
    "means of squares": (_means, False),
    "means of squares, diagonal repaired": (_means, True),
    "k-means": (lambda t, cells: kmeans_landmarks(t.k, cells * cells, rng=0), False),
    "random tokens": (lambda t, cells: random_landmarks(t.k, cells * cells, rng=0), False),
}


def _soft_runs(t: Tokens) -> dict[str, Any]:
    """Errors of each kind of landmarks: over all tokens, and where on a grid of 16 x 16."""
    exact = gaussian_attention(t.k, t.v)
    length = float(np.sqrt(np.mean(np.sum(exact**2, axis=1))))
    out: dict[str, Any] = {}
    for kind, (landmarks, diagonal) in KINDS.items():
        marks = [landmarks(t, c) for c in CELLS]
        runs = [soft_attention(t.k, t.v, mark, diagonal=diagonal) for mark in marks]
        errors = [float(np.linalg.norm(y - exact) / np.linalg.norm(exact)) for y in runs]
        maps = [_map(np.linalg.norm(y - exact, axis=1) / length, t.side) for y in runs]
        out[kind] = {"error": [_short(e, 4) for e in errors], "maps": maps}
        if not diagonal:
            out[kind]["groups"] = [_nearest(t, mark) for mark in marks]
    return out


def _nearest(t: Tokens, landmarks: np.ndarray) -> str:
    """The landmark most like each token, on a grid of 16 x 16: two hexadecimal digits each."""
    own = gaussian_kernel(t.k, landmarks).argmax(axis=1).reshape(t.side, t.side)
    return "".join(f"{mark:02x}" for mark in own[:: t.side // 16, :: t.side // 16].ravel())


def _map(errors: np.ndarray, side: int) -> str:
    """Errors in per cent of the outputs' root mean square length: two hexadecimal digits each."""
    squares = grid_landmarks(errors[:, None], (side, side), side // 16).ravel()  # means
    return "".join(f"{min(255, round(100 * float(e))):02x}" for e in squares)


def _soft_operations(n: int, m: int, d: int, diagonal: bool) -> int:
    """What the docstring of `tokenlab.attention.soft` counts, for `d_v = d`."""
    return round(2 * n * m * 3 * d + 2 * m * m * d + 2 * m**3 / 3 + diagonal * n * m * m)


# A sentence in MiniLM: stored, since the weights do not come with the package.


def layers() -> tuple[dict[str, Any], str]:
    """Attention and nearest tokens of some sentences, and the nearest ones as a table."""
    data = json.loads(LAYERS.read_text(encoding="utf-8"))
    rows = []
    for one in data["sentences"]:
        for j, token in enumerate(one["tokens"]):
            near = [layer[j][0] for layer in one["neighbours"][1:]]
            cells = [f"{data['pool'][at][0]} ({data['pool'][at][1] + 1}) {c:.2f}" for at, c in near]
            rows.append([token, *cells])
    text = """The nearest token of each token behind each layer, the number of its sentence, and the
        cosine; the sentences one below the other."""
    header = ["token", *(f"layer {i + 1}" for i in range(data["layers"]))]
    return data, table_page("The nearest tokens, layer by layer", text, header, rows)


def mood_data() -> tuple[dict[str, Any], list[list[str]]]:
    """What SmolLM2 wrote at each strength, stored, and its mood and perplexity as rows."""
    found = load_findings("embeddings")["icv"]
    name = "second part of each layer, strength "
    at = {float(k.removeprefix(name)): v for k, v in found.items() if k.startswith(name)}
    generated = {float(strength): texts for strength, texts in found["generated"].items()}
    strengths = sorted(generated)
    data = {
        "strengths": strengths,
        "prompts": list(generated[strengths[0]]),
        "texts": [list(generated[s].values()) for s in strengths],
        "odds": [at[s]["log-odds of good"] for s in strengths],
        "perplexity": [at[s]["perplexity"] for s in strengths],
    }
    rows = []
    for i, s in enumerate(strengths):
        numbers = [f"{data['odds'][i]:.1f}", f"{data['perplexity'][i]:.0f}"]
        rows.append([f"{s:g}", *numbers, data["texts"][i][0]])
    return data, rows


def cipher_data() -> tuple[dict[str, Any], list[list[str]]]:
    """What a search and counting read, by length, and the shares that are right as rows."""
    text = re.sub("[^a-z]+", " ", load_text("shakespeare").lower())
    ids = np.array([LETTERS.index(c) for c in text])
    half = len(ids) // 2
    counts = np.full((27, 27), 0.1)
    np.add.at(counts, (ids[:half], ids[1 : half + 1]), 1)
    table = np.log(counts / counts.sum(axis=1, keepdims=True))
    usual = np.argsort(-np.bincount(ids[:half], minlength=27), kind="stable")
    runs = []
    for passage in range(PASSAGES):
        secret = np.random.default_rng(passage).permutation(27)  # what an observed one stands for
        start = half + 20_000 * (passage + 1)
        parts = (ids[start : start + n] for n in LENGTHS)
        runs.append([broken(plain, secret, table, usual) for plain in parts])
    rows = []
    for i, n in enumerate(LENGTHS):
        shares = [np.mean([run[i][name] for run in runs]) for name in ("search", "counted")]
        rows.append([str(n), *(f"{share:.2f}" for share in shares)])
    return {"lengths": list(LENGTHS), "runs": runs}, rows


def broken(plain: Any, secret: Any, table: Any, usual: Any) -> dict[str, Any]:
    """One ciphered text: what is observed, read and true, and how much of it is right."""
    observed = np.argsort(secret)[plain]
    found = lexinvariant.swap_search(table, observed, rng=0)
    counted = np.empty(27, np.int64)
    counted[np.argsort(-np.bincount(observed, minlength=27), kind="stable")] = usual
    as_text = lambda row: "".join(LETTERS[i] for i in row[:LETTERS_SHOWN])  # noqa: E731
    return {
        "observed": as_text(observed),
        "read": as_text(found.key[observed]),
        "plain": as_text(plain),
        "search": round(float((found.key[observed] == plain).mean()), 3),
        "counted": round(float((counted[observed] == plain).mean()), 3),
        "found": round(float(found.score), 2),
        "true": round(float(table[plain[:-1], plain[1:]].sum()), 2),
    }


def mood() -> tuple[dict[str, Any], str]:
    """What a shift does to SmolLM2, and its mood and perplexity as a table."""
    data, rows = mood_data()
    text = "SmolLM2 with the output of each layer's second part shifted, by strength."
    header = ["strength", "log-odds of good words", "perplexity", data["prompts"][0] + " …"]
    return data, table_page("The mood of a model", text, header, rows)


def cipher() -> tuple[dict[str, Any], str]:
    """Ciphers of several lengths, and how much of them is read right as a table."""
    data, rows = cipher_data()
    text = "Letters that are right, as the mean of three passages of Shakespeare."
    return data, table_page(
        "How long must a cipher be?", text, ["letters", "by search", "by frequency"], rows
    )


def _short(x: Any, digits: int = 3) -> float:
    return round(float(x), digits)


def _rounded(x: np.ndarray) -> list:
    return np.round(np.asarray(x, dtype=np.float64), 3).tolist()


if __name__ == "__main__":
    for path in write(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/explore/data")):
        print(f"{path.stat().st_size:>9,} bytes  {path}")
