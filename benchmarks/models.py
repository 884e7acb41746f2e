"""Forward passes of the real models: tokenlab, torch, onnxruntime, and what memory allows.

    python benchmarks/models.py --threads 1 2 --rounds 7 --json models.json

Needs the packages with the weights (`tokenlab models`); peers are taken where they are installed.
Results are compared before anything is timed. Times are those of the processor, of all threads.
"""

import argparse
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # also runs from a checkout

from harness import Claim, Facts, Section, installed, main
from model_peers import (
    bert_of_ort,
    bert_of_torch,
    llama_of_torch,
    vit_of_ort,
    vit_of_torch,
)

# A neighbour bears the name of the package tokenizers: from here on this folder is not looked through.
HERE = Path(__file__).resolve().parent
sys.path[:] = [path for path in sys.path if Path(path).resolve() != HERE]

# ruff: noqa: E402
from tokenlab import models, use_engine
from tokenlab.data import load_text, load_vit_photos
from tokenlab.models.wordpiece import WordPiece
from tokenlab.pruning import Schedule

OURS, PLAIN, TORCH, ORT = "tokenlab", "tokenlab, NumPy alone", "torch", "onnxruntime"
PRUNED, READING = "tokenlab, 64 patches after layer 4", "limit: all weights read once (sum)"
PADDED = "torch, padded"
PIECES, RUST = "WordPiece, 100,000 characters, no word seen before", "tokenizers"
ONE_ROW = "NumPy, one row through BLAS"
PEERS = {name: name for name in ("torch", "transformers", "onnxruntime", "onnx", "tokenizers")}
# Texts, tokens of each, and how much of the better peer's time is wanted at most.
MINILM = ((1, 24, 1.55), (1, 128, 1.35), (1, 512, 1.45), (8, 128, 1.2))


def sections(options: argparse.Namespace) -> Iterator[Section | Facts]:
    peers = installed(PEERS)
    if models.find("minilm"):
        yield from minilm_sections(peers, options)
        if "tokenizers" in peers and options.only in PIECES:
            yield pieces(peers["tokenizers"])
    if models.find("dinov2-small") and options.only in "ViT, one photo":
        yield vit_section(peers)
    if models.find("smollm2"):
        yield from smollm2_sections(peers, options)
    if options.only in "loading":
        yield loading()
    if options.only in "commands":
        yield commands()


def section(title: str, methods: dict[str, Any], baseline: str, claims: Any) -> Section:
    """Measured by processor time, with the claims whose methods are there."""
    return Section(title, methods, baseline, claims, clock="cpu")


def at_most(ratio: float, of: str, method: str = OURS) -> Claim:
    """`method` takes at most `ratio` times as long as `of`."""
    return Claim(method, of, at_least=round(1 / ratio, 3))


def with_engine(engine: str, call: Callable[[], Any]) -> Callable[[], Any]:
    """A call whose twins run, or not."""

    def run() -> Any:
        with use_engine(engine):
            return call()

    return run


def both(call: Callable[[], Any]) -> dict[str, Any]:
    """A call with twins, and without."""
    return {OURS: with_engine("numba", call), PLAIN: with_engine("numpy", call)}


def minilm_sections(peers: Any, options: Any) -> Iterator[Section]:
    model = models.load("minilm")
    whole = model.tokenizer.encode(load_text("shakespeare")[:40_000]).ids
    others = {}
    if {"torch", "transformers"} <= set(peers):
        others[TORCH] = bert_of_torch(peers["torch"], peers["transformers"])
    if {"onnx", "onnxruntime"} <= set(peers):
        others[ORT] = bert_of_ort(peers["onnxruntime"], peers["onnx"], model.params)
    for texts, n, ratio in MINILM:
        title = f"MiniLM, {texts} x {n} tokens"
        if options.only not in title or (options.quick and n > 128):
            continue
        ids, ends = whole[: n * texts], np.arange(texts + 1) * n
        methods = both(lambda ids=ids, ends=ends: model.forward(ids, ends))
        found = methods[OURS]().reshape(texts, n, -1)
        for name, other in others.items():
            methods[name] = lambda other=other, ids=ids, texts=texts: other(ids.reshape(texts, -1))
            gap = np.abs(methods[name]() - found).max()
            assert gap < 1e-4, (name, gap)
        yield section(title, methods, TORCH, [at_most(ratio, TORCH), at_most(ratio, ORT)])
    title = "MiniLM, 32 texts of 8 to 255 tokens"
    if options.only in title and not options.quick:
        yield ragged(title, model, whole, others.get(TORCH))


