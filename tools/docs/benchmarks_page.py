"""The pages of benchmarks, from the JSON files that the scripts in `benchmarks/` write."""

from __future__ import annotations

import ast
import json
import re
from html import escape
from pathlib import Path
from typing import Any

INTRODUCTION = """---
hide: [toc]
---

# Benchmarks

Every number on these pages was read from a file in `benchmarks/results/` when the site was built;
the command on a family's page makes the file anew. The methods of a table ran in turn, round after
round, in one process, so that a busy moment of the machine fell on all of them. A ratio is the
median of what is compared with, divided by that of the method: above 1 the method is faster. One
row for each thing that was measured with a target, the first target of each; the family's page has
all methods, times and quartiles.
"""
EXPLAINED = """A bar is a median, shorter is faster: full bars are this library, hatched ones what it is
compared with, bare products and other limits included. "Times as fast" is the baseline's median
divided by the method's.
"""
NAMES = {
    "kmeans": "k-means",
    "gpu": "GPU",
    "retrieval_scale": "retrieval at scale",
    "words_in_vectors": "words in vectors",
}
# What is not this library: other packages, plain NumPy, and limits that no method can beat.
OTHERS = re.compile(
    r"torch|onnxruntime|scikit-learn|faiss|scann|maxsim-cpu|numpy|one product|two lines|naive|"
    r"all pairs first|"
    r"dict of dicts|full (logits|softmax|cross)|softmax, plain|codes expanded, numpy|limit|bare|"
    r"the same into an existing",
    re.IGNORECASE,
)


def write(page: Path, root: Path) -> Path:
    """Write the page from `root/benchmarks/results`, and one for each family beside it."""
    parts = [INTRODUCTION]
    folder = page.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    files = sorted((root / "benchmarks" / "results").glob("*.json"))
    for file in files:
        text = "\n".join(["---\nhide: [toc]\n---\n", *_script(file, root)])
        (folder / f"{file.stem}.md").write_text(text, encoding="utf-8")
    parts += [_ratios(folder.name, files), _targets(files)]
    page.write_text("\n".join(parts), encoding="utf-8")
    return page


def _ratios(folder: str, files: list[Path]) -> str:
    """One table: a row for each section with a target, a column for each number of threads."""
    rows: list[str] = []
    for file in files:
        runs = json.loads(file.read_text(encoding="utf-8"))
        of_title: dict[str, list[dict[str, Any]]] = {}
        for section in (s for run in runs for s in run["sections"] if s.get("claims")):
            of_title.setdefault(section["title"], []).append(section["claims"][0])
        link = f"[{_heading(file.stem)}]({folder}/{file.stem}.md)"
        what = "" if of_title else "no targets: all times are on its page"
        rows.append(f"| **{link}** `python benchmarks/{file.stem}.py` | {what} | | | |")
        for title, claims in of_title.items():
            ratios = [f"{claim['ratio']:.2f}" for claim in claims] + [""] * (2 - len(claims))
            names = f"{_cell(claims[0]['faster'])} | {_cell(claims[0]['slower'])}"
            rows.append(f"| {_cell(_heading(title))} | {names} | {' | '.join(ratios[:2])} |")
    head = "| measured | method | against | 1 thread | 2 threads |\n|---|---|---|---:|---:|"
    return "\n".join([head, *rows, ""])


def _targets(files: list[Path]) -> str:
    """Every target, folded: the ones that were not reached are found by their bold words."""
    lines = [
        '<details markdown="1"><summary>All targets, and whether they were reached</summary>',
        "",
    ]
    for file in files:
        lines += [f"**{_heading(file.stem)}**", ""]
        for run in json.loads(file.read_text(encoding="utf-8")):
            for section in run["sections"]:
                of = f"{section['title']}, threads: {run['machine']['threads']}"
                lines += [f"{_claim(claim)} ({of})" for claim in section.get("claims", [])]
        lines.append("")
    return "\n".join([*lines, "</details>", ""])


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _script(file: Path, root: Path) -> list[str]:
    runs = json.loads(file.read_text(encoding="utf-8"))
    script = root / "benchmarks" / f"{file.stem}.py"
    text = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or ""
    about = [p for p in text.split("\n\n") if not p.strip().startswith("python ")]
    parts = [f"# {_heading(file.stem)}: benchmarks", *about, EXPLAINED]
    parts += [f"```sh\n{_command(file, runs)}\n```", _machine(runs)]
    sections: dict[str, list[str]] = {}  # what was measured, with every number of threads
    for run in runs:
        threads = run["machine"]["threads"]
        label = f"{threads} threads" if threads.isdigit() else "all cores"
        label = "1 thread" if threads == "1" else label
        for section in run["sections"]:
            sections.setdefault(section["title"], []).append(_section(section, label))
    for title, tables in sections.items():
        parts += [f"## {_heading(title)}", *tables]
    return [f"{part}\n" for part in parts]


def _heading(text: str) -> str:
    text = NAMES.get(text, text)
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
        base = _baseline(section)
        head = '<th>method</th><th>median</th><th class="number">ms</th>'
        head += '<th class="number">quartiles</th>'
        if base:
            head += f'<th class="number">times as fast as {escape(base["name"])}</th>'
        body = "".join(_row(t, slowest, base) for t in timings)
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


def _row(timing: dict[str, Any], slowest: float, base: dict[str, Any] | None) -> str:
    ours = "" if OTHERS.match(timing["name"]) else " ours"
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
