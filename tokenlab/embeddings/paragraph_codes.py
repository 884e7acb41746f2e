r"""Binary Paragraph Vectors.

Karol Grzegorczyk, Marcin Kurdziel. RepL4NLP 2017. arXiv:1611.01116

A document gets a short code of bits, from which its words are predicted: documents with the same
words come near each other, and are found by counting differing bits. The step from a real number to
a bit has no slope; training rounds on the way forth and does as if it had not on the way back.

| paper's symbol | name here | shape |
|---|---|---|
| counts $n_{Dw}$ | `counts` | `(n_docs, vocab)` |
| $z$, document parameters | `params["z"]` | `(n_docs, bits)` |
| $c$, codes | `codes` | `(n_docs, bits)` bool |
| $W, b$ | `params["w"]`, `["b"]` | `(bits, vocab)`, `(vocab,)` |
| $r$, $P$ of real-binary | `["r"]`, `["projection"]` | `(n_docs, d)`, `(d, bits)` |

$$s = \sigma(z), \quad c = [s > 1/2] \qquad (1)$$
$$\mathcal{L} = -\sum_{D, w} n_{Dw} \log \mathrm{softmax}(c_D W + b)_w \Big/ \sum n \qquad (2)$$
$$\bar z = \bar c\; s (1 - s) \qquad (3)$$
$$z = r P \quad \text{(real-binary)} \qquad (4)$$

Example
-------
    codes = train(counts, bits=32, rng=0)
    new = infer(codes.params, new_counts, rng=0)
    ids = retrieve(new.codes, codes.codes, k=10)
"""

from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, stop
from tokenlab.embeddings.bit_codes import (
    Nearest,
    binarize,
    hamming,
    hamming_topk,
    pack,
    retrieve,
    unpack,
)
from tokenlab.errors import InvalidInput, ShapeError, public_caller
from tokenlab.numerics import log_softmax, softmax
from tokenlab.optimizer import adam_start, updated
from tokenlab.progress import track
from tokenlab.steps import step

__all__ = [
    "Codes",
    "Nearest",
    "binarize",
    "hamming",
    "hamming_topk",
    "infer",
    "loss",
    "loss_and_grad",
    "pack",
    "retrieve",
    "train",
    "unpack",
]

KINDS = ("binary", "sigmoid", "real", "real_binary")


class Codes(NamedTuple):
    """Parameters, the code of each document, and the loss at every step."""

    params: dict[str, Any]
    codes: Any
    history: list[float]


def fitting(params: Any, counts: Any, kind: str, *, documents: bool = True) -> None:
    """Raise unless parameters have the parts of a kind, and counts are some words' numbers."""
    checks.choice(kind, "kind", KINDS)
    first = ("r", "projection") if kind == "real_binary" else ("z",)
    parts = (*(first if documents else first[1:]), "w", "b")
    checks.holding(*parts)(params, "params")
    n_docs, vocab = counts.shape
    # New documents bring their own rows.
    rows = len(params[first[0]]) if documents else n_docs
    if params["w"].shape[1] != vocab or params["b"].shape != (vocab,) or rows != n_docs:
        shapes = {name: params[name].shape for name in parts}
        raise ShapeError(
            f"{public_caller()}: counts is {counts.shape} = (n_docs, vocab) and params has {shapes}; "
            "expected the same documents and words."
        )
    some_words(counts)


def some_words(counts: Any) -> None:
    """Raise for counts below 0, and for texts that have no word at all."""
    low, total = float(stop(counts).min()), float(stop(counts).sum())
    if low < 0 or total == 0:
        raise InvalidInput(
            f"{public_caller()}: counts goes down to {low:g} and adds up to {total:g}; expected how "
            "often each word occurs: none below 0, and some above."
        )


def coded(params: dict[str, Any], kind: str) -> tuple[Any, Any]:
    """What words are predicted from, and its slope by z: Eqs. (1), (3) and (4)."""
    z = params["r"] @ params["projection"] if kind == "real_binary" else params["z"]  # Eq. (4)
    xp = get_xp(z)
    if kind == "real":  # nothing rounds, nothing squashes
        return z, 1.0
    s = (1 + xp.tanh(z / 2)) / 2  # σ(z), which never overflows in this form
    slope = stop(s) * (1 - stop(s))  # Eq. (3)
    if kind == "sigmoid":
        return s, slope
    # The value is the bit, the slope that of the sigmoid: straight through the rounding.
    bit = (stop(z) > 0).astype(s.dtype)  # (n_docs, bits)
    return s + (bit - stop(s)), slope


