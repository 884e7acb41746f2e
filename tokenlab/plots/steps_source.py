"""The source of the functions that made the steps, coloured, with the statement that ran."""

import ast
import functools
import io
import keyword
import linecache
import sysconfig
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from tokenlab.stepping import parsed, python
from tokenlab.steps import Step

__all__ = [
    "Calls",
    "Source",
    "find_source",
    "is_shown",
    "making_lines",
    "short_path",
    "source_html",
    "statement_lines",
]

PACKAGE = Path(__file__).parents[1]
# Decorators and recorders stand between two functions of a paper, and explain nothing.
MACHINERY = ("arguments", "autograd", "blocks", "engine", "recording", "stepping", "steps", "tape")
HIDDEN = {str(PACKAGE / f"{name}.py") for name in MACHINERY}
# A step in a callback of NumPy or of a notebook is shown in the function that made it.
LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib")})
WINDOW = 60  # lines shown above and below a statement that is in no function


@dataclass(frozen=True)
class Source:
    """Lines `first` to `last` of a file, and which of them are a docstring (0, 0: none)."""

    file: str
    function: str
    first: int
    last: int
    docstring: tuple[int, int] = (0, 0)

    @property
    def lines(self) -> list[str]:
        """The text, line by line, without line ends."""
        return [
            line.rstrip("\r\n")
            for line in linecache.getlines(self.file)[self.first - 1 : self.last]
        ]


def is_shown(file: str) -> bool:
    """False for calls that explain nothing: this package's machinery, other people's libraries."""
    if file.startswith(str(PACKAGE)):  # first, since this package may be installed as a library
        return file not in HIDDEN
    return not file.startswith(LIBRARIES)


def short_path(file: str) -> str:
    """A path without the machine's folders: `tokenlab/retrieval/xtr.py`, `homework.py`."""
    # A page is mailed, and nobody's folders with it.
    path = Path(file)
    if path.parent.name.startswith("ipykernel_") or file.startswith("<ipython-input"):
        return "notebook cell"
    return (
        path.relative_to(PACKAGE.parent).as_posix() if path.is_relative_to(PACKAGE) else path.name
    )


def find_source(file: str, function: str, first: int, line: int) -> Source:
    """The function that starts at `first`, or the surroundings of `line` outside of any function.

    Without source (code from `exec`, a deleted file) the answer has no lines.
    """
    nodes, total = _parsed(file)
    if not total or line > total:
        return Source(file, function, 1, 0)
    # A lambda has no node of its own that would be worth reading: what is around it is shown.
    node = _function_at(nodes, first) or _function_around(nodes, line)
    if node is None:
        return Source(file, function, max(1, line - WINDOW), min(total, line + WINDOW))
    # Decorators say how a function is run, and belong to it.
    first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
    return Source(file, function, first, node.end_lineno or node.lineno, _docstring(node))


def _parsed(file: str) -> tuple[list[ast.AST], int]:
    """All nodes of a file and its number of lines; nothing where it cannot be read."""
    lines = linecache.getlines(file)
    return _nodes("".join(lines)), len(lines)


@functools.lru_cache(maxsize=64)  # by text, not by name: a notebook may load a file again
def _nodes(text: str) -> list[ast.AST]:
    tree = parsed(python(text))
    return list(ast.walk(tree)) if tree else []


def _functions(nodes: list[ast.AST]) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [n for n in nodes if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]


def _function_at(nodes: list[ast.AST], first: int) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """The function whose first line, decorators included, is this one."""
    for node in _functions(nodes):
        # Python counts a function from its first decorator.
        if first in (node.lineno, *(d.lineno for d in node.decorator_list[:1])):
            return node
    return None


def _function_around(
    nodes: list[ast.AST], line: int
) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """The innermost function that holds a line: a lambda or a comprehension is shown in it."""
    # The last to begin is the innermost.
    around = [n for n in _functions(nodes) if n.lineno <= line <= (n.end_lineno or n.lineno)]
    return max(around, key=lambda n: n.lineno, default=None)


def _docstring(node: ast.FunctionDef | ast.AsyncFunctionDef) -> tuple[int, int]:
    first = node.body[0]
    has_one = ast.get_docstring(node, clean=False) is not None
    return (first.lineno, first.end_lineno or first.lineno) if has_one else (0, 0)


def statement_lines(file: str, line: int) -> tuple[int, int]:
    """First and last line of the innermost statement at a line; of a block only its head."""
    # Of all statements that hold the line the shortest, since statements lie in one another.
    best = (line, line)
    size = float("inf")
    for node in _parsed(file)[0]:
        if not isinstance(node, ast.stmt):
            continue
        first, last = node.lineno, node.end_lineno or node.lineno
        body = getattr(node, "body", None)
        if isinstance(body, list) and body:  # an if, for, with, def: up to where its body begins
            last = max(first, min(last, body[0].lineno - 1))
        if first <= line <= last and last - first < size:
            best, size = (first, last), last - first
    return best


def making_lines(file: str, line: int) -> tuple[int, int]:
    """First and last line of what made the value of the `step(...)` at a line.

    In `best = ...` and, lines later, `step("best", best)` that is from the latest assignment of
    `best` to the step. Where the step holds the computation itself, it is the statement alone.
    """
    first, last = statement_lines(file, line)
    nodes = _parsed(file)[0]
    value = next((arg for node in nodes if (arg := _stepped_name(node, first, last))), None)
    around = _function_around(nodes, line)
    # No variable, or no function that would bound the search: the statement is all there is.
    if value is None or around is None:
        return first, last
    starts = [
        node.lineno
        for node in ast.walk(around)
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign) and node.lineno < first
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        for name in ast.walk(target)
        if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store) and name.id == value
    ]
    return max(starts, default=first), last


