"""Find the answers of a class in a folder, in the shapes in which course systems write them.

    Moodle               Jane Doe_4711_assignsubmission_file_/a01_token_retrieval.py
    Canvas               doejane_LATE_1234_56789_a01_token_retrieval-1.ipynb
    Blackboard           Lab 1_jdoe_attempt_2026-11-02-10-30-00_a01_token_retrieval.py
    nbgrader             submitted/jdoe/a01_token_retrieval/a01_token_retrieval.ipynb
    GitHub Classroom     lab-1-jdoe/a01_token_retrieval.py, with .git beside it
    by hand              Jane Doe/..., or Jane Doe.py

A `.zip` is read like a folder. Everything is read at once, and nothing is run.
"""

import io
import os
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from tokenlab.assignments.catalog import Assignment
from tokenlab.errors import InvalidInput

__all__: list[str] = []

MOODLE = re.compile(r"(?P<name>.+?)_(?P<id>\d+)_assignsubmission_(?:file|onlinetext)_?$")
CANVAS = re.compile(r"(?P<name>[^_]+)_(?:LATE_)?(?P<id>\d+)_\d+_(?P<file>.+)$")
BLACKBOARD = re.compile(r".+?_(?P<name>[^_]+)_attempt_[\d-]+_?(?P<file>.*)$")
SKIPPED = re.compile(r"^(\.|__|test_|conftest|setup\.py$)|\.backup-\d+\.|~$")
LARGEST = 8 << 20  # bytes of a file that is read
MOST = 2000  # files of one student that are looked at


class Submitted(NamedTuple):
    """A file that a student handed in: whose, its path there, its bytes or why there are none."""

    key: str  # tells two students of one name apart
    student: str
    path: str
    data: bytes
    problem: str = ""
    folder: Path | None = None  # where it may find files beside it


def find(folder: Path) -> list[Submitted]:
    """All scripts and notebooks of all students; one without any has an entry without a path."""
    if not folder.is_dir():
        raise InvalidInput(f"{folder} is not there, or is no folder; expected one of submissions.")
    root = folder / "submitted" if (folder / "submitted").is_dir() else folder
    entries = [e for e in sorted(root.iterdir()) if not SKIPPED.search(e.name)]
    slug = _common_slug([e.name for e in entries if e.is_dir()])
    found = []
    for entry in entries:
        if entry.is_dir() and not entry.is_symlink():
            student = _of_folder(entry.name, slug)
            mine = [
                Submitted(entry.name, student, *read, folder=path.parent)
                for path in _files(entry)
                for read in _read(path, path.relative_to(entry).as_posix())
            ]
            nothing = Submitted(entry.name, student, "", b"", "no script and no notebook")
            found += mine or [nothing]
        elif _is_ours(entry):
            key, student, name = _of_file(entry)
            found += [Submitted(key, student, *read) for read in _read(entry, name)]
    return found


def _is_ours(path: Path) -> bool:
    kind = path.suffix.lower() in (".py", ".ipynb", ".zip") and not SKIPPED.search(path.name)
    return kind and path.is_file() and not path.is_symlink()


def _files(folder: Path) -> Iterator[Path]:
    """Scripts and notebooks below a folder, no links, nothing that a tool has put there."""
    n = 0
    for where, inside, names in os.walk(folder):
        inside[:] = sorted(name for name in inside if not SKIPPED.search(name))
        for name in sorted(names):
            n += 1
            if n > MOST:
                return
            if _is_ours(path := Path(where, name)):
                yield path


def _read(path: Path, name: str) -> list[tuple[str, bytes, str]]:
    """Name and bytes of a file, or of those in an archive, or why they cannot be read."""
    try:
        if path.stat().st_size > LARGEST:
            return [(name, b"", f"larger than {LARGEST >> 20} MB")]
        data = path.read_bytes()
        if path.suffix.lower() != ".zip":
            return [(name, data, "")]
        inside = list(_unpacked(data))
    except (zipfile.BadZipFile, zlib.error, OSError, RuntimeError, NotImplementedError) as error:
        return [(name, b"", f"it cannot be read: {error}")]
    return inside or [(name, b"", "no script and no notebook in it")]


def _unpacked(data: bytes) -> Iterator[tuple[str, bytes, str]]:
    left = LARGEST  # of all together: an archive may promise more than it holds
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for entry in archive.infolist()[:MOST]:
            name = PurePosixPath(entry.filename)
            hidden = any(SKIPPED.search(part) for part in name.parts)
            if entry.is_dir() or hidden or name.suffix.lower() not in (".py", ".ipynb"):
                continue
            with archive.open(entry) as file:
                text = file.read(left)
            left -= len(text)
            yield entry.filename, text, ""


def _of_folder(name: str, slug: str) -> str:
    if found := MOODLE.match(name):
        return found["name"]
    return name.removeprefix(slug)


def _of_file(path: Path) -> tuple[str, str, str]:
    """Key, student and own name of a file that lies there without a folder of the student."""
    for form, text in ((MOODLE, path.stem), (CANVAS, path.name), (BLACKBOARD, path.name)):
        if found := form.match(text):
            parts = found.groupdict()
            key = f"{parts['name']}_{parts['id']}" if "id" in parts else parts["name"]
            return key, parts["name"], parts.get("file") or path.name
    # `Jane Doe_a01_token_retrieval.py`, or `Jane Doe.py`
    name = re.sub(r"[ _-]*\(\d+\)$|-\d+$", "", path.stem)
    name = re.sub(r"(?<=.)[ _-]+a\d+_\w+$", "", name)
    return name, name, path.name


def _common_slug(names: Sequence[str]) -> str:
    """`lab-1-` of `lab-1-jdoe`, `lab-1-ann`, `lab-1-li`: as GitHub Classroom names repositories."""
    if len(names) < 3:
        return ""
    first, last = min(names), max(names)
    same = [a == b for a, b in zip(first, last, strict=False)]
    common = first[: same.index(False) if False in same else len(same)]
    slug = common[: common.rfind("-") + 1]
    return slug if len(slug) > 2 else ""


def answers(name: str, text: str, chosen: Sequence[Assignment]) -> Assignment | None:
    """Which assignment a file answers: by its name, else by the functions it defines."""
    stem = PurePosixPath(name).stem
    for assignment in chosen:
        if assignment.name in stem:
            return assignment
    counts = Counter(
        {
            assignment: sum(f"def {task.function}(" in text for task in assignment.tasks)
            for assignment in chosen
        }
    )
    best = counts.most_common(1)
    return best[0][0] if best and best[0][1] else None
