"""Byte-pair encoding: hand cases, reports of other libraries' faults, and the libraries."""

import random as chance

import numpy as np
import pytest

from tokenlab.errors import TokenlabError
from tokenlab.tokenizers import (
    BPE,
    Trie,
    bits_per_byte,
    random_chunks,
    random_lengths,
    random_whitespace,
    splitter,
)
from tokenlab.tokenizers.bpe import learn
from tokenlab.tokenizers.merging import learn_quickly

HUGS = "hug hug pug pun bun hugs"


def names(tokenizer, ids):
    return [tokenizer.tokens[i] for i in ids]


def test_the_hand_case_in_both_alphabets():
    ours = BPE.train(HUGS, 264)
    assert ours.tokens[256:] == [b"ug", b"hug", b" p", b" hug", b"un", b" b", b" pug", b" pun"]
    gpt2 = BPE.train(HUGS, 264, alphabet="gpt2")
    assert gpt2.tokens[256:] == [b"ug", b"hug", b"un", b" p", b" hug", b"bun", b" bun", b" pug"]
    wanted = [b"hug", b" pug", b"s", b" b", b"ug", b" hug", b"s"]
    assert names(ours, ours.encode("hug pugs bug hugs")) == wanted
    runs = BPE.train("aaaa aaa", 259)
    assert runs.tokens[256:] == [b"aa", b" aa", b"aaaa"]
    assert names(runs, runs.encode("aaaaaaa")) == [b"aaaa", b"aa", b"a"]


@pytest.mark.parametrize("seed", range(20))
def test_quick_learning_equals_counting_anew(seed):
    draws = chance.Random(seed)
    chunks = [[draws.randrange(3) for _ in range(draws.randrange(1, 12))] for _ in range(8)]
    counts = [draws.randrange(1, 4) for _ in chunks]
    options = (20, 3, 1, lambda pair: True, lambda pair, new: None)
    assert learn_quickly(chunks, counts, *options) == learn(chunks, counts, *options)


def test_what_people_reported():
    tokenizer = BPE.train("xxxyxxxy", 258, split="none")
    assert tokenizer.tokens[256:] == [b"xx", b"xy"]
    assert names(tokenizer, tokenizer.encode("xxx")) == [b"xx", b"x"]
    for text, size, options in (
        ("", 1000, {}),
        ("q", 1000, {}),
        ("abab", 300, {"max_token_bytes": 1}),
    ):
        empty = BPE.train(text, size, **options)
        assert (empty.vocab, empty.merges.shape) == (256, (0, 2))
    assert b"yx" not in BPE.train(["xy", "xy"], 300, split="none").tokens
    by_generator = BPE.train((text for text in ["low low", "lower"]), 260)
    assert by_generator.tokens == BPE.train(["low low", "lower"], 260).tokens


def test_special_tokens_are_refused_taken_or_letters():
    tokenizer = BPE.train("hi there hi there", 400, special=("<|stop|>",))
    text = "hi <|stop|>"
    calls = (
        tokenizer.encode,
        lambda text: tokenizer.encode_batch([text]),
        tokenizer.encode_with_offsets,
        lambda text: tokenizer.dropout(text, 0.1, 0),
    )
    for call in calls:
        with pytest.raises(TokenlabError, match=r"<\|stop\|>"):
            call(text)
    assert tokenizer.decode(tokenizer.encode(text, special="text")) == text
    assert tokenizer.encode(text, special="all")[-1] == tokenizer.special["<|stop|>"]
    assert tokenizer.encode(text, special=["<|stop|>"])[-1] == tokenizer.vocab - 1
    with pytest.raises(TokenlabError, match="special"):
        tokenizer.encode(text, special=["<|pad|>"])


def test_the_longest_added_token_is_taken():
    tokens = [bytes([i]) for i in range(256)] + [b"[x]", b"[x]y"]
    tokenizer = BPE(tokens, added={"[x]": 256, "[x]y": 257})
    assert tokenizer.encode("[x]yz").tolist() == [257, ord("z")]


def test_bad_input_is_named():
    tokenizer = BPE.train(HUGS, 260)
    for call in (tokenizer.encode, tokenizer.encode_with_offsets, lambda t: BPE.train(t, 300)):
        with pytest.raises(TokenlabError, match="text"):
            call("x\udfff")
    for ids in ([-1], [[1]], [0.5], [260]):
        with pytest.raises(TokenlabError, match="ids"):
            tokenizer.decode(ids)
    with pytest.raises(TokenlabError, match="errors"):
        tokenizer.decode([1], errors="rplace")
    with pytest.raises(TokenlabError, match="vocab_size"):
        BPE.train("a", 255)
    lacking = BPE([bytes([i]) for i in range(256) if i != 0x0B], split="none")
    with pytest.raises(TokenlabError, match="0x0B"):
        lacking.encode("a\vb")
    with pytest.raises(TokenlabError, match="holes"):
        BPE.from_ranks({b"a": 0, b"b": 2}, split="none")


def test_any_text_and_any_bytes_come_back(rng):
    tokenizer = BPE.train("naïve café 😀 lower lowest " * 4, 300)
    for text in ("", "né 😀 x", "a\x1cb\u0085c", "tab\t\n  end  "):
        assert tokenizer.decode(tokenizer.encode(text)) == text
        spans = tokenizer.encode_with_offsets(text)
        assert spans.ids.tolist() == tokenizer.encode(text).tolist()
    data = rng.integers(0, 256, 300).astype(np.uint8).tobytes()
    assert tokenizer.decode_bytes(tokenizer.encode(data)) == data
    emoji = tokenizer.encode("😀")
    assert b"".join(tokenizer.decode_bytes([i]) for i in emoji) == "😀".encode()
    bare = BPE([bytes([i]) for i in range(256)], split="none")
    spans = bare.encode_with_offsets("né")
    assert list(zip(spans.starts.tolist(), spans.ends.tolist(), strict=True)) == [
        (0, 1),
        (1, 2),
        (1, 2),
    ]


