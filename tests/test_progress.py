"""The bar: silent unless a terminal or a notebook watches, and never in the way of the items."""

import io
import sys

from tokenlab.progress import track


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_it_yields_the_items_and_says_nothing_to_a_file():
    stream = io.StringIO()
    assert list(track([3, 1, 2], "counting", file=stream)) == [3, 1, 2]
    assert stream.getvalue() == ""


def test_it_shows_itself_on_a_terminal_and_cleans_up():
    stream = Terminal()
    assert list(track(range(3), "counting", file=stream)) == [0, 1, 2]
    text = stream.getvalue()
    assert "counting" in text
    assert "0/3" in text
    assert text.endswith("\r\x1b[K")


def test_nothing_to_do():
    assert list(track([], "waiting", file=Terminal())) == []


def test_a_loop_that_is_left_early_cleans_up():
    stream = Terminal()
    for item in track(range(3), "counting", file=stream):
        if item == 1:
            break
    del item
    assert stream.getvalue().endswith("\r\x1b[K")


class Notebook:
    """As much of IPython as a kernel shows: `get_ipython().display_pub.publish`."""

    def __init__(self, kernel):
        self.kernel, self.display_pub, self.published = kernel, self, []

    def get_ipython(self):
        return self

    def publish(self, data, transient, update):
        self.published.append((data, transient["display_id"], update))


def test_a_notebook_shows_one_line_and_nothing_stays(monkeypatch):
    notebook = Notebook(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", notebook)
    assert list(track(range(3), "counting")) == [0, 1, 2]
    first, *_, last = notebook.published
    assert "counting" in first[0]["text/plain"]
    assert first[2] is False
    assert last == ({}, first[1], True)
    assert len({place for _, place, _ in notebook.published}) == 1
    notebook.published.clear()
    assert list(track([], "waiting")) == []
    assert notebook.published == []


def test_ipython_in_a_terminal_is_no_notebook(monkeypatch):
    notebook = Notebook(kernel=None)
    monkeypatch.setitem(sys.modules, "IPython", notebook)
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    assert list(track(range(2), "counting")) == [0, 1]
    assert notebook.published == []
    assert "counting" in stream.getvalue()


def test_a_stream_that_is_named_gets_the_bar_in_a_notebook_too(monkeypatch):
    notebook = Notebook(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", notebook)
    stream = Terminal()
    assert list(track(range(2), "counting", file=stream)) == [0, 1]
    assert notebook.published == []
    assert "counting" in stream.getvalue()
