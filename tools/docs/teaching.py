"""The parts of the page on teaching that come from the assignments themselves."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from docs.markdown import fenced
from tokenlab.assignments.catalog import Assignment, load_all


def write(folder: Path) -> list[Path]:
    """Write the list of the assignments, and what `check` says to a wrong answer."""
    folder.mkdir(parents=True, exist_ok=True)
    assignments = load_all()
    rows = []
    for a in assignments:
        tasks = "; ".join(task.title.removesuffix("?") for task in a.tasks)
        rows.append(f"- **{a.title}** (`{a.name}`, {a.minutes} minutes): {tasks}.")
    table, sample = folder / "assignments.md", folder / "check.md"
    table.write_text("\n".join(rows) + "\n", encoding="utf-8")
    sample.write_text(fenced(checked(assignments[0]), "text"), encoding="utf-8")
    return [table, sample]


def checked(assignment: Assignment) -> str:
    """The report on a student who got the first task right and the next one wrong."""
    first, second = (task.number for task in assignment.tasks[:2])
    right = next(
        c.text for c in assignment.solution if f"def {assignment.tasks[0].function}(" in c.text
    )
    wrong = next(w.text for w in assignment.wrong if w.task == second)
    assert first != second
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / f"{assignment.name}.py"
        answer.write_text("\n\n# %%\n".join([assignment.stub, right, wrong]), encoding="utf-8")
        command = [
            sys.executable,
            "-m",
            "tokenlab.cli",
            "assignment",
            "check",
            "--hints",
            answer.name,
        ]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 1:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr}")
    return f"$ tokenlab assignment check --hints\n{done.stdout}"
