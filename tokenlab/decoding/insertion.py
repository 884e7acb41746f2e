r"""Insertion Language Models: Sequence Generation with Arbitrary-Position Insertions (ILM).

Dhruvesh Patel, Aishwarya Sahoo, Avinash Amballa, Tahira Naseem, Tim G. J. Rudner,
Andrew McCallum. 2025. arXiv:2505.05755

A text grows from nothing: at each step the model says which token goes into which gap, or that the
text is finished. For training a random number of tokens is dropped, and the target is where they
are missing.

| paper's symbol | name here | shape |
|---|---|---|
| $x$ without the dropped tokens | `visible` | `(n_visible,)` |
| $n$ | number dropped | |
| $p^*(s, v)$ | `target` | `(n_visible + 1, vocab)` |

$$p^*(s, v) = \frac{\#\{\text{dropped } v \text{ in slot } s\}}{n}, \qquad
\ell = -\sum_{s, v} p^*(s, v) \ln p(s, v) + w\,\mathrm{CE}(\text{stop})$$

with one softmax over all slots and tokens. Slot i is the gap before visible token i.

Example
-------
    model = CountedInsertion.fit(["ab", "abb", "c"], "abc")    # the exact minimiser of the loss
    generate(model, rng=0)                          # Inserted(tokens, order, slots, stopped)
"""

import itertools
import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, is_cupy, is_taped, on_host
from tokenlab.decoding.chance import choose, flip, generator, without_replacement
from tokenlab.decoding.puzzles import star_graph
from tokenlab.decoding.sampling import filtered
from tokenlab.errors import InvalidInput, ShapeError, public_caller
from tokenlab.lm.protocol import ids_of
from tokenlab.lm.table import logarithm
from tokenlab.steps import step

__all__ = [
    "Corrupted",
    "CountedInsertion",
    "Inserted",
    "corrupt",
    "generate",
    "loss",
    "star_graph",
    "target",
]


class Corrupted(NamedTuple):
    """A text with some tokens dropped."""

    visible: np.ndarray  # (n_visible,) int64
    dropped: np.ndarray  # (n,) bool
    target: np.ndarray  # (n_visible + 1, vocab), zeros when nothing is missing


class Inserted(NamedTuple):
    """A text that grew."""

    tokens: np.ndarray  # (n,) int64
    order: np.ndarray  # (n,): the step in which each came, -1 for what was given
    slots: tuple[int, ...]  # into which gap, step by step
    stopped: bool  # False when `max_tokens` ended it


@takes(vocab="count")
def target(ids: Any, dropped: Any, vocab: int) -> np.ndarray:
    """Which tokens are missing in which gap, as shares of all that are missing.

    Parameters
    ----------
    ids : sequence of int, (n,)
    dropped : sequence of bool, (n,)
    vocab : int

    Returns
    -------
    ndarray of shape (n_visible + 1, vocab)
        Sums to one, or to zero when nothing is missing.

    Examples
    --------
    >>> target([0, 1, 1], [False, True, True], 2).tolist()
    [[0.0, 0.0], [0.0, 1.0]]
    """
    ids = ids_of(ids, "ids", vocab)
    gone = checks.booleans(on_host(dropped), "dropped", np)
    if gone.shape != ids.shape:
        raise ShapeError(
            f"{public_caller()}: dropped is {gone.shape}; expected ({len(ids)},), one for each of ids."
        )
    slot = (~gone).cumsum()  # how many visible tokens stand before each
    missing = np.zeros((int((~gone).sum()) + 1, vocab))  # (n_visible + 1, vocab)
    np.add.at(missing, (slot[gone], ids[gone]), 1 / max(gone.sum(), 1))  # p*
    return missing


@takes(vocab="count")
def corrupt(ids: Any, vocab: int, n: int | None = None, rng: Any = None) -> Corrupted:
    """Drop n tokens, each set of that size alike; n is uniform on 0 to all by default.

    Parameters
    ----------
    ids : sequence of int
    vocab : int
    n : int, optional
    rng : Generator, int or None

    Examples
    --------
    >>> corrupt([3, 4, 5], 9, n=3, rng=0).visible.tolist()
    []
    """
    ids = ids_of(ids, "ids", vocab)
    rng = generator(rng)
    if n is None:  # uniform, so that texts of all lengths are seen
        n = choose(np.zeros(len(ids) + 1), rng)  # equal logarithms
    n = checks.count(n, "n", at_least=0)
    if n > len(ids):
        raise InvalidInput(f"corrupt: n is {n}, but ids has {len(ids)} tokens.")
    dropped = np.zeros(len(ids), dtype=bool)
    if n:
        dropped[list(itertools.islice(without_replacement(np.zeros(len(ids)), rng), n))] = True
    return Corrupted(ids[~dropped], dropped, target(ids, dropped, vocab))


