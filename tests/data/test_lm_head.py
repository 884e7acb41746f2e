"""The language-model head: its files are those of its sources, and it predicts its text."""

import hashlib
import json
import os
import re
import struct
import time
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from tokenlab.data import load_lm_head

DATA = files("tokenlab.data")
REPOSITORY = Path(__file__).parents[2]
TOOLS = REPOSITORY / "tools"
INDEPENDENT = REPOSITORY.parent / "shared" / "assets" / "smollm2_head8192.npz"
PARTS = ["fit", "report"]

needs_tools = pytest.mark.skipif(not TOOLS.exists(), reason="only in a checkout")


@pytest.fixture(scope="module")
def head():
    return load_lm_head()


@pytest.fixture(scope="module")
def stored():
    return np.load(str(DATA / "lm_head" / "head.npz"))


@pytest.fixture(scope="module")
def documents():
    """Question, empty line, answer."""
    pairs = json.loads((DATA / "faq" / "faq.json").read_text(encoding="utf-8"))
    return [pair["question"] + "\n\n" + "\n".join(pair["answer"]) for pair in pairs]


def losses(head, part):
    """Negative log-likelihood of each next token in nats, one position at a time."""
    logits = getattr(head, f"hidden_{part}") @ head.weight.T
    rows = zip(logits.astype(np.float64), getattr(head, f"next_{part}"), strict=True)
    return np.array([np.log(np.exp(row - row[token]).sum()) for row, token in rows])


def test_counts(head):
    assert head.weight.shape == (4096, 576)
    assert len(head.tokens) == len(set(head.tokens)) == 4096
    assert head.vocab_full == 49_152
    assert head.hidden_fit.shape == (2576, 576)
    assert head.hidden_report.shape == (3013, 576)
    assert len(head.context) == 3013
    for part in PARTS:
        n = len(getattr(head, f"hidden_{part}"))
        tokens, document = getattr(head, f"next_{part}"), getattr(head, f"document_{part}")
        assert tokens.shape == document.shape == (n,)
        assert 0 <= tokens.min() <= tokens.max() < 4096
    assert repr(head) == (
        "LMHead(4096 of 49152 tokens, d=576, 2576 positions to fit, 3013 to report)"
    )


def test_types(head):
    for name, array in vars(head).items():
        if isinstance(array, np.ndarray):
            floating = name == "weight" or name.startswith("hidden")
            assert array.dtype == (np.float32 if floating else np.int64), name
            assert np.isfinite(array).all(), name


def test_no_document_is_in_both_parts(head, documents):
    assert (head.document_fit % 2 == 0).all()
    assert (head.document_report % 2 == 1).all()
    assert np.unique(head.document_fit).size == np.unique(head.document_report).size == 79
    assert max(head.document_fit.max(), head.document_report.max()) < len(documents) == 158


def test_parts_share_no_passage(documents):
    """Not even 60 characters in a row of the one part occur in the other."""

    def passages(texts):
        texts = [" ".join(text.split()) for text in texts]
        return {text[i : i + 60] for text in texts for i in range(len(text) - 59)}

    assert not passages(documents[::2]) & passages(documents[1::2])


def test_next_token_is_what_the_text_has_next(head, stored, documents):
    bytes_alone = 0
    for part in PARTS:
        names = ["document", "end", "next"]
        for i, end, token in zip(*(stored[f"{name}_{part}"] for name in names), strict=True):
            following = documents[i][end : end + 40]
            bytes_alone += not following.startswith(head.tokens[token])
            assert following.startswith(head.tokens[token]) or ord(following.lstrip()[0]) > 127
    assert bytes_alone < 20  # pieces of a character such as a curly apostrophe


def test_context_ends_before_the_next_token(head, documents):
    rows = zip(head.document_report, head.context, head.next_report, strict=True)
    for document, context, token in rows:
        text = head.tokens[token]
        assert context + text.split("\\x")[0] in documents[document]
        assert len(context) == 60 or documents[document].startswith(context)


