"""Grade answers in a process of their own, and survive whatever they do.

The process takes one task after the other and tells each result through a pipe. When a task takes
longer than its limit the process is ended, with all that it has started; when it dies by itself (a
crash, `os._exit`) that is noticed. In both cases the task is lost, and the next one goes on.

`words.ACCESS` says what the code may do; `guard.py` has what is kept from it.
"""

import contextlib
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tokenlab.assignments import guard
from tokenlab.assignments.grades import MEMORY, Grade, Job, Setting
from tokenlab.assignments.marks import Test
from tokenlab.assignments.watch import Watch, lose
from tokenlab.assignments.watch import resident as _resident
from tokenlab.assignments.words import SECONDS
from tokenlab.errors import TokenlabError

__all__ = ["Grade", "Job", "_resident", "grade"]

# Settings of a shell that would take asserts out of the tests, or make errors of warnings.
UNSET = ("PYTHONOPTIMIZE", "PYTHONWARNINGS", "PYTHONINSPECT", "PYTHONSTARTUP")
PROGRAM = "import sys; sys.path.append(sys.argv[1]); from tokenlab.assignments import worker; "


def grade(
    jobs: Sequence[Job],
    *,
    seconds: float = SECONDS,
    memory: int = MEMORY,
    folder: Path | None = None,
    strict: bool = False,
) -> list[Grade]:
    """Run the tests of all jobs, in few processes, in the folder of the answers."""
    setting = Setting(seconds, memory, folder, strict)
    grades = _run_all(jobs, setting)
    # A task that hangs or crashes may do so only because of another: once more, by itself.
    again = [i for i, g in enumerate(grades) if g.lost and _calls_others(jobs[i])]
    alone = _run_all([replace(jobs[i], alone=True) for i in again], setting)
    for i, by_itself in zip(again, alone, strict=True):
        grades[i].alone = by_itself.alone
    return grades


def _run_all(jobs: Sequence[Job], setting: Setting) -> list[Grade]:
    grades = [Grade(job.task, _tests(job)) for job in jobs]
    first = 0
    while first < len(jobs):
        first = _one_process(jobs, grades, first, setting)
    return grades


def _calls_others(job: Job) -> bool:
    """Whether the text of the task's function names another task's function."""
    others = "|".join(t.function for t in job.assignment.tasks if t != job.task)
    begin = re.compile(rf"^def {job.task.function}\b", re.M)
    for cell in job.cells:
        found = begin.search(cell.text)
        if found and re.search(rf"\b({others})\b", cell.text[found.end() :]):
            return True
    return False


def _tests(job: Job) -> list[Test]:
    return [t for t in job.assignment.tests(hidden=job.hidden) if t.task == job.task.number]


def _one_process(jobs: Sequence[Job], grades: list[Grade], first: int, setting: Setting) -> int:
    """Start a process for the jobs from `first` on; return the first that is still to be done."""
    with tempfile.TemporaryDirectory(prefix="tokenlab-", ignore_cleanup_errors=True) as name:
        scratch = Path(name, "scratch")
        scratch.mkdir()
        mark = secrets.token_hex(16)
        given = {
            "jobs": [_as_json(i, job) for i, job in enumerate(jobs) if i >= first],
            "memory": setting.memory,
            "path": [str(setting.folder.resolve())] if setting.folder else [],
            "mark": mark,
            "strict": setting.strict,
            "scratch": str(scratch),
        }
        with Path(name, "errors.txt").open("w+b") as errors:
            process = _start(setting, scratch, errors)
            try:
                watch = Watch(process, mark, grades, first)
                watch.give(json.dumps(given).encode())
                end = watch.until_done(setting.seconds, setting.memory)
            finally:
                _kill(process)
            errors.seek(0)
            told = errors.read(4000).decode(errors="replace")
    if watch.finished:
        return len(jobs)
    if watch.started is None:
        raise TokenlabError(f"the checker's process did not start: {told.strip()[-2000:]}")
    if not watch.ended:  # else it died between two tasks, and nothing is lost
        lose(grades[watch.started], end)
    return watch.started + 1


def _as_json(number: int, job: Job) -> dict[str, Any]:
    return {
        "job": number,
        "folder": str(job.assignment.folder.resolve()),
        "task": job.task.number,
        "cells": [tuple(cell) for cell in job.cells],
        "file": job.file,
        "hidden": job.hidden,
        "alone": job.alone,
    }


def _start(setting: Setting, scratch: Path, errors: Any) -> subprocess.Popen:
    """Start the process. `-P` keeps a student's `numpy.py` from standing in for NumPy."""
    package = str(Path(__file__).parents[2])
    command = [sys.executable, "-P", "-c", PROGRAM + "worker.main()", package]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    kept = {name: value for name, value in os.environ.items() if name not in UNSET}
    here = {"TMPDIR": str(scratch), "MPLCONFIGDIR": str(scratch)} if setting.strict else {}
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        cwd=setting.folder or (scratch if setting.strict else None),
        env={**kept, **threads, **here, "MPLBACKEND": "Agg"},
        start_new_session=os.name == "posix",  # so that what it starts ends with it
    )


def _kill(process: subprocess.Popen) -> None:
    """End the process, and first all that it has started, wherever that has put itself."""
    guard.end_below(process.pid)
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
