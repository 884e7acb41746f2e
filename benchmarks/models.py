"""Forward passes of the real models: tokenlab, torch, onnxruntime, and what memory allows.

    python benchmarks/models.py --threads 1 2 --json models.json

Needs the packages with the weights (`tokenlab models`); peers are taken where they are installed.
Before anything is timed, results are compared.
"""

import argparse
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # also runs from a checkout

from harness import Claim, Section, installed, main

from tokenlab import models, use_engine
from tokenlab.data import load_text, load_vit_photos
from tokenlab.pruning import Schedule

OURS, PLAIN, TORCH, ORT = "tokenlab", "tokenlab, NumPy alone", "torch", "onnxruntime"
PRUNED, READING = "tokenlab, 64 patches after layer 4", "reading all weights once (sum)"


def sections(options: argparse.Namespace) -> Iterator[Section]:
    peers = installed(
        {"torch": "torch", "transformers": "transformers", "onnxruntime": "onnxruntime"}
    )
    if models.find("minilm"):
        yield from minilm_sections(peers, (24, 128) if options.quick else (24, 128, 512))
    if models.find("dinov2-small"):
        yield vit_section(peers)
    if models.find("smollm2"):
        yield from smollm2_sections()


def both(call: Any) -> dict[str, Any]:
    """A call with twins, and without."""

    def plain() -> Any:
        with use_engine("numpy"):
            return call()

    def fast() -> Any:
        with use_engine("numba"):
            return call()

    return {OURS: fast, PLAIN: plain}


def minilm_sections(peers: Any, lengths: Any) -> Iterator[Section]:
    model = models.load("minilm")
    whole = model.tokenizer.encode(load_text("shakespeare")[:20_000]).ids
    reference = bert_of_torch(peers, model) if {"torch", "transformers"} <= set(peers) else None
    for n, texts in [(n, 1) for n in lengths] + [(128, 8)]:
        ids = whole[: n * texts]
        ends = np.arange(texts + 1) * n
        methods = both(lambda ids=ids, ends=ends: model.forward(ids, ends))
        if reference is not None:
            methods[TORCH] = lambda ids=ids, texts=texts: reference(ids.reshape(texts, -1))
            gap = np.abs(methods[TORCH]().reshape(-1, 384) - methods[OURS]()).max()
            assert gap < 1e-4, gap
        yield Section(f"MiniLM, {texts} x {n} tokens", methods, baseline=TORCH)


def bert_of_torch(peers: Any, model: Any) -> Any:
    """The same weights in transformers."""
    torch, transformers = peers["torch"], peers["transformers"]
    from tokenlab.models.safetensors_file import read_safetensors

    config = transformers.BertConfig(
        hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536,
        vocab_size=30522,
    )  # fmt: skip
    net = transformers.BertModel(config, add_pooling_layer=False).eval()
    tensors = read_safetensors(models.find("minilm").paths["model.safetensors"])
    state = {name: torch.tensor(np.array(x)) for name, x in tensors.items()}
    net.load_state_dict(state, strict=False)

    def run(ids: Any) -> Any:
        with torch.no_grad():
            return net(torch.tensor(ids)).last_hidden_state.numpy()

    return run


def vit_section(peers: Any) -> Section:
    model, photo = models.load("dinov2-small"), load_vit_photos().images[1]
    fewer = Schedule({5: 64}).prune(lambda block, k: np.arange(k))
    methods = both(lambda: model.forward(photo).states)
    methods[PRUNED] = both(lambda: model.forward(photo, prune=fewer).states)[OURS]
    if "onnxruntime" in peers and "onnx" in installed({"onnx": "onnx"}):
        methods[ORT] = graph_of_ort(peers["onnxruntime"], photo)
        assert np.abs(methods[ORT]() - methods[OURS]()).max() < 2e-4
    return Section(
        "ViT, one photo", methods, baseline=ORT, claims=[Claim(PRUNED, OURS, at_least=1.5)]
    )


def graph_of_ort(ort: Any, photo: Any) -> Any:
    """The package's own graph, cut behind the backbone."""
    import onnx

    graph = onnx.load(str(models.find("dinov2-small").paths["vit_s_focus.onnx"]))
    del graph.graph.output[:]
    last = "/backbone/layernorm/Add_1_output_0"
    graph.graph.output.append(onnx.helper.make_tensor_value_info(last, 1, None))
    session = ort.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    from tokenlab.models.vit import DEVIATION, MEAN

    x = (photo.astype(np.float32) / 255 - np.float32(MEAN)) / np.float32(DEVIATION)
    feed = {session.get_inputs()[0].name: x.transpose(2, 0, 1)[None].astype(np.float32)}
    return lambda: session.run([last], feed)[0][0]


def leaves(params: Any) -> list[Any]:
    """All arrays of nested parameters."""
    if isinstance(params, dict | list):
        values = params.values() if isinstance(params, dict) else params
        return [x for value in values for x in leaves(value)]
    return [params]


def smollm2_sections() -> Iterator[Section]:
    model = models.load("smollm2")
    ids, cache = model.encode(load_text("shakespeare")[:4000])[:128], model.new_cache()
    model.forward(ids, cache)

    def token() -> Any:
        y = model.forward(ids[:1], cache)
        cache.cut(len(ids))
        return y

    arrays = leaves(model.params)
    methods = both(token) | {READING: lambda: [x.sum() for x in arrays]}
    yield Section("SmolLM2, one token behind 128", methods, baseline=READING)
    yield Section("SmolLM2, 128 tokens at once", both(lambda: model.forward(ids)), baseline=PLAIN)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(__doc__, sections)
