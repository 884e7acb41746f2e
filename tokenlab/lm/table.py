r"""A language model that is written out: the probability of every text of a fixed length.

Everything about it can be computed exactly, which makes it the judge of samplers: what a method
draws is compared with the table, not with a sample.

    joint = rng.dirichlet(np.ones(8)).reshape(2, 2, 2)     # three tokens of a vocabulary of two
    lm = TableLM(joint)
    lm.log_probs([1])                                      # the second token after a 1
    lm.conditional({0: 1, 2: 0}, 1)                        # the middle one, both ends known
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arrays import get_xp, on_host
from tokenlab.errors import InvalidInput, ShapeError, public_caller
from tokenlab.lm.protocol import asked_conditionals, checked_parents, ids_of, paths, places_of

__all__ = ["TableLM"]


class TableLM:
    """A joint distribution over all texts of `length` tokens, `(vocab,) * length`.

    `log_probs(context)` reads from left to right; `log_conditionals` is the any-subset protocol.

    Parameters
    ----------
    joint : array of shape (vocab,) * length, or nested lists
        Kept as NumPy: a table is small.
        Probabilities that sum to one within 1e-6.

    Raises
    ------
    ShapeError, InvalidInput
        Axes of different lengths; a negative probability, or a sum that is not one.

    Examples
    --------
    >>> lm = TableLM([[0.5, 0.25], [0.0, 0.25]])
    >>> np.exp(lm.log_probs([0])).round(3).tolist()
    [0.667, 0.333]
    >>> lm.conditional({1: 0}, 0).tolist()
    [1.0, 0.0]
    """

    def __init__(self, joint: Any):
        table = checks.floats(on_host(joint), "joint", np).astype(np.float64)
        checks.finite(table, "joint", np)
        if table.ndim == 0 or len(set(table.shape)) != 1 or table.size == 0:
            raise ShapeError(
                f"TableLM: joint is {table.shape}; expected (vocab,) * length, one axis for each "
                "place, all of the same length."
            )
        if (table < 0).any() or abs(table.sum() - 1) > 1e-6:
            raise InvalidInput(
                f"TableLM: joint sums to {table.sum():.6g}, its smallest entry is "
                f"{table.min():.6g}; expected probabilities that sum to one."
            )
        self.joint, self.vocab, self.length = table, table.shape[0], table.ndim

    def log_probs(self, context: Any) -> np.ndarray:
        """The next token's log-probabilities, `(vocab,)`."""
        ids = ids_of(context, "context", self.vocab)
        if len(ids) >= self.length:
            raise InvalidInput(
                f"TableLM.log_probs: context has {len(ids)} tokens; expected fewer than "
                f"{self.length}, since a text of this table ends there."
            )
        weights = self._next(tuple(ids.tolist()))  # (vocab,)
        if weights.sum() == 0:
            raise InvalidInput(
                f"TableLM.log_probs: context {ids.tolist()} has probability 0; nothing follows it."
            )
        return logarithm(weights / weights.sum())  # p(x_i | x_<i) = p(x_<=i) / p(x_<i)

    def _next(self, context: tuple[int, ...]) -> np.ndarray:
        """The probability of the context with each next token, summed over what comes later."""
        # The axes left over are the places behind; all of them but the first are summed.
        return self.joint[context].reshape(self.vocab, -1).sum(axis=1)

    def log_probs_tree(self, context: Any, tokens: Any, parents: Any) -> np.ndarray:
        """`log_probs` at every node; nodes that no text reaches are answered uniformly."""
        # Drafts may reach what no text has, or reach beyond its end: nothing of it is accepted.
        tokens = ids_of(tokens, "tokens", self.vocab)
        parents = checked_parents(parents, len(tokens))
        context = ids_of(context, "context", self.vocab).tolist()
        rows = np.full((len(tokens) + 1, self.vocab), -np.log(self.vocab))  # (n + 1, vocab)
        for row, path in zip(rows, paths(context, tokens, parents), strict=True):
            if len(path) < self.length and self._next(path).sum() > 0:
                row[:] = self.log_probs(path)
        return rows

    def conditional(self, visible: Mapping[int, int], position: int) -> np.ndarray:
        """Probabilities of the token at a place, given those at some others, `(vocab,)`."""
        position = checks.whole(position, "position")
        if position >= self.length:
            raise InvalidInput(
                f"{public_caller()}: position names place {position}; expected 0 to "
                f"{self.length - 1}."
            )
        visible = places_of(visible, self.length, self.vocab)
        weights = self._weights(visible, position)
        if weights.sum() == 0:
            raise InvalidInput(f"TableLM.conditional: visible {dict(visible)} has probability 0.")
        return weights / weights.sum()  # (vocab,)

    def _weights(self, visible: Mapping[int, int], position: int) -> np.ndarray:
        # The place asked for goes first; known places are looked up, all others summed over.
        key = [visible.get(i, slice(None)) for i in range(self.length) if i != position]
        slices = np.moveaxis(self.joint, position, 0)[(slice(None), *key)]  # (vocab, ...)
        return slices.reshape(self.vocab, -1).sum(axis=1)  # (vocab,)

    def log_conditionals(self, tokens: Any, rank: Any, positions: Any) -> np.ndarray:
        """Each position given all positions of lower rank, `(len(positions), vocab)`.

        Parameters
        ----------
        tokens : sequence of int, (length,)
            What stands where; a place that nobody sees may hold anything.
        rank : sequence of int, (length,)
            Position i is given the tokens at all j with `rank[j] < rank[i]`.
        positions : sequence of int, (m,)

        Returns
        -------
        ndarray of shape (m, vocab)
            Rows of -inf where what is given has probability 0.
        """
        tokens, rank, positions = asked_conditionals(
            tokens, rank, positions, self.length, self.vocab
        )
        rows = np.full((len(positions), self.vocab), -np.inf)  # (m, vocab)
        for row, i in zip(rows, positions, strict=True):
            # One array says who sees whom: a place is given all places of lower rank.
            seen = {j: int(tokens[j]) for j in range(self.length) if rank[j] < rank[i]}
            weights = self._weights(seen, int(i))
            if weights.sum() > 0:  # else what is given has probability 0
                row[:] = logarithm(weights / weights.sum())
        return rows


def logarithm(p: Any) -> Any:
    """The natural logarithm, -inf for 0, without a warning."""
    with np.errstate(divide="ignore"):  # ln 0 = -inf is what is meant
        return get_xp(p).log(p)
