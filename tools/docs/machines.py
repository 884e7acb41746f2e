"""What docs/machines.md says about size: a table by code, and the constants of its calculator.

The constants are those of tools/findings/cost_of_search.json, measured by the script beside it.
"""

import base64
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

FOUND = Path(__file__).parents[1] / "findings" / "cost_of_search.json"
MEMORY_GB, CORES, SHARE = 64, 16, 0.75  # of a machine; a quarter stays free
POWERS = range(6, 12)
TEXT = """Compressed: {n_probe} clusters probed, the {k_prime:,} best tokens kept, {rerank} documents
reranked with the vectors as they were, which may lie on the disk;
`tools/findings/cost_of_search.py` does it. Exact search takes {exact_ns:.0f} ns a token and
question. Compressed search takes {fixed_ms:.1f} ms, and {root_ms:.1f} ms times the root of the
millions of tokens: its centroids, and the tokens of as many clusters, grow with the root. From
there the rest is reckoned, not measured: machines of {memory_gb} GB, of which {part} hold
shards, and {cores} cores, which share exact search evenly and of which compressed search uses
one for a question; {round_ms:.0f} ms for a round (two workers on one busy machine), of which
compressed search needs two."""

SETTINGS = """Every setting, on {n_tokens:,} tokens, where exact search takes {exact_ms:.0f} ms;
along a line each point probes twice as many clusters as the one before:"""


def constants(found: dict[str, Any]) -> dict[str, float]:
    """What the calculator needs, of what was measured."""
    rows = found["rows"]
    n, exact, few = (
        np.array([row[key] for row in rows]) for key in ("n_tokens", "exact_ms", "compressed_ms")
    )
    # Centroids, and the tokens of as many clusters, both grow with the root of the tokens.
    slope, fixed = np.polyfit(np.sqrt(n / 1e6), few, 1)
    last = rows[-1]
    packed = found["d"] / 2  # bytes of a token's residual at 4 bits
    return {
        "d": found["d"],
        "memory_gb": MEMORY_GB,
        "cores": CORES,
        "share_of_memory": SHARE,
        "bytes_more_exact": round(8 * last["n_docs"] / last["n_tokens"], 3),
        "bytes_more_compressed": round(last["compressed_bytes"] / last["n_tokens"] - packed, 1),
        "exact_ns": round(1e6 * float(exact[-1] / n[-1]), 1),
        "fixed_ms": round(float(fixed), 3),
        "root_ms": round(float(slope), 3),
        "round_ms": found["round_ms"],
    }


def estimate(c: dict[str, float], n: float) -> list[tuple[float, int, float]]:
    """Bytes, machines and milliseconds a question: of float32, and of 4 bits. As in machines.js."""
    ways = (
        (4 * c["d"] + c["bytes_more_exact"], lambda m: c["exact_ns"] * 1e-6 * m / c["cores"], 1),
        (
            c["d"] / 2 + c["bytes_more_compressed"],
            lambda m: c["fixed_ms"] + c["root_ms"] * (m / 1e6) ** 0.5,
            2,
        ),
    )
    rows = []
    for each, milliseconds, rounds in ways:
        machines = max(1, math.ceil(n * each / (c["memory_gb"] * 1e9 * c["share_of_memory"])))
        talk = rounds * c["round_ms"] if machines > 1 else 0
        rows.append((n * each, machines, milliseconds(n / machines) + talk))
    return rows


