"""Tokens are written with a centroid of their near groups, where centroids are many."""

import numpy as np
import pytest

from tokenlab.numerics import unit
from tokenlab.retrieval import CompressedIndex, TokenIndex, maxsim_search, near_centroids
from tokenlab.retrieval.codec import ResidualCodec, nearest_centroids

RNG = np.random.default_rng(0)
TOKENS = unit(RNG.standard_normal((3000, 8)).astype(np.float32))
SOURCE = TokenIndex(TOKENS, np.arange(0, 3001, 30))


@pytest.fixture
def many(monkeypatch):
    """256 centroids are many, for a test."""
    monkeypatch.setattr(near_centroids, "MANY", 64)


def test_few_centroids_have_no_groups():
    assert near_centroids.groups_of(TOKENS[:100]) is None


def test_every_centroid_is_in_one_group(many):
    groups = near_centroids.groups_of(TOKENS[:256])
    assert groups.means.shape == (16, 8)
    assert np.sort(groups.members).tolist() == list(range(256))
    assert groups.ends[[0, -1]].tolist() == [0, 256]


def test_all_groups_give_the_nearest_and_few_give_a_near_one(many, monkeypatch):
    centroids = TOKENS[:256]
    groups = near_centroids.groups_of(centroids)
    nearest = nearest_centroids(TOKENS, centroids)
    best = (TOKENS * centroids[nearest]).sum(axis=1)
    shares = []
    for looks in (1, 4, 16, 99):
        monkeypatch.setattr(near_centroids, "LOOKS", looks)
        found = near_centroids.near_centroids(TOKENS, centroids, groups)
        assert ((TOKENS * centroids[found]).sum(axis=1) <= best + 1e-6).all()
        shares.append((found == nearest).mean())
    assert shares[2:] == [1.0, 1.0]
    assert 0.3 < shares[0] < shares[1] < 1.0


def test_equal_centroids_leave_groups_empty(many):
    centroids = np.repeat(TOKENS[:3], 40, axis=0)
    groups = near_centroids.groups_of(centroids)
    found = near_centroids.near_centroids(TOKENS[:3], centroids, groups)
    np.testing.assert_array_equal(centroids[found], TOKENS[:3])
    assert near_centroids.near_centroids(TOKENS[:0], centroids, groups).shape == (0,)


@pytest.mark.parametrize("block", [100, 1 << 16])
def test_pieces_blocks_and_a_loaded_index_have_the_same_codes(many, monkeypatch, tmp_path, block):
    monkeypatch.setattr(near_centroids, "BLOCK", block)
    codec = ResidualCodec(256, bits=4, rng=0).fit(TOKENS)
    whole, parts = CompressedIndex(codec), CompressedIndex(codec)
    whole.add(SOURCE)
    parts.add(SOURCE[:40])
    parts.save(tmp_path / "index")
    parts = CompressedIndex.load(tmp_path / "index")
    parts.add(SOURCE[40:])
    parts.compact()
    for name in ("codes", "residuals", "owners"):
        (one,), (other,) = ([getattr(p, name) for p in i.pieces] for i in (whole, parts))
        np.testing.assert_array_equal(one, other)


def test_certain_answers_stay_certain(many):
    index = CompressedIndex.build(SOURCE, n_centroids=256, bits=8, rng=0)
    query = TOKENS[5:9] + 0.1
    found = index.certified_search(query, SOURCE, k=10)
    np.testing.assert_array_equal(found.doc_ids, maxsim_search(query, SOURCE, k=10).doc_ids)
