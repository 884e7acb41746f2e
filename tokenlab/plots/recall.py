"""Recall of a compressed index over the time of a search."""

from collections.abc import Sequence
from typing import Any

import matplotlib
from matplotlib.figure import Figure

__all__ = ["draw_recall"]

MARKS = ("o", "s", "^", "D", "v", "P")


def draw_recall(rows: Sequence[Any]) -> Figure:
    """Draw a `recall_report`: a line for each number of reranked documents.

    Parameters
    ----------
    rows : list of RecallRow

    Returns
    -------
    matplotlib.figure.Figure
    """
    with matplotlib.rc_context({"font.size": 9}):
        figure = Figure(figsize=(6.5, 4), dpi=100, layout="constrained")
        axes = figure.subplots()
        for i, rerank in enumerate(dict.fromkeys(row.rerank for row in rows)):
            own = [row for row in rows if row.rerank == rerank]
            x, y = [1000 * row.seconds for row in own], [row.recall for row in own]
            axes.plot(x, y, marker=MARKS[i % len(MARKS)], color=f"C{i}", label=f"{rerank} reranked")
            for row, at in zip(own, zip(x, y, strict=True), strict=True):
                axes.annotate(str(row.n_probe), at, (3, -9), textcoords="offset points", fontsize=7)
        exact = 1000 * rows[0].exact_seconds
        axes.axvline(exact, color="0.5", linestyle="--", label="exact search")
        axes.set(xscale="log", xlabel="milliseconds a question", ylabel="share of the exact answer")
        axes.set_ylim(top=1.02)
        axes.set_title("Numbers at the marks: clusters probed", loc="left")
        axes.legend()
    return figure
