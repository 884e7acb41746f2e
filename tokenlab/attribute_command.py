"""`tokenlab attribute`: which tokens of a text made a model say the next one."""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tokenlab.errors import InvalidInput

METHODS = ("reagent", "occlusion", "gradient", "random")
MODELS = ("smollm2", "tiny", "plays")
ABOUT = {
    "smollm2": "SmolLM2-135M",
    "tiny": "the small model of the package, trained on plays",
    "plays": "counts of seven bytes in a row, of plays",
}
BAR = 24  # columns of the longest bar
SHADES = (254, 252, 248, 110, 67, 25)  # of 256 colours, from what counts little to what counts most


class Read(NamedTuple):
    """A text, and what a model says behind it."""

    lm: Any
    ids: np.ndarray
    names: list[str]  # what each token spells
    target: int
    said: str


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "attribute",
        help="which tokens of a text made a model say the next one",
        description="Score every token of a text by how much the model's next token rests on it. "
        "Without --model the best one that is here: SmolLM2 where its package is installed, else "
        "the small model of this package.",
        epilog="Example:  tokenlab attribute 'The capital of France is' --method occlusion",
    )
    parser.add_argument("text", metavar="TEXT", help="what the model reads; - reads a pipe")
    parser.add_argument("--method", choices=METHODS, default="reagent", help="(%(default)s)")
    parser.add_argument("--target", metavar="TEXT", help="ask about this, not about what it says")
    parser.add_argument("--model", choices=MODELS, help="who reads (the best that is here)")
    parser.add_argument("--folder", type=Path, help="where SmolLM2's files are, if not installed")
    parser.add_argument("--keep", type=int, default=3, help="the best so many (%(default)s)")
    parser.add_argument("--runs", type=int, default=5, help="of ReAGent (%(default)s)")
    parser.add_argument("--max-steps", type=int, default=30, help="of ReAGent (%(default)s)")
    parser.add_argument("--draws", type=int, default=4, help="of occlusion (%(default)s)")
    parser.add_argument("--rng", type=int, default=0, help="the seed (%(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write tokens and scores here")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Read, score, print."""
    from tokenlab import models
    from tokenlab.lm import Counted

    if arguments.keep < 1:
        raise InvalidInput(f"attribute: --keep is {arguments.keep}; expected at least 1.")
    text = sys.stdin.read() if arguments.text == "-" else arguments.text
    if not text:
        raise InvalidInput("attribute: TEXT is empty; expected a text that a model could go on.")
    known = arguments.folder is not None or models.find("smollm2")
    name = arguments.model or ("smollm2" if known else "tiny")
    read = opened(name, arguments, text)
    counted = Counted(read.lm)
    scores, remark = scored(arguments, name, read, counted)
    p = float(np.exp(read.lm.log_probs(read.ids)[read.target]))
    best = np.sort(np.argsort(-scores, kind="stable")[: arguments.keep])
    print(f"{ABOUT[name]}, {arguments.method}: what made it say {read.said!r} (p = {p:.3f})?\n")
    print(marked(read.names, scores, best) + f" → {visible(read.said)}\n")
    print("\n".join(lines(read.names, scores, best)))
    print(f"\n{remark}" + (f"; {counted.rows:,} questions." if counted.rows else "."))
    if arguments.json is not None:
        found = {"model": name, "method": arguments.method, "said": read.said, "p": p}
        found |= {"tokens": read.names, "scores": scores.tolist(), "best": best.tolist()}
        arguments.json.write_text(json.dumps(found, ensure_ascii=False), encoding="utf-8")
    return 0


def opened(name: str, arguments: argparse.Namespace, text: str) -> Read:
    """The model of that name, and the text in its tokens."""
    lm, encode, tokens = model_of(name, arguments.folder)
    ids = np.array(encode(text), dtype=np.int64)
    if name == "tiny" and len(ids) > lm.length:
        raise InvalidInput(
            f"attribute: TEXT has {len(ids)} tokens; the small model knows {lm.length} places."
        )
    spelled = lambda i: tokens[int(i)].decode(errors="replace")  # noqa: E731
    target = int(np.argmax(lm.log_probs(ids)))
    if arguments.target is not None:
        asked = list(encode(arguments.target))
        if not asked:
            raise InvalidInput("attribute: --target is empty; expected a text of one token.")
        target = int(asked[0])  # of a longer one, what comes first
    return Read(lm, ids, [spelled(i) for i in ids], target, spelled(target))


def model_of(name: str, folder: Path | None) -> tuple[Any, Any, Any]:
    """A model, what makes tokens of a text, and what each token spells."""
    if name == "tiny":
        from tokenlab.data import load_tiny_lm

        tiny = load_tiny_lm()
        return tiny.lm, tiny.tokenizer.encode, tiny.tokenizer.tokens
    from tokenlab import generate_command

    writer = generate_command.opened(name, folder)
    if name == "plays":
        return writer.lm, writer.encode, [*writer.tokens, b"(end)"]
    return writer.lm, writer.encode, writer.lm.tokenizer.tokens


def scored(
    arguments: argparse.Namespace, name: str, read: Read, counted: Any
) -> tuple[np.ndarray, str]:
    """A score of every token, and what is to be said of them."""
    from tokenlab.analysis import attribution, reagent

    context, target, rng = read.ids.tolist(), read.target, arguments.rng
    anything = reagent.uniform_replacer(read.lm.vocab)
    if arguments.method == "random":
        return attribution.random_scores(len(context), rng=rng), "Drawn, whatever the model says"
    if arguments.method == "occlusion":
        scores = attribution.occlusion(
            counted, context, target, replace=anything, draws=arguments.draws, rng=rng
        )
        return scores, "How far p falls when the token is replaced by any other one"
    if arguments.method == "gradient":
        if name == "plays":
            raise InvalidInput("attribute: counts have no gradient; take --model tiny or smollm2.")
        from tokenlab.analysis.inside import opened as inside

        text = inside(read.lm, context)
        scores = attribution.gradient_norm(lambda x: text.log_probs(x)[target], text.x)
        return np.asarray(scores), "How long the gradient of ln p is at the token's vector"
    found = reagent.attribute(
        counted,
        context,
        target,
        keep=arguments.keep,
        runs=arguments.runs,
        max_steps=arguments.max_steps,
        rng=rng,
    )
    stopped = f"{int(found.stopped.sum())} of {len(found.runs)} runs"
    return found.scores, f"{stopped} found {arguments.keep} tokens that are enough for it"


def coloured() -> bool:
    """Whether the terminal shows colours, and nobody minds."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return sys.stdout.isatty() and not plain


