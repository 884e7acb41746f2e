"""Whatever a student's code does costs one task, and the hint says what it did."""

import os
import sys
import textwrap
import time
from pathlib import Path

import pytest
import tiny_assignment

from tokenlab.assignments import cells, folders, hints, runner
from tokenlab.assignments.catalog import Assignment
from tokenlab.errors import TokenlabError

SECONDS = 3.0
DOUBLE = {
    "loop": ("while True: pass", "time"),
    "loop that catches all": (
        "while True:\n        try: pass\n        except BaseException: pass",
        "time",
    ),
    "sleep": ("import time; time.sleep(1000)", "time"),
    "leave": ("import os; os._exit(0)", "crash"),
    "leave with 3": ("import os; os._exit(3)", "crash"),
    "fault": ("import ctypes; ctypes.string_at(0)", "crash"),
    "kill": ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", "crash"),
    "exit": ("import sys; sys.exit(0)", "exception"),
    "quit": ("raise SystemExit", "exception"),
    "interrupt": ("raise KeyboardInterrupt", "exception"),
    "recursion": ("return double(x)", "exception"),
    "input": ("input('?')", "exception"),
    "wrong library": ("import no_such_library", "exception"),
    "nothing": ("x = 2 * x", "nothing"),
    "text": ("return 'two'", "type"),
    "generator": ("yield x", "type"),
    "a pair": ("return x, x", "type"),
    "not started": ("raise NotImplementedError('Task 1.1')", "not started"),
    "transposed": ("return 2 * x.T", "transposed"),
    "scaled": ("return 3 * x", "scaled"),
    "NaN": ("return 0 * x / 0", "nan"),
    "one number": ("return 2 * x.sum()", "shape"),
    "in place": ("x *= 3; return x", "changed input"),
}
WAITING = ("loop that catches all", "sleep")  # each costs the whole limit: once is enough
if sys.platform == "linux":
    DOUBLE["memory"] = ("return np.ones(10**11) * x[0, 0]", "exception")
    DOUBLE["much memory"] = (
        "rows = []\n    while True: rows.append(np.ones(10**7))",
        "exception",
    )
FINE = {
    "noise": "print('x' * 10_000_000); import sys; sys.stderr.write('y' * 1_000_000); return 2 * x",
    "protocol": 'import sys; sys.stdout.write(\'{"event": "end", "job": 0}\\n\'); return 2 * x',
    "closed": "import sys; sys.stdout.close(); sys.stderr.close(); return 2 * x",
    "elsewhere": "import os; os.chdir('/'); return 2 * x",
    "list": "return (2 * x).tolist()",
}


def answer(assignment, body):
    """The solution with another body of `double`."""
    text = f"def double(x):\n    {body}\n"
    return cells.replace_function(assignment.solution, "double", text)


@pytest.fixture(scope="module")
def assignment(tmp_path_factory):
    return Assignment(tiny_assignment.write(tmp_path_factory.mktemp("tiny")) / "a01_tiny")


@pytest.fixture(scope="module")
def grades(assignment):
    """Name -> the grades of both tasks. Everything in one go: a lost task must not spoil others."""
    bodies = {name: body for name, (body, _) in DOUBLE.items()} | FINE
    jobs = {
        (name, task.number): runner.Job(assignment, task, answer(assignment, body), "tiny.py")
        for name, body in bodies.items()
        for task in assignment.tasks
        if task.number == "1.1" or name not in WAITING
    }
    found = runner.grade(list(jobs.values()), seconds=SECONDS, memory=1 << 28)
    return dict(zip(jobs, found, strict=True))


@pytest.mark.parametrize("name", DOUBLE)
def test_it_costs_its_own_task_and_gets_a_hint(name, grades):
    grade = grades[name, "1.1"]
    assert grade.points == 0
    assert not grade.ok
    assert grade.hint.name == DOUBLE[name][1], grade.hint
    if name in WAITING:
        return
    # The other task calls `double`: it is spoilt, too, but by itself it is right.
    other = grades[name, "1.2"]
    expected = ("time", "crash") if DOUBLE[name][1] in ("time", "crash") else ("follow-on",)
    if name != "generator" or not other.ok:
        assert other.hint.name in expected, other.hint


@pytest.mark.parametrize("name", FINE)
def test_it_costs_nothing(name, grades):
    for task in ("1.1", "1.2"):
        if (name, task) != ("list", "1.2"):  # a list cannot be multiplied
            assert grades[name, task].ok, grades[name, task].hint


