"""Every tutorial runs as plain Python, from an empty folder, without a display."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from percent import SCRIPTS, named

AT_ONCE = 2
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
MOST = 400  # seconds on a very busy machine; a quiet one needs under 60, two at a time

pytestmark = pytest.mark.tutorials


def run(script: Path, folder: Path) -> tuple[subprocess.CompletedProcess, float]:
    folder.mkdir()
    env = os.environ | {"MPLBACKEND": "Agg", "PYTHONIOENCODING": "utf-8"}
    env |= dict.fromkeys(THREADS, "1")  # two share the machine
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=MOST,
        check=False,
    )
    return done, time.perf_counter() - started


@pytest.fixture(scope="module")
def runs(request, tmp_path_factory):
    """All chosen scripts, started at once and run two at a time."""
    chosen = [item.callspec.params["script"] for item in request.session.items if _is_run(item)]
    folder = tmp_path_factory.mktemp("tutorials")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {script: pool.submit(run, script, folder / script.stem) for script in chosen}


def _is_run(item: pytest.Item) -> bool:
    return getattr(item, "originalname", "") == "test_it_runs"


@pytest.mark.parametrize("script", **named(SCRIPTS))
def test_it_runs(script, runs, capsys):
    done, seconds = runs[script].result()
    with capsys.disabled():
        print(f"\n  {script.name}: {seconds:.0f} s", end="", flush=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert done.stdout.strip(), "prints nothing"
