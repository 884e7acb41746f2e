"""An assignment as one notebook for nbgrader: its cells know solutions, tests and points."""

import ast
from typing import Any

from tokenlab.assignments.catalog import OPEN, Assignment
from tokenlab.assignments.cells import BEGIN, Cell, script_cells, to_notebook
from tokenlab.assignments.marks import Test

__all__: list[str] = []

HIDE, SHOW = "### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS"

# What `recorder.py` does for the command: an argument that a function changes fails the test.
KEPT = """\
import copy
import sys

import numpy as np


class ArgumentsStay:
    def __init__(self, module):
        self.module = module

    def __getattr__(self, name):
        value = getattr(self.module, name)
        if not callable(value):
            return value

        def called(*args, **words):
            before = copy.deepcopy(args)
            result = value(*args, **words)
            for old, new in zip(before, args):
                if isinstance(old, np.ndarray):
                    np.testing.assert_array_equal(new, old, "the function changes its input")
            return result

        return called"""


def notebook(assignment: Assignment) -> str:
    """The notebook for nbgrader's `source` folder, from which it makes the students' one."""
    written: list[tuple[Cell, dict]] = []
    tasks = list(assignment.tasks)
    answers_open = False
    for cell in script_cells(assignment.source):
        if answers_open and cell.kind == "markdown":
            points = assignment.open_points
            written.append((cell, _about("open-question", points, answer=True)))
            answers_open = False
        elif cell.kind == "code" and BEGIN in cell.text:
            task = tasks.pop(0)
            name = "task-" + task.number.replace(".", "-")  # it allows no dots
            written.append((cell, _about(name, None, answer=True)))
            written += _test_cells(assignment, task.number)
        else:
            answers_open = bool(OPEN.search(cell.text))
            written.append((cell, {}))
    return to_notebook([cell for cell, _ in written], [about for _, about in written])


def _about(name: str, points: int | None, *, answer: bool) -> dict[str, Any]:
    """nbgrader's metadata of a cell: what is written by the student, what is worth points."""
    about = {
        "schema_version": 3,
        "grade_id": name,
        "solution": answer,
        "grade": points is not None,
        "locked": not answer,
        "task": False,
    }
    return {"nbgrader": about | ({} if points is None else {"points": points})}


def _test_cells(assignment: Assignment, number: str) -> list[tuple[Cell, dict]]:
    """A locked cell for each test of a task."""
    made, public = [], assignment.tests()
    for test in assignment.tests(hidden=True):
        if test.task != number:
            continue
        file = "test_public.py" if test in public else "test_hidden.py"
        text = _as_cell(assignment.text(file), test)
        if test not in public:
            text = f"# A hidden test: {test.title}\n{HIDE}\n{text}\n{SHOW}"
        made.append((Cell("code", text), _about(test.name, test.points, answer=False)))
    return made


def _as_cell(code: str, test: Test) -> str:
    """The test with what its file needs, called on the notebook's own functions."""
    kept = []
    for node in ast.parse(code).body:
        is_test = isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
        if isinstance(node, ast.Expr):  # the file's docstring
            continue
        if is_test and node.name != test.name:  # type: ignore[attr-defined]
            continue
        if isinstance(node, ast.ImportFrom) and node.module == "tokenlab.assignments":
            continue
        text = ast.get_source_segment(code, node) or ""  # begins at `def`, below the decorator
        kept.append(text)
    return "\n\n".join([*kept, KEPT, f"{test.name}(ArgumentsStay(sys.modules[__name__]))"])
