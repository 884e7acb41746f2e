"""Attention in plain Python loops, written from the formulas, without any code under test."""

import math

import numpy as np


def gaussian(x, y, d):
    return math.exp(-sum((a - b) ** 2 for a, b in zip(x, y, strict=True)) / (2 * math.sqrt(d)))


def kernel(q, k):
    return np.array([[gaussian(x, y, len(x)) for y in k.tolist()] for x in q.tolist()])


def rebuilt_kernel(q, landmarks, ridge=0.0):
    """The n x n matrix that SOFT never forms."""
    a = kernel(landmarks, landmarks) + ridge * np.eye(len(landmarks))
    thin = kernel(q, landmarks)
    return thin @ np.linalg.inv(a) @ thin.T


def softmax_rows(q, k, v, visible=lambda i, j: True):
    out = []
    for i, x in enumerate(q.tolist()):
        seen = [j for j in range(len(k)) if visible(i, j)]
        weights = [
            math.exp(sum(a * b for a, b in zip(x, k[j], strict=True)) / math.sqrt(len(x)))
            for j in seen
        ]
        out.append(sum(w * v[j] for w, j in zip(weights, seen, strict=True)) / sum(weights))
    return np.array(out)


def smooth_tokens(rng, h, w, d, waves=2):
    """A smooth field over a grid: neighbours are alike, as in images."""
    field = np.fft.rfft2(rng.standard_normal((d, h, w)))
    rows, columns = np.fft.fftfreq(h)[:, None] * h, np.fft.rfftfreq(w) * w
    field = np.fft.irfft2(field * np.exp(-(rows**2 + columns**2) / (2 * waves**2)), s=(h, w))
    return (field / field.std()).reshape(d, h * w).T


def central_difference(f, x, eps=1e-6):
    """Gradient of the number `f(x)`, one entry after the other."""
    grad = np.empty_like(x)
    for at in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[at] += eps
        down[at] -= eps
        grad[at] = (f(up) - f(down)) / (2 * eps)
    return grad
