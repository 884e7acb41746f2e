r"""TokenBridge: Bridging Continuous and Discrete Tokens for Autoregressive Visual Generation.

Yuqing Wang, Zhijie Lin, Yao Teng, Yuanzhi Zhu, Shuhuai Ren, Jiashi Feng, Xihui Liu. ICCV 2025.
arXiv:2503.16430

A tokenizer with continuous tokens keeps more of a picture; discrete tokens are easier to model.
TokenBridge quantizes the finished continuous token, each channel by itself, with the levels of a
normal density. The 64 levels of 16 channels make far too many tokens for one softmax, so a small
head draws channel after channel, each knowing those before.

| paper's symbol | name here | shape |
|---|---|---|
| $X$ | `x` | `(..., channels)` |
| $r$, $B$ | `limit`, `n_codes` | |
| $\gamma_i$ | `codebook` | `(n_codes,)` |
| $q$ | `codes` | `(..., channels)` |
| $z$, the backbone's state | `z` | `(n, d_z)` |

$$\hat x = \mathrm{clip}\big(2r (x - a) / (b - a) - r,\ -r,\ r\big) \qquad (1)$$
$$\gamma_i = \frac{\phi(b_i) - \phi(b_{i+1})}{\Phi(b_{i+1}) - \Phi(b_i)}, \quad
\Phi(b_i) = i / B \qquad (2)$$
$$q = \arg\min_i |\hat x - \gamma_i|, \qquad
x \approx (\gamma_q + r)(b - a) / 2r + a \qquad (3)$$
$$p(q \mid z) = \prod_c p(q_c \mid q_{<c}, z) \qquad (4)$$

Example
-------
    codebook = gaussian_codebook(64)
    codes = encode(latents, codebook)
    near = decode(codes, codebook)
"""

from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.quantization import scalar
from tokenlab.quantization.channel_head import draw, init, log_prob, logits
from tokenlab.quantization.codebook import known_codes
from tokenlab.steps import step

__all__ = [
    "channel_order",
    "decode",
    "draw",
    "encode",
    "gaussian_codebook",
    "init",
    "log_prob",
    "logits",
    "low_frequency_share",
]


# Each channel by itself.


def gaussian_codebook(
    n_codes: int, *, spread: float = 1.0, limit: float = 3.0, variant: str = "paper"
) -> np.ndarray:
    """The means of `n_codes` parts of equal probability of N(0, 1), Eq. (2).

    Parameters
    ----------
    n_codes : int
    spread : float
        The levels times this; `3**0.5` has the smallest error on normal numbers, see the notes.
    limit : float
        Where the official variant cuts the outer parts off.
    variant : "paper" or "official"

    Returns
    -------
    ndarray of shape (n_codes,)
        float64, rising, mirror images of each other.

    Examples
    --------
    >>> gaussian_codebook(4).round(6).tolist()
    [-1.271106, -0.324663, 0.324663, 1.271106]
    >>> gaussian_codebook(4, variant="official").round(6).tolist()
    [-1.260183, -0.324663, 0.324663, 1.260183]
    """
    n_codes = checks.count(n_codes, "n_codes")
    spread, limit = checks.positive(spread, "spread"), checks.positive(limit, "limit")
    checks.choice(variant, "variant", ("paper", "official"))
    inner = [scalar.NORMAL.inv_cdf(i / n_codes) for i in range(1, n_codes)]
    end = limit if variant == "official" else np.inf
    if inner and inner[-1] >= end:
        raise InvalidInput(
            f"gaussian_codebook: limit is {limit}, and the outermost of {n_codes} parts begins at "
            f'{inner[-1]:.3f}; expected a limit beyond it, or variant="paper".'
        )
    _, means = scalar.normal_cells(np.array([-end, *inner, end]))  # Eq. (2)
    return spread * (means - means[::-1]) / 2  # mirror images, to the last bit


@takes(x="...", codebook="n_codes", low="number", high="number", limit="positive")
def encode(
    x: Any, codebook: Any, *, low: float = -5.0, high: float = 5.0, limit: float = 3.0
) -> Any:
    """The nearest level of each number, Eqs. (1) and (3).

    Parameters
    ----------
    x : ndarray of any shape
    codebook : ndarray of shape (n_codes,)
        Rising.
    low, high : float
        The range that is stretched to -`limit` to `limit`; beyond it numbers are cut.
    limit : float

    Returns
    -------
    ndarray of the shape of x
        int64, ties to the lower level.

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        Levels that do not rise, `low` not below `high`, something that is not finite.

    Examples
    --------
    >>> encode([1.0, -2.2, 0.0, 4.9], gaussian_codebook(4)).tolist()
    [2, 0, 1, 3]
    """
    checked_range(low, high)
    scalar.rising(codebook, "codebook")
    inside = get_xp(x).clip(2 * limit * (x - low) / (high - low) - limit, -limit, limit)
    inside = step(inside)  # [Eq. 1] stretched and cut
    codes = step(scalar.assign(inside, codebook))  # [Eq. 3] the nearest level of each channel
    return codes


