"""An index on disk: `.npy` files that any NumPy reads, and a manifest that vouches for them.

Data files carry their digest in their name, and the manifest is replaced in one step when they are
complete: a reader's manifest describes files that are there, and a program that has the old files
mapped goes on undisturbed. One saver waits for another; a reader whose files were replaced while it
read begins again. What is stored of a class is its `Kind`.
"""

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tokenlab.arrays import to_numpy
from tokenlab.errors import StorageError
from tokenlab.retrieval.locking import LOCK, alone_in

VERSION, MANIFEST = 1, "manifest.json"
FILE_KEYS: dict[str, type] = {"name": str, "bytes": int, "sha256": str}
CHUNK = 1 << 20  # values that are looked at together
OTHER_SHAPE = "an array does not have the shape that the manifest states"

Arrays = dict[str, np.ndarray]


class Kind(NamedTuple):
    """What is stored of one class of index.

    `arrays` are attributes, each a file of that name; the manifest states the type of the first,
    and `facts`, which are attributes, too. `damage(arrays, facts)` says what does not fit together,
    or None. `numbers` are the arrays of vectors, which are looked through for NaN.
    An index may have `n_pieces`, its `pieces` arrays in files as `"0.codes"`. What is in `files`
    already is not written again. `vouched`: the manifest has its own digest.
    """

    name: str
    called: str
    arrays: tuple[str, ...]
    facts: tuple[str, ...]
    numbers: tuple[str, ...]
    damage: Callable[[Arrays, dict[str, Any]], str | None]
    pieces: tuple[str, ...] = ()
    vouched: bool = False

    @property
    def format(self) -> str:
        """What the manifest calls it."""
        return f"tokenlab.{self.name}"

    def names(self, n_pieces: int) -> list[str]:
        """The names of all arrays of an index of so many pieces."""
        return [*self.arrays, *(f"{i}.{name}" for i in range(n_pieces) for name in self.pieces)]

    @property
    def written(self) -> re.Pattern[str]:
        """The names of files that a save gives."""
        # A draft carries the number of its process.
        kinds = "|".join((*self.arrays, *self.pieces))
        draft = re.escape(MANIFEST) + r"\.\d+\.tmp"
        return re.compile(rf"({kinds})(-[0-9a-f]{{16}}\.npy|\.\d+\.tmp)|{draft}|{re.escape(LOCK)}")


class Stored(NamedTuple):
    """What was read: `arrays` by name, offsets in memory, and the `facts` of the manifest."""

    arrays: Arrays
    facts: dict[str, Any]


def _tokens_damage(arrays: Arrays, facts: dict[str, Any]) -> str | None:
    tokens, offsets = arrays["tokens"], arrays["offsets"]
    # The manifest may be edited, or the files exchanged: compare all that it states.
    if tokens.shape != (facts["n_tokens"], facts["d"]) or len(offsets) != facts["n_docs"] + 1:
        return OTHER_SHAPE
    if tokens.dtype.kind != "f":
        return f"its tokens are {tokens.dtype} and no floating numbers"
    return None if fitting(offsets, len(tokens)) else "the offsets do not fit the tokens"


TOKENS = Kind(
    name="TokenIndex",
    called="a token index",
    arrays=("tokens", "offsets"),
    facts=("n_docs", "n_tokens", "d"),
    numbers=("tokens",),
    damage=_tokens_damage,
)


def fitting(offsets: np.ndarray, n: int) -> bool:
    """Whether offsets start at 0, never go down and end at `n`; equal ones are an empty document."""
    return bool(offsets[0] == 0 and offsets[-1] == n and np.all(offsets[1:] >= offsets[:-1]))


def save_index(index: Any, folder: Path, kind: Kind) -> Path:
    """Write `index` into `folder`, replacing an index that is already there."""
    _require_ours(folder, kind)
    with alone_in(folder) as made:  # another saver has ended, and its index is whole
        try:
            _require_ours(folder, kind)  # once more: it may have changed while we waited
            _save(index, folder, kind)
        except BaseException:  # a full disk, Ctrl-C: what is there now is what was there before
            with contextlib.suppress(OSError):
                _remove_leftovers(folder, kind, keep=_named(manifest_of(folder)))
            for part in made[::-1]:
                with contextlib.suppress(OSError):  # it holds something
                    part.rmdir()
            raise
    return folder


def _require_ours(folder: Path, kind: Kind) -> None:
    """Nothing of somebody else is overwritten."""
    if folder.exists() and not (
        folder.is_dir() and (_ours(folder, kind) or _unfinished(folder, kind))
    ):
        raise StorageError(
            f"{kind.name}.save: {folder} exists and holds something that is not {kind.called}. "
            "Choose a new folder; nothing was written."
        )


