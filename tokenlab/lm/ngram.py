r"""Counts of words after words, smoothed: interpolated Kneser-Ney.

$$p_m(w \mid h) = \frac{\max(c(hw) - D, 0)}{\sum_{w'} c(hw')}
+ \frac{D\,N(h)}{\sum_{w'} c(hw')}\; p_{m-1}(w \mid h')$$

with $h$ the last $m - 1$ tokens, $h'$ the same without the first, $N(h)$ the number of words seen
after $h$. At the highest level $c$ counts texts; at lower ones it counts the distinct left
neighbours of $hw$: a word that follows many things is likely after something new. Below the
unigrams stands the uniform distribution. A history never seen passes to its shorter one.

    lm = NGramLM.fit([ids_of_one_text, ids_of_another], order=3, vocab=256)
    lm.log_probs(context)                   # (vocab,), all finite
    lm.log_probs_middle([3, 5], [7, 2])     # a token between two known ones
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.errors import InvalidInput
from tokenlab.lm.protocol import ids_of

__all__ = ["NGramLM"]


class Level(NamedTuple):
    """All m-grams of the texts, sorted; a gram is (row of its first m - 1 tokens, last token)."""

    keys: np.ndarray  # (n_grams,), history * vocab + word
    shorter: np.ndarray  # (n_grams,), the row of each without its first token, a level below
    words: np.ndarray  # (n_grams,), the last token
    shares: np.ndarray  # (n_grams,), max(c - D, 0) / sum of c
    starts: np.ndarray  # (n_histories + 1,), the grams of history r: starts[r] to starts[r + 1]
    rests: np.ndarray  # (n_histories,), D N(h) / sum of c: what the shorter history is worth


class NGramLM:
    """An interpolated Kneser-Ney model; `NGramLM.fit` makes one.

    Examples
    --------
    >>> lm = NGramLM.fit([0, 1, 0, 1, 0, 2], order=2, vocab=3)
    >>> np.exp(lm.log_probs([0])).round(3).tolist()
    [0.167, 0.583, 0.25]
    """

    def __init__(self, vocab: int, levels: Sequence[Level], discount: float):
        self.vocab, self.levels, self.discount = vocab, tuple(levels), discount

    @property
    def order(self) -> int:
        """How many tokens a count is of: a history has at most `order - 1`."""
        return len(self.levels)

    @classmethod
    def fit(cls, ids: Any, order: int, vocab: int, *, discount: float = 0.75) -> "NGramLM":
        """Count a text, or a list of texts over whose ends nothing is counted.

        Parameters
        ----------
        ids : sequence of int, or a list of such sequences
        order : int
            At least 1.
        vocab : int
            Ids are below it.
        discount : float
            $D$, taken off every count; from 0 to 1.

        Raises
        ------
        InvalidInput
            Nothing to count, an id beyond the vocabulary, a discount outside.
        """
        order, vocab = checks.count(order, "order"), checks.count(vocab, "vocab")
        discount = checks.share(discount, "discount")
        tokens, place_in = joined(ids, vocab)
        return cls(vocab, counted(tokens, place_in, order, vocab, discount), discount)

    def log_probs(self, context: Any) -> np.ndarray:
        """The next token's log-probabilities, `(vocab,)`, summing to one."""
        context = ids_of(context, "context", self.vocab)
        p = np.full(self.vocab, 1 / self.vocab)
        for level, row in zip(self.levels, self._seen(context), strict=False):
            grams = slice(level.starts[row], level.starts[row + 1])
            p *= level.rests[row]
            p[level.words[grams]] += level.shares[grams]
        return np.log(np.maximum(p, np.finfo(float).tiny))  # discount 0 leaves words at 0

    def _seen(self, context: np.ndarray) -> list[int]:
        """The rows of the histories of 0, 1, ... tokens before the next, up to the longest seen."""
        m = row = 0  # the longest history so far that was seen, and its row
        for token in context[max(len(context) - self.order + 1, 0) :].tolist():
            while (longer := self._row(m, row * self.vocab + token)) < 0 and m:
                m, row = m - 1, int(self.levels[m - 1].shorter[row])
            if longer >= 0:
                m, row = m + 1, longer
        rows = [row]
        for level in self.levels[:m][::-1]:  # each without its first token
            rows.append(int(level.shorter[rows[-1]]))
        return rows[::-1]

    def _row(self, m: int, key: int) -> int:
        """The row of a gram of m + 1 tokens; -1 if it was never seen."""
        keys = self.levels[m].keys
        row = int(keys.searchsorted(key))
        return row if row < len(keys) and keys[row] == key else -1

    def log_probs_middle(self, left: Any, right: Any) -> np.ndarray:
        r"""A token between two known sides: $p(w \mid l, r) \propto p(w \mid l)\,p(r \mid l, w)$.

        Parameters
        ----------
        left, right : sequence of int
            What stands before and after; of `right` the first `order - 1` tokens count.

        Returns
        -------
        ndarray of shape (vocab,)
        """
        total = self.log_probs(left).copy()
        left = ids_of(left, "left", self.vocab)
        right = ids_of(right, "right", self.vocab)[: self.order - 1]
        # Each candidate with what follows: after `order - 1` tokens it is out of sight.
        histories = np.tile(left[max(len(left) - self.order + 1, 0) :], (self.vocab, 1))
        histories = np.column_stack([histories, np.arange(self.vocab)])  # (vocab, n)
        for token in right:
            total += np.log(self._probs(histories, int(token)))
            histories = np.column_stack([histories, np.full(self.vocab, token)])
        total -= total.max()
        return total - np.log(np.exp(total).sum())

    def _probs(self, histories: np.ndarray, word: int) -> np.ndarray:
        """The probability of one word after each of many histories of one length, `(n,)`."""
        p = np.full(len(histories), 1 / self.vocab)
        length = histories.shape[1]
        for m in range(min(length, self.order - 1) + 1):
            rows = np.zeros(len(histories), dtype=np.int64)
            for level, tokens in zip(
                self.levels, histories[:, length - m :].T, strict=False
            ):  # (n,) tokens, one place after the other
                rows = found(level.keys, rows, rows * self.vocab + tokens)
            level = self.levels[m]
            gram = found(level.keys, rows, rows * self.vocab + word)
            p *= np.where(rows < 0, 1, level.rests[rows])
            p += np.where(gram < 0, 0, level.shares[gram])
        return np.maximum(p, np.finfo(float).tiny)


