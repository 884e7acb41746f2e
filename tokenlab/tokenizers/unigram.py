r"""Subword Regularization: Improving Neural Network Translation Models with Multiple Subword
Candidates.

Taku Kudo. ACL 2018. arXiv:1804.10959

Each token has a probability, and a way of cutting a text has the product of those of its tokens.
The best cut is found by dynamic programming, all of them are summed up or sampled in the same way.
Probabilities are learned by expectation and maximisation, and tokens that are missed least go.

| paper's symbol | name here | shape |
|---|---|---|
| $\mathcal{V}$ | `tokens` | list of bytes |
| $\ln p(x_i)$ | `log_probs` | `(vocab,)` |
| $\alpha$ | `alpha` | number |

$$P(\mathbf{x}) = \prod_i p(x_i) \; (1), \qquad
\mathbf{x}^* = \arg\max_{\mathbf{x} \in S(X)} P(\mathbf{x}) \; (2), \qquad
P(\mathbf{x} \mid X) \propto P(\mathbf{x})^\alpha$$

Example
-------
    model = UnigramLM.fit(text, 1000)
    model.viterbi(b" lower")
    model.sample(b" lower", alpha=0.2, rng=0)
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.errors import DTypeError, InvalidInput, ShapeError, public_caller
from tokenlab.steps import step
from tokenlab.tokenizers.lattice import Lattice, best_cut, counts_of, forward, lattice_of
from tokenlab.tokenizers.split import splitter
from tokenlab.tokenizers.text import as_bytes, checked_text
from tokenlab.tokenizers.trie import Trie

__all__ = ["Cut", "UnigramLM"]

LONGEST = 16  # bytes of a token that `fit` thinks of
SHRINK = 0.75  # how much of the vocabulary survives a round of pruning


class Cut(NamedTuple):
    """The tokens of a text, and the logarithm of their probability."""

    ids: np.ndarray  # (n,) int64
    log_prob: float


class UnigramLM:
    """A tokenizer whose tokens have probabilities.

    Parameters
    ----------
    tokens : sequence of bytes
        By id.
    log_probs : sequence of float
        One for each token. Any finite weights; those of `fit` are logarithms of probabilities
        that sum to one.
    split : str or callable
        See `splitter`; tokens stay within chunks.

    Examples
    --------
    >>> model = UnigramLM([b"a", b"b", b"ab", b"ba", b"aba"], np.log([0.3, 0.2, 0.2, 0.2, 0.1]))
    >>> model.viterbi(b"aba").ids.tolist(), round(float(np.exp(model.log_marginal(b"aba"))), 3)
    ([4], 0.238)
    >>> model.expected_counts(b"aba").round(4).tolist()
    [0.6555, 0.0756, 0.2521, 0.2521, 0.4202]
    """

    def __init__(self, tokens: Sequence[bytes], log_probs: Any, *, split: Any = "gpt2"):
        self.tokens = list(tokens)
        self.trie = Trie(self.tokens)  # names what is no token
        logs = checks.floats(log_probs, "log_probs", np).astype(np.float64)
        if logs.shape != (len(self.tokens),):
            raise ShapeError(
                f"UnigramLM: log_probs is {logs.shape}; expected ({len(self.tokens)},), one for "
                "each of the tokens."
            )
        self.log_probs = checks.finite(logs, "log_probs", np)  # (vocab,)
        self.split = split
        self._split = splitter(split)
        self._known: dict[bytes, list[int]] = {}

    @property
    def vocab(self) -> int:
        """How many ids there are."""
        return len(self.tokens)

    # One text, all of its cuts.

    def viterbi(self, data: bytes) -> Cut:
        """The likeliest cut; of equal ones that with the longer last token, at every place."""
        data = checked_bytes(data)
        ids, score, reached = best_cut(data, self.trie, self.log_probs)
        if reached < len(data):
            raise self._no_cut(data, reached)
        found = step(
            np.array(ids, dtype=np.int64)
        )  # (n,) -> vocab: [x*, Eq. (2)] the likeliest cut
        step("logs", self.log_probs[found], "ln p of each of its tokens", eq="Eq. (1)")
        return Cut(found, score)

    def log_marginal(self, data: bytes, *, alpha: float = 1) -> float:
        r"""$\ln \sum_{\mathbf{x} \in S(X)} P(\mathbf{x})^\alpha$: at 0 the number of cuts."""
        alpha = checks.number(alpha, "alpha", at_least=0)
        data = checked_bytes(data)
        ahead = self._forward(data, alpha)[1]
        return float(ahead[-1])

    def sample(self, data: bytes, *, alpha: float = 1, rng: Any = None) -> np.ndarray:
        r"""A cut drawn in proportion to $P(\mathbf{x})^\alpha$; at 0 all are alike.

        Parameters
        ----------
        data : bytes
        alpha : float
            Finite, at least 0.
        rng : Generator, int or None

        Returns
        -------
        (n,) int64 ids
        """
        alpha = checks.number(alpha, "alpha", at_least=0)
        draws = checks.generator(rng)
        data = checked_bytes(data)
        lattice, ahead = self._forward(data, alpha)
        ids: list[int] = []  # from the last token to the first
        place = len(data)
        while place:  # backwards: the last token, then the one before it
            here = slice(lattice.levels[place - 1], lattice.levels[place])
            scores = ahead[lattice.left[here]] + alpha * self.log_probs[lattice.ids[here]]
            p = np.exp(scores - scores.max())
            chosen = int(draws.choice(len(p), p=p / p.sum()))
            ids.append(int(lattice.ids[here][chosen]))
            place = int(lattice.left[here][chosen])
        return np.array(ids[::-1], dtype=np.int64)

    def expected_counts(self, data: bytes, *, weight: float = 1) -> np.ndarray:
        """How often each token stands in a cut drawn by its probability, times `weight`."""
        weight = checks.number(weight, "weight", at_least=0)
        data = checked_bytes(data)
        lattice, _ = self._forward(data, 1.0)  # raises where nothing fits
        return counts_of(lattice, self.log_probs, np.array([weight]))

    def _forward(self, data: bytes, alpha: float) -> tuple[Lattice, np.ndarray]:
        """All cuts, and the logarithm of the sum over those up to each place."""
        lattice = lattice_of([data], self.trie)
        ahead = forward(lattice, alpha * self.log_probs)  # (n_bytes + 1,)
        if ahead[-1] == -np.inf:
            raise self._no_cut(data, int(np.flatnonzero(ahead > -np.inf)[-1]))
        return lattice, ahead

    def _no_cut(self, data: bytes, place: int) -> InvalidInput:
        return InvalidInput(
            f"{public_caller()}: no tokens of this vocabulary spell {data!r}: none goes on from byte "
            f"{place}, 0x{data[min(place, len(data) - 1)]:02X}. Add the 256 bytes as tokens."
        )

    # As a tokenizer.

    def encode(self, text: str | bytes) -> np.ndarray:
        """The likeliest cut of each chunk, `(n,)` int64."""
        ids: list[int] = []
        for chunk in self._split(checked_text(text)):
            data = as_bytes(chunk)
            if data not in self._known:
                self._known[data] = self.viterbi(data).ids.tolist()
            ids += self._known[data]
        return np.array(ids, dtype=np.int64)

    def decode_bytes(self, ids: Any) -> bytes:
        """The bytes of ids, one after the other."""
        array = checks.shaped(checks.integers(np.asarray(ids), "ids", np), "ids", ("n",))
        checks.within(array, "ids", self.vocab, "vocab")
        return b"".join(self.tokens[i] for i in array.tolist())

    def decode(self, ids: Any) -> str:
        """The text of ids; U+FFFD for bytes that are no UTF-8."""
        return self.decode_bytes(ids).decode(errors="replace")

    # Learning.

    @classmethod
    def fit(
        cls,
        text: str | Iterable[str],
        vocab_size: int,
        *,
        split: Any = "gpt2",
        max_token_bytes: int = LONGEST,
        iters: int = 2,
    ) -> "UnigramLM":
        """Learn tokens and probabilities from a text or several.

        Parameters
        ----------
        text : str, or iterable of str
        vocab_size : int
            At least 256, since the bytes stay.
        split : str or callable
            See `splitter`.
        max_token_bytes : int
            Longer ones are not thought of.
        iters : int
            Rounds of expectation and maximisation between two prunings.

        Returns
        -------
        UnigramLM
            The bytes, then the other tokens, the likeliest first.
        """
        vocab_size = checks.count(vocab_size, "vocab_size", at_least=256)
        longest = checks.count(max_token_bytes, "max_token_bytes")
        iters = checks.count(iters, "iters")
        words = counted_chunks(text, splitter(split))  # distinct chunks and their counts
        weights = np.array(list(words.values()), dtype=np.float64)  # (n_chunks,)
        tokens, logs = seeds(words, 4 * vocab_size, longest)  # far too many: most will go
        while True:
            lattice = lattice_of(words, Trie(tokens))
            for _ in range(iters):
                counts = counts_of(lattice, logs, weights)  # expectation
                logs = np.log(np.maximum(counts, 1e-6) / np.maximum(counts, 1e-6).sum())
            if len(tokens) <= vocab_size:
                break
            n = max(vocab_size, int(SHRINK * len(tokens)))  # how many survive this round
            kept = missed_most(tokens, logs, counts, n)
            tokens = [tokens[i] for i in kept]
            logs = logs[kept]
        # bytes first, then by probability
        order = [*range(256), *(256 + np.argsort(-logs[256:], kind="stable"))]
        return cls([tokens[i] for i in order], logs[order], split=split)


def checked_bytes(data: Any) -> bytes:
    """Bytes, and no text whose encoding nobody said."""
    if not isinstance(data, bytes | bytearray):
        raise DTypeError(
            f"{public_caller()}: data is a {type(data).__name__}; expected bytes, as from "
            "text.encode()."
        )
    return bytes(data)


def counted_chunks(text: Any, split: Callable[[str], list[str]]) -> Counter[bytes]:
    """The distinct chunks of a text or several, and how often each occurs."""
    words: Counter[bytes] = Counter()
    for part in [text] if isinstance(text, str) else text:
        words.update(as_bytes(chunk) for chunk in split(checked_text(part)))
    return words


def seeds(words: Counter[bytes], n: int, longest: int) -> tuple[list[bytes], np.ndarray]:
    """The bytes, and the stretches of whole characters that cover most of the text."""
    found: Counter[bytes] = Counter()
    singles = np.ones(256)
    for word, count in words.items():
        # Stretches begin and end between characters; bytes of other data stand for themselves.
        edges = [i for i in range(len(word) + 1) if i == len(word) or word[i] & 0xC0 != 0x80]
        for i, start in enumerate(edges):
            for end in edges[i + 1 :]:
                if end - start > longest:
                    break
                found[word[start:end]] += count
        np.add.at(singles, list(word), count)
    scores = {w: c * len(w) for w, c in found.items() if len(w) > 1 and c > 1}
    best = sorted(scores, key=lambda w: (-scores[w], w))[: max(n - 256, 0)]
    # bytes have at least one count each
    total = np.concatenate([singles, [found[w] for w in best]])
    return [*(bytes([byte]) for byte in range(256)), *best], np.log(total / total.sum())


def missed_most(tokens: list[bytes], logs: np.ndarray, counts: np.ndarray, n: int) -> list[int]:
    """The bytes, and the tokens without which the text would become least likely."""
    trie = Trie(tokens)
    loss = np.full(len(tokens), np.inf)
    for i in range(256, len(tokens)):
        # Without the token its place is taken by the best cut of its bytes into others.
        _, without, _ = best_cut(tokens[i], trie, logs, whole=False)
        loss[i] = counts[i] * (logs[i] - without)
    order = np.argsort(-loss, kind="stable")[:n]
    return sorted(order.tolist())


NOTES = r"""
Differs from the paper
----------------------
- Tokens are bytes, and the 256 single ones always stay; the paper's are characters.
- Seeds are the frequent stretches of up to 16 bytes within chunks, by length times count; the
  paper takes them from a suffix array.
- Cuts are sampled by forward filtering and backward sampling from all of them, not from the `l`
  best. With `alpha` 0 all cuts of a text are alike.

Cost
----
A text of n bytes has at most n times 16 edges; each sum, count and sample walks them once. `fit`
walks the edges of all distinct chunks twice in each of its rounds.

Why not just
------------
- *take the longest token at each place?* It leaves rests that only rare tokens can spell.
- *use merges?* They give one cut of a text. Here every cut has a probability, so that a model can
  be trained on several, and tokens can be judged by what would be lost without them.
"""
