"""Do the tests of the assignments see mistakes? Change every solution in many small ways, and look.

    python tools/mutate_assignments.py [a01 a02 ...] [--show]

Each task's solution is changed once at a time: another axis, one more or less, min for max, sum for
mean, a sign, a comparison, a copy that is missing, an input that is changed, another type of the
result, a first or last item that is left out, a line that is missing. A changed solution must fail
a test of its task, or do the very same as the solution on all inputs that `inputs` draws; those
are in EQUIVALENT, with the reason. The exit status is 1 if there is one that is neither.
"""

import argparse
import ast
import copy
import itertools
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from tokenlab.assignments import answers, recorder, seeds
from tokenlab.assignments.catalog import Assignment, Task, load_all
from tokenlab.assignments.compare import same
from tokenlab.assignments.marks import Test, tests_in

SECONDS = 2.0  # for a test of a changed solution; a loop without end is seen
SEEDS = 12  # of hidden tests, for the inputs on which a survivor is compared
FEWEST = 30  # mutants of a task; where single changes are fewer, two at once follow
SWAPS = {
    "min": "max",
    "max": "min",
    "sum": "mean",
    "mean": "sum",
    "any": "all",
    "all": "any",
    "argmin": "argmax",
    "argmax": "argmin",
    "minimum": "maximum",
    "maximum": "minimum",
    "zeros": "ones",
    "ones": "zeros",
    "exp": "expm1",
    "log": "log1p",
    "sqrt": "square",
    "abs": "negative",
    "sort": "array",
    "argsort": "argmax",
    "isinf": "isfinite",
    "zeros_like": "ones_like",
    "ones_like": "zeros_like",
    "flatnonzero": "ravel",
}
OPERATORS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv,
}  # fmt: skip
COMPARISONS = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
}  # fmt: skip
RESULTS = {
    "float32": "single", "without the last": "shorter", "without the first": "beheaded",
    "last is 0": "last_zero", "first is 0": "first_zero", "sign": "negated", "one axis more": "deeper",
    "as floats": "floats", "twice": "doubled", "transposed": "turned",
    "the same everywhere": "levelled", "backwards": "backwards",
}  # fmt: skip


# What is decided about types is tested in public: nobody loses hidden points by it alone.
SHOWN = ("float32", "as floats")


AROUND = ("result", "input changed")  # how changes of no place of the function begin


class Mutant(NamedTuple):
    """A changed solution: what was changed, and the function's text."""

    what: str
    text: str


