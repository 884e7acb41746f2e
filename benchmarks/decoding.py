"""Decoding: lazy draws beside a full sort, valid tokens beside re-encoding, counting, decoders.

    python benchmarks/decoding.py --threads 1 --rounds 5 --json decoding.json

Drawing without replacement is compared with Gumbel noise on the whole vocabulary and a sort of it,
which is what the released code of AWRS does. The mask of all valid next tokens by merge trees is
compared with encoding each candidate anew. Decoders write the same greedy letters: forwards beside
seconds, since a forward over many places is not free.
"""

import argparse
import itertools
import sys
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # also runs from a checkout

from harness import Facts, Section, main

from tokenlab.data import load_bpe, load_text
from tokenlab.decoding import valid_next, without_replacement
from tokenlab.decoding.encodings import encoded, joined
from tokenlab.lm import Counted, NGramLM
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
    if options.only in "counting":
        yield counting("counting, order 5", 100_000 if options.quick else 1_000_000)
    if options.only in "decoders":
        yield writing("decoders, 400 letters, six in a row")


def draws(title: str, n: int) -> Section:
    """The first few indices; the distribution is skewed as a model's is."""
    rng = np.random.default_rng(0)
    logs = np.log(rng.permutation(1 / np.arange(1, VOCAB + 1) ** 1.2))

    def lazy() -> list[int]:
        return list(itertools.islice(without_replacement(logs, rng), n))

    def by_sort() -> np.ndarray:
        keys = logs - np.log(-np.log(rng.random(VOCAB)))
        return np.argsort(-keys)[:n]

    return Section(title, {LAZY: lazy, SORTED: by_sort}, baseline=SORTED)


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
