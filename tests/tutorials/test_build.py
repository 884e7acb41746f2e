"""The parts of tools/build_docs.py: what they write, and what they refuse."""

import base64
import html
import json
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools"))

pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")
pytest.importorskip("jupytext")

# ruff: noqa: E402
from docs.markdown import fenced, for_site
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from docs import benchmarks_page, citing, execute, footprint, render, tutorials
from tokenlab.papers import PAPERS, find
from tokenlab.plots.steps_page import render_fragment
from tokenlab.steps import record, step

PIXEL = base64.b64encode(b"not really a picture").decode()


def executed(tmp_path, *cells):
    """A page as if a script with these cells had been run."""
    script = tmp_path / "01_sample.py"
    script.write_text("# %% [markdown]\n# # Sample\n", encoding="utf-8")
    first = new_markdown_cell("# Sample\n\nAbout.")
    return execute.Executed(script, new_notebook(cells=[first, *cells]), 1.0)


def picture():
    return new_output("display_data", {"image/png": PIXEL}, metadata={"image/png": {"width": 40}})


@pytest.mark.parametrize(
    ("notebook", "site"),
    [
        ("text\n- a\n- b", "text\n\n- a\n- b"),
        ("- a\n  - b\n- c", "- a\n    - b\n- c"),
        ("1. a\n   - b", "1. a\n    - b"),
        ("- a\n  goes on\n- b", "- a\n  goes on\n- b"),
        ("so\n$$\nx\n$$\nthen", "so\n\n$$\nx\n$$\n\nthen"),
        ("so\n$$x$$\nthen", "so\n\n$$x$$\n\nthen"),
        ("```\n- a\n$$\n```\nb", "```\n- a\n$$\n```\nb"),
        ("- a\n\ntext\n- b", "- a\n\ntext\n\n- b"),
    ],
)
def test_markdown_of_notebooks_for_the_site(notebook, site):
    assert for_site(notebook) == site + "\n"


def test_a_fence_is_longer_than_those_inside():
    assert fenced("````\nx", "text") == "`````text\n````\nx\n`````\n"


def test_a_page_with_all_kinds_of_output(tmp_path):
    cell = new_code_cell(
        "print(1)",
        metadata={"alt": "A bar | A [line]"},
        outputs=[
            new_output("stream", name="stdout", text="one\n"),
            new_output("stream", name="stdout", text="10%\r20%\rtwo\n"),
            picture(),
            new_output("execute_result", {"text/plain": "3"}),
            picture(),
        ],
    )
    page = render.write_page(executed(tmp_path, cell), tmp_path / "out").read_text("utf-8")
    assert "```python\nprint(1)\n```" in page
    assert "```text\none\ntwo\n```" in page
    assert "![A bar](01_sample_files/2-2.png){ loading=lazy width=40 }" in page
    assert "![A (line)](01_sample_files/2-4.png)" in page
    assert (tmp_path / "out/01_sample_files/2-2.png").read_bytes() == b"not really a picture"
    notebook = json.loads((tmp_path / "out/01_sample.ipynb").read_text("utf-8"))
    assert [cell["id"] for cell in notebook["cells"]] == ["cell-1"]
    assert (tmp_path / "out/01_sample.py").exists()


@pytest.mark.parametrize(("alt", "n"), [("", 1), ("one", 2), ("one | two", 1), ("one", 0)])
def test_pictures_and_their_descriptions_agree_in_number(tmp_path, alt, n):
    cell = new_code_cell("", metadata={"alt": alt}, outputs=[picture()] * n)
    with pytest.raises(execute.PageError, match=r"01_sample.py: cell 2 draws \d picture"):
        render.write_page(executed(tmp_path, cell), tmp_path / "out")


def test_an_image_in_html_needs_its_description(tmp_path):
    shown = new_output("display_data", {"text/html": '<img src="data:,">'})
    with pytest.raises(execute.PageError, match="cell 2 shows HTML with an image without alt"):
        render.write_page(executed(tmp_path, new_code_cell("", outputs=[shown])), tmp_path)


def test_a_step_through_becomes_a_file_of_its_own(tmp_path):
    with record() as steps:
        step("sum", 3, "<b>one</b> and two")
    fragment = render_fragment(steps)
    shown = new_output("execute_result", {"text/html": fragment, "text/plain": "table"})
    cell = new_code_cell("steps", outputs=[shown])
    page = render.write_page(executed(tmp_path, cell), tmp_path / "out").read_text("utf-8")
    assert "srcdoc" not in page
    assert 'class="steps" src="01_sample_files/2-steps.html"' in page
    assert "<details>" in page, "the table stays in the page"
    file = (tmp_path / "out/01_sample_files/2-steps.html").read_text("utf-8")
    assert file.startswith("<!doctype html>")
    assert html.escape(file, quote=True) in fragment
    block = page[page.index('<div class="output">') :]
    assert "\n\n" not in block.rstrip(), "a blank line would end the HTML block"


def test_an_error_names_file_and_cell(tmp_path):
    script = tmp_path / "01_bad.py"
    script.write_text('# %%\nx = 1\n\n# %%\nx["a"]\n', encoding="utf-8")
    with pytest.raises(
        execute.PageError, match=r"01_bad.py: cell 2 \('x\[\"a\"\]'\) failed\n"
    ) as e:
        execute.execute(script)
    assert "TypeError: 'int' object is not subscriptable" in str(e.value)
    assert "\x1b" not in str(e.value)


