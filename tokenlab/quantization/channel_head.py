r"""The head of TokenBridge that draws the channels of a token one after the other.

A small causal transformer over the channels. Its sequence begins with the backbone's state $z$ and
goes on with the levels drawn so far; $z$ also scales and shifts what enters every block:

$$p(q \mid z) = \prod_c p(q_c \mid q_{<c}, z) \qquad (4)$$

Eq. (4) is that of `quantization.tokenbridge`, which hands these functions on.
"""

from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.errors import InvalidInput, ShapeError, public_caller
from tokenlab.models.layers import embedding, gelu, linear, rms_norm
from tokenlab.models.transformer import self_attention
from tokenlab.numerics import log_softmax
from tokenlab.quantization.codebook import known_codes
from tokenlab.steps import step

__all__ = ["draw", "init", "log_prob", "logits"]


def init(
    channels: int,
    n_codes: int,
    d_z: int,
    *,
    d: int,
    blocks: int,
    heads: int = 4,
    rng: Any = None,
    dtype: Any = np.float32,
) -> dict[str, Any]:
    """Parameters of the channel head.

    Parameters
    ----------
    channels, n_codes, d_z : int
        Channels of a token, levels of a channel, width of the backbone's state.
    d, blocks, heads : int
        Width, blocks, heads of the attention over the channels; `heads` divides `d`.
    rng : numpy.random.Generator, int or None
    dtype : data-type

    Returns
    -------
    dict
        Nested dicts and lists of arrays.

    Examples
    --------
    >>> sorted(init(16, 64, 32, d=8, blocks=1, rng=0))
    ['blocks', 'codes', 'head', 'place', 'start']
    """
    sizes = {"channels": channels, "n_codes": n_codes, "d_z": d_z, "d": d, "blocks": blocks}
    channels, n_codes, d_z, d, blocks = (checks.count(n, name) for name, n in sizes.items())
    checked_heads(checks.count(heads, "heads"), d)
    rng = checks.generator(rng)

    def matrix(*shape: int, scale: float | None = None) -> Any:
        scale = shape[-2] ** -0.5 if scale is None else scale
        return (rng.standard_normal(shape) * scale).astype(dtype)

    def block() -> dict[str, Any]:
        parts = {"qkv": matrix(d, 3 * d), "out": matrix(d, d), "up": matrix(d, 4 * d)}
        parts |= {"down": matrix(4 * d, d), "gain": np.ones(d, dtype), "gain2": np.ones(d, dtype)}
        # What z does to the block: a scale and a shift of what enters each of its two parts.
        return parts | {"modulation": matrix(d_z, 4 * d, scale=0.02)}

    params: dict[str, Any] = {"start": matrix(d_z, d), "place": matrix(channels, d, scale=0.02)}
    params |= {"codes": matrix(channels - 1, n_codes, d, scale=1.0)}
    params |= {"blocks": [block() for _ in range(blocks)]}
    return params | {"head": matrix(channels, d, n_codes)}


PARTS = checks.holding("start", "codes", "place", "blocks", "head")


def checked_heads(heads: int, d: int) -> None:
    """Raise unless the heads divide the width."""
    if d % heads:
        raise InvalidInput(
            f"{public_caller()}: heads is {heads} and d is {d}; expected heads that divide d."
        )


@takes(params=PARTS, z="n d_z", codes="n channels int")
def logits(params: dict[str, Any], z: Any, codes: Any, *, heads: int = 4) -> Any:
    """Logits of each channel's level, given z and the channels before it, Eq. (4).

    Parameters
    ----------
    params : dict
        From `init`.
    z : ndarray of shape (n, d_z)
    codes : ndarray of shape (n, channels)
        The last channel is never read.
    heads : int
        As in `init`.

    Returns
    -------
    ndarray of shape (n, channels, n_codes)

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        Other widths than those of `init`, an unknown code.

    Examples
    --------
    >>> params = init(3, 5, 2, d=8, blocks=1, rng=0)
    >>> logits(params, [[1.0, 2.0]], [[0, 4, 1]]).shape
    (1, 3, 5)
    """
    xp, (channels, n_codes, d) = get_xp(z, params["head"]), params["head"].swapaxes(1, 2).shape
    fits(params, z, codes)
    known_codes(codes, n_codes)
    heads = checks.count(heads, "heads")
    checked_heads(heads, d)
    x = [linear(z, params["start"])]  # the first channel knows z alone
    x += [embedding(params["codes"][c], codes[:, c]) for c in range(channels - 1)]
    x = xp.stack(x, axis=1) + params["place"]  # (n, channels, d)
    causal = np.tri(channels, dtype=bool)  # a channel sees itself and those before it
    for block in params["blocks"]:
        x = modulated(block, x, z, xp.asarray(causal), heads)
    scores = xp.einsum("ncd,cdv->ncv", x, params["head"])
    scores = step(scores)  # (n, channels, n_codes) [Eq. 4] logits of every channel's levels
    return scores


