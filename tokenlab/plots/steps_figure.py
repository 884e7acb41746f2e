"""A recording as one matplotlib figure: a panel per step, for a lecture or a notebook."""

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tokenlab.errors import PLOT, MissingDependency
from tokenlab.plots import steps_values as values
from tokenlab.plots.steps_bins import Bins, binned, seen
from tokenlab.steps import Step, Steps

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_steps"]

MOST = 200  # rows or columns of a heat map
READABLE = 24  # labels along one axis of a panel
GRID = (12, 5)  # rows and columns of written-out positions
PANELS = 60  # of one figure
# The ground under values that are NaN or infinite.
HATCHED: dict[str, Any] = {
    "facecolor": "#f2f2f2",
    "hatch": "////",
    "edgecolor": "#bdbdbd",
    "linewidth": 0,
}
# The colours of the page, on white.
INK, MUTED, BAR = "#1c2027", "#5a616d", "#31688e"


def draw_steps(
    steps: Steps,
    *,
    columns: int = 3,
    names: Sequence[str] | None = None,
    figsize: tuple[float, float] | None = None,
) -> "Figure":
    """Draw each step as what it is: heat map, bars, mask, labels or number.

    Large arrays are sampled, long vectors are put into bins that keep their extremes, and the panel
    says so. Values that cannot be drawn (texts, records, empty arrays) are left out and named at
    the foot of the figure, and so are steps after the first 60, unless `names` asks for them.
    Cells that are NaN or infinite are hatched.

    Parameters
    ----------
    steps : Steps
    columns : int
        Panels side by side.
    names : sequence of str or None
        Which steps to draw, by name; None draws all.
    figsize : tuple of float or None
        Width and height in inches; None fits the number of panels.

    Returns
    -------
    matplotlib.figure.Figure
        Close it with `matplotlib.pyplot.close(figure)`.

    Raises
    ------
    MissingDependency
        When matplotlib is not installed.
    """
    try:
        from matplotlib import pyplot as plt
    except ImportError as error:
        raise MissingDependency(f"draw_steps: matplotlib is not installed. Run: {PLOT}") from error
    all_names = steps.names
    wanted = list(range(len(steps))) if names is None else [steps.position(name) for name in names]
    # By number, not by name: the same name may be drawn twice.
    arrays = {i: values.as_array(steps.items[i]) for i in wanted}
    kinds = {i: values.kind_of(steps.items[i], array) for i, array in arrays.items()}
    drawn = [i for i in wanted if kinds[i] not in ("object", "empty")]
    skipped = [i for i in wanted if kinds[i] in ("object", "empty")]
    # Who names the steps gets them all; who does not, no figure of four thousand panels.
    limit = PANELS if names is None else len(drawn)
    drawn, later = drawn[:limit], drawn[limit:]
    columns = max(1, min(columns, len(drawn)))
    # An empty recording still makes a figure, of one empty cell.
    n_rows = max(1, -(-len(drawn) // columns))
    figure = plt.figure(figsize=figsize or (4.6 * columns, 3.7 * n_rows), layout="constrained")
    for k, i in enumerate(drawn):
        panel = figure.add_subplot(n_rows, columns, k + 1)
        _panel(panel, steps, i, np.asarray(arrays[i]), kinds[i])
    if skipped or later:
        said = [f"{i + 1} {all_names[i]}" for i in skipped[:20]] + ["…"] * (len(skipped) > 20)
        # Unlike a value that cannot be drawn, a later step can be asked for.
        said += [f"{len(later)} later steps"] * bool(later)
        text = f"Not drawn: {', '.join(said)}"
        figure.supxlabel(_safe(text), fontsize=9, color=MUTED, x=0.01, ha="left")
    return figure


def _panel(axes: "Axes", steps: Steps, i: int, array: np.ndarray, kind: str) -> None:
    item = steps.items[i]
    title = f"{i + 1}  {steps.names[i]}"
    # The number is the one of the page and of the table.
    heading = axes.set_title(
        _safe(title), loc="left", fontsize=11, fontweight="bold", color=INK, pad=18
    )
    axes.tick_params(labelsize=8, colors=MUTED, length=2)
    for side in axes.spines.values():
        side.set_color("#d0d0d0")
    if kind == "number":
        note = ""
        _number(axes, values.value_text(steps, item, array))
    elif kind in ("positions", "text"):
        note = _names(axes, steps, item, array)
    elif kind == "bars":
        note = _bars(axes, steps, item, array)
    else:
        note = _heat_map(axes, steps, item, array, kind)
    below = " · ".join(filter(None, (values.shape_text(item, array) or str(array.dtype), note)))
    line = axes.text(
        0, 1.02, _safe(below), transform=axes.transAxes, fontsize=8, color=MUTED, va="bottom"
    )
    for text in (
        heading,
        line,
    ):  # a long line may stand out to the right rather than squeeze the panel
        text.set_in_layout(False)


def _number(axes: "Axes", text: str) -> None:
    axes.set_axis_off()  # a number has no axes
    axes.text(0.5, 0.5, _safe(text), fontsize=26, ha="center", va="center", color=INK)


def _heat_map(axes: "Axes", steps: Steps, item: Step, array: np.ndarray, kind: str) -> str:
    cut = values.cut(steps, item, array, rows=MOST, columns=MOST)
    over_photo = steps.lies_over_photo(item)
    notes = [f"first of {cut.slices.size} {cut.slices.name}".rstrip()] * (cut.slices.size > 1)
    axes.patch.set(**HATCHED)
    if over_photo:
        _photo(axes, steps, array.shape, grey=kind == "matrix")
    # One cell, one colour: the default would blend cells that share a pixel.
    options: dict[str, Any] = {"interpolation": "nearest"}
    options["aspect"] = "equal" if over_photo else "auto"
    if kind == "matrix":
        measured = values.Range.of(array)
        _coloured(axes, cut.values[0], measured, **options, alpha=0.62 if over_photo else None)
        notes += [cut.rows.note, cut.columns.note]
        notes += [f"{n} {name} hatched" for name, n in measured.missing]
    else:
        bins = binned(array, MOST) if values.is_row(array) else None
        image = cut.values[0] if bins is None else seen(bins.high)[None]  # (1, n_bins)
        options |= {"cmap": "Greys", "vmin": -0.25, "vmax": 1.25}
        if over_photo:  # what is true stays clear
            image = np.ma.masked_where(image, image)
            options |= {"alpha": 0.85, "vmin": 0, "vmax": 1}
        axes.imshow(image, **options)
        notes += [cut.rows.note, bins.brief if bins else cut.columns.note]
        true = "clear" if over_photo else "darker" if bins else "dark"
        notes.append(f"{true}: true, {int(array.sum())} of {array.size}")
    _ticks(axes.xaxis, cut.columns, rotation=90)
    _ticks(axes.yaxis, cut.rows)
    if cut.values.shape[1] == 1 and not cut.rows.name:
        axes.set_yticks([])
    return ", ".join(filter(None, notes))


def _coloured(axes: "Axes", image: np.ndarray, measured: values.Range, **options: Any) -> None:
    """A matrix in colours, with a bar that says what they mean."""
    # Where zero lies inside, it is the middle of the colours.
    reach = max(-measured.low, measured.high)
    low, high = (-reach, reach) if measured.signed else (measured.low, measured.high)
    options |= {"cmap": "PuOr_r" if measured.signed else "viridis", "vmin": low, "vmax": high}
    # What is masked stays transparent, and the hatched ground shows through.
    drawn = axes.imshow(np.ma.masked_invalid(image.astype(np.float64)), **options)
    if measured.finite:
        bar = axes.figure.colorbar(drawn, ax=axes, fraction=0.045, pad=0.02)
        bar.ax.tick_params(labelsize=8, colors=MUTED, length=2)
        bar.outline.set_visible(False)


def _photo(axes: "Axes", steps: Steps, shape: tuple[int, ...], *, grey: bool) -> None:
    """The picture under a map of it, one cell of the map to a patch."""
    photo = np.asarray(steps.photo)
    # Under colours a photo has none of its own.
    photo = photo.mean(axis=2) if grey else photo
    options: dict[str, Any] = {"cmap": "gray", "vmin": 0, "vmax": 255} if grey else {}
    # Cells are centred on whole numbers, so the photo begins half a cell before the first.
    extent = (-0.5, shape[1] - 0.5, shape[0] - 0.5, -0.5)
    axes.imshow(photo, extent=extent, aspect="equal", **options)


def _ticks(axis: Any, shown: values.Axis, rotation: int = 0) -> None:
    """Labels where they can be read, otherwise the true positions at a few places."""
    n = len(shown.shown)
    few = n <= READABLE
    # Six numbers fit beneath a panel, whatever its length.
    at = range(n) if few and shown.labels else range(0, n, max(1, -(-n // 6)))
    labels = [_safe(values.clip(shown.label(i) if few else f"{shown.shown[i]:,}", 18)) for i in at]
    axis.set_ticks(list(at), labels, rotation=rotation if few and shown.labels else 0)
    axis.set_label_text(_safe(shown.name), fontsize=9, color=INK)


def _bars(axes: "Axes", steps: Steps, item: Step, array: np.ndarray) -> str:
    bins = binned(array, MOST)
    if bins is not None:
        return _binned_bars(axes, item, array, bins)
    cut = values.cut(steps, item, array, rows=1, columns=MOST)
    heights = cut.values[0, 0].astype(np.float64)
    missing = ~np.isfinite(heights)
    at = np.arange(len(heights))
    # Names are read from left to right: their bars lie.
    lying = cut.columns.labels is not None and len(at) <= READABLE
    # The same drawing, turned.
    draw, span = (axes.barh, axes.axhspan) if lying else (axes.bar, axes.axvspan)
    # Gaps between many bars would be all that one sees.
    thickness = 0.8 if len(at) <= 60 else 1.0
    draw(at, np.where(missing, 0.0, heights), thickness, color=BAR)
    for i in np.flatnonzero(missing):
        span(i - 0.45, i + 0.45, **HATCHED)
    axis = axes.yaxis if lying else axes.xaxis
    _ticks(axis, cut.columns)
    if lying:
        axes.invert_yaxis()  # the first one on top
    return _on_ground(axes, array, cut.columns.note, lying=lying)


def _binned_bars(axes: "Axes", item: Step, array: np.ndarray, bins: Bins) -> str:
    """A long vector: light where some values of a bin reach, full where all of them do."""
    low, high = (np.nan_to_num(ends.astype(np.float64)) for ends in (bins.low, bins.high))
    at = np.arange(len(low))
    up = np.maximum(high, 0)
    down = np.minimum(low, 0)
    # Pale to the extremes on both sides of zero,
    axes.bar(at, up - down, 1.0, bottom=down, color=BAR, alpha=0.45)
    # and full over it as far as all go: all values of a bin lie on one side of zero, or its bar has no full part.
    axes.bar(at, np.maximum(low, 0) + np.minimum(high, 0), 1.0, color=BAR)
    # A mark at the top where something is missing, the whole height where all is.
    for i in np.flatnonzero(bins.gaps):
        axes.axvspan(i - 0.5, i + 0.5, ymin=0.95 if np.isfinite(bins.low[i]) else 0, **HATCHED)
    name = values.axis_names(item, array.ndim)[-1]
    _ticks(axes.xaxis, values.Axis(name, bins.size, bins.shown, None))
    return _on_ground(axes, array, f"{bins.brief}: min and max")


def _on_ground(axes: "Axes", array: np.ndarray, note: str, *, lying: bool = False) -> str:
    """Let bars stand on zero, or say that they do not; the note with that sentence."""
    axes.spines[["top", "right"]].set_visible(False)
    base = _base(values.Range.of(array))
    if base is None:  # the usual case: bars stand on zero, and their lengths can be compared
        return note
    ends = base, array.max() + (array.min() - base) / 2
    axes.set_xlim(ends) if lying else axes.set_ylim(ends)
    return ", ".join(filter(None, (note, "bars do not start at zero")))


def _base(measured: values.Range) -> float | None:
    """Where bars start that are all alike and far from zero; None means at zero."""
    low, high = measured.low, measured.high
    # An eighth of the range is left beneath the lowest, or its bar would vanish.
    return low - (high - low) / 8 if low > 0 and 0 < high - low < high / 3 else None


def _names(axes: "Axes", steps: Steps, item: Step, array: np.ndarray) -> str:
    """The names of positions, or texts, written into a grid; of a long array the beginning."""
    rows, columns = GRID if array.ndim > 1 else (1, GRID[0])
    cut = values.cut(steps, item, array, rows=rows, columns=columns, first=True)
    grid, side, top = cut.values[0], cut.rows, cut.columns
    if array.ndim == 1:  # a vector reads best from top to bottom
        grid, side, top = grid.T, top, side
    labels = values.position_labels(steps, item.of, grid)
    # Letters that fit into a cell of the grid.
    longest = 34 if grid.shape[1] == 1 else max(4, 50 // grid.shape[1])
    for k, label in enumerate(labels):
        # Labels come row by row.
        row, column = divmod(k, grid.shape[1])
        text = _safe(values.clip(label, longest))
        axes.text(column, row, text, fontsize=8, ha="center", va="center", color=INK)
    axes.set(xlim=(-0.5, grid.shape[1] - 0.5), ylim=(len(grid) - 0.5, -0.5))
    _ticks(axes.yaxis, side)
    _ticks(axes.xaxis, top)
    if array.ndim == 1:
        axes.set_xticks([])
    return cut.note


def _safe(text: str) -> str:
    """Text that matplotlib draws as it is: no formulas, no sign that its font lacks."""
    known = _known_signs()  # a missing sign would be a warning and an empty box of any width
    return "".join(c if ord(c) in known else "□" for c in text).replace("$", r"\$")


@functools.cache
def _known_signs() -> frozenset[int]:
    from matplotlib.font_manager import findfont, get_font

    return frozenset(get_font(findfont("DejaVu Sans")).get_charmap())
