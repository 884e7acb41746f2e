"""The three views of a recording: terminal table, matplotlib figure, web page."""

import json
import re
import sys
import time
import unicodedata
import warnings
from html.parser import HTMLParser
from typing import NamedTuple

import numpy as np
import pytest

from tokenlab.blocks import by_rows
from tokenlab.errors import MissingDependency
from tokenlab.plots import steps_source, steps_values
from tokenlab.plots.steps_bins import binned
from tokenlab.plots.steps_page import render_fragment, render_page
from tokenlab.plots.steps_table import format_table
from tokenlab.steps import Steps, record, step

NASTY = [
    "</script><script>alert(1)</script>",
    "<b>bold</b>",
    "\"quotes\" & 'more'",
    " ",
    "\n",
    "€ 字 $x$",
]


class Found(NamedTuple):
    ids: np.ndarray
    scores: float


def values():
    """One value of every kind: name, value, axes, of."""
    rng = np.random.default_rng(0)
    gaps = rng.normal(size=(6, 5))
    gaps[0, 0], gaps[1, 1], gaps[2, 2] = np.nan, -np.inf, np.inf
    return [
        ("scalar", 0.25, (), ""),
        ("whole", 7, (), ""),
        ("truth", True, (), ""),
        ("zero-d", np.array(3.5), (), ""),
        ("nan", float("nan"), (), ""),
        ("position", np.int64(2), (), "labelled"),
        ("complex", np.array([1 + 2j, 3j]), ("n",), ""),
        ("vector", rng.normal(size=6), ("labelled",), ""),
        ("half", rng.normal(size=6).astype(np.float16), ("labelled",), ""),
        ("no finite", np.full(3, -np.inf), ("n",), ""),
        ("gaps", gaps, ("labelled", "n"), ""),
        ("alike", np.array([0.70, 0.71, 0.72]), ("n",), ""),
        ("constant", np.ones((40, 40)), (), ""),
        ("mask", gaps > 0, ("labelled", "n"), ""),
        ("strip", rng.random(300) > 0.5, ("n",), ""),
        ("picks", rng.integers(0, 6, size=(6, 4)), ("labelled", "rank"), "labelled"),
        ("pick", rng.integers(0, 9, size=5), ("rank",), "labelled"),
        ("codes", rng.integers(0, 2**62, size=(3, 3)), (), ""),
        ("unsigned", np.array([[2**64 - 1, 0]], dtype=np.uint64), (), ""),
        ("words", np.array(NASTY), ("labelled",), ""),
        ("empty", np.zeros((0, 3)), ("n", "d"), ""),
        ("tensor", rng.random((3, 7, 8)), ("h", "n", "m"), ""),
        ("four axes", rng.random((2, 2, 3, 3)), ("b", "h", "n", "m"), ""),
        ("large", rng.normal(size=(5000, 14)).astype(np.float32), ("n_tokens", "n_q"), ""),
        ("row", rng.normal(size=(1, 60)), ("n_queries", "n"), ""),
        ("long", rng.normal(size=5000), ("n_tokens",), ""),
        ("list", [1.0, 2.0], (), ""),
        ("ragged", [[1], [1, 2]], (), ""),
        ("record", Found(np.arange(3), 0.5), (), ""),
        ("mapping", {"a": 1}, (), ""),
        ("text", NASTY[0], (), ""),
        ("nothing", None, (), ""),
    ]


def everything() -> Steps:
    with record({"labelled": NASTY}) as steps:
        for name, value, axes, of in values():
            step(name, value, f"the {name} <i>one</i>", eq="a < b & c", axes=axes, of=of)
    return steps


@pytest.fixture(scope="module")
def steps():
    return everything()


