r"""Exact Byte-Level Probabilities from Tokenized Language Models for FIM-Tasks and Model Ensembles.

Buu Phan, Brandon Amos, Itai Gat, Marton Havasi, Matthew Muckley, Karen Ullrich. ICLR 2025.
arXiv:2410.09303

A model over tokens is asked about a text that ends inside of a token, and is wrong: it has never
seen a text cut there. The probability of bytes is that of all token sequences that begin with them,
the cover. Adding these up gives exact next-byte probabilities, and models with different
vocabularies can be averaged.

| paper's symbol | name here | shape |
|---|---|---|
| $x_{1:n}$ | `text` | n bytes |
| $\mathrm{cover}(x_{1:n})$ | `cover(text)` | |
| $P(t)$ | `log_prob` | |

$$P(x_{1:n}) = \sum_{t \in \mathrm{cover}(x_{1:n})} P(t) \qquad (\text{Eq. } 4), \qquad
P(x_{n+1} \mid x_{1:n}) = P(x_{1:n+1}) / P(x_{1:n})$$

The cover holds the valid encodings (those that a tokenizer makes of their own bytes) that begin
with the text and whose last token holds its last byte.

Example
-------
    model = ByteLM(lm, tokenizer, eos=2)
    model.log_probs(b"The qu")        # (257,): the next byte, 256 is the end
    model.log_prob(b"The quick")
"""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.decoding.chance import weights_of
from tokenlab.decoding.encodings import MergePairs, beginnings, encoded, joined
from tokenlab.decoding.ensemble import EnsembleLM
from tokenlab.errors import InvalidInput, ShapeError
from tokenlab.lm.protocol import ids_of
from tokenlab.lm.table import logarithm
from tokenlab.steps import step

__all__ = [
    "ByteLM",
    "Cover",
    "EnsembleLM",
    "cover",
    "healed_next_byte",
    "naive_next_byte",
    "valid_next",
]

END = 256  # the symbol behind the last byte


class Cover(NamedTuple):
    """One encoding of a text that may go on."""

    tokens: tuple[int, ...]
    extra: bytes  # what the last token holds beyond the text


def as_bytes(text: Any) -> bytes:
    """Bytes, or ints below 256; a str is refused."""
    if isinstance(text, bytes | bytearray):
        return bytes(text)
    return bytes(ids_of(text, "text", 256).tolist())


def cover(tokenizer: Any, text: Any) -> list[Cover]:
    """All valid encodings that begin with the text and whose last token holds its last byte.

    Parameters
    ----------
    tokenizer : object with `tokens` (bytes by id) and `encode(bytes)`
    text : bytes, or sequence of int below 256

    Returns
    -------
    list of Cover
        Exactly one of them has nothing extra: the encoding of the text itself.
    """
    text = as_bytes(text)
    if not text:
        return [Cover((), b"")]
    below, found = beginnings(tokenizer), []
    for i in range(len(text) - 1, -1, -1):  # where the last token begins
        left = encoded(tokenizer, text[:i])  # a valid encoding begins with valid encodings
        for token in below(text[i:]):
            tokens = (*left, token)
            if encoded(tokenizer, joined(tokenizer, tokens)) == tokens:  # valid
                found.append(Cover(tokens, tokenizer.tokens[token][len(text) - i :]))
    return found


def valid_next(tokenizer: Any, tokens: Any, *, window: int | None = None) -> np.ndarray:
    """Which tokens can follow so that the whole is what the tokenizer makes of its bytes.

    Parameters
    ----------
    tokenizer : object with `tokens` and `encode`
        With `merges (m, 2)`, pairs of ids by rank, all candidates are tested at once for
        `window=1`.
    tokens : sequence of int
        A valid encoding.
    window : int, optional
        Look at the last so many tokens alone. For byte-pair encoding without a splitter one is
        enough: an encoding is valid if every two neighbours are.

    Returns
    -------
    ndarray of shape (vocab,), bool

    Raises
    ------
    InvalidInput
        When `tokens` itself is no valid encoding.
    """
    ids = tuple(ids_of(tokens, "tokens", len(tokenizer.tokens)).tolist())
    if encoded(tokenizer, joined(tokenizer, ids)) != ids:
        raise InvalidInput(
            f"valid_next: tokens {list(ids)[:8]} is not what the tokenizer makes of its bytes; "
            "nothing valid follows it."
        )
    if window is not None:
        ids = ids[max(len(ids) - checks.count(window, "window"), 0) :]  # (window,)
    merges = getattr(tokenizer, "merges", None)
    if merges is not None and window == 1 and len(ids) == 1:  # all candidates at once
        return MergePairs.of(tokenizer).valid_after(ids[0])
    before = joined(tokenizer, ids)
    return np.array(
        [
            bool(token) and encoded(tokenizer, before + token) == (*ids, i)
            for i, token in enumerate(tokenizer.tokens)
        ]
    )