# A survivor may be here: (task, a part of what was changed) -> why nothing changes.
ROUND = "the larger of two is the same from both sides"
LAST = "the last axis is what NumPy takes without one"
SYMMETRIC = "A is symmetric, and so is every iterate, a polynomial of A: they commute"
EQUIVALENT: dict[tuple[str, str], str] = {
    ("1.1", "np.where(lengths == 0, 1, lengths)"): "a row of zeros may be divided by anything",
    ("1.3", "without axis"): LAST,
    ("2.5", "sides exchanged: counts @"): "a product of two vectors",
    ("3.1", "without axis: k.mean"): "any vector that is taken from both serves",
    ("3.1", "arguments exchanged: np.maximum"): ROUND,
    ("3.2", "one more: 1 | grid = q.reshape"): "NumPy takes any negative number for what is left",
    ("3.3", "sides exchanged: a @ x @ a - a"): "a norm does not see the sign",
    ("3.3", "sides exchanged"): SYMMETRIC,
    ("3.3", "wrong axis: np.abs(a).sum"): SYMMETRIC,
    ("3.3", "one less: 0 | alpha"): SYMMETRIC,
    ("4.1", "arguments exchanged: np.minimum"): ROUND,
    ("5.1", "without axis"): LAST,
    ("5.2", "arguments exchanged: np.maximum(z, 1)"): ROUND,
    ("5.5", "ones for zeros"): "every entry is written afterwards",
    ("6.1", "one less: 0"): "a list of one: its first item is its last",
    ("2.3", "missing `history = np.array"): "a list of the right values counts",
    ("6.4", "tried[name] |"): "the line names a value, and changes nothing",
    ("6.4", "missing `for name in params: tried"): "the line names a value, and changes nothing",
    ("6.4", "ones for zeros"): "every entry is written afterwards",
    ("6.4", "sides exchanged: stated[name]"): "the size of a difference",
    ("7.4", "wrong axis"): "of three axes -1 is the last, too",
    ("7.5", "missing `longer['k']`"): "the line names a value, and changes nothing",
    ("8.1", "another sign: 0.0"): "0 has no sign that counts",
    ("8.2", "arguments exchanged: np.maximum"): ROUND,
    ("8.2", "arguments exchanged: min"): ROUND,
    ("8.2", "no copy"): "the result may be p itself",
    ("8.3", "without dtype"): "0 and 1 serve as well as False and True, and floats as integers",
    ("8.3", "ones for zeros: np.zeros | right"): "every entry is written afterwards",
    ("8.3", "ones for zeros: np.zeros | depth"): "only which depth is largest counts",
    ("8.3", "one more: 1 | depth[i + 1]"): "only which depth is largest counts",
    ("8.3", "1 | node = int(np.where"): "any number up to the root's depth: the root comes first",
    ("8.4", "another sign: 0.0"): "0 has no sign that counts",
    (
        "8.5",
        "np.cumsum(~dropped) - ~dropped |",
    ): "used for dropped tokens alone, where it takes 0 away",
    ("8.5", "without strict"): "both have one length",
    ("8.5", "yes for no: True | for gap"): "both have one length",
    ("10.1", "one more: 9"): "any number of decimals that a computer can tell apart serves",
    ("10.1", "one less: 9"): "any number of decimals that a computer can tell apart serves",
    ("10.2", "wrong axis: ((rest[:, None] - codebook) ** 2).sum"): "-1 is the last axis, as 2 is",
    ("10.2", "mean for sum"): "a share of the sum: the same code is nearest",
    ("10.2", "sides exchanged: rest[:, None] - codebook"): "the square of a difference",
    ("10.4", "arguments exchanged: blocks.swapaxes"): "two axes change places either way",
    ("9.1", "missing `np.array(sum"): "the line names a value, and changes nothing",
    ("9.1", "without strict"): "both have one length",
    ("9.1", "yes for no: True"): "both have one length",
    ("9.3", "one more: 1 | merges = np.array"): "NumPy takes any negative number for what is left",
    ("9.5", "missing `ids = np.array"): "a list of the right values counts",
    ("9.5", "without dtype"): "there is at least one id",
    ("9.5", "another sign: 0.0"): "0 has no sign that counts",
    ("9.5", "1 | last = np.full"): "every place on the way is written afterwards",
    ("9.5", "sign: -1 | last = np.full"): "every place on the way is written afterwards",
    ("9.5", "one less: 1 | for end in range(1"): "no token ends at the beginning",
    ("9.6", "missing `np.array([len"): "the line names a value, and changes nothing",
    ("11.1", "arguments exchanged: max"): ROUND,
    ("11.1", "arguments exchanged: min"): ROUND,
    ("11.2", "sides exchanged: outputs[context] @"): "a product of two vectors",
    ("11.2", "arguments exchanged: np.logaddexp"): "a sum of two",
    (
        "11.3",
        "no copy: vectors[word].copy()",
    ): "the rows of words are read, and written once at the end",
    ("11.3", "sides exchanged: outputs[target] @"): "a product of two vectors",
    ("11.4", "sides exchanged: outputs[target] @"): "a product of two vectors",
    ("13.1", "arguments exchanged: max"): ROUND,
    (
        "13.1",
        "a larger number: 1e-09",
    ): "a share times a number of tokens is no nearer below a whole one",
    ("13.1", "sum for mean"): "both have one direction, and the length becomes 1",
    ("13.2", "without axis"): LAST,
    ("13.4", "one more: 1 | numbers"): "NumPy takes any negative number for what is left",
    ("13.5", "without axis: np.argsort"): LAST,
    (
        "13.5",
        "without axis: reached.any",
    ): "all rows add up the same tokens, so that all reach it or none",
    ("13.6", "arguments exchanged: max"): ROUND,
    ("13.6", "without strict"): "there is one value for each query token",
    ("13.6", "yes for no: True"): "there is one value for each query token",
    ("13.2", "without strict"): "both have a row for each query",
    ("13.2", "yes for no: True"): "both have a row for each query",
    (
        "13.2",
        "arguments exchanged: zip",
    ): "both rows have k documents, and what they share is the same",
    ("12.2", "sign: -temperature"): "m (1 - m) is the same for theta and for -theta",
    ("12.3", "sides exchanged: middle @"): "a product of two vectors",
    ("12.3", "another sign: 0.0"): "0 has no sign that counts",
    ("12.4", "one more: 0 | scores"): "what a place without a word finds is not looked at",
    ("12.4", "one less: 0 | scores"): "what a place without a word finds is not looked at",
    ("12.5", "sides exchanged: states[-1] - start"): "a length does not see the sign",
    ("12.5", "wrong axis: np.linalg.norm(moves, axis=2)"): "-1 is the last axis, as 2 is",
    ("12.5", "one more: 1 | straightness"): "what stands for a length of 0 is not looked at",
}


