"""Taped values through every public function of floats, found automatically.

Each is differentiated, and then agrees with central differences, or says by name what has no
gradient. Neither raw errors nor plain answers that quietly lose a gradient.
"""

import warnings

import discover
import numpy as np
import pytest
from cases import CASES

from tokenlab.arrays import is_cupy, is_taped, stop
from tokenlab.autograd import value_and_grad
from tokenlab.errors import TokenlabError
from tokenlab.tape import Node, Var

PUBLIC = dict(discover.public())
NAMES = sorted(name for name in CASES if name in PUBLIC and name != "tokenlab.arrays.to_numpy")
# At the ties (or the row of zeros) of their test data these have a kink, and differences see both
# of its sides.
TIES = {
    "tokenlab.numerics.topk",
    "tokenlab.numerics.unit",
    "tokenlab.pruning.recoverable.outlier_factor",
}
# Here the paper itself stops the gradient: none flows through the mean of a context.
STOPPED = {"tokenlab.embeddings.senses.disambiguate", "tokenlab.embeddings.senses.loss"}
SAYS_SO = ("derivative", "gradient", "taped", "Python number")


def is_float(x):
    return getattr(getattr(x, "dtype", None), "kind", "") == "f"


def prepared(make, asarray=np.asarray):
    """The arguments of a case, and the arrays of floats in them, in float64."""
    found = []

    def keep(x, *_, **__):
        x = np.asarray(x)
        if is_float(x):
            x = x.astype(np.float64)
            found.append(asarray(x))
        return asarray(x)

    make(keep)
    return found


def called(function, make, arrays, asarray=np.asarray):
    """The function's answer for these arrays in place of the floats of its case."""
    rest = iter(arrays)

    def given(x, *_, **__):
        x = np.asarray(x)
        return next(rest) if is_float(x) else asarray(x)

    args, kwargs = make(given)
    return function(*args, **kwargs)


def floats_in(result):
    """Arrays of floats and taped values in tuples, dicts and objects."""
    if is_taped(result) or is_float(result):
        return [result] if is_float(stop(result)) else []
    parts = list(result) if isinstance(result, list | tuple) else []
    if isinstance(result, dict) or hasattr(result, "__dict__"):
        parts = list((result if isinstance(result, dict) else vars(result)).values())
    return [x for part in parts for x in floats_in(part)]


def total(result):
    """One number that depends on all entries."""
    number = 0.0
    for x in floats_in(result):
        inside = stop(x)
        xp = np if not is_cupy(inside) else __import__("cupy")
        weights = np.cos(np.arange(inside.size, dtype=float)).reshape(inside.shape)
        whole = bool(xp.isfinite(inside).all())
        finite = ... if whole else xp.isfinite(inside)
        number = (x[finite] * xp.asarray(weights)[finite]).sum() + number
    return number


def outcome(function, make, asarray=np.asarray):
    """ "grads" and what is compared, or a word and the message; a plain answer has gradients 0."""
    arrays = prepared(make, asarray)
    if not arrays:
        return "no floats", ""
    loss = lambda given: total(called(function, make, given, asarray))  # noqa: E731
    try:
        taped_answer = called(function, make, [Var(x, Node(x)) for x in arrays], asarray)
        answer = total(taped_answer)
        if not is_taped(answer):
            return "grads", (float(answer), [0 * x for x in arrays], arrays, loss)
        value, grads = value_and_grad(loss)(arrays)
    except (TypeError, AttributeError, TokenlabError) as error:
        named = any(word in str(error) for word in SAYS_SO)
        return ("says so" if named else "raw"), f"{type(error).__name__}: {error}"
    return "grads", (value, grads, arrays, loss)


def difference(grads, arrays, loss, eps=1e-6):
    """The largest gap along a few random directions, as a share of the largest slope."""
    rng, gaps, sizes = np.random.default_rng(0), [], [1e-12]
    for _ in range(4):
        way = [rng.standard_normal(x.shape) for x in arrays]
        ends = [
            float(loss([x + sign * eps * w for x, w in zip(arrays, way, strict=True)]))
            for sign in (1, -1)
        ]
        slope = (ends[0] - ends[1]) / (2 * eps)
        mine = sum(float((g * w).sum()) for g, w in zip(grads, way, strict=True))
        gaps.append(abs(slope - mine))
        sizes += [abs(slope), abs(mine)]
    return max(gaps) / max(sizes)


@pytest.mark.parametrize("name", NAMES)
def test_it_has_a_gradient_or_says_by_name_that_it_has_none(name):
    for make in CASES[name]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kind, detail = outcome(PUBLIC[name], make)
            assert kind != "raw", f"{name}: {detail}"
            if kind == "grads" and name not in TIES | STOPPED:
                _, grads, arrays, loss = detail
                try:
                    gap = difference(grads, arrays, loss)
                except TokenlabError:
                    continue  # the step of the difference leaves what the function allows
                assert gap < 1e-4, f"{name}: {gap}"


@pytest.mark.parametrize("name", NAMES)
def test_it_is_the_same_on_the_double(name, cupy):
    for make in CASES[name]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kind, detail = outcome(PUBLIC[name], make)
            there, theirs = outcome(PUBLIC[name], make, cupy.asarray)
        if kind == there == "grads":
            assert theirs[0] == pytest.approx(detail[0], rel=1e-9)
            for mine, other in zip(detail[1], theirs[1], strict=True):
                np.testing.assert_allclose(other.get(), mine, rtol=1e-6, atol=1e-9)
        else:
            assert there != "raw", f"{name}: {theirs}"
