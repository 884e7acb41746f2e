"""The code in README.md and docs/ runs as it stands."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tools"))

# ruff: noqa: E402
import readme

from docs import api_pages, teaching
from tokenlab.papers import PAPERS

NEEDS_MORE = ("import cupy", "encoded]", "    ...")  # a GPU, or the reader's own data
# Made by tools/build_docs.py, which ran what stands there.
GENERATED = ("tutorials", "found", "steps", "gallery", "gallery.md", "benchmarks", "benchmarks.md")
GENERATED += ("citing.md",)


def pages():
    docs = ROOT / "docs"
    found = [p for p in docs.rglob("*.md") if p.relative_to(docs).parts[0] not in GENERATED]
    return [ROOT / "README.md", *sorted(found)]


def blocks():
    for path in pages():
        code = re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)
        runnable = [c for c in code if not any(text in c for text in NEEDS_MORE)]
        if runnable:
            # Blocks of one page build on each other.
            yield pytest.param("\n".join(runnable), id=str(path.relative_to(ROOT)))


@pytest.mark.parametrize("code", list(blocks()))
def test_code_runs(code, tmp_path, monkeypatch, capsys):
    if "from distributed" in code:  # an extra of its own
        pytest.importorskip("distributed")
    monkeypatch.chdir(tmp_path)
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    exec(compile(code, "<document>", "exec"), {"__name__": "__main__"})
    import matplotlib.pyplot as plt

    plt.close("all")


def test_what_is_generated_is_not_kept():
    """.gitignore, the build and this file name the same pages."""
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    build = (ROOT / "tools" / "build_docs.py").read_text(encoding="utf-8")
    for name in GENERATED:
        assert {f"/docs/{name}", f"/docs/{name}/"} & set(ignored), name
        assert f'"{name}"' in build, name


API = ROOT / "docs" / "api"


@pytest.mark.parametrize(
    "name", sorted(p.stem for p in API.glob("*.md") if (ROOT / "tokenlab" / p.stem).is_dir())
)
def test_the_api_page_has_every_module_and_its_notes(name):
    """Each family's page includes what is written from its modules, save those that check input."""
    page = (API / f"{name}.md").read_text(encoding="utf-8")
    assert f'--8<-- "build/docs/api/{name}.md"' in page
    written = api_pages.family(name)
    for path in sorted((ROOT / "tokenlab" / name).glob("[!_]*.py")):
        text = path.read_text(encoding="utf-8")
        if path.stem != "inputs" and "__all__" in text:
            assert f"::: tokenlab.{name}.{path.stem}\n" in written, path.stem
            after = written.partition(f"::: tokenlab.{name}.{path.stem}\n")[2].partition(":::")[0]
            assert ("**Cost**" in after) == ("\nNOTES = " in text and "\nCost\n" in text)


def test_readme_has_the_table_of_the_registry():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme.written(text) == text, "run: python tools/readme.py"
    assert text.count(readme.table()) == 1


def test_the_teaching_page_has_every_paper_of_the_registry():
    page = (ROOT / "docs" / "teaching" / "index.md").read_text(encoding="utf-8")
    assert '--8<-- "build/docs/papers_in_class.md"' in page
    written = teaching.papers_in_class()
    for paper in PAPERS:
        line = next((x for x in written.splitlines() if x.startswith(f"| {paper.name} |")), "")
        assert bool(line) == (paper.status == "works"), paper.key
        for tutorial in paper.tutorials:
            assert f"(../tutorials/{tutorial}.md) (" in line, f"{paper.key}: {tutorial}, minutes"
        assert f"steps/{paper.steps}.html" in line
        assert line.endswith(f"| {paper.finding} |")


def test_readme_shows_what_the_ten_lines_print(capsys):
    """Words as they are; numbers may round differently on another machine."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    code, shown = re.search(r"```python\n(.*?)```.*?```text\n(.*?)```", text, re.DOTALL).groups()
    exec(compile(code, "<README>", "exec"), {"__name__": "__main__"})
    printed = capsys.readouterr().out
    number = r"\d+\.\d+"
    assert re.sub(number, "0", printed).split() == re.sub(number, "0", shown).split()
    pairs = zip(re.findall(number, printed), re.findall(number, shown), strict=True)
    assert all(float(a) == pytest.approx(float(b), abs=2e-3) for a, b in pairs)
