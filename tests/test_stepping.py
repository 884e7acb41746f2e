"""Comments that run: what a line says about its step, wherever the line comes from."""

import importlib
import linecache
import os
import subprocess
import sys
import textwrap
import timeit
import zipfile

import numpy as np
import pytest

from tokenlab import record, step
from tokenlab.autograd import value_and_grad
from tokenlab.blocks import by_rows
from tokenlab.stepping import Remark, taken_apart

HEAD = "import numpy as np\nfrom tokenlab.steps import step\nx = np.arange(6.0).reshape(2, 3)\n"


@pytest.fixture
def said(tmp_path, monkeypatch):
    """Write lines into a module, import it while recording, and return what the steps say."""
    monkeypatch.syspath_prepend(tmp_path)
    made = []

    def run(lines, newline="\n", name=""):
        name = name or f"stepping_{len(made)}"
        made.append(name)
        path = tmp_path / f"{name}.py"
        path.write_bytes((HEAD + textwrap.dedent(lines)).replace("\n", newline).encode())
        with record() as steps:
            importlib.import_module(name)
        return [(s.name, s.axes, s.of, s.eq, s.note) for s in steps]

    yield run
    for name in made:
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("text", "axes", "of", "eq", "note"),
    [
        ("", (), "", "", ""),
        ("each with each", (), "", "", "each with each"),
        ("(n_q, n_d) [P = Q Dᵀ] each", ("n_q", "n_d"), "", "P = Q Dᵀ", "each"),
        ("(n_q,) -> n_d: [Eq. 1] best", ("n_q",), "n_d", "Eq. 1", "best"),
        ("(n_q,) -> n_d best", ("n_q",), "n_d", "", "best"),
        ("-> n_d: best", (), "n_d", "", "best"),
        ("[P[i, j] = Q[i] D[j]] all", (), "", "P[i, j] = Q[i] D[j]", "all"),
        ("[half open", (), "", "", "[half open"),
        ("(n, 1)", ("n", ""), "", "", ""),
        ("(n + 1, k', 2*d)", ("n + 1", "k'", "2*d"), "", "", ""),
        ("(..., n, d) any", ("...", "n", "d"), "", "", "any"),
        ("(n) is no shape", (), "", "", "(n) is no shape"),
        ("(see, for example, the text) why", (), "", "", "(see, for example, the text) why"),
        ("(n,) Eq. (3)", ("n",), "", "Eq. (3)", ""),
        ("Eqs. (2), (4)", (), "", "Eqs. (2)", "(4)"),
        ("Eq. (3): [0, 1] in words", (), "", "Eq. (3)", "[0, 1] in words"),
    ],
)
def test_a_comment_is_taken_apart(text, axes, of, eq, note):
    assert taken_apart("x", text) == Remark("x", axes, of, eq, note)


def test_name_axes_equation_and_note(said):
    assert said("best_hit = step(x.argmax(1))  # (n,) -> m: [b = [c]] the best\n") == [
        ("best hit", ("n",), "m", "b = [c]", "the best")
    ]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_line_ends(said, newline):
    found = said("a = step(x)  # (n, m) one\nb = step(\n    x\n)  # two\n", newline)
    assert found == [("a", ("n", "m"), "", "", "one"), ("b", (), "", "", "two")]


def test_the_comment_may_stand_in_any_line_of_the_statement(said):
    lines = """
    a = step(  # (n, m) first
        x
    )
    b = step(
        x  # (n, m) middle
        * 2
    )
    c = step(
        x  # (n, m) a part
        * 2
    )  # (n, m) [c = 2x] the whole
    d = step(
        # a line of its own
        x
    )
    e = np.abs(
        step(x)
    ).sum()  # of the statement
    """
    assert [(name, note) for name, _, _, _, note in said(lines)] == [
        ("a", "first"),
        ("b", "middle"),
        ("c", "the whole"),
        ("d", "a line of its own"),
        ("e", "of the statement"),
    ]


def test_comments_for_tools_say_nothing(said):
    lines = "a = step(x)  # type: ignore[misc]\nb = step(x)  # (n, m) two  # noqa: E501\n"
    assert [s[4] for s in said(lines)] == ["", "two"]


def test_a_sign_in_a_string_is_no_comment(said):
    assert said('a = step("(n,) # [no] comment"[:3])\n') == [("a", (), "", "", "")]


