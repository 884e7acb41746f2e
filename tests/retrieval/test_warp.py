"""WARP's three functions: by hand, and against what they stand for."""

import numpy as np
import pytest

from tokenlab.errors import TokenlabError
from tokenlab.retrieval.codec import ResidualCodec
from tokenlab.retrieval.warp import bucket_table, table_scores, warp_select


def test_a_selection_by_hand():
    scores = [[0.9, 0.2, 0.5, 0.5], [0.1, 0.4, 0.3, -0.2]]
    probes = warp_select(scores, [2, 5, 4, 1], n_probe=3, t_prime=6)
    assert probes.centroids.tolist() == [[0, 2, 3], [1, 2, 0]]  # of equal ones the lower number
    np.testing.assert_allclose(probes.scores, [[0.9, 0.5, 0.5], [0.4, 0.3, 0.1]])
    # 2, then 2 + 4 = 6 tokens are passed at the second; 5, then 5 + 4 = 9 at the second.
    np.testing.assert_allclose(probes.missing, [0.5, 0.3])


@pytest.mark.parametrize(("t_prime", "worth"), [(1, 0.9), (2, 0.9), (3, 0.5), (7, 0.5), (8, 0.2)])
def test_the_centroid_at_which_enough_tokens_are_passed(t_prime, worth):
    probes = warp_select([[0.9, 0.2, 0.5, 0.5]], [2, 5, 4, 1], n_probe=1, t_prime=t_prime)
    np.testing.assert_allclose(probes.missing, [worth])


def test_fewer_tokens_than_that_and_empty_clusters():
    probes = warp_select([[0.9, 0.2, 0.5]], [0, 1, 0], n_probe=99, t_prime=50)
    assert probes.centroids.tolist() == [[0, 2, 1]]  # all, the empty ones too
    np.testing.assert_allclose(probes.missing, [0.2])
    np.testing.assert_allclose(warp_select([[0.3]], [0], n_probe=1, t_prime=1).missing, [0.3])


def test_the_table_gives_the_product_with_what_is_decoded():
    rng = np.random.default_rng(0)
    tokens, query = rng.standard_normal((30, 6)), rng.standard_normal((4, 6))
    codec = ResidualCodec(5, 4, rng=0).fit(tokens)
    codes, residuals = codec.encode(tokens)
    buckets = np.stack([residuals >> 4, residuals & 15], axis=-1).reshape(30, 6)
    table = bucket_table(query, codec.levels_)
    assert table.shape == (4, 6, 16)
    decoded = codec.decode(codes, residuals, normalize=False)
    for i in range(4):
        own = query[i] @ codec.centroids_[codes].T + table_scores(table[i], buckets)
        np.testing.assert_allclose(own, decoded @ query[i], atol=1e-12)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: warp_select([[1.0]], [1], n_probe=0, t_prime=1), "warp_select: n_probe"),
        (lambda: warp_select([[1.0]], [1], n_probe=1, t_prime=0), "warp_select: t_prime"),
        (lambda: warp_select([[1.0]], [-1], n_probe=1, t_prime=1), "warp_select: sizes"),
        (lambda: warp_select([[1.0]], [1, 2], n_probe=1, t_prime=1), "but sizes is"),
        (
            lambda: warp_select([[np.nan]], [1], n_probe=1, t_prime=1),
            "warp_select: centroid_scores",
        ),
        (lambda: table_scores([[0.0, 1.0]], [[2]]), "table_scores: buckets"),
        (lambda: table_scores([[0.0, 1.0]], [[0, 0]]), "but buckets is"),
        (lambda: bucket_table([1.0], [0.0, 1.0]), "bucket_table: query"),
    ],
)
def test_what_does_not_fit_is_named(call, named):
    with pytest.raises(TokenlabError, match=named):
        call()
