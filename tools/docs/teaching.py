"""The parts of the page on teaching that come from the assignments themselves."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from docs.markdown import fenced
from tokenlab.assignments.catalog import Assignment, load_all
from tokenlab.papers import PAPERS, Paper

TUTORIALS = Path(__file__).resolve().parents[2] / "tutorials"


def write(folder: Path) -> list[Path]:
    """Write the list of the assignments, what `check` says to a wrong answer, and the papers."""
    folder.mkdir(parents=True, exist_ok=True)
    assignments = load_all()
    rows = []
    for a in assignments:
        tasks = "; ".join(task.title.removesuffix("?") for task in a.tasks)
        rows.append(f"- **{a.title}** (`{a.name}`, {a.minutes} minutes): {tasks}.")
    table, sample = folder / "assignments.md", folder / "check.md"
    table.write_text("\n".join(rows) + "\n", encoding="utf-8")
    sample.write_text(fenced(checked(assignments[0]), "text"), encoding="utf-8")
    papers = folder / "papers_in_class.md"
    papers.write_text(papers_in_class(), encoding="utf-8")
    return [table, sample, papers]


def papers_in_class(papers: Sequence[Paper] = PAPERS) -> str:
    """A line for each paper of the registry: what to read, and what to show."""
    rows = ["| paper | tutorial | step-through | what we found |", "|---|---|---|---|"]
    for paper in papers:
        if paper.status != "works":
            continue
        read = ", ".join(tutorial(name) for name in paper.tutorials)
        page = f"[`tokenlab steps {paper.steps}`](../steps/{paper.steps}.html)"
        rows.append(f"| {paper.name} | {read} | {page} | {paper.finding} |")
    return "\n".join(rows) + "\n"


def tutorial(name: str) -> str:
    """A link to a tutorial by its title, with the minutes that it states under "Needs"."""
    text = (TUTORIALS / f"{name}.py").read_text(encoding="utf-8")
    title = text.split("\n# # ", 1)[1].split("\n", 1)[0]
    minutes = re.search(r"(\d+)\s+(?:# )?minutes", text)
    after = f" ({minutes[1]} minutes)" if minutes else ""
    return f"[{title.split(':')[0]}](../tutorials/{name}.md){after}"


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
