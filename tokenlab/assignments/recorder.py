"""Run a test of a task, and keep every call of the student's functions with all that came of it."""

import copy
import inspect
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from tokenlab.assignments.answers import Answer
from tokenlab.assignments.compare import same
from tokenlab.assignments.marks import Test
from tokenlab.steps import Steps, record

__all__: list[str] = []


class NoSuchFunctionError(Exception):
    """The answer does not define a function that a test calls."""


class ChangedInputError(Exception):
    """A call left its arguments other than they were."""


@dataclass
class Outcome:
    """What a function did with some arguments: a result or an exception, and its steps."""

    result: Any = None
    error: BaseException | None = None
    steps: Steps = field(default_factory=Steps)
    changed: str = ""  # the position or name of an argument that it modified

    def same(self, other: "Outcome") -> bool:
        """The same result, or exceptions of the same type."""
        if self.error is not None or other.error is not None:
            return type(self.error) is type(other.error) and not self.never_ran
        return same(self.result, other.result)

    @property
    def never_ran(self) -> bool:
        """The stub was still there."""
        return isinstance(self.error, NotImplementedError)


@dataclass
class Call:
    """One call in a test: the function's name, its arguments by name, the outcome."""

    function: str
    args: tuple
    kwargs: dict[str, Any]
    outcome: Outcome

    def again(self, function: Callable, *before: Any) -> Outcome:
        """What another function does with the same arguments."""
        args, kwargs = copy.deepcopy((self.args, self.kwargs))
        return outcome_of(partial(function, *before), args, kwargs)

    def arguments(self, function: Callable) -> dict[str, Any]:
        """The arguments by the names that `function` gives them."""
        try:
            bound = inspect.signature(function).bind(*self.args, **self.kwargs)
        except TypeError:
            return {}
        return dict(bound.arguments)


@dataclass
class Trial:
    """A test that was run: its calls, and how it failed if it did."""

    test: Test
    calls: list[Call]
    error: BaseException | None = None
    warned: list[warnings.WarningMessage] = field(default_factory=list)


def outcome_of(function: Callable, args: tuple, kwargs: dict[str, Any]) -> Outcome:
    """Call a function while its steps are recorded; every exception is kept, `sys.exit` too."""
    before = copy.deepcopy((args, kwargs))
    with record() as steps:
        try:
            outcome = Outcome(function(*args, **kwargs))
        except BaseException as error:
            outcome = Outcome(error=error)
    outcome.steps = steps
    outcome.changed = _changed(before, (args, kwargs))
    return outcome


def _changed(before: tuple, after: tuple) -> str:
    """The position or the name of the first argument that is not what it was."""
    old = dict(enumerate(before[0])) | before[1]
    new = dict(enumerate(after[0])) | after[1]
    return next((str(name) for name, value in old.items() if not _equal(value, new[name])), "")


def _equal(a: Any, b: Any) -> bool:
    """Whether two arguments are the same to the last bit; other things than data always are."""
    if isinstance(a, np.ndarray):
        return (
            isinstance(b, np.ndarray)
            and (a.shape, a.dtype) == (b.shape, b.dtype)
            and np.array_equal(a, b, equal_nan=a.dtype.kind in "fc")
        )
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(_equal, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(_equal(a[key], b[key]) for key in a)
    return bool(a == b) if isinstance(a, set) else True


class Recorder:
    """The answer as a test sees it: `answer.maxsim(...)` calls the student's function."""

    def __init__(self, module: ModuleType):
        self._module, self._calls = module, list[Call]()

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._module, name, None)
        if value is None:
            raise NoSuchFunctionError(name)
        if not callable(value) or isinstance(value, type):
            return value  # a constant

        def recorded(*args: Any, **kwargs: Any) -> Any:
            kept = copy.deepcopy((args, kwargs))
            outcome = outcome_of(value, args, kwargs)
            self._calls.append(Call(name, *kept, outcome))
            if outcome.error is not None:
                raise outcome.error
            # A copy, so that a test cannot change what is compared afterwards.
            return copy.deepcopy(outcome.result)

        return recorded


def run_test(test: Test, module: ModuleType) -> Trial:
    """One test against one answer."""
    recorder = Recorder(module)
    trial = Trial(test, recorder._calls)
    with warnings.catch_warnings(record=True) as warned, np.errstate(all="warn", under="ignore"):
        warnings.simplefilter("always")
        try:
            test.run(recorder)
            _all_kept(recorder._calls)
        except BaseException as error:
            trial.error = error
    trial.warned = warned
    return trial


def _all_kept(calls: list[Call]) -> None:
    """Whoever calls a function still needs what was given to it."""
    for call in calls:
        if call.outcome.changed:
            raise ChangedInputError(f"`{call.function}` changes its input")


def place_of(error: BaseException, answer: Answer) -> tuple[str, int, str] | None:
    """Where in the student's file an exception arose: `(file or cell, line, function)`."""
    if isinstance(error, SyntaxError) and error.filename in answer.lines:
        return error.filename, error.lineno or 0, ""
    found, trace = None, error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_filename in answer.lines:
            found = code.co_filename, trace.tb_lineno, code.co_name
        trace = trace.tb_next
    return found
