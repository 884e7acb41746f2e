"""Sentences of docstrings and pages that claim something, each with what would show it false."""

import re
from pathlib import Path

import numpy as np
import pytest

from tokenlab.attention import orthogonal_features, performer_attention
from tokenlab.data import load_lm_head
from tokenlab.logits import VQHead, fit_codes, perplexity, tie_floor
from tokenlab.numerics import softmax, topk, unit
from tokenlab.pruning import tome
from tokenlab.retrieval import TokenIndex, maxsim, xtr_search

ROOT = Path(__file__).parent.parent


def parse_r(layers, r, inflect):
    """How the authors of ToMe spread `r`: cut, not rounded."""
    first = int(r * (1.0 - inflect))
    slope = (2 * r - 2 * first) / (layers - 1)
    return [int(first + slope * i) for i in range(layers)]


def test_layer_counts_rounds_where_the_authors_cut():
    for inflect in (-1.0, -0.5, 0.5, 1.0):
        counts = tome.layer_counts(400, 8, 12, inflect=inflect)
        mine = [before - after for before, after in counts]
        theirs = parse_r(12, 8, inflect)
        assert abs(sum(mine) - 96) <= 2
        assert sum(theirs) < sum(mine)
        assert all(0 <= a - b <= 1 for a, b in zip(mine, theirs, strict=True))
    assert parse_r(4, 8, 0) == [8] * 4


def released_features(x, w, keys, eps):
    """Another maximum: of the projections, without the squared length."""
    x = x / x.shape[-1] ** 0.25
    projected = x @ w.T
    largest = projected.max() if keys else projected.max(axis=-1, keepdims=True)
    return np.exp(projected - (x * x).sum(axis=-1, keepdims=True) / 2 - largest) + eps


def test_the_performers_stabiliser_is_not_the_released_one_and_without_eps_they_are_one(rng):
    q, k, v = (2 * rng.standard_normal((20, 16)) for _ in range(3))
    w = orthogonal_features(64, 16, rng=0)

    def released(eps):
        kernel = released_features(q, w, False, eps) @ released_features(k, w, True, eps).T
        return kernel @ v / kernel.sum(axis=1, keepdims=True)

    np.testing.assert_allclose(performer_attention(q, k, v, w, eps=0), released(0), rtol=1e-9)
    gap = np.linalg.norm(performer_attention(q, k, v, w, eps=1e-4) - released(1e-4))
    assert gap > 0.01 * np.linalg.norm(released(1e-4))


def test_the_features_are_unbiased_and_their_quotient_is_not(rng):
    x, y = rng.standard_normal((2, 8)) * 0.7
    exact, found = np.exp(x @ y / 8**0.5), []
    for seed in range(400):
        w = orthogonal_features(32, 8, rng=seed)
        a, b = (np.exp(w @ (z / 8**0.25) - z @ z / (2 * 8**0.5)) for z in (x, y))
        found.append((a * b).mean())
    assert abs(np.mean(found) - exact) < 4 * np.std(found) / len(found) ** 0.5


def test_with_all_tokens_xtr_scores_are_the_means_of_maxsim(rng):
    docs = [unit(rng.standard_normal((n, 8))) for n in (3, 0, 5, 1)]
    index = TokenIndex.from_docs(docs)
    query = unit(rng.standard_normal((4, 8)))
    found = xtr_search(query, index, k_prime=index.n_tokens, k=4)
    assert sorted(found.doc_ids.tolist()) == [0, 2, 3]  # the empty one has no token to be found by
    np.testing.assert_allclose(found.scores, maxsim(query, index, mean=True)[found.doc_ids])
    np.testing.assert_allclose(maxsim(query, index)[0] / 4, maxsim(query, index, mean=True)[0])


def test_shares_of_codes_from_kmeans_need_break_ties():
    lm = load_lm_head()
    codebook, mapping = fit_codes(lm.weight, 64, counts=lm.counts, rng=0)
    codes = VQHead(codebook, mapping)
    heads = {
        "codes": codes,
        "shared": codes.break_ties(lm.counts),
        "wrong": VQHead(codebook, mapping, counts=lm.counts, inner="unigram"),
    }
    hidden, following = lm.hidden_report, lm.next_report
    value = {name: perplexity(h.log_prob(hidden, following)).value for name, h in heads.items()}
    assert value["shared"] < value["codes"] < value["wrong"]
    assert heads["shared"].tie_floor(lm.counts) < tie_floor(lm.counts, mapping)
    assert tie_floor(lm.counts, mapping) == pytest.approx(codes.tie_floor(lm.counts))


def test_types_that_stay_and_types_that_are_widened():
    for given, kept in ((np.float16, np.float32), (np.float32,) * 2, (np.float64,) * 2):
        x = np.array([[1.0, 2.0]], given)
        assert softmax(x).dtype == unit(x).dtype == topk(x, 1).values.dtype == kept


CODE = re.compile(r"\bas released|\bas in the (released|official|authors'|first) code")


def test_who_claims_to_agree_with_code_names_it():
    """`owner/name` and a commit stand in the same notes."""
    named = re.compile(r"`[\w-]+/[\w.-]+`[^.]*?\b[0-9a-f]{7}\b")
    for path in (ROOT / "tokenlab").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        notes = text.partition('NOTES = r"""')[2]
        if CODE.search(notes):
            assert named.search(notes), path
