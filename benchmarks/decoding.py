"""Decoding: lazy draws beside a full sort, valid tokens beside re-encoding, counting, decoders.

    python benchmarks/decoding.py --threads 1 --rounds 5 --json benchmarks/results/decoding.json

Drawing without replacement is compared with Gumbel noise on the whole vocabulary and a sort of it,
which is what the released code of AWRS does. The mask of all valid next tokens by merge trees is
compared with encoding each candidate anew, by `tokenizers` where it is installed. Decoders write the
same greedy text, letters and tokens of SmolLM2: forwards beside seconds of a processor, since a
forward over many places is not free. Greedy decoding of SmolLM2 goes through BLAS and, once more,
through the tile of registers that multiplies a few rows.
"""

import argparse
import functools
import itertools
import sys
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # also runs from a checkout

from harness import Claim, Facts, Section, installed, main

from tokenlab import models, use_engine
from tokenlab.data import load_bpe, load_text, load_vocabulary
from tokenlab.decoding import (
    sampling,
    speculative,
    token_recycling,
    valid_next,
    without_replacement,
)
from tokenlab.decoding.encodings import encoded, joined
from tokenlab.decoding.token_recycling import TREE_222, Recycler, grow_tree
from tokenlab.errors import TokenlabError
from tokenlab.lm import Counted, NGramLM
from tokenlab.tokenizers import BPE
from tokenlab.tokenizers.text import byte_order
from tokenlab.tour.decoding import decoders
from tokenlab.tour.decoding_models import ids, letters, shown

VOCAB = 49_152
LAZY, SORTED = "lazy draws", "Gumbel noise and a full sort"
TREES, ANEW = "merge trees, all at once", "each candidate encoded anew"


def sections(options: argparse.Namespace) -> Iterator[Section | Facts]:
    for n in (1, 10, 50) if not options.quick else (10,):
        title = f"the first {n} of {VOCAB:,} tokens without replacement"
        if options.only in title:
            yield draws(title, n)
    if options.only in "valid next tokens":
        yield valid("valid next tokens of 840, after one token")
    if options.only in "valid next tokens of 49,152":
        yield from valid_of_a_model()
    if options.only in "counting":
        yield counting("counting, order 5", 100_000 if options.quick else 1_000_000)
    if options.only in "decoders":
        yield writing("decoders, 400 letters, six in a row")
    if options.only in "SmolLM2, drafts":
        yield from drafting(24 if options.quick else 48)
    if options.only in "SmolLM2, trees":
        yield from trees(24 if options.quick else 60)


def draws(title: str, n: int) -> Section:
    """The first few indices; the distribution is skewed as a model's is."""
    rng = np.random.default_rng(0)
    logs = np.log(rng.permutation(1 / np.arange(1, VOCAB + 1) ** 1.2))

    def lazy() -> list[int]:
        return list(itertools.islice(without_replacement(logs, rng), n))

    def by_sort() -> np.ndarray:
        keys = logs - np.log(-np.log(rng.random(VOCAB)))
        return np.argsort(-keys)[:n]

    claims = [Claim(LAZY, SORTED, 1 / 0.15)]
    return Section(title, {LAZY: lazy, SORTED: by_sort}, SORTED, claims)


def valid(title: str) -> Section:
    """Which tokens may follow: equal answers first, then the time."""
    tokenizer = load_bpe("bpe640")
    after = [int(token) for token in tokenizer.encode("my lord")][-1:]

    def anew() -> np.ndarray:
        before = joined(tokenizer, after)
        return np.array(
            [encoded(tokenizer, before + t) == (*after, i) for i, t in enumerate(tokenizer.tokens)]
        )

    def trees() -> np.ndarray:
        return valid_next(tokenizer, after, window=1)

    np.testing.assert_array_equal(trees(), anew())
    return Section(title, {TREES: trees, ANEW: anew}, baseline=ANEW)


