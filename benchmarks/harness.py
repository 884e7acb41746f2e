"""What every benchmark here needs: fair rounds, honest statistics, a table, and a JSON file.

A script describes its sections and calls `main`:

    def sections(options):
        yield Section("product", {"ours": f, "theirs": g}, baseline="theirs",
                      claims=[Claim("ours", "theirs", at_least=1.5)])

    if __name__ == "__main__":
        main(__doc__, sections)

The methods of a section run in turn, round after round, in one process, so that a busy moment of
the machine falls on all of them. Numbers are medians with quartiles, and what is compared are
ratios of medians. Thread counts are set through the environment, which libraries read when they
are loaded: `--threads 1 2` therefore runs the script anew for each count.
"""

import argparse
import gc
import json
import os
import platform
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS",
    "RAYON_NUM_THREADS",
)
PAUSE = 0.005  # seconds between two methods: threads of the one before may still be spinning
LEAST = 0.01  # seconds that one measurement lasts; a short method is called several times in it


@dataclass
class Claim:
    """A target: the median of `slower` divided by that of `faster` is at least `at_least`."""

    faster: str
    slower: str
    at_least: float


@dataclass
class Section:
    """Methods that do the same thing, by name; each is called without arguments."""

    title: str
    methods: dict[str, Callable[[], Any]]
    baseline: str  # the method that ratios refer to; the first one where it is absent
    claims: list[Claim] = field(default_factory=list)
    clock: str = "wall"  # or "cpu": medians are then processor time, of all threads
    # Calls that do not count, before each measurement: what ran before leaves traces.
    first: int = 0


@dataclass
class Facts:
    """Measurements that are not timings, as rows of a table."""

    title: str
    rows: dict[str, str]


@dataclass
class Timing:
    """One method's times, in seconds; `cpu` counts all threads, also those that only spin."""

    name: str
    median: float
    lower: float  # first quartile
    upper: float  # third quartile
    least: float
    cpu: float
    rounds: int


def main(description: str, sections: Callable[[argparse.Namespace], Iterable[Any]]) -> None:
    """Read the options, run the sections for every thread count, print, write the JSON file."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--threads", type=int, nargs="+", help="run once with each thread count")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it runs")
    parser.add_argument("--only", default="", help="sections whose title contains this")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    runs = list(_in_children(options)) if options.threads else [_run(options, sections)]
    if options.json:
        options.json.write_text(json.dumps(runs, indent=1) + "\n")


def _in_children(options: argparse.Namespace) -> Iterator[Any]:
    """Run this script once per thread count, with the environment set before anything loads."""
    for threads in options.threads:
        variables = dict.fromkeys(THREAD_VARIABLES, str(threads))
        with tempfile.TemporaryDirectory() as folder:
            result = Path(folder) / "run.json"
            command = [sys.executable, sys.argv[0], "--rounds", str(options.rounds)]
            command += ["--only", options.only, "--json", str(result)]
            command += ["--quick"] * options.quick
            subprocess.run(command, env=os.environ | variables, check=True)
            yield from json.loads(result.read_text())


def _run(options: argparse.Namespace, sections: Callable[..., Iterable[Any]]) -> dict[str, Any]:
    about = machine()
    print("\n".join(f"{name:>10}: {value}" for name, value in about.items()), flush=True)
    results = []
    for section in sections(options):
        if isinstance(section, Facts):
            print(f"\n{section.title}")
            print("\n".join(f"  {name:<42}{value:>22}" for name, value in section.rows.items()))
            results.append(asdict(section))
        elif options.only in section.title:
            timings = interleaved(section.methods, options.rounds, section.clock, section.first)
            print(table(section, timings), flush=True)
            results.append(_as_json(section, timings))
    return {"machine": about, "sections": results}


def interleaved(
    methods: dict[str, Callable[[], Any]], rounds: int, clock: str = "wall", first: int = 0
) -> list[Timing]:
    """Time the methods in turn, `rounds` times each, after two calls that do not count.

    Each round has an order of its own: what ran before leaves caches and idle threads behind.
    """
    wall: dict[str, list[float]] = {name: [] for name in methods}
    cpu: dict[str, list[float]] = {name: [] for name in methods}
    calls = {name: _calls_per_measurement(method) for name, method in methods.items()}
    gc.collect()
    shuffled = random.Random(0)
    for _ in range(rounds):
        for name, method in shuffled.sample(list(methods.items()), len(methods)):
            time.sleep(PAUSE)
            for _ in range(first):
                method()
            started, started_cpu = time.perf_counter(), processor_time()
            for _ in range(calls[name]):
                method()
            wall[name].append((time.perf_counter() - started) / calls[name])
            cpu[name].append((processor_time() - started_cpu) / calls[name])
    counted = cpu if clock == "cpu" else wall
    return [_timing(name, counted[name], cpu[name]) for name in methods]


def processor_time() -> float:
    """Seconds of all threads, and of programs that were started and have ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


