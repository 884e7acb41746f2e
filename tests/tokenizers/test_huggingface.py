"""Reading a tokenizer.json: what `tokenizers` makes of it, and what is refused by name."""

import json
import random as chance

import pytest

from tokenlab.errors import TokenlabError
from tokenlab.tokenizers import BPE
from tokenlab.tokenizers.huggingface import BYTE_OF

LETTER = {byte: letter for letter, byte in BYTE_OF.items()}
TEXT = "Hello  world, it's 2024's  \n\n naïve café cafe\u0301 x² 😀 hug hugs pug ½ ﬁ \u1100\u1161\u11a8"
LEVEL = {"type": "ByteLevel", "add_prefix_space": False}


def spelled(token):
    return "".join(LETTER[byte] for byte in token)


def byte_level(**more):
    """A byte-level tokenizer.json of a trained tokenizer."""
    trained = BPE.train(TEXT * 3, 300)
    words = [spelled(token) for token in trained.tokens]
    model = {"type": "BPE", "vocab": {word: i for i, word in enumerate(words)}}
    model["merges"] = [f"{words[a]} {words[b]}" for a, b in trained.merges.tolist()]
    config = {"version": "1.0", "model": model, "pre_tokenizer": LEVEL, "added_tokens": []}
    return config | more


def entry(i, content, special=False):
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return {"id": i, "content": content, "special": special} | flags


REGEX = {"Regex": r"\p{L}+|\s+|\p{N}{1,3}"}
CUTS = [
    LEVEL,
    {"type": "ByteLevel"},
    {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, LEVEL]},
    {"type": "Sequence", "pretokenizers": [{"type": "Digits"}, LEVEL]},
    {"type": "Sequence", "pretokenizers": [{"type": "Punctuation"}, {"type": "ByteLevel"}]},
    *(
        {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Split", "pattern": REGEX, "behavior": behavior, "invert": invert},
                LEVEL | {"use_regex": False},
            ],
        }
        for behavior in ("Isolated", "Contiguous", "MergedWithPrevious", "MergedWithNext")
        for invert in (False, True)
    ),
]


@pytest.mark.parametrize("cut", CUTS, ids=lambda cut: json.dumps(cut)[9:90])
@pytest.mark.parametrize("form", [None, "NFC", "NFKC", "NFD"])
def test_ids_equal_those_of_tokenizers(cut, form, tmp_path):
    pytest.importorskip(
        "tokenizers.tokenizers"
    )  # not the folder of these tests, which bears the name
    tokenizers = pytest.importorskip("tokenizers")
    config = byte_level(pre_tokenizer=cut, normalizer=form and {"type": form})
    written = json.dumps(config | {"decoder": None, "post_processor": None})
    # That package wants the defaults written out.
    full = '"ByteLevel", "trim_offsets": true' + ', "add_prefix_space": true' * (cut == CUTS[1])
    if "Punctuation" in written:
        full += ', "add_prefix_space": true'
        written = written.replace('"Punctuation"', '"Punctuation", "behavior": "Isolated"')
    if '"Digits"}' in written:
        written = written.replace('"Digits"', '"Digits", "individual_digits": false')
    theirs = tokenizers.Tokenizer.from_str(written.replace('"ByteLevel"', full))
    ours = BPE.from_huggingface(config)
    ours.save(tmp_path / "it")
    again = BPE.load(tmp_path / "it")
    draws = chance.Random(0)
    for text in [TEXT, *("".join(draws.choices(TEXT, k=40)) for _ in range(60))]:
        ids = theirs.encode(text).ids
        assert ours.encode(text).tolist() == ids, text
        assert again.encode(text).tolist() == ids
        spans = ours.encode_with_offsets(text)
        assert spans.ids.tolist() == ids
        assert (spans.starts[0], spans.ends[-1]) == (0, len(text))


def test_the_longest_added_token_counts_and_special_ones_are_asked_for():
    config = byte_level()
    config["added_tokens"] = [entry(300, "[x]"), entry(301, "[x]y"), entry(302, "<s>", True)]
    ours = BPE.from_huggingface(config)
    assert ours.encode("[x]yz")[0] == 301
    assert ours.encode("a<s>", special="all")[-1] == 302
    with pytest.raises(TokenlabError, match="<s>"):
        ours.encode("a<s>")


