"""Perplexity of a text: by hand, in blocks, with impossible tokens."""

import numpy as np
import pytest

from tokenlab.errors import TokenlabError
from tokenlab.lm import NGramLM, TextPerplexity, from_function, perplexity

LM = from_function(lambda context: np.log([0.5, 0.25, 0.25, 1e-300]), 4)


def test_by_hand():
    found = perplexity(LM, [0, 1, 2, 0], n_bytes=3)
    assert isinstance(found, TextPerplexity)
    assert found.perplexity == pytest.approx(2**1.5)
    assert found.bits_per_byte == pytest.approx(2.0)
    assert found.low <= found.perplexity <= found.high
    np.testing.assert_allclose(found.log_probs, np.log([0.5, 0.25, 0.25, 0.5]))
    assert perplexity(LM, [0]).bits_per_byte is None


def test_an_impossible_token_is_infinite_and_never_nan():
    hard = from_function(lambda context: [0.0, -np.inf], 2)
    found = perplexity(hard, [0, 1, 0], n_bytes=3)
    assert found.perplexity == np.inf == found.high == found.bits_per_byte
    assert not np.isnan(found[1:]).any()
    assert perplexity(hard, [0, 0]).perplexity == 1


def test_the_context_is_not_judged():
    lm = NGramLM.fit([[0, 1, 2, 0, 1, 2]], 3, 3)
    whole = perplexity(lm, [0, 1, 2, 0, 1])
    rest = perplexity(lm, [2, 0, 1], context=[0, 1])
    np.testing.assert_allclose(rest.log_probs, whole.log_probs[2:])


def test_blocks_of_like_tokens_make_the_interval_wider():
    like = np.repeat(np.random.default_rng(0).integers(0, 2, 40), 32)  # blocks of one token each
    mixed = np.random.default_rng(1).permutation(like)
    wide, narrow = perplexity(LM, like), perplexity(LM, mixed)
    assert wide.perplexity == pytest.approx(narrow.perplexity)
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


@pytest.mark.parametrize(
    ("ids", "options", "word"),
    [
        ([], {}, "ids"),
        ([4], {}, "ids"),
        ([0.5], {}, "ids"),
        ("text", {}, "ids"),
        ([0], {"n_bytes": 0}, "n_bytes"),
        ([0], {"n_bytes": 1.5}, "n_bytes"),
        ([0], {"context": [9]}, "context"),
    ],
)
def test_bad_input(ids, options, word):
    with pytest.raises(TokenlabError, match=rf"^perplexity: {word}"):
        perplexity(LM, ids, **options)
