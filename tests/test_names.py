"""What is installed under which name: the distribution, and what error texts and pages tell to install."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from tokenlab import engine, errors

ROOT = Path(__file__).parent.parent
CLONE = (ROOT / ".git").exists()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]


def test_the_distribution_has_a_name_of_its_own():
    assert PROJECT["name"] == "tokenlab-papers"
    ours = [need for needs in EXTRAS.values() for need in needs if need.startswith("tokenlab")]
    assert ours
    assert all(need.startswith("tokenlab-papers[") for need in ours)


@pytest.mark.parametrize(("line", "extra"), [(engine.INSTALL, "fast"), (errors.PLOT, "plot")])
def test_error_texts_name_the_packages_of_the_extra(line, extra):
    assert re.findall(r'"(.*?)"', line) == EXTRAS[extra]


@pytest.mark.skipif(not CLONE, reason="what belongs to the project is listed by git")
def test_nobody_is_sent_to_another_project_of_the_name():
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    wrong = re.compile(
        r"""pip["']? install [^\n]*["' ]tokenlab(?!-)(\[| |["'`]|$)|["`]tokenlab\["""
    )
    texts = [name for name in listed if name.endswith((".py", ".md", ".toml", ".html", ".js"))]
    assert len(texts) > 100
    for name in texts:
        path = ROOT / name
        if path.exists() and path.name != "test_names.py":
            assert not wrong.search(path.read_text(encoding="utf-8")), name


def test_the_lowest_versions_of_the_gate_are_those_that_are_declared():
    text = (ROOT / ".ci" / "lowest.txt").read_text(encoding="utf-8")
    lowest = dict(line.split("==") for line in text.splitlines() if "==" in line)
    for need in (
        *PROJECT["dependencies"],
        *(n for e in ("fast", "text", "plot", "test") for n in EXTRAS[e]),
    ):
        if need.startswith("tokenlab"):
            continue
        name, floor = need.split(",")[0].split(">=")
        assert (lowest[name] + ".").startswith(floor + "."), name
