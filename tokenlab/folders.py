"""A folder of texts as token vectors: passages with their file and line, a shard for each file.

    update(Path("docs"), Path("my.index"), encode)        # reads what has changed, forgets what is gone
    index, passages = read(Path("my.index"))

A passage is a paragraph: blank lines part them, and a heading is no part of the paragraph below it.
A shard is written aside and renamed, so that whatever ends the work leaves shards that are whole,
and the next run goes on from there.
"""

import contextlib
import hashlib
import json
import os
import re
import stat
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tokenlab.errors import InvalidInput, StorageError
from tokenlab.retrieval.index import TokenIndex

__all__: list[str] = []

MARK = "tokenlab-index.json"  # says that a folder is an index, and of which folder
VERSION = 1
LARGEST = 5_000_000  # bytes of a file that is read
HEADING = re.compile(r"#{1,6} |={4,}$|-{4,}$")


class Passage(NamedTuple):
    """A paragraph, and where it begins."""

    file: str
    line: int
    text: str


class Update(NamedTuple):
    """What `update` did: files that were read, kept as they are, forgotten, and left out why."""

    read: list[str]
    kept: list[str]
    forgotten: int
    left_out: dict[str, str]


def passages_of(text: str, file: str = "") -> list[Passage]:
    """The paragraphs of a text with the lines where they begin, counted from 1."""
    found: list[Passage] = []
    lines: list[str] = []
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        title = HEADING.match(line) is not None  # also the line of signs under a title
        if lines and (title or not line.strip()):
            found.append(Passage(file, number - len(lines), "\n".join(lines)))
            lines = []
        if title and re.search(r"\w", line):  # a heading stands alone
            found.append(Passage(file, number, line))
        elif not title and line.strip():
            lines.append(line)
    return found


def text_of(path: Path) -> str:
    """A file's text, UTF-8 or else Latin-1; `StorageError` says why it is left out."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):  # reading a pipe would wait for ever
        raise StorageError("no plain file")
    size = found.st_size
    if size > LARGEST:
        raise StorageError(f"{size / 1e6:.0f} MB, more than {LARGEST / 1e6:.0f}")
    data = path.read_bytes()  # small enough to look at as a whole
    if b"\0" in data:
        raise StorageError("binary")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")  # every byte is a letter there
    if not text.strip():
        raise StorageError("empty")
    return text


def files_in(folder: Path, out: Path) -> Iterator[Path]:
    """All files in a folder, in order; hidden ones and the index itself are left out."""
    for base, folders, names in os.walk(folder):
        here = Path(base)
        # What is cut out of this list is not walked into.
        folders[:] = sorted(f for f in folders if f[0] != "." and (here / f).resolve() != out)
        yield from (here / name for name in sorted(names) if name[0] != ".")


def update(
    folder: Path,
    out: Path,
    encode: Callable[[Sequence[str]], TokenIndex],
    track: Callable[[Any], Any] = iter,
) -> Update:
    """Bring the index up to date with the folder.

    Parameters
    ----------
    folder : Path
    out : Path
        Where the index is or shall be: a new folder, an empty one, or an index of this kind.
    encode : callable
        From texts to a TokenIndex.
    track : callable
        Goes through the files, as `progress.track` does.

    Raises
    ------
    StorageError
        No folder, a folder without text, an `out` that holds something else.
    """
    if not folder.is_dir():
        raise StorageError(f"index: folder {str(folder)!r} is no folder.")
    out = out.resolve()  # it may lie in the folder itself
    claim(out, folder)  # nothing of anybody else's is touched
    report = Update([], [], 0, {})
    wanted: set[str] = set()
    for path in track(list(files_in(folder, out))):
        name = path.relative_to(folder).as_posix()
        try:
            text = text_of(path)
        except StorageError as error:
            report.left_out[name] = str(error)
            continue
        except OSError as error:
            report.left_out[name] = f"cannot be read ({error.strerror})"
            continue
        # Another text, name or form is another shard.
        digest = hashlib.sha256(f"{VERSION}\0{name}\0{text}".encode(errors="replace")).hexdigest()
        shard = out / f"{digest[:32]}.npz"
        wanted.add(shard.name)
        # The name tells the content, so that what is there needs no second look at the text.
        if whole(shard):
            report.kept.append(name)
        else:
            write(shard, passages_of(text, name), encode)
            report.read.append(name)
    # Last of all: until here the index answers as before.
    gone = [path for path in out.glob("*.npz") if path.name not in wanted]
    for path in gone:
        path.unlink()
    if not wanted:
        raise StorageError(f"index: folder {str(folder)!r} has no text.")
    return report._replace(forgotten=len(gone))


def claim(out: Path, folder: Path) -> None:
    """Make the folder of the index, or see that it is one."""
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / MARK).exists())):
        raise StorageError(f"index: {str(out)!r} holds something else; choose another place by -o.")
    out.mkdir(parents=True, exist_ok=True)
    aside(out / MARK, json.dumps({"version": VERSION, "folder": str(folder.resolve())}).encode())
    # A shard that was not finished has no name yet that counts.
    for rest in out.glob("*.tmp"):  # of a run that was ended
        rest.unlink()


def write(shard: Path, passages: list[Passage], encode: Callable[..., TokenIndex]) -> None:
    """The vectors of a file's passages, in 16 bits, beside their texts."""
    import io

    index = encode([passage.text for passage in passages])
    buffer = io.BytesIO()
    # All in memory first: the file is written in one go, aside.
    told = json.dumps([list(passage) for passage in passages]).encode()
    np.savez(
        buffer,
        tokens=index.tokens.astype(np.float16),
        offsets=index.offsets,
        passages=np.frombuffer(told, np.uint8),
    )
    aside(shard, buffer.getvalue())


