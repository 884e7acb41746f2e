"""The digits as tokens, and models of them that need no training: they remember all digits.

Such a model weighs every remembered digit by how well it agrees with what is known so far. Its
conditionals are those of the remembered digits, exactly; what it draws is mostly one of them. It
shows how samplers work, not how well a network learns.
"""

from functools import cache
from typing import Any

import numpy as np

from tokenlab.data import load_digits
from tokenlab.quantization import residual
from tokenlab.quantization.resgen import Mixture
from tokenlab.quantization.residual import ResidualFit

TRAIN = 1297  # digits that are remembered; the others are for tests
N_CODES, DEPTH = 16, 4


@cache
def split() -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the digits that are remembered, and of the others."""
    order = np.random.default_rng(0).permutation(len(load_digits().labels))
    return order[:TRAIN], order[TRAIN:]


def as_tokens(images: Any) -> np.ndarray:
    """Pictures of 8 x 8 pixels as 16 tokens of 2 x 2 pixels from 0 to 1, row after row."""
    x = np.asarray(images, np.float32).reshape(-1, 4, 2, 4, 2) / 16
    return x.swapaxes(2, 3).reshape(-1, 16, 4)  # (b, n, d)


def as_pictures(tokens: Any) -> np.ndarray:
    """Tokens back to pictures, (b, 8, 8)."""
    x = np.asarray(tokens).reshape(-1, 4, 4, 2, 2)
    return x.swapaxes(2, 3).reshape(-1, 8, 8)


@cache
def stages() -> ResidualFit:
    """Four stages of 16 codes, fitted to the tokens of the remembered digits."""
    x = as_tokens(load_digits().images[split()[0]])
    return residual.fit(x.reshape(-1, 4), N_CODES, DEPTH, rng=0)


@cache
def remembered(label: int) -> np.ndarray:
    """Codes of all remembered digits of a class, (n_digits, 16, depth)."""
    mine = load_digits().labels[split()[0]] == label
    return stages().codes.reshape(-1, 16, DEPTH)[mine]


def codes_of(number: int) -> np.ndarray:
    """Codes of a digit that is not remembered, (16, depth)."""
    x = as_tokens(load_digits().images[split()[1][number]])[0]
    return residual.encode(x, stages().codebooks)


def mixture_model(label: int, sharpness: float = 30.0) -> Any:
    """What ResGen asks for: the sum of masked codes as a mixture, one component a digit."""
    codes, codebooks = remembered(label), stages().codebooks
    each = codebooks[np.arange(DEPTH), codes]  # (n_digits, n, depth, d)
    scale = np.log(stages().history[-1] ** 0.5)  # the quantizer's own error

    def predict(seen: Any, visible: Any) -> Mixture:
        known = np.einsum("knjd,bnj->bknd", each, visible)  # what each would show
        gap = ((known - seen[:, None]) ** 2).sum(axis=(2, 3))  # (b, n_digits)
        log_weights = np.repeat(-sharpness * gap[:, None], 16, axis=1)  # (b, n, n_digits)
        means = np.einsum("knjd,bnj->bnkd", each, ~visible)
        return Mixture(log_weights, means, np.full(log_weights.shape, scale))

    return predict


def token_model(label: int) -> Any:
    """What MaskGIT asks for: logits of each token of the first stage."""
    codes = remembered(label)[:, :, 0]  # (n_digits, n)
    table = np.eye(N_CODES)[codes]  # (n_digits, n, n_codes)

    def predict(tokens: Any) -> Any:
        agree = ((tokens[:, None] == codes) & (tokens[:, None] >= 0)).sum(axis=2)
        weights = np.exp(2.0 * (agree - agree.max(axis=1, keepdims=True)))  # (b, n_digits)
        share = np.einsum("bk,knv->bnv", weights, table) / weights.sum(axis=1)[:, None, None]
        return np.log(share + 1e-4)

    return predict


def velocity_model(label: int, entities: Any) -> Any:
    """What xAR asks for: the mean velocity, over the digits that a noisy picture may come from."""
    mine = load_digits().labels[split()[0]] == label
    data = as_tokens(load_digits().images[split()[0][mine]]).astype(np.float64)  # (n_digits, n, d)

    def velocity(x: Any, t: Any, i: int) -> Any:
        known = np.concatenate(entities[: i + 1])  # finished entities, and the one that moves
        now = np.maximum(t[:, known], 0.05)[:, None, :, None]
        gap = x[:, None, known] - (1 - now) * data[:, known]  # the noise, if it were that digit
        log_w = -(gap**2 / (2 * now**2)).sum(axis=(2, 3))  # (b, n_digits)
        weights = np.exp(log_w - log_w.max(axis=1, keepdims=True))
        weights /= weights.sum(axis=1, keepdims=True)
        mean = np.einsum("bk,knd->bnd", weights, data)
        return (x - mean) / np.maximum(t, 0.05)[..., None]

    return velocity