class ByteLM:
    """A model over tokens as an exact model over 257 symbols: bytes, and 256 for the end.

    It has `vocab` and `log_probs`, so samplers, constraints and speculation run on bytes.

    Parameters
    ----------
    lm : object with `vocab` and `log_probs`
        Over the tokens.
    tokenizer : object with `tokens` (bytes by id) and `encode(bytes)`
    eos : int, optional
        The token that ends a text. Without it the end has probability 0.
    prompt : sequence of int
        Tokens before the text, which count as they are.
    variant : str
        `"paper"`: the model's probabilities are masked to valid tokens and renormalised.
        `"official"`: masked, not renormalised.
    window : int, optional
        As in `valid_next`.

    Raises
    ------
    ShapeError
        When the vocabularies differ.
    """

    vocab = 257

    def __init__(
        self,
        lm: Any,
        tokenizer: Any,
        *,
        eos: int | None = None,
        prompt: Any = (),
        variant: str = "paper",
        window: int | None = None,
    ):
        if len(tokenizer.tokens) > lm.vocab:
            raise ShapeError(
                f"ByteLM: tokenizer has {len(tokenizer.tokens)} tokens, lm a vocab of {lm.vocab}; "
                "expected the model of this tokenizer."
            )
        self.variant = checks.choice(variant, "variant", ("paper", "official"))
        self.lm, self.tokenizer, self.window = lm, tokenizer, window
        self.prompt = tuple(ids_of(prompt, "prompt", lm.vocab).tolist())
        self.eos = None if eos is None else int(ids_of([eos], "eos", lm.vocab)[0])
        first = [token[0] if token else END for token in tokenizer.tokens]
        self.first = np.array(first + [END] * (lm.vocab - len(first)), dtype=np.int64)  # (vocab,)
        self._covers: OrderedDict[bytes, list[tuple[Cover, float]]] = OrderedDict()
        self._rows: OrderedDict[tuple[int, ...], np.ndarray] = OrderedDict()

    def _after(self, tokens: tuple[int, ...]) -> np.ndarray:
        """Probabilities of the next token after a valid encoding, invalid ones left out."""
        if tokens not in self._rows:
            p = weights_of(self.lm.log_probs((*self.prompt, *tokens)))
            valid = np.zeros(len(p), dtype=bool)  # (vocab,), of a model with spare rows
            valid[: len(self.tokenizer.tokens)] = valid_next(
                self.tokenizer, tokens, window=self.window
            )
            if self.eos is not None:
                valid[self.eos] = True  # a text may end anywhere
            p = np.where(valid, p, 0.0)  # invalid encodings must have probability 0
            if self.variant == "paper" and p.sum() > 0:
                p /= p.sum()  # at every step: that makes the sum rule exact
            remember(self._rows, tokens, p)
        return self._rows[tokens]

    def cover(self, text: Any) -> list[tuple[Cover, float]]:
        """The cover of a text with the log-probability of each member."""
        text = as_bytes(text)
        if text not in self._covers:
            if not text:
                return [(Cover((), b""), 0.0)]
            remember(self._covers, text, list(self._grown(self._known(text[:-1]), text)))
        return self._covers[text]

    def _known(self, text: bytes) -> list[tuple[Cover, float]]:
        """The cover of a beginning, from the longest one that is known, byte by byte."""
        n = next((i for i in range(len(text), 0, -1) if text[:i] in self._covers), 0)
        members = self._covers[text[:n]] if n else [(Cover((), b""), 0.0)]  # of no text
        for i in range(n + 1, len(text) + 1):
            members = list(self._grown(members, text[:i]))
            remember(self._covers, text[:i], members)
        return members

    def _grown(
        self, members: list[tuple[Cover, float]], text: bytes
    ) -> Iterator[tuple[Cover, float]]:
        """The cover after one byte more: members that hold it, and new tokens behind the text."""
        for (tokens, extra), log_prob in members:
            if extra and extra[0] == text[-1]:
                yield Cover(tokens, extra[1:]), log_prob  # it held this byte already
            elif not extra:
                # This one is the encoding of the text so far: any valid token may follow it.
                p = self._after(tokens)  # (vocab,), the only call of the model
                follows = (self.first == text[-1]) & (p > 0)  # (vocab,)
                for token in np.flatnonzero(follows).tolist():
                    if token != self.eos:
                        spelled = self.tokenizer.tokens[token]
                        new = Cover((*tokens, token), spelled[1:])
                        yield new, log_prob + float(np.log(p[token]))

    def log_prob(self, text: Any) -> float:
        """The log-probability that a text begins so: Eq. (4)."""
        logs = np.array([log_prob for _, log_prob in self.cover(text)])
        if not len(logs):
            return -np.inf
        return float(logs.max() + np.log(np.exp(logs - logs.max()).sum()))  # Eq. (4)

    def log_probs(self, context: Any) -> np.ndarray:
        """The next byte, `(257,)`; one call of the model for each byte that is new."""
        text = as_bytes(context)
        members = self.cover(text)
        if not members:
            raise InvalidInput(
                f"ByteLM.log_probs: context {text[-20:]!r} has probability 0 under the model."
            )
        top = max(log_prob for _, log_prob in members)
        shares = step(
            np.exp([log_prob - top for _, log_prob in members])
        )  # (n_cover,) [P(t)] the cover
        weights = np.zeros(self.vocab)  # (257,)
        for ((tokens, extra), _), p in zip(members, shares, strict=True):
            if extra:  # the byte is decided by the token that hangs over
                weights[extra[0]] += p
            else:  # the encoding of the text itself: any valid token may follow
                weights += p * self.by_first_byte(self._after(tokens))
        next_byte = step(weights / weights.sum())  # (symbols,) [P(x_{n+1} | x_{1:n})] the next byte
        return logarithm(next_byte)

    def by_first_byte(self, p: np.ndarray) -> np.ndarray:
        """Probabilities of tokens added up by their first byte; the end at 256."""
        p = p.copy()
        end = 0.0
        if self.eos is not None:
            end, p[self.eos] = p[self.eos], 0.0
        sums = np.bincount(self.first, weights=p, minlength=self.vocab)
        sums[END] = end  # tokens without bytes are no text
        return sums


