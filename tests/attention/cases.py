"""Example arguments of the functions of tokenlab.attention, for contract and parity tests."""

import numpy as np
from cases import case, parity, random


def definite(m, seed=0):
    """A well-conditioned symmetric positive definite matrix."""
    x = random(m, m, seed=seed, dtype=np.float64)
    return x @ x.T / m + np.eye(m)


@case("tokenlab.attention.soft.gaussian_kernel")
def _(asarray):
    return (asarray(random(2, 5, 4)), asarray(random(2, 3, 4, seed=1))), {}


@case("tokenlab.attention.soft.soft_attention")
def _(asarray):
    q, v, marks = (random(2, 7, 4, seed=i) for i in range(3))
    mask = np.arange(7) < np.array([[5], [7]])
    kwargs = {"normalize": "symmetric", "diagonal": True, "mask": asarray(mask)}
    return (asarray(q), asarray(v), asarray(marks[:, :3])), kwargs


@case("tokenlab.attention.soft.soft_attention")
def _(asarray):
    arrays = (random(7, 4), random(7, 2, seed=1), random(3, 4, seed=2))
    return tuple(map(asarray, arrays)), {"normalize": "landmark", "inverse": "newton"}


@case("tokenlab.attention.soft.soft_attention")
def _(asarray):
    arrays = (random(7, 4), random(7, 2, seed=1), random(3, 4, seed=2))
    return tuple(map(asarray, arrays)), {"inverse": "pinv"}


@case("tokenlab.attention.soft_gradient.soft_attention_vjp")
def _(asarray):
    arrays = [random(2, 7, 4), random(2, 7, 3, seed=1), random(2, 3, 4, seed=2), random(2, 7, 3)]
    return tuple(map(asarray, arrays)), {"inverse": "pinv"}


@case("tokenlab.attention.newton.newton_pinv")
@case("tokenlab.attention.newton.spectral_filter")
def _(asarray):
    return (asarray(np.stack([definite(4), definite(4, seed=1)])),), {"iters": 9, "ridge": 0.01}


@case("tokenlab.attention.newton.pinv_vjp")
def _(asarray):
    return (asarray(definite(4)), asarray(definite(4, 1)), asarray(definite(4, 2))), {}


@case("tokenlab.attention.landmarks.grid_landmarks")
def _(asarray):
    return (asarray(random(2, 15, 4)),), {"hw": (3, 5), "ratio": 2}


@case("tokenlab.attention.landmarks.conv_landmarks")
def _(asarray):
    return (asarray(random(2, 24, 3)),), {"hw": (4, 6), "weight": asarray(random(2, 2, 3, 5))}


@case("tokenlab.attention.landmarks.segment_landmarks")
def _(asarray):
    mask = np.arange(7) % 3 < np.array([[2], [3]])
    return (asarray(random(2, 7, 4)), 3), {"mask": asarray(mask)}


@case("tokenlab.attention.landmarks.random_landmarks")
@case("tokenlab.attention.landmarks.kmeans_landmarks")
def _(asarray):
    return (asarray(random(2, 9, 4)), 3), {"rng": 0}


@case("tokenlab.attention.softmax.softmax_attention")
@case("tokenlab.attention.softmax.blocked_softmax_attention")
def _(asarray):
    arrays = (random(2, 5, 4), random(2, 7, 4, seed=1), random(2, 7, 3, seed=2))
    mask = np.arange(7) < np.array([[5], [7]])
    return tuple(map(asarray, arrays)), {"mask": asarray(mask), "causal": True}


@case("tokenlab.attention.softmax.softmax_attention")
@case("tokenlab.attention.softmax.blocked_softmax_attention")
def _(asarray):
    arrays = (random(2, 5, 4), random(2, 7, 4, seed=1), random(2, 7, 3, seed=2))
    pairs = random(2, 5, 7, seed=3) > 0
    pairs[..., 0] = True
    return tuple(map(asarray, arrays)), {"mask": asarray(pairs)}


