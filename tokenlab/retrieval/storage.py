"""A token index on disk: `.npy` files that any NumPy reads, and a manifest that vouches for them.

Data files carry their digest in their name, and the manifest is replaced in one step when they are
complete. So the manifest that a reader sees always describes files that are there, and a program
that still has the old files mapped goes on undisturbed. One saver waits for another; a reader whose
files were replaced while it read begins again.
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
from tokenlab.retrieval.locking import LOCK, alone_in

FORMAT, VERSION, MANIFEST = "tokenlab.TokenIndex", 1, "manifest.json"
KEYS: dict[str, type] = {"n_docs": int, "n_tokens": int, "d": int, "dtype": str, "files": dict}
FILES: dict[str, type] = {"tokens": dict, "offsets": dict}
FILE_KEYS: dict[str, type] = {"name": str, "bytes": int, "sha256": str}
WRITTEN = re.compile(
    r"(tokens|offsets)(-[0-9a-f]{16}\.npy|\.\d+\.tmp)|manifest\.json\.\d+\.tmp|" + re.escape(LOCK)
)
CHUNK = 1 << 20  # values that are looked at together


def save_index(index: Any, folder: Path) -> Path:
    """Write `index` into `folder`, replacing an index that is already there."""
    _require_ours(folder)
    with alone_in(folder) as made:  # another saver has ended, and its index is whole
        try:
            _require_ours(folder)  # once more: it may have changed while we waited
            _save(index, folder)
        except BaseException:  # a full disk, Ctrl-C: what is there now is what was there before
            with contextlib.suppress(OSError):
                _remove_leftovers(folder, keep=_named(_manifest(folder)))
            for part in made[::-1]:
                with contextlib.suppress(OSError):  # it holds something
                    part.rmdir()
            raise
    return folder


def _require_ours(folder: Path) -> None:
    """Nothing of somebody else is overwritten."""
    if folder.exists() and not (folder.is_dir() and (_ours(folder) or _unfinished(folder))):
        raise StorageError(
            f"TokenIndex.save: {folder} exists and holds something that is not a token index. "
            "Choose a new folder; nothing was written."
        )


def _save(index: Any, folder: Path) -> None:
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
    _remove_leftovers(folder, keep=_named(manifest))


def load_arrays(folder: Path, *, mmap: bool, verify: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return `(tokens, offsets)` of a saved index; what is wrong with it is a `StorageError`."""
    while True:  # ends, unless a saver is quicker for ever
        before = _stamp(folder)
        try:
            return _load(folder, mmap=mmap, verify=verify)
        except StorageError:
            # Was it replaced while we read? Then its old files are gone, and the new ones are there.
            if _stamp(folder) == before:
                raise


def _load(folder: Path, *, mmap: bool, verify: bool) -> tuple[np.ndarray, np.ndarray]:
    manifest = _read_manifest(folder)
    tokens = _read(folder, manifest["files"]["tokens"], verify)
    offsets = np.array(_read(folder, manifest["files"]["offsets"], verify))
    expected = (manifest["n_tokens"], manifest["d"]), manifest["dtype"], (manifest["n_docs"] + 1,)
    # The manifest may be edited, or the files exchanged: compare all that it states.
    if (tokens.shape, str(tokens.dtype), offsets.shape) != expected or offsets.dtype != np.int64:
        raise _damaged(folder, "an array does not have the shape that the manifest states")
    if tokens.dtype.kind != "f":
        raise _damaged(folder, f"its tokens are {tokens.dtype} and no floating numbers")
    # Equal neighbours are an empty document.
    if offsets[0] != 0 or offsets[-1] != len(tokens) or np.any(offsets[1:] < offsets[:-1]):
        raise _damaged(folder, "the offsets do not fit the tokens")
    if verify and not _all_finite(tokens):  # right digests vouch for the bytes, not for the numbers
        raise _damaged(folder, "tokens are NaN or infinite")
    return tokens if mmap else np.array(tokens), offsets


def _all_finite(tokens: np.ndarray) -> bool:
    # Block after block: a map of the whole file would come into memory at once.
    rows = max(1, CHUNK // max(1, tokens.shape[1]))
    return all(np.isfinite(tokens[i : i + rows]).all() for i in range(0, len(tokens), rows))


def _stamp(folder: Path) -> Any:
    """What changes whenever the manifest is replaced."""
    try:
        stat = (folder / MANIFEST).stat()
    except OSError:
        return None
    # The file number alone may be given away again.
    return stat.st_ino, stat.st_mtime_ns, stat.st_size


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


def _read(folder: Path, entry: dict[str, Any], verify: bool) -> np.ndarray:
    # A name with a path in it could lead anywhere.
    path = folder / entry["name"]
    try:
        if path.parent != folder or not path.is_file():
            raise _damaged(folder, f"{entry['name'][:80]} is missing")
        size = path.stat().st_size
        if size != entry["bytes"]:
            raise _damaged(folder, f"{path.name} has {size} bytes, not {entry['bytes']}")
        # The digest covers header and numbers: one flipped bit is found.
        if verify and _digest(path) != entry["sha256"]:
            raise _damaged(folder, f"{path.name} has another digest than the manifest states")
        array = _mapped(path)
    except StorageError:
        raise
    except Exception as error:  # NumPy's reader raises what a damaged header makes it stumble over
        raise _damaged(folder, f"{path.name[:80]} is no array ({error})") from error
    if not isinstance(array, np.ndarray):
        raise _damaged(folder, f"{path.name} is no array, but an archive of them")
    return array


def _mapped(path: Path) -> np.ndarray:
    """The array of a file, mapped: a header that promises too much costs no memory."""
    with path.open("rb") as file:
        first = np.lib.format.read_magic(file) == (1, 0)  # an archive has none
        reader = (
            np.lib.format.read_array_header_1_0 if first else np.lib.format.read_array_header_2_0
        )
        header = reader(file)
    # A file of no numbers cannot be mapped. Pickles are never opened: they run code.
    return np.load(path, mmap_mode="r" if 0 not in header[0] else None, allow_pickle=False)


def _read_manifest(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        raise StorageError(f"TokenIndex.load: there is no folder {folder}.")
    manifest = _manifest(folder)
    if manifest.get("format") != FORMAT:
        raise StorageError(
            f"TokenIndex.load: {folder} is not a token index: it has no {MANIFEST} of the format "
            f"{FORMAT!r}. Folders of this kind are written by TokenIndex.save."
        )
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


def _manifest(folder: Path) -> dict[str, Any]:
    """What the manifest states; nothing where there is none, or what is there is something else."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):  # brackets in brackets in brackets
        return {}
    return manifest if isinstance(manifest, dict) else {}


def _ours(folder: Path) -> bool:
    return _manifest(folder).get("format") == FORMAT


def _named(manifest: dict[str, Any]) -> set[str]:
    """The files that a manifest vouches for."""
    files = manifest.get("files")
    entries = files.values() if isinstance(files, dict) else ()
    return {str(entry["name"]) for entry in entries if isinstance(entry, dict) and "name" in entry}


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
