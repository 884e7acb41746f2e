"""A model of words: masks, no look at what comes, probabilities that sum to one, learning."""

import itertools

import numpy as np
import pytest

from tokenlab.autograd import gradcheck
from tokenlab.errors import TokenlabError
from tokenlab.tape import mapped
from tokenlab.tokenizers.word_pooled import (
    WordPooled,
    attention_scores,
    backbone_mask,
    baseline,
    decoder_mask,
    encoder_mask,
    mean_loss,
    size,
    split_words,
)


def model(n_chars=6, c=4, **options):
    sizes = {"p": 2, "max_chars": c, "max_words": 5, "d": 8, "heads": 2, "rng": 0} | options
    return WordPooled(n_chars, **sizes)


def test_words_as_numbers():
    words = split_words("to be")
    assert words.alphabet == "beot"
    assert words.ids.tolist() == [[4, 3], [1, 2]]
    wide = split_words("a bcd", "dcba", max_chars=4)
    assert wide.ids.tolist() == [[4, 0, 0, 0], [3, 2, 1, 0]]
    assert wide.lengths.tolist() == [1, 3]
    for call, word in (
        (lambda: split_words("  "), "text"),
        (lambda: split_words("abc", max_chars=2), "max_chars"),
        (lambda: split_words("abc", "ab"), "alphabet"),
    ):
        with pytest.raises(TokenlabError, match=word):
            call()


def test_masks():
    mask = encoder_mask(np.array([2]), 1, 3)[0]
    assert mask.tolist() == [[True, True, True, False]] * 4
    official = encoder_mask(np.array([1]), 1, 3, variant="official")[0]
    assert official.tolist() == [
        [True] * 4,
        [True] * 4,
        [True] * 4,  # the first place of padding counts as a character
        [True, True, True, False],
    ]
    assert (backbone_mask(3, 2) == np.tril(np.ones((6, 6), bool))).all()
    full = backbone_mask(2, 2, within="full")
    assert full.astype(int).tolist() == [[1, 1, 0, 0]] * 2 + [[1, 1, 1, 1]] * 2
    assert (decoder_mask(2, 3) == np.tril(np.ones((5, 5), bool))).all()
    assert attention_scores(7, 5, 2) == (1225, 882)
    assert attention_scores(128, 6, 4) == (589_824, 287_744)
    with pytest.raises(TokenlabError, match="variant"):
        encoder_mask(np.array([1]), 1, 2, variant="v2")
    with pytest.raises(TokenlabError, match="within"):
        backbone_mask(1, 2, within="none")


def test_nothing_looks_at_what_comes(rng):
    it = model()
    words = rng.integers(1, 6, (5, 4))
    words[1, 2:] = words[3, 1:] = 0
    before = it.log_probs(words)
    for t, j in itertools.product(range(5), range(4)):
        other = words.copy()
        other[t, j] = other[t, j] % 5 + 1 if other[t, j] else 0
        after = it.log_probs(other)
        np.testing.assert_allclose(after[: max(t - 1, 0)], before[: max(t - 1, 0)], atol=1e-6)
        if t:  # of the word itself, places up to the changed one
            np.testing.assert_allclose(after[t - 1, : j + 1], before[t - 1, : j + 1], atol=1e-6)
        if other[t, j] != words[t, j] and t < 4:
            assert not np.allclose(after[t:], before[t:], atol=1e-6)


def test_padding_is_never_seen(rng):
    it = model()
    words = rng.integers(1, 6, (4, 4))
    words[1, 1] = 0  # the rest of this word is padding, whatever stands there
    other = words.copy()
    other[1, 2:] = 1 + words[1, 2:] % 5
    np.testing.assert_allclose(it.log_probs(other)[1:], it.log_probs(words)[1:], atol=1e-6)
    np.testing.assert_allclose(it.word_log_probs(other), it.word_log_probs(words), atol=1e-6)
    assert it.loss(other) == pytest.approx(it.loss(words), abs=1e-6)


def test_words_have_probabilities_that_sum_to_one():
    it = model(n_chars=3, c=3, max_words=2)
    first = [1, 2, 0]
    total = 0.0
    for word in itertools.product(range(3), repeat=3):
        inside = word.index(0) if 0 in word else 3
        if any(word[inside:]):
            continue  # padding is written as 0
        total += np.exp(it.word_log_probs(np.array([first, word]))[0])
    assert total == pytest.approx(1, abs=1e-5)


def test_the_loss_is_the_mean_over_characters_and_ends(rng):
    it = model()
    words = np.array([[1, 2, 0, 0], [3, 4, 5, 1], [2, 0, 0, 0]])
    logs = it.log_probs(words)
    each = [logs[0, j, i] for j, i in enumerate([3, 4, 5, 1])] + [logs[1, 0, 2], logs[1, 1, 0]]
    assert it.loss(words) == pytest.approx(-np.mean(each), rel=1e-5)
    assert it.word_log_probs(words).sum() == pytest.approx(sum(each), rel=1e-5)


def test_gradients(rng):
    it = model(n_chars=4, c=2, max_words=3, d=4, layers=(1, 1, 1))
    words = rng.integers(0, 4, (3, 2))
    some = {name: it.params[name] for name in ("embed", "cls", "encoder_place", "word_place")}
    double = mapped(lambda x: np.asarray(x, np.float64), it.params)

    def loss(part, ids):
        return mean_loss(double | part, ids, 2)

    assert gradcheck(loss, some, words) < 1e-5


def test_it_learns_a_text_and_says_the_next_word():
    words, _, alphabet = split_words("one two three four five " * 12)
    it = model(len(alphabet) + 1, words.shape[1], d=16, max_words=6)
    fresh = it.params["embed"].copy()
    history = it.fit(words, 120, batch=8, rate=0.01, rng=0)
    assert len(history) == 120
    assert history[-1] < 0.3 * history[0]
    assert not (it.params["embed"] == fresh).all()
    said = "".join(alphabet[i - 1] for i in it.next_word(words[:2]))
    assert said == "three"


def test_a_baseline_has_about_as_many_parameters():
    it = model(n_chars=30, c=8, max_words=16, d=48, heads=4)
    for vocab in (30, 500):
        assert abs(size(baseline(vocab, it)) / size(it.params) - 1) < 0.12


def test_bad_input_is_named():
    it = model()
    for words in ([[1, 2]], [[1, 2, 3, 9]], [[1.5] * 4], [[1, 2, 3, 4]] * 6, np.zeros((0, 4), int)):
        with pytest.raises(TokenlabError, match="words"):
            it.log_probs(words)
    with pytest.raises(TokenlabError, match="n_chars"):
        model(n_chars=1)
    with pytest.raises(TokenlabError, match="steps"):
        it.fit(np.ones((9, 4), int), 0)