def test_targets(said):
    lines = """
    class It: pass
    self = It()
    first, (second, third) = step(x), (step(x), step(x))
    low, high = step((x.min(), x.max()))  # (2,) both
    self.codes = step(x)
    self.codes += step(x)
    out = {}
    out["a"] = step(x)
    one = two = step(x)
    typed: object = step(x)
    *rest, last = step([1, 2, 3])
    if (hits := step(x > 2)).any():
        pass
    _ = step(x)
    step(x * 2)  # bare
    """
    assert [s[0] for s in said(lines)] == [
        *["first", "second", "third", "low, high", "codes", "codes"],
        *["out['a']", "one", "typed", "rest, last", "hits", "x", "x * 2"],
    ]


def test_several_steps_on_one_line_and_in_one_statement(said):
    lines = """
    a = step(x); b = step(x + 1)  # the second
    c = step(step(x) @ x.T)  # (n, n) the outer
    d = step(
        step(x)  # (n, m) the inner
        @ x.T
    )  # (n, n) the outer
    e = dict(p=step(x), q=step(x))
    f = {
        "r": step(x),  # (n, m) r
        "s": step(x),  # (n, m) s
    }
    g = step(x) + step(2 * x)
    """
    assert [(name, note) for name, _, _, _, note in said(lines)] == [
        ("a", ""),
        ("b", "the second"),
        ("x", ""),
        ("c", "the outer"),
        ("x", "the inner"),
        ("d", "the outer"),
        ("p", ""),
        ("q", ""),
        ("r", "r"),
        ("s", "s"),
        ("x", ""),
        ("2 * x", ""),
    ]


def test_nested_statements_functions_and_comprehensions(said):
    lines = """
    def decorate(f):
        return f

    @decorate
    @decorate
    def double_sum(x):
        if len(x):  # not this one
            for i in step(range(2)):  # the places
                try:
                    y = step(x[i])  # (m,) a row
                finally:
                    pass
        return step(  # () the sum
            y.sum()
        )

    double_sum(x)
    rows = [step(row) for row in x]  # (m,) each
    squares = list(map(step, x))  # (m,) mapped
    twice = lambda x: step(2 * x)  # (n, m) twice
    twice(x)
    async def later(): return step(x)  # at last
    try:
        later().send(None)
    except StopIteration:
        pass
    while step(False):  # never
        pass
    with open(step(__file__)) as f:  # this file
        pass
    """
    found = [(name, note) for name, _, _, _, note in said(lines)]
    assert found == [
        ("range(2)", "the places"),
        ("y", "a row"),
        ("y", "a row"),
        ("double sum", "() the sum"),
        *[("rows", "each")] * 2,
        *[("squares", "mapped")] * 2,
        ("twice", "twice"),
        ("later", "at last"),
        ("False", "never"),
        ("file", "this file"),
    ]


def test_another_name_of_step(said):
    lines = "import tokenlab\nfrom tokenlab import step as s\na = s(x)  # one\nb = tokenlab.step(x)  # two\n"
    assert [(s[0], s[4]) for s in said(lines)] == [("a", "one"), ("b", "two")]


def test_leading_axes_have_no_name():
    x = np.zeros((2, 4, 3, 5))
    with record() as steps:
        whole = step(x)  # (..., n, d) whole
        part = step(whole[0])  # (h, ..., d) part
        last = step(part[0])  # (n, d) last
    assert last.shape == (3, 5)
    assert [s.axes for s in steps] == [("", "", "n", "d"), ("h", "", "d"), ("n", "d")]


def test_a_reloaded_module_says_what_it_says_now(said, tmp_path):
    assert said("a = step(x)  # old\n", name="stepping_again")[0][4] == "old"
    path = tmp_path / "stepping_again.py"
    path.write_text(HEAD + "# a line more\nb = step(x)  # new and longer\n")
    os.utime(path, (1, 10**9))
    with record() as steps:
        importlib.reload(sys.modules["stepping_again"])
    assert [(s.name, s.note) for s in steps] == [("b", "new and longer")]


def test_a_file_that_was_changed_after_loading_says_nothing_wrong(said, tmp_path):
    said("def f(x):\n    total = step(x)  # old\n    return total\n", name="stepping_stale")
    path = tmp_path / "stepping_stale.py"
    path.write_text(HEAD + "\n\n\n\nother = 1  # not about a step\n")
    with record() as steps:
        sys.modules["stepping_stale"].f(1)
    assert [(s.name, s.note) for s in steps] == [("total", "")]


