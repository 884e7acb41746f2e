r"""Distributed Representations of Words and Phrases and their Compositionality.

Tomas Mikolov, Ilya Sutskever, Kai Chen, Greg Corrado, Jeffrey Dean. NeurIPS 2013. arXiv:1310.4546

A word's vector is learned by telling the words that stand near it from words drawn at random
(skip-gram with negative sampling). Of frequent words most occurrences are skipped. Where the noise
is the words' own frequency, the best product of two vectors is PMI less log k.

| paper's symbol | name here | shape |
|---|---|---|
| $v_w$ | `vectors` | `(vocab, d)` |
| $v'_c$ | `outputs` | `(vocab, d)` |
| $k$ | `negatives` | |
| $P_n(w)$ | `noise` | `(vocab,)` |
| $t$ | `threshold` | |
| $w_i$ drawn | `draws` | `(n, k)` |

$$-\log \sigma({v'_c}^\top v_w) - \sum_{i=1}^{k} \log \sigma(-{v'_{w_i}}^\top v_w) \qquad (4)$$
$$P(\text{kept}) = \sqrt{t / f(w)} \qquad (5)$$
$$v'_c \mathrel{+}= \eta\, g\, v_w, \quad v_w \mathrel{+}= \eta \sum_c g\, v'_c, \quad
g = [c \text{ is the context}] - \sigma({v'_c}^\top v_w)$$

Example
-------
    model = train(ids, offsets, vocab, d=100, epochs=5, rng=0)
    Words(words, model.vectors).nearest("river")
    loss(model.vectors, model.outputs, pairs(ids, offsets, 5, rng=0), draws)
"""

from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, to_numpy
from tokenlab.embeddings.cbow import cbow_pass
from tokenlab.embeddings.draws import falling, noise_table, widths_of, word_counts
from tokenlab.embeddings.sequential import (
    Pass,
    fitting,
    one_epoch,
    passed,
    rate_of_each,
    rows_alone,
    softplus,
)
from tokenlab.embeddings.windows import pairs, subsample
from tokenlab.errors import InvalidInput, public_caller
from tokenlab.progress import track
from tokenlab.steps import step

__all__ = [
    "Pass",
    "SkipGram",
    "cbow_pass",
    "expected_loss",
    "keep_probability",
    "loss",
    "noise",
    "pairs",
    "sgd_pass",
    "subsample",
    "train",
]


class SkipGram(NamedTuple):
    """`vectors`, `outputs`, both `(vocab, d)`, and the mean loss a pair of each epoch."""

    vectors: Any
    outputs: Any
    history: Any


def occurrences(counts: Any, name: str) -> Any:
    """How often each word occurs: none below 0, and not all 0."""
    # A share of nothing is no number.
    if float(counts.min()) < 0 or not float(counts.sum()) > 0:
        raise InvalidInput(
            f"{public_caller()}: {name} goes from {float(counts.min()):g} to "
            f"{float(counts.max()):g}; expected counts of at least 0, and some above."
        )
    return counts


@takes(counts="vocab")
def keep_probability(counts: Any, threshold: float | None, *, variant: str = "paper") -> Any:
    """With which probability an occurrence of each word is kept, Eq. (5).

    Parameters
    ----------
    counts : ndarray of shape (vocab,)
    threshold : float or None
        A share of all words, as 1e-3; None keeps all.
    variant : "paper" or "official"
        The released code has $(\\sqrt{f / t} + 1)\\, t / f$.

    Returns
    -------
    ndarray of shape (vocab,)
        At most 1.

    Examples
    --------
    >>> keep_probability([1.0, 99.0], 1e-5)[:1].round(4).tolist()
    [0.0316]
    >>> keep_probability([1.0, 99.0], 1e-5, variant="official")[:1].round(4).tolist()
    [0.0326]
    """
    checks.choice(variant, "variant", ("paper", "official"))
    xp = get_xp(counts)
    occurrences(counts, "counts")
    if threshold is None:
        return xp.ones_like(counts)
    threshold = checks.positive(threshold, "threshold")
    share = counts / counts.sum()  # (vocab,)
    # A word that does not occur is not skipped either.
    ratio = threshold / xp.where(share > 0, share, threshold)
    kept = xp.sqrt(ratio) if variant == "paper" else xp.sqrt(ratio) + ratio  # Eq. (5)
    return xp.minimum(kept, 1)


