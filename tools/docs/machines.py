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


def picture(rows: list[dict[str, Any]]) -> str:
    """Time over tokens on two logarithmic axes, with the exponents, as an element of the page."""
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
    text = io.StringIO()
    fig.savefig(text, format="svg")
    data = base64.b64encode(text.getvalue().encode()).decode()
    alt = f"Milliseconds a question over tokens, {n[0]:,} to {n[-1]:,}: {'; '.join(said)}"
    return f'<img alt="{alt}." src="data:image/svg+xml;base64,{data}">'


def write(path: Path) -> Path:
    """Write the part of the page."""
    found = json.loads(FOUND.read_text(encoding="utf-8"))
    c = constants(found)
    setting = found["setting"]
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
        picture(found["rows"]),
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