@takes(counts="n_docs vocab")
def loss(params: dict[str, Any], counts: Any, *, kind: str = "binary") -> Any:
    """What a word costs, on average over all words of all documents: Eq. (2).

    Parameters
    ----------
    params : dict
        `z (n_docs, bits)`, `w (bits, vocab)`, `b (vocab,)`; for "real_binary" `r (n_docs, d)` and
        `projection (d, bits)` in place of `z`.
    counts : ndarray of shape (n_docs, vocab)
    kind : "binary", "sigmoid", "real" or "real_binary"
        Bits; no rounding; no squashing either; bits of a projection.

    Returns
    -------
    float
        In nats.

    Examples
    --------
    >>> params = {"z": np.array([[0.5, -1.0, 0.0, 2.0]]), "b": np.zeros(2)}
    >>> params["w"] = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [-1.0, 1.0]])
    >>> round(float(loss(params, [[1, 0]])), 6)
    1.313262
    """
    fitting(params, counts, kind)
    code, _ = coded(params, kind)
    logits = code @ params["w"] + params["b"]  # (n_docs, vocab)
    return -(counts * log_softmax(logits)).sum() / counts.sum()  # Eq. (2)


@takes(counts="n_docs vocab")
def loss_and_grad(
    params: dict[str, Any], counts: Any, *, kind: str = "binary"
) -> tuple[float, dict[str, Any]]:
    """Eq. (2) and its gradients, straight through the rounding: Eq. (3).

    Parameters
    ----------
    params : dict
    counts : ndarray of shape (n_docs, vocab)
    kind : "binary", "sigmoid", "real" or "real_binary"

    Returns
    -------
    loss : float
    grads : dict
        Of the names and shapes of `params`.

    Examples
    --------
    >>> params = {"z": np.array([[0.5, -1.0]]), "w": np.eye(2), "b": np.zeros(2)}
    >>> loss_and_grad(params, [[1, 0]])[1]["b"].round(4).tolist()
    [-0.2689, 0.2689]
    """
    fitting(params, counts, kind)
    code, slope = coded(params, kind)
    logits = step(code @ params["w"] + params["b"])  # (n_docs, vocab) [c W + b] of each word
    total = counts.sum()  # of all words of all documents
    value = -(counts * log_softmax(logits)).sum() / total  # Eq. (2)
    words = counts.sum(axis=1, keepdims=True)  # (n_docs, 1)
    error = step(
        (words * softmax(logits) - counts) / total
    )  # (n_docs, vocab) [p − n] of the logits
    grads = {"w": code.T @ error, "b": error.sum(axis=0)}
    z_grad = step((error @ params["w"].T) * slope)  # (n_docs, bits) [Eq. 3] as if not rounded
    if kind != "real_binary":  # z itself is what is learned
        return float(value), {"z": z_grad} | grads
    # Eq. (4): a product, whose gradients are products.
    grads |= {"r": z_grad @ params["projection"].T, "projection": params["r"].T @ z_grad}
    return float(value), grads


@takes(counts="n_docs vocab", bits="count", steps="count", rate="positive")
def train(
    counts: Any,
    bits: int,
    *,
    d: int | None = None,
    kind: str = "binary",
    steps: int = 50,
    rate: float = 0.03,
    rng: np.random.Generator | int | None = None,
) -> Codes:
    """Codes of documents, by Adam on all of them at once.

    Parameters
    ----------
    counts : ndarray of shape (n_docs, vocab)
        How often each word occurs; leave out the most frequent ones, which say nothing.
    bits : int
        Length of a code.
    d : int, optional
        Width of the real vectors of "real_binary", by default four times `bits`.
    kind : "binary", "sigmoid", "real" or "real_binary"
    steps : int
    rate : float
    rng : numpy.random.Generator, int or None

    Returns
    -------
    Codes

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        Counts below 0.

    Examples
    --------
    >>> train([[4, 4, 0, 0], [0, 0, 4, 4]], bits=3, steps=50, rng=0).codes.shape
    (2, 3)
    """
    xp = get_xp(counts)
    checks.choice(kind, "kind", KINDS)
    some_words(counts)
    rng = checks.generator(rng)
    d = 4 * bits if d is None else checks.count(d, "d")
    vocab = counts.shape[1]

    def drawn(*shape: int) -> Any:
        return xp.asarray((rng.standard_normal(shape) * 0.1).astype(np.float32))

    params = {"w": drawn(bits, vocab), "b": xp.zeros(vocab, xp.float32)}
    if kind == "real_binary":
        params |= {"r": leading(counts, d, rng), "projection": drawn(d, bits)}
    else:
        params["z"] = leading(counts, bits, rng)
    return fitted(params, counts, kind, steps, rate, tuple(params))


