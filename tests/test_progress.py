"""The bar: silent unless a terminal watches, and never in the way of the items."""

import io

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
