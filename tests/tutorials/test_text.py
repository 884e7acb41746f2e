"""What every tutorial has to have, read from its text."""

import ast
import importlib
import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from percent import LESSONS, SCRIPTS, cells, named

from tokenlab.papers import PAPERS

MODULES = sorted({paper.module for paper in PAPERS if paper.status == "works"})


def test_there_are_tutorials():
    assert len(LESSONS) >= 5


@pytest.mark.parametrize("script", **named(SCRIPTS))
def test_it_begins_with_a_title(script):
    first = cells(script)[0]
    assert first.is_markdown
    assert re.match(r"# \S.*\n\n\S", first.prose), "title, blank line, what it is about"


@pytest.mark.parametrize("script", **named(LESSONS))
def test_it_says_what_for_and_ends_in_exercises(script):
    first, *others = cells(script)
    assert "**You will be able to**" in first.prose
    assert re.search(r"^\**Needs", first.prose, re.MULTILINE)
    assert re.search(r"\d+ minutes", first.prose)
    prose = "\n\n".join(cell.prose for cell in others if cell.is_markdown)
    heading = re.search(r"^#+ .*exercises?.*$", prose, re.MULTILINE | re.IGNORECASE)
    assert heading, "a heading that says exercises"
    for level in ("easy", "medium", "open"):
        assert re.search(rf"\b{level}\b", prose[heading.end() :], re.IGNORECASE), level


@pytest.mark.parametrize("script", **named(SCRIPTS))
def test_every_picture_is_described(script):
    for cell in cells(script):
        shown = 0 if cell.is_markdown else cell.text.count("plt.show()")
        assert len(cell.alt) >= min(1, shown), f"no alt text at: # %%{cell.marker}"
        for text in cell.alt:
            assert len(text) >= 30, f"this says too little: {text!r}"


@pytest.mark.parametrize("script", **named(SCRIPTS))
def test_its_code_is_python_and_asks_no_host(script):
    tree = ast.parse(script.read_text(encoding="utf-8"))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else _names(node))
    }
    assert not imported & {"urllib", "requests", "socket", "http", "torch", "IPython"}


def _names(node: ast.Import) -> list[str]:
    return [alias.name for alias in node.names]


@pytest.mark.parametrize("module", MODULES)
def test_every_paper_is_in_a_tutorial(module):
    text = "\n".join(script.read_text(encoding="utf-8") for script in SCRIPTS)
    family, name = module.split(".")[-2:]
    ways = [rf"\b{family}\.{name}\b", rf"from tokenlab\.{family} import [^)]*?\b{name}\b"]
    exports = [e for e in importlib.import_module(module).__all__ if e != "reduce"]
    ways += [rf"\b{export}\b" for export in exports]
    assert any(re.search(way, text) for way in ways), f"no tutorial names {module}"


@pytest.mark.parametrize("script", **named(SCRIPTS))
def test_it_opens_as_a_notebook(script):
    jupytext = pytest.importorskip("jupytext")
    nbformat = pytest.importorskip("nbformat")
    notebook = jupytext.read(script, fmt="py:percent")
    nbformat.validate(notebook)
    mine = [(cell.is_markdown, len(cell.alt)) for cell in cells(script)]
    theirs = [
        (
            cell.cell_type == "markdown",
            len(list(filter(None, cell.metadata.get("alt", "").split(" | ")))),
        )
        for cell in notebook.cells
    ]
    assert theirs == mine
    back = jupytext.writes(notebook, fmt="py:percent")
    again = jupytext.reads(back, fmt="py:percent")
    assert [cell.source for cell in again.cells] == [cell.source for cell in notebook.cells]
