"""Random models of the real ones' form, for step-throughs where no weights are installed.

All shapes, and all that holds for any weights, are as in the real ones; what they say means nothing.
"""

import re
from typing import Any

import numpy as np

from tokenlab import models
from tokenlab.models.llama import Config
from tokenlab.models.vit import DINOv2

D, HEADS, HIDDEN, LAYERS = 48, 4, 96, 3
Params = dict[str, Any]


class Draw:
    """Matrices that keep the size of what goes through them."""

    def __init__(self, rng: int):
        self.rng = np.random.default_rng(rng)

    def matrix(self, *shape: int) -> np.ndarray:
        """Of deviation 1 / √d for d rows."""
        return (self.rng.standard_normal(shape) * shape[0] ** -0.5).astype(np.float32)

    def linear(self, *shape: int) -> Params:
        """A matrix and a bias."""
        return {"weight": self.matrix(*shape), "bias": np.zeros(shape[1:], np.float32)}

    def layer(self) -> Params:
        """One of BERT or the ViT."""
        return {
            **{name: self.linear(D, HEADS, D // HEADS) for name in "qkv"},
            "out": self.linear(D, D),
            "norm1": norm(),
            "norm2": norm(),
            "up": self.linear(D, HIDDEN),
            "down": self.linear(HIDDEN, D),
        }


def norm() -> Params:
    """A gain of one and no bias."""
    return {"gain": np.ones(D, np.float32), "bias": np.zeros(D, np.float32)}


def minilm(texts: list[str]) -> models.MiniLM:
    """A BERT that knows the words of some texts, each as one piece."""
    words = re.findall(r"\w+|[^\w\s]", " ".join(texts).lower())
    tokens = ["[CLS]", "[SEP]", "[UNK]", *dict.fromkeys(words)]
    draw = Draw(0)
    table = draw.rng.standard_normal((len(tokens) + 128 + 1, D)).astype(np.float32)
    embed = {"words": table[:-129], "places": table[-129:-1], "kind": table[-1], "norm": norm()}
    layers = [draw.layer() for _ in range(LAYERS)]
    return models.MiniLM({"embed": embed, "layers": layers}, models.WordPiece(tokens))


def dinov2() -> DINOv2:
    """A ViT for photos of 224 pixels."""
    draw = Draw(1)
    embed = {
        "patch": draw.matrix(3 * 14 * 14, D),
        "bias": np.zeros(D, np.float32),
        "cls": draw.matrix(1, D),
        "places": draw.matrix(257, D),
    }
    layers = [draw.layer() for _ in range(LAYERS)]
    return DINOv2({"embed": embed, "layers": layers, "norm": norm()})


def llama(tokenizer: Any = None) -> models.SmolLM2:
    """A Llama of four query heads and two key heads, for the tokens of a tokenizer or for 100."""
    draw = Draw(2)
    ones, width = np.ones(D, np.float32), D // HEADS
    vocab = 100 if tokenizer is None else len(tokenizer.tokens)
    layers = [
        {
            "norm1": ones,
            "q": draw.matrix(D, HEADS, width),
            "k": draw.matrix(D, HEADS // 2, width),
            "v": draw.matrix(D, HEADS // 2, width),
            "out": draw.matrix(D, D),
            "norm2": ones,
            "gate": draw.matrix(D, HIDDEN),
            "up": draw.matrix(D, HIDDEN),
            "down": draw.matrix(HIDDEN, D),
        }
        for _ in range(LAYERS)
    ]
    embed = draw.rng.standard_normal((vocab, D)).astype(np.float32)
    return models.SmolLM2({"embed": embed, "norm": ones, "layers": layers}, Config(), tokenizer)
