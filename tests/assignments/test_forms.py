"""What Python and Jupyter run, the check runs: cell magics, encodings, ends of lines, odd files."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tiny_assignment

from tokenlab.assignments import answers, cells, folders, forms, guard, runner, seeds
from tokenlab.assignments.catalog import Assignment, find
from tokenlab.cli import main
from tokenlab.errors import InvalidInput

NAME = "a01_tiny"


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return tiny_assignment.write(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def tiny(source):
    return Assignment(source / NAME)


@pytest.fixture(scope="module")
def right(tiny):
    return cells.solution(tiny.source)


def check(tiny, path):
    return folders.check(tiny, path, hidden=True, seconds=20)


# Above the solution's cell of `double`, or in place of it. `{}` is the function as it stands.
DOUBLE = "def double(x):\n    return SCALE * x\n"
NOTEBOOKS = {
    "time": "%%time\n" + DOUBLE,
    "capture": "%%capture out\n" + DOUBLE,
    "both": "\n%%capture\n%%time\n" + DOUBLE,
    "line magics": "%matplotlib inline\n!pip list 'x\n?np\n" + DOUBLE,
    "inside": DOUBLE + "if SCALE:\n    %time 1\n    !ls\n",
    "a line begins with %": "odd = (7\n% 4)\ndef double(x):\n    return (SCALE * x * (odd\n  % 2))\n",
    "a line begins with !=": "same = (1\n!= 2)\n" + DOUBLE,
    "a text begins with %": 'note = """\n%%time\n!ls\n"""\nassert "!ls" in note\n' + DOUBLE,
    "assigned": "files = !ls\nspeed = %timeit -o 1\nassert files == []\n" + DOUBLE,
    "asked": "np.mean?\nnp.sum??\n" + DOUBLE,
    "automatic": "pip install numpy\nls\ncd ..\n" + DOUBLE,
    "display": "display(SCALE)\n" + DOUBLE,
    "await": "import asyncio\nawait asyncio.sleep(0)\n" + DOUBLE,
    "a generator": "factor = next(x for x in [SCALE])\ndef double(x):\n    return factor * x\n",
}
SCRIPTS = {
    "annotations": "from __future__ import annotations\nfrom typing import TYPE_CHECKING\n"
    "if TYPE_CHECKING:\n    from nowhere import Array\ndef double(x: Array) -> Array:\n"
    "    return SCALE * x\n",
    "with": "import contextlib\nwith contextlib.nullcontext(2) as factor:\n    pass\n"
    "def double(x):\n    return factor * x\n",
    "a loop": "table = []\nfor i in range(3):\n    table.append(i)\ndef double(x):\n    return table[2] * x\n",
    "a loop that fills": "table = {}\nfor i in range(3):\n    table[i] = i\ndef double(x):\n    return table[2] * x\n",
    "a decorator": "def same(f):\n    def g(x):\n        return f(x)\n    return g\n@same\n" + DOUBLE,
    "a decorator afterwards": "import functools\n" + DOUBLE + "double = functools.partial(double)\n",
    "an object": "class Double:\n    def __call__(self, x):\n        return SCALE * x\ndouble = Double()\n",
    "lambda": "times = lambda x, y: x * y\ndouble = lambda x: times(SCALE, x)\n",
    "own function at the top": "def two():\n    return 2\nfactor = two()\ndef double(x):\n    return factor * x\n",
    "in a branch": "if SCALE == 2:\n    def double(x):\n        return SCALE * x\nelse:\n    double = None\n",
    "in a try": "try:\n    import nowhere\nexcept ImportError:\n" + "".join(
        f"    {line}\n" for line in DOUBLE.splitlines()
    ),
    "global": "state = 1\ndef double(x):\n    global state\n    state = state * 2\n    return 2 * x\n",
    "async": "import asyncio\nasync def later(x):\n    return SCALE * x\n"
    "def double(x):\n    return asyncio.run(later(x))\n",
    "U+2028": 'line = "a\u2028b"\nassert len(line) == 3\n' + DOUBLE,
    "vertical tab": 'line = "a\x0bb"\nassert len(line) == 3\n' + DOUBLE,
    "U+0085": '# next\x85line\n' + DOUBLE,
    "form feed": "\x0c\n" + DOUBLE,
    "a mark in a text": 'text = """\n# %%\n"""\nassert "%%" in text\n' + DOUBLE,
    "exported": "get_ipython().run_line_magic('matplotlib', 'inline')\n# In[ ]:\n"
    "get_ipython().run_cell_magic('time', '', 'def double(x):\\n    return SCALE * x\\n')\n",
    "main": DOUBLE + "if __name__ == '__main__':\n    raise SystemExit(double(1))\n",
    "a slow loop that nothing needs": "while SCALE:\n    pass\n" + DOUBLE,
    "a dataclass": "from dataclasses import dataclass\n@dataclass\nclass Factor:\n    value: float = 2\n"
    "def double(x):\n    return Factor().value * x\n",
}  # fmt: skip


