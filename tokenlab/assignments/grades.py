"""A task of an answer to be graded, and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tokenlab.assignments.catalog import Assignment, Task
from tokenlab.assignments.cells import Cell
from tokenlab.assignments.hints import Hint
from tokenlab.assignments.marks import Test
from tokenlab.assignments.words import SECONDS

__all__: list[str] = []

MEMORY = 4 << 30  # bytes beyond what Python itself takes


@dataclass
class Job:
    """One task of one answer."""

    assignment: Assignment
    task: Task
    cells: Sequence[Cell]
    file: str
    hidden: bool = False
    alone: bool = False  # only with the right functions in place of all others


@dataclass
class Grade:
    """What became of a job: the tests of the task, which passed, and a hint if one did not.

    `alone` holds those that pass once the other tasks' functions are right: they count, too.
    """

    task: Task
    tests: list[Test]
    passed: dict[str, bool] = field(default_factory=dict)
    hint: Hint | None = None
    running: str = ""  # the test that was running last
    alone: dict[str, bool] = field(default_factory=dict)
    reading: str = ""  # the line at the top level that was running last

    @property
    def points(self) -> int:
        """The points earned: no task pays for the mistakes of another one."""
        counts = {**self.alone, **{name: True for name, ok in self.passed.items() if ok}}
        return sum(test.points for test in self.tests if counts.get(test.name))

    @property
    def points_as_it_stands(self) -> int:
        """The points of the tests that pass with the file's own functions."""
        return sum(test.points for test in self.tests if self.passed.get(test.name))

    @property
    def possible(self) -> int:
        """The points of these tests."""
        return sum(test.points for test in self.tests)

    @property
    def ok(self) -> bool:
        """Every test has run and passed."""
        return all(self.passed.get(test.name) for test in self.tests)

    @property
    def lost(self) -> bool:
        """The process was gone before the task was done."""
        return self.hint is not None and self.hint.name in ("time", "crash")


@dataclass
class Setting:
    """How long and where answers run; `strict` is for those of others."""

    seconds: float = SECONDS
    memory: int = MEMORY
    folder: Path | None = None
    strict: bool = False
