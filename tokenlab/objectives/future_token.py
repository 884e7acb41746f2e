r"""Future Token Prediction - Causal Language Modelling with Per-Token Semantic State Vector for
Multi-Token Prediction (FTP).

Nicholas Walker. 2024. arXiv:2410.18160

An encoder makes one vector per position, and this vector is all that a small decoder gets to know of
the past: stretched linearly into a short sequence that the decoder looks at, it has to do for the
next N tokens. So it must hold where the text is going, not just its next token.

| paper's symbol | name here | shape |
|---|---|---|
| $h_t$ | `h` | `(..., n, d)` |
| $Z_t$ | `expand(params, h)` | `(..., n, pseudo, d)` |
| $N$ | `horizon` | |
| $\gamma$ | `gamma` | |

Equations (the numbers are ours):

$$Z_t = W h_t \qquad (1)$$
$$L_k = -\frac{1}{\text{targets}} \sum_t \log p(x_{t+k} \mid h_t, x_t, \dots, x_{t+k-1}) \qquad (2)$$
$$L = \sum_k \gamma^{k-1} L_k \Big/ \sum_k \gamma^{k-1} \qquad (3)$$

Example
-------
    params = init(vocab=512, d=64, rng=0)
    inputs, targets = windows(ids, 4)
    value = loss(forward(params, ids), targets)
"""

from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, to_numpy
from tokenlab.errors import InvalidInput, ShapeError, public_caller
from tokenlab.models import transformer
from tokenlab.models.layers import cross_entropy
from tokenlab.objectives.distances import (
    NONE,
    Windows,
    distance_losses,
    distance_weights,
    smoothness,
    windows,
)
from tokenlab.objectives.multi_token import known_labels
from tokenlab.steps import step

__all__ = [
    "Windows",
    "decode",
    "distance_losses",
    "distance_weights",
    "encode",
    "expand",
    "forward",
    "generate",
    "init",
    "loss",
    "smoothness",
    "windows",
]


def init(
    *,
    vocab: int,
    d: int,
    layers: int = 2,
    heads: int = 4,
    decoder_layers: int = 1,
    pseudo: int = 4,
    horizon: int = 4,
    n_max: int = 64,
    rng: Any = None,
) -> dict[str, Any]:
    """Parameters: an encoder, a matrix that stretches its vectors, and a decoder that looks at them.

    Parameters
    ----------
    vocab, d, layers, heads : int
        Of the encoder, as in `models.transformer.init`; the decoder has the same embeddings.
    decoder_layers, pseudo, horizon : int
        Of the decoder: its layers, the vectors that it looks at, the tokens that it can read.
    n_max : int
        Positions of the encoder.
    rng : numpy.random.Generator, int or None

    Returns
    -------
    dict
        `encoder`, `expand (d, pseudo, d)`, `decoder`.

    Examples
    --------
    >>> init(vocab=7, d=8, pseudo=3, rng=0)["expand"].shape
    (8, 3, 8)
    """
    pseudo, horizon = checks.count(pseudo, "pseudo"), checks.count(horizon, "horizon")
    n_max, below = checks.count(n_max, "n_max"), checks.count(decoder_layers, "decoder_layers")
    rng = checks.generator(rng)
    # A vector of the encoder and one that the decoder looks at are equally wide.
    shape: dict[str, Any] = {"vocab": vocab, "d": d, "heads": heads, "rng": rng}
    encoder = transformer.init(layers=layers, length=n_max, **shape)
    decoder = transformer.init(layers=below, length=horizon, cross=True, **shape)
    del decoder["embed"]  # the encoder's serve both
    # Entries of h are about 1 behind the last norm; so are those of what is stretched.
    stretch = rng.standard_normal((d, pseudo, d)) * d**-0.5  # (d, pseudo, d)
    return {"encoder": encoder, "expand": stretch.astype(np.float32), "decoder": decoder}


PARTS = checks.holding("encoder", "expand", "decoder")


