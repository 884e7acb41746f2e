"""The neighbours: against their formulas, and in the limits in which they are exact."""

import numpy as np
import pytest

from tokenlab.attention import (
    cubic_pinv,
    linformer_attention,
    nystrom_attention,
    orthogonal_features,
    performer_attention,
    segment_landmarks,
    softmax_attention,
)
from tokenlab.errors import InvalidInput, ShapeError


def softmax(x):
    x = np.exp(x - x.max(axis=-1, keepdims=True))
    return x / x.sum(axis=-1, keepdims=True)


@pytest.fixture
def qkv(rng):
    return tuple(0.7 * rng.standard_normal((2, 30, 6)) for _ in range(3))


def test_cubic_iteration_by_hand():
    a = np.array([[0.7, 0.3], [0.2, 0.8]])
    errors = [abs(cubic_pinv(a, iters=k) - np.linalg.inv(a)).max() for k in range(1, 5)]
    assert errors == pytest.approx([0.5296, 0.0884, 3.7e-4, 2.6e-11], rel=0.01)
    stack = np.stack([a, np.zeros((2, 2)), 5 * a])
    got = cubic_pinv(stack)
    np.testing.assert_allclose(got[0], np.linalg.inv(a))
    assert not got[1].any()
    np.testing.assert_allclose(got[2], got[0] / 5)  # each matrix by its own norm


def test_nystromformer_is_its_formula(qkv):
    q, k, v = qkv
    for m in (1, 4, 7):
        q_s, k_s = q * 6**-0.25, k * 6**-0.25
        q_m, k_m = (np.stack([p.mean(axis=1) for p in np.array_split(x, m, axis=1)], axis=1)
                    for x in (q_s, k_s))  # fmt: skip
        left, right = softmax(q_s @ k_m.swapaxes(1, 2)), softmax(q_m @ k_s.swapaxes(1, 2))
        middle = softmax(q_m @ k_m.swapaxes(1, 2))
        wanted = left @ np.linalg.inv(middle) @ right @ v
        got = nystrom_attention(q, k, v, m, iters=20)
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5)
        own = nystrom_attention(q, k, v, (segment_landmarks(q, m), segment_landmarks(k, m)))
        np.testing.assert_allclose(own, nystrom_attention(q, k, v, m))
    np.testing.assert_allclose(nystrom_attention(q, k, v, 30), softmax_attention(q, k, v))


def test_performer_is_its_formula_and_unbiased(qkv):
    q, k, v = qkv
    w = orthogonal_features(24, 6, rng=1).astype(np.float64)
    q_s, k_s = q * 6**-0.25, k * 6**-0.25

    def phi(x):
        return np.exp(x @ w.T - (x * x).sum(axis=-1, keepdims=True) / 2) / np.sqrt(24)

    weights = phi(q_s) @ phi(k_s).swapaxes(1, 2)
    wanted = weights @ v / weights.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(performer_attention(q, k, v, w, eps=0), wanted, atol=1e-10)
    exact, errors = softmax_attention(q, k, v), []
    for r in (24, 384, 24576):
        got = performer_attention(q, k, v, orthogonal_features(r, 6, rng=0), eps=0)
        errors.append(np.linalg.norm(got - exact) / np.linalg.norm(exact))
    assert errors[2] < errors[1] / 2 < errors[0] / 4
    assert errors[2] < 0.1


def test_features_are_orthogonal_with_gaussian_lengths():
    w = orthogonal_features(4000, 8, rng=0)
    assert w.dtype == np.float32
    np.testing.assert_allclose(w[:8] @ w[:8].T, np.diag((w[:8] ** 2).sum(axis=1)), atol=1e-5)
    assert (w**2).sum(axis=1).mean() == pytest.approx(8, rel=0.05)
    np.testing.assert_allclose(w.T @ w / 4000, np.eye(8), atol=0.1)
    # A bare QR decomposition gives the first entry of every group the same sign.
    np.testing.assert_allclose(w.reshape(500, 8, 8).mean(axis=0), 0, atol=5 / np.sqrt(500))
    np.testing.assert_array_equal(w, orthogonal_features(4000, 8, rng=0))


def test_linformer_is_its_formula(qkv, rng):
    q, k, v = qkv
    e, f = rng.standard_normal((2, 5, 30))
    wanted = softmax(q @ (e @ k).swapaxes(1, 2) / np.sqrt(6)) @ (f @ v)
    np.testing.assert_allclose(linformer_attention(q, k, v, e, f=f), wanted, atol=1e-12)
    np.testing.assert_allclose(
        linformer_attention(q, k, v, np.eye(30)), softmax_attention(q, k, v), atol=1e-12
    )
    means = np.kron(np.eye(5), np.full((1, 6), 1 / 6))
    pooled = softmax_attention(q, segment_landmarks(k, 5), segment_landmarks(v, 5))
    np.testing.assert_allclose(linformer_attention(q, k, v, means), pooled, atol=1e-12)


def test_bad_input_and_types(qkv):
    q, k, v = qkv
    with pytest.raises(InvalidInput, match="m is 0"):
        nystrom_attention(q, k, v, 0)
    with pytest.raises(ShapeError, match=r"d = 6.*d = 5"):
        performer_attention(q, k, v, np.ones((9, 5)))
    with pytest.raises(ShapeError, match="for the n that they were made for"):
        linformer_attention(q, k, v, np.ones((3, 31)))
    with pytest.raises(ShapeError, match="expected the same n"):
        nystrom_attention(q, k[:, :20], v[:, :20], 4)
    with pytest.raises(ShapeError, match=r"d = 6.*landmarks.*d = 5"):
        nystrom_attention(q, k, v, (q[:, :3, :5], k[:, :3, :5]))
    with pytest.raises(ShapeError, match="m, m"):
        cubic_pinv(np.ones((2, 3)))
    single = [x.astype(np.float32) for x in qkv]
    assert nystrom_attention(*single, 4).dtype == np.float32
    assert performer_attention(*single, np.ones((9, 6))).dtype == np.float32
    assert linformer_attention(*single, np.ones((3, 30))).dtype == np.float32
