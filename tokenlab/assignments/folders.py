"""Write the folders of students and teachers, and find a student's answer in one."""

import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from tokenlab.assignments import cells, nbgrader, runner, seeds, teaching
from tokenlab.assignments.catalog import Assignment, find, load_all
from tokenlab.assignments.cells import Cell
from tokenlab.assignments.runner import Grade, Job
from tokenlab.assignments.words import ACCESS, README
from tokenlab.errors import InvalidInput

answer_jobs, answer_report = teaching.answer_jobs, teaching.answer_report
__all__ = ["answer_jobs", "answer_report"]


def start(assignment: Assignment, out: Path, *, force: bool = False) -> list[Path]:
    """Write a student's folder; return the files, and with `force` a backup of what was there."""
    files = student_files(assignment)
    there = [out / name for name in files if (out / name).exists()]
    if there and not force:
        raise InvalidInput(
            f"{there[0]} is already there, perhaps with your work in it. Choose another folder "
            "with --out, or begin anew with --force, which keeps a backup."
        )
    written = [_back_up(path) for path in there]
    return written + _write(out, files)


def student_files(assignment: Assignment) -> dict[str, str]:
    """Name -> text of what a student gets."""
    name, open_points = assignment.name, assignment.open_points
    return {
        f"{name}.py": assignment.stub,
        f"{name}.ipynb": cells.to_notebook(cells.script_cells(assignment.stub)),
        "test_public.py": assignment.text("test_public.py"),
        "README.md": README.format(
            title=assignment.title,
            name=name,
            n=len(assignment.tasks),
            points=sum(task.points for task in assignment.tasks),
            more=f" and {open_points} for the open question" if open_points else "",
            minutes=assignment.minutes,
            access=ACCESS,
        ),
    }


def _write(out: Path, files: dict[str, str]) -> list[Path]:
    out.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (out / name).write_text(text, encoding="utf-8")
    return [out / name for name in files]


def _back_up(path: Path) -> Path:
    """Copy a file to the first free `name.backup-1.py`, and so on."""
    number = 1
    while (to := path.with_name(f"{path.stem}.backup-{number}{path.suffix}")).exists():
        number += 1
    return Path(shutil.copy2(path, to))


class Found(NamedTuple):
    """An assignment, the file that answers it, and what a person should know of the choice."""

    assignment: Assignment
    file: Path
    notes: list[str]


def find_answers(path: Path, content: Path | None = None) -> list[Found]:
    """The assignments that a folder, script or notebook answers, and the file of each to check."""
    if path.is_file():
        for assignment in load_all(content):
            if path.stem.startswith(assignment.name):
                cells.read(path)  # whoever names a file is told if it cannot be read
                return [Found(assignment, path, [])]
        names = ", ".join(a.name for a in load_all(content))
        raise InvalidInput(f"{path}: its name begins with none of the assignments: {names}.")
    if not path.is_dir():
        raise InvalidInput(f"{path} is not there; expected a folder, a script or a notebook.")
    found = []
    for assignment in load_all(content):
        files = [path / f"{assignment.name}{end}" for end in (".py", ".ipynb")]
        files = [file for file in files if file.is_file()]
        if files:
            found.append(Found(assignment, *_worked_in(files, assignment)))
    if not found:
        raise InvalidInput(
            f"{path.resolve()} holds no assignment. Go to the folder that `tokenlab assignment "
            "start` wrote, or name it: tokenlab assignment check FOLDER."
        )
    return found


def _worked_in(files: Sequence[Path], assignment: Assignment) -> tuple[Path, list[str]]:
    """The file that differs from the stub; of several, the one that changed last."""
    notes, readable, changed = [], [], []
    for file in files:
        try:
            is_changed = worked_on(cells.read(file), assignment)
        except InvalidInput as error:
            notes.append(f"Not checked: {error}")
            continue
        readable.append(file)
        if is_changed:
            changed.append(file)
    if not readable:
        raise InvalidInput(" ".join(note.removeprefix("Not checked: ") for note in notes))
    changed.sort(key=lambda file: file.stat().st_mtime)
    notes += [
        f"Script and notebook are both changed. This is {changed[-1].name}, the one that was saved "
        f"last; the other one:  tokenlab assignment check {other}"
        for other in changed[:-1]
    ]
    return (changed or readable)[-1 if changed else 0], notes


def worked_on(read: Sequence[Cell], assignment: Assignment) -> bool:
    """Whether the code differs from that of the stub."""

    def code(these: Sequence[Cell]) -> list[str]:
        return [cell.text.strip() for cell in these if cell.kind == "code" and cell.text.strip()]

    return code(read) != code(cells.script_cells(assignment.stub))


def check(assignment: Assignment, file: Path, *, hidden: bool, seconds: float) -> list[Grade]:
    """Grade all tasks of one answer."""
    read = cells.read(file)
    jobs = [Job(assignment, task, read, file.name, hidden) for task in assignment.tasks]
    return runner.grade(jobs, seconds=seconds, folder=file.parent)


def build(
    names: Sequence[str],
    out: Path,
    *,
    teacher: bool,
    for_nbgrader: bool = False,
    content: Path | None = None,
    seed: int | None = None,
    force: bool = False,
) -> list[Path]:
    """Write `student/NAME`, `teacher/NAME` and nbgrader's `source/NAME`; return the folders.

    With a seed the hidden tests draw other inputs. What was edited is kept: it is an error, and
    with `force` there is a backup.
    """
    chosen = [find(name, content) for name in names] if names else load_all(content)
    folders: dict[Path, dict[str, str]] = {}
    with ExitStack() as copies:
        for assignment in chosen:
            made = assignment
            if seed is not None:
                made = copies.enter_context(seeds.reseeded(assignment, seed))
            folders[out / "student" / made.name] = student_files(made)
            if teacher:
                folders[out / "teacher" / made.name] = teaching.teacher_files(made)
            if for_nbgrader:
                book = {f"{made.name}.ipynb": nbgrader.notebook(made)}
                folders[out / "source" / made.name] = book
    other = [
        folder / name
        for folder, files in folders.items()
        for name, text in files.items()
        if _differs(folder / name, text)
    ]
    if other and not force:
        raise InvalidInput(
            f"{other[0]} is already there and holds something else, perhaps your work. Choose "
            "another folder with --out, or write it anew with --force, which keeps a backup."
        )
    for path in other:
        _back_up(path)
    for folder, files in folders.items():
        _write(folder, files)
    return list(folders)


def _differs(path: Path, text: str) -> bool:
    return path.exists() and path.read_bytes().replace(b"\r\n", b"\n") != text.encode()
