"""Reading a GGUF file: its metadata, and its tensors as float32.

The format: the magic word and a version, the number of tensors and of metadata entries, the
entries, one description per tensor, and after padding the tensors' bytes. Integers are
little-endian; a string is its length (u64) and UTF-8 bytes.

Left out is every quantisation but the two that the model here uses. Both cut a row into
blocks of 32 values that share a float16 scale:

| type | a block | value |
|---|---|---|
| Q8_0 | scale, 32 int8 | scale · q |
| Q4_1 | scale, minimum, 16 bytes | scale · q + minimum; the low nibbles come first |
"""

import math
import struct
from typing import Any, NamedTuple

import numpy as np

__all__: list[str] = []

# The numbers that the format gives to types; a string is 8 and an array 9.
SCALARS = dict(enumerate("BbHhIif?")) | {10: "Q", 11: "q", 12: "d"}
STRING, ARRAY = 8, 9  # kinds of metadata that are no scalars
F32, Q4_1, Q8_0 = 0, 3, 8  # kinds of tensors
# Quantised weights come in blocks of 32 that share a scale (and a minimum).
BLOCKS = {
    F32: np.dtype("<f4"),
    Q4_1: np.dtype([("scale", "<f2"), ("minimum", "<f2"), ("q", "u1", 16)]),
    Q8_0: np.dtype([("scale", "<f2"), ("q", "i1", 32)]),
}


class Reader:
    """A place in the bytes that moves on with every value read."""

    def __init__(self, data: Any):
        self.data = data
        self.position = 0

    def scalar(self, code: str) -> Any:
        (value,) = struct.unpack_from("<" + code, self.data, self.position)
        self.position += struct.calcsize("<" + code)
        return value

    def string(self) -> str:
        length = self.scalar("Q")
        self.position += length
        return bytes(self.data[self.position - length : self.position]).decode()

    def value(self, kind: int) -> Any:
        if kind == STRING:
            return self.string()
        if kind == ARRAY:
            item, length = self.scalar("I"), self.scalar("Q")
            return [self.value(item) for _ in range(length)]  # arrays may hold arrays
        return self.scalar(SCALARS[kind])


class Tensor(NamedTuple):
    """Where a tensor lies in the file; a matrix is `(d_out, d_in)`."""

    shape: list[int]
    kind: int
    offset: int


def read_gguf(data: Any) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Metadata, and the places of the tensors, of the file whose bytes are `data`."""
    reader = Reader(data)
    magic, version = reader.scalar("4s"), reader.scalar("I")
    if magic != b"GGUF" or version not in (2, 3):
        raise ValueError(f"not a GGUF file of version 2 or 3: {magic!r}, version {version}")
    n_tensors, n_entries = reader.scalar("Q"), reader.scalar("Q")
    metadata: dict[str, Any] = {}
    for _ in range(n_entries):
        key = reader.string()
        metadata[key] = reader.value(reader.scalar("I"))
    places = {}
    for _ in range(n_tensors):
        name, n_axes = reader.string(), reader.scalar("I")
        shape = [reader.scalar("Q") for _ in range(n_axes)][::-1]  # the file has the fastest first
        places[name] = shape, reader.scalar("I"), reader.scalar("Q")
    alignment = metadata.get("general.alignment", 32)
    # Offsets count from the next multiple of the alignment behind the table.
    start = -(-reader.position // alignment) * alignment
    return metadata, {
        name: Tensor(shape, kind, start + offset) for name, (shape, kind, offset) in places.items()
    }


def dequantised(data: Any, tensor: Tensor) -> np.ndarray:
    """One tensor as float32, without a second array of its size."""
    shape, kind, offset = tensor
    n = math.prod(shape)
    if kind not in BLOCKS:
        raise ValueError(f"a tensor is of type {kind}; expected one of {sorted(BLOCKS)}")
    if kind == F32:
        return np.frombuffer(data, BLOCKS[kind], n, offset).reshape(shape).copy()
    blocks = np.frombuffer(data, BLOCKS[kind], n // 32, offset)  # a view of the file
    scale = blocks["scale"].astype(np.float32)[:, None]  # (n / 32, 1)
    q, x = blocks["q"], np.empty((n // 32, 32), np.float32)
    if kind == Q4_1:
        # Low halves of the bytes are the first 16 numbers, high halves the last.
        np.multiply(q & 15, scale, out=x[:, :16])
        np.multiply(q >> 4, scale, out=x[:, 16:])
        x += blocks["minimum"].astype(np.float32)[:, None]
    else:
        np.multiply(q, scale, out=x)
    return x.reshape(shape)
