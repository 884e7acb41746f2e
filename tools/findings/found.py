"""What scripts of this folder share: a table in the terminal, and a JSON file beside the script.

A script trains small networks with seeds that it names, prints tables and writes them to NAME.json:
rows with their columns, seconds of processor time, and a remark. Guides show them:

    python tools/findings/found.py docs/quantization.md

puts the tables of the files where the page has `<!-- found NAME PART -->`.
"""

import argparse
import json
import os
import platform
import re
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

# One thread, before NumPy is imported: times are of one processor core.
os.environ.update(OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1", OMP_NUM_THREADS="1")

FOLDER = Path(__file__).parent
PACKAGE = FOLDER.parents[1] / "tokenlab" / "data" / "findings"  # what tutorials and tour read, too


def table(title: str, columns: Iterable[str], rows: Iterable[Iterable[Any]], **more: Any) -> dict:
    """A table as the file holds it; `more` are remarks and settings."""
    rows = [[shortened(cell) for cell in row] for row in rows]
    return {"title": title, "columns": list(columns), "rows": rows, **more}


def shortened(cell: Any) -> Any:
    """Numbers of four digits: more would be noise."""
    if isinstance(cell, str | int):
        return cell
    return float(f"{float(cell):.4g}")


def show(found: dict) -> None:
    """Print a table, and those within it."""
    lines = [found["columns"], *found["rows"]]
    cells = [[str(cell) for cell in line] for line in lines]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    print(f"\n{found['title']}")
    for line in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)))
    print(found.get("remark", ""), flush=True)
    for more in found.values():
        if isinstance(more, dict):
            show(more)


def timed(function: Callable[[], Any]) -> tuple[Any, float]:
    """A value, and the seconds of processor time that it took."""
    start = time.process_time()
    value = function()
    return value, round(time.process_time() - start, 1)


def main(
    name: str,
    text: str | None,
    parts: dict[str, Callable[[Any], dict]],
    *,
    store: Callable[[Any], None] | None = None,
    folder: Path = FOLDER,
) -> None:
    """Run the parts that are asked for, and put their tables into the file."""
    parser = argparse.ArgumentParser(description=text)
    parser.add_argument("part", nargs="*", help=f"some of {', '.join(parts)}; by default all")
    parser.add_argument("--short", action="store_true", help="train for a few steps, store nothing")
    parser.add_argument("--kept", help="folder of fitted parameters")
    parser.add_argument("--store", action="store_true", help="put parameters into the package")
    options = parser.parse_args()
    unknown = set(options.part) - set(parts)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(parts)}")
    if store is not None and options.store:
        store(options)
    file = folder / f"{name}.json"
    every = json.loads(file.read_text()) if file.exists() else {}
    for part in options.part or parts:
        every[part] = parts[part](options)
        show(every[part])
        if not options.short:
            every["machine"] = (
                f"{platform.machine()}, one thread, Python {platform.python_version()}"
            )
            file.write_text(json.dumps(every, indent=1, ensure_ascii=False) + "\n")


def as_markdown(found: dict) -> str:
    """A table, its remark, and the tables within it."""
    lines = [found["columns"], ["---"] * len(found["columns"]), *found["rows"]]
    text = "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
    inner = [as_markdown(more) for more in found.values() if isinstance(more, dict)]
    return "\n\n".join([f"**{found['title']}**", text, found.get("remark", ""), *inner]).strip()


def filled(page: str) -> str:
    """A page with the tables of the files between `<!-- found NAME PART -->` and `<!-- end -->`."""

    def tables(match: re.Match) -> str:
        name, part = match.group(1), match.group(2)
        file = next(f / f"{name}.json" for f in (FOLDER, PACKAGE) if (f / f"{name}.json").exists())
        found = json.loads(file.read_text())[part]
        return f"<!-- found {name} {part} -->\n\n{as_markdown(found)}\n\n<!-- end -->"

    pattern = r"<!-- found (\S+) (\S+) -->.*?<!-- end -->"
    return re.sub(pattern, tables, page, flags=re.DOTALL)


if __name__ == "__main__":
    for page in map(Path, sys.argv[1:]):
        page.write_text(filled(page.read_text()))