@takes(codes="... int", codebook="n_codes", low="number", high="number", limit="positive")
def decode(
    codes: Any, codebook: Any, *, low: float = -5.0, high: float = 5.0, limit: float = 3.0
) -> Any:
    """The numbers that the codes stand for, Eq. (3).

    Parameters
    ----------
    codes : ndarray of any shape
    codebook : ndarray of shape (n_codes,)
    low, high, limit : float
        As in `encode`.

    Returns
    -------
    ndarray of the shape of codes

    Examples
    --------
    >>> decode([2, 0, 1, 3], gaussian_codebook(4, variant="official")).round(6).tolist()
    [0.541105, -2.100306, -0.541105, 2.100306]
    """
    checked_range(low, high)
    known_codes(codes, len(codebook))
    return (codebook[codes] + limit) / (2 * limit) * (high - low) + low  # Eq. (3)


def checked_range(low: float, high: float) -> None:
    """Raise unless there is something between them."""
    if not low < high:
        raise InvalidInput(
            f"{public_caller()}: low is {low} and high is {high}; expected low < high."
        )


# The order of the channels.


@takes(latents="b h w c", cutoff="number")
def low_frequency_share(latents: Any, cutoff: float) -> Any:
    r"""The share of each channel's energy at low frequencies, averaged over the pictures.

    Parameters
    ----------
    latents : ndarray of shape (b, h, w, c)
    cutoff : float
        In cycles per token; frequencies up to it count as low, 0 among them.

    Returns
    -------
    ndarray of shape (c,)
        1 for a channel without energy.

    Examples
    --------
    >>> slow, fast = np.cos(2 * np.pi * np.arange(8) / 8), np.cos(2 * np.pi * np.arange(8) * 3 / 8)
    >>> rows = np.stack([slow, fast], axis=-1)[None, None].repeat(8, axis=1)  # (1, 8, 8, 2)
    >>> low_frequency_share(rows, 1 / 8).round(6).tolist()
    [1.0, 0.0]
    """
    xp, (_, h, w, _) = get_xp(latents), latents.shape
    cutoff = checks.number(cutoff, "cutoff", at_least=0)
    largest = xp.abs(latents).max(axis=(1, 2), keepdims=True)  # a scale changes no share
    scaled = latents / xp.where(largest > 0, largest, 1)
    energy = xp.abs(xp.fft.fft2(scaled, axes=(1, 2))) ** 2  # (b, h, w, c)
    radius = xp.hypot(xp.fft.fftfreq(h)[:, None], xp.fft.fftfreq(w))  # (h, w)
    low = (energy * (radius <= cutoff + 1e-12)[..., None]).sum(axis=(1, 2))  # (b, c)
    total = energy.sum(axis=(1, 2))
    return xp.where(total > 0, low / xp.where(total > 0, total, 1), 1.0).mean(axis=0)  # (c,)


@takes(latents="b h w c", cutoff="number")
def channel_order(latents: Any, cutoff: float) -> Any:
    """The channels by their `low_frequency_share`, largest first, ties to the lower channel.

    Parameters
    ----------
    latents : ndarray of shape (b, h, w, c)
    cutoff : float

    Returns
    -------
    ndarray of shape (c,)
        int64.

    Examples
    --------
    >>> channel_order(np.random.default_rng(0).standard_normal((4, 8, 8, 3)), 0.2).shape
    (3,)
    """
    share = low_frequency_share(latents, cutoff)
    return get_xp(share).argsort(-share, kind="stable")


NOTES = r"""
Differs from the paper
----------------------
- Official code clips the outer borders of (2) to ±3 (`variant="official"`), which moves the outer
  two levels. On numbers of deviation 1.7 the paper's levels have the smaller error.
- (3) takes the nearest level. The part that a number lies in is not the same: about 4 % differ with
  16 levels.
- Official sampling adds an embedding of the first step to the start of the channel sequence, which
  training does not have. Here both begin alike.
- The paper orders channels by low-frequency energy and leaves the cut-off open; the code has a fixed
  order and no Fourier transform. Where a frequency counts as low, `cutoff` says.
- The head predicts z's own token; masking and the backbone are not here.

Why -5 to 5 works
-----------------
Parts of equal probability minimise nothing. The best density of many levels is $p^{1/3}$: a normal
$\sqrt 3$ times as wide (Panter and Dite). Stretching ±5 to ±3 has the effect of spreading the levels
by 5/3.

Cost
----
Encoding is a search among the levels. The head is `blocks` blocks over `channels` short sequences;
drawing calls it once for every channel.
"""
