r"""Robustifying Token Attention for Vision Transformers (TAP and ADL).

Yong Guo, David Stutz, Bernt Schiele. ICCV 2023. arXiv:2303.11126

Attention that rests on a few tokens breaks when a corruption hits those. Token-aware average
pooling (TAP) lets every token choose which neighbourhood speaks for it, ahead of attention.
The attention diversification loss (ADL) asks the rows of an attention matrix to differ from their
mean, so that tokens do not all read the same few others.

| paper's symbol | name here | shape |
|---|---|---|
| feature map | `x` | `(..., h, w, d)` |
| weights of the $K$ branches | `weights` | `(..., h, w, K)` |
| $A$, averaged over heads | `attention` | `(..., n, n)` |
| $\lambda$, threshold $\tau = \lambda / n$ | `lam` | |

Equations; $\mathcal N_s$ is the 3 x 3 neighbourhood of dilation $s$, and branch 0 the token itself:

$$y_{ij} = \sum_{s=0}^{K-1} w_{ijs}\, \frac19 \sum_{(a, b) \in \mathcal N_s(i, j)} x_{ab},
\qquad w = \mathrm{softmax}\big(W_2 * \mathrm{BN}(W_1 * x)\big) \qquad (\text{1, TAP})$$
$$L = \frac1n \sum_i \cos(\hat A_i, \hat s), \quad \hat A_i = A_i \odot [A_i > \tau], \quad
s = \frac1n \sum_i A_i, \quad \hat s = s \odot [s > \tau] \qquad (\text{2, ADL})$$

Where the released loss is silent
---------------------------------
The released code cuts the mean $s$ at $\tau$ as well. An entry above $2/n$ exists only where all
rows together favour a token twice as much as uniform attention does. Where none does, $\hat s = 0$,
every cosine is 0, and so is the gradient: the loss reports perfect diversity and teaches nothing,
even if half of the rows are one and the same. The softmax of independent logits with deviation 1 is
such a case, nearly always for `n` = 16 and in every draw for `n` = 64 and more. A trained vision
transformer is not: in all 12 blocks and 4 photos of `tokenlab.data.load_vit_photos` some token is
that crowded, and the released loss is about those few tokens alone. Tests count both. `cut="rows"`
leaves the mean whole and speaks everywhere.

Differs from the paper
----------------------
- `cut="both"` is the released code, the default; `"rows"` cuts rows alone; `"none"` nothing. The
  text at hand does not settle which was meant.
- The released code squeezes the batch axis away when it is 1, and then averages over keys instead
  of queries; and it starts its count of layers at 1e-6. Neither happens here.
- A row of which nothing is left, such as a uniform one, has the cosine 0 by definition.
- Zero padding as published makes a constant image darker at its edges (4/9 in its corners);
  `count_padding=False` divides by the tokens that are there.
- Height and width may differ; the released code takes the square root of the number of tokens.
- A third party has reported that more weight on ADL moves the redundancy of attention but not
  robustness at equal accuracy. Read it as a regulariser and a diagnosis, not as a guarantee.

Cost
----
TAP: $9 K h w d$ additions, and $9 h w K (d + K)$ products for the weights. ADL: $O(n^2)$.

Example
-------
    y = token_aware_pool(x, pooling_weights(x, first, second))
    loss, grad, cosines = diversification_loss(attention.mean(axis=heads))
"""

from typing import Any, NamedTuple

from tokenlab import checks
from tokenlab.arrays import get_xp
from tokenlab.errors import InvalidInput, ShapeError
from tokenlab.numerics import softmax
from tokenlab.steps import step

__all__ = ["Diversification", "diversification_loss", "pooling_weights", "token_aware_pool"]

OFFSETS = [(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1)]


class Diversification(NamedTuple):
    """The loss, its gradient for the attention, and each row's cosine with the mean row."""

    loss: float
    grad: Any
    cosines: Any


