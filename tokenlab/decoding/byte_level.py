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

import bisect
import contextlib
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arrays import to_numpy
from tokenlab.decoding.chance import weights_of
from tokenlab.errors import InvalidInput, ShapeError, public_caller
from tokenlab.lm.protocol import ids_of
from tokenlab.lm.table import logarithm

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


def joined(tokenizer: Any, tokens: Sequence[int]) -> bytes:
    """The bytes of a sequence of tokens."""
    return b"".join(tokenizer.tokens[token] for token in tokens)


def encoded(tokenizer: Any, text: bytes) -> tuple[int, ...]:
    """The ids of a text, as a tuple of ints."""
    return tuple(int(token) for token in tokenizer.encode(text))


def beginnings(tokenizer: Any) -> Any:
    """A look-up of the tokens that begin with given bytes, ids ascending."""
    listed = sorted((bytes(token), i) for i, token in enumerate(tokenizer.tokens) if token)
    spelled = [token for token, _ in listed]

    def below(prefix: bytes) -> list[int]:
        first = bisect.bisect_left(spelled, prefix)
        ids = []
        for token, i in listed[first:]:
            if not token.startswith(prefix):
                break
            ids.append(i)
        return sorted(ids)

    return below


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
    for i in range(len(text) - 1, -1, -1):
        left = encoded(tokenizer, text[:i])  # a valid encoding begins with valid encodings
        for token in below(text[i:]):
            tokens = (*left, token)
            if encoded(tokenizer, joined(tokenizer, tokens)) == tokens:
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
        ids = ids[max(len(ids) - checks.count(window, "window"), 0) :]
    merges = getattr(tokenizer, "merges", None)
    if merges is not None and window == 1 and len(ids) == 1:
        return MergePairs.of(tokenizer).valid_after(ids[0])
    before = joined(tokenizer, ids)
    return np.array(
        [
            bool(token) and encoded(tokenizer, before + token) == (*ids, i)
            for i, token in enumerate(tokenizer.tokens)
        ]
    )