def leading(counts: Any, width: int, rng: np.random.Generator) -> Any:
    """Random directions, pulled twice to what many documents share."""
    xp = get_xp(counts)
    words = counts.sum(axis=1, keepdims=True)  # (n_docs, 1)
    usual = counts.sum(axis=0) / counts.sum()
    # Shares of words against the usual ones, as a chi-square test weighs them.
    odd = (counts / xp.where(words > 0, words, 1) - usual) / xp.sqrt(usual + 1e-12)
    z = xp.asarray(rng.standard_normal((len(counts), width)).astype(np.float32))
    for _ in range(2):
        z = odd @ (odd.T @ z)  # (n_docs, width)
        z = z / (z.std(axis=0) + 1e-30)
    return z.astype(xp.float32)  # of spread 1


def fitted(
    params: dict[str, Any], counts: Any, kind: str, steps: int, rate: float, moving: tuple[str, ...]
) -> Codes:
    """Adam on some of the parameters; the rate falls to 0, so that bits settle."""
    state = adam_start({name: params[name] for name in moving})
    history = []
    # All documents in every step: there is no order to shuffle.
    for taken in track(range(steps), "documents"):
        value, grads = loss_and_grad(params, counts, kind=kind)
        history.append(value)
        own = {name: params[name] for name in moving}
        slopes = {name: grads[name].astype(own[name].dtype) for name in moving}
        now = rate * (1 - taken / steps)
        new, state = updated(own, slopes, state, now, (0.9, 0.999), 1e-8, 0.0)
        params = params | new
    z = params["r"] @ params["projection"] if kind == "real_binary" else params["z"]
    return Codes(params, binarize(z), history)


@takes(counts="n_docs vocab", steps="count", rate="positive")
def infer(
    params: dict[str, Any],
    counts: Any,
    *,
    kind: str = "binary",
    steps: int = 50,
    rate: float = 0.1,
    rng: np.random.Generator | int | None = None,
) -> Codes:
    """Codes of new documents, with everything but the documents frozen.

    Parameters
    ----------
    params : dict
        Of `train`; its own documents are not looked at.
    counts : ndarray of shape (n_docs, vocab)
    kind : "binary", "sigmoid", "real" or "real_binary"
        That of the training.
    steps : int
    rate : float
    rng : numpy.random.Generator, int or None

    Returns
    -------
    Codes
        With the new documents' `z`, or `r`.

    Examples
    --------
    >>> codes = train([[4, 4, 0, 0], [0, 0, 4, 4]], bits=3, rng=0)
    >>> infer(codes.params, [[2, 1, 0, 0]], rng=0).codes.shape
    (1, 3)
    """
    fitting(params, counts, kind, documents=False)
    xp = get_xp(counts, params["w"])
    rng = checks.generator(rng)
    # What belongs to the documents themselves, and how wide it is.
    name = "r" if kind == "real_binary" else "z"
    width = len(params["projection" if name == "r" else "w"])
    drawn = (rng.standard_normal((len(counts), width)) * 0.1).astype(np.float32)
    return fitted(params | {name: xp.asarray(drawn)}, counts, kind, steps, rate, (name,))


NOTES = r"""
Differs from the paper
----------------------
- The paper's body could not be read; its abstract leads here.
- The softmax is over all words and all documents at once: one matrix product on counts. The paper
  samples words and negatives.
- Of its models PV-DBOW is here, with and without real vectors; PV-DM, which also sees the words
  around, is not.
- Documents start in the directions that many of them share (two power iterations on their counts),
  and training is short: from random numbers, or with more steps, bits learn single documents by
  heart, and searches get worse while the loss falls.
- A bit is 1 where $z > 0$.

Cost
----
A step takes $6\, n_{docs}\, vocab\, bits$ operations, whatever the length of the documents. A
search reads bits / 8 bytes a document.

Why not just ...
----------------
*... take the signs of a PCA?* They need no training, and come near: see the findings. Random
hyperplanes find less.
"""