def embedded(page: str):
    """The data of a page, as the browser will read it."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    return json.loads(found[1], parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


class Reader(HTMLParser):
    """Text, tags and attributes, as a browser would see them."""

    def __init__(self, page: str):
        super().__init__()
        self.tags, self.links, self.text = [], [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [
            value for name, value in attrs if name in ("src", "href", "srcset", "action")
        ]

    def handle_data(self, data):
        self.text += data


# --- the table


@pytest.mark.parametrize("width", [40, 80, 100, 140, 300])
def test_table_fits_the_terminal(steps, width):
    lines = format_table(steps, width=width).splitlines()
    assert max(map(len, lines)) <= width
    assert not any(line != line.rstrip() for line in lines)
    assert all(unicodedata.category(c) != "Cc" for line in lines for c in line)  # no colour codes


def test_table_asks_the_terminal(steps, monkeypatch):
    monkeypatch.setenv("COLUMNS", "90")
    assert max(map(len, repr(steps).splitlines())) <= 90


def test_table_says_what_matters(steps):
    table = format_table(steps, width=200)
    assert "(6 labelled, 5 n)" in table
    assert "1 -inf, 1 inf, 1 NaN" in table
    assert "(0 n, 3 d)" in table
    assert "the gaps <i>one</i>  [a < b & c]" in table
    for name in steps.names:
        assert name in table


def test_table_of_nothing_says_so():
    assert "No steps" in format_table(Steps())


def test_table_indents_what_a_called_function_made():
    def inner():
        step("deep", 1)

    def outer():
        inner()
        step("shallow", 2)

    with record() as steps:
        outer()
    deep, shallow = format_table(steps, width=80).splitlines()[2:4]
    assert deep.index("deep") > shallow.index("shallow")


# --- words


@pytest.mark.parametrize(
    ("n", "expected"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (11, "11th"), (62, "62nd"), (113, "113th")],
)
def test_ordinal(n, expected):
    assert steps_values.ordinal(n) == expected


def test_sampling_is_told_and_true(steps):
    item = steps.find("large")
    cut = steps_values.cut(steps, item, item.array, rows=200, columns=400)
    assert cut.note == "every 25th of 5,000 n_tokens"
    np.testing.assert_array_equal(cut.values[0], item.value[::25])
    assert cut.rows.label(3) == "75"


def test_cells_are_limited(steps):
    item = steps.find("tensor")
    cut = steps_values.cut(steps, item, item.array, rows=200, columns=400, slices=16, cells=60)
    assert cut.values.size <= 60
    assert cut.values.shape[0] == 3


def test_labels_come_from_an_earlier_step_of_the_axis_name():
    with record({"n_docs": ["zero", "one", "two"]}) as steps:
        step("candidates", np.array([2, 0]), axes=("candidates",), of="n_docs")
        step("scores", np.array([0.5, 0.25]), axes=("candidates",))
        step("wrong length", np.zeros(3), axes=("candidates",))
        step("docs", np.zeros(2), axes=("n_docs",))
    assert steps_values.axis_labels(steps, steps.find("scores"), "candidates", 2, range(2)) == [
        "two",
        "zero",
    ]
    assert (
        steps_values.axis_labels(steps, steps.find("wrong length"), "candidates", 3, range(3))
        is None
    )
    assert steps_values.axis_labels(steps, steps.find("docs"), "n_docs", 2, range(2)) is None


def test_labels_come_from_the_nearest_earlier_step():
    with record() as steps:
        for found in ([3, 4], [5, 6]):
            step("candidates", np.array(found))
            step("scores", np.zeros(2), axes=("candidates",))
    labels = [
        steps_values.axis_labels(steps, steps.find(name), "candidates", 2, range(2))
        for name in ("scores", "scores #2")
    ]
    assert labels == [["3", "4"], ["5", "6"]]


def test_blank_labels_become_visible():
    assert [steps_values.visible(x) for x in (" ", "\n", "", "a b")] == ["␣", "↵", "(empty)", "a b"]


# --- bins


def rare(n=4096):
    """Probabilities of which one is large, at a place that no even sample meets."""
    p = np.full(n, 1e-4)
    p[1777] = 0.9
    return p


@pytest.mark.parametrize("n", [401, 800, 4095, 4096, 4097, 50_000])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.int64, np.uint8, bool])
def test_bins_keep_their_extremes(n, dtype):
    rng = np.random.default_rng(n)
    x = (rng.random(n) * 250).astype(dtype) if dtype is not bool else rng.random(n) > 0.99
    bins = binned(x, 400)
    assert len(bins.low) <= 400
    for i, start in enumerate(bins.shown):
        part = x[start : start + bins.width]
        assert bins.low[i] == part.min()
        assert bins.high[i] == pytest.approx(part.mean() if dtype is bool else part.max())
        assert x[bins.top[i]] == part.max()
    assert not bins.gaps.any()
    assert binned(x[:400], 400) is None


def test_bins_with_gaps():
    bins = binned(np.array([np.nan, np.nan, 1.0, -np.inf, 2.0, 3.0, np.inf]), 4)
    np.testing.assert_array_equal(bins.low, [np.nan, 1, 2, np.nan])
    np.testing.assert_array_equal(bins.high, [np.nan, 1, 3, np.nan])
    assert bins.gaps.tolist() == [True, True, False, True]


def test_the_page_shows_the_one_large_value():
    with record({"vocab": [f"w{i}" for i in range(4096)]}) as steps:
        step("p", rare(), axes=("vocab",))
        step("row", -rare()[None], axes=("n", "vocab"))
        step("mask", rare() > 0.5, axes=("vocab",))
        step("whole", (rare() * 1e9).astype(np.int64) + 12345678, axes=("vocab",))
    p, row, mask, whole = (s["picture"] for s in embedded(render_page(steps)))
    bin_ = 1777 // p["columns"]["step"]
    assert p["data"][0][0][bin_] == 0.9
    assert p["bins"]["low"][bin_] == 1e-4
    assert p["bins"]["top"][bin_] == 1777
    assert p["bins"]["labels"][bin_] == "w1777"
    assert "bins of 11, each with its min and max" in p["note"]
    assert (row["bins"]["low"][bin_], row["data"][0][0][bin_]) == (-0.9, -1e-4)
    assert np.count_nonzero(mask["data"]) == 1
    assert mask["true"] == 1
    assert whole["bins"]["low"][bin_] == 12345678 + 100_000
    assert len(json.dumps([p, row, mask, whole])) < 60_000


# --- the source


# fmt: off
def example(x):
    """A docstring.

    Of several lines.
    """
    total = x + 1
    total = (
        total
        * 2
    )
    note = "twice"
    for _ in range(1):
        step(
            "total",
            total,
            note,
        )
    return step("inline", total + 1) if x else None
# fmt: on


FIRST = example.__code__.co_firstlineno


def recorded_example() -> Steps:
    with record() as steps:
        example(1)
    return steps


def test_the_statement_that_ran_is_lit():
    total, inline = embedded(render_page(recorded_example()))
    assert total["calls"][0]["lit"] == [FIRST + 12, FIRST + 16]
    assert total["calls"][0]["from"] == FIRST + 6  # the latest assignment of the value
    assert inline["calls"][0]["lit"] == [FIRST + 17, FIRST + 17]
    assert inline["calls"][0]["from"] == FIRST + 17


def test_callers_are_shown_with_the_line_that_called():
    def outer():
        return example(1)

    with record() as steps:
        outer()
    inner, caller = embedded(render_page(steps))[0]["calls"]
    assert inner["function"] == "example"
    assert caller["function"].endswith("outer")
    assert caller["lit"] == [outer.__code__.co_firstlineno + 1] * 2


def test_the_head_of_a_block_is_lit_without_its_body():
    source = FIRST + 11  # for _ in range(1):
    assert steps_source.statement_lines(__file__, source) == (source, source)


def test_the_docstring_is_folded():
    found = steps_source.find_source(*recorded_example().items[0].calls[0], FIRST + 12)
    html = steps_source.source_html(found)
    assert found.docstring == (FIRST + 1, FIRST + 4)
    assert html.count("<details") == html.count("</details>") == 1
    assert "3 more lines" in html
    assert Reader(html).text.count("Of several lines.") == 1


def test_colouring_keeps_every_character():
    found = steps_source.find_source(__file__, "NASTY", 1, 20)
    code = re.findall(r"<code>(.*?)</code>", steps_source.source_html(found))
    assert len(code) == len(found.lines)
    for html, line in zip(code, found.lines, strict=True):
        assert Reader(html).text.rstrip() == line.rstrip()


def test_code_without_source_still_renders():
    space = {"step": step}
    exec("def hidden():\n    step('made', 1.5)", space)
    with record() as steps:
        space["hidden"]()
    page = render_page(steps)
    assert "The source of this function is not available" in page
    assert embedded(page)[0]["picture"] == "1.5"
    assert "made" in repr(steps)


def test_short_steps_light_what_made_their_value():
    def outer(x):
        total = x + 1
        total = total * 2
        y = 3
        total = step(total)  # the sum
        return step(total * y)

    with record() as steps:
        outer(1)
    first = outer.__code__.co_firstlineno
    total, last = embedded(render_page(steps))
    assert (total["calls"][0]["from"], total["calls"][0]["lit"]) == (first + 2, [first + 4] * 2)
    assert last["calls"][0]["from"] == first + 5
    assert (total["note"], last["name"]) == ("the sum", "outer")


def test_calls_of_the_machinery_are_not_shown():
    @by_rows(lambda x: 1)
    def shown(x):
        return step(x)

    def outer(x):
        return shown(x)

    with record() as steps:
        outer(np.ones((2, 2)))
    calls = embedded(render_page(steps))[0]["calls"]
    names = [call["function"].split(".")[-1] for call in calls]
    assert names[:2] == ["shown", "outer"]


def test_the_code_of_a_loop_is_printed_once():
    with record() as steps:
        for i in range(5):
            step("i", i)
    page = render_page(steps)
    assert page.count("<pre>") == 1
    assert page.count('as <a href="#step-1">step 1</a>') == 4


def test_lambdas_and_comprehensions_are_shown_in_their_function():
    def outer():
        return (lambda x: step("squared", x * x))(3)

    with record() as steps:
        outer()
    page = embedded(render_page(steps))
    assert page[0]["calls"][0]["lit"] == [outer.__code__.co_firstlineno + 1] * 2


# --- the page


def test_page_is_whole_and_loads_nothing(steps):
    page = render_page(steps, title='A <title> & "more"')
    reader = Reader(page)
    assert "http://" not in page
    assert "https://" not in page
    assert "@import" not in page
    assert "url(" not in page
    assert all(link.startswith(("#", "data:")) for link in reader.links)
    assert "A &lt;title&gt; &amp; &quot;more&quot;" in page
    assert reader.tags.count("script") == 3


def test_page_escapes_what_it_shows(steps):
    page = render_page(steps)
    reader = Reader(page)
    assert "alert(1)</script>" not in page
    assert "b" not in reader.tags
    assert "<i>one" not in page
    words = next(s for s in embedded(page) if s["name"] == "words")
    assert words["picture"]["data"][0][0][:3] == NASTY[:3]


def test_numbers_survive_json(steps):
    data = {s["name"]: s["picture"] for s in embedded(render_page(steps))}
    cells = data["gaps"]["data"][0]
    assert (cells[0][0], cells[1][1], cells[2][2]) == (None, "-Infinity", "Infinity")
    assert data["gaps"]["missing"] == [["-inf", 1], ["inf", 1], ["NaN", 1]]
    assert float(cells[3][3]) == pytest.approx(steps["gaps"][3, 3], rel=1e-3)
    assert data["unsigned"]["data"][0][0] == [str(2**64 - 1), 0]  # JavaScript would round it
    assert data["no finite"]["low"] is None
    assert data["picks"]["labels"]["0"] == NASTY[0]
    assert data["mask"]["true"] + data["mask"]["false"] == 30
    assert data["record"] == [["ids", "int64 (3,)"], ["scores", "0.5"]]


def test_page_says_something_without_javascript(steps):
    text = Reader(render_page(steps)).text
    for name in steps.names:
        assert f". {name}" in text
    assert "the mask <i>one</i>" in text


def test_page_names_no_folder_of_this_machine(steps):
    page = render_page(steps)
    assert str(__file__) not in page
    assert "test_steps_views.py" in page


def test_large_array_makes_a_small_page_quickly():
    rng = np.random.default_rng(0)
    with record({"n_tokens": [f"token{i}" for i in range(24802)]}) as steps:
        step("large", rng.normal(size=(24802, 14)).astype(np.float32), axes=("n_tokens", "n_q"))
    render_page(recorded_example())  # reads the source files once
    start = time.process_time()
    page = render_page(steps)
    assert time.process_time() - start < 1
    assert len(page) < 1_500_000
    assert embedded(page)[0]["picture"]["rows"]["labels"][1] == "token125"


def test_many_large_steps_share_the_page():
    with record() as steps:
        for k in range(30):
            step(f"s{k}", np.random.default_rng(k).normal(size=(300, 500)))
    assert len(render_page(steps)) < 4_000_000


def test_page_of_nothing():
    assert embedded(render_page(Steps())) == []
    assert "Step by step" in render_page(Steps())


def test_to_html_writes_utf8(steps, tmp_path):
    path = steps.to_html(tmp_path / "page.html", title="Ümlaut")
    assert "Ümlaut" in path.read_text(encoding="utf-8")


# --- the notebook cell


def test_fragment_keeps_to_itself(steps):
    fragment = render_fragment(steps)
    reader = Reader(fragment)
    assert fragment == steps._repr_html_()
    assert reader.tags[0:2] == ["div", "iframe"]
    assert not {"style", "script", "link", "html", "body"} & set(reader.tags)
    assert " id=" not in re.sub(r'srcdoc="[^"]*"', "", fragment)
    assert 'sandbox="allow-scripts"' in fragment


def test_fragment_without_frames_is_a_table(steps):
    remains = re.sub(r"<iframe.*?</iframe>", "", render_fragment(steps), flags=re.DOTALL)
    reader = Reader(remains)
    assert reader.tags.count("tr") == len(steps) + 1
    assert "the mask <i>one</i>" in reader.text


# --- the figure


@pytest.fixture
def plt():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg", force=True)
    from matplotlib import pyplot

    yield pyplot
    pyplot.close("all")


def test_figure_draws_what_can_be_drawn(steps, plt):
    figure = steps.show(columns=6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.canvas.draw()
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert sum(map(bool, titles)) == len(steps) - 6
    assert "Not drawn: " in figure.get_supxlabel()
    assert "empty" in figure.get_supxlabel()
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert any("every 25th of 5,000 n_tokens" in text for text in texts)
    assert any("bars do not start at zero" in text for text in texts)
    plt.close(figure)
    assert not plt.get_fignums()


def test_figure_of_a_long_vector_reaches_its_largest_value(plt):
    with record() as steps:
        step("p", rare(), axes=("vocab",))
        step("mask", rare() > 0.5, axes=("vocab",))
        step("gaps", np.where(rare() > 0.5, np.nan, -1.0))
    figure = steps.show()
    figure.canvas.draw()
    p, mask, gaps = figure.axes
    tops = [patch.get_path().get_extents(patch.get_transform()) for patch in p.patches]
    assert max(p.transData.inverted().transform(box)[:, 1].max() for box in tops) == pytest.approx(
        0.9
    )
    assert np.count_nonzero(mask.images[0].get_array()) == 1
    assert "196 bins of 21: min and max" in p.texts[0].get_text()
    ends = [patch.get_path().get_extents(patch.get_transform()) for patch in gaps.patches]
    lowest = min(gaps.transData.inverted().transform(box)[:, 1].min() for box in ends)
    assert lowest == pytest.approx(-1)


def test_figure_of_very_many_steps_shows_the_first(plt):
    with record() as steps:
        for i in range(70):
            step("i", i)
        step("text", "not drawn")
    figure = steps.show(columns=8, figsize=(4, 4))
    assert len(figure.axes) == 60
    assert figure.get_supxlabel() == "Not drawn: 71 text, 10 later steps"
    assert len(steps.show(names=["i #65"]).axes) == 1


def test_figure_of_some_steps(steps, plt):
    figure = steps.show(names=["gaps", "vector"], columns=1, figsize=(4, 6))
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert [t for t in titles if t] == ["11  gaps", "8  vector"]
    assert tuple(figure.get_size_inches()) == (4, 6)
    with pytest.raises(KeyError, match="the recorded steps are"):
        steps.show(names=["nonsense"])


def test_figure_of_nothing(plt):
    figure = Steps().show()
    figure.canvas.draw()


def test_missing_matplotlib_is_named(steps, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(MissingDependency, match=r'pip install "matplotlib>=3\.8"'):
        steps.show()