def test_dropout_of_nothing_and_of_all():
    tokenizer = BPE.train(HUGS, 264)
    assert tokenizer.dropout(HUGS, 0.0, 0).tolist() == tokenizer.encode(HUGS).tolist()
    assert tokenizer.dropout(HUGS, 1.0, 0).tolist() == list(HUGS.encode())


def test_extend_truncate_save_and_load(tmp_path):
    whole = BPE.train(HUGS, 264, special=("<s>",))
    half = whole.truncate(260)
    assert half.vocab == 261
    assert half.extend(HUGS, 264).tokens == whole.tokens
    whole.save(tmp_path / "mine.tiktoken")
    again = BPE.load(tmp_path / "mine.tiktoken")
    assert again.encode(HUGS).tolist() == whole.encode(HUGS).tolist()
    assert again.special == whole.special
    (tmp_path / "mine.tiktoken").write_text("no base64 !", encoding="ascii")
    with pytest.raises(TokenlabError, match=r"mine\.tiktoken"):
        BPE.load(tmp_path / "mine.tiktoken")


def test_long_chunks_merge_as_short_ones_do(monkeypatch):
    from tokenlab.tokenizers import encoding

    tokenizer = BPE.train("abcabcabdabd" * 30, 280, split="none")
    draws = chance.Random(1)
    texts = ["".join(draws.choices("abcd", k=200)) for _ in range(5)]
    quick = [tokenizer._encode_chunk(text.encode()) for text in texts]
    monkeypatch.setattr(encoding, "SHORT", 10**9)
    assert quick == [tokenizer._encode_chunk(text.encode()) for text in texts]


NASTY = [
    "Hello  world, it's 2024's  \n\n end ",
    "q\x1er s\u200b\ufeff \u0085 \u2029 x",
    "n\u00b92 \u00bd \u0661\u0662 ſ'ſ I'LL",
    "\U0001d400\U0001f600 \U00020000 é\u0301 a\u0903b \U000e0001",
    "x\r\n\r\n  y\t\tz //\n a/b ʰx ǅ",
]


@pytest.mark.parametrize("name", ["gpt2", "cl100k", "o200k", "smollm2", "whitespace", "none"])
def test_chunks_join_to_the_text(name):
    for text in NASTY:
        assert "".join(splitter(name)(text)) == text


def test_splitting_equals_the_package_regex():
    regex = pytest.importorskip("regex")
    from tokenlab.tokenizers.split import PATTERNS

    draws = chance.Random(0)
    letters = "".join(NASTY)
    texts = NASTY + ["".join(draws.choices(letters, k=60)) for _ in range(300)]
    for name in ("gpt2", "cl100k", "o200k"):
        theirs, ours = regex.compile(PATTERNS[name]), splitter(name)
        for text in texts:
            assert ours(text) == [m[0] for m in theirs.finditer(text)], (name, text)


def test_names_and_reports_of_splitting():
    assert splitter("whitespace")("q\x1er s") == ["q\x1er", " s"]
    assert splitter("smollm2")("n\u00b92") == ["n", "\u00b9", "2"]
    assert splitter("smollm2")("a  1 b") == ["a", "  ", "1", " b"]
    with pytest.raises(TokenlabError, match="split"):
        splitter("gpt3")
    with pytest.raises(TokenlabError, match="low"):
        random_chunks(5, 2)
    with pytest.raises(TokenlabError, match="lengths"):
        random_lengths({(1, 2): 0.6, (3, 4): 0.5})
    text = "to be or not to be, that is the question"
    for split in (random_whitespace(0.5, 0), random_whitespace(0.5, 0, isolate=True)):
        assert "".join(split(text)) == text


def test_trie_and_bits():
    trie = Trie([b"a", b"ab", b"abc", b"b"])
    assert trie.matches(b"abd", 0) == [(0, 1), (1, 2)]
    assert trie.below(b"ab") == [1, 2]
    assert trie.longest(b"x", 0) is None
    for bad in (0, -1, 1.5, "3"):
        with pytest.raises(TokenlabError, match="n_bytes"):
            bits_per_byte(np.log([0.5]), bad)


def test_equal_to_tiktoken_on_ranks_of_our_own():
    tiktoken = pytest.importorskip("tiktoken")
    regex_of = pytest.importorskip("tokenlab.tokenizers.split").PATTERNS["cl100k"]
    ours = BPE.train(" ".join(NASTY * 5) + HUGS * 20, 400, split="cl100k")
    ranks = {token: i for i, token in enumerate(ours.tokens)}
    theirs = tiktoken.Encoding("ours", pat_str=regex_of, mergeable_ranks=ranks, special_tokens={})
    mine = BPE.from_ranks(ranks, split="cl100k")
    draws = chance.Random(3)
    letters = "".join(NASTY) + HUGS
    for text in [*NASTY, HUGS, *("".join(draws.choices(letters, k=80)) for _ in range(300))]:
        assert mine.encode(text).tolist() == theirs.encode_ordinary(text), text
