"""Certified top-k and the bracket of the normaliser: always the full matrix's answer."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenlab.errors import BackendError, InvalidInput, ShapeError
from tokenlab.logits import FullHead, FullHeadIndex, VQHead, certified_topk, fit_codes
from tokenlab.logits.heads import log_sum_exp

from . import naive

quick = settings(max_examples=60, deadline=None)
cases = st.integers(0, 2**32 - 1)


@quick
@given(cases, st.integers(1, 30))
def test_it_is_the_sort_of_all_logits(seed, k):
    """Small integers: products are exact, and ties are common."""
    rng = np.random.default_rng(seed)
    vocab, d = int(rng.integers(1, 60)), int(rng.integers(1, 4))
    weight = rng.integers(-3, 4, (vocab, d)).astype(float)
    mapping = rng.integers(0, rng.integers(1, 12), vocab)
    hidden = rng.integers(-3, 4, (3, d)).astype(float)
    found = FullHeadIndex(weight, mapping).topk(hidden, k)
    logits = hidden @ weight.T
    assert found.ids.tolist() == [naive.ranked(row.tolist(), k) for row in logits]
    np.testing.assert_array_equal(found.values, np.take_along_axis(logits, found.ids, 1))
    assert ((found.share > 0) & (found.share <= 1)).all()
    assert (found.margin > 0).all()


@quick
@given(cases)
def test_the_normaliser_lies_between_its_bounds(seed):
    rng = np.random.default_rng(seed)
    vocab = int(rng.integers(1, 60))
    weight, mapping = rng.standard_normal((vocab, 4)), rng.integers(0, 7, vocab)
    hidden = 10.0 ** rng.uniform(-2, 2) * rng.standard_normal((5, 4))
    low, high = FullHeadIndex(weight, mapping).normaliser(hidden)
    exact = log_sum_exp(hidden @ weight.T)
    assert (low <= exact + 1e-9 * np.abs(exact)).all()
    assert (exact <= high + 1e-9 * np.abs(exact)).all()


def test_the_bounds_meet_when_codes_are_points():
    weight = np.repeat([[1.0, 2.0], [-1.0, 0.5]], 3, axis=0)
    low, high = FullHeadIndex(weight, [0, 0, 0, 4, 4, 4]).normaliser([[0.3, -2.0]])
    np.testing.assert_allclose(low, log_sum_exp(np.array([[0.3, -2.0]]) @ weight.T))
    np.testing.assert_allclose(low, high)


def test_tight_clusters_are_not_all_scored(rng):
    middle = 10 * rng.standard_normal((40, 8))
    weight = np.repeat(middle, 25, axis=0) + 0.05 * rng.standard_normal((1000, 8))
    codebook, mapping = fit_codes(weight, 40, rng=0)
    hidden = rng.standard_normal((20, 8))
    found = certified_topk(hidden, weight, VQHead(codebook, mapping), 5)
    assert found.share.max() < 0.25
    expected = FullHead(weight).topk(hidden, 5).ids
    assert found.ids.tolist() == expected.tolist()


def test_loose_clusters_are_scored_to_the_end(rng):
    weight = rng.standard_normal((300, 16))
    found = FullHeadIndex(weight, rng.integers(0, 10, 300)).topk(rng.standard_normal((4, 16)), 3)
    np.testing.assert_array_equal(found.share, 1)
    assert (found.margin == np.inf).all()


def test_float32_and_its_rounding(rng):
    weight = (1e3 + rng.standard_normal((500, 64))).astype(np.float16)
    hidden = (1e2 * rng.standard_normal((30, 64))).astype(np.float32)
    index = FullHeadIndex(weight, rng.integers(0, 20, 500))
    found = index.topk(hidden, 4)
    assert found.values.dtype == found.share.dtype == np.float32
    exact = hidden.astype(float) @ weight.astype(float).T
    low, high = index.normaliser(hidden)
    slack = 64 * 2.0**-23 * np.abs(hidden).sum(axis=1) * 1.1e3
    assert (low <= log_sum_exp(exact) + slack).all()
    assert (log_sum_exp(exact) <= high + slack).all()


def test_no_rows_and_all_of_them(rng):
    index = FullHeadIndex(rng.standard_normal((5, 2)), [0, 0, 3, 3, 3])
    assert index.topk(np.empty((0, 2)), 2).ids.shape == (0, 2)
    assert sorted(index.topk([[1.0, 0.0]], 99).ids[0].tolist()) == list(range(5))
    assert index.normaliser(np.empty((0, 2))).low.shape == (0,)


def test_the_double(rng, cupy):
    weight, mapping = rng.standard_normal((50, 4)), rng.integers(0, 6, 50)
    hidden = rng.standard_normal((3, 4))
    ours = FullHeadIndex(weight, mapping)
    theirs = FullHeadIndex(cupy.asarray(weight), cupy.asarray(mapping))
    for a, b in zip(ours.topk(hidden, 5), theirs.topk(cupy.asarray(hidden), 5), strict=True):
        np.testing.assert_allclose(b.get(), a)
    for a, b in zip(ours.normaliser(hidden), theirs.normaliser(cupy.asarray(hidden)), strict=True):
        np.testing.assert_allclose(b.get(), a)
    with pytest.raises(BackendError, match="mixed array libraries"):
        theirs.topk(hidden, 5)


def test_bad_input():
    head = VQHead(np.eye(2), [0, 1, 1])
    with pytest.raises(ShapeError, match=r"weight is \(2, 2\) = \(vocab, d\).*vocab = 3"):
        certified_topk(np.eye(2), np.eye(2), head, 1)
    with pytest.raises(InvalidInput, match="k is 0"):
        certified_topk(np.eye(2), np.ones((3, 2)), head, 0)
    with pytest.raises(ShapeError, match=r"hidden is \(1, 3\)"):
        certified_topk(np.ones((1, 3)), np.ones((3, 2)), head, 1)
    with pytest.raises(ShapeError, match=r"mapping is \(1,\)"):
        FullHeadIndex(np.eye(2), [0])
