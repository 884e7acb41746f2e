r"""SeiT: Storage-Efficient Vision Training with Tokens Using 1% of Pixel Storage, and SeiT++.

Song Park, Sanghyuk Chun, Byeongho Heo, Wonjae Kim, Sangdoo Yun. ICCV 2023. arXiv:2303.11114
Minhyun Lee, Song Park, Byeongho Heo, Dongyoon Han, Hyunjung Shim. SeiT++: Masked Token Modeling
Improves Storage-efficient Training. ECCV 2024. arXiv:2312.10105

Store a picture as the codes of its patches, and train on those. What training does to pixels, from
mirroring to other colours, must then be done to tokens. (TokenAdapt here is SeiT++'s; the paper on
tokenizers of that name is `tokenizers.tokenadapt`.)

| paper's symbol | name here | shape |
|---|---|---|
| tokens | `codes` | `(n,)` |
| $Z$, their vectors | `z` | `(b, h, w, d)` |
| $A$ | `transform` | |
| $f, g$ | `lift`, `lower` | |
| $\mu, \sigma$ of a channel | `mean`, `deviation` | `(..., 1, 1, c)` |

$$\text{bytes} = n_{\text{images}}\, n\, \log_2(\text{vocab}) / 8 \qquad (1)$$
$$y = (x - \mu) / \sigma \cdot \sigma' + \mu' \qquad (2)$$
$$T' = \mathrm{nearest}\big(g(A(f(Z)))\big) \qquad (3)$$
$$\mathcal{L} = -(1 - \epsilon) \log p_y - \tfrac{\epsilon}{\text{vocab}} \sum_v \log p_v
\text{ at masked patches} \qquad (4)$$

Example
-------
    data = pack_bits(codes, vocab=391)
    moved = color_adapt(z, partner)
"""

import math
from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, stop, to_numpy
from tokenlab.errors import InvalidInput, ShapeError
from tokenlab.quantization.codebook import known_codes
from tokenlab.quantization.linear_adapt import TokenAdapt, fit_adapt, lift, lower
from tokenlab.quantization.scalar import NORMAL
from tokenlab.quantization.token_bytes import (
    pack_bits,
    pack_bytes,
    unpack_bits,
    unpack_bytes,
    width_of,
)
from tokenlab.steps import step

__all__ = [
    "MaskedTokens",
    "TokenAdapt",
    "color_adapt",
    "entropy_bits",
    "fit_adapt",
    "lift",
    "lower",
    "mtm_loss",
    "mtm_masks",
    "pack_bits",
    "pack_bytes",
    "storage_bytes",
    "unpack_bits",
    "unpack_bytes",
]


@takes(codes="... int")
def entropy_bits(codes: Any, vocab: int) -> float:
    """Bits a code needs at least, if codes are stored one by one: the entropy of their shares.

    Parameters
    ----------
    codes : ndarray of any shape
        From 0 to `vocab - 1`.
    vocab : int

    Returns
    -------
    float

    Examples
    --------
    >>> entropy_bits([0, 0, 1, 2], 4)
    1.5
    """
    vocab = checks.count(vocab, "vocab")
    known_codes(codes, vocab)
    if not codes.size:
        raise ShapeError(f"entropy_bits: codes is {codes.shape}; expected at least one code.")
    counts = to_numpy(get_xp(codes).bincount(codes.reshape(-1)))  # (vocab,) at most
    share = counts[counts > 0] / codes.size  # 0 log 0 counts nothing
    return float(-(share * np.log2(share)).sum()) + 0.0


