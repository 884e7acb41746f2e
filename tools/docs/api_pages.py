"""The API pages of the families: every module that is found, and after it what its NOTES say."""

from __future__ import annotations

import ast
import re
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "tokenlab"


def write(folder: Path, pages: Path) -> list[Path]:
    """Write what the page of each family includes; `pages` holds FAMILY.md."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for page in sorted(pages.glob("*.md")):
        if (PACKAGE / page.stem).is_dir():
            written.append(folder / page.name)
            written[-1].write_text(family(page.stem), encoding="utf-8")
    return written


def family(name: str) -> str:
    """Its modules with public names, and their notes; papers come first."""
    parts = []
    for path in sorted((PACKAGE / name).glob("[!_]*.py"), key=lambda p: (not notes(p), p.stem)):
        if path.stem != "inputs" and "__all__" in path.read_text(encoding="utf-8"):
            parts.append(f"::: tokenlab.{name}.{path.stem}\n")
            if notes(path):
                # Titles become bold: one more "Cost" in the contents for each paper helps nobody.
                titled = re.sub(r"^(\S.*)\n-{3,}$", r"**\1**\n", notes(path), flags=re.MULTILINE)
                parts.append(titled + "\n")
    return "\n".join(parts)


def notes(path: Path) -> str:
    """The string NOTES of a module, read without importing it."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "NOTES":
            return str(ast.literal_eval(node.value)).strip()
    return ""
