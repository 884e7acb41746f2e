"""Word vectors against gensim, fastText, GloVe's compiled programs, and codes against faiss.

    python benchmarks/embeddings.py --threads 1 --rounds 5 --json embeddings.json

The text comes with the package: plays of Shakespeare and six books of the Bible, words that occur
five times or more. All times are processor time. The programs `glove` and `cooccur` of
stanfordnlp/GloVe are used where they are on the PATH; their time includes reading their files,
gensim's and fastText's the counting of words.
No frequent word is skipped, so that all learn from
equally many pairs.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # also runs from a checkout

import numpy as np
from harness import Claim, Facts, Section, installed, main

from tokenlab.data import load_text
from tokenlab.embeddings import debias, glove, paragraph_codes, skip_gram, subwords, word_vectors
from tokenlab.engine import use_engine

OURS, READABLE, SHARED = "tokenlab", "tokenlab, readable", "tokenlab, shared draws"
D, WINDOW, NEGATIVES, RATE, LEAST = 100, 5, 5, 0.025, 5
BUCKETS = 200_000


class Corpus(NamedTuple):
    """Words by number, the most frequent first, and texts of them."""

    words: list[str]
    ids: Any
    offsets: Any

    def texts(self) -> list[list[str]]:
        """The same as lists of words."""
        ends = zip(self.offsets[:-1], self.offsets[1:], strict=True)
        return [[self.words[i] for i in self.ids[a:b]] for a, b in ends]

    def write(self, folder: Path) -> Path:
        """The same as a file, a text a line."""
        path = folder / "text.txt"
        path.write_text("\n".join(" ".join(text) for text in self.texts()) + "\n")
        return path


@cache
def corpus(characters: int | None = None) -> Corpus:
    """Lines of the bundled English texts."""
    text = (load_text("bible") + "\n" + load_text("shakespeare")).lower()[:characters]
    lines = [re.findall("[a-z]+", line) for line in text.split("\n")]
    counts = Counter(word for line in lines for word in line)
    words = [word for word, n in counts.most_common() if n >= LEAST]
    number = {word: i for i, word in enumerate(words)}
    kept = [[number[word] for word in line if word in number] for line in lines]
    kept = [line for line in kept if len(line) > 1]
    ids = np.array([i for line in kept for i in line])
    return Corpus(words, ids, np.concatenate([[0], np.cumsum([len(line) for line in kept])]))


def sections(options: argparse.Namespace) -> Iterator[Section | Facts]:
    text = corpus(200_000 if options.quick else None)
    peers = installed({"gensim": "gensim", "fasttext": "fasttext-wheel", "faiss": "faiss-cpu"})
    with tempfile.TemporaryDirectory() as folder:
        for make in (by_skip_gram, by_glove, by_subwords, by_counting, by_bits):
            section, facts = make(text, peers, Path(folder))
            if options.only in section.title:
                yield section
                if facts:
                    yield facts()
    if options.only in MEMORY:
        yield by_debiasing(40_000 if options.quick else 400_000)


def fast(work: Callable[[], Any], engine: str = "numba") -> Callable[[], Any]:
    """The same work by one engine."""

    def run() -> Any:
        with use_engine(engine):
            return work()

    return run


def size(text: Corpus) -> str:
    """How much text it is, for a title."""
    return f"{len(text.ids):,} tokens of {len(text.words):,} words"


@cache
def judged(text_size: int) -> tuple[Any, Any]:
    """Pairs and draws, the same for all models, by which they are compared."""
    text = next(t for t in (corpus(), corpus(200_000)) if len(t.ids) == text_size)
    pairs = skip_gram.pairs(text.ids, text.offsets, WINDOW, rng=5)
    rng = np.random.default_rng(5)
    pairs = pairs[rng.permutation(len(pairs))[:100_000]]
    chance = skip_gram.noise(np.bincount(text.ids, minlength=len(text.words)))
    return pairs, rng.choice(len(chance), size=(len(pairs), NEGATIVES), p=chance)


def by_skip_gram(
    text: Corpus, peers: dict[str, Any], folder: Path
) -> tuple[Section, Callable[[], Facts]]:
    kwargs = {"d": D, "window": WINDOW, "negatives": NEGATIVES, "epochs": 2, "rate": RATE}
    ours = {
        name: fast(
            lambda shared=shared: skip_gram.train(
                text.ids,
                text.offsets,
                len(text.words),
                threshold=None,
                shared=shared,
                rng=1,
                **kwargs,
            )
        )
        for name, shared in ((OURS, False), (SHARED, True))
    }
    methods: dict[str, Callable[[], Any]] = dict(ours)
    claims = []
    if "gensim" in peers:
        methods["gensim"] = lambda: of_gensim(text)
        claims = [Claim(OURS, "gensim", 1 / 1.2), Claim(SHARED, "gensim", 1 / 0.45)]

    def facts() -> Facts:
        pairs, draws = judged(len(text.ids))
        rows = {}
        for name, train in methods.items():
            vectors, outputs = train()[:2]
            rows[name] = f"{float(skip_gram.loss(vectors, outputs, pairs, draws)):.4f}"
        return Facts("loss of skip-gram, the same pairs and draws for all", rows)

    return Section(f"skip-gram, {size(text)}", methods, "gensim", claims, clock="cpu"), facts


def of_gensim(text: Corpus) -> tuple[Any, Any]:
    """Words and contexts as gensim learns them, in our order."""
    from gensim.models import Word2Vec

    kwargs = {"vector_size": D, "window": WINDOW, "negative": NEGATIVES, "epochs": 2}
    kwargs |= {"alpha": RATE, "min_alpha": RATE / 1e4, "min_count": 1, "sample": 0}
    model = Word2Vec(text.texts(), sg=1, workers=1, seed=1, **kwargs)
    order = [model.wv.key_to_index[word] for word in text.words]
    return model.wv.vectors[order], model.syn1neg[order]


def by_glove(
    text: Corpus, peers: dict[str, Any], folder: Path
) -> tuple[Section, Callable[[], Facts]]:
    kwargs = {"window": 10, "weighting": "harmonic"}
    counts = word_vectors.cooccurrence(text.ids, text.offsets, len(text.words), **kwargs)
    epochs = 5
    small = counts._replace(values=counts.values.astype(np.float32))
    start = [
        (np.random.default_rng(i).random((len(text.words), *tail)) - 0.5) / D
        for i, tail in enumerate(((D,), (D,), (), ()))
    ]
    halves = [x.astype(np.float32) for x in start]

    def train(counts: Any, start: Any) -> Any:
        kwargs = {"epochs": epochs, "variant": "official", "start": start, "rng": 1}
        return glove.train(counts, D, **kwargs)

    methods: dict[str, Callable[[], Any]] = {
        OURS: fast(lambda: train(counts, start)),
        "tokenlab, float32": fast(lambda: train(small, halves)),
    }
    claims = []
    program = shutil.which("glove")
    if program:
        record = np.zeros(len(counts.values), dtype=[("row", "i4"), ("column", "i4"), ("x", "f8")])
        record["row"], record["column"], record["x"] = (
            counts.rows + 1,
            counts.columns + 1,
            counts.values,
        )
        record[np.random.default_rng(0).permutation(len(record))].tofile(folder / "counts.bin")
        times = np.bincount(text.ids, minlength=len(text.words))
        lines = [f"{word} {n}\n" for word, n in zip(text.words, times, strict=True)]
        (folder / "vocab.txt").write_text("".join(lines))
        np.hstack([np.vstack(start[:2]), np.concatenate(start[2:])[:, None]]).tofile(
            folder / "start.bin"
        )
        command = [
            program,
            "-input-file",
            "counts.bin",
            "-vocab-file",
            "vocab.txt",
            "-threads",
            "1",
        ]
        command += [
            "-save-file",
            "glove",
            "-vector-size",
            str(D),
            "-iter",
            str(epochs),
            "-binary",
            "1",
        ]
        command += ["-load-init-param", "1", "-init-param-file", "start.bin", "-verbose", "0"]
        methods["glove.c"] = lambda: subprocess.run(
            command, cwd=folder, check=True, capture_output=True
        )
        claims = [Claim(OURS, "glove.c", 1 / 0.7)]

    def facts() -> Facts:
        n = len(counts.values)
        rows = {
            name: f"{glove.loss(methods[name](), counts) / n:.5f}" for name in list(methods)[:2]
        }
        if program:
            methods["glove.c"]()
            table = np.fromfile(folder / "glove.bin").reshape(-1, D + 1)
            words, contexts = np.split(table, 2)
            theirs = (words[:, :D], contexts[:, :D], words[:, D], contexts[:, D], None)
            rows["glove.c"] = f"{glove.loss(glove.GloVe(*theirs), counts) / n:.5f}"
        return Facts("J of GloVe a cell that is not 0", rows)

    title = f"GloVe, {len(counts.values):,} cells, {epochs} epochs"
    return Section(title, methods, "glove.c", claims, clock="cpu"), facts


def by_subwords(
    text: Corpus, peers: dict[str, Any], folder: Path
) -> tuple[Section, Callable[[], Facts]]:
    kwargs = {"d": D, "window": WINDOW, "negatives": NEGATIVES, "epochs": 1, "rate": 0.05}
    kwargs |= {"n_buckets": BUCKETS, "variant": "official", "threshold": None}
    train = lambda: subwords.train(text.ids, text.offsets, text.words, rng=1, **kwargs)  # noqa: E731
    methods: dict[str, Callable[[], Any]] = {OURS: fast(train)}
    claims = []
    if "fasttext" in peers:
        path = text.write(folder)
        options = {"model": "skipgram", "dim": D, "ws": WINDOW, "neg": NEGATIVES, "epoch": 1}
        options |= {
            "lr": 0.05,
            "bucket": BUCKETS,
            "minCount": 1,
            "t": 1.0,
            "thread": 1,
            "verbose": 0,
        }
        methods["fastText"] = lambda: peers["fasttext"].train_unsupervised(str(path), **options)
        claims = [Claim(OURS, "fastText", 1 / 0.6)]

    def facts() -> Facts:
        pairs, draws = judged(len(text.ids))
        model = methods[OURS]()
        losses = {OURS: skip_gram.loss(model.vectors(), model.outputs, pairs, draws)}
        if "fasttext" in peers:
            theirs = methods["fastText"]()
            rows = [theirs.get_word_id(word) for word in text.words]
            vectors = np.array([theirs.get_word_vector(word) for word in text.words])
            losses["fastText"] = skip_gram.loss(
                vectors, theirs.get_output_matrix()[rows], pairs, draws
            )
        return Facts("loss of subwords", {name: f"{float(x):.4f}" for name, x in losses.items()})

    return Section(f"subwords, {size(text)}", methods, "fastText", claims, clock="cpu"), facts


def by_counting(text: Corpus, peers: dict[str, Any], folder: Path) -> tuple[Section, Any]:
    kwargs = {"window": 10, "weighting": "harmonic"}
    count = lambda: word_vectors.cooccurrence(text.ids, text.offsets, len(text.words), **kwargs)  # noqa: E731
    methods: dict[str, Callable[[], Any]] = {OURS: fast(count), READABLE: fast(count, "numpy")}
    claims = []
    program = shutil.which("cooccur")
    if program:
        path = text.write(folder)
        times = np.bincount(text.ids, minlength=len(text.words))
        lines = [f"{word} {n}\n" for word, n in zip(text.words, times, strict=True)]
        (folder / "vocab.txt").write_text("".join(lines))
        command = [program, "-vocab-file", "vocab.txt", "-window-size", "10", "-verbose", "0"]
        command += ["-memory", "1.0", "-overflow-file", str(folder / "overflow")]

        def theirs() -> Any:
            with open(path, "rb") as file, open(folder / "cells.bin", "wb") as out:
                subprocess.run(command, cwd=folder, stdin=file, stdout=out, check=True, stderr=-3)

        methods["cooccur"] = theirs
        claims = [Claim(OURS, "cooccur", 1 / 0.6)]
    title = f"co-occurrence, {size(text)}, window 10"
    return Section(title, methods, "cooccur", claims, clock="cpu"), None


def by_bits(text: Corpus, peers: dict[str, Any], folder: Path) -> tuple[Section, Any]:
    rng = np.random.default_rng(0)
    query, stored = (rng.integers(256, size=(n, 16), dtype=np.uint8) for n in (50, 200_000))
    search = lambda: paragraph_codes.hamming_topk(query, stored, 10)  # noqa: E731
    methods: dict[str, Callable[[], Any]] = {OURS: fast(search), READABLE: fast(search, "numpy")}
    claims = []
    if "faiss" in peers:
        faiss = peers["faiss"]
        faiss.omp_set_num_threads(1)
        index = faiss.IndexBinaryFlat(128)
        index.add(stored)
        assert (index.search(query, 10)[0] == search().distances).all()
        methods["faiss"] = lambda: index.search(query, 10)
        claims = [Claim(OURS, "faiss", 0.5)]
    title = "Hamming top 10, 50 codes of 128 bits among 200,000"
    return Section(title, methods, "faiss", claims, clock="cpu"), None


MEMORY = "memory of hard debiasing, the result among it; at most two copies"


def by_debiasing(n: int) -> Facts:
    """The highest memory while debiasing, above what was there before."""
    rows = {}
    for d in (50, 300):
        x = np.random.default_rng(0).standard_normal((n, d), dtype=np.float32)
        sets = [[2 * i, 2 * i + 1] for i in range(20)]
        basis = debias.bias_subspace(x, sets).basis
        tracemalloc.start()
        debias.hard_debias(x, basis, specific=range(40, 240), sets=sets)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        rows[f"{n:,} rows of {d} float32"] = f"{most / x.nbytes:.2f} copies"
    return Facts(MEMORY, rows)


if __name__ == "__main__":
    main(__doc__, sections)
