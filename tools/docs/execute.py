"""Run percent scripts as notebooks: two at a time, each with a fresh kernel and one thread."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import jupytext
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

AT_ONCE = 2
CELL_SECONDS = 300  # a cell that takes longer is stuck
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class PageError(Exception):
    """A page that cannot be built; the message names the file and the cell."""


@dataclass
class Executed:
    """A script with the outputs of its cells."""

    script: Path
    notebook: NotebookNode
    seconds: float


def read_script(script: Path) -> NotebookNode:
    """The notebook of a percent script, the same at every call."""
    notebook = jupytext.read(script, fmt="py:percent")
    notebook.metadata = NotebookNode(
        kernelspec={"display_name": "Python 3", "language": "python", "name": "python3"},
        language_info={"name": "python"},
    )
    for number, cell in enumerate(notebook.cells, start=1):
        cell["id"] = f"cell-{number}"  # jupytext draws them at random
    return notebook


def execute_all(scripts: Iterable[Path], *, cache: Path | None, depends: Iterable[Path]):
    """Yield every script with its outputs, or its error, in the order in which they were given.

    `cache` is a folder of notebooks that were executed before; one is taken from there when
    neither its script nor a file of `depends` has changed since.
    """
    base = digest(depends)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        jobs = [pool.submit(_cached, script, cache, base.copy()) for script in scripts]
        for job in jobs:
            error = job.exception()
            if error is not None and not isinstance(error, PageError):
                raise error
            yield error or job.result()


def digest(files: Iterable[Path]):
    """A hash over names and contents."""
    base = hashlib.sha256()
    for path in sorted(files):
        base.update(f"{path} {path.stat().st_size}".encode())
        base.update(path.read_bytes())
    return base


def _cached(script: Path, cache: Path | None, key) -> Executed:
    key.update(script.read_bytes())
    place = cache / f"{script.stem}-{key.hexdigest()[:16]}.json" if cache else None
    if place and place.exists():
        kept = json.loads(place.read_text(encoding="utf-8"))
        notebook = NotebookNode(_nodes(kept["notebook"]))
        print(f"  {script.name}: unchanged, from {place.parent}", flush=True)
        return Executed(script, notebook, kept["seconds"])
    done = execute(script)
    print(f"  {script.name}: {done.seconds:.0f} s", flush=True)
    if place:
        place.parent.mkdir(parents=True, exist_ok=True)
        for old in place.parent.glob(f"{script.stem}-*.json"):
            old.unlink()
        kept = {"notebook": done.notebook, "seconds": done.seconds}
        place.write_text(json.dumps(kept), encoding="utf-8")
    return done


def execute(script: Path) -> Executed:
    """Run one script in an empty folder, as a reader's Jupyter would."""
    notebook = read_script(script)
    env = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    env.update(dict.fromkeys(THREADS, "1"))  # two kernels share the machine
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook,
            timeout=CELL_SECONDS,
            resources={"metadata": {"path": folder}},
            extra_arguments=["--log-level=ERROR", "--InlineBackend.figure_formats=retina"],
        )
        try:
            asyncio.run(client.async_execute(env=env))  # a loop that is closed again
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            raise PageError(_explain(script, notebook, error)) from None
    return Executed(script, notebook, time.perf_counter() - started)


def _explain(script: Path, notebook: NotebookNode, error: Exception) -> str:
    """The file, the cell and the traceback."""
    for number, cell in enumerate(notebook.cells, start=1):
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                trace = COLOURS.sub("", "\n".join(output.traceback))
                first = cell.source.strip().partition("\n")[0]
                return f"{script}: cell {number} ({first!r}) failed\n{trace}"
    last = max((n for n, c in enumerate(notebook.cells, 1) if c.get("execution_count")), default=0)
    return f"{script}: {type(error).__name__} at or after cell {last}: {error}"


def _nodes(value):
    """Dictionaries from JSON as the notebook nodes that they were."""
    if isinstance(value, dict):
        return NotebookNode({key: _nodes(item) for key, item in value.items()})
    return [_nodes(item) for item in value] if isinstance(value, list) else value
