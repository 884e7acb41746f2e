r"""Zero-Shot Tokenizer Transfer.

Benjamin Minixhofer, Edoardo Maria Ponti, Ivan Vulić. NeurIPS 2024. arXiv:2405.07883

A network predicts the embedding of any token from those of its pieces in the old tokenizer. It is
trained through the frozen language model, on tokenizers that are sampled anew for each batch, so
that it fits a tokenizer that nobody has seen. Here it is the mean of the pieces plus a small
network.

| paper's symbol | name here | shape |
|---|---|---|
| surface forms | `pieces` | `(new, max_pieces)` |
| $E$ | `embeddings` | `(old, d)` |
| $H_\theta$ | `Hypernetwork` | |
| $\alpha$ | `alpha` | number |

$$\hat E_v = \bar e_v + H_\theta(\bar e_v, e_{\text{first}}, e_{\text{last}}, \ln n_v) \tag{1}$$
$$\mathcal{L} = \mathcal{L}_{LM}(\hat E) + \alpha \mathcal{L}_{aux}, \qquad
\mathcal{L}_{aux} = \frac{\mathrm{mean}_{n_v = 1} \|\hat E_v - E_v\|^2}{\mathrm{mean}_v \|E_{first}\|} \tag{2}$$

Example
-------
    network = Hypernetwork(64, hidden=256, rng=0)
    network.fit(lm, old, text, steps=150, rng=0)
    pieces, _ = surface_forms(new.tokens, old)
    embeddings = network.predict(pieces, lm["embed"])
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, stop, to_numpy
from tokenlab.errors import DTypeError, InvalidInput, ShapeError
from tokenlab.models import transformer
from tokenlab.models.layers import cross_entropy, gelu, linear
from tokenlab.steps import step
from tokenlab.tokenizers.sampled import sample_tokenizer
from tokenlab.tokenizers.transplant import TOKENIZER, pieces_of
from tokenlab.training import train

__all__ = [
    "Hypernetwork",
    "SurfaceForms",
    "auxiliary_loss",
    "rescale",
    "sample_tokenizer",
    "surface_forms",
]


class SurfaceForms(NamedTuple):
    """The old tokens that spell new ones."""

    pieces: np.ndarray  # (n, max_pieces) int64, -1 behind the last
    truncated: np.ndarray  # (n,) bool: it has more pieces than that


@takes(tokens=checks.sequence, old=TOKENIZER)
def surface_forms(tokens: Sequence[bytes], old: Any, *, max_pieces: int = 7) -> SurfaceForms:
    """The pieces of each token in the old tokenizer, the first `max_pieces` of them.

    Parameters
    ----------
    tokens : sequence of bytes
    old : tokenizer
        `BPE` or `UnigramLM`.
    max_pieces : int

    Examples
    --------
    >>> from tokenlab.tokenizers import BPE
    >>> old = BPE([b"a", b"b"])
    >>> surface_forms([b"ab", b"abba"], old, max_pieces=3)._asdict()
    {'pieces': array([[ 0,  1, -1],
           [ 0,  1,  1]]), 'truncated': array([False,  True])}
    """
    max_pieces = checks.count(max_pieces, "max_pieces")
    pieces = np.full((len(tokens), max_pieces), -1, dtype=np.int64)
    truncated = np.zeros(len(tokens), dtype=bool)
    for v, token in enumerate(tokens):
        if not isinstance(token, bytes) or not token:
            raise DTypeError(f"surface_forms: tokens[{v}] is {token!r}; expected bytes, not empty.")
        found = pieces_of(old, token)
        pieces[v, : len(found)] = found[:max_pieces]
        truncated[v] = len(found) > max_pieces
    return SurfaceForms(pieces, truncated)


@takes(predicted="new d", embeddings="old d", pieces="new max_pieces int")
def auxiliary_loss(predicted: Any, embeddings: Any, pieces: Any) -> Any:
    """How far tokens that the old tokenizer has, too, are from their old embeddings, (2).

    Parameters
    ----------
    predicted : ndarray of shape (new, d)
    embeddings : ndarray of shape (old, d)
    pieces : ndarray of shape (new, max_pieces)
        From `surface_forms`.

    Returns
    -------
    float
        0 where no token is one piece. On the tape for `predicted` on the tape.

    Examples
    --------
    >>> float(auxiliary_loss([[1.0, 0.0], [0.0, 9.0]], [[3.0, 4.0]], [[0, -1], [0, 0]]))
    4.0
    """
    xp = get_xp(predicted, embeddings, pieces)
    count = (pieces >= 0).sum(axis=1)  # (new,) pieces of each token
    single = xp.nonzero(count == 1)[0]
    firsts = embeddings[pieces[:, 0][count > 0]]  # (n_spelled, d) the first piece of each token
    if not len(single):
        return (predicted * 0).sum()
    length = xp.sqrt((firsts * firsts).sum(axis=1)).mean()
    gap = predicted[single] - embeddings[pieces[single, 0]]  # (n_single, d)
    squares = step((gap * gap).sum(axis=1))  # (n_single,) [‖Ê - E‖²] summed over d
    return squares.mean() / length  # Eq. (2)


@takes(x="n d", target="m d")
def rescale(x: Any, target: Any) -> tuple[Any, Any]:
    """`(w, b)` such that `w * x + b` has the mean and the deviation of the target in each column.

    Parameters
    ----------
    x : ndarray of shape (n, d)
    target : ndarray of shape (m, d)

    Returns
    -------
    w, b : ndarrays of shape (d,)
        A column of `x` that is constant is moved alone.

    Examples
    --------
    >>> w, b = rescale([[0.0], [2.0]], [[1.0], [5.0]])
    >>> w.tolist(), b.tolist()
    ([2.0], [1.0])
    """
    xp = get_xp(x, target)
    spread = x.std(axis=0)  # (d,) with divisor n
    w = xp.where(spread > 0, target.std(axis=0) / xp.where(spread > 0, spread, 1), 1)
    return w, target.mean(axis=0) - w * x.mean(axis=0)


class Hypernetwork:
    """Embeddings of tokens from those of their pieces.

    Parameters
    ----------
    d : int
        Width of the embeddings.
    hidden : int
        Width of the network.
    rng : Generator, int or None

    Examples
    --------
    >>> fresh = Hypernetwork(2, hidden=8, rng=0)
    >>> fresh.predict([[0, 1, -1]], [[1.0, 0.0], [3.0, 2.0]]).tolist()  # the mean, as FVT
    [[2.0, 1.0]]
    """

    def __init__(self, d: int, *, hidden: int = 256, rng: Any = None):
        d = checks.count(d, "d")
        hidden = checks.count(hidden, "hidden")
        first = checks.generator(rng).standard_normal((3 * d + 1, hidden)) / math.sqrt(3 * d + 1)
        self.params = {
            "up": first.astype(np.float32),
            "up_bias": np.zeros(hidden, np.float32),
            # Zeros: what is added to the mean is learned from nothing.
            "down": np.zeros((hidden, d), np.float32),
            "down_bias": np.zeros(d, np.float32),
        }

    @takes(pieces="new max_pieces int", embeddings="old d")
    def predict(self, pieces: Any, embeddings: Any) -> np.ndarray:
        """Embeddings `(new, d)` for surface forms, from those of the old tokens `(old, d)`."""
        old = to_numpy(embeddings)
        if old.shape[1] != self.params["down"].shape[1]:
            raise ShapeError(
                f"Hypernetwork.predict: embeddings is {old.shape} = (old, d); expected d = "
                f"{self.params['down'].shape[1]}, that of the network."
            )
        known = to_numpy(pieces)
        checks.within(np.maximum(known, 0), "pieces", len(old), "old")
        return np.asarray(predicted(self.params, known, old))

    def fit(
        self,
        lm: dict[str, Any],
        old: Any,
        text: str,
        *,
        steps: int = 150,
        vocab_size: int = 1536,
        batch: int = 8,
        length: int = 64,
        alpha: float = 0.5,
        rate: float = 2e-3,
        rng: Any = None,
    ) -> list[float]:
        """Train through a frozen language model; the network changes in place.

        Parameters
        ----------
        lm : dict
            Parameters of `models.transformer` whose `embed` belongs to the old tokenizer.
        old : tokenizer
        text : str
        steps, vocab_size, batch, length : int
            Each step samples a tokenizer of `vocab_size` from a stretch of the text, and `batch`
            pieces of `length` tokens of it.
        alpha : float
            Weight of the auxiliary loss.
        rate : float
        rng : Generator, int or None

        Returns
        -------
        list of float
            The loss at each step.
        """
        draws = checks.generator(rng)
        alpha = checks.number(alpha, "alpha", at_least=0)
        embeddings = np.asarray(lm["embed"])
        window = 16 * batch * length  # characters that hold a batch, whatever the tokens

        def batches(_: Any) -> tuple[np.ndarray, np.ndarray]:
            start = int(draws.integers(0, max(len(text) - window, 0) + 1))
            near = text[start : start + window]
            sampled = sample_tokenizer(near, vocab_size, rng=draws)
            ids = sampled.encode(near)[: batch * length]
            if len(ids) < batch * length:
                raise InvalidInput(
                    f"Hypernetwork.fit: text has {len(text)} characters, too few for a batch of "
                    f"{batch} times {length} tokens."
                )
            return surface_forms(sampled.tokens, old).pieces, ids.reshape(batch, length)

        def loss(params: Any, pieces: Any, ids: Any) -> Any:
            table = predicted(params, pieces, embeddings)
            logits = transformer.forward(lm | {"embed": table}, ids)  # (batch, length, new)
            guess = cross_entropy(logits[:, :-1], ids[:, 1:])
            return guess + alpha * auxiliary_loss(table, embeddings, pieces)  # Eq. (2)

        self.params, history = train(
            loss, self.params, batches, steps=steps, rate=rate, clip=1.0, label="hypernetwork"
        )
        return history


def predicted(params: dict[str, Any], pieces: Any, embeddings: Any) -> Any:
    """The mean of the pieces, and what the network adds, (1); `(new, d)`."""
    there = pieces >= 0  # (new, max_pieces)
    count = np.maximum(there.sum(axis=1), 1)
    rows = embeddings[np.where(there, pieces, 0)] * there[..., None]  # (new, max_pieces, d)
    mean = step(rows.sum(axis=1) / count[:, None])  # (new, d) [ē] as in FVT
    last = rows[np.arange(len(rows)), count - 1]
    logs = np.log(count)[:, None]
    known = np.concatenate([mean, rows[:, 0], last, logs], axis=1)  # (new, 3 d + 1)
    known = known.astype(stop(params["up"]).dtype)
    inner = gelu(linear(known, params["up"], params["up_bias"]))  # (new, hidden)
    added = step(linear(inner, params["down"], params["down_bias"]))  # (new, d) [H(ē, …)]
    return step(mean.astype(embeddings.dtype) + added)  # (new, d) [Ê, Eq. (1)]


NOTES = r"""
Differs from the paper
----------------------
- The network is the mean of the pieces plus two layers that see the mean, the first, the last and
  the logarithm of their number. The paper's is a transformer of three layers over the pieces, with
  a language as one more place. A fresh network of ours is FVT; theirs needs a stage of learning
  the old embeddings first.
- Stretches begin at every `stride`-th byte, and single bytes get the smallest score. The paper's
  code begins at every fourth character, counts bytes in a spelling where a space counts 2, and
  always includes 135 runs of white space at log-probability 0.
- Each batch samples from its own text; the paper keeps a queue of recent batches.
- A token of more pieces than `max_pieces` is cut off, as in the paper's code, and `truncated` says
  so.

Cost
----
A step samples a tokenizer (16 stretches for every fourth byte), spells its tokens, and takes the
gradient of the language model with respect to its embeddings.

Why not just
------------
- *take the mean of the pieces?* That is the start. The network can also move tokens that both
  tokenizers have, since a model reads other neighbours now.
- *train the embeddings of the new tokenizer?* That fits one tokenizer; this fits all.
"""