def with_double(right, text):
    """The solution as cells, with another cell of `double`."""
    return cells.replace_function(cells.script_cells(right), "double", text)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_that_jupyter_runs(name, tiny, right, tmp_path):
    made = [c._replace(text=NOTEBOOKS[name]) if "def double" in c.text else c
            for c in cells.script_cells(right)]  # fmt: skip
    path = tmp_path / f"{NAME}.ipynb"
    path.write_text(cells.to_notebook(made), encoding="utf-8")
    grades = check(tiny, path)
    assert all(grade.ok for grade in grades), [grade.hint for grade in grades]


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_that_python_runs(name, tiny, right, tmp_path):
    path = tmp_path / f"{NAME}.py"
    old = right[right.index("def double") : right.index("# %% [markdown]\n# ## Task 1.2")]
    path.write_bytes(right.replace(old, SCRIPTS[name] + "\n\n").encode())
    grades = check(tiny, path)
    assert all(grade.ok for grade in grades), [grade.hint for grade in grades]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-8-sig", "koi8-r"])
def test_encodings_as_python_knows_them(encoding, tiny, right, tmp_path):
    letter = "д" if encoding == "koi8-r" else "é"
    head = "" if encoding == "utf-8-sig" else f"# -*- coding: {encoding} -*-\n"
    path = tmp_path / f"{NAME}.py"
    path.write_bytes(f'{head}NOTE = "{letter}"\nassert len(NOTE) == 1\r\n{right}'.encode(encoding))
    assert all(grade.ok for grade in check(tiny, path))


def test_what_is_no_text_is_named(tmp_path):
    path = tmp_path / f"{NAME}.py"
    for data in (b"\xff\xfex\x00", b"# coding: nothing\n", b"x = '\xe9'"):
        path.write_bytes(data)
        with pytest.raises(InvalidInput, match="cannot be read as text"):
            cells.read(path)


def test_code_below_a_text_mark_is_code():
    (cell,) = cells.script_cells("# %% [markdown]\n# Text\nx = 1\n")
    assert cell == cells.Cell("code", "# Text\nx = 1", 2)


@pytest.mark.parametrize("name", ["bash", "writefile x.py", "timeit", "html"])
def test_a_cell_of_another_language_is_left_out(name):
    assert forms.plain(f"%%{name}\nx = (1") == ""


