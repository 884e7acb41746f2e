"""Reading a GGUF file: its metadata, and its tensors as float32.

The format: the magic word and a version, the number of tensors and of metadata entries, the
entries, one description per tensor, and after padding the tensors' bytes. Integers are
little-endian; a string is its length (u64) and UTF-8 bytes.

What this leaves out: every quantisation but the two that the model here uses. Both cut a row into
blocks of 32 values that share a float16 scale:

| type | a block | value |
|---|---|---|
| Q8_0 | scale, 32 int8 | scale · q |
| Q4_1 | scale, minimum, 16 bytes | scale · q + minimum; the low nibbles come first |
"""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np

# The numbers that the format gives to types; a string is 8 and an array 9.
SCALARS = dict(enumerate("BbHhIif?")) | {10: "Q", 11: "q", 12: "d"}
STRING, ARRAY = 8, 9
F32, Q4_1, Q8_0 = 0, 3, 8
BLOCKS = {
    F32: np.dtype("<f4"),
    Q4_1: np.dtype([("scale", "<f2"), ("minimum", "<f2"), ("q", "u1", 16)]),
    Q8_0: np.dtype([("scale", "<f2"), ("q", "i1", 32)]),
}


class Reader:
    """A place in the bytes that moves on with every value read."""

    def __init__(self, data: bytes):
        self.data = data
        self.position = 0

    def scalar(self, code: str) -> Any:
        (value,) = struct.unpack_from("<" + code, self.data, self.position)
        self.position += struct.calcsize("<" + code)
        return value

    def string(self) -> str:
        length = self.scalar("Q")
        self.position += length
        return self.data[self.position - length : self.position].decode()

    def value(self, kind: int) -> Any:
        if kind == STRING:
            return self.string()
        if kind == ARRAY:
            item, length = self.scalar("I"), self.scalar("Q")
            return [self.value(item) for _ in range(length)]
        return self.scalar(SCALARS[kind])


def read_gguf(data: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Metadata and tensors of the file whose content is `data`; a matrix is `(d_out, d_in)`."""
    reader = Reader(data)
    magic, version = reader.scalar("4s"), reader.scalar("I")
    if magic != b"GGUF" or version not in (2, 3):
        raise ValueError(f"not a GGUF file of version 2 or 3: {magic!r}, version {version}")
    n_tensors, n_entries = reader.scalar("Q"), reader.scalar("Q")
    metadata = {}
    for _ in range(n_entries):
        key = reader.string()
        metadata[key] = reader.value(reader.scalar("I"))
    places = {}
    for _ in range(n_tensors):
        name, n_axes = reader.string(), reader.scalar("I")
        shape = [reader.scalar("Q") for _ in range(n_axes)][::-1]  # the file has the fastest first
        places[name] = shape, reader.scalar("I"), reader.scalar("Q")
    alignment = metadata.get("general.alignment", 32)
    start = -(-reader.position // alignment) * alignment
    tensors = {
        name: dequantise(data, kind, start + offset, shape)
        for name, (shape, kind, offset) in places.items()
    }
    return metadata, tensors


def dequantise(data: bytes, kind: int, offset: int, shape: list[int]) -> np.ndarray:
    """One tensor as float32."""
    n = math.prod(shape)
    if kind == F32:
        return np.frombuffer(data, BLOCKS[kind], n, offset).reshape(shape)
    blocks = np.frombuffer(data, BLOCKS[kind], n // 32, offset)
    q = blocks["q"]
    if kind == Q4_1:
        q = np.concatenate([q & 15, q >> 4], axis=1)  # (n / 32, 32)
    x = q * blocks["scale"].astype(np.float32)[:, None]
    if kind == Q4_1:
        x += blocks["minimum"].astype(np.float32)[:, None]
    return x.reshape(shape)