def _save(index: Any, folder: Path, kind: Kind) -> None:
    files = {name: _kept(folder, index, name) for name in kind.arrays}
    for i, piece in enumerate(index.pieces if kind.pieces else ()):
        files |= {f"{i}.{name}": _kept(folder, piece, name) for name in kind.pieces}
    manifest = {
        "format": kind.format,
        "version": VERSION,
        **{fact: getattr(index, fact) for fact in kind.facts},
        "dtype": str(getattr(index, kind.arrays[0]).dtype),
        "files": files,
    }
    if kind.vouched:
        manifest["sha256"] = _vouch(manifest)
    # Complete on disk under another name, then renamed: a rename happens or does not.
    draft = folder / f"{MANIFEST}.{os.getpid()}.tmp"
    with draft.open("w", encoding="utf-8") as file:
        json.dump(manifest, file, indent=2)
        _flush(file)
    draft.replace(folder / MANIFEST)
    # Only now: until the new manifest is there, the old one needs its files.
    _remove_leftovers(folder, kind, keep=_named(manifest))


def load_arrays(folder: Path, kind: Kind, *, mmap: bool, verify: bool) -> Stored:
    """What a save wrote; what is wrong with it is a `StorageError`."""
    while True:  # ends, unless a saver is quicker for ever
        before = _stamp(folder)
        try:
            return _load(folder, kind, mmap=mmap, verify=verify)
        except StorageError:
            # Was it replaced while we read? Then its old files are gone, and the new ones are there.
            if _stamp(folder) == before:
                raise


def _load(folder: Path, kind: Kind, *, mmap: bool, verify: bool) -> Stored:
    manifest = _read_manifest(folder, kind)
    names = kind.names(manifest["n_pieces"] if kind.pieces else 0)
    arrays = {name: _read(folder, kind, manifest["files"][name], verify) for name in names}
    first = arrays[kind.arrays[0]]  # the manifest states its type
    if str(first.dtype) != manifest["dtype"]:
        raise damaged(folder, kind, OTHER_SHAPE)
    if "offsets" in arrays:
        offsets = arrays["offsets"] = np.array(arrays["offsets"])  # small, and read often
        if offsets.ndim != 1 or not len(offsets):
            raise damaged(folder, kind, OTHER_SHAPE)
        if offsets.dtype != np.int64:
            raise damaged(folder, kind, f"its offsets are {offsets.dtype} and not int64")
    facts = {fact: manifest[fact] for fact in kind.facts} | {"files": manifest["files"]}
    if wrong := kind.damage(arrays, facts):
        raise damaged(folder, kind, wrong)
    # Right digests vouch for the bytes, not for the numbers.
    for name in kind.numbers if verify else ():
        if not _all_finite(arrays[name]):
            raise damaged(folder, kind, f"{name} are NaN or infinite")
    return Stored(arrays if mmap else {name: np.array(x) for name, x in arrays.items()}, facts)


