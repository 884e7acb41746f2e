"""The process in which a student's code runs: `python -c "...worker.main()"`.

Jobs come in as JSON, what is found goes out a line at a time, each marked with a word that only
this check knows, so that whatever the code prints, and however it ends, earlier results are safe.
On Linux each job gets a copy of this process: what one does to NumPy, the next does not see.
"""

import json
import os
import signal
import sys
import time
import traceback
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

from tokenlab.assignments import answers, guard, recorder
from tokenlab.assignments.catalog import Assignment, Task
from tokenlab.assignments.cells import Cell
from tokenlab.assignments.hints import Hint, diagnose

__all__: list[str] = []


def main() -> None:
    """Do the jobs that come through standard input, in order; tell of them on standard output."""
    given = json.loads(sys.stdin.buffer.read())
    results, nowhere = os.dup(1), os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # print what you like: nobody reads it, and no file grows
        os.dup2(nowhere, stream)
    sys.path += given["path"]
    tell = _teller(results, given["mark"])
    if guard.LINUX:
        guard.collect_orphans()
        _prepare(given["jobs"])
    else:
        _protect(given)
    for job in given["jobs"]:
        tell(event="start", job=job["job"])
        died = None
        if guard.LINUX:
            died = _in_a_copy(job, given, results)
        else:
            _do(job, tell)
        tell(event="end", job=job["job"], died=died)
    os._exit(0)  # threads and exit handlers of the student's code wait for nothing here


def _teller(results: int, mark: str) -> Any:
    """A function that writes an event; a copy of the process that the code made writes nothing."""
    mine = os.getpid()

    def tell(**event: Any) -> None:
        if os.getpid() != mine:
            os._exit(0)
        # A line of its own, also behind what the code may have written there.
        data = f"\n{mark} {json.dumps(event)}\n".encode()
        try:
            while data:
                data = data[os.write(results, data) :]
        except OSError:
            os._exit(1)  # the code has closed it

    return tell


def _prepare(jobs: list[dict[str, Any]]) -> None:
    """Read each assignment once, before there are copies."""
    for folder in {job["folder"] for job in jobs}:
        try:
            _right(folder)
            for hidden in (False, True):
                _tests(folder, hidden)
        except Exception:
            continue  # the job itself meets it, and says so


def _in_a_copy(job: dict[str, Any], given: dict[str, Any], results: int) -> int | None:
    """Do a job in a copy of this process; return how it died, or None if it is done."""
    child = os.fork()
    if child == 0:
        try:
            _protect(given)
            _do(job, _teller(results, given["mark"]))
        except BaseException:
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    guard.end_below(os.getpid())
    _collect()
    return None if status == 0 else os.waitstatus_to_exitcode(status)


def _collect() -> None:
    """Take notice of all children that have ended."""
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        try:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(0.002)
        except ChildProcessError:
            return


def _protect(given: dict[str, Any]) -> None:
    """Set the limits; when strict, keep the code from all files but those of a scratch folder."""
    guard.limit_memory(given["memory"])
    if hasattr(signal, "SIGINT"):
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if given["strict"]:
        guard.limit_files()
        if given["scratch"]:
            guard.write_only_in(given["scratch"])
    guard.filter_calls(strict=given["strict"])


def _do(job: dict[str, Any], tell: Any) -> None:
    """Grade one task of one answer."""
    tell = partial(tell, job=job["job"])
    try:
        _grade(job, tell)
    except Exception:  # not the student's fault
        text = "the checker itself failed. Please report this:\n" + traceback.format_exc()
        tell(event="hint", **Hint("checker", text, [])._asdict())
    tell(event="done")


def _grade(job: dict[str, Any], tell: Any) -> None:
    assignment = _assignment(job["folder"])
    task = assignment.task(job["task"])
    right = _right(job["folder"])
    names = [task.function for task in assignment.tasks]
    answer = answers.load(
        [Cell(*cell) for cell in job["cells"]],
        job["file"],
        names,
        lambda where: tell(event="reading", where=where),
    )
    tell(event="reading", where="")
    tests = [t for t in _tests(job["folder"], job["hidden"]) if t.task == task.number]
    if job["alone"]:
        _alone(tests, task, answer, right, names, tell)
        return
    trials = []
    for test in tests:
        tell(event="test", test=test.name)
        trial = recorder.run_test(test, answer.module)
        tell(event="result", test=test.name, passed=trial.error is None)
        trials.append(trial)
    if any(trial.error is not None for trial in trials):
        hint = _hint(assignment, task, answer, right, trials, tell)
        tell(event="hint", **hint._asdict())


def _alone(
    tests: list, task: Task, answer: answers.Answer, right: ModuleType, names: list, tell: Any
) -> list[recorder.Trial]:
    """Run the tests with the right functions in place of all others; tell which pass."""
    with answers.others_replaced(answer, right, task.function, names):
        trials = []
        for test in tests:
            tell(event="test", test=test.name)
            trials.append(recorder.run_test(test, answer.module))
            passed = trials[-1].error is None
            tell(event="alone", test=test.name, passed=passed)
    return trials


def _hint(
    assignment: Assignment,
    task: Task,
    answer: answers.Answer,
    right: ModuleType,
    trials: list[recorder.Trial],
    tell: Any,
) -> Hint:
    """Judge the task by itself: whatever else it calls is the right function."""
    names = [task.function for task in assignment.tasks]
    calls = [call for trial in trials for call in trial.calls]
    if not any(call.outcome.never_ran and _own_stub(call, task) for call in calls):
        tests = [trial.test for trial in trials]
        alone = _alone(tests, task, answer, right, names, tell)
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


@cache
def _assignment(folder: str) -> Assignment:
    return Assignment(Path(folder))


@cache
def _right(folder: str) -> ModuleType:
    assignment = _assignment(folder)
    names = [task.function for task in assignment.tasks]
    answer = answers.load(assignment.solution, "solution", names)
    for problem in answer.problems:
        raise problem.error
    return answer.module


@cache
def _tests(folder: str, hidden: bool) -> list:
    return _assignment(folder).tests(hidden=hidden)
