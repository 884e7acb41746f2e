"""The two decorators that the files of an assignment use."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

__all__ = ["mistake", "task"]


class Test(NamedTuple):
    """A test of one task: a function of the answer, a namespace of the student's functions."""

    task: str
    points: int
    name: str
    run: Callable[[Any], None]

    @property
    def title(self) -> str:
        """Its name as words."""
        return self.name.removeprefix("test_").replace("_", " ")


class Mistake(NamedTuple):
    """A usual mistake: a wrong version of a task's function, called with the right ones first."""

    task: str
    name: str
    hint: str
    run: Callable[..., Any]


def task(number: str, *, points: int) -> Callable[[Callable], Callable]:
    """Mark a test function with its task and with what it is worth.

    The test takes one argument, the answer, and calls the student's functions on it:
    `answer.maxsim(similarity, offsets)`.
    """

    def mark(function: Callable) -> Callable:
        function.test = Test(number, points, function.__name__, function)  # type: ignore[attr-defined]
        return function

    return mark


def mistake(number: str, name: str, hint: str) -> Callable[[Callable], Callable]:
    """Mark a wrong version of a task's function with its short name and the hint it deserves.

    The function takes the right functions as its first argument, then the arguments of the task:
    `def sum_for_mean(right, similarity, offsets)`.
    """

    def mark(function: Callable) -> Callable:
        function.mistake = Mistake(number, name, hint, function)  # type: ignore[attr-defined]
        return function

    return mark


def tests_in(names: Iterable[Any]) -> list[Test]:
    """The marked tests among some values, in their order."""
    return [value.test for value in names if isinstance(getattr(value, "test", None), Test)]


def mistakes_in(names: Iterable[Any]) -> list[Mistake]:
    """The marked mistakes among some values, in their order."""
    marked = (getattr(value, "mistake", None) for value in names)
    return [value for value in marked if isinstance(value, Mistake)]
