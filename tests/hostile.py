"""What a person may pass by mistake, into every argument of every public function.

`python tests/hostile.py` prints what is left, by function; `python tests/hostile.py NAME` prints
each call of the functions with that name in theirs.
"""

import contextlib
import copy
import doctest
import importlib
import inspect
import io
import re
import signal
import sys
import traceback
import warnings
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import discover
import numpy as np
from cases import CASES

from tokenlab import use_engine
from tokenlab.errors import TokenlabError

LEFT_OUT = {
    *("arrays", "autograd", "arguments", "blocks", "checks", "data", "engine", "errors", "fused"),
    *("ops", "ops_linalg", "ops_numpy", "ops_places", "papers", "plots", "progress", "recording"),
    *("stepping", "steps", "tape", "tour", "cli", "assignments", "kernels"),
}  # a user of the papers calls none of these with data, but for the checks, tested by themselves


NAMES = {("perplexity", "groups"), ("purity", "labels")}  # what may be named by text


class Tensor:
    """Like a tensor of another library."""

    ndim, shape, dtype = 2, (1, 2), "torch.float32"

    def __dlpack__(self):
        raise AssertionError("nobody asked for a conversion")


class Call(NamedTuple):
    """A call of a public function that works."""

    name: str
    function: object
    args: tuple
    kwargs: dict


class Outcome(NamedTuple):
    """What came of one hostile call.

    `fine` is an answer or an error that names both; `raw` is an exception of Python or NumPy;
    `other function` and `no argument` are errors that do not name them; `taken` is an answer to
    what means nothing: text for a number, a mask that is dropped, complex numbers, dates.
    """

    kind: str
    name: str
    argument: str
    value: str
    says: str


def calls():
    """One working call of every public function: registered, or from the examples in its text."""
    for name, thing in discover.public():
        if name.split(".")[1] in LEFT_OUT or not callable(thing):
            continue
        if name in CASES:
            args, kwargs = CASES[name][0](np.asarray)
            yield Call(name.rpartition(".")[2], thing, args, kwargs)
        elif not inspect.isclass(thing) and (call := from_examples(name, thing)):
            yield call
        if inspect.isclass(thing) and not hasattr(thing, "_fields"):
            yield from methods(name, thing)


def from_examples(name, function):
    """The first call of a function in the examples of its docstring."""
    module = sys.modules[name.rpartition(".")[0]]
    own, found = name.rpartition(".")[2], []

    def spy(*args, **kwargs):
        found.append((copy.deepcopy(args), copy.deepcopy(kwargs)))
        return function(*args, **kwargs)

    run_examples(function, {**vars(module), own: spy})
    return Call(own, function, *found[0]) if found else None


def methods(name, kind):
    """The first call of every public method in the examples of its class and of the method."""
    module = sys.modules[name.rpartition(".")[0]]
    for own, raw in list(vars(kind).items()):
        if own.startswith("_") or not inspect.isfunction(raw):
            continue
        found = []

        def spy(self, *args, raw=raw, found=found, **kwargs):
            found.append((self, copy.deepcopy(args), copy.deepcopy(kwargs)))
            return raw(self, *args, **kwargs)

        setattr(kind, own, spy)
        try:
            run_examples(kind, dict(vars(module)))
            run_examples(raw, dict(vars(module)))
        finally:
            setattr(kind, own, raw)
        for self, args, kwargs in found[:1]:
            yield Call(f"{type(self).__name__}.{own}", getattr(self, own), args, kwargs)


def run_examples(thing, scope):
    """Run the examples of a docstring, whatever comes of them."""
    runner = doctest.DocTestRunner(verbose=False)
    for test in doctest.DocTestFinder(recurse=False).find(thing, "examples", globs=scope):
        with contextlib.redirect_stdout(io.StringIO()):
            runner.run(test, clear_globs=False)


def numbers():
    """For a number, a word, a flag or a seed."""
    yield from (None, "text", "0.5", "False", True, -1, 1.5, float("nan"), float("inf"), 1j)
    yield from ([], {}, object(), np.array([1, 2]), np.array(None), np.datetime64("2024-01-01"))


def arrays(x):
    """For an array: other kinds of the same shape, and other shapes."""
    x = np.asarray(x)
    yield from (None, "text", True, -1, 1.5, float("nan"), {}, {"a": x}, [[1, 2], [3]], Tensor())
    yield from (np.empty(0), np.float64(2), x.astype(object), x.astype(str), x.astype(complex))
    yield np.ma.array(x, mask=np.ones(x.shape, bool))
    yield np.zeros(x.shape, "datetime64[D]")
    yield x.astype(">f4") if x.dtype.kind == "f" else x.astype(float)
    yield x.astype(np.float16) if x.dtype.kind == "f" else x.astype(">i8")
    yield np.zeros(x.shape, bool)
    if x.dtype.kind == "f":
        yield np.full(x.shape, np.nan, x.dtype)
        yield np.full(x.shape, np.inf, x.dtype)
    yield x[None]
    if x.ndim:
        column = np.empty(len(x), object)
        column[:] = list(x)
        yield column


