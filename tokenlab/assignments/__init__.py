"""Assignments that grade themselves: what a task, a test and a usual mistake are marked with.

How an assignment is written stands in `tutorials/assignments/README.md`.
"""

from tokenlab._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__, {"catalog": ["find", "load_all"], "marks": ["mistake", "task"]}
)
