"""All executed pages: the tutorials, and what we found."""

from __future__ import annotations

import re
import shutil
from fnmatch import fnmatch
from pathlib import Path

from docs.execute import Executed, PageError, execute_all, read_script
from docs.render import write_page

LINK = re.compile(r"\]\((?!https?:|\.\./)")  # to a page beside this one
LESSON = re.compile(r"\d\d_")  # a tutorial; other scripts are pages on what we found
NEEDS = re.compile(r"^\*{0,2}Needs:?\*{0,2}:?\s*(.+?)(?:\n\s*\n|\Z)", re.MULTILINE | re.DOTALL)


def write(
    root: Path, docs: Path, *, depends: list[Path], cache: Path | None = None, only: str = ""
) -> str:
    """Execute the scripts of root/tutorials and write their pages; return the errors as text."""
    folder = docs / "tutorials"
    scripts = sorted((root / "tutorials").glob("*.py"))
    chosen = [s for s in scripts if not only or fnmatch(s.name, only)]
    remove_others(folder, {s.stem for s in scripts})
    errors, done = [], []
    for result in execute_all(chosen, cache=cache, depends=depends):
        if isinstance(result, PageError):
            errors.append(str(result))
            continue
        try:
            write_page(result, folder)
            done.append(result)
        except PageError as error:
            errors.append(str(error))
    write_index(folder, scripts, done)
    return "\n\n".join(errors)


def remove_others(folder: Path, names: set[str]) -> None:
    """What is left of scripts that are gone."""
    for path in folder.glob("*") if folder.is_dir() else ():
        if path.stem.removesuffix("_files") not in names and path.name != "index.md":
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def write_index(folder: Path, scripts: list[Path], done: list[Executed]) -> None:
    """The table of the tutorials in their order, and the list of what we found."""
    seconds = {d.script: d.seconds for d in done}
    lessons = [INTRODUCTION, "| tutorial | needs | runs in |", "|---|---|---:|"]
    found = [FOUND]
    for script in scripts:
        title, about, needs = facts(script)
        if LESSON.match(script.name):
            ran = f"{seconds[script]:.0f} s" if script in seconds else ""
            lessons.append(f"| [{title}]({script.stem}.md) | {needs} | {ran} |")
        else:
            found.append(f"## [{title}](../tutorials/{script.stem}.md)\n")
            found.append(LINK.sub("](../tutorials/", about) + "\n")
    for place, parts in {folder: lessons, folder.with_name("found"): found}.items():
        place.mkdir(parents=True, exist_ok=True)
        (place / "index.md").write_text("\n".join(parts) + "\n", encoding="utf-8")


def facts(script: Path) -> tuple[str, str, str]:
    """From the first cell: the title, the first paragraph, and what stands under "Needs"."""
    text = read_script(script).cells[0].source
    title, _, rest = text.partition("\n")
    needs = NEEDS.search(text)
    about = rest.strip().split("\n\n")[0]
    return title.removeprefix("#").strip(), about, " ".join(needs[1].split()) if needs else ""


INTRODUCTION = """# Tutorials

Each builds a method up from nothing, in plain NumPy, shows that the result equals the library's
function, and ends in exercises. They were executed when this site was built: every number and
picture is the code's own. Each can be taken along as a notebook or as a script that runs with
plain Python; data comes with the package.

Begin with the first, or with the paper that you came for.
"""

FOUND = """# What we found

A paper's claim is a sentence until it runs. These pages run: each number on them was printed by the
code above it when this site was built, and each says on which data.
"""