def test_an_executed_script_is_reused_until_something_changes(tmp_path):
    script, source = tmp_path / "01_a.py", tmp_path / "source.py"
    script.write_text("# %% [markdown]\n# # A\n#\n# About.\n\n# %%\nprint(7)\n", encoding="utf-8")
    source.write_text("1", encoding="utf-8")
    cache = tmp_path / "cache"

    def run():
        (done,) = execute.execute_all([script], cache=cache, depends=[source])
        render.write_page(done, tmp_path / "out")
        assert "```text\n7\n```" in (tmp_path / "out/01_a.md").read_text("utf-8")
        return [path.name for path in cache.iterdir()]

    first = run()
    assert run() == first
    source.write_text("2", encoding="utf-8")
    second = run()
    assert len(second) == 1
    assert second != first


def test_the_first_cell_says_what_the_table_shows(tmp_path):
    script = tmp_path / "01_a.py"
    script.write_text(
        "# %% [markdown]\n# # A title\n#\n# What it is.\n# More.\n#\n"
        "# **Needs:** NumPy,\n# 5 minutes.\n",
        encoding="utf-8",
    )
    assert tutorials.facts(script) == ("A title", "What it is.\nMore.", "NumPy, 5 minutes.")


def test_bibtex():
    entry = citing.bibtex(find("xtr"))
    assert entry.startswith("@inproceedings{xtr,\n  title = {{Rethinking the Role")
    assert "author = {Jinhyuk Lee and Zhuyun Dai and " in entry
    assert "eprint = {2304.01982}" in entry
    keys = [citing.bibtex(paper).partition(",")[0] for paper in PAPERS]
    assert len(set(keys)) == len(keys)
    for paper in PAPERS:
        text = citing.bibtex(paper)
        assert text.count("{") == text.count("}"), paper.key


def test_every_benchmark_file_makes_a_part_of_the_page(tmp_path):
    page = benchmarks_page.write(tmp_path / "benchmarks.md", ROOT).read_text("utf-8")
    for file in (ROOT / "benchmarks" / "results").glob("*.json"):
        assert f"python benchmarks/{file.stem}.py" in page
        for run in json.loads(file.read_text("utf-8")):
            for section in run["sections"]:
                for claim in section.get("claims", []):
                    reached = claim["ratio"] >= claim["at_least"]
                    verdict = ": reached" if reached else ": **not reached**"
                    text = f"{claim['ratio']:.2f} times as fast as {claim['slower']}"
                    assert any(text in x and verdict in x for x in page.splitlines())


def test_the_footprint_counts_what_is_required():
    assert footprint.closure("tokenlab") == {"tokenlab", "numpy"}
    assert {"numba", "scipy", "matplotlib", "jupytext"} <= footprint.closure(
        "tokenlab", "tutorials"
    )
    assert "mkdocs" in footprint.closure("tokenlab", "docs")
    assert footprint.size("numpy") > 1e6


def test_benchmarks_have_one_table_of_ratios_and_a_page_for_each_family(tmp_path):
    page = benchmarks_page.write(tmp_path / "benchmarks.md", ROOT).read_text("utf-8")
    assert page.count("|---|---|---|---:|---:|") == 1
    files = sorted((ROOT / "benchmarks" / "results").glob("*.json"))
    for file in files:
        assert f"(benchmarks/{file.stem}.md)" in page
        family = (tmp_path / "benchmarks" / f"{file.stem}.md").read_text("utf-8")
        runs = json.loads(file.read_text("utf-8"))
        for timing in (t for r in runs for s in r["sections"] for t in s.get("timings", [])):
            row = next(
                line
                for line in re.findall(r"<tr>.*?</tr>", family)
                if f">{html.escape(timing['name'])}</th>" in line
            )
            others = ("torch", "scikit", "faiss", "maxsim-cpu", "bare", "limit", "naive", "full ")
            if timing["name"].startswith(("tokenlab", "SOFT", "codes and", "Performer")):
                assert 'class="bar ours"' in row
            if timing["name"].startswith(others):
                assert 'class="bar ours"' not in row


def test_imports_and_the_code_of_pictures_are_folded_and_nothing_else(tmp_path):
    folded = {
        "import a\nfrom b import c": "Imports",
        "import a\nplt.rcParams.update({})": "Imports",
        "plt.plot(x)\nplt.show()": "The code of the picture",
        "import a\nx = 1": "",
        "x = 1\nplt.show()\nx": "",
        "%matplotlib inline\nimport a": "",
    }
    for source, title in folded.items():
        shown = [picture()] if "show" in source else []
        cell = new_code_cell(source, metadata={"alt": "A bar" if shown else ""}, outputs=shown)
        page = render.write_page(executed(tmp_path, cell), tmp_path / "out").read_text("utf-8")
        assert ("<details" in page) == bool(title), source
        assert title in page
        if shown:
            assert page.index("![A bar]") > page.find("</details>"), "the picture itself is seen"


def test_answers_are_folded_with_what_they_print(tmp_path):
    code = new_code_cell(
        "print(1)",
        metadata={"answer": "Exercise 1"},
        outputs=[new_output("stream", name="stdout", text="one\n")],
    )
    text = new_markdown_cell("Because.", metadata={"answer": "Why"})
    page = render.write_page(executed(tmp_path, code, text), tmp_path / "out").read_text("utf-8")
    opened, closed = page.index("<summary>Answer: Exercise 1"), page.index("</details>")
    assert opened < page.index("print(1)") < page.index("```text\none") < closed
    assert page.index("<summary>Answer: Why") < page.index("Because.") < page.rindex("</details>")
