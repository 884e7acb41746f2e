"""Make a student's cells into functions, without running what the file prints or measures.

Statements run in their order, each on its own: a mistake in one costs the functions that need it.
Left out is what uses the file's own functions, or loops, and makes nothing that a function reads:
the result on real data, say. What was left out is kept, so that a hint can name it.
"""

import __future__

import ast
import asyncio
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import CodeType, ModuleType
from typing import Any, NamedTuple

from tokenlab.assignments import forms, needs
from tokenlab.assignments.cells import Cell

__all__: list[str] = []

PATIENCE = 5.0  # seconds for a statement at the top level
TOO_LONG = (SyntaxError, ValueError, RecursionError, MemoryError)  # what no parser can read


class Problem(NamedTuple):
    """What went wrong where a file was read: the exception, the text, the names it would make."""

    error: BaseException
    text: str
    names: frozenset[str] = frozenset()


class NotRun(NamedTuple):
    """A statement that was left out: where it stands, and the names that it would make."""

    place: str
    line: int
    names: frozenset[str]


class TooSlowError(BaseException):
    """A statement at the top level took too long."""


class Answer(NamedTuple):
    """A student's functions, the lines of each piece of code, and what could not be read."""

    module: ModuleType
    lines: dict[str, list[str]]
    problems: list[Problem]
    left_out: list[NotRun]

    def line(self, place: str, number: int) -> str:
        """The text of a line, to be shown beside its number."""
        lines = self.lines.get(place, [])
        return lines[number - 1].strip() if 0 < number <= len(lines) else ""

    def blame(self, name: str) -> Problem | NotRun | None:
        """Why a name has no value, if a statement that failed or was left out would make it."""
        reasons: list[Problem | NotRun] = [*self.problems, *self.left_out]
        return next((reason for reason in reasons if name in reason.names), None)


class Statement(NamedTuple):
    """A statement with the text of its cell."""

    node: ast.stmt
    place: str
    text: str


def load(
    cells: Sequence[Cell],
    file: str,
    wanted: Sequence[str] = (),
    about_to: Callable[[str], None] = lambda where: None,
) -> Answer:
    """Run what the functions need, and keep what went wrong.

    `wanted` are the functions of the tasks; without it, all that the file defines count.
    `about_to` is told of each statement that may take long.
    """
    module = ModuleType("answer")
    module.__file__ = file
    sys.modules["answer"] = module  # dataclasses look there
    answer = Answer(module, {}, [], [])
    _like_jupyter(answer)
    statements = [s for cell in cells if cell.kind == "code" for s in _read(cell, file, answer)]
    nodes = [statement.node for statement in statements]
    own, flags = needs.own(nodes), 0
    kept = needs.needed(nodes, wanted or own)
    last = max((i for i, node in enumerate(nodes) if needs.stored(node) & {*wanted}), default=-1)
    for i, (statement, is_needed) in enumerate(zip(statements, kept, strict=True)):
        flags |= _future(statement.node)
        # Above the last task, whatever is quick is run as Python would; below it, what is needed.
        late = wanted and i > last
        if not is_needed and (late or _for_show(statement.node, own)):
            own |= needs.stored(statement.node) - set(module.__dict__)
            _leave_out(statement, answer)
        else:
            _run(statement, answer, flags, about_to)
    return answer


def _read(cell: Cell, file: str, answer: Answer) -> list[Statement]:
    """The statements of a cell; its lines get the numbers that they have in the file."""
    place = cell.place or file
    above = answer.lines.setdefault(place, [])
    above += [""] * (cell.line - 1 - len(above)) + forms.lines(cell.text)
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    try:
        text = "\n" * (cell.line - 1) + cell.text
        tree = compile(text, place, "exec", flags, dont_inherit=True, optimize=0)
    except TOO_LONG as error:
        answer.problems.append(Problem(error, cell.text))
        return []
    return [Statement(node, place, cell.text) for node in tree.body]


def _for_show(node: ast.stmt, own: set[str]) -> bool:
    """Whether a statement that nobody needs is better left out."""
    if isinstance(node, (*needs.DEFINITIONS, *needs.IMPORTS)):
        return False
    return isinstance(node, (*needs.LONG, ast.With)) or bool(needs.loaded(node) & own)


def _leave_out(statement: Statement, answer: Answer) -> None:
    names = frozenset(needs.stored(statement.node))
    answer.left_out.append(NotRun(statement.place, statement.node.lineno, names))


def _run(statement: Statement, answer: Answer, flags: int, about_to: Callable[[str], None]) -> None:
    """Run one statement; what it raises is kept."""
    node, place = statement.node, statement.place
    if not isinstance(node, needs.DEFINITIONS):
        about_to(f"{place}, line {node.lineno}" if place.startswith("code") else f"{node.lineno}")
    try:
        code = compile(
            ast.Module([node], []),
            place,
            "exec",
            flags | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
            dont_inherit=True,
            optimize=0,
        )
        with _patience():
            _execute(code, answer.module)
    except BaseException as error:
        names = frozenset(needs.stored(node))
        answer.problems.append(Problem(error, ast.unparse(node), names))


def _execute(code: CodeType, module: ModuleType) -> None:
    result = eval(code, module.__dict__)
    if result is not None:  # a notebook may await at the top level
        asyncio.run(result)


def _future(node: ast.stmt) -> int:
    """The compiler's flags for a `from __future__ import ...`, which holds for all that follows."""
    if not isinstance(node, ast.ImportFrom) or node.module != "__future__":
        return 0
    features = (getattr(__future__, name.name, None) for name in node.names)
    return sum(feature.compiler_flag for feature in features if feature is not None)


@contextmanager
def _patience() -> Iterator[None]:
    """Interrupt what takes longer than `PATIENCE`, where the system can."""
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or not hasattr(signal, "setitimer"):
        yield
        return

    def stop(*_: object) -> None:
        raise TooSlowError(f"it took more than {PATIENCE:g} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _like_jupyter(answer: Answer) -> None:
    """`display` and `get_ipython`, which a notebook has and an exported one calls."""

    class Shell:
        def run_cell_magic(self, name: str, line: str, cell: str) -> None:
            text = forms.plain(f"%%{name} {line}\n{cell}")
            exec(compile(text, "exported cell", "exec", optimize=0), answer.module.__dict__)

        def __getattr__(self, name: str) -> Any:
            return lambda *_, **__: None

    answer.module.__dict__.update(display=lambda *_, **__: None, get_ipython=lambda: Shell())


def others_replaced(answer: Answer, right: ModuleType, keep: str, names: Sequence[str]) -> "Swap":
    """A context in which all functions of the tasks but `keep` are the right ones."""
    return Swap(answer.module, {name: getattr(right, name) for name in names if name != keep})


class Swap:
    """Other values for some names of a module, for the length of a `with` block."""

    def __init__(self, module: ModuleType, values: dict[str, Any]):
        self.space, self.values = module.__dict__, values

    def __enter__(self) -> None:
        self.before = {name: self.space[name] for name in self.values if name in self.space}
        self.space.update(self.values)

    def __exit__(self, *_: object) -> None:
        for name in self.values:
            del self.space[name]
        self.space.update(self.before)
