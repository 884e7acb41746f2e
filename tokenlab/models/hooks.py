"""What all models let you see and replace: a layer's `Block`, all its moves, checks of hooks.

Layers count from 1; 0 is what enters layer 1. At a layer come `edit_mlp`, `tap`, `watch`, then
`prune`.
"""

from collections.abc import Callable, Iterator
from typing import Any

from tokenlab.arguments import takes
from tokenlab.arrays import get_xp
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.options import shown

__all__ = ["Block", "residual_moves"]

Tap = Callable[[int, Any], Any]
Watch = Callable[[int, "Block"], Any]


class Block:
    """What one layer computed.

    Attributes
    ----------
    x : ndarray of shape (n, d)
        The stream behind the layer, and behind `tap`.
    q, k, v : ndarray of shape (h, n, d_h)
        In BERT over the tokens of all texts.
    attention : ndarray of shape (h, n, n_keys)
        Shares of the keys; in BERT a list, one `(h, n_i, n_i)` a text. None where the caller's
        `attention` stood in its place.
    """

    def __init__(self, x: Any, q: Any, k: Any, v: Any, attention: Any):
        self.x, self.q, self.k, self.v, self._attention = x, q, k, v, attention

    @property
    def attention(self) -> Any:
        """Computed when somebody looks: the fast path never holds all shares."""
        # A function of no arguments stands for shares that nobody has asked for yet.
        if callable(self._attention):
            self._attention = self._attention()
        return self._attention

    def __iter__(self) -> Iterator[Any]:
        return iter((self.x, self.q, self.k, self.v, self.attention))

    def __repr__(self) -> str:
        h, n, _ = self.q.shape
        return f"Block({n} tokens, {h} heads, d={self.x.shape[-1]})"


@takes(call="function")
def residual_moves(call: Callable[..., Any]) -> tuple[Any, Any]:
    """What enters the first layer of a decoder, and what every part of every layer adds to it.

    Parameters
    ----------
    call : callable
        `call(tap=..., edit_mlp=...)` runs a model's `forward` with these two hooks.

    Returns
    -------
    start : ndarray of shape (..., n, d)
    moves : ndarray of shape (2 layers, ..., n, d)
        Attention, second part, attention, ...; `analysis.dynamics.walk` takes both.

    Raises
    ------
    InvalidInput
        No layer called the hooks.

    Examples
    --------
    >>> from tokenlab.models import transformer
    >>> params = transformer.init(vocab=7, d=4, layers=2, heads=2, rng=0)
    >>> start, moves = residual_moves(lambda **hooks: transformer.forward(params, [1, 2], **hooks))
    >>> start.shape, moves.shape
    ((2, 4), (4, 2, 4))
    """
    stream: list[Any] = []  # behind each layer, and before the first
    second: list[Any] = []  # what the second part of each layer adds
    call(tap=lambda _, x: stream.append(x), edit_mlp=lambda _, y: second.append(y))
    if not second or len(stream) != len(second) + 1:
        raise InvalidInput(
            f"{public_caller()}: call gave {len(stream)} states and {len(second)} moves of a second "
            "part; expected a function that hands tap and edit_mlp on to a model's forward."
        )
    moves = []
    for before, after, y in zip(stream, stream[1:], second, strict=False):
        moves += [after - y - before, y]  # what is not of the second part, attention added
    return stream[0], get_xp(stream[0]).stack(moves)


def checked(params: Any, parts: tuple[str, ...], **functions: Any) -> None:
    """Raise for parameters that are no dict with these parts, and for hooks that are no functions."""
    missing = [part for part in parts if not isinstance(params, dict) or part not in params]
    if missing:
        raise InvalidInput(
            f"{public_caller()}: params is {shown(params)} without {missing[0]!r}; expected a dict "
            f"with {', '.join(parts)}."
        )
    for name, function in functions.items():
        if function is not None and not callable(function):
            raise InvalidInput(
                f"{public_caller()}: {name} is {shown(function)}; expected a function or None."
            )
