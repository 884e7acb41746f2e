"""Follow a process that runs answers: what it tells, how long it takes, and how it ends."""

import contextlib
import json
import queue
import signal
import subprocess
import sys
import threading
import time
from typing import Any

from tokenlab.assignments.grades import Grade
from tokenlab.assignments.hints import Hint
from tokenlab.assignments.words import visible

__all__: list[str] = []

START = 120.0  # seconds that a process may take until its first task, on a very slow machine
POLL = 0.02
LINE = 1 << 20  # bytes of one line of the report; what is longer was written by the answer


class Watch:
    """Follow the results of a process as they come."""

    def __init__(self, process: subprocess.Popen, mark: str, grades: list[Grade], first: int):
        self.process, self.grades = process, grades
        self.mark = mark.encode() + b" "
        self.started: int | None = None
        self.ended, self.finished, self.done = True, False, False
        self.next, self.last = first, len(grades) - 1
        self.since = time.monotonic()
        self.lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def give(self, jobs: bytes) -> None:
        """Send the jobs, and read what comes back, in threads: nobody waits for a full pipe."""

        def write() -> None:
            with contextlib.suppress(OSError, ValueError), self.process.stdin as stream:  # type: ignore[union-attr]
                stream.write(jobs)

        def read() -> None:
            with contextlib.suppress(OSError, ValueError):
                while line := self.process.stdout.readline(LINE):  # type: ignore[union-attr]
                    if line.startswith(self.mark):
                        self.lines.put(line)

        self.reader = threading.Thread(target=read, daemon=True)
        self.reader.start()
        threading.Thread(target=write, daemon=True).start()

    def until_done(self, seconds: float, memory: int) -> str:
        """Wait; return how it ended, in words."""
        checked = time.monotonic()
        while True:
            over = self.process.poll() is not None
            if over:
                self.reader.join(10)  # what was told before the end is still in the pipe
            self._read(POLL)
            if self.finished or over:
                return death(self.process.returncode) if over else ""
            now = time.monotonic()
            if now - self.since > (START if self.started is None else seconds):
                return f"it did not finish within {seconds:g} seconds. Is there a loop without end?"
            if sys.platform == "darwin" and now - checked > 0.5:
                checked = now
                if resident(self.process.pid) > memory:
                    return f"it took more than {memory / 2**30:g} GB of memory."

    def _read(self, seconds: float) -> None:
        """Take over what has come, and wait a little for more."""
        with contextlib.suppress(queue.Empty):
            self._take(self.lines.get(timeout=seconds))
            while not self.finished:
                self._take(self.lines.get_nowait())

    def _take(self, line: bytes) -> None:
        """One event. What does not come in its turn was not written by the checker."""
        try:
            event = json.loads(line[len(self.mark) :])
            kind, number = event.pop("event"), event.pop("job")
            expected = self.next if self.ended else self.started
            if number == expected and (kind == "start") == self.ended:
                self._believe(kind, event)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return

    def _believe(self, kind: str, event: dict[str, Any]) -> None:
        result = self.grades[self.next if self.ended else self.next - 1]
        if kind == "start":
            self.started, self.ended, self.since = self.next, False, time.monotonic()
            self.next += 1
            self.done = False
        elif kind == "test":
            result.running, result.reading = str(event["test"]), ""
        elif kind == "reading":
            result.reading = str(event["where"])
        elif kind in ("result", "alone"):
            passed = result.passed if kind == "result" else result.alone
            passed[event["test"]] = event["passed"] is True
        elif kind == "hint":
            more = [visible(text) for text in event["more"]]
            sure = event["sure"] is True
            result.hint = Hint(visible(event["name"]), visible(event["text"]), more, sure)
        elif kind == "done":
            self.done = True
        elif kind == "end":
            told = result.alone or len(result.passed) == len(result.tests)
            if not (self.done and told):  # it may have left with status 0
                lose(result, death(int(event["died"] or 0)))
            self.ended, self.finished = True, self.started == self.last


def death(code: int) -> str:
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


def resident(pid: int) -> int:
    """Bytes of memory that a process holds, by `ps`; 0 if that cannot be told."""
    try:
        told = subprocess.run(
            ["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=False
        )
        return 1024 * int(told.stdout.strip() or 0)
    except (OSError, ValueError):
        return 0


def lose(lost: Grade, how: str) -> None:
    """A task whose process is gone: what had passed before stays passed."""
    if lost.hint is not None:
        return
    how = visible(how)
    test = next((t for t in lost.tests if t.name == lost.running), None)
    name = "time" if "finish" in how else "crash"
    where = f' (in "{test.title}")' if test and test.name not in lost.passed else ""
    if lost.reading:
        where = f" (in line {lost.reading}, at the top level)"
    failed = [t.name for t in lost.tests if not lost.passed.get(t.name)]
    if test and test.name in lost.passed and not failed:
        return  # every test had passed
    lost.hint = Hint(name, how.removesuffix(".") + where + "." if where else how, [])
