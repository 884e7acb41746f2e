"""Five files add a paper: in a copy of the tree, the contract tests and the commands find it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

PAPER = r'''
"""Loudest: tokens that stand out.

A. Author. 2026. arXiv:0000.00000

Tokens of large length say most. The `k` longest stay. Nothing else is looked at.

| paper's symbol | name here | shape |
|---|---|---|
| $x$ | `x` | `(n, d)` |

$$s_i = \\lVert x_i \\rVert \\qquad (1)$$

Example
-------
    reduction = loudest.reduce(tokens, k=3)
"""

from typing import Any

from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.pruning.reduction import Reduction, selection
from tokenlab.pruning.selectors import topk
from tokenlab.steps import step

__all__ = ["loudness", "reduce"]


@takes(x="n d")
def loudness(x: Any) -> Any:
    """The length of each token, (1).

    Parameters
    ----------
    x : ndarray of shape (n, d)

    Returns
    -------
    ndarray of shape (n,)

    Examples
    --------
    >>> loudness([[3.0, 4.0]]).tolist()
    [5.0]
    """
    return step(get_xp(x).sqrt((x * x).sum(axis=1)))  # (n,) [s, Eq. (1)] the length of each token


def reduce(x: Any, *, k: int) -> Reduction:
    """Keep the `k` longest tokens.

    Parameters
    ----------
    x : ndarray of shape (n, d)
    k : int

    Returns
    -------
    Reduction

    Examples
    --------
    >>> reduce([[1.0], [3.0], [2.0]], k=2).kept.tolist()
    [1, 2]
    """
    scores = loudness(x)
    return selection(topk(scores, k), len(scores))


NOTES = r"""
Differs from the paper
----------------------
- There is no paper.

Cost
----
$nd$.
"""
'''
CASES = """

@case("tokenlab.pruning.loudest.loudness")
def _(asarray):
    return (asarray(random(9, 4)),), {}


@case("tokenlab.pruning.loudest.reduce")
def _(asarray):
    return (asarray(random(9, 4)),), {"k": 3}
"""
TEST = '''"""Loudest, by hand."""

from tokenlab.pruning import loudest


def test_the_longest_stays():
    assert loudest.reduce([[1.0], [3.0]], k=1).kept.tolist() == [1]
'''
ENTRY = """
[[paper]]
key = "loudest"
name = "Loudest"
title = "Loudest: tokens that stand out"
authors = "A. Author"
year = 2026
venue = "Nowhere 2026"
identifier = "arXiv:0000.00000"
module = "tokenlab.pruning.loudest"
claim = "Long tokens are enough."
does = "`loudest.reduce` keeps the longest."
steps = "loudest"
"""
STEPS = '''

@step_through("loudest", "the longest tokens stay", k=5)
def loudest_steps(photo: int, k: int) -> Steps:
    """The recording of the five files' paper."""
    from tokenlab.pruning import loudest

    return _recorded(photo, lambda: loudest.reduce(hidden(photo), k=k))
'''
FILES = {  # what is appended to each; CONTRIBUTING.md names the same five
    "tokenlab/pruning/loudest.py": PAPER.lstrip(),
    "tokenlab/papers.toml": ENTRY,
    "tokenlab/tour/pruning.py": STEPS,
    "tests/pruning/test_loudest.py": TEST,
    "tests/pruning/cases.py": CASES,
}


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    """A copy of the package and of its tests, with the five files; data are not copied."""
    tree = tmp_path_factory.mktemp("tree")
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("tests", "tools"):
        shutil.copytree(ROOT / name, tree / name, ignore=ignore)
    ignore = shutil.ignore_patterns("__pycache__", "data")
    shutil.copytree(ROOT / "tokenlab", tree / "tokenlab", ignore=ignore)
    (tree / "tokenlab" / "data").symlink_to(ROOT / "tokenlab" / "data", target_is_directory=True)
    for name in ("pyproject.toml", "README.md", "CONTRIBUTING.md"):
        shutil.copy(ROOT / name, tree / name)
    for name, text in FILES.items():
        with (tree / name).open("a", encoding="utf-8") as file:
            file.write(text)
    return tree


def run(tree, *arguments):
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree), "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_contract_holds_for_it(scratch):
    tests = ["tests/test_contract.py", "tests/pruning/test_loudest.py"]
    tests.append("tokenlab/pruning/loudest.py")  # its examples
    out = run(scratch, "-m", "pytest", "-vv", "-p", "no:cacheprovider", *tests, "-k", "loudest")
    for name in ("test_cupy_double", "test_paper_modules_have_their_sections", "test_the_longest"):
        assert name in out


def test_the_commands_know_it(scratch):
    assert "  loudest " in run(scratch, "-m", "tokenlab", "papers")
    assert "There is no paper." in run(scratch, "-m", "tokenlab", "papers", "loudest")
    assert "  loudest " in run(scratch, "-m", "tokenlab", "steps")
    assert "--k K" in run(scratch, "-m", "tokenlab", "steps", "loudest", "--help")
    out = run(scratch, "-m", "tokenlab", "steps", "loudest", "--k", "7", "--no-browser")
    assert "7 of 256 true" in out


def test_the_pages_know_it(scratch):
    out = run(scratch, "tools/readme.py")
    assert out == ""
    assert "`pruning.loudest` | `loudest` | works" in (scratch / "README.md").read_text("utf-8")
    code = "from docs import api_pages; print(api_pages.family('pruning'))"
    out = run(scratch, "-c", f"import sys; sys.path.insert(0, 'tools'); {code}")
    assert "::: tokenlab.pruning.loudest\n\n**Differs from the paper**" in out


def test_contributing_names_the_five():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for name in FILES:
        general = name.replace("loudest", "<paper>").replace("pruning", "<family>")
        assert f"`{general}`" in text, general