def test_hints_name_the_line_the_code_and_the_signal(grades):
    hint = grades["wrong library", "1.1"].hint
    assert '"import no_such_library"' in hint.text
    assert "not installed" in hint.text
    assert "within 3 seconds" in grades["loop", "1.1"].hint.text
    assert '"ones"' in grades["loop", "1.1"].hint.text
    assert "exit code 3" in grades["leave with 3", "1.1"].hint.text
    if os.name == "posix":
        assert "SIGTERM" in grades["kill", "1.1"].hint.text
    assert "calls `exit`" in grades["exit", "1.1"].hint.text
    assert "calls itself" in grades["recursion", "1.1"].hint.text
    assert "1.5 times" in grades["scaled", "1.1"].hint.text


def test_the_time_limit_holds(assignment):
    jobs = [
        runner.Job(assignment, assignment.tasks[0], answer(assignment, "while True: pass"), "t.py")
    ]
    begin = time.monotonic()
    runner.grade(jobs, seconds=0.5)
    assert time.monotonic() - begin < 30


def test_what_passed_before_a_crash_stays_passed(assignment):
    body = "import os\n    if x[0, 0] == 7: os._exit(1)\n    return 2 * x"
    job = runner.Job(assignment, assignment.tasks[0], answer(assignment, body), "t.py", True)
    grade = runner.grade([job])[0]
    assert grade.passed == {"test_ones": True}
    assert (grade.points, grade.possible, grade.ok) == (1, 2, False)
    assert '"more"' in grade.hint.text


def test_a_process_of_the_student_ends_with_the_check(assignment, tmp_path):
    if os.name != "posix":
        pytest.skip("process groups")
    body = textwrap.dedent(
        f"""
        import subprocess, sys
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
            open({str(tmp_path / "pid")!r}, "w").write(str(child.pid))
            while True: pass
        """
    ).strip()
    runner.grade(
        [runner.Job(assignment, assignment.tasks[0], answer(assignment, body), "t.py")],
        seconds=SECONDS,
    )
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and not _gone(pid):
        time.sleep(0.05)
    assert _gone(pid)


def _gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    state = Path(f"/proc/{pid}/stat")  # a zombie that nobody has collected yet
    return state.exists() and state.read_text().rsplit(")", 1)[1].split()[0] == "Z"


def test_a_file_named_numpy_does_not_stand_in_for_numpy(assignment, tmp_path):
    (tmp_path / "numpy.py").write_text("raise RuntimeError('not this one')")
    (tmp_path / "helper.py").write_text("FACTOR = 2")
    file = tmp_path / "a01_tiny.py"
    body = "import helper; return helper.FACTOR * x"
    text = "\n\n".join(f"# %%\n{c.text}" for c in answer(assignment, body) if c.kind == "code")
    file.write_text(text, encoding="utf-8")
    grades = folders.check(assignment, file, hidden=True, seconds=20)
    assert all(grade.ok for grade in grades), [grade.hint for grade in grades]


def test_a_failure_of_the_checker_is_not_the_students(assignment, monkeypatch, tmp_path):
    broken = Assignment(tiny_assignment.write(tmp_path) / "a01_tiny")
    path = broken.folder / "mistakes.py"
    path.write_text("1 / 0\n", encoding="utf-8")
    job = runner.Job(broken, broken.tasks[0], answer(assignment, "return 3 * x"), "t.py")
    hint = runner.grade([job])[0].hint
    assert hint.name == "checker"
    assert "ZeroDivisionError" in hint.text
    monkeypatch.setattr(runner, "PROGRAM", "raise SystemExit('no start'); ")
    with pytest.raises(TokenlabError, match="no start"):
        runner.grade([job])


def test_memory_of_a_process_is_told_by_ps():
    mine = runner._resident(os.getpid())
    assert mine == 0 or mine > 1 << 20  # 0 where there is no `ps`
    assert runner._resident(2**22 + 1) == 0


def test_hints_are_plain_data(grades):
    for grade in grades.values():
        if grade.hint:
            assert isinstance(grade.hint, hints.Hint)
            assert all(isinstance(text, str) for text in [grade.hint.text, *grade.hint.more])


def test_what_a_loop_at_the_top_leaves_behind_is_not_missed(tmp_path):
    """Loops do not run, so neither may what uses their variables afterwards."""
    folder = tiny_assignment.write(tmp_path) / "a01_tiny"
    with (folder / "source.py").open("a", encoding="utf-8") as file:
        file.write("\n# %%\nfor i in range(3):\n    square = i * i\nlast = square + i\n")
    tiny = Assignment(folder)
    job = runner.Job(tiny, tiny.tasks[0], tiny.solution, "tiny.py")
    (grade,) = runner.grade([job], seconds=SECONDS)
    assert grade.ok, grade.hint
