"""What all real models let you see and replace: a layer's `Block`, and the checks of what hooks say.

Layers count from 1; 0 is what enters layer 1. At a layer come `tap`, `watch`, then `prune`.
"""

from collections.abc import Callable, Iterator
from typing import Any

from tokenlab.errors import InvalidInput, public_caller
from tokenlab.options import shown

__all__ = ["Block"]

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
