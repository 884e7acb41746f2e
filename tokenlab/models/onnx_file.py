"""Reading an ONNX file: its nodes, and its float32 tensors.

An ONNX file is a protobuf message. A message is a row of fields, each a key and a value; the key
holds the field's number and how its value is written. Only the fields named below are looked at.

Left out is every tensor that is not raw float32, attributes, and running the graph.
"""

import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

__all__: list[str] = []

# The numbers of the fields, by message, as ONNX defines them.
MODEL_GRAPH = 7
GRAPH_NODE, GRAPH_INITIALIZER = 1, 5
NODE_INPUT, NODE_NAME = 1, 3
TENSOR_SHAPE, TENSOR_TYPE, TENSOR_NAME, TENSOR_RAW = 1, 2, 8, 9
FLOAT32 = 1


class Graph(NamedTuple):
    """What the model's weights are called, and which node reads which."""

    inputs: dict[str, list[str]]  # node -> names of its inputs
    tensors: dict[str, np.ndarray]


def read_onnx(data: Any) -> Graph:
    """Nodes and float32 tensors of the file whose content is `data`."""
    # Protocol buffers: each field says its number and its kind; unknown ones are skipped.
    model = dict(fields(memoryview(data)))
    inputs: dict[str, list[str]] = {}
    tensors: dict[str, np.ndarray] = {}
    for number, value in fields(model[MODEL_GRAPH]):
        if number == GRAPH_NODE:
            node = list(fields(value))
            name = "".join(text(v) for n, v in node if n == NODE_NAME)
            inputs[name] = [text(v) for n, v in node if n == NODE_INPUT]
        elif number == GRAPH_INITIALIZER:
            tensor = list(fields(value))
            parts = dict(tensor)
            if parts[TENSOR_TYPE] == FLOAT32 and TENSOR_RAW in parts:
                shape = [v for n, v in tensor if n == TENSOR_SHAPE]  # one field an axis
                array = np.frombuffer(parts[TENSOR_RAW], "<f4").reshape(shape)
                tensors[text(parts[TENSOR_NAME])] = array
    return Graph(inputs, tensors)


def text(value: Any) -> str:
    return bytes(value).decode()


def fields(data: memoryview) -> Iterator[tuple[int, Any]]:
    """`(number, value)` of every field; a value is an integer or a piece of the bytes.

    >>> list(fields(memoryview(b"\\x08\\x96\\x01\\x12\\x02hi")))[0]
    (1, 150)
    """
    i, value = 0, None  # type: int, Any
    while i < len(data):
        key, i = varint(data, i)
        kind = key & 7  # the lowest three bits; the others are the number
        if kind == 0:
            value, i = varint(data, i)
        elif kind == 2:
            length, i = varint(data, i)
            value, i = data[i : i + length], i + length
        else:
            # Numbers of a fixed size: eight bytes or four.
            size = {1: 8, 5: 4}[kind]
            (value,) = struct.unpack_from("<Q" if size == 8 else "<I", data, i)
            i += size
        yield key >> 3, value


def varint(data: memoryview, i: int) -> tuple[int, int]:
    """An integer in groups of 7 bits, the lowest first; the top bit says that more follow."""
    value = shift = 0
    while True:
        value |= (data[i] & 127) << shift
        shift += 7
        i += 1
        if data[i - 1] < 128:
            return value, i
