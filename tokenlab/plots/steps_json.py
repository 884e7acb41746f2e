"""A recorded value as the page gets it: what is shown of it, in words that JSON has."""

import math
from typing import Any

import numpy as np

from tokenlab.plots import steps_values as values
from tokenlab.plots.steps_bins import Bins, binned
from tokenlab.steps import Step, Steps

__all__ = ["picture_of"]

BARS = 400  # of a vector; a longer one is put into bins
LONG = ("bars", "mask")  # what is drawn by bins where it is long


def picture_of(steps: Steps, item: Step, array: np.ndarray | None, kind: str, cells: int) -> Any:
    """What the page is told of a value to draw it: cells, axes with labels, what is left out."""
    # The kinds are those of the script: each gets what its drawing needs.
    if array is None or kind == "object":
        return _object_fields(item.value)
    if kind in ("empty", "number"):
        return values.value_text(steps, item, array)
    # A vector is summarised, a matrix sampled: in a heat map extremes would drown the pattern.
    bins = binned(array, min(BARS, cells)) if kind in LONG and values.is_row(array) else None
    if bins is not None:
        return _binned_picture(steps, item, array, bins) | _measures(array, kind)
    in_order = kind in ("positions", "text")  # read from the beginning, not every n-th
    # Names are wide, and are read; colours are not.
    limit = (
        {"rows": 100, "columns": 32}
        if in_order and array.ndim > 1
        else {"rows": 200, "columns": 400}
    )
    cut = values.cut(steps, item, array, slices=16, cells=cells, first=in_order, **limit)
    picture = {
        "slices": _axis(cut.slices),
        "rows": _axis(cut.rows),
        "columns": _axis(cut.columns),
        "note": cut.note,
        "data": _plain(cut.values),
    }
    # No legend for texts, and for positions the names that they stand for.
    if kind == "positions":
        picture["labels"] = _used_labels(steps, item.of, cut.values)
    elif kind != "text":
        picture |= _measures(array, kind)
    if steps.lies_over_photo(item) and kind in ("matrix", "mask"):
        picture["photo"] = True
    return picture


def _measures(array: np.ndarray, kind: str) -> dict[str, Any]:
    """What the legend says about all values, shown or not."""
    if kind == "mask":
        true = int(array.sum())
        return {"true": true, "false": array.size - true}
    # Of the whole value, so that colours mean the same whatever is sampled.
    measured = values.Range.of(array)
    low, high = (measured.low, measured.high) if measured.finite else (math.nan, math.nan)
    ends = {"low": _number(low), "high": _number(high)}
    return {**ends, "signed": measured.signed, "missing": measured.missing}


def _binned_picture(steps: Steps, item: Step, array: np.ndarray, bins: Bins) -> dict[str, Any]:
    """A long vector: of each bin the largest value, beside it the smallest."""
    name = values.axis_names(item, array.ndim)[-1]
    # The label of a bin is that of its largest value: the one that is looked for.
    tops = bins.top.tolist()
    labels = values.axis_labels(steps, item, name, bins.size, tops)
    one = _axis(values.Axis("", 1, range(1), None))
    return {
        "slices": one,
        "rows": one,
        # Its step is the width of a bin, so positions on the axis are right by themselves.
        "columns": _axis(values.Axis(name, bins.size, bins.shown, None)),
        "note": bins.note,
        "data": _plain(bins.high[None, None]),
        "bins": {
            "low": _plain(bins.low[None, None])[0][0],
            "top": tops,
            "labels": labels and [values.clip(label, 60) for label in labels],
            "gaps": np.flatnonzero(bins.gaps).tolist(),
        },
    }


def _axis(axis: values.Axis) -> dict[str, Any]:
    labels = axis.labels and [values.clip(label, 120) for label in axis.labels]
    return {"name": axis.name, "size": axis.size, "step": axis.shown.step, "labels": labels}


def _used_labels(steps: Steps, of: str, positions: np.ndarray) -> dict[str, str]:
    """The labels of the positions that are shown, and of no other."""
    names = steps.labels.get(of, ())
    # Of 50,000 words a page of ten positions needs ten.
    used = (p for p in np.unique(positions).tolist() if 0 <= p < len(names))
    return {str(p): values.clip(values.visible(str(names[p])), 120) for p in used}


def _plain(array: np.ndarray) -> Any:
    """Nested lists of what JSON can hold."""
    if array.dtype.kind == "b":  # 1 is shorter than true
        array = array.astype(np.uint8)
    if array.dtype.kind in "iuf":
        flat = [_number(v) for v in array.ravel().tolist()]
    else:
        flat = [values.clip(values.visible(str(v)), 120) for v in array.ravel().tolist()]
    # Cut into rows, and rows into slices.
    _, n_rows, n_columns = array.shape
    rows = [flat[i : i + n_columns] for i in range(0, len(flat), n_columns)]
    return [rows[i : i + n_rows] for i in range(0, len(rows), n_rows)]


def _number(x: Any) -> Any:
    """Four significant digits; null for NaN, text for infinities and for what JavaScript rounds."""
    if isinstance(x, int):
        # Above 2⁵³ JavaScript rounds.
        return x if abs(x) < 2**53 else str(x)
    if math.isnan(x):
        return None
    if math.isinf(x):
        return "Infinity" if x > 0 else "-Infinity"
    # 1.0 is written as 1, which is shorter.
    short = float(f"{x:.4g}")
    return int(short) if short == int(short) and abs(short) < 1e15 else short


def _object_fields(value: Any) -> list[list[str]]:
    """Name and content of each field of a record; one nameless line for anything else."""
    names = getattr(value, "_fields", None) or list(getattr(value, "__dataclass_fields__", ()))
    pairs = value.items() if isinstance(value, dict) else [(n, getattr(value, n)) for n in names]
    if not pairs:  # a text, None, or any other object
        return [["", values.clip(str(value) if isinstance(value, str) else repr(value), 2000)]]
    fields = []
    for name, field in list(pairs)[:50]:
        shape = f"{field.dtype} {field.shape}" if hasattr(field, "dtype") and np.ndim(field) else ""
        fields.append([str(name), shape or values.clip(repr(field), 200)])
    return fields
