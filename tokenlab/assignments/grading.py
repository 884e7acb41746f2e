"""Grade the answers of a class, side by side, and write a table of marks.

All files are read before any code runs, and the table is written when all of it has ended: no
answer can change another one, or the marks.
"""

import csv
import io
import os
import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tokenlab.assignments import cells, folders, guard, likeness, runner, submissions
from tokenlab.assignments.catalog import OPEN, Assignment
from tokenlab.assignments.cells import Cell
from tokenlab.assignments.grades import Grade, Job
from tokenlab.assignments.words import visible
from tokenlab.errors import InvalidInput, TokenlabError

__all__: list[str] = []

MOST_FILES = 6  # answers of one student to one assignment that are run
OPEN_COLUMN = "open question"  # to be filled in by a person


@dataclass
class File:
    """A file that answers an assignment, as cells, and where it may find files beside it."""

    name: str
    cells: Sequence[Cell]
    folder: Path | None


@dataclass
class Row:
    """A student's answer to an assignment: the files, then the grades of the one that counts."""

    key: str
    student: str
    assignment: Assignment | None
    files: list[File] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    grades: list[Grade] = field(default_factory=list)
    counted: File | None = None
    failed: bool = False

    @property
    def points(self) -> int:
        """The points of all tasks."""
        return sum(grade.points for grade in self.grades)


def grade_folder(
    folder: Path,
    table: Path,
    chosen: Sequence[Assignment],
    *,
    seconds: float,
    side_by_side: int | None = None,
) -> int:
    """Grade all submissions in a folder; return 1 if there is one that could not be graded."""
    kept = _filled_in(table)  # before anything takes long
    rows = collect(folder, chosen)
    if not rows:
        raise InvalidInput(f"{folder} holds no submissions: no folders, scripts or notebooks.")
    if missing := guard.protections():
        print(f"This system does not keep answers from {' and '.join(missing)}: use a container.\n")
    for assignment in chosen:
        assignment.tests(hidden=True)  # read once, before there are threads
    with ThreadPoolExecutor(side_by_side or os.cpu_count()) as pool:
        for row in pool.map(lambda row: _graded(row, seconds), rows):
            print(visible(_line(row)), flush=True)
    write(table, rows, kept)
    failed = sum(row.failed for row in rows)
    print(f"\n{len(rows)} rows in {table}" + (f", {failed} not graded." if failed else "."))
    return 1 if failed else 0


def collect(folder: Path, chosen: Sequence[Assignment]) -> list[Row]:
    """A row for each student and assignment, with all that was handed in for it."""
    rows: dict[tuple[str, str], Row] = {}
    without: dict[str, Row] = {}
    for one in submissions.find(folder):
        nothing = without.setdefault(one.key, Row(one.key, one.student, None))
        try:
            if one.problem:
                raise InvalidInput(f"{one.path}: {one.problem}" if one.path else one.problem)
            read = cells.from_bytes(one.data, one.path)
        except InvalidInput as error:
            nothing.notes.append(str(error))
            continue
        text = "\n".join(cell.text for cell in read)
        assignment = submissions.answers(one.path, text, chosen)
        if assignment is not None:
            empty = Row(one.key, one.student, assignment)
            row = rows.setdefault((one.key, assignment.name), empty)
            row.files.append(File(one.path, read, one.folder))
    for row in rows.values():
        row.notes += without[row.key].notes
    answered = {key for key, _ in rows}
    left = [row for key, row in without.items() if key not in answered]
    for row in left:
        row.notes = row.notes or ["no file answers the assignment"]
        if len(chosen) == 1:
            row.assignment = chosen[0]
    found = [*rows.values(), *left]
    return sorted(found, key=lambda row: (row.assignment.name if row.assignment else "", row.key))


def _graded(row: Row, seconds: float) -> Row:
    """Run the files of a row; of several that are worked on, the best one counts."""
    assignment = row.assignment
    if assignment is None or not row.files:
        row.failed = True
        return row
    changed = [file for file in row.files if folders.worked_on(file.cells, assignment)]
    tried = (changed or row.files[:1])[:MOST_FILES]
    found = []
    for file in tried:
        jobs = [
            Job(assignment, task, file.cells, Path(file.name).name, True)
            for task in assignment.tasks
        ]
        try:
            grades = runner.grade(jobs, seconds=seconds, folder=file.folder, strict=True)
        except (TokenlabError, OSError, ValueError) as error:
            row.notes.append(f"{file.name}: {error}")
            continue
        found.append((sum(grade.points for grade in grades), file, grades))
    row.failed = not found
    if found:
        _, row.counted, row.grades = max(found, key=lambda one: one[0])
    if len(found) > 1:
        each = ", ".join(f"{file.name} {points}" for points, file, _ in found)
        row.notes.append(f"several files were worked on ({each}); the best counts")
    elif not changed:
        row.notes.append("the file is as it was handed out")
    return row


