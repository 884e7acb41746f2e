"""A recording as one web page to step through: the code on the left, the value on the right.

Everything is in the one file that is written: style, script and data. Nothing is loaded from
anywhere, and large arrays are sampled, so that a page stays small enough to mail.
"""

import base64
import json
import math
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

import numpy as np

from tokenlab.plots import steps_source as source
from tokenlab.plots import steps_values as values
from tokenlab.steps import Step, Steps

__all__ = ["render_fragment", "render_page"]

CELLS = 300_000  # numbers in a page, all steps together: about two megabytes
CELLS_PER_STEP = 60_000
SCRIPTS = ("draw", "canvas", "photo", "picture", "page")  # in this order: each uses those before it
FRAME_HEIGHT = 760  # pixels of a notebook cell


def render_page(steps: Steps, *, title: str = "") -> str:
    """A whole HTML document; it needs no network and says something without JavaScript, too.

    Parameters
    ----------
    steps : Steps
    title : str
        The heading; without one, the name of the function that was recorded.
    """
    sources: dict[source.Source, int] = {}
    needed = sum(min(CELLS_PER_STEP, a.size) for a in map(values.as_array, steps) if a is not None)
    cells = int(CELLS_PER_STEP * min(1, CELLS / max(1, needed)))
    data = [
        _step_data(steps, item, name, sources, cells)
        for item, name in zip(steps, steps.names, strict=True)
    ]
    name = _main_function(steps)
    return Template(_resource("steps_page.html")).substitute(
        title=escape(title or (f"{name}, step by step" if name else "Step by step")),
        css=_resource("steps_page.css") + _resource("steps_picture.css"),
        script="\n".join([_photo(steps), *(_resource(f"steps_{part}.js") for part in SCRIPTS)]),
        outline=_outline(data),
        sources="\n".join(_source_block(s, i) for s, i in sources.items()),
        static="\n".join(_static_entry(i, step, list(sources)) for i, step in enumerate(data)),
        data=_json(data),
    )


def render_fragment(steps: Steps) -> str:
    """The page in a frame, for a notebook cell: it cannot touch its surroundings, nor they it.

    Where a notebook removes frames (not trusted, or shown by a website) the table remains.
    """
    page = escape(render_page(steps), quote=True)
    frame = (
        f'<iframe srcdoc="{page}" title="Recorded steps, one by one" sandbox="allow-scripts" '
        f'loading="lazy" width="100%" height="{FRAME_HEIGHT}" '
        'style="border:1px solid #8885;border-radius:8px;min-width:300px"></iframe>'
    )
    cells = [_table_row(steps, i, item) for i, item in enumerate(steps)]
    head = "".join(
        f"<th>{h}</th>" for h in ("#", "name", "shape", "type", "values", "what it means")
    )
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(cells)}</tbody></table>"
    return f"<div>{frame}<details><summary>The steps as a table</summary>{table}</details></div>"


def _table_row(steps: Steps, i: int, item: Step) -> str:
    array = values.as_array(item)
    cells = (
        str(i + 1),
        "\u2003" * steps.depth(item) + steps.names[i],
        values.shape_text(item, array),
        values.type_text(item, array),
        values.value_text(steps, item, array),
        f"{item.note} {item.eq}".strip(),
    )
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"


def _resource(name: str) -> str:
    return files("tokenlab.plots").joinpath(name).read_text(encoding="utf-8")


def _photo(steps: Steps) -> str:
    """The picture under the maps, once for all steps, as a line of script."""
    if steps.photo is None:
        return "const PHOTO = null;"
    from tokenlab.plots.notebook import png

    data = base64.b64encode(png(np.ascontiguousarray(steps.photo))).decode("ascii")
    return f'const PHOTO = Object.assign(new Image(), {{ src: "data:image/png;base64,{data}" }});'


def _main_function(steps: Steps) -> str:
    """The outermost function that was recorded; empty when the steps are in no function."""
    name = steps.items[0].calls[-1][1] if len(steps) else ""
    return "" if "<" in name else name


