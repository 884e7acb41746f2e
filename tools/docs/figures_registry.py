"""The figures of the gallery: what one is, the size of a card, and the marks that they share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tokenlab.plots import show_reduction

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tokenlab.pruning import Reduction

    Draw = Callable[[Figure], None]

INK, MUTED, PALE = "#1c2027", "0.45", "0.85"
BLUE, SAND = "#00224e", "#bcaf6f"  # the dark and a light end of cividis: far apart in grey, too
MARKS = ("o", "s", "^")  # of the roles that a patch can be kept for


class Drawing(NamedTuple):
    """A paper's figure: the short name on its card, what one sees, what it is of, and how."""

    name: str
    alt: str
    caption: str
    draw: Draw


FIGURES: dict[str, Drawing] = {}


def figure(key: str, *, name: str, alt: str, caption: str) -> Callable[[Draw], Draw]:
    """Register a function that draws the idea of the paper with this key into a figure."""

    def register(draw: Draw) -> Draw:
        if key in FIGURES:
            raise ValueError(f"the paper {key!r} has two figures")
        FIGURES[key] = Drawing(name, alt, caption, draw)
        return draw

    return register


def plain(ax: Axes) -> None:
    """Without the upper and the right line."""
    ax.spines[["top", "right"]].set_visible(False)


def bare(ax: Axes, label: str) -> None:
    """A picture: no ticks, and below it what it is."""
    ax.set(xticks=[], yticks=[], title="")
    ax.set_xlabel(label)
    for side in ax.spines.values():
        side.set_visible(False)


def kept_patches(ax: Axes, image: Any, reduction: Reduction, label: str) -> None:
    """The photo with the patches that stay; a mark on each says what it is kept for."""
    show_reduction(image, reduction, ax=ax)
    if ax.get_legend():
        ax.get_legend().remove()  # it tells roles apart by colour alone
    bare(ax, label)
    if reduction.roles is None:
        return
    for role, mark in zip(range(len(reduction.role_names)), MARKS, strict=False):
        at = np.asarray(reduction.kept)[np.asarray(reduction.roles) == role]
        if len(at):
            x, y = centres(at)
            style = {"s": 15, "marker": mark, "c": "white", "edgecolors": INK, "linewidths": 0.8}
            ax.scatter(x, y, label=reduction.role_names[role], **style)


def centres(patches: Any) -> tuple[Any, Any]:
    """Pixels in the middle of patches of 14 x 14, sixteen in a row."""
    rows, columns = np.divmod(np.asarray(patches), 16)
    return 14 * columns + 6.5, 14 * rows + 6.5


def roles_below(fig: Figure, ax: Axes, columns: int = 3) -> None:
    """The legend of the marks, under the whole figure."""
    handles, names = ax.get_legend_handles_labels()
    fig.legend(
        handles,
        names,
        loc="outside lower center",
        ncols=columns,
        frameon=False,
        handletextpad=0.1,
        markerscale=1.6,
    )
