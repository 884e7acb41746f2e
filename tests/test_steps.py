"""Recording: what is kept, in what order, where it was made, and where two runs part."""

import threading
import timeit

import numpy as np
import pytest

from tokenlab import record, step
from tokenlab.retrieval import TokenIndex, xtr_search
from tokenlab.steps import is_recording


def inner(x):
    y = step("doubled", 2 * x, "twice as much", eq="y = 2x", axes=("n",))
    return y + 1


def outer(x):
    z = inner(x)
    return step("sum", z.sum(), "added up")


def test_a_step_returns_its_value_unchanged():
    x = np.arange(3)
    assert step("x", x) is x
    with record():
        assert step("x", x) is x


def test_steps_are_kept_in_order_with_depth_and_line():
    with record({"n": ["a", "b"]}) as steps:
        outer(np.array([1.0, 2.0]))
    assert steps.names == ["doubled", "sum"]
    np.testing.assert_array_equal(steps["doubled"], [2, 4])
    assert steps["sum"] == 8
    doubled, total = steps
    assert (doubled.note, doubled.eq, doubled.axes) == ("twice as much", "y = 2x", ("n",))
    assert (doubled.function, total.function) == ("inner", "outer")
    assert doubled.line == inner.__code__.co_firstlineno + 1
    assert [steps.depth(item) for item in steps] == [1, 0]
    assert [call[1] for call in doubled.calls] == ["inner", "outer"]


def test_a_name_that_comes_again_is_counted():
    with record() as steps:
        for i in range(3):
            step("i", i)
    assert steps.names == ["i", "i #2", "i #3"]
    assert [steps["i"], steps["i #2"], steps[2]] == [0, 1, 2]
    assert "i #2" in steps
    assert len(steps) == 3


def test_an_unknown_name_says_what_is_there():
    with record() as steps:
        step("here", 1)
    with pytest.raises(KeyError, match="here"):
        steps["elsewhere"]


def test_a_step_is_a_copy():
    with record() as steps:
        x = np.zeros(2)
        step("x", x)
        x += 1
    np.testing.assert_array_equal(steps["x"], [0, 0])


def test_recordings_nest_and_end():
    with record() as first:
        step("a", 1)
        with record() as second:
            step("b", 2)
        step("c", 3)
    step("d", 4)
    assert first.names == ["a", "c"]
    assert second.names == ["b"]
    assert not is_recording()


def test_a_recording_ends_when_the_code_fails():
    with pytest.raises(ZeroDivisionError), record():
        step("x", 1 / 0)
    assert not is_recording()


def test_another_thread_is_not_recorded():
    with record() as steps:
        thread = threading.Thread(target=lambda: step("there", 1))
        thread.start()
        thread.join()
    assert len(steps) == 0


def test_outside_a_recording_a_step_costs_under_a_microsecond():
    x = np.zeros(3)
    call = lambda: step("x", x, "a note", eq="x", axes=("n",))  # noqa: E731
    assert min(timeit.repeat(call, number=20_000, repeat=5)) / 20_000 < 1e-6


def run(x, *, wrong=False, extra=False):
    with record() as steps:
        step("input", x)
        step("scaled", x * (3 if wrong else 2))
        if extra:
            step("more", x)
        step("total", x.sum())
    return steps


def test_compare_agrees():
    comparison = run(np.ones(3)).compare(run(np.ones(3, np.float32)))
    assert comparison
    assert comparison.step is None
    assert "3 steps" in repr(comparison)


def test_compare_names_the_first_difference_and_its_size():
    x = np.array([1.0, -5.0, 2.0])
    comparison = run(x).compare(run(x, wrong=True))
    assert not comparison
    assert comparison.step == "scaled"
    assert comparison.max_difference == 5
    assert "[1]" in comparison.reason
    assert "-10" in comparison.reason
    assert "-15" in comparison.reason


def test_compare_reports_missing_and_extra_steps_and_shapes():
    x = np.ones(3)
    assert run(x, extra=True).compare(run(x)).step == "more"
    assert run(x).compare(run(x, extra=True)).step == "more"
    shapes = run(x).compare(run(np.ones(4)))
    assert shapes.step == "input"
    assert "(3,)" in shapes.reason
    assert "(4,)" in shapes.reason


def test_compare_treats_nan_and_infinity_as_values():
    def kept(*values):
        with record() as steps:
            step("x", np.array(values))
        return steps

    assert kept(np.nan, np.inf).compare(kept(np.nan, np.inf))
    assert kept(np.nan, 1.0).compare(kept(1.0, 1.0)).max_difference == np.inf
    assert kept(np.inf, 1.0).compare(kept(-np.inf, 1.0)).max_difference == np.inf
    assert kept(np.inf, 1.0).compare(kept(np.inf, 3.0)).max_difference == 2


def test_compare_text_and_booleans():
    with record() as a:
        step("mask", np.array([True, False]))
        step("word", "yes")
    with record() as b:
        step("mask", np.array([True, False]))
        step("word", "no")
    assert a.compare(b).step == "word"


def test_a_recording_reads_the_readable_functions():
    """Also where the engine is told to use the twins, and for a search in several blocks."""
    rng = np.random.default_rng(0)
    index = TokenIndex.from_docs([rng.standard_normal((40, 8)) for _ in range(9)])
    with record() as steps:
        xtr_search(rng.standard_normal((3, 8)), index, k_prime=7, k=2)
    assert steps.names == [
        "similarity",
        "retrieved tokens",
        "retrieved similarities",
        "imputed",
        "candidates",
        "best hit",
        "hit",
        "filled in",
        "scores",
        "ranking",
        "ranked scores",
    ]


def test_gpu_values_are_copied_to_the_cpu_only_when_looked_at(cupy):
    with record() as steps:
        step("x", cupy.asarray(np.ones(2)))
    assert type(steps["x"]).__module__ == "cupy"
    np.testing.assert_array_equal(steps.find("x").array, [1, 1])
