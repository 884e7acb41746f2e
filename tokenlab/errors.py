"""The errors tokenlab raises; each is also the built-in error that a caller would expect.

A message names the function, the argument, what came, what was expected, and the fix.
"""

import sys
from typing import Any

__all__ = [
    "BackendError",
    "DTypeError",
    "InvalidInput",
    "MissingDependency",
    "ShapeError",
    "StorageError",
    "TokenlabError",
]


# The packages themselves: the project's own name on a package index may be another's.
PLOT = 'pip install "matplotlib>=3.8"'


class TokenlabError(Exception):
    """Root of all errors of this package: `except TokenlabError` catches every one."""


class ShapeError(TokenlabError, ValueError):
    """An array has the wrong number of axes, or two axes that share a name differ in length."""


class InvalidInput(TokenlabError, ValueError):
    """A value is outside what the function is defined for (NaN, `k` of 0, offsets that go down)."""


class DTypeError(InvalidInput, TypeError):
    """The elements have a type that has no decided meaning here (objects, text, complex)."""


class BackendError(TokenlabError, TypeError):
    """Arrays of different libraries were mixed, or come from a library that is not supported."""


class MissingDependency(TokenlabError, ImportError):
    """An optional package is needed and absent; the message holds the exact install line."""


class StorageError(TokenlabError, ValueError):
    """A folder on disk is not what it claims to be: damaged, of another version, or foreign."""


HELPERS = {
    *("arguments", "arrays", "blocks", "checks", "engine", "errors", "fused", "ops", "ops_numpy"),
    *("ops_places", "options", "ranges", "recording", "stepping", "steps", "tape"),
}
PROGRAMS = {"assignments", "autograd", "cli", "tour"}  # these call functions for somebody else
BETWEEN = {"contextlib", "functools", "numpy"}  # what of other packages may stand in a call


def public_caller() -> str:
    """The function that the user called: of this call, the outermost one that its module exports.

    A method is `Class.method`, and a class that is being made goes by its own name. A function of
    the user that calls these checks itself is named, too.
    """
    frame: Any = sys._getframe(1)
    nearest = outermost = ""
    while frame is not None:
        package, _, module = frame.f_globals.get("__name__", "").partition(".")
        part = module.partition(".")[0]
        of_user = package not in ("tokenlab", *BETWEEN) or frame.f_code.co_name == "<module>"
        if package == "tokenlab" and part in HELPERS and not _is_takes(frame):
            frame = frame.f_back
            continue
        if part in PROGRAMS and outermost:
            break
        name, exported = _named(frame)
        nearest = nearest or name
        if of_user:
            break
        outermost = name if exported else outermost
        frame = frame.f_back
    return outermost or nearest


def _is_takes(frame: Any) -> bool:
    """Whether this is the wrapper that `@takes` puts around a function."""
    return frame.f_code.co_qualname == "takes.<locals>.decorate.<locals>.call"


def _named(frame: Any) -> tuple[str, bool]:
    """The name of the function that runs in a frame, and whether its module exports it."""
    scope, path, own = frame.f_globals, frame.f_code.co_qualname, frame.f_locals
    if _is_takes(frame):
        function = own["function"]
        scope, path = vars(sys.modules[function.__module__]), function.__qualname__
        own = {"self": own["args"][0]} if own["args"] else {}
    exports = scope.get("__all__", ())
    name = path.partition(".<locals>")[0]
    holder, _, method = name.rpartition(".")
    special = method.startswith("__")
    exported = name.partition(".")[0] in exports and (special or not method.startswith("_"))
    if not exported:
        return path.rpartition("<locals>.")[2].removesuffix(".__init__"), False
    if holder:  # the class of the object, which may have got the method from another one
        it = own.get("self", own.get("cls"))
        kind = it if isinstance(it, type) else type(it)
        holder = kind.__name__ if hasattr(kind, method) else holder
    return (holder if special else f"{holder}.{method}" if holder else name), True
