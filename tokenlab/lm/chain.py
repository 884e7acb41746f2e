r"""A Markov chain: a language model for which every conditional is known exactly.

$$p(x) = \pi_{x_0} \prod_i T_{x_{i-1} x_i}, \qquad
p(x_i \mid x_l, x_r) \propto (T^{i-l})_{x_l x_i}\,(T^{r-i})_{x_i x_r}$$

with the nearest places $l < i < r$ that are given; those beyond them do not matter. So it is an
any-subset model without training.

    lm = ChainLM(start, transition, length=64)
    lm.log_probs([3])                                    # row 3 of the transitions
    lm.log_conditionals(tokens, rank, positions=[5, 9])  # given the places of lower rank
"""

from typing import Any

import numpy as np

from tokenlab import checks
from tokenlab.arrays import on_host
from tokenlab.errors import InvalidInput, ShapeError
from tokenlab.lm.protocol import asked_conditionals, ids_of
from tokenlab.lm.table import logarithm

__all__ = ["ChainLM"]


class ChainLM:
    """A Markov chain over texts of `length` tokens.

    Parameters
    ----------
    start : array of shape (vocab,), or list
        Probabilities of the first token.
    transition : array of shape (vocab, vocab)
        Row i: those of the token after an i.
    length : int
        How many places a text has; `log_probs` itself has no end.

    Raises
    ------
    ShapeError, InvalidInput
        Rows that do not sum to one within 1e-6, or shapes that do not fit.

    Examples
    --------
    >>> lm = ChainLM([1.0, 0.0], [[0.5, 0.5], [1.0, 0.0]], 3)
    >>> np.exp(lm.log_conditionals([0, 0, 1], [0, 1, 0], [1]))[0].round(3).tolist()
    [1.0, 0.0]
    """

    def __init__(self, start: Any, transition: Any, length: int):
        self.start = probabilities(start, "start", 1)
        self.transition = probabilities(transition, "transition", 2)
        self.length = checks.count(length, "length")
        self.vocab = len(self.start)
        if self.transition.shape != (self.vocab, self.vocab):
            raise ShapeError(
                f"ChainLM: transition is {self.transition.shape}; expected "
                f"({self.vocab}, {self.vocab}), since start is ({self.vocab},)."
            )
        self._powers = [np.eye(self.vocab)]  # T^0

    def _power(self, n: int) -> np.ndarray:
        """The transitions over n places; made once."""
        while len(self._powers) <= n:
            self._powers.append(self._powers[-1] @ self.transition)  # T^n, (vocab, vocab)
        return self._powers[n]

    def log_probs(self, context: Any) -> np.ndarray:
        """The next token's log-probabilities, `(vocab,)`: only the last token counts."""
        last = ids_of(context, "context", self.vocab)[-1:]
        return logarithm(self.transition[last[0]] if len(last) else self.start)

    def log_conditionals(self, tokens: Any, rank: Any, positions: Any) -> np.ndarray:
        """Each position given all positions of lower rank, `(len(positions), vocab)`.

        The arguments are those of `TableLM.log_conditionals`; rows of -inf where what is given
        has probability 0.
        """
        tokens, rank, positions = asked_conditionals(
            tokens, rank, positions, self.length, self.vocab
        )
        rows = np.empty((len(positions), self.vocab))  # (m, vocab)
        for row, i in zip(rows, positions, strict=True):
            given = [j for j in range(self.length) if rank[j] < rank[i]]
            # Only the nearest known places count: a chain forgets what lies behind them.
            left = max((j for j in given if j < i), default=None)
            right = min((j for j in given if j > i), default=None)
            from_left = (
                self.start @ self._power(i) if left is None else self._power(i - left)[tokens[left]]
            )  # (vocab,)
            to_right = 1.0 if right is None else self._power(right - i)[:, tokens[right]]
            weights = from_left * to_right  # T^(i-l)[x_l, x_i] · T^(r-i)[x_i, x_r]
            total = weights.sum()  # 0: what is given cannot be
            row[:] = logarithm(weights / total) if total > 0 else -np.inf
        return rows


def probabilities(p: Any, name: str, ndim: int) -> np.ndarray:
    """Rows of probabilities in float64, or an error."""
    p = checks.floats(on_host(p), name, np).astype(np.float64)
    checks.shaped(checks.finite(p, name, np), name, ("rows", "vocab")[-ndim:])
    if p.size == 0 or (p < 0).any() or (abs(p.sum(axis=-1) - 1) > 1e-6).any():
        raise InvalidInput(
            f"ChainLM: {name} has a negative entry or a row that does not sum to one; expected "
            "probabilities."
        )
    return p