def ragged(title: str, model: Any, whole: Any, other: Any) -> Section:
    """No padding beside padding with a mask."""
    lengths = np.linspace(8, 255, 32).astype(int)
    ends = np.cumsum([0, *lengths])
    ids = np.resize(whole, ends[-1])
    methods = both(lambda: model.forward(ids, ends))
    if other is not None:
        mask = np.arange(lengths.max()) < lengths[:, None]  # (32, 255)
        padded = np.zeros(mask.shape, np.int64)
        padded[mask] = ids
        methods[PADDED] = lambda: other(padded, mask.astype(np.int64))
        assert np.abs(methods[PADDED]()[mask] - methods[OURS]()).max() < 1e-4
    return section(title, methods, PADDED, [at_most(0.7, PADDED)])


def pieces(tokenizers: Any) -> Section:
    """Words into pieces; the vocabulary is read anew, so that nothing is remembered."""
    path = models.find("minilm").paths["vocab.txt"]
    other = tokenizers.Tokenizer.from_file(str(path.with_name("tokenizer.json")))
    other.no_truncation()
    other.no_padding()
    text = load_text("shakespeare")[:100_000]
    vocabulary = WordPiece.load(path).tokens
    methods = {
        OURS: lambda: WordPiece(vocabulary).encode(text).ids,
        RUST: lambda: other.encode(text).ids,
    }
    assert methods[OURS]().tolist() == methods[RUST]()
    return section(PIECES, methods, RUST, [at_most(4, RUST)])


def vit_section(peers: Any) -> Section:
    model, photo = models.load("dinov2-small"), load_vit_photos().images[1]
    fewer = Schedule({5: 64}).prune(lambda block, k: np.arange(k))
    methods = both(lambda: model.forward(photo).states)
    methods[PRUNED] = with_engine("numba", lambda: model.forward(photo, prune=fewer).states)
    if {"onnx", "onnxruntime"} <= set(peers):
        methods[ORT] = vit_of_ort(peers["onnxruntime"], peers["onnx"], photo)
    if {"torch", "transformers"} <= set(peers):
        methods[TORCH] = vit_of_torch(peers["torch"], peers["transformers"], model.params, photo)
    for name in {ORT, TORCH} & set(methods):
        gap = np.abs(methods[name]() - methods[OURS]()).max()
        assert gap < 2e-4, (name, gap)
    claims = [at_most(1.2, TORCH), at_most(1.2, ORT), Claim(PRUNED, OURS, at_least=1.8)]
    return section("ViT, one photo", methods, ORT, claims)


def leaves(params: Any) -> list[Any]:
    """All arrays of nested parameters."""
    if isinstance(params, dict | list):
        values = params.values() if isinstance(params, dict) else params
        return [x for value in values for x in leaves(value)]
    return [params]


def smollm2_sections(peers: Any, options: Any) -> Iterator[Section]:
    model = models.load("smollm2")
    ids = model.encode(load_text("shakespeare")[:8000])
    titles = ("SmolLM2, one token behind 128", "SmolLM2, trees behind 128", "SmolLM2, {} at once")
    other = None
    if {"torch", "transformers"} <= set(peers) and any(options.only in t for t in titles[::2]):
        other = llama_of_torch(peers["torch"], peers["transformers"])
    if options.only in titles[0]:
        yield one_token(titles[0], model, ids, peers, other)
    if options.only in titles[1]:
        yield trees(titles[1], model, ids)
    for n in (32, 128) if options.quick else (32, 128, 512):
        title = titles[2].format(n)
        if options.only in title:
            yield prefill(title, model, ids[:n], peers, other)
    if options.only in "rows of the output matrix":
        yield products("rows of the output matrix", model.params["embed"])


def behind(model: Any, ids: Any, n: int) -> Callable[[], Any]:
    """A forward of `n` tokens behind 128, which leaves the cache as it was."""
    cache = model.new_cache()
    model.forward(ids[:128], cache)

    def run() -> Any:
        y = model.forward(ids[128 : 128 + n], cache)
        cache.cut(128)
        return y

    return run


