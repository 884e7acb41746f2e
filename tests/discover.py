"""What there is to test: all modules of the package, and all public functions and classes."""

import importlib
import inspect
import pkgutil
from pathlib import Path

import tokenlab

ROOT = Path(tokenlab.__file__).parent
NEEDS_NUMBA = "tokenlab.kernels"


def module_names():
    return sorted(
        m.name
        for m in pkgutil.walk_packages([str(ROOT)], "tokenlab.")
        if not m.name.startswith(NEEDS_NUMBA)
    )


def modules():
    return [importlib.import_module(name) for name in module_names()]


def is_package(module):
    return hasattr(module, "__path__")


def public():
    """`(dotted name, object)` of everything in the `__all__` of the module that defines it."""
    return [
        (f"{module.__name__}.{name}", getattr(module, name))
        for module in modules()
        if not is_package(module)
        for name in getattr(module, "__all__", ())
        if getattr(getattr(module, name), "__module__", module.__name__) == module.__name__
    ]


def takes_arrays(function):
    """By its docstring: a parameter that is an array, or a TokenIndex of arrays."""
    text = inspect.getdoc(function) or ""
    parameters = text.partition("Parameters")[2].partition("Returns")[0]
    return any(word in parameters for word in ("ndarray", "TokenIndex", "array_like"))


def paper_modules():
    """Modules in the families: one paper each."""
    families = ("retrieval", "quantization", "logits", "attention", "pruning", "decoding")
    families += ("tokenizers", "embeddings", "objectives", "analysis", "lm")
    return [m for m in modules() if m.__name__.split(".")[1] in families and not is_package(m)]
