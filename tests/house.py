"""The house's figures: how a file reads, counted. `python tests/house.py` prints them.

Words before the code (words with a letter; formulas between `$$` are left out), the share of
comments among the lines outside of docstrings and NOTES, the most statements in one function
(nested ones and the docstring included), lines that pack unrelated calls, and lines in all.
"""

import ast
import io
import re
import tokenize
from collections import Counter
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent / "tokenlab"
FAMILIES = {"retrieval", "quantization", "logits", "attention", "pruning", "decoding"}
FAMILIES |= {"tokenizers", "embeddings", "objectives", "analysis", "lm"}


class Figures(NamedTuple):
    """What is counted in one file."""

    words: int
    comments: float
    statements: int
    longest: str
    packed: list
    lines: int


def files(families_only=False):
    """All modules, by their path from the package; twins and their loops are no families' text."""
    for path in sorted(ROOT.rglob("*.py")):
        own = path.relative_to(ROOT)
        if not families_only or (own.parts[0] in FAMILIES and path.name != "__init__.py"):
            yield own.as_posix(), path.read_text(encoding="utf-8")


def figures(text):
    """The figures of one file."""
    tree = ast.parse(text)
    longest, statements = max(statements_of(tree), key=lambda found: found[1], default=("", 0))
    return Figures(
        words_before_code(tree),
        share_of_comments(tree, text),
        statements,
        longest,
        packed_lines(tree),
        len(text.splitlines()),
    )


def words_before_code(tree):
    """Words with a letter in the module's docstring, without the formulas between `$$`."""
    text = re.sub(r"\$\$.*?\$\$", " ", ast.get_docstring(tree) or "", flags=re.DOTALL)
    return sum(any(letter.isalpha() for letter in word) for word in text.split())


def share_of_comments(tree, text):
    """Comment tokens over lines that are neither blank nor in a docstring or in NOTES."""
    lines = {i for i, line in enumerate(text.splitlines(), 1) if line.strip()}
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        prose = isinstance(body, list) and body and is_text(body[0])
        if prose and isinstance(
            node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        ):
            lines -= set(range(body[0].lineno, body[0].end_lineno + 1))
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "NOTES":
            lines -= set(range(node.lineno, node.end_lineno + 1))
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return sum(token.type == tokenize.COMMENT for token in tokens) / max(1, len(lines))


def is_text(statement):
    """Whether a statement is nothing but a string."""
    value = getattr(statement, "value", None)
    return isinstance(statement, ast.Expr) and isinstance(getattr(value, "value", None), str)


def statements_of(tree):
    """`(name, statements)` of every function, with those of the functions inside."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, sum(isinstance(inner, ast.stmt) for inner in ast.walk(node)) - 1


def packed_lines(tree):
    """Lines that give names to the results of different functions of different things at once."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and all(
            isinstance(side, ast.Tuple) for side in (node.targets[0], node.value)
        ):
            calls = [value for value in node.value.elts if isinstance(value, ast.Call)]
            functions = {ast.unparse(call.func) for call in calls}
            shared = set.intersection(*map(subjects, calls)) if calls else set()
            if len(functions) > 1 and not shared:
                found.append(f"{node.lineno}: {ast.unparse(node)[:70]}")
    return found


def subjects(call):
    """The names in a call, but for those of the libraries."""
    names = {node.id for node in ast.walk(call) if isinstance(node, ast.Name)}
    return names - {"np", "xp", "checks", "math"}


def table(families_only=True):
    """One line a file, and the means."""
    rows = {path: figures(text) for path, text in files(families_only)}
    yield f"{'file':<36} words  comments  statements  packed  lines"
    for path, row in rows.items():
        yield (
            f"{path:<36} {row.words:5}  {row.comments:8.1%}  {row.statements:4} {row.longest[:18]:<18}"
            f" {len(row.packed):3}  {row.lines:5}"
        )
    mean = sum(row.comments for row in rows.values()) / len(rows)
    most = Counter({path: row.words for path, row in rows.items()}).most_common(1)[0]
    packed = sum(len(row.packed) for row in rows.values())
    yield (
        f"{len(rows)} files: comments {mean:.1%} on average, most words before code {most[1]} in "
        f"{most[0]}, {packed} packed lines"
    )


if __name__ == "__main__":
    print("\n".join(table()))
