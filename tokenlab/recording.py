"""What a recording keeps of a value, which steps it keeps, and how it finds them again."""

import copy
from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from tokenlab.arrays import is_cupy, stop
from tokenlab.checks import count
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
        parts = [kept(x, seen) for x in value]
        if all(a is b for a, b in zip(parts, value, strict=True)):
            return value
        # A named tuple takes its fields one by one.
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return twin


class Wanted:
    """Which steps are kept: some names, and of each name every n-th occurrence."""

    def __init__(self, only: str | Collection[str] | Callable[[str], bool] | None, every: int):
        if not (only is None or callable(only) or isinstance(only, Collection)):
            raise InvalidInput(
                f"record: only is {only!r}; expected names of steps, or a function from a name to "
                'True or False. Pass for example only=["loss"].'
            )
        names = {only} if isinstance(only, str) else only
        self.named = names if callable(names) or names is None else set(names).__contains__
        self.every = count(every, "every")
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
        changed = done > len(items) or (done and self.items[-1] is not items[done - 1])
        index = Index() if changed else self
        for item in items[len(index.items) :]:
            index.enter(item)
        return index

    def enter(self, item: Any) -> None:
        """One step more. A name that comes again is followed by its count."""
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
