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

Example
-------
    y = token_aware_pool(x, pooling_weights(x, first, second))
    loss, attention_grad, cosines = diversification_loss(attention.mean(axis=heads))
"""

from typing import Any, NamedTuple

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, stop
from tokenlab.autograd import value_and_grad
from tokenlab.models.layers import softmax
from tokenlab.steps import step

__all__ = ["Diversification", "diversification_loss", "pooling_weights", "token_aware_pool"]

OFFSETS = [(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1)]


class Diversification(NamedTuple):
    """The loss, its gradient for the attention, and each row's cosine with the mean row."""

    loss: float
    attention_grad: Any
    cosines: Any


@takes(x="... h w d", weights="... h w K | h w K")
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
    whole = checks.flag(count_padding, "count_padding")
    y = weights[..., :1] * x  # branch 0, the token itself: (..., h, w, d)
    for s in range(1, weights.shape[-1]):
        mean = sum(neighbours(x, s)) / 9
        if not whole:
            here = xp.ones((*x.shape[-3:-1], 1), dtype=x.dtype)  # (h, w, 1)
            mean = mean / (sum(neighbours(here, s)) / 9)  # the part of the nine that is inside
        step(f"mean {s} apart", mean, "of 3 x 3 neighbours", axes=("h", "w", "d"))
        y = y + weights[..., s, None] * mean  # Eq. (1), one term
    pooled = step(y)  # (..., h, w, d) [y (1)] each token with the neighbourhood that it chose
    return pooled


@takes(x="... h w d", first="3 3 d K", second="3 3 K K", scale="K", bias="K")
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
    hidden = convolve(x, first)  # W1 * x: (..., h, w, K)
    hidden = hidden if scale is None else hidden * scale
    hidden = hidden if bias is None else hidden + bias
    return softmax(convolve(hidden, second))  # Eq. (1), w: (..., h, w, K)


@takes(attention="... n n")
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
        `loss`, `attention_grad (..., n, n)`, `cosines (..., n)`. Thresholds are constants for the
        gradient.

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
    checks.choice(cut, "cut", ("both", "rows", "none"))
    tau, floor = checks.positive(lam, "lam") / attention.shape[-1], checks.positive(eps, "eps")
    kept = []

    def loss(a: Any) -> Any:
        kept.append(cosines_with_mean(a, tau, cut, floor))
        return kept[0].mean()  # Eq. (2)

    value, attention_grad = value_and_grad(loss)(attention)
    return Diversification(value, attention_grad, stop(kept[0]))


def cosines_with_mean(a: Any, tau: float, cut: str, floor: float) -> Any:
    """The cosine of each row with the mean row, `(..., n)`, of what is above the threshold."""
    mean_row = step(a.mean(axis=-2, keepdims=True))  # (1, n) [s]
    above = a if cut == "none" else a * (a > tau)  # (..., n, n)
    rows = step(above)  # (n, n) [Âᵢ = Aᵢ ⊙ [Aᵢ > τ]] what is left above the threshold
    mean = mean_row * (mean_row > tau) if cut == "both" else mean_row
    step("mean row, cut", mean, "where it is all 0, no gradient is left", eq="ŝ", axes=("", "n"))
    sizes = get_xp(a).maximum(length(rows) * length(mean), floor)  # (..., n)
    c = (rows * mean).sum(axis=-1) / sizes  # Eq. (2), one term of the mean
    cosines = step(c)  # (..., n) [cos(Âᵢ, ŝ)] 1: this row reads what all read
    return cosines


def length(x: Any) -> Any:
    """The length of each row, `(..., n)`; hardly above 0 for zeros, where a root has no slope."""
    xp = get_xp(x)
    return xp.sqrt(xp.maximum((x * x).sum(axis=-1), float(xp.finfo(x.dtype).tiny)))


def neighbours(x: Any, dilation: int) -> list[Any]:
    """The image shifted to each of its nine neighbours, zeros beyond the edge."""
    xp, s = get_xp(x), dilation
    h, w = x.shape[-3:-1]
    wide = xp.pad(x, [(0, 0)] * (x.ndim - 3) + [(s, s), (s, s), (0, 0)])  # (..., h + 2s, w + 2s, d)
    return [wide[..., s + a * s : s + a * s + h, s + b * s : s + b * s + w, :] for a, b in OFFSETS]


def convolve(x: Any, weight: Any) -> Any:
    """A 3 x 3 convolution with zero padding: nine products, one for each neighbour."""
    pairs = zip(neighbours(x, 1), weight.reshape(9, *weight.shape[2:]), strict=True)
    return sum(near @ w for near, w in pairs)  # (..., h, w, K)


NOTES = r"""
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
The released code is `guoyongcs/TAPADL` (120a341).

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
"""
