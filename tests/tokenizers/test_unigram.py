"""The unigram tokenizer against all cuts of short texts, one by one; and sparsemax."""

import itertools
import math

import numpy as np
import pytest

from tokenlab.autograd import gradcheck
from tokenlab.errors import TokenlabError
from tokenlab.numerics import sparsemax
from tokenlab.tokenizers import BPE, UnigramLM, compression

HAND = UnigramLM([b"a", b"b", b"ab", b"ba", b"aba"], np.log([0.3, 0.2, 0.2, 0.2, 0.1]))


def all_cuts(model, data):
    """Every cut with its log-probability, by trying each set of borders."""
    ids = {token: i for i, token in enumerate(model.tokens)}
    for borders in itertools.product([False, True], repeat=max(len(data) - 1, 0)):
        edges = [0, *(i + 1 for i, border in enumerate(borders) if border), len(data)]
        pieces = [data[a:b] for a, b in itertools.pairwise(edges)]
        if all(piece in ids for piece in pieces):
            cut = tuple(ids[piece] for piece in pieces)
            yield cut, sum(model.log_probs[i] for i in cut)


def test_the_hand_case():
    assert HAND.viterbi(b"aba").ids.tolist() == [4]
    assert HAND.viterbi(b"aba").log_prob == pytest.approx(math.log(0.1))
    assert math.exp(HAND.log_marginal(b"aba")) == pytest.approx(0.238)
    wanted = [0.6555, 0.0756, 0.2521, 0.2521, 0.4202]
    np.testing.assert_allclose(HAND.expected_counts(b"aba"), wanted, atol=5e-5)
    np.testing.assert_allclose(
        HAND.expected_counts(b"aba", weight=2), 2 * np.array(wanted), atol=1e-4
    )


@pytest.mark.parametrize("seed", range(8))
def test_everything_equals_enumeration(seed):
    draws = np.random.default_rng(seed)
    tokens = [b"a", b"b", b"c", b"ab", b"bc", b"abc", b"ca", b"aa", b"bab"]
    model = UnigramLM(tokens, draws.normal(size=len(tokens)))
    data = bytes(draws.choice(list(b"abc"), 8).tolist())
    cuts = dict(all_cuts(model, data))
    best = model.viterbi(data)
    assert cuts[tuple(best.ids.tolist())] == pytest.approx(max(cuts.values()))
    assert best.log_prob == pytest.approx(max(cuts.values()))
    for alpha in (0, 0.3, 1, 2):
        scores = np.array(list(cuts.values())) * alpha
        assert model.log_marginal(data, alpha=alpha) == pytest.approx(
            float(np.log(np.exp(scores).sum()))
        )
    p = np.exp(np.array(list(cuts.values())))
    p /= p.sum()
    counts = sum(
        q * np.bincount(cut, minlength=len(tokens)) for cut, q in zip(cuts, p, strict=True)
    )
    np.testing.assert_allclose(model.expected_counts(data), counts)


def test_samples_follow_the_sharpened_distribution():
    rng = np.random.default_rng(0)
    cuts = dict(all_cuts(HAND, b"aba"))
    for alpha in (0, 1, 2.5):
        p = {cut: math.exp(alpha * score) for cut, score in cuts.items()}
        total = sum(p.values())
        drawn = [tuple(HAND.sample(b"aba", alpha=alpha, rng=rng).tolist()) for _ in range(4000)]
        for cut in cuts:
            assert drawn.count(cut) / 4000 == pytest.approx(p[cut] / total, abs=0.03)


def test_what_people_reported():
    far = UnigramLM([b"q", b"qq"], [-500, -1001])
    assert math.isfinite(far.log_marginal(b"q" * 40))
    assert far.viterbi(b"q" * 40).ids.tolist() == [0] * 40
    one = UnigramLM([b"a", b"b"], [-1.0, -2.0])
    for alpha in (0, 1, 30):
        assert one.sample(b"abba", alpha=alpha, rng=1).tolist() == [0, 1, 1, 0]
    equal = UnigramLM([b"a", b"aa", b"aaa"], [-1.0, -2.0, -3.0])
    assert equal.viterbi(b"aaaa").ids.tolist() == [0, 2]  # the longest last token
    assert HAND.viterbi(b"") == (pytest.approx([]), 0.0)


def test_bad_input_is_named():
    for tokens, logs, word in (
        ([b""], [0.0], "tokens"),
        (["a"], [0.0], "tokens"),
        ([b"a"], [np.nan], "log_probs"),
        ([b"a"], [0.0, 1.0], "log_probs"),
        ([b"a"], [-np.inf], "log_probs"),
    ):
        with pytest.raises(TokenlabError, match=word):
            UnigramLM(tokens, logs)
    with pytest.raises(TokenlabError, match="0x78"):
        HAND.viterbi(b"abx")
    for call in (HAND.log_marginal, HAND.expected_counts, HAND.sample):
        with pytest.raises(TokenlabError, match="0x78"):
            call(b"xab")
        with pytest.raises(TokenlabError, match="data"):
            call("ab")
    for alpha in (-1, np.nan, np.inf, "1"):
        with pytest.raises(TokenlabError, match="alpha"):
            HAND.sample(b"ab", alpha=alpha)
    with pytest.raises(TokenlabError, match="ids"):
        HAND.decode([7])
    with pytest.raises(TokenlabError, match="vocab_size"):
        UnigramLM.fit("abc", 200)


def test_fit_keeps_the_bytes_and_compresses(rng):
    words = ["lower", "lowest", "newer", "newest", "wide", "wider", "widest", "naïve"]
    text = " ".join(rng.choice(words, 400))
    model = UnigramLM.fit(text, 290)
    assert model.tokens[:256] == [bytes([i]) for i in range(256)]
    assert model.vocab == 290
    assert np.exp(model.log_probs).sum() == pytest.approx(1)
    assert model.decode(model.encode(text + " 😀\n")) == text + " 😀\n"
    assert compression(model, text) > 0.9 * compression(BPE.train(text, 290), text)
    assert UnigramLM.fit("", 300).vocab == 256


def test_sparsemax_by_hand_and_by_its_definition(rng):
    np.testing.assert_allclose(sparsemax([0.9, 0.7, 0.2, -0.1]), [0.6, 0.4, 0, 0])
    np.testing.assert_allclose(sparsemax([0.9, 0.5, 0.1, 0.0]), [0.7, 0.3, 0, 0])
    np.testing.assert_allclose(sparsemax([2.0, 2.0, 2.0]), [1 / 3] * 3)
    z = rng.normal(size=(50, 7))
    p = sparsemax(z)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    np.testing.assert_allclose(sparsemax(z.T, axis=0), p.T)
    for q in rng.dirichlet(np.ones(7), 200):  # nothing is closer
        assert (((p - z) ** 2).sum(1) <= ((q - z) ** 2).sum(1) + 1e-12).all()
    assert gradcheck(lambda z: (sparsemax(z) * z.shape[-1] ** np.arange(7)).sum(), z[:3]) < 1e-6
    np.testing.assert_allclose(sparsemax(np.array([1e8, 0.0])), [1, 0])
