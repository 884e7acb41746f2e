"""Make a student's cells into functions, without running what the file prints or measures.

Imports, definitions and constants run, cell by cell, each on its own: a mistake in one cell costs
the functions of that cell alone. Loops, bare calls, and whatever uses the file's own functions at
the top level (the result on real data, say) are left out.
"""

import ast
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any, NamedTuple

from tokenlab.assignments.cells import Cell

__all__: list[str] = []

KEPT = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)
KEPT_TOO = (ast.AugAssign, ast.If, ast.Try)
DEFINITIONS = (ast.FunctionDef, ast.ClassDef)


class Problem(NamedTuple):
    """What went wrong in a cell while it was read: the exception, and the names it defines."""

    error: BaseException
    text: str


class Answer(NamedTuple):
    """A student's functions, the lines of each piece of code, and what could not be read."""

    module: ModuleType
    lines: dict[str, list[str]]
    problems: list[Problem]

    def line(self, place: str, number: int) -> str:
        """The text of a line, to be shown beside its number."""
        lines = self.lines.get(place, [])
        return lines[number - 1].strip() if 0 < number <= len(lines) else ""


def load(cells: Sequence[Cell], file: str) -> Answer:
    """Run what defines something, and keep what went wrong."""
    module = ModuleType("answer")
    module.__file__ = file
    sys.modules["answer"] = module  # dataclasses look there
    answer = Answer(module, {}, [])
    own: set[str] = set()
    for cell in cells:
        if cell.kind != "code":
            continue
        place = cell.place or file
        above = answer.lines.setdefault(place, [])
        above += [""] * (cell.line - 1 - len(above)) + cell.text.splitlines()
        try:
            # Empty lines above, so that all line numbers are those of the file.
            tree = ast.parse("\n" * (cell.line - 1) + cell.text, place)
        except (SyntaxError, ValueError) as error:
            answer.problems.append(Problem(error, cell.text))
            continue
        _run(tree, place, answer, own, cell.text)
    return answer


def _run(tree: ast.Module, place: str, answer: Answer, own: set[str], text: str) -> None:
    """Run the statements of a cell that define something; `own` grows by what is the student's."""
    own |= {node.name for node in tree.body if isinstance(node, DEFINITIONS)}
    for node in tree.body:
        if not isinstance(node, KEPT + KEPT_TOO):  # what a loop leaves behind is never made
            own |= _names(node, ast.Store) - set(answer.module.__dict__)
            continue
        if not isinstance(node, DEFINITIONS) and _names(node, ast.Load) & own:
            own |= _names(node, ast.Store)
            continue
        try:
            exec(compile(ast.Module([node], []), place, "exec"), answer.module.__dict__)
        except BaseException as error:
            answer.problems.append(Problem(error, text))


def _names(node: ast.AST, context: type[ast.expr_context]) -> set[str]:
    inside = (n for n in ast.walk(node) if isinstance(n, ast.Name))
    return {name.id for name in inside if isinstance(name.ctx, context)}


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
