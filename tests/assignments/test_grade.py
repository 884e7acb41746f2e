"""`tokenlab assignment grade`: a class in the folders of five course systems, and bad neighbours."""

import csv
import json
import os
import sys
import zipfile

import pytest
import tiny_assignment

from tokenlab.assignments import cells, guard, likeness, submissions
from tokenlab.assignments.catalog import find
from tokenlab.cli import main

NAME = "a01_tiny"
linux = pytest.mark.skipif(sys.platform != "linux", reason="what is kept from programs on Linux")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return tiny_assignment.write(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def texts(source):
    """Answer by kind: the file's text, and its points of 5."""
    right = cells.solution(find("a01", source).source)
    return {
        "right": (right, 5),
        "half": (right.replace("product.sum(axis=1)", "product.mean(axis=1)"), 2),
        "stub": (find("a01", source).stub, 0),
        "broken": (right.replace("    return SCALE * x", "    return (SCALE * x"), 3),
        "first wrong": (right.replace("SCALE * x", "3 * x"), 3),
        "hangs": (right.replace("return SCALE * x", "while True: pass"), 3),
    }


KINDS = ("right", "half", "stub", "broken", "first wrong", "right")


def book(text):
    return cells.to_notebook(cells.script_cells(text))


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def moodle(root, i, text):
    write(root / f"Jane D. Doe {i}_{900 + i}_assignsubmission_file_" / f"{NAME}.py", text)
    return f"Jane D. Doe {i}"


def canvas(root, i, text):
    late = "LATE_" if i % 2 else ""
    write(root / f"doejane{i}_{late}{10 + i}_{5000 + i}_{NAME}-{i}.ipynb", book(text))
    return f"doejane{i}"


def nbgrader(root, i, text):
    write(root / "submitted" / f"jdoe{i}" / NAME / f"{NAME}.ipynb", book(text))
    write(root / "submitted" / f"jdoe{i}" / NAME / "timestamp.txt", "2026-11-02")
    return f"jdoe{i}"


def classroom(root, i, text):
    repository = root / f"lab-1-git{i}"
    write(repository / ".git" / "hooks" / "sample.py", "raise SystemExit")
    write(repository / "test_public.py", "def total(x, y): pass")
    write(repository / "src" / f"{NAME}.py", text)
    return f"git{i}"


def by_hand(root, i, text):
    if i % 2:
        write(root / f"Ünal Őz {i}" / "my answer.py", text)  # told by the functions in it
    else:
        root.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(root / f"Ünal Őz {i}.zip", "w") as archive:
            archive.writestr(f"deep/{NAME} (1).ipynb", book(text))
            archive.writestr("__MACOSX/deep/x.py", "nothing")
    return f"Ünal Őz {i}"


SHAPES = (moodle, canvas, nbgrader, classroom, by_hand)


def run(folder, source, table, *words):
    return main(
        ["assignment", "grade", str(folder), "--csv", str(table), "--source", str(source), *words]
    )


def table_of(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_six_of_each_shape(shape, source, texts, tmp_path, capsys):
    expected = {shape(tmp_path / "in", i, texts[kind][0]): texts[kind][1] for i, kind in
                enumerate(KINDS)}  # fmt: skip
    assert run(tmp_path / "in", source, tmp_path / "marks.csv") == 0
    rows = table_of(tmp_path / "marks.csv")
    assert {name: int(row["points"]) for name, row in rows.items()} == expected
    assert {row["of"] for row in rows.values()} == {"5"}
    assert {row["assignment"] for row in rows.values()} == {NAME}
    wrong_first = next(row for row in rows.values() if row["points as it stands"] == "0"
                       and row["points"] == "3")  # fmt: skip
    assert wrong_first["task 1.1"] == "0"
    assert wrong_first["task 1.2"] == "3"
    assert "6 rows" in capsys.readouterr().out


def test_thirty_in_one_folder_side_by_side(source, texts, tmp_path, capsys):
    expected = {}
    for shape in (moodle, canvas, classroom, by_hand):  # nbgrader's lie in a folder of their own
        for i, kind in enumerate(KINDS[:5]):
            expected[shape(tmp_path / "in", i, texts[kind][0])] = texts[kind][1]
    for i in range(10):
        folder = tmp_path / "in" / f"plain {i}"
        write(folder / f"{NAME}.py", texts[KINDS[i % 5]][0])
        expected[folder.name] = texts[KINDS[i % 5]][1]
    assert len(expected) == 30
    assert run(tmp_path / "in", source, tmp_path / "m.csv", "--assignment", "a01") == 0
    rows = table_of(tmp_path / "m.csv")
    # Among other names no common beginning is cut off.
    found = {name.removeprefix("lab-1-"): int(row["points"]) for name, row in rows.items()}
    assert found == expected
    assert "30 rows" in capsys.readouterr().out


def test_both_files_the_better_counts_and_damage_costs_nothing(source, texts, tmp_path):
    root = tmp_path / "in"
    write(root / "both" / f"{NAME}.py", texts["half"][0])
    write(root / "both" / f"{NAME}.ipynb", book(texts["right"][0]))
    write(root / "damaged" / f"{NAME}.ipynb", '{"cells": [')
    write(root / "damaged" / f"{NAME}.py", texts["right"][0])
    write(root / "one changed" / f"{NAME}.ipynb", book(texts["stub"][0]))
    write(root / "one changed" / f"{NAME}.py", texts["half"][0])
    write(root / "latin" / f"{NAME}.py", "")
    latin = "# -*- coding: latin-1 -*-\n# é\n" + texts["right"][0]
    (root / "latin" / f"{NAME}.py").write_bytes(latin.encode("latin-1", "replace"))
    assert run(root, source, tmp_path / "m.csv") == 0
    rows = table_of(tmp_path / "m.csv")
    assert {name: row["points"] for name, row in rows.items()} == {
        "both": "5", "damaged": "5", "one changed": "2", "latin": "5",
    }  # fmt: skip
    assert "several files" in rows["both"]["notes"]
    assert "not a notebook" in rows["damaged"]["notes"]
    assert rows["one changed"]["file"].endswith(".py")


def test_what_cannot_be_graded_has_a_row_and_a_reason(source, texts, tmp_path, capsys):
    root = tmp_path / "in"
    (root / "nothing").mkdir(parents=True)
    write(root / "bytes" / f"{NAME}.py", "")
    (root / "bytes" / f"{NAME}.py").write_bytes(b"\xff\xfe\x00x")
    write(root / "right" / f"{NAME}.py", texts["right"][0])
    write(root / "=cmd()\x1b[31m" / f"{NAME}.py", texts["right"][0] + "# \ud800".encode(
        "utf-8", "replace").decode())  # fmt: skip
    os.symlink("/etc/passwd", root / "right" / "link.py")
    os.mkfifo(root / "right" / "pipe.py")
    assert run(root, source, tmp_path / "m.csv") == 1
    said = capsys.readouterr().out
    assert "\x1b" not in said
    rows = table_of(tmp_path / "m.csv")
    assert rows["nothing"]["notes"] == "no script and no notebook"
    assert rows["nothing"]["points"] == ""
    assert "cannot be read as text" in rows["bytes"]["notes"]
    assert rows["right"]["points"] == "5"
    (formula,) = [name for name in rows if "cmd" in name]
    assert formula.startswith("'=")
    assert "\x1b" not in formula


def test_points_for_the_open_question_stay(source, texts, tmp_path):
    answer = texts["right"][0].replace("# *Your answer:*", "# *Your answer:*\n#\n# =Because it is.")
    write(tmp_path / "in" / "Jane" / f"{NAME}.py", answer)
    table = tmp_path / "m.csv"
    assert run(tmp_path / "in", source, table) == 0
    row = table_of(table)["Jane"]
    assert row["open answer"] == "'=Because it is."
    assert (row["open question"], row["open question of"]) == ("", "1")
    row["open question"] = "0.5"
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        writer.writeheader()
        writer.writerow(row)
    assert run(tmp_path / "in", source, table) == 0
    assert table_of(table)["Jane"]["open question"] == "0.5"
    table.write_text("mine", encoding="utf-8")
    assert run(tmp_path / "in", source, table) == 2
    assert table.read_text(encoding="utf-8") == "mine"


def test_likeness_sees_through_other_names():
    long = "def f(a, b):\n    c = a @ b.T\n    return np.where(c > 3, c, 0).sum(axis=1)\n"
    other = "def f(u, v):\n    w = u @ v.T\n    return np.where(w > 3, w, 0).sum(axis=1)\n"
    far = "def f(a, b):\n    return sum(max(x, y) for x, y in zip(a, b)) / len(a) - 7 ** 2\n"
    runs = {
        name: likeness.of_code([cells.Cell("code", text)])
        for name, text in {"a": long, "b": other, "c": far}.items()
    }
    found = likeness.nearest(runs)
    assert found["a"] == (1.0, "b")
    assert found["b"] == (1.0, "a")
    assert found["c"][0] < 0.5


@pytest.mark.parametrize(
    ("file", "student"),
    [
        ("doejane_1234_56789_a01_tiny.py", "doejane"),
        ("doejane_LATE_1234_56789_a01_tiny-2.py", "doejane"),
        ("Lab 1_jdoe_attempt_2026-11-02-10-30-00_a01_tiny.py", "jdoe"),
        ("Jane Doe_4711_assignsubmission_file_.zip", "Jane Doe"),
        ("Jane Doe_a01_tiny (1).py", "Jane Doe"),
        ("a01_tiny.py", "a01_tiny"),
        ("Jane Doe.ipynb", "Jane Doe"),
    ],
)
def test_names_of_files(file, student, tmp_path):
    (tmp_path / file).write_bytes(b"")
    (found,) = submissions.find(tmp_path)
    assert found.student == student


BAD = {
    "kills all": "import os; os.kill(-1, 9)",
    "kills the check": "import os; os.kill(os.getppid(), 9)",
    "kills the group": "import os; os.killpg(0, 9)",
    "writes to others": "open({victim!r}, 'w').write('x')",
    "removes others": "import shutil; shutil.rmtree({root!r})",
    "forks": "import os\n    while True: os.fork()",
    "starts programs": "import subprocess; subprocess.Popen(['sleep', '60'])",
    "fills the pipe": "import os\n    for i in range(3, 20):\n        try: os.write(i, b'x' * 10**7)\n"
    "        except OSError: pass",
    "tells of an end": "import os, json\n    for i in range(3, 20):\n"
    '        try: os.write(i, b\'{{"event": "end", "job": 1}}\\n\' * 99)\n'
    "        except OSError: pass\n    while True: pass",
    "closes all": "import os; os.closerange(0, 100)",
    "lifts the limit": "import resource; resource.setrlimit(resource.RLIMIT_AS, (-1, -1)); "
    "return 2 * x",
    "stops the check": "import os, signal; os.kill(os.getppid(), signal.SIGSTOP)",
    "hangs": "while True: pass",
}


@linux
def test_a_bad_neighbour_costs_nobody_else(source, texts, tmp_path, capsys):
    root = tmp_path / "in"
    victim = root / "z good" / f"{NAME}.py"
    write(victim, texts["right"][0])
    write(root / "a good" / f"{NAME}.py", texts["right"][0])
    for name, body in BAD.items():
        text = texts["right"][0]
        body = body.format(victim=str(victim), root=str(root))
        write(root / name / f"{NAME}.py", text.replace("return SCALE * x", body))
    status = run(root, source, tmp_path / "m.csv", "--limit", "2")
    rows = table_of(tmp_path / "m.csv")
    assert status == 0
    assert len(rows) == len(BAD) + 2
    for name in ("a good", "z good"):
        assert (rows[name]["points"], rows[name]["notes"]) == ("5", "")
    for name in BAD:
        assert rows[name]["task 1.1"] == "0", name
        assert rows[name]["task 1.2"] == "3", name  # right by itself
    if not guard.protections():
        assert victim.read_text(encoding="utf-8") == texts["right"][0]


@linux
def test_the_json_of_a_check_survives_odd_letters(source, texts, tmp_path, monkeypatch, capsys):
    text = texts["right"][0].replace(
        "return SCALE * x", "raise ValueError('\\ud800\\x1b[31m\\u202e')"
    )
    write(tmp_path / f"{NAME}.py", text)
    json_file = tmp_path / "out.json"
    words = [
        "assignment",
        "check",
        str(tmp_path / f"{NAME}.py"),
        "--json",
        str(json_file),
        "--hints",
    ]
    assert main([*words, "--source", str(source)]) == 1
    said = capsys.readouterr().out
    assert "\\ud800" in said
    assert "\x1b" not in said
    assert (
        "\\ud800" in json.loads(json_file.read_text(encoding="utf-8"))["tasks"][0]["hint"]["text"]
    )