@case("tokenlab.attention.softmax.gaussian_attention")
def _(asarray):
    pairs = random(2, 7, 7, seed=3) > 0
    pairs[..., 0] = True
    return (asarray(random(2, 7, 4)), asarray(random(2, 7, 3, seed=2))), {"mask": asarray(pairs)}


@case("tokenlab.attention.softmax.gaussian_attention")
def _(asarray):
    mask = np.arange(7) < np.array([[5], [7]])
    return (asarray(random(2, 7, 4)), asarray(random(2, 7, 3, seed=2))), {"mask": asarray(mask)}


@case("tokenlab.attention.linear.nystrom_attention")
def _(asarray):
    return (*(asarray(random(2, 7, 4, seed=i)) for i in range(3)), 3), {}


@case("tokenlab.attention.linear.cubic_pinv")
def _(asarray):
    return (asarray(definite(4)),), {}


@case("tokenlab.attention.linear.performer_attention")
def _(asarray):
    arrays = [random(2, 7, 4, seed=i) for i in range(3)]
    return tuple(map(asarray, [*arrays, random(9, 4, seed=3)])), {}


@case("tokenlab.attention.linear.linformer_attention")
def _(asarray):
    arrays = [random(2, 7, 4, seed=i) for i in range(3)]
    return tuple(map(asarray, [*arrays, random(3, 7, seed=3)])), {}


@case("tokenlab.attention.tap_adl.token_aware_pool")
def _(asarray):
    return (asarray(random(2, 4, 5, 3)), asarray(random(4, 5, 3, seed=1))), {"count_padding": False}


@case("tokenlab.attention.tap_adl.pooling_weights")
def _(asarray):
    arrays = (random(2, 4, 5, 3), random(3, 3, 3, 4, seed=1), random(3, 3, 4, 4, seed=2))
    return tuple(map(asarray, arrays)), {"scale": asarray(random(4)), "bias": asarray(random(4))}


@case("tokenlab.attention.tap_adl.diversification_loss")
def _(asarray):
    shares = random(2, 6, 6) ** 4
    return (asarray(shares / shares.sum(axis=-1, keepdims=True)),), {"lam": 1.5}


@parity("attention.exp_product")
def _():
    for shape, m, dtype in [
        ((7, 4), 3, np.float32),
        ((1, 1), 1, np.float32),
        ((2, 3, 50, 8), 49, np.float32),
        ((1500, 16), 33, np.float32),
        ((9, 4), 5, np.float64),
    ]:
        for size in (0, 0.3, 30):  # tied, near and far tokens
            x = random(*shape, dtype=dtype) * dtype(size)
            y = random(*shape[:-2], m, shape[-1], seed=1, dtype=dtype) * dtype(size)
            y[..., 0, :] = x[..., 0, :]
            yield x, (x * x).sum(axis=-1) / 2, y, (y * y).sum(axis=-1) / 2


@parity("attention.running_softmax")
def _():
    for lead, n_q, n, dtype in [
        ((), 5, 7, np.float32),
        ((), 1, 1, np.float32),
        ((2, 3), 33, 65, np.float32),
        ((), 50, 20, np.float32),
        ((2,), 40, 40, np.float64),
    ]:
        for size in (0, 1, 1e4):  # ties, ordinary, one key takes all
            q = random(*lead, n_q, 8, dtype=dtype) * dtype(size)
            k, v = (random(*lead, n, 8, seed=i, dtype=dtype) for i in (1, 2))
            mask = np.random.default_rng(3).random((*lead, n)) < 0.6
            mask[..., 0] = True
            pairs = np.random.default_rng(4).random((*lead, n_q, n)) < 0.6
            pairs[..., 0] = True
            masks = (None, mask, pairs)
            for args in ((m, causal) for m in masks for causal in (False, True)):
                for block in (1, 16, 512):
                    yield q, k, v, *args, block