# changes of a result or of an input, by functions that the text of a mutant calls -----------------


def _parts(value: Any, change: Callable) -> Any:
    if isinstance(value, tuple):
        return tuple(change(part) for part in value)
    return change(value)


def single(x: Any) -> Any:
    """In single precision."""
    return np.float32(x) if np.asarray(x).dtype.kind == "f" else x


def shorter(x: Any) -> Any:
    """Without the last item."""
    return x[:-1] if np.ndim(x) else x


def beheaded(x: Any) -> Any:
    """Without the first item."""
    return x[1:] if np.ndim(x) else x


def _with_zero(x: Any, at: int) -> Any:
    if not np.ndim(x) or not len(x):
        return x
    x = np.array(x)
    x[at] = 0
    return x


def last_zero(x: Any) -> Any:
    """With 0 for the last item."""
    return _with_zero(x, -1)


def first_zero(x: Any) -> Any:
    """With 0 for the first item."""
    return _with_zero(x, 0)


def negated(x: Any) -> Any:
    """With the other sign."""
    return ~x if np.asarray(x).dtype.kind == "b" else -np.asarray(x)


def deeper(x: Any) -> Any:
    """With one axis more."""
    return np.asarray(x)[None]


def floats(x: Any) -> Any:
    """Numbers of tokens as floats."""
    return np.asarray(x).astype(float) if np.asarray(x).dtype.kind in "iu" else x


def turned(x: Any) -> Any:
    """Transposed."""
    return np.asarray(x).T if np.ndim(x) > 1 else x


def doubled(x: Any) -> Any:
    """Twice as much."""
    return x + x if np.asarray(x).dtype.kind in "fiu" else x


def levelled(x: Any) -> Any:
    """The first item everywhere."""
    return np.full_like(x, np.asarray(x).flat[0]) if np.size(x) else x


def backwards(x: Any) -> Any:
    """The last first."""
    return x[::-1] if np.ndim(x) else x


def spoil(x: Any) -> None:
    """Change an input after it was used."""
    if isinstance(x, np.ndarray) and x.size:
        x.flat[x.size - 1] = not x.flat[x.size - 1] if x.dtype == bool else x.flat[x.size - 1] + 1
    elif isinstance(x, dict):
        for value in x.values():
            spoil(value)


HELPERS = {
    name: globals()[name] for name in (*RESULTS.values(), "spoil", "_parts")
}  # fmt: skip


# mutants -------------------------------------------------------------------------------------------


class Bare(ast.NodeTransformer):
    """Take the docstring out, and `step(...)`, which changes nothing."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        if ast.get_docstring(node) is not None:
            node.body = node.body[1:]
        node.body = [s for s in node.body if not _keeps(s)]
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id == "step":
            return node.args[1] if len(node.args) > 1 else node.args[0]
        return node


def _keeps(statement: ast.stmt) -> bool:
    """`x = x`, which is left of `x = step("name", x)`."""
    both = isinstance(statement, ast.Assign)
    return both and ast.unparse(statement.targets[0]) == ast.unparse(statement.value)


def mutants(function: ast.FunctionDef) -> Iterator[Mutant]:
    """Every change of one place of a function, then the changes of its results and inputs."""
    seen = {ast.unparse(function)}
    where = _statements(function)
    for number, node in enumerate(ast.walk(function)):
        for what, change in _changes(node):
            changed = copy.deepcopy(function)
            twin = next(n for i, n in enumerate(ast.walk(changed)) if i == number)
            try:
                change(twin)
                text = ast.unparse(ast.fix_missing_locations(changed))
            except (AttributeError, TypeError, ValueError):
                continue
            if text not in seen:
                seen.add(text)
                yield Mutant(f"{what}: {_line(node)} | {where[number]}", text)
    yield from _around(function)


def double_mutants(killed: list[Mutant], seen: set[str]) -> Iterator[Mutant]:
    """Two places changed at once, for solutions that are too short for many single changes."""
    for first in killed:
        (function,) = ast.parse(first.text).body
        assert isinstance(function, ast.FunctionDef)
        for second in mutants(function):
            if not second.what.startswith(AROUND) and second.text not in seen:
                seen.add(second.text)
                yield Mutant(f"{first.what}, then {second.what}", second.text)


def _line(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split())[:70]


def _statements(function: ast.FunctionDef) -> dict[int, str]:
    """The text of the statement that each node stands in, by the node's number."""
    numbers = {id(node): i for i, node in enumerate(ast.walk(function))}
    found: dict[int, str] = {}
    for statement in ast.walk(function):  # inner ones come later, and stay
        if isinstance(statement, ast.stmt):
            found |= {numbers[id(node)]: _line(statement) for node in ast.walk(statement)}
    return found


