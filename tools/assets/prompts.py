"""Forty prompts as MiniLM sees them: pairs of questions in one text, and words beside others.

Token states are made as in `faq`: of length one, times the projection stored there, int8.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from . import minilm
from .faq import offsets, to_int8, token_lines, unit
from .files import files_table, packages_table, write_npz, write_section, write_text
from .packages import read_files

N_PAIRS = 28
# A word with two meanings beside one that pulls at it, and the word alone.
LEAKS = (
    ("a bank beside a river", "a bank"),
    ("a bat beside a baseball", "a bat"),
    ("a jaguar beside a car", "a jaguar"),
    ("a pool by a table", "a pool"),
    ("a mouse beside a keyboard", "a mouse"),
    ("a crane above a harbour", "a crane"),
)


def build(cache: Path, out: Path) -> None:
    """Write `prompts/` and its section of SOURCES.md into `out`."""
    model = minilm.MiniLM(read_files(minilm.WHEEL, cache))
    faq = json.loads((out / "faq" / "faq.json").read_text(encoding="utf-8"))
    with np.load(out / "faq" / "vectors.npz") as stored:
        projection = stored["projection"]
    rng = np.random.default_rng(0)
    first = rng.permutation(len(faq))[:N_PAIRS]
    second = (first + rng.integers(1, len(faq), size=N_PAIRS)) % len(faq)
    pairs = [[int(i), int(j)] for i, j in zip(first, second, strict=True)]
    texts = [f"{faq[i]['question']} {faq[j]['question']}" for i, j in pairs]
    texts += [text for leak in LEAKS for text in leak]
    tokens = [model.tokenize(text, 256) for text in texts]
    states = np.concatenate([model.encode(one) for one in tokens])  # (n, 384)
    folder = out / "prompts"
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in ("prompts.json", "tokens.txt", "states.npz")]
    write_text(paths[0], json.dumps({"pairs": pairs, "texts": texts}, indent=1) + "\n")
    write_text(paths[1], token_lines(tokens))
    write_npz(paths[2], states=to_int8(unit(states @ projection)), offsets=offsets(tokens))
    section = SECTION.format(packages=packages_table([minilm.WHEEL]), files=files_table(out, paths))
    write_section(out / "SOURCES.md", "prompts", section)


SECTION = """
Forty prompts as an encoder of texts sees them. Made by

    python tools/build_assets.py prompts

from the questions in `faq/` and twelve lines of our own. What went in:

{packages}

What came out:

{files}

- `prompts.json`: `texts`; the first of them are two questions of the FAQ each, whose numbers are
  in `pairs`; then a word beside another one, and the word alone, by turns.
- `tokens.txt`: the wordpieces of text *i* in line *i*, with [CLS] and [SEP].
- `states.npz`: `states`, int8, one row of 64 for each token, in the space of `faq/vectors.npz`, and
  `offsets`, where each text's rows begin and end.

**Questions: Python Software Foundation License Version 2**, as in `faq`. The other lines are ours.
**Model: Apache License 2.0** (`sentence-transformers/all-MiniLM-L6-v2`); what is stored are numbers
that it computed.
"""
