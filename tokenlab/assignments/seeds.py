"""Hidden tests with other inputs, for a teacher who keeps them.

The hidden tests that come with tokenlab can be read by everybody who has it. They draw random input
from `np.random.default_rng(7)`, and compare with the solution's plain twin: another seed makes other
inputs, and other right answers with them.
"""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tokenlab.assignments import runner
from tokenlab.assignments.catalog import Assignment
from tokenlab.assignments.grades import Job
from tokenlab.errors import InvalidInput

__all__: list[str] = []

FILES = ("source.py", "test_public.py", "mistakes.py", "wrong.py", "TEACHER.md")
SEED = re.compile(r"default_rng\((?P<seed>\w+)\)")
TRIES = 20


def with_seed(text: str, seed: int, attempt: int = 0) -> str:
    """The text of tests that draw other numbers."""
    return SEED.sub(rf"default_rng([{seed}, {attempt}, \g<seed>])", text)


@contextmanager
def reseeded(assignment: Assignment, seed: int) -> Iterator[Assignment]:
    """A copy of an assignment whose hidden tests draw other inputs; the solution passes them."""
    if seed < 0:
        raise InvalidInput(f"--seed is {seed}; expected a whole number from 0.")
    with tempfile.TemporaryDirectory(prefix="tokenlab-") as name:
        folder = Path(name, assignment.name)
        folder.mkdir()
        for file in FILES:
            if (assignment.folder / file).exists():
                (folder / file).write_text(assignment.text(file), encoding="utf-8")
        for attempt in range(TRIES):  # a draw may meet a tie, which a test excludes
            text = with_seed(assignment.text("test_hidden.py"), seed, attempt)
            (folder / "test_hidden.py").write_text(text, encoding="utf-8")
            made = Assignment(folder)
            jobs = [Job(made, task, made.solution, "solution.py", True) for task in made.tasks]
            if all(grade.ok for grade in runner.grade(jobs)):
                yield made
                return
    raise InvalidInput(f"{assignment.name}: no inputs of seed {seed} suit its tests; take another.")
