"""The page of benchmarks, from the JSON files that the scripts in `benchmarks/` write."""

from __future__ import annotations

import ast
import json
from html import escape
from pathlib import Path
from typing import Any

INTRODUCTION = """# Benchmarks

Every number on this page was read from a file in `benchmarks/results/` when the site was built;
the command above each table makes the file anew. The methods of a table ran in turn, round after
round, in one process, so that a busy moment of the machine fell on all of them. A bar is a
median, shorter is faster: full bars are this library, hatched ones what it is compared with.
"Times as fast" is the baseline's median divided by the method's.
"""


def write(page: Path, root: Path) -> Path:
    """Write the page from `root/benchmarks/results`."""
    parts = [INTRODUCTION]
    for file in sorted((root / "benchmarks" / "results").glob("*.json")):
        parts += _script(file, root)
    page.write_text("\n".join(parts), encoding="utf-8")
    return page


def _script(file: Path, root: Path) -> list[str]:
    runs = json.loads(file.read_text(encoding="utf-8"))
    script = root / "benchmarks" / f"{file.stem}.py"
    text = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or ""
    about = [p for p in text.split("\n\n") if not p.strip().startswith("python ")]
    parts = [f"## {_heading(file.stem)}", *about, f"```sh\n{_command(file, runs)}\n```"]
    parts.append(_machine(runs))
    sections: dict[str, list[str]] = {}  # what was measured, with every number of threads
    for run in runs:
        threads = run["machine"]["threads"]
        label = f"{threads} threads" if threads.isdigit() else "all cores"
        label = "1 thread" if threads == "1" else label
        for section in run["sections"]:
            sections.setdefault(section["title"], []).append(_section(section, label))
    for title, tables in sections.items():
        parts += [f"### {_heading(title)}", *tables]
    return [f"{part}\n" for part in parts]


def _heading(text: str) -> str:
    text = {"kmeans": "k-means", "gpu": "GPU"}.get(text, text)
    return text[0].upper() + text[1:]


def _command(file: Path, runs: list[dict[str, Any]]) -> str:
    threads = [run["machine"]["threads"] for run in runs]
    rounds = {t["rounds"] for r in runs for s in r["sections"] for t in s.get("timings", [])}
    options = f" --threads {' '.join(threads)}" if all(t.isdigit() for t in threads) else ""
    options += f" --rounds {max(rounds)}" if rounds else ""
    return f"python benchmarks/{file.stem}.py{options} --json benchmarks/results/{file.name}"


def _machine(runs: list[dict[str, Any]]) -> str:
    """What the numbers were measured on; each run has its own load."""
    about = dict(runs[0]["machine"])
    about["threads"] = ", ".join(run["machine"]["threads"] for run in runs)
    about["load"] = "; ".join(run["machine"]["load"] for run in runs)
    return (
        '<details><summary>The machine and the versions</summary>\n<table class="machine"><tbody>'
        f"{_facts(about)}</tbody></table>\n</details>"
    )


def _facts(rows: dict[str, str]) -> str:
    return "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(text)}</td></tr>'
        for name, text in rows.items()
    )


def _section(section: dict[str, Any], label: str) -> str:
    """The table of one section of one run."""
    if "rows" in section:
        head, body, claims = "", _facts(section["rows"]), []
    else:
        timings, claims = section["timings"], section.get("claims", [])
        slowest = max(t["median"] for t in timings)
        base, claimed = _baseline(section), {claim["faster"] for claim in claims}
        head = '<th>method</th><th>median</th><th class="number">ms</th>'
        head += '<th class="number">quartiles</th>'
        if base:
            head += f'<th class="number">times as fast as {escape(base["name"])}</th>'
        body = "".join(_row(t, slowest, base, claimed) for t in timings)
    title = escape(f"{section['title']}, {label}", quote=True)
    return (
        f'<div class="wide" role="region" tabindex="0" aria-label="{title}"><table class="bench">'
        f"<caption>{label}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        "</div>\n\n" + "\n".join(_claim(claim) for claim in claims)
    )


def _baseline(section: dict[str, Any]) -> dict[str, Any] | None:
    """What the script compares with; files written before it was kept have it in their claims."""
    names = {t["name"]: t for t in section["timings"]}
    slower = [claim["slower"] for claim in section.get("claims", [])]
    return names.get(section.get("baseline", slower[0] if slower else ""))


def _row(
    timing: dict[str, Any], slowest: float, base: dict[str, Any] | None, claimed: set[str]
) -> str:
    ours = " ours" if timing["name"].startswith("tokenlab") or timing["name"] in claimed else ""
    share = 100 * timing["median"] / slowest
    bar = f'<span class="bar{ours}" style="width:{share:.1f}%"></span>'
    cells = [f'<th scope="row">{escape(timing["name"])}</th>', f'<td class="bars">{bar}</td>']
    cells.append(f'<td class="number">{_ms(timing["median"])}</td>')
    cells.append(f'<td class="number">{_ms(timing["lower"])} to {_ms(timing["upper"])}</td>')
    if base:
        cells.append(f'<td class="number">{base["median"] / timing["median"]:.2f}</td>')
    return f"<tr>{''.join(cells)}</tr>"


def _ms(seconds: float) -> str:
    """Milliseconds with three significant digits or more."""
    value = 1e3 * seconds
    return f"{value:,.0f}" if value >= 100 else f"{value:#.3g}"


def _claim(claim: dict[str, Any]) -> str:
    reached = claim["ratio"] >= claim["at_least"]
    verdict = "reached" if reached else "**not reached**"
    return (
        f"- {claim['faster']} is {claim['ratio']:.2f} times as fast as {claim['slower']}; "
        f"target {claim['at_least']:g}: {verdict}"
    )