def test_a_line_that_was_not_run_is_named(tiny, right, tmp_path, source, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    path = tmp_path / f"{NAME}.py"
    torch = "import no_such_torch as torch\n"
    path.write_text(right.replace("import numpy as np\n", "import numpy as np\n" + torch, 1).replace(
        "return SCALE * x", "return torch.tensor(x)"), encoding="utf-8")  # fmt: skip
    main(["assignment", "check", str(path), "--source", str(source), "--hints"])
    said = capsys.readouterr().out
    assert "The line that gives it a value failed. ModuleNotFoundError" in said
    assert "not installed" in said
    assert "typing error" not in said


def test_a_slow_line_at_the_top_is_stopped(monkeypatch):
    monkeypatch.setattr(answers, "PATIENCE", 0.2)
    text = "import time\ntime.sleep(60)\nvalue = 3\ndef f():\n    return value\n"
    begun = time.monotonic()
    answer = answers.load([cells.Cell("code", text)], "x.py", ["f"])
    assert time.monotonic() - begun < 20
    assert isinstance(answer.problems[0].error, answers.TooSlowError)
    assert answer.module.f() == 3


# the process ---------------------------------------------------------------------------------------

linux = pytest.mark.skipif(sys.platform != "linux", reason="what is kept from programs on Linux")


def job(tiny, right, body):
    text = f"def double(x):\n    {body}\n"
    return runner.Job(tiny, tiny.tasks[0], with_double(right, text), "t.py")


def test_a_stub_gets_nothing_where_asserts_are_optimised_away(tiny, right, tmp_path, source):
    (tmp_path / f"{NAME}.py").write_text(right.replace("SCALE * x", "3 * x"), encoding="utf-8")
    found = subprocess.run(
        [sys.executable, "-m", "tokenlab", "assignment", "check", str(tmp_path), "--source", str(source)],
        capture_output=True, text=True, env={**os.environ, "PYTHONOPTIMIZE": "2"},
    )  # fmt: skip
    assert "1 of 2 points" in found.stdout, found.stdout + found.stderr  # 1.2 is right by itself
    assert found.returncode == 1


@pytest.mark.parametrize("limit", ["inf", "nan", "0", "-3", "1e9"])
def test_a_limit_without_end_is_none(limit, source, tmp_path, capsys, right):
    (tmp_path / f"{NAME}.py").write_text(right, encoding="utf-8")
    words = ["assignment", "check", str(tmp_path), f"--limit={limit}", "--source", str(source)]
    assert main(words) == 2
    assert "--limit is" in capsys.readouterr().err


@linux
def test_lines_of_the_answer_are_no_lines_of_the_check(tiny, right):
    write = "\n        ".join(
        [
            "try:",
            "    os.write(i, b'not JSON\\n{}\\n[1]\\nnull\\n' + b'x' * 3_000_000)",
            "except OSError: pass",
        ]
    )
    body = f"import os\n    for i in range(1, 30):\n        {write}\n    return 2 * x"
    (grade,) = runner.grade([job(tiny, right, body)], seconds=20)
    assert grade.ok, grade.hint


@linux
def test_a_start_that_is_told_again_does_not_buy_time(tiny, right):
    # The answer finds the checker's own word, and tells that it begins anew.
    body = (
        "import gc, os, time\n"
        "    tells = [f for f in gc.get_objects() if type(f).__name__ == 'function' and f.__name__ == 'tell'\n"
        "             and os.getpid() in [c.cell_contents for c in f.__closure__ or ()]]\n"
        "    assert tells\n"
        "    while True:\n"
        "        for tell in tells:\n"
        "            tell(event='start', job=0)\n"
        "        time.sleep(0.1)"
    )
    begun = time.monotonic()
    (grade,) = runner.grade([job(tiny, right, body)], seconds=2)
    assert grade.hint.name == "time"
    assert time.monotonic() - begun < 30


@linux
def test_children_in_sessions_of_their_own_end_with_the_check(tiny, right, tmp_path):
    pid = tmp_path / "pid"
    body = (
        "import os, subprocess, sys, time\n"
        "    child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(99)'],\n"
        "        start_new_session=True, env={})\n"
        f"    open({str(pid)!r}, 'w').write(str(child.pid))\n"
        "    return 2 * x"
    )
    runner.grade([job(tiny, right, body)], seconds=20)
    number = int(pid.read_text())
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and Path(f"/proc/{number}").exists():
        time.sleep(0.05)
    assert not Path(f"/proc/{number}").exists()


@linux
def test_the_memory_limit_cannot_be_lifted(tiny, right):
    body = (
        "import resource\n"
        "    try: resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)\n"
        "    except (ValueError, PermissionError): pass\n"
        "    np.ones(10**9)\n"
        "    return 2 * x"
    )
    (grade,) = runner.grade([job(tiny, right, body)], seconds=20, memory=1 << 28)
    assert not grade.ok
    assert "MemoryError" in grade.hint.text


@linux
def test_one_task_does_not_see_what_another_did_to_numpy(tiny, right):
    spoilt = with_double(
        right, "def double(x):\n    np.ones = None\n    np.testing = None\n    return 2 * x\n"
    )
    jobs = [runner.Job(tiny, task, spoilt, "t.py") for task in tiny.tasks]
    clean = [runner.Job(tiny, task, cells.script_cells(right), "t.py") for task in tiny.tasks]
    grades = runner.grade([*jobs, *clean], seconds=20)
    assert grades[2].ok
    assert grades[3].ok


@linux
def test_signals_reach_nobody_else(tiny, right):
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        body = f"import os\n    os.kill({other.pid}, {int(signal.SIGTERM)})\n    return 2 * x"
        (grade,) = runner.grade([job(tiny, right, body)], seconds=20)
        assert "PermissionError" in grade.hint.text
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()
    assert guard.descendants(os.getpid()) is not None


# marks ---------------------------------------------------------------------------------------------


def test_a_right_task_keeps_its_points_beside_a_wrong_one(right, source, tmp_path, capsys):
    (tmp_path / f"{NAME}.py").write_text(right.replace("SCALE * x", "3 * x"), encoding="utf-8")
    result = tmp_path / "r.json"
    words = ["assignment", "check", str(tmp_path), "--hidden", "--json", str(result)]
    assert main([*words, "--source", str(source)]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "3 of 5 points" in said
    assert "As the file stands it passes tests for 0: 3 more are given" in said
    found = json.loads(result.read_text(encoding="utf-8"))
    assert (found["points"], found["points_as_it_stands"]) == (3, 0)


def test_an_endless_task_takes_no_points_of_another(right, tiny):
    text = right.replace("return SCALE * x", "while True: pass")
    jobs = [runner.Job(tiny, task, cells.script_cells(text), "t.py", True) for task in tiny.tasks]
    grades = runner.grade(jobs, seconds=2)
    assert [grade.points for grade in grades] == [0, 3]
    assert grades[1].points_as_it_stands == 0


def test_an_answer_that_changes_its_input_fails(right, tiny):
    text = right.replace("return SCALE * x", "y = SCALE * x; x[:] = 0; return y")
    jobs = [runner.Job(tiny, task, cells.script_cells(text), "t.py", True) for task in tiny.tasks]
    grades = runner.grade(jobs)
    assert grades[0].points == 0
    assert grades[0].hint.name == "changed input"


def test_both_files_changed_is_said_and_damage_blocks_nothing(right, source, tmp_path, capsys):
    script, book = tmp_path / f"{NAME}.py", tmp_path / f"{NAME}.ipynb"
    script.write_text(right, encoding="utf-8")
    book.write_text(cells.to_notebook(cells.script_cells(right + "\nx = 1\n")), encoding="utf-8")
    words = ["assignment", "check", str(tmp_path), "--source", str(source)]
    assert main(words) == 0
    assert "Script and notebook are both changed." in capsys.readouterr().out
    book.write_text("{", encoding="utf-8")
    assert main(words) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"Checking {script}" in said.replace("\n", " ")
    assert "is not a notebook that can be read" in said


def test_two_assignments_in_a_folder_are_both_checked(right, tmp_path, capsys):
    source = tiny_assignment.write(tmp_path / "source")
    other = source / "a02_other"
    other.mkdir()
    for path in (source / NAME).iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / f"{NAME}.py").write_text(right, encoding="utf-8")
    (mine / "a02_other.py").write_text(find("a02", source).stub, encoding="utf-8")
    result = tmp_path / "r.json"
    words = ["assignment", "check", str(mine), "--source", str(source), "--json", str(result)]
    assert main(words) == 1
    said = capsys.readouterr().out
    assert "(a01_tiny)" in said
    assert "(a02_other)" in said
    assert [one["passed"] for one in json.loads(result.read_text(encoding="utf-8"))] == [
        True,
        False,
    ]


# teachers ------------------------------------------------------------------------------------------


def test_build_keeps_what_was_edited(source, tmp_path, capsys):
    words = ["assignment", "build", "--teacher", "--out", str(tmp_path), "--source", str(source)]
    assert main(words) == 0
    assert main(words) == 0  # nothing was edited
    notes = tmp_path / "teacher" / NAME / "TEACHER.md"
    notes.write_text("my notes", encoding="utf-8")
    assert main(words) == 2
    assert "already there and holds something else" in capsys.readouterr().err
    assert notes.read_text(encoding="utf-8") == "my notes"
    assert main([*words, "--force"]) == 0
    assert notes.with_name("TEACHER.backup-1.md").read_text(encoding="utf-8") == "my notes"


def test_a_seed_makes_other_hidden_tests_that_the_solution_passes(source, tmp_path):
    words = ["assignment", "build", "--teacher", "--source", str(source), "--seed"]
    for seed in ("1", "2"):
        assert main([*words, seed, "--out", str(tmp_path / seed)]) == 0
    texts = {(tmp_path / s / "teacher" / NAME / "test_hidden.py").read_text() for s in "12"}
    assert len(texts | {find("a01", source).text("test_hidden.py")}) == 3
    # The teacher's folder is one that the commands take.
    (made,) = [find("a01", tmp_path / "1" / "teacher")]
    grades = runner.grade([runner.Job(made, t, made.solution, "s.py", True) for t in made.tasks])
    assert all(grade.ok for grade in grades)


def test_every_task_draws_some_hidden_input():
    from tokenlab.assignments.catalog import load_all

    for assignment in load_all():
        text = assignment.text("test_hidden.py")
        assert seeds.with_seed(text, 5) != text
