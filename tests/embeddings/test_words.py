"""Files of word vectors as other programs write them, damaged ones, neighbours; the bundled words."""

import re
import struct
from importlib.resources import files

import numpy as np
import pytest

from tokenlab.data import load_glove, load_word_lists
from tokenlab.embeddings import Words, load
from tokenlab.errors import TokenlabError

BREAKS = b" \n \n\n\n  "  # two numbers, all of whose bytes are blanks and line breaks


@pytest.fixture
def read(tmp_path):
    def read(data):
        path = tmp_path / "vectors.vec"
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return load(path)

    return read


def test_only_the_ascii_blank_separates_and_a_header_is_known_by_the_next_line(read):
    rows = "a 1 0.5\n10\u00a0000 0.25 -1\nb 2 3\n"
    for text in ("3 2\n" + rows, rows, "3 2\r\n" + rows.replace("\n", "\r\n")):
        words = read(text)
        assert words.words == ["a", "10\u00a0000", "b"]
        assert words.x.tolist() == [[1, 0.5], [0.25, -1], [2, 3]]
        assert words.x.dtype == np.float32
    assert read("3 1 2\na 1 2\n").words == ["3", "a"]  # "3" has a vector here
    assert read("3 2\na 1\n").words == ["3", "a"]


def test_words_with_blanks_and_lines_that_end_in_one(read):
    assert read(". . . 1 2 3\n").words == [". . ."]
    assert read("the 1 2 3\n. . . 1 2 3\n").words == ["the", ". . ."]
    assert read(". . . 1 2 3\nthe 1 2 3\n").words == [". . .", "the"]
    assert read("2 3\nat name@x 1 2 3\nb 1 2 3\n").words == ["at name@x", "b"]
    assert read("2 2\na 1 2 \nb 3 4 \n").x.tolist() == [[1, 2], [3, 4]]


def test_of_a_word_that_stands_twice_the_first_vector_is_kept(read):
    words = read("a 1 2\nb 3 4\na 5 6\n")
    assert words.words == ["a", "b"]
    assert words.x.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("between", [b"", b"\n"])
def test_binary_files_with_and_without_line_breaks(read, between):
    first = struct.pack("<2f", 1, 0.5)
    words = read(
        b"3 2\n"
        + b"".join(
            w + b" " + v + between for w, v in ((b"ab", first), (b"cd", BREAKS), (b"ef", first))
        )
    )
    assert words.words == ["ab", "cd", "ef"]
    assert words.x[0].tolist() == words.x[2].tolist() == [1, 0.5]
    assert words.x[1].tobytes() == BREAKS


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"<html>\n<body class=x>\n</html>\n", "line 1"),
        (b"a 1 2\n<<<<<<< HEAD\nb 1 2\n", "line 2"),
        (b"a 1 nan\nb 1 2\n", "line 1"),
        (b"a 1 2\nb 1 inf\n", "line 2"),
        (b"a 1 2\nb 1", "line 2"),
        (b"a 1 2\nb\n", "line 2"),
        (b"a 1 2\nb 1 2\n\xff\xfe 1 2\n", "line 3"),
        (b"3 2\na 1 2\nb 3 4\n", "line 1 says 3 words"),
        (b"2 2\na 1 2\n 1 2\n", "line 3"),
        (b"1 2\nab " + struct.pack("<2f", 1, 2)[:-1], "cut"),
        (b"2 2\nab " + struct.pack("<2f", 1, 2) + b"\ncd " + struct.pack("<2f", 1, 2)[:5], "cut"),
        (b"1 2\nab " + struct.pack("<2f", 1, 2) + b"\ncd ", "more than"),
        (b"1 2\nab " + struct.pack("<2f", 1, np.nan), "not finite"),
        ((793712314).to_bytes(4, "little") + b"\x0c\x00\x00\x00", "fastText"),
    ],
)
def test_a_damaged_file_names_itself_and_the_line(read, data, says):
    with pytest.raises(TokenlabError, match=rf"load: path .*vectors\.vec.*{says}"):
        read(data)


@pytest.mark.parametrize("path", ["none/x.vec", ".", None, 3.5])
def test_a_path_that_cannot_be_read(path):
    with pytest.raises(TokenlabError, match="load: path"):
        load(path)


def test_neighbours_go_by_direction_and_leave_the_word_out():
    x = np.array([[1, 0], [50, 80], [0.9, 0.1], [0, 1], [0, 2]])
    words = Words(["east", "long", "near", "north", "far north"], x)
    found = words.nearest("east", 9)
    assert found.words == ["near", "long", "north", "far north"]  # equal ones in order
    np.testing.assert_allclose(found.cosines, [0.99388373, 0.52999894, 0, 0], atol=1e-8)
    assert words.nearest([2.0, 0.0], 2).words == ["east", "near"]
    assert words.rows(["north", "east"]).tolist() == [3, 0]
    with pytest.raises(TokenlabError, match="'zebra'"):
        words.nearest("zebra")
    for wrong in ([0, 0], [1, 2, 3], [1, np.nan], None, 3):
        with pytest.raises(TokenlabError, match=r"Words\.nearest: word"):
            words.nearest(wrong)


# The bundled words.


def test_digests_are_those_of_sources():
    data = files("tokenlab.data")
    sources = (data / "SOURCES.md").read_text(encoding="utf-8")
    import hashlib

    rows = re.findall(r"\| `(words/\S+)` \| (\d+) \| `(\w{64})` \|", sources)
    assert len(rows) == 3
    for path, size, digest in rows:
        found = (data / path).read_bytes()
        assert (len(found), hashlib.sha256(found).hexdigest()) == (int(size), digest)


def test_every_word_of_the_lists_has_a_vector():
    glove, lists = load_glove(), load_word_lists()
    known = set(glove.words)
    assert len(known) == len(glove.words) == len(glove.x) == 20190
    for words in lists.values():
        flat = [w for item in words for w in (item if isinstance(item, list) else [item])]
        assert set(flat) <= known
        assert len(words) == len({str(item) for item in words})
    assert len(lists["occupations"]) > 200


def test_the_vectors_know_analogies():
    glove = load_glove()
    x = glove.vector("berlin") - glove.vector("germany") + glove.vector("france")
    assert "paris" in glove.nearest(x, 2).words
