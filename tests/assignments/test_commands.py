"""`tokenlab assignment`: start, check, build, as a student and as a teacher type it."""

import json
import os
import re
import sys
from types import ModuleType

import pytest
import tiny_assignment

from tokenlab.assignments import cells, nbgrader
from tokenlab.assignments.catalog import find, load_all
from tokenlab.cli import main


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return tiny_assignment.write(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def run(source, tmp_path, monkeypatch, capsys):
    """Run the command in a fresh folder; return the exit status and what it said."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        code = main(["assignment", *map(str, words), "--source", str(source)])
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


def solved(source):
    return cells.solution(find("a01", source).source)


def test_list_names_all_and_says_how_to_begin(capsys):
    assert main(["assignment", "list"]) == 0
    text = capsys.readouterr().out
    for assignment in load_all():
        assert assignment.name in text
        assert assignment.title[:12] in text  # a long one is cut to the width
    assert "tokenlab assignment start" in text


def test_help_states_what_the_code_may_access(capsys):
    with pytest.raises(SystemExit):
        main(["assignment", "check", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    for words in ("process of its own", "use the network", "nothing of that is blocked"):
        assert words in text


def test_from_start_to_all_points(run, source, tmp_path):
    code, said = run("start", "a01")
    assert code == 0
    folder = tmp_path / "a01_tiny"
    files = {"a01_tiny.py", "a01_tiny.ipynb", "test_public.py", "README.md"}
    assert {path.name for path in folder.iterdir()} == files
    assert "tokenlab assignment check" in said
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert "2 tasks, 5 points and 1 for the open question, about 5 minutes" in readme
    assert "nothing of that is blocked" in readme

    code, said = run("check", folder)
    assert code == 1
    assert said.count("not started") == 2
    assert "0 of 2 points of the public tests" in said

    file = folder / "a01_tiny.py"
    wrong = solved(source).replace("product.sum(axis=1)", "product.mean(axis=1)")
    file.write_text(wrong, encoding="utf-8")
    code, said = run("check", folder)
    assert code == 1
    assert "1 of 2 points" in said
    assert "Hint: The mean is taken" in said

    file.write_text(solved(source), encoding="utf-8")
    code, said = run("check", folder, "--json", "result.json")
    assert code == 0
    assert "All tests pass." in said
    assert "Hidden tests: 3 more" in said
    result = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert (result["points"], result["possible"], result["passed"]) == (2, 2, True)
    code, said = run("check", folder, "--hidden")
    assert code == 0
    assert "5 of 5 points" in said


def test_check_without_a_folder_takes_the_one_we_are_in(run, tmp_path, monkeypatch):
    run("start", "a01_tiny", "--out", "mine")
    monkeypatch.chdir(tmp_path / "mine")
    code, said = run("check")
    assert code == 1
    assert "a01_tiny.py" in said


def test_start_never_overwrites(run, tmp_path):
    run("start", "a01")
    file = tmp_path / "a01_tiny" / "a01_tiny.py"
    file.write_text("my work", encoding="utf-8")
    code, said = run("start", "a01")
    assert code == 2
    assert "already there" in said
    assert file.read_text(encoding="utf-8") == "my work"
    for number in (1, 2):
        code, said = run("start", "a01", "--force")
        assert code == 0
        assert f"backup-{number}" in said
    backup = tmp_path / "a01_tiny" / "a01_tiny.backup-1.py"
    assert backup.read_text(encoding="utf-8") == "my work"
    assert "Task 1.1" in file.read_text(encoding="utf-8")


def test_a_notebook_is_an_answer(run, source, tmp_path):
    run("start", "a01")
    folder = tmp_path / "a01_tiny"
    made = cells.script_cells(solved(source))
    spoilt = [c._replace(text=c.text.replace("product.sum(", "product.summ(")) for c in made]
    magic = cells.Cell("code", "%matplotlib inline\n!pip list\nx = 1\n")
    book = folder / "a01_tiny.ipynb"
    book.write_text(cells.to_notebook([magic, *made]), encoding="utf-8")
    code, said = run("check", folder)  # the script is still the stub
    assert code == 0, said
    assert "a01_tiny.ipynb" in said
    book.write_text(cells.to_notebook([magic, *spoilt]), encoding="utf-8")
    code, said = run("check", book)
    assert code == 1
    assert re.search(r"code cell 4, line \d+, \"return product.summ\(axis=1\)\"", said), said


def test_of_two_answers_the_later_one_is_checked(run, source, tmp_path):
    run("start", "a01")
    folder = tmp_path / "a01_tiny"
    script, book = folder / "a01_tiny.py", folder / "a01_tiny.ipynb"
    script.write_text(solved(source), encoding="utf-8")
    half = cells.script_cells(solved(source).replace("SCALE * x", "x"))
    book.write_text(cells.to_notebook(half), encoding="utf-8")
    os.utime(script, (1_000_000, 1_000_000))
    os.utime(book, (2_000_000, 2_000_000))
    assert run("check", folder)[0] == 1
    os.utime(script, (3_000_000, 3_000_000))
    assert run("check", folder)[0] == 0


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["start", "a77"], "there is no one assignment 'a77'; there are: a01_tiny"),
        (["check", "nowhere"], "is not there"),
        (["check", "."], "holds no assignment"),
    ],
)
def test_what_is_not_there_is_said(run, words, expected):
    code, said = run(*words)
    assert code == 2
    assert expected in said


def test_files_that_cannot_be_read_are_named(run, tmp_path):
    (tmp_path / "a01_tiny.ipynb").write_text("not JSON", encoding="utf-8")
    code, said = run("check", "a01_tiny.ipynb")
    assert code == 2
    assert "not a notebook" in said
    (tmp_path / "other.py").write_text("", encoding="utf-8")
    code, said = run("check", "other.py")
    assert code == 2
    assert "begins with none of the assignments" in said


BROKEN = {
    "a bracket": ("    return SCALE * x", "    return (SCALE * x", "SyntaxError"),
    "another name": ("def double(x)", "def twice(x)", "There is no function `double`"),
    "a typing error": ("SCALE * x", "SCAL * x", "`SCAL` was never given a value"),
    "axes": ("double(x) @ y", "double(x) @ y.T", "4 is m, 3 is d"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_code_is_explained(name, run, source, tmp_path):
    old, new, expected = BROKEN[name]
    text = solved(source)
    assert old in text
    (tmp_path / "a01_tiny.py").write_text(text.replace(old, new), encoding="utf-8")
    code, said = run("check", "a01_tiny.py", "--hints")
    assert code == 1
    assert expected in " ".join(said.split()), said
    place = text.replace(old, new).splitlines().index(next(
        line for line in text.replace(old, new).splitlines() if new.strip() in line
    ))  # fmt: skip
    if name != "another name":
        assert f"line {place + 1}" in said


def test_a_task_that_fails_only_through_another_says_so(run, source, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    text = solved(source).replace("SCALE * x", "3 * x")
    (tmp_path / "a01_tiny.py").write_text(text, encoding="utf-8")
    code, said = run("check", "a01_tiny.py")
    assert code == 1
    assert "Right by itself: it fails because it calls `double`. Mend Task 1.1 first." in said
    assert "Every value is 1.5 times what is expected." in said


def test_a_step_that_parts_is_named_and_a_half_written_task_is_told(run, source, tmp_path):
    text = solved(source).replace("double(x) @ y", "double(x) @ y + 1")
    (tmp_path / "a01_tiny.py").write_text(text, encoding="utf-8")
    said = " ".join(run("check", "a01_tiny.py")[1].split())
    assert "The first step that is not right is 'product': every value is off by" in said
    stop = 'raise NotImplementedError("Task 1.2")'
    half = solved(source).replace("return product.sum(axis=1)", stop)
    (tmp_path / "a01_tiny.py").write_text(half, encoding="utf-8")
    said = " ".join(run("check", "a01_tiny.py")[1].split())
    assert "still to be written" in said
    assert "'product' is right" in said


def test_what_stands_at_the_top_level_does_not_spoil_the_check(run, source, tmp_path):
    more = (
        "\n\n# %%\nwhile True:\n    pass\n\n# %%\nvalue = total(1, 2)\nother = value + 1\n1 / 0\n"
    )
    (tmp_path / "a01_tiny.py").write_text(solved(source) + more, encoding="utf-8")
    assert run("check", "a01_tiny.py")[0] == 0


def test_build_writes_folders_for_students_and_teachers(run, tmp_path):
    code, _ = run("build", "--teacher", "--nbgrader", "--out", "made")
    assert code == 0
    made = tmp_path / "made"
    student = {path.name for path in (made / "student" / "a01_tiny").iterdir()}
    teacher = {path.name for path in (made / "teacher" / "a01_tiny").iterdir()}
    assert student == {"a01_tiny.py", "a01_tiny.ipynb", "test_public.py", "README.md"}
    assert {"TEACHER.md", "test_hidden.py", "a01_tiny_solution.py", "REPORT.md"} <= teacher
    report = (made / "teacher" / "a01_tiny" / "REPORT.md").read_text(encoding="utf-8")
    assert "| 1.2 | solution | 3 of 3 |" in report
    assert "| 1.2 | stub | 0 of 3 |" in report
    assert "| 1.2 | wrong: mean for sum | 0 of 3 | the mean is taken" in report
    book = (made / "source" / "a01_tiny" / "a01_tiny.ipynb").read_text(encoding="utf-8")
    about = [c["metadata"].get("nbgrader") for c in json.loads(book)["cells"]]
    points = [a["points"] for a in about if a and a["grade"]]
    assert points == [1, 1, 1, 2, 1]
    assert run("build", "a01", "--out", "made")[0] == 0  # again, over what is there


def test_the_cells_for_nbgrader_hold_for_the_solution_and_see_a_changed_input(source):
    book = json.loads(nbgrader.notebook(find("a01", source)))
    texts = ["".join(c["source"]) for c in book["cells"] if c["cell_type"] == "code"]
    solved_cells = "\n\n".join(texts).replace(cells.BEGIN, "").replace(cells.END, "")
    for body in ("SCALE * x", "np.multiply(x, 2, out=x)"):
        text = solved_cells.replace("SCALE * x", body)
        module = ModuleType("notebook")
        sys.modules["notebook"] = module
        if body == "SCALE * x":
            exec(text, module.__dict__)
        else:
            with pytest.raises(AssertionError, match="changes its input"):
                exec(text, module.__dict__)
