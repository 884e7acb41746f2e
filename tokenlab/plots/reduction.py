"""A picture and what is left of its tokens: kept patches in colour, others grey, or scores."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tokenlab import checks
from tokenlab.arrays import to_numpy
from tokenlab.errors import PLOT, MissingDependency, ShapeError
from tokenlab.pruning.reduction import Reduction, checked_grid

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["show_reduction", "show_reductions", "show_scores"]

DIM, PAPER = 0.22, 0.94  # how much of a dropped patch is left, on a light ground
# Outlines by role, told apart without colour vision; and the ink of a token without a role.
COLOURS = ("#e69f00", "#56b4e9", "#009e73", "#cc79a7")
INK, MUTED = "#1c2027", "#5a616d"
PANEL = 2.3  # inches


def show_reduction(
    image: Any,
    reduction: Reduction,
    *,
    grid: tuple[int, int] | None = None,
    title: str = "",
    ax: "Axes | None" = None,
) -> "Figure":
    """Show the picture with the tokens that are left: they keep their colours, within a line.

    Dropped patches fade to a light grey; those that live on in others fade less. Patches that are
    kept for a named role (`reduction.roles`) are outlined in its colour.

    Parameters
    ----------
    image : array of shape (height, width, 3) or (height, width)
        uint8, or floats from 0 to 1.
    reduction : Reduction
        Of the picture's patches, row by row, without a CLS token.
    grid : (rows, columns), optional
        Of the patches; by default a square.
    title : str
        By default how many tokens are left.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.figure.Figure
        In a notebook the last line of a cell shows it.

    Raises
    ------
    MissingDependency
        When matplotlib is not installed.
    """
    picture = _picture(image)
    grid = _grid(grid, reduction.n)
    kept = to_numpy(reduction.mask(grid))
    # A dropped patch fades, one that lives on in others fades less.
    lives_on = (to_numpy(reduction.owner()) >= 0).reshape(grid)
    bright = np.where(kept, 1.0, np.where(lives_on, 2 * DIM, DIM))
    light = _over(picture, bright)[..., None]
    grey = picture.mean(axis=2, keepdims=True)
    ax = ax or _new_axes()
    ax.imshow(np.where(light == 1, picture, light * grey + (1 - light) * PAPER))
    if reduction.roles is None:
        _border(ax, kept, picture.shape)
    else:
        roles = np.full(reduction.n, -1)
        roles[to_numpy(reduction.kept)] = to_numpy(reduction.roles)
        _outline(ax, roles.reshape(grid), picture.shape, reduction.role_names)
    _finish(ax, title or f"{len(reduction)} of {reduction.n} tokens")
    return ax.figure  # type: ignore[return-value]


def show_scores(
    image: Any,
    scores: Any,
    *,
    grid: tuple[int, int] | None = None,
    title: str = "",
    ax: "Axes | None" = None,
) -> "Figure":
    """Paint one score per patch over the picture: bright yellow is high, dark is low.

    Parameters
    ----------
    image : array of shape (height, width, 3) or (height, width)
    scores : array of shape (n,)
        Colours go by rank, since a few tokens often hold most of the attention.
    grid : (rows, columns), optional
    title : str
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.figure.Figure
    """
    picture = _picture(image)
    scores = checks.shaped(checks.floats(to_numpy(scores), "scores", np), "scores", ("n",))
    grid = _grid(grid, len(scores))
    # Colours by rank: a few tokens often hold most of the attention.
    rank = np.searchsorted(np.sort(scores), scores, side="right") / len(scores)
    ax = ax or _new_axes()
    ax.imshow(picture.mean(axis=2), cmap="gray", vmin=0, vmax=1.6)  # dim, so that colours show
    height, width = picture.shape[:2]
    ax.imshow(
        rank.reshape(grid),
        cmap="inferno",
        alpha=0.62,
        extent=(-0.5, width - 0.5, height - 0.5, -0.5),
        interpolation="nearest",
    )
    _finish(ax, title or "scores, by rank")
    return ax.figure  # type: ignore[return-value]


def show_reductions(
    image: Any,
    reductions: dict[str, Reduction],
    *,
    scores: dict[str, Any] | None = None,
    columns: int = 5,
    title: str = "",
) -> "Figure":
    """The picture under several rules, side by side, after the picture itself.

    Parameters
    ----------
    image : array of shape (height, width, 3) or (height, width)
    reductions : dict of str to Reduction
        What each rule leaves, by its name.
    scores : dict of str to array of shape (n,), optional
        Scores of some of the rules, shown before what they select.
    columns : int
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    plt = _pyplot()
    panels: list[tuple[str, Any]] = [("", None)]  # the picture itself comes first
    for name, reduction in reductions.items():
        if scores and name in scores:
            panels.append((f"{name}: score", scores[name]))
        panels.append((f"{name}: {len(reduction)}", reduction))
    columns = min(checks.count(columns, "columns"), len(panels))
    rows = -(-len(panels) // columns)
    height = (PANEL + 0.35) * rows + 0.3  # inches, with a line of text over each row
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(PANEL * columns, height),
        # Fixed margins: a layout that measures all texts takes longer than the drawing.
        gridspec_kw={
            "left": 0.01,
            "right": 0.99,
            "top": 1 - (0.75 if title else 0.35) / height,
            "bottom": 0.08 / rows,
        }
        | {"wspace": 0.05, "hspace": 0.22},
    )
    flat = np.atleast_1d(axes).ravel()
    for ax, (name, what) in zip(flat, panels, strict=False):
        if what is None:
            ax.imshow(_picture(image))
            _finish(ax, "the picture")
        elif isinstance(what, Reduction):
            show_reduction(image, what, title=name, ax=ax)
        else:
            show_scores(image, what, title=name, ax=ax)
    for ax in flat[len(panels) :]:  # what is left of the last row
        ax.set_axis_off()
    if title:
        figure.suptitle(title, color=INK, y=1 - 0.1 / height)
    return figure


