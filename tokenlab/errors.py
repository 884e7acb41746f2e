"""The errors tokenlab raises; each is also the built-in error that a caller would expect.

A message names the function, the argument, what came, what was expected, and the fix.
"""

import sys

__all__ = [
    "BackendError",
    "DTypeError",
    "InvalidInput",
    "MissingDependency",
    "ShapeError",
    "StorageError",
    "TokenlabError",
]


class TokenlabError(Exception):
    """Root of all errors of this package: `except TokenlabError` catches every one."""


class ShapeError(TokenlabError, ValueError):
    """An array has the wrong number of axes, or two axes that share a name differ in length."""


class InvalidInput(TokenlabError, ValueError):
    """A value is outside what the function is defined for (NaN, `k` of 0, offsets that go down)."""


class DTypeError(TokenlabError, TypeError, ValueError):
    """The elements have a type that has no decided meaning here (objects, text, complex)."""


class BackendError(TokenlabError, TypeError):
    """Arrays of different libraries were mixed, or come from a library that is not supported."""


class MissingDependency(TokenlabError, ImportError):
    """An optional package is needed and absent; the message holds the exact install line."""


class StorageError(TokenlabError, ValueError):
    """A folder on disk is not what it claims to be: damaged, of another version, or foreign."""


HELPERS = ("arguments", "arrays", "blocks", "checks", "engine", "errors", "tape")


def public_caller() -> str:
    """The function that the user called: the innermost one that its module exports."""
    frame = sys._getframe(1)
    helpers = tuple(f"tokenlab.{name}" for name in HELPERS)
    while frame.f_globals.get("__name__") in helpers and frame.f_back is not None:
        frame = frame.f_back
    nearest = frame.f_code.co_qualname  # a caller outside of this package may export nothing
    while frame is not None:
        name = frame.f_code.co_qualname.partition(".<locals>")[0].removesuffix(".__init__")
        exported = name.partition(".")[0] in frame.f_globals.get("__all__", ())
        if exported and frame.f_globals.get("__name__") not in helpers:
            return name
        frame = frame.f_back  # type: ignore[assignment]
    return nearest
