r"""Comments that run: name an intermediate value where it is made, look at it when you want to.

    similarity = step(query @ doc.T)  # (n_q, n_d) [P = Q Dᵀ] each query token with each of the doc
    step("similarity", similarity, "each query token with each token of the document", eq="Eq. 1")

Both return the value unchanged. The short form takes name, axes, equation and note from the line
itself (`stepping.py`), the long form is for what does not fit. Outside a recording it costs one
context-variable look-up. Inside `with record() as steps:` the value is kept, together with the line
that made it. `recording.py` says what of a value is kept, and finds it again by its name.
"""

import sys
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, overload

import numpy as np

from tokenlab.arrays import to_numpy
from tokenlab.recording import Index, Wanted, difference, kept, spread
from tokenlab.stepping import refresh, remark

__all__ = ["Comparison", "Step", "Steps", "record", "step"]

T = TypeVar("T")
ABSENT: Any = object()  # None is a value that a step may have
# A context variable: tasks and threads that run side by side do not see one another's recording.
_recorder: ContextVar["Steps | None"] = ContextVar("tokenlab_steps", default=None)


@overload
def step(value: T, /) -> T: ...
@overload
def step(
    name: str, value: T, note: str = "", *, eq: str = "", axes: Sequence[str] = (), of: str = ""
) -> T: ...
def step(
    name: Any,
    value: Any = ABSENT,
    note: str = "",
    *,
    eq: str = "",
    axes: Sequence[str] = (),
    of: str = "",
) -> Any:
    """Return `value` unchanged; while somebody records, keep a copy of it under `name`.

    Parameters
    ----------
    name : str
        What the value is called in the paper or in the text. `step(value)` alone takes this and
        what follows from the comment of its own line: `# (axes) -> of: [equation] note`.
    value : array, number, or a list, tuple or dict of them
        Any intermediate result. What is kept is a copy; of a taped value it is the plain array.
    note : str
        One sentence: what it means.
    eq : str
        The equation it realises, as plain text, for example `"P = Q Dᵀ (Eq. 1)"`.
    axes : sequence of str
        The names of the axes, as in the docstrings: `("n_tokens", "n_q")`.
    of : str
        For arrays of positions: the axis that they point into, so that a view can show its labels.

    Examples
    --------
    >>> with record() as steps:
    ...     total = step("total", 1 + 1, "one and one")
    >>> steps["total"]
    2
    """
    steps = _recorder.get()  # None nearly always, and then nothing more is done
    if value is ABSENT:  # the short form: the first argument is the value
        if steps is not None:
            frame = sys._getframe(1)
            said = remark(frame)
            steps._keep(frame, said.name, name, said.note, said.eq, said.axes, said.of)
        return name
    # Two arrays in a row: the name was forgotten.
    if not isinstance(name, str):
        raise TypeError("step(value) takes its note from the comment; else step(name, value, note)")
    if steps is not None:
        steps._keep(sys._getframe(1), name, value, note, eq, tuple(axes), of)
    return value


@contextmanager
def record(
    labels: Mapping[str, Sequence[str]] | None = None,
    *,
    only: str | Collection[str] | Callable[[str], bool] | None = None,
    every: int = 1,
) -> Iterator["Steps"]:
    """Collect the steps of everything that runs inside the block.

    The block's own thread is meant. A thread that is started inside begins without the recording;
    `Thread(target=contextvars.copy_context().run, args=(function, ...))` takes it along.
    While somebody records, the readable functions run, whole and never as compiled twins.

    Parameters
    ----------
    labels : dict of axis name to strings
        What the positions on an axis are called: `{"n_q": query_tokens}`. Used by the views.
    only : str, collection of str, or function from a name to bool
        The names of the steps to keep: for a loop or a training, whose other steps would fill the
        memory. None keeps all.
    every : int
        Keep the first, the (1 + `every`)-th, the (1 + 2 `every`)-th occurrence of each name, as
        `[::every]` does. A name says which occurrence it is: `"loss"`, `"loss #101"`.

    Examples
    --------
    >>> with record() as steps:
    ...     total = step("total", 1 + 1, "one and one")
    >>> steps["total"]
    2
    >>> with record(only=["loss"], every=100) as steps:
    ...     for i in range(250):
    ...         rate = step("rate", 1 / (1 + i))
    ...         loss = step("loss", rate**2)
    >>> steps.names
    ['loss', 'loss #101', 'loss #201']
    """
    steps = Steps(dict(labels or {}))
    steps._wanted = Wanted(only, every)
    steps._outermost = sys._getframe(2)  # the frame that holds the with statement
    refresh()  # a file may have been edited and loaded again since the last recording
    token = _recorder.set(steps)
    try:
        yield steps
    finally:  # also where the code fails: what was kept until then is still there
        _recorder.reset(token)  # an outer recording goes on
        steps._outermost = None  # a frame holds all variables of its function


def is_recording() -> bool:
    """True inside a `with record()` block."""
    return _recorder.get() is not None


@dataclass(frozen=True)
class Step:
    """One recorded value, and where it was made."""

    name: str  # without the count of its repetitions, which Steps.names has
    value: Any
    note: str
    eq: str  # as plain text
    axes: tuple[str, ...]  # "" where an axis has no name
    of: str  # the axis that positions point into
    line: int
    calls: tuple[tuple[str, str, int], ...]  # (file, function, its first line), innermost first
    lines: tuple[int, ...] = ()  # the line that was running in each of the calls
    occurrence: int = 0  # how often the name had come, this time included; 0: count what is there

    @property
    def function(self) -> str:
        """The function that made the step."""
        return self.calls[0][1]

    @property
    def array(self) -> np.ndarray:
        """The value as a NumPy array, copied from the GPU if it lives there."""
        return to_numpy(self.value)


