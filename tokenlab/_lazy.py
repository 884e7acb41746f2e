"""Families load their modules on first use, so that `import tokenlab` stays instant."""

import importlib
import pkgutil
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def lazy(
    package: str,
    exports: Mapping[str, Sequence[str]] | None = None,
    *,
    hidden: Sequence[str] = (),
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Make `__getattr__`, `__dir__` and `__all__` of a package.

    Its modules are found in its folder, without importing them. `exports` says, module by module,
    which of their names the package hands on. `hidden` modules can be imported, and are not shown.
    """
    home = {name: module for module, names in (exports or {}).items() for name in names}

    def modules() -> set[str]:  # looked up anew: somebody may lend the package another folder
        return {m.name for m in pkgutil.iter_modules(sys.modules[package].__path__)}

    def getattr_(name: str) -> Any:
        if name in home:
            return getattr(importlib.import_module(f"{package}.{home[name]}"), name)
        if not name.startswith("_") and name in modules():
            return importlib.import_module(f"{package}.{name}")
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    def names() -> list[str]:
        shown = {m for m in modules() if not m.startswith("_")} - set(hidden)
        return sorted(shown | home.keys())

    return getattr_, names, names()
