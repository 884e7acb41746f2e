"""From the files of the real models to nested dicts of float32 arrays, the form of their `forward`.

A matrix `W` takes `x` to `x @ W`; those of queries, keys and values are `(d, h, d_h)`. Files that
hold matrices as `(d_out, d_in)` are read as they lie and turned by a view, so that each column is
in one piece of memory.
"""

import contextlib
import math
import mmap
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tokenlab.errors import StorageError
from tokenlab.models.gguf_file import Tensor, dequantised, read_gguf
from tokenlab.models.onnx_file import read_onnx
from tokenlab.models.safetensors_file import read_safetensors

__all__: list[str] = []

Params = dict[str, Any]
BERT_HEADS, VIT_HEADS = 12, 6
GRID = 16  # patches of 14 x 14 pixels in a row of 224


def bert_params(tensors: Mapping[str, Any], heads: int = BERT_HEADS) -> Params:
    """A BERT's tensors, by the names of `transformers`."""

    def norm(name: str) -> Params:
        return {"gain": own(tensors[name + ".weight"]), "bias": own(tensors[name + ".bias"])}

    def linear(name: str) -> Params:
        return {"weight": own(tensors[name + ".weight"]).T, "bias": own(tensors[name + ".bias"])}

    def layer(name: str) -> Params:
        found = {
            short: in_heads(linear(f"{name}.attention.self.{long}"), heads)
            for short, long in (("q", "query"), ("k", "key"), ("v", "value"))
        }
        found["out"] = linear(name + ".attention.output.dense")
        found["norm1"] = norm(name + ".attention.output.LayerNorm")
        found["up"], found["down"] = (
            linear(name + ".intermediate.dense"),
            linear(name + ".output.dense"),
        )
        found["norm2"] = norm(name + ".output.LayerNorm")
        return found

    of = "embeddings.{}_embeddings.weight"
    return {
        "embed": {
            "words": own(tensors[of.format("word")]),
            "places": own(tensors[of.format("position")]),
            "kind": own(tensors[of.format("token_type")][0]),  # one kind of text
            "norm": norm("embeddings.LayerNorm"),
        },
        "layers": [layer(f"encoder.layer.{i}") for i in range(count(tensors, "encoder.layer.{}."))],
    }


def count(tensors: Mapping[str, Any], pattern: str) -> int:
    """How many layers there are, by the names of their tensors."""
    n = 0
    while any(name.startswith(pattern.format(n)) for name in tensors):
        n += 1
    return n


def own(x: Any) -> np.ndarray:
    """A float32 array with memory of its own, whatever file it was a view of."""
    return np.array(x, np.float32, order="C")


def in_heads(p: Params, heads: int) -> Params:
    """`(d, h d_h)` as `(d, h, d_h)`, without a copy."""
    d = len(p["weight"])
    return {
        "weight": p["weight"].reshape(d, heads, -1),
        "bias": p["bias"].reshape(heads, -1),
    }  # (d, h, d_h), (h, d_h)


def vit_params(inputs: Mapping[str, list[str]], tensors: Mapping[str, Any]) -> Params:
    """The backbone of the graph: matrices have lost their names, but not the nodes that use them.

    LayerScale, a factor for each channel of what a part adds, is multiplied into the part.
    """

    def named(name: str) -> np.ndarray:
        return own(tensors["backbone." + name])

    def norm(name: str) -> Params:
        return {"gain": named(name + ".weight"), "bias": named(name + ".bias")}

    def linear(name: str, scale: Any = 1) -> Params:
        node = "/backbone/" + name.replace(".", "/").replace("layer/", "layer.") + "/MatMul"
        # By columns, as the other models' matrices lie: a few rows times it are a tenth faster.
        weight = np.array(tensors[inputs[node][1]], np.float32, order="F")  # (d, d_out)
        # (x W + b) · s = x (W s) + b s, channel by channel: one factor less in every forward.
        weight *= scale
        return {"weight": weight, "bias": named(name + ".bias") * scale}

    def layer(name: str) -> Params:
        scale1, scale2 = (named(f"{name}.layer_scale{i}.lambda1") for i in (1, 2))
        found = {
            short: in_heads(linear(f"{name}.attention.attention.{long}"), VIT_HEADS)
            for short, long in (("q", "query"), ("k", "key"), ("v", "value"))
        }
        found["out"] = linear(name + ".attention.output.dense", scale1)
        found["norm1"], found["norm2"] = norm(name + ".norm1"), norm(name + ".norm2")
        found["up"], found["down"] = linear(name + ".mlp.fc1"), linear(name + ".mlp.fc2", scale2)
        return found

    n = count(tensors, "backbone.encoder.layer.{}.")  # 12
    kernel = named("embeddings.patch_embeddings.projection.weight")  # (d, 3, 14, 14)
    return {
        "embed": {
            "patch": kernel.reshape(len(kernel), -1).T,  # (3 * 14 * 14, d)
            "bias": named("embeddings.patch_embeddings.projection.bias"),
            "cls": named("embeddings.cls_token").reshape(1, -1),
            "places": places(inputs, tensors),
        },
        "layers": [layer(f"encoder.layer.{i}") for i in range(n)],
        "norm": norm("layernorm"),
    }