def valid_of_a_model() -> Iterator[Section]:
    """The same for SmolLM2's merges without a splitter, beside `tokenizers`."""
    here = str(Path(__file__).resolve().parent)
    sys.path[:] = [place for place in sys.path if place != here]  # a tokenizers.py stands there
    peers = installed({"tokenizers": "tokenizers"})
    if not peers:
        return
    known, order = load_vocabulary("smollm2"), byte_order("gpt2")
    letter = {byte: chr(byte if i < 188 else 256 + i - 188) for i, byte in enumerate(order)}
    names = ["".join(letter[byte] for byte in token) for token in known.tokens]
    pairs = [(names[a], names[b]) for a, b in np.asarray(known.merges).tolist()]
    ids = {name: i for i, name in enumerate(names)}
    rust = peers["tokenizers"].Tokenizer(peers["tokenizers"].models.BPE(ids, pairs))
    plain = BPE(known.tokens, known.merges, split="none")
    after = [ids["\u0120framing"]]

    def anew() -> np.ndarray:
        found = rust.encode_batch([names[after[0]] + name for name in names])
        return np.array([x.ids == [*after, i] for i, x in enumerate(found)])

    def at_once() -> np.ndarray:
        return valid_next(plain, after, window=1)

    np.testing.assert_array_equal(at_once(), anew())
    name = "each candidate by tokenizers"
    claims = [Claim(TREES, name, 1 / 0.15)]
    yield Section("valid next tokens of 49,152", {TREES: at_once, name: anew}, name, claims)


PROMPTS = {
    "story": "Once upon a time there was a little robot who",
    "explanation": "The sky is blue because",
    "copying": "The quick brown fox jumps over the lazy dog.\nThe quick brown fox jumps over the lazy "
    "dog.\nThe quick brown",
    "code": "def fibonacci(n):\n    if n <= 1:\n        return n\n    return",
    "list": "Countries and capitals:\nFrance: Paris\nSpain: Madrid\nItaly:",
}
ACCEPTANCE = [[0.6, 0.2, 0.1]] * 4  # of candidates, as SmolLM2 takes them


def seconds_of(write: Any) -> tuple[float, Any]:
    """Of a processor, and what was written."""
    begun = time.process_time()
    tokens = write()
    return time.process_time() - begun, tokens


def smollm2() -> Any:
    """The model, whose kernels are compiled; None where the weights are not installed."""
    try:
        model = models.load("smollm2")
    except TokenlabError as error:
        print(f"skipped: {error}")
        return None
    ids = model.encode("Once upon a time")
    for _ in range(2):
        recycler = Recycler(model.vocab, 8, grow_tree(ACCEPTANCE, 7))
        token_recycling.generate(model, ids, 8, recycler)
        with use_engine("numpy"):
            sampling.generate(model, ids, 4, temperature=0)
    return model


def drafting(n: int) -> Iterator[Facts]:
    """Lookup and recycling against greedy decoding, a prompt a row."""
    model = smollm2()
    if model is None:
        return
    rows, recycler = {}, Recycler(model.vocab, 8, grow_tree(ACCEPTANCE, 3))
    for name, prompt in PROMPTS.items():
        ids = model.encode(prompt)
        counted = Counted(model)
        lookup = speculative.prompt_lookup(model.vocab, min_ngram=2)
        greedy = functools.partial(sampling.generate, model, ids, n, temperature=0)
        ways = {
            "tile": lambda greedy=greedy: greedy().tokens,
            "lookup": lambda ids=ids, lm=counted, lookup=lookup: (
                speculative.generate(lm, lookup, ids, n, 7, 0).tokens
            ),
            "recycling": lambda ids=ids, lm=counted: (
                token_recycling.generate(lm, ids, n, recycler, warm=True).tokens
            ),
        }
        with use_engine("numpy"):
            base, text = seconds_of(lambda greedy=greedy: greedy().tokens)
        cells = [f"greedy by BLAS {base / n:.3f} s a token"]
        for way, write in ways.items():
            counted.reset()
            seconds, tokens = seconds_of(write)
            assert np.array_equal(tokens, text), (name, way)
            each = f", {n / counted.forwards:.2f} tokens a forward" if counted.forwards else ""
            cells.append(f"{way} {seconds / base:.2f}{each}")
        with use_engine("numpy"):  # once more: the machine may be busier now
            again, _ = seconds_of(lambda greedy=greedy: greedy().tokens)
        rows[name] = "; ".join([*cells, f"greedy by BLAS once more {again / base:.2f}"])
        print(name, rows[name], flush=True)
    yield Facts(f"SmolLM2, drafts, {n} tokens: processor seconds against greedy by BLAS", rows)


