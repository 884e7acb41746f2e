"""Say how an answer is wrong: the more we know about it, the more precise the hint.

In this order: not started; a usual mistake that gives the same results; an exception, with its line
and its meaning; a usual mistake that gives some of the same results; the first named step that is
not right; and what can be said of any wrong result (its shape, its type, transposed, scaled,
shifted).
"""

import inspect
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import NamedTuple

import numpy as np

from tokenlab.assignments.answers import Answer, NotRun
from tokenlab.assignments.catalog import Task
from tokenlab.assignments.compare import (
    Difference,
    argument_axes,
    axes_of,
    difference,
    returned_axes,
)
from tokenlab.assignments.marks import Mistake
from tokenlab.assignments.meanings import meaning
from tokenlab.assignments.recorder import Call, NoSuchFunctionError, Outcome, Trial, place_of
from tokenlab.steps import Steps

__all__: list[str] = []

# True of a few numbers by chance: said only where it holds of every wrong result.
BY_CHANCE = ("order", "shifted", "scaled", "same")


class Hint(NamedTuple):
    """A name for machines, a sentence for people, and what `--hints` adds.

    `sure`: it says what to do, so that it is shown without being asked for.
    """

    name: str
    text: str
    more: list[str]
    sure: bool = True


class Case(NamedTuple):
    """A call of the task's function, and what the right function does in its place."""

    call: Call
    right: Outcome
    trial: Trial

    @property
    def wrong(self) -> bool:
        """The answer did something else."""
        return not self.call.outcome.same(self.right)


def diagnose(
    task: Task,
    answer: Answer,
    right: ModuleType,
    mistakes: Sequence[Mistake],
    trials: Sequence[Trial],
) -> Hint:
    """The best hint for a task of which at least one trial failed."""
    failed = [trial for trial in trials if trial.error is not None]
    missing = [t.error for t in failed if isinstance(t.error, NoSuchFunctionError)]
    if missing:
        return _missing(str(missing[0]), answer)
    function = getattr(right, task.function)
    cases = [
        Case(call, call.again(function), trial)
        for trial in trials
        for call in trial.calls
        if call.function == task.function
    ]
    unfinished = [case for case in cases if case.call.outcome.never_ran]
    if unfinished:
        return _not_finished(unfinished[0], answer)
    hint = (
        _usual_mistake(task, right, mistakes, cases)
        or _changed_input(cases, function)
        or _exception(failed, answer, function)
        or _one_of_several(task, right, mistakes, cases)
        or _wrong_value(cases, function)
        or _wrong_type(cases)
        or _failed_test(failed[0])
    )
    return hint._replace(more=hint.more + _warnings(failed, answer))


def _not_finished(case: Case, answer: Answer) -> Hint:
    """The stub is still there; perhaps some steps come before it."""
    done = case.call.outcome.steps.names
    if not done:
        return Hint("not started", "not started.", [])
    step, found = _first_step(case)
    so_far = f"{step!r} is not right yet: {found.text}" if step else f"{done[-1]!r} is right."
    where = _where(case.call.outcome.error, answer)
    return Hint("unfinished", f"a part is still to be written{where}. So far {so_far}", [])


def _missing(name: str, answer: Answer) -> Hint:
    """The function is not there: perhaps its cell could not be read."""
    for problem in answer.problems:
        if name in problem.names or f"def {name}" in problem.text:
            where = _where(problem.error, answer)
            text = f"{type(problem.error).__name__}{where}: {_message(problem.error)}\n"
            return Hint("exception", text + meaning(problem.error, {}, {}), [])
    text = f"there is no function `{name}` in the file. Keep the `def` lines as they were given."
    return Hint("missing", text, [_message(p.error) for p in answer.problems])


def _usual_mistake(
    task: Task, right: ModuleType, mistakes: Sequence[Mistake], cases: Sequence[Case]
) -> Hint | None:
    """A mistake that does the same as the answer in every call, and is wrong in at least one."""
    if not any(case.wrong for case in cases):
        return None
    for mistake in mistakes:
        if mistake.task == task.number and all(
            case.call.again(mistake.run, right).same(case.call.outcome) for case in cases
        ):
            return Hint(mistake.name, mistake.hint, _steps_hint(cases))
    return None