def found(keys: np.ndarray, rows: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Where keys stand; -1 for those that do not, or whose history was already missing."""
    at = np.minimum(keys.searchsorted(wanted), len(keys) - 1)
    return np.where((rows >= 0) & (keys[at] == wanted), at, -1)


def joined(ids: Any, vocab: int) -> tuple[np.ndarray, np.ndarray]:
    """All texts one after the other, and how many tokens of its text are left at each place."""
    nested = isinstance(ids, list | tuple) and len(ids) > 0 and np.ndim(ids[0]) == 1
    nested = nested or (isinstance(ids, list | tuple) and any(isinstance(x, bytes) for x in ids))
    texts = [ids_of(text, "ids", vocab) for text in (ids if nested else [ids])]
    if not sum(map(len, texts)):
        raise InvalidInput("NGramLM.fit: ids is empty; expected at least one token to count.")
    left = [np.arange(len(text), 0, -1, dtype=np.int32) for text in texts]
    return np.concatenate(texts), np.concatenate(left)


def counted(
    tokens: np.ndarray, left: np.ndarray, order: int, vocab: int, discount: float
) -> list[Level]:
    """The grams of every length, from 1 to `order`, each a continuation of one of the last."""
    place = np.arange(len(tokens), dtype=np.int32)  # (n_places,), where grams begin
    row_at = np.zeros(len(tokens) + 1, dtype=np.int32)  # the row of the last gram at each place
    keys_of: list[np.ndarray] = []
    counts_of: list[np.ndarray] = []
    shorter_of: list[np.ndarray] = []
    for m in range(1, order + 1):
        place = place[left[place] >= m]  # a gram does not reach over the end of its text
        keys, first, rows, counts = np.unique(
            row_at[place] * np.int64(vocab) + tokens[place + (m - 1)],
            return_index=True,
            return_inverse=True,
            return_counts=True,
        )  # rows: (n_places,), the row of the gram that begins there
        shorter = row_at[place[first] + 1]  # without its first token it begins a place later
        if m > 1:  # each distinct gram is one left neighbour of the shorter one
            counts_of[-1] = np.bincount(shorter, minlength=len(keys_of[-1]))
        keys_of.append(keys)
        counts_of.append(counts)  # the longest: occurrences
        shorter_of.append(shorter)
        row_at[place] = rows.ravel()
    sizes = [1, *map(len, keys_of)]  # of the histories
    return [
        level_of(*parts, vocab, discount)
        for parts in zip(keys_of, counts_of, shorter_of, sizes, strict=False)
    ]


def level_of(
    keys: np.ndarray,
    counts: np.ndarray,
    shorter: np.ndarray,
    n_histories: int,
    vocab: int,
    discount: float,
) -> Level:
    """Grams with their counts as shares, and where those of each history begin."""
    starts = keys.searchsorted(np.arange(n_histories + 1) * vocab)
    history, words = np.divmod(keys, vocab)
    total = np.bincount(history, weights=counts, minlength=n_histories)  # sum of c(hw)
    kinds = np.bincount(history, weights=counts > 0, minlength=n_histories)  # N(h)
    some = total > 0  # nothing follows what ends a text: there the shorter history counts whole
    rests = np.divide(discount * kinds, total, out=np.ones(n_histories), where=some)
    shares = np.maximum(counts - discount, 0) / np.where(some, total, 1)[history]
    return Level(keys, shorter, words, shares, starts, rests)
