"""`tokenlab tokens`: a text in several tokenizers, side by side, and a tokenizer of one's own."""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from tokenlab.errors import InvalidInput, StorageError
from tokenlab.tour.terminal import did_you_mean, heading, paragraph

MINE = "mine"
COLOURS = (44, 42, 45, 46, 43)  # backgrounds, one token after the other
DEFAULT = Path("my.tiktoken")


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "tokens",
        help="cut a text into tokens, by several tokenizers",
        description="Show a text in tokens, with their number and the bytes of each on average.",
        epilog="Example:  tokenlab tokens 'Merhaba dünya' --with gpt2,o200k",
    )
    parser.add_argument("text", nargs="?", metavar="TEXT", help="the text; - reads it from a pipe")
    parser.add_argument(
        "--with",
        dest="names",
        default=None,
        metavar="NAMES",
        help="of gpt2, cl100k, o200k, smollm2, mine (what was trained here last) and files that "
        "BPE.save wrote, between commas (gpt2,cl100k,smollm2)",
    )
    parser.add_argument("--train", type=Path, metavar="FILE", help="learn a tokenizer from a file")
    parser.add_argument(
        *("--size", "--vocab-size"),
        type=int,
        default=4096,
        metavar="N",
        help="tokens of what is trained (%(default)s)",
    )
    parser.add_argument(
        *("-o", "--out"),
        type=Path,
        default=DEFAULT,
        metavar="FILE",
        help="where it is written, and read as mine (%(default)s)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write ids and counts here")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Train if that is asked for, then show the text."""
    if arguments.train is not None:
        train(arguments.train, arguments.size, arguments.out)
    text = sys.stdin.read() if arguments.text == "-" else arguments.text
    if text is None:
        if arguments.train is None:
            raise InvalidInput("tokens: TEXT is missing; expected a text, or --train FILE.")
        return 0
    usual = "gpt2,cl100k,smollm2" + f",{MINE}" * (arguments.train is not None)
    rows = {}
    for name in (arguments.names or usual).split(","):
        tokenizer = named(name.strip(), arguments.out)
        rows[name.strip()] = shown(name.strip(), tokenizer, text)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0


def train(source: Path, size: int, out: Path) -> None:
    """Learn from a file and save."""
    from tokenlab.tokenizers import BPE

    try:
        text = source.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise StorageError(f"tokens: {source} is no UTF-8 text ({error}).") from None
    tokenizer = BPE.train(text, size)
    tokenizer.save(out)
    print(f"{tokenizer.vocab} tokens learned from {len(text):,} characters: {out}")


def named(name: str, mine: Path) -> Any:
    """A tokenizer by its name, or from a file."""
    from tokenlab.data import VOCABULARIES, load_vocabulary
    from tokenlab.tokenizers import BPE

    if name in VOCABULARIES:
        return load_vocabulary(name)
    path = mine if name == MINE else Path(name)
    if path.exists():
        return BPE.load(path)
    if name == MINE:
        raise InvalidInput(f"tokens: there is no {mine} yet; train one with --train FILE.")
    hint = did_you_mean(name, [*VOCABULARIES, MINE])
    raise InvalidInput(f"tokens: --with names {name!r}, which is no tokenizer and no file. {hint}")


def shown(name: str, tokenizer: Any, text: str) -> dict[str, Any]:
    """Print the tokens of a text; what was counted."""
    ids = tokenizer.encode(text, special="text").tolist()
    n_bytes = len(text.encode())
    heading(f"{name}: {tokenizer.vocab:,} tokens known", line=False)
    print(painted([tokenizer.tokens[i] for i in ids]))
    each = f", {n_bytes / len(ids):.2f} bytes each" if ids else ""
    paragraph(f"{len(ids)} token{'s' * (len(ids) != 1)}{each}", "  ")
    return {"ids": ids, "tokens": len(ids), "bytes": n_bytes}


def painted(tokens: list[bytes]) -> str:
    """Tokens side by side: in colours where the terminal has some, else between bars."""
    words = [spelled(token) for token in tokens]
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return "|".join(words)
    parts = []
    for i, word in enumerate(words):
        parts.append(f"\x1b[30;{COLOURS[i % len(COLOURS)]}m{word}\x1b[0m")
    return "".join(parts)


def spelled(token: bytes) -> str:
    """A token as one can read it: control characters and parts of letters as their bytes."""
    try:
        text = token.decode()
    except UnicodeDecodeError:
        return "".join(f"<{byte:02X}>" for byte in token)
    plain = text.replace("\n", "⏎").replace("\t", "⇥")
    return "".join(c if c.isprintable() else f"<{ord(c):02X}>" for c in plain)
