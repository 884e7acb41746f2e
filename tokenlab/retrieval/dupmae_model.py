"""The networks of DupMAE: an encoder that sees its whole text, and a decoder of one block."""

from typing import Any

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.errors import ShapeError, public_caller
from tokenlab.models import transformer
from tokenlab.models.layers import embedding, known_ids
from tokenlab.steps import step

__all__ = ["encode", "enhanced_decode", "init", "token_logits"]


def init(
    *, vocab: int, d: int, layers: int = 2, heads: int = 4, n_max: int = 64, rng: Any = None
) -> dict[str, Any]:
    """Parameters of an encoder, and of its decoder, which is one block more.

    Parameters
    ----------
    vocab, d, layers, heads, n_max : int
        As in `models.transformer.init`; `n_max` is how long a text may be.
    rng : numpy.random.Generator, int or None

    Returns
    -------
    dict

    Examples
    --------
    >>> sorted(init(vocab=9, d=8, rng=0))
    ['blocks', 'decoder', 'embed', 'norm', 'place']
    """
    layers = checks.count(layers, "layers")
    n_max = checks.count(n_max, "n_max")
    # The decoder is the last block: small, so that the first token's state must hold the text.
    params = transformer.init(
        vocab=vocab, d=d, layers=layers + 1, heads=heads, length=n_max, rng=rng
    )
    return params | {"blocks": params["blocks"][:-1], "decoder": params["blocks"][-1]}


@takes(ids="n int | b n int", params=checks.holding("blocks", "decoder", "embed", "norm", "place"))
def encode(params: dict[str, Any], ids: Any) -> Any:
    """The states of every token; each sees all of its text.

    Parameters
    ----------
    params : dict
    ids : ndarray of shape (n,) or (b, n)

    Returns
    -------
    ndarray of shape (n, d) or (b, n, d)

    Examples
    --------
    >>> encode(init(vocab=9, d=8, rng=0), [0, 4, 5]).shape
    (3, 8)
    """
    n = ids.shape[-1]
    return transformer.states(params, ids, mask=get_xp(ids).ones((n, n), dtype=bool))


@takes(h="... d", params=checks.holding("embed"))
def token_logits(params: dict[str, Any], h: Any) -> Any:
    """The one head, tied to the embeddings, for masked tokens, bag and decoder: `(..., vocab)`.

    Parameters
    ----------
    params : dict
    h : ndarray of shape (..., d)

    Examples
    --------
    >>> token_logits(init(vocab=9, d=8, rng=0), [[0.0] * 8]).shape
    (1, 9)
    """
    return h @ params["embed"].T


@takes(
    cls="d | b d",
    ids="n int | b n int",
    visible="n n bool | b n n bool",
    params=checks.holding("decoder", "embed", "norm", "place"),
)
def enhanced_decode(params: dict[str, Any], cls: Any, ids: Any, visible: Any) -> Any:
    """Rebuild a text from its first token's state, each position with a context of its own.

    Parameters
    ----------
    params : dict
    cls : ndarray of shape (d,) or (b, d)
    ids : ndarray of shape (n,) or (b, n)
        The text as it was; at position 0 `cls` stands for it.
    visible : ndarray of shape (n, n) or (b, n, n)
        From `decoder_mask`: True where a position (row) may see another.

    Returns
    -------
    ndarray of shape (n, d) or (b, n, d)
        States for `token_logits`. Position i does not know token i where the mask hides it.

    Examples
    --------
    >>> from tokenlab.retrieval.whole_words import decoder_mask
    >>> params = init(vocab=9, d=8, rng=0)
    >>> enhanced_decode(params, [0.0] * 8, [0, 4, 5], decoder_mask(3, rng=0)).shape
    (3, 8)
    """
    xp, n = get_xp(cls, ids), ids.shape[-1]
    if cls.shape[:-1] != ids.shape[:-1] or visible.shape[:-2] not in ((), ids.shape[:-1]):
        raise ShapeError(
            f"{public_caller()}: cls is {cls.shape}, ids are {ids.shape}, visible is "
            f"{visible.shape}; expected (d,), (n,), (n, n), or a batch of each."
        )
    known_ids(ids, "ids", len(params["embed"]))
    mask = transformer.seen(xp, n, visible, "visible")
    place = params["place"][:n]  # (n, d)
    x = cls[..., None, :] + place  # (..., n, d), what asks: the state, at every position
    tokens = embedding(params["embed"], ids[..., 1:]) + place[1:]  # (..., n - 1, d)
    context = xp.concatenate([cls[..., None, :], tokens], axis=-2)  # (..., n, d), what is seen
    x = transformer.through(params["decoder"], x, mask, context=context)  # (..., n, d)
    states = step(transformer.normed(params["norm"], x))  # (..., n, d) [decoder] from the first
    return states