def _calls_per_measurement(method: Callable[[], Any]) -> int:
    method()  # compiles, loads, warms the caches
    started = time.perf_counter()
    method()
    return max(1, round(LEAST / (time.perf_counter() - started)))


def _timing(name: str, wall: list[float], cpu: list[float]) -> Timing:
    lower, median, upper = statistics.quantiles(wall, n=4) if len(wall) > 1 else wall * 3
    return Timing(name, median, lower, upper, min(wall), statistics.median(cpu), len(wall))


def table(section: Section, timings: list[Timing]) -> str:
    """The section as text: milliseconds, and how many times as fast as the baseline."""
    medians = {timing.name: timing.median for timing in timings}
    baseline = _baseline(section, timings)
    header = f"{'ms':>10}{'quartiles':>24}{'CPU ms':>10}{'times as fast as':>20}"
    lines = [f"\n{section.title}", f"  {'':<40}{header}", f"  {'':<40}{baseline:>64}"]
    for t in timings:
        quartiles = f"{1e3 * t.lower:.2f} .. {1e3 * t.upper:.2f}"
        ratio = medians[baseline] / t.median
        times = f"{1e3 * t.median:>10.2f}{quartiles:>24}{1e3 * t.cpu:>10.2f}"
        lines.append(f"  {t.name:<40}{times}{ratio:>20.2f}")
    for claim, ratio in _checked(section, medians):
        verdict = "reached" if ratio >= claim.at_least else "NOT reached"
        lines.append(
            f"  {claim.faster} is {ratio:.2f} times as fast as {claim.slower}; "
            f"target {claim.at_least:g}: {verdict}"
        )
    return "\n".join(lines)


def _baseline(section: Section, timings: list[Timing]) -> str:
    names = [timing.name for timing in timings]
    return section.baseline if section.baseline in names else names[0]


def _checked(section: Section, medians: dict[str, float]) -> Iterator[tuple[Claim, float]]:
    for claim in section.claims:
        if claim.faster in medians and claim.slower in medians:
            yield claim, medians[claim.slower] / medians[claim.faster]


def _as_json(section: Section, timings: list[Timing]) -> dict[str, Any]:
    medians = {timing.name: timing.median for timing in timings}
    claims = [asdict(claim) | {"ratio": ratio} for claim, ratio in _checked(section, medians)]
    return {
        "title": section.title,
        "baseline": _baseline(section, timings),
        "timings": [asdict(t) for t in timings],
        "claims": claims,
    }


def machine() -> dict[str, str]:
    """What the numbers were measured on."""
    threads = os.environ.get("OMP_NUM_THREADS", "as the libraries choose")
    load = " ".join(f"{x:.2f}" for x in os.getloadavg()) if hasattr(os, "getloadavg") else "unknown"
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "threads": threads,
        "load": load,
        "python": f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        "packages": ", ".join(f"{name} {v}" for name in PACKAGES if (v := version(name))),
        "BLAS": _blas(),
    } | _gpu()


PACKAGES = ("numpy", "numba", "scipy", "cupy-cuda12x", "cupy-cuda13x")
PACKAGES += ("scikit-learn", "maxsim-cpu", "faiss-cpu", "torch", "autograd")  # peers
PACKAGES += ("vector-quantize-pytorch", "scann")


def version(package: str) -> str | None:
    """The installed version, or None."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def installed(packages: dict[str, str]) -> dict[str, Any]:
    """Import the peers that are there, `{module: name to install}`; say which are not."""
    import importlib

    modules = {}
    for module, package in packages.items():
        try:
            modules[module] = importlib.import_module(module)
        except ImportError:
            print(f"skipped: {package} is not installed")
    return modules


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _gpu() -> dict[str, str]:
    """The device, in a script that has loaded CuPy."""
    if "cupy" not in sys.modules:
        return {}
    runtime = sys.modules["cupy"].cuda.runtime
    return {"GPU": runtime.getDeviceProperties(0)["name"].decode()}


def _blas() -> str:
    import numpy as np

    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return f"{blas['name']} {blas['version']}"
