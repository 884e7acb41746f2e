"""Writing assets so that the same content always gives the same bytes, and documenting them."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import numpy as np

from .packages import Package, sha256

INTRODUCTION = """# Sources

Where the data in this folder comes from, under which licence, and how to make it again. This file
is written by `tools/build_assets.py`, one section for each kind of data.
"""


def write_npz(path: Path, **arrays: np.ndarray) -> None:
    """Like `np.savez_compressed`, but with a fixed time stamp in every entry."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, array, allow_pickle=False)
            entry = zipfile.ZipInfo(name + ".npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3  # do not let the operating system show in the bytes
            archive.writestr(entry, buffer.getvalue(), zipfile.ZIP_DEFLATED, compresslevel=9)


def write_text(path: Path, text: str) -> None:
    path.write_bytes(text.encode())  # not write_text: it would change the line ends on Windows


def packages_table(packages: list[Package]) -> str:
    """Markdown: every archive and every file taken from it, with version and digest."""
    rows = ["| package | version | file | sha256 |", "|---|---|---|---|"]
    for p in packages:
        rows.append(f"| `{p.name}` ({p.client}) | {p.version} | `{p.filename}` | `{p.sha256}` |")
        rows += [f"| | | `{path}` | `{digest}` |" for path, digest in p.files.items()]
    return "\n".join(rows)


def files_table(root: Path, paths: list[Path]) -> str:
    """Markdown: the committed files with size and digest; a test compares them with the files."""
    rows = ["| file | bytes | sha256 |", "|---|---|---|"]
    for path in paths:
        data = path.read_bytes()
        rows.append(f"| `{path.relative_to(root).as_posix()}` | {len(data)} | `{sha256(data)}` |")
    return "\n".join(rows)


def write_section(sources: Path, name: str, section: str) -> None:
    """Put an asset's section into SOURCES.md; the sections of other assets stay as they are."""
    text = sources.read_text(encoding="utf-8") if sources.exists() else INTRODUCTION
    before, *rest = re.split(r"^(?=## )", text, flags=re.M)
    sections = {part.split("\n")[0].removeprefix("## "): part.strip() for part in rest}
    sections[name] = f"## {name}\n\n{section.strip()}"
    write_text(sources, "\n\n".join([before.strip(), *sections.values()]) + "\n")
