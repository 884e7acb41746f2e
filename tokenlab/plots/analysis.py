"""Analyses drawn: attributions as strips over the tokens of a text, a walk, what masks leave.

Every function draws into axes that are given, so that figures can be put together. Marks differ in
shape or fill, not in colour alone.

    draw_strips(ax, [scores, others], ["To", " be"], ["ReAGent", "occlusion"], said=" or", k=1)
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["draw_kept", "draw_strips", "draw_walk"]

INK, DARK = "#1c2027", np.array([0, 34, 78]) / 255


def draw_strips(
    ax: Any,
    scores: Any,
    tokens: Sequence[str],
    methods: Sequence[str],
    *,
    said: str = "",
    k: int = 0,
) -> None:
    """A row of boxes for each method: the darker, the more a token counts; the `k` best are marked.

    Parameters
    ----------
    ax : matplotlib axes
    scores : array of shape (n_methods, n)
        Each row is drawn from its own smallest, white, to its own largest, dark.
    tokens : sequence of str, (n,)
    methods : sequence of str, (n_methods,)
    said : str
        What the model said behind the tokens.
    k : int
    """
    rows = np.asarray(scores, dtype=float)
    low, high = rows.min(axis=1, keepdims=True), rows.max(axis=1, keepdims=True)
    shares = (rows - low) / np.where(high > low, high - low, 1)  # (n_methods, n), 0 to 1
    for y, (row, share) in enumerate(zip(rows, shares, strict=True)):
        best = np.argsort(-row, kind="stable")[:k]
        for x, dark in enumerate(share.tolist()):
            face = tuple(1 - dark * (1 - DARK))  # from white to dark
            edge = {"ec": INK, "lw": 2} if x in best else {"ec": "0.8", "lw": 0.5}
            ax.add_patch(_box(x, -y, fc=face, zorder=1 + (x in best), **edge))
            if x in best:  # also where the box is dark, and where nobody sees a thick line
                ink = "white" if dark > 0.5 else INK
                ax.text(x, -y, "●", color=ink, ha="center", va="center", fontsize=6, zorder=4)
    n = rows.shape[1]
    ax.text(n - 0.3, -(len(rows) - 1) / 2, f"→ {said}", ha="left", va="center", fontsize=9)
    ax.set(xlim=(-0.6, n + 0.9), ylim=(0.45 - len(rows), 0.55))
    turned = {"rotation": 60, "ha": "left"} if n > 6 else {}
    ax.xaxis.tick_top()
    ax.set_xticks(range(n), tokens, fontsize=9, **turned)
    ax.set_yticks(-np.arange(len(rows)), methods)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def draw_walk(ax: Any, own: Any, end: Any, words: Mapping[int, str]) -> None:
    """A token's walk, from its own vector on the right up to its end, with words beside some states.

    Parameters
    ----------
    ax : matplotlib axes
    own, end : array of shape (steps + 1,)
        Cosines with the token's own vector and with where the walk ends.
    words : dict of int to str
        What is written beside a state.
    """
    own, end = np.asarray(own, dtype=float), np.asarray(end, dtype=float)
    ax.plot(own, end, color=INK, lw=1, marker="o", ms=2.5, mfc="white")
    for at, word in words.items():
        ax.plot(own[at], end[at], "s", color=INK, ms=6)
        right = own[at] > 0.5  # the words of the first states stand above them
        place = {"xytext": (0, 9), "ha": "right"} if right else {"xytext": (10, -3), "ha": "left"}
        ax.annotate(word, (own[at], end[at]), textcoords="offset points", fontsize=9, **place)
    ax.set(xlabel="cosine with its own vector", ylabel="cosine with the end")
    ax.set(xlim=(-0.3, 1.08), ylim=(-0.15, 1.08))
    ax.spines[["top", "right"]].set_visible(False)


def draw_kept(ax: Any, names: Sequence[str], values: Any, notes: Sequence[str]) -> None:
    """A row for each set of weights: how well what is left does, and a note behind it.

    Parameters
    ----------
    ax : matplotlib axes
    names, notes : sequence of str, (n,)
    values : array of shape (n,)
    """
    values = np.asarray(values, dtype=float)
    places = -np.arange(len(values))
    ax.hlines(places, 0, values, color="0.75", lw=5)
    ax.plot(values, places, "o", color=INK, ms=7)
    for x, y, note in zip(values, places, notes, strict=True):
        ax.annotate(note, (x, y), xytext=(8, -3), textcoords="offset points", fontsize=9, color=INK)
    ax.set_yticks(places, names)
    ax.set(xlim=(0, 1.25 * values.max()), ylim=(-len(values) + 0.4, 0.6))
    ax.tick_params(axis="y", length=0)
    ax.spines[["top", "right", "left"]].set_visible(False)


def _box(x: float, y: float, **style: Any) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((x - 0.48, y - 0.42), 0.96, 0.84, **style)