class Comparison:
    """Where two recordings part: the answer of `Steps.compare`. True when they agree."""

    def __init__(self, step: str | None, reason: str, max_difference: float = 0.0):
        self.step, self.reason, self.max_difference = step, reason, max_difference

    def __bool__(self) -> bool:
        return self.step is None

    def __repr__(self) -> str:
        where = "" if self.step is None else f"first difference at {self.step!r}: "
        return where + self.reason


@dataclass
class Steps:
    """The recorded steps, in order. `steps["name"]` is a value, `steps` prints as a table."""

    labels: dict[str, Sequence[str]] = field(default_factory=dict)
    items: list[Step] = field(default_factory=list)
    photo: np.ndarray | None = None  # (height, width, 3) uint8: views paint maps of it over it
    _outermost: Any = None  # the frame of the with statement: the stack is kept from there inwards
    _wanted: Wanted = field(default_factory=lambda: Wanted(None, 1), repr=False, compare=False)
    _index: Index = field(default_factory=Index, repr=False, compare=False)

    def _keep(
        self, frame: Any, name: str, value: Any, note: str, eq: str, axes: tuple, of: str
    ) -> None:
        occurrence = self._wanted.occurrence(name)
        if not occurrence:  # not asked for: nothing is copied
            return
        line, lines, calls = frame.f_lineno, [], []
        # Names and lines alone: a kept frame would keep every array of its function.
        while frame is not None and frame is not self._outermost:
            code = frame.f_code
            calls.append((code.co_filename, code.co_qualname, code.co_firstlineno))
            lines.append(frame.f_lineno)
            frame = frame.f_back
        # A step directly inside of the with statement has no call above it, but its own.
        code = sys._getframe(2).f_code
        here = [(code.co_filename, code.co_qualname, code.co_firstlineno)]
        value = kept(value)  # a copy: the function may go on to change its array in place
        made = tuple(calls or here), tuple(lines or [line])
        axes = spread(axes, value)
        self.items.append(Step(name, value, note, eq, axes, of, line, *made, occurrence))

    @property
    def names(self) -> list[str]:
        """The names in order; a name that comes again is followed by its count: `"best #2"`."""
        return list(self._up_to_date().names)  # a copy: it may be sorted or changed

    def _up_to_date(self) -> Index:
        # When it is asked, not at every step: a recording itself stays quick.
        self._index = self._index.of(self.items)
        return self._index

    def lies_over_photo(self, item: Step) -> bool:
        """True for a map with the axes `("row", "column")` when the recording has a photo."""
        return self.photo is not None and item.axes == ("row", "column")

    def depth(self, item: Step) -> int:
        """How many functions that record steps of their own stand above this one."""
        # A function that only passes a call on makes no level of its own.
        makers = self._up_to_date().makers
        return sum(call in makers for call in item.calls[1:])

    def find(self, key: str | int) -> Step:
        """The whole step: value, note, axes, line."""
        if isinstance(key, int):
            return self.items[key]
        return self.items[self.position(key)]

    def position(self, key: str) -> int:
        """Where a step stands in the order, from 0."""
        index = self._up_to_date()
        if key not in index.at:
            # A training has thousands of names, and its error message need not.
            first = ", ".join(index.names[:50]) + ", …" * (len(index.names) > 50)
            raise KeyError(f"no step {key!r}; the recorded steps are: {first}")
        return index.at[key]

    def before(self, item: Step, name: str) -> Iterator[Step]:
        """The earlier steps of a name, its repetitions included, the nearest first."""
        index = self._up_to_date()
        places = index.same.get(name, [])  # in order: the step's own place is found by halves
        for i in reversed(places[: bisect_left(places, index.place.get(id(item), len(self)))]):
            yield self.items[i]

    def __getitem__(self, key: str | int) -> Any:
        return self.find(key).value

    def __iter__(self) -> Iterator[Step]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __contains__(self, key: object) -> bool:
        return key in self._up_to_date().at

    def compare(self, other: "Steps", *, rtol: float = 1e-5, atol: float = 1e-6) -> Comparison:
        """Name the first step at which two recordings part, and by how much.

        Steps are matched by name. The order is that of this recording; steps that only `other`
        has are reported last. NaN equals NaN.

        Parameters
        ----------
        other : Steps
            Another run: a student's, the official variant, another precision.
        rtol, atol : float
            Two numbers agree when `|a - b| <= atol + rtol |b|`.
        """
        for name, mine in zip(self.names, self.items, strict=True):
            if name not in other:
                return Comparison(name, "the other run has no such step")
            found = difference(mine.value, other.find(name).value, rtol, atol)
            if found:
                return Comparison(name, *found)
        extra = [name for name in other.names if name not in self]
        if extra:
            return Comparison(extra[0], "only the other run has this step")
        return Comparison(None, f"the runs agree in all {len(self)} steps")

    def show(self, **options: Any) -> Any:
        """Draw the steps with matplotlib, one panel each, and return the figure."""
        # Views are imported on use: most recordings are made without matplotlib.
        from tokenlab.plots.steps_figure import draw_steps

        return draw_steps(self, **options)

    def to_html(self, path: str | Path, *, title: str = "") -> Path:
        """Write one self-contained page to step through, and return its path."""
        from tokenlab.plots.steps_page import render_page

        path = Path(path)
        path.write_text(render_page(self, title=title), encoding="utf-8")
        return path

    def _repr_html_(self) -> str:
        from tokenlab.plots.steps_page import render_fragment

        return render_fragment(self)

    def __repr__(self) -> str:
        from tokenlab.plots.steps_table import format_table

        return format_table(self)
