"""`models.load`: files are found, their digests checked, and a model is made of them.

A cache folder keeps the arrays ready for use, one file a model, named after the digests of what it
was made from. It is written aside and renamed, so that two programs at once both find it whole.
"""

import contextlib
import json
import os
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tokenlab.models import weights
from tokenlab.models.sources import SOURCES, checked_files, checked_folder, source_of
from tokenlab.models.wordpiece import WordPiece

__all__ = ["load"]

VERSION = 1  # of the cache's form
ALIGN = 64  # bytes at which an array begins


def load(name: str, *, folder: str | Path | None = None, cache: str | Path | None = None) -> Any:
    """A real model: its parameters, its tokenizer, and functions of both.

    Parameters
    ----------
    name : "minilm", "dinov2-small" or "smollm2"
    folder : str or Path, optional
        Read the files from there, where they lie under their own names, instead of from the
        installed packages, which are found without being imported.
    cache : str or Path, optional
        A folder that keeps the arrays ready for use; by default that of TOKENLAB_CACHE, or none.

    Returns
    -------
    MiniLM, DINOv2 or SmolLM2
        With `params`, `tokenizer`, `config` and methods.

    Raises
    ------
    MissingDependency
        The package is not there; the message has the line that installs it.
    StorageError
        A file is missing, truncated, or changed; the message names it.
    InvalidInput
        An unknown name; the message has those that exist.
    """
    source_of(name)
    paths = checked_files(name, None if folder is None else checked_folder(folder, "folder"))
    cache = os.environ.get("TOKENLAB_CACHE") or None if cache is None else cache
    kept = None if cache is None else checked_folder(cache, "cache")
    if name == "minilm":
        from tokenlab.models.bert import MiniLM

        params = cached(name, kept, lambda: weights.read_minilm(paths))
        return MiniLM(params, WordPiece.load(paths["vocab.txt"]))
    if name == "dinov2-small":
        from tokenlab.models.vit import DINOv2

        return DINOv2(cached(name, kept, lambda: weights.read_dinov2(paths)))
    from tokenlab.models.smollm2 import SmolLM2, config_of, tokenizer_of

    (path,) = paths.values()
    header, table = weights.gguf_header(path)
    params = cached(name, kept, lambda: weights.read_smollm2(path, header, table))
    template = header.get("tokenizer.chat_template")
    return SmolLM2(params, config_of(header), tokenizer_of(header), template)


def cached(name: str, folder: Path | None, read: Callable[[], Any]) -> Any:
    """The parameters from the cache, or made and put there; a damaged file is made again."""
    if folder is None:
        return read()
    digest = "".join(SOURCES[name].files.values())[:16]
    path = folder / f"{name}-{digest}-{VERSION}.arrays"
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return unpacked(path)
    params = read()
    with contextlib.suppress(OSError):  # a full disk, or no right to write: go on without
        write(path, params)
    return params


def write(path: Path, params: Any) -> None:
    """One file: length of the header, the header as JSON, and the arrays' memory."""
    # Written aside and renamed: who reads at the same moment finds the old file or the new one.
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays: list[np.ndarray] = []
    form = described(params, arrays)
    starts = np.cumsum([0, *(-(-x.nbytes // ALIGN) * ALIGN for x in arrays)])
    sums = [zlib.crc32(x.data) for x in arrays]  # looked at when the file is read
    header = json.dumps({"form": form, "starts": starts.tolist(), "sums": sums}).encode()
    header += b" " * (-(8 + len(header)) % ALIGN)
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(len(header).to_bytes(8, "little") + header)
            for x in arrays:
                file.write(x.data)
                file.write(bytes(-x.nbytes % ALIGN))  # arrays begin at whole multiples
        os.replace(aside, path)  # at once, also where another process did the same
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(aside)
        raise


def described(params: Any, arrays: list[np.ndarray]) -> Any:
    """The nested form with numbers of arrays; their memory in one piece goes to `arrays`."""
    if isinstance(params, dict):
        return {name: described(value, arrays) for name, value in params.items()}
    if isinstance(params, list):
        return [described(value, arrays) for value in params]
    # An array that lies by its columns is written as it lies.
    order = sorted(range(params.ndim), key=lambda axis: -params.strides[axis])
    flat = np.ascontiguousarray(params.transpose(order))
    arrays.append(flat)
    return {"array": len(arrays) - 1, "shape": flat.shape, "order": order, "type": flat.dtype.str}


def unpacked(path: Path) -> Any:
    """What `write` wrote, mapped into memory; sums that differ raise `ValueError`."""
    data = np.memmap(path, np.uint8, "r")  # pages come into memory as they are used
    length = int.from_bytes(data[:8].tobytes(), "little")
    header = json.loads(data[8 : 8 + length].tobytes())
    body = data[8 + length :]

    def rebuilt(form: Any) -> Any:
        if isinstance(form, list):
            return [rebuilt(value) for value in form]
        if "order" not in form:
            return {name: rebuilt(value) for name, value in form.items()}
        i, kind = form["array"], np.dtype(form["type"])
        size = int(np.prod(form["shape"], dtype=np.int64)) * kind.itemsize
        piece = body[header["starts"][i] : header["starts"][i] + size]
        if len(piece) != size or zlib.crc32(piece.data) != header["sums"][i]:
            raise ValueError(f"array {i} is damaged")
        flat = np.asarray(piece.view(kind)).reshape(form["shape"])
        return flat.transpose(np.argsort(form["order"]))

    return rebuilt(header["form"])
