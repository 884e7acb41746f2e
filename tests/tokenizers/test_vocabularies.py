"""Real vocabularies: equal to tiktoken and tokenizers, the reported oddities, and bytes that lack."""

import json
import random as chance
import time

import pytest

from tokenlab.data import VOCABULARIES, load_text, load_vocabulary
from tokenlab.errors import TokenlabError
from tokenlab.tokenizers import BPE, splitter
from tokenlab.tokenizers.huggingface import BYTE_OF
from tokenlab.tokenizers.split import PATTERNS

NASTY = [
    "Hello  world, it's 2024's  \n\n end ",
    "n\u00b92 \u00bd \u0661\u0662 \u017f'\u017f I'LL q\x1er",
    "\U0001d400\U0001f600 \U00020000 e\u0301 a\u0903b",
    "x\r\n\r\n  y\t\tz //\n a/b \u02b0x \u01c5",
]
TEXTS = [*NASTY, load_text("shakespeare")[:20_000], load_text("turkish")[:20_000]]
OF_TIKTOKEN = ("gpt2", "cl100k", "o200k")


def texts():
    draws = chance.Random(0)
    letters = "".join(NASTY) + "the lower ışık"
    return TEXTS + ["".join(draws.choices(letters, k=80)) for _ in range(150)]


@pytest.mark.parametrize("name", VOCABULARIES)
def test_known_ids_and_round_trips(name):
    golden = {
        "gpt2": [31373, 995],
        "cl100k": [15339, 1917],
        "o200k": [24912, 2375],
        "smollm2": [28120, 905],
    }
    tokenizer = load_vocabulary(name)
    assert tokenizer.encode("hello world").tolist() == golden[name]
    for text in TEXTS:
        assert tokenizer.decode(tokenizer.encode(text)) == text


@pytest.mark.parametrize("name", OF_TIKTOKEN)
def test_ids_are_tiktokens(name):
    tiktoken = pytest.importorskip("tiktoken")
    ours = load_vocabulary(name)
    names = set(ours.special.values())
    ranks = {token: i for i, token in enumerate(ours.tokens) if i not in names}
    theirs = tiktoken.Encoding(
        name, pat_str=PATTERNS[name], mergeable_ranks=ranks, special_tokens=ours.special
    )
    for text in texts():
        assert ours.encode(text).tolist() == theirs.encode_ordinary(text), text


def test_ids_of_smollm2_are_those_of_tokenizers():
    pytest.importorskip(
        "tokenizers.tokenizers"
    )  # not the folder of these tests, which bears the name
    tokenizers = pytest.importorskip("tokenizers")
    ours = load_vocabulary("smollm2")
    letter = {byte: spelled for spelled, byte in BYTE_OF.items()}
    names = {i: name for name, i in ours.special.items()}
    words = [
        names.get(i) or "".join(letter[byte] for byte in token)
        for i, token in enumerate(ours.tokens)
    ]
    model = {"type": "BPE", "vocab": {word: i for i, word in enumerate(words)}}
    model["merges"] = [(words[a], words[b]) for a, b in ours.merges.tolist()]
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    digits = {"type": "Digits", "individual_digits": True}
    config = {
        "version": "1.0",
        "model": model,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [digits, level]},
    }
    theirs = tokenizers.Tokenizer.from_str(json.dumps(config))
    added = [{"id": i, "content": name, "special": True} for i, name in names.items()]
    again = BPE.from_huggingface(config | {"added_tokens": added})
    for text in texts():
        ids = theirs.encode(text).ids
        if any(ord(letter) < 32 and letter not in "\n\t\r" for letter in text):
            continue  # bytes that this vocabulary lacks vanish there
        assert ours.encode(text).tolist() == ids, text
        assert again.encode(text).tolist() == ids
    assert theirs.decode(theirs.encode("a\x04b").ids).replace("Ġ", " ").split() != ["a\x04b"]


def test_smollm2_lacks_21_bytes_and_says_so():
    tokenizer = load_vocabulary("smollm2")
    lacking = [byte for byte in range(256) if bytes([byte]) not in tokenizer.tokens]
    control = [0x04, 0x06, 0x13, 0x14, 0x16, 0x1D]
    assert lacking == [*control, 0xC0, 0xC1, 0xF1, 0xF2, *range(0xF5, 0x100)]
    with pytest.raises(TokenlabError, match="0x04"):
        tokenizer.encode("a\x04b")


def test_tokens_that_nothing_encodes_to():
    assert load_vocabulary("gpt2").unreachable() == []
    found = load_vocabulary("o200k").unreachable()
    assert len(found) == 12
    tokens = [load_vocabulary("o200k").tokens[i] for i in found]
    assert {b" I'", b"\n//", b"\r\n//", b"\n///"} <= set(tokens)


def test_long_runs_take_time_in_proportion():
    tokenizer = load_vocabulary("cl100k")

    def seconds(n):
        best = 9.0
        for i in range(3):
            start = time.process_time()
            tokenizer.encode("=" * (n + i))
            best = min(best, time.process_time() - start)
        return best

    assert seconds(64_000) < 40 * max(seconds(4_000), 1e-4)  # sixteen times as long
    assert "".join(splitter("cl100k")("=" * 999)) == "=" * 999


def test_a_name_that_is_unknown():
    with pytest.raises(TokenlabError, match="name"):
        load_vocabulary("gpt5")