def _line(row: Row) -> str:
    """What the terminal shows of a row."""
    name = row.assignment.name if row.assignment else "-"
    marks = "not graded" if row.failed else f"{row.points} of {_possible(row)}"
    notes = f"  ({'; '.join(row.notes)})" if row.notes else ""
    return f"{row.student:<24} {name:<28} {marks}{notes}"


def _possible(row: Row) -> int:
    return sum(task.points for task in row.assignment.tasks) if row.assignment else 0


def open_answer(read: Sequence[Cell]) -> str:
    """What a student wrote below the open question, in whatever cell."""
    for i, cell in enumerate(read):
        if OPEN.search(cell.text):
            # A script's text cell that is no longer all comments came back as code.
            texts = [re.sub(r"^# ?", "", below.text, flags=re.M) for below in read[i + 1 :]]
            own = OPEN.split(cell.text)[-1] if "Your answer" in cell.text else ""
            text = "\n".join([own.partition("Your answer")[2], *texts])
            return re.sub(r"\*?Your answer:?\*?", "", text).strip(" *:\n")
    return ""


def write(table: Path, rows: Sequence[Row], kept: dict[tuple[str, str], str]) -> None:
    """The table of marks; points that a person has filled in before stay."""
    code, texts = _alike(rows)
    lines = []
    for row in rows:
        a = row.assignment
        answer = open_answer(row.counted.cells) if row.counted else ""
        line: dict[str, object] = {
            "student": row.student,
            "submission": row.key,
            "assignment": a.name if a else "",
            "file": row.counted.name if row.counted else "",
            "points": "" if row.failed else row.points,
            "of": _possible(row),
            "points as it stands": ""
            if row.failed
            else sum(g.points_as_it_stands for g in row.grades),
            OPEN_COLUMN: kept.get((row.key, a.name if a else ""), ""),
            "open question of": a.open_points if a else "",
            "open answer": answer[:2000],
            **{f"task {g.task.number}": g.points for g in row.grades},
            "likeness": f"{code[id(row)][0]:.2f}",
            "most like": code[id(row)][1],
            "likeness of the open answer": f"{texts[id(row)][0]:.2f}",
            "open answer most like": texts[id(row)][1],
            "hints": "; ".join(f"{g.task.number} {g.hint.name}" for g in row.grades if g.hint),
            "notes": "; ".join(row.notes),
        }
        lines.append({name: _harmless(value) for name, value in line.items()})
    _save(table, lines)


def _alike(
    rows: Sequence[Row],
) -> tuple[dict[int, tuple[float, str]], dict[int, tuple[float, str]]]:
    """Of each row: the nearest code and the nearest open answer among those of the assignment."""
    code: dict[int, tuple[float, str]] = {id(row): (0.0, "") for row in rows}
    texts = dict(code)
    for assignment in {row.assignment for row in rows if row.assignment is not None}:
        mine = {row.key: row for row in rows if row.assignment == assignment and row.counted}
        files = {key: row.counted.cells for key, row in mine.items() if row.counted}
        stub = likeness.of_code(cells.script_cells(assignment.stub))
        near = likeness.nearest({key: likeness.of_code(c) for key, c in files.items()}, stub)
        said = {key: likeness.of_text(open_answer(c)) for key, c in files.items()}
        near_texts = likeness.nearest(said)
        for key, row in mine.items():
            code[id(row)], texts[id(row)] = near[key], near_texts[key]
    return code, texts


def _harmless(value: object) -> str:
    """No cell that a table calculator takes for a formula."""
    text = visible(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t") else text


def _filled_in(table: Path) -> dict[tuple[str, str], str]:
    """The points for open questions in an earlier table."""
    if not table.exists():
        return {}
    try:
        text = table.read_text(encoding="utf-8-sig")
        reader = csv.DictReader(io.StringIO(text))
        lines = list(reader)
        if OPEN_COLUMN not in (reader.fieldnames or ()):
            raise KeyError(OPEN_COLUMN)
        return {(line["submission"], line["assignment"]): line[OPEN_COLUMN] or "" for line in lines}
    except (KeyError, ValueError, csv.Error):
        raise InvalidInput(
            f"{table} is already there and is no table of marks. Choose another name."
        ) from None


def _save(table: Path, lines: Sequence[dict[str, str]]) -> None:
    """Write a whole table, or nothing."""
    names: dict[str, None] = {}
    for line in lines:
        before, after = _around_tasks(line)
        tasks = [name for name in (*names, *line) if name.startswith("task ")]
        names = dict.fromkeys([*before, *sorted(set(tasks)), *after])
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(names), restval="")
    writer.writeheader()
    writer.writerows(lines)
    draft = table.with_name(table.name + ".tmp")
    draft.write_bytes(b"\xef\xbb\xbf" + text.getvalue().encode())  # the mark is for Excel
    draft.replace(table)


def _around_tasks(line: Iterable[str]) -> tuple[list[str], list[str]]:
    names = [name for name in line if not name.startswith("task ")]
    at = names.index("likeness")
    return names[:at], names[at:]
