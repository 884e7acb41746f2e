"""Maps from tokens to codes: k-means, frequency, balance; centroids and the floor that ties set."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenlab.errors import InvalidInput, ShapeError
from tokenlab.logits import (
    VQHead,
    balanced_mapping,
    centroids,
    fit_codes,
    frequency_mapping,
    low_rank,
    tie_floor,
)

quick = settings(max_examples=60, deadline=None)
counts_of = st.lists(st.integers(0, 30), min_size=1, max_size=9)


def test_floor_by_hand():
    assert tie_floor([6, 1, 1, 0], [0, 1, 1, 1]) == pytest.approx(3 ** (2 / 8))
    assert tie_floor([1, 1], [0, 1]) == 1
    assert tie_floor(np.ones(8), np.zeros(8, int)) == pytest.approx(8)
    head = VQHead(np.zeros((2, 1)), [0, 0, 1], counts=[3, 1, 7], inner="unigram", smoothing=0)
    assert head.tie_floor([3, 1, 0]) == pytest.approx((0.75**-3 * 0.25**-1) ** (1 / 4))
    assert head.tie_floor([0, 0, 5]) == 1


def test_a_balanced_map_has_the_floor_of_its_size():
    mapping = balanced_mapping(50_257, 1024, rng=1)
    assert set(np.bincount(mapping)) == {49, 50}
    assert tie_floor(np.ones(50_257), mapping) == pytest.approx(49.08, abs=0.01)


@pytest.mark.parametrize(("vocab", "n_codes", "nats"), [
    (50_257, 512, 1.99), (50_257, 1024, 1.54), (50_257, 4096, 0.78), (128_000, 1024, 2.00),
])  # fmt: skip
def test_the_map_reaches_the_floor_of_a_search_over_sizes(vocab, n_codes, nats):
    """Zipf's law; the specification's search is not beaten by more than 4 % and never missed."""
    zipf = 1 / np.arange(1, vocab + 1)
    mapping = frequency_mapping(np.round(1e9 * zipf), n_codes)
    found = math.log(tie_floor(zipf, mapping))
    assert 0.95 * nats < found < nats + 0.01


@quick
@given(counts_of, st.integers(1, 9))
def test_frequency_maps_are_contiguous_and_use_every_code(counts, n_codes):
    n_codes = min(n_codes, len(counts))
    mapping = frequency_mapping(counts, n_codes)
    assert set(mapping.tolist()) == set(range(n_codes))
    ranks = np.argsort(-np.array(counts), kind="stable")
    assert (np.diff(mapping[ranks]) >= 0).all() or n_codes == len(counts)
    assert len(mapping) == len(counts)


@quick
@given(st.lists(st.integers(0, 30), min_size=2, max_size=8), st.integers(1, 7))
def test_no_map_has_a_lower_floor(counts, n_codes):
    """Against every way to cut the ranks, which hold the best map."""
    mass = np.sort(np.array(counts) + 1.0)[::-1]
    n_codes = min(n_codes, len(counts))
    best = math.inf
    for cuts in itertools.combinations(range(1, len(mass)), n_codes - 1):
        sizes = np.diff([0, *cuts, len(mass)])
        best = min(best, float((mass * np.log(np.repeat(sizes, sizes))).sum() / mass.sum()))
    ours = math.log(tie_floor(np.array(counts) + 1, frequency_mapping(counts, n_codes)))
    assert ours == pytest.approx(best, abs=1e-9)


def test_one_frequent_token_leaves_the_next_to_the_rest():
    """Codes of equal mass would be two and a thousand tokens: a floor of 26.4."""
    counts = [10_000, 8_000] + [1] * 1000
    assert tie_floor(counts, frequency_mapping(counts, 2)) == pytest.approx(2.7738, abs=1e-4)


def test_as_many_codes_as_tokens_is_the_identity():
    assert frequency_mapping([1, 9, 4, 7], 4).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("make", [
    lambda w, c: fit_codes(w, 6, counts=c)[1], lambda w, c: frequency_mapping(c, 6),
    lambda w, c: balanced_mapping(6, 6, rng=0),
])  # fmt: skip
def test_as_many_codes_as_tokens(rng, make):
    mapping = make(rng.standard_normal((6, 3)), [3, 1, 0, 5, 2, 1])
    assert sorted(mapping.tolist()) == list(range(6))


def test_fit_codes_finds_clusters_and_the_identity(rng):
    middle = 100 * rng.standard_normal((4, 3))
    group = rng.integers(0, 4, 80)
    weight = middle[group] + rng.standard_normal((80, 3))
    codebook, mapping = fit_codes(weight, 4, rng=0)
    assert len({(g, m) for g, m in zip(group, mapping, strict=True)}) == 4
    np.testing.assert_allclose(codebook, centroids(weight, mapping, 4), rtol=1e-6)
    codebook, mapping = fit_codes(weight, 80)
    assert (mapping == np.arange(80)).all()
    assert codebook is not weight
    np.testing.assert_array_equal(codebook, weight)
    assert fit_codes(weight.astype(np.float16), 3, rng=0)[0].dtype == np.float32


def test_frequent_tokens_get_codes_of_their_own(rng):
    weight = rng.standard_normal((60, 4))
    counts = np.zeros(60)
    counts[[7, 30, 41]] = 1e6
    codebook, mapping = fit_codes(weight, 5, counts=counts, rng=0)
    assert len(set(mapping[[7, 30, 41]])) == 3
    np.testing.assert_allclose(codebook[mapping[7]], weight[7], atol=1e-3)


def test_more_codes_than_distinct_rows_leave_empty_ones():
    weight = np.repeat([[0.0, 1.0], [5.0, 5.0]], 5, axis=0)
    codebook, mapping = fit_codes(weight, 6, rng=0)
    assert codebook.shape == (6, 2)
    head = VQHead(codebook, mapping)
    assert np.exp(head.log_softmax([[0.1, 0.2]])).sum() == pytest.approx(1)
    assert len(set(mapping.tolist())) == 2


def test_centroids_by_hand():
    weight = np.array([[1.0, 0], [3, 2], [8, 8]], np.float32)
    found = centroids(weight, [0, 0, 2], 4, counts=[2, 0, 5])
    np.testing.assert_allclose(found, [[1.5, 0.5], [0, 0], [8, 8], [0, 0]], rtol=1e-6)
    assert found.dtype == np.float32


@pytest.mark.parametrize(
    ("error", "match", "call"),
    [
        (InvalidInput, "fit_codes: n_codes is 3, but vocab is 2", lambda: fit_codes(np.eye(2), 3)),
        (InvalidInput, "frequency_mapping: n_codes is 3", lambda: frequency_mapping([1, 2], 3)),
        (InvalidInput, "balanced_mapping: n_codes is 3", lambda: balanced_mapping(2, 3)),
        (InvalidInput, "n_codes is 0", lambda: fit_codes(np.eye(2), 0)),
        (InvalidInput, "minimum -1", lambda: frequency_mapping([1, -1], 1)),
        (ShapeError, r"weight is \(2,\)", lambda: fit_codes([1.0, 2.0], 1)),
        (InvalidInput, "not finite", lambda: fit_codes([[np.nan]], 1)),
        (ShapeError, r"counts is \(3,\)", lambda: fit_codes(np.eye(2), 1, counts=[1, 2, 3])),
        (ShapeError, r"mapping is \(3,\)", lambda: centroids(np.eye(2), [0, 0, 0])),
        (InvalidInput, "mapping runs from 0 to 2", lambda: centroids(np.eye(2), [0, 2], 2)),
        (InvalidInput, "not all 0", lambda: tie_floor([0, 0], [0, 1])),
        (ShapeError, r"mapping is \(2,\) = \(vocab,\)", lambda: tie_floor([1, 1, 1], [0, 1])),
    ],
)
def test_bad_input(error, match, call):
    with pytest.raises(error, match=match):
        call()


@pytest.mark.parametrize("call", [
    lambda c: fit_codes(np.eye(4), 2, counts=c), lambda c: frequency_mapping(c, 2),
    lambda c: centroids(np.eye(4), [0, 0, 1, 1], counts=c),
    lambda c: low_rank(np.eye(4), 2, counts=c),
    lambda c: VQHead(np.eye(2), [0, 0, 1, 1]).break_ties(c),
])  # fmt: skip
def test_shares_are_not_taken_for_counts(call):
    """1 is added to each count: 0.7 and 0.01 would then be nearly the same."""
    shares = np.array([0.7, 0.2, 0.09, 0.01])
    for fractions in (shares, shares / 0.7):
        with pytest.raises(InvalidInput, match="Multiply shares by the length of the text"):
            call(fractions)
    call([1, 0, 0, 0])  # a short text
    call(100 * shares)
    assert VQHead(np.eye(2), [0, 0, 1, 1]).break_ties(shares, smoothing=0).tie_floor(shares) > 1
