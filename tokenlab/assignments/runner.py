"""Grade answers in a process of their own, and survive whatever they do.

The process takes one task after the other and writes each result to a file. When a task takes
longer than its limit the process is ended; when it dies by itself (a crash, `os._exit`) that is
noticed. In both cases the task is lost, and a new process goes on with the next one.

It is a plain process with the rights of the user: files and network are not blocked.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tokenlab.assignments.catalog import Assignment, Task
from tokenlab.assignments.cells import Cell
from tokenlab.assignments.hints import Hint
from tokenlab.assignments.marks import Test
from tokenlab.assignments.words import SECONDS
from tokenlab.errors import TokenlabError

__all__: list[str] = []

MEMORY = 4 << 30  # bytes beyond what Python itself takes
START = 120.0  # seconds that a process may take until its first task, on a very slow machine
POLL = 0.02
PROGRAM = "import sys; sys.path.append(sys.argv[2]); from tokenlab.assignments import worker; "


@dataclass
class Job:
    """One task of one answer."""

    assignment: Assignment
    task: Task
    cells: Sequence[Cell]
    file: str
    hidden: bool = False


@dataclass
class Grade:
    """What became of a job: the tests of the task, which passed, and a hint if one did not."""

    task: Task
    tests: list[Test]
    passed: dict[str, bool] = field(default_factory=dict)
    hint: Hint | None = None
    running: str = ""  # the test that was running last

    @property
    def points(self) -> int:
        """The points earned."""
        return sum(test.points for test in self.tests if self.passed.get(test.name))

    @property
    def possible(self) -> int:
        """The points of these tests."""
        return sum(test.points for test in self.tests)

    @property
    def ok(self) -> bool:
        """Every test has run and passed."""
        return all(self.passed.get(test.name) for test in self.tests)


def grade(
    jobs: Sequence[Job],
    *,
    seconds: float = SECONDS,
    memory: int = MEMORY,
    folder: Path | None = None,
) -> list[Grade]:
    """Run the tests of all jobs, in few processes, in the folder of the answers."""
    grades = [Grade(job.task, _tests(job)) for job in jobs]
    first = 0
    while first < len(jobs):
        first = _one_process(jobs, grades, first, seconds, memory, folder)
    return grades


def _tests(job: Job) -> list[Test]:
    return [t for t in job.assignment.tests(hidden=job.hidden) if t.task == job.task.number]


def _one_process(
    jobs: Sequence[Job],
    grades: list[Grade],
    first: int,
    seconds: float,
    memory: int,
    folder: Path | None,
) -> int:
    """Start a process for the jobs from `first` on; return the first that is still to be done."""
    with tempfile.TemporaryDirectory(prefix="tokenlab-", ignore_cleanup_errors=True) as name:
        given = [_as_json(i, job) for i, job in enumerate(jobs) if i >= first]
        path = [str(folder.resolve())] if folder else []
        text = json.dumps({"jobs": given, "memory": memory, "path": path})
        Path(name, "jobs.json").write_text(text, encoding="utf-8")
        with Path(name, "errors.txt").open("wb") as errors:
            process = _start(name, folder, errors)
            try:
                watch = _Watch(Path(name, "results.jsonl"), grades, first)
                end = watch.until_done(process, seconds, memory)
            finally:
                _kill(process)
        if watch.finished:
            return len(jobs)
        if watch.started is None:
            told = Path(name, "errors.txt").read_text(encoding="utf-8", errors="replace")
            raise TokenlabError(f"the checker's process did not start: {told.strip()[-2000:]}")
        lost = watch.started
        if not watch.ended:  # else it died between two tasks, and nothing is lost
            _lose(grades[lost], end)
        return lost + 1


def _as_json(number: int, job: Job) -> dict[str, Any]:
    return {
        "job": number,
        "folder": str(job.assignment.folder.resolve()),
        "task": job.task.number,
        "cells": [tuple(cell) for cell in job.cells],
        "file": job.file,
        "hidden": job.hidden,
    }


def _start(name: str, folder: Path | None, errors: Any) -> subprocess.Popen:
    """Start the process. `-P` keeps a student's `numpy.py` from standing in for NumPy."""
    package = str(Path(__file__).parents[2])
    command = [sys.executable, "-P", "-c", PROGRAM + "worker.main(sys.argv[1])", name, package]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=errors,
        cwd=folder,
        env={**os.environ, **threads, "MPLBACKEND": "Agg"},
        start_new_session=os.name == "posix",  # so that what it starts ends with it
    )


def _kill(process: subprocess.Popen) -> None:
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


class _Watch:
    """Follow the results of a process as they come."""

    def __init__(self, path: Path, grades: list[Grade], first: int):
        self.path, self.grades, self.read = path, grades, 0
        self.started: int | None = None
        self.ended = self.finished = False
        self.last = len(grades) - 1
        self.since = time.monotonic()

    def until_done(self, process: subprocess.Popen, seconds: float, memory: int) -> str:
        """Wait; return how it ended, in words."""
        checked = time.monotonic()
        while True:
            over = process.poll() is not None
            self._read()
            if self.finished or over:
                return _death(process.returncode) if over else ""
            now = time.monotonic()
            if now - self.since > (START if self.started is None else seconds):
                return f"it did not finish within {seconds:g} seconds. Is there a loop without end?"
            if sys.platform == "darwin" and now - checked > 0.5:
                checked = now
                if _resident(process.pid) > memory:
                    return f"it took more than {memory / 2**30:g} GB of memory."
            time.sleep(POLL)

    def _read(self) -> None:
        """Take over the complete lines that are new."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self.read)
            new = file.read()
        lines, _, _ = new.rpartition(b"\n")
        self.read += len(lines) + 1 if lines else 0
        for line in lines.splitlines():
            self._take(json.loads(line))

    def _take(self, event: dict[str, Any]) -> None:
        kind, number = event.pop("event"), event.pop("job")
        result = self.grades[number]
        if kind == "start":
            self.started, self.ended, self.since = number, False, time.monotonic()
        elif kind == "test":
            result.running = event["test"]
        elif kind == "result":
            result.passed[event["test"]] = event["passed"]
        elif kind == "hint":
            result.hint = Hint(**event)
        else:
            self.ended, self.finished = True, number == self.last


def _death(code: int) -> str:
    """Why a process is gone."""
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = str(-code)
        return f"it crashed Python itself ({name})."
    if code > 255:  # Windows: an exception's number
        return f"it crashed Python itself (code {code:#x})."
    return f"it ended Python with exit code {code}. A function ends with `return`."


def _resident(pid: int) -> int:
    """Bytes of memory that a process holds, by `ps`; 0 if that cannot be told."""
    try:
        told = subprocess.run(
            ["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=False
        )
        return 1024 * int(told.stdout.strip() or 0)
    except (OSError, ValueError):
        return 0


def _lose(lost: Grade, how: str) -> None:
    """A task whose process is gone: what had passed before stays passed."""
    if lost.hint is not None:
        return
    test = next((t for t in lost.tests if t.name == lost.running), None)
    name = "time" if "finish" in how else "crash"
    where = f' (in "{test.title}")' if test and test.name not in lost.passed else ""
    failed = [t.name for t in lost.tests if not lost.passed.get(t.name)]
    if test and test.name in lost.passed and not failed:
        return  # every test had passed
    lost.hint = Hint(name, how.removesuffix(".") + where + "." if where else how, [])