@takes(
    logits="n_slots vocab | b n_slots vocab",
    target="n_slots vocab | b n_slots vocab",
    stop_weight="not negative",
)
def loss(logits: Any, target: Any, stop_logit: Any, stop_weight: float = 1.0) -> Any:
    """Cross entropy of the joint softmax over slots and tokens, and that of stopping.

    Parameters
    ----------
    logits : ndarray of shape (n_visible + 1, vocab) or (b, n_slots, vocab)
        Of several texts the mean is taken; logits of slots that a text lacks are very low there.
    target : ndarray of the shape of `logits`
        Zeros mean that the text is finished: then only stopping is judged.
    stop_logit : float, or ndarray of shape (b,)
        Of being finished.
    stop_weight : float

    Returns
    -------
    float, or a taped value inside of `value_and_grad`

    Examples
    --------
    >>> round(float(loss(np.zeros((1, 2)), [[1.0, 0.0]], -50.0)), 4)
    0.6931
    """
    xp = get_xp(logits, target)
    # Of one text () numbers come out, of several (b,).
    stop_logit = stops_of(stop_logit, logits.shape[:-2])
    both = (-2, -1)  # slots and tokens
    top = logits.max(axis=both, keepdims=True)  # (..., 1, 1), so that nothing overflows
    log_p = logits - top - xp.log(xp.exp(logits - top).sum(axis=both, keepdims=True))  # one softmax
    tokens = -(target * log_p).sum(axis=both)  # first term of the loss, () or (b,)
    finished = target.sum(axis=both) == 0  # nothing is missing
    # -ln of the right class: softplus of the logit, turned round when the text is finished.
    signed = stop_logit * xp.where(finished, -1.0, 1.0).astype(logits.dtype)
    stop = xp.log(1 + xp.exp(-abs(signed))) + xp.maximum(signed, 0.0)
    return (tokens + stop_weight * stop).mean()


def stops_of(stop_logit: Any, texts: tuple[int, ...]) -> Any:
    """One logit for each text, or one number for one text."""
    if not texts and not (is_taped(stop_logit) or is_cupy(stop_logit)):
        return checks.number(stop_logit, "stop_logit")
    if np.shape(stop_logit) != texts:
        raise ShapeError(
            f"loss: stop_logit is {np.shape(stop_logit)}; expected {texts}, one for each text of "
            "logits."
        )
    return stop_logit


class CountedInsertion:
    """The exact minimiser of the loss on a few strings: no training, no error but the method's.

    Examples
    --------
    >>> model = CountedInsertion.fit(["ab", "abb", "c"], "abc", p=[0.5, 0.25, 0.25])
    >>> model.log_insertions([])[0].shape
    (1, 3)
    """

    def __init__(self, vocab: int, tables: dict[tuple[int, ...], tuple[np.ndarray, float]]):
        self.vocab, self._tables = vocab, tables

    @classmethod
    def fit(
        cls,
        strings: Sequence[Any],
        vocab: int | str,
        p: Any = None,
        weight: str = "uniform",
    ) -> "CountedInsertion":
        """Add up the targets of every way to drop tokens.

        Parameters
        ----------
        strings : list of sequences of int, or of str
        vocab : int
            For strings of letters the alphabet, as one str.
        p : sequence of float, optional
            The probability of each string; equal by default.
        weight : str
            `"uniform"`: the paper's corruption. `"length"`: each string counts length + 1 times,
            which repairs the tilt to short strings.
        """
        checks.choice(weight, "weight", ("uniform", "length"))
        if isinstance(vocab, str):
            strings = [[vocab.index(letter) for letter in text] for text in strings]
            vocab = len(vocab)
        texts = [tuple(ids_of(text, "strings", vocab).tolist()) for text in strings]
        if not texts or max(map(len, texts)) > 16:
            raise InvalidInput(
                "CountedInsertion.fit: strings has no text, or one of more than 16 tokens; there "
                "are 2^length ways to drop tokens."
            )
        shares = np.full(len(texts), 1 / len(texts)) if p is None else np.asarray(p, dtype=float)
        if shares.shape != (len(texts),) or (shares < 0).any() or abs(shares.sum() - 1) > 1e-6:
            raise InvalidInput(
                f"CountedInsertion.fit: p is {shares.tolist()}; expected {len(texts)} "
                "probabilities that sum to one."
            )
        sums: Any = defaultdict(lambda: [0.0, 0.0])  # by what is visible: targets, and finished
        for text, share in zip(texts, shares.tolist(), strict=True):
            many = len(text) + 1 if weight == "length" else 1  # undoes 1 / (L + 1)
            for dropped in itertools.product([False, True], repeat=len(text)):
                n = sum(dropped)  # uniform on 0 to L, then one of C(L, n) sets
                chance = share * many / (len(text) + 1) / math.comb(len(text), n)
                seen = tuple(itertools.compress(text, [not gone for gone in dropped]))
                missing = target(text, np.array(dropped, dtype=bool), vocab)
                sums[seen][0] = sums[seen][0] + chance * missing
                sums[seen][1] += chance if n == 0 else 0.0
        return cls(vocab, {seen: (np.asarray(a), b) for seen, (a, b) in sums.items()})

    def log_insertions(self, visible: Any) -> tuple[np.ndarray, float]:
        """The logarithms over gaps and tokens, `(n + 1, vocab)`, and that of being finished."""
        key = tuple(ids_of(visible, "visible", self.vocab).tolist())
        if key not in self._tables:
            raise InvalidInput(
                f"CountedInsertion.log_insertions: visible {list(key)} is part of no string."
            )
        missing, finished = self._tables[key]
        total = missing.sum()
        joint = logarithm(missing / total) if total > 0 else np.full(missing.shape, -np.inf)
        return joint, float(logarithm(np.array(finished / (finished + total))))


