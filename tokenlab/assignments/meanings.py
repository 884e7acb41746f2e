"""What an exception means, for somebody who meets it for the first time."""

import re
from collections.abc import Mapping

from tokenlab.assignments.compare import SHAPE, guessed, with_axes

__all__: list[str] = []

Owners = Mapping[tuple[int, ...], list[tuple[str, list[str]]]]  # shape -> arguments and their axes

# Pattern in "Type: message" -> meaning; the first that fits is said.
MEANINGS = (
    (r"^NameError: name '(\w+)'", "`{0}` was never given a value: a typing error, or an import "
     "that is missing."),
    (r"^UnboundLocalError", "The variable is used before the line that gives it a value has run."),
    (r"^TypeError: .*NoneType", "Something is None here. A function without `return` gives None, "
     "and so do methods that work in place, such as `list.sort()`."),
    (r"^AttributeError: 'NoneType'", "Something is None here: a function without `return`?"),
    (r"^AttributeError: 'list'", "A list has no such method. Make it an array: `np.asarray(x)`."),
    (r"^AttributeError: module 'numpy'", "NumPy has no function of that name: a typing error?"),
    (r"^TypeError: .*missing \d+ required positional", "A function is called with too few "
     "arguments. The parameters in the `def` line must stay as they were given."),
    (r"^TypeError: .*takes (from )?\d+", "A function is called with too many arguments. The "
     "parameters in the `def` line must stay as they were given."),
    (r"^TypeError: only integer", "An index must be an integer: use `.astype(int)`, or `//`."),
    (r"^IndexError: only integers", "An index must be an integer, not a float. Divisions with "
     "`/` give floats: use `//`, or `.astype(int)`."),
    (r"^IndexError: too many indices", "There are more indices in the brackets than the array has "
     "axes."),
    (r"^IndexError: .*out of bounds", "Positions run from 0 to the size less one."),
    (r"^AxisError|axis \d+ is out of bounds", "The array has fewer axes than you think. Print its "
     "shape."),
    (r"^ValueError: .*truth value", "A whole array stands where one yes or no is needed: use "
     "`np.where`, a mask, or `.any()` and `.all()`."),
    (r"^ValueError: .*(broadcast|not aligned|mismatch)", "Axes are compared from the last one "
     "backwards and must be equal or 1. `x[:, None]` adds an axis, `keepdims=True` keeps the one "
     "that is summed over, `x.T` exchanges the two of a matrix."),
    (r"^ValueError: .*zero-size array", "The maximum of nothing is not defined: an empty part "
     "needs a case of its own."),
    (r"^ValueError: .*inhomogeneous", "Rows of different lengths make no array."),
    (r"^ZeroDivisionError", "Something is divided by 0: which count can be 0?"),
    (r"^RecursionError", "A function calls itself without end."),
    (r"^MemoryError|Unable to allocate", "It asked for more memory than the checker allows. Is an "
     "array larger than it need be?"),
    (r"^SystemExit", "The code calls `exit` or `sys.exit`. A function ends with `return`."),
    (r"^EOFError", "The code asks for input; nobody is there to type it."),
    (r"^(ModuleNotFoundError|ImportError)", "This module is not installed, or is spelt otherwise. "
     "The tasks need NumPy alone."),
    (r"^(SyntaxError|IndentationError|TabError)", "Python cannot read this line. Often a bracket "
     "or a colon is missing there, or in the line above."),
    (r"^KeyError", "The dictionary has no such key."),
    (r"read-only", "The function changes its input, which is protected. Work on a copy: "
     "`x = x.copy()`."),
)  # fmt: skip


def meaning(error: BaseException, sizes: Mapping[int, list[str]], owners: Owners) -> str:
    """A sentence or two about an exception; shapes and sizes in it are named."""
    text = f"{type(error).__name__}: {error}"
    said = [_meaning(text), *_named_shapes(text, sizes, owners), *_named_sizes(text, sizes)]
    return " ".join(sentence for sentence in said if sentence)


def _meaning(text: str) -> str:
    for pattern, sentence in MEANINGS:
        found = re.search(pattern, text, re.S)
        if found:
            return sentence.format(*found.groups()) if "{0}" in sentence else sentence
    return ""


def _named_shapes(text: str, sizes: Mapping, owners: Owners) -> list[str]:
    """Each shape in a message, with the argument that has it or the names of its axes."""
    said = []
    for found in dict.fromkeys(SHAPE.findall(text)):
        shape = tuple(int(size) for size in re.findall(r"\d+", found))
        if shape in owners:
            named = [f"`{name}` is {with_axes(shape, axes)}" for name, axes in owners[shape]]
            said.append(f"Here {' and '.join(named)}.")
        elif names := guessed(shape, sizes):
            said.append(f"Here {with_axes(shape, names)}.")
    return said


def _named_sizes(text: str, sizes: Mapping[int, list[str]]) -> list[str]:
    """The sizes in NumPy's message about a matrix product, with their axes."""
    found = re.search(r"size (\d+) is different from (\d+)", text)
    found = found or re.search(r"index \d+ is out of bounds for axis \d+ with size (\d+)", text)
    numbers = [int(n) for n in found.groups()] if found else []
    named = [f"{n} is {' or '.join(sizes[n])}" for n in numbers if n in sizes]
    return [f"Here {', '.join(named)}."] if named else []