def test_counts_are_of_other_text(head):
    """The fitting part is counted, and far more text beside it; a few tokens to predict are not."""
    assert head.counts.sum() == 179_614
    assert (head.counts > 0).sum() == 2414
    assert head.counts[:17].sum() == 0  # marks such as <|im_end|> never occur in text
    assert (head.counts >= np.bincount(head.next_fit, minlength=4096)).all()
    unseen = (head.counts[head.next_report] == 0).mean()
    assert 0 < unseen < 0.01
    assert head.tokens[head.counts.argmax()] == "\n"


@pytest.mark.parametrize(("part", "perplexity"), [("fit", 8.614), ("report", 7.913)])
def test_perplexity_is_that_of_the_sources(head, part, perplexity):
    measured = np.exp(losses(head, part).mean())
    assert measured == pytest.approx(perplexity, abs=0.002)
    column = 2 + PARTS.index(part)
    for text in [(DATA / "SOURCES.md"), (DATA / "language_model_head.py")]:
        (row,) = re.findall(
            r"^\| \*\*4,096 rows, as stored.*$", text.read_text(encoding="utf-8"), flags=re.M
        )
        assert row.split("|")[column].strip().startswith(f"{measured:.3f} (")


def test_hidden_states_lie_beside_their_own_tokens(head):
    """Shifted by one position, the head would do worse than counts do."""
    shifted = head.hidden_report[:-1] @ head.weight.T
    right = head.hidden_report @ head.weight.T
    assert np.mean(right.argmax(1) == head.next_report) > 0.5
    assert np.mean(shifted.argmax(1) == head.next_report[1:]) < 0.1


def test_loading_is_quick():
    start = time.process_time()
    load_lm_head.__wrapped__()  # past the cache
    assert time.process_time() - start < 1  # about 0.1 s; a shared machine may be slow


def test_shared_arrays_cannot_be_changed(head):
    assert load_lm_head() is head
    arrays = [array for array in vars(head).values() if isinstance(array, np.ndarray)]
    assert len(arrays) == 8
    for array in arrays:
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_digests_are_those_in_sources():
    text = (DATA / "SOURCES.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(lm_head/[^`]+)` \| (\d+) \| `([0-9a-f]{64})` \|$", text, flags=re.M)
    committed = {f"lm_head/{file.name}" for file in (DATA / "lm_head").iterdir()}
    assert {name for name, _, _ in rows} == committed - {"lm_head/.gitattributes"}
    assert sum(int(size) for _, size, _ in rows) <= 5_000_000
    for name, size, digest in rows:
        data = (DATA / name).read_bytes()
        assert len(data) == int(size), name
        assert hashlib.sha256(data).hexdigest() == digest, name


@pytest.mark.skipif(not INDEPENDENT.exists(), reason="the independent build is not here")
def test_agrees_with_an_independent_build(stored):
    """The same rows in the same order, read and rounded by another program."""
    other = np.load(INDEPENDENT)
    theirs = other["W"][:4096] * other["scale"][:4096].astype(np.float32)
    ours = stored["weight"] * stored["weight_scale"].astype(np.float32)
    assert (np.abs(ours - theirs) <= stored["weight_scale"].astype(np.float32)).all()
    assert np.mean(stored["weight"] == other["W"][:4096]) > 0.999


# The builder


def gguf_file(metadata, tensors):
    """Bytes of a GGUF file; `tensors` are (name, shape, type number, bytes)."""

    def string(text):
        return struct.pack("<Q", len(text)) + text.encode()

    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata))
    for key, (kind, value) in metadata.items():
        head += string(key) + struct.pack("<I", kind) + value
    body = b""
    for name, shape, kind, data in tensors:
        head += string(name) + struct.pack("<I", len(shape))
        head += struct.pack(f"<{len(shape)}Q", *shape[::-1]) + struct.pack("<IQ", kind, len(body))
        body += data + bytes(-len(data) % 32)
    return head + bytes(-len(head) % 32) + body