@takes(params=PARTS, ids="n int | b n int")
def encode(params: dict[str, Any], ids: Any) -> Any:
    """The vector of every position, which has seen the tokens up to it.

    Parameters
    ----------
    params : dict
        From `init`.
    ids : ndarray of shape (n,) or (b, n)

    Returns
    -------
    ndarray of shape (n, d) or (b, n, d)

    Examples
    --------
    >>> encode(init(vocab=7, d=8, rng=0), [[1, 2, 3]]).shape
    (1, 3, 8)
    """
    n, n_max = ids.shape[-1], len(params["encoder"]["place"])
    if n > n_max:
        raise ShapeError(
            f"{public_caller()}: ids has n = {n} tokens; expected at most {n_max} = n_max."
        )
    h = step(transformer.states(params["encoder"], ids))  # (..., n, d) [h] all that is kept
    return h


@takes(params=PARTS, h="... d")
def expand(params: dict[str, Any], h: Any) -> Any:
    """A vector as a short sequence, (1): linear, without a bias.

    Parameters
    ----------
    params : dict
    h : ndarray of shape (..., d)

    Returns
    -------
    ndarray of shape (..., pseudo, d)

    Examples
    --------
    >>> expand(init(vocab=7, d=8, rng=0), np.zeros((5, 8))).shape
    (5, 4, 8)
    """
    d, pseudo, _ = params["expand"].shape
    if h.shape[-1] != d:
        raise ShapeError(f"{public_caller()}: h is {h.shape}; expected (..., {d}) = (..., d).")
    flat = h @ params["expand"].reshape(d, pseudo * d)  # Eq. (1)
    return flat.reshape(*h.shape[:-1], pseudo, d)  # (..., pseudo, d)


@takes(params=PARTS, h="... d", inputs="... n int")
def decode(params: dict[str, Any], h: Any, inputs: Any) -> Any:
    """Logits behind each of the tokens that were read, from one vector and these alone.

    Parameters
    ----------
    params : dict
    h : ndarray of shape (..., d)
        From `encode`: of all positions, or of some that were drawn.
    inputs : ndarray of shape (..., n)
        The position's own token and those behind it, at most `horizon`.

    Returns
    -------
    ndarray of shape (..., n, vocab)

    Examples
    --------
    >>> decode(init(vocab=7, d=8, rng=0), np.zeros((5, 8)), np.ones((5, 2), int)).shape
    (5, 2, 7)
    """
    n, horizon = inputs.shape[-1], len(params["decoder"]["place"])
    if n > horizon:
        raise ShapeError(
            f"{public_caller()}: inputs has {n} tokens each; expected at most {horizon} = horizon."
        )
    seen = expand(params, h)  # (..., pseudo, d), the past
    # Positions count from the window's beginning: where it stood in the text only h can tell.
    decoder = {**params["decoder"], "embed": params["encoder"]["embed"]}
    rows = inputs.reshape(-1, n)  # every window is a text of its own
    logits = transformer.forward(decoder, rows, cross=seen.reshape(len(rows), *seen.shape[-2:]))
    return logits.reshape(*inputs.shape, logits.shape[-1])  # (..., n, vocab)


@takes(params=PARTS, ids="n int | b n int")
def forward(params: dict[str, Any], ids: Any, *, horizon: int | None = None) -> Any:
    """Logits of the tokens that follow every position, each given those before it.

    Parameters
    ----------
    params : dict
    ids : ndarray of shape (n,) or (b, n)
    horizon : int, optional
        By default that of the decoder.

    Returns
    -------
    ndarray of shape (n, horizon, vocab) or (b, n, horizon, vocab)

    Examples
    --------
    >>> forward(init(vocab=7, d=8, rng=0), [1, 2, 3], horizon=2).shape
    (3, 2, 7)
    """
    most = len(params["decoder"]["place"])  # positions of the decoder
    horizon = most if horizon is None else checks.count(horizon, "horizon", at_most=most)
    inputs = windows(ids, horizon).inputs  # (..., n, horizon)
    return decode(params, encode(params, ids), inputs)  # (..., n, horizon, vocab)


