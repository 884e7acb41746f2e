"""What each extra costs on disk, counted from the packages that are installed at the build."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

import tokenlab

PYPROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"
OURS = "tokenlab-papers"
# What the extra `docs` brings along; others may not be installed at the build.
EXTRAS = {
    "": "the library: every function, in its readable form",
    "fast": "Numba twins of the hot loops, SciPy",
    "plot": "pictures: `steps.show()`, the tour's figures",
    "tutorials": "tutorials as notebooks (Jupyter itself comes on top)",
}


def write(path: Path) -> Path:
    """Write the table, to be included in a page."""
    lines = [
        "| `pip install`, in a clone | what it brings | packages | MB |",
        "|---|---|---:|---:|",
    ]
    for extra, what in EXTRAS.items():
        names = closure(OURS, extra)
        name = f".[{extra}]" if extra else "."
        total = sum(size(n) for n in names)
        lines.append(f'| `"{name}"` | {what} | {len(names)} | {total / 1e6:.0f} |')
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def closure(package: str, extra: str = "") -> set[str]:
    """The names of a package, with an extra, and of all that it requires here."""
    seen: set[tuple[str, str]] = set()
    todo = [(normal(package), ""), (normal(package), extra)]
    while todo:
        name, of = todo.pop()
        if (name, of) in seen:
            continue
        seen.add((name, of))
        for text in required(name):
            need = Requirement(text)
            if need.marker is None or need.marker.evaluate({"extra": of}):
                todo += [(normal(need.name), e) for e in ("", *need.extras)]
    return {name for name, _ in seen}


def required(name: str) -> list[str]:
    """What a package requires; ours as it is written now, not as it was when it was installed."""
    if name not in (OURS, "tokenlab"):
        return metadata.requires(name) or []
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    marked = [f"{need}; extra == '{extra}'" for extra, needs in extras.items() for need in needs]
    return [*project["dependencies"], *marked]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def size(name: str) -> int:
    """Bytes of the files that a package installed, without what Python compiled since."""
    if name in (OURS, "tokenlab"):  # its files may be linked and not copied
        root = Path(tokenlab.__file__).parent
        files = [p for p in root.rglob("*") if p.is_file()]
    else:
        files = [Path(f.locate()) for f in metadata.files(name) or ()]
    files = [f for f in files if "__pycache__" not in f.parts and f.is_file()]
    return sum(f.stat().st_size for f in files)
