"""What is named when it makes no sense: one line of the specification after the other."""

import numpy as np
import pytest

from tokenlab.errors import TokenlabError
from tokenlab.tokenizers import BPE, Trie, splitter

TOKENIZER = BPE.train("hi there", 262, special=("<|stop|>",))
LONE = "x\udfff"


@pytest.mark.parametrize(
    "call",
    [
        TOKENIZER.encode,
        TOKENIZER.encode_with_offsets,
        lambda text: TOKENIZER.encode_batch(["fine", text]),
        lambda text: TOKENIZER.dropout(text, 0.5, 0),
        lambda text: BPE.train(text, 300),
        lambda text: TOKENIZER.extend(text, 300),
    ],
)
@pytest.mark.parametrize("text", [LONE, 3, None])
def test_a_text_that_is_none(call, text):
    with pytest.raises(TokenlabError, match="text"):
        call(text)


def test_ranks_and_tokens():
    for ranks, word in (
        ({b"a": 0, b"b": 2}, "holes"),
        ({b"a": 0, b"b": 0.5}, "ranks"),
        ({b"a": 0, b"": 1}, "ranks"),
        ({"a": 0}, "ranks"),
        ({b"a": 0, b"ab": 1}, "0x62"),
        ({b"a": 1, b"b": 2}, "holes"),
    ):
        with pytest.raises(TokenlabError, match=word):
            BPE.from_ranks(ranks, split="none")
    for tokens in ([b""], ["a"], [b"a", None]):
        with pytest.raises(TokenlabError, match="tokens"):
            BPE(tokens)
        with pytest.raises(TokenlabError, match="tokens"):
            Trie(tokens)
    with pytest.raises(TokenlabError, match="special"):
        BPE.train("a", 300, special=("",))


def test_files(tmp_path):
    path = tmp_path / "ranks"
    for text in ("YQ==", "YQ== x", "!!! 1", "YQ== 0\nYg== 5"):
        path.write_text(text)
        with pytest.raises(TokenlabError, match="ranks"):
            BPE.from_ranks(path, split="none")
    with pytest.raises(TokenlabError, match="ranks"):
        BPE.from_ranks(tmp_path / "none", split="none")
    TOKENIZER.save(path)
    data = path.read_text()
    path.write_text(data[: len(data) // 2])
    with pytest.raises(TokenlabError, match="ranks"):
        BPE.load(path)


def test_names_and_numbers():
    for call, word in (
        (lambda: splitter("gpt5"), "split"),
        (lambda: splitter("[a"), "split"),
        (lambda: splitter(3), "split"),
        (lambda: BPE.train("a", 255), "vocab_size"),
        (lambda: BPE.train("a", 300.5), "vocab_size"),
        (lambda: BPE.train("a", 300, alphabet="ascii"), "alphabet"),
        (lambda: BPE.train("a", 300, min_count=0), "min_count"),
        (lambda: BPE.train("a", 300, max_token_bytes=0), "max_token_bytes"),
        (lambda: TOKENIZER.dropout("a", 2), "p is"),
        (lambda: TOKENIZER.dropout("a", np.nan), "p is"),
        (lambda: TOKENIZER.encode("a", special=["<|none|>"]), "special"),
        (lambda: TOKENIZER.decode([True]), "ids"),
        (lambda: TOKENIZER.decode([1.0]), "ids"),
        (lambda: TOKENIZER.decode([10**6]), "ids"),
        (lambda: TOKENIZER.decode([0xFF], errors="strict"), "ids"),
    ):
        with pytest.raises(TokenlabError, match=word):
            call()


def test_blanks_are_those_of_unicode():
    cut = splitter("whitespace")
    assert cut("q\x1er s") == ["q\x1er", " s"]
    assert cut("a\u200bb\ufeffc") == ["a\u200bb\ufeffc"]
    assert cut("a\u0085b\u2029c") == ["a", "\u0085b", "\u2029c"]