def one_token(title: str, model: Any, ids: Any, peers: Any, other: Any) -> Section:
    methods = both(behind(model, ids, 1))
    if other is not None:
        torch, past = peers["torch"], peers["transformers"].DynamicCache()
        tokens = torch.tensor(ids[None].astype(np.int64))

        def run() -> Any:
            with torch.no_grad():
                y = other(tokens[:, 128:129], past_key_values=past).logits[0].numpy()
            past.crop(-1)
            return y

        with torch.no_grad():
            other(tokens[:, :128], past_key_values=past)
        methods[TORCH] = run
        assert np.abs(run() - methods[OURS]()).max() < 5e-2
    arrays = leaves(model.params)
    methods[READING] = lambda: [x.sum() for x in arrays]
    return section(title, methods, READING, [at_most(1.2, READING)])


def trees(title: str, model: Any, ids: Any) -> Section:
    """What a draft costs: forwards of several rows beside one row through BLAS."""
    methods = {ONE_ROW: with_engine("numpy", behind(model, ids, 1))}
    for n in (4, 8, 16):
        methods |= {f"{n} rows": with_engine("numba", behind(model, ids, n))}
    methods["NumPy, 8 rows through BLAS"] = with_engine("numpy", behind(model, ids, 8))
    wanted = {4: 1.3, 8: 1.7, 16: 2.0}
    claims = [at_most(ratio, ONE_ROW, f"{n} rows") for n, ratio in wanted.items()]
    return section(title, methods, ONE_ROW, claims)


def prefill(title: str, model: Any, ids: Any, peers: Any, other: Any) -> Section:
    methods = both(lambda: model.forward(ids))
    if other is not None:
        torch = peers["torch"]
        tokens = torch.tensor(ids[None].astype(np.int64))

        def run() -> Any:
            with torch.no_grad():
                return other(tokens).logits[0].numpy()

        methods[TORCH] = run
    return section(title, methods, TORCH, [at_most(1.15, TORCH)])


def products(title: str, embed: Any) -> Section:
    """(n, 576) times (576, 49152) by the register tile, and one row by BLAS."""
    from tokenlab.models.parts import times

    rows = np.random.default_rng(0).standard_normal((32, embed.shape[1])).astype(np.float32)
    methods = {ONE_ROW: lambda: rows[:1] @ embed.T}
    for n in (1, 4, 8, 16, 32):
        methods[f"{n} rows"] = with_engine("numba", lambda n=n: times(rows[:n], embed.T))
    methods["NumPy, 8 rows through BLAS"] = lambda: rows[:8] @ embed.T
    return section(title, methods, ONE_ROW, [])


LOAD = """
import time
from tokenlab import models
begun = time.process_time()
models.load({!r})
seconds = time.process_time() - begun
(line,) = [x for x in open("/proc/self/status") if x.startswith("VmHWM")]
print(seconds, int(line.split()[1]) / 1024)
"""


def loading() -> Facts:
    """Each model in a process of its own, its digest included."""
    rows = {}
    for name in models.SOURCES:
        if models.find(name):
            seconds, peak = map(float, output(["-c", LOAD.format(name)])[0].split())
            rows[name] = f"{seconds:.2f} s of a processor, {peak:.0f} MB at most"
    return Facts("loading", rows)


def commands() -> Facts:
    """Whole processes, as a person starts them, after the first time."""
    asked = {
        "models": ["models"],
        "search": ["search", "how do I copy an object?"],
        "generate, 4 tokens": ["generate", "The capital of France is", "--n", "4"],
    }
    rows = {}
    for name, arguments in asked.items():
        output(["-m", "tokenlab", *arguments])
        rows[f"tokenlab {name}"] = f"{output(['-m', 'tokenlab', *arguments])[1]:.2f} s"
    return Facts("commands", rows)


def output(arguments: list[str]) -> tuple[str, float]:
    """What a Python process prints, and its processor seconds."""
    before = os.times()
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True)
    after = os.times()
    seconds = after.children_user + after.children_system
    return done.stdout, seconds - before.children_user - before.children_system


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(__doc__, sections)