@takes(logits="... horizon vocab", targets="... horizon int")
def loss(logits: Any, targets: Any, *, gamma: float = 0.8) -> Any:
    """The weighted mean over distances that have a target, (3).

    Parameters
    ----------
    logits, targets
        As in `distance_losses`: ndarray of shape (..., horizon, vocab), (..., horizon).
    gamma : float
        As in `distance_weights`.

    Returns
    -------
    float, or a taped value

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        No target at all; one that is no token.

    Examples
    --------
    >>> round(float(loss(np.zeros((3, 2, 4)), [[1, 2], [2, -100], [-100, -100]])), 4)
    1.3863
    """
    xp, horizon = get_xp(logits, targets), targets.shape[-1]
    known_labels(targets, logits.shape[-1], NONE, "targets")
    counts = targets != NONE  # (..., horizon)
    if not bool(counts.any()):
        raise InvalidInput(
            f"{public_caller()}: targets are all {NONE}; expected a token to predict: a text of one "
            "token has none."
        )
    often = xp.maximum(counts.reshape(-1, horizon).sum(axis=0), 1)  # (horizon,)
    # A mean at each distance, weighted: one weight for every token, and their sum divides.
    each = xp.asarray(distance_weights(horizon, gamma)) / often  # (horizon,)
    weights = step(xp.where(counts, each, 0))  # (..., horizon) [γᵏ⁻¹ / targets] what a token counts
    return cross_entropy(logits, xp.where(counts, targets, 0), weights)  # Eq. (2), Eq. (3)


@takes(params=PARTS, ids="n int", n="whole", temperature="not negative", rng="rng")
def generate(
    params: dict[str, Any],
    ids: Any,
    n: int,
    *,
    keep: int = 1,
    temperature: float = 1.0,
    rng: Any = None,
) -> Any:
    """Tokens behind a text: some from the last vector, then the next vector, and so on.

    Parameters
    ----------
    params : dict
    ids : ndarray of shape (n,)
        The text, of which the last `n_max` tokens are read.
    n : int
        How many new tokens.
    keep : int
        How many of one vector, at most `horizon`: so many times fewer passes of the encoder.
    temperature : float
        0 takes the likeliest.
    rng : numpy.random.Generator, int or None

    Returns
    -------
    ndarray of shape (n,)
        The new tokens.

    Examples
    --------
    >>> generate(init(vocab=7, d=8, rng=0), [1, 2], 5, keep=2, rng=0).shape
    (5,)
    """
    horizon, n_max = len(params["decoder"]["place"]), len(params["encoder"]["place"])
    keep = checks.count(keep, "keep", at_most=horizon)
    rng = checks.generator(rng)
    if not len(ids):
        raise InvalidInput("generate: ids is empty; expected a token to begin with.")
    xp, text = get_xp(ids), to_numpy(ids).tolist()
    end = len(text) + n
    while len(text) < end:
        h = encode(params, xp.asarray(text[-n_max:]))[-1]  # (d,), the last vector, and nothing else
        # Its own token and those that were drawn since are all that the decoder reads.
        begun = len(text) - 1
        for _ in range(min(keep, end - len(text))):
            read = xp.asarray(text[begun:])
            logits = to_numpy(decode(params, h, read)[-1]).astype(np.float64)  # (vocab,)
            text.append(drawn(logits, temperature, rng))
    return xp.asarray(text[end - n :], dtype=xp.int64)


def drawn(logits: Any, temperature: float, rng: np.random.Generator) -> int:
    """One token: the best after noise, which is a draw from the softmax at this temperature."""
    noise = temperature * rng.gumbel(size=len(logits)) if temperature else 0.0
    return int((logits + noise).argmax())


NOTES = r"""
Differs from the paper
----------------------
- Sizes are small, and its own are not repeated: a GPT-2 with a decoder of a few layers.
- Encoder and decoder share their embeddings.
- (2) is a mean at each distance, and (3) weighs these, so that the ends of texts, which have near
  targets alone, do not shift the weights. `distance_losses` is then the table of losses.
- No code was released.

Cost
----
`horizon` rows of the decoder for every position: $O(n N (N + S) d)$. In training a quarter of the
positions is enough, `decode(params, h[rows, places], inputs[rows, places])`; a step then costs about
as much as one of a usual model.

Why not just
------------
Heads, `multi_token`, which say all tokens at once and none knows the others: their loss at distance 2
is not comparable with this one, which has seen the token before. Compare the next token alone.
Adjacent vectors of any model may have a large cosine, because all share a direction: look at
`smoothness(h, center=True)`, and at two drawn ones.
"""
