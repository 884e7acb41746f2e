r"""The transformer of `models.transformer` as a language model: one forward for a text or a tree.

    params = transformer.init(vocab=256, d=64, layers=2, heads=4, rng=0)
    lm = Transformer(params, start=0)
    lm.log_probs(b"To be")                           # (vocab,)
    log_probs_tree(lm, b"To be", tokens, parents)    # (n + 1, vocab), one forward

A token of a tree sees the context and its own ancestors, and its position is its depth behind the
context; several contexts are filled up at the end, where nobody who counts looks.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tokenlab.arrays import to_numpy
from tokenlab.errors import InvalidInput, ShapeError
from tokenlab.lm.protocol import checked_parents, ids_of
from tokenlab.models import transformer

__all__ = ["Transformer"]


class Transformer:
    """A language model from the parameters of `models.transformer.init`.

    Parameters
    ----------
    params : dict
    start : int, optional
        A token that is put before every context. Without it an empty context is an error.

    Examples
    --------
    >>> params = transformer.init(vocab=5, d=4, layers=1, heads=2, rng=0)
    >>> lm = Transformer(params, start=0)
    >>> round(float(np.exp(lm.log_probs([1, 2])).sum()), 5)
    1.0
    """

    def __init__(self, params: dict[str, Any], start: int | None = None):
        self.params = params
        table = params["embed"] if "embed" in params else params["frozen_embed"]
        self.vocab = len(table)
        self.length = len(params["place"])  # positions that the model knows
        self.start = () if start is None else tuple(ids_of([start], "start", self.vocab).tolist())

    def _opened(self, context: Any, more: int = 0) -> np.ndarray:
        """The context behind the token that begins it, `(n,)`."""
        ids = ids_of(context, "context", self.vocab)
        ids = np.array([*self.start, *ids.tolist()], dtype=np.int64)
        if not len(ids):
            raise InvalidInput(
                "Transformer.log_probs: context is empty; expected a token to look at, or "
                "Transformer(params, start=...)."
            )
        if len(ids) + more > self.length:
            raise ShapeError(
                f"Transformer.log_probs: context has {len(ids) + more} tokens; the model knows "
                f"{self.length} positions."
            )
        return ids

    def log_probs(self, context: Any) -> np.ndarray:
        """The next token's log-probabilities, `(vocab,)`."""
        return log_softmax(transformer.forward(self.params, self._opened(context))[-1:])[0]

    def log_probs_batch(self, contexts: Sequence[Any]) -> np.ndarray:
        """Those after each of several contexts, `(len(contexts), vocab)`, in one forward."""
        opened = [self._opened(context) for context in contexts]
        if not opened:
            return np.empty((0, self.vocab))
        lengths = np.array([len(ids) for ids in opened])  # (b,)
        filled = np.zeros((len(opened), lengths.max()), dtype=np.int64)  # (b, n)
        for row, ids in zip(filled, opened, strict=True):
            row[: len(ids)] = ids  # what fills up stands behind, where no token looks
        logits = transformer.forward(self.params, filled)  # (b, n, vocab)
        return log_softmax(logits[np.arange(len(opened)), lengths - 1])

    def log_probs_tree(self, context: Any, tokens: Any, parents: Any) -> np.ndarray:
        """Those at every node of a tree, `(n + 1, vocab)`, in one forward."""
        tokens = ids_of(tokens, "tokens", self.vocab)
        parents = checked_parents(parents, len(tokens))
        before = self._opened(context)  # (n_context,)
        n = len(tokens)
        depths = np.zeros(n + 1, dtype=np.int64)  # (n + 1,), node 0 is the end of the context
        ancestors = np.eye(n + 1, dtype=bool)  # (n + 1, n + 1)
        for node, parent in enumerate(parents.tolist(), start=1):
            depths[node] = depths[parent] + 1
            ancestors[node] |= ancestors[parent]  # what the parent sees
        self._opened(context, int(depths.max()))  # raises where a path is too long
        size = len(before) + n
        mask = np.tri(size, dtype=bool)  # the context sees what came before
        mask[len(before) :, len(before) :] = ancestors[1:, 1:]  # a guess sees its own path
        last = len(before) - 1
        positions = np.concatenate([np.arange(len(before)), last + depths[1:]])
        logits = transformer.forward(
            self.params, np.concatenate([before, tokens]), mask=mask, positions=positions
        )  # (size, vocab)
        return log_softmax(logits[last:])


def log_softmax(logits: Any) -> np.ndarray:
    """Rows of logits as log-probabilities in float64."""
    logits = to_numpy(logits).astype(np.float64)
    shifted = logits - logits.max(axis=-1, keepdims=True)  # nothing overflows
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
