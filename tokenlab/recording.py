"""What a recording keeps of a value and how it finds it again, and how two values differ."""

import copy
from collections.abc import Callable, Collection, Iterator
from numbers import Integral
from typing import Any

import numpy as np

from tokenlab.arrays import is_cupy, stop, to_numpy
from tokenlab.errors import InvalidInput

__all__: list[str] = []


def kept(value: Any, seen: dict[int, Any] | None = None) -> Any:
    """A copy that later changes in place do not reach; of a taped value the plain array.

    Arrays are copied, also inside of lists, tuples, dicts and sets, however deep. Any other object
    is kept itself: it may be large, or unable to be copied.
    """
    value = stop(value)
    if isinstance(value, np.ndarray) or is_cupy(value):
        return value.copy()
    if not isinstance(value, list | tuple | dict | set | bytearray):
        return value
    # The copy of each container by the id of the first: what stands twice is copied once.
    seen = {} if seen is None else seen
    if id(value) not in seen:  # a list may hold itself
        seen[id(value)] = value if isinstance(value, tuple) else copy.copy(value)
        seen[id(value)] = _filled(value, seen[id(value)], seen)
    return seen[id(value)]


def _filled(value: Any, twin: Any, seen: dict[int, Any]) -> Any:
    """The shallow copy of a container, with copies of what is in it."""
    if isinstance(value, dict):
        for key in value:
            twin[key] = kept(value[key], seen)
    elif isinstance(value, list):
        twin[:] = [kept(x, seen) for x in value]
    elif isinstance(value, tuple):
        copies = [kept(x, seen) for x in value]
        if all(a is b for a, b in zip(copies, value, strict=True)):
            return value  # nothing in it can change
        # A named tuple takes its fields one by one.
        return type(value)(*copies) if hasattr(value, "_fields") else tuple(copies)
    return twin


def parts(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """A value as its arrays and numbers, each with the way to it: `"['a'][0]"`."""
    if isinstance(value, dict):
        pairs = [(f"[{key!r}]", part) for key, part in value.items()]
    elif hasattr(value, "_fields"):  # a named tuple
        pairs = [(f".{name}", getattr(value, name)) for name in value._fields]
    elif isinstance(value, list | tuple) and not _is_array(value):
        pairs = [(f"[{i}]", part) for i, part in enumerate(value)]
    else:
        yield path, value
        return
    for name, part in pairs:
        yield from parts(part, path + name)


def _is_array(value: list | tuple) -> bool:
    """True for a list of numbers, or of equally long lists of them."""
    try:
        return np.asarray(value).dtype.kind in "biufc"
    except (ValueError, TypeError):  # ragged, or arrays that live on a GPU
        return False


def difference(mine: Any, theirs: Any, rtol: float, atol: float) -> tuple[str, float] | None:
    """What differs first, and by how much; None where two values agree."""
    ours, others = dict(parts(mine)), dict(parts(theirs))
    if list(ours) != list(others):
        return f"it has the parts {list(ours)} against {list(others)}", float("inf")
    for path in ours:
        found = _of_arrays(to_numpy(ours[path]), to_numpy(others[path]), rtol, atol)
        if found:
            text, size = found
            return (f"{path}: {text}" if path else text), size
    return None


def _of_arrays(a: np.ndarray, b: np.ndarray, rtol: float, atol: float) -> tuple[str, float] | None:
    if a.shape != b.shape:
        return f"shape {a.shape} against {b.shape}", float("inf")
    # Texts, booleans and objects are equal or not: there is no distance.
    if not (np.issubdtype(a.dtype, np.number) and np.issubdtype(b.dtype, np.number)):
        return None if np.array_equal(a, b) else ("the values differ", float("inf"))
    close = np.isclose(a, b, rtol=rtol, atol=atol, equal_nan=True)
    if close.all():
        return None
    # In float64: the difference of two uint8 would wrap around.
    with np.errstate(invalid="ignore"):  # inf - inf
        gap = np.abs(a.astype(np.result_type(a, np.float64)) - b)
    # NaN against a number is the largest difference there is, and what is close is none.
    gap = np.where(close, 0.0, np.where(np.isnan(gap), np.inf, gap))
    at = np.unravel_index(gap.argmax(), gap.shape)
    where = f" at {[int(i) for i in at]}" if a.ndim else ""
    text = (
        f"{(~close).sum()} of {a.size} values differ, most{where}: {a[at]:.6g} against {b[at]:.6g}"
    )
    return text, float(gap[at])


class Wanted:
    """Which steps are kept: some names, and of each name every n-th occurrence."""

    def __init__(self, only: str | Collection[str] | Callable[[str], bool] | None, every: int):
        if not (only is None or callable(only) or isinstance(only, Collection)):
            raise InvalidInput(
                f"record: only is {only!r}; expected names of steps, or a function from a name to "
                'True or False. Pass for example only=["loss"].'
            )
        names = {only} if isinstance(only, str) else only  # a text is a collection of letters
        self.named = names if callable(names) or names is None else set(names).__contains__
        # `record` itself is named: between it and its user stands the with statement.
        whole = isinstance(every, Integral) and not isinstance(every, bool)
        if not whole or every < 1:
            raise InvalidInput(f"record: every is {every!r}; expected an integer of at least 1.")
        self.every = int(every)
        self.counts: dict[str, int] = {}

    def occurrence(self, name: str) -> int:
        """Which occurrence of its name this one is, from 1; 0 where it is not to be kept."""
        if self.named is not None and not self.named(name):
            return 0
        number = self.counts.get(name, 0) + 1
        self.counts[name] = number
        return number if (number - 1) % self.every == 0 else 0


class Index:
    """Where the steps of a recording stand, by name: brought up to date when it is asked."""

    def __init__(self) -> None:
        self.items: list[Any] = []  # the steps that have been entered
        self.names: list[str] = []
        self.at: dict[str, int] = {}  # by the name with its count
        self.counts: dict[str, int] = {}
        self.same: dict[str, list[int]] = {}  # by the name alone: all places
        self.place: dict[int, int] = {}  # by the id of the step
        self.makers: set[Any] = set()  # the functions that made steps

    def of(self, items: list[Any]) -> "Index":
        """This index if the items only became more, else a new one."""
        done = len(self.items)
        # The list is open to everybody: whoever shortens it, or changes its end, is noticed.
        changed = done > len(items) or (done and self.items[-1] is not items[done - 1])
        index = Index() if changed else self
        for item in items[len(index.items) :]:
            index.enter(item)
        return index

    def enter(self, item: Any) -> None:
        """One step more. A name that comes again is followed by its count."""
        # Where some occurrences were left out, the step itself knows its number.
        number = item.occurrence or self.counts.get(item.name, 0) + 1
        name = item.name if number == 1 else f"{item.name} #{number}"
        while name in self.at:  # somebody calls a step "best #2" himself
            number += 1
            name = f"{item.name} #{number}"
        self.counts[item.name] = number
        self.at[name] = self.place[id(item)] = len(self.items)
        self.same.setdefault(item.name, []).append(len(self.items))
        self.names.append(name)
        self.items.append(item)
        self.makers.add(item.calls[0])


def spread(axes: tuple[str, ...], value: Any) -> tuple[str, ...]:
    """Axes with `...` replaced by as many nameless ones as the value has."""
    if "..." not in axes:
        return axes
    at = axes.index("...")
    nameless = getattr(value, "ndim", 0) - (len(axes) - 1)
    return (*axes[:at], *[""] * nameless, *axes[at + 1 :])
