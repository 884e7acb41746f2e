"""A token index on disk: `.npy` files that any NumPy reads, and a manifest that vouches for them.

Data files carry their digest in their name, and the manifest is replaced in one step when they are
complete. So the manifest that a reader sees always describes files that are there, and a program
that still has the old files mapped goes on undisturbed.
"""

import contextlib
import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from tokenlab.arrays import to_numpy
from tokenlab.errors import StorageError

FORMAT, VERSION, MANIFEST = "tokenlab.TokenIndex", 1, "manifest.json"
KEYS: dict[str, type] = {"n_docs": int, "n_tokens": int, "d": int, "dtype": str, "files": dict}
FILES: dict[str, type] = {"tokens": dict, "offsets": dict}
FILE_KEYS: dict[str, type] = {"name": str, "bytes": int, "sha256": str}
WRITTEN = re.compile(r"(tokens|offsets)(-[0-9a-f]{16}\.npy|\.\d+\.tmp)|manifest\.json\.\d+\.tmp")


def save_index(index: Any, folder: Path) -> Path:
    """Write `index` into `folder`, replacing an index that is already there."""
    # Nothing of somebody else is overwritten.
    if folder.exists() and not (folder.is_dir() and (_ours(folder) or _unfinished(folder))):
        raise StorageError(
            f"TokenIndex.save: {folder} exists and holds something that is not a token index. "
            "Choose a new folder; nothing was written."
        )
    folder.mkdir(parents=True, exist_ok=True)
    # The files of an index on a GPU are those of any other.
    tokens, offsets = to_numpy(index.tokens), to_numpy(index.offsets)
    files = {
        "tokens": _write(folder, "tokens", tokens),
        "offsets": _write(folder, "offsets", offsets),
    }
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "n_docs": index.n_docs,
        "n_tokens": index.n_tokens,
        "d": index.d,
        "dtype": str(tokens.dtype),
        "files": files,
    }
    # Complete on disk under another name, then renamed: a rename happens or does not.
    draft = folder / f"{MANIFEST}.{os.getpid()}.tmp"
    with draft.open("w", encoding="utf-8") as file:
        json.dump(manifest, file, indent=2)
        _flush(file)
    draft.replace(folder / MANIFEST)
    # Only now: until the new manifest is there, the old one needs its files.
    _remove_leftovers(folder, keep={entry["name"] for entry in files.values()})
    return folder


def load_arrays(folder: Path, *, mmap: bool, verify: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return `(tokens, offsets)` of a saved index; what is wrong with it is a `StorageError`."""
    manifest = _read_manifest(folder)
    tokens = _read(folder, manifest["files"]["tokens"], mmap and manifest["n_tokens"] > 0, verify)
    offsets = _read(folder, manifest["files"]["offsets"], False, verify)
    expected = (manifest["n_tokens"], manifest["d"]), manifest["dtype"], (manifest["n_docs"] + 1,)
    # The manifest may be edited, or the files exchanged: compare all that it states.
    if (tokens.shape, str(tokens.dtype), offsets.shape) != expected or offsets.dtype != np.int64:
        raise _damaged(folder, "an array does not have the shape that the manifest states")
    # Equal neighbours are an empty document.
    if offsets[0] != 0 or offsets[-1] != len(tokens) or np.any(offsets[1:] < offsets[:-1]):
        raise _damaged(folder, "the offsets do not fit the tokens")
    return tokens, offsets


def _write(folder: Path, kind: str, array: np.ndarray) -> dict[str, Any]:
    # The process number keeps two drafts apart.
    draft = folder / f"{kind}.{os.getpid()}.tmp"
    with draft.open("wb") as file:
        np.save(file, array, allow_pickle=False)
        _flush(file)
    # Of the file and not of the array, so that what is read back is what is compared.
    digest = _digest(draft)
    final = folder / f"{kind}-{digest[:16]}.npy"
    if final.exists() and _digest(final) == digest:  # some systems cannot replace a mapped file
        draft.unlink()
    else:
        draft.replace(final)
    return {"name": final.name, "bytes": final.stat().st_size, "sha256": digest}


def _read(folder: Path, entry: dict[str, Any], mmap: bool, verify: bool) -> np.ndarray:
    path = folder / entry["name"]
    # A name with slashes would read outside of the folder.
    if path.parent != folder or not path.is_file():
        raise _damaged(folder, f"{entry['name']} is missing")
    # The size first: it costs nothing, and a cut file is what a crash or a full disk leaves.
    if path.stat().st_size != entry["bytes"]:
        raise _damaged(folder, f"{path.name} has {path.stat().st_size} bytes, not {entry['bytes']}")
    if verify and _digest(path) != entry["sha256"]:
        raise _damaged(folder, f"{path.name} has another digest than the manifest states")
    try:
        # No pickle: a file of data must not be able to run code.
        return np.load(path, mmap_mode="r" if mmap else None, allow_pickle=False)
    except (ValueError, OSError) as error:
        raise _damaged(folder, f"{path.name} is no array ({error})") from error


def _read_manifest(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        raise StorageError(f"TokenIndex.load: there is no folder {folder}.")
    if not _ours(folder):
        raise StorageError(
            f"TokenIndex.load: {folder} is not a token index: it has no {MANIFEST} of the format "
            f"{FORMAT!r}. Folders of this kind are written by TokenIndex.save."
        )
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    # Before the keys, which another version may name otherwise.
    if manifest.get("version") != VERSION:
        raise StorageError(
            f"TokenIndex.load: {folder} has version {manifest.get('version')!r}; this release "
            f"reads version {VERSION}. Upgrade tokenlab, or save the index again."
        )
    _require(folder, manifest, KEYS)
    _require(folder, manifest["files"], FILES)
    for kind in FILES:
        _require(folder, manifest["files"][kind], FILE_KEYS)
    return manifest


def _require(folder: Path, entry: dict[str, Any], keys: dict[str, type]) -> None:
    for key, kind in keys.items():
        if not isinstance(entry.get(key), kind):
            raise _damaged(folder, f"the manifest lacks {key}, or it is no {kind.__name__}")


def _ours(folder: Path) -> bool:
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # no file, or no JSON
        return False
    return isinstance(manifest, dict) and manifest.get("format") == FORMAT


def _unfinished(folder: Path) -> bool:
    """True for an empty folder, and for what a crash of the very first save leaves behind."""
    # Only names that we give: a folder of somebody else with one odd file is not ours.
    return all(WRITTEN.fullmatch(path.name) for path in folder.iterdir())


def _damaged(folder: Path, what: str) -> StorageError:
    return StorageError(
        f"TokenIndex.load: {folder} is damaged: {what}. Save the index again from its source."
    )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush(file: Any) -> None:
    file.flush()
    # A rename may reach the disk before the contents do, unless these are forced there.
    os.fsync(file.fileno())


def _remove_leftovers(folder: Path, keep: set[str]) -> None:
    """Delete data files that the manifest no longer names, as far as the system allows it."""
    for path in list(folder.iterdir()):
        if WRITTEN.fullmatch(path.name) and path.name not in keep:
            with contextlib.suppress(OSError):  # still mapped by a reader: the next save tries
                path.unlink()
