"""A recording as one web page to step through: the code on the left, the value on the right.

Everything is in the one file that is written: style, script and data. Nothing is loaded from
anywhere, and large arrays are sampled, so that a page stays small enough to mail.
"""

import base64
import json
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

import numpy as np

from tokenlab.plots import steps_source as source
from tokenlab.plots import steps_values as values
from tokenlab.plots.steps_json import picture_of
from tokenlab.steps import Step, Steps

__all__ = ["render_fragment", "render_page"]

CELLS = 300_000  # numbers in a page, all steps together: about two megabytes
CELLS_PER_STEP = 60_000
SCRIPTS = ("draw", "canvas", "photo", "picture", "page")  # in this order: each uses those before it
# A frame cannot grow with what is in it.
FRAME_HEIGHT = 760  # pixels of a notebook cell


def render_page(steps: Steps, *, title: str = "") -> str:
    """A whole HTML document; it needs no network and says something without JavaScript, too.

    Parameters
    ----------
    steps : Steps
    title : str
        The heading; without one, the name of the function that was recorded.
    """
    calls = source.Calls()
    # Large values share the numbers that a page may hold, each cut to the same limit.
    needed = sum(min(CELLS_PER_STEP, a.size) for a in map(values.as_array, steps) if a is not None)
    cells = max(100, int(CELLS_PER_STEP * min(1, CELLS / max(1, needed))))
    data = [
        _step_data(steps, item, name, calls, cells)
        for item, name in zip(steps, steps.names, strict=True)
    ]
    name = _main_function(steps)
    # Templates, not f-strings: style and script are full of braces.
    return Template(_resource("steps_page.html")).substitute(
        title=escape(title or (f"{name}, step by step" if name else "Step by step")),
        css=_resource("steps_page.css") + _resource("steps_picture.css"),
        script="\n".join([_photo(steps), *(_resource(f"steps_{part}.js") for part in SCRIPTS)]),
        outline=_outline(data),
        # Each source once, however many steps it made.
        sources="\n".join(_source_block(s, i) for s, i in calls.sources.items()),
        static=_static(data, list(calls.sources)),
        data=_json(data),
    )


def render_fragment(steps: Steps) -> str:
    """The page in a frame, for a notebook cell: it cannot touch its surroundings, nor they it.

    Where a notebook removes frames (not trusted, or shown by a website) the table remains.
    """
    # In an attribute, the page is text: nothing in it can end the frame.
    page = escape(render_page(steps), quote=True)
    frame = (
        f'<iframe srcdoc="{page}" title="Recorded steps, one by one" sandbox="allow-scripts" '
        f'loading="lazy" width="100%" height="{FRAME_HEIGHT}" '
        'style="border:1px solid #8885;border-radius:8px;min-width:300px"></iframe>'
    )
    # Inline styles alone: a notebook strips style sheets, and keeps tables.
    named = zip(steps.names, steps, strict=True)
    cells = [_table_row(steps, i, *pair) for i, pair in enumerate(named, start=1)]
    head = "".join(
        f"<th>{h}</th>" for h in ("#", "name", "shape", "type", "values", "what it means")
    )
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(cells)}</tbody></table>"
    return f"<div>{frame}<details><summary>The steps as a table</summary>{table}</details></div>"


def _table_row(steps: Steps, i: int, name: str, item: Step) -> str:
    array = values.as_array(item)
    cells = (
        str(i),
        # Wide blanks indent what a called function made: HTML drops ordinary ones.
        "\u2003" * steps.depth(item) + name,
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
    # Only recordings with a photo need it.
    from tokenlab.plots.notebook import png

    data = base64.b64encode(png(np.ascontiguousarray(steps.photo))).decode("ascii")
    return f'const PHOTO = Object.assign(new Image(), {{ src: "data:image/png;base64,{data}" }});'


def _main_function(steps: Steps) -> str:
    """The outermost function that was recorded; empty when the steps are in no function."""
    # Calls go from the inside out, so the last is the outermost.
    name = steps.items[0].calls[-1][1] if len(steps) else ""
    # "<module>" and "<lambda>" are no names.
    return "" if "<" in name else name


def _json(data: Any) -> str:
    """JSON that may stand inside a script element: no `<` can end it."""
    # JSON has no NaN; those were written as null before, and one that slipped through raises here.
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _step_data(
    steps: Steps, item: Step, name: str, calls: source.Calls, cells: int
) -> dict[str, Any]:
    # Measured in Python on the whole value: the page itself sees a sample.
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
        "calls": calls.of(item),
        "picture": picture_of(steps, item, array, kind, cells),
    }


def _outline(data: list[dict[str, Any]]) -> str:
    """The steps as a list, under the names of the functions that were called to make them."""
    lines: list[str] = []
    open_calls: list[tuple[str, int]] = []
    for i, step in enumerate(data, start=1):
        calls = [(call["function"], call["source"]) for call in reversed(step["calls"])]
        # Headings for the calls that are new since the last step, as in a folded tree.
        same = _common(calls, open_calls)
        for depth, (function, _) in enumerate(calls[same:], start=same):
            if function:  # a module has no heading
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


def _static(data: list[dict[str, Any]], sources: list[source.Source]) -> str:
    """What is shown without JavaScript and on paper: the code of a statement once."""
    first_at: dict[Any, int] = {}
    out = []
    for i, step in enumerate(data, start=1):
        call = step["calls"][0]
        # A loop makes thousands of steps with one statement: later ones refer to the first.
        first = first_at.setdefault((call["source"], *call["lit"]), i)
        code = _code(call, sources) if first == i else ""
        out.append(_static_entry(i, step, code, first))
    return "\n".join(out)


def _code(call: dict[str, Any], sources: list[source.Source]) -> str:
    # From where the value was made to the step; line numbers count from the source's first line.
    found = sources[call["source"]]
    return "\n".join(
        found.lines[max(0, call["from"] - found.first) : call["lit"][1] - found.first + 1]
    )


def _static_entry(i: int, step: dict[str, Any], code: str, first: int) -> str:
    call = step["calls"][0]
    facts = " · ".join(filter(None, (step["shape"], step["type"], step["values"])))
    where = f"{escape(call['file'])}, line {call['lit'][0]}"
    if first < i:
        where += f', as <a href="#step-{first}">step {first}</a>'
    # The empty box is filled by the script, when the page is printed.
    parts = [
        f'<section id="step-{i}"><h2>{i}. {escape(step["name"])}</h2>',
        f'<p class="facts">{escape(facts)}</p><div class="picture"></div>',
        f"<p>{escape(step['note'])}</p>" if step["note"] else "",
        f'<p class="eq">{escape(step["eq"])}</p>' if step["eq"] else "",
        f'<p class="facts">{where}</p>',
        f"<pre>{escape(code)}</pre>" if code else "",
        "</section>",
    ]
    return "".join(parts)