def storage_bytes(n_images: int, n_tokens: int, vocab: int, *, coding: str = "log2") -> float:
    """Bytes of a data set of tokens, Eq. (1).

    Parameters
    ----------
    n_images, n_tokens, vocab : int
        Pictures, tokens of a picture, codes that occur.
    coding : "log2", "bits" or "int16"
        As many bits as the number of codes has, as whole bits (`pack_bits`, picture by picture), or
        16.

    Returns
    -------
    float

    Examples
    --------
    >>> round(storage_bytes(1_281_167, 1024, 391) / 1e9, 3)
    1.412
    """
    n_images, n_tokens = checks.count(n_images, "n_images"), checks.count(n_tokens, "n_tokens")
    vocab = checks.count(vocab, "vocab")
    checks.choice(coding, "coding", ("log2", "bits", "int16"))
    if coding == "log2":
        return n_images * n_tokens * math.log2(vocab) / 8  # Eq. (1)
    width = width_of(vocab) if coding == "bits" else 16
    return float(n_images * -(-n_tokens * width // 8))  # each picture begins at a whole byte


# Augmenting tokens.


@takes(x="... h w c", partner="... h w c", eps="number")
def color_adapt(x: Any, partner: Any, *, eps: float = 1e-6) -> Any:
    """Give each channel of one picture's tokens the mean and deviation of another's, Eq. (2).

    Parameters
    ----------
    x, partner : ndarray of shape (..., h, w, c)
        Vectors of the tokens.
    eps : float
        A channel whose deviation is not above this takes the partner's mean; elsewhere it does
        nothing.

    Returns
    -------
    ndarray of shape (..., h, w, c)

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        Different shapes, something that is not finite.

    Examples
    --------
    >>> x, partner = [[[0.0], [2.0]], [[4.0], [2.0]]], [[[10.0], [10.0]], [[14.0], [14.0]]]
    >>> color_adapt(x, partner)[..., 0].round(6).tolist()
    [[9.171573, 12.0], [14.828427, 12.0]]
    """
    xp = get_xp(x, partner)
    eps = checks.number(eps, "eps", at_least=0)
    mean, deviation = moments(x)
    new_mean, new_deviation = moments(partner)
    flat = deviation <= eps  # nothing to divide by: such a channel becomes its partner's mean
    normal = xp.where(flat, 0, (x - mean) / xp.where(flat, 1, deviation))
    adapted = step(normal * new_deviation + new_mean)  # (..., h, w, c) [Eq. 2] new colours
    return adapted


def moments(x: Any) -> tuple[Any, Any]:
    """Mean and deviation of each channel over the picture, (..., 1, 1, c)."""
    mean = x.mean(axis=(-3, -2), keepdims=True)
    centred = x - mean
    # With n or n - 1 below: Eq. (2) has the ratio of two, which is the same.
    return mean, (centred * centred).mean(axis=(-3, -2), keepdims=True) ** 0.5


# Masked token modelling.


class MaskedTokens(NamedTuple):
    """Which patches the encoder does not get, and which are predicted: (b, n) bool, both."""

    dropped: np.ndarray
    masked: np.ndarray


def mtm_masks(
    b: int,
    n: int,
    *,
    low: float = 0.5,
    high: float = 1.0,
    mean: float = 0.55,
    std: float = 0.25,
    rng: Any = None,
) -> MaskedTokens:
    """Patches that are dropped and patches that are masked, for a batch.

    A share between `low` and `high`, from a truncated normal and the same for the whole batch, is
    masked; the first `low` of it is dropped, too.

    Parameters
    ----------
    b, n : int
        Pictures and patches.
    low, high, mean, std : float
        Of the share: 0 to 1, `low` below `high`, `std` above 0.
    rng : numpy.random.Generator, int or None

    Returns
    -------
    MaskedTokens
        Dropped patches are masked ones.

    Examples
    --------
    >>> dropped, masked = mtm_masks(2, 10, rng=0)
    >>> dropped.sum(axis=1).tolist(), bool((masked | ~dropped).all())
    ([5, 5], True)
    """
    b, n = checks.count(b, "b"), checks.count(n, "n")
    low, high = checks.share(low, "low"), checks.share(high, "high")
    mean = checks.number(mean, "mean")
    std = checks.positive(std, "std")
    rng = checks.generator(rng)
    if not low < high:
        raise InvalidInput(f"mtm_masks: low is {low} and high is {high}; expected low < high.")
    ends = [NORMAL.cdf((end - mean) / std) for end in (low, high)]
    if not ends[0] < ends[1]:
        raise InvalidInput(
            f"mtm_masks: mean is {mean} and std {std}; expected some mass from {low} to {high}."
        )
    # A truncated normal: a uniform number between the ends, through the inverse.
    share = mean + std * NORMAL.inv_cdf(rng.uniform(*ends))
    share = min(max(share, low), high)  # what rounding may have moved
    # One order serves both, so that what is dropped is among what is masked.
    rank = rng.random((b, n)).argsort(axis=1).argsort(axis=1)  # (b, n)
    return MaskedTokens(rank < math.ceil(round(low * n, 9)), rank < math.ceil(round(share * n, 9)))


@takes(
    codes="b n int | b n m int",
    masked="b n bool",
    log_probs="b n vocab | b n m vocab",
)
def mtm_loss(log_probs: Any, codes: Any, masked: Any, *, smoothing: float = 0.1) -> Any:
    """Cross entropy with smoothed labels, Eq. (4), over the masked patches.

    Parameters
    ----------
    log_probs : ndarray of shape (b, n, vocab) or (b, n, m, vocab)
    codes : ndarray of shape (b, n) or (b, n, m)
        A patch may have several tokens.
    masked : ndarray of shape (b, n)
        bool.
    smoothing : float
        0 to 1.

    Returns
    -------
    float
        The mean over the tokens of a patch, then over the masked patches.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        Shapes that do not fit, an unknown code, nothing masked.

    Examples
    --------
    >>> p = np.log([[[0.5, 0.5], [0.9, 0.1]]])
    >>> round(float(mtm_loss(p, [[0, 0]], [[False, True]], smoothing=0.0)), 4)
    0.1054
    """
    xp = get_xp(log_probs)
    smoothing = checks.share(smoothing, "smoothing")
    if log_probs.shape[:-1] != codes.shape:
        raise ShapeError(
            f"mtm_loss: log_probs is {log_probs.shape} and codes is {codes.shape}; expected the "
            "shape of codes and an axis of the vocabulary behind it."
        )
    known_codes(codes, log_probs.shape[-1])
    if not bool(masked.any()):
        raise InvalidInput("mtm_loss: masked is nowhere True; expected something to be masked.")
    right = xp.take_along_axis(log_probs, codes[..., None], axis=-1)[..., 0]  # of the codes
    each = -(1 - smoothing) * right - smoothing * log_probs.mean(axis=-1)  # Eq. (4)
    patches = each.reshape(*masked.shape, -1).mean(axis=-1)  # (b, n)
    return (patches * masked).sum() / int(stop(masked).sum())


NOTES = r"""
Differs from the paper
----------------------
- Written from the formulas; the code of SeiT++ may not be used here.
- The published byte format ends at code 509: 510 would be two escapes, and reads as 255 and a next
  code. Larger codes are refused.
- Official ColorAdapt divides by a deviation of 0 where a channel is flat. Here such a channel takes
  the partner's mean.
- $f$ and $g$ of TokenAdapt are trained transformers, whose training is not published. Here they are
  least squares.
- Official patch swaps may overlap, and lose tokens then; they are not here.

Cost
----
Packing takes a few operations a code. `fit_adapt` solves two least-squares problems, of the width
of a token and of its cells.
"""