def _all_finite(tokens: np.ndarray) -> bool:
    # Block after block: a map of the whole file would come into memory at once.
    rows = max(1, CHUNK // max(1, tokens[:1].size))
    return all(np.isfinite(tokens[i : i + rows]).all() for i in range(0, len(tokens), rows))


def _stamp(folder: Path) -> Any:
    """What changes whenever the manifest is replaced."""
    with contextlib.suppress(OSError):
        stat = (folder / MANIFEST).stat()
        # The file number alone may be given away again.
        return stat.st_ino, stat.st_mtime_ns, stat.st_size
    return None


def _kept(folder: Path, owner: Any, name: str) -> dict[str, Any]:
    """The entry of an array's file, which is written where it is not there already."""
    array, known = getattr(owner, name), getattr(owner, "files", {})
    held, entry = known.get(name, (None, {}))
    path = folder / entry.get("name", "")  # of this very array, in whatever folder
    if held is array and path.is_file() and path.stat().st_size == entry["bytes"]:
        return entry
    entry = _write(folder, name, to_numpy(array))  # an index on a GPU has the files of any other
    known[name] = array, entry
    return entry


def _vouch(manifest: dict[str, Any]) -> str:
    """The digest of all that a manifest states."""
    stated = json.dumps(manifest | {"sha256": ""}, sort_keys=True)
    return hashlib.sha256(stated.encode()).hexdigest()


def _write(folder: Path, name: str, array: np.ndarray) -> dict[str, Any]:
    draft = folder / f"{name}.{os.getpid()}.tmp"  # the process number keeps two drafts apart
    with draft.open("wb") as file:
        np.save(file, array, allow_pickle=False)
        _flush(file)
    # Of the file and not of the array, so that what is read back is what is compared.
    digest = _digest(draft)
    final = folder / f"{name}-{digest[:16]}.npy"
    if final.exists() and _digest(final) == digest:  # some systems cannot replace a mapped file
        draft.unlink()
    else:
        draft.replace(final)
    return {"name": final.name, "bytes": final.stat().st_size, "sha256": digest}


def _read(folder: Path, kind: Kind, entry: dict[str, Any], verify: bool) -> np.ndarray:
    # A name with a path in it could lead anywhere.
    path = folder / entry["name"]
    try:
        if path.parent != folder or not path.is_file():
            raise damaged(folder, kind, f"{entry['name'][:80]} is missing")
        size = path.stat().st_size
        if size != entry["bytes"]:
            raise damaged(folder, kind, f"{path.name} has {size} bytes, not {entry['bytes']}")
        # The digest covers header and numbers: one flipped bit is found.
        if verify and _digest(path) != entry["sha256"]:
            raise damaged(folder, kind, f"{path.name} has another digest than the manifest states")
        array = _mapped(path)
    except StorageError:
        raise
    except Exception as error:  # NumPy's reader raises what a damaged header makes it stumble over
        raise damaged(folder, kind, f"{path.name[:80]} is no array ({error})") from error
    if not isinstance(array, np.ndarray):
        raise damaged(folder, kind, f"{path.name} is no array, but an archive of them")
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


def _read_manifest(folder: Path, kind: Kind) -> dict[str, Any]:
    if not folder.is_dir():
        raise StorageError(f"{kind.name}.load: there is no folder {folder}.")
    manifest = manifest_of(folder)
    if manifest.get("format") != kind.format:
        raise StorageError(
            f"{kind.name}.load: {folder} is not {kind.called}: it has no {MANIFEST} of the format "
            f"{kind.format!r}. Folders of this kind are written by {kind.name}.save."
        )
    if manifest.get("version") != VERSION:
        raise StorageError(
            f"{kind.name}.load: {folder} has version {manifest.get('version')!r}; this release "
            f"reads version {VERSION}. Upgrade tokenlab, or save the index again."
        )
    facts: dict[str, type] = dict.fromkeys(kind.facts, int)  # all of them are counts
    _require(folder, kind, manifest, facts | {"dtype": str, "files": dict})
    if kind.vouched and manifest.get("sha256") != _vouch(manifest):
        raise damaged(folder, kind, "the manifest has another digest than it states")
    n_pieces = manifest["n_pieces"] if kind.pieces else 0
    if not 0 <= n_pieces <= len(manifest["files"]):  # more than that cannot be
        raise damaged(folder, kind, "the manifest names other files than it states")
    _require(folder, kind, manifest["files"], dict.fromkeys(kind.names(n_pieces), dict))
    for name in kind.names(n_pieces):
        _require(folder, kind, manifest["files"][name], FILE_KEYS)
    return manifest


def _require(folder: Path, kind: Kind, entry: dict[str, Any], keys: dict[str, type]) -> None:
    for key, wanted in keys.items():
        if not isinstance(entry.get(key), wanted):
            raise damaged(folder, kind, f"the manifest lacks {key}, or it is no {wanted.__name__}")


def manifest_of(folder: Path) -> dict[str, Any]:
    """What the manifest states; nothing where there is none, or what is there is something else."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):  # brackets in brackets in brackets
        return {}
    return manifest if isinstance(manifest, dict) else {}


def _ours(folder: Path, kind: Kind) -> bool:
    return manifest_of(folder).get("format") == kind.format


def _named(manifest: dict[str, Any]) -> set[str]:
    """The files that a manifest vouches for."""
    files = manifest.get("files")
    entries = files.values() if isinstance(files, dict) else ()
    return {str(entry["name"]) for entry in entries if isinstance(entry, dict) and "name" in entry}


def _unfinished(folder: Path, kind: Kind) -> bool:
    """True for an empty folder, and for what a crash of the very first save leaves behind."""
    # Only names that we give: a folder of somebody else with one odd file is not ours.
    return all(kind.written.fullmatch(path.name) for path in folder.iterdir())


def damaged(folder: Path, kind: Kind, what: str) -> StorageError:
    return StorageError(
        f"{kind.name}.load: {folder} is damaged: {what}. Save the index again from its source."
    )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush(file: Any) -> None:
    file.flush()
    # A rename may reach the disk before the contents do, unless these are forced there.
    os.fsync(file.fileno())


def _remove_leftovers(folder: Path, kind: Kind, keep: set[str]) -> None:
    """Delete data files that the manifest no longer names, as far as the system allows it."""
    for path in list(folder.iterdir()):
        if kind.written.fullmatch(path.name) and path.name not in keep:
            with contextlib.suppress(OSError):  # still mapped by a reader: the next save tries
                path.unlink()
