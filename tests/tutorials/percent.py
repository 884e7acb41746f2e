"""The cells of a percent script, read without jupytext."""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted((ROOT / "tutorials").glob("*.py"))
LESSONS = [script for script in SCRIPTS if re.match(r"\d\d_", script.name)]
MARKER = re.compile(r"^# %%(.*)$", re.MULTILINE)


class Cell(NamedTuple):
    """What stands behind `# %%`, and what follows until the next marker."""

    marker: str
    text: str

    @property
    def is_markdown(self) -> bool:
        return "[markdown]" in self.marker

    @property
    def prose(self) -> str:
        return re.sub(r"^# ?", "", self.text, flags=re.MULTILINE).strip()

    @property
    def alt(self) -> list[str]:
        found = re.search(r'\balt="((?:[^"\\]|\\.)*)"', self.marker)
        return [part.strip() for part in found[1].split(" | ")] if found else []


def cells(script: Path) -> list[Cell]:
    parts = MARKER.split(script.read_text(encoding="utf-8"))
    assert not parts[0].strip(), f"{script.name}: something stands before the first cell"
    return [Cell(*pair) for pair in zip(parts[1::2], parts[2::2], strict=True)]


def named(scripts: list[Path]):
    """The keyword arguments that parametrise a test over scripts."""
    return {"argvalues": scripts, "ids": [script.stem for script in scripts]}