class MergePairs:
    """Whether byte-pair encoding would keep two neighbours apart, for all right ones at once.

    Two tokens stand side by side unless some merge across their border comes before the merges
    that made them. The borders are found by undoing the later of the two last merges, again and
    again, until both sides are bytes.
    """

    def __init__(self, tokenizer: Any):
        spelled = {bytes(token): i for i, token in enumerate(tokenizer.tokens)}
        merges = np.asarray(tokenizer.merges, dtype=np.int64).reshape(-1, 2)
        self.vocab = vocab = len(tokenizer.tokens)
        self.rank = np.full(vocab, -1)  # of the merge that makes a token; -1 for a byte
        self.parts = np.zeros((vocab, 2), dtype=np.int64)
        for r in range(len(merges) - 1, -1, -1):  # of two merges to one token the first counts
            left, right = merges[r].tolist()
            made = spelled[tokenizer.tokens[left] + tokenizer.tokens[right]]
            self.rank[made], self.parts[made] = r, (left, right)
        keys = merges[:, 0] * vocab + merges[:, 1]
        self.order = np.argsort(keys, kind="stable")
        self.keys = keys[self.order]
        self.itself = np.array(
            [
                bool(token) and encoded(tokenizer, bytes(token)) == (i,)
                for i, token in enumerate(tokenizer.tokens)
            ]
        )

    @classmethod
    def of(cls, tokenizer: Any) -> "MergePairs":
        """That of a tokenizer, made once."""
        known = getattr(tokenizer, "_merge_pairs", None)
        if known is None:
            known = cls(tokenizer)
            with contextlib.suppress(AttributeError):  # a frozen tokenizer: made anew each time
                tokenizer._merge_pairs = known
        return known

    def ranks_of(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """The rank of the merge of each pair; a large number where there is none."""
        wanted = a * self.vocab + b
        at = np.minimum(self.keys.searchsorted(wanted), max(len(self.keys) - 1, 0))
        if not len(self.keys):
            return np.full(len(wanted), np.iinfo(np.int64).max)
        return np.where(self.keys[at] == wanted, self.order[at], np.iinfo(np.int64).max)

    def valid_after(self, token: int) -> np.ndarray:
        """Which tokens can stand behind one, `(vocab,)`."""
        valid = self.itself.copy()
        rows = np.flatnonzero(valid)
        a, b = np.full(len(rows), token), rows.copy()
        limit = np.full(len(rows), np.iinfo(np.int64).max)
        while len(rows):
            merged = self.ranks_of(a, b) < limit  # would have been merged before
            valid[rows[merged]] = False
            going = ~merged & ((self.rank[a] >= 0) | (self.rank[b] >= 0))
            rows, a, b, limit = rows[going], a[going], b[going], limit[going]
            undo_left = self.rank[a] > self.rank[b]
            # Of equal merges the left one comes first: one across the border of b beats b's own.
            limit = np.where(undo_left, self.rank[a], self.rank[b] + 1)
            a, b = (
                np.where(undo_left, self.parts[a, 1], a),
                np.where(undo_left, b, self.parts[b, 0]),
            )
        return valid


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
            valid = np.zeros(len(p), dtype=bool)
            valid[: len(self.tokenizer.tokens)] = valid_next(
                self.tokenizer, tokens, window=self.window
            )
            if self.eos is not None:
                valid[self.eos] = True
            p = np.where(valid, p, 0.0)
            if self.variant == "paper" and p.sum() > 0:
                p /= p.sum()
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
        members = self._covers[text[:n]] if n else [(Cover((), b""), 0.0)]
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
                yield Cover(tokens, extra[1:]), log_prob
            elif not extra:
                # This one is the encoding of the text so far: any valid token may follow it.
                p = self._after(tokens)
                follows = (self.first == text[-1]) & (p > 0)
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
        return float(logs.max() + np.log(np.exp(logs - logs.max()).sum()))

    def log_probs(self, context: Any) -> np.ndarray:
        """The next byte, `(257,)`; one call of the model for each byte that is new."""
        text = as_bytes(context)
        members = self.cover(text)
        if not members:
            raise InvalidInput(
                f"ByteLM.log_probs: context {text[-20:]!r} has probability 0 under the model."
            )
        top = max(log_prob for _, log_prob in members)
        weights = np.zeros(self.vocab)
        for (tokens, extra), log_prob in members:
            p = np.exp(log_prob - top)
            if extra:
                weights[extra[0]] += p
            else:
                weights += p * self.by_first_byte(self._after(tokens))
        return logarithm(weights / weights.sum())

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

    Where that is the token itself, the answer is the naive one.

    Parameters
    ----------
    model : ByteLM
    text : bytes

    Returns
    -------
    ndarray of shape (257,)
        Logarithms.
    """
    text = as_bytes(text)
    tokens = encoded(model.tokenizer, text)
    if not tokens:
        return naive_next_byte(model, text)
    last = model.tokenizer.tokens[tokens[-1]]
    p = weights_of(model.lm.log_probs((*model.prompt, *tokens[:-1])))
    weights = np.zeros(model.vocab)
    for token in beginnings(model.tokenizer)(last):
        spelled = model.tokenizer.tokens[token]
        if len(spelled) > len(last):
            weights[spelled[len(last)]] += p[token]
        else:
            weights += p[token] * np.exp(naive_next_byte(model, text))
    return logarithm(weights / weights.sum())


class EnsembleLM:
    """Several models over one vocabulary as one.

    Parameters
    ----------
    members : sequence of models
        `ByteLM`s of different tokenizers, for example.
    weights : sequence of float, optional
        Sum to one; equal by default.
    how : str
        `"mean"` of the probabilities, or `"product"`, their weighted geometric mean.

    Examples
    --------
    >>> from tokenlab.lm import from_function
    >>> pair = [from_function(lambda c, z=z: [0.0, z], 2) for z in (0.0, -np.inf)]
    >>> np.exp(EnsembleLM(pair).log_probs(())).round(2).tolist()
    [0.75, 0.25]
    """

    def __init__(self, members: Sequence[Any], weights: Any = None, how: str = "mean"):
        self.members = list(members)
        sizes = {member.vocab for member in self.members}
        if len(sizes) != 1:
            raise ShapeError(
                f"EnsembleLM: members have vocabularies of {sorted(sizes)}; expected one of all."
            )
        n = len(self.members)
        shares = np.full(n, 1 / n) if weights is None else np.asarray(to_numpy(weights), float)
        if shares.shape != (n,) or not (shares >= 0).all() or abs(shares.sum() - 1) > 1e-6:
            raise InvalidInput(
                f"EnsembleLM: weights is {shares.tolist()}; expected {n} shares that sum to one."
            )
        self.vocab, self.weights = sizes.pop(), shares
        self.how = checks.choice(how, "how", ("mean", "product"))

    def log_probs(self, context: Any) -> np.ndarray:
        """The next symbol's log-probabilities."""
        rows = np.stack([to_numpy(member.log_probs(context)) for member in self.members])
        if self.how == "mean":
            return logarithm(self.weights @ np.exp(rows))
        with np.errstate(invalid="ignore"):  # 0 * -inf: a member without weight does not count
            logs = np.where(self.weights[:, None] > 0, self.weights[:, None] * rows, 0.0).sum(
                axis=0
            )
        if not (logs > -np.inf).any():
            raise InvalidInput(
                f"{public_caller()}: the members of context {list(context)[-8:]} allow nothing in "
                "common; their product has no mass."
            )
        return logarithm(weights_of(logs))


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
