"""Reading a safetensors file: length of the header (u64), header as JSON, then the raw tensors."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from tokenlab.errors import StorageError

__all__: list[str] = []

TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "u1"}


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    """All tensors by name, as views of the file; bfloat16 becomes float32."""
    data = np.memmap(path, np.uint8, "r")
    try:
        # Eight bytes: how long the header is; the header as JSON; the numbers.
        length = int.from_bytes(data[:8].tobytes(), "little")
        header = json.loads(data[8 : 8 + length].tobytes())
        body = data[8 + length :]  # offsets count from here
        return {
            name: tensor(body[slice(*info["data_offsets"])], info)
            for name, info in header.items()
            if name != "__metadata__"
        }
    except (KeyError, ValueError, TypeError) as error:
        raise StorageError(f"{path} is no safetensors file, or damaged ({error}).") from None


def tensor(piece: Any, info: dict[str, Any]) -> Any:
    """One tensor from its bytes."""
    if info["dtype"] == "BF16":  # the upper half of a float32
        wide = piece.view("<u2").astype("<u4") << 16
        return wide.view("<f4").reshape(info["shape"])
    return piece.view(TYPES[info["dtype"]]).reshape(info["shape"])
