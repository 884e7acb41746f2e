r"""Disambiguated skip-gram model.

Karol Grzegorczyk, Marcin Kurdziel. EMNLP 2018. doi:10.18653/v1/D18-1174

A word gets several vectors, and a gate that reads the words around and says which of them is meant.
The gate draws a sense; so that it can learn from that, the draw is relaxed to shares that a
temperature makes as sharp as one likes. Senses that nobody uses are pruned.

| paper's symbol | name here | shape |
|---|---|---|
| words around, -1 for none | `contexts` | `(n, m)` |
| $c$, their mean output row | `context` | `(n, d)` |
| $V_w, a_w$, the gate | `params["gate"]`, `["gate_bias"]` | `(vocab, d, s)`, `(vocab, s)` |
| $E_w$ | `params["senses"]` | `(vocab, s, d)` |
| $W, b$ | `params["outputs"]`, `["bias"]` | `(vocab, d)`, `(vocab,)` |
| $\tau$ | `temperature` | |

$$p = \mathrm{softmax}(c V_w + a_w) \qquad (1)$$
$$q = \mathrm{softmax}((\log p + g) / \tau), \quad g = -\log(-\log u) \qquad (2)$$
$$h = \textstyle\sum_s q_s E_{w,s} \qquad (3)$$
$$\mathcal{L} = \mathrm{mean}\big(-\log \mathrm{softmax}(h W^\top + b)_{\text{label}}
+ \lambda H(p)\big) \qquad (4)$$

Example
-------
    found = train(ids, offsets, vocab, senses=2, d=16, window=3, rng=0)
    centres, contexts = examples(ids, offsets, 3)
    shares = disambiguate(found.params, centres, contexts)
    kept = prune(priors(shares, centres, vocab))
"""

from typing import Any, NamedTuple

import numpy as np

from tokenlab import checks
from tokenlab.arguments import takes
from tokenlab.arrays import get_xp, stop, to_numpy
from tokenlab.autograd import value_and_grad
from tokenlab.embeddings.relaxed import entropy, mix, relaxed_one_hot, sense_log_probs
from tokenlab.embeddings.sense_counts import Examples, examples, priors, prune
from tokenlab.errors import InvalidInput, ShapeError, public_caller
from tokenlab.models.layers import cross_entropy, embedding, known_ids
from tokenlab.numerics import log_softmax
from tokenlab.steps import step
from tokenlab.tape import mapped
from tokenlab.training import train as fit

__all__ = [
    "Examples",
    "Senses",
    "disambiguate",
    "entropy",
    "examples",
    "loss",
    "loss_and_grad",
    "mix",
    "priors",
    "prune",
    "relaxed_one_hot",
    "sense_log_probs",
    "train",
]


BATCH = 128  # pairs of a step
UNDECIDED = -0.1  # weight of the entropy in the pre-training: a reward, so that no sense dies early
SOFT, SHARP = 1.0, 0.5  # temperatures of the first and of the last step


class Senses(NamedTuple):
    """Parameters of `senses.loss`, and the loss at every step."""

    params: dict[str, Any]
    history: list[float]


def context_of(outputs: Any, contexts: Any) -> Any:
    """The mean output row of the words around, without a gradient; zeros where there are none."""
    rows = stop(outputs)  # (vocab, d)
    xp = get_xp(rows, contexts)
    present = (contexts >= 0).astype(rows.dtype)  # (n, m)
    summed = (rows[xp.maximum(contexts, 0)] * present[:, :, None]).sum(axis=1)  # (n, d)
    return summed / xp.maximum(present.sum(axis=1, keepdims=True), 1)


def read(params: dict[str, Any], centres: Any, contexts: Any) -> tuple[Any, Any]:
    """Log-probabilities of the senses of each row's word, and their vectors (n, s, d)."""
    checks.holding("senses", "gate", "gate_bias", "outputs", "bias")(params, "params")
    vocab, s, d = params["senses"].shape
    known_ids(centres, "centres", vocab)
    known_ids(contexts + 1, "contexts", vocab + 1)  # -1 stands for none
    if params["outputs"].shape != (vocab, d) or params["gate"].shape[-2:] != (d, s):
        raise ShapeError(
            f"{public_caller()}: params has senses {params['senses'].shape} = (vocab, s, d), gate "
            f"{params['gate'].shape} and outputs {params['outputs'].shape}; expected the same sizes."
        )
    context = context_of(params["outputs"], contexts)  # (n, d)
    gate, bias = params["gate"], params["gate_bias"]
    if gate.ndim == 2:  # one gate for all words, as in the pre-training
        log_p = log_softmax(context @ gate + bias)  # (n, s)
    else:
        # Rows of a table: a word that is met twice adds up its gradients.
        own = embedding(gate.reshape(vocab, d * s), centres).reshape(-1, d, s)
        log_p = sense_log_probs(context, own, embedding(bias, centres))
    vectors = embedding(params["senses"].reshape(vocab, s * d), centres)
    return log_p, vectors.reshape(-1, s, d)