def size(n: float) -> str:
    """Bytes, in words."""
    i = min(5, int(math.log10(n) // 3))
    return f"{n / 1000**i:.3g} {('B', 'kB', 'MB', 'GB', 'TB', 'PB')[i]}"


def span(ms: float) -> str:
    """Milliseconds, in words."""
    if ms >= 1000:
        return f"{ms / 1000:.1f} s"
    return f"{ms:.0f} ms" if ms >= 10 else f"{ms:.1f} ms"


def element(fig: Figure, alt: str) -> str:
    """A figure as an element of the page."""
    text = io.StringIO()
    fig.savefig(text, format="svg")
    data = base64.b64encode(text.getvalue().encode()).decode()
    return f'<img alt="{alt}" src="data:image/svg+xml;base64,{data}">'


def cost(rows: list[dict[str, Any]]) -> str:
    """Time over tokens on two logarithmic axes, with the exponents."""
    n = np.array([row["n_tokens"] for row in rows])
    fig = Figure(figsize=(6, 3.6), layout="constrained")
    ax = fig.subplots()
    said = []
    for key, name, mark in (
        ("exact_ms", "exact", "o"),
        ("compressed_ms", "compressed, 4 bits", "s"),
    ):
        ms = np.array([row[key] for row in rows])
        exponent, start = np.polyfit(np.log(n), np.log(ms), 1)
        said.append(f"{name} grows with the power {exponent:.2f}")
        dots = ax.plot(n, ms, mark, label=f"{name}: exponent {exponent:.2f}")
        wide = np.geomspace(n[0] / 1.3, n[-1] * 1.3, 2)
        ax.plot(wide, np.exp(start) * wide**exponent, "--", color=dots[0].get_color())
    ax.set(xscale="log", yscale="log", xlabel="tokens", ylabel="milliseconds a question, one core")
    ax.set_xticks(n, [f"{x:,}" for x in n])
    ax.minorticks_off()
    ax.legend()
    alt = f"Milliseconds a question over tokens, {n[0]:,} to {n[-1]:,}: {'; '.join(said)}"
    return element(fig, f"{alt}.")


def recall_over_time(looked_at: dict[str, Any]) -> str:
    """Every setting as a point: how much of the exact answer it finds, and in what time."""
    fig = Figure(figsize=(7.5, 3.8), layout="constrained")
    axes = fig.subplots(1, 2, sharey=True, sharex=True)
    names = {"kth": 'impute="kth"', "centroid": "as published"}
    reranks = sorted({row["rerank"] for row in looked_at["settings"]})
    best: dict[str, str] = {}
    for ax, (impute, name) in zip(axes, names.items(), strict=True):
        rows = [row for row in looked_at["settings"] if row["impute"] == impute]
        for rerank, mark, shade in zip(reranks, "osD^v", np.linspace(0, 0.8, 5), strict=False):
            own = [row for row in rows if row["rerank"] == rerank]
            ms, found = ([row[key] for row in own] for key in ("ms", "recall"))
            label = f"{rerank} reranked" if rerank else "none reranked"
            ax.plot(ms, found, f"{mark}-", color=str(shade), markersize=4, linewidth=1, label=label)
        enough = [row for row in rows if row["recall"] >= 0.95]
        row = min(enough, key=lambda row: row["ms"])
        best[name] = f"n_probe {row['n_probe']} and rerank {row['rerank']}, {row['ms']:.1f} ms"
        ax.set(title=name, xscale="log", xlabel="milliseconds a question, one core")
        ticks = (1, 2, 5, 10, 20)
        ax.set_xticks(ticks, [str(t) for t in ticks])
        ax.minorticks_off()
        ax.axhline(0.95, color="0.7", linestyle=":", linewidth=1)
    axes[0].set_ylabel("recall@10")
    axes[1].legend(fontsize=8)
    said = "; ".join(f"{name}: {what}" for name, what in best.items())
    probes = sorted({row["n_probe"] for row in looked_at["settings"]})
    alt = (
        f"Recall at ten over milliseconds, lines over {probes[0]} to {probes[-1]} probes, one for each number of "
        f"documents reranked. The cheapest of at least .95, {said}."
    )
    return element(fig, alt.replace('"', "&quot;"))


def bytes_by_part(looked_at: dict[str, Any], d: int) -> str:
    """What the bytes of a token are for, one bar for each part."""
    parts = looked_at["bytes"]
    fig = Figure(figsize=(6, 2.4), layout="constrained")
    ax = fig.subplots()
    bars = ax.barh(list(parts), list(parts.values()), color="0.45")
    ax.bar_label(bars, [f"{size:.2g}" for size in parts.values()], padding=3)
    ax.invert_yaxis()
    total = sum(parts.values())
    ax.set(xlabel=f"bytes of a token; {total:.1f} in all, {4 * d} as float32")
    ax.margins(x=0.12)
    said = ", ".join(f"{name} {size:.2g}" for name, size in parts.items())
    return element(fig, f"Bytes of a token by part: {said}; {total:.1f} in all.")


def write(path: Path) -> Path:
    """Write the part of the page."""
    found = json.loads(FOUND.read_text(encoding="utf-8"))
    c = constants(found)
    setting, looked_at = found["setting"], found["looked_at"]
    lines = [
        f"Measured on one core, for vectors of {c['d']} numbers and questions of {found['n_q']:.0f} tokens:",
        "",
        "| tokens | exact | compressed, 4 bits | recall@10 | float32 | 4 bits |",
        "|---:|---:|---:|---:|---:|---:|",
        *(
            f"| {row['n_tokens']:,} | {row['exact_ms']:.1f} ms | {row['compressed_ms']:.1f} ms | {row['recall']:.3f} "
            f"| {size(row['exact_bytes'])} | {size(row['compressed_bytes'])} |"
            for row in found["rows"]
        ),
        "",
        cost(found["rows"]),
        "",
        SETTINGS.format(**looked_at),
        "",
        recall_over_time(looked_at),
        "",
        bytes_by_part(looked_at, c["d"]),
        "",
        TEXT.format(**setting, **c, part=f"{SHARE:.0%}").replace("\n", " "),
        "",
        "| tokens | float32 | machines | a question | 4 bits | machines | a question |",
        "|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for power in POWERS:
        cells = [
            cell
            for total, machines, ms in estimate(c, 10.0**power)
            for cell in (size(total), f"{machines:,}", span(ms))
        ]
        lines.append(f"| 10<sup>{power}</sup> | " + " | ".join(cells) + " |")
    given = json.dumps(c).replace('"', "&quot;")
    lines += ["", f'<div id="machines" data-constants="{given}"></div>']
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