def remember(known: OrderedDict, key: Any, value: Any, most: int = 4096) -> None:
    """Keep a value, and forget the oldest beyond a number."""
    known[key] = value
    if len(known) > most:
        known.popitem(last=False)


def naive_next_byte(model: ByteLM, text: Any) -> np.ndarray:
    """What people do: encode the text, ask for the next token, add up by first bytes.

    Parameters
    ----------
    model : ByteLM
    text : bytes

    Returns
    -------
    ndarray of shape (257,)
        Logarithms.
    """
    tokens = encoded(model.tokenizer, as_bytes(text))
    p = model.by_first_byte(weights_of(model.lm.log_probs((*model.prompt, *tokens))))
    return logarithm(p / p.sum())


def healed_next_byte(model: ByteLM, text: Any) -> np.ndarray:
    """Token healing: drop the last token, and take only tokens that begin with its bytes.

    Where that is the token itself, the answer is the naive one; arguments and result are as there.
    """
    text = as_bytes(text)
    tokens = encoded(model.tokenizer, text)
    if not tokens:
        return naive_next_byte(model, text)
    last = model.tokenizer.tokens[tokens[-1]]  # may be the half of a longer token
    p = weights_of(model.lm.log_probs((*model.prompt, *tokens[:-1])))
    weights = np.zeros(model.vocab)
    for token in beginnings(model.tokenizer)(last):
        spelled = model.tokenizer.tokens[token]
        if len(spelled) > len(last):  # says the next byte by itself
            weights[spelled[len(last)]] += p[token]
        else:  # the dropped token itself: what comes after is the naive answer
            weights += p[token] * np.exp(naive_next_byte(model, text))
    return logarithm(weights / weights.sum())


NOTES = r"""
Differs from the paper
----------------------
- Any tokenizer with `tokens` and `encode` will do; the released code takes SentencePiece models,
  and cuts the search at the last blank.
- Invalid tokens are masked and the rest is renormalised at each step, which makes the sum rule
  exact; the released code masks and normalises once at the end: `variant="official"`.
- A splitter that looks ahead (a run of blanks before a word) makes `window=1` wrong: leave it out
  then, and each candidate is encoded anew.

Cost
----
One call of the model for each further byte, and a sum over the vocabulary. With `window=1` and the
tokenizer's merges all candidates are tested in a few look-ups.

Why not just
------------
- *encode and ask (`naive_next_byte`)?* After `[A]`, with `AA` a token, an A never follows.
- *heal the last token (`healed_next_byte`)?* The cut may lie further back, and healing renormalises
  what it should add up.
"""
