"""Landmarks against loops over cells, segments and clusters."""

import numpy as np
import pytest

from tokenlab.attention import (
    conv_landmarks,
    gaussian_attention,
    grid_landmarks,
    kmeans_landmarks,
    random_landmarks,
    segment_landmarks,
    soft_attention,
)
from tokenlab.errors import InvalidInput, ShapeError


@pytest.mark.parametrize(("h", "w", "r"), [(4, 6, 2), (5, 7, 3), (3, 3, 1), (2, 5, 8), (1, 1, 1)])
def test_grid_against_loops(rng, h, w, r):
    q = rng.standard_normal((2, h * w, 3))
    grid = q.reshape(2, h, w, 3)
    wanted = [
        grid[:, i : i + r, j : j + r].mean(axis=(1, 2))
        for i in range(0, h, r)
        for j in range(0, w, r)
    ]
    np.testing.assert_allclose(grid_landmarks(q, (h, w), r), np.stack(wanted, axis=1), atol=1e-12)


def test_convolution_against_loops(rng):
    q, weight = rng.standard_normal((2, 24, 3)), rng.standard_normal((2, 2, 3, 5))
    grid, got = q.reshape(2, 4, 6, 3), conv_landmarks(q, (4, 6), weight)
    for i in range(2):
        for j in range(3):
            wanted = sum(
                grid[:, 2 * i + a, 2 * j + b] @ weight[a, b] for a in range(2) for b in range(2)
            )
            np.testing.assert_allclose(got[:, 3 * i + j], wanted, atol=1e-12)
    mean = np.broadcast_to(np.eye(3) / 4, (2, 2, 3, 3))
    np.testing.assert_allclose(conv_landmarks(q, (4, 6), mean), grid_landmarks(q, (4, 6), 2))


@pytest.mark.parametrize(("n", "m"), [(12, 4), (13, 4), (7, 7), (3, 9), (1, 1), (50, 49)])
def test_segments_are_those_of_array_split(rng, n, m):
    q = rng.standard_normal((2, n, 3))
    wanted = np.stack([part.mean(axis=1) for part in np.array_split(q, min(m, n), axis=1)], axis=1)
    np.testing.assert_allclose(segment_landmarks(q, m), wanted, atol=1e-12)


def test_segments_of_what_a_mask_leaves(rng):
    q, mask = rng.standard_normal((3, 20, 4)), rng.random((3, 20)) < 0.5
    mask[:, 3:8] = True
    q[~mask] = np.nan
    got = segment_landmarks(q, 4, mask=mask)
    for i in range(3):
        np.testing.assert_allclose(got[i], segment_landmarks(q[i][mask[i]], 4), atol=1e-12)
    with pytest.raises(InvalidInput, match="at least m = 19"):
        segment_landmarks(q, 19, mask=mask)


def test_random_landmarks_are_tokens_and_repeat(rng):
    q = rng.standard_normal((2, 30, 4))
    got = random_landmarks(q, 9, rng=3)
    np.testing.assert_array_equal(got, random_landmarks(q, 9, rng=3))
    assert not np.array_equal(got, random_landmarks(q, 9, rng=4))
    positions = [np.flatnonzero((q[0] == row).all(axis=1))[0] for row in got[0]]
    assert positions == sorted(set(positions))
    np.testing.assert_array_equal(got, q[:, positions])
    np.testing.assert_array_equal(random_landmarks(q, 99, rng=0), q)


def test_no_choice_wins_everywhere(rng):
    """Scattered clusters: means of neighbours are near nobody, centres and tokens are."""
    centres = 2 * rng.standard_normal((20, 16))
    q = centres[rng.integers(0, 20, 1024)] + 0.1 * rng.standard_normal((1024, 16))
    v = rng.standard_normal((1024, 4))
    exact = gaussian_attention(q, v)

    def error(landmarks):
        return np.linalg.norm(soft_attention(q, v, landmarks) - exact) / np.linalg.norm(exact)

    assert error(grid_landmarks(q, (32, 32), 4)) > 0.5
    assert error(random_landmarks(q, 196, rng=0)) < 0.1
    assert error(kmeans_landmarks(q, 64, rng=0)) < 0.1


def test_kmeans_finds_each_sequence_by_itself(rng):
    q = np.stack([np.repeat([[0.0], [5.0]], 6, axis=0), np.repeat([[-9.0], [9.0]], 6, axis=0)])
    got = np.sort(kmeans_landmarks(q, 2, rng=0), axis=1)
    np.testing.assert_allclose(got, [[[0], [5]], [[-9], [9]]])


def test_bad_input():
    q = np.zeros((7, 2))
    with pytest.raises(ShapeError, match="Leave out a class token"):
        grid_landmarks(q, (2, 3), 2)
    with pytest.raises(InvalidInput, match="ratio is 0"):
        grid_landmarks(q, (7, 1), 0)
    with pytest.raises(ShapeError, match="r that divides both sides"):
        conv_landmarks(q, (7, 1), np.zeros((2, 2, 2, 2)))
    with pytest.raises(InvalidInput, match="m is 0"):
        segment_landmarks(q, 0)
    with pytest.raises(InvalidInput, match="not finite"):
        random_landmarks([[np.nan]], 1)
    with pytest.raises(ShapeError, match="n >= 1"):
        segment_landmarks(np.zeros((0, 2)), 1)


def test_float32_stays(rng):
    q = rng.standard_normal((12, 4)).astype(np.float32)
    weight = np.zeros((2, 2, 4, 4), np.float32)
    for got in (
        grid_landmarks(q, (3, 4), 2),
        conv_landmarks(q, (6, 2), weight),
        segment_landmarks(q, 5),
        random_landmarks(q, 5, rng=0),
        kmeans_landmarks(q, 5, rng=0),
        grid_landmarks(q.astype(np.float16), (3, 4), 2),
    ):
        assert got.dtype == np.float32