@takes(counts="vocab", power="not negative")
def noise(counts: Any, power: float = 0.75) -> Any:
    """The distribution that negative words are drawn from: counts to a power.

    Parameters
    ----------
    counts : ndarray of shape (vocab,)
    power : float

    Examples
    --------
    >>> noise([1.0, 16.0], 0.5).tolist()
    [0.2, 0.8]
    """
    counts = occurrences(counts, "counts")
    weights = get_xp(counts).where(counts > 0, counts**power, 0)  # 0 to the 0 is 1
    return weights / weights.sum()


@takes(vectors="vocab d", outputs="n_out d", pairs="n_pairs 2 int", draws="n_pairs k? int")
def loss(vectors: Any, outputs: Any, pairs: Any, draws: Any) -> Any:
    """Eq. (4), the mean over pairs; a draw that is the context itself adds nothing.

    Parameters
    ----------
    vectors : ndarray of shape (vocab, d)
    outputs : ndarray of shape (n_out, d)
    pairs : ndarray of shape (n_pairs, 2)
        Centre and context.
    draws : ndarray of shape (n_pairs, k)

    Returns
    -------
    float

    Examples
    --------
    >>> round(float(loss([[0.0]], [[0.0], [0.0]], [[0, 1]], [[0, 0]])), 4)  # 3 log 2
    2.0794
    """
    fitting(vectors, outputs, pairs, draws)
    xp = get_xp(vectors, outputs)
    w, c = vectors[pairs[:, 0]], outputs[pairs[:, 1]]  # (n_pairs, d)
    true = step(softplus(-(w * c).sum(axis=1)))  # (n_pairs,) [−log σ(v′v)] of what stands there
    products = (w[:, None, :] * outputs[draws]).sum(axis=2)  # (n_pairs, k)
    other = draws != pairs[:, 1:]
    false = step(xp.where(other, softplus(products), 0))  # (n_pairs, k) [−log σ(−v′v)] of draws
    return (true + false.sum(axis=1)).mean()  # Eq. (4)


@takes(
    vectors="n_words d",
    outputs="n_contexts d",
    counts="n_words n_contexts",
    noise="n_contexts",
    negatives="not negative",
)
def expected_loss(vectors: Any, outputs: Any, counts: Any, noise: Any, negatives: float) -> Any:
    """The mean of Eq. (4) over all pairs and all draws, from counts.

    Parameters
    ----------
    vectors : ndarray of shape (n_words, d)
    outputs : ndarray of shape (n_contexts, d)
    counts : ndarray of shape (n_words, n_contexts)
        How often each pair occurs, as `Counts.matrix()`.
    noise : ndarray of shape (n_contexts,)
    negatives : float

    Returns
    -------
    float

    Examples
    --------
    >>> round(float(expected_loss([[0.0]], [[0.0]], [[3.0]], [1.0], 2)), 4)  # 3 log 2
    2.0794
    """
    occurrences(counts, "counts")
    checks.weights(noise, "noise", get_xp(noise))
    products = step(vectors @ outputs.T)  # (n_words, n_contexts) each word with each context
    by_chance = counts.sum(axis=1, keepdims=True) * noise  # (n_words, n_contexts)
    met = counts * softplus(-products) + negatives * by_chance * softplus(products)
    return met.sum() / counts.sum()


@takes(
    vectors="vocab d",
    outputs="n_out d",
    pairs="n_pairs? 2 int",
    draws="n_pairs k? int",
    rates=" | n_pairs",
)
def sgd_pass(vectors: Any, outputs: Any, pairs: Any, draws: Any, rates: Any) -> Pass:
    """One pair after the other, each with its own step, as word2vec does it.

    Parameters
    ----------
    vectors : ndarray of shape (vocab, d)
    outputs : ndarray of shape (n_out, d)
        Both stay as they are; the result is new.
    pairs : ndarray of shape (n_pairs, 2)
    draws : ndarray of shape (n_pairs, k)
        What is drawn for each pair; one equal to its context is skipped.
    rates : ndarray of shape (n_pairs,), or float

    Returns
    -------
    Pass
        `loss` sums each pair's loss as it was met.

    Examples
    --------
    >>> moved = sgd_pass([[1.0]], [[0.0], [0.0]], [[0, 1]], [[0]], 0.5)
    >>> moved.vectors.tolist(), moved.outputs.tolist()
    ([[1.0]], [[-0.25], [0.25]])
    """
    fitting(vectors, outputs, pairs, draws)
    # In skip-gram a word is one row, its own.
    rates = rate_of_each(rates, len(pairs), get_xp(vectors))
    word, context = pairs[:, 0].copy(), pairs[:, 1].copy()  # (n_pairs,)
    alone = rows_alone(len(vectors), get_xp(vectors))
    moved = passed(vectors, outputs, *alone, word, context, draws, rates, False, True)
    return Pass(moved[0], moved[1], float(moved[2]))