def trees(n: int) -> Iterator[Facts]:
    """Recycling after 200 tokens: the size of the tree, forwards, seconds."""
    model = smollm2()
    if model is None:
        return
    recycler = Recycler(model.vocab, 8, grow_tree(ACCEPTANCE, 7))
    start = model.encode(PROMPTS["list"])
    text = token_recycling.generate(model, start, 200, recycler, warm=True).tokens
    context = [*start.tolist(), *text.tolist()]
    greedy = functools.partial(sampling.generate, model, context, n, temperature=0)
    with use_engine("numpy"):
        base, right = seconds_of(lambda: greedy().tokens)
    seconds, _ = seconds_of(greedy)
    rows = {"greedy by BLAS": f"{base:.2f} s", "greedy by the tile": f"{seconds / base:.2f}"}
    for size in (3, 7, 15, 31, 80):
        paths = TREE_222 if size == 80 else grow_tree(ACCEPTANCE, size)
        other = Recycler(model.vocab, 8, paths)
        other.matrix_[:] = recycler.matrix_
        counted = Counted(model)
        write = functools.partial(token_recycling.generate, counted, context, n, other)
        seconds, found = seconds_of(write)
        assert np.array_equal(found.tokens, right)
        rows[f"{size} nodes"] = (
            f"{counted.forwards} forwards, {n / counted.forwards:.2f} tokens each, "
            f"{seconds / base:.2f} of greedy by BLAS"
        )
        print(size, rows[f"{size} nodes"], flush=True)
    yield Facts(f"SmolLM2, trees after 200 tokens, {n} more: processor seconds", rows)


def counting(title: str, n: int) -> Facts:
    """Processor seconds and memory of fitting, and the time of one call."""
    text = load_text("shakespeare").encode()[:n]
    begun = time.process_time()
    lm = NGramLM.fit(text, 5, 256)
    seconds = time.process_time() - begun
    calls = 2000
    begun = time.process_time()
    for i in range(calls):
        lm.log_probs(text[i : i + 20])
    each = (time.process_time() - begun) / calls
    tracemalloc.start()
    kept = NGramLM.fit(text, 5, 256)
    size = sum(array.nbytes for level in kept.levels for array in level)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    rows = {
        f"fit on {n:,} bytes": f"{seconds:.1f} s of a processor",
        "what is kept": f"{size / 1e6:.0f} MB",
        "most memory while fitting": f"{peak / 1e6:.0f} MB",
        "one call": f"{1e6 * each:.0f} µs",
    }
    return Facts(title, rows)


def writing(title: str) -> Facts:
    """Forwards, rows and seconds of each decoder."""
    rows = {}
    lm = letters(6)
    for name, write in decoders().items():
        counted = Counted(lm)
        write(counted, ids(shown(3)))  # once for the caches
        counted.reset()
        begun = time.process_time()
        tokens = write(counted, ids(shown(3)))
        seconds = time.process_time() - begun
        rows[name] = (
            f"{len(tokens) / counted.forwards:.2f} letters a forward, {counted.rows:,} rows, "
            f"{seconds:.2f} s"
        )
    return Facts(title, rows)


if __name__ == "__main__":
    main(__doc__, sections)
