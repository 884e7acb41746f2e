"""Step-throughs: declared beside the function that records one, and found from there."""

import functools
import importlib
import pkgutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tokenlab.tour
from tokenlab.steps import Steps

__all__ = ["StepThrough", "found", "step_through"]

_DECLARED: dict[str, "StepThrough"] = {}


@dataclass(frozen=True)
class StepThrough:
    """What `tokenlab steps NAME` shows.

    Its module may say how many examples there are to choose from, which one is shown, and what
    that one is: `count()`, `SHOWN` and `subject(number)`. Without them there is one example.
    """

    name: str
    about: str
    options: dict[str, Any]  # by name, with the default, whose type is the type of the option
    run: Callable[..., Steps]

    @property
    def family(self) -> str:
        """The part of the tour that it stands in, or beside: `embeddings_words` is of embeddings."""
        return self.run.__module__.rpartition(".")[2].partition("_")[0]

    @property
    def shown(self) -> int:
        """The example that is shown unless somebody asks for another."""
        return int(self._of_module("SHOWN", 0))

    def count(self) -> int:
        """How many examples there are."""
        return int(self._of_module("count", lambda: 1)())

    def subject(self, number: int) -> str:
        """What example `number` is."""
        return str(self._of_module("subject", lambda number: f"Example {number}")(number))

    def _of_module(self, name: str, default: Any) -> Any:
        return getattr(sys.modules[self.run.__module__], name, default)


def step_through(
    name: str, about: str, **options: Any
) -> Callable[[Callable[..., Steps]], Callable[..., Steps]]:
    """Declare that a function of an example's number records `tokenlab steps NAME`.

    Options are the function's other arguments, with their defaults; the type of a default is the
    type of the option. `k_prime=100` becomes `--k-prime`, which stands in `--help` as well.
    """

    def declare(function: Callable[..., Steps]) -> Callable[..., Steps]:
        @functools.wraps(function)
        def run(number: int, *values: Any, **given: Any) -> Steps:
            mine = dict(zip(options, values, strict=False))
            return function(number, **{**options, **mine, **given})

        if name in _DECLARED and _DECLARED[name].run.__module__ != function.__module__:
            raise ValueError(f"two step-throughs are called {name!r}")
        _DECLARED[name] = StepThrough(name, about, options, run)
        return run

    return declare


def found() -> dict[str, StepThrough]:
    """Every step-through that a module of the tour declares, by name."""
    for module in pkgutil.iter_modules(tokenlab.tour.__path__):
        importlib.import_module(f"tokenlab.tour.{module.name}")
    return dict(_DECLARED)