def _changes(node: ast.AST) -> Iterator[tuple[str, Callable]]:
    if isinstance(node, ast.Constant):
        yield from _of_constant(node)
    elif isinstance(node, ast.Attribute):
        if node.attr in SWAPS:
            yield f"{SWAPS[node.attr]} for {node.attr}", _set("attr", SWAPS[node.attr])
        if node.attr == "T":
            yield "not transposed", _set("attr", "real")
    elif isinstance(node, ast.BinOp):
        yield from _of_operation(node)
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISONS:
        other = COMPARISONS[type(node.ops[0])]
        yield "comparison", lambda twin: twin.ops.__setitem__(0, other())
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield "sign", _set("op", ast.UAdd())
    elif isinstance(node, ast.Call):
        yield from _of_call(node)
    elif isinstance(node, ast.Slice):
        yield from _of_slice(node)
    elif isinstance(node, ast.For):
        yield "without the first turn", lambda twin: _cut(twin, 1, None)
        yield "without the last turn", lambda twin: _cut(twin, None, -1)
    body = getattr(node, "body", None)
    if isinstance(body, list):
        yield from _of_body(body)


def _set(name: str, value: Any) -> Callable:
    return lambda twin: setattr(twin, name, value)


def _of_constant(node: ast.Constant) -> Iterator[tuple[str, Callable]]:
    value = node.value
    if isinstance(value, bool):
        yield "yes for no", _set("value", not value)
    elif isinstance(value, int):
        yield "one more", _set("value", value + 1)
        yield "one less", _set("value", value - 1)
        if value == 0:
            yield "the last axis", _set("value", -1)
    elif isinstance(value, float):
        yield "a larger number", _set("value", value * 1.5 + 0.25)
        yield "another sign", _set("value", -value)
    elif value == "stable":
        yield "not stable", _set("value", "quicksort")


def _of_operation(node: ast.BinOp) -> Iterator[tuple[str, Callable]]:
    if type(node.op) in OPERATORS:
        yield "another operation", _set("op", OPERATORS[type(node.op)]())
    if isinstance(node.op, ast.MatMult | ast.Sub | ast.Div):
        yield "sides exchanged", _exchange
    yield "left side alone", _become("left")
    yield "right side alone", _become("right")


def _exchange(twin: ast.BinOp) -> None:
    twin.left, twin.right = twin.right, twin.left


def _become(name: str) -> Callable:
    """The node is replaced by one of its parts: `+part`, since a node cannot replace itself."""

    def change(twin: Any) -> None:
        part = getattr(twin, name)
        part = part[0] if isinstance(part, list) else part
        twin.__class__ = ast.Call
        twin.__dict__.clear()
        twin.func, twin.args, twin.keywords = ast.Name("np.asarray", ast.Load()), [part], []

    return change


def _of_call(node: ast.Call) -> Iterator[tuple[str, Callable]]:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    if name in ("copy", "astype"):
        yield f"no {name}", lambda twin: _become_value(twin)
    if isinstance(node.func, ast.Name) and node.func.id in ("min", "max"):
        other = {"min": "max", "max": "min"}[node.func.id]
        yield f"{other} for {node.func.id}", lambda twin: setattr(twin.func, "id", other)
    for i, keyword in enumerate(node.keywords):
        yield f"without {keyword.arg}", lambda twin, i=i: twin.keywords.pop(i)
        if keyword.arg == "axis" and isinstance(keyword.value, ast.Constant):
            other_axis = 1 - keyword.value.value
            yield (
                "wrong axis",
                lambda twin, i=i, a=other_axis: setattr(twin.keywords[i], "value", ast.Constant(a)),
            )
    if len(node.args) > 1:
        yield "arguments exchanged", lambda twin: twin.args.reverse()


def _become_value(twin: Any) -> None:
    value = twin.func.value
    twin.__class__ = value.__class__
    twin.__dict__.clear()
    twin.__dict__.update(value.__dict__)