def token_aware_pool(x: Any, weights: Any, *, count_padding: bool = True) -> Any:
    r"""Mix each token with means of its neighbourhood at several dilations, (1).

    Parameters
    ----------
    x : ndarray of shape (..., h, w, d)
    weights : ndarray of shape (..., h, w, K)
        Branch 0 is the token itself, branch `s` the 3 x 3 mean of dilation `s`. One leading part
        fits all images; rows sum to one when they come from `pooling_weights`.
    count_padding : bool
        Divide by 9 everywhere, as published, or by the number of neighbours inside the image.

    Returns
    -------
    ndarray of shape (..., h, w, d)
        Meant as the input of attention; the residual stream keeps `x`.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        Shapes that do not fit, NaN.

    Examples
    --------
    >>> dot = [[[0.0], [0.0], [0.0]], [[0.0], [9.0], [0.0]], [[0.0], [0.0], [0.0]]]
    >>> token_aware_pool(dot, [[[0.0, 1.0]] * 3] * 3)[..., 0].tolist()
    [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    """
    xp = get_xp(x, weights)
    x, weights = _image(x, "x", xp), _image(weights, "weights", xp)
    if weights.shape[-3:-1] != x.shape[-3:-1]:
        raise ShapeError(
            f"token_aware_pool: x is {x.shape} = (..., h, w, d), but weights is {weights.shape} = "
            "(..., h, w, K); expected the same h and w."
        )
    y = weights[..., :1] * x
    for s in range(1, weights.shape[-1]):
        mean = sum(_neighbours(x, s)) / 9
        if not count_padding:
            here = xp.ones((*x.shape[-3:-1], 1), dtype=x.dtype)
            mean = mean / (sum(_neighbours(here, s)) / 9)
        step("mean", mean, f"3 x 3 neighbours, {s} apart", axes=("h", "w", "d"))
        y = y + weights[..., s, None] * mean  # (1), (..., h, w, d)
    return step("pooled", y, "each token with the neighbourhood that it chose", eq="y (1)")


def pooling_weights(x: Any, first: Any, second: Any, *, scale: Any = None, bias: Any = None) -> Any:
    r"""How much each token wants of each branch: two 3 x 3 convolutions and a softmax, (1).

    Parameters
    ----------
    x : ndarray of shape (..., h, w, d)
    first : ndarray of shape (3, 3, d, K)
        Convolution without bias, zero padding; `[a, b]` belongs to the neighbour `(a - 1, b - 1)`.
    second : ndarray of shape (3, 3, K, K)
    scale, bias : ndarray of shape (K,), optional
        Batch normalisation between both, as it acts in evaluation.

    Returns
    -------
    ndarray of shape (..., h, w, K)
        Positive, each row sums to one.

    Examples
    --------
    >>> import numpy as np
    >>> pooling_weights(np.ones((2, 2, 3)), np.zeros((3, 3, 3, 4)), np.zeros((3, 3, 4, 4)))[0, 0]
    array([0.25, 0.25, 0.25, 0.25])
    """
    given = [a for a in (scale, bias) if a is not None]
    xp = get_xp(x, first, second, *given)
    hidden = _convolve(_image(x, "x", xp), first, "first", xp)
    if scale is not None:
        hidden = hidden * checks.floats(scale, "scale", xp)
    if bias is not None:
        hidden = hidden + checks.floats(bias, "bias", xp)
    return softmax(_convolve(hidden, second, "second", xp))  # (..., h, w, K)


