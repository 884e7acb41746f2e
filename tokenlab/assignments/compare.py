"""How a result differs from the right one, in words that name the axes."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

__all__: list[str] = []

SHAPE = re.compile(r"\(\d+(?:, ?\d+)*,?\)")
ARGUMENT = re.compile(r"^(?P<names>\w+(?:, \w+)*) : .*?ndarray of shape \((?P<axes>[^)]*)\)", re.M)
RETURNED = re.compile(r"ndarray of shape \(([^)]*)\)")


class Difference(NamedTuple):
    """A kind (`"shape"`, `"scaled"`, …) and a sentence."""

    kind: str
    text: str


def parts(value: Any) -> list[Any]:
    """A tuple as its parts, all else as it is."""
    if isinstance(value, tuple):
        return list(value)
    return [value]


def as_numbers(value: Any) -> np.ndarray | None:
    """The value as an array of numbers, or None."""
    try:
        array = np.asarray(value)
    except ValueError:  # a ragged list
        return None
    return array if array.dtype.kind in "biuf" else None


def same(a: Any, b: Any, rtol: float = 1e-5) -> bool:
    """Whether two results agree up to rounding; types of numbers do not matter, shapes do."""
    mine, other = parts(a), parts(b)
    if len(mine) != len(other):
        return False
    return all(_same_part(x, y, rtol) for x, y in zip(mine, other, strict=True))


def _same_part(a: Any, b: Any, rtol: float) -> bool:
    if a is None or b is None:
        return a is b
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key], rtol) for key in b)
    x, y = as_numbers(a), as_numbers(b)
    if x is None or y is None:
        nested = isinstance(a, list | tuple) and isinstance(b, list | tuple)
        if nested and len(a) == len(b):
            return all(same(p, q, rtol) for p, q in zip(a, b, strict=True))
        return x is None and y is None and bool(np.all(a == b))
    if x.shape != y.shape:
        return False
    finite = np.abs(y[np.isfinite(y)]) if y.size else y
    scale = float(finite.max()) if finite.size else 0.0
    return np.allclose(x, y, rtol=rtol, atol=1e-6 * min(scale, 1.0), equal_nan=True)


def axes_of(function: Any, arguments: Mapping[str, Any]) -> dict[int, list[str]]:
    """Size -> the names of the axes that have it, from the docstring of the right function."""
    sizes: dict[int, list[str]] = {}
    for name, labels in argument_axes(function).items():
        shape = np.shape(arguments.get(name, ()))
        if len(shape) == len(labels):
            for size, label in zip(shape, labels, strict=True):
                if label not in sizes.setdefault(size, []):
                    sizes[size].append(label)
    return sizes


def argument_axes(function: Any) -> dict[str, list[str]]:
    """Argument -> the names of its axes, from the docstring."""
    found = ARGUMENT.findall(_section(function, "Parameters"))
    return {name: _labels(axes) for names, axes in found for name in names.split(", ")}


def returned_axes(function: Any, n: int) -> list[list[str]]:
    """The names of the axes of each of `n` returned parts, as far as the docstring tells."""
    found = [_labels(axes) for axes in RETURNED.findall(_section(function, "Returns"))]
    return (found + [[]] * n)[:n]


def _section(function: Any, title: str) -> str:
    doc = "\n".join(line.strip() for line in (function.__doc__ or "").splitlines())
    found = re.search(rf"^{title}\n-+\n(.*?)(?=^\w[\w ]*\n-+\n|\Z)", doc, re.M | re.S)
    return found[1] if found else ""


def _labels(axes: str) -> list[str]:
    return [label.strip() for label in axes.split(",") if label.strip()]


def with_axes(shape: Sequence[int], labels: Sequence[str]) -> str:
    """`(3, 2) = (n_docs, n_q)`, or the bare shape where the names do not fit."""
    text = str(tuple(int(size) for size in shape))
    if len(labels) != len(shape) or not labels:
        return text
    return f"{text} = ({', '.join(labels)}{',' if len(labels) == 1 else ''})"


def guessed(shape: Sequence[int], sizes: Mapping[int, list[str]]) -> list[str]:
    """Names for the axes of a shape, where sizes tell; `?` where they do not."""
    names = [sizes.get(size, ["?"]) for size in shape]
    return [" or ".join(name) for name in names] if any(n != ["?"] for n in names) else []


def difference(got: Any, right: Any, labels: Sequence[Sequence[str]], sizes: Mapping) -> Difference:
    """The plainest true statement about how `got` is not `right`."""
    if got is None:
        return Difference("nothing", "it returns nothing: is the `return` line missing?")
    mine, theirs = parts(got), parts(right)
    if len(mine) != len(theirs):
        text = f"it returns {_count(got, mine)}; expected {_count(right, theirs)}."
        return Difference("type", text)
    for i, (a, b) in enumerate(zip(mine, theirs, strict=True)):
        if not _same_part(a, b, 1e-5):
            where = f"value {i + 1} of the {len(mine)} returned: " if len(mine) > 1 else ""
            names = labels[i] if i < len(labels) else []
            kind, text = _part_difference(a, b, names, sizes)
            return Difference(kind, where + text)
    for a, b in zip(mine, theirs, strict=True):
        if isinstance(b, np.ndarray) and not isinstance(a, np.ndarray):
            text = f"the values are right, but it is a {type(a).__name__}; expected an array, "
            return Difference("type", text + "`np.array(...)`.")
        x, y = as_numbers(a), as_numbers(b)
        if x is not None and y is not None and x.dtype != y.dtype:
            text = f"the values are right, but of type {x.dtype}; expected {y.dtype}."
            return Difference("dtype", text)
    return Difference("same", "the values are right.")


def _count(value: Any, its_parts: Sequence[Any]) -> str:
    many = isinstance(value, tuple)
    return f"a {type(value).__name__} of {len(its_parts)}" if many else type(value).__name__


def _part_difference(a: Any, b: Any, labels: Sequence[str], sizes: Mapping) -> Difference:
    if isinstance(a, dict) and isinstance(b, dict):
        if a.keys() != b.keys():
            came, wanted = ", ".join(map(repr, a)), ", ".join(map(repr, b))
            return Difference("type", f"its keys are {came or 'none'}; expected {wanted}.")
        key = next(key for key in b if not same(a[key], b[key]))
        kind, text = _part_difference(a[key], b[key], [], sizes)
        return Difference(kind, f"{key!r}: {text}")
    x, y = as_numbers(a), as_numbers(b)
    if x is None or y is None:
        text = f"it is a {type(a).__name__} that is not the expected {type(b).__name__}."
        return Difference("type", text)
    x = x.astype(np.float64)
    y = y.astype(np.float64)
    if x.ndim == y.ndim == 2 and x.shape == y.T.shape and np.allclose(x, y.T, equal_nan=True):
        return Difference("transposed", "it is transposed: rows and columns are exchanged.")
    if x.shape != y.shape:
        came = with_axes(x.shape, guessed(x.shape, sizes))
        text = f"its shape is {came}; expected {with_axes(y.shape, labels)}."
        if x.size == y.size and np.allclose(x.ravel(), y.ravel(), equal_nan=True):
            text += " The numbers are right: only the shape is not."
        return Difference("shape", text)
    return _value_difference(x, y, sizes)


def _value_difference(x: np.ndarray, y: np.ndarray, sizes: Mapping) -> Difference:
    """Two arrays of one shape that are not equal."""
    for what, test in (("NaN", np.isnan), ("infinite", np.isinf)):
        if (test(x) != test(y)).any():
            at = np.unravel_index(int((test(x) != test(y)).argmax()), x.shape)
            where = f" Here is {x[at]:.6g}, expected {y[at]:.6g}: {[int(i) for i in at]}."
            text = f"{int(test(x).sum())} of {x.size} values are {what}; expected {test(y).sum()} of them."
            return Difference("nan" if what == "NaN" else "infinite", text + where)
    finite = np.isfinite(x) & np.isfinite(y)
    u, v = x[finite], y[finite]
    if u.size > 1 and np.ptp(u - v) <= 1e-5 * np.abs(v).max() and np.ptp(v) > 0:
        text = f"every value is off by the same amount, {float((u - v).mean()):.4g}."
        return Difference("shifted", text)
    safe = v != 0
    if safe.sum() > 1 and not u[~safe].any():
        ratio = float(np.median(u[safe] / v[safe]))
        if np.allclose(u, ratio * v, rtol=1e-4, atol=0):
            return Difference("scaled", _scaled(ratio, sizes))
    if u.size > 3 and np.allclose(np.sort(u), np.sort(v)):
        return Difference("order", "the values are right, but in another order.")
    gap = np.abs(np.where(finite, x, 0) - np.where(finite, y, 0))
    at = np.unravel_index(int(gap.argmax()), gap.shape)
    n = int((~np.isclose(x, y, rtol=1e-5, atol=1e-7, equal_nan=True)).sum())
    where = f", most at {[int(i) for i in at]}" if x.ndim else ""
    text = f"{n} of {x.size} values differ{where}: {x[at]:.6g}, expected {y[at]:.6g}."
    return Difference("values", text)


def _scaled(ratio: float, sizes: Mapping[int, list[str]]) -> str:
    if np.isclose(ratio, -1):
        return "every value has the wrong sign."
    text = f"every value is {ratio:.4g} times what is expected."
    for size, names in sizes.items():
        for factor, verb in ((size, "divide by"), (1 / max(size, 1), "multiply by")):
            if size > 1 and np.isclose(ratio, factor, rtol=1e-4):
                return f"{text} {size} is {' or '.join(names)} here: {verb} it?"
    return text