def modulated(block: dict[str, Any], x: Any, z: Any, mask: Any, heads: int) -> Any:
    """A causal block over the channels; z scales and shifts what enters its two parts."""
    d = x.shape[-1]
    # The gates of adaptive norms start at zero; here nothing does, and a new head already looks.
    by_z = (z @ block["modulation"])[:, None]  # (n, 1, 4 d)
    scale, shift, scale2, shift2 = (by_z[..., i * d : (i + 1) * d] for i in range(4))
    weights = {"qkv": block["qkv"].reshape(d, 3, heads, d // heads), "out": block["out"]}
    x = x + self_attention(weights, rms_norm(x, block["gain"]) * (1 + scale) + shift, mask)
    inner = rms_norm(x, block["gain2"]) * (1 + scale2) + shift2
    return x + linear(gelu(linear(inner, block["up"])), block["down"])


def fits(params: dict[str, Any], z: Any, codes: Any) -> None:
    """Raise unless the arrays are those that the head was made for."""
    d_z, channels = len(params["start"]), len(params["head"])
    if z.shape[1] != d_z or codes.shape[1] != channels:
        raise ShapeError(
            f"{public_caller()}: z is {z.shape} = (n, d_z) and codes is {codes.shape} = (n, "
            f"channels); expected d_z = {d_z} and {channels} channels, as in init."
        )


@takes(params=PARTS, z="n d_z", codes="n channels int")
def log_prob(params: dict[str, Any], z: Any, codes: Any, *, heads: int = 4) -> Any:
    """The log-probability of all channels of each token, Eq. (4).

    Parameters
    ----------
    params : dict
    z : ndarray of shape (n, d_z)
    codes : ndarray of shape (n, channels)
    heads : int

    Returns
    -------
    ndarray of shape (n,)
        In nats.

    Examples
    --------
    >>> params = init(3, 5, 2, d=8, blocks=1, rng=0)
    >>> bool(log_prob(params, [[1.0, 2.0]], [[0, 4, 1]])[0] < 0)
    True
    """
    xp = get_xp(z, params["head"])
    log_p = log_softmax(logits(params, z, codes, heads=heads))  # (n, channels, n_codes)
    return xp.take_along_axis(log_p, codes[..., None], axis=-1)[..., 0].sum(axis=1)


@takes(params=PARTS, z="n d_z")
def draw(
    params: dict[str, Any], z: Any, *, heads: int = 4, temperature: float = 1.0, rng: Any = None
) -> Any:
    """Draw the channels of each token, one after the other.

    Parameters
    ----------
    params : dict
    z : ndarray of shape (n, d_z)
    heads : int
    temperature : float
        0 takes the largest.
    rng : numpy.random.Generator, int or None

    Returns
    -------
    ndarray of shape (n, channels)
        int64.

    Examples
    --------
    >>> params = init(3, 5, 2, d=8, blocks=1, rng=0)
    >>> draw(params, [[1.0, 2.0]], rng=0).shape
    (1, 3)
    """
    xp = get_xp(z, params["head"])
    channels = len(params["head"])
    rng = checks.generator(rng)
    temperature = checks.number(temperature, "temperature", at_least=0)
    codes = xp.zeros((len(z), channels), xp.int64)  # of channels to come: causal blocks see none
    for channel in range(channels):
        scores = logits(params, z, codes, heads=heads)[:, channel]  # (n, n_codes)
        if temperature:  # the largest with Gumbel noise is a draw from the softmax
            scores = scores / temperature + xp.asarray(rng.gumbel(size=scores.shape))
        codes[:, channel] = scores.argmax(axis=1)  # (n,)
    return codes