def generate(
    model: Any,
    visible: Any = (),
    *,
    max_tokens: int = 64,
    variant: str = "paper",
    stop_threshold: float = 0.9,
    top_p: float = 0.2,
    rng: Any = None,
) -> Inserted:
    """Insert until the model says that the text is finished.

    Parameters
    ----------
    model : object with `vocab` and `log_insertions(visible)`
    visible : sequence of int
        What is given.
    max_tokens : int
        Insertions; after the last one stop is still drawn.
    variant : str
        `"paper"`: stop is drawn, then gap and token together. `"official"`: stop when its
        probability is above `stop_threshold`; the gap of the largest total, then a token of its
        nucleus `top_p`.
    stop_threshold, top_p : float
        For `"official"`.
    rng : Generator, int or None

    Returns
    -------
    Inserted
        `tokens`, `order`, `slots`, `stopped`
    """
    checks.choice(variant, "variant", ("paper", "official"))
    n = checks.count(max_tokens, "max_tokens", at_least=0)
    rng = generator(rng)
    checks.share(stop_threshold, "stop_threshold")
    tokens = ids_of(visible, "visible", model.vocab).tolist()
    order, slots = [-1] * len(tokens), []
    for t in range(n + 1):
        log_joint, log_stop = model.log_insertions(tokens)
        log_joint = step(log_joint)  # (n_slots, vocab) [p(s, v)] which token goes into which gap
        p_stop = min(float(np.exp(log_stop)), 1.0)
        stops = p_stop > stop_threshold if variant == "official" else flip(p_stop, rng)
        if stops or t == n:
            break
        if variant == "official":
            totals = np.exp(log_joint).sum(axis=1)
            slot = int(totals.argmax())
            token = choose(filtered(log_joint[slot], top_p=top_p), rng)
        else:
            slot, token = divmod(choose(log_joint.ravel(), rng), model.vocab)
        tokens.insert(slot, token)  # slot i is the gap before token i
        order.insert(slot, t)
        slots.append(slot)  # as they were counted then
    written = np.array(tokens, dtype=np.int64)
    return Inserted(written, np.array(order, dtype=np.int64), tuple(slots), bool(stops))


NOTES = r"""
Differs from the paper
----------------------
- `CountedInsertion` is the exact minimiser of the loss, by enumeration: what it does wrong is the
  method's doing. With the number of dropped tokens uniform on 0 to L a string of length L is seen
  finished with probability 1 / (L + 1), so that strings come out in proportion to p(x) / (|x| + 1);
  `weight="length"` repairs it.
- `variant="official"` takes the gap of the largest total and a token of its nucleus; the nucleus
  here keeps the token that crosses its share, the released one does not.

Cost
----
A forward over all visible tokens for each insertion; nothing is kept between them, since every
token sees every other.

Why not just
------------
- *stop when stopping is likelier than not?* Then a string that begins another one comes too often,
  or never: stop must be drawn.
- *choose the gap first and then a token in it?* With the gap drawn by its total that is the same;
  with the gap of the largest total it is not.
"""
