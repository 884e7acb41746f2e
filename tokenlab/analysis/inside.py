"""A model's answer as a function of the vectors of a text's tokens, which gradients can follow.

`attribution` and `faithfulness` ask functions, so that they work for any model. For two kinds of
models these functions are here: `lm.Transformer`, and `models.SmolLM2`.

    text = opened(lm, context)
    gradient_norm(lambda x: text.log_probs(x)[target], text.x)            # (n,)
    sufficiency(lambda x: np.exp(text.log_probs(x)), text.x, scores, k=2)
    rollout(text.attention())[-1]                                         # (n,)
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tokenlab.errors import InvalidInput, ShapeError, public_caller
from tokenlab.lm.protocol import ids_of
from tokenlab.lm.transformer import Transformer
from tokenlab.models import parts, transformer
from tokenlab.models.smollm2 import SmolLM2
from tokenlab.numerics import log_softmax

__all__ = ["Opened", "opened"]


class Opened(NamedTuple):
    """A text inside a model.

    Attributes
    ----------
    x : ndarray of shape (n, d)
        The tokens' own vectors, without places.
    log_probs : callable
        `log_probs(x) -> (vocab,)` of what comes behind the text, for any vectors in their place,
        taped ones, too.
    attention : callable
        `attention() -> (layers, h, n, n)` of the text as it is.
    """

    x: Any
    log_probs: Callable[[Any], Any]
    attention: Callable[[], Any]


def opened(model: Any, context: Sequence[int]) -> Opened:
    """The vectors of a text, and what a model makes of them.

    Parameters
    ----------
    model : lm.Transformer or models.SmolLM2
    context : sequence of int, (n,)
        A `start` that a transformer puts before every text is a token of it here, too.

    Returns
    -------
    Opened

    Raises
    ------
    InvalidInput, ShapeError, DTypeError
        A model of another kind, an empty context, unknown tokens.

    Examples
    --------
    >>> params = transformer.init(vocab=5, d=4, layers=2, heads=2, rng=0)
    >>> lm = Transformer(params)
    >>> text = opened(lm, [1, 2, 3])
    >>> bool(np.allclose(text.log_probs(text.x), lm.log_probs([1, 2, 3]), atol=1e-6))
    True
    >>> text.attention().shape
    (2, 2, 3, 3)
    """
    if not isinstance(model, Transformer | SmolLM2):
        raise InvalidInput(
            f"{public_caller()}: model is a {type(model).__name__}; expected a lm.Transformer or a "
            "models.SmolLM2, whose vectors can be reached."
        )
    ids = ids_of(context, "context", model.vocab)
    if isinstance(model, Transformer):
        ids = np.array([*model.start, *ids.tolist()], dtype=np.int64)
    if not len(ids):
        raise InvalidInput(f"{public_caller()}: context is empty; expected a token to look at.")
    # A model that turns its keys would go on, but has never seen such places.
    known = model.length if isinstance(model, Transformer) else model.config.length
    if len(ids) > known:
        raise ShapeError(
            f"{public_caller()}: context has {len(ids)} tokens; the model knows {known} positions."
        )
    return of_smollm2(model, ids) if isinstance(model, SmolLM2) else of_transformer(model, ids)


def of_transformer(lm: Any, ids: np.ndarray) -> Opened:
    """Places are added to whatever stands for the tokens."""
    params = lm.params
    place = params["place"][: len(ids)]  # (n, d)

    def log_probs(x: Any) -> Any:
        # As layer 0 the tap stands for what enters the first layer.
        entered = lambda layer, _: x + place if layer == 0 else None  # noqa: E731
        return log_softmax(transformer.forward(params, ids, tap=entered)[-1])  # (vocab,)

    def attention() -> Any:
        states: list[Any] = []  # (n, d) before each layer, and behind the last one
        transformer.forward(params, ids, tap=lambda layer, x: states.append(x))
        seen = transformer.seen(np, len(ids), None)
        bias = np.where(seen, 0, -np.inf).astype(states[0].dtype)  # (n, n)
        found = []  # (h, n, n) of each layer
        for block, x in zip(params["blocks"], states, strict=False):
            h = transformer.normed(block["norm1"], x)  # (n, d)
            q, k = (transformer.in_heads(h, block["qkv"], part) for part in (0, 1))  # (h, n, d_h)
            found.append(parts.probabilities(q, k, bias))
        return np.stack(found)  # (layers, h, n, n)

    return Opened(transformer.embeddings_of(params)[ids], log_probs, attention)


def of_smollm2(model: Any, ids: np.ndarray) -> Opened:
    """Queries and keys are turned by their places inside of the model."""

    def log_probs(x: Any) -> Any:
        entered = lambda layer, _: x if layer == 0 else None  # noqa: E731
        return log_softmax(model.forward(ids, tap=entered, rows=[len(ids) - 1])[0])

    def attention() -> Any:
        found: list[Any] = []  # shares of all query heads, also where these share keys
        model.forward(ids, watch=lambda layer, block: found.append(block.attention))
        return np.stack(found)

    return Opened(model.params["embed"][ids], log_probs, attention)