def _json(data: Any) -> str:
    """JSON that may stand inside a script element: no `<` can end it."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _step_data(
    steps: Steps, item: Step, name: str, sources: dict[source.Source, int], cells: int
) -> dict[str, Any]:
    array = values.as_array(item)
    kind = values.kind_of(item, array)
    return {
        "name": name,
        "kind": kind,
        "shape": values.shape_text(item, array),
        "type": values.type_text(item, array),
        "values": values.value_text(steps, item, array),
        "note": item.note,
        "eq": item.eq,
        "of": item.of,
        "calls": _calls(item, sources),
        "picture": _picture(steps, item, array, kind, cells),
    }


def _calls(item: Step, sources: dict[source.Source, int]) -> list[dict[str, Any]]:
    """The functions that were running, innermost first, each with its lit statement."""
    out: list[dict[str, Any]] = []
    for (file, function, first), line in zip(item.calls, item.lines or (item.line,), strict=False):
        if out and not source.is_shown(file):
            continue
        found = source.find_source(file, function, first, line)
        made = source.making_lines(file, line) if not out else source.statement_lines(file, line)
        out.append(
            {
                "function": function.replace(".<locals>", "") if function != "<module>" else "",
                "file": source.short_path(file),
                "source": sources.setdefault(found, len(sources)),
                "lit": source.statement_lines(file, line),
                "from": made[0],
            }
        )
    return out


def _picture(steps: Steps, item: Step, array: np.ndarray | None, kind: str, cells: int) -> Any:
    if array is None or kind == "object":
        return _object_fields(item.value)
    if kind in ("empty", "number"):
        return values.value_text(steps, item, array)
    in_order = kind in ("positions", "text")  # read from the beginning, not every n-th
    limit = (
        {"rows": 100, "columns": 32}
        if in_order and array.ndim > 1
        else {"rows": 200, "columns": 400}
    )
    cut = values.cut(steps, item, array, slices=16, cells=max(500, cells), first=in_order, **limit)
    picture = {
        "slices": _axis(cut.slices),
        "rows": _axis(cut.rows),
        "columns": _axis(cut.columns),
        "note": cut.note,
        "data": _plain(cut.values),
    }
    if kind == "positions":
        picture["labels"] = _used_labels(steps, item.of, cut.values)
    elif kind == "mask":
        picture["true"] = int(array.sum())
        picture["false"] = array.size - picture["true"]
    elif kind != "text":
        measured = values.Range.of(array)
        ends = (measured.low, measured.high) if measured.finite else (math.nan, math.nan)
        picture["low"], picture["high"] = map(_number, ends)
        picture["signed"] = measured.signed
        picture["missing"] = measured.missing
    if steps.lies_over_photo(item) and kind in ("matrix", "mask"):
        picture["photo"] = True
    return picture


def _axis(axis: values.Axis) -> dict[str, Any]:
    labels = axis.labels and [values.clip(label, 120) for label in axis.labels]
    return {"name": axis.name, "size": axis.size, "step": axis.shown.step, "labels": labels}


def _used_labels(steps: Steps, of: str, positions: np.ndarray) -> dict[str, str]:
    """The labels of the positions that are shown, and of no other."""
    names = steps.labels.get(of, ())
    used = (p for p in np.unique(positions).tolist() if 0 <= p < len(names))
    return {str(p): values.clip(values.visible(str(names[p])), 120) for p in used}


def _plain(array: np.ndarray) -> Any:
    """Nested lists of what JSON can hold."""
    if array.dtype.kind == "b":
        array = array.astype(np.uint8)
    if array.dtype.kind in "iuf":
        flat = [_number(v) for v in array.ravel().tolist()]
    else:
        flat = [values.clip(values.visible(str(v)), 120) for v in array.ravel().tolist()]
    _, n_rows, n_columns = array.shape
    rows = [flat[i : i + n_columns] for i in range(0, len(flat), n_columns)]
    return [rows[i : i + n_rows] for i in range(0, len(rows), n_rows)]


def _number(x: Any) -> Any:
    """Four significant digits; null for NaN, text for infinities and for what JavaScript rounds."""
    if isinstance(x, int):
        return x if abs(x) < 2**53 else str(x)
    if math.isnan(x):
        return None
    if math.isinf(x):
        return "Infinity" if x > 0 else "-Infinity"
    short = float(f"{x:.4g}")
    return int(short) if short == int(short) and abs(short) < 1e15 else short


def _object_fields(value: Any) -> list[list[str]]:
    """Name and content of each field of a record; one nameless line for anything else."""
    names = getattr(value, "_fields", None) or list(getattr(value, "__dataclass_fields__", ()))
    pairs = value.items() if isinstance(value, dict) else [(n, getattr(value, n)) for n in names]
    if not pairs:
        return [["", values.clip(str(value) if isinstance(value, str) else repr(value), 2000)]]
    fields = []
    for name, field in list(pairs)[:50]:
        shape = f"{field.dtype} {field.shape}" if hasattr(field, "dtype") and np.ndim(field) else ""
        fields.append([str(name), shape or values.clip(repr(field), 200)])
    return fields


def _outline(data: list[dict[str, Any]]) -> str:
    """The steps as a list, under the names of the functions that were called to make them."""
    lines: list[str] = []
    open_calls: list[tuple[str, int]] = []
    for i, step in enumerate(data, start=1):
        calls = [(call["function"], call["source"]) for call in reversed(step["calls"])]
        same = _common(calls, open_calls)
        for depth, (function, _) in enumerate(calls[same:], start=same):
            if function:
                lines.append(
                    f'<li class="function" style="--depth:{depth}">{escape(function)}</li>'
                )
        lines.append(
            f'<li style="--depth:{len(calls) - 1}"><a href="#step-{i}"><span class="no">{i}</span>'
            f'<span class="name">{escape(step["name"])}</span></a></li>'
        )
        open_calls = calls
    return "\n".join(lines)


def _common(one: list, other: list) -> int:
    """How many elements two lists share from the beginning."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((k for k, (a, b) in pairs if a != b), min(len(one), len(other)))


def _source_block(found: source.Source, i: int) -> str:
    inner = source.source_html(found)
    if not inner:
        inner = '<p class="absent">The source of this function is not available.</p>'
    return f'<div class="source" data-source="{i}" hidden>{inner}</div>'


def _static_entry(i: int, step: dict[str, Any], sources: list[source.Source]) -> str:
    """What is shown without JavaScript and on paper."""
    call = step["calls"][0]
    found, (first, last) = sources[call["source"]], call["lit"]
    code = "\n".join(found.lines[max(0, call["from"] - found.first) : last - found.first + 1])
    facts = " · ".join(filter(None, (step["shape"], step["type"], step["values"])))
    where = f"{call['file']}, line {first}"
    parts = [
        f'<section id="step-{i + 1}"><h2>{i + 1}. {escape(step["name"])}</h2>',
        f'<p class="facts">{escape(facts)}</p><div class="picture"></div>',
        f"<p>{escape(step['note'])}</p>" if step["note"] else "",
        f'<p class="eq">{escape(step["eq"])}</p>' if step["eq"] else "",
        f'<p class="facts">{escape(where)}</p><pre>{escape(code)}</pre></section>',
    ]
    return "".join(parts)
