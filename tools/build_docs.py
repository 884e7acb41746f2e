"""Build the documentation: run what it shows, write what is generated, make the site.

    python tools/build_docs.py                 all of it, strictly; the site is in site/
    python tools/build_docs.py --fast          reuse tutorials that are unchanged
    python tools/build_docs.py --only '03*'    one tutorial while you write it; not strict
    python tools/build_docs.py --no-build      stop before the site

Needs `pip install -e ".[docs]"`. What is generated stands in docs/ beside what is written, and is
not kept in git; GENERATED lists it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from docs.execute import digest

from docs import (
    api_pages,
    benchmarks_page,
    citing,
    explorables,
    footprint,
    gallery,
    machines,
    step_pages,
    teaching,
    tutorials,
)

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
MADE = ROOT / "build" / "docs"  # what pages include, and what --fast keeps
# Folders and files in docs/ that this script makes; .gitignore names the same ones.
GENERATED = ("tutorials", "found", "steps", "gallery", "gallery.md", "explore/data")
GENERATED += ("benchmarks.md", "benchmarks", "citing.md", "papers.bib")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--fast", action="store_true", help="reuse what is unchanged")
    parser.add_argument("--only", default="", metavar="PATTERN", help="run only these tutorials")
    parser.add_argument("--no-build", action="store_true", help="stop before the site is made")
    parser.add_argument("--site", type=Path, default=ROOT / "site", help="where the site goes")
    options = parser.parse_args(argv)
    started = time.perf_counter()
    quick = options.fast or bool(options.only)
    if problem := run_tutorials(options.only, quick):
        return failed(problem)
    for stage in STAGES:
        run_stage(stage, quick)
    if not options.no_build and (problem := build_site(options.site, strict=not options.only)):
        return failed(problem)
    print(f"built in {time.perf_counter() - started:.0f} s")
    return 0


def failed(problem: str) -> int:
    print(f"\nerror: {problem}", file=sys.stderr)
    return 1


class Stage(NamedTuple):
    """A generated part: its name, what writes it, and the files that it depends on."""

    name: str
    write: Callable[[], object]
    sources: tuple[Path, ...]


PACKAGE, TOOLS = ROOT / "tokenlab", ROOT / "tools" / "docs"
STAGES = (
    Stage("step-throughs", lambda: step_pages.write(DOCS / "steps"), (PACKAGE, TOOLS)),
    Stage(
        "benchmarks",
        lambda: benchmarks_page.write(DOCS / "benchmarks.md", ROOT),
        (ROOT / "benchmarks", TOOLS),
    ),
    Stage("API pages", lambda: api_pages.write(MADE / "api", DOCS / "api"), (PACKAGE, TOOLS)),
    Stage("citing", lambda: citing.write(DOCS), (PACKAGE, TOOLS)),
    Stage(
        "machines", lambda: machines.write(MADE / "machines.md"), (TOOLS, TOOLS.parent / "findings")
    ),
    Stage("footprint", lambda: footprint.write(MADE / "footprint.md"), (PACKAGE, TOOLS)),
    Stage(
        "teaching",
        lambda: teaching.write(MADE),
        (PACKAGE, TOOLS, ROOT / "tutorials"),
    ),
    Stage("explorables", lambda: explorables.write(DOCS / "explore" / "data"), (PACKAGE, TOOLS)),
    Stage("gallery", lambda: gallery.write(DOCS), (PACKAGE, TOOLS)),
)


def run_tutorials(only: str, quick: bool) -> str:
    begun = time.perf_counter()
    print("tutorials", flush=True)
    cache = MADE / "executed" if quick else None
    depends = [*files((PACKAGE,)), TOOLS / "execute.py"]
    problem = tutorials.write(ROOT, DOCS, depends=depends, cache=cache, only=only)
    print(f"tutorials: {time.perf_counter() - begun:.0f} s", flush=True)
    return problem


def run_stage(stage: Stage, quick: bool) -> None:
    """Write one part, unless it is there and nothing that it depends on has changed."""
    begun = time.perf_counter()
    stamp, key = MADE / f"{stage.name}.stamp", digest(files(stage.sources)).hexdigest()
    if quick and stamp.exists() and stamp.read_text(encoding="utf-8") == key:
        print(f"{stage.name}: unchanged", flush=True)
        return
    stage.write()
    MADE.mkdir(parents=True, exist_ok=True)
    stamp.write_text(key, encoding="utf-8")
    print(f"{stage.name}: {time.perf_counter() - begun:.0f} s", flush=True)


def files(folders: Iterable[Path]) -> list[Path]:
    """All that could change a page."""
    found = (path for folder in folders for path in folder.rglob("*"))
    return [p for p in found if p.is_file() and "__pycache__" not in p.parts]


def build_site(site: Path, *, strict: bool) -> str:
    """Run mkdocs; return what went wrong."""
    # Not --quiet: that silences warnings before strict mode has counted them.
    command = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(site)]
    command += ["--strict" if strict else "--no-strict"]
    env = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    begun = time.perf_counter()
    shutil.rmtree(site, ignore_errors=True)
    status = subprocess.run(command, cwd=ROOT, env=env, check=False).returncode
    print(f"site: {time.perf_counter() - begun:.0f} s", flush=True)
    return f"mkdocs ended with status {status}" if status and strict else ""


if __name__ == "__main__":
    sys.exit(main())