def _picture(image: Any) -> np.ndarray:
    """RGB in floats from 0 to 1."""
    picture = to_numpy(image)
    if picture.ndim == 2:  # grey
        picture = np.repeat(picture[..., None], 3, axis=2)
    if picture.ndim != 3 or picture.shape[2] != 3:
        raise ShapeError(
            f"image is {picture.shape}; expected (height, width, 3), or (height, width) for grey."
        )
    return picture / 255.0 if picture.dtype.kind in "iu" else np.clip(picture, 0.0, 1.0)


def _grid(grid: tuple[int, int] | None, n: int) -> tuple[int, int]:
    side = round(n**0.5)  # patches of a square picture
    if grid is None and side * side != n:
        raise ShapeError(
            f"{n} tokens make no square; pass grid=(rows, columns). A CLS token is no patch."
        )
    return checked_grid(grid or (side, side), n)


def _over(picture: np.ndarray, values: np.ndarray) -> np.ndarray:
    """One value per patch, for every pixel."""
    height, width = picture.shape[:2]
    # Pixels to patches, also where a side is no multiple of the grid.
    rows = np.arange(height) * values.shape[0] // height
    columns = np.arange(width) * values.shape[1] // width
    return values[rows[:, None], columns]


def _border(ax: "Axes", kept: np.ndarray, shape: tuple[int, ...]) -> None:
    """A line between patches that are kept and others."""
    from matplotlib.collections import LineCollection

    high, wide = shape[0] / kept.shape[0], shape[1] / kept.shape[1]
    # A line wherever a patch and the next one differ; outside of the picture nothing is kept.
    padded = np.pad(kept, 1)
    below = np.argwhere(padded[1:, 1:-1] != padded[:-1, 1:-1]) * (high, wide) - 0.5
    beside = np.argwhere(padded[1:-1, 1:] != padded[1:-1, :-1]) * (high, wide) - 0.5
    lines = [[(x, y), (x + wide, y)] for y, x in below] + [
        [(x, y), (x, y + high)] for y, x in beside
    ]
    ax.add_collection(LineCollection(lines, colors=INK, linewidths=0.7), autolim=False)


def _outline(ax: "Axes", roles: np.ndarray, shape: tuple[int, ...], names: Sequence[str]) -> None:
    from matplotlib.patches import Patch, Rectangle

    high, wide = shape[0] / roles.shape[0], shape[1] / roles.shape[1]
    for row, column in np.argwhere(roles >= 0):
        colour = COLOURS[roles[row, column] % len(COLOURS)]
        corner = (column * wide - 0.5, row * high - 0.5)
        ax.add_patch(Rectangle(corner, wide, high, fill=False, edgecolor=colour, linewidth=1.2))
    # A legend of the roles that there are.
    found = [role for role in range(len(names)) if (roles == role).any()]
    handles = [Patch(color=COLOURS[role % len(COLOURS)], label=names[role]) for role in found]
    ax.legend(
        handles=handles,
        loc="upper center",
        bbox_to_anchor=(0.5, 0.01),
        ncols=3,
        fontsize=7.5,
        borderpad=0.1,
        frameon=False,
        handlelength=1,
        columnspacing=0.8,
    )


def _finish(ax: "Axes", title: str) -> None:
    ax.set_xticks([])
    ax.set_yticks([])
    for side in ax.spines.values():
        side.set_visible(False)
    ax.set_title(title, fontsize=9, color=INK)


def _new_axes() -> "Axes":
    _, ax = _pyplot().subplots(figsize=(2 * PANEL, 2 * PANEL), layout="constrained")
    return ax


def _pyplot() -> Any:
    try:
        from matplotlib import pyplot as plt
    except ImportError as error:
        raise MissingDependency(
            f"show_reduction: matplotlib is not installed. Run: {PLOT}"
        ) from error
    return plt