@needs_tools
def test_gguf_blocks_by_hand(monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS))
    from tokenlab.models.gguf_file import dequantised, read_gguf

    nibbles = bytes(i + 16 * (15 - i) for i in range(16))  # low ones rise, high ones fall
    data = gguf_file(
        {"a": (4, struct.pack("<I", 7)), "b": (9, struct.pack("<IQQ", 8, 1, 2) + b"hi")},
        [
            ("norm", [2], 0, np.array([1.5, -2], "<f4").tobytes()),
            ("q8", [1, 32], 8, struct.pack("<e", 0.5) + bytes(range(32))),
            ("q4", [1, 32], 3, struct.pack("<ee", 2, -1) + nibbles),
        ],
    )
    metadata, places = read_gguf(data)
    tensors = {name: dequantised(data, place) for name, place in places.items()}
    assert metadata == {"a": 7, "b": ["hi"]}
    np.testing.assert_array_equal(tensors["norm"], [1.5, -2])
    np.testing.assert_array_equal(tensors["q8"], [np.arange(32) / 2])
    expected = 2 * np.r_[np.arange(16), np.arange(15, -1, -1)] - 1
    np.testing.assert_array_equal(tensors["q4"], [expected])
    with pytest.raises(ValueError, match="not a GGUF file"):
        read_gguf(b"GGML" + data[4:])


@needs_tools
def test_words_are_cut_as_the_tokenizer_cuts_them(monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS))
    from assets.smollm2 import WORDS

    text = "It's   x_1,\n\n  and naïve café!!"
    assert WORDS.findall(text) == [
        "It", "'s", "  ", " x", "_", "1", ",", "\n\n ", " and", " naïve", " café", "!!"
    ]  # fmt: skip
    assert "".join(WORDS.findall(text)) == text


@needs_tools
def test_rotation_keeps_lengths_and_depends_on_distance_alone(monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS))
    from assets.smollm2 import rotate

    rng = np.random.default_rng(0)
    q, k = np.repeat(rng.normal(size=(2, 1, 1, 8)).astype(np.float32), 6, axis=2)  # (1, 6, 8)
    angles = np.arange(6)[:, None] * np.array([1, 0.3, 0.1, 0.02])
    q, k = rotate(q, angles)[0], rotate(k, angles)[0]
    np.testing.assert_allclose(np.linalg.norm(q, axis=1), np.linalg.norm(q[0]), rtol=1e-5)
    for distance in range(6):
        products = np.diagonal(q @ k.T, -distance)
        np.testing.assert_allclose(products, products[0], atol=1e-5)


@pytest.fixture(scope="module")
def model():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(TOOLS))
        from assets import smollm2
        from assets.packages import read_files

        cache = Path(os.environ.get("TOKENLAB_ASSET_CACHE", ""))
        if not (cache / smollm2.WHEEL.filename).is_file():
            pytest.skip("TOKENLAB_ASSET_CACHE names no folder with the model's wheel")
        return smollm2.SmolLM2(read_files(smollm2.WHEEL, cache))


@pytest.mark.build
@needs_tools
def test_model_knows_a_capital(model):
    ids = model.tokenize("The capital of France is Paris. The capital of Germany is")
    assert model.pieces[ids[1]] == b" capital"
    logits = model.hidden_states(ids) @ model.output.T
    assert model.pieces[logits[-1].argmax()] == b" Berlin"
    assert model.pieces[logits[4].argmax()] != b" Berlin"


@pytest.mark.build
@needs_tools
def test_reading_again_gives_the_stored_states(head, model, documents):
    for document in [1, 23]:
        ids = model.tokenize(documents[document])
        assert b"".join(model.pieces[i] for i in ids).decode() == documents[document]
        again = model.hidden_states(ids[:220])[16::3]
        follows = np.array(ids)[17 : 17 + 3 * len(again) : 3]
        again = again[: len(follows)][follows < 4096]
        rows = head.document_report == document
        np.testing.assert_array_equal(follows[follows < 4096], head.next_report[rows])
        ours = head.hidden_report[rows]
        cosine = (again * ours).sum(1) / np.linalg.norm(again, axis=1)
        assert (cosine / np.linalg.norm(ours, axis=1)).min() > 0.995