def _of_slice(node: ast.Slice) -> Iterator[tuple[str, Callable]]:
    for end, name in ((node.lower, "lower"), (node.upper, "upper")):
        for sign in (ast.Add(), ast.Sub()):
            if end is not None:
                what = "later" if isinstance(sign, ast.Add) else "earlier"
                yield f"{name} end one {what}", _move(name, sign)
    if node.lower is None and node.upper is not None:
        yield "first left out", _set("lower", ast.Constant(1))


def _move(name: str, sign: ast.operator) -> Callable:
    return lambda twin: setattr(twin, name, ast.BinOp(getattr(twin, name), sign, ast.Constant(1)))


def _cut(twin: ast.For, first: int | None, last: int | None) -> None:
    cut = ast.Slice(*(None if end is None else ast.Constant(end) for end in (first, last)))
    everything = ast.Call(ast.Name("list", ast.Load()), [twin.iter], [])
    twin.iter = ast.Subscript(everything, cut, ast.Load())


def _of_body(body: list[ast.stmt]) -> Iterator[tuple[str, Callable]]:
    for i, statement in enumerate(body):
        if isinstance(statement, ast.Return) or (i == 0 and isinstance(statement, ast.Expr)):
            continue
        short = _line(statement)[:40]
        yield f"missing `{short}` in", lambda twin, i=i: twin.body.__setitem__(i, ast.Pass())


def _around(function: ast.FunctionDef) -> Iterator[Mutant]:
    """The right result in another form, or an input that is changed once it was used."""
    text = ast.unparse(function)
    inner = f"def {function.name}(*args, **kwargs):\n    def whole{text.removeprefix('def ' + function.name)}"
    inner = inner.replace("\n", "\n    ").replace("\n        def whole", "\n    def whole", 1)
    for what, helper in RESULTS.items():
        yield Mutant(
            f"result: {what}", f"{inner}\n    return _parts(whole(*args, **kwargs), {helper})\n"
        )
        returned = [n for n in ast.walk(function) if isinstance(n, ast.Return) and n.value]
        if any(isinstance(n.value, ast.Tuple) for n in returned):
            for i in range(
                max(len(n.value.elts) for n in returned if isinstance(n.value, ast.Tuple))
            ):
                end = f"    found = list(whole(*args, **kwargs))\n    found[{i}] = {helper}(found[{i}])\n"
                yield Mutant(f"result {i}: {what}", f"{inner}\n{end}    return tuple(found)\n")
    for i, argument in enumerate(function.args.args):
        end = f"    found = whole(*args, **kwargs)\n    spoil(args[{i}])\n    return found\n"
        yield Mutant(f"input changed: {argument.arg}", f"{inner}\n{end}")


# judging -------------------------------------------------------------------------------------------


class TooLongError(BaseException):
    """A changed solution does not end."""


def _stop(*_: object) -> None:
    raise TooLongError


def limited(work: Callable[[], Any]) -> Any:
    """Do something, but not for ever."""
    signal.signal(signal.SIGALRM, _stop)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        return work()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def right_of(assignment: Assignment) -> ModuleType:
    """The solution's functions."""
    names = [task.function for task in assignment.tasks]
    found = answers.load(assignment.solution, "solution", names)
    assert not found.problems, found.problems
    return found.module


def with_function(right: ModuleType, text: str) -> ModuleType:
    """The solution with one function in another version."""
    module = ModuleType("answer")
    module.__dict__.update(right.__dict__, **HELPERS)
    exec(compile(text, "mutant", "exec", dont_inherit=True), module.__dict__)
    return module


def killed_by(tests: list[Test], module: ModuleType) -> str:
    """The first test that a changed solution fails."""
    for test in tests:
        try:
            trial = limited(lambda test=test: recorder.run_test(test, module))
        except TooLongError:
            return test.name
        if trial.error is not None:
            return test.name
    return ""


def inputs(assignment: Assignment, task: Task, right: ModuleType) -> list[recorder.Call]:
    """Legal calls of a task's function: those of its tests, with many seeds."""
    calls = []
    for seed in range(SEEDS):
        text = seeds.with_seed(assignment.text("test_hidden.py"), 1000 + seed)
        names: dict[str, Any] = {"__name__": "seeded"}
        exec(compile(text, "seeded", "exec", dont_inherit=True, optimize=0), names)
        for test in [*tests_in(names.values()), *(assignment.tests() if not seed else [])]:
            if test.task == task.number:
                calls += recorder.run_test(test, right).calls
    return [call for call in calls if call.function == task.function and call.outcome.error is None]