def places(inputs: Mapping[str, list[str]], tensors: Mapping[str, Any]) -> np.ndarray:
    """The table of positions (257, d): learned for larger pictures, resized as the graph does."""
    cls = tensors[inputs["/backbone/embeddings/Concat_6"][0]][0]  # (1, d)
    table = tensors[inputs["/backbone/embeddings/Reshape_1"][0]]
    # Learned for 37 x 37 patches of larger pictures; ours has 16 x 16.
    side = math.isqrt(table.shape[1])  # 37
    resize = cubic_resize(side, GRID)
    table = table.reshape(side, side, -1)
    rows = np.tensordot(resize, table, 1)  # (16, 37, d): first down, then across
    patches = (resize @ rows).reshape(GRID * GRID, -1)
    return np.concatenate([cls, patches]).astype(np.float32)


def cubic_resize(n_in: int, n_out: int, a: float = -0.75) -> np.ndarray:
    """The matrix (n_out, n_in) of ONNX's cubic Resize along one axis, with its defaults.

    A row weighs the four cells around a point; beyond the border the last cell repeats.
    """
    # Keys' cubic: four neighbours, whose weights sum to one.
    matrix = np.zeros((n_out, n_in))
    for i in range(n_out):
        centre = (i + 0.5) * n_in / n_out - 0.5  # pixels are cells; their centres are at one half
        for j in range(math.floor(centre) - 1, math.floor(centre) + 3):
            t = abs(centre - j)
            near, far = (
                ((a + 2) * t - (a + 3)) * t * t + 1,
                ((a * t - 5 * a) * t + 8 * a) * t - 4 * a,
            )
            matrix[i, min(max(j, 0), n_in - 1)] += near if t <= 1 else far
    return matrix


def llama_params(tensor: Callable[[str], np.ndarray], layers: int, heads: int, kv: int) -> Params:
    """A Llama's tensors, by the names of GGUF; `tensor` reads one of them."""

    def split(name: str, heads: int) -> np.ndarray:
        # GGUF keeps (out, in); a view turned around lies by its columns, as few-row products want.
        weight = tensor(name).T  # (d, h d_h)
        return weight.reshape(len(weight), heads, -1)

    def layer(name: str) -> Params:
        return {
            "norm1": tensor(name + "attn_norm.weight"),
            "q": split(name + "attn_q.weight", heads),
            "k": split(name + "attn_k.weight", kv),
            "v": split(name + "attn_v.weight", kv),
            "out": tensor(name + "attn_output.weight").T,
            "norm2": tensor(name + "ffn_norm.weight"),
            "gate": tensor(name + "ffn_gate.weight").T,
            "up": tensor(name + "ffn_up.weight").T,
            "down": tensor(name + "ffn_down.weight").T,
        }

    return {
        "embed": tensor("token_embd.weight"),  # (vocab, d), and the output matrix
        "norm": tensor("output_norm.weight"),
        "layers": [layer(f"blk.{i}.") for i in range(layers)],
    }


def read_minilm(paths: Mapping[str, Path]) -> Params:
    """MiniLM's parameters."""
    return bert_params(read_safetensors(paths["model.safetensors"]))


def read_dinov2(paths: Mapping[str, Path]) -> Params:
    """The ViT's parameters."""
    with mapped(paths["vit_s_focus.onnx"]) as data:
        return vit_params(*read_onnx(data))


def read_smollm2(path: Path, metadata: Mapping[str, Any], table: Mapping[str, Tensor]) -> Params:
    """SmolLM2's parameters, tensor by tensor from the mapped file."""
    with mapped(path) as data:

        def tensor(name: str) -> np.ndarray:
            x = dequantised(data, table[name])
            if hasattr(data, "madvise"):  # what was read need not stay in memory
                data.madvise(mmap.MADV_DONTNEED)
            return x

        heads, kv = (metadata[f"llama.attention.head_count{s}"] for s in ("", "_kv"))
        return llama_params(tensor, metadata["llama.block_count"], heads, kv)


def gguf_header(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What the file says of the model and its tokens, and where its tensors lie."""
    with mapped(path) as data:
        return read_gguf(data)


@contextlib.contextmanager
def mapped(path: Path) -> Iterator[mmap.mmap]:
    """A file's bytes, read when they are looked at."""
    try:
        with path.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        raise StorageError(f"models.load: {path} cannot be read ({error}).") from None
    try:
        yield data
    finally:
        # Ctrl-C leaves views behind, in the frames of its traceback: the last of them closes it.
        with contextlib.suppress(BufferError):
            data.close()
