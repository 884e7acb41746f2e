"""What a notebook shows for the library's objects: complete, escaped, and nothing from outside."""

import importlib.util
import re
import struct
import textwrap
import zlib
from html.parser import HTMLParser

import numpy as np
import pytest

from tokenlab.analysis import bigram_subnetworks, dynamics
from tokenlab.data import load_faq, load_lm_head, load_residual_walk, load_vit_photos
from tokenlab.logits import FullHead
from tokenlab.plots.notebook import png
from tokenlab.pruning import Reduction, tome, uniform
from tokenlab.retrieval import SearchResult, TokenIndex, xtr_search

VOID = {"img", "rect", "br"}


class Checked(HTMLParser):
    """Text and tags of HTML that closes what it opens."""

    def __init__(self, html):
        super().__init__()
        self.open, self.texts, self.tags = [], [], []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)


def looked_at(thing) -> Checked:
    """The parsed HTML of an object, after what must hold for all of them."""
    html = thing._repr_html_()
    parsed = Checked(html)
    assert {tag for tag, _ in parsed.tags}.isdisjoint({"script", "style", "link", "iframe"})
    for tag, attributes in parsed.tags:
        assert attributes.get("src", "data:").startswith("data:"), tag
        assert "href" not in attributes
        assert tag != "img" or attributes["alt"]
        assert tag != "svg" or attributes["aria-label"]
    # Dark notebooks: no colour of text or ground but an inherited one.
    assert not re.search(r"(?<![-\w])color:(?!inherit)|background:(?!currentColor)", html)
    return parsed


def test_the_faq():
    faq = load_faq()
    seen = looked_at(faq)
    assert repr(faq) in seen.texts
    assert faq.questions[0] in seen.texts
    assert "150 more questions" in seen.texts


def test_an_index_and_an_empty_one():
    index = load_faq().index
    seen = looked_at(index)
    lengths = np.diff(index.offsets)
    facts = f"{lengths.min()} to {lengths.max()} tokens a document, median {np.median(lengths):g}"
    assert any(text.startswith(facts) for text in seen.texts)
    bars = [float(a["height"]) for tag, a in seen.tags if tag == "rect"]
    assert max(bars) == 48
    assert "no documents" in looked_at(TokenIndex(np.empty((0, 4)), [0])).texts
    looked_at(TokenIndex.from_docs([np.ones((3, 2))]))
    looked_at(TokenIndex(np.empty((0, 4)), [0, 0, 0]))


def test_a_search():
    faq = load_faq()
    result = xtr_search(faq.queries[0], faq.index, k_prime=50, k=20)
    seen = looked_at(result)
    assert "SearchResult(20 documents)" in seen.texts
    assert f"{result.scores[0]:.4f}" in seen.texts
    assert "4 more" in seen.texts
    empty = SearchResult(np.empty(0, np.int64), np.empty(0, np.float32))
    assert "SearchResult(0 documents)" in looked_at(empty).texts
    looked_at(SearchResult(np.array([3]), np.array([-2.0])))


def test_a_search_on_a_gpu(cupy):
    result = SearchResult(cupy.asarray(np.array([3, 1])), cupy.asarray(np.array([0.5, 0.25])))
    assert "0.2500" in looked_at(result).texts


def test_the_photos():
    seen = looked_at(load_vit_photos())
    images = [a for tag, a in seen.tags if tag == "img"]
    assert [a["alt"] for a in images] == [f"Photo: {name}" for name in load_vit_photos().names]


def test_the_language_model_head():
    seen = looked_at(load_lm_head())
    assert "most probable tokens" in seen.texts
    assert sum("%" in text for text in seen.texts) == 8


def test_an_output_layer():
    head = FullHead(np.zeros((7, 3), np.float32))
    seen = looked_at(head)
    assert "FullHead(7 tokens, d=3)" in seen.texts
    assert "7 × 3" in seen.texts


def squares(seen: Checked) -> list[str]:
    """Full, open or dim, in reading order."""
    boxes = [a for tag, a in seen.tags if tag == "rect"]
    return [
        "open" if a["fill"] == "none" else "dim" if a.get("opacity") == ".12" else "full"
        for a in boxes
    ]


