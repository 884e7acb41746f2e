"""What is installed under which name: the distribution, and what error texts and pages tell to install."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from tokenlab import engine, errors

ROOT = Path(__file__).parent.parent
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
