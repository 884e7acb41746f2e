"""For every assignment and task, found by themselves: solution, stub, and planted wrong answers."""

import ast
import json
import os
import re
import subprocess
import sys
from dataclasses import replace

import pytest

from tokenlab.assignments import cells, folders, runner
from tokenlab.assignments.catalog import load_all

ASSIGNMENTS = load_all()
TASKS = [(a, t) for a in ASSIGNMENTS for t in a.tasks]
WRONG = [(a, i) for a in ASSIGNMENTS for i in range(len(a.wrong))]
each_assignment = pytest.mark.parametrize("assignment", ASSIGNMENTS, ids=lambda a: a.name)
each_task = pytest.mark.parametrize(
    ("assignment", "task"), TASKS, ids=[f"{a.name[:3]}-{t.number}" for a, t in TASKS]
)


@pytest.fixture(scope="module")
def grades():
    """`(assignment, kind, number of the answer)` -> grade; all of them in one process."""
    jobs = {}
    for a in ASSIGNMENTS:
        for kind, some in folders.answer_jobs(a).items():
            jobs |= {(a.name, kind, i): job for i, job in enumerate(some)}
            if kind == "wrong":
                public = [replace(job, hidden=False) for job in some]
                jobs |= {(a.name, "wrong, public", i): job for i, job in enumerate(public)}
    return dict(zip(jobs, runner.grade(list(jobs.values())), strict=True))


def test_there_are_assignments():
    assert len(ASSIGNMENTS) >= 2
    assert len({a.name[:3] for a in ASSIGNMENTS}) == len(ASSIGNMENTS)


@each_task
def test_the_solution_passes_all_tests(assignment, task, grades):
    grade = grades[assignment.name, "solution", assignment.tasks.index(task)]
    assert grade.ok, f"{grade.passed} {grade.hint}"
    assert grade.hint is None
    assert grade.points == task.points


@each_task
def test_the_stub_fails_every_test(assignment, task, grades):
    grade = grades[assignment.name, "stub", assignment.tasks.index(task)]
    assert grade.passed == dict.fromkeys(grade.passed, False)
    assert grade.points == 0
    assert grade.hint.name == "not started"


@pytest.mark.parametrize(
    ("assignment", "number"),
    WRONG,
    ids=[f"{a.name[:3]}-{a.wrong[i].task}-{a.wrong[i].hint.replace(' ', '_')}" for a, i in WRONG],
)
def test_a_wrong_answer_fails_a_hidden_test_and_gets_its_hint(assignment, number, grades):
    wrong = assignment.wrong[number]
    grade = grades[assignment.name, "wrong", number]
    public = {test.name for test in assignment.tests()}
    hidden = [test.name for test in grade.tests if test.name not in public]
    assert not all(grade.passed.get(name) for name in hidden), f"passes {hidden}"
    assert grade.hint.name == wrong.hint, grade.hint
    alone = grades[assignment.name, "wrong, public", number]
    if not alone.ok:
        assert alone.hint.name == wrong.hint, alone.hint


@each_assignment
def test_every_mistake_is_told_from_the_solution(assignment):
    """A hint that no answer can get, or that says nothing, is of no use."""
    numbers = {task.number for task in assignment.tasks}
    for mistake in assignment.mistakes:
        assert mistake.task in numbers
        assert len(mistake.hint) > 30, mistake.name
        assert mistake.hint.endswith(".")
        assert not mistake.hint[0].isupper(), f"{mistake.hint!r} follows 'Hint: '"


@each_task
def test_a_task_has_points_tests_and_wrong_answers(assignment, task):
    public = [test for test in assignment.tests() if test.task == task.number]
    tests = [test for test in assignment.tests(hidden=True) if test.task == task.number]
    assert public, "a public test shows what is wanted"
    assert len(tests) > len(public), "there is no hidden test"
    assert sum(test.points for test in tests) == task.points, "the heading states other points"
    wrong = [answer.hint for answer in assignment.wrong if answer.task == task.number]
    assert len(wrong) >= 4
    mistakes = {mistake.name for mistake in assignment.mistakes if mistake.task == task.number}
    assert len(set(wrong) & mistakes) >= 3


@each_assignment
def test_an_assignment_is_whole(assignment):
    assert re.fullmatch(r"\d+( to \d+)?", assignment.minutes)
    assert 3 <= len(assignment.tasks) <= 6
    assert assignment.open_points > 0
    number = str(int(assignment.name[1:3]))
    assert [t.number for t in assignment.tasks] == [
        f"{number}.{i + 1}" for i in range(len(assignment.tasks))
    ]
    names = [test.name for test in assignment.tests(hidden=True)]
    assert len(set(names)) == len(names)
    numbers = {task.number for task in assignment.tasks}
    assert {test.task for test in assignment.tests(hidden=True)} == numbers
    assert {answer.task for answer in assignment.wrong} == numbers
    teacher = assignment.text("TEACHER.md")
    for part in ("Goals", "Prerequisites", "Time", "Common mistakes", "Rubric"):
        assert part in teacher, f"TEACHER.md lacks {part}"


@each_assignment
def test_the_stub_holds_nothing_of_the_solution(assignment):
    for text in (assignment.stub, cells.solution(assignment.source)):
        ast.parse(text)
        assert "SOLUTION" not in text
    inside, hidden = False, []
    for line in assignment.source.splitlines():
        inside = inside or line.strip() == cells.BEGIN
        if inside and len(line.strip()) > 25:
            hidden.append(line.strip())
        inside = inside and line.strip() != cells.END
    assert hidden
    kept = [line for line in hidden if line in assignment.stub]
    assert kept == []
    for task in assignment.tasks:
        assert f'raise NotImplementedError("Task {task.number}")' in assignment.stub


@each_assignment
def test_the_notebook_is_the_one_that_jupytext_makes(assignment):
    jupytext = pytest.importorskip("jupytext")
    theirs = jupytext.reads(assignment.stub, fmt="py:percent")
    ours = json.loads(cells.to_notebook(cells.script_cells(assignment.stub)))
    assert [(c["cell_type"], c["source"]) for c in theirs.cells] == [
        (c["cell_type"], "".join(c["source"])) for c in ours["cells"]
    ]
    nbformat = pytest.importorskip("nbformat")
    nbformat.validate(nbformat.from_dict(ours))


@pytest.mark.tutorials
@each_assignment
def test_the_whole_source_runs_and_prints_its_result(assignment, tmp_path):
    done = subprocess.run(
        [sys.executable, str(assignment.folder / "source.py")],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "MPLBACKEND": "Agg"},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
