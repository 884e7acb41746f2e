"""Tokenizers against tiktoken, tokenizers, rustbpe and regex: splitting, learning, encoding.

    python benchmarks/tokenizers.py --threads 1 --rounds 5 --json tokenizers.json

Texts come with the package, about a megabyte of English and half of one of Turkish. Ids and merges
are compared before anything is timed. Every encoding starts with nothing remembered.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # also runs from a checkout

from harness import Claim, Facts, Section, installed, main

# This file bears the name of one of the packages: from here on its folder is not looked through.
HERE = Path(__file__).resolve().parent
sys.path[:] = [path for path in sys.path if Path(path).resolve() != HERE]

# ruff: noqa: E402
from tokenlab.data import load_text, load_vocabulary
from tokenlab.engine import use_engine
from tokenlab.tokenizers import BPE, splitter
from tokenlab.tokenizers.huggingface import BYTE_OF
from tokenlab.tokenizers.split import PATTERNS

OURS, READABLE = "tokenlab", "tokenlab, readable"
LETTER = {byte: letter for letter, byte in BYTE_OF.items()}
NAMES = {"tiktoken": "tiktoken", "tokenizers": "tokenizers", "rustbpe": "rustbpe", "regex": "regex"}


def sections(options: argparse.Namespace) -> Iterator[Section | Facts]:
    peers = installed(NAMES)
    size = 200_000 if options.quick else 2_000_000
    for name in ("shakespeare", "turkish"):
        text = load_text(name)[:size]
        for section in (splitting, learning, encoding):
            title = f"{section.__name__}, {name}, {len(text):,} characters"
            if options.only in title:
                yield section(title, text, peers)
    runs = "=" * (100_000 if options.quick else 1_000_000)
    if options.only in "encoding, one run":
        yield encoding(f"encoding, one run, {len(runs):,} characters", runs, peers)


def engine(name: str, work: Callable[[], Any]) -> Callable[[], Any]:
    """The same work by one engine."""

    def run() -> Any:
        with use_engine(name):
            return work()

    return run


def splitting(title: str, text: str, peers: dict[str, Any]) -> Section:
    ours = splitter("gpt2")
    methods = {OURS: lambda: ours(text)}
    claims = []
    if "regex" in peers:
        theirs = peers["regex"].compile(PATTERNS["gpt2"])
        assert ours(text) == theirs.findall(text)
        methods["regex"] = lambda: theirs.findall(text)
        claims = [Claim(OURS, "regex", 1 / 0.55)]
    return Section(title, methods, "regex", claims)


def learning(title: str, text: str, peers: dict[str, Any], size: int = 8192) -> Section:
    learn = lambda: BPE.train(text, size)  # noqa: E731
    methods = {OURS: engine("numba", learn), READABLE: engine("numpy", learn)}
    assert (methods[OURS]().merges == methods[READABLE]().merges).all()
    claims = []
    if "tokenizers" in peers:
        methods["tokenizers"] = lambda: trained(peers["tokenizers"], text, size)
        claims.append(Claim(OURS, "tokenizers", 1 / 0.35))
    if "rustbpe" in peers:
        methods["rustbpe"] = lambda: (
            peers["rustbpe"].Tokenizer().train_from_iterator([text], size, pattern=PATTERNS["gpt2"])
        )
        claims.append(Claim(OURS, "rustbpe", 1 / 1.2))
    return Section(title, methods, "tokenizers", claims)


def trained(package: Any, text: str, size: int) -> Any:
    """A tokenizer of the package `tokenizers`, learned with the same rules."""
    made = package.Tokenizer(package.models.BPE())
    made.pre_tokenizer = package.pre_tokenizers.ByteLevel(add_prefix_space=False)
    letters = package.pre_tokenizers.ByteLevel.alphabet()
    trainer = package.trainers.BpeTrainer(
        vocab_size=size, initial_alphabet=letters, show_progress=False
    )
    made.train_from_iterator([text], trainer)
    return made


def encoding(title: str, text: str, peers: dict[str, Any]) -> Section:
    gpt2 = load_vocabulary("gpt2")

    def fresh() -> Any:
        gpt2._known.clear()
        return gpt2.encode(text)

    methods = {OURS: engine("numba", fresh), READABLE: engine("numpy", fresh)}
    names = set(gpt2.special.values())
    ranks = {token: i for i, token in enumerate(gpt2.tokens) if i not in names}
    claims = []
    if "tiktoken" in peers:
        theirs = peers["tiktoken"].Encoding(
            "ours", pat_str=PATTERNS["gpt2"], mergeable_ranks=ranks, special_tokens={}
        )
        assert fresh().tolist() == theirs.encode_ordinary(text)
        methods["tiktoken"] = lambda: theirs.encode_ordinary(text)
        claims.append(Claim(OURS, "tiktoken", 1 / 1.1))
    if "tokenizers" in peers:
        words = ["".join(LETTER[byte] for byte in token) for token in gpt2.tokens[:-1]]
        model = {"type": "BPE", "vocab": {word: i for i, word in enumerate(words)}}
        model["merges"] = [(words[a], words[b]) for a, b in gpt2.merges.tolist()]
        level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
        config = {"version": "1.0", "model": model, "pre_tokenizer": level}
        other = peers["tokenizers"].Tokenizer.from_str(json.dumps(config))
        methods["tokenizers"] = lambda: other.encode(text).ids
        claims.append(Claim(OURS, "tokenizers", 1 / 0.35))
    return Section(title, methods, "tiktoken", claims)


if __name__ == "__main__":
    main(__doc__, sections)
