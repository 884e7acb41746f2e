"""The code in README.md and docs/ runs as it stands."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NEEDS_MORE = ("import cupy", "encoded]", "    ...")  # a GPU, or the reader's own data
# Made by tools/build_docs.py, which ran what stands there.
GENERATED = ("tutorials", "found", "steps", "gallery", "gallery.md", "benchmarks.md", "citing.md")


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


@pytest.mark.parametrize("name", sorted(p.stem for p in (ROOT / "docs" / "api").glob("*.md")))
def test_the_api_page_names_every_module(name):
    """Each family's page has all of its modules, save those that check input."""
    folder = ROOT / "tokenlab" / name
    if not folder.is_dir():
        pytest.skip("not the page of a family")
    page = (ROOT / "docs" / "api" / f"{name}.md").read_text(encoding="utf-8")
    for path in sorted(folder.glob("[!_]*.py")):
        if path.stem != "inputs" and "__all__" in path.read_text(encoding="utf-8"):
            assert f"::: tokenlab.{name}.{path.stem}\n" in page + "\n", path.stem
