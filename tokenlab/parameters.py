"""Nested parameters in one file: `save` and `load`, which `training` offers as its own."""

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from tokenlab.arrays import to_numpy
from tokenlab.errors import InvalidInput, StorageError

__all__ = ["load", "save"]

TREE = "tree.json"  # in a saved file: what is nested in what


def save(params: Any, path: str | os.PathLike[str]) -> None:
    """Write parameters into one file, an `.npz` that NumPy reads; no pickle.

    The arrays have nested names, as `blocks.0.norm1.gain`. A file of that name is replaced when the
    new one is complete.

    Parameters
    ----------
    params : nested dicts, lists and tuples
        Of arrays (from a GPU they are copied), numbers, text and None; names are text.
    path : path

    Raises
    ------
    InvalidInput
        Something else is in there: an object, a named tuple, a name that is no text.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "line.npz"
    >>> save({"slope": np.ones(2), "names": ("x", None)}, path)
    >>> load(path)
    {'slope': array([1., 1.]), 'names': ('x', None)}
    """
    arrays: dict[str, np.ndarray] = {}
    tree = described(params, "", arrays)
    path = Path(path)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with draft.open("wb") as file:
            with zipfile.ZipFile(file, "w") as archive:
                archive.writestr(TREE, json.dumps(tree))
                for name, array in arrays.items():
                    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                        np.lib.format.write_array(member, array, allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def described(tree: Any, name: str, arrays: dict[str, np.ndarray]) -> Any:
    """What is nested in what, for JSON; the arrays go into `arrays` under their nested names."""
    inside = f"{name}." if name else ""
    if type(tree) is dict:
        if not all(type(key) is str for key in tree):
            raise InvalidInput(f"save: names in {name or 'params'} are {[*tree]}; expected text.")
        return {"dict": {key: described(x, inside + key, arrays) for key, x in tree.items()}}
    if type(tree) in (list, tuple):
        parts = [described(x, f"{inside}{i}", arrays) for i, x in enumerate(tree)]
        return {type(tree).__name__: parts}
    if tree is None or type(tree) in (bool, int, float, str):
        return {"value": tree}
    if not hasattr(tree, "dtype") or tree.dtype.kind not in "fiub":
        raise InvalidInput(
            f"save: {name or 'params'} is a {type(tree).__name__}; expected arrays of numbers in "
            "dicts, lists and tuples. Of a named tuple pass x._asdict()."
        )
    name = name or "params"
    if name in arrays:
        raise InvalidInput(f"save: two arrays have the nested name {name}; rename one of them.")
    arrays[name] = to_numpy(tree)
    return {"array": name}


def load(path: str | os.PathLike[str]) -> Any:
    """Read what `save` wrote, as NumPy arrays.

    Parameters
    ----------
    path : path

    Raises
    ------
    StorageError
        There is no such file, it is damaged, or something else wrote it.
    """
    if not Path(path).is_file():
        raise StorageError(f"load: there is no file {path}.")
    try:
        with zipfile.ZipFile(path) as archive:
            if TREE not in archive.namelist():
                raise StorageError(
                    f"load: {path} has no {TREE}; expected a file that training.save wrote. "
                    "numpy.load reads other .npz files."
                )
            arrays = {}
            for name in archive.namelist():
                if name != TREE:
                    with archive.open(name) as member:
                        found = np.lib.format.read_array(member, allow_pickle=False)
                        member.read()  # to the end, where the checksum is compared
                    arrays[name.removesuffix(".npy")] = found
            return built(json.loads(archive.read(TREE)), arrays)
    except StorageError:
        raise
    except (zipfile.BadZipFile, ValueError, KeyError, TypeError, EOFError, OSError) as error:
        raise StorageError(
            f"load: {path} is damaged ({error}). Save the parameters again."
        ) from error


def built(tree: Any, arrays: dict[str, np.ndarray]) -> Any:
    """The inverse of `described`."""
    ((kind, content),) = tree.items()
    if kind == "dict":
        return {name: built(part, arrays) for name, part in content.items()}
    if kind in ("list", "tuple"):
        parts = [built(part, arrays) for part in content]
        return parts if kind == "list" else tuple(parts)
    return arrays[content] if kind == "array" else content
