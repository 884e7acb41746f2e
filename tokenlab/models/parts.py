r"""What the forward passes of the real models share: heads, softmax attention, the two-matrix parts.

Each function is the formula; its twin takes the exponentials while a block is in the cache.
"""

import math
from typing import Any

import numpy as np

from tokenlab.arrays import library
from tokenlab.blocks import by_rows
from tokenlab.engine import accelerated
from tokenlab.errors import ShapeError, public_caller
from tokenlab.steps import step

__all__: list[str] = []

FEW = 32  # rows that a loop multiplies faster than BLAS, which is made for many

# erf(x / √2) = x P(x²) / Q(x²) to 1.1e-8 for |x| <= 5.4, beyond which it is 1 in float32.
FAR = 5.4
P = (
    *(0.7978844907616031, 0.06674415179909132, 0.009301682692195517),
    *(0.00032864012041605516, 1.2720004277689863e-05, 4.6773642220000884e-08),
)
Q = (
    *(1.0, 0.2503174781656554, 0.028378598764072723),
    *(0.001858972367899407, 7.239962293034062e-05, 1.2165921565924863e-06),
)


def erf_gelu(x: Any) -> Any:
    r"""$x\,(1 + \mathrm{erf}(x / \sqrt 2)) / 2$: what BERT and the ViT were trained with."""
    near = library(x).clip(x, -FAR, FAR)
    square = near * near  # erf is odd: x times a function of x²
    return 0.5 * x * (1 + near * horner(square, P) / horner(square, Q))


def horner(x: Any, coefficients: tuple[float, ...]) -> Any:
    """A polynomial, the coefficient of the highest power last."""
    # c₀ + x (c₁ + x (c₂ + …)): one product and one sum a coefficient.
    y = coefficients[-1]
    for c in coefficients[-2::-1]:
        y = y * x + c
    return y


def _columns(x: Any, up: Any, *_: Any) -> int:
    return up.shape[-1]


@accelerated("models.mlp", work=lambda x, up, *_: x.shape[0] * up.shape[1], pays_from=2e4)
@by_rows(_columns)
def mlp(x: Any, up: Any, up_bias: Any, down: Any, down_bias: Any) -> Any:
    """Wider, bent, and back: (n, d) to (n, hidden) to (n, d)."""
    return erf_gelu(x @ up + up_bias) @ down + down_bias  # (n, d) [W₂ gelu(W₁ x)]


@accelerated("models.gated", work=lambda x, gate, *_: x.shape[0] * gate.shape[1], pays_from=2e4)
@by_rows(_columns)
def gated(x: Any, gate: Any, up: Any, down: Any) -> Any:
    r"""$(\mathrm{silu}(x G) \odot x U)\, D$ with $\mathrm{silu}(x) = x\,\sigma(x)$."""
    g = x @ gate  # (n, hidden)
    xp = library(x)
    sigmoid = 1 / (1 + xp.exp(-xp.maximum(g, -80)))  # e^80 is still a float32
    return (g * sigmoid * (x @ up)) @ down  # (n, d)


def _scores(q: Any, k: Any, *_: Any) -> int:
    return math.prod(q.shape[:-1]) * k.shape[-2]


def probabilities(q: Any, k: Any, bias: Any = None) -> Any:
    r"""$\mathrm{softmax}(Q K^\top / \sqrt d + \text{bias})$: (..., n, d) to (..., n, n_keys)."""
    xp = library(q, k)
    p = (q * q.dtype.type(q.shape[-1] ** -0.5)) @ k.swapaxes(-1, -2)  # (..., n, n_keys)
    if bias is not None:
        p = p + bias
    # Less the highest, which changes no share and keeps exp from overflowing.
    p = xp.exp(p - p.max(axis=-1, keepdims=True))
    return p / p.sum(axis=-1, keepdims=True)


@accelerated("models.attended", work=_scores, pays_from=2e4)
def attended(q: Any, k: Any, v: Any, bias: Any = None) -> Any:
    """The values that each token attends to, all heads of a token side by side.

    `q` is (h, n, d), `k` and `v` are (h_kv, n_keys, d): h / h_kv heads share each of them. `bias`
    is added to the scores: None, (n_keys,), or (n, n_keys) with -inf for what is not seen.
    """
    q = q.reshape(len(k), -1, *q.shape[1:])  # (h_kv, heads that share, n, d)
    shares = probabilities(q, k[:, None], bias)  # (h_kv, heads that share, n, n_keys)
    step(
        "shares",
        shares.reshape(-1, *shares.shape[2:]),
        "how much each token takes of each",
        eq="P = softmax(q kᵀ / √d)",
        axes=("h", "n", "n_keys"),
    )
    y = shares @ v[:, None]  # (h_kv, heads that share, n, d)
    return joined(y.reshape(-1, *y.shape[2:]))  # (n, h d)


def in_heads(x: Any, weight: Any, bias: Any = None) -> Any:
    """`x (n, d)` times `weight (d, h, d_h)`: (h, n, d_h)."""
    d, h, width = weight.shape
    y = times(x, weight.reshape(d, h * width))  # (n, h d_h): one product for all heads
    if bias is not None:
        y = y + bias.reshape(-1)
    return y.reshape(len(x), h, width).swapaxes(0, 1)  # (h, n, d_h)


def joined(y: Any) -> Any:
    """(h, n, d_h) to (n, h d_h)."""
    y = y.swapaxes(0, 1)  # (n, h, d_h)
    return y.reshape(len(y), -1)


def times(x: Any, weight: Any) -> Any:
    """`x @ weight`; a few rows times a matrix that lies by its columns have a twin."""
    few = len(x) <= FEW and isinstance(weight, np.ndarray) and weight.flags.f_contiguous
    return row_products(x, weight) if few else x @ weight


@accelerated("models.row_products", work=lambda x, weight: weight.size, pays_from=2e4)
def row_products(x: Any, weight: Any) -> Any:
    """`x @ weight` for a few rows, which takes little longer than reading the matrix once."""
    return x @ weight


def replaced(attention: Any, *arrays: Any) -> Any:
    """What the caller's `attention` answers in place of softmax attention, checked: (n, h d_h)."""
    q, v = arrays[0], arrays[2]
    y = attention(*arrays)
    wanted = (*q.shape[:-1], v.shape[-1])  # (h, n, d_h)
    if getattr(y, "shape", None) != wanted:
        came = getattr(y, "shape", type(y).__name__)
        raise ShapeError(
            f"{public_caller()}: attention returned {came}; expected {wanted} = (h, n, d_h), the "
            "shape of q."
        )
    return joined(y.astype(q.dtype, copy=False))
