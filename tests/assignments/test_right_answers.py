"""Right answers by other routes pass every test: ten a task, and the same in the forms of files."""

import re
from pathlib import Path

import pytest

from tokenlab.assignments import answers, cells, recorder
from tokenlab.assignments.catalog import load_all

MARK = re.compile(r"^# %% (\S+) \| (.+)$", re.M)
FEWEST = 10


def routes(assignment):
    """`(task, route, text)` of each answer that is kept for an assignment."""
    path = Path(__file__).parent / "right" / f"{assignment.name}.py"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    marks = list(MARK.finditer(text))
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    return [
        (m[1], m[2], text[m.end() : end].strip("\n")) for m, end in zip(marks, ends, strict=True)
    ]


ANSWERS = [(a, *route) for a in load_all() for route in routes(a)]


@pytest.mark.parametrize(
    ("assignment", "number", "route", "text"),
    ANSWERS,
    ids=[f"{a.name[:3]}-{n}-{r.replace(' ', '_')}" for a, n, r, _ in ANSWERS],
)
def test_a_right_answer_by_another_route_passes(assignment, number, route, text):
    task = assignment.task(number)
    changed = cells.replace_function(assignment.solution, task.function, text)
    names = [task.function for task in assignment.tasks]
    answer = answers.load(changed, "answer.py", names)
    assert not answer.problems
    for test in assignment.tests(hidden=True):
        if test.task == number:
            trial = recorder.run_test(test, answer.module)
            assert trial.error is None, f"{test.name}: {trial.error}"


def test_there_are_ten_for_each_task():
    for a in load_all():
        kept = [number for number, _, _ in routes(a)]
        if kept:  # an assignment that is new may have none yet
            assert {t.number: kept.count(t.number) >= FEWEST for t in a.tasks} == dict.fromkeys(
                [t.number for t in a.tasks], True
            )