def test_many_added_tokens_are_found_as_by_trying_each():
    names = [" " * (1 + i % 3) + word for i in range(9) for word in ("a", "ab", "abc", "b" * i)]
    names = list(dict.fromkeys(names))
    tokens = [bytes([i]) for i in range(256)] + [name.encode() for name in names]
    ours = BPE(tokens, added={name: 256 + i for i, name in enumerate(names)})
    draws = chance.Random(1)
    for _ in range(50):
        text, at, wanted = "".join(draws.choices(" abc", k=30)), 0, []
        while at < len(text):
            best = max((n for n in names if text.startswith(n, at)), key=len, default=text[at])
            wanted.append(best.encode())
            at += len(best)
        assert [ours.tokens[i] for i in ours.encode(text)] == wanted


def test_a_split_without_byte_level_works_on_characters():
    pytest.importorskip(
        "tokenizers.tokenizers"
    )  # not the folder of these tests, which bears the name
    tokenizers = pytest.importorskip("tokenizers")
    model = {"type": "BPE", "vocab": {"é": 0, "a": 1, "aé": 2, " ": 3}, "merges": [["a", "é"]]}
    cut = {"type": "Split", "pattern": {"String": " "}, "behavior": "Isolated", "invert": False}
    config = {"model": model, "pre_tokenizer": cut}
    ours = BPE.from_huggingface(config)
    theirs = tokenizers.Tokenizer.from_str(json.dumps(config | {"version": "1.0"}))
    assert ours.encode("aé éa").tolist() == theirs.encode("aé éa").ids == [2, 3, 0, 1]
    spans = ours.encode_with_offsets("aé éa")
    assert spans.starts.tolist() == [0, 2, 3, 4]
    with pytest.raises(TokenlabError, match=r"text.*'b'"):
        ours.encode("ab")


def test_a_composed_character_spans_all_that_it_was_made_of():
    config = byte_level(normalizer={"type": "NFC"})
    ours = BPE.from_huggingface(config)
    text = "xe\u0301y"
    spans = ours.encode_with_offsets(text)
    touched = [(a, b) for a, b in zip(spans.starts.tolist(), spans.ends.tolist(), strict=True)]
    assert all(span in {(0, 1), (1, 3), (3, 4), (0, 3), (1, 4), (0, 4)} for span in touched)
    hangul = BPE.from_huggingface(byte_level(normalizer={"type": "NFC"}))
    spans = hangul.encode_with_offsets("\u1100\u1161\u11a8")
    assert set(spans.starts.tolist()) == {0}
    assert set(spans.ends.tolist()) == {3}


def test_ignore_merges_finds_whole_chunks():
    config = byte_level()
    config["model"] |= {"ignore_merges": True}
    config["model"]["vocab"] |= {"zqx": 300}
    assert BPE.from_huggingface(config).encode("zqx").tolist() == [300]
    config["model"]["ignore_merges"] = False
    assert len(BPE.from_huggingface(config).encode("zqx")) == 3


def test_what_is_refused(tmp_path):
    def broken(**model):
        config = byte_level()
        return config | {"model": config["model"] | model}

    for config, word in (
        (broken(byte_fallback=True), "byte_fallback"),
        (broken(type="WordPiece"), "WordPiece"),
        (broken(merges=["nothing here"]), "merge"),
        (byte_level(normalizer={"type": "Lowercase"}), "Lowercase"),
        (byte_level(pre_tokenizer={"type": "Whitespace"}), "Whitespace"),
        (byte_level(added_tokens=[entry(400, "far")]), "holes"),
        ({"version": "1.0"}, "source"),
    ):
        with pytest.raises(TokenlabError, match=word):
            BPE.from_huggingface(config)
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(byte_level())[:500], encoding="utf-8")
    with pytest.raises(TokenlabError, match=r"from_huggingface: source.*tokenizer\.json"):
        BPE.from_huggingface(path)
    with pytest.raises(TokenlabError, match="source"):
        BPE.from_huggingface(3)
    lacking = byte_level()
    lacking["model"]["vocab"] = {"a": 0, "b": 1}
    lacking["model"]["merges"] = []
    with pytest.raises(TokenlabError, match="0x04"):
        BPE.from_huggingface(lacking).encode("a\x04b")
