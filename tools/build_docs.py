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
import importlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from docs import benchmarks_page, citing, footprint, step_pages, teaching, tutorials

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
# Folders and files in docs/ that this script makes; .gitignore names the same ones.
GENERATED = ("tutorials", "steps", "gallery", "gallery.md", "explore/data", "benchmarks.md")
GENERATED += ("citing.md", "papers.bib")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--fast", action="store_true", help="reuse tutorials that are unchanged")
    parser.add_argument("--only", default="", metavar="PATTERN", help="run only these tutorials")
    parser.add_argument("--no-build", action="store_true", help="stop before the site is made")
    parser.add_argument("--site", type=Path, default=ROOT / "site", help="where the site goes")
    options = parser.parse_args(argv)
    started = time.perf_counter()
    for name, stage in stages(options).items():
        begun = time.perf_counter()
        print(f"{name} ...", flush=True)
        if problem := stage():
            print(f"error: {problem}", file=sys.stderr)
            return 1
        print(f"{name}: {time.perf_counter() - begun:.0f} s", flush=True)
    print(f"built in {time.perf_counter() - started:.0f} s")
    return 0


def stages(options: argparse.Namespace) -> dict:
    """Name to function; a function returns what went wrong, or nothing."""
    cache = ROOT / "build" / "docs" if options.fast or options.only else None
    stages = {
        "tutorials": lambda: tutorials.write(ROOT, DOCS, cache=cache, only=options.only),
        "step-throughs": lambda: step_pages.write(DOCS / "steps") and "",
        "benchmarks": lambda: benchmarks_page.write(DOCS / "benchmarks.md", ROOT) and "",
        "citing": lambda: citing.write(DOCS) and "",
        "footprint": lambda: footprint.write(ROOT / "build" / "docs" / "footprint.md") and "",
        "teaching": lambda: teaching.write(ROOT / "build" / "docs") and "",
        "explorables": lambda: other("explorables", DOCS / "explore" / "data"),
        "gallery": lambda: other("gallery", DOCS),
    }
    if not options.no_build:
        stages["site"] = lambda: build(options.site, strict=not options.only)
    return stages


def other(module: str, target: Path) -> str:
    """Call a writer that may not be there yet."""
    if importlib.util.find_spec(f"docs.{module}") is None:
        print(f"  skipped: there is no tools/docs/{module}.py yet")
        return ""
    importlib.import_module(f"docs.{module}").write(target)
    return ""


def build(site: Path, *, strict: bool) -> str:
    """Run mkdocs; return what went wrong."""
    # Not --quiet: that silences warnings before strict mode has counted them.
    command = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(site)]
    command += ["--strict" if strict else "--no-strict"]
    env = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    shutil.rmtree(site, ignore_errors=True)
    status = subprocess.run(command, cwd=ROOT, env=env, check=False).returncode
    return f"mkdocs ended with status {status}" if status and strict else ""


if __name__ == "__main__":
    sys.exit(main())
