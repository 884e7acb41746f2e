"""Recording: what is kept, in what order, where it was made, and where two runs part."""

import collections
import contextvars
import threading
import time
import timeit
from typing import NamedTuple

import numpy as np
import pytest

from tokenlab import record, step
from tokenlab.errors import InvalidInput
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


class Pair(NamedTuple):
    ids: np.ndarray
    more: list


@pytest.mark.parametrize(
    "wrap",
    [
        lambda x: [x, 1],
        lambda x: (x, "text"),
        lambda x: {"a": x, "b": None},
        lambda x: Pair(x, [x, [x]]),
        lambda x: collections.defaultdict(list, a=[x]),
        lambda x: [{"deep": (x,)}],
    ],
)
def test_a_recorded_container_keeps_its_state(wrap):
    x = np.zeros(2)
    value = wrap(x)
    with record() as steps:
        assert step("value", value) is value
        x += 1
        value = step("value", wrap(x))
    before, after = str(steps["value"]), str(steps["value #2"])
    assert type(steps["value"]) is type(value)
    assert "0." in before
    assert "1." not in before
    assert "0." not in after


def test_a_list_that_grows_and_a_dict_that_changes():
    with record() as steps:
        found, counts, chosen = [], {}, set()
        for i in range(3):
            found.append(i)
            counts["i"] = i
            chosen.add(i)
            step("found", found)
            step("counts", counts)
            step("chosen", chosen)
    assert [steps["found"], steps["found #2"]] == [[0], [0, 1]]
    assert [steps["counts"], steps["counts #3"]] == [{"i": 0}, {"i": 2}]
    assert [steps["chosen"], steps["chosen #2"]] == [{0}, {0, 1}]


def test_a_list_that_holds_itself_and_objects_that_stay():
    class Whole:
        def __copy__(self):
            raise TypeError

    whole, turn = Whole(), [1]
    turn.append(turn)
    with record() as steps:
        step("turn", turn)
        step("whole", [whole])
    assert steps["turn"] is not turn
    assert steps["turn"][1] is steps["turn"]
    assert steps["whole"][0] is whole


def test_only_some_steps_are_kept():
    def run(**options):
        with record(**options) as steps:
            for i in range(7):
                step("loss", i)
                step("rate", 10 * i)
        return steps

    assert set(run(only="loss").names) == {"loss", *(f"loss #{k}" for k in range(2, 8))}
    assert run(only=["loss"], every=3).names == ["loss", "loss #4", "loss #7"]
    assert run(only=lambda name: "a" in name, every=5).names == ["rate", "rate #6"]
    assert [s.value for s in run(every=6)] == [0, 0, 6, 60]
    assert run(only=()).names == []
    assert run(every=2)["rate #3"] == 20
    with pytest.raises(KeyError, match="rate #2"):
        run(every=2)["rate #2"]


def test_runs_that_kept_different_occurrences_are_compared_by_name():
    def run(every):
        with record(every=every) as steps:
            for i in range(5):
                step("i", i)
        return steps

    assert run(4).compare(run(2)).step == "i #3"  # only the other has it: all else agrees
    assert "only the other" in run(4).compare(run(2)).reason


@pytest.mark.parametrize("options", [{"every": 0}, {"every": 1.5}, {"every": True}, {"only": 3}])
def test_options_of_record_are_checked(options):
    with pytest.raises(InvalidInput, match=f"^record: {next(iter(options))} is"), record(**options):
        pass


def test_what_is_not_kept_is_not_copied():
    class Unwilling(np.ndarray):
        def copy(self, *args):
            raise AssertionError("copied")

    x = np.zeros(3).view(Unwilling)
    with record(only=["y"]) as steps:
        kept_out = step(x)  # (n,) not asked for
        step("x", x)
    assert kept_out is x
    assert len(steps) == 0


def test_thousands_of_steps_are_found_quickly():
    with record() as steps:
        for i in range(4000):
            inner(np.array([i]))
    start = time.process_time()
    values = [steps[name][0] for name in steps.names]
    depths = {steps.depth(item) for item in steps}
    assert time.process_time() - start < 0.5  # once: 12 s
    assert values == [2 * i for i in range(4000)]
    assert depths == {0}
    assert isinstance(steps.names, list)


def test_names_follow_the_list_of_items():
    with record() as steps:
        for name in ("a", "a", "a #2", "b"):
            step(name, name)
    assert steps.names == ["a", "a #2", "a #2 #2", "b"]
    steps.items.pop()
    steps.items.pop(0)
    assert steps.names == ["a #2", "a #2 #2"]
    assert steps["a #2"] == "a"
    steps.names.append("no step")
    assert "no step" not in steps


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


def test_a_thread_is_recorded_in_a_copy_of_the_context():
    with record() as steps:
        run = contextvars.copy_context().run
        thread = threading.Thread(target=run, args=(lambda: step("there", 1),))
        thread.start()
        thread.join()
    assert steps.names == ["there"]


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


def test_compare_containers():
    def kept(**values):
        with record() as steps:
            for name, value in values.items():
                step(name, value)
        return steps

    x = np.array([1.0, 2.0])
    assert kept(a={"p": x, "q": [x, "text"]}).compare(kept(a={"p": x, "q": [x, "text"]}))
    changed = kept(a={"p": x, "q": [x, "text"]}).compare(kept(a={"p": x, "q": [3 * x, "text"]}))
    assert changed.reason.startswith("['q'][0]: 2 of 2 values differ, most at [1]: 2 against 6")
    assert changed.max_difference == 4
    assert kept(a=Pair(x, [])).compare(kept(a=Pair(x + 1, []))).reason.startswith(".ids: 2 of 2")
    assert "parts" in kept(a={"p": x}).compare(kept(a={"q": x})).reason
    assert "parts" in kept(a=[x, [1]]).compare(kept(a=[x])).reason
    assert kept(a=[1, 2]).compare(kept(a=(1.0, 2.0)))
    assert kept(a=[[1], [1, 2]]).compare(kept(a=[[1], [1, 3]])).max_difference == 1
    assert kept(a=None, b=[]).compare(kept(a=None, b=[]))


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
