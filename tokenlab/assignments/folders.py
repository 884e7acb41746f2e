"""Write the folders of students and teachers, and find a student's answer in one."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from tokenlab.assignments import cells, nbgrader, runner
from tokenlab.assignments.catalog import Assignment, find, load_all
from tokenlab.assignments.runner import Grade, Job
from tokenlab.assignments.words import ACCESS, README
from tokenlab.errors import InvalidInput

__all__: list[str] = []


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


def find_answer(path: Path, content: Path | None = None) -> tuple[Assignment, Path]:
    """The assignment that a folder, script or notebook answers, and the file to check."""
    if path.is_file():
        for assignment in load_all(content):
            if path.stem.startswith(assignment.name):
                return assignment, path
        names = ", ".join(a.name for a in load_all(content))
        raise InvalidInput(f"{path}: its name begins with none of the assignments: {names}.")
    if not path.is_dir():
        raise InvalidInput(f"{path} is not there; expected a folder, a script or a notebook.")
    for assignment in load_all(content):
        files = [path / f"{assignment.name}{end}" for end in (".py", ".ipynb")]
        files = [file for file in files if file.is_file()]
        if files:
            return assignment, _worked_in(files, assignment)
    raise InvalidInput(
        f"{path.resolve()} holds no assignment. Go to the folder that `tokenlab assignment start` "
        "wrote, or name it: tokenlab assignment check FOLDER."
    )


def _worked_in(files: Sequence[Path], assignment: Assignment) -> Path:
    """The file that differs from the stub; of several, the one that changed last."""

    def code(these: Sequence[cells.Cell]) -> list[str]:
        return [cell.text.strip() for cell in these if cell.kind == "code" and cell.text.strip()]

    stub = code(cells.script_cells(assignment.stub))
    changed = [file for file in files if code(cells.read(file)) != stub]
    return max(changed, key=lambda file: file.stat().st_mtime) if changed else files[0]


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
) -> list[Path]:
    """Write `student/NAME`, `teacher/NAME` and nbgrader's `source/NAME`; return the folders."""
    chosen = [find(name, content) for name in names] if names else load_all(content)
    folders = []
    for assignment in chosen:
        folders.append(out / "student" / assignment.name)
        _write(folders[-1], student_files(assignment))
        if teacher:
            folders.append(out / "teacher" / assignment.name)
            _write(folders[-1], teacher_files(assignment))
        if for_nbgrader:
            folders.append(out / "source" / assignment.name)
            name = f"{assignment.name}.ipynb"
            _write(folders[-1], {name: nbgrader.notebook(assignment)})
    return folders


def teacher_files(assignment: Assignment) -> dict[str, str]:
    """Name -> text of what a teacher gets."""
    name, source = assignment.name, cells.solution(assignment.source)
    same = ("TEACHER.md", "test_public.py", "test_hidden.py", "mistakes.py", "wrong.py")
    return {
        f"{name}_solution.py": source,
        f"{name}_solution.ipynb": cells.to_notebook(cells.script_cells(source)),
        **{file: assignment.text(file) for file in same},
        "REPORT.md": answer_report(assignment),
    }


def answer_jobs(assignment: Assignment) -> dict[str, list[Job]]:
    """Jobs with all tests: the solution and the stub for each task, and each wrong answer."""
    right, empty = assignment.solution, cells.script_cells(assignment.stub)
    wrong = []
    for answer in assignment.wrong:
        task = assignment.task(answer.task)
        changed = cells.replace_function(right, task.function, answer.text)
        wrong.append(Job(assignment, task, changed, "wrong.py", True))
    return {
        "solution": [
            Job(assignment, task, right, "solution.py", True) for task in assignment.tasks
        ],
        "stub": [Job(assignment, task, empty, "stub.py", True) for task in assignment.tasks],
        "wrong": wrong,
    }


def answer_report(assignment: Assignment) -> str:
    """What the tests make of the solution, the stub and every planted wrong answer, run now."""
    jobs = answer_jobs(assignment)
    flat = [(kind, job) for kind in jobs for job in jobs[kind]]
    grades = runner.grade([job for _, job in flat])
    kinds = [f"wrong: {wrong.hint}" for wrong in assignment.wrong]
    labels = ["solution"] * len(jobs["solution"]) + ["stub"] * len(jobs["stub"]) + kinds
    rows = [
        f"| {g.task.number} | {label} | {g.points} of {g.possible} | "
        f"{' '.join(g.hint.text.split()).replace('|', '∣') if g.hint else ''} |"
        for label, g in zip(labels, grades, strict=True)
    ]
    head = "| task | answer | points | hint |\n|---|---|---|---|\n"
    return f"# {assignment.title}: answers and what they get\n\n{head}" + "\n".join(rows) + "\n"