@takes(
    centres="n int",
    contexts="n m int",
    labels="n int",
    temperature="positive",
    uniforms="n s",
    entropy_weight="number",
)
def loss(
    params: dict[str, Any],
    centres: Any,
    contexts: Any,
    labels: Any,
    *,
    temperature: float = 1.0,
    uniforms: Any = None,
    entropy_weight: float = 0.0,
) -> Any:
    """What it costs to predict one word of the context from the other's sense: Eq. (4).

    Parameters
    ----------
    params : dict
        `senses (vocab, s, d)`, `outputs (vocab, d)`, `bias (vocab,)`, and `gate (vocab, d, s)` with
        `gate_bias (vocab, s)`, or one gate for all words, `(d, s)` with `(s,)`.
    centres : ndarray of shape (n,)
    contexts : ndarray of shape (n, m)
        The words around, -1 for none.
    labels : ndarray of shape (n,)
        The word to predict.
    temperature : float
        Above 0.
    uniforms : ndarray of shape (n, s), optional
        Between 0 and 1: what a relaxed sense is drawn with. Without, shares are those of Eq. (1).
    entropy_weight : float
        Below 0 rewards being undecided, which keeps senses from dying early.

    Returns
    -------
    float

    Examples
    --------
    >>> params = {"senses": np.ones((3, 2, 1)), "gate": np.zeros((1, 2)), "gate_bias": np.zeros(2)}
    >>> params |= {"outputs": np.zeros((3, 1)), "bias": np.zeros(3)}
    >>> round(float(loss(params, [0], [[1, -1]], [1])), 4)
    1.0986
    """
    log_p, vectors = read(params, centres, contexts)
    known_ids(labels, "labels", len(params["bias"]))
    p = get_xp(log_p).exp(log_p)
    sampled = uniforms is not None
    q = relaxed_one_hot(log_p, temperature, uniforms=uniforms) if sampled else p  # Eq. (2)
    shares = step(q)  # (n, s) [Eq. 2] how much of each sense
    h = step(mix(shares, vectors))  # (n, d) [Eq. 3] the word as it is meant here
    logits = h @ params["outputs"].T + params["bias"]  # (n, vocab)
    # The entropy is that of the gate itself, whatever was drawn.
    return cross_entropy(logits, labels) + entropy_weight * entropy(p).mean()  # Eq. (4)


def loss_and_grad(
    params: dict[str, Any],
    centres: Any,
    contexts: Any,
    labels: Any,
    *,
    temperature: float = 1.0,
    uniforms: Any = None,
    entropy_weight: float = 0.0,
) -> tuple[float, dict[str, Any]]:
    """Eq. (4) and its gradients, by the tape; none flows through the mean of the context.

    Parameters
    ----------
    params : dict
    centres, contexts, labels, temperature, uniforms, entropy_weight
        As for `loss`.

    Returns
    -------
    loss : float
    grads : dict
        Of the names and shapes of `params`.
    """
    options = {"temperature": temperature, "uniforms": uniforms, "entropy_weight": entropy_weight}
    value, grads = value_and_grad(lambda p: loss(p, centres, contexts, labels, **options))(params)
    return float(value), grads


@takes(centres="n int", contexts="n m int")
def disambiguate(params: dict[str, Any], centres: Any, contexts: Any) -> Any:
    """Which sense of each word is meant: Eq. (1), without noise.

    Parameters
    ----------
    params : dict
    centres : ndarray of shape (n,)
    contexts : ndarray of shape (n, m)

    Returns
    -------
    ndarray of shape (n, s)
        Probabilities.
    """
    log_p = read(params, centres, contexts)[0]
    return get_xp(log_p).exp(log_p)


