"""The plain texts: there, whole, small, and what SOURCES.md says."""

import hashlib
import re
from importlib.resources import files

import pytest

from tokenlab.data import load_text
from tokenlab.errors import InvalidInput

DATA = files("tokenlab.data")


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [("shakespeare", 800_000, 1_500_000), ("bible", 300_000, 1e6), ("turkish", 200_000, 1e6)],
)
def test_sizes(name, least, most):
    text = load_text(name)
    assert least < len(text) < most
    assert "\r" not in text
    assert text.endswith("\n")
    assert not re.search(r"[*#\\]|\n{4}", text)


def test_hamlet_is_complete():
    text = load_text("shakespeare")
    hamlet = text[: text.index("\n\n\nMacbeth")]
    assert hamlet.startswith("Hamlet\n\nACT I\n")
    assert "To be, or not to be: that is the question:" in hamlet
    assert len(re.findall(r"^SCENE ", hamlet, flags=re.M)) == 20
    assert "The rest is silence." in hamlet


def test_the_bible_begins_and_goes_on_verse_by_verse():
    text = load_text("bible")
    genesis = text.split("\n\n\n")[0]
    assert len(genesis.split("\n\n")) == 50  # chapters
    assert len(genesis.split("\n\n")[0].splitlines()) == 31  # verses of the first


def test_turkish_has_its_letters():
    assert set("çğıöşüİ") <= set(load_text("turkish"))


@pytest.mark.parametrize("name", ["quran", "Bible", "", None, 3])
def test_an_unknown_name_lists_the_names(name):
    with pytest.raises(InvalidInput, match=r"shakespeare.*bible.*turkish"):
        load_text(name)


def test_digests_are_those_of_sources():
    sources = (DATA / "SOURCES.md").read_text(encoding="utf-8")
    rows = re.findall(r"\| `(texts/\S+)` \| (\d+) \| `(\w{64})` \|", sources)
    assert len(rows) == 3
    for path, size, digest in rows:
        data = (DATA / path).read_bytes()
        assert len(data) == int(size)
        assert hashlib.sha256(data).hexdigest() == digest