def _one_of_several(
    task: Task, right: ModuleType, mistakes: Sequence[Mistake], cases: Sequence[Case]
) -> Hint | None:
    """The mistake that explains most of the wrong results, where no mistake explains all."""
    wrong = [case for case in cases if case.wrong]
    explained = {
        mistake: sum(case.call.again(mistake.run, right).same(case.call.outcome) for case in wrong)
        for mistake in mistakes
        if mistake.task == task.number
    }
    mistake = max(explained, key=explained.__getitem__, default=None)
    if mistake is None or not explained[mistake]:
        return None
    if explained[mistake] < len(wrong):
        more = [
            f"This explains {explained[mistake]} of {len(wrong)} wrong results; something else is "
            "wrong, too. Mend this first."
        ]
    else:  # it parts from the mistake where the answer is right
        more = ["This explains every wrong result, but other results of yours are right."]
    return Hint(mistake.name, mistake.hint, more + _steps_hint(wrong))


def _steps_hint(cases: Sequence[Case]) -> list[str]:
    """Where the steps part, as one more sentence."""
    wrong = next(case for case in cases if case.wrong)
    step, found = _first_step(wrong)
    return [f"The first step that is not right is {step!r}: {found.text}"] if step else []


def _changed_input(cases: Sequence[Case], function: Callable) -> Hint | None:
    for case in cases:
        changed = case.call.outcome.changed
        if changed and not case.right.changed:
            if changed.isdigit():
                changed = list(inspect.signature(function).parameters)[int(changed)]
            inside = isinstance(case.call.arguments(function).get(changed), dict)
            copied = "copies of its arrays" if inside else f"a copy, `{changed} = {changed}.copy()`"
            text = (
                f"the function changes its input `{changed}`. Whoever called it still needs that: "
                f"work on {copied}."
            )
            return Hint("changed input", text, [])
    return None


def _exception(failed: Sequence[Trial], answer: Answer, function: Callable) -> Hint | None:
    """An exception that came out of the student's code."""
    for trial in failed:
        for call in trial.calls:
            error = call.outcome.error
            if error is None or error is not trial.error:
                continue
            arguments = call.arguments(function)
            owners: dict[tuple, list] = {}
            for name, axes in argument_axes(function).items():
                if isinstance(arguments.get(name), np.ndarray):
                    owners.setdefault(arguments[name].shape, []).append((name, axes))
            said = meaning(error, axes_of(function, arguments), owners)
            said = _unmade(error, answer) or said
            text = f"{type(error).__name__}{_where(error, answer)}: {_message(error)}\n{said}"
            return Hint("exception", text.strip(), [f'It happened in "{trial.test.title}".'])
    return None


def _unmade(error: BaseException, answer: Answer) -> str:
    """Why a name has no value, if the line that makes it failed, or was not run."""
    reason = answer.blame(error.name or "") if isinstance(error, NameError) else None
    if reason is None:
        return ""
    if isinstance(reason, NotRun):
        line = answer.line(reason.place, reason.line)
        return (
            f'Line {reason.line}, "{line}", gives it a value, but the check does not run it: it '
            "loops or uses your functions, and stands outside of all functions."
        )
    what = f"{type(reason.error).__name__}{_where(reason.error, answer)}: {_message(reason.error)}"
    return f"The line that gives it a value failed. {what}\n{meaning(reason.error, {}, {})}".strip()


def _message(error: BaseException) -> str:
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return " ".join(text.split())[:300] or "no message"


def _where(error: BaseException | None, answer: Answer) -> str:
    """` in line 12, "x = y @ z"`."""
    place = place_of(error, answer) if error is not None else None
    if place is None:
        return ""
    file, number, _ = place
    cell = f"{file}, " if file.startswith("code cell") else ""
    return f' in {cell}line {number}, "{answer.line(file, number)}"'