def visible(name: str) -> str:
    """A token on one line, with blanks at its ends that can be seen."""
    shown = "".join(c if c.isprintable() else "⏎" if c == "\n" else "�" for c in name)
    return shown if shown.strip() == shown and shown else shown.replace(" ", "␣")


def marked(names: list[str], scores: np.ndarray, best: np.ndarray) -> str:
    """The text with its best tokens in brackets, and in colours where there are some."""
    low, high = float(scores.min()), float(scores.max())
    parts = []
    for i, name in enumerate(names):
        # Blanks stay outside of the brackets, so that the text can be read.
        core = name.strip(" ") or name
        before, _, behind = name.partition(core)
        part = f"[{visible(core)}]" if i in best else visible(core)
        if coloured():
            share = (scores[i] - low) / (high - low) if high > low else 0.0
            place = min(int(share * len(SHADES)), len(SHADES) - 1)
            ink = 15 if place > 3 else 16  # white on what is dark
            part = f"\x1b[38;5;{ink}m\x1b[48;5;{SHADES[place]}m{part}\x1b[0m"
        parts.append(before + part + behind)
    return "".join(parts)


def lines(names: list[str], scores: np.ndarray, best: np.ndarray) -> list[str]:
    """A line for every token: a star at the best, the score, and a bar as long as it counts."""
    wide = min(20, max(len(visible(name)) for name in names))
    most = float(np.abs(scores).max()) or 1.0
    found = []
    for i, (name, score) in enumerate(zip(names, scores.tolist(), strict=True)):
        star = "*" if i in best else " "
        bar = ("█" if score > 0 else "-") * round(BAR * abs(score) / most)
        found.append(f"{star} {visible(name)[:wide]:<{wide}} {score:>8.4f}  {bar}".rstrip())
    return found