@takes(ids="n int", rate="positive")
def train(
    ids: Any,
    offsets: Any,
    vocab: int,
    *,
    senses: int = 2,
    d: int = 16,
    window: int = 5,
    epochs: int = 3,
    pretraining: int = 2,
    rate: float = 0.05,
    rng: np.random.Generator | int | None = None,
) -> Senses:
    """Vectors of senses, and gates that choose among them, from running text.

    Parameters
    ----------
    ids : ndarray of shape (n,)
    offsets : ndarray of shape (n_docs + 1,)
    vocab : int
    senses : int
        Of each word.
    d : int
        Width.
    window : int
        Words on each side.
    epochs : int
        Over all pairs of words, with a gate for each word and relaxed draws.
    pretraining : int
        Epochs before that, with one gate for all words.
    rate : float
        Of Adam; it falls to 0 in both parts.
    rng : numpy.random.Generator, int or None

    Returns
    -------
    Senses

    Raises
    ------
    ShapeError, InvalidInput, DTypeError, BackendError
        Documents of one word each: nothing stands beside anything.

    Examples
    --------
    >>> found = train([0, 1, 2, 0, 1, 2], [0, 3, 6], 3, senses=2, d=4, window=1, rng=0)
    >>> found.params["senses"].shape
    (3, 2, 4)
    """
    xp = get_xp(ids)
    rng = checks.generator(rng)
    sizes = {"vocab": vocab, "senses": senses, "d": d, "epochs": epochs}
    vocab, senses, d, epochs = (checks.count(n, name) for name, n in sizes.items())
    pretraining = checks.whole(pretraining, "pretraining")
    # On the host, whatever the ids came as.
    centres, contexts = (to_numpy(x) for x in examples(ids, offsets, window))
    known_ids(centres, "ids", vocab)
    rows, columns = np.nonzero(contexts >= 0)  # each word with each one beside it
    if not len(rows):
        raise InvalidInput(
            f"{public_caller()}: ids has no two words in one document; expected text to learn from."
        )
    pairs = (centres[rows], contexts[rows], contexts[rows, columns])
    params = started(vocab, senses, d, rng)
    history: list[float] = []
    # Part one: a single gate, which learns that contexts differ at all.
    if pretraining:
        params, history = run(params, pairs, pretraining, rate, rng, gate_of_all)
    shared = {name: params[name] for name in ("gate", "gate_bias")}
    own = {name: np.repeat(gate[None], vocab, axis=0) for name, gate in shared.items()}
    params, later = run(params | own, pairs, epochs, rate, rng, gate_of_each)
    return Senses(mapped(xp.asarray, params), history + later)


def started(vocab: int, senses: int, d: int, rng: np.random.Generator) -> dict[str, Any]:
    """Small random senses; gates and outputs of zeros."""
    half = 0.5 / d / senses
    # Random, or all senses of a word would stay alike.
    drawn = rng.uniform(-half, half, (vocab, senses, d))
    zeros = {"gate": (d, senses), "gate_bias": (senses,), "outputs": (vocab, d), "bias": (vocab,)}
    params = {name: np.zeros(shape, np.float32) for name, shape in zeros.items()}
    return params | {"senses": drawn.astype(np.float32)}


def run(
    params: Any, pairs: Any, epochs: int, rate: float, rng: np.random.Generator, loss: Any
) -> tuple[Any, list[float]]:
    """Adam over random batches of pairs, as many as the epochs have."""
    steps = epochs * -(-len(pairs[0]) // BATCH)
    n_senses = params["senses"].shape[1]
    temperatures = iter(np.linspace(SOFT, SHARP, steps))

    def batch(rng: np.random.Generator) -> Any:
        rows = rng.integers(len(pairs[0]), size=BATCH)
        # Neither 0 nor 1, in float32, too.
        uniforms = np.clip(rng.random((BATCH, n_senses)), 1e-6, 1 - 1e-6)
        noise = uniforms.astype(np.float32), float(next(temperatures))
        return (*(part[rows] for part in pairs), *noise)

    return fit(loss, params, batch, steps=steps, rate=rate, rng=rng, label="senses")


def gate_of_all(params: Any, centres: Any, contexts: Any, labels: Any, *_: Any) -> Any:
    """The loss of the pre-training: no draws, and a reward for being undecided."""
    return loss(params, centres, contexts, labels, entropy_weight=UNDECIDED)


def gate_of_each(params: Any, centres: Any, contexts: Any, labels: Any, u: Any, now: Any) -> Any:
    """The loss with relaxed draws."""
    return loss(params, centres, contexts, labels, uniforms=u, temperature=now)


NOTES = r"""
Differs from the paper
----------------------
- The softmax is over all words; the paper and its code sample 64 negatives.
- The mean of the context counts the words that are there. Released code divides by the size of the
  window, unknown words included, so that the ends of a text look unlike its middle.
- Released code takes the entropy of rounded shares, $\log(p + 10^{-5})$, and gathers priors from
  drawn senses while it still trains; here both are those of the gate.
- Released code drops stop words and words of one letter; that is left to the caller.

Cost
----
A pair takes $2 s d + 2 d\, vocab$ operations, six times that with gradients.

Why not just ...
----------------
*... cluster the contexts of a word?* The means of its neighbours by k-means do nearly as well on
merged words: see the findings. What the model adds is one vector space for all senses.
"""