def _stepped_name(node: ast.AST, first: int, last: int) -> str | None:
    """The variable that a `step(variable)` or `step("name", variable)` here passes, if any."""
    if not (isinstance(node, ast.Call) and first <= node.lineno <= last and node.args):
        return None
    # Both `step(...)` and `tokenlab.step(...)`.
    named = getattr(node.func, "id", getattr(node.func, "attr", "")) == "step"
    value = node.args[min(1, len(node.args) - 1)]  # the short form has no name in front
    return value.id if named and isinstance(value, ast.Name) else None


class Calls:
    """The functions that were running at each step, with their sources: each looked up once."""

    def __init__(self) -> None:
        self.sources: dict[Source, int] = {}
        self.known: dict[Any, list[dict[str, Any]]] = {}  # a loop comes to the same lines again

    def of(self, item: Step) -> list[dict[str, Any]]:
        """Innermost first, each with its lit statement."""
        at = item.calls, item.lines or (item.line,)
        if at not in self.known:
            self.known[at] = self.find(*at)
        return self.known[at]

    def find(self, calls: tuple[tuple[str, str, int], ...], lines: tuple[int, ...]) -> list[dict]:
        """Without those that explain nothing, but for the one that made the step."""
        out: list[dict[str, Any]] = []
        for (file, function, first), line in zip(calls, lines, strict=False):
            if out and not is_shown(file):
                continue
            found = find_source(file, function, first, line)
            # Callers are lit where they call; the step itself from where its value was made.
            lit = statement_lines(file, line)
            made = lit if out else making_lines(file, line)
            out.append(
                {
                    "function": function.replace(".<locals>", "") * (function != "<module>"),
                    "file": short_path(file),
                    "source": self.sources.setdefault(found, len(self.sources)),
                    "lit": lit,
                    "from": made[0],
                }
            )
        return out


def source_html(source: Source) -> str:
    """One `<span class="line">` per line, the docstring folded away."""
    # Coloured as a whole and cut afterwards: a docstring runs over many lines.
    lines = list(_coloured(source.lines, source.first))
    first, last = (n - source.first for n in source.docstring)
    if last > first >= 0:  # a docstring of one line stays as it is
        count = last - first
        head = lines[first].replace('class="line', 'class="line folds', 1)
        rest = "\n".join(lines[first + 1 : last + 1])
        hint = f'<span class="more">{count} more line{"s" * (count > 1)}</span>'
        # An element that the browser opens by itself, also without JavaScript.
        folded = f'<details class="doc"><summary>{head}{hint}</summary>{rest}</details>'
        lines[first : last + 1] = [folded]
    return "\n".join(lines)


def _coloured(lines: list[str], first: int) -> Iterator[str]:
    spans: dict[int, list[tuple[int, int, str]]] = {}
    for row, start, stop, kind in _spans(lines):
        spans.setdefault(row, []).append((start, stop, kind))
    # Text outside of a span is escaped as well: nothing of a source becomes markup.
    for row, line in enumerate(lines):
        html, at = "", 0
        for start, stop, kind in spans.get(row, []):
            html += escape(line[at:start])
            html += (
                f'<span class="{kind}">{escape(line[start:stop])}</span>' if stop > start else ""
            )
            at = stop
        html += escape(line[at:])
        # Continued lines hang beneath their own beginning, not at the margin.
        indent = len(line) - len(line.lstrip())
        yield (
            f'<span class="line" data-line="{first + row}" style="--in:{indent}">'
            f'<span class="no">{first + row}</span><code>{html or " "}</code></span>'
        )


def _spans(lines: list[str]) -> Iterator[tuple[int, int, int, str]]:
    """What to colour: row, first and last column, class. Reads as far as the text is Python."""
    before = ""  # the last word, which tells whether a name is that of a function
    try:
        for token in tokenize.generate_tokens(io.StringIO("\n".join(lines) + "\n").readline):
            kind = _colour(token, before)
            if token.type == tokenize.NAME:
                before = token.string
            if not kind:
                continue
            (top, left), (bottom, right) = token.start, token.end
            for row in range(top - 1, bottom):  # a string may run over several lines
                start = left if row == top - 1 else 0
                yield row, start, right if row == bottom - 1 else len(lines[row]), kind
    # A function in the middle of a class begins indented, and a window may end in a string.
    except (tokenize.TokenError, SyntaxError, IndexError):
        return


def _colour(token: tokenize.TokenInfo, before: str) -> str:
    """Classes: k keyword, f name of a function, s string, c comment, n number."""
    if token.type == tokenize.NAME:
        if before in ("def", "class"):
            return "f"
        # Of other names the grammar says nothing.
        return "k" if keyword.iskeyword(token.string) else ""
    # Python 3.12 reads the parts of an f-string as tokens of their own.
    if token.type == tokenize.STRING or tokenize.tok_name[token.type].startswith("FSTRING"):
        return "s"
    return {tokenize.COMMENT: "c", tokenize.NUMBER: "n"}.get(token.type, "")