def _wrong_value(cases: Sequence[Case], function: Callable) -> Hint | None:
    """The first wrong call, described by its first wrong step or by its result.

    What is said of it must hold of all: values that are only moved in one call, and wrong in
    another, are wrong.
    """
    wrong = [case for case in cases if case.wrong and case.right.error is None]
    if len(wrong) > 1:
        wrong.sort(key=lambda case: _difference(case, function).kind in BY_CHANCE)  # stable
    for case in wrong:
        sizes = axes_of(function, case.call.arguments(function))
        n = len(case.right.result) if isinstance(case.right.result, tuple) else 1
        labels = returned_axes(function, n)
        found = difference(case.call.outcome.result, case.right.result, labels, sizes)
        step, inside = _first_step(case)
        sure = found.kind not in ("values", "order")
        more = [f'Seen in "{case.trial.test.title}".']
        if step:
            text = f"The first step that is not right is {step!r}: {inside.text}"
            return Hint(inside.kind, text, [f"The result: {found.text}", *more])
        if len(_common(case)[0]):
            more.insert(0, "All named steps are right: what comes after the last one is not.")
        return Hint(found.kind, found.text, more, sure)
    return None


def _difference(case: Case, function: Callable) -> Difference:
    """How one step or the result is not right."""
    step, inside = _first_step(case)
    if step:
        return inside
    return difference(case.call.outcome.result, case.right.result, [], {})


def _wrong_type(cases: Sequence[Case]) -> Hint | None:
    """Right values in a failing test: a list for an array, or other numbers than asked for."""
    for case in cases:
        if case.trial.error is not None and case.right.error is None:
            found = difference(case.call.outcome.result, case.right.result, [], {})
            if found.kind != "same":
                return Hint(found.kind, found.text, [f'Seen in "{case.trial.test.title}".'])
    return None


def _first_step(case: Case) -> tuple[str, Difference]:
    """The first step that both runs recorded and that differs, by `Steps.compare`."""
    theirs, mine = _common(case)
    compared = theirs.compare(mine, rtol=1e-5, atol=1e-7)
    if compared.step is None or compared.step not in mine:
        return "", Difference("same", "")
    step = theirs.find(compared.step)
    sizes: dict[int, list[str]] = {}
    for item in theirs:
        for size, name in zip(np.shape(item.value), item.axes, strict=False):
            if name not in sizes.setdefault(size, []):
                sizes[size].append(name)
    found = difference(mine[compared.step], step.value, [step.axes], sizes)
    return compared.step, found if found.kind != "same" else Difference("values", compared.reason)


def _common(case: Case) -> tuple[Steps, Steps]:
    """The steps that both runs have, the right ones first."""
    theirs, mine = case.right.steps, case.call.outcome.steps
    shared = set(theirs.names) & set(mine.names)

    def kept(steps: Steps) -> Steps:
        pairs = zip(steps.names, steps, strict=True)
        return Steps(items=[item for name, item in pairs if name in shared])

    return kept(theirs), kept(mine)


def _failed_test(trial: Trial) -> Hint:
    """Nothing is known but the test's own words."""
    lines = [line[:300] for line in str(trial.error).splitlines() if line.strip()][:8]
    name = type(trial.error).__name__
    text = f'"{trial.test.title}" fails ({name}).' + (f" {lines[0]}" if lines else "")
    return Hint("test", text, lines[1:], sure=False)


def _warnings(failed: Sequence[Trial], answer: Answer) -> list[str]:
    """What NumPy warned of in the student's lines."""
    said = []
    for trial in failed:
        for warning in trial.warned:
            if warning.filename in answer.lines:
                cell = warning.filename if warning.filename.startswith("code cell") else ""
                place = f"{cell}{', ' if cell else ''}line {warning.lineno}"
                said.append(f"NumPy warned in {place}: {warning.message}.")
    return list(dict.fromkeys(said))[:3]
