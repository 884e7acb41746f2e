"""The two merge tables: there, small, nested, and what SOURCES.md says."""

import hashlib
import re
from importlib.resources import files

import pytest

from tokenlab.data import load_bpe, load_text
from tokenlab.errors import InvalidInput

DATA = files("tokenlab.data")


@pytest.mark.parametrize(("name", "n"), [("bpe256", 256), ("bpe640", 640)])
def test_as_many_tokens_occur_as_the_name_says(name, n):
    tokenizer = load_bpe(name)
    letters = set(load_text("shakespeare").lower().encode())
    assert len(tokenizer.merges) + len(letters) == n
    assert max(map(len, tokenizer.tokens)) <= 12
    text = load_text("shakespeare").lower()[:2000]
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_the_smaller_is_the_beginning_of_the_larger():
    small, large = load_bpe("bpe256"), load_bpe("bpe640")
    assert large.tokens[: len(small.tokens)] == small.tokens
    assert len(large.encode("the king of denmark")) < len(small.encode("the king of denmark"))


@pytest.mark.parametrize("name", ["bpe", 256, None])
def test_an_unknown_name_lists_the_names(name):
    with pytest.raises(InvalidInput, match=r"load_bpe: name.*bpe256.*bpe640"):
        load_bpe(name)


def test_digest_is_that_of_sources():
    sources = (DATA / "SOURCES.md").read_text(encoding="utf-8")
    path, size, digest = re.search(r"\| `(merges/\S+)` \| (\d+) \| `(\w{64})` \|", sources).groups()
    data = (DATA / path).read_bytes()
    assert len(data) == int(size)
    assert hashlib.sha256(data).hexdigest() == digest
