"""What a recorded value is, cut down to a screen and put into words: shared by all three views."""

import math
import numbers
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tokenlab.arrays import is_cupy
from tokenlab.steps import Step, Steps

__all__ = ["Axis", "Picture", "Range", "as_array", "cut", "kind_of", "shape_text", "value_text"]


def as_array(item: Step) -> np.ndarray | None:
    """The value as an array if it is one, a number, or a plain list of numbers; else None."""
    value = item.value
    if isinstance(value, np.ndarray | np.generic | numbers.Number) or is_cupy(value):
        return item.array
    # A NamedTuple is a tuple too, but its fields deserve their names.
    if type(value) in (list, tuple):
        try:
            array = np.asarray(value)
        except ValueError:  # ragged
            return None
        return array if array.dtype.kind in "biufc" else None
    return None


def kind_of(item: Step, array: np.ndarray | None) -> str:
    """How to draw it: object, empty, number, positions, mask, bars, matrix or text."""
    # The order matters: an empty mask is empty, a single position is a number.
    if array is None or array.dtype.names:
        return "object"
    if array.size == 0:
        return "empty"
    if array.ndim == 0:
        return "number"
    if array.dtype.kind in "iu" and item.of:
        return "positions"
    if array.dtype.kind == "b":
        return "mask"
    if array.dtype.kind not in "iuf":  # texts, complex numbers, objects: written out
        return "text"
    # A single row, too, says more as bars than as a strip of colours.
    return "bars" if is_row(array) else "matrix"


def is_row(array: np.ndarray) -> bool:
    """A vector, or an array whose only long axis is the last."""
    return array.ndim > 0 and array.size == array.shape[-1]


@dataclass(frozen=True)
class Range:
    """The smallest and the largest finite value, and how many values are not finite."""

    low: float
    high: float
    nan: int = 0
    minus_inf: int = 0
    plus_inf: int = 0
    finite: bool = True  # there is at least one finite value

    @classmethod
    def of(cls, array: np.ndarray) -> "Range":
        """Measure an array that is not empty; without a finite value the range is 0 to 0."""
        low, high = array.min(), array.max()  # NaN wins both, so two look-ups tell all
        if np.isfinite(low) and np.isfinite(high):
            return cls(low.item(), high.item())
        # A second look only where it is needed: most values are finite throughout.
        finite = array[np.isfinite(array)]
        low, high = (finite.min(), finite.max()) if finite.size else (np.float64(0), np.float64(0))
        nan, minus, plus = (int(test(array).sum()) for test in (np.isnan, np.isneginf, np.isposinf))
        return cls(low.item(), high.item(), nan, minus, plus, finite.size > 0)

    @property
    def signed(self) -> bool:
        """Zero lies well inside: such data wants a colour map with a middle."""
        # Rounding below zero does not make a softmax signed.
        return min(-self.low, self.high) > 0.1 * max(-self.low, self.high)

    @property
    def missing(self) -> list[tuple[str, int]]:
        """What is not finite, and how often: `[("-inf", 3)]`."""
        # In the order of a number line, what is no number last.
        counts = [("-inf", self.minus_inf), ("inf", self.plus_inf), ("NaN", self.nan)]
        return [(name, count) for name, count in counts if count]


@dataclass(frozen=True)
class Axis:
    """One axis of a picture: which positions are shown, and what they are called."""

    name: str
    size: int
    shown: range
    labels: list[str] | None  # of the positions that are shown

    @property
    def note(self) -> str:
        """What is left out, for example `"every 12th of 24,802 n_tokens"`, or nothing."""
        if len(self.shown) == self.size:
            return ""
        # Either every n-th or the beginning: a range tells which by its step.
        which = (
            f"every {ordinal(self.shown.step)}"
            if self.shown.step > 1
            else f"first {len(self.shown)}"
        )
        return f"{which} of {self.size:,} {self.name}".rstrip()

    def label(self, i: int) -> str:
        """What the `i`-th shown position is called: its label, or else its number."""
        return self.labels[i] if self.labels else str(self.shown[i])


@dataclass(frozen=True)
class Picture:
    """A value cut down to a screen: `values` is `(slices, rows, columns)`, a vector one row."""

    values: np.ndarray
    slices: Axis
    rows: Axis
    columns: Axis

    @property
    def note(self) -> str:
        """What is left out, or nothing."""
        return ", ".join(filter(None, (a.note for a in (self.slices, self.rows, self.columns))))


def cut(
    steps: Steps,
    item: Step,
    array: np.ndarray,
    *,
    rows: int,
    columns: int,
    slices: int = 1,
    cells: int = 10**9,
    first: bool = False,
) -> Picture:
    """Keep at most so many rows, columns and slices, evenly spaced or the first ones.

    Axes before the last two are put into one axis of slices.

    Parameters
    ----------
    rows, columns, slices : int
        The most that is kept of each.
    cells : int
        The most that is kept of all three together.
    first : bool
        Keep the beginning instead of every n-th: right for text that is in order.
    """
    names = axis_names(item, array.ndim)
    # A vector is one slice of one row, so that all views draw the same three axes.
    lead, tail = array.shape[:-2], (1, 1, *array.shape)[-2:]
    values = array.reshape(math.prod(lead), *tail)
    limits = [min(n, limit) for n, limit in zip(values.shape, (slices, rows, columns), strict=True)]
    if math.prod(limits) > cells:  # shrink rows and columns alike
        shrink = math.sqrt(cells / math.prod(limits))
        limits[1:] = [max(1, min(n, int(max(n, 8) * shrink))) for n in limits[1:]]
    # Ranges, not arrays: they keep their step, which the note names.
    shown = [_spaced(n, k, first) for n, k in zip(values.shape, limits, strict=True)]
    values = values[np.ix_(*shown)]
    row_name, column_name = ("", "", *names)[-2:]
    return Picture(
        values,
        _slices(steps, item, names[:-2], lead, shown[0]),
        _axis(steps, item, row_name, tail[0], shown[1]),
        _axis(steps, item, column_name, tail[1], shown[2]),
    )


