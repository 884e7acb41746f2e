"""Pieces of texts that other libraries were reported to place wrongly; with a vocabulary by hand."""

import pytest

from tokenlab.errors import TokenlabError
from tokenlab.models.wordpiece import WordPiece

TOKENS = [
    "[CLS]",
    "[SEP]",
    "[UNK]",
    "[MASK]",
    "[",
    "]",
    "mask",
    "res",
    "##ume",
    "##s",
    "xy",
    "a",
    "b",
]
PIECES = WordPiece(TOKENS)


def placed(text):
    found = PIECES.encode(text)
    inner = slice(1, -1)  # without the marks
    return list(
        zip(
            found.tokens[inner],
            found.starts[inner].tolist(),
            found.ends[inner].tolist(),
            strict=True,
        )
    )


def test_places_are_those_of_the_given_text():
    # An accent that is a character of its own belongs to the letter before it.
    text = "a re\u0301sume\u0301s"
    assert [token for token, *_ in placed(text)] == ["a", "res", "##ume", "##s"]
    assert placed(text)[1][1] == 2
    assert placed(text)[-1][2] == len(text)
    assert placed("R\u00e9s") == [("res", 0, 3)]


def test_a_soft_hyphen_joins():
    assert placed("x\u00ady") == [("xy", 0, 3)]


def test_unknown_signs_side_by_side_are_one_word():
    assert placed("a \U0001f600\U0001f601 b") == [("a", 0, 1), ("[UNK]", 2, 4), ("b", 5, 6)]


def test_a_typed_mark_is_letters():
    assert [token for token, *_ in placed("[MASK]")] == ["[", "mask", "]"]


@pytest.mark.parametrize("most", [2, 3, 4, 9])
def test_max_tokens_counts_both_marks(most):
    found = PIECES.encode("a b a b", max_tokens=most)
    assert len(found.ids) == min(most, 6)
    assert found.tokens[-1] == "[SEP]"
    assert found.dropped == max(6 - most, 0)


@pytest.mark.parametrize("most", [0, 1, 2.5, "9", True])
def test_max_tokens_that_is_none(most):
    with pytest.raises(TokenlabError, match="max_tokens"):
        PIECES.encode("a", max_tokens=most)


@pytest.mark.parametrize("text", [b"a", None, 3, "x\udfff"])
def test_no_text(text):
    with pytest.raises(TokenlabError, match=r"WordPiece.encode: text"):
        PIECES.encode(text)