def test_a_reduction_shows_what_became_of_each_token():
    chosen = Reduction(np.array([0, 3]), 4)
    seen = looked_at(chosen)
    assert squares(seen) == ["full", "dim", "dim", "full"]
    assert "2 kept · 0 merged · 2 dropped" in seen.texts
    x = np.eye(6, dtype=np.float32)
    x[1] = x[0]
    merged = looked_at(tome.reduce(x, 1))
    assert squares(merged).count("open") == 1


def test_a_reduction_with_roles_says_them_in_digits():
    names = ("<object>", "rest")
    kept = Reduction(np.array([1, 2]), 9, roles=np.array([1, 0]), role_names=names)
    seen = looked_at(kept)
    assert "2 kept · 0 merged · 7 dropped · 0 = <object>: 1 · 1 = rest: 1" in seen.texts
    assert seen.texts.count("1") == seen.texts.count("0") == 1


def test_a_reduction_of_very_many_tokens_is_not_drawn():
    many = uniform.reduce(np.zeros((5000, 2), np.float32), k=7, how="stride")
    assert "too many tokens to draw" in looked_at(many).texts


def test_a_png_holds_the_picture(rng):
    image = rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)
    data = png(image)
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", data[16:24]) == (7, 5)
    start = data.index(b"IDAT")
    length = struct.unpack(">I", data[start - 4 : start])[0]
    raw = zlib.decompress(data[start + 4 : start + 4 + length])
    lines = np.frombuffer(raw, np.uint8).reshape(5, 22)
    assert (lines[:, 0] == 2).all()
    np.testing.assert_array_equal(
        np.cumsum(lines[:, 1:], axis=0, dtype=np.uint8).reshape(5, 7, 3), image
    )


@pytest.mark.skipif(
    any(importlib.util.find_spec(m) is None for m in ("nbclient", "nbformat", "ipykernel")),
    reason="needs nbclient and ipykernel",
)
@pytest.mark.filterwarnings("ignore")
def test_a_real_notebook_shows_html_and_keeps_no_bar():
    import nbformat
    from nbclient import NotebookClient

    bar = """
        import time
        from tokenlab.progress import track
        for _ in track(range(3), "counting"):
            time.sleep(0.15)
        print("done")
    """
    sources = [
        "from tokenlab.data import load_faq, load_vit_photos\nload_faq()",
        "load_faq().index",
        "load_vit_photos()",
        "from tokenlab.pruning import uniform\n"
        "uniform.reduce(load_vit_photos().hidden[0, 1:], k=64, how='stride')",
        textwrap.dedent(bar).strip(),
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s) for s in sources])
    heard = []
    client = NotebookClient(notebook, timeout=120, kernel_name="python3")
    process = client.process_message
    client.process_message = lambda msg, *rest: heard.append(msg) or process(msg, *rest)
    client.execute()
    nbformat.validate(notebook)
    *shown, barred = notebook.cells
    for cell in shown:
        assert "text/html" in cell.outputs[0].data, cell.source
    assert [output.data for output in barred.outputs if output.output_type == "display_data"] == [
        {}
    ]
    assert [output.text for output in barred.outputs if output.output_type == "stream"] == [
        "done\n"
    ]
    lines = [
        m["content"]["data"].get("text/plain", "") for m in heard if "display_data" in m["msg_type"]
    ]
    assert any("counting" in line and "2/3" in line for line in lines)


def test_a_walk_says_how_far_each_token_went():
    found = dynamics.walk(np.zeros((12, 2)), [[[3.0, 0]] * 12, [[0, 4.0]] * 12])
    parsed = looked_at(found)
    assert "Walk(12 tokens, 2 moves, d=2)" in parsed.texts
    assert parsed.texts.count("7") >= 8 <= parsed.texts.count("5")
    assert "4 more tokens" in parsed.texts


def test_a_bundled_walk_says_the_words_of_its_layers():
    parsed = looked_at(load_residual_walk())
    assert {"' Germany'", "' Berlin'", "layer 30"} <= set(parsed.texts)


def test_a_subnetwork_says_what_is_kept():
    masks = {"blocks/0/<up>": np.array([[True, False, False, False]])}
    found = bigram_subnetworks.Subnetwork(masks, masks, np.zeros(7), 2.0, False)
    parsed = looked_at(found)
    for text in ("Subnetwork(1 of 4 weights)", "blocks/0/<up>", "1 of 4", "7 steps, not settled"):
        assert text in parsed.texts