@takes(
    ids="n int",
    offsets="m int",
    vocab="count",
    d="count",
    window="count",
    negatives="whole",
    epochs="count",
    rate="positive",
    shared="flag",
    rng="rng",
)
def train(
    ids: Any,
    offsets: Any,
    vocab: int,
    *,
    d: int = 100,
    window: int = 5,
    negatives: int = 5,
    epochs: int = 5,
    threshold: float | None = 1e-3,
    rate: float = 0.025,
    shared: bool = False,
    rng: Any = None,
) -> SkipGram:
    """Learn vectors from texts.

    Parameters
    ----------
    ids : ndarray of shape (n,)
    offsets : ndarray of shape (n_docs + 1,)
    vocab : int
    d : int
    window, negatives, epochs : int
    threshold : float or None
        Of `keep_probability`.
    rate : float
        Of the first pair; it falls to nearly 0.
    shared : bool
        One draw of negatives for all contexts of a word: a third of the time.
    rng : numpy.random.Generator, int or None

    Examples
    --------
    >>> train([0, 1, 2, 3] * 9, [0, 36], 4, d=2, epochs=3, rng=0).history.shape
    (3,)
    """
    xp = get_xp(ids, offsets)
    ids, offsets = to_numpy(ids), to_numpy(offsets)  # (n,), (n_docs + 1,)
    counts = word_counts(ids, offsets, vocab)
    rng = checks.generator(rng)
    keep = keep_probability(counts, threshold)  # (vocab,)
    table = noise_table(noise(counts))
    alone = rows_alone(vocab)
    # As released: words begin small and at random, contexts at 0.
    vectors = ((rng.random((vocab, d)) - 0.5) / d).astype(np.float32)
    outputs = np.zeros((vocab, d), dtype=np.float32)
    history = np.zeros(epochs)
    for epoch in track(range(epochs), "skip-gram"):
        # Words are skipped before windows are laid, anew each epoch.
        kept, ends = subsample(ids, offsets, keep, rng=rng)  # (n_kept,)
        widths = widths_of(len(kept), window, rng)
        rates = falling(rate, epoch, epochs, len(kept))
        seed = int(rng.integers(1 << 62))
        texts = (kept, ends, widths, rates)
        chance = (table, seed, negatives)
        learned = one_epoch(vectors, outputs, *alone, *texts, *chance, False, shared)
        vectors, outputs, total, met = learned
        history[epoch] = total / max(int(met), 1)
    return SkipGram(*(xp.asarray(x) for x in (vectors, outputs, history)))


NOTES = r"""
Differs from the paper
----------------------
- `variant="official"` of `keep_probability` is what the released C code does; Eq. (5) is printed as
  the probability to discard, one less this.
- Updates go in the released code's order: the context, then what is drawn, each output row at once,
  the word last; a draw equal to the context is skipped. gensim leaves out a pair whose product is
  beyond 6 in size, where the C code takes the sigmoid as 0 or 1; here it is exact.
- Widths are drawn, and words are skipped before windows are laid, as the code does.
- What is drawn comes from a table of `noise`, as in the code; places in it by a mixed counter.
- `shared=True` is ours: one draw for all contexts of a word, each counted as often as there are
  contexts other than it; the word moves once.
- The optimum is PMI less log k for noise by the words' own frequency alone. By frequency to the power
  of .75, each context is shifted by the logarithm of its share over its share of the noise.

Cost
----
About $6\,d\,(k + 1)$ operations a pair; with `shared`, of n contexts and k draws only n + k products
are taken instead of n (k + 1).

Why not just
------------
*... a softmax?* It needs a product with the whole vocabulary for each pair, Eq. (4) k + 1.
"""
