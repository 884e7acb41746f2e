"""The process in which a student's code runs: `python -c "...worker.main(folder)"`.

It takes jobs from one file and writes what it finds to another, a line of JSON at a time, so that
whatever the code prints, and however it ends, earlier results are safe.
"""

import json
import os
import sys
import traceback
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

from tokenlab.assignments import answers, recorder
from tokenlab.assignments.catalog import Assignment, Task
from tokenlab.assignments.cells import Cell
from tokenlab.assignments.hints import Hint, diagnose

__all__: list[str] = []


def main(folder: str) -> None:
    """Do the jobs in `folder/jobs.json`, in order, and write `folder/results.jsonl`."""
    given = json.loads(Path(folder, "jobs.json").read_text(encoding="utf-8"))
    _limit_memory(given["memory"])
    results = os.open(Path(folder, "results.jsonl"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # print what you like: nobody reads it, and no file grows
        os.dup2(nowhere, stream)
    sys.path += given["path"]

    def tell(**event: Any) -> None:
        os.write(results, json.dumps(event).encode() + b"\n")

    for job in given["jobs"]:
        number = job["job"]
        tell(event="start", job=number)
        try:
            _do(job, partial(tell, job=number))
        except Exception:  # not the student's fault
            text = "the checker itself failed. Please report this:\n" + traceback.format_exc()
            tell(event="hint", job=number, **Hint("checker", text, [])._asdict())
        tell(event="end", job=number)
    os._exit(0)  # threads and exit handlers of the student's code wait for nothing here


def _do(job: dict[str, Any], tell: Any) -> None:
    """Grade one task of one answer."""
    assignment = _assignment(job["folder"])
    task = assignment.task(job["task"])
    right = _right(job["folder"])
    answer = answers.load([Cell(*cell) for cell in job["cells"]], job["file"])
    tests = [t for t in _tests(job["folder"], job["hidden"]) if t.task == task.number]
    trials = []
    for test in tests:
        tell(event="test", test=test.name)
        trial = recorder.run_test(test, answer.module)
        tell(event="result", test=test.name, passed=trial.error is None)
        trials.append(trial)
    if any(trial.error is not None for trial in trials):
        hint = _hint(assignment, task, answer, right, trials)
        tell(event="hint", **hint._asdict())


def _hint(
    assignment: Assignment,
    task: Task,
    answer: answers.Answer,
    right: ModuleType,
    trials: list[recorder.Trial],
) -> Hint:
    """Judge the task by itself: whatever else it calls is the right function."""
    names = [task.function for task in assignment.tasks]
    calls = [call for trial in trials for call in trial.calls]
    if not any(call.outcome.never_ran and _own_stub(call, task) for call in calls):
        tests = [trial.test for trial in trials]
        with answers.others_replaced(answer, right, task.function, names):
            alone = [recorder.run_test(test, answer.module) for test in tests]
        if all(trial.error is None for trial in alone):
            return _follow_on(assignment, task, answer, right)
        trials = alone
    return diagnose(task, answer, right, assignment.mistakes, trials)


def _own_stub(call: recorder.Call, task: Task) -> bool:
    return str(call.outcome.error) == f"Task {task.number}"


def _follow_on(
    assignment: Assignment, task: Task, answer: answers.Answer, right: ModuleType
) -> Hint:
    """The task is right by itself; name the one that spoils it."""
    for other in assignment.tasks:
        if other.number == task.number:
            continue
        names = [t.function for t in assignment.tasks if t.function != other.function]
        tests = [t for t in assignment.tests(hidden=True) if t.task == task.number]
        with answers.others_replaced(answer, right, task.function, names):
            spoilt = any(recorder.run_test(t, answer.module).error is not None for t in tests)
        if spoilt:
            text = (
                f"right by itself: it fails because it calls `{other.function}`. "
                f"Mend Task {other.number} first."
            )
            return Hint("follow-on", text, [])
    return Hint("follow-on", "right by itself: mend the tasks that it builds on first.", [])


def _limit_memory(more: int) -> None:
    """Let the process take at most so many bytes beyond what it has now, where that is possible."""
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except (ImportError, OSError):
        return  # macOS and Windows: the parent watches, or there is the time limit alone
    limit = pages * resource.getpagesize() + more
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    soft = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@cache
def _assignment(folder: str) -> Assignment:
    return Assignment(Path(folder))


@cache
def _right(folder: str) -> ModuleType:
    assignment = _assignment(folder)
    answer = answers.load(assignment.solution, "solution")
    for problem in answer.problems:
        raise problem.error
    return answer.module


@cache
def _tests(folder: str, hidden: bool) -> list:
    return _assignment(folder).tests(hidden=hidden)
