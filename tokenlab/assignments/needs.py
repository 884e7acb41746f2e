"""Which statements of a file the functions in it need: what Python would have run before them.

A statement counts if it makes or changes a name that some function reads, directly or through
other such statements. Prints, plots, loops and measurements that nothing reads do not count.
"""

import ast
import builtins
from collections.abc import Iterable, Sequence

__all__: list[str] = []

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
IMPORTS = (ast.Import, ast.ImportFrom)
LONG = (ast.For, ast.AsyncFor, ast.While)  # may take any time, or never end
BUILT_IN = frozenset(dir(builtins))


def stored(node: ast.AST) -> set[str]:
    """The names that a statement binds where it stands, also inside of `with`, `if`, `try`."""
    found = set[str]()
    for inner in _outside_of_functions(node):
        if isinstance(inner, DEFINITIONS):
            found.add(inner.name)
        elif isinstance(inner, IMPORTS):
            found |= {(name.asname or name.name).partition(".")[0] for name in inner.names}
        elif isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
            found.add(inner.id)
    return found


def changed(node: ast.AST) -> set[str]:
    """The names whose values a statement may change: `x[0] = 1`, `x.append(1)`, `change(x)`.

    `print(x)` and what is called for its result, `y = f(x)`, are taken to change nothing.
    """
    found = set[str]()
    for inner in _outside_of_functions(node):
        parts: list[ast.AST] = []
        if isinstance(inner, ast.Subscript | ast.Attribute) and isinstance(inner.ctx, ast.Store):
            parts = [inner]
        elif isinstance(inner, ast.Expr) and isinstance(inner.value, ast.Call):
            call = inner.value
            if _root(call.func) not in BUILT_IN:
                parts = [*call.args, *(word.value for word in call.keywords)]
            if isinstance(call.func, ast.Attribute):
                parts.append(call.func)
        found |= {_root(part) for part in parts}
    return found - {""}


def _root(node: ast.AST) -> str:
    """`x` of `x.part[0]`; nothing of what is no name."""
    while isinstance(node, ast.Subscript | ast.Attribute | ast.Starred):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def loaded(node: ast.AST) -> set[str]:
    """The names from outside that a statement reads; what a function binds itself is its own."""
    if isinstance(node, ast.Name):
        return {node.id} if isinstance(node.ctx, ast.Load) else set()
    inside = set[str]().union(*map(loaded, ast.iter_child_nodes(node)))
    if not isinstance(node, (*FUNCTIONS, ast.Lambda)):
        return inside
    arguments = node.args
    bound = {a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
    bound |= {a.arg for a in (arguments.vararg, arguments.kwarg) if a is not None}
    body = node.body if isinstance(node.body, list) else [node.body]
    for statement in body:
        bound |= stored(statement)
    shared = {
        name for part in ast.walk(node) if isinstance(part, ast.Global) for name in part.names
    }
    # Decorators, defaults and annotations are read outside of the function.
    outside = [*getattr(node, "decorator_list", []), arguments]
    return (inside - bound) | shared | set[str]().union(*map(loaded, outside))


def _outside_of_functions(node: ast.AST) -> Iterable[ast.AST]:
    """The node and all below it, but nothing of the bodies of functions and classes."""
    yield node
    if isinstance(node, (*DEFINITIONS, ast.Lambda)):
        return
    for inner in ast.iter_child_nodes(node):
        yield from _outside_of_functions(inner)


def needed(statements: Sequence[ast.stmt], wanted: Iterable[str]) -> list[bool]:
    """For each statement whether it makes or changes what `wanted` functions read."""
    makes = [stored(node) for node in statements]
    touches = [makes[i] | changed(node) for i, node in enumerate(statements)]
    reads = [loaded(node) for node in statements]
    names, kept, grown = set(wanted), [False] * len(statements), True
    # A definition counts by its name alone: who calls it needs it, and all that it reads.
    definitions = [isinstance(node, DEFINITIONS) for node in statements]
    while grown:
        grown = False
        for i in range(len(statements)):
            what = makes[i] if definitions[i] else touches[i]
            if not kept[i] and what & names:
                kept[i] = grown = True
                names |= reads[i]
    return kept


def own(statements: Iterable[ast.stmt]) -> set[str]:
    """The names of the functions and classes that a file defines."""
    found = set[str]()
    for node in statements:
        for inner in _outside_of_functions(node):
            if isinstance(inner, DEFINITIONS):
                found.add(inner.name)
            elif isinstance(inner, ast.Assign) and isinstance(inner.value, ast.Lambda):
                found |= stored(inner)
    return found
