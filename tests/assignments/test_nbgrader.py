"""nbgrader itself on the exported notebooks: full points for the solution, none for the stub.

Runs where nbgrader is installed (`pip install nbgrader ipykernel`): `pytest -m build`.
"""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tokenlab.assignments import cells, nbgrader
from tokenlab.assignments.catalog import load_all

pytestmark = pytest.mark.build
ASSIGNMENTS = load_all()


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    pytest.importorskip("nbgrader")
    return tmp_path_factory.mktemp("course")


def command(course, *words):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # it starts `jupyter`
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *words],
        cwd=course,
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": path},
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.parametrize("assignment", ASSIGNMENTS, ids=lambda a: a.name)
def test_full_points_for_the_solution_and_none_for_the_stub(assignment, course):
    name = assignment.name
    source = course / "source" / name
    source.mkdir(parents=True)
    text = nbgrader.notebook(assignment)
    (source / f"{name}.ipynb").write_text(text, encoding="utf-8")
    command(course, "generate_assignment", name)
    released = (course / "release" / name / f"{name}.ipynb").read_text(encoding="utf-8")
    for hidden in ("HIDDEN TESTS", "BEGIN SOLUTION", "### END"):
        assert hidden not in released
    hidden = [t for t in assignment.tests(hidden=True) if t not in assignment.tests()]
    assert all(f"def {test.name}" not in released for test in hidden)

    for student, notebook in (("right", text), ("stub", released)):
        folder = course / "submitted" / student / name
        folder.mkdir(parents=True)
        answer = notebook.replace(cells.BEGIN, "").replace(cells.END, "")
        (folder / f"{name}.ipynb").write_text(answer, encoding="utf-8")
    command(course, "autograde", name, "--create")
    command(course, "export", "--to", "grades.csv")
    with (course / "grades.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["assignment"] == name]
    points = {row["student_id"]: float(row["raw_score"] or 0) for row in rows}
    tasks = sum(task.points for task in assignment.tasks)
    assert points == {"right": tasks, "stub": 0}
    most = {float(row["max_score"]) for row in rows}
    assert most == {tasks + assignment.open_points}  # the open question is graded by hand
    shutil.rmtree(course / "submitted")