def differs(calls: list[recorder.Call], module: ModuleType, function: str) -> bool:
    """Whether a changed solution does something else in any call."""
    for call in calls:
        try:
            outcome = limited(lambda call=call: call.again(getattr(module, function)))
        except TooLongError:
            return True
        if outcome.error is not None or outcome.changed:
            return True
        if not same(outcome.result, call.outcome.result, rtol=1e-10) or _types(
            outcome.result
        ) != _types(call.outcome.result):
            return True
    return False


def _types(value: Any) -> Any:
    """What of a type counts: integers, or anything else."""
    if isinstance(value, tuple):
        return [_types(part) for part in value]
    return "integer" if np.asarray(value).dtype.kind in "iub" else "other"


class Report(NamedTuple):
    """What became of the mutants of one task."""

    assignment: str
    task: str
    n: int
    survivors: list[tuple[str, str]]  # what was changed, and "equal" or "other results"
    kinds: dict[str, int]


def judge(folder: str, number: str) -> Report:
    """Change one task's solution in every way, and run its tests on each."""
    assignment = Assignment(Path(folder))
    task, right = assignment.task(number), right_of(assignment)
    tests = [test for test in assignment.tests(hidden=True) if test.task == number]
    # Hidden ones first: they find more.
    tests.reverse()
    public = [test for test in tests if test in assignment.tests()]
    (function,) = (
        node
        for cell in assignment.solution
        if cell.kind == "code"
        for node in ast.parse(cell.text).body
        if isinstance(node, ast.FunctionDef) and node.name == task.function
    )
    function = Bare().visit(function)
    n, survivors, kinds = 0, [], Counter[str]()
    calls: list[recorder.Call] = []
    killed: list[Mutant] = []  # of one place each
    seen = {ast.unparse(function)}
    # The second part is made when the first has run: of what was killed there.
    doubles = (m for m in double_mutants(killed, seen) if n < FEWEST)
    for mutant in itertools.chain(mutants(function), doubles):
        try:
            module = with_function(right, mutant.text)
        except SyntaxError:
            continue
        n += 1
        kinds[mutant.what.partition(":")[0]] += 1
        with np.errstate(all="ignore"):
            found = killed_by(tests, module)
            if found and not (mutant.what.endswith(SHOWN) and not killed_by(public, module)):
                if not mutant.what.startswith(AROUND) and n < FEWEST:
                    killed.append(mutant)
                    seen.add(mutant.text)
                continue
            calls = calls or inputs(assignment, task, right)
            other = differs(calls, module, task.function)
        if not other and (", then " in mutant.what or mutant.what.startswith(AROUND)):
            n -= 1  # there is nothing to change: no integers, say; or one undoes the other
            continue
        how = "hidden tests alone see" if found else "other results" if other else "equal"
        survivors.append((mutant.what, how))
    return Report(assignment.name, number, n, survivors, dict(kinds))


def reason_for(task: str, what: str) -> str:
    """Why a survivor is no mistake."""
    found = (why for (t, begin), why in EQUIVALENT.items() if t == task and begin in what)
    return next(found, "")


def main() -> int:
    """Judge all tasks in as many processes as there are cores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="assignments, for example a01")
    parser.add_argument("--show", action="store_true", help="also survivors that are explained")
    given = parser.parse_args()
    chosen = [a for a in load_all() if not given.names or a.name.startswith(tuple(given.names))]
    begun, total, bad = time.monotonic(), 0, 0
    with ProcessPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        jobs = [pool.submit(judge, str(a.folder), task.number) for a in chosen for task in a.tasks]
        for job in jobs:
            report = job.result()
            total += report.n
            left = [(w, how) for w, how in report.survivors if not reason_for(report.task, w)]
            few = report.n < FEWEST
            print(
                f"{report.assignment[:3]} {report.task}: {report.n:4} mutants, "
                f"{len(report.survivors)} survive, {len(left)} unexplained"
                + (f"; fewer than {FEWEST}" if few else "")
            )
            for what, how in report.survivors if given.show else left:
                print(f"    {how}: {what}  {reason_for(report.task, what)}")
            # A reason holds only where no input was found that tells the two apart.
            wrong = [w for w, how in report.survivors if how != "equal"]
            bad += len(left) + few + sum(1 for w in wrong if reason_for(report.task, w))
    print(f"{total} mutants in {time.monotonic() - begun:.0f} s; {bad} to be looked at")
    return 1 if bad else 0


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