def shown(value):
    kind = type(value).__name__
    if isinstance(value, np.ndarray):
        return f"{kind} {value.dtype}{list(value.shape)}"
    return f"{kind} {value!r}"[:40]


@contextlib.contextmanager
def bounded_memory(more=4 << 30):
    """An allocation beyond some gigabytes fails at once, and does not fill the machine."""
    resource = module_or_none("resource")  # none on Windows
    if resource is None:
        yield
        return
    old = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc").exists() else 0
    limit = pages * resource.getpagesize() + more
    if pages:
        resource.setrlimit(resource.RLIMIT_AS, (limit, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, old)


def module_or_none(name):
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


@contextlib.contextmanager
def bounded_time(seconds=10.0):
    """A call that does not end is interrupted."""

    def stop(*_):
        raise TimeoutError(f"after {seconds} s")

    old = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)


def outcomes():
    """Every hostile call, and what came of it."""
    with bounded_memory():
        yield from every_outcome()


def every_outcome():
    for call in calls():
        try:
            signature = inspect.signature(call.function)
            given = signature.bind(*call.args, **call.kwargs).arguments
        except (TypeError, ValueError):
            continue
        for own, parameter in signature.parameters.items():
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                continue
            if own in ("path", "folder", "file"):
                continue  # a number is an open file to Python, and a word is a new one
            now = given.get(own, parameter.default)
            if callable(now) or hasattr(now, "log_probs"):
                continue  # a function or a model of the user
            is_array = isinstance(now, np.ndarray | list)
            for value in arrays(now) if is_array and regular(now) else numbers():
                yield judged(call, own, value, signature)


def regular(x):
    try:
        return np.size(x) > 0 and np.asarray(x).dtype.kind in "fiub"
    except ValueError:
        return False


def judged(call, own, value, signature):
    bound = signature.bind(*copy.deepcopy(call.args), **copy.deepcopy(call.kwargs))
    before = bound.arguments.get(own, signature.parameters[own].default)
    bound.arguments[own] = value
    by_place = {}
    for name, parameter in signature.parameters.items():
        if name in bound.arguments and parameter.kind is parameter.POSITIONAL_ONLY:
            by_place[name] = bound.arguments[name]
    rest = {name: x for name, x in bound.arguments.items() if name not in by_place}
    for name, parameter in signature.parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            rest |= rest.pop(name, {})
        elif parameter.kind is parameter.VAR_POSITIONAL and name in rest:
            return Outcome("fine", call.name, own, shown(value), "not called")
    try:
        quiet = np.errstate(all="ignore")
        with warnings.catch_warnings(), use_engine("numpy"), quiet, bounded_time():
            warnings.simplefilter("ignore")
            call.function(*by_place.values(), **rest)
    except TokenlabError as error:
        says = str(error)
        named = re.search(rf"\b{own}\b", says.partition(":")[2])
        kind = "fine" if named else "no argument"
        kind = kind if begins_with(says, call.name) else "other function"
    except Exception as error:
        kind = "fine" if of_the_users_function(error) else "raw"
        says = f"{type(error).__name__}: {error}"
    else:
        nothing = means_nothing(value, before) and (call.name, own) not in NAMES
        kind, says = ("taken" if nothing else "fine"), ""
    return Outcome(kind, call.name, own, shown(value), says)


def of_the_users_function(error):
    """Whether a function that was passed in raised it: of a case, or of an example."""
    files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)[1:]]
    ours = [i for i, file in enumerate(files) if Path(discover.ROOT) in Path(file).parents]
    theirs = [i for i, file in enumerate(files) if "<doctest" in file or file.endswith("cases.py")]
    return max(theirs, default=-1) > max(ours, default=-1)


def means_nothing(value, before):
    """Whether no answer to this can be right, where `before` is what works."""
    if isinstance(before, bool | int | float | np.ndarray):
        if isinstance(value, str | dict | np.datetime64 | complex):
            return True
        if np.ma.isMaskedArray(value):
            return True
        kind = getattr(getattr(value, "dtype", None), "kind", "")
        return kind in "cMU" and isinstance(value, np.ndarray)
    return False


def begins_with(says, name):
    """Whether a message begins with the function that was called; a class may be a subclass."""
    first = says.partition(":")[0]
    return first in (name, name.rpartition(".")[2]) or first.endswith("." + name)


def tally(found):
    """How many of each kind, and how many that are not fine of each function."""
    kinds = Counter(outcome.kind for outcome in found)
    left = Counter(outcome.name for outcome in found if outcome.kind != "fine")
    return kinds, left


if __name__ == "__main__":
    every = list(outcomes())
    for outcome in every:
        if sys.argv[1:] and sys.argv[1] in outcome.name and outcome.kind != "fine":
            print(" | ".join(outcome)[:220].replace("\n", " "))
    kinds, left = tally(every)
    print(f"{len(every)} hostile calls: {dict(kinds)}")
    for name, n in left.most_common(100):
        own = Counter(o.kind for o in every if o.name == name and o.kind != "fine")
        print(f"{n:5} {name}: {dict(own)}")
