"""What a student reads after a check, and the same for machines."""

import json
import textwrap
from collections.abc import Sequence
from typing import Any

from tokenlab.assignments.catalog import Assignment
from tokenlab.assignments.runner import Grade
from tokenlab.assignments.words import visible
from tokenlab.tour.terminal import table, width

__all__: list[str] = []


def print_report(
    assignment: Assignment,
    file: str,
    grades: Sequence[Grade],
    *,
    hints: bool,
    hidden: bool,
    notes: Sequence[str] = (),
) -> None:
    """A line for each task, then what to do about those that are not done."""
    print(f"{assignment.title} ({assignment.name})\nChecking {visible(file)}\n")
    for note in notes:
        _print_text("", visible(note))
        print()
    rows = [
        (g.task.number, g.task.function, f"{g.points} of {g.possible}", _result(g)) for g in grades
    ]
    table(["task", "function", "points", "result"], rows, left=4)
    print()
    for grade in grades:
        if not grade.ok and not (grade.hint and grade.hint.name == "not started"):
            _print_task(grade, hints)
    earned, possible = sum(g.points for g in grades), sum(g.possible for g in grades)
    stands = sum(g.points_as_it_stands for g in grades)
    kind = "points" if hidden else "points of the public tests"
    print(f"{earned} of {possible} {kind}. {_rest(assignment, possible, hidden)}".rstrip())
    if stands < earned:
        print(
            f"As the file stands it passes tests for {stands}: {earned - stands} more are given to "
            "what is right by itself."
        )
    if all(grade.ok for grade in grades):
        print("All tests pass.")
    elif not hints:
        print("For longer hints:  tokenlab assignment check --hints")


def _result(grade: Grade) -> str:
    if grade.ok:
        return "passed"
    if grade.hint and grade.hint.name in ("not started", "crash", "time", "missing"):
        return {"time": "out of time", "missing": "not found"}.get(grade.hint.name, grade.hint.name)
    if grade.hint and grade.hint.name == "follow-on":
        return "right by itself"
    failed = sum(not grade.passed.get(test.name) for test in grade.tests)
    return f"{failed} of {len(grade.tests)} tests failed"


def _print_task(grade: Grade, hints: bool) -> None:
    print(f"Task {grade.task.number}, {grade.task.title}")
    for test in grade.tests:
        if not grade.passed.get(test.name):
            print(f"  failed: {test.title}")
    if grade.hint and (grade.hint.sure or hints):
        _print_text("Hint: ", grade.hint.text)
        for text in grade.hint.more if hints else []:
            _print_text("      ", text)
    print()


def _print_text(first: str, text: str) -> None:
    text = text[:1].upper() + text[1:] if first.strip() else text
    for line in text.splitlines():
        print(textwrap.fill(line, width(), initial_indent="  " + first, subsequent_indent=" " * 8))
        first = "      "


def _rest(assignment: Assignment, possible: int, hidden: bool) -> str:
    """Where the other points are."""
    more = sum(task.points for task in assignment.tasks) - possible
    said = [f"Hidden tests: {more} more."] if more and not hidden else []
    if assignment.open_points:
        said.append(f"The open question: {assignment.open_points}, read by a person.")
    return " ".join(said)


def as_json(
    assignment: Assignment,
    file: str,
    grades: Sequence[Grade],
    hidden: bool,
    notes: Sequence[str] = (),
) -> str:
    """The result for machines."""
    tasks = [
        {
            "task": grade.task.number,
            "function": grade.task.function,
            "points": grade.points,
            "points_as_it_stands": grade.points_as_it_stands,
            "possible": grade.possible,
            "passed": grade.ok,
            "tests": {test.name: bool(grade.passed.get(test.name)) for test in grade.tests},
            "hint": grade.hint._asdict() if grade.hint else None,
        }
        for grade in grades
    ]
    about: dict[str, Any] = {
        "assignment": assignment.name,
        "file": visible(file),
        "hidden": hidden,
        "points": sum(grade.points for grade in grades),
        "points_as_it_stands": sum(grade.points_as_it_stands for grade in grades),
        "possible": sum(grade.possible for grade in grades),
        "open_question": assignment.open_points,
        "passed": all(grade.ok for grade in grades),
        "notes": [visible(note) for note in notes],
        "tasks": tasks,
    }
    return json.dumps(about, indent=2, ensure_ascii=False) + "\n"