def aside(path: Path, data: bytes) -> None:
    """Write a file beside its place and rename it, so that it is there whole or not at all."""
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(name, path)
    except BaseException as error:  # a full disk, or Ctrl-C
        with contextlib.suppress(OSError):
            os.unlink(name)
        if isinstance(error, OSError) and error.filename is None:
            raise OSError(error.errno, error.strerror, str(path)) from None
        raise


def whole(shard: Path) -> bool:
    """Whether a shard is there and can be read to its end."""
    try:
        with zipfile.ZipFile(shard) as archive:
            return archive.testzip() is None
    except (OSError, zipfile.BadZipFile):
        return False


def read(out: Path) -> tuple[TokenIndex, list[Passage]]:
    """All passages of an index and their vectors; document i is passage i."""
    if not (out / MARK).exists():
        raise StorageError(f"search: {str(out)!r} is no index; tokenlab index FOLDER -o makes one.")
    passages: list[Passage] = []
    tokens: list[np.ndarray] = []
    lengths: list[np.ndarray] = []
    for shard in sorted(out.glob("*.npz")):  # each file's passages stay together
        try:
            with shard.open("rb") as file, np.load(file) as stored:
                told = json.loads(stored["passages"].tobytes())
                tokens.append(stored["tokens"].astype(np.float32))  # (n_tokens, d)
                lengths.append(np.diff(stored["offsets"]))  # (n_passages,)
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise StorageError(
                f"search: {shard} is damaged ({error}); tokenlab index mends it."
            ) from None
        passages += [Passage(*passage) for passage in told]
    if not passages:  # every file is gone since
        raise StorageError(f"search: {str(out)!r} has no passages; tokenlab index fills it.")
    # Running sums of the passages' lengths over all shards.
    offsets = np.concatenate([[0], np.cumsum(np.concatenate(lengths))])
    return TokenIndex(np.concatenate(tokens), offsets), passages


def checked_question(text: str) -> str:
    """A question with at least one letter."""
    if not text.strip():
        raise InvalidInput("search: query is empty; expected a question, or some words.")
    return text
