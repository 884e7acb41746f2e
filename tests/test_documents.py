"""The code in README.md and docs/ runs as it stands."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NEEDS_MORE = ("import cupy", "encoded]", "    ...")  # a GPU, or the reader's own data


def blocks():
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
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