def diversification_loss(
    attention: Any, *, lam: float = 2.0, cut: str = "both", eps: float = 1e-8
) -> Diversification:
    r"""Mean cosine between the rows of an attention matrix and their mean, (2), with its gradient.

    Parameters
    ----------
    attention : ndarray of shape (..., n, n)
        Shares, the mean over heads: `a.mean(axis=-3)`. Layers and batch are leading axes, and the
        loss is the mean over them.
    lam : float
        The threshold is `lam / n`.
    cut : "both", "rows" or "none"
        What is set to zero at and below the threshold: rows and mean as released, rows, nothing.
    eps : float
        Least product of two lengths in a cosine.

    Returns
    -------
    Diversification
        `loss`, `grad (..., n, n)`, `cosines (..., n)`. Thresholds are constants for the gradient.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError
        Not square, NaN, unknown `cut`, `lam` or `eps` not above 0.

    Examples
    --------
    >>> round(diversification_loss([[0.9, 0.1], [0.9, 0.1]], lam=1).loss, 3)  # all read token 0
    1.0
    >>> diversification_loss([[1.0, 0.0], [0.0, 1.0]], lam=1).loss  # no two read the same
    0.0
    """
    xp = get_xp(attention)
    a = checks.finite(checks.floats(attention, "attention", xp), "attention", xp)
    if a.ndim < 2 or a.shape[-1] != a.shape[-2] or a.size == 0:
        raise ShapeError(
            f"diversification_loss: attention is {a.shape}; expected (..., n, n) with n >= 1."
        )
    if cut not in ("both", "rows", "none"):
        raise InvalidInput(f'diversification_loss: cut is {cut!r}; use "both", "rows" or "none".')
    n, tau = a.shape[-1], checks.positive(lam, "lam") / a.shape[-1]
    mean = step("mean row", a.mean(axis=-2, keepdims=True), "", eq="s", axes=("", "n"))
    row_mask = a > tau if cut != "none" else xp.ones_like(a, dtype=bool)
    mean_mask = mean > tau if cut == "both" else xp.ones_like(mean, dtype=bool)
    rows, mean = a * row_mask, mean * mean_mask
    step("rows", rows, "what is left above the threshold", eq="Âᵢ = Aᵢ ⊙ [Aᵢ > τ]", axes=("n", "n"))
    step("mean row, cut", mean, "where it is all 0, no gradient is left", eq="ŝ", axes=("", "n"))
    row_size, mean_size = _lengths(rows), _lengths(mean)
    floor = checks.positive(eps, "eps")
    sizes = xp.maximum(row_size * mean_size, floor)  # (..., n, 1)
    cosines = (rows * mean).sum(axis=-1, keepdims=True) / sizes  # (2)
    step("cosines", cosines[..., 0], "1: this row reads what all read", axes=("n",))
    # A cosine whose lengths are below the floor is linear: it has no term for its length.
    free = row_size * mean_size > floor
    one = xp.ones_like(sizes)
    pull = xp.where(free, cosines / xp.where(free, row_size, one) ** 2, 0)
    mean_pull = xp.where(free, cosines / xp.where(free, mean_size + 0 * sizes, one) ** 2, 0)
    to_rows = (mean / sizes - pull * rows) * row_mask
    to_mean = (rows / sizes - mean_pull * mean).sum(axis=-2, keepdims=True) * mean_mask / n
    count = cosines.size
    grad = ((to_rows + to_mean) / count).astype(a.dtype, copy=False)
    return Diversification(float(cosines.mean()), grad, cosines[..., 0])


def _lengths(x: Any) -> Any:
    return get_xp(x).sqrt((x * x).sum(axis=-1, keepdims=True))


def _image(x: Any, name: str, xp: Any) -> Any:
    x = checks.finite(checks.floats(x, name, xp), name, xp)
    if x.ndim < 3 or 0 in x.shape[-3:]:
        raise ShapeError(f"{name} is {x.shape}; expected (..., h, w, channels), none of them 0.")
    return x


def _neighbours(x: Any, dilation: int) -> list[Any]:
    """The image shifted to each of its nine neighbours, zeros beyond the edge."""
    xp, s = get_xp(x), dilation
    h, w = x.shape[-3:-1]
    wide = xp.pad(x, [(0, 0)] * (x.ndim - 3) + [(s, s), (s, s), (0, 0)])
    return [wide[..., s + a * s : s + a * s + h, s + b * s : s + b * s + w, :] for a, b in OFFSETS]


def _convolve(x: Any, weight: Any, name: str, xp: Any) -> Any:
    weight = checks.finite(checks.floats(weight, name, xp), name, xp)
    if weight.ndim != 4 or weight.shape[:3] != (3, 3, x.shape[-1]):
        raise ShapeError(
            f"pooling_weights: {name} is {weight.shape}; expected (3, 3, {x.shape[-1]}, K) for "
            f"{x.shape[-1]} channels."
        )
    pairs = zip(_neighbours(x, 1), weight.reshape(9, *weight.shape[2:]), strict=True)
    return sum(near @ w for near, w in pairs)