@pytest.mark.parametrize("optimized", [0, 2])
def test_without_source_names_and_values_still_come(optimized):
    text = """
def area(x):
    width = step(x)  # lost
    self.height = step(x)
    low, high = step((x, x))
    one = two = step(x)
    return step(x * x)
self = type("It", (), {})()
product = area(3)
whole = step(product)
step(whole)
"""
    space = {"step": step}
    with record() as steps:
        exec(compile(text, "<no source here>", "exec", optimize=optimized), space)
    assert steps.names == ["width", "area", "low, high", "one", "area #2", "whole", "step"]
    assert [steps[i] for i in (0, 4, 5)] == [3, 9, 9]
    assert all(s.note == "" for s in steps)


def test_frozen_and_zipped_modules(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "packed.zip", "w") as archive:
        archive.writestr("stepping_zipped.py", HEAD + "inside = step(x)  # (n, m) packed\n")
    monkeypatch.syspath_prepend(tmp_path / "packed.zip")
    with record() as steps:
        importlib.import_module("stepping_zipped")
    assert [(s.name, s.note) for s in steps] == [("inside", "packed")]


def test_typed_at_a_prompt():
    lines = (
        "from tokenlab import record, step\nwith record() as steps:\n    typed = step(1 + 1)\n\n"
    )
    answer = subprocess.run(
        [sys.executable, "-q", "-i"],
        input=lines + "print(steps.names, steps['typed'])\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert "['typed'] 2" in answer.stdout


@pytest.mark.parametrize("magic", ["", "%matplotlib inline\n", "!ls\n"])
def test_a_cell_of_a_notebook(magic):
    """Its text is in the line cache under a name that is no file."""
    shown = HEAD + magic + "for _ in range(2):\n    total = step(x.sum())  # () all\n"
    runs = HEAD + ("pass\n" if magic else "") + shown[len(HEAD + magic) :]
    name = f"/tmp/ipykernel_1/{len(magic)}.py"
    linecache.cache[name] = len(shown), None, shown.splitlines(keepends=True), name
    try:
        with record() as steps:
            exec(compile(runs, name, "exec"), {})
    finally:
        del linecache.cache[name]
    assert [(s.name, s.note) for s in steps] == [("total", "() all")] * 2


def test_a_cell_run_by_ipython():
    shell = pytest.importorskip("IPython.core.interactiveshell").InteractiveShell()
    cell = "%config InteractiveShell.ast_node_interactivity\n" + HEAD
    cell += "half = step(x / 2)  # (n, m) [h = x / 2] in a cell"
    with record() as steps:
        assert shell.run_cell(cell).success
    assert [(s.name, s.eq, s.note) for s in steps] == [("half", "h = x / 2", "in a cell")]


def test_text_that_is_no_python():
    name = "<no python>"
    linecache.cache[name] = 5, None, ["this is : no ( python\n"], name
    with record() as steps:
        exec(compile("kept = step(1)", name, "exec"), {"step": step})
    del linecache.cache[name]
    assert steps.names == ["kept"]


def test_an_interpreter_that_keeps_no_columns(tmp_path):
    path = tmp_path / "plain.py"
    path.write_text(
        "from tokenlab import record, step\n"
        "with record() as steps:\n    print()\n    a = step(abs(1))  # [e] kept\n"
        "print(steps.names, steps.find('a').eq)\n"
    )
    answer = subprocess.run(
        [sys.executable, "-X", "no_debug_ranges", str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert "['a'] e" in answer.stdout


def test_a_taped_value_is_kept_as_its_plain_array():
    def loss(params):
        double = step(2 * params["x"])  # (n,) twice
        pair = step((double, 1))  # both
        return (pair[0] * pair[0]).sum()

    with record() as steps:
        _, grads = value_and_grad(loss)({"x": np.array([1.0, 2.0])})
    np.testing.assert_array_equal(grads["x"], [8, 16])
    assert type(steps["double"]) is np.ndarray
    assert type(steps["pair"][0]) is np.ndarray
    np.testing.assert_array_equal(steps["double"], [2, 4])


def test_blocks_make_no_second_step(monkeypatch):
    monkeypatch.setattr("tokenlab.blocks.ENTRIES", 4)

    @by_rows(lambda x: 2)
    def doubled(x):
        return step(2 * x)  # (n, d) twice

    x = np.ones((9, 2))
    with record() as steps:
        doubled(x)
    assert steps.names == ["doubled"]
    assert steps["doubled"].shape == (9, 2)


def test_outside_a_recording_a_short_step_costs_little():
    x = np.zeros(3)
    call = lambda: step(x)  # noqa: E731
    assert min(timeit.repeat(call, number=20_000, repeat=5)) / 20_000 < 1e-6
