"""Speed against perplexity, all output layers in one picture that also reads in grey print."""

from collections.abc import Sequence
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

__all__ = ["draw_heads"]

# Each kind has a shape and a fill of its own, so that no colour is needed to tell them apart.
MARKS = (("s", "black"), ("o", "white"), ("o", "0.6"), ("D", "0.6"), ("^", "white"))
NEAR = (11, 9)  # pixels at 100 dpi within which two numbers would cover each other


def draw_heads(
    points: Sequence[tuple[str, str, float, tuple[float, ...]]],
) -> Figure:
    """Draw one numbered mark for each head with its interval, and the names at the side.

    Parameters
    ----------
    points : sequence of (kind, name, milliseconds, (perplexity, low, high))

    Returns
    -------
    matplotlib.figure.Figure
    """
    with matplotlib.rc_context({"font.size": 9}):
        figure = Figure(figsize=(9.5, 6.5), dpi=100)
        axes = figure.add_axes((0.08, 0.09, 0.62, 0.85))
        kinds = list(dict.fromkeys(kind for kind, *_ in points))
        styles = dict(zip(kinds, MARKS, strict=False))
        for kind, _, x, (y, low, high) in points:
            shape, face = styles[kind]
            axes.errorbar(
                x, y, yerr=[[y - low], [high - y]], fmt=shape, mfc=face, mec="black", ecolor="0.55",
                ms=8, lw=1, zorder=3,
            )  # fmt: skip
        axes.set(xscale="log", yscale="log")
        axes.set_xlabel("milliseconds from a hidden state to its ten best tokens")
        axes.set_ylabel("perplexity, with its interval of 95 %")
        axes.set_title("Lower left is better: quick, and sure of the right token", loc="left")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
            axis.set_minor_formatter(
                FuncFormatter(lambda v, _: f"{v:g}" if f"{v:.0e}"[0] in "25" else "")
            )
            axis.set_tick_params(which="both", pad=4)
        axes.grid(color="0.9", lw=0.6, zorder=0)
        axes.margins(0.08)
        _number(axes, points)
        _key(figure, points, styles)
    return figure


def _number(axes: Any, points: Sequence[tuple]) -> None:
    """The number of each head to the right of its mark, or wherever there is room."""
    axes.figure.draw_without_rendering()
    at = [axes.transData.transform((x, p[0])) for _, _, x, p in points]
    taken = [(x, y) for x, y in at]
    for i, (x, y) in enumerate(at):
        around = [(15, 0), (-15, 0), (11, 12), (-12, 12), (11, -12), (-12, -12), (25, 0), (-26, 0)]
        free = (
            (dx, dy)
            for dx, dy in around
            if all(abs(x + dx - a) > NEAR[0] or abs(y + dy - b) > NEAR[1] for a, b in taken)
        )
        dx, dy = next(free, around[0])
        taken.append((x + dx, y + dy))
        axes.annotate(
            str(i + 1), (points[i][2], points[i][3][0]), (dx * 0.72, dy * 0.72),
            textcoords="offset points", ha="center", va="center", fontsize=8, zorder=5,
            bbox={"boxstyle": "square,pad=0.05", "fc": "white", "ec": "none", "alpha": 0.8},
        )  # fmt: skip


def _key(figure: Figure, points: Sequence[tuple], styles: dict[str, tuple[str, str]]) -> None:
    """Numbers and names, kind after kind, right of the picture."""
    side = figure.add_axes((0.72, 0.09, 0.27, 0.85))
    side.set_axis_off()
    side.set(xlim=(0, 1), ylim=(len(points) + len(styles) + 1, 0))
    row = 0.5
    for kind, (shape, face) in styles.items():
        side.plot(0.04, row, shape, mfc=face, mec="black", ms=8)
        side.text(0.12, row, kind, va="center", weight="bold")
        for i, (other, name, *_) in enumerate(points):
            if other == kind:
                row += 1
                side.text(0.1, row, f"{i + 1}", va="center", ha="right", fontsize=8)
                side.text(0.12, row, name, va="center", fontsize=8)
        row += 1.2
