"""Two runs of a benchmark side by side: did anything lose its speed?

    python benchmarks/compare.py before.json after.json

Runs on different days meet a machine in different moods, so ratios are compared and no times: each
method against its section's baseline, before and after, for the sections and methods that both have.
"""

import argparse
import json
from pathlib import Path
from typing import Any


def ratios(path: Path) -> dict[tuple[str, str, str], float]:
    """How many times as fast as its baseline each method is, by threads, section and method."""
    found = {}
    for run in json.loads(path.read_text()):
        for section in run["sections"]:
            medians = {t["name"]: t["median"] for t in section.get("timings", [])}
            base = medians.get(section.get("baseline", ""))
            for name, median in medians.items() if base else ():
                key = (run["machine"]["threads"], section["title"], name)
                found[key] = base / median
    return found


def table(before: dict[Any, float], after: dict[Any, float]) -> str:
    """Rows of what both have, the largest loss first."""
    shared = sorted((after[key] / before[key], key) for key in before.keys() & after.keys())
    lines = ["| threads | section | method | before | after | after / before |"]
    lines.append("|---|---|---|---:|---:|---:|")
    lines += [
        f"| {' | '.join(key)} | {before[key]:.2f} | {after[key]:.2f} | {change:.2f} |"
        for change, key in shared
        if before[key] != 1 or after[key] != 1
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    options = parser.parse_args()
    print(table(ratios(options.before), ratios(options.after)))