def _spaced(n: int, limit: int, first: bool) -> range:
    return range(min(n, limit)) if first else range(0, n, max(1, math.ceil(n / max(1, limit))))


def _axis(steps: Steps, item: Step, name: str, size: int, shown: range) -> Axis:
    return Axis(name, size, shown, axis_labels(steps, item, name, size, shown))


def _slices(
    steps: Steps, item: Step, names: list[str], sizes: tuple[int, ...], shown: range
) -> Axis:
    """The leading axes as one; a slice of several is called `"b 0, h 3"`."""
    if len(names) == 1:  # one leading axis keeps its own labels
        return _axis(steps, item, names[0], sizes[0], shown)
    labels = []
    for flat in shown:
        # Back from the one axis to the several that it was.
        at = np.unravel_index(flat, sizes) if sizes else ()
        labels.append(", ".join(f"{n or 'axis'} {i}" for n, i in zip(names, at, strict=True)))
    return Axis("", math.prod(sizes), shown, labels)


def axis_names(item: Step, ndim: int) -> list[str]:
    """One name for each axis, empty where nobody gave one."""
    # Names that do not fit in number would stand at the wrong axes.
    return list(item.axes) if len(item.axes) == ndim else [""] * ndim


def axis_labels(
    steps: Steps, item: Step, name: str, size: int, shown: Sequence[int]
) -> list[str] | None:
    """What the shown positions of an axis are called, if that is known for exactly this length.

    Either the recording was given labels, or an earlier step of this name holds them: the rows of
    an array with the axis `candidates` are called what the step `candidates` lists.
    """
    # Of another length they are labels of something else, though the axis has the same name.
    given = steps.labels.get(name)
    if given is not None and len(given) == size:
        return [visible(str(given[i])) for i in shown]
    for other in steps.before(item, name):  # the nearest: a function may run more than once
        array = as_array(other)
        if array is not None and array.shape == (size,):
            return position_labels(steps, other.of, array[list(shown)])
    return None


def position_labels(steps: Steps, of: str, positions: np.ndarray) -> list[str]:
    """Positions on the axis `of` by name where the names are known, else by number."""
    # A negative position would silently be counted from the end.
    names = steps.labels.get(of, ()) if of else ()
    return [
        visible(str(names[p])) if isinstance(p, int) and 0 <= p < len(names) else number(p)
        for p in positions.ravel().tolist()
    ]


def visible(label: str) -> str:
    """A label that can be seen: blanks and line ends become signs, the rest stays."""
    if not label.strip(" "):
        return "␣" * len(label) or "(empty)"
    if label.isprintable():
        return label
    # Token labels are full of line ends and tabs, and control characters disturb a terminal.
    label = label.replace("\n", "↵").replace("\t", "⇥")
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in label)


def number(x: Any) -> str:
    """A number in at most four digits, an integer in full."""
    if isinstance(x, float | np.floating):  # -0.0 is written as 0
        return "0" if x == 0 else f"{float(x):.4g}"
    return str(x)


def ordinal(n: int) -> str:
    """`1st`, `2nd`, `3rd`, `11th`."""
    # 11th, 12th, 13th go against the rule of their last digit.
    ending = "th" if 10 <= n % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n:,}{ending}"


def shape_text(item: Step, array: np.ndarray | None) -> str:
    """The shape with the names of its axes: `(14 n_q, 158 n_docs)`."""
    if array is None or array.ndim == 0:
        return ""
    names = axis_names(item, array.ndim)
    # As Python writes a tuple: one axis without a name keeps its comma.
    parts = ", ".join(
        f"{size} {name}".rstrip() for size, name in zip(array.shape, names, strict=True)
    )
    return f"({parts},)" if array.ndim == 1 and not names[0] else f"({parts})"


def type_text(item: Step, array: np.ndarray | None) -> str:
    """The element type of an array, the class of anything else."""
    if isinstance(item.value, np.ndarray | np.generic) or is_cupy(item.value):
        return str(item.value.dtype)
    return type(item.value).__name__


def value_text(steps: Steps, item: Step, array: np.ndarray | None) -> str:
    """The value itself if it is small, otherwise its range."""
    # In one line: a table has no room for more.
    if array is None:
        return clip(" ".join(repr(item.value).split()), 40)
    kind = kind_of(item, array)
    if kind == "object":
        return f"{array.size} records"
    if kind == "empty":
        return "empty"
    if kind == "number" or (array.ndim == 1 and array.size <= 4):
        values = position_labels(steps, item.of, array)
        return values[0] if kind == "number" else clip(f"[{', '.join(values)}]", 40)
    if kind == "mask":
        return f"{int(array.sum())} of {array.size} true"
    if kind == "text":
        return clip(f"{array.flat[0]} .. {array.flat[-1]}", 40)
    # Finite extremes first, then how much is missing.
    measured = Range.of(array)
    ends = [f"{number(measured.low)} .. {number(measured.high)}"] if measured.finite else []
    return ", ".join(ends + [f"{count} {name}" for name, count in measured.missing])


def clip(text: str, width: int) -> str:
    """At most `width` characters, the last one an ellipsis where something is left out."""
    return text if len(text) <= width else text[: max(0, width - 1)].rstrip() + "…"
