"""Which assignments there are, and what their files say."""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from tokenlab.assignments import cells
from tokenlab.assignments.cells import Cell
from tokenlab.assignments.marks import Mistake, Test, mistakes_in, tests_in
from tokenlab.errors import InvalidInput

__all__ = ["Assignment", "find", "load_all"]

OPEN = re.compile(r"^#+ Open question \((?P<points>\d+) points?\)", re.M)
WRONG = re.compile(r"^# %% (?P<task>\S+) \| (?P<hint>.+)$", re.M)


class Task(NamedTuple):
    """One task: its number and title, all its points, and the function to write."""

    number: str
    title: str
    points: int
    function: str


class Wrong(NamedTuple):
    """A planted wrong answer: a function as a student would write it, and the hint it must get."""

    task: str
    hint: str
    text: str


@dataclass(frozen=True)
class Assignment:
    """The folder of an assignment, read on demand."""

    folder: Path

    @property
    def name(self) -> str:
        """The folder's name, and that of the student's files."""
        return self.folder.name

    def text(self, file: str) -> str:
        """The text of one of its files."""
        return (self.folder / file).read_text(encoding="utf-8")

    @cached_property
    def source(self) -> str:
        """Text and solutions, with markers."""
        return self.text("source.py")

    @property
    def stub(self) -> str:
        """The script that a student gets."""
        return cells.stub(self.source)

    @property
    def solution(self) -> list[Cell]:
        """The right answer."""
        return cells.script_cells(cells.solution(self.source))

    @cached_property
    def title(self) -> str:
        """The first heading."""
        found = re.search(r"^# # (.*)$", self.source, re.M)
        return found[1] if found else self.name

    @cached_property
    def minutes(self) -> str:
        """How long a student needs, as the text says it."""
        found = re.search(r"(\d+(?: to \d+)?) minutes", self.source)
        return found[1] if found else "?"

    @cached_property
    def tasks(self) -> list[Task]:
        """The tasks, from the headings and the function that follows each."""
        found, heading = [], None
        for cell in cells.script_cells(self.source):
            if cell.kind == "markdown":
                heading = cells.HEADING.search(cell.text) or heading
            elif heading and cells.BEGIN in cell.text:
                function = re.search(r"^def (\w+)\(", cell.text, re.M)
                if function:
                    number, points = heading["number"], heading["points"]
                    title = heading["title"].replace("$", "")  # a terminal shows no formulas
                    found.append(Task(number, title, int(points), function[1]))
                    heading = None
        return found

    @cached_property
    def open_points(self) -> int:
        """What the open question is worth; a person reads it."""
        found = OPEN.search(self.source.replace("\n# ", "\n"))
        return int(found["points"]) if found else 0

    def tests(self, *, hidden: bool = False) -> list[Test]:
        """The public tests, or also the hidden ones."""
        return self._public + (self._hidden if hidden else [])

    @cached_property
    def _public(self) -> list[Test]:
        return tests_in(self._run("test_public.py").values())

    @cached_property
    def _hidden(self) -> list[Test]:
        return tests_in(self._run("test_hidden.py").values())

    @cached_property
    def mistakes(self) -> list[Mistake]:
        """The usual mistakes."""
        return mistakes_in(self._run("mistakes.py").values())

    @cached_property
    def wrong(self) -> list[Wrong]:
        """The planted wrong answers."""
        text = self.text("wrong.py")
        marks = list(WRONG.finditer(text))
        ends = [*(mark.start() for mark in marks[1:]), len(text)]
        return [
            Wrong(mark["task"], mark["hint"].strip(), text[mark.end() : end].strip() + "\n")
            for mark, end in zip(marks, ends, strict=True)
        ]

    def task(self, number: str) -> Task:
        """The task of that number."""
        return {task.number: task for task in self.tasks}[number]

    def _run(self, file: str) -> dict[str, Any]:
        names: dict[str, Any] = {"__name__": f"{self.name}.{file.removesuffix('.py')}"}
        # Tests are made of asserts: they stay, whatever Python was told to optimise.
        code = compile(
            self.text(file), str(self.folder / file), "exec", dont_inherit=True, optimize=0
        )
        exec(code, names)
        return names


def content() -> Path:
    """Where the assignments are: inside of an installed package, or in the folder of a checkout."""
    inside = Path(__file__).parents[1] / "tutorials" / "assignments"
    return inside if inside.is_dir() else Path(__file__).parents[2] / "tutorials" / "assignments"


def load_all(folder: Path | None = None) -> list[Assignment]:
    """All assignments, by name: those of the package, or those of another folder."""
    folder = folder or content()
    return [Assignment(path.parent) for path in sorted(folder.glob("a[0-9]*_*/source.py"))]


def find(name: str, folder: Path | None = None) -> Assignment:
    """The assignment of that name, or the only one that begins like it: `a01`."""
    assignments = load_all(folder)
    exact = [a for a in assignments if a.name == name]
    close = exact or [a for a in assignments if a.name.startswith(name)]
    if len(close) != 1:
        raise InvalidInput(
            f"there is no one assignment {name!r}; there are: "
            f"{', '.join(a.name for a in assignments) or 'none'}."
        )
    return close[0]
